// What a line of a deck charges, and which line of another deck it takes the place of: for whoever
// looks at two decks side by side. Pure.
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_CHARGES_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_CHARGES_H_

#include <functional>
#include <tuple>
#include <vector>

#include "services/ledger/domain/line_terms.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// The terms, or, of null, those of a plain line.
inline const domain::LineTerms& TermsOf(const domain::LineTerms* terms) {
  static const auto* const plain = new domain::LineTerms;
  return terms == nullptr ? *plain : *terms;
}
inline const domain::LineTerms& TermsOf(const RateRow& row) { return TermsOf(row.terms.get()); }

// What a line says of a call's cost, but for price and fee, and whether it may be made: equal if
// it says the same. Good as long as the row.
inline auto OtherChargesOf(const RateRow& row) {
  const domain::LineTerms& terms = TermsOf(row);
  return std::tie(row.initial_increment_seconds, row.increment_seconds, terms.steps,
                  terms.included_seconds, terms.minimum, terms.maximum, terms.blocked);
}

// The one of these lines, at least one, that `row` takes the place of: of the same periods the last
// one that begins with it or before it, else the first. `row_of` is the row of a line.
template <typename Line, typename RowOf = std::identity>
const Line& LineInPlaceOf(const std::vector<Line>& lines, const RateRow& row, RowOf row_of = {}) {
  const Line* best = &lines.front();
  for (const Line& line : lines) {
    const domain::LineTerms& terms = TermsOf(std::invoke(row_of, line));
    if (terms.periods == TermsOf(row).periods && terms.first_day <= TermsOf(row).first_day) {
      best = &line;
    }
  }
  return *best;
}

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_CHARGES_H_
