// A command on its way to a lane, and where its reply goes.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_TASK_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_TASK_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/telemetry/trace.h"
#include "services/ledger/book/command.h"

namespace reserve::engine {

// Where replies go. Done is called exactly once for each submitted command, after
// the commit, from a thread that gives a lane's replies out; it must not block.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void Done(uint32_t index, absl::StatusOr<book::Reply> reply) = 0;
};

// A command on its way. `index` is the submitter's own number for it.
struct Task {
  std::string account_id;
  book::Command command;
  ReplySink* sink = nullptr;
  uint32_t index = 0;
  // What else is held for it until it is answered: its share of the call.
  uint32_t call_bytes = 0;
  // From then on nobody waits for the answer: what was not begun by then is not done.
  Moment deadline = absl::InfiniteDuration();
  // Whose call it is: the name in the caller's certificate; empty of what the ledger does by
  // itself.
  std::string caller = {};
  // Another ledger was asked first, and may do it at any time: what rests on how things are now
  // can't be refused for good.
  bool maybe_done = false;
  // Of which trace the call is; of none what the ledger does by itself.
  TraceContext trace = {};
  // Who does it, as the caller says, of what tells no more of staff than that; may be empty.
  std::string actor = {};
};

// About how much memory a task holds while it waits. Cheap: it looks at the sizes
// of its strings only.
size_t BytesOf(const Task& task);

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_TASK_H_
