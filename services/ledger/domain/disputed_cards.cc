#include "services/ledger/domain/disputed_cards.h"

#include <algorithm>

namespace reserve::domain {
namespace {

void MoveCards(const std::string& fingerprint, CardState from, CardState to, Draft* draft) {
  for (PaymentMethod& method : draft->account().payment_methods) {
    if (method.card.fingerprint != fingerprint || method.state == to) continue;
    if (from != CardState::kNone && method.state != from) continue;
    method.state = to;
    method.state_time = draft->context().now;
    method.soft_declines = 0;
    method.retry_time = absl::InfinitePast();
    draft->CardsChanged();
  }
}

}  // namespace

bool IsDisputed(const Account& account, const std::string& fingerprint) {
  return std::any_of(
      account.disputed_numbers.begin(), account.disputed_numbers.end(),
      [&](const DisputedNumber& number) { return number.fingerprint == fingerprint; });
}

void NoteDispute(const DisputedNumber& number, Draft* draft) {
  draft->account().disputed_numbers.push_back(number);
  MoveCards(number.fingerprint, CardState::kNone, CardState::kDisputed, draft);
}

void EndDispute(const DisputedNumber& number, Draft* draft) {
  std::vector<DisputedNumber>& numbers = draft->account().disputed_numbers;
  const auto found = std::find(numbers.begin(), numbers.end(), number);
  if (found == numbers.end()) return;  // support has lifted it
  numbers.erase(found);
  if (IsDisputed(draft->account(), number.fingerprint)) return;
  MoveCards(number.fingerprint, CardState::kDisputed, CardState::kUsable, draft);
}

void ForgetDisputes(const std::string& fingerprint, Draft* draft) {
  std::vector<DisputedNumber>& numbers = draft->account().disputed_numbers;
  numbers.erase(std::remove_if(numbers.begin(), numbers.end(),
                               [&](const DisputedNumber& number) {
                                 return number.fingerprint == fingerprint;
                               }),
                numbers.end());
  MoveCards(fingerprint, CardState::kDisputed, CardState::kUsable, draft);
}

}  // namespace reserve::domain
