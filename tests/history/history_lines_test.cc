#include "tests/history/history_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/subprocess.h"

namespace reserve::history {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Call SomeCall() {
  return {.number = 7,
          .who = 2,
          .ledger = 1,
          .method = "RecordUsage",
          .asked = 81,
          .answered = 93,
          .status = "OK",
          .claims = {{.what = What::kDone,
                      .account = "acme",
                      .kind = "usage",
                      .id = "u-1",
                      .seq = 3,
                      .amount = -5,
                      .balance = 0,
                      .hash = "0a1b",
                      .fresh = true,
                      .start_micros = -1},
                     {.what = What::kListEnd, .account = "acme"}}};
}

class HistoryFileTest : public ::testing::Test {
 protected:
  ~HistoryFileTest() override { std::filesystem::remove(path_); }

  // What the program says of a file with this text.
  int Judge(const std::string& text, std::string* told) {
    std::ofstream(path_) << text;
    const auto program =
        test_support::Subprocess::Start({.program = "check_history", .args = {path_}});
    EXPECT_TRUE(program.ok()) << program.status();
    if (!program.ok()) return -1;
    const int code = (*program)->Wait(absl::Seconds(30));
    *told = absl::StrCat((*program)->Stdout(), (*program)->Stderr());
    return code;
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "history-", getpid(), ".jsonl");
};

TEST(HistoryLinesTest, ACallIsReadAsItWasWritten) {
  const absl::StatusOr<Call> read = ParseLine(ToLine(SomeCall()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, SomeCall());
}

TEST(HistoryLinesTest, WhatIsNotToldIsLeftOut) {
  EXPECT_THAT(ToLine(SomeCall()), HasSubstr(R"({"what":"list end","account":"acme"})"));
}

TEST(HistoryLinesTest, WhatIsNoCallIsRefused) {
  for (
      const char* line :
      {"", "{", "[]", R"({"call":1})",
       R"({"call":1,"who":1,"ledger":0,"method":"M","asked":2,"answered":1,"status":"OK","claims":[]})",
       R"({"call":1,"who":1,"ledger":0,"method":"M","asked":1,"answered":2,"status":"OK","claims":[{"what":"guess","account":"a"}]})"}) {
    EXPECT_EQ(ParseLine(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

TEST_F(HistoryFileTest, TheProgramSaysWhetherAFileIsInOrder) {
  std::string told;
  EXPECT_EQ(Judge(absl::StrCat(ToLine(SomeCall()), "\n"), &told), 0) << told;
  EXPECT_THAT(told, HasSubstr("1 calls (0 without an answer) about 1 accounts"));
  EXPECT_THAT(told, HasSubstr("out of order 0"));

  Call stale = SomeCall();
  stale.method = "GetAccount";
  stale.asked = 94;
  stale.answered = 95;
  stale.claims = {{.what = What::kHead, .account = "acme", .seq = 2}};
  EXPECT_EQ(Judge(absl::StrCat(ToLine(SomeCall()), "\n", ToLine(stale), "\n"), &told), 1);
  EXPECT_THAT(told, HasSubstr("STALE acme: call 7 (RecordUsage"));
}

TEST_F(HistoryFileTest, ALineThatWasNotWrittenToItsEndIsPassedOver) {
  std::string told;
  EXPECT_EQ(Judge(absl::StrCat(ToLine(SomeCall()), "\n", "{\"call\":8,\"wh"), &told), 0) << told;
}

TEST_F(HistoryFileTest, AFileThatIsNoneIsSaidByLine) {
  std::string told;
  EXPECT_EQ(Judge(absl::StrCat(ToLine(SomeCall()), "\nnonsense\n"), &told), 2);
  EXPECT_THAT(told, HasSubstr(":2: not a call of a history"));
  EXPECT_THAT(ReadHistory("/nowhere/history.jsonl").status().message(), HasSubstr("no file"));
}

}  // namespace
}  // namespace reserve::history
