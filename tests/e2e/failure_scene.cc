#include "tests/e2e/failure_scene.h"

#include <signal.h>

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "worker/charge_key.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::WaitUntil;

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target) {
  ChannelOptions options;
  options.own_connection = true;
  options.max_reconnect_backoff = absl::Milliseconds(200);
  return MakeChannel(target, options).value();
}

}  // namespace

// --- The ghost ----------------------------------------------------------------------

GhostWorker::GhostWorker(pb::Recharges::Stub& stub) {
  context_.set_deadline(absl::ToChronoTime(absl::Now() + 3 * kPatience));
  context_.set_wait_for_ready(true);
  // More room than a worker has, so that the ledger prefers this one.
  stream_ = stub.WatchLowBalance(
      &context_, Parse<pb::WatchLowBalanceRequest>("worker_id: 'ghost' max_in_flight: 1000"));
  stream_->WaitForInitialMetadata();
}

GhostWorker::~GhostWorker() {
  context_.TryCancel();
  stream_->Finish();
}

pb::WatchLowBalanceResponse GhostWorker::Take() {
  pb::WatchLowBalanceResponse task;
  EXPECT_TRUE(stream_->Read(&task)) << "nothing was handed out";
  return task;
}

// --- The suite ----------------------------------------------------------------------

chaos::Stage* FailureTest::stage_ = nullptr;
std::vector<test_support::LedgerStubs> FailureTest::ledgers_;
std::unique_ptr<gw::PaymentGateway::Stub> FailureTest::gateway_;

void FailureTest::SetUpStage(chaos::StageOptions options) {
  options.ledger_flags.insert(options.ledger_flags.begin(), {"--lanes=2", "--poll_interval=50ms",
                                                             "--retry_delays=300ms,300ms,300ms"});
  options.worker_flags.insert(
      options.worker_flags.begin(),
      {"--charge_timeout=500ms", "--backoff_initial=20ms", "--backoff_max=200ms"});
  auto stage = chaos::Stage::Create(std::move(options));
  ASSERT_TRUE(stage.ok()) << stage.status();
  stage_ = stage->release();
  for (size_t i = 0; i < chaos::kLedgers; ++i) {
    const auto channel = ChannelTo(stage_->DirectTarget(stage_->ledger(i)));
    ledgers_.emplace_back(channel);
  }
  gateway_ = gw::PaymentGateway::NewStub(ChannelTo(stage_->DirectTarget(stage_->gateway())));
}

void FailureTest::TearDownTestSuite() {
  ledgers_.clear();
  gateway_.reset();
  delete stage_;
  stage_ = nullptr;
}

void FailureTest::SetUp() {
  ASSERT_NE(stage_, nullptr);
  for (chaos::Process* process : {&stage_->gateway(), &stage_->ledger(0), &stage_->ledger(1),
                                  &stage_->worker(0), &stage_->worker(1)}) {
    if (process->Running()) Thaw(*process);
  }
  const absl::Status healed = stage_->StartAll();
  ASSERT_TRUE(healed.ok()) << healed;
  stage_->worker(1).Kill();
}

std::function<void()> FailureTest::KillOf(chaos::Process& process) {
  return [life = process.life.get()] { life->Kill(); };
}

std::function<void()> FailureTest::FreezeOf(chaos::Process& process) {
  return [life = process.life.get()] { life->Signal(SIGSTOP); };
}

void FailureTest::Thaw(chaos::Process& process) { process.Signal(SIGCONT); }

void FailureTest::Restart(chaos::Process& process) {
  const absl::Status started = stage_->Start(process);
  ASSERT_TRUE(started.ok()) << started;
}

void FailureTest::AwaitLog(const chaos::Process& process, const std::string& text,
                           const std::string& also) {
  const auto logged = [&] {
    for (const absl::string_view line : absl::StrSplit(process.life->Stderr(), '\n')) {
      if (absl::StrContains(line, text) && absl::StrContains(line, also)) return true;
    }
    return false;
  };
  EXPECT_TRUE(WaitUntil(logged, kPatience, absl::Milliseconds(10)))
      << process.name << " did not log '" << text << "' with '" << also << "':\n"
      << process.life->Stderr();
}

// --- Accounts -----------------------------------------------------------------------

void FailureTest::Open(const std::string& id, const std::string& card_token) {
  Must(&pb::Accounts::Stub::OpenAccount,
       Parse<pb::OpenAccountRequest>(
           absl::StrCat("account_id: '", id, "' card_token: '", card_token, "'")));
  Must(&pb::Accounts::Stub::PutUser,
       Parse<pb::PutUserRequest>(absl::StrCat("account_id: '", id, "' user_id: 'u'")));
}

void FailureTest::OpenFunded(const std::string& id, const std::string& card_token) {
  Open(id, card_token.empty() ? absl::StrCat("tok_visa#", id) : card_token);
  Await(id, [](const pb::Account& a) {
    return a.state() == pb::ACCOUNT_STATE_ACTIVE && a.open_recharge_ordinal() == 0;
  });
}

pb::Account FailureTest::Get(const std::string& id) {
  return Must(&pb::Accounts::Stub::GetAccount,
              Parse<pb::GetAccountRequest>(absl::StrCat("account_id: '", id, "'")));
}

pb::Account FailureTest::Await(const std::string& id,
                               const std::function<bool(const pb::Account&)>& is_so) {
  pb::Account account;
  EXPECT_TRUE(WaitUntil([&] { return is_so(account = Get(id)); }, kPatience))
      << account.DebugString();
  return account;
}

void FailureTest::Spend(const std::string& id, const std::string& request_id,
                        const std::string& amount) {
  // Until it is answered, as every caller may.
  absl::Status status;
  test_support::WaitUntil(
      [&] {
        status = SpendOf(ledgers_[0], id, request_id, ParseDecimal(amount).value());
        return !absl::IsUnavailable(status);
      },
      kPatience);
  EXPECT_TRUE(status.ok()) << id << ": " << status;
}

void FailureTest::GiveCard(const std::string& id, const std::string& card_token) {
  Must(&pb::Accounts::Stub::UpdatePaymentMethod,
       Parse<pb::UpdatePaymentMethodRequest>(absl::StrCat(
           "account_id: '", id, "' payment_method { card_token: '", card_token, "' }")));
}

pb::RecordUsageRequest FailureTest::UsageOf(const std::string& id, const std::string& usage_id,
                                            int64_t seconds, const std::string& destination) {
  return Parse<pb::RecordUsageRequest>(absl::StrCat(
      "account_id: '", id, "' usage { usage_id: '", usage_id,
      "' user_id: 'u' start_time { seconds: 1790000000 } call { direction: DIRECTION_OUTBOUND "
      "destination: '",
      destination, "' duration { seconds: ", seconds, " } } }"));
}

std::vector<pb::Recharge> FailureTest::Recharges(const std::string& id) {
  const auto list = Must(&pb::Accounts::Stub::ListRecharges,
                         Parse<pb::ListRechargesRequest>(absl::StrCat("account_id: '", id, "'")));
  return {list.recharges().begin(), list.recharges().end()};
}

std::vector<pb::EventKind> FailureTest::EventKinds(const std::string& id) {
  const auto list =
      Must(&pb::Events::Stub::ListEvents,
           Parse<pb::ListEventsRequest>(absl::StrCat("account_id: '", id, "' page_size: 1000")));
  std::vector<pb::EventKind> kinds;
  for (const pb::Event& event : list.events()) kinds.push_back(event.kind());
  return kinds;
}

// --- The gateway --------------------------------------------------------------------

std::vector<gw::Charge> FailureTest::Charges(const std::string& id) {
  const auto request =
      Parse<gw::ListChargesRequest>(absl::StrCat("page_size: 1000 reference_prefix: '", id, "/'"));
  absl::StatusOr<gw::ListChargesResponse> list;
  WaitUntil(
      [&] {
        list = Call(*gateway_, &gw::PaymentGateway::Stub::ListCharges, request);
        return list.ok();
      },
      kPatience);
  EXPECT_TRUE(list.ok()) << list.status();
  if (!list.ok()) return {};
  return {list->charges().begin(), list->charges().end()};
}

absl::StatusOr<gw::Charge> FailureTest::ChargeFor(const pb::WatchLowBalanceResponse& task,
                                                  int64_t amount_units) {
  gw::ChargeRequest request;
  request.set_idempotency_key(worker::ChargeKey(task.account_id(), task.ordinal(), task.attempt()));
  request.set_card_token(task.card_token());
  request.mutable_amount()->set_currency_code(task.amount().currency_code());
  request.mutable_amount()->set_units(amount_units);
  request.set_reference(absl::StrCat(task.account_id(), "/", task.ordinal()));
  auto response = Call(*gateway_, &gw::PaymentGateway::Stub::Charge, request);
  if (!response.ok()) return response.status();
  return response->charge();
}

absl::StatusOr<pb::ReportRechargeResponse> FailureTest::Report(
    const pb::WatchLowBalanceResponse& task, const std::string& outcome) {
  auto request = Parse<pb::ReportRechargeRequest>(outcome);
  request.set_account_id(task.account_id());
  request.set_ordinal(task.ordinal());
  request.set_attempt(task.attempt());
  request.set_lease_epoch(task.lease().epoch());
  request.set_worker_id("ghost");
  if (request.has_succeeded()) *request.mutable_succeeded()->mutable_amount() = task.amount();
  return Call(recharges(), &pb::Recharges::Stub::ReportRecharge, request);
}

// --- What must hold -----------------------------------------------------------------

void FailureTest::ExpectAtRest(const std::string& id, const std::string& balance,
                               int successful_charges) {
  const pb::Account account = Await(id, [&](const pb::Account& a) {
    return TextOf(a.balance()) == balance && a.open_recharge_ordinal() == 0;
  });
  EXPECT_EQ(account.state(), pb::ACCOUNT_STATE_ACTIVE);
  int succeeded = 0;
  for (const gw::Charge& charge : Charges(id)) {
    succeeded += charge.state() == gw::CHARGE_STATE_SUCCEEDED ? 1 : 0;
  }
  EXPECT_EQ(succeeded, successful_charges);
  ExpectMoneyMatches(id);
}

void FailureTest::ExpectMoneyMatches(const std::string& id) {
  std::multiset<std::string> charged;
  for (const gw::Charge& charge : Charges(id)) {
    if (charge.state() != gw::CHARGE_STATE_SUCCEEDED) continue;
    charged.insert(absl::StrCat(charge.reference(), " ", charge.charge_id(), " ",
                                ParseDecimal(TextOf(charge.amount())).value()));
  }
  std::multiset<std::string> credited;
  for (const auto& row : stage_->database().Query(absl::StrCat(
           "SELECT e.account_id, e.recharge_ordinal, r.charge_id, e.amount_nanos FROM entries e "
           "JOIN recharges r ON r.account_id = e.account_id AND r.ordinal = e.recharge_ordinal "
           "WHERE e.kind = 2 AND e.account_id = '",
           id, "'"))) {
    credited.insert(absl::StrCat(row[0], "/", row[1], " ", row[2], " ", row[3]));
  }
  EXPECT_EQ(charged, credited) << "the gateway's charges, and the ledger's credits";
  const auto verified =
      Call(stub<pb::Audit::Stub>(), &pb::Audit::Stub::VerifyAccount,
           Parse<pb::VerifyAccountRequest>(absl::StrCat("account_id: '", id, "'")));
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->counts().differences(), 0) << verified->DebugString();
}

std::string FailureTest::TextOf(const google::type::Money& money) {
  const auto amount = reserve::FromProto(money, "", "money");
  return amount.ok() ? FormatDecimal(*amount) : amount.status().ToString();
}

}  // namespace reserve::e2e
