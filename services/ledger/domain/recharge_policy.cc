#include "services/ledger/domain/recharge_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {

absl::StatusOr<Transition> RequestRecharge(const Context& context, const Account& account,
                                           const std::string& request_id,
                                           std::optional<Nanos> amount,
                                           absl::Span<const absl::Time> card_declines) {
  const Nanos charged = amount.value_or(account.reserve_amount);
  if (charged <= 0) return InvalidField("amount", "must be above zero");
  if (charged > context.settings.max_recharge_amount) {
    return InvalidField(
        "amount",
        absl::StrCat("must be at most ", FormatDecimal(context.settings.max_recharge_amount)));
  }
  RESERVE_RETURN_IF_ERROR(CheckChargeable("amount", account.currency, charged));
  if (account.card_state == CardState::kNone) return NoCard();
  if (account.card_state == CardState::kRefused) return CardRefused();
  if (account.open_ordinal != 0) return RechargeAlreadyOpen(account.open_ordinal);
  const absl::Time allowed = NextAllowedAttempt(context.settings.card_limits, account.card.network,
                                                card_declines, context.now);
  if (allowed > context.now) return CardLimitReached(allowed);
  Draft draft(context, account);
  draft
      .OpenRecharge(RechargeKind::kTopUp, charged,
                    absl::StrCat("the customer asked for ", FormatMoney(account.currency, charged)))
      .request_id = request_id;
  return Concluded(std::move(draft));
}

Transition DeferRecharge(const Context& context, const Account& account, const Recharge& recharge,
                         absl::Span<const absl::Time> card_declines) {
  if (recharge.state != RechargeState::kOpen || recharge.in_flight() ||
      recharge.due_time > context.now) {
    return Unchanged(account);
  }
  Draft draft(context, account);
  Account& a = draft.account();
  const std::optional<absl::Time> due =
      DueUnderCardLimits(recharge, card_declines, context.now, &draft);
  if (due == context.now) return Unchanged(account);
  Recharge next = recharge;
  if (a.card_state == CardState::kUsable && recharge.card.fingerprint == a.card.fingerprint) {
    a.card_state = CardState::kFailing;
  }
  if (due.has_value()) {
    next.due_time = *due;
  } else {
    CloseRecharge(RechargeState::kFailed, context.now, &next, &a);
    draft.AddEvent(EventKind::kRechargeFailed, "given up, as the card can't be tried for too long",
                   recharge);
  }
  draft.transition().recharges.push_back(std::move(next));
  return Concluded(std::move(draft));
}

Transition Reconsider(const Context& context, const Account& account) {
  Draft draft(context, account);
  ApplyConsequences(draft);
  Transition transition = std::move(draft).Finish();
  transition.unchanged = transition.account == account && transition.events.empty();
  return transition;
}

absl::Duration LongestPlannedWait(const Settings& settings) {
  absl::Duration longest = settings.max_card_wait;
  for (const absl::Duration delay : settings.retry_delays) longest = std::max(longest, delay);
  return longest;
}

absl::Duration RetryDelay(const Settings& settings, const Recharge& recharge) {
  const int64_t declines = recharge.soft_declines;
  if (declines < 1 || declines > static_cast<int64_t>(settings.retry_delays.size())) {
    return absl::ZeroDuration();
  }
  return settings.retry_delays[static_cast<size_t>(declines - 1)];
}

}  // namespace reserve::domain
