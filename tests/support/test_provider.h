// An identity provider of a test's own: keys, their JWKS, and tokens of any content, also bad ones.
// Not thread-safe.
//
//   const TestProvider provider;
//   provider.Token({{"sub", "ann"}, {"account_id", "acme"}})
#ifndef RESERVE_TESTS_SUPPORT_TEST_PROVIDER_H_
#define RESERVE_TESTS_SUPPORT_TEST_PROVIDER_H_

#include <memory>
#include <string>

#include "absl/time/time.h"

struct evp_pkey_st;  // of OpenSSL

namespace reserve::test_support {

inline constexpr char kTestAudience[] = "reserve-console";

class TestProvider {
 public:
  // One key of each algorithm, "rsa" and "ec".
  TestProvider();

  // The public halves.
  std::string Jwks() const;

  // A JWS of the header {"alg": algorithm, "kid": ...} and the claims, a JSON object, signed as the
  // algorithm says: "RS256", "ES256", "HS256" with the public modulus as its secret, or "none".
  std::string Sign(const std::string& claims, const std::string& algorithm = "ES256") const;

  // Tokens that are good for an hour.
  std::string ForCustomer(const std::string& account_id) const;
  std::string ForSupport() const;

 private:
  std::shared_ptr<evp_pkey_st> rsa_;
  std::shared_ptr<evp_pkey_st> ec_;
};

// Claims of a customer or, without an account, of support, as JSON.
std::string Claims(const std::string& account_id, const std::string& audience, absl::Time end);

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_TEST_PROVIDER_H_
