#include "common/rpc/tls_files.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve {

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.empty()) return absl::OkStatus();
  if (files.certificate_file.empty() || files.key_file.empty() || files.ca_file.empty()) {
    return absl::InvalidArgumentError(
        "TLS needs all of the certificate, key and CA files, or none of them");
  }
  for (const std::string* path : {&files.certificate_file, &files.key_file, &files.ca_file}) {
    if (access(path->c_str(), R_OK) != 0) {
      const int error = errno;
      return absl::InvalidArgumentError(
          absl::StrCat("can't read '", *path, "': ", absl::ErrnoToStatus(error, "").ToString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace reserve
