#include "services/ledger/engine/hold_sweep.h"

#include <variant>

#include "common/error/error.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::engine {
namespace {

// Looked for once a second or so, that is how many end in a second at the most.
constexpr int kPage = 1'000;
constexpr absl::Duration kCountEvery = absl::Seconds(15);

}  // namespace

absl::Status HoldSweep::Look(storage::Connection& connection, absl::Time now, absl::Time latest) {
  if (under_way_.load(std::memory_order_acquire) > 0) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> due,
                           storage::DueHolds(connection, now, kPage));
  Send(due);
  if (latest != absl::InfiniteFuture()) {
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> too_far,
                             storage::HoldsDueAfter(connection, latest, kPage));
    Send(too_far);
  }
  return Count(connection);
}

void HoldSweep::Send(const std::vector<domain::Hold>& page) {
  if (page.empty()) return;
  std::vector<Task> tasks;
  tasks.reserve(page.size());
  for (const domain::Hold& hold : page) {
    tasks.push_back({hold.account_id, book::EndHold{hold.hold_id, UsageOf(hold)}, this, 0});
  }
  under_way_.fetch_add(static_cast<int64_t>(tasks.size()), std::memory_order_acq_rel);
  submit_(std::move(tasks));
}

void HoldSweep::Done(uint32_t, absl::StatusOr<book::Reply> reply) {
  // What failed is met again by the next look.
  if (reply.ok()) {
    const auto& ended = std::get<book::HoldReply>(*reply);
    if (ended.expired_now) ++stats_.holds_expired;
    if (ended.estimated_now) ++stats_.usages_estimated;
  }
  under_way_.fetch_sub(1, std::memory_order_acq_rel);
}

absl::Status HoldSweep::Count(storage::Connection& connection) {
  if (MonotonicNow() < next_count_) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const storage::HoldCounts counts, storage::CountHolds(connection));
  stats_.holds_open = counts.open;
  stats_.holds_unsettled = counts.unsettled;
  next_count_ = MonotonicNow() + kCountEvery;
  return absl::OkStatus();
}

}  // namespace reserve::engine
