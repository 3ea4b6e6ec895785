// Usages that are rated again, by other prices or as their allowance stands now (U6, U7).
//
// Nothing that is booked changes: the difference to the latest rating is an entry of its own. Only
// the usage that is named changes; its own free seconds go back to the allowance that they came
// from before it draws again.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_RERATING_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_RERATING_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/domain/usage_steps.h"

namespace reserve::domain {

// What a usage is rated again for.
struct Rerating {
  // Grows: one that comes after another has seen all that the other did, so that a usage which a
  // later one has rated again is no more the earlier one's.
  int64_t number = 0;
  bool include_unrated = false;  // those too that have no price yet (K3)
  bool may_recharge = false;     // what is paid more is treated as usage is (G12)
  ByStaff by = {};
};

enum class Rerated : uint8_t {
  kChanged = 1,
  kSame = 2,          // it costs what it did, of the same allowance
  kWithoutPrice = 3,  // at those prices it has none: it stays as it is
  kPassedOver = 4,    // VOIDED; UNRATED, and those were not asked for; a call for help
  kDoneBefore = 5,    // by this rerating, or by one that came after it
  kElsewhere = 6,     // it has its turn at another of its entries
};

// What came of one usage.
struct ReratedUsage {
  Rerated outcome = Rerated::kPassedOver;
  Transition transition;  // `unchanged` but for kChanged
};

// A rerating goes through the entries of an account. Of those of one usage this one's seq is its
// turn: that of its first rating, or, while it had none before the rerating, of its booking (U7).
int64_t TurnOf(const UsageState& state, int64_t rerating);

// U6: rates the usage at the prices of `terms`, whose user is as it stands. OUT_OF_RANGE
// "MONEY_OVERFLOW".
absl::StatusOr<ReratedUsage> RateAgain(const Context& context, const Account& account,
                                       const UsageState& state, const UsageTerms& terms,
                                       const Usage& usage, const Rerating& rerating);

// The recharge that would be opened for the account if it were the customer's to act (G12), or
// none.
std::optional<Recharge> RechargeToFollow(const Context& context, const Account& account);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_RERATING_POLICY_H_
