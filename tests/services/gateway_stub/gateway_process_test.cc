// The real gateway_stub process: killed, started again, drained.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "tests/support/subprocess.h"
#include "tests/support/wait_until.h"

namespace reserve::gateway_stub {
namespace {

namespace pb = gateway::v1;
using test_support::Subprocess;
using test_support::WaitUntil;

class GatewayProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/gateway-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    process_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string data_file() const { return folder_ + "/data.jsonl"; }

  void Start(const std::vector<std::string>& more_args = {}) {
    const std::string socket = absl::StrCat("unix:", folder_, "/", ++starts_, ".sock");
    std::vector<std::string> args = {absl::StrCat("--listen=", socket),
                                     absl::StrCat("--data_file=", data_file())};
    args.insert(args.end(), more_args.begin(), more_args.end());
    auto process = Subprocess::Start({.program = "gateway_stub", .args = args});
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    const auto listening = process_->WaitForOutput("\"listening\"", absl::Seconds(20));
    ASSERT_TRUE(listening.ok()) << listening.status();
    auto channel = MakeChannel(socket, ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    channel_ = *channel;
    stub_ = pb::PaymentGateway::NewStub(channel_);
    dashboard_ = pb::StubDashboard::NewStub(channel_);
  }

  absl::StatusOr<pb::ChargeResponse> Charge(const std::string& key, const std::string& token) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    pb::ChargeRequest request;
    request.set_idempotency_key(key);
    request.set_card_token(token);
    request.mutable_amount()->set_currency_code("USD");
    request.mutable_amount()->set_units(15);
    pb::ChargeResponse response;
    const grpc::Status status = stub_->Charge(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  absl::StatusOr<pb::RefundResponse> Refund(const std::string& key, const std::string& charge_id) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    pb::RefundRequest request;
    request.set_idempotency_key(key);
    request.set_charge_id(charge_id);
    request.mutable_amount()->set_currency_code("USD");
    request.mutable_amount()->set_units(5);
    pb::RefundResponse response;
    const grpc::Status status = stub_->Refund(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }

  std::string folder_;
  int starts_ = 0;
  std::unique_ptr<Subprocess> process_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<pb::PaymentGateway::Stub> stub_;
  std::unique_ptr<pb::StubDashboard::Stub> dashboard_;
};

TEST_F(GatewayProcessTest, EveryAnsweredChargeOutlivesASuddenDeath) {
  ASSERT_NO_FATAL_FAILURE(Start());
  constexpr int kThreads = 4;
  std::vector<std::vector<std::string>> answered(kThreads);
  std::vector<std::thread> threads;
  std::atomic<int> total = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        const std::string key = absl::StrCat("k-", t, "-", i);
        if (!Charge(key, "tok_visa").ok()) return;
        answered[t].push_back(key);
        ++total;
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return total >= 200; }));
  process_->Kill();
  for (std::thread& thread : threads) thread.join();

  ASSERT_NO_FATAL_FAILURE(Start());
  for (const auto& keys : answered) {
    for (const std::string& key : keys) {
      const auto again = Charge(key, "tok_visa");
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_TRUE(again->replayed()) << key;
    }
  }
}

TEST_F(GatewayProcessTest, ARefundAndADisputeOutliveASuddenDeath) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string id = Charge("k", "tok_visa")->charge().charge_id();
  ASSERT_TRUE(Refund("r", id).ok());
  pb::OpenDisputeRequest request;
  request.set_charge_id(id);
  pb::Dispute dispute;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(dashboard_->OpenDispute(&context, request, &dispute).ok());
  }
  process_->Kill();
  ASSERT_NO_FATAL_FAILURE(Start());
  const auto again = Refund("r", id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed());
  const pb::Charge charge = Charge("k", "tok_visa")->charge();
  ASSERT_EQ(charge.disputes_size(), 1);
  EXPECT_EQ(charge.disputes(0).SerializeAsString(), dispute.SerializeAsString());
}

TEST_F(GatewayProcessTest, ATornLastLineIsReportedAndDoesNoHarm) {
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Charge("k", "tok_visa").ok());
  process_->Kill();
  std::ofstream(data_file(), std::ios::app) << "{\"kind\":\"charge\",\"char";
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(process_->WaitForOutput("in the middle of a line", absl::Seconds(5)).ok());
  EXPECT_TRUE(Charge("k", "tok_visa")->replayed());
}

TEST_F(GatewayProcessTest, SigtermAnswersWhatIsLateAndEndsWell) {
  ASSERT_NO_FATAL_FAILURE(Start({"--log_level=debug"}));
  auto late =
      std::async(std::launch::async, [this] { return Charge("k", "tok_slow_600000").ok(); });
  ASSERT_TRUE(WaitUntil([this] {
    grpc::ClientContext context;
    pb::GetChargeRequest request;
    request.set_idempotency_key("k");
    pb::Charge response;
    return stub_->GetCharge(&context, request, &response).error_code() == grpc::ABORTED;
  }));
  process_->Signal(SIGTERM);
  EXPECT_TRUE(late.get());
  EXPECT_EQ(process_->Wait(absl::Seconds(20)), 0) << process_->Stderr();
}

TEST_F(GatewayProcessTest, ASecondProcessOnTheSameFileSaysSoAndEnds) {
  ASSERT_NO_FATAL_FAILURE(Start());
  auto second = Subprocess::Start({.program = "gateway_stub",
                                   .args = {absl::StrCat("--listen=unix:", folder_, "/second.sock"),
                                            absl::StrCat("--data_file=", data_file())}});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->Wait(absl::Seconds(20)), 1);
  EXPECT_NE((*second)->Stderr().find("in use by another process"), std::string::npos);
}

TEST_F(GatewayProcessTest, ABadSettingIsOneClearLine) {
  auto process = Subprocess::Start({.program = "gateway_stub", .env = {{"RESERVE_LATENCY", "x"}}});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(absl::Seconds(20)), 2);
  EXPECT_EQ((*process)->Stderr(),
            "ERROR: environment variable RESERVE_LATENCY: 'x' is not a value for --latency\n");
}

}  // namespace
}  // namespace reserve::gateway_stub
