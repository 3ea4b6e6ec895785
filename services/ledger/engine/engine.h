// The engine: lanes for what changes accounts, a pool for what only reads, a
// dispatcher for recharges, a feed of events, and a housekeeper for what time brings.
//
// Every command that changes an account goes to the lane of its range (book/keyspace.h).
// Thread-safe. The engine knows the domain and the storage, not gRPC.
//
//   Engine engine(options);
//   RETURN_IF_ERROR(engine.Start());
//   engine.Submit({Task{...}});        // the sink is told after the commit
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_ENGINE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_ENGINE_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/keyspace.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/deck_activation.h"
#include "services/ledger/engine/deck_loader.h"
#include "services/ledger/engine/due_times.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/engine/event_feed.h"
#include "services/ledger/engine/hold_sweep.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/plan_versions.h"
#include "services/ledger/engine/query_pool.h"
#include "services/ledger/engine/range_keeper.h"
#include "services/ledger/engine/recharge_dispatcher.h"
#include "services/ledger/engine/rerating_runner.h"
#include "services/ledger/engine/summary_keeper.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/engine/unrated_sweep.h"
#include "services/ledger/engine/usage_counter.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"
#include "services/ledger/storage/feature_level.h"

namespace reserve::engine {

class Engine {
 public:
  explicit Engine(EngineOptions options);
  // Finishes what is queued, then stops all threads.
  ~Engine();

  // Loads decks and plans; UNAVAILABLE without a database. Once, but may be tried
  // again after an error.
  absl::Status Start();
  bool started() const { return started_; }

  // Queues tasks on their lanes. Every sink hears of each of its tasks once;
  // before Start it hears UNAVAILABLE "NOT_SERVING".
  void Submit(std::vector<Task> tasks);

  // RESOURCE_EXHAUSTED "OVERLOADED" with a wait if the account's lane has no room
  // (for callers who can ask before they go to the expense of making a task), or, for
  // what is of many accounts, if a lane has no room while all are more than half full.
  // Counts as one refused command. OK promises nothing.
  absl::Status CheckRoom(absl::string_view account_id);
  absl::Status CheckRoom();
  // Is the queue of some lane more than half full?
  bool crowded() const;

  // Bulkheads: what waits behind one never waits behind another.
  // Reads of one account, or one page: milliseconds.
  QueryPool& queries() { return *queries_; }
  // What a person waits for and needs more than that, as it is added up: summaries, statements,
  // advice.
  QueryPool& pages() { return *pages_; }
  // Imports of decks, audits, lists of all accounts: whatever may take long.
  QueryPool& bulk() { return *bulk_; }
  // What a worker must not wait for, or it loses its leases.
  QueryPool& doors() { return *doors_; }
  RechargeDispatcher& dispatcher() { return *dispatcher_; }
  EventFeed& event_feed() { return *event_feed_; }
  ReratingRunner& reratings() { return *reratings_; }
  SummaryKeeper& summaries() { return *summaries_; }
  RangeKeeper& ranges() { return *ranges_; }
  std::shared_ptr<const book::Catalog> catalog() const { return catalogs_.Get(); }
  // The catalog, read again if it lacks the plan: another ledger may have made it.
  absl::StatusOr<std::shared_ptr<const book::Catalog>> CatalogWithPlan(
      storage::Connection& connection, const std::string& plan_id);
  // The catalog with a deck that it may have left out; the deck is loaded on this thread, which may
  // take long: one of the bulk pool. No matter if there is no such deck.
  absl::StatusOr<std::shared_ptr<const book::Catalog>> CatalogWithDeck(
      storage::Connection& connection, int64_t version);
  const EngineOptions& options() const { return options_; }
  const EngineStats& stats() const { return stats_; }
  // How the database replicates; -1 of each while that is not known.
  void NoteReplication(int64_t replicas, int64_t semi_sync_enabled, int64_t semi_sync_in_force) {
    stats_.database_replicas = replicas;
    stats_.semi_sync_enabled = semi_sync_enabled;
    stats_.semi_sync_in_force = semi_sync_in_force;
  }
  // The wall clock was set, as whoever watches it has seen (ClockWatch).
  void NoteClockJump() { ++stats_.clock_jumps; }
  // Of commands for accounts that another ledger works on, and those that it passed on to this one.
  void NotePassedOn(int64_t commands) { stats_.passed_on += commands; }
  void NoteDoneInPlace(int64_t commands) { stats_.done_in_place += commands; }
  void NoteTakenOver(int64_t commands) { stats_.taken_over += commands; }
  StepReport& steps() { return stats_.steps; }
  // Tells that the database was just asked, and works: an outage from now on is a new one. While it
  // refuses to write that goes for reads alone.
  void NoteDatabaseWorks();
  // Tells that the database does not answer: summaries, statements and advice, of which one
  // statement may take long, are broken off, so that their callers are told as soon as others.
  void NoteDatabaseHangs();
  // Tells that it can write again, as far as can be known without a fact to be written.
  void NoteTroubleIsOver() { stats_.write_trouble.Worked(); }
  // How long ago the oldest attempt began whose outcome is not known, as last looked at; zero if
  // there is none.
  absl::Duration OldestUnknownOutcome() const;
  // The ledgers that serve from this database, as last looked at.
  std::vector<storage::ServingLedger> ledgers() const ABSL_LOCKS_EXCLUDED(ledgers_mutex_);
  // What the connections of the engine, and of who uses its options, met.
  storage::ErrorTally& database_errors() { return database_errors_; }
  absl::Time Now() const { return options_.clock(); }

  struct ImportedDeck {
    rates::DeckHeader header;
    bool already_imported = false;
  };
  // Stores a deck under the next version, all or nothing, as a draft: it prices nothing before it
  // is activated. A deck with the name, currency, series, options and content of a stored one,
  // which is not retired, is that one. The rows are given back once they are stored; after an
  // error they are there, in another order. Blocks: call it from a thread of the query pool.
  absl::StatusOr<ImportedDeck> ImportDeck(storage::Connection& connection, rates::DeckHeader header,
                                          rates::RateRows&& rows);

  // The stored deck that an import of this one would answer with; nothing if it would store one.
  absl::StatusOr<std::optional<rates::DeckHeader>> FindImported(storage::Connection& connection,
                                                                const rates::DeckHeader& header);

  // Brings a deck into force (deck_activation.h); this ledger knows of it at once. Blocks, as
  // ImportDeck.
  absl::StatusOr<rates::DeckActivation> ActivateDeck(storage::Connection& connection,
                                                     const ActivationOrder& order);
  // Retires a deck (deck_activation.h); FAILED_PRECONDITION "RATE_DECK_NEEDED" while a start that
  // is not too old to be booked is priced by it. Blocks, as ImportDeck.
  absl::Status RetireDeck(storage::Connection& connection, int64_t version,
                          const RetirementOrder& order);

  // Gives a plan another version, or makes a plan (plan_versions.h); this ledger knows of it at
  // once. Blocks, as ImportDeck.
  absl::StatusOr<rates::PlanVersion> PutPlan(storage::Connection& connection,
                                             const PlanOrder& order);
  // Retires a plan (plan_versions.h). Blocks, as ImportDeck.
  absl::Status RetirePlan(storage::Connection& connection, const std::string& plan_id,
                          const std::string& etag, const RetirementOrder& order);

  // Prolongs a lease; FAILED_PRECONDITION "LEASE_LOST". Blocks, as ImportDeck.
  absl::StatusOr<absl::Duration> RenewLease(storage::Connection& connection,
                                            const book::RechargeKey& key,
                                            const std::string& worker_id, int64_t lease_epoch);

 private:
  // Starts of before are refused, and no call is under way since then.
  absl::Time FirstStart() const;
  // Starts of before are rated rarely.
  absl::Time DeckHorizon() const;
  size_t LaneNumber(absl::string_view account_id) const {
    return book::RangeOf(account_id, lanes_.size());
  }
  void KeepHouse();
  // Is what time brings to the account done here? Of all accounts every tenth time, whoever has
  // them: a ledger that lives may hang all the same.
  bool IsOurs(absl::string_view account_id) const {
    return house_rounds_ % 10 == 0 || ranges_->Elsewhere(account_id) == nullptr;
  }
  // Runs a step of the housekeeping on the connection, which is opened if need be.
  void Keep(Step step, std::unique_ptr<storage::Connection>& connection,
            absl::FunctionRef<absl::Status(storage::Connection&)> work);
  absl::Status RefreshCatalog(storage::Connection& connection);
  // Accounts that time alone changes are reconsidered: those that are due, those whose due time is
  // too far off to be true, and those that are to be told of grants that end.
  absl::Status Recheck(storage::Connection& connection);
  absl::Status PutDueTimesRight(storage::Connection& connection);
  absl::Status NoticeExpiry(storage::Connection& connection);
  // Sends them; what came of those before.
  absl::Status Reconsider(const std::vector<std::string>& accounts, TaskPage* page);
  absl::Status EndHolds(storage::Connection& connection);
  // Usages that wait for a price, or are to be rated again.
  absl::Status LookForUnpriced(storage::Connection& connection);
  // Says that this ledger is there, if it is time to.
  absl::Status BeatHeart(storage::Connection& connection);
  // Counts the recharges that are not over, and sees who serves, if it is time to.
  absl::Status CountRecharges(storage::Connection& connection);
  // Says that it has ended, if that can be said at once.
  void Leave();

  storage::ErrorTally database_errors_;
  EngineOptions options_;
  EngineStats stats_;
  Patience writing_patience_;
  CatalogKeeper catalogs_;
  std::unique_ptr<DeckLoader> decks_;
  // Of the housekeeper's thread only.
  DueTimes due_times_{options_, stats_};
  Moment next_heartbeat_ = -absl::InfiniteDuration();
  Moment next_recharge_count_ = -absl::InfiniteDuration();
  TaskPage rechecks_{TaskPage::LookAtNone()};
  TaskPage moved_{TaskPage::LookAtNone()};  // whose due times were too far off
  TaskPage notices_{TaskPage::LookAtNone()};
  int64_t house_rounds_ = 0;
  HoldSweep holds_{stats_, [this](std::vector<Task> tasks) { Submit(std::move(tasks)); },
                   [this](absl::string_view account_id) { return IsOurs(account_id); }};
  UnratedSweep unrated_{stats_, [this](std::vector<Task> tasks) { Submit(std::move(tasks)); }};
  std::unique_ptr<RechargeDispatcher> dispatcher_;
  std::unique_ptr<QueryPool> queries_;
  std::unique_ptr<QueryPool> pages_;
  std::unique_ptr<QueryPool> bulk_;
  std::unique_ptr<QueryPool> doors_;
  std::unique_ptr<EventFeed> event_feed_;
  std::unique_ptr<ReratingRunner> reratings_;
  std::unique_ptr<UsageCounter> usage_counter_;
  std::unique_ptr<SummaryKeeper> summaries_;
  std::unique_ptr<RangeKeeper> ranges_;
  std::vector<std::unique_ptr<Lane>> lanes_;

  mutable absl::Mutex ledgers_mutex_;
  std::vector<storage::ServingLedger> ledgers_ ABSL_GUARDED_BY(ledgers_mutex_);

  std::atomic<bool> started_ = false;
  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread housekeeper_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_ENGINE_H_
