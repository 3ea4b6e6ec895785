// Catalogs that tests make by hand. Not thread-safe.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_

#include <memory>
#include <utility>
#include <vector>

#include "services/ledger/book/catalog.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/timeline.h"

namespace reserve::book {

// Adds a deck that is in force from its effective time on; of those with the same the last one.
inline void PutInForce(std::shared_ptr<const rates::DeckSnapshot> deck, Catalog* catalog) {
  std::vector<rates::DeckActivation> activations = catalog->timeline->activations();
  rates::DeckActivation& activation = activations.emplace_back();
  activation.number = catalog->timeline->newest() + 1;
  activation.deck_version = deck->header().version;
  activation.currency = deck->header().currency;
  activation.series = deck->header().series;
  activation.from = deck->header().effective_time;
  catalog->timeline = std::make_shared<rates::Timeline>(std::move(activations));
  catalog->decks = catalog->decks->With(std::move(deck));
}

}  // namespace reserve::book

#endif  // RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_
