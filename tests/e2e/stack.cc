#include "tests/e2e/stack.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/raw_call.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

using test_support::FreePort;
using test_support::Subprocess;
using test_support::TestDatabase;
using test_support::WaitUntil;

constexpr absl::Duration kStartDeadline = absl::Seconds(30);

// Not shared with other stacks, nor with what served on the same port before.
ChannelOptions OwnConnection() {
  ChannelOptions options;
  options.own_connection = true;
  return options;
}

std::string EndOf(const std::string& text) {
  constexpr size_t kShown = 2000;
  return text.size() <= kShown ? text : text.substr(text.size() - kShown);
}

// Starts a server that writes its port to `port_file`, and waits until it takes calls. With a
// known `address` it serves there again.
absl::StatusOr<std::unique_ptr<Subprocess>> StartServer(const std::string& program,
                                                        std::vector<std::string> args,
                                                        const std::string& port_file,
                                                        std::string* address) {
  std::filesystem::remove(port_file);
  args.push_back(absl::StrCat("--listen=", address->empty() ? "127.0.0.1:0" : *address));
  args.push_back(absl::StrCat("--port_file=", port_file));
  RESERVE_ASSIGN_OR_RETURN(std::unique_ptr<Subprocess> process,
                           Subprocess::Start({.program = program, .args = std::move(args)}));
  WaitUntil([&] { return std::filesystem::exists(port_file) || !process->Running(); },
            kStartDeadline);
  int port = 0;
  if (!(std::ifstream(port_file) >> port)) {
    process->Kill();
    return absl::InternalError(
        absl::StrCat(program, " does not take calls: ", EndOf(process->Stderr())));
  }
  *address = absl::StrCat("127.0.0.1:", port);
  return process;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Stack>> Stack::Start(StackOptions options) {
  std::unique_ptr<Stack> stack(new Stack(std::move(options)));
  RESERVE_RETURN_IF_ERROR(stack->StartAll());
  return stack;
}

Stack::~Stack() {
  workers_.clear();
  ledger_process_.reset();
  gateway_process_.reset();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

absl::Status Stack::StartAll() {
  std::string pattern = ::testing::TempDir() + "/stack-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return absl::InternalError("no temporary folder");
  folder_ = pattern;
  // An idle client of the blocking API looks at its connection this seldom; a server that drains
  // waits for that.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "50", /*overwrite=*/0);
  database_ = options_.server == nullptr ? std::make_unique<TestDatabase>()
                                         : std::make_unique<TestDatabase>(*options_.server);
  database_url_ = database_->url();
  metrics_port_ = FreePort();
  const Ended migrated = RunLedger({"migrate"});
  if (migrated.exit_code != 0) {
    return absl::InternalError(absl::StrCat("migrate: ", EndOf(migrated.errors)));
  }
  RESERVE_RETURN_IF_ERROR(StartLedger());
  RESERVE_ASSIGN_OR_RETURN(channel_, MakeChannel(ledger_address_, OwnConnection()));
  stubs_ = std::make_unique<test_support::LedgerStubs>(channel_);
  if (options_.starter_deck) {
    // From long ago, so that it prices whatever a test books.
    const Ended imported =
        RunLedger({"import-rates", "--starter", "--effective_time=2000-01-01T00:00:00Z"});
    if (imported.exit_code != 0) {
      return absl::InternalError(absl::StrCat("import-rates: ", EndOf(imported.errors)));
    }
  }
  if (options_.gateway) RESERVE_RETURN_IF_ERROR(StartGateway());
  workers_.resize(static_cast<size_t>(options_.workers));
  for (size_t i = 0; i < workers_.size(); ++i) RESERVE_RETURN_IF_ERROR(StartWorker(i));
  return absl::OkStatus();
}

absl::Status Stack::StartLedger() {
  std::vector<std::string> args = {"serve", absl::StrCat("--database=", database_url_),
                                   absl::StrCat("--metrics_listen=127.0.0.1:", metrics_port_),
                                   // Tests have starts of their own, which grow old with them.
                                   "--max_usage_age=87840h"};
  if (!options_.dollars.empty()) {
    args.push_back(test_support::CurrencySettingsFlag(folder_, options_.dollars));
  }
  args.insert(args.end(), options_.ledger_flags.begin(), options_.ledger_flags.end());
  RESERVE_ASSIGN_OR_RETURN(
      ledger_process_,
      StartServer("ledger", std::move(args), folder_ + "/ledger.port", &ledger_address_));
  return absl::OkStatus();
}

void Stack::FailOverTo(const test_support::PrivateDatabaseServer& server) {
  database_url_ = server.Url(database_->schema());
}

absl::Status Stack::StartGateway() {
  std::vector<std::string> args = {absl::StrCat("--data_file=", folder_, "/charges.jsonl")};
  args.insert(args.end(), options_.gateway_flags.begin(), options_.gateway_flags.end());
  RESERVE_ASSIGN_OR_RETURN(
      gateway_process_,
      StartServer("gateway_stub", std::move(args), folder_ + "/gateway.port", &gateway_address_));
  if (gateway_ != nullptr) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(auto channel, MakeChannel(gateway_address_, OwnConnection()));
  gateway_ = gateway::v1::PaymentGateway::NewStub(channel);
  dashboard_ = gateway::v1::StubDashboard::NewStub(channel);
  return absl::OkStatus();
}

absl::Status Stack::StartWorker(size_t index) {
  std::vector<std::string> args = {absl::StrCat("--ledger=", ledger_address_),
                                   absl::StrCat("--gateway=", gateway_address_),
                                   absl::StrCat("--worker_id=worker-", index)};
  args.insert(args.end(), options_.worker_flags.begin(), options_.worker_flags.end());
  RESERVE_ASSIGN_OR_RETURN(workers_[index],
                           Subprocess::Start({.program = "worker", .args = std::move(args)}));
  return workers_[index]->WaitForOutput("\"worker started\"", kStartDeadline).status();
}

absl::StatusOr<std::string> Stack::CallRaw(const std::string& method, absl::string_view request) {
  return e2e::CallRaw(channel_, method, request, kCallDeadline);
}

Stack::Ended Stack::RunLedger(const std::vector<std::string>& args,
                              const std::map<std::string, std::string>& env) const {
  // In the environment, as no command reads both.
  std::map<std::string, std::string> all = env;
  all.emplace("RESERVE_DATABASE", database_url_);
  all.emplace("RESERVE_LEDGER", ledger_address_);
  auto process = Subprocess::Start({.program = "ledger", .args = args, .env = std::move(all)});
  if (!process.ok()) return {-1, "", process.status().ToString()};
  const int exit_code = (*process)->Wait(absl::Seconds(60));
  return {exit_code, (*process)->Stdout(), (*process)->Stderr()};
}

absl::Status SpendOf(const test_support::LedgerStubs& ledger, const std::string& id,
                     const std::string& request_id, Nanos amount) {
  namespace pb = ::reserve::ledger::v1;
  auto adjust = Parse<pb::AdjustBalanceRequest>(
      absl::StrCat("account_id: '", id, "' request_id: '", request_id, "' reason: 'spent'"));
  reserve::ToProto(-amount, "USD", adjust.mutable_amount());
  const auto put = Parse<pb::PutUserRequest>(absl::StrCat("account_id: '", id, "' user_id: 'u'"));
  const auto text = Parse<pb::RecordUsageRequest>(absl::StrCat(
      "account_id: '", id, "' usage { usage_id: '", request_id,
      "-text' user_id: 'u' start_time { seconds: 1790000000 } sms { direction: DIRECTION_INBOUND "
      "destination: '+12025550123' segments: 1 } }"));
  absl::Status status =
      Call(ledger.of<pb::Accounts::Stub>(), &pb::Accounts::Stub::PutUser, put).status();
  status.Update(
      Call(ledger.of<pb::Support::Stub>(), &pb::Support::Stub::AdjustBalance, adjust).status());
  if (!status.ok()) return status;
  return Call(ledger.of<pb::Ledger::Stub>(), &pb::Ledger::Stub::RecordUsage, text).status();
}

}  // namespace reserve::e2e
