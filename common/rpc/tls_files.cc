#include "common/rpc/tls_files.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using File = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

absl::Status Bad(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' ", why));
}

// The first certificate of the file.
absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  const File file(BIO_new_file(path.c_str(), "r"));
  Certificate certificate(
      file == nullptr ? nullptr : PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return Bad(path, "holds no certificate in PEM");
  return certificate;
}

// A key under a pass phrase is no key: nobody is there to be asked for it.
int NoPassPhrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

absl::StatusOr<Key> ReadKey(const std::string& path) {
  const File file(BIO_new_file(path.c_str(), "r"));
  Key key(file == nullptr ? nullptr
                          : PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassPhrase, nullptr));
  if (key == nullptr) return Bad(path, "holds no private key in PEM, or one under a pass phrase");
  return key;
}

// Now is within its time.
absl::Status CheckTime(const std::string& path, const X509& certificate) {
  if (X509_cmp_current_time(X509_get0_notAfter(&certificate)) <= 0) {
    return Bad(path, "holds a certificate that has expired");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(&certificate)) > 0) {
    return Bad(path, "holds a certificate that is not valid yet");
  }
  return absl::OkStatus();
}

}  // namespace

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
          absl::ErrnoToStatus(error, absl::StrCat("can't read '", *path, "'")).message());
    }
  }
  RESERVE_ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(files.certificate_file));
  RESERVE_ASSIGN_OR_RETURN(const Key key, ReadKey(files.key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Bad(files.key_file,
               absl::StrCat("is not the key of the certificate in '", files.certificate_file, "'"));
  }
  RESERVE_RETURN_IF_ERROR(CheckTime(files.certificate_file, *certificate));
  RESERVE_ASSIGN_OR_RETURN(const Certificate authority, ReadCertificate(files.ca_file));
  return CheckTime(files.ca_file, *authority);
}

}  // namespace reserve
