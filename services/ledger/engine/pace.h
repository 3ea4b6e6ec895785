// Slows down work that comes in pieces and that others pay for: after each piece it rests as long
// as that took. One thread at a time.
//
//   Pace pace;
//   while (...) {
//     DoAPiece();
//     pace.Rest();
//   }
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_PACE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_PACE_H_

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::engine {

class Pace {
 public:
  void Rest() {
    // What waited for a lock, or for a server that is slow already, is no work to make up for.
    constexpr absl::Duration kLongestRest = absl::Milliseconds(50);
    absl::SleepFor(std::min(MonotonicNow() - begun_, kLongestRest));
    begun_ = MonotonicNow();
  }

 private:
  Moment begun_ = MonotonicNow();
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_PACE_H_
