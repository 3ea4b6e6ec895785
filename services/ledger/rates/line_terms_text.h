// What a line says beyond its price, as a text: as it is stored, and as a key of what lines share.
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_TERMS_TEXT_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_TERMS_TEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "services/ledger/domain/deck_calendar.h"
#include "services/ledger/domain/line_terms.h"

namespace reserve::rates {

// "steps=60:15000000 included=25 minimum=50000000 standard=1 from=2026-12-01 periods=31/480-1080":
// prices in nano-units; a period is its days (bit 0 Monday, bit 7 a holiday) and its minutes of the
// day. What is not said is left out.
std::string TextOf(const domain::LineTerms& terms);
// The same read; nothing if it is not such a text.
std::optional<domain::LineTerms> LineTermsFrom(absl::string_view text);

// The clock of a deck's zone: "3600 954032400:7200 972781200:3600", the seconds ahead of UTC before
// the first change, and from each change on.
std::string ChangesText(const domain::DeckCalendar& calendar);
// "2026-12-25 2027-01-01".
std::string HolidaysText(const domain::DeckCalendar& calendar);
// The same read; nothing if they are not such texts.
std::optional<domain::DeckCalendar> CalendarFrom(absl::string_view changes,
                                                 absl::string_view holidays);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_TERMS_TEXT_H_
