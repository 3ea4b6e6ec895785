#include "services/ledger/serve/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::serve {

absl::Status TimeZonesMissing(absl::string_view zone) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "TIME_ZONES_MISSING", "",
                   absl::StrCat("this machine does not know the time zone ", zone,
                                ": install their database, Debian's package tzdata"));
}

}  // namespace reserve::serve
