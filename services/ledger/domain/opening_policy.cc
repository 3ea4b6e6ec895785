#include "services/ledger/domain/opening_policy.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refill.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/suspension.h"

namespace reserve::domain {
namespace {

// The part of the expected spend of 30 days that the default reserve covers (O2).
constexpr int kReserveCoverDays = 7;
constexpr int kSpendDays = 30;

// O3: the most that a reserve amount may be.
Nanos MostReserveAmount(const CurrencySettings& settings) {
  return std::min(settings.max_recharge_amount, SmallestCap(settings, /*monthly_cap=*/0));
}

// O3.
absl::Status CheckBillingSettings(const CurrencySettings& settings, const Account& account) {
  const absl::string_view currency = account.currency;
  const Nanos reserve_amount = account.reserve_amount;
  const Nanos recharge_threshold = account.recharge_threshold;
  const Nanos most = MostReserveAmount(settings);
  if (reserve_amount < settings.min_reserve_amount) {
    return InvalidField("reserve_amount", absl::StrCat("must be at least ",
                                                       FormatDecimal(settings.min_reserve_amount),
                                                       ", not ", FormatDecimal(reserve_amount)));
  }
  if (reserve_amount > most) {
    return InvalidField("reserve_amount", absl::StrCat("must be at most ", FormatDecimal(most),
                                                       ", not ", FormatDecimal(reserve_amount)));
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeable("reserve_amount", currency, reserve_amount));
  if (recharge_threshold < settings.min_recharge_threshold) {
    return InvalidField(
        "recharge_threshold",
        absl::StrCat("must be at least ", FormatDecimal(settings.min_recharge_threshold), ", not ",
                     FormatDecimal(recharge_threshold)));
  }
  if (recharge_threshold > reserve_amount) {
    return InvalidField("recharge_threshold", absl::StrCat("must be at most the reserve amount ",
                                                           FormatDecimal(reserve_amount), ", not ",
                                                           FormatDecimal(recharge_threshold)));
  }
  if (account.monthly_cap != 0 && account.monthly_cap < reserve_amount) {
    return InvalidField("monthly_cap", absl::StrCat("must be 0, for none, or at least the reserve ",
                                                    "amount ", FormatDecimal(reserve_amount),
                                                    ", not ", FormatDecimal(account.monthly_cap)));
  }
  if (account.notify_below < 0) return InvalidField("notify_below", "must not be negative");
  return absl::OkStatus();
}

// G10, and what the switch ends of G12.
// `asked`: the request asks for nothing else.
void SwitchAutomatic(bool on, bool asked, Draft* draft) {
  Account& a = draft->account();
  const absl::Time now = draft->context().now;
  // Who saves all settings as they are says nothing of a suspension (G12).
  if (on && (asked || a.automatic_off)) {
    EndSuspension("the customer switched automatic recharging on", draft);
  }
  if (a.automatic_off != on) return;
  a.automatic_off = !on;
  a.automatic_off_time = on ? absl::InfinitePast() : now;
  draft->AddEvent(on ? EventKind::kAutomaticRechargeOn : EventKind::kAutomaticRechargeOff,
                  on ? "the customer switched automatic recharging on"
                     : "the customer switched automatic recharging off");
}

std::string DescribeSettings(const Account& a) {
  std::string text = absl::StrCat("reserve amount ", FormatMoney(a.currency, a.reserve_amount),
                                  ", threshold ", FormatMoney(a.currency, a.recharge_threshold));
  if (a.monthly_cap != 0) {
    absl::StrAppend(&text, ", at most ", FormatMoney(a.currency, a.monthly_cap), " a month");
  }
  if (a.notify_below != 0) {
    absl::StrAppend(&text, ", notice below ", FormatMoney(a.currency, a.notify_below));
  }
  return text;
}

// "Europe/Berlin, and was UTC", or less.
std::string NowAndBefore(absl::string_view now, absl::string_view before) {
  return before.empty() || now == before ? std::string(now)
                                         : absl::StrCat(now, ", and was ", before);
}

void ChangeCountry(const std::string& country, Draft* draft) {
  const std::string before(draft->account().country.view());
  if (country == before) return;
  draft->account().country = country;
  draft->AddEvent(EventKind::kAccountUpdated,
                  absl::StrCat("its country is ", NowAndBefore(country, before)));
}

// The event tells nothing of the name itself.
void ChangeDisplayName(const std::string& name, Draft* draft) {
  if (name == draft->account().display_name) return;
  draft->account().display_name = name;
  draft->AddEvent(EventKind::kAccountUpdated, "it has another display name");
}

// C8: what runs keeps its end.
absl::Status ChangeCalendar(const CalendarRule& rule, Draft* draft) {
  RESERVE_RETURN_IF_ERROR(CheckBillingDay(rule.billing_day));
  Account& a = draft->account();
  const CalendarRule before = a.calendar.latest();
  if (rule == before) return absl::OkStatus();
  const absl::Time now = draft->context().now;
  if (const auto allowed = NextCalendarChange(a.calendar, now); allowed.has_value()) {
    return CalendarChangedTooOften(kMostCalendarChanges, now, *allowed);
  }
  const absl::Span<const CalendarChange> changes = a.calendar.Changes();
  // A clock that was put back, or another ledger's, orders nothing anew.
  const absl::Time time = changes.empty() ? now : std::max<absl::Time>(now, changes.back().time);
  a.calendar.Add({time, rule, a.last_seq});
  const CalendarWindow runs = WindowAt(a.calendar, CalendarUnit::kBillingMonth, time);
  const CalendarWindow next = WindowAt(a.calendar, CalendarUnit::kBillingMonth, runs.end);
  draft->AddEvent(
      EventKind::kCalendarChanged,
      absl::StrCat("its time zone is ",
                   NowAndBefore(rule.time_zone.name(), before.time_zone.name()),
                   "; its billing day is ",
                   NowAndBefore(absl::StrCat(rule.billing_day), absl::StrCat(before.billing_day)),
                   "; what runs ends as before: the billing month at ", FormatRfc3339(runs.end),
                   ", and the next one at ", FormatRfc3339(next.end)));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckBillingDay(int32_t day) {
  if (day >= 1 && day <= kLastBillingDay) return absl::OkStatus();
  return InvalidField("billing_day", absl::StrCat("must be 1 to ", kLastBillingDay, ", not ", day));
}

absl::StatusOr<Nanos> DefaultReserveAmount(const CurrencySettings& settings, Nanos of_plan,
                                           std::optional<Nanos> expected_monthly_spend) {
  const Nanos own = std::max(settings.default_reserve_amount, of_plan);
  if (!expected_monthly_spend.has_value()) return own;
  if (*expected_monthly_spend < 0) {
    return InvalidField("expected_monthly_spend", "must not be negative");
  }
  // Rounded up to a whole unit, so that the figure reads well.
  const absl::int128 week = absl::int128(*expected_monthly_spend) * kReserveCoverDays;
  const absl::int128 per_unit = absl::int128(kSpendDays) * kNanosPerUnit;
  const absl::int128 asked = (week + per_unit - 1) / per_unit * kNanosPerUnit;
  const Nanos most = MostReserveAmount(settings);
  if (asked > most) return std::max(own, most);
  return std::max(own, static_cast<Nanos>(asked));
}

absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command) {
  if (!IsCurrency(command.currency)) {
    return InvalidField("currency_code", "must be a currency of ISO 4217");
  }
  const CurrencySettings* settings = FindCurrency(context.settings, command.currency);
  if (settings == nullptr) return CurrencyNotSupported("currency_code", command.currency);
  RESERVE_RETURN_IF_ERROR(CheckBillingDay(command.calendar.billing_day));
  if (!command.deck_in_force) return CurrencyWithoutDeck(command.currency);
  RESERVE_ASSIGN_OR_RETURN(
      const Nanos asked,
      DefaultReserveAmount(*settings, command.default_plan.DefaultReserveIn(command.currency),
                           command.expected_monthly_spend));
  const Nanos reserve_amount = command.reserve_amount.value_or(asked);
  const Nanos threshold = command.recharge_threshold.value_or(
      std::min(settings->default_recharge_threshold, reserve_amount));
  Account account;
  account.account_id = command.account_id;
  account.currency = command.currency;
  account.default_plan_id = command.default_plan.plan_id;
  account.display_name = command.display_name;
  account.country = command.country.empty() ? context.settings.default_country : command.country;
  account.calendar.first = command.calendar;
  account.reserve_amount = reserve_amount;
  account.recharge_threshold = threshold;
  account.create_time = account.update_time = account.settings_time = context.now;
  account.opening_digest = command.digest;
  RESERVE_RETURN_IF_ERROR(CheckBillingSettings(*settings, account));
  Draft draft(context, account);
  const bool with_card = !command.card.card.token.empty();
  if (with_card) PutNewCard(command.card, &draft);
  draft.AddEvent(EventKind::kAccountOpened,
                 with_card ? "opened with a card" : "opened without a card");
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 const BillingChange& change) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  Draft draft(context, account);
  Account& a = draft.account();
  a.reserve_amount = change.reserve_amount.value_or(a.reserve_amount);
  a.recharge_threshold = change.recharge_threshold.value_or(a.recharge_threshold);
  a.monthly_cap = change.monthly_cap.value_or(a.monthly_cap);
  a.notify_below = change.notify_below.value_or(a.notify_below);
  if (FindCurrency(context.settings, a.currency) == nullptr) {
    if (a.reserve_amount != account.reserve_amount) {
      return CurrencyNotSupported("reserve_amount", a.currency);
    }
    if (a.recharge_threshold != account.recharge_threshold) {
      return CurrencyNotSupported("recharge_threshold", a.currency);
    }
  }
  RESERVE_RETURN_IF_ERROR(CheckBillingSettings(CurrencyOf(context.settings, a), a));
  const bool amounts_changed = !(a == account);
  if (change.automatic_recharge.has_value()) {
    const bool asked = !change.reserve_amount.has_value() &&
                       !change.recharge_threshold.has_value() && !change.monthly_cap.has_value() &&
                       !change.notify_below.has_value();
    SwitchAutomatic(*change.automatic_recharge, asked, &draft);
  }
  draft.EndWait();  // the customer has acted, also who leaves all as it was
  if (a == account) return Unchanged(account);
  if (amounts_changed) {
    draft.AddEvent(EventKind::kSettingsChanged, DescribeSettings(a));
  }
  if (amounts_changed || a.automatic_off != account.automatic_off) a.settings_time = context.now;
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UpdateAccount(const Context& context, const Account& account,
                                         const AccountChange& change) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  Draft draft(context, account);
  if (change.country.has_value()) ChangeCountry(*change.country, &draft);
  if (change.display_name.has_value()) ChangeDisplayName(*change.display_name, &draft);
  CalendarRule rule = account.calendar.latest();
  rule.time_zone = change.time_zone.value_or(rule.time_zone);
  rule.billing_day = change.billing_day.value_or(rule.billing_day);
  RESERVE_RETURN_IF_ERROR(ChangeCalendar(rule, &draft));
  if (draft.account() == account) return Unchanged(account);
  draft.account().update_time = context.now;
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
