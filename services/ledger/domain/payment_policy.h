// Money that came another way than by a card of ours: a bank transfer, a cheque, a charge that was
// made on a page (P5).
//
// A payment is a row of the recharges, numbered with them, that no worker gets. With the id of a
// charge it counts as what was credited for that charge (G4, P1 to P3).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_POLICY_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_POLICY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/by_staff.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"

namespace reserve::domain {

// How far ahead a payment may have been received: a date is given by people of any time zone.
inline constexpr absl::Duration kMostReceivedAhead = absl::Hours(24);

struct PaymentRequest {
  std::string request_id;
  Nanos amount = 0;
  PaymentMeans means = PaymentMeans::kNone;
  std::string charge_id;  // of a charge made on a page; empty: there is none
  absl::Time received_time = absl::InfinitePast();
  ByStaff by;  // its reference is what the payment is called where it came from
};

// Books it. The payment is the first of the transition's recharges. `credited` is what was credited
// for its charge before, if anything was: then it is `unchanged`. INVALID_ARGUMENT on "amount",
// which must be above zero and, of a charge, whole minor units, and on "received_time".
absl::StatusOr<Transition> RecordPayment(const Context& context, const Account& account,
                                         const Recharge* credited, const PaymentRequest& request);

// Takes a payment back that bounced, as a whole. It never leads to a recharge: what it leaves
// below the threshold is suspended (G12). FAILED_PRECONDITION "ALREADY_REVERSED";
// "PAYMENT_GIVEN_BACK" if a part of it is given back or disputed, which is booked already.
absl::StatusOr<Transition> ReversePayment(const Context& context, const Account& account,
                                          const Recharge& payment, const std::string& request_id,
                                          const ByStaff& by);

// For people: "bank transfer".
absl::string_view TextOf(PaymentMeans means);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_PAYMENT_POLICY_H_
