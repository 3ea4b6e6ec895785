// The client behind `ledger check-heads`: asks a running ledger whether it still has the entries
// that somebody has noted as acknowledged. Blocks; call it from one thread.
//
//   std::ifstream file("heads.csv");
//   absl::StatusOr<HeadCounts> counts = CheckHeads(channel, file, std::cout);
#ifndef RESERVE_SERVICES_LEDGER_CLI_CHECK_HEADS_H_
#define RESERVE_SERVICES_LEDGER_CLI_CHECK_HEADS_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <istream>
#include <memory>
#include <ostream>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reserve::cli {

struct CheckHeadsOptions {
  // Calls under way at a time.
  int calls = 16;
  // A call that may be tried again is, so often, with this pause between.
  int max_tries = 10;
  absl::Duration pause = absl::Seconds(1);
};

struct HeadCounts {
  int64_t present = 0;
  int64_t lost = 0;
  int64_t replaced = 0;
  int64_t bad_lines = 0;
};

// `in` has a line for each entry, ACCOUNT,SEQ,HASH, the hash in hexadecimal digits or in base64 as
// JSON has it; empty lines and those that begin with '#' are passed over. Writes a line for each
// entry that is lost or replaced and for each line that is none of these, in no particular order,
// and a closing line of counts to `out`. A file of any length is read once, in bounded memory. The
// last error if the ledger can't be reached or refuses.
absl::StatusOr<HeadCounts> CheckHeads(const std::shared_ptr<grpc::Channel>& channel,
                                      std::istream& in, std::ostream& out,
                                      const CheckHeadsOptions& options = {});

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_CHECK_HEADS_H_
