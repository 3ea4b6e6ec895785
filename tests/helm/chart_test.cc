// The Helm chart as helm renders it, without a cluster: it is clean, refuses values that make no
// sense and names them, and what it renders fits the programs and the documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/flags/known_flags.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"

namespace reserve {
namespace {

using test_support::Subprocess;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr absl::Duration kDeadline = absl::Minutes(1);
constexpr size_t kLongestCronJob = 52;
constexpr size_t kLongestName = 63;
constexpr size_t kLongestRelease = 53;
// A pod of a Job is told by its Job's name, and so is a label that may have 63 characters.
constexpr int kManyRevisions = 99'999;

std::string ReadFile(const std::string& path) {
  std::ifstream file(absl::StrCat(test_support::SourceDir(), "/", path));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Every match of the first group, in order.
std::vector<std::string> FindAll(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  return found;
}

class ChartTest : public ::testing::Test {
 protected:
  struct Ended {
    int exit_code = -1;
    std::string output;
    std::string errors;
  };

  void SetUp() override {
    const char* const folder = std::getenv("RESERVE_TEST_KUBERNETES");
    if (folder != nullptr && std::filesystem::exists(absl::StrCat(folder, "/helm"))) {
      helm_ = absl::StrCat(folder, "/helm");
    }
    if (Helm({"version"}).exit_code != 0) {
      GTEST_SKIP() << "no helm in the PATH, nor in RESERVE_TEST_KUBERNETES";
    }
  }

  Ended Helm(std::vector<std::string> args) const {
    const auto process = Subprocess::Start({.program = helm_, .args = std::move(args)});
    if (!process.ok()) return {};
    const int exit_code = (*process)->Wait(kDeadline);
    return {exit_code, (*process)->Stdout(), (*process)->Stderr()};
  }
  Ended Render(std::vector<std::string> args, const std::string& release = "reserve") const {
    // The last one given counts.
    args.insert(args.begin(), {"template", release, Chart(), "--kube-version", "1.34"});
    return Helm(std::move(args));
  }
  static std::string Chart() { return absl::StrCat(test_support::SourceDir(), "/helm/reserve"); }
  // The arguments for each of the value files.
  static std::vector<std::vector<std::string>> ValueFiles() {
    return {{},
            {"-f", Chart() + "/values-evaluation.yaml"},
            {"-f", Chart() + "/values-production.yaml"},
            {"-f",          Chart() + "/values-production.yaml",
             "--set",       "gatewayStub.enabled=true",
             "--set",       "importStarterDeck=true",
             "--set",       "migrate.grant=true",
             "--set",       "migrate.finish=true",
             "--set",       "console.enabled=true",
             "--set",       "console.publicUrl=https://pages.example.org",
             "--set",       "console.cardPage=https://gateway.example.org/card",
             "--set",       "console.ingress.enabled=true",
             "--set",       "console.ingress.host=pages.example.org",
             "--is-upgrade"}};
  }

 private:
  std::string helm_ = "helm";
};

TEST_F(ChartTest, EveryFileOfValuesIsClean) {
  for (std::vector<std::string> args : ValueFiles()) {
    SCOPED_TRACE(absl::StrCat(args.empty() ? "values.yaml" : args[1]));
    const Ended rendered = Render(args);
    EXPECT_EQ(rendered.exit_code, 0) << rendered.errors;
    EXPECT_THAT(rendered.output, AllOf(HasSubstr("kind: Deployment"), Not(HasSubstr("<nil>"))));
    if (!args.empty() && args.back() == "--is-upgrade") args.pop_back();
    args.insert(args.begin(), {"lint", "--strict", Chart()});
    const Ended linted = Helm(args);
    EXPECT_EQ(linted.exit_code, 0) << linted.output << linted.errors;
  }
}

using BadValue = std::pair<std::string, std::string>;

// Names that can't be those of a release's objects.
std::vector<BadValue> BadNames() {
  return {
      {"nameOverride=-x", "nameOverride"},
      {"nameOverride=x-", "nameOverride"},
      {"fullnameOverride=Big", "fullnameOverride"},
      {absl::StrCat("nameOverride=", std::string(64, 'n')), "nameOverride"},
      {absl::StrCat("fullnameOverride=", std::string(41, 'n')), "fullnameOverride"},
  };
}

// The console's.
std::vector<BadValue> BadPages() {
  return {
      {"console.publicUrl=pages.example.org", "publicUrl"},
      {"console.publicUrl=https://pages.example.org/", "publicUrl"},
      {"console.publicUrl=https://example.org/pages", "publicUrl"},
      {"console.publicUrl=https://Pages.example.org", "publicUrl"},
      {"console.cardPage=gateway", "cardPage"},
      {"console.tokenAudience=", "tokenAudience"},
      {"console.maxAddressRate=-1", "maxAddressRate"},
      {"console.ingress.host=a b", "host"},
  };
}

// Other values that make no sense: what is set, and the name that the refusal must have.
std::vector<BadValue> BadValues() {
  return {
      {"ledger.replica=3", "replica"},
      {"tls.enable=true", "enable"},
      {"nonsense=1", "nonsense"},
      {"gatewaystub.enabled=true", "gatewaystub"},
      {"metrics.port=50051", "port"},
      {"metrics.port=50053", "port"},
      {"metrics.port=0", "port"},
      {"metrics.port=65536", "port"},
      {"database.port=99999", "port"},
      {"database.host=", "host"},
      {"database.host=a b", "host"},
      {"database.host=db:3306", "host"},
      {"database.schema=", "schema"},
      {"database.user=", "user"},
      {"database.passwordSecret.name=", "name"},
      {"database.passwordSecret.name=No_Secret", "name"},
      {"image.repository=", "repository"},
      {"image.tag=a b", "tag"},
      {"image.digest=sha256:12", "digest"},
      {"image.pullPolicy=Sometimes", "pullPolicy"},
      {"ledger.replicas=-1", "replicas"},
      {"ledger.replicas=two", "replicas"},
      {"ledger.lanes=65", "lanes"},
      {"ledger.queryThreads=0", "queryThreads"},
      {"ledger.logLevel=loud", "logLevel"},
      {"ledger.drainTimeoutSeconds=20s", "drainTimeoutSeconds"},
      {"ledger.drainTimeoutSeconds=-5", "drainTimeoutSeconds"},
      {"ledger.preStopSeconds=-1", "preStopSeconds"},
      {"ledger.maxConnectionAge=30", "maxConnectionAge"},
      {"ledger.service.port=0", "port"},
      {"ledger.podDisruptionBudget.maxUnavailable=0", "maxUnavailable"},
      {"worker.podDisruptionBudget.maxUnavailable=0%", "maxUnavailable"},
      {"ledger.autoscaling.minReplicas=0", "minReplicas"},
      {"ledger.autoscaling.targetCPUUtilizationPercentage=0", "targetCPUUtilizationPercentage"},
      {"ledger.extraArgs[0]=lanes=4", "extraArgs"},
      {"ledger.extraArgs[0]=--health_listen=0.0.0.0:1", "extraArgs"},
      {"ledger.extraEnv[0].name=1X", "extraEnv"},
      {"ledger.resources.limit.memory=1Gi", "limit"},
      {"ledger.resources.limits.memory=1GB", "memory"},
      {"ledger.podLabels.a=b c", "podLabels"},
      {"ledger.priorityClassName=No Class", "priorityClassName"},
      {"worker.gateway=payments", "gateway"},
      {"worker.gateway=payments:99999", "gateway"},
      {"worker.gateway=payments:", "gateway"},
      {"worker.maxInFlight=0", "maxInFlight"},
      {"worker.gatewayRequestsPerSecond=-1", "gatewayRequestsPerSecond"},
      {"worker.chargeTimeout=5", "chargeTimeout"},
      {"worker.gatewayKeyLifetime=-24h", "gatewayKeyLifetime"},
      {"worker.imageTag=-x", "imageTag"},
      {"migrate.schedule=weekly", "schedule"},
      {"migrate.schedule=17 3 * *", "schedule"},
      {"migrate.activeDeadlineSeconds=1", "activeDeadlineSeconds"},
      {"migrate.databaseWaitSeconds=1m", "databaseWaitSeconds"},
      {"migrate.backoffLimit=-1", "backoffLimit"},
      {"migrate.grantHost=", "grantHost"},
      {"migrate.grantHost=%'", "grantHost"},
      {"reconcile.extraArgs[0]=dry_run", "extraArgs"},
      {"jobs.ttlSecondsAfterFinished=0", "ttlSecondsAfterFinished"},
      {"tls.ledgerSecret=", "ledgerSecret"},
      {"tls.roles.caller={swich}", "roles"},
      {"tls.roles.caller={}", "roles"},
      {"metrics.serviceMonitor.interval=15", "interval"},
      {"networkPolicy.gatewayPort=-1", "gatewayPort"},
  };
}

TEST_F(ChartTest, AValueThatMakesNoSenseIsRefusedAndNamed) {
  std::vector<BadValue> values = BadValues();
  for (BadValue& name : BadNames()) values.push_back(std::move(name));
  for (BadValue& page : BadPages()) values.push_back(std::move(page));
  for (const auto& [value, name] : values) {
    const Ended refused = Render({"--set", value});
    EXPECT_NE(refused.exit_code, 0) << value;
    EXPECT_THAT(refused.errors, HasSubstr(name)) << value;
    EXPECT_THAT(refused.errors, HasSubstr("values don't meet the specifications")) << value;
  }
  for (const std::string wrong_type : {"tls.enabled=false", "importStarterDeck=yes",
                                       "ledger.replicas=2", "metrics.enabled=true"}) {
    const Ended refused = Render({"--set-string", wrong_type});
    EXPECT_NE(refused.exit_code, 0) << wrong_type;
    EXPECT_THAT(refused.errors, HasSubstr("want ")) << wrong_type;
  }
  EXPECT_THAT(Render({"--set", "worker.gateway="}).errors, HasSubstr("worker.gateway"));
}

TEST_F(ChartTest, WithTlsThereAreRolesAndWithoutPlainTextIsAskedFor) {
  EXPECT_THAT(Render({"--set", "tls.enabled=true"}).errors, HasSubstr("tls.roles"));
  const std::string plain = Render({}).output;
  EXPECT_THAT(plain, AllOf(HasSubstr("--insecure_plaintext"), Not(HasSubstr("--roles_file"))));
  const std::vector<std::string> named = {"--set", "tls.enabled=true", "--set",
                                          "tls.roles.spiffe://x/a={switch,billing}"};
  const std::string roles = Render(named).output;
  EXPECT_THAT(roles, AllOf(HasSubstr("    spiffe://x/a switch billing\n"),
                           HasSubstr("--roles_file=/etc/reserve/roles/roles"),
                           HasSubstr("configMap: {name: reserve-roles}"),
                           Not(HasSubstr("--insecure_plaintext"))));
  const std::string own =
      Render({"--set", "tls.enabled=true", "--set", "tls.rolesConfigMap=mine"}).output;
  EXPECT_THAT(own, AllOf(HasSubstr("configMap: {name: mine}"), Not(HasSubstr("reserve-roles"))));
}

TEST_F(ChartTest, TheConsoleIsOffUnlessAskedForAndItsIngressEndsTls) {
  EXPECT_THAT(Render({}).output, Not(HasSubstr("-console")));
  EXPECT_THAT(Render({"--set", "console.enabled=true"}).errors, HasSubstr("console.publicUrl"));
  const std::vector<std::string> on = {"--set", "console.enabled=true", "--set",
                                       "console.publicUrl=https://pages.example.org"};
  EXPECT_THAT(
      Render(on).output,
      AllOf(HasSubstr("--behind_proxy"), HasSubstr("--jwks_file=/etc/reserve/jwks/jwks.json"),
            HasSubstr("name: reserve-console-jwks"), Not(HasSubstr("kind: Ingress\n"))));
  std::vector<std::string> with_ingress = on;
  with_ingress.insert(with_ingress.end(), {"--set", "console.ingress.enabled=true"});
  EXPECT_THAT(Render(with_ingress).errors, HasSubstr("console.ingress.host"));
  with_ingress.insert(with_ingress.end(), {"--set", "console.ingress.host=pages.example.org"});
  EXPECT_THAT(Render(with_ingress).output,
              AllOf(HasSubstr("kind: Ingress\n"), HasSubstr("hosts: [\"pages.example.org\"]")));
}

TEST_F(ChartTest, NamesFitWhateverTheReleaseIsCalled) {
  std::set<std::string> ledgers;
  for (const size_t length : {1, 28, 32, 33, 40, 41, 42, 45, 50, 53}) {
    ASSERT_LE(length, kLongestRelease);
    for (const char last : {'a', 'b'}) {
      const std::string release = std::string(length - 1, 'r') + last;
      std::vector<std::string> args = ValueFiles().back();
      args.insert(args.end(), {"--set", absl::StrCat("nameOverride=", std::string(63, 'n'))});
      const Ended rendered = Render(args, release);
      ASSERT_EQ(rendered.exit_code, 0) << rendered.errors;
      for (const std::string& cron :
           FindAll(rendered.output, "kind: CronJob\nmetadata:\n  name: (\\S+)")) {
        EXPECT_LE(cron.size(), kLongestCronJob) << cron;
      }
      for (const std::string& name : FindAll(rendered.output, "\n  name: (\\S+)")) {
        EXPECT_LE(name.size(), kLongestName) << name;
        EXPECT_THAT(name, ::testing::MatchesRegex("[a-z0-9]([-a-z0-9]*[a-z0-9])?"));
      }
      for (const std::string& job :
           FindAll(rendered.output, "kind: Job\nmetadata:\n  name: (\\S+)-[0-9]+\n")) {
        EXPECT_LE(absl::StrCat(job, "-", kManyRevisions).size(), kLongestName) << job;
      }
      for (const std::string& ledger :
           FindAll(rendered.output, "kind: Deployment\nmetadata:\n  name: (\\S+)")) {
        EXPECT_TRUE(ledgers.insert(ledger).second) << "two releases have the same " << ledger;
      }
    }
  }
}

TEST_F(ChartTest, WhatStandsInAUrlIsPercentEncoded) {
  const Ended rendered = Render({"--set-string", "database.user=re@se rve+/é"});
  ASSERT_EQ(rendered.exit_code, 0) << rendered.errors;
  EXPECT_THAT(rendered.output, HasSubstr("mysql://re%40se%20rve%2B%2F%C3%A9@mariadb:3306/reserve"));
}

TEST_F(ChartTest, PodsAreHeldToWhatAPlatformTeamAsks) {
  for (const std::vector<std::string>& args : ValueFiles()) {
    const std::string output = Render(args).output;
    // One for each kind of pod.
    const size_t pods = FindAll(output, "\n( +)automountServiceAccountToken: false\n").size();
    EXPECT_GE(pods, 5u);
    EXPECT_THAT(output, Not(HasSubstr("automountServiceAccountToken: true")));
    EXPECT_THAT(FindAll(output, "\n +(enableServiceLinks: \\w+)"),
                AllOf(SizeIs(pods), Each("enableServiceLinks: false")));
    EXPECT_EQ(
        FindAll(output, "\n +(runAsNonRoot: true|securityContext: \\{runAsNonRoot: true)").size(),
        pods);
    EXPECT_EQ(FindAll(output, "(allowPrivilegeEscalation: false)").size(), pods);
    EXPECT_EQ(FindAll(output, "(readOnlyRootFilesystem: true)").size(), pods);
    // Probes ask the port that serves health alone, also with TLS.
    EXPECT_THAT(FindAll(output, "livenessProbe:\n +(.*)"),
                Each("grpc: {port: 50053, service: live}"));
    EXPECT_THAT(output, HasSubstr("startupProbe:"));
    if (absl::StrContains(output, "kind: PodDisruptionBudget")) {
      EXPECT_THAT(output, HasSubstr("unhealthyPodEvictionPolicy: AlwaysAllow"));
    }
  }
}

TEST_F(ChartTest, TheGraceIsThePauseAndTheDrainAndSome) {
  const std::string output =
      Render({"--set", "ledger.preStopSeconds=7", "--set", "ledger.drainTimeoutSeconds=33"}).output;
  EXPECT_THAT(output, AllOf(HasSubstr("terminationGracePeriodSeconds: 50"),
                            HasSubstr("--drain_timeout=33s"), HasSubstr("sleep: {seconds: 7}")));
  EXPECT_THAT(Render({"--kube-version", "1.29"}).output,
              HasSubstr("exec: {command: [sleep, \"5\"]}"));
}

TEST_F(ChartTest, EveryFlagThatItGivesIsOneOfThePrograms) {
  std::set<std::string> known(std::begin(kKnownFlags), std::end(kKnownFlags));
  // What every program answers and ends, and no flag that it reads.
  known.insert("version");
  std::set<std::string> given;
  for (const std::vector<std::string>& args : ValueFiles()) {
    for (const std::string& flag : FindAll(Render(args).output, "\n +- '?--([a-z_]+)")) {
      given.insert(flag);
    }
  }
  EXPECT_GE(given.size(), 20u);
  for (const std::string& flag : given) EXPECT_TRUE(known.contains(flag)) << flag;
}

TEST_F(ChartTest, NetworkPoliciesCloseEverythingAndNameEveryoneWhoTalks) {
  const std::string output = Render(ValueFiles()[2]).output;
  EXPECT_THAT(output, HasSubstr("-default-deny"));
  for (const char* component : {"worker", "import", "verify", "reconcile", "check"}) {
    EXPECT_THAT(output, HasSubstr(absl::StrCat("\"", component, "\""))) << component;
  }
  EXPECT_THAT(output, AllOf(HasSubstr("-migrate\n"), HasSubstr("-migrate-first\n"),
                            HasSubstr("{port: 53, protocol: UDP}"), HasSubstr("{port: 3306}")));
  EXPECT_THAT(FindAll(output, "policyTypes: (.*)"), Each(HasSubstr("Egress")));
}

// --- What documents say, for which no helm is needed ---------------------------------

TEST(ChartDocumentsTest, AlertsAndDashboardAreOverMetricsThatThereAre) {
  const std::string operations = ReadFile("docs/OPERATIONS.md");
  for (const char* path : {"helm/reserve/files/alerts.yaml", "helm/reserve/files/dashboard.json"}) {
    const std::string text = ReadFile(path);
    const std::vector<std::string> metrics = FindAll(text, "(reserve_[a-z_]+)");
    EXPECT_GE(metrics.size(), 10u) << path;
    for (std::string metric : metrics) {
      const size_t bucket = metric.rfind("_bucket");
      if (bucket != std::string::npos) metric.resize(bucket);
      EXPECT_THAT(operations, HasSubstr(absl::StrCat("`", metric))) << path;
    }
  }
}

TEST(ChartDocumentsTest, EveryAlertHasARunbook) {
  const std::string operations = ReadFile("docs/OPERATIONS.md");
  const std::vector<std::string> alerts =
      FindAll(ReadFile("helm/reserve/files/alerts.yaml"), "alert: (\\w+)");
  EXPECT_GE(alerts.size(), 10u);
  for (const std::string& alert : alerts) {
    EXPECT_THAT(operations, HasSubstr(absl::StrCat("\n### ", alert, "\n"))) << alert;
  }
}

// The paths of the values: "ledger.service.port". A map of one line ({a: b}) is one value.
std::set<std::string> ValuePaths() {
  std::set<std::string> paths;
  std::vector<std::string> parents;
  for (const absl::string_view line : absl::StrSplit(ReadFile("helm/reserve/values.yaml"), '\n')) {
    const size_t indent = line.find_first_not_of(' ');
    if (indent == absl::string_view::npos || line[indent] == '#') continue;
    const size_t colon = line.find(':');
    parents.resize(indent / 2);
    const std::string name(line.substr(indent, colon - indent));
    std::string path;
    for (const std::string& parent : parents) absl::StrAppend(&path, parent, ".");
    if (line.substr(colon + 1).empty()) {
      parents.push_back(name);
    } else {
      paths.insert(path + name);
    }
  }
  return paths;
}

TEST(ChartDocumentsTest, TheReadmeHasEveryValue) {
  const std::string readme = ReadFile("helm/reserve/README.md");
  const std::set<std::string> paths = ValuePaths();
  EXPECT_GE(paths.size(), 100u);
  std::set<std::string> told;
  for (const std::string& cell : FindAll(readme, "\n\\| `([A-Za-z.]+)` \\|")) told.insert(cell);
  for (const std::string& path : paths) {
    // The rows of resources and the security contexts are of the whole.
    const bool of_whole = absl::StrContains(path, "resources.") ||
                          absl::StrContains(absl::AsciiStrToLower(path), "securitycontext.");
    const std::string row = of_whole ? path.substr(0, path.rfind('.')) : path;
    EXPECT_TRUE(told.contains(row)) << row;
  }
}

}  // namespace
}  // namespace reserve
