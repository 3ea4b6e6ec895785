// Steps that commands on usages are made of. Each adds to a draft; what follows from them all is
// concluded once, by the command (consequences.h).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STEPS_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STEPS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// Who used, and at what prices. Not known: `user` is null where the account has no such user, and
// `plan` with it; `rate` where the deck has no line for the destination.
struct UsageTerms {
  const User* user = nullptr;
  const Plan* plan = nullptr;
  const Rate* rate = nullptr;
  bool emergency = false;     // it is for help, and costs nothing, of whatever user (C10)
  bool deck_in_force = true;  // of the account's currency, at the start; where there is no rate
};

// How a usage comes to be booked.
struct Booking {
  std::string corrects = {};        // the usage whose place it takes, or empty
  absl::string_view returned = {};  // what that gave back to credit grants
  const Hold* hold = nullptr;       // that it settles
  bool estimated = false;           // from what that reported (H12)
};

// The rating of a fact: one without a user or a price is UNRATED, at 0 (U1). OUT_OF_RANGE
// "MONEY_OVERFLOW".
absl::StatusOr<Rating> RateFact(const Account& account, const UsageTerms& terms,
                                const Usage& usage);

// Books a usage under its rating, and takes its free seconds.
absl::Status BookUsage(const UsageTerms& terms, const Usage& usage, Rating&& rating,
                       Booking&& booking, Draft* draft);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_STEPS_H_
