// Says in the log what full queues and a database on a bad day have refused, once a second rather
// than by a line a call; and each error number that the database answered, with its text.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
#define RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_

#include <cstdint>

#include "services/ledger/api/rpc_metrics.h"
#include "services/ledger/engine/engine.h"

namespace reserve::serve {

// Of one thread.
class OverloadReport {
 public:
  // All must outlive this.
  OverloadReport(engine::Engine& engine, const api::RpcMetrics& calls)
      : engine_(engine), calls_(calls) {}

  // Tells of what was refused since the last time, if anything was. Call it once a second.
  void Tell();

 private:
  engine::Engine& engine_;
  const api::RpcMetrics& calls_;
  int64_t commands_ = 0;
  int64_t queries_ = 0;
  int64_t unavailable_ = 0;
  int64_t unavailable_calls_ = 0;
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
