// A real deck of 36,205 prefixes, and a thousand calls with their known rates.
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "common/money/money.h"
#include "common/text/packed_digits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "tests/services/ledger/rates/reference_data.h"

namespace reserve::rates {
namespace {

const absl::Time kAnyTime = absl::FromUnixSeconds(1'790'000'000);

class ReferenceDeckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasReferenceData()) GTEST_SKIP() << "no reference data";
    auto rows = ParseDeckCsv(ReferenceDeckCsv());
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->size(), 36'205u);
    auto deck = DeckSnapshot::Create(DeckHeader(), *std::move(rows));
    ASSERT_TRUE(deck.ok()) << deck.status();
    deck_ = *std::move(deck);
  }

  std::shared_ptr<const DeckSnapshot> deck_;
};

TEST_F(ReferenceDeckTest, FitsInTenMegabytes) {
  RecordProperty("memory_bytes", std::to_string(deck_->memory_bytes()));
  EXPECT_LT(deck_->memory_bytes(), 10'000'000u);
}

TEST_F(ReferenceDeckTest, EveryPrefixFindsItself) {
  for (size_t i = 0; i < deck_->size(); ++i) {
    const RateRow row = deck_->RowAt(i);
    const std::optional<domain::Rate> rate =
        deck_->FindCall(domain::Direction::kOutbound, row.prefix, kAnyTime);
    ASSERT_TRUE(rate.has_value()) << row.prefix;
    ASSERT_EQ(UnpackedDigits(rate->prefix), row.prefix);
  }
}

TEST_F(ReferenceDeckTest, EveryCallFindsItsKnownPrefixAndCost) {
  const std::vector<ReferenceRow> calls = ReadReference("calls.csv");
  ASSERT_EQ(calls.size(), 1000u);
  const domain::Plan plan;  // per minute, without free seconds
  const domain::User user;
  int without_rate = 0;
  for (const ReferenceRow& call : calls) {
    SCOPED_TRACE(call.at("call_id"));
    domain::Usage usage;
    usage.destination = call.at("destination").substr(1);
    int64_t seconds = 0;
    ASSERT_TRUE(absl::SimpleAtoi(call.at("duration_s"), &seconds));
    usage.duration = absl::Seconds(seconds);
    const std::optional<domain::Rate> rate =
        deck_->FindCall(domain::Direction::kOutbound, usage.destination, kAnyTime);
    ASSERT_EQ(rate.has_value() ? UnpackedDigits(rate->prefix) : "", call.at("matched_prefix"));
    if (!rate.has_value()) {
      ++without_rate;
      continue;
    }
    EXPECT_EQ(rate->destination_name.view(), call.at("rated_destination"));
    EXPECT_EQ(rate->price, *ParseDecimal(call.at("price_per_minute_usd")));
    const auto rating = domain::RateUsage(usage, plan, user, /*period=*/0, &*rate);
    ASSERT_TRUE(rating.ok()) << rating.status();
    if (call.at("cost_6_6_exact").empty()) continue;
    EXPECT_EQ(rating->cost, *ParseDecimal(call.at("cost_6_6_exact")));
  }
  RecordProperty("without_rate", without_rate);
  EXPECT_GT(without_rate, 0);
}

}  // namespace
}  // namespace reserve::rates
