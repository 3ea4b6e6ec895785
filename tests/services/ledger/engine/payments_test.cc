// Payments on a real database: once, whatever comes twice, and found again by whoever starts anew,
// by their requests, references and charges (P5, G4).
#include <string>
#include <vector>

#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using domain::AccountState;
using domain::DisputeState;
using domain::EntryKind;
using domain::RechargeState;
using ::testing::ElementsAre;

class PaymentsTest : public OneAccountTest {
 protected:
  PaymentReply Pay(const std::string& request_id, Nanos amount, const std::string& charge_id = "",
                   const std::string& reference = "") {
    return Must<PaymentReply>(Payment(request_id, amount, charge_id, reference));
  }
};

TEST_F(PaymentsTest, P5_APaymentFundsAnAccountAndIsFoundAgain) {
  OpenAccount open = OpenWithCard();
  open.card = {};
  Must<domain::Account>(open);
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kPendingFunding);
  const PaymentReply first = Pay("paid", 100 * kDollar);
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kActive);
  EXPECT_EQ(ledger_.Account(kAccount).payments, 1);
  StartAnew();
  const PaymentReply again = Pay("paid", 100 * kDollar);
  EXPECT_EQ(again.credited, first.credited);
  EXPECT_EQ(again.entry->seq, first.entry->seq);
  EXPECT_FALSE(again.already_credited);
  EXPECT_EQ(Balance(), 100 * kDollar);
  const auto other = Ask<PaymentReply>(*engine_, kAccount, Payment("paid", 99 * kDollar));
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(PaymentsTest, P5_ARepeatedReferenceIsWarnedOfByWhoeverStartsAnew) {
  OpenFunded(*engine_, kAccount);
  Pay("one", 5 * kDollar, "", "transfer-7");
  StartAnew();
  const PaymentReply two = Pay("two", 5 * kDollar, "", "transfer-7");
  ASSERT_EQ(two.same_reference.size(), 1u);
  EXPECT_EQ(two.same_reference[0].request_id, "one");
  EXPECT_EQ(Balance(), 25 * kDollar);
}

TEST_F(PaymentsTest, P5_AReversalIsMadeOnce) {
  OpenFunded(*engine_, kAccount);
  Pay("paid", 20 * kDollar);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Must<RechargeReply>(Reversal("bounced", 2)).recharge.state, RechargeState::kReversed);
    StartAnew();
  }
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, Reversal("again", 2)).status()),
            "ALREADY_REVERSED");
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_EQ(ledger_.Account(kAccount).payments, 0);
  EXPECT_THAT(Kinds(),
              ElementsAre(EntryKind::kRecharge, EntryKind::kPayment, EntryKind::kPaymentReversed));
}

TEST_F(PaymentsTest, G4_APaymentOfACreditedChargeIsAnsweredWithTheEntryThatIsStored) {
  OpenFunded(*engine_, kAccount);  // recharge 1, charge ch_1
  StartAnew();
  const PaymentReply answer = Pay("paid", 15 * kDollar, "ch_1");
  EXPECT_TRUE(answer.already_credited);
  EXPECT_EQ(answer.credited.ordinal, 1);
  ASSERT_TRUE(answer.entry.has_value());
  EXPECT_EQ(answer.entry->seq, 1);
  EXPECT_EQ(answer.entry->kind, EntryKind::kRecharge);
  EXPECT_EQ(Balance(), 15 * kDollar);
}

TEST_F(PaymentsTest, G4_AReportOfAChargeThatIsStoredAsAPaymentCreditsNothing) {
  OpenFunded(*engine_, kAccount);
  Spend(*engine_, kAccount, 10 * kDollar);
  ASSERT_EQ(ledger_.Account(kAccount).open_ordinal, 2);
  Pay("paid", 15 * kDollar, "ch_2");
  StartAnew();
  const domain::Recharge recharge = Must<RechargeReply>(Succeeded(2, 15 * kDollar)).recharge;
  EXPECT_EQ(recharge.state, RechargeState::kSucceeded);
  EXPECT_EQ(recharge.credited_as, 3);
  EXPECT_EQ(Balance(), 20 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 3).card.fingerprint, recharge.card.fingerprint);
}

TEST_F(PaymentsTest, P3_WhatTheGatewayTellsFindsAPaymentByItsCharge) {
  OpenFunded(*engine_, kAccount);
  Pay("paid", 20 * kDollar, "pg_1");
  StartAnew();
  ReportGatewayDispute told = ToldDispute(0, "dp_1", DisputeState::kOpened, 20 * kDollar);
  told.told.charge_id = "pg_1";
  EXPECT_EQ(Must<DisputeReply>(told).dispute.ordinal, 2);
  EXPECT_EQ(Balance(), 15 * kDollar);
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).disputed, 20 * kDollar);
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, Reversal("bounced", 2)).status()),
            "PAYMENT_GIVEN_BACK");
}

TEST_F(PaymentsTest, P3_WhatWasKeptMovesToThePaymentThatCreditsTheCharge) {
  OpenFunded(*engine_, kAccount);
  Spend(*engine_, kAccount, 10 * kDollar);
  EXPECT_TRUE(Must<DisputeReply>(ToldDispute(2, "dp_1", DisputeState::kOpened, 15 * kDollar)).kept);
  EXPECT_TRUE(Must<RechargeReply>(
                  ToldRefund(2, "re_1", domain::GatewayRefund::State::kSucceeded, 2 * kDollar))
                  .kept);
  StartAnew();
  const PaymentReply paid = Pay("paid", 15 * kDollar, "ch_2");
  EXPECT_EQ(paid.credited.disputed, 15 * kDollar);
  EXPECT_EQ(paid.credited.refunded, 2 * kDollar);
  EXPECT_EQ(Balance(), 3 * kDollar);
  StartAnew();
  Must<RechargeReply>(Succeeded(2, 15 * kDollar));
  EXPECT_EQ(Balance(), 3 * kDollar) << "once";
}

}  // namespace
}  // namespace reserve::engine
