#include "services/ledger/api/outcome_metrics.h"

namespace reserve::api {
namespace {

constexpr std::array<const char*, OutcomeMetrics::kReports> kReportNames = {
    "succeeded", "declined", "pending", "unresolved", "refunded", "refund_failed"};
constexpr std::array<const char*, OutcomeMetrics::kDeclineClasses> kClassNames = {
    "unspecified", "soft", "hard", "authentication_required"};

prometheus::Family<prometheus::Gauge>& Gauges(prometheus::Registry& registry, const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

template <size_t kCount>
std::array<prometheus::Counter*, kCount> Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help, const char* label,
                                                  const std::array<const char*, kCount>& values) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  std::array<prometheus::Counter*, kCount> counters;
  for (size_t i = 0; i < kCount; ++i) counters[i] = &family.Add({{label, values[i]}});
  return counters;
}

}  // namespace

OutcomeMetrics::OutcomeMetrics(prometheus::Registry& registry)
    : reports_(Counters(registry, "reserve_ledger_recharge_outcomes_total",
                        "Outcomes of recharges and refunds that workers reported and that were "
                        "applied.",
                        "outcome", kReportNames)),
      declines_(Counters(registry, "reserve_ledger_declines_total",
                         "Declines of cards that were reported and applied.", "class",
                         kClassNames)),
      credit_(prometheus::BuildHistogram()
                  .Name("reserve_ledger_dip_to_credit_seconds")
                  .Help("From a balance's dip below its threshold until its automatic recharge was "
                        "credited.")
                  .Register(registry)
                  .Add({}, prometheus::Histogram::BucketBoundaries{0.005, 0.01, 0.02, 0.05, 0.1,
                                                                   0.2, 0.5, 1, 2, 5, 10, 60, 600,
                                                                   3600, 86400})),
      verify_time_(Gauges(registry, "reserve_ledger_last_verify_time_seconds",
                          "When the last verification of all accounts that this ledger did ended, "
                          "since the epoch.")),
      verify_differences_(Gauges(registry, "reserve_ledger_last_verify_differences",
                                 "What did not add up in it.")) {}

void OutcomeMetrics::NoteDecline(int decline_class) {
  const bool known = decline_class > 0 && decline_class < kDeclineClasses;
  declines_[known ? static_cast<size_t>(decline_class) : 0]->Increment();
}

void OutcomeMetrics::NoteVerification(const Verification& verification) {
  absl::MutexLock lock(&mutex_);
  last_ = verification;
  verify_time_.Add({}).Set(absl::ToDoubleSeconds(verification.end - absl::UnixEpoch()));
  verify_differences_.Add({}).Set(static_cast<double>(verification.differences));
}

std::optional<OutcomeMetrics::Verification> OutcomeMetrics::last_verification() const {
  absl::MutexLock lock(&mutex_);
  return last_;
}

}  // namespace reserve::api
