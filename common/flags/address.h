// Addresses in flags, checked when a program starts: what listens takes a port of its own from what
// is written there, so "127.0.0.1:" or port 99999 must not become some other port in silence.
//
//   RESERVE_RETURN_IF_ERROR(CheckListenAddress("--listen", "0.0.0.0:50051"));
#ifndef RESERVE_COMMON_FLAGS_ADDRESS_H_
#define RESERVE_COMMON_FLAGS_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace reserve {

// Where to listen: host:port with a port from 0 (any) to 65535, the host of IPv6 in brackets, or
// unix:/path where that is taken. INVALID_ARGUMENT naming `flag`.
absl::Status CheckListenAddress(absl::string_view flag, absl::string_view address,
                                bool may_be_unix = true);

// Where to connect to: host:port with a port from 1 to 65535, alone or after dns:///; or another
// of gRPC's schemes, like unix:/path. INVALID_ARGUMENT naming `flag`.
absl::Status CheckTarget(absl::string_view flag, absl::string_view target);

// The two parts of one that CheckListenAddress has found good and that is no unix socket, as a
// library of sockets takes them: IPv6 without its brackets.
struct HostAndPort {
  std::string host;
  int port = 0;
};
HostAndPort SplitHostAndPort(absl::string_view address);

// Is an address that one of the two has found good this machine's own: a loopback address,
// localhost, or a unix socket? Other names are taken for other machines, whatever they resolve to.
bool IsLoopback(absl::string_view address);

}  // namespace reserve

#endif  // RESERVE_COMMON_FLAGS_ADDRESS_H_
