// Which caller has which roles, as a file says it.
//
// A line each: the caller's name, as its certificate has it (the first URI among the subject's
// alternative names, else the first DNS name), and after blanks its roles, with blanks or commas
// between them. Lines that are empty or begin with # say nothing.
//
//   # The switches of both sites.
//   spiffe://example.org/switch-1    switch
//   billing.example.org              billing support
//
// Thread-safe: pure functions.
#ifndef RESERVE_COMMON_ACCESS_ROLES_H_
#define RESERVE_COMMON_ACCESS_ROLES_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/access/access_table.h"

namespace reserve {

// What a caller's name may have; one that is longer, or has other than printable ASCII, is none.
inline constexpr size_t kMaxCallerBytes = 128;
bool IsCallerName(absl::string_view name);

using RolesByCaller = absl::flat_hash_map<std::string, Roles>;

// INVALID_ARGUMENT naming the line and what is wrong with it: no name, no role, a role that is
// none, a caller that has a line already; or that there is no caller at all.
absl::StatusOr<RolesByCaller> ParseRoles(absl::string_view text);
// The same of a file. INVALID_ARGUMENT also if it can't be read or is larger than 1 MiB.
absl::StatusOr<RolesByCaller> ReadRoles(const std::string& path);

// "billing, support", in the order of kNamedRoles; "none" for none.
std::string NamesOf(Roles roles);

}  // namespace reserve

#endif  // RESERVE_COMMON_ACCESS_ROLES_H_
