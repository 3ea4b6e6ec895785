#include "services/ledger/cli/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::cli {

absl::Status CheckFailed(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "CHECK_FAILED", "", why);
}

absl::Status DifferencesFound(int64_t differences) {
  return MakeError(absl::StatusCode::kDataLoss, "DIFFERENCES_FOUND", "",
                   absl::StrCat(differences, " differences were found"));
}

absl::Status EntriesLost(int64_t entries) {
  return MakeError(absl::StatusCode::kDataLoss, "ENTRIES_LOST", "",
                   absl::StrCat(entries, " acknowledged entries are lost"));
}

absl::Status CallerNotNamed(absl::string_view caller) {
  return MakeError(absl::StatusCode::kNotFound, "CALLER_NOT_NAMED", "",
                   absl::StrCat("the roles file does not name \"", caller,
                                "\": it may call nothing but health"));
}

}  // namespace reserve::cli
