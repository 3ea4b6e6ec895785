// A database is lost, and comes back to a moment before: from the night's copy and the binary log,
// by the commands of docs/OPERATIONS.md ("Backups") with the server's own tools. What was booked
// and charged after that moment is put right by the callers' repeats and by `worker reconcile`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/replicated_servers.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::PrivateDatabaseServer;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::HasSubstr;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;

class BackupRestoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test_support::ReplicatedServers::Available()) {
      GTEST_SKIP() << "the commands are those of MariaDB";
    }
    for (const std::string tool : {"mariadb-dump", "mariadb-binlog"}) {
      if (test_support::FindProgram(tool).empty()) GTEST_SKIP() << "there is no " << tool;
    }
    server_ = MakeServer();
    ASSERT_NE(server_, nullptr);
    auto stack = Stack::Start({.server = server_.get(),
                               .ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                               .gateway = true,
                               .workers = 1});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  static std::unique_ptr<PrivateDatabaseServer> MakeServer() {
    auto server = PrivateDatabaseServer::Create(
        {.extra_args = {"--server-id=1", "--log-bin=binlog", "--sync-binlog=1"}});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  template <typename Stub, typename Request, typename Response>
  Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const std::string& request) {
    auto response = Call(stack_->stub<Stub>(), method, Parse<Request>(request));
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }
  pb::RecordUsageResponse Book(const std::string& usage_id) {
    return Must(&Ledger::RecordUsage,
                absl::StrCat("account_id: 'brook' usage { usage_id: '", usage_id,
                             "' user_id: 'u' start_time { seconds: 1790000000 } call { direction: "
                             "DIRECTION_OUTBOUND destination: '+12025550123' "
                             "duration { seconds: 60 } } }"));
  }
  void Spend(int units) {
    const absl::Status spent =
        SpendOf(stack_->stubs(), "brook", absl::StrCat("a", units), units * kNanosPerUnit);
    EXPECT_TRUE(spent.ok()) << spent;
  }
  pb::Account Account() { return Must(&Accounts::GetAccount, "account_id: 'brook'"); }
  pb::Recharge LastRecharge() {
    const auto list = Must(&Accounts::ListRecharges, "account_id: 'brook'");
    return list.recharges_size() == 0 ? pb::Recharge() : list.recharges(0);
  }
  void AwaitRecharge(int64_t ordinal) {
    ASSERT_TRUE(WaitUntil([&] {
      const pb::Recharge last = LastRecharge();
      return last.ordinal() == ordinal && last.state() == pb::RECHARGE_STATE_SUCCEEDED;
    })) << LastRecharge().DebugString();
  }
  int64_t ChargedUnits() {
    const auto page = Call(stack_->gateway(), &gw::PaymentGateway::Stub::ListCharges,
                           Parse<gw::ListChargesRequest>("page_size: 1000"));
    EXPECT_TRUE(page.ok()) << page.status();
    int64_t units = 0;
    if (!page.ok()) return -1;
    for (const gw::Charge& charge : page->charges()) units += charge.amount().units();
    return units;
  }

  // Runs a line of a shell to its end.
  static std::string Run(const std::string& line) {
    auto process = Subprocess::Start({.program = "/bin/sh", .args = {"-c", line}});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return "";
    EXPECT_EQ((*process)->Wait(absl::Seconds(60)), 0) << line << "\n" << (*process)->Stderr();
    return (*process)->Stdout();
  }
  static std::string Tool(const std::string& name, const PrivateDatabaseServer& server) {
    return absl::StrCat(test_support::FindProgram(name),
                        " --no-defaults --user=root --socket=", server.socket_path(), " ");
  }

  std::string dump() const { return stack_->folder() + "/reserve.sql"; }
  void DumpOfTheNight() {
    Run(absl::StrCat(Tool("mariadb-dump", *server_), "--single-transaction --master-data=2 ",
                     stack_->database().schema(), " > ", dump()));
  }

  // The log's file and place of now: up to where it is played.
  struct Place {
    std::string file;
    std::string position;
  };
  Place Now() const {
    const auto rows = stack_->database().Query("SHOW MASTER STATUS");
    EXPECT_EQ(rows.size(), 1u);
    return rows.size() == 1 ? Place{rows[0][0], rows[0][1]} : Place();
  }

  // The machine of the database is gone. Its copy of the night and its log are not.
  void LoseTheDatabase() {
    stack_->worker_process(0)->Kill();
    log_ = stack_->database().QueryText("SELECT @@log_bin_basename");
    server_->Kill();
    stack_->ledger_process()->Kill();
  }

  void RestoreTo(const Place& moment) {
    restored_ = MakeServer();
    ASSERT_NE(restored_, nullptr);
    const std::string schema = stack_->database().schema();
    const std::string client = Tool("mariadb", *restored_);
    Run(absl::StrCat(client, "-e 'CREATE DATABASE `", schema, "`'"));
    Run(absl::StrCat(client, schema, " < ", dump()));
    // -- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=1234;
    const std::string from = Run(absl::StrCat("grep -m1 'CHANGE MASTER' ", dump()));
    const std::vector<std::string> parts = absl::StrSplit(from, absl::ByAnyChar("'=;"));
    ASSERT_GE(parts.size(), 5u) << from;
    ASSERT_EQ(parts[2], moment.file) << "the test writes one file of the log";
    const std::string folder = log_.substr(0, log_.rfind('/') + 1);
    Run(absl::StrCat(
        test_support::FindProgram("mariadb-binlog"), " --no-defaults --database=", schema,
        " --start-position=", parts[parts.size() - 2], " --stop-position=", moment.position, " ",
        folder, moment.file, " | ", client));
    stack_->FailOverTo(*restored_);
    ASSERT_TRUE(stack_->StartLedger().ok());
  }

  std::unique_ptr<Subprocess> Reconcile() {
    auto process = Subprocess::Start(
        {.program = "worker",
         .args = {"reconcile", absl::StrCat("--ledger=", stack_->ledger_address()),
                  absl::StrCat("--gateway=", stack_->gateway_address()), "--grace=0s",
                  "--max_refunds=0"}});
    EXPECT_TRUE(process.ok()) << process.status();
    return process.ok() ? *std::move(process) : nullptr;
  }

  std::unique_ptr<PrivateDatabaseServer> server_;
  std::unique_ptr<PrivateDatabaseServer> restored_;
  std::unique_ptr<Stack> stack_;
  std::string log_;  // the path of the binary log without its numbers
};

TEST_F(BackupRestoreTest, WhatCameAfterTheMomentIsBookedAndCreditedOnceByRepeatsAndReconcile) {
  Must(&Accounts::OpenAccount, "account_id: 'brook' card_token: 'tok_visa#brook'");
  ASSERT_NO_FATAL_FAILURE(AwaitRecharge(1));
  Must(&Accounts::PutUser, "account_id: 'brook' user_id: 'u'");
  Book("in-the-copy");
  DumpOfTheNight();
  Book("in-the-log");
  Spend(7);
  ASSERT_NO_FATAL_FAILURE(AwaitRecharge(2));
  const Place moment = Now();
  const std::string then = Account().balance().DebugString();
  const pb::RecordUsageResponse lost = Book("lost");
  Spend(14);
  ASSERT_NO_FATAL_FAILURE(AwaitRecharge(3));
  const std::string in_the_end = Account().balance().DebugString();
  ASSERT_EQ(ChargedUnits(), 45);

  ASSERT_NO_FATAL_FAILURE(LoseTheDatabase());
  ASSERT_NO_FATAL_FAILURE(RestoreTo(moment));
  EXPECT_EQ(Account().balance().DebugString(), then);
  EXPECT_EQ(LastRecharge().ordinal(), 2);
  // What is left adds up; the callers' head says what is gone.
  const auto verified = stack_->RunLedger({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  pb::CheckHeadRequest head;
  head.set_account_id("brook");
  head.set_seq(lost.seq());
  head.set_hash(lost.hash());
  const auto checked = Call(stack_->audit(), &pb::Audit::Stub::CheckHead, head);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->state(), pb::HEAD_STATE_LOST);

  // The callers send all again.
  EXPECT_TRUE(Book("in-the-copy").duplicate());
  EXPECT_TRUE(Book("in-the-log").duplicate());
  EXPECT_FALSE(Book("lost").duplicate());
  Spend(7);
  Spend(14);
  auto reconcile = Reconcile();
  ASSERT_NE(reconcile, nullptr);
  reconcile->Wait(absl::Seconds(60));
  EXPECT_THAT(reconcile->Stdout(), HasSubstr("CREDITED  UNREPORTED  recharge brook/3"))
      << reconcile->Stderr();
  ASSERT_TRUE(stack_->StartWorker(0).ok());
  ASSERT_NO_FATAL_FAILURE(AwaitRecharge(3));
  EXPECT_EQ(Account().balance().DebugString(), in_the_end);
  EXPECT_EQ(ChargedUnits(), 45) << "nothing was charged for it again";
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
  reconcile = Reconcile();
  ASSERT_NE(reconcile, nullptr);
  EXPECT_EQ(reconcile->Wait(absl::Seconds(60)), 0) << reconcile->Stdout();
}

}  // namespace
}  // namespace reserve::e2e
