#include "common/clock/monotonic.h"
#include "common/clock/repeater.h"

#include <atomic>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reserve {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'790'000'000);
constexpr Moment kMoment = absl::Hours(1000);

TEST(RepeaterTest, CallsAgainAndAgain) {
  int calls = 0;  // of the thread alone, until it has ended
  absl::Notification third;
  {
    const Repeater repeater(absl::Milliseconds(1), [&] {
      if (++calls == 3) third.Notify();
    });
    third.WaitForNotification();
  }
  EXPECT_GE(calls, 3);
}

TEST(RepeaterTest, ItsEndDoesNotWaitForTheNextCall) {
  std::atomic<int> calls = 0;
  {
    const Repeater repeater(absl::InfiniteDuration(), [&] { ++calls; });
  }
  EXPECT_EQ(calls, 0);
}

TEST(WakerTest, AWaitThatNobodyEndsLastsAsLongAsItShould) {
  absl::Mutex mutex;
  Waker waker(&mutex);
  absl::MutexLock lock(&mutex);
  const Moment begin = MonotonicNow();
  EXPECT_FALSE(waker.Await(absl::Milliseconds(20)));
  EXPECT_GE(MonotonicNow() - begin, absl::Milliseconds(20));
}

TEST(WakerTest, AWakeBeforeTheWaitEndsItAtOnceAndIsUsedUp) {
  absl::Mutex mutex;
  Waker waker(&mutex);
  absl::MutexLock lock(&mutex);
  waker.Wake();
  waker.Wake();
  EXPECT_TRUE(waker.Await(absl::InfiniteDuration()));
  EXPECT_FALSE(waker.Await(absl::ZeroDuration()));
}

TEST(WakerTest, AWakeFromAnotherThreadEndsAnInfiniteWait) {
  absl::Mutex mutex;
  Waker waker(&mutex);
  bool work = false;
  std::thread other([&] {
    absl::MutexLock lock(&mutex);
    work = true;
    waker.Wake();
  });
  {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(waker.Await(absl::InfiniteDuration()));
    EXPECT_TRUE(work);
  }
  other.join();
}

TEST(WakerTest, ATimeoutInThePastDoesNotWait) {
  absl::Mutex mutex;
  Waker waker(&mutex);
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(waker.Await(-absl::InfiniteDuration()));
}

TEST(ClockWatchTest, TimeThatPassesIsNoJump) {
  ClockWatch watch;
  watch.Look(kNoon, kMoment);
  EXPECT_EQ(watch.Look(kNoon + absl::Hours(30), kMoment + absl::Hours(30)), absl::ZeroDuration());
  // Clocks are steered by less than a thousandth.
  EXPECT_EQ(
      watch.Look(kNoon + absl::Hours(30) + absl::Milliseconds(999), kMoment + absl::Hours(30)),
      absl::ZeroDuration());
}

TEST(ClockWatchTest, TellsHowFarTheClockWasSetAndTellsItOnce) {
  ClockWatch watch;
  watch.Look(kNoon, kMoment);
  const Moment later = kMoment + absl::Seconds(1);
  EXPECT_EQ(watch.Look(kNoon + absl::Seconds(1) - absl::Hours(1), later), -absl::Hours(1));
  EXPECT_EQ(watch.Look(kNoon + absl::Seconds(1) - absl::Hours(1), later), absl::ZeroDuration());
  EXPECT_EQ(watch.Look(kNoon + absl::Seconds(1), later), absl::Hours(1));
}

TEST(ClockWatchTest, AClockThatNobodySetsDoesNotJump) {
  ClockWatch watch;
  EXPECT_EQ(watch.Look(absl::Now(), MonotonicNow()), absl::ZeroDuration());
}

}  // namespace
}  // namespace reserve
