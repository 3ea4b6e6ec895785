// Usages that wait for a price or a user are rated by the ledger itself, once (U1, K3), and usages
// that are taken back stay so whatever comes in which order (U5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

constexpr char kNewNumber[] = "33155501234";

class UnratedTest : public testing::Test {
 protected:
  domain::UsageStatus StatusOf(Engine& engine, const domain::Usage& usage) {
    const auto reply = Ask<UsageReply>(engine, kAccount, RecordUsage{usage});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->status : domain::UsageStatus::kVoided;
  }
  // Imports a deck that has the new number, in force for an hour.
  void ImportFrance(Engine& engine) {
    rates::DeckHeader header;
    header.name = "with-france";
    header.currency = "USD";
    header.effective_time = ledger_.clock().Now() - absl::Hours(1);
    header.import_time = ledger_.clock().Now();
    header.content_digest = "with-france";
    rates::RateRow row;
    row.prefix = "33";
    row.price = 5 * kNanosPerCent;
    ASSERT_TRUE(engine.queries()
                    .Run([&](storage::Connection& connection) {
                      return ImportInForce(engine, connection, header, {row}).status();
                    })
                    .ok());
  }

  Ledger ledger_;
};

TEST_F(UnratedTest, K3_ADeckThatComesRatesWhatWaitedForItOnceThoughTwoLedgersLook) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  std::vector<domain::Usage> usages;
  for (int i = 0; i < 50; ++i) {
    usages.push_back(Call(kUser, absl::StrCat("call-", i), kNewNumber, 60));
    ASSERT_EQ(StatusOf(*one, usages.back()), domain::UsageStatus::kUnrated);
  }
  ImportFrance(*one);
  for (const domain::Usage& usage : usages) {
    EXPECT_TRUE(WaitUntil([&] { return StatusOf(*two, usage) == domain::UsageStatus::kRated; }))
        << usage.usage_id;
  }
  const Findings findings = ledger_.Audit();
  EXPECT_EQ(findings.entries, 1 + 2 * 50);
  // Each was rated by one of the two; a sweep counts when it has its answers.
  EXPECT_TRUE(WaitUntil([&] { return one->stats().rated_later + two->stats().rated_later == 50; }));
}

TEST_F(UnratedTest, K3_AUserWhoComesIsRatedForWhatWasUsedBefore) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const domain::Usage usage = Call("late", "call", kDearNumber, 60);
  ASSERT_EQ(StatusOf(*engine, usage), domain::UsageStatus::kUnrated);
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"late", ""}).ok());
  EXPECT_TRUE(WaitUntil([&] { return StatusOf(*engine, usage) == domain::UsageStatus::kRated; }));
  ledger_.Audit();
}

TEST_F(UnratedTest, K3_WhatWaitsIsRatedByTheLedgerThatComesNext) {
  const domain::Usage usage = Call("late", "call", kDearNumber, 60);
  {
    const auto engine = ledger_.StartEngine();
    OpenFunded(*engine, kAccount);
    ASSERT_EQ(StatusOf(*engine, usage), domain::UsageStatus::kUnrated);
    ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"late", ""}).ok());
  }
  const auto next = ledger_.StartEngine();
  EXPECT_TRUE(WaitUntil([&] { return StatusOf(*next, usage) == domain::UsageStatus::kRated; }));
}

TEST_F(UnratedTest, U5_TheOldRecordThatComesAgainAfterTheVoidBooksNothing) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  const domain::Usage usage = Call(kUser, "call", kDearNumber, 60);
  ASSERT_TRUE(Ask<UsageReply>(*one, kAccount, RecordUsage{usage}).ok());
  ASSERT_TRUE(Ask<VoidReply>(*two, kAccount, VoidUsage{"call", false, {"wrong"}}).ok());
  EXPECT_EQ(StatusOf(*one, usage), domain::UsageStatus::kVoided);
  EXPECT_EQ(StatusOf(*two, usage), domain::UsageStatus::kVoided);
  EXPECT_EQ(ledger_.Audit().entries, 3);
}

TEST_F(UnratedTest, U5_ACorrectionThatOvertakesItsOriginalThroughAnotherLedgerLeavesOneFact) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  const domain::Usage original = Call(kUser, "old", kDearNumber, 10'800);
  const domain::Usage right = Call(kUser, "new", kDearNumber, 60);
  ASSERT_TRUE(Ask<CorrectionReply>(*two, kAccount, CorrectUsage{{"old"}, right, {"wrong"}}).ok());
  EXPECT_EQ(StatusOf(*one, original), domain::UsageStatus::kVoided);
  const auto again = Ask<CorrectionReply>(*one, kAccount, CorrectUsage{{"old"}, right, {"wrong"}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->usage.duplicate);
  EXPECT_EQ(ledger_.Audit().entries, 3);
}

TEST_F(UnratedTest, U5_AnUnratedUsageThatIsVoidedBeforeItsPriceComesStaysVoided) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  const domain::Usage voided = Call(kUser, "voided", kNewNumber, 60);
  const domain::Usage waits = Call(kUser, "waits", kNewNumber, 60);
  ASSERT_EQ(StatusOf(*one, voided), domain::UsageStatus::kUnrated);
  ASSERT_EQ(StatusOf(*one, waits), domain::UsageStatus::kUnrated);
  const auto taken_back = Ask<VoidReply>(*two, kAccount, VoidUsage{"voided", false, {"no call"}});
  ASSERT_TRUE(taken_back.ok()) << taken_back.status();
  EXPECT_EQ(taken_back->returned, 0);
  ImportFrance(*one);
  for (Engine* engine : {one.get(), two.get()}) {
    ASSERT_TRUE(WaitUntil([&] { return StatusOf(*engine, waits) == domain::UsageStatus::kRated; }));
    // As one that listed it before it was voided.
    const auto rated = Ask<UsageReply>(*engine, kAccount, RateUnrated{"voided"});
    ASSERT_TRUE(rated.ok()) << rated.status();
    EXPECT_EQ(rated->status, domain::UsageStatus::kVoided);
    EXPECT_EQ(StatusOf(*engine, voided), domain::UsageStatus::kVoided);
  }
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit - 5 * kNanosPerCent);
  EXPECT_EQ(ledger_.Audit().entries, 1 + 2 + 2);
}

TEST_F(UnratedTest, U5_AVoidAndARatingInOneBatchLeaveItVoidedInEitherOrder) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ASSERT_EQ(StatusOf(*engine, Call("late", "first", kDearNumber, 60)),
            domain::UsageStatus::kUnrated);
  ASSERT_EQ(StatusOf(*engine, Call("later", "second", kDearNumber, 60)),
            domain::UsageStatus::kUnrated);
  const auto replies = AskAll(*engine, {{kAccount, PutUser{"late", ""}},
                                        {kAccount, VoidUsage{"first", false, {"wrong"}}},
                                        {kAccount, RateUnrated{"first"}},
                                        {kAccount, PutUser{"later", ""}},
                                        {kAccount, RateUnrated{"second"}},
                                        {kAccount, VoidUsage{"second", false, {"wrong"}}}});
  for (const auto& reply : replies) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(book::As<VoidReply>(*replies[1]).returned, 0);
  EXPECT_EQ(book::As<UsageReply>(*replies[2]).status, domain::UsageStatus::kVoided);
  EXPECT_EQ(book::As<UsageReply>(*replies[4]).status, domain::UsageStatus::kRated);
  EXPECT_EQ(book::As<VoidReply>(*replies[5]).returned, 7 * kNanosPerCent);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit);
  EXPECT_EQ(ledger_.Audit().entries, 1 + 2 + 3);
}

TEST_F(UnratedTest, U5_AVoidAndARatingThroughTwoLedgersAtOnceLeaveItVoided) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  for (int i = 0; i < 20; ++i) {
    const std::string user = absl::StrCat("late-", i);
    const domain::Usage usage = Call(user, absl::StrCat("call-", i), kDearNumber, 60);
    ASSERT_EQ(StatusOf(*one, usage), domain::UsageStatus::kUnrated);
    std::thread rating([&] {
      EXPECT_TRUE(Ask<UserReply>(*one, kAccount, PutUser{user, ""}).ok());
      EXPECT_TRUE(Ask<UsageReply>(*one, kAccount, RateUnrated{usage.usage_id}).ok());
    });
    const auto voided =
        Ask<VoidReply>(*two, kAccount, VoidUsage{usage.usage_id, false, {"no call"}});
    rating.join();
    EXPECT_TRUE(voided.ok()) << voided.status();
    EXPECT_EQ(StatusOf(*one, usage), domain::UsageStatus::kVoided);
    EXPECT_EQ(ledger_.Account(kAccount).balance, 15 * kNanosPerUnit);
  }
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(UnratedTest, U5_ACorrectionAndItsOriginalAtTheSameTimeLeaveOneFact) {
  const auto one = ledger_.StartEngine();
  const auto two = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  constexpr int kRounds = 30;
  for (int i = 0; i < kRounds; ++i) {
    const domain::Usage original = Call(kUser, absl::StrCat("old-", i), kDearNumber, 1'200);
    const domain::Usage right = Call(kUser, absl::StrCat("new-", i), kDearNumber, 60);
    std::thread late([&] {
      const auto recorded = Ask<UsageReply>(*one, kAccount, RecordUsage{original});
      EXPECT_TRUE(recorded.ok()) << recorded.status();
    });
    const auto corrected =
        Ask<CorrectionReply>(*two, kAccount, CorrectUsage{{original.usage_id}, right, {"wrong"}});
    late.join();
    ASSERT_TRUE(corrected.ok()) << corrected.status();
    EXPECT_TRUE(corrected->voided.has_value());
    EXPECT_EQ(StatusOf(*two, original), domain::UsageStatus::kVoided);
    EXPECT_EQ(StatusOf(*one, right), domain::UsageStatus::kRated);
    EXPECT_EQ(ledger_.Account(kAccount).balance,
              15 * kNanosPerUnit - (i + 1) * (7 * kNanosPerCent));
  }
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(UnratedTest, U5_AVoidGivesBackToThePeriodOfTheUsageWhateverTheUserIsOnNow) {
  ledger_.sql().Execute("INSERT INTO plans VALUES ('monthly600', 1, 600, 2, 0, 0, 'standard')");
  auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "monthly600"}).ok());
  domain::Usage old = Call("m", "old", kStandardNumber, 300);
  old.start_time -= absl::Hours(24 * 40);
  ASSERT_EQ(StatusOf(*engine, old), domain::UsageStatus::kRated);
  ASSERT_EQ(StatusOf(*engine, Call("m", "now", kStandardNumber, 120)), domain::UsageStatus::kRated);
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "unlimited"}).ok());
  const auto used = [&](const std::string& which) {
    return ledger_.sql().QueryInt(
        absl::StrCat("SELECT COALESCE(SUM(seconds_used), 0) FROM allowances WHERE account_id = '",
                     kAccount, "' AND user_id = 'm' AND period ", which));
  };
  ASSERT_EQ(used("> 0"), 420);
  engine.reset();
  engine = ledger_.StartEngine();
  const auto voided = Ask<VoidReply>(*engine, kAccount, VoidUsage{"old", false, {"wrong"}});
  ASSERT_TRUE(voided.ok()) << voided.status();
  EXPECT_EQ(voided->free_seconds_returned, 300);
  EXPECT_EQ(used(absl::StrCat("= ", voided->free_period)), 0);
  EXPECT_EQ(used(absl::StrCat("<> ", voided->free_period)), 120) << "this month's is as it was";
  ledger_.Audit();
  // What was given back can be drawn on again, by a ledger that reads it anew.
  engine.reset();
  engine = ledger_.StartEngine();
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "monthly600"}).ok());
  domain::Usage again = Call("m", "again", kStandardNumber, 600);
  again.start_time = old.start_time;
  const auto booked = Ask<UsageReply>(*engine, kAccount, RecordUsage{again});
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->cost, 0);
  EXPECT_EQ(used(absl::StrCat("= ", voided->free_period)), 600);
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

}  // namespace
}  // namespace reserve::engine
