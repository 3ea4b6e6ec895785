#include "tests/chaos/faults.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"

namespace reserve::chaos {
namespace {

// Commits that are broken in a row.
constexpr int kCommits = 3;
// Well past the lease of 2 s.
constexpr absl::Duration kFrozenWorker = absl::Milliseconds(3500);
constexpr absl::Duration kTrapPatience = absl::Milliseconds(1500);

// Bytes that tell the messages apart on the wire.
constexpr char kCommit[] =
    "\x03"
    "COMMIT";  // COM_QUERY
constexpr char kBooking[] = "INSERT INTO entries";
constexpr char kChargeRequest[] = "tok_";  // a look-up has no card
constexpr char kChargeReply[] = "rsv-";    // the idempotency key
constexpr char kReportRequest[] = "ch_";   // of a success: the charge's id
constexpr char kUsageRequest[] = "u-";     // a usage id
constexpr char kMoneyReply[] = "USD";

const char* NameOf(Moment moment) {
  switch (moment) {
    case Moment::kNotDelivered:
      return "not delivered";
    case Moment::kDelivered:
      return "delivered";
    case Moment::kReplyLost:
      return "reply lost";
  }
  return "";
}

}  // namespace

absl::Status Faults::RunUntil(absl::Time end) {
  while (absl::Now() < end) {
    RESERVE_RETURN_IF_ERROR(Strike());
    ThawDue(absl::Now());
    RESERVE_RETURN_IF_ERROR(stage_.StartAll());
    Pause(100, 700);
  }
  return absl::OkStatus();
}

absl::Status Faults::Heal() {
  std::filesystem::remove(stage_.outage_file());
  ThawDue(absl::InfiniteFuture());
  if (const test_support::VitessCluster* const vitess = stage_.databases().vitess()) {
    RESERVE_RETURN_IF_ERROR(vitess->AwaitAll());
  }
  return stage_.StartAll();
}

absl::Status Faults::Strike() {
  // What there is more of is struck more often.
  if (stage_.databases().vitess() != nullptr && Below(3) == 0) {
    KillOfVitess();
    return absl::OkStatus();
  }
  return StrikeAny();
}

absl::Status Faults::StrikeAny() {
  switch (Below(17)) {
    case 0:
      KillSoon(stage_.ledger(Below(kLedgers)));
      break;
    case 1:
      KillSoon(stage_.worker(Below(kWorkers)));
      break;
    case 2:
      KillSoon(stage_.gateway());
      break;
    case 3:
      KillDatabase();
      break;
    case 4:
      FreezeWorker();
      break;
    case 5:
      FreezeShortly();
      break;
    case 6:
      Outage();
      break;
    case 7:
    case 8:
      CutSomething();
      break;
    case 9:
    case 10:
    case 11:
      // Each is another batch's, and only in some of these cases is its outcome in doubt.
      for (int i = 0; i < kCommits; ++i) {
        TrapCommit();
        RESERVE_RETURN_IF_ERROR(stage_.StartAll());
      }
      break;
    case 12:
    case 13:
      TrapCharge();
      break;
    case 14:
    case 15:
      TrapReport();
      break;
    default:
      TrapUsage();
      break;
  }
  return absl::OkStatus();
}

void Faults::Pause(int least_ms, int most_ms) {
  absl::SleepFor(absl::Milliseconds(
      least_ms + static_cast<int>(Below(static_cast<uint64_t>(most_ms - least_ms)))));
}

void Faults::KillSoon(Process& process) {
  process.Kill();
  ++counts_.kills;
  ++struck_[absl::StrCat("kill ", process.name)];
  // It is missed for a while.
  Pause(1, 500);
}

absl::Status Faults::FailOver() {
  ++counts_.kills;
  ++struck_["failover of the database"];
  return stage_.FailOver();
}

void Faults::KillOfVitess() {
  const test_support::VitessCluster& vitess = *stage_.databases().vitess();
  const std::vector<std::string> processes = vitess.Processes();
  const std::string& process = processes[Below(processes.size())];
  // A supervisor takes a second; a machine that is gone takes longer.
  const bool held = Below(2) == 0;
  if (held) vitess.Hold(process);
  vitess.Signal(process, SIGKILL);
  ++counts_.kills;
  ++counts_.kills_of_vitess;
  ++struck_[absl::StrCat("kill ", process)];
  Pause(1, held ? 8000 : 2000);
  vitess.Release(process);
}

void Faults::KillDatabase() {
  if (stage_.databases().vitess() != nullptr) return KillOfVitess();
  if (!stage_.databases().MayBeRestarted()) return CutSomething();
  stage_.database_server().Kill();
  ++counts_.kills;
  ++struck_["kill mariadb"];
  Pause(1, 500);
}

void Faults::FreezeWorker() {
  const size_t index = Below(kWorkers);
  if (thaw_[index] != absl::InfinitePast()) return;
  stage_.worker(index).Signal(SIGSTOP);
  thaw_[index] = absl::Now() + kFrozenWorker;
  ++counts_.freezes;
  ++struck_["freeze worker"];
}

void Faults::ThawDue(absl::Time now) {
  for (size_t i = 0; i < kWorkers; ++i) {
    if (thaw_[i] == absl::InfinitePast() || now < thaw_[i]) continue;
    if (stage_.worker(i).Running()) stage_.worker(i).Signal(SIGCONT);
    thaw_[i] = absl::InfinitePast();
  }
}

void Faults::FreezeShortly() {
  ++counts_.freezes;
  const uint64_t who = Below(3);
  if (who == 2) {
    if (const test_support::VitessCluster* const vitess = stage_.databases().vitess()) {
      const std::vector<std::string> processes = vitess->Processes();
      const std::string& process = processes[Below(processes.size())];
      ++struck_[absl::StrCat("freeze ", process)];
      vitess->Signal(process, SIGSTOP);
      Pause(200, 6000);
      return vitess->Signal(process, SIGCONT);
    }
    ++struck_["freeze mariadb"];
    stage_.database_server().Freeze();
    Pause(200, 1500);
    stage_.database_server().Thaw();
    return;
  }
  ++struck_["freeze ledger"];
  stage_.ledger(who).Signal(SIGSTOP);
  Pause(200, 3000);
  stage_.ledger(who).Signal(SIGCONT);
}

void Faults::CutSomething() {
  ++counts_.cuts;
  switch (Below(5)) {
    case 0:
      ++struck_["cut workers from gateway"];
      return stage_.gateway_proxy().CutAll();
    case 1:
    case 2:
      ++struck_["cut callers from ledger"];
      return stage_.ledger_proxy(Below(kLedgers)).CutAll();
    default:
      ++struck_["cut ledger from mariadb"];
      return stage_.database_proxy(Below(kLedgers)).CutAll();
  }
}

void Faults::Outage() {
  ++struck_["outage of the gateway"];
  std::ofstream(stage_.outage_file()) << "out of order\n";
  Pause(300, 2000);
  std::filesystem::remove(stage_.outage_file());
}

// --- Named points --------------------------------------------------------------------

std::function<void()> Faults::KillOf(Process& process) {
  // Its end is noted by Start; this is another thread's.
  return [this, life = process.life.get()] {
    life->Kill();
    ++counts_.kills;
  };
}

void Faults::SetTrap(const std::string& name, Proxy& proxy, Trap trap,
                     const std::vector<std::function<void()>>& actions) {
  trap.moment = static_cast<Moment>(Below(3));
  // Half of the time only the connection is cut.
  if (Below(2) == 0) trap.action = actions[Below(actions.size())];
  const bool kills = trap.action != nullptr;
  const std::string point = absl::StrCat(name, " ", NameOf(trap.moment), kills ? ", kill" : "");
  proxy.Arm(std::move(trap));
  if (!proxy.Disarm(kTrapPatience)) return;
  ++counts_.cuts;
  ++struck_[point];
}

void Faults::TrapCommit() {
  const size_t i = Below(kLedgers);
  std::vector<std::function<void()>> kills = {KillOf(stage_.ledger(i))};
  if (const test_support::VitessCluster* const vitess = stage_.databases().vitess()) {
    const uint64_t shard = 1 + Below(static_cast<uint64_t>(vitess->shards()));
    for (const std::string& process : {std::string("vtgate"), absl::StrCat("mysqld", shard)}) {
      kills.push_back([this, vitess, process] {
        vitess->Signal(process, SIGKILL);
        ++counts_.kills;
        ++counts_.kills_of_vitess;
      });
    }
  } else if (stage_.databases().MayBeRestarted()) {
    kills.push_back([this] {
      stage_.database_server().Kill();
      ++counts_.kills;
    });
  }
  SetTrap("commit", stage_.database_proxy(i), {.request = kCommit, .after = kBooking}, kills);
}

void Faults::TrapCharge() {
  SetTrap("charge", stage_.gateway_proxy(), {.request = kChargeRequest, .reply = kChargeReply},
          {KillOf(stage_.gateway()), KillOf(stage_.worker(0)), KillOf(stage_.worker(1))});
}

void Faults::TrapReport() {
  const size_t i = Below(kLedgers);
  SetTrap("report", stage_.ledger_proxy(i), {.request = kReportRequest, .reply = kReportRequest},
          {KillOf(stage_.ledger(i)), KillOf(stage_.worker(i % kWorkers))});
}

void Faults::TrapUsage() {
  const size_t i = Below(kLedgers);
  SetTrap("usage", stage_.ledger_proxy(i), {.request = kUsageRequest, .reply = kMoneyReply},
          {KillOf(stage_.ledger(i))});
}

}  // namespace reserve::chaos
