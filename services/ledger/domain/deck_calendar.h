// The clock and the holidays of a rate deck (C11): which day and minute a moment is where the
// deck's prices are made.
//
// A deck keeps the changes of its zone's clock as they were known at its import, so that a price
// does not move with the machine's time-zone database. Plain values: as thread-safe as an int.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_DECK_CALENDAR_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_DECK_CALENDAR_H_

#include <cstdint>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace reserve::domain {

// From the second `at` since 1970 on the clock is `offset_seconds` ahead of UTC.
struct OffsetChange {
  int64_t at = 0;
  int32_t offset_seconds = 0;

  friend bool operator==(const OffsetChange&, const OffsetChange&) = default;
};

struct DeckCalendar {
  int32_t first_offset_seconds = 0;      // before the first change
  std::vector<OffsetChange> changes;     // ascending by `at`
  std::vector<absl::CivilDay> holidays;  // ascending

  // A second as the clock shows it.
  struct Shown {
    int64_t day = 0;  // since 1970-01-01
    int32_t second_of_day = 0;
    int64_t until = INT64_MAX;  // the second since 1970 at which the clock changes next
  };
  Shown At(int64_t second) const;
  bool IsHoliday(int64_t day) const;
  absl::CivilDay DayOf(absl::Time time) const;

  friend bool operator==(const DeckCalendar&, const DeckCalendar&) = default;
};

// The changes of that zone's clock from 2000 to 2100.
DeckCalendar CalendarOf(absl::TimeZone zone);

// The whole second since 1970 in which a moment lies.
int64_t SecondOf(absl::Time time);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_DECK_CALENDAR_H_
