// C8 once more, told simply: a window of time ends where its begin, by the rule that was in force
// just before it began, has the begin nearest to a whole one later; and a begin is where the zone's
// clocks first show another hour, day or day of the month. Found by looking at the clocks every
// quarter of an hour, window after window. Not thread-safe.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_CALENDAR_H_
#define RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_CALENDAR_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/domain/account_calendar.h"

namespace reserve::domain {

struct ModelWindow {
  absl::Time begin;
  absl::Time end;
  int32_t begin_date = 0;  // 20261123, where the rule that set it is at home
};

class ModelCalendar {
 public:
  // Nobody asks about a time before `from`, and nothing is changed before it.
  explicit ModelCalendar(absl::Time from = absl::UnixEpoch(), CalendarRule rule = {})
      : from_(from), rules_({{absl::InfinitePast(), rule}}) {}

  // In the order of their times.
  void Change(absl::Time time, const CalendarRule& rule);
  const CalendarRule& latest() const { return rules_.back().second; }

  ModelWindow At(CalendarUnit unit, absl::Time time) const;

 private:
  const CalendarRule& RuleJustBefore(absl::Time time) const;

  absl::Time from_;
  std::vector<std::pair<absl::Time, CalendarRule>> rules_;
  // Where windows begin, as far as they were asked about.
  mutable std::map<CalendarUnit, std::vector<absl::Time>> edges_;
};

}  // namespace reserve::domain

#endif  // RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_CALENDAR_H_
