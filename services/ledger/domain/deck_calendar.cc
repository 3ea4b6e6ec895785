#include "services/ledger/domain/deck_calendar.h"

#include <algorithm>
#include <iterator>

namespace reserve::domain {
namespace {

constexpr int64_t kDaySeconds = 86'400;
constexpr absl::CivilDay kFirstDay(1970, 1, 1);

}  // namespace

int64_t SecondOf(absl::Time time) {
  return absl::ToInt64Seconds(absl::Floor(time - absl::UnixEpoch(), absl::Seconds(1)));
}

DeckCalendar::Shown DeckCalendar::At(int64_t second) const {
  const auto next =
      std::upper_bound(changes.begin(), changes.end(), second,
                       [](int64_t one, const OffsetChange& other) { return one < other.at; });
  const int64_t offset =
      next == changes.begin() ? first_offset_seconds : std::prev(next)->offset_seconds;
  const int64_t local = second + offset;
  Shown shown;
  shown.day = local / kDaySeconds - (local % kDaySeconds < 0 ? 1 : 0);
  shown.second_of_day = static_cast<int32_t>(local - shown.day * kDaySeconds);
  if (next != changes.end()) shown.until = next->at;
  return shown;
}

bool DeckCalendar::IsHoliday(int64_t day) const {
  return std::binary_search(holidays.begin(), holidays.end(), kFirstDay + day);
}

absl::CivilDay DeckCalendar::DayOf(absl::Time time) const {
  return kFirstDay + At(SecondOf(time)).day;
}

DeckCalendar CalendarOf(absl::TimeZone zone) {
  DeckCalendar calendar;
  absl::Time time = absl::FromCivil(absl::CivilSecond(2000, 1, 1), absl::UTCTimeZone());
  const absl::Time end = absl::FromCivil(absl::CivilSecond(2100, 1, 1), absl::UTCTimeZone());
  int32_t offset = calendar.first_offset_seconds = zone.At(time).offset;
  absl::TimeZone::CivilTransition change;
  while (zone.NextTransition(time, &change)) {
    const absl::TimeZone::TimeInfo info = zone.At(change.to);
    time = info.kind == absl::TimeZone::TimeInfo::UNIQUE ? info.pre : info.trans;
    if (time >= end) break;
    const int32_t then = zone.At(time).offset;
    if (then == offset) continue;  // another name of the same clock
    offset = then;
    calendar.changes.push_back({SecondOf(time), offset});
  }
  return calendar;
}

}  // namespace reserve::domain
