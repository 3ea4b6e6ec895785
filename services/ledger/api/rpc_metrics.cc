#include "services/ledger/api/rpc_metrics.h"

#include "absl/functional/function_ref.h"

namespace reserve::api {
namespace {

const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto* const kBuckets = new prometheus::Histogram::BucketBoundaries{
      0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5};
  return *kBuckets;
}

prometheus::MetricFamily Single(const char* name, const char* help, prometheus::MetricType type,
                                int64_t value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = static_cast<double>(value);
  } else {
    metric.gauge.value = static_cast<double>(value);
  }
  family.metric.push_back(metric);
  return family;
}

prometheus::MetricFamily Steps(const char* name, const char* help, prometheus::MetricType type,
                               absl::FunctionRef<double(engine::Step)> value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  for (int i = 0; i < engine::kSteps; ++i) {
    const auto step = static_cast<engine::Step>(i);
    prometheus::ClientMetric metric;
    metric.label.push_back({"step", std::string(engine::NameOf(step))});
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        value(step);
    family.metric.push_back(std::move(metric));
  }
  return family;
}

prometheus::MetricFamily DatabaseErrors(const storage::ErrorTally& errors) {
  prometheus::MetricFamily family;
  family.name = "reserve_ledger_database_errors_total";
  family.help = "Errors that the database answered, by class.";
  family.type = prometheus::MetricType::Counter;
  for (int i = 0; i < storage::kErrorClasses; ++i) {
    const auto error_class = static_cast<storage::ErrorClass>(i);
    prometheus::ClientMetric metric;
    metric.label.push_back({"class", std::string(storage::NameOf(error_class))});
    metric.counter.value = static_cast<double>(errors.count(error_class));
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

RpcMetrics::RpcMetrics(prometheus::Registry& registry)
    : calls_(prometheus::BuildCounter()
                 .Name("reserve_ledger_calls_total")
                 .Help("Calls that ended, by method and status code.")
                 .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("reserve_ledger_call_seconds")
                   .Help("How long calls took, by method.")
                   .Register(registry)) {}

RpcMetrics::Instruments RpcMetrics::Find(const char* method, absl::StatusCode code) {
  const std::pair<const char*, int> key(method, static_cast<int>(code));
  {
    absl::ReaderMutexLock lock(&mutex_);
    const auto found = instruments_.find(key);
    if (found != instruments_.end()) return found->second;
  }
  absl::MutexLock lock(&mutex_);
  const auto [slot, is_new] = instruments_.try_emplace(key);
  if (is_new) {
    slot->second.calls =
        &calls_.Add({{"method", method}, {"code", absl::StatusCodeToString(code)}});
    slot->second.seconds = &seconds_.Add({{"method", method}}, SecondsBuckets());
  }
  return slot->second;
}

void RpcMetrics::Observe(const char* method, absl::StatusCode code, absl::Duration elapsed,
                         bool awaited) {
  if (awaited) in_progress_.fetch_sub(1, std::memory_order_acq_rel);
  const Instruments instruments = Find(method, code);
  instruments.calls->Increment();
  instruments.seconds->Observe(absl::ToDoubleSeconds(elapsed));
}

namespace {

// By kind of limit, from the one of number `first` on.
template <size_t kCount>
prometheus::MetricFamily ByLimit(const char* name, const char* help,
                                 const std::array<std::atomic<int64_t>, kCount>& counts) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Counter;
  // Windows of spending are the first kinds; a count for each kind has one of none, too.
  const size_t first = kCount == domain::kLimitKinds ? 1 : 0;
  for (size_t i = first; i < kCount; ++i) {
    const size_t kind = kCount == domain::kLimitKinds ? i : i + 1;
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    metric.label.push_back({"kind", std::string(NameOf(static_cast<domain::LimitKind>(kind)))});
    metric.counter.value = static_cast<double>(counts[i]);
  }
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> EngineMetrics::CollectOfUsage() const {
  using prometheus::MetricType;
  return {
      Single("reserve_ledger_duplicates_total", "Usages that were booked already.",
             MetricType::Counter, stats_.duplicates),
      Single("reserve_ledger_unrated_usages",
             "Usages of all accounts that wait for a price or a user, as last counted.",
             MetricType::Gauge, stats_.unrated),
      Single("reserve_ledger_holds_open", "Calls in progress, of all accounts.", MetricType::Gauge,
             stats_.holds_open),
      Single("reserve_ledger_holds_unsettled",
             "Calls that have ended with seconds reported, and whose CDR is to come.",
             MetricType::Gauge, stats_.holds_unsettled),
      Single("reserve_ledger_holds_expired_total",
             "Holds that ended as they were not extended in time.", MetricType::Counter,
             stats_.holds_expired),
      Single("reserve_ledger_usages_estimated_total",
             "Usages that were booked from what a switch had reported, as no CDR came.",
             MetricType::Counter, stats_.usages_estimated),
      Single("reserve_ledger_unrated_booked_total",
             "Usages that were booked without a price or a user.", MetricType::Counter,
             stats_.booked_unrated),
      Single("reserve_ledger_unrated_looked_at_total", "Waiting usages that were looked at again.",
             MetricType::Counter, stats_.unrated_looked_at),
      Single("reserve_ledger_rated_later_total", "Waiting usages that were rated.",
             MetricType::Counter, stats_.rated_later),
      Single("reserve_ledger_rated_again_total", "Usages that RerateUsage changed.",
             MetricType::Counter, stats_.rated_again),
      Single("reserve_ledger_unbooked_emergencies_total",
             "Emergency calls and texts that no account was there to book.", MetricType::Counter,
             stats_.unbooked_emergencies),
      Single("reserve_ledger_usage_after_closing_total", "Usages of closed accounts, refused.",
             MetricType::Counter, stats_.usage_after_closing),
      ByLimit("reserve_ledger_limits_reached_total",
              "Limits on spending that were reached, by kind; each suspends automatic recharging.",
              stats_.limits_reached),
      ByLimit("reserve_ledger_limit_refusals_total",
              "Calls and texts that were refused for a limit against fraud, by kind.",
              stats_.limit_refusals),
  };
}

std::vector<prometheus::MetricFamily> EngineMetrics::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families = {
      DatabaseErrors(database_errors_),
      Steps("reserve_ledger_step_failures_total", "Failures of a step in the background, by step.",
            MetricType::Counter,
            [this](engine::Step step) { return static_cast<double>(stats_.steps.failures(step)); }),
      Steps(
          "reserve_ledger_step_failing_seconds",
          "For how long a step in the background has failed each time; 0 if it worked last.",
          MetricType::Gauge,
          [this](engine::Step step) { return absl::ToDoubleSeconds(stats_.steps.failing(step)); }),
      Single("reserve_ledger_unavailable_commands_total",
             "Commands told that the database can't do them at the moment.", MetricType::Counter,
             stats_.unavailable),
      Single("reserve_ledger_commands_total", "Commands that lanes have answered.",
             MetricType::Counter, stats_.commands),
      Single("reserve_ledger_batches_total", "Transactions that lanes have ended.",
             MetricType::Counter, stats_.batches),
      Single("reserve_ledger_conflicts_total", "Batches run again after a conflict.",
             MetricType::Counter, stats_.conflicts),
      Single("reserve_ledger_connections_lost_total", "Database connections that were lost.",
             MetricType::Counter, stats_.connections_lost),
      Single("reserve_ledger_moved_batches_total",
             "Batches done again because another ledger had worked on their accounts.",
             MetricType::Counter, stats_.moved),
      Single("reserve_ledger_split_batches_total",
             "Batches run in parts, as one account or command made the whole fail.",
             MetricType::Counter, stats_.splits),
      Single("reserve_ledger_unknown_commits_total", "Commits whose outcome had to be looked up.",
             MetricType::Counter, stats_.unknown_commits),
      Single("reserve_ledger_overloaded_total", "Commands refused because a queue was full.",
             MetricType::Counter, stats_.overloaded),
      Single("reserve_ledger_too_late_commands_total",
             "Commands dropped before they were begun, as their deadlines had passed.",
             MetricType::Counter, stats_.too_late),
      Single("reserve_ledger_overloaded_queries_total",
             "Reads refused because too many were waiting.", MetricType::Counter,
             stats_.overloaded_queries),
      Single("reserve_ledger_leases_granted_total", "Recharges handed to workers.",
             MetricType::Counter, stats_.leases_granted),
      Single("reserve_ledger_due_times_put_right_total",
             "Retries, leases and rechecks further off than any schedule allows, made due earlier.",
             MetricType::Counter, stats_.due_times_put_right),
      Single("reserve_ledger_clock_jumps_total", "Times that the wall clock was set.",
             MetricType::Counter, stats_.clock_jumps),
      Single("reserve_ledger_clock_ahead_microseconds",
             "How far this machine's clock is ahead of the database's; below zero if behind.",
             MetricType::Gauge, stats_.clock_ahead_micros),
      Single("reserve_ledger_queued_commands", "Commands waiting in the lanes.", MetricType::Gauge,
             stats_.queued),
      Single("reserve_ledger_queued_bytes",
             "About how much memory the commands in the lanes and their calls hold.",
             MetricType::Gauge, stats_.queued_bytes),
  };
  for (prometheus::MetricFamily& of_usage : CollectOfUsage()) {
    families.push_back(std::move(of_usage));
  }
  return families;
}

}  // namespace reserve::api
