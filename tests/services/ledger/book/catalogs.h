// Catalogs that tests make by hand. Not thread-safe.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/ledger/book/catalog.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/rates/plan_book.h"
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

inline domain::Plan PlanNamed(const std::string& plan_id) {
  domain::Plan plan;
  plan.plan_id = plan_id;
  return plan;
}

// Adds a plan, or another version of it, which is in force from then on.
inline void PutPlan(const domain::Plan& plan, Catalog* catalog,
                    absl::Time from = absl::InfinitePast()) {
  std::vector<rates::PlanVersion> versions;
  for (const std::string& plan_id : catalog->plans->PlanIds()) {
    for (const rates::PlanVersion* each : catalog->plans->VersionsOf(plan_id)) {
      versions.push_back(*each);
    }
  }
  rates::PlanVersion version;
  version.number = catalog->plans->newest() + 1;
  version.version = catalog->plans->NewestVersionOf(plan.plan_id) + 1;
  version.plan = plan;
  version.from = from;
  versions.push_back(std::move(version));
  catalog->plans = std::make_shared<const rates::PlanBook>(std::move(versions));
}

}  // namespace reserve::book

#endif  // RESERVE_TESTS_SERVICES_LEDGER_BOOK_CATALOGS_H_
