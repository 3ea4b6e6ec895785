#include "worker/charge_key.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace reserve::worker {
namespace {

constexpr size_t kKeptBytes = 24;  // 48 digits; with the prefix below the gateway's 64 characters

}  // namespace

std::string ChargeKey(absl::string_view account_id, int64_t ordinal, int32_t attempt) {
  const std::string text =
      absl::StrCat(account_id.size(), ":", account_id, ":", ordinal, ":", attempt);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size < kKeptBytes) {
    std::abort();  // Without the key nothing may be charged, and nothing could be said instead.
  }
  const absl::string_view kept(reinterpret_cast<const char*>(digest.data()), kKeptBytes);
  return absl::StrCat("rsv-", absl::BytesToHexString(kept));
}

}  // namespace reserve::worker
