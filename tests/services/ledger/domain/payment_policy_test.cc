// Money that came another way: P5, what it funds (O1), what it calls off (G1), which charge it is
// (G4, P1 to P3), and what comes of taking it back, G12 and D1 (docs/RULES.md).
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/error/error.h"
#include "services/ledger/domain/policy.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

OpenAccountCommand WithoutCard() {
  OpenAccountCommand command;
  command.account_id = "acct-1";
  command.default_plan = PerMinutePlan();
  return command;
}

// A reserve of $15.00, and nothing to charge.
Books OpenedWithoutCard() {
  Books books;
  EXPECT_TRUE(books.Open(WithoutCard()).ok());
  return books;
}

// $15.00 of recharge 1, then $20.00 by bank as payment 2.
Books PaidOnTop() {
  Books books = FundedAt(Dollars(15));
  EXPECT_TRUE(books.Pay(Dollars(20)).ok());
  return books;
}

PaymentRequest PaymentOf(Nanos amount) {
  PaymentRequest request;
  request.request_id = "payment-of-table";
  request.amount = amount;
  request.means = PaymentMeans::kCheque;
  request.by = Staff("paid by cheque");
  return request;
}

// --- What is booked ----------------------------------------------------------------

TEST(PaymentPolicyTest, P5_APaymentIsBookedWithWhoAndWhy) {
  Books books = PaidOnTop();
  EXPECT_EQ(books.account().balance, Dollars(35));
  EXPECT_EQ(books.account().payments, 1);
  const Recharge& payment = books.payment();
  EXPECT_EQ(payment.ordinal, 2) << "numbered with the recharges";
  EXPECT_EQ(payment.state, RechargeState::kSucceeded);
  EXPECT_EQ(payment.means, PaymentMeans::kBankTransfer);
  EXPECT_EQ(payment.reference, "ticket-7");
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kPayment);
  EXPECT_EQ(entry.amount, Dollars(20));
  EXPECT_EQ(entry.recharge_ordinal, 2);
  EXPECT_EQ(entry.request_id, payment.request_id);
  EXPECT_EQ(entry.reason, "paid by bank");
  const Event event = books.LastOf(EventKind::kPaymentRecorded);
  EXPECT_EQ(event.cause, "USD 20.00 by bank transfer: paid by bank");
  EXPECT_EQ(event.amount, Dollars(20));
  EXPECT_EQ(event.actor, "support-1");
  EXPECT_EQ(event.reference, "ticket-7");
  EXPECT_EQ(event.recharge_ordinal, 2);
  EXPECT_EQ(event.recharge_kind, RechargeKind::kPayment);
  EXPECT_EQ(event.balance, Dollars(35));
}

TEST(PaymentPolicyTest, P5_WhatCanBeNoPaymentIsRefused) {
  Books books = FundedAt(Dollars(15));
  const struct {
    std::string name;
    Nanos amount;
    std::string charge_id;
    absl::Duration received;  // from now
    std::string field;        // empty: it is booked
  } rows[] = {
      {"nothing", 0, "", absl::ZeroDuration(), "amount"},
      {"less than nothing", -1, "", absl::ZeroDuration(), "amount"},
      {"a nano-unit by bank", 1, "", absl::ZeroDuration(), ""},
      {"half a cent by a charge", Cents(1) / 2, "pg_1", absl::ZeroDuration(), "amount"},
      {"a cent by a charge", Cents(1), "pg_1", absl::ZeroDuration(), ""},
      {"received tomorrow", Cents(1), "", absl::Hours(24), ""},
      {"received later", Cents(1), "", absl::Hours(24) + absl::Microseconds(1), "received_time"},
      {"received long ago", Cents(1), "", -absl::Hours(24 * 400), ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    PaymentRequest request = PaymentOf(row.amount);
    request.charge_id = row.charge_id;
    request.received_time = books.now() + row.received;
    const absl::StatusOr<Transition> transition =
        RecordPayment(books.context(), books.account(), nullptr, request);
    EXPECT_EQ(transition.ok(), row.field.empty()) << transition.status();
    if (!row.field.empty()) {
      EXPECT_EQ(transition.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(FieldOf(transition.status()), row.field);
    }
  }
}

TEST(PaymentPolicyTest, P5_MoreThanFitsIsRefusedAndChangesNothing) {
  Books books = PaidOnTop();
  EXPECT_EQ(ReasonOf(books.Pay(INT64_MAX)), "MONEY_OVERFLOW");
  EXPECT_EQ(books.account().balance, Dollars(35));
}

// --- What it funds (O1) ------------------------------------------------------------

TEST(PaymentPolicyTest, O1_ABankTransferFundsAnAccountWithoutACard) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Pay(Dollars(15)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.LastOf(EventKind::kEnabled).cause, "the reserve is funded");
  EXPECT_EQ(books.open(), nullptr);
}

TEST(PaymentPolicyTest, O1_LessThanTheReserveAmountFundsNothingUntilTheRestIsThere) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Pay(Dollars(15) - 1).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_TRUE(books.Pay(1).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentPolicyTest, O1_AllOfItsOwnMoneyCountsIfAPaymentIsAmongIt) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Adjust(Dollars(40)).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding) << "an adjustment alone does not";
  ASSERT_TRUE(books.Pay(Cents(1)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentPolicyTest, O1_ASmallerReserveAmountLetsWhatWasPaidFundIt) {
  Books books;
  OpenAccountCommand command = WithoutCard();
  command.reserve_amount = Dollars(30);
  ASSERT_TRUE(books.Open(command).ok());
  ASSERT_TRUE(books.Pay(Dollars(20)).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
  ASSERT_TRUE(books.ChangeSettings(Dollars(20), std::nullopt).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentPolicyTest, G1_PaidOtherwiseTheWaitingFirstChargeIsCanceled) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Pay(Dollars(100)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  EXPECT_EQ(books.recharge(1).state, RechargeState::kCanceled);
  EXPECT_EQ(books.LastOf(EventKind::kRechargeCanceled).cause, "the balance is USD 100.00 again");
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().balance, Dollars(100));
}

TEST(PaymentPolicyTest, G1_WithLessThanTheReserveAmountTheFirstChargeGoesOnWaiting) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  ASSERT_TRUE(books.Pay(Dollars(5)).ok());
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Charge().ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
}

TEST(PaymentPolicyTest, G1_AFirstChargeInFlightEndsAsUsualAndIsCreditedToo) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  books.HandOut();
  ASSERT_TRUE(books.Pay(Dollars(100)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Report(1, SuccessOf(*books.open())).ok());
  EXPECT_EQ(books.account().balance, Dollars(115));
  EXPECT_EQ(books.Count(EventKind::kEnabled), 1);
}

TEST(PaymentPolicyTest, G1_AFirstChargeInFlightThatIsDeclinedIsFollowedByNoOther) {
  Books books;
  ASSERT_TRUE(books.OpenWithCard().ok());
  books.HandOut();
  ASSERT_TRUE(books.Pay(Dollars(100)).ok());
  ASSERT_TRUE(books.Report(1, DeclineOf(*books.open(), DeclineClass::kSoft)).ok());
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentPolicyTest, G1_APaymentThatBringsTheBalanceToTheThresholdCancelsWhatWaits) {
  Books books = FundedAt(Dollars(4));
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Pay(Dollars(5)).ok());
  EXPECT_NE(books.open(), nullptr) << "still below it";
  ASSERT_TRUE(books.Pay(Dollars(1)).ok());
  EXPECT_EQ(books.open(), nullptr);
}

TEST(PaymentPolicyTest, D1_APaymentIsAWayBack) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Pay(Dollars(15)).ok());
  ASSERT_TRUE(books.PutUser("ann", PerMinutePlan()).ok());
  ASSERT_TRUE(books.Use(Dollars(20)).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
  ASSERT_TRUE(books.Pay(Dollars(5)).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled) << "at zero";
  ASSERT_TRUE(books.Pay(Cents(1)).ok());
  EXPECT_EQ(books.account().state, AccountState::kActive);
}

TEST(PaymentPolicyTest, G12_WhoPaysHasActed) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.AdjustDown(Dollars(10)).ok());
  ASSERT_TRUE(books.account().taken_back.waits());
  ASSERT_TRUE(books.Pay(Dollars(1)).ok());
  EXPECT_FALSE(books.account().taken_back.waits());
  ASSERT_NE(books.open(), nullptr) << "$6.00 are below the threshold";
}

TEST(PaymentPolicyTest, G12_APaymentLiftsNoSuspension) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(10)).ok());
  ASSERT_TRUE(books.Pay(Dollars(50)).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
}

// --- Taken back --------------------------------------------------------------------

TEST(PaymentPolicyTest, P5_ABouncedPaymentIsTakenBackOnce) {
  Books books = PaidOnTop();
  ASSERT_TRUE(books.Reverse(2).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.account().payments, 0);
  EXPECT_EQ(books.payment().state, RechargeState::kReversed);
  const Entry& entry = books.entries().back();
  EXPECT_EQ(entry.kind, EntryKind::kPaymentReversed);
  EXPECT_EQ(entry.amount, -Dollars(20));
  EXPECT_EQ(entry.recharge_ordinal, 2);
  EXPECT_EQ(entry.reason, "bounced");
  const Event event = books.LastOf(EventKind::kPaymentReversed);
  EXPECT_EQ(event.actor, "support-1");
  EXPECT_EQ(event.amount, Dollars(20));
  EXPECT_EQ(event.balance, Dollars(15));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone) << "it is not low";
  EXPECT_EQ(ReasonOf(books.Reverse(2)), "ALREADY_REVERSED");
  EXPECT_EQ(books.account().balance, Dollars(15));
}

TEST(PaymentPolicyTest, G12_AReversalBelowTheThresholdSuspendsAndChargesNothing) {
  Books books = PaidOnTop();
  ASSERT_TRUE(books.Use(Dollars(20)).ok());
  ASSERT_TRUE(books.Reverse(2).ok());
  EXPECT_EQ(books.account().balance, -Dollars(5));
  EXPECT_EQ(books.open(), nullptr);
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.account().suspension.refunds, 1);
}

TEST(PaymentPolicyTest, G12_AReversalThatLeavesTheBalanceLowSuspendsAndCancelsWhatWaits) {
  Books books = PaidOnTop();
  ASSERT_TRUE(books.Use(Dollars(26)).ok());
  ASSERT_NE(books.open(), nullptr);
  ASSERT_TRUE(books.Reverse(2).ok());
  EXPECT_EQ(books.account().balance, -Dollars(11));
  EXPECT_EQ(books.open(), nullptr) << "a bounced payment is not charged to the card";
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kMoneyTakenBack);
  EXPECT_EQ(books.LastOf(EventKind::kSuspended).cause, "money was taken back");
  EXPECT_EQ(books.account().state, AccountState::kDisabled) << "D1";
  EXPECT_EQ(books.LastOf(EventKind::kDisabled).obstacle, RefillObstacle::kSuspended);
  books.Advance(absl::Hours(24));
  ASSERT_TRUE(books.Reconsider().ok());
  EXPECT_EQ(books.open(), nullptr) << "time is nobody's act";
  ASSERT_TRUE(books.LiftSuspension().ok());
  EXPECT_NE(books.open(), nullptr);
}

TEST(PaymentPolicyTest, P5_AReversalMakesNoAccountWaitForItsFirstChargeAgain) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Pay(Dollars(15)).ok());
  ASSERT_TRUE(books.Reverse(1).ok());
  EXPECT_EQ(books.account().state, AccountState::kDisabled);
}

TEST(PaymentPolicyTest, O1_WhatWasReversedFundsNothing) {
  Books books = OpenedWithoutCard();
  ASSERT_TRUE(books.Pay(Dollars(5)).ok());
  ASSERT_TRUE(books.Reverse(1).ok());
  ASSERT_TRUE(books.Adjust(Dollars(40)).ok());
  EXPECT_EQ(books.account().state, AccountState::kPendingFunding);
}

// --- A charge that was made on a page (P1 to P3) -----------------------------------

TEST(PaymentPolicyTest, P1_APaymentByAChargeIsGivenBackByTheGateway) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok());
  ASSERT_TRUE(books.Refund(2, Dollars(12)).ok());
  EXPECT_EQ(books.refund().charge_id, "pg_1");
  EXPECT_EQ(books.payment().refunded, Dollars(12));
  EXPECT_EQ(ReasonOf(books.Refund(2, Dollars(9))), "REFUND_TOO_LARGE");
  ASSERT_TRUE(books.GiveBack().ok());
  EXPECT_EQ(books.account().balance, Dollars(23));
}

TEST(PaymentPolicyTest, P1_APaymentByBankIsNoneOfTheGatewaysToGiveBack) {
  Books books = PaidOnTop();
  EXPECT_EQ(ReasonOf(books.Refund(2, Dollars(1))), "NO_CHARGE");
}

TEST(PaymentPolicyTest, P1_WhatWasReversedIsNotGivenBack) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok());
  ASSERT_TRUE(books.Reverse(2).ok());
  EXPECT_EQ(ReasonOf(books.Refund(2, Dollars(1))), "NOT_CREDITED");
}

TEST(PaymentPolicyTest, P5_AReversalIsRefusedWhileAPartIsGivenBackOrDisputed) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok());
  ASSERT_TRUE(books.Refund(2, Dollars(12)).ok());
  EXPECT_EQ(ReasonOf(books.Reverse(2)), "PAYMENT_GIVEN_BACK") << "it is booked as that";
  ASSERT_TRUE(books.FailToGiveBack().ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(5), 2).ok());
  EXPECT_EQ(ReasonOf(books.Reverse(2)), "PAYMENT_GIVEN_BACK");
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kWon, Dollars(5), 2).ok());
  EXPECT_TRUE(books.Reverse(2).ok()) << "all of it is there";
}

TEST(PaymentPolicyTest, P2_ADisputeOfAPaymentDebitsItAndSuspends) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(20), 2).ok());
  EXPECT_EQ(books.account().balance, Dollars(15));
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kDispute);
  EXPECT_TRUE(books.account().disputed_numbers.empty()) << "which card it was is not known";
  EXPECT_EQ(books.StateOf("card-1"), CardState::kUsable);
}

TEST(PaymentPolicyTest, P3_WhatIsToldOfAReversedPaymentIsKeptAndBooksNothing) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok());
  ASSERT_TRUE(books.Reverse(2).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(20), 2).ok());
  ASSERT_TRUE(books.TellRefund("re_1", GatewayRefund::State::kSucceeded, Dollars(3), 2).ok());
  EXPECT_EQ(books.account().balance, Dollars(15)) << "its money is out already";
  EXPECT_EQ(books.Count(EventKind::kGatewayStateKept), 2);
  ASSERT_TRUE(books.Pay(Dollars(20), "pg_1").ok()) << "the reversal was a mistake";
  EXPECT_EQ(books.account().balance, Dollars(12)) << "now they count";
  EXPECT_EQ(books.payment().refunded, Dollars(3));
  EXPECT_EQ(books.payment().disputed, Dollars(20));
}

// --- One charge is credited once (G4) ----------------------------------------------

TEST(PaymentPolicyTest, G4_AChargeThatAPaymentNamedFirstIsNotCreditedByItsReport) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome outcome = SuccessOf(*books.open());
  ASSERT_TRUE(books.Pay(Dollars(15), outcome.charge_id).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  ASSERT_TRUE(books.Report(2, outcome).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.recharge(2).state, RechargeState::kSucceeded) << "the card was charged";
  EXPECT_EQ(books.recharge(2).credited_as, 3);
  EXPECT_EQ(books.recharge(2).credited, Dollars(15));
  EXPECT_EQ(books.LastOf(EventKind::kRechargeSucceeded).cause,
            "charge ch_2_1 of USD 15.00, credited before as 3");
  EXPECT_EQ(books.account().caps.day.amount, Dollars(15)) << "G7: it was charged by itself";
  ASSERT_TRUE(books.Report(2, outcome).ok());
  EXPECT_TRUE(books.last().unchanged) << "a repeat";
}

TEST(PaymentPolicyTest, G4_ATopUpThatWasBookedAsAPaymentStillEndsASuspension) {
  Books books = FundedAt(Dollars(15));
  ASSERT_TRUE(books.Refund(1, Dollars(10)).ok());
  ASSERT_TRUE(books.TopUp(Dollars(20)).ok());
  books.HandOut();
  const Recharge top_up = *books.open();
  ASSERT_TRUE(books.Pay(Dollars(20), SuccessOf(top_up).charge_id).ok());
  ASSERT_TRUE(books.Report(top_up.ordinal, SuccessOf(top_up)).ok());
  EXPECT_EQ(books.account().suspension.reason, SuspensionReason::kNone);
  EXPECT_EQ(books.account().balance, Dollars(25));
}

TEST(PaymentPolicyTest, G4_TheDisputeOfSuchAChargeMarksTheCardThatWasCharged) {
  for (const bool told_first : {true, false}) {
    SCOPED_TRACE(told_first ? "told before the report" : "told after it");
    Books books = FundedAt(Dollars(5));
    books.HandOut();
    const ChargeOutcome outcome = SuccessOf(*books.open());
    ASSERT_TRUE(books.Pay(Dollars(15), outcome.charge_id).ok());
    if (!told_first) {
      ASSERT_TRUE(books.Report(2, outcome).ok());
    }
    ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(15), 2).ok());
    if (told_first) {
      ASSERT_TRUE(books.Report(2, outcome).ok());
    }
    EXPECT_EQ(books.account().balance, Dollars(5));
    EXPECT_EQ(books.payment().disputed, Dollars(15));
    EXPECT_EQ(books.StateOf("card-1"), CardState::kDisputed);
  }
}

TEST(PaymentPolicyTest, G4_AReportOfAChargeWhosePaymentWasReversedCredits) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome outcome = SuccessOf(*books.open());
  ASSERT_TRUE(books.Pay(Dollars(15), outcome.charge_id).ok());
  ASSERT_TRUE(books.Reverse(3).ok());
  ASSERT_TRUE(books.Report(2, outcome).ok());
  EXPECT_EQ(books.account().balance, Dollars(20)) << "the gateway has the money";
  EXPECT_EQ(books.recharge(2).credited_as, 0);
}

TEST(PaymentPolicyTest, P3_WhatWasKeptForTheReportCountsOnceAPaymentCreditsTheCharge) {
  Books books = FundedAt(Dollars(5));
  books.HandOut();
  const ChargeOutcome outcome = SuccessOf(*books.open());
  ASSERT_TRUE(books.TellRefund("re_1", GatewayRefund::State::kSucceeded, Dollars(4), 2).ok());
  ASSERT_TRUE(books.TellDispute("dp_1", DisputeState::kOpened, Dollars(5), 2).ok());
  ASSERT_TRUE(books.Pay(Dollars(15), outcome.charge_id).ok());
  EXPECT_EQ(books.account().balance, Dollars(11));
  EXPECT_EQ(books.payment().refunded, Dollars(4));
  EXPECT_EQ(books.payment().disputed, Dollars(5));
  EXPECT_EQ(books.refund().refund_of, books.payment().ordinal);
  ASSERT_TRUE(books.Report(2, outcome).ok());
  EXPECT_EQ(books.account().balance, Dollars(11)) << "once";
}

TEST(PaymentPolicyTest, G4_AReviewOfAChargeThatWasBookedAsAPaymentEndsAsThat) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  ASSERT_TRUE(books.Pay(Dollars(15), "ch_late").ok());
  ASSERT_TRUE(books.Resolve(2, {true, "ch_late", Dollars(15)}).ok());
  EXPECT_EQ(books.account().balance, Dollars(20));
  EXPECT_EQ(books.recharge(2).credited_as, 3);
  EXPECT_EQ(books.account().set_aside, 0);
}

TEST(PaymentPolicyTest, G4_AReviewIsNotResolvedByTheChargeOfAnotherRecharge) {
  Books books = FundedAt(Dollars(5));
  ASSERT_TRUE(books.Unresolved().ok());
  const absl::Status refused = books.Resolve(2, {true, "ch_1_1", Dollars(15)});
  EXPECT_EQ(ReasonOf(refused), "CHARGE_CREDITED");
  EXPECT_EQ(FieldOf(refused), "charge_id");
}

}  // namespace
}  // namespace reserve::domain
