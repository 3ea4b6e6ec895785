#include "services/ledger/book/catalog.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::book {

absl::StatusOr<const domain::Plan*> Catalog::FindPlan(const std::string& plan_id) const {
  const auto found = plans.find(plan_id);
  if (found == plans.end()) {
    return MakeError(absl::StatusCode::kNotFound, "PLAN_NOT_FOUND", "plan_id",
                     absl::StrCat("there is no plan \"", plan_id, "\""));
  }
  return &found->second;
}

bool Catalog::DeckInForce(const std::string& currency, absl::Time time) const {
  return decks->InForce(currency, time) != nullptr;
}

const domain::Rate* FindRateIn(const rates::DeckSnapshot& deck, const domain::Usage& usage) {
  if (usage.kind == domain::UsageKind::kCall) {
    return deck.FindCall(usage.direction, usage.destination);
  }
  if (usage.direction == domain::Direction::kInbound) return nullptr;
  return deck.FindSms(usage.destination, usage.carrier);
}

const domain::Rate* Catalog::FindRate(const std::string& currency,
                                      const domain::Usage& usage) const {
  const rates::DeckSnapshot* deck = decks->InForce(currency, usage.start_time);
  return deck == nullptr ? nullptr : book::FindRateIn(*deck, usage);
}

const domain::Rate* Catalog::FindRateIn(int64_t deck_version, const std::string& currency,
                                        const domain::Usage& usage) const {
  const rates::DeckSnapshot* deck = decks->ByVersion(deck_version);
  if (deck == nullptr || deck->header().currency != currency) return nullptr;
  return book::FindRateIn(*deck, usage);
}

}  // namespace reserve::book
