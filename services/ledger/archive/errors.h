// The errors of this module, each made here. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_ARCHIVE_ERRORS_H_
#define RESERVE_SERVICES_LEDGER_ARCHIVE_ERRORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve::archive {

// FAILED_PRECONDITION "MONTH_TOO_YOUNG" on "month": usage of it may still be booked; `why`.
absl::Status MonthTooYoung(absl::string_view why);
// FAILED_PRECONDITION "MONTH_STILL_OPEN" on "month": what of it may still change, a line each.
absl::Status MonthStillOpen(const std::vector<std::string>& lines);
// FAILED_PRECONDITION "MONTH_OUT_OF_TURN" on "month": another has to come before, or it lies before
// what is archived, or the table can't be cut at its end.
absl::Status MonthOutOfTurn(absl::string_view why);
// DATA_LOSS "ACCOUNT_NOT_ARCHIVED": what is stored of the account does not add up, as verify says.
absl::Status AccountNotArchived(absl::string_view account_id, absl::string_view difference);
// DATA_LOSS "ARCHIVE_DAMAGED": a file, or what is stored, is not what was recorded of the archive.
absl::Status ArchiveDamaged(absl::string_view why);
// FAILED_PRECONDITION "CLOCKS_DIFFER": this machine's clock is not the database's.
absl::Status ClocksDiffer(absl::Time own, absl::Time database);
// FAILED_PRECONDITION "ARCHIVE_ON_VITESS": months are not archived there.
absl::Status ArchiveOnVitess();
// UNAVAILABLE "ARCHIVE_FILE" on "to": it can't be written or read, with what the system says.
absl::Status FileTrouble(absl::string_view path, absl::string_view what, int error);

}  // namespace reserve::archive

#endif  // RESERVE_SERVICES_LEDGER_ARCHIVE_ERRORS_H_
