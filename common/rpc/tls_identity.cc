#include "common/rpc/tls_identity.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/tls_trust.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// How often gRPC looks at the nameless files.
constexpr unsigned kProviderLooksSeconds = 1;

bool WriteAll(int fd, absl::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Whether peers that trust the same authorities take the certificate in use: shown, and warned of
// where they are to and authorities have changed since.
class Trust {
 public:
  Trust(bool other_authority, prometheus::Registry* registry) : other_authority_(other_authority) {
    if (registry == nullptr) return;
    handshakes_ = CountHandshakes(*registry);
    gauge_ = &prometheus::BuildGauge()
                  .Name("reserve_tls_certificate_trusted")
                  .Help(
                      "1 if one of the authorities that this program trusts has signed its own "
                      "certificate, else 0.")
                  .Register(*registry)
                  .Add({});
  }

  void Look(const std::string& own, const std::string& authorities) {
    if (own == own_ && authorities == authorities_) return;
    own_ = own;
    authorities_ = authorities;
    const bool trusted = IsSignedBy(own, authorities);
    if (gauge_ != nullptr) gauge_->Set(trusted ? 1 : 0);
    if (trusted || other_authority_) return;
    Log(Severity::kWarning,
        "our certificate is of none of the authorities that we trust: peers that trust the same "
        "ones refuse it",
        {});
  }

 private:
  const bool other_authority_;
  std::string own_;
  std::string authorities_;
  prometheus::Gauge* gauge_ = nullptr;
  std::shared_ptr<void> handshakes_;
};

}  // namespace

TlsIdentity::Published::~Published() {
  if (fd_ >= 0) close(fd_);
}

absl::Status TlsIdentity::Published::Replace(const std::string& content) {
  const int fresh = memfd_create("tls", MFD_CLOEXEC);
  if (fresh < 0) return absl::ErrnoToStatus(errno, "no memory file for certificates");
  if (!WriteAll(fresh, content)) {
    const int error = errno;
    close(fresh);
    return absl::ErrnoToStatus(error, "can't write a memory file for certificates");
  }
  if (fd_ < 0) {
    fd_ = fresh;
    return absl::OkStatus();
  }
  // At once: who opens the path gets the one or the other.
  const bool replaced = dup3(fresh, fd_, O_CLOEXEC) >= 0;
  const int error = errno;
  close(fresh);
  if (!replaced) return absl::ErrnoToStatus(error, "can't replace a memory file");
  return absl::OkStatus();
}

std::string TlsIdentity::Published::path() const { return absl::StrCat("/proc/self/fd/", fd_); }

absl::StatusOr<std::shared_ptr<TlsIdentity>> TlsIdentity::Open(const TlsFiles& files,
                                                               prometheus::Registry* registry,
                                                               absl::Duration look_interval) {
  if (files.empty()) return absl::InvalidArgumentError("TLS needs files");
  RESERVE_RETURN_IF_ERROR(CheckTlsFiles(files));
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(files));
  if (registry != nullptr) identity->Register(*registry);
  RESERVE_RETURN_IF_ERROR(
      identity->Take(ReadOwnCertificate(files), "certificate", &identity->own_));
  RESERVE_RETURN_IF_ERROR(
      identity->Take(ReadAuthorities(files), "authority", &identity->authorities_));
  auto trust = std::make_shared<Trust>(files.other_authority, registry);
  trust->Look(identity->own_.taken.pem, identity->authorities_.taken.pem);
  identity->looks_.emplace(look_interval, [raw = identity.get(), trust] {
    raw->LookAgain();
    trust->Look(raw->own_.taken.pem, raw->authorities_.taken.pem);
  });
  return identity;
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> TlsIdentity::NewProvider() const {
  // One file for key and certificate, so that they are always a pair.
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      own_.published.path(), own_.published.path(), authorities_.published.path(),
      kProviderLooksSeconds);
}

void TlsIdentity::Register(prometheus::Registry& registry) {
  auto& days = prometheus::BuildGauge()
                   .Name("reserve_tls_days_left")
                   .Help(
                       "Days until the certificate in use, and the authority that lasts longest, "
                       "expire; negative after.")
                   .Register(registry);
  own_.days_left = &days.Add({{"of", "certificate"}});
  authorities_.days_left = &days.Add({{"of", "authority"}});
  failed_ = &prometheus::BuildCounter()
                 .Name("reserve_tls_failed_reloads_total")
                 .Help(
                     "Looks at the files of TLS that found what can't serve; the last good one "
                     "stays in use.")
                 .Register(registry)
                 .Add({});
}

void TlsIdentity::LookAgain() {
  // What is bad was logged; the next look is soon. A new certificate is judged by the authorities
  // that were there before it: both may have changed at once. The one in use stays in use.
  absl::StatusOr<TlsPart> own = ReadOwnCertificate(files_);
  Take(ReadAuthorities(files_), "authority", &authorities_).IgnoreError();
  if (own.ok() && own->pem != own_.taken.pem) {
    const absl::Status signed_by_one = CheckOwnAuthority(files_, own->pem, authorities_.taken.pem);
    if (!signed_by_one.ok()) own = signed_by_one;
  }
  Take(std::move(own), "certificate", &own_).IgnoreError();
}

absl::Status TlsIdentity::Take(absl::StatusOr<TlsPart> read, absl::string_view what, Part* part) {
  const bool first = part->taken.pem.empty();
  absl::Status status = read.status();
  const bool is_new = status.ok() && read->pem != part->taken.pem;
  if (is_new) status = part->published.Replace(read->pem);
  if (status.ok() && is_new) {
    part->taken = *std::move(read);
    if (!first) {
      Log(Severity::kInfo, "new files of TLS are in use",
          {{"part", what}, {"until", part->taken.end}});
    }
  }
  if (!status.ok() && failed_ != nullptr) failed_->Increment();
  if (!status.ok() && !first && status.message() != part->mistake) {
    Log(Severity::kError, "files of TLS can't serve; the last good ones stay in use",
        {{"part", what}, {"until", part->taken.end}, {"error", status.message()}});
  }
  part->mistake = std::string(status.message());
  if (part->days_left != nullptr) {
    part->days_left->Set(absl::ToDoubleHours(part->taken.end - absl::Now()) / 24);
  }
  return status;
}

}  // namespace reserve
