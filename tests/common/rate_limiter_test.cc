#include "common/rpc/rate_limiter.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

constexpr Moment kStart = absl::Hours(5);
constexpr absl::Duration kNone = absl::ZeroDuration();

TEST(RateLimiterTest, WithoutALimitAnyNumberComesAndNothingIsRemembered) {
  RateLimiter limiter(0);
  EXPECT_FALSE(limiter.limits());
  EXPECT_EQ(limiter.Take("a", 1'000'000'000, kStart), kNone);
  EXPECT_EQ(limiter.Owe("a", 1'000'000'000, kStart), kNone);
  EXPECT_EQ(limiter.size(), 0);
}

TEST(RateLimiterTest, WhoWasQuietMayComeAsOftenAtOnceAsASecondBringsAndThenAtTheRate) {
  RateLimiter limiter(10);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.Take("a", 1, kStart), kNone) << i;
  EXPECT_EQ(limiter.Take("a", 1, kStart), absl::Milliseconds(100));
  EXPECT_EQ(limiter.Take("a", 1, kStart + absl::Milliseconds(99)), absl::Milliseconds(1));
  EXPECT_EQ(limiter.Take("a", 1, kStart + absl::Milliseconds(100)), kNone);
  EXPECT_EQ(limiter.Take("a", 1, kStart + absl::Milliseconds(100)), absl::Milliseconds(100));
  // However long one was quiet, it is never more.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limiter.Take("a", 1, kStart + absl::Hours(1)), kNone) << i;
  EXPECT_GT(limiter.Take("a", 1, kStart + absl::Hours(1)), kNone);
}

TEST(RateLimiterTest, WhoeverWaitsAsLongAsHeIsToldIsLetIn) {
  for (const double per_second : {0.1, 0.7, 1.0, 3.0, 1000.0}) {
    RateLimiter limiter(per_second);
    Moment now = kStart;
    for (int i = 0; i < 3000; ++i) {
      const absl::Duration wait = limiter.Take("a", 1, now);
      if (wait == kNone) continue;
      now += wait;
      EXPECT_EQ(limiter.Take("a", 1, now), kNone) << per_second;
    }
  }
}

TEST(RateLimiterTest, EachKeyHasARateOfItsOwn) {
  RateLimiter limiter(1);
  EXPECT_EQ(limiter.Take("a", 1, kStart), kNone);
  EXPECT_GT(limiter.Take("a", 1, kStart), kNone);
  EXPECT_EQ(limiter.Take("b", 1, kStart), kNone);
}

TEST(RateLimiterTest, ABatchIsTakenWheneverOneIsAndWhatComesAfterItWaitsForAllOfIt) {
  RateLimiter limiter(10);
  EXPECT_EQ(limiter.Take("a", 1000, kStart), kNone);
  EXPECT_EQ(limiter.Take("a", 1, kStart), absl::Seconds(100) - absl::Milliseconds(900));
  EXPECT_EQ(limiter.Take("a", 1000, kStart + absl::Seconds(100)), kNone);
}

TEST(RateLimiterTest, WhoIsSlowedDownIsCountedInAnyCase) {
  RateLimiter limiter(10);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(limiter.Owe("a", 1, kStart), kNone) << i;
  EXPECT_EQ(limiter.Owe("a", 1, kStart), absl::Milliseconds(100));
  EXPECT_EQ(limiter.Owe("a", 1, kStart), absl::Milliseconds(200));
  EXPECT_EQ(limiter.Owe("a", 1, kStart + absl::Seconds(10)), kNone);
}

TEST(RateLimiterTest, WhatIsPaidForIsForgotten) {
  RateLimiter limiter(100);
  Moment now = kStart;
  for (int i = 0; i < 1'000'000; ++i) {
    limiter.Take(absl::StrCat("account-", i), 1, now);
    now += absl::Microseconds(100);  // 10,000 new ones a second, each of which owes for 10 ms
  }
  EXPECT_LT(limiter.size(), 40'000);
}

TEST(RateLimiterTest, NoMoreComeInThanTheRateAllowsHoweverManyThreadsAsk) {
  RateLimiter limiter(1000);
  std::vector<std::thread> threads;
  std::atomic<int> let_in = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        if (limiter.Take("a", 1, kStart) == kNone) ++let_in;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(let_in, 1000);
}

}  // namespace
}  // namespace reserve
