// An account's calendar: whose hours, days and months count, and on which day a billing month
// begins (C8).
//
// The rule of it may change. A window of time (an hour, a day, a month, a billing month) that runs
// at a change keeps its end; the next one begins there and ends at the begin by the new rule that
// is nearest to a whole one later, of two as near the later. So windows lie side by side without a
// gap or an overlap, each change moves only what has not begun, and an instant of long ago is found
// in the window that ran then. Pure and thread-safe: everything is worked out from the list of
// rules.
//
//   const CalendarWindow day = WindowAt(account.calendar, CalendarUnit::kDay, now);
//   if (account.tries.day != day.number) ...  // another day than that of the tries
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_CALENDAR_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_CALENDAR_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock/compact_time.h"

namespace reserve::domain {

inline constexpr int32_t kLastBillingDay = 31;

struct CalendarRule {
  absl::TimeZone time_zone = absl::UTCTimeZone();
  // 1 to 31: of a month that lacks it, its last day.
  int32_t billing_day = 1;

  friend bool operator==(const CalendarRule&, const CalendarRule&) = default;
};

// A rule that took the place of the one before.
struct CalendarChange {
  CompactTime time = absl::InfinitePast();  // never before that of an earlier change
  CalendarRule rule;
  // The account's last entry before it: what was booked until then goes by the rules until then,
  // whatever the clocks were.
  int64_t after_seq = 0;
  // The zone's name where this machine does not know it: it counts as UTC here, and stays stored.
  std::string unknown_zone = {};

  friend bool operator==(const CalendarChange&, const CalendarChange&) = default;
};

struct AccountCalendar {
  CalendarRule first;  // for all time before the first change
  // Oldest first; null: none, as of nearly every account.
  std::shared_ptr<const std::vector<CalendarChange>> changes = nullptr;

  absl::Span<const CalendarChange> Changes() const;
  const CalendarRule& latest() const;
  void Add(CalendarChange change);

  friend bool operator==(const AccountCalendar& one, const AccountCalendar& other) {
    return one.first == other.first && one.Changes() == other.Changes();
  }
};

enum class CalendarUnit : uint8_t {
  kHour,
  kDay,
  kMonth,         // of the zone's calendar, whatever the billing day
  kBillingMonth,  // from one billing day to the next
};

struct CalendarWindow {
  absl::Time begin;
  absl::Time end;  // the first moment after it
  // Tells it from every other window of its unit, and stays what it is whatever changes once it
  // runs. By the account's first rule: 2026112309, 20261123, 202611, as it is called by those; by a
  // later one minus the minutes of its begin since the epoch, as days of two zones share names.
  int64_t number = 0;
  // The date of its begin by the rule that set it: 20261123.
  int32_t begin_date = 0;
};

inline constexpr int64_t kAnySeq = std::numeric_limits<int64_t>::max();

// The window in which `time` lies, by what an entry of this number was booked by.
CalendarWindow WindowAt(const AccountCalendar& calendar, CalendarUnit unit, absl::Time time,
                        int64_t seq = kAnySeq);

// The number of a month for allowances: 202611 of one that begins on the first of a month, else the
// date of its begin, 20261115. No two of an account's months begin within 12 days of each other.
int32_t PeriodNumber(const CalendarWindow& month);

// How many changes of the calendar an account may make in a year: each may bring the next allowance
// half a month early.
inline constexpr int kMostCalendarChanges = 4;
inline constexpr absl::Duration kCalendarChangesCount = absl::Hours(24 * 365);

// When a further change is taken: nothing if it is taken now.
std::optional<absl::Time> NextCalendarChange(const AccountCalendar& calendar, absl::Time now);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_ACCOUNT_CALENDAR_H_
