// The commands of `ledger` besides `serve`, with their flags.
//
// Each blocks, writes what it has to say to standard output, and returns INVALID_ARGUMENT for a
// command line that has no sense, or what went wrong.
#ifndef RESERVE_SERVICES_LEDGER_CLI_COMMANDS_H_
#define RESERVE_SERVICES_LEDGER_CLI_COMMANDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace reserve::cli {

// Brings the schema of --database up to date; with --grant gives --grantee its rights, with
// --finish raises the feature level.
absl::Status RunMigrate();
// Erases the telephone numbers of a user (storage/forget.h), as --database's user, and says how
// many. `names`: the account and the user.
absl::Status RunForget(const std::vector<std::string>& names);

// Prints the GRANT statements that --grantee needs to serve.
absl::Status PrintGrants();

// Prints the amounts of each currency that `serve` would go by, as a --currency_settings_file.
absl::Status PrintSettings();

// The help of import-rates, with the columns of its files.
std::string ImportRatesUsage();
// Imports the one file, or with --starter none, into the running ledger, and activates it.
absl::Status RunImportRates(const std::vector<std::string>& files);

// Lists the decks of the running ledger.
absl::Status RunRateDecks();
// Says what would change with the deck of the first version: from the one in force, or the second.
absl::Status RunCompareRates(std::vector<std::string> versions);
// Writes the deck of the one version to standard output, as import-rates reads it.
absl::Status RunExportRates(const std::vector<std::string>& versions);
// Has it activate, or retire, the deck of the one version.
absl::Status RunActivateRates(const std::vector<std::string>& versions);
absl::Status RunRetireRates(const std::vector<std::string>& versions);

// Writes the statement of --account for --month to standard output, in --format.
absl::Status RunReport();
// Writes what of --account, or of all accounts, to standard output as CSV: usage, entries or
// recharges.
absl::Status RunExport(const std::vector<std::string>& what);

// Looks whether the running ledger is fit for use, and with --recharge charges a card of the stub.
absl::Status RunCheck();

// Prints who may call what; with --caller what that one may, by --roles_file. NOT_FOUND if the file
// does not name it.
absl::Status PrintAccess();

// Shows how the running ledger is. FAILED_PRECONDITION if it does not serve.
absl::Status RunStatus();

// Has the running ledger recompute everything. DATA_LOSS if something does not add up.
absl::Status RunVerify();

// Asks the running ledger for the entries that the one file names; "-" is standard input. DATA_LOSS
// if some are lost or replaced.
absl::Status RunCheckHeads(const std::vector<std::string>& files);

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_COMMANDS_H_
