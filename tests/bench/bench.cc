// bench: measures the ledger against floors measured in the same run on the same machine.
//
// Everything is real: MariaDB with a log flush for every commit, `ledger serve` as its own
// process, gRPC over loopback. Each round measures every floor and every figure once, one
// after the other; the table shows medians over the rounds. At the end the books are
// checked: what was acknowledged is booked, and accounts verify.
//
//   bench [--quick] [--rounds=5] [--seconds=2] [--only=batch,sql_rows] [--lanes=4]
#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/conversions.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "tests/bench/books.h"
#include "tests/bench/console_load.h"
#include "tests/bench/figures.h"
#include "tests/bench/hold_load.h"
#include "tests/bench/import_load.h"
#include "tests/bench/limit_load.h"
#include "tests/bench/load.h"
#include "tests/bench/rerating_load.h"
#include "tests/bench/sql_floor.h"
#include "tests/bench/stage.h"
#include "tests/bench/steady_load.h"
#include "tests/bench/traffic.h"
#include "tests/bench/window.h"
#include "tests/support/ledger_stubs.h"

ABSL_FLAG(bool, quick, false, "Few and short rounds, fewer accounts: a look, not a result.");
ABSL_FLAG(int, rounds, 5, "How often everything is measured; the table shows medians.");
ABSL_FLAG(double, seconds, 2, "How long each measurement lasts.");
ABSL_FLAG(std::vector<std::string>, only, {}, "Measure only these figures, by name.");
ABSL_FLAG(int, accounts, 100'000, "Accounts that the load is spread over.");
ABSL_FLAG(int, lanes, 0, "Lanes of the ledger; 0 for its default.");
ABSL_FLAG(int, max_batch, 0, "Commands in one transaction of the ledger; 0 for its default.");
ABSL_FLAG(int, batches_in_flight, 0, "Batch RPCs under way; 0 to find the best number.");
ABSL_FLAG(std::vector<std::string>, database_args, {},
          "More arguments for the database server, to try something out.");
ABSL_FLAG(int, orphans, 100'000,
          "Holds that a switch leaves when it dies, 5,000 at most if quick.");
ABSL_FLAG(absl::Duration, ringing, absl::Minutes(4),
          "How long they live; they must all be made by then. 20 s if quick.");
ABSL_FLAG(int, import_rows, 2'000'000,
          "Lines of the deck that is imported beside a load, 100,000 at most if quick.");
ABSL_FLAG(int, connections, 2, "gRPC connections that the client opens.");

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr int kBatchUsages = 500;
constexpr int kUnaryInFlight = 256;
constexpr int kTimesOverloaded = 10;
// So many batches wait for an answer at the most, however many are due: more than
// the lanes have room for.
constexpr int kMostBatchesInFlight = 400;
// A lane has room for 16 (--max_queue), and refuses the rest of the last of them.
constexpr int kMostBatchesOfALane = 8;
constexpr int kFloodConnections = 10;
constexpr int kCallsPerConnection = 512;  // twice the ledger's default
constexpr int kManyAccounts = 1'000'000;
constexpr int kStreams = 4;
constexpr int kManyHolds = 100'000;
constexpr int kLimitedAccounts = 2'000;
constexpr int kLimitPairs = 3;
constexpr int kStepsOfACall = 3;
constexpr int64_t kUnacknowledged = 1024;
// More than any of the loads gets through, so that prepared requests do not run out.
constexpr double kMostBatchedPerSecond = 100'000;
constexpr double kModestCallsPerSecond = 1'000;
constexpr double kMostCallsPerSecond = 50'000;
constexpr double kMostEmptyCallsPerSecond = 80'000;

struct Plan {
  int rounds;
  int accounts;
  int dips;
  int orphans;
  absl::Duration ringing;  // until a hold that nobody extends ends
  Timing timing;
  Timing calibration;
  bool memory;
  bool quick;
};

Plan PlanFromFlags() {
  Plan plan;
  plan.quick = absl::GetFlag(FLAGS_quick);
  const absl::Duration window = absl::Seconds(absl::GetFlag(FLAGS_seconds));
  plan.rounds = plan.quick ? 2 : absl::GetFlag(FLAGS_rounds);
  plan.accounts = plan.quick ? 20'000 : absl::GetFlag(FLAGS_accounts);
  plan.dips = plan.quick ? 100 : 500;
  plan.orphans = std::min(absl::GetFlag(FLAGS_orphans), plan.quick ? 5'000 : INT_MAX);
  plan.ringing = plan.quick ? absl::Seconds(20) : absl::GetFlag(FLAGS_ringing);
  plan.timing = plan.quick ? Timing{absl::Milliseconds(150), absl::Milliseconds(400)}
                           : Timing{absl::Milliseconds(400), window};
  plan.calibration = {absl::Milliseconds(150), absl::Milliseconds(plan.quick ? 250 : 800)};
  plan.memory = !plan.quick;
  return plan;
}

class Bench {
 public:
  explicit Bench(const Plan& plan) : plan_(plan), traffic_(plan.accounts) {}

  absl::Status Run();
  const Figures& figures() const { return figures_; }

 private:
  using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

  bool Wanted(const std::string& name) const {
    const std::vector<std::string> only = absl::GetFlag(FLAGS_only);
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  }

  absl::Status SetStage();
  absl::Status Calibrate();
  // A usage for each account, so that the ledger knows it as it is now.
  absl::StatusOr<LoadResult> MeetAllAccounts();
  // Keeps the first error, and lets the other parts be measured all the same.
  void Note(const char* part, const absl::Status& status);
  absl::Status MeasureFloors();
  absl::Status MeasureEmptyCalls();
  absl::Status CalibrateSql(const char* name, SqlFloor::Options* best);
  absl::Status MeasureSql(const char* name, const SqlFloor::Options& options);
  absl::Status MeasureBatches();
  absl::Status MeasureUnary();
  absl::Status MeasureHolds();
  absl::Status MeasureCreates();
  // Whole calls with holds; closed loop, or open at this rate.
  absl::Status CallFigure(const std::string& name, int in_flight, double calls_per_second);
  absl::Status MeasureOrphanHolds();
  absl::Status MeasureStream();
  // Of so many ledgers that share the accounts, any caller at any of them.
  absl::Status MeasureSharing(const char* name, size_t ledgers);
  absl::Status MeasureSharingOnce(const char* name, size_t ledgers);
  absl::Status MeasureOverload();
  // One load beyond what the ledger can do; `name` is its figure, beside "_refused".
  absl::Status OverloadFigure(const std::string& name, const CallOptions& options,
                              const std::vector<Request>& requests);
  absl::Status MeasureHistory();
  absl::Status MeasurePages();
  absl::Status MeasureFirstPages();
  absl::Status MeasureSummaries();
  absl::Status MeasureConsole();
  void AddQuantiles(const std::string& name, std::vector<double> ms);
  absl::Status MeasureDips();
  absl::Status MeasureRerating();
  absl::Status MeasureImport();
  absl::Status MeasureOrdinaryImport();
  // RecordUsage at a modest rate, until `enough` or for so many windows: what 99 % of the calls
  // took no longer than.
  absl::StatusOr<double> ModestP99(const std::function<bool(int window)>& enough);
  absl::StatusOr<double> OneDip(const test_support::LedgerStubs& ledger,
                                const std::string& account_id);
  absl::Status MeasureLimits();
  absl::Status MeasureRating();
  absl::Status MeasureMemory();
  absl::Status CheckBooks();

  // Runs calls, notes what was booked, and fails if any was refused or failed.
  absl::StatusOr<LoadResult> Load(const CallOptions& options, const std::vector<Request>& requests,
                                  const Timing& timing);
  absl::Status Take(const LoadResult& result);
  absl::Status BatchFigure(const char* name, const Channels& channels, const Traffic::Picker& pick,
                           int most_in_flight = kMostBatchesInFlight);
  // The same, wanted or not.
  absl::Status MeasureBatches(const char* name, const Channels& channels,
                              const Traffic::Picker& pick, int in_flight);
  absl::Status UnaryFigure(const std::string& name, int in_flight, double calls_per_second);
  void AddLatencies(const std::string& name, const LoadResult& result);
  // Half of what unary calls reach: usages a second of a steady load.
  absl::StatusOr<double> HalfOfPeak();
  int64_t Supply(double per_second, const Timing& timing) const {
    return static_cast<int64_t>(per_second * absl::ToDoubleSeconds(timing.ramp + timing.window));
  }

  const Plan plan_;
  Traffic traffic_;
  Figures figures_;
  CpuMeter cpu_;
  std::unique_ptr<Stage> stage_;
  Server ledger_;
  Channels channels_;
  Server floor_server_;
  Channels floor_channels_;
  std::unique_ptr<SqlFloor> sql_floor_;
  // The best found.
  SqlFloor::Options sql_rows_;
  SqlFloor::Options sql_rows_and_balances_ = {.rows = SqlFloor::Rows::kUsageAndBalance};
  SqlFloor::Options sql_rows_of_a_call_ = {.rows = SqlFloor::Rows::kCall};
  int64_t most_memory_ = 0;  // of the ledger while overloaded, in bytes
  int batches_in_flight_ = 8;
  int64_t usages_at_start_ = 0;
  int64_t booked_ = 0;
  absl::Status error_;
};

absl::Status Bench::Run() {
  RESERVE_RETURN_IF_ERROR(SetStage());
  RESERVE_RETURN_IF_ERROR(Calibrate());
  for (int round = 1; round <= plan_.rounds; ++round) {
    std::cout << "round " << round << " of " << plan_.rounds << std::endl;
    Note("floors", MeasureFloors());
    Note("batches", MeasureBatches());
    Note("unary calls", MeasureUnary());
    Note("calls with holds", MeasureHolds());
    Note("streams", MeasureStream());
  }
  Note("two ledgers", MeasureSharing("two_ledgers", 2));
  Note("four ledgers", MeasureSharing("four_ledgers", 4));
  Note("overload", MeasureOverload());
  Note("history", MeasureHistory());
  Note("dips", MeasureDips());
  Note("rerating", MeasureRerating());
  Note("orphans", MeasureOrphanHolds());
  Note("import", MeasureImport());
  Note("import_250k", MeasureOrdinaryImport());
  Note("limits", MeasureLimits());
  Note("rating", MeasureRating());
  Note("books", CheckBooks());
  Note("memory", MeasureMemory());
  return error_;
}

void Bench::Note(const char* part, const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << part << ": " << status << std::endl;
  if (error_.ok()) error_ = absl::Status(status.code(), absl::StrCat(part, ": ", status.message()));
}

absl::Status Bench::SetStage() {
  std::cout << "filling a database with " << plan_.accounts << " accounts" << std::endl;
  Stage::Options options;
  options.accounts = plan_.accounts;
  options.dip_accounts = plan_.dips;
  // One user has all calls of an account here, and a test of what ends by time is not to wait long.
  options.ledger_args = {"--max_holds_per_user=1000", "--max_holds_per_account=1000",
                         absl::StrCat("--hold_ringing=", absl::FormatDuration(plan_.ringing))};
  if (const int lanes = absl::GetFlag(FLAGS_lanes); lanes > 0) {
    options.ledger_args.push_back(absl::StrCat("--lanes=", lanes));
  }
  if (const int max_batch = absl::GetFlag(FLAGS_max_batch); max_batch > 0) {
    options.ledger_args.push_back(absl::StrCat("--max_batch=", max_batch));
  }
  options.database_args = absl::GetFlag(FLAGS_database_args);
  RESERVE_ASSIGN_OR_RETURN(stage_, Stage::Create(options));
  RESERVE_ASSIGN_OR_RETURN(ledger_, stage_->StartLedger());
  const int connections = absl::GetFlag(FLAGS_connections);
  RESERVE_ASSIGN_OR_RETURN(channels_, ledger_.Connect(connections));
  RESERVE_ASSIGN_OR_RETURN(floor_server_, stage_->StartFloorServer());
  RESERVE_ASSIGN_OR_RETURN(floor_channels_, floor_server_.Connect(connections));
  ExampleCalls calls(channels_.front());
  RESERVE_ASSIGN_OR_RETURN(const CallExamples examples, calls.Begin(traffic_));
  RESERVE_ASSIGN_OR_RETURN(SqlFloor floor,
                           SqlFloor::Create(stage_->ledger_schema(), stage_->floor_schema(),
                                            AccountId(1), examples, plan_.accounts));
  RESERVE_RETURN_IF_ERROR(calls.End(traffic_));
  sql_floor_ = std::make_unique<SqlFloor>(std::move(floor));
  cpu_.Watch("ledger", ledger_.process->pid());
  cpu_.Watch("database", stage_->database_pid());
  cpu_.Watch("floor_server", floor_server_.process->pid());
  RESERVE_ASSIGN_OR_RETURN(usages_at_start_, stage_->CountUsages());
  return absl::OkStatus();
}

// Finds the best number of threads and rows for the floor, and of batches under way for the
// ledger. What is measured here is discarded, as it is the warm-up, but for what the first
// usage of each account costs: from then on the ledger knows them all, as one does that has
// served its customers for a while.
absl::Status Bench::Calibrate() {
  std::cout << "warming up" << std::endl;
  RESERVE_RETURN_IF_ERROR(CalibrateSql("sql_rows", &sql_rows_));
  RESERVE_RETURN_IF_ERROR(CalibrateSql("sql_rows_and_balances", &sql_rows_and_balances_));
  RESERVE_RETURN_IF_ERROR(CalibrateSql("sql_rows_of_a_call", &sql_rows_of_a_call_));
  RESERVE_ASSIGN_OR_RETURN(const LoadResult first, MeetAllAccounts());
  figures_.Add("cold_accounts", first.window.per_second);
  figures_.AddCpu("cold_accounts", first.window.cpu_us);
  if (const int given = absl::GetFlag(FLAGS_batches_in_flight); given > 0) {
    batches_in_flight_ = given;
    return absl::OkStatus();
  }
  double best = 0;
  for (const int in_flight : {2, 4, 8, 16}) {
    const CallOptions options{channels_, Method::kBatchRecordUsage, in_flight};
    RESERVE_ASSIGN_OR_RETURN(const LoadResult result,
                             Load(options,
                                  traffic_.Batches(Supply(kMostBatchedPerSecond, plan_.calibration),
                                                   kBatchUsages, traffic_.Spread()),
                                  plan_.calibration));
    std::cout << absl::StreamFormat("  batches of %d, %2d in flight: %.0f/s\n", kBatchUsages,
                                    in_flight, result.window.per_second);
    if (result.window.per_second > best) batches_in_flight_ = in_flight;
    best = std::max(best, result.window.per_second);
  }
  return absl::OkStatus();
}

absl::Status Bench::CalibrateSql(const char* name, SqlFloor::Options* best) {
  if (!Wanted(name)) return absl::OkStatus();
  const std::vector<int> batches =
      plan_.quick ? std::vector<int>{512} : std::vector<int>{256, 512, 1000};
  std::vector<SqlFloor::Options> forms;
  for (const int threads : {1, 2, 4}) {
    for (const int batch : batches) forms.push_back({threads, batch, best->rows});
  }
  // In two passes, as one alone would choose the luckiest.
  std::vector<double> sums(forms.size());
  for (int pass = 1; pass <= (plan_.quick ? 1 : 2); ++pass) {
    RESERVE_RETURN_IF_ERROR(sql_floor_->Empty());
    for (size_t i = 0; i < forms.size(); ++i) {
      RESERVE_ASSIGN_OR_RETURN(const WindowResult result,
                               sql_floor_->Run(forms[i], plan_.calibration, cpu_));
      sums[i] += result.per_second;
      std::cout << absl::StreamFormat("  %s, %d threads, %4d rows: %.0f/s\n", name,
                                      forms[i].threads, forms[i].batch, result.per_second);
    }
  }
  *best = forms[static_cast<size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin())];
  // From now on the floor's tables grow beside the ledger's, and stay the smaller ones.
  return sql_floor_->Empty();
}

absl::StatusOr<LoadResult> Bench::MeetAllAccounts() {
  const CallOptions options{channels_, Method::kBatchRecordUsage, batches_in_flight_};
  const Traffic::Picker in_turn = [next = 0, this]() mutable {
    return 1 + next++ % plan_.accounts;
  };
  return Load(options, traffic_.Batches(plan_.accounts, kBatchUsages, in_turn),
              {absl::ZeroDuration(), absl::Seconds(120)});
}

absl::Status Bench::MeasureSql(const char* name, const SqlFloor::Options& options) {
  if (!Wanted(name)) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const WindowResult result, sql_floor_->Run(options, plan_.timing, cpu_));
  figures_.Add(name, result.per_second);
  figures_.AddCpu(name, result.cpu_us);
  return absl::OkStatus();
}

absl::Status Bench::MeasureFloors() {
  RESERVE_RETURN_IF_ERROR(MeasureSql("sql_rows", sql_rows_));
  return MeasureSql("sql_rows_and_balances", sql_rows_and_balances_);
}

absl::Status Bench::MeasureEmptyCalls() {
  if (!Wanted("rpc_empty")) return absl::OkStatus();
  const CallOptions options{floor_channels_, Method::kRecordUsage, 256};
  const LoadResult result = RunCalls(
      options, traffic_.Records(Supply(kMostEmptyCallsPerSecond, plan_.timing), traffic_.Spread()),
      plan_.timing, cpu_);
  if (result.answers.failed > 0) return absl::InternalError(result.answers.first_error);
  figures_.Add("rpc_empty", result.window.per_second);
  figures_.AddCpu("rpc_empty", result.window.cpu_us);
  const double rpc = figures_.Value("rpc_empty");
  const double sql = figures_.Value("sql_rows_and_balances");
  if (sql > 0) figures_.Add("unary_floor", 1 / (1 / rpc + 1 / sql));
  return absl::OkStatus();
}

absl::Status Bench::Take(const LoadResult& result) {
  booked_ += result.answers.booked;
  const int64_t refused = result.answers.refused + result.answers.overloaded;
  if (result.answers.failed + refused == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(result.answers.failed, " calls failed and ", refused,
                                          " usages were refused: ", result.answers.first_error));
}

absl::StatusOr<LoadResult> Bench::Load(const CallOptions& options,
                                       const std::vector<Request>& requests, const Timing& timing) {
  LoadResult result = RunCalls(options, requests, timing, cpu_);
  RESERVE_RETURN_IF_ERROR(Take(result));
  return result;
}

absl::Status Bench::BatchFigure(const char* name, const Channels& channels,
                                const Traffic::Picker& pick, int most_in_flight) {
  if (!Wanted(name)) return absl::OkStatus();
  return MeasureBatches(name, channels, pick, std::min(batches_in_flight_, most_in_flight));
}

absl::Status Bench::MeasureBatches(const char* name, const Channels& channels,
                                   const Traffic::Picker& pick, int in_flight) {
  const CallOptions options{channels, Method::kBatchRecordUsage, in_flight};
  RESERVE_ASSIGN_OR_RETURN(
      const LoadResult result,
      Load(options,
           traffic_.Batches(Supply(kMostBatchedPerSecond, plan_.timing), kBatchUsages, pick),
           plan_.timing));
  figures_.Add(name, result.window.per_second);
  figures_.AddCpu(name, result.window.cpu_us);
  return absl::OkStatus();
}

absl::Status Bench::MeasureBatches() {
  RESERVE_RETURN_IF_ERROR(BatchFigure("batch", channels_, traffic_.Spread()));
  // Its floor on the other side, too.
  RESERVE_RETURN_IF_ERROR(MeasureSql("sql_rows_and_balances", sql_rows_and_balances_));
  RESERVE_RETURN_IF_ERROR(
      BatchFigure("hot_account", channels_, traffic_.Hot(), kMostBatchesOfALane));
  RESERVE_RETURN_IF_ERROR(BatchFigure("skewed_accounts", channels_, traffic_.Skewed()));
  if (!Wanted("duplicates")) return absl::OkStatus();
  CallOptions options{channels_, Method::kBatchRecordUsage, batches_in_flight_};
  const std::vector<Request> recorded = traffic_.Batches(20'000, kBatchUsages, traffic_.Spread());
  // Until all are recorded, and not longer.
  const Timing once{absl::Seconds(60), absl::ZeroDuration()};
  RESERVE_RETURN_IF_ERROR(Load(options, recorded, once).status());
  options.repeat = true;
  RESERVE_ASSIGN_OR_RETURN(const LoadResult replayed, Load(options, recorded, plan_.timing));
  if (replayed.answers.booked > 0) return absl::InternalError("a replay was booked again");
  figures_.Add("duplicates", replayed.window.per_second);
  figures_.AddCpu("duplicates", replayed.window.cpu_us);
  return absl::OkStatus();
}

void Bench::AddLatencies(const std::string& name, const LoadResult& result) {
  figures_.Add(name + "_p50", result.Percentile(0.5) / 1e3);
  figures_.Add(name + "_p99", result.Percentile(0.99) / 1e3);
}

absl::Status Bench::UnaryFigure(const std::string& name, int in_flight, double calls_per_second) {
  if (!Wanted(name)) return absl::OkStatus();
  CallOptions options{channels_, Method::kRecordUsage, in_flight};
  options.calls_per_second = calls_per_second;
  const std::vector<Request> requests =
      traffic_.Records(Supply(kMostCallsPerSecond, plan_.timing), traffic_.Spread());
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, Load(options, requests, plan_.timing));
  figures_.Add(name, result.window.per_second);
  figures_.AddCpu(name, result.window.cpu_us);
  AddLatencies(name, result);
  figures_.Add(name + "_p99.9", result.Percentile(0.999) / 1e3);
  return absl::OkStatus();
}

absl::Status Bench::MeasureUnary() {
  RESERVE_RETURN_IF_ERROR(UnaryFigure("unary_1", 1, 0));
  RESERVE_RETURN_IF_ERROR(UnaryFigure("unary_64", 64, 0));
  // The floor on both sides, as the machine's speed changes within a round.
  RESERVE_RETURN_IF_ERROR(MeasureEmptyCalls());
  RESERVE_RETURN_IF_ERROR(UnaryFigure("unary_256", 256, 0));
  RESERVE_RETURN_IF_ERROR(MeasureEmptyCalls());
  if (figures_.Value("unary_256") > 0) {
    RESERVE_RETURN_IF_ERROR(UnaryFigure("half_rate", 4096, figures_.Value("unary_256") / 2));
  }
  if (!Wanted("authorize_256")) return absl::OkStatus();
  const CallOptions options{channels_, Method::kAuthorizeUsage, 256};
  RESERVE_ASSIGN_OR_RETURN(
      const LoadResult result,
      Load(options,
           traffic_.Authorizations(Supply(kMostCallsPerSecond, plan_.timing), traffic_.Spread()),
           plan_.timing));
  figures_.Add("authorize_256", result.window.per_second);
  figures_.AddCpu("authorize_256", result.window.cpu_us);
  AddLatencies("authorize_256", result);
  return absl::OkStatus();
}

absl::Status Bench::MeasureHolds() {
  RESERVE_RETURN_IF_ERROR(MeasureCreates());
  RESERVE_RETURN_IF_ERROR(MeasureSql("sql_rows_of_a_call", sql_rows_of_a_call_));
  RESERVE_RETURN_IF_ERROR(CallFigure("call_with_hold_256", kUnaryInFlight, 0));
  RESERVE_RETURN_IF_ERROR(MeasureSql("sql_rows_of_a_call", sql_rows_of_a_call_));
  RESERVE_RETURN_IF_ERROR(MeasureEmptyCalls());
  const double rpc = figures_.Value("rpc_empty");
  const double sql = figures_.Value("sql_rows_of_a_call");
  if (rpc > 0 && sql > 0) figures_.Add("call_floor", 1 / (kStepsOfACall / rpc + 1 / sql));
  const double peak = figures_.Value("call_with_hold_256");
  if (peak == 0) return absl::OkStatus();
  return CallFigure("hold_half_rate", 4096, peak / 2);
}

absl::Status Bench::MeasureCreates() {
  if (!Wanted("holds_256")) return absl::OkStatus();
  const CallOptions create{channels_, Method::kCreateHold, kUnaryInFlight};
  Traffic::Ringing ringing =
      traffic_.Rings(Supply(kMostCallsPerSecond, plan_.timing), traffic_.Spread());
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, Load(create, ringing.creates, plan_.timing));
  figures_.Add("holds_256", result.window.per_second);
  figures_.AddCpu("holds_256", result.window.cpu_us);
  AddLatencies("holds_256", result);
  const CallOptions release{channels_, Method::kReleaseHold, kUnaryInFlight};
  ringing.releases.resize(static_cast<size_t>(result.sent));
  const Timing once{absl::Seconds(60), absl::ZeroDuration()};
  return Load(release, ringing.releases, once).status();
}

absl::Status Bench::CallFigure(const std::string& name, int in_flight, double calls_per_second) {
  if (!Wanted(name)) return absl::OkStatus();
  CallOptions options{channels_, Method::kCreateHold, in_flight};
  options.then = {Method::kExtendHold, Method::kRecordUsage};
  options.calls_per_second = calls_per_second;
  const std::vector<Request> requests = traffic_.CallsWithHolds(
      Supply(kMostCallsPerSecond / kStepsOfACall, plan_.timing), traffic_.Spread());
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, Load(options, requests, plan_.timing));
  figures_.Add(name, result.window.per_second);
  figures_.AddCpu(name, result.window.cpu_us);
  AddLatencies(name, result);
  return absl::OkStatus();
}

absl::StatusOr<double> Bench::HalfOfPeak() {
  double peak = figures_.Value("unary_256");
  if (peak == 0) {
    const std::vector<Request> requests =
        traffic_.Records(Supply(kMostCallsPerSecond, plan_.calibration), traffic_.Spread());
    RESERVE_ASSIGN_OR_RETURN(
        const LoadResult result,
        Load({channels_, Method::kRecordUsage, kUnaryInFlight}, requests, plan_.calibration));
    peak = result.window.per_second;
  }
  return peak / 2;
}

absl::Status Bench::MeasureOrphanHolds() {
  if (!Wanted("orphans_expire")) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const double rate, HalfOfPeak());
  const OrphanLoad load{channels_, ledger_.process->pid(), plan_.orphans, plan_.ringing, rate};
  RESERVE_ASSIGN_OR_RETURN(const OrphanFigures orphans,
                           MeasureOrphans(load, *stage_, traffic_, cpu_));
  booked_ += orphans.booked;
  figures_.Add("orphans_created", orphans.created_per_second);
  if (load.orphans == kManyHolds) figures_.Add("memory_100k_holds", orphans.memory_growth / 1e6);
  figures_.Add("orphans_expire", orphans.seconds);
  if (orphans.seconds > 0) figures_.Add("orphans_ended", load.orphans / orphans.seconds);
  figures_.Add("orphans_before", orphans.usages_before);
  figures_.Add("orphans_beside", orphans.usages_beside);
  figures_.Add("orphans_before_p99", orphans.p99_before / 1e3);
  figures_.Add("orphans_beside_p99", orphans.p99_beside / 1e3);
  return absl::OkStatus();
}

absl::Status Bench::MeasureStream() {
  if (!Wanted("stream")) return absl::OkStatus();
  std::vector<std::vector<Request>> streams;
  const int64_t each = Supply(kMostBatchedPerSecond, plan_.timing) / kStreams;
  for (int i = 0; i < kStreams; ++i) {
    streams.push_back(traffic_.StreamMessages(each, traffic_.Spread()));
  }
  const LoadResult result = RunStreams(channels_, streams, kUnacknowledged, plan_.timing, cpu_);
  RESERVE_RETURN_IF_ERROR(Take(result));
  figures_.Add("stream", result.window.per_second);
  figures_.AddCpu("stream", result.window.cpu_us);
  return absl::OkStatus();
}

// Not between the other figures: what the first ledger remembers is no longer so afterwards, and
// they would be about that.
absl::Status Bench::MeasureSharing(const char* name, size_t ledgers) {
  if (!Wanted(name)) return absl::OkStatus();
  for (int round = 1; round <= plan_.rounds; ++round) {
    RESERVE_RETURN_IF_ERROR(MeasureSharingOnce(name, ledgers));
  }
  return MeetAllAccounts().status();
}

absl::Status Bench::MeasureSharingOnce(const char* name, size_t ledgers) {
  std::vector<Server> others;  // they end with the round
  std::vector<const Server*> all = {&ledger_};
  Channels channels = {channels_.front()};
  others.reserve(ledgers - 1);
  while (all.size() < ledgers) {
    RESERVE_ASSIGN_OR_RETURN(Server other, stage_->StartLedger());
    RESERVE_ASSIGN_OR_RETURN(const Channels more, other.Connect(1));
    others.push_back(std::move(other));
    all.push_back(&others.back());
    channels.push_back(more.front());
  }
  RESERVE_RETURN_IF_ERROR(stage_->AwaitShares(all));
  // What one that has just come costs is what cold_accounts tells.
  RESERVE_RETURN_IF_ERROR(MeetAllAccounts().status());
  for (const Server& other : others) cpu_.Watch("ledger", other.process->pid());
  const absl::Status status = BatchFigure(name, channels, traffic_.Spread());
  cpu_.Forget("ledger");
  cpu_.Watch("ledger", ledger_.process->pid());
  RESERVE_RETURN_IF_ERROR(status);
  for (const Server* ledger : all) {
    RESERVE_ASSIGN_OR_RETURN(const std::string sharing, Stage::SharingOf(*ledger));
    std::cout << "  " << name << ": " << sharing << std::endl;
  }
  return absl::OkStatus();
}

absl::Status Bench::OverloadFigure(const std::string& name, const CallOptions& options,
                                   const std::vector<Request>& requests) {
  MemoryWatch memory(ledger_.process->pid());
  LoadResult result = RunCalls(options, requests, plan_.timing, cpu_);
  const int64_t peak = memory.Peak();
  std::cout << absl::StreamFormat("  %s: at most %.0f MB\n", name, static_cast<double>(peak) / 1e6);
  most_memory_ = std::max(most_memory_, peak);
  const int64_t refused = std::exchange(result.answers.overloaded, 0);
  RESERVE_RETURN_IF_ERROR(Take(result));
  figures_.Add(name, result.window.per_second);
  figures_.AddCpu(name, result.window.cpu_us);
  figures_.Add(name + "_refused", 100.0 * static_cast<double>(refused) /
                                      static_cast<double>(refused + result.answers.booked));
  if (name != "overload_unary") {
    figures_.Add(name + "_offered", result.window.offered_per_second);
  }
  return absl::OkStatus();
}

// What is booked, and what the ledger's memory does, while far more is asked for than it
// can do, by a client that does not wait as it is told to.
absl::Status Bench::MeasureOverload() {
  if (!Wanted("overload")) return absl::OkStatus();
  const pid_t ledger = ledger_.process->pid();
  const CallOptions batches{channels_, Method::kBatchRecordUsage, batches_in_flight_};
  const CallOptions calls{channels_, Method::kRecordUsage, kUnaryInFlight};
  const auto measure_peak = [&](const char* name, const CallOptions& options,
                                const std::vector<Request>& requests) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const LoadResult result, Load(options, requests, plan_.timing));
    figures_.Add(name, result.window.per_second);
    figures_.AddCpu(name, result.window.cpu_us);
    return absl::OkStatus();
  };
  const auto measure_peaks = [&]() -> absl::Status {
    RESERVE_RETURN_IF_ERROR(
        measure_peak("overload_batch_peak", batches,
                     traffic_.Batches(Supply(kMostBatchedPerSecond, plan_.timing), kBatchUsages,
                                      traffic_.Spread())));
    return measure_peak(
        "overload_unary_peak", calls,
        traffic_.Records(Supply(kMostCallsPerSecond, plan_.timing), traffic_.Spread()));
  };
  RESERVE_RETURN_IF_ERROR(measure_peaks());
  const int64_t before = ResidentBytes(ledger);
  for (int round = 1; round <= plan_.rounds; ++round) {
    if (round > 1) RESERVE_RETURN_IF_ERROR(measure_peaks());
    CallOptions overload = batches;
    overload.in_flight = kMostBatchesInFlight;
    overload.calls_per_second =
        kTimesOverloaded * figures_.Value("overload_batch_peak") / kBatchUsages;
    overload.count_booked_only = true;
    RESERVE_RETURN_IF_ERROR(OverloadFigure(
        "overload_batch", overload,
        traffic_.Batches(Supply(overload.calls_per_second * kBatchUsages, plan_.timing),
                         kBatchUsages, traffic_.Spread())));
    overload = calls;
    overload.count_booked_only = true;
    overload.in_flight = kTimesOverloaded * kUnaryInFlight;
    RESERVE_RETURN_IF_ERROR(OverloadFigure(
        "overload_unary", overload,
        traffic_.Records(Supply(kMostEmptyCallsPerSecond, plan_.timing), traffic_.Spread())));
    // What waits in the client for its connection is no load: take more of them.
    RESERVE_ASSIGN_OR_RETURN(overload.channels, ledger_.Connect(kFloodConnections));
    overload.in_flight = kFloodConnections * kCallsPerConnection;
    RESERVE_RETURN_IF_ERROR(OverloadFigure(
        "overload_flood", overload,
        traffic_.Records(Supply(kMostEmptyCallsPerSecond, plan_.timing), traffic_.Spread())));
  }
  RESERVE_RETURN_IF_ERROR(measure_peaks());
  figures_.Add("overload_memory_before", static_cast<double>(before) / 1e6);
  figures_.Add("overload_memory_growth", static_cast<double>(most_memory_ - before) / 1e6);
  figures_.Add("overload_memory_after", static_cast<double>(ResidentBytes(ledger)) / 1e6);
  return absl::OkStatus();
}

// Pages through the whole history of one account, and asks about parts of it.
absl::Status Bench::MeasureHistory() {
  if (Wanted("history_page")) RESERVE_RETURN_IF_ERROR(MeasurePages());
  if (Wanted("history_range")) RESERVE_RETURN_IF_ERROR(MeasureFirstPages());
  if (Wanted("history_summary")) RESERVE_RETURN_IF_ERROR(MeasureSummaries());
  return Wanted("console_history") ? MeasureConsole() : absl::OkStatus();
}

// The same history by the pages of the console: as much of it as 20,000 calls.
absl::Status Bench::MeasureConsole() {
  constexpr size_t kNextPages = 400;
  RESERVE_ASSIGN_OR_RETURN(
      ConsolePages pages,
      ReadConsolePages(ledger_.target, kHistoryAccountId, plan_.quick ? 40 : 400,
                       plan_.quick ? 100 : kNextPages, [&] { return stage_->AwaitSums(); }));
  AddQuantiles("console_first_page", std::move(pages.first_ms));
  AddQuantiles("console_next_page", std::move(pages.next_ms));
  figures_.Add("console_memory_before", static_cast<double>(pages.bytes_before) / 1e6);
  figures_.Add("console_memory_after", static_cast<double>(pages.bytes_after) / 1e6);
  return absl::OkStatus();
}

absl::Status Bench::MeasurePages() {
  const auto stub = pb::Accounts::NewStub(channels_.front());
  pb::ListUsageRequest request;
  request.set_account_id(kHistoryAccountId);
  request.set_page_size(50);
  std::vector<double> ms;
  const size_t most_pages = plan_.quick ? 200 : 2'000;
  do {
    grpc::ClientContext context;
    pb::ListUsageResponse response;
    const absl::Time begin = absl::Now();
    const grpc::Status status = stub->ListUsage(&context, request, &response);
    ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    if (!status.ok()) return absl::InternalError(status.error_message());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && ms.size() < most_pages);
  AddQuantiles("history_page", std::move(ms));
  return absl::OkStatus();
}

void Bench::AddQuantiles(const std::string& name, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  figures_.Add(name + "_p50", ms[ms.size() / 2]);
  figures_.Add(name + "_p99", ms[ms.size() * 99 / 100]);
}

// The first pages of days of its month, one after another, warm: of each the second time.
absl::Status Bench::MeasureFirstPages() {
  const auto stub = pb::Accounts::NewStub(channels_.front());
  const absl::CivilMonth month = absl::ToCivilMonth(absl::Now(), absl::UTCTimeZone());
  const absl::Time first = absl::FromCivil(absl::CivilSecond(month), absl::UTCTimeZone());
  std::vector<double> ms;
  for (int i = 0; i < (plan_.quick ? 200 : 1'000); ++i) {
    pb::ListUsageRequest request;
    request.set_account_id(kHistoryAccountId);
    request.set_page_size(50);
    request.mutable_start_from()->set_seconds(absl::ToUnixSeconds(first) +
                                              int64_t{i / 2 % 22} * 86'400);
    request.mutable_start_before()->set_seconds(request.start_from().seconds() + 86'400);
    grpc::ClientContext context;
    pb::ListUsageResponse response;
    const absl::Time begin = absl::Now();
    const grpc::Status status = stub->ListUsage(&context, request, &response);
    const double took = absl::ToDoubleMilliseconds(absl::Now() - begin);
    if (!status.ok()) return absl::InternalError(status.error_message());
    if (i % 2 == 1) ms.push_back(took);
  }
  AddQuantiles("history_range", std::move(ms));
  return absl::OkStatus();
}

// All of its month, by day.
absl::Status Bench::MeasureSummaries() {
  const auto stub = pb::Accounts::NewStub(channels_.front());
  const absl::CivilMonth month = absl::ToCivilMonth(absl::Now(), absl::UTCTimeZone());
  const auto seconds = [](absl::CivilMonth of) {
    return absl::ToUnixSeconds(absl::FromCivil(absl::CivilSecond(of), absl::UTCTimeZone()));
  };
  pb::SummarizeUsageRequest request;
  request.set_account_id(kHistoryAccountId);
  request.mutable_start_from()->set_seconds(seconds(month));
  request.mutable_start_before()->set_seconds(seconds(month + 1));
  request.add_group_by(pb::USAGE_GROUPING_DAY);
  request.add_group_by(pb::USAGE_GROUPING_KIND);
  std::vector<double> ms;
  for (int i = 0; i < (plan_.quick ? 21 : 101); ++i) {
    grpc::ClientContext context;
    pb::SummarizeUsageResponse response;
    const absl::Time begin = absl::Now();
    const grpc::Status status = stub->SummarizeUsage(&context, request, &response);
    if (!status.ok()) return absl::InternalError(status.error_message());
    const double took = absl::ToDoubleMilliseconds(absl::Now() - begin);
    if (i > 0) {
      ms.push_back(took);
      continue;
    }
    // The first adds up the entries one by one, and is why the ledger does so behind it.
    figures_.Add("history_summary_first", took);
    RESERVE_RETURN_IF_ERROR(stage_->AwaitSums());
  }
  AddQuantiles("history_summary", std::move(ms));
  return absl::OkStatus();
}

// Once: what is rated again is so for good.
absl::Status Bench::MeasureRerating() {
  if (!Wanted("rerated")) return absl::OkStatus();
  constexpr int kCalls = 40;
  constexpr absl::Duration kWindow = absl::Seconds(1);
  const int accounts = plan_.quick ? 50 : 500;
  RESERVE_ASSIGN_OR_RETURN(const double rate, HalfOfPeak());
  SteadyLoad before(channels_, rate, kWindow, traffic_, cpu_);
  for (int window = 0; window < 3; ++window) RESERVE_RETURN_IF_ERROR(before.RunWindow());
  SteadyLoad beside(channels_, rate, kWindow, traffic_, cpu_);
  RESERVE_ASSIGN_OR_RETURN(const ReratingSpeed speed,
                           MeasureReratingOf(channels_.front(), accounts, kCalls, beside));
  booked_ += int64_t{accounts} * kCalls + before.booked() + beside.booked();
  figures_.Add("rerated", speed.rated_per_second);
  figures_.Add("rerating_previewed", speed.previewed_per_second);
  figures_.Add("rerated_beside_load", speed.beside_per_second);
  figures_.Add("rerating_before", before.per_second());
  figures_.Add("rerating_beside", beside.per_second());
  figures_.Add("rerating_before_p99", before.P99() / 1e3);
  figures_.Add("rerating_beside_p99", beside.P99() / 1e3);
  return absl::OkStatus();
}

absl::StatusOr<double> Bench::ModestP99(const std::function<bool(int window)>& enough) {
  const Timing timing{absl::Milliseconds(100), absl::Seconds(1)};
  CallOptions calls{channels_, Method::kRecordUsage, kUnaryInFlight};
  calls.calls_per_second = kModestCallsPerSecond;
  std::vector<float> latencies_us;
  for (int window = 0; !enough(window); ++window) {
    RESERVE_ASSIGN_OR_RETURN(
        const LoadResult result,
        Load(calls, traffic_.Records(Supply(kModestCallsPerSecond, timing), traffic_.Spread()),
             timing));
    latencies_us.insert(latencies_us.end(), result.latencies_us.begin(), result.latencies_us.end());
  }
  if (latencies_us.empty()) return absl::InternalError("nothing was measured");
  const auto p99 =
      latencies_us.begin() + static_cast<std::ptrdiff_t>(latencies_us.size() * 99 / 100);
  std::nth_element(latencies_us.begin(), p99, latencies_us.end());
  return *p99 / 1e3;
}

absl::Status Bench::MeasureImport() {
  if (!Wanted("import_beside")) return absl::OkStatus();
  const int rows = std::min(absl::GetFlag(FLAGS_import_rows), plan_.quick ? 100'000 : INT_MAX);
  std::cout << "importing decks of " << rows << " lines" << std::endl;
  RESERVE_ASSIGN_OR_RETURN(const auto channels, ledger_.Connect(1));
  RESERVE_RETURN_IF_ERROR(ImportDeckFile(channels.front(), "before", MadeUpDeck(rows, 0)));
  RESERVE_ASSIGN_OR_RETURN(const double before, ModestP99([](int window) { return window == 10; }));
  const pid_t ledger = ledger_.process->pid();
  std::cout << absl::StreamFormat("  one in force: %.0f MB\n",
                                  static_cast<double>(ResidentBytes(ledger)) / 1e6);
  const std::string csv = MadeUpDeck(rows, 1);
  MemoryWatch memory(ledger);
  std::atomic<bool> done = false;
  absl::Status imported;
  const absl::Time begin = absl::Now();
  absl::Duration taken;
  std::thread import([&] {
    imported = ImportDeckFile(channels.front(), "beside", csv);
    taken = absl::Now() - begin;
    done = true;
  });
  const absl::StatusOr<double> beside =
      ModestP99([&done](int window) { return window > 0 && done; });
  import.join();
  RESERVE_RETURN_IF_ERROR(imported);
  RESERVE_RETURN_IF_ERROR(beside.status());
  figures_.Add("import_seconds", absl::ToDoubleSeconds(taken));
  figures_.Add("import_memory", static_cast<double>(memory.Peak()) / 1e6);
  figures_.Add("import_before_p99", before);
  figures_.Add("import_beside_p99", *beside);
  return absl::OkStatus();
}

// A price list of the size that carriers send, over another one that is in force.
absl::Status Bench::MeasureOrdinaryImport() {
  if (!Wanted("import_250k")) return absl::OkStatus();
  const int rows = plan_.quick ? 25'000 : 250'000;
  std::cout << "importing decks of " << rows << " lines" << std::endl;
  RESERVE_ASSIGN_OR_RETURN(const auto channels, ledger_.Connect(1));
  RESERVE_RETURN_IF_ERROR(ImportDeckFile(channels.front(), "ordinary", MadeUpDeck(rows, 0), "EUR"));
  const std::string csv = MadeUpDeck(rows, 1);
  const absl::Time begin = absl::Now();
  RESERVE_RETURN_IF_ERROR(ImportDeckFile(channels.front(), "ordinary-2", csv, "EUR"));
  figures_.Add("import_250k_seconds", absl::ToDoubleSeconds(absl::Now() - begin));
  return absl::OkStatus();
}

// Brings an account just above its threshold, then sends a usage that takes it below, and
// looks until the recharge is credited. Milliseconds from sending the usage.
absl::StatusOr<double> Bench::OneDip(const test_support::LedgerStubs& ledger,
                                     const std::string& account_id) {
  const auto get = [&]() -> absl::StatusOr<Nanos> {
    grpc::ClientContext context;
    pb::GetAccountRequest request;
    request.set_account_id(account_id);
    pb::Account response;
    const grpc::Status status =
        ledger.of<pb::Accounts::Stub>().GetAccount(&context, request, &response);
    if (!status.ok()) return absl::InternalError(status.error_message());
    return reserve::FromProto(response.balance(), "USD", "balance");
  };
  constexpr Nanos kJustAbove = 10'001'000'000;
  constexpr Nanos kCredited = 20'000'000'000;
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, get());
  {
    grpc::ClientContext context;
    pb::AdjustBalanceRequest request;
    request.set_account_id(account_id);
    request.set_request_id("to-the-threshold");
    reserve::ToProto(kJustAbove - balance, "USD", request.mutable_amount());
    request.set_reason("near the threshold");
    pb::Entry response;
    const grpc::Status status =
        ledger.of<pb::Support::Stub>().AdjustBalance(&context, request, &response);
    if (!status.ok()) return absl::InternalError(status.error_message());
  }
  const pb::RecordUsageRequest usage = traffic_.Record(account_id);
  const absl::Time begin = absl::Now();
  grpc::ClientContext context;
  pb::RecordUsageResponse response;
  const grpc::Status status = ledger.of<pb::Ledger::Stub>().RecordUsage(&context, usage, &response);
  if (!status.ok()) return absl::InternalError(status.error_message());
  ++booked_;
  while (true) {
    RESERVE_ASSIGN_OR_RETURN(const Nanos now, get());
    const absl::Duration elapsed = absl::Now() - begin;
    if (now > kCredited) return absl::ToDoubleMilliseconds(elapsed);
    if (elapsed > absl::Seconds(10)) return absl::DeadlineExceededError("no recharge came");
  }
}

absl::Status Bench::MeasureDips() {
  if (!Wanted("dip_to_credit")) return absl::OkStatus();
  RESERVE_RETURN_IF_ERROR(stage_->StartWorker(ledger_));
  const test_support::LedgerStubs ledger(channels_.front());
  // The first one finds out that the worker is there.
  RESERVE_RETURN_IF_ERROR(OneDip(ledger, DipAccountId(1)).status());
  std::vector<double> ms;
  for (int i = 2; i <= plan_.dips; ++i) {
    RESERVE_ASSIGN_OR_RETURN(const double one, OneDip(ledger, DipAccountId(i)));
    ms.push_back(one);
  }
  stage_->StopWorker();
  std::sort(ms.begin(), ms.end());
  figures_.Add("dip_to_credit_p50", ms[ms.size() / 2]);
  figures_.Add("dip_to_credit_p99", ms[ms.size() * 99 / 100]);
  return absl::OkStatus();
}

// Batches on some accounts, before anybody has a limit on spending and beside others that have
// one; on those others; and on yet others whose users have some, too. Each as many accounts.
absl::Status Bench::MeasureLimits() {
  if (!Wanted("limits")) return absl::OkStatus();
  const int count = std::min(kLimitedAccounts, plan_.accounts / 4);
  const auto from = [count](int place) { return 1 + place * count; };
  const auto figure = [&](const char* name, int place) {
    const Traffic::Picker pick = [next = 0, first = from(place), count]() mutable {
      return first + next++ % count;
    };
    return MeasureBatches(name, channels_, pick, batches_in_flight_);
  };
  const auto set_all = [&]() -> absl::Status {
    RESERVE_RETURN_IF_ERROR(SetLimits(channels_.front(), from(2), count, Limited::kAccounts));
    return SetLimits(channels_.front(), from(3), count, Limited::kAccountsAndUsers);
  };
  const auto unset_all = [&]() -> absl::Status {
    RESERVE_RETURN_IF_ERROR(UnsetLimits(channels_.front(), from(2), count));
    return UnsetLimits(channels_.front(), from(3), count);
  };
  // Without, beside, beside, without: what grows meanwhile counts for both alike.
  for (int pair = 0; pair < kLimitPairs; ++pair) {
    RESERVE_RETURN_IF_ERROR(figure("without_limits", 1));
    RESERVE_RETURN_IF_ERROR(set_all());
    for (int i = 0; i < 2; ++i) RESERVE_RETURN_IF_ERROR(figure("beside_limits", 1));
    RESERVE_RETURN_IF_ERROR(figure("limits_of_accounts", 2));
    RESERVE_RETURN_IF_ERROR(figure("limits_of_users", 3));
    RESERVE_RETURN_IF_ERROR(unset_all());
    RESERVE_RETURN_IF_ERROR(figure("without_limits", 1));
  }
  return absl::OkStatus();
}

absl::Status Bench::MeasureRating() {
  if (!Wanted("rating")) return absl::OkStatus();
  RESERVE_ASSIGN_OR_RETURN(const auto process,
                           test_support::Subprocess::Start({.program = "rating_bench"}));
  if (process->Wait(absl::Seconds(60)) != 0) return absl::InternalError(process->Stderr());
  for (absl::string_view line : absl::StrSplit(process->Stdout(), '\n')) {
    if (!absl::ConsumePrefix(&line, "find and rate the call")) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    double median = 0;
    if (words.size() > 1 && absl::SimpleAtod(words[1], &median)) figures_.Add("rating", median);
  }
  return absl::OkStatus();
}

// Is everything that was acknowledged booked, nothing else, and are the books true?
absl::Status Bench::CheckBooks() {
  RESERVE_ASSIGN_OR_RETURN(const int64_t usages, stage_->CountUsages());
  const int sample = plan_.quick ? 50 : 500;
  std::vector<std::string> ids = {DipAccountId(1), DipAccountId(plan_.dips)};
  for (int i = 1; i <= sample; ++i) ids.push_back(AccountId(1 + i * (plan_.accounts / sample - 1)));
  // The hot account has most of all entries; it takes a while.
  if (!plan_.quick) ids.push_back(AccountId(1));
  return bench::CheckBooks(/*prefix=*/"", booked_, usages - usages_at_start_, channels_.front(),
                           ids);
}

absl::Status Bench::MeasureMemory() {
  if (!plan_.memory || !Wanted("memory_1m_accounts")) return absl::OkStatus();
  std::cout << "opening " << kManyAccounts << " accounts" << std::endl;
  RESERVE_RETURN_IF_ERROR(stage_->OpenMoreAccounts(kManyAccounts));
  Traffic traffic(kManyAccounts);
  const Timing timing{absl::Seconds(1), absl::Seconds(10)};
  const CallOptions batches{channels_, Method::kBatchRecordUsage, batches_in_flight_};
  RESERVE_RETURN_IF_ERROR(
      Load(batches,
           traffic.Batches(Supply(kMostBatchedPerSecond, timing), kBatchUsages, traffic.Spread()),
           timing)
          .status());
  const CallOptions calls{channels_, Method::kRecordUsage, 256};
  RESERVE_RETURN_IF_ERROR(
      Load(calls, traffic.Records(Supply(kMostCallsPerSecond, plan_.timing), traffic.Spread()),
           plan_.timing)
          .status());
  figures_.Add("memory_1m_accounts",
               static_cast<double>(ResidentBytes(ledger_.process->pid())) / 1e6);
  return absl::OkStatus();
}

int Main() {
  const absl::Time begin = absl::Now();
  Bench bench(PlanFromFlags());
  const absl::Status status = bench.Run();
  return Conclude("bench", bench.figures(), "results.json", begin, status);
}

}  // namespace
}  // namespace reserve::bench

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv,
                      "bench [flags]\n"
                      "  Measures the ledger against floors measured in the same run.\n");
  return reserve::bench::Main();
}
