// `worker reconcile` by the real processes: what gateway and ledger do not agree about is put right
// or shown. The gateway's own list of charges is the witness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"
#include "worker/charge_key.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using worker::ChargeKey;

using Accounts = pb::Accounts::Stub;
using Support = pb::Support::Stub;
using Ledger = pb::Ledger::Stub;

class ReconcileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto stack = Stack::Start({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                               .gateway = true,
                               .workers = 1,
                               .worker_flags = {"--charge_timeout=60s"}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  template <typename Stub, typename Request, typename Response>
  Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const std::string& request) {
    auto response = Call(stack_->stub<Stub>(), method, Parse<Request>(request));
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  void Open(const std::string& id, const std::string& card = "tok_visa") {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: '", card, "#", id, "'"));
  }
  void OpenFunded(const std::string& id) {
    Open(id);
    AwaitState(id, pb::RECHARGE_STATE_SUCCEEDED);
  }
  pb::Account Get(const std::string& id) {
    return Must(&Accounts::GetAccount, absl::StrCat("account_id: '", id, "'"));
  }
  // The last recharge of the account.
  pb::Recharge Last(const std::string& id) {
    const auto list = Must(&Accounts::ListRecharges, absl::StrCat("account_id: '", id, "'"));
    return list.recharges_size() == 0 ? pb::Recharge() : list.recharges(0);
  }
  void AwaitState(const std::string& id, pb::RechargeState state) {
    EXPECT_TRUE(WaitUntil([&] { return Last(id).state() == state; })) << Last(id).DebugString();
  }
  void Spend(const std::string& id, int units) {
    const absl::Status spent =
        SpendOf(stack_->stubs(), id, absl::StrCat("a", units), units * kNanosPerUnit);
    EXPECT_TRUE(spent.ok()) << spent;
  }

  // Charges a card past the worker.
  gw::Charge Charge(const std::string& key, const std::string& reference, int units = 15) {
    const auto charged = Call(
        stack_->gateway(), &gw::PaymentGateway::Stub::Charge,
        Parse<gw::ChargeRequest>(absl::StrCat(
            "idempotency_key: '", key, "' card_token: 'tok_visa#direct' ",
            "amount { currency_code: 'USD' units: ", units, " } reference: '", reference, "'")));
    EXPECT_TRUE(charged.ok()) << charged.status();
    return charged.ok() ? charged->charge() : gw::Charge();
  }
  std::vector<gw::Charge> Charges(const std::string& reference_prefix = "") {
    gw::ListChargesRequest request;
    request.set_page_size(1000);
    request.set_reference_prefix(reference_prefix);
    const auto page = Call(stack_->gateway(), &gw::PaymentGateway::Stub::ListCharges, request);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return {};
    return {page->charges().begin(), page->charges().end()};
  }
  std::string ChargeIdOf(const std::string& key) {
    for (const gw::Charge& charge : Charges()) {
      if (charge.idempotency_key() == key) return charge.charge_id();
    }
    ADD_FAILURE() << "no charge has the key " << key;
    return "";
  }
  void RecordPayment(const std::string& account_id, const std::string& charge_id, int units) {
    Must(&pb::Support::Stub::RecordPayment,
         absl::StrCat("account_id: '", account_id, "' request_id: '", charge_id, "' charge_id: '",
                      charge_id, "' means: PAYMENT_MEANS_CARD_ELSEWHERE amount { currency_code: ",
                      "'USD' units: ", units, " } reason: 'found by reconcile'"));
  }
  // The references of the charges that were given back.
  std::vector<std::string> GivenBack() {
    std::vector<std::string> references;
    for (const gw::Charge& charge : Charges()) {
      if (charge.refunds_size() > 0) references.push_back(charge.reference());
    }
    return references;
  }

  std::unique_ptr<Subprocess> StartReconcile(std::vector<std::string> flags) {
    std::vector<std::string> args = {"reconcile",
                                     absl::StrCat("--ledger=", stack_->ledger_address()),
                                     absl::StrCat("--gateway=", stack_->gateway_address())};
    args.insert(args.end(), flags.begin(), flags.end());
    auto process = Subprocess::Start({.program = "worker", .args = std::move(args)});
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }
  struct Ended {
    int exit_code;
    std::string output;
    // Of the lines that tell of a difference: "CREDITED UNREPORTED acme/2".
    std::vector<std::string> differences;
  };
  static Ended Finish(Subprocess* process) {
    Ended ended{process->Wait(absl::Seconds(60)), process->Stdout(), {}};
    for (const absl::string_view line : absl::StrSplit(ended.output, '\n')) {
      const std::vector<std::string> parts = absl::StrSplit(line, "  ");
      if (parts.size() < 3 || !absl::StartsWith(parts[2], "recharge ")) continue;
      ended.differences.push_back(
          absl::StrCat(parts[0], " ", parts[1], " ", parts[2].substr(sizeof("recharge"))));
    }
    absl::StrAppend(&ended.output, process->Stderr());
    return ended;
  }
  Ended Reconcile(std::vector<std::string> flags = {"--grace=0s"}) {
    const auto process = StartReconcile(std::move(flags));
    return process == nullptr ? Ended{-1, "", {}} : Finish(process.get());
  }

  std::unique_ptr<Stack> stack_;
};

TEST_F(ReconcileTest, WhereAllIsInOrderNothingIsDoneAndNothingShown) {
  OpenFunded("fine");
  const Ended ended = Reconcile();
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_THAT(ended.differences, IsEmpty());
  EXPECT_THAT(ended.output,
              HasSubstr("1 charges, 0 of them of other systems; 1 accounts, 1 "
                        "credited recharges, 0 refunds; 0 credited, 0 given back, 0 reported, "
                        "0 for a person"));
}

TEST_F(ReconcileTest, AChargeWhoseWorkerDiedBeforeItsReportIsCreditedOnce) {
  Open("dead", "tok_late_600000");
  ASSERT_TRUE(WaitUntil([&] { return Charges("dead/").size() == 1; }));
  stack_->worker_process(0)->Kill();
  EXPECT_EQ(Last("dead").state(), pb::RECHARGE_STATE_OPEN);

  const Ended young = Reconcile({});
  EXPECT_EQ(young.exit_code, 0) << young.output;
  EXPECT_THAT(young.output, HasSubstr("0 charges"));
  const Ended dry = Reconcile({"--grace=0s", "--dry_run"});
  EXPECT_EQ(dry.exit_code, 1) << dry.output;
  EXPECT_THAT(dry.differences, ElementsAre("TO CREDIT UNREPORTED dead/1"));
  EXPECT_EQ(Last("dead").state(), pb::RECHARGE_STATE_OPEN);

  const Ended first = Reconcile();
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_THAT(first.differences, ElementsAre("CREDITED UNREPORTED dead/1"));
  EXPECT_EQ(Last("dead").charge_id(), Charges("dead/")[0].charge_id());
  EXPECT_EQ(Get("dead").balance().units(), 15);
  EXPECT_EQ(Get("dead").state(), pb::ACCOUNT_STATE_ACTIVE);

  const Ended second = Reconcile();
  EXPECT_EQ(second.exit_code, 0) << second.output;
  EXPECT_THAT(second.differences, IsEmpty());
  EXPECT_EQ(Get("dead").balance().units(), 15);
  EXPECT_THAT(Charges("dead/"), SizeIs(1));
}

TEST_F(ReconcileTest, OrphansAndSecondChargesAreGivenBackOnceAlsoByTwoRunsAtOnce) {
  OpenFunded("owner");
  Charge(ChargeKey("owner", 7, 1), "owner/7");
  Charge(ChargeKey("nobody", 1, 2), "nobody/1");
  Charge(ChargeKey("owner", 1, 2), "owner/1");
  const auto one = StartReconcile({"--grace=0s"});
  const auto two = StartReconcile({"--grace=0s"});
  ASSERT_TRUE(one != nullptr && two != nullptr);
  const Ended first = Finish(one.get());
  const Ended second = Finish(two.get());
  EXPECT_EQ(first.exit_code, 0) << first.output;
  EXPECT_EQ(second.exit_code, 0) << second.output;
  const std::vector<std::string> given_back = {"owner/7", "nobody/1", "owner/1"};
  EXPECT_EQ(GivenBack(), given_back) << first.output << second.output;
  // The charge that was credited stands.
  EXPECT_THAT(Charges("owner/1")[0].refunds(), IsEmpty());
  EXPECT_EQ(Get("owner").balance().units(), 15);

  const Ended third = Reconcile();
  EXPECT_EQ(third.exit_code, 0) << third.output;
  EXPECT_THAT(third.differences, IsEmpty());
  EXPECT_EQ(GivenBack(), given_back);
}

TEST_F(ReconcileTest, ManyOrphansAreLeftToAPerson) {
  for (int i = 1; i <= 3; ++i) Charge(ChargeKey("lost", i, 1), absl::StrCat("lost/", i));
  const Ended ended = Reconcile({"--grace=0s", "--max_refunds=2"});
  EXPECT_EQ(ended.exit_code, 1) << ended.output;
  EXPECT_THAT(ended.differences, ElementsAre("GIVEN BACK ORPHAN lost/1", "GIVEN BACK ORPHAN lost/2",
                                             "FOR A PERSON ORPHAN lost/3"));
  EXPECT_THAT(GivenBack(), ElementsAre("lost/1", "lost/2"));
}

TEST_F(ReconcileTest, WhatOnlyAPersonCanResolveIsShownAndLeftAlone) {
  OpenFunded("amount");
  OpenFunded("nothing");
  OpenFunded("returned");
  stack_->worker_process(0)->Kill();
  Spend("amount", 10);
  Charge(ChargeKey("amount", 2, 1), "amount/2", 16);
  Spend("nothing", 10);
  const auto reported =
      Call(stack_->recharges(), &pb::Recharges::Stub::ReportRecharge,
           Parse<pb::ReportRechargeRequest>(
               "account_id: 'nothing' ordinal: 2 attempt: 1 worker_id: 'support' succeeded { "
               "charge_id: 'ch_typo' amount { currency_code: 'USD' units: 15 } }"));
  ASSERT_TRUE(reported.ok()) << reported.status();
  const auto refunded =
      Call(stack_->gateway(), &gw::PaymentGateway::Stub::Refund,
           Parse<gw::RefundRequest>(absl::StrCat("idempotency_key: 'by-hand' charge_id: '",
                                                 Charges("returned/")[0].charge_id(),
                                                 "' amount { currency_code: 'USD' units: 15 }")));
  ASSERT_TRUE(refunded.ok()) << refunded.status();
  Charge("order-17", "order-17");
  Charge("another-key", "returned/1");
  Charge("yet-another-key", "order/17");

  for (int run = 1; run <= 2; ++run) {
    SCOPED_TRACE(run);
    const Ended ended = Reconcile();
    EXPECT_EQ(ended.exit_code, 1) << ended.output;
    std::vector<std::string> differences = ended.differences;
    if (run == 1) {
      // The ledger takes that over, and nobody needs to look.
      ASSERT_THAT(differences, Contains("REPORTED REFUND returned/1"));
      differences.erase(differences.begin());
    }
    EXPECT_THAT(differences,
                ElementsAre("FOR A PERSON AMOUNT_DIFFERS amount/2", "LEFT FOREIGN order-17",
                            "FOR A PERSON STRANGE_KEY returned/1", "LEFT FOREIGN order/17",
                            "FOR A PERSON NO_CHARGE nothing/2"))
        << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(absl::StrCat("0 credited, 0 given back, ", run == 1 ? 1 : 0,
                                                     " reported, 3 for a person")));
    EXPECT_THAT(GivenBack(), ElementsAre("returned/1"));
    EXPECT_EQ(Last("amount").state(), pb::RECHARGE_STATE_OPEN);
  }
  RecordPayment("amount", Charges("amount/2")[0].charge_id(), 16);
  RecordPayment("returned", ChargeIdOf("another-key"), 15);
  Must(&pb::Support::Stub::AdjustBalance,
       "account_id: 'nothing' request_id: 'T-1' amount { units: -15 } reason: 'never charged' "
       "reference: 'NO_CHARGE ch_typo'");
  const Ended adjusted = Reconcile();
  EXPECT_EQ(adjusted.exit_code, 0) << adjusted.output;
  EXPECT_THAT(adjusted.differences, ElementsAre("LEFT FOREIGN order-17", "LEFT FOREIGN order/17",
                                                "ADJUSTED NO_CHARGE nothing/2"));
}

TEST_F(ReconcileTest, ARechargeUnderReviewIsCreditedIfItsChargeIsFoundWheneverThatWas) {
  OpenFunded("review");
  stack_->worker_process(0)->Kill();
  Spend("review", 10);
  // As a worker would that gave up; the lease is one that this test takes.
  grpc::ClientContext context;
  const auto stream = stack_->recharges().WatchLowBalance(
      &context, Parse<pb::WatchLowBalanceRequest>("worker_id: 'by-hand'"));
  pb::WatchLowBalanceResponse leased;
  // The worker that was killed may hold it for a while.
  ASSERT_TRUE(stream->Read(&leased));
  context.TryCancel();
  const auto report = absl::StrCat(
      "account_id: 'review' ordinal: 2 attempt: 1 lease_epoch: ", leased.lease().epoch(),
      " worker_id: 'by-hand' unresolved { reason: 'no answer' }");
  const auto reported = Call(stack_->recharges(), &pb::Recharges::Stub::ReportRecharge,
                             Parse<pb::ReportRechargeRequest>(report));
  ASSERT_TRUE(reported.ok()) << reported.status();

  const Ended shown = Reconcile();
  EXPECT_EQ(shown.exit_code, 1) << shown.output;
  EXPECT_THAT(shown.differences, ElementsAre("FOR A PERSON UNDER_REVIEW review/2"));

  Charge(ChargeKey("review", 2, 1), "review/2");
  // A period in which nothing was charged.
  const Ended credited =
      Reconcile({"--grace=0s", "--from=2026-01-01T00:00:00Z", "--to=2026-01-02T00:00:00Z"});
  EXPECT_EQ(credited.exit_code, 0) << credited.output;
  EXPECT_THAT(credited.differences, ElementsAre("CREDITED UNREPORTED review/2"));
  EXPECT_EQ(Last("review").state(), pb::RECHARGE_STATE_SUCCEEDED);
  EXPECT_EQ(Get("review").balance().units(), 20);
}

TEST_F(ReconcileTest, BadFlagsAreRefusedByName) {
  const Ended from = Reconcile({"--from=yesterday"});
  EXPECT_EQ(from.exit_code, 2);
  EXPECT_THAT(from.output, HasSubstr("--from: must be RFC 3339"));
  const Ended order = Reconcile({"--from=2026-01-02T00:00:00Z", "--to=2026-01-01T00:00:00Z"});
  EXPECT_EQ(order.exit_code, 2);
  EXPECT_THAT(order.output, HasSubstr("--from: must be before --to"));
}

}  // namespace
}  // namespace reserve::e2e
