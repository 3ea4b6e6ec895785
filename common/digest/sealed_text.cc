#include "common/digest/sealed_text.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"

namespace reserve {
namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kNonceBytes = 12;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)>;

const unsigned char* BytesOf(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* BytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// The key of the cipher is one of its own: that of the text may serve for something else, too.
Cipher BeginCipher(const Key256& key, absl::string_view context, bool seals) {
  const Sha256Digest own =
      Sha256(absl::StrCat("sealed text", absl::string_view(key.data(), key.size())));
  const Sha256Digest nonce = Sha256(context);
  static_assert(kNonceBytes <= std::tuple_size_v<Sha256Digest>);
  Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (cipher == nullptr ||
      EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, BytesOf({own.data(), own.size()}),
                        BytesOf({nonce.data(), nonce.size()}), seals ? 1 : 0) != 1) {
    std::abort();
  }
  return cipher;
}

}  // namespace

std::string SealText(const Key256& key, absl::string_view context, absl::string_view text) {
  const Cipher cipher = BeginCipher(key, context, /*seals=*/true);
  std::string sealed(text.size() + kTagBytes, '\0');
  int length = 0;
  int rest = 0;
  unsigned char* const tag = BytesOf(sealed) + text.size();
  if (EVP_CipherUpdate(cipher.get(), BytesOf(sealed), &length, BytesOf(text),
                       static_cast<int>(text.size())) != 1 ||
      EVP_CipherFinal_ex(cipher.get(), BytesOf(sealed) + length, &rest) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag) != 1) {
    std::abort();
  }
  return sealed;
}

std::optional<std::string> OpenText(const Key256& key, absl::string_view context,
                                    absl::string_view sealed) {
  if (sealed.size() < kTagBytes) return std::nullopt;
  const Cipher cipher = BeginCipher(key, context, /*seals=*/false);
  const size_t size = sealed.size() - kTagBytes;
  std::string tag(sealed.substr(size));
  std::string text(size, '\0');
  int length = 0;
  int rest = 0;
  if (EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) != 1 ||
      EVP_CipherUpdate(cipher.get(), BytesOf(text), &length, BytesOf(sealed),
                       static_cast<int>(size)) != 1) {
    std::abort();
  }
  if (EVP_CipherFinal_ex(cipher.get(), BytesOf(text) + length, &rest) != 1) return std::nullopt;
  return text;
}

}  // namespace reserve
