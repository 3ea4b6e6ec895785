// A time in 8 bytes, where absl::Time takes 16: for what is kept by the hundred thousand.
//
// It has whole microseconds, as all that is stored has, and both infinities. It is made of an
// absl::Time, and turns into one, by itself, so that who reads and writes it need not know.
//
//   struct Due { CompactTime time = absl::InfiniteFuture(); };
//   if (due.time <= now) ...
#ifndef RESERVE_COMMON_CLOCK_COMPACT_TIME_H_
#define RESERVE_COMMON_CLOCK_COMPACT_TIME_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <ostream>

#include "absl/time/time.h"

namespace reserve {

class CompactTime {
 public:
  CompactTime() = default;  // the epoch, as an absl::Time is
  // Finer parts are cut off.
  CompactTime(absl::Time time)  // NOLINT(google-explicit-constructor)
      : micros_(time == absl::InfiniteFuture() ? kFuture
                : time == absl::InfinitePast() ? kPast
                                               : absl::ToUnixMicros(time)) {}
  operator absl::Time() const {  // NOLINT(google-explicit-constructor)
    if (micros_ == kFuture) return absl::InfiniteFuture();
    if (micros_ == kPast) return absl::InfinitePast();
    return absl::FromUnixMicros(micros_);
  }

  friend bool operator==(CompactTime a, CompactTime b) = default;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 of a comparison for a pointer.
  friend std::strong_ordering operator<=>(CompactTime a, CompactTime b) = default;
  // Between the two conversions there would be a choice.
  friend bool operator==(CompactTime a, absl::Time b) { return a == CompactTime(b); }
  friend std::strong_ordering operator<=>(CompactTime a, absl::Time b) {
    return a <=> CompactTime(b);
  }
  friend std::ostream& operator<<(std::ostream& out, CompactTime time) {
    return out << absl::Time(time);
  }

 private:
  static constexpr int64_t kPast = std::numeric_limits<int64_t>::min();
  static constexpr int64_t kFuture = std::numeric_limits<int64_t>::max();

  int64_t micros_ = 0;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_CLOCK_COMPACT_TIME_H_
