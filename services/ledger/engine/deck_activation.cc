#include "services/ledger/engine/deck_activation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/plan_rows.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {
namespace {

using rates::ActivationStage;
using rates::DeckActivation;

// A commit that takes too long again and again says that the database is not fit for it now.
constexpr int kMaxLate = 3;
// How often others may come first.
constexpr int kMaxTries = 20;

absl::StatusOr<rates::Timeline> LoadTimeline(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<DeckActivation> activations,
                           storage::LoadActivations(connection));
  return rates::Timeline(std::move(activations));
}

bool AnotherCameFirst(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists ||
         status.code() == absl::StatusCode::kAborted;
}

absl::StatusOr<rates::DeckHeader> FindDeck(storage::Connection& connection, int64_t version) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<rates::DeckHeader> decks,
                           storage::LoadDeckHeaders(connection));
  const auto found =
      std::find_if(decks.begin(), decks.end(),
                   [version](const rates::DeckHeader& deck) { return deck.version == version; });
  if (found == decks.end()) return RateDeckNotFound(version);
  return *found;
}

// What was written is for all to read by now: was it in time?
absl::StatusOr<ActivationStage> Decide(storage::Connection& connection,
                                       const CatalogKeeper::DatabaseClock& clock,
                                       const DeckActivation& activation) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
  const bool in_time = now + rates::kTimelineHolds <= activation.from;
  return storage::DecideActivation(connection, activation.number,
                                   in_time ? ActivationStage::kCounts : ActivationStage::kMissed);
}

// The one that was written for the request, if it counts, or can still come to.
absl::StatusOr<std::optional<DeckActivation>> FindKnown(storage::Connection& connection,
                                                        const CatalogKeeper::DatabaseClock& clock,
                                                        const ActivationOrder& order) {
  RESERVE_ASSIGN_OR_RETURN(std::optional<DeckActivation> known,
                           storage::FindActivation(connection, order.request_id));
  if (!known.has_value()) {
    // The id may be that of a rerating, or of a plan's version.
    RESERVE_ASSIGN_OR_RETURN(const auto rerating,
                             storage::FindRerating(connection, order.request_id));
    RESERVE_ASSIGN_OR_RETURN(const auto plan,
                             storage::FindPlanVersion(connection, order.request_id));
    if (rerating.has_value() || plan.has_value()) return domain::RequestIdReused(order.request_id);
    return std::nullopt;
  }
  if (known->digest != order.digest) return domain::RequestIdReused(order.request_id);
  if (known->stage == ActivationStage::kPrepared) {
    RESERVE_ASSIGN_OR_RETURN(known->stage, Decide(connection, clock, *known));
  }
  if (known->stage == ActivationStage::kMissed) return std::nullopt;
  return known;
}

}  // namespace

absl::StatusOr<DeckActivation> PlanActivation(storage::Connection& connection,
                                              const CatalogKeeper::DatabaseClock& clock,
                                              const ActivationOrder& order) {
  RESERVE_ASSIGN_OR_RETURN(const rates::DeckHeader deck, FindDeck(connection, order.deck_version));
  RESERVE_ASSIGN_OR_RETURN(const rates::Timeline timeline, LoadTimeline(connection));
  if (timeline.RetireTimeOf(deck.version).has_value()) return RateDeckRetired(deck.version);
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
  DeckActivation activation;
  activation.number = timeline.newest() + 1;
  activation.deck_version = order.deck_version;
  activation.currency = deck.currency;
  activation.series = deck.series;
  activation.write_time = now;
  activation.from = TruncateToMicros(order.from.value_or(now + rates::kActivationMargin));
  activation.backdated = activation.from < now + rates::kActivationMargin;
  if (activation.backdated && !order.backdate)
    return BackdateNeeded(now + rates::kActivationMargin);
  activation.stage = activation.backdated ? ActivationStage::kCounts : ActivationStage::kPrepared;
  activation.request_id = order.request_id;
  activation.digest = order.digest;
  activation.reason = order.by.reason;
  activation.actor = order.by.actor;
  activation.reference = order.by.reference;
  return activation;
}

absl::StatusOr<DeckActivation> Activate(storage::Connection& connection,
                                        const CatalogKeeper::DatabaseClock& clock,
                                        const ActivationOrder& order) {
  int late = 0;
  for (int tries = 0; tries < kMaxTries && late < kMaxLate; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(std::optional<DeckActivation> known,
                             FindKnown(connection, clock, order));
    if (known.has_value()) return *std::move(known);
    RESERVE_ASSIGN_OR_RETURN(DeckActivation activation, PlanActivation(connection, clock, order));
    const absl::Status added = storage::AddActivation(connection, activation);
    if (AnotherCameFirst(added)) continue;
    RESERVE_RETURN_IF_ERROR(added);
    if (activation.stage == ActivationStage::kPrepared) {
      RESERVE_ASSIGN_OR_RETURN(activation.stage, Decide(connection, clock, activation));
    }
    if (activation.stage == ActivationStage::kCounts) return activation;
    ++late;
  }
  return ActivationTooSlow();
}

absl::Status Retire(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                    int64_t deck_version, absl::Time needed_from, bool only_try) {
  RESERVE_ASSIGN_OR_RETURN(const rates::DeckHeader deck, FindDeck(connection, deck_version));
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(const rates::Timeline timeline, LoadTimeline(connection));
    if (timeline.RetireTimeOf(deck_version).has_value()) return absl::OkStatus();
    if (timeline.VersionsFrom(needed_from).count(deck_version) > 0) {
      return RateDeckNeeded(deck_version, needed_from);
    }
    if (only_try) return absl::OkStatus();
    DeckActivation retirement;
    retirement.number = timeline.newest() + 1;
    retirement.deck_version = deck_version;
    retirement.currency = deck.currency;
    retirement.series = deck.series;
    RESERVE_ASSIGN_OR_RETURN(retirement.write_time, clock(connection));
    retirement.from = retirement.write_time;
    retirement.stage = ActivationStage::kRetires;
    const absl::Status added = storage::AddActivation(connection, retirement);
    if (!AnotherCameFirst(added)) return added;
  }
  return ActivationTooSlow();
}

absl::Status DecideLeft(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const rates::Timeline& timeline) {
  for (const DeckActivation& each : timeline.activations()) {
    if (each.stage != ActivationStage::kPrepared) continue;
    RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
    if (now < each.from) continue;
    RESERVE_RETURN_IF_ERROR(
        storage::DecideActivation(connection, each.number, ActivationStage::kMissed).status());
  }
  return absl::OkStatus();
}

}  // namespace reserve::engine
