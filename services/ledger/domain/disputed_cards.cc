#include "services/ledger/domain/disputed_cards.h"

#include <algorithm>
#include <vector>

#include "services/ledger/domain/card_choice.h"

namespace reserve::domain {
namespace {

void MoveCards(const std::string& fingerprint, CardState from, CardState to, Draft* draft) {
  for (PaymentMethod& method : draft->account().payment_methods) {
    if (method.card.fingerprint != fingerprint || method.state == to) continue;
    if (from != CardState::kNone && method.state != from) continue;
    // A schedule of declines ends with it; a rest after a charge in part does not (G4).
    const bool declined =
        method.state == CardState::kFailing || method.state == CardState::kRefused;
    if (declined) method.retry_time = absl::InfinitePast();
    method.state = to;
    method.state_time = draft->context().now;
    method.soft_declines = 0;
    draft->CardsChanged();
  }
}

// Numbers of which no dispute stands after that are USABLE again.
template <typename IsOver>
void ForgetIf(IsOver is_over, Draft* draft) {
  std::vector<DisputedNumber>& numbers = draft->account().disputed_numbers;
  const auto over =
      std::stable_partition(numbers.begin(), numbers.end(),
                            [&](const DisputedNumber& number) { return !is_over(number); });
  const std::vector<DisputedNumber> ended(over, numbers.end());
  numbers.erase(over, numbers.end());
  for (const DisputedNumber& number : ended) {
    if (IsDisputed(draft->account(), number.fingerprint)) continue;
    MoveCards(number.fingerprint, CardState::kDisputed, CardState::kUsable, draft);
  }
}

}  // namespace

bool IsDisputed(const Account& account, const std::string& fingerprint) {
  return std::any_of(
      account.disputed_numbers.begin(), account.disputed_numbers.end(),
      [&](const DisputedNumber& number) { return number.fingerprint == fingerprint; });
}

std::string NumberOfDispute(const Account& account, const std::string& dispute_id) {
  // The number itself was noted before its tokens.
  const auto first =
      std::find_if(account.disputed_numbers.begin(), account.disputed_numbers.end(),
                   [&](const DisputedNumber& number) { return number.dispute_id == dispute_id; });
  return first == account.disputed_numbers.end() ? "" : first->fingerprint;
}

std::string DisputedNumberOf(const Account& account, const CardToken& token) {
  const std::string stand_in = StandInNumber(token);
  // Of several disputes the one with the lowest id: all of their numbers are disputed.
  const DisputedNumber* found = nullptr;
  for (const DisputedNumber& number : account.disputed_numbers) {
    if (number.fingerprint != stand_in) continue;
    if (found == nullptr || number.dispute_id < found->dispute_id) found = &number;
  }
  return found == nullptr ? "" : NumberOfDispute(account, found->dispute_id);
}

void NoteTokenOf(const Card& card, Draft* draft) {
  if (card.token.empty()) return;
  std::vector<std::string> names = {StandInNumber(card.token)};
  // It may have got another number since, or be that of two cards.
  for (const PaymentMethod& method : draft->account().payment_methods) {
    if (method.card.token == card.token) names.push_back(method.card.fingerprint);
  }
  std::vector<DisputedNumber>& numbers = draft->account().disputed_numbers;
  std::vector<DisputedNumber> noted;
  for (const DisputedNumber& number : numbers) {
    if (number.fingerprint != card.fingerprint) continue;
    for (const std::string& name : names) noted.push_back({name, number.dispute_id});
  }
  for (const DisputedNumber& number : noted) {
    if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) continue;
    NoteDispute(number, draft);
  }
}

void NoteDispute(const DisputedNumber& number, Draft* draft) {
  draft->account().disputed_numbers.push_back(number);
  MoveCards(number.fingerprint, CardState::kNone, CardState::kDisputed, draft);
}

void EndDispute(const DisputedNumber& number, Draft* draft) {
  ForgetIf([&](const DisputedNumber& other) { return other.dispute_id == number.dispute_id; },
           draft);
}

void ForgetDisputes(const std::string& fingerprint, Draft* draft) {
  std::vector<std::string> disputes;
  for (const DisputedNumber& number : draft->account().disputed_numbers) {
    if (number.fingerprint == fingerprint) disputes.push_back(number.dispute_id);
  }
  ForgetIf(
      [&](const DisputedNumber& number) {
        return std::find(disputes.begin(), disputes.end(), number.dispute_id) != disputes.end();
      },
      draft);
}

}  // namespace reserve::domain
