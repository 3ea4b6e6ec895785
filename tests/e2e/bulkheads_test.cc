// What takes long is never in the way of what must be quick: audits that stand still hold up
// neither a worker's lease nor a caller's read, and they end when their callers go or the ledger
// drains.
#include <gtest/gtest.h>
#include <signal.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::TestDatabase;
using test_support::WaitUntil;

constexpr size_t kAudits = 6;  // more than there are threads for any kind of read
constexpr absl::Duration kSoon = absl::Seconds(2);

class BulkheadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto stack = Stack::Start({});
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
  std::vector<TestDatabase::Row> Sessions(const std::string& state) const {
    return stack_->database().Query(
        absl::StrCat("SELECT id FROM information_schema.processlist WHERE db = '",
                     stack_->database().schema(), "' AND state ", state));
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
  std::vector<std::future<absl::Status>> audits;
  for (size_t i = 0; i < kAudits; ++i) audits.push_back(StartAudit());
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
  context.TryCancel();
  watch->Finish();
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

}  // namespace
}  // namespace reserve::e2e
