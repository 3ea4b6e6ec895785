// growth: is a ledger with a year of usages as fast as a new one?
//
// Fills a private MariaDB, which has a log flush for every commit and a buffer pool far
// smaller than the data, through `ledger serve` and BatchRecordUsage, and stops at 5, 25, 50
// and 100 % of all entries to measure:
//   - the rate over the last usages before that size. They are serialised before the clock
//     starts; those in between are built in turns with sending, and their rate is not used;
//   - at the last size, the rate of a second ledger, with a server of its own, that is as the first
//     one was at the first size, just before and just after that of the first one: how fast the
//     machine is differs by more within the run than what is looked for;
//   - GetUsage, the first page of ListUsage, and VerifyAccount, one call at a time: first
//     with the buffer pool as the load left it, and then cold, just after a restart of the
//     database, so that each size is read from disk under the same conditions;
//   - the first page of a week of starts, and what a month of 100,000 calls of one account comes
//     to, both warm;
//   - the size of the files.
// Usages come in the order in which they began, over the year up to now (the ledger takes
// them: --max_usage_age is ten years), but for a late share; ids sort by when they are sent.
// At the end the books are checked.
//
//   growth [--entries=20000000] [--accounts=100000] [--buffer_pool_mb=256] [--random_ids]
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "tests/bench/growth_report.h"
#include "tests/bench/growth_traffic.h"
#include "tests/bench/load.h"
#include "tests/bench/stage.h"
#include "tests/bench/window.h"
#include "tests/support/build_tree.h"
#include "tests/support/wait_until.h"

ABSL_FLAG(int64_t, entries, 20'000'000, "Usages to record, at least 20,000.");
ABSL_FLAG(int, accounts, 100'000, "Accounts that they are spread over, at least 1,000.");
ABSL_FLAG(int, buffer_pool_mb, 256, "The database's buffer pool.");
ABSL_FLAG(int64_t, window, 500'000,
          "Usages before each size over which the rate is taken; at most a fortieth of all.");
ABSL_FLAG(double, late_share, 0.01, "The share of usages that began at any time before.");
ABSL_FLAG(bool, random_starts, false,
          "Usages that began at any time of the year, in no order: the worst case.");
ABSL_FLAG(bool, random_ids, false, "Usage ids in no order: the worst case.");
ABSL_FLAG(int, batches_in_flight, 8, "Batch RPCs under way.");
ABSL_FLAG(int, connections, 2, "gRPC connections that the client opens.");
ABSL_FLAG(std::vector<std::string>, ledger_args, {}, "More arguments for the ledger.");
ABSL_FLAG(std::vector<std::string>, database_args, {},
          "More arguments for the database server, to try something out.");

namespace reserve::bench {
namespace {

namespace fs = std::filesystem;
namespace pb = ledger::v1;

// Of all entries; where it is measured.
constexpr int kMarkPercents[] = {5, 25, 50, 100};
// Sent at once between the marks: some seconds of work, and a line for each.
constexpr int64_t kChunk = 100'000;
// An entry takes some 450 bytes in all tables; the logs and the system some more.
constexpr int64_t kBytesPerEntry = 600;
constexpr int64_t kFixedBytes = 5'000'000'000;
constexpr int kPageSize = 50;
// Cold calls are few: at the first size their rows are a good part of all, and the last calls
// would find in the pool what the first ones read.
constexpr int kGets = 1'000;
constexpr int kColdGets = 300;
constexpr int kPages = 300;
constexpr int kColdPages = 60;
constexpr int kVerifications = 200;
constexpr int kSummaries = 100;
// Of the account that is summarized.
constexpr int64_t kLongHistory = 100'000;
constexpr absl::Duration kWeek = absl::Hours(24 * 7);
constexpr int kColdVerifications = 40;

// Set by SIGINT, SIGTERM and SIGHUP: the run then ends early, but in order.
volatile sig_atomic_t interrupted = 0;

void EndEarlyOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaction(number, &action, nullptr);
}

absl::Status CheckInterrupted() {
  return interrupted != 0 ? absl::CancelledError("interrupted") : absl::OkStatus();
}

std::vector<int64_t> MarksOf(int64_t entries) {
  std::vector<int64_t> marks;
  for (const int percent : kMarkPercents) marks.push_back(entries * percent / 100);
  return marks;
}

absl::Status CheckFlags() {
  if (absl::GetFlag(FLAGS_entries) < 20'000) return InvalidField("--entries", "at least 20000");
  if (absl::GetFlag(FLAGS_accounts) < 1'000) return InvalidField("--accounts", "at least 1000");
  if (absl::GetFlag(FLAGS_window) < kBatchUsages) {
    return InvalidField("--window", absl::StrCat("at least ", kBatchUsages));
  }
  if (absl::GetFlag(FLAGS_buffer_pool_mb) < 5)
    return InvalidField("--buffer_pool_mb", "at least 5");
  if (absl::GetFlag(FLAGS_batches_in_flight) < 1) {
    return InvalidField("--batches_in_flight", "at least 1");
  }
  return absl::OkStatus();
}

absl::Status CheckDisk(int64_t entries) {
  const int64_t needed = kFixedBytes + entries * kBytesPerEntry;
  std::error_code error;
  const auto free = static_cast<int64_t>(fs::space(test_support::BuildDir(), error).available);
  if (error || free >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "%d entries need %.1f GB of disk under %s, and %.1f GB are free; see --entries", entries,
      static_cast<double>(needed) / 1e9, test_support::BuildDir(),
      static_cast<double>(free) / 1e9));
}

// How long calls took, one at a time, and how many rows they were about.
struct Timed {
  std::vector<double> ms;
  int64_t rows = 0;
};

class Growth {
 public:
  Growth()
      : entries_(absl::GetFlag(FLAGS_entries)),
        marks_(MarksOf(entries_)),
        window_(std::min(absl::GetFlag(FLAGS_window), entries_ / 40)),
        traffic_(TrafficOptions()),
        report_(marks_) {}

  absl::Status Run();
  const GrowthReport& report() const { return report_; }

 private:
  // Makes one call and returns the rows that it was about.
  using Call = std::function<absl::StatusOr<int64_t>()>;

  static GrowthTraffic::Options TrafficOptions();
  absl::Status SetStage();
  void WatchProcesses();
  absl::Status FillUpTo(int64_t entries);
  absl::Status MeasureRate(size_t mark);
  // The rate of the next usages, which are made before the clock starts.
  absl::StatusOr<LoadResult> SendAtOnce(int64_t usages);
  // The same between two of the young ledger's.
  absl::Status MeasureLastRate();
  // To the size at which the first rate was measured.
  absl::Status BeYoung();
  absl::Status AddInTurn(Growth& ledger, size_t mark, int64_t usages);
  absl::StatusOr<LoadResult> Send(const std::vector<Request>& requests, const Timing& timing);
  void ShowProgress(int64_t chunk, absl::Duration elapsed);

  absl::Status MeasureReads(size_t mark);
  absl::Status MeasureColdReads(size_t mark);
  absl::Status MeasureSize(size_t mark);
  // Restarts the database and waits until the ledger serves again.
  absl::Status CoolDown();
  absl::StatusOr<Timed> TimeCalls(int count, const Call& call);
  absl::Status TimeInto(const std::string& quantity, size_t mark, int count, const Call& call,
                        bool with_rows);
  // Those times are sorted.
  void AddTo(const std::string& quantity, size_t mark, const Timed& timed, bool with_rows);
  absl::StatusOr<int64_t> GetUsage(const GrowthTraffic::Sample& sample);
  // Of all, or of the week that begins then.
  absl::StatusOr<int64_t> ListFirstPage(const std::string& account_id,
                                        std::optional<absl::Time> week = std::nullopt);
  // The first page of some week, of which the first one was asked for just before.
  absl::Status MeasureWeeks(size_t mark);
  // Of the account with the long history, its month by day.
  absl::Status MeasureSummaries(size_t mark);
  absl::StatusOr<int64_t> Summarize();
  absl::StatusOr<int64_t> Verify(const std::string& account_id);
  // A usage of those sent between two shares of all that were sent so far.
  const GrowthTraffic::Sample& SampleBetween(int64_t first, int64_t last);
  absl::StatusOr<std::map<std::string, int64_t>> PagesMoved();
  absl::Status CheckBooks();

  const int64_t entries_;
  const std::vector<int64_t> marks_;
  const int64_t window_;
  GrowthTraffic traffic_;
  GrowthReport report_;
  std::mt19937_64 random_{20'261'125};
  CpuMeter cpu_;
  std::unique_ptr<Growth> young_;  // of the one that grows
  std::unique_ptr<Stage> stage_;
  Server ledger_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::unique_ptr<pb::Accounts::Stub> accounts_;
  std::unique_ptr<pb::Audit::Stub> audit_;
  int64_t aim_ = entries_;  // as far as progress tells
  int64_t usages_at_start_ = 0;
  int64_t sent_ = 0;
  int64_t booked_ = 0;
  int64_t verified_entries_ = 0;
  double recent_rate_ = 0;
};

GrowthTraffic::Options Growth::TrafficOptions() {
  GrowthTraffic::Options options;
  // Those of the turns are of the year, too.
  const int64_t entries = absl::GetFlag(FLAGS_entries);
  options.entries = entries + std::min(absl::GetFlag(FLAGS_window), entries / 40);
  options.accounts = absl::GetFlag(FLAGS_accounts);
  options.span = absl::Hours(24 * 365);
  options.begin = absl::Now() - options.span;
  options.late_share = absl::GetFlag(FLAGS_late_share);
  options.random_starts = absl::GetFlag(FLAGS_random_starts);
  options.random_ids = absl::GetFlag(FLAGS_random_ids);
  return options;
}

absl::Status Growth::Run() {
  young_ = std::make_unique<Growth>();
  RESERVE_RETURN_IF_ERROR(young_->BeYoung());
  RESERVE_RETURN_IF_ERROR(SetStage());
  for (size_t mark = 0; mark < marks_.size(); ++mark) {
    RESERVE_RETURN_IF_ERROR(FillUpTo(marks_[mark] - window_));
    RESERVE_RETURN_IF_ERROR(MeasureRate(mark));
    if (mark == 0) traffic_.QuietFromNowOn();
    if (mark + 1 == marks_.size()) RESERVE_RETURN_IF_ERROR(MeasureLastRate());
    RESERVE_RETURN_IF_ERROR(MeasureReads(mark));
    RESERVE_RETURN_IF_ERROR(MeasureColdReads(mark));
    RESERVE_RETURN_IF_ERROR(MeasureSize(mark));
  }
  return CheckBooks();
}

absl::Status Growth::SetStage() {
  std::cout << "opening " << absl::GetFlag(FLAGS_accounts) << " accounts" << std::endl;
  Stage::Options options;
  options.accounts = absl::GetFlag(FLAGS_accounts);
  options.dip_accounts = 0;
  options.history_entries = static_cast<int>(std::min(entries_ / 10, kLongHistory));
  options.ledger_args = absl::GetFlag(FLAGS_ledger_args);
  options.database_args = {
      absl::StrCat("--innodb-buffer-pool-size=", absl::GetFlag(FLAGS_buffer_pool_mb), "M")};
  for (const std::string& arg : absl::GetFlag(FLAGS_database_args)) {
    options.database_args.push_back(arg);
  }
  RESERVE_ASSIGN_OR_RETURN(stage_, Stage::Create(options));
  RESERVE_ASSIGN_OR_RETURN(usages_at_start_, stage_->CountUsages());
  RESERVE_ASSIGN_OR_RETURN(ledger_, stage_->StartLedger());
  RESERVE_ASSIGN_OR_RETURN(channels_, ledger_.Connect(absl::GetFlag(FLAGS_connections)));
  accounts_ = pb::Accounts::NewStub(channels_.front());
  audit_ = pb::Audit::NewStub(channels_.front());
  WatchProcesses();
  return absl::OkStatus();
}

void Growth::WatchProcesses() {
  cpu_.Forget("ledger");
  cpu_.Forget("database");
  cpu_.Watch("ledger", ledger_.process->pid());
  cpu_.Watch("database", stage_->database_pid());
}

// --- Filling --------------------------------------------------------------------------

absl::StatusOr<LoadResult> Growth::Send(const std::vector<Request>& requests,
                                        const Timing& timing) {
  RESERVE_RETURN_IF_ERROR(CheckInterrupted());
  const CallOptions options{channels_, Method::kBatchRecordUsage,
                            absl::GetFlag(FLAGS_batches_in_flight)};
  LoadResult result = RunCalls(options, requests, timing, cpu_);
  for (const Request& request : requests) sent_ += request.usages;
  booked_ += result.answers.booked;
  const int64_t refused = result.answers.refused + result.answers.overloaded;
  if (result.answers.failed + refused + result.answers.duplicates == 0) return result;
  RESERVE_RETURN_IF_ERROR(CheckInterrupted());
  return absl::InternalError(absl::StrCat(result.answers.failed, " calls failed, ", refused,
                                          " usages were refused, ", result.answers.duplicates,
                                          " were duplicates: ", result.answers.first_error));
}

void Growth::ShowProgress(int64_t chunk, absl::Duration elapsed) {
  const double rate = static_cast<double>(chunk) / absl::ToDoubleSeconds(elapsed);
  recent_rate_ = recent_rate_ == 0 ? rate : 0.8 * recent_rate_ + 0.2 * rate;
  const auto left = static_cast<int64_t>(static_cast<double>(aim_ - sent_) / recent_rate_);
  std::cout << absl::StreamFormat("  %9d of %d, %6.0f usages/s, %d:%02d min to go\n", sent_, aim_,
                                  rate, left / 60, left % 60)
            << std::flush;
}

absl::Status Growth::FillUpTo(int64_t entries) {
  // Until all are sent, and not longer.
  const Timing once{absl::Hours(1), absl::ZeroDuration()};
  while (sent_ < entries) {
    const int64_t chunk = std::min(kChunk, entries - sent_);
    const absl::Time begin = absl::Now();
    RESERVE_RETURN_IF_ERROR(Send(traffic_.Batches(chunk), once).status());
    ShowProgress(chunk, absl::Now() - begin);
  }
  return absl::OkStatus();
}

// Pages that the database read from its files and wrote to them, since it was started.
absl::StatusOr<std::map<std::string, int64_t>> Growth::PagesMoved() {
  std::map<std::string, int64_t> pages;
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto sql, storage::Connection::Open(stage_->ledger_schema()));
  RESERVE_RETURN_IF_ERROR(
      sql->Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_pages_read', "
                 "'Innodb_pages_written')",
                 [&](const storage::Row& row) { pages[row.Text(1)] = row.Int(2); }));
  return pages;
}

absl::StatusOr<LoadResult> Growth::SendAtOnce(int64_t usages) {
  const std::vector<Request> requests = traffic_.Batches(usages);
  // The window ends when all are sent. A tenth of it, a second at the most, is a run-up.
  const absl::Duration ramp =
      std::min(absl::Seconds(1), 0.1 * absl::Seconds(static_cast<double>(usages) / 50'000));
  return Send(requests, {ramp, absl::Hours(1)});
}

absl::Status Growth::MeasureRate(size_t mark) {
  RESERVE_ASSIGN_OR_RETURN(auto before, PagesMoved());
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, SendAtOnce(window_));
  RESERVE_ASSIGN_OR_RETURN(auto after, PagesMoved());
  report_.Add("rate", mark, result.window.per_second);
  for (const auto& [process, us] : result.window.cpu_us) report_.Add("cpu_" + process, mark, us);
  const auto per_thousand = [&](const char* name) {
    return 1e3 * static_cast<double>(after[name] - before[name]) / static_cast<double>(window_);
  };
  report_.Add("pages_read", mark, per_thousand("Innodb_pages_read"));
  report_.Add("pages_written", mark, per_thousand("Innodb_pages_written"));
  std::cout << absl::StreamFormat("at %s entries: %.0f usages/s\n", CountText(marks_[mark]),
                                  result.window.per_second)
            << std::flush;
  return absl::OkStatus();
}

absl::Status Growth::BeYoung() {
  std::cout << "filling a second ledger, for the last rate" << std::endl;
  aim_ = marks_.front();
  RESERVE_RETURN_IF_ERROR(SetStage());
  RESERVE_RETURN_IF_ERROR(FillUpTo(aim_));
  traffic_.QuietFromNowOn();
  return absl::OkStatus();
}

absl::Status Growth::AddInTurn(Growth& ledger, size_t mark, int64_t usages) {
  RESERVE_ASSIGN_OR_RETURN(const LoadResult result, ledger.SendAtOnce(usages));
  report_.Add("rate_in_turns", mark, result.window.per_second);
  for (const auto& [process, us] : result.window.cpu_us) {
    report_.Add(absl::StrCat("cpu_", process, "_turns"), mark, us);
  }
  std::cout << absl::StreamFormat("  %.0f usages/s with %s entries\n", result.window.per_second,
                                  CountText(marks_[mark]))
            << std::flush;
  return absl::OkStatus();
}

absl::Status Growth::MeasureLastRate() {
  const size_t last = marks_.size() - 1;
  RESERVE_RETURN_IF_ERROR(AddInTurn(*young_, 0, window_ / 2));
  RESERVE_RETURN_IF_ERROR(AddInTurn(*this, last, window_));
  RESERVE_RETURN_IF_ERROR(AddInTurn(*young_, 0, window_ / 2));
  RESERVE_RETURN_IF_ERROR(young_->CheckBooks());
  young_.reset();
  return absl::OkStatus();
}

// --- Reading --------------------------------------------------------------------------

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

absl::StatusOr<int64_t> Growth::GetUsage(const GrowthTraffic::Sample& sample) {
  grpc::ClientContext context;
  SetDeadline(context);
  pb::GetUsageRequest request;
  request.set_account_id(sample.account_id);
  request.set_usage_id(sample.usage_id);
  pb::UsageRecord response;
  const grpc::Status status = accounts_->GetUsage(&context, request, &response);
  if (!status.ok()) return absl::InternalError(absl::StrCat("GetUsage: ", status.error_message()));
  return 1;
}

absl::StatusOr<int64_t> Growth::ListFirstPage(const std::string& account_id,
                                              std::optional<absl::Time> week) {
  grpc::ClientContext context;
  SetDeadline(context);
  pb::ListUsageRequest request;
  request.set_account_id(account_id);
  request.set_page_size(kPageSize);
  if (week.has_value()) {
    request.mutable_start_from()->set_seconds(absl::ToUnixSeconds(*week));
    request.mutable_start_before()->set_seconds(absl::ToUnixSeconds(*week + kWeek));
  }
  pb::ListUsageResponse response;
  const grpc::Status status = accounts_->ListUsage(&context, request, &response);
  if (!status.ok()) return absl::InternalError(absl::StrCat("ListUsage: ", status.error_message()));
  return response.usage_records_size();
}

absl::StatusOr<int64_t> Growth::Verify(const std::string& account_id) {
  grpc::ClientContext context;
  SetDeadline(context);
  pb::VerifyAccountRequest request;
  request.set_account_id(account_id);
  pb::VerifyAccountResponse response;
  const grpc::Status status = audit_->VerifyAccount(&context, request, &response);
  if (!status.ok()) {
    return absl::InternalError(absl::StrCat("VerifyAccount: ", status.error_message()));
  }
  if (response.differences_size() > 0) {
    return absl::DataLossError(response.differences(0).ShortDebugString());
  }
  verified_entries_ += response.counts().entries();
  return response.counts().entries();
}

const GrowthTraffic::Sample& Growth::SampleBetween(int64_t first, int64_t last) {
  const std::vector<GrowthTraffic::Sample>& samples = traffic_.samples();
  const auto size = static_cast<int64_t>(samples.size());
  const int64_t from = size * first / sent_;
  const int64_t count = std::max<int64_t>(1, size * last / sent_ - from);
  const auto drawn = static_cast<int64_t>(random_() % static_cast<uint64_t>(count));
  return samples[static_cast<size_t>(std::min(size - 1, from + drawn))];
}

absl::StatusOr<Timed> Growth::TimeCalls(int count, const Call& call) {
  RESERVE_RETURN_IF_ERROR(CheckInterrupted());
  Timed timed;
  for (int i = 0; i < count; ++i) {
    const absl::Time begin = absl::Now();
    RESERVE_ASSIGN_OR_RETURN(const int64_t rows, call());
    timed.ms.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    timed.rows += rows;
  }
  std::sort(timed.ms.begin(), timed.ms.end());
  return timed;
}

absl::Status Growth::TimeInto(const std::string& quantity, size_t mark, int count, const Call& call,
                              bool with_rows) {
  RESERVE_ASSIGN_OR_RETURN(const Timed timed, TimeCalls(count, call));
  AddTo(quantity, mark, timed, with_rows);
  return absl::OkStatus();
}

void Growth::AddTo(const std::string& quantity, size_t mark, const Timed& timed, bool with_rows) {
  report_.Add(quantity + "_p50", mark, timed.ms[timed.ms.size() / 2]);
  report_.Add(quantity + "_p99", mark, timed.ms[timed.ms.size() * 99 / 100]);
  const auto calls = static_cast<double>(timed.ms.size());
  if (with_rows) report_.Add(quantity + "_rows", mark, static_cast<double>(timed.rows) / calls);
}

absl::Status Growth::MeasureReads(size_t mark) {
  std::cout << "  reading" << std::endl;
  const auto get_between = [this](int64_t first, int64_t last) {
    return [this, first, last] { return GetUsage(SampleBetween(first, last)); };
  };
  RESERVE_RETURN_IF_ERROR(TimeInto("get_usage", mark, kGets, get_between(0, sent_), false));
  RESERVE_RETURN_IF_ERROR(
      TimeInto("get_early_usage", mark, kGets, get_between(0, marks_.front()), false));
  RESERVE_RETURN_IF_ERROR(
      TimeInto("get_late_usage", mark, kGets, get_between(sent_ - sent_ / 20, sent_), false));
  RESERVE_RETURN_IF_ERROR(TimeInto(
      "history", mark, kPages, [this] { return ListFirstPage(traffic_.BusyAccount()); }, true));
  RESERVE_RETURN_IF_ERROR(TimeInto(
      "history_any", mark, kPages, [this] { return ListFirstPage(traffic_.AnyAccount()); }, true));
  RESERVE_RETURN_IF_ERROR(MeasureWeeks(mark));
  RESERVE_RETURN_IF_ERROR(MeasureSummaries(mark));
  RESERVE_RETURN_IF_ERROR(TimeInto(
      "verify", mark, kVerifications, [this] { return Verify(traffic_.QuietAccount()); }, true));
  return TimeInto(
      "verify_any", mark, kVerifications, [this] { return Verify(traffic_.AnyAccount()); }, true);
}

absl::Status Growth::MeasureWeeks(size_t mark) {
  Timed warm;
  for (int i = 0; i < kPages; ++i) {
    const std::string account_id = traffic_.BusyAccount();
    const absl::Time week = absl::Now() - kWeek * static_cast<int64_t>(1 + random_() % 51);
    const auto page = [&] { return ListFirstPage(account_id, week); };
    RESERVE_RETURN_IF_ERROR(page().status());
    RESERVE_ASSIGN_OR_RETURN(const Timed timed, TimeCalls(1, page));
    warm.ms.push_back(timed.ms.front());
    warm.rows += timed.rows;
  }
  std::sort(warm.ms.begin(), warm.ms.end());
  AddTo("history_range", mark, warm, /*with_rows=*/true);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Growth::Summarize() {
  grpc::ClientContext context;
  SetDeadline(context);
  const absl::CivilMonth month = absl::ToCivilMonth(absl::Now(), absl::UTCTimeZone());
  const auto seconds = [](absl::CivilMonth of) {
    return absl::ToUnixSeconds(absl::FromCivil(absl::CivilSecond(of), absl::UTCTimeZone()));
  };
  pb::SummarizeUsageRequest request;
  request.set_account_id(kHistoryAccountId);
  request.mutable_start_from()->set_seconds(seconds(month));
  request.mutable_start_before()->set_seconds(seconds(month + 1));
  request.add_group_by(pb::USAGE_GROUPING_DAY);
  pb::SummarizeUsageResponse response;
  const grpc::Status status = accounts_->SummarizeUsage(&context, request, &response);
  if (status.ok()) return response.summaries_size();
  return absl::InternalError(absl::StrCat("SummarizeUsage: ", status.error_message()));
}

absl::Status Growth::MeasureSummaries(size_t mark) {
  RESERVE_RETURN_IF_ERROR(Summarize().status());
  RESERVE_RETURN_IF_ERROR(stage_->AwaitSums());
  return TimeInto(
      "summary", mark, kSummaries, [this] { return Summarize(); }, false);
}

absl::Status Growth::CoolDown() {
  RESERVE_RETURN_IF_ERROR(stage_->RestartDatabase());
  WatchProcesses();
  // Each of the ledger's connections finds out for itself, and the first reads open the tables.
  const std::string account_id = AccountId(absl::GetFlag(FLAGS_accounts));
  absl::Status status;
  int in_a_row = 0;
  const bool serves = test_support::WaitUntil([&] {
    status = ListFirstPage(account_id).status();
    if (status.ok()) status = Verify(account_id).status();
    in_a_row = status.ok() ? in_a_row + 1 : 0;
    return in_a_row == 10;
  });
  if (!serves) return absl::UnavailableError(absl::StrCat("after a restart: ", status.message()));
  return absl::OkStatus();
}

absl::Status Growth::MeasureColdReads(size_t mark) {
  std::cout << "  reading cold" << std::endl;
  RESERVE_RETURN_IF_ERROR(CoolDown());
  RESERVE_RETURN_IF_ERROR(TimeInto(
      "get_usage_cold", mark, kColdGets, [this] { return GetUsage(SampleBetween(0, sent_)); },
      false));
  RESERVE_RETURN_IF_ERROR(CoolDown());
  RESERVE_RETURN_IF_ERROR(TimeInto(
      "history_cold", mark, kColdPages, [this] { return ListFirstPage(traffic_.BusyAccount()); },
      false));
  RESERVE_RETURN_IF_ERROR(CoolDown());
  return TimeInto(
      "verify_cold", mark, kColdVerifications, [this] { return Verify(traffic_.QuietAccount()); },
      false);
}

// The files of the tables: what is allocated, free pages within them included.
absl::Status Growth::MeasureSize(size_t mark) {
  std::map<std::string, int64_t> bytes;
  int64_t all = 0;
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto sql, storage::Connection::Open(stage_->ledger_schema()));
  std::string tablespaces;  // MariaDB's name, or MySQL's
  RESERVE_RETURN_IF_ERROR(
      sql->Query("SELECT table_name FROM information_schema.tables WHERE table_schema = "
                 "'information_schema' AND table_name IN ('INNODB_SYS_TABLESPACES', "
                 "'INNODB_TABLESPACES')",
                 [&](const storage::Row& row) { tablespaces = row.Text(1); }));
  RESERVE_RETURN_IF_ERROR(
      sql->Query(absl::StrCat("SELECT SUBSTRING_INDEX(SUBSTRING_INDEX(name, '/', -1), '#', 1), "
                              "SUM(file_size) FROM information_schema.",
                              tablespaces, " WHERE name LIKE 'ledger/%' GROUP BY 1"),
                 [&](const storage::Row& row) {
                   bytes[row.Text(1)] = row.Int(2);
                   all += row.Int(2);
                 }));
  report_.Add("database_size", mark, static_cast<double>(all) / 1e9);
  for (const char* table : {"entries", "usage_ids"}) {
    report_.Add(absl::StrCat(table, "_size"), mark, static_cast<double>(bytes[table]) / 1e9);
  }
  return absl::OkStatus();
}

// Is everything that was acknowledged booked, and nothing else? Accounts were verified all along.
absl::Status Growth::CheckBooks() {
  std::cout << "counting" << std::endl;
  RESERVE_ASSIGN_OR_RETURN(const int64_t usages, stage_->CountUsages());
  std::cout << "acknowledged " << booked_ << " usages, booked " << usages - usages_at_start_
            << "; verified " << verified_entries_ << " entries without a difference" << std::endl;
  if (usages - usages_at_start_ == booked_) return absl::OkStatus();
  return absl::DataLossError("booked and acknowledged usages differ");
}

int Main() {
  EndEarlyOnSignals();
  const absl::Time begin = absl::Now();
  absl::Status status = CheckFlags();
  if (status.ok()) status = CheckDisk(absl::GetFlag(FLAGS_entries));
  if (status.ok()) {
    Growth growth;
    status = growth.Run();
    // Also after an error: what was measured so far.
    std::cout << "\n";
    growth.report().Print(std::cout);
    const std::string path =
        (fs::path(test_support::BuildDir()).parent_path() / "bench" / "growth.json").string();
    if (status.ok()) status = growth.report().WriteJson(path);
    std::cout << "\n" << path << ", " << absl::ToInt64Seconds(absl::Now() - begin) << " s\n";
  }
  if (status.ok()) return 0;
  std::cerr << "growth: " << status << "\n";
  return 1;
}

}  // namespace
}  // namespace reserve::bench

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv,
                      "growth [flags]\n"
                      "  Measures how rate and latencies hold as the ledger's history grows.\n");
  return reserve::bench::Main();
}
