// Client channels with keepalive, quick reconnects and TLS.
//
// Thread-safe. A channel connects lazily and again by itself; give every call a
// deadline.
//
//   RESERVE_ASSIGN_OR_RETURN(auto channel, MakeChannel("ledger:50051", ChannelOptions()));
#ifndef RESERVE_COMMON_RPC_CHANNEL_H_
#define RESERVE_COMMON_RPC_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/tls_files.h"
#include "common/rpc/tls_identity.h"

namespace reserve {

struct ChannelOptions {
  // A peer that does not answer a ping is given up: a dead stream is noticed after
  // keepalive_time + keepalive_timeout at the latest. Servers refuse pings more often
  // than every 10 s.
  absl::Duration keepalive_time = absl::Seconds(20);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // Reconnects start at once and back off to this.
  absl::Duration max_reconnect_backoff = absl::Seconds(2);
  int max_receive_bytes = 4 << 20;
  // A connection of its own, not shared with other channels to the same target.
  bool own_connection = false;
  // Mutual TLS; plain text if empty.
  TlsFiles tls;
  // That of these files, where somebody holds it already; else one is made for the channel alone.
  std::shared_ptr<TlsIdentity> identity = nullptr;
  // With TLS: the name that the peer's certificate must have; that of the target if empty.
  std::string tls_server_name;
};

// `target` is "host:port", "dns:///host:port" or "unix:/path". INVALID_ARGUMENT for an
// empty target or bad TLS files; a peer that can't be reached shows up in calls only.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const ChannelOptions& options);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_CHANNEL_H_
