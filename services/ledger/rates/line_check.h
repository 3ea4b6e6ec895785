// Do the lines of a deck make sense together (C11 to C13)? What an import asks before it stores
// one. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/ledger/domain/line_terms.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"

namespace reserve::rates {

// The order of lines of one kind, prefix and carrier, by what else they say: their first days and
// periods; null: nothing. Two lines of which neither is before the other would be in force
// together.
bool TermsBefore(const domain::LineTerms* one, const domain::LineTerms* other);

// C12: is a call under this line at a standard rate?
bool IsStandard(const RateRow& row, const DeckHeader& header);

// Judges what lines of one kind, prefix and carrier say together: that none is there twice, that
// they cover each kind of day once, and that no more than kMaxCallParts prices hold at a time. Of a
// file (LineGroups) and of any list of lines (CheckLines).
//
// Remembers the timetables that it has seen, as a deck has few. One thread at a time.
class LinesTogether {
 public:
  struct Problem {
    size_t place = 0;                 // of the line in `lines`
    std::optional<size_t> like = {};  // set: it is there twice, and this is the other one
    std::string cause = {};           // else what follows the prefix: "has no line for ..."
    std::string detail = {};          // of this prefix only
  };

  // Tells each line that is there twice, or else the first thing that is wrong. A null line says
  // nothing beyond its price.
  void Check(absl::Span<const domain::LineTerms* const> lines,
             absl::FunctionRef<void(const Problem&)> tell);

 private:
  const std::string& ProblemOfTimes(const std::vector<const domain::LineTerms*>& lines);

  absl::flat_hash_map<std::string, std::string> timetables_;  // with what is wrong
};

// Sorts the lines, and says what is wrong with them: INVALID_ARGUMENT "INVALID_RATE_DECK" with the
// first few problems, each with its prefix. What is refused: a line that is there twice; kinds of
// days that periods leave open, or cover twice; more than kMaxCallParts prices of a prefix at a
// time; steps out of order; a maximum below the minimum; a line without a price that is not
// blocked; a text that has more than a price and days; a fee, minimum or maximum that is not on the
// decimal place that the deck rounds to.
absl::Status CheckLines(const DeckHeader& header, RateRows* rows);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_
