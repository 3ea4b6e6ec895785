#include "services/gateway_stub/record.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"

namespace reserve::gateway_stub {
namespace {

RefundRecord SomeRefund() {
  return {.refund_id = "re_7",
          .order = {.idempotency_key = "r",
                    .charge_id = "ch_1",
                    .amount = 5 * kNanosPerUnit,
                    .currency_code = "USD",
                    .reference = "acct/1",
                    .reason = "a \"mistake\"\n"},
          .state = RefundState::kPending,
          .succeed_time = absl::FromUnixMicros(1'800'000'000'000'009),
          .failure_code = "",
          .reply = Reply::kLost,
          .create_time = absl::FromUnixMicros(1'800'000'000'000'001),
          .update_time = absl::FromUnixMicros(1'800'000'000'000'002)};
}

DisputeRecord SomeDispute() {
  return {.dispute_id = "dp_7",
          .charge_id = "ch_1",
          .amount = 5 * kNanosPerUnit,
          .currency_code = "USD",
          .state = DisputeState::kLost,
          .reason = "fraudulent",
          .create_time = absl::FromUnixMicros(1'800'000'000'000'001),
          .update_time = absl::FromUnixMicros(1'800'000'000'000'002)};
}

TEST(RecordTest, ARefundIsReadAsItWasWritten) {
  const RefundRecord refund = SomeRefund();
  const std::string line = EncodeLine(refund);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto record = DecodeLine(line);
  ASSERT_TRUE(record.ok()) << record.status();
  const auto& read = std::get<RefundRecord>(*record);
  EXPECT_EQ(read.refund_id, refund.refund_id);
  EXPECT_EQ(read.order, refund.order);
  EXPECT_EQ(read.state, refund.state);
  EXPECT_EQ(read.succeed_time, refund.succeed_time);
  EXPECT_EQ(read.reply, refund.reply);
  EXPECT_EQ(read.create_time, refund.create_time);
  EXPECT_EQ(read.update_time, refund.update_time);
  EXPECT_EQ(EncodeLine(read), line);
}

TEST(RecordTest, ADisputeIsReadAsItWasWritten) {
  const std::string line = EncodeLine(SomeDispute());
  const auto record = DecodeLine(line);
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(std::get<DisputeRecord>(*record).state, DisputeState::kLost);
  EXPECT_EQ(EncodeLine(std::get<DisputeRecord>(*record)), line);
}

TEST(RecordTest, ALineWithAValueThatCanNotBeIsRefused) {
  const std::string refund = EncodeLine(SomeRefund());
  const std::string dispute = EncodeLine(SomeDispute());
  for (const auto& [line, from, to] : {
           std::tuple{refund, "\"state\":1", "\"state\":0"},
           std::tuple{refund, "\"state\":1", "\"state\":4"},
           std::tuple{refund, "\"reply\":2", "\"reply\":9"},
           std::tuple{refund, "\"amount_nanos\":5000000000", "\"amount_nanos\":0"},
           std::tuple{refund, "\"currency_code\":\"USD\"", "\"currency_code\":\"XXX\""},
           std::tuple{refund, "\"update_us\":", "\"other\":"},
           std::tuple{dispute, "\"state\":4", "\"state\":5"},
           std::tuple{dispute, "\"amount_nanos\":5000000000", "\"amount_nanos\":-1"},
           std::tuple{dispute, "\"charge_id\":", "\"other\":"},
       }) {
    const std::string changed = absl::StrReplaceAll(line, {{from, to}});
    ASSERT_NE(changed, line) << from;
    EXPECT_FALSE(DecodeLine(changed).ok()) << changed;
  }
}

TEST(RecordTest, APendingRefundSucceedsAtItsTimeAndAFailedOneNever) {
  RefundRecord refund = SomeRefund();
  EXPECT_EQ(AsOf(refund, refund.succeed_time - absl::Microseconds(1)).state, RefundState::kPending);
  EXPECT_EQ(AsOf(refund, refund.succeed_time).state, RefundState::kSucceeded);
  EXPECT_EQ(AsOf(refund, absl::InfiniteFuture()).update_time, refund.succeed_time);
  refund.state = RefundState::kFailed;
  EXPECT_EQ(AsOf(refund, absl::InfiniteFuture()).state, RefundState::kFailed);
  EXPECT_EQ(AsOf(refund, absl::InfiniteFuture()).update_time, refund.update_time);
}

TEST(RecordTest, ARefundThatFailsLaterFailsAtItsTimeWhateverItWasBefore) {
  for (const RefundState before : {RefundState::kPending, RefundState::kSucceeded}) {
    RefundRecord refund = SomeRefund();
    refund.state = before;
    refund.fail_time = refund.succeed_time + absl::Seconds(2);
    const auto record = DecodeLine(EncodeLine(refund));
    ASSERT_TRUE(record.ok()) << record.status();
    refund = std::get<RefundRecord>(*record);
    const absl::Time just_before = refund.fail_time - absl::Microseconds(1);
    EXPECT_EQ(AsOf(refund, just_before).state, RefundState::kSucceeded);
    EXPECT_EQ(AsOf(refund, just_before).failure_code, "");
    EXPECT_EQ(AsOf(refund, refund.fail_time).state, RefundState::kFailed);
    EXPECT_EQ(AsOf(refund, refund.fail_time).failure_code, "expired_or_canceled_card");
    EXPECT_EQ(AsOf(refund, absl::InfiniteFuture()).update_time, refund.fail_time);
  }
}

}  // namespace
}  // namespace reserve::gateway_stub
