// What the customer or a switch hears of: D5, G11 (docs/RULES.md).
#include <gtest/gtest.h>

#include <vector>

#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

TEST(ConsequencesTest, D5_ADipThatIsRefilledIsToldByTheRechargeWithItsAmountAndKind) {
  Books books = FundedAt(-Dollars(6));
  const Event opened = books.LastOf(EventKind::kRechargeOpened);
  EXPECT_EQ(opened.recharge_kind, RechargeKind::kAutomatic);
  EXPECT_EQ(opened.amount, Dollars(30));
  EXPECT_EQ(opened.recharge_ordinal, 2);
  EXPECT_EQ(opened.payment_method_id, "card-1");
  EXPECT_EQ(books.Count(EventKind::kLowBalance), 0);
  ASSERT_TRUE(books.Charge().ok());
  const Event recharged = books.LastOf(EventKind::kRechargeSucceeded);
  EXPECT_EQ(recharged.amount, Dollars(30));
  EXPECT_EQ(recharged.recharge_kind, RechargeKind::kAutomatic);
  EXPECT_EQ(recharged.decline_class, DeclineClass::kNone);
  ASSERT_TRUE(books.TopUp(Dollars(33)).ok());
  EXPECT_EQ(books.LastOf(EventKind::kRechargeOpened).recharge_kind, RechargeKind::kTopUp);
  ASSERT_TRUE(books.Unresolved().ok());
  EXPECT_EQ(books.LastOf(EventKind::kRechargeNeedsReview).amount, Dollars(33));
}

TEST(ConsequencesTest, D5_ADeclineSaysOfWhichClassItIs) {
  for (const DeclineClass decline_class :
       {DeclineClass::kSoft, DeclineClass::kHard, DeclineClass::kAuthenticationRequired}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.Decline(decline_class).ok());
    const bool soft = decline_class == DeclineClass::kSoft;
    const Event declined =
        books.LastOf(soft ? EventKind::kRechargeDeclined : EventKind::kRechargeFailed);
    EXPECT_EQ(declined.decline_class, decline_class);
    EXPECT_EQ(declined.amount, Dollars(15));
    EXPECT_EQ(declined.payment_method_id, "card-1");
    const Event card = books.LastOf(soft ? EventKind::kCardFailing : EventKind::kCardRefused);
    EXPECT_EQ(card.decline_class, decline_class);
    EXPECT_EQ(card.recharge_ordinal, 2);
    EXPECT_EQ(card.payment_method_id, "card-1");
    EXPECT_EQ(books.Count(EventKind::kCardFailing), soft ? 1 : 0);
    EXPECT_EQ(books.Count(EventKind::kCardRefused), soft ? 0 : 1);
  }
}

TEST(ConsequencesTest, D5_AFailingCardIsToldOnceUntilItHasWorked) {
  Books books = FundedAt(Dollars(5));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    EXPECT_EQ(books.Count(EventKind::kCardFailing), 1);
    books.Advance(absl::Hours(8));
  }
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.Count(EventKind::kCardFailing), 2);
}

TEST(ConsequencesTest, D5_ADipThatNothingRefillsIsToldWithTheReasonOnceUntilTheNext) {
  Settings settings;
  settings.retry_delays = {};
  settings.currencies["USD"].max_automatic_amount_per_hour = Dollars(15);
  for (const RefillObstacle obstacle :
       {RefillObstacle::kCardFailing, RefillObstacle::kCardRefused, RefillObstacle::kCapReached}) {
    Books books = FundedAt(Dollars(5), settings);
    if (obstacle == RefillObstacle::kCapReached) {
      ASSERT_TRUE(books.Charge().ok());
    } else {
      ASSERT_TRUE(books
                      .Decline(obstacle == RefillObstacle::kCardFailing ? DeclineClass::kSoft
                                                                        : DeclineClass::kHard)
                      .ok());
    }
    EXPECT_EQ(books.Count(EventKind::kLowBalance), 0) << "the decline has told it";
    for (int dip = 1; dip <= 2; ++dip) {
      ASSERT_TRUE(books.AdjustTo(Dollars(20) + 1).ok());
      ASSERT_TRUE(books.AdjustTo(Dollars(9)).ok());
      const Event low = books.LastOf(EventKind::kLowBalance);
      EXPECT_EQ(low.obstacle, obstacle);
      EXPECT_EQ(low.balance, Dollars(9));
      ASSERT_TRUE(books.Call(DearRate(), 60).ok());
      EXPECT_EQ(books.Count(EventKind::kLowBalance), dip);
    }
  }
}

TEST(ConsequencesTest, D5_ARaisedThresholdIsADipToo) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(12)).ok());
  ASSERT_TRUE(books.ChangeSettings(std::nullopt, Dollars(14)).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kLowBalance), 1);
}

TEST(ConsequencesTest, D5_WhoIsDisabledIsToldWhyAndNotOfALowBalanceToo) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
  ASSERT_TRUE(books.AdjustTo(0).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kDisabled), 1);
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kCardRefused);
  EXPECT_EQ(books.Count(EventKind::kLowBalance), 0);
}

TEST(ConsequencesTest, D5_AnAdjustmentSaysWhatItAddedAndWhoMadeIt) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.AdjustDown(Dollars(3)).ok());
  const Event adjusted = books.LastOf(EventKind::kBalanceAdjusted);
  EXPECT_EQ(adjusted.amount, -Dollars(3));
  EXPECT_EQ(adjusted.actor, "support-1");
  EXPECT_EQ(adjusted.reference, "ticket-7");
}

TEST(ConsequencesTest, G11_ThatTheBalanceIsBelowWhatTheCustomerChoseIsToldOnceADip) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.NotifyBelow(Dollars(30)).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(30)).ok());
  EXPECT_EQ(books.Count(EventKind::kBalanceNotice), 0) << "not below";
  for (int dip = 1; dip <= 2; ++dip) {
    ASSERT_TRUE(books.AdjustTo(Dollars(30) - 1).ok());
    EXPECT_EQ(books.CountInLast(EventKind::kBalanceNotice), 1);
    ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
    ASSERT_TRUE(books.AdjustTo(Dollars(25)).ok());
    EXPECT_EQ(books.Count(EventKind::kBalanceNotice), dip);
    ASSERT_TRUE(books.AdjustTo(Dollars(31)).ok());
  }
  ASSERT_TRUE(books.NotifyBelow(0).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(12)).ok());
  EXPECT_EQ(books.Count(EventKind::kBalanceNotice), 2) << "none is wanted any more";
}

}  // namespace
}  // namespace reserve::domain
