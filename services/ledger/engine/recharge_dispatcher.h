// Hands due recharges to the workers that watch, each with a lease.
//
// A recharge that a lane has just opened is announced and handed out at once;
// all others (retries, leases that ran out, those of other ledgers) are found by
// polling. A claim is a conditional update, so that several ledgers can hand out
// from one database. One transaction never claims recharges of accounts of two
// lanes' ranges, and one that fails does not stop the others. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RECHARGE_DISPATCHER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RECHARGE_DISPATCHER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/telemetry/trace.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/task_page.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::engine {

struct LeasedRecharge {
  domain::Recharge recharge;
  absl::Duration lease_remaining;
  absl::Duration attempt_age;
  bool handed_out_before = false;
  // Of the call that opened it, if that came to this ledger and not long ago.
  TraceContext trace = {};
};

// A worker that watches. OnLease is called from the dispatcher's thread and must
// not block; it is not called again once Remove has returned.
class RechargeWatcher {
 public:
  virtual ~RechargeWatcher() = default;
  virtual void OnLease(const LeasedRecharge& leased) = 0;
};

class RechargeDispatcher {
 public:
  // `submit` gets the commands that put off what is due but must not be tried yet; what it uses
  // must outlive them, and so must the dispatcher.
  RechargeDispatcher(const EngineOptions& options, EngineStats& stats, TaskPage::Submit submit);
  ~RechargeDispatcher() { Stop(); }

  // Ends the thread: nothing is handed out and nothing deferred any more.
  void Stop();

  void Add(RechargeWatcher* watcher, std::string worker_id, int max_in_flight);
  void Remove(RechargeWatcher* watcher);

  // These recharges can be taken now. `traces`: of each the call that opened it.
  void Announce(const std::vector<book::RechargeKey>& keys,
                const std::vector<TraceContext>& traces);
  // A report under that lease on the recharge was applied: its worker has room again. Of the next
  // attempt's lease, which may have been given meanwhile, that says nothing.
  void Reported(const book::RechargeKey& key, int64_t lease_epoch);
  // How many workers watch here, and how many leases they have.
  int64_t Watchers() ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t LeasesHeld() ABSL_LOCKS_EXCLUDED(mutex_);
  // A lease was prolonged; it ends one lease's duration after `asked`.
  void Renewed(const book::RechargeKey& key, Moment asked);

 private:
  struct Lease {
    Moment end;
    int64_t epoch;
  };
  struct Watching {
    RechargeWatcher* watcher;
    std::string worker_id;
    size_t max_in_flight;
    // What the worker has.
    absl::flat_hash_map<book::RechargeKey, Lease> in_flight;
    // It let a lease run out, and may be frozen: until then others are preferred.
    Moment doubted_until = -absl::InfiniteDuration();
  };
  struct Assignment {
    domain::Recharge recharge;
    std::string worker_id;
    bool handed_out_before = false;
    int64_t lease_epoch = 0;  // that the claim leads to
    book::RechargeKey key() const { return {recharge.account_id, recharge.ordinal}; }
  };

  void Run();
  // Waits for work; false if it is time to stop.
  bool AwaitWork(std::vector<book::RechargeKey>* announced, bool* poll);
  absl::Status Dispatch(std::vector<book::RechargeKey> announced, bool poll);
  absl::StatusOr<std::vector<domain::Recharge>> Candidates(
      const std::vector<book::RechargeKey>& announced, bool poll, absl::Time now);
  // Takes those out whose card has reached a limit of its network (G9).
  absl::Status DeferLimited(std::vector<domain::Recharge>* candidates, absl::Time now);
  std::vector<Assignment> Assign(std::vector<domain::Recharge> candidates, absl::Time now);
  // Claims and delivers what is of one range of accounts.
  absl::Status ClaimRange(std::vector<Assignment> assignments, absl::Time now);
  // One transaction: takes those out that somebody else was faster to claim.
  absl::Status Claim(std::vector<Assignment>* assignments, absl::Time now);
  void Deliver(const std::vector<Assignment>& assignments, absl::Time now);
  size_t FreeSlots() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Who is to have it: with most room among those that can be trusted to be alive, or
  // else among all. Null if nobody has room, or only who has just lost the lease.
  Watching* BestFor(const domain::Recharge& recharge, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EngineOptions& options_;
  EngineStats& stats_;
  const TaskPage::Submit submit_;
  TaskPage deferrals_{TaskPage::LookAtNone()};

  absl::Mutex mutex_;
  Waker waker_{&mutex_};
  std::vector<Watching> watching_ ABSL_GUARDED_BY(mutex_);
  std::vector<book::RechargeKey> announced_ ABSL_GUARDED_BY(mutex_);
  // What opened them, of the latest thousands: a retry, too, belongs to that trace.
  absl::flat_hash_map<book::RechargeKey, TraceContext> traces_ ABSL_GUARDED_BY(mutex_);
  std::deque<book::RechargeKey> traced_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  bool backlog_ ABSL_GUARDED_BY(mutex_) = false;  // more was due than there was room for
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the dispatcher's thread only.
  std::unique_ptr<storage::Connection> connection_;
  Moment last_poll_ = -absl::InfiniteDuration();
  bool defers_ = false;  // something, by this dispatch

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RECHARGE_DISPATCHER_H_
