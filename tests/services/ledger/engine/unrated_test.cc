// Usages that wait for a price or a user are rated by the ledger itself, once (U1, K3), and usages
// that are taken back stay so whatever comes in which order (U5).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using test_support::WaitUntil;

constexpr char kAccount[] = "acme";
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

}  // namespace
}  // namespace reserve::engine
