// Money that comes another way than by a card, by the real processes: it funds an account, nothing
// is charged beside it, one charge is credited once, and what bounced is taken back (P5, G4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Recharges = pb::Recharges::Stub;
using Support = pb::Support::Stub;

class PaymentsTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                .gateway = true,
                .workers = 1,
                .worker_flags = {"--charge_timeout=300ms"}});
  }

  static void Open(const std::string& id, const std::string& card = "") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, card.empty() ? "" : "#",
                      card.empty() ? "" : id, "'"));
  }
  static pb::RecordPaymentResponse Pay(const std::string& id, const std::string& request_id,
                                       int units, const std::string& more = "") {
    return Must(&Support::RecordPayment,
                absl::StrCat("account_id: '", id, "' request_id: '", request_id,
                             "' amount { currency_code: 'USD' units: ", units,
                             " } means: PAYMENT_MEANS_BANK_TRANSFER reason: 'paid' ", more));
  }
  static pb::Payment Reverse(const std::string& id, int64_t ordinal) {
    return Must(&Support::ReversePayment,
                absl::StrCat("account_id: '", id, "' request_id: 'back-", ordinal,
                             "' ordinal: ", ordinal, " reason: 'bounced'"));
  }
  // A customer pays on a page of the gateway's; the charge's id.
  static std::string ChargeOnPage(const std::string& order, int units) {
    const auto charge = Call(
        stack_->gateway(), &gw::PaymentGateway::Stub::Charge,
        Parse<gw::ChargeRequest>(absl::StrCat(
            "idempotency_key: '", order, "' reference: '", order,
            "' card_token: 'tok_visa#page' amount { currency_code: 'USD' units: ", units, " }")));
    EXPECT_TRUE(charge.ok()) << charge.status();
    return charge.ok() ? charge->charge().charge_id() : "";
  }
};

TEST_F(PaymentsTest, P5_AHundredByBankFundAWaitingAccountAndNothingIsCharged) {
  // A card that is declined: its first charge waits for the retry.
  Open("waiting", "tok_decline_insufficient_funds");
  ASSERT_TRUE(WaitUntil([&] { return Charges("waiting").size() == 1; }));
  ASSERT_TRUE(WaitUntil([&] {
    return Account("waiting").payment_methods(0).card_state() == pb::CARD_STATE_FAILING;
  }));
  const auto answer = Pay("waiting", "transfer", 100);
  EXPECT_EQ(answer.payment().state(), pb::PAYMENT_STATE_RECORDED);
  EXPECT_EQ(answer.entry().kind(), pb::ENTRY_KIND_PAYMENT);
  EXPECT_FALSE(answer.already_credited());
  const pb::Account account = Account("waiting");
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(account.open_recharge_ordinal(), 0);
  EXPECT_EQ(Balance("waiting"), "100.00");
  const auto recharges = Must(&Accounts::ListRecharges, "account_id: 'waiting'");
  ASSERT_EQ(recharges.recharges_size(), 1) << "payments are listed by themselves";
  EXPECT_EQ(recharges.recharges(0).state(), pb::RECHARGE_STATE_CANCELED);
  for (const gw::Charge& charge : Charges("waiting")) {
    EXPECT_EQ(charge.state(), gw::CHARGE_STATE_DECLINED);
  }
  ExpectAudited("waiting");
}

TEST_F(PaymentsTest, P5_AnAccountWithoutACardIsFundedByBank) {
  Open("cardless");
  EXPECT_EQ(Account("cardless").state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  Pay("cardless", "first", 10);
  EXPECT_EQ(Account("cardless").state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  Pay("cardless", "second", 5, "received_time { seconds: 1790000000 } reference: 'transfer-7'");
  EXPECT_EQ(Account("cardless").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_THAT(Charges("cardless"), IsEmpty());
  const auto list = Must(&Accounts::ListPayments, "account_id: 'cardless' page_size: 1");
  ASSERT_EQ(list.payments_size(), 1);
  EXPECT_EQ(list.payments(0).reference(), "transfer-7");
  EXPECT_EQ(list.payments(0).received_time().seconds(), 1790000000);
  const auto next = Must(&Accounts::ListPayments,
                         absl::StrCat("account_id: 'cardless' page_size: 1 page_token: '",
                                      list.next_page_token(), "'"));
  ASSERT_EQ(next.payments_size(), 1);
  EXPECT_EQ(next.payments(0).request_id(), "first");
  EXPECT_EQ(next.next_page_token(), "");
}

TEST_F(PaymentsTest, P5_ARepeatedReferenceIsWarnedOf) {
  Open("twice");
  Pay("twice", "first", 10, "reference: 'transfer-8'");
  const auto second = Pay("twice", "second", 10, "reference: 'transfer-8'");
  ASSERT_EQ(second.same_reference_size(), 1);
  EXPECT_EQ(second.same_reference(0).request_id(), "first");
  EXPECT_EQ(Balance("twice"), "20.00");
}

TEST_F(PaymentsTest, G8_G12_P6_WhatIsOnlyTriedIsAnsweredAndNothingIsBookedOrCharged) {
  Open("tried", "tok_visa");
  ASSERT_TRUE(WaitUntil([&] { return Balance("tried") == "15.00"; }));
  const pb::Account before = Account("tried");
  const std::string down =
      "account_id: 'tried' request_id: 'down' amount { units: -5 } reason: 'fee' ";
  const std::string grant = absl::StrCat(
      "account_id: 'tried' request_id: 'grant' amount { units: 7 } reason: 'welcome' expire_time "
      "{ seconds: ",
      absl::ToUnixSeconds(absl::Now()) + 86400, " } ");
  const std::string top_up = "account_id: 'tried' request_id: 'top-up' amount { units: 20 } ";
  const std::string try_it = "validate_only: true";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Must(&Support::AdjustBalance, down + try_it).balance_after().units(), 10);
    EXPECT_EQ(Must(&Support::GrantCredit, grant + try_it).balance_after().units(), 22);
    const auto opened = Must(&Accounts::RequestRecharge, top_up + try_it);
    EXPECT_EQ(opened.ordinal(), 2);
    EXPECT_EQ(opened.amount().units(), 20);
  }
  EXPECT_EQ(Account("tried").DebugString(), before.DebugString());
  // The ids are free still, and what comes is as it was answered.
  EXPECT_EQ(Must(&Support::AdjustBalance, down).balance_after().units(), 10);
  EXPECT_EQ(Must(&Support::GrantCredit, grant).balance_after().units(), 17);
  EXPECT_EQ(Must(&Accounts::RequestRecharge, top_up).ordinal(), 2);
  ASSERT_TRUE(WaitUntil([&] { return Balance("tried") == "37.00"; }));
  EXPECT_THAT(Charges("tried"), SizeIs(2));
  ExpectAudited("tried");
}

TEST_F(PaymentsTest, G12_ABouncedPaymentIsTakenBackAndNotChargedToTheCard) {
  Open("bounced", "tok_visa");
  ASSERT_TRUE(WaitUntil([&] { return Balance("bounced") == "15.00"; }));
  const int64_t ordinal = Pay("bounced", "transfer", 20).payment().ordinal();
  Must(&Support::AdjustBalance,
       "account_id: 'bounced' request_id: 'fee' amount { units: -25 } reason: 'fee'");
  EXPECT_EQ(Reverse("bounced", ordinal).state(), pb::PAYMENT_STATE_REVERSED);
  EXPECT_EQ(Balance("bounced"), "-10.00");
  const pb::Account account = Account("bounced");
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_DISABLED);
  EXPECT_EQ(account.open_recharge_ordinal(), 0);
  EXPECT_THAT(Charges("bounced"), SizeIs(1));
  ExpectAudited("bounced");
}

TEST_F(PaymentsTest, G4_AChargeThatTheWorkerReportedIsNotCreditedByAPayment) {
  Open("reported", "tok_visa");
  ASSERT_TRUE(WaitUntil([&] { return Balance("reported") == "15.00"; }));
  const std::string charge_id = Charges("reported").at(0).charge_id();
  const auto answer = Pay("reported", "mistaken", 15, absl::StrCat("charge_id: '", charge_id, "'"));
  EXPECT_TRUE(answer.already_credited());
  EXPECT_FALSE(answer.has_payment());
  EXPECT_EQ(answer.recharge().ordinal(), 1);
  EXPECT_EQ(answer.entry().kind(), pb::ENTRY_KIND_RECHARGE);
  EXPECT_EQ(answer.entry().seq(), 1);
  EXPECT_EQ(Balance("reported"), "15.00");
}

TEST_F(PaymentsTest, G4_AChargeThatWasBookedAsAPaymentIsNotCreditedByItsReport) {
  Open("raced", "tok_decline_insufficient_funds");
  ASSERT_TRUE(WaitUntil(
      [&] { return Account("raced").payment_methods(0).card_state() == pb::CARD_STATE_FAILING; }));
  Pay("raced", "transfer", 15, "charge_id: 'ch_raced'");
  // The gateway charged after all, and a worker finds it out late.
  const auto report = Must(
      &Recharges::ReportRecharge,
      "account_id: 'raced' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_raced' "
      "amount { currency_code: 'USD' units: 15 } }");
  EXPECT_EQ(report.recharge().state(), pb::RECHARGE_STATE_SUCCEEDED);
  EXPECT_EQ(report.recharge().credited_as_ordinal(), 2);
  EXPECT_EQ(Balance("raced"), "15.00");
  ExpectAudited("raced");
}

TEST_F(PaymentsTest, P3_WhatComesBackOfAPagesChargeIsBookedByReconcile) {
  Open("page");
  const std::string charge_id = ChargeOnPage("order-77", 20);
  Pay("page", "order-77", 20, absl::StrCat("charge_id: '", charge_id, "'"));
  const auto found = Must(&Accounts::ListPayments, absl::StrCat("charge_id: '", charge_id, "'"));
  ASSERT_EQ(found.payments_size(), 1);
  EXPECT_EQ(found.payments(0).account_id(), "page");
  const auto dashboard = gw::StubDashboard::NewStub(
      grpc::CreateChannel(stack_->gateway_address(), grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(Call(*dashboard, &gw::StubDashboard::Stub::OpenDispute,
                   Parse<gw::OpenDisputeRequest>(absl::StrCat("charge_id: '", charge_id, "'")))
                  .ok());
  EXPECT_THAT(Reconcile(), HasSubstr("REPORTED  DISPUTE  recharge page/1"));
  EXPECT_EQ(Balance("page"), "0.00");
  EXPECT_EQ(Account("page").state(), pb::ACCOUNT_STATE_DISABLED);
  const absl::Status refused =
      Ask(&Support::ReversePayment,
          "account_id: 'page' request_id: 'r' ordinal: 1 reason: 'disputed'")
          .status();
  EXPECT_EQ(ReasonOf(refused), "PAYMENT_GIVEN_BACK");
  EXPECT_THAT(Reconcile(), Not(HasSubstr("page/1")));
  ExpectAudited("page");
}

TEST_F(PaymentsTest, P1_APagesChargeIsGivenBackByTheWorker) {
  Open("given-back");
  const std::string charge_id = ChargeOnPage("order-78", 30);
  Pay("given-back", "order-78", 30, absl::StrCat("charge_id: '", charge_id, "'"));
  Must(&Support::RefundRecharge,
       "account_id: 'given-back' request_id: 'r' ordinal: 1 amount { units: 5 } reason: 'asked'");
  EXPECT_TRUE(WaitUntil([&] {
    return Must(&Accounts::ListRefunds, "account_id: 'given-back'").refunds(0).state() ==
           pb::REFUND_STATE_SUCCEEDED;
  }));
  EXPECT_EQ(Balance("given-back"), "25.00");
  EXPECT_THAT(Reconcile(), Not(HasSubstr("given-back/1")));
  ExpectAudited("given-back");
}

TEST_F(PaymentsTest, P6_PromotionalCreditIsSpentBeforeOwnMoneyAndShownBesideIt) {
  Must(&Accounts::OpenAccount, "account_id: 'promo'");
  Must(&Accounts::PutUser, "account_id: 'promo' user_id: 'u'");
  Must(&Support::RecordPayment,
       "account_id: 'promo' request_id: 'p' means: PAYMENT_MEANS_BANK_TRANSFER amount { "
       "currency_code: 'USD' units: 20 } reason: 'transfer'");
  const std::string grant = absl::StrCat(
      "account_id: 'promo' request_id: 'g' amount { currency_code: 'USD' nanos: 500000000 } "
      "reason: 'welcome' expire_time { seconds: ",
      absl::ToUnixSeconds(absl::Now() + absl::Hours(24)), " }");
  const auto granted = Must(&Support::GrantCredit, grant);
  EXPECT_EQ(granted.kind(), pb::ENTRY_KIND_CREDIT_GRANT);
  EXPECT_EQ(Must(&Support::GrantCredit, grant).seq(), granted.seq()) << "a repeat grants nothing";
  EXPECT_EQ(Text(Account("promo").promotional_balance()), "0.50");
  EXPECT_EQ(Text(Account("promo").own_balance()), "20.00");
  const std::string call = absl::StrCat(
      "account_id: 'promo' usage { usage_id: 'c' user_id: 'u' start_time { seconds: ",
      absl::ToUnixSeconds(absl::Now()),
      " } call { direction: DIRECTION_OUTBOUND destination: '+18765550123' duration { seconds: 240 "
      "} } }");
  Must(&Ledger::RecordUsage, call);  // $0.72
  EXPECT_EQ(Text(Account("promo").promotional_balance()), "0.00");
  EXPECT_EQ(Text(Account("promo").own_balance()), "19.78");
  EXPECT_EQ(Text(Must(&Accounts::GetUsage, "account_id: 'promo' usage_id: 'c'").promotional_cost()),
            "0.50");
  Must(&Ledger::VoidUsage, "account_id: 'promo' usage_id: 'c' reason: 'wrong'");
  EXPECT_EQ(Text(Account("promo").promotional_balance()), "0.50");
  EXPECT_EQ(Text(Account("promo").own_balance()), "20.00");
  // Who leaves loses it.
  Must(&Support::CloseAccount, "account_id: 'promo' request_id: 'close' reason: 'wishes to leave'");
  EXPECT_EQ(Balance("promo"), "20.00");
  ExpectAudited("promo");
}

// The account and its statement, with a call in progress beside the credit.
TEST_F(PaymentsTest, P6_OwnMoneyCreditAndWhatIsHeldAreShownThroughout) {
  Must(&Accounts::OpenAccount, "account_id: 'shown'");
  Must(&Accounts::PutUser, "account_id: 'shown' user_id: 'u'");
  Pay("shown", "p", 20);
  Must(&Support::GrantCredit,
       absl::StrCat("account_id: 'shown' request_id: 'g' amount { currency_code: 'USD' nanos: "
                    "500000000 } reason: 'welcome' expire_time { seconds: ",
                    absl::ToUnixSeconds(absl::Now() + absl::Hours(24)), " }"));
  // Own, promotional, held, available.
  const auto shown = [] {
    const pb::Account account = Account("shown");
    return absl::StrCat(Text(account.own_balance()), " ", Text(account.promotional_balance()), " ",
                        Text(account.held()), " ", Text(account.available()));
  };
  const std::string call =
      "call { direction: DIRECTION_OUTBOUND destination: '+18765550123' ";  // $0.18 a minute
  EXPECT_EQ(shown(), "20.00 0.50 0.00 20.50");
  const auto held = Must(&Ledger::CreateHold,
                         absl::StrCat("account_id: 'shown' hold_id: 'h' usage_id: 'c' user_id: 'u' "
                                      "slice { seconds: 60 } ",
                                      call, "}"));
  EXPECT_EQ(Text(held.hold().held()), "0.18");
  EXPECT_EQ(shown(), "20.00 0.50 0.18 20.32") << "what is held is of neither yet";
  Must(
      &Ledger::RecordUsage,
      absl::StrCat("account_id: 'shown' hold_id: 'h' usage { usage_id: 'c' user_id: 'u' start_time "
                   "{ seconds: ",
                   absl::ToUnixSeconds(absl::Now()), " } ", call, "duration { seconds: 240 } } }"));
  EXPECT_EQ(shown(), "19.78 0.00 0.00 19.78");
  Must(&Ledger::VoidUsage, "account_id: 'shown' usage_id: 'c' reason: 'wrong'");
  EXPECT_EQ(shown(), "20.00 0.50 0.00 20.50");
  Must(&Support::CloseAccount, "account_id: 'shown' request_id: 'close' reason: 'leaves'");
  EXPECT_EQ(shown(), "20.00 0.00 0.00 20.00");
  // Newest first: each with its amount, and what of it is promotional.
  std::vector<std::string> statement;
  const auto entries = Must(&Accounts::ListEntries, "account_id: 'shown'");
  for (const pb::Entry& entry : entries.entries()) {
    statement.push_back(absl::StrCat(pb::EntryKind_Name(entry.kind()), " ", Text(entry.amount()),
                                     " ", Text(entry.promotional_amount())));
  }
  EXPECT_THAT(statement,
              ElementsAre("ENTRY_KIND_CREDIT_GRANT_ENDED -0.50 -0.50", "ENTRY_KIND_VOID 0.72 0.50",
                          "ENTRY_KIND_USAGE -0.72 -0.50", "ENTRY_KIND_CREDIT_GRANT 0.50 0.50",
                          "ENTRY_KIND_PAYMENT 20.00 0.00"));
  ExpectAudited("shown");
}

}  // namespace
}  // namespace reserve::e2e
