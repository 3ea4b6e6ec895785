// The calendar of a time zone: which hour, day and month a moment lies in there, and when these
// end.
//
// Plain functions of a zone and a moment. Only FindTimeZone looks at the machine: at its time-zone
// database (Debian's tzdata), once for each name. Thread-safe.
//
//   const std::optional<absl::TimeZone> zone = FindTimeZone("Europe/Berlin");
//   if (zone.has_value()) DayOf(now, *zone)  ->  20261123
#ifndef RESERVE_COMMON_CLOCK_CALENDAR_H_
#define RESERVE_COMMON_CLOCK_CALENDAR_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve {

inline constexpr size_t kMaxTimeZoneNameLength = 64;

// The zone of an IANA name, like "UTC" or "America/New_York". Nothing for a name that this
// machine's database does not know, and for what is none: a path, or this machine's own zone.
std::optional<absl::TimeZone> FindTimeZone(absl::string_view name);

// 202611: year * 100 + month.
int32_t MonthOf(absl::Time time, absl::TimeZone zone);
// 20261123: year * 10000 + month * 100 + day.
int32_t DayOf(absl::Time time, absl::TimeZone zone);
// 2026112304: the same with the hour. An hour that comes twice has one number.
int64_t HourOf(absl::Time time, absl::TimeZone zone);

// When the hour, day or month of `time` ends: always after it. Where the next one's first moment is
// missing, as the clock jumps over it, it ends at the jump.
absl::Time EndOfHour(absl::Time time, absl::TimeZone zone);
absl::Time EndOfDay(absl::Time time, absl::TimeZone zone);
absl::Time EndOfMonth(absl::Time time, absl::TimeZone zone);

}  // namespace reserve

#endif  // RESERVE_COMMON_CLOCK_CALENDAR_H_
