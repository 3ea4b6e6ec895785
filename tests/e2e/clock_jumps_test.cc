// The wall clock of running ledgers and a running worker is set: back by an hour, and a month ahead
// and then right again. Nothing that waits may wait for as long as the clock was moved, and nothing
// that was stored meanwhile may stay out of reach. The rows of docs/FAILURES.md on clocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock/monotonic.h"
#include "tests/e2e/failure_scene.h"
#include "tests/support/clock_file.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::ClockFile;
using test_support::WaitUntil;

constexpr absl::Duration kMonth = absl::Hours(24 * 31);

class ClockJumpsTest : public FailureTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::filesystem::temp_directory_path() / "reserve-clock-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    clock_ = new ClockFile(folder_ + "/clock");
    chaos::StageOptions options;
    for (const std::string process : {"ledger-0", "ledger-1", "worker-0", "worker-1", "gateway"}) {
      options.env[process] = clock_->Environment();
    }
    options.ledger_flags = {"--retry_delays=2s,2s,2s", "--partial_charge_wait=2s",
                            "--decline_interval=0s"};
    options.dollars = {{"max_automatic_amount_per_day", "30"}};
    options.worker_flags = {"--charge_timeout=3s"};
    SetUpStage(std::move(options));
  }
  static void TearDownTestSuite() {
    FailureTest::TearDownTestSuite();
    delete clock_;
    std::filesystem::remove_all(folder_);
  }
  void SetUp() override {
    clock_->Set(absl::ZeroDuration());
    FailureTest::SetUp();
  }

  static ClockFile& clock() { return *clock_; }

  // Sets the clock, and waits until both ledgers go by it: Abseil reads the kernel's clock only
  // every few seconds, and counts the processor's cycles in between.
  static void SetForLedgers(absl::Duration ahead) {
    clock().Set(ahead);
    Call(accounts(), &pb::Accounts::Stub::OpenAccount,
         Parse<pb::OpenAccountRequest>("account_id: 'clock'"))
        .IgnoreError();
    static int64_t asked = 0;
    const auto goes_by_it = [&] {
      for (size_t i = 0; i < 2; ++i) {
        const auto adjusted =
            Call(support(i), &pb::Support::Stub::AdjustBalance,
                 Parse<pb::AdjustBalanceRequest>(
                     absl::StrCat("account_id: 'clock' request_id: '", ++asked,
                                  "' amount { currency_code: 'USD' units: 1 } reason: 'clock'")));
        if (!adjusted.ok()) return false;
        const absl::Time told = absl::FromUnixSeconds(adjusted->record_time().seconds());
        if (absl::AbsDuration(told - absl::Now() - ahead) > absl::Minutes(1)) return false;
      }
      return true;
    };
    ASSERT_TRUE(WaitUntil(goes_by_it, kPatience));
  }

  // At ledger 1, whose commands ledger 0, which the worker watches, hears of by looking only.
  static void DipElsewhere(const std::string& id, const std::string& request_id) {
    const absl::Status spent = SpendOf(stubs(1), id, request_id, 15 * kNanosPerUnit);
    ASSERT_TRUE(spent.ok()) << spent;
  }

  static void AwaitState(const std::string& id, pb::RechargeState state) {
    pb::Recharge recharge;
    EXPECT_TRUE(
        WaitUntil([&] { return (recharge = Recharges(id)[0]).state() == state; }, kPatience))
        << recharge.DebugString();
  }

  // Waits until one of the ledgers has logged the text.
  static void AwaitLogOfALedger(const std::string& text) {
    const auto logged = [&text] {
      return absl::StrContains(stage().ledger(0).life->Stderr(), text) ||
             absl::StrContains(stage().ledger(1).life->Stderr(), text);
    };
    EXPECT_TRUE(WaitUntil(logged, kPatience)) << text;
  }

 private:
  static std::string folder_;
  static ClockFile* clock_;
};

std::string ClockJumpsTest::folder_;
ClockFile* ClockJumpsTest::clock_ = nullptr;

TEST_F(ClockJumpsTest, SetBackByAnHourTheDispatcherFindsWhatIsDue) {
  OpenFunded("back");
  clock().Set(-absl::Hours(1));
  for (int i = 0; i < 2; ++i) {
    DipElsewhere("back", absl::StrCat("dip-", i));
    ExpectAtRest("back", "15.00", 2 + i);
  }
}

TEST_F(ClockJumpsTest, SetBackByAnHourRetriesComeAsTheyWerePlannedAfterIt) {
  OpenFunded("back-soft", "tok_decline_after_1#back-soft");
  SetForLedgers(-absl::Hours(1));
  DipElsewhere("back-soft", "dip");
  AwaitState("back-soft", pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(Recharges("back-soft")[0].attempt(), 4);
}

TEST_F(ClockJumpsTest, SetBackByAnHourANewPlanIsKnownInSeconds) {
  OpenFunded("back-plan");
  clock().Set(-absl::Hours(1));
  stage().database().Execute(
      "INSERT INTO plans (plan_id, standard_calls, free_seconds, bucket_reset, "
      "default_reserve_amount_nanos) VALUES ('new', 2, 0, 1, 0)");
  const auto request =
      Parse<pb::PutUserRequest>("account_id: 'back-plan' user_id: 'u' user { plan_id: 'new' }");
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(WaitUntil(
        [&] { return Call(accounts(i), &pb::Accounts::Stub::PutUser, request).ok(); }, kPatience))
        << "ledger " << i;
  }
}

TEST_F(ClockJumpsTest, SetBackByAnHourWatchersGoOnHearing) {
  OpenFunded("back-watched");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  const auto stream = stub<pb::Events::Stub>().WatchEvents(
      &context, Parse<pb::WatchEventsRequest>("account_id: 'back-watched'"));
  pb::WatchEventsResponse page;
  ASSERT_TRUE(stream->Read(&page));
  clock().Set(-absl::Hours(1));
  DipElsewhere("back-watched", "dip");
  bool heard = false;
  while (!heard && stream->Read(&page)) {
    for (const pb::Event& event : page.events()) {
      heard |= event.kind() == pb::EVENT_KIND_RECHARGE_SUCCEEDED;
    }
  }
  EXPECT_TRUE(heard) << "nothing came until the deadline";
  context.TryCancel();
  stream->Finish();
}

TEST_F(ClockJumpsTest, AJumpIsLoggedAndCounted) {
  clock().Set(-absl::Hours(1));
  AwaitLog(stage().ledger(0), "the wall clock was set", "-3600");
  AwaitLog(worker(0), "the wall clock was set", "-3600");
  AwaitLog(stage().ledger(0), "this machine's clock and the database's differ", "-3600");
}

TEST_F(ClockJumpsTest, SetBackByAnHourACallToTheGatewayStillTimesOut) {
  OpenFunded("back-late", "tok_late_60000#back-late");
  // The charge is made at once, and the reply would come in a minute.
  Spend("back-late", "dip", "6.00");
  ASSERT_TRUE(WaitUntil([] { return Charges("back-late").size() == 2; }, kPatience));
  clock().Set(-absl::Hours(1));
  ExpectAtRest("back-late", "24.00", 2);
}

TEST_F(ClockJumpsTest, AMonthAheadAndRightAgainRetriesAreNotDueInAMonth) {
  OpenFunded("ahead-soft", "tok_decline_after_1#ahead-soft");
  SetForLedgers(kMonth);
  Spend("ahead-soft", "dip", "6.00");
  ASSERT_TRUE(WaitUntil([] { return Charges("ahead-soft").size() == 2; }, kPatience));
  ASSERT_TRUE(WaitUntil([] { return Recharges("ahead-soft")[0].attempt() == 2; }, kPatience));
  clock().Set(absl::ZeroDuration());
  AwaitState("ahead-soft", pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(Recharges("ahead-soft")[0].attempt(), 4);
  AwaitLogOfALedger("were put right");
}

TEST_F(ClockJumpsTest, AMonthAheadAndRightAgainTheLeaseOfADeadWorkerEnds) {
  OpenFunded("ahead-lease");
  SetForLedgers(kMonth);
  gateway_proxy().Arm(
      {.request = kChargeRequest, .moment = Moment::kReplyLost, .action = KillOf(worker(0))});
  Spend("ahead-lease", "dip", "6.00");
  ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
  clock().Set(absl::ZeroDuration());
  Restart(worker(0));
  // Found under its key, as nobody can say how old it is; not charged again.
  ExpectAtRest("ahead-lease", "24.00", 2);
}

TEST_F(ClockJumpsTest, AMonthAheadAndRightAgainACapEndsWithTheDay) {
  OpenFunded("ahead-cap");
  SetForLedgers(kMonth);
  for (int i = 0; i < 2; ++i) {
    Spend("ahead-cap", absl::StrCat("dip-", i), "15.00");
    ExpectAtRest("ahead-cap", "15.00", 2 + i);
  }
  Spend("ahead-cap", "one-too-many", "6.00");
  EXPECT_THAT(EventKinds("ahead-cap"), ::testing::Contains(pb::EVENT_KIND_CAP_REACHED));
  EXPECT_EQ(Get("ahead-cap").open_recharge_ordinal(), 0);
  SetForLedgers(absl::ZeroDuration());
  // The caps of the real day are untouched.
  ExpectAtRest("ahead-cap", "24.00", 4);
}

}  // namespace
}  // namespace reserve::e2e
