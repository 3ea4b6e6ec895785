// A TLS identity that is kept good: what its files hold is read again every few seconds, looked at,
// and given to gRPC only if it can serve.
//
// A certificate that is renewed in place is half written for a moment, or stands beside the key of
// the one before: then the last good pair stays, and so do the last good authorities. That is
// logged once for each new mistake, and counted. New connections of servers and channels have what
// is new within ten seconds; those that are open go on. gRPC reads files by their path and takes
// what it finds, so it is given nameless files of this process's own instead, which are put in each
// other's place as a whole. Thread-safe.
//
//   RESERVE_ASSIGN_OR_RETURN(const auto identity, TlsIdentity::Open(files, &registry));
//   options.set_certificate_provider(identity->NewProvider());
#ifndef RESERVE_COMMON_RPC_TLS_IDENTITY_H_
#define RESERVE_COMMON_RPC_TLS_IDENTITY_H_

#include <grpcpp/security/tls_certificate_provider.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock/repeater.h"
#include "common/rpc/tls_files.h"

namespace reserve {

class TlsIdentity {
 public:
  // INVALID_ARGUMENT as of CheckTlsFiles, and for no files. With a registry, which must outlive
  // this, the days that are left and the looks that found something bad are metrics.
  static absl::StatusOr<std::shared_ptr<TlsIdentity>> Open(
      const TlsFiles& files, prometheus::Registry* registry,
      absl::Duration look_interval = absl::Seconds(5));
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // What a server's or a channel's credentials are made with. This must outlive them.
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> NewProvider() const;

 private:
  // A file without a name that is replaced as a whole.
  class Published {
   public:
    Published() = default;
    ~Published();
    Published(const Published&) = delete;
    Published& operator=(const Published&) = delete;
    // INTERNAL if the system has no room for it.
    absl::Status Replace(const std::string& content);
    std::string path() const;

   private:
    int fd_ = -1;
  };
  // What was taken last, and the mistake that was logged last. Of the constructor and the thread.
  struct Part {
    Published published;
    TlsPart taken;
    std::string mistake;
    prometheus::Gauge* days_left = nullptr;
  };

  explicit TlsIdentity(TlsFiles files) : files_(std::move(files)) {}

  void Register(prometheus::Registry& registry);
  void LookAgain();
  // Takes what was read, if it can serve and is new.
  absl::Status Take(absl::StatusOr<TlsPart> read, absl::string_view what, Part* part);

  const TlsFiles files_;
  Part own_;
  Part authorities_;
  prometheus::Counter* failed_ = nullptr;
  std::optional<Repeater> looks_;  // the last: it ends first
};

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TLS_IDENTITY_H_
