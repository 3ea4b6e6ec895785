// Page tokens: where a list goes on, bound to the query they came from.
//
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_
#define RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace reserve::api {

// What a token belongs to: the RPC and every filter of the request.
std::string QueryDigest(std::initializer_list<absl::string_view> parts);

std::string EncodePageToken(absl::string_view query_digest, absl::string_view cursor);

// The cursor; empty for an empty token. INVALID_ARGUMENT on "page_token" if it is
// not ours or belongs to another query.
absl::StatusOr<std::string> DecodePageToken(absl::string_view query_digest,
                                            absl::string_view token);
// The same for a cursor that is a number; `first` for an empty token.
absl::StatusOr<int64_t> DecodeNumberToken(absl::string_view query_digest, absl::string_view token,
                                          int64_t first);

// 0 means 50, more than 1,000 means 1,000. INVALID_ARGUMENT on "page_size" below 0.
absl::StatusOr<int> PageSize(int32_t requested);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_PAGE_TOKEN_H_
