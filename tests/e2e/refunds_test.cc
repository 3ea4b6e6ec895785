// Money of a charge that goes back, by the real processes: once, whatever happens, and never a
// reason to charge the card again (P1 to P3). The gateway's own list is the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/conversions.h"
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
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Recharges = pb::Recharges::Stub;
using Support = pb::Support::Stub;

class RefundsTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s",
                                 "--pending_lookup_interval=100ms"},
                .gateway = true,
                .workers = 1,
                .worker_flags = {"--charge_timeout=300ms"}});
  }

  template <typename Request, typename Response>
  static Response AtTheGateway(grpc::Status (gw::StubDashboard::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                               const std::string& request) {
    auto response = Call(stack_->dashboard(), method, Parse<Request>(request));
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  static void OpenFunded(const std::string& id, const std::string& card = "tok_visa") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, "#", id, "'"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
  }
  static pb::Refund Refund(const std::string& id, const std::string& request_id, int units) {
    return Must(&Support::RefundRecharge,
                absl::StrCat("account_id: '", id, "' request_id: '", request_id,
                             "' ordinal: 1 amount { units: ", units, " } reason: 'asked'"));
  }
  static std::vector<pb::Refund> Refunds(const std::string& id) {
    const auto list = Must(&Accounts::ListRefunds, absl::StrCat("account_id: '", id, "'"));
    return {list.refunds().begin(), list.refunds().end()};
  }
  static void AwaitRefund(const std::string& id, pb::RefundState state) {
    EXPECT_TRUE(WaitUntil([&] { return Refunds(id).front().state() == state; }))
        << Refunds(id).front().DebugString();
  }
  static gw::Charge TheCharge(const std::string& id) {
    const std::vector<gw::Charge> charges = Charges(id);
    EXPECT_THAT(charges, SizeIs(1));
    return charges.empty() ? gw::Charge() : charges.front();
  }
};

TEST_F(RefundsTest, P1_APartIsGivenBackOnceAndTheCardNotChargedAgain) {
  OpenFunded("part");
  EXPECT_EQ(Refund("part", "r", 6).state(), pb::REFUND_STATE_PENDING);
  EXPECT_EQ(Balance("part"), "9.00");
  AwaitRefund("part", pb::REFUND_STATE_SUCCEEDED);
  const gw::Charge charge = TheCharge("part");
  ASSERT_EQ(charge.refunds_size(), 1);
  EXPECT_EQ(charge.refunds(0).amount().units(), 6);
  EXPECT_EQ(charge.refunds(0).reference(), "part/2");
  EXPECT_EQ(charge.refunds(0).refund_id(), Refunds("part").front().refund_id());
  EXPECT_EQ(Account("part").open_recharge_ordinal(), 0) << "nothing is charged for it";
  ExpectAudited("part");
}

TEST_F(RefundsTest, P1_ARefundThatTheGatewayRefusesIsBookedBack) {
  OpenFunded("refused", "tok_refund_fail");
  Refund("refused", "r", 15);
  AwaitRefund("refused", pb::REFUND_STATE_FAILED);
  EXPECT_EQ(Balance("refused"), "15.00");
  EXPECT_EQ(Refunds("refused").front().failure_code(), "expired_or_canceled_card");
  EXPECT_EQ(Account("refused").state(), pb::ACCOUNT_STATE_ACTIVE);
  ExpectAudited("refused");
}

TEST_F(RefundsTest, P1_WhateverBecomesOfTheReplyTheMoneyIsGivenBackOnce) {
  for (const std::string id :
       {"lost_reply", "late_900", "internal", "pending_300", "fail_before_2"}) {
    OpenFunded(id, "tok_refund_" + id);
    Refund(id, "r", 10);
    AwaitRefund(id, pb::REFUND_STATE_SUCCEEDED);
    EXPECT_EQ(Balance(id), "5.00");
    EXPECT_EQ(TheCharge(id).refunds_size(), 1) << id;
    ExpectAudited(id);
  }
}

TEST_F(RefundsTest, P1_AWorkerKilledInTheMidstOfItIsSucceededByAnother) {
  OpenFunded("killed", "tok_refund_slow_600");
  Refund("killed", "r", 10);
  EXPECT_TRUE(WaitUntil(
      [] { return absl::StrContains(stack_->worker_process(0)->Stderr(), "\"killed\""); }));
  stack_->worker_process(0)->Kill();
  ASSERT_TRUE(stack_->StartWorker(0).ok());
  AwaitRefund("killed", pb::REFUND_STATE_SUCCEEDED);
  EXPECT_EQ(TheCharge("killed").refunds_size(), 1);
  EXPECT_EQ(Balance("killed"), "5.00");
  ExpectAudited("killed");
}

TEST_F(RefundsTest, P2_ADisputeThatReconcileFindsIsLostOrWonToTheCent) {
  for (const std::string end : {"WON", "LOST"}) {
    const std::string id = absl::StrCat("dispute-", end);
    OpenFunded(id);
    const gw::Dispute opened =
        AtTheGateway(&gw::StubDashboard::Stub::OpenDispute,
                     absl::StrCat("charge_id: '", TheCharge(id).charge_id(), "' reason: 'fraud'"));
    EXPECT_THAT(Reconcile(), HasSubstr("DISPUTE"));
    EXPECT_EQ(Balance(id), "0.00");
    EXPECT_EQ(Account(id).state(), pb::ACCOUNT_STATE_DISABLED);
    EXPECT_EQ(Account(id).payment_methods(0).card_state(), pb::CARD_STATE_DISPUTED);
    AtTheGateway(
        &gw::StubDashboard::Stub::MoveDispute,
        absl::StrCat("dispute_id: '", opened.dispute_id(), "' state: DISPUTE_STATE_", end));
    for (int i = 0; i < 2; ++i) Reconcile();
    EXPECT_EQ(Balance(id), end == "WON" ? "15.00" : "0.00");
    EXPECT_EQ(Account(id).state(),
              end == "WON" ? pb::ACCOUNT_STATE_ACTIVE : pb::ACCOUNT_STATE_DISABLED);
    const auto disputes = Must(&Accounts::ListDisputes, absl::StrCat("account_id: '", id, "'"));
    ASSERT_EQ(disputes.disputes_size(), 1);
    EXPECT_EQ(pb::DisputeState_Name(disputes.disputes(0).state()),
              absl::StrCat("DISPUTE_STATE_", end));
    EXPECT_THAT(Charges(id), SizeIs(1));
    ExpectAudited(id);
  }
}

TEST_F(RefundsTest, P3_WhatIsDoneAtTheGatewayIsTakenUpByReconcileOnce) {
  OpenFunded("hand");
  const gw::Refund by_hand =
      AtTheGateway(&gw::StubDashboard::Stub::RefundByHand,
                   absl::StrCat("charge_id: '", TheCharge("hand").charge_id(),
                                "' amount { currency_code: 'USD' units: 3 }"));
  for (int i = 0; i < 2; ++i) Reconcile();
  EXPECT_EQ(Balance("hand"), "12.00");
  ASSERT_THAT(Refunds("hand"), SizeIs(1));
  AtTheGateway(&gw::StubDashboard::Stub::FailRefund,
               absl::StrCat("refund_id: '", by_hand.refund_id(),
                            "' failure_code: 'closed:4111111111111111'"));
  for (int i = 0; i < 2; ++i) Reconcile();
  EXPECT_EQ(Balance("hand"), "15.00");
  EXPECT_EQ(Refunds("hand").front().failure_code(), "closed:************1111");
  EXPECT_EQ(Refunds("hand").front().state(), pb::REFUND_STATE_FAILED);
  ExpectAudited("hand");
}

TEST_F(RefundsTest, P3_WhatIsToldOfAChargeOfNobodyIsListedAndCountsWithThePayment) {
  Must(&Accounts::OpenAccount, "account_id: 'page'");
  const std::string opened =
      "charge_id: 'ch_page' charge_reference: 'order-9' dispute_id: 'dp_page' state: "
      "DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 20 }";
  for (int i = 0; i < 2; ++i) {
    const pb::Dispute kept = Must(&Recharges::ReportGatewayDispute, opened);
    EXPECT_TRUE(kept.kept());
    EXPECT_EQ(kept.account_id(), "");
    EXPECT_EQ(kept.charge_id(), "ch_page");
  }
  const pb::Refund none =
      Must(&Recharges::ReportGatewayRefund,
           "charge_id: 'ch_foreign' charge_reference: 'order-10' refund_id: 're_foreign' state: "
           "REFUND_STATE_SUCCEEDED amount { currency_code: 'USD' units: 3 }");
  EXPECT_TRUE(none.kept());
  const auto listed = [] {
    std::vector<std::string> charges;
    std::string token;
    do {
      const auto page =
          Must(&Support::ListReviews, absl::StrCat("page_size: 1 page_token: '", token, "'"));
      for (const pb::KeptOfNobody& kept : page.of_nobody()) charges.push_back(kept.charge_id());
      token = page.next_page_token();
    } while (!token.empty());
    return charges;
  };
  EXPECT_THAT(listed(), ElementsAre("ch_page", "ch_foreign"));
  const std::string not_ours =
      "reason: 'of the shop' actor: 'ann' request_id: 'T-9' dismissed { charge_id: 'ch_foreign' }";
  Must(&Support::ResolveReview, not_ours + " validate_only: true");
  EXPECT_THAT(listed(), SizeIs(2));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Must(&Support::ResolveReview, not_ours).charge_id(), "ch_foreign");
    EXPECT_THAT(listed(), ElementsAre("ch_page"));
  }
  Must(&Support::RecordPayment,
       "account_id: 'page' request_id: 'p' amount { currency_code: 'USD' units: 20 } means: "
       "PAYMENT_MEANS_CARD_ELSEWHERE charge_id: 'ch_page' reason: 'paid on the page'");
  EXPECT_EQ(Balance("page"), "0.00");
  EXPECT_THAT(listed(), IsEmpty());
  const auto disputes = Must(&Accounts::ListDisputes, "account_id: 'page'");
  ASSERT_THAT(disputes.disputes(), SizeIs(1));
  EXPECT_EQ(Must(&Recharges::ReportGatewayDispute, opened).account_id(), "page");
  ExpectAudited("page");
}

}  // namespace
}  // namespace reserve::e2e
