// gateway_stub: stands in for a card gateway; charges nobody.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/access/roles_file.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/doorkeeper.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/server.h"
#include "common/rpc/shutdown_signal.h"
#include "common/telemetry/log.h"
#include "common/telemetry/telemetry_flags.h"
#include "reserve/gateway/v1/doors.pb.h"
#include "services/gateway_stub/access_table.h"
#include "services/gateway_stub/card_page.h"
#include "services/gateway_stub/dashboard_service.h"
#include "services/gateway_stub/gateway.h"
#include "services/gateway_stub/service.h"
#include "services/gateway_stub/wire.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:50052", "host:port or unix:/path to serve on.");
ABSL_FLAG(std::string, card_page_listen, "",
          "host:port of the page on which a card is given, by plain HTTP; empty for none.");
ABSL_FLAG(std::string, data_file, "",
          "File in which charges, refunds and disputes are kept over restarts; empty keeps them in "
          "memory only.");
ABSL_FLAG(absl::Duration, latency, absl::ZeroDuration(),
          "How long every charge and every refund is in work.");
ABSL_FLAG(absl::Duration, latency_jitter, absl::ZeroDuration(),
          "Up to so much more, at random, on top of --latency.");
ABSL_FLAG(absl::Duration, key_lifetime, absl::Hours(24),
          "How long an idempotency key is good for; after that it makes a new charge or refund.");
ABSL_FLAG(std::string, outage_file, "",
          "While this file exists every request fails with UNAVAILABLE, but for those of "
          "StubDashboard; empty for never.");

namespace reserve::gateway_stub {
namespace {

absl::Status CheckDuration(absl::Duration duration, absl::string_view flag) {
  if (duration >= absl::ZeroDuration() && duration <= absl::Hours(24 * 365)) {
    return absl::OkStatus();
  }
  return InvalidField(flag, "must be from 0 to a year");
}

absl::StatusOr<std::unique_ptr<Gateway>> OpenGateway() {
  Gateway::Options options = {.data_file = absl::GetFlag(FLAGS_data_file),
                              .latency = absl::GetFlag(FLAGS_latency),
                              .latency_jitter = absl::GetFlag(FLAGS_latency_jitter),
                              .key_lifetime = absl::GetFlag(FLAGS_key_lifetime),
                              .outage_file = absl::GetFlag(FLAGS_outage_file)};
  RESERVE_RETURN_IF_ERROR(CheckDuration(options.latency, "--latency"));
  RESERVE_RETURN_IF_ERROR(CheckDuration(options.latency_jitter, "--latency_jitter"));
  RESERVE_RETURN_IF_ERROR(CheckDuration(options.key_lifetime, "--key_lifetime"));
  return Gateway::Open(std::move(options));
}

absl::Status Run() {
  ShutdownSignal signal;
  RESERVE_ASSIGN_OR_RETURN(const ServerOptions asked_for,
                           ServerOptionsFromFlags(absl::GetFlag(FLAGS_listen)));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<MetricsServer> metrics, StartTelemetry());
  ServerOptions server_options = asked_for;  // what it holds needs the metrics
  RESERVE_ASSIGN_OR_RETURN(server_options.identity, TlsIdentityFromFlags(metrics->registry()));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<RolesFile> roles,
                           RolesFromFlags(metrics->registry()));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<HealthPort> health_port, StartHealthPort());
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<Gateway> gateway, OpenGateway());
  PaymentGatewayService service(gateway.get(), &metrics->registry());
  StubDashboardService dashboard(gateway.get());
  Doorkeeper doorkeeper(kDomain, roles.get(), metrics->registry());
  server_options.doorkeeper = &doorkeeper;
  gateway::v1::PaymentGatewayDoor<kAccessTable> service_door(service, doorkeeper);
  gateway::v1::StubDashboardDoor<kAccessTable> dashboard_door(dashboard, doorkeeper);
  RESERVE_ASSIGN_OR_RETURN(
      const std::unique_ptr<RpcServer> server,
      RpcServer::Start(server_options,
                       {{gateway::v1::PaymentGateway::service_full_name(), &service_door},
                        {gateway::v1::StubDashboard::service_full_name(), &dashboard_door}}));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<CardPage> card_page,
                           CardPage::Start(absl::GetFlag(FLAGS_card_page_listen)));
  server->SetServing(true);
  health_port->SetReady(true);
  Log(Severity::kInfo, "draining", {{"signal", signal.Wait()}});
  health_port->SetReady(false);
  gateway->Hurry();
  server->Drain(DrainTimeoutFromFlags());
  return absl::OkStatus();
}

}  // namespace
}  // namespace reserve::gateway_stub

int main(int argc, char* argv[]) {
  const std::vector<std::string> arguments = reserve::ParseFlags(
      argc, argv,
      {.usage = "gateway_stub [flags]\n  Stands in for a card gateway: "
                "reserve.gateway.v1.PaymentGateway with test cards, "
                "and StubDashboard for what people and banks do. What each card token does is in "
                "services/gateway_stub/card_token.h."});
  if (!arguments.empty()) {
    std::fprintf(stderr, "ERROR: unexpected argument '%s'\n", arguments.front().c_str());
    return reserve::kExitUsage;
  }
  const absl::Status status = reserve::gateway_stub::Run();
  if (!status.ok()) {
    reserve::Log(reserve::Severity::kError, "can't serve", {{"error", status.message()}});
  }
  return reserve::ExitCodeOf(status);
}
