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
#include "services/gateway_stub/service.h"
#include "tests/support/wait_until.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GatewayServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Gateway::Open({});
    ASSERT_TRUE(opened.ok()) << opened.status();
    gateway_ = *std::move(opened);
    service_ = std::make_unique<PaymentGatewayService>(gateway_.get(), &registry_);
    ServerOptions options;
    options.listen = "127.0.0.1:0";
    auto server =
        RpcServer::Start(options, {{pb::PaymentGateway::service_full_name(), service_.get()}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto channel = MakeChannel(server_->local_target(), ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_ = pb::PaymentGateway::NewStub(*channel);
  }
  void TearDown() override {
    if (gateway_ != nullptr) gateway_->Hurry();
    server_.reset();
    service_.reset();
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
    grpc::ClientContext context;
    pb::GetChargeRequest request;
    request.set_idempotency_key(key);
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

  absl::StatusOr<pb::RefundResponse> Refund(const std::string& key, const std::string& charge_id,
                                            const std::string& reason = "a mistake") {
    grpc::ClientContext context;
    pb::RefundRequest request;
    request.set_idempotency_key(key);
    request.set_charge_id(charge_id);
    request.set_reason(reason);
    pb::RefundResponse response;
    const grpc::Status status = stub_->Refund(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
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
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<pb::PaymentGateway::Stub> stub_;
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
  EXPECT_TRUE(charge.refund_id().empty());
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
}

TEST_F(GatewayServiceTest, ASucceededChargeIsGivenBackOnce) {
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  const auto refund = Refund("r", id);
  ASSERT_TRUE(refund.ok()) << refund.status();
  EXPECT_FALSE(refund->replayed());
  EXPECT_FALSE(refund->charge().refund_id().empty());
  EXPECT_TRUE(refund->charge().has_refund_time());
  EXPECT_TRUE(Refund("r", id)->replayed());
  EXPECT_EQ(ReasonOf(Refund("r", id, "another reason").status()), "IDEMPOTENCY_KEY_REUSED");
  const absl::Status second = Refund("r2", id).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(second), "ALREADY_REFUNDED");
  EXPECT_EQ(GetCharge("k")->refund_id(), refund->charge().refund_id());
  EXPECT_EQ(Charge("k", "tok_visa")->charge().refund_id(), refund->charge().refund_id());
}

TEST_F(GatewayServiceTest, OnlyASucceededChargeCanBeGivenBack) {
  const std::string id = Charge("k", "tok_decline_lost_card")->charge().charge_id();
  EXPECT_EQ(ReasonOf(Refund("r1", id).status()), "CHARGE_NOT_SUCCEEDED");
  EXPECT_EQ(Refund("r2", "ch_nothing").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FieldOf(Refund("r3", "").status()), "charge_id");
  EXPECT_EQ(FieldOf(Refund("", id).status()), "idempotency_key");
  EXPECT_EQ(FieldOf(Refund("r4", id, std::string(256, 'r')).status()), "reason");
}

}  // namespace
}  // namespace reserve::gateway_stub
