// What a worker reports of an attempt to charge a card (G4 to G6, G9).
//
// A success is credited whoever reports it and whenever, once. Anything else needs the
// current lease, as the successor of a worker finds the same answer under the same key.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_REPORT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_REPORT_POLICY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

struct ChargeOutcome {
  enum class Kind { kSucceeded, kDeclined, kUnresolved, kPending };
  Kind kind = Kind::kSucceeded;
  int32_t attempt = 0;
  int64_t lease_epoch = 0;
  std::string charge_id;                             // of a success, or of what is pending
  Nanos amount = 0;                                  // of a success
  std::string currency;                              // of a success
  DeclineClass decline_class = DeclineClass::kNone;  // of a decline
  std::string text;                                  // the decline's code, or what was tried
};

// G3 to G6, G9. `recharge` is the row reported on; the declines of the account's cards are in
// the context. `credited` is what was credited for the charge of a success before, if anything
// was: the recharge ends as that. `earlier_number`: of a success of an earlier attempt than the
// recharge's, the fingerprint that was declined then; empty where that is not known. A success of
// more than was asked for, or in another currency, becomes a review. A repeat of an outcome that
// was applied is `unchanged`. FAILED_PRECONDITION "LEASE_LOST" for anything but a success without
// the current lease; "ALREADY_CREDITED" for a success of another charge.
absl::StatusOr<Transition> ReportRecharge(const Context& context, const Account& account,
                                          const Recharge& recharge, const Recharge* credited,
                                          const ChargeOutcome& outcome,
                                          const std::string& earlier_number = "");

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_REPORT_POLICY_H_
