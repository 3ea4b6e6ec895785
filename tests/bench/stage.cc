#include "tests/bench/stage.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/storage/sql_text.h"
#include "tests/bench/accounts_by_api.h"
#include "tests/bench/one_call.h"
#include "tests/bench/traffic.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::bench {
namespace {

// Fewer entries wait to be added up for summaries (EngineOptions::summary_stretch).
constexpr int64_t kSummaryStretch = 1'024;

namespace fs = std::filesystem;
namespace pb = ledger::v1;
using storage::Connection;
using test_support::PrivateDatabaseServer;
using test_support::Subprocess;
using test_support::WaitUntil;

constexpr char kTemplate[] = "template";
constexpr char kVitessUser[] = "reserve";
constexpr char kAccountPrefix[] = "acct-";
constexpr char kDipPrefix[] = "dip-";
constexpr int kCopiesAtOnce = 50'000;
// Bulk statements take longer than those of a ledger may.
constexpr int kIoTimeoutSeconds = 600;

}  // namespace

std::string DipAccountId(int number) {
  char id[24];
  std::snprintf(id, sizeof(id), "%s%07d", kDipPrefix, number);
  return id;
}

absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Server::Connect(int count) const {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  ChannelOptions options;
  options.own_connection = true;
  for (int i = 0; i < count; ++i) {
    RESERVE_ASSIGN_OR_RETURN(auto channel, MakeChannel(target, options));
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
      return absl::UnavailableError(absl::StrCat("nobody answers on ", target));
    }
    channels.push_back(std::move(channel));
  }
  return channels;
}

std::string Stage::VitessSocket() const { return options_.vitess + "/vtgate.sock"; }

std::string Stage::Url(const std::string& schema) const {
  if (database_ != nullptr) return database_->Url(schema);
  test_support::DatabaseAddress address;
  address.user = kVitessUser;
  address.socket = VitessSocket();
  address.schema = schema;
  return address.ToUrl();
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(const Options& options) {
  std::unique_ptr<Stage> stage(new Stage(options));
  RESERVE_RETURN_IF_ERROR(stage->Prepare());
  return stage;
}

storage::DatabaseOptions Stage::SchemaOptions(const std::string& schema) const {
  storage::DatabaseOptions options;
  options.user = database_ == nullptr ? kVitessUser : "root";
  options.socket = database_ == nullptr ? VitessSocket() : database_->socket_path();
  options.schema = schema;
  options.io_timeout_seconds = kIoTimeoutSeconds;
  return options;
}

pid_t Stage::database_pid() const {
  std::ifstream file(fs::path(database_->socket_path()).parent_path() / "pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

absl::Status Stage::RestartDatabase() {
  sql_.reset();
  // What is dirty is written first, which on a slow disk is more than one patience.
  absl::Status stopped = database_->Stop();
  for (int i = 0; i < 3 && !stopped.ok(); ++i) stopped = database_->Stop();
  RESERVE_RETURN_IF_ERROR(stopped);
  RESERVE_RETURN_IF_ERROR(database_->Start());
  RESERVE_ASSIGN_OR_RETURN(sql_, Connection::Open(SchemaOptions("ledger")));
  return absl::OkStatus();
}

absl::Status Stage::Prepare() {
  folder_ = fs::path(test_support::BuildDir()).parent_path() / "bench";
  std::error_code error;
  fs::create_directories(folder_, error);
  if (options_.vitess.empty()) RESERVE_RETURN_IF_ERROR(StartDatabase());
  return options_.by_api || database_ == nullptr ? FillByApi() : FillBySql();
}

absl::Status Stage::StartDatabase() {
  // Real durability is the server's default and PrivateDatabaseServer keeps it; only its tiny
  // files are not fit for a load. What is written fits its memory: the ledger's tables grow more
  // than the floor's, and what that costs beyond memory is for the growth run to show.
  std::vector<std::string> args = {"--innodb-buffer-pool-size=3G"};
  args.insert(args.end(), options_.database_args.begin(), options_.database_args.end());
  RESERVE_ASSIGN_OR_RETURN(
      database_, PrivateDatabaseServer::Create({.log_megabytes = 1024, .extra_args = args}));
  RESERVE_ASSIGN_OR_RETURN(sql_, Connection::Open(SchemaOptions("")));
  return absl::OkStatus();
}

absl::Status Stage::Migrate(const std::string& schema) {
  RESERVE_ASSIGN_OR_RETURN(
      auto migrate,
      Subprocess::Start(
          {.program = "ledger", .args = {"migrate"}, .env = {{"RESERVE_DATABASE", Url(schema)}}}));
  if (migrate->Wait(absl::Seconds(60)) == 0) return absl::OkStatus();
  return absl::InternalError(migrate->Stderr());
}

absl::Status Stage::FillByApi() {
  const bool on_vitess = database_ == nullptr;
  if (!on_vitess) RESERVE_RETURN_IF_ERROR(sql_->Execute("CREATE DATABASE ledger"));
  RESERVE_RETURN_IF_ERROR(Migrate(on_vitess ? "reserve" : "ledger"));
  RESERVE_ASSIGN_OR_RETURN(sql_, Connection::Open(SchemaOptions(ServedSchema())));
  RESERVE_ASSIGN_OR_RETURN(const Server ledger, StartLedger());
  RESERVE_RETURN_IF_ERROR(ImportDeck(ledger));
  RESERVE_RETURN_IF_ERROR(StartWorker(ledger));
  RESERVE_ASSIGN_OR_RETURN(const auto channels, ledger.Connect(2));
  RESERVE_RETURN_IF_ERROR(MakeAccounts(channels, options_.accounts));
  StopWorker();
  return absl::OkStatus();
}

absl::Status Stage::FillBySql() {
  for (const char* schema : {"ledger", "sql_floor"}) {
    RESERVE_RETURN_IF_ERROR(sql_->Execute(absl::StrCat("CREATE DATABASE ", schema)));
    RESERVE_RETURN_IF_ERROR(Migrate(schema));
  }
  RESERVE_RETURN_IF_ERROR(sql_->Execute("USE ledger"));
  RESERVE_RETURN_IF_ERROR(sql_->Query(
      "SELECT table_name FROM information_schema.columns "
      "WHERE table_schema = 'ledger' AND column_name = 'account_id' ORDER BY table_name",
      [this](const storage::Row& row) { account_tables_.push_back(row.Text(1)); }));
  RESERVE_RETURN_IF_ERROR(MakeTemplate());
  RESERVE_RETURN_IF_ERROR(CopyAccounts(account_tables_, kAccountPrefix, 1, options_.accounts));
  if (options_.dip_accounts > 0) {
    RESERVE_RETURN_IF_ERROR(CopyAccounts(account_tables_, kDipPrefix, 1, options_.dip_accounts));
  }
  RESERVE_RETURN_IF_ERROR(FillHistory());
  RESERVE_RETURN_IF_ERROR(
      sql_->Execute("INSERT INTO sql_floor.balances SELECT * FROM ledger.balances"));
  return Analyze();
}

absl::Status Stage::ImportDeck(const Server& ledger) {
  RESERVE_ASSIGN_OR_RETURN(
      auto import,
      Subprocess::Start({.program = "ledger",
                         .args = {"import-rates", "--starter", "--ledger=" + ledger.target,
                                  // In force before any usage starts.
                                  "--effective_time=2020-01-01T00:00:00Z"}}));
  if (import->Wait(absl::Seconds(60)) == 0) return absl::OkStatus();
  return absl::InternalError(import->Stderr());
}

absl::Status Stage::MakeTemplate() {
  RESERVE_ASSIGN_OR_RETURN(const Server ledger, StartLedger());
  RESERVE_RETURN_IF_ERROR(ImportDeck(ledger));
  RESERVE_RETURN_IF_ERROR(StartWorker(ledger));
  RESERVE_ASSIGN_OR_RETURN(const auto channels, ledger.Connect(1));
  const test_support::LedgerStubs stubs(channels.front());
  RESERVE_RETURN_IF_ERROR(MakeAccount(stubs, kTemplate));
  StopWorker();
  return absl::OkStatus();
}

// All columns of a table, and the expressions that fill them from rows named `t`: the column
// itself unless `replaced` has another one.
absl::StatusOr<std::string> Stage::ColumnsOf(
    const std::string& table, const std::vector<std::pair<std::string, std::string>>& replaced,
    std::string* values) {
  std::string names;
  values->clear();
  RESERVE_RETURN_IF_ERROR(sql_->Query(
      absl::StrCat("SELECT column_name FROM information_schema.columns WHERE table_schema = "
                   "'ledger' AND table_name = '",
                   table, "' ORDER BY ordinal_position"),
      [&](const storage::Row& row) {
        const std::string name = row.Text(1);
        const auto other = std::find_if(replaced.begin(), replaced.end(),
                                        [&](const auto& pair) { return pair.first == name; });
        const absl::string_view comma = names.empty() ? "" : ",";
        absl::StrAppend(&names, comma, name);
        absl::StrAppend(values, comma,
                        other == replaced.end() ? absl::StrCat("t.", name) : other->second);
      }));
  return names;
}

absl::Status Stage::GrowNumbers(int last) {
  if (numbers_ == 0) {
    RESERVE_RETURN_IF_ERROR(
        sql_->Execute("CREATE TABLE sql_floor.numbers (seq BIGINT NOT NULL PRIMARY KEY)"));
    RESERVE_RETURN_IF_ERROR(sql_->Execute("INSERT INTO sql_floor.numbers VALUES (1)"));
    numbers_ = 1;
  }
  for (; numbers_ < last; numbers_ *= 2) {
    RESERVE_RETURN_IF_ERROR(sql_->Execute(absl::StrCat(
        "INSERT INTO sql_floor.numbers SELECT seq + ", numbers_, " FROM sql_floor.numbers")));
  }
  return absl::OkStatus();
}

absl::Status Stage::CopyAccounts(const std::vector<std::string>& tables, absl::string_view prefix,
                                 int first, int last) {
  RESERVE_RETURN_IF_ERROR(GrowNumbers(last));
  const std::string account_id = absl::StrCat("CONCAT('", prefix, "',LPAD(n.seq,7,'0'))");
  for (const std::string& table : tables) {
    std::string values;
    RESERVE_ASSIGN_OR_RETURN(const std::string names,
                             ColumnsOf(table, {{"account_id", account_id}}, &values));
    for (int from = first; from <= last; from += kCopiesAtOnce) {
      const int to = std::min(last, from + kCopiesAtOnce - 1);
      RESERVE_RETURN_IF_ERROR(sql_->Execute(
          absl::StrCat("INSERT INTO ", table, " (", names, ") SELECT ", values, " FROM ", table,
                       " t, sql_floor.numbers n WHERE t.account_id = '", kTemplate,
                       "' AND n.seq BETWEEN ", from, " AND ", to, " ORDER BY n.seq")));
    }
  }
  return absl::OkStatus();
}

// Gives one account a long history: its last usage again and again, every 20 seconds of its month.
absl::Status Stage::FillHistory() {
  RESERVE_RETURN_IF_ERROR(GrowNumbers(options_.history_entries));
  std::string values;
  for (const std::string& table : account_tables_) {
    const std::string id = absl::StrCat("'", kHistoryAccountId, "'");
    RESERVE_ASSIGN_OR_RETURN(const std::string names,
                             ColumnsOf(table, {{"account_id", id}}, &values));
    RESERVE_RETURN_IF_ERROR(
        sql_->Execute(absl::StrCat("INSERT INTO ", table, " (", names, ") SELECT ", values,
                                   " FROM ", table, " t WHERE account_id = '", kTemplate, "'")));
  }
  int64_t last_seq = 0;
  const std::string of_account = absl::StrCat("account_id = '", kHistoryAccountId, "'");
  RESERVE_RETURN_IF_ERROR(
      sql_->Query(absl::StrCat("SELECT last_seq FROM balances WHERE ", of_account),
                  [&](const storage::Row& row) { last_seq = row.Int(1); }));
  const std::string usage_id = "CONCAT('past-',LPAD(n.seq,9,'0'))";
  for (const char* table : {"entries", "usage_ids"}) {
    RESERVE_ASSIGN_OR_RETURN(
        const std::string names,
        ColumnsOf(table,
                  {{"seq", absl::StrCat("n.seq+", last_seq)},
                   {"usage_id", usage_id},
                   {"start_time",
                    "STR_TO_DATE(CONCAT(t.month,'01'),'%Y%m%d') + INTERVAL 20 * n.seq SECOND"},
                   {"start_part", "1 + 20 * n.seq DIV (8 * 86400)"},
                   {"record_time", "t.record_time + INTERVAL n.seq MICROSECOND"}},
                  &values));
    RESERVE_RETURN_IF_ERROR(sql_->Execute(
        absl::StrCat("INSERT INTO ", table, " (", names, ") SELECT ", values, " FROM ", table,
                     " t, sql_floor.numbers n WHERE t.", of_account, " AND t.seq = ", last_seq,
                     " AND n.seq <= ", options_.history_entries, " ORDER BY n.seq")));
  }
  return sql_->Execute(absl::StrCat("UPDATE balances SET last_seq = last_seq + ",
                                    options_.history_entries, " WHERE ", of_account));
}

absl::Status Stage::Analyze() {
  for (const std::string& table : account_tables_) {
    RESERVE_RETURN_IF_ERROR(
        sql_->Query(absl::StrCat("ANALYZE TABLE ", table), [](const storage::Row&) {}));
  }
  return sql_->Query("ANALYZE TABLE sql_floor.balances", [](const storage::Row&) {});
}

absl::StatusOr<Server> Stage::StartServer(const std::string& program, std::vector<std::string> args,
                                          bool with_database, int listen_port) {
  const std::string port_file = absl::StrCat(folder_, "/port-", ++servers_);
  std::error_code error;
  fs::remove(port_file, error);
  args.push_back(absl::StrCat("--listen=127.0.0.1:", listen_port));
  args.push_back("--port_file=" + port_file);
  Subprocess::Options options{.program = program, .args = std::move(args)};
  if (with_database) options.env["RESERVE_DATABASE"] = Url(ServedSchema());
  Server server;
  RESERVE_ASSIGN_OR_RETURN(server.process, Subprocess::Start(std::move(options)));
  int port = 0;
  const bool up = WaitUntil([&] {
    std::ifstream file(port_file);
    return !server.process->Running() || file >> port;
  });
  fs::remove(port_file, error);
  if (!up || port == 0) {
    return absl::InternalError(absl::StrCat(program, " did not start: ", server.process->Stderr()));
  }
  server.target = absl::StrCat("127.0.0.1:", port);
  return server;
}

absl::StatusOr<Server> Stage::StartLedger() {
  std::vector<std::string> args = {"serve"};
  args.insert(args.end(), options_.ledger_args.begin(), options_.ledger_args.end());
  // Known before it listens, as the other ledgers are told of it.
  const int listen_port = test_support::FreePort();
  args.push_back(absl::StrCat("--peer_address=127.0.0.1:", listen_port));
  return StartServer("ledger", std::move(args), /*with_database=*/true, listen_port);
}

absl::Status Stage::AwaitShares(const std::vector<const Server*>& ledgers) {
  absl::Status status;
  const auto all_know = [&] {
    status = absl::OkStatus();
    for (const Server* asked : ledgers) status.Update(CheckShares(*asked, ledgers));
    return status.ok();
  };
  if (WaitUntil(all_know, absl::Seconds(30), absl::Milliseconds(50))) return absl::OkStatus();
  return status;
}

absl::StatusOr<std::string> Stage::SharingOf(const Server& ledger) {
  RESERVE_ASSIGN_OR_RETURN(const auto channels, ledger.Connect(1));
  const test_support::LedgerStubs stubs(channels.front());
  pb::LedgerStatus status;
  RESERVE_RETURN_IF_ERROR(
      Call(stubs, &pb::Audit::Stub::GetStatus, pb::GetStatusRequest(), &status));
  return absl::StrCat(status.sharing().passed_on(), " passed on, ", status.sharing().taken_over(),
                      " taken over, ", status.sharing().done_in_place(), " done in place; ",
                      status.lanes().commands(), " commands in ", status.lanes().batches(),
                      " transactions, ", status.lanes().retries(), " tried again");
}

absl::Status Stage::CheckShares(const Server& asked, const std::vector<const Server*>& ledgers) {
  RESERVE_ASSIGN_OR_RETURN(const auto channels, asked.Connect(1));
  const test_support::LedgerStubs stubs(channels.front());
  pb::AccountRanges ranges;
  RESERVE_RETURN_IF_ERROR(
      Call(stubs, &pb::Ledger::Stub::GetAccountRanges, pb::GetAccountRangesRequest(), &ranges));
  std::map<std::string, int> counts;
  for (const pb::AccountRange& range : ranges.ranges()) ++counts[range.address()];
  for (const Server* ledger : ledgers) {
    const int count = counts[ledger->target];
    if (count == 0 || count < ranges.ranges_size() / static_cast<int>(ledgers.size())) {
      return absl::InternalError(absl::StrCat(ledger->target, " has ", count, " ranges"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Server> Stage::StartFloorServer() {
  return StartServer("floor_server", {}, /*with_database=*/false);
}

absl::Status Stage::StartWorker(const Server& ledger) {
  RESERVE_ASSIGN_OR_RETURN(gateway_, StartServer("gateway_stub", {}, /*with_database=*/false));
  RESERVE_ASSIGN_OR_RETURN(
      worker_,
      Subprocess::Start({.program = "worker",
                         .args = {"--ledger=" + ledger.target, "--gateway=" + gateway_.target,
                                  "--gateway_requests_per_second=0"}}));
  return absl::OkStatus();
}

void Stage::StopWorker() {
  worker_.reset();
  gateway_.process.reset();
}

absl::Status Stage::AwaitSums() {
  absl::StatusOr<int64_t> missing = 0;
  const auto is_added_up = [&] {
    int64_t left = options_.history_entries;
    const absl::Status asked = sql_->Query(
        absl::StrCat("SELECT b.last_seq - s.through_seq FROM balances b, usage_sums_through s "
                     "WHERE b.account_id = '",
                     kHistoryAccountId, "' AND s.account_id = b.account_id"),
        [&](const storage::Row& row) { left = row.Int(1); });
    missing = asked.ok() ? absl::StatusOr<int64_t>(left) : asked;
    return !missing.ok() || left < kSummaryStretch;
  };
  const bool in_time = WaitUntil(is_added_up, absl::Minutes(2), absl::Milliseconds(50));
  RESERVE_RETURN_IF_ERROR(missing.status());
  if (in_time) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(*missing, " entries are not added up"));
}

absl::StatusOr<int64_t> Stage::CountUsages() {
  int64_t count = 0;
  RESERVE_RETURN_IF_ERROR(sql_->Query("SELECT COUNT(*) FROM usage_ids",
                                      [&](const storage::Row& row) { count = row.Int(1); }));
  return count;
}

absl::StatusOr<int64_t> Stage::CountHolds() {
  int64_t count = 0;
  RESERVE_RETURN_IF_ERROR(
      sql_->Query("SELECT COUNT(*) FROM holds FORCE INDEX (by_expire_time) "
                  "WHERE expire_time IS NOT NULL",
                  [&](const storage::Row& row) { count = row.Int(1); }));
  return count;
}

absl::StatusOr<absl::Duration> Stage::ExpiryTook(absl::Time since) {
  absl::Duration took;
  RESERVE_RETURN_IF_ERROR(
      sql_->Query(absl::StrCat("SELECT MIN(end_time),MAX(end_time) FROM ended_holds WHERE state = ",
                               static_cast<int>(domain::HoldState::kExpired),
                               " AND create_time >= ", storage::QuotedTime(since)),
                  [&](const storage::Row& row) {
                    if (!row.IsNull(1)) took = row.Time(2) - row.Time(1);
                  }));
  return took;
}

absl::Status Stage::OpenMoreAccounts(int accounts) {
  return CopyAccounts({"accounts", "balances", "users", "allowances", "payment_methods"},
                      kAccountPrefix, options_.accounts + 1, accounts);
}

}  // namespace reserve::bench
