// Do the lines of a deck make sense together (C11 to C13)? What an import asks before it stores
// one. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_

#include <vector>

#include "absl/status/status.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// The order of lines: by kind, prefix, carrier, first day and periods. Two lines of which neither
// is before the other would be in force together.
bool LineBefore(const RateRow& one, const RateRow& other);

// C12: is a call under this line at a standard rate?
bool IsStandard(const RateRow& row, const DeckHeader& header);

// Sorts the lines, and says what is wrong with them: INVALID_ARGUMENT "INVALID_RATE_DECK" with the
// first few problems, each with its prefix. What is refused: a line that is there twice; kinds of
// days that periods leave open, or cover twice; more than kMaxCallParts prices of a prefix at a
// time; steps out of order; a maximum below the minimum; a line without a price that is not
// blocked; a text that has more than a price and days; a fee, minimum or maximum that is not on the
// decimal place that the deck rounds to.
absl::Status CheckLines(const DeckHeader& header, std::vector<RateRow>* rows);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_CHECK_H_
