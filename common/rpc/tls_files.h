// Files of a TLS identity.
#ifndef RESERVE_COMMON_RPC_TLS_FILES_H_
#define RESERVE_COMMON_RPC_TLS_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reserve {

// PEM files; all three or none. They are read again every few seconds, so that certificates can be
// renewed without a restart (tls_identity.h).
struct TlsFiles {
  // Our own certificate chain, and its private key.
  std::string certificate_file;
  std::string key_file;
  // The authorities of which one must have signed the peer's certificate.
  std::string ca_file;
  // Our certificate may be of none of those, as our peers trust another authority than we do.
  bool other_authority = false;

  bool empty() const { return certificate_file.empty() && key_file.empty() && ca_file.empty(); }
};

// What was read of them, in PEM, and until when it is good.
struct TlsPart {
  std::string pem;
  absl::Time end = absl::InfinitePast();
};

// The key and, after it, the certificate chain. INVALID_ARGUMENT unless they can serve: both are
// PEM, whole, the certificate is within its time, and the key is the certificate's.
absl::StatusOr<TlsPart> ReadOwnCertificate(const TlsFiles& files);
// The authorities. INVALID_ARGUMENT unless all are PEM, whole, and one at least is within its time;
// the end is that of the one that lasts longest.
absl::StatusOr<TlsPart> ReadAuthorities(const TlsFiles& files);

// INVALID_ARGUMENT if one of the authorities, which is PEM, must have signed the certificate, which
// is PEM too, and none has: peers that trust the same ones would refuse it.
absl::Status CheckOwnAuthority(const TlsFiles& files, const std::string& own_pem,
                               const std::string& authorities_pem);

// INVALID_ARGUMENT unless none is given, or all are and they can serve.
absl::Status CheckTlsFiles(const TlsFiles& files);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TLS_FILES_H_
