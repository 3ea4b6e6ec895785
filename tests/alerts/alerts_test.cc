// The chart's alerts (helm/reserve/files/alerts.yaml) as Prometheus understands them: each fires
// when what it is for happens, and is quiet else (the two .yaml files here, which promtool runs).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
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
using test_support::ContentOf;
using test_support::Subprocess;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Alerts() {
  return ContentOf(fs::path(test_support::SourceDir()) / "helm/reserve/files/alerts.yaml");
}
constexpr const char* kUnits[] = {"alerts_unit.yaml", "alerts_of_days_unit.yaml"};
std::string UnitsIn(const char* file) {
  return ContentOf(fs::path(test_support::SourceDir()) / "tests/alerts" / file);
}
std::string Units() { return UnitsIn(kUnits[0]) + UnitsIn(kUnits[1]); }

// Every match of the first group, in order.
std::vector<std::string> FindAll(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  return found;
}

std::vector<std::string> AlertNames() { return FindAll(Alerts(), "- alert: (\\w+)"); }

// As the chart makes a PrometheusRule of them, in the namespace "billing".
std::string RulesOf(const std::string& alerts) {
  std::string rules = "groups:\n- name: reserve\n  rules:\n";
  for (const absl::string_view line :
       absl::StrSplit(absl::StrReplaceAll(alerts, {{"NAMESPACE", "billing"}}), '\n')) {
    if (line.empty()) continue;
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    if (field.first == "  severity") {
      absl::StrAppend(&rules, "    labels: {severity: ", field.second, "}\n");
    } else if (field.first == "  summary") {
      absl::StrAppend(&rules, "    annotations: {summary: '",
                      absl::StrReplaceAll(field.second, {{"'", "''"}}), "'}\n");
    } else {
      absl::StrAppend(&rules, "  ", line, "\n");
    }
  }
  return rules;
}

// `./run test` gets it out of Debian's package, which it does not install: that would start a
// server.
std::string Promtool() {
  const fs::path own = fs::path(test_support::SourceDir()) / "build/prometheus/usr/bin/promtool";
  return fs::exists(own) ? own.string() : "promtool";
}

bool HasPromtool() {
  return Subprocess::Start({.program = Promtool(), .args = {"--version"}}).ok();
}

class AlertsTest : public ::testing::Test {
 protected:
  AlertsTest() {
    std::string pattern = ::testing::TempDir() + "/alerts-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "no folder " << pattern;
    folder_ = pattern;
  }
  ~AlertsTest() override { fs::remove_all(folder_); }

  struct Ended {
    int exit_code = -1;
    std::string output;
  };

  // What promtool says of the unit tests on these rules.
  Ended Try(const std::string& alerts) {
    std::ofstream(folder_ / "rules.yaml") << RulesOf(alerts);
    std::vector<std::string> args = {"test", "rules"};
    for (const char* file : kUnits) {
      std::ofstream(folder_ / file) << UnitsIn(file);
      args.push_back((folder_ / file).string());
    }
    auto promtool = Subprocess::Start({.program = Promtool(), .args = args});
    if (!promtool.ok()) {
      ADD_FAILURE() << promtool.status();
      return {};
    }
    const int exit_code = (*promtool)->Wait(absl::Minutes(1));
    return {exit_code, (*promtool)->Stdout() + (*promtool)->Stderr()};
  }

  fs::path folder_;
};

TEST_F(AlertsTest, EachFiresWhenWhatItIsForHappensAndIsQuietElse) {
  if (!HasPromtool()) GTEST_SKIP() << "no promtool: ./run test gets it";
  const Ended ended = Try(Alerts());
  EXPECT_EQ(ended.exit_code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("SUCCESS"));
}

TEST_F(AlertsTest, EachIsTriedFiringAndQuiet) {
  const std::string units = Units();
  for (const std::string& name : AlertNames()) {
    EXPECT_THAT(FindAll(units, absl::StrCat("(alertname: ", name, ", exp_alerts: \\[\\])")),
                Not(IsEmpty()))
        << name;
    EXPECT_THAT(
        FindAll(units, absl::StrCat("(alertname: ", name, "\n +exp_alerts:\n +- exp_labels)")),
        Not(IsEmpty()))
        << name;
  }
}

TEST_F(AlertsTest, OneThatIsLeftOutOrNeverQuietIsNoticed) {
  if (!HasPromtool()) GTEST_SKIP() << "no promtool: ./run test gets it";
  for (const std::string& name : AlertNames()) {
    const std::string other = absl::StrCat("alert: ", name, "Not");
    EXPECT_NE(
        Try(absl::StrReplaceAll(Alerts(), {{absl::StrCat("alert: ", name), other}})).exit_code, 0)
        << name;
  }
  const std::string never_quiet =
      absl::StrReplaceAll(Alerts(), {{" > 0\n", " >= 0\n"}, {" > 30\n", " >= 0\n"}});
  EXPECT_NE(Try(never_quiet).exit_code, 0);
}

TEST_F(AlertsTest, EachGoesByAMetricThatAProgramHas) {
  std::string sources;
  for (const char* folder : {"common", "services", "worker"}) {
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(fs::path(test_support::SourceDir()) / folder)) {
      if (entry.path().extension() == ".cc") sources += ContentOf(entry.path());
    }
  }
  for (const std::string& metric : FindAll(Alerts(), "(reserve_\\w+)\\{")) {
    EXPECT_TRUE(absl::StrContains(sources, absl::StrCat("\"", metric, "\""))) << metric;
  }
}

}  // namespace
}  // namespace reserve
