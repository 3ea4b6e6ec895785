// What a caller is told at the door, each made here. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_RPC_ERRORS_H_
#define RESERVE_COMMON_RPC_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve {

// UNAUTHENTICATED "CALLER_UNNAMED": the client's certificate says no name.
absl::Status CallerUnnamed();
// PERMISSION_DENIED "CALLER_MAY_NOT", with the method and the caller: `to_whom` is who may, `has`
// what the caller is ("has the roles switch", "is not known").
absl::Status CallerMayNot(absl::string_view method, absl::string_view to_whom,
                          const std::string& caller, absl::string_view has);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_ERRORS_H_
