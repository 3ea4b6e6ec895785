#include "services/ledger/rates/timeline.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace reserve::rates {
namespace {

bool SameKey(const DeckActivation& a, const DeckActivation& b) {
  return a.currency == b.currency && a.series == b.series;
}

bool Counts(const DeckActivation& activation) {
  return activation.stage == ActivationStage::kCounts;
}

}  // namespace

Timeline::Timeline(std::vector<DeckActivation> activations) {
  for (DeckActivation& each : activations) {
    newest_ = std::max(newest_, each.number);
    if (each.stage == ActivationStage::kMissed) continue;
    if (each.stage == ActivationStage::kRetires) {
      retired_.try_emplace(each.deck_version, each.from);
      continue;
    }
    has_undecided_ |= each.stage == ActivationStage::kPrepared;
    activations_.push_back(std::move(each));
  }
  std::sort(activations_.begin(), activations_.end(),
            [](const DeckActivation& a, const DeckActivation& b) {
              return std::tie(a.currency, a.series, a.from, a.number) <
                     std::tie(b.currency, b.series, b.from, b.number);
            });
}

Timeline::Place Timeline::After(absl::string_view currency, absl::string_view series,
                                absl::Time time) const {
  return std::partition_point(activations_.begin(), activations_.end(),
                              [&](const DeckActivation& each) {
                                int order = absl::string_view(each.currency).compare(currency);
                                if (order == 0)
                                  order = absl::string_view(each.series).compare(series);
                                return order < 0 || (order == 0 && each.from <= time);
                              });
}

int64_t Timeline::VersionAt(absl::string_view currency, absl::string_view series,
                            absl::Time time) const {
  for (Place place = After(currency, series, time); place != activations_.begin();) {
    --place;
    if (place->currency != currency || place->series != series) break;
    if (Counts(*place)) return place->deck_version;
  }
  return 0;
}

std::vector<DeckActivation> Timeline::InForceAt(absl::Time time) const {
  std::vector<DeckActivation> in_force;
  for (const DeckActivation& each : activations_) {
    if (!Counts(each) || each.from > time) continue;
    // They are in order: of a key the last one that has begun is in force.
    if (!in_force.empty() && SameKey(in_force.back(), each)) in_force.pop_back();
    in_force.push_back(each);
  }
  return in_force;
}

bool Timeline::IsUndecidedAt(absl::string_view currency, absl::string_view series,
                             absl::Time time) const {
  if (!has_undecided_) return false;
  const Place place = After(currency, series, time);
  if (place == activations_.begin()) return false;
  const DeckActivation& last = *std::prev(place);
  return last.currency == currency && last.series == series && !Counts(last);
}

std::set<int64_t> Timeline::VersionsFrom(absl::Time time) const {
  std::set<int64_t> versions;
  for (size_t i = 0; i < activations_.size(); ++i) {
    // One that is still to be decided takes nobody's place yet.
    size_t next = i + 1;
    while (next < activations_.size() && !Counts(activations_[next])) ++next;
    const bool is_followed =
        next < activations_.size() && SameKey(activations_[next], activations_[i]);
    const bool is_over = is_followed && (activations_[next].from <= time ||
                                         activations_[next].from == activations_[i].from);
    if (!is_over) versions.insert(activations_[i].deck_version);
  }
  return versions;
}

bool Timeline::HasCurrency(absl::string_view currency) const {
  return std::any_of(activations_.begin(), activations_.end(), [&](const DeckActivation& each) {
    return each.currency == currency && Counts(each);
  });
}

absl::Time Timeline::EndOf(const DeckActivation& activation) const {
  absl::Time end = absl::InfiniteFuture();
  for (const DeckActivation& each : activations_) {
    if (!Counts(each) || !SameKey(each, activation)) continue;
    if (std::tie(each.from, each.number) > std::tie(activation.from, activation.number)) {
      end = std::min(end, each.from);
    }
  }
  return end;
}

DeckState Timeline::StateOf(const DeckActivation& activation, absl::Time now) const {
  const absl::Time end = EndOf(activation);
  if (end <= now || end <= activation.from) return DeckState::kSuperseded;
  return activation.from <= now ? DeckState::kInForce : DeckState::kScheduled;
}

const DeckActivation* Timeline::LeadingOf(int64_t deck_version, absl::Time now) const {
  const DeckActivation* leading = nullptr;
  for (const DeckActivation* each : Of(deck_version)) {
    if (!Counts(*each)) continue;
    const DeckState state = StateOf(*each, now);
    if (state == DeckState::kInForce) return each;
    const bool leads = leading != nullptr && StateOf(*leading, now) == DeckState::kScheduled;
    if (leads && (state != DeckState::kScheduled || each->from >= leading->from)) continue;
    leading = each;
  }
  return leading;
}

DeckState Timeline::StateOf(const DeckHeader& deck, absl::Time now) const {
  if (RetireTimeOf(deck.version).has_value()) return DeckState::kRetired;
  const DeckActivation* leading = LeadingOf(deck.version, now);
  return leading == nullptr ? DeckState::kDraft : StateOf(*leading, now);
}

std::optional<absl::Time> Timeline::RetireTimeOf(int64_t deck_version) const {
  const auto retired = retired_.find(deck_version);
  if (retired == retired_.end()) return std::nullopt;
  return retired->second;
}

std::vector<const DeckActivation*> Timeline::Of(int64_t deck_version) const {
  std::vector<const DeckActivation*> found;
  for (const DeckActivation& each : activations_) {
    if (each.deck_version == deck_version) found.push_back(&each);
  }
  std::sort(found.begin(), found.end(),
            [](const DeckActivation* a, const DeckActivation* b) { return a->number < b->number; });
  return found;
}

}  // namespace reserve::rates
