#include "common/clock/calendar.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace reserve {
namespace {

const absl::TimeZone kUtc = absl::UTCTimeZone();

absl::TimeZone Zone(absl::string_view name) {
  const std::optional<absl::TimeZone> zone = FindTimeZone(name);
  EXPECT_TRUE(zone.has_value()) << name << ": is tzdata installed?";
  return zone.value_or(kUtc);
}

absl::Time Utc(int month, int day, int hour = 0, int minute = 0) {
  return absl::FromCivil(absl::CivilSecond(2026, month, day, hour, minute, 0), kUtc);
}

TEST(CalendarTest, KnowsZonesByTheirIanaNames) {
  for (const std::string name : {"UTC", "Etc/UTC", "Europe/Berlin", "America/New_York",
                                 "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Tokyo"}) {
    EXPECT_EQ(Zone(name).name(), name);
  }
}

TEST(CalendarTest, WhatIsNoNameIsNoZone) {
  for (const std::string& name :
       {std::string(), std::string("Mars/Olympus"), std::string("utc"), std::string("localtime"),
        std::string("/usr/share/zoneinfo/UTC"), std::string("file:UTC"), std::string("../UTC"),
        std::string("Europe/../UTC"), std::string("Fixed/UTC+01:00:00"), std::string("Europe"),
        std::string("UTC\0", 4), std::string("UTC "), std::string(65, 'U')}) {
    EXPECT_FALSE(FindTimeZone(name).has_value()) << name;
  }
}

TEST(CalendarTest, NumbersAreThoseOfTheZone) {
  const absl::Time time = Utc(12, 1, 4, 30);  // in New York the evening before
  EXPECT_EQ(HourOf(time, kUtc), 2026120104);
  EXPECT_EQ(DayOf(time, kUtc), 20261201);
  EXPECT_EQ(MonthOf(time, kUtc), 202612);
  const absl::TimeZone new_york = Zone("America/New_York");
  EXPECT_EQ(HourOf(time, new_york), 2026113023);
  EXPECT_EQ(DayOf(time, new_york), 20261130);
  EXPECT_EQ(MonthOf(time, new_york), 202611);
}

TEST(CalendarTest, EndsAreThoseOfTheZone) {
  const absl::TimeZone kolkata = Zone("Asia/Kolkata");  // UTC+5:30
  EXPECT_EQ(EndOfHour(Utc(11, 23, 4), kolkata), Utc(11, 23, 4, 30));
  EXPECT_EQ(EndOfDay(Utc(11, 23, 4), kolkata), Utc(11, 23, 18, 30));
  EXPECT_EQ(EndOfMonth(Utc(11, 23, 4), kolkata), Utc(11, 30, 18, 30));
  EXPECT_EQ(EndOfDay(Utc(11, 23), kUtc), Utc(11, 24));
  EXPECT_EQ(EndOfDay(Utc(11, 24) - absl::Microseconds(1), kUtc), Utc(11, 24));
}

TEST(CalendarTest, ADayMayHave23Or25Hours) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_EQ(EndOfDay(Utc(3, 28, 23), berlin) - Utc(3, 28, 23), absl::Hours(23));
  EXPECT_EQ(EndOfDay(Utc(10, 24, 22), berlin) - Utc(10, 24, 22), absl::Hours(25));
}

TEST(CalendarTest, AnHourThatComesTwiceIsOneAndOneThatIsMissingEndsTheOneBefore) {
  const absl::TimeZone berlin = Zone("Europe/Berlin");
  EXPECT_EQ(HourOf(Utc(10, 25, 0, 30), berlin), HourOf(Utc(10, 25, 1, 30), berlin));
  EXPECT_EQ(EndOfHour(Utc(10, 25, 0, 30), berlin), Utc(10, 25, 2));
  EXPECT_EQ(EndOfHour(Utc(10, 25, 1, 30), berlin), Utc(10, 25, 2));
  EXPECT_EQ(EndOfHour(Utc(3, 29, 0, 30), berlin), Utc(3, 29, 1)) << "at the jump";
}

// Whatever zone and moment: the end is after it, what ends is the same until then, and, but where
// the clock is put back, another from then on.
TEST(CalendarTest, RandomMomentsEndLater) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (const std::string name :
       {"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe",
        "Antarctica/Troll", "Pacific/Apia", "America/Havana", "Asia/Kathmandu"}) {
    const absl::TimeZone zone = Zone(name);
    for (int i = 0; i < 2'000; ++i) {
      const absl::Time time = absl::FromUnixSeconds(static_cast<int64_t>(random() % 2'000'000'000));
      SCOPED_TRACE(absl::StrCat(name, " ", absl::FormatTime(time)));
      const absl::Time hour = EndOfHour(time, zone);
      const absl::Time day = EndOfDay(time, zone);
      const absl::Time month = EndOfMonth(time, zone);
      const absl::Duration least = absl::Microseconds(1);
      ASSERT_GT(hour, time);
      ASSERT_GT(day, time);
      ASSERT_GT(month, time);
      ASSERT_EQ(HourOf(hour - least, zone), HourOf(time, zone));
      ASSERT_EQ(DayOf(day - least, zone), DayOf(time, zone));
      ASSERT_EQ(MonthOf(month - least, zone), MonthOf(time, zone));
      ASSERT_NE(DayOf(day, zone), DayOf(time, zone));
      ASSERT_NE(MonthOf(month, zone), MonthOf(time, zone));
    }
  }
}

}  // namespace
}  // namespace reserve
