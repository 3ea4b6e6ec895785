#include "services/ledger/domain/account_calendar.h"

#include <algorithm>
#include <utility>

#include "absl/time/civil_time.h"
#include "common/clock/calendar.h"

namespace reserve::domain {
namespace {

// Hours, days or months since the epoch of the civil calendar, by the clocks of a rule's zone.
using Index = int64_t;

const absl::CivilSecond kEpoch(1970, 1, 1, 0, 0, 0);

absl::CivilDay DayOfMonth(absl::CivilMonth month, int32_t day) {
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  return std::min(absl::CivilDay(month) + (day - 1), last);
}

int32_t BillingDay(CalendarUnit unit, const CalendarRule& rule) {
  return unit == CalendarUnit::kBillingMonth ? rule.billing_day : 1;
}

// Do both end the windows of this unit alike?
bool Same(CalendarUnit unit, const CalendarRule& one, const CalendarRule& other) {
  return one.time_zone == other.time_zone && BillingDay(unit, one) == BillingDay(unit, other);
}

// The first moment at which the zone's clocks show it: where they jump over it, the jump.
absl::Time FirstMoment(absl::CivilSecond civil, absl::TimeZone zone) {
  const absl::TimeZone::TimeInfo info = zone.At(civil);
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
}

absl::Time BeginOf(CalendarUnit unit, const CalendarRule& rule, Index index) {
  absl::CivilSecond civil;
  switch (unit) {
    case CalendarUnit::kHour:
      civil = absl::CivilHour(kEpoch) + index;
      break;
    case CalendarUnit::kDay:
      civil = absl::CivilDay(kEpoch) + index;
      break;
    case CalendarUnit::kMonth:
    case CalendarUnit::kBillingMonth:
      civil = DayOfMonth(absl::CivilMonth(kEpoch) + index, BillingDay(unit, rule));
      break;
  }
  return FirstMoment(civil, rule.time_zone);
}

// Of the last that has begun by then.
Index IndexAt(CalendarUnit unit, const CalendarRule& rule, absl::Time time) {
  const absl::CivilSecond shown = absl::ToCivilSecond(time, rule.time_zone);
  Index index = 0;
  switch (unit) {
    case CalendarUnit::kHour:
      index = absl::CivilHour(shown) - absl::CivilHour(kEpoch);
      break;
    case CalendarUnit::kDay:
      index = absl::CivilDay(shown) - absl::CivilDay(kEpoch);
      break;
    case CalendarUnit::kMonth:
    case CalendarUnit::kBillingMonth:
      index = absl::CivilMonth(shown) - absl::CivilMonth(kEpoch);
      break;
  }
  // The billing day may be to come, and the clock may have been put back over a begin.
  while (BeginOf(unit, rule, index) > time) --index;
  while (BeginOf(unit, rule, index + 1) <= time) ++index;
  return index;
}

// A whole one later, by the clocks of the rule's zone; of a month that lacks the day, on its last.
absl::Time OneLater(CalendarUnit unit, const CalendarRule& rule, absl::Time time) {
  if (unit == CalendarUnit::kHour) return time + absl::Hours(1);
  const absl::CivilSecond shown = absl::ToCivilSecond(time, rule.time_zone);
  const absl::CivilDay day = unit == CalendarUnit::kDay
                                 ? absl::CivilDay(shown) + 1
                                 : DayOfMonth(absl::CivilMonth(shown) + 1, shown.day());
  return FirstMoment(absl::CivilSecond(day.year(), day.month(), day.day(), shown.hour(),
                                       shown.minute(), shown.second()),
                     rule.time_zone);
}

// The end of a window that begins at `begin`, where another rule had set that.
absl::Time NearestEnd(CalendarUnit unit, const CalendarRule& rule, absl::Time begin) {
  const absl::Time wanted = OneLater(unit, rule, begin);
  const Index index = IndexAt(unit, rule, wanted);
  const absl::Time before = BeginOf(unit, rule, index);
  const absl::Time after = BeginOf(unit, rule, index + 1);
  return before > begin && wanted - before < after - wanted ? before : after;
}

// A stretch of time in which one rule ends the windows. The first of them ends at `first_end`, and
// the rule before has set its begin.
struct Stretch {
  absl::Time begin = absl::InfinitePast();
  absl::Time first_end = absl::InfinitePast();
  const CalendarRule* before = nullptr;
  const CalendarRule* rule = nullptr;
};

class Windows {
 public:
  Windows(const AccountCalendar& calendar, CalendarUnit unit) : calendar_(calendar), unit_(unit) {}

  CalendarWindow At(absl::Time time, int64_t seq) const {
    Stretch stretch;
    stretch.rule = &calendar_.first;
    for (const CalendarChange& change : calendar_.Changes()) {
      if (change.time > time || change.after_seq >= seq) break;
      if (Same(unit_, change.rule, *stretch.rule)) continue;
      if (change.time >= stretch.begin) {
        const CalendarWindow runs = In(stretch, change.time);
        if (time < runs.end) return runs;
        stretch = {runs.end, absl::InfinitePast(), stretch.rule, nullptr};
      }  // else what ran at the change before runs still: this rule comes instead of that
      stretch.rule = &change.rule;
      stretch.first_end = NearestEnd(unit_, change.rule, stretch.begin);
    }
    return In(stretch, time);
  }

 private:
  CalendarWindow In(const Stretch& stretch, absl::Time time) const {
    if (time < stretch.first_end) {
      return Named(stretch.begin, stretch.first_end, *stretch.before);
    }
    const Index index = IndexAt(unit_, *stretch.rule, time);
    return Named(BeginOf(unit_, *stretch.rule, index), BeginOf(unit_, *stretch.rule, index + 1),
                 *stretch.rule);
  }

  // `rule`: that has set its begin.
  CalendarWindow Named(absl::Time begin, absl::Time end, const CalendarRule& rule) const {
    CalendarWindow window{begin, end, 0, DayOf(begin, rule.time_zone)};
    if (&rule != &calendar_.first) {
      window.number = -absl::ToUnixSeconds(begin) / 60;
    } else if (unit_ == CalendarUnit::kHour) {
      window.number = HourOf(begin, rule.time_zone);
    } else {
      window.number = unit_ == CalendarUnit::kDay ? window.begin_date : PeriodNumber(window);
    }
    return window;
  }

  const AccountCalendar& calendar_;
  const CalendarUnit unit_;
};

}  // namespace

absl::Span<const CalendarChange> AccountCalendar::Changes() const {
  if (changes == nullptr) return {};
  return *changes;
}

const CalendarRule& AccountCalendar::latest() const {
  return Changes().empty() ? first : changes->back().rule;
}

void AccountCalendar::Add(CalendarChange change) {
  const absl::Span<const CalendarChange> before = Changes();
  auto all = std::make_shared<std::vector<CalendarChange>>(before.begin(), before.end());
  all->push_back(std::move(change));
  changes = std::move(all);
}

CalendarWindow WindowAt(const AccountCalendar& calendar, CalendarUnit unit, absl::Time time,
                        int64_t seq) {
  return Windows(calendar, unit).At(time, seq);
}

int32_t PeriodNumber(const CalendarWindow& month) {
  const bool begins_with_the_month = month.begin_date % 100 == 1;
  return begins_with_the_month ? month.begin_date / 100 : month.begin_date;
}

std::optional<absl::Time> NextCalendarChange(const AccountCalendar& calendar, absl::Time now) {
  const absl::Span<const CalendarChange> changes = calendar.Changes();
  if (changes.size() < kMostCalendarChanges) return std::nullopt;
  const absl::Time allowed = changes[changes.size() - kMostCalendarChanges].time;
  if (allowed + kCalendarChangesCount <= now) return std::nullopt;
  return allowed + kCalendarChangesCount;
}

}  // namespace reserve::domain
