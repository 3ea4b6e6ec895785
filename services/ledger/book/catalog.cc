#include "services/ledger/book/catalog.h"

#include <algorithm>

#include "services/ledger/book/errors.h"

namespace reserve::book {

const rates::DeckSnapshot* Catalog::InForce(absl::string_view currency, absl::string_view series,
                                            absl::Time time) const {
  const int64_t version = timeline->VersionAt(currency, series, time);
  return version == 0 ? nullptr : decks->ByVersion(version);
}

int64_t Catalog::LeftOutAt(absl::string_view currency, absl::string_view series,
                           absl::Time time) const {
  const int64_t version = timeline->VersionAt(currency, series, time);
  return version == 0 || decks->ByVersion(version) != nullptr ? 0 : version;
}

int64_t Catalog::latest_version() const {
  int64_t latest = decks->latest_version();
  for (const rates::DeckHeader& header : left_out) latest = std::max(latest, header.version);
  return latest;
}

const rates::DeckHeader* Catalog::FindHeader(int64_t version) const {
  if (const rates::DeckSnapshot* deck = decks->ByVersion(version)) return &deck->header();
  for (const rates::DeckHeader& header : left_out) {
    if (header.version == version) return &header;
  }
  return nullptr;
}

absl::StatusOr<const domain::Plan*> Catalog::FindPlan(const std::string& plan_id,
                                                      absl::Time time) const {
  const domain::Plan* plan = plans->Find(plan_id, time);
  if (plan == nullptr) return PlanNotFound(plan_id);
  return plan;
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

std::optional<domain::Rate> Catalog::FindRate(absl::string_view currency, absl::string_view series,
                                              const domain::Usage& usage) const {
  return FindRateOf(InForce(currency, series, usage.start_time), usage);
}

std::optional<domain::Rate> Catalog::FindRateIn(int64_t deck_version, const std::string& currency,
                                                const domain::Usage& usage) const {
  const rates::DeckSnapshot* deck = decks->ByVersion(deck_version);
  if (deck == nullptr || deck->header().currency != currency) return std::nullopt;
  return FindRateOf(deck, usage);
}

}  // namespace reserve::book
