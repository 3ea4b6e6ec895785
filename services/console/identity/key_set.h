// The public keys by which an identity provider's tokens are known: a JWKS (RFC 7517), read.
//
// RSA keys of 2048 bits or more (RS256), and keys on the curve P-256 (ES256). Keys for anything
// else, and those that are not for signatures, are passed over. Thread-safe once it is made.
//
//   RESERVE_ASSIGN_OR_RETURN(const KeySet keys, ReadKeySet(text));
#ifndef RESERVE_CONSOLE_IDENTITY_KEY_SET_H_
#define RESERVE_CONSOLE_IDENTITY_KEY_SET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_pkey_st;  // of OpenSSL

namespace reserve::console {

enum class Algorithm { kRs256, kEs256 };

struct PublicKey {
  std::string key_id;  // `kid`; may be empty
  Algorithm algorithm;
  std::shared_ptr<evp_pkey_st> key;
};

using KeySet = std::vector<PublicKey>;

// INVALID_ARGUMENT if the text is no JWKS, a key in it that is meant for signatures is broken or
// too short, two have one id, or none is left that can be used.
absl::StatusOr<KeySet> ReadKeySet(absl::string_view text);

// Does the signature (as it stands in a JWS: RFC 7518, 3.3 and 3.4) fit the text?
bool Signed(const PublicKey& key, absl::string_view text, absl::string_view signature);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_IDENTITY_KEY_SET_H_
