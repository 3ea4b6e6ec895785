// Traces: which call belongs to what, across programs (W3C Trace Context), and spans, which say how
// long each part took.
//
// A Tracer makes ids and keeps what ended until an exporter takes it (common/rpc/otlp_exporter.h).
// Each call has a trace id, so that its log lines are found by it, exported or not. Spans are made
// of sampled traces alone: those that the caller has sampled, and of traces that begin here a share
// that the trace's id decides, so that all programs decide alike. What an exporter does not take in
// time is dropped and counted; nobody ever waits for it.
//
// A span holds fixed words, ids and codes: no number, name, token, account or text of anybody's.
// Thread-safe.
//
//   const TraceContext span = tracer.Begin(ParseTraceparent(header));
//   ...
//   tracer.End({.name = "commit", .context = span, .start = start, .end = absl::Now()});
#ifndef RESERVE_COMMON_TELEMETRY_TRACE_H_
#define RESERVE_COMMON_TELEMETRY_TRACE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"

namespace reserve {

// Where in a trace something is. All zeros: in none.
struct TraceContext {
  uint64_t trace_high = 0;
  uint64_t trace_low = 0;
  uint64_t span_id = 0;
  bool sampled = false;

  bool valid() const { return (trace_high | trace_low) != 0 && span_id != 0; }
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// The header `traceparent` of that version, or a later one that begins as it does. Nothing if it is
// none: the call then begins a trace of its own.
std::optional<TraceContext> ParseTraceparent(absl::string_view header);
// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
std::string FormatTraceparent(const TraceContext& context);
// 32 hex digits, as logs have it; empty of no trace.
std::string TraceIdOf(const TraceContext& context);

// The numbers are OTLP's.
enum class SpanKind : uint8_t { kInternal = 1, kServer = 2, kClient = 3, kConsumer = 5 };

struct Span {
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  TraceContext context;
  uint64_t parent_id = 0;  // 0: the first of its trace
  absl::Time start = absl::InfinitePast();
  absl::Time end = absl::InfinitePast();
  bool failed = false;
  std::vector<std::pair<const char*, std::string>> attributes = {};
  std::vector<std::pair<const char*, int64_t>> figures = {};
  std::vector<TraceContext> links = {};
};

class Tracer {
 public:
  struct Options {
    // Is there anybody to take spans? Else none are kept.
    bool on = false;
    // Of the traces that begin here: the share that is sampled, 0 to 1.
    double ratio = 0;
    size_t most_queued = 4096;
  };
  // What became of spans, since the start.
  struct Counts {
    int64_t exported = 0;
    int64_t dropped = 0;  // the queue was full, or the collector refused them
    int64_t queued = 0;   // now
  };

  Tracer() : Tracer(Options()) {}
  explicit Tracer(Options options);
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // The place of a new span: in the trace of `parent`, or the first of a new one.
  TraceContext Begin(const std::optional<TraceContext>& parent) const;
  // Is a span with that context kept when it ends?
  bool Keeps(const TraceContext& context) const { return options_.on && context.sampled; }
  // Keeps a span that has ended, if it is to be kept and there is room.
  void End(Span span) ABSL_LOCKS_EXCLUDED(mutex_);

  // The exporter's side. What waits, the oldest first, at most so many; after `wait` at the latest,
  // and then maybe nothing. At once after Close().
  std::vector<Span> Take(size_t most, absl::Duration wait) ABSL_LOCKS_EXCLUDED(mutex_);
  // Puts back what was taken and could not be sent, before all else: what has no room is dropped.
  void PutBack(std::vector<Span> spans) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteExported(size_t count) { exported_ += static_cast<int64_t>(count); }
  void NoteDropped(size_t count) { dropped_ += static_cast<int64_t>(count); }
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);
  Counts counts() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const Options options_;
  const uint64_t sampled_below_;  // of the lower 56 bits of a trace id
  std::atomic<int64_t> exported_ = 0;
  std::atomic<int64_t> dropped_ = 0;
  mutable absl::Mutex mutex_;
  Waker waker_{&mutex_};
  std::deque<Span> ended_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_TELEMETRY_TRACE_H_
