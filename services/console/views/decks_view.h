// Decks of prices, as data for their templates. Thread-safe: pure functions of what the ledger
// answered.
#ifndef RESERVE_CONSOLE_VIEWS_DECKS_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_DECKS_VIEW_H_

#include "reserve/ledger/v1/rates.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"

namespace reserve::console {

// decks: a line each.
void SetDecks(const ledger::v1::ListRateDecksResponse& decks, const Formatter& format,
              const Texts& texts, Data* data);

// activations: what was, is and will be in force, a line each, with who said so and why.
void SetTimeline(const ledger::v1::ListRateDeckActivationsResponse& timeline,
                 const Formatter& format, const Texts& texts, Data* data);

// deck: what it is.
void SetDeck(const ledger::v1::RateDeck& deck, const Formatter& format, const Texts& texts,
             Data* data);

// compared (with what), counts, usage (what it would have cost), changes: what becomes of lines.
void SetComparison(const ledger::v1::CompareRateDecksResponse& comparison, const Formatter& format,
                   const Texts& texts, Data* data);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_DECKS_VIEW_H_
