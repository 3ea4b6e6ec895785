#include "services/ledger/audit/auditor.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

constexpr char kAccount[] = "acme";

// One account with everything that an account can have.
void LiveThroughADay(Engine& engine) {
  OpenFunded(engine, kAccount);  // entry 1
  domain::Usage inbound = Call(kUser, "inbound", "16505550100", 60);
  inbound.direction = domain::Direction::kInbound;
  domain::Usage toll_free = Call(kUser, "toll-free", "18005550100", 60);
  toll_free.direction = domain::Direction::kInbound;
  domain::Usage last_month = Call(kUser, "late", kStandardNumber, 30);
  last_month.start_time -= absl::Hours(24 * 40);
  std::vector<Order> orders;
  for (const domain::Usage& usage : {Call(kUser, "free", kStandardNumber, 600),                // 2
                                     Call(kUnlimitedUser, "unlimited", kStandardNumber, 600),  // 3
                                     Call(kUser, "dear", kDearNumber, 6000),                   // 4
                                     Sms(kUser, "text", kStandardNumber, 2),                   // 5
                                     inbound, toll_free, last_month,             // 6, 7, 8
                                     Call(kUser, "unanswered", kDearNumber, 0),  // 9
                                     Call(kUser, "straddle", kStandardNumber, 18'000)}) {  // 10
    orders.emplace_back(kAccount, RecordUsage{usage});
  }
  orders.emplace_back(kAccount,
                      AdjustBalance{"adjust-1", -6 * kNanosPerUnit, {"a fee"}, ""});  // 11
  for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
}

// Which suspends the account: the payment that bounced leaves less than its threshold.
void LiveThroughADayOfPayments(Engine& engine) {
  LiveThroughADay(engine);
  const std::vector<Order> orders = {
      {kAccount, Payment("paid-1", 2 * kNanosPerUnit, "pg_1")},  // 12
      {kAccount, Payment("paid-2", 3 * kNanosPerUnit)},          // 13
      {kAccount, Reversal("bounced-1", 4)}};                     // 14
  for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
}

TEST(AuditorTest, AnAccountThatWasOnlyUsedAddsUp) {
  Ledger ledger;
  LiveThroughADayOfPayments(*ledger.StartEngine());
  const Findings findings = ledger.Audit();
  EXPECT_EQ(findings.accounts, 1);
  EXPECT_EQ(findings.entries, 14);
  EXPECT_EQ(findings.usages, 9);
  EXPECT_EQ(findings.recharges, 4);
  EXPECT_EQ(findings.users, 2);
  EXPECT_GT(findings.events, 4);
  EXPECT_EQ(findings.difference_count, 0);
}

TEST(AuditorTest, AnAccountOfManyPagesAddsUp) {
  Ledger ledger;
  const auto engine = ledger.StartEngine();
  OpenFunded(*engine, kAccount);
  std::vector<Order> orders;
  for (int i = 0; i < 1499; ++i) {
    orders.emplace_back(kAccount,
                        RecordUsage{Call(kUser, absl::StrCat("call-", i), kStandardNumber, 60)});
  }
  for (const auto& reply : AskAll(*engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ledger.Audit().entries, 1500);
  // A number used twice just where two pages meet.
  ledger.sql().Execute(
      "UPDATE entries SET seq = 500, record_time = record_time + INTERVAL 1 SECOND "
      "WHERE seq = 501");
  const Findings findings = ledger.AuditOf(kAccount);
  ASSERT_GT(findings.difference_count, 0);
  EXPECT_EQ(findings.differences.front().check, audit::kCheckSeqGap);
}

TEST(AuditorTest, MonthlyAllowancesAreReplayed) {
  Ledger ledger;
  ledger.sql().Execute("INSERT INTO plans VALUES ('monthly', 1, 600, 2, 0, 0, 'standard')");
  const auto engine = ledger.StartEngine();
  OpenFunded(*engine, kAccount);
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "monthly"}).ok());
  domain::Usage last_month = Call("m", "a", kStandardNumber, 420);
  last_month.start_time -= absl::Hours(24 * 30);
  for (const domain::Usage& usage :
       {last_month, Call("m", "b", kStandardNumber, 420), Call("m", "c", kStandardNumber, 420)}) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{usage}).ok());
  }
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "per_minute"}).ok());
  domain::Usage on_the_other = Call("m", "d", kStandardNumber, 60);
  on_the_other.start_time = ledger.clock().Now();
  ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{on_the_other}).ok());
  ledger.Audit();
}

TEST(AuditorTest, C8_BillingMonthsAreReplayedByTheCalendarOfTheirTime) {
  Ledger ledger;
  ledger.sql().Execute("INSERT INTO plans VALUES ('by_day', 1, 600, 3, 0, 0, 'standard')");
  {
    const auto engine = ledger.StartEngine();
    OpenFunded(*engine, kAccount);
    ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{"m", "by_day"}).ok());
    domain::Usage call = Call("m", "before", kStandardNumber, 420);
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{call}).ok());
    book::UpdateAccount change;
    change.change.time_zone = FindTimeZone("Asia/Tokyo").value();
    change.change.billing_day = 15;
    ASSERT_TRUE(Ask<domain::Account>(*engine, kAccount, change).ok());
    call.usage_id = "after";
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, RecordUsage{call}).ok());
  }
  ledger.Audit();
  // As if the change had been made long before: the first call was booked by the rule until then,
  // whatever the time says; the other one is in another month.
  const auto changed_early = [&ledger](int64_t after_seq) {
    ledger.sql().Execute(absl::StrCat("UPDATE accounts SET calendar_changes = '",
                                      absl::ToUnixMicros(TestNow() - absl::Hours(24 * 100)), ":",
                                      after_seq, ":9:Asia/Tokyo'"));
  };
  const int64_t last = ledger.sql().QueryInt("SELECT MAX(seq) FROM entries");
  changed_early(last);
  EXPECT_EQ(ledger.AuditOf(kAccount).difference_count, 0);
  changed_early(last - 1);
  const Findings findings = ledger.AuditOf(kAccount);
  ASSERT_GT(findings.difference_count, 0);
  EXPECT_EQ(findings.differences.front().check, audit::kCheckRating);
  EXPECT_EQ(findings.differences.front().subject, absl::StrCat(last));
}

TEST(AuditorTest, WhatBecameOfAUsageIsRecomputedFromItsEntries) {
  Ledger ledger;
  const auto engine = ledger.StartEngine();
  OpenFunded(*engine, kAccount);
  const auto ask = [&](book::Command command) {
    const auto replies = AskAll(*engine, {{kAccount, std::move(command)}});
    ASSERT_TRUE(replies[0].ok()) << replies[0].status();
  };
  ask(RecordUsage{Call(kUser, "voided", kStandardNumber, 600)});
  ask(VoidUsage{"voided", false, {"wrong"}});
  ask(RecordUsage{Call("late", "rated", kDearNumber, 60)});
  ask(RecordUsage{Call("never", "waiting", kDearNumber, 60)});
  ask(PutUser{"late", ""});
  ask(RateUnrated{"rated"});
  ask(CorrectUsage{{"early"}, Call(kUser, "right", kDearNumber, 60), {"wrong"}});
  EXPECT_EQ(ledger.AuditOf(kAccount).difference_count, 0);
  for (const std::string table : {"usage_states", "entries", "allowances"}) {
    ledger.sql().Execute(
        absl::StrCat("CREATE TABLE untouched_", table, " AS SELECT * FROM ", table));
  }
  for (const std::string tampered :
       {"DELETE FROM usage_states WHERE usage_id = 'waiting'",
        "DELETE FROM usage_states WHERE usage_id = 'voided'",
        "UPDATE usage_states SET status = 1 WHERE usage_id = 'voided'",
        "UPDATE usage_states SET status = 2 WHERE usage_id = 'rated'",
        "UPDATE usage_states SET cost_nanos = cost_nanos + 1 WHERE usage_id = 'rated'",
        "UPDATE usage_states SET free_seconds = 1 WHERE usage_id = 'voided'",
        "UPDATE usage_states SET latest_seq = 2 WHERE usage_id = 'voided'",
        "UPDATE usage_states SET usage_id = 'other' WHERE usage_id = 'early'",
        "UPDATE entries SET voided_usage_id = 'rated' WHERE voided_usage_id = 'voided'",
        "UPDATE entries SET free_seconds_back = 60 WHERE voided_usage_id = 'voided'",
        "UPDATE entries SET previous_cost_nanos = 1 WHERE kind = 9"}) {
    ledger.sql().Execute(tampered);
    const Findings findings = ledger.AuditOf(kAccount);
    bool told = false;
    for (const Difference& difference : findings.differences) {
      told |= difference.check == audit::kCheckUsageState;
    }
    EXPECT_TRUE(told) << tampered;
    for (const std::string table : {"usage_states", "entries", "allowances"}) {
      ledger.sql().Execute(absl::StrCat("DELETE FROM ", table));
      ledger.sql().Execute(absl::StrCat("INSERT INTO ", table, " SELECT * FROM untouched_", table));
    }
  }
  EXPECT_EQ(ledger.AuditOf(kAccount).difference_count, 0);
}

TEST(AuditorTest, WhatNoProgramWritesIsAFinding) {
  Ledger ledger;
  LiveThroughADay(*ledger.StartEngine());
  for (const std::string tampered :
       {"start_time = NULL WHERE seq = 4", "amount_nanos = -9223372036854775808 WHERE seq = 4",
        "balance_after_nanos = -9223372036854775808 WHERE seq = 4",
        "duration_micros = 9223372036854775807, free_seconds_taken = -2147483648 WHERE seq = 2"}) {
    SCOPED_TRACE(tampered);
    ledger.sql().Execute("CREATE TABLE kept AS SELECT * FROM entries");
    ledger.sql().Execute(absl::StrCat("UPDATE entries SET ", tampered));
    EXPECT_GT(ledger.AuditOf(kAccount).difference_count, 0);
    ledger.sql().Execute("DELETE FROM entries");
    ledger.sql().Execute("INSERT INTO entries SELECT * FROM kept");
    ledger.sql().Execute("DROP TABLE kept");
    EXPECT_EQ(ledger.AuditOf(kAccount).difference_count, 0);
  }
}

TEST(AuditorTest, AnUnknownAccountIsNotFound) {
  Ledger ledger;
  const auto connection = ledger.Connect();
  Findings findings;
  const absl::Status status = VerifyAccount(*connection, "nobody", &findings);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "ACCOUNT_NOT_FOUND");
  // The connection is as it was.
  EXPECT_TRUE(connection->Begin().ok());
}

TEST(AuditorTest, OnlyTheFirstDifferencesAreKept) {
  Ledger ledger;
  const auto engine = ledger.StartEngine();
  OpenFunded(*engine, kAccount);
  std::vector<Order> orders;
  for (int i = 0; i < 150; ++i) {
    orders.emplace_back(kAccount,
                        RecordUsage{Call(kUser, absl::StrCat("call-", i), kStandardNumber, 60)});
  }
  AskAll(*engine, orders);
  ledger.sql().Execute("DELETE FROM usage_ids");
  const Findings findings = ledger.AuditOf(kAccount);
  EXPECT_EQ(findings.difference_count, 150);
  EXPECT_EQ(findings.differences.size(), Findings::kMaxDifferences);
}

struct Tampering {
  const char* name;
  const char* sql;
  std::set<std::string> checks;  // all that must notice, and no others
  bool payments = false;         // of an account that has had payments
};

void PrintTo(const Tampering& tampering, std::ostream* out) { *out << tampering.sql; }

// One ledger for all: what is tampered with is restored from copies of the tables.
class TamperingTest : public testing::TestWithParam<Tampering> {
 protected:
  static constexpr const char* kTables[] = {
      "accounts",    "balances", "account_months", "users",        "entries",
      "usage_ids",   "requests", "events",         "recharges",    "payment_methods",
      "number_keys", "disputes", "allowances",     "usage_states", "receipts"};

  static void SetUpTestSuite() {
    for (const bool payments : {false, true}) {
      auto* const ledger = ledgers_[payments] = new Ledger();
      const auto engine = ledger->StartEngine();
      payments ? LiveThroughADayOfPayments(*engine) : LiveThroughADay(*engine);
      for (const char* table : kTables) {
        ledger->sql().Execute(absl::StrCat("CREATE TABLE copy_of_", table,
                                           " ENGINE=InnoDB AS SELECT * FROM ", table));
      }
    }
  }
  static void TearDownTestSuite() {
    for (Ledger* const ledger : ledgers_) delete ledger;
  }
  void SetUp() override {
    for (const char* table : kTables) {
      ledger_->sql().Execute(absl::StrCat("DELETE FROM ", table));
      ledger_->sql().Execute(absl::StrCat("INSERT INTO ", table, " SELECT * FROM copy_of_", table));
    }
  }

  static Ledger* ledgers_[2];  // without and with payments
  Ledger* const ledger_ = ledgers_[GetParam().payments];
};

Ledger* TamperingTest::ledgers_[2] = {};

TEST_P(TamperingTest, IsNoticedByName) {
  ASSERT_EQ(ledger_->Audit().difference_count, 0);
  ledger_->sql().Execute(GetParam().sql);
  const Findings findings = ledger_->AuditOf(kAccount);
  std::set<std::string> checks;
  for (const Difference& difference : findings.differences) {
    EXPECT_EQ(difference.account_id, kAccount);
    EXPECT_NE(difference.stored, difference.computed);
    checks.insert(difference.check);
  }
  EXPECT_EQ(checks, GetParam().checks);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, TamperingTest,
    testing::Values(
        Tampering{"Balance", "UPDATE balances SET balance_nanos = balance_nanos + 1", {"BALANCE"}},
        Tampering{"Head", "UPDATE balances SET head_hash = REPEAT('x', 32)", {"CHAIN"}},
        Tampering{
            "Hash", "UPDATE entries SET entry_hash = REPEAT('x', 32) WHERE seq = 4", {"CHAIN"}},
        Tampering{"DestinationUnderTheSamePrefix",
                  "UPDATE entries SET destination = '442079460099' WHERE seq = 4",
                  {"CHAIN"}},
        Tampering{"DigestInPlaceOfANumber",
                  "UPDATE entries SET destination = REPEAT('a', 64) WHERE seq = 4",
                  {"CHAIN"}},
        Tampering{"NumberKey", "UPDATE number_keys SET number_key = REPEAT('x', 32)", {"CHAIN"}},
        Tampering{"LostNumberKey", "DELETE FROM number_keys", {"CHAIN"}},
        Tampering{"ChainForm", "UPDATE entries SET chain_form = 1 WHERE seq = 4", {"CHAIN"}},
        Tampering{"NoChainForm", "UPDATE entries SET chain_form = NULL WHERE seq = 4", {"CHAIN"}},
        Tampering{"UnknownChainForm", "UPDATE entries SET chain_form = 9 WHERE seq = 4", {"CHAIN"}},
        Tampering{"BalanceAfter",
                  "UPDATE entries SET balance_after_nanos = balance_after_nanos + 1 WHERE seq = 4",
                  {"BALANCE_CHAIN", "CHAIN"}},
        Tampering{"Amount",
                  "UPDATE entries SET amount_nanos = amount_nanos - 1 WHERE seq = 11",
                  {"BALANCE_CHAIN", "BALANCE", "CHAIN"}},
        Tampering{"LostEntry",
                  "DELETE FROM entries WHERE seq = 5",
                  {"SEQ_GAP", "BALANCE_CHAIN", "BALANCE", "CHAIN"}},
        Tampering{"LostLastEntry",
                  "DELETE FROM entries WHERE seq = 11",
                  {"LAST_SEQ", "BALANCE", "CHAIN"}},
        Tampering{"SeqTwice",
                  "UPDATE entries SET seq = 5, record_time = record_time + INTERVAL 1 SECOND WHERE "
                  "seq = 6",
                  {"SEQ_GAP", "USAGE_ID", "CHAIN"}},
        Tampering{"LastSeq", "UPDATE balances SET last_seq = 12", {"LAST_SEQ"}},
        Tampering{"Price",
                  "UPDATE entries SET price_nanos = 70000000 WHERE seq = 4",
                  {"RATING", "CHAIN"}},
        Tampering{"ConnectFee",
                  "UPDATE entries SET connect_fee_nanos = 0 WHERE seq = 4",
                  {"RATING", "CHAIN"}},
        Tampering{"Duration",
                  "UPDATE entries SET duration_micros = 300000001 WHERE seq = 4",
                  {"RATING", "CHAIN"}},
        Tampering{"Increments",
                  "UPDATE entries SET increment_seconds = 0 WHERE seq = 4",
                  {"RATING", "CHAIN"}},
        Tampering{"Basis", "UPDATE entries SET basis = 4 WHERE seq = 4", {"RATING", "CHAIN"}},
        Tampering{"Segments", "UPDATE entries SET segments = 3 WHERE seq = 5", {"RATING", "CHAIN"}},
        Tampering{"StandardRate",
                  "UPDATE entries SET standard_rate = 1 WHERE seq = 4",
                  {"RATING", "CHAIN"}},
        Tampering{
            "Country", "UPDATE entries SET country = 'FR' WHERE seq = 4", {"RATING", "CHAIN"}},
        Tampering{"CountryOfNoLine",
                  "UPDATE entries SET country = 'FR' WHERE seq = 6",
                  {"RATING", "CHAIN"}},
        Tampering{"Prefix", "UPDATE entries SET prefix = '49' WHERE seq = 4", {"RATING", "CHAIN"}},
        Tampering{"Deck", "UPDATE entries SET deck_version = 9 WHERE seq = 4", {"RATING", "CHAIN"}},
        Tampering{"Plan", "UPDATE entries SET plan_id = 'none' WHERE seq = 4", {"RATING", "CHAIN"}},
        Tampering{
            "Direction", "UPDATE entries SET direction = 1 WHERE seq = 6", {"RATING", "CHAIN"}},
        Tampering{"LostUsageId", "DELETE FROM usage_ids WHERE usage_id = 'dear'", {"USAGE_ID"}},
        Tampering{"UsageIdElsewhere",
                  "UPDATE usage_ids SET seq = 5 WHERE usage_id = 'dear'",
                  {"USAGE_ID"}},
        Tampering{"UsageIdInOtherMonth",
                  "UPDATE usage_ids SET month = 202601 WHERE usage_id = 'dear'",
                  {"USAGE_ID"}},
        Tampering{"LostMonth", "DELETE FROM account_months WHERE month = 202610", {"MONTHS"}},
        Tampering{"MonthOfNoEntry",
                  "INSERT INTO account_months VALUES ('acme', 202608, 2, 2)",
                  {"MONTHS"}},
        Tampering{"MonthThatBeginsLater",
                  "UPDATE account_months SET first_seq = 2 WHERE month = 202611",
                  {"MONTHS"}},
        Tampering{"MonthThatEndsEarlier",
                  "UPDATE account_months SET last_seq = 7 WHERE month = 202610",
                  {"MONTHS"}},
        Tampering{"CurrentMonth", "UPDATE balances SET month = 202610", {"MONTHS"}},
        Tampering{"NoCurrentMonth", "UPDATE balances SET month = 0", {"MONTHS"}},
        Tampering{
            "EntryInOtherMonth", "UPDATE entries SET month = 202601 WHERE seq = 3", {"MONTHS"}},
        Tampering{"LostRequest", "DELETE FROM requests", {"REQUEST_ID"}},
        Tampering{"RequestElsewhere", "UPDATE requests SET seq = 3", {"REQUEST_ID"}},
        Tampering{"AllowanceOfUser",
                  "UPDATE allowances SET seconds_used = 17000 WHERE user_id = 'u'",
                  {"ALLOWANCE"}},
        Tampering{"AllowancePeriod",
                  "UPDATE allowances SET period = 202611 WHERE user_id = 'u'",
                  {"ALLOWANCE"}},
        Tampering{"AllowanceBefore",
                  "UPDATE entries SET free_seconds_before = 17000 WHERE seq = 4",
                  {"ALLOWANCE", "CHAIN"}},
        Tampering{"AllowanceTooLarge",
                  "UPDATE entries SET free_seconds_before = 99999 WHERE seq = 2",
                  {"ALLOWANCE", "CHAIN"}},
        Tampering{"LostUser", "DELETE FROM users WHERE user_id = 'u'", {"ALLOWANCE"}},
        Tampering{"RechargeWithoutEntry",
                  "UPDATE entries SET recharge_ordinal = 9 WHERE kind = 2",
                  {"RECHARGE_ENTRY", "CHAIN", "RECEIPTS"}},
        Tampering{"EntryWithoutSuccess",
                  "UPDATE recharges SET state = 3 WHERE ordinal = 1",
                  {"RECHARGE_ENTRY"}},
        Tampering{"RechargeAmount",
                  "UPDATE recharges SET credited_nanos = credited_nanos + 1 WHERE ordinal = 1",
                  {"RECHARGE_ENTRY"}},
        Tampering{"CreditedTwice",
                  "UPDATE entries SET kind = 2, recharge_ordinal = 1 WHERE seq = 11",
                  {"RECHARGE_ENTRY", "CHAIN", "RECEIPTS"}},
        Tampering{
            "ForgottenOpenRecharge", "UPDATE accounts SET open_ordinal = 0", {"OPEN_RECHARGE"}},
        Tampering{"RefundOfNoEntry",
                  "UPDATE recharges SET refund_of = 1, kind = 4, debited = 1 WHERE ordinal = 2",
                  {"GIVEN_BACK", "OPEN_RECHARGE"}},
        Tampering{"RefundedWithoutRefund",
                  "UPDATE recharges SET refunded_nanos = 1 WHERE ordinal = 1",
                  {"GIVEN_BACK"}},
        Tampering{"DisputedWithoutDispute",
                  "UPDATE recharges SET disputed_nanos = 1 WHERE ordinal = 1",
                  {"GIVEN_BACK"}},
        Tampering{"DisputeOfNoEntry",
                  "INSERT INTO disputes VALUES ('acme', 'dp', 1, 'ch_1', 5, 2, '', 1, 1, 'fp', "
                  "NOW(), NOW())",
                  {"GIVEN_BACK"}},
        Tampering{"RefundEntryWithoutRefund",
                  "UPDATE entries SET kind = 4, recharge_ordinal = 1 WHERE seq = 11",
                  {"GIVEN_BACK", "CHAIN", "RECEIPTS"}},
        Tampering{
            "SuspendedByNothing", "UPDATE accounts SET suspending_refunds = 1", {"GIVEN_BACK"}},
        Tampering{
            "NumberOfNoDispute", "UPDATE accounts SET disputed_numbers = 'fp'", {"GIVEN_BACK"}},
        Tampering{"ForgottenPayment", "UPDATE accounts SET payments = 2", {"PAYMENTS"}, true},
        Tampering{"PaymentAmount",
                  "UPDATE recharges SET credited_nanos = credited_nanos + 1 WHERE ordinal = 3",
                  {"RECHARGE_ENTRY"},
                  true},
        Tampering{"PaymentWithoutEntry",
                  "UPDATE entries SET recharge_ordinal = 9 WHERE seq = 12",
                  {"RECHARGE_ENTRY", "CHAIN", "RECEIPTS"},
                  true},
        Tampering{"PaymentEntryOfARecharge",
                  "UPDATE entries SET kind = 2 WHERE seq = 12",
                  {"RECHARGE_ENTRY", "CHAIN", "RECEIPTS"},
                  true},
        Tampering{"ReversedWithoutEntry",
                  "UPDATE recharges SET state = 6 WHERE ordinal = 3",
                  {"RECHARGE_ENTRY", "PAYMENTS"},
                  true},
        Tampering{"EntryWithoutReversal",
                  "UPDATE recharges SET state = 2 WHERE ordinal = 4",
                  {"RECHARGE_ENTRY", "PAYMENTS"},
                  true},
        Tampering{"PaymentOfNoRequest",
                  "DELETE FROM requests WHERE request_id = 'paid-1'",
                  {"REQUEST_ID"},
                  true},
        Tampering{"ReversalOfNoRequest",
                  "UPDATE requests SET seq = 12 WHERE request_id = 'bounced-1'",
                  {"REQUEST_ID"},
                  true},
        Tampering{"ChargeCreditedTwice",
                  "UPDATE recharges SET charge_id = 'ch_1' WHERE ordinal = 3",
                  {"RECHARGE_ENTRY"},
                  true},
        Tampering{"CreditedAsNothing",
                  "UPDATE recharges SET credited_as = 3 WHERE ordinal = 1",
                  {"RECHARGE_ENTRY"}},
        Tampering{"FundedAndPending",
                  "UPDATE accounts SET state = 1, reserve_amount_nanos = -100000000000",
                  {"STATE"}},
        Tampering{"ForgottenReview", "UPDATE accounts SET set_aside = 1", {"OPEN_RECHARGE"}},
        Tampering{"ReviewOfNoAccount",
                  "UPDATE recharges SET set_aside = 1 WHERE ordinal = 2",
                  {"OPEN_RECHARGE"}},
        Tampering{"TwoOpenRecharges",
                  "UPDATE recharges SET state = 1 WHERE ordinal = 1",
                  {"OPEN_RECHARGE", "RECHARGE_ENTRY"}},
        Tampering{"LostRecharge",
                  "DELETE FROM recharges WHERE ordinal = 1",
                  {"OPEN_RECHARGE", "RECHARGE_ENTRY"}},
        Tampering{"LastOrdinal", "UPDATE accounts SET last_ordinal = 3", {"OPEN_RECHARGE"}},
        Tampering{"LostEvent", "DELETE FROM events WHERE event_seq = 2", {"EVENT_GAP"}},
        Tampering{"LastEvent", "UPDATE accounts SET last_event_seq = 99", {"LAST_EVENT"}},
        Tampering{"State", "UPDATE accounts SET state = 3", {"STATE"}},
        Tampering{"StateOfLastEvent",
                  "UPDATE events SET state = 3 ORDER BY event_seq DESC LIMIT 1",
                  {"STATE"}},
        Tampering{"ActiveWithoutMoneyOrCard",
                  "UPDATE payment_methods m JOIN balances b ON b.account_id = m.account_id "
                  "SET b.balance_nanos = -10000000000, m.state = 2",
                  {"STATE", "BALANCE"}},
        Tampering{"Currency", "UPDATE accounts SET currency = 'EUR'", {"CURRENCY"}},
        Tampering{"NoCurrency", "UPDATE accounts SET currency = 'QQQ'", {"CURRENCY"}},
        Tampering{"RechargeCurrency",
                  "UPDATE recharges SET currency = 'EUR' WHERE ordinal = 1",
                  {"CURRENCY"}}),
    [](const auto& test) { return test.param.name; });

// U4, C14: a line may be of another country than its number.
TEST(AuditorTest, C14_TheCountryOfAUsageIsThatOfItsLineElseOfItsNumber) {
  Ledger ledger;
  LiveThroughADay(*ledger.StartEngine());
  const auto rating_differs = [&] {
    for (const Difference& difference : ledger.AuditOf(kAccount).differences) {
      if (difference.check == audit::kCheckRating) return true;
    }
    return false;
  };
  EXPECT_FALSE(rating_differs());
  ledger.sql().Execute(
      "UPDATE rate_shapes SET country = 'IE' WHERE shape IN (SELECT shape FROM rates "
      "WHERE prefix = '44')");
  EXPECT_TRUE(rating_differs()) << "of the line";
  ledger.sql().Execute(
      "UPDATE rate_shapes SET country = 'GB' WHERE shape IN (SELECT shape FROM rates "
      "WHERE prefix = '44')");
  EXPECT_FALSE(rating_differs());
  ledger.sql().Execute("DELETE FROM rates WHERE prefix = '44'");
  EXPECT_TRUE(rating_differs()) << "a usage of a line that there is not";
}

// Two calls in progress, one with 60 s of its allowance reported and beyond, one dear; and one that
// waits for its CDR.
void BeInCalls(Ledger& ledger, Engine& engine) {
  OpenFunded(engine, kAccount);
  const auto create = [&](const std::string& hold_id, const char* number) {
    CreateHold command;
    command.request.hold_id = hold_id;
    command.request.call = Call(kUser, "usage-of-" + hold_id, number, 0);
    command.request.call.start_time = ledger.clock().Now();
    return command;
  };
  const auto extend = [](const std::string& hold_id, int64_t used) {
    return ExtendHold{hold_id, {1, absl::Seconds(used)}};
  };
  const std::vector<Order> orders = {
      {kAccount, RecordUsage{Call(kUser, "before", kStandardNumber, 18'000 - 120)}},
      {kAccount, create("free", kStandardNumber)},
      {kAccount, extend("free", 90)},
      {kAccount, create("dear", kDearNumber)},
      {kAccount, extend("dear", 61)},
      {kAccount, create("over", kDearNumber)},
      {kAccount, ReleaseHold{"over", absl::Seconds(30)}}};
  for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
}

TEST(AuditorTest, H11_WhatIsHeldIsPricedAgainFromWhatEachHoldSays) {
  Ledger ledger;
  BeInCalls(ledger, *ledger.StartEngine());
  ASSERT_EQ(ledger.Audit().difference_count, 0);
  for (const std::string table : {"holds", "balances", "allowances"}) {
    ledger.sql().Execute(
        absl::StrCat("CREATE TABLE untouched_", table, " ENGINE=InnoDB AS SELECT * FROM ", table));
  }
  const std::string sums_follow =
      "UPDATE balances SET held_nanos = (SELECT SUM(held_nanos) FROM holds WHERE state <> 0), "
      "accrued_nanos = (SELECT SUM(accrued_nanos) FROM holds WHERE state <> 0)";
  const std::string seconds_follow =
      "UPDATE allowances SET seconds_held = (SELECT SUM(free_seconds) FROM holds WHERE state <> 0)";
  for (const std::string tampered :
       {"held_nanos = held_nanos + 1 WHERE hold_id = 'dear'",
        "held_nanos = accrued_nanos WHERE hold_id = 'dear'",
        "held_nanos = held_nanos - 1, accrued_nanos = accrued_nanos - 1 WHERE hold_id = 'over'",
        "accrued_nanos = 0 WHERE hold_id = 'dear'", "granted_seconds = 60 WHERE hold_id = 'dear'",
        "granted_seconds = 600 WHERE hold_id = 'dear'",
        "used_micros = 30000000 WHERE hold_id = 'dear'",
        "used_micros = 3000000000 WHERE hold_id = 'over'", "used_micros = 0 WHERE hold_id = 'over'",
        "free_seconds = free_seconds - 1 WHERE hold_id = 'free'",
        "free_seconds = 0, accrued_free_seconds = 0 WHERE hold_id = 'free'",
        "accrued_free_seconds = 60 WHERE hold_id = 'free'", "state = 2 WHERE hold_id = 'dear'",
        "plan_id = 'none' WHERE hold_id = 'dear'", "plan_id = 'unlimited' WHERE hold_id = 'free'",
        "deck_version = 9 WHERE hold_id = 'dear'", "deck_version = 0 WHERE hold_id = 'dear'",
        "destination = '14155550123' WHERE hold_id = 'dear'"}) {
    SCOPED_TRACE(tampered);
    ledger.sql().Execute(absl::StrCat("UPDATE holds SET ", tampered));
    ledger.sql().Execute(sums_follow);
    ledger.sql().Execute(seconds_follow);
    const Findings findings = ledger.AuditOf(kAccount);
    EXPECT_GT(findings.difference_count, 0);
    for (const Difference& difference : findings.differences) {
      EXPECT_EQ(difference.check, audit::kCheckHolds);
      EXPECT_NE(difference.subject, "") << "the sums are as the holds say";
      EXPECT_NE(difference.stored, difference.computed);
    }
    for (const std::string table : {"holds", "balances", "allowances"}) {
      ledger.sql().Execute(absl::StrCat("DELETE FROM ", table));
      ledger.sql().Execute(absl::StrCat("INSERT INTO ", table, " SELECT * FROM untouched_", table));
    }
    EXPECT_EQ(ledger.AuditOf(kAccount).difference_count, 0);
  }
  ledger.sql().Execute(
      "UPDATE rate_shapes SET price_nanos = price_nanos + 1 WHERE shape IN (SELECT shape "
      "FROM rates WHERE prefix = '44')");
  EXPECT_GT(ledger.AuditOf(kAccount).difference_count, 0) << "at the price of its line";
}

// An account that was closed: a debt was written off, and a payment that came after it is owed.
void LiveAndClose(Ledger& ledger, Engine& engine) {
  OpenFunded(engine, kAccount);  // entry 1
  const std::vector<Order> orders = {
      {kAccount, AdjustBalance{"fee", -20 * kNanosPerUnit, {"a fee"}, ""}},  // 2
      {kAccount, Close("close")}};
  for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  ledger.clock().Advance(absl::Hours(72));
  const std::vector<Order> after = {{kAccount, Reconsider{}},                         // 3
                                    {kAccount, Payment("late", 9 * kNanosPerUnit)}};  // 4, 5, 6
  for (const auto& reply : AskAll(engine, after)) ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(ledger.Account(kAccount).closing.owed, 4 * kNanosPerUnit);
}

TEST(AuditorTest, P4_WhatIsOwedAndWrittenOffIsAsItsEntriesSayAndClosedIsNothingLeft) {
  Ledger ledger;
  LiveAndClose(ledger, *ledger.StartEngine());
  EXPECT_EQ(ledger.Audit().difference_count, 0);
  const auto found = [&](const std::string& sql) {
    ledger.sql().Execute(sql);
    std::set<std::string> checks;
    for (const Difference& difference : ledger.AuditOf(kAccount).differences) {
      checks.insert(difference.check);
    }
    return checks;
  };
  EXPECT_THAT(found("UPDATE accounts SET closing_owed_nanos = closing_owed_nanos + 1"),
              testing::Contains("CLOSING"));
  EXPECT_THAT(found("UPDATE accounts SET closing_owed_nanos = closing_owed_nanos - 1"),
              testing::Not(testing::Contains("CLOSING")));
  EXPECT_THAT(found("UPDATE accounts SET closing_written_off_nanos = 1"),
              testing::Contains("CLOSING"));
  EXPECT_THAT(found("UPDATE accounts SET closing_written_off_nanos = 0"),
              testing::Not(testing::Contains("CLOSING")));
  EXPECT_THAT(found("UPDATE balances SET balance_nanos = 1"), testing::Contains("CLOSING"));
  EXPECT_THAT(found("UPDATE balances SET balance_nanos = 0"),
              testing::Not(testing::Contains("CLOSING")));
  EXPECT_THAT(found("UPDATE accounts SET close_time = NULL"), testing::Contains("CLOSING"));
}

}  // namespace
}  // namespace reserve::engine
