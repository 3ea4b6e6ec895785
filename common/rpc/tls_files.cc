#include "common/rpc/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/freer.h"
#include "common/error/error.h"
#include "common/rpc/tls_trust.h"

namespace reserve {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

using Bytes = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using File = std::unique_ptr<std::FILE, Freer<std::fclose>>;

absl::Status Bad(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' ", why));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const auto cannot = [&] {
    return absl::InvalidArgumentError(
        absl::ErrnoToStatus(errno, absl::StrCat("can't read '", path, "'")).message());
  };
  const File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return cannot();
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return cannot();
  if (text.size() > kMaxFileBytes) return Bad(path, "is larger than 1 MiB");
  return text;
}

Bytes BytesOf(const std::string& text) {
  return Bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of the file, at least one.
absl::StatusOr<std::vector<Certificate>> CertificatesIn(const std::string& path,
                                                        const std::string& text) {
  const Bytes bytes = BytesOf(text);
  std::vector<Certificate> certificates;
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  // What is no PEM between the blocks is passed over; a block that is cut off is a mistake.
  const bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty()) return Bad(path, "holds no certificate in PEM");
  if (!whole) return Bad(path, "holds a certificate that is cut off");
  return certificates;
}

// A key under a pass phrase is no key: nobody is there to be asked for it.
int NoPassPhrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

absl::StatusOr<Key> KeyIn(const std::string& path, const std::string& text) {
  const Bytes bytes = BytesOf(text);
  Key key(PEM_read_bio_PrivateKey(bytes.get(), nullptr, NoPassPhrase, nullptr));
  ERR_clear_error();
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

absl::Time EndOf(const X509& certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) return absl::InfinitePast();
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsPart> ReadOwnCertificate(const TlsFiles& files) {
  RESERVE_ASSIGN_OR_RETURN(const std::string certificate, ReadWhole(files.certificate_file));
  RESERVE_ASSIGN_OR_RETURN(const std::string key_text, ReadWhole(files.key_file));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                           CertificatesIn(files.certificate_file, certificate));
  RESERVE_ASSIGN_OR_RETURN(const Key key, KeyIn(files.key_file, key_text));
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    ERR_clear_error();
    return Bad(files.key_file,
               absl::StrCat("is not the key of the certificate in '", files.certificate_file, "'"));
  }
  RESERVE_RETURN_IF_ERROR(CheckTime(files.certificate_file, *chain.front()));
  return TlsPart{absl::StrCat(key_text, "\n", certificate), EndOf(*chain.front())};
}

absl::StatusOr<TlsPart> ReadAuthorities(const TlsFiles& files) {
  TlsPart part;
  RESERVE_ASSIGN_OR_RETURN(part.pem, ReadWhole(files.ca_file));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<Certificate> authorities,
                           CertificatesIn(files.ca_file, part.pem));
  absl::Status first_problem;
  for (const Certificate& authority : authorities) {
    const absl::Status in_time = CheckTime(files.ca_file, *authority);
    if (in_time.ok()) part.end = std::max(part.end, EndOf(*authority));
    first_problem.Update(in_time);
  }
  // While authorities change, one that has expired stands beside the one that follows it.
  if (part.end == absl::InfinitePast()) return first_problem;
  return part;
}

absl::Status CheckOwnAuthority(const TlsFiles& files, const std::string& own_pem,
                               const std::string& authorities_pem) {
  if (files.other_authority || IsSignedBy(own_pem, authorities_pem)) return absl::OkStatus();
  return Bad(files.certificate_file,
             absl::StrCat("is signed by none of the authorities in '", files.ca_file,
                          "': peers that trust the same ones refuse it (--tls_other_authority is "
                          "for peers that trust others)"));
}

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.empty()) return absl::OkStatus();
  if (files.certificate_file.empty() || files.key_file.empty() || files.ca_file.empty()) {
    return absl::InvalidArgumentError(
        "TLS needs all of the certificate, key and CA files, or none of them");
  }
  RESERVE_ASSIGN_OR_RETURN(const TlsPart own, ReadOwnCertificate(files));
  RESERVE_ASSIGN_OR_RETURN(const TlsPart authorities, ReadAuthorities(files));
  return CheckOwnAuthority(files, own.pem, authorities.pem);
}

}  // namespace reserve
