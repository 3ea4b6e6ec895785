// The deck that ships with the ledger, so that it runs alone.
//
// starter_deck.csv is built into the binary. Its prices (in US dollars) are
// examples, not an offer: make_starter_deck.py says how they came about.
#ifndef RESERVE_SERVICES_LEDGER_RATES_STARTER_DECK_H_
#define RESERVE_SERVICES_LEDGER_RATES_STARTER_DECK_H_

#include "absl/strings/string_view.h"

namespace reserve::rates {

// The text of starter_deck.csv, for ParseDeckCsv(). Static.
absl::string_view StarterDeckCsv();

inline constexpr absl::string_view kStarterDeckName = "starter";
inline constexpr absl::string_view kStarterDeckCurrency = "USD";

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_STARTER_DECK_H_
