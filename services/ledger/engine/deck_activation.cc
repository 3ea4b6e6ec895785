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

absl::StatusOr<rates::Timeline> LoadTimeline(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<DeckActivation> activations,
                           storage::LoadActivations(connection));
  return rates::Timeline(std::move(activations));
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

// The id may be that of a rerating, or of a plan's version.
absl::Status CheckIdIsFree(storage::Connection& connection, const std::string& request_id) {
  RESERVE_ASSIGN_OR_RETURN(const auto rerating, storage::FindRerating(connection, request_id));
  RESERVE_ASSIGN_OR_RETURN(const auto plan, storage::FindPlanVersion(connection, request_id));
  if (!rerating.has_value() && !plan.has_value()) return absl::OkStatus();
  return domain::RequestIdReused(request_id);
}

constexpr TimelineTable<DeckActivation> kActivations = {
    storage::FindActivation, CheckIdIsFree, storage::AddActivation, storage::DecideActivation};

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
  return PutOnTimeline<DeckActivation>(connection, clock, kActivations, order,
                                       [&] { return PlanActivation(connection, clock, order); });
}

absl::Status Retire(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                    int64_t deck_version, absl::Time needed_from, const RetirementOrder& order) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(const bool done, WasRetired(connection, kActivations, order));
    if (done) return absl::OkStatus();
    RESERVE_ASSIGN_OR_RETURN(const rates::DeckHeader deck, FindDeck(connection, deck_version));
    RESERVE_ASSIGN_OR_RETURN(const rates::Timeline timeline, LoadTimeline(connection));
    const bool is_retired = timeline.RetireTimeOf(deck_version).has_value();
    if (!is_retired && timeline.VersionsFrom(needed_from).count(deck_version) > 0) {
      return RateDeckNeeded(deck_version, needed_from);
    }
    // The id of a request that changes nothing is taken all the same.
    if (order.only_try || (is_retired && order.request_id.empty())) return absl::OkStatus();
    DeckActivation retirement;
    retirement.number = timeline.newest() + 1;
    retirement.deck_version = deck_version;
    retirement.currency = deck.currency;
    retirement.series = deck.series;
    RESERVE_ASSIGN_OR_RETURN(retirement.write_time, clock(connection));
    retirement.from = retirement.write_time;
    retirement.stage = ActivationStage::kRetires;
    retirement.request_id = order.request_id;
    retirement.digest = order.digest;
    retirement.reason = order.by.reason;
    retirement.actor = order.by.actor;
    retirement.reference = order.by.reference;
    const absl::Status added = storage::AddActivation(connection, retirement);
    if (!AnotherCameFirst(added)) return added;
  }
  return ActivationTooSlow();
}

absl::Status DecideLeft(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const rates::Timeline& timeline) {
  for (const DeckActivation& each : timeline.activations()) {
    if (each.stage != ActivationStage::kPrepared) continue;
    RESERVE_RETURN_IF_ERROR(MissIfDue(connection, clock, kActivations, each));
  }
  return absl::OkStatus();
}

}  // namespace reserve::engine
