#include "services/ledger/book/catalog.h"

#include <algorithm>
#include <tuple>

#include "services/ledger/book/errors.h"

namespace reserve::book {

int64_t Catalog::LeftOutAt(const std::string& currency, absl::Time time) const {
  if (left_out.empty()) return 0;
  // The last of this currency that has come into force.
  const auto after =
      std::partition_point(left_out.begin(), left_out.end(), [&](const rates::DeckHeader& header) {
        return std::tie(header.currency, header.effective_time) <= std::tie(currency, time);
      });
  if (after == left_out.begin()) return 0;
  const rates::DeckHeader& last = *(after - 1);
  if (last.currency != currency) return 0;
  const rates::DeckSnapshot* deck = decks->InForce(currency, time);
  if (deck == nullptr) return last.version;
  const rates::DeckHeader& known = deck->header();
  return std::tie(known.effective_time, known.version) < std::tie(last.effective_time, last.version)
             ? last.version
             : 0;
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

absl::StatusOr<const domain::Plan*> Catalog::FindPlan(const std::string& plan_id) const {
  const auto found = plans.find(plan_id);
  if (found == plans.end()) return PlanNotFound(plan_id);
  return &found->second;
}

bool Catalog::DeckInForce(const std::string& currency, absl::Time time) const {
  return decks->InForce(currency, time) != nullptr || LeftOutAt(currency, time) != 0;
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
