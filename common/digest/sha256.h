// SHA-256, for telling contents apart. No error: the process ends if OpenSSL fails.
#ifndef RESERVE_COMMON_DIGEST_SHA256_H_
#define RESERVE_COMMON_DIGEST_SHA256_H_

#include <array>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // of OpenSSL

namespace reserve {

using Sha256Digest = std::array<char, 32>;

// The digest of `bytes`. Thread-safe.
Sha256Digest Sha256(absl::string_view bytes);

// The digest of `text` as 64 hexadecimal digits. Thread-safe.
std::string Sha256Hex(absl::string_view text);

// The digest of a text that comes in pieces. One thread at a time.
//
//   Sha256Stream digest;
//   while (...) digest.Add(piece);
//   const std::string hex = std::move(digest).Hex();
class Sha256Stream {
 public:
  Sha256Stream();
  void Add(absl::string_view piece);
  // As Sha256Hex of all pieces together.
  std::string Hex() &&;

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> state_;
};

// The digest of several fields, each with its length before it, so that no two
// lists of fields read the same.
std::string Sha256HexOfFields(std::initializer_list<absl::string_view> fields);

}  // namespace reserve

#endif  // RESERVE_COMMON_DIGEST_SHA256_H_
