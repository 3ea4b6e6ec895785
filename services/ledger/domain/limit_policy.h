// Which limits against fraud are in force, what they stand in the way of, and what follows when one
// is reached (L1 to L5).
//
// Of each limit the nearest level that sets it counts: the user, the account, the plan, the
// operator. Spending is counted of the account, by the nearest of account, its default plan and
// operator, and beside that of each user who has such a limit. Recording is never refused, and
// whatever costs nothing passes.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_LIMIT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_LIMIT_POLICY_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_steps.h"

namespace reserve::domain {

// L3: what stands in the way of this usage as far as it would be paid; none where nothing does.
// `terms` must know user, plan and rate. `more`: what the user's calls have cost beyond what has
// accrued.
ReachedLimit LimitOn(const Context& context, const Account& account, const UsageTerms& terms,
                     const Usage& usage, Nanos more = 0);
// What limits on spending leave to a user once all calls in progress use what they are granted; the
// largest amount where there are none. That of `but`, if it is not null, does not count.
Nanos SpendRoom(const Context& context, const Account& account, const User& user,
                const Hold* but = nullptr);

// A limit in force.
template <typename Value>
struct InForce {
  Value value = {};
  LimitLevel level = LimitLevel::kNone;
};
// H10: how many calls at a time the account, or the user, may have, and how long one may be.
InForce<int32_t> CallsOfAccount(const Context& context, const Account& account);
InForce<int32_t> CallsOfUser(const Context& context, const Account& account, const User& user,
                             const Plan& plan);
InForce<int64_t> LongestCallSeconds(const Context& context, const Account& account,
                                    const User& user, const Plan& plan);

// L2: counts what was booked of a usage, or given back. `user` may be null: not known.
void CountSpending(Nanos cost, absl::Time start, const User* user, Draft* draft);
// The same of what calls in progress have cost: it is no more than looked at.
void NoteSpendingOf(const User& user, Draft* draft);
// L4: tells of limits that are reached, and suspends automatic recharging, once until it is lifted.
void NoteLimitsReached(Draft* draft);

// What of one level's limits is to be changed: `set` says which, and what is not set in `limits` is
// unset.
struct LimitsChange {
  Limits limits;
  std::vector<LimitKind> set;
};
// L1: changes the limits of the account, or, if `user` is not null, of that user. What was spent
// stays spent. INVALID_ARGUMENT on the field; FAILED_PRECONDITION "ACCOUNT_CLOSED",
// "FEATURE_LEVEL_TOO_LOW". `unchanged` if they are so already.
absl::StatusOr<Transition> UpdateLimits(const Context& context, const Account& account,
                                        const User* user, const LimitsChange& change,
                                        const ByStaff& by);

// L4: the alarm of the account is lifted, and that of `named`, or, if it is null, of all its users;
// what they have spent of the limits that were reached is forgotten. `ringing` are all users of the
// account whose alarm rings: the account's rings on for those that stay. Whether there was any.
bool LiftAlarms(const User* named, absl::Span<const User* const> ringing, absl::Duration quiet,
                Draft* draft);

// A limit in force, for people and programs.
struct ShownLimit {
  LimitKind kind = LimitKind::kNone;
  LimitLevel level = LimitLevel::kNone;
  bool of_user = false;  // it counts what the user does alone
  Nanos amount = 0;      // of money
  int64_t number = 0;    // of calls; in seconds, of the longest call
  std::vector<std::string> countries = {};
  Nanos used = 0;        // of spending, what calls in progress have cost included
  int64_t calls = 0;     // in progress, of kCalls
  bool reached = false;  // what would be paid is refused
  bool quiet = false;    // it does not count for the time being
  absl::Time until = absl::InfiniteFuture();  // of one that is reached or quiet
};
// L1: all that is in force for the account, or, with a user and the user's plan, for that user.
std::vector<ShownLimit> LimitsInForce(const Context& context, const Account& account,
                                      const User* user, const Plan* plan);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_LIMIT_POLICY_H_
