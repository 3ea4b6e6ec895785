// The prices of a call where a line of the deck says more than one price (C11): what the lines of a
// prefix that are in force together say, second by second.
//
// Pure. A plain line has no tariff.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_TARIFF_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_TARIFF_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "common/money/rounding.h"
#include "services/ledger/domain/deck_calendar.h"
#include "services/ledger/domain/line_terms.h"

namespace reserve::domain {

// So many steps of a prefix's lines that are in force together, their first prices included.
inline constexpr size_t kMaxCallParts = 64;

// What holds for all calls that a deck prices.
struct DeckRules {
  DeckCalendar calendar;
  bool periods_by_start = false;  // all of a call is in the period of its start
  Rounding rounding;

  friend bool operator==(const DeckRules&, const DeckRules&) = default;
};

struct TariffLine {
  Nanos price = 0;                 // per minute, from the call's start on
  std::vector<PriceStep> steps;    // ascending
  bool standard = false;           // C12
  bool says_standard = false;      // the line says so or not itself
  std::vector<DayPeriod> periods;  // none: the rest
  // Of the line of the call's start these hold for the whole call.
  int32_t included_seconds = 0;
  std::optional<Nanos> minimum;
  std::optional<Nanos> maximum;

  friend bool operator==(const TariffLine&, const TariffLine&) = default;
};

struct Tariff {
  std::vector<TariffLine> lines;
  bool names_holidays = false;  // a holiday is one, instead of its weekday
  std::shared_ptr<const DeckRules> rules = std::make_shared<DeckRules>();
};

// Bit 7 of DayPeriod::days.
inline constexpr uint8_t kHolidayBit = 0x80;

// Does the period cover this minute of a day that it names?
bool CoversMinute(const DayPeriod& period, int32_t minute);

// The line of `tariff` whose period has this second, and the second at which that ends at the
// earliest.
struct LineOfSecond {
  size_t line = 0;
  int64_t until = 0;
};
LineOfSecond LineAt(const Tariff& tariff, int64_t second);

// A step of a line, and what a call had of it.
struct CallPart {
  int32_t line = 0;         // its place among the lines that are in force together
  int32_t from_second = 0;  // of the step
  Nanos price = 0;          // per minute
  bool standard = false;
  int64_t seconds = 0;       // billed
  int64_t free_seconds = 0;  // of these, what the allowance or the plan covers

  friend bool operator==(const CallPart&, const CallPart&) = default;
};

// How a call was priced whose line is not plain; with what every rating has, all that explains its
// cost.
struct PricedTerms {
  bool says_standard = false;  // the line of its start itself, whatever its prices
  int32_t included_seconds = 0;
  std::optional<Nanos> minimum;
  std::optional<Nanos> maximum;
  Rounding rounding;
  std::vector<CallPart> parts;  // in the order of their first second

  friend bool operator==(const PricedTerms&, const PricedTerms&) = default;
};

// "standard included:25 minimum:50000000 rounding:2/2 part:0/60/15000000/1/120/35", as it is
// stored: amounts in nano-units; a part is line, step, price, standard, seconds and free seconds.
// What is as in a plain line is left out. Empty of a plain line.
std::string TextOf(const PricedTerms& terms);
// The same read; nothing if it is not such a text.
std::optional<PricedTerms> PricedTermsFrom(absl::string_view text);

// What covers the standard seconds of a call.
struct Coverage {
  int64_t free_seconds = 0;  // so many of those that have a price, the earliest first (C3)
  bool all = false;          // whatever their price (C5)
};

// The parts of the `billable` seconds of a call that begins in the second `start`, from the place
// after its included ones on (C11, steps 3 and 4).
std::vector<CallPart> PartsOf(const Tariff& tariff, size_t start_line, int64_t start,
                              int64_t billable, Coverage coverage);

// The seconds of a part that are paid: not one that is free, and none without a price where nothing
// else is charged with it.
int64_t PaidSeconds(const CallPart& part, bool charges_besides);
// Does the line charge a fee, or a minimum?
inline bool ChargesBesides(Nanos fee, const std::optional<Nanos>& minimum) {
  return fee > 0 || minimum.value_or(0) > 0;
}

// Steps 5 to 7 of C11. OUT_OF_RANGE "MONEY_OVERFLOW" if it does not fit.
absl::StatusOr<Nanos> CostOf(const PricedTerms& terms, Nanos fee);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_TARIFF_H_
