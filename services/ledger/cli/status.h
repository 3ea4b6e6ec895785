// How a running ledger is, on one screen: `ledger status`.
#ifndef RESERVE_SERVICES_LEDGER_CLI_STATUS_H_
#define RESERVE_SERVICES_LEDGER_CLI_STATUS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <ostream>

#include "absl/status/status.h"

namespace reserve::cli {

// Asks for its health and for GetStatus, and writes a table of it, or one line of JSON
// ({"serving": true, "status": {...}}). FAILED_PRECONDITION "CHECK_FAILED" if it is not serving,
// once that is written; the error of a call that failed.
absl::Status ShowStatus(const std::shared_ptr<grpc::Channel>& channel, bool json,
                        std::ostream& out);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_STATUS_H_
