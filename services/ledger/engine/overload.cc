#include "services/ledger/engine/overload.h"

#include <algorithm>

namespace reserve::engine {

void DrainEstimate::Note(size_t count, absl::Duration elapsed) {
  if (count == 0) return;
  constexpr double kWeight = 0.2;
  each_ += (elapsed / static_cast<double>(count) - each_) * kWeight;
}

absl::Duration DrainEstimate::RetryAfter(size_t waiting, absl::Duration busy) {
  const absl::Duration drain = std::clamp(std::max(each_ * static_cast<double>(waiting), busy),
                                          kShortestRetryAfter * 2, kLongestRetryAfter / 1.5);
  return drain * std::uniform_real_distribution<double>(0.5, 1.5)(random_);
}

}  // namespace reserve::engine
