#include "common/error/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace reserve {
namespace {

constexpr char kReasonUrl[] = "reserve/reason";
constexpr char kFieldUrl[] = "reserve/field";
constexpr char kMetadataPrefix[] = "reserve/metadata/";

std::string PayloadOf(const absl::Status& status, absl::string_view url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view field,
                       absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  if (!field.empty()) status.SetPayload(kFieldUrl, absl::Cord(field));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD", field,
                   absl::StrCat(field, ": ", message));
}

absl::Status WithMetadata(absl::Status status, absl::string_view key, absl::string_view value) {
  status.SetPayload(absl::StrCat(kMetadataPrefix, key), absl::Cord(value));
  return status;
}

absl::Status WithFieldPrefix(absl::Status status, absl::string_view prefix) {
  const std::string field = FieldOf(status);
  if (status.ok() || field.empty()) return status;
  const std::string full = absl::StrCat(prefix, field);
  absl::string_view message = status.message();
  std::string text = absl::ConsumePrefix(&message, absl::StrCat(field, ": "))
                         ? absl::StrCat(full, ": ", message)
                         : std::string(message);
  absl::Status prefixed(status.code(), text);
  status.ForEachPayload([&prefixed](absl::string_view url, const absl::Cord& value) {
    prefixed.SetPayload(url, value);
  });
  prefixed.SetPayload(kFieldUrl, absl::Cord(full));
  return prefixed;
}

std::string ReasonOf(const absl::Status& status) {
  std::string reason = PayloadOf(status, kReasonUrl);
  return reason.empty() ? absl::StatusCodeToString(status.code()) : reason;
}

std::string FieldOf(const absl::Status& status) { return PayloadOf(status, kFieldUrl); }

std::vector<std::pair<std::string, std::string>> MetadataOf(const absl::Status& status) {
  std::vector<std::pair<std::string, std::string>> metadata;
  status.ForEachPayload([&metadata](absl::string_view url, const absl::Cord& value) {
    if (absl::ConsumePrefix(&url, kMetadataPrefix)) {
      metadata.emplace_back(std::string(url), std::string(value));
    }
  });
  return metadata;
}

}  // namespace reserve
