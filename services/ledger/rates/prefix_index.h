// Finds the longest prefix of a number among sorted ones.
//
// A table of the first four digits where there are many prefixes, behind it a digit trie down to
// where few are left; those are looked at one after the other, where they are. So a prefix costs
// some bytes, however many digits no other one shares with it, and a lookup reads few nodes, and
// prefixes that lie side by side. Copyable; immutable once made.
//
//   PrefixIndex index([&](size_t i) { return lines[i].digits; }, 0, lines.size());
//   const uint32_t found = index.Find(lines, PackDigits("18765551234"));
#ifndef RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_
#define RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "services/ledger/rates/packed_digits.h"

namespace reserve::rates {

class PrefixIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  // So many prefixes can be in one span.
  static constexpr size_t kMost = size_t{1} << 27;

  PrefixIndex() = default;
  using PrefixAt = absl::FunctionRef<uint64_t(size_t)>;

  // Of the prefixes from `begin` to `end`, packed (packed_digits.h), in ascending order; the same
  // one may be there again.
  PrefixIndex(PrefixAt prefix_at, size_t begin, size_t end);

  // The place of the longest prefix of `number`, of equal ones the first; kNone if there is none.
  // `lines` are what it was made of, each with its `digits`.
  template <typename Lines>
  uint32_t Find(const Lines& lines, uint64_t number) const {
    size_t place = CountDigits(number) < kStartDigits ? 0 : kStartDigits;
    const Start& start = place == 0 || starts_.empty() ? root_ : starts_[StartOf(number)];
    if (starts_.empty()) place = 0;
    uint32_t best = start.best;
    uint32_t branch = start.branch;
    for (; (branch & kRun) == 0; ++place) {
      const Node& node = nodes_[branch];
      best = node.own;
      if (place == CountDigits(number)) return best;
      branch = node.branches[DigitAt(number, place)];
    }
    const uint32_t first = branch >> kCountBits & (kMost - 1);
    uint64_t longest = 0;
    for (uint32_t at = first; at < first + (branch & kCountMask); ++at) {
      // Of two prefixes of a number the longer one is the later one.
      const uint64_t digits = lines[at].digits;
      const bool better = IsPrefixOf(digits, number) & (digits != longest);
      longest = better ? digits : longest;
      best = better ? at : best;
    }
    return best;
  }

  size_t memory_bytes() const {
    return nodes_.capacity() * sizeof(Node) + starts_.capacity() * sizeof(Start);
  }

 private:
  static constexpr uint32_t kRun = 0x80000000;
  static constexpr uint32_t kCountBits = 4;
  static constexpr uint32_t kCountMask = (1U << kCountBits) - 1;
  static constexpr uint32_t kMaxRun = 1;

  struct Node {
    // By the next digit: the index of a node, or kRun, the first of a few prefixes, and how many.
    std::array<uint32_t, 10> branches;
    uint32_t own;  // the longest prefix of all numbers that come here
  };

  // Where a number goes on after its first digits.
  struct Start {
    uint32_t branch = kRun;
    uint32_t best = kNone;  // the longest prefix so far
  };
  static constexpr size_t kStartDigits = 4;
  static constexpr size_t kStarts = 10'000;
  // So many prefixes are worth a table of starts.
  static constexpr size_t kManyPrefixes = 5'000;

  static size_t StartOf(uint64_t number) {
    return 1000 * DigitAt(number, 0) + 100 * DigitAt(number, 1) + 10 * DigitAt(number, 2) +
           DigitAt(number, 3);
  }
  void AddStarts();

  // The branch to the prefixes [begin, end), which share their first `depth` digits; `inherited` is
  // the longest prefix of those. It recurses once a digit.
  uint32_t Add(PrefixAt prefix_at, uint32_t begin, uint32_t end, size_t depth, uint32_t inherited);

  std::vector<Node> nodes_;
  Start root_;
  std::vector<Start> starts_;  // by the first digits; none where there are few prefixes
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_
