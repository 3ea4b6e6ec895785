// What the program's own database user may do, and what not (DESIGN: no DDL, no
// DELETE, no UPDATE on entries).

#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/migrator.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

class GrantsTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::Status created =
        ledger_.sql().TryExecute(absl::StrCat("CREATE USER ", user_, " IDENTIFIED BY 'Secret-1'"));
    if (!created.ok()) GTEST_SKIP() << "this server does not let us create users: " << created;
    created_ = true;
    for (const std::string& grant : storage::GrantsFor(ledger_.sql().schema(), user_)) {
      ledger_.sql().Execute(grant);
    }
  }
  void TearDown() override {
    if (created_) ledger_.sql().Execute(absl::StrCat("DROP USER ", user_));
  }
  storage::DatabaseOptions AsUser() {
    return storage::OptionsFor(ledger_.sql().UrlAs(name_, "Secret-1"));
  }

  Ledger ledger_;
  const std::string name_ = absl::StrCat("reserve_", getpid());
  const std::string user_ = absl::StrCat(
      "'", name_, "'@'", ledger_.sql().address().socket.empty() ? "%" : "localhost", "'");
  bool created_ = false;
};

TEST_F(GrantsTest, AreEnoughToRunALedger) {
  EngineOptions options = ledger_.Options();
  options.database = AsUser();
  {
    const auto engine = ledger_.StartEngine(options);
    OpenFunded(*engine, "acme");
    const domain::Usage usage = Call(kUser, "c", kStandardNumber, 60);
    for (int i = 0; i < 2; ++i) {
      const auto booked = Ask<UsageReply>(*engine, "acme", RecordUsage{usage});
      EXPECT_TRUE(booked.ok()) << booked.status();
    }
    EXPECT_TRUE(
        Ask<EntryReply>(*engine, "acme", AdjustBalance{"r", -kNanosPerUnit, {"x"}, ""}).ok());
    Spend(*engine, "acme", 5 * kNanosPerUnit);
    EXPECT_TRUE(Ask<RechargeReply>(*engine, "acme", Succeeded(2, 15 * kNanosPerUnit)).ok());
    Spend(*engine, "acme", 20 * kNanosPerUnit);
    const auto reported =
        Ask<RechargeReply>(*engine, "acme", Declined(3, domain::DeclineClass::kSoft));
    EXPECT_TRUE(reported.ok()) << reported.status();
    rates::DeckHeader header;
    header.name = "next";
    header.currency = "EUR";
    header.effective_time = TestNow();
    header.import_time = TestNow();
    EXPECT_TRUE(engine->queries()
                    .Run([&](storage::Connection& connection) {
                      return ImportInForce(*engine, connection, header,
                                           {{rates::RateKind::kCall, "1", "", "", 1, 0, 60, 60}})
                          .status();
                    })
                    .ok());
  }
  const auto connection = storage::MustConnect(AsUser());
  EXPECT_TRUE(storage::CheckSchema(*connection).ok());
  Findings findings;
  EXPECT_TRUE(VerifyAccount(*connection, "acme", &findings).ok());
  EXPECT_EQ(findings.difference_count, 0);
}

TEST_F(GrantsTest, DoNotReachFurther) {
  const auto connection = storage::MustConnect(AsUser());
  for (const char* sql : {"DELETE FROM entries",
                          "DELETE FROM accounts",
                          "DELETE FROM payment_methods",
                          "DELETE FROM disputes",
                          "DELETE FROM allowances",
                          "DELETE FROM usage_states",
                          "DELETE FROM account_months",
                          "DELETE FROM usage_ids",
                          "DELETE FROM events",
                          "TRUNCATE TABLE entries",
                          "UPDATE entries SET amount_nanos = 0",
                          "UPDATE receipts SET amount_nanos = 0",
                          "DELETE FROM receipts",
                          "UPDATE usage_ids SET seq = 0",
                          "UPDATE requests SET seq = 0",
                          "UPDATE events SET kind = 1",
                          "UPDATE card_declines SET attempt = 9",
                          "DELETE FROM reratings",
                          "UPDATE rates SET shape = 1",
                          "UPDATE rate_shapes SET price_nanos = 0",
                          "UPDATE rate_decks SET version = 9",
                          "DELETE FROM rate_activations",
                          "INSERT INTO plans VALUES ('free', 2, 0, 1, 0, 0, 'standard')",
                          "UPDATE plans SET free_seconds = 0",
                          "UPDATE schema_migrations SET version = 9",
                          "CREATE TABLE t (id INT PRIMARY KEY)",
                          "DROP TABLE entries",
                          "ALTER TABLE entries ADD COLUMN c INT",
                          "ALTER TABLE entries TRUNCATE PARTITION later",
                          "REPLACE INTO events VALUES ('a', 1, 1, '', NOW(), 1, 0, 0)",
                          "CREATE USER somebody",
                          "GRANT ALL ON *.* TO CURRENT_USER"}) {
    const absl::Status status = connection->Execute(sql);
    EXPECT_FALSE(status.ok()) << sql;
    EXPECT_THAT(std::string(status.message()),
                testing::AnyOf(testing::HasSubstr("denied"), testing::HasSubstr("privilege")))
        << sql;
  }
}

}  // namespace
}  // namespace reserve::engine
