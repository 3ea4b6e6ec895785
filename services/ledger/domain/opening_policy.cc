#include "services/ledger/domain/opening_policy.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"

namespace reserve::domain {
namespace {

// The part of the expected spend of 30 days that the default reserve covers (O2).
constexpr int kReserveCoverDays = 7;
constexpr int kSpendDays = 30;

// O3.
absl::Status CheckBillingSettings(const Settings& settings, absl::string_view currency,
                                  Nanos reserve_amount, Nanos recharge_threshold) {
  if (reserve_amount < settings.min_reserve_amount) {
    return InvalidField("reserve_amount", absl::StrCat("must be at least ",
                                                       FormatDecimal(settings.min_reserve_amount),
                                                       ", not ", FormatDecimal(reserve_amount)));
  }
  if (reserve_amount > settings.max_recharge_amount) {
    return InvalidField("reserve_amount", absl::StrCat("must be at most ",
                                                       FormatDecimal(settings.max_recharge_amount),
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
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Nanos> DefaultReserveAmount(const Settings& settings, const Plan& plan,
                                           std::optional<Nanos> expected_monthly_spend) {
  const Nanos own = std::max(settings.default_reserve_amount, plan.default_reserve_amount);
  if (!expected_monthly_spend.has_value()) return own;
  if (*expected_monthly_spend < 0) {
    return InvalidField("expected_monthly_spend", "must not be negative");
  }
  // Rounded up to a whole unit, so that the figure reads well.
  const absl::int128 week = absl::int128(*expected_monthly_spend) * kReserveCoverDays;
  const absl::int128 per_unit = absl::int128(kSpendDays) * kNanosPerUnit;
  const absl::int128 asked = (week + per_unit - 1) / per_unit * kNanosPerUnit;
  if (asked > settings.max_recharge_amount) return std::max(own, settings.max_recharge_amount);
  return std::max(own, static_cast<Nanos>(asked));
}

absl::StatusOr<Transition> OpenAccount(const Context& context, const OpenAccountCommand& command) {
  if (!IsCurrency(command.currency)) {
    return InvalidField("currency_code", "must be a currency of ISO 4217");
  }
  RESERVE_ASSIGN_OR_RETURN(
      const Nanos asked,
      DefaultReserveAmount(context.settings, command.default_plan, command.expected_monthly_spend));
  const Nanos reserve_amount = command.reserve_amount.value_or(asked);
  const Nanos threshold = command.recharge_threshold.value_or(
      std::min(context.settings.default_recharge_threshold, reserve_amount));
  RESERVE_RETURN_IF_ERROR(
      CheckBillingSettings(context.settings, command.currency, reserve_amount, threshold));
  Account account;
  account.account_id = command.account_id;
  account.currency = command.currency;
  account.default_plan_id = command.default_plan.plan_id;
  account.reserve_amount = reserve_amount;
  account.recharge_threshold = threshold;
  account.card = command.card;
  account.card_state = command.card.token.empty() ? CardState::kNone : CardState::kUsable;
  account.create_time = context.now;
  account.opening_digest = command.digest;
  Draft draft(context, account);
  draft.AddEvent(EventKind::kAccountOpened,
                 command.card.token.empty() ? "opened without a card" : "opened with a card");
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UpdateBillingSettings(const Context& context, const Account& account,
                                                 std::optional<Nanos> reserve_amount,
                                                 std::optional<Nanos> recharge_threshold) {
  const Nanos amount = reserve_amount.value_or(account.reserve_amount);
  const Nanos threshold = recharge_threshold.value_or(account.recharge_threshold);
  RESERVE_RETURN_IF_ERROR(
      CheckBillingSettings(context.settings, account.currency, amount, threshold));
  if (amount == account.reserve_amount && threshold == account.recharge_threshold) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  draft.account().reserve_amount = amount;
  draft.account().recharge_threshold = threshold;
  draft.AddEvent(EventKind::kSettingsChanged,
                 absl::StrCat("reserve amount ", FormatMoney(account.currency, amount),
                              ", threshold ", FormatMoney(account.currency, threshold)));
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const Recharge* open_recharge, const Card& card) {
  if (account.card_state != CardState::kNone && card.fingerprint == account.card.fingerprint) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  draft.account().card = card;
  draft.account().card_state = CardState::kUsable;
  draft.AddEvent(EventKind::kCardReplaced, account.card_state == CardState::kNone
                                               ? "the first card was given"
                                               : "another card was given");
  if (open_recharge != nullptr && open_recharge->state == RechargeState::kOpen &&
      !open_recharge->in_flight()) {
    Recharge next = *open_recharge;
    PinCard(context, card, &next);
    draft.transition().recharges.push_back(std::move(next));
  }
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const std::string& user_id,
                                   const Plan& plan) {
  if (stored != nullptr && stored->plan_id == plan.plan_id) return Unchanged(account);
  Draft draft(context, account);
  User user;
  if (stored != nullptr) {
    user = *stored;
  } else {
    user.account_id = account.account_id;
    user.user_id = user_id;
    user.create_time = context.now;
  }
  user.plan_id = plan.plan_id;
  draft.transition().user = std::move(user);
  draft.AddEvent(EventKind::kUserPut, absl::StrCat(user_id, " is on plan ", plan.plan_id));
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
