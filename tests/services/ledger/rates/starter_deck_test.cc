#include "services/ledger/rates/starter_deck.h"
#include "common/text/packed_digits.h"

#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "tests/services/ledger/rates/reference_data.h"

namespace reserve::rates {
namespace {

const absl::Time kAnyTime = absl::FromUnixSeconds(1'790'000'000);

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;
using ::testing::NotNull;

constexpr auto kOut = domain::Direction::kOutbound;
constexpr Nanos kStandard = 20'000'000;

// The area codes of +1 that are neither the United States nor Canada.
constexpr absl::string_view kTraps[] = {"242", "246", "264", "268", "284", "340", "345",
                                        "441", "473", "649", "658", "664", "670", "671",
                                        "684", "721", "758", "767", "784", "787", "809",
                                        "829", "849", "868", "869", "876", "939"};

class StarterDeckTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto rows = ParseDeckCsv(StarterDeckCsv());
    ASSERT_TRUE(rows.ok()) << rows.status();
    auto deck = DeckSnapshot::Create(DeckHeader(), *std::move(rows));
    ASSERT_TRUE(deck.ok()) << deck.status();
    deck_ = new std::shared_ptr<const DeckSnapshot>(*std::move(deck));
  }
  static void TearDownTestSuite() {
    delete deck_;
    deck_ = nullptr;
  }

  static const DeckSnapshot& deck() { return **deck_; }

  static std::vector<RateRow> RowsOf(RateKind kind) {
    std::vector<RateRow> rows;
    for (size_t i = 0; i < deck().size(); ++i) {
      if (RateRow row = deck().RowAt(i); row.kind == kind) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  static inline std::shared_ptr<const DeckSnapshot>* deck_ = nullptr;
};

TEST_F(StarterDeckTest, IsTheFileByteForByte) {
  const char* source = std::getenv("RESERVE_TEST_SOURCE_DIR");
  ASSERT_THAT(source, NotNull());
  std::ifstream in(absl::StrCat(source, "/services/ledger/rates/starter_deck.csv"),
                   std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_EQ(StarterDeckCsv(), file);
}

TEST_F(StarterDeckTest, HasNoRowForABareOne) {
  for (size_t i = 0; i < deck().size(); ++i) {
    const RateRow row = deck().RowAt(i);
    EXPECT_TRUE(row.prefix[0] != '1' || row.prefix.size() >= 4) << row.prefix;
    EXPECT_FALSE(row.destination_name.empty()) << row.prefix;
  }
}

TEST_F(StarterDeckTest, UnassignedAreaCodesHaveNoRate) {
  for (const absl::string_view area : {"200", "211", "222", "411", "555", "911", "999", "000"}) {
    const std::string number = absl::StrCat("1", area, "5551234");
    EXPECT_FALSE(deck().FindCall(kOut, number, kAnyTime).has_value()) << number;
    EXPECT_FALSE(deck().FindSms(number, "", kAnyTime).has_value()) << number;
    EXPECT_FALSE(deck().FindSms(number, "att", kAnyTime).has_value()) << number;
  }
}

TEST_F(StarterDeckTest, NoTrapIsPricedAsTheUnitedStates) {
  for (const absl::string_view area : kTraps) {
    const std::string number = absl::StrCat("1", area, "5551234");
    const std::optional<domain::Rate> call = deck().FindCall(kOut, number, kAnyTime);
    ASSERT_TRUE(call.has_value()) << number;
    EXPECT_GT(call->price, kStandard) << number;
    EXPECT_FALSE(call->standard_rate) << number;
    EXPECT_NE(call->destination_name.view(), "United States") << number;
    for (const absl::string_view carrier : {"", "att", "verizon", "digicel"}) {
      const std::optional<domain::Rate> text = deck().FindSms(number, carrier, kAnyTime);
      ASSERT_TRUE(text.has_value()) << number;
      EXPECT_GT(text->price, 13'000'000) << number;
    }
  }
}

TEST_F(StarterDeckTest, CallsToTheUnitedStatesAndCanadaAreStandardRates) {
  int united_states = 0;
  int canada = 0;
  for (const RateRow& row : RowsOf(RateKind::kCall)) {
    united_states += row.destination_name == "United States" ? 1 : 0;
    canada += row.destination_name == "Canada" ? 1 : 0;
    if (row.destination_name != "United States" && row.destination_name != "Canada") continue;
    EXPECT_TRUE(
        deck().FindCall(kOut, absl::StrCat(row.prefix, "5551234"), kAnyTime)->standard_rate);
  }
  EXPECT_EQ(united_states, 368);
  EXPECT_EQ(canada, 59);
}

TEST_F(StarterDeckTest, TextsToTheUnitedStatesAndCanadaCostATenthOfADimeOrALittleMore) {
  std::set<Nanos> prices;
  for (const RateRow& row : RowsOf(RateKind::kSms)) {
    if (row.destination_name != "United States" && row.destination_name != "Canada") continue;
    EXPECT_THAT(row.price, AllOf(Ge(10'000'000), Le(13'000'000))) << row.prefix << row.carrier;
    prices.insert(row.price);
  }
  EXPECT_EQ(*prices.begin(), 10'000'000);
  EXPECT_EQ(*prices.rbegin(), 13'000'000);
}

TEST_F(StarterDeckTest, ATextsPriceDependsOnItsCarrier) {
  const struct {
    absl::string_view number, carrier;
    Nanos price;
  } kCases[] = {
      {"12125551234", "att", 10'000'000},     {"12125551234", "t-mobile", 11'000'000},
      {"12125551234", "verizon", 11'000'000}, {"12125551234", "us-cellular", 13'000'000},
      {"12125551234", "", 12'000'000},        {"12125551234", "bell", 12'000'000},
      {"14165551234", "bell", 13'000'000},    {"14165551234", "telus", 12'500'000},
      {"14165551234", "freedom", 12'000'000}, {"14165551234", "att", 13'000'000},
      {"447700900123", "att", 40'000'000},
  };
  for (const auto& c : kCases) {
    const std::optional<domain::Rate> rate = deck().FindSms(c.number, c.carrier, kAnyTime);
    ASSERT_TRUE(rate.has_value()) << c.number << " " << c.carrier;
    EXPECT_EQ(rate->price, c.price) << c.number << " " << c.carrier;
  }
}

TEST_F(StarterDeckTest, TollFreeNumbersAreFreeToCallAndTheirOwnersPay) {
  for (const absl::string_view area : {"800", "833", "844", "855", "866", "877", "888"}) {
    const std::string number = absl::StrCat("1", area, "5551234");
    ASSERT_TRUE(deck().FindCall(kOut, number, kAnyTime).has_value());
    EXPECT_EQ(deck().FindCall(kOut, number, kAnyTime)->price, 0);
    ASSERT_TRUE(deck().FindCall(domain::Direction::kInbound, number, kAnyTime).has_value());
    EXPECT_EQ(deck().FindCall(domain::Direction::kInbound, number, kAnyTime)->price, 18'000'000);
  }
  EXPECT_FALSE(deck().FindCall(domain::Direction::kInbound, "12125551234", kAnyTime).has_value());
}

TEST_F(StarterDeckTest, PremiumAndSatelliteAreDearOrRefused) {
  EXPECT_FALSE(deck().FindCall(kOut, "19005551234", kAnyTime).has_value());
  for (const absl::string_view number : {"870773111111", "881612345678", "97912345678"}) {
    EXPECT_GE(deck().FindCall(kOut, number, kAnyTime)->price, 5 * kNanosPerUnit) << number;
  }
}

TEST_F(StarterDeckTest, LongerPrefixesOfStandardRateCountriesAreDearer) {
  EXPECT_TRUE(deck().FindCall(kOut, "442071234567", kAnyTime)->standard_rate);
  EXPECT_FALSE(deck().FindCall(kOut, "447700900123", kAnyTime)->standard_rate);
  EXPECT_EQ(deck().FindCall(kOut, "447781123456", kAnyTime)->destination_name.view(),
            "Guernsey mobile");
  EXPECT_EQ(deck().FindCall(kOut, "77011234567", kAnyTime)->destination_name.view(), "Kazakhstan");
  EXPECT_EQ(deck().FindCall(kOut, "74951234567", kAnyTime)->destination_name.view(), "Russia");
}

TEST_F(StarterDeckTest, PricesEveryCallingCodeThereIs) {
  if (!HasReferenceData()) GTEST_SKIP() << "no reference data";
  for (const ReferenceRow& row : ReadReference("e164_country_codes.csv")) {
    const std::string code = row.at("calling_code");
    if (code == "1") continue;
    const std::optional<domain::Rate> rate =
        deck().FindCall(kOut, absl::StrCat(code, "0"), kAnyTime);
    ASSERT_TRUE(rate.has_value()) << code;
    EXPECT_THAT(UnpackedDigits(rate->prefix), ::testing::StartsWith(code));
  }
}

TEST_F(StarterDeckTest, AgreesWithTheNumberingPlanOfNorthAmerica) {
  if (!HasReferenceData()) GTEST_SKIP() << "no reference data";
  std::set<std::string> assigned;
  for (const ReferenceRow& row : ReadReference("nanp_area_codes.csv")) {
    assigned.insert(row.at("npa"));
    const std::optional<domain::Rate> rate =
        deck().FindCall(kOut, absl::StrCat(row.at("prefix"), "5551234"), kAnyTime);
    if (row.at("kind") == "premium") {
      EXPECT_FALSE(rate.has_value());
      continue;
    }
    ASSERT_TRUE(rate.has_value()) << row.at("prefix");
    EXPECT_EQ(UnpackedDigits(rate->prefix), row.at("prefix"));
    EXPECT_EQ(row.at("is_us_or_ca") == "yes" || row.at("kind") == "toll-free", rate->standard_rate)
        << row.at("prefix");
  }
  // In use since, or left out there (make_starter_deck.py has the dates and their source).
  const std::set<std::string> since = {"273", "436", "457", "471", "483", "622",
                                       "624", "633", "679", "729", "837", "861"};
  for (int area = 0; area < 1000; ++area) {
    const std::string npa = absl::StrCat(absl::Dec(area, absl::kZeroPad3));
    if (assigned.contains(npa)) continue;
    EXPECT_EQ(deck().FindCall(kOut, absl::StrCat("1", npa, "5551234"), kAnyTime).has_value(),
              since.contains(npa))
        << npa;
  }
}

}  // namespace
}  // namespace reserve::rates
