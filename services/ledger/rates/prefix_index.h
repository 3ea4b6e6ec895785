// Finds the longest prefix of a number among sorted ones.
//
// A digit trie down to where one prefix is left; that is looked at where it is. So a prefix costs
// some bytes, however many digits no other one shares with it. Where the trie is large, a table
// says where the first digits lead, which spares a lookup the nodes that all numbers go through.
// Copyable; immutable once made.
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
#include "common/text/packed_digits.h"

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
    size_t place = 0;
    Start at{.branch = root_, .best = kNone};
    if (!starts_.empty() && CountDigits(number) >= kStartDigits) {
      place = kStartDigits;
      at = starts_[FourFirstDigits(number)];
    }
    if ((at.branch & kLeaf) == 0) {
      const size_t digits = CountDigits(number);
      uint32_t node = 0;
      do {
        node = at.branch;
        if (place == digits) return nodes_[node].own;
        at.branch = nodes_[node].branches[DigitAt(number, place++)];
      } while ((at.branch & kLeaf) == 0);
      at.best = nodes_[node].own;
    }
    if ((at.branch & kOne) == 0) return at.best;
    const uint32_t line = at.branch >> kOneBits & (kMost - 1);
    return IsPrefixOf(lines[line].digits, number) ? line : at.best;
  }

  size_t memory_bytes() const {
    return nodes_.capacity() * sizeof(Node) + starts_.capacity() * sizeof(Start);
  }

 private:
  static constexpr uint32_t kLeaf = 0x80000000;
  static constexpr uint32_t kOneBits = 1;
  static constexpr uint32_t kOne = 1;

  struct Node {
    // By the next digit: the index of a node; or kLeaf, with kOne and a prefix, or with none.
    std::array<uint32_t, 10> branches;
    uint32_t own;  // the longest prefix of all numbers that come here
  };

  // Where the first digits of a number lead.
  struct Start {
    uint32_t branch;
    uint32_t best;  // the longest prefix of all numbers that begin so and leave the trie there
  };
  static constexpr size_t kStartDigits = 4;
  static constexpr size_t kStarts = 10'000;
  // A trie of fewer nodes stays in the processor's fastest cache by itself.
  static constexpr size_t kNodesWorthStarts = 1000;

  // The branch to the prefixes [begin, end), which share their first `depth` digits; `inherited` is
  // the longest prefix of those. It recurses once a digit.
  uint32_t Add(PrefixAt prefix_at, uint32_t begin, uint32_t end, size_t depth, uint32_t inherited);

  // What the trie says of all numbers of so many digits.
  void AddStarts();

  std::vector<Node> nodes_;
  uint32_t root_ = kLeaf;
  std::vector<Start> starts_;  // by what the first digits say; empty of a small trie
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_
