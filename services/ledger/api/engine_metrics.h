// What the engine counts, and how full its parts are, for Prometheus: read when it is asked for.
// Thread-safe.
//
//   metrics->Add(std::make_shared<EngineMetrics>(engine));
#ifndef RESERVE_SERVICES_LEDGER_API_ENGINE_METRICS_H_
#define RESERVE_SERVICES_LEDGER_API_ENGINE_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "services/ledger/engine/engine.h"

namespace reserve::api {

class EngineMetrics : public prometheus::Collectable {
 public:
  // The engine must outlive what asks this.
  explicit EngineMetrics(engine::Engine& engine) : engine_(engine), stats_(engine.stats()) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::vector<prometheus::MetricFamily> CollectOfUsage() const;
  std::vector<prometheus::MetricFamily> CollectOfRecharges() const;
  std::vector<prometheus::MetricFamily> CollectOfLanes() const;
  std::vector<prometheus::MetricFamily> CollectOfPools() const;
  std::vector<prometheus::MetricFamily> CollectOfSharing() const;
  prometheus::MetricFamily DecksInForce() const;

  engine::Engine& engine_;
  const engine::EngineStats& stats_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_ENGINE_METRICS_H_
