#include "services/ledger/storage/server_check.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/replicated_servers.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::storage {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::ReplicatedServers;
using test_support::TestDatabase;
using test_support::WaitUntil;

absl::Status CheckServerWith(std::vector<std::string> extra_args) {
  const SqlThread sql_thread;
  auto server = PrivateDatabaseServer::Create({.extra_args = std::move(extra_args)});
  EXPECT_TRUE(server.ok()) << server.status();
  const TestDatabase database(**server);
  const auto connection = MustConnect(OptionsFor(database.url()));
  return CheckDurability(*connection);
}

TEST(ServerCheckTest, AcceptsAServerThatFlushesEveryCommit) {
  const absl::Status status = CheckServerWith({});
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ServerCheckTest, RefusesAServerThatFlushesOnceASecond) {
  const absl::Status status = CheckServerWith({"--innodb-flush-log-at-trx-commit=2"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "UNSAFE_DATABASE");
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("innodb_flush_log_at_trx_commit is 2, must be 1"));
}

TEST(ServerCheckTest, RefusesAServerWithoutDoublewrite) {
  const absl::Status status = CheckServerWith({"--innodb-doublewrite=0"});
  EXPECT_EQ(ReasonOf(status), "UNSAFE_DATABASE");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("innodb_doublewrite"));
}

TEST(ServerCheckTest, RefusesAServerThatDoesNotFlushItsFiles) {
  const absl::Status status = CheckServerWith({"--innodb-flush-method=O_DIRECT_NO_FSYNC"});
  EXPECT_EQ(ReasonOf(status), "UNSAFE_DATABASE");
}

TEST(ServerCheckTest, AServerThatTakesNoLongStatementsIsSeen) {
  const SqlThread sql_thread;
  auto server = PrivateDatabaseServer::Create({.extra_args = {"--max-allowed-packet=1M"}});
  ASSERT_TRUE(server.ok()) << server.status();
  const TestDatabase database(**server);
  const auto connection = MustConnect(OptionsFor(database.url()));
  const absl::Status status = CheckPacketSize(*connection);
  EXPECT_EQ(ErrorClassOf(status), ErrorClass::kSettings) << status;
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("max_allowed_packet is 1048576, must be at least 4194304"));
  database.Execute("SET GLOBAL max_allowed_packet = 4194304");
  EXPECT_TRUE(CheckPacketSize(*connection).ok());
}

TEST(ServerCheckTest, RefusesWhatOnlyOneKindOfServerHas) {
  const SqlThread sql_thread;
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  const TestDatabase database(**server);
  const auto connection = MustConnect(OptionsFor(database.url()));
  const auto expect_refused = [&](absl::string_view setting, absl::string_view why) {
    // Of the server that is here some are unknown.
    if (!database.TryExecute(setting).ok()) return;
    const absl::Status status = CheckDurability(*connection);
    EXPECT_EQ(ReasonOf(status), "UNSAFE_DATABASE") << setting;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(std::string(why)));
  };
  // MariaDB 11 and later.
  expect_refused("SET GLOBAL innodb_doublewrite = fast", "innodb_doublewrite is fast");
  // MySQL: a page torn by a crash would be noticed, and be lost.
  expect_refused("SET GLOBAL innodb_doublewrite = DETECT_ONLY",
                 "innodb_doublewrite is DETECT_ONLY");
  expect_refused("ALTER INSTANCE DISABLE INNODB REDO_LOG", "Innodb_redo_log_enabled is OFF");
}

TEST(ServerCheckTest, RefusesABinaryLogThatIsNotSynced) {
  const absl::Status status = CheckServerWith({"--log-bin=binlog", "--sync-binlog=0"});
  EXPECT_EQ(ReasonOf(status), "UNSAFE_DATABASE");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("sync_binlog is 0, must be 1"));
}

// --- Replication --------------------------------------------------------------------

class ReplicationTest : public ::testing::Test {
 protected:
  void Start(ReplicatedServers::Mode mode) {
    if (!ReplicatedServers::Available()) GTEST_SKIP() << "only MariaDB is set up as a replica here";
    auto servers = ReplicatedServers::Create(mode);
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    database_.emplace(servers_->primary());
    database_->Execute("CREATE TABLE facts (id INT PRIMARY KEY) ENGINE=InnoDB");
    // The ledger's own user has no right that concerns the server.
    database_->Execute("CREATE USER 'plain'@'localhost' IDENTIFIED BY 'plain'");
    database_->Execute(
        absl::StrCat("GRANT SELECT ON ", database_->schema(), ".* TO 'plain'@'localhost'"));
    connection_ = MustConnect(OptionsFor(database_->UrlAs("plain", "plain")));
  }

  Replication Read() {
    const absl::StatusOr<Replication> replication = ReadReplication(*connection_);
    EXPECT_TRUE(replication.ok()) << replication.status();
    return replication.value_or(Replication());
  }
  void Commit() { database_->Execute(absl::StrCat("INSERT INTO facts VALUES (", ++facts_, ")")); }

  const SqlThread sql_thread_;
  std::unique_ptr<ReplicatedServers> servers_;
  std::optional<TestDatabase> database_;
  std::unique_ptr<Connection> connection_;
  int facts_ = 0;
};

TEST_F(ReplicationTest, AServerByItselfHasNothingToFailOverTo) {
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  const TestDatabase database(**server);
  connection_ = MustConnect(OptionsFor(database.url()));
  const Replication replication = Read();
  EXPECT_EQ(replication.replicas, 0);
  EXPECT_FALSE(replication.semi_sync_enabled);
  EXPECT_FALSE(replication.galera);
  EXPECT_FALSE(replication.CanLoseCommits());
  const absl::Status required = CheckSemiSync(replication);
  EXPECT_EQ(ReasonOf(required), "UNSAFE_DATABASE");
  EXPECT_THAT(std::string(required.message()), testing::HasSubstr("is off"));
}

TEST_F(ReplicationTest, AnAsynchronousReplicaIsSeenAndCanMissCommits) {
  ASSERT_NO_FATAL_FAILURE(Start(ReplicatedServers::Mode::kAsynchronous));
  if (IsSkipped()) return;
  EXPECT_TRUE(WaitUntil([&] { return Read().replicas == 1; }));
  EXPECT_FALSE(Read().semi_sync_enabled);
  EXPECT_TRUE(Read().CanLoseCommits());
  EXPECT_EQ(ReasonOf(CheckSemiSync(Read())), "UNSAFE_DATABASE");
}

TEST_F(ReplicationTest, SemiSyncIsInForceUntilItFallsBackAndAgainOnceTheReplicaIsBack) {
  ASSERT_NO_FATAL_FAILURE(Start(ReplicatedServers::Mode::kSemiSync));
  if (IsSkipped()) return;
  EXPECT_TRUE(WaitUntil([&] { return Read().semi_sync_replicas == 1; }));
  Commit();
  EXPECT_TRUE(Read().semi_sync_enabled);
  EXPECT_TRUE(Read().semi_sync_in_force);
  EXPECT_FALSE(Read().CanLoseCommits());
  EXPECT_TRUE(CheckSemiSync(Read()).ok());

  servers_->replica().Kill();
  Commit();  // Answered after the server's timeout, without an error: on no other server.
  EXPECT_TRUE(Read().semi_sync_enabled);
  EXPECT_FALSE(Read().semi_sync_in_force);
  EXPECT_TRUE(Read().CanLoseCommits());
  const absl::Status fallen_back = CheckSemiSync(Read());
  EXPECT_EQ(fallen_back.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(fallen_back), "UNSAFE_DATABASE");
  EXPECT_THAT(std::string(fallen_back.message()), testing::HasSubstr("has fallen back"));

  ASSERT_TRUE(servers_->replica().Start().ok());
  EXPECT_TRUE(WaitUntil([&] { return Read().semi_sync_in_force; }));
  EXPECT_TRUE(CheckSemiSync(Read()).ok());
}

TEST(CheckSemiSyncTest, AGaleraNodePasses) {
  const Replication node{.galera = true};
  EXPECT_TRUE(CheckSemiSync(node).ok());
  EXPECT_FALSE(node.CanLoseCommits());
}

}  // namespace
}  // namespace reserve::storage
