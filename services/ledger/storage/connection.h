// One session with MySQL or MariaDB, through Connector/C++.
//
// Every error is a status; no exception leaves this class. The code says what
// the caller may do:
//   ABORTED         the transaction may be tried again (deadlock, lock timeout,
//                   certification failure, killed statement); roll back first
//   ALREADY_EXISTS  a duplicate key; the transaction is still open
//   UNAVAILABLE     the server can't work (it is away, full, or only reads): the connection is
//                   given up, and with it the transaction; if the statement was COMMIT its
//                   outcome is unknown
//   INTERNAL        anything else, which may be about one statement; roll back
// database_error.h says which error is which, and what callers are told of them.
// A connection belongs to one thread, which must hold a SqlThread.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_CONNECTION_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/storage/database_error.h"
#include "services/ledger/storage/database_url.h"

namespace sql {
class Connection;
class ResultSet;
class Statement;
}  // namespace sql

namespace reserve::storage {

// Registers the thread with the client library for as long as it lives.
class SqlThread {
 public:
  SqlThread();
  ~SqlThread();
  SqlThread(const SqlThread&) = delete;
  SqlThread& operator=(const SqlThread&) = delete;
};

// The current row of a result. Columns count from 1. NULL reads as 0, "" or the
// infinite past.
class Row {
 public:
  explicit Row(sql::ResultSet& result) : result_(result) {}
  int64_t Int(int column) const;
  std::string Text(int column) const;
  // Fills `bytes`, as far as the value goes; the rest becomes zeros.
  void Bytes(int column, absl::Span<char> bytes) const;
  absl::Time Time(int column) const;
  bool IsNull(int column) const;

 private:
  sql::ResultSet& result_;
};

class Connection {
 public:
  // Connects and sets READ COMMITTED, strict mode and UTC. UNAVAILABLE if the
  // server can't be reached, PERMISSION_DENIED if it refuses the login,
  // FAILED_PRECONDITION if TLS was asked for and is not in use.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const DatabaseOptions& options);
  // As Open, for work that callers wait for: nothing that can be wrong here is their doing,
  // so every error is UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<Connection>> OpenForCallers(const DatabaseOptions& options);
  ~Connection();

  absl::Status Execute(const std::string& statement);
  // The number of rows that the WHERE clause matched.
  absl::StatusOr<int64_t> Update(const std::string& statement);
  // Calls `on_row` for each row of the result.
  absl::Status Query(const std::string& statement, absl::FunctionRef<void(const Row&)> on_row);

  // START TRANSACTION. After an error, of this or of the two below, no transaction
  // is open: one that was would be committed by the next to begin.
  absl::Status Begin();
  // A transaction that only reads these tables ("a, b"), as they are when it first reads one of
  // them. Until it ends, by EndSnapshot, none of them is altered: rows that ALTER moves to another
  // partition would vanish from an older snapshot, without an error on MySQL. `account_id`: whose
  // rows, where the tables are accounts'; Vitess looks at that account's shard alone. `others`:
  // tables of no account, which are read by Aside().
  absl::Status BeginSnapshot(absl::string_view tables, absl::string_view account_id,
                             absl::string_view others = "");
  // It only lets go of it: nothing was written.
  void EndSnapshot();
  // Only ABORTED and UNAVAILABLE; after either it may have been done all the same.
  absl::Status Commit();
  // What can't be rolled back is left to end with the session, which is dropped.
  void Rollback();

  // From now on `interrupt` is asked before each statement: if it says anything but OK the
  // statement is not sent, and fails with that. The transaction that was open is dropped with the
  // session. Null for no more.
  using Interrupt = std::function<absl::Status()>;
  void InterruptBy(Interrupt interrupt) { interrupt_ = std::move(interrupt); }

  // Is it vtgate that answers? A transaction there is of one shard, and the tables that are of no
  // account are in another (docs/VITESS.md).
  bool on_vitess() const { return on_vitess_; }
  // Where to read what is not of the account that this connection's transaction is about: from the
  // tables of no account, or of all accounts at once. It is this connection; on Vitess another
  // session, in no transaction. It lives as long as this one.
  absl::StatusOr<Connection*> Aside();
  // The same, to lock and write tables of no account along with the transaction: on Vitess in a
  // transaction of its own, which is committed once this one's has been, and rolled back with it. A
  // crash between the two leaves out what is written here.
  absl::StatusOr<Connection*> Along();

  // Another session with the same database, in this schema.
  absl::StatusOr<std::unique_ptr<Connection>> OpenAt(absl::string_view schema) const;

  // False after an error that ended the session: drop it and open another.
  bool alive() const { return alive_; }

 private:
  Connection(std::unique_ptr<sql::Connection> connection, std::unique_ptr<sql::Statement> statement,
             DatabaseOptions options);

  absl::Status Guard(absl::string_view what, absl::FunctionRef<void()> call);
  absl::Status SetUp();
  // Another session of the same, which is kept.
  absl::StatusOr<Connection*> Another(std::unique_ptr<Connection>* kept);

  std::unique_ptr<sql::Connection> connection_;
  std::unique_ptr<sql::Statement> statement_;
  Interrupt interrupt_;
  const DatabaseOptions options_;
  bool on_vitess_ = false;
  bool alive_ = true;
  // On Vitess, once they are asked for.
  std::unique_ptr<Connection> aside_;
  std::unique_ptr<Connection> along_;
  bool along_begun_ = false;
};

// Ends the connections of this process to this database that have this io_timeout_seconds, whatever
// they wait for: their sockets are shut down, and each fails as if the server had gone. Connections
// that are still being made are not among them. May be called from any thread.
//
// The client library does not say which socket is whose, but sets the timeout on it.
void DropConnections(const DatabaseOptions& options);

// Opens the connection where there is none, or none that lives; it is null after an error.
absl::Status EnsureOpen(const DatabaseOptions& options, std::unique_ptr<Connection>* connection);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_CONNECTION_H_
