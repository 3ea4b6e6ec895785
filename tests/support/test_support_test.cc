#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_database.h"
#include "tests/support/told.h"
#include "tests/support/wait_until.h"

namespace reserve::test_support {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TestDatabaseTest, EachTestHasAnEmptySchemaOfItsOwn) {
  TestDatabase first;
  TestDatabase second;
  EXPECT_NE(first.schema(), second.schema());
  first.Execute("CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10)) ENGINE=InnoDB");
  first.Execute("INSERT INTO t (id, name) VALUES (1, 'one'), (2, NULL)");
  EXPECT_EQ(first.QueryInt("SELECT COUNT(*) FROM t"), 2);
  EXPECT_THAT(first.Query("SELECT id, name FROM t ORDER BY id"),
              ElementsAre(ElementsAre("1", "one"), ElementsAre("2", "NULL")));
  EXPECT_THAT(second.TryExecute("SELECT COUNT(*) FROM t").message(), HasSubstr("1146"));
}

TEST(TestDatabaseTest, SchemaIsDroppedWithTheObject) {
  TestDatabase observer;
  std::string name;
  {
    TestDatabase database;
    name = database.schema();
  }
  EXPECT_EQ(
      observer.QueryInt(absl::StrCat(
          "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '", name, "'")),
      0);
}

TEST(ToldTest, TokensAndTelephoneNumbersAreOfACustomer) {
  EXPECT_TRUE(TellsOfACustomer("{\"card\":\"tok_visa\"}"));
  EXPECT_TRUE(TellsOfACustomer("calls_total{to=\"+12025550123\"} 1"));
  EXPECT_TRUE(TellsOfACustomer("1e+06 of pm_card_1"));
  EXPECT_FALSE(TellsOfACustomer("le=\"+Inf\"} 1e+06, at 2026-11-30T10:00:00+00:00 +123456"));
}

TEST(ToldTest, TextThatTellsOfACustomerIsAFailureThatShowsItsLine) {
  ExpectNothingOfCustomers("metrics", "calls_total 1\n");
  EXPECT_NONFATAL_FAILURE(
      ExpectNothingOfCustomers("metrics", "calls_total 1\nof{to=\"+12025550123\"} 2\nx 3\n"),
      "metrics tell of a customer: of{to=\"+12025550123\"} 2");
}

TEST(DatabaseAddressTest, RoundTripsThroughItsUrl) {
  DatabaseAddress address;
  address.user = "reserve";
  address.password = "p@ss:w/rd?%";
  address.host = "db.example";
  address.port = 3307;
  address.schema = "ledger";
  EXPECT_EQ(address.ToUrl(), "mysql://reserve:p%40ss%3Aw%2Frd%3F%25@db.example:3307/ledger");
  const auto parsed = DatabaseAddress::Parse(address.ToUrl());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->password, address.password);
  EXPECT_EQ(parsed->ToUrl(), address.ToUrl());

  const auto on_socket = DatabaseAddress::Parse("mysql://root@localhost/x?socket=/run/a%20b/s");
  ASSERT_TRUE(on_socket.ok()) << on_socket.status();
  EXPECT_EQ(on_socket->socket, "/run/a b/s");
  EXPECT_EQ(on_socket->schema, "x");
  EXPECT_FALSE(DatabaseAddress::Parse("http://root@localhost").ok());
  EXPECT_FALSE(DatabaseAddress::Parse("mysql://localhost").ok());
}

TEST(PrivateDatabaseServerTest, CommittedRowsOutliveAKill) {
  auto server = PrivateDatabaseServer::Create();
  ASSERT_TRUE(server.ok()) << server.status();
  TestDatabase database(**server);
  database.Execute("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
  database.Execute("INSERT INTO t (id) VALUES (7)");
  (*server)->Kill();
  EXPECT_FALSE(database.TryExecute("SELECT 1").ok());
  const absl::Status restarted = (*server)->Start();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(database.QueryInt("SELECT id FROM t"), 7);
  EXPECT_TRUE((*server)->Stop().ok());
  EXPECT_TRUE((*server)->Restart().ok());
  EXPECT_EQ(database.QueryInt("SELECT id FROM t"), 7);
}

TEST(PrivateDatabaseServerTest, KeepsTheDurabilityOfARealServerAndTakesFurtherArguments) {
  auto server = PrivateDatabaseServer::Create({.extra_args = {"--max-connections=77"}});
  ASSERT_TRUE(server.ok()) << server.status();
  TestDatabase database(**server);
  EXPECT_EQ(database.QueryInt("SELECT @@innodb_flush_log_at_trx_commit"), 1);
  EXPECT_THAT(database.Query("SHOW GLOBAL VARIABLES LIKE 'innodb_doublewrite'"),
              ElementsAre(ElementsAre("innodb_doublewrite", "ON")));
  EXPECT_EQ(database.QueryInt("SELECT @@skip_networking"), 1);
  EXPECT_EQ(database.QueryInt("SELECT @@max_connections"), 77);
}

TEST(PrivateDatabaseServerTest, LeavesNothingBehind) {
  std::string socket;
  {
    auto server = PrivateDatabaseServer::Create();
    ASSERT_TRUE(server.ok()) << server.status();
    socket = (*server)->socket_path();
    EXPECT_LT(socket.size(), 108u);
    EXPECT_TRUE(std::filesystem::exists(socket));
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(socket).parent_path()));
}

TEST(PrivateDatabaseServerTest, ReportsWhyTheServerDidNotComeUp) {
  const auto server = PrivateDatabaseServer::Create({.extra_args = {"--no-such-option"}});
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("no-such-option"));
}

TEST(SubprocessTest, CapturesBothStreamsAndTheExitCode) {
  auto process = Subprocess::Start({.program = "/bin/sh",
                                    .args = {"-c", "echo out $WORD; echo err >&2; exit 3"},
                                    .env = {{"WORD", "given"}}});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(absl::Seconds(10)), 3);
  EXPECT_FALSE((*process)->Running());
  EXPECT_EQ((*process)->Stdout(), "out given\n");
  EXPECT_EQ((*process)->Stderr(), "err\n");
}

TEST(SubprocessTest, WaitsForALineOfARunningProgram) {
  auto process = Subprocess::Start(
      {.program = "/bin/sh", .args = {"-c", "echo first; echo port=1234; exec sleep 1000"}});
  ASSERT_TRUE(process.ok()) << process.status();
  const auto line = (*process)->WaitForOutput("port=", absl::Seconds(10));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, "port=1234");
  EXPECT_EQ((*process)->Wait(absl::Milliseconds(1)), -1);
  EXPECT_EQ((*process)->WaitForOutput("never", absl::Milliseconds(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  (*process)->Signal(SIGTERM);
  EXPECT_EQ((*process)->Wait(absl::Seconds(10)), 128 + SIGTERM);
}

TEST(SubprocessTest, NoticesAnEndWithoutTheAwaitedLine) {
  auto process = Subprocess::Start({.program = "/bin/sh", .args = {"-c", "echo no; exit 1"}});
  ASSERT_TRUE(process.ok()) << process.status();
  const auto line = (*process)->WaitForOutput("yes", absl::Seconds(10));
  EXPECT_EQ(line.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(line.status().message()), HasSubstr("ended with 1"));
}

TEST(SubprocessTest, DoesNotBlockAProgramThatWritesMuch) {
  auto process = Subprocess::Start(
      {.program = "/bin/sh", .args = {"-c", "head -c 40000000 /dev/zero; echo; echo done"}});
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(absl::Seconds(20)), 0);
  EXPECT_TRUE(absl::EndsWith((*process)->Stdout(), "\ndone\n"));
}

TEST(SubprocessTest, EndsWithTheObject) {
  pid_t pid = 0;
  {
    auto process = Subprocess::Start({.program = "sleep", .args = {"1000"}});
    ASSERT_TRUE(process.ok()) << process.status();
    pid = (*process)->pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

// A test program that crashes must not leave its servers: the grandchild here is to die by
// the kernel's hand when its parent is killed.
TEST(SubprocessDeathTest, DiesWithATestProgramThatIsKilled) {
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto process = Subprocess::Start({.program = "sleep", .args = {"1000"}});
    const pid_t pid = process.ok() ? (*process)->pid() : -1;
    if (write(pipe_fds[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    raise(SIGKILL);
  }
  pid_t grandchild = 0;
  ASSERT_EQ(read(pipe_fds[0], &grandchild, sizeof(grandchild)),
            static_cast<ssize_t>(sizeof(grandchild)));
  close(pipe_fds[0]);
  close(pipe_fds[1]);
  ASSERT_GT(grandchild, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WaitUntil([&] {
    // An orphan that nobody reaps stays as a zombie, which has no program any more.
    std::error_code error;
    return std::filesystem::read_symlink(absl::StrCat("/proc/", grandchild, "/exe"), error).empty();
  }));
}

TEST(SubprocessTest, SaysWhichProgramIsMissing) {
  const auto process = Subprocess::Start({.program = "no-such-program"});
  EXPECT_EQ(process.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(process.status().message()), HasSubstr("no-such-program"));
}

TEST(WaitUntilTest, GivesUpAtTheDeadlineAndAsksAtLeastOnce) {
  int asked = 0;
  EXPECT_FALSE(WaitUntil([&] { return ++asked < 0; }, absl::ZeroDuration()));
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(WaitUntil([&] { return ++asked == 4; }));
}

TEST(FreePortTest, IsAnUnprivilegedPort) {
  const int port = FreePort();
  EXPECT_GT(port, 1023);
  EXPECT_LT(port, 65536);
}

// --- Skipping (skipping_main.cc), tried on this program's own tests, that are not run else -----

TEST(DISABLED_SkippingMainTest, Passes) {}
TEST(DISABLED_SkippingMainTest, Skips) { GTEST_SKIP() << "no tool"; }
TEST(DISABLED_SkippingMainTest, Fails) { FAIL() << "SKIPPED"; }

// The exit code of those of them.
int ExitCodeOfRunning(const std::string& filter) {
  const auto run =
      Subprocess::Start({.program = BinDir() + "/test_support_test",
                         .args = {"--gtest_also_run_disabled_tests",
                                  "--gtest_filter=DISABLED_SkippingMainTest." + filter}});
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? (*run)->Wait(absl::Seconds(30)) : -1;
}

TEST(SkippingMainTest, WhatFailedIsNoSkippedTestWhateverElseWasSkippedOrPrinted) {
  EXPECT_EQ(ExitCodeOfRunning("Passes"), 0);
  EXPECT_EQ(ExitCodeOfRunning("Skips:*.Passes"), 77);
  EXPECT_EQ(ExitCodeOfRunning("Fails"), 1);
  EXPECT_EQ(ExitCodeOfRunning("*"), 1);
}

}  // namespace
}  // namespace reserve::test_support
