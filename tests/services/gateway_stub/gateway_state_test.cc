// The gateway without gRPC, where its clock and its file are the test's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/error/error.h"
#include "services/gateway_stub/gateway.h"

namespace reserve::gateway_stub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

  // What the gateway answers to a call that gets a callback.
  template <typename Answer, typename Start>
  static absl::StatusOr<Answer> Wait(const Start& start) {
    absl::Notification answered;
    absl::StatusOr<Answer> answer;
    start([&](absl::StatusOr<Answer> result) {
      answer = std::move(result);
      answered.Notify();
    });
    answered.WaitForNotification();
    return answer;
  }

  static RefundOrder Order(const std::string& key, const std::string& charge_id, int dollars = 15) {
    return {.idempotency_key = key,
            .charge_id = charge_id,
            .amount = dollars * kNanosPerUnit,
            .currency_code = "USD",
            .reference = "acct/1",
            .reason = "a mistake"};
  }
  absl::StatusOr<RefundAnswer> Refund(const RefundOrder& order) {
    return Wait<RefundAnswer>([&](auto done) { gateway_->Refund(order, done); });
  }
  absl::StatusOr<RefundAnswer> Refund(const std::string& key, const std::string& charge_id,
                                      int dollars = 15) {
    return Refund(Order(key, charge_id, dollars));
  }
  // `dollars` 0: all that is left, or that.
  absl::StatusOr<RefundAnswer> RefundByHand(const std::string& charge_id, int dollars = 0) {
    return Wait<RefundAnswer>(
        [&](auto done) { gateway_->RefundByHand(Order("", charge_id, dollars), done); });
  }
  absl::StatusOr<RefundAnswer> FailRefund(const std::string& refund_id) {
    return Wait<RefundAnswer>(
        [&](auto done) { gateway_->FailRefund(refund_id, "account_closed", done); });
  }
  absl::StatusOr<DisputeRecord> OpenDispute(const std::string& charge_id, int dollars = 0,
                                            bool inquiry = false) {
    return Wait<DisputeRecord>([&](auto done) {
      gateway_->OpenDispute({.charge_id = charge_id,
                             .amount = dollars * kNanosPerUnit,
                             .currency_code = "USD",
                             .inquiry = inquiry,
                             .reason = "fraudulent"},
                            done);
    });
  }
  absl::StatusOr<DisputeRecord> MoveDispute(const std::string& dispute_id, DisputeState state) {
    return Wait<DisputeRecord>([&](auto done) { gateway_->MoveDispute(dispute_id, state, done); });
  }
  // A charge of $15 that succeeded.
  std::string Charged(const std::string& key, const std::string& token = "tok_visa") {
    const auto answer = Charge(key, token);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->charge.charge_id : "";
  }
  // "12.50", as the refusal of a refund of more says.
  std::string LeftOf(const std::string& charge_id) {
    const absl::Status refused = Refund("probe", charge_id, 1000).status();
    EXPECT_EQ(ReasonOf(refused), "REFUND_TOO_LARGE") << refused;
    for (const auto& [key, value] : MetadataOf(refused)) {
      if (key == "left") return value;
    }
    return "";
  }
  std::vector<std::string> KeysUpdatedSince(absl::Time time) {
    std::vector<std::string> keys;
    const auto page = gateway_->ListCharges({.updated_since = time}, 0, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return keys;
    for (const ChargeRecord& charge : page->charges) {
      keys.push_back(charge.order.idempotency_key);
    }
    return keys;
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
  ASSERT_EQ(replay->charge.refunds.size(), 1u);
  EXPECT_EQ(replay->charge.refunds[0].refund_id, "re_000000000001");
  EXPECT_EQ(replay->charge.refunds[0].create_time, now_);
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

// --- Refunds ------------------------------------------------------------------------

TEST_F(GatewayStateTest, AChargeIsGivenBackInPartsAndNeverMoreThanIsLeft) {
  const std::string id = Charged("k");
  EXPECT_EQ(Refund("r1", id, 6)->refund.state, RefundState::kSucceeded);
  EXPECT_EQ(Refund("r2", id, 4)->refund.state, RefundState::kSucceeded);
  EXPECT_EQ(LeftOf(id), "5.00");
  EXPECT_EQ(ReasonOf(Refund("r3", id, 6).status()), "REFUND_TOO_LARGE");
  EXPECT_EQ(ReasonOf(gateway_->GetRefund("r3").status()), "REFUND_NOT_FOUND");
  EXPECT_TRUE(Refund("r3", id, 5).ok());
  EXPECT_EQ(LeftOf(id), "0.00");
  EXPECT_EQ(gateway_->GetCharge("k")->refunds.size(), 3u);
}

TEST_F(GatewayStateTest, OfAChargeThatWasCapturedInPartOnlyThatIsLeft) {
  EXPECT_EQ(LeftOf(Charged("k", "tok_partial_900")), "9.00");
}

TEST_F(GatewayStateTest, OnlyASucceededChargeOfTheSameCurrencyIsGivenBack) {
  const std::string declined = Charged("declined", "tok_decline_lost_card");
  EXPECT_EQ(ReasonOf(Refund("r", declined).status()), "CHARGE_NOT_SUCCEEDED");
  const std::string pending = Charged("pending", "tok_pending_60000");
  EXPECT_EQ(ReasonOf(Refund("r", pending).status()), "CHARGE_NOT_SUCCEEDED");
  EXPECT_EQ(ReasonOf(Refund("r", "ch_none").status()), "CHARGE_NOT_FOUND");
  RefundOrder euros = Order("r", Charged("k"));
  euros.currency_code = "EUR";
  const absl::Status refused = Refund(euros).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(refused), "amount");
  now_ += absl::Minutes(1);
  EXPECT_FALSE(Refund("r", pending)->replayed) << "a refusal used the key up";
}

TEST_F(GatewayStateTest, ARefundIsReplayedAndItsKeyStandsForAllOfItsContent) {
  const std::string id = Charged("k");
  const auto first = Refund("r", id, 5);
  EXPECT_FALSE(first->replayed);
  const auto again = Refund("r", id, 5);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->refund.refund_id, first->refund.refund_id);
  std::vector<RefundOrder> others(5, Order("r", id, 5));
  others[0].amount += kNanosPerCent;
  others[1].currency_code = "EUR";
  others[2].reference = "acct/2";
  others[3].reason = "another";
  others[4].charge_id = Charged("k2");
  for (const RefundOrder& other : others) {
    EXPECT_EQ(ReasonOf(Refund(other).status()), "IDEMPOTENCY_KEY_REUSED");
  }
  EXPECT_EQ(LeftOf(id), "10.00");
}

TEST_F(GatewayStateTest, AfterItsLifetimeAKeyGivesBackAnewAndIsFoundAllTheTime) {
  const std::string id = Charged("k");
  const auto first = Refund("r", id, 5);
  now_ += absl::Hours(24);
  EXPECT_EQ(gateway_->GetRefund("r")->refund_id, first->refund.refund_id);
  const auto again = Refund("r", id, 5);
  EXPECT_FALSE(again->replayed);
  EXPECT_EQ(gateway_->GetRefund("r")->refund_id, again->refund.refund_id);
  EXPECT_EQ(LeftOf(id), "5.00");
  now_ += absl::Hours(24);
  // A refusal takes nothing of what is known.
  EXPECT_EQ(ReasonOf(Refund("r", id, 6).status()), "REFUND_TOO_LARGE");
  EXPECT_EQ(gateway_->GetRefund("r")->refund_id, again->refund.refund_id);
  // How the first one goes on is no matter of the second.
  ASSERT_TRUE(FailRefund(first->refund.refund_id).ok());
  EXPECT_EQ(gateway_->GetRefund("r")->refund_id, again->refund.refund_id);
}

TEST_F(GatewayStateTest, AFailedRefundIsAnAnswerThatIsStoredAndTakesNothing) {
  const std::string id = Charged("k", "tok_refund_fail");
  for (const bool replayed : {false, true}) {
    const auto answer = Refund("r", id);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->replayed, replayed);
    EXPECT_EQ(answer->refund.state, RefundState::kFailed);
    EXPECT_EQ(answer->refund.failure_code, "expired_or_canceled_card");
  }
  EXPECT_EQ(LeftOf(id), "15.00");
}

TEST_F(GatewayStateTest, APendingRefundTakesItsMoneyAndSucceedsInTime) {
  const std::string id = Charged("k", "tok_refund_pending_60000");
  const absl::Time asked = now_;
  EXPECT_EQ(Refund("r", id, 5)->refund.state, RefundState::kPending);
  EXPECT_EQ(LeftOf(id), "10.00");
  now_ += absl::Seconds(59);
  EXPECT_EQ(gateway_->GetRefund("r")->state, RefundState::kPending);
  EXPECT_EQ(gateway_->GetRefund("r")->update_time, asked);
  now_ += absl::Seconds(1);
  Open();
  EXPECT_EQ(gateway_->GetRefund("r")->state, RefundState::kSucceeded);
  EXPECT_EQ(gateway_->GetRefund("r")->update_time, asked + absl::Minutes(1));
  EXPECT_EQ(Refund("r", id, 5)->refund.state, RefundState::kSucceeded);
}

TEST_F(GatewayStateTest, ARefundThatFailsDaysLaterLeavesItsMoneyAgain) {
  const std::string id = Charged("k");
  const std::string refund_id = Refund("r", id)->refund.refund_id;
  now_ += absl::Hours(72);
  const auto failed = FailRefund(refund_id);
  ASSERT_TRUE(failed.ok()) << failed.status();
  EXPECT_EQ(failed->refund.state, RefundState::kFailed);
  EXPECT_EQ(failed->refund.failure_code, "account_closed");
  EXPECT_EQ(failed->refund.update_time, now_);
  EXPECT_EQ(gateway_->GetRefund("r")->state, RefundState::kFailed);
  EXPECT_EQ(LeftOf(id), "15.00");
  EXPECT_EQ(ReasonOf(FailRefund(refund_id).status()), "REFUND_ALREADY_FAILED");
  EXPECT_EQ(ReasonOf(FailRefund("re_none").status()), "REFUND_NOT_FOUND");
}

TEST_F(GatewayStateTest, ARefundByHandHasNoKeyAndIsOfAllThatIsLeftOrOfSoMuch) {
  const std::string id = Charged("k");
  const auto part = RefundByHand(id, 4);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_EQ(part->refund.order.idempotency_key, "");
  EXPECT_EQ(ReasonOf(RefundByHand(id, 12).status()), "REFUND_TOO_LARGE");
  EXPECT_EQ(RefundByHand(id)->refund.order.amount, 11 * kNanosPerUnit);
  EXPECT_EQ(ReasonOf(RefundByHand(id).status()), "REFUND_TOO_LARGE");
  EXPECT_EQ(ReasonOf(gateway_->GetRefund("").status()), "REFUND_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Refund("r", id, 1).status()), "REFUND_TOO_LARGE");
}

TEST_F(GatewayStateTest, TwoRefundsInWorkCanNotTakeTheSameMoney) {
  const std::string id = Charged("k", "tok_refund_slow_3600000");
  std::vector<absl::StatusOr<RefundAnswer>> answers;
  for (const char* key : {"r1", "r2"}) {
    gateway_->Refund(Order(key, id, 10), [&answers](absl::StatusOr<RefundAnswer> answer) {
      answers.push_back(std::move(answer));
    });
    EXPECT_EQ(ReasonOf(gateway_->GetRefund(key).status()), "IDEMPOTENCY_KEY_IN_USE");
  }
  EXPECT_EQ(ReasonOf(Refund("r1", id, 10).status()), "IDEMPOTENCY_KEY_IN_USE");
  EXPECT_EQ(ReasonOf(Refund("r1", id, 9).status()), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(ReasonOf(Charge("r1", "tok_visa").status()), "IDEMPOTENCY_KEY_REUSED");
  gateway_.reset();
  ASSERT_EQ(answers.size(), 2u);
  int refused = 0;
  for (const auto& answer : answers) {
    if (answer.ok()) continue;
    EXPECT_EQ(ReasonOf(answer.status()), "REFUND_TOO_LARGE");
    ++refused;
  }
  EXPECT_EQ(refused, 1);
  Open();
  EXPECT_EQ(LeftOf(id), "5.00");
}

TEST_F(GatewayStateTest, AnOutageKeepsCallersAwayAndNoBank) {
  const std::string id = Charged("k");
  std::ofstream(folder_ + "/outage") << "";
  EXPECT_EQ(ReasonOf(gateway_->GetRefund("r").status()), "OUTAGE");
  EXPECT_TRUE(RefundByHand(id, 1).ok());
  EXPECT_TRUE(OpenDispute(id).ok());
}

// --- Disputes -----------------------------------------------------------------------

TEST_F(GatewayStateTest, AnOpenDisputeTakesTheMoneyAndAWonOneGivesItBack) {
  const std::string id = Charged("k");
  ASSERT_TRUE(Refund("r", id, 5).ok());
  const auto opened = OpenDispute(id);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->amount, 10 * kNanosPerUnit);
  EXPECT_EQ(opened->state, DisputeState::kOpened);
  EXPECT_EQ(opened->reason, "fraudulent");
  EXPECT_EQ(LeftOf(id), "0.00");
  now_ += absl::Hours(24 * 30);
  const auto won = MoveDispute(opened->dispute_id, DisputeState::kWon);
  EXPECT_EQ(won->state, DisputeState::kWon);
  EXPECT_EQ(won->update_time, now_);
  EXPECT_EQ(LeftOf(id), "10.00");
}

TEST_F(GatewayStateTest, AnInquiryMovesNoMoneyUntilItIsOpened) {
  const std::string id = Charged("k");
  const std::string dispute_id = OpenDispute(id, 15, /*inquiry=*/true)->dispute_id;
  EXPECT_EQ(LeftOf(id), "15.00");
  ASSERT_TRUE(MoveDispute(dispute_id, DisputeState::kOpened).ok());
  EXPECT_EQ(LeftOf(id), "0.00");
  ASSERT_TRUE(MoveDispute(dispute_id, DisputeState::kLost).ok());
  EXPECT_EQ(LeftOf(id), "0.00");
}

TEST_F(GatewayStateTest, ADisputeGoesOnOnlyAsBanksLetIt) {
  using enum DisputeState;
  const std::string id = Charged("k");
  const auto moves_to = [&](const std::vector<DisputeState>& path) {
    const std::string dispute_id = OpenDispute(id, 1, /*inquiry=*/true)->dispute_id;
    absl::Status status;
    for (const DisputeState state : path) status = MoveDispute(dispute_id, state).status();
    return status.ok() ? "" : ReasonOf(status);
  };
  EXPECT_EQ(moves_to({kWon}), "");
  EXPECT_EQ(moves_to({kOpened, kWon}), "");
  for (const auto& path : std::vector<std::vector<DisputeState>>{{kInquiry},
                                                                 {kLost},
                                                                 {kOpened, kOpened},
                                                                 {kOpened, kInquiry},
                                                                 {kWon, kOpened},
                                                                 {kOpened, kLost, kWon},
                                                                 {kOpened, kWon, kLost}}) {
    EXPECT_EQ(moves_to(path), "DISPUTE_NOT_MOVABLE");
  }
  EXPECT_EQ(ReasonOf(MoveDispute("dp_none", kWon).status()), "DISPUTE_NOT_FOUND");
}

TEST_F(GatewayStateTest, ABankMayDisputeWhatWasGivenBackButNotMoreThanWasCaptured) {
  const std::string id = Charged("k");
  EXPECT_EQ(ReasonOf(OpenDispute(id, 16).status()), "DISPUTE_TOO_LARGE");
  ASSERT_TRUE(Refund("r", id).ok());
  EXPECT_EQ(ReasonOf(OpenDispute(id).status()), "DISPUTE_TOO_LARGE");
  EXPECT_TRUE(OpenDispute(id, 15).ok());
  EXPECT_EQ(LeftOf(id), "0.00");
  EXPECT_EQ(ReasonOf(OpenDispute("ch_none").status()), "CHARGE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(OpenDispute(Charged("no", "tok_decline_lost_card")).status()),
            "CHARGE_NOT_SUCCEEDED");
}

// --- What is listed, and kept -------------------------------------------------------

TEST_F(GatewayStateTest, AnOldChargeIsListedAgainWhenSomethingOfItChanges) {
  const std::string refunded = Charged("refunded", "tok_refund_pending_60000");
  const std::string disputed = Charged("disputed");
  Charged("pending", "tok_pending_60000");
  Charged("declined", "tok_decline_lost_card");
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("refunded", "disputed", "pending", "declined"));
  now_ += absl::Seconds(30);
  EXPECT_THAT(KeysUpdatedSince(now_), IsEmpty());
  ASSERT_TRUE(Refund("r", refunded).ok());
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("refunded"));
  now_ += absl::Seconds(30);
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("pending"));
  now_ += absl::Seconds(30);
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("refunded"));
  now_ += absl::Hours(24 * 60);
  const std::string dispute_id = OpenDispute(disputed, 1)->dispute_id;
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("disputed"));
  now_ += absl::Hours(24 * 60);
  ASSERT_TRUE(MoveDispute(dispute_id, DisputeState::kLost).ok());
  ASSERT_TRUE(FailRefund("re_000000000001").ok());
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("refunded", "disputed"));
  Open();
  EXPECT_THAT(KeysUpdatedSince(now_), ElementsAre("refunded", "disputed"));
  EXPECT_THAT(KeysUpdatedSince(now_ + absl::Microseconds(1)), IsEmpty());
}

TEST_F(GatewayStateTest, RefundsAndDisputesAreAsTheyWereAfterARestart) {
  const std::string id = Charged("k");
  ASSERT_TRUE(Refund("r1", id, 1).ok());
  ASSERT_TRUE(RefundByHand(id, 2).ok());
  ASSERT_TRUE(FailRefund(Refund("r2", id, 3)->refund.refund_id).ok());
  ASSERT_TRUE(
      MoveDispute(OpenDispute(id, 4, /*inquiry=*/true)->dispute_id, DisputeState::kOpened).ok());
  const std::string internal = Charged("internal", "tok_refund_internal");
  EXPECT_EQ(Refund("ri", internal, 1).status().code(), absl::StatusCode::kInternal);
  Open();
  const auto charge = gateway_->GetCharge("k");
  ASSERT_EQ(charge->refunds.size(), 3u);
  EXPECT_EQ(charge->refunds[0].order, Order("r1", id, 1));
  EXPECT_EQ(charge->refunds[1].order, Order("", id, 2));
  EXPECT_EQ(charge->refunds[2].failure_code, "account_closed");
  ASSERT_EQ(charge->disputes.size(), 1u);
  EXPECT_EQ(charge->disputes[0].state, DisputeState::kOpened);
  EXPECT_EQ(charge->disputes[0].amount, 4 * kNanosPerUnit);
  EXPECT_EQ(LeftOf(id), "8.00");
  EXPECT_TRUE(Refund("r1", id, 1)->replayed);
  EXPECT_EQ(Refund("r2", id, 3)->refund.state, RefundState::kFailed);
  EXPECT_EQ(Refund("ri", internal, 1).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(gateway_->GetRefund("ri")->state, RefundState::kSucceeded);
  // Ids go on where they were.
  EXPECT_EQ(Refund("r3", id, 1)->refund.refund_id, "re_000000000005");
  EXPECT_EQ(OpenDispute(id, 1)->dispute_id, "dp_000000000002");
}

TEST_F(GatewayStateTest, AnAuthenticatedCardStaysSoOverRestartsAndIsNoOther) {
  const std::string card = "tok_authenticationRequired#1";
  EXPECT_EQ(Charge("k1", card)->charge.decline->code, "authentication_required");
  for (int times = 0; times < 2; ++times) {
    absl::Notification answered;
    gateway_->AuthenticateCard(card, [&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      answered.Notify();
    });
    answered.WaitForNotification();
  }
  EXPECT_EQ(Charge("k1", card)->charge.decline->code, "authentication_required") << "a replay";
  EXPECT_EQ(Charge("k2", card)->charge.decline, nullptr);
  EXPECT_NE(Charge("k3", "tok_authenticationRequired#2")->charge.decline, nullptr);
  Open();
  EXPECT_EQ(Charge("k4", card)->charge.decline, nullptr);
  EXPECT_NE(Charge("k5", "tok_authenticationRequired#2")->charge.decline, nullptr);
}

TEST_F(GatewayStateTest, ARefundOfBeforeRefundsHadAmountsIsOfAllThatWasCaptured) {
  const std::string id = Charged("k", "tok_partial_900");
  gateway_.reset();
  std::ofstream(data_file(), std::ios::app)
      << "{\"kind\":\"refund\",\"refund_id\":\"re_000000000007\",\"idempotency_key\":\"r\","
         "\"charge_id\":\""
      << id << "\",\"reason\":\"old\",\"time_us\":1800000000000000}\n";
  Open();
  const auto refund = gateway_->GetRefund("r");
  ASSERT_TRUE(refund.ok()) << refund.status();
  EXPECT_EQ(refund->refund_id, "re_000000000007");
  EXPECT_EQ(refund->order.amount, 9 * kNanosPerUnit);
  EXPECT_EQ(refund->order.currency_code, "USD");
  EXPECT_EQ(refund->state, RefundState::kSucceeded);
  EXPECT_EQ(refund->update_time, now_);
  EXPECT_EQ(LeftOf(id), "0.00");
}

TEST_F(GatewayStateTest, ALineThatIsAnotherRefundOrDisputeOfTheSameIdIsPassedOver) {
  const std::string id = Charged("k");
  ASSERT_TRUE(Refund("r", id, 5).ok());
  ASSERT_TRUE(OpenDispute(id, 5).ok());
  const std::string other = Charged("k2");
  RefundRecord refund = *gateway_->GetRefund("r");
  refund.order.charge_id = other;
  DisputeRecord dispute = gateway_->GetCharge("k")->disputes[0];
  dispute.charge_id = other;
  DisputeRecord of_none = dispute;
  of_none.charge_id = "ch_none";
  of_none.dispute_id = "dp_9";
  gateway_.reset();
  std::ofstream(data_file(), std::ios::app) << EncodeLine(refund) << "\n"
                                            << EncodeLine(dispute) << "\n"
                                            << EncodeLine(of_none) << "\n";
  Open();
  EXPECT_EQ(LeftOf(id), "5.00");
  EXPECT_EQ(LeftOf(other), "15.00");
}

}  // namespace
}  // namespace reserve::gateway_stub
