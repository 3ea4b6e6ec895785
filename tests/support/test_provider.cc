#include "tests/support/test_provider.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace reserve::test_support {
namespace {

constexpr int kCoordinateBytes = 32;

// A number of the key, as a JWK has it.
std::string Part(EVP_PKEY* key, const char* name, int bytes = 0) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  const int size = bytes == 0 ? BN_num_bytes(number) : bytes;
  std::vector<unsigned char> text(static_cast<size_t>(size));
  BN_bn2binpad(number, text.data(), size);
  BN_free(number);
  return absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<char*>(text.data()), text.size()));
}

std::string SignedBy(EVP_PKEY* key, const std::string& text) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  size_t size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key);
  EVP_DigestSign(context, nullptr, &size, bytes, text.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                 text.size());
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return signature;
}

// The two numbers of a signature, as a JWS has them.
std::string AsNumbers(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* const signature = d2i_ECDSA_SIG(
      nullptr, &bytes,
      static_cast<long>(der.size()));  // NOLINT(google-runtime-int): so it is declared
  std::string numbers(size_t{2} * kCoordinateBytes, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(numbers.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), to, kCoordinateBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), to + kCoordinateBytes, kCoordinateBytes);
  ECDSA_SIG_free(signature);
  return numbers;
}

}  // namespace

TestProvider::TestProvider()
    : rsa_(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}), EVP_PKEY_free),
      ec_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free) {}

std::string TestProvider::Jwks() const {
  return absl::StrCat(R"({"keys": [{"kty": "RSA", "kid": "rsa", "use": "sig", "n": ")",
                      Part(rsa_.get(), OSSL_PKEY_PARAM_RSA_N), R"(", "e": ")",
                      Part(rsa_.get(), OSSL_PKEY_PARAM_RSA_E),
                      R"("}, {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": ")",
                      Part(ec_.get(), OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes), R"(", "y": ")",
                      Part(ec_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes), R"("}]})");
}

std::string TestProvider::Sign(const std::string& claims, const std::string& algorithm) const {
  const std::string key = algorithm == "ES256" ? "ec" : "rsa";
  const std::string text =
      absl::StrCat(absl::WebSafeBase64Escape(
                       absl::StrCat(R"({"alg": ")", algorithm, R"(", "kid": ")", key, R"("})")),
                   ".", absl::WebSafeBase64Escape(claims));
  std::string signature;
  if (algorithm == "RS256") signature = SignedBy(rsa_.get(), text);
  if (algorithm == "ES256") signature = AsNumbers(SignedBy(ec_.get(), text));
  if (algorithm == "HS256") {
    const std::string secret = Part(rsa_.get(), OSSL_PKEY_PARAM_RSA_N);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    signature.assign(reinterpret_cast<char*>(digest), size);
  }
  return absl::StrCat(text, ".", absl::WebSafeBase64Escape(signature));
}

std::string Claims(const std::string& account_id, const std::string& audience, absl::Time end) {
  return absl::StrCat(R"({"sub": ")", account_id.empty() ? "sue" : "ann", R"(", "aud": [")",
                      audience, R"("], "exp": )", absl::ToUnixSeconds(end), ", ",
                      account_id.empty() ? std::string(R"("role": "support"})")
                                         : absl::StrCat(R"("account_id": ")", account_id, R"("})"));
}

std::string TestProvider::ForCustomer(const std::string& account_id) const {
  return Sign(Claims(account_id, kTestAudience, absl::Now() + absl::Hours(1)));
}

std::string TestProvider::ForSupport() const {
  return Sign(Claims("", kTestAudience, absl::Now() + absl::Hours(1)), "RS256");
}

}  // namespace reserve::test_support
