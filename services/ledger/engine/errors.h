// The errors of the engine, each made here, and known again here by those who go on by them.
// (Those of the database are in storage/database_error.h, the refusals of the rules in
// domain/refusals.h.) Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_ERRORS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/engine/patience.h"

namespace reserve::engine {

// UNAVAILABLE "NOT_SERVING", with a wait: the engine was not started yet.
absl::Status NotServing();
// UNAVAILABLE "DRAINING", with a wait: the ledger is shutting down; `advice` says what to do.
absl::Status Draining(absl::string_view advice);
// Is it the database's bad day, and neither the caller's nor the account's business?
bool IsOutage(const absl::Status& status);

// What kind of failure an UNAVAILABLE of the database is.
Patience::Failure FailureOf(const absl::Status& status);

// RESOURCE_EXHAUSTED "OVERLOADED", with a wait: too many `what` are waiting, nothing was done.
absl::Status Overloaded(absl::string_view what, absl::Duration retry_after);
// RESOURCE_EXHAUSTED "OVERLOADED", without: so many watch, and may for long.
absl::Status TooManyWatch(size_t watchers);
bool IsOverload(const absl::Status& status);

// CANCELLED "CANCELLED": nobody waits for the answer.
absl::Status CallerGone();
// DEADLINE_EXCEEDED "DEADLINE_PASSED": nobody waits for the answer any more. `what` was or was not
// done.
absl::Status DeadlinePassed(absl::string_view what);
// UNAVAILABLE "INTERRUPTED", with a wait: a dry run lost the database, and begins anew.
absl::Status PreviewInterrupted();
// ABORTED "IMPORT_CONFLICT": other imports came first again and again.
absl::Status ImportConflict();
// NOT_FOUND "RATE_DECK_NOT_FOUND" on "deck_version"; version 0 is the deck in force.
absl::Status RateDeckNotFound(int64_t version);
// FAILED_PRECONDITION on "deck_version": "RATE_DECK_RETIRED", it can't be activated any more;
// "RATE_DECK_NEEDED", it can't be retired yet.
absl::Status RateDeckRetired(int64_t version);
absl::Status RateDeckNeeded(int64_t version, absl::Time needed_from);
// FAILED_PRECONDITION "BACKDATE_NEEDED" on "backdate": not all ledgers would know before
// `earliest`.
absl::Status BackdateNeeded(absl::Time earliest);
// UNAVAILABLE "ACTIVATION_TOO_SLOW", with a wait: the database took longer than all ledgers may
// know nothing of it. Nothing was activated.
absl::Status ActivationTooSlow();
// FAILED_PRECONDITION "PLAN_NEEDED" on "plan_id": accounts are opened with it that name none.
absl::Status PlanNeeded(absl::string_view plan_id);
// FAILED_PRECONDITION "SERIES_WITHOUT_DECK" on "plan.series": nothing prices anything in it then.
absl::Status SeriesWithoutDeck(absl::string_view series);

// ABORTED "MONTH_IS_SEALED", "CATALOG_IS_NEW", "TRANSACTION_TOO_OLD": a lane's batch is to be run
// again. No caller hears of them.
absl::Status MonthIsSealed();
absl::Status CatalogIsNew();
absl::Status TransactionTooOld();

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_ERRORS_H_
