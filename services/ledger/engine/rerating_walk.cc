#include "services/ledger/engine/rerating_walk.h"

#include <algorithm>
#include <iterator>

#include "common/error/error.h"

namespace reserve::engine {
namespace {

constexpr int kAccountsAtOnce = 500;
// Entries that one statement looks at, at the most.
constexpr int64_t kMostLookedAt = 20'000;
constexpr size_t kMostTogether = 200;

}  // namespace

std::vector<storage::AccountSpan> ReratingWalk::TakeTogether() {
  std::vector<storage::AccountSpan> together;
  int64_t entries = 0;
  while (!accounts_.empty() && together.size() < kMostTogether) {
    storage::AccountSpan& next = accounts_.front();
    if (next.account_id == read_to_.account_id) next.after = read_to_.seq;
    const int64_t more = next.last_seq - next.after;
    if (more > kMostLookedAt && together.empty()) {
      // A part of it; the rest comes next.
      storage::AccountSpan part = next;
      part.last_seq = next.after + kMostLookedAt;
      next.after = part.last_seq;
      return {part};
    }
    if (entries + more > kMostLookedAt) break;
    entries += more;
    together.push_back(std::move(next));
    accounts_.pop_front();
  }
  return together;
}

absl::Status ReratingWalk::Read(storage::Connection& connection) {
  if (accounts_.empty()) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<storage::AccountSpan> accounts,
        storage::AccountsOfScope(connection, scope_, read_to_, kAccountsAtOnce));
    accounts_.assign(accounts.begin(), accounts.end());
    read_all_ = accounts_.empty();
    if (read_all_) return absl::OkStatus();
  }
  const std::vector<storage::AccountSpan> together = TakeTogether();
  RESERVE_ASSIGN_OR_RETURN(std::vector<storage::UsageOfScope> usages,
                           storage::UsagesOfScope(connection, together, scope_));
  ready_.insert(ready_.end(), std::make_move_iterator(usages.begin()),
                std::make_move_iterator(usages.end()));
  read_to_ = {together.back().account_id, together.back().last_seq};
  return absl::OkStatus();
}

absl::Status ReratingWalk::Next(storage::Connection& connection, int limit) {
  page_.clear();
  if (ready_.empty()) {
    const absl::Status read = Read(connection);
    if (!read.ok()) {
      // As it was, to be tried again.
      accounts_.clear();
      return read;
    }
  }
  const size_t count = std::min(ready_.size(), static_cast<size_t>(limit));
  for (size_t i = 0; i < count; ++i) {
    page_.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  place_ =
      ready_.empty() ? read_to_ : book::ReratingPlace{page_.back().account_id, page_.back().seq};
  ended_ = read_all_ && ready_.empty();
  return absl::OkStatus();
}

}  // namespace reserve::engine
