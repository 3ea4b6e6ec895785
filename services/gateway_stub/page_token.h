// Page tokens of ListCharges: where to go on, bound to the query they came from.
//
// Thread-safe: pure functions.
#ifndef RESERVE_GATEWAY_STUB_PAGE_TOKEN_H_
#define RESERVE_GATEWAY_STUB_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/gateway_stub/gateway.h"

namespace reserve::gateway_stub {

std::string EncodePageToken(const ListQuery& query, int64_t position);

// The position; 0 for an empty token. INVALID_ARGUMENT naming `page_token` for a token
// that is not ours or belongs to another query.
absl::StatusOr<int64_t> DecodePageToken(const ListQuery& query, absl::string_view token);

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_PAGE_TOKEN_H_
