#include "services/ledger/storage/server_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "services/ledger/storage/shards.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using Values = absl::flat_hash_map<std::string, std::string>;

bool IsOn(const Values& values, absl::string_view name) {
  const auto found = values.find(name);
  return found != values.end() && absl::EqualsIgnoreCase(found->second, "ON");
}

int64_t Number(const Values& values, absl::string_view name) {
  const auto found = values.find(name);
  int64_t number = 0;
  return found != values.end() && absl::SimpleAtoi(found->second, &number) ? number : 0;
}

// Asks each server of the database; `name` is "" where there is one. One that is away now is asked
// another time.
absl::Status ForEachServer(
    Connection& connection,
    absl::FunctionRef<absl::Status(Connection& server, absl::string_view name)> ask) {
  if (!connection.on_vitess()) return ask(connection, "");
  RESERVE_ASSIGN_OR_RETURN(const std::vector<std::string> schemas, ListServers(connection));
  for (const std::string& schema : schemas) {
    const absl::StatusOr<std::unique_ptr<Connection>> server = connection.OpenAt(schema);
    const absl::Status asked =
        server.ok() ? ask(**server, absl::StrCat(schema, ": ")) : server.status();
    if (ErrorClassOf(asked) != ErrorClass::kShard) RESERVE_RETURN_IF_ERROR(asked);
  }
  return absl::OkStatus();
}

// Adds what can lose a commit at one server.
absl::Status FindFaults(Connection& connection, absl::string_view name,
                        std::vector<std::string>* faults) {
  Values settings;
  const auto keep = [&settings](const Row& row) { settings[row.Text(1)] = row.Text(2); };
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('innodb_flush_log_at_trx_commit', "
      "'innodb_doublewrite', 'innodb_flush_method', 'log_bin', 'sync_binlog')",
      keep));
  // MySQL's redo log is switched off by a statement, not by a variable.
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'", keep));
  // A server that lacks a setting can't have it wrong.
  const auto value_of = [&settings](const std::string& setting) -> const std::string* {
    const auto found = settings.find(setting);
    return found == settings.end() ? nullptr : &found->second;
  };
  const auto require = [&](const std::string& setting, const std::vector<std::string>& good) {
    const std::string* const value = value_of(setting);
    if (value == nullptr || std::find(good.begin(), good.end(), *value) != good.end()) return;
    faults->push_back(
        absl::StrCat(name, setting, " is ", *value, ", must be ", absl::StrJoin(good, " or ")));
  };
  require("innodb_flush_log_at_trx_commit", {"1"});
  // MySQL's DETECT_ONLY can't mend a torn page; MariaDB's "fast" does not flush the files.
  require("innodb_doublewrite", {"ON", "DETECT_AND_RECOVER"});
  if (const std::string* const value = value_of("innodb_flush_method")) {
    for (const absl::string_view bad : {"nosync", "littlesync", "O_DIRECT_NO_FSYNC"}) {
      if (!absl::EqualsIgnoreCase(*value, bad)) continue;
      faults->push_back(
          absl::StrCat(name, "innodb_flush_method is ", *value, ", must not be ", bad));
    }
  }
  require("Innodb_redo_log_enabled", {"ON"});
  if (settings["log_bin"] == "ON") require("sync_binlog", {"1"});
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckDurability(Connection& connection) {
  std::vector<std::string> faults;
  RESERVE_RETURN_IF_ERROR(
      ForEachServer(connection, [&faults](Connection& server, absl::string_view name) {
        return FindFaults(server, name, &faults);
      }));
  if (faults.empty()) return absl::OkStatus();
  return UnsafeDatabase(
      absl::StrCat("the database server can lose a commit: ", absl::StrJoin(faults, "; "),
                   " (--allow_unsafe_database starts all the same)"));
}

absl::Status CheckBinlogFormat(Connection& connection) {
  return ForEachServer(connection, [](Connection& server, absl::string_view name) {
    absl::flat_hash_map<std::string, std::string> settings;
    RESERVE_RETURN_IF_ERROR(
        server.Query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')",
                     [&settings](const Row& row) { settings[row.Text(1)] = row.Text(2); }));
    if (settings["log_bin"] != "ON" || settings["binlog_format"] != "STATEMENT") {
      return absl::OkStatus();
    }
    return DatabaseError(
        ErrorClass::kSettings,
        absl::StrCat(name, "binlog_format must be ROW or MIXED: the server refuses every write"));
  });
}

absl::Status CheckPacketSize(Connection& connection) {
  return ForEachServer(connection, [](Connection& server, absl::string_view name) {
    int64_t bytes = 0;
    RESERVE_RETURN_IF_ERROR(server.Query("SELECT @@GLOBAL.max_allowed_packet",
                                         [&bytes](const Row& row) { bytes = row.Int(1); }));
    if (bytes >= kLeastPacketBytes) return absl::OkStatus();
    return DatabaseError(ErrorClass::kSettings,
                         absl::StrCat(name, "max_allowed_packet is ", bytes, ", must be at least ",
                                      kLeastPacketBytes, ": long statements are refused"));
  });
}

absl::Status CheckLanes(Connection& connection, int lanes) {
  RESERVE_ASSIGN_OR_RETURN(const std::vector<Shard> shards, ListShards(connection));
  return LanesFit(shards, lanes);
}

absl::Status TryToGrow(Connection& connection) {
  constexpr int kRows = 500;
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  SqlText sql("INSERT INTO usage_ids (usage_id,account_id,seq,month) VALUES ");
  // No account has an empty id.
  for (int i = 0; i < kRows; ++i) {
    sql.Row().Text(absl::StrFormat("%064d", i)).Text("").Int(0).Int(0).EndRow();
  }
  const absl::Status grown = connection.Execute(sql.str());
  connection.Rollback();
  return grown;
}

absl::StatusOr<Replication> ReadReplication(Connection& connection) {
  Values values;
  const auto keep = [&values](const Row& row) { values[row.Text(1)] = row.Text(2); };
  // MariaDB and MySQL up to 8.3 say "master", MySQL with its newer plugin says "source".
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('rpl_semi_sync_master_enabled', "
      "'rpl_semi_sync_source_enabled', 'wsrep_on', 'wsrep_sync_wait')",
      keep));
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Rpl_semi_sync_master_status', "
                       "'Rpl_semi_sync_source_status', 'Rpl_semi_sync_master_clients', "
                       "'Rpl_semi_sync_source_clients', 'Slaves_connected', 'wsrep_ready')",
                       keep));
  int64_t dump_threads = 0;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
      [&dump_threads](const Row& row) { dump_threads = row.Int(1); }));
  Replication replication;
  replication.semi_sync_enabled =
      IsOn(values, "rpl_semi_sync_master_enabled") || IsOn(values, "rpl_semi_sync_source_enabled");
  replication.semi_sync_in_force =
      replication.semi_sync_enabled &&
      (IsOn(values, "Rpl_semi_sync_master_status") || IsOn(values, "Rpl_semi_sync_source_status"));
  replication.semi_sync_replicas = std::max(Number(values, "Rpl_semi_sync_master_clients"),
                                            Number(values, "Rpl_semi_sync_source_clients"));
  // Each of the three sees replicas that another does not: see the header.
  replication.replicas =
      std::max({Number(values, "Slaves_connected"), dump_threads, replication.semi_sync_replicas});
  replication.galera = IsOn(values, "wsrep_on") && IsOn(values, "wsrep_ready");
  replication.wsrep_sync_wait = Number(values, "wsrep_sync_wait");
  return replication;
}

absl::Status CheckSemiSync(const Replication& replication) {
  if (replication.galera || replication.semi_sync_in_force) return absl::OkStatus();
  return UnsafeDatabase(
      absl::StrCat("the database server can lose commits in a failover: semi-synchronous "
                   "replication ",
                   replication.semi_sync_enabled ? "has fallen back to asynchronous" : "is off",
                   " (--require_semi_sync=false starts all the same)"));
}

}  // namespace reserve::storage
