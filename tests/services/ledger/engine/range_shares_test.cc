// Which ranges a ledger takes and gives, played out by ledgers that see the same.
#include "services/ledger/engine/range_shares.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::engine {
namespace {

using storage::AccountRange;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

RangeView Fresh(std::vector<std::string> live) {
  RangeView view;
  view.live = std::move(live);
  for (int number = 0; number < kAccountRanges; ++number) view.ranges.push_back({number, "", 0});
  return view;
}

void Move(RangeView* view, const std::vector<AccountRange>& ranges, const std::string& owner) {
  for (const AccountRange& range : ranges) {
    AccountRange& stored = view->ranges[static_cast<size_t>(range.number)];
    if (stored.epoch != range.epoch) continue;
    stored = {range.number, owner, range.epoch + 1};
  }
}

// Each ledger that lives looks once, one after the other. How many ranges moved.
int64_t LookAround(RangeView* view) {
  int64_t before = 0;
  for (const AccountRange& range : view->ranges) before += range.epoch;
  for (const std::string& ledger : std::vector<std::string>(view->live)) {
    const RangeView seen = *view;
    Move(view, RangesToTake(seen, ledger), ledger);
    for (const RangeGift& gift : RangesToGive(seen, ledger)) Move(view, gift.ranges, gift.to);
  }
  int64_t after = 0;
  for (const AccountRange& range : view->ranges) after += range.epoch;
  return after - before;
}

int64_t LookUntilStill(RangeView* view) {
  int64_t moved = 0;
  for (int round = 0; round < 10; ++round) {
    const int64_t now = LookAround(view);
    if (now == 0) return moved;
    moved += now;
  }
  ADD_FAILURE() << "they never come to rest";
  return moved;
}

std::map<std::string, int> CountsOf(const RangeView& view) {
  std::map<std::string, int> counts;
  for (const AccountRange& range : view.ranges) ++counts[range.owner];
  return counts;
}

TEST(RangeSharesTest, ALedgerAloneHasAll) {
  RangeView view = Fresh({"a"});
  EXPECT_EQ(LookUntilStill(&view), kAccountRanges);
  EXPECT_THAT(CountsOf(view), ElementsAre(std::pair("a", kAccountRanges)));
}

TEST(RangeSharesTest, AnyNumberHasEqualShares) {
  std::vector<std::string> live;
  for (char name = 'a'; name < 'a' + 20; ++name) {
    live.emplace_back(1, name);
    RangeView view = Fresh(live);
    LookUntilStill(&view);
    const auto counts = CountsOf(view);
    ASSERT_THAT(counts, SizeIs(live.size()));
    for (const auto& [ledger, count] : counts) {
      EXPECT_GE(count, kAccountRanges / static_cast<int>(live.size())) << ledger;
      EXPECT_LE(count, kAccountRanges / static_cast<int>(live.size()) + 1) << ledger;
    }
  }
}

TEST(RangeSharesTest, OneThatComesIsGivenItsShareAndNothingElseMoves) {
  RangeView view = Fresh({"a", "b"});
  LookUntilStill(&view);
  view.live.push_back("c");
  EXPECT_EQ(LookUntilStill(&view), kAccountRanges / 3);
  EXPECT_THAT(CountsOf(view),
              ElementsAre(std::pair("a", 22), std::pair("b", 21), std::pair("c", 21)));
}

TEST(RangeSharesTest, WhatADeadOneHadIsTakenAndNothingElseMoves) {
  RangeView view = Fresh({"a", "b", "c"});
  LookUntilStill(&view);
  view.live = {"a", "c"};
  EXPECT_EQ(LookUntilStill(&view), 21);
  EXPECT_THAT(CountsOf(view), ElementsAre(std::pair("a", 32), std::pair("c", 32)));
}

TEST(RangeSharesTest, WhoLeavesGivesAllToTheOthers) {
  RangeView view = Fresh({"a", "b", "c"});
  LookUntilStill(&view);
  for (const RangeGift& gift : RangesToLeave(view, "b")) Move(&view, gift.ranges, gift.to);
  EXPECT_THAT(CountsOf(view), ElementsAre(std::pair("a", 33), std::pair("c", 31)));
  view.live = {"a"};
  LookUntilStill(&view);
  for (const RangeGift& gift : RangesToLeave(view, "a")) Move(&view, gift.ranges, gift.to);
  EXPECT_THAT(CountsOf(view), ElementsAre(std::pair("", kAccountRanges)))
      << "the last one leaves them to nobody";
  EXPECT_THAT(RangesToLeave(view, "a"), IsEmpty());
}

// A lane is an equal range of the accounts: each ledger is to have work for all of its lanes.
TEST(RangeSharesTest, WhatALedgerHasIsSpreadOverItsLanes) {
  RangeView view = Fresh({"a"});
  LookUntilStill(&view);
  for (const std::string coming : {"b", "c", "d"}) {
    view.live.push_back(coming);
    LookUntilStill(&view);
    std::map<std::string, std::map<int, int>> by_quarter;
    for (const AccountRange& range : view.ranges) {
      ++by_quarter[range.owner][range.number / (kAccountRanges / 4)];
    }
    for (const auto& [ledger, quarters] : by_quarter) {
      ASSERT_THAT(quarters, SizeIs(4)) << ledger << " of " << view.live.size();
      int most = 0;
      for (const auto& [quarter, count] : quarters) most = std::max(most, count);
      EXPECT_LE(most, 3 * kAccountRanges / 4 / static_cast<int>(view.live.size())) << ledger;
    }
  }
}

TEST(RangeSharesTest, NobodyGivesWhileThereIsSomethingToTake) {
  RangeView view = Fresh({"a"});
  LookUntilStill(&view);
  view.live = {"a", "b"};
  for (int number = 0; number < 8; ++number) view.ranges[static_cast<size_t>(number)].owner = "z";
  EXPECT_THAT(RangesToGive(view, "a"), IsEmpty());
  EXPECT_THAT(RangesToTake(view, "b"), SizeIs(8));
  EXPECT_THAT(RangesToTake(view, "a"), IsEmpty()) << "it has more than its share";
}

}  // namespace
}  // namespace reserve::engine
