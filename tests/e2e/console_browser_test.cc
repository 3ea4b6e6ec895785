// The console in a real browser: console_story.py drives Debian's chromium; what only a ledger can
// do is done here when it asks.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/console_process.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/build_tree.h"
#include "tests/support/free_port.h"
#include "tests/support/test_authority.h"

namespace reserve::e2e {
namespace {

namespace fs = std::filesystem;
namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using test_support::ContentOf;
using test_support::FindProgram;
using test_support::Subprocess;

constexpr absl::Duration kStory = absl::Minutes(8);

class ConsoleBrowserTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    card_page_ = absl::StrCat("127.0.0.1:", test_support::FreePort());
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--retry_delays=1h"},
                .gateway = true,
                .gateway_flags = {"--card_page_listen=" + card_page_},
                .workers = 1});
  }

  // "call ACCOUNT ID NUMBER SECONDS": what it cost.
  static std::string Call(const std::vector<std::string>& words) {
    return Text(Must(&Ledger::RecordUsage,
                     absl::StrCat("account_id: '", words[1], "' usage { usage_id: '", words[2],
                                  "' user_id: 'ann' start_time { seconds: ",
                                  absl::ToUnixSeconds(absl::Now()) - 100,
                                  " } call { direction: DIRECTION_OUTBOUND destination: '",
                                  words[3], "' duration { seconds: ", words[4], " } } }"))
                    .cost());
  }
  // "level ACCOUNT UNITS": has the balance fall to so much.
  static std::string Level(const std::vector<std::string>& words) {
    int64_t units = 0;
    EXPECT_TRUE(absl::SimpleAtoi(words[2], &units));
    const auto now = FromProto(Account(words[1]).balance(), "USD", "balance");
    EXPECT_TRUE(now.ok()) << now.status();
    static int spent = 0;
    const absl::Status status = SpendOf(stack_->stubs(), words[1], absl::StrCat("level-", ++spent),
                                        *now - units * kNanosPerUnit);
    EXPECT_TRUE(status.ok()) << status;
    return "done";
  }
  static std::string Do(const std::vector<std::string>& words) {
    if (words[0] == "call") return Call(words);
    if (words[0] == "level") return Level(words);
    if (words[0] == "balance") return Balance(words[1]);
    if (words[0] == "charges") {
      int succeeded = 0;
      for (const gateway::v1::Charge& charge : Charges(words[1])) {
        succeeded += charge.state() == gateway::v1::CHARGE_STATE_SUCCEEDED ? 1 : 0;
      }
      return absl::StrCat(succeeded);
    }
    if (words[0] == "stop") stack_->ledger_process()->Kill();
    if (words[0] == "start") {
      EXPECT_TRUE(stack_->StartLedger().ok());
    }
    return "done";
  }
  // Does what is asked for by files, until the story has ended.
  static void DoAsAsked(const std::string& folder, Subprocess& story) {
    const absl::Time end = absl::Now() + kStory;
    std::string done;
    while (story.Running() && absl::Now() < end) {
      const std::string asked = ContentOf(folder + "/ask");
      if (asked.empty() || asked == done) {
        absl::SleepFor(absl::Milliseconds(10));
        continue;
      }
      std::vector<std::string> words = absl::StrSplit(asked, ' ');
      const std::string number = words.front();
      words.erase(words.begin());
      const std::string answer = absl::StrCat(folder, "/answer-", number);
      std::ofstream(answer + ".new") << Do(words);
      fs::rename(answer + ".new", answer);
      done = asked;
    }
  }

  static std::string card_page_;
};
std::string ConsoleBrowserTest::card_page_;

// axe-core, got by npm once; empty where there is no npm, or nothing to be got.
std::string Axe() {
  const std::string folder = absl::StrCat(test_support::BuildDir(), "/axe");
  const std::string script = fs::absolute(folder + "/node_modules/axe-core/axe.min.js");
  if (!fs::exists(script) && !FindProgram("npm").empty()) {
    fs::create_directories(folder);
    const auto npm = Subprocess::Start(
        {.program = "npm",
         .args = {"install", "--no-audit", "--no-fund", "--prefix", folder, "axe-core@4"},
         .working_directory = folder});
    if (npm.ok()) (*npm)->Wait(absl::Minutes(1));
  }
  return fs::exists(script) ? script : "";
}

TEST_F(ConsoleBrowserTest, ACustomersStoryIsToldToTheCent) {
  if (FindProgram("chromium").empty() || FindProgram("chromedriver").empty()) {
    GTEST_SKIP() << "no chromium, or no chromedriver, here: ./run setup installs them";
  }
  Must(&Accounts::OpenAccount,
       "account_id: 'story' time_zone: 'America/New_York' display_name: "
       "'<script>document.title=1</script> Bartholomew Featherstonehaugh'");
  Must(&Accounts::PutUser,
       "account_id: 'story' user_id: 'ann' user { display_name: "
       "'<b>Annabel-Cholmondeley-Featherstonehaugh-of-the-Upper-Valley</b>' }");
  Must(&Accounts::OpenAccount, "account_id: 'empty'");
  const auto console = ConsoleProcess::Start(
      *stack_, {"--max_address_rate=0", "--max_account_rate=0", "--public_prices",
                absl::StrCat("--card_page=http://", card_page_, "/card")});
  ASSERT_TRUE(console.ok()) << console.status();
  const std::string folder = absl::StrCat(test_support::BuildDir(), "/console");
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto story = Subprocess::Start(
      {.program = "/usr/bin/python3",
       .args = {absl::StrCat(test_support::SourceDir(), "/tests/e2e/console_story.py"),
                (*console)->url(), (*console)->provider().ForCustomer("story"),
                (*console)->provider().ForSupport(), folder, Axe()},
       .env = {{"HOME", folder}}});
  ASSERT_TRUE(story.ok()) << story.status();
  DoAsAsked(folder, **story);
  EXPECT_EQ((*story)->Wait(absl::Seconds(5)), 0) << (*story)->Stdout() << (*story)->Stderr();
  ExpectAudited("story");
}

}  // namespace
}  // namespace reserve::e2e
