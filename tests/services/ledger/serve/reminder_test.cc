#include "services/ledger/serve/reminder.h"

#include "gtest/gtest.h"

namespace reserve::serve {
namespace {

constexpr Moment kStart = absl::Hours(1000);

TEST(ReminderTest, WhatStaysWrongIsSaidOnceAMinute) {
  Reminder reminder(absl::Minutes(1));
  int said = 0;
  for (int second = 0; second < 600; ++second) {
    if (reminder.IsDue("DATABASE_UNAVAILABLE", kStart + absl::Seconds(second))) ++said;
  }
  EXPECT_EQ(said, 10);
}

TEST(ReminderTest, AnotherReasonIsSaidAtOnceAndCountsFromThen) {
  Reminder reminder(absl::Minutes(1));
  EXPECT_TRUE(reminder.IsDue("DATABASE_UNAVAILABLE", kStart));
  EXPECT_TRUE(reminder.IsDue("SCHEMA_TOO_OLD", kStart + absl::Seconds(1)));
  EXPECT_FALSE(reminder.IsDue("SCHEMA_TOO_OLD", kStart + absl::Seconds(60)));
  EXPECT_TRUE(reminder.IsDue("SCHEMA_TOO_OLD", kStart + absl::Seconds(61)));
}

TEST(ReminderTest, WhatIsOverAndBeginsAgainIsNew) {
  Reminder reminder(absl::Minutes(1));
  EXPECT_TRUE(reminder.IsDue("", kStart)) << "also a reason without a name";
  EXPECT_FALSE(reminder.IsDue("", kStart + absl::Seconds(1)));
  reminder.Over();
  EXPECT_TRUE(reminder.IsDue("", kStart + absl::Seconds(2)));
}

}  // namespace
}  // namespace reserve::serve
