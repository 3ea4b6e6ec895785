// Whether the database server can be trusted with money: in a crash, and in a failover.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// FAILED_PRECONDITION "UNSAFE_DATABASE" if a setting of the server can lose a
// commit in a crash; the message names each setting and what it must be. Of Vitess each shard's
// server is asked, but those that are away: they are asked once they are back. So do the next two.
absl::Status CheckDurability(Connection& connection);

// Does the server log what we do in a way in which it can be done? An error of class kSettings
// where binlog_format is STATEMENT, which refuses every write of READ COMMITTED.
absl::Status CheckBinlogFormat(Connection& connection);

// Does the server take statements as long as ours? An error of class kSettings where
// max_allowed_packet is less than kLeastPacketBytes.
absl::Status CheckPacketSize(Connection& connection);
// No statement of this program is longer than a quarter of this.
inline constexpr int64_t kLeastPacketBytes = int64_t{4} << 20;

// Does each of so many equal ranges of the accounts lie in one shard? An error of class kSettings
// that says which border of shards lies within one: batches of that range would be refused.
absl::Status CheckLanes(Connection& connection, int lanes);

// Writes some pages and takes them back: the error of the database if it can't grow, as its disk is
// full. To be asked only after a write was refused; it costs as much as a large batch.
absl::Status TryToGrow(Connection& connection);

// What another server has of each commit by the time at which it is answered.
struct Replication {
  // Replicas that are connected. MariaDB tells anybody; MySQL counts those that are not semi-sync
  // only for a user who has the right PROCESS.
  int64_t replicas = 0;
  // Semi-synchronous replication is asked for: a commit is answered once a replica has it.
  bool semi_sync_enabled = false;
  // And it is so now. False once the server has waited longer than its timeout for a replica: from
  // then on it answers commits that no other server has, and tells nobody, until one is back.
  bool semi_sync_in_force = false;
  // Replicas that take part in it.
  int64_t semi_sync_replicas = 0;
  // A node of a Galera cluster: all nodes have a commit before it is answered.
  bool galera = false;
  // What it has sessions wait for that do not say so themselves (database_url.h); bit 1 is reads.
  int64_t wsrep_sync_wait = 0;

  // What is answered now can be lost in a failover: there are replicas, or there were when
  // semi-sync fell back, and a commit does not wait for them.
  bool CanLoseCommits() const {
    return !galera && !semi_sync_in_force && (replicas > 0 || semi_sync_enabled);
  }
};

// Asks the server, under the names that MariaDB or MySQL has for it. A server without the plugin
// for semi-sync is one where it is off. The status of Connection::Query.
absl::StatusOr<Replication> ReadReplication(Connection& connection);

// FAILED_PRECONDITION "UNSAFE_DATABASE" unless semi-sync is enabled and in force, whether a replica
// is connected or not; the message says which of the two it is. A Galera node passes.
absl::Status CheckSemiSync(const Replication& replication);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_SERVER_CHECK_H_
