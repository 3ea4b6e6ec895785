// Waits for SIGTERM, SIGINT or SIGHUP in an ordinary thread. A terminal that is closed sends
// SIGHUP: it asks to end like the others, in good order.
//
// Make one first in main, before any thread starts (also before gRPC or the metrics
// server): the signals are blocked in the whole process and taken by Wait only. After
// Wait returned, a further signal ends the process at once. SIGPIPE is ignored.
// Not thread-safe; one for a process.
//
//   ShutdownSignal signal;
//   ... start ...
//   signal.Wait();
//   ... drain ...
#ifndef RESERVE_COMMON_RPC_SHUTDOWN_SIGNAL_H_
#define RESERVE_COMMON_RPC_SHUTDOWN_SIGNAL_H_

#include <csignal>

#include "absl/time/time.h"

namespace reserve {

class ShutdownSignal {
 public:
  ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Returns the signal's number when it came.
  int Wait();

  // As Wait, for `timeout` at the most: true if a signal came. For a main that has
  // something else to look at meanwhile.
  bool WaitFor(absl::Duration timeout);

 private:
  // Lets the next signal end the process.
  void LetThrough();

  sigset_t signals_;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_SHUTDOWN_SIGNAL_H_
