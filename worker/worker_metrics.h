// What the worker counts, for Prometheus. Thread-safe; the registry must outlive it.
#ifndef RESERVE_WORKER_WORKER_METRICS_H_
#define RESERVE_WORKER_WORKER_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace reserve::worker {

struct WorkerMetrics {
  explicit WorkerMetrics(prometheus::Registry* registry);

  // reserve_worker_attempts_total, by `outcome`.
  prometheus::Counter& succeeded;
  prometheus::Counter& declined_soft;
  prometheus::Counter& declined_hard;
  prometheus::Counter& declined_authentication_required;
  prometheus::Counter& unresolved;
  prometheus::Counter& pending;
  prometheus::Counter& refunded;
  prometheus::Counter& refund_failed;
  prometheus::Counter& left;  // for this lease, without an outcome that the ledger took
  // reserve_worker_gateway_call_seconds, by `call`.
  prometheus::Histogram& charge_seconds;
  prometheus::Histogram& refund_seconds;
  prometheus::Histogram& look_up_seconds;
  // From the hand-out to the ledger's word that the outcome is applied.
  prometheus::Histogram& attempt_seconds;
  prometheus::Gauge& in_flight;
  prometheus::Gauge& ledger_connected;
  prometheus::Counter& streams_refused;
  prometheus::Counter& unknown_outcomes;
  prometheus::Counter& invalid_charges;
  prometheus::Counter& invalid_refunds;
  prometheus::Counter& leases_lost;
  prometheus::Counter& reports_refused;
  prometheus::Counter& reports_unanswered;
  prometheus::Counter& hand_outs_dropped;
};

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_WORKER_METRICS_H_
