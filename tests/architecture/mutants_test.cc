// Each patch in tests/chaos/mutants still applies to the sources: `./run mutants` would say so too,
// but it is run seldom, and whoever changes the code wants to know at once.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"

namespace reserve::architecture {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::vector<std::string> LinesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return absl::StrSplit(text, '\n');
}

// Applies patches as the build does (cmake/ReserveMutant.cmake): to copies of what they change, in
// a folder where git finds no repository, so that it is the same with and without one around.
class MutantsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/mutants-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What git says against it; empty if the patch applies.
  std::string WhyItDoesNotApply(const fs::path& patch) const {
    const fs::path tree = folder_ / "tree";
    fs::remove_all(tree);
    fs::create_directories(tree);
    for (absl::string_view line : LinesOf(patch)) {
      if (!absl::ConsumePrefix(&line, "+++ b/")) continue;
      const fs::path source(std::string{line});
      fs::create_directories((tree / source).parent_path());
      std::error_code missing;
      fs::copy_file(fs::path(test_support::SourceDir()) / source, tree / source, missing);
      if (missing) return absl::StrCat(source.string(), ": ", missing.message());
    }
    const absl::StatusOr<std::unique_ptr<test_support::Subprocess>> git =
        test_support::Subprocess::Start({.program = "git",
                                         .args = {"apply", "--check", fs::absolute(patch).string()},
                                         .env = {{"GIT_CEILING_DIRECTORIES", folder_.string()}},
                                         .working_directory = tree.string()});
    if (!git.ok()) return git.status().ToString();
    const int code = (*git)->Wait(absl::Seconds(30));
    return code == 0 ? "" : absl::StrCat("git apply ended with ", code, ": ", (*git)->Stderr());
  }

  fs::path folder_;
};

TEST_F(MutantsTest, EachAppliesToTheSources) {
  int patches = 0;
  const fs::path mutants = fs::path(test_support::SourceDir()) / "tests/chaos/mutants";
  for (const fs::directory_entry& entry : fs::directory_iterator(mutants)) {
    const std::string name = entry.path().filename().string();
    ++patches;
    ASSERT_EQ(entry.path().extension(), ".patch") << name;
    EXPECT_THAT(WhyItDoesNotApply(entry.path()), IsEmpty()) << name << " does not apply any more";
    // What `./run mutants` reads of it.
    EXPECT_THAT(LinesOf(entry.path()), Contains(StartsWith("# Wrong: "))) << name;
    EXPECT_THAT(LinesOf(entry.path()), Contains(StartsWith("# Chaos finds: "))) << name;
  }
  EXPECT_GT(patches, 20);
}

TEST_F(MutantsTest, OneOfALineThatIsNotThereDoesNotApply) {
  const std::string source = "services/ledger/domain/refill.cc";
  const fs::path patch = folder_ / "stale.patch";
  const std::vector<std::string> lines = LinesOf(fs::path(test_support::SourceDir()) / source);
  const auto write = [&](const std::string& file, const std::string& first) {
    std::ofstream(patch) << "--- a/" << file << "\n+++ b/" << file << "\n@@ -1,2 +1,2 @@\n-"
                         << first << "\n+// Another.\n " << lines[1] << "\n";
  };
  write(source, lines.front());
  EXPECT_THAT(WhyItDoesNotApply(patch), IsEmpty());
  write(source, "A line of long ago.");
  EXPECT_THAT(WhyItDoesNotApply(patch), HasSubstr("refill.cc"));
  write("services/ledger/domain/gone.cc", "A line of long ago.");
  EXPECT_THAT(WhyItDoesNotApply(patch), HasSubstr("gone.cc"));
}

}  // namespace
}  // namespace reserve::architecture
