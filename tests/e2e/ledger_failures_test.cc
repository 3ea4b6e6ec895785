// Ledgers and their database fail around COMMIT: what was answered is booked, what was not is
// booked once when it is sent again, and a dip that was booked is recharged. The rows of
// docs/FAILURES.md that begin at the ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/e2e/failure_scene.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::WaitUntil;
using ::testing::SizeIs;

class LedgerFailuresTest : public FailureTest {
 protected:
  static absl::StatusOr<pb::RecordUsageResponse> Record(const pb::RecordUsageRequest& usage) {
    return Call(ledger(), &pb::Ledger::Stub::RecordUsage, usage);
  }
  static int64_t Booked(const std::string& id) {
    return stage().database().QueryInt(
        absl::StrCat("SELECT COUNT(*) FROM entries WHERE kind = 1 AND account_id = '", id, "'"));
  }
  static chaos::Proxy& database_proxy() { return stage().database_proxy(0); }
};

TEST_F(LedgerFailuresTest, KilledBeforeCommitNothingIsBookedAndTheRetryBooksIt) {
  OpenFunded("before");
  database_proxy().Arm(
      {.request = kCommit, .moment = Moment::kNotDelivered, .action = KillOf(stage().ledger(0))});
  const auto usage = UsageOf("before", "call-1", 60);
  EXPECT_TRUE(absl::IsUnavailable(Record(usage).status()));
  ASSERT_TRUE(database_proxy().Disarm(kPatience));
  EXPECT_EQ(Booked("before"), 0);
  Restart(stage().ledger(0));
  const auto response = Must(&pb::Ledger::Stub::RecordUsage, usage);
  EXPECT_FALSE(response.duplicate());
  EXPECT_EQ(TextOf(response.balance_after()), "14.82");
  EXPECT_EQ(Booked("before"), 1);
  ExpectAtRest("before", "14.82", 1);
}

TEST_F(LedgerFailuresTest, KilledAfterCommitTheRetryReturnsTheStoredResult) {
  OpenFunded("after");
  database_proxy().Arm(
      {.request = kCommit, .moment = Moment::kReplyLost, .action = KillOf(stage().ledger(0))});
  const auto usage = UsageOf("after", "call-1", 60);
  EXPECT_TRUE(absl::IsUnavailable(Record(usage).status()));
  ASSERT_TRUE(database_proxy().Disarm(kPatience));
  EXPECT_EQ(Booked("after"), 1);
  Restart(stage().ledger(0));
  const auto response = Must(&pb::Ledger::Stub::RecordUsage, usage);
  EXPECT_TRUE(response.duplicate());
  EXPECT_EQ(TextOf(response.cost()), "0.18");
  EXPECT_EQ(TextOf(response.balance_after()), "14.82");
  EXPECT_EQ(Booked("after"), 1);
  ExpectAtRest("after", "14.82", 1);
}

TEST_F(LedgerFailuresTest, TheRetryOfALostReplyMayGoToAnotherLedger) {
  OpenFunded("other");
  database_proxy().Arm(
      {.request = kCommit, .moment = Moment::kReplyLost, .action = KillOf(stage().ledger(0))});
  const auto usage = UsageOf("other", "call-1", 60);
  EXPECT_TRUE(absl::IsUnavailable(Record(usage).status()));
  ASSERT_TRUE(database_proxy().Disarm(kPatience));
  const auto response = Call(ledger(1), &pb::Ledger::Stub::RecordUsage, usage);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->duplicate());
  Restart(stage().ledger(0));
  ExpectAtRest("other", "14.82", 1);
}

TEST_F(LedgerFailuresTest, KilledBetweenDebitAndNotificationTheDipIsChargedOnce) {
  OpenFunded("silent");
  database_proxy().Arm(
      {.request = kCommit, .moment = Moment::kReplyLost, .action = KillOf(stage().ledger(0))});
  EXPECT_TRUE(absl::IsUnavailable(Record(UsageOf("silent", "call-1", int64_t{40} * 60)).status()));
  ASSERT_TRUE(database_proxy().Disarm(kPatience));
  // The intent was written with the debit, and nobody has been told of it.
  EXPECT_EQ(stage().database().QueryText("SELECT CONCAT(state, ' ', lease_epoch) FROM recharges "
                                         "WHERE account_id = 'silent' AND ordinal = 2"),
            "1 0");
  EXPECT_THAT(Charges("silent"), SizeIs(1));
  Restart(stage().ledger(0));
  ExpectAtRest("silent", "22.80", 2);
}

TEST_F(LedgerFailuresTest, AConnectionLostDuringCommitIsResolvedBeforeTheCallerIsAnswered) {
  OpenFunded("cut");
  int number = 0;
  for (const Moment moment : {Moment::kNotDelivered, Moment::kDelivered, Moment::kReplyLost}) {
    SCOPED_TRACE(static_cast<int>(moment));
    const auto usage = UsageOf("cut", absl::StrCat("call-", ++number), 60);
    database_proxy().Arm({.request = kCommit, .moment = moment});
    const auto response = Record(usage);
    ASSERT_TRUE(database_proxy().Disarm(kPatience));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(TextOf(response->cost()), "0.18");
    EXPECT_EQ(Booked("cut"), number);
    EXPECT_TRUE(Must(&pb::Ledger::Stub::RecordUsage, usage).duplicate());
  }
  EXPECT_EQ(Booked("cut"), 3);
  ExpectAtRest("cut", "14.46", 1);
}

// What has no id of its own is recognised by the state.
TEST_F(LedgerFailuresTest, AConnectionLostDuringTheCommitOfAReportCreditsOnce) {
  OpenFunded("credit");
  worker(0).Kill();
  GhostWorker ghost(recharges());
  for (const Moment moment : {Moment::kNotDelivered, Moment::kDelivered, Moment::kReplyLost}) {
    SCOPED_TRACE(static_cast<int>(moment));
    Spend("credit", absl::StrCat("dip-", static_cast<int>(moment)), "15.00");
    const auto task = ghost.Take();
    const auto charge = ChargeFor(task, 15);
    ASSERT_TRUE(charge.ok()) << charge.status();
    database_proxy().Arm({.request = kCommit, .moment = moment});
    const auto report =
        Report(task, absl::StrCat("succeeded { charge_id: '", charge->charge_id(), "' }"));
    EXPECT_TRUE(database_proxy().Disarm(kPatience));
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->recharge().state(), pb::RECHARGE_STATE_SUCCEEDED);
  }
  ExpectAtRest("credit", "15.00", 4);
}

TEST_F(LedgerFailuresTest, ADatabaseKilledInTheMiddleOfABatchBooksEachUsageOnce) {
  OpenFunded("batch");
  constexpr int kUsages = 300;
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < kUsages; ++i) {
    *batch.add_requests() = UsageOf("batch", absl::StrCat("text-", i), 60, kUsCall);
  }
  for (const Moment moment : {Moment::kNotDelivered, Moment::kDelivered}) {
    SCOPED_TRACE(static_cast<int>(moment));
    for (auto& usage : *batch.mutable_requests()) {
      usage.mutable_usage()->set_usage_id(
          absl::StrCat(usage.usage().usage_id(), "-", static_cast<int>(moment)));
    }
    database_proxy().Arm(
        {.request = kCommit, .moment = moment, .action = [] { stage().database_server().Kill(); }});
    auto first = std::async(std::launch::async, [&] {
      return Call(ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
    });
    ASSERT_TRUE(database_proxy().Disarm(kPatience));
    ASSERT_TRUE(stage().database_server().Start().ok());
    // Whatever became of it, it is safe to send the whole again.
    first.wait();
    WaitUntil(
        [&] {
          const auto again = Call(ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch);
          if (!again.ok()) return false;
          for (const auto& result : again->results()) {
            if (!result.has_response()) return false;
          }
          return true;
        },
        kPatience);
  }
  EXPECT_EQ(Booked("batch"), 2 * kUsages);
  // 300 of the 600 minutes were free.
  ExpectAtRest("batch", "12.00", 1);
}

TEST_F(LedgerFailuresTest, ADatabaseKilledWhileARechargeIsOpenDelaysTheCreditOnly) {
  OpenFunded("power", "tok_visa#power");
  stage().ledger_proxy(0).Arm({.request = kSuccessReport,
                               .moment = Moment::kNotDelivered,
                               .action = [] { stage().database_server().Kill(); }});
  Spend("power", "dip", "6.00");
  ASSERT_TRUE(stage().ledger_proxy(0).Disarm(kPatience));
  ASSERT_TRUE(stage().database_server().Start().ok());
  ExpectAtRest("power", "24.00", 2);
}

}  // namespace
}  // namespace reserve::e2e
