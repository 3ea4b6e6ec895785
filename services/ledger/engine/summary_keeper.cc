#include "services/ledger/engine/summary_keeper.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/error/error.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/engine/thread_priority.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/usage_lines.h"
#include "services/ledger/storage/usage_sum_rows.h"

namespace reserve::engine {
namespace {

using domain::AccountCalendar;
using storage::Connection;
using storage::SumsPosition;
using storage::UsageChange;

// Stretches of one step: some 30 ms of work.
constexpr int64_t kStretchesAtOnce = 4;
// So many times as long as a step took it rests.
constexpr int kRestsAfterSums = 5;
constexpr absl::Duration kPauseWhileCrowded = absl::Milliseconds(10);
constexpr absl::Duration kPauseAfterError = absl::Milliseconds(500);
// An account with fewer than a stretch of entries in so long is read quickly enough.
constexpr absl::Duration kDense = absl::Hours(24);
// A summary that reads so many stretches one by one is worth being added up.
constexpr int64_t kStretchesRead = 4;
// Accounts that wait at the most; the others come again with their next stretch.
constexpr size_t kMostWaiting = 20'000;

int64_t ChangesOf(const AccountCalendar& calendar) {
  return static_cast<int64_t>(calendar.Changes().size());
}

// Do the days of which there are sums stay what they are by the calendar? A change moves no day
// that has begun before it; but clocks may differ.
absl::StatusOr<bool> DaysStay(Connection& connection, const std::string& account_id,
                              const SumsPosition& position, const AccountCalendar& calendar) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time last, storage::LastDayOfSums(connection, account_id));
  const auto first_new = static_cast<size_t>(position.calendar_changes);
  return first_new < calendar.Changes().size() && last <= calendar.Changes()[first_new].time;
}

}  // namespace

SummaryKeeper::SummaryKeeper(const EngineOptions& options, EngineStats& stats, Crowded crowded)
    : options_(options), stats_(stats), crowded_(std::move(crowded)) {}

SummaryKeeper::~SummaryKeeper() { Stop(); }

void SummaryKeeper::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void SummaryKeeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SummaryKeeper::NoteBooked(const std::vector<std::string>& accounts) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& account_id : accounts) Add(account_id, Why::kBooked);
}

void SummaryKeeper::NoteRead(const std::string& account_id, int64_t entries) {
  if (entries < kStretchesRead * options_.summary_stretch) return;
  absl::MutexLock lock(&mutex_);
  Add(account_id, Why::kAsked);
}

void SummaryKeeper::Add(const std::string& account_id, Why why) {
  const auto found = waiting_.find(account_id);
  if (found != waiting_.end()) {
    if (why == Why::kAsked) found->second = why;
    return;
  }
  if (waiting_.size() >= kMostWaiting) return;
  waiting_[account_id] = why;
  order_.push_back(account_id);
  waker_.Wake();
}

bool SummaryKeeper::Take(Waiting* next) {
  absl::MutexLock lock(&mutex_);
  while (!stopping_ && order_.empty()) waker_.Await(absl::InfiniteDuration());
  if (stopping_) return false;
  next->account_id = std::move(order_.front());
  order_.pop_front();
  next->why = waiting_.extract(next->account_id).mapped();
  return true;
}

bool SummaryKeeper::Rest(absl::Duration rest) {
  const Moment end = MonotonicNow() + rest;
  absl::MutexLock lock(&mutex_);
  // New accounts wake it, and are no reason to go on.
  for (Moment now = MonotonicNow(); !stopping_ && now < end; now = MonotonicNow()) {
    waker_.Await(end - now);
  }
  while (!stopping_ && crowded_()) waker_.Await(kPauseWhileCrowded);
  return !stopping_;
}

void SummaryKeeper::Run() {
  SetThreadPriority(ThreadPriority::kLow);
  const storage::SqlThread sql_thread;
  Waiting next;
  while (Take(&next)) {
    const Moment begun = MonotonicNow();
    const absl::StatusOr<bool> more = AddStretch(next);
    stats_.steps.Note(Step::kSummaries, more.status());
    // What is wrong with one account keeps no other from being added up, nor is it tried for ever.
    const bool may_pass = absl::IsUnavailable(more.status()) || absl::IsAborted(more.status());
    if (may_pass || (more.ok() && *more)) {
      absl::MutexLock lock(&mutex_);
      Add(next.account_id, next.why);
    }
    const absl::Duration rest =
        more.ok() ? kRestsAfterSums * (MonotonicNow() - begun) : kPauseAfterError;
    if (!Rest(rest)) break;
  }
  connection_.reset();
}

absl::StatusOr<bool> SummaryKeeper::AddStretch(const Waiting& account) {
  RESERVE_RETURN_IF_ERROR(storage::EnsureOpen(options_.database, &connection_));
  const std::string& account_id = account.account_id;
  RESERVE_ASSIGN_OR_RETURN(const std::optional<SumsPosition> position,
                           storage::ReadSumsPosition(*connection_, account_id));
  // All that is up to its last entry is committed, so whatever is read after it is there.
  RESERVE_ASSIGN_OR_RETURN(const storage::AccountMonths months,
                           storage::LoadMonths(*connection_, account_id));
  // What has left the table of entries is of days of which no sums are read.
  RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> archived,
                           storage::FindArchivedHead(*connection_, account_id));
  const int64_t through = std::max(position.has_value() ? position->through_seq : 0,
                                   archived.has_value() ? archived->seq : 0);
  if (months.last_seq - through < options_.summary_stretch) return false;
  if (!position.has_value() && account.why == Why::kBooked) {
    const int64_t first = months.last_seq - options_.summary_stretch + 1;
    RESERVE_ASSIGN_OR_RETURN(
        const absl::Time booked,
        storage::BookingTimeOf(*connection_, account_id, months.Within(first, first + 1), first));
    if (booked < options_.clock() - kDense) return false;
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Account> accounts,
                           storage::LoadAccounts(*connection_, {account_id}));
  if (accounts.empty()) return false;
  const AccountCalendar& calendar = accounts.front().calendar;
  const int64_t changes = ChangesOf(calendar);
  if (position.has_value() && position->calendar_changes != changes) {
    RESERVE_ASSIGN_OR_RETURN(const bool stay,
                             DaysStay(*connection_, account_id, *position, calendar));
    if (!stay) {
      return storage::StartSumsAnew(*connection_, account_id, *position, changes);
    }
  }
  const int64_t end =
      std::min(months.last_seq, through + kStretchesAtOnce * options_.summary_stretch);
  RESERVE_ASSIGN_OR_RETURN(
      const std::vector<UsageChange> changed,
      storage::LoadUsageChanges(*connection_, account_id, {through + 1, end + 1}));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::DaySum> sums,
                           storage::SumsByDay(changed, calendar));
  RESERVE_ASSIGN_OR_RETURN(const bool added, storage::AddToSums(*connection_, account_id, position,
                                                                {end, changes}, sums));
  return added && months.last_seq - end >= options_.summary_stretch;
}

}  // namespace reserve::engine
