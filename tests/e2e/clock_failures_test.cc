// Clocks an hour apart: one ledger's and one worker's go ahead, the gateway's and the other
// worker's are behind. What is decided by time is wrong by as much; the money is not. The rows of
// docs/FAILURES.md on clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/failure_scene.h"
#include "tests/support/build_tree.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using ::testing::SizeIs;

std::map<std::string, std::string> ClockShiftedBy(int seconds) {
  return {{"LD_PRELOAD", test_support::BinDir() + "/libreserve_clock_shift.so"},
          {"RESERVE_TEST_CLOCK_SHIFT_SECONDS", absl::StrCat(seconds)},
          // A sanitizer wants to come first, and need not.
          {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
}

class ClockFailuresTest : public FailureTest {
 protected:
  static void SetUpTestSuite() {
    chaos::StageOptions options;
    options.env = {{"ledger-1", ClockShiftedBy(3600)},
                   {"worker-0", ClockShiftedBy(-3600)},
                   {"worker-1", ClockShiftedBy(3600)},
                   {"gateway", ClockShiftedBy(-3600)}};
    SetUpStage(std::move(options));
  }
  static absl::Status SpendAt(size_t index, const std::string& id, const std::string& request_id,
                              int units) {
    return SpendOf(stubs(index), id, request_id, units * kNanosPerUnit);
  }
};

TEST_F(ClockFailuresTest, ClocksAnHourApartChargeAndCreditEachRechargeOnce) {
  Restart(worker(1));
  OpenFunded("apart");
  OpenFunded("apart-soft", "tok_decline_after_1#apart-soft");
  for (int i = 0; i < 6; ++i) {
    const absl::Status spent = SpendAt(i % 2, "apart", absl::StrCat("dip-", i), 15);
    ASSERT_TRUE(spent.ok()) << spent;
    ExpectAtRest("apart", "15.00", 2 + i);
  }
  EXPECT_THAT(Charges("apart"), SizeIs(7));
  // The clocks were really apart.
  const absl::Time charged = reserve::FromProto(Charges("apart")[0].create_time(), "t").value();
  const absl::Time closed = reserve::FromProto(Recharges("apart").back().end_time(), "t").value();
  EXPECT_GT(closed - charged, absl::Minutes(50));

  // A schedule is kept whichever ledger heard of the decline, and ends.
  ASSERT_TRUE(SpendAt(1, "apart-soft", "dip", 6).ok());
  Await("apart-soft", [](const pb::Account& a) { return a.open_recharge_ordinal() == 0; });
  EXPECT_EQ(Recharges("apart-soft")[0].state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(Recharges("apart-soft")[0].attempt(), 4);
  EXPECT_THAT(Charges("apart-soft"), SizeIs(5));
  ExpectMoneyMatches("apart-soft");
}

TEST_F(ClockFailuresTest, ALeaseThatAFastLedgerTakesForOverIsTakenOverUnderTheSameKey) {
  OpenFunded("early");
  worker(0).Kill();
  GhostWorker ghost(recharges());
  Spend("early", "dip", "6.00");
  const auto task = ghost.Take();
  // For ledger 1 it ran out most of an hour ago.
  Restart(worker(1));
  ExpectAtRest("early", "24.00", 2);
  // The same key: the gateway answers with the charge that was made.
  const auto charge = ChargeFor(task, 15);
  ASSERT_TRUE(charge.ok()) << charge.status();
  EXPECT_EQ(charge->charge_id(), Recharges("early")[0].charge_id());
  const auto refused = Report(task, "declined { decline_class: DECLINE_CLASS_SOFT code: 'x' }");
  EXPECT_EQ(ReasonOf(refused.status()), "LEASE_LOST") << refused.status();
  EXPECT_THAT(Charges("early"), SizeIs(2));
  ExpectAtRest("early", "24.00", 2);
}

TEST_F(ClockFailuresTest, ALeaseLastsAsLongAsItShouldWhateverTheWorkersClockSays) {
  OpenFunded("short");
  // Worker 0 is an hour behind; it dies, and its lease of 2 s is over soon all the same.
  gateway_proxy().Arm(
      {.request = kChargeRequest, .moment = Moment::kNotDelivered, .action = KillOf(worker(0))});
  Spend("short", "dip", "6.00");
  ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
  const absl::Time killed = absl::Now();
  Restart(worker(0));
  ExpectAtRest("short", "24.00", 2);
  EXPECT_LT(absl::Now() - killed, kPatience);
  EXPECT_EQ(Recharges("short")[0].attempt(), 1);
}

}  // namespace
}  // namespace reserve::e2e
