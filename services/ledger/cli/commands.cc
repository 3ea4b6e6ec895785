#include "services/ledger/cli/commands.h"

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/access/roles.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/rpc/channel.h"
#include "common/rpc/rpc_flags.h"
#include "services/ledger/cli/check.h"
#include "services/ledger/cli/check_heads.h"
#include "services/ledger/cli/errors.h"
#include "services/ledger/cli/export.h"
#include "services/ledger/cli/export_rates.h"
#include "services/ledger/cli/import_rates.h"
#include "services/ledger/cli/rate_decks.h"
#include "services/ledger/cli/show_access.h"
#include "services/ledger/cli/statement.h"
#include "services/ledger/cli/status.h"
#include "services/ledger/cli/verify.h"
#include "services/ledger/serve/currency_settings_file.h"
#include "services/ledger/serve/database_flags.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/forget.h"
#include "services/ledger/storage/migrator.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "The running ledger, host:port.");
ABSL_FLAG(
    std::string, tls_server_name, "",
    "With TLS: the name in the ledger's certificate, where --ledger has another, as through a "
    "port-forward.");
ABSL_FLAG(
    bool, finish, false,
    "migrate: raise the schema's feature level as well, if every ledger that serves knows it. "
    "After it no ledger of the version before can serve.");
ABSL_FLAG(
    bool, silent_are_gone, false,
    "migrate --finish: don't wait for ledgers that were not heard of for a minute. Say so only "
    "once they have ended.");
ABSL_FLAG(absl::Duration, database_wait, absl::ZeroDuration(),
          "migrate: how long to wait for a database that does not answer yet.");
ABSL_FLAG(bool, grant, false,
          "migrate: give --grantee the rights that the ledger needs, which the migrating user must "
          "have with GRANT OPTION.");
ABSL_FLAG(bool, recharge, false,
          "check: charge a card as well, of a gateway that charges nobody (the stub).");
ABSL_FLAG(
    bool, starter, false,
    "import-rates: import the deck that is built in: the numbering plans of November 2026 (by "
    "libphonenumber 9.0.43 and the planning letters of North America), example prices.");
ABSL_FLAG(std::string, name, "", "import-rates: the deck's name; the file's by default.");
ABSL_FLAG(std::string, currency, "USD", "import-rates: the deck's currency.");
ABSL_FLAG(std::string, series, "",
          "import-rates: the price list that the deck is of, which plans name; standard by "
          "default.");
ABSL_FLAG(std::string, effective_time, "",
          "import-rates, activate-rates: when the deck comes into force (RFC 3339); by default as "
          "soon as all ledgers know, in 3 s.");
ABSL_FLAG(bool, backdate, false,
          "import-rates, activate-rates: --effective_time may be in the past. Usage that is booked "
          "keeps its price.");
ABSL_FLAG(bool, draft, false,
          "import-rates: only store the deck; activate-rates brings it into force.");
ABSL_FLAG(std::string, reason, "", "activate-rates: why; kept with the activation.");
ABSL_FLAG(std::string, standard_rate_ceiling, "",
          "import-rates: prices a minute at or under this are standard rates; empty: that of the "
          "currency's settings.");
ABSL_FLAG(std::string, time_zone, "",
          "import-rates: the zone of the days and periods of its lines (IANA, like "
          "Europe/Berlin); UTC by default.");
ABSL_FLAG(std::string, periods, "",
          "import-rates: start: all of a call is in the period in which it began; by default each "
          "second is in its own.");
ABSL_FLAG(std::string, rounding, "",
          "import-rates: how a cost is rounded, half_up, up or half_even, and to how many "
          "decimals: up/2. By default half up to the nano-unit.");
ABSL_FLAG(std::vector<std::string>, holidays, {},
          "import-rates: dates that are days H to lines that name H: 2026-12-25,2027-01-01.");
ABSL_FLAG(bool, prices_include_tax, false,
          "import-rates: the prices include tax. It is shown and changes nothing.");
ABSL_FLAG(std::vector<std::string>, accept, {},
          "import-rates: codes of findings that are right for this file, like ROWS_DROPPED.");
ABSL_FLAG(bool, dry_run, false,
          "import-rates: say how the file is read and what is strange about it; activate-rates, "
          "retire-rates: say what would be done. Store nothing.");
ABSL_FLAG(std::string, date_format, "",
          "import-rates: DMY or MDY, where dates like 01/12/2026 can be read in two ways.");
ABSL_FLAG(std::string, decimal_mark, "",
          "import-rates: . or , where amounts like 1,234 can be read in two ways.");
ABSL_FLAG(std::string, kind, "",
          "import-rates: call, call_inbound, sms, short_code or sms_short_code, for a file without "
          "a column for it; empty: call.");
ABSL_FLAG(std::vector<std::string>, ignore_columns, {},
          "import-rates: names of columns that are to be passed over.");
ABSL_FLAG(std::string, caller, "",
          "access: show what this caller of --roles_file may do, by the name in its certificate.");
ABSL_FLAG(std::string, account, "",
          "report: the account; export: only this account, by default all of them.");
ABSL_FLAG(std::string, month, "",
          "report: the month, in the account's time zone; archive, verify-archive: of UTC; like "
          "2026-11.");
ABSL_FLAG(std::string, format, "html", "report: html or csv.");
ABSL_FLAG(
    bool, raw, false,
    "export, report --format=csv: text as it is, also where a spreadsheet would take it for a "
    "formula.");
ABSL_FLAG(std::string, resume_token, "",
          "export: go on where one that broke has said; without the head line.");
ABSL_FLAG(bool, json, false,
          "status, rate-decks, compare-rates, access, verify: JSON instead of text for people.");
ABSL_FLAG(std::string, grantee, "'reserve'@'%'",
          "grants, migrate --grant: the user, as SQL writes it.");

namespace reserve::cli {
namespace {

absl::StatusOr<ChannelOptions> LedgerChannelOptions() {
  RESERVE_RETURN_IF_ERROR(CheckTarget("--ledger", absl::GetFlag(FLAGS_ledger)));
  RESERVE_RETURN_IF_ERROR(CheckPlaintext("--ledger", absl::GetFlag(FLAGS_ledger)));
  ChannelOptions options = ChannelOptionsFromFlags();
  options.tls_server_name = absl::GetFlag(FLAGS_tls_server_name);
  if (!options.tls_server_name.empty() && options.tls.empty()) {
    return InvalidField("--tls_server_name", "is of no use without TLS");
  }
  return options;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> LedgerChannel() {
  RESERVE_ASSIGN_OR_RETURN(const ChannelOptions options, LedgerChannelOptions());
  return MakeChannel(absl::GetFlag(FLAGS_ledger), options);
}

// Takes text in quotes off the front, at least a character of it; a quote in it is doubled.
bool ConsumeQuoted(absl::string_view* text) {
  if (!absl::ConsumePrefix(text, "'")) return false;
  size_t length = 0;
  while (!text->empty() && text->front() != '\\') {
    const bool doubled = absl::ConsumePrefix(text, "''");
    if (!doubled && absl::ConsumePrefix(text, "'")) return length > 0;
    if (!doubled) text->remove_prefix(1);
    ++length;
  }
  return false;
}

// 'name'@'host': what else it may be, SQL would take for something that is not one user.
absl::StatusOr<std::string> GranteeFromFlag() {
  const std::string grantee = absl::GetFlag(FLAGS_grantee);
  absl::string_view rest = grantee;
  if (ConsumeQuoted(&rest) && absl::ConsumePrefix(&rest, "@") && ConsumeQuoted(&rest) &&
      rest.empty()) {
    return grantee;
  }
  return InvalidField("--grantee", absl::StrCat("\"", grantee, "\" is not 'name'@'host'"));
}

CsvText TextFromFlag() { return absl::GetFlag(FLAGS_raw) ? CsvText::kRaw : CsvText::kGuarded; }

// The one that is given.
absl::StatusOr<int64_t> VersionFrom(const std::vector<std::string>& versions) {
  int64_t version = 0;
  if (versions.size() != 1 || !absl::SimpleAtoi(versions.front(), &version) || version < 1) {
    return InvalidField("VERSION", "give the version of one deck, as rate-decks lists them");
  }
  return version;
}

}  // namespace

absl::Status RunMigrate() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  const storage::SqlThread sql_thread;
  const auto tell = [](const std::string& step) { std::cout << "migrate: " << step << std::endl; };
  const absl::Duration wait = absl::GetFlag(FLAGS_database_wait);
  if (wait < absl::ZeroDuration() || wait > absl::Hours(24)) {
    return InvalidField("--database_wait", "must be 0 to 24h");
  }
  RESERVE_ASSIGN_OR_RETURN(const std::string grantee, GranteeFromFlag());
  if (wait > absl::ZeroDuration()) {
    RESERVE_RETURN_IF_ERROR(storage::AwaitDatabase(database, wait, tell));
  }
  RESERVE_RETURN_IF_ERROR(storage::Migrate(database, absl::Now(), tell));
  if (absl::GetFlag(FLAGS_grant)) {
    RESERVE_RETURN_IF_ERROR(storage::GrantRights(database, grantee, tell));
  }
  if (!absl::GetFlag(FLAGS_finish)) return absl::OkStatus();
  return storage::Finish(database, absl::GetFlag(FLAGS_silent_are_gone), tell);
}

absl::Status RunForget(const std::vector<std::string>& names) {
  if (names.size() != 2) {
    return InvalidField("command line",
                        "forget takes an account and a user: ledger forget "
                        "ACCOUNT USER");
  }
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto connection, storage::Connection::Open(database));
  RESERVE_RETURN_IF_ERROR(storage::CheckSchema(*connection));
  storage::ForgetOptions options;
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.progress = [](const std::string& step) { std::cerr << "forget: " << step << std::endl; };
  RESERVE_ASSIGN_OR_RETURN(const storage::Forgotten gone,
                           storage::ForgetUser(*connection, names[0], names[1], options));
  std::cout << (options.dry_run ? "would replace " : "replaced ") << gone.entries
            << " numbers in entries by their digests, and clear " << gone.holds
            << " of calls that ended; " << gone.keys << " keys "
            << (options.dry_run ? "would go" : "are gone") << "\n";
  if (gone.kept_entries > 0) {
    std::cout << gone.kept_entries
              << " entries of before feature level 2 keep their number: their hash is made of it\n";
  }
  return absl::OkStatus();
}

absl::Status PrintGrants() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  RESERVE_ASSIGN_OR_RETURN(const std::string grantee, GranteeFromFlag());
  for (const std::string& grant : storage::GrantsFor(database.schema, grantee)) {
    std::cout << grant << ";\n";
  }
  return absl::OkStatus();
}

absl::Status PrintSettings() {
  RESERVE_ASSIGN_OR_RETURN(const domain::CurrencyTable currencies, serve::CurrenciesFromFlags());
  std::cout << serve::FormatCurrencySettings(currencies);
  return absl::OkStatus();
}

std::string ImportRatesUsage() {
  return absl::StrCat(
      "ledger import-rates FILE [flags]\nledger import-rates --starter [flags]\n  Imports a rate "
      "deck into a running ledger, of a file, or the one that is built in, and brings it\n  into "
      "force (but with --draft). One that is there already is only brought into force.\n\n",
      ImportRatesHelp());
}

absl::Status RunImportRates(const std::vector<std::string>& files) {
  ImportRatesOptions options;
  options.ledger = absl::GetFlag(FLAGS_ledger);
  RESERVE_ASSIGN_OR_RETURN(options.channel, LedgerChannelOptions());
  options.starter = absl::GetFlag(FLAGS_starter);
  options.name = absl::GetFlag(FLAGS_name);
  options.currency = absl::GetFlag(FLAGS_currency);
  options.series = absl::GetFlag(FLAGS_series);
  options.effective_time = absl::GetFlag(FLAGS_effective_time);
  options.backdate = absl::GetFlag(FLAGS_backdate);
  options.draft = absl::GetFlag(FLAGS_draft);
  options.standard_rate_ceiling = absl::GetFlag(FLAGS_standard_rate_ceiling);
  options.time_zone = absl::GetFlag(FLAGS_time_zone);
  options.periods = absl::GetFlag(FLAGS_periods);
  options.rounding = absl::GetFlag(FLAGS_rounding);
  options.holidays = absl::GetFlag(FLAGS_holidays);
  options.prices_include_tax = absl::GetFlag(FLAGS_prices_include_tax);
  options.accept = absl::GetFlag(FLAGS_accept);
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.date_format = absl::GetFlag(FLAGS_date_format);
  options.decimal_mark = absl::GetFlag(FLAGS_decimal_mark);
  options.kind = absl::GetFlag(FLAGS_kind);
  options.ignore_columns = absl::GetFlag(FLAGS_ignore_columns);
  options.terminal = isatty(STDOUT_FILENO) == 1;
  if (options.starter == !files.empty() || files.size() > 1) {
    return InvalidField("FILE", "give one file, or --starter");
  }
  if (!files.empty()) options.file = files.front();
  return ImportRates(options, std::cout);
}

absl::Status RunRateDecks() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return ListRateDecks(channel, absl::GetFlag(FLAGS_json), std::cout);
}

absl::Status RunCompareRates(std::vector<std::string> versions) {
  int64_t base = 0;
  if (versions.size() == 2) {
    RESERVE_ASSIGN_OR_RETURN(base, VersionFrom({versions.back()}));
    versions.pop_back();
  }
  RESERVE_ASSIGN_OR_RETURN(const int64_t version, VersionFrom(versions));
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return CompareRates(channel, version, base, absl::GetFlag(FLAGS_json), std::cout);
}

absl::Status RunExportRates(const std::vector<std::string>& versions) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t version, VersionFrom(versions));
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return ExportRates(channel, version, std::cout, std::cerr);
}

absl::Status RunActivateRates(const std::vector<std::string>& versions) {
  ActivateRatesOptions options;
  RESERVE_ASSIGN_OR_RETURN(options.deck_version, VersionFrom(versions));
  options.effective_time = absl::GetFlag(FLAGS_effective_time);
  options.backdate = absl::GetFlag(FLAGS_backdate);
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.reason = absl::GetFlag(FLAGS_reason);
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return ActivateRates(channel, options, std::cout);
}

absl::Status RunRetireRates(const std::vector<std::string>& versions) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t version, VersionFrom(versions));
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return RetireRates(channel, version, absl::GetFlag(FLAGS_dry_run), std::cout);
}

absl::Status PrintAccess() {
  const std::string caller = absl::GetFlag(FLAGS_caller);
  const std::string path = RolesFileFromFlags();
  if (caller.empty()) {
    ShowAccess(absl::GetFlag(FLAGS_json), std::cout);
    return absl::OkStatus();
  }
  if (path.empty()) return InvalidField("--roles_file", "is needed: it says what a caller is");
  RESERVE_ASSIGN_OR_RETURN(const RolesByCaller roles, ReadRoles(path));
  const auto found = roles.find(caller);
  if (found == roles.end()) return CallerNotNamed(caller);
  ShowAccessOf(caller, found->second, absl::GetFlag(FLAGS_json), std::cout);
  return absl::OkStatus();
}

absl::Status RunReport() {
  const std::string format = absl::GetFlag(FLAGS_format);
  if (format != "html" && format != "csv") return InvalidField("--format", "must be html or csv");
  if (absl::GetFlag(FLAGS_account).empty()) return InvalidField("--account", "is needed");
  if (absl::GetFlag(FLAGS_month).empty()) return InvalidField("--month", "is needed");
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  RESERVE_ASSIGN_OR_RETURN(
      const Statement statement,
      FetchStatement(channel, absl::GetFlag(FLAGS_account), absl::GetFlag(FLAGS_month)));
  if (format == "html") {
    WriteStatementHtml(statement, std::cout);
  } else {
    WriteStatementCsv(statement, TextFromFlag(), std::cout);
  }
  std::cout << std::flush;
  return std::cout ? absl::OkStatus() : absl::UnknownError("the file can't be written");
}

absl::Status RunExport(const std::vector<std::string>& what) {
  if (what.size() != 1) return InvalidField("WHAT", "give usage, entries or recharges");
  ExportOptions options;
  RESERVE_ASSIGN_OR_RETURN(options.kind, ExportKindFrom(what.front()));
  options.account_id = absl::GetFlag(FLAGS_account);
  options.resume_token = absl::GetFlag(FLAGS_resume_token);
  options.text = TextFromFlag();
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return Export(channel, options, std::cout, std::cerr);
}

absl::Status RunCheck() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return CheckLedger(channel, {.recharge = absl::GetFlag(FLAGS_recharge)}, std::cout);
}

absl::Status RunStatus() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  return ShowStatus(channel, absl::GetFlag(FLAGS_json), std::cout);
}

absl::Status RunVerify() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  RESERVE_ASSIGN_OR_RETURN(const int64_t differences,
                           VerifyLedger(channel, std::cout, {.json = absl::GetFlag(FLAGS_json)}));
  if (differences == 0) return absl::OkStatus();
  return DifferencesFound(differences);
}

absl::Status RunCheckHeads(const std::vector<std::string>& files) {
  if (files.size() != 1) return InvalidField("FILE", "give one file, or - for standard input");
  std::ifstream file;
  if (files.front() != "-") {
    file.open(files.front());
    if (!file) return InvalidField("FILE", absl::StrCat("cannot read \"", files.front(), "\""));
  }
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, LedgerChannel());
  std::istream& in = files.front() == "-" ? std::cin : file;
  RESERVE_ASSIGN_OR_RETURN(const HeadCounts counts, CheckHeads(channel, in, std::cout));
  const int64_t missing = counts.lost + counts.replaced;
  if (missing > 0) return EntriesLost(missing);
  if (counts.bad_lines == 0) return absl::OkStatus();
  return InvalidField("FILE", absl::StrCat(counts.bad_lines, " lines were not understood"));
}

}  // namespace reserve::cli
