#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <openssl/x509_vfy.h>
#include <prometheus/counter.h>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "common/rpc/handshake_peers.h"
#include "common/rpc/rate_limiter.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// Who scans a port, or was given a bad certificate, comes again and again.
constexpr absl::Duration kHandshakeToldAgain = absl::Minutes(1);
// Beyond so many peers within that time the rest is counted only.
constexpr size_t kMostTold = 256;
constexpr size_t kMostPeers = 3;
// To find a peer all sockets of the process are looked at: so often a second, however many knock.
constexpr double kMostLooks = 20;

// What gRPC's line about a handshake holds, and what that means. The last one is for all others.
struct HandshakeReason {
  absl::string_view said;
  const char* why;
};
constexpr HandshakeReason kHandshakeReasons[] = {
    {"peer did not return a certificate", "no_certificate"},
    {"certificate verify failed", "not_trusted"},  // VerifyReason() may know more
    {"wrong version number", "no_tls"},
    {"http request", "no_tls"},
    {"alert", "refused_by_peer"},
    {"", "other"},
};
constexpr absl::string_view kHandshakeFailed = "Handshake failed";
constexpr char kExpired[] = "expired";
constexpr char kNotYetValid[] = "not_yet_valid";
constexpr char kOtherAuthority[] = "other_authority";
constexpr char kOtherName[] = "other_name";

// gRPC's line about what is wrong with a certificate, before the one about the handshake and on the
// same thread: an error of OpenSSL's by its number.
constexpr absl::string_view kVerifyFailed = "Certificate verify failed with code ";
thread_local int last_verify_error = X509_V_OK;

// Why the certificate of the handshake that fails now is not taken; null if that is not known.
const char* VerifyReason() {
  switch (std::exchange(last_verify_error, X509_V_OK)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return kNotYetValid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return kOtherAuthority;
    default:
      return nullptr;
  }
}

const char* ReasonIn(absl::string_view text) {
  const char* const of_certificate = VerifyReason();
  for (const HandshakeReason& reason : kHandshakeReasons) {
    if (!absl::StrContains(text, reason.said)) continue;
    const bool knows_more =
        of_certificate != nullptr && absl::string_view(reason.why) == "not_trusted";
    return knows_more ? of_certificate : reason.why;
  }
  return "other";
}

// gRPC takes a plain function, so what it counts in is the process's.
struct Handshakes {
  absl::Mutex mutex;
  prometheus::Family<prometheus::Counter>* failed ABSL_GUARDED_BY(mutex) = nullptr;
  // When the reason and the peer's host were told last.
  absl::flat_hash_map<std::string, Moment> told ABSL_GUARDED_BY(mutex);
  RateLimiter looks{kMostLooks};
};

Handshakes& AllHandshakes() {
  static auto* const handshakes = new Handshakes;
  return *handshakes;
}

// Counts it; worth a line?
bool NoteHandshake(const char* why, absl::string_view host) {
  Handshakes& all = AllHandshakes();
  const Moment now = MonotonicNow();
  absl::MutexLock lock(&all.mutex);
  if (all.failed != nullptr) all.failed->Add({{"why", why}}).Increment();
  if (all.told.size() >= kMostTold) {
    absl::erase_if(all.told,
                   [now](const auto& each) { return now - each.second >= kHandshakeToldAgain; });
    if (all.told.size() >= kMostTold) return false;
  }
  const auto [told, is_new] = all.told.try_emplace(absl::StrCat(why, " ", host), now);
  if (is_new) return true;
  if (now - told->second < kHandshakeToldAgain) return false;
  told->second = now;
  return true;
}

void ForwardHandshake(absl::string_view text) {
  std::vector<std::string> peers;
  if (AllHandshakes().looks.Take("", 1, MonotonicNow()) == absl::ZeroDuration()) {
    peers = PeersInHandshakes(kMostPeers);
  }
  const std::string first = peers.empty() ? std::string() : peers.front();
  const char* const why = ReasonIn(text);
  if (!NoteHandshake(why, absl::string_view(first).substr(0, first.rfind(':')))) return;
  Log(Severity::kWarning, "a handshake of TLS failed",
      {{"why", why}, {"peer_one_of", absl::StrJoin(peers, ", ")}, {"text", text}});
}

void Forward(gpr_log_func_args* args) {
  absl::string_view text = args->message;
  if (absl::StrContains(text, kHandshakeFailed)) return ForwardHandshake(text);
  if (absl::ConsumePrefix(&text, kVerifyFailed)) {
    if (absl::SimpleAtoi(text, &last_verify_error)) return;
    text = args->message;
  }
  // What is an error to gRPC (a refused connection, for one) is for us to judge by the call.
  const Severity severity =
      args->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kWarning : Severity::kDebug;
  Log(severity, "grpc", {{"text", text}, {"file", args->file}, {"line", args->line}});
}

std::string TextOf(const std::vector<grpc::string_ref>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, grpc::string_ref name) {
    out->append(name.data(), name.size());
  });
}

// gRPC's verifier of a server's name, which tells of those that it refuses.
class TellingVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)> callback, grpc::Status* sync_status) override {
    const bool done = by_name_.Verify(request, std::move(callback), sync_status);
    if (done && !sync_status->ok()) Tell(*request);
    return done;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest* request) override {
    by_name_.Cancel(request);
  }

 private:
  static void Tell(const grpc::experimental::TlsCustomVerificationCheckRequest& request) {
    const std::string called(request.target_name().data(), request.target_name().size());
    if (!NoteHandshake(kOtherName, called)) return;
    Log(Severity::kWarning, "a handshake of TLS failed",
        {{"why", kOtherName},
         {"called", called},
         {"dns_names", TextOf(request.dns_names())},
         {"ip_names", TextOf(request.ip_names())},
         {"uri_names", TextOf(request.uri_names())}});
  }

  grpc::experimental::HostNameCertificateVerifier by_name_;
};

// A folder in which there can be no lists of revoked certificates.
constexpr char kNoLists[] = "/dev/null";

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
  for (const char* why : {kExpired, kNotYetValid, kOtherAuthority, kOtherName}) {
    failed.Add({{"why", why}});
  }
  all.failed = &failed;
  all.told.clear();
  return {&failed, [](void* counted) {
            Handshakes& known = AllHandshakes();
            absl::MutexLock unlock(&known.mutex);
            if (known.failed == counted) known.failed = nullptr;
          }};
}

void TellWhyHandshakesFail(grpc::experimental::TlsCredentialsOptions* options) {
  options->set_crl_directory(kNoLists);
}

void TellWhyHandshakesFail(grpc::experimental::TlsChannelCredentialsOptions* options) {
  options->set_crl_directory(kNoLists);
  options->set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<TellingVerifier>());
}

}  // namespace reserve
