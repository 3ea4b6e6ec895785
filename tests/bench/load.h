// Loads: many calls under way from one thread, which sends prepared bytes and looks at the
// answers. One thread on one completion queue is what costs a gRPC client least.
//
//   const LoadResult result = RunCalls(options, requests, timing, cpu);
#ifndef RESERVE_TESTS_BENCH_LOAD_H_
#define RESERVE_TESTS_BENCH_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/traffic.h"
#include "tests/bench/window.h"

namespace reserve::bench {

// The answers to all calls of a run, the unmeasured ones included.
struct Answers {
  int64_t booked = 0;      // usages acknowledged for the first time
  int64_t duplicates = 0;  // usages that were booked before
  int64_t allowed = 0;     // authorisations and holds
  int64_t refused = 0;     // single usages, authorisations or holds
  int64_t overloaded = 0;  // single usages, refused because a queue was full: not done
  int64_t failed = 0;      // calls; what became of their usages is unknown
  std::string first_error;
};

struct LoadResult {
  WindowResult window;  // usages (or authorisations, or holds) answered per second
  int64_t sent = 0;     // requests, from the first one on
  // Of the calls that ended in the window, sorted, in microseconds.
  std::vector<float> latencies_us;
  Answers answers;

  // The latency that a share of the calls stayed under, 0 to 1; 0 if there were no calls.
  double Percentile(double share) const;
};

enum class Method {
  kRecordUsage,
  kBatchRecordUsage,
  kAuthorizeUsage,
  kCreateHold,
  kExtendHold,
  kReleaseHold,
};

struct CallOptions {
  // Calls take turns on them.
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  Method method = Method::kRecordUsage;
  // Closed loop: so many calls are under way at any time.
  int in_flight = 1;
  // What follows each request: so many of the next ones, each once the one before is answered. Such
  // a chain takes one of the calls under way until it is through.
  std::vector<Method> then = {};
  // Open loop: if above 0, calls are sent at this rate however long they take, at most
  // `in_flight` at a time, and latency counts from when a call should have been sent.
  double calls_per_second = 0;
  // Count as done only what is booked (or was before), not what is refused.
  bool count_booked_only = false;
  // Start again from the first request when all are sent.
  bool repeat = false;
};

LoadResult RunCalls(const CallOptions& options, const std::vector<Request>& requests,
                    const Timing& timing, const CpuMeter& cpu);

// One StreamUsage on each channel; streams[i] are the messages of stream i. Each stream has
// at most `unacknowledged` messages on the way.
LoadResult RunStreams(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                      const std::vector<std::vector<Request>>& streams, int64_t unacknowledged,
                      const Timing& timing, const CpuMeter& cpu);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_LOAD_H_
