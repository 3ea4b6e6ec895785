#include "tests/services/ledger/domain/model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace reserve::domain {
namespace {

// C6, M2: sixtieths of a nano-unit, rounded half up.
__int128 Cost(const Rate& rate, int64_t paid) {
  if (paid == 0) return 0;
  const __int128 sixtieths = __int128{rate.price} * paid + __int128{rate.connect_fee} * 60;
  const __int128 whole = sixtieths / 60;
  const __int128 rest = sixtieths - whole * 60;
  return rest * 2 >= 60 ? whole + 1 : whole;
}

}  // namespace

int Model::GivenToday(absl::Time now) const {
  const ModelWindow today = calendar_.At(CalendarUnit::kDay, now);
  return static_cast<int>(std::count_if(times_given_.begin(), times_given_.end(),
                                        [&](absl::Time time) { return time >= today.begin; }));
}

int64_t Model::open_ordinal() const {
  for (size_t i = recharges_.size(); i > 0; --i) {
    const ModelRecharge& recharge = recharges_[i - 1];
    if (recharge.kind == RechargeKind::kRefund) continue;
    if (recharge.state == RechargeState::kOpen && !recharge.set_aside) {
      return static_cast<int64_t>(i);
    }
  }
  return 0;
}

int Model::set_aside() const {
  return static_cast<int>(std::count_if(recharges_.begin(), recharges_.end(),
                                        [](const ModelRecharge& r) { return r.set_aside; }));
}

ModelCard* Model::Find(const std::string& id) {
  for (ModelCard& card : cards_) {
    if (card.id == id) return &card;
  }
  return nullptr;
}

bool Model::HasUsable() const {
  return std::any_of(cards_.begin(), cards_.end(),
                     [](const ModelCard& card) { return card.state == CardState::kUsable; });
}

bool Model::IsLow() const {
  return state_ != AccountState::kPendingFunding && !ends() && balance_ - Accrued() < threshold_;
}

// --- Which card, and when (G5, G8, G9) ---------------------------------------------

bool Model::NetworkLets(const std::string& number, absl::Time time) const {
  int in_a_day = 0;
  int in_30_days = 0;
  const auto [first, last] = declines_.equal_range(number);
  for (auto decline = first; decline != last; ++decline) {
    in_a_day += time - decline->second < absl::Hours(24) ? 1 : 0;
    in_30_days += time - decline->second < absl::Hours(720) ? 1 : 0;
  }
  const CardLimits& limits = settings_.card_limits;
  return in_a_day < limits.mastercard_per_24_hours && in_30_days < limits.visa_per_30_days &&
         in_30_days < limits.mastercard_per_30_days;
}

absl::Time Model::FirstTry(const std::string& number, absl::Time from) const {
  if (NetworkLets(number, from)) return from;
  absl::Time earliest = absl::InfiniteFuture();
  const auto [first, last] = declines_.equal_range(number);
  for (auto decline = first; decline != last; ++decline) {
    for (const absl::Duration window : {absl::Hours(24), absl::Hours(720)}) {
      const absl::Time end = decline->second + window;
      if (end > from && end < earliest && NetworkLets(number, end)) earliest = end;
    }
  }
  return earliest;
}

absl::Time Model::OursLet(const std::string& number, absl::Time from, bool declines,
                          absl::Time now) const {
  absl::Time when = from;
  // A second decline soon after another: no more than one a minute from then on.
  if (declines) {
    std::vector<absl::Time> times;
    const auto [first, last] = declines_.equal_range(number);
    for (auto decline = first; decline != last; ++decline) times.push_back(decline->second);
    std::sort(times.begin(), times.end());
    if (times.size() >= 2) {
      const absl::Time latest = times.back();
      const bool soon = latest < times[times.size() - 2] + 2 * settings_.decline_interval;
      if (soon) when = std::max(when, latest + settings_.decline_interval);
    }
  }
  const ModelWindow day = calendar_.At(CalendarUnit::kDay, now);
  int today = 0;
  for (const absl::Time time : own_declines_) today += time >= day.begin ? 1 : 0;
  if (today >= settings_.max_declines_per_day) when = std::max(when, day.end);
  return when;
}

// No schedule of a card is longer than the longest delay: what lies beyond is a network's limit,
// which is judged anew, or a clock's fault.
absl::Time Model::RestsUntil(const ModelCard& card, absl::Time now) const {
  if (card.rests_until == absl::InfiniteFuture()) return card.rests_until;
  absl::Duration longest = settings_.partial_charge_wait;
  for (const absl::Duration delay : settings_.retry_delays) longest = std::max(longest, delay);
  return std::min(card.rests_until, now + longest);
}

absl::Time Model::OthersLet(const ModelCard& card, int64_t ordinal) const {
  absl::Time when = absl::InfinitePast();
  for (const ModelCard& other : cards_) {
    if (other.id == card.id || other.number != card.number) continue;
    if (other.state == CardState::kDisputed) return absl::InfiniteFuture();
    if (other.declined.first != ordinal) continue;
    when = std::max(
        when, other.state == CardState::kFailing ? other.rests_until : absl::InfiniteFuture());
  }
  return when;
}

Model::Pick Model::LimitedPick(size_t card, absl::Time from, const Sight& sight,
                               absl::Time now) const {
  const std::string& number = cards_[card].number;
  Pick pick{card, from, false};
  if (sight.declines) {
    pick.when = FirstTry(number, from);
    pick.network = pick.when > from;
  }
  pick.when = OursLet(number, pick.when, sight.declines, now);
  return pick;
}

std::optional<Model::Pick> Model::PickFor(int64_t ordinal, const Sight& sight,
                                          absl::Time now) const {
  std::optional<Pick> earliest;
  for (size_t i = 0; i < cards_.size(); ++i) {
    const ModelCard& card = cards_[i];
    if (card.state != CardState::kUsable && card.state != CardState::kFailing) continue;
    const absl::Time from = std::max({now, RestsUntil(card, now), OthersLet(card, ordinal)});
    if (from == absl::InfiniteFuture()) continue;
    const Pick pick = LimitedPick(i, from, sight, now);
    if (pick.when <= now) return pick;
    if (!earliest.has_value() || pick.when < earliest->when) earliest = pick;
  }
  return earliest;
}

std::optional<Model::Pick> Model::PickForTopUp(int64_t ordinal, const Sight& sight,
                                               absl::Time now) const {
  std::optional<Pick> earliest;
  for (const CardState state : {CardState::kUsable, CardState::kFailing}) {
    for (size_t i = 0; i < cards_.size(); ++i) {
      const ModelCard& card = cards_[i];
      const bool declined = card.declined.first == ordinal;
      if (card.state != state || declined || OthersLet(card, ordinal) > absl::InfinitePast()) {
        continue;
      }
      const Pick pick = LimitedPick(i, now, sight, now);
      if (pick.when <= now) return pick;
      if (!earliest.has_value() || pick.when < earliest->when) earliest = pick;
    }
  }
  return earliest;
}

// --- Whether and how much (G1, G2, G7) ---------------------------------------------

std::vector<Model::Window> Model::Windows(absl::Time now) const {
  const ModelWindow hour = calendar_.At(CalendarUnit::kHour, now);
  const ModelWindow day = calendar_.At(CalendarUnit::kDay, now);
  const ModelWindow month = calendar_.At(CalendarUnit::kMonth, now);
  const std::vector<absl::Time> begins = {hour.begin, day.begin, month.begin};
  std::vector<Window> windows = {
      {absl::StrCat("hour ", absl::FormatTime(hour.begin)),
       settings_.currencies.at("USD").max_automatic_amount_per_hour, 0, hour.end},
      {absl::StrCat("day ", absl::FormatTime(day.begin)),
       settings_.currencies.at("USD").max_automatic_amount_per_day, 0, day.end}};
  if (monthly_cap_ != 0) {
    windows.push_back(
        {absl::StrCat("month ", absl::FormatTime(month.begin)), monthly_cap_, 0, month.end});
  }
  for (const ModelRecharge& recharge : recharges_) {
    if (recharge.kind != RechargeKind::kAutomatic || recharge.state != RechargeState::kSucceeded) {
      continue;
    }
    for (size_t i = 0; i < windows.size(); ++i) {
      if (recharge.success_time >= begins[i]) windows[i].used += recharge.credited;
    }
  }
  return windows;
}

// From the command that opened the first of the last hour's automatic recharges, if this one is
// the third at least.
__int128 Model::UsedInTheHour(int64_t ordinal, absl::Time now) const {
  std::vector<Opening> others = openings_;
  const bool is_open = ordinal == open_ordinal();
  if (is_open && !others.empty()) others.pop_back();
  const auto within = std::find_if(others.begin(), others.end(), [now](const Opening& opening) {
    return opening.time > now - absl::Hours(1);
  });
  if (others.end() - within < 2) return 0;
  __int128 used = Accrued() - within->accrued;
  for (size_t i = within->usages; i < usages_.size(); ++i) used += usages_[i];
  return used;
}

Model::Want Model::Wanted(int64_t ordinal, __int128 balance, const Sight& sight,
                          absl::Time now) const {
  Want want;
  const bool pending = state_ == AccountState::kPendingFunding;
  if (ends() || blocked_ || set_aside() > 0) return want;
  if (!pending && (off_ || suspended() || alarm() || balance >= threshold_)) return want;
  const std::optional<Pick> pick = PickFor(ordinal, sight, now);
  if (!pick.has_value()) return want;
  want.pick = *pick;
  want.kind = pending ? RechargeKind::kInitial : RechargeKind::kAutomatic;
  const __int128 used = pending ? 0 : UsedInTheHour(ordinal, now);
  __int128 n = 1;
  while (balance + n * reserve_amount_ < threshold_ || n * reserve_amount_ < used) ++n;
  while (n > 1 && (n > settings_.max_recharge_multiple ||
                   n * reserve_amount_ > settings_.currencies.at("USD").max_recharge_amount)) {
    --n;
    want.limited = true;
  }
  if (!pending) {
    const std::vector<Window> windows = Windows(now);
    const Window& least = *std::min_element(
        windows.begin(), windows.end(),
        [](const Window& a, const Window& b) { return a.cap - a.used < b.cap - b.used; });
    const __int128 asked = n;
    while (n > 0 && least.used + n * reserve_amount_ > least.cap) --n;
    if (n < asked) {
      want.limited = true;
      const bool helps = n > 0 && balance + n * reserve_amount_ > 0;
      if (!helps && (n == 0 || least.used > 0)) {
        want.capped_until = least.until;
        want.cap = least.name;
        return want;
      }
    }
  }
  want.amount = n * reserve_amount_;
  return want;
}

// --- What follows each command -----------------------------------------------------

void Model::Aim(const Pick& pick, ModelRecharge* recharge) const {
  const ModelCard& card = cards_[pick.card];
  recharge->aim = {card.id, card.token, card.number, card.given};
  recharge->due = pick.when;
}

void Model::OpenRecharge(RechargeKind kind, __int128 amount, const Pick& pick, Step* step) {
  ModelRecharge recharge;
  recharge.kind = kind;
  recharge.amount = amount;
  Aim(pick, &recharge);
  recharges_.push_back(recharge);
  ++step->events[EventKind::kRechargeOpened];
}

void Model::Cancel(ModelRecharge* recharge, Step* step) {
  recharge->state = RechargeState::kCanceled;
  if (recharge->kind == RechargeKind::kAutomatic && !openings_.empty()) openings_.pop_back();
  ++step->events[EventKind::kRechargeCanceled];
}

void Model::SetAside(ModelRecharge* recharge) { recharge->set_aside = true; }

// G1: what waits follows the account both ways.
void Model::Follow(const Sight& sight, absl::Time now, Step* step) {
  ModelRecharge* recharge = open();
  if (recharge == nullptr || !sight.open || recharge->handed_out) return;
  const int64_t ordinal = open_ordinal();
  if (recharge->kind == RechargeKind::kTopUp) {
    const ModelCard* card = Find(recharge->aim.id);
    const bool may = card != nullptr && card->given == recharge->aim.given &&
                     (card->state == CardState::kUsable || card->state == CardState::kFailing);
    const std::optional<Pick> pick = PickForTopUp(ordinal, sight, now);
    if (ends() || blocked_ || (!may && !(pick.has_value() && pick->when <= now))) {
      Cancel(recharge, step);
    } else if (!may) {
      Aim(*pick, recharge);
    }
    return;
  }
  // What was taken back neither adds to it nor ends it.
  const Want want = Wanted(ordinal, balance_ + taken_back_ - Accrued(), sight, now);
  if (want.amount == 0 || want.kind != recharge->kind) {
    Cancel(recharge, step);
    return;
  }
  recharge->amount = want.amount;
  if (!sight.declines) return;
  const ModelCard& card = cards_[want.pick.card];
  const bool other = card.id != recharge->aim.id || card.given != recharge->aim.given;
  const bool due_now = *recharge->due <= now && want.pick.when <= now;
  if (other || !due_now) Aim(want.pick, recharge);
}

void Model::OpenWhatIsWanted(const Sight& sight, absl::Time now, Step* step) {
  capped_until_.reset();
  const bool pending = state_ == AccountState::kPendingFunding;
  if (open_ordinal() != 0 || (waits_for_the_customer_ && !pending)) return;
  const int64_t ordinal = static_cast<int64_t>(recharges_.size()) + 1;
  const __int128 to_count = pending ? taken_back_ : 0;  // what was taken makes the first no larger
  const Want want = Wanted(ordinal, balance_ + to_count - Accrued(), sight, now);
  if (want.capped_until.has_value()) {
    capped_until_ = want.capped_until;
    if (told_windows_.insert(want.cap).second) ++step->events[EventKind::kCapReached];
  }
  if (want.amount == 0) return;
  OpenRecharge(want.kind, want.amount, want.pick, step);
  if (want.limited) ++step->events[EventKind::kRechargeLimited];
  if (want.kind != RechargeKind::kAutomatic) return;
  openings_.push_back({now, usages_before_, accrued_before_});
  if (openings_.size() > 8) openings_.erase(openings_.begin());  // so many are remembered
}

// G9: a recharge that must wait has looked at every card.
void Model::MarkLimited(absl::Time now, Step* step) {
  const ModelRecharge* recharge = open();
  if (recharge == nullptr || recharge->handed_out || *recharge->due <= now) return;
  for (ModelCard& card : cards_) {
    if (card.state != CardState::kUsable || NetworkLets(card.number, now)) continue;
    card.state = CardState::kFailing;
    card.rests_until = std::max(card.rests_until, FirstTry(card.number, now));
    ++step->events[EventKind::kCardLimitReached];
  }
}

void Model::ChangeState(Step* step) {
  if (state_ == AccountState::kDisabled && balance_ > 0) {
    state_ = AccountState::kActive;
    ++step->events[EventKind::kEnabled];
    return;
  }
  const __int128 money = balance_ + taken_back_;
  if (state_ != AccountState::kActive || money > 0) return;
  const bool at_zero = !HasUsable() || suspended();
  const bool at_the_limit =
      capped_until_.has_value() || alarm() || off_ || set_aside() > 0 || blocked_;
  Nanos limit =
      std::min({reserve_amount_, settings_.currencies.at("USD").max_automatic_amount_per_hour,
                settings_.currencies.at("USD").max_automatic_amount_per_day});
  if (monthly_cap_ != 0) limit = std::min(limit, monthly_cap_);
  limit -= 10'000'000;  // a cent
  if (!at_zero && !(at_the_limit && money <= -limit)) return;
  state_ = AccountState::kDisabled;
  ++step->events[EventKind::kDisabled];
}

void Model::Tell(absl::Time now, Step* step) {
  const bool nothing_comes = !HasUsable() || suspended() || blocked_ || off_ || alarm() ||
                             set_aside() > 0 || capped_until_.has_value() ||
                             waits_for_the_customer_;
  if (IsLow() && !was_low_ && nothing_comes && open_ordinal() == 0 &&
      step->events.count(EventKind::kDisabled) == 0) {
    ++step->events[EventKind::kLowBalance];
  }
  was_low_ = IsLow();
  if (ends()) return;
  if (notify_below_ != 0 && balance_ < notify_below_ && balance_before_ >= notify_below_) {
    ++step->events[EventKind::kBalanceNotice];
  }
  for (ModelCard& card : cards_) {
    if (card.expiry_told || !card.expires.has_value()) continue;
    if (*card.expires - settings_.card_expiry_notice > now) continue;
    card.expiry_told = true;
    ++step->events[EventKind::kCardExpiring];
  }
}

Step Model::Finish(Step step, absl::Time now, const Sight& sight) {
  const int64_t open_before = open_ordinal();
  EndGrants(now, &step);
  Fund(&step);
  now_ = now;
  RaiseLimit(&step);
  TellOfFunds(&step);
  Follow(sight, now, &step);
  OpenWhatIsWanted(sight, now, &step);
  if (sight.declines) MarkLimited(now, &step);
  const ModelRecharge* recharge = open();
  if (recharge == nullptr) {
    open_waits_ = false;
  } else if (sight.open || open_ordinal() != open_before) {
    open_waits_ = !recharge->handed_out && *recharge->due > now;
  }
  ChangeState(&step);
  Tell(now, &step);
  balance_before_ = balance_;
  usages_before_ = usages_.size();
  accrued_before_ = Accrued();
  acted_ = false;
  return step;
}

// --- Opening, users, settings ------------------------------------------------------

Step Model::Open(const ModelGiven& card, const CalendarRule& rule, absl::Time now) {
  Step step;
  // A usage may have begun up to 45 days before.
  calendar_ = ModelCalendar(now - absl::Hours(24 * 50), rule);
  reserve_amount_ = settings_.currencies.at("USD").default_reserve_amount;
  threshold_ = settings_.currencies.at("USD").default_recharge_threshold;
  if (!card.token.empty()) PutNew(card);
  ++step.events[EventKind::kAccountOpened];
  return Finish(step, now);
}

Step Model::ChangeCalendar(const CalendarRule& rule, absl::Time now) {
  Step step;
  if (const auto refused = NotWhileClosing()) return *refused;
  if (rule == calendar_.latest()) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  const auto in_a_year =
      std::count_if(calendar_changes_.begin(), calendar_changes_.end(),
                    [now](absl::Time time) { return time > now - absl::Hours(24 * 365); });
  if (in_a_year >= 4) {
    step.outcome = Outcome::kRefused;
    step.reason = "CALENDAR_CHANGED_TOO_OFTEN";
    return step;
  }
  calendar_.Change(now, rule);
  calendar_changes_.push_back(now);
  ++step.events[EventKind::kCalendarChanged];
  return Finish(step, now);
}

Step Model::PutUser(const std::string& user_id, const Plan& plan, absl::Time now) {
  Step step;
  const auto known = people_.find(user_id);
  if (known != people_.end() && known->second.plan.plan_id == plan.plan_id &&
      !known->second.removed) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  if (const auto refused = NotOnceClosed()) return *refused;
  people_[user_id].plan = plan;
  people_[user_id].removed = false;
  ++step.events[EventKind::kUserPut];
  return Finish(step, now);
}

Step Model::BlockUser(const std::string& user_id, bool blocked, absl::Time now) {
  Step step;
  Person& person = people_.at(user_id);
  if (person.blocked == blocked && !person.removed) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  if (const auto refused = NotOnceClosed()) return *refused;
  if (person.removed) ++step.events[EventKind::kUserPut];
  if (person.blocked != blocked) {
    ++step.events[blocked ? EventKind::kUserBlocked : EventKind::kUserUnblocked];
  }
  person.removed = false;
  person.blocked = blocked;
  return Finish(step, now);
}

Step Model::RemoveUser(const std::string& user_id, absl::Time now) {
  Step step;
  if (people_.at(user_id).removed) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  if (const auto refused = NotOnceClosed()) return *refused;
  people_.at(user_id).removed = true;
  ++step.events[EventKind::kUserRemoved];
  return Finish(step, now);
}

// C3, C8: over the calls that drew on the allowance of that month, or of life.
int64_t Model::FreeLeft(const std::string& user_id, absl::Time start) const {
  return FreeBy(user_id, people_.at(user_id).plan, start);
}

int64_t Model::FreeBy(const std::string& user_id, const Plan& plan, absl::Time start) const {
  if (plan.standard_calls == StandardCalls::kIncluded) return 0;
  int64_t used = 0;
  for (const Draw& draw : people_.at(user_id).draws) {
    if (draw.month == MonthOf(plan, start)) used += draw.seconds;
  }
  return std::max<int64_t>(plan.free_seconds - used, 0);
}

int Model::MonthOf(const Plan& plan, absl::Time start) const {
  if (plan.allowance_reset == AllowanceReset::kNever) return 0;
  const CalendarUnit unit = plan.allowance_reset == AllowanceReset::kMonthly
                                ? CalendarUnit::kMonth
                                : CalendarUnit::kBillingMonth;
  return static_cast<int>(absl::ToUnixSeconds(calendar_.At(unit, start).begin) / 60);
}

const ModelUsage* Model::FindUsage(const std::string& usage_id) const {
  const auto found = facts_.find(usage_id);
  return found == facts_.end() ? nullptr : &found->second;
}

ModelRating Model::RateIt(const std::string& user_id, const Usage& usage, const Rate* rate) const {
  return RateBy(people_.at(user_id).plan, FreeLeft(user_id, usage.start_time), usage, rate);
}

int64_t Model::IncludedBy(const Rate& rate) {
  return rate.tariff == nullptr ? 0 : rate.tariff->lines[rate.tariff_line].included_seconds;
}

int64_t Model::Billable(absl::Duration duration, int64_t initial, int64_t further) {
  const int64_t micros = duration / absl::Microseconds(1);
  if (micros == 0) return 0;
  int64_t billable = initial;
  while (billable * 1'000'000 < micros) billable += further;
  return billable;
}

namespace {

// Whose second it is, by a clock that shows UTC.
const TariffLine& LineOfSecond(const Tariff& tariff, absl::Time second) {
  const absl::CivilSecond shown = absl::ToCivilSecond(second, absl::UTCTimeZone());
  const int bit = static_cast<int>(absl::GetWeekday(absl::CivilDay(shown)));
  const int minute = shown.hour() * 60 + shown.minute();
  const TariffLine* rest = nullptr;
  for (const TariffLine& line : tariff.lines) {
    if (line.periods.empty()) rest = &line;
    for (const DayPeriod& period : line.periods) {
      if ((period.days & 1 << bit) == 0) continue;
      const bool before = minute < period.to_minute;
      const bool after = minute >= period.from_minute;
      if (period.from_minute < period.to_minute ? before && after : before || after) return line;
    }
  }
  return *rest;
}

// C11, a second at a time.
ModelRating BySeconds(const Plan& plan, int64_t free, const Usage& usage, const Rate& rate) {
  const TariffLine& own = rate.tariff->lines[rate.tariff_line];
  ModelRating rating;
  const int64_t micros =
      usage.duration / absl::Microseconds(1) - int64_t{own.included_seconds} * 1'000'000;
  if (micros <= 0) return rating;
  int64_t billable = rate.initial_increment_seconds;
  while (billable * 1'000'000 < micros) billable += rate.increment_seconds;
  const bool charges_besides = rate.connect_fee > 0 || own.minimum.value_or(0) > 0;
  __int128 sixtieths = 0;
  for (int64_t place = own.included_seconds; place < own.included_seconds + billable; ++place) {
    const TariffLine& line = LineOfSecond(*rate.tariff, usage.start_time + absl::Seconds(place));
    Nanos price = line.price;
    for (const PriceStep& step : line.steps) {
      if (step.from_second <= place) price = step.price;
    }
    if (line.standard && plan.standard_calls == StandardCalls::kIncluded) continue;
    if (price == 0 && !charges_besides) continue;
    if (line.standard && price > 0 && rating.free_taken < free) {
      ++rating.free_taken;
    } else {
      ++rating.paid;
      sixtieths += price;
    }
  }
  if (rating.paid == 0) return rating;
  sixtieths += __int128{rate.connect_fee} * 60;
  if (own.maximum && sixtieths > __int128{*own.maximum} * 60) {
    sixtieths = __int128{*own.maximum} * 60;
  }
  if (own.minimum && sixtieths < __int128{*own.minimum} * 60) {
    sixtieths = __int128{*own.minimum} * 60;
  }
  rating.cost = (sixtieths + 30) / 60;
  return rating;
}

}  // namespace

ModelRating Model::RateBy(const Plan& plan, int64_t free, const Usage& usage, const Rate* rate) {
  ModelRating rating;
  if (usage.direction == Direction::kInbound &&
      (rate == nullptr || usage.kind == UsageKind::kSms)) {
    return rating;
  }
  if (rate == nullptr || rate->unpriced) {
    rating.no_rate = true;
    return rating;
  }
  if (usage.kind == UsageKind::kSms) {
    rating.cost = __int128{rate->price} * usage.segments;
    return rating;
  }
  if (rate->tariff != nullptr) return BySeconds(plan, free, usage, *rate);
  const int64_t billable =
      Billable(usage.duration, rate->initial_increment_seconds, rate->increment_seconds);
  if (rate->standard_rate && plan.standard_calls == StandardCalls::kIncluded) return rating;
  // C3: what can only cost 0 draws on nothing.
  if (rate->price == 0 && rate->connect_fee == 0) return rating;
  if (rate->standard_rate && rate->price > 0) rating.free_taken = std::min(billable, free);
  rating.paid = billable - rating.free_taken;
  rating.cost = Cost(*rate, rating.paid);
  return rating;
}

bool Model::Pays(const Rate& rate, int64_t free, __int128 money, int64_t seconds) {
  const int64_t allowance = rate.standard_rate ? free : 0;
  if (seconds <= allowance) return true;
  if (money <= 0) return false;
  return __int128{rate.price} * (seconds - allowance) + __int128{rate.connect_fee} * 60 <=
         money * 60;
}

bool Model::Affords(const std::string& user_id, const Usage& usage, const Rate& rate,
                    int64_t seconds) const {
  __int128 money = balance() + taken_back_ - Held();
  // The limit of the day leaves so much, but for the first increment, and nothing once it is
  // reached.
  if (LimitStops(user_id)) {
    money = std::min<__int128>(money, 0);
  } else if (seconds > rate.initial_increment_seconds) {
    money = std::min<__int128>(money, RoomOfTheDay(user_id));
  }
  return Pays(rate, FreeToPromise(user_id, usage.start_time), money, seconds);
}

Decision Model::Authorize(const std::string& user_id, const Usage& usage, const Rate* rate,
                          absl::Time now) {
  now_ = now;
  return Decide(user_id, usage, rate, balance() + taken_back_ - Held());
}

Decision Model::Decide(const std::string& user_id, const Usage& usage, const Rate* rate,
                       __int128 money) const {
  if (state_ == AccountState::kClosed) return Decision::kAccountClosed;
  if (state_ == AccountState::kClosing) return Decision::kAccountClosing;
  if (blocked_) return Decision::kAccountBlocked;
  if (state_ == AccountState::kPendingFunding) return Decision::kPendingFunding;
  if (state_ == AccountState::kDisabled) return Decision::kAccountDisabled;
  if (people_.at(user_id).removed) return Decision::kUserRemoved;
  if (people_.at(user_id).blocked) return Decision::kUserBlocked;
  if (rate != nullptr && rate->blocked) return Decision::kDestinationBlocked;
  if (RateIt(user_id, usage, rate).no_rate) return Decision::kNoRate;
  if (usage.kind == UsageKind::kSms) {
    const __int128 cost = RateIt(user_id, usage, rate).cost;
    if (cost > 0 && LimitStops(user_id)) return Decision::kLimitReached;
    return cost > 0 && cost > money ? Decision::kInsufficientBalance : Decision::kAllowed;
  }
  if (rate == nullptr) return Decision::kAllowed;
  const Plan& plan = people_.at(user_id).plan;
  if (rate->tariff == nullptr && rate->standard_rate &&
      plan.standard_calls == StandardCalls::kIncluded) {
    return Decision::kAllowed;
  }
  const int64_t free = FreeToPromise(user_id, usage.start_time);
  const bool stops = LimitStops(user_id);
  if (stops) money = std::min<__int128>(money, 0);
  bool pays = Pays(*rate, free, money, rate->initial_increment_seconds);
  if (rate->tariff != nullptr) {
    Usage first = usage;
    first.duration = absl::Seconds(IncludedBy(*rate) + rate->initial_increment_seconds);
    const __int128 cost = RateBy(plan, free, first, rate).cost;
    pays = cost == 0 || cost <= money;
  }
  if (!pays && stops) return Decision::kLimitReached;
  return pays ? Decision::kAllowed : Decision::kInsufficientBalance;
}

__int128 Model::promotional() const {
  __int128 sum = 0;
  for (const ModelGrant& grant : grants_) sum += grant.left;
  return sum;
}

absl::Time Model::next_grant_end() const {
  absl::Time next = absl::InfiniteFuture();
  for (const ModelGrant& grant : grants_) {
    if (grant.left > 0 && EndOf(grant) > grants_end_) next = std::min(next, EndOf(grant));
  }
  return next;
}

Step Model::Grant(Nanos amount, absl::Time end, absl::Time now) {
  const auto open = std::count_if(grants_.begin(), grants_.end(), [&](const ModelGrant& grant) {
    return grant.end > grants_end_ || grant.left > 0;
  });
  const auto refuse = [](const std::string& reason) {
    Step step;
    step.outcome = Outcome::kRefused;
    step.reason = reason;
    return step;
  };
  if (amount <= 0 || end <= now) return refuse("INVALID_FIELD");
  if (const auto refused = NotWhileClosing()) return *refused;
  if (open >= 30) return refuse("TOO_MANY_GRANTS");
  Step step;
  grants_.push_back({++births_, amount, end});
  TakeIn(amount);
  ++step.events[EventKind::kCreditGranted];
  NoteTakenBack(amount);
  return Finish(step, now);
}

std::vector<size_t> Model::GrantsInOrder() const {
  std::vector<size_t> order(grants_.size());
  for (size_t place = 0; place < order.size(); ++place) order[place] = place;
  std::stable_sort(order.begin(), order.end(),
                   [this](size_t a, size_t b) { return grants_[a].end < grants_[b].end; });
  return order;
}

void Model::DrawOnGrants(const ModelDraws& given_back, absl::Time now, ModelUsage* fact,
                         const ModelHold* hold) {
  __int128 missing = fact->cost;
  const auto take = [&](size_t place, __int128 most) {
    const __int128 amount = std::min({missing, most, grants_[place].left});
    if (amount <= 0) return __int128{0};
    grants_[place].left -= amount;
    const auto known = std::find_if(fact->promotional.begin(), fact->promotional.end(),
                                    [place](const auto& draw) { return draw.first == place; });
    if (known != fact->promotional.end()) {
      known->second += amount;
    } else {
      fact->promotional.emplace_back(place, amount);
    }
    missing -= amount;
    return amount;
  };
  for (const auto& [place, amount] : given_back) take(place, amount);
  // Of what ended under its call it gets what was kept for that.
  __int128 kept = hold == nullptr ? 0 : hold->aside.cost;
  for (const size_t place : GrantsInOrder()) {
    const ModelGrant& grant = grants_[place];
    if (grant.born >= fact->born) continue;
    if (EndOf(grant) > now) {
      take(place, missing);
    } else if (hold != nullptr && hold->made < EndOf(grant) && !grant.gone) {
      kept -= take(place, kept);
    }
  }
}

void Model::GiveBackToGrants(ModelUsage* fact) {
  for (const auto& [place, amount] : fact->promotional) grants_[place].left += amount;
  fact->promotional.clear();
}

void Model::EndGrants(absl::Time now, Step* step) {
  const __int128 ended = EndThose(now, step);
  if (ended > 0) NoteTakenBack(-ended);
}

__int128 Model::EndThose(absl::Time now, Step* step) {
  __int128 ended = 0;
  std::map<size_t, __int128> needed = NeededOfEnded(now);
  for (size_t place = 0; place < grants_.size(); ++place) {
    ModelGrant& grant = grants_[place];
    if (EndOf(grant) > now) continue;
    if (grant.left > needed[place]) {
      ended += grant.left - needed[place];
      grant.left = needed[place];
      ++step->events[EventKind::kCreditEnded];
    }
    grant.gone = grant.left == 0;
  }
  balance_ -= ended;
  grants_end_ = std::max(grants_end_, now);
  return ended;
}

void Model::Book(const std::string& user_id, const Usage& usage, const Rate* rate, Step* step,
                 const ModelDraws& given_back, const ModelHold* hold) {
  ModelUsage& fact = facts_[usage.usage_id];
  if (fact.born == 0) fact.born = ++births_;
  fact.user_id = user_id;
  fact.usage = usage;
  const bool known = people_.count(user_id) > 0;
  const ModelRating rating = known ? RateIt(user_id, usage, rate) : ModelRating();
  if (!known || rating.no_rate) {
    fact.status = UsageStatus::kUnrated;
    ++step->events[EventKind::kUsageUnrated];
    usages_.push_back(0);
    return;
  }
  fact.status = UsageStatus::kRated;
  fact.cost = rating.cost;
  fact.free_taken = rating.free_taken;
  balance_ -= rating.cost;
  NoteSpent(rating.cost, usage.start_time, user_id);
  DrawOnGrants(given_back, now_, &fact, hold);
  usages_.push_back(rating.cost);
  if (rating.free_taken == 0) return;
  Person& person = people_.at(user_id);
  person.draws.push_back(
      {usage.usage_id, MonthOf(person.plan, usage.start_time), rating.free_taken});
}

void Model::TakeBack(const std::string& usage_id, Step* step) {
  ModelUsage& fact = facts_[usage_id];
  if (fact.born == 0) fact.born = ++births_;
  TakeIn(fact.cost);
  NoteSpent(-fact.cost, fact.usage.start_time, fact.user_id);
  GiveBackToGrants(&fact);
  usages_.push_back(-fact.cost);
  for (auto& [user_id, person] : people_) {
    person.draws.erase(std::remove_if(person.draws.begin(), person.draws.end(),
                                      [&](const Draw& draw) { return draw.usage_id == usage_id; }),
                       person.draws.end());
  }
  fact.status = UsageStatus::kVoided;
  ++step->events[EventKind::kUsageVoided];
}

void Model::NoteTakenBack(__int128 amount) {
  if (amount == 0 || acted_) return;
  if (amount < 0) {
    if (!waits_for_the_customer_ && !IsShort()) return;
    waits_for_the_customer_ = true;
    taken_back_ -= amount;
    return;
  }
  if (!waits_for_the_customer_) return;
  taken_back_ = std::max<__int128>(taken_back_ - amount, 0);
  waits_for_the_customer_ = taken_back_ > 0 || IsShort();
}

bool Model::IsShort() const {
  return IsLow() || (state_ == AccountState::kPendingFunding && balance_ - Accrued() < threshold_);
}

// Before the first charge nothing waits that an act could end (O1).
bool Model::WaitsToBeEnded() const {
  return waits_for_the_customer_ && state_ != AccountState::kPendingFunding;
}

void Model::EndTheWait() {
  if (state_ == AccountState::kPendingFunding) return;
  acted_ = true;
  taken_back_ = 0;
  waits_for_the_customer_ = false;
}

void Model::TakeIn(__int128 amount) { balance_ += amount; }

Step Model::FinishCorrection(Step step, __int128 difference, bool may_recharge, absl::Time now) {
  // What was lent again by a grant that is over goes with it, and was nobody's.
  const __int128 over = EndThose(now, &step);
  if (may_recharge && difference < 0) {
    EndTheWait();
  } else {
    NoteTakenBack(difference - over);
  }
  return Finish(std::move(step), now);
}

Step Model::Record(const std::string& user_id, const Usage& usage, const Rate* rate, absl::Time now,
                   const std::string& hold_id) {
  if (const auto refused = NoFactsAnyMore()) return *refused;
  Step step;
  now_ = now;
  Book(user_id, usage, rate, &step, {}, HoldOf(usage.usage_id, hold_id));
  EndHoldsOf(usage.usage_id, hold_id);
  EndTheWait();
  // A usage sees the recharge only while it waits for its time.
  return Finish(step, now, {open_waits_, false});
}

Step Model::Void(const std::string& usage_id, absl::Time now) {
  Step step;
  const ModelUsage* fact = FindUsage(usage_id);
  if (fact != nullptr && fact->status == UsageStatus::kVoided) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  if (const auto refused = NoFactsAnyMore()) return *refused;
  const __int128 before = balance_;
  now_ = now;
  TakeBack(usage_id, &step);
  EndHoldsOf(usage_id, "");
  EndThose(now, &step);
  NoteTakenBack(balance_ - before);
  return Finish(step, now);
}

Step Model::Correct(const std::string& usage_id, const std::string& user_id, const Usage& usage,
                    const Rate* rate, bool may_recharge, absl::Time now,
                    const std::string& hold_id) {
  if (const auto refused = NoFactsAnyMore()) return *refused;
  Step step;
  const __int128 before = balance_;
  const ModelUsage* fact = FindUsage(usage_id);
  now_ = now;
  ModelDraws given_back;
  if (fact == nullptr || fact->status != UsageStatus::kVoided) {
    if (fact != nullptr) given_back = fact->promotional;
    TakeBack(usage_id, &step);
    estimates_.erase(usage_id);  // this has what its CDR would say
  }
  const ModelHold* hold = HoldOf(usage.usage_id, hold_id);
  if (hold == nullptr) hold = HoldOf(usage_id, "");
  Book(user_id, usage, rate, &step, given_back, hold);
  EndHoldsOf(usage_id, hold_id);
  EndHoldsOf(usage.usage_id, "");
  return FinishCorrection(std::move(step), balance_ - before, may_recharge, now);
}

Step Model::RateNow(const std::string& usage_id, const Rate* rate, absl::Time now) {
  Step step;
  const ModelUsage fact = facts_.at(usage_id);
  const bool waits = fact.status == UsageStatus::kUnrated && people_.count(fact.user_id) > 0;
  if (!waits || RateIt(fact.user_id, fact.usage, rate).no_rate) {
    step.outcome = Outcome::kWhatever;  // the reason may be another one by now
    return step;
  }
  const __int128 before = balance_;
  now_ = now;
  Book(fact.user_id, fact.usage, rate, &step);
  ++step.events[EventKind::kUsageRated];
  NoteTakenBack(balance_ - before);
  return Finish(step, now);
}

Step Model::RateAgain(const std::string& usage_id, const Rate* rate, bool include_unrated,
                      bool may_recharge, absl::Time now) {
  Step step;
  step.outcome = Outcome::kUnchanged;
  ModelUsage& fact = facts_.at(usage_id);
  const bool unrated = fact.status == UsageStatus::kUnrated;
  if (NoFactsAnyMore()) return step;
  if (fact.status == UsageStatus::kVoided || (unrated && !include_unrated)) return step;
  const auto person = people_.find(fact.user_id);
  if (person == people_.end()) return step;
  // Its own draw comes back before it draws again.
  std::vector<Draw>& draws = person->second.draws;
  const std::vector<Draw> before = draws;
  std::optional<Draw> own;
  for (auto draw = draws.begin(); draw != draws.end(); ++draw) {
    if (draw->usage_id != usage_id) continue;
    own = *draw;
    draws.erase(draw);
    break;
  }
  const ModelRating rating = RateIt(fact.user_id, fact.usage, rate);
  const Draw drawn{usage_id, MonthOf(person->second.plan, fact.usage.start_time),
                   rating.free_taken};
  const bool same_draw = own.has_value()
                             ? own->seconds == drawn.seconds && own->month == drawn.month
                             : drawn.seconds == 0;
  if (rating.no_rate || (!unrated && rating.cost == fact.cost && same_draw)) {
    draws = before;
    return step;
  }
  if (drawn.seconds > 0) draws.push_back(drawn);
  const __int128 difference = fact.cost - rating.cost;
  TakeIn(difference);
  now_ = now;
  NoteSpent(-difference, fact.usage.start_time, fact.user_id);
  usages_.push_back(-difference);
  fact.status = UsageStatus::kRated;
  fact.cost = rating.cost;
  fact.free_taken = rating.free_taken;
  const ModelDraws given_back = fact.promotional;
  GiveBackToGrants(&fact);
  DrawOnGrants(given_back, now, &fact);
  step.outcome = Outcome::kApplied;
  ++step.events[EventKind::kUsageRated];
  return FinishCorrection(std::move(step), difference, may_recharge, now);
}

// C10: it is in the history, and that is all.
Step Model::RecordEmergency(absl::Time now) {
  if (const auto refused = NoFactsAnyMore()) return *refused;
  usages_.push_back(0);
  return Finish({}, now, {open_waits_, false});
}

Step Model::ChangeBilling(const BillingChange& change, absl::Time now) {
  if (const auto refused = NotWhileClosing()) return *refused;
  Step step;
  const Nanos amount = change.reserve_amount.value_or(reserve_amount_);
  const Nanos limit = change.recharge_threshold.value_or(threshold_);
  const Nanos month = change.monthly_cap.value_or(monthly_cap_);
  const Nanos notify = change.notify_below.value_or(notify_below_);
  const Nanos most = std::min({settings_.currencies.at("USD").max_recharge_amount,
                               settings_.currencies.at("USD").max_automatic_amount_per_hour,
                               settings_.currencies.at("USD").max_automatic_amount_per_day});
  const bool amount_fits = amount >= settings_.currencies.at("USD").min_reserve_amount &&
                           amount <= most && amount % 10'000'000 == 0;
  const bool limit_fits =
      limit >= settings_.currencies.at("USD").min_recharge_threshold && limit <= amount;
  if (!amount_fits || !limit_fits || (month != 0 && month < amount) || notify < 0) {
    step.outcome = Outcome::kRefused;
    step.reason = "INVALID_FIELD";
    return step;
  }
  const bool amounts_change = amount != reserve_amount_ || limit != threshold_ ||
                              month != monthly_cap_ || notify != notify_below_;
  if (amounts_change) ++step.events[EventKind::kSettingsChanged];
  reserve_amount_ = amount;
  threshold_ = limit;
  monthly_cap_ = month;
  notify_below_ = notify;
  if (change.automatic_recharge.has_value()) {
    const bool on = *change.automatic_recharge;
    const bool only_that = !change.reserve_amount.has_value() && !change.monthly_cap.has_value() &&
                           !change.recharge_threshold.has_value() &&
                           !change.notify_below.has_value();
    if (on && (off_ || only_that)) EndSuspension(&step);
    if (off_ == on) {
      ++step.events[on ? EventKind::kAutomaticRechargeOn : EventKind::kAutomaticRechargeOff];
    }
    off_ = !on;
  }
  if (step.events.empty() && !WaitsToBeEnded()) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  EndTheWait();
  return Finish(step, now);
}

// --- Cards (G6, G9, G10) -----------------------------------------------------------

bool Model::Covers(const ModelDispute& dispute, const std::string& number) {
  return dispute.out && !dispute.forgiven &&
         (dispute.number == number || dispute.by_token.contains(number));
}

void Model::RememberToken(const std::string& token, const std::string& number) {
  if (token.empty()) return;
  std::set<std::string> names = {StandInNumber(CardToken(token))};
  for (const ModelCard& card : cards_) {
    if (card.token == token) names.insert(card.number);
  }
  for (auto& [id, dispute] : disputes_) {
    if (!Covers(dispute, number)) continue;
    dispute.by_token.insert(names.begin(), names.end());
  }
  for (const std::string& name : names) MoveCards(name);
}

ModelGiven Model::AsKnown(ModelGiven given) const {
  if (given.token.empty()) return given;
  const std::string without = StandInNumber(CardToken(given.token));
  for (const ModelCard& card : cards_) {
    if (card.token != given.token) continue;
    if (!given.number_given || card.state == CardState::kDisputed) given.number = card.number;
    return given;
  }
  for (const auto& [id, dispute] : disputes_) {
    if (!Covers(dispute, without)) continue;
    given.number = dispute.number;
    return given;
  }
  if (!given.number_given) given.number = without;
  return given;
}

ModelCard* Model::FindGiven(const ModelGiven& given) {
  for (ModelCard& card : cards_) {
    if (card.token == given.token) return &card;
  }
  for (ModelCard& card : cards_) {
    if (card.number == given.number) return &card;
  }
  return nullptr;
}

void Model::PutNew(const ModelGiven& given) {
  ModelCard card;
  card.id = absl::StrCat("card-", ++last_card_);
  card.token = given.token;
  card.number = given.number;
  card.expires = given.expires;
  if (NumberDisputed(given.number)) card.state = CardState::kDisputed;
  cards_.push_back(card);
}

void Model::Move(const std::string& id, int position) {
  if (position == 0) return;
  const ModelCard card = *Find(id);
  cards_.erase(std::find_if(cards_.begin(), cards_.end(),
                            [&](const ModelCard& other) { return other.id == id; }));
  const auto place = std::min<size_t>(static_cast<size_t>(position) - 1, cards_.size());
  cards_.insert(cards_.begin() + static_cast<std::ptrdiff_t>(place), card);
}

Step Model::GiveTo(ModelCard* card, const ModelGiven& given, absl::Time now) {
  Step step;
  if (GivenToday(now) >= settings_.max_cards_given_per_day) {
    step.outcome = Outcome::kRefused;
    step.reason = "TOO_MANY_CARDS_GIVEN";
    return step;
  }
  times_given_.push_back(now);
  ++step.events[card->token == given.token ? EventKind::kCardConfirmed : EventKind::kCardReplaced];
  if (given.expires.has_value() || card->number != given.number) card->expires = given.expires;
  if (card->token != given.token) {
    const std::string left = card->token;
    card->token = given.token;
    RememberToken(left, card->number);
  }
  card->number = given.number;
  card->state = NumberDisputed(given.number) ? CardState::kDisputed : CardState::kUsable;
  ++card->given;
  card->soft_declines = 0;
  card->rests_until = absl::InfinitePast();
  card->expiry_told = false;
  for (ModelCard& other : cards_) {
    if (other.number == given.number) other.declined = {0, 0};
  }
  Move(std::string(card->id), given.position);
  EndTheWait();
  return Finish(step, now);
}

Step Model::GiveNew(const ModelGiven& given, absl::Time now) {
  Step step;
  step.outcome = Outcome::kRefused;
  if (cards_.size() >= static_cast<size_t>(settings_.max_payment_methods)) {
    step.reason = "TOO_MANY_PAYMENT_METHODS";
    return step;
  }
  if (GivenToday(now) >= settings_.max_cards_given_per_day) {
    step.reason = "TOO_MANY_CARDS_GIVEN";
    return step;
  }
  step.outcome = Outcome::kApplied;
  times_given_.push_back(now);
  PutNew(given);
  Move(cards_.back().id, given.position);
  ++step.events[EventKind::kCardAdded];
  EndTheWait();
  return Finish(step, now);
}

Step Model::AddCard(const ModelGiven& asked, absl::Time now) {
  if (const auto refused = NotWhileClosing()) return *refused;
  const ModelGiven given = AsKnown(asked);
  if (ModelCard* card = FindGiven(given)) return GiveTo(card, given, now);
  return GiveNew(given, now);
}

Step Model::UpdateCard(const std::string& id, const ModelGiven& asked, absl::Time now) {
  if (const auto refused = NotWhileClosing()) return *refused;
  const ModelGiven given = AsKnown(asked);
  ModelCard* card = Find(id);
  if (id.empty()) {
    card = FindGiven(given);
    if (card == nullptr && cards_.empty()) return GiveNew(given, now);
    if (card == nullptr) card = &cards_.front();
  }
  Step step;
  if (card == nullptr) {
    step.outcome = Outcome::kRefused;
    step.reason = "PAYMENT_METHOD_NOT_FOUND";
    return step;
  }
  if (!given.token.empty()) return GiveTo(card, given, now);
  const bool moves =
      given.position != 0 &&
      card != &cards_[std::min(static_cast<size_t>(given.position), cards_.size()) - 1];
  if (!moves) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  Move(id, given.position);
  return Finish(step, now);
}

Step Model::RemoveCard(const std::string& id, absl::Time now) {
  Step step;
  const auto card = std::find_if(cards_.begin(), cards_.end(),
                                 [&](const ModelCard& other) { return other.id == id; });
  if (card == cards_.end()) {
    for (int i = 1; i <= last_card_; ++i) {
      if (id == absl::StrCat("card-", i)) step.outcome = Outcome::kUnchanged;
    }
    if (step.outcome == Outcome::kUnchanged) return step;
    step.outcome = Outcome::kRefused;
    step.reason = "PAYMENT_METHOD_NOT_FOUND";
    return step;
  }
  const ModelCard removed = *card;
  cards_.erase(card);
  RememberToken(removed.token, removed.number);
  ++step.events[EventKind::kCardRemoved];
  EndTheWait();
  return Finish(step, now);
}

// --- Staff (G12, D3, G3) -----------------------------------------------------------

Step Model::Adjust(Nanos amount, absl::Time now) {
  if (const auto refused = NotOnceClosed()) return *refused;
  Step step;
  TakeIn(amount);
  ++step.events[EventKind::kBalanceAdjusted];
  NoteTakenBack(amount);
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

Step Model::Resolve(int64_t ordinal, const ReviewOutcome& outcome, absl::Time now) {
  Step step;
  ModelRecharge& recharge = at(ordinal);
  if (recharge.kind == RechargeKind::kPayment) {
    step.outcome = Outcome::kRefused;
    step.reason = "NOT_UNDER_REVIEW";
    return step;
  }
  if (outcome.charged && recharge.state == RechargeState::kSucceeded) {
    const bool same = outcome.charge_id == recharge.charge_id;
    step.outcome = same ? Outcome::kUnchanged : Outcome::kRefused;
    step.reason = "ALREADY_CREDITED";
    return step;
  }
  if (!outcome.charged && recharge.state == RechargeState::kFailed) {
    step.outcome = Outcome::kUnchanged;
    return step;
  }
  if (recharge.state != RechargeState::kNeedsReview) {
    step.outcome = Outcome::kRefused;
    step.reason = "NOT_UNDER_REVIEW";
    return step;
  }
  ++step.events[EventKind::kReviewResolved];
  if (outcome.charged) {
    Credit(&recharge, ordinal, recharge.attempt, outcome.charge_id, outcome.amount, now, &step);
    return FinishCredit(ordinal, step, now);
  } else {
    recharge.state = RechargeState::kFailed;
    recharge.set_aside = false;
    ++step.events[EventKind::kRechargeFailed];
  }
  return Finish(step, now);
}

// --- Top-ups (G8) and what time brings ---------------------------------------------

Step Model::TopUp(std::optional<Nanos> amount, absl::Time now) {
  Step step;
  step.outcome = Outcome::kRefused;
  ModelRecharge* in_the_way = open();
  const bool long_pending = in_the_way != nullptr && in_the_way->pending.has_value() &&
                            now - *in_the_way->pending >= settings_.pending_in_the_way;
  const bool none = cards_.empty();
  const bool disputed = std::any_of(cards_.begin(), cards_.end(), [](const ModelCard& card) {
    return card.state == CardState::kDisputed;
  });
  const int64_t ordinal = static_cast<int64_t>(recharges_.size()) + 1;
  const std::optional<Pick> pick = PickForTopUp(ordinal, {true, true}, now);
  if (const auto refused = NotWhileClosing()) return *refused;
  if (blocked_) {
    step.reason = "ACCOUNT_BLOCKED";
  } else if (in_the_way != nullptr && !long_pending &&
             (in_the_way->handed_out || in_the_way->kind == RechargeKind::kTopUp)) {
    step.reason = "RECHARGE_IN_FLIGHT";
  } else if (!pick.has_value()) {
    step.reason = none ? "NO_CARD" : disputed ? "CARD_DISPUTED" : "CARD_REFUSED";
  } else if (pick->when > now) {
    step.reason = "CARD_LIMIT_REACHED";
  } else {
    step.outcome = Outcome::kApplied;
    if (in_the_way != nullptr && long_pending) {
      SetAside(in_the_way);
    } else if (in_the_way != nullptr) {
      Cancel(in_the_way, &step);
    }
    EndTheWait();
    OpenRecharge(RechargeKind::kTopUp, amount.value_or(reserve_amount_), *pick, &step);
    return Finish(step, now);
  }
  return step;
}

Step Model::Reconsider(absl::Time now) {
  Step step = Finish(Step(), now);
  step.outcome = Outcome::kWhatever;
  return step;
}

Step Model::Defer(absl::Time now) {
  Step step;
  step.outcome = Outcome::kUnchanged;
  ModelRecharge& recharge = at(open_ordinal());
  if (recharge.handed_out || *recharge.due > now) return step;
  const bool top_up = recharge.kind == RechargeKind::kTopUp;
  const std::optional<Pick> pick = top_up ? PickForTopUp(open_ordinal(), {true, true}, now)
                                          : PickFor(open_ordinal(), {true, true}, now);
  const bool same = pick.has_value() && cards_[pick->card].id == recharge.aim.id;
  if (same && pick->when <= now) return step;
  step.outcome = Outcome::kApplied;
  if (same && pick->network && cards_[pick->card].state == CardState::kFailing) {
    ++step.events[EventKind::kCardLimitReached];
  }
  if (top_up && !(pick.has_value() && pick->when <= now)) {
    Cancel(&recharge, &step);
  } else if (pick.has_value()) {
    Aim(*pick, &recharge);
  }
  return Finish(step, now);
}

void Model::HandOut() {
  ModelRecharge& recharge = at(open_ordinal());
  recharge.handed_out = true;
  recharge.leased = true;
  recharge.due.reset();
}

void Model::DeclinedElsewhere(const std::string& number, absl::Time time) {
  declines_.emplace(number, time);
}

// --- Reports (G3 to G6) ------------------------------------------------------------

void Model::Credit(ModelRecharge* recharge, int64_t ordinal, int attempt,
                   const std::string& charge_id, __int128 amount, absl::Time now, Step* step) {
  ModelCard* card = nullptr;
  const std::pair<int64_t, int> charged(ordinal, attempt);
  if (attempt == recharge->attempt) {
    card = Find(recharge->aim.id);
    if (card != nullptr && (card->given != recharge->aim.given || card->declined > charged)) {
      card = nullptr;
    }
  } else {
    // Of an earlier attempt it is known which card it marked when it was declined.
    for (ModelCard& other : cards_) {
      if (other.declined == charged) card = &other;
    }
    // And which number it was, of whichever card that is now.
    recharge->aim = {"", "", recharge->earlier[static_cast<size_t>(attempt - 1)].number, 0};
    for (auto other = cards_.rbegin(); other != cards_.rend(); ++other) {
      if (other->number == recharge->aim.number) recharge->aim.id = other->id;
    }
    if (card != nullptr) recharge->aim.id = card->id;
  }
  // By whichever report or payment names the charge first (G4).
  recharge->credited_as = CreditedFor(charge_id);
  recharge->state = RechargeState::kSucceeded;
  recharge->set_aside = false;
  recharge->success_time = now;
  recharge->charge_id = charge_id;
  recharge->credited = amount;
  if (recharge->credited_as == 0) {
    TakeIn(amount);
  } else {
    at(recharge->credited_as).aim.number = recharge->aim.number;
  }
  ++step->events[EventKind::kRechargeSucceeded];
  if (card != nullptr && card->state == CardState::kFailing) {
    card->state = CardState::kUsable;
    card->soft_declines = 0;
    card->rests_until = absl::InfinitePast();
  }
  if (amount < recharge->amount) {
    ++step->events[EventKind::kChargedLess];
    if (card != nullptr) card->rests_until = std::max(card->rests_until, now + absl::Hours(1));
  }
  if (recharge->kind == RechargeKind::kTopUp && ordinal > suspended_after_) EndSuspension(step);
  if (state_ == AccountState::kPendingFunding) {
    state_ = AccountState::kActive;
    if (recharge->kind == RechargeKind::kTopUp) EndTheWait();  // the customer has acted
    if (!IsLow()) {
      taken_back_ = 0;
      waits_for_the_customer_ = false;
    }
    ++step->events[EventKind::kEnabled];
  }
}

Step Model::ReportSuccess(int64_t ordinal, const ChargeOutcome& outcome, absl::Time now) {
  Step step;
  ModelRecharge& recharge = at(ordinal);
  if (recharge.state == RechargeState::kSucceeded) {
    step.outcome =
        recharge.charge_id == outcome.charge_id ? Outcome::kUnchanged : Outcome::kRefused;
    step.reason = "ALREADY_CREDITED";
    return step;
  }
  if (outcome.currency != "USD" || outcome.amount > recharge.amount) {
    if (recharge.state == RechargeState::kNeedsReview) {
      step.outcome = Outcome::kUnchanged;
      return step;
    }
    recharge.state = RechargeState::kNeedsReview;
    recharge.due.reset();
    SetAside(&recharge);
    ++step.events[EventKind::kRechargeNeedsReview];
    return Finish(step, now);
  }
  Credit(&recharge, ordinal, outcome.attempt, outcome.charge_id, outcome.amount, now, &step);
  return FinishCredit(ordinal, step, now);
}

Step Model::ReportDecline(int64_t ordinal, const ChargeOutcome& outcome, absl::Time now) {
  Step step;
  ModelRecharge& recharge = at(ordinal);
  declines_.emplace(recharge.aim.number, now);
  own_declines_.push_back(now);
  const absl::Time day = calendar_.At(CalendarUnit::kDay, now).begin;
  const auto today = std::count_if(own_declines_.begin(), own_declines_.end(),
                                   [day](absl::Time time) { return time >= day; });
  if (today == settings_.max_declines_per_day) ++step.events[EventKind::kCardLimitReached];
  ModelCard* card = Find(recharge.aim.id);
  const bool soft = outcome.decline_class == DeclineClass::kSoft;
  if (card != nullptr && card->given == recharge.aim.given && card->state != CardState::kDisputed) {
    const CardState state = soft ? CardState::kFailing : CardState::kRefused;
    if (card->state != state) {
      ++step.events[soft ? EventKind::kCardFailing : EventKind::kCardRefused];
    }
    card->state = state;
    card->declined = {ordinal, recharge.attempt};
    card->rests_until = absl::InfiniteFuture();
    if (soft) {
      const auto retry = static_cast<size_t>(card->soft_declines++);
      if (retry < settings_.retry_delays.size()) {
        card->rests_until = now + settings_.retry_delays[retry];
      }
    }
  }
  ++recharge.declines;
  recharge.state = RechargeState::kOpen;
  recharge.pending.reset();
  std::optional<Pick> pick;
  if (!recharge.set_aside) {
    pick = recharge.kind == RechargeKind::kTopUp ? PickForTopUp(ordinal, {true, true}, now)
                                                 : PickFor(ordinal, {true, true}, now);
    if (pick.has_value() && recharge.kind == RechargeKind::kTopUp && pick->when > now) pick.reset();
  }
  if (!pick.has_value()) {
    recharge.state = RechargeState::kFailed;
    recharge.set_aside = false;
    ++step.events[EventKind::kRechargeFailed];
    return Finish(step, now);
  }
  ++recharge.attempt;
  recharge.earlier.push_back(recharge.aim);
  recharge.handed_out = false;
  Aim(*pick, &recharge);
  ++step.events[EventKind::kRechargeDeclined];
  if (pick->network && cards_[pick->card].state == CardState::kFailing) {
    ++step.events[EventKind::kCardLimitReached];
  }
  return Finish(step, now);
}

Step Model::Report(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current,
                   absl::Time now) {
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) return ReportSuccess(ordinal, outcome, now);
  Step step;
  ModelRecharge& recharge = at(ordinal);
  const bool review = recharge.state == RechargeState::kNeedsReview;
  const bool pends = outcome.kind == ChargeOutcome::Kind::kPending;
  const bool repeated = (outcome.kind == ChargeOutcome::Kind::kUnresolved && review) ||
                        (pends && (review || (recharge.pending.has_value() && !recharge.leased)));
  if ((recharge.state != RechargeState::kOpen && !review) || !lease_is_current ||
      outcome.attempt != recharge.attempt || repeated) {
    step.outcome = Outcome::kNothing;
    return step;
  }
  recharge.leased = false;
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) return ReportDecline(ordinal, outcome, now);
  if (pends) {
    recharge.due = now + settings_.pending_lookup_interval;
    if (!recharge.pending.has_value()) {
      recharge.pending = now;
      ++step.events[EventKind::kRechargePending];
    }
    return Finish(step, now);
  }
  recharge.state = RechargeState::kNeedsReview;
  recharge.due.reset();
  SetAside(&recharge);
  ++step.events[EventKind::kRechargeNeedsReview];
  return Finish(step, now);
}

}  // namespace reserve::domain
