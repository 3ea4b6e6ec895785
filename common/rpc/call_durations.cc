#include "common/rpc/call_durations.h"

#include <map>
#include <string>

#include "absl/strings/strip.h"

namespace reserve {
bool IsServersFault(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

CallDurations::CallDurations(prometheus::Registry& registry)
    : family_(prometheus::BuildHistogram()
                  .Name("rpc_server_call_duration_seconds")
                  .Help("How long calls took, by method and status code.")
                  .Register(registry)) {}

prometheus::Histogram& CallDurations::Of(absl::string_view method, absl::StatusCode code) {
  const absl::string_view name = absl::StripPrefix(method, "/");
  const std::string code_name = absl::StatusCodeToString(code);
  std::map<std::string, std::string> labels = {
      {"rpc_system_name", "grpc"},
      {"rpc_service", std::string(name.substr(0, name.find('/')))},
      {"rpc_method", std::string(name)},
      {"rpc_response_status_code", code_name}};
  if (IsServersFault(code)) labels.emplace("error_type", code_name);
  return family_.Add(
      labels, prometheus::Histogram::BucketBoundaries{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                      0.5, 0.75, 1, 2.5, 5, 7.5, 10});
}

}  // namespace reserve
