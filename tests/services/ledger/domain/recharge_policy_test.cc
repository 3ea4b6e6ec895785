// Recharging: when one is opened and when it ends, what success brings, top-ups: G1, G3, G4, G8
// (docs/RULES.md). Amounts and caps are in refill_test.cc, cards in payment_method_policy_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

// At 10:00 the card was declined for now, the balance being $5: recharge 2 waits for 11:00. It
// is 10:30.
Books WaitingForEleven() {
  Books books;
  books.OpenFunded();
  books.Advance(absl::Hours(1));
  EXPECT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  books.Advance(absl::Minutes(30));
  EXPECT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(30));
  EXPECT_TRUE(books.account().open_waits);
  return books;
}

// --- G1 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G1_BalanceExactlyAtThresholdDoesNotRecharge) {
  const Books books = FundedAt(Dollars(10));
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G1_OneNanoBelowTheThresholdRechargesInTheSameTransaction) {
  const Books books = FundedAt(Dollars(10) - 1);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 2);
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
  EXPECT_EQ(books.open()->state, RechargeState::kOpen);
  EXPECT_EQ(books.open()->amount, Dollars(15));
  EXPECT_EQ(books.open()->card, CardNamed("visa"));
  EXPECT_EQ(books.open()->payment_method_id, "card-1");
  EXPECT_LE(books.open()->due_time, books.now());
  EXPECT_EQ(books.open()->create_time, books.now());
  EXPECT_EQ(books.last().recharges.size(), 1u);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
}

TEST(RechargePolicyTest, G1_AUsageThatDipsBelowTheThresholdRecharges) {
  Books books = FundedAt(Dollars(10));
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_NE(books.open(), nullptr);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
}

TEST(RechargePolicyTest, G1_NoCardThatMayBeChargedNoRecharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G1_ASuccessThatLeavesTheBalanceLowOpensTheNext) {
  Books books = FundedAt(Dollars(9));
  ASSERT_TRUE(books.Call(DearRate(), int64_t{40} * 60).ok());  // -$11 while $15 is under way
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(4));
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
}

TEST(RechargePolicyTest, G1_ABlockedAccountIsNotRechargedUntilItIsUnblocked) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.Block("checking papers").ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Unblock("papers are fine").ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(RechargePolicyTest, G1_AFailingCardWithAScheduleIsWaitedForByARechargeOfItsOwn) {
  Books books = WaitingForEleven();
  ASSERT_TRUE(books.AdjustTo(Dollars(20)).ok());
  ASSERT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.AdjustTo(Dollars(9)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(30));
  EXPECT_TRUE(books.account().open_waits);
}

struct EndOfTheWait {
  const char* what;
  std::function<absl::Status(Books&)> command;
};

TEST(RechargePolicyTest, G1_ARetryWaitsForElevenAndAtHalfPastTenItIsNotWantedAnyMore) {
  const std::vector<EndOfTheWait> cases = {
      {"the customer switches off", [](Books& books) { return books.SwitchAutomatic(false); }},
      {"the last card is removed", [](Books& books) { return books.RemoveCard("card-1"); }},
      {"support blocks", [](Books& books) { return books.Block("fraud"); }},
      {"a charge of that card is disputed",
       [](Books& books) { return books.TellDispute("dp_1", DisputeState::kOpened, Dollars(1)); }},
      {"the balance is paid otherwise", [](Books& books) { return books.Adjust(Dollars(5)); }},
  };
  for (const EndOfTheWait& c : cases) {
    Books books = WaitingForEleven();
    const int64_t epoch = books.open()->lease_epoch;
    ASSERT_TRUE(c.command(books).ok()) << c.what;
    EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled) << c.what;
    EXPECT_EQ(books.recharge(2).end_time, books.now()) << c.what;
    EXPECT_GT(books.recharge(2).lease_epoch, epoch) << c.what << ": no lease can be taken on it";
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeCanceled), 1) << c.what;
    EXPECT_EQ(books.open(), nullptr) << c.what;
    EXPECT_EQ(books.account().state, AccountState::kActive) << c.what;
    books.Advance(absl::Hours(24));
    ASSERT_TRUE(books.Reconsider().ok());
    EXPECT_EQ(books.open(), nullptr) << c.what;
  }
}

TEST(RechargePolicyTest, G1_WhatIsWantedAgainWaitsForTheSameTime) {
  Books books = WaitingForEleven();
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books.SwitchAutomatic(true).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(30));
}

TEST(RechargePolicyTest, G1_ARechargeThatWaitsHasTheAmountThatWouldBeOpenedNow) {
  Books books = WaitingForEleven();
  const int64_t epoch = books.open()->lease_epoch;
  ASSERT_TRUE(books.AdjustTo(-Dollars(20)).ok());
  EXPECT_EQ(books.open()->ordinal, 2);
  EXPECT_EQ(books.open()->amount, Dollars(30));
  EXPECT_GT(books.open()->lease_epoch, epoch);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Minutes(30));
  ASSERT_TRUE(books.AdjustTo(Dollars(1)).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

TEST(RechargePolicyTest, G1_AnAttemptInFlightEndsThoughItIsNotWantedAnyMore) {
  for (const char* what : {"off", "blocked", "paid", "removed"}) {
    Books books = FundedAt(Dollars(5));
    ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
    books.HandOut();
    const Recharge before = books.recharge(2);
    const std::string how = what;
    if (how == "off") {
      ASSERT_TRUE(books.SwitchAutomatic(false).ok());
    } else if (how == "blocked") {
      ASSERT_TRUE(books.Block("fraud").ok());
    } else if (how == "paid") {
      ASSERT_TRUE(books.Adjust(Dollars(50)).ok());
    } else {
      ASSERT_TRUE(books.RemoveCard("card-1").ok());
    }
    EXPECT_EQ(books.recharge(2), before) << what;
    Books declined = books;
    ASSERT_TRUE(books.Report(2, SuccessOf(before)).ok());
    EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded) << what;
    EXPECT_EQ(books.entries().back().amount, Dollars(15)) << what;
    ASSERT_TRUE(declined.Report(2, DeclineOf(before, DeclineClass::kSoft)).ok());
    if (how == "removed") {
      EXPECT_EQ(declined.open()->card, CardNamed("amex"));
      continue;
    }
    EXPECT_EQ(declined.recharge(2).state, RechargeState::kCanceled) << what;
    EXPECT_EQ(declined.open(), nullptr) << what << ": a decline is followed by no other attempt";
  }
}

// --- G3 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G3_WhileARechargeIsOpenNoOtherIsOpened) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.recharges().size(), 2u);
}

TEST(RechargePolicyTest, G3_AReviewStopsAutomaticRechargingAloneAndATopUpGoesBesideIt) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
  EXPECT_EQ(books.account().open_ordinal, 0);
  EXPECT_EQ(books.account().set_aside, 1);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeNeedsReview), 1);
  ASSERT_TRUE(books.Call(DearRate(), 60).ok());
  EXPECT_EQ(books.recharges().size(), 2u);
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Cents(650));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
  EXPECT_EQ(books.open(), nullptr) << "low, and the review still stops what is automatic";
}

TEST(RechargePolicyTest, G3_ASuccessFoundAfterAReviewIsCreditedAndG1GoesOn) {
  Books books = FundedAt(-Dollars(14));
  ASSERT_TRUE(books.Unresolved().ok());
  books.Advance(absl::Hours(48));
  const int64_t amount = books.recharge(2).amount;
  ASSERT_TRUE(books.Use(Dollars(10)).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, -Dollars(24) + amount);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.account().set_aside, 0);
  ASSERT_NE(books.open(), nullptr) << "nothing stops it any more";
  EXPECT_EQ(books.open()->ordinal, 3);
}

TEST(RechargePolicyTest, G3_ADeclineFoundAfterAReviewEndsIt) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.Report(2, DeclineOf(books.recharge(2), DeclineClass::kHard)).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().set_aside, 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kRefused);
}

TEST(RechargePolicyTest, G3_ARechargeUnderReviewIsNotMovedToANewCard) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.card("card-1").card, CardNamed("amex"));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
  EXPECT_EQ(books.recharge(2).card, CardNamed("visa"));
  EXPECT_EQ(books.recharges().size(), 2u);
}

TEST(RechargePolicyTest, G3_WhatTheGatewayCallsPendingIsInFlightForDaysAndNeverAReviewByAge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Pending().ok());
  EXPECT_EQ(books.CountInLast(EventKind::kRechargePending), 1);
  const absl::Time since = books.now();
  for (int day = 0; day < 5; ++day) {
    EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
    EXPECT_TRUE(books.recharge(2).in_flight());
    EXPECT_EQ(books.recharge(2).pending_time, since);
    EXPECT_EQ(books.recharge(2).due_time, books.now() + absl::Minutes(5)) << "looked up again";
    ASSERT_TRUE(books.Use(Cents(10)).ok());
    EXPECT_EQ(books.recharges().size(), 2u);
    books.Advance(absl::Hours(24));
    ASSERT_TRUE(books.Pending().ok());
  }
  EXPECT_EQ(books.Count(EventKind::kRechargePending), 1) << "told once";
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Cents(1'950));
}

TEST(RechargePolicyTest, G3_WhatIsPendingStandsInTheWayOfATopUpForAnHour) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Pending().ok());
  books.Advance(absl::Minutes(20));
  const absl::Status refused = books.TopUp(Dollars(20));
  EXPECT_EQ(ReasonOf(refused), "RECHARGE_IN_FLIGHT");
  EXPECT_EQ(RetryAfterOf(refused), absl::Minutes(40));
  books.Advance(absl::Minutes(40));
  ASSERT_TRUE(books.TopUp(Dollars(4)).ok());
  EXPECT_TRUE(books.recharge(2).set_aside);
  EXPECT_EQ(books.account().set_aside, 1);
  EXPECT_EQ(books.open()->ordinal, 3);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.open(), nullptr) << "$9, and what is pending stops automatic recharging";
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(24));
  EXPECT_EQ(books.account().set_aside, 0);
}

TEST(RechargePolicyTest, G3_WhatWasSetAsideAndIsDeclinedIsNotTriedAgain) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Pending().ok());
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Report(2, DeclineOf(books.recharge(2), DeclineClass::kSoft)).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(books.account().set_aside, 0);
  EXPECT_EQ(books.open()->ordinal, 3) << "the top-up goes on";
}

TEST(RechargePolicyTest, G3_APendingChargeThatIsDeclinedGoesOnWithTheNextCard) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Pending().ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->ordinal, 2);
  EXPECT_EQ(books.open()->attempt, 2);
  EXPECT_FALSE(books.open()->pending());
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
}

// --- G4 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G4_ASuccessCreditsOnceAndARepeatChangesNothing) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome success = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, success).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.account().open_ordinal, 0);
  const Recharge& recharge = books.recharge(2);
  EXPECT_EQ(recharge.state, RechargeState::kSucceeded);
  EXPECT_EQ(recharge.charge_id, success.charge_id);
  EXPECT_EQ(recharge.credited, Dollars(15));
  EXPECT_EQ(recharge.end_time, books.now());
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kRecharge);
  EXPECT_EQ(entry.amount, Dollars(15));
  EXPECT_EQ(entry.recharge_ordinal, 2);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeSucceeded), 1);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Report(2, success).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(20));
  ChargeOutcome second = success;
  second.charge_id = "ch_of_a_zombie";
  EXPECT_EQ(ReasonOf(books.Report(2, second)), "ALREADY_CREDITED");
}

TEST(RechargePolicyTest, G4_ASuccessIsAppliedWhateverTheLeaseSays) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome of_the_first_worker = SuccessOf(*books.open());
  books.Advance(absl::Minutes(1));
  books.HandOut();
  ASSERT_TRUE(books.Report(2, of_the_first_worker).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(20));
}

TEST(RechargePolicyTest, G4_ASuccessOfAnEarlierAttemptIsCreditedAndCloses) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome first = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  ASSERT_EQ(books.recharge(2).attempt, 2);
  ASSERT_TRUE(books.Report(2, first).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
}

TEST(RechargePolicyTest, G4_ALateSuccessOfAFailedOrCanceledRechargeIsCredited) {
  for (const bool canceled : {false, true}) {
    Books books = FundedAt(-Dollars(2));
    books.HandOut();
    const ChargeOutcome success = SuccessOf(*books.open());
    const DeclineClass decline = canceled ? DeclineClass::kSoft : DeclineClass::kHard;
    ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), decline)).ok());
    if (canceled) {
      ASSERT_TRUE(books.SwitchAutomatic(false).ok());
    }
    ASSERT_EQ(books.account().state, AccountState::kDisabled);
    ASSERT_EQ(books.recharge(2).state,
              canceled ? RechargeState::kCanceled : RechargeState::kFailed);
    ASSERT_TRUE(books.Report(2, success).ok());
    EXPECT_EQ(books.account().balance, Dollars(13));
    EXPECT_EQ(books.account().state, AccountState::kActive);
    EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  }
}

TEST(RechargePolicyTest, G4_MoreThanWasAskedForOrAnotherCurrencyIsAReview) {
  for (const bool other_currency : {false, true}) {
    Books books = FundedAt(Dollars(5));
    books.HandOut();
    ChargeOutcome outcome = SuccessOf(*books.open());
    if (other_currency) {
      outcome.currency = "EUR";
    } else {
      outcome.amount += Cents(1);
    }
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_EQ(books.account().balance, Dollars(5));
    EXPECT_EQ(books.recharge(2).state, RechargeState::kNeedsReview);
    EXPECT_EQ(books.recharge(2).charge_id, outcome.charge_id);
    EXPECT_EQ(books.account().set_aside, 1);
    EXPECT_EQ(books.CountInLast(EventKind::kRechargeNeedsReview), 1);
    ASSERT_TRUE(books.Report(2, outcome).ok());
    EXPECT_TRUE(books.last().unchanged);
    ASSERT_TRUE(books.Resolve(2, {true, outcome.charge_id, Dollars(15) + Cents(1)}).ok());
    EXPECT_EQ(books.account().balance, Dollars(20) + Cents(1));
    EXPECT_EQ(books.account().set_aside, 0);
  }
}

TEST(RechargePolicyTest, G4_TwelveCapturedOfFifteenCreditTwelveAndTheCardRestsForAnHour) {
  Books books = FundedAt(-Dollars(5));
  ASSERT_TRUE(books.ChargeInPart(Dollars(12)).ok());
  EXPECT_EQ(books.account().balance, Dollars(7));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded);
  EXPECT_EQ(books.recharge(2).credited, Dollars(12));
  EXPECT_EQ(books.CountInLast(EventKind::kChargedLess), 1);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->ordinal, 3);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(1));
  // The customer may have it charged at once, and another card may be, too.
  Books by_hand = books;
  ASSERT_TRUE(by_hand.TopUp(Dollars(20)).ok());
  EXPECT_LE(by_hand.open()->due_time, by_hand.now());
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(RechargePolicyTest, G4_ACardThatPaidInPartRestsThroughADispute) {
  Books books = FundedAt(-Dollars(5));
  ASSERT_TRUE(books.ChargeInPart(Dollars(12)).ok());
  const absl::Time rested = books.open()->due_time;
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  ASSERT_TRUE(books.Use(0).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->due_time, rested);
}

TEST(RechargePolicyTest, G4_ACentCapturedStartsNoStorm) {
  Books books = FundedAt(-Dollars(5));
  const absl::Time midnight = EndOfUtcDay(books.now());
  int charges = 0;
  while (books.open() != nullptr && books.open()->due_time < midnight) {
    ASSERT_TRUE(books.ChargeInPart(Cents(1)).ok());
    ++charges;
  }
  EXPECT_LE(charges, 15) << "one an hour from nine on";
}

TEST(RechargePolicyTest, G4_ACardThatWasConfirmedSinceDoesNotRestForWhatWasCapturedBefore) {
  Books books = FundedAt(-Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok());
  ChargeOutcome outcome = SuccessOf(*books.open());
  outcome.amount = Dollars(12);
  ASSERT_TRUE(books.Report(2, outcome).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_LE(books.open()->due_time, books.now());
}

TEST(RechargePolicyTest, G4_SuccessClearsTheFailingMark) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.StateOf("card-1"), CardState::kFailing);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.card("card-1").soft_declines, 0);
}

TEST(RechargePolicyTest, G4_TheFailingMarkStaysWhereALaterAttemptWasDeclined) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome first = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Report(2, first).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
  EXPECT_EQ(books.card("card-1").soft_declines, 2);
}

TEST(RechargePolicyTest, G4_TheFailingMarkStaysWhereALaterRechargeWasDeclined) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Pending().ok());
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kFailing);
}

TEST(RechargePolicyTest, G4_ALateSuccessSaysNothingOfTheCardThatIsTriedByNow) {
  Books books = FundedAt(-Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  books.HandOut();
  ChargeOutcome of_visa = SuccessOf(*books.open());
  of_visa.amount = Dollars(12);
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_TRUE(books.Report(2, of_visa).ok());
  EXPECT_EQ(books.account().balance, Dollars(7));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.card("card-1").retry_time, books.now() + absl::Hours(1)) << "it rests";
  EXPECT_EQ(books.StateOf("card-2"), CardState::kFailing);
}

TEST(RechargePolicyTest, G4_ALateSuccessSaysWhichCardItCharged) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  books.HandOut();
  const ChargeOutcome of_visa = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  books.HandOut();
  ASSERT_EQ(books.open()->payment_method_id, "card-2");
  ASSERT_TRUE(books.Report(2, of_visa).ok());
  EXPECT_EQ(books.recharge(2).payment_method_id, "card-1");
  EXPECT_EQ(books.recharge(2).card.fingerprint, "fp_visa");
  EXPECT_EQ(books.LastOf(EventKind::kRechargeSucceeded).payment_method_id, "card-1");
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
}

TEST(RechargePolicyTest, G4_ALateSuccessIsOfTheNumberThatWasChargedThoughItsCardIsGone) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  books.HandOut();
  const ChargeOutcome of_visa = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kHard)).ok());
  books.HandOut();
  ASSERT_TRUE(books.Give("card-1", Given(CardNamed("other"))).ok());
  ASSERT_TRUE(books.Report(2, of_visa).ok());
  EXPECT_EQ(books.recharge(2).payment_method_id, "") << "no card of the account has it any more";
  EXPECT_EQ(books.recharge(2).card.fingerprint, "fp_visa");
}

TEST(RechargePolicyTest, G4_SuccessEnablesAsSoonAsTheBalanceIsAboveZero) {
  struct Case {
    Nanos balance_before;
    AccountState state;
  };
  for (const Case& c : std::vector<Case>{{-Dollars(15) + 1, AccountState::kActive},
                                         {-Dollars(15), AccountState::kDisabled}}) {
    Books books = FundedAt(Dollars(1));
    ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
    books.AdvanceToDue();
    books.HandOut();
    ASSERT_TRUE(books.AdjustTo(c.balance_before).ok());
    ASSERT_EQ(books.account().state, AccountState::kDisabled);
    ASSERT_TRUE(books.Charge().ok());
    EXPECT_EQ(books.account().balance, c.balance_before + Dollars(15));
    EXPECT_EQ(books.account().state, c.state) << c.balance_before;
    EXPECT_NE(books.open(), nullptr) << "the balance is still below the threshold";
  }
}

TEST(RechargePolicyTest, G4_SuccessNeverLiftsAnAdministratorsBlock) {
  Books books = FundedAt(-Dollars(2));
  books.HandOut();
  ASSERT_TRUE(books.Block("fraud").ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_TRUE(books.account().blocked());
  EXPECT_EQ(books.Authorize("uma", InboundCall(books.now(), 0), nullptr).decision,
            Decision::kAccountBlocked);
}

// --- G8 --------------------------------------------------------------------------

TEST(RechargePolicyTest, G8_ATopUpGoesThroughTheSamePipelineOfExactlyTheAmount) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.TopUp(Cents(3'301)).ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kTopUp);
  EXPECT_EQ(books.open()->amount, Cents(3'301));
  EXPECT_FALSE(books.open()->request_id.empty());
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeOpened), 1);
  ASSERT_TRUE(books.AdjustTo(-Dollars(50)).ok());
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open()->amount, Cents(3'301)) << "whatever the balance";
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, -Cents(1'699));
}

TEST(RechargePolicyTest, G8_ATopUpWithoutAnAmountIsTheReserveAmount) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  EXPECT_EQ(books.open()->amount, Dollars(15));
}

TEST(RechargePolicyTest, G8_ATopUpIsWholeCentsAboveZeroAndNotTooMuch) {
  Books books;
  books.OpenFunded();
  for (const Nanos amount : {Nanos{0}, -Dollars(1), Dollars(20) + 1, Dollars(10'000) + Cents(1)}) {
    const absl::Status status = books.TopUp(amount);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << amount;
    EXPECT_EQ(FieldOf(status), "amount") << amount;
  }
}

TEST(RechargePolicyTest, G8_RefusalsComeInOneOrder) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.Block("fraud").ok());
  EXPECT_EQ(FieldOf(books.TopUp(Nanos{0})), "amount");
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "ACCOUNT_BLOCKED");
  ASSERT_TRUE(books.Unblock("cleared").ok());
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "RECHARGE_IN_FLIGHT");
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "NO_CARD");
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "CARD_REFUSED");
  books.stored().payment_methods[0].state = CardState::kDisputed;
  EXPECT_EQ(ReasonOf(books.TopUp(std::nullopt)), "CARD_DISPUTED");
}

TEST(RechargePolicyTest, G8_OnlyAnAttemptInFlightStandsInTheWayAndTheRefusalSaysUntilWhen) {
  Books books = FundedAt(Dollars(5));
  books.HandOut(absl::Seconds(30));
  books.Advance(absl::Seconds(10));
  const absl::Status refused = books.TopUp(Dollars(20));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "RECHARGE_IN_FLIGHT");
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(20));
  EXPECT_EQ(books.recharges().size(), 2u);
}

TEST(RechargePolicyTest, G8_ATopUpTakesThePlaceOfARechargeThatWaitsForItsRetry) {
  Books books = WaitingForEleven();
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  EXPECT_EQ(books.CountInLast(EventKind::kRechargeCanceled), 1);
  EXPECT_EQ(books.open()->ordinal, 3);
  EXPECT_EQ(books.open()->kind, RechargeKind::kTopUp);
  EXPECT_LE(books.open()->due_time, books.now());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(25));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.open(), nullptr);
}

TEST(RechargePolicyTest, G8_ATopUpThatNobodyHasSentYetIsNotTakenBackByAnother) {
  Books books = FundedAt(Dollars(30));
  ASSERT_TRUE(books.TopUp(Dollars(50)).ok());
  books.Advance(absl::Seconds(5));
  const absl::Status refused = books.TopUp(Dollars(20));
  EXPECT_EQ(ReasonOf(refused), "RECHARGE_IN_FLIGHT");
  EXPECT_THAT(std::string(refused.message()),
              testing::HasSubstr(FormatRfc3339(books.now() - absl::Seconds(5))));
  EXPECT_EQ(RetryAfterOf(refused), absl::Seconds(1));
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(100)) << "both";
}

TEST(RechargePolicyTest, G8_ATopUpThatIsRefusedCancelsNothing) {
  Books books = WaitingForEleven();
  EXPECT_FALSE(books.TopUp(-Dollars(1)).ok());
  EXPECT_EQ(books.open()->ordinal, 2);
}

TEST(RechargePolicyTest, G8_ADeclinedTopUpIsNotRetriedByScheduleAndG1DecidesAsAlways) {
  Books books = WaitingForEleven();
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(3).state, RechargeState::kFailed);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->kind, RechargeKind::kAutomatic);
  EXPECT_EQ(books.open()->due_time, books.now() + absl::Hours(3)) << "the card's second decline";
  Books enough;
  enough.OpenFunded();
  ASSERT_TRUE(enough.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(enough.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(enough.recharge(2).state, RechargeState::kFailed);
  EXPECT_EQ(enough.open(), nullptr);
}

TEST(RechargePolicyTest, G8_ATopUpTriesUsableCardsThenFailingOnesAtOnceNeverRefusedOnes) {
  Books books;
  books.OpenFunded();
  ASSERT_TRUE(books.AddCard(CardNamed("refused")).ok());
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  books.stored().payment_methods[0].state = CardState::kFailing;
  books.stored().payment_methods[0].retry_time = absl::InfiniteFuture();
  books.stored().payment_methods[1].state = CardState::kRefused;
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  EXPECT_EQ(books.open()->card, CardNamed("amex"));
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.open()->card, CardNamed("visa"));
  EXPECT_LE(books.open()->due_time, books.now());
  ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kFailed);
}

TEST(RechargePolicyTest, G8_ATopUpThatSucceedsFundsAPendingAccount) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(books.Decline(DeclineClass::kSoft).ok());
  ASSERT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_EQ(books.account().open_ordinal, 0);
  ASSERT_TRUE(books.TopUp(std::nullopt).ok());
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(RechargePolicyTest, G8_TheReplySaysWhetherItsSuccessLetsMoreBeChargedAtOnce) {
  Books books = WaitingForEleven();
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok());
  EXPECT_TRUE(MoreFollows(books.context(), books.account(), *books.open())) << "$7";
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_NE(books.open(), nullptr);
  EXPECT_LE(books.open()->due_time, books.now());

  Books enough = WaitingForEleven();
  ASSERT_TRUE(enough.TopUp(Dollars(5)).ok());
  EXPECT_FALSE(MoreFollows(enough.context(), enough.account(), *enough.open())) << "$10";

  Books off = WaitingForEleven();
  ASSERT_TRUE(off.SwitchAutomatic(false).ok());
  ASSERT_TRUE(off.TopUp(Dollars(2)).ok());
  EXPECT_FALSE(MoreFollows(off.context(), off.account(), *off.open()));
}

}  // namespace
}  // namespace reserve::domain
