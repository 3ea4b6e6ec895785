#include "common/clock/calendar.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/time/civil_time.h"

namespace reserve {
namespace {

// The first moment at which the clocks of the zone show `civil`, of those after `time`.
absl::Time NextMoment(absl::CivilSecond civil, absl::TimeZone zone, absl::Time time) {
  const absl::TimeZone::TimeInfo info = zone.At(civil);
  if (info.kind == absl::TimeZone::TimeInfo::SKIPPED) return info.trans;
  // Shown twice, as the clock was put back: the first time may be over.
  return info.pre > time ? info.pre : info.post;
}

}  // namespace

std::optional<absl::TimeZone> FindTimeZone(absl::string_view name) {
  // Abseil also takes paths, and names that only it knows or that stand for this machine's zone.
  if (name.empty() || name.size() > kMaxTimeZoneNameLength ||
      !absl::ascii_isupper(static_cast<unsigned char>(name.front())) ||
      absl::StartsWith(name, "Fixed/")) {
    return std::nullopt;
  }
  const bool is_name = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
  });
  absl::TimeZone zone;
  if (!is_name || !absl::LoadTimeZone(std::string(name), &zone)) return std::nullopt;
  return zone;
}

int32_t MonthOf(absl::Time time, absl::TimeZone zone) {
  const absl::CivilMonth month = absl::ToCivilMonth(time, zone);
  return static_cast<int32_t>(month.year() * 100 + month.month());
}

int32_t DayOf(absl::Time time, absl::TimeZone zone) {
  const absl::CivilDay day = absl::ToCivilDay(time, zone);
  return static_cast<int32_t>(day.year() * 10000 + int64_t{day.month()} * 100 + day.day());
}

int64_t HourOf(absl::Time time, absl::TimeZone zone) {
  return int64_t{DayOf(time, zone)} * 100 + absl::ToCivilHour(time, zone).hour();
}

absl::Time EndOfHour(absl::Time time, absl::TimeZone zone) {
  return NextMoment(absl::CivilSecond(absl::ToCivilHour(time, zone) + 1), zone, time);
}

absl::Time EndOfDay(absl::Time time, absl::TimeZone zone) {
  return NextMoment(absl::CivilSecond(absl::ToCivilDay(time, zone) + 1), zone, time);
}

absl::Time EndOfMonth(absl::Time time, absl::TimeZone zone) {
  return NextMoment(absl::CivilSecond(absl::ToCivilMonth(time, zone) + 1), zone, time);
}

}  // namespace reserve
