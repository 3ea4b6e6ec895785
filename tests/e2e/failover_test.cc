// The database fails over to a replica, with a real primary and a real replica: what each mode of
// replication keeps, and how what is lost is found: by CheckHead, `ledger check-heads` and
// `worker reconcile`, as nothing that is left fails to add up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/stack.h"
#include "tests/support/http_get.h"
#include "tests/support/replicated_servers.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::HttpGet;
using test_support::ReplicatedServers;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::Not;

using Accounts = pb::Accounts::Stub;
using Support = pb::Support::Stub;
using Ledger = pb::Ledger::Stub;
using Mode = ReplicatedServers::Mode;

class FailoverTest : public ::testing::Test {
 protected:
  void Start(Mode mode, StackOptions options) {
    if (!ReplicatedServers::Available()) GTEST_SKIP() << "only MariaDB is set up as a replica here";
    auto servers = ReplicatedServers::Create(mode);
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    options.server = &servers_->primary();
    auto stack = Stack::Start(std::move(options));
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  template <typename Stub, typename Request, typename Response>
  Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const std::string& request) {
    auto response = Call(stack_->stub<Stub>(), method, Parse<Request>(request));
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  // What a switch keeps of a usage that was acknowledged.
  pb::RecordUsageResponse Book(const std::string& account_id, const std::string& usage_id) {
    auto booked =
        Must(&Ledger::RecordUsage,
             absl::StrCat(
                 "account_id: '", account_id, "' usage { usage_id: '", usage_id,
                 "' user_id: 'u' start_time { seconds: 1790000000 } call { direction: "
                 "DIRECTION_OUTBOUND destination: '+12025550123' duration { seconds: 60 } } }"));
    EXPECT_EQ(booked.hash().size(), 32u);
    return booked;
  }
  void Spend(const std::string& account_id, int units) {
    const absl::Status spent =
        SpendOf(stack_->stubs(), account_id, absl::StrCat("a", units), units * kNanosPerUnit);
    EXPECT_TRUE(spent.ok()) << spent;
  }
  pb::Recharge LastRecharge(const std::string& account_id) {
    const auto list =
        Must(&Accounts::ListRecharges, absl::StrCat("account_id: '", account_id, "'"));
    return list.recharges_size() == 0 ? pb::Recharge() : list.recharges(0);
  }
  bool Succeeded(const std::string& account_id, int64_t ordinal) {
    const pb::Recharge last = LastRecharge(account_id);
    return last.ordinal() == ordinal && last.state() == pb::RECHARGE_STATE_SUCCEEDED;
  }

  pb::CheckHeadResponse CheckHead(const std::string& account_id,
                                  const pb::RecordUsageResponse& booked) {
    pb::CheckHeadRequest request;
    request.set_account_id(account_id);
    request.set_seq(booked.seq());
    request.set_hash(booked.hash());
    const auto response = Call(stack_->audit(), &pb::Audit::Stub::CheckHead, request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(pb::CheckHeadResponse());
  }

  // The primary is gone, as in a crash of its machine; the replica takes its place.
  void FailOver() {
    servers_->primary().Kill();
    ASSERT_TRUE(servers_->Promote().ok());
    stack_->ledger_process()->Kill();
    stack_->FailOverTo(servers_->replica());
    ASSERT_TRUE(stack_->StartLedger().ok());
    ASSERT_TRUE(WaitUntil([&] {
      return Call(stack_->accounts(), &Accounts::ListAccounts, pb::ListAccountsRequest()).ok();
    }));
  }

  std::unique_ptr<ReplicatedServers> servers_;
  std::unique_ptr<Stack> stack_;
};

TEST_F(FailoverTest, WhatAnAsynchronousReplicaDidNotHaveIsFoundByItsCallersHeads) {
  ASSERT_NO_FATAL_FAILURE(Start(Mode::kAsynchronous, {}));
  if (IsSkipped()) return;
  for (const std::string id : {"kept", "cut", "gone"}) {
    if (id == "gone") {
      ASSERT_EQ(servers_->WaitUntilCaughtUp(), absl::OkStatus());
      ASSERT_TRUE(servers_->CutOff().ok());
    }
    Must(&Accounts::OpenAccount, absl::StrCat("account_id: '", id, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
    Book(id, "u1");
    // The replica has this of the first two, and of the third not even the account.
    if (id != "cut") continue;
    ASSERT_EQ(servers_->WaitUntilCaughtUp(), absl::OkStatus());
  }
  const auto kept = Book("kept", "u1");
  const auto cut = Book("cut", "u2");
  const auto gone = Book("gone", "u1");
  EXPECT_TRUE(kept.duplicate());  // The stored answer has the hash too.
  ASSERT_NO_FATAL_FAILURE(FailOver());

  EXPECT_EQ(CheckHead("kept", kept).state(), pb::HEAD_STATE_PRESENT);
  EXPECT_EQ(CheckHead("kept", kept).head_hash(), kept.hash());
  EXPECT_EQ(CheckHead("cut", cut).state(), pb::HEAD_STATE_LOST);
  EXPECT_EQ(CheckHead("cut", cut).head_seq(), cut.seq() - 1);
  EXPECT_EQ(CheckHead("gone", gone).state(), pb::HEAD_STATE_LOST);
  EXPECT_EQ(CheckHead("gone", gone).head_seq(), 0);
  // All that is left adds up.
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);

  // The ledger goes on; then another usage is where the lost one was.
  Book("cut", "u3");
  EXPECT_EQ(CheckHead("cut", cut).state(), pb::HEAD_STATE_REPLACED);
  // The switch sends the lost one again: it is booked as new.
  EXPECT_FALSE(Book("cut", "u2").duplicate());

  const std::string file = stack_->folder() + "/heads.csv";
  std::ofstream(file) << "# account,seq,hash\n"
                      << "kept," << kept.seq() << "," << absl::BytesToHexString(kept.hash())
                      << "\ncut," << cut.seq() << "," << absl::Base64Escape(cut.hash())
                      << "\n\ngone," << gone.seq() << "," << absl::BytesToHexString(gone.hash())
                      << "\n";
  const auto checked = stack_->RunLedger({"check-heads", file});
  EXPECT_EQ(checked.exit_code, 1) << checked.output << checked.errors;
  EXPECT_THAT(checked.output, HasSubstr("REPLACED  account cut  entry 2"));
  EXPECT_THAT(checked.output, HasSubstr("LOST  account gone  entry 1; the ledger has none"));
  EXPECT_THAT(checked.output, HasSubstr("3 entries, 1 present, 1 lost, 1 replaced"));
}

TEST_F(FailoverTest, WhileSemiSyncIsInForceNothingIsLost) {
  ASSERT_NO_FATAL_FAILURE(Start(Mode::kSemiSync, {}));
  if (IsSkipped()) return;
  ASSERT_EQ(servers_->WaitUntilCaughtUp(), absl::OkStatus());
  Must(&Accounts::OpenAccount, "account_id: 'kept'");
  Must(&Accounts::PutUser, "account_id: 'kept' user_id: 'u'");
  pb::RecordUsageResponse last;
  for (int i = 0; i < 50; ++i) last = Book("kept", absl::StrCat("u", i));
  servers_->primary().Kill();
  // What it was sent, the replica applies before it is promoted.
  ASSERT_TRUE(servers_->WaitUntilApplied().ok());
  ASSERT_NO_FATAL_FAILURE(FailOver());
  EXPECT_EQ(CheckHead("kept", last).state(), pb::HEAD_STATE_PRESENT);
  EXPECT_EQ(CheckHead("kept", last).head_seq(), last.seq());
}

TEST_F(FailoverTest, ALedgerThatRequiresSemiSyncDoesNotStartOnceItHasFallenBack) {
  ASSERT_NO_FATAL_FAILURE(Start(Mode::kSemiSync, {.ledger_flags = {"--require_semi_sync"}}));
  if (IsSkipped()) return;
  const auto in_force = [this](const char* value) {
    return WaitUntil([&] {
      return absl::StrContains(HttpGet(stack_->metrics_port(), "/metrics"),
                               absl::StrCat("reserve_ledger_semi_sync_in_force ", value, "\n"));
    });
  };
  EXPECT_TRUE(in_force("1"));
  servers_->replica().Kill();
  // Answered, and on one server only.
  Must(&Accounts::OpenAccount, "account_id: 'alone'");
  EXPECT_TRUE(stack_->ledger_process()
                  ->WaitForOutput("can be lost in a failover of the database", absl::Seconds(30))
                  .ok())
      << stack_->ledger_process()->Stderr();
  EXPECT_TRUE(in_force("0"));
  stack_->ledger_process()->Kill();
  const absl::Status started = stack_->StartLedger();
  EXPECT_FALSE(started.ok());
  EXPECT_THAT(std::string(started.message()), HasSubstr("has fallen back to asynchronous"));
  ASSERT_TRUE(servers_->replica().Start().ok());
  EXPECT_TRUE(WaitUntil([&] { return stack_->StartLedger().ok(); }));
}

TEST_F(FailoverTest, ReconcileFindsTheChargesWhoseCreditsAreLost) {
  ASSERT_NO_FATAL_FAILURE(
      Start(Mode::kAsynchronous, {.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                                  .gateway = true,
                                  .workers = 1}));
  if (IsSkipped()) return;
  for (const std::string id : {"open", "none"}) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id, "'"));
    ASSERT_TRUE(WaitUntil([&] { return Succeeded(id, 1); })) << LastRecharge(id).DebugString();
  }
  // The replica has the recharge of one account and not that of the other; of neither its credit.
  stack_->worker_process(0)->Kill();
  Spend("open", 10);
  ASSERT_EQ(servers_->WaitUntilCaughtUp(), absl::OkStatus());
  ASSERT_TRUE(servers_->CutOff().ok());
  Spend("none", 10);
  ASSERT_TRUE(stack_->StartWorker(0).ok());
  for (const std::string id : {"open", "none"}) {
    ASSERT_TRUE(WaitUntil([&] { return Succeeded(id, 2); })) << LastRecharge(id).DebugString();
  }
  stack_->worker_process(0)->Kill();
  ASSERT_NO_FATAL_FAILURE(FailOver());
  EXPECT_EQ(LastRecharge("open").state(), pb::RECHARGE_STATE_OPEN);
  EXPECT_EQ(LastRecharge("none").ordinal(), 1);

  auto reconcile =
      Subprocess::Start({.program = "worker",
                         .args = {"reconcile", absl::StrCat("--ledger=", stack_->ledger_address()),
                                  absl::StrCat("--gateway=", stack_->gateway_address()),
                                  "--grace=0s", "--max_refunds=0"}});
  ASSERT_TRUE(reconcile.ok()) << reconcile.status();
  EXPECT_EQ((*reconcile)->Wait(absl::Seconds(60)), 1) << (*reconcile)->Stderr();
  EXPECT_THAT((*reconcile)->Stdout(), HasSubstr("CREDITED  UNREPORTED  recharge open/2"));
  EXPECT_THAT((*reconcile)->Stdout(), HasSubstr("FOR A PERSON  ORPHAN  recharge none/2"));
  EXPECT_TRUE(Succeeded("open", 2));
}

}  // namespace
}  // namespace reserve::e2e
