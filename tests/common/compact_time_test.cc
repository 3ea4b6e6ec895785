#include "common/clock/compact_time.h"

#include <sstream>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

const absl::Time kTime = absl::FromUnixMicros(1'795'000'000'000'007);

TEST(CompactTimeTest, TakesHalfTheRoom) { EXPECT_EQ(sizeof(CompactTime), 8); }

TEST(CompactTimeTest, IsTheTimeThatItWasMadeOf) {
  for (const absl::Time time : {kTime, absl::UnixEpoch(), absl::UnixEpoch() - absl::Microseconds(1),
                                absl::InfinitePast(), absl::InfiniteFuture()}) {
    const CompactTime compact = time;
    const absl::Time again = compact;
    EXPECT_EQ(again, time);
    EXPECT_TRUE(compact == time);
    EXPECT_TRUE(time == compact);
    EXPECT_TRUE(compact == CompactTime(time));
  }
}

TEST(CompactTimeTest, BeginsAsAnAbslTimeDoes) { EXPECT_EQ(CompactTime(), absl::Time()); }

TEST(CompactTimeTest, CutsOffWhatIsFiner) {
  EXPECT_EQ(CompactTime(kTime + absl::Nanoseconds(999)), kTime);
}

TEST(CompactTimeTest, IsOrderedAsTimesAre) {
  const CompactTime compact = kTime;
  EXPECT_LT(compact, kTime + absl::Microseconds(1));
  EXPECT_GT(kTime + absl::Microseconds(1), compact);
  EXPECT_LE(compact, kTime);
  EXPECT_LT(CompactTime(absl::InfinitePast()), compact);
  EXPECT_LT(compact, CompactTime(absl::InfiniteFuture()));
}

TEST(CompactTimeTest, IsShownAsATime) {
  std::ostringstream shown;
  shown << CompactTime(kTime);
  std::ostringstream time;
  time << kTime;
  EXPECT_EQ(shown.str(), time.str());
}

}  // namespace
}  // namespace reserve
