#include "services/console/identity/permission.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace reserve::console {

Verdict Judge(Door door, const std::optional<Identity>& identity, absl::string_view account_id) {
  if (door == Door::kEverybody) return Verdict::kLetIn;
  if (!identity.has_value()) return Verdict::kNotKnown;
  switch (door) {
    case Door::kKnown:
      return Verdict::kLetIn;
    case Door::kAccount: {
      const bool own = !identity->account_id.empty() && identity->account_id == account_id;
      return identity->support || own ? Verdict::kLetIn : Verdict::kForbidden;
    }
    case Door::kSupport:
      return identity->support ? Verdict::kLetIn : Verdict::kForbidden;
    case Door::kDecks:
      return identity->support || identity->operations ? Verdict::kLetIn : Verdict::kForbidden;
    case Door::kOperations:
      return identity->operations ? Verdict::kLetIn : Verdict::kForbidden;
    case Door::kEverybody:
      break;
  }
  return Verdict::kForbidden;
}

std::string FormToken(absl::string_view token, absl::string_view purpose) {
  const std::string text = absl::StrCat("reserve form: ", purpose);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), token.data(), static_cast<int>(token.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

bool IsFormToken(absl::string_view given, absl::string_view token, absl::string_view purpose) {
  const std::string right = FormToken(token, purpose);
  return !token.empty() && given.size() == right.size() &&
         CRYPTO_memcmp(given.data(), right.data(), right.size()) == 0;
}

}  // namespace reserve::console
