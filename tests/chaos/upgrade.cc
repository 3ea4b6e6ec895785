// upgrade: a rolling upgrade from the version before, a roll-back, and the upgrade again, under the
// load of chaos, whose audit judges: nothing lost or doubled, no money promised twice.
//
//   upgrade --before=build/upgrade/source/build/release/bin
#include <csignal>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "tests/chaos/load.h"
#include "tests/chaos/record.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/verdict.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"

ABSL_FLAG(std::string, before, "", "The folder with the programs of the version before.");
ABSL_FLAG(int, seconds, 8, "How long each mixture of versions is under load.");
ABSL_FLAG(uint64_t, seed, 0, "Gives the load; 0 for any.");
ABSL_FLAG(int, accounts, 100, "How many accounts there are.");
ABSL_FLAG(absl::Duration, patience, absl::Seconds(60),
          "At the end: what is not answered or closed by then is stuck.");

namespace reserve::chaos {
namespace {

using test_support::Subprocess;

constexpr absl::Duration kLongestStep = absl::Seconds(120);

void Say(const std::string& text) {
  std::printf("upgrade: %s\n", text.c_str());
  std::fflush(stdout);
}

class Upgrade {
 public:
  Upgrade(Stage& stage, std::string before, std::string now)
      : stage_(stage), before_(std::move(before)), now_(std::move(now)) {}

  // All mixtures of versions, one after the other; everything is new at the end.
  absl::Status Run(absl::Duration each) {
    Say("all of the version before");
    absl::SleepFor(each);
    RESERVE_RETURN_IF_ERROR(RunCommand(now_, "migrate", {}));
    RESERVE_RETURN_IF_ERROR(Mix(each, "one ledger is new", {&stage_.ledger(0)}, now_));
    RESERVE_RETURN_IF_ERROR(Mix(each, "both ledgers and a worker are new",
                                {&stage_.ledger(1), &stage_.worker(0)}, now_));
    RESERVE_RETURN_IF_ERROR(ExpectNotFinishedBeside());
    RESERVE_RETURN_IF_ERROR(Mix(
        each, "rolled back", {&stage_.ledger(0), &stage_.ledger(1), &stage_.worker(0)}, before_));
    RESERVE_RETURN_IF_ERROR(Mix(each, "all new",
                                {&stage_.ledger(1), &stage_.worker(1), &stage_.ledger(0),
                                 &stage_.worker(0), &stage_.gateway()},
                                now_));
    RESERVE_RETURN_IF_ERROR(RunCommand(now_, "migrate", {"--finish"}));
    Say("finished");
    absl::SleepFor(each);
    return ExpectTooNew();
  }

 private:
  // Ends each as a rolling upgrade does, and starts it as the other version.
  absl::Status Mix(absl::Duration each, const std::string& what,
                   const std::vector<Process*>& processes, const std::string& folder) {
    for (Process* process : processes) {
      process->Signal(SIGTERM);
      const int code = process->life->Wait(kLongestStep);
      if (code != 0) {
        return absl::InternalError(
            absl::StrCat(process->name, " ended with ", code, ": ", process->life->Stderr()));
      }
      process->life.reset();
      const size_t name = process->program.rfind('/');
      process->program = absl::StrCat(
          folder, "/",
          name == std::string::npos ? process->program : process->program.substr(name + 1));
      RESERVE_RETURN_IF_ERROR(stage_.Start(*process));
    }
    Say(what);
    absl::SleepFor(each);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Subprocess>> StartCommand(const std::string& folder,
                                                           const std::string& command,
                                                           const std::vector<std::string>& more) {
    std::vector<std::string> args = {command, "--database=" + stage_.database().url()};
    args.insert(args.end(), more.begin(), more.end());
    return Subprocess::Start({.program = folder + "/ledger", .args = std::move(args)});
  }

  absl::Status RunCommand(const std::string& folder, const std::string& command,
                          const std::vector<std::string>& more) {
    RESERVE_ASSIGN_OR_RETURN(const auto run, StartCommand(folder, command, more));
    if (run->Wait(kLongestStep) == 0) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("ledger ", command, ": ", run->Stderr()));
  }

  // While a ledger of before serves, the level stays.
  absl::Status ExpectNotFinishedBeside() {
    RESERVE_RETURN_IF_ERROR(
        Mix(absl::ZeroDuration(), "one ledger is of before again", {&stage_.ledger(1)}, before_));
    RESERVE_ASSIGN_OR_RETURN(const auto run, StartCommand(now_, "migrate", {"--finish"}));
    if (run->Wait(kLongestStep) == 1 && absl::StrContains(run->Stderr(), "does not know")) {
      return absl::OkStatus();
    }
    return absl::InternalError(
        absl::StrCat("the upgrade was finished beside a ledger of before: ", run->Stderr()));
  }

  // A ledger of before has no business here any more.
  absl::Status ExpectTooNew() {
    RESERVE_ASSIGN_OR_RETURN(
        const auto old,
        StartCommand(before_, "serve", {"--listen=unix:" + stage_.folder() + "/old.sock"}));
    const auto told = old->WaitForOutput("SCHEMA_TOO_NEW", absl::Seconds(30));
    old->Kill();
    if (told.ok()) Say("a ledger of before is told SCHEMA_TOO_NEW");
    return told.status();
  }

  Stage& stage_;
  const std::string before_;
  const std::string now_;
};

bool Report(const Verdict& verdict, const Load& load) {
  const auto show = [](const char* title, const std::vector<std::string>& findings) {
    for (const std::string& finding : findings) Say(absl::StrCat(title, ": ", finding));
  };
  show("LOST", verdict.lost);
  show("DOUBLED", verdict.doubled);
  show("STUCK", verdict.stuck);
  show("MISMATCHED", verdict.mismatched);
  show("OUT OF ORDER", verdict.out_of_order);
  Say(absl::StrCat("history: ", verdict.history));
  Say(absl::StrCat(load.counts().operations.load(), " operations, ", load.counts().retries.load(),
                   " sent again, ", verdict.entries, " entries and ", verdict.charges,
                   " charges audited; lost ", verdict.lost.size(), ", doubled ",
                   verdict.doubled.size(), ", stuck ", verdict.stuck.size(), ", mismatched ",
                   verdict.mismatched.size(), ", out of order ", verdict.out_of_order.size()));
  return verdict.clean();
}

absl::StatusOr<bool> Run(const std::string& before) {
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()() % 1'000'000 + 1;
  // A ledger refuses columns that it does not know: those that came last are left out.
  RESERVE_ASSIGN_OR_RETURN(const auto stage,
                           Stage::Create({.amounts_left_out = {"max_price_per_minute",
                                                               "new_account_max_price_per_minute"},
                                          .programs = before}));
  stage->KeepFolder();  // until all is well
  Record record;
  RESERVE_RETURN_IF_ERROR(record.history().Open(stage->folder() + "/history.jsonl"));
  Load load(*stage, record, {.accounts = absl::GetFlag(FLAGS_accounts), .seed = seed});
  RESERVE_RETURN_IF_ERROR(load.OpenAccounts());
  Say(absl::StrCat("seed ", seed, ", logs in ", stage->folder()));
  load.Start();
  const absl::Status upgraded = Upgrade(*stage, before, test_support::BinDir())
                                    .Run(absl::Seconds(absl::GetFlag(FLAGS_seconds)));
  const absl::Duration patience = absl::GetFlag(FLAGS_patience);
  load.Stop(upgraded.ok() ? patience : absl::ZeroDuration());
  RESERVE_RETURN_IF_ERROR(upgraded);
  AwaitAllClosed(*stage, patience);
  const bool told = load.TellOfTheRest(patience);
  AwaitAllClosed(*stage, patience);
  const bool read = load.ReadAll();
  Verdict verdict = Judge(*stage, record, patience);
  if (!read) verdict.stuck.emplace_back("not all entries could be read");
  if (!told) verdict.stuck.emplace_back("what the gateway decided later could not be told");
  const bool clean = Report(verdict, load);
  stage->KeepFolder(!clean);
  return clean;
}

}  // namespace
}  // namespace reserve::chaos

// 0 if all is well, 1 if something is wrong, 2 if that could not be found out.
int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv, "Upgrades Reserve under load, from the version before.");
  const std::string before = absl::GetFlag(FLAGS_before);
  if (before.empty()) {
    std::printf(
        "upgrade: --before is needed: the folder with the programs of the version before\n");
    return 2;
  }
  const absl::StatusOr<bool> clean = reserve::chaos::Run(before);
  if (!clean.ok()) {
    std::printf("upgrade: could not go on: %s\n", clean.status().ToString().c_str());
    return 2;
  }
  return *clean ? 0 : 1;
}
