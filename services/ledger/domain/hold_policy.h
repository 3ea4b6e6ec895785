// Calls in progress (H1 to H12): what is granted to a call, and how its hold ends.
//
// A hold's price is that of one time (H7): who calls finds the plan and the rate of it. All costs
// are those of the whole call so far, free seconds first, by the one function that rates usage.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_POLICY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/usage_policy.h"
#include "services/ledger/domain/usage_steps.h"

namespace reserve::domain {

struct HoldRequest {
  std::string hold_id;
  Usage call;            // with the id that its usage will have, without a duration
  absl::Duration slice;  // 0: the operator's
  std::string switch_id;
  int64_t incarnation = 0;
};

// Is it what was asked for when the hold was made?
bool SameHold(const Hold& hold, const HoldRequest& request);

// What was answered when it was made, as things stand now: ALLOWED, by what is available without
// it.
Authorization AuthorizeBeside(const Context& context, const Account& account,
                              const UsageTerms& terms, const Usage& call, const Hold& hold);

struct HeldCall {
  Authorization authorization;
  Transition transition;  // `holds` has the new one, if it was allowed
};
// Asks as AuthorizeUsage does, by what is available, and sets aside what the first slice costs
// (H1, H2). `terms` must know user and plan. INVALID_ARGUMENT on "start_time".
absl::StatusOr<HeldCall> CreateHold(const Context& context, const Account& account,
                                    const UsageTerms& terms, const HoldRequest& request);

struct HoldExtension {
  int32_t number = 0;                             // 1, 2, 3 ... of the hold's
  absl::Duration used;                            // since the answer, in all; 0: it rings
  absl::Time answer_time = absl::InfinitePast();  // InfinitePast: `used` ago
};

// When the call is priced once this extension is applied: at the answer, if that is what it tells.
absl::Time PriceTimeAfter(const Context& context, const Hold& hold, const HoldExtension& extension);
// Is that another time than the one by which the hold is priced?
bool TellsOfAnswer(const Hold& hold, const HoldExtension& extension);

// Takes up what the switch reports, and grants more as far as H1 and H9 let it. `terms` are those
// of PriceTimeAfter; where they have no price, the price of before is in `terms`. An extension
// with a number that is not new changes nothing. One that comes after the hold ended by time makes
// it anew, if more can be granted; what it reports counts in any case, but of a settled one, and as
// long as facts are booked (P4).
// INVALID_ARGUMENT on "answer_time", where it tells of the answer; OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Transition> ExtendHold(const Context& context, const Account& account,
                                      const Hold& hold, const UsageTerms& terms,
                                      const HoldExtension& extension);

// The call is over, and its CDR is to come; `report` is what the switch knows by now, or 0 s; its
// number does not matter. One that has ended by time stays what it is, and is not made anew any
// more. INVALID_ARGUMENT on "answer_time", where it tells of the answer.
absl::StatusOr<Transition> ReleaseHold(const Context& context, const Account& account,
                                       const Hold& hold, const UsageTerms& terms,
                                       const HoldExtension& report);

// No hold lives longer without a word. One that says so was made while the clock was wrong, and its
// time has come.
absl::Duration LongestHold(const Settings& settings);

// Ends an OPEN hold whose time has come (H4). `unchanged` of all others.
Transition ExpireHold(const Context& context, const Account& account, const Hold& hold);

// Books the usage of an UNSETTLED hold whose time has come from what was reported, ESTIMATED (H12).
// `id_is_taken`: its usage was booked or voided, and the hold only ends. `unchanged` of all others.
absl::StatusOr<Transition> EstimateUsage(const Context& context, const Account& account,
                                         const Hold& hold, const UsageTerms& terms,
                                         bool id_is_taken);

// The hold as it is priced by what is stored with it: what it was granted, what was reported, and
// the free seconds that are set aside for it (H11). `rate` is that of its price time; null of an
// inbound call that is free. OUT_OF_RANGE "MONEY_OVERFLOW".
absl::StatusOr<Hold> PricedAgain(const Hold& hold, const Plan& plan, const Rate* rate);

// Ends what is held for a usage that is booked already.
Transition SettleHold(const Context& context, const Account& account, const std::string& usage_id,
                      const std::string& hold_id);

// Settles one that had ended before its usage was booked (H5): no late report makes it live again.
// `unchanged` of all others.
Transition SettleEndedHold(const Context& context, const Account& account, const Hold& hold);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_POLICY_H_
