// Charges that the cardholder's bank takes back: P2, P3, and what follows of it, G12 and D1
// (docs/RULES.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

constexpr DisputeState kInquiry = DisputeState::kInquiry;
constexpr DisputeState kOpened = DisputeState::kOpened;
constexpr DisputeState kWon = DisputeState::kWon;
constexpr DisputeState kLost = DisputeState::kLost;

// --- P2: money -------------------------------------------------------------------

TEST(DisputePolicyTest, P2_TheBankTakesTheMoneyOnceAndNothingIsChargedForIt) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.recharge(1).disputed, Dollars(15));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  EXPECT_EQ(books.CountInLast(EventKind::kSuspended), 1);
  EXPECT_EQ(books.LastOf(EventKind::kSuspended).reference, "dp_1");
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  EXPECT_EQ(books.open(), nullptr);
  const Event opened = books.LastOf(EventKind::kDisputeOpened);
  EXPECT_EQ(opened.reference, "dp_1");
  EXPECT_EQ(opened.amount, Dollars(15));
  EXPECT_EQ(opened.balance, 0) << "as it is with it";
  EXPECT_EQ(opened.recharge_ordinal, 1);
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kDispute);
  EXPECT_EQ(entry.recharge_ordinal, 1);
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.TellDispute("dp_1", kInquiry).ok());
  EXPECT_TRUE(books.last().unchanged) << "only forward";
}

TEST(DisputePolicyTest, P2_AnInquiryBooksNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kInquiry).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kDisputeInquiry), 1);
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(9)).ok());
  EXPECT_EQ(books.account().balance, Dollars(6)) << "as much as is taken in the end";
  EXPECT_EQ(FieldOf(books.TellDispute("dp_2", kInquiry, 0)), "amount");
}

TEST(DisputePolicyTest, P2_AWonOneIsCreditedOnceAndTheCardMayBeChargedAgain) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.LastOf(EventKind::kDisputeWon).balance, Dollars(15)) << "as it is with it";
  EXPECT_EQ(books.recharge(1).disputed, 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.account().state, AccountState::kActive);
  for (const DisputeState state : {kWon, kLost, kOpened}) {
    ASSERT_TRUE(books.TellDispute("dp_1", state).ok());
    EXPECT_TRUE(books.last().unchanged);
  }
  EXPECT_EQ(books.Booked(EntryKind::kDisputeReturned), Dollars(15));
}

TEST(DisputePolicyTest, P2_OfOneThatIsWonInPartTheRestStaysLost) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(12)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(7)).ok());
  EXPECT_EQ(books.account().balance, Dollars(10));
  EXPECT_EQ(books.Booked(EntryKind::kDisputeReturned), Dollars(7));
  EXPECT_EQ(books.LastOf(EventKind::kDisputeWon).amount, Dollars(7));
  EXPECT_THAT(books.LastOf(EventKind::kDisputeWon).cause, testing::HasSubstr("USD 5.00 stay lost"));
  EXPECT_EQ(books.recharge(1).disputed, Dollars(5));
  EXPECT_EQ(books.disputes().at("dp_1").amount, Dollars(5));
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(11))), "REFUND_TOO_LARGE");
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << "it is over";
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(12)).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(DisputePolicyTest, P2_NoMoreComesBackThanTheBankHadTaken) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(12)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(14)).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.recharge(1).disputed, 0);
}

TEST(DisputePolicyTest, P2_WonWhereTheBalanceIsLowG1WaitsForTheCustomersNextAct) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  ASSERT_TRUE(books.Use(Dollars(4)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(5)).ok());
  EXPECT_EQ(books.account().balance, Dollars(8));
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.Use(0).ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(DisputePolicyTest, P2_ALostOneCountsUntilSomebodyActs) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute)
      << "at every dispute, also where the balance is not low";
  ASSERT_TRUE(books.TellDispute("dp_1", kLost).ok());
  EXPECT_EQ(books.account().balance, Dollars(25)) << "nothing more is booked";
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(books.TopUp(Dollars(2)).ok()) << "by the other card";
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  ASSERT_NE(books.open(), nullptr);
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed) << "the lost number stays so";
}

TEST(DisputePolicyTest, P2_LostWithoutHavingBeenOpenedTakesTheMoney) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kLost).ok());
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_TRUE(books.last().unchanged);
}

TEST(DisputePolicyTest, P2_TheNumberIsTheOneThatWasChargedThoughAnotherWasTriedSince) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  books.HandOut();
  const ChargeOutcome of_visa = SuccessOf(*books.open());
  ASSERT_TRUE(books.Report(2, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  books.HandOut();
  ASSERT_EQ(books.open()->payment_method_id, "card-2");
  ASSERT_TRUE(books.Report(2, of_visa).ok());
  GatewayDispute told = Told(books.recharge(2), "dp_1", kOpened, Dollars(15));
  told.charge_id = of_visa.charge_id;
  ASSERT_TRUE(books.Tell(2, told).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  EXPECT_EQ(books.open()->payment_method_id, "card-2");
}

TEST(DisputePolicyTest, P2_AtZeroWithADisputeItIsDisabledWhateverOtherCardsThereAre) {
  for (const DisputeState state : {kOpened, kLost}) {
    Books books = FundedAt(Dollars(40));
    ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
    ASSERT_TRUE(books.TellDispute("dp_1", state).ok());
    EXPECT_EQ(books.account().state, AccountState::kActive);
    ASSERT_TRUE(books.AdjustTo(0).ok());
    EXPECT_EQ(books.account().state, AccountState::kDisabled);
    EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kDispute);
    EXPECT_EQ(books.open(), nullptr);
  }
}

TEST(DisputePolicyTest, P2_ARefundThatIsNotInFlightIsCanceledAndBookedBack) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  books.HandOutRefund(2);
  ASSERT_TRUE(books.Refund(1, Dollars(5)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_EQ(books.recharge(3).state, RechargeState::kCanceled);
  EXPECT_EQ(books.CountInLast(EventKind::kRefundCanceled), 1);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen) << "it may have been sent";
  EXPECT_EQ(books.account().balance, Dollars(40 - 4 - 15));
  ASSERT_TRUE(books.ReportRefund(2, GivenBack(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(40 - 4 - 15)) << "both are gone";
  ASSERT_TRUE(books.ReportRefund(3, GivenBack(books.recharge(3))).ok());
  EXPECT_EQ(books.account().balance, Dollars(40 - 4 - 15 - 5)) << "it was sent after all";
}

TEST(DisputePolicyTest, P2_AnInquiryCancelsNoRefund) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kInquiry).ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kOpen);
}

TEST(DisputePolicyTest, P2_ARefundCanceledByADisputeTakesItsSuspensionWithIt) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(10)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  EXPECT_EQ(books.account().suspension.refunds, 0);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.account().balance, Dollars(15));
}

// --- P2: the card ----------------------------------------------------------------

TEST(DisputePolicyTest, P2_NoTokenOfTheNumberIsChargedByAnyone) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
  ASSERT_TRUE(books.Give("card-2", Given(RenewedCard("visa"))).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(books.StateOf("card-2"), CardState::kDisputed) << "another token of it";
  EXPECT_EQ(ReasonOf(books.TopUp(Dollars(20))), "CARD_DISPUTED");
  ASSERT_TRUE(books.SwitchAutomatic(true).ok());
  ASSERT_TRUE(books.AdjustTo(Dollars(1)).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(DisputePolicyTest, P2_ACardOfADisputedNumberThatIsGivenAnewStaysDisputed) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  ASSERT_TRUE(books.GiveCard(CardNamed("visa")).ok()) << "confirmed";
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.GiveCard(RenewedCard("visa")).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  ASSERT_TRUE(books.AddCard(CardNamed("visa")).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kDisputed) << "removed, and added again";
  ASSERT_TRUE(books.Give("card-2", Given(CardNamed("amex"))).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable) << "another number";
  ASSERT_TRUE(books.AddCard(CardNamed("visa")).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.StateOf("card-3"), CardState::kUsable);
}

TEST(DisputePolicyTest, P2_ANumberThatIsGivenOnlyAfterTheDisputeIsDisputedToo) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  ASSERT_TRUE(books.AddCard(RenewedCard("visa")).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kDisputed);
}

TEST(DisputePolicyTest, P2_TwoDisputesOfOneNumberOfWhichOneIsWonKeepItDisputed) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  ASSERT_TRUE(books.TellDispute("dp_2", kOpened, Dollars(6)).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.TellDispute("dp_2", kWon).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  EXPECT_EQ(books.account().balance, Dollars(40));
}

TEST(DisputePolicyTest, P2_ATopUpThatOnlyWaitsGoesToAnotherCardOrIsCanceled) {
  for (const bool other : {true, false}) {
    Books books = FundedAt(Dollars(40));
    if (other) {
      ASSERT_TRUE(books.AddCard(CardNamed("amex")).ok());
    }
    ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
    ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
    EXPECT_EQ(books.recharge(2).state, other ? RechargeState::kOpen : RechargeState::kCanceled);
    EXPECT_EQ(books.recharge(2).payment_method_id, other ? "card-2" : "card-1");
  }
}

TEST(DisputePolicyTest, P2_AnAttemptInFlightIsBroughtToItsEndAndItsDeclineMarksNothing) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  Books declined = books;
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(5));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  EXPECT_EQ(books.open(), nullptr);
  ASSERT_TRUE(declined.Report(2, DeclineOf(declined.recharge(2), DeclineClass::kHard)).ok());
  EXPECT_EQ(declined.StateOf("card-1"), CardState::kDisputed);
  EXPECT_EQ(declined.recharge(2).state, RechargeState::kFailed);
}

// --- P2: support -----------------------------------------------------------------

TEST(DisputePolicyTest, P2_SupportLetsTheNumberBeChargedAgain) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  ASSERT_TRUE(books.TellDispute("dp_2", kOpened, Dollars(6)).ok());
  ASSERT_TRUE(books.LiftSuspension().ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed) << "the suspension only";
  EXPECT_EQ(ReasonOf(books.LiftSuspension("card-9")), "PAYMENT_METHOD_NOT_FOUND");
  ASSERT_TRUE(books.LiftSuspension("card-1").ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable) << "of both disputes";
  const Event lifted = books.LastOf(EventKind::kCardDisputeLifted);
  EXPECT_EQ(lifted.payment_method_id, "card-1");
  EXPECT_EQ(lifted.actor, "support-1");
  ASSERT_TRUE(books.LiftSuspension("card-1").ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
}

TEST(DisputePolicyTest, P2_SupportLiftsSuspensionAndCardTogetherOrNeither) {
  Books books = FundedAt(Dollars(20));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_EQ(ReasonOf(books.LiftSuspension("card-9")), "PAYMENT_METHOD_NOT_FOUND");
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.LiftSuspension("card-1").ok());
  EXPECT_EQ(books.CountInLast(EventKind::kSuspensionLifted), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kCardDisputeLifted), 1);
  ASSERT_NE(books.open(), nullptr) << "as support lets it";
  EXPECT_EQ(books.open()->payment_method_id, "card-1");
}

TEST(DisputePolicyTest, P2_ALaterDisputeOfTheNumberCountsWhateverBecomesOfTheOneThatWasLifted) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  ASSERT_TRUE(books.LiftSuspension("card-1").ok());
  ASSERT_TRUE(books.TellDispute("dp_2", kOpened, Dollars(6)).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed) << "of the second, which is open";
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  ASSERT_TRUE(books.TellDispute("dp_2", kWon).ok());
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(DisputePolicyTest, P2_SupportLetsANumberBeChargedAgainWhoseCardWasTakenAway) {
  Books books = FundedAt(Dollars(40));
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(5)).ok());
  ASSERT_TRUE(books.RemoveCard("card-1").ok());
  EXPECT_EQ(ReasonOf(books.LiftSuspension("card-1")), "PAYMENT_METHOD_NOT_FOUND");
  EXPECT_EQ(ReasonOf(books.LiftDispute("dp_9")), "DISPUTE_NOT_FOUND");
  ASSERT_TRUE(books.LiftDispute("dp_1").ok());
  EXPECT_EQ(books.CountInLast(EventKind::kSuspensionLifted), 1);
  EXPECT_EQ(books.CountInLast(EventKind::kCardDisputeLifted), 1);
  ASSERT_TRUE(books.AddCard(CardNamed("visa")).ok());
  EXPECT_EQ(books.StateOf("card-2"), CardState::kUsable);
  EXPECT_EQ(ReasonOf(books.LiftDispute("dp_1")), "DISPUTE_NOT_FOUND") << "it keeps none any more";
}

// --- P3 --------------------------------------------------------------------------

TEST(DisputePolicyTest, P3_WonBeforeOpenedBooksNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TellDispute("dp_1", kWon).ok());
  EXPECT_EQ(books.CountInLast(EventKind::kDisputeWon), 1);
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened).ok());
  EXPECT_TRUE(books.last().unchanged);
  ASSERT_TRUE(books.TellDispute("dp_1", kInquiry).ok());
  EXPECT_TRUE(books.last().unchanged);
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(DisputePolicyTest, P3_InAnyOrderItEndsAsTheGatewaySays) {
  std::vector<DisputeState> order = {kInquiry, kOpened, kWon};
  do {
    Books books = FundedAt(Dollars(40));
    for (const DisputeState state : order) {
      ASSERT_TRUE(books.TellDispute("dp_1", state).ok());
      ASSERT_TRUE(books.TellDispute("dp_1", state).ok());
    }
    EXPECT_EQ(books.disputes().at("dp_1").state, kWon);
    EXPECT_EQ(books.account().balance, Dollars(40));
    EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(DisputePolicyTest, P3_KeptUntilTheChargeIsCredited) {
  for (const DisputeState state : {kOpened, kLost}) {
    Books books = FundedAt(Dollars(5));
    books.HandOut();
    ASSERT_TRUE(books.TellDispute("dp_1", kInquiry, Dollars(15), 2).ok());
    ASSERT_TRUE(books.TellDispute("dp_1", state, Dollars(15), 2).ok());
    EXPECT_EQ(books.CountInLast(EventKind::kGatewayStateKept), 1);
    EXPECT_EQ(books.account().balance, Dollars(5));
    EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
    ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
    EXPECT_EQ(books.account().balance, Dollars(5)) << "credited, and taken";
    EXPECT_EQ(
        books.CountInLast(state == kOpened ? EventKind::kDisputeOpened : EventKind::kDisputeLost),
        1);
    EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
    EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
    EXPECT_FALSE(books.recharge(2).keeps);
    EXPECT_EQ(books.open(), nullptr);
    ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(15), 2).ok());
    EXPECT_EQ(books.account().balance, state == kOpened ? Dollars(20) : Dollars(5));
  }
}

TEST(DisputePolicyTest, P3_WhatWasKeptAndWonBooksNothingOnceTheChargeIsCredited) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(15), 2).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kWon, Dollars(15), 2).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.Booked(EntryKind::kDispute), 0);
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(DisputePolicyTest, P3_WhatWasKeptOfAReviewCountsWhenAPersonFindsTheCharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.TellDispute("dp_1", kOpened, Dollars(15), 2).ok());
  ASSERT_TRUE(books.TellRefund("re_1", GatewayRefund::State::kSucceeded, Dollars(1), 2).ok());
  ASSERT_TRUE(books.Resolve(2, {true, "ch_2_1", Dollars(15)}).ok());
  EXPECT_EQ(books.account().balance, Dollars(4));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
}

TEST(DisputePolicyTest, P3_APersonMayDismissWhatIsKeptAndItCountsAllTheSame) {
  Books books = FundedAt(Dollars(5));
  EXPECT_EQ(ReasonOf(books.DismissKept(1)), "NOT_UNDER_REVIEW");
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.Tell(2, GatewayDispute{"ch_2_1", "dp_2", kOpened, Dollars(15), ""}).ok());
  EXPECT_TRUE(books.recharge(2).keeps);
  ASSERT_TRUE(books.DismissKept(2).ok());
  EXPECT_FALSE(books.recharge(2).keeps);
  const Event dismissed = books.LastOf(EventKind::kReviewResolved);
  EXPECT_EQ(dismissed.actor, "support-1");
  EXPECT_EQ(dismissed.reference, "ticket-7");
  EXPECT_EQ(dismissed.recharge_ordinal, 2);
  EXPECT_EQ(books.account().balance, Dollars(5));
  EXPECT_EQ(ReasonOf(books.DismissKept(2)), "NOT_UNDER_REVIEW");
  // What is told anew is for a person again.
  ASSERT_TRUE(books.Tell(2, GatewayDispute{"ch_2_1", "dp_2", kLost, Dollars(15), ""}).ok());
  EXPECT_TRUE(books.recharge(2).keeps);
  ASSERT_TRUE(books.DismissKept(2).ok());
  ChargeOutcome found = SuccessOf(books.recharge(2));
  found.charge_id = "ch_2_1";
  found.attempt = 1;
  ASSERT_TRUE(books.Report(2, found).ok());
  EXPECT_EQ(books.recharge(2).disputed, Dollars(15)) << "the charge was made after all";
}

TEST(DisputePolicyTest, P3_WhatWasKeptOfAnotherChargeDoesNotCount) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  GatewayDispute told = Told(books.recharge(2), "dp_1", kOpened, Dollars(15));
  told.charge_id = "ch_other";
  ASSERT_TRUE(books.Tell(2, told).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

}  // namespace
}  // namespace reserve::domain
