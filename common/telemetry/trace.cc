#include "common/telemetry/trace.h"

#include <algorithm>
#include <iterator>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

// version "-" trace id "-" span id "-" flags, all lower-case hex.
constexpr size_t kTraceparentBytes = 2 + 1 + 32 + 1 + 16 + 1 + 2;
constexpr uint64_t kSampledFlag = 1;
constexpr int kRandomBits = 56;
// The thread that takes spans is woken for so many, so that it sends few small requests.
constexpr size_t kWorthWaking = 512;

std::optional<uint64_t> HexNumber(absl::string_view digits) {
  uint64_t number = 0;
  for (const char c : digits) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) || absl::ascii_isupper(c)) {
      return std::nullopt;
    }
    number = number << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return number;
}

uint64_t RandomId() {
  thread_local absl::InsecureBitGen random;
  return absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1, UINT64_MAX);
}

uint64_t SampledBelow(double ratio) {
  constexpr uint64_t kAll = uint64_t{1} << kRandomBits;
  return static_cast<uint64_t>(std::clamp(ratio, 0.0, 1.0) * static_cast<double>(kAll));
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view header) {
  if (header.size() < kTraceparentBytes) return std::nullopt;
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const auto version = HexNumber(header.substr(0, 2));
  const auto high = HexNumber(header.substr(3, 16));
  const auto low = HexNumber(header.substr(19, 16));
  const auto span = HexNumber(header.substr(36, 16));
  const auto flags = HexNumber(header.substr(53, 2));
  if (!version || !high || !low || !span || !flags || *version == 0xff) return std::nullopt;
  const bool longer = header.size() > kTraceparentBytes;
  if (longer && (*version == 0 || header[kTraceparentBytes] != '-')) return std::nullopt;
  const TraceContext context{*high, *low, *span, (*flags & kSampledFlag) != 0};
  return context.valid() ? std::optional(context) : std::nullopt;
}

std::string FormatTraceparent(const TraceContext& context) {
  return absl::StrCat("00-", TraceIdOf(context), "-", absl::Hex(context.span_id, absl::kZeroPad16),
                      context.sampled ? "-01" : "-00");
}

std::string TraceIdOf(const TraceContext& context) {
  if ((context.trace_high | context.trace_low) == 0) return "";
  return absl::StrCat(absl::Hex(context.trace_high, absl::kZeroPad16),
                      absl::Hex(context.trace_low, absl::kZeroPad16));
}

Tracer::Tracer(Options options) : options_(options), sampled_below_(SampledBelow(options.ratio)) {}

TraceContext Tracer::Begin(const std::optional<TraceContext>& parent) const {
  if (parent.has_value()) {
    return {parent->trace_high, parent->trace_low, RandomId(), parent->sampled};
  }
  TraceContext context{RandomId(), RandomId(), RandomId(), false};
  constexpr uint64_t kMask = (uint64_t{1} << kRandomBits) - 1;
  context.sampled = options_.on && (context.trace_low & kMask) < sampled_below_;
  return context;
}

void Tracer::End(Span span) {
  if (!Keeps(span.context)) return;
  absl::MutexLock lock(&mutex_);
  if (ended_.size() >= options_.most_queued) {
    ++dropped_;
    return;
  }
  ended_.push_back(std::move(span));
  if (ended_.size() == kWorthWaking) waker_.Wake();
}

std::vector<Span> Tracer::Take(size_t most, absl::Duration wait) {
  absl::MutexLock lock(&mutex_);
  if (ended_.size() < kWorthWaking && !closed_) waker_.Await(wait);
  const auto end = ended_.begin() + static_cast<int64_t>(std::min(most, ended_.size()));
  std::vector<Span> taken(std::make_move_iterator(ended_.begin()), std::make_move_iterator(end));
  ended_.erase(ended_.begin(), end);
  return taken;
}

void Tracer::PutBack(std::vector<Span> spans) {
  absl::MutexLock lock(&mutex_);
  const size_t room = options_.most_queued - std::min(options_.most_queued, ended_.size());
  const size_t kept = std::min(room, spans.size());
  NoteDropped(spans.size() - kept);
  // The newest of them have a place beside those that came after.
  const auto first = spans.end() - static_cast<int64_t>(kept);
  ended_.insert(ended_.begin(), std::make_move_iterator(first),
                std::make_move_iterator(spans.end()));
}

void Tracer::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  waker_.Wake();
}

Tracer::Counts Tracer::counts() const {
  absl::MutexLock lock(&mutex_);
  return {exported_, dropped_, static_cast<int64_t>(ended_.size())};
}

}  // namespace reserve
