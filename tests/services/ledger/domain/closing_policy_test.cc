// Closing an account for ever: P4 (docs/RULES.md).
#include "services/ledger/domain/closing_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

using Kind = ClosingStep::Kind;
using RefundState = GatewayRefund::State;

// $40.00: 15 of "visa" (recharge 1), and a top-up of 25 of "mc" (recharge 2).
Books WithTwoCards() {
  Books books;
  books.OpenFunded();
  EXPECT_TRUE(books.AddCard(CardNamed("mc"), /*position=*/1).ok());
  EXPECT_TRUE(books.TopUp(Dollars(25)).ok());
  EXPECT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(40));
  return books;
}

// The grace is over.
void EndGrace(Books* books) {
  books->Advance(books->settings().close_grace);
  ASSERT_TRUE(books->Reconsider().ok());
}

void CloseNow(Books* books) {
  ASSERT_TRUE(books->Close().ok());
  EndGrace(books);
}

// A worker gives the money of refund `ordinal` back.
void GiveBack(Books* books, int64_t ordinal) {
  books->HandOutRefund(ordinal);
  ASSERT_TRUE(books->ReportRefund(ordinal, GivenBack(books->recharge(ordinal))).ok());
}

void FailToGiveBack(Books* books, int64_t ordinal) {
  books->HandOutRefund(ordinal);
  ASSERT_TRUE(books->ReportRefund(ordinal, NotGivenBack(books->recharge(ordinal))).ok());
}

// Closed with nothing that it owes or is owed: all went back to the card.
Books Closed() {
  Books books = FundedAt(Dollars(15));
  CloseNow(&books);
  GiveBack(&books, 2);
  EXPECT_TRUE(books.account().closed());
  return books;
}

// Closed, with $15.00 that no card took.
Books ClosedAndOwing() {
  Books books = FundedAt(Dollars(15));
  CloseNow(&books);
  FailToGiveBack(&books, 2);
  EXPECT_EQ(books.account().closing.owed, Dollars(15));
  return books;
}

std::vector<Kind> KindsOf(const Books& books) {
  std::vector<Kind> kinds;
  for (const ClosingStep& step : ClosingStepsOf(books.context(), books.account())) {
    kinds.push_back(step.kind);
  }
  return kinds;
}

// --- What a person pays out --------------------------------------------------------------

TEST(ClosingPolicyTest, P4_APayoutByHandIsNotedInAllSoThatRepeatsChangeNothing) {
  Books books = ClosedAndOwing();
  const auto pay = [&](Nanos total) {
    return RecordPayout(books.context(), books.account(), total, {"by bank", "ann", "transfer-9"});
  };
  EXPECT_EQ(ReasonOf(pay(Dollars(15) + 1).status()), "MORE_THAN_OWED");
  const auto part = pay(Dollars(4));
  ASSERT_TRUE(part.ok());
  EXPECT_TRUE(part->account.closing.owes());
  EXPECT_EQ(part->account.closing.paid_out, Dollars(4));
  EXPECT_EQ(part->account.balance, 0) << "nothing is booked";
  EXPECT_TRUE(part->entries.empty());
  ASSERT_EQ(part->events.size(), 1u);
  EXPECT_EQ(part->events[0].kind, EventKind::kPaidOut);
  EXPECT_EQ(part->events[0].amount, Dollars(4));
  EXPECT_EQ(part->events[0].actor, "ann");
  const auto rest = RecordPayout(books.context(), part->account, Dollars(15), {"by bank"});
  ASSERT_TRUE(rest.ok());
  EXPECT_FALSE(rest->account.closing.owes());
  EXPECT_EQ(rest->events[0].amount, Dollars(11));
  for (const Nanos late : {Dollars(15), Dollars(4)}) {
    EXPECT_TRUE(RecordPayout(books.context(), rest->account, late, {"by bank"})->unchanged);
  }
}

TEST(ClosingPolicyTest, P4_AnAccountThatOwesNothingIsPaidNothing) {
  Books books = FundedAt(Dollars(15));
  EXPECT_EQ(ReasonOf(RecordPayout(books.context(), books.account(), Dollars(1), {"x"}).status()),
            "MORE_THAN_OWED");
}

// --- CLOSING ---------------------------------------------------------------------------

TEST(ClosingPolicyTest, P4_ItIsClosingAtOnceAndTheGraceIsKept) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  EXPECT_EQ(books.LastOf(EventKind::kAccountClosing).actor, "support-1");
  EXPECT_EQ(books.LastOf(EventKind::kAccountClosing).cause, "the customer leaves");
  EXPECT_EQ(books.account().due.reason, DueReason::kClosing);
  books.Advance(books.settings().close_grace - absl::Seconds(1));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  EXPECT_TRUE(books.account().closing.takes_facts());
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kGrace, Kind::kGiveBack}));
}

TEST(ClosingPolicyTest, P4_ItIsLookedAtAgainUntilTheGraceIsOver) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  const absl::Time grace = books.account().closing.grace_until;
  while (books.now() < grace) {
    ASSERT_GT(books.account().due.time, books.now());
    ASSERT_LE(books.account().due.time, grace) << "nobody comes back else";
    books.Advance(books.account().due.time - books.now());
    ASSERT_TRUE(books.Reconsider().ok());
  }
  EXPECT_FALSE(books.account().closing.takes_facts());
}

TEST(ClosingPolicyTest, P4_WhatWaitsToBeChargedIsCanceled) {
  Books books = FundedAt(Dollars(5));
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Use(Dollars(1)).ok());
  EXPECT_EQ(books.open(), nullptr) << "usage starts none";
}

TEST(ClosingPolicyTest, P4_ATopUpThatWaitsIsCanceledToo) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.recharge(2).state, RechargeState::kCanceled);
}

TEST(ClosingPolicyTest, P4_NothingMayBeginButFactsAreBooked) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  const Rate rate = StandardRate();
  const Usage usage = OutboundCall(books.now(), 60);
  EXPECT_EQ(books.Authorize("ann", usage, &rate).decision, Decision::kAccountClosing);
  EXPECT_EQ(books.Authorize("uma", usage, &rate).decision, Decision::kAccountClosing);
  ASSERT_TRUE(books.Use(Dollars(2)).ok()) << "a late record";
  EXPECT_EQ(books.account().balance, Dollars(13));
}

TEST(ClosingPolicyTest, P4_WhatTheCustomerAsksForIsRefusedByName) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(ReasonOf(books.TopUp(Dollars(15))), "ACCOUNT_CLOSING");
  EXPECT_EQ(ReasonOf(books.AddCard(CardNamed("mc"))), "ACCOUNT_CLOSING");
  EXPECT_EQ(ReasonOf(books.GiveCard(CardNamed("visa"))), "ACCOUNT_CLOSING");
  EXPECT_EQ(ReasonOf(books.SwitchAutomatic(false)), "ACCOUNT_CLOSING");
  EXPECT_EQ(ReasonOf(books.ChangeSettings(Dollars(30), std::nullopt)), "ACCOUNT_CLOSING");
}

TEST(ClosingPolicyTest, P4_OfOneThatIsClosedEvenMore) {
  Books books = Closed();
  EXPECT_EQ(ReasonOf(books.TopUp(Dollars(15))), "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(books.AddCard(CardNamed("mc"))), "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(books.SwitchAutomatic(true)), "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(books.Adjust(Dollars(1))), "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(1), /*allow_debt=*/true)), "ACCOUNT_CLOSED");
  EXPECT_EQ(ReasonOf(books.PutUser("new", PerMinutePlan())), "ACCOUNT_CLOSED");
}

// --- What is waited for ------------------------------------------------------------------

TEST(ClosingPolicyTest, P4_AnAttemptInFlightIsWaitedForAndItsSuccessGoesBackToo) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  CloseNow(&books);
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kAttempt, Kind::kGiveBack}));
  EXPECT_TRUE(books.Use(Dollars(1)).ok()) << "facts are booked until the first refund is opened";
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().balance, 0) << "the refunds are opened in the same transaction";
  EXPECT_EQ(books.recharge(3).refund_of, 2) << "newest first";
  EXPECT_EQ(books.recharge(3).amount, Dollars(15));
  EXPECT_EQ(books.recharge(4).refund_of, 1);
  EXPECT_EQ(books.recharge(4).amount, Dollars(4));
}

TEST(ClosingPolicyTest, P4_AnAttemptThatDeclinesIsFollowedByNone) {
  Books books = WithTwoCards();
  ASSERT_TRUE(books.AdjustTo(Dollars(5)).ok());
  books.HandOut();
  CloseNow(&books);
  ASSERT_TRUE(books.Report(3, DeclineOf(books.recharge(3), DeclineClass::kHard)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_FALSE(books.account().closing.takes_facts()) << "it was the last that was waited for";
}

TEST(ClosingPolicyTest, P4_AReviewIsWaitedFor) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  CloseNow(&books);
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kReview, Kind::kGiveBack}));
  ASSERT_TRUE(books.Resolve(2, {}).ok());
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kGiveBack}));
  EXPECT_EQ(books.recharge(3).amount, Dollars(5));
}

TEST(ClosingPolicyTest, P4_ARefundOfBeforeIsWaitedForAndNotTriedAgainIfItFails) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(4)).ok());
  CloseNow(&books);
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kRefund, Kind::kGiveBack}));
  FailToGiveBack(&books, 2);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, Dollars(15));
  EXPECT_EQ(books.account().last_ordinal, 2) << "no other refund of that charge";
}

TEST(ClosingPolicyTest, P4_UnratedUsageMustBeWaivedByName) {
  Books books = FundedAt(Dollars(15));
  Usage one = OutboundCall(books.now(), 60);
  one.usage_id = "one";
  Usage two = one;
  two.usage_id = "two";
  ASSERT_TRUE(books.Record("ann", one, nullptr).ok());
  ASSERT_TRUE(books.Record("ann", two, nullptr).ok());
  const absl::Status refused = books.Close({"one"});
  EXPECT_EQ(ReasonOf(refused), "UNRATED_USAGE");
  EXPECT_THAT(MetadataOf(refused), testing::IsSupersetOf({testing::Pair("count", "1"),
                                                          testing::Pair("usage_ids", "two")}));
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_TRUE(books.Close({"one", "two"}).ok());
  EXPECT_EQ(books.usage_states().at("one").status, UsageStatus::kVoided);
  EXPECT_EQ(books.account().state, AccountState::kClosing);
}

TEST(ClosingPolicyTest, P4_UnratedUsageThatComesMeanwhileIsWaitedFor) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  Usage late = OutboundCall(books.now(), 60);
  late.usage_id = "late";
  ASSERT_TRUE(books.Record("ann", late, nullptr).ok());
  EndGrace(&books);
  EXPECT_EQ(KindsOf(books), (std::vector<Kind>{Kind::kUnratedUsage, Kind::kGiveBack}));
  const Rate rate = DearRate();
  ASSERT_TRUE(books.RateNow("late", &rate).ok());
  EXPECT_EQ(books.refund().amount, Cents(1450)) << "its price came, and was the last obstacle";
}

// --- What goes back ----------------------------------------------------------------------

TEST(ClosingPolicyTest, P4_MoneyGoesBackToItsChargesNewestFirst) {
  Books books = WithTwoCards();
  ASSERT_TRUE(books.Use(Dollars(7)).ok());
  CloseNow(&books);
  EXPECT_EQ(books.account().balance, 0);
  EXPECT_EQ(books.recharge(3).refund_of, 2);
  EXPECT_EQ(books.recharge(3).amount, Dollars(25));
  EXPECT_EQ(books.recharge(4).refund_of, 1);
  EXPECT_EQ(books.recharge(4).amount, Dollars(8));
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  EXPECT_EQ(books.Count(EventKind::kSuspended), 0) << "nothing is to be suspended";
  GiveBack(&books, 4);
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  GiveBack(&books, 3);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, 0);
  EXPECT_EQ(books.account().closing.written_off, 0);
  EXPECT_EQ(books.Count(EventKind::kAccountClosed), 1);
}

TEST(ClosingPolicyTest, P4_NeverToADisputedCharge) {
  Books books = WithTwoCards();
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(5), 2).ok());
  CloseNow(&books);
  EXPECT_EQ(books.refund().refund_of, 1) << "the other one";
  EXPECT_EQ(books.refund().amount, Dollars(15));
  GiveBack(&books, 3);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, Dollars(20));
}

TEST(ClosingPolicyTest, P4_NorToANumberOfWhichAnotherChargeIsDisputed) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Charge().ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(15), 1).ok());
  CloseNow(&books);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, Dollars(5));
}

TEST(ClosingPolicyTest, P4_ARefundThatFailsIsOwedAndNotTriedAgain) {
  Books books = WithTwoCards();
  CloseNow(&books);
  FailToGiveBack(&books, 3);
  EXPECT_EQ(books.account().state, AccountState::kClosing);
  GiveBack(&books, 4);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().last_ordinal, 4);
  EXPECT_EQ(books.account().closing.owed, Dollars(25));
  EXPECT_EQ(books.entries().back().kind, EntryKind::kPayout);
  EXPECT_EQ(books.entries().back().amount, -Dollars(25));
  EXPECT_EQ(books.LastOf(EventKind::kPayoutOwed).amount, -Dollars(25));
}

TEST(ClosingPolicyTest, P4_LessThanAMinorUnitIsWrittenOff) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Use(Cents(100) + 1).ok());
  CloseNow(&books);
  EXPECT_EQ(books.refund().amount, Cents(1399));
  EXPECT_EQ(books.account().balance, Cents(1) - 1);
  GiveBack(&books, 2);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.entries().back().kind, EntryKind::kWriteOff);
  EXPECT_EQ(books.account().closing.written_off, -(Cents(1) - 1));
}

TEST(ClosingPolicyTest, P4_ADebtIsWrittenOff) {
  Books books = FundedAt(Dollars(12));
  ASSERT_TRUE(books.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books.Use(Dollars(14)).ok());
  CloseNow(&books);
  EXPECT_TRUE(books.account().closed()) << "nothing goes back: nothing is waited for";
  EXPECT_EQ(books.account().closing.written_off, Dollars(2));
  EXPECT_EQ(books.LastOf(EventKind::kWrittenOff).amount, Dollars(2));
}

TEST(ClosingPolicyTest, P4_APaymentWithoutAChargeIsOwedAndOneOfAPageGoesBack) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20)).ok());
  ASSERT_TRUE(books.Pay(Dollars(30), "ch_page").ok());
  CloseNow(&books);
  EXPECT_EQ(books.recharge(4).charge_id, "ch_page");
  EXPECT_EQ(books.recharge(4).amount, Dollars(30));
  EXPECT_EQ(books.recharge(5).refund_of, 1);
  GiveBack(&books, 4);
  GiveBack(&books, 5);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, Dollars(20));
}

TEST(ClosingPolicyTest, P4_AnAccountThatWasNeverFundedClosesToo) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.recharge(1).state, RechargeState::kCanceled);
  EndGrace(&books);
  EXPECT_TRUE(books.account().closed());
  EXPECT_TRUE(books.entries().empty());
}

TEST(ClosingPolicyTest, P4_ADisputeWhileItGivesBackCancelsWhatWaitsAndIsBalanced) {
  Books books = WithTwoCards();
  CloseNow(&books);
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(25), 2).ok());
  EXPECT_EQ(books.recharge(3).state, RechargeState::kCanceled);
  EXPECT_EQ(books.account().state, AccountState::kClosing) << "the other refund is under way";
  GiveBack(&books, 4);
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, 0) << "the bank has what the card would have got";
}

TEST(ClosingPolicyTest, P4_UsageAfterTheFirstRefundIsRefused) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Use(Dollars(1)).ok());
  CloseNow(&books);
  EXPECT_EQ(ReasonOf(books.Use(Dollars(1))), "USAGE_AFTER_CLOSING");
  EXPECT_EQ(ReasonOf(books.Void("usage-1")), "USAGE_AFTER_CLOSING");
  const Rate rate = DearRate();
  EXPECT_EQ(ReasonOf(books.Correct("usage-1", "ann", OutboundCall(books.now(), 60), &rate)),
            "USAGE_AFTER_CLOSING");
  EXPECT_EQ(ReasonOf(books.Refund(1, Dollars(1), /*allow_debt=*/true)), "ACCOUNT_CLOSING");
}

// --- What comes after --------------------------------------------------------------------

TEST(ClosingPolicyTest, P4_ALateSuccessIsOwed) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  CloseNow(&books);
  GiveBack(&books, 3);
  ASSERT_TRUE(books.account().closed());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.owed, Dollars(15));
  EXPECT_EQ(books.CountInLast(EventKind::kMoneyAfterClosing), 1);
  EXPECT_EQ(books.LastOf(EventKind::kMoneyAfterClosing).amount, Dollars(15));
  EXPECT_EQ(books.account().last_ordinal, 3) << "no refund, no charge";
}

TEST(ClosingPolicyTest, P4_MoneyThatComesAfterClosingIsForAPersonUntilItIsDismissed) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  CloseNow(&books);
  GiveBack(&books, 3);
  EXPECT_EQ(ReasonOf(DismissLateMoney(books.context(), books.account(), {"seen"}).status()),
            "NOT_UNDER_REVIEW");
  const absl::Time first = books.now();
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(2)).ok());
  EXPECT_EQ(books.account().closing.late_time, first);
  EXPECT_EQ(books.account().closing.late, Dollars(13));
  const auto dismissed = DismissLateMoney(books.context(), books.account(), {"seen", "ann"});
  ASSERT_TRUE(dismissed.ok());
  EXPECT_EQ(dismissed->account.closing.late, 0);
  EXPECT_EQ(dismissed->account.closing.late_time, absl::InfinitePast());
  ASSERT_EQ(dismissed->events.size(), 1u);
  EXPECT_EQ(dismissed->events[0].kind, EventKind::kReviewResolved);
  EXPECT_EQ(dismissed->events[0].actor, "ann");
  EXPECT_EQ(dismissed->events[0].amount, Dollars(13));
  EXPECT_EQ(dismissed->account.balance, 0);
}

TEST(ClosingPolicyTest, P4_ALateSuccessFirstTakesBackWhatWasWrittenOff) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  ASSERT_TRUE(books.Use(Dollars(8)).ok());
  CloseNow(&books);
  ASSERT_EQ(books.account().closing.written_off, Dollars(3));
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().closing.written_off, 0);
  EXPECT_EQ(books.account().closing.owed, Dollars(12));
}

TEST(ClosingPolicyTest, P4_ALateSuccessOfAChargeThatWasRefundedByHandIsBalancedOnce) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Decline(DeclineClass::kHard).ok());
  CloseNow(&books);
  GiveBack(&books, 3);
  ASSERT_TRUE(books.TellRefund("re_hand", RefundState::kSucceeded, Dollars(15), 2).ok());
  ASSERT_TRUE(books.Report(2, SuccessOf(books.recharge(2))).ok());
  EXPECT_EQ(books.account().closing.owed, 0) << "what was credited had gone back before";
  EXPECT_EQ(books.account().closing.written_off, 0);
}

TEST(ClosingPolicyTest, P4_ARefundThatFailsDaysLaterIsOwed) {
  Books books = Closed();
  ASSERT_TRUE(books.TellRefund("re_2", RefundState::kFailed, Dollars(15), 1, 2).ok());
  EXPECT_EQ(books.account().closing.owed, Dollars(15));
  ASSERT_TRUE(books.TellRefund("re_2", RefundState::kFailed, Dollars(15), 1, 2).ok());
  EXPECT_EQ(books.account().closing.owed, Dollars(15)) << "once";
}

TEST(ClosingPolicyTest, P4_ADisputeIsWrittenOffAndTakenBackWhenItIsWon) {
  Books books = WithTwoCards();
  ASSERT_TRUE(books.AdjustTo(0).ok());
  CloseNow(&books);
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(25), 2).ok());
  EXPECT_TRUE(books.account().closed());
  EXPECT_EQ(books.account().closing.written_off, Dollars(25));
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon, Dollars(25), 2).ok());
  EXPECT_EQ(books.account().closing.written_off, 0);
  EXPECT_EQ(books.account().closing.owed, 0);
  EXPECT_EQ(books.account().open_ordinal, 0);
}

TEST(ClosingPolicyTest, P4_ALatePaymentIsOwedAndOneThatBouncesIsWrittenOff) {
  Books books = Closed();
  ASSERT_TRUE(books.Pay(Dollars(20)).ok());
  EXPECT_EQ(books.account().closing.owed, Dollars(20));
  ASSERT_TRUE(books.Reverse(books.payment().ordinal).ok());
  EXPECT_EQ(books.account().closing.written_off, Dollars(20));
  EXPECT_TRUE(books.account().closed());
}

TEST(ClosingPolicyTest, P4_OfAClosedAccountThePersonsNameMayStillBeTakenAway) {
  const Books books = Closed();
  Account named = books.account();
  named.display_name = "Ann Brook";
  const auto forgotten = UpdateAccount(books.context(), named, {.display_name = ""});
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_EQ(forgotten->account.display_name, "");
  EXPECT_EQ(ReasonOf(UpdateAccount(books.context(), named, {.display_name = "Bob"}).status()),
            "ACCOUNT_CLOSED");
}

TEST(ClosingPolicyTest, P4_ClosingAgainChangesNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Close().ok());
  const Account before = books.account();
  books.Advance(absl::Hours(1));
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.account(), before);
  EndGrace(&books);
  GiveBack(&books, 2);
  const Account closed = books.account();
  ASSERT_TRUE(books.Close().ok());
  EXPECT_EQ(books.account(), closed);
}

}  // namespace
}  // namespace reserve::domain
