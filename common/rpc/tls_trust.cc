#include "common/rpc/tls_trust.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>

#include "common/digest/freer.h"

namespace reserve {
namespace {

using PemBytes = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using OneCertificate = std::unique_ptr<X509, Freer<X509_free>>;
using TrustedStore = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using Chain = std::unique_ptr<STACK_OF(X509), Freer<FreeChain>>;

Chain CertificatesOf(const std::string& pem) {
  const PemBytes bytes(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Chain chain(sk_X509_new_null());
  while (OneCertificate next{PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)}) {
    if (sk_X509_push(chain.get(), next.get()) > 0) static_cast<void>(next.release());
  }
  ERR_clear_error();
  return chain;
}

}  // namespace

bool IsSignedBy(const std::string& own_pem, const std::string& authorities_pem) {
  const Chain own = CertificatesOf(own_pem);
  const Chain authorities = CertificatesOf(authorities_pem);
  const TrustedStore store(X509_STORE_new());
  // As gRPC has it: what is trusted need not be a root.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  for (int i = 0; i < sk_X509_num(authorities.get()); ++i) {
    X509_STORE_add_cert(store.get(), sk_X509_value(authorities.get(), i));
  }
  const Verification verification(X509_STORE_CTX_new());
  const bool is_signed = sk_X509_num(own.get()) > 0 &&
                         X509_STORE_CTX_init(verification.get(), store.get(),
                                             sk_X509_value(own.get(), 0), own.get()) == 1 &&
                         X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  return is_signed;
}

}  // namespace reserve
