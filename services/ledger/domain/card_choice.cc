#include "services/ledger/domain/card_choice.h"

#include <algorithm>

#include "absl/types/span.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/recharge_policy.h"

namespace reserve::domain {
namespace {

bool MayBeTried(const PaymentMethod& method) {
  return method.state == CardState::kUsable || method.state == CardState::kFailing;
}

// When the number of `method` may be tried again, by what its other tokens met in this recharge.
absl::Time AfterOthers(const Account& account, const PaymentMethod& method, int64_t ordinal) {
  absl::Time time = absl::InfinitePast();
  for (const PaymentMethod& other : account.payment_methods) {
    if (&other == &method || other.card.fingerprint != method.card.fingerprint) continue;
    if (other.declined_ordinal != ordinal) continue;
    if (other.state != CardState::kFailing) return absl::InfiniteFuture();
    time = std::max<absl::Time>(time, other.retry_time);
  }
  return time;
}

// Newest first, as far as they are known.
absl::Span<const absl::Time> DeclinesOf(const Context& context, const PaymentMethod& method) {
  if (context.declines == nullptr) return {};
  const auto found = context.declines->find(method.card.fingerprint);
  if (found == context.declines->end()) return {};
  return found->second;
}

// When the networks and we let `method` be tried, not before `earliest`.
CardChoice UnderLimits(const Context& context, const Account& account, const PaymentMethod& method,
                       absl::Time earliest) {
  CardChoice choice{&method, earliest};
  if (earliest == absl::InfiniteFuture()) return {};
  const Settings& settings = context.settings;
  choice.time = AllowedByDeclines(settings, method.card, DeclinesOf(context, method), earliest,
                                  &choice.network_limited);
  if (account.tries.declines < settings.max_declines_per_day) return choice;
  const CalendarWindow today = WindowAt(account.calendar, CalendarUnit::kDay, context.now);
  if (account.tries.day == today.number) choice.time = std::max(choice.time, today.end);
  return choice;
}

// The card's own schedule, as far as it can be one.
absl::Time RetryTime(const Context& context, const PaymentMethod& method) {
  if (method.retry_time == absl::InfiniteFuture()) return method.retry_time;
  return std::min<absl::Time>(method.retry_time, context.now + LongestRetryDelay(context.settings));
}

void KeepEarlier(const CardChoice& candidate, CardChoice* best) {
  if (candidate.method != nullptr && candidate.time < best->time) *best = candidate;
}

}  // namespace

absl::Time AllowedByDeclines(const Settings& settings, const Card& card,
                             absl::Span<const absl::Time> declines, absl::Time earliest,
                             bool* network_limited) {
  const absl::Time allowed =
      NextAllowedAttempt(settings.card_limits, card.network, declines, earliest);
  *network_limited = allowed > earliest;
  // After a decline once more at once; from then on one a minute, until it was left alone.
  if (declines.size() < 2 || declines[0] - declines[1] >= 2 * settings.decline_interval) {
    return allowed;
  }
  return std::max(allowed, declines[0] + settings.decline_interval);
}

CardChoice ChooseCard(const Context& context, const Account& account, int64_t ordinal) {
  CardChoice best;
  for (const PaymentMethod& method : account.payment_methods) {
    if (!MayBeTried(method)) continue;
    const absl::Time earliest =
        std::max({context.now, RetryTime(context, method), AfterOthers(account, method, ordinal)});
    const CardChoice candidate = UnderLimits(context, account, method, earliest);
    if (candidate.method != nullptr && candidate.time <= context.now) return candidate;
    KeepEarlier(candidate, &best);
  }
  return best;
}

CardChoice ChooseCardForTopUp(const Context& context, const Account& account, int64_t ordinal) {
  CardChoice best;
  for (const CardState state : {CardState::kUsable, CardState::kFailing}) {
    for (const PaymentMethod& method : account.payment_methods) {
      if (method.state != state || method.declined_ordinal == ordinal ||
          AfterOthers(account, method, ordinal) > absl::InfinitePast()) {
        continue;
      }
      const CardChoice candidate = UnderLimits(context, account, method, context.now);
      if (candidate.time <= context.now) return candidate;
      KeepEarlier(candidate, &best);
    }
  }
  return best;
}

absl::Time NetworkAllows(const Context& context, const PaymentMethod& method, absl::Time earliest) {
  return NextAllowedAttempt(context.settings.card_limits, method.card.network,
                            DeclinesOf(context, method), earliest);
}

const PaymentMethod* FindCard(const Account& account, absl::string_view payment_method_id) {
  for (const PaymentMethod& method : account.payment_methods) {
    if (method.payment_method_id == payment_method_id) return &method;
  }
  return nullptr;
}

PaymentMethod* FindCard(Account& account, absl::string_view payment_method_id) {
  for (PaymentMethod& method : account.payment_methods) {
    if (method.payment_method_id == payment_method_id) return &method;
  }
  return nullptr;
}

const PaymentMethod* FindCardWith(const Account& account, const CardToken& token) {
  for (const PaymentMethod& method : account.payment_methods) {
    if (method.card.token == token) return &method;
  }
  return nullptr;
}

const PaymentMethod* FindCardOf(const Account& account, absl::string_view fingerprint) {
  for (const PaymentMethod& method : account.payment_methods) {
    if (method.card.fingerprint == fingerprint) return &method;
  }
  return nullptr;
}

}  // namespace reserve::domain
