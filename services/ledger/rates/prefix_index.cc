#include "services/ledger/rates/prefix_index.h"

#include <algorithm>
#include <array>

namespace reserve::rates {

PrefixIndex::PrefixIndex(PrefixAt prefix_at, size_t begin, size_t end) {
  if (begin == end) return;
  root_.kind = Kind::kNode;
  nodes_.emplace_back();
  Fill(prefix_at, 0, {static_cast<uint32_t>(begin), static_cast<uint32_t>(end), kNone}, 0);
  nodes_.shrink_to_fit();
  lines_.shrink_to_fit();
  if (nodes_.size() >= kNodesWorthStarts) AddStarts();
}

void PrefixIndex::Fill(PrefixAt prefix_at, uint32_t index, Span span, size_t depth) {
  Node node;
  node.own = CountDigits(prefix_at(span.begin)) == depth ? span.begin : span.own;
  node.first_node = static_cast<uint32_t>(nodes_.size());
  node.first_line = static_cast<uint32_t>(lines_.size());
  uint32_t at = span.begin;
  while (at < span.end && CountDigits(prefix_at(at)) == depth) ++at;
  std::array<Span, 10> below;
  uint64_t count = 0;
  for (uint32_t digit = 0; digit < below.size(); ++digit) {
    const uint32_t first = at;
    while (at < span.end && DigitAt(prefix_at(at), depth) == digit) ++at;
    if (at == first) continue;
    const bool alone = at - first == 1;
    const uint64_t rank = alone ? lines_.size() - node.first_line : count;
    const auto kind = static_cast<uint64_t>(alone ? Kind::kLine : Kind::kNode);
    node.branches |= (rank << kKindBits | kind) << (kBranchBits * digit);
    if (alone) {
      lines_.push_back(first);
    } else {
      below[count++] = {first, at, node.own};
    }
  }
  nodes_[index] = node;
  nodes_.resize(nodes_.size() + count);
  for (uint32_t i = 0; i < count; ++i) Fill(prefix_at, node.first_node + i, below[i], depth + 1);
}

void PrefixIndex::AddStarts() {
  starts_.resize(size_t{1} << (64 - kStartShift));
  for (size_t digits = 0; digits < starts_.size(); ++digits) {
    const uint64_t number = static_cast<uint64_t>(digits) << kStartShift;
    Place at = root_;
    for (size_t depth = 0; depth < kStartDigits && at.kind == Kind::kNode; ++depth) {
      at = Next(at, std::min<uint32_t>(DigitAt(number, depth), 9));  // no number has more than 9
    }
    starts_[digits] = at;
  }
}

}  // namespace reserve::rates
