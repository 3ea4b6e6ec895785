// Versions of plans on their timelines (K4).
#include "services/ledger/rates/plan_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace reserve::rates {
namespace {

using testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

PlanVersion Version(int64_t number, const std::string& plan_id, int64_t free_seconds,
                    absl::Time from, ActivationStage stage = ActivationStage::kCounts) {
  PlanVersion version;
  version.number = version.version = number;
  version.plan.plan_id = plan_id;
  version.plan.free_seconds = free_seconds;
  version.from = from;
  version.stage = stage;
  return version;
}

TEST(PlanBookTest, K4_TheFirstVersionHoldsForAllTimeBeforeTheNext) {
  const PlanBook book({Version(2, "p", 20, kNow), Version(1, "p", 10, absl::InfinitePast())});
  EXPECT_EQ(book.Find("p", absl::InfinitePast())->free_seconds, 10);
  EXPECT_EQ(book.Find("p", kNow - absl::Microseconds(1))->free_seconds, 10);
  EXPECT_EQ(book.Find("p", kNow)->free_seconds, 20);
  EXPECT_EQ(book.Find("p", absl::InfiniteFuture())->free_seconds, 20);
  EXPECT_EQ(book.Find("q", kNow), nullptr);
  EXPECT_EQ(book.EndOf(*book.FindVersion("p", absl::InfinitePast())), kNow);
  EXPECT_EQ(book.EndOf(*book.FindVersion("p", kNow)), absl::InfiniteFuture());
}

TEST(PlanBookTest, K4_OfTheSameTimeTheLaterVersionCounts) {
  const PlanBook book({Version(1, "p", 10, absl::InfinitePast()), Version(3, "p", 30, kNow),
                       Version(2, "p", 20, kNow)});
  EXPECT_EQ(book.Find("p", kNow)->free_seconds, 30);
}

TEST(PlanBookTest, K4_WhatIsNotDecidedYetIsSaidToBeSo) {
  const PlanBook book({Version(1, "p", 10, absl::InfinitePast()),
                       Version(2, "p", 20, kNow, ActivationStage::kPrepared),
                       Version(3, "p", 30, kNow + absl::Hours(1)),
                       Version(4, "p", 40, kNow, ActivationStage::kMissed)});
  EXPECT_FALSE(book.IsUndecidedAt("p", kNow - absl::Seconds(1)));
  EXPECT_TRUE(book.IsUndecidedAt("p", kNow));
  EXPECT_FALSE(book.IsUndecidedAt("p", kNow + absl::Hours(1))) << "a later one counts";
  EXPECT_FALSE(book.IsUndecidedAt("q", kNow));
  EXPECT_EQ(book.Find("p", kNow)->free_seconds, 10);
  EXPECT_EQ(book.NewestVersionOf("p"), 3);
  EXPECT_EQ(book.newest(), 4);
}

TEST(PlanBookTest, K4_ARetiredPlanKeepsItsTerms) {
  const PlanBook book({Version(1, "p", 10, absl::InfinitePast()),
                       Version(2, "q", 10, absl::InfinitePast()),
                       Version(3, "p", 0, kNow, ActivationStage::kRetires)});
  EXPECT_TRUE(book.IsRetired("p"));
  EXPECT_EQ(book.RetireTimeOf("p"), kNow);
  EXPECT_FALSE(book.IsRetired("q"));
  EXPECT_EQ(book.Find("p", kNow)->free_seconds, 10);
  EXPECT_THAT(book.PlanIds(), ElementsAre("p", "q"));
}

}  // namespace
}  // namespace reserve::rates
