// The model of limits against fraud (L2 to L4): of one limit on what an account spends a day. What
// was spent is kept fact by fact, and poured into the bucket anew whenever somebody asks.
#include <algorithm>
#include <limits>

#include "tests/services/ledger/domain/model.h"

namespace reserve::domain {
namespace {

constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000;

// How long so much takes to leak away, to the next microsecond.
__int128 Leaking(__int128 amount, __int128 a_day) { return (amount * kDay + a_day - 1) / a_day; }

Step Unless(bool changes, Outcome outcome) {
  Step step;
  step.outcome = changes ? Outcome::kApplied : outcome;
  return step;
}

}  // namespace

__int128 Model::SpentOfTheDay(absl::Time at) const {
  __int128 empty = 0;
  for (const Pour& pour : poured_) {
    if (pour.start < pour.told - absl::Hours(24)) continue;
    if (pour.cost < 0) {
      empty = std::max<__int128>(empty - Leaking(-pour.cost, *a_day_), 0);
      continue;
    }
    const __int128 begin = absl::ToUnixMicros(std::min(pour.start, pour.told));
    empty = std::max(empty, begin) + Leaking(pour.cost, *a_day_);
  }
  return std::max<__int128>((empty - absl::ToUnixMicros(at)) * *a_day_ / kDay, 0);
}

void Model::NoteSpent(__int128 cost, absl::Time start) {
  if (a_day_.has_value() && cost != 0) poured_.push_back({cost, start, now_});
}

bool Model::LimitStops(__int128 more) const {
  return a_day_.has_value() && now_ >= quiet_until_ &&
         SpentOfTheDay(now_) + Accrued() + more >= *a_day_;
}

__int128 Model::RoomOfTheDay() const {
  if (!a_day_.has_value() || now_ < quiet_until_) return std::numeric_limits<Nanos>::max();
  return *a_day_ - SpentOfTheDay(now_) - Held();
}

void Model::RaiseLimit(Step* step) {
  const bool any = !poured_.empty() || Accrued() > 0;
  if (alarm_ || !any || !LimitStops()) return;
  alarm_ = true;
  ++step->events[EventKind::kLimitReached];
}

Step Model::LimitADay(std::optional<Nanos> amount, absl::Time now) {
  Step step = Unless(state_ != AccountState::kClosed, Outcome::kRefused);
  if (step.outcome == Outcome::kRefused) {
    step.reason = "ACCOUNT_CLOSED";
    return step;
  }
  now_ = now;
  if (amount == a_day_) return Unless(false, Outcome::kUnchanged);
  const __int128 spent = a_day_.has_value() ? SpentOfTheDay(now) : 0;
  a_day_ = amount;
  poured_.clear();
  NoteSpent(spent, now);
  ++step.events[EventKind::kLimitsChanged];
  return Finish(step, now);
}

bool Model::LiftAlarm(absl::Duration quiet, absl::Time now) {
  if (!alarm_) return false;
  alarm_ = false;
  poured_.clear();
  if (quiet > absl::ZeroDuration()) quiet_until_ = std::max(quiet_until_, now + quiet);
  return true;
}

}  // namespace reserve::domain
