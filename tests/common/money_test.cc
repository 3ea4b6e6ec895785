#include "common/money/money.h"

#include <limits>
#include <random>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

constexpr Nanos kMax = std::numeric_limits<Nanos>::max();
constexpr Nanos kMin = std::numeric_limits<Nanos>::min();

void ExpectOverflow(const absl::StatusOr<Nanos>& amount) {
  EXPECT_EQ(amount.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(amount.status()), "MONEY_OVERFLOW");
}

TEST(MoneyTest, SumsDifferencesAndProductsThatFitAreExact) {
  EXPECT_EQ(*Add(kMax - 1, 1), kMax);
  EXPECT_EQ(*Add(kMin, kMax), -1);
  EXPECT_EQ(*Subtract(kMin + 1, 1), kMin);
  EXPECT_EQ(*Subtract(-1, kMin), kMax);
  EXPECT_EQ(*Multiply(kMax, 1), kMax);
  EXPECT_EQ(*Multiply(kMax, -1), kMin + 1);
  EXPECT_EQ(*Multiply(kMin, 1), kMin);
  EXPECT_EQ(*Multiply(kMax / 7, 7), kMax / 7 * 7);
  EXPECT_EQ(*Multiply(kMin, 0), 0);
}

TEST(MoneyTest, WhatDoesNotFitIsAnErrorAndNeverWraps) {
  ExpectOverflow(Add(kMax, 1));
  ExpectOverflow(Add(kMin, -1));
  ExpectOverflow(Subtract(kMin, 1));
  ExpectOverflow(Subtract(0, kMin));
  ExpectOverflow(Multiply(kMin, -1));
  ExpectOverflow(Multiply(kMax, 2));
  ExpectOverflow(Multiply(kNanosPerUnit, kNanosPerUnit * 10));
}

struct CostCase {
  std::string name;
  Nanos price;
  int64_t seconds;
  Nanos fee;
  Nanos cost;
};

class CallCostTest : public ::testing::TestWithParam<CostCase> {};

TEST_P(CallCostTest, IsRoundedOnceHalfUp) {
  const CostCase& c = GetParam();
  const auto cost = CallCostHalfUp(c.price, c.seconds, c.fee);
  ASSERT_TRUE(cost.ok()) << cost.status();
  EXPECT_EQ(*cost, c.cost);
}

INSTANTIATE_TEST_SUITE_P(
    Money, CallCostTest,
    ::testing::Values(CostCase{"Nothing", 0, 0, 0, 0},
                      CostCase{"SixSecondsOfTwoCents", 20'000'000, 6, 0, 2'000'000},
                      CostCase{"WholeMinutes", 17'100'000, 180, 0, 51'300'000},
                      CostCase{"FeeIsAddedOnce", 20'000'000, 60, 5'000'000, 25'000'000},
                      CostCase{"JustUnderAHalfIsDown", 1, 29, 0, 0},
                      CostCase{"AHalfIsUp", 1, 30, 0, 1},
                      CostCase{"JustOverAHalfIsUp", 1, 31, 0, 1},
                      CostCase{"OneAndAHalfIsUp", 3, 30, 0, 2},
                      CostCase{"OneAndJustUnderAHalfIsDown", 89, 1, 0, 1},
                      CostCase{"FeeDoesNotMoveTheRounding", 1, 29, 7, 7},
                      CostCase{"LargestPriceForAMinute", kMax, 60, 0, kMax},
                      CostCase{"LargestPriceForASecond", kMax, 1, 0, 153'722'867'280'912'930},
                      CostCase{"ProductBeyond64Bits", 1'000 * kNanosPerUnit, 604'800, 0,
                               10'080'000 * kNanosPerUnit}),
    [](const auto& param) { return param.param.name; });

TEST(MoneyTest, ACostThatDoesNotFitIsAnError) {
  ExpectOverflow(CallCostHalfUp(kMax, 61, 0));
  ExpectOverflow(CallCostHalfUp(kMax, 60, 1));
  ExpectOverflow(CallCostHalfUp(kMax, kMax, kMax));
}

TEST(MoneyTest, RandomCostsAgreeWithTheDefinition) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Nanos price = static_cast<Nanos>(random() >> (1 + random() % 63));
    const auto seconds = static_cast<int64_t>(random() % 700'000);
    const auto cost = CallCostHalfUp(price, seconds, 0);
    const absl::int128 exact = absl::int128(price) * seconds;  // in sixtieths
    if (!cost.ok()) {
      EXPECT_GT(exact / 60 + 1, absl::int128(kMax));
      continue;
    }
    // cost - 1/2 <= exact / 60 < cost + 1/2, times 120.
    EXPECT_LE(absl::int128(*cost) * 120 - 60, exact * 2);
    EXPECT_LT(exact * 2, absl::int128(*cost) * 120 + 60);
  }
}

TEST(MoneyTest, AffordableSecondsAreTheMostThatTheBudgetPays) {
  EXPECT_EQ(AffordableSeconds(20'000'000, 0, 20'000'000), 60);
  EXPECT_EQ(AffordableSeconds(20'000'000, 0, 19'999'999), 59);
  EXPECT_EQ(AffordableSeconds(20'000'000, 5'000'000, 25'000'000), 60);
  EXPECT_EQ(AffordableSeconds(20'000'000, 5'000'000, 5'000'000), 0);
  EXPECT_EQ(AffordableSeconds(20'000'000, 5'000'000, 4'999'999), 0);
  EXPECT_EQ(AffordableSeconds(20'000'000, 0, 0), 0);
  EXPECT_EQ(AffordableSeconds(20'000'000, 0, -1), 0);
  EXPECT_EQ(AffordableSeconds(20'000'000, 0, kMin), 0);
  EXPECT_EQ(AffordableSeconds(60, 0, kMax), kMax);
  EXPECT_EQ(AffordableSeconds(1, 0, kMax), kMax);
  EXPECT_EQ(AffordableSeconds(kMax, 0, kMax), 60);
}

TEST(MoneyTest, RandomAffordableSecondsAreTight) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Nanos price = 1 + static_cast<Nanos>(random() >> (1 + random() % 62));
    const Nanos fee = static_cast<Nanos>(random() % 1'000'000'000);
    const Nanos budget = fee + static_cast<Nanos>(random() >> (2 + random() % 61));
    const absl::int128 seconds = AffordableSeconds(price, fee, budget);
    const absl::int128 sixtieths = (absl::int128(budget) - fee) * 60;
    EXPECT_LE(seconds * price, sixtieths);
    if (seconds < kMax) {
      EXPECT_GT((seconds + 1) * price, sixtieths);
    }
  }
}

TEST(MoneyTest, ReadsDecimals) {
  const struct {
    absl::string_view text;
    Nanos amount;
  } kCases[] = {
      {"0", 0},
      {"-0", 0},
      {"15", 15 * kNanosPerUnit},
      {"0.0171", 17'100'000},
      {"-0.0171", -17'100'000},
      {"0.000000001", 1},
      {"-0.000000001", -1},
      {"1.500000000", 1'500'000'000},
      {"007.5", 7'500'000'000},
      {"9223372036.854775807", kMax},
      {"-9223372036.854775808", kMin},
      {"00000000000000000000000000000000000000001", kNanosPerUnit},
  };
  for (const auto& c : kCases) {
    const auto amount = ParseDecimal(c.text);
    ASSERT_TRUE(amount.ok()) << amount.status();
    EXPECT_EQ(*amount, c.amount) << c.text;
  }
}

TEST(MoneyTest, RefusesWhatIsNotAPlainDecimal) {
  for (const absl::string_view text :
       {"",    "-",     ".",   ".5",    "5.",           "-.5",          "+1",
        "1e3", "1,000", " 1",  "1 ",    "1.2.3",        "--1",          "1-",
        "0x1", "nan",   "inf", "1_000", "0.0000000001", "1.0000000000", "\xD9\xA1"}) {
    const auto amount = ParseDecimal(text);
    EXPECT_EQ(amount.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(ReasonOf(amount.status()), "INVALID_DECIMAL") << text;
  }
}

TEST(MoneyTest, RefusesDecimalsThatDoNotFit) {
  for (const absl::string_view text :
       {"9223372036.854775808", "-9223372036.854775809", "9223372037", "10000000000",
        "99999999999999999999999999999999999999999999999999"}) {
    ExpectOverflow(ParseDecimal(text));
  }
}

TEST(MoneyTest, FormatsAtLeastTwoDecimals) {
  const struct {
    Nanos amount;
    absl::string_view text;
  } kCases[] = {
      {0, "0.00"},
      {15 * kNanosPerUnit, "15.00"},
      {-17'100'000, "-0.0171"},
      {1, "0.000000001"},
      {-1, "-0.000000001"},
      {100'000'000, "0.10"},
      {120'000'000, "0.12"},
      {123'000'000, "0.123"},
      {1'000'000'010, "1.00000001"},
      {kMax, "9223372036.854775807"},
      {kMin, "-9223372036.854775808"},
  };
  for (const auto& c : kCases) EXPECT_EQ(FormatDecimal(c.amount), c.text);
  EXPECT_EQ(FormatMoney("USD", 15 * kNanosPerUnit), "USD 15.00");
  EXPECT_EQ(FormatMoney("JPY", -kNanosPerCent), "JPY -0.01");
}

TEST(MoneyTest, AnyAmountIsReadBackAsItWasFormatted) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const auto amount = static_cast<Nanos>(random()) >> random() % 63;
    const std::string text = FormatDecimal(amount);
    const auto back = ParseDecimal(text);
    ASSERT_TRUE(back.ok()) << text;
    EXPECT_EQ(*back, amount) << text;
  }
}

TEST(MoneyTest, KnowsCurrenciesAndTheirMinorUnits) {
  for (const absl::string_view code : {"USD", "EUR", "AED", "ZWG", "BIF", "XPF", "BHD", "TND"}) {
    EXPECT_TRUE(IsCurrency(code)) << code;
  }
  for (const absl::string_view code :
       {"", "US", "USDX", "usd", "Usd", "XXX", "XAU", "DEM", "US\xC4"}) {
    EXPECT_FALSE(IsCurrency(code)) << code;
  }
  EXPECT_EQ(MinorUnitNanos("USD"), 10'000'000);
  EXPECT_EQ(MinorUnitNanos("JPY"), 1'000'000'000);
  EXPECT_EQ(MinorUnitNanos("KWD"), 1'000'000);
}

}  // namespace
}  // namespace reserve
