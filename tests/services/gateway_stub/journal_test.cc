#include "services/gateway_stub/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"

namespace reserve::gateway_stub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/journal-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/data.jsonl";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<Journal>> Open() {
    lines_.clear();
    return Journal::Open(path_, [this](absl::string_view line) {
      lines_.push_back(std::string(line));
      return line == "garbage" ? absl::InvalidArgumentError("no") : absl::OkStatus();
    });
  }

  static void AppendAndWait(Journal* journal, std::string line) {
    absl::Notification durable;
    absl::Status status;
    journal->Append(std::move(line), [&](absl::Status result) {
      status = result;
      durable.Notify();
    });
    durable.WaitForNotification();
    EXPECT_TRUE(status.ok()) << status;
  }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  std::string folder_;
  std::string path_;
  std::vector<std::string> lines_;
};

TEST_F(JournalTest, WhatWasAppendedIsReadInItsOrder) {
  {
    auto journal = Open();
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_THAT(lines_, IsEmpty());
    AppendAndWait(journal->get(), "one");
    AppendAndWait(journal->get(), "two");
  }
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(JournalTest, ATornLastLineIsCutOffAndTheNextOneIsWhole) {
  Write("one\nto");
  {
    auto journal = Open();
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_THAT(lines_, ElementsAre("one"));
    AppendAndWait(journal->get(), "two");
  }
  ASSERT_TRUE(Open().ok());
  EXPECT_THAT(lines_, ElementsAre("one", "two"));
}

TEST_F(JournalTest, GarbageInTheMiddleIsPassedOver) {
  Write(std::string("one\ngarbage\n\0\xff\xfe\n\ntwo\n", 21));
  auto journal = Open();
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ(lines_.front(), "one");
  EXPECT_EQ(lines_.back(), "two");
}

TEST_F(JournalTest, ASecondProcessCanNotUseTheSameFile) {
  auto journal = Open();
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(JournalTest, AFolderThatIsNotThereIsAnError) {
  path_ = folder_ + "/missing/data.jsonl";
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(JournalTest, EveryCallerHearsOfItsLineWhenTheJournalEnds) {
  int heard = 0;
  {
    auto journal = Open();
    ASSERT_TRUE(journal.ok()) << journal.status();
    for (int i = 0; i < 1000; ++i) {
      (*journal)->Append(std::to_string(i), [&heard](absl::Status status) {
        EXPECT_TRUE(status.ok()) << status;
        ++heard;
      });
    }
  }
  EXPECT_EQ(heard, 1000);
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(lines_.size(), 1000u);
}

}  // namespace
}  // namespace reserve::gateway_stub
