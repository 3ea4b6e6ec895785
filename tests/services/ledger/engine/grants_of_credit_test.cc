// Promotional credit on a real database: it outlives its ledgers, is drawn on and ends once (P6).
#include <string>

#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using domain::EntryKind;
using test_support::WaitUntil;
using ::testing::ElementsAre;

class CreditGrantsTest : public OneAccountTest {
 protected:
  void SetUp() override { OpenFunded(*engine_, kAccount); }

  domain::Account Account() const { return ledger_.Account(kAccount); }
  domain::Entry Grant(const std::string& request_id, Nanos amount, absl::Duration lasts) {
    return Must<EntryReply>(
               GrantCredit{{request_id, amount, ledger_.clock().Now() + lasts, {"welcome"}}, ""})
        .entry;
  }
};

TEST_F(CreditGrantsTest, P6_AGrantOutlivesTheLedgerAndARepeatGrantsNothing) {
  const domain::Entry granted = Grant("g", 5 * kDollar, absl::Hours(24));
  StartAnew();
  const auto again = Ask<EntryReply>(
      *engine_, kAccount, GrantCredit{{"g", 5 * kDollar, granted.grant.end, {"welcome"}}, ""});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->entry.seq, granted.seq);
  EXPECT_EQ(Account().promotional_balance(), 5 * kDollar);
  EXPECT_EQ(Account().own_balance(), 15 * kDollar);
  const auto other = Ask<EntryReply>(
      *engine_, kAccount, GrantCredit{{"g", 6 * kDollar, granted.grant.end, {"welcome"}}, ""});
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(CreditGrantsTest, P6_UsageAndItsVoidThroughTwoLedgersDrawAndGiveBackOnce) {
  Grant("g", 2 * kDollar, absl::Hours(24));
  Must<UsageReply>(RecordUsage{Call(kUser, "x", kCentASecond, 300)});  // $3.00
  EXPECT_EQ(Account().promotional_balance(), 0);
  EXPECT_EQ(Account().own_balance(), 14 * kDollar);
  const auto other = ledger_.StartEngine();
  ASSERT_TRUE(
      Ask<UsageReply>(*other, kAccount, RecordUsage{Call(kUser, "x", kCentASecond, 300)}).ok());
  ASSERT_TRUE(Ask<VoidReply>(*other, kAccount, VoidUsage{"x", false, {"wrong"}}).ok());
  EXPECT_EQ(Account().promotional_balance(), 2 * kDollar);
  EXPECT_EQ(Account().own_balance(), 15 * kDollar);
  Must<UsageReply>(RecordUsage{Call(kUser, "y", kCentASecond, 100)});
  EXPECT_EQ(Account().promotional_balance(), kDollar);
}

TEST_F(CreditGrantsTest, P6_ManyUsagesOfOneBatchDrawNoMoreThanThereIs) {
  Grant("g", kDollar, absl::Hours(24));
  std::vector<Order> orders;
  for (int i = 0; i < 50; ++i) {
    orders.emplace_back(kAccount, RecordUsage{Call(kUser, absl::StrCat("c", i), kCentASecond, 10)});
  }
  for (const auto& reply : AskAll(*engine_, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(Account().promotional_balance(), 0);
  EXPECT_EQ(Account().own_balance(), 15 * kDollar - 4 * kDollar);
}

TEST_F(CreditGrantsTest, P6_TheHousekeeperEndsWhatIsLeftOnceThoughTwoLedgersLook) {
  Grant("long", kDollar, absl::Hours(48));
  Grant("short", 2 * kDollar, absl::Hours(24));
  const auto other = ledger_.StartEngine();
  ledger_.clock().Advance(absl::Hours(24));
  EXPECT_TRUE(WaitUntil([&] { return Account().promotional_balance() == kDollar; }));
  ledger_.clock().Advance(absl::Hours(24));
  EXPECT_TRUE(WaitUntil([&] { return Account().promotional_balance() == 0; }));
  EXPECT_EQ(Account().balance, 15 * kDollar);
  EXPECT_THAT(Kinds(), ElementsAre(EntryKind::kRecharge, EntryKind::kGrant, EntryKind::kGrant,
                                   EntryKind::kGrantEnded, EntryKind::kGrantEnded));
}

TEST_F(CreditGrantsTest, P6_WhatAUsageSaysIsItsOwnEntryThoughAGrantEndsWithIt) {
  Grant("g", 2 * kDollar, absl::Minutes(1));
  ledger_.clock().Advance(absl::Minutes(2));
  const auto reply = Must<UsageReply>(RecordUsage{Call(kUser, "x", kCentASecond, 100)});
  EXPECT_EQ(reply.cost, kDollar);
  EXPECT_EQ(reply.seq, 3);
}

TEST_F(CreditGrantsTest, TheAuditFindsWhatWasAltered) {
  Grant("g", 2 * kDollar, absl::Hours(24));
  Must<UsageReply>(RecordUsage{Call(kUser, "x", kCentASecond, 100)});
  for (const std::string tampered :
       {"UPDATE accounts SET credit_grants = ''",
        "UPDATE accounts SET credit_grants = REPLACE(credit_grants, ':1000000000:', ':7:')",
        "UPDATE entries SET grant_draws = '' WHERE usage_id = 'x'",
        "UPDATE entries SET grant_draws = '2:1000000000' WHERE usage_id = 'x'",
        "UPDATE entries SET grant_number = 3 WHERE kind = 12"}) {
    ledger_.sql().Execute("CREATE TABLE untouched_accounts AS SELECT * FROM accounts");
    ledger_.sql().Execute("CREATE TABLE untouched_entries AS SELECT * FROM entries");
    ledger_.sql().Execute(tampered);
    const Findings findings = ledger_.AuditOf(kAccount);
    bool told = false;
    for (const Difference& difference : findings.differences) {
      told |= difference.check == audit::kCheckGrants;
    }
    EXPECT_TRUE(told) << tampered;
    for (const std::string table : {"accounts", "entries"}) {
      ledger_.sql().Execute(absl::StrCat("DELETE FROM ", table));
      ledger_.sql().Execute(
          absl::StrCat("INSERT INTO ", table, " SELECT * FROM untouched_", table));
      ledger_.sql().Execute(absl::StrCat("DROP TABLE untouched_", table));
    }
  }
}

}  // namespace
}  // namespace reserve::engine
