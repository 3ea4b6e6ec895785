#include "tests/services/ledger/engine/harness.h"

#include <atomic>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::engine {

void Replies::Done(uint32_t index, absl::StatusOr<Reply> reply) {
  absl::MutexLock lock(&mutex_);
  EXPECT_FALSE(replies_[index].has_value()) << "answered twice: " << index;
  replies_[index] = std::move(reply);
  ++arrived_;
}

std::vector<absl::StatusOr<Reply>> Replies::Wait() {
  absl::MutexLock lock(&mutex_);
  const auto all = [this]()
                       ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return arrived_ == replies_.size(); };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(100))) {
    ADD_FAILURE() << "only " << arrived_ << " of " << replies_.size() << " replies came";
    std::abort();
  }
  std::vector<absl::StatusOr<Reply>> replies;
  for (auto& reply : replies_) replies.push_back(*std::move(reply));
  return replies;
}

std::vector<Task> TasksFor(std::vector<Order> orders, ReplySink* sink) {
  std::vector<Task> tasks;
  uint32_t index = 0;
  for (Order& order : orders) {
    tasks.push_back({std::move(order.first), std::move(order.second), sink, index++});
  }
  return tasks;
}

std::vector<absl::StatusOr<Reply>> AskAll(Engine& engine, std::vector<Order> orders) {
  Replies replies(orders.size());
  engine.Submit(TasksFor(std::move(orders), &replies));
  return replies.Wait();
}

EngineOptions Ledger::Options() {
  EngineOptions options;
  options.database = database_.options();
  options.lanes = 2;
  options.query_threads = 1;
  options.bulk_threads = 1;
  options.poll_interval = absl::Milliseconds(10);
  options.usage_count_interval = absl::Hours(1);  // who wants it shortens this
  options.clock = [this] { return clock_.Now(); };
  options.database_clock = [this](storage::Connection&) { return clock_.Now(); };
  return options;
}

std::unique_ptr<Engine> Ledger::StartEngine(EngineOptions options) {
  auto engine = std::make_unique<Engine>(std::move(options));
  const absl::Status started = engine->Start();
  EXPECT_TRUE(started.ok()) << started;
  return engine;
}

void Ledger::ImportDeck() {
  using rates::RateKind;
  const std::vector<rates::RateRow> rows = {
      {RateKind::kCall, "1", "", "North America", 10'000'000, 0, 60, 60},
      {RateKind::kCall, "44", "", "Britain", 60'000'000, 10'000'000, 60, 60},
      {RateKind::kCall, "8816", "", "By satellite", 600'000'000, 0, 1, 1},
      {RateKind::kCallInbound, "1800", "", "Toll-free", 15'000'000, 0, 60, 60},
      {RateKind::kSms, "1", "", "North America", 12'000'000, 0, 0, 0},
      {RateKind::kSms, "1", "att", "North America", 11'000'000, 0, 0, 0}};
  rates::DeckHeader header;
  header.version = 1;
  header.name = "test";
  header.currency = "USD";
  header.effective_time = TestNow() - absl::Hours(24 * 3650);
  header.rate_count = static_cast<int64_t>(rows.size());
  header.import_time = TestNow();
  const auto connection = Connect();
  StoreInForce(*connection, header, rows);
}

void StoreInForce(storage::Connection& connection, const rates::DeckHeader& header,
                  const std::vector<rates::RateRow>& rows) {
  const absl::Status stored = storage::InsertDeck(connection, header, rows);
  EXPECT_TRUE(stored.ok()) << stored;
  rates::DeckActivation activation;
  activation.deck_version = header.version;
  activation.currency = header.currency;
  activation.series = header.series;
  activation.from = header.effective_time;
  activation.backdated = true;
  activation.write_time = TestNow();
  const auto mark = storage::ReadTimelineMark(connection);
  EXPECT_TRUE(mark.ok()) << mark.status();
  activation.number = mark.ok() ? mark->newest + 1 : 0;
  const absl::Status activated = storage::AddActivation(connection, activation);
  EXPECT_TRUE(activated.ok()) << activated;
}

absl::StatusOr<Engine::ImportedDeck> ImportInForce(Engine& engine, storage::Connection& connection,
                                                   const rates::DeckHeader& header,
                                                   const std::vector<rates::RateRow>& rows) {
  RESERVE_ASSIGN_OR_RETURN(Engine::ImportedDeck imported,
                           engine.ImportDeck(connection, header, rows));
  static std::atomic<int64_t> number = 0;
  ActivationOrder order;
  order.deck_version = imported.header.version;
  order.from = header.effective_time;
  order.backdate = true;
  order.request_id = absl::StrCat("in-force-", ++number);
  RESERVE_RETURN_IF_ERROR(engine.ActivateDeck(connection, order).status());
  return imported;
}

domain::Account Ledger::Account(const std::string& account_id) const {
  const auto connection = Connect();
  const auto accounts = storage::LoadAccounts(*connection, {account_id});
  EXPECT_TRUE(accounts.ok()) << accounts.status();
  if (!accounts.ok() || accounts->empty()) return {};
  return accounts->front();
}

domain::Recharge Ledger::Recharge(const std::string& account_id, int64_t ordinal) const {
  const auto connection = Connect();
  const auto recharges =
      storage::LoadRecharges(*connection, {{account_id, ordinal}}, storage::Lock::kNone);
  EXPECT_TRUE(recharges.ok()) << recharges.status();
  if (!recharges.ok() || recharges->empty()) return {};
  return recharges->front();
}

domain::CardState Ledger::CardState(const std::string& account_id) const {
  const domain::Account account = Account(account_id);
  if (account.payment_methods.empty()) return domain::CardState::kNone;
  return account.payment_methods.front().state;
}

Findings Ledger::AuditOf(const std::string& account_id) const {
  const auto connection = Connect();
  Findings findings;
  const absl::Status status = VerifyAccount(*connection, account_id, &findings);
  EXPECT_TRUE(status.ok()) << status;
  return findings;
}

Findings Ledger::Audit() const {
  const auto connection = Connect();
  const auto accounts = storage::ListAccounts(*connection, "", 1000);
  EXPECT_TRUE(accounts.ok()) << accounts.status();
  Findings findings;
  for (const domain::Account& account : *accounts) {
    const absl::Status status = VerifyAccount(*connection, account.account_id, &findings);
    EXPECT_TRUE(status.ok()) << status;
  }
  for (const Difference& d : findings.differences) {
    ADD_FAILURE() << d.account_id << " " << d.check << " [" << d.subject << "] stored " << d.stored
                  << ", computed " << d.computed;
  }
  return findings;
}

domain::Usage Call(const std::string& user_id, const std::string& usage_id,
                   const std::string& destination, int64_t seconds) {
  domain::Usage usage;
  usage.usage_id = usage_id;
  usage.user_id = user_id;
  usage.kind = domain::UsageKind::kCall;
  usage.destination = destination;
  usage.start_time = TestNow() - absl::Minutes(3);
  usage.duration = absl::Seconds(seconds);
  return usage;
}

domain::Usage Sms(const std::string& user_id, const std::string& usage_id,
                  const std::string& destination, int32_t segments) {
  domain::Usage usage = Call(user_id, usage_id, destination, 0);
  usage.kind = domain::UsageKind::kSms;
  usage.segments = segments;
  return usage;
}

RecordUsage Costing(Nanos amount) {
  static std::atomic<int64_t> number = 0;
  EXPECT_EQ(amount % kNanosPerCent, 0);
  return RecordUsage{
      Call(kUser, absl::StrCat("spent-", ++number), kCentASecond, amount / kNanosPerCent)};
}

void Spend(Engine& engine, const std::string& account_id, Nanos amount) {
  const auto spent = Ask<UsageReply>(engine, account_id, Costing(amount));
  ASSERT_TRUE(spent.ok()) << spent.status();
  EXPECT_EQ(spent->cost, amount);
}

OpenAccount OpenWithCard() {
  OpenAccount open;
  open.currency = "USD";
  open.plan_id = "per_minute";
  open.card.card = {CardToken("tok_good"), "fp_good"};
  open.digest = "digest";
  return open;
}

ReportRecharge Succeeded(int64_t ordinal, Nanos amount, int32_t attempt) {
  ReportRecharge report;
  report.ordinal = ordinal;
  report.outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
  report.outcome.attempt = attempt;
  report.outcome.charge_id = absl::StrCat("ch_", ordinal);
  report.outcome.amount = amount;
  report.outcome.currency = "USD";
  return report;
}

ReportRecharge Declined(int64_t ordinal, domain::DeclineClass decline_class, int64_t lease_epoch) {
  ReportRecharge report;
  report.ordinal = ordinal;
  report.outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
  report.outcome.attempt = 1;
  report.outcome.lease_epoch = lease_epoch;
  report.outcome.decline_class = decline_class;
  report.outcome.text = "no";
  return report;
}

RefundRecharge Refund(const std::string& request_id, int64_t ordinal, Nanos amount,
                      bool allow_debt) {
  RefundRecharge refund;
  refund.ordinal = ordinal;
  refund.request = {request_id, amount, {"the customer asked"}, allow_debt};
  return refund;
}

RecordPayment Payment(const std::string& request_id, Nanos amount, const std::string& charge_id,
                      const std::string& reference) {
  RecordPayment command;
  command.request.request_id = request_id;
  command.request.amount = amount;
  command.request.means = domain::PaymentMeans::kBankTransfer;
  command.request.charge_id = charge_id;
  command.request.by = {"paid by bank", "support-1", reference};
  return command;
}

CloseAccount Close(const std::string& request_id, const std::vector<std::string>& waived) {
  return {request_id, waived, {"the customer leaves"}};
}

ReversePayment Reversal(const std::string& request_id, int64_t ordinal) {
  return {ordinal, request_id, {"bounced", "support-1", "notice-1"}};
}

ReportRecharge RefundSucceeded(int64_t ordinal) {
  ReportRecharge report;
  report.ordinal = ordinal;
  report.of_refund = true;
  report.outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
  report.outcome.attempt = 1;
  report.outcome.charge_id = absl::StrCat("re_", ordinal);
  return report;
}

ReportRecharge RefundFailed(int64_t ordinal, const std::string& code, int64_t lease_epoch) {
  ReportRecharge report = RefundSucceeded(ordinal);
  report.outcome.kind = domain::ChargeOutcome::Kind::kDeclined;
  report.outcome.lease_epoch = lease_epoch;
  report.outcome.text = code;
  return report;
}

ReportGatewayRefund ToldRefund(int64_t ordinal, const std::string& refund_id,
                               domain::GatewayRefund::State state, Nanos amount) {
  ReportGatewayRefund report;
  report.ordinal = ordinal;
  report.told = {absl::StrCat("ch_", ordinal), refund_id, state, amount, ""};
  return report;
}

ReportGatewayDispute ToldDispute(int64_t ordinal, const std::string& dispute_id,
                                 domain::DisputeState state, Nanos amount) {
  ReportGatewayDispute report;
  report.ordinal = ordinal;
  report.told = {absl::StrCat("ch_", ordinal), dispute_id, state, amount, ""};
  return report;
}

void OpenFunded(Engine& engine, const std::string& account_id) {
  const std::vector<Order> orders = {{account_id, OpenWithCard()},
                                     {account_id, PutUser{kUser, ""}},
                                     {account_id, PutUser{kUnlimitedUser, "unlimited"}}};
  for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  const auto funded = Ask<RechargeReply>(engine, account_id, Succeeded(1, 15 * kNanosPerUnit));
  ASSERT_TRUE(funded.ok()) << funded.status();
}

void OneAccountTest::StartAnew() {
  engine_.reset();
  engine_ = ledger_.StartEngine();
}

std::vector<domain::EntryKind> OneAccountTest::Kinds() const {
  std::vector<domain::EntryKind> kinds;
  const auto entries = storage::ListEntriesAfter(*ledger_.Connect(), kAccount, INT64_MIN, 100);
  for (const domain::Entry& entry : *entries) kinds.push_back(entry.kind);
  return kinds;
}

}  // namespace reserve::engine
