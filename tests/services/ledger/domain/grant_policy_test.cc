// Promotional credit with an end: granted, drawn on before own money, given back, ended once (P6).
#include "services/ledger/domain/grant_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/error/error.h"
#include "services/ledger/domain/credit_grant.h"
#include "services/ledger/domain/grant_steps.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

class GrantTest : public testing::Test {
 protected:
  GrantTest() { books_.OpenFunded(); }  // $15 of its own

  void Grant(Nanos amount, absl::Duration lasts) {
    const absl::Status granted = books_.GrantCredit(amount, books_.now() + lasts);
    ASSERT_TRUE(granted.ok()) << granted;
  }
  // A dear call: $0.50 a minute.
  void Record(const std::string& usage_id, int64_t minutes) {
    Usage usage = OutboundCall(books_.now(), minutes * 60);
    usage.usage_id = usage_id;
    const absl::Status recorded = books_.Record("ann", usage, &dear_);
    ASSERT_TRUE(recorded.ok()) << recorded;
  }
  Nanos own() const { return books_.account().own_balance(); }
  Nanos promotional() const { return books_.account().promotional_balance(); }
  int Ends() const {
    int ends = 0;
    for (const Entry& entry : books_.entries()) ends += entry.kind == EntryKind::kGrantEnded;
    return ends;
  }

  Books books_;
  const Rate dear_ = DearRate();
};

TEST_F(GrantTest, P6_AGrantIsPartOfTheBalanceAndNoneOfTheAccountsOwnMoney) {
  Grant(Dollars(5), absl::Hours(24));
  EXPECT_EQ(books_.account().balance, Dollars(20));
  EXPECT_EQ(own(), Dollars(15));
  EXPECT_EQ(promotional(), Dollars(5));
  EXPECT_EQ(books_.entries().back().kind, EntryKind::kGrant);
  EXPECT_EQ(books_.LastOf(EventKind::kCreditGranted).amount, Dollars(5));
  EXPECT_EQ(books_.account().due.reason, DueReason::kGrantEnd);
}

TEST_F(GrantTest, P6_UsageDrawsOnTheEarliestEndFirstThenTheOldestThenOwnMoney) {
  Grant(Dollars(1), absl::Hours(48));
  Grant(Dollars(1), absl::Hours(24));
  Grant(Dollars(1), absl::Hours(24));
  Record("x", 7);  // $3.50
  EXPECT_EQ(books_.entries().back().booked->grant_draws, "2:1000000000 3:1000000000 1:1000000000");
  EXPECT_EQ(promotional(), 0);
  EXPECT_EQ(own(), Dollars(15) - Cents(50));
  Record("y", 1);
  EXPECT_EQ(books_.entries().back().booked->grant_draws, "");
}

TEST_F(GrantTest, P6_WhatIsLeftEndsOnceWithItsTimeAndOpensNoRecharge) {
  Grant(Dollars(2), absl::Hours(24));
  Record("x", 12);  // $6.00: $9.00 of its own and $2.00 drawn
  EXPECT_EQ(promotional(), 0);
  Books other;
  other.OpenFunded();
  ASSERT_TRUE(other.GrantCredit(Dollars(2), other.now() + absl::Hours(24)).ok());
  ASSERT_TRUE(other.Adjust(-Dollars(6)).ok());  // $9 of its own and $2: not low
  other.Advance(absl::Hours(24));
  ASSERT_TRUE(other.Reconsider().ok());
  EXPECT_EQ(other.account().balance, Dollars(9));
  EXPECT_EQ(other.open(), nullptr) << "the end of a grant starts no recharge";
  EXPECT_EQ(other.LastOf(EventKind::kCreditEnded).amount, -Dollars(2));
  const size_t entries = other.entries().size();
  ASSERT_TRUE(other.Reconsider().ok());
  EXPECT_EQ(other.entries().size(), entries) << "once";
  EXPECT_TRUE(other.account().grants.empty());
}

TEST_F(GrantTest, P6_AUsageAfterTheEndDrawsOnNothingThoughNobodyHasLookedYet) {
  Grant(Dollars(2), absl::Hours(1));
  books_.Advance(absl::Hours(2));
  Record("x", 1);
  EXPECT_EQ(promotional(), 0);
  EXPECT_EQ(own(), Dollars(15) - Cents(50));
  EXPECT_EQ(Ends(), 1);
}

TEST_F(GrantTest, P6_AVoidGivesBackToTheSameGrantAlsoWhereItWasUsedUp) {
  Grant(Dollars(1), absl::Hours(24));
  Record("x", 3);  // $1.50
  ASSERT_TRUE(books_.Void("x").ok());
  EXPECT_EQ(promotional(), Dollars(1));
  EXPECT_EQ(own(), Dollars(15));
  EXPECT_EQ(books_.entries().back().grant.returned, "1:1000000000");
  Record("y", 1);
  EXPECT_EQ(promotional(), Cents(50));
}

TEST_F(GrantTest, P6_WhatAVoidGivesBackToAnEndedGrantEndsInTheSameTransaction) {
  Grant(Dollars(1), absl::Hours(1));
  Record("x", 3);
  books_.Advance(absl::Hours(2));
  ASSERT_TRUE(books_.Void("x").ok());
  EXPECT_EQ(books_.last().entries.size(), 2u);
  EXPECT_EQ(books_.account().balance, Dollars(15));
  EXPECT_EQ(promotional(), 0);
  EXPECT_EQ(Ends(), 1);
}

// A usage of $11 that a grant paid that is over; then `own` more, of the account's own money.
void UsePromotionThen(Nanos own, Books* books) {
  ASSERT_TRUE(books->GrantCredit(Dollars(11), books->now() + absl::Minutes(10)).ok());
  Usage usage = OutboundCall(books->now(), int64_t{60} * 22);
  usage.usage_id = "promoted";
  const Rate dear = DearRate();
  ASSERT_TRUE(books->Record("ann", usage, &dear).ok());
  ASSERT_TRUE(books->Use(own).ok());
}

TEST_F(GrantTest, G12_AVoidOfWhatAnEndedGrantPaidTakesNothingAndCancelsNoRetry) {
  UsePromotionThen(Dollars(15) + Cents(50), &books_);
  ASSERT_TRUE(books_.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books_.account().state, AccountState::kDisabled);
  const Recharge retry = books_.recharge(2);
  books_.Advance(absl::Minutes(20));
  ASSERT_TRUE(books_.Void("promoted").ok());
  EXPECT_EQ(books_.account().balance, -Cents(50));
  EXPECT_EQ(Ends(), 1);
  EXPECT_EQ(books_.account().effective_balance(), -Cents(50));
  EXPECT_FALSE(books_.account().taken_back.waits());
  EXPECT_EQ(books_.recharge(2), retry);
}

TEST_F(GrantTest, G12_AVoidOfWhatAnEndedGrantPaidPromisesNoMoneyThatIsNotThere) {
  UsePromotionThen(Dollars(15) - Cents(20), &books_);
  books_.Advance(absl::Minutes(20));
  ASSERT_TRUE(books_.Void("promoted").ok());
  EXPECT_EQ(books_.account().effective_balance(), Cents(20));
  EXPECT_EQ(books_.Authorize("ann", OutboundCall(books_.now(), 60), &dear_).decision,
            Decision::kInsufficientBalance);
}

TEST_F(GrantTest, G12_ACorrectionOrANewRatingOfWhatAnEndedGrantPaidTakesNothing) {
  UsePromotionThen(Dollars(6), &books_);
  ASSERT_TRUE(books_.Decline(DeclineClass::kSoft).ok());
  books_.Advance(absl::Minutes(20));
  Rate cheap = dear_;
  cheap.price = Cents(10);
  ASSERT_TRUE(books_.RateAgain("promoted", &cheap).ok());
  EXPECT_FALSE(books_.account().taken_back.waits());
  Usage shorter = OutboundCall(books_.now() - absl::Minutes(20), 60);
  shorter.usage_id = "shorter";
  ASSERT_TRUE(books_.Correct("promoted", "ann", shorter, &dear_).ok());
  EXPECT_FALSE(books_.account().taken_back.waits());
  EXPECT_EQ(books_.account().balance, Dollars(9));
  // One that costs more takes what it costs more.
  Usage longer = shorter;
  longer.usage_id = "longer";
  longer.duration = absl::Minutes(5);
  ASSERT_TRUE(books_.Correct("shorter", "ann", longer, &dear_).ok());
  EXPECT_EQ(books_.account().taken_back.amount, Dollars(2));
}

// --- G12: the act that meets the end of a grant ends the wait that this begins -------------

// $11 of its own and $2 whose time is over, and nobody has looked yet.
void GoBeyondAGrant(Books* books) {
  ASSERT_TRUE(books->GrantCredit(Dollars(2), books->now() + absl::Hours(1)).ok());
  ASSERT_TRUE(books->AdjustDown(Dollars(4)).ok());
  books->Advance(absl::Hours(2));
}

TEST_F(GrantTest, G12_AUsageThatMeetsTheEndOfAGrantRecharges) {
  GoBeyondAGrant(&books_);
  Record("x", 4);
  EXPECT_EQ(books_.account().balance, Dollars(9));
  ASSERT_NE(books_.open(), nullptr);
  EXPECT_EQ(books_.open()->amount, Dollars(15));
  EXPECT_FALSE(books_.account().taken_back.waits());
}

TEST_F(GrantTest, G12_ACallForHelpThatMeetsTheEndOfAGrantDoesNot) {
  GoBeyondAGrant(&books_);
  ASSERT_TRUE(books_.AdjustDown(Dollars(2)).ok());
  ASSERT_TRUE(books_.RecordEmergency("ann").ok());
  EXPECT_EQ(books_.open(), nullptr);
  EXPECT_TRUE(books_.account().taken_back.waits());
}

TEST_F(GrantTest, G12_AnEstimateAndItsCdrThatMeetTheEndOfAGrantRecharge) {
  ASSERT_TRUE(books_.GrantCredit(Dollars(2), books_.now() + absl::Hours(1)).ok());
  ASSERT_TRUE(books_.AdjustDown(Dollars(4)).ok());
  ASSERT_EQ(*books_.Hold("h", "ann", dear_), Decision::kAllowed);
  ASSERT_TRUE(books_.Extend("h", 1, absl::Minutes(4)).ok());  // $2.00
  books_.Advance(absl::Hours(48));
  ASSERT_TRUE(books_.EndHolds().ok());  // it is to come
  books_.Advance(absl::Hours(48));
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_EQ(books_.Count(EventKind::kUsageEstimated), 1);
  EXPECT_FALSE(books_.account().taken_back.waits());
}

TEST_F(GrantTest, G12_AnActOfTheCustomersThatMeetsTheEndOfAGrantRecharges) {
  // $9 and a grant of $2.
  ASSERT_TRUE(books_.GrantCredit(Dollars(2), books_.now() + absl::Hours(1)).ok());
  ASSERT_TRUE(books_.AdjustDown(Dollars(6)).ok());
  books_.Advance(absl::Hours(2));
  ASSERT_TRUE(books_.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books_.account().balance, Dollars(9));
  EXPECT_NE(books_.open(), nullptr);
}

TEST_F(GrantTest, P6_AGrantThatEndsInsideACorrectionCostsTheCustomerNothing) {
  Grant(Dollars(1), absl::Hours(1));
  Record("wrong", 4);  // $2.00, $1.00 of it promotional
  books_.Advance(absl::Hours(2));
  Usage right = OutboundCall(books_.now() - absl::Hours(2), int64_t{60} * 3);
  right.usage_id = "right";
  ASSERT_TRUE(books_.Correct("wrong", "ann", right, &dear_).ok());
  EXPECT_EQ(books_.account().balance, Dollars(15) - Cents(50)) << "$1.50, $1.00 of it promotional";
  EXPECT_EQ(Ends(), 0);
  // And one that costs less than what was drawn: the rest ends.
  Usage less = OutboundCall(books_.now() - absl::Hours(2), 60);
  less.usage_id = "less";
  ASSERT_TRUE(books_.Correct("right", "ann", less, &dear_).ok());
  EXPECT_EQ(books_.account().balance, Dollars(15));
  EXPECT_EQ(Ends(), 1);
}

TEST_F(GrantTest, P6_AUsageThatIsRatedLaterDrawsOnTheGrantsThatThereWereWhenItWasBooked) {
  Grant(Dollars(1), absl::Hours(24));
  Usage usage = OutboundCall(books_.now(), int64_t{60} * 4);
  usage.usage_id = "waits";
  ASSERT_TRUE(books_.Record("ann", usage, nullptr).ok());
  Grant(Dollars(1), absl::Hours(12));
  ASSERT_TRUE(books_.RateNow("waits", &dear_).ok());  // $2.00
  EXPECT_EQ(books_.entries().back().booked->grant_draws, "1:1000000000");
  EXPECT_EQ(promotional(), Dollars(1));
}

TEST_F(GrantTest, P6_AUsageThatIsRatedAgainGivesItsDrawsBackFirst) {
  Grant(Dollars(1), absl::Hours(24));
  Record("x", 4);  // $2.00
  Rate cheap = dear_;
  cheap.price = Cents(10);
  ASSERT_TRUE(books_.RateAgain("x", &cheap).ok());  // $0.40
  EXPECT_EQ(own(), Dollars(15));
  EXPECT_EQ(promotional(), Cents(60));
  ASSERT_TRUE(books_.RateAgain("x", &dear_).ok());
  EXPECT_EQ(own(), Dollars(14));
  EXPECT_EQ(promotional(), 0);
}

TEST_F(GrantTest, P6_RefundsGoByTheAccountsOwnMoney) {
  Grant(Dollars(5), absl::Hours(24));
  ASSERT_TRUE(books_.Adjust(-Dollars(10)).ok());  // $5 of its own and $5
  EXPECT_EQ(ReasonOf(books_.Refund(1, Dollars(6))), "INSUFFICIENT_BALANCE");
  EXPECT_TRUE(books_.Refund(1, Dollars(5)).ok());
}

TEST_F(GrantTest, P6_AGrantFundsNoAccount) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.GrantCredit(Dollars(50), books.now() + absl::Hours(24)).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
}

TEST_F(GrantTest, D1_AGrantBringsADisabledAccountAboveZero) {
  Record("x", 40);  // $20.00
  ASSERT_LT(books_.account().balance, 0);
  Grant(Dollars(10), absl::Hours(24));
  EXPECT_GT(books_.account().balance, 0);
  EXPECT_EQ(own(), -Dollars(5));
}

TEST_F(GrantTest, BadGrantsAreRefused) {
  EXPECT_EQ(FieldOf(books_.GrantCredit(0, books_.now() + absl::Hours(1))), "amount");
  EXPECT_EQ(FieldOf(books_.GrantCredit(Dollars(1), books_.now())), "expire_time");
  EXPECT_EQ(FieldOf(books_.GrantCredit(Dollars(1), books_.now() + absl::Hours(24 * 4000))),
            "expire_time");
  for (size_t i = 0; i < kMostCreditGrants; ++i) Grant(Dollars(1), absl::Hours(24));
  EXPECT_EQ(ReasonOf(books_.GrantCredit(Dollars(1), books_.now() + absl::Hours(1))),
            "TOO_MANY_GRANTS");
}

TEST(CreditGrantTest, DrawsComeBackFromTheirText) {
  const std::vector<GrantDraw> draws = {{1, 250}, {30, 5}};
  EXPECT_EQ(TextOf(draws), "1:250 30:5");
  EXPECT_EQ(DrawsFrom("1:250 30:5"), draws);
  EXPECT_TRUE(DrawsFrom("").empty());
  EXPECT_TRUE(DrawsFrom("1:x").empty());
}

}  // namespace
}  // namespace reserve::domain
