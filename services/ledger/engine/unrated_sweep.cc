#include "services/ledger/engine/unrated_sweep.h"

#include <algorithm>

#include "common/error/error.h"

namespace reserve::engine {
namespace {

constexpr int kUnratedAPage = 1'000;
constexpr absl::Duration kSweepAtLeastEvery = absl::Minutes(10);
constexpr absl::Duration kCountEvery = absl::Seconds(15);

}  // namespace

void UnratedSweep::NoteNewUsers(const std::vector<std::string>& account_ids) {
  absl::MutexLock lock(&mutex_);
  with_new_users_.insert(account_ids.begin(), account_ids.end());
}

absl::Status UnratedSweep::Look(storage::Connection& connection, const book::Catalog& catalog) {
  if (page_.done()) {
    failed_.Update(page_.status());
    page_.SendNothing();
    RESERVE_RETURN_IF_ERROR(GoOn(connection, catalog));
  }
  return failed_.ok() ? failed_before_ : failed_;
}

void UnratedSweep::EndSweep() {
  place_.reset();
  next_count_ = -absl::InfiniteDuration();
  failed_before_ = std::exchange(failed_, absl::OkStatus());
  if (failed_before_.ok()) {
    again_after_ = kFirstAgainAfter;
    return;
  }
  next_sweep_ = std::min(next_sweep_, MonotonicNow() + again_after_);
  again_after_ = std::min(2 * again_after_, kLongestAgainAfter);
}

absl::Status UnratedSweep::GoOn(storage::Connection& connection, const book::Catalog& catalog) {
  RESERVE_RETURN_IF_ERROR(LookAtNewUsers(connection));
  const int64_t activation = catalog.timeline->newest();
  const bool news = activation != activation_ || catalog.plans->size() != plans_ ||
                    catalog.plans->newest() != plan_version_ || MonotonicNow() >= next_sweep_;
  if (news) {
    // One that is under way begins again: what it has passed may be ratable now.
    place_.emplace();
    activation_ = activation;
    plans_ = catalog.plans->size();
    plan_version_ = catalog.plans->newest();
    next_sweep_ = MonotonicNow() + kSweepAtLeastEvery;
  }
  if (!place_.has_value()) {
    // One of a new user's: the sweep that looks at it again tells when it is well.
    if (!failed_.ok()) EndSweep();
    return Count(connection);
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::UsageState> page,
                           storage::ListUnrated(connection, *place_, kUnratedAPage));
  if (page.empty()) {
    EndSweep();
    return Count(connection);
  }
  place_ = {page.back().account_id, page.back().usage_id};
  Send(page);
  return absl::OkStatus();
}

absl::Status UnratedSweep::LookAtNewUsers(storage::Connection& connection) {
  std::set<std::string> accounts;
  {
    absl::MutexLock lock(&mutex_);
    accounts.swap(with_new_users_);
  }
  for (const std::string& account_id : accounts) {
    const absl::StatusOr<std::vector<domain::UsageState>> page =
        storage::ListUnratedOf(connection, account_id, /*after=*/"", kUnratedAPage);
    if (!page.ok()) {
      NoteNewUsers({accounts.begin(), accounts.end()});
      return page.status();
    }
    Send(*page);
    // There are more than a page: the next sweep takes them.
    if (page->size() == kUnratedAPage) next_sweep_ = -absl::InfiniteDuration();
  }
  return absl::OkStatus();
}

void UnratedSweep::Send(const std::vector<domain::UsageState>& page) {
  std::vector<Task> tasks;
  tasks.reserve(page.size());
  for (const domain::UsageState& state : page) {
    tasks.push_back({state.account_id, book::RateUnrated{state.usage_id}});
  }
  stats_.unrated_looked_at += static_cast<int64_t>(tasks.size());
  page_.Send(std::move(tasks), submit_);
}

void UnratedSweep::Note(const book::UsageReply& usage) {
  if (!usage.duplicate && usage.status == domain::UsageStatus::kRated) ++stats_.rated_later;
}

absl::Status UnratedSweep::Count(storage::Connection& connection) {
  if (MonotonicNow() < next_count_) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const int64_t count, storage::CountUnrated(connection));
  stats_.unrated = count;
  next_count_ = MonotonicNow() + kCountEvery;
  return absl::OkStatus();
}

}  // namespace reserve::engine
