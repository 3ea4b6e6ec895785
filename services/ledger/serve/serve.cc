#include "services/ledger/serve/serve.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/access/roles_file.h"
#include "common/clock/calendar.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/doorkeeper.h"
#include "common/rpc/health_port.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/server.h"
#include "common/rpc/shutdown_signal.h"
#include "common/rpc/tracing.h"
#include "common/telemetry/log.h"
#include "common/telemetry/telemetry_flags.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/engine_metrics.h"
#include "services/ledger/api/peer_links.h"
#include "services/ledger/api/rpc_metrics.h"
#include "services/ledger/engine/engine.h"
#include "services/ledger/serve/clock_report.h"
#include "services/ledger/serve/errors.h"
#include "services/ledger/serve/health.h"
#include "services/ledger/serve/overload_report.h"
#include "services/ledger/serve/replication_watch.h"
#include "services/ledger/serve/serve_flags.h"
#include "services/ledger/serve/services.h"

namespace reserve::serve {
namespace {

absl::Status ServeUntilSignal(engine::Engine& engine, Health& health, OverloadReport overload,
                              Services& services, RpcServer& server, HealthPort& health_port,
                              ShutdownSignal& signal) {
  bool told = false;  // whoever watches health hears of changes only
  ClockReport clock_report(engine);
  do {
    clock_report.Tell();
    RESERVE_RETURN_IF_ERROR(health.Check());
    overload.Tell();
    services.EndRefusedStreams();
    if (health.serving() == told) continue;
    told = health.serving();
    server.SetServing(told);
    health_port.SetReady(told);
  } while (!signal.WaitFor(health.pause()));
  return absl::OkStatus();
}

// For whoever looks at the start: what accounts can be opened in. `ledger settings` has it all.
void TellOfSettings(const domain::Settings& settings) {
  std::vector<std::string> currencies;
  for (const auto& [currency, amounts] : settings.currencies) currencies.push_back(currency);
  Log(Severity::kInfo, "settings",
      {{"currencies", absl::StrJoin(currencies, " ")},
       {"default_country", settings.default_country}});
}

// Accounts have time zones; without their database all of them would be UTC, in silence.
absl::Status CheckTimeZones() {
  for (const char* name : {"America/New_York", "Europe/Berlin", "Asia/Tokyo"}) {
    if (!FindTimeZone(name).has_value()) return TimeZonesMissing(name);
  }
  return absl::OkStatus();
}

// Waits, while new calls are refused, until the calls that came before are answered and their
// answers sent, but not beyond `end`.
void AwaitAnswers(const api::RpcMetrics& calls, Moment end) {
  constexpr absl::Duration kSendingTakes = absl::Milliseconds(50);
  while (calls.in_progress() > 0 && MonotonicNow() < end) absl::SleepFor(absl::Milliseconds(1));
  absl::SleepFor(kSendingTakes);
}

}  // namespace

absl::Status Serve() {
  ShutdownSignal signal;
  RESERVE_ASSIGN_OR_RETURN(engine::EngineOptions options, EngineOptionsFromFlags());
  RESERVE_RETURN_IF_ERROR(CheckTimeZones());
  RESERVE_ASSIGN_OR_RETURN(const ServerOptions asked_for, LedgerServerOptionsFromFlags());
  RESERVE_ASSIGN_OR_RETURN(const CallRates rates, CallRatesFromFlags());
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<MetricsServer> metrics, StartTelemetry());
  ServerOptions server_options = asked_for;  // what it holds needs the metrics
  RESERVE_ASSIGN_OR_RETURN(server_options.identity, TlsIdentityFromFlags(metrics->registry()));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<RolesFile> roles,
                           RolesFromFlags(metrics->registry()));
  // Before the database is asked: the process lives, whatever that does.
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<HealthPort> health_port, StartHealthPort());
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<Tracing> tracing,
                           StartTracing("reserve-ledger", server_options.identity, *metrics));
  if (tracing->on()) options.tracer = &tracing->tracer();
  TellOfSettings(options.settings);
  engine::Engine engine(std::move(options));
  const storage::SqlThread sql_thread;
  Health health(engine, AllowUnsafeDatabaseFromFlags(), RequireSemiSyncFromFlags());
  RESERVE_RETURN_IF_ERROR(health.Check());
  const ReplicationWatch replication_watch(engine, metrics->registry());

  api::RpcMetrics rpc_metrics(metrics->registry(), tracing->tracer());
  const auto engine_metrics = std::make_shared<api::EngineMetrics>(engine);
  metrics->Add(engine_metrics);
  Doorkeeper doorkeeper(api::kErrorDomain, roles.get(), metrics->registry(), rates.of_caller);
  RateLimiter account_rates(rates.for_account);
  server_options.doorkeeper = &doorkeeper;
  api::PeerLinks peers(engine, PeerChannelOptionsFromFlags(server_options.identity));
  Services services(api::ApiContext{engine, peers, rpc_metrics, doorkeeper, account_rates},
                    doorkeeper);
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> server,
                           RpcServer::Start(server_options, services.entries()));
  const absl::Status served = ServeUntilSignal(engine, health, OverloadReport(engine, rpc_metrics),
                                               services, *server, *health_port, signal);

  Log(Severity::kInfo, "draining");
  const Moment end = MonotonicNow() + DrainTimeoutFromFlags();
  health_port->SetReady(false);
  server->SetServing(false);
  engine.ranges().HandOver();
  rpc_metrics.StartDraining();
  services.EndStreams();
  for (engine::QueryPool* pool : {&engine.pages(), &engine.bulk()}) pool->Drain();
  AwaitAnswers(rpc_metrics, end);
  // Whoever is still connected hears UNAVAILABLE; if gRPC ended his call it would be CANCELLED.
  server->HangUp();
  server->Drain(std::max(end - MonotonicNow(), absl::ZeroDuration()));
  Log(Severity::kInfo, "drained");
  return served;
}

}  // namespace reserve::serve
