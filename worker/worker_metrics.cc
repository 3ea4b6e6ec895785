#include "worker/worker_metrics.h"

#include <string>

namespace reserve::worker {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

Counter& Attempts(Registry* registry, const std::string& outcome) {
  return prometheus::BuildCounter()
      .Name("reserve_worker_attempts_total")
      .Help("Attempts that left the worker, each once, by how they ended")
      .Register(*registry)
      .Add({{"outcome", outcome}});
}

Counter& Count(Registry* registry, const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry).Add({});
}

Gauge& Level(Registry* registry, const std::string& name, const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add({});
}

Histogram::BucketBoundaries Seconds() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};
}

Histogram& GatewayCalls(Registry* registry, const std::string& call) {
  return prometheus::BuildHistogram()
      .Name("reserve_worker_gateway_call_seconds")
      .Help("How long the payment gateway took to answer, or not to")
      .Register(*registry)
      .Add({{"call", call}}, Seconds());
}

}  // namespace

WorkerMetrics::WorkerMetrics(Registry* registry)
    : succeeded(Attempts(registry, "succeeded")),
      declined_soft(Attempts(registry, "declined_soft")),
      declined_hard(Attempts(registry, "declined_hard")),
      declined_authentication_required(Attempts(registry, "declined_authentication_required")),
      unresolved(Attempts(registry, "unresolved")),
      pending(Attempts(registry, "pending")),
      refunded(Attempts(registry, "refunded")),
      refund_failed(Attempts(registry, "refund_failed")),
      left(Attempts(registry, "left")),
      charge_seconds(GatewayCalls(registry, "charge")),
      refund_seconds(GatewayCalls(registry, "refund")),
      look_up_seconds(GatewayCalls(registry, "look_up")),
      attempt_seconds(prometheus::BuildHistogram()
                          .Name("reserve_worker_attempt_seconds")
                          .Help("From the hand-out of an attempt to its outcome being applied")
                          .Register(*registry)
                          .Add({}, Seconds())),
      in_flight(Level(registry, "reserve_worker_in_flight", "Attempts in work")),
      ledger_connected(Level(registry, "reserve_worker_ledger_connected",
                             "1 while the stream of hand-outs is open")),
      streams_refused(Count(registry, "reserve_worker_streams_refused_total",
                            "Streams of hand-outs that the ledger refused to this worker")),
      unknown_outcomes(Count(registry, "reserve_worker_unknown_outcomes_total",
                             "Charges, refunds and look-ups that ended without an answer")),
      invalid_charges(Count(registry, "reserve_worker_invalid_charges_total",
                            "Charges that the gateway calls invalid, and not for their card: a "
                            "fault of ours")),
      invalid_refunds(Count(registry, "reserve_worker_invalid_refunds_total",
                            "Refunds that the gateway calls invalid: a fault of ours")),
      leases_lost(Count(registry, "reserve_worker_leases_lost_total",
                        "Leases that another worker took over or whose recharge was closed")),
      reports_refused(Count(registry, "reserve_worker_reports_refused_total",
                            "Reports that the ledger will never accept")),
      reports_unanswered(Count(registry, "reserve_worker_reports_unanswered_total",
                               "Reports without an answer of the ledger; they are repeated")),
      hand_outs_dropped(Count(registry, "reserve_worker_hand_outs_dropped_total",
                              "Hand-outs not taken: too many, invalid, or too old to trust")) {}

}  // namespace reserve::worker
