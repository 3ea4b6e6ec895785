// ledger: serves the ledger, and looks after its database.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
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
    "  settings             prints the amounts of each currency, as --currency_settings_file "
    "takes\n"
    "                       them\n"
    "  access               prints who may call what; with --caller, what that one may\n"
    "  import-rates [FILE]  imports a rate deck from CSV into a running ledger (--starter: the\n"
    "                       deck that is built in)\n"
    "  check                looks whether a running ledger is fit for use\n"
    "  verify               recomputes everything that a running ledger has stored\n"
    "  check-heads FILE     asks a running ledger whether it still has entries that it "
    "acknowledged:\n"
    "                       a line ACCOUNT,SEQ,HASH each; - is standard input\n"
    "Exit codes: 0 all is well; 1 it failed, or found something; 2 what it was told has no "
    "sense.\n";

// What each command reads.
std::vector<Command> Commands() {
  constexpr char kDatabase[] = "serve/database_flags.cc";
  constexpr char kCurrencies[] = "serve/currency_settings_file.cc";
  const std::vector<std::string> client = {"ledger",          "tls_certificate_file",
                                           "tls_key_file",    "tls_ca_file",
                                           "tls_server_name", "insecure_plaintext"};
  const auto of_client = [&](std::vector<std::string> more) {
    more.insert(more.end(), client.begin(), client.end());
    return more;
  };
  return {
      {"serve",
       "ledger serve [flags]\n  Serves accounts, usage, rates, recharges and audits (gRPC), until "
       "SIGTERM, SIGINT or SIGHUP.",
       {kDatabase, kCurrencies, "serve/serve_flags.cc", "serve/settings_flags.cc",
        "rpc/rpc_flags.cc", "telemetry/telemetry_flags.cc"}},
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
       {"caller", "roles_file"}},
      {"import-rates", cli::ImportRatesUsage(),
       of_client({"starter", "name", "currency", "effective_time", "standard_rate_ceiling",
                  "time_zone", "periods", "rounding", "holidays", "prices_include_tax", "accept",
                  "dry_run", "date_format", "decimal_mark", "kind", "ignore_columns"})},
      {"check",
       "ledger check [flags]\n  Looks whether a running ledger is fit for use: health, and one "
       "read.",
       of_client({"recharge"})},
      {"verify",
       "ledger verify [flags]\n  Has a running ledger recompute everything that it has stored.",
       of_client({})},
      {"check-heads",
       "ledger check-heads FILE [flags]\n  Asks a running ledger whether it still has the entries "
       "of a file of lines\n  ACCOUNT,SEQ,HASH; - is standard input.",
       of_client({})},
  };
}

absl::Status RunCommand(std::vector<std::string> arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (!arguments.empty()) arguments.erase(arguments.begin());
  if (command == "import-rates") return cli::RunImportRates(arguments);
  if (command == "check-heads") return cli::RunCheckHeads(arguments);
  if (!arguments.empty()) {
    return InvalidField("command line", absl::StrCat("\"", arguments[0], "\" is too much"));
  }
  if (command == "serve") return serve::Serve();
  if (command == "migrate") return cli::RunMigrate();
  if (command == "grants") return cli::PrintGrants();
  if (command == "settings") return cli::PrintSettings();
  if (command == "access") return cli::PrintAccess();
  if (command == "check") return cli::RunCheck();
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
