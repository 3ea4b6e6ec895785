// A client in another language, made of the .proto files and public packages alone, reads what a
// ledger answers. Compiled once for each language: RESERVE_CLIENT names its folder here.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/e2e/stack.h"
#include "tests/support/build_tree.h"
#include "tests/support/subprocess.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

using test_support::Subprocess;

// The first run downloads, and compiles gRPC.
constexpr absl::Duration kDeadline = absl::Minutes(9);
// What the script ends with where it can't be tried.
constexpr int kSkipped = 77;

// Starts a program of the language's folder; empty: the client.
absl::StatusOr<std::unique_ptr<Subprocess>> StartProgram(const Stack& stack,
                                                         std::vector<std::string> program = {}) {
  const std::string folder = std::filesystem::absolute(
      absl::StrCat(test_support::SourceDir(), "/tests/clients/", RESERVE_CLIENT));
  const std::string build = std::filesystem::absolute(test_support::BuildDir());
  std::vector<std::string> args = {absl::StrCat(build, "/clients/", RESERVE_CLIENT),
                                   absl::StrCat(build, "/google_protos"), stack.ledger_address()};
  args.insert(args.end(), program.begin(), program.end());
  return Subprocess::Start({.program = absl::StrCat(folder, "/run"), .args = std::move(args)});
}

void ExpectSuccess(Subprocess& run) {
  const int exit_code = run.Wait(kDeadline);
  if (exit_code == kSkipped) GTEST_SKIP() << run.Stdout();
  EXPECT_EQ(exit_code, 0) << run.Stdout() << run.Stderr();
  std::cout << run.Stdout();
}

TEST(ClientTest, ReadsResourcesErrorsMoneyAndDurationsByItsPublicPackages) {
  const auto stack = Stack::Start({});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const auto run = StartProgram(**stack);
  ASSERT_TRUE(run.ok()) << run.status();
  ExpectSuccess(**run);
}

bool HasExamples() { return std::strcmp(RESERVE_CLIENT, "python") == 0; }

TEST(ClientTest, TwoPagesOfTwentyThousandCallsAreDrawnByTenCallsAtMost) {
  if (!HasExamples()) return;
  const auto stack = Stack::Start({.gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const auto run = StartProgram(**stack, {"draw_pages.py", (*stack)->folder()});
  ASSERT_TRUE(run.ok()) << run.status();
  ExpectSuccess(**run);
}

TEST(ClientTest, AHookPostsEachEventOnceInOrderOverRestartsOfEitherSide) {
  if (!HasExamples()) return;
  const auto stack = Stack::Start({});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const std::string folder = (*stack)->folder();
  const auto run = StartProgram(**stack, {"try_post_events.py", folder});
  ASSERT_TRUE(run.ok()) << run.status();
  test_support::WaitUntil(
      [&] { return std::filesystem::exists(folder + "/restart") || !(*run)->Running(); },
      kDeadline);
  (*stack)->ledger_process()->Kill();
  const absl::Status started = (*stack)->StartLedger();
  EXPECT_TRUE(started.ok()) << started;
  std::ofstream(folder + "/restarted") << "yes";
  ExpectSuccess(**run);
}

}  // namespace
}  // namespace reserve::e2e
