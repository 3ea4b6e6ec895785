// What the lanes know of whether the database writes: for what kind of reason it refused to, if
// nothing was written since. Health goes by it, as a full disk or a missing right shows itself in
// what is really written. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "services/ledger/storage/database_error.h"

namespace reserve::engine {

class WriteTrouble {
 public:
  void Refused(storage::ErrorClass error_class) {
    when_ = Now();
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
  absl::Duration age() const { return absl::Nanoseconds(Now() - when_); }

 private:
  static constexpr int kNone = -1;
  static int64_t Now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  std::atomic<int> class_ = kNone;
  std::atomic<int64_t> when_ = 0;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
