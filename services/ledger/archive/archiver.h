// Archives months: their entries leave the table of entries for files (docs/OPERATIONS.md tells
// how, docs/decisions/0050-archives.md why).
//
// In steps, each noted in the database before the next: the months are sealed; the files are
// written, put onto the disk and their digests recorded; each account's head moves on, in a
// transaction of its own that also keeps what must stay; the partitions are dropped. Killed at any
// point, the same command goes on where it was. Runs beside bookings.
#ifndef RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVER_H_
#define RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::archive {

struct ArchiveOptions {
  storage::DatabaseOptions database;  // as the migrating user
  // 202509: the last to be archived; 0: the newest that is old enough, or what was begun.
  int32_t month = 0;
  std::string directory;                                 // that the files go to
  absl::Duration max_usage_age = absl::Hours(24 * 400);  // as the ledgers that serve have it
  // Nothing: the database's time, from which this machine's must not differ by more than a minute.
  std::optional<absl::Time> now;
  bool dry_run = false;
  // Hears of each step, and of the accounts now and then.
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

// Archives all months up to options.month that are not archived yet; OK if they are. Errors, beside
// those of errors.h and the database: INVALID_ARGUMENT on "month"; FAILED_PRECONDITION
// "FEATURE_LEVEL_TOO_LOW"; ABORTED "ARCHIVE_RUNNING". Whatever fails, no entry is lost.
absl::Status ArchiveMonths(const ArchiveOptions& options);

}  // namespace reserve::archive

#endif  // RESERVE_SERVICES_LEDGER_ARCHIVE_ARCHIVER_H_
