#include "tests/services/ledger/domain/model.h"

#include <algorithm>

namespace reserve::domain {
namespace {

int DayNumber(absl::Time time) {
  return static_cast<int>(absl::ToCivilDay(time, absl::UTCTimeZone()) - absl::CivilDay(1970, 1, 1));
}

int MonthNumber(absl::Time time) {
  return static_cast<int>(absl::ToCivilMonth(time, absl::UTCTimeZone()) -
                          absl::CivilMonth(1970, 1));
}

// C2, C9, one increment at a time.
int64_t Billable(absl::Duration duration, const Rate& rate) {
  const int64_t micros = duration / absl::Microseconds(1);
  if (micros == 0) return 0;
  int64_t billable = rate.initial_increment_seconds;
  while (billable * 1'000'000 < micros) billable += rate.increment_seconds;
  return billable;
}

// C6, M2: sixtieths of a nano-unit, rounded half up.
__int128 Cost(const Rate& rate, int64_t paid) {
  if (paid == 0) return 0;
  const __int128 sixtieths = __int128{rate.price} * paid + __int128{rate.connect_fee} * 60;
  const __int128 whole = sixtieths / 60;
  const __int128 rest = sixtieths - whole * 60;
  return rest * 2 >= 60 ? whole + 1 : whole;
}

}  // namespace

__int128 Model::balance() const { return balance_; }

int64_t Model::open_ordinal() const {
  for (size_t i = recharges_.size(); i > 0; --i) {
    const RechargeState state = recharges_[i - 1].state;
    if (state == RechargeState::kOpen || state == RechargeState::kNeedsReview) {
      return static_cast<int64_t>(i);
    }
  }
  return 0;
}

void Model::OpenRecharge(RechargeKind kind, __int128 amount, absl::Time now, Step* step) {
  ModelRecharge recharge;
  recharge.kind = kind;
  recharge.amount = amount;
  recharge.fingerprint = fingerprint_;
  recharge.due = now;
  recharges_.push_back(recharge);
  ++step->events[EventKind::kRechargeOpened];
}

// G7, counted over the day's successes.
bool Model::CapForbids(__int128 amount, int day) const {
  int count = 0;
  __int128 sum = 0;
  for (const ModelRecharge& recharge : recharges_) {
    if (recharge.kind == RechargeKind::kAutomatic && recharge.state == RechargeState::kSucceeded &&
        recharge.success_day == day) {
      ++count;
      sum += recharge.amount;
    }
  }
  return count + 1 > settings_.max_automatic_recharges_per_day ||
         sum + amount > settings_.max_automatic_amount_per_day;
}

Step Model::Finish(Step step, absl::Time now) {
  const bool pending = state_ == AccountState::kPendingFunding;
  const bool low = pending || balance() < threshold_;
  bool capped = false;
  if (low && card_state_ == CardState::kUsable && open_ordinal() == 0) {
    // G2 by counting up.
    __int128 n = 1;
    while (balance() + n * reserve_amount_ < threshold_) ++n;
    bool limited = false;
    while (n > 1 && (n > settings_.max_recharge_multiple ||
                     n * reserve_amount_ > settings_.max_recharge_amount)) {
      --n;
      limited = true;
    }
    const __int128 amount = n * reserve_amount_;
    capped = !pending && CapForbids(amount, DayNumber(now));
    if (!capped) {
      OpenRecharge(pending ? RechargeKind::kInitial : RechargeKind::kAutomatic, amount, now, &step);
      if (limited) ++step.events[EventKind::kRechargeLimited];
    }
  }
  if (capped && told_days_.insert(DayNumber(now)).second) ++step.events[EventKind::kCapReached];
  refused_day_ = capped ? DayNumber(now) : 0;
  const bool no_refill = card_state_ != CardState::kUsable || capped;
  if (state_ == AccountState::kActive && balance() <= 0 && no_refill) {
    state_ = AccountState::kDisabled;
    ++step.events[EventKind::kDisabled];
  } else if (state_ == AccountState::kDisabled && balance() > 0) {
    state_ = AccountState::kActive;
    ++step.events[EventKind::kEnabled];
  }
  // D5: who got low by this command, is not disabled by it, and gets nothing.
  const bool is_low = state_ != AccountState::kPendingFunding && balance() < threshold_;
  if (is_low && !was_low_ && no_refill && open_ordinal() == 0 &&
      step.events.count(EventKind::kDisabled) == 0) {
    ++step.events[EventKind::kLowBalance];
  }
  was_low_ = is_low;
  return step;
}

Step Model::Open(const std::string& fingerprint, absl::Time now) {
  Step step;
  reserve_amount_ = settings_.default_reserve_amount;
  threshold_ = settings_.default_recharge_threshold;
  fingerprint_ = fingerprint;
  card_state_ = fingerprint.empty() ? CardState::kNone : CardState::kUsable;
  ++step.events[EventKind::kAccountOpened];
  return Finish(step, now);
}

Step Model::PutUser(const std::string& user_id, const Plan& plan, absl::Time now) {
  Step step;
  const auto known = people_.find(user_id);
  if (known != people_.end() && known->second.plan.plan_id == plan.plan_id) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  people_[user_id].plan = plan;
  ++step.events[EventKind::kUserPut];
  return Finish(step, now);
}

// C3: over the calls that drew on the allowance. A monthly allowance is the one of the
// latest month that was drawn on, unless the usage is of a later month still.
int64_t Model::FreeLeft(const std::string& user_id, absl::Time start) const {
  const Person& person = people_.at(user_id);
  if (person.plan.standard_calls == StandardCalls::kIncluded) return 0;
  const bool monthly = person.plan.allowance_reset == AllowanceReset::kMonthly;
  int latest = 0;
  int64_t used = 0;
  for (const Draw& draw : person.draws) {
    if (monthly && draw.month > latest) {
      latest = draw.month;
      used = 0;
    }
    used += draw.seconds;
  }
  if (monthly && MonthNumber(start) > latest) used = 0;
  return std::max<int64_t>(person.plan.free_seconds - used, 0);
}

ModelRating Model::RateIt(const std::string& user_id, const Usage& usage, const Rate* rate) const {
  ModelRating rating;
  if (usage.direction == Direction::kInbound &&
      (rate == nullptr || usage.kind == UsageKind::kSms)) {
    return rating;
  }
  if (rate == nullptr) {
    rating.no_rate = true;
    return rating;
  }
  if (usage.kind == UsageKind::kSms) {
    rating.cost = __int128{rate->price} * usage.segments;
    return rating;
  }
  const int64_t billable = Billable(usage.duration, *rate);
  const Plan& plan = people_.at(user_id).plan;
  if (rate->standard_rate && plan.standard_calls == StandardCalls::kIncluded) return rating;
  if (rate->standard_rate) {
    rating.free_taken = std::min(billable, FreeLeft(user_id, usage.start_time));
  }
  rating.paid = billable - rating.free_taken;
  rating.cost = Cost(*rate, rating.paid);
  return rating;
}

bool Model::Affords(const std::string& user_id, const Usage& usage, const Rate& rate,
                    int64_t seconds) const {
  const int64_t allowance = rate.standard_rate ? FreeLeft(user_id, usage.start_time) : 0;
  if (seconds <= allowance) return true;
  if (balance() <= 0) return false;
  return __int128{rate.price} * (seconds - allowance) + __int128{rate.connect_fee} * 60 <=
         balance() * 60;
}

Decision Model::Authorize(const std::string& user_id, const Usage& usage, const Rate* rate) const {
  if (blocked_) return Decision::kAccountBlocked;
  if (state_ == AccountState::kPendingFunding) return Decision::kPendingFunding;
  if (state_ == AccountState::kDisabled) return Decision::kAccountDisabled;
  if (RateIt(user_id, usage, rate).no_rate) return Decision::kNoRate;
  if (usage.kind == UsageKind::kSms) {
    const __int128 cost = RateIt(user_id, usage, rate).cost;
    return cost > 0 && cost > balance() ? Decision::kInsufficientBalance : Decision::kAllowed;
  }
  if (rate == nullptr) return Decision::kAllowed;
  const Plan& plan = people_.at(user_id).plan;
  if (rate->standard_rate && plan.standard_calls == StandardCalls::kIncluded) {
    return Decision::kAllowed;
  }
  return Affords(user_id, usage, *rate, rate->initial_increment_seconds)
             ? Decision::kAllowed
             : Decision::kInsufficientBalance;
}

Step Model::Record(const std::string& user_id, const Usage& usage, const Rate* rate,
                   absl::Time now) {
  Step step;
  const ModelRating rating = RateIt(user_id, usage, rate);
  if (rating.no_rate) {
    step.outcome = Outcome::kRefused;
    step.reason = "NO_RATE";
    return step;
  }
  balance_ -= rating.cost;
  if (rating.free_taken > 0) {
    people_.at(user_id).draws.push_back({MonthNumber(usage.start_time), rating.free_taken});
  }
  return Finish(step, now);
}

Step Model::ChangeSettings(std::optional<Nanos> reserve_amount, std::optional<Nanos> threshold,
                           absl::Time now) {
  Step step;
  const Nanos amount = reserve_amount.value_or(reserve_amount_);
  const Nanos limit = threshold.value_or(threshold_);
  const bool amount_fits = amount >= settings_.min_reserve_amount &&
                           amount <= settings_.max_recharge_amount && amount % 10'000'000 == 0;
  if (!amount_fits || limit < settings_.min_recharge_threshold || limit > amount) {
    step.outcome = Outcome::kRefused;
    step.reason = "INVALID_FIELD";
    return step;
  }
  if (amount == reserve_amount_ && limit == threshold_) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  reserve_amount_ = amount;
  threshold_ = limit;
  ++step.events[EventKind::kSettingsChanged];
  return Finish(step, now);
}

bool Model::MayBeTried(const std::string& fingerprint, absl::Time time) const {
  int in_a_day = 0;
  int in_30_days = 0;
  for (const auto& [card, declined] : declines_) {
    if (card != fingerprint) continue;
    in_a_day += time - declined < absl::Hours(24) ? 1 : 0;
    in_30_days += time - declined < absl::Hours(720) ? 1 : 0;
  }
  const CardLimits& limits = settings_.card_limits;
  return in_a_day < limits.mastercard_per_24_hours && in_30_days < limits.visa_per_30_days &&
         in_30_days < limits.mastercard_per_30_days;
}

absl::Time Model::FirstTry(const std::string& fingerprint, absl::Time from) const {
  if (MayBeTried(fingerprint, from)) return from;
  absl::Time first = absl::InfiniteFuture();
  for (const auto& [card, declined] : declines_) {
    for (const absl::Time end : {declined + absl::Hours(24), declined + absl::Hours(720)}) {
      if (end > from && end < first && MayBeTried(fingerprint, end)) first = end;
    }
  }
  return first;
}

void Model::MoveToCurrentCard(ModelRecharge* recharge, absl::Time now) {
  recharge->fingerprint = fingerprint_;
  ++recharge->attempt;
  recharge->handed_out = false;
  recharge->soft_declines = 0;
  recharge->due = now;
}

Step Model::GiveCard(const std::string& fingerprint, absl::Time now) {
  Step step;
  if (fingerprint == fingerprint_) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  fingerprint_ = fingerprint;
  card_state_ = CardState::kUsable;
  ++step.events[EventKind::kCardReplaced];
  if (open_ordinal() != 0) {
    ModelRecharge& open = at(open_ordinal());
    if (open.state == RechargeState::kOpen && !open.handed_out) MoveToCurrentCard(&open, now);
  }
  return Finish(step, now);
}

Step Model::Adjust(Nanos amount, absl::Time now) {
  Step step;
  balance_ += amount;
  ++step.events[EventKind::kBalanceAdjusted];
  return Finish(step, now);
}

Step Model::TopUp(std::optional<Nanos> amount, absl::Time now) {
  Step step;
  step.outcome = Outcome::kRefused;
  if (card_state_ == CardState::kNone) {
    step.reason = "NO_CARD";
  } else if (card_state_ == CardState::kRefused) {
    step.reason = "CARD_REFUSED";
  } else if (open_ordinal() != 0) {
    step.reason = "RECHARGE_ALREADY_OPEN";
  } else if (!MayBeTried(fingerprint_, now)) {
    step.reason = "CARD_LIMIT_REACHED";
  } else {
    step.outcome = Outcome::kApplied;
    OpenRecharge(RechargeKind::kTopUp, amount.value_or(reserve_amount_), now, &step);
    return Finish(step, now);
  }
  return step;
}

Step Model::ReportSuccess(ModelRecharge* recharge, const ChargeOutcome& outcome, absl::Time now) {
  Step step;
  if (recharge->state == RechargeState::kSucceeded) {
    step.outcome =
        recharge->charge_id == outcome.charge_id ? Outcome::kUnchanged : Outcome::kRefused;
    step.reason = "ALREADY_CREDITED";
    return step;
  }
  recharge->state = RechargeState::kSucceeded;
  recharge->success_day = DayNumber(now);
  recharge->charge_id = outcome.charge_id;
  balance_ += recharge->amount;
  ++step.events[EventKind::kRechargeSucceeded];
  if (card_state_ == CardState::kFailing && recharge->fingerprint == fingerprint_) {
    card_state_ = CardState::kUsable;
  }
  if (state_ == AccountState::kPendingFunding) {
    state_ = AccountState::kActive;
    ++step.events[EventKind::kEnabled];
  }
  return Finish(step, now);
}

Step Model::ReportDecline(ModelRecharge* recharge, const ChargeOutcome& outcome, absl::Time now) {
  Step step;
  recharge->state = RechargeState::kOpen;
  declines_.emplace_back(recharge->fingerprint, now);
  if (recharge->fingerprint != fingerprint_) {
    MoveToCurrentCard(recharge, now);
    ++step.events[EventKind::kRechargeDeclined];
    return Finish(step, now);
  }
  if (outcome.decline_class != DeclineClass::kSoft) {
    card_state_ = CardState::kRefused;
    recharge->state = RechargeState::kFailed;
    ++step.events[EventKind::kRechargeFailed];
    ++step.events[EventKind::kCardRefused];
    return Finish(step, now);
  }
  if (card_state_ != CardState::kFailing) ++step.events[EventKind::kCardFailing];
  card_state_ = CardState::kFailing;
  ++recharge->soft_declines;
  if (recharge->soft_declines > static_cast<int>(settings_.retry_delays.size())) {
    recharge->state = RechargeState::kFailed;
    ++step.events[EventKind::kRechargeFailed];
  } else {
    const auto retry = static_cast<size_t>(recharge->soft_declines - 1);
    const absl::Time planned = now + settings_.retry_delays[retry];
    const absl::Time first = FirstTry(fingerprint_, planned);
    if (first > planned) ++step.events[EventKind::kCardLimitReached];
    if (first > planned && first > now + settings_.max_card_wait) {
      recharge->state = RechargeState::kFailed;
      ++step.events[EventKind::kRechargeFailed];
      return Finish(step, now);
    }
    recharge->due = first;
    ++recharge->attempt;
    recharge->handed_out = false;
    ++step.events[EventKind::kRechargeDeclined];
  }
  return Finish(step, now);
}

Step Model::Report(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current,
                   absl::Time now) {
  ModelRecharge& recharge = at(ordinal);
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    return ReportSuccess(&recharge, outcome, now);
  }
  Step step;
  const bool open =
      recharge.state == RechargeState::kOpen || recharge.state == RechargeState::kNeedsReview;
  const bool repeated_review = outcome.kind == ChargeOutcome::Kind::kUnresolved &&
                               recharge.state == RechargeState::kNeedsReview;
  if (!open || !lease_is_current || outcome.attempt != recharge.attempt || repeated_review) {
    step.outcome = Outcome::kNothing;
    return step;
  }
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    return ReportDecline(&recharge, outcome, now);
  }
  recharge.state = RechargeState::kNeedsReview;
  recharge.due.reset();
  ++step.events[EventKind::kRechargeNeedsReview];
  return Finish(step, now);
}

Step Model::Block(absl::Time now) {
  Step step;
  if (blocked_) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  blocked_ = true;
  ++step.events[EventKind::kBlocked];
  return Finish(step, now);
}

Step Model::Unblock(absl::Time now) {
  Step step;
  if (!blocked_) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  blocked_ = false;
  ++step.events[EventKind::kUnblocked];
  return Finish(step, now);
}

Step Model::Reconsider(absl::Time now) {
  Step step = Finish(Step(), now);
  if (step.events.empty()) step.outcome = Outcome::kNothing;
  return step;
}

Step Model::Hold(absl::Time now) {
  Step step;
  step.outcome = Outcome::kUnchanged;
  ModelRecharge& open = at(open_ordinal());
  const bool waits = open.state == RechargeState::kOpen && !open.handed_out && open.due <= now;
  if (!waits || MayBeTried(open.fingerprint, now)) return step;
  step.outcome = Outcome::kApplied;
  if (card_state_ == CardState::kUsable) card_state_ = CardState::kFailing;
  ++step.events[EventKind::kCardLimitReached];
  open.due = FirstTry(open.fingerprint, now);
  if (*open.due > now + settings_.max_card_wait) {
    open.state = RechargeState::kFailed;
    ++step.events[EventKind::kRechargeFailed];
  }
  return Finish(step, now);
}

void Model::HandOut() {
  ModelRecharge& open = at(open_ordinal());
  open.handed_out = true;
  open.due.reset();
}

}  // namespace reserve::domain
