// `worker reconcile` and money that came back: the stub as the gateway, and a ledger of which the
// test sees what it is told.
#include "worker/reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "tests/worker/fake_books.h"
#include "tests/worker/gateway_server.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

namespace pb = ::reserve::ledger::v1;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Nanos kFive = 5 * kNanosPerUnit;

class ReconcilerTest : public testing::Test {
 protected:
  ReconcilerTest() {
    options_.from = absl::Now() - absl::Hours(1);
    options_.max_tries = 1;
    options_.wait = [](absl::Duration) { return false; };
  }

  // Charges $15 for the recharge past the worker; the charge's id.
  std::string Charge(const std::string& account_id, int64_t ordinal, int32_t attempt = 1) {
    return Await<gateway_stub::ChargeAnswer>([&](auto done) {
             gateway_.gateway().Charge({.idempotency_key = ChargeKey(account_id, ordinal, attempt),
                                        .card_token = absl::StrCat("tok_visa#", attempt),
                                        .amount = 3 * kFive,
                                        .currency_code = "USD",
                                        .reference = absl::StrCat(account_id, "/", ordinal)},
                                       std::move(done));
           })
        .charge.charge_id;
  }
  // The refund's id.
  std::string RefundByHand(const std::string& charge_id, Nanos amount = kFive) {
    return Await<gateway_stub::RefundAnswer>([&](auto done) {
             gateway_.gateway().RefundByHand(
                 {.charge_id = charge_id, .amount = amount, .currency_code = "USD"},
                 std::move(done));
           })
        .refund.refund_id;
  }
  std::string OpenDispute(const std::string& charge_id) {
    return Await<gateway_stub::DisputeRecord>([&](auto done) {
             gateway_.gateway().OpenDispute({.charge_id = charge_id, .reason = "fraudulent"},
                                            std::move(done));
           })
        .dispute_id;
  }
  void MoveDispute(const std::string& dispute_id, gateway_stub::DisputeState state) {
    Await<gateway_stub::DisputeRecord>(
        [&](auto done) { gateway_.gateway().MoveDispute(dispute_id, state, std::move(done)); });
  }
  template <typename Answer, typename Start>
  static Answer Await(Start start) {
    absl::StatusOr<Answer> result;
    absl::Notification answered;
    start([&](absl::StatusOr<Answer> answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : Answer();
  }

  // The ledger has it, open, or credited for that charge.
  void PutRecharge(const std::string& account_id, int64_t ordinal, const std::string& charge_id) {
    pb::Recharge recharge;
    recharge.set_ordinal(ordinal);
    recharge.set_attempt(1);
    recharge.set_state(charge_id.empty() ? pb::RECHARGE_STATE_OPEN : pb::RECHARGE_STATE_SUCCEEDED);
    ToProto(3 * kFive, "USD", recharge.mutable_amount());
    if (!charge_id.empty()) {
      recharge.set_charge_id(charge_id);
      *recharge.mutable_credited_amount() = recharge.amount();
      reserve::ToProto(absl::Now(), recharge.mutable_end_time());
    }
    books_.Put(account_id, recharge);
  }
  // $15 on a page of another system's.
  std::string ChargeOnPage(const std::string& reference) {
    return Await<gateway_stub::ChargeAnswer>([&](auto done) {
             gateway_.gateway().Charge({.idempotency_key = reference,
                                        .card_token = "tok_visa#page",
                                        .amount = 3 * kFive,
                                        .currency_code = "USD",
                                        .reference = reference},
                                       std::move(done));
           })
        .charge.charge_id;
  }
  void PutPayment(const std::string& account_id, int64_t ordinal, const std::string& charge_id,
                  Nanos amount, pb::PaymentState state = pb::PAYMENT_STATE_RECORDED) {
    pb::Payment payment;
    payment.set_account_id(account_id);
    payment.set_ordinal(ordinal);
    payment.set_charge_id(charge_id);
    payment.set_state(state);
    ToProto(amount, "USD", payment.mutable_amount());
    reserve::ToProto(absl::Now(), payment.mutable_create_time());
    books_.Put(payment);
  }
  std::string CreditedCharge(const std::string& account_id, int64_t ordinal) {
    const std::string charge_id = Charge(account_id, ordinal);
    PutRecharge(account_id, ordinal, charge_id);
    return charge_id;
  }

  // $5 of that charge, of recharge 1, as the ledger has it.
  static pb::Refund Made(const std::string& account_id, int64_t ordinal,
                         const std::string& charge_id, const std::string& refund_id) {
    pb::Refund refund;
    refund.set_account_id(account_id);
    refund.set_ordinal(ordinal);
    refund.set_recharge_ordinal(1);
    refund.set_charge_id(charge_id);
    refund.set_refund_id(refund_id);
    refund.set_state(pb::REFUND_STATE_SUCCEEDED);
    ToProto(kFive, "USD", refund.mutable_amount());
    reserve::ToProto(absl::Now(), refund.mutable_end_time());
    return refund;
  }

  // Of the lines that tell of a difference: "REPORTED REFUND acme/1".
  std::vector<std::string> Reconcile() {
    std::ostringstream out;
    options_.to = absl::Now() + absl::Hours(1);
    Reconciler reconciler(options_, *MakeChannel(books_.target(), {}),
                          *MakeChannel(gateway_.target(), {}), &out);
    const absl::StatusOr<ReconcileCounts> counts = reconciler.Run();
    EXPECT_TRUE(counts.ok()) << counts.status();
    if (counts.ok()) counts_ = *counts;
    output_ = out.str();
    std::vector<std::string> differences;
    for (const absl::string_view line : absl::StrSplit(output_, '\n')) {
      const std::vector<std::string> parts = absl::StrSplit(line, "  ");
      if (parts.size() < 3 || !absl::StartsWith(parts[2], "recharge ")) continue;
      differences.push_back(
          absl::StrCat(parts[0], " ", parts[1], " ", parts[2].substr(sizeof("recharge"))));
    }
    return differences;
  }

  GatewayServer gateway_{""};
  FakeBooks books_;
  ReconcileOptions options_;
  ReconcileCounts counts_;
  std::string output_;
};

TEST_F(ReconcilerTest, ARefundMadeByHandIsReportedOnce) {
  const std::string charge_id = CreditedCharge("acme", 1);
  const std::string refund_id = RefundByHand(charge_id);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/1"));
  EXPECT_THAT(output_, HasSubstr(absl::StrCat("charge ", charge_id, " USD 15.00  refund ",
                                              refund_id, " USD 5.00 SUCCEEDED")));
  EXPECT_THAT(output_, HasSubstr("0 credited, 0 given back, 1 reported, 0 for a person"));
  const std::string told =
      absl::StrCat("refund ", refund_id, " of acme/1 ", charge_id, " REFUND_STATE_SUCCEEDED");
  EXPECT_THAT(books_.told(), ElementsAre(told));

  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.reported, 0);
  EXPECT_EQ(counts_.for_person, 0);
  EXPECT_THAT(books_.told(), ElementsAre(told));
}

TEST_F(ReconcilerTest, ADisputeIsReportedEachTimeThatItGoesOn) {
  const std::string charge_id = CreditedCharge("acme", 1);
  const std::string dispute_id = OpenDispute(charge_id);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED DISPUTE acme/1"));
  EXPECT_THAT(Reconcile(), IsEmpty());
  MoveDispute(dispute_id, gateway_stub::DisputeState::kWon);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED DISPUTE acme/1"));
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.for_person, 0);
  EXPECT_THAT(books_.told(),
              ElementsAre(HasSubstr("DISPUTE_STATE_OPENED"), HasSubstr("DISPUTE_STATE_WON")));
}

TEST_F(ReconcilerTest, ADryRunSaysWhatWouldBeReportedAndReportsNothing) {
  RefundByHand(CreditedCharge("acme", 1));
  options_.dry_run = true;
  EXPECT_THAT(Reconcile(), ElementsAre("TO REPORT REFUND acme/1"));
  EXPECT_EQ(counts_.reported, 1);
  EXPECT_EQ(counts_.for_person, 0);
  EXPECT_THAT(books_.told(), IsEmpty());
}

TEST_F(ReconcilerTest, WhatIsLeftOfAChargeIsCreditedOnceTheLedgerKnowsWhatIsGone) {
  const std::string charge_id = Charge("acme", 1);
  PutRecharge("acme", 1, "");
  const std::string refund_id = RefundByHand(charge_id);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/1", "CREDITED UNREPORTED acme/1"));
  EXPECT_THAT(books_.told(), ElementsAre(absl::StrCat("refund ", refund_id, " of acme/1 ",
                                                      charge_id, " REFUND_STATE_SUCCEEDED kept"),
                                         absl::StrCat("success ", charge_id)));
  // All that was charged: the ledger takes off what it was told of.
  EXPECT_EQ(books_.Get("acme", 1).credited_amount().units(), 15);
  EXPECT_THAT(Reconcile(), IsEmpty());
}

TEST_F(ReconcilerTest, AChargeThatWasGivenBackAsAWholeIsReportedAndNotCredited) {
  const std::string charge_id = Charge("acme", 1);
  PutRecharge("acme", 1, "");
  RefundByHand(charge_id, 3 * kFive);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/1"));
  EXPECT_EQ(books_.Get("acme", 1).state(), pb::RECHARGE_STATE_OPEN);
}

TEST_F(ReconcilerTest, LateChangesOfOldChargesAreSeen) {
  const std::string old = CreditedCharge("acme", 1);
  CreditedCharge("quiet", 1);
  options_.from = absl::Now();
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.charges, 0);
  OpenDispute(old);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED DISPUTE acme/1"));
  EXPECT_EQ(counts_.charges, 1);
}

TEST_F(ReconcilerTest, WhatTheLedgerDoesNotTakeIsForAPerson) {
  RefundByHand(CreditedCharge("acme", 1));
  books_.AnswerStates(
      MakeError(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND", "charge_id", "of nobody"));
  for (int run = 1; run <= 2; ++run) {
    EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON CREDITED_WITHOUT_MONEY acme/1"));
    EXPECT_THAT(output_, HasSubstr("the ledger does not take refund "));
    EXPECT_THAT(output_, HasSubstr("of nobody"));
    EXPECT_EQ(counts_.for_person, 1);
    EXPECT_EQ(counts_.reported, 0);
  }
  // A ledger of before refunds.
  books_.AnswerStates(absl::UnimplementedError("what?"));
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON CREDITED_WITHOUT_MONEY acme/1"));
}

TEST_F(ReconcilerTest, AWonDisputeThatTheLedgerDoesNotTakeIsForAPersonThoughNothingIsGone) {
  const std::string dispute_id = OpenDispute(CreditedCharge("acme", 1));
  MoveDispute(dispute_id, gateway_stub::DisputeState::kWon);
  books_.AnswerStates(InvalidField("reason", "must be at most 255 bytes"));
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON DISPUTE acme/1"));
}

TEST_F(ReconcilerTest, ARefundThatTheLedgerHasOtherwiseIsForAPerson) {
  pb::Refund failed;
  failed.set_account_id("acme");
  failed.set_refund_id(RefundByHand(CreditedCharge("acme", 1)));
  failed.set_state(pb::REFUND_STATE_FAILED);
  books_.Fix(failed);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON CREDITED_WITHOUT_MONEY acme/1"));
  EXPECT_THAT(output_, HasSubstr("it has it as REFUND_STATE_FAILED"));
  EXPECT_EQ(counts_.reported, 0);
}

TEST_F(ReconcilerTest, ARefundThatTheLedgerHasAsMadeAndTheGatewayLacksIsForAPerson) {
  const std::string charge_id = CreditedCharge("acme", 1);
  books_.Fix(Made("acme", 2, charge_id, "re_lost"));
  for (int run = 1; run <= 2; ++run) {
    EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON NO_REFUND acme/1"));
    EXPECT_THAT(output_, HasSubstr(absl::StrCat("charge ", charge_id,
                                                "  refund re_lost USD 5.00 SUCCEEDED\n")));
    EXPECT_THAT(output_, HasSubstr("tell that it failed by Recharges.ReportGatewayRefund"));
    EXPECT_THAT(output_, HasSubstr("1 credited recharges, 1 refunds;"));
  }
  EXPECT_EQ(counts_.for_person, 1);
  EXPECT_THAT(books_.told(), IsEmpty());
}

TEST_F(ReconcilerTest, ARefundOfAnotherAmountThanTheGatewayHasIsForAPerson) {
  const std::string charge_id = CreditedCharge("acme", 1);
  books_.Fix(Made("acme", 2, charge_id, RefundByHand(charge_id, 2 * kFive)));
  books_.Fix(Made("acme", 3, charge_id, RefundByHand(charge_id, kFive)));
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON REFUND_DIFFERS acme/1"));
  EXPECT_THAT(output_, HasSubstr("book the difference by Support.AdjustBalance"));
}

TEST_F(ReconcilerTest, WhatAPersonHasAdjustedTheBalanceForCountsNoMore) {
  const std::string charge_id = CreditedCharge("acme", 1);
  const std::string refund_id = RefundByHand(charge_id, 2 * kFive);
  books_.Fix(Made("acme", 2, charge_id, refund_id));
  PutPayment("acme", 4, "ch_mistyped", 3 * kFive);
  const std::string other = ChargeOnPage("order-1001");
  PutPayment("acme", 5, other, 4 * kFive);
  EXPECT_THAT(Reconcile(),
              ElementsAre("FOR A PERSON AMOUNT_DIFFERS acme/5",
                          "FOR A PERSON REFUND_DIFFERS acme/1", "FOR A PERSON NO_CHARGE acme/4"));
  EXPECT_EQ(counts_.for_person, 3);
  // Neither of another account, nor of another finding, nor in other words.
  books_.Adjust("other", "NO_CHARGE ch_mistyped");
  books_.Adjust("acme", "AMOUNT_DIFFERS ch_mistyped");
  books_.Adjust("acme", "NO_CHARGE ch_mistyped, T-19");
  Reconcile();
  EXPECT_EQ(counts_.for_person, 3);
  for (const std::string& reference :
       {std::string("NO_CHARGE ch_mistyped"), absl::StrCat("REFUND_DIFFERS ", refund_id),
        absl::StrCat("AMOUNT_DIFFERS ", other)}) {
    EXPECT_THAT(output_, HasSubstr(absl::StrCat("the reference \"", reference, "\"\n")));
    books_.Adjust("acme", reference);
  }
  EXPECT_THAT(Reconcile(),
              ElementsAre("ADJUSTED AMOUNT_DIFFERS acme/5", "ADJUSTED REFUND_DIFFERS acme/1",
                          "ADJUSTED NO_CHARGE acme/4"));
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, ACreditWithoutMoneyThatIsTakenBackIsAdjusted) {
  const std::string charge_id = CreditedCharge("acme", 1);
  RefundByHand(charge_id);
  books_.AnswerStates(
      MakeError(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND", "charge_id", "of nobody"));
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON CREDITED_WITHOUT_MONEY acme/1"));
  books_.Adjust("acme", absl::StrCat("CREDITED_WITHOUT_MONEY ", charge_id));
  EXPECT_THAT(Reconcile(), ElementsAre("ADJUSTED CREDITED_WITHOUT_MONEY acme/1"));
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, ARefundOfAChargeThatTheGatewayLacksIsForAPerson) {
  PutRecharge("acme", 1, "ch_lost");
  books_.Fix(Made("acme", 2, "ch_lost", "re_lost"));
  EXPECT_THAT(Reconcile(),
              ElementsAre("FOR A PERSON NO_CHARGE acme/1", "FOR A PERSON NO_REFUND acme/1"));
}

TEST_F(ReconcilerTest, ARefundUnderOurReferenceAndAnotherIdIsReportedAndNotMissed) {
  const std::string charge_id = CreditedCharge("acme", 1);
  books_.Fix(Made("acme", 2, charge_id, "re_typo"));
  Await<gateway_stub::RefundAnswer>([&](auto done) {
    gateway_.gateway().Refund({.idempotency_key = RefundKey("acme", 2),
                               .charge_id = charge_id,
                               .amount = kFive,
                               .currency_code = "USD",
                               .reference = "acme/2"},
                              std::move(done));
  });
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/1"));
}

TEST_F(ReconcilerTest, RefundsOfAnotherPeriodAreLeftAlone) {
  books_.Fix(Made("acme", 2, CreditedCharge("acme", 1), "re_lost"));
  options_.from = absl::Now();
  EXPECT_THAT(Reconcile(), IsEmpty());
}

TEST_F(ReconcilerTest, AnOutageOfTheLedgerEndsTheRunAndTheNextOneDoesTheRest) {
  RefundByHand(CreditedCharge("acme", 1));
  books_.AnswerStates(absl::UnavailableError("not now"));
  std::ostringstream out;
  options_.to = absl::Now() + absl::Hours(1);
  Reconciler reconciler(options_, *MakeChannel(books_.target(), {}),
                        *MakeChannel(gateway_.target(), {}), &out);
  EXPECT_TRUE(absl::IsUnavailable(reconciler.Run().status()));
  books_.AnswerStates(absl::OkStatus());
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/1"));
}

TEST_F(ReconcilerTest, WhatItGaveBackOfASecondChargeIsNoNewsForTheLedger) {
  CreditedCharge("acme", 1);
  const std::string second = Charge("acme", 1, /*attempt=*/2);
  EXPECT_THAT(Reconcile(), ElementsAre("GIVEN BACK SECOND_CHARGE acme/1"));
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_THAT(books_.told(), IsEmpty());
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, ARefundOfAChargeOfNobodyOrOfAnotherSystemIsNotReported) {
  const std::string orphan = Charge("nobody", 1);
  RefundByHand(orphan, 3 * kFive);
  PutRecharge("acme", 1, "");
  Await<gateway_stub::ChargeAnswer>([&](auto done) {
    gateway_.gateway().Charge({.idempotency_key = "order-1",
                               .card_token = "tok_visa",
                               .amount = kFive,
                               .currency_code = "USD",
                               .reference = "acme/1"},
                              std::move(done));
  });
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON STRANGE_KEY acme/1"));
  EXPECT_THAT(books_.told(), IsEmpty());
}

TEST_F(ReconcilerTest, TheGatewayGetsNoMoreRequestsThanItsLimit) {
  for (int i = 1; i <= 5; ++i) CreditedCharge(absl::StrCat("acct-", i), 1);
  options_.gateway_requests_per_second = 1;
  absl::Duration waited;
  options_.wait = [&waited](absl::Duration duration) {
    waited = std::max(waited, duration);
    return false;
  };
  // Charges of the period; old ones that changed; and those of each recharge.
  options_.from = absl::Now();
  for (int i = 1; i <= 5; ++i) Charge(absl::StrCat("acct-", i), 2);
  Reconcile();
  EXPECT_GT(waited, absl::Milliseconds(500));
}

// --- Charges that were booked as payments (P5) ---------------------------------------

TEST_F(ReconcilerTest, APagesChargeThatWasBookedIsInOrderAndNotForeign) {
  PutPayment("acme", 4, ChargeOnPage("order-1001"), 3 * kFive);
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.foreign, 0);
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, APagesChargeThatNobodyBookedIsForeign) {
  ChargeOnPage("order-1001");
  Reconcile();
  EXPECT_EQ(counts_.foreign, 1);
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, WhatComesBackOfAPaymentIsReported) {
  const std::string charge_id = ChargeOnPage("order-1001");
  PutPayment("acme", 4, charge_id, 3 * kFive);
  RefundByHand(charge_id);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/4"));
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, APaymentOfAnotherAmountThanItsChargeIsAPersonsBusiness) {
  PutPayment("acme", 4, ChargeOnPage("order-1001"), 4 * kFive);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON AMOUNT_DIFFERS acme/4"));
}

TEST_F(ReconcilerTest, APaymentWhoseChargeTheGatewayDoesNotHaveIsAPersonsBusiness) {
  PutPayment("acme", 4, "ch_mistyped", 3 * kFive);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON NO_CHARGE acme/4"));
}

TEST_F(ReconcilerTest, AReversedPaymentWhoseChargeStandsIsAPersonsBusiness) {
  const std::string charge_id = ChargeOnPage("order-1001");
  PutPayment("acme", 4, charge_id, 3 * kFive, pb::PAYMENT_STATE_REVERSED);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON REVERSED_PAYMENT acme/4"));
  RefundByHand(charge_id, 3 * kFive);
  EXPECT_THAT(Reconcile(), IsEmpty()) << "its money is gone";
}

TEST_F(ReconcilerTest, AWorkersChargeThatWasBookedAsAPaymentIsComparedWithBoth) {
  const std::string charge_id = CreditedCharge("acme", 1);
  PutPayment("acme", 2, charge_id, 3 * kFive);
  EXPECT_THAT(Reconcile(), IsEmpty());
  PutPayment("acme", 3, charge_id, 2 * kFive);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON AMOUNT_DIFFERS acme/3"));
}

TEST_F(ReconcilerTest, P5_AnOrphanThatAPaymentCreditsIsNotGivenBack) {
  const std::string charge_id = Charge("acme", 3);
  PutPayment("acme", 4, charge_id, 3 * kFive);
  for (int run = 1; run <= 2; ++run) {
    EXPECT_THAT(Reconcile(), IsEmpty());
    EXPECT_EQ(counts_.refunded, 0);
    EXPECT_EQ(counts_.for_person, 0);
  }
  EXPECT_THAT(books_.told(), IsEmpty());
}

TEST_F(ReconcilerTest, P5_ASecondChargeThatAPaymentCreditsIsNotGivenBack) {
  CreditedCharge("acme", 1);
  PutPayment("acme", 2, Charge("acme", 1, /*attempt=*/2), 3 * kFive);
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.refunded, 0);
  EXPECT_THAT(books_.told(), IsEmpty());
}

TEST_F(ReconcilerTest, P5_AFindingOfARechargeEndsOnceAPaymentCreditsItsCharge) {
  PutRecharge("acme", 1, "");
  const std::string ahead = Charge("acme", 1, /*attempt=*/2);
  EXPECT_THAT(Reconcile(), ElementsAre("FOR A PERSON UNKNOWN_ATTEMPT acme/1"));
  PutPayment("acme", 2, ahead, 3 * kFive);
  EXPECT_THAT(Reconcile(), IsEmpty());
  EXPECT_EQ(counts_.for_person, 0);
}

TEST_F(ReconcilerTest, P5_WhatComesBackOfAnOrphanThatAPaymentCreditsIsReportedOnce) {
  const std::string charge_id = Charge("acme", 3);
  PutPayment("acme", 4, charge_id, 3 * kFive);
  RefundByHand(charge_id);
  EXPECT_THAT(Reconcile(), ElementsAre("REPORTED REFUND acme/4"));
  EXPECT_THAT(Reconcile(), IsEmpty());
}

TEST_F(ReconcilerTest, P5_AnOrphanWhosePaymentIsReversedIsGivenBack) {
  PutPayment("acme", 4, Charge("acme", 3), 3 * kFive, pb::PAYMENT_STATE_REVERSED);
  Reconcile();
  EXPECT_EQ(counts_.refunded, 1);
}

}  // namespace
}  // namespace reserve::worker
