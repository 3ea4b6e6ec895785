// The rules' settings (amounts, caps, retries, limits), from the command line.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_SETTINGS_FLAGS_H_
#define RESERVE_SERVICES_LEDGER_SERVE_SETTINGS_FLAGS_H_

#include "absl/status/statusor.h"
#include "services/ledger/domain/policy.h"

namespace reserve::serve {

// INVALID_ARGUMENT naming the flag that has no sense, by itself or beside the others.
absl::StatusOr<domain::Settings> SettingsFromFlags();

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_SETTINGS_FLAGS_H_
