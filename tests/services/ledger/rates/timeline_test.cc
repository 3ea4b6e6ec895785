// K1: which deck is in force when.
#include "services/ledger/rates/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace reserve::rates {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

DeckActivation Of(int64_t number, int64_t version, int64_t from,
                  ActivationStage stage = ActivationStage::kCounts,
                  const std::string& currency = "USD", const std::string& series = "standard") {
  DeckActivation activation;
  activation.number = number;
  activation.deck_version = version;
  activation.currency = currency;
  activation.series = series;
  activation.from = At(from);
  activation.stage = stage;
  return activation;
}

int64_t InForce(const Timeline& timeline, absl::Time time, const std::string& currency = "USD",
                const std::string& series = "standard") {
  return timeline.VersionAt(currency, series, time);
}

DeckState StateOf(const Timeline& timeline, int64_t number, int64_t now) {
  for (const DeckActivation& each : timeline.activations()) {
    if (each.number == number) return timeline.StateOf(each, At(now));
  }
  ADD_FAILURE() << "there is no activation " << number;
  return DeckState::kDraft;
}

DeckHeader Deck(int64_t version) {
  DeckHeader header;
  header.version = version;
  return header;
}

TEST(TimelineTest, K1_InForceIsTheActivationThatCameLastBeforeTheTime) {
  const Timeline timeline({Of(1, 3, 100), Of(2, 1, 200),
                           Of(3, 2, 150, ActivationStage::kCounts, "EUR"),
                           Of(4, 4, 50, ActivationStage::kCounts, "JPY")});
  EXPECT_EQ(InForce(timeline, At(99)), 0);
  EXPECT_EQ(InForce(timeline, At(100)), 3);
  EXPECT_EQ(InForce(timeline, At(200) - absl::Microseconds(1)), 3);
  EXPECT_EQ(InForce(timeline, At(200)), 1);
  EXPECT_EQ(InForce(timeline, absl::InfiniteFuture()), 1);
  EXPECT_EQ(InForce(timeline, At(149), "EUR"), 0);
  EXPECT_EQ(InForce(timeline, At(1000), "EUR"), 2);
  EXPECT_EQ(InForce(timeline, At(1000), "JPY"), 4);
  EXPECT_EQ(InForce(timeline, At(1000), "GBP"), 0);
  EXPECT_EQ(InForce(timeline, At(1000), "ZAR"), 0);
  EXPECT_EQ(InForce(timeline, At(1000), ""), 0);
  EXPECT_TRUE(timeline.HasCurrency("JPY"));
  EXPECT_FALSE(timeline.HasCurrency("GBP"));
}

TEST(TimelineTest, K1_OfEqualTimesTheLaterActivationIsInForce) {
  const Timeline timeline({Of(2, 9, 100), Of(3, 5, 100), Of(1, 7, 100)});
  EXPECT_EQ(InForce(timeline, At(100)), 5);
  EXPECT_EQ(StateOf(timeline, 1, 100), DeckState::kSuperseded);
  EXPECT_EQ(StateOf(timeline, 2, 100), DeckState::kSuperseded);
  EXPECT_EQ(StateOf(timeline, 3, 100), DeckState::kInForce);
}

TEST(TimelineTest, K1_EachSeriesHasDecksOfItsOwn) {
  const Timeline timeline({Of(1, 1, 100),
                           Of(2, 2, 100, ActivationStage::kCounts, "USD", "reseller"),
                           Of(3, 3, 200, ActivationStage::kCounts, "USD", "reseller")});
  EXPECT_EQ(InForce(timeline, At(300)), 1);
  EXPECT_EQ(InForce(timeline, At(150), "USD", "reseller"), 2);
  EXPECT_EQ(InForce(timeline, At(300), "USD", "reseller"), 3);
  EXPECT_EQ(InForce(timeline, At(300), "USD", "premium"), 0);
  EXPECT_THAT(timeline.VersionsFrom(At(300)), ElementsAre(1, 3));
}

TEST(TimelineTest, K1_GoingBackIsAnotherActivationOfTheDeckOfBefore) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200), Of(3, 1, 300)});
  EXPECT_EQ(InForce(timeline, At(150)), 1);
  EXPECT_EQ(InForce(timeline, At(250)), 2);
  EXPECT_EQ(InForce(timeline, At(350)), 1);
  EXPECT_EQ(timeline.StateOf(Deck(1), At(350)), DeckState::kInForce);
  EXPECT_EQ(timeline.StateOf(Deck(2), At(350)), DeckState::kSuperseded);
  EXPECT_EQ(timeline.Of(1).size(), 2u);
  EXPECT_EQ(timeline.EndOf(*timeline.Of(1).front()), At(200));
  EXPECT_EQ(timeline.EndOf(*timeline.Of(1).back()), absl::InfiniteFuture());
}

TEST(TimelineTest, K1_TheStatesAreThoseOfTheTime) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200), Of(3, 1, 300)});
  EXPECT_EQ(timeline.StateOf(Deck(1), At(50)), DeckState::kScheduled);
  EXPECT_EQ(timeline.LeadingOf(1, At(50))->number, 1) << "the one that comes first";
  EXPECT_EQ(timeline.StateOf(Deck(1), At(150)), DeckState::kInForce);
  EXPECT_EQ(timeline.StateOf(Deck(2), At(150)), DeckState::kScheduled);
  EXPECT_EQ(timeline.StateOf(Deck(1), At(250)), DeckState::kScheduled);
  EXPECT_EQ(timeline.LeadingOf(1, At(250))->number, 3);
  EXPECT_EQ(timeline.StateOf(Deck(3), At(250)), DeckState::kDraft);
  EXPECT_EQ(timeline.LeadingOf(3, At(250)), nullptr);
}

TEST(TimelineTest, K1_ARetiredDeckIsNoActivation) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200), Of(3, 1, 400, ActivationStage::kRetires)});
  EXPECT_EQ(timeline.StateOf(Deck(1), At(500)), DeckState::kRetired);
  EXPECT_EQ(timeline.RetireTimeOf(1), At(400));
  EXPECT_EQ(timeline.RetireTimeOf(2), std::nullopt);
  EXPECT_EQ(InForce(timeline, At(500)), 2);
  EXPECT_EQ(InForce(timeline, At(150)), 1) << "that start is still of it";
  EXPECT_EQ(timeline.newest(), 3);
}

TEST(TimelineTest, K1_OneThatIsScheduledIsCalledOffByAnotherOfTheSameTime) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 500), Of(3, 1, 500)});
  EXPECT_EQ(StateOf(timeline, 2, 200), DeckState::kSuperseded);
  EXPECT_EQ(timeline.StateOf(Deck(2), At(200)), DeckState::kSuperseded);
  EXPECT_EQ(InForce(timeline, At(600)), 1);
  EXPECT_THAT(timeline.VersionsFrom(At(200)), ElementsAre(1)) << "no start can need deck 2";
}

TEST(TimelineTest, DecksThatStartsNeedAreThoseInForceThenAndLater) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200), Of(3, 3, 300)});
  EXPECT_THAT(timeline.VersionsFrom(At(0)), ElementsAre(1, 2, 3));
  EXPECT_THAT(timeline.VersionsFrom(At(199)), ElementsAre(1, 2, 3));
  EXPECT_THAT(timeline.VersionsFrom(At(200)), ElementsAre(2, 3));
  EXPECT_THAT(timeline.VersionsFrom(At(1000)), ElementsAre(3));
  EXPECT_THAT(Timeline().VersionsFrom(At(0)), IsEmpty());
}

TEST(TimelineTest, K2_WhatIsPreparedPricesNothingAndLeavesItsTimesUndecided) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200, ActivationStage::kPrepared)});
  EXPECT_EQ(InForce(timeline, At(250)), 1);
  EXPECT_FALSE(timeline.IsUndecidedAt("USD", "standard", At(199)));
  EXPECT_TRUE(timeline.IsUndecidedAt("USD", "standard", At(200)));
  EXPECT_FALSE(timeline.IsUndecidedAt("USD", "reseller", At(200)));
  EXPECT_FALSE(timeline.IsUndecidedAt("EUR", "standard", At(200)));
  EXPECT_THAT(timeline.VersionsFrom(At(300)), ElementsAre(1, 2)) << "either may be needed";
  EXPECT_EQ(timeline.StateOf(Deck(2), At(150)), DeckState::kDraft);
  EXPECT_EQ(timeline.newest(), 2);
}

TEST(TimelineTest, K2_WhatCameTooLateNeverCounts) {
  const Timeline timeline({Of(1, 1, 100), Of(2, 2, 200, ActivationStage::kMissed)});
  EXPECT_EQ(InForce(timeline, At(250)), 1);
  EXPECT_FALSE(timeline.IsUndecidedAt("USD", "standard", At(250)));
  EXPECT_THAT(timeline.VersionsFrom(At(300)), ElementsAre(1));
  EXPECT_EQ(timeline.newest(), 2) << "its number is taken";
}

}  // namespace
}  // namespace reserve::rates
