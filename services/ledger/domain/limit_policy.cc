#include "services/ledger/domain/limit_policy.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/hold_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

// --- Which is in force (L1) ---------------------------------------------------------------

using Spending = std::array<std::optional<InForce<Nanos>>, kSpendWindows>;

bool Apply(const Context& context) { return context.feature_level >= kLimitsLevel; }

void TakeNearer(const Limits& limits, LimitLevel level, Spending* spending) {
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (limits.spend[i].has_value()) (*spending)[i] = {*limits.spend[i], level};
  }
}

// Of the account; every usage comes here, and nearly no account has any.
Spending SpendingOf(const Context& context, const Account& account) {
  Spending spending;
  if (!Apply(context)) return spending;
  if (const CurrencySettings* currency = FindCurrency(context.settings, account.currency)) {
    TakeNearer(currency->limits, LimitLevel::kOperator, &spending);
  }
  if (context.account_plan != nullptr) {
    TakeNearer(context.account_plan->LimitsIn(account.currency), LimitLevel::kPlan, &spending);
  }
  if (account.limits.any()) TakeNearer(account.limits.get(), LimitLevel::kAccount, &spending);
  return spending;
}

Spending SpendingOf(const Context& context, const User& user) {
  Spending spending;
  if (Apply(context)) TakeNearer(user.limits.get(), LimitLevel::kUser, &spending);
  return spending;
}

// The nearest level's of what a usage is judged by.
template <typename Value>
std::optional<InForce<Value>> Nearest(const Context& context, const Account& account,
                                      const User* user, const Plan* plan,
                                      std::optional<Value> Limits::*limit) {
  if (!Apply(context)) return std::nullopt;
  if (user != nullptr && (user->limits.get().*limit).has_value()) {
    return InForce<Value>{*(user->limits.get().*limit), LimitLevel::kUser};
  }
  if ((account.limits.get().*limit).has_value()) {
    return InForce<Value>{*(account.limits.get().*limit), LimitLevel::kAccount};
  }
  if (plan != nullptr && !plan->limits.empty()) {
    const Limits of_plan = plan->LimitsIn(account.currency);
    if ((of_plan.*limit).has_value()) return InForce<Value>{*(of_plan.*limit), LimitLevel::kPlan};
  }
  if ((context.settings.limits.*limit).has_value()) {
    return InForce<Value>{*(context.settings.limits.*limit), LimitLevel::kOperator};
  }
  const CurrencySettings* currency = FindCurrency(context.settings, account.currency);
  if (currency == nullptr || !(currency->limits.*limit).has_value()) return std::nullopt;
  return InForce<Value>{*(currency->limits.*limit), LimitLevel::kOperator};
}

// --- What stands in the way (L3) ----------------------------------------------------------

// The most that the first minute of a call of that rate may cost: with the fee, and no less than
// the least that a call costs (C11.6).
Nanos DearestMinute(const Rate& rate) {
  Nanos price = rate.price;
  Nanos least = 0;
  if (rate.tariff != nullptr) {
    for (const TariffLine& line : rate.tariff->lines) {
      price = std::max(price, line.price);
      for (const PriceStep& step : line.steps) price = std::max(price, step.price);
      least = std::max(least, line.minimum.value_or(0));
    }
  }
  return std::max(AddSaturating(price, rate.connect_fee), least);
}

// When the account is new no more.
absl::Time NewUntil(const Context& context, const Account& account) {
  return account.create_time + context.settings.new_account_period;
}

ReachedLimit PriceLimitOn(const Context& context, const Account& account, const UsageTerms& terms) {
  const Nanos price = DearestMinute(*terms.rate);
  if (const auto most =
          Nearest(context, account, terms.user, terms.plan, &Limits::price_per_minute);
      most.has_value() && price > most->value) {
    return {LimitKind::kPricePerMinute, most->level};
  }
  const absl::Time until = NewUntil(context, account);
  if (until <= context.now) return {};
  const auto most =
      Nearest(context, account, terms.user, terms.plan, &Limits::new_account_price_per_minute);
  if (!most.has_value() || price <= most->value) return {};
  return {LimitKind::kNewAccountPricePerMinute, most->level, until};
}

ReachedLimit CountryLimitOn(const Context& context, const Account& account, const UsageTerms& terms,
                            const Usage& usage) {
  const auto allowed = Nearest(context, account, terms.user, terms.plan, &Limits::countries);
  if (!allowed.has_value()) return {};
  NumberCountry country = terms.rate->country;
  if (country == NumberCountry::kUnknown) country = CountryOfNumber(usage.destination);
  const std::string text = TextOf(country);
  const bool is_allowed = absl::c_any_of(allowed->value, [&text](const std::string& each) {
    return each == text || each == kAllCountries;
  });
  return is_allowed ? ReachedLimit{} : ReachedLimit{LimitKind::kCountries, allowed->level};
}

ReachedLimit ReachedOf(const Spending& spending, const LimitAlarm& alarm, const SpendMeters& meters,
                       Nanos accrued, absl::Time now) {
  ReachedLimit reached;
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (!spending[i].has_value() || alarm.IsQuiet(i, now)) continue;
    const Nanos limit = spending[i]->value;
    if (AddSaturating(SpentOf(i, limit, now, meters), accrued) < limit) continue;
    const absl::Time until = SpendsAgainAt(i, limit, accrued, now, meters);
    // The one that holds longest.
    if (reached.any() && reached.until >= until) continue;
    reached = {kSpendKinds[i], spending[i]->level, until};
  }
  return reached;
}

// What is left once so much is spent beside what is counted.
Nanos RoomOf(const Spending& spending, const LimitAlarm& alarm, const SpendMeters& meters,
             Nanos held, absl::Time now) {
  Nanos room = std::numeric_limits<Nanos>::max();
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (!spending[i].has_value() || alarm.IsQuiet(i, now)) continue;
    const Nanos limit = spending[i]->value;
    room = std::min(room,
                    SubtractSaturating(limit, AddSaturating(SpentOf(i, limit, now, meters), held)));
  }
  return room;
}

Nanos AccruedOf(const std::vector<Hold>* holds, const User& user) {
  Nanos accrued = 0;
  if (holds == nullptr) return accrued;
  for (const Hold& hold : *holds) {
    if (hold.user_id == user.user_id) accrued = AddSaturating(accrued, hold.accrued);
  }
  return accrued;
}

Nanos HeldOf(const std::vector<Hold>* holds, const User& user) {
  Nanos held = 0;
  if (holds == nullptr) return held;
  for (const Hold& hold : *holds) {
    if (hold.user_id == user.user_id) held = AddSaturating(held, hold.held);
  }
  return held;
}

// --- Counting and telling (L2, L4) --------------------------------------------------------

// The user's, as this command has left it.
UserSpending* FindSpending(const User& user, Draft* draft) {
  for (UserSpending& each : draft->transition().spending) {
    if (each.user_id == user.user_id) return &each;
  }
  return nullptr;
}

UserSpending& SpendingFor(const User& user, Draft* draft) {
  if (UserSpending* known = FindSpending(user, draft)) return *known;
  return draft->transition().spending.emplace_back(
      UserSpending{user.user_id, user.limits, user.spent, user.alarm});
}

void Count(const Spending& spending, Nanos cost, absl::Time start, absl::Time now,
           SpendMeters* meters) {
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (spending[i].has_value()) CountSpend(i, spending[i]->value, cost, start, now, meters);
  }
}

void TellReached(size_t window, const InForce<Nanos>& limit, const SpendMeters& meters,
                 const std::string& user_id, Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  if (!a.alarm.rings()) a.alarm.time = now;
  const std::string whose = user_id.empty() ? "" : absl::StrCat(" of user ", user_id);
  Event& event = draft->AddEvent(
      EventKind::kLimitReached,
      absl::StrCat(NameOf(kSpendKinds[window]), whose, " is reached: ",
                   FormatMoney(a.currency, SpentOf(window, limit.value, now, meters)), " of ",
                   FormatMoney(a.currency, limit.value),
                   " are spent, and automatic recharging is suspended"));
  event.amount = limit.value;
  event.limit = kSpendKinds[window];
  event.limit_level = limit.level;
  event.user_id = user_id;
}

bool Reaches(size_t window, Nanos limit, Nanos accrued, absl::Time now, const SpendMeters& meters) {
  const Nanos spent = AddSaturating(SpentOf(window, limit, now, meters), accrued);
  // Of a limit of 0 it is whatever was spent.
  const bool any = accrued > 0 || meters.empty_at[window] > absl::ToUnixMicros(now);
  return any && spent >= limit;
}

void NoteAccount(const Spending& spending, Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  for (size_t i = 0; i < kSpendWindows; ++i) {
    const uint8_t bit = 1U << i;
    if (!spending[i].has_value() || (a.alarm.reached & bit) != 0 || a.alarm.IsQuiet(i, now)) {
      continue;
    }
    if (!Reaches(i, spending[i]->value, a.accrued, now, a.spent)) continue;
    TellReached(i, *spending[i], a.spent, "", draft);
    a.alarm.reached |= bit;
  }
}

void NoteUser(const std::string& user_id, const OwnLimits& limits, Nanos accrued,
              const SpendMeters& meters, LimitAlarm* alarm, Draft* draft) {
  const absl::Time now = draft->context().now;
  for (size_t i = 0; i < kSpendWindows; ++i) {
    const uint8_t bit = 1U << i;
    const std::optional<Nanos> limit = limits.get().spend[i];
    if (!limit.has_value() || (alarm->reached & bit) != 0 || alarm->IsQuiet(i, now)) continue;
    if (!Reaches(i, *limit, accrued, now, meters)) continue;
    TellReached(i, {*limit, LimitLevel::kUser}, meters, user_id, draft);
    if (!alarm->rings()) alarm->time = now;
    alarm->reached |= bit;
    draft->account().alarm.reached |= kUsersBit;
  }
}

Nanos AccruedNow(const std::string& user_id, const Draft& draft) {
  Nanos accrued = 0;
  for (const Hold* hold : LiveHolds(draft)) {
    if (hold->user_id == user_id) accrued = AddSaturating(accrued, hold->accrued);
  }
  return accrued;
}

// --- Changes ------------------------------------------------------------------------------

size_t WindowOf(LimitKind kind) {
  return static_cast<size_t>(absl::c_find(kSpendKinds, kind) - kSpendKinds.begin());
}

Limits Changed(Limits limits, const LimitsChange& change) {
  for (const LimitKind kind : change.set) {
    switch (kind) {
      case LimitKind::kNone:
        break;
      case LimitKind::kSpendPerHour:
      case LimitKind::kSpendPerDay:
      case LimitKind::kSpendPerMonth:
        limits.spend[WindowOf(kind)] = change.limits.spend[WindowOf(kind)];
        break;
      case LimitKind::kPricePerMinute:
        limits.price_per_minute = change.limits.price_per_minute;
        break;
      case LimitKind::kNewAccountPricePerMinute:
        limits.new_account_price_per_minute = change.limits.new_account_price_per_minute;
        break;
      case LimitKind::kCountries:
        limits.countries = change.limits.countries;
        break;
      case LimitKind::kCalls:
        limits.calls = change.limits.calls;
        break;
      case LimitKind::kLongestCall:
        limits.longest_call_seconds = change.limits.longest_call_seconds;
        break;
    }
  }
  return limits;
}

void Rescale(const Spending& before, const Spending& after, absl::Time now, SpendMeters* meters) {
  const auto amount = [](const std::optional<InForce<Nanos>>& limit) {
    return limit.has_value() ? std::optional<Nanos>(limit->value) : std::nullopt;
  };
  for (size_t i = 0; i < kSpendWindows; ++i) {
    RescaleSpend(i, amount(before[i]), amount(after[i]), now, meters);
  }
}

// --- Showing ------------------------------------------------------------------------------

void ShowSpending(const Spending& spending, const LimitAlarm& alarm, const SpendMeters& meters,
                  Nanos accrued, bool of_user, absl::Time now, std::vector<ShownLimit>* shown) {
  for (size_t i = 0; i < kSpendWindows; ++i) {
    if (!spending[i].has_value()) continue;
    ShownLimit& limit = shown->emplace_back();
    limit.kind = kSpendKinds[i];
    limit.level = spending[i]->level;
    limit.of_user = of_user;
    limit.amount = spending[i]->value;
    limit.used = AddSaturating(SpentOf(i, limit.amount, now, meters), accrued);
    limit.quiet = alarm.IsQuiet(i, now);
    limit.reached = !limit.quiet && limit.used >= limit.amount;
    if (limit.quiet) limit.until = alarm.quiet_until;
    if (limit.reached) limit.until = SpendsAgainAt(i, limit.amount, accrued, now, meters);
  }
}

template <typename Value>
ShownLimit* Show(LimitKind kind, const std::optional<InForce<Value>>& limit,
                 std::vector<ShownLimit>* shown) {
  if (!limit.has_value()) return nullptr;
  ShownLimit& added = shown->emplace_back();
  added.kind = kind;
  added.level = limit->level;
  return &added;
}

int64_t OpenCalls(const Context& context, const User* user) {
  if (context.holds == nullptr) return 0;
  return absl::c_count_if(*context.holds, [user](const Hold& hold) {
    return hold.open() && (user == nullptr || hold.user_id == user->user_id);
  });
}

}  // namespace

ReachedLimit LimitOn(const Context& context, const Account& account, const UsageTerms& terms,
                     const Usage& usage, Nanos more) {
  if (!Apply(context) || terms.emergency) return {};
  if (terms.rate != nullptr && usage.kind == UsageKind::kCall) {
    if (const ReachedLimit price = PriceLimitOn(context, account, terms); price.any()) return price;
  }
  if (terms.rate != nullptr && usage.direction == Direction::kOutbound) {
    const ReachedLimit country = CountryLimitOn(context, account, terms, usage);
    if (country.any()) return country;
  }
  const ReachedLimit of_account =
      ReachedOf(SpendingOf(context, account), account.alarm, account.spent,
                AddSaturating(account.accrued, more), context.now);
  if (of_account.any() || !terms.user->limits.get().limits_spend()) return of_account;
  return ReachedOf(SpendingOf(context, *terms.user), terms.user->alarm, terms.user->spent,
                   AddSaturating(AccruedOf(context.holds, *terms.user), more), context.now);
}

Nanos SpendRoom(const Context& context, const Account& account, const User& user, const Hold* but) {
  const Nanos own = but != nullptr && but->live() ? but->held : 0;
  const Nanos of_account = RoomOf(SpendingOf(context, account), account.alarm, account.spent,
                                  SubtractSaturating(account.held, own), context.now);
  if (!user.limits.get().limits_spend()) return of_account;
  return std::min(of_account,
                  RoomOf(SpendingOf(context, user), user.alarm, user.spent,
                         SubtractSaturating(HeldOf(context.holds, user), own), context.now));
}

InForce<int32_t> CallsOfAccount(const Context& context, const Account& account) {
  const auto nearest = Nearest(context, account, nullptr, context.account_plan, &Limits::calls);
  const InForce<int32_t> operators{context.settings.max_holds_per_account, LimitLevel::kOperator};
  // A plan's is of each user.
  if (!nearest.has_value() || nearest->level != LimitLevel::kAccount) return operators;
  return *nearest;
}

InForce<int32_t> CallsOfUser(const Context& context, const Account&, const User& user,
                             const Plan& plan) {
  // An account's is of the whole account.
  static const auto* const kNobody = new Account;
  return Nearest(context, *kNobody, &user, &plan, &Limits::calls)
      .value_or(InForce<int32_t>{context.settings.max_holds_per_user, LimitLevel::kOperator});
}

InForce<int64_t> LongestCallSeconds(const Context& context, const Account& account,
                                    const User& user, const Plan& plan) {
  // A plan says so itself.
  const auto nearest =
      Nearest(context, account, &user, /*plan=*/nullptr, &Limits::longest_call_seconds);
  if (nearest.has_value()) return *nearest;
  if (plan.longest_call_seconds > 0) return {plan.longest_call_seconds, LimitLevel::kPlan};
  return {absl::ToInt64Seconds(context.settings.longest_call), LimitLevel::kOperator};
}

void CountSpending(Nanos cost, absl::Time start, const User* user, Draft* draft) {
  const Context& context = draft->context();
  if (cost == 0 || !Apply(context)) return;
  Account& account = draft->account();
  Count(SpendingOf(context, account), cost, start, context.now, &account.spent);
  if (user == nullptr || !user->limits.get().limits_spend()) return;
  Count(SpendingOf(context, *user), cost, start, context.now, &SpendingFor(*user, draft).spent);
}

void NoteSpendingOf(const User& user, Draft* draft) {
  if (!user.limits.get().limits_spend() || !Apply(draft->context())) return;
  if (FindSpending(user, draft) != nullptr) return;  // looked at in any case
  LimitAlarm alarm = user.alarm;
  const Nanos accrued = AccruedNow(user.user_id, *draft);
  NoteUser(user.user_id, user.limits, accrued, user.spent, &alarm, draft);
  if (!(alarm == user.alarm)) SpendingFor(user, draft).alarm = alarm;
}

void NoteLimitsReached(Draft* draft) {
  const Account& a = draft->account();
  if (a.spent.any() || a.accrued > 0) NoteAccount(SpendingOf(draft->context(), a), draft);
  for (UserSpending& each : draft->transition().spending) {
    NoteUser(each.user_id, each.limits, AccruedNow(each.user_id, *draft), each.spent, &each.alarm,
             draft);
  }
}

absl::StatusOr<Transition> UpdateLimits(const Context& context, const Account& account,
                                        const User* user, const LimitsChange& change,
                                        const ByStaff& by) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosed(account));
  if (!Apply(context)) return FeatureLevelTooLow(context.feature_level, kLimitsLevel);
  const Limits& before = user == nullptr ? account.limits.get() : user->limits.get();
  Limits after = Changed(before, change);
  RESERVE_RETURN_IF_ERROR(CheckLimits(after));
  if (after == before) return Unchanged(account);
  Draft draft(context, account);
  Event& event = Tell(by, draft.AddEvent(EventKind::kLimitsChanged, by.reason));
  if (user == nullptr) {
    Account& changed = draft.account();
    const Spending spending = SpendingOf(context, account);
    changed.limits = OwnLimits(std::move(after), context.now);
    Rescale(spending, SpendingOf(context, changed), context.now, &changed.spent);
  } else {
    event.user_id = user->user_id;
    User changed = *user;
    changed.limits = OwnLimits(std::move(after), context.now);
    changed.update_time = context.now;
    Rescale(SpendingOf(context, *user), SpendingOf(context, changed), context.now, &changed.spent);
    draft.transition().user = std::move(changed);
  }
  return Concluded(std::move(draft));
}

bool LiftAlarms(const User* named, absl::Span<const User* const> ringing, absl::Duration quiet,
                Draft* draft) {
  const absl::Time now = draft->context().now;
  const auto lift = [&](LimitAlarm& alarm, SpendMeters& meters) {
    for (size_t i = 0; i < kSpendWindows; ++i) {
      if ((alarm.reached & (1U << i)) != 0) meters.empty_at[i] = 0;
    }
    alarm.Lift(now, quiet);
  };
  bool any = false;
  bool others = false;
  for (const User* user : ringing) {
    if (named != nullptr && user->user_id != named->user_id) {
      others = true;
      continue;
    }
    UserSpending& spending = SpendingFor(*user, draft);
    lift(spending.alarm, spending.spent);
    any = true;
  }
  Account& account = draft->account();
  const uint8_t stays = others ? account.alarm.reached & kUsersBit : 0;
  if (account.alarm.reached == stays) return any;
  const absl::Time since = account.alarm.time;
  lift(account.alarm, account.spent);
  account.alarm.reached = stays;
  if (account.alarm.rings()) account.alarm.time = since;
  return true;
}

std::vector<ShownLimit> LimitsInForce(const Context& context, const Account& account,
                                      const User* user, const Plan* plan) {
  std::vector<ShownLimit> shown;
  ShowSpending(SpendingOf(context, account), account.alarm, account.spent, account.accrued,
               /*of_user=*/false, context.now, &shown);
  if (user != nullptr) {
    ShowSpending(SpendingOf(context, *user), user->alarm, user->spent,
                 AccruedOf(context.holds, *user), /*of_user=*/true, context.now, &shown);
  }
  const auto price = Nearest(context, account, user, plan, &Limits::price_per_minute);
  if (ShownLimit* limit = Show(LimitKind::kPricePerMinute, price, &shown)) {
    limit->amount = price->value;
  }
  const absl::Time new_until = NewUntil(context, account);
  const auto new_price =
      Nearest(context, account, user, plan, &Limits::new_account_price_per_minute);
  if (new_until > context.now) {
    if (ShownLimit* limit = Show(LimitKind::kNewAccountPricePerMinute, new_price, &shown)) {
      limit->amount = new_price->value;
      limit->until = new_until;
    }
  }
  const auto countries = Nearest(context, account, user, plan, &Limits::countries);
  if (ShownLimit* limit = Show(LimitKind::kCountries, countries, &shown)) {
    limit->countries = countries->value;
  }
  const InForce<int32_t> of_account = CallsOfAccount(context, account);
  const auto add_calls = [&](const InForce<int32_t>& calls, const User* whose) {
    ShownLimit* limit = Show(LimitKind::kCalls, std::optional(calls), &shown);
    limit->of_user = whose != nullptr;
    limit->number = calls.value;
    limit->calls = OpenCalls(context, whose);
    limit->reached = limit->calls >= limit->number;
  };
  add_calls(of_account, nullptr);
  if (user == nullptr || plan == nullptr) return shown;
  add_calls(CallsOfUser(context, account, *user, *plan), user);
  const InForce<int64_t> longest = LongestCallSeconds(context, account, *user, *plan);
  Show(LimitKind::kLongestCall, std::optional(longest), &shown)->number = longest.value;
  return shown;
}

}  // namespace reserve::domain
