#include "common/digest/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace reserve {
namespace {

// The context of one thread: to look the algorithm up each time costs more than the digest.
struct Sha256Context {
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm{
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

}  // namespace

Sha256Digest Sha256(absl::string_view bytes) {
  thread_local const Sha256Context context;
  Sha256Digest digest;
  unsigned int size = 0;
  if (context.algorithm == nullptr || context.state == nullptr ||
      EVP_DigestInit_ex2(context.state.get(), context.algorithm.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context.state.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.state.get(), reinterpret_cast<unsigned char*>(digest.data()),
                         &size) != 1 ||
      size != digest.size()) {
    std::abort();  // Keys and repeats are told apart by it: better none than a wrong one.
  }
  return digest;
}

std::string Sha256Hex(absl::string_view text) {
  const Sha256Digest digest = Sha256(text);
  return absl::BytesToHexString(absl::string_view(digest.data(), digest.size()));
}

Sha256Stream::Sha256Stream() : state_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (state_ == nullptr || EVP_DigestInit_ex2(state_.get(), EVP_sha256(), nullptr) != 1) {
    std::abort();
  }
}

void Sha256Stream::Add(absl::string_view piece) {
  if (EVP_DigestUpdate(state_.get(), piece.data(), piece.size()) != 1) std::abort();
}

std::string Sha256Stream::Hex() && {
  Sha256Digest digest;
  unsigned int size = 0;
  auto* const bytes = reinterpret_cast<unsigned char*>(digest.data());
  if (EVP_DigestFinal_ex(state_.get(), bytes, &size) != 1 || size != digest.size()) std::abort();
  return absl::BytesToHexString(absl::string_view(digest.data(), digest.size()));
}

std::string Sha256HexOfFields(std::initializer_list<absl::string_view> fields) {
  std::string joined;
  for (const absl::string_view field : fields) absl::StrAppend(&joined, field.size(), ":", field);
  return Sha256Hex(joined);
}

}  // namespace reserve
