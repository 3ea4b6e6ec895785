#include "common/rpc/status.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/rpc/conversions.h"
#include "google/rpc/error_details.pb.h"

namespace reserve {
namespace {

constexpr size_t kMaxMessageBytes = 2048;
constexpr size_t kMaxFactBytes = 1024;
constexpr char kTypeUrlPrefix[] = "type.googleapis.com/";

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

template <typename Detail>
void AddDetail(const Detail& detail, google::rpc::Status* proto) {
  google::protobuf::Any* any = proto->add_details();
  any->set_type_url(absl::StrCat(kTypeUrlPrefix, Detail::descriptor()->full_name()));
  any->set_value(detail.SerializeAsString());
}

// What is wrong with the field: a message that begins with its path does not say it twice.
absl::string_view DescriptionOf(const absl::Status& status, const std::string& field) {
  absl::string_view description = status.message();
  absl::ConsumePrefix(&description, absl::StrCat(field, ": "));
  return description;
}

// The details of a status that came over the wire, those of other types apart.
struct Details {
  google::rpc::ErrorInfo info;
  std::string field;
  std::optional<absl::Duration> wait;
};

Details DetailsOf(const google::rpc::Status& status) {
  Details details;
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (any.Is<google::rpc::ErrorInfo>()) {
      google::rpc::ErrorInfo info;
      if (any.UnpackTo(&info)) details.info = std::move(info);
    } else if (any.Is<google::rpc::BadRequest>() && any.UnpackTo(&bad_request) &&
               bad_request.field_violations_size() > 0) {
      details.field = bad_request.field_violations(0).field();
    } else if (any.Is<google::rpc::RetryInfo>() && any.UnpackTo(&retry)) {
      details.wait = FromProto(retry.retry_delay());
    }
  }
  return details;
}

}  // namespace

google::rpc::Status ToProtoStatus(const absl::Status& status, absl::string_view domain) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(CodeOf(status.raw_code())));
  if (status.ok()) return proto;
  proto.set_message(Presentable(status.message(), kMaxMessageBytes));
  google::rpc::ErrorInfo info;
  info.set_reason(Presentable(ReasonOf(status), kMaxFactBytes));
  info.set_domain(std::string(domain));
  for (const auto& [key, value] : MetadataOf(status)) {
    (*info.mutable_metadata())[Presentable(key, kMaxFactBytes)] = Presentable(value, kMaxFactBytes);
  }
  AddDetail(info, &proto);
  if (const std::string field = FieldOf(status); !field.empty()) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(Presentable(field, kMaxFactBytes));
    violation->set_description(Presentable(DescriptionOf(status, field), kMaxFactBytes));
    AddDetail(bad_request, &proto);
  }
  if (const auto wait = RetryAfterOf(status); wait.has_value()) {
    google::rpc::RetryInfo retry;
    ToProto(*wait, retry.mutable_retry_delay());
    AddDetail(retry, &proto);
  }
  return proto;
}

grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view domain) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status proto = ToProtoStatus(status, domain);
  return grpc::Status(static_cast<grpc::StatusCode>(proto.code()), proto.message(),
                      proto.SerializeAsString());
}

void AddRetryPushback(const absl::Status& status, grpc::ServerContextBase& context) {
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) return;
  const auto wait = RetryAfterOf(status);
  if (!wait.has_value()) return;
  // Not a moment earlier.
  const int64_t millis = absl::ToInt64Milliseconds(absl::Ceil(*wait, absl::Milliseconds(1)));
  context.AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(millis));
}

absl::Status FromProtoStatus(const google::rpc::Status& status) {
  const absl::StatusCode code = CodeOf(status.code());
  if (code == absl::StatusCode::kOk) return absl::OkStatus();
  const Details details = DetailsOf(status);
  absl::Status result = details.info.reason().empty() ? absl::Status(code, status.message())
                                                      : MakeError(code, details.info.reason(),
                                                                  details.field, status.message());
  for (const auto& [key, value] : details.info.metadata()) {
    result = WithMetadata(std::move(result), key, value);
  }
  return details.wait.has_value() ? WithRetryAfter(std::move(result), *details.wait) : result;
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const absl::StatusCode code = CodeOf(static_cast<int>(status.error_code()));
  google::rpc::Status proto;
  if (!proto.ParseFromString(status.error_details())) proto.Clear();
  // The call's own code and message are the ones that count.
  proto.set_code(static_cast<int>(code));
  proto.set_message(status.error_message());
  return FromProtoStatus(proto);
}

}  // namespace reserve
