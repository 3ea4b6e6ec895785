// The Helm chart as helm renders it, without a cluster: it is clean, refuses values that make no
// sense and names them, and what it renders fits the programs and the documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_authority.h"

namespace reserve {
namespace {

namespace fs = std::filesystem;
using test_support::Subprocess;
using ::testing::AllOf;
using ::testing::AnyOf;
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
             "--set",       "archive.enabled=true",
             "--set",       "archive.claimName=archive",
             "--set",       "tls.checkSecret=reserve-check-tls",
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

// Those of Jobs and CronJobs.
std::vector<BadValue> BadJobs() {
  return {
      {"archive.enabled=true", "claimName"},
      {"archive.afterDays=39", "afterDays"},
      {"migrate.schedule=weekly", "schedule"},
      {"migrate.schedule=17 3 * *", "schedule"},
      {"migrate.activeDeadlineSeconds=1", "activeDeadlineSeconds"},
      {"migrate.databaseWaitSeconds=1m", "databaseWaitSeconds"},
      {"migrate.backoffLimit=-1", "backoffLimit"},
      {"migrate.grantHost=", "grantHost"},
      {"migrate.grantHost=%'", "grantHost"},
      {"reconcile.extraArgs[0]=dry_run", "extraArgs"},
      {"jobs.ttlSecondsAfterFinished=0", "ttlSecondsAfterFinished"},
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
      {"metrics.port=8080", "port"},
      {"tracing.endpoint=x:99999", "endpoint"},
      {"tracing.endpoint=collector", "endpoint"},
      {"tls.checkSecret=No_Secret", "checkSecret"},
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
      {"ledger.peerAddress=nowhere", "peerAddress"},
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
  for (BadValue& job : BadJobs()) values.push_back(std::move(job));
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
    // As helm's versions say it.
    EXPECT_THAT(refused.errors, AnyOf(HasSubstr("want "), HasSubstr("Invalid type. Expected: ")))
        << wrong_type;
  }
}

TEST_F(ChartTest, ValuesThatContradictEachOtherAreRefusedAndNamed) {
  const std::string archive = "archive.enabled=true,archive.claimName=a,";
  const std::vector<BadValue> refused = {
      {"worker.gateway=", "worker.gateway"},
      {"ledger.autoscaling.enabled=true,ledger.autoscaling.minReplicas=5,"
       "ledger.autoscaling.maxReplicas=4",
       "ledger.autoscaling.minReplicas"},
      // 400 days are the ledgers' own.
      {archive + "archive.afterDays=399", "archive.afterDays"},
      {archive + "ledger.extraArgs={--max_usage_age=9601h}", "archive.afterDays"},
      {archive + "ledger.extraArgs={--max_usage_age=9600h30m}", "ledger.extraArgs"},
  };
  for (const auto& [values, name] : refused) {
    const Ended ended = Render({"--set", values});
    EXPECT_NE(ended.exit_code, 0) << values;
    EXPECT_THAT(ended.errors, HasSubstr(name)) << values;
  }
  for (const std::string& values :
       {archive + "archive.afterDays=400",
        archive + "archive.afterDays=60,ledger.extraArgs={--max_usage_age=1440h}"}) {
    EXPECT_EQ(Render({"--set", values}).exit_code, 0) << values;
  }
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

// The flags that a command shows in its help: those that it takes.
std::set<std::string> FlagsOf(const std::vector<std::string>& command) {
  std::vector<std::string> args(command.begin() + 1, command.end());
  args.emplace_back("--help");
  const auto help = Subprocess::Start({.program = command[0], .args = std::move(args)});
  EXPECT_TRUE(help.ok()) << help.status();
  if (!help.ok() || (*help)->Wait(kDeadline) != 0) return {};
  std::set<std::string> flags = {"version"};  // what every program answers and ends
  for (std::string& flag : FindAll((*help)->Stdout(), "\n  --([a-z_]+)")) {
    flags.insert(std::move(flag));
  }
  return flags;
}

TEST_F(ChartTest, EveryFlagThatItGivesIsOneThatTheCommandTakes) {
  std::map<std::vector<std::string>, std::set<std::string>> known;
  size_t given = 0;
  for (const std::vector<std::string>& values : ValueFiles()) {
    for (const std::string& args : FindAll(Render(values).output, "args:((?:\n +[-#] .*)+)")) {
      std::vector<std::string> command;
      std::vector<std::string> flags;
      for (const std::string& word : FindAll(args, "\n +- '?([^\n]+)")) {
        if (!absl::StartsWith(word, "--")) {
          command.push_back(word);
        } else {
          flags.push_back(FindAll(word, "--([a-z_]+)").at(0));
        }
      }
      ASSERT_FALSE(command.empty()) << args;
      const std::set<std::string> own = {"ledger", "worker", "gateway_stub", "console"};
      if (!own.contains(command[0])) continue;  // MariaDB's
      const auto [taken, is_new] = known.try_emplace(command);
      if (is_new) taken->second = FlagsOf(command);
      given += flags.size();
      for (const std::string& flag : flags)
        EXPECT_TRUE(taken->second.contains(flag)) << flag << args;
    }
  }
  EXPECT_GE(given, 100u);
  EXPECT_GE(known.size(), 11u);
}

// --- Single objects ------------------------------------------------------------------

// The object of this kind and name in what was rendered; empty if there is none.
std::string ObjectIn(const std::string& rendered, const std::string& kind,
                     const std::string& name) {
  for (const absl::string_view object : absl::StrSplit(rendered, "\n---\n")) {
    if (absl::StrContains(object, absl::StrCat("\nkind: ", kind, "\n")) &&
        absl::StrContains(object, absl::StrCat("\n  name: ", name, "\n"))) {
      return absl::StrCat(object, "\n");
    }
  }
  return "";
}

// With these values the object has (or has not) the text.
struct ValueInObject {
  std::string values;
  std::string kind;
  std::string name;
  std::string text;
  bool is_there = true;
};

std::vector<ValueInObject> PodValues() {
  const std::string volume =
      "extraVolumes[0].name=extra,VALUE.extraVolumeMounts[0].name=extra,"
      "VALUE.extraVolumeMounts[0].mountPath=/extra";
  const std::string console = "console.enabled=true,console.publicUrl=https://x.example,";
  std::vector<ValueInObject> rows;
  for (const std::string component : {"ledger", "worker", "console"}) {
    const std::string more = component == "console" ? console : "";
    const auto add = [&](const std::string& value, const std::string& text) {
      rows.push_back(
          {absl::StrCat(more, component, ".", absl::StrReplaceAll(value, {{"VALUE", component}})),
           "Deployment", "reserve-" + component, text});
    };
    add("replicas=7", "\n  replicas: 7\n");
    add("priorityClassName=high", "\n      priorityClassName: high\n");
    add("nodeSelector.pool=a", "nodeSelector:\n        pool: a\n");
    add("tolerations[0].key=batch", "tolerations:\n        - key: batch\n");
    add("affinity.nodeAffinity.x=y", "affinity:\n        nodeAffinity:\n");
    add("podLabels.team=a", "\n        team: a\n");
    add("podAnnotations.note=a", "\n        note: a\n");
    add("extraEnv[0].name=A,VALUE.extraEnv[0].value=b", "- name: A\n              value: b\n");
    add(volume, "mountPath: /extra\n");
    add(volume, "\n        - name: extra\n");
    add("extraContainers[0].name=beside", "\n        - name: beside\n");
    add("topologySpreadConstraints[0].topologyKey=rack", "topologyKey: rack\n");
    add("replicas=2", "topologySpreadConstraints:");
    add("extraArgs={--log_level=debug}", "\n            - --log_level=debug\n");
    rows.push_back({more, "PodDisruptionBudget", "reserve-" + component,
                    "unhealthyPodEvictionPolicy: AlwaysAllow\n"});
    rows.push_back({absl::StrCat(more, component, ".podDisruptionBudget.maxUnavailable=25%"),
                    "PodDisruptionBudget", "reserve-" + component, "maxUnavailable: 25%\n"});
    rows.push_back({absl::StrCat(more, component, ".podDisruptionBudget.enabled=false"),
                    "PodDisruptionBudget", "reserve-" + component, "", false});
  }
  rows.push_back({"gatewayStub.enabled=true,gatewayStub.podAnnotations.note=a", "Deployment",
                  "reserve-gateway-stub", "\n        note: a\n"});
  return rows;
}

// Of Jobs and CronJobs, and of what else is turned on by a value.
std::vector<ValueInObject> OtherValues() {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::string scaled = "ledger.autoscaling.enabled=true";
  const std::string volume =
      "jobs.extraVolumes[0].name=extra,jobs.extraVolumeMounts[0].name=extra,"
      "jobs.extraVolumeMounts[0].mountPath=/extra";
  return {
      {scaled, "HorizontalPodAutoscaler", "reserve-ledger", "maxReplicas: 4\n"},
      {"", "HorizontalPodAutoscaler", "reserve-ledger", "", false},
      {scaled, "Deployment", "reserve-ledger", "\n  replicas:", false},
      {"", "Deployment", "reserve-ledger", "--peer_address=$(POD_IP):50051"},
      {"", "Deployment", "reserve-ledger", "--peer_server_name", false},
      {"ledger.peerAddress=", "Deployment", "reserve-ledger", "--peer_address", false},
      {"image.digest=" + digest, "Deployment", "reserve-ledger", ":0.1.0@" + digest},
      {"image.digest=" + digest, "Job", "reserve-migrate-1", ":0.1.0@" + digest},
      {"worker.imageTag=old", "Deployment", "reserve-worker", "reserve:old\""},
      {"worker.imageTag=old", "Deployment", "reserve-ledger", "reserve:old", false},
      {"commonLabels.team=a", "Service", "reserve-ledger", "\n    team: a\n"},
      {"jobs.nodeSelector.pool=a", "Job", "reserve-migrate-1", "        pool: a\n"},
      {"jobs.nodeSelector.pool=a", "CronJob", "reserve-verify", "        pool: a\n"},
      {"jobs.tolerations[0].key=batch", "Job", "reserve-migrate-1", "- key: batch\n"},
      {"jobs.priorityClassName=low", "CronJob", "reserve-partitions", "priorityClassName: low\n"},
      {"jobs.podAnnotations.note=a", "CronJob", "reserve-verify", "note: a\n"},
      {"jobs.podLabels.team=a", "CronJob", "reserve-verify", "team: a\n"},
      {volume, "Job", "reserve-migrate-1", "mountPath: /extra\n"},
      {volume, "CronJob", "reserve-verify", "mountPath: /extra\n"},
      {volume, "CronJob", "reserve-verify", "\n            - name: extra\n"},
      {"migrate.schedule=1 2 * * *", "CronJob", "reserve-partitions", "schedule: \"1 2 * * *\"\n"},
      {"verify.schedule=1 2 * * *", "CronJob", "reserve-verify", "schedule: \"1 2 * * *\"\n"},
      {"verify.enabled=false", "CronJob", "reserve-verify", "", false},
      {"reconcile.enabled=true,reconcile.schedule=1 2 * * *", "CronJob", "reserve-reconcile",
       "schedule: \"1 2 * * *\"\n"},
      {"archive.enabled=true,archive.claimName=old,archive.schedule=1 2 * * *", "CronJob",
       "reserve-archive", "schedule: \"1 2 * * *\"\n"},
      {"archive.enabled=true,archive.claimName=old", "CronJob", "reserve-archive",
       "persistentVolumeClaim: {claimName: \"old\"}\n"},
      {"archive.enabled=true,archive.claimName=old,archive.afterDays=401", "CronJob",
       "reserve-archive", "- --archive_after=9624h\n"},
      {"", "CronJob", "reserve-archive", "", false},
      {"metrics.serviceMonitor.enabled=true", "ServiceMonitor", "reserve", "port: metrics, "},
      {"metrics.prometheusRule.enabled=true", "PrometheusRule", "reserve",
       "- alert: ReserveBooksDiffer\n"},
      {"metrics.dashboard.enabled=true", "ConfigMap", "reserve-dashboard", "grafana_dashboard:"},
      {"metrics.enabled=false,metrics.serviceMonitor.enabled=true", "ServiceMonitor", "reserve", "",
       false},
  };
}

TEST_F(ChartTest, EachValueIsInTheObjectThatItIsOf) {
  std::map<std::string, std::string> rendered;
  std::vector<ValueInObject> rows = PodValues();
  for (ValueInObject& row : OtherValues()) rows.push_back(std::move(row));
  for (const ValueInObject& row : rows) {
    SCOPED_TRACE(absl::StrCat(row.values, ": ", row.kind, " ", row.name));
    const auto [output, is_new] = rendered.try_emplace(row.values);
    if (is_new) {
      const Ended ended = Render({"--set", row.values});
      ASSERT_EQ(ended.exit_code, 0) << ended.errors;
      output->second = ended.output;
    }
    const std::string object = ObjectIn(output->second, row.kind, row.name);
    if (row.is_there) {
      EXPECT_THAT(object, HasSubstr(row.text));
    } else {
      EXPECT_EQ(absl::StrContains(object, row.text) && !object.empty(), false);
    }
  }
  const std::string extra = Render({"--set",
                                    "extraObjects[0].kind=ConfigMap,extraObjects[0].metadata.name="
                                    "x-{{ .Release.Name }}"})
                                .output;
  EXPECT_THAT(extra, HasSubstr("name: x-reserve\n"));
}

TEST_F(ChartTest, HelmTestChargesACardOnlyWhereItsCallerMayOpenAnAccount) {
  const auto check = [&](const std::string& values) {
    const Ended ended = Render({"--set", values});
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ObjectIn(ended.output, "Pod", "reserve-check");
  };
  const std::string tls = "tls.enabled=true,tls.roles.w={worker},";
  const std::string stub = "gatewayStub.enabled=true,";
  EXPECT_THAT(check(stub), HasSubstr("- --recharge\n"));
  EXPECT_THAT(check(tls + stub),
              AllOf(Not(HasSubstr("--recharge")), HasSubstr("secretName: reserve-worker-tls,")));
  EXPECT_THAT(check(tls + stub + "tls.checkSecret=mine"),
              AllOf(HasSubstr("- --recharge\n"), HasSubstr("secretName: mine,")));
  EXPECT_THAT(check(tls + "tls.checkSecret=mine"), Not(HasSubstr("--recharge")));
  EXPECT_THAT(check("tls.checkSecret=mine"), Not(HasSubstr("mine")));
}

// `helm template` leaves NOTES out, so here they are the text of an object in a copy of the chart.
class NotesTest : public ChartTest {
 protected:
  void SetUp() override {
    ChartTest::SetUp();
    if (IsSkipped()) return;
    std::string pattern = ::testing::TempDir() + "/chart-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::copy(Chart(), folder_, fs::copy_options::recursive);
    const std::string notes = test_support::ContentOf(folder_ / "templates/NOTES.txt");
    ASSERT_THAT(notes, Not(IsEmpty()));
    fs::remove(folder_ / "templates/NOTES.txt");
    std::ofstream(folder_ / "templates/_notes.tpl") << "{{- define \"reserve.notes\" -}}\n"
                                                    << notes << "{{- end -}}\n";
    std::ofstream(folder_ / "templates/notes.yaml")
        << "notes: |\n{{ include \"reserve.notes\" . | indent 2 }}\n";
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  std::string Notes(std::vector<std::string> args) const {
    args.insert(args.begin(), {"template", "reserve", folder_.string(), "--namespace", "billing",
                               "--kube-version", "1.34", "--show-only", "templates/notes.yaml"});
    const Ended ended = Helm(std::move(args));
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ended.output;
  }

 private:
  fs::path folder_;
};

TEST_F(NotesTest, TheCommandsFitTheRelease) {
  const std::string plain = Notes({});
  EXPECT_THAT(plain,
              AllOf(HasSubstr("port-forward deploy/reserve-ledger 50051\n"),
                    HasSubstr("ledger check --ledger=localhost:50051\n"),
                    HasSubstr("grpcurl -plaintext "), HasSubstr("helm -n billing test reserve\n"),
                    HasSubstr("ledger import-rates deck.csv"), Not(HasSubstr("--tls_")),
                    Not(HasSubstr("migrate.finish")), Not(HasSubstr("<no value>"))));
  const std::string tls = Notes({"--set", "tls.enabled=true,tls.roles.w={worker}"});
  EXPECT_THAT(tls, AllOf(HasSubstr("--tls_certificate_file=tls.crt --tls_key_file=tls.key"),
                         HasSubstr("--tls_server_name=reserve-ledger.billing.svc\n"),
                         HasSubstr("-servername reserve-ledger.billing.svc localhost:50051"),
                         Not(HasSubstr("-plaintext"))));
}

TEST_F(NotesTest, TheGrantsAreToldUnlessTheMigrationGivesThemAndTheEndOfAnUpgradeAfterOne) {
  const std::string by_hand = Notes({"--set", "database.user=re'$erve"});
  EXPECT_THAT(by_hand, HasSubstr("--grantee=\"'re''\\$erve'@'%'\"\n"));
  EXPECT_THAT(Notes({"--set", "migrate.grant=true"}), Not(HasSubstr("ledger grants")));
  EXPECT_THAT(Notes({"--set", "database.evaluation.enabled=true"}),
              AllOf(Not(HasSubstr("ledger grants")), HasSubstr("it has no backups")));
  EXPECT_THAT(Notes({"--is-upgrade"}), HasSubstr("--reuse-values --set migrate.finish=true\n"));
  EXPECT_THAT(Notes({"--is-upgrade", "--set", "migrate.finish=true"}),
              Not(HasSubstr("--reuse-values")));
  EXPECT_THAT(Notes({"--set", "gatewayStub.enabled=true,database.allowUnsafe=true"}),
              AllOf(HasSubstr("no card is charged"), HasSubstr("may lose commits in a crash")));
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
  // Before an upgrade those of the release before are there, which know where its database was.
  const std::string first = ObjectIn(output, "NetworkPolicy", "reserve-migrate-first");
  EXPECT_THAT(first, AllOf(HasSubstr("helm.sh/hook: pre-install,pre-upgrade,post-delete\n"),
                           HasSubstr("helm.sh/hook-weight: \"-10\"\n"),
                           HasSubstr("before-hook-creation,hook-succeeded\n")));
}

}  // namespace
}  // namespace reserve
