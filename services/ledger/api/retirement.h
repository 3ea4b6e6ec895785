// Retirements of decks and plans, as their requests have them.
#ifndef RESERVE_SERVICES_LEDGER_API_RETIREMENT_H_
#define RESERVE_SERVICES_LEDGER_API_RETIREMENT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/engine/timeline_writes.h"

namespace reserve::api {

// `what` says what is retired: with who and why it is the content of the request.
template <typename Request>
absl::StatusOr<engine::RetirementOrder> RetirementFrom(const Request& request,
                                                       absl::string_view what) {
  absl::Status status = CheckOptionalId(request.request_id(), "request_id");
  status.Update(CheckStaffText(request.reason(), "reason"));
  status.Update(CheckStaffText(request.actor(), "actor"));
  status.Update(CheckStaffText(request.reference(), "reference"));
  if (!status.ok()) return status;
  engine::RetirementOrder order;
  order.request_id = IdUnlessTried(request);
  order.digest = Sha256HexOfFields({what, request.reason(), request.actor(), request.reference()});
  order.by = {request.reason(), request.actor(), request.reference()};
  order.only_try = request.validate_only();
  return order;
}

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RETIREMENT_H_
