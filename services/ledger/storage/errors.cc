#include "services/ledger/storage/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"

namespace reserve::storage {

absl::Status EntryNotFound(absl::string_view account_id, int64_t seq) {
  return MakeError(absl::StatusCode::kNotFound, "ENTRY_NOT_FOUND", "seq",
                   absl::StrCat("account ", account_id, " has no entry ", seq));
}

absl::Status TooMuchUsage(int64_t most) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TOO_MUCH_USAGE", "start_before",
                   absl::StrCat("more than ", most, " entries lie in the range; ask for a part"));
}

absl::Status TooManyGroups(int64_t groups, int64_t most) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TOO_MANY_GROUPS", "group_by",
                   absl::StrCat("there are ", groups, " groups, and ", most,
                                " are answered at the most; ask for a shorter range, or tell "
                                "less apart"));
}

absl::Status SchemaTooOld(int version, int needed) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_OLD", "database",
                   absl::StrCat("the schema is at version ", version, ", this program needs ",
                                needed, "; run: ledger migrate"));
}

absl::Status SchemaDiffers(absl::string_view recorded, absl::string_view ours) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "SCHEMA_DIFFERS", "database",
                   absl::StrCat("the schema was migrated by a program of another branch: by ",
                                recorded, ", where this program has ", ours,
                                "; use that program, or a schema of this one's"));
}

absl::Status LedgersTooOld(int level, int newest, const std::vector<std::string>& ledgers) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "LEDGERS_TOO_OLD", "database",
                   absl::StrCat("the feature level stays ", level, ", as a ledger does not know ",
                                newest, ": ", absl::StrJoin(ledgers, "; ")));
}

absl::Status ArchiveRunning() {
  return MakeError(absl::StatusCode::kAborted, "ARCHIVE_RUNNING", "",
                   "another archive is being made; wait for it");
}

absl::Status UserStillCalls(int64_t calls, int64_t unrated) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "USER_STILL_CALLS", "user",
      absl::StrCat("has ", calls, " calls in progress or without their record, and ", unrated,
                   " usages without a price: wait, or void them; their numbers are "
                   "still needed"));
}

}  // namespace reserve::storage
