#include "tests/chaos/stage.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "tests/support/wait_until.h"

namespace reserve::chaos {
namespace {

using test_support::DatabaseAddress;
using test_support::Subprocess;
using test_support::TestDatabase;
using test_support::WaitUntil;

constexpr absl::Duration kStartTimeout = absl::Seconds(30);

bool Listens(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const bool taken = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return taken;
}

}  // namespace

void Process::Kill() {
  if (life == nullptr) return;
  life->Kill();
  const int code = life->Wait(absl::ZeroDuration());
  if (code != 128 + SIGKILL) own_ends.push_back(absl::StrCat(name, " ended by itself with ", code));
  std::ofstream(log_file, std::ios::app) << life->Stdout() << life->Stderr() << "-- ended\n";
  life.reset();
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(StageOptions options) {
  std::unique_ptr<Stage> stage(new Stage(std::move(options)));
  RESERVE_RETURN_IF_ERROR(stage->SetUp());
  return stage;
}

Stage::~Stage() {
  for (Process& process : workers_) process.Kill();
  for (Process& process : ledgers_) process.Kill();
  gateway_.Kill();
  if (!folder_.empty() && !keep_folder_) std::filesystem::remove_all(folder_);
}

absl::Status Stage::SetUp() {
  // Short, as a unix socket's path has at most 107 bytes.
  std::string pattern = std::filesystem::temp_directory_path() / "reserve-chaos-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return absl::InternalError("no temporary folder");
  folder_ = pattern;
  RESERVE_ASSIGN_OR_RETURN(databases_, Databases::Create(options_.engine, options_.vitess));
  database_ = databases_->NewSchema();
  RESERVE_RETURN_IF_ERROR(
      RunToEnd({"migrate", "--database=" + databases_->MigrationUrl(*database_)}));
  RESERVE_RETURN_IF_ERROR(SetUpProxies());
  RESERVE_RETURN_IF_ERROR(Start(ledgers_[0]));
  // From long ago, so that it prices whatever is booked; and before the other ledgers start, as
  // they would notice a new deck only within a second.
  RESERVE_RETURN_IF_ERROR(
      RunToEnd({"import-rates", "--starter", "--effective_time=2000-01-01T00:00:00Z",
                "--ledger=" + DirectTarget(ledgers_[0])}));
  return StartAll();
}

absl::Status Stage::SetUpProxies() {
  Describe();
  for (size_t i = 0; i < kLedgers; ++i) {
    RESERVE_ASSIGN_OR_RETURN(database_proxies_[i], Proxy::Create(databases_->SocketOf(i)));
    RESERVE_ASSIGN_OR_RETURN(ledger_proxies_[i], Proxy::Create(ledgers_[i].socket));
    DatabaseAddress address = database_->address();
    address.socket.clear();
    address.host = "127.0.0.1";
    address.port = database_proxies_[i]->port();
    const bool waits = options_.engine == Engine::kGalera && options_.wsrep_sync_wait != 0;
    ledgers_[i].args.push_back(
        absl::StrCat("--database=", address.ToUrl(),
                     waits ? absl::StrCat("?wsrep_sync_wait=", options_.wsrep_sync_wait) : ""));
  }
  RESERVE_ASSIGN_OR_RETURN(gateway_proxy_, Proxy::Create(gateway_.socket));
  for (size_t i = 0; i < kWorkers; ++i) {
    workers_[i].args.push_back("--ledger=" + ledger_proxies_[i % kLedgers]->address());
    workers_[i].args.push_back("--gateway=" + gateway_proxy_->address());
  }
  return absl::OkStatus();
}

void Stage::Describe() {
  const auto describe = [this](const std::string& name, const std::string& program,
                               std::vector<std::string> args,
                               const std::vector<std::string>& more = {}) {
    args.insert(args.end(), more.begin(), more.end());
    const auto env = options_.env.find(name);
    return Process{
        .name = name,
        .program = Program(program),
        .args = std::move(args),
        .socket = program == "worker" ? "" : absl::StrCat(folder_, "/", name, ".sock"),
        .log_file = absl::StrCat(folder_, "/", name, ".log"),
        .env = env == options_.env.end() ? std::map<std::string, std::string>() : env->second};
  };
  test_support::DollarAmounts dollars = options_.dollars;
  dollars.emplace("max_automatic_amount_per_hour", absl::StrCat(kMostAnHour));
  for (size_t i = 0; i < kLedgers; ++i) {
    // Retries soon enough to be over when all comes to rest, and no card awaited for a day that was
    // declined too often (G9); a cap that only busy accounts reach.
    ledgers_[i] = describe(
        absl::StrCat("ledger-", i), "ledger",
        {"serve", "--lease_duration=2s", "--retry_delays=1s,2s,3s", "--decline_interval=1s",
         "--max_declines_per_day=1000", "--max_cards_given_per_day=100000", "--close_grace=2s",
         "--hold_ringing=2s", "--settle_within=4s", "--pending_lookup_interval=700ms",
         test_support::CurrencySettingsFlag(folder_, dollars, options_.amounts_left_out)},
        options_.ledger_flags);
    if (const test_support::VitessCluster* const vitess = databases_->vitess()) {
      ledgers_[i].args.push_back(
          absl::StrCat("--shards=", std::max(options_.shards, vitess->shards())));
    }
    if (options_.share_accounts) {
      ledgers_[i].args.push_back("--peer_address=" + DirectTarget(ledgers_[i]));
    }
  }
  for (size_t i = 0; i < kWorkers; ++i) {
    workers_[i] = describe(
        absl::StrCat("worker-", i), "worker",
        {absl::StrCat("--worker_id=worker-", i), "--charge_timeout=800ms", "--backoff_max=1s"},
        options_.worker_flags);
  }
  gateway_ = describe("gateway", "gateway_stub",
                      {absl::StrCat("--data_file=", folder_, "/charges.jsonl"),
                       "--latency_jitter=20ms", "--outage_file=" + outage_file()});
}

std::string Stage::Program(const std::string& name) const {
  const std::string instead = absl::StrCat(options_.programs, "/", name);
  return !options_.programs.empty() && std::filesystem::exists(instead) ? instead : name;
}

std::vector<std::string> Stage::OwnEnds() const {
  std::vector<std::string> ends = gateway_.own_ends;
  for (const Process& process : ledgers_) {
    ends.insert(ends.end(), process.own_ends.begin(), process.own_ends.end());
  }
  for (const Process& process : workers_) {
    ends.insert(ends.end(), process.own_ends.begin(), process.own_ends.end());
  }
  return ends;
}

absl::Status Stage::Start(Process& process) {
  if (process.Running()) return absl::OkStatus();
  process.Kill();
  std::vector<std::string> args = process.args;
  if (!process.socket.empty()) {
    std::filesystem::remove(process.socket);
    args.push_back("--listen=unix:" + process.socket);
  }
  RESERVE_ASSIGN_OR_RETURN(
      process.life,
      Subprocess::Start({.program = process.program, .args = args, .env = process.env}));
  if (process.socket.empty()) return absl::OkStatus();
  const bool done =
      WaitUntil([&] { return !process.Running() || Listens(process.socket); }, kStartTimeout);
  if (done && process.Running()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(process.name, " did not come up: ", process.life->Stderr()));
}

absl::Status Stage::FailOver() {
  RESERVE_RETURN_IF_ERROR(databases_->FailOver());
  database_ = std::make_unique<TestDatabase>(databases_->main(), database_->schema());
  for (size_t i = 0; i < kLedgers; ++i) {
    database_proxies_[i]->LeadTo(databases_->of_ledger(i).socket_path());
    database_proxies_[i]->CutAll();
  }
  return absl::OkStatus();
}

absl::Status Stage::StartAll() {
  RESERVE_RETURN_IF_ERROR(databases_->Start());
  RESERVE_RETURN_IF_ERROR(Start(gateway_));
  for (Process& process : ledgers_) RESERVE_RETURN_IF_ERROR(Start(process));
  for (Process& process : workers_) RESERVE_RETURN_IF_ERROR(Start(process));
  return absl::OkStatus();
}

absl::Status Stage::RunToEnd(std::vector<std::string> args) {
  const std::string name = args.front();
  RESERVE_ASSIGN_OR_RETURN(
      auto process, Subprocess::Start({.program = Program("ledger"), .args = std::move(args)}));
  if (process->Wait(absl::Seconds(60)) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("ledger ", name, ": ", process->Stderr()));
}

}  // namespace reserve::chaos
