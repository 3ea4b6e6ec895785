#include "worker/gone_money.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace reserve::worker {
namespace {

constexpr char kAmountOfFive[] = "amount { currency_code: 'USD' units: 5 }";

Nanos GoneOf(const std::string& of_the_charge) {
  gateway::v1::Charge charge;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      absl::StrCat("amount { currency_code: 'USD' units: 15 } ", of_the_charge), &charge));
  return GoneMoney(charge);
}
Nanos GoneOf(const std::string& what, const std::string& state) {
  return GoneOf(absl::StrCat(what, " { ", kAmountOfFive, " state: ", state, " }"));
}

TEST(GoneMoneyTest, RefundsTakeTheirMoneyUnlessTheyFailed) {
  EXPECT_EQ(GoneOf(""), 0);
  EXPECT_EQ(GoneOf("refunds", "REFUND_STATE_PENDING"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("refunds", "REFUND_STATE_SUCCEEDED"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("refunds", "REFUND_STATE_FAILED"), 0);
}

TEST(GoneMoneyTest, DisputesTakeTheirMoneyWhileTheBankHasIt) {
  EXPECT_EQ(GoneOf("disputes", "DISPUTE_STATE_INQUIRY"), 0);
  EXPECT_EQ(GoneOf("disputes", "DISPUTE_STATE_OPENED"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("disputes", "DISPUTE_STATE_LOST"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("disputes", "DISPUTE_STATE_WON"), 0);
}

TEST(GoneMoneyTest, AllOfThemCountTogether) {
  EXPECT_EQ(GoneOf(absl::StrCat("refunds { ", kAmountOfFive,
                                " state: REFUND_STATE_SUCCEEDED } refunds { ", kAmountOfFive,
                                " state: REFUND_STATE_FAILED } disputes { ", kAmountOfFive,
                                " state: DISPUTE_STATE_OPENED }")),
            10 * kNanosPerUnit);
}

TEST(GoneMoneyTest, WhatIsNotUnderstoodIsNotTakenForMoneyThatIsThere) {
  EXPECT_EQ(GoneOf("refunds", "REFUND_STATE_UNSPECIFIED"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("disputes", "DISPUTE_STATE_UNSPECIFIED"), 5 * kNanosPerUnit);
  EXPECT_EQ(GoneOf("refunds { amount { currency_code: 'EUR' units: 5 } }"), 1);
}

}  // namespace
}  // namespace reserve::worker
