// Calls in progress, on a real database: what is held is stored with what it is taken from, several
// ledgers share it, and time ends it once (H1 to H12).

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/hold_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

class HoldsTest : public testing::Test {
 protected:
  HoldsTest() : engine_(ledger_.StartEngine(ledger_.Options())) {
    OpenFunded(*engine_, kAccount);  // $15.00
  }

  // Of a call to a number at $0.06 a minute and $0.01 to connect.
  CreateHold Create(const std::string& hold_id, const char* number = kDearNumber) {
    CreateHold create;
    create.request.hold_id = hold_id;
    create.request.call = Call(kUser, "usage-of-" + hold_id, number, 0);
    create.request.call.start_time = ledger_.clock().Now();
    create.request.switch_id = "switch";
    create.request.incarnation = 1;
    return create;
  }
  static ExtendHold Extend(const std::string& hold_id, int32_t number, int64_t used) {
    return {hold_id, {number, absl::Seconds(used)}};
  }
  HoldReply Do(Command command) { return DoAt(*engine_, std::move(command)); }
  static HoldReply DoAt(Engine& engine, Command command) {
    const absl::StatusOr<HoldReply> reply = Ask<HoldReply>(engine, kAccount, std::move(command));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : HoldReply();
  }
  RecordUsage Cdr(const std::string& hold_id, int64_t seconds) {
    RecordUsage record{Call(kUser, "usage-of-" + hold_id, kDearNumber, seconds), false, hold_id};
    record.usage.start_time = ledger_.clock().Now();
    return record;
  }
  // Of a call that was told to be over, and whose CDR did not come for a day.
  void EstimateOneOf90Seconds() {
    Do(Create("a"));
    Do(Extend("a", 1, 90));
    Do(ReleaseHold{"a", absl::ZeroDuration()});
    ledger_.clock().Advance(absl::Hours(25));
    EngineOptions options = ledger_.Options();
    options.house_interval = absl::Milliseconds(5);
    const std::unique_ptr<Engine> looks = ledger_.StartEngine(options);
    EXPECT_TRUE(WaitUntil([&] { return CountOf("holds", "state <> 0") == 0; }));
  }
  void ExpectTheCorrectionIsTheCdr();
  // An account with so many calls that are over, and that can't be booked from what was reported,
  // as their user's plan is gone.
  void FillWithUnbookable(const std::string& account_id, int calls);
  // Both, each in a thread of its own.
  static void AtATime(const std::function<void()>& one, const std::function<void()>& other) {
    std::thread beside(other);
    one();
    beside.join();
  }
  int64_t CountOf(const std::string& table, const std::string& where = "1 = 1") {
    return ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM ", table, " WHERE ", where));
  }
  void ExpectAudited() {
    Findings findings;
    const absl::Status verified = VerifyAccount(*ledger_.Connect(), kAccount, &findings);
    ASSERT_TRUE(verified.ok()) << verified;
    EXPECT_EQ(findings.difference_count, 0)
        << (findings.differences.empty()
                ? ""
                : absl::StrCat(findings.differences[0].check, " ", findings.differences[0].subject,
                               ": ", findings.differences[0].stored, " instead of ",
                               findings.differences[0].computed));
  }

  Ledger ledger_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(HoldsTest, H1_WhatIsHeldIsStoredAndFreeAgainWithTheCdr) {
  const HoldReply held = Do(Create("a"));
  ASSERT_TRUE(held.hold.has_value());
  EXPECT_EQ(held.hold->granted_seconds, 60);
  EXPECT_EQ(ledger_.Account(kAccount).held, 7 * kNanosPerCent);
  ExpectAudited();
  EXPECT_EQ(Do(Extend("a", 1, 70)).hold->granted_seconds, 180);
  EXPECT_EQ(ledger_.Account(kAccount).accrued, 13 * kNanosPerCent);
  ExpectAudited();
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, Cdr("a", 70)).ok());
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 13 * kNanosPerCent);
  EXPECT_EQ(CountOf("holds", "state <> 0"), 0);
  EXPECT_EQ(CountOf("ended_holds", "state = 5"), 1);
  ExpectAudited();
}

TEST_F(HoldsTest, H3_ARepeatAnswersTheHoldAsItIsAndAnotherCallUnderItsIdIsRefused) {
  Do(Create("a"));
  Do(Extend("a", 1, 70));
  EXPECT_EQ(Do(Create("a")).hold->granted_seconds, 180);
  EXPECT_EQ(CountOf("holds", "state <> 0"), 1);
  CreateHold other = Create("a");
  other.request.call.destination = kStandardNumber;
  EXPECT_EQ(ReasonOf(Ask<HoldReply>(*engine_, kAccount, other).status()), "HOLD_ID_REUSED");
  CreateHold same_call = Create("b");
  same_call.request.call.usage_id = "usage-of-a";
  EXPECT_EQ(ReasonOf(Ask<HoldReply>(*engine_, kAccount, same_call).status()), "USAGE_HELD");
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, Cdr("a", 70)).ok());
  EXPECT_EQ(ReasonOf(Ask<HoldReply>(*engine_, kAccount, same_call).status()), "USAGE_BOOKED");
  const HoldReply settled = Do(Create("a"));
  EXPECT_EQ(settled.hold->state, domain::HoldState::kSettled) << "it is remembered";
  EXPECT_EQ(ReasonOf(Ask<HoldReply>(*engine_, kAccount, Extend("never", 1, 0)).status()),
            "HOLD_NOT_FOUND");
}

TEST_F(HoldsTest, H3_OneBatchMayHaveAWholeCall) {
  const auto replies = AskAll(*engine_, {{kAccount, Create("a")},
                                         {kAccount, Extend("a", 1, 30)},
                                         {kAccount, Cdr("a", 45)},
                                         {kAccount, Create("b")},
                                         {kAccount, Extend("a", 2, 45)}});
  for (const auto& reply : replies) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(book::As<HoldReply>(*replies[4]).hold->state, domain::HoldState::kSettled);
  EXPECT_EQ(book::As<HoldReply>(*replies[3]).hold->slot, 1) << "the place of the first is free";
  ExpectAudited();
}

TEST_F(HoldsTest, H3_TwoLedgersShareAHold) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  Do(Create("a"));
  for (int i = 1; i <= 10; ++i) {
    Engine& engine = i % 2 == 0 ? *engine_ : *other;
    EXPECT_EQ(DoAt(engine, Extend("a", i, int64_t{60} * i)).hold->granted_seconds, 60 * i + 60);
  }
  EXPECT_EQ(DoAt(*other, Extend("a", 10, 600)).hold->granted_seconds, 660) << "a repeat";
  EXPECT_EQ(DoAt(*other, Create("b")).hold->slot, 2);
  ASSERT_TRUE(Ask<UsageReply>(*other, kAccount, Cdr("a", 600)).ok());
  EXPECT_EQ(Do(Extend("a", 11, 660)).hold->state, domain::HoldState::kSettled);
  EXPECT_EQ(Do(Create("c")).hold->slot, 1);
  ExpectAudited();
}

TEST_F(HoldsTest, L4_ALedgerThatKnowsNoUserYetLiftsTheLimitsOfAll) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  const auto limit = [&](const char* user_id) {
    book::UpdateLimits update;
    update.user_id = user_id;
    update.change.set = {domain::LimitKind::kSpendPerDay};
    update.change.limits.spend[1] = kNanosPerUnit / 10;
    update.by.reason = "as the customer asks";
    return Ask<book::LimitsReply>(*engine_, kAccount, update).status();
  };
  const auto spend = [&](const char* user_id, const char* usage_id) {
    RecordUsage record{Call(user_id, usage_id, kDearNumber, 120), false, ""};
    record.usage.start_time = ledger_.clock().Now();
    ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, record).ok());
  };
  const auto lift = [&](const char* user_id) {
    LiftSuspension command{{}, {"looked at"}};
    command.user_id = user_id;
    ASSERT_TRUE(Ask<domain::Account>(*other, kAccount, command).ok());
  };
  const std::string reached =
      absl::StrCat("kind = ", static_cast<int>(domain::EventKind::kLimitReached));
  ASSERT_TRUE(Ask<UserReply>(*engine_, kAccount, PutUser{"v", "per_minute"}).ok());
  for (const char* user_id : {kUser, "v"}) ASSERT_TRUE(limit(user_id).ok());
  spend(kUser, "one");
  spend("v", "two");
  EXPECT_EQ(CountOf("events", reached), 2);
  EXPECT_EQ(CountOf("users", "limit_alarm LIKE '2:%'"), 2);
  lift("");
  EXPECT_EQ(CountOf("users", "limit_alarm <> ''"), 0);
  EXPECT_EQ(CountOf("accounts", "limit_alarm <> ''"), 0);
  spend(kUser, "three");
  spend("v", "four");
  EXPECT_EQ(CountOf("events", reached), 4) << "it rings again";
  lift("v");
  EXPECT_EQ(CountOf("accounts", "limit_alarm LIKE '8:%'"), 1) << "for the other user";
  ExpectAudited();
  lift("");
  EXPECT_EQ(CountOf("accounts", "limit_alarm <> ''"), 0);
  ExpectAudited();
}

TEST_F(HoldsTest, H3_WhatAnotherLedgerHasReleasedRefusesNoHoldOfTheSameCall) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  Do(Create("a"));
  DoAt(*other, ReleaseHold{"a", absl::ZeroDuration()});
  CreateHold same_call = Create("b");
  same_call.request.call.usage_id = "usage-of-a";
  EXPECT_TRUE(Do(same_call).hold.has_value()) << "the first engine remembers the hold";
  ExpectAudited();
}

TEST_F(HoldsTest, H12_WhatAnotherLedgerHasReleasedKeepsNoReportFromBeingHeard) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  Do(Create("a"));
  const domain::Usage usage = UsageOf((*storage::LoadHolds(*ledger_.Connect(), {kAccount}))[0]);
  ledger_.clock().Advance(absl::Minutes(5));
  Do(EndHold{"a", usage});
  CreateHold same_call = Create("b");
  same_call.request.call.usage_id = "usage-of-a";
  Do(same_call);
  DoAt(*other, ReleaseHold{"b", absl::ZeroDuration()});
  const HoldReply extended = Do(Extend("a", 1, 30));
  ASSERT_TRUE(extended.hold.has_value());
  EXPECT_EQ(extended.hold->used, absl::Seconds(30));
  EXPECT_EQ(ledger_.Account(kAccount).accrued, 7 * kNanosPerCent);
  ExpectAudited();
}

TEST_F(HoldsTest, H4_AHoldWithoutAWordIsEndedByWhicheverLedgerLooksOnce) {
  EngineOptions options = ledger_.Options();
  options.house_interval = absl::Milliseconds(5);
  const std::unique_ptr<Engine> one = ledger_.StartEngine(options);
  const std::unique_ptr<Engine> other = ledger_.StartEngine(options);
  for (int i = 0; i < 5; ++i) DoAt(*one, Create(absl::StrCat("h", i)));
  ledger_.clock().Advance(absl::Seconds(91));
  EXPECT_TRUE(WaitUntil([&] { return CountOf("holds", "state <> 0") == 0; }));
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
  EXPECT_EQ(CountOf("events", "kind = 57"), 5) << "HOLD_EXPIRED, once each";
  EXPECT_EQ(CountOf("ended_holds", "state = 3"), 5);
  const HoldReply again = Do(Extend("h1", 1, 30));
  EXPECT_TRUE(again.hold->open()) << "made anew";
  EXPECT_EQ(again.hold->granted_seconds, 120);
  ExpectAudited();
}

void HoldsTest::FillWithUnbookable(const std::string& account_id, int calls) {
  EngineOptions options = ledger_.Options();
  options.settings.max_holds_per_account = options.settings.max_holds_per_user = calls;
  const std::unique_ptr<Engine> fills = ledger_.StartEngine(options);
  OpenFunded(*fills, account_id);
  std::vector<Order> orders;
  for (int i = 0; i < calls; ++i) {
    const std::string id = absl::StrCat("h", i);
    orders.emplace_back(account_id, Create(id, kStandardNumber));
    orders.emplace_back(account_id, Extend(id, 1, 30));
    orders.emplace_back(account_id, ReleaseHold{id, absl::ZeroDuration()});
  }
  for (const auto& reply : AskAll(*fills, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  ledger_.sql().Execute(
      absl::StrCat("UPDATE users SET plan_id = 'gone' WHERE account_id = '", account_id, "'"));
  ledger_.sql().Execute("UPDATE balances SET version = version + 1");
}

TEST_F(HoldsTest, H4_WhatCantBeBookedKeepsNoOtherHoldFromEnding) {
  ASSERT_NO_FATAL_FAILURE(FillWithUnbookable("broken", 251));
  // Both are due after those.
  ledger_.clock().Advance(absl::Minutes(1));
  Do(Create("reported"));
  Do(Extend("reported", 1, 30));
  Do(ReleaseHold{"reported", absl::ZeroDuration()});
  ledger_.clock().Advance(absl::Hours(24));
  Do(Create("orphaned"));
  ledger_.clock().Advance(absl::Minutes(5));
  EngineOptions options = ledger_.Options();
  options.house_interval = absl::Milliseconds(5);
  const std::unique_ptr<Engine> looks = ledger_.StartEngine(options);
  EXPECT_TRUE(WaitUntil([&] { return CountOf("ended_holds", "hold_id = 'orphaned'") == 1; }));
  EXPECT_TRUE(WaitUntil([&] { return CountOf("ended_holds", "hold_id = 'reported'") == 1; }));
  EXPECT_EQ(CountOf("holds", "state = 2"), 251);
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
  // They are tried again and again, and it is told; once they can be booked they are.
  EXPECT_TRUE(WaitUntil([&] { return looks->steps().failures(Step::kHolds) > 1; }));
  ledger_.sql().Execute("UPDATE users SET plan_id = 'per_minute' WHERE account_id = 'broken'");
  ledger_.sql().Execute("UPDATE balances SET version = version + 1");
  EXPECT_TRUE(WaitUntil([&] { return CountOf("holds", "state = 2") == 0; }));
  EXPECT_TRUE(
      WaitUntil([&] { return looks->steps().failing(Step::kHolds) == absl::ZeroDuration(); }));
}

TEST_F(HoldsTest, H4_AHoldOfAClockThatWasAMonthAheadDoesNotLockMoneyUntilThen) {
  Do(Create("a"));
  ledger_.sql().Execute("UPDATE holds SET expire_time = expire_time + INTERVAL 30 DAY");
  ledger_.sql().Execute("UPDATE balances SET version = version + 1");
  EngineOptions options = ledger_.Options();
  options.house_interval = absl::Milliseconds(5);
  // Its clock is that of the database: else it would not trust it.
  options.clock = [] { return absl::Now(); };
  const std::unique_ptr<Engine> right = ledger_.StartEngine(options);
  EXPECT_TRUE(WaitUntil([&] { return CountOf("holds", "state <> 0") == 0; }));
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
}

TEST_F(HoldsTest, H8_TheHoldsOfASwitchAreFoundPageByPageOverAllAccounts) {
  OpenFunded(*engine_, "beside");
  for (const std::string id : {"1", "2", "3"}) {
    Do(Create(id));
    ASSERT_TRUE(Ask<HoldReply>(*engine_, "beside", Create(id)).ok());
  }
  CreateHold of_another = Create("4");
  of_another.request.switch_id = "another";
  Do(of_another);
  std::vector<std::string> found;
  storage::HoldPlace after;
  while (true) {
    const auto page = storage::ListHoldsOfSwitch(*ledger_.Connect(), "switch", 2, after, 4);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const domain::Hold& hold : *page) {
      found.push_back(absl::StrCat(hold.account_id, " ", hold.hold_id));
    }
    if (page->size() < 4) break;
    after = {page->back().account_id, page->back().slot};
  }
  EXPECT_THAT(found, testing::UnorderedElementsAre("acme 1", "acme 2", "acme 3", "beside 1",
                                                   "beside 2", "beside 3"));
}

TEST_F(HoldsTest, H12_AReportWithoutACdrIsBookedOnceAndItsCdrTakesItsPlace) {
  Do(Create("a"));
  Do(Extend("a", 1, 90));
  Do(ReleaseHold{"a", absl::ZeroDuration()});
  EXPECT_EQ(ledger_.Account(kAccount).accrued, 13 * kNanosPerCent);
  ledger_.clock().Advance(absl::Hours(25));
  EngineOptions options = ledger_.Options();
  options.house_interval = absl::Milliseconds(5);
  const std::unique_ptr<Engine> one = ledger_.StartEngine(options);
  const std::unique_ptr<Engine> other = ledger_.StartEngine(options);
  EXPECT_TRUE(WaitUntil([&] { return CountOf("holds", "state <> 0") == 0; }));
  EXPECT_EQ(CountOf("entries", "estimated = 1"), 1);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 13 * kNanosPerCent);
  ExpectAudited();
  const RecordUsage cdr = Cdr("a", 200);
  for (int i = 0; i < 2; ++i) {
    const auto booked = Ask<UsageReply>(*engine_, kAccount, cdr);
    ASSERT_TRUE(booked.ok()) << booked.status();
    EXPECT_EQ(booked->cost, 25 * kNanosPerCent);
    EXPECT_EQ(booked->duplicate, i == 1);
    EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent);
    ExpectAudited();
  }
  RecordUsage reused = cdr;
  reused.usage.duration = absl::Seconds(5);
  EXPECT_EQ(ReasonOf(Ask<UsageReply>(*engine_, kAccount, reused).status()), "USAGE_ID_REUSED");
  ASSERT_TRUE(
      Ask<VoidReply>(*other, kAccount, VoidUsage{"usage-of-a", false, {"a wrong number"}}).ok());
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit);
  ExpectAudited();
}

TEST_F(HoldsTest, H12_ACdrAndItsRepeatInOneBatchReplaceAnEstimateOnce) {
  EstimateOneOf90Seconds();
  const auto replies = AskAll(*engine_, {{kAccount, Cdr("a", 200)}, {kAccount, Cdr("a", 200)}});
  for (const auto& reply : replies) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_FALSE(book::As<UsageReply>(*replies[0]).duplicate);
  EXPECT_TRUE(book::As<UsageReply>(*replies[1]).duplicate);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent);
  EXPECT_EQ(CountOf("entries", "kind = 8"), 1);
  ExpectAudited();
}

TEST_F(HoldsTest, H12_VerifyFindsAnEstimateThatStandsBesideItsCdr) {
  EstimateOneOf90Seconds();
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, Cdr("a", 200)).ok());
  ExpectAudited();
  ledger_.sql().Execute("DELETE FROM entries WHERE kind = 8");
  Findings findings;
  ASSERT_TRUE(VerifyAccount(*ledger_.Connect(), kAccount, &findings).ok());
  std::vector<std::string> found;
  for (const Difference& difference : findings.differences) found.push_back(difference.stored);
  EXPECT_THAT(found, testing::Contains("takes the place of an estimate of usage-of-a that stands"));
}

TEST_F(HoldsTest, H12_WhatCorrectsAnEstimateThatWasVoidedIsItsCdr) {
  EstimateOneOf90Seconds();
  ASSERT_TRUE(
      Ask<VoidReply>(*engine_, kAccount, VoidUsage{"usage-of-a", false, {"a wrong number"}}).ok());
  CorrectUsage correction{{"usage-of-a"}, Cdr("b", 200).usage, {"the right one"}};
  ASSERT_TRUE(Ask<CorrectionReply>(*engine_, kAccount, correction).ok());
  const Nanos balance = ledger_.Account(kAccount).balance;
  const auto late = Ask<UsageReply>(*engine_, kAccount, Cdr("a", 90));
  EXPECT_EQ(ledger_.Account(kAccount).balance, balance)
      << "the call is booked once, whatever was answered: " << late.status();
  ExpectAudited();
}

TEST_F(HoldsTest, H12_ACdrUnderAnotherIdThatNamesTheHoldTakesThePlaceOfItsEstimate) {
  EstimateOneOf90Seconds();
  RecordUsage cdr = Cdr("of-the-switch", 200);
  cdr.hold_id = "a";
  for (int i = 0; i < 2; ++i) {
    const auto booked = Ask<UsageReply>(*engine_, kAccount, cdr);
    ASSERT_TRUE(booked.ok()) << booked.status();
    EXPECT_EQ(booked->duplicate, i == 1);
    EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent)
        << "the call is paid once";
    ExpectAudited();
  }
  const auto late = Ask<UsageReply>(*engine_, kAccount, Cdr("a", 90));
  EXPECT_EQ(ReasonOf(late.status()), "USAGE_ID_REUSED") << "its CDR was booked";
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent);
}

TEST_F(HoldsTest, H12_ACdrUnderAnotherIdComesAlsoAfterTheEstimateWasVoided) {
  EstimateOneOf90Seconds();
  ASSERT_TRUE(
      Ask<VoidReply>(*engine_, kAccount, VoidUsage{"usage-of-a", false, {"a wrong number"}}).ok());
  RecordUsage cdr = Cdr("of-the-switch", 200);
  cdr.hold_id = "a";
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, cdr).ok());
  const Nanos balance = ledger_.Account(kAccount).balance;
  EXPECT_EQ(balance, 15 * kNanosPerUnit - 25 * kNanosPerCent);
  (void)Ask<UsageReply>(*engine_, kAccount, Cdr("a", 90));
  EXPECT_EQ(ledger_.Account(kAccount).balance, balance) << "the call is booked once";
  ExpectAudited();
}

// The correction's new usage is booked by itself first, then the correction comes, then the CDR.
void HoldsTest::ExpectTheCorrectionIsTheCdr() {
  const CorrectUsage correction{{"usage-of-a"}, Cdr("b", 200).usage, {"the right one"}};
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, RecordUsage{correction.usage}).ok());
  ASSERT_TRUE(Ask<CorrectionReply>(*engine_, kAccount, correction).ok());
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent);
  (void)Ask<UsageReply>(*engine_, kAccount, Cdr("a", 90));
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 25 * kNanosPerCent)
      << "the call is booked once";
  ExpectAudited();
}

TEST_F(HoldsTest, H12_ACorrectionWhoseNewUsageWasBookedFirstIsTheEstimatesCdrToo) {
  EstimateOneOf90Seconds();
  ExpectTheCorrectionIsTheCdr();
}

TEST_F(HoldsTest, H12_AndSoItIsWhereTheEstimateWasVoidedBefore) {
  EstimateOneOf90Seconds();
  ASSERT_TRUE(
      Ask<VoidReply>(*engine_, kAccount, VoidUsage{"usage-of-a", false, {"a wrong number"}}).ok());
  ExpectTheCorrectionIsTheCdr();
}

TEST_F(HoldsTest, H11_TheAuditNamesWhatIsHeldByNoHold) {
  Do(Create("a", kStandardNumber));
  ledger_.sql().Execute("UPDATE balances SET held_nanos = held_nanos + 5");
  ledger_.sql().Execute("UPDATE allowances SET seconds_held = seconds_held - 1");
  Findings findings;
  ASSERT_TRUE(VerifyAccount(*ledger_.Connect(), kAccount, &findings).ok());
  ASSERT_EQ(findings.difference_count, 2);
  EXPECT_EQ(findings.differences[0].check, audit::kCheckHolds);
  EXPECT_EQ(findings.differences[1].check, audit::kCheckHolds);
  EXPECT_EQ(findings.differences[1].subject, kUser);
}

// --- Two that do not agree, at the same time ---------------------------------------------

TEST_F(HoldsTest, H3_TwoLedgersThatExtendOneHoldAtATimeGrantItOnce) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  Do(Create("a"));
  for (int number = 1; number <= 20; ++number) {
    HoldReply replies[2];
    AtATime([&] { replies[0] = DoAt(*engine_, Extend("a", number, int64_t{60} * number)); },
            [&] { replies[1] = DoAt(*other, Extend("a", number, int64_t{60} * number)); });
    for (const HoldReply& reply : replies) {
      EXPECT_EQ(reply.hold->granted_seconds, 60 * number + 60);
      EXPECT_EQ(reply.hold->extension, number);
    }
  }
  EXPECT_EQ(ledger_.Account(kAccount).held, 127 * kNanosPerCent) << "21 minutes and the fee, once";
  ExpectAudited();
}

TEST_F(HoldsTest, H5_OfExpiryAndSettlingAtATimeTheUsageIsBookedOnceAndNothingStaysHeld) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  constexpr int kCalls = 20;
  for (int i = 0; i < kCalls; ++i) {
    const std::string id = absl::StrCat("h", i);
    Do(Create(id));
    if (i % 2 == 0) Do(Extend(id, 1, 30));  // else it has nothing reported
    ledger_.clock().Advance(absl::Minutes(5));
    const domain::Usage usage = UsageOf((*storage::LoadHolds(*ledger_.Connect(), {kAccount}))[0]);
    AtATime(
        [&] {
          DoAt(*other, EndHold{id, usage});
        },
        [&] {
          const auto booked = Ask<UsageReply>(*engine_, kAccount, Cdr(id, 60));
          EXPECT_TRUE(booked.ok() && !booked->duplicate) << booked.status();
        });
    const auto ended = storage::LoadEndedHolds(*ledger_.Connect(), {{kAccount, id}});
    ASSERT_TRUE(ended.ok());
    ASSERT_EQ(ended->size(), 1u);
    // One that ended with nothing reported stays what it was, and no report makes it anew.
    EXPECT_NE((*ended)[0].state, domain::HoldState::kUnsettled);
    const HoldReply late = Do(Extend(id, 2, 60));
    EXPECT_FALSE(late.hold->live()) << "its usage is booked";
    EXPECT_LE(CountOf("events", absl::StrCat("kind = 57 AND hold_id = '", id, "'")), 1);
  }
  EXPECT_EQ(CountOf("entries", "kind = 1"), kCalls);
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
  EXPECT_EQ(ledger_.Account(kAccount).accrued, 0);
  ExpectAudited();
}

TEST_F(HoldsTest, H9_OfAnExtensionAndABlockAtATimeNothingIsGrantedAfterTheBlock) {
  const std::unique_ptr<Engine> other = ledger_.StartEngine(ledger_.Options());
  for (int i = 0; i < 20; ++i) {
    const std::string id = absl::StrCat("h", i);
    Do(Create(id));
    HoldReply extended;
    AtATime(
        [&] { extended = DoAt(*engine_, Extend(id, 1, 50)); },
        [&] { EXPECT_TRUE(Ask<domain::Account>(*other, kAccount, BlockAccount{{"fraud"}}).ok()); });
    const int64_t granted = extended.hold->granted_seconds;
    EXPECT_EQ(granted, extended.hold->final() ? 60 : 120) << "before the block, or after it";
    const HoldReply next = Do(Extend(id, 2, 100));
    EXPECT_EQ(next.hold->final_reason, domain::FinalReason::kAccountBlocked);
    EXPECT_EQ(next.hold->granted_seconds, granted) << "what was granted stays, and no more";
    EXPECT_EQ(next.hold->used, absl::Seconds(100)) << "and what is reported counts";
    ASSERT_TRUE(Ask<domain::Account>(*other, kAccount, UnblockAccount{{"no fraud"}}).ok());
    ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, Cdr(id, 100)).ok());
    ExpectAudited();
  }
}

TEST_F(HoldsTest, H7_ADeckThatIsImportedInMidCallChangesNoGrantOfIt) {
  Do(Create("a"));
  Do(Extend("a", 1, 50));
  EXPECT_EQ(ledger_.Account(kAccount).held, 13 * kNanosPerCent);
  rates::DeckHeader header;
  header.name = "dearer";
  header.currency = "USD";
  header.effective_time = ledger_.clock().Now();
  header.import_time = ledger_.clock().Now();
  header.content_digest = "dearer";
  rates::RateRow row;
  row.prefix = "44";
  row.price = kNanosPerUnit;
  ASSERT_TRUE(engine_->queries()
                  .Run([&](storage::Connection& connection) {
                    return ImportInForce(*engine_, connection, header, {row}).status();
                  })
                  .ok());
  ledger_.clock().Advance(absl::Seconds(60));
  EXPECT_EQ(Do(Extend("a", 2, 110)).hold->granted_seconds, 180);
  EXPECT_EQ(ledger_.Account(kAccount).held, 19 * kNanosPerCent) << "three minutes at $0.06";
  EXPECT_EQ(Do(Create("b")).hold->held, kNanosPerUnit) << "a call that begins now";
  ExpectAudited();
  RecordUsage cdr = Cdr("a", 110);
  cdr.usage.start_time -= absl::Seconds(110);  // before the new deck
  const auto booked = Ask<UsageReply>(*engine_, kAccount, cdr);
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->cost, 13 * kNanosPerCent);
}

TEST_F(HoldsTest, H4_AClockThatJumpsEndsNoCallAndLocksNoMoney) {
  Do(Create("a"));
  Do(Extend("a", 1, 30));
  const domain::Usage usage = UsageOf((*storage::LoadHolds(*ledger_.Connect(), {kAccount}))[0]);
  ledger_.clock().Advance(-absl::Hours(1));
  Do(EndHold{"a", usage});
  EXPECT_EQ(Do(Extend("a", 2, 50)).hold->granted_seconds, 120) << "an hour back: it goes on";
  EXPECT_TRUE(Do(Extend("a", 2, 50)).hold->open());
  ledger_.clock().Advance(absl::Hours(3));
  Do(EndHold{"a", usage});
  EXPECT_EQ(ledger_.Account(kAccount).held, 7 * kNanosPerCent) << "the minute that was reported";
  EXPECT_EQ(ledger_.Account(kAccount).accrued, 7 * kNanosPerCent);
  const HoldReply again = Do(Extend("a", 3, 70));
  EXPECT_TRUE(again.hold->open()) << "two hours ahead: the switch still has the call";
  EXPECT_EQ(again.hold->granted_seconds, 180);
  ledger_.clock().Advance(-absl::Hours(2));
  ASSERT_TRUE(Ask<UsageReply>(*engine_, kAccount, Cdr("a", 80)).ok());
  EXPECT_EQ(ledger_.Account(kAccount).held, 0);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 13 * kNanosPerCent);
  ExpectAudited();
}

TEST_F(HoldsTest, C10_NobodyHoldsForACallForHelp) {
  CreateHold help = Create("a");
  help.request.call.destination = "911";
  const HoldReply reply = Do(help);
  EXPECT_TRUE(reply.authorize.authorization.emergency);
  EXPECT_FALSE(reply.hold.has_value());
  EXPECT_EQ(CountOf("holds"), 0);
}

TEST_F(HoldsTest, APlaceIsUsedAgainSoThatTheTableIsAsLongAsThereWereCallsAtATime) {
  for (int i = 0; i < 20; ++i) {
    Do(Create(absl::StrCat("h", i)));
    Do(ReleaseHold{absl::StrCat("h", i), absl::ZeroDuration()});
  }
  EXPECT_EQ(CountOf("holds"), 1);
  EXPECT_EQ(CountOf("ended_holds"), 20);
}

}  // namespace
}  // namespace reserve::engine
