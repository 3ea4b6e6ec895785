#include "common/rpc/rpc_flags.h"

#include "absl/flags/flag.h"
#include "common/error/error.h"
#include "common/flags/address.h"

ABSL_FLAG(std::string, port_file, "",
          "File to which the bound port is written once calls are taken; empty for none.");
ABSL_FLAG(std::string, health_listen, "",
          "host:port or unix:/path of a port of its own for health alone, in plain text also with "
          "TLS: \"live\" while the process answers, \"ready\" while it serves; empty for none.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(20),
          "How long running calls may go on after SIGTERM.");
ABSL_FLAG(absl::Duration, max_connection_age, absl::InfiniteDuration(),
          "Clients are asked to connect anew after this long; inf for never.");
ABSL_FLAG(std::string, tls_certificate_file, "",
          "PEM certificate chain of this process, for serving and for calling; empty for no TLS.");
ABSL_FLAG(std::string, tls_key_file, "", "PEM private key of --tls_certificate_file.");
ABSL_FLAG(std::string, tls_ca_file, "",
          "PEM certificates of the authority that must have signed the peer's certificate.");

namespace reserve {
namespace {

TlsFiles TlsFilesFromFlags() {
  return {.certificate_file = absl::GetFlag(FLAGS_tls_certificate_file),
          .key_file = absl::GetFlag(FLAGS_tls_key_file),
          .ca_file = absl::GetFlag(FLAGS_tls_ca_file)};
}

}  // namespace

absl::Status CheckRpcFlags() {
  const absl::Duration drain = absl::GetFlag(FLAGS_drain_timeout);
  if (drain < absl::ZeroDuration() || drain > absl::Hours(1)) {
    return InvalidField("--drain_timeout", "must be 0s to 1h");
  }
  if (absl::GetFlag(FLAGS_max_connection_age) < absl::Seconds(1)) {
    return InvalidField("--max_connection_age", "must be at least 1s, or inf");
  }
  const std::string health = absl::GetFlag(FLAGS_health_listen);
  if (!health.empty()) RESERVE_RETURN_IF_ERROR(CheckListenAddress("--health_listen", health));
  return CheckTlsFiles(TlsFilesFromFlags());
}

absl::StatusOr<ServerOptions> ServerOptionsFromFlags(const std::string& listen) {
  RESERVE_RETURN_IF_ERROR(CheckRpcFlags());
  RESERVE_RETURN_IF_ERROR(CheckListenAddress("--listen", listen));
  ServerOptions options;
  options.listen = listen;
  options.port_file = absl::GetFlag(FLAGS_port_file);
  options.max_connection_age = absl::GetFlag(FLAGS_max_connection_age);
  options.tls = TlsFilesFromFlags();
  return options;
}

ChannelOptions ChannelOptionsFromFlags() {
  ChannelOptions options;
  options.tls = TlsFilesFromFlags();
  return options;
}

absl::StatusOr<std::unique_ptr<HealthPort>> StartHealthPort() {
  return HealthPort::Start(absl::GetFlag(FLAGS_health_listen));
}

absl::Duration DrainTimeoutFromFlags() { return absl::GetFlag(FLAGS_drain_timeout); }

}  // namespace reserve
