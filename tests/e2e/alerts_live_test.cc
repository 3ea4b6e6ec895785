// Debian's Prometheus watches a running stack by the chart's alerts, and each of them fires once
// what it is for has been made to happen, and not before. How long each waits, and when it is
// quiet, is tried without a stack (tests/alerts): here nothing waits for longer than a second.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/e2e/scraps.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/http_get.h"
#include "tests/support/replicated_servers.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_authority.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace fs = std::filesystem;
namespace pb = ledger::v1;
using test_support::ContentOf;
using test_support::FreePort;
using test_support::HttpGet;
using test_support::ReplicatedServers;
using test_support::Subprocess;
using test_support::TestAuthority;
using test_support::WaitUntil;

constexpr absl::Duration kPatience = absl::Seconds(90);
constexpr const char* kOfAFrozenDatabase[] = {"ReserveOverloaded", "ReserveCommandsUnavailable",
                                              "ReserveCallsFailing", "ReserveDatabaseErrors",
                                              "ReserveStepFailing"};

// The chart's, without their waits: two days without a verification are a second.
std::string RulesAtOnce() {
  std::string rules = "groups:\n- name: reserve\n  rules:\n";
  const std::string alerts =
      ContentOf(fs::path(test_support::SourceDir()) / "helm/reserve/files/alerts.yaml");
  for (const absl::string_view line : absl::StrSplit(
           absl::StrReplaceAll(alerts, {{"NAMESPACE", "e2e"}, {"> 172800", "> 1"}}), '\n')) {
    const bool left_out = line.empty() || absl::StartsWith(line, "  severity:") ||
                          absl::StartsWith(line, "  summary:");
    if (left_out) continue;
    absl::StrAppend(&rules, "  ", absl::StartsWith(line, "  for:") ? "  for: 0s" : line, "\n");
  }
  return rules;
}

fs::path PrometheusProgram() {
  return fs::path(test_support::SourceDir()) / "build/prometheus/usr/bin/prometheus";
}

class AlertsLiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(PrometheusProgram())) GTEST_SKIP() << "no Prometheus: ./run test gets it";
    if (!ReplicatedServers::Available()) GTEST_SKIP() << "only MariaDB is set up as a replica here";
    auto servers = ReplicatedServers::Create(ReplicatedServers::Mode::kSemiSync);
    ASSERT_TRUE(servers.ok()) << servers.status();
    servers_ = *std::move(servers);
    worker_metrics_ = FreePort();
    doors_metrics_ = FreePort();
    StackOptions options;
    options.server = &servers_->primary();
    options.ledger_flags = {"--lanes=1", "--max_queue=1"};
    options.gateway = true;
    options.workers = 1;
    options.worker_flags = {absl::StrCat("--metrics_listen=127.0.0.1:", worker_metrics_)};
    auto stack = Stack::Start(std::move(options));
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    ASSERT_NO_FATAL_FAILURE(StartWhatHasDoors());
    ASSERT_NO_FATAL_FAILURE(StartPrometheus());
  }

  std::string PathOf(const std::string& name) const { return stack_->folder() + "/" + name; }

  // A server with certificates that end in two days, and a file of roles.
  void StartWhatHasDoors() {
    const auto authority = TestAuthority::Create(stack_->folder(), "ca");
    if (!authority.ok()) GTEST_SKIP() << "needs openssl: " << authority.status();
    const auto own = authority->Issue("server", "DNS:localhost");
    ASSERT_TRUE(own.ok()) << own.status();
    std::ofstream(PathOf("roles")) << "worker.test worker\n";
    auto doors = Subprocess::Start(
        {.program = "gateway_stub",
         .args = {
             "--listen=127.0.0.1:0", absl::StrCat("--metrics_listen=127.0.0.1:", doors_metrics_),
             "--tls_certificate_file=" + own->certificate_file, "--tls_key_file=" + own->key_file,
             "--tls_ca_file=" + authority->ca_file(), "--roles_file=" + PathOf("roles")}});
    ASSERT_TRUE(doors.ok()) << doors.status();
    doors_ = *std::move(doors);
    ASSERT_TRUE(WaitUntil([&] { return !HttpGet(doors_metrics_, "/metrics").empty(); }))
        << doors_->Stderr();
  }

  void StartPrometheus() {
    std::ofstream(PathOf("rules.yaml")) << RulesAtOnce();
    std::vector<std::string> targets;
    for (const int port : {stack_->metrics_port(), worker_metrics_, doors_metrics_}) {
      targets.push_back(absl::StrCat("'127.0.0.1:", port, "'"));
    }
    std::ofstream(PathOf("prometheus.yaml"))
        << "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
        << "rule_files: [rules.yaml]\nscrape_configs:\n- job_name: reserve\n  static_configs:\n"
        << "  - {targets: [" << absl::StrJoin(targets, ", ") << "], labels: {namespace: e2e}}\n";
    port_ = FreePort();
    auto prometheus =
        Subprocess::Start({.program = PrometheusProgram().string(),
                           .args = {"--config.file=" + PathOf("prometheus.yaml"),
                                    "--storage.tsdb.path=" + PathOf("prometheus"),
                                    absl::StrCat("--web.listen-address=127.0.0.1:", port_)}});
    ASSERT_TRUE(prometheus.ok()) << prometheus.status();
    prometheus_ = *std::move(prometheus);
    // It has seen all three: what is absent is so for a reason.
    ASSERT_TRUE(WaitUntil([&] { return Scraped() == targets.size(); }, kPatience))
        << prometheus_->Stderr();
  }

  // A call of user u to there that began just now.
  void Book(const std::string& usage_id, const std::string& destination) {
    pb::RecordUsageRequest call = UsageOf(usage_id);
    call.mutable_usage()->mutable_call()->set_destination(destination);
    call.mutable_usage()->mutable_start_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    Must(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, call).status());
  }

  nlohmann::json Ask(const std::string& path) const {
    const std::string page = HttpGet(port_, path);
    const size_t body = page.find("\r\n\r\n");
    if (body == std::string::npos) return nullptr;
    const size_t begin = page.find('{', body);
    const size_t end = page.rfind('}');
    if (begin == std::string::npos || end == std::string::npos) return nullptr;
    return nlohmann::json::parse(page.substr(begin, end - begin + 1), nullptr, false);
  }
  size_t Scraped() const {
    const nlohmann::json answer = Ask("/api/v1/query?query=count(up%3D%3D1)");
    if (!answer.is_object() || answer["data"]["result"].empty()) return 0;
    return std::stoul(answer["data"]["result"][0]["value"][1].get<std::string>());
  }
  std::set<std::string> Firing() const {
    std::set<std::string> names;
    const nlohmann::json answer = Ask("/api/v1/alerts");
    if (!answer.is_object()) return names;
    for (const nlohmann::json& alert : answer["data"]["alerts"]) {
      if (alert["state"] == "firing") names.insert(alert["labels"]["alertname"]);
    }
    return names;
  }
  // What it is for is to happen now.
  void ExpectQuiet(const std::string& name) const {
    EXPECT_EQ(Firing().count(name), 0u) << name << " fires before";
  }
  void Await(const std::string& name) {
    EXPECT_TRUE(WaitUntil([&] { return Firing().count(name) > 0; }, kPatience))
        << name << " does not fire; these do: " << absl::StrJoin(Firing(), ", ");
  }

  // While some call.
  void FreezeTheDatabase() {
    for (const char* name : kOfAFrozenDatabase) ExpectQuiet(name);
    servers_->primary().Freeze();
    std::vector<std::future<void>> callers;
    for (int i = 0; i < 8; ++i) {
      callers.push_back(std::async(std::launch::async, [this, i] {
        (void)Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage,
                   UsageOf(absl::StrCat("meanwhile-", i)));
      }));
    }
    for (const char* name : kOfAFrozenDatabase) Await(name);
    servers_->primary().Thaw();
    callers.clear();
  }

  void Must(const absl::Status& status) { EXPECT_TRUE(status.ok()) << status; }
  void Open(const std::string& account) {
    Must(Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
              Parse<pb::OpenAccountRequest>(account))
             .status());
  }

  std::unique_ptr<ReplicatedServers> servers_;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<Subprocess> doors_;
  std::unique_ptr<Subprocess> prometheus_;
  int worker_metrics_ = 0;
  int doors_metrics_ = 0;
  int port_ = 0;
};

TEST_F(AlertsLiveTest, EachFiresOnceWhatItIsForHappensAndNotBefore) {
  Open("account_id: 'acct'");
  Must(Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
            Parse<pb::PutUserRequest>("account_id: 'acct' user_id: 'u'"))
           .status());
  Await("ReserveCertificateEnds");
  // On a slow machine the worker may be missed at first.
  const std::set<std::string> from_the_start = {"ReserveCertificateEnds"};
  EXPECT_TRUE(WaitUntil([&] { return Firing() == from_the_start; }, kPatience));

  ExpectQuiet("ReserveFilesNotTaken");
  std::ofstream(PathOf("roles")) << "worker.test king\n";
  Await("ReserveFilesNotTaken");

  ExpectQuiet("ReserveUsageUnrated");
  Book("to-nowhere", "+99955501234");
  Await("ReserveUsageUnrated");

  ExpectQuiet("ReserveLimitReached");
  Must(Call(stack_->support(), &pb::Support::Stub::UpdateLimits,
            Parse<pb::UpdateLimitsRequest>("account_id: 'acct' reason: 'test' limits { "
                                           "spend_per_day { currency_code: 'USD' } }"))
           .status());
  Book("paid", "+12465550123");
  Await("ReserveLimitReached");

  ExpectQuiet("ReserveWorkerFault");
  ExpectQuiet("ReserveChargeUnresolved");
  ExpectQuiet("ReserveReviewsOpen");
  Open("account_id: 'ours' card_token: 'tok_invalid_request_1#ours'");
  Await("ReserveWorkerFault");
  Await("ReserveChargeUnresolved");
  Await("ReserveReviewsOpen");

  Open("account_id: 'slow' card_token: 'tok_pending_3600000#slow'");
  ASSERT_TRUE(WaitUntil([&] {
    return stack_->database().QueryInt(
               "SELECT COUNT(*) FROM recharges WHERE account_id = 'slow' AND pending_time IS NOT "
               "NULL") == 1;
  }));
  ExpectQuiet("ReserveOutcomeUnknown");
  // As if it had been so for two hours.
  stack_->database().Execute(
      "UPDATE recharges SET attempt_start = attempt_start - INTERVAL 2 HOUR WHERE account_id = "
      "'slow'");
  Await("ReserveOutcomeUnknown");

  ExpectQuiet("ReserveBooksDiffer");
  ExpectQuiet("ReserveNotVerified");
  stack_->database().Execute(
      "UPDATE balances SET balance_nanos = balance_nanos + 1 WHERE account_id = 'ours'");
  EXPECT_EQ(stack_->RunLedger({"verify"}).exit_code, 1);
  Await("ReserveBooksDiffer");
  Await("ReserveNotVerified");

  ExpectQuiet("ReserveSemiSyncFallenBack");
  servers_->replica().Kill();
  Must(Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, UsageOf("unreplicated")).status());
  Await("ReserveSemiSyncFallenBack");

  FreezeTheDatabase();

  // It may have lost the ledger meanwhile.
  ASSERT_TRUE(WaitUntil([&] { return Firing().count("ReserveWorkerMissing") == 0; }, kPatience));
  stack_->worker_process(0)->Kill();
  Await("ReserveWorkerMissing");
  ExpectQuiet("ReserveLedgerMissing");
  stack_->ledger_process()->Kill();
  Await("ReserveLedgerMissing");
}

TEST(AlertsTest, ThereIsNoAlertThatIsNotTriedHere) {
  const std::string source =
      ContentOf(fs::path(test_support::SourceDir()) / "tests/e2e/alerts_live_test.cc");
  const std::string alerts =
      ContentOf(fs::path(test_support::SourceDir()) / "helm/reserve/files/alerts.yaml");
  for (const absl::string_view line : absl::StrSplit(alerts, '\n')) {
    absl::string_view name = line;
    if (!absl::ConsumePrefix(&name, "- alert: ")) continue;
    EXPECT_TRUE(absl::StrContains(source, absl::StrCat("\"", name, "\""))) << name;
  }
}

}  // namespace
}  // namespace reserve::e2e
