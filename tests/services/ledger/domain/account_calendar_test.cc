#include "services/ledger/domain/account_calendar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/clock/calendar.h"
#include "services/ledger/domain/rating.h"
#include "tests/services/ledger/domain/books.h"
#include "tests/services/ledger/domain/model_calendar.h"

namespace reserve::domain {
namespace {

constexpr CalendarUnit kUnits[] = {CalendarUnit::kHour, CalendarUnit::kDay, CalendarUnit::kMonth,
                                   CalendarUnit::kBillingMonth};

absl::TimeZone Zone(const std::string& name) { return FindTimeZone(name).value(); }

absl::Time In(absl::TimeZone zone, int year, int month, int day, int hour = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour), zone);
}

absl::Time Utc(int year, int month, int day, int hour = 0) {
  return In(absl::UTCTimeZone(), year, month, day, hour);
}

AccountCalendar With(const CalendarRule& first,
                     const std::vector<std::pair<absl::Time, CalendarRule>>& changes) {
  AccountCalendar calendar{first};
  int64_t seq = 0;
  for (const auto& [time, rule] : changes) calendar.Add({time, rule, ++seq});
  return calendar;
}

CalendarRule BillingDay(int32_t day) { return {absl::UTCTimeZone(), day}; }

CalendarWindow BillingMonth(const AccountCalendar& calendar, absl::Time time) {
  return WindowAt(calendar, CalendarUnit::kBillingMonth, time);
}

// The ends of the billing month at `time` and of those after it, in UTC.
std::vector<std::string> EndsFrom(const AccountCalendar& calendar, absl::Time time, int count) {
  std::vector<std::string> ends;
  for (int i = 0; i < count; ++i) {
    time = BillingMonth(calendar, time).end;
    ends.push_back(absl::FormatTime("%Y-%m-%d %H:%M", time, absl::UTCTimeZone()));
  }
  return ends;
}

using Ends = std::vector<std::string>;

TEST(AccountCalendarTest, C8_ABillingMonthBeginsOnTheBillingDayInTheAccountsTimeZone) {
  const AccountCalendar calendar{{Zone("America/New_York"), 15}};
  const CalendarWindow month = BillingMonth(calendar, Utc(2026, 11, 20));
  EXPECT_EQ(month.begin, Utc(2026, 11, 15, 5));
  EXPECT_EQ(month.end, Utc(2026, 12, 15, 5));
  EXPECT_EQ(PeriodNumber(month), 20261115);
  EXPECT_EQ(BillingMonth(calendar, Utc(2026, 11, 15, 4)).end, month.begin);
}

TEST(AccountCalendarTest, C8_ABillingDayThatAMonthLacksIsItsLast) {
  for (const auto& [day, ends] : std::map<int32_t, Ends>{
           {29, {"2026-01-29 00:00", "2026-02-28 00:00", "2026-03-29 00:00", "2026-04-29 00:00"}},
           {30, {"2026-01-30 00:00", "2026-02-28 00:00", "2026-03-30 00:00", "2026-04-30 00:00"}},
           {31, {"2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00", "2026-04-30 00:00"}},
       }) {
    EXPECT_EQ(EndsFrom({BillingDay(day)}, Utc(2026, 1, 10), 4), ends);
  }
  EXPECT_EQ(EndsFrom({BillingDay(29)}, Utc(2028, 2, 10), 2),
            Ends({"2028-02-29 00:00", "2028-03-29 00:00"}));
}

TEST(AccountCalendarTest, C8_WhatRunsKeepsItsEndAndTheNextEndsNearestToAMonthLater) {
  const absl::Time change = Utc(2026, 11, 20);
  // A month after 1 December is 1 January: the 15th is nearer after it than before it.
  EXPECT_EQ(EndsFrom(With(BillingDay(1), {{change, BillingDay(15)}}), change, 3),
            Ends({"2026-12-01 00:00", "2027-01-15 00:00", "2027-02-15 00:00"}));
  EXPECT_EQ(EndsFrom(With(BillingDay(1), {{change, BillingDay(20)}}), change, 3),
            Ends({"2026-12-01 00:00", "2026-12-20 00:00", "2027-01-20 00:00"}));
  EXPECT_EQ(EndsFrom(With(BillingDay(31), {{Utc(2026, 2, 1), BillingDay(1)}}), Utc(2026, 2, 1), 3),
            Ends({"2026-02-28 00:00", "2026-04-01 00:00", "2026-05-01 00:00"}));
}

TEST(AccountCalendarTest, C8_OfTwoBeginsAsNearTheLaterEndsIt) {
  // 1 March lies 14 days after 15 February and 14 before 15 March.
  const AccountCalendar calendar = With(BillingDay(1), {{Utc(2026, 1, 10), BillingDay(15)}});
  EXPECT_EQ(EndsFrom(calendar, Utc(2026, 1, 10), 2),
            Ends({"2026-02-01 00:00", "2026-03-15 00:00"}));
}

TEST(AccountCalendarTest, C8_OfSeveralChangesInAMonthTheLastCounts) {
  const absl::Time first = Utc(2026, 11, 5);
  const AccountCalendar calendar =
      With(BillingDay(1), {{first, BillingDay(15)}, {first + absl::Hours(1), BillingDay(20)}});
  EXPECT_EQ(EndsFrom(calendar, first, 2), Ends({"2026-12-01 00:00", "2026-12-20 00:00"}));
  const AccountCalendar and_back =
      With(BillingDay(1), {{first, BillingDay(15)}, {first + absl::Hours(1), BillingDay(1)}});
  EXPECT_EQ(EndsFrom(and_back, first, 2), Ends({"2026-12-01 00:00", "2027-01-01 00:00"}));
}

TEST(AccountCalendarTest, C8_AChangeAtTheVeryBeginOfAMonthLeavesThatMonthItsEnd) {
  const AccountCalendar calendar = With(BillingDay(1), {{Utc(2026, 12, 1), BillingDay(20)}});
  EXPECT_EQ(EndsFrom(calendar, Utc(2026, 11, 30), 3),
            Ends({"2026-12-01 00:00", "2027-01-01 00:00", "2027-01-20 00:00"}));
}

TEST(AccountCalendarTest, C8_AnotherZoneMovesTheNextEndByHours) {
  const CalendarRule new_york{Zone("America/New_York"), 1};
  EXPECT_EQ(EndsFrom(With({}, {{Utc(2026, 11, 20), new_york}}), Utc(2026, 11, 20), 3),
            Ends({"2026-12-01 00:00", "2027-01-01 05:00", "2027-02-01 05:00"}));
  // Over the changes of the clock of either zone, there and back.
  EXPECT_EQ(EndsFrom(With(new_york, {{Utc(2026, 3, 2), {}}, {Utc(2026, 10, 20), new_york}}),
                     Utc(2026, 2, 10), 10),
            Ends({"2026-03-01 05:00", "2026-04-01 04:00", "2026-05-01 00:00", "2026-06-01 00:00",
                  "2026-07-01 00:00", "2026-08-01 00:00", "2026-09-01 00:00", "2026-10-01 00:00",
                  "2026-11-01 00:00", "2026-12-01 05:00"}));
}

TEST(AccountCalendarTest, C8_AnEntryGoesByTheRulesThatItWasBookedBy) {
  // A ledger whose clock is a month behind writes a change; by its time it is older than what
  // others have booked.
  AccountCalendar calendar{BillingDay(1)};
  calendar.Add({Utc(2026, 10, 20), BillingDay(20), /*after_seq=*/7});
  const auto end = [&calendar](int64_t seq) {
    return WindowAt(calendar, CalendarUnit::kBillingMonth, Utc(2026, 11, 25), seq).begin;
  };
  EXPECT_EQ(end(7), Utc(2026, 11, 1));
  EXPECT_EQ(end(8), Utc(2026, 11, 20));
}

TEST(AccountCalendarTest, C8_AMonthOfAPlanIsACalendarMonthOrABillingMonth) {
  const AccountCalendar calendar{BillingDay(15)};
  const absl::Time time = Utc(2026, 11, 10);
  EXPECT_EQ(PeriodOf(PerMinutePlan(), time, calendar), 0);
  EXPECT_EQ(PeriodOf(MonthlyPlan(), time, calendar), 202611);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), time, calendar), 20261015);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), time, {}), 202611);
}

TEST(AccountCalendarTest, C8_ALateCallFindsTheMonthThatRanWhenItBegan) {
  const AccountCalendar calendar =
      With(BillingDay(1),
           {{Utc(2026, 5, 10), BillingDay(20)}, {Utc(2026, 9, 3), {Zone("Asia/Tokyo"), 5}}});
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), Utc(2026, 5, 31), calendar), 202605);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), Utc(2026, 6, 5), calendar), 202606);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), Utc(2026, 6, 25), calendar), 20260620);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), Utc(2026, 9, 19), calendar), 20260820);
  EXPECT_EQ(PeriodOf(BillingMonthPlan(), Utc(2026, 12, 24), calendar), 20261205);
}

TEST(AccountCalendarTest, C8_WithoutAChangeWindowsAreThoseOfTheCalendar) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (const std::string name : {"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo",
                                 "Australia/Lord_Howe", "Asia/Kathmandu"}) {
    const absl::TimeZone zone = Zone(name);
    const AccountCalendar calendar{{zone}};
    for (int i = 0; i < 500; ++i) {
      const absl::Time time =
          absl::FromUnixSeconds(1'500'000'000 + static_cast<int64_t>(random() % 500'000'000));
      SCOPED_TRACE(absl::StrCat(name, " ", absl::FormatTime(time)));
      const CalendarWindow hour = WindowAt(calendar, CalendarUnit::kHour, time);
      const CalendarWindow day = WindowAt(calendar, CalendarUnit::kDay, time);
      const CalendarWindow month = WindowAt(calendar, CalendarUnit::kMonth, time);
      ASSERT_EQ(hour.number, HourOf(time, zone));
      ASSERT_EQ(hour.end, EndOfHour(time, zone));
      ASSERT_EQ(day.number, DayOf(time, zone));
      ASSERT_EQ(day.end, EndOfDay(time, zone));
      ASSERT_EQ(month.number, MonthOf(time, zone));
      ASSERT_EQ(month.end, EndOfMonth(time, zone));
    }
  }
}

// --- Whatever is changed when ------------------------------------------------------------------

CalendarRule AnyRule(std::mt19937_64& random) {
  const char* const names[] = {"UTC",
                               "Europe/Berlin",
                               "America/New_York",
                               "Asia/Kathmandu",
                               "Australia/Lord_Howe",
                               "Pacific/Kiritimati",
                               "Pacific/Pago_Pago",
                               "America/Havana"};
  const int32_t days[] = {1, 2, 14, 15, 16, 28, 29, 30, 31};
  return {Zone(names[random() % 8]), days[random() % 9]};
}

class AnyCalendarTest : public testing::TestWithParam<uint64_t> {
 protected:
  // Changes some minutes to some months after each other, of which some come at the begin of a
  // window.
  AnyCalendarTest() : model_(kFrom, first_) {
    absl::Time time = kFrom + absl::Hours(random_() % 2'000);
    for (uint64_t i = random_() % 6; i > 0; --i) {
      if (random_() % 5 == 0) time = WindowAt(calendar_, AnyUnit(), time).end;
      const CalendarRule rule = random_() % 4 == 0 ? first_ : AnyRule(random_);
      calendar_.Add({time, rule, 0});
      model_.Change(time, rule);
      const absl::Duration gaps[] = {absl::Minutes(1), absl::Hours(1), absl::Hours(30)};
      time += random_() % 2'000 * gaps[random_() % 3] / 10;
    }
    last_ = time + absl::Hours(24 * 70);
  }

  CalendarUnit AnyUnit() { return kUnits[random_() % 4]; }
  absl::Time AnyTime() {
    return kFrom +
           absl::Seconds(random_() % static_cast<uint64_t>(absl::ToInt64Seconds(last_ - kFrom)));
  }

  static inline const absl::Time kFrom =
      absl::FromCivil(absl::CivilSecond(2026, 1, 20, 13), absl::UTCTimeZone());
  std::mt19937_64 random_{GetParam()};
  const CalendarRule first_ = AnyRule(random_);
  AccountCalendar calendar_{first_};
  ModelCalendar model_;
  absl::Time last_;
};

TEST_P(AnyCalendarTest, C8_WindowsTileTimeAndHaveNamesOfTheirOwn) {
  for (const CalendarUnit unit :
       {CalendarUnit::kDay, CalendarUnit::kMonth, CalendarUnit::kBillingMonth}) {
    std::map<int64_t, absl::Time> numbers;
    std::map<int32_t, absl::Time> periods;
    const absl::Duration tick = absl::Microseconds(1);
    for (absl::Time time = kFrom; time < last_;) {
      const CalendarWindow window = WindowAt(calendar_, unit, time);
      SCOPED_TRACE(absl::StrCat(static_cast<int>(unit), " ", absl::FormatTime(time)));
      ASSERT_LE(window.begin, time);
      ASSERT_GT(window.end, time);
      const absl::Time within =
          window.begin + (window.end - window.begin) * (random_() % 1000) / 1000;
      for (const absl::Time other : {window.begin, within, window.end - tick}) {
        const CalendarWindow same = WindowAt(calendar_, unit, other);
        ASSERT_EQ(same.begin, window.begin);
        ASSERT_EQ(same.end, window.end);
        ASSERT_EQ(same.number, window.number);
      }
      ASSERT_EQ(WindowAt(calendar_, unit, window.end).begin, window.end) << "no gap, no overlap";
      ASSERT_EQ(WindowAt(calendar_, unit, window.begin - tick).end, window.begin);
      ASSERT_TRUE(numbers.emplace(window.number, window.begin).second) << window.number;
      if (unit != CalendarUnit::kDay) {
        ASSERT_TRUE(periods.emplace(PeriodNumber(window), window.begin).second);
        ASSERT_GE(window.end - window.begin, absl::Hours(24 * 12));
        ASSERT_LE(window.end - window.begin, absl::Hours(24 * 48));
      }
      time = window.end;
    }
  }
}

TEST_P(AnyCalendarTest, C8_WindowsAreThoseOfASecondReadingOfTheRule) {
  for (int i = 0; i < 100; ++i) {
    const CalendarUnit unit = AnyUnit();
    const absl::Time time = AnyTime();
    const CalendarWindow window = WindowAt(calendar_, unit, time);
    const ModelWindow expected = model_.At(unit, time);
    SCOPED_TRACE(absl::StrCat(static_cast<int>(unit), " ", absl::FormatTime(time)));
    ASSERT_EQ(window.begin, expected.begin);
    ASSERT_EQ(window.end, expected.end);
    ASSERT_EQ(window.begin_date, expected.begin_date);
  }
}

TEST_P(AnyCalendarTest, C8_AFurtherChangeMovesNothingThatHasBegun) {
  absl::Time now = AnyTime();
  if (!calendar_.Changes().empty()) {
    now = std::max<absl::Time>(now, calendar_.Changes().back().time);
  }
  AccountCalendar changed = calendar_;
  changed.Add({now, AnyRule(random_), 0});
  for (const CalendarUnit unit : kUnits) {
    const CalendarWindow runs = WindowAt(calendar_, unit, now);
    EXPECT_EQ(WindowAt(changed, unit, runs.end).begin, runs.end);
    EXPECT_EQ(WindowAt(changed, unit, runs.end).number, WindowAt(calendar_, unit, runs.end).number)
        << "what was booked ahead, in the next one, stays in it";
    for (int i = 0; i < 20; ++i) {
      const absl::Time before = kFrom + (runs.end - kFrom) * (random_() % 1000) / 1000;
      const CalendarWindow was = WindowAt(calendar_, unit, before);
      const CalendarWindow is = WindowAt(changed, unit, before);
      ASSERT_EQ(is.begin, was.begin);
      ASSERT_EQ(is.end, was.end);
      ASSERT_EQ(is.number, was.number);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyCalendarTest, testing::Range<uint64_t>(1, 101));

}  // namespace
}  // namespace reserve::domain
