#include "services/ledger/rates/findings.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/rates/country_names.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/starter_deck.h"
#include "tests/services/ledger/rates/reference_data.h"

namespace reserve::rates {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DeckFile Read(absl::string_view csv) {
  auto file = ReadDeckFile(csv, {.currency = "USD"});
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *std::move(file) : DeckFile();
}

// What is strange about a file, beside a deck that is in force.
class Scene {
 public:
  // The deck in force.
  Scene& After(absl::string_view csv) {
    auto deck = DeckSnapshot::Create(header_, Read(csv).rows);
    EXPECT_TRUE(deck.ok()) << deck.status();
    circumstances_.header_in_force = header_;
    circumstances_.row_in_force = [deck = *deck](size_t index, RateRow* row) {
      if (index >= deck->size()) return false;
      *row = deck->RowAt(index);
      return true;
    };
    return *this;
  }
  Circumstances& circumstances() { return circumstances_; }

  std::vector<Finding> Find(absl::string_view csv) {
    return FindFindings(Read(csv), header_, circumstances_);
  }
  // "ROWS_DROPPED 3" of each.
  std::vector<std::string> Codes(absl::string_view csv) {
    std::vector<std::string> codes;
    for (const Finding& finding : Find(csv)) {
      codes.push_back(absl::StrCat(NameOf(finding.code), " ", finding.count));
    }
    return codes;
  }

 private:
  DeckHeader header_ = [] {
    DeckHeader header;
    header.version = 1;
    header.currency = "USD";
    return header;
  }();
  Circumstances circumstances_;
};

constexpr char kColumns[] = "kind,prefix,destination,price\n";

// Twenty lines of a kind that nothing is strange about.
std::string TwentyLines(int from = 0) {
  std::string csv = kColumns;
  for (int i = from; i < 20; ++i) absl::StrAppend(&csv, "call,44", 10 + i, ",UK,0.0150\n");
  return csv;
}

TEST(FindingsTest, AnOrdinaryDeckHasNone) {
  EXPECT_THAT(Scene().Codes(TwentyLines()), IsEmpty());
  EXPECT_THAT(Scene().After(TwentyLines()).Codes(TwentyLines()), IsEmpty());
  EXPECT_THAT(Scene().Codes(StarterDeckCsv()), IsEmpty());
}

TEST(FindingsTest, MoreThanATenthOfTheRowsAreDropped) {
  EXPECT_THAT(Scene().After(TwentyLines()).Codes(TwentyLines(2)), IsEmpty()) << "a tenth";
  const auto findings = Scene().After(TwentyLines()).Find(TwentyLines(3));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, FindingCode::kRowsDropped);
  EXPECT_EQ(findings[0].count, 3);
  EXPECT_THAT(findings[0].message, HasSubstr("3 of the 20 lines"));
  EXPECT_THAT(findings[0].lines, ElementsAre("call 4410 UK", "call 4411 UK", "call 4412 UK"));
}

TEST(FindingsTest, OneRowInThePlaceOfThousandsIsTold) {
  EXPECT_THAT(Scene()
                  .After(StarterDeckCsv())
                  .Codes("kind,prefix,destination,price\ncall,1201,United States,0.0001\n"),
              Contains(HasSubstr("ROWS_DROPPED 3")));
}

TEST(FindingsTest, OnePriceByThreeTimesOrManyPricesAreTold) {
  const std::string old = TwentyLines();
  const auto with = [&](const std::string& from, const std::string& to, int times) {
    std::string csv = old;
    size_t at = 0;
    for (int i = 0; i < times; ++i) {
      at = csv.find(from, at);
      csv.replace(at, from.size(), to);
      at += to.size();
    }
    return csv;
  };
  EXPECT_THAT(Scene().After(old).Codes(with("0.0150", "0.0160", 2)), IsEmpty());
  EXPECT_THAT(Scene().After(old).Codes(with("0.0150", "0.0160", 3)),
              ElementsAre("PRICES_CHANGED 3"));
  EXPECT_THAT(Scene().After(old).Codes(with("0.0150", "0.0050", 1)),
              ElementsAre("PRICES_CHANGED 1"));
  const auto findings = Scene().After(old).Find(with("0.0150", "0.1500", 1));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_THAT(findings[0].lines, ElementsAre("line 2: call 4410 UK: 0.015 -> 0.15"));
  EXPECT_EQ(findings[1].code, FindingCode::kCrossesCeiling);
}

TEST(FindingsTest, AFeeIsAPriceAndTermsAreTermsToo) {
  const std::string columns = "prefix,price,connect fee,increments,minimum\n";
  const std::string old = absl::StrCat(columns, "44,0.03,0.01,60/60,\n");
  EXPECT_THAT(Scene().After(old).Codes(old), IsEmpty());
  EXPECT_THAT(Scene().After(old).Codes(absl::StrCat(columns, "44,0.03,0.05,60/60,\n")),
              ElementsAre("PRICES_CHANGED 1"));
  EXPECT_THAT(Scene().After(old).Codes(absl::StrCat(columns, "44,0.03,0.01,1/1,\n")),
              ElementsAre("PRICES_CHANGED 1"));
  EXPECT_THAT(Scene().After(old).Codes(absl::StrCat(columns, "44,0.03,0.01,60/60,0.5\n")),
              ElementsAre("PRICES_CHANGED 1"));
}

TEST(FindingsTest, ALaterLineOfAPrefixIsHeldAgainstTheOneBeforeIt) {
  const std::string columns = "prefix,price,effective date,days,from,to\n";
  const std::string old = absl::StrCat(columns, "44,0.015,,,,\n");
  const auto findings =
      Scene().After(old).Find(absl::StrCat(columns, "44,0.15,2026-12-01,,,\n44,0.015,,,,\n"));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_THAT(findings[0].lines, ElementsAre("line 2: call 44: 0.015 -> 0.15"));
  EXPECT_EQ(findings[1].code, FindingCode::kCrossesCeiling);
  // The order of lines in a file says nothing.
  const std::string day = "44,0.15,,1-7,08:00,18:00\n";
  const std::string night = "44,0.01,,1-7,18:00,08:00\n";
  EXPECT_THAT(
      Scene().After(absl::StrCat(columns, day, night)).Codes(absl::StrCat(columns, night, day)),
      IsEmpty());
}

TEST(FindingsTest, ALineThatBecomesAStandardRateIsTold) {
  const std::string dear = "kind,prefix,price\ncall,44,0.0210\ncall,45,0.0210\n";
  EXPECT_THAT(Scene().After(dear).Codes("kind,prefix,price\ncall,44,0.0200\ncall,45,0.0210\n"),
              Contains("CROSSES_CEILING 1"));
  EXPECT_THAT(Scene().After(dear).Codes(
                  "kind,prefix,price,standard\ncall,44,0.0210,yes\ncall,45,0.0210,\n"),
              ElementsAre("CROSSES_CEILING 1"));
}

TEST(FindingsTest, ABareOneOrSevenThatCoversOtherCountriesIsTold) {
  EXPECT_THAT(Scene().Codes("prefix,price\n1,0.01\n"), ElementsAre("BARE_PREFIX 1"));
  EXPECT_THAT(Scene().Codes("prefix,price\n7,0.01\n"), ElementsAre("BARE_PREFIX 1"));
  EXPECT_THAT(Scene().Codes("prefix,price\n7,0.01\n77,0.1\n"), IsEmpty());
  EXPECT_THAT(Scene().Codes("prefix,price\n1,blocked\n1212,0.01\n"), IsEmpty());
  // What a line of totals looks like.
  EXPECT_THAT(Scene().Codes("name,prefix,price\nUK,44,0.01\nTotal,2,0.01\nx,35,1\ny,351,1\n"),
              ElementsAre("BARE_PREFIX 2"));
}

TEST(FindingsTest, ThreeDigitsBesideOthersWithAPlusMayBeAnAreaCode) {
  const auto codes = Scene().Codes(
      "kind,prefix,destination,price\ncall,872,USA - IL,0.0045\ncall,+873,Inmarsat,2.7663\n");
  EXPECT_THAT(codes, ElementsAre("BARE_PREFIX 1", "NAME_NOT_IN_PREFIX 1"));
  EXPECT_THAT(Scene().Codes("prefix,price\n872,0.0045\n"), IsEmpty());
  // Others of its country are written without a + as well: it is a file of two habits.
  EXPECT_THAT(Scene().Codes("prefix,price\n0044,0.01\n447,0.03\n4420,0.01\n"), IsEmpty());
}

TEST(FindingsTest, AFileWithoutTheLeading1IsTold) {
  const auto findings = Scene().Find(
      "kind,prefix,destination,price\ncall,905,Canada - Ontario,0.0050\n"
      "call,872,USA - IL,0.0045\ncall,212,USA - NY,0.0045\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, FindingCode::kNameNotInPrefix);
  EXPECT_EQ(findings[0].count, 3);
  EXPECT_THAT(findings[0].message, HasSubstr("leading 1 of North America"));
  EXPECT_THAT(findings[0].lines, Contains("line 4: call 212 USA - NY"));
}

TEST(FindingsTest, APrefixThatIsLongerThanAnyNumberOfItsCountryIsTold) {
  const auto findings = Scene().Find(
      "prefix,price\n442079460000,0.01\n4420794600001,0.01\n12125550123,0.01\n"
      "121255501231,0.01\n491711234567890,0.01\n210012345678,0.01\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, FindingCode::kPrefixTooLong);
  EXPECT_THAT(findings[0].lines,
              ElementsAre("line 3: call 4420794600001", "line 5: call 121255501231"));
}

TEST(FindingsTest, NamesAreHeldAgainstPrefixesByCountry) {
  const auto fits = [](absl::string_view name, absl::string_view prefix) {
    const auto named = CountryInName(name);
    return !named.has_value() || NameFitsPrefix(*named, prefix);
  };
  EXPECT_TRUE(fits("United Kingdom Mobile", "447"));
  EXPECT_TRUE(fits("USA Toll Free", "1800"));
  EXPECT_TRUE(fits("Jamaica", "1876"));
  EXPECT_TRUE(fits("Guernsey", "44"));
  EXPECT_TRUE(fits("New Jersey", "1201")) << "no country";
  EXPECT_TRUE(fits("Côte d’Ivoire", "225"));
  EXPECT_TRUE(fits("Guinea Bissau Cellular", "245"));
  EXPECT_TRUE(fits("Kazakhstan", "77"));
  EXPECT_TRUE(fits("Kosovo", "38128")) << "as it was";
  EXPECT_TRUE(fits("St. Martin", "1721")) << "the Dutch part of the island";
  EXPECT_FALSE(fits("Guinea Bissau Cellular", "224"));
  EXPECT_FALSE(fits("USA", "1876"));
  EXPECT_FALSE(fits("USA", "212"));
  EXPECT_FALSE(fits("Turkey - Mobile", "1905"));
  EXPECT_FALSE(fits("Dominican Republic", "1767"));
}

TEST(FindingsTest, ACountryInAColumnOfItsOwnIsHeldAgainstThePrefix) {
  EXPECT_THAT(Scene().Codes("prefix,country,price\n44,DE,0.01\n49,DE,0.01\n1876,US,0.01\n"),
              ElementsAre("NAME_NOT_IN_PREFIX 2"));
  EXPECT_THAT(Scene().Codes("prefix,country,price\n441481,GB,0.01\n1787,US,0.01\n7701,RU,0.01\n"
                            "1900,PREMIUM_RATE,1\n881,SATELLITE,1\n"),
              IsEmpty());
}

TEST(FindingsTest, TheReferenceDeckIsNotFullOfWrongNames) {
  if (!HasReferenceData()) GTEST_SKIP() << "no ../shared/data";
  for (const Finding& finding : Scene().Find(ReferenceDeckCsv())) {
    std::string lines;
    for (const std::string& line : finding.lines) absl::StrAppend(&lines, line, "; ");
    // Of 36,205 rows.
    if (finding.code == FindingCode::kNameNotInPrefix) {
      EXPECT_LE(finding.count, 5) << lines;
    }
    EXPECT_NE(finding.code, FindingCode::kBarePrefix) << lines;
  }
}

TEST(FindingsTest, UsageThatWouldHaveNoPriceIsToldByItsFirstDigitsAlone) {
  Scene scene;
  scene.circumstances().recent = {{domain::UsageKind::kCall, "447700900123"},
                                  {domain::UsageKind::kCall, "33123456789"},
                                  {domain::UsageKind::kCall, "33123456780"},
                                  {domain::UsageKind::kSms, "447700900123"},
                                  {domain::UsageKind::kCall, "#411"}};
  scene.circumstances().unrated = {{domain::UsageKind::kCall, "4930123456"},
                                   {domain::UsageKind::kCall, "447700900123"}};
  const auto findings = scene.Find("prefix,price\n44,0.01\n");
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].code, FindingCode::kMissesRecent);
  EXPECT_EQ(findings[0].count, 4);
  EXPECT_THAT(findings[0].lines,
              ElementsAre("calls to +331234...", "texts to +447700...", "calls to 411"));
  EXPECT_EQ(findings[1].code, FindingCode::kLeavesUnrated);
  EXPECT_EQ(findings[1].count, 1);
}

UsageGroup GroupOf(RateKind kind, const std::string& prefix, int64_t usages,
                   const std::string& carrier = "") {
  UsageGroup group;
  group.kind = kind;
  group.prefix = prefix;
  group.carrier = carrier;
  group.usages = usages;
  return group;
}

TEST(FindingsTest, AllUsageOfTheLastDaysIsHeldAgainstTheDeckByPrefix) {
  Scene scene;
  scene.circumstances().first_day = absl::CivilDay(2026, 11, 22);
  scene.circumstances().last_day = absl::CivilDay(2026, 11, 29);
  scene.circumstances().groups = {
      GroupOf(RateKind::kCall, "44", 100'000),     GroupOf(RateKind::kCall, "4420", 5),
      GroupOf(RateKind::kCall, "33", 70'000),      GroupOf(RateKind::kCall, "33", 1'000),
      GroupOf(RateKind::kCallInbound, "1800", 10), GroupOf(RateKind::kShortCode, "411", 2),
      GroupOf(RateKind::kSms, "1212", 4, "att"),   GroupOf(RateKind::kSms, "1212", 3, "verizon")};
  // In the groups, too; and newer than they are.
  scene.circumstances().recent = {{domain::UsageKind::kCall, "33123456789", "33"},
                                  {domain::UsageKind::kCall, "33123456789"},
                                  {domain::UsageKind::kCall, "442079460000"}};
  const auto findings = scene.Find("kind,prefix,carrier,price\ncall,44,,0.01\nsms,1212,att,0.01\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, FindingCode::kMissesRecent);
  EXPECT_EQ(findings[0].count, 71'006);
  EXPECT_EQ(findings[0].message,
            "usage of the last days had a price and would have none: 71006 of 171016 from "
            "2026-11-22 to 2026-11-29");
  EXPECT_THAT(findings[0].lines, ElementsAre("71000 calls to +33", "3 texts to +1212 by verizon",
                                             "2 calls to 411", "calls to +331234..."));
}

TEST(FindingsTest, OfAPrefixThatIsPricedInPartsTheNewestUsagesTell) {
  Scene scene;
  scene.circumstances().groups = {GroupOf(RateKind::kCall, "44", 100'000)};
  scene.circumstances().recent = {{domain::UsageKind::kCall, "442079460000", "44"}};
  EXPECT_THAT(scene.Codes("prefix,price\n4420,0.01\n4479,0.01\n"), testing::IsEmpty());
  EXPECT_THAT(scene.Codes("prefix,price\n4479,0.01\n"), ElementsAre("MISSES_RECENT 1"));
}

TEST(FindingsTest, DaysWithoutALineAreTold) {
  const auto findings = Scene().Find(
      "prefix,price,effective date,end date\n44,1,2026-01-01,2026-11-30\n44,1,2026-12-03,\n");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].code, FindingCode::kDatesGap);
  EXPECT_THAT(findings[0].lines, ElementsAre("line 3: 44 from 2026-12-01 to 2026-12-02"));
}

TEST(FindingsTest, TheFirstDeckOfACurrencyIsToldWhereThereAreOthers) {
  Scene scene;
  scene.circumstances().other_currencies = true;
  EXPECT_THAT(scene.Codes(TwentyLines()), ElementsAre("FIRST_OF_CURRENCY 20"));
}

}  // namespace
}  // namespace reserve::rates
