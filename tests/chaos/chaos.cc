// chaos: kills, freezes and disconnects the parts of Reserve under load, and audits the money.
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/shutdown_signal.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/load.h"
#include "tests/chaos/record.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/verdict.h"

ABSL_FLAG(int, seconds, 60, "How long faults strike.");
ABSL_FLAG(uint64_t, seed, 0, "Gives the load and the order of the faults; 0 for any.");
ABSL_FLAG(int, accounts, 200, "How many accounts there are.");
ABSL_FLAG(absl::Duration, patience, absl::Seconds(60),
          "After the last fault: what is not answered or closed by then is stuck.");
ABSL_FLAG(std::string, programs, "",
          "A folder with a ledger or a worker to run instead of the built one.");
ABSL_FLAG(
    std::string, engine, "one",
    "The database: one server; asynchronous or semi_sync, a primary and a replica; galera, "
    "with a ledger at each of two nodes (these three fail over when half of the time is over); or "
    "vitess, the cluster in --vitess.");
ABSL_FLAG(std::string, vitess, "", "Of Vitess: the cluster's folder (./run vitess --kills=N).");
ABSL_FLAG(int, shards, 0,
          "Of Vitess: how many shards ledgers are told of; 0: as many as there are.");
ABSL_FLAG(bool, strike, true, "Whether anything goes wrong: else there is only the load.");
ABSL_FLAG(int, kills, 0, "Faults go on until so many processes of Vitess were killed, too.");
ABSL_FLAG(int, wsrep_sync_wait, 1, "Of Galera: what each read waits for; 0: for nothing.");
ABSL_FLAG(std::string, history, "",
          "Where the history of all calls is written and kept (check_history reads it); empty: in "
          "the run's folder, which is kept if something is wrong.");
ABSL_FLAG(bool, keep_logs, true, "Keep the processes' logs if something is wrong.");

namespace reserve::chaos {
namespace {

constexpr absl::Duration kProgress = absl::Seconds(10);
constexpr size_t kShown = 20;

void Say(const std::string& text) {
  std::printf("chaos: %s\n", text.c_str());
  std::fflush(stdout);
}

void Show(const char* title, const std::vector<std::string>& findings) {
  for (size_t i = 0; i < findings.size() && i < kShown; ++i) {
    Say(absl::StrCat(title, ": ", findings[i]));
  }
  if (findings.size() > kShown) {
    Say(absl::StrCat(title, ": and ", findings.size() - kShown, " more"));
  }
}

std::string Progress(const Load& load, const Faults& faults) {
  return absl::StrCat(load.counts().operations.load(), " operations, ",
                      load.counts().retries.load(), " sent again, ", faults.counts().kills.load(),
                      " kills, ", faults.counts().freezes.load(), " freezes, ",
                      faults.counts().cuts.load(), " cuts");
}

// Faults under load; everything is up at the end. CANCELLED after a signal.
absl::Status Storm(absl::Duration length, ShutdownSignal& signal, Stage& stage, Load& load,
                   Faults& faults) {
  const absl::Time start = absl::Now();
  const absl::Time end = start + length;
  absl::Time progress = start + kProgress;
  load.Start();
  const auto is_over = [&] {
    return absl::Now() >= end && faults.counts().kills_of_vitess >= absl::GetFlag(FLAGS_kills);
  };
  while (!is_over()) {
    if (absl::Now() - start > length / 2 && stage.databases().CanFailOver()) {
      Say("the database fails over");
      RESERVE_RETURN_IF_ERROR(faults.FailOver());
    }
    if (absl::GetFlag(FLAGS_strike)) {
      RESERVE_RETURN_IF_ERROR(faults.RunUntil(absl::Now() + absl::Seconds(1)));
    } else if (signal.WaitFor(absl::Seconds(1))) {
      return absl::CancelledError("interrupted");
    }
    if (signal.WaitFor(absl::ZeroDuration())) return absl::CancelledError("interrupted");
    if (absl::Now() < progress) continue;
    Say(absl::StrCat(absl::ToInt64Seconds(absl::Now() - start), " s: ", Progress(load, faults)));
    progress += kProgress;
  }
  return faults.Heal();
}

// True if nothing is wrong.
bool Report(const Verdict& verdict, uint64_t seed, const Load& load, const Faults& faults) {
  for (const auto& [name, times] : faults.struck()) Say(absl::StrCat("  ", times, " x ", name));
  if (load.counts().failures > 0) {
    Say(absl::StrCat("  ", load.counts().failures.load(), " answers INTERNAL or UNKNOWN"));
  }
  if (absl::GetFlag(FLAGS_engine) == "vitess") {
    for (const std::string& line : load.counts().waits.Tell()) Say(line);
  }
  Show("LOST", verdict.lost);
  Show("DOUBLED", verdict.doubled);
  Show("STUCK", verdict.stuck);
  Show("MISMATCHED", verdict.mismatched);
  Show("OUT OF ORDER", verdict.out_of_order);
  Say(absl::StrCat(verdict.entries, " entries and ", verdict.charges, " charges with ",
                   verdict.refunds, " refunds and ", verdict.disputes, " disputes audited, seed ",
                   seed));
  Say(absl::StrCat("of these ", verdict.pending, " charges were pending first, ", verdict.in_part,
                   " captured in part; ", verdict.failed_refunds, " refunds failed, ",
                   verdict.failed_later, " of them after they had succeeded"));
  Say(absl::StrCat("history: ", verdict.history));
  Say(absl::StrCat(load.counts().operations.load(), " operations, ", faults.counts().kills.load(),
                   " kills, lost ", verdict.lost.size(), ", doubled ", verdict.doubled.size(),
                   ", stuck ", verdict.stuck.size(), ", mismatched ", verdict.mismatched.size(),
                   ", out of order ", verdict.out_of_order.size()));
  return verdict.clean();
}

absl::StatusOr<bool> Run(uint64_t seed, ShutdownSignal& signal) {
  RESERVE_ASSIGN_OR_RETURN(const Engine engine, ParseEngine(absl::GetFlag(FLAGS_engine)));
  RESERVE_ASSIGN_OR_RETURN(const auto stage,
                           Stage::Create({.share_accounts = true,
                                          .engine = engine,
                                          .wsrep_sync_wait = absl::GetFlag(FLAGS_wsrep_sync_wait),
                                          .vitess = absl::GetFlag(FLAGS_vitess),
                                          .shards = absl::GetFlag(FLAGS_shards),
                                          .programs = absl::GetFlag(FLAGS_programs)}));
  stage->KeepFolder();  // until all is well
  Record record;
  const std::string file = absl::GetFlag(FLAGS_history);
  RESERVE_RETURN_IF_ERROR(
      record.history().Open(file.empty() ? stage->folder() + "/history.jsonl" : file));
  Load load(*stage, record, {.accounts = absl::GetFlag(FLAGS_accounts), .seed = seed});
  Faults faults(*stage, seed);
  RESERVE_RETURN_IF_ERROR(load.OpenAccounts());
  Say(absl::StrCat("seed ", seed, ": ", absl::GetFlag(FLAGS_accounts), " accounts, ", kLedgers,
                   " ledgers, ", kWorkers, " workers, logs in ", stage->folder()));
  const absl::Status storm =
      Storm(absl::Seconds(absl::GetFlag(FLAGS_seconds)), signal, *stage, load, faults);
  if (!storm.ok()) {
    stage->KeepFolder(!absl::IsCancelled(storm));
    faults.Heal().IgnoreError();  // so that callers get their answers, and end
    return storm;
  }
  const absl::Time calm = absl::Now();
  const absl::Duration patience = absl::GetFlag(FLAGS_patience);
  load.Stop(patience);
  AwaitAllClosed(*stage, calm + patience - absl::Now());
  // A refund may fail after it has succeeded, so when nothing is open any more.
  const bool told = load.TellOfTheRest(patience);
  AwaitAllClosed(*stage, calm + patience - absl::Now());
  Say(absl::StrCat("all closed, or given up, ",
                   absl::FormatDuration(absl::Trunc(absl::Now() - calm, absl::Milliseconds(100))),
                   " after the last fault"));
  const bool read = load.ReadAll();
  Verdict verdict = Judge(*stage, record, patience);
  RESERVE_RETURN_IF_ERROR(record.history().Close());
  if (!read) verdict.stuck.emplace_back("not all entries could be read");
  if (!told) {
    verdict.stuck.push_back(absl::StrCat("what the gateway decided later could not be told within ",
                                         absl::FormatDuration(patience)));
  }
  const bool clean = Report(verdict, seed, load, faults);
  stage->KeepFolder(!clean && absl::GetFlag(FLAGS_keep_logs));
  return clean;
}

}  // namespace
}  // namespace reserve::chaos

// 0 if all is well, 1 if something is wrong, 2 if that could not be found out.
int main(int argc, char* argv[]) {
  reserve::ShutdownSignal signal;
  reserve::ParseFlags(argc, argv,
                      "Kills, freezes and disconnects the parts of Reserve under load, and audits "
                      "the money.");
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()() % 1'000'000 + 1;
  const absl::StatusOr<bool> clean = reserve::chaos::Run(seed, signal);
  if (!clean.ok()) {
    std::printf("chaos: seed %llu: could not go on: %s\n", static_cast<unsigned long long>(seed),
                clean.status().ToString().c_str());
    return 2;
  }
  return *clean ? 0 : 1;
}
