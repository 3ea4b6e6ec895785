// A console before a stack, with an identity provider of the test's own, and what a browser would
// send it. Not thread-safe, but for Get and Post.
//
//   const auto console = ConsoleProcess::Start(stack, {});
//   (*console)->Get("/a/acme/billing", (*console)->provider().ForCustomer("acme")).body
#ifndef RESERVE_TESTS_E2E_CONSOLE_PROCESS_H_
#define RESERVE_TESTS_E2E_CONSOLE_PROCESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/e2e/stack.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_provider.h"

namespace reserve::e2e {

// What came back; status 0 if nothing did.
struct WebAnswer {
  int status = 0;
  std::string body;
  std::multimap<std::string, std::string> headers;

  std::string header(const std::string& name) const;
};

using WebFields = std::map<std::string, std::string>;

class ConsoleProcess {
 public:
  // It serves, with these flags besides. Errors show its output.
  static absl::StatusOr<std::unique_ptr<ConsoleProcess>> Start(
      const Stack& stack, const std::vector<std::string>& flags);
  // The same before a ledger that is no stack's; its files go into `folder`.
  static absl::StatusOr<std::unique_ptr<ConsoleProcess>> StartBefore(
      const std::string& ledger, const std::string& folder, const std::vector<std::string>& flags);

  // As a browser with the token in the header (none if it is empty), and other headers.
  WebAnswer Get(const std::string& path, const std::string& token,
                const WebFields& headers = {}) const;
  WebAnswer Post(const std::string& path, const std::string& token, const WebFields& fields,
                 const WebFields& headers = {}) const;
  // Loads `page`, and sends what its forms need with `fields`, which come before it.
  WebAnswer Send(const std::string& page, const std::string& path, const std::string& token,
                 WebFields fields) const;

  const test_support::TestProvider& provider() const { return provider_; }
  test_support::Subprocess* process() { return process_.get(); }
  const std::string& url() const { return url_; }
  int port() const { return port_; }
  int metrics_port() const { return metrics_port_; }

 private:
  ConsoleProcess() = default;

  test_support::TestProvider provider_;
  std::unique_ptr<test_support::Subprocess> process_;
  std::string url_;
  int port_ = 0;
  int metrics_port_ = 0;
};

// The value of the first hidden field of that name in a page.
std::string HiddenIn(const std::string& page, const std::string& name);

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_CONSOLE_PROCESS_H_
