// The errors that only the start of the ledger makes, each made here. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_SERVE_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::serve {

// FAILED_PRECONDITION "TIME_ZONES_MISSING": this machine does not know the time zone.
absl::Status TimeZonesMissing(absl::string_view zone);

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_ERRORS_H_
