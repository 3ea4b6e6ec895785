// The console's shell with all of its pages, before a ledger that is away: who is let in, and what
// comes with a page. What pages do with a ledger is console_test's.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/rpc/channel.h"
#include "services/console/embedded/embedded.h"
#include "services/console/identity/key_file.h"
#include "services/console/ledger_client.h"
#include "services/console/pages/languages.h"
#include "services/console/pages/site.h"
#include "services/console/web/web_server.h"
#include "services/ledger/access/access_table.h"
#include "tests/support/build_tree.h"
#include "tests/support/test_provider.h"
#include "tests/support/wait_until.h"

namespace reserve::console {
namespace {

namespace fs = std::filesystem;
using test_support::Claims;
using test_support::kTestAudience;
using test_support::TestProvider;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://pages.example.org";

class WebTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({.max_refused_tokens = 0}); }

  // With these pages beside those that there are.
  void Start(WebOptions options, const std::vector<Route>& more = {}) {
    server_.reset();
    registry_ = std::make_unique<prometheus::Registry>();
    const std::string path =
        absl::StrCat(::testing::TempDir(), "/jwks-", absl::ToUnixNanos(absl::Now()));
    std::ofstream(path) << provider_.Jwks();
    keys_ = *KeyFile::Open(path, *registry_);
    options.listen = "127.0.0.1:0";
    options.public_url = kUrl;
    options.rules.audience = kTestAudience;
    std::vector<Route> routes = AllRoutes(&site_);
    routes.insert(routes.end(), more.begin(), more.end());
    auto server = WebServer::Start(
        options, routes,
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
  // Who may bring decks into force, and sees no account.
  std::string Operator() const {
    return provider_.Sign(absl::StrCat(R"({"sub": "olga", "role": "operations", "aud": ")",
                                       kTestAudience, R"(", "exp": )",
                                       absl::ToUnixSeconds(absl::Now() + absl::Hours(1)), "}"));
  }
  httplib::Headers Cookie(const std::string& token) const {
    return {{"Cookie", "__Host-reserve=" + token}};
  }
  int Ask(const Route& route, const std::string& token) const {
    const std::string path = absl::StrReplaceAll(route.pattern, {{":account", "own"},
                                                                 {":card", "card-1"},
                                                                 {":action", "adjust"},
                                                                 {":number", "1"},
                                                                 {":deck", "1"}});
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
      EXPECT_EQ(Ask(route, token), 401) << route.pattern << " " << token;
    }
  }
}

TEST_F(WebTest, ACustomerComesToNoOtherAccountAndToNoPageOfSupport) {
  for (const Route& route : AllRoutes(&site_)) {
    const bool post = route.method == "POST";
    const bool known = route.door == Door::kKnown;
    const bool operations = route.door == Door::kOperations;
    const bool support = route.door == Door::kSupport || route.door == Door::kDecks || operations;
    EXPECT_EQ(Ask(route, provider_.ForCustomer("stranger")) == 403, !known || post)
        << route.pattern;
    // Without a form's token no POST is let in; else the ledger is what is away.
    const bool takes_card = route.pattern == "/a/:account/cards/given";
    EXPECT_EQ(Ask(route, provider_.ForCustomer("own")) == 403, support || post || takes_card)
        << route.pattern;
    EXPECT_EQ(Ask(route, provider_.ForSupport()) == 403, post || takes_card || operations)
        << route.pattern;
    const bool of_decks = route.door == Door::kDecks || operations;
    EXPECT_EQ(Ask(route, Operator()) == 403, post || !(known || of_decks)) << route.pattern;
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
  for (const std::string elsewhere :
       {"//evil.example", "https://evil.example", "/%5Cevil", "", "/%09/evil.example",
        "/%0A/evil.example", "/%7F/evil", "/%20/evil.example"}) {
    EXPECT_EQ(Get("/enter?to=" + elsewhere + "&token=" + provider_.ForCustomer("own"))
                  .get_header_value("Location"),
              "/")
        << elsewhere;
  }
  EXPECT_EQ(Get("/enter?to=/a/own/calls&token=" + provider_.ForCustomer("own"))
                .get_header_value("Location"),
            "/a/own/calls");
}

TEST_F(WebTest, ALinkOfSomebodyElseIsTakenOnlyByWhoSaysSo) {
  const httplib::Headers own = Cookie(provider_.ForCustomer("own"));
  const std::string link = "/enter?to=/a/own/calls&token=";
  EXPECT_THAT(Get(link + provider_.ForCustomer("own"), own).get_header_value("Set-Cookie"),
              HasSubstr("__Host-reserve="))
      << "one's own, renewed";
  const std::string others = provider_.ForCustomer("stranger");
  const httplib::Response asked = Get(link + others, own);
  EXPECT_EQ(asked.status, 303);
  EXPECT_EQ(asked.get_header_value("Set-Cookie"), "");
  const httplib::Response page = Get(asked.get_header_value("Location"), own);
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("Sign in by this link"));
  httplib::Params form = {{"token", others}, {"to", "/a/stranger/calls"}};
  EXPECT_EQ(Post("/switch", own, form).status, 403) << "a form of another site";
  form.emplace("form_token", Hidden(page.body, "form_token"));
  const httplib::Response switched = Post("/switch", own, form);
  EXPECT_EQ(switched.get_header_value("Location"), "/a/stranger/calls");
  EXPECT_THAT(switched.get_header_value("Set-Cookie"), HasSubstr(others));
  form.erase("token");
  form.emplace("token", "nonsense");
  EXPECT_EQ(Post("/switch", own, form).status, 401);
}

TEST_F(WebTest, ATokenThatNoBrowserKeepsIsRefusedByItsLink) {
  std::string claims = Claims("own", kTestAudience, absl::Now() + absl::Hours(1));
  claims.insert(1, absl::StrCat("\"groups\": \"", std::string(4000, 'g'), "\", "));
  const std::string token = provider_.Sign(claims);
  EXPECT_EQ(Get("/", Bearer(token)).status, 303) << "as a header it is good";
  const httplib::Response entered = Get("/enter?token=" + token);
  EXPECT_EQ(entered.status, 400);
  EXPECT_EQ(entered.get_header_value("Set-Cookie"), "");
}

TEST_F(WebTest, WhatTheLibraryRefusesHasAPage) {
  const httplib::Response large =
      Post("/a/own/top-up", Bearer(provider_.ForCustomer("own")), {{"x", std::string(9000, 'x')}});
  EXPECT_EQ(large.status, 413);
  EXPECT_THAT(large.body, HasSubstr("more than a form of these pages can hold"));
  EXPECT_THAT(large.get_header_value("Content-Security-Policy"), HasSubstr("default-src 'none'"));
}

TEST(IsOriginTest, AnAddressOfAPlaceAlone) {
  for (const std::string good : {"https://pages.example.org", "http://127.0.0.1:8080",
                                 "https://pages.example.org:8443", "http://[::1]:8080"}) {
    EXPECT_TRUE(IsOrigin(good)) << good;
  }
  for (const std::string bad :
       {"", "https://", "pages.example.org", "ftp://pages.example.org",
        "https://pages.example.org/", "https://pages.example.org/billing",
        "https://Pages.example.org", "https://pages.example.org:443", "http://pages.example.org:80",
        "https://a b", "https://user@pages.example.org", "https://:8080",
        "https://pages.example.org:x"}) {
    EXPECT_FALSE(IsOrigin(bad)) << bad;
  }
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
  EXPECT_EQ(Get("/", {{"X-Forwarded-For", "192.0.2.50"}, {"X-Forwarded-For", "192.0.2.1"}}).status,
            429)
      << "the proxy's own line comes last";
  Start({.max_account_rate = 1});
  const httplib::Headers own = Bearer(provider_.ForCustomer("own"));
  const httplib::Params fields = {
      {"form_token", Hidden(Get("/a/own/billing", own).body, "form_token")}, {"amount", "x"}};
  EXPECT_TRUE(
      test_support::WaitUntil([&] { return Post("/a/own/top-up", own, fields).status == 429; }));
}

TEST_F(WebTest, WhoseTokensDontHoldIsToldToWaitAndNobodyElse) {
  Start({.behind_proxy = true});
  const auto from = [&](const std::string& address, const std::string& token) {
    httplib::Headers headers = Bearer(token);
    headers.emplace("X-Forwarded-For", address);
    return Get("/", headers).status;
  };
  EXPECT_TRUE(test_support::WaitUntil([&] { return from("192.0.2.1", "nonsense") == 429; }));
  EXPECT_EQ(from("192.0.2.2", provider_.ForCustomer("own")), 303);
}

TEST_F(WebTest, WhatIsCountedIsOfOneAccountAndNotOfAll) {
  Start({.max_account_rate = 1});
  const auto leave = [&](const std::string& account) {
    const httplib::Headers own = Bearer(provider_.ForCustomer(account));
    return Post("/leave", own,
                {{"form_token", Hidden(Get("/a/x/billing", own).body, "form_token")}})
        .status;
  };
  EXPECT_TRUE(test_support::WaitUntil([&] { return leave("own") == 429; }));
  EXPECT_EQ(leave("another"), 200);
  const auto take_card = [&](const std::string& account) {
    return Get(absl::StrCat("/a/", account, "/cards/given"), Bearer(provider_.ForCustomer(account)))
        .status;
  };
  EXPECT_TRUE(test_support::WaitUntil([&] { return take_card("own") == 429; }));
  EXPECT_EQ(take_card("a-third"), 403) << "a forged answer";
}

// --- Connections.

// Connected, and quiet.
class QuietVisitor {
 public:
  explicit QuietVisitor(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    timeval patience{30, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~QuietVisitor() { close(socket_); }
  QuietVisitor(const QuietVisitor&) = delete;
  QuietVisitor& operator=(const QuietVisitor&) = delete;

  void Say(const std::string& text) const {
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Up to when the other side hangs up.
  std::string Hear() const {
    std::string heard;
    std::array<char, 4096> piece{};
    while (true) {
      const ssize_t got = recv(socket_, piece.data(), piece.size(), 0);
      EXPECT_GE(got, 0) << "nobody hangs up";
      if (got <= 0) return heard;
      heard.append(piece.data(), static_cast<size_t>(got));
    }
  }

 private:
  const int socket_;
};

std::vector<std::unique_ptr<QuietVisitor>> Quiet(size_t count, int port) {
  std::vector<std::unique_ptr<QuietVisitor>> visitors;
  while (visitors.size() < count) visitors.push_back(std::make_unique<QuietVisitor>(port));
  return visitors;
}

TEST_F(WebTest, WhoIsConnectedAndSaysNothingTakesNobodysTurn) {
  Start({.threads = 2});
  const auto visitors = Quiet(40, server_->port());
  EXPECT_EQ(Get("/").status, 401);
}

TEST_F(WebTest, WhoComesAboveTheNumberOfConnectionsIsToldAtOnce) {
  Start({.connections = {.connections = 4, .request_within = absl::Hours(1)}});
  auto visitors = Quiet(4, server_->port());
  const QuietVisitor late(server_->port());
  EXPECT_THAT(late.Hear(), HasSubstr("503 Service Unavailable"));
  visitors.pop_back();
  EXPECT_TRUE(test_support::WaitUntil([&] { return Get("/").status == 401; }));
  visitors.clear();
}

TEST_F(WebTest, ARequestThatDoesNotComeIsNotWaitedFor) {
  Start({.connections = {.request_within = absl::Milliseconds(100)}});
  const QuietVisitor slow(server_->port());
  slow.Say("GET / HTTP/1.1\r\nHo");
  slow.Hear();
}

// A page that is there once it is told so.
struct HeldPage {
  absl::Notification begun;
  absl::Notification go_on;

  Route route() {
    return {"GET", "/held", Door::kEverybody, [this](const Visit&) {
              if (!begun.HasBeenNotified()) begun.Notify();
              go_on.WaitForNotification();
              return Reply{.body = "held"};
            }};
  }
};

TEST_F(WebTest, WhatIsMadeAtOnceAndWhatWaitsForItAreBounded) {
  HeldPage held;
  Start({.threads = 1}, {held.route()});
  int held_status = 0;
  std::thread visitor([&] { held_status = Get("/held").status; });
  held.begun.WaitForNotification();
  // Those who don't wait long, and yet are waited for: four of them fit.
  int asked = 0;
  EXPECT_TRUE(test_support::WaitUntil([&] {
    ++asked;
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(0, 50'000);
    const auto result = client.Get("/");
    return result && result->status == 503;
  }));
  EXPECT_GE(asked, 5);
  held.go_on.Notify();
  visitor.join();
  EXPECT_EQ(held_status, 200);
  EXPECT_TRUE(test_support::WaitUntil([&] { return Get("/").status == 401; }));
}

TEST_F(WebTest, ADrainAnswersWhatRunsAndTakesNoMore) {
  HeldPage held;
  Start({}, {held.route()});
  httplib::Response answer;
  std::thread visitor([&] { answer = Get("/held"); });
  held.begun.WaitForNotification();
  std::thread drain([&] { server_->Drain(absl::Hours(1)); });
  EXPECT_TRUE(test_support::WaitUntil([&] { return Get("/").status == -1; }));
  held.go_on.Notify();
  visitor.join();
  drain.join();
  EXPECT_EQ(answer.body, "held");
  server_->Drain(absl::Seconds(20));
}

// A file without an end, and how many of it are on their way.
Route EndlessFile(std::atomic<int>* begun) {
  return {"GET", "/endless", Door::kEverybody, [begun](const Visit&) {
            Reply reply;
            reply.next_piece = [begun, first = true]() mutable {
              if (std::exchange(first, false)) ++*begun;
              return std::string(1 << 20, 'x');
            };
            return reply;
          }};
}

TEST_F(WebTest, FewFilesAreOnTheirWayAtOnceAndPagesGoOn) {
  std::atomic<int> begun = 0;
  Start({.threads = 4}, {EndlessFile(&begun)});
  auto reads_nothing = std::make_unique<QuietVisitor>(server_->port());
  reads_nothing->Say("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(test_support::WaitUntil([&] { return begun == 1; }));
  EXPECT_EQ(Get("/endless").status, 503);
  EXPECT_EQ(Get("/").status, 401);
  reads_nothing.reset();
  EXPECT_TRUE(test_support::WaitUntil([&] {
    const QuietVisitor another(server_->port());
    another.Say("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    return test_support::WaitUntil([&] { return begun == 2; }, absl::Milliseconds(50));
  })) << "who hangs up makes room";
}

TEST_F(WebTest, AFileThatADrainCutsOffIsABrokenTransferAndNoShortFile) {
  std::atomic<int> begun = 0;
  Start({}, {EndlessFile(&begun)});
  std::atomic<size_t> received = 0;
  bool whole = true;
  std::thread reader([&] {
    httplib::Client client("127.0.0.1", server_->port());
    const auto result = client.Get("/endless", [&](const char*, size_t bytes) {
      received += bytes;
      return true;
    });
    whole = static_cast<bool>(result);
  });
  EXPECT_TRUE(test_support::WaitUntil([&] { return received > 0; }));
  server_->Drain(absl::Seconds(20));
  reader.join();
  EXPECT_FALSE(whole);
}

TEST_F(WebTest, ADrainDoesNotWaitForWhoDoesNotRead) {
  std::atomic<int> begun = 0;
  Start({.connections = {.request_within = absl::Hours(1), .piece_within = absl::Hours(1)}},
        {EndlessFile(&begun)});
  const QuietVisitor reads_nothing(server_->port());
  reads_nothing.Say("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  const QuietVisitor says_nothing(server_->port());
  EXPECT_EQ(Get("/").status, 401);
  server_->Drain(absl::Milliseconds(200));
}

// --- Languages.

TEST(LanguagesTest, TheFirstOfTheReadersOwnOfWhichThereAreTexts) {
  const std::set<std::string> names = {"de", "en", "fr"};
  EXPECT_EQ(ChooseLanguage("de-DE,de;q=0.9,en;q=0.8", names), "de");
  EXPECT_EQ(ChooseLanguage("da, en-GB;q=0.8, FR;q=0.9", names), "fr");
  EXPECT_EQ(ChooseLanguage("de;q=0, en;q=0.1", names), "en");
  for (const std::string none : {"", "xx", "*", ";;,,", "de;q=x"}) {
    EXPECT_EQ(ChooseLanguage(none, names), "en") << none;
  }
}

TEST(LanguagesTest, AnotherLanguageIsAnotherFile) {
  const LedgerClient ledger(*MakeChannel("127.0.0.1:1", ChannelOptions()));
  const std::string english(*embedded::Find("texts/en.txt"));
  const std::string german = absl::StrReplaceAll(
      english, {{"\nlanguage = en\n", "\nlanguage = de\n"},
                {"\nrefused_missing = There is nothing here.\n", "\nrefused_missing = Nichts.\n"}});
  const auto languages = Languages::Of({{"en", english}, {"de", german}}, &ledger, {});
  ASSERT_TRUE(languages.ok()) << languages.status();
  Visit visit;
  visit.accept_language = "de-AT";
  visit.places = {{"account", "own"}, {"number", "x"}};
  const auto page_of = [&](const std::string& accept_language) {
    visit.accept_language = accept_language;
    for (const Route& route : languages->Routes()) {
      if (route.pattern == "/decks/:deck") return route.handler(visit).body;
    }
    return std::string();
  };
  EXPECT_THAT(page_of("de-AT"), AllOf(HasSubstr("lang=\"de\""), HasSubstr("Nichts.")));
  EXPECT_THAT(page_of("en-GB, de"), AllOf(HasSubstr("lang=\"en\""), HasSubstr("nothing here")));
  EXPECT_FALSE(Languages::Of({{"de", german}}, &ledger, {}).ok());
}

// --- What the ledger is asked.

// The console's certificate has the roles billing and support, and operations where people bring
// decks into force by it: each question that its sources ask must be for one of these.
TEST(RolesTest, AreEnoughForAllThatTheLedgerIsAsked) {
  static const std::regex kAsked(
      R"(&(?:pb::)?(?:Accounts|Events|Rates|Support|Usages)(?:::Stub)?::(\w+))");
  std::set<std::string> asked;
  for (const auto& entry :
       fs::recursive_directory_iterator(test_support::SourceDir() + "/services/console/pages")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    for (std::sregex_iterator it(text.begin(), text.end(), kAsked), end; it != end; ++it) {
      asked.insert((*it)[1].str());
    }
  }
  EXPECT_GT(asked.size(), 25u);
  for (const std::string& method : asked) {
    const Roles may = access::RowNamed(method).roles;
    EXPECT_EQ(may.Has(Role::kBilling) || may.Has(Role::kSupport), method != "ActivateRateDeck")
        << method;
  }
}

// --- A ledger of which parts are slow.

class SlowAccounts : public ledger::v1::Accounts::Service {
 public:
  grpc::Status GetAccount(grpc::ServerContext*, const ledger::v1::GetAccountRequest* request,
                          ledger::v1::Account* response) override {
    response->set_account_id(request->account_id());
    response->set_state(ledger::v1::ACCOUNT_STATE_ACTIVE);
    response->mutable_balance()->set_currency_code("USD");
    return grpc::Status::OK;
  }
  // As where all threads for long questions have one.
  grpc::Status GetBillingAdvice(grpc::ServerContext* context,
                                const ledger::v1::GetBillingAdviceRequest*,
                                ledger::v1::BillingAdvice*) override {
    test_support::WaitUntil([&] { return context->IsCancelled(); });
    return grpc::Status::CANCELLED;
  }
};

// The pages before one service that is the test's own.
class PagesBefore {
 public:
  explicit PagesBefore(grpc::Service* service) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    ledger_ = std::make_unique<LedgerClient>(
        *MakeChannel(absl::StrCat("127.0.0.1:", port), ChannelOptions()));
    site_ = std::make_unique<Site>(ledger_.get(), *Texts::Read(*embedded::Find("texts/en.txt")),
                                   SiteOptions());
  }

  // What the account "own" has at that pattern.
  Reply Get(const std::string& pattern, const Fields& asked = {}) const {
    Visit visit;
    visit.places = {{"account", "own"}};
    visit.asked = asked;
    for (const Route& route : AllRoutes(site_.get())) {
      if (route.method == "GET" && route.pattern == pattern) return route.handler(visit);
    }
    ADD_FAILURE() << "there is no " << pattern;
    return {};
  }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<LedgerClient> ledger_;
  std::unique_ptr<Site> site_;
};

TEST(SlowLedgerTest, SomebodyCanPayWhileAdviceTakesLong) {
  SlowAccounts accounts;
  const Reply page = PagesBefore(&accounts).Get("/a/:account/billing");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(
      page.body,
      AllOf(HasSubstr("takes long at this moment"), HasSubstr("be read at this moment"),
            HasSubstr("action=\"/a/own/top-up\""), Not(HasSubstr("There are no receipts"))));
}

// A history of which so many pages can be read, a call each; and none has an end.
class LongHistory : public SlowAccounts {
 public:
  explicit LongHistory(int readable) : readable_(readable) {}
  grpc::Status ListUsage(grpc::ServerContext*, const ledger::v1::ListUsageRequest*,
                         ledger::v1::ListUsageResponse* response) override {
    if (readable_-- <= 0) return {grpc::StatusCode::UNAVAILABLE, "away"};
    ledger::v1::UsageRecord& record = *response->add_usage_records();
    record.mutable_usage()->set_usage_id("call");
    record.mutable_usage()->mutable_call()->mutable_duration()->set_seconds(60);
    record.mutable_cost()->set_currency_code("USD");
    record.mutable_cost()->set_units(1);
    response->set_next_page_token("more");
    response->mutable_searched_until()->set_seconds(1'796'000'000);
    return grpc::Status::OK;
  }

 private:
  std::atomic<int> readable_;
};

TEST(SlowLedgerTest, AFileThatTheLedgerBreaksOffSaysSoInItsLastLine) {
  LongHistory history(3);
  const PagesBefore pages(&history);
  const Reply file = pages.Get("/a/:account/calls.csv");
  ASSERT_NE(file.next_piece, nullptr);
  std::string csv;
  for (auto piece = file.next_piece(); piece.has_value(); piece = file.next_piece()) csv += *piece;
  const std::vector<std::string> lines = absl::StrSplit(csv, "\r\n");
  ASSERT_EQ(lines.size(), 6u) << csv;
  EXPECT_THAT(lines[4], HasSubstr("This file is not whole"));
  EXPECT_EQ(lines[5], "");
}

TEST(SlowLedgerTest, WhatFiltersLeaveIsAddedUpAsFarAsAFewPagesGoAndSaysSo) {
  LongHistory history(100);
  const Reply page = PagesBefore(&history).Get("/a/:account/calls", {{"number", "+44"}});
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, AllOf(HasSubstr("With these filters, looked through until"),
                               HasSubstr(": 5, together 5:00, for $5.00. There may be more."),
                               HasSubstr("On this page: 1, together 1:00, for $1.00.")));
}

TEST(SlowLedgerTest, WhereTheLedgerDoesNotLetThePagesInTheySayWhoseFaultThatIs) {
  class Shut : public ledger::v1::Support::Service {
    grpc::Status ListReviews(grpc::ServerContext*, const ledger::v1::ListReviewsRequest*,
                             ledger::v1::ListReviewsResponse*) override {
      return {grpc::StatusCode::PERMISSION_DENIED, "is for the role support"};
    }
  } shut;
  const Reply page = PagesBefore(&shut).Get("/support/reviews");
  EXPECT_EQ(page.status, 502);
  EXPECT_THAT(page.body, HasSubstr("These pages are not set up for this"));
}

}  // namespace
}  // namespace reserve::console
