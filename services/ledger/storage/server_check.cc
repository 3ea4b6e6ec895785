#include "services/ledger/storage/server_check.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"

namespace reserve::storage {

absl::Status CheckDurability(Connection& connection) {
  absl::flat_hash_map<std::string, std::string> settings;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', "
      "'innodb_doublewrite', 'log_bin', 'sync_binlog')",
      [&settings](const Row& row) { settings[row.Text(1)] = row.Text(2); }));
  std::vector<std::string> faults;
  const auto require = [&](const std::string& name, const std::string& bad_or_good, bool good) {
    const auto found = settings.find(name);
    if (found == settings.end()) return;  // a server without InnoDB's settings
    if ((found->second == bad_or_good) == good) return;
    faults.push_back(absl::StrCat(name, " is ", found->second, ", must ", good ? "" : "not ", "be ",
                                  bad_or_good));
  };
  require("innodb_flush_log_at_trx_commit", "1", true);
  require("innodb_doublewrite", "OFF", false);
  if (settings["log_bin"] == "ON") require("sync_binlog", "1", true);
  if (faults.empty()) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition, "UNSAFE_DATABASE", "database",
      absl::StrCat("the database server can lose a commit: ", absl::StrJoin(faults, "; "),
                   " (--allow_unsafe_database starts all the same)"));
}

}  // namespace reserve::storage
