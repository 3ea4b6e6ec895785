// Keeps the catalog of decks and plans (book/catalog.h) as it is in the database. Thread-safe.
// Who uses what a catalog returns holds it by its shared_ptr meanwhile.
//
// What is known of the timelines, of decks and of plans, is as old as their last reading (K2, K4):
// who prices asks for a newer one first (GetFresh), however the housekeeping is doing.
//
// In memory are the decks that usages need which began lately, or begin in time to come: of each
// currency and series the one in force at the horizon, and all later ones. Any other deck is left
// out until somebody asks for it, and again once nobody has for a while; one that is retired at
// once. Loading a large deck takes seconds:
// that is the loader's business (deck_loader.h), and that of who has a thread for it.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/rates/timeline.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/event_rows.h"

namespace reserve::engine {

class CatalogKeeper {
 public:
  // Starts before it are rated rarely.
  using Horizon = std::function<absl::Time()>;

  // A deck of no more rows is loaded wherever it is found to be new.
  static constexpr int64_t kLargeDeck = 50'000;
  // So long a deck stays in memory that was asked for and is needed no more.
  static constexpr absl::Duration kKeptFor = absl::Minutes(10);
  // What is known of the timeline is read again once it is so old: no batch then waits for it at
  // the last moment.
  static constexpr absl::Duration kReadAgainAfter = absl::Milliseconds(1500);
  static_assert(kReadAgainAfter < rates::kTimelineHolds);
  // The database's clock, by which the timeline goes.
  using DatabaseClock = std::function<absl::StatusOr<absl::Time>(storage::Connection&)>;

  explicit CatalogKeeper(Horizon horizon, absl::Duration kept_for = kKeptFor,
                         DatabaseClock clock = storage::DatabaseTime,
                         absl::Duration read_again_after = kReadAgainAfter)
      : horizon_(std::move(horizon)),
        kept_for_(kept_for),
        clock_(std::move(clock)),
        read_again_after_(read_again_after) {}

  std::shared_ptr<const book::Catalog> Get() const;

  // Looks whether there is anything new of decks and timeline; true if there is. Where a deck that
  // is needed is large it is wanted, and left out until then.
  absl::StatusOr<bool> CatchUp(storage::Connection& connection);

  // The catalog, to book by. Its timeline is read again if what is known of it is nearly as old as
  // it may be. Where that fails no start can be priced by it, and all else goes on.
  std::shared_ptr<const book::Catalog> GetFresh(storage::Connection& connection);
  // Reads it again; true if starts at `start` can be priced now.
  absl::StatusOr<bool> ReadTimelineUpTo(storage::Connection& connection, absl::Time start);

  // Reads the plans again; true if there is a plan, or a version, that was not known.
  absl::StatusOr<bool> CatchUpPlans(storage::Connection& connection);

  // Takes over what is new in the database: headers, plans, and decks that are needed, large ones
  // later (NextWanted) if `large_later`. A deck never changes, so a known one is not read again.
  // Lets go of what is needed no more.
  absl::Status Refresh(storage::Connection& connection, bool large_later = false);

  // Somebody waits for this deck.
  void Want(int64_t version);
  // A deck that is to be loaded; none if there is nothing to do.
  std::optional<int64_t> NextWanted() const;
  // Loads the deck, if it is not in memory, for whoever asks now and in a while. Nothing happens
  // if there is no such deck.
  absl::Status Load(storage::Connection& connection, int64_t version);
  // Ends loads that are under way with UNAVAILABLE "DRAINING", as those that begin.
  void Stop() { stopping_ = true; }

 private:
  // The header of a deck that there is, but not in memory.
  std::optional<rates::DeckHeader> Missing(int64_t version) const;
  // The versions of plans.
  absl::Status TakePlans(storage::Connection& connection) ABSL_LOCKS_EXCLUDED(mutex_);
  // Headers and timeline; plans where their versions may be new.
  absl::Status TakeHeaders(storage::Connection& connection) ABSL_LOCKS_EXCLUDED(mutex_);
  // Only the timeline where no deck and no version of a plan can be new.
  absl::Status ReadTimeline(storage::Connection& connection) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes a changed copy of the catalog the one that counts.
  void Publish(absl::FunctionRef<void(book::Catalog&)> change) ABSL_LOCKS_EXCLUDED(mutex_);
  void LeaveOut(book::Catalog& catalog) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool IsAskedFor(int64_t version) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Horizon horizon_;
  const absl::Duration kept_for_;
  const DatabaseClock clock_;
  const absl::Duration read_again_after_;
  std::atomic<bool> stopping_ = false;
  // One load of a large deck at a time: two of the same would be one too many in memory.
  absl::Mutex load_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::shared_ptr<const book::Catalog> catalog_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<book::Catalog>();
  std::vector<rates::DeckHeader> headers_ ABSL_GUARDED_BY(mutex_);  // of all decks, by version
  std::set<int64_t> needed_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, Moment> asked_ ABSL_GUARDED_BY(mutex_);  // when somebody asked last
  storage::TimelineMark mark_ ABSL_GUARDED_BY(mutex_);
  Moment timeline_read_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();  // when that began
  Moment plans_read_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();     // the same of plans
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_CATALOG_H_
