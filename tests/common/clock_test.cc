#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/clock/utc.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

const absl::TimeZone kUtc = absl::UTCTimeZone();

absl::Time At(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second), kUtc);
}

std::string DateTime6(absl::Time time) {
  std::string text;
  AppendDateTime6(time, &text);
  return text;
}

TEST(UtcTest, WritesDatesAndTimes) {
  const struct {
    absl::Time time;
    std::string text;
  } kCases[] = {
      {absl::UnixEpoch(), "1970-01-01 00:00:00.000000"},
      {absl::UnixEpoch() - absl::Microseconds(1), "1969-12-31 23:59:59.999999"},
      {At(2026, 11, 23, 4, 5, 6) + absl::Microseconds(7), "2026-11-23 04:05:06.000007"},
      {At(2024, 2, 29, 23, 59, 59), "2024-02-29 23:59:59.000000"},
      {At(2000, 2, 29), "2000-02-29 00:00:00.000000"},
      {At(1900, 3, 1) - absl::Seconds(1), "1900-02-28 23:59:59.000000"},
      {At(1, 1, 1), "0001-01-01 00:00:00.000000"},
      {At(9999, 12, 31, 23, 59, 59), "9999-12-31 23:59:59.000000"},
      {At(2026, 1, 1) + absl::Nanoseconds(999), "2026-01-01 00:00:00.000000"},
      {absl::UnixEpoch() - absl::Nanoseconds(1), "1969-12-31 23:59:59.999999"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(DateTime6(c.time), c.text);
    EXPECT_EQ(ParseDateTime6(c.text), TruncateToMicros(c.time)) << c.text;
  }
}

TEST(UtcTest, AppendsToWhatIsThere) {
  std::string text = "at ";
  AppendDateTime6(absl::UnixEpoch(), &text);
  EXPECT_EQ(text, "at 1970-01-01 00:00:00.000000");
}

TEST(UtcTest, TruncatesTowardsThePast) {
  EXPECT_EQ(TruncateToMicros(absl::UnixEpoch() + absl::Nanoseconds(1999)),
            absl::UnixEpoch() + absl::Microseconds(1));
  EXPECT_EQ(TruncateToMicros(absl::UnixEpoch() - absl::Nanoseconds(1)),
            absl::UnixEpoch() - absl::Microseconds(1));
}

TEST(UtcTest, ReadsShorterFractions) {
  const absl::Time time = At(2026, 11, 23, 4, 5, 6);
  EXPECT_EQ(ParseDateTime6("2026-11-23 04:05:06"), time);
  EXPECT_EQ(ParseDateTime6("2026-11-23 04:05:06.5"), time + absl::Milliseconds(500));
  EXPECT_EQ(ParseDateTime6("2026-11-23 04:05:06.000120"), time + absl::Microseconds(120));
}

TEST(UtcTest, OtherTextIsTheInfinitePast) {
  for (const absl::string_view text :
       {"", "now", "2026-11-23", "2026-11-23 04:05", "2026-1-23 04:05:06", "x026-11-23 04:05:06",
        "2026-11-23 04:05:06.x", "2026-11-23 04:05:0"}) {
    EXPECT_EQ(ParseDateTime6(text), absl::InfinitePast()) << text;
  }
}

TEST(UtcTest, NumbersOfMonths) {
  const absl::Time last = At(2024, 2, 29, 23, 59, 59) + absl::Microseconds(999'999);
  EXPECT_EQ(MonthOf(last), 202402);
  EXPECT_EQ(MonthOf(last + absl::Microseconds(1)), 202403);
  EXPECT_EQ(MonthOf(absl::UnixEpoch() - absl::Microseconds(1)), 196912);
}

TEST(UtcTest, FormatsForPeople) {
  EXPECT_EQ(FormatRfc3339(At(2026, 11, 23, 4, 5, 6) + absl::Microseconds(7)),
            "2026-11-23T04:05:06.000007Z");
}

TEST(UtcTest, RandomTimesAgreeWithAbseil) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int64_t> micros(absl::ToUnixMicros(At(1, 1, 1)),
                                                absl::ToUnixMicros(At(9999, 12, 31)));
  for (int i = 0; i < 20'000; ++i) {
    // Every other time lies on the last or first moment of a day, leap days too.
    absl::Time time = absl::FromUnixMicros(micros(random));
    if (i % 2 == 1) {
      const absl::CivilDay day = absl::ToCivilDay(time, kUtc);
      time = absl::FromCivil(absl::CivilSecond(day), kUtc) - absl::Microseconds(i % 4 / 2);
    }
    if (time < At(1, 1, 1)) continue;
    ASSERT_EQ(DateTime6(time), absl::FormatTime("%E4Y-%m-%d %H:%M:%E6S", time, kUtc));
    ASSERT_EQ(FormatRfc3339(time), absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", time, kUtc));
    ASSERT_EQ(ParseDateTime6(DateTime6(time)), time);
    const absl::CivilDay day = absl::ToCivilDay(time, kUtc);
    ASSERT_EQ(MonthOf(time), day.year() * 100 + day.month());
  }
}

}  // namespace
}  // namespace reserve
