// What takes long is never in the way of what must be quick: audits that stand still hold up
// neither a worker's lease nor a caller's read, and they end when their callers go or the ledger
// drains.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::PrivateDatabaseServer;
using test_support::TestDatabase;
using test_support::WaitUntil;

constexpr size_t kAudits = 6;  // more than there are threads for any kind of read
constexpr absl::Duration kSoon = absl::Seconds(2);

class BulkheadsTest : public ::testing::Test {
 protected:
  void SetUp() override { StartOn(nullptr); }
  // Null: where TestDatabase puts it.
  void StartOn(const PrivateDatabaseServer* server) {
    stack_.reset();
    auto stack = Stack::Start({.server = server});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    const auto opened =
        Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
             Parse<pb::OpenAccountRequest>("account_id: 'acme' card_token: 'tok_visa#acme'"));
    ASSERT_TRUE(opened.ok()) << opened.status();
  }

  // A query that reads `entries`, and a change of that table which waits for it: whoever reads the
  // table from now on, as an audit does, waits behind the change.
  void HoldEntries() {
    reader_ = std::async(std::launch::async, [this] {
      stack_->database().TryQuery("SELECT COUNT(*), SLEEP(30) FROM entries").status().IgnoreError();
    });
    ASSERT_TRUE(WaitUntil([&] { return !Sessions("= 'User sleep'").empty(); }));
    change_ = std::async(std::launch::async, [this] {
      stack_->database().TryExecute("ALTER TABLE entries COMMENT = 'held'").IgnoreError();
    });
    ASSERT_TRUE(WaitUntil([&] { return Sessions("LIKE '%metadata lock%'").size() == 1; }));
  }
  void ReleaseEntries() {
    for (const TestDatabase::Row& session : Sessions("= 'User sleep'")) {
      stack_->database().Execute(absl::StrCat("KILL ", session[0]));
    }
    reader_.get();
    change_.get();
  }
  static pb::RecordUsageRequest Usage(const std::string& usage_id) {
    return Parse<pb::RecordUsageRequest>(
        absl::StrCat("account_id: 'acme' usage { usage_id: '", usage_id,
                     "' user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()),
                     " } sms { direction: DIRECTION_INBOUND destination: '+14155550123' "
                     "segments: 1 } }"));
  }
  void Book(const std::string& usage_id) {
    const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, Usage(usage_id));
    ASSERT_TRUE(booked.ok()) << booked.status();
  }
  void BookThousand(int number) {
    pb::BatchRecordUsageRequest request;
    for (int i = 0; i < 1000; ++i) {
      *request.add_requests() = Usage(absl::StrCat("batch-", number, "-", i));
    }
    const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, request);
    ASSERT_TRUE(booked.ok()) << booked.status();
    for (const auto& result : booked->results()) ASSERT_TRUE(result.has_response());
  }
  // Sessions that run such a statement.
  std::vector<TestDatabase::Row> Statements(const std::string& like) const {
    return stack_->database().Query(absl::StrCat(
        "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = '",
        stack_->database().schema(), "' AND info LIKE '", like, "'"));
  }
  std::vector<TestDatabase::Row> Sessions(const std::string& state) const {
    return stack_->database().Query(
        absl::StrCat("SELECT id FROM information_schema.processlist WHERE db = '",
                     stack_->database().schema(), "' AND state ", state));
  }

  // SIGTERM while an audit waits: the ledger ends in time, though nobody gives what is waited for.
  void ExpectADrainInTime(std::future<absl::Status> audit) {
    const Moment asked = MonotonicNow();
    stack_->ledger_process()->Signal(SIGTERM);
    EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(60)), 0);
    EXPECT_LE(MonotonicNow() - asked, absl::Seconds(20));
    const absl::Status status = audit.get();
    EXPECT_EQ(ReasonOf(status), "DRAINING") << status;
  }

  std::future<absl::Status> StartAudit() {
    return std::async(std::launch::async, [this] {
      return Call(stack_->audit(), &pb::Audit::Stub::VerifyAccount,
                  Parse<pb::VerifyAccountRequest>("account_id: 'acme'"))
          .status();
    });
  }

  std::unique_ptr<Stack> stack_;
  std::future<void> reader_;
  std::future<void> change_;
};

TEST_F(BulkheadsTest, AuditsThatStandStillDelayNeitherARenewalNorARead) {
  grpc::ClientContext context;
  const auto watch = stack_->recharges().WatchLowBalance(
      &context, Parse<pb::WatchLowBalanceRequest>("worker_id: 'w' max_in_flight: 10"));
  pb::WatchLowBalanceResponse task;
  ASSERT_TRUE(watch->Read(&task));
  ASSERT_NO_FATAL_FAILURE(HoldEntries());
  // Audits of one account, of all accounts, and an import.
  std::vector<std::future<absl::Status>> audits;
  for (size_t i = 0; i < kAudits; ++i) audits.push_back(StartAudit());
  auto whole = std::async(std::launch::async, [this] { return stack_->RunLedger({"verify"}); });
  auto import = std::async(std::launch::async, [this] {
    return stack_->RunLedger({"import-rates", "--starter"});
  });
  // All threads that audit wait now.
  EXPECT_TRUE(WaitUntil([&] { return Sessions("LIKE '%metadata lock%'").size() >= 3; }));

  for (int i = 0; i < 20; ++i) {
    const absl::Time begin = absl::Now();
    const auto renewed =
        Call(stack_->recharges(), &pb::Recharges::Stub::RenewLease,
             Parse<pb::RenewLeaseRequest>(absl::StrCat("account_id: 'acme' ordinal: 1 worker_id: "
                                                       "'w' lease_epoch: ",
                                                       task.lease().epoch())));
    EXPECT_TRUE(renewed.ok()) << renewed.status();
    const auto account = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                              Parse<pb::GetAccountRequest>("account_id: 'acme'"));
    EXPECT_TRUE(account.ok()) << account.status();
    EXPECT_LT(absl::Now() - begin, kSoon);
  }
  ReleaseEntries();
  for (auto& audit : audits) EXPECT_TRUE(audit.get().ok());
  for (auto* command : {&whole, &import}) {
    const Stack::Ended ended = command->get();
    EXPECT_EQ(ended.exit_code, 0) << ended.output << ended.errors;
  }
  context.TryCancel();
  watch->Finish();
}

// Whoever gives plans new versions waits until all ledgers know, on a thread of what may take long.
TEST_F(BulkheadsTest, PlansThatWaitForTheirTimeDelayNoPageThatAPersonWaitsFor) {
  const auto put = [this](int number) {
    return Call(stack_->rates(), &pb::Rates::Stub::PutPlan,
                Parse<pb::PutPlanRequest>(
                    absl::StrCat("plan_id: 'per_minute' request_id: 'put-", number,
                                 "' reason: 'test' plan { display_name: 'Name ", number, "' }")))
        .status();
  };
  std::vector<std::future<absl::Status>> puts;
  for (int i = 0; i < 8; ++i) puts.push_back(std::async(std::launch::async, put, i));
  const auto bulk_waits = [this] {
    const auto status = Call(stack_->audit(), &pb::Audit::Stub::GetStatus, pb::GetStatusRequest());
    EXPECT_TRUE(status.ok()) << status.status();
    if (!status.ok()) return false;
    for (const pb::PoolStatus& pool : status->pools()) {
      if (pool.pool() == "bulk") return pool.busy() == pool.threads() && pool.waiting() >= 2;
    }
    return false;
  };
  ASSERT_TRUE(WaitUntil(bulk_waits));

  const absl::Time begin = absl::Now();
  const auto summary =
      Call(stack_->accounts(), &pb::Accounts::Stub::SummarizeUsage,
           Parse<pb::SummarizeUsageRequest>("account_id: 'acme' start_from { seconds: 1790000000 } "
                                            "start_before { seconds: 1790086400 }"));
  EXPECT_TRUE(summary.ok()) << summary.status();
  const auto statement = Call(stack_->accounts(), &pb::Accounts::Stub::ListEntries,
                              Parse<pb::ListEntriesRequest>("account_id: 'acme' month: '2026-10'"));
  EXPECT_TRUE(statement.ok()) << statement.status();
  const auto advice = Call(stack_->accounts(), &pb::Accounts::Stub::GetBillingAdvice,
                           Parse<pb::GetBillingAdviceRequest>("account_id: 'acme'"));
  EXPECT_TRUE(advice.ok()) << advice.status();
  EXPECT_LT(absl::Now() - begin, kSoon);
  EXPECT_TRUE(bulk_waits()) << "all of that was answered while others waited";
  for (auto& each : puts) {
    const absl::Status status = each.get();
    EXPECT_TRUE(status.ok()) << status;
  }
}

// `ledger verify` of a large account, `ledger migrate` that makes the newest month anew, and
// bookings, all at once: the change of the table waits for the audit, but no booking for long
// behind it.
TEST_F(BulkheadsTest, MonthsAreMadeBesideAVerifyOfALargeAccountAndBookingsGoOn) {
  constexpr int kBatches = 100;
  const auto put = Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                        Parse<pb::PutUserRequest>("account_id: 'acme' user_id: 'u'"));
  ASSERT_TRUE(put.ok()) << put.status();
  for (int i = 0; i < kBatches; ++i) ASSERT_NO_FATAL_FAILURE(BookThousand(i));
  const auto newest = stack_->database().QueryText(
      "SELECT MAX(partition_name) FROM information_schema.partitions WHERE table_schema = "
      "DATABASE() "
      "AND table_name = 'entries' AND partition_name LIKE 'm%'");
  stack_->database().Execute(
      absl::StrCat("ALTER TABLE entries REORGANIZE PARTITION ", newest,
                   ", later INTO (PARTITION later VALUES LESS THAN MAXVALUE)"));

  auto verify = std::async(std::launch::async, [this] { return stack_->RunLedger({"verify"}); });
  EXPECT_TRUE(WaitUntil([&] { return !Statements("SELECT%FROM entries%").empty(); }));
  auto migrate = std::async(std::launch::async, [this] { return stack_->RunLedger({"migrate"}); });
  absl::Duration longest;
  for (int i = 0; migrate.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++i) {
    const Moment asked = MonotonicNow();
    ASSERT_NO_FATAL_FAILURE(Book(absl::StrCat("meanwhile-", i)));
    longest = std::max(longest, MonotonicNow() - asked);
  }
  // The change waits 2 s at a time.
  EXPECT_LT(longest, absl::Seconds(10));
  const Stack::Ended migrated = migrate.get();
  EXPECT_EQ(migrated.exit_code, 0) << migrated.output << migrated.errors;
  const Stack::Ended verified = verify.get();
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  EXPECT_EQ(stack_->database().QueryInt(absl::StrCat(
                "SELECT COUNT(*) FROM information_schema.partitions WHERE table_schema = "
                "DATABASE() AND table_name = 'entries' AND partition_name = '",
                newest, "'")),
            1);
}

TEST_F(BulkheadsTest, ADrainEndsAuditsThatWait) {
  ASSERT_NO_FATAL_FAILURE(HoldEntries());
  std::vector<std::future<absl::Status>> audits;
  for (size_t i = 0; i < kAudits; ++i) audits.push_back(StartAudit());
  EXPECT_TRUE(WaitUntil([&] { return Sessions("LIKE '%metadata lock%'").size() >= 3; }));
  stack_->ledger_process()->Signal(SIGTERM);
  const auto draining = stack_->ledger_process()->WaitForOutput("\"draining\"", absl::Seconds(10));
  EXPECT_TRUE(draining.ok()) << draining.status();
  ReleaseEntries();
  int drained = 0;
  for (auto& audit : audits) {
    const absl::Status status = audit.get();
    EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
    drained += ReasonOf(status) == "DRAINING" ? 1 : 0;
  }
  EXPECT_GE(drained, static_cast<int>(kAudits) - 1) << "none is done to its end";
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
}

TEST_F(BulkheadsTest, ADrainDropsAnAuditThatWaitsForALock) {
  ASSERT_NO_FATAL_FAILURE(HoldEntries());
  auto audit = StartAudit();
  EXPECT_TRUE(WaitUntil([&] { return Sessions("LIKE '%metadata lock%'").size() >= 2; }));
  ExpectADrainInTime(std::move(audit));
  ReleaseEntries();
}

TEST_F(BulkheadsTest, ADrainDropsAnAuditThatWaitsForADatabaseThatHangs) {
  auto server = PrivateDatabaseServer::Create();
  if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_NO_FATAL_FAILURE(StartOn(server->get()));
  ASSERT_NO_FATAL_FAILURE(HoldEntries());
  auto audit = StartAudit();
  EXPECT_TRUE(WaitUntil([&] { return Sessions("LIKE '%metadata lock%'").size() >= 2; }));
  (*server)->Freeze();
  ExpectADrainInTime(std::move(audit));
  (*server)->Thaw();
  ReleaseEntries();
  stack_.reset();  // before its server
}

}  // namespace
}  // namespace reserve::e2e
