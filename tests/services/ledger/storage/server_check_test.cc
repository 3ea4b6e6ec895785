#include "services/ledger/storage/server_check.h"

#include <string>

#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/test_database.h"

namespace reserve::storage {
namespace {

using test_support::PrivateDatabaseServer;
using test_support::TestDatabase;

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

}  // namespace
}  // namespace reserve::storage
