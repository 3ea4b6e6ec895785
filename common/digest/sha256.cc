#include "common/digest/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace reserve {

std::string Sha256Hex(absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    std::abort();  // Keys and repeats are told apart by it: better none than a wrong one.
  }
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
}

std::string Sha256HexOfFields(std::initializer_list<absl::string_view> fields) {
  std::string joined;
  for (const absl::string_view field : fields) absl::StrAppend(&joined, field.size(), ":", field);
  return Sha256Hex(joined);
}

}  // namespace reserve
