// RechargeWorker: charges the cards of accounts that run low, and gives back what is to be given
// back, see recharge_loop.h; and compares what the gateway did with what the ledger knows, see
// reconciler.h.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/address.h"
#include "common/flags/flags.h"
#include "common/rpc/channel.h"
#include "common/rpc/clock_guard.h"
#include "common/rpc/health_port.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/shutdown_signal.h"
#include "common/rpc/tracing.h"
#include "common/telemetry/log.h"
#include "common/telemetry/telemetry_flags.h"
#include "worker/errors.h"
#include "worker/gateway_client.h"
#include "worker/ledger_client.h"
#include "worker/recharge_loop.h"
#include "worker/reconciler.h"
#include "worker/worker_metrics.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "Where the ledger serves.");
ABSL_FLAG(std::string, gateway, "127.0.0.1:50052", "Where the payment gateway serves.");
ABSL_FLAG(std::string, worker_id, "",
          "Names this process to the ledger, 1 to 64 characters; empty for host name and pid.");
ABSL_FLAG(int32_t, max_in_flight, 64,
          "How many charges and refunds are under way at a time, 1 to 1024.");
ABSL_FLAG(int32_t, gateway_requests_per_second, 50,
          "How many requests a second are sent to the payment gateway at the most; what is more "
          "waits. 0: no limit.");
ABSL_FLAG(absl::Duration, charge_timeout, absl::Seconds(5),
          "How long to wait for the gateway; after that the charge or refund is looked up.");
ABSL_FLAG(absl::Duration, gateway_key_lifetime, absl::Hours(24),
          "For how long the gateway remembers an idempotency key, at least. A charge or refund is "
          "sent in the first half of it only.");
ABSL_FLAG(absl::Duration, backoff_initial, absl::Milliseconds(200),
          "The first pause after a failure; it doubles with each further one.");
ABSL_FLAG(absl::Duration, backoff_max, absl::Seconds(5), "The longest pause after a failure.");
ABSL_FLAG(bool, once, false, "Handle what is due, and end when nothing is left to do.");
ABSL_FLAG(absl::Duration, once_idle, absl::Seconds(1),
          "With --once: how long nothing must come before it ends.");

ABSL_FLAG(std::string, from, "",
          "reconcile: from when on (RFC 3339); 24 hours before its end by default.");
ABSL_FLAG(std::string, to, "", "reconcile: until when (RFC 3339); now by default.");
ABSL_FLAG(absl::Duration, grace, absl::Minutes(5),
          "reconcile: charges younger than this are under way and left alone.");
ABSL_FLAG(bool, dry_run, false, "reconcile: say what would be done, and change nothing.");
ABSL_FLAG(int64_t, max_refunds, 20,
          "reconcile: the most charges to give back in a run; others are left to a person, as "
          "many at once say that this is the wrong ledger or a restored one.");

namespace reserve::worker {
namespace {

constexpr char kUsage[] =
    "worker [COMMAND] [flags]\n"
    "  (none)     charges the cards of accounts whose reserve runs low, makes refunds, and reports "
    "to\n"
    "             the ledger\n"
    "  reconcile  compares the gateway's charges with the ledger's recharges: tells the ledger of\n"
    "             refunds and disputes, credits what was not reported, gives back what nothing is\n"
    "             credited for, shows the rest; exit 0 if nothing is left for a person\n"
    "Exit codes: 0 all is well; 1 it failed, or found something; 2 what it was told has no "
    "sense.\n";

// What each command reads.
std::vector<Command> Commands() {
  return {{"",
           kUsage,
           {"ledger",
            "gateway",
            "worker_id",
            "max_in_flight",
            "gateway_requests_per_second",
            "charge_timeout",
            "gateway_key_lifetime",
            "backoff_initial",
            "backoff_max",
            "once",
            "once_idle",
            "health_listen",
            "drain_timeout",
            "tls_certificate_file",
            "tls_key_file",
            "tls_ca_file",
            "tls_other_authority",
            "insecure_plaintext",
            "rpc/tracing.cc",
            "telemetry/telemetry_flags.cc"}},
          {"reconcile",
           "worker reconcile [flags]\n  Compares the gateway's charges with the ledger's "
           "recharges.",
           {"ledger", "gateway", "worker_id", "gateway_requests_per_second", "from", "to", "grace",
            "dry_run", "max_refunds", "tls_certificate_file", "tls_key_file", "tls_ca_file",
            "tls_other_authority", "insecure_plaintext"}}};
}

constexpr int kMaxInFlight = 1024;  // recharges.proto, WatchLowBalanceRequest
constexpr size_t kMaxWorkerId = 64;

std::string WorkerId() {
  std::string id = absl::GetFlag(FLAGS_worker_id);
  if (!id.empty()) return id;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'w', 'o', 'r', 'k', 'e', 'r'};
  const std::string pid = absl::StrCat("-", getpid());
  return absl::StrCat(std::string(host.data()).substr(0, kMaxWorkerId - pid.size()), pid);
}

absl::Status CheckFlags() {
  RESERVE_RETURN_IF_ERROR(CheckRpcFlags());
  RESERVE_RETURN_IF_ERROR(CheckTarget("--ledger", absl::GetFlag(FLAGS_ledger)));
  RESERVE_RETURN_IF_ERROR(CheckTarget("--gateway", absl::GetFlag(FLAGS_gateway)));
  RESERVE_RETURN_IF_ERROR(CheckPlaintext("--ledger", absl::GetFlag(FLAGS_ledger)));
  RESERVE_RETURN_IF_ERROR(CheckPlaintext("--gateway", absl::GetFlag(FLAGS_gateway)));
  if (absl::GetFlag(FLAGS_worker_id).size() > kMaxWorkerId) {
    return InvalidField("--worker_id", "must be at most 64 characters");
  }
  const int in_flight = absl::GetFlag(FLAGS_max_in_flight);
  if (in_flight < 1 || in_flight > kMaxInFlight) {
    return InvalidField("--max_in_flight", "must be 1 to 1024");
  }
  if (absl::GetFlag(FLAGS_gateway_requests_per_second) < 0) {
    return InvalidField("--gateway_requests_per_second", "must not be negative");
  }
  if (absl::GetFlag(FLAGS_charge_timeout) < absl::Milliseconds(1) ||
      absl::GetFlag(FLAGS_charge_timeout) > absl::Hours(1)) {
    return InvalidField("--charge_timeout", "must be 1ms to 1h");
  }
  // A call that is under way at half of the lifetime must be over long before its end.
  if (absl::GetFlag(FLAGS_gateway_key_lifetime) < 4 * absl::GetFlag(FLAGS_charge_timeout) ||
      absl::GetFlag(FLAGS_gateway_key_lifetime) > absl::Hours(24 * 365)) {
    return InvalidField("--gateway_key_lifetime", "must be four times --charge_timeout to a year");
  }
  if (absl::GetFlag(FLAGS_backoff_initial) < absl::Milliseconds(1) ||
      absl::GetFlag(FLAGS_backoff_max) < absl::GetFlag(FLAGS_backoff_initial) ||
      absl::GetFlag(FLAGS_backoff_max) > absl::Hours(1)) {
    return InvalidField("--backoff_max",
                        "must be --backoff_initial to 1h, and --backoff_initial at least 1ms");
  }
  if (absl::GetFlag(FLAGS_once_idle) < absl::ZeroDuration() ||
      absl::GetFlag(FLAGS_once_idle) > absl::Hours(24)) {
    return InvalidField("--once_idle", "must be 0 to 24h");
  }
  return absl::OkStatus();
}

RechargeLoop::Options LoopOptions() {
  RechargeLoop::Options options{
      .rules = {.key_lifetime = absl::GetFlag(FLAGS_gateway_key_lifetime),
                .backoff_initial = absl::GetFlag(FLAGS_backoff_initial),
                .backoff_max = absl::GetFlag(FLAGS_backoff_max)},
      .max_in_flight = absl::GetFlag(FLAGS_max_in_flight),
      .gateway_requests_per_second = absl::GetFlag(FLAGS_gateway_requests_per_second),
      .drain_timeout = DrainTimeoutFromFlags()};
  if (absl::GetFlag(FLAGS_once)) options.exit_when_idle = absl::GetFlag(FLAGS_once_idle);
  return options;
}

absl::StatusOr<absl::Time> TimeFlag(const absl::Flag<std::string>& flag, absl::string_view name,
                                    absl::Time unset) {
  const std::string text = absl::GetFlag(flag);
  if (text.empty()) return unset;
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  return InvalidField(name, absl::StrCat("must be RFC 3339, like 2026-11-24T00:00:00Z: ", error));
}

absl::StatusOr<ReconcileOptions> ReconcileOptionsFromFlags(ShutdownSignal* signal) {
  if (absl::GetFlag(FLAGS_grace) < absl::ZeroDuration()) {
    return InvalidField("--grace", "must not be negative");
  }
  if (absl::GetFlag(FLAGS_max_refunds) < 0) {
    return InvalidField("--max_refunds", "must not be negative");
  }
  ReconcileOptions options;
  const absl::Time end_of_grace = absl::Now() - absl::GetFlag(FLAGS_grace);
  RESERVE_ASSIGN_OR_RETURN(const absl::Time to, TimeFlag(FLAGS_to, "--to", end_of_grace));
  options.to = std::min(to, end_of_grace);
  RESERVE_ASSIGN_OR_RETURN(options.from,
                           TimeFlag(FLAGS_from, "--from", options.to - absl::Hours(24)));
  if (options.from >= options.to) {
    return InvalidField("--from", "must be before --to, and before the grace period");
  }
  options.dry_run = absl::GetFlag(FLAGS_dry_run);
  options.max_refunds = absl::GetFlag(FLAGS_max_refunds);
  options.gateway_requests_per_second = absl::GetFlag(FLAGS_gateway_requests_per_second);
  options.worker_id = WorkerId();
  options.wait = [signal](absl::Duration duration) { return signal->WaitFor(duration); };
  return options;
}

absl::Status Reconcile(ShutdownSignal* signal) {
  RESERVE_RETURN_IF_ERROR(CheckFlags());
  RESERVE_ASSIGN_OR_RETURN(ReconcileOptions options, ReconcileOptionsFromFlags(signal));
  RESERVE_ASSIGN_OR_RETURN(const auto ledger,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  RESERVE_ASSIGN_OR_RETURN(const auto gateway,
                           MakeChannel(absl::GetFlag(FLAGS_gateway), ChannelOptionsFromFlags()));
  const bool dry_run = options.dry_run;
  Reconciler reconciler(std::move(options), ledger, gateway, &std::cout);
  RESERVE_ASSIGN_OR_RETURN(const ReconcileCounts counts, reconciler.Run());
  if (counts.for_person > 0) {
    return DifferencesFound(absl::StrCat(counts.for_person, " differences are left for a person"));
  }
  if (const int64_t put_right = counts.credited + counts.refunded + counts.reported;
      dry_run && put_right > 0) {
    return DifferencesFound(
        absl::StrCat(put_right, " differences would be put right without --dry_run"));
  }
  return absl::OkStatus();
}

absl::Status Work(ShutdownSignal* signal) {
  RESERVE_RETURN_IF_ERROR(CheckFlags());
  RESERVE_ASSIGN_OR_RETURN(const auto metrics_server, StartTelemetry());
  ChannelOptions channel = ChannelOptionsFromFlags();
  RESERVE_ASSIGN_OR_RETURN(channel.identity, TlsIdentityFromFlags(metrics_server->registry()));
  RESERVE_ASSIGN_OR_RETURN(const std::shared_ptr<Tracing> tracing,
                           StartTracing("reserve-worker", channel.identity, *metrics_server));
  RESERVE_ASSIGN_OR_RETURN(auto ledger_channel, MakeChannel(absl::GetFlag(FLAGS_ledger), channel));
  RESERVE_ASSIGN_OR_RETURN(auto gateway_channel,
                           MakeChannel(absl::GetFlag(FLAGS_gateway), channel));
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<HealthPort> health, StartHealthPort());
  health->SetReady(true);
  const std::string worker_id = WorkerId();
  Log(Severity::kInfo, "worker started",
      {{"worker_id", worker_id},
       {"ledger", absl::GetFlag(FLAGS_ledger)},
       {"gateway", absl::GetFlag(FLAGS_gateway)},
       {"health_port", health->port()},
       {"metrics_port", metrics_server->port()}});

  WorkerMetrics metrics(&metrics_server->registry());
  LedgerClient ledger(ledger_channel, worker_id, absl::GetFlag(FLAGS_max_in_flight));
  GatewayClient gateway(gateway_channel, absl::GetFlag(FLAGS_charge_timeout));
  RechargeLoop loop(LoopOptions(), &ledger, &gateway, &metrics, &tracing->tracer());
  absl::Status status;
  std::atomic<bool> over = false;
  std::thread thread([&] {
    status = loop.Run();
    over = true;
  });
  ClockGuard clock_guard;
  while (!over) {
    clock_guard.Look();
    if (!signal->WaitFor(absl::Milliseconds(100))) continue;
    Log(Severity::kInfo, "draining");
    health->SetReady(false);
    loop.Drain();
    break;
  }
  thread.join();
  if (status.ok()) Log(Severity::kInfo, "worker stopped");
  // What the ledger refuses may be another one's to put right: no matter of our flags.
  return absl::IsInvalidArgument(status) ? absl::FailedPreconditionError(status.message()) : status;
}

}  // namespace

// The exit code.
int Main(const std::vector<std::string>& arguments, ShutdownSignal* signal) {
  if (arguments.empty()) {
    const absl::Status status = Work(signal);
    if (!status.ok()) {
      Log(Severity::kError, "the worker can't go on", {{"error", status.message()}});
    }
    return ExitCodeOf(status);
  }
  absl::Status status = InvalidField(
      "command line", absl::StrCat("\"", arguments.back(), "\" is not known\n", kUsage));
  if (arguments.size() == 1 && arguments[0] == "reconcile") status = Reconcile(signal);
  if (!status.ok()) {
    std::fprintf(stderr, "worker: %s\n", std::string(status.message()).c_str());
  }
  return ExitCodeOf(status);
}

}  // namespace reserve::worker

int main(int argc, char* argv[]) {
  reserve::ShutdownSignal signal;
  const std::vector<std::string> arguments = reserve::ParseFlags(
      argc, argv,
      reserve::Program{.usage = reserve::worker::kUsage, .commands = reserve::worker::Commands()});
  return reserve::worker::Main(arguments, &signal);
}
