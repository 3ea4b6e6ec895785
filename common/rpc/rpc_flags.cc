#include "common/rpc/rpc_flags.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
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
ABSL_FLAG(absl::Duration, max_connection_idle, absl::Minutes(30),
          "A connection that has had no call for so long is closed; inf for never.");
ABSL_FLAG(std::string, tls_certificate_file, "",
          "PEM certificate chain of this process, for serving and for calling; empty for no TLS.");
ABSL_FLAG(std::string, tls_key_file, "", "PEM private key of --tls_certificate_file.");
ABSL_FLAG(std::string, tls_ca_file, "",
          "PEM certificates of the authority that must have signed the peer's certificate.");
ABSL_FLAG(bool, tls_other_authority, false,
          "The certificate of --tls_certificate_file may be signed by none of the authorities in "
          "--tls_ca_file, as peers trust another authority than we do; else that is an error.");
ABSL_FLAG(
    bool, insecure_plaintext, false,
    "Without TLS, listen on and call other addresses than this machine's own all the same, as "
    "in a network that is trusted as a whole: everybody in it may call everything.");
ABSL_FLAG(std::string, roles_file, "",
          "With TLS: the file that says which caller has which roles, a line each: the name in its "
          "certificate, and the roles. Read again when it changes.");

namespace reserve {
namespace {

TlsFiles TlsFilesFromFlags() {
  return {.certificate_file = absl::GetFlag(FLAGS_tls_certificate_file),
          .key_file = absl::GetFlag(FLAGS_tls_key_file),
          .ca_file = absl::GetFlag(FLAGS_tls_ca_file),
          .other_authority = absl::GetFlag(FLAGS_tls_other_authority)};
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
  if (absl::GetFlag(FLAGS_max_connection_idle) < absl::Seconds(1)) {
    return InvalidField("--max_connection_idle", "must be at least 1s, or inf");
  }
  const std::string health = absl::GetFlag(FLAGS_health_listen);
  if (!health.empty()) RESERVE_RETURN_IF_ERROR(CheckListenAddress("--health_listen", health));
  return CheckTlsFiles(TlsFilesFromFlags());
}

absl::Status CheckPlaintext(absl::string_view flag, absl::string_view address) {
  if (!TlsFilesFromFlags().empty() || IsLoopback(address) ||
      absl::GetFlag(FLAGS_insecure_plaintext)) {
    return absl::OkStatus();
  }
  return InvalidField(flag, absl::StrCat("'", address,
                                         "' is not this machine's own address: give the files of "
                                         "TLS, or ask for plain text by --insecure_plaintext"));
}

absl::StatusOr<ServerOptions> ServerOptionsFromFlags(const std::string& listen) {
  RESERVE_RETURN_IF_ERROR(CheckRpcFlags());
  RESERVE_RETURN_IF_ERROR(CheckListenAddress("--listen", listen));
  RESERVE_RETURN_IF_ERROR(CheckPlaintext("--listen", listen));
  ServerOptions options;
  options.listen = listen;
  options.port_file = absl::GetFlag(FLAGS_port_file);
  options.max_connection_age = absl::GetFlag(FLAGS_max_connection_age);
  options.max_connection_idle = absl::GetFlag(FLAGS_max_connection_idle);
  options.tls = TlsFilesFromFlags();
  const bool roles = !absl::GetFlag(FLAGS_roles_file).empty();
  if (!options.tls.empty() && !roles) {
    return InvalidField("--roles_file", "is needed with TLS: without it nobody may call anything");
  }
  if (options.tls.empty() && roles) {
    return InvalidField("--roles_file", "is of no use without TLS: callers have no names");
  }
  return options;
}

std::string RolesFileFromFlags() { return absl::GetFlag(FLAGS_roles_file); }

absl::StatusOr<std::unique_ptr<RolesFile>> RolesFromFlags(prometheus::Registry& registry) {
  const std::string path = absl::GetFlag(FLAGS_roles_file);
  if (path.empty()) return nullptr;
  return RolesFile::Open(path, registry);
}

absl::StatusOr<std::shared_ptr<TlsIdentity>> TlsIdentityFromFlags(prometheus::Registry& registry) {
  const TlsFiles files = TlsFilesFromFlags();
  if (files.empty()) return nullptr;
  return TlsIdentity::Open(files, &registry);
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
