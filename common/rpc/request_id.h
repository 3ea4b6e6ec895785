// Request ids: what ties the log lines of one request together across services.
//
// Thread-safe: pure functions.
//
//   const std::string request_id = RequestIdOf(*context);
//   Log(Severity::kInfo, "usage refused", {{"request_id", request_id}});
#ifndef RESERVE_COMMON_RPC_REQUEST_ID_H_
#define RESERVE_COMMON_RPC_REQUEST_ID_H_

#include <grpcpp/grpcpp.h>

#include <string>

namespace reserve {

// The metadata key that carries it.
inline constexpr char kRequestIdKey[] = "x-request-id";

// The caller's id, if it is 1 to 128 printable ASCII characters, and looks neither like a telephone
// number nor holds what looks like a card's; else a new one.
std::string RequestIdOf(const grpc::ServerContextBase& context);

// 32 hex digits, random.
std::string NewRequestId();

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_REQUEST_ID_H_
