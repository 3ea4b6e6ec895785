// What goes wrong: processes are killed and frozen, connections cut, at random and at the
// points where it hurts most (between COMMIT and its answer, between a charge and its answer,
// between a report and its answer). What was killed is started again.
//
// The seed gives the order of the faults; the threads of the processes give the rest.
// One thread runs it; counts may be read from any.
//
//   Faults faults(stage, seed);
//   faults.RunUntil(absl::Now() + absl::Seconds(60));
//   faults.Heal();
#ifndef RESERVE_TESTS_CHAOS_FAULTS_H_
#define RESERVE_TESTS_CHAOS_FAULTS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/chaos/stage.h"

namespace reserve::chaos {

struct FaultCounts {
  std::atomic<int64_t> kills = 0;
  std::atomic<int64_t> kills_of_vitess = 0;  // of the above
  std::atomic<int64_t> freezes = 0;
  std::atomic<int64_t> cuts = 0;
};

class Faults {
 public:
  Faults(Stage& stage, uint64_t seed) : stage_(stage), random_(seed) {}

  // One fault after the other until then. An error if a process can't be started again.
  absl::Status RunUntil(absl::Time end);
  // The database is lost, and another server takes over.
  absl::Status FailOver();
  // Ends all faults: everything runs, thawed and connected.
  absl::Status Heal();

  const FaultCounts& counts() const { return counts_; }
  // How often each fault struck, for the summary.
  const std::map<std::string, int>& struck() const { return struck_; }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  absl::Status Strike();
  absl::Status StrikeAny();
  void KillSoon(Process& process);
  void KillDatabase();
  // Something of Vitess is killed, and comes back at once or after a while.
  void KillOfVitess();
  void FreezeWorker();
  void FreezeShortly();
  void CutSomething();
  void Outage();
  // A named point: `name` for the summary, and who may be killed there.
  void TrapCommit();
  void TrapCharge();
  void TrapReport();
  void TrapUsage();
  void SetTrap(const std::string& name, Proxy& proxy, Trap trap,
               const std::vector<std::function<void()>>& actions);
  std::function<void()> KillOf(Process& process);
  void ThawDue(absl::Time now);
  void Pause(int least_ms, int most_ms);

  Stage& stage_;
  std::mt19937_64 random_;
  FaultCounts counts_;
  std::map<std::string, int> struck_;
  // When each frozen worker goes on; InfinitePast if it is not frozen.
  std::array<absl::Time, kWorkers> thaw_ = {absl::InfinitePast(), absl::InfinitePast()};
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_FAULTS_H_
