// The errors that only the fold and the catalog make, each made here, and known again here by those
// who go on by them. (The refusals of the rules are in domain/refusals.h.) Thread-safe: pure
// functions.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_BOOK_ERRORS_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve::book {

// NOT_FOUND "RECHARGE_NOT_FOUND" on "ordinal".
absl::Status RechargeNotFound(absl::string_view account_id, int64_t ordinal);
// NOT_FOUND "PLAN_NOT_FOUND" on "plan_id".
absl::Status PlanNotFound(absl::string_view plan_id);
// UNAVAILABLE "PLAN_NOT_STORED", with a wait: a user or a booked usage names a plan that has no
// row, so the fault is the database's, and a fact is not refused for good. Nothing was done.
absl::Status PlanNotStored(absl::string_view plan_id);
// INVALID_ARGUMENT on "plan_effective_time": a user's plan changes now or later.
absl::Status PlanFromPassed(absl::Time now);
// ALREADY_EXISTS "USAGE_ID_REUSED" on "usage_id": it is booked as entry `seq` with other content
// (U2).
absl::Status UsageIdReused(absl::string_view usage_id, int64_t seq);
// ALREADY_EXISTS "ACCOUNT_EXISTS" on "account_id": it was opened with other content.
absl::Status AccountExists(absl::string_view account_id);

// UNAVAILABLE "RATE_DECK_LOADING", with a wait: what was asked for needs a deck that is not in
// memory. Nothing was done.
absl::Status DeckNotInMemory(int64_t version);
// The version of that deck, if the error is this one.
std::optional<int64_t> DeckToLoad(const absl::Status& status);

// UNAVAILABLE "RATE_TIMELINE_NOT_READ", with a wait: a usage began later than what is known of the
// timeline, or in a time that is still undecided (K2). Nothing was done.
absl::Status TimelineNotRead();

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_ERRORS_H_
