#include "worker/request_limit.h"

#include <gtest/gtest.h>

namespace reserve::worker {
namespace {

const Moment kStart = absl::Hours(1000);

TEST(RequestLimitTest, WithoutALimitNothingWaits) {
  RequestLimit limit(0);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(limit.Take(kStart), kStart);
}

TEST(RequestLimitTest, ATenthOfASecondGoesAtOnceAndTheRestOneByOne) {
  RequestLimit limit(50);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Take(kStart), kStart);
  for (int i = 1; i <= 100; ++i) {
    EXPECT_EQ(limit.Take(kStart), kStart + i * absl::Milliseconds(20));
  }
}

TEST(RequestLimitTest, WhoPausesMaySendATenthOfASecondAgainAndNoMore) {
  RequestLimit limit(50);
  for (int i = 0; i < 5; ++i) limit.Take(kStart);
  const Moment later = kStart + absl::Hours(1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.Take(later), later);
  EXPECT_EQ(limit.Take(later), later + absl::Milliseconds(20));
}

TEST(RequestLimitTest, OneRequestMayAlwaysGo) {
  RequestLimit limit(1);
  EXPECT_EQ(limit.Take(kStart), kStart);
  EXPECT_EQ(limit.Take(kStart), kStart + absl::Seconds(1));
  EXPECT_EQ(limit.Take(kStart + absl::Seconds(5)), kStart + absl::Seconds(5));
}

}  // namespace
}  // namespace reserve::worker
