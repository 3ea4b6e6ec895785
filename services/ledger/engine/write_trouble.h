// What the lanes know of whether the database writes: for what kind of reason it refused to, if
// nothing was written since. Health goes by it, as a full disk or a missing right shows itself in
// what is really written. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/storage/database_error.h"

namespace reserve::engine {

class WriteTrouble {
 public:
  void Refused(storage::ErrorClass error_class) {
    when_nanos_ = absl::ToInt64Nanoseconds(MonotonicNow());
    class_ = static_cast<int>(error_class);
  }
  // Something was committed.
  void Worked() {
    if (class_.load(std::memory_order_relaxed) != kNone) class_ = kNone;
  }

  // The reason of the latest refusal, if nothing was committed since.
  std::optional<storage::ErrorClass> reason() const {
    const int error_class = class_;
    if (error_class == kNone) return std::nullopt;
    return static_cast<storage::ErrorClass>(error_class);
  }
  // How long ago that was, by a monotonic clock.
  absl::Duration age() const { return MonotonicNow() - absl::Nanoseconds(when_nanos_.load()); }

 private:
  static constexpr int kNone = -1;

  std::atomic<int> class_ = kNone;
  std::atomic<int64_t> when_nanos_ = 0;  // a Moment
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
