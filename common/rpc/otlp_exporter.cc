#include "common/rpc/otlp_exporter.h"

#include <algorithm>
#include <utility>

#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "common/telemetry/log.h"
#include "opentelemetry/trace_service.grpc.pb.h"

namespace reserve {
namespace {

namespace otlp = ::opentelemetry::proto::collector::trace::v1;

constexpr size_t kSpansAtOnce = 512;
constexpr absl::Duration kFirstPause = absl::Milliseconds(500);
constexpr absl::Duration kLastWords = absl::Milliseconds(500);
constexpr char kScope[] = "reserve";
constexpr int kStatusError = 2;
constexpr uint32_t kSampled = 1;

// The bytes of an id, the highest first.
std::string Bytes(uint64_t id) {
  std::string bytes(sizeof id, '\0');
  for (size_t i = 0; i < sizeof id; ++i) bytes[i] = static_cast<char>(id >> (56 - 8 * i));
  return bytes;
}

std::string TraceBytes(const TraceContext& context) {
  return Bytes(context.trace_high) + Bytes(context.trace_low);
}

void AddText(const char* key, std::string value,
             google::protobuf::RepeatedPtrField<otlp::KeyValue>* attributes) {
  otlp::KeyValue* attribute = attributes->Add();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(std::move(value));
}

void ToProto(const Span& span, otlp::SpanRecord* record) {
  record->set_trace_id(TraceBytes(span.context));
  record->set_span_id(Bytes(span.context.span_id));
  if (span.parent_id != 0) record->set_parent_span_id(Bytes(span.parent_id));
  record->set_name(span.name);
  record->set_kind(static_cast<int32_t>(span.kind));
  record->set_start_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.start)));
  record->set_end_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.end)));
  for (const auto& [key, value] : span.attributes) {
    AddText(key, value, record->mutable_attributes());
  }
  for (const auto& [key, value] : span.figures) {
    otlp::KeyValue* attribute = record->add_attributes();
    attribute->set_key(key);
    attribute->mutable_value()->set_int_value(value);
  }
  for (const TraceContext& link : span.links) {
    otlp::SpanLink* to = record->add_links();
    to->set_trace_id(TraceBytes(link));
    to->set_span_id(Bytes(link.span_id));
  }
  if (span.failed) record->mutable_status()->set_code(kStatusError);
  record->set_flags(kSampled);
}

// May the same spans be taken later? What a collector refuses for what it is, it always will.
bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kNotFound:
      return false;
    default:
      return true;
  }
}

}  // namespace

OtlpExporter::OtlpExporter(Tracer& tracer, Options options)
    : tracer_(tracer), options_(std::move(options)), thread_([this] { Run(); }) {}

OtlpExporter::~OtlpExporter() {
  tracer_.Close();
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    // One that hangs is not waited for.
    if (under_way_ != nullptr) under_way_->TryCancel();
    waker_.Wake();
  }
  thread_.join();
}

void OtlpExporter::Run() {
  while (!stopping()) {
    std::vector<Span> spans = tracer_.Take(kSpansAtOnce, options_.interval);
    if (!spans.empty()) Send(std::move(spans));
  }
  // What ended last: once, if there was no trouble before.
  const Moment end = MonotonicNow() + kLastWords;
  while (failures_ == 0 && MonotonicNow() < end) {
    const std::vector<Span> spans = tracer_.Take(kSpansAtOnce, absl::ZeroDuration());
    if (spans.empty() || !Export(spans, end - MonotonicNow()).ok()) return;
    tracer_.NoteExported(spans.size());
  }
}

bool OtlpExporter::Send(std::vector<Span> spans) {
  const absl::Status status = Export(spans, options_.timeout);
  if (absl::IsCancelled(status) && stopping()) {
    tracer_.PutBack(std::move(spans));  // they are among the last words
    return false;
  }
  TellOf(status);
  if (status.ok()) {
    failures_ = 0;
    tracer_.NoteExported(spans.size());
    return true;
  }
  ++failures_;
  if (MayPass(status)) {
    tracer_.PutBack(std::move(spans));
  } else {
    tracer_.NoteDropped(spans.size());
  }
  return Pause(
      std::min(kFirstPause * (int64_t{1} << std::min(failures_ - 1, 10)), options_.longest_pause));
}

absl::Status OtlpExporter::Export(const std::vector<Span>& spans, absl::Duration timeout) {
  otlp::ExportTraceServiceRequest request;
  otlp::ResourceSpans* of_program = request.add_resource_spans();
  AddText("service.name", options_.service, of_program->mutable_resource()->mutable_attributes());
  AddText("service.version", options_.version,
          of_program->mutable_resource()->mutable_attributes());
  otlp::ScopeSpans* of_scope = of_program->add_scope_spans();
  of_scope->mutable_scope()->set_name(kScope);
  of_scope->mutable_scope()->set_version(options_.version);
  for (const Span& span : spans) ToProto(span, of_scope->add_spans());
  otlp::ExportTraceServiceResponse response;
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(timeout));
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_ && timeout > kLastWords) return absl::CancelledError("it is time to end");
    under_way_ = &context;
  }
  const grpc::Status status =
      otlp::TraceService::NewStub(options_.channel)->Export(&context, request, &response);
  absl::MutexLock lock(&mutex_);
  under_way_ = nullptr;
  return FromGrpcStatus(status);
}

void OtlpExporter::TellOf(const absl::Status& status) {
  if (status.ok() && failures_ > 0) {
    Log(Severity::kInfo, "the trace collector takes spans again");
  } else if (!status.ok() && failures_ == 0) {
    Log(Severity::kWarning, "the trace collector does not take spans; trying again",
        {{"code", absl::StatusCodeToString(status.code())}, {"error", status.message()}});
  }
}

bool OtlpExporter::Pause(absl::Duration pause) {
  absl::MutexLock lock(&mutex_);
  if (!stopping_) waker_.Await(pause);
  return !stopping_;
}

bool OtlpExporter::stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

}  // namespace reserve
