#include "common/rpc/channel.h"

#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <utility>

#include "common/error/error.h"
#include "common/rpc/grpc_log.h"

namespace reserve {
namespace {

constexpr int kFirstReconnectMs = 100;
constexpr int kConnectTimeoutMs = 5'000;

// `identity` is null for plain text.
std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const TlsIdentity* identity) {
  if (identity == nullptr) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(identity->NewProvider());
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  TellWhyHandshakesFail(&options);
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const ChannelOptions& options) {
  if (target.empty()) return absl::InvalidArgumentError("a channel needs a target, like host:port");
  RESERVE_RETURN_IF_ERROR(CheckTlsFiles(options.tls));
  std::shared_ptr<TlsIdentity> identity = options.identity;
  if (identity == nullptr && !options.tls.empty()) {
    RESERVE_ASSIGN_OR_RETURN(identity, TlsIdentity::Open(options.tls, nullptr));
  }
  RouteGrpcLog();
  const int max_backoff_ms = static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(options.max_reconnect_backoff), kFirstReconnectMs, 120'000));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_time)));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_timeout)));
  // A stream that is idle for hours keeps pinging.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  // Despite its name: how long one attempt may take, handshakes included.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, max_backoff_ms);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, options.own_connection ? 1 : 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  arguments.SetMaxReceiveMessageSize(options.max_receive_bytes);
  std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(target, CredentialsFor(identity.get()), arguments);
  if (identity == nullptr) return channel;
  // The identity goes when the channel does.
  grpc::Channel* const raw = channel.get();
  return std::shared_ptr<grpc::Channel>(
      raw, [identity = std::move(identity), kept = std::move(channel)](grpc::Channel*) {});
}

}  // namespace reserve
