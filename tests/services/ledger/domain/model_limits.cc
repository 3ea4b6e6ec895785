// The model of limits against fraud (L2 to L4): of one limit on what an account spends a day, and
// one on what each user does. What was spent is kept fact by fact, and poured into the bucket anew
// whenever somebody asks.
#include <algorithm>
#include <limits>
#include <utility>

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

__int128 Model::SpentOfTheDay(const Spending& spending, absl::Time at) {
  const __int128 a_day = *spending.a_day;
  __int128 empty = 0;
  for (const Pour& pour : spending.poured) {
    if (pour.start < pour.told - absl::Hours(24)) continue;
    if (pour.cost < 0) {
      empty = std::max<__int128>(empty - Leaking(-pour.cost, a_day), 0);
      continue;
    }
    const __int128 begin = absl::ToUnixMicros(std::min(pour.start, pour.told));
    empty = std::max(empty, begin) + Leaking(pour.cost, a_day);
  }
  return std::max<__int128>((empty - absl::ToUnixMicros(at)) * a_day / kDay, 0);
}

Model::Spending& Model::SpendingOf(const std::string& user_id) {
  return user_id.empty() ? spending_ : spending_of_[user_id];
}

void Model::NoteSpent(__int128 cost, absl::Time start, const std::string& user_id) {
  if (cost == 0) return;
  if (spending_.a_day.has_value()) spending_.poured.push_back({cost, start, now_});
  const auto of_user = spending_of_.find(user_id);
  if (of_user == spending_of_.end() || !of_user->second.a_day.has_value()) return;
  of_user->second.poured.push_back({cost, start, now_});
  spenders_.insert(user_id);
}

bool Model::Counts(const Spending& spending) const {
  return spending.a_day.has_value() && !(spending.quiet && now_ < spending.quiet_until);
}

bool Model::Stops(const Spending& spending, __int128 calls) const {
  return Counts(spending) && SpentOfTheDay(spending, now_) + calls >= *spending.a_day;
}

bool Model::LimitStops(const std::string& user_id, __int128 more) const {
  if (Stops(spending_, Accrued() + more)) return true;
  const auto of_user = spending_of_.find(user_id);
  return of_user != spending_of_.end() && Stops(of_user->second, Accrued(user_id) + more);
}

__int128 Model::RoomOfTheDay(const std::string& user_id) const {
  __int128 room = std::numeric_limits<Nanos>::max();
  const auto take = [&](const Spending& spending, __int128 held) {
    if (!Counts(spending)) return;
    room = std::min(room, *spending.a_day - SpentOfTheDay(spending, now_) - held);
  };
  take(spending_, Held());
  const auto of_user = spending_of_.find(user_id);
  if (of_user != spending_of_.end()) take(of_user->second, Held(user_id));
  return room;
}

// An account's is looked at after each command, a user's after those that tell of the user.
void Model::RaiseLimit(Step* step) {
  const bool any = !spending_.poured.empty() || Accrued() > 0;
  if (any && !spending_.rings && Stops(spending_, Accrued())) {
    spending_.rings = true;
    ++step->events[EventKind::kLimitReached];
  }
  for (const std::string& user_id : std::exchange(spenders_, {})) {
    const auto of_user = spending_of_.find(user_id);
    if (of_user == spending_of_.end() || of_user->second.rings) continue;
    if (!Stops(of_user->second, Accrued(user_id))) continue;
    of_user->second.rings = users_ring_ = true;
    ++step->events[EventKind::kLimitReached];
  }
}

Step Model::LimitADay(const std::string& user_id, std::optional<Nanos> amount, absl::Time now) {
  Step step = Unless(state_ != AccountState::kClosed, Outcome::kRefused);
  if (step.outcome == Outcome::kRefused) {
    step.reason = "ACCOUNT_CLOSED";
    return step;
  }
  now_ = now;
  Spending& spending = SpendingOf(user_id);
  if (amount == spending.a_day) return Unless(false, Outcome::kUnchanged);
  const __int128 spent = spending.a_day.has_value() ? SpentOfTheDay(spending, now) : 0;
  spending.a_day = amount;
  spending.poured.clear();
  if (amount.has_value() && spent != 0) spending.poured.push_back({spent, now, now});
  ++step.events[EventKind::kLimitsChanged];
  return Finish(step, now);
}

bool Model::LiftAlarm(absl::Duration quiet, absl::Time now) {
  const bool quietens = quiet > absl::ZeroDuration();
  bool any = false;
  for (auto& [user_id, spending] : spending_of_) {
    if (!spending.rings) continue;
    any = true;
    spending.rings = false;
    spending.poured.clear();
    spenders_.insert(user_id);  // what calls have cost so far may reach it again
    if (!quietens) continue;
    const bool still = spending.quiet && now < spending.quiet_until;
    spending.quiet_until = still ? std::max(spending.quiet_until, now + quiet) : now + quiet;
    spending.quiet = true;
  }
  if (!alarm()) return any;
  if (spending_.rings) spending_.poured.clear();
  if (quietens) {
    // One time for both: what is quiet still is so as long as what becomes quiet.
    const bool within = now < spending_.quiet_until;
    const bool still = within && (spending_.quiet || users_quiet_);
    spending_.quiet = (within && spending_.quiet) || spending_.rings;
    users_quiet_ = (within && users_quiet_) || users_ring_;
    spending_.quiet_until = still ? std::max(spending_.quiet_until, now + quiet) : now + quiet;
  }
  spending_.rings = users_ring_ = false;
  return true;
}

}  // namespace reserve::domain
