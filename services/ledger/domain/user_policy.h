// The users of an account: put, moved to another plan, blocked, removed and brought back (K4).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USER_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USER_POLICY_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// What to change of a user; what is not set stays.
struct UserChange {
  std::string user_id;
  std::string plan_id = {};  // empty: it stays; a new user needs one
  // From when on the user is on that plan; not later than now: from now on. A new user's first plan
  // holds for all time.
  absl::Time plan_from = absl::InfinitePast();
  std::optional<std::string> display_name = {};
  std::optional<bool> blocked = {};
};

// Adds the user (`stored` null), changes the user, or brings one back that was removed. What a
// change from a time on takes away is what was to come then or later. FAILED_PRECONDITION
// "ACCOUNT_CLOSED", "PLAN_CHANGED_TOO_OFTEN", or "FEATURE_LEVEL_TOO_LOW" for what programs of
// before would not heed.
absl::StatusOr<Transition> PutUser(const Context& context, const Account& account,
                                   const User* stored, const UserChange& change);

// From now on nothing of the user is authorised. The id keeps what it used. `unchanged` of one that
// is removed. FAILED_PRECONDITION as above.
absl::StatusOr<Transition> RemoveUser(const Context& context, const Account& account,
                                      const User& stored);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USER_POLICY_H_
