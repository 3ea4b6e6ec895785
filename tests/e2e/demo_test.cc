// The demo itself, so that it can't grow stale, as `./run demo` plays it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/e2e/stack.h"
#include "tests/support/subprocess.h"

namespace reserve::e2e {
namespace {

using test_support::Subprocess;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

struct Played {
  int exit_code = -1;
  std::string output;
  std::string last_line;
};

Played PlayDemo(const Stack& stack) {
  auto demo = Subprocess::Start(
      {.program = "demo",
       .args = {"--ledger=" + stack.ledger_address(), "--gateway=" + stack.gateway_address()}});
  if (!demo.ok()) return {-1, demo.status().ToString(), ""};
  Played played;
  played.exit_code = (*demo)->Wait(absl::Seconds(120));
  played.output = (*demo)->Stdout() + (*demo)->Stderr();
  const std::vector<std::string> lines =
      absl::StrSplit(absl::StripSuffix(played.output, "\n"), '\n');
  played.last_line = lines.back();
  return played;
}

TEST(DemoTest, PassesTwiceOnOneStack) {
  auto stack =
      Stack::Start({.ledger_flags = {"--settle_within=1s"}, .gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  for (int i = 0; i < 2; ++i) {
    const Played played = PlayDemo(**stack);
    EXPECT_EQ(played.exit_code, 0) << played.output;
    EXPECT_THAT(played.last_line, MatchesRegex("demo: [1-9][0-9]* checks passed"));
  }
}

TEST(DemoTest, SaysWhichFigureDiffersAndFails) {
  auto stack =
      Stack::Start({.dollars = {{"default_reserve_amount", "20"}}, .gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const Played played = PlayDemo(**stack);
  EXPECT_EQ(played.exit_code, 1);
  EXPECT_THAT(played.output, HasSubstr("$20.00  expected $15.00"));
  EXPECT_THAT(played.last_line, MatchesRegex("demo: [1-9][0-9]* of [1-9][0-9]* checks failed"));
}

}  // namespace
}  // namespace reserve::e2e
