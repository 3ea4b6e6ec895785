#include "common/rpc/errors.h"

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve {

absl::Status CallerUnnamed() {
  return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_UNNAMED", "",
                   "the client's certificate has no URI and no DNS name that names the caller");
}

absl::Status CallerMayNot(absl::string_view method, absl::string_view to_whom,
                          const std::string& caller, absl::string_view has) {
  const absl::Status status =
      MakeError(absl::StatusCode::kPermissionDenied, "CALLER_MAY_NOT", "",
                absl::StrCat(method, " is for ", to_whom, "; ", caller, " ", has));
  return WithMetadata(WithMetadata(status, "method", method), "caller", caller);
}

}  // namespace reserve
