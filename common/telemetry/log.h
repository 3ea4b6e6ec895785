// Log records: one line of JSON each, on stderr.
//
//   {"time":"2026-11-23T04:05:06.000007Z","severity":"INFO","message":"listening","port":50051}
//
// Keys of fields are fixed words in the code; values may be anything, also bytes
// that are not UTF-8 (those become U+FFFD). Never log a card token or a secret.
// Thread-safe; a record is written with one write.
//
//   Log(Severity::kWarning, "charge declined", {{"account_id", id}, {"attempt", 2}});
#ifndef RESERVE_COMMON_TELEMETRY_LOG_H_
#define RESERVE_COMMON_TELEMETRY_LOG_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve {

enum class Severity { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// A value of a field. Refers to the text it was made from: use it in the call only.
class LogValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor): so that a field reads {"key", value}.
  LogValue(absl::string_view text) : value_(text) {}
  LogValue(const char* text) : value_(absl::string_view(text)) {}
  LogValue(const std::string& text) : value_(absl::string_view(text)) {}
  LogValue(bool value) : value_(value) {}
  LogValue(double value) : value_(value) {}
  template <typename T,
            std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
  LogValue(T value) {
    if constexpr (std::is_signed_v<T>) {
      value_ = static_cast<int64_t>(value);
    } else {
      value_ = static_cast<uint64_t>(value);
    }
  }
  // Shown as seconds.
  LogValue(absl::Duration duration) : value_(absl::ToDoubleSeconds(duration)) {}
  // Shown as RFC 3339, UTC.
  LogValue(absl::Time time) : value_(time) {}
  // NOLINTEND(google-explicit-constructor)

  using Variant = std::variant<absl::string_view, int64_t, uint64_t, bool, double, absl::Time>;
  const Variant& value() const { return value_; }

 private:
  Variant value_;
};

struct LogField {
  absl::string_view key;
  LogValue value;
};

// Writes one record, if `severity` is at or above the level (default: info).
void Log(Severity severity, absl::string_view message, std::initializer_list<LogField> fields = {});

// The record as Log writes it, without the newline.
std::string FormatLogRecord(absl::Time time, Severity severity, absl::string_view message,
                            std::initializer_list<LogField> fields);

// Would Log write it? For records that are dear to put together.
bool LogEnabled(Severity severity);

void SetLogLevel(Severity lowest);

// "debug", "info", "warning" or "error", in any case; INVALID_ARGUMENT otherwise.
absl::Status SetLogLevel(absl::string_view name);

// Gives every record (without the newline) to `sink` instead of stderr; null
// restores stderr. For tests.
void SetLogSink(std::function<void(absl::string_view record)> sink);

}  // namespace reserve

#endif  // RESERVE_COMMON_TELEMETRY_LOG_H_
