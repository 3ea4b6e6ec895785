// The console's shell with all of its pages, before a ledger that is away: who is let in, and what
// comes with a page. What pages do with a ledger is console_test's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <fstream>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/rpc/channel.h"
#include "services/console/embedded/embedded.h"
#include "services/console/identity/key_file.h"
#include "services/console/ledger_client.h"
#include "services/console/pages/site.h"
#include "services/console/web/web_server.h"
#include "tests/support/test_provider.h"
#include "tests/support/wait_until.h"

namespace reserve::console {
namespace {

using test_support::Claims;
using test_support::kTestAudience;
using test_support::TestProvider;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://pages.example.org";

class WebTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(WebOptions options) {
    server_.reset();
    registry_ = std::make_unique<prometheus::Registry>();
    const std::string path =
        absl::StrCat(::testing::TempDir(), "/jwks-", absl::ToUnixNanos(absl::Now()));
    std::ofstream(path) << provider_.Jwks();
    keys_ = *KeyFile::Open(path, *registry_);
    options.listen = "127.0.0.1:0";
    options.public_url = kUrl;
    options.rules.audience = kTestAudience;
    auto server = WebServer::Start(
        options, AllRoutes(&site_),
        [this](const Visit& visit, int status, const std::string& why) {
          return site_.Refusal(visit, status, why);
        },
        keys_.get(), registry_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  httplib::Headers Bearer(const std::string& token) const {
    httplib::Headers headers;
    if (!token.empty()) headers.emplace("Authorization", "Bearer " + token);
    return headers;
  }
  httplib::Response Get(const std::string& path, const httplib::Headers& headers = {}) const {
    httplib::Client client("127.0.0.1", server_->port());
    const auto result = client.Get(path, headers);
    return result ? *result : httplib::Response();
  }
  httplib::Response Post(const std::string& path, const httplib::Headers& headers,
                         const httplib::Params& fields) const {
    httplib::Client client("127.0.0.1", server_->port());
    const auto result = client.Post(path, headers, fields);
    return result ? *result : httplib::Response();
  }
  int Ask(const Route& route, const std::string& token) const {
    const std::string path = absl::StrReplaceAll(
        route.pattern, {{":account", "own"}, {":card", "card-1"}, {":action", "adjust"}});
    return route.method == "GET" ? Get(path, Bearer(token)).status
                                 : Post(path, Bearer(token), {}).status;
  }
  static std::string Hidden(const std::string& page, const std::string& name) {
    const std::regex field("name=\"" + name + "\" value=\"([^\"]*)\"");
    std::smatch match;
    return std::regex_search(page, match, field) ? match[1].str() : "";
  }

  const TestProvider provider_;
  const LedgerClient ledger_{*MakeChannel("127.0.0.1:1", ChannelOptions())};
  const Site site_{&ledger_,
                   *Texts::Read(*embedded::Find("texts/en.txt")),
                   {.public_url = kUrl, .card_page = "https://gateway.example.org/card"}};
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<KeyFile> keys_;
  std::unique_ptr<WebServer> server_;
};

TEST_F(WebTest, EveryPageAndFormIsShutForWhoHasNoGoodToken) {
  const absl::Time soon = absl::Now() + absl::Hours(1);
  const std::vector<std::string> bad = {
      "",
      "nonsense",
      provider_.Sign(Claims("own", kTestAudience, absl::Now() - absl::Hours(1))),
      provider_.Sign(Claims("own", "another", soon)),
      provider_.Sign(Claims("own", kTestAudience, soon), "none"),
      provider_.Sign(Claims("", kTestAudience, soon), "none"),
      provider_.Sign(Claims("own", kTestAudience, soon), "HS256"),
      TestProvider().ForCustomer("own")};
  const std::vector<Route> routes = AllRoutes(&site_);
  EXPECT_GT(routes.size(), 20u);
  for (const Route& route : routes) {
    EXPECT_NE(route.door, Door::kEverybody) << route.pattern;
    for (const std::string& token : bad) {
      // Whose tokens are bad is told to slow down at some time; that is no way in.
      EXPECT_THAT(Ask(route, token), AnyOf(401, 429)) << route.pattern << " " << token;
    }
  }
}

TEST_F(WebTest, ACustomerComesToNoOtherAccountAndToNoPageOfSupport) {
  for (const Route& route : AllRoutes(&site_)) {
    const bool post = route.method == "POST";
    const bool known = route.door == Door::kKnown;
    const bool support = route.door == Door::kSupport;
    EXPECT_EQ(Ask(route, provider_.ForCustomer("stranger")) == 403, !known || post)
        << route.pattern;
    // Without a form's token no POST is let in; else the ledger is what is away.
    const bool takes_card = route.pattern == "/a/:account/cards/given";
    EXPECT_EQ(Ask(route, provider_.ForCustomer("own")) == 403, support || post || takes_card)
        << route.pattern;
    EXPECT_EQ(Ask(route, provider_.ForSupport()) == 403, post || takes_card) << route.pattern;
  }
  EXPECT_EQ(Get("/elsewhere", Bearer(provider_.ForSupport())).status, 404);
  EXPECT_EQ(Get("/a/own/settings", Bearer(provider_.ForSupport())).status, 405);
}

TEST_F(WebTest, AFormIsTakenFromItsOwnVisitorAndFromOurPagesAlone) {
  const httplib::Headers own = Bearer(provider_.ForCustomer("own"));
  const std::string page = Get("/a/own/billing", own).body;
  const std::string other = Get("/a/own/billing", Bearer(provider_.ForSupport())).body;
  httplib::Params fields = {{"amount", "20"}, {"request_id", "r-1"}};
  EXPECT_EQ(Post("/a/own/top-up", own, fields).status, 403);
  fields.emplace("form_token", Hidden(other, "form_token"));
  EXPECT_EQ(Post("/a/own/top-up", own, fields).status, 403) << "another visitor's";
  fields.erase("form_token");
  fields.emplace("form_token", Hidden(page, "form_token"));
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"Origin", "https://evil.example"},
                                                        {"Origin", "null"},
                                                        {"Sec-Fetch-Site", "cross-site"},
                                                        {"Sec-Fetch-Site", "same-site"}}) {
    httplib::Headers from = own;
    from.emplace(name, value);
    EXPECT_EQ(Post("/a/own/top-up", from, fields).status, 403) << name << " " << value;
  }
  httplib::Headers from = own;
  from.emplace("Origin", kUrl);
  const httplib::Response lost = Post("/a/own/top-up", from, fields);
  EXPECT_EQ(lost.status, 503) << "the ledger is away";
  EXPECT_EQ(Hidden(lost.body, "request_id"), "r-1") << "what was sent is sent again";
  EXPECT_EQ(Hidden(lost.body, "amount"), "20");
  EXPECT_THAT(lost.body, HasSubstr("action=\"/a/own/top-up\""));
}

TEST_F(WebTest, ALinkSetsACookieThatNoScriptReads) {
  const httplib::Response entered = Get("/enter?token=" + provider_.ForCustomer("own"));
  EXPECT_EQ(entered.status, 303);
  EXPECT_EQ(entered.get_header_value("Location"), "/");
  const std::string cookie = entered.get_header_value("Set-Cookie");
  EXPECT_THAT(cookie,
              AllOf(HasSubstr("__Host-reserve="), HasSubstr("; Path=/;"),
                    HasSubstr("; HttpOnly; Secure; SameSite=Lax"), Not(HasSubstr("Domain"))));
  const httplib::Headers with = {{"Cookie", "x=1; " + cookie.substr(0, cookie.find(';'))}};
  EXPECT_EQ(Get("/", with).get_header_value("Location"), "/a/own/billing");
  const std::string page = Get("/a/own/billing", with).body;
  const httplib::Response left = Post("/leave", with, {{"form_token", Hidden(page, "form_token")}});
  EXPECT_EQ(left.status, 200);
  EXPECT_THAT(left.get_header_value("Set-Cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(Get("/enter?token=nonsense").status, 401);
  for (const std::string elsewhere : {"//evil.example", "https://evil.example", "/%5Cevil", ""}) {
    EXPECT_EQ(Get("/enter?to=" + elsewhere + "&token=" + provider_.ForCustomer("own"))
                  .get_header_value("Location"),
              "/")
        << elsewhere;
  }
  EXPECT_EQ(Get("/enter?to=/a/own/calls&token=" + provider_.ForCustomer("own"))
                .get_header_value("Location"),
            "/a/own/calls");
}

TEST_F(WebTest, ACardIsAskedForAtTheGatewayAndAForgedAnswerIsRefused) {
  const httplib::Headers own = Bearer(provider_.ForCustomer("own"));
  const std::string away = Get("/a/own/cards/new", own).get_header_value("Location");
  EXPECT_THAT(away, HasSubstr("https://gateway.example.org/card?return=https:"));
  const std::string state = away.substr(away.find("&state=") + 7);
  const std::string back = "/a/own/cards/given?card_token=tok_visa&state=";
  EXPECT_EQ(Get(back + state, own).status, 503) << "the ledger is away";
  EXPECT_EQ(Get(back + "a*b*c", own).status, 403);
  EXPECT_EQ(Get(back + state, Bearer(provider_.ForSupport())).status, 403) << "another visitor";
  EXPECT_EQ(Get("/a/own/cards/given?state=" + state, own).get_header_value("Location"),
            "/a/own/billing")
      << "no card was given";
}

TEST_F(WebTest, PagesComeWithHeadersThatAllowNothingElse) {
  const httplib::Response page = Get("/a/own/billing", Bearer(provider_.ForCustomer("own")));
  EXPECT_EQ(page.status, 503);
  EXPECT_THAT(page.get_header_value("Content-Security-Policy"),
              AllOf(HasSubstr("default-src 'none'"), HasSubstr("frame-ancestors 'none'"),
                    HasSubstr("form-action 'self'"), Not(HasSubstr("unsafe"))));
  EXPECT_EQ(page.get_header_value("Cache-Control"), "no-store");
  EXPECT_EQ(page.get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_THAT(page.get_header_value("Strict-Transport-Security"), HasSubstr("max-age="));
  EXPECT_THAT(Get("/static/chart.js").get_header_value("Content-Type"), HasSubstr("javascript"));
  EXPECT_EQ(Get("/static/console.css").status, 200);
  EXPECT_EQ(Get("/static/nothing.js").status, 404);
}

TEST_F(WebTest, WhoComesTooOftenIsToldToWait) {
  Start({.max_address_rate = 2});
  EXPECT_TRUE(test_support::WaitUntil([&] {
    const httplib::Response answer = Get("/");
    return answer.status == 429 && answer.get_header_value("Retry-After") == "1";
  }));
  Start({.behind_proxy = true, .max_address_rate = 2});
  const auto from = [&](const std::string& chain) {
    return Get("/", {{"X-Forwarded-For", chain}}).status;
  };
  EXPECT_TRUE(test_support::WaitUntil([&] { return from("192.0.2.7, 192.0.2.1") == 429; }));
  EXPECT_EQ(from("192.0.2.1, 192.0.2.9"), 401) << "another address, as the proxy says";
  Start({.max_account_rate = 1});
  const httplib::Headers own = Bearer(provider_.ForCustomer("own"));
  const httplib::Params fields = {
      {"form_token", Hidden(Get("/a/own/billing", own).body, "form_token")}, {"amount", "x"}};
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return Post("/a/own/top-up", own, fields).status == 429; }));
}

TEST_F(WebTest, ADrainAnswersWhatRunsAndTakesNoMore) {
  EXPECT_EQ(Get("/").status, 401);
  server_->Drain();
  EXPECT_EQ(Get("/").status, -1);
  server_->Drain();
}

}  // namespace
}  // namespace reserve::console
