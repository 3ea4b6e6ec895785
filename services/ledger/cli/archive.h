// The commands that archive months, and check what was archived. They work on the database itself.
#ifndef RESERVE_SERVICES_LEDGER_CLI_ARCHIVE_H_
#define RESERVE_SERVICES_LEDGER_CLI_ARCHIVE_H_

#include "absl/status/status.h"

namespace reserve::cli {

// ledger archive, verify-archive: by their flags.
absl::Status RunArchive();
absl::Status RunVerifyArchive();

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_ARCHIVE_H_
