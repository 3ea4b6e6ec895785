// Waiting for a condition with a deadline: what tests use in place of sleeps.
// Thread-safe: a pure template.
//
//   ASSERT_TRUE(WaitUntil([&] { return account_is_active(); }, absl::Seconds(10)));
#ifndef RESERVE_TESTS_SUPPORT_WAIT_UNTIL_H_
#define RESERVE_TESTS_SUPPORT_WAIT_UNTIL_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace reserve::test_support {

// Asks `condition()` until it is true, pausing `pause` in between. False if it was still
// false once `timeout` was over; it is asked at least once.
template <typename Condition>
bool WaitUntil(Condition condition, absl::Duration timeout = absl::Seconds(20),
               absl::Duration pause = absl::Milliseconds(2)) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(pause);
  }
  return true;
}

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_WAIT_UNTIL_H_
