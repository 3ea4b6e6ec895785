#include "tests/e2e/stack_suite.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"

namespace reserve::e2e {

namespace pb = ledger::v1;
namespace gw = gateway::v1;
using test_support::Subprocess;

std::string Text(const google::type::Money& money) {
  const auto amount = reserve::FromProto(money, "", "money");
  return amount.ok() ? FormatDecimal(*amount) : amount.status().ToString();
}

Stack* StackTest::stack_ = nullptr;

void StackTest::StartStack(StackOptions options) {
  auto stack = Stack::Start(std::move(options));
  ASSERT_TRUE(stack.ok()) << stack.status();
  stack_ = stack->release();
}

void StackTest::TearDownTestSuite() { delete std::exchange(stack_, nullptr); }

pb::Account StackTest::Account(const std::string& id) {
  return Must(&pb::Accounts::Stub::GetAccount, absl::StrCat("account_id: '", id, "'"));
}

std::string StackTest::Balance(const std::string& id) { return Text(Account(id).balance()); }

std::vector<gw::Charge> StackTest::Charges(const std::string& id) {
  gw::ListChargesRequest request;
  request.set_reference_prefix(id + "/");
  const auto page = Call(stack_->gateway(), &gw::PaymentGateway::Stub::ListCharges, request);
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return {};
  return {page->charges().begin(), page->charges().end()};
}

std::string StackTest::Reconcile() {
  const auto process = Subprocess::Start(
      {.program = "worker",
       .args = {"reconcile", "--grace=0s", absl::StrCat("--ledger=", stack_->ledger_address()),
                absl::StrCat("--gateway=", stack_->gateway_address())}});
  EXPECT_TRUE(process.ok()) << process.status();
  if (!process.ok()) return "";
  (*process)->Wait(absl::Seconds(60));
  return absl::StrCat((*process)->Stdout(), (*process)->Stderr());
}

void StackTest::ExpectAudited(const std::string& id) {
  const auto audit = Must(&pb::Audit::Stub::VerifyAccount, absl::StrCat("account_id: '", id, "'"));
  EXPECT_EQ(audit.counts().differences(), 0) << audit.DebugString();
  EXPECT_EQ(audit.differences_size(), 0) << audit.DebugString();
}

}  // namespace reserve::e2e
