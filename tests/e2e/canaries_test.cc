// What must be nowhere but in the database: card tokens, telephone numbers, secrets, and what
// people write or are called. Each has a mark here, is sent through all doors of the real programs
// at their most talkative, and no mark may be in what they log, print, count or trace.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/access/access_table.h"
#include "reserve/ledger/v1/peers.pb.h"
#include "services/gateway_stub/access_table.h"
#include "services/ledger/access/access_table.h"
#include "tests/e2e/raw_call.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/trace_collector.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using test_support::HttpGet;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// In each of them is one of the marks.
constexpr char kToken[] = "tok_visa#canary";
constexpr char kDecliningToken[] = "tok_chargeDeclined#canary";
constexpr char kInvalidToken[] = "tok_invalid_request_1#canary";
constexpr char kNumber[] = "+12025557734";
constexpr char kUnpricedNumber[] = "+2105557734";
constexpr char kFreeText[] = "canary: Ms. Doe asked for it";
constexpr char kPassword[] = "canary-password";
const std::vector<std::string>& Marks() {
  static const auto* const kMarks = new std::vector<std::string>{"canary", "5557734"};
  return *kMarks;
}

// The lines that have a mark.
std::vector<std::string> Marked(const std::string& output) {
  std::vector<std::string> marked;
  for (const std::string& line : LinesOf(output)) {
    for (const std::string& mark : Marks()) {
      if (absl::StrContains(line, mark)) marked.push_back(line);
    }
  }
  return marked;
}

// Fills each field with what has a mark, and goes so deep.
void FillMarked(Message& message, const std::string& text, int depth) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field->is_repeated()) {
          fields.AddString(&message, field, text);
        } else {
          fields.SetString(&message, field, text);
        }
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth == 0 || field->is_map()) break;
        FillMarked(field->is_repeated() ? *fields.AddMessage(&message, field)
                                        : *fields.MutableMessage(&message, field),
                   text, depth - 1);
        break;
      default:
        break;
    }
  }
}

// A request of the method, with `text` in all its fields but for what says which account it is
// about, so that it gets as far as it can.
std::string MarkedRequest(absl::string_view path, const std::string& text,
                          const std::string& account_id) {
  // Nothing else here names it.
  google::protobuf::LinkMessageReflection<pb::PassOnRequest>();
  const std::string name = absl::StrReplaceAll(path.substr(1), {{"/", "."}});
  const google::protobuf::MethodDescriptor* method =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  EXPECT_NE(method, nullptr) << name;
  if (method == nullptr) return "";
  const std::unique_ptr<Message> message(google::protobuf::MessageFactory::generated_factory()
                                             ->GetPrototype(method->input_type())
                                             ->New());
  FillMarked(*message, text, /*depth=*/3);
  const FieldDescriptor* account = method->input_type()->FindFieldByName("account_id");
  if (account != nullptr && !account_id.empty()) {
    message->GetReflection()->SetString(message.get(), account, account_id);
  }
  return message->SerializeAsString();
}

class CanariesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    worker_metrics_port_ = test_support::FreePort();
    gateway_metrics_port_ = test_support::FreePort();
    // Each call is traced.
    const int collector_port = test_support::FreePort();
    collector_ = std::make_unique<test_support::TraceCollector>(collector_port);
    const std::string to_collector = absl::StrCat("--otlp_endpoint=127.0.0.1:", collector_port);
    auto stack = Stack::Start(
        {.ledger_flags = {"--log_level=debug", "--decline_interval=0s", "--poll_interval=50ms",
                          "--trace_ratio=1", to_collector},
         .gateway = true,
         .gateway_flags = {"--log_level=debug",
                           absl::StrCat("--metrics_listen=127.0.0.1:", gateway_metrics_port_)},
         .workers = 1,
         .worker_flags = {"--log_level=debug", "--trace_ratio=1", to_collector,
                          absl::StrCat("--metrics_listen=127.0.0.1:", worker_metrics_port_)}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  // An account with the card, once its first charge has ended one way or the other.
  void Open(const std::string& account_id, const std::string& token) {
    const auto opened = Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                             Parse<pb::OpenAccountRequest>(absl::StrCat(
                                 "account_id: '", account_id, "' card_token: '", token, "'")));
    ASSERT_TRUE(opened.ok()) << opened.status();
    ASSERT_TRUE(
        Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
             Parse<pb::PutUserRequest>(absl::StrCat("account_id: '", account_id, "' user_id: 'u'")))
            .ok());
    ASSERT_TRUE(WaitUntil([&] {
      return stack_->database().QueryInt(absl::StrCat(
                 "SELECT COUNT(*) FROM events WHERE account_id = '", account_id, "'")) >= 2;
    }));
  }

  // What an account lives through, with what people write and whom they call.
  void LiveThrough(const std::string& account_id) {
    for (const std::string number : {kNumber, kUnpricedNumber}) {
      const std::string call = absl::StrCat(
          "account_id: '", account_id,
          "' user_id: 'u' call { direction: DIRECTION_OUTBOUND destination: '", number, "' }");
      Call(stack_->ledger(), &pb::Ledger::Stub::AuthorizeUsage,
           Parse<pb::AuthorizeUsageRequest>(call))
          .status()
          .IgnoreError();
      Call(stack_->accounts(), &pb::Accounts::Stub::QuoteUsage, Parse<pb::QuoteUsageRequest>(call))
          .status()
          .IgnoreError();
      pb::RecordUsageRequest usage = UsageOf(absl::StrCat("usage-", number.substr(1)));
      usage.set_account_id(account_id);
      usage.mutable_usage()->mutable_call()->set_destination(number);
      ASSERT_TRUE(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, usage).ok());
      usage.mutable_usage()->mutable_call()->mutable_duration()->set_seconds(61);
      EXPECT_FALSE(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, usage).ok());
      usage.mutable_usage()->set_usage_id("not-allowed-" + number.substr(1));
      usage.set_only_if_allowed(true);
      Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, usage).status().IgnoreError();
    }
    const std::string by = absl::StrCat("account_id: '", account_id, "' reason: '", kFreeText,
                                        "' actor: '", kFreeText, "' reference: '", kFreeText, "' ");
    EXPECT_TRUE(Call(stack_->support(), &pb::Support::Stub::AdjustBalance,
                     Parse<pb::AdjustBalanceRequest>(
                         by + "request_id: 'r1' amount { currency_code: 'USD' units: -14 }"))
                    .ok());
    EXPECT_TRUE(Call(stack_->support(), &pb::Support::Stub::BlockAccount,
                     Parse<pb::BlockAccountRequest>(by))
                    .ok());
    EXPECT_TRUE(Call(stack_->support(), &pb::Support::Stub::UnblockAccount,
                     Parse<pb::UnblockAccountRequest>(by))
                    .ok());
  }

  // Each method of a table, with each kind of mark, in its fields and as bytes that are no message.
  template <size_t kRows>
  void CallAll(const std::shared_ptr<grpc::Channel>& channel, const MethodAccess (&table)[kRows]) {
    for (const MethodAccess& row : table) {
      // Watches last, and so may what ledgers pass on; they say nothing more.
      const absl::string_view name = row.method.substr(row.method.rfind('/'));
      const bool lasts = absl::StartsWith(name, "/Watch") || name == "/PassOn";
      const absl::Duration patience = lasts ? absl::Milliseconds(300) : kCallDeadline;
      for (const std::string text : {kToken, kNumber, kFreeText}) {
        for (const std::string account_id : {"", "paid"}) {
          CallRaw(channel, std::string(row.method), MarkedRequest(row.method, text, account_id),
                  patience)
              .status()
              .IgnoreError();
        }
        CallRaw(channel, std::string(row.method), text, patience).status().IgnoreError();
      }
    }
  }

  std::unique_ptr<test_support::TraceCollector> collector_;
  std::unique_ptr<Stack> stack_;
  int worker_metrics_port_ = 0;
  int gateway_metrics_port_ = 0;
};

TEST_F(CanariesTest, NothingOfACustomersIsInWhatTheProgramsLogPrintCountOrTrace) {
  ASSERT_NO_FATAL_FAILURE(Open("paid", kToken));
  ASSERT_NO_FATAL_FAILURE(Open("declined", kDecliningToken));
  ASSERT_NO_FATAL_FAILURE(Open("invalid", kInvalidToken));
  ASSERT_NO_FATAL_FAILURE(LiveThrough("paid"));
  ASSERT_NO_FATAL_FAILURE(LiveThrough("declined"));
  CallAll(grpc::CreateChannel(stack_->ledger_address(), grpc::InsecureChannelCredentials()),
          access::kAccessTable);
  CallAll(grpc::CreateChannel(stack_->gateway_address(), grpc::InsecureChannelCredentials()),
          gateway_stub::kAccessTable);

  // They were talkative, and the marks were there to be told.
  EXPECT_THAT(stack_->ledger_process()->Stderr(), HasSubstr("\"severity\":\"DEBUG\""));
  EXPECT_THAT(stack_->ledger_process()->Stderr(), HasSubstr("\"call refused\""));
  EXPECT_THAT(stack_->gateway_process()->Stderr(), HasSubstr("\"answered\""));
  EXPECT_GE(stack_->database().QueryInt(
                "SELECT COUNT(*) FROM payment_methods WHERE card_token LIKE '%canary%'"),
            3);
  EXPECT_GE(
      stack_->database().QueryInt("SELECT COUNT(*) FROM entries WHERE destination LIKE '%5557734'"),
      4);
  for (const int port : {stack_->metrics_port(), gateway_metrics_port_, worker_metrics_port_}) {
    const std::string page = HttpGet(port, "/metrics");
    EXPECT_THAT(page, HasSubstr("process_resident_memory_bytes"));
    EXPECT_THAT(Marked(page), IsEmpty());
  }
  for (Subprocess* process :
       {stack_->worker_process(0), stack_->gateway_process(), stack_->ledger_process()}) {
    process->Signal(SIGTERM);
    EXPECT_EQ(process->Wait(absl::Seconds(60)), 0);
    EXPECT_THAT(Marked(process->Stderr()), IsEmpty());
    EXPECT_THAT(Marked(process->Stdout()), IsEmpty());
  }
  // They have sent what they had as they ended.
  EXPECT_FALSE(collector_->Named("reserve.ledger.v1.Ledger/RecordUsage").empty());
  EXPECT_FALSE(collector_->Named("worker.charge").empty());
  EXPECT_THAT(Marked(collector_->Text()), IsEmpty());
}

TEST_F(CanariesTest, ThePasswordOfTheDatabaseIsNowhereWhetherItIsRightOrWrong) {
  stack_->database().Execute(
      absl::StrCat("CREATE USER 'canary_user'@'localhost' IDENTIFIED BY '", kPassword, "'"));
  stack_->database().Execute(absl::StrCat("GRANT ALL ON ", stack_->database().schema(),
                                          ".* TO 'canary_user'@'localhost'"));
  const auto run = [&](const std::string& password, const std::string& awaited) {
    const std::string file = stack_->folder() + "/password";
    std::ofstream(file) << password << "\n";
    auto ledger = Subprocess::Start(
        {.program = "ledger",
         .args = {"serve", absl::StrCat("--database=", stack_->database().UrlAs("canary_user", "")),
                  absl::StrCat("--database_password_file=", file), "--listen=127.0.0.1:0",
                  "--log_level=debug"}});
    ASSERT_TRUE(ledger.ok()) << ledger.status();
    EXPECT_TRUE((*ledger)->WaitForOutput(awaited, absl::Seconds(30)).ok()) << (*ledger)->Stderr();
    (*ledger)->Signal(SIGTERM);
    (*ledger)->Wait(absl::Seconds(30));
    for (const std::string& line : LinesOf((*ledger)->Stderr() + (*ledger)->Stdout())) {
      EXPECT_FALSE(absl::StrContains(line, password)) << line;
    }
  };
  run(kPassword, "\"the database is ready\"");
  run(absl::StrCat("wrong-", kPassword), "\"not serving\"");
  stack_->database().Execute("DROP USER 'canary_user'@'localhost'");
}

}  // namespace
}  // namespace reserve::e2e
