#include "tests/bench/growth_traffic.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "common/rpc/conversions.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr double kBusyShare = 0.10;
constexpr double kQuietShare = 0.05;

// An id of the shape of UUIDv4: nothing but random bits.
std::string RandomUsageId(uint64_t high, uint64_t low) {
  char text[64];
  std::snprintf(text, sizeof(text),
                "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64, high >> 32,
                (high >> 16) & 0xffff, high & 0xfff, (low >> 48) & 0xfff, low & 0xffff'ffff'ffffu);
  return text;
}

}  // namespace

GrowthTraffic::GrowthTraffic(const Options& options)
    : options_(options),
      busy_(options.accounts / 100),
      quiet_(options.accounts / 200),
      quiet_share_(kQuietShare),
      traffic_(options.accounts) {}

int GrowthTraffic::Draw(int first, int last) {
  return first + static_cast<int>(random_() % static_cast<uint64_t>(last - first + 1));
}

bool GrowthTraffic::Chance(double share) {
  return static_cast<double>(random_() >> 11) < share * static_cast<double>(uint64_t{1} << 53);
}

std::string GrowthTraffic::PickAccount() {
  if (Chance(kBusyShare)) return BusyAccount();
  if (Chance(quiet_share_)) return QuietAccount();
  return AccountId(Draw(busy_ + quiet_ + 1, options_.accounts));
}

absl::Time GrowthTraffic::PickStart() {
  const double passed = static_cast<double>(made_) / static_cast<double>(options_.entries);
  const absl::Duration now = options_.span * std::min(passed, 1.0);
  const bool late = Chance(options_.late_share);
  if (!late && !options_.random_starts) return options_.begin + now;
  const absl::Duration range = options_.random_starts ? options_.span : now;
  return options_.begin + range * (static_cast<double>(random_() >> 11) / (uint64_t{1} << 53));
}

pb::RecordUsageRequest GrowthTraffic::Next() {
  pb::RecordUsageRequest request = traffic_.Record(PickAccount());
  reserve::ToProto(PickStart(), request.mutable_usage()->mutable_start_time());
  if (options_.random_ids) {
    const uint64_t high = random_();
    request.mutable_usage()->set_usage_id(RandomUsageId(high, random_()));
  }
  ++made_;
  return request;
}

std::vector<Request> GrowthTraffic::Batches(int64_t usages) {
  std::vector<Request> requests;
  requests.reserve(static_cast<size_t>(usages / kBatchUsages + 1));
  for (int64_t left = usages; left > 0;) {
    const int size = static_cast<int>(std::min<int64_t>(left, kBatchUsages));
    pb::BatchRecordUsageRequest batch;
    for (int i = 0; i < size; ++i) *batch.add_requests() = Next();
    const pb::RecordUsageRequest& sample = batch.requests(Draw(0, size - 1));
    samples_.push_back({sample.account_id(), sample.usage().usage_id()});
    requests.push_back({Serialized(batch), size});
    left -= size;
  }
  return requests;
}

}  // namespace reserve::bench
