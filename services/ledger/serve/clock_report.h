// Tells the operator of clocks: that the wall clock was set, that it differs from the database's,
// and that due times were put right which a wrong clock had stored.
//
//   ClockReport report(engine);
//   ... every second: report.Tell();
#ifndef RESERVE_SERVICES_LEDGER_SERVE_CLOCK_REPORT_H_
#define RESERVE_SERVICES_LEDGER_SERVE_CLOCK_REPORT_H_

#include <cstdint>

#include "common/clock/monotonic.h"
#include "common/rpc/clock_guard.h"
#include "services/ledger/engine/engine.h"

namespace reserve::serve {

// Of one thread.
class ClockReport {
 public:
  // The engine must outlive it.
  explicit ClockReport(engine::Engine& engine) : engine_(engine) {}

  void Tell();

 private:
  void TellOfDifference();

  engine::Engine& engine_;
  ClockGuard guard_;
  int64_t put_right_ = 0;
  Moment next_warning_ = -absl::InfiniteDuration();
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_CLOCK_REPORT_H_
