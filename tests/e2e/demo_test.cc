// The demo itself, so that it can't grow stale, as `./run demo` plays it; and what `./run play`
// plays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
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
using ::testing::ContainsRegex;
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

// What `./run play` keeps going.
TEST(PlayTest, ManyThingsHappenAndTheBooksAddUp) {
  auto stack = Stack::Start({.gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  auto play = Subprocess::Start({.program = "play",
                                 .args = {"--ledger=" + (*stack)->ledger_address(), "--steps=150",
                                          "--steps_per_second=500", "--seed=5"}});
  ASSERT_TRUE(play.ok()) << play.status();
  EXPECT_EQ((*play)->Wait(absl::Seconds(120)), 0) << (*play)->Stdout() << (*play)->Stderr();
  EXPECT_THAT((*play)->Stdout(),
              ContainsRegex("play: [1-9][0-9]* calls, [0-9]+ refused, [1-9][0-9]* texts, "
                            "[1-9][0-9]* looks at what was used, [1-9][0-9]* new customers; "
                            "[1-9][0-9]* recharges, [0-9]+ declines, [0-9]+ charges"));
  const Stack::Ended verified = (*stack)->RunLedger({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
}

TEST(PlayTest, CtrlCHangsUpTheCallsThatAreInProgress) {
  auto stack = Stack::Start({.gateway = true, .workers = 1});
  ASSERT_TRUE(stack.ok()) << stack.status();
  auto play = Subprocess::Start(
      {.program = "play",
       .args = {"--ledger=" + (*stack)->ledger_address(), "--steps_per_second=200", "--seed=6"}});
  ASSERT_TRUE(play.ok()) << play.status();
  ASSERT_TRUE((*play)->WaitForOutput(" calls ", absl::Seconds(60)).ok());
  (*play)->Signal(SIGINT);
  EXPECT_EQ((*play)->Wait(absl::Seconds(60)), 0) << (*play)->Stdout() << (*play)->Stderr();
  EXPECT_THAT((*play)->Stdout(), HasSubstr("Stopping: calls in progress are hung up."));
  EXPECT_EQ((*stack)->database().QueryInt("SELECT COUNT(*) FROM holds WHERE state = 1"), 0);
}

}  // namespace
}  // namespace reserve::e2e
