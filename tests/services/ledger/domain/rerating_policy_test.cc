// Usages that are rated again, by other prices or as their allowance stands now (U6, U7, K3, G12).
#include "services/ledger/domain/rerating_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Rerated OutcomeOf(const absl::StatusOr<Rerated>& rerated) {
  EXPECT_TRUE(rerated.ok()) << rerated.status();
  return rerated.ok() ? *rerated : Rerated::kPassedOver;
}

class ReratingTest : public testing::Test {
 protected:
  ReratingTest() { books_.OpenFunded(); }

  void Record(const std::string& usage_id, int64_t seconds, const Rate* rate,
              const std::string& user_id = "ann") {
    Usage usage = OutboundCall(books_.now(), seconds);
    usage.usage_id = usage_id;
    const absl::Status recorded = books_.Record(user_id, usage, rate);
    ASSERT_TRUE(recorded.ok()) << recorded;
  }
  int64_t Used(const std::string& user_id) { return books_.users().at(user_id).SecondsUsed(0); }
  Nanos balance() const { return books_.account().balance; }
  const Entry& last_entry() const { return books_.entries().back(); }

  Books books_;
  const Rate standard_ = StandardRate();
  const Rate dear_ = DearRate();  // $0.50 a minute
};

TEST_F(ReratingTest, U6_TheDifferenceToTheLatestRatingIsBookedByAnEntryOfItsOwn) {
  Record("x", 120, &dear_);
  Rate right = dear_;
  right.price = Cents(20);
  right.deck_version = 7;
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &right, {.by = {"wrong deck", "ann"}})),
            Rerated::kChanged);
  EXPECT_EQ(balance(), Dollars(15) - Cents(40));
  EXPECT_EQ(last_entry().kind, EntryKind::kRating);
  EXPECT_EQ(last_entry().amount, Cents(60));
  EXPECT_EQ(last_entry().booked->previous_cost, Dollars(1));
  EXPECT_EQ(last_entry().booked->rating.cost, Cents(40));
  EXPECT_EQ(books_.usage_states().at("x").deck_version, 7);
  const Event& told = books_.LastOf(EventKind::kUsageRated);
  EXPECT_EQ(told.amount, Cents(60));
  EXPECT_EQ(told.cause, "wrong deck");
  EXPECT_EQ(told.actor, "ann");
  // And again, from there.
  right.price = Cents(30);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &right)), Rerated::kChanged);
  EXPECT_EQ(balance(), Dollars(15) - Cents(60));
  EXPECT_EQ(last_entry().amount, -Cents(20));
}

TEST_F(ReratingTest, U6_WhatCostsTheSameIsLeftAlone) {
  Record("x", 60, &dear_);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &dear_)), Rerated::kSame);
  EXPECT_TRUE(books_.last().unchanged);
}

TEST_F(ReratingTest, U6_OneReratingChangesAUsageOnceAndALaterOneComesAfterAnEarlier) {
  Record("x", 60, &dear_);
  Rate cheap = dear_;
  cheap.price = Cents(20);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &cheap, {.number = 2})), Rerated::kChanged);
  cheap.price = Cents(10);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &cheap, {.number = 2})), Rerated::kDoneBefore);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &cheap, {.number = 1})), Rerated::kDoneBefore);
  EXPECT_EQ(balance(), Dollars(15) - Cents(20));
}

TEST_F(ReratingTest, U6_WhatHasNoPriceThereIsVoidedOrForHelpStaysAsItIs) {
  Record("x", 60, &dear_);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", nullptr)), Rerated::kWithoutPrice);
  ASSERT_TRUE(books_.Void("x").ok());
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &standard_)), Rerated::kPassedOver);
  EXPECT_EQ(balance(), Dollars(15));
}

TEST_F(ReratingTest, K3_AnUnratedUsageIsRatedOnlyWhereThatIsAskedFor) {
  Record("x", 60, nullptr);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &dear_)), Rerated::kPassedOver);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &dear_, {.include_unrated = true})), Rerated::kChanged);
  EXPECT_EQ(balance(), Dollars(15) - Cents(50));
  EXPECT_EQ(books_.usage_states().at("x").status, UsageStatus::kRated);
}

TEST_F(ReratingTest, U7_AUsageGivesItsOwnSecondsBackBeforeItDrawsAgain) {
  Record("x", 18'000, &standard_);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &standard_)), Rerated::kSame);
  // Dear, it draws on nothing.
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &dear_)), Rerated::kChanged);
  EXPECT_EQ(Used("ann"), 0);
  EXPECT_EQ(last_entry().booked->previous_free_seconds, 18'000);
  // And back.
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &standard_)), Rerated::kChanged);
  EXPECT_EQ(Used("ann"), 18'000);
  EXPECT_EQ(balance(), Dollars(15));
}

TEST_F(ReratingTest, U7_AReplayGivesWhatAWrongRecordAteToTheCallsThatWerePaidForSince) {
  Record("wrong", 18'000, &standard_);
  Record("a", 600, &standard_);
  Record("b", 600, &standard_);
  ASSERT_LT(balance(), Dollars(15));
  ASSERT_TRUE(books_.Void("wrong").ok());
  for (const std::string usage_id : {"wrong", "a", "b"}) {
    ASSERT_TRUE(books_.RateAgain(usage_id, &standard_, {.number = 1}).ok());
  }
  EXPECT_EQ(balance(), Dollars(15));
  EXPECT_EQ(Used("ann"), 1'200);
}

TEST_F(ReratingTest, G12_ADearerRatingOpensNoRechargeUnlessTheRequestSaysSo) {
  Record("x", int64_t{60} * 12, &standard_);
  EXPECT_EQ(OutcomeOf(books_.RateAgain("x", &dear_)), Rerated::kChanged);  // $6.00: below
  EXPECT_EQ(books_.open(), nullptr);
  ASSERT_TRUE(RechargeToFollow(books_.context(), books_.account()).has_value());
  EXPECT_EQ(RechargeToFollow(books_.context(), books_.account())->amount, Dollars(15));

  Books other;
  other.OpenFunded();
  Usage usage = OutboundCall(other.now(), int64_t{60} * 12);
  usage.usage_id = "x";
  ASSERT_TRUE(other.Record("ann", usage, &standard_).ok());
  ASSERT_TRUE(other.RateAgain("x", &dear_, {.may_recharge = true}).ok());
  EXPECT_NE(other.open(), nullptr);
}

TEST_F(ReratingTest, M1_ACostThatDoesNotFitIsRefusedAndChangesNothing) {
  Record("x", 3'600, &dear_);
  Rate absurd = dear_;
  absurd.price = std::numeric_limits<Nanos>::max();
  EXPECT_FALSE(books_.RateAgain("x", &absurd).ok());
  EXPECT_EQ(balance(), Dollars(15) - Dollars(30));
}

TEST_F(ReratingTest, TheTurnOfAUsageIsThatOfItsFirstRating) {
  UsageState state;
  state.seq = 4;
  EXPECT_EQ(TurnOf(state, 1), 4) << "UNRATED: that of its booking";
  state.rated_seq = state.latest_seq = 9;
  EXPECT_EQ(TurnOf(state, 1), 9);
  state.rerating = 1;
  EXPECT_EQ(TurnOf(state, 1), 4) << "this rerating rated it first, where it was met";
  EXPECT_EQ(TurnOf(state, 2), 9);
}

}  // namespace
}  // namespace reserve::domain
