#include "services/ledger/cli/show_access.h"

#include <iterator>

#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/access/roles.h"
#include "services/ledger/access/access_table.h"

namespace reserve::cli {
namespace {

// "Support/BlockAccount"
absl::string_view Shown(const MethodAccess& row) {
  return absl::StripPrefix(row.method, "/reserve.ledger.v1.");
}

}  // namespace

void ShowAccess(std::ostream& out) {
  out << absl::StrFormat("%-34s %s\n", "method of reserve.ledger.v1", "roles that may call it");
  for (const MethodAccess& row : access::kAccessTable) {
    out << absl::StrFormat("%-34s %s\n", Shown(row), NamesOf(row.roles));
  }
  out << absl::StrFormat("%-34s %s\n", "health", "every certificate of the authority");
  out << absl::StrFormat("%-34s %s\n", "reflection", "every caller that the roles file names");
}

void ShowAccessOf(absl::string_view caller, Roles roles, std::ostream& out) {
  out << caller << ": " << NamesOf(roles) << "\n";
  size_t may = 0;
  for (const MethodAccess& row : access::kAccessTable) {
    if (!row.roles.Meets(roles)) continue;
    ++may;
    out << "  " << Shown(row) << "\n";
  }
  out << may << " of " << std::size(access::kAccessTable) << " methods, health, and reflection\n";
}

}  // namespace reserve::cli
