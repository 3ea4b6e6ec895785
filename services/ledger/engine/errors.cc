#include "services/ledger/engine/errors.h"

#include "absl/strings/str_cat.h"
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
  return error_class == storage::ErrorClass::kConnection ? Patience::Failure::kNoAnswer
                                                         : Patience::Failure::kRefused;
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

absl::Status PreviewInterrupted() {
  return TryAgain(MakeError(absl::StatusCode::kUnavailable, "INTERRUPTED", "",
                            "the dry run was interrupted, nothing was done; begin it anew"),
                  storage::kRepeatAfter);
}

absl::Status ImportConflict() {
  return Again("IMPORT_CONFLICT", "other imports keep taking the version; try again");
}

absl::Status CatalogIsNew() { return Again("CATALOG_IS_NEW", "a deck or a plan is new"); }

absl::Status TransactionTooOld() {
  return Again("TRANSACTION_TOO_OLD", "the transaction took too long to be committed");
}

}  // namespace reserve::engine
