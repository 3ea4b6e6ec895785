// What the worker takes the gateway's answers to refunds for, over a real channel to the stub.
#include "worker/gateway_client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/rpc/channel.h"
#include "tests/support/wait_until.h"
#include "tests/worker/gateway_server.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

using Kind = RefundAnswer::Kind;

class GatewayClientTest : public testing::Test {
 protected:
  GatewayClientTest()
      : outage_file_(absl::StrCat(testing::TempDir(), "/client-outage-", getpid())),
        server_(outage_file_) {
    Connect(absl::Seconds(20));
  }
  ~GatewayClientTest() override {
    EndOutage();
    server_.gateway().Hurry();
  }

  void Connect(absl::Duration timeout) {
    client_ = std::make_unique<GatewayClient>(*MakeChannel(server_.target(), {}), timeout);
  }
  void StartOutage() { std::ofstream(outage_file_) << "out"; }
  void EndOutage() { std::filesystem::remove(outage_file_); }

  static Task TaskOf(const std::string& card_token) {
    return {.account_id = "acme",
            .ordinal = 3,
            .attempt = 1,
            .amount = 15 * kNanosPerUnit,
            .currency = "USD",
            .card_token = CardToken(card_token)};
  }
  GatewayAnswer Charge(const std::string& card_token) {
    GatewayAnswer result;
    absl::Notification answered;
    client_->Charge(TaskOf(card_token), [&](GatewayAnswer answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }
  GatewayAnswer LookUp(const std::string& card_token) {
    GatewayAnswer result;
    absl::Notification answered;
    client_->LookUp(TaskOf(card_token), [&](GatewayAnswer answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }
  // A refund of $5 of a new charge of that card.
  RefundOrder OrderFor(const std::string& card_token) {
    return {.key = "rfd-1",
            .charge_id = Charge(card_token).charge_id,
            .amount = 5 * kNanosPerUnit,
            .currency = "USD",
            .reference = "acme/3",
            .reason = "asked for"};
  }
  RefundAnswer Refund(const RefundOrder& order) {
    RefundAnswer result;
    absl::Notification answered;
    client_->Refund(order, [&](RefundAnswer answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }
  RefundAnswer GetRefund(const std::string& key = "rfd-1") {
    RefundAnswer result;
    absl::Notification answered;
    client_->GetRefund(key, [&](RefundAnswer answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }

  const std::string outage_file_;
  GatewayServer server_;
  std::unique_ptr<GatewayClient> client_;
};

TEST_F(GatewayClientTest, ARefundThatSucceedsComesBackWithWhatItIs) {
  const RefundOrder order = OrderFor("tok_visa");
  const RefundAnswer sent = Refund(order);
  EXPECT_EQ(sent.kind, Kind::kSucceeded) << sent.text;
  EXPECT_FALSE(sent.refund_id.empty());
  EXPECT_EQ(sent.charge_id, order.charge_id);
  EXPECT_EQ(sent.amount, order.amount);
  EXPECT_EQ(sent.currency, "USD");
  for (const RefundAnswer& again : {Refund(order), GetRefund()}) {
    EXPECT_EQ(again.kind, Kind::kSucceeded);
    EXPECT_EQ(again.refund_id, sent.refund_id);
    EXPECT_EQ(again.amount, order.amount);
  }
  const auto kept = server_.gateway().GetRefund("rfd-1");
  EXPECT_EQ(kept->order.reference, "acme/3");
  EXPECT_EQ(kept->order.reason, "asked for");
}

TEST_F(GatewayClientTest, APendingRefundIsNoSuccessYet) {
  EXPECT_EQ(Refund(OrderFor("tok_refund_pending_600000")).kind, Kind::kPending);
  EXPECT_EQ(GetRefund().kind, Kind::kPending);
}

TEST_F(GatewayClientTest, AFailedRefundComesWithItsCode) {
  const RefundOrder order = OrderFor("tok_refund_fail");
  for (const RefundAnswer& answer : {Refund(order), Refund(order), GetRefund()}) {
    EXPECT_EQ(answer.kind, Kind::kFailed);
    EXPECT_EQ(answer.text, "expired_or_canceled_card");
  }
}

TEST_F(GatewayClientTest, WhatIsRefusedWasSurelyNotGivenBack) {
  const RefundOrder order = OrderFor("tok_visa");
  RefundOrder other = order;
  const auto expect_refused = [&](const std::string& reason) {
    const RefundAnswer answer = Refund(other);
    EXPECT_EQ(answer.kind, Kind::kNotDone) << answer.text;
    EXPECT_EQ(answer.text, reason);
    EXPECT_EQ(GetRefund(other.key).kind, Kind::kNotFound);
    other = order;
  };
  other.amount = 16 * kNanosPerUnit;
  expect_refused("REFUND_TOO_LARGE:amount");
  other.currency = "EUR";
  expect_refused("INVALID_FIELD:amount");
  other.charge_id = "ch_none";
  expect_refused("CHARGE_NOT_FOUND:charge_id");
  ASSERT_EQ(Refund(order).kind, Kind::kSucceeded);
  other.amount += kNanosPerCent;
  const RefundAnswer reused = Refund(other);
  EXPECT_EQ(reused.kind, Kind::kNotDone);
  EXPECT_EQ(reused.text, "IDEMPOTENCY_KEY_REUSED:idempotency_key");
}

TEST_F(GatewayClientTest, ARefundWhoseReplyIsLostIsUnknownAndFoundByItsKey) {
  const RefundOrder order = OrderFor("tok_refund_lost_reply");
  const RefundAnswer lost = Refund(order);
  EXPECT_EQ(lost.kind, Kind::kUnknown);
  EXPECT_TRUE(lost.outage);
  EXPECT_EQ(GetRefund().kind, Kind::kSucceeded);
  EXPECT_EQ(Refund(order).kind, Kind::kSucceeded);
  EXPECT_EQ(server_.gateway().ListCharges({}, 0, 1)->charges[0].refunds.size(), 1u);
}

TEST_F(GatewayClientTest, ARefundThatEndsInAnInternalErrorIsUnknownAndNoOutage) {
  const RefundAnswer answer = Refund(OrderFor("tok_refund_internal"));
  EXPECT_EQ(answer.kind, Kind::kUnknown);
  EXPECT_FALSE(answer.outage);
  EXPECT_EQ(GetRefund().kind, Kind::kSucceeded);
}

TEST_F(GatewayClientTest, ARefundThatTakesTooLongIsUnknownWhileItIsInWork) {
  const RefundOrder order = OrderFor("tok_refund_slow_600000");
  Connect(absl::Milliseconds(50));
  EXPECT_EQ(Refund(order).kind, Kind::kUnknown);
  Connect(absl::Seconds(20));
  for (const RefundAnswer& answer : {GetRefund(), Refund(order)}) {
    EXPECT_EQ(answer.kind, Kind::kUnknown) << answer.text;
    EXPECT_FALSE(answer.outage);
  }
  server_.gateway().Hurry();
  EXPECT_TRUE(test_support::WaitUntil([&] { return GetRefund().kind == Kind::kSucceeded; }));
}

TEST_F(GatewayClientTest, WhileTheGatewayIsAwayNothingIsKnown) {
  const RefundOrder order = OrderFor("tok_visa");
  StartOutage();
  for (const RefundAnswer& answer : {Refund(order), GetRefund()}) {
    EXPECT_EQ(answer.kind, Kind::kUnknown);
    EXPECT_TRUE(answer.outage);
  }
  EndOutage();
  EXPECT_EQ(GetRefund().kind, Kind::kNotFound);
}

TEST_F(GatewayClientTest, AChargeOfWhichMoneyIsGoneSaysSo) {
  const std::string charge_id = OrderFor("tok_visa").charge_id;
  EXPECT_FALSE(LookUp("tok_visa").refunded);
  RefundOrder part = {.key = "rfd-1", .charge_id = charge_id, .amount = 1, .currency = "USD"};
  part.amount = kNanosPerCent;
  ASSERT_EQ(Refund(part).kind, Kind::kSucceeded);
  EXPECT_TRUE(LookUp("tok_visa").refunded);
}

}  // namespace
}  // namespace reserve::worker
