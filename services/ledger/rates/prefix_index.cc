#include "services/ledger/rates/prefix_index.h"

#include "absl/strings/str_cat.h"

namespace reserve::rates {

PrefixIndex::PrefixIndex(PrefixAt prefix_at, size_t begin, size_t end) {
  root_ = Add(prefix_at, static_cast<uint32_t>(begin), static_cast<uint32_t>(end), 0, kNone);
  nodes_.shrink_to_fit();
  if (nodes_.size() >= kNodesWorthStarts) AddStarts();
}

void PrefixIndex::AddStarts() {
  starts_.resize(kStarts);
  for (size_t digits = 0; digits < starts_.size(); ++digits) {
    const uint64_t number = PackDigits(absl::StrCat(absl::Dec(digits, absl::kZeroPad4)));
    Start start{.branch = root_, .best = kNone};
    for (size_t place = 0; place < kStartDigits && (start.branch & kLeaf) == 0; ++place) {
      const Node& node = nodes_[start.branch];
      start = {.branch = node.branches[DigitAt(number, place)], .best = node.own};
    }
    starts_[digits] = start;
  }
}

uint32_t PrefixIndex::Add(PrefixAt prefix_at, uint32_t begin, uint32_t end, size_t depth,
                          uint32_t inherited) {
  if (end - begin <= 1) return kLeaf | begin << kOneBits | (end - begin);
  const auto index = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  const bool ends_here = CountDigits(prefix_at(begin)) == depth;
  const uint32_t own = ends_here ? begin : inherited;
  nodes_[index].own = own;
  while (begin < end && CountDigits(prefix_at(begin)) == depth) ++begin;
  for (uint32_t digit = 0; digit < 10; ++digit) {
    const uint32_t first = begin;
    while (begin < end && DigitAt(prefix_at(begin), depth) == digit) ++begin;
    nodes_[index].branches[digit] = Add(prefix_at, first, begin, depth + 1, own);
  }
  return index;
}

}  // namespace reserve::rates
