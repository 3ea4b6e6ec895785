// What the worker takes the gateway's answers to refunds for, over a real channel to the stub.
#include "worker/gateway_client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/rpc/channel.h"
#include "tests/support/wait_until.h"
#include "tests/worker/gateway_server.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

using Kind = GatewayAnswer::Kind;

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
  using Method = void (GatewayClient::*)(const Task&, const TraceContext&, GatewayClient::Done);
  GatewayAnswer Ask(Method method, const Task& task) {
    GatewayAnswer result;
    absl::Notification answered;
    (client_.get()->*method)(task, TraceContext(), [&](GatewayAnswer answer) {
      result = std::move(answer);
      answered.Notify();
    });
    answered.WaitForNotification();
    return result;
  }
  // A refund of $5 of a new charge of that card.
  Task RefundOf(const std::string& card_token) {
    return {.account_id = "acme",
            .ordinal = 4,
            .attempt = 1,
            .amount = 5 * kNanosPerUnit,
            .currency = "USD",
            .refunded_charge_id = Ask(&GatewayClient::Charge, TaskOf(card_token)).charge_id};
  }
  GatewayAnswer Refund(const Task& task) { return Ask(&GatewayClient::Refund, task); }
  GatewayAnswer LookUp(const Task& task) { return Ask(&GatewayClient::LookUp, task); }

  const std::string outage_file_;
  GatewayServer server_;
  std::unique_ptr<GatewayClient> client_;
};

TEST_F(GatewayClientTest, ARefundThatSucceedsComesBackWithWhatItIs) {
  const Task task = RefundOf("tok_visa");
  const GatewayAnswer sent = Refund(task);
  EXPECT_EQ(sent.kind, Kind::kFound) << sent.text;
  EXPECT_FALSE(sent.refund_id.empty());
  for (const GatewayAnswer& answer : {sent, Refund(task), LookUp(task)}) {
    EXPECT_TRUE(answer.succeeded);
    EXPECT_EQ(answer.refund_id, sent.refund_id);
    EXPECT_EQ(answer.charge_id, task.refunded_charge_id);
    EXPECT_EQ(answer.amount, task.amount);
    EXPECT_EQ(answer.currency, "USD");
  }
}

// A part of what the key stands for: these never change.
TEST_F(GatewayClientTest, ReferenceAndReasonOfARefundAreFixedForEver) {
  ASSERT_EQ(Refund(RefundOf("tok_visa")).kind, Kind::kFound);
  const auto kept = server_.gateway().GetRefund(RefundKey("acme", 4));
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->order.reference, "acme/4");
  EXPECT_EQ(kept->order.reason, "given back by the merchant");
}

TEST_F(GatewayClientTest, APendingRefundIsNoSuccessYet) {
  const Task task = RefundOf("tok_refund_pending_600000");
  for (const GatewayAnswer& answer : {Refund(task), LookUp(task)}) {
    EXPECT_EQ(answer.kind, Kind::kFound);
    EXPECT_TRUE(answer.pending);
    EXPECT_FALSE(answer.succeeded);
  }
}

TEST_F(GatewayClientTest, AFailedRefundComesWithItsCode) {
  const Task task = RefundOf("tok_refund_fail");
  for (const GatewayAnswer& answer : {Refund(task), Refund(task), LookUp(task)}) {
    EXPECT_EQ(answer.kind, Kind::kFound);
    EXPECT_FALSE(answer.succeeded || answer.pending);
    EXPECT_EQ(answer.text, "expired_or_canceled_card");
  }
}

TEST_F(GatewayClientTest, WhatIsRefusedWasSurelyNotGivenBack) {
  const Task task = RefundOf("tok_visa");
  Task other = task;
  const auto expect_refused = [&](Kind kind, const std::string& reason) {
    const GatewayAnswer answer = Refund(other);
    EXPECT_EQ(answer.kind, kind) << answer.text;
    EXPECT_EQ(answer.text, reason);
    EXPECT_EQ(LookUp(other).kind, Kind::kNotFound);
    other = task;
  };
  other.amount = 16 * kNanosPerUnit;
  expect_refused(Kind::kRefused, "REFUND_TOO_LARGE");
  other.refunded_charge_id = "ch_none";
  expect_refused(Kind::kRefused, "CHARGE_NOT_FOUND");
  other.currency = "EUR";
  expect_refused(Kind::kInvalid, "INVALID_FIELD:amount");
  ASSERT_EQ(Refund(task).kind, Kind::kFound);
  other.amount += kNanosPerCent;
  EXPECT_EQ(Refund(other).kind, Kind::kKeyReused);
}

TEST_F(GatewayClientTest, ARefundOfADeclinedChargeIsRefused) {
  const GatewayAnswer answer = Refund(RefundOf("tok_decline_lost_card"));
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.text, "CHARGE_NOT_SUCCEEDED");
}

TEST_F(GatewayClientTest, ARefundWhoseReplyIsLostIsUnknownAndFoundByItsKey) {
  const Task task = RefundOf("tok_refund_lost_reply");
  EXPECT_EQ(Refund(task).kind, Kind::kOutage);
  EXPECT_TRUE(LookUp(task).succeeded);
  EXPECT_TRUE(Refund(task).succeeded);
  EXPECT_EQ(server_.gateway().ListCharges({}, 0, 1)->charges[0].refunds.size(), 1u);
}

TEST_F(GatewayClientTest, ARefundThatEndsInAnInternalErrorIsUnknownAndNoOutage) {
  const Task task = RefundOf("tok_refund_internal");
  EXPECT_EQ(Refund(task).kind, Kind::kNoAnswer);
  EXPECT_TRUE(LookUp(task).succeeded);
}

TEST_F(GatewayClientTest, ARefundThatTakesTooLongIsUnknownWhileItIsInWork) {
  const Task task = RefundOf("tok_refund_slow_600000");
  Connect(absl::Milliseconds(50));
  EXPECT_EQ(Refund(task).kind, Kind::kNoAnswer);
  Connect(absl::Seconds(20));
  for (const GatewayAnswer& answer : {LookUp(task), Refund(task)}) {
    EXPECT_EQ(answer.kind, Kind::kNoAnswer) << answer.text;
  }
  server_.gateway().Hurry();
  EXPECT_TRUE(test_support::WaitUntil([&] { return LookUp(task).succeeded; }));
}

TEST_F(GatewayClientTest, WhileTheGatewayIsAwayNothingIsKnown) {
  const Task task = RefundOf("tok_visa");
  StartOutage();
  for (const GatewayAnswer& answer : {Refund(task), LookUp(task)}) {
    EXPECT_EQ(answer.kind, Kind::kOutage);
  }
  EndOutage();
  EXPECT_EQ(LookUp(task).kind, Kind::kNotFound);
}

TEST_F(GatewayClientTest, AChargeOfWhichMoneyIsGoneSaysSo) {
  Task part = RefundOf("tok_visa");
  EXPECT_TRUE(LookUp(TaskOf("tok_visa")).states.empty());
  part.amount = kNanosPerCent;
  ASSERT_TRUE(Refund(part).succeeded);
  const std::vector<GatewayState> states = LookUp(TaskOf("tok_visa")).states;
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].kind, GatewayState::Kind::kRefund);
  EXPECT_EQ(states[0].reference, "acme/4");
  EXPECT_EQ(states[0].state, gateway::v1::REFUND_STATE_SUCCEEDED);
  EXPECT_EQ(states[0].amount, kNanosPerCent);
}

}  // namespace
}  // namespace reserve::worker
