#include "services/ledger/engine/plan_versions.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/plan_rows.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::engine {
namespace {

using rates::ActivationStage;
using rates::PlanVersion;

// A program of before would go on by the first version.
absl::Status CheckLevel(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(const int level,
                           storage::ReadFeatureLevel(connection, domain::kNewestFeatureLevel));
  if (level >= domain::kPlansLevel) return absl::OkStatus();
  return domain::FeatureLevelTooLow(level, domain::kPlansLevel);
}

// The id may be that of an activation or of a rerating.
absl::Status CheckIdIsFree(storage::Connection& connection, const std::string& request_id) {
  RESERVE_ASSIGN_OR_RETURN(const auto activation, storage::FindActivation(connection, request_id));
  RESERVE_ASSIGN_OR_RETURN(const auto rerating, storage::FindRerating(connection, request_id));
  if (!activation.has_value() && !rerating.has_value()) return absl::OkStatus();
  return domain::RequestIdReused(request_id);
}

constexpr TimelineTable<PlanVersion> kPlanVersions = {
    storage::FindPlanVersion, CheckIdIsFree, storage::AddPlanVersion, storage::DecidePlanVersion};

// From when on it is in force, if not for all time.
absl::StatusOr<absl::Time> FromOf(const PlanOrder& order, absl::Time now) {
  const absl::Time earliest = now + rates::kActivationMargin;
  if (!order.from.has_value()) return TruncateToMicros(earliest);
  if (*order.from >= earliest) return TruncateToMicros(*order.from);
  return InvalidField("effective_time",
                      absl::StrCat("must not be before ", FormatRfc3339(earliest),
                                   ", as all ledgers must know before then; leave it out for as "
                                   "soon as they do"));
}

}  // namespace

std::string EtagOf(const rates::PlanBook& plans, const std::string& plan_id) {
  int64_t newest = 0;
  for (const PlanVersion* each : plans.VersionsOf(plan_id)) {
    newest = std::max(newest, each->number);
  }
  for (const PlanVersion& each : plans.undecided()) {
    if (each.plan.plan_id == plan_id) newest = std::max(newest, each.number);
  }
  return absl::StrCat("v", newest, plans.IsRetired(plan_id) ? "r" : "");
}

namespace {

// Terms may go by another price list only if it has prices when they come into force: without any
// every call would be refused, or booked UNRATED.
absl::Status CheckSeries(storage::Connection& connection, const std::string& series,
                         absl::Time from) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<rates::DeckActivation> activations,
                           storage::LoadActivations(connection));
  const rates::Timeline timeline(std::move(activations));
  for (const rates::DeckActivation& activation : timeline.InForceAt(from)) {
    if (activation.series == series) return absl::OkStatus();
  }
  return SeriesWithoutDeck(series);
}

// The versions as they are once each of the plan is decided. What another ledger has written and
// not decided yet is there for all to read: whether it is in time can be decided here as well, and
// what comes after it is made from it.
absl::StatusOr<rates::PlanBook> LoadDecided(storage::Connection& connection,
                                            const CatalogKeeper::DatabaseClock& clock,
                                            const std::string& plan_id) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(rates::PlanBook plans, storage::LoadPlanBook(connection));
    bool all = true;
    for (const PlanVersion& each : plans.undecided()) {
      if (each.plan.plan_id != plan_id) continue;
      RESERVE_RETURN_IF_ERROR(DecideInTime(connection, clock, kPlanVersions, each).status());
      all = false;
    }
    if (all) return plans;
  }
  return ActivationTooSlow();
}

// What the order would write over those versions.
absl::StatusOr<PlanVersion> VersionOver(storage::Connection& connection,
                                        const CatalogKeeper::DatabaseClock& clock,
                                        const rates::PlanBook& plans, const PlanOrder& order) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
  const bool is_new = plans.FindVersion(order.plan_id, now) == nullptr;
  if (is_new && !order.allow_missing) return book::PlanNotFound(order.plan_id);
  if (!order.etag.empty() && order.etag != EtagOf(plans, order.plan_id)) {
    return domain::EtagMismatch("plan.etag");
  }
  PlanVersion version;
  version.number = plans.newest() + 1;
  version.version = plans.NewestVersionOf(order.plan_id) + 1;
  version.write_time = now;
  version.request_id = order.request_id;
  version.digest = order.digest;
  version.by = order.by;
  domain::Plan before;
  before.plan_id = order.plan_id;
  if (!is_new) {
    RESERVE_ASSIGN_OR_RETURN(version.from, FromOf(order, now));
    version.stage = ActivationStage::kPrepared;
    before = *plans.Find(order.plan_id, version.from);
  } else if (order.from.has_value()) {
    return InvalidField("effective_time", "the first version of a plan holds for all time");
  }
  RESERVE_ASSIGN_OR_RETURN(version.plan, order.change(before));
  if (version.plan.series != before.series) {
    RESERVE_RETURN_IF_ERROR(
        CheckSeries(connection, version.plan.series, std::max(now, version.from)));
  }
  return version;
}

}  // namespace

absl::StatusOr<PlanVersion> PlanVersionFor(storage::Connection& connection,
                                           const CatalogKeeper::DatabaseClock& clock,
                                           const PlanOrder& order) {
  RESERVE_RETURN_IF_ERROR(CheckLevel(connection));
  RESERVE_ASSIGN_OR_RETURN(const rates::PlanBook plans, storage::LoadPlanBook(connection));
  return VersionOver(connection, clock, plans, order);
}

absl::StatusOr<PlanVersion> PutPlan(storage::Connection& connection,
                                    const CatalogKeeper::DatabaseClock& clock,
                                    const PlanOrder& order) {
  const auto make = [&]() -> absl::StatusOr<PlanVersion> {
    RESERVE_RETURN_IF_ERROR(CheckLevel(connection));
    RESERVE_ASSIGN_OR_RETURN(const rates::PlanBook plans,
                             LoadDecided(connection, clock, order.plan_id));
    return VersionOver(connection, clock, plans, order);
  };
  return PutOnTimeline<PlanVersion>(connection, clock, kPlanVersions, order, make);
}

absl::Status RetirePlan(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const std::string& plan_id, const std::string& etag,
                        const RetirementOrder& order) {
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(const bool done, WasRetired(connection, kPlanVersions, order));
    if (done) return absl::OkStatus();
    RESERVE_ASSIGN_OR_RETURN(const rates::PlanBook plans, storage::LoadPlanBook(connection));
    RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
    const domain::Plan* plan = plans.Find(plan_id, now);
    if (plan == nullptr) return book::PlanNotFound(plan_id);
    if (plan_id == domain::kPerMinutePlanId) return PlanNeeded(plan_id);
    const bool is_retired = plans.IsRetired(plan_id);
    // The id of a request that changes nothing is taken all the same.
    if (is_retired && (order.only_try || order.request_id.empty())) return absl::OkStatus();
    if (!is_retired && !etag.empty() && etag != EtagOf(plans, plan_id)) {
      return domain::EtagMismatch("etag");
    }
    RESERVE_RETURN_IF_ERROR(CheckLevel(connection));
    if (order.only_try) return absl::OkStatus();
    PlanVersion retirement;
    retirement.number = plans.newest() + 1;
    retirement.version = 0;
    retirement.plan = *plan;
    retirement.from = retirement.write_time = now;
    retirement.stage = ActivationStage::kRetires;
    retirement.request_id = order.request_id;
    retirement.digest = order.digest;
    retirement.by = order.by;
    const absl::Status added = storage::AddPlanVersion(connection, retirement);
    if (!AnotherCameFirst(added)) return added;
  }
  return ActivationTooSlow();
}

absl::Status DecideLeft(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                        const rates::PlanBook& plans) {
  for (const PlanVersion& each : plans.undecided()) {
    RESERVE_RETURN_IF_ERROR(MissIfDue(connection, clock, kPlanVersions, each));
  }
  return absl::OkStatus();
}

}  // namespace reserve::engine
