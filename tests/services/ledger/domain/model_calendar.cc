#include "tests/services/ledger/domain/model_calendar.h"

#include <algorithm>
#include <utility>

#include "absl/time/civil_time.h"

namespace reserve::domain {
namespace {

constexpr absl::Duration kLook = absl::Minutes(15);

// How many have begun, by what the clocks show.
int64_t Shown(CalendarUnit unit, const CalendarRule& rule, absl::Time time) {
  const absl::CivilSecond shown = absl::ToCivilSecond(time, rule.time_zone);
  if (unit == CalendarUnit::kHour) return absl::CivilHour(shown) - absl::CivilHour(1970, 1, 1, 0);
  if (unit == CalendarUnit::kDay) return absl::CivilDay(shown) - absl::CivilDay(1970, 1, 1);
  const absl::CivilMonth month(shown);
  const int days = static_cast<int>(absl::CivilDay(month + 1) - absl::CivilDay(month));
  const int first_day = unit == CalendarUnit::kMonth ? 1 : std::min(rule.billing_day, days);
  const int64_t months = month.year() * 12 + month.month();
  return shown.day() >= first_day ? months : months - 1;
}

// How long a whole one is at most, and more.
absl::Duration Ample(CalendarUnit unit) {
  if (unit == CalendarUnit::kHour) return absl::Hours(5);
  return unit == CalendarUnit::kDay ? absl::Hours(54) : absl::Hours(24 * 63);
}

// All begins from some time before `time` to some time after it.
std::vector<absl::Time> BeginsAround(CalendarUnit unit, const CalendarRule& rule, absl::Time time) {
  std::vector<absl::Time> begins;
  const int64_t quarters = absl::ToUnixSeconds(time) / 900 * 900;
  absl::Time at = absl::FromUnixSeconds(quarters) - Ample(unit);
  int64_t most = Shown(unit, rule, at);
  for (; at <= time + Ample(unit); at += kLook) {
    const int64_t shown = Shown(unit, rule, at);
    if (shown > most) begins.push_back(at);
    most = std::max(most, shown);
  }
  return begins;
}

absl::Time WholeOneLater(CalendarUnit unit, const CalendarRule& rule, absl::Time time) {
  if (unit == CalendarUnit::kHour) return time + absl::Hours(1);
  const absl::CivilSecond shown = absl::ToCivilSecond(time, rule.time_zone);
  absl::CivilDay day(shown);
  if (unit == CalendarUnit::kDay) {
    ++day;
  } else {
    const absl::CivilMonth next = absl::CivilMonth(day) + 1;
    day = std::min(absl::CivilDay(next.year(), next.month(), 1) + (shown.day() - 1),
                   absl::CivilDay(next + 1) - 1);
  }
  const absl::Duration into_day = absl::Seconds(shown - absl::CivilSecond(absl::CivilDay(shown)));
  // FromCivil takes what comes twice the first time, and what is missing at, or after, the jump.
  const absl::CivilSecond wanted = absl::CivilSecond(day) + absl::ToInt64Seconds(into_day);
  const absl::TimeZone::TimeInfo info = rule.time_zone.At(wanted);
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans
                                                        : absl::FromCivil(wanted, rule.time_zone);
}

}  // namespace

void ModelCalendar::Change(absl::Time time, const CalendarRule& rule) {
  for (auto& [unit, edges] : edges_) {
    // What runs keeps its end.
    const auto later = std::upper_bound(edges.begin(), edges.end(), time);
    if (edges.end() - later > 1) edges.erase(later + 1, edges.end());
  }
  rules_.emplace_back(time, rule);
}

const CalendarRule& ModelCalendar::RuleJustBefore(absl::Time time) const {
  auto rule = rules_.rbegin();
  while (rule->first >= time && rule->first != absl::InfinitePast()) ++rule;
  return rule->second;
}

ModelWindow ModelCalendar::At(CalendarUnit unit, absl::Time time) const {
  std::vector<absl::Time>& edges = edges_[unit];
  if (edges.empty()) {
    const std::vector<absl::Time> begins = BeginsAround(unit, rules_.front().second, from_);
    edges.push_back(*(std::upper_bound(begins.begin(), begins.end(), from_) - 1));
  }
  while (edges.back() <= time) {
    const absl::Time begin = edges.back();
    const CalendarRule& rule = RuleJustBefore(begin);
    const absl::Time wanted = WholeOneLater(unit, rule, begin);
    absl::Time nearest = absl::InfiniteFuture();
    for (const absl::Time end : BeginsAround(unit, rule, wanted)) {
      if (end <= begin) continue;
      // Of two as near the later.
      if (absl::AbsDuration(end - wanted) <= absl::AbsDuration(nearest - wanted)) nearest = end;
    }
    edges.push_back(nearest);
  }
  const auto end = std::upper_bound(edges.begin(), edges.end(), time);
  const auto begin = end - 1;
  const CalendarRule& rule =
      begin == edges.begin() ? rules_.front().second : RuleJustBefore(*(begin - 1));
  const absl::CivilDay day = absl::ToCivilDay(*begin, rule.time_zone);
  return {*begin, *end,
          static_cast<int32_t>(day.year() * 10'000 + int64_t{day.month()} * 100 + day.day())};
}

}  // namespace reserve::domain
