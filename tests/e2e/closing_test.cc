// Accounts that are closed, by the real processes: their money goes back once, to the cards that
// were charged, whoever is killed meanwhile, and nothing charges them again (P4). The gateway's own
// list is the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/http_get.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Support = pb::Support::Stub;

class ClosingTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s",
                                 "--pending_lookup_interval=100ms", "--close_grace=2s"},
                .gateway = true,
                .workers = 1,
                .worker_flags = {"--charge_timeout=300ms"}});
  }

  static void OpenFunded(const std::string& id, const std::string& card = "tok_visa") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, "#", id, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
  }
  static void TopUp(const std::string& id, const std::string& card, int units) {
    Must(&Accounts::AddPaymentMethod,
         absl::StrCat("account_id: '", id, "' request_id: 'card' payment_method { card_token: '",
                      card, "#", id, "' position: 1 }"));
    Must(&Accounts::RequestRecharge,
         absl::StrCat("account_id: '", id, "' request_id: 't' amount { units: ", units, " }"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == absl::StrCat(15 + units, ".00"); }))
        << Balance(id);
  }
  static std::string CloseRequest(const std::string& id, const std::string& more = "") {
    return absl::StrCat("account_id: '", id,
                        "' request_id: 'close' reason: 'the customer leaves' actor: 'ann' ", more);
  }
  static pb::CloseAccountResponse Close(const std::string& id, const std::string& more = "") {
    return Must(&Support::CloseAccount, CloseRequest(id, more));
  }
  static void AwaitClosed(const std::string& id) {
    EXPECT_TRUE(WaitUntil([&] { return Account(id).state() == pb::ACCOUNT_STATE_CLOSED; }))
        << Account(id).DebugString();
    EXPECT_EQ(Balance(id), "0.00");
    ExpectAudited(id);
  }
  // What the gateway gave back of the account's charges, in cents.
  static int64_t GivenBack(const std::string& id) {
    int64_t cents = 0;
    for (const gw::Charge& charge : Charges(id)) {
      for (const gw::Refund& refund : charge.refunds()) {
        if (refund.state() != gw::REFUND_STATE_SUCCEEDED) continue;
        cents += refund.amount().units() * 100 + refund.amount().nanos() / 10'000'000;
      }
    }
    return cents;
  }
  static std::string Use(const std::string& id, const std::string& usage_id) {
    return absl::StrCat("account_id: '", id, "' usage { usage_id: '", usage_id,
                        "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                        " } call { direction: DIRECTION_OUTBOUND destination: '+18765550123' "
                        "duration { seconds: 60 } } }");
  }
};

TEST_F(ClosingTest, P4_MoneyOfTwoCardsGoesBackToThemByItself) {
  OpenFunded("two");
  TopUp("two", "tok_mastercard", 20);
  const pb::CloseAccountResponse answer = Close("two");
  EXPECT_EQ(answer.account().state(), pb::ACCOUNT_STATE_CLOSING);
  ASSERT_EQ(answer.steps_size(), 3);
  EXPECT_EQ(answer.steps(0).kind(), pb::CLOSING_STEP_KIND_GRACE);
  EXPECT_EQ(answer.steps(1).kind(), pb::CLOSING_STEP_KIND_GIVE_BACK);
  EXPECT_EQ(answer.steps(1).payment_method_id(), "card-2");
  EXPECT_EQ(answer.steps(1).amount().units(), 20);
  EXPECT_EQ(answer.steps(2).charge_ordinal(), 1);
  AwaitClosed("two");
  EXPECT_EQ(GivenBack("two"), 3500);
  EXPECT_THAT(Charges("two"), SizeIs(2)) << "nothing was charged for it";
  const pb::CloseAccountResponse again = Close("two");
  EXPECT_EQ(again.account().state(), pb::ACCOUNT_STATE_CLOSED);
  ASSERT_EQ(again.steps_size(), 2);
  EXPECT_TRUE(again.steps(0).done());
  EXPECT_TRUE(again.account().closing().has_close_time());
}

TEST_F(ClosingTest, P4_WhatNoCardTakesIsOwedAndLessThanACentWrittenOff) {
  OpenFunded("owed", "tok_refund_fail");
  Must(&Support::AdjustBalance,
       "account_id: 'owed' request_id: 'a' amount { nanos: 5000000 } reason: 'odd'");
  Must(&Support::RecordPayment,
       "account_id: 'owed' request_id: 'p' amount { units: 10 } means: PAYMENT_MEANS_BANK_TRANSFER "
       "reason: 'paid'");
  Close("owed");
  AwaitClosed("owed");
  EXPECT_EQ(GivenBack("owed"), 0);
  const pb::Account account = Account("owed");
  EXPECT_EQ(Text(account.closing().owed()), "25.00");
  EXPECT_EQ(Text(account.closing().written_off()), "-0.005");
  const auto events = Must(&pb::Events::Stub::ListEvents, "account_id: 'owed' page_size: 100");
  std::vector<pb::EventKind> kinds;
  for (const pb::Event& event : events.events()) kinds.push_back(event.kind());
  EXPECT_THAT(kinds,
              testing::IsSupersetOf({pb::EVENT_KIND_ACCOUNT_CLOSING, pb::EVENT_KIND_PAYOUT_OWED,
                                     pb::EVENT_KIND_WRITTEN_OFF, pb::EVENT_KIND_ACCOUNT_CLOSED}));
}

TEST_F(ClosingTest, P4_WhatIsOwedIsListedUntilAPersonHasPaidIt) {
  OpenFunded("payout", "tok_refund_fail");
  Close("payout");
  AwaitClosed("payout");
  const auto listed = [](const std::string& id) {
    pb::Payout found;
    const auto payouts = Must(&Support::ListPayouts, "page_size: 1000");
    for (const pb::Payout& payout : payouts.payouts()) {
      if (payout.account_id() == id) found = payout;
    }
    return found;
  };
  EXPECT_EQ(Text(listed("payout").amount()), "15.00");
  EXPECT_TRUE(listed("payout").has_close_time());
  const auto pay = [](const std::string& total) {
    return Ask(&Support::RecordPayout,
               absl::StrCat("account_id: 'payout' total { ", total,
                            " } reason: 'by bank' actor: 'ann' reference: 'transfer-9'"));
  };
  EXPECT_EQ(ReasonOf(pay("units: 15 nanos: 10000000").status()), "MORE_THAN_OWED");
  ASSERT_TRUE(pay("units: 5").ok());
  EXPECT_EQ(Text(listed("payout").amount()), "10.00");
  EXPECT_EQ(Text(listed("payout").paid_out()), "5.00");
  for (int again = 0; again < 2; ++again) {
    const auto account = pay("units: 15");
    ASSERT_TRUE(account.ok()) << account.status();
    EXPECT_EQ(Text(account->closing().paid_out()), "15.00");
  }
  ASSERT_TRUE(pay("units: 5").ok()) << "a repeat that comes late";
  EXPECT_EQ(listed("payout").account_id(), "") << "it is not listed any more";
  EXPECT_EQ(Balance("payout"), "0.00");
  std::vector<std::string> told;
  const auto events = Must(&pb::Events::Stub::ListEvents, "account_id: 'payout' page_size: 100");
  for (const pb::Event& event : events.events()) {
    if (event.kind() != pb::EVENT_KIND_PAID_OUT) continue;
    told.push_back(Text(event.amount()));
    EXPECT_EQ(event.actor(), "ann");
    EXPECT_EQ(event.reference(), "transfer-9");
    EXPECT_THAT(event.cause(), HasSubstr("by bank"));
  }
  EXPECT_THAT(told, testing::ElementsAre("5.00", "10.00"));
  // Money that comes later is owed again.
  Must(&Support::RecordPayment,
       "account_id: 'payout' request_id: 'late' amount { units: 3 } means: "
       "PAYMENT_MEANS_BANK_TRANSFER reason: 'paid'");
  EXPECT_EQ(Text(listed("payout").amount()), "3.00");
  EXPECT_EQ(Text(listed("payout").owed()), "18.00");
  ExpectAudited("payout");
}

TEST_F(ClosingTest, P4_ADisputedChargeIsNotGivenBack) {
  OpenFunded("disputed");
  TopUp("disputed", "tok_mastercard", 20);
  std::string charge_id;
  for (const gw::Charge& charge : Charges("disputed")) {
    if (charge.amount().units() == 20) charge_id = charge.charge_id();
  }
  ASSERT_TRUE(Call(stack_->dashboard(), &gw::StubDashboard::Stub::OpenDispute,
                   Parse<gw::OpenDisputeRequest>(absl::StrCat("charge_id: '", charge_id, "'")))
                  .ok());
  Reconcile();
  EXPECT_EQ(Balance("disputed"), "15.00");
  Close("disputed");
  AwaitClosed("disputed");
  EXPECT_EQ(GivenBack("disputed"), 1500);
}

TEST_F(ClosingTest, P4_LateRecordsAreBookedThenRefusedAndCounted) {
  OpenFunded("late");
  Close("late");
  EXPECT_EQ(Must(&pb::Ledger::Stub::RecordUsage, Use("late", "within")).cost().nanos(),
            180'000'000);
  const auto authorized =
      Must(&pb::Ledger::Stub::AuthorizeUsage,
           "account_id: 'late' user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: "
           "'+18765550123' }");
  EXPECT_EQ(authorized.decision(), pb::AUTHORIZATION_DECISION_ACCOUNT_CLOSING);
  AwaitClosed("late");
  EXPECT_EQ(GivenBack("late"), 1482);
  const auto refused = Ask(&pb::Ledger::Stub::RecordUsage, Use("late", "after"));
  EXPECT_EQ(ReasonOf(refused.status()), "USAGE_AFTER_CLOSING");
  EXPECT_THAT(test_support::HttpGet(stack_->metrics_port(), "/metrics"),
              HasSubstr("reserve_ledger_usage_after_closing_total 1"));
}

TEST_F(ClosingTest, P4_WhateverTheCustomerAsksIsRefusedByName) {
  OpenFunded("refused");
  Close("refused");
  EXPECT_EQ(
      ReasonOf(Ask(&Accounts::RequestRecharge, "account_id: 'refused' request_id: 'r'").status()),
      "ACCOUNT_CLOSING");
  AwaitClosed("refused");
  EXPECT_EQ(
      ReasonOf(Ask(&Accounts::RequestRecharge, "account_id: 'refused' request_id: 'r'").status()),
      "ACCOUNT_CLOSED");
  EXPECT_EQ(
      ReasonOf(Ask(&Accounts::OpenAccount, "account_id: 'refused' card_token: 'tok_visa#refused'")
                   .status()),
      "ACCOUNT_CLOSED")
      << "never opened again";
}

TEST_F(ClosingTest, P4_ALedgerThatIsKilledInTheMiddleFindsItAgain) {
  // The gateway answers late, so that the refund is under way when the ledger ends.
  OpenFunded("killed", "tok_refund_late_900");
  TopUp("killed", "tok_visa", 20);
  const auto kill = [] {
    stack_->ledger_process()->Kill();
    ASSERT_TRUE(stack_->StartLedger().ok());
    // The client hears only now that its connection is gone.
    ASSERT_TRUE(WaitUntil([] { return Ask(&Accounts::GetAccount, "account_id: 'killed'").ok(); }));
  };
  Close("killed");
  kill();  // in the grace
  EXPECT_EQ(Close("killed").account().state(), pb::ACCOUNT_STATE_CLOSING);
  EXPECT_TRUE(WaitUntil([&] { return Account("killed").closing().has_facts_end_time(); }));
  kill();  // while it gives back
  AwaitClosed("killed");
  EXPECT_EQ(GivenBack("killed"), 3500);
  for (const gw::Charge& charge : Charges("killed")) EXPECT_EQ(charge.refunds_size(), 1);
  kill();
  EXPECT_EQ(Close("killed").account().state(), pb::ACCOUNT_STATE_CLOSED);
}

TEST_F(ClosingTest, P4_WhatComesAfterIsBookedAndBalanced) {
  OpenFunded("after");
  Close("after");
  AwaitClosed("after");
  const std::string charge_id = Charges("after").at(0).charge_id();
  // The card's bank sends the refund back, days later.
  const auto refund = Charges("after").at(0).refunds(0);
  ASSERT_TRUE(Call(stack_->dashboard(), &gw::StubDashboard::Stub::FailRefund,
                   Parse<gw::FailRefundRequest>(absl::StrCat("refund_id: '", refund.refund_id(),
                                                             "' failure_code: 'card_closed'")))
                  .ok());
  Reconcile();
  EXPECT_EQ(Account("after").state(), pb::ACCOUNT_STATE_CLOSED);
  EXPECT_EQ(Text(Account("after").closing().owed()), "15.00");
  EXPECT_EQ(GivenBack("after"), 0);
  ExpectAudited("after");
  // It is a finding until a person has looked.
  const auto found = [] {
    const auto reviews = Must(&Support::ListReviews, "page_size: 1000");
    std::vector<pb::MoneyAfterClosing> of_account;
    for (const auto& late : reviews.after_closing()) {
      if (late.account_id() == "after") of_account.push_back(late);
    }
    return of_account;
  };
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_EQ(Text(found()[0].amount()), "15.00");
  EXPECT_TRUE(found()[0].has_since());
  const std::string dismiss =
      "account_id: 'after' request_id: 'seen' dismissed { } reason: 'looked at' actor: 'ann' ";
  Must(&Support::ResolveReview, dismiss + "validate_only: true");
  EXPECT_THAT(found(), SizeIs(1));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Must(&Support::ResolveReview, dismiss).account_id(), "after");
    EXPECT_THAT(found(), IsEmpty());
  }
  EXPECT_EQ(
      ReasonOf(Ask(&Support::ResolveReview, "account_id: 'after' dismissed { } reason: 'again'")
                   .status()),
      "NOT_UNDER_REVIEW");
  EXPECT_EQ(Text(Account("after").closing().owed()), "15.00");
  ExpectAudited("after");
}

}  // namespace
}  // namespace reserve::e2e
