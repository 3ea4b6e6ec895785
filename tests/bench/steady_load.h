// A load at a steady rate, window after window, beside something that the ledger does meanwhile:
// how many usages a second, and how long each took.
//
//   SteadyLoad beside(channels, peak / 2, absl::Seconds(5), traffic, cpu);
//   while (!done) RESERVE_RETURN_IF_ERROR(beside.RunWindow());
#ifndef RESERVE_TESTS_BENCH_STEADY_LOAD_H_
#define RESERVE_TESTS_BENCH_STEADY_LOAD_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"
#include "tests/bench/traffic.h"
#include "tests/bench/window.h"

namespace reserve::bench {

class SteadyLoad {
 public:
  using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

  // All but `window` by reference: they must outlive it.
  SteadyLoad(const Channels& channels, double usages_per_second, absl::Duration window,
             Traffic& traffic, const CpuMeter& cpu)
      : channels_(channels),
        usages_per_second_(usages_per_second),
        window_(window),
        traffic_(traffic),
        cpu_(cpu) {}

  // Unary calls for one window; an error if one of them fails or is refused.
  absl::Status RunWindow();

  // Of all windows.
  double per_second() const { return windows_ == 0 ? 0 : per_second_ / windows_; }
  int64_t booked() const { return booked_; }
  double P99();  // microseconds

 private:
  const Channels& channels_;
  const double usages_per_second_;
  const absl::Duration window_;
  Traffic& traffic_;
  const CpuMeter& cpu_;
  double per_second_ = 0;
  int windows_ = 0;
  int64_t booked_ = 0;
  std::vector<float> latencies_us_;
};

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_STEADY_LOAD_H_
