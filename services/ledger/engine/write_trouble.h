// What is known of whether the database writes: for what kind of reason it refused to, if nothing
// was written since. Told by the lanes, and by what writes in the background, so that a ledger that
// nobody calls knows it, too. Health goes by it, as a full disk or a missing right shows itself in
// what is really written. Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "services/ledger/storage/database_error.h"

namespace reserve::engine {

class WriteTrouble {
 public:
  // A write ended with this. Only an error that is a bad day of the database's own counts, neither
  // the moment's (a conflict) nor one that health sees by itself (a server that is away).
  void Note(const absl::Status& written) {
    const std::optional<storage::ErrorClass> error_class = storage::ErrorClassOf(written);
    if (!error_class.has_value() || !IsTrouble(*error_class)) return;
    when_nanos_ = absl::ToInt64Nanoseconds(MonotonicNow());
    class_ = static_cast<int>(*error_class);
  }
  // Something was committed, or the database can write again, as far as can be told.
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

  static bool IsTrouble(storage::ErrorClass error_class) {
    switch (error_class) {
      case storage::ErrorClass::kConflict:
      case storage::ErrorClass::kDuplicate:
      case storage::ErrorClass::kConnection:
      case storage::ErrorClass::kShard:
      case storage::ErrorClass::kContent:
        return false;
      default:
        return true;
    }
  }

  std::atomic<int> class_ = kNone;
  std::atomic<int64_t> when_nanos_ = 0;  // a Moment
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_WRITE_TROUBLE_H_
