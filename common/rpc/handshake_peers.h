// Who a handshake of TLS may have failed with: gRPC says that one did, and not with whom.
#ifndef RESERVE_COMMON_RPC_HANDSHAKE_PEERS_H_
#define RESERVE_COMMON_RPC_HANDSHAKE_PEERS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace reserve {

// The peers ("10.0.0.7:50412", "[fd00::7]:50412") of the connections over TCP on which something
// has come within a moment, and no more than a handshake sends: the likeliest first, `most` at
// most. Beside a connection that has just been refused that is any other which begins in the same
// moment. None where the system does not tell. For when a handshake has failed, on the thread that
// did it, as its connection is open until then. Thread-safe.
std::vector<std::string> PeersInHandshakes(size_t most);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_HANDSHAKE_PEERS_H_
