// UTC time to and from text and calendar numbers, fast enough for every row.
//
// Times have microsecond resolution everywhere in Reserve (DATETIME(6)); finer
// parts are cut off. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_CLOCK_UTC_H_
#define RESERVE_COMMON_CLOCK_UTC_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve {

// Cut to whole microseconds (towards the past).
absl::Time TruncateToMicros(absl::Time time);

// Appends "2026-11-23 04:05:06.000007". Times before year 1 and after 9999 read as the first
// and the last moment of these, here and below.
void AppendDateTime6(absl::Time time, std::string* out);
// The same into memory of so many bytes; returns where it ends.
inline constexpr size_t kDateTime6Length = 26;
char* WriteDateTime6(absl::Time time, char* out);

// Reads what AppendDateTime6 writes; the fraction may be missing or shorter.
// Any other text gives absl::InfinitePast().
absl::Time ParseDateTime6(absl::string_view text);

// 202611: year * 100 + month, in UTC. (Of other zones: calendar.h.)
int32_t MonthOf(absl::Time time);

// "2026-11-23T04:05:06.000007Z", for people and logs.
std::string FormatRfc3339(absl::Time time);

}  // namespace reserve

#endif  // RESERVE_COMMON_CLOCK_UTC_H_
