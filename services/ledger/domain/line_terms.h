// What a line of a rate deck may say beyond its price, its fee and its increments (C11 to C13).
//
// Few lines say any of it, and those that do mostly say the same: a line without a word of it has
// none at all, and lines that say the same may share one. Plain values: as thread-safe as an int.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_LINE_TERMS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_LINE_TERMS_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/money/money.h"

namespace reserve::domain {

// From the second `from_second` of a call on a minute costs `price`.
struct PriceStep {
  int32_t from_second = 0;  // > 0: the line's own price is that of second 0
  Nanos price = 0;          // per minute; >= 0

  friend auto operator<=>(const PriceStep&, const PriceStep&) = default;
};

// A part of the days that `days` names, each judged by itself: "1-5 19:00-07:00" is what is before
// 07:00 and from 19:00 of each of these dates.
struct DayPeriod {
  // Bit 0 is Monday, bit 6 Sunday, bit 7 a holiday of the deck (`H`).
  uint8_t days = 0;
  int16_t from_minute = 0;  // of the day, 0 to 1439
  int16_t to_minute = 0;    // 1 to 1440, without it; not after `from_minute`: the night around it

  friend auto operator<=>(const DayPeriod&, const DayPeriod&) = default;  // NOLINT
};

struct LineTerms {
  std::vector<PriceStep> steps;  // ascending by `from_second`
  int32_t included_seconds = 0;  // of each call, at its start; >= 0
  std::optional<Nanos> minimum;  // of a call that is paid for, with its fee
  std::optional<Nanos> maximum;
  std::optional<bool> standard;             // what the file says; else C12 decides
  bool blocked = false;                     // C13
  bool unpriced = false;                    // it has no price; only of one that is blocked
  std::optional<absl::CivilDay> first_day;  // in the zone of the deck
  std::optional<absl::CivilDay> last_day;   // the last one included
  std::vector<DayPeriod> periods;           // ascending; none: the rest, or always

  friend bool operator==(const LineTerms&, const LineTerms&) = default;
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_LINE_TERMS_H_
