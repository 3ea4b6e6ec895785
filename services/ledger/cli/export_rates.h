// The client behind `ledger export-rates`: writes a deck of a running ledger as a file that
// import-rates reads. Blocks; call it from one thread.
#ifndef RESERVE_SERVICES_LEDGER_CLI_EXPORT_RATES_H_
#define RESERVE_SERVICES_LEDGER_CLI_EXPORT_RATES_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <ostream>

#include "absl/status/status.h"

namespace reserve::cli {

// Writes the lines of the deck to `out`, as CSV with the columns of import-rates, in the deck's
// order: a row for each of a line's periods. What the file does not say of a deck (currency, zone,
// holidays, rounding ...) goes to `notes`, as the flags that import-rates needs for the same deck.
absl::Status ExportRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                         std::ostream& out, std::ostream& notes);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_EXPORT_RATES_H_
