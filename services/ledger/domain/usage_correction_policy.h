// Usages that were booked and are put right: taken back, corrected, or rated once there is a price
// (U1, U5, K3).
//
// Nothing that is booked changes: each of these adds an entry that names the usage, and moves on
// what is kept beside it (usage_state.h). Only what was named changes; free seconds go back to the
// allowance that they came from (U7).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_CORRECTION_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_CORRECTION_POLICY_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/domain/usage_steps.h"

namespace reserve::domain {

// A usage that is to be taken back, as it stands, and its user, or null where the account has none
// of that id.
struct UsageToVoid {
  const UsageState* state = nullptr;  // null: no such usage was booked
  const User* user = nullptr;
  bool estimated = false;  // it was booked from reports, and waits for its CDR still (H12)
};

// U5: takes a booked usage back. One that was not booked is voided in advance, and books nothing
// when it comes. `corrected_by`: the usage that was booked in its place before; empty if none was.
// `unchanged` if it is voided already.
absl::StatusOr<Transition> VoidUsage(const Context& context, const Account& account,
                                     const std::string& usage_id, const UsageToVoid& old,
                                     const ByStaff& by, const std::string& corrected_by = "");

// H12: a usage that is booked already corrects an estimate that is voided: no CDR comes under the
// estimate's id any more. `unchanged` of all others.
Transition NoteCorrectedBy(const Context& context, const Account& account, const UsageToVoid& old,
                           const std::string& corrected_by);

// U5: the same, and books `usage` in its place, in one transition. `may_recharge`: what is paid
// more is treated as usage is, else nothing follows before the customer's next act (G12). Refusals
// as RecordUsage.
struct Correction {
  std::string usage_id;  // that it takes the place of
  bool may_recharge = false;
  std::string hold_id = {};  // that it settles besides; may be empty
};
absl::StatusOr<Transition> CorrectUsage(const Context& context, const Account& account,
                                        const Correction& correction, const UsageToVoid& old,
                                        const UsageTerms& terms, const Usage& usage,
                                        const ByStaff& by);

// H12: the CDR of a call whose usage was booked from what the switch had reported takes the place
// of that, whether that stands or was voided; it counts as usage does (G1, D1). It has the same id,
// or another where it names the hold (H5): then it corrects the estimate, each naming the other.
absl::StatusOr<Transition> ReplaceEstimate(const Context& context, const Account& account,
                                           const UsageToVoid& estimate, const UsageTerms& terms,
                                           const Usage& usage);

// K3: rates a usage that is UNRATED, as of its start, if it has a user and a price now.
// `unchanged` if it has not, or is not UNRATED.
absl::StatusOr<Transition> RateUnrated(const Context& context, const Account& account,
                                       const UsageState& state, const UsageTerms& terms,
                                       const Usage& usage);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_USAGE_CORRECTION_POLICY_H_
