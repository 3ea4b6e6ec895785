// The client behind `ledger verify`: has a running ledger recompute everything,
// and shows what does not add up. Blocks; call it from one thread.
//
//   absl::StatusOr<int64_t> differences = VerifyLedger(channel, std::cout);
#ifndef RESERVE_SERVICES_LEDGER_CLI_VERIFY_H_
#define RESERVE_SERVICES_LEDGER_CLI_VERIFY_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <ostream>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reserve::cli {

struct VerifyOptions {
  // Streams that break without progress in a row before it gives up.
  int max_failures = 10;
  absl::Duration pause_after_failure = absl::Seconds(1);
  // One line of JSON at the end, {"counts": {...}, "differences": [...]}, and nothing else.
  bool json = false;
};

// Writes a line for each difference, progress now and then, and a closing line of
// counts to `out`. A stream that breaks is taken up where it was, also at another
// replica. The number of differences; or the last error, if the ledger can't be
// reached or refuses.
absl::StatusOr<int64_t> VerifyLedger(const std::shared_ptr<grpc::Channel>& channel,
                                     std::ostream& out, const VerifyOptions& options = {});

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_VERIFY_H_
