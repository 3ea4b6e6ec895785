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

std::optional<domain::Rate> FindRateOf(const rates::DeckSnapshot* deck,
                                       const domain::Usage& usage) {
  if (deck == nullptr) return std::nullopt;
  if (usage.kind == domain::UsageKind::kCall) {
    return deck->FindCall(usage.direction, usage.destination, usage.start_time);
  }
  if (usage.direction == domain::Direction::kInbound) return std::nullopt;
  return deck->FindSms(usage.destination, usage.carrier, usage.start_time);
}

std::optional<domain::Rate> Catalog::FindRate(const std::string& currency,
                                              const domain::Usage& usage) const {
  return FindRateOf(decks->InForce(currency, usage.start_time), usage);
}

std::optional<domain::Rate> Catalog::FindRateIn(int64_t deck_version, const std::string& currency,
                                                const domain::Usage& usage) const {
  const rates::DeckSnapshot* deck = decks->ByVersion(deck_version);
  if (deck == nullptr || deck->header().currency != currency) return std::nullopt;
  return FindRateOf(deck, usage);
}

}  // namespace reserve::book
