#include "services/ledger/storage/connection.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/sql_text.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::storage {
namespace {

using test_support::TestDatabase;
using test_support::WaitUntil;

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    database_.Execute(
        "CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(600) NOT NULL) "
        "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4");
    database_.Execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
  }
  DatabaseOptions options() { return OptionsFor(database_.url()); }
  std::unique_ptr<Connection> Connect() { return MustConnect(options()); }
  static int64_t IdOf(Connection& connection) {
    int64_t id = 0;
    EXPECT_TRUE(
        connection.Query("SELECT CONNECTION_ID()", [&id](const Row& row) { id = row.Int(1); })
            .ok());
    return id;
  }
  static std::string Ask(Connection& connection, const std::string& sql) {
    std::string answer;
    const absl::Status status =
        connection.Query(sql, [&answer](const Row& row) { answer = row.Text(1); });
    EXPECT_TRUE(status.ok()) << status;
    return answer;
  }

  const SqlThread sql_thread_;
  TestDatabase database_;
};

TEST_F(ConnectionTest, ReadsWaitForGaleraWhereTheAddressSaysSo) {
  const std::string asked = "SELECT @@SESSION.wsrep_sync_wait";
  if (!database_.TryQuery(asked).ok()) GTEST_SKIP() << "this server knows nothing of Galera";
  EXPECT_EQ(Ask(*Connect(), asked), "0");
  DatabaseOptions waiting = options();
  waiting.wsrep_sync_wait = 1;
  EXPECT_EQ(Ask(*MustConnect(waiting), asked), "1");
}

TEST_F(ConnectionTest, SetsUpTheSession) {
  const auto connection = Connect();
  std::string isolation;
  ASSERT_TRUE(connection
                  ->Query("SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', "
                          "'transaction_isolation')",
                          [&](const Row& row) { isolation = row.Text(2); })
                  .ok());
  EXPECT_EQ(isolation, "READ-COMMITTED");
  EXPECT_EQ(Ask(*connection, "SELECT @@time_zone"), "+00:00");
  EXPECT_EQ(Ask(*connection, "SELECT @@character_set_client"), "utf8mb4");
  EXPECT_THAT(Ask(*connection, "SELECT @@sql_mode"), testing::HasSubstr("STRICT_ALL_TABLES"));
  // What does not fit is refused, never cut.
  EXPECT_EQ(connection->Execute("INSERT INTO t VALUES (99999999999, '')").code(),
            absl::StatusCode::kInternal);
}

TEST_F(ConnectionTest, ASnapshotDoesNotSeeWhatIsCommittedLaterAndDoesNotWrite) {
  const auto reader = Connect();
  const auto writer = Connect();
  ASSERT_TRUE(reader->BeginSnapshot("t", "").ok());
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "2");
  ASSERT_TRUE(writer->Execute("INSERT INTO t VALUES (3, '')").ok());
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "2");
  EXPECT_FALSE(reader->Execute("INSERT INTO t VALUES (4, '')").ok());
  reader->Rollback();
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "3");
  // The isolation was for one transaction only.
  ASSERT_TRUE(reader->Begin().ok());
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "3");
  ASSERT_TRUE(writer->Execute("INSERT INTO t VALUES (5, '')").ok());
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "4");
}

TEST_F(ConnectionTest, ASnapshotKeepsItsTablesFromBeingAltered) {
  database_.Execute("CREATE TABLE other (id INT PRIMARY KEY) ENGINE=InnoDB");
  const auto reader = Connect();
  const auto migration = Connect();
  ASSERT_TRUE(migration->Execute("SET SESSION lock_wait_timeout = 1").ok());
  ASSERT_TRUE(reader->BeginSnapshot("t, other", "").ok());
  for (const char* alter :
       {"ALTER TABLE t ADD COLUMN c INT", "ALTER TABLE other ADD COLUMN c INT"}) {
    EXPECT_EQ(migration->Execute(alter).code(), absl::StatusCode::kAborted);
  }
  EXPECT_EQ(Ask(*reader, "SELECT COUNT(*) FROM t"), "2");
  reader->Rollback();
  EXPECT_TRUE(migration->Execute("ALTER TABLE t ADD COLUMN c INT").ok());
}

TEST_F(ConnectionTest, NoSessionWaitsForALockForGood) {
  for (const int io_timeout : {2, 4, 30}) {
    DatabaseOptions options = this->options();
    options.io_timeout_seconds = io_timeout;
    const auto connection = MustConnect(options);
    for (const char* setting : {"@@innodb_lock_wait_timeout", "@@lock_wait_timeout"}) {
      EXPECT_EQ(Ask(*connection, absl::StrCat("SELECT ", setting, " <= 5")), "1")
          << setting << " with " << io_timeout;
    }
  }
}

TEST_F(ConnectionTest, ConnectionsAreDroppedByTheirTimeoutWhateverTheyWaitFor) {
  DatabaseOptions bulk = options();
  bulk.io_timeout_seconds = 29;
  const auto other = Connect();
  std::atomic<bool> connected = false;
  absl::Status status;
  std::thread waiter([&] {
    const SqlThread sql_thread;
    const auto connection = MustConnect(bulk);
    connected = true;
    status = connection->Execute("DO SLEEP(25)");
    EXPECT_FALSE(connection->alive());
  });
  ASSERT_TRUE(WaitUntil([&connected] { return connected.load(); }));
  const Moment begin = MonotonicNow();
  absl::SleepFor(absl::Milliseconds(100));
  DropConnections(bulk);
  waiter.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(ErrorClassOf(status), ErrorClass::kConnection);
  EXPECT_LT(MonotonicNow() - begin, absl::Seconds(15));
  EXPECT_EQ(Ask(*other, "SELECT 1"), "1") << "others are left alone";
}

TEST_F(ConnectionTest, APasswordThatCantBeReadIsABadDayLikeAnother) {
  ErrorTally tally;
  DatabaseOptions unreadable = options();
  unreadable.errors = &tally;
  unreadable.read_password = [] {
    return absl::StatusOr<std::string>(absl::NotFoundError("can't read /run/secrets/db"));
  };
  const absl::Status status = Connection::OpenForCallers(unreadable).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(status), "DATABASE_UNAVAILABLE");
  EXPECT_EQ(ErrorClassOf(status), ErrorClass::kRights);
  EXPECT_EQ(tally.count(ErrorClass::kRights), 1);
  const std::vector<ErrorTally::Line> lines = tally.Take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].text, "can't read /run/secrets/db") << "the log says what is wrong";
  const absl::Status told = ForCaller(status);
  EXPECT_THAT(std::string(told.message()), testing::Not(testing::HasSubstr("secrets")));
  EXPECT_EQ(RetryAfterOf(told), kRepeatAfter);
}

TEST_F(ConnectionTest, QuotesEveryByte) {
  const auto connection = Connect();
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  for (const std::string& value :
       {all, std::string("'; DROP TABLE t; --"), std::string("\\"), std::string("\\'"),
        std::string("%_\"`\n\r\t"), std::string("\0", 1), std::string()}) {
    ASSERT_TRUE(
        connection->Execute(absl::StrCat("UPDATE t SET b = ", Quoted(value), " WHERE id = 1"))
            .ok());
    EXPECT_EQ(Ask(*connection, "SELECT b FROM t WHERE id = 1"), value);
    EXPECT_EQ(Ask(*connection, absl::StrCat("SELECT id FROM t WHERE b = ", Quoted(value))), "1");
  }
}

TEST_F(ConnectionTest, AnUpdateCountsTheRowsThatItMatched) {
  const auto connection = Connect();
  EXPECT_EQ(*connection->Update("UPDATE t SET b = 'one' WHERE id = 1"), 1);
  EXPECT_EQ(*connection->Update("UPDATE t SET b = 'one' WHERE id = 7"), 0);
}

TEST_F(ConnectionTest, ADuplicateLeavesTheTransactionOpen) {
  const auto connection = Connect();
  ASSERT_TRUE(connection->Begin().ok());
  ASSERT_TRUE(connection->Execute("INSERT INTO t VALUES (3, '')").ok());
  const absl::Status status = connection->Execute("INSERT INTO t VALUES (1, '')");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(ReasonOf(status), "DUPLICATE_KEY");
  EXPECT_TRUE(connection->alive());
  ASSERT_TRUE(connection->Commit().ok());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM t"), 3);
}

TEST_F(ConnectionTest, OneOfTwoInADeadlockMayTryAgain) {
  absl::Barrier both_hold_one(2);
  absl::Status statuses[2];
  const auto run = [&](int first, int second, absl::Status* status) {
    const SqlThread sql_thread;
    const auto connection = Connect();
    EXPECT_TRUE(connection->Begin().ok());
    EXPECT_TRUE(connection->Execute(absl::StrCat("UPDATE t SET b = 'x' WHERE id = ", first)).ok());
    both_hold_one.Block();
    *status = connection->Execute(absl::StrCat("UPDATE t SET b = 'x' WHERE id = ", second));
    EXPECT_TRUE(connection->alive());
    connection->Rollback();
  };
  // Barrier::Block lets exactly one caller delete it; here it lives on the stack.
  std::thread one([&] { run(1, 2, &statuses[0]); });
  std::thread two([&] { run(2, 1, &statuses[1]); });
  one.join();
  two.join();
  const int ok = (statuses[0].ok() ? 1 : 0) + (statuses[1].ok() ? 1 : 0);
  EXPECT_EQ(ok, 1) << statuses[0] << statuses[1];
  const absl::Status& victim = statuses[0].ok() ? statuses[1] : statuses[0];
  EXPECT_EQ(victim.code(), absl::StatusCode::kAborted) << victim;
  EXPECT_EQ(ReasonOf(victim), "DATABASE_CONFLICT");
  EXPECT_THAT(std::string(victim.message()), testing::HasSubstr("1213"));
}

TEST_F(ConnectionTest, ALockTimeoutMayBeTriedAgain) {
  const auto holder = Connect();
  ASSERT_TRUE(holder->Begin().ok());
  ASSERT_TRUE(holder->Execute("UPDATE t SET b = 'x' WHERE id = 1").ok());
  const auto waiter = Connect();
  ASSERT_TRUE(waiter->Execute("SET innodb_lock_wait_timeout = 1").ok());
  ASSERT_TRUE(waiter->Begin().ok());
  const absl::Status status = waiter->Execute("UPDATE t SET b = 'y' WHERE id = 1");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("1205"));
  EXPECT_TRUE(waiter->alive());
}

TEST_F(ConnectionTest, AKilledSessionIsGoneForGood) {
  const auto connection = Connect();
  database_.Execute(absl::StrCat("KILL ", IdOf(*connection)));
  EXPECT_EQ(connection->Execute("SELECT 1").code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(connection->alive());
  EXPECT_EQ(connection->Begin().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(connection->Update("UPDATE t SET b = ''").status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionTest, CommitOnAKilledSessionIsNeverOk) {
  const auto connection = Connect();
  ASSERT_TRUE(connection->Begin().ok());
  ASSERT_TRUE(connection->Execute("INSERT INTO t VALUES (3, '')").ok());
  database_.Execute(absl::StrCat("KILL ", IdOf(*connection)));
  const absl::Status status = connection->Commit();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_FALSE(connection->alive());
  EXPECT_EQ(database_.QueryInt("SELECT COUNT(*) FROM t"), 2);
}

TEST_F(ConnectionTest, AKilledStatementMayBeTriedAgain) {
  const auto holder = Connect();
  ASSERT_TRUE(holder->Begin().ok());
  ASSERT_TRUE(holder->Execute("UPDATE t SET b = 'x' WHERE id = 1").ok());
  const auto waiter = Connect();
  const int64_t id = IdOf(*waiter);
  std::atomic<bool> ended = false;
  absl::Status status;
  std::thread thread([&] {
    const SqlThread sql_thread;
    status = waiter->Execute("UPDATE t SET b = 'y' WHERE id = 1");
    ended = true;
  });
  // A kill that comes before the statement has no effect.
  EXPECT_TRUE(WaitUntil([&] {
    database_.Execute(absl::StrCat("KILL QUERY ", id));
    return ended.load();
  }));
  thread.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("1317"));
  EXPECT_TRUE(waiter->alive());
  EXPECT_TRUE(waiter->Execute("SELECT 1").ok());
}

TEST_F(ConnectionTest, ARefusedLoginIsNotTriedAgain) {
  const absl::Status status =
      Connection::Open(OptionsFor(database_.UrlAs("nobody_here", "wrong"))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
}

TEST_F(ConnectionTest, AnUnknownSchemaIsNotFound) {
  DatabaseOptions elsewhere = options();
  elsewhere.schema = "no_such_schema";
  EXPECT_EQ(Connection::Open(elsewhere).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ConnectionTest, AServerThatIsNotThereIsUnavailable) {
  DatabaseOptions elsewhere = options();
  elsewhere.socket = "/nonexistent/socket";
  const absl::Status status = Connection::Open(elsewhere).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(ReasonOf(status), "DATABASE_UNAVAILABLE");
}

}  // namespace
}  // namespace reserve::storage
