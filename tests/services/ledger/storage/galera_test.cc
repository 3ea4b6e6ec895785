// Two nodes of a Galera cluster as one database: what a read at one shows of what was committed at
// the other. Skipped where there is no Galera.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "services/ledger/storage/server_check.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/galera_cluster.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::storage {
namespace {

using test_support::GaleraCluster;
using test_support::TestDatabase;
using test_support::WaitUntil;

class GaleraTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = GaleraCluster::WhyNot(); !why.empty()) GTEST_SKIP() << why;
    auto cluster = GaleraCluster::Create();
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    database_ = std::make_unique<TestDatabase>(cluster_->node(0));
    database_->Execute("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
  }

  DatabaseOptions OptionsAt(size_t node, int wsrep_sync_wait) {
    DatabaseOptions options = OptionsFor(cluster_->node(node).Url(database_->schema()));
    options.wsrep_sync_wait = wsrep_sync_wait;
    return options;
  }
  // A session at a node, whose reads wait for what others have committed, or not.
  std::unique_ptr<Connection> At(size_t node, int wsrep_sync_wait) {
    return MustConnect(OptionsAt(node, wsrep_sync_wait));
  }
  // -1 if the table is not there yet.
  static int64_t Rows(Connection& connection) {
    int64_t count = -1;
    connection.Query("SELECT COUNT(*) FROM t", [&](const Row& row) { count = row.Int(1); })
        .IgnoreError();
    return count;
  }

  const SqlThread sql_thread_;
  std::unique_ptr<GaleraCluster> cluster_;
  std::unique_ptr<TestDatabase> database_;
};

TEST_F(GaleraTest, AReadThatWaitsShowsWhatAnotherNodeHasCommittedAndOneThatDoesNotMayMissIt) {
  const auto hasty = At(1, 0);
  ASSERT_TRUE(WaitUntil([&] { return Rows(*hasty) == 0; }));
  // Node 1 receives what node 0 commits, and does not apply it.
  auto holdup = At(1, 0);
  ASSERT_TRUE(holdup->Execute("FLUSH TABLES WITH READ LOCK").ok());
  ASSERT_TRUE(At(0, 0)->Execute("INSERT INTO t VALUES (1)").ok());
  EXPECT_EQ(Rows(*hasty), 0);

  std::atomic<int64_t> seen = -1;
  std::thread reader([&] {
    const SqlThread thread;
    seen = Rows(*At(1, 1));
  });
  // It is still waiting when the hasty one has looked again and again.
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Rows(*hasty), 0);
  EXPECT_EQ(seen, -1);
  EXPECT_TRUE(holdup->Execute("UNLOCK TABLES").ok());
  reader.join();
  EXPECT_EQ(seen, 1);
}

TEST_F(GaleraTest, ItIsSeenWhatANodeIsAndWhatItsSessionsWaitFor) {
  const auto connection = At(1, 0);
  const auto as_it_comes = ReadReplication(*connection);
  ASSERT_TRUE(as_it_comes.ok()) << as_it_comes.status();
  EXPECT_TRUE(as_it_comes->galera);
  EXPECT_EQ(as_it_comes->wsrep_sync_wait, 0);
  EXPECT_TRUE(CheckSemiSync(*as_it_comes).ok());
  ASSERT_TRUE(connection->Execute("SET GLOBAL wsrep_sync_wait = 1").ok());
  EXPECT_EQ(ReadReplication(*connection)->wsrep_sync_wait, 1);
}

TEST_F(GaleraTest, TheOtherNodesGoOnWithoutOneThatIsKilled) {
  ASSERT_TRUE(At(0, 0)->Execute("INSERT INTO t VALUES (1)").ok());
  cluster_->node(0).Kill();
  EXPECT_TRUE(WaitUntil([&] {
    const auto session = Connection::Open(OptionsAt(1, 1));
    return session.ok() && (*session)->Execute("REPLACE INTO t VALUES (2)").ok();
  }));
  EXPECT_EQ(Rows(*At(2, 1)), 2);
}

}  // namespace
}  // namespace reserve::storage
