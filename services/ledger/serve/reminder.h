// When something that stays wrong is to be said again: at once when it begins or when the reason
// changes, and then each `interval`. Of one thread.
//
//   if (reminder.IsDue(reason, MonotonicNow())) Log(...);
//   ...
//   reminder.Over();  // all is well
#ifndef RESERVE_SERVICES_LEDGER_SERVE_REMINDER_H_
#define RESERVE_SERVICES_LEDGER_SERVE_REMINDER_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve::serve {

class Reminder {
 public:
  explicit Reminder(absl::Duration interval) : interval_(interval) {}

  // Is it to be said now? Then it counts as said.
  bool IsDue(std::string reason, Moment now) {
    if (reason == told_ && now - told_at_ < interval_) return false;
    told_ = std::move(reason);
    told_at_ = now;
    return true;
  }
  // Whatever comes next is new.
  void Over() { told_.reset(); }

 private:
  const absl::Duration interval_;
  std::optional<std::string> told_;
  Moment told_at_ = -absl::InfiniteDuration();
};

}  // namespace reserve::serve

#endif  // RESERVE_SERVICES_LEDGER_SERVE_REMINDER_H_
