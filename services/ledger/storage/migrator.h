// The schema: numbered SQL files, built into the binary, applied in order.
//
// Expand first, contract later: `oldest-code` in a file's first line names the
// oldest schema version whose code still works after it, so that replicas of the
// previous release keep serving while a new one is rolled out.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_MIGRATOR_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_MIGRATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"

namespace reserve::storage {

struct Migration {
  int version;
  std::string name;
  std::string sql;
};

// By version, from 1.
const std::vector<Migration>& BuiltInMigrations();

// Brings the schema up to date, and makes the months' partitions up to three
// months after `now`. Safe to run again, and from several places at once: one
// works while the others wait. `progress` gets a line for each step.
// FAILED_PRECONDITION "SCHEMA_DIFFERS", and nothing is changed, if a migration is recorded under a
// number that is another one's here.
absl::Status Migrate(const DatabaseOptions& options, absl::Time now,
                     const std::function<void(const std::string&)>& progress);

// Ends an upgrade, once all ledgers that serve are new: raises the feature level
// (feature_level.h). Before it, programs of the version before may come back; after it they are
// told SCHEMA_TOO_NEW.
absl::Status Finish(const DatabaseOptions& options, bool silent_are_gone,
                    const std::function<void(const std::string&)>& progress);

// Gives `user` ('name'@'host', as in SQL) the rights of GrantsFor, as the connecting user, who must
// have them itself with GRANT OPTION. The error of the database, if not.
absl::Status GrantRights(const DatabaseOptions& options, const std::string& user,
                         const std::function<void(const std::string&)>& progress);

// Waits until the database answers, for `patience` at the most: the error of the last try then.
absl::Status AwaitDatabase(const DatabaseOptions& options, absl::Duration patience,
                           const std::function<void(const std::string&)>& progress);

// A connection for changes of tables: each waits for a lock for a second, and comes again.
absl::StatusOr<std::unique_ptr<Connection>> OpenToChange(const DatabaseOptions& options);

// What archiving needs of the tables (archive_rows.h).
//
// The lock that lets one archive at a time, in a transaction that stays open: it ends with the
// session. ABORTED "ARCHIVE_RUNNING" if another has it.
absl::Status TakeArchiveLock(Connection& connection, absl::Time now);
// An error if the lock was lost with its session.
absl::Status KeepArchiveLock(Connection& connection);
// Waits until every transaction has ended that may have read of the archives before the month was
// sealed. On a connection for changes, as the next but one.
absl::Status AwaitWhoBooks(Connection& connection, int32_t month,
                           const std::function<void(const std::string&)>& progress);
// The months at whose ends the table of entries can be cut, in order.
absl::StatusOr<std::vector<int32_t>> EntryMonths(Connection& connection);
// Takes the entries of these months, and of all before, out of the table of entries.
absl::Status DropEntryMonths(Connection& connection, int32_t upto,
                             const std::function<void(const std::string&)>& progress);

// FAILED_PRECONDITION "SCHEMA_TOO_OLD", "SCHEMA_TOO_NEW" or "SCHEMA_DIFFERS" if this program can't
// work on the schema as it is; UNAVAILABLE if that can't be found out.
absl::Status CheckSchema(Connection& connection);

// Has our user every right of GrantsFor, and does the server take writes? Nothing is written: the
// statements are explained, which needs the rights of doing them. The error of the database, if
// not.
absl::Status CheckRights(Connection& connection);

// The GRANT statements for the program's own database user, who needs no DDL, no
// DELETE, and no UPDATE on what is immutable. `user` as in SQL: 'name'@'host'.
std::vector<std::string> GrantsFor(const std::string& schema, const std::string& user);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_MIGRATOR_H_
