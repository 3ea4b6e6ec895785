#include "services/ledger/engine/rerating_walk.h"

#include <utility>

#include "common/error/error.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {
namespace {

constexpr int kAccountsAtOnce = 500;

}  // namespace

absl::Status ReratingWalk::GoOn(storage::Connection& connection) {
  account_ended_ = false;
  if (!scope_.account_id.empty()) {
    ended_ = place_.account_id == scope_.account_id;
    place_ = {scope_.account_id, 0};
    return absl::OkStatus();
  }
  if (accounts_.empty()) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                             storage::AccountsOfCurrency(connection, scope_.currency,
                                                         place_.account_id, kAccountsAtOnce));
    accounts_.assign(ids.begin(), ids.end());
  }
  ended_ = accounts_.empty();
  if (ended_) return absl::OkStatus();
  place_ = {std::move(accounts_.front()), 0};
  accounts_.pop_front();
  return absl::OkStatus();
}

absl::Status ReratingWalk::Next(storage::Connection& connection, int limit) {
  const book::ReratingPlace place = place_;
  const absl::Status read = Read(connection, limit);
  if (read.ok()) return read;
  // As it was, to be tried again.
  place_ = place;
  account_ended_ = ended_ = false;
  accounts_.clear();
  page_.clear();
  return read;
}

absl::Status ReratingWalk::Read(storage::Connection& connection, int limit) {
  page_.clear();
  for (int looked_at = 0; looked_at < kAccountsAtOnce && !ended_; ++looked_at) {
    if (account_ended_ || place_.account_id.empty()) {
      RESERVE_RETURN_IF_ERROR(GoOn(connection));
      if (ended_) break;
    }
    const int missing = limit - static_cast<int>(page_.size());
    if (missing <= 0) break;
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<storage::UsageOfScope> usages,
        storage::UsagesOfScope(connection, place_.account_id, scope_, place_.seq, missing));
    account_ended_ = static_cast<int>(usages.size()) < missing;
    for (storage::UsageOfScope& usage : usages) {
      place_.seq = usage.seq;
      page_.push_back({place_.account_id, std::move(usage.usage_id), usage.seq});
    }
  }
  return absl::OkStatus();
}

}  // namespace reserve::engine
