// Loads of calls in progress (H1 to H12) that are more than a row of requests: examples of each
// step of a call, and a switch that has died with all its calls.
#ifndef RESERVE_TESTS_BENCH_HOLD_LOAD_H_
#define RESERVE_TESTS_BENCH_HOLD_LOAD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/sql_floor.h"
#include "tests/bench/stage.h"
#include "tests/bench/traffic.h"
#include "tests/bench/window.h"

namespace reserve::bench {

// Calls on accounts 1, 2 and 3, each left at a step of its own, until they are ended.
class ExampleCalls {
 public:
  explicit ExampleCalls(const std::shared_ptr<grpc::Channel>& channel) : channel_(channel) {}

  absl::StatusOr<CallExamples> Begin(Traffic& traffic);
  // Settles those that are not.
  absl::Status End(const Traffic& traffic);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::vector<ledger::v1::CreateHoldRequest> open_;
};

struct OrphanLoad {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  pid_t ledger = 0;
  int orphans = 0;
  absl::Duration ringing;        // the ledger's --hold_ringing
  double usages_per_second = 0;  // of the load beside them
};

struct OrphanFigures {
  double created_per_second = 0;
  double memory_growth = 0;  // bytes of the ledger's, for all of them
  double seconds = 0;        // from the first that ended to the last
  double usages_before = 0;  // per second, while they were open
  double usages_beside = 0;  // the same while they ended
  double p99_before = 0;     // microseconds
  double p99_beside = 0;
  int64_t booked = 0;
};

// Makes holds that nobody extends, and looks how a steady load fares before and while they end.
absl::StatusOr<OrphanFigures> MeasureOrphans(const OrphanLoad& load, Stage& stage, Traffic& traffic,
                                             const CpuMeter& cpu);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_HOLD_LOAD_H_
