// The stub's service over a real channel.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/server.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "services/gateway_stub/dashboard_service.h"
#include "services/gateway_stub/service.h"
#include "tests/support/wait_until.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class GatewayServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Gateway::Open({});
    ASSERT_TRUE(opened.ok()) << opened.status();
    gateway_ = *std::move(opened);
    service_ = std::make_unique<PaymentGatewayService>(gateway_.get(), &registry_);
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    dashboard_service_ = std::make_unique<StubDashboardService>(gateway_.get());
    auto server = RpcServer::Start(
        options, {{pb::PaymentGateway::service_full_name(), service_.get()},
                  {pb::StubDashboard::service_full_name(), dashboard_service_.get()}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto channel = MakeChannel(server_->local_target(), ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_ = pb::PaymentGateway::NewStub(*channel);
    dashboard_ = pb::StubDashboard::NewStub(*channel);
  }
  void TearDown() override {
    if (gateway_ != nullptr) gateway_->Hurry();
    server_.reset();
    service_.reset();
    dashboard_service_.reset();
    gateway_.reset();
  }

  static pb::ChargeRequest Order(const std::string& key, const std::string& token) {
    pb::ChargeRequest request;
    request.set_idempotency_key(key);
    request.set_card_token(token);
    request.mutable_amount()->set_currency_code("USD");
    request.mutable_amount()->set_units(15);
    request.set_reference("acct-1/3");
    return request;
  }

  absl::StatusOr<pb::ChargeResponse> Charge(const pb::ChargeRequest& request,
                                            absl::Duration timeout = absl::Seconds(20)) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    pb::ChargeResponse response;
    const grpc::Status status = stub_->Charge(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  absl::StatusOr<pb::ChargeResponse> Charge(const std::string& key, const std::string& token) {
    return Charge(Order(key, token));
  }

  absl::StatusOr<pb::Charge> GetCharge(const std::string& key) {
    pb::GetChargeRequest request;
    request.set_idempotency_key(key);
    return GetCharge(request);
  }
  absl::StatusOr<pb::Charge> GetCharge(const pb::GetChargeRequest& request) {
    grpc::ClientContext context;
    pb::Charge response;
    const grpc::Status status = stub_->GetCharge(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  absl::StatusOr<pb::ListChargesResponse> ListCharges(const pb::ListChargesRequest& request) {
    grpc::ClientContext context;
    pb::ListChargesResponse response;
    const grpc::Status status = stub_->ListCharges(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  static pb::RefundRequest RefundOf(const std::string& key, const std::string& charge_id) {
    pb::RefundRequest request;
    request.set_idempotency_key(key);
    request.set_charge_id(charge_id);
    request.mutable_amount()->set_currency_code("USD");
    request.mutable_amount()->set_units(5);
    request.set_reference("acct-1/3");
    request.set_reason("a mistake");
    return request;
  }
  absl::StatusOr<pb::RefundResponse> Refund(const pb::RefundRequest& request,
                                            absl::Duration timeout = absl::Seconds(20)) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    pb::RefundResponse response;
    const grpc::Status status = stub_->Refund(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  absl::StatusOr<pb::RefundResponse> Refund(const std::string& key, const std::string& charge_id) {
    return Refund(RefundOf(key, charge_id));
  }
  absl::StatusOr<pb::Refund> GetRefund(const std::string& key) {
    grpc::ClientContext context;
    pb::GetRefundRequest request;
    request.set_idempotency_key(key);
    pb::Refund response;
    const grpc::Status status = stub_->GetRefund(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> AtDashboard(grpc::Status (pb::StubDashboard::Stub::*method)(
                                           grpc::ClientContext*, const Request&, Response*),
                                       const Request& request) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (dashboard_.get()->*method)(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  absl::StatusOr<pb::Dispute> MoveDispute(const std::string& dispute_id, pb::DisputeState state) {
    pb::MoveDisputeRequest request;
    request.set_dispute_id(dispute_id);
    request.set_state(state);
    return AtDashboard(&pb::StubDashboard::Stub::MoveDispute, request);
  }

  // The keys of a query's charges, read page by page.
  std::vector<std::string> KeysOf(pb::ListChargesRequest request) {
    std::vector<std::string> keys;
    do {
      const auto page = ListCharges(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const pb::Charge& charge : page->charges()) keys.push_back(charge.idempotency_key());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return keys;
  }

  prometheus::Registry registry_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<PaymentGatewayService> service_;
  std::unique_ptr<StubDashboardService> dashboard_service_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<pb::PaymentGateway::Stub> stub_;
  std::unique_ptr<pb::StubDashboard::Stub> dashboard_;
};

TEST_F(GatewayServiceTest, AGoodCardIsChargedAndTheWholeChargeComesBack) {
  const absl::Time before = absl::Now() - absl::Milliseconds(1);
  const auto response = Charge("k1", "tok_visa");
  ASSERT_TRUE(response.ok()) << response.status();
  const pb::Charge& charge = response->charge();
  EXPECT_FALSE(response->replayed());
  EXPECT_EQ(charge.state(), pb::CHARGE_STATE_SUCCEEDED);
  EXPECT_FALSE(charge.has_decline());
  EXPECT_FALSE(charge.charge_id().empty());
  EXPECT_EQ(charge.idempotency_key(), "k1");
  EXPECT_EQ(charge.card_token(), "tok_visa");
  EXPECT_EQ(charge.reference(), "acct-1/3");
  EXPECT_EQ(*FromProto(charge.amount(), "USD", "amount"), 15 * kNanosPerUnit);
  EXPECT_GE(*FromProto(charge.create_time(), "create_time"), before);
  EXPECT_EQ(charge.refunds_size(), 0);
  EXPECT_EQ(charge.disputes_size(), 0);
}

TEST_F(GatewayServiceTest, ADeclineIsAnAnswerWithItsClassAndCode) {
  struct Row {
    const char* token;
    pb::DeclineClass decline_class;
    const char* code;
  };
  const Row rows[] = {
      {"tok_visa_chargeDeclinedInsufficientFunds", pb::DECLINE_CLASS_SOFT, "insufficient_funds"},
      {"tok_chargeDeclinedExpiredCard", pb::DECLINE_CLASS_HARD, "expired_card"},
      {"tok_authenticationRequired", pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED,
       "authentication_required"},
      {"nonsense", pb::DECLINE_CLASS_HARD, "invalid_card_token"},
  };
  for (const Row& row : rows) {
    const auto response = Charge(absl::StrCat("key-", row.code), row.token);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->charge().state(), pb::CHARGE_STATE_DECLINED) << row.token;
    EXPECT_EQ(response->charge().decline().decline_class(), row.decline_class) << row.token;
    EXPECT_EQ(response->charge().decline().code(), row.code);
    EXPECT_FALSE(response->charge().decline().message().empty()) << row.token;
  }
}

TEST_F(GatewayServiceTest, TheSameKeyAndContentReplaysTheStoredAnswer) {
  for (const char* token : {"tok_visa", "tok_decline_lost_card"}) {
    const auto first = Charge(token, token);
    const auto again = Charge(token, token);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->replayed());
    EXPECT_EQ(again->charge().SerializeAsString(), first->charge().SerializeAsString());
  }
}

TEST_F(GatewayServiceTest, TheSameKeyWithAnyOtherContentIsRefused) {
  ASSERT_TRUE(Charge("k", "tok_visa").ok());
  std::vector<pb::ChargeRequest> others(4, Order("k", "tok_visa"));
  others[0].set_card_token("tok_visa#2");
  others[1].mutable_amount()->set_units(16);
  others[2].mutable_amount()->set_currency_code("EUR");
  others[3].set_reference("acct-1/4");
  for (const pb::ChargeRequest& other : others) {
    const absl::Status status = Charge(other).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << other.ShortDebugString();
    EXPECT_EQ(ReasonOf(status), "IDEMPOTENCY_KEY_REUSED");
    EXPECT_EQ(FieldOf(status), "idempotency_key");
  }
  EXPECT_THAT(KeysOf({}), ElementsAre("k"));
}

TEST_F(GatewayServiceTest, AKeyInWorkIsRefusedAndItsChargeIsNotCalledMissing) {
  auto slow = std::async(std::launch::async, [this] { return Charge("k", "tok_slow_600000"); });
  ASSERT_TRUE(test_support::WaitUntil(
      [&] { return ReasonOf(GetCharge("k").status()) == "IDEMPOTENCY_KEY_IN_USE"; }));
  const absl::Status status = Charge("k", "tok_slow_600000").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "IDEMPOTENCY_KEY_IN_USE");
  EXPECT_EQ(Charge("k", "tok_visa").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(KeysOf({}), IsEmpty());
  // Others are not held up by it.
  EXPECT_TRUE(Charge("other", "tok_visa").ok());
  gateway_->Hurry();
  const auto response = slow.get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->charge().state(), pb::CHARGE_STATE_SUCCEEDED);
}

TEST_F(GatewayServiceTest, ALateReplyIsOfAChargeThatWasMadeAtOnce) {
  const absl::Status status =
      Charge(Order("k", "tok_late_600000"), absl::Milliseconds(50)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  const auto found = GetCharge("k");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->state(), pb::CHARGE_STATE_SUCCEEDED);
  EXPECT_TRUE(Charge("k", "tok_late_600000")->replayed());
}

TEST_F(GatewayServiceTest, ALostReplyIsOfAChargeThatWasMade) {
  EXPECT_EQ(Charge("k", "tok_lost_reply").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetCharge("k")->state(), pb::CHARGE_STATE_SUCCEEDED);
  const auto again = Charge("k", "tok_lost_reply");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed());
}

TEST_F(GatewayServiceTest, ARequestThatIsInvalidWhateverItsCardStoresNothing) {
  const absl::Status refused = Charge("k", "tok_invalid_request_1").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(refused), "amount");
  EXPECT_EQ(GetCharge("k").status().code(), absl::StatusCode::kNotFound);
  const auto response = Charge("k", "tok_invalid_request_1");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->replayed());
}

TEST_F(GatewayServiceTest, AFailureBeforeTheChargeStoresNothing) {
  EXPECT_EQ(Charge("k", "tok_fail_before_2").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetCharge("k").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Charge("k", "tok_fail_before_2").status().code(), absl::StatusCode::kUnavailable);
  const auto response = Charge("k", "tok_fail_before_2");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->replayed());
}

TEST_F(GatewayServiceTest, AnInternalErrorIsStoredAndTheLookUpTellsTheTruth) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Charge("no", "tok_internal").status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(Charge("yes", "tok_internal_charged").status().code(), absl::StatusCode::kInternal);
  }
  EXPECT_EQ(GetCharge("no")->state(), pb::CHARGE_STATE_DECLINED);
  EXPECT_EQ(GetCharge("yes")->state(), pb::CHARGE_STATE_SUCCEEDED);
}

TEST_F(GatewayServiceTest, ManyRequestsWithOneKeyMakeOneCharge) {
  std::vector<std::future<absl::StatusOr<pb::ChargeResponse>>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(std::async(std::launch::async, [this] { return Charge("k", "tok_visa"); }));
  }
  int fresh = 0;
  for (auto& call : calls) {
    const auto response = call.get();
    if (response.ok()) {
      fresh += response->replayed() ? 0 : 1;
    } else {
      EXPECT_EQ(ReasonOf(response.status()), "IDEMPOTENCY_KEY_IN_USE");
    }
  }
  EXPECT_EQ(fresh, 1);
  EXPECT_THAT(KeysOf({}), ElementsAre("k"));
}

TEST_F(GatewayServiceTest, ABadChargeIsRefusedNamingTheField) {
  struct Row {
    const char* field;
    pb::ChargeRequest request;
  };
  std::vector<Row> rows;
  const auto add = [&rows](const char* field, auto change) {
    rows.push_back({field, Order("k", "tok_visa")});
    change(rows.back().request);
  };
  add("idempotency_key", [](auto& r) { r.clear_idempotency_key(); });
  add("idempotency_key", [](auto& r) { r.set_idempotency_key(std::string(65, 'k')); });
  add("idempotency_key", [](auto& r) { r.set_idempotency_key("a b"); });
  add("idempotency_key", [](auto& r) { r.set_idempotency_key("schl\xc3\xbcssel"); });
  add("card_token", [](auto& r) { r.clear_card_token(); });
  add("card_token", [](auto& r) { r.set_card_token(std::string(256, 't')); });
  add("amount.currency_code", [](auto& r) { r.clear_amount(); });
  add("amount.currency_code", [](auto& r) { r.mutable_amount()->set_currency_code("XXX"); });
  add("amount.currency_code", [](auto& r) { r.mutable_amount()->set_currency_code("usd"); });
  add("amount", [](auto& r) { r.mutable_amount()->set_units(0); });
  add("amount", [](auto& r) { r.mutable_amount()->set_units(-1); });
  add("amount", [](auto& r) { r.mutable_amount()->set_nanos(1'000'000); });
  add("amount.nanos", [](auto& r) { r.mutable_amount()->set_nanos(-1); });
  add("amount.nanos", [](auto& r) { r.mutable_amount()->set_nanos(1'000'000'000); });
  add("amount.units", [](auto& r) { r.mutable_amount()->set_units(INT64_MAX); });
  add("reference", [](auto& r) { r.set_reference(std::string(256, 'r')); });
  for (const Row& row : rows) {
    const absl::Status status = Charge(row.request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.request.ShortDebugString();
    EXPECT_EQ(FieldOf(status), row.field) << status;
  }
  // A refusal uses the key up for nothing.
  EXPECT_TRUE(Charge("k", "tok_visa").ok());
}

TEST_F(GatewayServiceTest, AmountsAreInTheMinorUnitsOfTheirCurrency) {
  pb::ChargeRequest yen = Order("yen", "tok_visa");
  yen.mutable_amount()->set_currency_code("JPY");
  EXPECT_TRUE(Charge(yen).ok());
  yen.set_idempotency_key("half");
  yen.mutable_amount()->set_nanos(500'000'000);
  EXPECT_EQ(FieldOf(Charge(yen).status()), "amount");
}

TEST_F(GatewayServiceTest, ALookUpOfAKeyThatWasNeverUsedIsNotFound) {
  const absl::Status status = GetCharge("never").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "CHARGE_NOT_FOUND");
  EXPECT_EQ(FieldOf(GetCharge("").status()), "idempotency_key");
}

TEST_F(GatewayServiceTest, AChargeIsAlsoLookedUpByItsId) {
  const auto made = Charge("k", "tok_visa");
  ASSERT_TRUE(made.ok()) << made.status();
  pb::GetChargeRequest request;
  request.set_charge_id(made->charge().charge_id());
  const auto found = GetCharge(request);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->idempotency_key(), "k");
  request.set_charge_id("ch_never");
  EXPECT_EQ(ReasonOf(GetCharge(request).status()), "CHARGE_NOT_FOUND");
  EXPECT_EQ(FieldOf(GetCharge(request).status()), "charge_id");
  request.set_charge_id("with space");
  EXPECT_EQ(FieldOf(GetCharge(request).status()), "charge_id");
}

TEST_F(GatewayServiceTest, ChargesAreListedOldestFirstAndFilteredPageByPage) {
  for (int i = 0; i < 7; ++i) {
    pb::ChargeRequest order =
        Order(absl::StrCat("k", i), i % 2 == 0 ? "tok_visa" : "tok_mastercard");
    order.set_reference(absl::StrCat("acct-", i % 3, "/", i));
    ASSERT_TRUE(Charge(order).ok());
  }
  pb::ListChargesRequest request;
  EXPECT_THAT(KeysOf(request), ElementsAre("k0", "k1", "k2", "k3", "k4", "k5", "k6"));
  request.set_page_size(2);
  EXPECT_THAT(KeysOf(request), ElementsAre("k0", "k1", "k2", "k3", "k4", "k5", "k6"));
  request.set_card_token("tok_visa");
  EXPECT_THAT(KeysOf(request), ElementsAre("k0", "k2", "k4", "k6"));
  request.set_reference_prefix("acct-0/");
  EXPECT_THAT(KeysOf(request), ElementsAre("k0", "k6"));
  request.Clear();
  *request.mutable_start_time() = GetCharge("k2")->create_time();
  *request.mutable_end_time() = GetCharge("k5")->create_time();
  const std::vector<std::string> within = KeysOf(request);
  EXPECT_EQ(within.front(), "k2");
  EXPECT_EQ(within.back(), "k4");
}

TEST_F(GatewayServiceTest, APageTokenIsGoodForItsOwnQueryOnly) {
  ASSERT_TRUE(Charge("k0", "tok_visa").ok());
  ASSERT_TRUE(Charge("k1", "tok_visa").ok());
  pb::ListChargesRequest request;
  request.set_page_size(1);
  const auto page = ListCharges(request);
  ASSERT_TRUE(page.ok()) << page.status();
  request.set_page_token(page->next_page_token());
  request.set_page_size(5);
  EXPECT_TRUE(ListCharges(request).ok());
  request.set_card_token("tok_visa");
  EXPECT_EQ(FieldOf(ListCharges(request).status()), "page_token");
  for (const char* token : {"x", "garbage!", "MSAy", "LTEgMg"}) {
    request.set_page_token(token);
    EXPECT_EQ(FieldOf(ListCharges(request).status()), "page_token") << token;
  }
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(FieldOf(ListCharges(request).status()), "page_size");
  request.clear_page_size();
  request.mutable_start_time()->set_nanos(-1);
  EXPECT_EQ(FieldOf(ListCharges(request).status()), "start_time.nanos");
  request.clear_start_time();
  request.mutable_updated_since()->set_nanos(-1);
  EXPECT_EQ(FieldOf(ListCharges(request).status()), "updated_since.nanos");
  // The token is of a query without it.
  request.mutable_updated_since()->set_nanos(0);
  request.set_page_token(page->next_page_token());
  EXPECT_EQ(FieldOf(ListCharges(request).status()), "page_token");
}

TEST_F(GatewayServiceTest, ARefundComesBackWholeAndIsShownWithItsCharge) {
  const pb::Charge charge = Charge("k", "tok_visa")->charge();
  const auto response = Refund("r", charge.charge_id());
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_FALSE(response->replayed());
  const pb::Refund& refund = response->refund();
  EXPECT_FALSE(refund.refund_id().empty());
  EXPECT_EQ(refund.idempotency_key(), "r");
  EXPECT_EQ(refund.charge_id(), charge.charge_id());
  EXPECT_EQ(*FromProto(refund.amount(), "USD", "amount"), 5 * kNanosPerUnit);
  EXPECT_EQ(refund.state(), pb::REFUND_STATE_SUCCEEDED);
  EXPECT_EQ(refund.failure_code(), "");
  EXPECT_EQ(refund.reference(), "acct-1/3");
  EXPECT_GE(*FromProto(refund.create_time(), "t"), *FromProto(charge.create_time(), "t"));
  EXPECT_EQ(refund.update_time().SerializeAsString(), refund.create_time().SerializeAsString());

  const std::string bytes = refund.SerializeAsString();
  const auto again = Refund("r", charge.charge_id());
  EXPECT_TRUE(again->replayed());
  EXPECT_EQ(again->refund().SerializeAsString(), bytes);
  EXPECT_EQ(GetRefund("r")->SerializeAsString(), bytes);
  const pb::ListChargesResponse listed = *ListCharges({});
  for (const pb::Charge& shown :
       {*GetCharge("k"), Charge("k", "tok_visa")->charge(), listed.charges(0)}) {
    ASSERT_EQ(shown.refunds_size(), 1);
    EXPECT_EQ(shown.refunds(0).SerializeAsString(), bytes);
  }
}

TEST_F(GatewayServiceTest, EachStateOfARefundIsToldAsItIs) {
  const auto failed = Refund("r1", Charge("k1", "tok_refund_fail")->charge().charge_id());
  EXPECT_EQ(failed->refund().state(), pb::REFUND_STATE_FAILED);
  EXPECT_EQ(failed->refund().failure_code(), "expired_or_canceled_card");
  const auto pending =
      Refund("r2", Charge("k2", "tok_refund_pending_600000")->charge().charge_id());
  EXPECT_EQ(pending->refund().state(), pb::REFUND_STATE_PENDING);
  const auto soon = Refund("r3", Charge("k3", "tok_refund_pending_20")->charge().charge_id());
  EXPECT_TRUE(soon.ok()) << soon.status();
  EXPECT_TRUE(test_support::WaitUntil(
      [&] { return GetRefund("r3")->state() == pb::REFUND_STATE_SUCCEEDED; }));
}

TEST_F(GatewayServiceTest, ARefundMayFailAfterItSucceededAndGivesTheMoneyToTheNextOne) {
  const std::string later = Charge("k1", "tok_refund_fail_later_20")->charge().charge_id();
  const auto made = Refund("r1", later);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return GetRefund("r1")->state() == pb::REFUND_STATE_FAILED; }));
  EXPECT_EQ(GetRefund("r1")->failure_code(), "expired_or_canceled_card");
  EXPECT_TRUE(Refund("r2", later).ok()) << "all of the charge is left";

  const std::string charge = Charge("k2", "tok_refund_pending_fail_20")->charge().charge_id();
  ASSERT_TRUE(Refund("r3", charge).ok());
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return GetRefund("r3")->state() == pb::REFUND_STATE_FAILED; }));
}

TEST_F(GatewayServiceTest, APendingChargeThatIsDeclinedInTheEndSaysNothingOfThatBefore) {
  const auto charge = Charge("k", "tok_pending_decline_600000")->charge();
  EXPECT_EQ(charge.state(), pb::CHARGE_STATE_PENDING);
  EXPECT_FALSE(charge.has_decline());
  ASSERT_TRUE(Charge("soon", "tok_pending_decline_20").ok());
  EXPECT_TRUE(test_support::WaitUntil(
      [&] { return GetCharge("soon")->state() == pb::CHARGE_STATE_DECLINED; }));
  EXPECT_EQ(GetCharge("soon")->decline().code(), "insufficient_funds");
}

TEST_F(GatewayServiceTest, ARefundOfMoreThanIsLeftSaysHowMuchThatIs) {
  pb::RefundRequest request = RefundOf("r", Charge("k", "tok_visa")->charge().charge_id());
  request.mutable_amount()->set_units(16);
  const absl::Status status = Refund(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "REFUND_TOO_LARGE");
  EXPECT_EQ(FieldOf(status), "amount");
  EXPECT_THAT(MetadataOf(status),
              UnorderedElementsAre(Pair("left", "15.00"), Pair("currency_code", "USD")));
}

TEST_F(GatewayServiceTest, TheFaultsOfARefundAreThoseOfACharge) {
  const auto charged = [this](const std::string& token) {
    return Charge(token, token)->charge().charge_id();
  };
  const std::string lost = charged("tok_refund_lost_reply");
  EXPECT_EQ(Refund("lost", lost).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetRefund("lost")->state(), pb::REFUND_STATE_SUCCEEDED);
  EXPECT_TRUE(Refund("lost", lost)->replayed());

  const std::string late = charged("tok_refund_late_600000");
  EXPECT_EQ(Refund(RefundOf("late", late), absl::Milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(GetRefund("late")->state(), pb::REFUND_STATE_SUCCEEDED);

  const std::string slow = charged("tok_refund_slow_600000");
  EXPECT_EQ(Refund(RefundOf("slow", slow), absl::Milliseconds(50)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(ReasonOf(GetRefund("slow").status()), "IDEMPOTENCY_KEY_IN_USE");
  EXPECT_EQ(Refund("slow", slow).status().code(), absl::StatusCode::kAborted);

  const std::string failing = charged("tok_refund_fail_before");
  EXPECT_EQ(Refund("failing", failing).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetRefund("failing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(Refund("failing", failing)->replayed());

  const std::string internal = charged("tok_refund_internal");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Refund("internal", internal).status().code(), absl::StatusCode::kInternal);
  }
  EXPECT_EQ(GetRefund("internal")->state(), pb::REFUND_STATE_SUCCEEDED);
}

TEST_F(GatewayServiceTest, ABadRefundIsRefusedNamingTheField) {
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  struct Row {
    const char* field;
    pb::RefundRequest request;
  };
  std::vector<Row> rows;
  const auto add = [&](const char* field, auto change) {
    rows.push_back({field, RefundOf("r", id)});
    change(rows.back().request);
  };
  add("idempotency_key", [](auto& r) { r.clear_idempotency_key(); });
  add("charge_id", [](auto& r) { r.clear_charge_id(); });
  add("amount.currency_code", [](auto& r) { r.clear_amount(); });
  add("amount", [](auto& r) { r.mutable_amount()->set_currency_code("EUR"); });
  add("amount", [](auto& r) { r.mutable_amount()->set_units(0); });
  add("amount", [](auto& r) { r.mutable_amount()->set_units(-1); });
  add("amount", [](auto& r) { r.mutable_amount()->set_nanos(1'000'000); });
  add("reference", [](auto& r) { r.set_reference(std::string(256, 'r')); });
  add("reason", [](auto& r) { r.set_reason(std::string(256, 'r')); });
  for (const Row& row : rows) {
    const absl::Status status = Refund(row.request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.request.ShortDebugString();
    EXPECT_EQ(FieldOf(status), row.field) << status;
  }
  // A refusal uses the key up for nothing.
  EXPECT_FALSE(Refund("r", id)->replayed());
  EXPECT_EQ(FieldOf(GetRefund("").status()), "idempotency_key");
}

TEST_F(GatewayServiceTest, OnlyASucceededChargeCanBeGivenBack) {
  const std::string id = Charge("k", "tok_decline_lost_card")->charge().charge_id();
  EXPECT_EQ(ReasonOf(Refund("r1", id).status()), "CHARGE_NOT_SUCCEEDED");
  const absl::Status unknown = Refund("r2", "ch_nothing").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(unknown), "CHARGE_NOT_FOUND");
  const absl::Status never = GetRefund("r1").status();
  EXPECT_EQ(never.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(never), "REFUND_NOT_FOUND");
}

TEST_F(GatewayServiceTest, ManyRefundsAtOnceNeverGiveBackMoreThanWasCaptured) {
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  std::vector<std::future<absl::StatusOr<pb::RefundResponse>>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(std::async(std::launch::async,
                               [this, id, key = absl::StrCat("r", i)] { return Refund(key, id); }));
  }
  int given_back = 0;
  for (auto& call : calls) {
    const auto response = call.get();
    if (response.ok()) {
      ++given_back;
    } else {
      EXPECT_EQ(ReasonOf(response.status()), "REFUND_TOO_LARGE");
    }
  }
  EXPECT_EQ(given_back, 3);
  EXPECT_EQ(GetCharge("k")->refunds_size(), 3);
}

TEST_F(GatewayServiceTest, WhatPeopleAndBanksDoIsSeenByWhoeverCharges) {
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  pb::RefundByHandRequest by_hand;
  by_hand.set_charge_id(id);
  by_hand.mutable_amount()->set_currency_code("USD");
  by_hand.mutable_amount()->set_units(5);
  by_hand.set_reference("ticket 7");
  const auto refund = AtDashboard(&pb::StubDashboard::Stub::RefundByHand, by_hand);
  ASSERT_TRUE(refund.ok()) << refund.status();
  EXPECT_EQ(refund->idempotency_key(), "");
  EXPECT_EQ(refund->reference(), "ticket 7");

  pb::OpenDisputeRequest dispute;
  dispute.set_charge_id(id);
  dispute.set_inquiry(true);
  dispute.set_reason("fraudulent");
  const auto inquiry = AtDashboard(&pb::StubDashboard::Stub::OpenDispute, dispute);
  ASSERT_TRUE(inquiry.ok()) << inquiry.status();
  EXPECT_EQ(inquiry->state(), pb::DISPUTE_STATE_INQUIRY);
  EXPECT_EQ(inquiry->charge_id(), id);
  EXPECT_EQ(inquiry->amount().units(), 10);
  EXPECT_EQ(inquiry->reason(), "fraudulent");
  EXPECT_TRUE(MoveDispute(inquiry->dispute_id(), pb::DISPUTE_STATE_OPENED).ok());
  EXPECT_TRUE(MoveDispute(inquiry->dispute_id(), pb::DISPUTE_STATE_LOST).ok());

  pb::FailRefundRequest fail;
  fail.set_refund_id(refund->refund_id());
  fail.set_failure_code("account_closed");
  ASSERT_TRUE(AtDashboard(&pb::StubDashboard::Stub::FailRefund, fail).ok());

  const auto charge = GetCharge("k");
  ASSERT_EQ(charge->refunds_size(), 1);
  EXPECT_EQ(charge->refunds(0).state(), pb::REFUND_STATE_FAILED);
  EXPECT_EQ(charge->refunds(0).failure_code(), "account_closed");
  ASSERT_EQ(charge->disputes_size(), 1);
  EXPECT_EQ(charge->disputes(0).state(), pb::DISPUTE_STATE_LOST);
}

TEST_F(GatewayServiceTest, ACardIsAuthenticatedAtTheDashboard) {
  const std::string card = "tok_authenticationRequired";
  EXPECT_EQ(Charge("k1", card)->charge().decline().decline_class(),
            pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED);
  pb::AuthenticateCardRequest request;
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::AuthenticateCard, request).status()),
            "card_token");
  request.set_card_token(card);
  const auto authenticated = AtDashboard(&pb::StubDashboard::Stub::AuthenticateCard, request);
  ASSERT_TRUE(authenticated.ok()) << authenticated.status();
  EXPECT_EQ(Charge("k2", card)->charge().state(), pb::CHARGE_STATE_SUCCEEDED);
}

TEST_F(GatewayServiceTest, ABadRequestAtTheDashboardIsRefusedNamingTheField) {
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  pb::OpenDisputeRequest dispute;
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::OpenDispute, dispute).status()),
            "charge_id");
  dispute.set_charge_id(id);
  dispute.set_reason(std::string(256, 'r'));
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::OpenDispute, dispute).status()),
            "reason");
  dispute.clear_reason();
  dispute.mutable_amount()->set_currency_code("EUR");
  dispute.mutable_amount()->set_units(1);
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::OpenDispute, dispute).status()),
            "amount");
  EXPECT_EQ(FieldOf(MoveDispute("dp_1", pb::DISPUTE_STATE_UNSPECIFIED).status()), "state");
  EXPECT_EQ(ReasonOf(MoveDispute("dp_1", pb::DISPUTE_STATE_WON).status()), "DISPUTE_NOT_FOUND");
  pb::RefundByHandRequest by_hand;
  by_hand.set_charge_id(id);
  by_hand.mutable_amount()->set_currency_code("USD");
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::RefundByHand, by_hand).status()),
            "amount");
  pb::FailRefundRequest fail;
  EXPECT_EQ(FieldOf(AtDashboard(&pb::StubDashboard::Stub::FailRefund, fail).status()),
            "failure_code");
}

}  // namespace
}  // namespace reserve::gateway_stub
