#include "services/ledger/engine/range_shares.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>

namespace reserve::engine {
namespace {

using storage::AccountRange;

// In this order the first of any number of ranges lie evenly over all of them: by the bits of their
// numbers, the lowest first.
int SpreadPlace(const AccountRange& range) {
  int place = 0;
  for (int bit = 1; bit < kAccountRanges; bit *= 2) {
    place = place * 2 + ((range.number & bit) != 0 ? 1 : 0);
  }
  return place;
}

struct Holdings {
  std::map<std::string, std::vector<AccountRange>> of;  // each ledger that lives, also one of none
  std::vector<AccountRange> loose;                      // of nobody who lives
};

Holdings HoldingsOf(const RangeView& view) {
  Holdings holdings;
  for (const std::string& ledger : view.live) holdings.of[ledger];
  for (const AccountRange& range : view.ranges) {
    const auto owner = holdings.of.find(range.owner);
    (owner == holdings.of.end() ? holdings.loose : owner->second).push_back(range);
  }
  const auto by_spread = [](const AccountRange& a, const AccountRange& b) {
    return SpreadPlace(a) < SpreadPlace(b);
  };
  for (auto& [ledger, ranges] : holdings.of) std::sort(ranges.begin(), ranges.end(), by_spread);
  std::sort(holdings.loose.begin(), holdings.loose.end(), by_spread);
  return holdings;
}

size_t PlaceOf(const RangeView& view, const std::string& ledger) {
  return static_cast<size_t>(std::find(view.live.begin(), view.live.end(), ledger) -
                             view.live.begin());
}

size_t ShareOf(const RangeView& view, const std::string& ledger) {
  const size_t live = view.live.size();
  return view.ranges.size() / live +
         (PlaceOf(view, ledger) < view.ranges.size() % live ? size_t{1} : size_t{0});
}

}  // namespace

std::vector<AccountRange> RangesToTake(const RangeView& view, const std::string& ledger) {
  Holdings holdings = HoldingsOf(view);
  std::vector<AccountRange>& loose = holdings.loose;
  const size_t share = ShareOf(view, ledger);
  const size_t has = holdings.of[ledger].size();
  if (has >= share || loose.empty()) return {};
  // Each begins elsewhere, so that they rarely reach for the same.
  std::rotate(loose.begin(),
              loose.begin() + static_cast<std::ptrdiff_t>(PlaceOf(view, ledger) * loose.size() /
                                                          view.live.size()),
              loose.end());
  loose.resize(std::min(loose.size(), share - has));
  return loose;
}

std::vector<RangeGift> RangesToGive(const RangeView& view, const std::string& ledger) {
  Holdings holdings = HoldingsOf(view);
  std::vector<AccountRange>& mine = holdings.of[ledger];
  std::vector<RangeGift> gifts;
  if (!holdings.loose.empty()) return gifts;
  const size_t share = ShareOf(view, ledger);
  for (const std::string& other : view.live) {
    if (mine.size() <= share) break;
    const size_t has = holdings.of[other].size();
    if (other == ledger || has >= ShareOf(view, other)) continue;
    const size_t count = std::min(mine.size() - share, ShareOf(view, other) - has);
    const auto first = mine.end() - static_cast<std::ptrdiff_t>(count);
    gifts.push_back({other, std::vector<AccountRange>(first, mine.end())});
    mine.erase(first, mine.end());
  }
  return gifts;
}

std::vector<RangeGift> RangesToLeave(const RangeView& view, const std::string& ledger) {
  Holdings holdings = HoldingsOf(view);
  const std::vector<AccountRange> mine = std::move(holdings.of[ledger]);
  std::vector<RangeGift> gifts;
  if (mine.empty()) return gifts;
  for (const std::string& other : view.live) {
    if (other != ledger) gifts.push_back({other, {}});
  }
  if (gifts.empty()) gifts.push_back({std::string(), {}});
  for (size_t i = 0; i < mine.size(); ++i) gifts[i % gifts.size()].ranges.push_back(mine[i]);
  // Those that got nothing.
  gifts.resize(std::min(gifts.size(), mine.size()));
  return gifts;
}

}  // namespace reserve::engine
