// The real processes of Reserve, for tests from end to end.
//
// A stack is a schema of its own, brought up by `ledger migrate`; a `ledger serve` on a free
// port, with the starter deck imported by `ledger import-rates`; and, if asked for, a
// `gateway_stub` and workers. Each process can be stopped, killed and started again; it then
// serves on its old address, with its data. All of them end with the object. The schema is on the
// server of RESERVE_TEST_DATABASE if that is set. Not thread-safe, but for Call and CallRaw.
//
//   auto stack = Stack::Start({.gateway = true, .workers = 1});
//   ASSERT_TRUE(stack.ok()) << stack.status();
//   const auto account = Call((*stack)->accounts(), &pb::Accounts::Stub::GetAccount,
//                             Parse<pb::GetAccountRequest>("account_id: 'acme'"));
//   ASSERT_TRUE(account.ok()) << account.status();
#ifndef RESERVE_TESTS_E2E_STACK_H_
#define RESERVE_TESTS_E2E_STACK_H_

#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "common/rpc/status.h"
#include "reserve/gateway/v1/payment_gateway.grpc.pb.h"
#include "reserve/gateway/v1/stub_dashboard.grpc.pb.h"
#include "tests/support/currency_settings.h"
#include "tests/support/ledger_stubs.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_database.h"

namespace reserve::e2e {

inline constexpr absl::Duration kCallDeadline = absl::Seconds(30);

struct StackOptions {
  // Where the schema is; null: where TestDatabase puts it.
  const test_support::PrivateDatabaseServer* server = nullptr;
  std::vector<std::string> ledger_flags = {};
  test_support::DollarAmounts dollars = {};  // instead of those that are built in
  bool starter_deck = true;
  bool gateway = false;
  std::vector<std::string> gateway_flags = {};
  // Needs the gateway.
  int workers = 0;
  std::vector<std::string> worker_flags = {};
};

class Stack {
 public:
  // Everything runs and takes calls. Errors show the end of the output of the process at fault.
  static absl::StatusOr<std::unique_ptr<Stack>> Start(StackOptions options);
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  // SIGKILL to each process that runs.
  ~Stack();

  // Starts a process that does not run, on its old address.
  absl::Status StartLedger();
  absl::Status StartGateway();
  absl::Status StartWorker(size_t index);

  // From its next start on the ledger works on this server, which has a copy of the stack's schema;
  // so do the commands of RunLedger.
  void FailOverTo(const test_support::PrivateDatabaseServer& server);

  // The processes, to be watched, signalled and killed; null before the first start.
  test_support::Subprocess* ledger_process() { return ledger_process_.get(); }
  test_support::Subprocess* gateway_process() { return gateway_process_.get(); }
  test_support::Subprocess* worker_process(size_t index) { return workers_[index].get(); }

  // Where they serve: "127.0.0.1:4711".
  const std::string& ledger_address() const { return ledger_address_; }
  const std::string& gateway_address() const { return gateway_address_; }
  int metrics_port() const { return metrics_port_; }

  // The ledger's services; `stub` finds one by its type.
  const test_support::LedgerStubs& stubs() const { return *stubs_; }
  template <typename Stub>
  Stub& stub() {
    return stubs_->of<Stub>();
  }
  ledger::v1::Ledger::Stub& ledger() { return stub<ledger::v1::Ledger::Stub>(); }
  ledger::v1::Accounts::Stub& accounts() { return stub<ledger::v1::Accounts::Stub>(); }
  ledger::v1::Events::Stub& events() { return stub<ledger::v1::Events::Stub>(); }
  ledger::v1::Support::Stub& support() { return stub<ledger::v1::Support::Stub>(); }
  ledger::v1::Rates::Stub& rates() { return stub<ledger::v1::Rates::Stub>(); }
  ledger::v1::Recharges::Stub& recharges() { return stub<ledger::v1::Recharges::Stub>(); }
  ledger::v1::Audit::Stub& audit() { return stub<ledger::v1::Audit::Stub>(); }
  gateway::v1::PaymentGateway::Stub& gateway() { return *gateway_; }
  // What people and banks do at it.
  gateway::v1::StubDashboard::Stub& dashboard() { return *dashboard_; }

  const test_support::TestDatabase& database() const { return *database_; }
  // A folder of the stack's own, gone with it.
  const std::string& folder() const { return folder_; }

  // Sends bytes to a method of the ledger ("/reserve.ledger.v1.Accounts/GetAccount") and returns
  // the bytes of the first message that comes back. Also for methods that stream, where at most one
  // message comes back.
  absl::StatusOr<std::string> CallRaw(const std::string& method, absl::string_view request);

  // Runs `ledger COMMAND [args]` against the stack's database and ledger to its end.
  struct Ended {
    int exit_code = -1;
    std::string output;  // stdout
    std::string errors;  // stderr
  };
  Ended RunLedger(const std::vector<std::string>& args,
                  const std::map<std::string, std::string>& env = {}) const;

 private:
  explicit Stack(StackOptions options) : options_(std::move(options)) {}
  absl::Status StartAll();

  const StackOptions options_;
  std::string folder_;
  std::unique_ptr<test_support::TestDatabase> database_;
  std::string database_url_;
  std::unique_ptr<test_support::Subprocess> ledger_process_;
  std::unique_ptr<test_support::Subprocess> gateway_process_;
  std::vector<std::unique_ptr<test_support::Subprocess>> workers_;
  std::string ledger_address_;
  std::string gateway_address_;
  int metrics_port_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<test_support::LedgerStubs> stubs_;
  std::unique_ptr<gateway::v1::PaymentGateway::Stub> gateway_;
  std::unique_ptr<gateway::v1::StubDashboard::Stub> dashboard_;
};

// A message from its text form; a text that is none is a failure of the test.
template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// One unary call with a deadline; a refusal comes with its reason and field.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

// Has the balance of `id` fall by `amount`, as money spent: it is taken off, and a text that costs
// nothing comes in for the user "u", as nothing follows money that staff takes back until the
// account is used (G12). Once for each `request_id`.
absl::Status SpendOf(const test_support::LedgerStubs& ledger, const std::string& id,
                     const std::string& request_id, Nanos amount);

}  // namespace reserve::e2e

#endif  // RESERVE_TESTS_E2E_STACK_H_
