// Says in the log what full queues and a database on a bad day have refused, once a second rather
// than by a line a call; and each error number that the database answered, with its text.
#ifndef RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
#define RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_

#include <cstdint>

#include "services/ledger/engine/engine.h"

namespace reserve::serve {

// Of one thread.
class OverloadReport {
 public:
  OverloadReport(const engine::EngineStats& stats, storage::ErrorTally& database_errors)
      : stats_(stats), database_errors_(database_errors) {}

  // Tells of what was refused since the last time, if anything was. Call it once a second.
  void Tell();

 private:
  const engine::EngineStats& stats_;
  storage::ErrorTally& database_errors_;
  int64_t commands_ = 0;
  int64_t queries_ = 0;
  int64_t unavailable_ = 0;
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_OVERLOAD_REPORT_H_
