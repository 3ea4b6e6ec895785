// What an operator relies on: health, reflection, metrics, logs, and an orderly end on
// SIGTERM. What it is told at its start is in start_test.cc.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "services/ledger/domain/feature_level.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/http_get.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::HttpGet;
using test_support::PrivateDatabaseServer;
using test_support::Subprocess;
using test_support::TestDatabase;
using test_support::WaitUntil;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string>& Services() {
  static const auto* const kServices = new std::vector<std::string>{
      "reserve.ledger.v1.Ledger",  "reserve.ledger.v1.Accounts", "reserve.ledger.v1.Events",
      "reserve.ledger.v1.Support", "reserve.ledger.v1.Rates",    "reserve.ledger.v1.Recharges",
      "reserve.ledger.v1.Audit"};
  return *kServices;
}

// 1 serving, 2 not serving, -1 no answer. No package ships the proto of the health service; its
// messages are a short string and one byte.
int Health(Stack& stack, const std::string& service) {
  const std::string request =
      service.empty()
          ? ""
          : absl::StrCat("\n", std::string(1, static_cast<char>(service.size())), service);
  const auto answer = stack.CallRaw("/grpc.health.v1.Health/Check", request);
  return answer.ok() && answer->size() == 2 ? (*answer)[1] : -1;
}

void OpenAccount(Stack& stack) {
  ASSERT_TRUE(Call(stack.accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>("account_id: 'acct'"))
                  .ok());
  ASSERT_TRUE(Call(stack.accounts(), &pb::Accounts::Stub::PutUser,
                   Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'u'"))
                  .ok());
}

// --- A ledger that runs -------------------------------------------------------------

class RunningLedgerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto stack = Stack::Start({.gateway = true, .workers = 1});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = stack->release();
    OpenAccount(*stack_);
  }
  static void TearDownTestSuite() {
    delete stack_;
    stack_ = nullptr;
  }

  static Stack* stack_;
};

Stack* RunningLedgerTest::stack_ = nullptr;

TEST_F(RunningLedgerTest, HealthIsToldForTheWholeAndForEachService) {
  EXPECT_EQ(Health(*stack_, ""), 1);
  for (const std::string& service : Services()) EXPECT_EQ(Health(*stack_, service), 1) << service;
  EXPECT_EQ(Health(*stack_, "reserve.ledger.v1.Nobody"), -1);
}

TEST_F(RunningLedgerTest, ReflectionListsTheServices) {
  // list_services: "*", as no package ships the proto of reflection.
  const auto answer = stack_->CallRaw(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  ASSERT_TRUE(answer.ok()) << answer.status();
  for (const std::string& service : Services()) EXPECT_THAT(*answer, HasSubstr(service));
  EXPECT_THAT(*answer, HasSubstr("grpc.health.v1.Health"));
}

TEST_F(RunningLedgerTest, MetricsAreServedUnderTheirNames) {
  ASSERT_TRUE(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("metered")).ok());
  const std::string page = HttpGet(stack_->metrics_port(), "/metrics");
  for (const std::string name :
       {"reserve_ledger_calls_total", "reserve_ledger_call_seconds_bucket",
        "reserve_ledger_commands_total", "reserve_ledger_batches_total",
        "reserve_ledger_conflicts_total", "reserve_ledger_connections_lost_total",
        "reserve_ledger_unknown_commits_total", "reserve_ledger_duplicates_total",
        "reserve_ledger_overloaded_total", "reserve_ledger_leases_granted_total",
        "reserve_ledger_overloaded_queries_total", "reserve_ledger_queued_commands",
        "reserve_ledger_queued_bytes", "process_resident_memory_bytes"}) {
    EXPECT_THAT(page, HasSubstr(absl::StrCat("\n", name))) << name;
  }
  EXPECT_THAT(page, ::testing::ContainsRegex(
                        "reserve_ledger_calls_total.code=\"OK\",method=\"RecordUsage\". 1"));
}

TEST_F(RunningLedgerTest, CallsAreAlsoMeasuredUnderTheNameOfOpenTelemetry) {
  ASSERT_TRUE(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("measured")).ok());
  EXPECT_FALSE(Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                    Parse<pb::GetAccountRequest>("account_id: 'nobody'"))
                   .ok());
  const std::string page = HttpGet(stack_->metrics_port(), "/metrics");
  EXPECT_THAT(page,
              HasSubstr("\nrpc_server_call_duration_seconds_count{"
                        "rpc_method=\"reserve.ledger.v1.Ledger/RecordUsage\","
                        "rpc_response_status_code=\"OK\",rpc_service=\"reserve.ledger.v1.Ledger\","
                        "rpc_system_name=\"grpc\"}"));
  EXPECT_THAT(page, HasSubstr("rpc_method=\"reserve.ledger.v1.Accounts/GetAccount\","
                              "rpc_response_status_code=\"NOT_FOUND\""));
  EXPECT_THAT(page, HasSubstr("\nreserve_build_info{build="));
}

TEST_F(RunningLedgerTest, MoneyOnItsWayIsMeasuredFromTheDipToTheCredit) {
  const auto count = [](const std::string& name) {
    const std::string page = HttpGet(stack_->metrics_port(), "/metrics");
    std::smatch found;
    const std::regex line("\n" + name + " ([0-9.e+]+)");
    return std::regex_search(page, found, line) ? std::stod(found[1]) : -1;
  };
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>("account_id: 'dips' card_token: 'tok_visa#dips'"))
                  .ok());
  ASSERT_TRUE(WaitUntil([&] {
    return count(R"(reserve_ledger_recharge_outcomes_total\{outcome="succeeded"\})") >= 1;
  }));
  EXPECT_EQ(count("reserve_ledger_dip_to_credit_seconds_count"), 0) << "a first charge is no dip";
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                   Parse<pb::PutUserRequest>("account_id: 'dips' user_id: 'u'"))
                  .ok());
  ASSERT_TRUE(SpendOf(stack_->stubs(), "dips", "spent", 6 * kNanosPerUnit).ok());
  ASSERT_TRUE(WaitUntil([&] { return count("reserve_ledger_dip_to_credit_seconds_count") == 1; }));
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>(
                       "account_id: 'declined' card_token: 'tok_decline_lost_card#declined'"))
                  .ok());
  ASSERT_TRUE(
      WaitUntil([&] { return count(R"(reserve_ledger_declines_total\{class="hard"\})") == 1; }));
  ASSERT_TRUE(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                   Parse<pb::OpenAccountRequest>(
                       "account_id: 'pends' card_token: 'tok_pending_3600000#pends'"))
                  .ok());
  ASSERT_TRUE(
      WaitUntil([&] { return count(R"(reserve_ledger_recharges\{state="pending"\})") == 1; }));
  EXPECT_GT(count("reserve_ledger_oldest_unknown_outcome_seconds"), 0);
  EXPECT_EQ(count("reserve_ledger_reviews_open"), 0);
  EXPECT_EQ(count(R"(reserve_ledger_deck_in_force\{currency="USD",series="standard"\})"), 1);
  EXPECT_GT(count("reserve_ledger_commit_seconds_count"), 0);
  EXPECT_GT(count("reserve_ledger_batch_commands_count"), 0);
  EXPECT_GT(count(R"(reserve_ledger_pool_threads\{pool="queries"\})"), 0);
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
  EXPECT_EQ(count("reserve_ledger_last_verify_differences"), 0);
}

TEST_F(RunningLedgerTest, StatusShowsItOnOneScreenOrAsJson) {
  const Stack::Ended shown = stack_->RunLedger({"status"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  for (const char* text :
       {"\nhealth      SERVING\n", "\nlanes       ", " lanes, 0 commands waiting", "\nrecharges   ",
        "1 workers here with", "\nreviews     0 wait for a person\n",
        "\ndecks       USD standard: version 1 \"", "failing in the background: nothing\n",
        "\nreplicas    ", " (this), feature level "}) {
    EXPECT_THAT(shown.output, HasSubstr(text));
  }
  EXPECT_LE(LinesOf(shown.output).size(), 24u) << "it is one screen";
  const Stack::Ended as_json = stack_->RunLedger({"status", "--json"});
  const auto read = nlohmann::json::parse(as_json.output, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(read.is_object()) << as_json.output;
  EXPECT_EQ(read["serving"], true);
  EXPECT_EQ(read["status"]["recharges"]["workers"], "1");
  EXPECT_EQ(read["status"]["decks"][0]["currency"], "USD");
}

TEST_F(RunningLedgerTest, OtherCommandsAnswerInJsonAsWell) {
  const auto json_of = [](std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const Stack::Ended ended = stack_->RunLedger(arguments);
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return nlohmann::json::parse(ended.output, nullptr, /*allow_exceptions=*/false);
  };
  EXPECT_EQ(json_of({"rate-decks"})["rateDecks"][0]["rateDeck"]["version"], "1");
  EXPECT_EQ(json_of({"rate-decks"})["rateDecks"][0]["timeline"]["activations"].size(), 1u);
  EXPECT_EQ(json_of({"compare-rates", "1", "1"})["baseDeckVersion"], "1");
  EXPECT_GT(json_of({"access"})["methods"].size(), 50u);
  EXPECT_EQ(json_of({"verify"})["counts"]["differences"], "0");
}

TEST_F(RunningLedgerTest, EveryLineOfTheLogsIsJson) {
  for (Subprocess* process :
       {stack_->ledger_process(), stack_->gateway_process(), stack_->worker_process(0)}) {
    const std::vector<std::string> lines = LinesOf(process->Stderr());
    EXPECT_FALSE(lines.empty());
    for (const std::string& line : lines) {
      const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      ASSERT_TRUE(record.is_object()) << line;
      for (const char* key : {"time", "severity", "message"}) {
        EXPECT_TRUE(record.contains(key)) << line;
      }
    }
    EXPECT_EQ(process->Stdout(), "");
  }
}

TEST_F(RunningLedgerTest, MigratingAgainChangesNothingAndDoesNoHarm) {
  const auto before = stack_->database().Query("CHECKSUM TABLE plans, accounts, rates");
  EXPECT_EQ(stack_->RunLedger({"migrate"}).exit_code, 0);
  EXPECT_EQ(stack_->database().Query("CHECKSUM TABLE plans, accounts, rates"), before);
  EXPECT_EQ(Health(*stack_, ""), 1);
}

TEST_F(RunningLedgerTest, AnUpgradeIsFinishedOnceNoOldLedgerServes) {
  const TestDatabase& sql = stack_->database();
  sql.Execute("UPDATE feature_level SET level = 1, receipts_from = NULL");
  sql.Execute(
      "INSERT INTO ledgers (ledger_id, known_level, heartbeat_time) "
      "VALUES ('pod-old', 1, CURRENT_TIMESTAMP(6))");
  const auto refused = stack_->RunLedger({"migrate", "--finish"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("pod-old knows level 1, and serves"));
  // The one that runs here has registered, and knows the new level.
  EXPECT_THAT(refused.errors, Not(HasSubstr(";")));
  sql.Execute("UPDATE ledgers SET leave_time = CURRENT_TIMESTAMP(6) WHERE ledger_id = 'pod-old'");
  const auto finished = stack_->RunLedger({"migrate", "--finish"});
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  EXPECT_THAT(finished.output, HasSubstr(absl::StrCat("the feature level was raised from 1 to ",
                                                      domain::kNewestFeatureLevel)));
  EXPECT_EQ(Health(*stack_, ""), 1);
}

TEST_F(RunningLedgerTest, ImportingTheSameDeckAgainMakesNoOther) {
  const auto again =
      stack_->RunLedger({"import-rates", "--starter", "--effective_time=2000-01-01T00:00:00Z"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM rate_decks"), 1);
}

// --- A database that goes away ------------------------------------------------------

TEST(DatabaseOutageTest, HealthFollowsTheDatabaseAndNothingAnsweredIsLost) {
  auto server = PrivateDatabaseServer::Create();
  if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
  ASSERT_TRUE(server.ok()) << server.status();
  auto started = Stack::Start({.server = server->get()});
  ASSERT_TRUE(started.ok()) << started.status();
  Stack& stack = **started;
  OpenAccount(stack);
  const auto first = Call(stack.ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("before"));
  ASSERT_TRUE(first.ok()) << first.status();

  (*server)->Kill();
  for (const std::string& service : Services()) {
    EXPECT_TRUE(WaitUntil([&] { return Health(stack, service) == 2; })) << service;
  }
  EXPECT_EQ(Health(stack, ""), 2);
  const auto refused = Call(stack.accounts(), &pb::Accounts::Stub::GetAccount,
                            Parse<pb::GetAccountRequest>("account_id: 'acct'"));
  EXPECT_EQ(refused.status().code(), StatusCode::kUnavailable) << refused.status();
  EXPECT_TRUE(RetryAfterOf(refused.status()).has_value()) << refused.status();
  const Stack::Ended status = stack.RunLedger({"status"});
  EXPECT_EQ(status.exit_code, 1);
  EXPECT_THAT(status.output, HasSubstr("NOT SERVING"));
  EXPECT_THAT(status.output, HasSubstr("failing in the background: "));

  ASSERT_TRUE((*server)->Start().ok());
  EXPECT_TRUE(WaitUntil([&] { return Health(stack, "") == 1; }));
  const auto again = Call(stack.ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("before"));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate());
  EXPECT_EQ(again->seq(), first->seq());
  EXPECT_TRUE(stack.ledger_process()->Running());
}

TEST(DatabaseOutageTest, ALedgerWhoseDatabaseIsAwayStillEndsOnSigterm) {
  auto server = PrivateDatabaseServer::Create();
  if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
  ASSERT_TRUE(server.ok()) << server.status();
  auto stack = Stack::Start(
      {.server = server->get(), .ledger_flags = {"--drain_timeout=2s"}, .starter_deck = false});
  ASSERT_TRUE(stack.ok()) << stack.status();
  (*server)->Kill();
  (*stack)->ledger_process()->Signal(SIGTERM);
  EXPECT_EQ((*stack)->ledger_process()->Wait(absl::Seconds(20)), 0)
      << (*stack)->ledger_process()->Stderr();
}

TEST(DatabaseOutageTest, ALedgerOnAnEmptySchemaWaitsForTheMigration) {
  const TestDatabase database;
  const std::string url = absl::StrCat("--database=", database.url());
  auto ledger =
      Subprocess::Start({.program = "ledger", .args = {"serve", url, "--listen=127.0.0.1:0"}});
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const auto why = (*ledger)->WaitForOutput("\"not serving\"", absl::Seconds(20));
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_THAT(*why, AllOf(HasSubstr("SCHEMA_TOO_OLD"), HasSubstr("ledger migrate")));
  auto migrate = Subprocess::Start({.program = "ledger", .args = {"migrate", url}});
  ASSERT_TRUE(migrate.ok()) << migrate.status();
  ASSERT_EQ((*migrate)->Wait(absl::Seconds(20)), 0) << (*migrate)->Stderr();
  EXPECT_TRUE((*ledger)->WaitForOutput("\"the database is ready\"", absl::Seconds(20)).ok());
}

TEST(DatabaseOutageTest, ALedgerIsNotServingOnASchemaThatIsTooNewForIt) {
  auto started = Stack::Start({.starter_deck = false});
  ASSERT_TRUE(started.ok()) << started.status();
  Stack& stack = **started;
  stack.database().Execute("UPDATE schema_migrations SET oldest_code = 9999");
  EXPECT_TRUE(WaitUntil([&] { return Health(stack, "") == 2; }));
  EXPECT_TRUE(stack.ledger_process()->WaitForOutput("SCHEMA_TOO_NEW", absl::Seconds(5)).ok());
  stack.database().Execute("UPDATE schema_migrations SET oldest_code = 1");
  EXPECT_TRUE(WaitUntil([&] { return Health(stack, "") == 1; }));
}

TEST(DatabaseOutageTest, ADatabaseThatIsNotThereIsNamedWithoutItsPassword) {
  auto ledger = Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", "--database=mysql://u:hunter2@127.0.0.1:1/x", "--listen=127.0.0.1:0"}});
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  const auto why = (*ledger)->WaitForOutput("\"not serving\"", absl::Seconds(20));
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_THAT(*why, HasSubstr("127.0.0.1"));
  (*ledger)->Signal(SIGTERM);
  EXPECT_EQ((*ledger)->Wait(absl::Seconds(20)), 0);
  EXPECT_THAT((*ledger)->Stderr(), Not(HasSubstr("hunter2")));
}

// --- A full queue -------------------------------------------------------------------

// A ledger with the account "acct", whose row can be held so that commands wait.
class HeldAccountTest : public ::testing::Test {
 protected:
  explicit HeldAccountTest(std::vector<std::string> flags) : flags_(std::move(flags)) {}

  void SetUp() override {
    auto stack = Stack::Start({.ledger_flags = flags_});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    OpenAccount(*stack_);
  }

  // Holds the row of the account until ReleaseAccount, so that a command on it waits.
  void HoldAccount() {
    holder_ = std::async(std::launch::async, [this] {
      stack_->database()
          .TryQuery(
              "UPDATE balances SET version = version + SLEEP(30) WHERE "
              "account_id = 'acct'")
          .status()
          .IgnoreError();
    });
    ASSERT_TRUE(WaitUntil([&] { return !Holder().empty(); }));
  }
  void ReleaseAccount() {
    const auto holder = Holder();
    if (!holder.empty()) stack_->database().Execute(absl::StrCat("KILL ", holder[0][0]));
    holder_.get();
  }
  std::vector<TestDatabase::Row> Holder() const {
    return stack_->database().Query(
        absl::StrCat("SELECT id FROM information_schema.processlist WHERE db = '",
                     stack_->database().schema(), "' AND state = 'User sleep'"));
  }
  bool SomebodyWaits() const {
    return stack_->database().QueryInt(
               "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK "
               "WAIT'") > 0;
  }

  const std::vector<std::string> flags_;
  std::unique_ptr<Stack> stack_;
  std::future<void> holder_;
};

class OverloadTest : public HeldAccountTest {
 protected:
  OverloadTest() : HeldAccountTest({"--lanes=1", "--max_queue=1"}) {}

  auto RecordLater(const std::string& usage_id) {
    return std::async(std::launch::async, [this, usage_id] {
      return Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf(usage_id));
    });
  }
  static void ExpectOverloaded(const absl::Status& status) {
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    EXPECT_EQ(ReasonOf(status), "OVERLOADED") << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("try again in "));
    const auto wait = RetryAfterOf(status);
    ASSERT_TRUE(wait.has_value()) << status;
    EXPECT_GE(*wait, absl::Milliseconds(10));
    EXPECT_LE(*wait, absl::Seconds(5));
  }
};

TEST_F(OverloadTest, AFullQueueRefusesWithAWaitAndBooksWhatItTook) {
  ASSERT_NO_FATAL_FAILURE(HoldAccount());
  auto in_work = RecordLater("in-work");
  // The server renews this table only if nobody asked for 100 ms.
  EXPECT_TRUE(
      WaitUntil([&] { return SomebodyWaits(); }, absl::Seconds(20), absl::Milliseconds(150)));
  auto queued = RecordLater("queued");
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(HttpGet(stack_->metrics_port(), "/metrics"),
                             "\nreserve_ledger_queued_commands 1\n");
  }));

  ExpectOverloaded(
      Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("refused")).status());
  ExpectOverloaded(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                        Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'v'"))
                       .status());
  pb::BatchRecordUsageRequest batch;
  *batch.add_requests() = UsageOf("refused-in-a-batch");
  ExpectOverloaded(Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, batch).status());
  grpc::ClientContext context;
  const auto stream = stack_->ledger().StreamUsage(&context);
  pb::StreamUsageRequest message;
  message.set_sequence(1);
  *message.mutable_request() = UsageOf("refused-on-a-stream");
  EXPECT_TRUE(stream->Write(message));
  pb::StreamUsageResponse acknowledged;
  EXPECT_FALSE(stream->Read(&acknowledged)) << "a usage that was not booked was acknowledged";
  ExpectOverloaded(FromGrpcStatus(stream->Finish()));
  const auto told =
      stack_->ledger_process()->WaitForOutput("\"refused_commands\"", absl::Seconds(20));
  EXPECT_TRUE(told.ok()) << told.status();

  ReleaseAccount();
  EXPECT_TRUE(in_work.get().ok());
  EXPECT_TRUE(queued.get().ok());
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM usage_ids"), 2);
  EXPECT_TRUE(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("refused")).ok());
}

// Whoever waits in vain has gone by then, and asks again: to do it all the same would be one more
// load for nobody, and the more of it the longer the queue is.
TEST_F(OverloadTest, WhatIsTooLateIsDroppedBeforeItIsBegunAndNeverAfter) {
  ASSERT_NO_FATAL_FAILURE(HoldAccount());
  const auto record = [this](const std::string& usage_id, absl::Duration patience) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    pb::RecordUsageResponse response;
    return FromGrpcStatus(stack_->ledger().RecordUsage(&context, UsageOf(usage_id), &response));
  };
  auto begun = std::async(std::launch::async, record, "begun", absl::Seconds(2));
  EXPECT_TRUE(
      WaitUntil([&] { return SomebodyWaits(); }, absl::Seconds(20), absl::Milliseconds(150)));
  EXPECT_TRUE(absl::IsDeadlineExceeded(record("late", absl::Milliseconds(200))));
  EXPECT_TRUE(absl::IsDeadlineExceeded(begun.get()));
  ReleaseAccount();
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(HttpGet(stack_->metrics_port(), "/metrics"),
                             "\nreserve_ledger_too_late_commands_total 1\n");
  }));
  EXPECT_EQ(stack_->database().Query("SELECT usage_id FROM usage_ids"),
            (std::vector<TestDatabase::Row>{{"begun"}}));
  EXPECT_TRUE(record("late", kCallDeadline).ok());
}

class BusyStreamTest : public HeldAccountTest {
 protected:
  BusyStreamTest() : HeldAccountTest({"--lanes=1", "--max_queue=200"}) {}
};

TEST_F(BusyStreamTest, AStreamIsSlowedDownBeforeItIsRefused) {
  constexpr int kMessages = 3'000;  // many times what the queue holds
  ASSERT_NO_FATAL_FAILURE(HoldAccount());
  grpc::ClientContext context;
  const auto stream = stack_->ledger().StreamUsage(&context);
  const auto write = [&stream](int sequence) {
    pb::StreamUsageRequest message;
    message.set_sequence(sequence);
    *message.mutable_request() = UsageOf(absl::StrCat("streamed-", sequence));
    return stream->Write(message);
  };
  // The first one alone keeps the lane busy: a lane that woke late would take a hundred at once,
  // and leave a queue that is empty.
  ASSERT_TRUE(write(1));
  ASSERT_TRUE(
      WaitUntil([&] { return SomebodyWaits(); }, absl::Seconds(4), absl::Milliseconds(150)));
  auto writes = std::async(std::launch::async, [&] {
    for (int i = 2; i <= kMessages; ++i) {
      if (!write(i)) return;
    }
    stream->WritesDone();
  });
  EXPECT_TRUE(WaitUntil([&] {
    return std::regex_search(HttpGet(stack_->metrics_port(), "/metrics"),
                             std::regex("reserve_ledger_queued_commands 1[0-9][0-9]\n"));
  })) << "the queue must fill up to its half";
  ReleaseAccount();
  pb::StreamUsageResponse response;
  int64_t acknowledged = 0;
  while (stream->Read(&response)) acknowledged = response.acknowledged_sequence();
  writes.get();
  EXPECT_EQ(acknowledged, kMessages);
  const absl::Status status = FromGrpcStatus(stream->Finish());
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM usage_ids"), kMessages);
}

// --- SIGTERM ------------------------------------------------------------------------

class DrainTest : public HeldAccountTest {
 protected:
  DrainTest() : HeldAccountTest({"--drain_timeout=10s"}) {}
};

TEST_F(DrainTest, CallsUnderWayFinishAndTheProcessEndsWithZero) {
  ASSERT_NO_FATAL_FAILURE(HoldAccount());
  auto call = std::async(std::launch::async, [this] {
    return Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("under-way"));
  });
  // The server renews this table only if nobody asked for 100 ms.
  const bool waits =
      WaitUntil([&] { return SomebodyWaits(); }, absl::Seconds(20), absl::Milliseconds(150));
  stack_->ledger_process()->Signal(SIGTERM);
  const auto draining = stack_->ledger_process()->WaitForOutput("\"draining\"", absl::Seconds(10));
  ReleaseAccount();
  EXPECT_TRUE(waits);
  EXPECT_TRUE(draining.ok()) << draining.status();
  const auto booked = call.get();
  EXPECT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM usage_ids"), 1);
}

// Clients repeat what is UNAVAILABLE; CANCELLED they take for their own doing.
TEST_F(DrainTest, WhoeverCallsMeanwhileHearsUnavailableAndNothingElse) {
  constexpr int kCallers = 64;
  std::atomic<int> answered = 0;
  std::vector<std::future<absl::Status>> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(std::async(std::launch::async, [&, i] {
      for (int call = 0;; ++call) {
        const auto booked = Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
                                 UsageOf(absl::StrCat("call-", i, "-", call)));
        if (!booked.ok()) return booked.status();
        ++answered;
      }
    }));
  }
  ASSERT_TRUE(WaitUntil([&] { return answered > 10 * kCallers; }));
  stack_->ledger_process()->Signal(SIGTERM);
  for (std::future<absl::Status>& caller : callers) {
    const absl::Status status = caller.get();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
  EXPECT_GE(stack_->database().QueryInt("SELECT COUNT(*) FROM usage_ids"), answered);
}

TEST_F(DrainTest, ACallThatIsHeldForSecondsIsWaitedForAndNewCallersHearUnavailable) {
  ASSERT_NO_FATAL_FAILURE(HoldAccount());
  auto held = std::async(std::launch::async, [this] {
    return Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("held"));
  });
  EXPECT_TRUE(
      WaitUntil([&] { return SomebodyWaits(); }, absl::Seconds(20), absl::Milliseconds(150)));
  std::atomic<bool> over = false;
  std::atomic<int> refused = 0;
  std::vector<std::future<void>> callers;
  for (int i = 0; i < 16; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      while (!over) {
        const auto read = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                               Parse<pb::GetAccountRequest>("account_id: 'none'"));
        const absl::StatusCode code = read.status().code();
        EXPECT_TRUE(code == StatusCode::kNotFound || code == StatusCode::kUnavailable)
            << read.status();
        if (code == StatusCode::kUnavailable) ++refused;
      }
    }));
  }
  stack_->ledger_process()->Signal(SIGTERM);
  const Moment asked_to_end = MonotonicNow();
  EXPECT_TRUE(
      WaitUntil([&] { return refused > 16 && MonotonicNow() - asked_to_end > absl::Seconds(2); }));
  ReleaseAccount();
  const auto booked = held.get();
  EXPECT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
  over = true;
  for (std::future<void>& caller : callers) caller.get();
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM usage_ids"), 1);
}

TEST(HangUpTest, LedgerWorkerAndGatewayDrainAsOnSigterm) {
  auto stack = Stack::Start({.starter_deck = false, .gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  for (test_support::Subprocess* process :
       {(*stack)->worker_process(0), (*stack)->gateway_process(), (*stack)->ledger_process()}) {
    process->Signal(SIGHUP);
    const auto draining = process->WaitForOutput("\"draining\"", absl::Seconds(10));
    EXPECT_TRUE(draining.ok()) << draining.status();
    EXPECT_EQ(process->Wait(absl::Seconds(20)), 0) << process->Stderr();
  }
}

TEST_F(DrainTest, StreamsEndWithAReasonToOpenThemElsewhere) {
  grpc::ClientContext usage_context;
  const auto usage = stack_->ledger().StreamUsage(&usage_context);
  pb::StreamUsageRequest message;
  message.set_sequence(1);
  *message.mutable_request() = UsageOf("streamed");
  ASSERT_TRUE(usage->Write(message));
  pb::StreamUsageResponse acknowledged;
  ASSERT_TRUE(usage->Read(&acknowledged));
  EXPECT_EQ(acknowledged.acknowledged_sequence(), 1);
  grpc::ClientContext watch_context;
  const auto watch = stack_->recharges().WatchLowBalance(
      &watch_context, Parse<pb::WatchLowBalanceRequest>("worker_id: 'w'"));
  watch->WaitForInitialMetadata();

  const absl::Time begin = absl::Now();
  stack_->ledger_process()->Signal(SIGTERM);
  EXPECT_FALSE(usage->Read(&acknowledged));
  pb::WatchLowBalanceResponse lease;
  EXPECT_FALSE(watch->Read(&lease));
  for (const absl::Status& status :
       {FromGrpcStatus(usage->Finish()), FromGrpcStatus(watch->Finish())}) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_EQ(ReasonOf(status), "DRAINING") << status;
  }
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(9)) << stack_->ledger_process()->Stderr();
}

TEST_F(DrainTest, ACallThatGoesOnIsCutOffAtTheDrainTimeout) {
  auto stack = Stack::Start({.ledger_flags = {"--drain_timeout=300ms"}, .starter_deck = false});
  ASSERT_TRUE(stack.ok()) << stack.status();
  ASSERT_TRUE(WaitUntil([&] { return Health(**stack, "") == 1; }));
  // A client that watches health for ever.
  const auto channel = MakeChannel((*stack)->ledger_address(), ChannelOptions());
  ASSERT_TRUE(channel.ok()) << channel.status();
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  grpc::GenericStub stub(*channel);
  const auto watch = stub.PrepareCall(&context, "/grpc.health.v1.Health/Watch", &queue);
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  watch->StartCall(nullptr);
  ASSERT_TRUE(done());
  const grpc::Slice empty("");
  watch->WriteLast(grpc::ByteBuffer(&empty, 1), grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(done());
  grpc::ByteBuffer told;
  watch->Read(&told, nullptr);
  ASSERT_TRUE(done());
  (*stack)->ledger_process()->Signal(SIGINT);
  // It is told that nothing is served any more, and then cut off.
  std::string last;
  for (watch->Read(&told, nullptr); done(); watch->Read(&told, nullptr)) {
    grpc::Slice whole;
    ASSERT_TRUE(told.DumpToSingleSlice(&whole).ok());
    last.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
  }
  EXPECT_EQ(last, "\x08\x02");
  grpc::Status status;
  watch->Finish(&status, nullptr);
  done();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ((*stack)->ledger_process()->Wait(absl::Seconds(20)), 0);
}

}  // namespace
}  // namespace reserve::e2e
