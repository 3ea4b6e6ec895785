#include "services/console/identity/key_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/digest/freer.h"
#include "services/console/identity/member_text.h"

namespace reserve::console {
namespace {

constexpr int kLeastRsaBits = 2048;
constexpr size_t kCoordinateBytes = 32;

using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

std::string MemberBytes(const nlohmann::json& object, const char* name) {
  std::string bytes;
  return absl::WebSafeBase64Unescape(MemberText(object, name), &bytes) ? bytes : std::string();
}

Number NumberOf(absl::string_view bytes) {
  return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                          static_cast<int>(bytes.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> MakeKey(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> RsaKey(const nlohmann::json& json) {
  const std::string modulus = MemberBytes(json, "n");
  const std::string exponent = MemberBytes(json, "e");
  if (modulus.empty() || exponent.empty()) return nullptr;
  const Number n = NumberOf(modulus);
  const Number e = NumberOf(exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (BN_num_bits(n.get()) < kLeastRsaBits ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return MakeKey("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> CurveKey(const nlohmann::json& json) {
  const std::string x = MemberBytes(json, "x");
  const std::string y = MemberBytes(json, "y");
  if (x.size() != kCoordinateBytes || y.size() != kCoordinateBytes) return nullptr;
  const std::string point = absl::StrCat("\x04", x, y);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return MakeKey("EC", builder.get());
}

// Is it a key for signatures that we know? (Its `use` and `alg` may be left out.)
bool IsForUs(const nlohmann::json& json) {
  const std::string use = MemberText(json, "use");
  const std::string type = MemberText(json, "kty");
  const std::string algorithm = MemberText(json, "alg");
  if (!use.empty() && use != "sig") return false;
  if (type == "RSA") return algorithm.empty() || algorithm == "RS256";
  return type == "EC" && MemberText(json, "crv") == "P-256" &&
         (algorithm.empty() || algorithm == "ES256");
}

// The signature in the form that OpenSSL takes; empty if it has not the size.
std::string AsDer(absl::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return "";
  const Signature numbers(ECDSA_SIG_new());
  if (ECDSA_SIG_set0(numbers.get(), NumberOf(signature.substr(0, kCoordinateBytes)).release(),
                     NumberOf(signature.substr(kCoordinateBytes)).release()) != 1) {
    return "";
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(numbers.get(), &der);
  if (size <= 0) return "";
  std::string text(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

absl::StatusOr<KeySet> ReadKeySet(absl::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("keys") || !json["keys"].is_array()) {
    return absl::InvalidArgumentError("not a JWKS: no JSON object with an array `keys`");
  }
  KeySet keys;
  for (const nlohmann::json& one : json["keys"]) {
    if (!one.is_object() || !IsForUs(one)) continue;
    const bool rsa = MemberText(one, "kty") == "RSA";
    PublicKey key{MemberText(one, "kid"), rsa ? Algorithm::kRs256 : Algorithm::kEs256,
                  rsa ? RsaKey(one) : CurveKey(one)};
    if (key.key == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("the key '", key.key_id, "' is broken, or an RSA key of under 2048 bits"));
    }
    for (const PublicKey& other : keys) {
      if (!key.key_id.empty() && other.key_id == key.key_id) {
        return absl::InvalidArgumentError(absl::StrCat("two keys have the id '", key.key_id, "'"));
      }
    }
    keys.push_back(std::move(key));
  }
  if (keys.empty()) return absl::InvalidArgumentError("no key for RS256 or ES256");
  return keys;
}

bool Signed(const PublicKey& key, absl::string_view text, absl::string_view signature) {
  const std::string given =
      key.algorithm == Algorithm::kEs256 ? AsDer(signature) : std::string(signature);
  const DigestContext context(EVP_MD_CTX_new());
  return !given.empty() && context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.key.get()) == 1 &&
         EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(given.data()),
                          given.size(), reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1;
}

}  // namespace reserve::console
