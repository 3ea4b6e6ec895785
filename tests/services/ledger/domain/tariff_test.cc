// Prices as the trade writes them (C11 to C13): what a call costs under a line that says more than
// a price, a fee and increments, and what is promised and held for it.
#include "services/ledger/domain/tariff.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/domain/rating.h"
#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

constexpr uint8_t kWorkdays = 0x1F;

// 0.60 a minute is a cent a second.
constexpr Nanos kCentASecond = 600'000'000;

TariffLine Line(Nanos price, std::vector<PriceStep> steps = {}) {
  TariffLine line;
  line.price = price;
  line.steps = std::move(steps);
  return line;
}

TariffLine Within(TariffLine line, std::vector<DayPeriod> periods) {
  line.periods = std::move(periods);
  return line;
}

Tariff Of(std::vector<TariffLine> lines, DeckRules rules = {}) {
  Tariff tariff;
  tariff.lines = std::move(lines);
  for (const TariffLine& line : tariff.lines) {
    for (const DayPeriod& period : line.periods) {
      tariff.names_holidays |= (period.days & kHolidayBit) != 0;
    }
  }
  tariff.rules = std::make_shared<DeckRules>(std::move(rules));
  return tariff;
}

// The rate of a call that starts under `line`; it lives as long as the tariff.
Rate RateOf(const Tariff& tariff, size_t line = 0, int32_t initial = 1, int32_t increment = 1,
            Nanos fee = 0) {
  Rate rate = DearRate();
  rate.price = tariff.lines[line].price;
  rate.standard_rate = tariff.lines[line].standard;
  rate.connect_fee = fee;
  rate.initial_increment_seconds = initial;
  rate.increment_seconds = increment;
  rate.tariff = &tariff;
  rate.tariff_line = static_cast<uint32_t>(line);
  return rate;
}

absl::Time Monday(int hour, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(2026, 11, 30, hour, minute, second),
                         absl::UTCTimeZone());
}

Rating Price(const Rate& rate, int64_t seconds, absl::Time start = Monday(12),
             const Plan& plan = Plan()) {
  const absl::StatusOr<Rating> rating =
      RateUsage(OutboundCall(start, seconds), plan, User(), 0, &rate);
  EXPECT_TRUE(rating.ok()) << rating.status();
  return rating.value_or(Rating());
}

Plan WithFree(int64_t seconds) {
  Plan plan;
  plan.free_seconds = seconds;
  return plan;
}

TEST(TariffTest, C11_IncludedSecondsCostNothingAndDrawOnNothing) {
  Tariff tariff = Of({Line(kCentASecond)});
  tariff.lines[0].included_seconds = 25;
  tariff.lines[0].standard = true;
  const Rate rate = RateOf(tariff, 0, 60, 60);
  const Rating within = Price(rate, 25, Monday(12), WithFree(600));
  EXPECT_EQ(within.basis, ChargeBasis::kIncludedSeconds);
  EXPECT_EQ(within.cost, 0);
  EXPECT_EQ(within.free_seconds_taken, 0);
  const Rating beyond = Price(rate, 26);
  EXPECT_EQ(beyond.billable_seconds, 60) << "the increments are of what is beyond";
  EXPECT_EQ(beyond.cost, Cents(60));
  EXPECT_EQ(Price(rate, 85).cost, Cents(60));
  EXPECT_EQ(Price(rate, 86).cost, Cents(120));
  EXPECT_EQ(Price(rate, 86, Monday(12), WithFree(600)).free_seconds_taken, 120);
}

TEST(TariffTest, C11_StepsCountFromTheStartOfTheCallIncludedSecondsToo) {
  Tariff tariff = Of({Line(0, {{30, kCentASecond}})});
  EXPECT_EQ(Price(RateOf(tariff), 30).cost, 0);
  EXPECT_EQ(Price(RateOf(tariff), 31).cost, Cents(1));
  tariff.lines[0].included_seconds = 20;
  EXPECT_EQ(Price(RateOf(tariff), 31).cost, Cents(1));
  EXPECT_EQ(Price(RateOf(tariff), 31).billable_seconds, 11);
}

TEST(TariffTest, C11_ASecondThatOnlyAnIncrementAddsHasItsOwnPlace) {
  const Tariff tariff = Of({Line(0, {{50, kCentASecond}})});
  EXPECT_EQ(Price(RateOf(tariff, 0, 60, 60), 10).cost, Cents(10));
}

TEST(TariffTest, C11_EachSecondIsInThePeriodOfItsOwnWallClock) {
  const Tariff tariff = Of({Within(Line(kCentASecond), {{kWorkdays, 480, 1080}}), Line(0)});
  EXPECT_EQ(Price(RateOf(tariff), 60, Monday(17, 59, 30)).cost, Cents(30));
  EXPECT_EQ(Price(RateOf(tariff, 1), 60, Monday(7, 59, 30)).cost, Cents(30));
  DeckRules by_start;
  by_start.periods_by_start = true;
  const Tariff whole =
      Of({Within(Line(kCentASecond), {{kWorkdays, 480, 1080}}), Line(0)}, by_start);
  EXPECT_EQ(Price(RateOf(whole), 60, Monday(17, 59, 30)).cost, Cents(60));
}

TEST(TariffTest, C11_TheStartsLineSaysFeeIncrementsAndLimits) {
  Tariff tariff = Of({Within(Line(kCentASecond), {{kWorkdays, 480, 1080}}), Line(kCentASecond)});
  tariff.lines[0].minimum = Cents(50);
  tariff.lines[1].minimum = Cents(500);
  EXPECT_EQ(Price(RateOf(tariff, 0, 1, 1, Cents(5)), 40, Monday(17, 59, 30)).cost, Cents(50));
}

TEST(TariffTest, C11_AnHourThatComesTwiceIsInItsPeriodTwice) {
  const absl::TimeZone berlin = *FindTimeZone("Europe/Berlin");
  DeckRules rules;
  rules.calendar = CalendarOf(berlin);
  // From 02:00 to 03:00 of Sundays.
  const Tariff tariff = Of({Within(Line(kCentASecond), {{0x40, 120, 180}}), Line(0)}, rules);
  const absl::Time before = absl::FromCivil(absl::CivilSecond(2026, 10, 25, 1, 30), berlin);
  EXPECT_EQ(Price(RateOf(tariff, 1), int64_t{4} * 3'600, before).paid_seconds, 2 * 3'600);
  // The same hour is missing in spring: an edge in it lies at the jump.
  const absl::Time spring = absl::FromCivil(absl::CivilSecond(2026, 3, 29, 1, 30), berlin);
  EXPECT_EQ(Price(RateOf(tariff, 1), int64_t{4} * 3'600, spring).paid_seconds, 0);
  const Tariff later = Of({Within(Line(kCentASecond), {{0x40, 150, 240}}), Line(0)}, rules);
  EXPECT_EQ(Price(RateOf(later, 1), int64_t{4} * 3'600, spring).paid_seconds, 3'600);
}

TEST(TariffTest, C11_AHolidayIsOneForPrefixesThatNameIt) {
  DeckRules rules;
  rules.calendar.holidays = {absl::CivilDay(2026, 11, 30)};
  const Tariff named = Of({Within(Line(kCentASecond), {{kWorkdays, 0, 1440}}),
                           Within(Line(0), {{0x60 | kHolidayBit, 0, 1440}})},
                          rules);
  EXPECT_EQ(LineAt(named, SecondOf(Monday(12))).line, 1u);
  const Tariff unnamed =
      Of({Within(Line(kCentASecond), {{kWorkdays, 0, 1440}}), Within(Line(0), {{0x60, 0, 1440}})},
         rules);
  EXPECT_EQ(LineAt(unnamed, SecondOf(Monday(12))).line, 0u);
}

TEST(TariffTest, C11_ANightIsWhatIsBeforeAndAfterOfEachDate) {
  const Tariff tariff = Of({Within(Line(0), {{kWorkdays, 1140, 420}}), Line(kCentASecond)});
  const auto line = [&tariff](int day, int hour) {
    return LineAt(tariff, SecondOf(absl::FromCivil(absl::CivilSecond(2026, 11, day, hour),
                                                   absl::UTCTimeZone())))
        .line;
  };
  EXPECT_EQ(line(27, 20), 0u) << "Friday evening";
  EXPECT_EQ(line(28, 3), 1u) << "Saturday is not named";
  EXPECT_EQ(line(30, 3), 0u) << "Monday before seven";
}

TEST(TariffTest, C11_FreeSecondsCoverTheEarliestStandardSecondsThatHaveAPrice) {
  Tariff tariff = Of({Line(0, {{10, kCentASecond}, {20, 2 * kCentASecond}})});
  tariff.lines[0].standard = true;
  const Rating rating = Price(RateOf(tariff), 30, Monday(12), WithFree(15));
  EXPECT_EQ(rating.free_seconds_taken, 15);
  EXPECT_EQ(rating.paid_seconds, 5) << "the seconds at price 0 are neither free nor paid";
  EXPECT_EQ(rating.cost, Cents(10)) << "each paid second keeps its price";
}

TEST(TariffTest, C3_ALineThatCanOnlyCostNothingDrawsOnNoAllowance) {
  Rate gratis = StandardRate();
  gratis.price = 0;
  const Rating rating = Price(gratis, 600, Monday(12), WithFree(18'000));
  EXPECT_EQ(rating.basis, ChargeBasis::kCostsNothing);
  EXPECT_EQ(rating.free_seconds_taken, 0);
  EXPECT_EQ(rating.paid_seconds, 0);
  gratis.connect_fee = Cents(5);
  EXPECT_EQ(Price(gratis, 600, Monday(12), WithFree(18'000)).cost, Cents(5))
      << "only what has a price is covered";
}

TEST(TariffTest, C11_AtMostTheMaximumThenAtLeastTheMinimumBothWithTheFee) {
  Tariff tariff = Of({Line(kCentASecond)});
  tariff.lines[0].minimum = Cents(20);
  tariff.lines[0].maximum = Cents(100);
  const Rate rate = RateOf(tariff, 0, 1, 1, Cents(5));
  EXPECT_EQ(Price(rate, 0).cost, 0);
  EXPECT_EQ(Price(rate, 1).cost, Cents(20));
  EXPECT_EQ(Price(rate, 16).cost, Cents(21));
  EXPECT_EQ(Price(rate, 95).cost, Cents(100));
  EXPECT_EQ(Price(rate, 9'000).cost, Cents(100));
}

TEST(TariffTest, M2_ADeckMayRoundInItsOwnWay) {
  const auto cost = [](RoundingMode mode, int32_t place, Nanos price, int64_t seconds) {
    DeckRules rules;
    rules.rounding = {mode, place};
    const Tariff tariff = Of({Line(price)}, rules);
    return Price(RateOf(tariff), seconds).cost;
  };
  EXPECT_EQ(cost(RoundingMode::kUp, 2, kCentASecond / 2, 1), Cents(1));
  EXPECT_EQ(cost(RoundingMode::kHalfUp, 2, kCentASecond / 2, 1), Cents(1));
  EXPECT_EQ(cost(RoundingMode::kHalfEven, 2, kCentASecond / 2, 1), 0);
  EXPECT_EQ(cost(RoundingMode::kHalfEven, 2, kCentASecond / 2, 3), Cents(2));
  EXPECT_EQ(cost(RoundingMode::kHalfUp, 2, kCentASecond / 2 - 60, 1), 0);
  EXPECT_EQ(cost(RoundingMode::kUp, 0, 1, 1), kNanosPerUnit);
}

TEST(TariffTest, C12_PartsOfACallAreStandardOrDearEachForItself) {
  Tariff tariff =
      Of({Within(Line(kCentASecond), {{kWorkdays, 480, 1080}}), Line(kCentASecond / 60)});
  tariff.lines[1].standard = true;
  const Rating metered = Price(RateOf(tariff), 60, Monday(17, 59, 30), WithFree(600));
  EXPECT_EQ(metered.basis, ChargeBasis::kMixed);
  EXPECT_EQ(metered.free_seconds_taken, 30);
  EXPECT_EQ(metered.cost, Cents(30));
  Plan unlimited;
  unlimited.standard_calls = StandardCalls::kIncluded;
  const Rating included = Price(RateOf(tariff), 60, Monday(17, 59, 30), unlimited);
  EXPECT_EQ(included.cost, Cents(30));
  EXPECT_EQ(included.paid_seconds, 30);
  EXPECT_EQ(included.free_seconds_taken, 0);
  EXPECT_EQ(StandardPartOf(metered).seconds, 30);
  EXPECT_EQ(StandardPartOf(metered).paid_seconds, 0);
}

TEST(TariffTest, U4_WhatIsStoredExplainsTheCost) {
  Tariff tariff = Of({Within(Line(kCentASecond, {{40, 0}}), {{kWorkdays, 480, 1080}}), Line(60)});
  tariff.lines[0].included_seconds = 10;
  tariff.lines[0].minimum = Cents(1);
  const Usage call = OutboundCall(Monday(17, 59, 0), 90);
  const Rate rate = RateOf(tariff);
  const Rating rating = *RateUsage(call, Plan(), User(), 0, &rate);
  EXPECT_EQ(rating.terms,
            "included:10 minimum:10000000 part:0/0/600000000/0/30/0 part:0/40/0/0/20/0 "
            "part:1/0/60/0/30/0");
  const auto terms = PricedTermsFrom(rating.terms);
  ASSERT_TRUE(terms.has_value());
  EXPECT_EQ(TextOf(*terms), rating.terms);
  EXPECT_EQ(*RateFromTerms(call, Plan(), 0, rating), rating);
  // What was altered is found.
  for (const char* altered : {"included:10 minimum:10000000 part:0/0/600000000/0/29/0",
                              "part:0/0/600000000/0/80/3", "included:x", "colour:blue"}) {
    Rating other = rating;
    other.terms = altered;
    const absl::StatusOr<Rating> again = RateFromTerms(call, Plan(), 0, other);
    EXPECT_EQ(ReasonOf(again.status()), "BAD_TERMS") << altered;
  }
}

TEST(TariffTest, C11_ALongerCallNeverCostsLess) {
  Tariff tariff = Of({Within(Line(kCentASecond, {{30, 0}, {40, 7}}), {{kWorkdays, 480, 1080}}),
                      Line(1, {{100, kCentASecond}})});
  tariff.lines[0].minimum = Cents(20);
  tariff.lines[0].maximum = Cents(60);
  const Rate rate = RateOf(tariff, 0, 7, 3, Cents(2));
  Nanos before = 0;
  for (int64_t seconds = 0; seconds < 400; ++seconds) {
    const Nanos cost = Price(rate, seconds, Monday(17, 58), WithFree(50)).cost;
    EXPECT_GE(cost, before) << seconds;
    before = cost;
  }
}

// --- What is promised and held --------------------------------------------------------------

class TariffOfHoldsTest : public testing::Test {
 protected:
  TariffOfHoldsTest() { books_.OpenFunded(); }  // $15.00
  const Hold& hold() const { return books_.hold("a"); }

  Books books_;
};

TEST_F(TariffOfHoldsTest, C13_ABlockedDestinationIsRefusedAndAFactCostsTheLinesPrice) {
  Rate blocked = DearRate();
  blocked.blocked = true;
  EXPECT_EQ(books_.Authorize("ann", OutboundCall(books_.now(), 0), &blocked).decision,
            Decision::kDestinationBlocked);
  EXPECT_EQ(*books_.Hold("a", "ann", blocked), Decision::kDestinationBlocked);
  ASSERT_TRUE(books_.Record("ann", OutboundCall(books_.now(), 60), &blocked).ok());
  EXPECT_EQ(books_.entries().back().amount, -blocked.price);
  blocked.unpriced = true;
  ASSERT_TRUE(books_.Record("ann", OutboundCall(books_.now(), 60), &blocked).ok());
  const Rating& unrated = books_.entries().back().booked->rating;
  EXPECT_EQ(unrated.basis, ChargeBasis::kUnrated);
  EXPECT_EQ(unrated.unrated_reason, UnratedReason::kDestinationBlocked);
}

TEST_F(TariffOfHoldsTest, H2_IncludedSecondsComeFirst) {
  Tariff tariff = Of({Line(kCentASecond)});
  tariff.lines[0].included_seconds = 25;
  ASSERT_EQ(*books_.Hold("a", "ann", RateOf(tariff, 0, 60, 60)), Decision::kAllowed);
  EXPECT_EQ(hold().granted_seconds, 85) << "a slice of 60 s ends in the first increment";
  EXPECT_EQ(hold().held, Cents(60));
  ASSERT_TRUE(books_.Extend("a", 1, absl::Seconds(25)).ok());
  EXPECT_EQ(hold().accrued, 0);
  EXPECT_EQ(hold().granted_seconds, 85);
  ASSERT_TRUE(books_.Extend("a", 2, absl::Seconds(26)).ok());
  EXPECT_EQ(hold().accrued, Cents(60));
  EXPECT_EQ(hold().granted_seconds, 145);
}

TEST_F(TariffOfHoldsTest, H2_TheLongestTotalIsOnTheGridOverAChangeOfPeriod) {
  // A cent a second until two minutes after the start, then ten.
  const absl::Time edge = absl::Ceil(books_.now() - absl::UnixEpoch(), absl::Minutes(1)) +
                          absl::UnixEpoch() + absl::Minutes(2);
  const auto minute = static_cast<int16_t>(absl::ToInt64Minutes(edge - absl::UnixEpoch()) % 1440);
  const Tariff tariff =
      Of({Within(Line(10 * kCentASecond), {{0x7F, minute, static_cast<int16_t>(minute + 60)}}),
          Line(kCentASecond)});
  const int64_t cheap = absl::ToInt64Seconds(edge - books_.now());
  ASSERT_TRUE(books_.AdjustTo(Cents(cheap + 305)).ok());
  const Rate rate = RateOf(tariff, 1, 1, 1);
  EXPECT_EQ(books_.Authorize("ann", OutboundCall(books_.now(), 0), &rate).max_duration_seconds,
            cheap + 30);
  ASSERT_EQ(*books_.Hold("a", "ann", rate, absl::Seconds(cheap + 100)), Decision::kAllowed);
  EXPECT_EQ(hold().granted_seconds, cheap + 30);
  EXPECT_EQ(hold().final_reason, FinalReason::kInsufficientBalance);
  EXPECT_EQ(hold().held, Cents(cheap + 300));
}

TEST_F(TariffOfHoldsTest, H2_TheMinimumIsHeldFromTheFirstSecondAndTheMaximumIsAllThatIs) {
  Tariff tariff = Of({Line(kCentASecond)});
  tariff.lines[0].minimum = Cents(100);
  tariff.lines[0].maximum = Cents(150);
  ASSERT_TRUE(books_.AdjustTo(Cents(99)).ok());
  EXPECT_EQ(*books_.Hold("a", "ann", RateOf(tariff)), Decision::kInsufficientBalance);
  ASSERT_TRUE(books_.AdjustTo(Cents(150)).ok());
  ASSERT_EQ(*books_.Hold("a", "ann", RateOf(tariff)), Decision::kAllowed);
  EXPECT_EQ(hold().held, Cents(100));
  ASSERT_TRUE(books_.Extend("a", 1, absl::Seconds(3'000)).ok());
  EXPECT_EQ(hold().held, Cents(150));
  EXPECT_EQ(hold().granted_seconds, 3'060);
  EXPECT_FALSE(hold().final());
}

TEST_F(TariffOfHoldsTest, H7_FromTheAnswerOnItIsPricedByTheAnswersPeriod) {
  const Tariff tariff =
      Of({Within(Line(kCentASecond), {{kWorkdays, 480, 1080}}), Line(10 * kCentASecond)});
  const Rate by_day = RateOf(tariff, 0);
  const Rate by_night = RateOf(tariff, 1);
  ASSERT_EQ(*books_.Hold("a", "ann", by_day), Decision::kAllowed);
  ASSERT_TRUE(books_
                  .Extend("a", HoldExtension{1, absl::Seconds(1), books_.now() - absl::Seconds(1)},
                          &by_night)
                  .ok());
  const Rating expected = *RateUsage(UsageOf(hold()), PerMinutePlan(), User(), 0, &by_night);
  EXPECT_EQ(hold().accrued, expected.cost);
}

}  // namespace
}  // namespace reserve::domain
