// What the commands end with, each made here. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_CLI_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_CLI_ERRORS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::cli {

// FAILED_PRECONDITION "CHECK_FAILED": the ledger is not fit for use.
absl::Status CheckFailed(absl::string_view why);
// DATA_LOSS "DIFFERENCES_FOUND": the books don't add up.
absl::Status DifferencesFound(int64_t differences);
// DATA_LOSS "ENTRIES_LOST": entries that were acknowledged are gone.
absl::Status EntriesLost(int64_t entries);
// NOT_FOUND "CALLER_NOT_NAMED": the roles file does not name it.
absl::Status CallerNotNamed(absl::string_view caller);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_ERRORS_H_
