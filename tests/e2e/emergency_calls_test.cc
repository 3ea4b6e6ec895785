// Emergency calls and short codes, as a switch asks for them: C10, C14 (docs/RULES.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "tests/e2e/stack.h"
#include "tests/support/http_get.h"
#include "tests/support/mariadb_server.h"

namespace reserve::e2e {
namespace {

namespace pb = ::reserve::ledger::v1;
using test_support::PrivateDatabaseServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class EmergencyCallsTest : public ::testing::Test {
 protected:
  void Start(StackOptions options) {
    auto stack = Stack::Start(std::move(options));
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    Open("account_id: 'acct' card_token: 'tok_visa#acct'");
  }

  void Open(const std::string& request) {
    const auto open = Parse<pb::OpenAccountRequest>(request);
    const auto opened = Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount, open);
    ASSERT_TRUE(opened.ok()) << opened.status();
    pb::PutUserRequest put;
    put.set_account_id(open.account_id());
    put.set_user_id("u");
    const auto user = Call(stack_->accounts(), &pb::Accounts::Stub::PutUser, put);
    ASSERT_TRUE(user.ok()) << user.status();
  }

  absl::StatusOr<pb::AuthorizeUsageResponse> Ask(const std::string& number,
                                                 const std::string& account_id = "acct",
                                                 const std::string& user_id = "u") {
    return Call(stack_->ledger(), &pb::Ledger::Stub::AuthorizeUsage,
                Parse<pb::AuthorizeUsageRequest>(absl::StrCat(
                    "account_id: '", account_id, "' user_id: '", user_id,
                    "' call { direction: DIRECTION_OUTBOUND destination: '", number, "' }")));
  }

  absl::StatusOr<pb::RecordUsageResponse> Record(const std::string& usage_id,
                                                 const std::string& number,
                                                 const std::string& account_id = "acct",
                                                 const std::string& user_id = "u") {
    return Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
                Parse<pb::RecordUsageRequest>(
                    absl::StrCat("account_id: '", account_id, "' usage { usage_id: '", usage_id,
                                 "' user_id: '", user_id, "' start_time { seconds: ", start_,
                                 " } call { direction: DIRECTION_OUTBOUND destination: '", number,
                                 "' duration { seconds: 30 } } }")));
  }

  void ExpectAllowed(const std::string& number, const std::string& account_id = "acct",
                     const std::string& user_id = "u") {
    const auto answer = Ask(number, account_id, user_id);
    ASSERT_TRUE(answer.ok()) << number << ": " << answer.status();
    EXPECT_TRUE(answer->allowed()) << number;
    EXPECT_TRUE(answer->unlimited_duration()) << number;
    EXPECT_TRUE(answer->emergency()) << number;
  }

  std::unique_ptr<Stack> stack_;
  // Of all usages of a test: a repeat is one only if it says the same.
  const int64_t start_ = absl::ToUnixSeconds(absl::Now()) - 60;
};

// The case of a customer who had just opened an account.
TEST_F(EmergencyCallsTest, C10_911And112AreAllowedWhateverTheStateAndBookedAtZero) {
  Start({});
  for (const std::string number : {"911", "112", "+911", "+112", "933"}) {
    ExpectAllowed(number);
    ExpectAllowed(number, "acct", "nobody");
    ExpectAllowed(number, "nobody");
    ExpectAllowed(number, "acct", "");
  }
  const auto refused = Ask("+12025550123");
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_FALSE(refused->allowed()) << "the account is not funded yet";

  const auto booked = Record("e1", "911");
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->seq(), 1);
  EXPECT_EQ(booked->cost().units(), 0);
  ASSERT_TRUE(Record("e2", "+112", "acct", "nobody").ok());
  const auto usage = Call(stack_->accounts(), &pb::Accounts::Stub::GetUsage,
                          Parse<pb::GetUsageRequest>("account_id: 'acct' usage_id: 'e2'"));
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->usage().call().destination(), "112");
  EXPECT_EQ(usage->rating().basis(), pb::CHARGE_BASIS_EMERGENCY);
  EXPECT_EQ(usage->rating().deck_version(), 0);

  for (const std::string user : {"u", ""}) {
    const auto nowhere = Record("e3", "911", "nobody", user);
    ASSERT_TRUE(nowhere.ok()) << nowhere.status();
    EXPECT_EQ(nowhere->seq(), 0);
    EXPECT_FALSE(nowhere->has_cost());
  }
  EXPECT_THAT(test_support::HttpGet(stack_->metrics_port(), "/metrics"),
              HasSubstr("reserve_ledger_unbooked_emergencies_total 2"));
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
}

// From a telephone that the switch knows, and nobody of the account has.
TEST_F(EmergencyCallsTest, C10_ACallForHelpIsBookedWithoutAUser) {
  Start({});
  const auto booked = Record("e1", "911", "acct", "");
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->seq(), 1);
  EXPECT_EQ(booked->status(), pb::USAGE_STATUS_RATED);
  EXPECT_TRUE(Record("e1", "911", "acct", "")->duplicate());
  EXPECT_EQ(ReasonOf(Record("e1", "911", "acct", "u").status()), "USAGE_ID_REUSED");
  const auto usage = Call(stack_->accounts(), &pb::Accounts::Stub::GetUsage,
                          Parse<pb::GetUsageRequest>("account_id: 'acct' usage_id: 'e1'"));
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->usage().user_id(), "");
  EXPECT_EQ(usage->usage().call().destination(), "911");
  EXPECT_EQ(usage->rating().basis(), pb::CHARGE_BASIS_EMERGENCY);
  EXPECT_THAT(Call(stack_->accounts(), &pb::Accounts::Stub::ListUsage,
                   Parse<pb::ListUsageRequest>("account_id: 'acct'"))
                  ->usage_records(),
              SizeIs(1));
  // What is for help elsewhere only, and any other call, is somebody's.
  for (const std::string number : {"999", "411", "+12025550123"}) {
    const absl::Status refused = Record("e2", number, "acct", "").status();
    EXPECT_EQ(FieldOf(refused), "usage.user_id") << number;
    EXPECT_EQ(ReasonOf(refused), "INVALID_FIELD") << number;
  }
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
}

TEST_F(EmergencyCallsTest, C10_TheAccountsCountrySaysWhichNumbersAreForHelp) {
  Start({.ledger_flags = {"--emergency_numbers=GB:105,US:988"}});
  Open("account_id: 'london' country_code: 'GB' time_zone: 'Europe/London'");
  for (const std::string number : {"999", "+999", "105", "+105"}) ExpectAllowed(number, "london");
  for (const std::string number : {"988", "+988"}) {
    ExpectAllowed(number);
    ExpectAllowed(number, "nobody");
    const auto booked = Record(absl::StrCat("help-", number.size()), number, "acct", "");
    ASSERT_TRUE(booked.ok()) << booked.status();
    EXPECT_EQ(booked->cost().units(), 0);
    EXPECT_GT(booked->seq(), 0);
  }
  const auto here = Ask("999");
  ASSERT_TRUE(here.ok()) << here.status();
  EXPECT_EQ(here->decision(), pb::AUTHORIZATION_DECISION_PENDING_FUNDING);
  EXPECT_FALSE(here->emergency());
  ExpectAllowed("999", "nobody");
  EXPECT_EQ(ReasonOf(Ask("411", "nobody").status()), "ACCOUNT_NOT_FOUND");
}

TEST_F(EmergencyCallsTest, C10_AnAccountThatMovesHasTheNumbersOfItsNewCountry) {
  Start({});
  ASSERT_EQ(Ask("999")->decision(), pb::AUTHORIZATION_DECISION_PENDING_FUNDING);
  const auto request =
      Parse<pb::UpdateAccountRequest>("account_id: 'acct' account { country_code: 'GB' }");
  for (int again = 0; again < 2; ++again) {
    const auto moved = Call(stack_->accounts(), &pb::Accounts::Stub::UpdateAccount, request);
    ASSERT_TRUE(moved.ok()) << moved.status();
    EXPECT_EQ(moved->country_code(), "GB");
  }
  ExpectAllowed("999");
  const auto booked = Record("e1", "999");
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->status(), pb::USAGE_STATUS_RATED);
  EXPECT_EQ(booked->cost().units(), 0);
  pb::ListEventsRequest list;
  list.set_account_id("acct");
  const auto events = Call(stack_->stub<pb::Events::Stub>(), &pb::Events::Stub::ListEvents, list);
  ASSERT_TRUE(events.ok()) << events.status();
  int told = 0;
  for (const pb::Event& event : events->events()) {
    if (event.kind() != pb::EVENT_KIND_ACCOUNT_UPDATED) continue;
    ++told;
    EXPECT_EQ(event.cause(), "its country is GB, and was US");
  }
  EXPECT_EQ(told, 1) << "a repeat tells nothing";
}

TEST_F(EmergencyCallsTest, C10_TheyAreAllowedWhileTheDatabaseIsAway) {
  auto server = PrivateDatabaseServer::Create();
  if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
  ASSERT_TRUE(server.ok()) << server.status();
  Start({.server = server->get()});
  if (HasFatalFailure()) return;
  (*server)->Kill();
  ExpectAllowed("911");
  ExpectAllowed("+112");
  ExpectAllowed("999");  // the account might be in a country where it is for help
  EXPECT_TRUE(absl::IsUnavailable(Ask("+12025550123").status()));
  EXPECT_TRUE(absl::IsUnavailable(Record("later", "911").status())) << "a fact is sent again";
}

TEST_F(EmergencyCallsTest, C10_C14_AShortCodeHasALineOfItsOwn) {
  Start({.starter_deck = true});
  const std::string file = stack_->folder() + "/codes.csv";
  std::ofstream(file) << "kind,prefix,price,country\ncall,1,0.01,\ncall,41,0.05,\n"
                         "call,8816,0.60,\nshort_code,411,1.50,US\nsms_short_code,411,0.25,\n";
  ASSERT_EQ(
      stack_
          ->RunLedger({"import-rates", file, "--effective_time=2001-01-01T00:00:00Z", "--backdate",
                       "--accept=ROWS_DROPPED,PRICES_CHANGED,CROSSES_CEILING,BARE_PREFIX"})
          .exit_code,
      0);
  ASSERT_TRUE(Call(stack_->support(), &pb::Support::Stub::AdjustBalance,
                   Parse<pb::AdjustBalanceRequest>(
                       "account_id: 'acct' request_id: 'r' amount { units: 50 } reason: 'gift'"))
                  .ok());
  const auto quote = [this](const std::string& number) {
    return Call(stack_->rates(), &pb::Rates::Stub::QuoteCall,
                Parse<pb::QuoteCallRequest>(
                    absl::StrCat("call { direction: DIRECTION_OUTBOUND destination: '", number,
                                 "' duration { seconds: 60 } }")));
  };
  ASSERT_TRUE(quote("411").ok()) << quote("411").status();
  EXPECT_EQ(quote("411")->rate().kind(), pb::RATE_KIND_SHORT_CODE);
  EXPECT_EQ(quote("411")->rate().country(), "US");
  EXPECT_EQ(quote("411")->cost().units(), 1);
  EXPECT_EQ(quote("+41141")->rate().prefix(), "41") << "a number in Switzerland";
  for (const std::string number : {"4111", "41141", "4114"}) {
    EXPECT_EQ(ReasonOf(quote(number).status()), "NO_RATE") << number;
  }
  ASSERT_TRUE(quote("911").ok()) << quote("911").status();
  EXPECT_EQ(quote("911")->cost().units(), 0) << "it brings help, and is in no deck";
  EXPECT_EQ(FieldOf(Ask("+411").status()), "call.destination");

  ASSERT_TRUE(Record("c1", "411").ok());
  ASSERT_TRUE(Record("c2", "+41141").ok());
  ASSERT_TRUE(Record("c3", "+881612345678").ok());
  const auto history = Call(stack_->accounts(), &pb::Accounts::Stub::ListUsage,
                            Parse<pb::ListUsageRequest>("account_id: 'acct'"));
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_THAT(history->usage_records(), SizeIs(3));
  std::map<std::string, std::string> countries;
  for (const pb::UsageRecord& record : history->usage_records()) {
    countries[record.usage().call().destination()] = record.rating().country();
  }
  EXPECT_EQ(countries["411"], "US");
  EXPECT_EQ(countries["+41141"], "CH");
  EXPECT_EQ(countries["+881612345678"], "SATELLITE");
  EXPECT_EQ(ReasonOf(Record("c1", "+41141").status()), "USAGE_ID_REUSED");
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
}

}  // namespace
}  // namespace reserve::e2e
