// The file in which a server that may take any port says which one it has.
#ifndef RESERVE_COMMON_RPC_PORT_FILE_H_
#define RESERVE_COMMON_RPC_PORT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace reserve {

// Writes the port and a line's end, whole or not at all: whoever waits for the file never sees half
// of it. UNAVAILABLE if it can't be written.
absl::Status WritePortFile(const std::string& path, int port);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_PORT_FILE_H_
