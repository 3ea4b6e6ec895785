#include "common/error/retry_after.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace reserve {
namespace {

constexpr char kRetryAfterUrl[] = "reserve/retry_after";  // nanoseconds, in decimal

}  // namespace

absl::Status TryAgain(const absl::Status& status, absl::Duration wait) {
  if (status.ok() || RetryAfterOf(status).has_value()) return status;
  const absl::Duration shown =
      std::max(absl::Milliseconds(1), absl::Trunc(wait, absl::Milliseconds(1)));
  absl::Status result(status.code(), absl::StrCat(status.message(), "; try again in ",
                                                  absl::FormatDuration(shown)));
  status.ForEachPayload(
      [&result](absl::string_view url, const absl::Cord& value) { result.SetPayload(url, value); });
  return WithRetryAfter(std::move(result), wait);
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration wait) {
  status.SetPayload(kRetryAfterUrl, absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(wait))));
  return status;
}

std::optional<absl::Duration> RetryAfterOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterUrl);
  int64_t nanos = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &nanos)) {
    return std::nullopt;
  }
  return absl::Nanoseconds(nanos);
}

}  // namespace reserve
