#include "common/rpc/server.h"

#include <google/protobuf/message.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/rpc/caller.h"
#include "common/rpc/deadline.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/port_file.h"
#include "common/telemetry/log.h"
#include "grpc/health/v1/health.pb.h"

namespace reserve {
namespace {

int MillisArgument(absl::Duration duration) {
  const int64_t ms = absl::ToInt64Milliseconds(duration);
  return ms >= std::numeric_limits<int>::max() ? std::numeric_limits<int>::max()
                                               : static_cast<int>(ms);
}

// Reflection is gRPC's own service and has no door of ours: it is for callers that are known.
class ReflectionDoor : public grpc::AuthMetadataProcessor {
 public:
  explicit ReflectionDoor(Doorkeeper& keeper) : keeper_(keeper) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto path = metadata.find(":path");
    if (path == metadata.end()) return {grpc::StatusCode::INTERNAL, "a call without a path"};
    const absl::string_view method(path->second.data(), path->second.size());
    if (!absl::StartsWith(method, "/grpc.reflection.")) return grpc::Status::OK;
    const std::string caller = CallerOf(context);
    const absl::Status status = keeper_.CheckKnown(method, caller);
    if (status.ok()) return grpc::Status::OK;
    keeper_.Tell("/grpc.reflection", caller, "", status);
    return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
  }

 private:
  Doorkeeper& keeper_;
};

// Everything that TLS serves is guarded.
absl::Status CheckDoors(const ServerOptions& options, const std::vector<ServiceEntry>& services) {
  if (options.tls.empty()) return absl::OkStatus();
  if (options.doorkeeper == nullptr) {
    return absl::FailedPreconditionError("a server with TLS needs a doorkeeper");
  }
  for (const ServiceEntry& entry : services) {
    if (dynamic_cast<const Guarded*>(entry.service) != nullptr) continue;
    return absl::FailedPreconditionError(absl::StrCat(entry.name, " has no door before it"));
  }
  return absl::OkStatus();
}

// `identity` is null for plain text.
std::shared_ptr<grpc::ServerCredentials> CredentialsFor(const ServerOptions& server,
                                                        const TlsIdentity* identity) {
  if (identity == nullptr) return grpc::InsecureServerCredentials();
  grpc::experimental::TlsServerCredentialsOptions options(identity->NewProvider());
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  TellWhyHandshakesFail(&options);
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<ReflectionDoor>(*server.doorkeeper));
  return credentials;
}

void SetLimits(const ServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(options.max_receive_bytes);
  builder->SetMaxSendMessageSize(options.max_send_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.max_metadata_bytes);
  // Clients with idle streams ping to notice a dead peer; the default would cut them off.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 9'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A second server on the same port must fail, not share its calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (options.max_connection_age != absl::InfiniteDuration()) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                                MillisArgument(options.max_connection_age));
    builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                                MillisArgument(options.max_connection_age_grace));
  }
  if (options.max_connection_idle != absl::InfiniteDuration()) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                                MillisArgument(options.max_connection_idle));
  }
  if (options.max_concurrent_calls > 0) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_calls);
  }
  if (options.max_memory_bytes > 0) {
    grpc::ResourceQuota quota("reserve");
    quota.Resize(static_cast<size_t>(options.max_memory_bytes));
    builder->SetResourceQuota(quota);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const ServerOptions& options,
                                                            std::vector<ServiceEntry> services) {
  if (options.listen.empty()) return InvalidField("listen", "must be host:port or unix:/path");
  RESERVE_RETURN_IF_ERROR(CheckTlsFiles(options.tls));
  std::shared_ptr<TlsIdentity> identity = options.identity;
  if (identity == nullptr && !options.tls.empty()) {
    RESERVE_ASSIGN_OR_RETURN(identity, TlsIdentity::Open(options.tls, nullptr));
  }
  RESERVE_RETURN_IF_ERROR(CheckDoors(options, services));
  RouteGrpcLog();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Reflection describes what is linked in; nothing else names this one.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();

  auto server = std::unique_ptr<RpcServer>(new RpcServer());
  server->listen_ = options.listen;
  server->identity_ = identity;
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  builder.AddListeningPort(options.listen, CredentialsFor(options, identity.get()), &server->port_);
  for (const ServiceEntry& entry : services) {
    builder.RegisterService(entry.service);
    server->names_.push_back(entry.name);
  }
  server->server_ = builder.BuildAndStart();
  const bool is_unix = absl::StartsWith(options.listen, "unix:");
  if (server->server_ == nullptr || (server->port_ <= 0 && !is_unix)) {
    return absl::UnavailableError(absl::StrCat("can't listen on '", options.listen, "'"));
  }
  if (is_unix) server->port_ = 0;
  server->SetServing(false);
  if (!options.port_file.empty()) {
    RESERVE_RETURN_IF_ERROR(WritePortFile(options.port_file, server->port_));
  }
  if (options.tls.empty()) {
    Log(IsLoopback(options.listen) ? Severity::kInfo : Severity::kWarning,
        "plain text: nobody is asked for a name, and everybody may call everything",
        {{"listen", options.listen}});
  }
  Log(Severity::kInfo, "listening",
      {{"listen", options.listen}, {"port", server->port_}, {"tls", !options.tls.empty()}});
  return server;
}

RpcServer::~RpcServer() { Drain(absl::ZeroDuration()); }

std::string RpcServer::local_target() const {
  return port_ == 0 ? listen_ : absl::StrCat("127.0.0.1:", port_);
}

void RpcServer::SetServing(bool serving) {
  SetServing("", serving);
  for (const std::string& name : names_) SetServing(name, serving);
}

void RpcServer::SetServing(const std::string& service_name, bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  if (health != nullptr) health->SetServingStatus(service_name, serving);
}

void RpcServer::HangUp() {
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error); !error && entry != end;
       entry.increment(error)) {
    int fd = -1;
    if (absl::SimpleAtoi(entry->path().filename().string(), &fd) && IsAccepted(fd)) {
      shutdown(fd, SHUT_RDWR);
    }
  }
}

bool RpcServer::IsAccepted(int fd) const {
  sockaddr_storage own{};
  socklen_t length = sizeof(own);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) != 0) return false;
  sockaddr_storage peer{};
  socklen_t peer_length = sizeof(peer);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_length) != 0) return false;
  switch (own.ss_family) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in&>(own).sin_port) == port_;
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6&>(own).sin6_port) == port_;
    case AF_UNIX:
      return absl::StrCat("unix:", reinterpret_cast<const sockaddr_un&>(own).sun_path) == listen_;
    default:
      return false;
  }
}

void RpcServer::ShutDown(grpc::Server& server, absl::Duration deadline) {
  // Nobody waits for what is cut off without a deadline, and gRPC does that itself.
  if (deadline <= absl::ZeroDuration()) {
    server.Shutdown(DeadlineIn(absl::ZeroDuration()));
    return;
  }
  // Just before gRPC would end with CANCELLED what is not answered by then.
  absl::Mutex mutex;
  Waker over(&mutex);
  std::thread hang_up([&] {
    mutex.Lock();
    const bool in_time = over.Await(deadline);
    mutex.Unlock();
    if (!in_time) HangUp();
  });
  constexpr absl::Duration kHangingUpTakes = absl::Milliseconds(100);
  server.Shutdown(DeadlineIn(deadline + kHangingUpTakes));
  {
    absl::MutexLock lock(&mutex);
    over.Wake();
  }
  hang_up.join();
}

void RpcServer::Drain(absl::Duration deadline) {
  if (server_ == nullptr || drained_.exchange(true)) return;
  SetServing(false);
  ShutDown(*server_, deadline);
  server_->Wait();
}

}  // namespace reserve
