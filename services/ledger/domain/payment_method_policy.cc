#include "services/ledger/domain/payment_method_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/card/stand_in_number.h"
#include "common/error/error.h"
#include "services/ledger/domain/card_choice.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/disputed_cards.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::domain {
namespace {

constexpr absl::string_view kIdPrefix = "card-";

// Of a token that the account knows its number counts where none is given, and whatever is given
// while that number is disputed (P2).
GivenCard WithWhatIsKnown(const Account& account, const GivenCard& given) {
  if (given.card.token.empty()) return given;
  GivenCard known = given;
  if (const PaymentMethod* same = FindCardWith(account, given.card.token); same != nullptr) {
    const bool disputed = same->state == CardState::kDisputed;
    if (disputed || !given.number_given) known.card.fingerprint = same->card.fingerprint;
    if (given.card.network == CardNetwork::kUnknown) known.card.network = same->card.network;
    return known;
  }
  const std::string disputed = DisputedNumberOf(account, given.card.token);
  if (!disputed.empty()) known.card.fingerprint = disputed;
  return known;
}

// The card that is given again, with its token or another one; null if there is none.
const PaymentMethod* FindGiven(const Account& account, const Card& card) {
  const PaymentMethod* same = FindCardWith(account, card.token);
  return same != nullptr ? same : FindCardOf(account, card.fingerprint);
}

// Was there a card of this id once?
bool WasGiven(const Account& account, absl::string_view payment_method_id) {
  const int32_t number = NumberOf(payment_method_id);
  return number > 0 && number <= account.last_payment_method;
}

// G9: counts a card that is given, or refuses it.
absl::Status CountGiven(const Context& context, Account* account) {
  const CalendarWindow today = WindowAt(account->calendar, CalendarUnit::kDay, context.now);
  account->tries.CountOn(today);
  if (account->tries.cards_given >= context.settings.max_cards_given_per_day) {
    return TooManyCardsGiven(context.settings.max_cards_given_per_day, context.now, today.end);
  }
  ++account->tries.cards_given;
  return absl::OkStatus();
}

void MoveTo(int32_t position, const std::string& payment_method_id, Draft* draft) {
  if (position == 0) return;
  std::vector<PaymentMethod>& cards = draft->account().payment_methods;
  const auto from = std::find_if(cards.begin(), cards.end(), [&](const PaymentMethod& method) {
    return method.payment_method_id == payment_method_id;
  });
  const auto to =
      cards.begin() + std::min<int64_t>(position, static_cast<int64_t>(cards.size())) - 1;
  if (to < from) {
    std::rotate(to, from, from + 1);
  } else {
    std::rotate(from, from + 1, to + 1);
  }
  draft->CardsChanged();
}

// The number is believed again, whichever of its tokens declined (G5).
void ForgetDeclines(const std::string& fingerprint, Account* account) {
  for (PaymentMethod& method : account->payment_methods) {
    if (method.card.fingerprint != fingerprint) continue;
    method.declined_ordinal = 0;
    method.declined_attempt = 0;
  }
}

void Give(const GivenCard& given, const std::string& payment_method_id, Draft* draft) {
  Account& account = draft->account();
  const bool disputed = IsDisputed(account, given.card.fingerprint);
  PaymentMethod& method = draft->ChangeCard(payment_method_id);
  const bool same_token = method.card.token == given.card.token;
  const bool same_number = method.card.fingerprint == given.card.fingerprint;
  if (!same_token) NoteTokenOf(method.card, draft);
  method.card = given.card;
  if (given.display.has_value()) {
    method.display = *given.display;
  } else if (!same_number) {
    method.display = {};
  }
  ++method.given;
  method.update_time = draft->context().now;
  method.expiry_told = false;
  method.soft_declines = 0;
  method.retry_time = absl::InfinitePast();
  const CardState state = disputed ? CardState::kDisputed : CardState::kUsable;
  if (std::exchange(method.state, state) != state) method.state_time = draft->context().now;
  ForgetDeclines(given.card.fingerprint, &account);
  draft
      ->AddEvent(same_token ? EventKind::kCardConfirmed : EventKind::kCardReplaced,
                 same_token    ? "the card was confirmed"
                 : same_number ? "the card was renewed"
                               : "another card was given")
      .payment_method_id = payment_method_id;
}

absl::StatusOr<Transition> GiveTo(const Context& context, const Account& account,
                                  const std::string& payment_method_id, const GivenCard& given) {
  Draft draft(context, account);
  RESERVE_RETURN_IF_ERROR(CountGiven(context, &draft.account()));
  draft.EndWait();
  Give(given, payment_method_id, &draft);
  MoveTo(given.position, payment_method_id, &draft);
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> GiveNew(const Context& context, const Account& account,
                                   const GivenCard& given) {
  if (account.payment_methods.size() >= static_cast<size_t>(context.settings.max_payment_methods)) {
    return TooManyPaymentMethods(context.settings.max_payment_methods);
  }
  Draft draft(context, account);
  RESERVE_RETURN_IF_ERROR(CountGiven(context, &draft.account()));
  draft.EndWait();
  PutNewCard(given, &draft);
  const std::string payment_method_id = draft.account().payment_methods.back().payment_method_id;
  draft
      .AddEvent(EventKind::kCardAdded, account.payment_methods.empty() ? "the first card was given"
                                                                       : "a further card was given")
      .payment_method_id = payment_method_id;
  MoveTo(given.position, payment_method_id, &draft);
  return Concluded(std::move(draft));
}

// What is shown of a card, and where it stands: nothing is charged for it.
absl::StatusOr<Transition> Rearrange(const Context& context, const Account& account,
                                     const std::string& payment_method_id, const GivenCard& given) {
  Draft draft(context, account);
  if (given.display.has_value()) {
    PaymentMethod& method = draft.ChangeCard(payment_method_id);
    method.display = *given.display;
    method.expiry_told = false;
  }
  MoveTo(given.position, payment_method_id, &draft);
  if (!draft.transition().cards_changed ||
      draft.account().payment_methods == account.payment_methods) {
    return Unchanged(account);
  }
  draft.ChangeCard(payment_method_id).update_time = context.now;
  return Concluded(std::move(draft));
}

}  // namespace

std::string StandInNumber(const CardToken& token) { return NumberStandingInFor(token); }

std::string PaymentMethodId(int32_t number) { return absl::StrCat(kIdPrefix, number); }

int32_t NumberOf(absl::string_view payment_method_id) {
  int32_t number = 0;
  if (!absl::ConsumePrefix(&payment_method_id, kIdPrefix) ||
      !absl::SimpleAtoi(payment_method_id, &number) || payment_method_id != absl::StrCat(number)) {
    return 0;
  }
  return number;
}

void PutNewCard(const GivenCard& given, Draft* draft) {
  Account& account = draft->account();
  PaymentMethod method;
  method.payment_method_id = PaymentMethodId(++account.last_payment_method);
  method.card = given.card;
  method.display = given.display.value_or(CardDisplay());
  method.state_time = method.update_time = draft->context().now;
  if (IsDisputed(account, given.card.fingerprint)) method.state = CardState::kDisputed;
  account.payment_methods.push_back(std::move(method));
  draft->CardsChanged();
}

absl::StatusOr<Transition> AddPaymentMethod(const Context& context, const Account& account,
                                            const GivenCard& asked) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  const GivenCard given = WithWhatIsKnown(account, asked);
  const PaymentMethod* same = FindGiven(account, given.card);
  if (same != nullptr) return GiveTo(context, account, same->payment_method_id, given);
  return GiveNew(context, account, given);
}

absl::StatusOr<Transition> UpdatePaymentMethod(const Context& context, const Account& account,
                                               const std::string& payment_method_id,
                                               const GivenCard& asked) {
  RESERVE_RETURN_IF_ERROR(CheckNotClosing(account));
  const GivenCard given = WithWhatIsKnown(account, asked);
  const PaymentMethod* method = nullptr;
  if (!payment_method_id.empty()) {
    method = FindCard(account, payment_method_id);
    if (method == nullptr) return PaymentMethodNotFound(account.account_id, payment_method_id);
  } else {
    method = FindGiven(account, given.card);
    if (method == nullptr && !account.payment_methods.empty()) {
      method = &account.payment_methods.front();
    }
    if (method == nullptr) return GiveNew(context, account, given);
  }
  if (given.card.token.empty()) {
    return Rearrange(context, account, method->payment_method_id, given);
  }
  return GiveTo(context, account, method->payment_method_id, given);
}

absl::StatusOr<Transition> RemovePaymentMethod(const Context& context, const Account& account,
                                               const std::string& payment_method_id) {
  if (FindCard(account, payment_method_id) == nullptr) {
    if (WasGiven(account, payment_method_id)) return Unchanged(account);
    return PaymentMethodNotFound(account.account_id, payment_method_id);
  }
  Draft draft(context, account);
  draft.EndWait();
  std::vector<PaymentMethod>& cards = draft.account().payment_methods;
  const auto removed = std::find_if(cards.begin(), cards.end(), [&](const PaymentMethod& method) {
    return method.payment_method_id == payment_method_id;
  });
  NoteTokenOf(removed->card, &draft);
  PaymentMethod& row = draft.transition().removed_card.emplace(std::move(*removed));
  row.card.token = CardToken();
  row.state = CardState::kRemoved;
  row.state_time = row.update_time = context.now;
  cards.erase(removed);
  draft.CardsChanged();
  draft
      .AddEvent(EventKind::kCardRemoved,
                cards.empty() ? "the last card was taken away" : "a card was taken away")
      .payment_method_id = payment_method_id;
  return Concluded(std::move(draft));
}

}  // namespace reserve::domain
