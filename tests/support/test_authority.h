// A certificate authority of a test's own, by the program openssl; its certificates are real files.
// Not thread-safe.
//
//   auto authority = TestAuthority::Create(folder, "ca");
//   const auto server = authority->Issue("server", "DNS:localhost,IP:127.0.0.1");
#ifndef RESERVE_TESTS_SUPPORT_TEST_AUTHORITY_H_
#define RESERVE_TESTS_SUPPORT_TEST_AUTHORITY_H_

#include <string>

#include "absl/status/statusor.h"

namespace reserve::test_support {

// Files in PEM.
struct TestCertificate {
  std::string certificate_file;
  std::string key_file;
};

class TestAuthority {
 public:
  // NOT_FOUND without openssl; INTERNAL if it fails. `name` is that of its files in the folder.
  static absl::StatusOr<TestAuthority> Create(const std::string& folder, const std::string& name);

  // A certificate for two days, or one that has expired, with these alternative names as OpenSSL
  // writes them ("URI:spiffe://x/y,DNS:z"; none if empty) and the common name `common_name`.
  // `name` is that of its files.
  absl::StatusOr<TestCertificate> Issue(const std::string& name, const std::string& names,
                                        const std::string& common_name = "test",
                                        bool expired = false) const;

  // Its own certificate.
  std::string ca_file() const;

 private:
  TestAuthority(std::string folder, std::string name)
      : folder_(std::move(folder)), name_(std::move(name)) {}

  std::string folder_;
  std::string name_;
};

// The content of a file; empty if there is none.
std::string ContentOf(const std::string& path);

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_TEST_AUTHORITY_H_
