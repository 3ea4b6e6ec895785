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
  const std::vector<std::string>& numbers = account.disputed_numbers;
  return std::find(numbers.begin(), numbers.end(), fingerprint) != numbers.end();
}

void NoteDispute(const std::string& fingerprint, Draft* draft) {
  draft->account().disputed_numbers.push_back(fingerprint);
  MoveCards(fingerprint, CardState::kNone, CardState::kDisputed, draft);
}

void EndDispute(const std::string& fingerprint, Draft* draft) {
  std::vector<std::string>& numbers = draft->account().disputed_numbers;
  const auto found = std::find(numbers.begin(), numbers.end(), fingerprint);
  if (found == numbers.end()) return;
  numbers.erase(found);
  if (IsDisputed(draft->account(), fingerprint)) return;
  MoveCards(fingerprint, CardState::kDisputed, CardState::kUsable, draft);
}

void ForgetDisputes(const std::string& fingerprint, Draft* draft) {
  std::vector<std::string>& numbers = draft->account().disputed_numbers;
  numbers.erase(std::remove(numbers.begin(), numbers.end(), fingerprint), numbers.end());
  MoveCards(fingerprint, CardState::kDisputed, CardState::kUsable, draft);
}

}  // namespace reserve::domain
