// Errors that the worker makes, and those of its ledger and gateway by which it goes on: each
// reason is written here, once. Thread-safe: pure functions.
#ifndef RESERVE_WORKER_ERRORS_H_
#define RESERVE_WORKER_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::worker {

// FAILED_PRECONDITION "DIFFERENCES_FOUND": what reconcile ends with if it leaves some.
absl::Status DifferencesFound(absl::string_view message);

// FAILED_PRECONDITION "STATE_NOT_TAKEN": the ledger was told of a refund or dispute, and has it
// otherwise all the same.
absl::Status StateNotTaken(absl::string_view stored);

// The ledger: the lease is another worker's, or the recharge is closed (recharges.proto).
bool IsLeaseLost(const absl::Status& status);
// The ledger: the recharge was credited for another charge (recharges.proto).
bool IsAlreadyCredited(const absl::Status& status);
// The gateway: less is left of the charge than what was to be given back (payment_gateway.proto).
bool IsRefundTooLarge(const absl::Status& status);
// The gateway: this request has surely given nothing back, for a reason that stands: the one
// above, or that the charge did not succeed, or that there is none (payment_gateway.proto).
bool IsRefundRefused(const absl::Status& status);
// The gateway, or the ledger: there is no such charge (payment_gateway.proto, recharges.proto).
bool IsChargeNotFound(const absl::Status& status);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_ERRORS_H_
