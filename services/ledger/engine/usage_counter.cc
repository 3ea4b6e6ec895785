#include "services/ledger/engine/usage_counter.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "common/error/error.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/engine/thread_priority.h"
#include "services/ledger/rates/usage_groups.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/usage_count_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::engine {
namespace {

using domain::Entry;
using domain::EntryKind;

// Entries of one step: some 50 ms of work.
constexpr int kAtOnce = 5'000;
// So many times as long as a step took it rests: who reads a page beside it should not notice. It
// hurries only once it is far behind.
constexpr int kRests = 12;
constexpr int kRestsInAHurry = 3;
constexpr absl::Duration kFarBehind = absl::Hours(1);
constexpr absl::Duration kCounterPause = absl::Milliseconds(10);
// Another ledger counts in place of one that has not moved the position for so long.
constexpr absl::Duration kTakeOver = absl::Minutes(1);
// While nothing is booked the position is moved now and then.
constexpr absl::Duration kIdleStretch = absl::Seconds(30);

// Adds up the entries of a stretch.
class StretchTally {
 public:
  StretchTally(storage::Connection& connection, absl::Time begin)
      : connection_(connection), begin_(begin) {}

  absl::StatusOr<std::vector<rates::UsageGroup>> Add(const std::vector<Entry>& entries) {
    RESERVE_RETURN_IF_ERROR(LoadWhatBecame(entries));
    for (const Entry& entry : entries) {
      if (entry.kind == EntryKind::kVoid) {
        if (!entry.voided.in_advance) RESERVE_RETURN_IF_ERROR(TakeBack(entry));
      } else if (entry.kind == EntryKind::kUsage || IsFirstRating(entry)) {
        tally_.Add(entry.booked->usage, entry.booked->rating);
      }
    }
    return tally_.Groups();
  }

 private:
  using OwnKey = std::pair<std::string, std::string>;  // account, usage id

  // Of the few that were not only booked.
  absl::Status LoadWhatBecame(const std::vector<Entry>& entries) {
    std::vector<book::OnceKey> all;
    std::vector<book::OnceKey> voided;
    for (const Entry& entry : entries) {
      if (entry.kind == EntryKind::kUsage || entry.voided.in_advance) continue;
      all.emplace_back(entry.account_id, domain::UsageIdOf(entry));
      if (entry.kind == EntryKind::kVoid) voided.push_back(all.back());
    }
    if (all.empty()) return absl::OkStatus();
    RESERVE_ASSIGN_OR_RETURN(std::vector<domain::UsageState> states,
                             storage::LoadUsageStates(connection_, all));
    for (domain::UsageState& state : states) {
      const OwnKey key(state.account_id, state.usage_id);
      states_[key] = std::move(state);
    }
    RESERVE_ASSIGN_OR_RETURN(std::vector<Entry> booked, storage::FindUsages(connection_, voided));
    for (Entry& entry : booked) {
      const OwnKey key(entry.account_id, domain::UsageIdOf(entry));
      booked_[key] = std::move(entry);
    }
    return absl::OkStatus();
  }

  const domain::UsageState* StateOf(const Entry& entry) const {
    const auto found = states_.find(OwnKey(entry.account_id, domain::UsageIdOf(entry)));
    return found == states_.end() ? nullptr : &found->second;
  }

  bool IsFirstRating(const Entry& entry) const {
    const domain::UsageState* state = StateOf(entry);
    return state != nullptr && state->rated_seq == entry.seq;
  }

  absl::Status TakeBack(const Entry& entry) {
    const domain::UsageState* state = StateOf(entry);
    const auto booked = booked_.find(OwnKey(entry.account_id, entry.voided.usage_id));
    if (state == nullptr || booked == booked_.end()) return absl::OkStatus();
    // Where a CDR took the place of an estimate, under its id, that was taken back first (H12).
    const bool of_estimate = state->estimate_void_seq == 0 || state->estimate_void_seq == entry.seq;
    if (!of_estimate && state->seq != booked->second.seq) return TakeBackAt(entry, state->seq);
    const Entry& usage = booked->second;
    if (!usage.booked.has_value()) return absl::OkStatus();
    if (!usage.booked->rating.unrated()) {
      TakeBackUsage(usage);
      return absl::OkStatus();
    }
    if (state->rated_seq == 0 || state->rated_seq == usage.seq) return absl::OkStatus();
    return TakeBackAt(entry, state->rated_seq);
  }

  absl::Status TakeBackAt(const Entry& entry, int64_t seq) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<Entry> entries,
                             storage::LoadEntries(connection_, entry.account_id, {seq}));
    for (const Entry& each : entries) {
      if (each.booked.has_value()) TakeBackUsage(each);
    }
    return absl::OkStatus();
  }

  // Of one from before the counting began there is nothing to take back.
  void TakeBackUsage(const Entry& entry) {
    if (entry.record_time < begin_) return;
    tally_.Add(entry.booked->usage, entry.booked->rating, /*times=*/-1);
  }

  storage::Connection& connection_;
  const absl::Time begin_;
  rates::UsageTally tally_;
  std::map<OwnKey, domain::UsageState> states_;
  std::map<OwnKey, Entry> booked_;
};

}  // namespace

UsageCounter::UsageCounter(const EngineOptions& options, EngineStats& stats, Crowded crowded)
    : options_(options), stats_(stats), crowded_(std::move(crowded)) {}

UsageCounter::~UsageCounter() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void UsageCounter::Start() {
  thread_ = std::thread([this] { Run(); });
}

void UsageCounter::Run() {
  SetThreadPriority(ThreadPriority::kLow);
  const storage::SqlThread sql_thread;
  while (Rest(options_.usage_count_interval)) {
    stats_.steps.Note(Step::kUsageCount, Count());
  }
  connection_.reset();
}

bool UsageCounter::Rest(absl::Duration rest) {
  absl::MutexLock lock(&mutex_);
  if (!stopping_) waker_.Await(rest);
  while (!stopping_ && crowded_()) waker_.Await(kCounterPause);
  return !stopping_;
}

absl::Status UsageCounter::Count() {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(options_.database, &connection_));
  while (true) {
    const Moment begun = MonotonicNow();
    RESERVE_ASSIGN_OR_RETURN(const absl::Duration behind, CountStretch());
    if (behind == absl::ZeroDuration()) return absl::OkStatus();
    const int rests = behind > kFarBehind ? kRestsInAHurry : kRests;
    if (!Rest(rests * (MonotonicNow() - begun))) return absl::OkStatus();
  }
}

absl::StatusOr<absl::Duration> UsageCounter::CountStretch() {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, options_.database_clock(*connection_));
  RESERVE_ASSIGN_OR_RETURN(const storage::UsageCount count, storage::ReadUsageCount(*connection_));
  const bool is_others = !count.ledger_id.empty() && count.ledger_id != options_.ledger_id;
  if (is_others && absl::AbsDuration(now - count.move_time) < kTakeOver) {
    return absl::ZeroDuration();
  }
  const absl::Time end = now - options_.usage_counted_after;
  if (end <= count.through) return absl::ZeroDuration();
  RESERVE_ASSIGN_OR_RETURN(const storage::EntryStretch stretch,
                           storage::ListStretch(*connection_, count.through, end, kAtOnce));
  const bool caught_up = stretch.through == end;
  if (caught_up && stretch.entries.empty() && end - count.through < kIdleStretch) {
    return absl::ZeroDuration();
  }
  StretchTally tally(*connection_, count.begin);
  RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::UsageGroup> groups, tally.Add(stretch.entries));
  const absl::CivilDay first_day =
      absl::ToCivilDay(now, absl::UTCTimeZone()) - storage::kUsageKeptDays;
  RESERVE_ASSIGN_OR_RETURN(
      const bool added, storage::AddUsage(*connection_, count, stretch.through, options_.ledger_id,
                                          now, first_day, groups));
  return added ? end - stretch.through : absl::ZeroDuration();
}

}  // namespace reserve::engine
