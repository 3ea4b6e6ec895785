// A database of a test's own with the ledger's schema, and connections to it.
//
// With RESERVE_TEST_VITESS_CLUSTER=FOLDER, which `./run vitess --storage` sets, it is that
// cluster's, one for all tests, and holds again what it held after the migration whenever one is
// made.
//
//   MigratedDatabase database;
//   auto connection = database.Connect();
//   ASSERT_TRUE(InsertEntries(*connection, {&entry}).ok());
#ifndef RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_
#define RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "services/ledger/storage/migrator.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/test_database.h"
#include "tests/support/vitess_cluster.h"

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
  MigratedDatabase() : MigratedDatabase(TheCluster()) {}
  explicit MigratedDatabase(const test_support::PrivateDatabaseServer& server) : database_(server) {
    Migrate();
  }

  const test_support::TestDatabase& sql() const { return database_; }
  DatabaseOptions options() const { return OptionsFor(database_.url()); }
  // On Vitess a transaction may write to several shards, as tests write many accounts at once.
  std::unique_ptr<Connection> Connect() const {
    auto connection = MustConnect(options());
    if (cluster_ == nullptr) return connection;
    const absl::Status allowed = connection->Execute("SET transaction_mode = 'multi'");
    EXPECT_TRUE(allowed.ok()) << allowed;
    return connection;
  }

 private:
  using Cluster = std::unique_ptr<test_support::VitessCluster>;

  explicit MigratedDatabase(Cluster cluster)
      : cluster_(std::move(cluster)), database_(MakeDatabase(cluster_)) {
    cluster_ == nullptr ? Migrate() : Renew();
  }
  // Null without one.
  static Cluster TheCluster() {
    const char* const folder = std::getenv("RESERVE_TEST_VITESS_CLUSTER");
    if (folder == nullptr || *folder == '\0') return nullptr;
    absl::StatusOr<Cluster> cluster = test_support::VitessCluster::In(folder);
    if (cluster.ok()) return *std::move(cluster);
    ADD_FAILURE() << "RESERVE_TEST_VITESS_CLUSTER: " << cluster.status();
    std::abort();
  }
  static test_support::TestDatabase MakeDatabase(const Cluster& cluster) {
    if (cluster == nullptr) return test_support::TestDatabase();
    return test_support::TestDatabase(cluster->Address("catalog"));
  }
  void Renew() {
    absl::Status renewed = storage::Migrate(OptionsFor(cluster_->Address("reserve").ToUrl()),
                                            TestNow(), [](const std::string&) {});
    if (renewed.ok()) renewed = cluster_->KeepRows();
    if (renewed.ok()) renewed = cluster_->BringBackRows();
    EXPECT_TRUE(renewed.ok()) << renewed;
  }
  void Migrate() {
    const absl::Status migrated = storage::Migrate(options(), TestNow(), [](const std::string&) {});
    EXPECT_TRUE(migrated.ok()) << migrated;
  }

  const SqlThread sql_thread_;
  const Cluster cluster_;
  test_support::TestDatabase database_;
};

}  // namespace reserve::storage

#endif  // RESERVE_TESTS_SERVICES_LEDGER_STORAGE_MIGRATED_DATABASE_H_
