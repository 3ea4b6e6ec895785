// What documents say of the Helm chart, held against the chart: each metric, alert and value is in
// them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
#include "tests/support/build_tree.h"

namespace reserve {
namespace {

using ::testing::HasSubstr;

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
