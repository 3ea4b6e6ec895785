// What an import refuses of lines that make no sense together, and what is stored of those that do
// (C11 to C13).
#include "services/ledger/rates/line_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/rates/line_terms_text.h"

namespace reserve::rates {
namespace {

using domain::DayPeriod;
using domain::LineTerms;
using ::testing::HasSubstr;

constexpr uint8_t kWorkdays = 0x1F;
constexpr uint8_t kWeekend = 0x60;
constexpr uint8_t kEveryDay = 0x7F;

RateRow Line(LineTerms terms, Nanos price = 10'000'000) {
  RateRow row;
  row.prefix = "44";
  row.price = price;
  row.terms = std::make_shared<LineTerms>(std::move(terms));
  return row;
}

RateRow Within(std::vector<DayPeriod> periods) {
  LineTerms terms;
  terms.periods = std::move(periods);
  return Line(terms);
}

RateRow Plain() {
  RateRow row;
  row.prefix = "44";
  row.price = 10'000'000;
  return row;
}

std::string Problem(RateRows rows, const DeckHeader& header = {}) {
  const absl::Status status = CheckLines(header, &rows);
  if (status.ok()) return "";
  EXPECT_EQ(ReasonOf(status), "INVALID_RATE_DECK");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(LineCheckTest, C11_PeriodsThatCoverEachDayOnceMakeADeck) {
  EXPECT_EQ(Problem({Plain()}), "");
  EXPECT_EQ(Problem({Within({{kWorkdays, 480, 1080}}),
                     Within({{kWorkdays, 1080, 480}, {kWeekend, 0, 1440}})}),
            "");
  EXPECT_EQ(Problem({Within({{kWorkdays, 480, 1080}}), Plain()}), "") << "one is the rest";
  EXPECT_EQ(Problem({Within({{kEveryDay, 0, 1440}})}), "");
}

TEST(LineCheckTest, C11_AGapIsRefusedByName) {
  EXPECT_THAT(Problem({Within({{kWorkdays, 480, 1080}}), Within({{kWorkdays, 1080, 480}})}),
              HasSubstr("call 44 has no line for Sat, Sun 00:00-24:00: add one"));
  EXPECT_THAT(Problem({Within({{kEveryDay, 480, 1080}}), Within({{kEveryDay, 1081, 480}})}),
              HasSubstr("Sat, Sun 18:00-18:01: a time ends before the minute of its `to`"));
}

TEST(LineCheckTest, C11_AnOverlapIsRefusedByName) {
  EXPECT_THAT(Problem({Within({{kEveryDay, 480, 1080}}), Within({{kEveryDay, 1079, 480}})}),
              HasSubstr("has two lines for Mon, Tue, Wed, Thu, Fri, Sat, Sun 17:59-18:00"));
}

TEST(LineCheckTest, C11_HolidaysAreADayOfTheirOwnWhereTheyAreNamed) {
  const uint8_t all = kEveryDay | domain::kHolidayBit;
  EXPECT_THAT(Problem({Within({{all, 480, 1080}}), Within({{kEveryDay, 1080, 480}})}),
              HasSubstr("has no line for holidays 00:00-08:00"));
  EXPECT_EQ(Problem({Within({{all, 480, 1080}}), Within({{all, 1080, 480}})}), "");
}

TEST(LineCheckTest, C11_TheSameDaysAndPeriodsTwiceAreRefused) {
  EXPECT_THAT(Problem({Plain(), Plain()}), HasSubstr("is there twice"));
  LineTerms later;
  later.first_day = absl::CivilDay(2026, 12, 1);
  EXPECT_EQ(Problem({Plain(), Line(later)}), "");
  EXPECT_THAT(Problem({Line(later), Line(later)}), HasSubstr("is there twice"));
}

TEST(LineCheckTest, C11_ADeckHasAtMost64PricesOfAPrefixAtATime) {
  LineTerms many;
  for (int32_t i = 1; i < 64; ++i) many.steps.push_back({i, i});
  EXPECT_EQ(Problem({Line(many)}), "");
  many.steps.push_back({64, 1});
  EXPECT_THAT(Problem({Line(many)}), HasSubstr("65 prices at a time"));
}

TEST(LineCheckTest, WhatNoLineCanMeanIsRefused) {
  LineTerms steps;
  steps.steps = {{60, 1}, {60, 2}};
  EXPECT_THAT(Problem({Line(steps)}), HasSubstr("steps that are not in order"));
  LineTerms limits;
  limits.minimum = 2;
  limits.maximum = 1;
  EXPECT_THAT(Problem({Line(limits)}), HasSubstr("a maximum below its minimum"));
  LineTerms days;
  days.first_day = absl::CivilDay(2026, 12, 2);
  days.last_day = absl::CivilDay(2026, 12, 1);
  EXPECT_THAT(Problem({Line(days)}), HasSubstr("ends before it begins"));
  LineTerms unpriced;
  unpriced.unpriced = true;
  EXPECT_THAT(Problem({Line(unpriced)}), HasSubstr("has no price"));
  unpriced.blocked = true;
  EXPECT_EQ(Problem({Line(unpriced)}), "");
  LineTerms included;
  included.included_seconds = 25;
  RateRow text = Line(included);
  text.kind = RateKind::kSms;
  EXPECT_THAT(Problem({text}), HasSubstr("is of a text"));
}

TEST(LineCheckTest, C11_FeesAndLimitsLieOnTheDecimalPlaceOfTheDeck) {
  DeckHeader cents;
  cents.rules.rounding = {RoundingMode::kUp, 2};
  RateRow row = Plain();
  row.connect_fee = 10'000'000;
  EXPECT_EQ(Problem({row}, cents), "");
  row.connect_fee = 10'000'001;
  EXPECT_THAT(Problem({row}, cents), HasSubstr("more than 2 decimals"));
}

TEST(LineCheckTest, C12_StandardIsTheDearestStepWithoutFeeAndMinimum) {
  const DeckHeader header;  // 2 cents
  RateRow row = Plain();
  row.price = 20'000'000;
  EXPECT_TRUE(IsStandard(row, header));
  row.connect_fee = 1;
  EXPECT_FALSE(IsStandard(row, header));
  LineTerms terms;
  terms.steps = {{60, 20'000'001}};
  EXPECT_FALSE(IsStandard(Line(terms), header));
  terms.standard = true;
  EXPECT_TRUE(IsStandard(Line(terms), header)) << "the line says so";
  terms = LineTerms();
  terms.minimum = 1;
  EXPECT_FALSE(IsStandard(Line(terms), header));
  terms = LineTerms();
  terms.standard = false;
  EXPECT_FALSE(IsStandard(Line(terms), header));
}

TEST(LineCheckTest, C12_ADeckOfBeforeKeepsItsStandardRates) {
  DeckHeader before;
  before.standard_by_price_alone = true;
  RateRow row = Plain();
  row.connect_fee = 1;
  EXPECT_TRUE(IsStandard(row, before));
}

TEST(LineTermsTextTest, WhatIsStoredIsReadAgain) {
  LineTerms terms;
  terms.steps = {{60, 15'000'000}, {300, 0}};
  terms.included_seconds = 25;
  terms.minimum = 5;
  terms.maximum = 0;
  terms.standard = false;
  terms.blocked = true;
  terms.unpriced = true;
  terms.first_day = absl::CivilDay(2026, 12, 1);
  terms.last_day = absl::CivilDay(2027, 1, 31);
  terms.periods = {{kWorkdays, 480, 1080}, {domain::kHolidayBit, 0, 1440}};
  EXPECT_EQ(TextOf(terms),
            "steps=60:15000000,300:0 included=25 minimum=5 maximum=0 standard=0 blocked=1 "
            "unpriced=1 from=2026-12-01 to=2027-01-31 periods=31/480-1080,128/0-1440");
  EXPECT_EQ(LineTermsFrom(TextOf(terms)), terms);
  EXPECT_EQ(LineTermsFrom(""), LineTerms());
  for (const char* bad : {"steps", "steps=60", "included=x", "periods=31/480", "colour=blue",
                          "standard=2", "from=yesterday", "periods=256/0-1440"}) {
    EXPECT_EQ(LineTermsFrom(bad), std::nullopt) << bad;
  }
}

TEST(LineTermsTextTest, TheClockOfAZoneIsKeptAsItWas) {
  domain::DeckCalendar berlin = domain::CalendarOf(*FindTimeZone("Europe/Berlin"));
  berlin.holidays = {absl::CivilDay(2026, 12, 25)};
  EXPECT_EQ(berlin.changes.size(), 200u);
  EXPECT_EQ(CalendarFrom(ChangesText(berlin), HolidaysText(berlin)), berlin);
  EXPECT_EQ(CalendarFrom("", ""), domain::DeckCalendar());
  EXPECT_EQ(CalendarFrom("x", ""), std::nullopt);
  // The hour that comes twice, and the one that is missing.
  const absl::TimeZone zone = *FindTimeZone("Europe/Berlin");
  for (const absl::CivilSecond civil :
       {absl::CivilSecond(2026, 10, 25, 2, 30), absl::CivilSecond(2026, 3, 29, 2, 30),
        absl::CivilSecond(2026, 7, 1)}) {
    const absl::TimeZone::TimeInfo info = zone.At(civil);
    for (const absl::Time time : {info.pre, info.trans, info.post, info.trans - absl::Seconds(1)}) {
      const auto shown = berlin.At(domain::SecondOf(time));
      EXPECT_EQ(absl::CivilSecond(absl::CivilDay(1970, 1, 1) + shown.day) + shown.second_of_day,
                absl::ToCivilSecond(time, zone));
    }
  }
}

}  // namespace
}  // namespace reserve::rates
