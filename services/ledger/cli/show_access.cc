#include "services/ledger/cli/show_access.h"

#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/access/roles.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/cli/json_text.h"

namespace reserve::cli {
namespace {

// "Support/BlockAccount"
absl::string_view Shown(const MethodAccess& row) {
  return absl::StripPrefix(row.method, "/reserve.ledger.v1.");
}

// "{"method":"Support/BlockAccount","roles":["support"]}" of each, in brackets.
std::string JsonOfRows(std::optional<Roles> of) {
  std::vector<std::string> rows;
  for (const MethodAccess& row : access::kAccessTable) {
    if (of.has_value() && !row.roles.Meets(*of)) continue;
    std::vector<std::string> roles;
    for (const NamedRole& named : kNamedRoles) {
      if (row.roles.Has(named.role)) roles.push_back(JsonOf(named.name));
    }
    rows.push_back(absl::StrCat("{\"method\":", JsonOf(Shown(row)), ",\"roles\":[",
                                absl::StrJoin(roles, ","), "]}"));
  }
  return absl::StrCat("[", absl::StrJoin(rows, ","), "]");
}

}  // namespace

void ShowAccess(bool json, std::ostream& out) {
  if (json) {
    out << "{\"methods\":" << JsonOfRows(std::nullopt) << "}\n";
    return;
  }
  out << absl::StrFormat("%-34s %s\n", "method of reserve.ledger.v1", "roles that may call it");
  for (const MethodAccess& row : access::kAccessTable) {
    out << absl::StrFormat("%-34s %s\n", Shown(row), NamesOf(row.roles));
  }
  out << absl::StrFormat("%-34s %s\n", "health", "every certificate of the authority");
  out << absl::StrFormat("%-34s %s\n", "reflection", "every caller that the roles file names");
}

void ShowAccessOf(absl::string_view caller, Roles roles, bool json, std::ostream& out) {
  if (json) {
    out << "{\"caller\":" << JsonOf(caller) << ",\"methods\":" << JsonOfRows(roles) << "}\n";
    return;
  }
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
