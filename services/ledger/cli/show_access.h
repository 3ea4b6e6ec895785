// `ledger access`: shows who may call what.
#ifndef RESERVE_SERVICES_LEDGER_CLI_SHOW_ACCESS_H_
#define RESERVE_SERVICES_LEDGER_CLI_SHOW_ACCESS_H_

#include <ostream>

#include "absl/strings/string_view.h"
#include "common/access/access_table.h"

namespace reserve::cli {

// The table: a line for each method of the ledger, with the roles that may call it.
void ShowAccess(bool json, std::ostream& out);

// What a caller with these roles may do: a line for each method that it may call, and how many
// there are. What it may not is not shown.
void ShowAccessOf(absl::string_view caller, Roles roles, bool json, std::ostream& out);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_SHOW_ACCESS_H_
