// ledger: serves the ledger, and looks after its database.
#include <cstdio>
#include <string>
#include <string_view>
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
    "  import-rates [FILE]  imports a rate deck from CSV into a running ledger (--starter: the\n"
    "                       deck that is built in)\n"
    "  verify               recomputes everything that a running ledger has stored\n"
    "  check-heads FILE     asks a running ledger whether it still has entries that it "
    "acknowledged:\n"
    "                       a line ACCOUNT,SEQ,HASH each; - is standard input\n";

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
  if (command == "verify") return cli::RunVerify();
  return InvalidField("command", absl::StrCat("\"", command, "\" is not known\n", kUsage));
}

}  // namespace
}  // namespace reserve

int main(int argc, char* argv[]) {
  // Debian's Abseil looks for lock cycles at every lock; the tests do so for us.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const bool import = argc > 1 && std::string_view(argv[1]) == "import-rates";
  const std::string usage = import ? reserve::cli::ImportRatesUsage() : reserve::kUsage;
  const absl::Status status = reserve::RunCommand(reserve::ParseFlags(argc, argv, usage.c_str()));
  if (status.ok()) return 0;
  std::fprintf(stderr, "ledger: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}
