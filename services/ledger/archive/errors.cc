#include "services/ledger/archive/errors.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve::archive {

absl::Status MonthTooYoung(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "MONTH_TOO_YOUNG", "month", why);
}

absl::Status MonthStillOpen(const std::vector<std::string>& lines) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "MONTH_STILL_OPEN", "month",
      absl::StrCat("is not over for all; nothing was archived: ", absl::StrJoin(lines, "; ")));
}

absl::Status MonthOutOfTurn(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "MONTH_OUT_OF_TURN", "month", why);
}

absl::Status AccountNotArchived(absl::string_view account_id, absl::string_view difference) {
  return MakeError(absl::StatusCode::kDataLoss, "ACCOUNT_NOT_ARCHIVED", "",
                   absl::StrCat("account ", account_id, " does not add up (", difference,
                                "); nothing is dropped before it does, see what verify says"));
}

absl::Status ArchiveDamaged(absl::string_view why) {
  return MakeError(absl::StatusCode::kDataLoss, "ARCHIVE_DAMAGED", "", why);
}

absl::Status ClocksDiffer(absl::Time own, absl::Time database) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "CLOCKS_DIFFER", "",
                   absl::StrCat("the clock of this machine says ", FormatRfc3339(own),
                                ", the database's ", FormatRfc3339(database),
                                "; set right what is wrong, as what is archived by a "
                                "clock that is ahead stays so"));
}

absl::Status ArchiveOnVitess() {
  return MakeError(absl::StatusCode::kFailedPrecondition, "ARCHIVE_ON_VITESS", "",
                   "months are not archived on Vitess: there is no one moment at which all shards "
                   "stop booking into one; split the shards instead");
}

absl::Status FileTrouble(absl::string_view path, absl::string_view what, int error) {
  return MakeError(absl::StatusCode::kUnavailable, "ARCHIVE_FILE", "to",
                   absl::StrCat(path, " can't be ", what, ": ", std::strerror(error)));
}

}  // namespace reserve::archive
