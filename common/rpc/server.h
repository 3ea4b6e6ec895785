// A gRPC server with what every Reserve binary needs around its services: health
// per service, reflection, keepalive, limits, TLS and an orderly end.
//
// Thread-safe. The services must outlive the server.
//
//   ServerOptions options;
//   options.listen = "127.0.0.1:0";
//   auto server = RpcServer::Start(options, {{v1::Ledger::service_full_name(), &ledger}});
//   (*server)->SetServing(true);
//   signal.Wait();
//   (*server)->Drain(absl::Seconds(20));
#ifndef RESERVE_COMMON_RPC_SERVER_H_
#define RESERVE_COMMON_RPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/doorkeeper.h"
#include "common/rpc/tls_files.h"
#include "common/rpc/tls_identity.h"

namespace reserve {

struct ServerOptions {
  // "host:port" (port 0 for any), "[::]:50051" or "unix:/path".
  std::string listen;
  // If set, the bound port is written here (whole, by rename) once calls are taken.
  std::string port_file;
  int max_receive_bytes = 4 << 20;
  int max_send_bytes = 4 << 20;
  // Of the headers of a call, names and values together.
  int max_metadata_bytes = 8 << 10;
  // Calls and streams of one connection that the server has at a time; 0 for any
  // number. What a client starts beyond that waits in the client, so the server
  // holds no memory for it, even if it comes faster than it can be looked at.
  int max_concurrent_calls = 0;
  // A bound on the memory that calls may hold; 0 for none.
  int64_t max_memory_bytes = 0;
  // Connections are asked to go after this long, so that clients spread over new
  // replicas; infinite for never. Open streams get `max_connection_age_grace` more.
  absl::Duration max_connection_age = absl::InfiniteDuration();
  absl::Duration max_connection_age_grace = absl::Minutes(5);
  // A connection that has had no call for so long is closed; its client connects anew with its next
  // call. Infinite for never.
  absl::Duration max_connection_idle = absl::InfiniteDuration();
  // Mutual TLS; plain text if empty.
  TlsFiles tls;
  // That of these files, where somebody holds it already; else one is made.
  std::shared_ptr<TlsIdentity> identity = nullptr;
  // Must be there with TLS, and outlive the server: who is let in. Asked here about reflection, and
  // by the doors of the services.
  Doorkeeper* doorkeeper = nullptr;
};

// A service and its full name, `Service::service_full_name()`.
struct ServiceEntry {
  std::string name;
  grpc::Service* service;
};

class RpcServer {
 public:
  // Binds and takes calls. Health answers NOT_SERVING until SetServing(true).
  // INVALID_ARGUMENT for bad TLS files, FAILED_PRECONDITION for TLS without a doorkeeper or with a
  // service that has no door, UNAVAILABLE if the address can't be bound,
  // or the port file can't be written.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const ServerOptions& options,
                                                          std::vector<ServiceEntry> services);

  // Drains at once, if that was not done.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // The bound port; 0 for a unix socket.
  int port() const { return port_; }
  // Where a client on this machine reaches the server: "127.0.0.1:4711" or "unix:/path".
  std::string local_target() const;

  // What health answers: for the whole server (and every service), or for one service.
  void SetServing(bool serving);
  void SetServing(const std::string& service_name, bool serving);

  // Closes all connections. Who has a call on one hears UNAVAILABLE, where Drain would end with
  // CANCELLED what came in as it began. For when all answers are given.
  void HangUp();

  // Tells health watchers NOT_SERVING, takes no new calls, and waits for the running
  // ones; those that run at the deadline are cut off, which their callers hear as UNAVAILABLE.
  // Returns when no handler runs any more. Long streams should be ended by their services before.
  // Idempotent.
  void Drain(absl::Duration deadline);

 private:
  RpcServer() = default;
  // Is it a connection that this server took?
  bool IsAccepted(int fd) const;
  void ShutDown(grpc::Server& server, absl::Duration deadline);

  std::shared_ptr<TlsIdentity> identity_;
  std::string listen_;
  std::vector<std::string> names_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::atomic<bool> drained_ = false;
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_SERVER_H_
