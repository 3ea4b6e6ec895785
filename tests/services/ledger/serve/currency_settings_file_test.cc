// The file of the currencies' settings: M3 (docs/RULES.md).
#include "services/ledger/serve/currency_settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/error/error.h"

namespace reserve::serve {
namespace {

using ::testing::HasSubstr;

constexpr char kHeader[] =
    "currency,default_reserve_amount,min_reserve_amount,default_recharge_threshold,"
    "min_recharge_threshold,smallest_charge,max_recharge_amount,max_automatic_amount_per_hour,"
    "max_automatic_amount_per_day,standard_rate_ceiling,debt_limit\n";
constexpr char kEuros[] = "EUR,20.00,15.00,12,10,0.50,800,400,800,0.025,\n";

std::string WithEuros(absl::string_view line) { return absl::StrCat(kHeader, line); }

TEST(CurrencySettingsFileTest, M3_SaysTheAmountsOfEachCurrency) {
  const auto read = ParseCurrencySettings(
      absl::StrCat("# Amounts in units.\n\n", kHeader, kEuros,
                   "JPY, 1500, 1500, 1000, 1000, 50, 100000, 50000, 100000, 3, 2500\r\n"));
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2u);
  const domain::CurrencySettings& euros = read->at("EUR");
  EXPECT_EQ(euros.default_reserve_amount, 20 * kNanosPerUnit);
  EXPECT_EQ(euros.min_reserve_amount, 15 * kNanosPerUnit);
  EXPECT_EQ(euros.default_recharge_threshold, 12 * kNanosPerUnit);
  EXPECT_EQ(euros.min_recharge_threshold, 10 * kNanosPerUnit);
  EXPECT_EQ(euros.smallest_charge, 50 * kNanosPerCent);
  EXPECT_EQ(euros.max_recharge_amount, 800 * kNanosPerUnit);
  EXPECT_EQ(euros.max_automatic_amount_per_hour, 400 * kNanosPerUnit);
  EXPECT_EQ(euros.max_automatic_amount_per_day, 800 * kNanosPerUnit);
  EXPECT_EQ(euros.standard_rate_ceiling, 25 * kNanosPerCent / 10);
  EXPECT_FALSE(euros.debt_limit.has_value());
  EXPECT_EQ(read->at("JPY").debt_limit, 2'500 * kNanosPerUnit);
}

TEST(CurrencySettingsFileTest, M3_WhatIsPrintedReadsAsTheSame) {
  const domain::CurrencyTable built_in = domain::BuiltInCurrencies();
  const auto read = ParseCurrencySettings(FormatCurrencySettings(built_in));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, built_in);
}

struct BadFile {
  std::string what;
  std::string csv;
  std::vector<std::string> named;  // in the error
};

TEST(CurrencySettingsFileTest, M3_AnErrorNamesTheLineAndTheColumn) {
  const std::string euros = kEuros;
  const std::vector<BadFile> files = {
      {"nothing", "", {"has no currency"}},
      {"no currency", kHeader, {"has no currency"}},
      {"an unknown column", "currency,reserve\n", {"line 1", "\"reserve\"", "min_reserve_amount"}},
      {"a column twice",
       absl::StrReplaceAll(kHeader, {{"currency,", "currency,currency,"}}),
       {"line 1", "currency is there twice"}},
      {"a column is missing",
       absl::StrReplaceAll(kHeader, {{"smallest_charge,", ""}}),
       {"line 1", "smallest_charge is missing"}},
      {"too few fields", WithEuros("EUR,20.00\n"), {"line 2", "2 fields", "11"}},
      {"no currency of ISO 4217",
       WithEuros(absl::StrReplaceAll(euros, {{"EUR", "EURO"}})),
       {"line 2", "currency", "EURO"}},
      {"no number",
       WithEuros(absl::StrReplaceAll(euros, {{"20.00", "1e3"}})),
       {"line 2", "default_reserve_amount"}},
      {"a decimal comma makes two fields",
       WithEuros("EUR,20,00,15,12,10,0,800,400,800,1,,,\n"),
       {"line 2", "fields"}},
      {"an amount is missing",
       WithEuros(absl::StrReplaceAll(euros, {{"20.00", ""}})),
       {"line 2", "default_reserve_amount"}},
      {"a negative amount",
       WithEuros(absl::StrReplaceAll(euros, {{",400,", ",-400,"}})),
       {"line 2", "max_automatic_amount_per_hour", "negative"}},
      {"no whole minor units",
       WithEuros(absl::StrReplaceAll(euros, {{"20.00", "20.001"}})),
       {"line 2", "default_reserve_amount", "minor units of EUR"}},
      {"a default below the minimum",
       WithEuros(absl::StrReplaceAll(euros, {{"20.00", "10.00"}})),
       {"line 2", "default_reserve_amount", "min_reserve_amount"}},
      {"a threshold below the minimum",
       WithEuros(absl::StrReplaceAll(euros, {{",12,", ",5,"}})),
       {"line 2", "default_recharge_threshold", "min_recharge_threshold"}},
      {"a cap below the default",
       WithEuros(absl::StrReplaceAll(euros, {{",400,", ",19,"}})),
       {"line 2", "max_automatic_amount_per_hour", "default_reserve_amount"}},
      {"nothing is too small a charge",
       WithEuros(absl::StrReplaceAll(euros, {{"0.50", "0"}})),
       {"line 2", "smallest_charge"}},
      {"a currency twice",
       absl::StrCat(kHeader, kEuros, "\n", kEuros),
       {"line 4", "EUR is there twice"}},
  };
  for (const BadFile& file : files) {
    const auto read = ParseCurrencySettings(file.csv);
    ASSERT_FALSE(read.ok()) << file.what;
    EXPECT_EQ(FieldOf(read.status()), "--currency_settings_file") << file.what;
    for (const std::string& name : file.named) {
      EXPECT_THAT(std::string(read.status().message()), HasSubstr(name)) << file.what;
    }
  }
}

}  // namespace
}  // namespace reserve::serve
