// How often a figure was how large: counts by upper bounds, for metrics. Noting one costs two
// additions. Thread-safe; what is read while others note may be a moment apart.
//
//   Distribution sizes({1, 10, 100});
//   sizes.Note(7);   // sizes.count(1) == 1
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_DISTRIBUTION_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_DISTRIBUTION_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace reserve::engine {

class Distribution {
 public:
  // Upper bounds, each of which belongs to what it bounds, in ascending order.
  Distribution(std::initializer_list<int64_t> bounds)
      : bounds_(bounds), counts_(bounds_.size() + 1) {}

  void Note(int64_t value) {
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
    counts_[static_cast<size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  const std::vector<int64_t>& bounds() const { return bounds_; }
  // Of those up to bounds()[i] and above the bound before; of bounds().size(), beyond all of them.
  int64_t count(size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  int64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::vector<int64_t> bounds_;
  std::vector<std::atomic<int64_t>> counts_;
  std::atomic<int64_t> sum_{0};
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_DISTRIBUTION_H_
