// Usage: what may begin, and what is booked.
//
// Recording is for facts, and refuses none for the account's state (U1); authorisation
// is where usage is refused (O1, D1 to D3).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_POLICY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/limits.h"
#include "services/ledger/domain/plan.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_steps.h"

namespace reserve::domain {

// The start time must not be too old, INVALID_ARGUMENT "USAGE_TOO_OLD", or in the future,
// INVALID_ARGUMENT, on "start_time".
absl::Status CheckStartTime(const Context& context, absl::Time start);
// A call must not be longer than is believed: INVALID_ARGUMENT "CALL_TOO_LONG" on `field`.
absl::Status CheckDuration(const Settings& settings, absl::Duration duration,
                           absl::string_view field = "call.duration");
// Both, of what is to be booked.
absl::Status CheckFact(const Context& context, const Usage& usage);

// U1, U3: books a usage that happened, whatever the account's state; one that has no price or no
// user yet as UNRATED. One that is for help is booked at 0, also of a user that the account does
// not have; it draws on no allowance, and a wait after money was taken back goes on (C10, G12).
// OUT_OF_RANGE "MONEY_OVERFLOW". The second form moves the account into the transition instead of
// copying it, unless it refuses.
absl::StatusOr<Transition> RecordUsage(const Context& context, const Account& account,
                                       const UsageTerms& terms, const Usage& usage,
                                       absl::string_view hold_id = "");
absl::StatusOr<Transition> RecordUsage(const Context& context, Account&& account,
                                       const UsageTerms& terms, const Usage& usage,
                                       absl::string_view hold_id = "");

// In order of precedence.
enum class Decision : uint8_t {
  kAllowed = 1,
  kAccountBlocked = 2,
  kPendingFunding = 3,
  kAccountDisabled = 4,
  kNoRate = 5,
  kInsufficientBalance = 6,
  kAccountClosing = 7,  // these two before all others (P4)
  kAccountClosed = 8,
  kTooManyCalls = 9,         // before kInsufficientBalance (H10)
  kDestinationBlocked = 10,  // in the place of kNoRate (C13)
  kUserRemoved = 11,         // these two after what the account is, before kNoRate (K4)
  kUserBlocked = 12,
  kLimitReached = 13,  // before kInsufficientBalance (L3)
};

// "AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE": as on the wire.
absl::string_view NameOf(Decision decision);

struct Authorization {
  Decision decision = Decision::kAllowed;
  int64_t free_seconds_left = 0;
  int64_t max_duration_seconds = 0;
  bool unlimited_duration = false;
  Nanos sms_cost = 0;
  bool emergency = false;  // C10
  ReachedLimit limit =
      {};  // of kLimitReached and kTooManyCalls; also where it only shortens a call
};

// C10: what is always answered.
Authorization AllowEmergency();

// O1, D1 to D3. `usage` is what is to begin; its duration is not looked at.
Authorization AuthorizeUsage(const Context& context, const Account& account, const User& user,
                             const Plan& plan, const Usage& usage, const Rate* rate);

// S3, H1: the same for what is booked or promised at once, only if it is allowed. It goes by what
// is available: money that staff took back does not count. `terms` must know the user.
Authorization AuthorizeAtOnce(const Context& context, const Account& account,
                              const UsageTerms& terms, const Usage& usage);

// G12: a usage was refused for want of money that was taken back, so the wait for the customer is
// over. `unchanged` if nothing waits, or it was refused for something else.
Transition AfterRefusal(const Context& context, const Account& account, Decision decision);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_POLICY_H_
