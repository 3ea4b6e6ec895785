#include "services/ledger/engine/recharge_dispatcher.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "common/clock/monotonic.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/keyspace.h"
#include "services/ledger/storage/card_decline_rows.h"

namespace reserve::engine {
namespace {

constexpr size_t kMaxClaimsAtOnce = 256;
constexpr size_t kMostTraced = 4096;
// The clocks of ledgers that work together are never further apart than this.
constexpr absl::Duration kClocksApart = absl::Hours(2);
// Longer than any gateway remembers a key.
constexpr absl::Duration kOlderThanAnyKey = absl::Hours(24 * 365);

bool CanBeTaken(const domain::Recharge& recharge, absl::Time now) {
  return recharge.state == domain::RechargeState::kOpen && recharge.due_time <= now;
}

// How long ago the attempt began. One that begins far in the future was begun by a wrong clock, and
// may be of any age: the worker then looks it up, and sends nothing under a key that the gateway
// may have forgotten.
absl::Duration AttemptAge(absl::Time start, absl::Time now) {
  return start > now + kClocksApart ? kOlderThanAnyKey : now - start;
}

}  // namespace

RechargeDispatcher::RechargeDispatcher(const EngineOptions& options, EngineStats& stats,
                                       TaskPage::Submit submit)
    : options_(options), stats_(stats), submit_(std::move(submit)), thread_([this] { Run(); }) {}

void RechargeDispatcher::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void RechargeDispatcher::Add(RechargeWatcher* watcher, std::string worker_id, int max_in_flight) {
  absl::MutexLock lock(&mutex_);
  watching_.push_back({watcher, std::move(worker_id), static_cast<size_t>(max_in_flight), {}});
  backlog_ = true;
  waker_.Wake();
}

void RechargeDispatcher::Remove(RechargeWatcher* watcher) {
  absl::MutexLock lock(&mutex_);
  watching_.erase(std::remove_if(watching_.begin(), watching_.end(),
                                 [watcher](const Watching& w) { return w.watcher == watcher; }),
                  watching_.end());
}

void RechargeDispatcher::Announce(const std::vector<book::RechargeKey>& keys,
                                  const std::vector<TraceContext>& traces) {
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!traces[i].valid() || !traces_.try_emplace(keys[i], traces[i]).second) continue;
    traced_.push_back(keys[i]);
    if (traced_.size() <= kMostTraced) continue;
    traces_.erase(traced_.front());
    traced_.pop_front();
  }
  if (watching_.empty()) return;  // found by polling once somebody watches
  announced_.insert(announced_.end(), keys.begin(), keys.end());
  waker_.Wake();
}

void RechargeDispatcher::Reported(const book::RechargeKey& key, int64_t lease_epoch) {
  absl::MutexLock lock(&mutex_);
  for (Watching& watching : watching_) {
    const auto found = watching.in_flight.find(key);
    if (found == watching.in_flight.end() || found->second.epoch > lease_epoch) continue;
    watching.in_flight.erase(found);
    if (backlog_) waker_.Wake();
  }
}

void RechargeDispatcher::Renewed(const book::RechargeKey& key, Moment asked) {
  absl::MutexLock lock(&mutex_);
  for (Watching& watching : watching_) {
    const auto found = watching.in_flight.find(key);
    if (found != watching.in_flight.end()) found->second.end = asked + options_.lease_duration;
  }
}

int64_t RechargeDispatcher::Watchers() {
  absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(watching_.size());
}

int64_t RechargeDispatcher::LeasesHeld() {
  absl::MutexLock lock(&mutex_);
  size_t held = 0;
  for (const Watching& watching : watching_) held += watching.in_flight.size();
  return static_cast<int64_t>(held);
}

void RechargeDispatcher::Run() {
  const storage::SqlThread sql_thread;
  std::vector<book::RechargeKey> announced;
  bool poll = false;
  while (AwaitWork(&announced, &poll)) {
    // What fails here is found again by the next poll.
    defers_ = false;
    const absl::Status not_deferred = deferrals_.failing();
    absl::Status done = Dispatch(std::move(announced), poll);
    done.Update(not_deferred);
    stats_.steps.Note(Step::kDispatch, done);
    if (poll && !defers_) deferrals_.SendNothing();
    announced.clear();
  }
  connection_.reset();
}

bool RechargeDispatcher::AwaitWork(std::vector<book::RechargeKey>* announced, bool* poll) {
  absl::MutexLock lock(&mutex_);
  const bool woken = waker_.Await(options_.poll_interval);
  if (stopping_) return false;
  // Also when announcements never stop: retries and lost leases are found only so.
  const Moment now = MonotonicNow();
  *poll = !woken || backlog_ || now - last_poll_ >= options_.poll_interval;
  if (*poll) last_poll_ = now;
  if (!watching_.empty()) announced->swap(announced_);
  announced_.clear();
  return true;
}

size_t RechargeDispatcher::FreeSlots() {
  size_t slots = 0;
  for (const Watching& watching : watching_) {
    slots += watching.max_in_flight - std::min(watching.max_in_flight, watching.in_flight.size());
  }
  return slots;
}

RechargeDispatcher::Watching* RechargeDispatcher::BestFor(const domain::Recharge& recharge,
                                                          absl::Time now) {
  const Moment moment = MonotonicNow();
  Watching* best = nullptr;
  std::pair<bool, size_t> best_rank;
  for (Watching& watching : watching_) {
    if (watching.in_flight.size() >= watching.max_in_flight) continue;
    const size_t room = watching.max_in_flight - watching.in_flight.size();
    // Who had it last let its lease run out, perhaps at another ledger.
    const bool had_it = recharge.lease_owner == watching.worker_id;
    const bool doubted = had_it || moment < watching.doubted_until;
    // Another ledger may know another worker: let it be first.
    if (had_it && now < recharge.due_time + 2 * options_.poll_interval) continue;
    const std::pair<bool, size_t> rank(!doubted, room);
    if (best != nullptr && rank <= best_rank) continue;
    best = &watching;
    best_rank = rank;
  }
  return best;
}

absl::Status RechargeDispatcher::Dispatch(std::vector<book::RechargeKey> announced, bool poll) {
  const absl::Time now = TruncateToMicros(options_.clock());
  {
    absl::MutexLock lock(&mutex_);
    const Moment moment = MonotonicNow();
    for (Watching& watching : watching_) {
      const size_t lapsed = absl::erase_if(
          watching.in_flight, [moment](const auto& lease) { return lease.second.end <= moment; });
      if (lapsed > 0) watching.doubted_until = moment + 2 * options_.lease_duration;
    }
    if (watching_.empty()) return absl::OkStatus();
    if (FreeSlots() == 0) {
      backlog_ = true;
      return absl::OkStatus();
    }
  }
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(options_.database, &connection_));
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Recharge> candidates,
                           Candidates(announced, poll, now));
  RESERVE_RETURN_IF_ERROR(DeferLimited(&candidates, now));
  if (candidates.empty()) {
    absl::MutexLock lock(&mutex_);
    if (poll) backlog_ = false;
    return absl::OkStatus();
  }
  std::vector<Assignment> assignments = Assign(std::move(candidates), now);
  // A transaction for each lane's range of accounts (book/keyspace.h).
  std::map<size_t, std::vector<Assignment>> by_range;
  for (Assignment& assignment : assignments) {
    const size_t range =
        book::RangeOf(assignment.recharge.account_id, static_cast<size_t>(options_.lanes));
    by_range[range].push_back(std::move(assignment));
  }
  absl::Status first_error;
  for (auto& [range, of_range] : by_range) first_error.Update(ClaimRange(std::move(of_range), now));
  return first_error;
}

absl::Status RechargeDispatcher::ClaimRange(std::vector<Assignment> assignments, absl::Time now) {
  std::vector<std::pair<book::RechargeKey, int64_t>> assigned;
  for (const Assignment& assignment : assignments) {
    assigned.emplace_back(assignment.key(), assignment.lease_epoch);
  }
  absl::Status claimed = storage::EnsureOpen(options_.database, &connection_);
  if (claimed.ok()) {
    claimed = Claim(&assignments, now);
    if (!claimed.ok()) connection_->Rollback();
  }
  if (!claimed.ok()) {
    stats_.write_trouble.Note(claimed);
    // Not known to be ours: nothing is delivered, so the workers have room for
    // others, and a lease that was committed all the same runs out.
    for (const auto& [key, lease_epoch] : assigned) Reported(key, lease_epoch);
    absl::MutexLock lock(&mutex_);
    backlog_ = true;
    return claimed;
  }
  Deliver(assignments, now);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<domain::Recharge>> RechargeDispatcher::Candidates(
    const std::vector<book::RechargeKey>& announced, bool poll, absl::Time now) {
  std::vector<domain::Recharge> candidates;
  if (!announced.empty() && announced.size() <= kMaxClaimsAtOnce) {
    RESERVE_ASSIGN_OR_RETURN(candidates,
                             storage::LoadRecharges(*connection_, announced, storage::Lock::kNone));
  } else if (!announced.empty()) {
    poll = true;  // more than one statement should name
  }
  if (poll) {
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<domain::Recharge> due,
        storage::DueRecharges(*connection_, now, static_cast<int>(kMaxClaimsAtOnce)));
    std::move(due.begin(), due.end(), std::back_inserter(candidates));
  }
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                  [now](const domain::Recharge& r) { return !CanBeTaken(r, now); }),
                   candidates.end());
  // In one order, so that two ledgers that claim the same rows don't deadlock.
  const auto key = [](const domain::Recharge& r) { return std::tie(r.account_id, r.ordinal); };
  std::sort(candidates.begin(), candidates.end(),
            [&key](const auto& a, const auto& b) { return key(a) < key(b); });
  candidates.erase(std::unique(candidates.begin(), candidates.end(),
                               [&key](const auto& a, const auto& b) { return key(a) == key(b); }),
                   candidates.end());
  return candidates;
}

absl::Status RechargeDispatcher::DeferLimited(std::vector<domain::Recharge>* candidates,
                                              absl::Time now) {
  // An attempt that was begun is brought to its end: it may have been charged.
  std::vector<absl::string_view> cards;
  for (const domain::Recharge& recharge : *candidates) {
    if (recharge.waits() && !recharge.is_refund()) cards.push_back(recharge.card.fingerprint);
  }
  RESERVE_ASSIGN_OR_RETURN(
      const book::DeclinesByCard declines,
      storage::LoadCardDeclines(*connection_, cards, now - domain::kCardDeclinesCount));
  if (declines.empty()) return absl::OkStatus();
  std::vector<Task> deferrals;
  const auto must_wait = [&](const domain::Recharge& recharge) {
    const auto of_card = declines.find(recharge.card.fingerprint);
    bool network_limited = false;
    if (recharge.in_flight() || recharge.is_refund() || of_card == declines.end() ||
        domain::AllowedByDeclines(options_.settings, recharge.card, of_card->second, now,
                                  &network_limited) <= now) {
      return false;
    }
    deferrals.push_back({recharge.account_id, book::DeferRecharge{recharge.ordinal}});
    return true;
  };
  candidates->erase(std::remove_if(candidates->begin(), candidates->end(), must_wait),
                    candidates->end());
  defers_ = !deferrals.empty();
  // Else the next poll finds them again.
  if (deferrals_.done()) deferrals_.Send(std::move(deferrals), submit_);
  return absl::OkStatus();
}

std::vector<RechargeDispatcher::Assignment> RechargeDispatcher::Assign(
    std::vector<domain::Recharge> candidates, absl::Time now) {
  std::vector<Assignment> assignments;
  absl::MutexLock lock(&mutex_);
  backlog_ = candidates.size() >= kMaxClaimsAtOnce;
  for (domain::Recharge& recharge : candidates) {
    Watching* watching = BestFor(recharge, now);
    if (watching == nullptr) {
      backlog_ = true;
      if (FreeSlots() == 0) break;
      continue;
    }
    const int64_t lease_epoch = recharge.lease_epoch + 1;
    watching->in_flight[book::RechargeKey(recharge.account_id, recharge.ordinal)] = {
        MonotonicNow() + options_.lease_duration, lease_epoch};
    const bool before = recharge.attempt_start != absl::InfinitePast();
    assignments.push_back({std::move(recharge), watching->worker_id, before, lease_epoch});
  }
  return assignments;
}

absl::Status RechargeDispatcher::Claim(std::vector<Assignment>* assignments, absl::Time now) {
  const absl::Time lease_end = now + options_.lease_duration;
  std::vector<Assignment> claimed;
  RESERVE_RETURN_IF_ERROR(connection_->Begin());
  for (Assignment& assignment : *assignments) {
    RESERVE_ASSIGN_OR_RETURN(
        const bool ours, storage::ClaimRecharge(*connection_, assignment.worker_id, now, lease_end,
                                                &assignment.recharge));
    if (ours) {
      claimed.push_back(std::move(assignment));
      continue;
    }
    Reported(assignment.key(), assignment.lease_epoch);
  }
  RESERVE_RETURN_IF_ERROR(connection_->Commit());
  *assignments = std::move(claimed);
  return absl::OkStatus();
}

void RechargeDispatcher::Deliver(const std::vector<Assignment>& assignments, absl::Time now) {
  // Under the lock, so that a watcher that is removed is not called any more.
  absl::MutexLock lock(&mutex_);
  for (const Assignment& assignment : assignments) {
    const book::RechargeKey key = assignment.key();
    for (Watching& watching : watching_) {
      if (watching.in_flight.count(key) == 0) continue;
      const auto traced = traces_.find(key);
      watching.watcher->OnLease({assignment.recharge, options_.lease_duration,
                                 AttemptAge(assignment.recharge.attempt_start, now),
                                 assignment.handed_out_before,
                                 traced == traces_.end() ? TraceContext() : traced->second});
      ++stats_.leases_granted;
      break;
    }
  }
}

}  // namespace reserve::engine
