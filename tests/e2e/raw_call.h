// A call by its bytes, of a method of any service.
#ifndef RESERVE_TESTS_E2E_RAW_CALL_H_
#define RESERVE_TESTS_E2E_RAW_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve::e2e {

// Sends `request` to a method ("/reserve.ledger.v1.Accounts/GetAccount") and returns the bytes of
// the first message that comes back. Also for methods that stream, where at most one does. Blocks
// for `patience` at the most. Thread-safe.
absl::StatusOr<std::string> CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                                    const std::string& method, absl::string_view request,
                                    absl::Duration patience);

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_RAW_CALL_H_
