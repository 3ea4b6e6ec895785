// Files of a TLS identity.
#ifndef RESERVE_COMMON_RPC_TLS_FILES_H_
#define RESERVE_COMMON_RPC_TLS_FILES_H_

#include <string>

#include "absl/status/status.h"

namespace reserve {

// PEM files; all three or none. They are read again every minute, so that
// certificates can be renewed without a restart.
struct TlsFiles {
  // Our own certificate chain, and its private key.
  std::string certificate_file;
  std::string key_file;
  // The authority that must have signed the peer's certificate.
  std::string ca_file;

  bool empty() const { return certificate_file.empty() && key_file.empty() && ca_file.empty(); }
};

// INVALID_ARGUMENT unless none is given, or all are and they can serve: the certificate and the
// authority are PEM and within their time, and the key is the certificate's.
absl::Status CheckTlsFiles(const TlsFiles& files);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TLS_FILES_H_
