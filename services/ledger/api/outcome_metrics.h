// What became of recharges and of verifications, for Prometheus, as this ledger was told. Each
// series is there from the start, so that the first of its kind is seen as an increase.
// Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_OUTCOME_METRICS_H_
#define RESERVE_SERVICES_LEDGER_API_OUTCOME_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace reserve::api {

class OutcomeMetrics {
 public:
  // What a worker reports.
  enum class Report { kSucceeded, kDeclined, kPending, kUnresolved, kRefunded, kRefundFailed };
  static constexpr size_t kReports = 6;
  static constexpr int kDeclineClasses = 4;  // of the proto

  explicit OutcomeMetrics(prometheus::Registry& registry);

  // A report was applied.
  void NoteReport(Report report) { reports_[static_cast<size_t>(report)]->Increment(); }
  // The class of a decline, by the proto's number.
  void NoteDecline(int decline_class);
  // An automatic recharge was credited so long after the balance dipped below its threshold.
  void NoteCredit(absl::Duration since_dip) { credit_.Observe(absl::ToDoubleSeconds(since_dip)); }

  // The last verification of all accounts that this ledger brought to its end.
  struct Verification {
    absl::Time end;
    int64_t accounts;
    int64_t differences;
  };
  void NoteVerification(const Verification& verification) ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Verification> last_verification() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::array<prometheus::Counter*, kReports> reports_;
  std::array<prometheus::Counter*, kDeclineClasses> declines_;
  prometheus::Histogram& credit_;
  // No series before there was one: an age since 1970 would alarm whoever looks.
  prometheus::Family<prometheus::Gauge>& verify_time_;
  prometheus::Family<prometheus::Gauge>& verify_differences_;
  mutable absl::Mutex mutex_;
  std::optional<Verification> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_OUTCOME_METRICS_H_
