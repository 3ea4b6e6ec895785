// One thread with one database connection that commits batches for its share of
// the accounts.
//
// The lane remembers accounts (account_cache.h) and, where only usages are to be
// recorded, does without reading them, as the write checks that they are still so.
// It takes whatever is queued (no timer), runs it as one transaction, and
// answers after the commit. Conflicts are retried with jitter; a connection lost
// during COMMIT is resolved by running the batch again with every key looked up,
// so what was committed is found and what was not is done. One bad command, or an
// account whose rows are broken, can't take others down: a batch that goes on
// failing as a whole is run in parts, and the account runs apart for a while.
// Submit is thread-safe; replies come from the thread beside it (reply_thread.h).
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_LANE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_LANE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/clock/monotonic.h"
#include "common/digest/random_key.h"
#include "common/telemetry/trace.h"
#include "services/ledger/book/fold.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/engine/account_cache.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/distribution.h"
#include "services/ledger/engine/known_level.h"
#include "services/ledger/engine/overload.h"
#include "services/ledger/engine/patience.h"
#include "services/ledger/engine/reply_thread.h"
#include "services/ledger/engine/step_report.h"
#include "services/ledger/engine/task.h"
#include "services/ledger/engine/write_trouble.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::engine {

using Clock = std::function<absl::Time()>;

struct EngineOptions {
  storage::DatabaseOptions database;
  domain::Settings settings;
  int lanes = 4;
  int query_threads = 4;
  int bulk_threads = 2;
  // Commands in one transaction at the most; at most 1,000 (storage/*_rows.h).
  // More usages share a commit, and hold their locks for longer. MariaDB rewrites lists of
  // 1,000 ids and more into something else.
  int max_batch = 900;
  // Commands waiting in one lane at the most, and the memory that they and their
  // calls may hold (BytesOf; the last one may go over it). Beyond either they are
  // refused.
  int max_queue = 8'192;
  int64_t max_queue_bytes = 8 << 20;
  // Accounts remembered from one transaction to the next, over all lanes, of about
  // 1 kB each; 0 for none (account_cache.h).
  int cached_accounts = 100'000;
  // How long a batch may take to get through conflicts and lost connections. A
  // database that is away for longer is tried once a batch, until it is back.
  absl::Duration retry_budget = absl::Seconds(5);
  // About half of the first pause before a batch is tried again; each next one is
  // twice as long as the one before.
  absl::Duration first_back_off = absl::Milliseconds(2);
  absl::Duration lease_duration = absl::Seconds(30);
  // How often work is looked for that no command of this process announced.
  absl::Duration poll_interval = absl::Milliseconds(500);
  // Decks are in memory that usages need which began no longer ago, or than a call may last
  // (catalog.h); others are loaded when somebody asks for them.
  absl::Duration decks_in_memory_for = absl::Hours(48);
  // How often new decks, plans and accounts to be reconsidered are looked for.
  absl::Duration house_interval = absl::Seconds(1);
  // How long after its INSERT an event may be committed: no lane commits after half
  // of it, and who watches reads back all of it (event_cursor.h). The same on all
  // ledgers of a database.
  absl::Duration event_overlap = absl::Minutes(1);
  // How often events are looked for while somebody watches them.
  absl::Duration event_poll_interval = absl::Milliseconds(100);
  // A watcher hears at least this often.
  absl::Duration event_progress_interval = absl::Seconds(5);
  // What this ledger is called among those that serve (storage/feature_level.h; empty: any unique
  // name), how often it says that it is there, and the newest feature level that it knows.
  std::string ledger_id;
  absl::Duration heartbeat_interval = absl::Seconds(5);
  // Where other ledgers of the database reach this one, to share the accounts with it
  // (range_keeper.h); empty: it takes no part. How often it says that it lives, and looks who else
  // does.
  std::string peer_address = {};
  absl::Duration range_interval = absl::Milliseconds(500);
  int known_feature_level = domain::kNewestFeatureLevel;
  // How long a lane goes by the level that it has read (known_level.h).
  absl::Duration feature_level_holds = absl::Seconds(2);
  // How often usage is added up by day and prefix (usage_counter.h), and how long after it was
  // booked: the most that ledgers' clocks may be behind the database's and a commit may take.
  absl::Duration usage_count_interval = absl::Seconds(5);
  absl::Duration usage_counted_after = absl::Minutes(5);
  // Accounts are added up for summaries a stretch of so many entries at a time (summary_keeper.h).
  int64_t summary_stretch = 1'024;
  // New keys for users' numbers (book/entry_chain.h).
  std::function<domain::NumberKey()> make_number_key = RandomKey;
  Clock clock;
  // The database's own clock, by which the timeline of decks goes (catalog.h).
  CatalogKeeper::DatabaseClock database_clock = storage::DatabaseTime;
  // How long a batch goes by the timeline that was read last, before it reads it again.
  absl::Duration timeline_read_again_after = CatalogKeeper::kReadAgainAfter;
  // Gets a span for each transaction that serves sampled calls; null for none. Must outlive the
  // engine.
  Tracer* tracer = nullptr;
};

// Counts since the start. Each is written by many threads and read by metrics.
struct EngineStats {
  std::atomic<int64_t> commands{0};
  std::atomic<int64_t> batches{0};
  std::atomic<int64_t> conflicts{0};
  std::atomic<int64_t> connections_lost{0};
  std::atomic<int64_t> unknown_commits{0};
  std::atomic<int64_t> moved{0};   // batches that remembered what was no longer so
  std::atomic<int64_t> splits{0};  // batches run in two parts, as they failed as a whole
  std::atomic<int64_t> duplicates{0};
  std::atomic<int64_t> booked_unrated{0};     // usages without a price or a user yet
  std::atomic<int64_t> unrated_looked_at{0};  // of those, again (unrated_sweep.h)
  std::atomic<int64_t> rated_later{0};
  // Calls in progress, of all accounts, and what became of them by time (hold_sweep.h).
  std::atomic<int64_t> holds_open{0};
  std::atomic<int64_t> holds_unsettled{0};
  std::atomic<int64_t> holds_expired{0};
  std::atomic<int64_t> usages_estimated{0};
  std::atomic<int64_t> unrated{0};  // how many wait now, of all accounts
  std::atomic<int64_t> rated_again{0};
  std::atomic<int64_t> unbooked_emergencies{0};
  std::atomic<int64_t> usage_after_closing{0};  // refused, as the account is closed (P4)
  // Limits against fraud: reached, by window of spending; what was refused for one, by kind.
  std::array<std::atomic<int64_t>, domain::kSpendWindows> limits_reached{};
  std::array<std::atomic<int64_t>, domain::kLimitKinds> limit_refusals{};
  std::atomic<int64_t> overloaded{0};
  std::atomic<int64_t> too_late{0};  // dropped, as their deadlines had passed
  std::atomic<int64_t> overloaded_queries{0};
  std::atomic<int64_t> leases_granted{0};
  // Ranges of accounts that this ledger has, among so many ledgers (range_keeper.h); and commands
  // for the accounts of others: passed on and answered by them, or done here in their place, as
  // they did not answer; and those that others have passed on to this one.
  std::atomic<int64_t> ranges_owned{0};
  std::atomic<int64_t> ledgers_sharing{0};
  std::atomic<int64_t> passed_on{0};
  std::atomic<int64_t> done_in_place{0};
  std::atomic<int64_t> taken_over{0};
  std::atomic<int64_t> due_times_put_right{0};  // due_times.h
  std::atomic<int64_t> clock_jumps{0};          // of the wall clock
  std::atomic<int64_t> clock_ahead_micros{0};   // of the database's; below zero if behind
  std::atomic<int64_t> queued{0};
  std::atomic<int64_t> queued_bytes{0};
  // Commands that were told that the database can't do them at the moment.
  std::atomic<int64_t> unavailable{0};
  // Commands in a transaction; how long a COMMIT took, and a batch from its first try until it was
  // answered, in microseconds.
  Distribution batch_sizes{1, 2, 5, 10, 20, 50, 100, 200, 500, 1'000};
  Distribution commit_micros{200,    500,     1'000,   2'000,   5'000,     10'000,   20'000,
                             50'000, 100'000, 200'000, 500'000, 1'000'000, 5'000'000};
  Distribution batch_micros{500,    1'000,   2'000,   5'000,   10'000,    20'000,
                            50'000, 100'000, 200'000, 500'000, 1'000'000, 5'000'000};
  std::atomic<int64_t> retries{
      0};  // batches, or parts of them, tried again, whatever came in between
  // Recharges that are not over, of all accounts, as last counted (storage/recharge_rows.h), and
  // when the oldest attempt began whose outcome is not known, in microseconds since 1970; 0: none.
  std::atomic<int64_t> recharges_waiting{0};
  std::atomic<int64_t> recharges_in_flight{0};
  std::atomic<int64_t> recharges_pending{0};
  std::atomic<int64_t> recharges_in_review{0};
  std::atomic<int64_t> oldest_attempt_micros{0};
  // How the database replicates, as whoever looks at it has said; -1 of each: it is not known.
  std::atomic<int64_t> database_replicas{-1};
  std::atomic<int64_t> semi_sync_enabled{-1};
  std::atomic<int64_t> semi_sync_in_force{-1};
  WriteTrouble write_trouble;
  StepReport steps;
};

class Lane {
 public:
  // Called with what can be taken now, and of each the trace of the call that opened it.
  using OnDueRecharges =
      std::function<void(const std::vector<book::RechargeKey>&, const std::vector<TraceContext>&)>;
  // Called with accounts once it is committed that they have new users.
  using OnNewUsers = std::function<void(const std::vector<std::string>&)>;
  // Called with accounts once it is committed that they have booked another stretch of entries.
  using OnStretchBooked = std::function<void(const std::vector<std::string>&)>;
  // Called with a task that needs a deck that is not in memory, in place of an answer to it.
  using OnDeckNeeded = std::function<void(int64_t version, Task task)>;

  // The options, keeper, patience and stats must outlive the lane.
  Lane(const EngineOptions& options, CatalogKeeper& catalogs, Patience& patience,
       EngineStats& stats, OnDueRecharges on_due_recharges, OnNewUsers on_new_users,
       OnStretchBooked on_stretch_booked, OnDeckNeeded on_deck_needed);
  // Finishes what is queued.
  ~Lane();

  // Queues tasks, in order, out of where they are. What does not fit is answered RESOURCE_EXHAUSTED
  // "OVERLOADED" with a wait, at once, from the calling thread.
  void Submit(absl::Span<Task* const> tasks);

  // Should nothing more be brought? Costs next to nothing. True while there is no room for
  // some batches, that is, a little before the queue is full: to look at a batch of which
  // most must be refused costs more than what it books.
  bool full() const { return full_.load(std::memory_order_relaxed); }
  // Is more than half of the queue taken? Who can wait before it submits should.
  bool crowded() const { return crowded_.load(std::memory_order_relaxed); }
  // What Submit answers while the lane is full, to `refused` commands.
  absl::Status Refuse(size_t refused);

 private:
  // kContradiction: what is stored makes no sense, if it is still so when it is read again.
  // kUnknown: retry, and what was tried may have been committed.
  enum class Outcome { kDone, kRetry, kRetryAtOnce, kUnknown, kContradiction, kFailed };
  // How accounts are read. kLocked: always, under a lock. kRemembered: an account of which there
  // are only usages to record is taken from the cache as it is there; if it is not so any more the
  // try ends with ABORTED "BALANCE_MOVED", and the next one must be with kLocked.
  enum class Reading { kLocked, kRemembered };
  // A batch as it is being tried. A retry makes a new one and reads everything again.
  struct Attempt {
    std::vector<book::AccountCommand> commands;
    book::Keys keys;
    book::Image image;
    book::Folded folded;
    bool has_writes = false;
    std::vector<std::string> with_stretch;  // accounts that end a stretch of entries
  };
  // What happened before to tasks, in a larger batch or lately.
  struct Past {
    bool suspect = false;  // some of them failed
    bool unknown = false;  // some may be committed
  };

  void Run();
  // Waits for tasks; none if the lane is to stop.
  std::vector<Task> TakeQueued();
  bool Fits() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void NoteFill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers those whose deadline has passed, before anything of them is begun, and returns the
  // others: what was begun is never dropped, as it may have been done. Keeps the order.
  absl::Span<Task> DropTooLate(absl::Span<Task> tasks);
  // Both may change the order, but not that of one account's tasks.
  void Process(absl::Span<Task> tasks);
  // Tries, whole and in parts, until all are answered.
  void TryUntilAnswered(absl::Span<Task> tasks, Past past, Moment give_up);
  int MostConflicts(absl::Span<const Task> tasks, bool suspect, Outcome outcome) const;
  // One try; on kDone all replies are on their way.
  Outcome Try(absl::Span<const Task> tasks, book::Duplicates* duplicates, Reading* reading,
              absl::Status* error);
  // Loads, folds and writes, all but the COMMIT. After an error the caller rolls back.
  absl::Status Execute(Attempt& attempt, book::Duplicates duplicates, Reading reading);
  // ABORTED "MONTH_IS_SEALED" if something is to be written about a usage of a month that was
  // sealed since the lane last read of it (U8).
  absl::Status CheckMonthsOpen(const domain::Context& context, const book::WriteSet& writes);
  // Makes the span of a transaction that was committed, or needed no commit, if it served calls
  // that are sampled.
  void TraceBatch(absl::Span<const Task> tasks, absl::Time began, bool committed);
  // Puts into the image what is remembered of the accounts.
  void Recall(Attempt& attempt, Reading reading);
  // Keeps the accounts as they are now: once the attempt is committed.
  void Remember(book::Image& image);
  // What is to be done about an error other than that of a COMMIT.
  Outcome Judge(const absl::Status& status, book::Duplicates* duplicates, Reading reading,
                absl::Status* error);
  absl::Status EnsureConnected();
  void Fail(absl::Span<const Task> tasks, const absl::Status& error, bool unknown);
  // Hands the replies to tasks[i] to the thread that gives them out; those that need a deck go on
  // elsewhere.
  void Answer(absl::Span<const Task> tasks, std::vector<absl::StatusOr<book::Reply>> replies);
  bool IsApart(const std::string& account_id) const;
  void SetApart(const std::string& account_id);
  void BackOff(int tries);
  Patience& patience() { return has_shard_ ? own_patience_ : patience_; }

  const EngineOptions& options_;
  CatalogKeeper& catalogs_;
  Patience& patience_;     // of all lanes
  Patience own_patience_;  // where the lane has a shard, which fails on its own
  EngineStats& stats_;
  const OnDueRecharges on_due_recharges_;
  const OnNewUsers on_new_users_;
  const OnStretchBooked on_stretch_booked_;
  const OnDeckNeeded on_deck_needed_;

  absl::Mutex mutex_;
  struct Waiting {
    Waiting(Task&& to_do, size_t size) : task(std::move(to_do)), bytes(size) {}
    Task task;
    size_t bytes;
  };
  std::deque<Waiting> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queue_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  DrainEstimate drain_ ABSL_GUARDED_BY(mutex_);
  // Since when the lane works on what it took; the future if it waits.
  Moment busy_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  std::atomic<bool> full_ = false;
  std::atomic<bool> crowded_ = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the lane's thread only.
  std::unique_ptr<storage::Connection> connection_;
  bool has_shard_ = false;  // on Vitess
  KnownLevel level_;
  AccountCache cache_;
  bool expect_duplicates_ = false;
  // While another ledger works on the same accounts it does not pay to trust what is
  // remembered: so many batches lock first, twice as many after each disappointment.
  int batches_to_lock_ = 0;
  int next_batches_to_lock_ = 1;
  // Accounts that failed on their own, and until when they run on their own at once.
  absl::flat_hash_map<std::string, Moment> apart_;
  absl::InsecureBitGen random_;
  ReplyThread replies_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_LANE_H_
