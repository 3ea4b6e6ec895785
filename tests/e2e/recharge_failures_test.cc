// Workers, the gateway and the ways between them fail around a charge: the card is charged once
// under one key, what was charged is credited once, and what can't be found out is left to a
// person. The rows of docs/FAILURES.md that begin at a recharge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "tests/e2e/failure_scene.h"
#include "tests/support/subprocess.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RechargeFailuresTest : public FailureTest {
 protected:
  static pb::Account AwaitOpen(const std::string& id) {
    return Await(id, [](const pb::Account& a) { return a.open_recharge_ordinal() > 0; });
  }
  static std::set<std::string> Keys(const std::string& id) {
    std::set<std::string> keys;
    for (const gw::Charge& charge : Charges(id)) keys.insert(charge.idempotency_key());
    return keys;
  }
  static chaos::Proxy& ledger_proxy() { return stage().ledger_proxy(0); }
  static std::string Succeeded(const std::string& charge_id) {
    return absl::StrCat("succeeded { charge_id: '", charge_id, "' }");
  }
};

// --- Notifications ------------------------------------------------------------------

TEST_F(RechargeFailuresTest, TheSameRechargeHandedToTwoWorkersIsChargedOnce) {
  worker(0).Kill();
  pb::WatchLowBalanceResponse first;
  {
    GhostWorker ghost(recharges());
    Open("twice", "tok_visa#twice");
    first = ghost.Take();
  }
  const auto charge = ChargeFor(first, 15);
  ASSERT_TRUE(charge.ok()) << charge.status();
  // The lease runs out, and another gets the same attempt.
  Restart(worker(0));
  ExpectAtRest("twice", "15.00", 1);
  EXPECT_EQ(Recharges("twice")[0].attempt(), 1);
  // The first one reports after all.
  const auto late = Report(first, Succeeded(charge->charge_id()));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_TRUE(late->already_applied());
  EXPECT_THAT(Charges("twice"), SizeIs(1));
  ExpectAtRest("twice", "15.00", 1);
}

// --- Workers ------------------------------------------------------------------------

TEST_F(RechargeFailuresTest, AWorkerKilledBeforeTheChargeIsSucceededByAnother) {
  OpenFunded("unsent");
  gateway_proxy().Arm(
      {.request = kChargeRequest, .moment = Moment::kNotDelivered, .action = KillOf(worker(0))});
  Spend("unsent", "dip", "6.00");
  ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
  EXPECT_THAT(Charges("unsent"), SizeIs(1));
  Restart(worker(1));
  ExpectAtRest("unsent", "24.00", 2);
  EXPECT_EQ(Recharges("unsent")[0].attempt(), 1);
}

TEST_F(RechargeFailuresTest, AWorkerKilledAfterTheChargeLosesNothing) {
  OpenFunded("unread");
  gateway_proxy().Arm({.request = kChargeRequest,
                       .moment = Moment::kReplyLost,
                       .reply = kChargeReply,
                       .action = KillOf(worker(0))});
  Spend("unread", "dip", "6.00");
  ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
  EXPECT_THAT(Charges("unread"), SizeIs(2));
  EXPECT_EQ(TextOf(Get("unread").balance()), "9.00");
  Restart(worker(1));
  ExpectAtRest("unread", "24.00", 2);
  EXPECT_THAT(Charges("unread"), SizeIs(2));
  EXPECT_EQ(Recharges("unread")[0].attempt(), 1);
}

TEST_F(RechargeFailuresTest, AWorkerKilledBeforeItsReportArrivesLosesNothing) {
  OpenFunded("untold");
  ledger_proxy().Arm(
      {.request = kSuccessReport, .moment = Moment::kNotDelivered, .action = KillOf(worker(0))});
  Spend("untold", "dip", "6.00");
  ASSERT_TRUE(ledger_proxy().Disarm(kPatience));
  EXPECT_THAT(Charges("untold"), SizeIs(2));
  Restart(worker(1));
  ExpectAtRest("untold", "24.00", 2);
  EXPECT_THAT(Charges("untold"), SizeIs(2));
}

TEST_F(RechargeFailuresTest, AWorkerFrozenPastItsLeaseReportsASuccessThatIsCreditedOnce) {
  OpenFunded("frozen");
  ledger_proxy().Arm(
      {.request = kSuccessReport, .moment = Moment::kNotDelivered, .action = FreezeOf(worker(0))});
  Spend("frozen", "dip", "6.00");
  ASSERT_TRUE(ledger_proxy().Disarm(kPatience));
  Restart(worker(1));
  AwaitLog(worker(1), "charged", "\"frozen\"");
  ExpectAtRest("frozen", "24.00", 2);
  Thaw(worker(0));
  // It repeats its report until it is answered.
  AwaitLog(worker(0), "charged", "\"account_id\":\"frozen\",\"ordinal\":2");
  ExpectAtRest("frozen", "24.00", 2);
}

TEST_F(RechargeFailuresTest, AWorkerFrozenPastItsLeaseCanNotDeclineForItsSuccessor) {
  worker(0).Kill();
  GhostWorker ghost(recharges());
  Open("stale", "tok_visa#stale");
  const auto stale = ghost.Take();  // and sleeps past its lease
  const auto fresh = ghost.Take();
  EXPECT_EQ(fresh.attempt(), stale.attempt());
  EXPECT_GT(fresh.lease().epoch(), stale.lease().epoch());
  EXPECT_TRUE(fresh.handed_out_before());
  const auto refused = Report(stale, "declined { decline_class: DECLINE_CLASS_HARD code: 'x' }");
  EXPECT_EQ(ReasonOf(refused.status()), "LEASE_LOST") << refused.status();
  EXPECT_EQ(Get("stale").payment_methods(0).card_state(), pb::CARD_STATE_USABLE);
  const auto charge = ChargeFor(fresh, 15);
  ASSERT_TRUE(charge.ok()) << charge.status();
  const auto report = Report(fresh, Succeeded(charge->charge_id()));
  ASSERT_TRUE(report.ok()) << report.status();
  ExpectAtRest("stale", "15.00", 1);
}

TEST_F(RechargeFailuresTest, AWorkerFrozenWhileItChargesFindsItsLeaseGone) {
  OpenFunded("asleep", "tok_visa#asleep");
  Restart(worker(1));
  gateway_proxy().Arm({.request = kChargeRequest,
                       .moment = Moment::kReplyLost,
                       .reply = kChargeReply,
                       .action = FreezeOf(worker(0))});
  Spend("asleep", "dip", "6.00");
  ASSERT_TRUE(gateway_proxy().Disarm(kPatience));
  ExpectAtRest("asleep", "24.00", 2);
  Thaw(worker(0));
  // It takes part again, and brings nothing old with it.
  worker(1).Kill();
  Spend("asleep", "again", "15.00");
  ExpectAtRest("asleep", "24.00", 3);
  EXPECT_THAT(Charges("asleep"), SizeIs(3));
}

// --- The gateway --------------------------------------------------------------------

TEST_F(RechargeFailuresTest, ATimeoutAfterTheChargeWasMadeIsLookedUp) {
  Open("late", "tok_late_1500#late");
  ExpectAtRest("late", "15.00", 1);
  EXPECT_THAT(Charges("late"), SizeIs(1));
  AwaitLog(worker(0), "looking it up", "\"late\"");
}

TEST_F(RechargeFailuresTest, ATimeoutWithoutAChargeIsSentAgainUnderTheSameKey) {
  OpenFunded("lost");
  stage().gateway().Signal(SIGSTOP);
  Spend("lost", "dip", "6.00");
  AwaitLog(worker(0), "looking it up", "\"lost\"");
  // What waits in its sockets dies with it.
  stage().gateway().Kill();
  Restart(stage().gateway());
  ExpectAtRest("lost", "24.00", 2);
  EXPECT_THAT(Charges("lost"), SizeIs(2));
  EXPECT_EQ(Recharges("lost")[0].attempt(), 1);
}

TEST_F(RechargeFailuresTest, AStoredInternalErrorIsLookedUpAndNotRepeatedUnderTheSameKey) {
  Open("error-charged", "tok_internal_charged#error");
  ExpectAtRest("error-charged", "15.00", 1);
  EXPECT_THAT(Charges("error-charged"), SizeIs(1));
  // The gateway replays its error for each key and never charges: a soft decline, as it says.
  Open("error", "tok_internal#error");
  const pb::Account account = Await("error", [](const pb::Account& a) {
    return a.open_recharge_ordinal() == 0 &&
           a.payment_methods(0).card_state() != pb::CARD_STATE_USABLE;
  });
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  EXPECT_EQ(Recharges("error")[0].state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_THAT(Charges("error"), SizeIs(Recharges("error")[0].attempt()));
  EXPECT_THAT(Keys("error"), SizeIs(Recharges("error")[0].attempt()));
  ExpectMoneyMatches("error");
}

TEST_F(RechargeFailuresTest, TheSameKeyWithOtherContentIsLeftToAPerson) {
  worker(0).Kill();
  {
    GhostWorker ghost(recharges());
    Open("reused", "tok_visa#reused");
    // Somebody else's charge is under the key.
    ASSERT_TRUE(ChargeFor(ghost.Take(), 99).ok());
  }
  Restart(worker(0));
  AwaitLog(worker(0), "unresolved", "\"reused\"");
  EXPECT_EQ(Recharges("reused")[0].state(), pb::RECHARGE_STATE_NEEDS_REVIEW);
  EXPECT_EQ(TextOf(Get("reused").balance()), "0.00");
  EXPECT_EQ(Get("reused").state(), pb::ACCOUNT_STATE_PENDING_FUNDING);
  EXPECT_THAT(EventKinds("reused"), Contains(pb::EVENT_KIND_RECHARGE_NEEDS_REVIEW));
  EXPECT_THAT(Charges("reused"), SizeIs(1));
}

// --- What changes meanwhile -----------------------------------------------------------

TEST_F(RechargeFailuresTest, ACardReplacedWhileAChargeIsInFlightFinishesOnItsOwnCard) {
  OpenFunded("swap", "tok_visa#swap-old");
  worker(0).Kill();
  {
    GhostWorker ghost(recharges());
    Spend("swap", "dip", "6.00");
    const auto task = ghost.Take();
    GiveCard("swap", "tok_mastercard#swap-new");
    EXPECT_EQ(task.card_token(), "tok_visa#swap-old");
    const auto charge = ChargeFor(task, 15);
    ASSERT_TRUE(charge.ok()) << charge.status();
    ASSERT_TRUE(Report(task, Succeeded(charge->charge_id())).ok());
  }
  ExpectAtRest("swap", "24.00", 2);
  Restart(worker(0));
  Spend("swap", "dip-2", "15.00");
  ExpectAtRest("swap", "24.00", 3);
  EXPECT_EQ(Charges("swap").back().card_token(), "tok_mastercard#swap-new");
}

TEST_F(RechargeFailuresTest, ADeclineOfAReplacedCardSaysNothingOfTheNewOne) {
  OpenFunded("swap-bad");
  GiveCard("swap-bad", "tok_decline_lost_card#swap-bad");
  // The charge waits in the gateway while the card is replaced.
  stage().gateway().Signal(SIGSTOP);
  Spend("swap-bad", "dip", "6.00");
  AwaitLog(worker(0), "looking it up", "\"swap-bad\"");
  GiveCard("swap-bad", "tok_mastercard#swap-bad");
  Thaw(stage().gateway());
  ExpectAtRest("swap-bad", "24.00", 2);
  EXPECT_EQ(Get("swap-bad").payment_methods(0).card_state(), pb::CARD_STATE_USABLE);
  const std::vector<gw::Charge> charges = Charges("swap-bad");
  ASSERT_THAT(charges, SizeIs(3));
  EXPECT_EQ(charges[1].card_token(), "tok_decline_lost_card#swap-bad");
  EXPECT_EQ(charges[2].card_token(), "tok_mastercard#swap-bad");
  EXPECT_THAT(Keys("swap-bad"), SizeIs(3));
}

TEST_F(RechargeFailuresTest, SettingsChangedMeanwhileLeaveTheOpenRechargeAsItWas) {
  OpenFunded("settings");
  stage().gateway().Signal(SIGSTOP);
  Spend("settings", "dip", "6.00");
  AwaitLog(worker(0), "looking it up", "\"settings\"");
  Must(&pb::Accounts::Stub::UpdateBillingSettings,
       Parse<pb::UpdateBillingSettingsRequest>(
           "account_id: 'settings' billing_settings { reserve_amount { units: 40 } "
           "recharge_threshold { units: 20 } }"));
  Thaw(stage().gateway());
  // 24.00 after the charge of 15.00, which is above the new threshold.
  ExpectAtRest("settings", "24.00", 2);
  Spend("settings", "dip-2", "5.00");
  ExpectAtRest("settings", "59.00", 3);
  EXPECT_EQ(TextOf(Charges("settings")[1].amount()), "15.00");
  EXPECT_EQ(TextOf(Charges("settings")[2].amount()), "40.00");
}

// --- Declines -----------------------------------------------------------------------

TEST_F(RechargeFailuresTest, SoftDeclinesAreTriedOnScheduleWithANewKeyEachAndThenGivenUp) {
  Open("soft", "tok_decline_insufficient_funds#soft");
  Await("soft", [](const pb::Account& a) { return a.open_recharge_ordinal() == 0; });
  const pb::Recharge recharge = Recharges("soft")[0];
  EXPECT_EQ(recharge.state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(recharge.attempt(), 4);
  EXPECT_EQ(Get("soft").payment_methods(0).card_state(), pb::CARD_STATE_FAILING);
  EXPECT_THAT(Keys("soft"), SizeIs(4));
  ExpectMoneyMatches("soft");
}

TEST_F(RechargeFailuresTest, AHardDeclineIsNeverTriedAgain) {
  Open("hard", "tok_decline_stolen_card#hard");
  Await("hard", [](const pb::Account& a) { return a.open_recharge_ordinal() == 0; });
  EXPECT_EQ(Recharges("hard")[0].state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(Recharges("hard")[0].attempt(), 1);
  EXPECT_EQ(Get("hard").payment_methods(0).card_state(), pb::CARD_STATE_REFUSED);
  EXPECT_THAT(Charges("hard"), SizeIs(1));
  ExpectMoneyMatches("hard");
}

TEST_F(RechargeFailuresTest, AChargeThatTheGatewayCallsInvalidIsNoDeclineAndKeepsNoTopUpOut) {
  OpenFunded("ours", "tok_visa#ours");
  // It calls one request invalid, for its amount.
  GiveCard("ours", "tok_invalid_request_1#ours");
  Spend("ours", "dip", "20.00");
  AwaitLog(worker(0), "a fault of ours", "\"ours\"");
  Await("ours", [](const pb::Account& a) { return a.open_recharge_ordinal() == 0; });
  EXPECT_EQ(Recharges("ours")[0].state(), pb::RECHARGE_STATE_NEEDS_REVIEW);
  EXPECT_EQ(Get("ours").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_EQ(Get("ours").payment_methods(0).card_state(), pb::CARD_STATE_USABLE);
  EXPECT_THAT(EventKinds("ours"), Not(Contains(pb::EVENT_KIND_RECHARGE_DECLINED)));
  EXPECT_THAT(EventKinds("ours"), Not(Contains(pb::EVENT_KIND_CARD_REFUSED)));
  // At once, and not after half of the key's lifetime.
  pb::RequestRechargeRequest top_up;
  top_up.set_account_id("ours");
  top_up.set_request_id("top-up");
  top_up.mutable_amount()->set_units(20);
  Must(&pb::Accounts::Stub::RequestRecharge, top_up);
  ExpectAtRest("ours", "15.00", 2);
}

TEST_F(RechargeFailuresTest, AWorkerWhoseNameTheLedgerRefusesEndsAndTheOthersGoOn) {
  const auto misnamed = test_support::Subprocess::Start(
      {.program = "worker",
       .args = {absl::StrCat("--ledger=", stage().DirectTarget(stage().ledger(0))),
                "--worker_id=not a name"}});
  ASSERT_TRUE(misnamed.ok()) << misnamed.status();
  EXPECT_EQ((*misnamed)->Wait(kPatience), 1);
  EXPECT_THAT((*misnamed)->Stderr(), HasSubstr("the ledger refuses this worker"));
  Open("well-named", "tok_visa#well-named");
  ExpectAtRest("well-named", "15.00", 1);
}

TEST_F(RechargeFailuresTest, ALostReportOfADeclineIsCountedOnce) {
  // The report is the only message of the worker with the decline's code.
  ledger_proxy().Arm({.request = "insufficient_funds",
                      .moment = Moment::kReplyLost,
                      .reply = "insufficient_funds"});
  Open("told-once", "tok_soft_then_ok_1#told-once");
  ASSERT_TRUE(ledger_proxy().Disarm(kPatience));
  ExpectAtRest("told-once", "15.00", 1);
  EXPECT_EQ(Recharges("told-once")[0].attempt(), 2);
  EXPECT_THAT(Charges("told-once"), SizeIs(2));
}

// --- Reports ------------------------------------------------------------------------

TEST_F(RechargeFailuresTest, ALostSuccessReportIsRepeatedAndCreditedOnce) {
  OpenFunded("report");
  int dips = 0;
  for (const Moment moment : {Moment::kNotDelivered, Moment::kDelivered, Moment::kReplyLost}) {
    SCOPED_TRACE(static_cast<int>(moment));
    ledger_proxy().Arm({.request = kSuccessReport, .moment = moment, .reply = kSuccessReport});
    Spend("report", absl::StrCat("dip-", ++dips), "15.00");
    ASSERT_TRUE(ledger_proxy().Disarm(kPatience));
    ExpectAtRest("report", "15.00", 1 + dips);
  }
  EXPECT_THAT(Charges("report"), SizeIs(4));
}

TEST_F(RechargeFailuresTest, ARepeatedSuccessReportChangesNothing) {
  worker(0).Kill();
  GhostWorker ghost(recharges());
  Open("repeat", "tok_visa#repeat");
  const auto task = ghost.Take();
  const auto charge = ChargeFor(task, 15);
  ASSERT_TRUE(charge.ok()) << charge.status();
  const auto first = Report(task, Succeeded(charge->charge_id()));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->already_applied());
  for (int i = 0; i < 3; ++i) {
    const auto again = Report(task, Succeeded(charge->charge_id()));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->already_applied());
    EXPECT_EQ(again->recharge().SerializeAsString(), first->recharge().SerializeAsString());
  }
  // Another charge for the same recharge is none of it.
  EXPECT_EQ(ReasonOf(Report(task, Succeeded("ch_other")).status()), "ALREADY_CREDITED");
  ExpectAtRest("repeat", "15.00", 1);
}

TEST_F(RechargeFailuresTest, ALateSuccessOfAFailedRechargeIsCreditedAndEnablesTheAccount) {
  OpenFunded("revived");
  worker(0).Kill();
  GhostWorker ghost(recharges());
  Spend("revived", "dip", "20.00");
  const auto task = ghost.Take();
  const auto charge = ChargeFor(task, 15);
  ASSERT_TRUE(charge.ok()) << charge.status();
  const auto declined =
      Report(task, "declined { decline_class: DECLINE_CLASS_HARD code: 'lost:4111111111111111' }");
  ASSERT_TRUE(declined.ok()) << declined.status();
  EXPECT_EQ(declined->recharge().last_decline_code(), "lost:************1111");
  EXPECT_EQ(declined->recharge().state(), pb::RECHARGE_STATE_FAILED);
  EXPECT_EQ(Get("revived").state(), pb::ACCOUNT_STATE_DISABLED);
  const auto late = Report(task, Succeeded(charge->charge_id()));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->recharge().state(), pb::RECHARGE_STATE_SUCCEEDED);
  // What the card said last still stands.
  EXPECT_EQ(Get("revived").payment_methods(0).card_state(), pb::CARD_STATE_REFUSED);
  ExpectAtRest("revived", "10.00", 2);
  EXPECT_EQ(EventKinds("revived").back(), pb::EVENT_KIND_ENABLED);
}

// --- Keys that are too old ------------------------------------------------------------

// Its gateway remembers keys for 4 s, so a charge is sent within the first two.
class OldKeyTest : public RechargeFailuresTest {
 protected:
  static void SetUpTestSuite() {
    SetUpStage(
        {.ledger_flags = {"--lease_duration=3s"}, .worker_flags = {"--gateway_key_lifetime=4s"}});
  }
};

TEST_F(OldKeyTest, PastHalfOfItsLifetimeAKeyIsLookedUpOnlyAndThenLeftToAPerson) {
  OpenFunded("old");
  worker(0).Kill();
  {
    GhostWorker ghost(recharges());
    Spend("old", "dip", "6.00");
    ghost.Take();  // and dies; nobody knows whether it has charged
  }
  Restart(worker(0));
  AwaitLog(worker(0), "unresolved", "\"old\"");
  EXPECT_EQ(Recharges("old")[0].state(), pb::RECHARGE_STATE_NEEDS_REVIEW);
  EXPECT_EQ(Recharges("old")[0].attempt(), 1);
  EXPECT_THAT(Charges("old"), SizeIs(1));
  EXPECT_THAT(EventKinds("old"), Contains(pb::EVENT_KIND_RECHARGE_NEEDS_REVIEW));
  // It stays under review: nothing else is charged by itself, whatever happens (G3).
  Spend("old", "deeper", "20.00");
  GiveCard("old", "tok_mastercard#old");
  EXPECT_EQ(Recharges("old")[0].state(), pb::RECHARGE_STATE_NEEDS_REVIEW);
  EXPECT_EQ(Get("old").state(), pb::ACCOUNT_STATE_ACTIVE);
  EXPECT_THAT(Charges("old"), SizeIs(1));
  ExpectMoneyMatches("old");
}

TEST_F(OldKeyTest, PastHalfOfItsLifetimeAChargeThatWasMadeIsFoundAndCredited) {
  OpenFunded("old-found");
  worker(0).Kill();
  {
    GhostWorker ghost(recharges());
    Spend("old-found", "dip", "6.00");
    ASSERT_TRUE(ChargeFor(ghost.Take(), 15).ok());
  }
  Restart(worker(0));
  ExpectAtRest("old-found", "24.00", 2);
  EXPECT_THAT(Charges("old-found"), SizeIs(2));
}

}  // namespace
}  // namespace reserve::e2e
