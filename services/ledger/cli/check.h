// Whether a running ledger is fit for use, as a caller sees it: `ledger check`.
#ifndef RESERVE_SERVICES_LEDGER_CLI_CHECK_H_
#define RESERVE_SERVICES_LEDGER_CLI_CHECK_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <ostream>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace reserve::cli {

struct CheckOptions {
  // Charge a card as well, and see the charge credited to the cent: for a gateway that charges
  // nobody, the stub. Leaves an account that is closed, with its charge given back.
  bool recharge = false;
  // How long the ledger may take to serve, and the recharge to be credited.
  absl::Duration patience = absl::Seconds(60);
};

// Health, which says that the database answers and its schema and rights fit; then one read, which
// says that this caller has access. Each that holds is a line of `out`. FAILED_PRECONDITION
// "CHECK_FAILED", or the error of the call that failed.
absl::Status CheckLedger(const std::shared_ptr<grpc::Channel>& channel, const CheckOptions& options,
                         std::ostream& out);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_CHECK_H_
