// Who a visitor is, by the token that an identity provider has signed (a JWT, RFC 7519).
//
// Nothing is believed that is not signed by a key of the set, with the key's own algorithm; what is
// missing, unknown or contradicts itself is refused. Thread-safe: pure functions.
//
//   const absl::StatusOr<Identity> who = CheckToken(token, *keys.Get(), rules, absl::Now());
#ifndef RESERVE_CONSOLE_IDENTITY_TOKEN_H_
#define RESERVE_CONSOLE_IDENTITY_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/console/identity/key_set.h"

namespace reserve::console {

// A customer, who sees one account; somebody of support, who sees all; or somebody of operations,
// who sees and activates decks and no account.
struct Identity {
  std::string subject = {};                       // `sub`: who it is, for the books
  std::string account_id = {};                    // `account_id`: the customer's; empty of support
  bool support = false;                           // `role` is "support"
  bool operations = false;                        // `role` is "operations"
  absl::Time expire_time = absl::InfinitePast();  // `exp`
};

// What a token must say.
struct TokenRules {
  std::string audience;     // must be `aud`, or among it
  std::string issuer = {};  // must be `iss`; empty: any
};

// By how much the provider's clock may differ from ours.
inline constexpr absl::Duration kClockLeeway = absl::Seconds(30);

// UNAUTHENTICATED, which says why, for the log and not for the visitor: no JWS of three parts; an
// algorithm other than RS256 and ES256; no such key, or a bad signature; another audience or
// issuer; no `exp`, or one that has passed; not valid yet; no `sub`; neither or both of an account
// and a role, which is "support" or "operations".
absl::StatusOr<Identity> CheckToken(absl::string_view token, const KeySet& keys,
                                    const TokenRules& rules, absl::Time now);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_IDENTITY_TOKEN_H_
