// The console before a real ledger: what its pages and forms do. Who is let in at all is tried by
// console_web_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/rpc/channel.h"
#include "services/console/embedded/embedded.h"
#include "services/console/ledger_client.h"
#include "services/console/pages/site.h"
#include "tests/e2e/console_process.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/build_tree.h"
#include "tests/support/http_get.h"
#include "tests/support/wait_until.h"
#include "worker/charge_key.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::WaitUntil;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Ledger = pb::Ledger::Stub;
using Rates = pb::Rates::Stub;
using Support = pb::Support::Stub;

constexpr char kScript[] = "<script>document.title=1</script>";

class ConsoleTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms"}, .gateway = true, .workers = 1});
    auto console = ConsoleProcess::Start(*stack_, {"--max_address_rate=0", "--max_account_rate=0",
                                                   "--card_page=http://127.0.0.1:1/card"});
    ASSERT_TRUE(console.ok()) << console.status();
    console_ = console->release();
  }
  static void TearDownTestSuite() {
    delete console_;
    console_ = nullptr;
    StackTest::TearDownTestSuite();
  }

  static void OpenFunded(const std::string& id) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id,
                      "' time_zone: 'America/New_York' display_name: 'The ", id, "'"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'ann'"));
  }
  static std::string RecordCall(const std::string& id, const std::string& usage,
                                const std::string& number, int seconds) {
    return Text(Must(&Ledger::RecordUsage,
                     absl::StrCat("account_id: '", id, "' usage { usage_id: '", usage,
                                  "' user_id: 'ann' start_time { seconds: ",
                                  absl::ToUnixSeconds(absl::Now()) - 600,
                                  " } call { direction: DIRECTION_OUTBOUND destination: '", number,
                                  "' duration { seconds: ", seconds, " } } }"))
                    .cost());
  }
  static std::string Customer(const std::string& id) {
    return console_->provider().ForCustomer(id);
  }
  static std::string Staff() { return console_->provider().ForSupport(); }

  static ConsoleProcess* console_;
};
ConsoleProcess* ConsoleTest::console_ = nullptr;

// Every page and form there is, of the account "own", as the product's own table has them.
std::vector<console::Route> Routes() {
  static const auto* const ledger =
      new console::LedgerClient(*MakeChannel("127.0.0.1:1", ChannelOptions()));
  static const auto* const site = new console::Site(
      ledger, *console::Texts::Read(*console::embedded::Find("texts/en.txt")), {});
  return console::AllRoutes(site);
}

std::string PathOf(const console::Route& route) {
  return absl::StrReplaceAll(route.pattern, {{":account", "own"},
                                             {":card", "card-1"},
                                             {":action", "adjust"},
                                             {":number", "1"},
                                             {":deck", "1"}});
}

TEST_F(ConsoleTest, ACustomerSeesNoOtherAccountAndNoPageOfSupport) {
  OpenFunded("own");
  OpenFunded("stranger");
  ASSERT_TRUE(WaitUntil([&] { return console_->Get("/", Customer("own")).status == 303; }));
  for (const console::Route& route : Routes()) {
    const auto ask = [&](const std::string& token) {
      return route.method == "GET" ? console_->Get(PathOf(route), token).status
                                   : console_->Post(PathOf(route), token, {}).status;
    };
    const bool known = route.door == console::Door::kKnown;
    EXPECT_EQ(ask(Customer("stranger")) == 403, !known || route.method == "POST") << route.pattern;
    if (route.door == console::Door::kSupport || route.door == console::Door::kDecks) {
      EXPECT_EQ(ask(Customer("own")), 403) << route.pattern;
    }
  }
  EXPECT_EQ(console_->Get("/a/own/billing", Customer("own")).status, 200);
  EXPECT_EQ(console_->Get("/a/own/billing", Staff()).status, 200);
  EXPECT_EQ(console_->Get("/a/nobody/billing", Staff()).status, 404);
  EXPECT_EQ(console_->Get("/elsewhere", Staff()).status, 404);
  EXPECT_EQ(console_->Get("/a/own/settings", Staff()).status, 405);
  EXPECT_EQ(Balance("own"), "15.00");
}

TEST_F(ConsoleTest, AFormThatWasForgedChangesNothing) {
  OpenFunded("forged");
  const std::string token = Customer("forged");
  const std::string page = console_->Get("/a/forged/billing", token).body;
  WebFields fields = {{"request_id", "r-1"}, {"amount", "20"}};
  EXPECT_EQ(console_->Post("/a/forged/top-up", token, fields).status, 403) << "no form token";
  fields["form_token"] = HiddenIn(console_->Get("/a/stranger/billing", Staff()).body, "form_token");
  EXPECT_EQ(console_->Post("/a/forged/top-up", token, fields).status, 403) << "another's";
  fields["form_token"] = HiddenIn(page, "form_token");
  ASSERT_NE(fields["form_token"], "");
  EXPECT_EQ(
      console_->Post("/a/forged/top-up", token, fields, {{"Origin", "http://evil.example"}}).status,
      403);
  EXPECT_EQ(
      console_->Post("/a/forged/top-up", token, fields, {{"Sec-Fetch-Site", "cross-site"}}).status,
      403);
  EXPECT_EQ(console_->Get("/a/forged/cards/given?state=a*b*c&card_token=tok_visa", token).status,
            403);
  EXPECT_EQ(Charges("forged").size(), 1u);
  EXPECT_EQ(console_->Post("/a/forged/top-up", token, fields, {{"Origin", console_->url()}}).status,
            303);
}

// The address of the next page; empty at the end.
std::string NextIn(const std::string& body) {
  const std::string mark = "rel=\"next\" href=\"";
  const size_t at = body.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  return absl::StrReplaceAll(body.substr(begin, body.find('"', begin) - begin), {{"&amp;", "&"}});
}

// --- Billing.

// The address at which a top-up of the account is looked at before it is done.
std::string TopUpAddress(const ConsoleProcess& console, const std::string& id,
                         const std::string& token) {
  const WebAnswer sent_on = console.Get(absl::StrCat("/a/", id, "/top-up?amount=20"), token);
  EXPECT_EQ(sent_on.status, 303);
  return sent_on.header("Location");
}

TEST_F(ConsoleTest, ADoubleClickChargesOnceAndSoDoesGoingBack) {
  OpenFunded("twice");
  const std::string token = Customer("twice");
  const std::string address = TopUpAddress(*console_, "twice", token);
  const WebAnswer before = console_->Get(address, token);
  EXPECT_THAT(before.body, AllOf(HasSubstr("will be charged $20.00"), HasSubstr("about $35.00")));
  const WebFields fields = {{"form_token", HiddenIn(before.body, "form_token")},
                            {"request_id", HiddenIn(before.body, "request_id")},
                            {"amount", "20.00"}};
  std::thread other([&] { console_->Post("/a/twice/top-up", token, fields); });
  EXPECT_EQ(console_->Post("/a/twice/top-up", token, fields).status, 303);
  other.join();
  EXPECT_TRUE(WaitUntil([&] { return Balance("twice") == "35.00"; })) << Balance("twice");
  EXPECT_EQ(console_->Post("/a/twice/top-up", token, fields).status, 303) << "sent again";
  // Back, and the button once more: the page is loaded anew, as nothing of it is kept.
  const WebAnswer back = console_->Get(address, token);
  EXPECT_EQ(console_
                ->Post("/a/twice/top-up", token,
                       {{"form_token", HiddenIn(back.body, "form_token")},
                        {"request_id", HiddenIn(back.body, "request_id")},
                        {"amount", HiddenIn(back.body, "amount")}})
                .header("Location"),
            "/a/twice/billing?done=top_up");
  EXPECT_EQ(Charges("twice").size(), 2u);
  EXPECT_EQ(Balance("twice"), "35.00");
  // Another one from the billing page is another one.
  const std::string another = console_->Get("/a/twice/billing", token).body;
  EXPECT_NE(HiddenIn(another, "request_id"), HiddenIn(back.body, "request_id"));
}

TEST_F(ConsoleTest, WhatSupportHasDoneIsNotDoneAgainByGoingBack) {
  OpenFunded("back");
  const std::string path = "/a/back/act/adjust";
  const std::string form = console_->Get(path, Staff()).body;
  WebFields fields = {{"form_token", HiddenIn(form, "form_token")},
                      {"request_id", HiddenIn(form, "request_id")},
                      {"amount", "-2.50"},
                      {"reason", "a test"},
                      {"reference", ""}};
  for (int i = 0; i < 2; ++i) {
    // The first form is sent again when somebody goes back to what it answered.
    fields["step"] = "try";
    fields["request_id"] = HiddenIn(form, "request_id");
    const WebAnswer tried = console_->Post(path, Staff(), fields);
    EXPECT_THAT(tried.body, HasSubstr("id=\"would\"")) << tried.body;
    fields["step"] = "do";
    fields["request_id"] = HiddenIn(tried.body, "request_id");
    EXPECT_EQ(console_->Post(path, Staff(), fields).status, 303);
  }
  EXPECT_EQ(Balance("back"), "12.50");
}

TEST_F(ConsoleTest, BoundsAreSaidBeforeTheyAreRefused) {
  OpenFunded("bounded");
  const std::string token = Customer("bounded");
  const pb::BillingBounds bounds = Account("bounded").billing_bounds();
  EXPECT_EQ(Text(bounds.min_reserve_amount()), "15.00");
  EXPECT_THAT(console_->Get("/a/bounded/billing", token).body,
              AllOf(HasSubstr("What one recharge adds: from $15.00 to $"),
                    HasSubstr(absl::StrCat("charged: from $", Text(bounds.min_recharge_threshold()),
                                           " up to"))));
  const auto save = [&](const std::string& reserve, const std::string& threshold) {
    return console_
        ->Send("/a/bounded/billing", "/a/bounded/settings", token,
               {{"reserve_amount", reserve},
                {"recharge_threshold", threshold},
                {"monthly_cap", ""},
                {"notify_below", ""}})
        .status;
  };
  const auto cent_off = [](const google::type::Money& money, int cents) {
    const int64_t all = money.units() * 100 + money.nanos() / 10'000'000 + cents;
    return absl::StrFormat("%d.%02d", all / 100, all % 100);
  };
  const std::string least = Text(bounds.min_recharge_threshold());
  EXPECT_EQ(save(cent_off(bounds.min_reserve_amount(), -1), least), 400);
  EXPECT_EQ(save(cent_off(bounds.max_reserve_amount(), 1), least), 400);
  EXPECT_EQ(save("15.00", cent_off(bounds.min_recharge_threshold(), -1)), 400);
  EXPECT_EQ(save(Text(bounds.max_reserve_amount()), least), 303);
  EXPECT_EQ(save(Text(bounds.min_reserve_amount()), least), 303);
  const auto top_up = [&](const std::string& amount) {
    const WebAnswer sent_on = console_->Get("/a/bounded/top-up?amount=" + amount, token);
    return console_->Get(sent_on.header("Location"), token).status;
  };
  EXPECT_EQ(top_up(cent_off(bounds.min_top_up_amount(), -1)), 400);
  EXPECT_EQ(top_up(Text(bounds.min_top_up_amount())), 200);
  EXPECT_EQ(top_up(cent_off(bounds.max_top_up_amount(), 1)), 400);
  EXPECT_EQ(top_up(Text(bounds.max_top_up_amount())), 200);
}

TEST_F(ConsoleTest, WhatIsMoreThanAPageIsThereAllTheSame) {
  OpenFunded("long");
  for (int i = 0; i < 13; ++i) {
    Must(&Support::RecordPayment,
         absl::StrCat("account_id: 'long' request_id: 'pay-", i,
                      "' reason: 'a test' means: PAYMENT_MEANS_CASH amount { currency_code: 'USD' "
                      "units: 1 }"));
  }
  for (int i = 0; i < 101; ++i) {
    Must(&Accounts::PutUser, absl::StrCat("account_id: 'long' user_id: 'user-", 1000 + i, "'"));
  }
  const std::string token = Customer("long");
  EXPECT_THAT(console_->Get("/a/long/billing", token).body,
              AllOf(HasSubstr("href=\"/a/long/receipts\""), HasSubstr("user-1100")));
  const std::string receipts = console_->Get("/a/long/receipts", token).body;
  EXPECT_THAT(receipts,
              AllOf(HasSubstr("/a/long/receipts/14\""), HasSubstr("/a/long/receipts/1\"")));
  const std::string receipt = console_->Get("/a/long/receipts/2", token).body;
  EXPECT_THAT(receipt, AllOf(HasSubstr("id=\"receipt-number\">2<"), HasSubstr("Cash"),
                             HasSubstr("$1.00"), HasSubstr("The long")));
  EXPECT_EQ(console_->Get("/a/long/receipts/99", token).status, 404);
  EXPECT_EQ(console_->Get("/a/long/receipts/x", token).status, 404);
  const std::string users = console_->Get("/a/long/users", token).body;
  EXPECT_THAT(users, Not(HasSubstr("user-1100")));
  EXPECT_THAT(console_->Get(NextIn(users), token).body, HasSubstr("user-1100"));
  for (const std::string list : {"recharges", "refunds", "disputes"}) {
    EXPECT_EQ(console_->Get("/a/long/" + list, token).status, 200) << list;
  }
}

TEST_F(ConsoleTest, SettingsAreSavedAndMistakesStandBesideTheirFields) {
  OpenFunded("set");
  const std::string token = Customer("set");
  const WebFields good = {{"reserve_amount", "40"},
                          {"recharge_threshold", "12.50"},
                          {"monthly_cap", ""},
                          {"notify_below", "5"}};
  const WebAnswer saved = console_->Send("/a/set/billing", "/a/set/settings", token, good);
  EXPECT_EQ(saved.header("Location"), "/a/set/billing?done=settings") << saved.body;
  const auto settings = Account("set").billing_settings();
  EXPECT_EQ(Text(settings.reserve_amount()), "40.00");
  EXPECT_EQ(Text(settings.recharge_threshold()), "12.50");
  EXPECT_EQ(Text(settings.notify_below()), "5.00");
  WebFields bad = good;
  bad["recharge_threshold"] = "much";
  const WebAnswer typed = console_->Send("/a/set/billing", "/a/set/settings", token, bad);
  EXPECT_EQ(typed.status, 400);
  EXPECT_THAT(typed.body, AllOf(HasSubstr("value=\"much\""), HasSubstr("An amount like 20")));
  bad["recharge_threshold"] = "41";
  const WebAnswer refused = console_->Send("/a/set/billing", "/a/set/settings", token, bad);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body,
              AllOf(HasSubstr("value=\"41\""), HasSubstr("<strong id=\"threshold-error\">must")));
  bad = good;
  bad["etag"] = "stale";
  bad["reserve_amount"] = "50";
  EXPECT_THAT(console_->Send("/a/set/billing", "/a/set/settings", token, bad).body,
              AllOf(HasSubstr("Somebody has changed this meanwhile"), HasSubstr("value=\"50\""),
                    HasSubstr("It is now: 40.00")));
  EXPECT_EQ(Text(Account("set").billing_settings().reserve_amount()), "40.00");
}

TEST_F(ConsoleTest, AutomaticRechargingIsSwitchedAndThePageSaysSo) {
  OpenFunded("switched");
  const std::string token = Customer("switched");
  const std::string page = "/a/switched/billing";
  console_->Send(page, "/a/switched/automatic", token, {{"automatic", "off"}});
  EXPECT_FALSE(Account("switched").billing_settings().automatic_recharge());
  EXPECT_THAT(console_->Get(page, token).body, HasSubstr("Automatic recharging is switched off."));
  console_->Send(page, "/a/switched/automatic", token, {{"automatic", "on"}});
  EXPECT_TRUE(Account("switched").billing_settings().automatic_recharge());
}

TEST_F(ConsoleTest, ACardComesBackFromTheGatewaysPageOnce) {
  OpenFunded("carded");
  const std::string token = Customer("carded");
  const WebAnswer away = console_->Get("/a/carded/cards/new", token);
  EXPECT_EQ(away.status, 303);
  const std::string target = away.header("Location");
  EXPECT_THAT(target, HasSubstr("http://127.0.0.1:1/card?return="));
  const std::string state = target.substr(target.find("&state=") + 7);
  const std::string back = absl::StrCat(
      "/a/carded/cards/given?state=", state,
      "&card_token=tok_mastercard%23x&brand=%3Cb%3EMaster&last_four=4444&network=mastercard"
      "&expiry=2031-12");
  EXPECT_EQ(console_->Get(back, token).header("Location"), "/a/carded/billing?done=card");
  EXPECT_EQ(console_->Get(back, token).status, 303) << "loaded again";
  EXPECT_EQ(Account("carded").payment_methods_size(), 2);
  const std::string page = console_->Get("/a/carded/billing", token).body;
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;b&gt;Master ending in 4444"), HasSubstr("12/2031")));
  console_->Send("/a/carded/billing", "/a/carded/cards/card-2/first", token, {});
  EXPECT_EQ(Account("carded").payment_methods(0).last_four(), "4444");
  const std::string etag = Account("carded").payment_methods(1).etag();
  console_->Send("/a/carded/billing", "/a/carded/cards/card-1/remove", token, {{"etag", etag}});
  EXPECT_EQ(Account("carded").payment_methods_size(), 1);
}

TEST_F(ConsoleTest, MoneyAndDatesAreWrittenAsTheReaderWritesThemInTheAccountsZone) {
  OpenFunded("read");
  const std::string token = Customer("read");
  const auto page_for = [&](const std::string& language) {
    return console_->Get("/a/read/billing", token, {{"Accept-Language", language}}).body;
  };
  const absl::Time created = absl::FromUnixSeconds(Account("read").create_time().seconds());
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  EXPECT_THAT(page_for("en-US"),
              AllOf(HasSubstr("id=\"balance\">$15.00<"), HasSubstr("America/New_York"),
                    HasSubstr(absl::FormatTime("%b %-d, %Y", created, zone))));
  EXPECT_THAT(page_for("de-AT, en;q=0.5"), AllOf(HasSubstr(absl::FormatTime("%-d.", created, zone)),
                                                 Not(HasSubstr("id=\"balance\">$15.00<"))));
  EXPECT_THAT(page_for("de-DE"), HasSubstr("id=\"balance\">15,00\u00a0$<"));
}

TEST_F(ConsoleTest, WhatIsDoneOnACustomersPagesIsBookedWithWhoDidIt) {
  OpenFunded("who");
  const std::string page = "/a/who/billing";
  const std::string token = Customer("who");
  console_->Send(page, "/a/who/settings", token,
                 {{"reserve_amount", "20"},
                  {"recharge_threshold", "10"},
                  {"monthly_cap", ""},
                  {"notify_below", ""}});
  console_->Send(page, "/a/who/automatic", Staff(), {{"automatic", "off"}});
  EXPECT_THAT(console_->Get(page, Staff()).body, HasSubstr("booked with your name"));
  const std::string top_up = TopUpAddress(*console_, "who", token);
  const std::string will = console_->Get(top_up, token).body;
  console_->Post("/a/who/top-up", token,
                 {{"form_token", HiddenIn(will, "form_token")},
                  {"request_id", HiddenIn(will, "request_id")},
                  {"amount", "20.00"}});
  EXPECT_TRUE(WaitUntil([&] { return Balance("who") == "35.00"; })) << Balance("who");
  console_->Send(page, "/a/who/cards/card-1/first", Staff(), {});
  const std::string etag = Account("who").payment_methods(0).etag();
  console_->Send(page, "/a/who/cards/card-1/remove", token, {{"etag", etag}});
  std::map<pb::EventKind, std::string> who;  // the latest of each kind
  const auto events = Must(&Events::ListEvents, "account_id: 'who'");
  for (const pb::Event& event : events.events()) who[event.kind()] = event.actor();
  EXPECT_EQ(who[pb::EVENT_KIND_ACCOUNT_OPENED], "") << "not by these pages";
  EXPECT_EQ(who[pb::EVENT_KIND_SETTINGS_CHANGED], "ann");
  EXPECT_EQ(who[pb::EVENT_KIND_AUTOMATIC_RECHARGE_OFF], "sue");
  EXPECT_EQ(who[pb::EVENT_KIND_RECHARGE_OPENED], "ann");
  EXPECT_EQ(who[pb::EVENT_KIND_CARD_REMOVED], "ann");
}

// --- Calls and prices.

TEST_F(ConsoleTest, CallsAreListedExplainedFilteredAndSummed) {
  OpenFunded("calls");
  const std::string token = Customer("calls");
  const std::string dear = RecordCall("calls", "dear", "+8821600000001", 60);
  RecordCall("calls", "plain", "+442079460000", 90);
  const std::string page =
      console_
          ->Get(absl::StrCat("/a/calls/calls?from=",
                             absl::FormatTime("%Y-%m-%d", absl::Now() - absl::Hours(48),
                                              absl::UTCTimeZone())),
                token)
          .body;
  EXPECT_THAT(page, AllOf(HasSubstr("+442079460000"), HasSubstr("+8821600000001"),
                          HasSubstr("<dd id=\"range-count\">2</dd>"),
                          HasSubstr("data-chart=\"bar\""), HasSubstr("Standard rate")));
  EXPECT_THAT(page,
              AllOf(HasSubstr("<option value=\"\" selected>All</option><option value=\"AF\">"),
                    HasSubstr("United Kingdom (GB)</th>")))
      << "countries to choose from, and those of the calls";
  const std::string filtered = console_->Get("/a/calls/calls?number=%2B44&kind=call", token).body;
  EXPECT_THAT(filtered, AllOf(HasSubstr("+442079460000"), Not(HasSubstr("+8821600000001"))));
  EXPECT_THAT(filtered, HasSubstr("do not go by number"));
  EXPECT_THAT(filtered, HasSubstr("<p id=\"totals\">With these filters: 1, together 1:30, for $"));
  const std::string summed = console_->Get("/a/calls/calls?country=gb", token).body;
  EXPECT_THAT(summed,
              AllOf(HasSubstr("<dd id=\"range-count\">1</dd>"), Not(HasSubstr("+8821600000001"))));
  EXPECT_THAT(console_->Get("/a/calls/calls?user=nobody", token).body,
              HasSubstr("<dd id=\"range-count\">0</dd>"));
  const WebAnswer no_number = console_->Get("/a/calls/calls?number=x", token);
  EXPECT_EQ(no_number.status, 400);
  EXPECT_THAT(no_number.body, ContainsRegex("<strong id=\"number-error\">[^<]+</strong>"));
  EXPECT_THAT(console_->Get("/a/calls/calls?from=x", token).body,
              HasSubstr("<strong id=\"from-error\">A day, like"));
  const WebAnswer csv = console_->Get("/a/calls/calls.csv", token);
  EXPECT_THAT(csv.header("Content-Type"), HasSubstr("text/csv"));
  EXPECT_THAT(csv.body, AllOf(HasSubstr("usage_id,start_time"), HasSubstr("\"dear\""),
                              HasSubstr("\"plain\"")));
}

TEST_F(ConsoleTest, PagesOfAHistoryLeaveNoCallOut) {
  OpenFunded("many");
  const std::string token = Customer("many");
  for (int i = 0; i < 120; ++i) {
    RecordCall("many", absl::StrCat("call-", i), "+12025550123", 1);
  }
  std::set<std::string> seen;
  std::string path = "/a/many/calls";
  for (int pages = 0; pages < 5 && !path.empty(); ++pages) {
    const std::string body = console_->Get(path, token).body;
    for (int i = 0; i < 120; ++i) {
      if (absl::StrContains(body, absl::StrCat("\"usage-call-", i, "\""))) {
        EXPECT_TRUE(seen.insert(absl::StrCat(i)).second) << i << " twice";
      }
    }
    path = NextIn(body);
  }
  EXPECT_EQ(seen.size(), 120u);
  // A page of one list is none of another.
  const std::string next = NextIn(console_->Get("/a/many/calls", token).body);
  EXPECT_EQ(console_->Get(next, token).status, 200);
  EXPECT_EQ(console_->Get(next + "&kind=sms", token).status, 400);
  Must(&Accounts::OpenAccount, "account_id: 'few'");
  EXPECT_EQ(console_->Get(absl::StrReplaceAll(next, {{"/many/", "/few/"}}), Staff()).status, 400);
}

TEST_F(ConsoleTest, AFileOfTwentyThousandCallsIsWholeAndTakesLittleMemory) {
  OpenFunded("busy");
  Must(&Support::AdjustBalance,
       "account_id: 'busy' request_id: 'much' reason: 'a test' amount { currency_code: 'USD' "
       "units: 9000 }");
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  constexpr int kCalls = 20'000;
  for (int first = 0; first < kCalls; first += 1000) {
    pb::BatchRecordUsageRequest batch;
    for (int i = first; i < first + 1000; ++i) {
      *batch.add_requests() = Parse<pb::RecordUsageRequest>(absl::StrCat(
          "account_id: 'busy' usage { usage_id: 'c-", i, "' user_id: 'ann' start_time { seconds: ",
          now - 120 - 60 * i, " } call { direction: DIRECTION_OUTBOUND destination: '",
          i % 5 == 0 ? "+442079460000" : "+12025550123", "' duration { seconds: 60 } } }"));
    }
    ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch).ok());
  }
  const std::string token = Customer("busy");
  const std::string csv = console_->Get("/a/busy/calls.csv", token).body;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), kCalls + 1);
  const std::string metrics = test_support::HttpGet(console_->metrics_port(), "/metrics");
  const size_t at = metrics.find("\nprocess_resident_memory_bytes ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stod(metrics.substr(at + 31)), 256e6);
}

TEST_F(ConsoleTest, PricesAreFoundByNameCodeAndNumberAndACallIsQuoted) {
  OpenFunded("priced");
  const std::string token = Customer("priced");
  for (const std::string search : {"united%20kingdom", "%2B44", "%2B442079460000"}) {
    EXPECT_THAT(console_->Get("/a/priced/prices?search=" + search, token).body,
                HasSubstr("United Kingdom"))
        << search;
  }
  EXPECT_THAT(console_->Get("/a/priced/prices?search=nowhereland", token).body,
              HasSubstr("No price was found"));
  const std::string quoted =
      console_->Get("/a/priced/prices?number=%2B442079460000&minutes=2&user=ann", token).body;
  EXPECT_THAT(quoted, AllOf(HasSubstr("id=\"quote\""), HasSubstr("Free minutes before")));
  EXPECT_THAT(quoted, HasSubstr("For ann, on the plan per_minute; free minutes: 300 of 300"));
  const std::string mistaken =
      console_->Get("/a/priced/prices?number=%2B44&minutes=x&search=france", token).body;
  EXPECT_THAT(mistaken, AllOf(HasSubstr("Whole minutes"), HasSubstr("value=\"x\""),
                              HasSubstr("name=\"search\" value=\"france\"")))
      << "one form keeps what stands in the other";
  EXPECT_EQ(console_->Get("/prices", token).status, 403);
  EXPECT_EQ(console_->Get("/prices", Staff()).status, 200);
}

TEST_F(ConsoleTest, PricesAreListedByCountryPageByPage) {
  OpenFunded("listed");
  const std::string token = Customer("listed");
  static const std::regex kCountry("<option value=\"([A-Z_]*)\"");
  const std::string all = console_->Get("/a/listed/prices", token).body;
  int countries = 0;
  for (std::sregex_iterator it(all.begin(), all.end(), kCountry), end; it != end; ++it) {
    const std::string country = (*it)[1].str();
    EXPECT_TRUE(Ask(&Rates::ListRates, absl::StrCat("page_size: 1 country: '", country, "'")).ok())
        << country;
    countries += country.empty() ? 0 : 1;
  }
  EXPECT_GT(countries, 200);
  static const std::regex kOfAnother("data-label=\"Country\">(?!United Kingdom)");
  int pages = 0;
  std::string path = "/a/listed/prices?country=GB&user=ann";
  for (; pages < 20 && !path.empty(); ++pages) {
    const std::string body = console_->Get(path, token).body;
    EXPECT_THAT(body, AllOf(HasSubstr("<option value=\"GB\" selected>United Kingdom"),
                            HasSubstr("United Kingdom (GB)</td>")));
    EXPECT_FALSE(std::regex_search(body, kOfAnother)) << path;
    path = NextIn(body);
  }
  EXPECT_EQ(path, "");
  EXPECT_THAT(console_->Get("/a/listed/prices?country=Atlantis", token).body,
              AllOf(HasSubstr("<strong id=\"country-error\">must be a country"),
                    HasSubstr("<option value=\"Atlantis\" selected>")));
}

// --- Support.

TEST_F(ConsoleTest, SupportFindsWhoCalledANumber) {
  OpenFunded("caller-1");
  OpenFunded("caller-2");
  RecordCall("caller-1", "first", "+442079460981", 60);
  RecordCall("caller-2", "second", "+442079460981", 60);
  const auto find = [](const std::string& number) {
    return console_->Get("/support?by=number&find=" + number, Staff());
  };
  const std::string found = find("%2B44%20(20)%207946-0981").body;
  EXPECT_THAT(found, HasSubstr("/a/caller-1/life"));
  EXPECT_LT(found.find("/a/caller-2/life"), found.find("/a/caller-1/life"))
      << "who called last comes first";
  EXPECT_THAT(found, HasSubstr("/a/caller-1/calls?number=%2B442079460981"));
  EXPECT_THAT(console_->Get("/a/caller-1/calls?number=%2B442079460981", Staff()).body,
              HasSubstr("usage-first"));
  EXPECT_THAT(find("%2B442079460982").body, HasSubstr("No account was found."));
  const WebAnswer none = find("abc");
  EXPECT_EQ(none.status, 400);
  EXPECT_THAT(none.body, AllOf(HasSubstr("<strong id=\"find-error\">A number with its country"),
                               HasSubstr("value=\"abc\"")));
}

TEST_F(ConsoleTest, SupportFindsAnAccountByIdNameChargeAndUsage) {
  OpenFunded("found");
  Must(
      &Support::RecordPayment,
      "account_id: 'found' request_id: 'page' reason: 'a test' means: PAYMENT_MEANS_CARD_ELSEWHERE "
      "charge_id: 'ch_on_a_page' amount { currency_code: 'USD' units: 5 }");
  EXPECT_THAT(console_->Get("/support?by=id&find=found", Staff()).body, HasSubstr("/a/found/life"));
  EXPECT_THAT(console_->Get("/support?by=name&find=THE%20FOUND", Staff()).body,
              HasSubstr("/a/found/life"));
  EXPECT_THAT(console_->Get("/support?by=id&find=no%20such", Staff()).body,
              HasSubstr("No account was found"));
  EXPECT_THAT(console_->Get("/support?by=charge&find=ch_on_a_page", Staff()).body,
              HasSubstr("/a/found/life"));
  EXPECT_THAT(console_->Get("/support?by=charge&find=ch_none", Staff()).body,
              HasSubstr("No account was found"));
  const auto recharges = Must(&Accounts::ListRecharges, "account_id: 'found'");
  ASSERT_EQ(recharges.recharges_size(), 1);
  EXPECT_THAT(
      console_->Get("/support?by=charge&find=" + recharges.recharges(0).charge_id(), Staff()).body,
      HasSubstr("/a/found/life"));
  OpenFunded("found-too");
  RecordCall("found", "same-id", "+12025550123", 1);
  RecordCall("found-too", "same-id", "+12025550123", 1);
  EXPECT_THAT(console_->Get("/support?by=usage&find=same-id", Staff()).body,
              AllOf(HasSubstr("/a/found/life"), HasSubstr("/a/found-too/life")));
  for (const std::string none : {"no-such", "no%20id"}) {
    EXPECT_THAT(console_->Get("/support?by=usage&find=" + none, Staff()).body,
                HasSubstr("No account was found"))
        << none;
  }
}

TEST_F(ConsoleTest, EachMomentOfALifeIsOnOnePage) {
  OpenFunded("lived");
  for (int i = 0; i < 130; ++i) {
    Must(&Support::AdjustBalance,
         absl::StrCat("account_id: 'lived' request_id: 'a-", i,
                      "' reason: 'a test' amount { currency_code: 'USD' units: 1 }"));
  }
  static const std::regex kMoment(R"(<span class="since">((entry|event) \d+)</span>)");
  std::set<std::string> seen;
  std::string path = "/a/lived/life";
  int pages = 0;
  for (; pages < 9 && !path.empty(); ++pages) {
    const std::string body = console_->Get(path, Staff()).body;
    for (std::sregex_iterator it(body.begin(), body.end(), kMoment), end; it != end; ++it) {
      EXPECT_TRUE(seen.insert((*it)[1].str()).second) << (*it)[1].str() << " twice";
    }
    path = NextIn(body);
  }
  EXPECT_EQ(path, "");
  const auto entries = Must(&Accounts::ListEntries, "account_id: 'lived' page_size: 1000");
  const auto events = Must(&Events::ListEvents, "account_id: 'lived' page_size: 1000");
  EXPECT_EQ(seen.size(), static_cast<size_t>(entries.entries_size() + events.events_size()));
  const auto newest = Must(&Events::ListEvents,
                           "account_id: 'lived' page_size: 1000 order: EVENT_ORDER_NEWEST_FIRST");
  ASSERT_EQ(newest.events_size(), events.events_size());
  EXPECT_EQ(newest.events(0).event_seq(), events.events(events.events_size() - 1).event_seq());
}

TEST_F(ConsoleTest, ALifeHasAttemptsRefundsAndDisputes) {
  Must(&Accounts::OpenAccount, "account_id: 'eventful' card_token: 'tok_decline_after_1#eventful'");
  ASSERT_TRUE(WaitUntil([&] { return Balance("eventful") == "15.00"; }));
  const absl::Status spent = SpendOf(stack_->stubs(), "eventful", "dip", 6 * kNanosPerUnit);
  ASSERT_TRUE(spent.ok()) << spent;
  ASSERT_TRUE(WaitUntil([&] {
    return Account("eventful").payment_methods(0).card_state() == pb::CARD_STATE_FAILING;
  }));
  const std::string refund = "/a/eventful/act/refund";
  EXPECT_EQ(console_
                ->Send(refund, refund, Staff(),
                       {{"ordinal", "1"}, {"amount", "1"}, {"reason", "a test"}, {"step", "do"}})
                .status,
            303);
  const auto first = Must(&Accounts::GetRecharge, "account_id: 'eventful' ordinal: 1");
  Must(&pb::Recharges::Stub::ReportGatewayDispute,
       absl::StrCat("charge_id: '", first.charge_id(),
                    "' charge_reference: 'eventful/1' dispute_id: 'dp_1' state: "
                    "DISPUTE_STATE_OPENED amount { currency_code: 'USD' units: 2 }"));
  EXPECT_THAT(console_->Get("/a/eventful/life", Staff()).body,
              AllOf(HasSubstr("Recharge declined"),
                    HasSubstr("no. 2, card-1 (declined; the same card may work later)"),
                    HasSubstr("Refund opened"), HasSubstr("Dispute opened"),
                    HasSubstr("Taken back by a bank"), HasSubstr("Recharge succeeded")));
}

TEST_F(ConsoleTest, DecksAreComparedBySupportAndBroughtIntoForceByOperations) {
  const std::string operations = console_->provider().Sign(
      absl::StrCat(R"({"sub": "olga", "role": "operations", "aud": ")", test_support::kTestAudience,
                   R"(", "exp": )", absl::ToUnixSeconds(absl::Now() + absl::Hours(1)), "}"));
  EXPECT_THAT(
      console_->Get("/decks", Staff()).body,
      AllOf(HasSubstr("In force"), HasSubstr("/decks/1\""), Not(HasSubstr("/decks/act/activate"))));
  EXPECT_THAT(console_->Get("/decks/1", Staff()).body, HasSubstr("Compared with list 1"));
  EXPECT_EQ(console_->Get("/decks/99", Staff()).status, 404);
  EXPECT_EQ(console_->Get("/decks/act/activate", Staff()).status, 403);
  EXPECT_EQ(console_->Get("/support", operations).status, 403);
  EXPECT_THAT(console_->Get("/decks", operations).body,
              HasSubstr("/decks/act/activate?deck_version=1"));
  const std::string path = "/decks/act/activate";
  WebFields fields = {{"deck_version", "1"},
                      {"effective_time", "2036-01-01T08:00"},
                      {"reason", "back to the old one"},
                      {"step", "try"}};
  EXPECT_THAT(console_->Send(path, path, operations, fields).body,
              HasSubstr("Price list 1 of USD is in force from Jan 1, 2036"));
  const auto activations = [&] {
    return Must(&Rates::ListRateDeckActivations, "deck_version: 1").activations_size();
  };
  const int before = activations();
  fields["step"] = "do";
  EXPECT_EQ(console_->Send(path, path, operations, fields).header("Location"), "/decks?done=acted");
  EXPECT_EQ(activations(), before + 1);
  EXPECT_THAT(console_->Get("/decks", Staff()).body,
              AllOf(HasSubstr("Scheduled"), HasSubstr("olga"), HasSubstr("back to the old one")));
  fields["effective_time"] = "tomorrow";
  EXPECT_THAT(console_->Send(path, path, operations, fields).body,
              HasSubstr("A day and a time, like"));
}

TEST_F(ConsoleTest, SupportTriesBeforeItDoesAndTheLifeTellsWho) {
  OpenFunded("adjusted");
  const std::string path = "/a/adjusted/act/adjust";
  const WebFields typed = {{"amount", "-2.50"}, {"reason", kScript}, {"reference", "T-7"}};
  WebFields trying = typed;
  trying["step"] = "try";
  const WebAnswer tried = console_->Send(path, path, Staff(), trying);
  EXPECT_EQ(tried.status, 200);
  EXPECT_THAT(tried.body, AllOf(HasSubstr("-$2.50"), HasSubstr("$12.50"), Not(HasSubstr(kScript))));
  EXPECT_EQ(Balance("adjusted"), "15.00");
  WebFields doing = typed;
  doing["step"] = "do";
  EXPECT_EQ(console_->Send(path, path, Staff(), doing).header("Location"),
            "/a/adjusted/life?done=acted");
  EXPECT_EQ(Balance("adjusted"), "12.50");
  const std::string life = console_->Get("/a/adjusted/life", Staff()).body;
  EXPECT_THAT(life, AllOf(HasSubstr("Adjustment"), HasSubstr("&lt;script&gt;"), HasSubstr("sue"),
                          HasSubstr("T-7"), Not(HasSubstr(kScript))));
  WebFields missing = doing;
  missing["reason"] = "";
  const WebAnswer refused = console_->Send(path, path, Staff(), missing);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("This is needed"), HasSubstr("value=\"-2.50\"")));
  ExpectAudited("adjusted");
}

TEST_F(ConsoleTest, EveryActionOfSupportReachesTheLedger) {
  OpenFunded("acted");
  const std::string one_minute = RecordCall("acted", "wrong", "+8821600000001", 60);
  RecordCall("acted", "long", "+8821600000001", 120);
  const auto act = [&](const std::string& action, WebFields fields) {
    const std::string path = "/a/acted/act/" + action;
    fields["reason"] = "a test";
    fields["step"] = "try";
    const WebAnswer tried = console_->Send(path, path, Staff(), fields);
    EXPECT_THAT(tried.body, HasSubstr("id=\"would\"")) << action << tried.body;
    fields["step"] = "do";
    const WebAnswer done = console_->Send(path, path, Staff(), fields);
    EXPECT_EQ(done.status, 303) << action << done.body;
  };
  act("grant", {{"amount", "3"}, {"until", "2035-01-01"}});
  EXPECT_EQ(Text(Account("acted").promotional_balance()), "3.00");
  const auto expect_change = [&](const std::string& change, const auto& what) {
    const google::type::Money before = Account("acted").balance();
    what();
    const google::type::Money after = Account("acted").balance();
    const int64_t cents =
        (after.units() - before.units()) * 100 + (after.nanos() - before.nanos()) / 10'000'000;
    EXPECT_EQ(absl::StrFormat("%+d", cents), change);
  };
  const std::string minute = absl::StrReplaceAll(one_minute, {{".", ""}});
  const std::string back = absl::StrFormat("%+d", std::stoi(minute));
  expect_change(back, [&] { act("void", {{"usage_id", "wrong"}}); });
  expect_change(back, [&] { act("correct", {{"usage_id", "long"}, {"seconds", "60"}}); });
  expect_change("+1000", [&] {
    act("pay", {{"amount", "10"}, {"means", "PAYMENT_MEANS_CASH"}, {"reference", "till-1"}});
  });
  expect_change("-100", [&] { act("refund", {{"ordinal", "1"}, {"amount", "1"}}); });
  act("block", {});
  EXPECT_TRUE(Account("acted").has_block());
  act("unblock", {});
  EXPECT_FALSE(Account("acted").has_block());
  const std::string lift = "/a/acted/act/lift";
  EXPECT_THAT(
      console_
          ->Send(lift, lift, Staff(), {{"quiet_time", "745"}, {"reason", "a test"}, {"step", "do"}})
          .body,
      AllOf(HasSubstr("Whole hours, up to 744."), HasSubstr("value=\"745\"")));
  act("lift", {{"quiet_time", "2"}});
  act("close", {});
  EXPECT_EQ(Account("acted").state(), pb::ACCOUNT_STATE_CLOSING);
  EXPECT_THAT(console_->Get("/a/acted/billing", Customer("acted")).body,
              AllOf(HasSubstr("Being closed"), Not(HasSubstr("id=\"top-up\""))));
  EXPECT_EQ(console_->Get("/support/reviews", Staff()).status, 200);
  EXPECT_EQ(console_->Get("/a/acted/act/nothing", Staff()).status, 404);
}

TEST_F(ConsoleTest, ReviewsAreListedAndDecided) {
  OpenFunded("decided");
  Must(&pb::Recharges::Stub::ReportGatewayRefund,
       "charge_id: 'ch&of=nobody' charge_reference: 'order-9' refund_id: 're_9' state: "
       "REFUND_STATE_SUCCEEDED amount { currency_code: 'USD' units: 3 }");
  const std::string link = "/support/act/dismiss?charge_id=ch%26of%3Dnobody";
  EXPECT_THAT(console_->Get("/support/reviews", Staff()).body,
              AllOf(HasSubstr("the charge ch&amp;of=nobody"), HasSubstr(link)));
  EXPECT_THAT(console_->Get(link, Staff()).body, HasSubstr("value=\"ch&amp;of=nobody\""));
  const std::string path = "/support/act/dismiss";
  WebFields fields = {{"charge_id", "ch&of=nobody"}, {"reason", "a test"}, {"step", "try"}};
  EXPECT_THAT(console_->Send(path, path, Staff(), fields).body, HasSubstr("id=\"would\""));
  fields["step"] = "do";
  EXPECT_EQ(console_->Send(path, path, Staff(), fields).header("Location"),
            "/support/reviews?done=acted");
  EXPECT_THAT(console_->Get("/support/reviews", Staff()).body, Not(HasSubstr("ch&amp;of=nobody")));
  // What is none of the choices is no decision, and what is decided can't be decided again.
  const std::string resolve = "/a/decided/act/resolve";
  fields = {{"ordinal", "1"}, {"outcome", "nonsense"}, {"reason", "a test"}, {"step", "do"}};
  EXPECT_THAT(console_->Send(resolve, resolve, Staff(), fields).body, HasSubstr("One of these."));
  fields["outcome"] = "not_charged";
  EXPECT_THAT(console_->Send(resolve, resolve, Staff(), fields).body,
              HasSubstr("It does not wait for a decision."));
  EXPECT_EQ(Balance("decided"), "15.00");
}

// A charge whose outcome the worker can't find out: its gateway remembers keys for 4 s, so that a
// charge that nobody has seen for half of that is left to a person.
class ConsoleReviewTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                .gateway = true,
                .workers = 1,
                .worker_flags = {"--charge_timeout=500ms", "--gateway_key_lifetime=4s"}});
  }

  // A worker takes the account's recharge, and dies before anybody knows whether it has charged.
  static pb::WatchLowBalanceResponse TakenAndLost() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    const auto stream = stack_->recharges().WatchLowBalance(
        &context, Parse<pb::WatchLowBalanceRequest>("worker_id: 'lost' max_in_flight: 10"));
    pb::WatchLowBalanceResponse task;
    EXPECT_TRUE(stream->Read(&task));
    context.TryCancel();
    stream->Finish();
    return task;
  }
};

TEST_F(ConsoleReviewTest, AChargeOfWhichNobodyKnowsIsDecidedOnThePageOnTrialFirst) {
  const auto console =
      ConsoleProcess::Start(*stack_, {"--max_address_rate=0", "--max_account_rate=0"});
  ASSERT_TRUE(console.ok()) << console.status();
  const std::string staff = (*console)->provider().ForSupport();
  stack_->worker_process(0)->Kill();
  Must(&Accounts::OpenAccount, "account_id: 'unknown' card_token: 'tok_visa#unknown'");
  const pb::WatchLowBalanceResponse lost = TakenAndLost();
  ASSERT_TRUE(stack_->StartWorker(0).ok());
  const auto listed = [&](const std::string& text) {
    return absl::StrContains((*console)->Get("/support/reviews", staff).body, text);
  };
  const std::string link = "/a/unknown/act/resolve?ordinal=1&amp;amount=15.00";
  ASSERT_TRUE(WaitUntil([&] { return listed(link); })) << stack_->worker_process(0)->Stderr();
  EXPECT_TRUE(listed("Recharge of $15.00"));
  // It was charged after all, as somebody finds at the gateway.
  gateway::v1::ChargeRequest late;
  late.set_idempotency_key(worker::ChargeKey("unknown", lost.ordinal(), lost.attempt()));
  late.set_card_token(lost.card_token());
  *late.mutable_amount() = lost.amount();
  late.set_reference("unknown/1");
  const auto charge = Call(stack_->gateway(), &gateway::v1::PaymentGateway::Stub::Charge, late);
  ASSERT_TRUE(charge.ok()) << charge.status();

  const std::string page = absl::StrReplaceAll(link, {{"&amp;", "&"}});
  const std::string path = "/a/unknown/act/resolve";
  EXPECT_THAT((*console)->Get(page, staff).body,
              AllOf(HasSubstr("name=\"ordinal\" value=\"1\""), HasSubstr("value=\"15.00\"")));
  WebFields fields = {{"ordinal", "1"},   {"outcome", "charged"},   {"charge_id", ""},
                      {"amount", "much"}, {"reason", "seen there"}, {"reference", "T-9"},
                      {"step", "try"}};
  EXPECT_THAT((*console)->Send(page, path, staff, fields).body,
              AllOf(HasSubstr("An amount like 20"), HasSubstr("value=\"much\"")));
  fields["amount"] = "15.00";
  fields["charge_id"] = charge->charge().charge_id();
  const WebAnswer tried = (*console)->Send(page, path, staff, fields);
  EXPECT_THAT(tried.body, HasSubstr("Paid; credited: $15.00."));
  EXPECT_EQ(Balance("unknown"), "0.00") << "only tried";
  EXPECT_TRUE(listed(link));
  fields["step"] = "do";
  fields["request_id"] = HiddenIn(tried.body, "request_id");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ((*console)->Send(page, path, staff, fields).header("Location"),
              "/a/unknown/life?done=acted")
        << "also when it is sent again";
  }
  EXPECT_EQ(Balance("unknown"), "15.00");
  EXPECT_EQ(Charges("unknown").size(), 1u);
  EXPECT_FALSE(listed(link));
  EXPECT_THAT((*console)->Get("/a/unknown/life", staff).body,
              AllOf(HasSubstr("Review resolved"), HasSubstr("seen there"), HasSubstr("T-9"),
                    HasSubstr("sue")));
  ExpectAudited("unknown");
}

// The links that `./run up` prints: signed by a shell, with a key of its own.
TEST_F(ConsoleTest, TheLinksOfAStackLetPeopleIn) {
  const std::string jwks = stack_->folder() + "/stack-jwks.json";
  const auto shell = test_support::Subprocess::Start(
      {.program = "/bin/bash",
       .args =
           {"-c",
            "set -euo pipefail; say() { :; }; die() { exit 1; }; source scripts/stack.sh; "
            "STACK_DIR=$1 STACK_CONSOLE=; stack_keys \"$2\"; "
            "stack_link '\"account_id\": \"linked\"'; echo; stack_link '\"role\": \"support\"'; "
            "echo",
            "bash", stack_->folder(), jwks},
       .working_directory = test_support::SourceDir()});
  ASSERT_TRUE(shell.ok()) << shell.status();
  ASSERT_EQ((*shell)->Wait(absl::Seconds(30)), 0) << (*shell)->Stderr();
  const std::vector<std::string> links = absl::StrSplit((*shell)->Stdout(), '\n');
  ASSERT_GE(links.size(), 2u);
  auto console =
      ConsoleProcess::Start(*stack_, {"--jwks_file=" + jwks, "--token_audience=reserve-console"});
  ASSERT_TRUE(console.ok()) << console.status();
  const auto enter = [&](const std::string& link) {
    const std::string cookie = (*console)->Get(link, "").header("Set-Cookie");
    return (*console)
        ->Get("/", "", {{"Cookie", cookie.substr(0, cookie.find(';'))}})
        .header("Location");
  };
  EXPECT_EQ(enter(links[0]), "/a/linked/billing");
  EXPECT_EQ(enter(links[1]), "/support");
}

// --- Bad days.

TEST_F(ConsoleTest, AFormThatTheLedgerDidNotAnswerIsSentAgainAndDoneOnce) {
  OpenFunded("waited");
  const std::string token = Customer("waited");
  const std::string page = console_->Get(TopUpAddress(*console_, "waited", token), token).body;
  stack_->ledger_process()->Kill();
  const WebAnswer lost = console_->Post("/a/waited/top-up", token,
                                        {{"form_token", HiddenIn(page, "form_token")},
                                         {"request_id", HiddenIn(page, "request_id")},
                                         {"amount", "20.00"}});
  EXPECT_EQ(lost.status, 503);
  EXPECT_EQ(HiddenIn(lost.body, "request_id"), HiddenIn(page, "request_id"));
  EXPECT_EQ(HiddenIn(lost.body, "amount"), "20.00");
  EXPECT_EQ(console_->Get("/a/waited/billing", token).status, 503);
  ASSERT_TRUE(stack_->StartLedger().ok());
  const auto again = [&] {
    return console_
        ->Post("/a/waited/top-up", token,
               {{"form_token", HiddenIn(lost.body, "form_token")},
                {"request_id", HiddenIn(lost.body, "request_id")},
                {"amount", HiddenIn(lost.body, "amount")}})
        .status;
  };
  EXPECT_TRUE(WaitUntil([&] { return again() == 303; }));
  EXPECT_TRUE(WaitUntil([&] { return Balance("waited") == "35.00"; })) << Balance("waited");
  EXPECT_EQ(Charges("waited").size(), 2u);
}

TEST_F(ConsoleTest, ItDoesNotStartWithoutKeysAnAudienceOrAProxyBeforeOtherMachines) {
  const std::string jwks = stack_->folder() + "/start-jwks";
  std::ofstream(jwks) << console_->provider().Jwks();
  const std::vector<std::string> good = {"--listen=127.0.0.1:0", "--jwks_file=" + jwks,
                                         "--token_audience=x"};
  const auto refusal = [&](const std::string& flag) {
    std::vector<std::string> args = good;
    args.push_back(flag);
    const auto process = test_support::Subprocess::Start({.program = "console", .args = args});
    EXPECT_TRUE(process.ok()) << process.status();
    EXPECT_EQ((*process)->Wait(absl::Seconds(20)), 2) << flag;
    return (*process)->Stderr();
  };
  EXPECT_THAT(refusal("--jwks_file="), HasSubstr("--jwks_file"));
  EXPECT_THAT(refusal("--jwks_file=/nowhere"), HasSubstr("--jwks_file"));
  EXPECT_THAT(refusal("--token_audience="), HasSubstr("--token_audience"));
  EXPECT_THAT(refusal("--listen=0.0.0.0:0"), HasSubstr("--behind_proxy"));
  EXPECT_THAT(refusal("--public_url=pages.example.org"), HasSubstr("--public_url"));
  EXPECT_THAT(refusal("--public_url=https://pages.example.org/billing"), HasSubstr("--public_url"));
  EXPECT_THAT(refusal("--card_page=x"), HasSubstr("--card_page"));
  EXPECT_THAT(refusal("--currency=usd"), HasSubstr("--currency"));
  EXPECT_THAT(refusal("--web_threads=1"), HasSubstr("--web_threads"));
  EXPECT_THAT(refusal("--max_address_rate=-1"), HasSubstr("--max_address_rate"));
  EXPECT_THAT(refusal("--max_account_rate=nan"), HasSubstr("--max_account_rate"));
}

TEST_F(ConsoleTest, WhoComesTooOftenIsToldToWaitAndADrainEndsInGoodOrder) {
  auto console = ConsoleProcess::Start(*stack_, {"--max_address_rate=3", "--public_prices"});
  ASSERT_TRUE(console.ok()) << console.status();
  EXPECT_EQ((*console)->Get("/prices", "").status, 200) << "public, as the flag says";
  EXPECT_TRUE(WaitUntil([&] {
    const WebAnswer answer = (*console)->Get("/prices", "");
    return answer.status == 429 && answer.header("Retry-After") == "1";
  }));
  EXPECT_THAT(test_support::HttpGet((*console)->metrics_port(), "/metrics"),
              HasSubstr("reserve_console_requests_total{page=\"GET /prices\",status=\"200\"}"));
  (*console)->process()->Signal(SIGTERM);
  EXPECT_EQ((*console)->process()->Wait(absl::Seconds(20)), 0);
}

}  // namespace
}  // namespace reserve::e2e
