// An empty schema for one test, on MariaDB or MySQL, dropped with the object.
//
// With RESERVE_TEST_DATABASE=mysql://user:password@host:port the schema is made on that server
// (its user must be allowed to create and drop databases); otherwise on one private server that
// all tests of the program share. A test that stops its server makes a PrivateDatabaseServer
// and passes it in. Each call uses a connection of its own, so it also works after a restart.
// Thread-safe after construction. The constructors end the program with a clear message if
// there is no database.
//
//   TestDatabase database;
//   database.Execute("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
//   EXPECT_EQ(database.QueryInt("SELECT COUNT(*) FROM t"), 0);
//   Connect(database.url());
#ifndef RESERVE_TESTS_SUPPORT_TEST_DATABASE_H_
#define RESERVE_TESTS_SUPPORT_TEST_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/mariadb_server.h"

namespace sql {
class Connection;
}  // namespace sql

namespace reserve::test_support {

// How to reach a server: mysql://USER[:PASSWORD]@HOST[:PORT][/SCHEMA][?socket=PATH]. All parts
// are percent-encoded in the text and plain here.
struct DatabaseAddress {
  std::string user;
  std::string password;
  std::string host = "localhost";
  int port = 3306;
  std::string socket;  // If set, host and port play no part.
  std::string schema;

  // INVALID_ARGUMENT if it is not such a text.
  static absl::StatusOr<DatabaseAddress> Parse(absl::string_view url);
  std::string ToUrl() const;
};

class TestDatabase {
 public:
  using Row = std::vector<std::string>;

  // On the server of RESERVE_TEST_DATABASE, or else on the shared private one.
  TestDatabase();
  // On this server, which must outlive the object.
  explicit TestDatabase(const PrivateDatabaseServer& server);
  // A schema that is there, on a server that has taken over from another; it is not dropped.
  TestDatabase(const PrivateDatabaseServer& server, std::string schema);
  // The same, wherever it is.
  explicit TestDatabase(DatabaseAddress address) : address_(std::move(address)), owned_(false) {}
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;
  ~TestDatabase();

  // mysql://USER:PASSWORD@HOST:PORT/SCHEMA, or mysql://USER@localhost/SCHEMA?socket=PATH: the
  // form that our binaries take, for the user that may do all.
  std::string url() const { return address_.ToUrl(); }
  // The same for another user of this server.
  std::string UrlAs(absl::string_view user, absl::string_view password) const;
  const std::string& schema() const { return address_.schema; }
  const DatabaseAddress& address() const { return address_; }

  // Runs one statement in the schema; an error is a failure of the test.
  void Execute(absl::string_view sql) const;
  // Runs one statement; UNKNOWN with the server's number and text if it refuses.
  absl::Status TryExecute(absl::string_view sql) const;
  // All rows as text, NULL as "NULL"; an error is a failure of the test, and no rows.
  std::vector<Row> Query(absl::string_view sql) const;
  // As Query, with the error in the result.
  absl::StatusOr<std::vector<Row>> TryQuery(absl::string_view sql) const;
  // The first column of the only row; anything else is a failure of the test, and -1 or "".
  int64_t QueryInt(absl::string_view sql) const;
  std::string QueryText(absl::string_view sql) const;

 private:
  void CreateSchema();

  DatabaseAddress address_;
  bool owned_ = true;
};

// Keeps everybody else from a table, from reading it too, for as long as it lives. An error is a
// failure of the test.
//
//   auto held = std::make_unique<TableLock>(database, "entries");
class TableLock {
 public:
  TableLock(const TestDatabase& database, absl::string_view table);
  ~TableLock();
  TableLock(const TableLock&) = delete;
  TableLock& operator=(const TableLock&) = delete;

 private:
  std::unique_ptr<sql::Connection> connection_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_TEST_DATABASE_H_
