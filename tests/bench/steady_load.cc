#include "tests/bench/steady_load.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/bench/load.h"

namespace reserve::bench {

absl::Status SteadyLoad::RunWindow() {
  CallOptions options{channels_, Method::kRecordUsage, /*in_flight=*/4096};
  options.calls_per_second = usages_per_second_;
  const Timing timing{absl::Milliseconds(200), window_};
  const auto count = static_cast<int64_t>(1.2 * usages_per_second_ *
                                          absl::ToDoubleSeconds(timing.ramp + timing.window));
  const LoadResult result =
      RunCalls(options, traffic_.Records(count, traffic_.Spread()), timing, cpu_);
  const Answers& answers = result.answers;
  if (answers.failed + answers.refused + answers.overloaded > 0) {
    return absl::InternalError(absl::StrCat("usages at a steady rate: ", answers.first_error));
  }
  booked_ += answers.booked;
  per_second_ += result.window.per_second;
  ++windows_;
  latencies_us_.insert(latencies_us_.end(), result.latencies_us.begin(), result.latencies_us.end());
  return absl::OkStatus();
}

double SteadyLoad::P99() {
  if (latencies_us_.empty()) return 0;
  const auto place = latencies_us_.begin() + static_cast<int64_t>(latencies_us_.size() * 99 / 100);
  std::nth_element(latencies_us_.begin(), place, latencies_us_.end());
  return static_cast<double>(*place);
}

}  // namespace reserve::bench
