// Says in the log what full queues have refused, at most a line a second rather than a line a call.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
#define RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_

#include <cstdint>

#include "services/ledger/engine/engine.h"

namespace reserve::serve {

// Of one thread.
class OverloadReport {
 public:
  explicit OverloadReport(const engine::EngineStats& stats) : stats_(stats) {}

  // Tells of what was refused since the last time, if anything was. Call it once a second.
  void Tell();

 private:
  const engine::EngineStats& stats_;
  int64_t commands_ = 0;
  int64_t queries_ = 0;
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
