#include "common/telemetry/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/clock/utc.h"
#include "common/error/error.h"

namespace reserve {
namespace {

using Sink = std::function<void(absl::string_view)>;

// The level and the sink are the process's; both are constant-initialised.
std::atomic<int> lowest_severity{static_cast<int>(Severity::kInfo)};
ABSL_CONST_INIT absl::Mutex sink_mutex(absl::kConstInit);
ABSL_CONST_INIT Sink* test_sink ABSL_GUARDED_BY(sink_mutex) = nullptr;

absl::string_view NameOf(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DEBUG";
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "ERROR";
}

// The length of the well-formed UTF-8 sequence at the start of `text` (Unicode
// 15, table 3-7); 0 if there is none.
size_t Utf8SequenceLength(absl::string_view text) {
  const auto byte = [&text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&byte](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const unsigned char byte = static_cast<unsigned char>(c);
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      if (byte < 0x20 || byte == 0x7F) {
        out->append("\\u00");
        out->push_back(kHex[byte >> 4]);
        out->push_back(kHex[byte & 15]);
      } else {
        out->push_back(c);
      }
  }
}

void AppendString(absl::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) {
      out->append("\xEF\xBF\xBD");
      text.remove_prefix(1);
      continue;
    }
    if (length == 1) {
      AppendEscaped(text[0], out);
    } else {
      out->append(text.data(), length);
    }
    text.remove_prefix(length);
  }
  out->push_back('"');
}

struct ValueAppender {
  void operator()(absl::string_view text) const { AppendString(text, out); }
  void operator()(int64_t value) const { absl::StrAppend(out, value); }
  void operator()(uint64_t value) const { absl::StrAppend(out, value); }
  void operator()(bool value) const { out->append(value ? "true" : "false"); }
  void operator()(double value) const {
    // JSON has no infinities.
    if (std::isfinite(value)) {
      absl::StrAppend(out, value);
    } else {
      AppendString(absl::StrCat(value), out);
    }
  }
  void operator()(absl::Time value) const { AppendString(FormatRfc3339(value), out); }

  std::string* out;
};

void WriteToStderr(absl::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    // There is nobody left to tell.
    if (written <= 0) return;
    line.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

std::string FormatLogRecord(absl::Time time, Severity severity, absl::string_view message,
                            std::initializer_list<LogField> fields) {
  std::string record = "{\"time\":";
  AppendString(FormatRfc3339(time), &record);
  record.append(",\"severity\":");
  AppendString(NameOf(severity), &record);
  record.append(",\"message\":");
  AppendString(message, &record);
  for (const LogField& field : fields) {
    record.push_back(',');
    AppendString(field.key, &record);
    record.push_back(':');
    std::visit(ValueAppender{&record}, field.value.value());
  }
  record.push_back('}');
  return record;
}

bool LogEnabled(Severity severity) {
  return static_cast<int>(severity) >= lowest_severity.load(std::memory_order_relaxed);
}

void Log(Severity severity, absl::string_view message, std::initializer_list<LogField> fields) {
  if (!LogEnabled(severity)) return;
  std::string record = FormatLogRecord(absl::Now(), severity, message, fields);
  absl::MutexLock lock(&sink_mutex);
  if (test_sink != nullptr) {
    (*test_sink)(record);
    return;
  }
  record.push_back('\n');
  WriteToStderr(record);
}

void SetLogLevel(Severity lowest) {
  lowest_severity.store(static_cast<int>(lowest), std::memory_order_relaxed);
}

absl::Status SetLogLevel(absl::string_view name) {
  const std::string upper = absl::AsciiStrToUpper(name);
  for (const Severity severity :
       {Severity::kDebug, Severity::kInfo, Severity::kWarning, Severity::kError}) {
    if (upper == NameOf(severity)) {
      SetLogLevel(severity);
      return absl::OkStatus();
    }
  }
  return InvalidField("--log_level",
                      absl::StrCat("'", name, "' is not debug, info, warning or error"));
}

void SetLogSink(std::function<void(absl::string_view)> sink) {
  absl::MutexLock lock(&sink_mutex);
  delete test_sink;
  test_sink = sink == nullptr ? nullptr : new Sink(std::move(sink));
}

}  // namespace reserve
