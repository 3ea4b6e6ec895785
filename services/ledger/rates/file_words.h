// What words in a deck's file say against its prices: a title "All rates in EUR" above prices that
// are taken for dollars, a comment "Blocked" beside a price that would be charged.
//
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_RATES_FILE_WORDS_H_
#define RESERVE_SERVICES_LEDGER_RATES_FILE_WORDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace reserve::rates {

// A title above the columns, or a note below the rows.
struct TitleDoubt {
  std::string cause;         // what it says, and what to do; empty: nothing against the prices
  bool of_currency = false;  // no doubt where the columns say the currency themselves
};
// `text` has all fields of the line. A note, which says many things, counts only if it is of
// prices.
TitleDoubt DoubtOfTitle(absl::string_view text, absl::string_view currency, bool is_note);

// "deleted", "discontinued": the word says that the line is to end.
bool IsEndedWord(absl::string_view field);
// "increase", "no change": what became of the price; the prefix may be called.
bool IsPriceChangeWord(absl::string_view field);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_FILE_WORDS_H_
