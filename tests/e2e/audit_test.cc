// The door of operations, from outside: VerifyAccount, VerifyLedger and `ledger verify` against a
// running ledger. What the auditor finds is in auditor_test; here is how it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;
using ::testing::HasSubstr;

// More than two messages of VerifyLedger, which has 50 accounts in each.
constexpr int kAccounts = 120;

class AuditTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = PrivateDatabaseServer::Create();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = server->release();
    auto stack = Stack::Start({.server = server_, .starter_deck = false});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = stack->release();
    for (int i = 0; i < kAccounts; ++i) {
      const auto adjusted = [&] {
        const std::string id = absl::StrFormat("account_id: 'acct-%03d' ", i);
        const auto opened = Call(stack_->ledger(), &pb::Ledger::Stub::OpenAccount,
                                 Parse<pb::OpenAccountRequest>(id));
        if (!opened.ok()) return opened.status();
        return Call(stack_->ledger(), &pb::Ledger::Stub::AdjustBalance,
                    Parse<pb::AdjustBalanceRequest>(
                        absl::StrCat(id, "request_id: 'gift' reason: 'gift' amount { units: 1 }")))
            .status();
      }();
      ASSERT_TRUE(adjusted.ok()) << adjusted;
    }
  }
  static void TearDownTestSuite() {
    delete stack_;
    delete server_;
    stack_ = nullptr;
    server_ = nullptr;
  }

  // A stream of VerifyLedger, and what it has said so far.
  struct Verification {
    explicit Verification(const std::string& resume_token = "") {
      pb::VerifyLedgerRequest request;
      request.set_resume_token(resume_token);
      context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
      stream = stack_->audit().VerifyLedger(&context, request);
    }
    // Reads to the end of the stream.
    absl::Status Finish() {
      while (stream->Read(&last)) {
      }
      return FromGrpcStatus(stream->Finish());
    }

    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<pb::VerifyLedgerResponse>> stream;
    pb::VerifyLedgerResponse last;
  };

  static absl::StatusOr<pb::VerifyAccountResponse> Verify(const std::string& id) {
    return Call(stack_->audit(), &pb::Audit::Stub::VerifyAccount,
                Parse<pb::VerifyAccountRequest>(absl::StrCat("account_id: '", id, "'")));
  }
  static bool Answers() { return Verify("acct-000").ok(); }

  static PrivateDatabaseServer* server_;
  static Stack* stack_;
};

PrivateDatabaseServer* AuditTest::server_ = nullptr;
Stack* AuditTest::stack_ = nullptr;

TEST_F(AuditTest, AWholeVerificationCountsEveryAccountAndIsDone) {
  Verification verification;
  const absl::Status status = verification.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(verification.last.done());
  EXPECT_EQ(verification.last.counts().accounts(), kAccounts);
  EXPECT_EQ(verification.last.counts().entries(), kAccounts);
  EXPECT_EQ(verification.last.counts().differences(), 0);
}

TEST_F(AuditTest, ACutStreamGoesOnAtItsResumeToken) {
  Verification first;
  ASSERT_TRUE(first.stream->Read(&first.last));
  EXPECT_FALSE(first.last.done());
  EXPECT_EQ(first.last.counts().accounts(), 50);
  const std::string token = first.last.resume_token();
  first.context.TryCancel();
  first.Finish().IgnoreError();  // OK, if all of it was already on its way.
  Verification rest(token);
  const absl::Status status = rest.Finish();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(rest.last.done());
  EXPECT_EQ(rest.last.counts().accounts(), kAccounts - 50);
}

TEST_F(AuditTest, ATokenOfAnotherCallIsRefused) {
  for (const std::string token : {"nonsense", "acct-050", "AAAA"}) {
    const absl::Status status = Verification(token).Finish();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(FieldOf(status), "resume_token") << status;
  }
}

TEST_F(AuditTest, AVerificationThatItsClientLeftEndsWhileTheDatabaseHangs) {
  Verification left;
  server_->Freeze();
  left.context.TryCancel();
  const absl::Status status = left.Finish();
  server_->Thaw();
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
  // Nothing of it is left behind: the pool of queries is free.
  EXPECT_TRUE(WaitUntil(Answers));
  Verification next;
  EXPECT_TRUE(next.Finish().ok());
}

TEST_F(AuditTest, ADrainingLedgerEndsTheStreamAndTheNextOneGoesOn) {
  // Held in its first page until the ledger drains.
  server_->Freeze();
  Verification cut;
  // Answered without the database, and sent after the other on one connection: that one has come.
  EXPECT_EQ(Verify("").status().code(), StatusCode::kInvalidArgument);
  stack_->ledger_process()->Signal(SIGTERM);
  const auto draining = stack_->ledger_process()->WaitForOutput("\"draining\"", absl::Seconds(10));
  server_->Thaw();
  EXPECT_TRUE(draining.ok()) << draining.status();
  const absl::Status status = cut.Finish();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_EQ(ReasonOf(status), "DRAINING") << status;
  EXPECT_FALSE(cut.last.done());
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
  ASSERT_TRUE(stack_->StartLedger().ok());
  ASSERT_TRUE(WaitUntil(Answers));
  Verification rest(cut.last.resume_token());
  const absl::Status end = rest.Finish();
  EXPECT_TRUE(end.ok()) << end;
  EXPECT_EQ(cut.last.counts().accounts() + rest.last.counts().accounts(), kAccounts);
}

TEST_F(AuditTest, AnUnknownAccountIsNotFound) {
  const absl::Status status = Verify("nobody").status();
  EXPECT_EQ(status.code(), StatusCode::kNotFound) << status;
  EXPECT_EQ(ReasonOf(status), "ACCOUNT_NOT_FOUND");
  EXPECT_EQ(FieldOf(status), "account_id");
}

TEST_F(AuditTest, VerifyEndsWithOneAndShowsTheFirstDifferences) {
  const auto clean = stack_->RunLedger({"verify"});
  EXPECT_EQ(clean.exit_code, 0) << clean.output << clean.errors;
  EXPECT_THAT(clean.output, HasSubstr("120 accounts, 120 entries"));
  EXPECT_THAT(clean.output, HasSubstr(" 0 differences"));

  // One amount of the 71st account is a nano too high; its chain no longer adds up.
  stack_->database().Execute(
      "UPDATE entries SET amount_nanos = amount_nanos + 1 WHERE account_id = 'acct-070'");
  const auto one = Verify("acct-070");
  const auto other = Verify("acct-071");
  const auto found = stack_->RunLedger({"verify"});
  stack_->database().Execute(
      "UPDATE entries SET amount_nanos = amount_nanos - 1 WHERE account_id = 'acct-070'");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_GT(one->counts().differences(), 0);
  EXPECT_EQ(one->differences_size(), one->counts().differences());
  EXPECT_EQ(one->differences(0).account_id(), "acct-070");
  EXPECT_EQ(other->counts().differences(), 0);
  EXPECT_EQ(found.exit_code, 1) << found.output << found.errors;
  EXPECT_THAT(found.output, HasSubstr("120 accounts, 120 entries"));
  EXPECT_THAT(found.output,
              HasSubstr(absl::StrCat(" ", one->counts().differences(), " differences")));
  for (const pb::Difference& difference : one->differences()) {
    EXPECT_THAT(found.output,
                HasSubstr(absl::StrCat("DIFFERENCE  account acct-070  ", difference.check())));
  }
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
}

}  // namespace
}  // namespace reserve::e2e
