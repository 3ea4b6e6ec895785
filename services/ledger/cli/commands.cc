#include "services/ledger/cli/commands.h"

#include <fstream>
#include <iostream>
#include <memory>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/rpc_flags.h"
#include "services/ledger/cli/check_heads.h"
#include "services/ledger/cli/import_rates.h"
#include "services/ledger/cli/verify.h"
#include "services/ledger/serve/currency_settings_file.h"
#include "services/ledger/serve/database_flags.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/migrator.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051",
          "The running ledger, for import-rates, verify and check-heads.");
ABSL_FLAG(
    bool, finish, false,
    "migrate: raise the schema's feature level as well, if every ledger that serves knows it. "
    "After it no ledger of the version before can serve.");
ABSL_FLAG(
    bool, silent_are_gone, false,
    "migrate --finish: don't wait for ledgers that were not heard of for a minute. Say so only "
    "once they have ended.");
ABSL_FLAG(bool, starter, false, "import-rates: import the deck that is built in.");
ABSL_FLAG(std::string, name, "", "import-rates: the deck's name; the file's by default.");
ABSL_FLAG(std::string, currency, "USD", "import-rates: the deck's currency.");
ABSL_FLAG(std::string, effective_time, "",
          "import-rates: when the deck comes into force (RFC 3339); now by default.");
ABSL_FLAG(std::string, standard_rate_ceiling, "",
          "import-rates: prices a minute at or under this are standard rates; empty: that of the "
          "currency's settings.");
ABSL_FLAG(std::vector<std::string>, accept, {},
          "import-rates: codes of findings that are right for this file, like ROWS_DROPPED.");
ABSL_FLAG(bool, dry_run, false,
          "import-rates: say how the file is read and what is strange about it; store nothing.");
ABSL_FLAG(std::string, date_format, "",
          "import-rates: DMY or MDY, where dates like 01/12/2026 can be read in two ways.");
ABSL_FLAG(std::string, decimal_mark, "",
          "import-rates: . or , where amounts like 1,234 can be read in two ways.");
ABSL_FLAG(std::string, kind, "",
          "import-rates: call, call_inbound, sms, short_code or sms_short_code, for a file without "
          "a column for it; empty: call.");
ABSL_FLAG(std::vector<std::string>, ignore_columns, {},
          "import-rates: names of columns that are to be passed over.");
ABSL_FLAG(std::string, grantee, "'reserve'@'%'", "grants: the user, as SQL writes it.");

namespace reserve::cli {

absl::Status RunMigrate() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  const storage::SqlThread sql_thread;
  const auto tell = [](const std::string& step) { std::cout << "migrate: " << step << std::endl; };
  RESERVE_RETURN_IF_ERROR(storage::Migrate(database, absl::Now(), tell));
  if (!absl::GetFlag(FLAGS_finish)) return absl::OkStatus();
  return storage::Finish(database, absl::GetFlag(FLAGS_silent_are_gone), tell);
}

absl::Status PrintGrants() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, serve::DatabaseFromFlags());
  for (const std::string& grant :
       storage::GrantsFor(database.schema, absl::GetFlag(FLAGS_grantee))) {
    std::cout << grant << ";\n";
  }
  return absl::OkStatus();
}

absl::Status PrintSettings() {
  RESERVE_ASSIGN_OR_RETURN(const domain::CurrencyTable currencies, serve::CurrenciesFromFlags());
  std::cout << serve::FormatCurrencySettings(currencies);
  return absl::OkStatus();
}

std::string ImportRatesUsage() { return ImportRatesHelp(); }

absl::Status RunImportRates(const std::vector<std::string>& files) {
  ImportRatesOptions options;
  options.ledger = absl::GetFlag(FLAGS_ledger);
  options.channel = ChannelOptionsFromFlags();
  options.starter = absl::GetFlag(FLAGS_starter);
  options.name = absl::GetFlag(FLAGS_name);
  options.currency = absl::GetFlag(FLAGS_currency);
  options.effective_time = absl::GetFlag(FLAGS_effective_time);
  options.standard_rate_ceiling = absl::GetFlag(FLAGS_standard_rate_ceiling);
  options.accept = absl::GetFlag(FLAGS_accept);
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.date_format = absl::GetFlag(FLAGS_date_format);
  options.decimal_mark = absl::GetFlag(FLAGS_decimal_mark);
  options.kind = absl::GetFlag(FLAGS_kind);
  options.ignore_columns = absl::GetFlag(FLAGS_ignore_columns);
  if (options.starter == !files.empty() || files.size() > 1) {
    return InvalidField("FILE", "give one file, or --starter");
  }
  if (!files.empty()) options.file = files.front();
  return ImportRates(options, std::cout);
}

absl::Status RunVerify() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  RESERVE_ASSIGN_OR_RETURN(const int64_t differences, VerifyLedger(channel, std::cout));
  if (differences == 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kDataLoss, "DIFFERENCES_FOUND", "",
                   absl::StrCat(differences, " differences were found"));
}

absl::Status RunCheckHeads(const std::vector<std::string>& files) {
  if (files.size() != 1) return InvalidField("FILE", "give one file, or - for standard input");
  std::ifstream file;
  if (files.front() != "-") {
    file.open(files.front());
    if (!file) return InvalidField("FILE", absl::StrCat("cannot read \"", files.front(), "\""));
  }
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  std::istream& in = files.front() == "-" ? std::cin : file;
  RESERVE_ASSIGN_OR_RETURN(const HeadCounts counts, CheckHeads(channel, in, std::cout));
  const int64_t missing = counts.lost + counts.replaced;
  if (missing > 0) {
    return MakeError(absl::StatusCode::kDataLoss, "ENTRIES_LOST", "",
                     absl::StrCat(missing, " acknowledged entries are lost"));
  }
  if (counts.bad_lines == 0) return absl::OkStatus();
  return InvalidField("FILE", absl::StrCat(counts.bad_lines, " lines were not understood"));
}

}  // namespace reserve::cli
