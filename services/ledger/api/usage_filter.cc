#include "services/ledger/api/usage_filter.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/destination.h"

namespace reserve::api {
namespace {

constexpr size_t kMaxE164Digits = 15;

absl::StatusOr<std::optional<domain::UsageKind>> KindFrom(pb::UsageKind kind) {
  switch (kind) {
    case pb::USAGE_KIND_UNSPECIFIED:
      return std::optional<domain::UsageKind>();
    case pb::USAGE_KIND_CALL:
      return std::optional<domain::UsageKind>(domain::UsageKind::kCall);
    case pb::USAGE_KIND_SMS:
      return std::optional<domain::UsageKind>(domain::UsageKind::kSms);
    default:
      return InvalidField("kind", "must be USAGE_KIND_CALL or USAGE_KIND_SMS");
  }
}

absl::StatusOr<std::optional<domain::Direction>> OptionalDirection(pb::Direction direction) {
  switch (direction) {
    case pb::DIRECTION_UNSPECIFIED:
      return std::optional<domain::Direction>();
    case pb::DIRECTION_OUTBOUND:
      return std::optional<domain::Direction>(domain::Direction::kOutbound);
    case pb::DIRECTION_INBOUND:
      return std::optional<domain::Direction>(domain::Direction::kInbound);
    default:
      return InvalidField("direction", "must be DIRECTION_OUTBOUND or DIRECTION_INBOUND");
  }
}

absl::StatusOr<std::optional<domain::UsageStatus>> StatusFrom(pb::UsageStatus status) {
  switch (status) {
    case pb::USAGE_STATUS_UNSPECIFIED:
      return std::optional<domain::UsageStatus>();
    case pb::USAGE_STATUS_RATED:
      return std::optional<domain::UsageStatus>(domain::UsageStatus::kRated);
    case pb::USAGE_STATUS_UNRATED:
      return std::optional<domain::UsageStatus>(domain::UsageStatus::kUnrated);
    case pb::USAGE_STATUS_VOIDED:
      return std::optional<domain::UsageStatus>(domain::UsageStatus::kVoided);
    default:
      return InvalidField("status", "must be one of UsageStatus");
  }
}

// As destinations are kept: E.164 without "+", short codes behind their mark.
absl::StatusOr<std::string> PrefixFrom(absl::string_view prefix) {
  const bool is_e164 = absl::ConsumePrefix(&prefix, "+");
  const size_t most = is_e164 ? kMaxE164Digits : domain::kMaxShortCodeDigits;
  const bool all_digits = std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit);
  if (prefix.empty() || prefix.size() > most || !all_digits) {
    return InvalidField("destination_prefix",
                        "must be + and 1 to 15 digits, or 1 to 8 digits of short codes");
  }
  if (is_e164) return std::string(prefix);
  return absl::StrCat(std::string(1, domain::kShortCodeMark), prefix);
}

absl::Status TakeDestination(const domain::Settings& settings, const pb::ListUsageRequest& request,
                             storage::UsageFilter* filter) {
  if (!request.destination().empty()) {
    const auto destination = domain::DestinationFrom(settings, request.destination());
    if (!destination.has_value()) {
      return InvalidField("destination", "must be E.164, or a short code of 3 to 8 digits");
    }
    filter->destination = *destination;
  }
  if (request.destination_prefix().empty()) return absl::OkStatus();
  if (!request.destination().empty()) {
    return InvalidField("destination_prefix", "must not be set beside destination");
  }
  RESERVE_ASSIGN_OR_RETURN(filter->destination_prefix, PrefixFrom(request.destination_prefix()));
  return absl::OkStatus();
}

absl::Status TakeTimes(const pb::ListUsageRequest& request, storage::UsageFilter* filter) {
  if (request.has_start_from()) {
    RESERVE_ASSIGN_OR_RETURN(filter->start_from,
                             reserve::FromProto(request.start_from(), "start_from"));
  }
  if (request.has_start_before()) {
    RESERVE_ASSIGN_OR_RETURN(filter->start_before,
                             reserve::FromProto(request.start_before(), "start_before"));
  }
  if (filter->start_from < filter->start_before) return absl::OkStatus();
  return InvalidField("start_before", "must be later than start_from");
}

}  // namespace

absl::StatusOr<storage::UsageFilter> UsageFilterFrom(const domain::Settings& settings,
                                                     const pb::ListUsageRequest& request) {
  storage::UsageFilter filter;
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.user_id(), "user_id"));
  filter.user_id = request.user_id();
  RESERVE_ASSIGN_OR_RETURN(filter.kind, KindFrom(request.kind()));
  RESERVE_ASSIGN_OR_RETURN(filter.direction, OptionalDirection(request.direction()));
  RESERVE_RETURN_IF_ERROR(TakeDestination(settings, request, &filter));
  if (!request.country().empty() && !domain::NumberCountryFrom(request.country()).has_value()) {
    return InvalidField("country",
                        "must be one of ISO 3166-1 alpha-2, or what stands in its place");
  }
  filter.country = request.country();
  RESERVE_RETURN_IF_ERROR(TakeTimes(request, &filter));
  RESERVE_ASSIGN_OR_RETURN(
      const std::optional<Nanos> least,
      OptionalMoney(request.has_minimum_cost(), request.minimum_cost(), "", "minimum_cost"));
  filter.minimum_cost = least.value_or(0);
  if (filter.minimum_cost < 0) return InvalidField("minimum_cost", "must not be negative");
  RESERVE_ASSIGN_OR_RETURN(filter.status, StatusFrom(request.status()));
  if (!pb::UsageOrder_IsValid(request.order())) {
    return InvalidField("order", "must be one of UsageOrder");
  }
  filter.oldest_first = request.order() == pb::USAGE_ORDER_OLDEST_FIRST;
  return filter;
}

absl::StatusOr<Page> UsagePageFrom(const pb::ListUsageRequest& request) {
  return PageOfQuery(request, "ListUsage");
}

absl::StatusOr<std::optional<storage::UsagePosition>> PositionBefore(const Page& page) {
  if (page.cursor.empty()) return std::optional<storage::UsagePosition>();
  const std::vector<absl::string_view> parts = absl::StrSplit(page.cursor, ':');
  int64_t micros = 0;
  storage::UsagePosition position;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &micros) ||
      !absl::SimpleAtoi(parts[1], &position.seq)) {
    return BadPageToken();
  }
  position.start = absl::FromUnixMicros(micros);
  return std::optional<storage::UsagePosition>(position);
}

std::string CursorAfterUsage(const storage::UsagePosition& position) {
  return absl::StrCat(absl::ToUnixMicros(position.start), ":", position.seq);
}

}  // namespace reserve::api
