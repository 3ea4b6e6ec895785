#include "services/ledger/engine/errors.h"

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/engine/overload.h"
#include "services/ledger/storage/database_error.h"

namespace reserve::engine {
namespace {

constexpr char kNotServing[] = "NOT_SERVING";
constexpr char kOverloaded[] = "OVERLOADED";

absl::Status Again(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kAborted, reason, "", message);
}

}  // namespace

absl::Status NotServing() {
  return TryAgain(
      MakeError(absl::StatusCode::kUnavailable, kNotServing, "", "the database is not ready yet"),
      storage::kRepeatAfter);
}

absl::Status Draining(absl::string_view advice) {
  return TryAgain(MakeError(absl::StatusCode::kUnavailable, "DRAINING", "",
                            absl::StrCat("this ledger is shutting down; ", advice)),
                  kShortestRetryAfter);
}

bool IsOutage(const absl::Status& status) {
  return storage::IsDatabaseUnavailable(status) || ReasonOf(status) == kNotServing;
}

Patience::Failure FailureOf(const absl::Status& status) {
  const storage::ErrorClass error_class =
      storage::ErrorClassOf(status).value_or(storage::ErrorClass::kConnection);
  const bool no_answer =
      error_class == storage::ErrorClass::kConnection || error_class == storage::ErrorClass::kShard;
  return no_answer ? Patience::Failure::kNoAnswer : Patience::Failure::kRefused;
}

absl::Status Overloaded(absl::string_view what, absl::Duration retry_after) {
  return TryAgain(MakeError(absl::StatusCode::kResourceExhausted, kOverloaded, "",
                            absl::StrCat("too many ", what, " are waiting; nothing was done")),
                  retry_after);
}

absl::Status TooManyWatch(size_t watchers) {
  return MakeError(absl::StatusCode::kResourceExhausted, kOverloaded, "",
                   absl::StrCat(watchers, " watch already; watch through another ledger"));
}

bool IsOverload(const absl::Status& status) { return ReasonOf(status) == kOverloaded; }

absl::Status CallerGone() {
  return MakeError(absl::StatusCode::kCancelled, "CANCELLED", "", "the caller has gone");
}

absl::Status DeadlinePassed(absl::string_view what) {
  return MakeError(absl::StatusCode::kDeadlineExceeded, "DEADLINE_PASSED", "",
                   absl::StrCat("the call took longer than its deadline; ", what));
}

absl::Status PreviewInterrupted() {
  return TryAgain(MakeError(absl::StatusCode::kUnavailable, "INTERRUPTED", "",
                            "the dry run was interrupted, nothing was done; begin it anew"),
                  storage::kRepeatAfter);
}

absl::Status ImportConflict() {
  return Again("IMPORT_CONFLICT", "other imports keep taking the version; try again");
}

absl::Status RateDeckNotFound(int64_t version) {
  return MakeError(absl::StatusCode::kNotFound, "RATE_DECK_NOT_FOUND", "deck_version",
                   version == 0 ? "no deck of the currency is in force at that time"
                                : absl::StrCat("there is no deck of version ", version));
}

absl::Status RateDeckRetired(int64_t version) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "RATE_DECK_RETIRED", "deck_version",
                   absl::StrCat("rate deck ", version, " is retired; import it again"));
}

absl::Status RateDeckNeeded(int64_t version, absl::Time needed_from) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "RATE_DECK_NEEDED", "deck_version",
                   absl::StrCat("rate deck ", version, " prices usage that begins at ",
                                FormatRfc3339(needed_from), " or later, which may still come"));
}

absl::Status BackdateNeeded(absl::Time earliest) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "BACKDATE_NEEDED", "backdate",
                   absl::StrCat("the effective time is before ", FormatRfc3339(earliest),
                                ", so usage of then may have its price already and keeps it; set "
                                "backdate (--backdate) if that is right, or leave the time out"));
}

absl::Status PlanNeeded(absl::string_view plan_id) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PLAN_NEEDED", "plan_id",
                   absl::StrCat("accounts that name no plan are opened with \"", plan_id, "\""));
}

absl::Status SeriesWithoutDeck(absl::string_view series) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SERIES_WITHOUT_DECK", "plan.series",
                   absl::StrCat("no rate deck of series ", series,
                                " is in force when the plan would go by it; activate one first"));
}

absl::Status ActivationTooSlow() {
  return TryAgain(
      MakeError(absl::StatusCode::kUnavailable, "ACTIVATION_TOO_SLOW", "",
                "the database takes too long to commit; nothing was activated, repeat the request"),
      storage::kRepeatAfter);
}

absl::Status MonthIsSealed() { return Again("MONTH_IS_SEALED", "a month is being archived"); }

absl::Status CatalogIsNew() { return Again("CATALOG_IS_NEW", "a deck or a plan is new"); }

absl::Status TransactionTooOld() {
  return Again("TRANSACTION_TOO_OLD", "the transaction took too long to be committed");
}

}  // namespace reserve::engine
