#include "worker/recharge_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/telemetry/log.h"
#include "tests/support/subprocess.h"
#include "tests/support/wait_until.h"
#include "tests/worker/fake_ledger.h"
#include "tests/worker/gateway_server.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

using ::reserve::ledger::v1::ReportRechargeRequest;
using ::reserve::test_support::Subprocess;
using ::reserve::test_support::WaitUntil;

namespace pb = ::reserve::ledger::v1;

class RechargeLoopTest : public testing::Test {
 protected:
  RechargeLoopTest()
      : outage_file_(absl::StrCat(testing::TempDir(), "/outage-", getpid())),
        gateway_(outage_file_) {}

  ~RechargeLoopTest() override {
    if (thread_.joinable()) {
      loop_->Drain();
      thread_.join();
    }
    EndOutage();
  }

  void StartLoop() {
    ledger_client_ = std::make_unique<LedgerClient>(*MakeChannel(ledger_.target(), {}),
                                                    "worker-under-test", options_.max_in_flight);
    gateway_client_ =
        std::make_unique<GatewayClient>(*MakeChannel(gateway_.target(), {}), charge_timeout_);
    loop_ = std::make_unique<RechargeLoop>(options_, ledger_client_.get(), gateway_client_.get(),
                                           &metrics_, &tracer_);
    thread_ = std::thread([this] { status_ = loop_->Run(); });
  }

  // Waits for Run() to return.
  absl::Status Join() {
    thread_.join();
    return status_;
  }

  void StartOutage() { std::ofstream(outage_file_) << "out"; }
  void EndOutage() { std::filesystem::remove(outage_file_); }
  bool WaitUntilNothingIsInWork() {
    return WaitUntil([this] { return metrics_.in_flight.Value() == 0; });
  }

  RechargeLoop::Options options_{.rules = {.backoff_initial = absl::Milliseconds(10),
                                           .backoff_max = absl::Milliseconds(50),
                                           .patience = 1000},
                                 .drain_timeout = absl::Seconds(10)};
  absl::Duration charge_timeout_ = absl::Seconds(5);
  const std::string outage_file_;
  GatewayServer gateway_;
  FakeLedger ledger_;
  prometheus::Registry registry_;
  WorkerMetrics metrics_{&registry_};
  Tracer tracer_;
  std::unique_ptr<LedgerClient> ledger_client_;
  std::unique_ptr<GatewayClient> gateway_client_;
  std::unique_ptr<RechargeLoop> loop_;
  std::thread thread_;
  absl::Status status_;
};

TEST_F(RechargeLoopTest, AChargeIsReportedWithItsIdAndAmount) {
  StartLoop();
  ledger_.HandOut({.account_id = "acct-7", .ordinal = 3, .attempt = 2, .epoch = 9});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  const ReportRechargeRequest report = ledger_.reports()[0];
  EXPECT_EQ(report.account_id(), "acct-7");
  EXPECT_EQ(report.ordinal(), 3);
  EXPECT_EQ(report.attempt(), 2);
  EXPECT_EQ(report.lease_epoch(), 9);
  EXPECT_EQ(report.worker_id(), "worker-under-test");
  EXPECT_FALSE(report.succeeded().charge_id().empty());
  EXPECT_EQ(report.succeeded().amount().units(), 15);
  EXPECT_EQ(report.succeeded().amount().currency_code(), "USD");
  EXPECT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(metrics_.succeeded.Value(), 1);
}

TEST_F(RechargeLoopTest, EachClassOfDeclineIsReportedAsItIs) {
  struct Case {
    std::string token;
    pb::DeclineClass decline_class;
    std::string code;
  };
  const std::vector<Case> cases = {
      {"tok_decline_insufficient_funds", pb::DECLINE_CLASS_SOFT, "insufficient_funds"},
      {"tok_decline_lost_card", pb::DECLINE_CLASS_HARD, "lost_card"},
      {"tok_authenticationRequired", pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED,
       "authentication_required"},
      {"tok_nonsense", pb::DECLINE_CLASS_HARD, "invalid_card_token"},
      {"not a token", pb::DECLINE_CLASS_HARD, "refused:INVALID_FIELD:card_token"},
  };
  StartLoop();
  for (size_t i = 0; i < cases.size(); ++i) {
    ledger_.HandOut({.account_id = absl::StrCat("acct-", i), .card_token = cases[i].token});
    ASSERT_TRUE(ledger_.WaitForReports(i + 1));
    const ReportRechargeRequest report = ledger_.reports()[i];
    EXPECT_EQ(report.declined().decline_class(), cases[i].decline_class) << cases[i].token;
    EXPECT_EQ(report.declined().code(), cases[i].code) << cases[i].token;
  }
}

TEST_F(RechargeLoopTest, AnInvalidChargeIsAFaultOfOursAndLeftToAPersonOnceNoneIsFound) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_invalid_request"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(metrics_.invalid_charges.Value(), 1);
  ASSERT_EQ(ledger_.reports().size(), 1);
  ASSERT_TRUE(ledger_.reports()[0].has_unresolved()) << ledger_.reports()[0].DebugString();
  EXPECT_THAT(ledger_.reports()[0].unresolved().reason(),
              testing::HasSubstr("calls the charge invalid, and has none under its key"));
  EXPECT_EQ(gateway_.charges(), 0);
}

TEST_F(RechargeLoopTest, AnInvalidChargeDoesNotKeepOthersWaiting) {
  options_.max_in_flight = 1;
  StartLoop();
  for (int i = 0; i < 10; ++i) {
    ledger_.HandOut({.account_id = absl::StrCat("sick-", i), .card_token = "tok_invalid_request"});
    ASSERT_TRUE(ledger_.WaitForReports(i + 1));
  }
  ledger_.HandOut({.account_id = "healthy"});
  ASSERT_TRUE(ledger_.WaitForReports(11));
  EXPECT_EQ(ledger_.reports()[10].account_id(), "healthy");
}

TEST_F(RechargeLoopTest, ALostReplyIsLookedUpAndReportedOnce) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_lost_reply"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(ledger_.reports().size(), 1);
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, AChargeThatTakesTooLongIsChargedOnceAndFound) {
  charge_timeout_ = absl::Milliseconds(50);
  StartLoop();
  ledger_.HandOut({.card_token = "tok_slow_300"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  EXPECT_EQ(gateway_.charges(), 1);
  EXPECT_GE(metrics_.unknown_outcomes.Value(), 1);
}

TEST_F(RechargeLoopTest, AnOutageOfTheGatewayIsWaitedOutUnderARenewedLease) {
  StartOutage();
  StartLoop();
  ledger_.HandOut({.lease = absl::Milliseconds(900)});
  ASSERT_TRUE(ledger_.WaitForRenewals(3));
  EXPECT_TRUE(ledger_.reports().empty());
  EndOutage();
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, WhenTheLeaseIsLostNothingIsChargedAnyMore) {
  StartOutage();
  ledger_.AnswerRenewals(
      MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over"));
  StartLoop();
  ledger_.HandOut({.lease = absl::Milliseconds(900)});
  ASSERT_TRUE(ledger_.WaitForRenewals(1));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EndOutage();
  EXPECT_EQ(gateway_.charges(), 0);
  EXPECT_TRUE(ledger_.reports().empty());
  EXPECT_EQ(metrics_.leases_lost.Value(), 1);
}

TEST_F(RechargeLoopTest, ASuccessSurvivesALedgerThatGoesAwayAndComesBack) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_late_300"});
  ASSERT_TRUE(WaitUntil([&] { return gateway_.charges() == 1; }));
  ledger_.Stop();
  ASSERT_TRUE(
      WaitUntil([&] { return metrics_.charge_seconds.Collect().histogram.sample_count == 1; }));
  ledger_.Start();
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  // And the stream is open again.
  ledger_.HandOut({.account_id = "acct-2"});
  ASSERT_TRUE(ledger_.WaitForReports(2));
  EXPECT_EQ(ledger_.streams(), 2);
}

TEST_F(RechargeLoopTest, AReportWithoutAnswerIsRepeatedUntilItIsAccepted) {
  int refusals = 5;
  ledger_.AnswerReports([&refusals](const ReportRechargeRequest&) {
    return refusals-- > 0 ? absl::UnavailableError("not now") : absl::OkStatus();
  });
  StartLoop();
  ledger_.HandOut({});
  ASSERT_TRUE(ledger_.WaitForReports(6));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(ledger_.reports().size(), 6);
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, ASuccessThatTheLedgerCallsInvalidIsLeftToAPersonAndNotChargedAgain) {
  ledger_.AnswerReports([](const ReportRechargeRequest& report) {
    return report.has_succeeded() ? InvalidField("succeeded.charge_id", "is too long")
                                  : absl::OkStatus();
  });
  StartLoop();
  ledger_.HandOut({});
  ASSERT_TRUE(ledger_.WaitForReports(2));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  ASSERT_EQ(ledger_.reports().size(), 2);
  // A person reads of the charge.
  EXPECT_THAT(ledger_.reports()[1].unresolved().reason(),
              testing::HasSubstr(ledger_.reports()[0].succeeded().charge_id()));
  EXPECT_EQ(metrics_.reports_refused.Value(), 1);
  EXPECT_EQ(metrics_.unresolved.Value(), 1);
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest,
       ALedgerThatCallsEveryReportInvalidIsToldOncePerLeaseAndTheCardChargedOnce) {
  ledger_.AnswerReports([](const ReportRechargeRequest&) {
    return InvalidField("account_id", "is not known to this version");
  });
  StartLoop();
  for (int64_t lease = 1; lease <= 3; ++lease) {
    ledger_.HandOut({.handed_out_before = lease > 1, .epoch = lease});
    // The success, and what a person should know of it.
    ASSERT_TRUE(ledger_.WaitForReports(static_cast<size_t>(2 * lease)));
    ASSERT_TRUE(WaitUntilNothingIsInWork());
    EXPECT_EQ(ledger_.reports().size(), 2 * lease);
    EXPECT_EQ(metrics_.reports_refused.Value(), 2 * lease);
    EXPECT_EQ(gateway_.charges(), 1);
  }
  // The report is not lost: a ledger that takes it hears of the very same charge.
  ledger_.AnswerReports([](const ReportRechargeRequest&) { return absl::OkStatus(); });
  ledger_.HandOut({.handed_out_before = true, .epoch = 4});
  ASSERT_TRUE(ledger_.WaitForReports(7));
  EXPECT_EQ(ledger_.reports()[6].succeeded().charge_id(),
            ledger_.reports()[0].succeeded().charge_id());
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, ALeaseThatTheLedgerCallsInvalidIsLost) {
  StartOutage();
  ledger_.AnswerRenewals(InvalidField("lease_epoch", "must be 1 or more"));
  StartLoop();
  ledger_.HandOut({.lease = absl::Milliseconds(900)});
  ASSERT_TRUE(WaitUntil([&] { return metrics_.leases_lost.Value() == 1; }));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EndOutage();
  EXPECT_EQ(ledger_.renewals(), 1);
  EXPECT_EQ(gateway_.charges(), 0);
}

TEST_F(RechargeLoopTest, AWorkerThatTheLedgerCallsInvalidReportsWhatItHasAndEnds) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_late_300"});
  ASSERT_TRUE(WaitUntil([&] { return gateway_.charges() == 1; }));
  ledger_.AnswerStreams(InvalidField("worker_id", "must be 1 to 64 characters"));
  const absl::Status status = Join();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(FieldOf(status), "worker_id");
  ASSERT_EQ(ledger_.reports().size(), 1);
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  // It did not ask again and again.
  EXPECT_EQ(ledger_.streams(), 1);
  EXPECT_EQ(metrics_.streams_refused.Value(), 1);
}

TEST_F(RechargeLoopTest, AWorkerThatTheLedgerDoesNotLetInTriesUntilItDoes) {
  ledger_.AnswerStreams(absl::PermissionDeniedError("not a worker"));
  StartLoop();
  ASSERT_TRUE(WaitUntil([&] { return metrics_.streams_refused.Value() >= 3; }));
  ledger_.AnswerStreams(absl::OkStatus());
  ledger_.HandOut({});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
}

TEST_F(RechargeLoopTest, ADeclineWithoutTheLeaseIsGivenUpSilently) {
  ledger_.AnswerReports([](const ReportRechargeRequest&) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over");
  });
  StartLoop();
  ledger_.HandOut({.card_token = "tok_decline_lost_card"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(ledger_.reports().size(), 1);
}

TEST_F(RechargeLoopTest, ATaskHandedOutAgainWhileInWorkGoesOnUnderTheNewLease) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_slow_300", .epoch = 1});
  ledger_.HandOut({.card_token = "tok_slow_300", .handed_out_before = true, .epoch = 2});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  ASSERT_EQ(ledger_.reports().size(), 1);
  EXPECT_EQ(ledger_.reports()[0].lease_epoch(), 2);
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, WhatTheGatewayHasCalledPendingIsLookedUpUntilItTellsHoweverOldItIs) {
  charge_timeout_ = absl::Milliseconds(50);
  StartLoop();
  // Its key is in use for a while, which is no answer.
  FakeLedger::HandOutOptions hand_out = {.card_token = "tok_slow_600"};
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(WaitUntil([&] { return metrics_.unknown_outcomes.Value() > 0; }));
  hand_out.attempt_age = absl::Hours(30);
  hand_out.handed_out_before = true;
  hand_out.pending = true;
  hand_out.epoch = 2;
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(RechargeLoopTest, PastHalfOfTheKeyLifetimeNothingIsCharged) {
  StartLoop();
  ledger_.HandOut({.attempt_age = absl::Hours(13), .handed_out_before = true});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_unresolved());
  EXPECT_EQ(gateway_.charges(), 0);
}

TEST_F(RechargeLoopTest, ChargesRunBesideEachOther) {
  constexpr size_t kCharges = 60;
  StartLoop();
  const absl::Time start = absl::Now();
  for (size_t i = 0; i < kCharges; ++i) {
    ledger_.HandOut(
        {.account_id = absl::StrCat("acct-", i), .card_token = absl::StrCat("tok_slow_500#", i)});
  }
  ASSERT_TRUE(ledger_.WaitForReports(kCharges));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500) * kCharges / 4);
  std::set<std::string> accounts;
  for (const ReportRechargeRequest& report : ledger_.reports())
    accounts.insert(report.account_id());
  EXPECT_EQ(accounts.size(), kCharges);
}

TEST_F(RechargeLoopTest, WhatIsInvalidIsNotTaken) {
  StartLoop();
  ledger_.HandOut({.account_id = ""});
  ledger_.HandOut({.account_id = "acct-2"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_EQ(ledger_.reports()[0].account_id(), "acct-2");
  EXPECT_EQ(metrics_.hand_outs_dropped.Value(), 1);
}

TEST_F(RechargeLoopTest, DrainingFinishesAndReportsWhatIsUnderWay) {
  StartLoop();
  ledger_.HandOut({.card_token = "tok_late_300"});
  ASSERT_TRUE(WaitUntil([&] { return gateway_.charges() == 1; }));
  loop_->Drain();
  EXPECT_TRUE(Join().ok());
  ASSERT_EQ(ledger_.reports().size(), 1);
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
}

TEST_F(RechargeLoopTest, DrainingDoesNotOutlastItsTimeout) {
  options_.drain_timeout = absl::Milliseconds(100);
  StartLoop();
  ledger_.HandOut({.card_token = "tok_slow_3000"});
  ASSERT_TRUE(WaitUntil([&] { return metrics_.in_flight.Value() == 1; }));
  const absl::Time start = absl::Now();
  loop_->Drain();
  EXPECT_TRUE(Join().ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
}

TEST_F(RechargeLoopTest, ARunOnceEndsWhenNothingIsLeftToDo) {
  options_.exit_when_idle = absl::Milliseconds(200);
  ledger_.HandOut({});
  StartLoop();
  EXPECT_TRUE(Join().ok());
  EXPECT_EQ(ledger_.reports().size(), 1);
}

TEST_F(RechargeLoopTest, ARunOnceWithoutALedgerFails) {
  ledger_.Stop();
  options_.exit_when_idle = absl::Milliseconds(200);
  StartLoop();
  EXPECT_TRUE(absl::IsUnavailable(Join()));
}

TEST_F(RechargeLoopTest, EachAttemptIsCountedOnceUnderHowItEnded) {
  StartLoop();
  ledger_.HandOut({.account_id = "a"});
  ledger_.HandOut({.account_id = "b", .card_token = "tok_decline_lost_card"});
  ledger_.HandOut({.account_id = "c", .card_token = "tok_pending_600000"});
  ledger_.HandOut({.account_id = "d", .attempt_age = absl::Hours(13), .handed_out_before = true});
  ASSERT_TRUE(ledger_.WaitForReports(4));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(metrics_.succeeded.Value(), 1);
  EXPECT_EQ(metrics_.declined_hard.Value(), 1);
  EXPECT_EQ(metrics_.pending.Value(), 1);
  EXPECT_EQ(metrics_.unresolved.Value(), 1);
  EXPECT_EQ(metrics_.left.Value(), 0);
  // What the ledger does not take ends without an outcome.
  ledger_.AnswerReports([](const ReportRechargeRequest&) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over");
  });
  ledger_.HandOut({.account_id = "e", .card_token = "tok_decline_lost_card#2"});
  ASSERT_TRUE(ledger_.WaitForReports(5));
  ASSERT_TRUE(WaitUntil([&] { return metrics_.left.Value() == 1; }));
  EXPECT_EQ(metrics_.declined_hard.Value(), 1);
}

TEST_F(RechargeLoopTest, TheGatewayGetsNoMoreRequestsThanItsLimit) {
  constexpr size_t kCharges = 20;
  options_.gateway_requests_per_second = 20;
  options_.max_in_flight = 10;  // what waits for its turn takes room
  StartLoop();
  const Moment start = MonotonicNow();
  for (size_t i = 0; i < kCharges; ++i) ledger_.HandOut({.account_id = absl::StrCat("acct-", i)});
  // What is reported waits for nothing: it follows each charge at once.
  ASSERT_TRUE(ledger_.WaitForReports(kCharges / 2));
  EXPECT_LT(gateway_.charges(), kCharges);
  ASSERT_TRUE(ledger_.WaitForReports(kCharges));
  // Two at once, the others 50 ms apart.
  EXPECT_GE(MonotonicNow() - start, absl::Milliseconds(50) * (kCharges - 2));
  EXPECT_EQ(gateway_.charges(), kCharges);
}

TEST_F(RechargeLoopTest, WhatWaitsForItsTurnIsNotSentOnceItsLeaseIsLost) {
  options_.gateway_requests_per_second = 1;
  ledger_.AnswerRenewals(
      MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over"));
  StartLoop();
  ledger_.HandOut({.account_id = "first"});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  ledger_.HandOut({.account_id = "second", .lease = absl::Milliseconds(600)});
  ASSERT_TRUE(WaitUntil([&] { return metrics_.left.Value() == 1; }));
  // And it holds nobody up.
  ledger_.HandOut({.account_id = "third"});
  ASSERT_TRUE(ledger_.WaitForReports(2));
  EXPECT_EQ(ledger_.reports()[1].account_id(), "third");
  EXPECT_EQ(gateway_.charges(), 2);
}

class RefundLoopTest : public RechargeLoopTest {
 protected:
  // The id of a charge of $15 of that card.
  std::string Charge(const std::string& card_token) {
    return Charge(card_token, absl::StrCat("charge-of-", card_token), "acct-1/3");
  }
  std::string Charge(const std::string& card_token, const std::string& key,
                     const std::string& reference) {
    std::string charge_id;
    absl::Notification charged;
    gateway_.gateway().Charge({.idempotency_key = key,
                               .card_token = card_token,
                               .amount = 15 * kNanosPerUnit,
                               .currency_code = "USD",
                               .reference = reference},
                              [&](absl::StatusOr<gateway_stub::ChargeAnswer> answer) {
                                charge_id = answer.ok() ? answer->charge.charge_id : "";
                                charged.Notify();
                              });
    charged.WaitForNotification();
    return charge_id;
  }
  // Of $5 of the charge, as the account's number 4.
  static FakeLedger::HandOutOptions RefundOf(const std::string& charge_id) {
    return {.ordinal = 4, .units = 5, .refunded_charge_id = charge_id};
  }
  std::vector<gateway_stub::RefundRecord> Refunds() {
    std::vector<gateway_stub::RefundRecord> refunds;
    const auto page = gateway_.gateway().ListCharges({}, 0, 1000);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return refunds;
    for (const gateway_stub::ChargeRecord& charge : page->charges) {
      refunds.insert(refunds.end(), charge.refunds.begin(), charge.refunds.end());
    }
    return refunds;
  }
  // What the worker reports of the refund.
  ReportRechargeRequest ReportOf(const FakeLedger::HandOutOptions& hand_out) {
    const size_t before = ledger_.reports().size();
    ledger_.HandOut(hand_out);
    EXPECT_TRUE(ledger_.WaitForReports(before + 1));
    EXPECT_TRUE(WaitUntilNothingIsInWork());
    EXPECT_EQ(ledger_.reports().size(), before + 1);
    return ledger_.reports().back();
  }
};

TEST_F(RefundLoopTest, ARefundIsMadeOnceAndReportedWithItsId) {
  StartLoop();
  const std::string charge_id = Charge("tok_visa");
  const ReportRechargeRequest report = ReportOf(RefundOf(charge_id));
  ASSERT_EQ(Refunds().size(), 1u);
  const gateway_stub::RefundRecord refund = Refunds()[0];
  EXPECT_EQ(refund.order.idempotency_key, RefundKey("acct-1", 4));
  EXPECT_EQ(refund.order.charge_id, charge_id);
  EXPECT_EQ(refund.order.amount, 5 * kNanosPerUnit);
  EXPECT_EQ(refund.order.reference, "acct-1/4");
  EXPECT_EQ(report.account_id(), "acct-1");
  EXPECT_EQ(report.ordinal(), 4);
  EXPECT_EQ(report.refund_succeeded().refund_id(), refund.refund_id);
  EXPECT_EQ(metrics_.refunded.Value(), 1);
  EXPECT_EQ(metrics_.left.Value(), 0);
}

TEST_F(RefundLoopTest, ARefundHandedOutAgainIsNotMadeAgain) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  const ReportRechargeRequest first = ReportOf(hand_out);
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  const ReportRechargeRequest second = ReportOf(hand_out);
  EXPECT_EQ(second.lease_epoch(), 2);
  EXPECT_EQ(second.refund_succeeded().refund_id(), first.refund_succeeded().refund_id());
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(RefundLoopTest, TwoRefundsOfAChargeAreTwo) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  ReportOf(hand_out);
  hand_out.ordinal = 5;
  EXPECT_TRUE(ReportOf(hand_out).has_refund_succeeded());
  EXPECT_EQ(Refunds().size(), 2u);
}

TEST_F(RefundLoopTest, ALostReplyToARefundIsLookedUpAndReportedOnce) {
  StartLoop();
  EXPECT_TRUE(ReportOf(RefundOf(Charge("tok_refund_lost_reply"))).has_refund_succeeded());
  EXPECT_TRUE(
      ReportOf(
          {.account_id = "acct-2", .units = 5, .refunded_charge_id = Charge("tok_refund_internal")})
          .has_refund_succeeded());
  EXPECT_EQ(Refunds().size(), 2u);
}

TEST_F(RefundLoopTest, ARefundThatTakesTooLongIsMadeOnceAndFound) {
  charge_timeout_ = absl::Milliseconds(50);
  StartLoop();
  EXPECT_TRUE(ReportOf(RefundOf(Charge("tok_refund_slow_300"))).has_refund_succeeded());
  EXPECT_EQ(Refunds().size(), 1u);
  EXPECT_GE(metrics_.unknown_outcomes.Value(), 1);
}

TEST_F(RefundLoopTest, ARefundThatIsPendingIsReportedSoAndThenAsItEnded) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_refund_pending_300"));
  const ReportRechargeRequest pending = ReportOf(hand_out);
  ASSERT_EQ(Refunds().size(), 1u);
  EXPECT_EQ(pending.pending().charge_id(), Refunds()[0].refund_id);
  EXPECT_EQ(metrics_.pending.Value(), 1);
  ASSERT_TRUE(
      WaitUntil([&] { return Refunds()[0].state == gateway_stub::RefundState::kSucceeded; }));
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  EXPECT_TRUE(ReportOf(hand_out).has_refund_succeeded());
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(RefundLoopTest, ARefundThatFailsIsReportedWithItsCode) {
  StartLoop();
  const ReportRechargeRequest failed = ReportOf(RefundOf(Charge("tok_refund_fail")));
  EXPECT_EQ(failed.refund_failed().code(), "expired_or_canceled_card");
  EXPECT_EQ(failed.refund_failed().refund_id(), Refunds()[0].refund_id);
  FakeLedger::HandOutOptions too_large = RefundOf(Charge("tok_visa"));
  too_large.account_id = "acct-2";
  too_large.units = 16;
  EXPECT_EQ(ReportOf(too_large).refund_failed().code(), "REFUND_TOO_LARGE");
  EXPECT_EQ(
      ReportOf({.account_id = "acct-3", .refunded_charge_id = "ch_none"}).refund_failed().code(),
      "CHARGE_NOT_FOUND");
  EXPECT_EQ(metrics_.refund_failed.Value(), 3);
  EXPECT_EQ(metrics_.left.Value(), 0);
}

TEST_F(RefundLoopTest, AnInvalidRefundIsAFaultOfOursAndLeftUntilTheNextLease) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf("not an id");
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(WaitUntil([&] { return metrics_.left.Value() == 1; }));
  EXPECT_EQ(metrics_.invalid_refunds.Value(), 1);
  EXPECT_TRUE(ledger_.reports().empty());
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  hand_out.attempt_age = absl::Hours(13);
  EXPECT_TRUE(ReportOf(hand_out).has_unresolved());
}

TEST_F(RefundLoopTest, AKeyUsedForAnotherRefundIsLeftToAPerson) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  ReportOf(hand_out);
  hand_out.units = 6;
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  EXPECT_TRUE(ReportOf(hand_out).has_unresolved());
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(RefundLoopTest, PastHalfOfTheKeyLifetimeNothingIsGivenBack) {
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  hand_out.attempt_age = absl::Hours(13);
  hand_out.handed_out_before = true;
  EXPECT_TRUE(ReportOf(hand_out).has_unresolved());
  EXPECT_TRUE(Refunds().empty());
}

TEST_F(RefundLoopTest, ARefundMadeByAWorkerThatLostItsLeaseIsReportedAllTheSame) {
  ledger_.AnswerRenewals(
      MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over"));
  StartLoop();
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_refund_late_800"));
  hand_out.lease = absl::Milliseconds(300);
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(WaitUntil([&] { return metrics_.leases_lost.Value() == 1; }));
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_refund_succeeded());
}

TEST_F(RefundLoopTest, AFailureOfARefundWithoutTheLeaseIsGivenUpSilently) {
  ledger_.AnswerReports([](const ReportRechargeRequest&) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over");
  });
  StartLoop();
  EXPECT_TRUE(ReportOf(RefundOf(Charge("tok_refund_fail"))).has_refund_failed());
  EXPECT_EQ(metrics_.refund_failed.Value(), 0);
  EXPECT_EQ(metrics_.left.Value(), 1);
}

TEST_F(RefundLoopTest, TheReportOfARefundIsRepeatedUntilItIsAnswered) {
  int refusals = 5;
  ledger_.AnswerReports([&refusals](const ReportRechargeRequest&) {
    return refusals-- > 0 ? absl::UnavailableError("not now") : absl::OkStatus();
  });
  StartLoop();
  ledger_.HandOut(RefundOf(Charge("tok_visa")));
  ASSERT_TRUE(ledger_.WaitForReports(6));
  ASSERT_TRUE(WaitUntilNothingIsInWork());
  EXPECT_EQ(ledger_.reports().size(), 6);
  EXPECT_EQ(Refunds().size(), 1u);
  EXPECT_EQ(metrics_.refunded.Value(), 1);
}

// A success that was not reported in time, and was given back or disputed meanwhile.
class LateSuccessTest : public RefundLoopTest {
 protected:
  // The id of a charge under the key of the first attempt of acct-1/1, of which $5 were given back
  // by hand and the rest is disputed.
  std::string ChargeThatWasTakenBack() {
    const std::string charge_id = Charge("tok_visa", ChargeKey("acct-1", 1, 1), "acct-1/1");
    absl::Notification refunded;
    gateway_.gateway().RefundByHand(
        {.charge_id = charge_id, .amount = 5 * kNanosPerUnit, .currency_code = "USD"},
        [&](const auto&) { refunded.Notify(); });
    refunded.WaitForNotification();
    absl::Notification disputed;
    gateway_.gateway().OpenDispute({.charge_id = charge_id, .reason = "fraudulent"},
                                   [&](const auto&) { disputed.Notify(); });
    disputed.WaitForNotification();
    return charge_id;
  }
};

TEST_F(LateSuccessTest, TheLedgerHearsOfWhatCameBackBeforeTheSuccess) {
  const std::string charge_id = ChargeThatWasTakenBack();
  ledger_.AnswerStates(absl::UnavailableError("not now"));
  StartLoop();
  ledger_.HandOut({.handed_out_before = true});
  ASSERT_TRUE(WaitUntil([&] { return ledger_.told_refunds().size() >= 3; }));
  EXPECT_TRUE(ledger_.reports().empty());
  ledger_.AnswerStates(absl::OkStatus());
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_EQ(ledger_.reports()[0].succeeded().charge_id(), charge_id);
  EXPECT_EQ(ledger_.reports()[0].succeeded().amount().units(), 15);
  const pb::ReportGatewayRefundRequest refund = ledger_.told_refunds().back();
  EXPECT_EQ(refund.charge_id(), charge_id);
  EXPECT_EQ(refund.charge_reference(), "acct-1/1");
  EXPECT_FALSE(refund.refund_id().empty());
  EXPECT_EQ(refund.state(), pb::REFUND_STATE_SUCCEEDED);
  EXPECT_EQ(refund.amount().units(), 5);
  ASSERT_EQ(ledger_.told_disputes().size(), 1u);
  const pb::ReportGatewayDisputeRequest dispute = ledger_.told_disputes()[0];
  EXPECT_EQ(dispute.charge_id(), charge_id);
  EXPECT_EQ(dispute.charge_reference(), "acct-1/1");
  EXPECT_FALSE(dispute.dispute_id().empty());
  EXPECT_EQ(dispute.state(), pb::DISPUTE_STATE_OPENED);
  EXPECT_EQ(dispute.amount().units(), 10);
  EXPECT_EQ(dispute.reason(), "fraudulent");
}

TEST_F(LateSuccessTest, WhatTheLedgerDoesNotTakeIsLeftToAPerson) {
  const std::string charge_id = ChargeThatWasTakenBack();
  ledger_.AnswerStates(
      MakeError(absl::StatusCode::kNotFound, "CHARGE_NOT_FOUND", "charge_id", "of nobody"));
  StartLoop();
  ledger_.HandOut({.handed_out_before = true});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_THAT(ledger_.reports()[0].unresolved().reason(), testing::HasSubstr(charge_id));
  EXPECT_TRUE(ledger_.told_disputes().empty());
}

// The program itself.
class WorkerProgramTest : public RefundLoopTest {
 protected:
  static void WaitUntilPassed(absl::Duration duration) {
    const Moment end = MonotonicNow() + duration;
    EXPECT_TRUE(WaitUntil([end] { return MonotonicNow() >= end; }));
  }
  // What is given twice counts as it came last.
  std::unique_ptr<Subprocess> StartProgram(std::vector<std::string> args) {
    args.insert(args.begin(), {absl::StrCat("--ledger=", ledger_.target()),
                               absl::StrCat("--gateway=", gateway_.target())});
    auto program = Subprocess::Start({.program = "worker", .args = std::move(args)});
    EXPECT_TRUE(program.ok()) << program.status();
    return program.ok() ? *std::move(program) : nullptr;
  }
};

TEST_F(WorkerProgramTest, SigtermDrainsAndExitsCleanly) {
  const auto program = StartProgram({});
  ASSERT_NE(program, nullptr);
  ledger_.HandOut({.card_token = "tok_late_500"});
  ASSERT_TRUE(WaitUntil([&] { return gateway_.charges() == 1; }));
  program->Signal(SIGTERM);
  EXPECT_EQ(program->Wait(absl::Seconds(10)), 0) << program->Stderr();
  ASSERT_EQ(ledger_.reports().size(), 1);
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
}

TEST_F(WorkerProgramTest, OnceHandlesWhatIsDueAndExits) {
  ledger_.HandOut({.card_token = "tok_visa#secret"});
  const auto program = StartProgram({"--once", "--once_idle=300ms"});
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->Wait(absl::Seconds(10)), 0) << program->Stderr();
  EXPECT_EQ(ledger_.reports().size(), 1);
  EXPECT_THAT(program->Stderr(), testing::HasSubstr("\"charged\""));
  EXPECT_THAT(program->Stderr(), testing::Not(testing::HasSubstr("tok_visa")));
}

TEST_F(WorkerProgramTest, AKilledWorkersChargeIsFoundByItsSuccessor) {
  const auto first = StartProgram({});
  ASSERT_NE(first, nullptr);
  ledger_.HandOut({.card_token = "tok_late_3000"});
  ASSERT_TRUE(WaitUntil([&] { return gateway_.charges() == 1; }));
  first->Kill();
  ASSERT_TRUE(ledger_.WaitForStreamsToEnd());
  const auto second = StartProgram({"--charge_timeout=1s"});
  ASSERT_NE(second, nullptr);
  ledger_.HandOut({.card_token = "tok_late_3000", .handed_out_before = true, .epoch = 2});
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_succeeded());
  EXPECT_EQ(gateway_.charges(), 1);
}

TEST_F(WorkerProgramTest, AWorkerKilledBeforeTheRefundIsSucceededByAnother) {
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  StartOutage();
  const auto first = StartProgram({});
  ASSERT_NE(first, nullptr);
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(first->WaitForOutput("the gateway is away", absl::Seconds(10)).ok());
  first->Kill();
  ASSERT_TRUE(ledger_.WaitForStreamsToEnd());
  EndOutage();
  EXPECT_TRUE(Refunds().empty());
  const auto second = StartProgram({});
  ASSERT_NE(second, nullptr);
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_TRUE(ledger_.reports()[0].has_refund_succeeded());
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(WorkerProgramTest, AKilledWorkersRefundIsFoundByItsSuccessor) {
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_refund_late_3000"));
  const auto first = StartProgram({});
  ASSERT_NE(first, nullptr);
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(WaitUntil([&] { return Refunds().size() == 1; }));
  first->Kill();
  ASSERT_TRUE(ledger_.WaitForStreamsToEnd());
  const auto second = StartProgram({});
  ASSERT_NE(second, nullptr);
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_EQ(ledger_.reports()[0].refund_succeeded().refund_id(), Refunds()[0].refund_id);
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(WorkerProgramTest, AWorkerFrozenPastItsLeaseWhileItRefundsReportsWhatItDid) {
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_refund_late_500"));
  hand_out.lease = absl::Seconds(1);
  const auto program = StartProgram({});
  ASSERT_NE(program, nullptr);
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(WaitUntil([&] { return Refunds().size() == 1; }));
  program->Signal(SIGSTOP);
  // Meanwhile another one gets it, as the loop of this process.
  FakeLedger other_ledger;
  LedgerClient other_client(*MakeChannel(other_ledger.target(), {}), "other", 1);
  GatewayClient gateway_client(*MakeChannel(gateway_.target(), {}), absl::Seconds(5));
  RechargeLoop other(options_, &other_client, &gateway_client, &metrics_, &tracer_);
  std::thread thread([&] { EXPECT_TRUE(other.Run().ok()); });
  hand_out.handed_out_before = true;
  hand_out.epoch = 2;
  other_ledger.HandOut(hand_out);
  EXPECT_TRUE(other_ledger.WaitForReports(1));
  other.Drain();
  thread.join();
  WaitUntilPassed(absl::Milliseconds(1500));
  program->Signal(SIGCONT);
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_EQ(ledger_.reports()[0].lease_epoch(), 1);
  EXPECT_EQ(ledger_.reports()[0].refund_succeeded().refund_id(),
            other_ledger.reports()[0].refund_succeeded().refund_id());
  EXPECT_EQ(Refunds().size(), 1u);
}

TEST_F(WorkerProgramTest, AWorkerFrozenPastItsLeaseBeforeItRefundsSendsNothingMore) {
  FakeLedger::HandOutOptions hand_out = RefundOf(Charge("tok_visa"));
  hand_out.lease = absl::Seconds(1);
  FakeLedger::HandOutOptions next = RefundOf(Charge("tok_visa#next"));
  next.account_id = "next";
  StartOutage();
  const auto program = StartProgram({});
  ASSERT_NE(program, nullptr);
  ledger_.HandOut(hand_out);
  ASSERT_TRUE(program->WaitForOutput("the gateway is away", absl::Seconds(10)).ok());
  program->Signal(SIGSTOP);
  EndOutage();
  WaitUntilPassed(absl::Milliseconds(1500));  // a lease lasts for a second, renewed or not
  ledger_.AnswerRenewals(
      MakeError(absl::StatusCode::kFailedPrecondition, "LEASE_LOST", "", "taken over"));
  program->Signal(SIGCONT);
  ledger_.HandOut(next);
  ASSERT_TRUE(ledger_.WaitForReports(1));
  EXPECT_EQ(ledger_.reports()[0].account_id(), "next");
  ASSERT_EQ(Refunds().size(), 1u);
  EXPECT_EQ(Refunds()[0].order.reference, "next/4");
}

TEST_F(WorkerProgramTest, AWorkerWhoseFlagsTheLedgerRefusesSaysSoAndEnds) {
  ledger_.AnswerStreams(InvalidField("worker_id", "must be 1 to 64 characters"));
  const auto program = StartProgram({"--worker_id=not good"});
  ASSERT_NE(program, nullptr);
  EXPECT_EQ(program->Wait(absl::Seconds(10)), 1);
  EXPECT_THAT(program->Stderr(), testing::HasSubstr("the ledger refuses this worker"));
  EXPECT_THAT(program->Stderr(), testing::HasSubstr("worker_id"));
  EXPECT_THAT(program->Stderr(), testing::Not(testing::HasSubstr("away")));
}

TEST_F(WorkerProgramTest, ABadFlagIsRefused) {
  for (const std::string flag :
       {"--max_in_flight=0", "--gateway_requests_per_second=-1", "--drain_timeout=-5s",
        "--ledger=127.0.0.1:", "--gateway=127.0.0.1:99999", "--health_listen=0.0.0.0:99999",
        "--metrics_listen=9100", "--once_idle=-1s", "--charge_timeout=inf", "--backoff_max=inf",
        "--gateway_key_lifetime=inf", "--once_idle=inf", "--tls_ca_file=/nonexistent"}) {
    SCOPED_TRACE(flag);
    const auto program = StartProgram({flag});
    ASSERT_NE(program, nullptr);
    EXPECT_EQ(program->Wait(absl::Seconds(10)), 2);
    EXPECT_THAT(program->Stderr(), testing::HasSubstr(flag == "--tls_ca_file=/nonexistent"
                                                          ? "TLS"
                                                          : flag.substr(0, flag.find('='))));
  }
}

}  // namespace
}  // namespace reserve::worker
