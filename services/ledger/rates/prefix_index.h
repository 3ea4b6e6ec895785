// Finds the longest prefix of a number among sorted ones.
//
// A digit trie down to where one prefix is left; that is looked at where it is. So a prefix costs
// some bytes, however many digits no other one shares with it. What a lookup costs is the waiting
// for memory: nodes are small, those of a node's next digits lie side by side, and of a large trie
// a table says where the first digits lead, which spares the nodes that all numbers go through.
// Copyable; immutable once made.
//
//   PrefixIndex index([&](size_t i) { return lines[i].digits; }, 0, lines.size());
//   const uint32_t found = index.Find(lines, PackDigits("18765551234"));
#ifndef RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_
#define RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_

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
  static constexpr size_t kMost = size_t{1} << 31;

  PrefixIndex() = default;
  using PrefixAt = absl::FunctionRef<uint64_t(size_t)>;

  // Of the prefixes from `begin` to `end`, packed (packed_digits.h), in ascending order; the same
  // one may be there again.
  PrefixIndex(PrefixAt prefix_at, size_t begin, size_t end);

  // The place of the longest prefix of `number`, of equal ones the first; kNone if there is none.
  // `lines` are what it was made of, each with its `digits`.
  template <typename Lines>
  uint32_t Find(const Lines& lines, uint64_t number) const {
    Place at = root_;
    size_t depth = 0;
    if (!starts_.empty() && CountDigits(number) >= kStartDigits) {
      at = starts_[number >> kStartShift];
      depth = kStartDigits;
    }
    while (at.kind == Kind::kNode) {
      if (depth == CountDigits(number)) return nodes_[at.index].own;
      at = Next(at, DigitAt(number, depth++));
    }
    if (at.kind == Kind::kNothing) return at.own;
    const uint32_t line = lines_[at.index];
    return IsPrefixOf(lines[line].digits, number) ? line : at.own;
  }

  size_t memory_bytes() const {
    return nodes_.capacity() * sizeof(Node) + lines_.capacity() * sizeof(uint32_t) +
           starts_.capacity() * sizeof(Place);
  }

 private:
  // What is left of the prefixes once some digits of a number are known.
  enum class Kind : uint32_t { kNothing = 0, kNode = 1, kLine = 2 };

  struct Place {
    Kind kind = Kind::kNothing;
    uint32_t index = 0;    // in `nodes_` or `lines_`
    uint32_t own = kNone;  // the longest prefix of all numbers that come here
  };

  // For each next digit, from the lowest bits on, the kind of place where it leads, and the how
  // manieth of its kind in this node that is.
  static constexpr int kKindBits = 2;
  static constexpr uint64_t kKindMask = 3;
  static constexpr uint32_t kRankMask = 15;
  static constexpr uint32_t kBranchBits = 6;

  struct Node {
    uint64_t branches = 0;
    uint32_t first_node = 0;
    uint32_t first_line = 0;
    uint32_t own = kNone;
  };

  static constexpr size_t kStartDigits = 3;
  static constexpr size_t kStartShift = 64 - 4 * kStartDigits;
  // A trie of fewer nodes stays in the processor's fastest cache by itself.
  static constexpr size_t kNodesWorthStarts = 1000;

  // The prefixes [begin, end), which share their first digits. `own` is the longest of those.
  struct Span {
    uint32_t begin;
    uint32_t end;
    uint32_t own;
  };

  // Where the digit leads from this node.
  Place Next(Place at, uint32_t digit) const {
    const Node& node = nodes_[at.index];
    const uint64_t branch = node.branches >> (kBranchBits * digit);
    const auto kind = static_cast<Kind>(branch & kKindMask);
    const auto rank = static_cast<uint32_t>(branch >> kKindBits) & kRankMask;
    return {kind, (kind == Kind::kNode ? node.first_node : node.first_line) + rank, node.own};
  }

  // Fills the node `index` with a span that shares `depth` digits. It recurses once a digit.
  void Fill(PrefixAt prefix_at, uint32_t index, Span span, size_t depth);
  // Says where the first digits lead.
  void AddStarts();

  Place root_;
  std::vector<Node> nodes_;
  std::vector<uint32_t> lines_;  // those that are alone in a branch
  std::vector<Place> starts_;    // by the first digits as they are packed; empty of a small trie
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_PREFIX_INDEX_H_
