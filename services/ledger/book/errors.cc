#include "services/ledger/book/errors.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve::book {
namespace {

constexpr char kDeckLoading[] = "RATE_DECK_LOADING";
constexpr char kDeckVersion[] = "deck_version";
// A deck of two million lines is loaded in some ten seconds, most others at once.
constexpr absl::Duration kLoadingTakes = absl::Seconds(1);
constexpr absl::Duration kTimelineReadingTakes = absl::Seconds(1);
// By a person.
constexpr absl::Duration kPlanIsPutBackIn = absl::Minutes(1);

}  // namespace

absl::Status RechargeNotFound(absl::string_view account_id, int64_t ordinal) {
  return MakeError(absl::StatusCode::kNotFound, "RECHARGE_NOT_FOUND", "ordinal",
                   absl::StrCat("account \"", account_id, "\" has no recharge ", ordinal));
}

absl::Status PlanNotFound(absl::string_view plan_id) {
  return MakeError(absl::StatusCode::kNotFound, "PLAN_NOT_FOUND", "plan_id",
                   absl::StrCat("there is no plan \"", plan_id, "\""));
}

absl::Status PlanNotStored(absl::string_view plan_id) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "PLAN_NOT_STORED", "",
                absl::StrCat("plan \"", plan_id,
                             "\", which the user is on, is not among those that are stored; "
                             "nothing was done"));
  return TryAgain(status, kPlanIsPutBackIn);
}

absl::Status PlanFromPassed(absl::Time now) {
  return InvalidField("plan_effective_time",
                      absl::StrCat("must not be before now, ", FormatRfc3339(now)));
}

absl::Status UsageIdReused(absl::string_view usage_id, int64_t seq) {
  return MakeError(
      absl::StatusCode::kAlreadyExists, "USAGE_ID_REUSED", "usage_id",
      absl::StrCat("usage \"", usage_id, "\" is booked as entry ", seq, " with other content"));
}

absl::Status AccountExists(absl::string_view account_id) {
  return MakeError(absl::StatusCode::kAlreadyExists, "ACCOUNT_EXISTS", "account_id",
                   absl::StrCat("account \"", account_id, "\" was opened with other content"));
}

absl::Status DeckNotInMemory(int64_t version) {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, kDeckLoading, "",
                absl::StrCat("rate deck ", version, " is being loaded; nothing was done"));
  return TryAgain(WithMetadata(status, kDeckVersion, absl::StrCat(version)), kLoadingTakes);
}

std::optional<int64_t> DeckToLoad(const absl::Status& status) {
  if (ReasonOf(status) != kDeckLoading) return std::nullopt;
  for (const auto& [key, value] : MetadataOf(status)) {
    int64_t version = 0;
    if (key == kDeckVersion && absl::SimpleAtoi(value, &version)) return version;
  }
  return std::nullopt;
}

absl::Status TimelineNotRead() {
  const absl::Status status =
      MakeError(absl::StatusCode::kUnavailable, "RATE_TIMELINE_NOT_READ", "",
                "the usage begins later than this ledger knows which rate deck is in force; "
                "nothing was done");
  return TryAgain(status, kTimelineReadingTakes);
}

}  // namespace reserve::book
