// From which version `./run upgrade` upgrades (scripts/version_before.sh), tried on small
// histories.
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"

namespace reserve::architecture {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a history is made of: `commit NAME LEVEL MIGRATION...` is a tag NAME of a version that
// knows levels up to LEVEL, of which the last has a name, and that has these migrations.
constexpr char kMaking[] = R"sh(
set -euo pipefail
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
source "$SCRIPT"
commit() {
  local name=$1 level=$2 migration
  shift 2
  rm -rf services
  mkdir -p "$MIGRATIONS" "$(dirname "$LEVELS")"
  for migration in "$@"; do echo "-- $migration" >"$MIGRATIONS/$migration.sql"; done
  printf 'inline constexpr int k%s = %s;\n' First 1 Level"$level" "$level" >"$LEVELS"
  echo "inline constexpr int kNewestFeatureLevel = kLevel$level;" >>"$LEVELS"
  git add -A
  git commit -q --allow-empty -m "$name"
  git tag "$name"
}
join() {  # join OTHER NAME LEVEL MIGRATION...: merges a branch
  git merge -q -s ours --no-commit "$1"
  commit "${@:2}"
}
git init -q -b main .
)sh";

class VersionBeforeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/version-before-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The tags of the versions before, in the history that is made so.
  std::vector<std::string> Before(const std::string& history) const {
    const fs::path script = fs::absolute(test_support::SourceDir()) / "scripts/version_before.sh";
    const auto shell = test_support::Subprocess::Start(
        {.program = "bash",
         .args = {"-c", absl::StrCat(kMaking, history, R"sh(
for before in $(versions_before); do git describe --tags --exact-match "$before"; done
)sh")},
         .env = {{"SCRIPT", script.string()}, {"GIT_CONFIG_GLOBAL", "/dev/null"}},
         .working_directory = folder_.string()});
    if (!shell.ok()) return {shell.status().ToString()};
    const int code = (*shell)->Wait(absl::Seconds(30));
    if (code != 0) return {absl::StrCat("the shell ended with ", code, ": ", (*shell)->Stderr())};
    return absl::StrSplit((*shell)->Stdout(), '\n', absl::SkipEmpty());
  }

  fs::path folder_;
};

TEST_F(VersionBeforeTest, IsTheNewestThatKnowsFewerLevels) {
  EXPECT_THAT(Before("commit old 1 0001_a\n"
                     "commit one_level_less 2 0001_a 0002_b\n"
                     "commit its_mend 2 0001_a 0002_b\n"
                     "commit same_level 3 0001_a 0002_b 0003_c\n"
                     "commit now 3 0001_a 0002_b 0003_c 0004_d\n"),
              ElementsAre("its_mend", "one_level_less", "old"));
}

TEST_F(VersionBeforeTest, IsNoneOfABranchWhoseMigrationsHaveOtherNumbers) {
  EXPECT_THAT(Before("commit first 2 0001_a\n"
                     "git checkout -q -b side\n"
                     "commit on_the_side 2 0001_a 0002_side\n"
                     "git checkout -q main\n"
                     "commit main_with_b 2 0001_a 0002_b\n"
                     "join side joined 3 0001_a 0002_b 0003_side\n"),
              ElementsAre("main_with_b", "first"));
}

TEST_F(VersionBeforeTest, HasMigrationsThatAreTheFirstOfOurs) {
  EXPECT_THAT(Before("commit first 1 0001_a\n"
                     "commit renumbered_since 1 0001_a 0002_b\n"
                     "commit now 2 0001_a 0002_c 0003_b\n"),
              ElementsAre("first"));
}

TEST_F(VersionBeforeTest, ThereIsNoneInAHistoryThatBeginsHere) {
  EXPECT_THAT(Before("commit now 2 0001_a 0002_b\n"), IsEmpty());
}

}  // namespace
}  // namespace reserve::architecture
