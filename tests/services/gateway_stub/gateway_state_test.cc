// The gateway without gRPC, where its clock and its file are the test's.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/error/error.h"
#include "services/gateway_stub/gateway.h"

namespace reserve::gateway_stub {
namespace {

class GatewayStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/gateway-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    Open();
  }
  void TearDown() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string data_file() const { return folder_ + "/data.jsonl"; }

  void Open() {
    gateway_.reset();
    auto gateway = Gateway::Open({.data_file = data_file(),
                                  .key_lifetime = absl::Hours(24),
                                  .outage_file = folder_ + "/outage",
                                  .clock = [this] { return now_; }});
    ASSERT_TRUE(gateway.ok()) << gateway.status();
    gateway_ = *std::move(gateway);
  }

  absl::StatusOr<ChargeAnswer> Charge(const std::string& key, const std::string& token,
                                      Nanos amount = 15 * kNanosPerUnit) {
    absl::Notification answered;
    absl::StatusOr<ChargeAnswer> answer;
    gateway_->Charge({.idempotency_key = key,
                      .card_token = token,
                      .amount = amount,
                      .currency_code = "USD",
                      .reference = "acct/1"},
                     [&](absl::StatusOr<ChargeAnswer> result) {
                       answer = std::move(result);
                       answered.Notify();
                     });
    answered.WaitForNotification();
    return answer;
  }

  absl::StatusOr<ChargeAnswer> Refund(const std::string& key, const std::string& charge_id) {
    absl::Notification answered;
    absl::StatusOr<ChargeAnswer> answer;
    gateway_->Refund({.idempotency_key = key, .charge_id = charge_id},
                     [&](absl::StatusOr<ChargeAnswer> result) {
                       answer = std::move(result);
                       answered.Notify();
                     });
    answered.WaitForNotification();
    return answer;
  }

  std::string folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayStateTest, AKeyIsReplayedUpToTheEndOfItsLifetime) {
  const auto first = Charge("k", "tok_visa");
  ASSERT_TRUE(first.ok()) << first.status();
  now_ += absl::Hours(24) - absl::Microseconds(1);
  const auto again = Charge("k", "tok_visa");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->charge.charge_id, first->charge.charge_id);
}

TEST_F(GatewayStateTest, AKeyChargesAnewAfterItsLifetime) {
  const auto first = Charge("k", "tok_visa");
  now_ += absl::Hours(24);
  const auto again = Charge("k", "tok_visa");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->replayed);
  EXPECT_NE(again->charge.charge_id, first->charge.charge_id);
}

TEST_F(GatewayStateTest, AChargeIsFoundByItsKeyAfterTheKeysLifetime) {
  const auto first = Charge("k", "tok_visa");
  now_ += absl::Hours(24 * 365);
  const auto found = gateway_->GetCharge("k");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->charge_id, first->charge.charge_id);
}

TEST_F(GatewayStateTest, EverythingIsThereAfterARestart) {
  const auto paid = Charge("paid", "tok_visa");
  ASSERT_TRUE(Refund("refund", paid->charge.charge_id).ok());
  ASSERT_TRUE(Charge("declined", "tok_decline_lost_card").ok());
  EXPECT_FALSE(Charge("lost", "tok_lost_reply").ok());
  EXPECT_FALSE(Charge("internal", "tok_internal").ok());
  Open();
  const auto replay = Charge("paid", "tok_visa");
  ASSERT_TRUE(replay.ok()) << replay.status();
  EXPECT_TRUE(replay->replayed);
  EXPECT_EQ(replay->charge.refund_id, "re_000000000001");
  EXPECT_EQ(replay->charge.refund_time, now_);
  EXPECT_TRUE(Refund("refund", paid->charge.charge_id)->replayed);
  EXPECT_EQ(Charge("declined", "tok_decline_lost_card")->charge.decline->code, "lost_card");
  EXPECT_TRUE(Charge("lost", "tok_lost_reply")->replayed);
  EXPECT_EQ(Charge("internal", "tok_internal").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReasonOf(Charge("paid", "tok_mastercard").status()), "IDEMPOTENCY_KEY_REUSED");
}

TEST_F(GatewayStateTest, ACardThatChangesRemembersItsChargesOverARestart) {
  EXPECT_EQ(Charge("1", "tok_decline_after_2")->charge.decline, nullptr);
  Open();
  EXPECT_EQ(Charge("2", "tok_decline_after_2")->charge.decline, nullptr);
  Open();
  EXPECT_NE(Charge("3", "tok_decline_after_2")->charge.decline, nullptr);
  EXPECT_EQ(Charge("4", "tok_decline_after_2#other")->charge.decline, nullptr);
}

TEST_F(GatewayStateTest, GarbageInTheDataFileLosesOnlyItself) {
  const auto first = Charge("first", "tok_visa");
  ASSERT_TRUE(Charge("second", "tok_visa").ok());
  gateway_.reset();
  {
    std::ofstream file(data_file(), std::ios::app);
    file << "\n{}\n[1,2]\nnull\n{\"kind\":\"charge\"}\n{\"kind\":7}\n\xff\xfe\n";
    file << "{\"kind\":\"refund\",\"refund_id\":\"re_9\",\"idempotency_key\":\"x\",\"charge_id\":"
            "\"none\",\"reason\":\"\",\"time_us\":1}\n";
    file << "{\"kind\":\"charge\",\"charge_id\":\"ch_";
  }
  Open();
  EXPECT_EQ(Charge("first", "tok_visa")->charge.charge_id, first->charge.charge_id);
  const auto third = Charge("third", "tok_visa");
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_EQ(third->charge.charge_id, "ch_000000000003");
}

TEST_F(GatewayStateTest, AnIdIsNotGivenTwiceWhereALineIsLost) {
  ASSERT_TRUE(Charge("1", "tok_visa").ok());
  ASSERT_TRUE(Charge("2", "tok_visa").ok());
  gateway_.reset();
  std::string text;
  {
    std::ifstream file(data_file());
    std::string line;
    std::getline(file, line);
    std::getline(file, text);
  }
  std::ofstream(data_file(), std::ios::trunc) << text << "\n";
  Open();
  EXPECT_EQ(Charge("3", "tok_visa")->charge.charge_id, "ch_000000000003");
}

TEST_F(GatewayStateTest, AnOutageStoresNothingAndEndsWithItsFile) {
  std::ofstream(folder_ + "/outage") << "";
  EXPECT_EQ(ReasonOf(Charge("k", "tok_visa").status()), "OUTAGE");
  EXPECT_EQ(ReasonOf(gateway_->GetCharge("k").status()), "OUTAGE");
  EXPECT_EQ(ReasonOf(Refund("r", "ch_1").status()), "OUTAGE");
  EXPECT_EQ(ReasonOf(gateway_->ListCharges({}, 0, 10).status()), "OUTAGE");
  std::filesystem::remove(folder_ + "/outage");
  EXPECT_EQ(ReasonOf(gateway_->GetCharge("k").status()), "CHARGE_NOT_FOUND");
  EXPECT_FALSE(Charge("k", "tok_visa")->replayed);
}

TEST_F(GatewayStateTest, ARefundKeyAndAChargeKeyCanNotBeTheSame) {
  const auto charge = Charge("k", "tok_visa");
  EXPECT_EQ(ReasonOf(Refund("k", charge->charge.charge_id).status()), "IDEMPOTENCY_KEY_REUSED");
  ASSERT_TRUE(Refund("r", charge->charge.charge_id).ok());
  EXPECT_EQ(ReasonOf(Charge("r", "tok_visa").status()), "IDEMPOTENCY_KEY_REUSED");
}

TEST_F(GatewayStateTest, WhatIsInWorkIsFinishedWhenTheGatewayEnds) {
  bool answered = false;
  gateway_->Charge({.idempotency_key = "k",
                    .card_token = "tok_slow_3600000",
                    .amount = kNanosPerUnit,
                    .currency_code = "USD"},
                   [&answered](absl::StatusOr<ChargeAnswer> answer) { answered = answer.ok(); });
  EXPECT_EQ(ReasonOf(gateway_->GetCharge("k").status()), "IDEMPOTENCY_KEY_IN_USE");
  gateway_.reset();
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace reserve::gateway_stub
