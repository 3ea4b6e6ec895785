// ledger: serves the ledger, and looks after its database.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/clock_guard.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/server.h"
#include "common/rpc/shutdown_signal.h"
#include "common/telemetry/log.h"
#include "common/telemetry/telemetry_flags.h"
#include "services/ledger/api/audit_service.h"
#include "services/ledger/api/ledger_service.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/api/recharges_service.h"
#include "services/ledger/api/rpc_metrics.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/import_rates.h"
#include "services/ledger/storage/migrator.h"
#include "services/ledger/storage/server_check.h"
#include "services/ledger/verify.h"

// What jemalloc is to do, which looks for this name. Few arenas that give back soon what was freed:
// a burst of calls then costs memory while it lasts, and not for long after it.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "percpu_arena:percpu,dirty_decay_ms:200,muzzy_decay_ms:0,background_thread:true";
}

ABSL_FLAG(std::string, database, "",
          "The database, as mysql://user:password@host:port/schema; add ?socket=/path for a unix "
          "socket, ?ssl_ca=/path to require TLS.");
ABSL_FLAG(std::string, database_password_file, "",
          "A file with the database password, instead of the one in --database.");
ABSL_FLAG(bool, allow_unsafe_database, false,
          "Start even if a setting of the database server can lose a commit.");
ABSL_FLAG(std::string, listen, "127.0.0.1:50051", "host:port or unix:/path to serve on.");
ABSL_FLAG(
    int, lanes, 0,
    "Threads that commit batches; each holds one database connection. 0: one a core, 2 to 16.");
ABSL_FLAG(int, query_threads, 4, "Threads for reads; each holds one database connection.");
ABSL_FLAG(int, max_batch, 900, "Commands in one transaction at the most, 1 to 999.");
ABSL_FLAG(int, max_queue, 8192, "Commands waiting in one lane at the most.");
ABSL_FLAG(int, cached_accounts, 100'000,
          "Accounts remembered between transactions, about 1 kB each; 0 for none.");
ABSL_FLAG(
    int64_t, max_queue_bytes, 8 << 20,
    "Memory that the commands waiting in one lane and their calls may hold, in bytes, about.");
ABSL_FLAG(int, max_concurrent_calls, 256,
          "Calls and streams that one connection may have under way; more wait in the client.");
ABSL_FLAG(absl::Duration, lease_duration, absl::Seconds(30),
          "How long a worker may work on a recharge before another gets it.");
ABSL_FLAG(absl::Duration, poll_interval, absl::Milliseconds(500),
          "How often due recharges are looked for that nothing announced.");
ABSL_FLAG(
    absl::Duration, event_overlap, absl::Minutes(1),
    "How far back WatchEvents looks for events that were committed late; nothing is committed "
    "that is older than half of it. The same on all ledgers of a database.");
ABSL_FLAG(absl::Duration, event_poll_interval, absl::Milliseconds(100),
          "How often events are looked for while somebody watches them.");

ABSL_FLAG(std::string, default_reserve_amount, "15.00", "What one recharge adds by default.");
ABSL_FLAG(std::string, default_recharge_threshold, "10.00",
          "The balance below which the card is recharged by default.");
ABSL_FLAG(std::string, min_reserve_amount, "15.00", "The least reserve amount to be chosen.");
ABSL_FLAG(std::string, min_recharge_threshold, "10.00", "The least threshold to be chosen.");
ABSL_FLAG(std::string, max_recharge_amount, "1000.00",
          "The most that one charge may take, and the largest reserve amount to be chosen.");
ABSL_FLAG(int, max_recharge_multiple, 20, "The most reserve amounts that one recharge may add.");
ABSL_FLAG(int, max_automatic_recharges_per_day, 10,
          "Successful automatic recharges of an account a day (UTC).");
ABSL_FLAG(std::string, max_automatic_amount_per_day, "1000.00",
          "Money that automatic recharges of an account may take a day (UTC).");
ABSL_FLAG(std::vector<std::string>, retry_delays, std::vector<std::string>({"1h", "3h", "7h"}),
          "After the first, second, ... soft decline the card is tried again this much later.");
ABSL_FLAG(int, visa_declines_per_30_days, 15,
          "A Visa card that was declined so often in 30 days, on all accounts, is not tried; 0 for "
          "no limit.");
ABSL_FLAG(int, mastercard_declines_per_24_hours, 10, "The same for a Mastercard in 24 hours.");
ABSL_FLAG(int, mastercard_declines_per_30_days, 35, "The same for a Mastercard in 30 days.");
ABSL_FLAG(absl::Duration, max_card_wait, absl::Hours(24),
          "A recharge whose card may not be tried for longer than this is given up.");
ABSL_FLAG(absl::Duration, max_usage_age, absl::Hours(24 * 3660),
          "Usages that began longer ago are refused.");
ABSL_FLAG(absl::Duration, max_usage_ahead, absl::Hours(2),
          "Usages that begin later than this from now are refused.");

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051",
          "The running ledger, for import-rates and verify.");
ABSL_FLAG(bool, starter, false, "import-rates: import the deck that is built in.");
ABSL_FLAG(std::string, name, "", "import-rates: the deck's name; the file's by default.");
ABSL_FLAG(std::string, currency, "USD", "import-rates: the deck's currency.");
ABSL_FLAG(std::string, effective_time, "",
          "import-rates: when the deck comes into force (RFC 3339); now by default.");
ABSL_FLAG(std::string, standard_rate_ceiling, "0.02",
          "import-rates: prices a minute at or under this are standard rates.");
ABSL_FLAG(std::string, grantee, "'reserve'@'%'", "grants: the user, as SQL writes it.");

namespace reserve {
namespace {

constexpr char kUsage[] =
    "ledger COMMAND [flags]\n"
    "  serve                serves accounts, usage, rates, recharges and audits (gRPC)\n"
    "  migrate              brings the database schema up to date\n"
    "  grants               prints the GRANT statements for the ledger's database user\n"
    "  import-rates [FILE]  imports a rate deck from CSV into a running ledger (--starter: the\n"
    "                       deck that is built in)\n"
    "  verify               recomputes everything that a running ledger has stored\n";

// How often the database is asked whether it still is as it should be; while it is
// not, oftener, so that its return is seen at once.
constexpr absl::Duration kHealthInterval = absl::Seconds(1);
constexpr absl::Duration kHealthRetryInterval = absl::Milliseconds(100);
// An outage that is shorter is left to the lanes, which try again: health that
// changes for each takes all replicas out of service at once, for nothing.
constexpr absl::Duration kHealthPatience = absl::Seconds(1);
// A database that takes longer to answer is as good as away.
constexpr int kHealthTimeoutSeconds = 2;

absl::StatusOr<storage::DatabaseOptions> DatabaseFromFlags() {
  if (absl::GetFlag(FLAGS_database).empty()) {
    return InvalidField("--database",
                        "must be set, or RESERVE_DATABASE: mysql://user:password@host:port/schema");
  }
  RESERVE_ASSIGN_OR_RETURN(storage::DatabaseOptions options,
                           storage::ParseDatabaseUrl(absl::GetFlag(FLAGS_database)));
  const std::string file = absl::GetFlag(FLAGS_database_password_file);
  if (!file.empty()) {
    RESERVE_ASSIGN_OR_RETURN(options.password, ReadSecretFile(file));
  }
  return options;
}

absl::Status ReadMoney(const absl::Flag<std::string>& flag, absl::string_view name, Nanos* amount) {
  const absl::StatusOr<Nanos> parsed = ParseDecimal(absl::GetFlag(flag));
  if (!parsed.ok()) return InvalidField(absl::StrCat("--", name), parsed.status().message());
  if (*parsed < 0) return InvalidField(absl::StrCat("--", name), "must not be negative");
  *amount = *parsed;
  return absl::OkStatus();
}

absl::Status ReadAmounts(domain::Settings* s) {
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_default_reserve_amount, "default_reserve_amount",
                                    &s->default_reserve_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_default_recharge_threshold, "default_recharge_threshold",
                                    &s->default_recharge_threshold));
  RESERVE_RETURN_IF_ERROR(
      ReadMoney(FLAGS_min_reserve_amount, "min_reserve_amount", &s->min_reserve_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_min_recharge_threshold, "min_recharge_threshold",
                                    &s->min_recharge_threshold));
  RESERVE_RETURN_IF_ERROR(
      ReadMoney(FLAGS_max_recharge_amount, "max_recharge_amount", &s->max_recharge_amount));
  RESERVE_RETURN_IF_ERROR(ReadMoney(FLAGS_max_automatic_amount_per_day,
                                    "max_automatic_amount_per_day",
                                    &s->max_automatic_amount_per_day));
  if (s->min_reserve_amount <= 0) return InvalidField("--min_reserve_amount", "must be above zero");
  if (s->default_reserve_amount < s->min_reserve_amount) {
    return InvalidField("--default_reserve_amount", "must be at least --min_reserve_amount");
  }
  if (s->default_recharge_threshold < s->min_recharge_threshold) {
    return InvalidField("--default_recharge_threshold",
                        "must be at least --min_recharge_threshold");
  }
  if (s->max_recharge_amount < s->default_reserve_amount) {
    return InvalidField("--max_recharge_amount", "must be at least --default_reserve_amount");
  }
  // Else an account with a large reserve could never be recharged by itself.
  if (s->max_recharge_amount > s->max_automatic_amount_per_day) {
    return InvalidField("--max_recharge_amount", "must be at most --max_automatic_amount_per_day");
  }
  return absl::OkStatus();
}

absl::Status ReadCardLimits(domain::Settings* s) {
  s->card_limits.visa_per_30_days = absl::GetFlag(FLAGS_visa_declines_per_30_days);
  s->card_limits.mastercard_per_24_hours = absl::GetFlag(FLAGS_mastercard_declines_per_24_hours);
  s->card_limits.mastercard_per_30_days = absl::GetFlag(FLAGS_mastercard_declines_per_30_days);
  s->max_card_wait = absl::GetFlag(FLAGS_max_card_wait);
  if (s->card_limits.visa_per_30_days < 0) {
    return InvalidField("--visa_declines_per_30_days", "must not be negative");
  }
  if (s->card_limits.mastercard_per_24_hours < 0) {
    return InvalidField("--mastercard_declines_per_24_hours", "must not be negative");
  }
  if (s->card_limits.mastercard_per_30_days < 0) {
    return InvalidField("--mastercard_declines_per_30_days", "must not be negative");
  }
  if (s->max_card_wait < absl::ZeroDuration()) {
    return InvalidField("--max_card_wait", "must not be negative");
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::Settings> SettingsFromFlags() {
  domain::Settings settings;
  RESERVE_RETURN_IF_ERROR(ReadAmounts(&settings));
  RESERVE_RETURN_IF_ERROR(ReadCardLimits(&settings));
  settings.max_recharge_multiple = absl::GetFlag(FLAGS_max_recharge_multiple);
  if (settings.max_recharge_multiple < 1) {
    return InvalidField("--max_recharge_multiple", "must be at least 1");
  }
  settings.max_automatic_recharges_per_day = absl::GetFlag(FLAGS_max_automatic_recharges_per_day);
  settings.max_usage_age = absl::GetFlag(FLAGS_max_usage_age);
  settings.max_usage_ahead = absl::GetFlag(FLAGS_max_usage_ahead);
  if (settings.max_automatic_recharges_per_day < 0) {
    return InvalidField("--max_automatic_recharges_per_day", "must not be negative");
  }
  if (settings.max_usage_age < absl::ZeroDuration()) {
    return InvalidField("--max_usage_age", "must not be negative");
  }
  if (settings.max_usage_ahead < absl::ZeroDuration()) {
    return InvalidField("--max_usage_ahead", "must not be negative");
  }
  settings.retry_delays.clear();
  for (const std::string& text : absl::GetFlag(FLAGS_retry_delays)) {
    absl::Duration delay;
    if (!absl::ParseDuration(text, &delay) || delay < absl::ZeroDuration()) {
      return InvalidField("--retry_delays", absl::StrCat("\"", text, "\" is not a duration"));
    }
    settings.retry_delays.push_back(delay);
  }
  return settings;
}

// More lanes than cores only make the batches smaller.
int LanesFromFlag() {
  const int lanes = absl::GetFlag(FLAGS_lanes);
  if (lanes != 0) return lanes;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 2, 16);
}

absl::StatusOr<engine::EngineOptions> EngineOptionsFromFlags() {
  engine::EngineOptions options;
  RESERVE_ASSIGN_OR_RETURN(options.database, DatabaseFromFlags());
  RESERVE_ASSIGN_OR_RETURN(options.settings, SettingsFromFlags());
  options.lanes = LanesFromFlag();
  options.query_threads = absl::GetFlag(FLAGS_query_threads);
  options.max_batch = absl::GetFlag(FLAGS_max_batch);
  options.max_queue = absl::GetFlag(FLAGS_max_queue);
  options.cached_accounts = absl::GetFlag(FLAGS_cached_accounts);
  options.max_queue_bytes = absl::GetFlag(FLAGS_max_queue_bytes);
  options.lease_duration = absl::GetFlag(FLAGS_lease_duration);
  options.poll_interval = absl::GetFlag(FLAGS_poll_interval);
  options.event_overlap = absl::GetFlag(FLAGS_event_overlap);
  options.event_poll_interval = absl::GetFlag(FLAGS_event_poll_interval);
  if (options.lanes < 1 || options.lanes > 64) return InvalidField("--lanes", "must be 0 to 64");
  if (options.query_threads < 1 || options.query_threads > 64) {
    return InvalidField("--query_threads", "must be 1 to 64");
  }
  if (options.max_batch < 1 || options.max_batch > 999) {
    return InvalidField("--max_batch", "must be 1 to 999");
  }
  if (options.max_queue < 1) return InvalidField("--max_queue", "must be at least 1");
  if (options.cached_accounts < 0 || options.cached_accounts > 10'000'000) {
    return InvalidField("--cached_accounts", "must be 0 to 10000000");
  }
  if (options.max_queue_bytes < 1) return InvalidField("--max_queue_bytes", "must be at least 1");
  // A recharge whose worker died waits for the end of its lease.
  if (options.lease_duration < absl::Seconds(1) || options.lease_duration > absl::Hours(1)) {
    return InvalidField("--lease_duration", "must be 1s to 1h");
  }
  if (options.poll_interval < absl::Milliseconds(1)) {
    return InvalidField("--poll_interval", "must be at least 1ms");
  }
  if (options.event_overlap < absl::Seconds(10) || options.event_overlap > absl::Hours(1)) {
    return InvalidField("--event_overlap", "must be 10s to 1h");
  }
  if (options.event_poll_interval < absl::Milliseconds(1)) {
    return InvalidField("--event_poll_interval", "must be at least 1ms");
  }
  return options;
}

absl::StatusOr<ServerOptions> LedgerServerOptionsFromFlags() {
  ServerOptions options = ServerOptionsFromFlags(absl::GetFlag(FLAGS_listen));
  options.max_concurrent_calls = absl::GetFlag(FLAGS_max_concurrent_calls);
  if (options.max_concurrent_calls < 1) {
    return InvalidField("--max_concurrent_calls", "must be at least 1");
  }
  return options;
}

// Can this program work on this database, and be trusted to?
absl::Status CheckDatabase(storage::Connection& connection) {
  RESERVE_RETURN_IF_ERROR(storage::CheckSchema(connection));
  if (absl::GetFlag(FLAGS_allow_unsafe_database)) return absl::OkStatus();
  return storage::CheckDurability(connection);
}

// Keeps health true to the database: serves while it can be reached and its
// schema is one that this program works on. It asks on a connection of its own, so
// that long queries don't hold it up. Of one thread, which must hold a SqlThread.
class Health {
 public:
  explicit Health(engine::Engine& engine) : engine_(engine), database_(engine.options().database) {
    database_.connect_timeout_seconds = kHealthTimeoutSeconds;
    database_.io_timeout_seconds = kHealthTimeoutSeconds;
  }

  // An error only for what no waiting mends: a database that can lose a commit.
  absl::Status Check() {
    absl::Status status = AskDatabase();
    if (ReasonOf(status) == "UNSAFE_DATABASE") return status;
    if (status.ok() && !engine_.started()) status = engine_.Start();
    const Moment now = MonotonicNow();
    failing_since_ = status.ok() ? absl::InfiniteDuration() : std::min(failing_since_, now);
    const bool patient = serving_ && now - failing_since_ < kHealthPatience;
    const bool serving = status.ok() || patient;
    if (serving == serving_ && checked_) return absl::OkStatus();
    serving_ = serving;
    checked_ = true;
    if (serving_) {
      Log(Severity::kInfo, "the database is ready");
    } else {
      Log(Severity::kError, "not serving",
          {{"reason", ReasonOf(status)}, {"error", status.message()}});
    }
    return absl::OkStatus();
  }

  bool serving() const { return serving_; }
  // When to check again.
  absl::Duration pause() const {
    return failing_since_ == absl::InfiniteDuration() ? kHealthInterval : kHealthRetryInterval;
  }

 private:
  absl::Status AskDatabase() {
    if (connection_ == nullptr || !connection_->alive()) {
      connection_.reset();
      RESERVE_ASSIGN_OR_RETURN(connection_, storage::Connection::Open(database_));
    }
    return engine_.started() ? storage::CheckSchema(*connection_) : CheckDatabase(*connection_);
  }

  engine::Engine& engine_;
  storage::DatabaseOptions database_;
  std::unique_ptr<storage::Connection> connection_;
  Moment failing_since_ = absl::InfiniteDuration();
  bool serving_ = false;
  bool checked_ = false;
};

// Tells once a second of what full queues have refused meanwhile.
class OverloadReport {
 public:
  explicit OverloadReport(const engine::EngineStats& stats) : stats_(stats) {}

  void Tell() {
    const int64_t commands = stats_.overloaded;
    const int64_t queries = stats_.overloaded_queries;
    if (commands != commands_ || queries != queries_) {
      Log(Severity::kWarning, "overloaded",
          {{"refused_commands", commands - commands_},
           {"refused_queries", queries - queries_},
           {"queued_commands", int64_t{stats_.queued}},
           {"queued_bytes", int64_t{stats_.queued_bytes}}});
    }
    commands_ = commands;
    queries_ = queries;
  }

 private:
  const engine::EngineStats& stats_;
  int64_t commands_ = 0;
  int64_t queries_ = 0;
};

absl::Status ServeUntilSignal(engine::Engine& engine, Health& health, OverloadReport overload,
                              RpcServer& server, ShutdownSignal& signal) {
  bool told = false;  // whoever watches health hears of changes only
  ClockGuard clock_guard;
  do {
    if (clock_guard.Look()) engine.NoteClockJump();
    RESERVE_RETURN_IF_ERROR(health.Check());
    overload.Tell();
    if (health.serving() == told) continue;
    told = health.serving();
    server.SetServing(told);
  } while (!signal.WaitFor(health.pause()));
  return absl::OkStatus();
}

absl::Status Serve() {
  ShutdownSignal signal;
  RESERVE_ASSIGN_OR_RETURN(engine::EngineOptions options, EngineOptionsFromFlags());
  RESERVE_ASSIGN_OR_RETURN(const ServerOptions server_options, LedgerServerOptionsFromFlags());
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<MetricsServer> metrics, StartTelemetry());
  engine::Engine engine(std::move(options));
  const storage::SqlThread sql_thread;
  Health health(engine);
  RESERVE_RETURN_IF_ERROR(health.Check());

  api::RpcMetrics rpc_metrics(metrics->registry());
  const auto engine_metrics = std::make_shared<api::EngineMetrics>(engine.stats());
  metrics->Add(engine_metrics);
  const api::ApiContext api{engine, rpc_metrics};
  api::LedgerService ledger(api);
  api::RatesService rates(api);
  api::RechargesService recharges(api);
  api::AuditService audit(api);
  RESERVE_ASSIGN_OR_RETURN(
      const std::unique_ptr<RpcServer> server,
      RpcServer::Start(server_options, {{ledger::v1::Ledger::service_full_name(), &ledger},
                                        {ledger::v1::Rates::service_full_name(), &rates},
                                        {ledger::v1::Recharges::service_full_name(), &recharges},
                                        {ledger::v1::Audit::service_full_name(), &audit}}));
  const absl::Status served =
      ServeUntilSignal(engine, health, OverloadReport(engine.stats()), *server, signal);

  Log(Severity::kInfo, "draining");
  server->SetServing(false);
  ledger.EndStreams();
  recharges.EndStreams();
  audit.EndStreams();
  server->Drain(DrainTimeoutFromFlags());
  Log(Severity::kInfo, "drained");
  return served;
}

absl::Status RunMigrate() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, DatabaseFromFlags());
  const storage::SqlThread sql_thread;
  return storage::Migrate(database, absl::Now(), [](const std::string& step) {
    std::cout << "migrate: " << step << std::endl;
  });
}

absl::Status PrintGrants() {
  RESERVE_ASSIGN_OR_RETURN(const storage::DatabaseOptions database, DatabaseFromFlags());
  for (const std::string& grant :
       storage::GrantsFor(database.schema, absl::GetFlag(FLAGS_grantee))) {
    std::cout << grant << ";\n";
  }
  return absl::OkStatus();
}

absl::Status RunImportRates(const std::vector<std::string>& files) {
  ImportRatesOptions options;
  options.ledger = absl::GetFlag(FLAGS_ledger);
  options.channel = ChannelOptionsFromFlags();
  options.starter = absl::GetFlag(FLAGS_starter);
  options.name = absl::GetFlag(FLAGS_name);
  options.currency = absl::GetFlag(FLAGS_currency);
  options.effective_time = absl::GetFlag(FLAGS_effective_time);
  options.standard_rate_ceiling = absl::GetFlag(FLAGS_standard_rate_ceiling);
  if (options.starter == !files.empty() || files.size() > 1) {
    return InvalidField("FILE", "give one file, or --starter");
  }
  if (!files.empty()) options.file = files.front();
  return ImportRates(options, std::cout);
}

absl::Status RunVerify() {
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  RESERVE_ASSIGN_OR_RETURN(const int64_t differences, VerifyLedger(channel, std::cout));
  if (differences == 0) return absl::OkStatus();
  return MakeError(absl::StatusCode::kDataLoss, "DIFFERENCES_FOUND", "",
                   absl::StrCat(differences, " differences were found"));
}

absl::Status RunCommand(std::vector<std::string> arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (!arguments.empty()) arguments.erase(arguments.begin());
  if (command == "import-rates") return RunImportRates(arguments);
  if (!arguments.empty()) {
    return InvalidField("command line", absl::StrCat("\"", arguments[0], "\" is too much"));
  }
  if (command == "serve") return Serve();
  if (command == "migrate") return RunMigrate();
  if (command == "grants") return PrintGrants();
  if (command == "verify") return RunVerify();
  return InvalidField("command", absl::StrCat("\"", command, "\" is not known\n", kUsage));
}

}  // namespace
}  // namespace reserve

int main(int argc, char* argv[]) {
  // Debian's Abseil looks for lock cycles at every lock; the tests do so for us.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::Status status = reserve::RunCommand(reserve::ParseFlags(argc, argv, reserve::kUsage));
  if (status.ok()) return 0;
  std::fprintf(stderr, "ledger: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}
