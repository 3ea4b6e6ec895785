#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>
#include <prometheus/counter.h>

#include <array>
#include <cstddef>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// Who scans a port, or was given a bad certificate, comes again and again.
constexpr absl::Duration kHandshakeToldAgain = absl::Minutes(1);

// What gRPC's line about a handshake holds, and what that means. The last one is for all others.
struct HandshakeReason {
  absl::string_view said;
  const char* why;
};
constexpr HandshakeReason kHandshakeReasons[] = {
    {"peer did not return a certificate", "no_certificate"},
    {"certificate verify failed", "not_trusted"},  // expired, or of another authority
    {"wrong version number", "no_tls"},
    {"http request", "no_tls"},
    {"alert", "refused_by_peer"},
    {"", "other"},
};
constexpr absl::string_view kHandshakeFailed = "Handshake failed";

// gRPC takes a plain function, so what it counts in is the process's.
struct Handshakes {
  absl::Mutex mutex;
  prometheus::Family<prometheus::Counter>* failed ABSL_GUARDED_BY(mutex) = nullptr;
  std::array<std::optional<Moment>, std::size(kHandshakeReasons)> told ABSL_GUARDED_BY(mutex);
};

Handshakes& AllHandshakes() {
  static auto* const handshakes = new Handshakes;
  return *handshakes;
}

// Counts it; worth a line?
bool NoteHandshake(size_t reason) {
  Handshakes& all = AllHandshakes();
  const Moment now = MonotonicNow();
  absl::MutexLock lock(&all.mutex);
  if (all.failed != nullptr) all.failed->Add({{"why", kHandshakeReasons[reason].why}}).Increment();
  std::optional<Moment>& told = all.told[reason];
  if (told.has_value() && now - *told < kHandshakeToldAgain) return false;
  told = now;
  return true;
}

void Forward(gpr_log_func_args* args) {
  const absl::string_view text = args->message;
  if (absl::StrContains(text, kHandshakeFailed)) {
    size_t reason = 0;
    while (!absl::StrContains(text, kHandshakeReasons[reason].said)) ++reason;
    if (!NoteHandshake(reason)) return;
    Log(Severity::kWarning, "a handshake of TLS failed",
        {{"why", kHandshakeReasons[reason].why}, {"text", text}});
    return;
  }
  // What is an error to gRPC (a refused connection, for one) is for us to judge by the call.
  const Severity severity =
      args->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kWarning : Severity::kDebug;
  Log(severity, "grpc", {{"text", args->message}, {"file", args->file}, {"line", args->line}});
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(Forward); }

std::shared_ptr<void> CountHandshakes(prometheus::Registry& registry) {
  prometheus::Family<prometheus::Counter>& failed =
      prometheus::BuildCounter()
          .Name("reserve_tls_handshakes_failed_total")
          .Help("Handshakes of TLS that failed, of callers and of servers that are called, by why.")
          .Register(registry);
  Handshakes& all = AllHandshakes();
  absl::MutexLock lock(&all.mutex);
  for (const HandshakeReason& reason : kHandshakeReasons) failed.Add({{"why", reason.why}});
  all.failed = &failed;
  return {&failed, [](void* counted) {
            Handshakes& known = AllHandshakes();
            absl::MutexLock unlock(&known.mutex);
            if (known.failed == counted) known.failed = nullptr;
          }};
}

}  // namespace reserve
