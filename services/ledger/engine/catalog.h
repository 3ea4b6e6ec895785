// Decks and plans as of one moment, and the keeper that refreshes them.
//
// A Catalog never changes; hold it by shared_ptr while you use what it returns.
// CatalogKeeper is thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

struct Catalog {
  std::shared_ptr<const rates::DeckBook> decks = std::make_shared<rates::DeckBook>();
  absl::flat_hash_map<std::string, domain::Plan> plans;

  // NOT_FOUND "PLAN_NOT_FOUND" on field "plan_id".
  absl::StatusOr<const domain::Plan*> FindPlan(const std::string& plan_id) const;
  // The rate of a usage in the deck of `currency` that is in force at its start;
  // null if there is none.
  const domain::Rate* FindRate(const std::string& currency, const domain::Usage& usage) const;
};

class CatalogKeeper {
 public:
  std::shared_ptr<const Catalog> Get() const;

  // Refreshes if there is a deck that is not known yet; true if there was.
  absl::StatusOr<bool> CatchUp(storage::Connection& connection);

  // Loads what is new in the database: decks that are not known yet, and the
  // plans. A deck never changes, so a known one is not read again.
  absl::Status Refresh(storage::Connection& connection);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Catalog> catalog_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Catalog>();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
