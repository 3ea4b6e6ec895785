// ledger: serves the ledger, and looks after its database.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "services/ledger/cli/archive.h"
#include "services/ledger/cli/commands.h"
#include "services/ledger/serve/serve.h"

// What jemalloc is to do, which looks for this name. Few arenas that give back soon what was freed:
// a burst of calls then costs memory while it lasts, and not for long after it.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "percpu_arena:percpu,dirty_decay_ms:200,muzzy_decay_ms:0,background_thread:true";
}

namespace reserve {
namespace {

constexpr char kUsage[] =
    "ledger COMMAND [flags]\n"
    "  serve                serves accounts, usage, rates, recharges and audits (gRPC)\n"
    "  migrate              brings the database schema up to date; with --finish, once all "
    "ledgers\n"
    "                       are of this version, lets them write what those of before don't know\n"
    "  grants               prints the GRANT statements for the ledger's database user\n"
    "  forget ACCOUNT USER  erases the telephone numbers of a user's calls and texts; the books "
    "stay\n"
    "  archive              moves the entries of old months into files, and out of the database\n"
    "  verify-archive       checks these files against what was recorded of them\n"
    "  settings             prints the amounts of each currency, as --currency_settings_file "
    "takes\n"
    "                       them\n"
    "  access               prints who may call what; with --caller, what that one may\n"
    "  import-rates [FILE]  imports a rate deck from CSV into a running ledger, and brings it "
    "into\n"
    "                       force (--starter: the deck that is built in; --draft: only imports "
    "it)\n"
    "  rate-decks           lists the decks of a running ledger, and when each is in force\n"
    "  compare-rates VERSION [BASE]\n"
    "                       says what would change with a deck\n"
    "  export-rates VERSION prints a deck as CSV\n"
    "  activate-rates VERSION\n"
    "                       brings a deck into force: a draft, or again one of before\n"
    "  retire-rates VERSION puts a deck away that prices nothing any more\n"
    "  report               prints the statement of an account's month, as a page (HTML) or CSV\n"
    "  export WHAT          prints usage, entries or recharges of an account, or of all, as CSV\n"
    "  check                looks whether a running ledger is fit for use\n"
    "  status               shows how a running ledger is, on one screen\n"
    "  verify               recomputes everything that a running ledger has stored\n"
    "  check-heads FILE     asks a running ledger whether it still has entries that it "
    "acknowledged:\n"
    "                       a line ACCOUNT,SEQ,HASH each; - is standard input\n"
    "Exit codes: 0 all is well; 1 it failed, or found something; 2 what it was told has no "
    "sense.\n";

// The flags of a command that asks a running ledger.
std::vector<std::string> OfClient(std::vector<std::string> more) {
  more.insert(more.end(), {"ledger", "tls_certificate_file", "tls_key_file", "tls_ca_file",
                           "tls_other_authority", "tls_server_name", "insecure_plaintext"});
  return more;
}

// The commands about rate decks.
std::vector<Command> RateCommands() {
  return {
      {"import-rates", cli::ImportRatesUsage(),
       OfClient({"starter", "name", "currency", "series", "effective_time", "backdate", "draft",
                 "standard_rate_ceiling", "time_zone", "periods", "rounding", "holidays",
                 "prices_include_tax", "accept", "dry_run", "date_format", "decimal_mark", "kind",
                 "ignore_columns"})},
      {"rate-decks",
       "ledger rate-decks [flags]\n  Lists the rate decks of a running ledger, newest first, and "
       "from when until when each\n  was, is or will be in force.",
       OfClient({"json"})},
      {"compare-rates",
       "ledger compare-rates VERSION [BASE] [flags]\n  Says what would change with a rate deck: "
       "lines that are added, removed, dearer or cheaper, or cross\n  the standard-rate ceiling, "
       "and what recent usage would have cost. BASE is the version of the deck\n  that is compared "
       "with; without it that is the one in force.",
       OfClient({"json"})},
      {"export-rates",
       "ledger export-rates VERSION [flags]\n  Prints a rate deck as CSV, with the columns of "
       "import-rates, and on standard error the flags with which\n  import-rates makes the same "
       "deck of it.",
       OfClient({})},
      {"activate-rates",
       "ledger activate-rates VERSION [flags]\n  Brings a rate deck into force: one that was "
       "imported with --draft, or again one of before.\n  Without --effective_time it is in force "
       "when the command ends, some 3 s later; usage is priced\n  by the deck in force at its "
       "start. A deck that is scheduled is called off by activating, for the\n  same "
       "--effective_time, "
       "the one that is to stay.",
       OfClient({"effective_time", "backdate", "dry_run", "reason"})},
      {"retire-rates",
       "ledger retire-rates VERSION [flags]\n  Puts a rate deck away: it can't be activated any "
       "more, and stays readable. Refused while usage\n  may still come that it prices.",
       OfClient({"dry_run"})},
  };
}

// What the migrating user does with what is old.
std::vector<Command> OldDataCommands() {
  constexpr char kDatabase[] = "serve/database_flags.cc";
  return {
      {"forget",
       "ledger forget ACCOUNT USER [flags]\n  Erases the telephone numbers that a user called and "
       "was called by, as the migrating user: each is\n  replaced by its digest, whose key is "
       "deleted. Balances, costs and the chain stay as they are.\n  Refused while a call is in "
       "progress or a usage waits for its price. --dry_run only counts.",
       {kDatabase, "dry_run"}},
      {"archive",
       "ledger archive --archive_dir=DIR [flags]\n  Moves the entries of all months up to --month, "
       "by default the newest that is old enough, into files in\n  DIR, and out of the database, "
       "as the migrating user. What is in them takes no change any more. Killed\n  at any point it "
       "goes on where it was when it is run again. --dry_run only says what would be archived.",
       {kDatabase, "month", "archive_dir", "archive_after", "dry_run"}},
      {"verify-archive",
       "ledger verify-archive --archive_dir=DIR [flags]\n  Checks the files of all archives, or "
       "of --month: their digests, each entry's hash, the accounts' heads.",
       {kDatabase, "month", "archive_dir"}},
  };
}

// What each command reads.
std::vector<Command> Commands() {
  constexpr char kDatabase[] = "serve/database_flags.cc";
  constexpr char kCurrencies[] = "serve/currency_settings_file.cc";
  std::vector<Command> commands = {
      {"serve",
       "ledger serve [flags]\n  Serves accounts, usage, rates, recharges and audits (gRPC), until "
       "SIGTERM, SIGINT or SIGHUP.",
       {kDatabase, kCurrencies, "serve/serve_flags.cc", "serve/settings_flags.cc",
        "rpc/rpc_flags.cc", "rpc/tracing.cc", "telemetry/telemetry_flags.cc"}},
      {"migrate",
       "ledger migrate [flags]\n  Brings the database schema up to date, and makes the months' "
       "partitions.",
       {kDatabase, "finish", "silent_are_gone", "database_wait", "grant", "grantee"}},
      {"grants",
       "ledger grants [flags]\n  Prints the GRANT statements for the ledger's database user.",
       {kDatabase, "grantee"}},
      {"settings",
       "ledger settings [flags]\n  Prints the amounts of each currency, as CSV.",
       {kCurrencies}},
      {"access",
       "ledger access [flags]\n  Prints which roles may call what, or what one caller may.",
       {"caller", "roles_file", "json"}},
      {"report",
       "ledger report --account=A --month=2026-11 [flags] >statement.html\n  Prints the statement "
       "of "
       "an account's month, by booking: a page that stands alone, with\n  plots, for a browser and "
       "for paper; or with --format=csv a line for each entry, for a\n  spreadsheet.",
       OfClient({"account", "month", "format", "raw"})},
      {"export",
       "ledger export WHAT [flags] >file.csv\n  Prints WHAT (usage, entries or recharges) of "
       "--account, or of all accounts, as CSV: a head\n  line, then by account, the oldest first. "
       "Text that a spreadsheet would take for a formula\n  (it begins with = + - @ or a tab) has "
       "an "
       "apostrophe in front, unless --raw. Progress is on\n  standard error, with the "
       "--resume_token "
       "by which another run goes on where one broke: append\n  what that prints to the same file.",
       OfClient({"account", "raw", "resume_token"})},
      {"check",
       "ledger check [flags]\n  Looks whether a running ledger is fit for use: health, and one "
       "read.",
       OfClient({"recharge"})},
      {"status",
       "ledger status [flags]\n  Shows how a running ledger is, on one screen: health, lanes, "
       "recharges, reviews, decks, lag,\n  replicas. Exit code 1 if it does not serve.",
       OfClient({"json"})},
      {"verify",
       "ledger verify [flags]\n  Has a running ledger recompute everything that it has stored.",
       OfClient({"json"})},
      {"check-heads",
       "ledger check-heads FILE [flags]\n  Asks a running ledger whether it still has the entries "
       "of a file of lines\n  ACCOUNT,SEQ,HASH; - is standard input.",
       OfClient({})},
  };
  for (Command& command : OldDataCommands()) commands.push_back(std::move(command));
  for (Command& command : RateCommands()) commands.push_back(std::move(command));
  return commands;
}

absl::Status RunCommand(std::vector<std::string> arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (!arguments.empty()) arguments.erase(arguments.begin());
  if (command == "import-rates") return cli::RunImportRates(arguments);
  if (command == "compare-rates") return cli::RunCompareRates(arguments);
  if (command == "export-rates") return cli::RunExportRates(arguments);
  if (command == "activate-rates") return cli::RunActivateRates(arguments);
  if (command == "retire-rates") return cli::RunRetireRates(arguments);
  if (command == "forget") return cli::RunForget(arguments);
  if (command == "export") return cli::RunExport(arguments);
  if (command == "check-heads") return cli::RunCheckHeads(arguments);
  if (!arguments.empty()) {
    return InvalidField("command line", absl::StrCat("\"", arguments[0], "\" is too much"));
  }
  if (command == "serve") return serve::Serve();
  if (command == "migrate") return cli::RunMigrate();
  if (command == "grants") return cli::PrintGrants();
  if (command == "archive") return cli::RunArchive();
  if (command == "verify-archive") return cli::RunVerifyArchive();
  if (command == "settings") return cli::PrintSettings();
  if (command == "rate-decks") return cli::RunRateDecks();
  if (command == "access") return cli::PrintAccess();
  if (command == "report") return cli::RunReport();
  if (command == "check") return cli::RunCheck();
  if (command == "status") return cli::RunStatus();
  if (command == "verify") return cli::RunVerify();
  const std::string why =
      command.empty() ? "is missing" : absl::StrCat("\"", command, "\" is not known");
  return InvalidField("command", absl::StrCat(why, "\n", kUsage));
}

}  // namespace
}  // namespace reserve

int main(int argc, char* argv[]) {
  // Debian's Abseil looks for lock cycles at every lock; the tests do so for us.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::Status status = reserve::RunCommand(reserve::ParseFlags(
      argc, argv, reserve::Program{.usage = reserve::kUsage, .commands = reserve::Commands()}));
  if (status.ok()) return 0;
  std::fprintf(stderr, "ledger: %s\n", std::string(status.message()).c_str());
  return reserve::ExitCodeOf(status);
}
