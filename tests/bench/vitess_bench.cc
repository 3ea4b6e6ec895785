// vitess_bench: what Vitess costs. The same loads on the same accounts, in turns, by a ledger that
// has a MySQL server to itself and by one that has a cluster of Vitess, which runs already.
//
// At the end the books are checked on both sides: what was acknowledged is booked, and accounts
// verify. Floors are not measured: rows are written past vtgate only to one shard's server, which
// is what the direct side is; nor is what wants accounts filled by SQL, as vtgate copies no rows
// between shards.
// `./run vitess --bench` runs it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "tests/bench/books.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include "tests/bench/stage.h"
#include "tests/bench/traffic.h"
#include "tests/bench/window.h"

ABSL_FLAG(std::string, vitess, "", "The cluster's folder.");
ABSL_FLAG(int, shards, 2, "How many shards it has.");
ABSL_FLAG(std::vector<std::string>, database_args, {},
          "Settings of the server of the other side: those of the cluster's.");
ABSL_FLAG(int, accounts, 2'000, "How many accounts each side has.");
ABSL_FLAG(int, rounds, 5, "How often everything is measured; the table shows medians.");
ABSL_FLAG(double, seconds, 4, "How long each measurement lasts.");

namespace reserve::bench {
namespace {

constexpr int kBatchUsages = 500;
constexpr int kUnaryInFlight = 256;
constexpr int kConnections = 2;
constexpr int kVerified = 50;
// More than either side gets through, so that prepared requests do not run out.
constexpr double kMostBatchedPerSecond = 60'000;
constexpr double kMostCallsPerSecond = 30'000;
constexpr char kClient[] = "client";

const std::vector<FigureKind>& Kinds() {
  static const auto* const kKinds = new std::vector<FigureKind>{
      {"mysql_batch", "usages/s", "BatchRecordUsage of 500, MySQL directly", ""},
      {"vitess_batch", "usages/s", "the same on Vitess", "mysql_batch"},
      {"mysql_batch_cpu", "us/usage", "CPU of all but the client", ""},
      {"vitess_batch_cpu", "us/usage", "", "mysql_batch_cpu"},
      {"mysql_unary_256", "usages/s", "RecordUsage, 256 in flight, MySQL directly", ""},
      {"vitess_unary_256", "usages/s", "the same on Vitess", "mysql_unary_256"},
      {"mysql_unary_256_cpu", "us/usage", "CPU of all but the client", ""},
      {"vitess_unary_256_cpu", "us/usage", "", "mysql_unary_256_cpu"},
      {"mysql_unary_256_p50", "ms", "", ""},
      {"vitess_unary_256_p50", "ms", "", "mysql_unary_256_p50"},
      {"mysql_unary_256_p99", "ms", "", ""},
      {"vitess_unary_256_p99", "ms", "", "mysql_unary_256_p99"},
  };
  return *kKinds;
}

Timing Timed() { return {absl::Milliseconds(400), absl::Seconds(absl::GetFlag(FLAGS_seconds))}; }

// A ledger with its database, filled with accounts, and what is asked of it.
class Side {
 public:
  Side(std::string name, int accounts, Figures* figures)
      : name_(std::move(name)), traffic_(accounts), figures_(figures) {}

  absl::Status SetUp(const Stage::Options& options);
  // Of the database; its processes of one name are summed.
  void Watch(const std::string& process, pid_t pid) { cpu_.Watch(process, pid); }
  pid_t database_pid() const { return stage_->database_pid(); }
  // Finds the best number of batches under way, which also warms up.
  absl::Status Calibrate();
  absl::Status MeasureBatches();
  absl::Status MeasureUnary();
  absl::Status CheckBooks(int accounts);

 private:
  absl::StatusOr<LoadResult> Batches(int in_flight, const Timing& timing);
  absl::Status Take(const LoadResult& result);
  void Add(const std::string& figure, const LoadResult& result);
  static int64_t Supply(double per_second, const Timing& timing) {
    return static_cast<int64_t>(per_second * absl::ToDoubleSeconds(timing.ramp + timing.window));
  }

  const std::string name_;
  Traffic traffic_;
  Figures* const figures_;
  CpuMeter cpu_;
  std::unique_ptr<Stage> stage_;
  Server ledger_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  int in_flight_ = 8;
  int64_t usages_at_start_ = 0;
  int64_t booked_ = 0;
};

absl::Status Side::SetUp(const Stage::Options& options) {
  const absl::Time begin = absl::Now();
  RESERVE_ASSIGN_OR_RETURN(stage_, Stage::Create(options));
  std::cout << absl::StreamFormat("%s: %d accounts opened in %.0f s\n", name_, options.accounts,
                                  absl::ToDoubleSeconds(absl::Now() - begin))
            << std::flush;
  RESERVE_ASSIGN_OR_RETURN(ledger_, stage_->StartLedger());
  RESERVE_ASSIGN_OR_RETURN(channels_, ledger_.Connect(kConnections));
  cpu_.Watch("ledger", ledger_.process->pid());
  RESERVE_ASSIGN_OR_RETURN(usages_at_start_, stage_->CountUsages());
  return absl::OkStatus();
}

absl::Status Side::Take(const LoadResult& result) {
  booked_ += result.answers.booked;
  const int64_t not_booked =
      result.answers.failed + result.answers.refused + result.answers.overloaded;
  if (not_booked == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(name_, ": ", not_booked, " usages failed: ", result.answers.first_error));
}

void Side::Add(const std::string& figure, const LoadResult& result) {
  const std::string name = absl::StrCat(name_, "_", figure);
  figures_->Add(name, result.window.per_second);
  figures_->AddCpu(name, result.window.cpu_us);
  double sum = 0;
  for (const auto& [process, us] : result.window.cpu_us) sum += process == kClient ? 0 : us;
  figures_->Add(name + "_cpu", sum);
}

absl::StatusOr<LoadResult> Side::Batches(int in_flight, const Timing& timing) {
  const std::vector<Request> requests =
      traffic_.Batches(Supply(kMostBatchedPerSecond, timing), kBatchUsages, traffic_.Spread());
  LoadResult result =
      RunCalls({channels_, Method::kBatchRecordUsage, in_flight}, requests, timing, cpu_);
  RESERVE_RETURN_IF_ERROR(Take(result));
  return result;
}

absl::Status Side::Calibrate() {
  double best = 0;
  // With more of them lanes have no room, and refuse.
  for (const int in_flight : {2, 4, 8, 16}) {
    RESERVE_ASSIGN_OR_RETURN(const LoadResult result,
                             Batches(in_flight, {absl::Milliseconds(300), absl::Seconds(1)}));
    std::cout << absl::StreamFormat("%s: batches of %d, %2d in flight: %.0f/s\n", name_,
                                    kBatchUsages, in_flight, result.window.per_second)
              << std::flush;
    if (result.window.per_second > best) in_flight_ = in_flight;
    best = std::max(best, result.window.per_second);
  }
  return absl::OkStatus();
}

absl::Status Side::MeasureBatches() {
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, Batches(in_flight_, Timed()));
  Add("batch", result);
  return absl::OkStatus();
}

absl::Status Side::MeasureUnary() {
  const std::vector<Request> requests =
      traffic_.Records(Supply(kMostCallsPerSecond, Timed()), traffic_.Spread());
  const LoadResult result =
      RunCalls({channels_, Method::kRecordUsage, kUnaryInFlight}, requests, Timed(), cpu_);
  RESERVE_RETURN_IF_ERROR(Take(result));
  Add("unary_256", result);
  figures_->Add(name_ + "_unary_256_p50", result.Percentile(0.5) / 1e3);
  figures_->Add(name_ + "_unary_256_p99", result.Percentile(0.99) / 1e3);
  return absl::OkStatus();
}

absl::Status Side::CheckBooks(int accounts) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t usages, stage_->CountUsages());
  std::vector<std::string> ids;
  const int sample = std::min(kVerified, accounts);
  for (int i = 0; i < sample; ++i) ids.push_back(AccountId(1 + i * (accounts / sample)));
  return bench::CheckBooks(name_ + ": ", booked_, usages - usages_at_start_, channels_.front(),
                           ids);
}

// The processes of a cluster that a usage costs CPU, as its keepers name them.
void WatchCluster(const std::string& folder, Side* side) {
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".pid") continue;
    std::string name = file.path().stem().string();
    pid_t pid = 0;
    std::ifstream(file.path()) >> pid;
    // mysqld1, mysqld2: one part.
    name.erase(std::find_if(name.begin(), name.end(), &absl::ascii_isdigit), name.end());
    if (pid > 0) side->Watch(name, pid);
  }
}

absl::Status Run(Figures* figures) {
  Stage::Options options;
  options.accounts = absl::GetFlag(FLAGS_accounts);
  options.by_api = true;
  options.database_args = absl::GetFlag(FLAGS_database_args);
  // The same number of lanes on both sides.
  options.ledger_args = {absl::StrCat("--shards=", absl::GetFlag(FLAGS_shards))};
  Side mysql("mysql", options.accounts, figures);
  RESERVE_RETURN_IF_ERROR(mysql.SetUp(options));
  mysql.Watch("mysqld", mysql.database_pid());
  options.vitess = absl::GetFlag(FLAGS_vitess);
  Side vitess("vitess", options.accounts, figures);
  RESERVE_RETURN_IF_ERROR(vitess.SetUp(options));
  WatchCluster(options.vitess, &vitess);
  for (Side* side : {&mysql, &vitess}) RESERVE_RETURN_IF_ERROR(side->Calibrate());
  for (int round = 1; round <= absl::GetFlag(FLAGS_rounds); ++round) {
    std::cout << "round " << round << " of " << absl::GetFlag(FLAGS_rounds) << std::endl;
    for (Side* side : {&mysql, &vitess}) RESERVE_RETURN_IF_ERROR(side->MeasureBatches());
    for (Side* side : {&mysql, &vitess}) RESERVE_RETURN_IF_ERROR(side->MeasureUnary());
  }
  for (Side* side : {&mysql, &vitess}) {
    RESERVE_RETURN_IF_ERROR(side->CheckBooks(options.accounts));
  }
  return absl::OkStatus();
}

int Main() {
  const absl::Time begin = absl::Now();
  Figures figures(Kinds());
  const absl::Status status = Run(&figures);
  return Conclude("vitess_bench", figures, "vitess.json", begin, status);
}

}  // namespace
}  // namespace reserve::bench

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv,
                      "vitess_bench --vitess=FOLDER [flags]\n"
                      "  Measures the ledger on Vitess against the same MySQL directly.\n");
  return reserve::bench::Main();
}
