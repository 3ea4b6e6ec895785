// Calls in progress, as the model reads them: H1 to H12.
//
// What is held is never counted up: it is summed over the calls that live, each of which keeps the
// rating of its promise and that of what was reported, as they were when it was last looked at.
#include <algorithm>
#include <utility>

#include "tests/services/ledger/domain/model.h"

namespace reserve::domain {
namespace {

Step Nothing() {
  Step step;
  step.outcome = Outcome::kUnchanged;
  return step;
}

Step Invalid(const char* reason = "INVALID_FIELD") {
  Step step;
  step.outcome = Outcome::kRefused;
  step.reason = reason;
  return step;
}

const Rate* RowOf(const ModelHold& hold) { return hold.rate.has_value() ? &*hold.rate : nullptr; }

}  // namespace

// --- What is held (H1, H6) ---------------------------------------------------------

__int128 Model::Held(const std::string& user_id) const {
  __int128 sum = 0;
  for (const auto& [id, hold] : holds_) {
    if (hold.lives() && (user_id.empty() || hold.user_id == user_id)) sum += hold.aside.cost;
  }
  return sum;
}

__int128 Model::Accrued(const std::string& user_id) const {
  __int128 sum = 0;
  for (const auto& [id, hold] : holds_) {
    if (hold.lives() && (user_id.empty() || hold.user_id == user_id)) sum += hold.so_far.cost;
  }
  return sum;
}

int64_t Model::FreeHeld(const std::string& user_id, int month, const std::string& but) const {
  int64_t sum = 0;
  for (const auto& [id, hold] : holds_) {
    if (id == but || !hold.lives() || hold.user_id != user_id) continue;
    if (MonthOf(hold.plan, hold.usage.start_time) == month) sum += hold.aside.free_taken;
  }
  return sum;
}

int64_t Model::FreeToPromise(const std::string& user_id, absl::Time start) const {
  const int month = MonthOf(people_.at(user_id).plan, start);
  return std::max<int64_t>(FreeLeft(user_id, start) - FreeHeld(user_id, month, ""), 0);
}

int64_t Model::FreeFor(const std::string& hold_id, const ModelHold& hold) const {
  const absl::Time start = hold.usage.start_time;
  const int64_t others = FreeHeld(hold.user_id, MonthOf(hold.plan, start), hold_id);
  return std::max<int64_t>(FreeBy(hold.user_id, hold.plan, start) - others, 0);
}

ModelRating Model::RateSoFar(const std::string& hold_id, const ModelHold& hold,
                             absl::Duration length) const {
  Usage usage = hold.usage;
  usage.duration = length;
  return RateBy(hold.plan, FreeFor(hold_id, hold), usage, RowOf(hold));
}

// --- What is promised (H2, H9, H10) ------------------------------------------------

int64_t Model::EndOfIncrement(const Rate* rate, absl::Duration length) {
  const int64_t included = rate == nullptr ? 0 : IncludedBy(*rate);
  const int64_t initial = rate == nullptr ? 1 : rate->initial_increment_seconds;
  const int64_t further = rate == nullptr ? 1 : rate->increment_seconds;
  const absl::Duration beyond = length - absl::Seconds(included);
  return included + (beyond <= absl::ZeroDuration() ? initial : Billable(beyond, initial, further));
}

std::pair<int64_t, FinalReason> Model::Promise(const std::string& hold_id, const ModelHold& hold,
                                               int64_t already) const {
  if (state_ == AccountState::kClosed) return {already, FinalReason::kAccountClosed};
  if (state_ == AccountState::kClosing) return {already, FinalReason::kAccountClosing};
  if (blocked_) return {already, FinalReason::kAccountBlocked};
  if (state_ == AccountState::kDisabled) return {already, FinalReason::kAccountDisabled};
  const Person& caller = people_.at(hold.usage.user_id);
  if (caller.removed) return {already, FinalReason::kUserRemoved};
  if (caller.blocked) return {already, FinalReason::kUserBlocked};
  const Rate* rate = RowOf(hold);
  const int64_t first = EndOfIncrement(rate, absl::ZeroDuration());
  const int64_t further = rate == nullptr ? 1 : rate->increment_seconds;
  int64_t seconds = EndOfIncrement(rate, hold.reported + hold.slice);
  FinalReason why = FinalReason::kNone;
  const int64_t by_plan = hold.plan.longest_call_seconds;
  const int64_t allowed = by_plan > 0 ? by_plan : settings_.longest_call / absl::Seconds(1);
  const int64_t longest = allowed < first ? first : allowed - (allowed - first) % further;
  if (seconds > longest) {
    seconds = longest;
    why = FinalReason::kLongestCall;
  }
  if (seconds <= already) return {already, why};
  const auto known = holds_.find(hold_id);
  const __int128 own =
      known != holds_.end() && known->second.lives() ? known->second.aside.cost : 0;
  const __int128 money = balance_ - Held() + own;
  const __int128 cost = RateSoFar(hold_id, hold, absl::Seconds(seconds)).cost;
  if (cost == 0) return {seconds, why};
  const int64_t free = FreeFor(hold_id, hold);
  const auto pays_for = [&](__int128 with, int64_t length) {
    if (rate->tariff == nullptr) return Pays(*rate, free, with, length);
    const __int128 price = RateSoFar(hold_id, hold, absl::Seconds(length)).cost;
    return price == 0 || price <= with;
  };
  const auto longest_for = [&](__int128 with) {
    if (cost <= with) return seconds;
    if (first >= seconds || !pays_for(with, first)) return int64_t{0};
    // A longer call never costs less.
    int64_t paid = 0;
    int64_t beyond_it = (seconds - 1 - first) / further + 1;
    while (beyond_it - paid > 1) {
      const int64_t middle = (paid + beyond_it) / 2;
      (pays_for(with, first + middle * further) ? paid : beyond_it) = middle;
    }
    return first + paid * further;
  };
  // What is reported now counts at once.
  const __int128 before =
      known != holds_.end() && known->second.lives() ? known->second.so_far.cost : 0;
  if (LimitStops(hold.user_id, RateSoFar(hold_id, hold, hold.reported).cost - before)) {
    return {std::max(already, longest_for(std::min<__int128>(money, 0))),
            FinalReason::kLimitReached};
  }
  const int64_t paid = longest_for(money);
  if (const __int128 room = RoomOfTheDay(hold.user_id) + own; room < money) {
    const int64_t reached = EndOfIncrement(rate, hold.reported);
    const bool rings = hold.reported == absl::ZeroDuration();
    const int64_t left = std::max(longest_for(room), rings ? first : reached + further);
    if (left < paid) return {std::max(already, left), FinalReason::kNone};
  }
  if (cost <= money) return {seconds, why};
  return {std::max(already, paid), FinalReason::kInsufficientBalance};
}

void Model::Open(const std::string& hold_id, int64_t promised, absl::Time now,
                 ModelHold* hold) const {
  hold->state = HoldState::kOpen;
  hold->promised = promised;
  const absl::Duration all = absl::Seconds(promised);
  hold->so_far = RateSoFar(hold_id, *hold, hold->reported);
  hold->aside = RateSoFar(hold_id, *hold, std::max(hold->reported, all));
  hold->ends =
      now + (hold->answered ? std::max(hold->slice, all - hold->reported) + settings_.hold_grace
                            : settings_.hold_ringing);
}

std::pair<Decision, Step> Model::CreateHold(const ModelCall& call, absl::Time now) {
  now_ = now;
  const absl::Time start = call.usage.start_time;
  if (start < now - settings_.max_usage_age) {
    return {Decision::kAllowed, Invalid("USAGE_TOO_OLD")};
  }
  if (start > now + settings_.max_usage_ahead) {
    return {Decision::kAllowed, Invalid()};
  }
  // Nothing is promised of what has ended (P6).
  __int128 ended = 0;
  std::map<size_t, __int128> needed = NeededOfEnded(now);
  for (size_t place = 0; place < grants_.size(); ++place) {
    if (EndOf(grants_[place]) > now) continue;
    ended += std::max<__int128>(grants_[place].left - needed[place], 0);
  }
  const Rate* rate = call.rate.has_value() ? &*call.rate : nullptr;
  Decision decision = Decide(call.user_id, call.usage, rate, balance_ - ended - Held());
  const auto open_of = [this](const std::string& user) {
    return std::count_if(holds_.begin(), holds_.end(), [&user](const auto& hold) {
      return hold.second.open() && (user.empty() || hold.second.user_id == user);
    });
  };
  const bool many = open_of("") >= settings_.max_holds_per_account ||
                    open_of(call.user_id) >= settings_.max_holds_per_user;
  if (many && (decision == Decision::kAllowed || decision == Decision::kInsufficientBalance ||
               decision == Decision::kLimitReached)) {
    decision = Decision::kTooManyCalls;
  }
  if (decision == Decision::kInsufficientBalance && WaitsToBeEnded()) {
    EndTheWait();
    return {decision, Finish({}, now)};
  }
  if (decision != Decision::kAllowed) return {decision, Nothing()};
  Step step;
  EndGrants(now, &step);
  ModelHold hold;
  hold.usage_id = call.usage.usage_id;
  hold.user_id = call.user_id;
  hold.usage = call.usage;
  hold.plan = people_.at(call.user_id).plan;
  hold.rate = call.rate;
  hold.made = now;
  hold.slice = call.slice > absl::ZeroDuration() ? call.slice : settings_.hold_slice;
  hold.switch_id = call.switch_id;
  hold.incarnation = call.incarnation;
  const auto [promised, why] = Promise(call.hold_id, hold, 0);
  hold.why = why;
  if (why == FinalReason::kInsufficientBalance) EndTheWait();
  Open(call.hold_id, promised, now, &hold);
  holds_[call.hold_id] = hold;
  return {decision, Finish(step, now)};
}

// --- What is reported (H3, H4, H7, H12) --------------------------------------------

void Model::Hear(const ModelReport& report, absl::Time now, ModelHold* hold) const {
  if (!hold->answered && report.used > absl::ZeroDuration()) {
    hold->answered = true;
    hold->usage.start_time = report.answer.value_or(now - report.used);
    hold->plan = people_.at(hold->user_id).plan;
    if (report.rate.has_value()) hold->rate = report.rate;
  }
  hold->reported = std::max(hold->reported, report.used);
}

void Model::ReportLate(const std::string& hold_id, absl::Time now, ModelHold* hold,
                       Step* step) const {
  if (!hold->lives()) ++step->events[EventKind::kHoldUnsettled];
  hold->so_far = hold->aside = RateSoFar(hold_id, *hold, hold->reported);
  hold->state = HoldState::kUnsettled;
  hold->ends = now + settings_.settle_within;
}

Step Model::ExtendHold(const std::string& hold_id, const ModelReport& report, absl::Time now) {
  now_ = now;
  ModelHold hold = holds_.at(hold_id);
  if (hold.over() || report.number <= hold.number) return Nothing();
  if (!CanBeAnswer(hold, report, now)) return Invalid();
  const bool hung_up = !hold.open() && hold.why == FinalReason::kHoldEnded;
  const bool news = report.used > hold.reported;
  // Once nothing is booked any more what is reported late is no fact (P4).
  if (hung_up && (!news || giving_back_)) return Nothing();
  Step step;
  EndGrants(now, &step);
  hold.number = report.number;
  Hear(report, now, &hold);
  if (hung_up) {
    ReportLate(hold_id, now, &hold, &step);
    holds_[hold_id] = hold;
    spenders_.insert(hold.user_id);
    return Finish(step, now);
  }
  const auto [promised, why] = Promise(hold_id, hold, hold.open() ? hold.promised : 0);
  hold.why = why;
  if (why == FinalReason::kInsufficientBalance) EndTheWait();
  if (hold.open() || absl::Seconds(promised) > hold.reported) {
    Open(hold_id, promised, now, &hold);
  } else if (hold.reported > absl::ZeroDuration() && !giving_back_) {
    ReportLate(hold_id, now, &hold, &step);
  }
  holds_[hold_id] = hold;
  if (hold.lives()) spenders_.insert(hold.user_id);
  return Finish(step, now);
}

// --- How it ends (H4, H5, H12) -----------------------------------------------------

void Model::HangUp(HoldState state, absl::Time now, ModelHold* hold, Step* step) const {
  hold->why = state == HoldState::kReleased ? FinalReason::kHoldEnded : FinalReason::kNone;
  hold->state = state;
  if (hold->reported == absl::ZeroDuration()) return;
  hold->state = HoldState::kUnsettled;
  hold->aside = hold->so_far;
  hold->ends = now + settings_.settle_within;
  ++step->events[EventKind::kHoldUnsettled];
}

bool Model::CanBeAnswer(const ModelHold& hold, const ModelReport& report, absl::Time now) const {
  if (hold.answered || report.used == absl::ZeroDuration()) return true;
  return !report.answer.has_value() || (*report.answer >= now - settings_.max_usage_age &&
                                        *report.answer <= now + settings_.max_usage_ahead);
}

Step Model::ReleaseHold(const std::string& hold_id, const ModelReport& report, absl::Time now) {
  ModelHold& hold = holds_.at(hold_id);
  if (hold.over()) return Nothing();
  const bool news = report.used > hold.reported && !giving_back_;
  if (news && !CanBeAnswer(hold, report, now)) return Invalid();
  if (!hold.open() && !news && hold.why == FinalReason::kHoldEnded) return Nothing();
  Step step;
  if (news) {
    Hear(report, now, &hold);
    hold.so_far = RateSoFar(hold_id, hold, hold.reported);
    spenders_.insert(hold.user_id);
  }
  if (hold.open()) {
    HangUp(HoldState::kReleased, now, &hold, &step);
  } else if (news) {
    ReportLate(hold_id, now, &hold, &step);
  }
  hold.why = FinalReason::kHoldEnded;
  return Finish(step, now);
}

std::vector<std::string> Model::CallsFromBefore(const std::string& switch_id,
                                                int64_t incarnation) const {
  std::vector<std::string> calls;
  for (const auto& [id, hold] : holds_) {
    const bool of_an_earlier_life = hold.switch_id == switch_id && hold.incarnation < incarnation;
    if (of_an_earlier_life && hold.open()) calls.push_back(id);
  }
  return calls;
}

Step Model::EndHold(const std::string& hold_id, absl::Time now) {
  ModelHold& hold = holds_.at(hold_id);
  if (!hold.lives() || hold.ends > now) return Nothing();
  Step step;
  if (hold.open()) {
    ++step.events[EventKind::kHoldExpired];
    HangUp(HoldState::kExpired, now, &hold, &step);
    return Finish(step, now);
  }
  if (FindUsage(hold.usage_id) != nullptr || giving_back_) {
    EndHoldsOf(hold.usage_id, hold_id);
    return Finish(step, now);
  }
  EndTheWait();
  now_ = now;
  Usage usage = hold.usage;
  usage.duration = hold.reported;
  Book(hold.user_id, usage, RowOf(hold), &step, {}, &hold);
  ++step.events[EventKind::kUsageEstimated];
  estimates_.insert(hold.usage_id);
  EndHoldsOf(hold.usage_id, hold_id);
  hold.state = HoldState::kEstimated;
  return Finish(step, now);
}

const ModelHold* Model::HoldOf(const std::string& usage_id, const std::string& hold_id) const {
  for (const auto& [id, hold] : holds_) {
    if (hold.lives() && hold.usage_id == usage_id) return &hold;
  }
  const auto named = holds_.find(hold_id);
  return named != holds_.end() && named->second.lives() ? &named->second : nullptr;
}

bool Model::EndHoldsOf(const std::string& usage_id, const std::string& hold_id) {
  bool any = false;
  for (auto& [id, hold] : holds_) {
    if (!hold.lives() || (id != hold_id && hold.usage_id != usage_id)) continue;
    hold.state = HoldState::kSettled;
    hold.why = FinalReason::kHoldEnded;
    any = true;
  }
  return any;
}

Step Model::Cdr(const std::string& user_id, const Usage& usage, const Rate* rate,
                const std::string& hold_id, absl::Time now) {
  if (FindUsage(usage.usage_id) == nullptr) return Record(user_id, usage, rate, now, hold_id);
  if (estimates_.count(usage.usage_id) > 0) return ReplaceEstimate(user_id, usage, rate, now);
  return EndHoldsOf(usage.usage_id, hold_id) ? Finish({}, now) : Nothing();
}

Step Model::ReplaceEstimate(const std::string& user_id, const Usage& usage, const Rate* rate,
                            absl::Time now) {
  if (const auto refused = NoFactsAnyMore()) return *refused;
  Step step;
  now_ = now;
  ModelUsage& fact = facts_.at(usage.usage_id);
  ModelDraws given_back;
  if (fact.status != UsageStatus::kVoided) {
    given_back = fact.promotional;
    TakeBack(usage.usage_id, &step);
  }
  fact = {};  // another one, of now
  estimates_.erase(usage.usage_id);
  Book(user_id, usage, rate, &step, given_back);
  EndTheWait();
  return Finish(step, now);
}

// --- Money that comes under a call (H6), and grants that end under it (P6) ----------

void Model::TellOfFunds(Step* step) {
  if (balance_ <= balance_before_ || balance_ - Held() <= 0 || ends() || blocked_) return;
  for (auto& [id, hold] : holds_) {
    const bool wants_money =
        hold.why == FinalReason::kInsufficientBalance || hold.why == FinalReason::kAccountDisabled;
    if (!hold.open() || !wants_money) continue;
    hold.why = FinalReason::kNone;
    ++step->events[EventKind::kFundsAvailable];
  }
}

// Each call draws on what had not ended when it began, the earliest end first, as usage does.
std::map<size_t, __int128> Model::NeededOfEnded(absl::Time now) const {
  std::map<size_t, __int128> needed;
  const std::vector<size_t> order = GrantsInOrder();
  for (const auto& [id, hold] : holds_) {
    __int128 missing = hold.lives() ? hold.aside.cost : 0;
    for (const size_t place : order) {
      const ModelGrant& grant = grants_[place];
      if (EndOf(grant) > now || grant.gone || hold.made >= EndOf(grant)) continue;
      const __int128 part = std::min(missing, grant.left - needed[place]);
      needed[place] += part;
      missing -= part;
    }
  }
  return needed;
}

}  // namespace reserve::domain
