// What a rerating would do, without doing it (U6): the same fold on the same rows, none of which is
// written or locked. What is booked meanwhile may change it.
//
// Not thread-safe; for one thread with a connection of its own.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RERATING_PREVIEW_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RERATING_PREVIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/rerating.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/rerating_walk.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

// What would follow for the accounts.
struct ReratingConsequences {
  int64_t accounts = 0;    // with a difference
  int64_t below_zero = 0;  // of them would be
  int64_t recharges = 0;   // would be opened, once nothing waits for the customer (G12)
  Nanos recharged = 0;     // by them
};

class ReratingPreview {
 public:
  // `options` must outlive it.
  ReratingPreview(const EngineOptions& options, const std::shared_ptr<const book::Catalog>& catalog,
                  book::ReratingOrder order);
  ~ReratingPreview();

  // Goes on by a page. Where an error came in the middle of one each further call is UNAVAILABLE
  // "INTERRUPTED": begin anew.
  absl::Status Next(storage::Connection& connection);

  // The differences of that page.
  const std::vector<book::RerateReply>& differences() const { return differences_; }
  // Of all pages so far. What follows for an account is known once its last page is done.
  const book::ReratingCounts& counts() const { return counts_; }
  const ReratingConsequences& consequences() const { return consequences_; }
  bool ended() const { return walk_.ended(); }

 private:
  struct Scene;  // the account that is gone through

  // Of one account.
  absl::Status Rate(storage::Connection& connection,
                    absl::Span<const storage::UsageOfScope> usages);
  void Note(const absl::StatusOr<book::Reply>& reply);
  void EndAccount();
  domain::Context ContextNow() const;

  const EngineOptions& options_;
  const std::shared_ptr<const book::Catalog> catalog_;
  book::ReratingJob job_;
  ReratingWalk walk_;
  std::unique_ptr<Scene> scene_;
  bool interrupted_ = false;  // within a page
  std::vector<book::RerateReply> differences_;
  book::ReratingCounts counts_;
  ReratingConsequences consequences_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RERATING_PREVIEW_H_
