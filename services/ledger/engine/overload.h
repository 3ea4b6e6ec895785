// When there will be room again in a queue that is full: what whoever it refuses is told.
//
//   DrainEstimate drain;                         // guarded by the queue's lock
//   drain.Note(tasks.size(), elapsed);           // after each batch
//   return Overloaded("commands", drain.RetryAfter(queue.size(), absl::ZeroDuration()));
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_OVERLOAD_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_OVERLOAD_H_

#include <cstddef>
#include <random>

#include "absl/time/time.h"

namespace reserve::engine {

// What a caller is told to wait is never shorter or longer than these.
inline constexpr absl::Duration kShortestRetryAfter = absl::Milliseconds(10);
inline constexpr absl::Duration kLongestRetryAfter = absl::Seconds(5);

// How long a queue takes to empty, from how fast it moved of late. Not thread-safe.
class DrainEstimate {
 public:
  // `count` things that waited were done in `elapsed`.
  void Note(size_t count, absl::Duration elapsed);

  // How long `waiting` things will take, and no less than what is being done has
  // taken so far (`busy`): who stands still for long will not move at once. Spread
  // at random from a half to one and a half of that, so that not all come back
  // together; within kShortestRetryAfter and kLongestRetryAfter.
  absl::Duration RetryAfter(size_t waiting, absl::Duration busy);

 private:
  // A moving average over the last ten batches or so; at first a cautious guess.
  absl::Duration each_ = absl::Microseconds(100);
  std::minstd_rand random_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_OVERLOAD_H_
