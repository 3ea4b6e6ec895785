#include "services/ledger/api/rpc_metrics.h"

#include "services/ledger/access/access_table.h"

namespace reserve::api {
namespace {

const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto* const kBuckets = new prometheus::Histogram::BucketBoundaries{
      0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5};
  return *kBuckets;
}

}  // namespace

RpcMetrics::RpcMetrics(prometheus::Registry& registry, Tracer& tracer)
    : tracer_(tracer),
      outcomes_(registry),
      durations_(registry),
      calls_(prometheus::BuildCounter()
                 .Name("reserve_ledger_calls_total")
                 .Help("Calls that ended, by method and status code.")
                 .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("reserve_ledger_call_seconds")
                   .Help("How long calls took, by method.")
                   .Register(registry)) {}

RpcMetrics::Instruments RpcMetrics::Find(const char* method, absl::StatusCode code) {
  const std::pair<const char*, int> key(method, static_cast<int>(code));
  {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = instruments_.find(key);
    if (found != instruments_.end()) return found->second;
  }
  absl::MutexLock lock(&mutex_);
  const auto [slot, is_new] = instruments_.try_emplace(key);
  if (is_new) {
    slot->second.calls =
        &calls_.Add({{"method", method}, {"code", absl::StatusCodeToString(code)}});
    slot->second.seconds = &seconds_.Add({{"method", method}}, SecondsBuckets());
    slot->second.duration = &durations_.Of(access::RowNamed(method).method, code);
  }
  return slot->second;
}

void RpcMetrics::Observe(const char* method, absl::StatusCode code, absl::Duration elapsed,
                         bool awaited) {
  if (awaited) in_progress_.fetch_sub(1, std::memory_order_acq_rel);
  const Instruments instruments = Find(method, code);
  instruments.calls->Increment();
  instruments.seconds->Observe(absl::ToDoubleSeconds(elapsed));
  instruments.duration->Observe(absl::ToDoubleSeconds(elapsed));
}

}  // namespace reserve::api
