// A client in another language, made of the .proto files and public packages alone, reads what a
// ledger answers. Compiled once for each language: RESERVE_CLIENT names its folder here.
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"

namespace reserve::e2e {
namespace {

using test_support::Subprocess;

// The first run downloads, and compiles gRPC.
constexpr absl::Duration kDeadline = absl::Minutes(9);
// What the script ends with where it can't be tried.
constexpr int kSkipped = 77;

TEST(ClientTest, ReadsResourcesErrorsMoneyAndDurationsByItsPublicPackages) {
  const auto stack = Stack::Start({});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const std::string folder = std::filesystem::absolute(
      absl::StrCat(test_support::SourceDir(), "/tests/clients/", RESERVE_CLIENT));
  const std::string build = std::filesystem::absolute(test_support::BuildDir());
  const auto run = Subprocess::Start(
      {.program = absl::StrCat(folder, "/run"),
       .args = {absl::StrCat(build, "/clients/", RESERVE_CLIENT),
                absl::StrCat(build, "/google_protos"), (*stack)->ledger_address()}});
  ASSERT_TRUE(run.ok()) << run.status();
  const int exit_code = (*run)->Wait(kDeadline);
  if (exit_code == kSkipped) GTEST_SKIP() << (*run)->Stdout();
  EXPECT_EQ(exit_code, 0) << (*run)->Stdout() << (*run)->Stderr();
}

}  // namespace
}  // namespace reserve::e2e
