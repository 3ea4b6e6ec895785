// Debian's Prometheus watches a running stack on which something happens, and every query of the
// chart's dashboard (helm/reserve/files/dashboard.json) finds data there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/play_traffic.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_authority.h"
#include "tests/support/trace_collector.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace fs = std::filesystem;
namespace pb = ledger::v1;
using test_support::ContentOf;
using test_support::FreePort;
using test_support::HttpGet;
using test_support::Subprocess;
using test_support::TestAuthority;
using test_support::WaitUntil;
using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

fs::path InSource(const std::string& path) { return fs::path(test_support::SourceDir()) / path; }

std::string EscapedForUrl(const std::string& query) {
  std::string escaped;
  for (const char c : query) {
    absl::StrAppend(&escaped, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
  }
  return escaped;
}

class DashboardLiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(Prometheus())) GTEST_SKIP() << "no Prometheus: ./run test gets it";
    const int collector_port = FreePort();
    collector_ = std::make_unique<test_support::TraceCollector>(collector_port);
    worker_metrics_ = FreePort();
    const std::string to_collector = absl::StrCat("--otlp_endpoint=127.0.0.1:", collector_port);
    auto stack = Stack::Start(
        {.ledger_flags = {to_collector, "--trace_ratio=1"},
         .gateway = true,
         .workers = 1,
         .worker_flags = {absl::StrCat("--metrics_listen=127.0.0.1:", worker_metrics_)}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    ASSERT_NO_FATAL_FAILURE(StartWhatHasACertificate());
    ASSERT_NO_FATAL_FAILURE(StartPrometheus());
  }

  static fs::path Prometheus() { return InSource("build/prometheus/usr/bin/prometheus"); }
  std::string PathOf(const std::string& name) const { return stack_->folder() + "/" + name; }

  // The stack speaks plain text, and a panel is about certificates.
  void StartWhatHasACertificate() {
    const auto authority = TestAuthority::Create(stack_->folder(), "ca");
    if (!authority.ok()) GTEST_SKIP() << "needs openssl: " << authority.status();
    const auto own = authority->Issue("server", "DNS:localhost");
    ASSERT_TRUE(own.ok()) << own.status();
    std::ofstream(PathOf("roles")) << "worker.test worker\n";
    tls_metrics_ = FreePort();
    auto server = Subprocess::Start(
        {.program = "gateway_stub",
         .args = {"--listen=127.0.0.1:0", absl::StrCat("--metrics_listen=127.0.0.1:", tls_metrics_),
                  "--tls_certificate_file=" + own->certificate_file,
                  "--tls_key_file=" + own->key_file, "--tls_ca_file=" + authority->ca_file(),
                  "--roles_file=" + PathOf("roles")}});
    ASSERT_TRUE(server.ok()) << server.status();
    with_certificate_ = *std::move(server);
  }

  void StartPrometheus() {
    std::ofstream config(PathOf("prometheus.yaml"));
    config << "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n"
              "- job_name: reserve\n  static_configs:\n";
    for (const int port : {stack_->metrics_port(), worker_metrics_, tls_metrics_}) {
      config << "  - {targets: ['127.0.0.1:" << port << "'], labels: {namespace: e2e, pod: p"
             << port << "}}\n";
    }
    config.close();
    port_ = FreePort();
    auto prometheus =
        Subprocess::Start({.program = Prometheus().string(),
                           .args = {"--config.file=" + PathOf("prometheus.yaml"),
                                    "--storage.tsdb.path=" + PathOf("prometheus"),
                                    absl::StrCat("--web.listen-address=127.0.0.1:", port_)}});
    ASSERT_TRUE(prometheus.ok()) << prometheus.status();
    prometheus_ = *std::move(prometheus);
    ASSERT_TRUE(WaitUntil([&] { return absl::StrContains(HttpGet(port_, "/-/ready"), "200 OK"); },
                          kPatience));
    // It has seen them before anything happens: a first value is no increase.
    ASSERT_TRUE(WaitUntil([&] { return Problem("count(up == 1) == 3").empty(); }, kPatience));
  }

  // Why the query is no good; empty if it finds a number.
  std::string Problem(const std::string& query) const {
    const std::string page =
        HttpGet(port_, absl::StrCat("/api/v1/query?query=", EscapedForUrl(query)));
    const size_t begin = page.find('{', page.find("\r\n\r\n"));
    if (begin == std::string::npos) return "no answer";
    const auto answer = nlohmann::json::parse(page.substr(begin, page.rfind('}') + 1 - begin),
                                              nullptr, /*allow_exceptions=*/false);
    if (!answer.is_object() || answer["status"] != "success") return "refused: " + page;
    for (const nlohmann::json& series : answer["data"]["result"]) {
      if (series["value"][1] != "NaN") return "";
    }
    return "no data";
  }

  // Each query of the dashboard, as Grafana would send it.
  std::vector<std::string> Queries() const {
    std::vector<std::string> queries;
    const auto dashboard =
        nlohmann::json::parse(ContentOf(InSource("helm/reserve/files/dashboard.json")));
    for (const nlohmann::json& panel : dashboard["panels"]) {
      for (const nlohmann::json& target : panel["targets"]) {
        queries.push_back(absl::StrReplaceAll(target["expr"].get<std::string>(),
                                              {{"$namespace", "e2e"}, {"$__rate_interval", "1m"}}));
      }
    }
    return queries;
  }

  // What `./run play` plays.
  void Play(int steps) {
    for (int i = 0; i < steps; ++i) {
      const absl::Status status = traffic_->Step();
      ASSERT_TRUE(status.ok()) << status << "\n" << told_.str();
    }
  }

  // Some of each; and a verification.
  void PlayAtFirst() {
    traffic_ = std::make_unique<play::Traffic>(
        grpc::CreateChannel(stack_->ledger_address(), grpc::InsecureChannelCredentials()),
        play::Traffic::Options{.seed = 11}, told_);
    const absl::Status opened = traffic_->Open();
    ASSERT_TRUE(opened.ok()) << opened << "\n" << told_.str();
    ASSERT_NO_FATAL_FAILURE(Play(250));
    EXPECT_GT(traffic_->counts().calls, 10);
    EXPECT_GT(traffic_->counts().texts, 10);
    // A call that fails, and the books, which add up.
    EXPECT_FALSE(Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                      Parse<pb::GetAccountRequest>("account_id: 'nobody'"))
                     .ok());
    EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 0);
  }

  std::unique_ptr<test_support::TraceCollector> collector_;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<Subprocess> with_certificate_;
  std::unique_ptr<Subprocess> prometheus_;
  std::ostringstream told_;
  std::unique_ptr<play::Traffic> traffic_;
  int worker_metrics_ = 0;
  int tls_metrics_ = 0;
  int port_ = 0;
};

TEST_F(DashboardLiveTest, EachQueryFindsDataOnAStackOnWhichSomethingHappens) {
  ASSERT_NO_FATAL_FAILURE(PlayAtFirst());
  EXPECT_GT(Queries().size(), 30u);
  for (const std::string& query : Queries()) {
    // Something goes on to happen: what all happened between two looks of Prometheus (a slow
    // machine misses some) is a first value to it, and has no rate.
    const auto finds_data = [&] {
      if (Problem(query).empty()) return true;
      Play(/*steps=*/5);
      return HasFatalFailure();
    };
    EXPECT_TRUE(WaitUntil(finds_data, absl::Seconds(20))) << query << ": " << Problem(query);
    ASSERT_FALSE(HasFatalFailure());
  }
  // And is drawn for people.
  auto drawing = Subprocess::Start(
      {.program = InSource("scripts/draw_dashboard.py").string(),
       .args = {absl::StrCat("--prometheus=http://127.0.0.1:", port_), "--namespace=e2e",
                "--minutes=2", "--require-data", "--out=" + PathOf("dashboard.html")}});
  ASSERT_TRUE(drawing.ok()) << drawing.status();
  if ((*drawing)->Wait(kPatience) == 127) GTEST_SKIP() << "no python3 to draw it with";
  EXPECT_EQ((*drawing)->Wait(kPatience), 0) << (*drawing)->Stderr();
  const std::string page = ContentOf(PathOf("dashboard.html"));
  EXPECT_THAT(page, HasSubstr("<polyline"));
  EXPECT_THAT(page, HasSubstr("From dip to credit"));
}

TEST_F(DashboardLiveTest, AQueryOverWhatIsNotThereIsNoticed) {
  EXPECT_EQ(Problem("sum(reserve_ledger_no_such_thing{namespace=\"e2e\"})"), "no data");
  EXPECT_THAT(Problem("sum(("), HasSubstr("refused"));
}

}  // namespace
}  // namespace reserve::e2e
