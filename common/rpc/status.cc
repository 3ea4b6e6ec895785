#include "common/rpc/status.h"

#include <string>
#include <utility>

#include "common/error/error.h"
#include "common/error/retry_after.h"

namespace reserve {
namespace {

constexpr size_t kMaxMessageBytes = 2048;
constexpr size_t kMaxFactBytes = 1024;
constexpr char kErrorInfoUrl[] = "type.googleapis.com/reserve.v1.ErrorInfo";

// At most `limit` bytes of printable ASCII or UTF-8 sequences; whatever could not travel
// in a protobuf string becomes '?'.
std::string Presentable(absl::string_view text, size_t limit) {
  std::string result(text.substr(0, limit));
  // A sequence that was cut in two is dropped with the rest of it.
  if (text.size() > limit) {
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0) == 0x80) {
      result.pop_back();
    }
    if (!result.empty() && (static_cast<unsigned char>(result.back()) & 0x80) != 0) {
      result.pop_back();
    }
  }
  if (google::protobuf::internal::IsStructurallyValidUTF8(result.data(),
                                                          static_cast<int>(result.size()))) {
    return result;
  }
  for (char& c : result) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return result;
}

absl::StatusCode CodeOf(int code) {
  return code >= 0 && code <= static_cast<int>(absl::StatusCode::kUnauthenticated)
             ? static_cast<absl::StatusCode>(code)
             : absl::StatusCode::kUnknown;
}

}  // namespace

v1::Status ToProtoStatus(const absl::Status& status, absl::string_view domain) {
  v1::Status proto;
  proto.set_code(static_cast<int>(CodeOf(status.raw_code())));
  if (status.ok()) return proto;
  proto.set_message(Presentable(status.message(), kMaxMessageBytes));
  v1::ErrorInfo info;
  info.set_reason(Presentable(ReasonOf(status), kMaxFactBytes));
  info.set_domain(std::string(domain));
  info.set_field(Presentable(FieldOf(status), kMaxFactBytes));
  for (const auto& [key, value] : MetadataOf(status)) {
    (*info.mutable_metadata())[Presentable(key, kMaxFactBytes)] = Presentable(value, kMaxFactBytes);
  }
  if (const auto wait = RetryAfterOf(status); wait.has_value()) {
    absl::Duration rest = *wait;
    info.mutable_retry_after()->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    info.mutable_retry_after()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  google::protobuf::Any* detail = proto.add_details();
  detail->set_type_url(kErrorInfoUrl);
  detail->set_value(info.SerializeAsString());
  return proto;
}

grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view domain) {
  if (status.ok()) return grpc::Status::OK;
  const v1::Status proto = ToProtoStatus(status, domain);
  return grpc::Status(static_cast<grpc::StatusCode>(proto.code()), proto.message(),
                      proto.SerializeAsString());
}

absl::Status FromProtoStatus(const v1::Status& status) {
  const absl::StatusCode code = CodeOf(status.code());
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  for (const google::protobuf::Any& detail : status.details()) {
    v1::ErrorInfo info;
    if (detail.type_url() != kErrorInfoUrl || !info.ParseFromString(detail.value())) continue;
    absl::Status result = MakeError(code, info.reason(), info.field(), status.message());
    for (const auto& [key, value] : info.metadata()) {
      result = WithMetadata(std::move(result), key, value);
    }
    if (info.has_retry_after()) {
      result = WithRetryAfter(std::move(result), absl::Seconds(info.retry_after().seconds()) +
                                                     absl::Nanoseconds(info.retry_after().nanos()));
    }
    return result;
  }
  return absl::Status(code, status.message());
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const absl::StatusCode code = CodeOf(static_cast<int>(status.error_code()));
  v1::Status proto;
  if (!proto.ParseFromString(status.error_details())) proto.Clear();
  // The call's own code and message are the ones that count.
  proto.set_code(static_cast<int>(code));
  proto.set_message(status.error_message());
  return FromProtoStatus(proto);
}

}  // namespace reserve
