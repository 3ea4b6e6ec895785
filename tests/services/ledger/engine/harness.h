// A ledger without gRPC: a database of a test's own, engines on it, and commands
// that wait for their reply.
//
//   Ledger ledger;
//   auto engine = ledger.StartEngine();
//   OpenFunded(*engine, "acme");
//   auto reply = Ask<UsageReply>(*engine, "acme", RecordUsage{Call("u", "call-1", "14155550123",
//   60)});
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_HARNESS_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_HARNESS_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/ledger/audit/auditor.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/engine/task.h"
#include "tests/services/ledger/storage/migrated_database.h"
#include "tests/support/mariadb_server.h"

namespace reserve::engine {

using audit::Difference;
using audit::Findings;
using audit::VerifyAccount;

using book::AddPaymentMethod;
using book::AdjustBalance;
using book::AuthorizeReply;
using book::AuthorizeUsage;
using book::BlockAccount;
using book::CloseAccount;
using book::ClosingReply;
using book::Command;
using book::CorrectionReply;
using book::CorrectUsage;
using book::CreateHold;
using book::DeferRecharge;
using book::DisputeReply;
using book::EndHold;
using book::EntryReply;
using book::ExtendHold;
using book::GrantCredit;
using book::HoldReply;
using book::LiftSuspension;
using book::OpenAccount;
using book::PaymentMethodReply;
using book::PaymentReply;
using book::PutUser;
using book::RateUnrated;
using book::RechargeReply;
using book::Reconsider;
using book::RecordPayment;
using book::RecordUsage;
using book::RefundRecharge;
using book::ReleaseHold;
using book::RemovePaymentMethod;
using book::Reply;
using book::ReportGatewayDispute;
using book::ReportGatewayRefund;
using book::ReportRecharge;
using book::RequestRecharge;
using book::RerateReply;
using book::RerateUsage;
using book::ResolveReview;
using book::ReversePayment;
using book::UnblockAccount;
using book::UpdateBillingSettings;
using book::UpdatePaymentMethod;
using book::UsageReply;
using book::UserReply;
using book::VoidReply;
using book::VoidUsage;

using storage::TestNow;

inline constexpr char kUser[] = "u";                      // per_minute
inline constexpr char kUnlimitedUser[] = "v";             // unlimited
inline constexpr char kStandardNumber[] = "14155550123";  // $0.01 a minute
inline constexpr char kDearNumber[] = "442079460000";     // $0.06 a minute, $0.01 to connect
inline constexpr char kCentASecond[] = "881600000000";    // $0.60 a minute, by the second

// A clock that only moves when it is told to. Thread-safe.
class TestClock {
 public:
  absl::Time Now() const { return absl::FromUnixMicros(micros_); }
  void Advance(absl::Duration duration) { micros_ += absl::ToInt64Microseconds(duration); }

 private:
  std::atomic<int64_t> micros_ = absl::ToUnixMicros(TestNow());
};

// Collects replies by their index. Must outlive the commands. Thread-safe.
class Replies : public ReplySink {
 public:
  explicit Replies(size_t count) : replies_(count) {}
  void Done(uint32_t index, absl::StatusOr<Reply> reply) override;
  // All of them, once they are there.
  std::vector<absl::StatusOr<Reply>> Wait();

 private:
  absl::Mutex mutex_;
  std::vector<std::optional<absl::StatusOr<Reply>>> replies_ ABSL_GUARDED_BY(mutex_);
  size_t arrived_ ABSL_GUARDED_BY(mutex_) = 0;
};

// An account and a command for it.
using Order = std::pair<std::string, Command>;

std::vector<Task> TasksFor(std::vector<Order> orders, ReplySink* sink);
// Submits all at once, and waits for the replies, in the order of the commands.
std::vector<absl::StatusOr<Reply>> AskAll(Engine& engine, std::vector<Order> orders);

template <typename T>
absl::StatusOr<T> Ask(Engine& engine, const std::string& account_id, Command command) {
  std::vector<absl::StatusOr<Reply>> replies = AskAll(engine, {{account_id, std::move(command)}});
  if (!replies[0].ok()) return replies[0].status();
  return std::move(book::As<T>(*replies[0]));
}

// A database with the schema and a deck, on which engines can be started.
class Ledger {
 public:
  Ledger() { ImportDeck(); }
  explicit Ledger(const test_support::PrivateDatabaseServer& server) : database_(server) {
    ImportDeck();
  }

  // Options for tests: the test clock, two lanes, quick polling.
  EngineOptions Options();
  std::unique_ptr<Engine> StartEngine() { return StartEngine(Options()); }
  std::unique_ptr<Engine> StartEngine(EngineOptions options);

  TestClock& clock() { return clock_; }
  const storage::MigratedDatabase& database() const { return database_; }
  const test_support::TestDatabase& sql() const { return database_.sql(); }
  std::unique_ptr<storage::Connection> Connect() const { return database_.Connect(); }
  domain::Account Account(const std::string& account_id) const;
  domain::Recharge Recharge(const std::string& account_id, int64_t ordinal) const;
  // Of the account's first card.
  domain::CardState CardState(const std::string& account_id) const;

  // Verifies every account; differences are failures of the test.
  Findings Audit() const;
  Findings AuditOf(const std::string& account_id) const;

 private:
  void ImportDeck();

  TestClock clock_;
  storage::MigratedDatabase database_;
};

// Stores a deck, and has it in force from its effective time on.
void StoreInForce(storage::Connection& connection, const rates::DeckHeader& header,
                  const std::vector<rates::RateRow>& rows);
// Imports it into the ledger and does so there, backdated, as most decks of tests are.
absl::StatusOr<Engine::ImportedDeck> ImportInForce(Engine& engine, storage::Connection& connection,
                                                   const rates::DeckHeader& header,
                                                   const std::vector<rates::RateRow>& rows);

// A call by a user, out, that started three minutes before TestNow().
domain::Usage Call(const std::string& user_id, const std::string& usage_id,
                   const std::string& destination, int64_t seconds);
domain::Usage Sms(const std::string& user_id, const std::string& usage_id,
                  const std::string& destination, int32_t segments);

// A usage by kUser that costs just so much, in whole cents, with an id of its own.
RecordUsage Costing(Nanos amount);
// Spends so much by such a usage, as AdjustBalance downwards opens no recharge (G12).
void Spend(Engine& engine, const std::string& account_id, Nanos amount);

OpenAccount OpenWithCard();
// A report that the recharge's charge of `amount` succeeded.
ReportRecharge Succeeded(int64_t ordinal, Nanos amount, int32_t attempt = 1);
// A report that the recharge's first attempt was declined, by who has this lease.
ReportRecharge Declined(int64_t ordinal, domain::DeclineClass decline_class,
                        int64_t lease_epoch = 0);

// Gives `amount` of recharge `ordinal` back.
RefundRecharge Refund(const std::string& request_id, int64_t ordinal, Nanos amount,
                      bool allow_debt = false);
// Money by bank, and, with a charge, by a page.
RecordPayment Payment(const std::string& request_id, Nanos amount,
                      const std::string& charge_id = "", const std::string& reference = "");
ReversePayment Reversal(const std::string& request_id, int64_t ordinal);
CloseAccount Close(const std::string& request_id, const std::vector<std::string>& waived = {});
// A report that this refund was given back as "re_<ordinal>", or, with a code, that it failed.
ReportRecharge RefundSucceeded(int64_t ordinal);
ReportRecharge RefundFailed(int64_t ordinal, const std::string& code, int64_t lease_epoch = 0);
// What the gateway tells of the charge "ch_<ordinal>" of this recharge, as Succeeded() has it.
ReportGatewayRefund ToldRefund(int64_t ordinal, const std::string& refund_id,
                               domain::GatewayRefund::State state, Nanos amount);
ReportGatewayDispute ToldDispute(int64_t ordinal, const std::string& dispute_id,
                                 domain::DisputeState state, Nanos amount);

// Opens an account with a card, charges it for $15, and adds both users.
void OpenFunded(Engine& engine, const std::string& account_id);

// What tests that need no other go by.
inline constexpr char kAccount[] = "acme";
inline constexpr Nanos kDollar = kNanosPerUnit;

// A suite about one account, kAccount, whose ledger adds up after each test.
class OneAccountTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(ledger_.Audit().difference_count, 0); }

  // Asks the engine; a refusal is a failure of the test.
  template <typename T>
  T Must(Command command) {
    absl::StatusOr<T> reply = Ask<T>(*engine_, kAccount, std::move(command));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : T();
  }
  // Another engine, which has to find what the one before has written.
  void StartAnew();
  Nanos Balance() const { return ledger_.Account(kAccount).balance; }
  // Of all entries.
  std::vector<domain::EntryKind> Kinds() const;

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
  std::unique_ptr<Engine> engine_ = ledger_.StartEngine();
};

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_HARNESS_H_
