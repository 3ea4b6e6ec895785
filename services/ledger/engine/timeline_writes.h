// How a row comes onto a timeline that all ledgers price by (K2), a deck's activation or a plan's
// version: it is written as prepared, a margin before its `from`; what all can read in time counts,
// else it misses and is written again. Whoever ends in between leaves it prepared: the same request
// goes on with it, and once its time has come any ledger has it miss. Thread-safe: functions
// without state, which block.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_TIMELINE_WRITES_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_TIMELINE_WRITES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/catalog.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/rates/timeline.h"
#include "services/ledger/storage/connection.h"

namespace reserve::engine {

// A commit that takes too long again and again says that the database is not fit for it now.
inline constexpr int kMaxLate = 3;
// How often others may come first.
inline constexpr int kMaxTries = 20;

inline bool AnotherCameFirst(const absl::Status& status) {
  return status.code() == absl::StatusCode::kAlreadyExists ||
         status.code() == absl::StatusCode::kAborted;
}

// Where rows of a kind are. A Row has number, from, stage and digest.
template <typename Row>
struct TimelineTable {
  // The one that was written for a request.
  absl::StatusOr<std::optional<Row>> (*find)(storage::Connection&, absl::string_view request_id);
  // ALREADY_EXISTS "REQUEST_ID_REUSED" if the id is that of something else.
  absl::Status (*check_id_is_free)(storage::Connection&, const std::string& request_id);
  // ALREADY_EXISTS or ABORTED if another came first.
  absl::Status (*add)(storage::Connection&, const Row&);
  // What it is from then on: it may have been decided before.
  absl::StatusOr<rates::ActivationStage> (*decide)(storage::Connection&, int64_t number,
                                                   rates::ActivationStage stage);
};

// What was written is for all to read by now: was it in time?
template <typename Row>
absl::StatusOr<rates::ActivationStage> DecideInTime(storage::Connection& connection,
                                                    const CatalogKeeper::DatabaseClock& clock,
                                                    const TimelineTable<Row>& table,
                                                    const Row& row) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
  const bool in_time = now + rates::kTimelineHolds <= row.from;
  return table.decide(connection, row.number,
                      in_time ? rates::ActivationStage::kCounts : rates::ActivationStage::kMissed);
}

// The one that was written for the request, if it counts, or can still come to.
template <typename Row, typename Order>
absl::StatusOr<std::optional<Row>> FindKnown(storage::Connection& connection,
                                             const CatalogKeeper::DatabaseClock& clock,
                                             const TimelineTable<Row>& table, const Order& order) {
  RESERVE_ASSIGN_OR_RETURN(std::optional<Row> known, table.find(connection, order.request_id));
  if (!known.has_value()) {
    RESERVE_RETURN_IF_ERROR(table.check_id_is_free(connection, order.request_id));
    return std::nullopt;
  }
  if (known->digest != order.digest) return domain::RequestIdReused(order.request_id);
  if (known->stage == rates::ActivationStage::kPrepared) {
    RESERVE_ASSIGN_OR_RETURN(known->stage, DecideInTime(connection, clock, table, *known));
  }
  if (known->stage == rates::ActivationStage::kMissed) return std::nullopt;
  return known;
}

// Writes what `make` says, once for the order's request, until it counts. Of several that come at
// once each is made by the others that came first.
template <typename Row, typename Order>
absl::StatusOr<Row> PutOnTimeline(storage::Connection& connection,
                                  const CatalogKeeper::DatabaseClock& clock,
                                  const TimelineTable<Row>& table, const Order& order,
                                  absl::FunctionRef<absl::StatusOr<Row>()> make) {
  int late = 0;
  for (int tries = 0; tries < kMaxTries && late < kMaxLate; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(std::optional<Row> known, FindKnown(connection, clock, table, order));
    if (known.has_value()) return *std::move(known);
    RESERVE_ASSIGN_OR_RETURN(Row row, make());
    const absl::Status added = table.add(connection, row);
    if (AnotherCameFirst(added)) continue;
    RESERVE_RETURN_IF_ERROR(added);
    if (row.stage == rates::ActivationStage::kPrepared) {
      RESERVE_ASSIGN_OR_RETURN(row.stage, DecideInTime(connection, clock, table, row));
    }
    if (row.stage == rates::ActivationStage::kCounts) return row;
    ++late;
  }
  return ActivationTooSlow();
}

// That a deck or a plan is put on no timeline any more.
struct RetirementOrder {
  std::string request_id = {};  // empty: each call is a request of its own
  std::string digest = {};      // of the request
  domain::ByStaff by = {};
  bool only_try = false;
};

// Was it done for this request before? ALREADY_EXISTS "REQUEST_ID_REUSED" if its id is that of
// something else.
template <typename Row>
absl::StatusOr<bool> WasRetired(storage::Connection& connection, const TimelineTable<Row>& table,
                                const RetirementOrder& order) {
  if (order.request_id.empty() || order.only_try) return false;
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Row> known,
                           table.find(connection, order.request_id));
  if (!known.has_value()) {
    RESERVE_RETURN_IF_ERROR(table.check_id_is_free(connection, order.request_id));
    return false;
  }
  if (known->digest != order.digest) return domain::RequestIdReused(order.request_id);
  return true;
}

// Has one that was left prepared miss, if its time has come.
template <typename Row>
absl::Status MissIfDue(storage::Connection& connection, const CatalogKeeper::DatabaseClock& clock,
                       const TimelineTable<Row>& table, const Row& row) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Time now, clock(connection));
  if (now < row.from) return absl::OkStatus();
  return table.decide(connection, row.number, rates::ActivationStage::kMissed).status();
}

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_TIMELINE_WRITES_H_
