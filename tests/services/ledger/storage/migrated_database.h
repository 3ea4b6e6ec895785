// A database of a test's own with the ledger's schema, and connections to it.
//
//   MigratedDatabase database;
//   auto connection = database.Connect();
//   ASSERT_TRUE(InsertEntries(*connection, {&entry}).ok());
#ifndef RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_
#define RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "services/ledger/storage/migrator.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/test_database.h"

namespace reserve::storage {

// 2026-11-23 04:05:06.000007 UTC: when these tests take place.
inline absl::Time TestNow() { return absl::FromUnixMicros(1'795'406'706'000'007); }

inline DatabaseOptions OptionsFor(const std::string& url) {
  absl::StatusOr<DatabaseOptions> options = ParseDatabaseUrl(url);
  EXPECT_TRUE(options.ok()) << options.status();
  return *options;
}

// Ends the test program if there is no connection: nothing makes sense then.
inline std::unique_ptr<Connection> MustConnect(const DatabaseOptions& options) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(options);
  if (!connection.ok()) {
    ADD_FAILURE() << connection.status();
    std::abort();
  }
  return *std::move(connection);
}

class MigratedDatabase {
 public:
  MigratedDatabase() { Migrate(); }
  explicit MigratedDatabase(const test_support::PrivateDatabaseServer& server) : database_(server) {
    Migrate();
  }

  const test_support::TestDatabase& sql() const { return database_; }
  DatabaseOptions options() const { return OptionsFor(database_.url()); }
  std::unique_ptr<Connection> Connect() const { return MustConnect(options()); }

 private:
  void Migrate() {
    const absl::Status migrated = storage::Migrate(options(), TestNow(), [](const std::string&) {});
    EXPECT_TRUE(migrated.ok()) << migrated;
  }

  const SqlThread sql_thread_;
  test_support::TestDatabase database_;
};

}  // namespace reserve::storage

#endif  // RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_
