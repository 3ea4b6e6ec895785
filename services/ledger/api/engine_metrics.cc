#include "services/ledger/api/engine_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve::api {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::MetricFamily Single(const char* name, const char* help, prometheus::MetricType type,
                                int64_t value) {
  prometheus::MetricFamily family = Family(name, help, type);
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
  prometheus::MetricFamily family = Family(name, help, type);
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

// By kind of limit, from the one of number `first` on.
template <size_t kCount>
prometheus::MetricFamily ByLimit(const char* name, const char* help,
                                 const std::array<std::atomic<int64_t>, kCount>& counts) {
  prometheus::MetricFamily family = Family(name, help, prometheus::MetricType::Counter);
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

prometheus::MetricFamily DatabaseErrors(const storage::ErrorTally& errors) {
  prometheus::MetricFamily family =
      Family("reserve_ledger_database_errors_total", "Errors that the database answered, by class.",
             prometheus::MetricType::Counter);
  for (int i = 0; i < storage::kErrorClasses; ++i) {
    const auto error_class = static_cast<storage::ErrorClass>(i);
    prometheus::ClientMetric metric;
    metric.label.push_back({"class", std::string(storage::NameOf(error_class))});
    metric.counter.value = static_cast<double>(errors.count(error_class));
    family.metric.push_back(std::move(metric));
  }
  return family;
}

void AddGauge(const char* label, absl::string_view of, int64_t value,
              prometheus::MetricFamily* family) {
  prometheus::ClientMetric metric;
  metric.label.push_back({label, std::string(of)});
  metric.gauge.value = static_cast<double>(value);
  family->metric.push_back(std::move(metric));
}

// `per_unit`: of what it notes make one of what the metric is in.
prometheus::MetricFamily Histogram(const char* name, const char* help,
                                   const engine::Distribution& distribution, double per_unit) {
  prometheus::MetricFamily family = Family(name, help, prometheus::MetricType::Histogram);
  prometheus::ClientMetric metric;
  uint64_t count = 0;
  for (size_t i = 0; i < distribution.bounds().size(); ++i) {
    count += static_cast<uint64_t>(distribution.count(i));
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = count;
    bucket.upper_bound = static_cast<double>(distribution.bounds()[i]) / per_unit;
    metric.histogram.bucket.push_back(bucket);
  }
  count += static_cast<uint64_t>(distribution.count(distribution.bounds().size()));
  prometheus::ClientMetric::Bucket all;
  all.cumulative_count = count;
  all.upper_bound = std::numeric_limits<double>::infinity();
  metric.histogram.bucket.push_back(all);
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = static_cast<double>(distribution.sum()) / per_unit;
  family.metric.push_back(std::move(metric));
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> EngineMetrics::CollectOfRecharges() const {
  using prometheus::MetricType;
  prometheus::MetricFamily by_state =
      Family("reserve_ledger_recharges",
             "Recharges and refunds of all accounts that are not over, as last counted.",
             MetricType::Gauge);
  AddGauge("state", "waiting", stats_.recharges_waiting, &by_state);
  AddGauge("state", "in_flight", stats_.recharges_in_flight, &by_state);
  AddGauge("state", "pending", stats_.recharges_pending, &by_state);
  AddGauge("state", "needs_review", stats_.recharges_in_review, &by_state);
  prometheus::MetricFamily unknown =
      Family("reserve_ledger_oldest_unknown_outcome_seconds",
             "How long ago the oldest attempt to charge or to give back began whose outcome is not "
             "known; 0 if there is none. Those under review are not among them.",
             MetricType::Gauge);
  prometheus::ClientMetric metric;
  metric.gauge.value = absl::ToDoubleSeconds(engine_.OldestUnknownOutcome());
  unknown.metric.push_back(std::move(metric));
  return {std::move(by_state), std::move(unknown),
          Single("reserve_ledger_reviews_open", "Recharges and refunds that wait for a person.",
                 MetricType::Gauge, stats_.recharges_in_review),
          Single("reserve_ledger_leases_held", "Recharges that workers have from this ledger.",
                 MetricType::Gauge, engine_.dispatcher().LeasesHeld())};
}

std::vector<prometheus::MetricFamily> EngineMetrics::CollectOfLanes() const {
  constexpr double kMicrosPerSecond = 1e6;
  return {Histogram("reserve_ledger_batch_commands", "Commands in a transaction of a lane.",
                    stats_.batch_sizes, 1),
          Histogram("reserve_ledger_commit_seconds", "How long the database took for a COMMIT.",
                    stats_.commit_micros, kMicrosPerSecond),
          Histogram("reserve_ledger_batch_seconds",
                    "How long a lane took for a batch, from its first try until it was answered.",
                    stats_.batch_micros, kMicrosPerSecond),
          Single("reserve_ledger_batch_retries_total",
                 "Batches, or parts of them, that were tried again.",
                 prometheus::MetricType::Counter, stats_.retries)};
}

std::vector<prometheus::MetricFamily> EngineMetrics::CollectOfPools() const {
  prometheus::MetricFamily threads =
      Family("reserve_ledger_pool_threads", "Threads, with a connection to the database each.",
             prometheus::MetricType::Gauge);
  prometheus::MetricFamily busy = Family("reserve_ledger_pool_busy", "Threads of a pool at work.",
                                         prometheus::MetricType::Gauge);
  prometheus::MetricFamily waiting =
      Family("reserve_ledger_pool_waiting", "What waits for a thread of a pool.",
             prometheus::MetricType::Gauge);
  const std::pair<const char*, engine::QueryPool*> pools[] = {{"queries", &engine_.queries()},
                                                              {"pages", &engine_.pages()},
                                                              {"bulk", &engine_.bulk()},
                                                              {"doors", &engine_.doors()}};
  for (const auto& [name, pool] : pools) {
    const engine::QueryPool::Load load = pool->load();
    AddGauge("pool", name, load.threads, &threads);
    AddGauge("pool", name, load.busy, &busy);
    AddGauge("pool", name, load.waiting, &waiting);
  }
  AddGauge("pool", "lanes", engine_.options().lanes, &threads);
  return {std::move(threads), std::move(busy), std::move(waiting)};
}

prometheus::MetricFamily EngineMetrics::DecksInForce() const {
  prometheus::MetricFamily family =
      Family("reserve_ledger_deck_in_force",
             "The version of the deck in force, by currency and series, as this ledger knows it.",
             prometheus::MetricType::Gauge);
  const std::shared_ptr<const book::Catalog> catalog = engine_.catalog();
  for (const rates::DeckActivation& activation : catalog->timeline->InForceAt(engine_.Now())) {
    AddGauge("currency", activation.currency, activation.deck_version, &family);
    family.metric.back().label.push_back({"series", activation.series});
  }
  return family;
}

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

std::vector<prometheus::MetricFamily> EngineMetrics::CollectOfSharing() const {
  using prometheus::MetricType;
  return {
      Single("reserve_ledger_account_ranges", "Ranges of accounts that this ledger works on.",
             MetricType::Gauge, stats_.ranges_owned),
      Single("reserve_ledger_sharing_ledgers",
             "Ledgers that share the accounts, this one included; 0: it takes no part.",
             MetricType::Gauge, stats_.ledgers_sharing),
      Single("reserve_ledger_passed_on_total",
             "Commands that another ledger did, as it works on their accounts.",
             MetricType::Counter, stats_.passed_on),
      Single("reserve_ledger_done_in_place_total",
             "Commands that were done here, as the ledger that works on their accounts did not "
             "answer.",
             MetricType::Counter, stats_.done_in_place),
      Single("reserve_ledger_taken_over_total", "Commands that other ledgers have passed on.",
             MetricType::Counter, stats_.taken_over),
  };
}

std::vector<prometheus::MetricFamily> EngineMetrics::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families = {
      DatabaseErrors(engine_.database_errors()),
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
  families.push_back(DecksInForce());
  for (auto collect : {&EngineMetrics::CollectOfUsage, &EngineMetrics::CollectOfRecharges,
                       &EngineMetrics::CollectOfLanes, &EngineMetrics::CollectOfPools,
                       &EngineMetrics::CollectOfSharing}) {
    std::vector<prometheus::MetricFamily> more = (this->*collect)();
    std::move(more.begin(), more.end(), std::back_inserter(families));
  }
  return families;
}

}  // namespace reserve::api
