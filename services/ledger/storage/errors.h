// The errors of this module that are not the database's (those are in database_error.h), each made
// here. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ERRORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve::storage {

// NOT_FOUND "ENTRY_NOT_FOUND" on "seq".
absl::Status EntryNotFound(absl::string_view account_id, int64_t seq);
// FAILED_PRECONDITION "TOO_MUCH_USAGE" on "start_before": more than `most` entries are in the
// range.
absl::Status TooMuchUsage(int64_t most);
// FAILED_PRECONDITION "TOO_MANY_GROUPS" on "group_by": usages fall into `groups`, more than `most`.
absl::Status TooManyGroups(int64_t groups, int64_t most);
// FAILED_PRECONDITION "SCHEMA_TOO_OLD" on "database": it is at `version`, `needed` is needed.
absl::Status SchemaTooOld(int version, int needed);
// FAILED_PRECONDITION "SCHEMA_DIFFERS" on "database": it was migrated by a program of another
// branch, by `recorded` under the number of `ours`.
absl::Status SchemaDiffers(absl::string_view recorded, absl::string_view ours);
// FAILED_PRECONDITION "LEDGERS_TOO_OLD" on "database": the level stays, as `ledgers` don't know
// `newest`.
absl::Status LedgersTooOld(int level, int newest, const std::vector<std::string>& ledgers);
// ABORTED "ARCHIVE_RUNNING": one at a time is made.
absl::Status ArchiveRunning();
// FAILED_PRECONDITION "USER_STILL_CALLS" on "user": so many calls are in progress or await their
// record, and so many usages wait for a price.
absl::Status UserStillCalls(int64_t calls, int64_t unrated);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ERRORS_H_
