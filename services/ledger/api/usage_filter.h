// The filters of a list of usages, as a request has them. Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_USAGE_FILTER_H_
#define RESERVE_SERVICES_LEDGER_API_USAGE_FILTER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "reserve/ledger/v1/accounts.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/settings.h"
#include "services/ledger/storage/usage_history.h"

namespace reserve::api {

// INVALID_ARGUMENT at the first field that is wrong. Whether the least cost is in the account's
// currency is not looked at.
absl::StatusOr<storage::UsageFilter> UsageFilterFrom(const domain::Settings& settings,
                                                     const pb::ListUsageRequest& request);

// Which page of such a list is asked for: a token belongs to every filter and the order.
absl::StatusOr<Page> UsagePageFrom(const pb::ListUsageRequest& request);
// Where it begins: after this; nothing for the first page. INVALID_ARGUMENT on "page_token".
absl::StatusOr<std::optional<storage::UsagePosition>> PositionBefore(const Page& page);
std::string CursorAfterUsage(const storage::UsagePosition& position);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_USAGE_FILTER_H_
