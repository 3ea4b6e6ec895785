// What tests of a deck's file ask of its reader.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_RATES_DECK_FILES_H_
#define RESERVE_TESTS_SERVICES_LEDGER_RATES_DECK_FILES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "gtest/gtest.h"
#include "services/ledger/rates/deck_csv.h"

namespace reserve::rates {

// What is read of a file, and how.
inline DeckFile Read(absl::string_view csv, DeckOptions options = {.currency = "USD"}) {
  auto file = ReadDeckFile(csv, std::move(options));
  EXPECT_TRUE(file.ok()) << csv << file.status();
  return file.ok() ? *std::move(file) : DeckFile();
}

// Why a file is refused.
inline std::string Refusal(absl::string_view csv, DeckOptions options = {.currency = "USD"}) {
  const auto file = ReadDeckFile(csv, std::move(options));
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << csv;
  EXPECT_EQ(ReasonOf(file.status()), "INVALID_RATE_DECK");
  return std::string(file.status().message());
}

// "44 0.015": of each row.
inline std::vector<std::string> Prices(const DeckFile& file) {
  std::vector<std::string> prices;
  for (const RateRow& row : file.rows) {
    prices.push_back(absl::StrCat(row.prefix, " ", FormatDecimal(row.price)));
  }
  return prices;
}

}  // namespace reserve::rates

#endif  // RESERVE_TESTS_SERVICES_LEDGER_RATES_DECK_FILES_H_
