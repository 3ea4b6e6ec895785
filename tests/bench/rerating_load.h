// Usages that are rated again, as after a wrong deck: of many accounts of a currency of their own.
#ifndef RESERVE_TESTS_BENCH_RERATING_LOAD_H_
#define RESERVE_TESTS_BENCH_RERATING_LOAD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/steady_load.h"

namespace reserve::bench {

struct ReratingSpeed {
  double previewed_per_second = 0;  // by a dry run that lists each
  double rated_per_second = 0;      // each with an entry and an event of its own
  double beside_per_second = 0;     // the same beside a steady load
};

// Books `accounts` times `calls` calls by a wrong deck, and rates them again by the right one; then
// by the wrong one again, beside `beside`.
absl::StatusOr<ReratingSpeed> MeasureReratingOf(const std::shared_ptr<grpc::Channel>& channel,
                                                int accounts, int calls, SteadyLoad& beside);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_RERATING_LOAD_H_
