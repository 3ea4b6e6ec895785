#include "services/ledger/engine/recharge_dispatcher.h"

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

// Keeps what it is given. Thread-safe.
class LeaseWatcher : public RechargeWatcher {
 public:
  void OnLease(const LeasedRecharge& leased) override {
    absl::MutexLock lock(&mutex_);
    leases_.push_back(leased);
  }
  std::vector<LeasedRecharge> Leases() const {
    absl::MutexLock lock(&mutex_);
    return leases_;
  }
  size_t count() const { return Leases().size(); }

 private:
  mutable absl::Mutex mutex_;
  std::vector<LeasedRecharge> leases_ ABSL_GUARDED_BY(mutex_);
};

class DispatcherTest : public testing::Test {
 protected:
  static void Open(Engine& engine, const std::string& account_id) {
    const auto opened = Ask<domain::Account>(engine, account_id, OpenWithCard());
    ASSERT_TRUE(opened.ok()) << opened.status();
  }

  Ledger ledger_;
};

TEST_F(DispatcherTest, ARechargeIsHandedOutOnceWithALease) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  engine->dispatcher().Remove(&watcher);
  const std::vector<LeasedRecharge> leases = watcher.Leases();
  ASSERT_EQ(leases.size(), 2u);
  EXPECT_EQ(leases[0].recharge.account_id, "a");
  EXPECT_EQ(leases[0].recharge.lease_owner, "w1");
  EXPECT_EQ(leases[0].recharge.lease_epoch, 1);
  EXPECT_EQ(leases[0].lease_remaining, absl::Seconds(30));
  EXPECT_EQ(leases[0].attempt_age, absl::ZeroDuration());
  EXPECT_FALSE(leases[0].handed_out_before);
  EXPECT_EQ(leases[1].recharge.account_id, "b");
}

TEST_F(DispatcherTest, WhatWasOpenBeforeAWorkerCameIsFound) {
  const auto engine = ledger_.StartEngine();
  Open(*engine, "a");
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  EXPECT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  engine->dispatcher().Remove(&watcher);
}

TEST_F(DispatcherTest, ALeaseThatRanOutIsGivenToAnotherWithTheAttemptsAge) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher first;
  engine->dispatcher().Add(&first, "w1", 10);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return first.count() == 1; }));
  engine->dispatcher().Remove(&first);
  LeaseWatcher second;
  engine->dispatcher().Add(&second, "w2", 10);
  // Until the lease is over, others get other things only.
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return second.count() == 1; }));
  EXPECT_EQ(second.Leases()[0].recharge.account_id, "b");
  ledger_.clock().Advance(absl::Seconds(30));
  const auto has_a = [&] {
    for (const LeasedRecharge& leased : second.Leases()) {
      if (leased.recharge.account_id == "a") return true;
    }
    return false;
  };
  ASSERT_TRUE(WaitUntil(has_a));
  engine->dispatcher().Remove(&second);
  for (const LeasedRecharge& leased : second.Leases()) {
    if (leased.recharge.account_id != "a") continue;
    EXPECT_EQ(leased.recharge.lease_owner, "w2");
    EXPECT_EQ(leased.recharge.lease_epoch, 2);
    EXPECT_EQ(leased.attempt_age, absl::Seconds(30));
    EXPECT_TRUE(leased.handed_out_before);
  }
}

TEST_F(DispatcherTest, WhoLetsALeaseRunOutIsPassedOverWhileOthersHaveRoom) {
  EngineOptions options = ledger_.Options();
  options.lease_duration = absl::Seconds(1);
  const auto engine = ledger_.StartEngine(options);
  LeaseWatcher frozen;  // still connected, but never answers
  engine->dispatcher().Add(&frozen, "frozen", 100);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return frozen.count() == 1; }));
  LeaseWatcher alive;
  engine->dispatcher().Add(&alive, "alive", 1);
  // Who has let a lease run out is known by the monotonic clock, which no test can set.
  const Moment handed_out = MonotonicNow();
  ASSERT_TRUE(WaitUntil([&] { return MonotonicNow() - handed_out > absl::Seconds(1); }));
  ledger_.clock().Advance(absl::Seconds(1));
  ASSERT_TRUE(WaitUntil([&] { return alive.count() == 1; }));
  EXPECT_EQ(alive.Leases()[0].recharge.account_id, "a");
  // Better one who may be frozen than nobody.
  Open(*engine, "b");
  EXPECT_TRUE(WaitUntil([&] { return frozen.count() == 2; }));
  for (LeaseWatcher* watcher : {&frozen, &alive}) engine->dispatcher().Remove(watcher);
}

TEST_F(DispatcherTest, AProlongedLeaseIsNotHandedOutAgain) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  ledger_.clock().Advance(absl::Seconds(29));
  ASSERT_TRUE(engine->queries()
                  .Run([&](storage::Connection& connection) {
                    return engine->RenewLease(connection, {"a", 1}, "w1", 1).status();
                  })
                  .ok());
  ledger_.clock().Advance(absl::Seconds(29));
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  EXPECT_EQ(watcher.Leases()[1].recharge.account_id, "b");
  // Its own lease comes back to it only after others could have had it.
  ledger_.clock().Advance(absl::Seconds(2));
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 3; }));
  engine->dispatcher().Remove(&watcher);
  EXPECT_EQ(watcher.Leases()[2].recharge.account_id, "a");
  const absl::Status stale = engine->queries().Run([&](storage::Connection& connection) {
    return engine->RenewLease(connection, {"a", 1}, "w1", 1).status();
  });
  EXPECT_EQ(ReasonOf(stale), "LEASE_LOST");
}

TEST_F(DispatcherTest, AWorkerNeverHasMoreThanItAskedFor) {
  const auto engine = ledger_.StartEngine();
  for (int i = 0; i < 5; ++i) Open(*engine, absl::StrCat("a", i));
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 2);
  std::set<std::string> seen;
  for (size_t reported = 0; reported < 5; ++reported) {
    ASSERT_TRUE(WaitUntil([&] { return watcher.count() > reported; }));
    EXPECT_LE(watcher.count(), reported + 2);
    const domain::Recharge recharge = watcher.Leases()[reported].recharge;
    EXPECT_TRUE(seen.insert(recharge.account_id).second);
    ASSERT_TRUE(
        Ask<RechargeReply>(*engine, recharge.account_id, Succeeded(1, recharge.amount)).ok());
    engine->dispatcher().Reported({recharge.account_id, 1}, recharge.lease_epoch);
  }
  engine->dispatcher().Remove(&watcher);
  ledger_.Audit();
}

TEST_F(DispatcherTest, TwoLedgersNeverHandOutTheSame) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  LeaseWatcher watchers[2];
  one->dispatcher().Add(&watchers[0], "w1", 1000);
  two->dispatcher().Add(&watchers[1], "w2", 1000);
  constexpr size_t kAccounts = 200;
  std::vector<Order> orders;
  for (size_t i = 0; i < kAccounts; ++i) orders.emplace_back(absl::StrCat("a", i), OpenWithCard());
  for (const auto& reply : AskAll(*one, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(WaitUntil([&] { return watchers[0].count() + watchers[1].count() >= kAccounts; }));
  one->dispatcher().Remove(&watchers[0]);
  two->dispatcher().Remove(&watchers[1]);
  std::set<std::string> seen;
  for (const LeaseWatcher& watcher : watchers) {
    for (const LeasedRecharge& leased : watcher.Leases()) {
      EXPECT_TRUE(seen.insert(leased.recharge.account_id).second) << leased.recharge.account_id;
      EXPECT_EQ(leased.recharge.lease_epoch, 1);
    }
  }
  EXPECT_EQ(seen.size(), kAccounts);
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT SUM(lease_epoch) FROM recharges"), 200);
}

TEST_F(DispatcherTest, ABusyLedgerStillFindsLeasesThatRanOut) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) {
      engine->dispatcher().Announce({{"nobody", 1}}, {{}});
      std::this_thread::yield();
    }
  });
  ledger_.clock().Advance(absl::Seconds(31));
  EXPECT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  stop = true;
  busy.join();
  engine->dispatcher().Remove(&watcher);
}

// Switched off, it would not be opened any more (G1).
TEST_F(DispatcherTest, WhatIsCanceledBeforeAWorkerCameIsNotHandedOut) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "a");
  ASSERT_NO_FATAL_FAILURE(Spend(*engine, "a", 6 * kNanosPerUnit));
  ASSERT_TRUE(ledger_.Recharge("a", 2).waits());
  UpdateBillingSettings off;
  off.change.automatic_recharge = false;
  ASSERT_TRUE(Ask<domain::Account>(*engine, "a", off).ok());
  EXPECT_EQ(ledger_.Recharge("a", 2).state, domain::RechargeState::kCanceled);
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  engine->dispatcher().Announce({{"a", 2}}, {{}});
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  EXPECT_EQ(watcher.Leases()[0].recharge.account_id, "b");
  ASSERT_TRUE(Ask<RechargeReply>(*engine, "b", Succeeded(1, 15 * kNanosPerUnit)).ok());
  engine->dispatcher().Reported({"b", 1}, 1);
  // On again, another one is opened and handed out.
  UpdateBillingSettings on;
  on.change.automatic_recharge = true;
  ASSERT_TRUE(Ask<domain::Account>(*engine, "a", on).ok());
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  engine->dispatcher().Remove(&watcher);
  EXPECT_EQ(watcher.Leases()[1].recharge.ordinal, 3);
  EXPECT_EQ(ledger_.Recharge("a", 2).lease_owner, "");
  ledger_.Audit();
}

TEST_F(DispatcherTest, ASoftDeclineIsHandedOutAgainWhenItsTimeHasCome) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  ReportRecharge declined;
  declined.ordinal = 1;
  declined.outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
  declined.outcome.attempt = 1;
  declined.outcome.lease_epoch = 1;
  declined.outcome.decline_class = domain::DeclineClass::kSoft;
  declined.outcome.text = "insufficient_funds";
  ASSERT_TRUE(Ask<RechargeReply>(*engine, "a", declined).ok());
  engine->dispatcher().Reported({"a", 1}, 1);
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  EXPECT_EQ(watcher.Leases()[1].recharge.account_id, "b");
  engine->dispatcher().Reported({"b", 1}, 1);
  ASSERT_TRUE(Ask<RechargeReply>(*engine, "b", Succeeded(1, 15 * kNanosPerUnit)).ok());
  ledger_.clock().Advance(absl::Hours(1));
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 3; }));
  engine->dispatcher().Remove(&watcher);
  const LeasedRecharge again = watcher.Leases()[2];
  EXPECT_EQ(again.recharge.account_id, "a");
  EXPECT_EQ(again.recharge.attempt, 2);
  EXPECT_FALSE(again.handed_out_before);
}

// The answer to a report may be later than the hand-out that follows of it.
TEST_F(DispatcherTest, AReportOnAnAttemptLeavesTheLeaseOfTheNextOne) {
  const auto engine = ledger_.StartEngine();
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 2);
  Open(*engine, "a");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 1; }));
  const AddPaymentMethod second{"second", {{CardToken("tok_second"), "fp_second"}}};
  ASSERT_TRUE(Ask<PaymentMethodReply>(*engine, "a", second).ok());
  ASSERT_TRUE(Ask<RechargeReply>(*engine, "a", Declined(1, domain::DeclineClass::kSoft, 1)).ok());
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 2; }));
  EXPECT_EQ(watcher.Leases()[1].recharge.attempt, 2);
  engine->dispatcher().Reported({"a", 1}, 1);
  Open(*engine, "b");
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() == 3; }));
  Open(*engine, "c");
  // There is room for one more only once an attempt is over.
  EXPECT_FALSE(WaitUntil([&] { return watcher.count() > 3; }, absl::Milliseconds(300)));
  ASSERT_TRUE(Ask<RechargeReply>(*engine, "b", Succeeded(1, 15 * kNanosPerUnit)).ok());
  engine->dispatcher().Reported({"b", 1}, 1);
  EXPECT_TRUE(WaitUntil([&] { return watcher.count() == 4; }));
  engine->dispatcher().Remove(&watcher);
}

// With four lanes these accounts lie in the ranges 1, 0, 3 and 1 (keyspace_test.cc).
TEST_F(DispatcherTest, AClaimThatFailsStopsNoClaimsOfOtherRanges) {
  const std::string x31(31, 'x');
  const std::string x64(64, 'x');
  const std::vector<std::string> accounts = {"a", "acct-0000042", x31, x64};
  EngineOptions options = ledger_.Options();
  options.lanes = 4;
  const auto engine = ledger_.StartEngine(options);
  for (const std::string& account_id : accounts) Open(*engine, account_id);
  // In one transaction with the claim on this one fails all that is claimed with it.
  ledger_.sql().Execute(absl::StrCat(
      "CREATE TRIGGER no_claims BEFORE UPDATE ON recharges FOR EACH ROW BEGIN "
      "IF NEW.account_id = '",
      x64, "' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'none of this range'; END IF; END"));
  LeaseWatcher watcher;
  engine->dispatcher().Add(&watcher, "w1", 10);
  const auto handed_out = [&watcher] {
    std::set<std::string> ids;
    for (const LeasedRecharge& leased : watcher.Leases()) ids.insert(leased.recharge.account_id);
    return ids;
  };
  ASSERT_TRUE(WaitUntil([&] { return watcher.count() >= 2; }));
  EXPECT_THAT(handed_out(), testing::UnorderedElementsAre("acct-0000042", x31));
  ledger_.sql().Execute("DROP TRIGGER no_claims");
  EXPECT_TRUE(WaitUntil([&] { return handed_out().size() == accounts.size(); }));
  engine->dispatcher().Remove(&watcher);
}

}  // namespace
}  // namespace reserve::engine
