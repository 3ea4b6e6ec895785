// The parts of a month by which the history by start is indexed.
#include "services/ledger/storage/start_parts.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

absl::Time At(int year, int month, int day, int hour = 0) {
  return absl::FromCivil(absl::CivilHour(year, month, day, hour), absl::UTCTimeZone());
}

constexpr absl::Duration kMoment = absl::Microseconds(1);

TEST(StartPartsTest, APartIsEightDaysAndTheLastIsTheRestOfTheMonth) {
  EXPECT_EQ(StartPartOf(At(2026, 11, 1)), 1);
  EXPECT_EQ(StartPartOf(At(2026, 11, 9) - kMoment), 1);
  EXPECT_EQ(StartPartOf(At(2026, 11, 9)), 2);
  EXPECT_EQ(StartPartOf(At(2026, 11, 17)), 3);
  EXPECT_EQ(StartPartOf(At(2026, 11, 25)), 4);
  EXPECT_EQ(StartPartOf(At(2027, 1, 1) - kMoment), 4);
}

TEST(StartPartsTest, ARangeIsLookedForInThePartsItTouchesAndAmongThoseOfBefore) {
  EXPECT_EQ(InStartParts(At(2026, 11, 3), At(2026, 11, 4)), "start_part IN (0,1)");
  EXPECT_EQ(InStartParts(At(2026, 11, 8), At(2026, 11, 9)), "start_part IN (0,1)");
  EXPECT_EQ(InStartParts(At(2026, 11, 8), At(2026, 11, 9) + kMoment), "start_part IN (0,1,2)");
  EXPECT_EQ(InStartParts(At(2026, 11, 1), At(2026, 12, 1)), "start_part IN (0,1,2,3,4)");
  EXPECT_EQ(InStartParts(At(2026, 11, 29), At(2026, 12, 2)), "start_part IN (0,1,2,3,4)")
      << "of two months";
  EXPECT_EQ(InStartParts(At(2026, 11, 29), absl::InfiniteFuture()), "start_part IN (0,1,2,3,4)");
}

TEST(StartPartsTest, ThePartsOfARangeFollowEachOtherWithoutGapsAndHoldWhatIsWrittenToThem) {
  for (const int month : {202602, 202604, 202812, 202802}) {
    const absl::Time begin = At(month / 100, month % 100, 1);
    const absl::Time end =
        absl::FromCivil(absl::CivilMonth(month / 100, month % 100) + 1, absl::UTCTimeZone());
    const std::vector<StartPart> parts = StartPartsOf(month, begin, end, /*has_zero=*/false);
    ASSERT_THAT(parts, SizeIs(4)) << month;
    absl::Time next = begin;
    for (const StartPart& part : parts) {
      EXPECT_EQ(part.begin, next) << month;
      next = part.end;
      EXPECT_EQ(part.condition, absl::StrCat("start_part = ", StartPartOf(part.begin)));
      EXPECT_EQ(part.condition, absl::StrCat("start_part = ", StartPartOf(part.end - kMoment)));
    }
    EXPECT_EQ(next, end) << month;
  }
}

TEST(StartPartsTest, OfARangeOnlyThePartsThatItTouchesAreLookedInto) {
  std::vector<std::string> conditions;
  for (const StartPart& part :
       StartPartsOf(202611, At(2026, 11, 16, 12), At(2026, 11, 26), /*has_zero=*/true)) {
    conditions.push_back(part.condition);
  }
  EXPECT_THAT(conditions,
              ElementsAre("start_part IN (0,2)", "start_part IN (0,3)", "start_part IN (0,4)"));
  EXPECT_THAT(StartPartsOf(202611, At(2026, 12, 1), At(2026, 12, 2), false), IsEmpty());
}

}  // namespace
}  // namespace reserve::storage
