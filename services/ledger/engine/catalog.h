// Keeps the catalog of decks and plans (book/catalog.h) as it is in the database. Thread-safe.
// Who uses what a catalog returns holds it by its shared_ptr meanwhile.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

class CatalogKeeper {
 public:
  std::shared_ptr<const book::Catalog> Get() const;

  // Refreshes if there is a deck that is not known yet; true if there was.
  absl::StatusOr<bool> CatchUp(storage::Connection& connection);

  // Refreshes if there is a plan that is not known yet; true if there was.
  absl::StatusOr<bool> CatchUpPlans(storage::Connection& connection);

  // Loads what is new in the database: decks that are not known yet, and the
  // plans. A deck never changes, so a known one is not read again.
  absl::Status Refresh(storage::Connection& connection);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const book::Catalog> catalog_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<book::Catalog>();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
