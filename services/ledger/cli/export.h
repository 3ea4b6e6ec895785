// `ledger export`: usages, entries or recharges of one account or of all, as CSV.
#ifndef RESERVE_SERVICES_LEDGER_CLI_EXPORT_H_
#define RESERVE_SERVICES_LEDGER_CLI_EXPORT_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "services/ledger/cli/csv.h"

namespace reserve::cli {

struct ExportOptions {
  ledger::v1::ExportKind kind = ledger::v1::EXPORT_KIND_UNSPECIFIED;
  std::string account_id;    // empty: all
  std::string resume_token;  // of an export that broke: what follows it, without a head line
  CsvText text = CsvText::kGuarded;
  // Streams that break without progress in a row before it gives up.
  int max_failures = 10;
  absl::Duration pause_after_failure = absl::Seconds(1);
};

// "usage", "entries" or "recharges"; INVALID_ARGUMENT on "WHAT" for another.
absl::StatusOr<ledger::v1::ExportKind> ExportKindFrom(absl::string_view what);

// Writes a head line and a line for each row to `out`, and to `notes` progress now and then and a
// closing line; before an error the token with which to go on. A stream that breaks is taken up
// where it was, also at another replica: no row is missing or twice.
absl::Status Export(const std::shared_ptr<grpc::Channel>& channel, const ExportOptions& options,
                    std::ostream& out, std::ostream& notes);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_EXPORT_H_
