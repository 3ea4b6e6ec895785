#include "services/ledger/domain/recharge_steps.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {

absl::Status CheckChargeable(absl::string_view field, absl::string_view currency, Nanos amount) {
  if (amount % MinorUnitNanos(currency) == 0) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("must be whole minor units of ", currency, ", not ",
                                          FormatDecimal(amount)));
}

void PinCard(const Context& context, const Card& card, Recharge* recharge) {
  recharge->card = card;
  ++recharge->attempt;
  ++recharge->lease_epoch;
  recharge->lease_owner.clear();
  recharge->attempt_start = absl::InfinitePast();
  recharge->due_time = context.now;
  recharge->soft_declines = 0;
}

void CloseRecharge(RechargeState state, absl::Time now, Recharge* recharge, Account* account) {
  recharge->state = state;
  recharge->settle_time = now;
  recharge->lease_owner.clear();
  if (account->open_ordinal == recharge->ordinal) account->open_ordinal = 0;
}

std::optional<absl::Time> DueUnderCardLimits(const Recharge& recharge,
                                             absl::Span<const absl::Time> card_declines,
                                             absl::Time planned, Draft* draft) {
  const Settings& settings = draft->context().settings;
  const absl::Time allowed =
      NextAllowedAttempt(settings.card_limits, recharge.card.network, card_declines, planned);
  if (allowed == planned) return planned;
  draft->AddEvent(EventKind::kCardLimitReached, CardLimitText(allowed), recharge);
  if (allowed - draft->context().now > settings.max_card_wait) return std::nullopt;
  return allowed;
}

}  // namespace reserve::domain
