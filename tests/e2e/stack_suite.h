// A suite of tests on one stack: what they ask it, and what they look at afterwards.
//
//   class PaymentsTest : public StackTest {
//    protected:
//     static void SetUpTestSuite() { StartStack({.gateway = true, .workers = 1}); }
//   };
#ifndef RESERVE_TESTS_E2E_STACK_SUITE_H_
#define RESERVE_TESTS_E2E_STACK_SUITE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "google/type/money.pb.h"
#include "gtest/gtest.h"
#include "tests/e2e/stack.h"

namespace reserve::e2e {

// "15.00", "-0.01".
std::string Text(const google::type::Money& money);

class StackTest : public ::testing::Test {
 protected:
  static void StartStack(StackOptions options);
  static void TearDownTestSuite();

  // Sends a request, in the text form of its message.
  template <typename Stub, typename Request, typename Response>
  static absl::StatusOr<Response> Ask(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                                      const std::string& request) {
    return Call(stack_->stub<Stub>(), method, Parse<Request>(request));
  }
  // The same; a refusal is a failure of the test.
  template <typename Stub, typename Request, typename Response>
  static Response Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const std::string& request) {
    auto response = Ask(method, request);
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
    return response.ok() ? *std::move(response) : Response();
  }

  static ledger::v1::Account Account(const std::string& id);
  static std::string Balance(const std::string& id);
  // What the gateway has of the account.
  static std::vector<gateway::v1::Charge> Charges(const std::string& id);
  // What `worker reconcile` says.
  static std::string Reconcile();
  static void ExpectAudited(const std::string& id);

  static Stack* stack_;
};

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_STACK_SUITE_H_
