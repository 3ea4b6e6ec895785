// Usages that are put right: UNRATED ones, voids and corrections (U1, U5, U7, K3, C8, G12).
#include "services/ledger/domain/usage_correction_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Usage WithId(const std::string& usage_id, Usage usage) {
  usage.usage_id = usage_id;
  return usage;
}

class UsageCorrectionTest : public testing::Test {
 protected:
  UsageCorrectionTest() { books_.OpenFunded(); }

  Usage CallOf(const std::string& usage_id, int64_t seconds) {
    return WithId(usage_id, OutboundCall(books_.now(), seconds));
  }
  UsageStatus StatusOf(const std::string& usage_id) {
    return books_.usage_states().at(usage_id).status;
  }
  int64_t Used(const std::string& user_id, int32_t period = 0) {
    return books_.users().at(user_id).SecondsUsed(period);
  }
  Nanos balance() const { return books_.account().balance; }

  Books books_;
  const Rate standard_ = StandardRate();
  const Rate dear_ = DearRate();
};

// --- U1, K3 ------------------------------------------------------------------------

TEST_F(UsageCorrectionTest, U1_ACallWithoutAPriceIsBookedUnratedAtZeroAndToldOf) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", 60), nullptr).ok());
  EXPECT_EQ(balance(), Dollars(15));
  const Entry& entry = books_.entries().back();
  EXPECT_EQ(entry.booked->rating.basis, ChargeBasis::kUnrated);
  EXPECT_EQ(entry.booked->rating.unrated_reason, UnratedReason::kNoRate);
  EXPECT_EQ(StatusOf("x"), UsageStatus::kUnrated);
  EXPECT_EQ(books_.LastOf(EventKind::kUsageUnrated).usage_id, "x");
}

TEST_F(UsageCorrectionTest, U1_ACallOfAnUnknownUserIsBookedUnratedAndDrawsOnNothing) {
  ASSERT_TRUE(books_.Record("zoe", CallOf("x", 60), &standard_).ok());
  EXPECT_EQ(books_.entries().back().booked->rating.unrated_reason, UnratedReason::kUserUnknown);
  EXPECT_EQ(books_.users().count("zoe"), 0u);
}

TEST_F(UsageCorrectionTest, U1_AnInboundCallNeedsNoPrice) {
  ASSERT_TRUE(books_.Record("ann", WithId("x", InboundCall(books_.now(), 60)), nullptr).ok());
  EXPECT_EQ(books_.entries().back().booked->rating.basis, ChargeBasis::kInboundFree);
}

TEST_F(UsageCorrectionTest, K3_AnUnratedCallIsRatedOnceByAnEntryOfItsOwn) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", 60), nullptr).ok());
  ASSERT_TRUE(books_.RateNow("x", &dear_).ok());
  EXPECT_EQ(balance(), Dollars(15) - Cents(50));
  EXPECT_EQ(books_.entries().back().kind, EntryKind::kRating);
  EXPECT_EQ(books_.LastOf(EventKind::kUsageRated).amount, -Cents(50));
  ASSERT_TRUE(books_.RateNow("x", &dear_).ok());
  EXPECT_TRUE(books_.last().unchanged) << "it has its price";
}

TEST_F(UsageCorrectionTest, K3_OneWhoseUserComesButHasNoPriceSaysSo) {
  ASSERT_TRUE(books_.Record("zoe", CallOf("x", 60), nullptr).ok());
  ASSERT_TRUE(books_.PutUser("zoe", PerMinutePlan()).ok());
  ASSERT_TRUE(books_.RateNow("x", nullptr).ok());
  EXPECT_EQ(books_.usage_states().at("x").unrated_reason, UnratedReason::kNoRate);
  ASSERT_TRUE(books_.RateNow("x", nullptr).ok());
  EXPECT_TRUE(books_.last().unchanged);
}

TEST_F(UsageCorrectionTest, K3_ItDrawsOnTheAllowanceOfItsOwnPeriodInTheOrderOfRating) {
  books_.Advance(absl::Hours(24 * 30));  // December
  const Usage late =
      WithId("late", OutboundCall(books_.now() - absl::Hours(24 * 30), 600));  // November
  ASSERT_TRUE(books_.Record("mia", late, nullptr).ok());
  ASSERT_TRUE(books_.RateNow("late", &standard_).ok());
  EXPECT_EQ(Used("mia", 202611), 600);
  EXPECT_EQ(Used("mia", 202612), 0);
}

TEST_F(UsageCorrectionTest, G12_ARatingThatComesLaterOpensNoRechargeUntilTheNextUsage) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", int64_t{60} * 12), nullptr).ok());
  ASSERT_TRUE(books_.RateNow("x", &dear_).ok());  // $6.00: below the threshold
  EXPECT_EQ(books_.open(), nullptr);
  ASSERT_TRUE(books_.Record("ann", CallOf("y", 60), &standard_).ok());
  EXPECT_NE(books_.open(), nullptr);
}

// --- U5, U7 ------------------------------------------------------------------------

TEST_F(UsageCorrectionTest, U5_AVoidGivesMoneyAndFreeSecondsBack) {
  ASSERT_TRUE(books_.Record("ann", CallOf("wrong", 10'800), &standard_).ok());
  ASSERT_TRUE(books_.Record("ann", CallOf("dear", 60), &dear_).ok());
  ASSERT_TRUE(books_.Void("wrong").ok());
  EXPECT_EQ(Used("ann"), 0);
  ASSERT_TRUE(books_.Void("dear").ok());
  EXPECT_EQ(balance(), Dollars(15));
  EXPECT_EQ(books_.entries().back().voided.usage_id, "dear");
  EXPECT_EQ(books_.LastOf(EventKind::kUsageVoided).amount, Cents(50));
}

TEST_F(UsageCorrectionTest, U5_AUsageIsVoidedOnce) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", 60), &dear_).ok());
  ASSERT_TRUE(books_.Void("x").ok());
  ASSERT_TRUE(books_.Void("x").ok());
  EXPECT_TRUE(books_.last().unchanged);
  EXPECT_EQ(balance(), Dollars(15));
}

TEST_F(UsageCorrectionTest, U5_ACorrectedCallDrawsOnWhatTheWrongOneGivesBack) {
  ASSERT_TRUE(books_.Record("ann", CallOf("wrong", 18'000), &standard_).ok());
  ASSERT_TRUE(books_.Correct("wrong", "ann", CallOf("right", 306), &standard_).ok());
  EXPECT_EQ(Used("ann"), 360);
  EXPECT_EQ(balance(), Dollars(15));
  EXPECT_EQ(books_.entries().back().booked->corrects, "wrong");
  EXPECT_EQ(books_.usage_states().at("wrong").corrected_by, "right");
}

TEST_F(UsageCorrectionTest, U5_ACorrectionThatOvertakesItsOriginalVoidsItInAdvance) {
  ASSERT_TRUE(books_.Correct("wrong", "ann", CallOf("right", 60), &dear_).ok());
  EXPECT_EQ(StatusOf("wrong"), UsageStatus::kVoided);
  EXPECT_EQ(balance(), Dollars(15) - Cents(50));
}

TEST_F(UsageCorrectionTest, U5_ACorrectionOfAVoidedUsageBooksTheNewFact) {
  ASSERT_TRUE(books_.Record("ann", CallOf("wrong", 60), &dear_).ok());
  ASSERT_TRUE(books_.Void("wrong").ok());
  ASSERT_TRUE(books_.Correct("wrong", "ann", CallOf("right", 120), &dear_).ok());
  EXPECT_EQ(books_.last().entries.size(), 1u);
  EXPECT_EQ(balance(), Dollars(14));
}

TEST_F(UsageCorrectionTest, U5_AVoidOfAnUnratedUsageEndsItsWaiting) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", 60), nullptr).ok());
  ASSERT_TRUE(books_.Void("x").ok());
  ASSERT_TRUE(books_.RateNow("x", &dear_).ok());
  EXPECT_TRUE(books_.last().unchanged);
  EXPECT_EQ(balance(), Dollars(15));
}

TEST_F(UsageCorrectionTest, U5_AVoidIsNetOfAllRatings) {
  ASSERT_TRUE(books_.Record("ann", CallOf("x", 600), nullptr).ok());
  ASSERT_TRUE(books_.RateNow("x", &standard_).ok());
  EXPECT_EQ(Used("ann"), 600);
  ASSERT_TRUE(books_.Void("x").ok());
  EXPECT_EQ(Used("ann"), 0);
}

TEST_F(UsageCorrectionTest, U7_SecondsGoBackToTheAllowanceThatTheyCameFrom) {
  ASSERT_TRUE(books_.Record("mia", CallOf("november", 600), &standard_).ok());
  books_.Advance(absl::Hours(24 * 30));
  ASSERT_TRUE(books_.Record("mia", CallOf("december", 60), &standard_).ok());
  ASSERT_TRUE(books_.PutUser("mia", UnlimitedPlan()).ok());
  ASSERT_TRUE(books_.Void("november").ok());
  EXPECT_EQ(Used("mia", 202611), 0);
  EXPECT_EQ(Used("mia", 202612), 60);
}

TEST_F(UsageCorrectionTest, G12_ADearerCorrectionOpensNoRechargeUnlessItsRequestSaysSo) {
  ASSERT_TRUE(books_.Record("ann", CallOf("a", 60), &dear_).ok());
  Books asked = books_;
  ASSERT_TRUE(books_.Correct("a", "ann", CallOf("b", int64_t{60} * 12), &dear_).ok());
  EXPECT_EQ(books_.open(), nullptr);
  EXPECT_TRUE(books_.account().taken_back.waits());
  ASSERT_TRUE(asked.Correct("a", "ann", CallOf("b", int64_t{60} * 12), &dear_, true).ok());
  EXPECT_NE(asked.open(), nullptr);
}

TEST_F(UsageCorrectionTest, G1_AVoidThatLiftsTheBalanceCancelsTheRechargeThatWaits) {
  ASSERT_TRUE(books_.Record("ann", CallOf("wrong", int64_t{60} * 12), &dear_).ok());
  ASSERT_NE(books_.open(), nullptr);
  ASSERT_TRUE(books_.Void("wrong").ok());
  EXPECT_EQ(books_.open(), nullptr);
  EXPECT_EQ(books_.recharge(2).state, RechargeState::kCanceled);
}

TEST_F(UsageCorrectionTest, D1_AVoidThatLiftsTheBalanceAboveZeroEnablesTheAccount) {
  ASSERT_TRUE(books_.RemoveCard("card-1").ok());
  ASSERT_TRUE(books_.Record("ann", CallOf("wrong", int64_t{60} * 40), &dear_).ok());
  ASSERT_EQ(books_.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books_.Void("wrong").ok());
  EXPECT_EQ(books_.account().state, AccountState::kActive);
}

}  // namespace
}  // namespace reserve::domain
