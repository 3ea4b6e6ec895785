// Who calls: the name in the client's certificate. Thread-safe: pure functions.
#ifndef RESERVE_COMMON_RPC_CALLER_H_
#define RESERVE_COMMON_RPC_CALLER_H_

#include <grpcpp/grpcpp.h>

#include <string>

namespace reserve {

// The first URI among the alternative names of the certificate's subject, else the first DNS name;
// never its common name. Empty in plain text, and if there is none, or the first is longer than 128
// bytes or has other than printable ASCII.
std::string CallerOf(const grpc::AuthContext* auth);
std::string CallerOf(const grpc::ServerContextBase& context);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_CALLER_H_
