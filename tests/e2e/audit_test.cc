// The door of operations, from outside: VerifyAccount, VerifyLedger and `ledger verify` against a
// running ledger. What the auditor finds is in auditor_test; here is how it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/http_get.h"
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
    auto stack = Stack::Start({.server = server_});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = stack->release();
    for (int i = 0; i < kAccounts; ++i) {
      const auto adjusted = [&] {
        const std::string id = absl::StrFormat("account_id: 'acct-%03d' ", i);
        const auto opened = Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                                 Parse<pb::OpenAccountRequest>(id));
        if (!opened.ok()) return opened.status();
        return Call(stack_->support(), &pb::Support::Stub::AdjustBalance,
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

// The stream of the first page is lost, and the verification goes on in another one.
TEST_F(AuditTest, WhatWasFoundBeforeAResumeIsInTheMetricAndInTheStatus) {
  const auto metric = [] {
    const std::string page = test_support::HttpGet(stack_->metrics_port(), "/metrics");
    const std::string name = "\nreserve_ledger_last_verify_differences ";
    const size_t at = page.find(name);
    return at == std::string::npos ? std::string("none") : page.substr(at + name.size(), 2);
  };
  ASSERT_TRUE(Verification().Finish().ok());
  ASSERT_EQ(metric(), "0\n");
  stack_->database().Execute(
      "UPDATE balances SET balance_nanos = balance_nanos + 1 WHERE account_id = 'acct-000'");
  Verification first;
  ASSERT_TRUE(first.stream->Read(&first.last));
  ASSERT_FALSE(first.last.done());
  ASSERT_EQ(first.last.counts().differences(), 1);
  const std::string token = first.last.resume_token();
  first.context.TryCancel();
  first.Finish().IgnoreError();
  stack_->database().Execute(
      "UPDATE balances SET balance_nanos = balance_nanos - 1 WHERE account_id = 'acct-000'");

  Verification rest(token);
  EXPECT_TRUE(rest.Finish().ok());
  EXPECT_EQ(rest.last.counts().differences(), 0) << "counts are the stream's own";
  EXPECT_EQ(metric(), "1\n");
  const Stack::Ended status = stack_->RunLedger({"status"});
  EXPECT_THAT(status.output, HasSubstr(": 120 accounts, 1 differences"));
  ASSERT_TRUE(Verification().Finish().ok());
  EXPECT_EQ(metric(), "0\n");
}

TEST_F(AuditTest, ATokenWithoutCountsIsOfALedgerOfBeforeAndOneWithNonsenseIsRefused) {
  Verification first;
  ASSERT_TRUE(first.stream->Read(&first.last));
  std::string text;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(first.last.resume_token(), &text));
  first.context.TryCancel();
  first.Finish().IgnoreError();
  const std::string of_before = text.substr(0, text.find(' '));
  Verification rest(absl::WebSafeBase64Escape(of_before));
  EXPECT_TRUE(rest.Finish().ok());
  EXPECT_EQ(rest.last.counts().accounts(), kAccounts - 50);
  for (const char* counts : {" 50", " 50 -1", " x 0", " 50 0 0", " -1 0"}) {
    const absl::Status status =
        Verification(absl::WebSafeBase64Escape(absl::StrCat(of_before, counts))).Finish();
    EXPECT_EQ(FieldOf(status), "resume_token") << counts << ": " << status;
  }
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

TEST_F(AuditTest, CheckHeadTellsAnEntryThatIsThereFromOneThatIsLostOrReplaced) {
  const std::string id = "account_id: 'lost' ";
  const auto adjust = [&](const std::string& request_id) {
    const auto response =
        Call(stack_->support(), &pb::Support::Stub::AdjustBalance,
             Parse<pb::AdjustBalanceRequest>(absl::StrCat(id, "request_id: '", request_id,
                                                          "' reason: 'gift' amount { units: 1 }")));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : pb::Entry();
  };
  const auto check = [&](const pb::Entry& entry) {
    pb::CheckHeadRequest request = Parse<pb::CheckHeadRequest>(id);
    request.set_seq(entry.seq());
    request.set_hash(entry.hash());
    const auto response = Call(stack_->audit(), &pb::Audit::Stub::CheckHead, request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(pb::CheckHeadResponse());
  };
  const auto opened =
      Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount, Parse<pb::OpenAccountRequest>(id));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const pb::Entry earlier = adjust("earlier");
  // As a restore of an earlier copy would have it: the rows are put back as they are now.
  const auto row = stack_->database().Query(
      "SELECT balance_nanos,last_seq,HEX(head_hash) FROM balances WHERE account_id = 'lost'");
  ASSERT_EQ(row.size(), 1u);
  const auto events =
      stack_->database().QueryInt("SELECT last_event_seq FROM accounts WHERE account_id = 'lost'");
  const pb::Entry last = adjust("last");
  EXPECT_EQ(check(last).state(), pb::HEAD_STATE_PRESENT);
  EXPECT_EQ(check(last).head_seq(), last.seq());
  EXPECT_EQ(check(last).head_hash(), last.hash());
  const auto lose = [&](const std::string& table, const std::string& which) {
    stack_->database().Execute(
        absl::StrCat("DELETE FROM ", table, " WHERE account_id = 'lost' AND ", which));
  };
  lose("entries", absl::StrCat("seq = ", last.seq()));
  lose("requests", "request_id = 'last'");
  lose("events", absl::StrCat("event_seq > ", events));
  stack_->database().Execute(
      absl::StrCat("UPDATE accounts SET last_event_seq = ", events, " WHERE account_id = 'lost'"));
  stack_->database().Execute(absl::StrCat(
      "UPDATE balances SET balance_nanos = ", row[0][0], ", last_seq = ", row[0][1],
      ", head_hash = UNHEX('", row[0][2], "'), version = version + 1, revision = revision + 1 ",
      "WHERE account_id = 'lost'"));

  // What is left adds up, and does not have the entry.
  const auto verified = Verify("lost");
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->counts().differences(), 0) << verified->DebugString();
  EXPECT_EQ(check(last).state(), pb::HEAD_STATE_LOST);
  EXPECT_EQ(check(last).head_seq(), earlier.seq());
  EXPECT_EQ(check(earlier).state(), pb::HEAD_STATE_PRESENT);
  // The ledger goes on from there.
  EXPECT_EQ(adjust("another").seq(), last.seq());
  EXPECT_EQ(check(last).state(), pb::HEAD_STATE_REPLACED);
  EXPECT_EQ(check(earlier).state(), pb::HEAD_STATE_PRESENT);
  // Other tests count one account and one entry less.
  for (const std::string table :
       {"entries", "requests", "events", "balances", "accounts", "account_months"}) {
    lose(table, "TRUE");
  }
}

TEST_F(AuditTest, CheckHeadsNamesWhatItCanNotRead) {
  const std::string file = stack_->folder() + "/bad-heads.csv";
  std::ofstream(file) << "acct-001\nacct-001,0," << std::string(64, '0') << "\nacct-001,1,xyz\n"
                      << "a b,1," << std::string(64, '0') << "\n";
  const auto bad = stack_->RunLedger({"check-heads", file});
  EXPECT_EQ(bad.exit_code, 2) << bad.output << bad.errors;
  EXPECT_THAT(bad.output, HasSubstr("line 2 is not ACCOUNT,SEQ,HASH"));
  EXPECT_THAT(bad.output, HasSubstr("0 entries, 0 present, 0 lost, 0 replaced, 4 lines not"));
  EXPECT_EQ(stack_->RunLedger({"check-heads"}).exit_code, 2);
  const auto missing = stack_->RunLedger({"check-heads", stack_->folder() + "/nowhere"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.errors, HasSubstr("cannot read"));
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
