// Decks of many lines: what they cost the ledger in memory, and what a killed import leaves.
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ::reserve::ledger::v1;
using test_support::WaitUntil;

// The most memory that the process ever had.
int64_t PeakBytes(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    absl::string_view value = line;
    int64_t kilobytes = 0;
    if (absl::ConsumePrefix(&value, "VmHWM:") && absl::ConsumeSuffix(&value, " kB") &&
        absl::SimpleAtoi(value, &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  ADD_FAILURE() << "no peak of " << pid;
  return 0;
}

// One half of the prefixes lies side by side, the other far apart. Prices depend on `variant`.
std::string DeckOf(int lines, int variant) {
  std::string csv = "prefix,destination,price\n";
  for (int64_t i = 0; i < lines; ++i) {
    absl::StrAppendFormat(&csv, "%d,Zone %d,0.%04d\n",
                          i < lines / 2 ? 40'000'000 + i : 5'000'000'000 + i * 1'733, i % 300,
                          (i * 7 + variant) % 5'000);
  }
  return csv;
}

class LargeDecksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto stack = Stack::Start({.starter_deck = false});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  // Into force now, whatever is strange about it.
  absl::Status Import(const std::string& name, const std::string& csv) {
    grpc::ClientContext context;
    pb::ImportRateDeckResponse response;
    const auto writer = stack_->rates().ImportRateDeck(&context, &response);
    pb::ImportRateDeckRequest message;
    pb::RateDeckHeader* header = message.mutable_header();
    header->set_name(name);
    header->set_currency_code("USD");
    for (int code = pb::RateDeckFindingCode_MIN + 1; code <= pb::RateDeckFindingCode_MAX; ++code) {
      header->add_accept(static_cast<pb::RateDeckFindingCode>(code));
    }
    writer->Write(message);
    constexpr size_t kChunkBytes = 1'000'000;
    for (size_t i = 0; i < csv.size(); i += kChunkBytes) {
      message.set_csv_chunk(csv.substr(i, kChunkBytes));
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return FromGrpcStatus(status);
    pb::ActivateRateDeckRequest activate;
    activate.set_deck_version(response.rate_deck().version());
    activate.mutable_effective_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    activate.set_backdate(true);
    activate.set_request_id(name);
    activate.set_reason("test");
    const auto activated = Call(stack_->rates(), &pb::Rates::Stub::ActivateRateDeck, activate);
    if (!activated.ok()) return activated.status();
    // It is answered once the deck is in memory.
    pb::ListRatesRequest list;
    list.set_deck_version(response.rate_deck().version());
    list.set_page_size(1);
    return Call(stack_->rates(), &pb::Rates::Stub::ListRates, list).status();
  }

  int64_t Count(const std::string& table) const {
    return stack_->database().QueryInt(absl::StrCat("SELECT COUNT(*) FROM ", table));
  }

  std::unique_ptr<Stack> stack_;
};

// 2,000,000 lines, the most that a deck may have, are to take no more than 512 MB beside as many in
// force. An import of those takes minutes here; what a line takes is the same in a smaller deck.
TEST_F(LargeDecksTest, AnImportBesideADeckInForceTakesFewBytesALine) {
  constexpr int kLines = 300'000;
  constexpr int kBytesALine = 200;
  const pid_t ledger = stack_->ledger_process()->pid();
  const int64_t before = PeakBytes(ledger);
  ASSERT_TRUE(Import("first", DeckOf(kLines, 0)).ok());
  ASSERT_TRUE(Import("second", DeckOf(kLines, 1)).ok());
  const int64_t taken = PeakBytes(ledger) - before;
  RecordProperty("bytes_a_line", static_cast<int>(taken / kLines));
  EXPECT_LE(taken, int64_t{kLines} * kBytesALine) << "and with it " << before << " before";
  EXPECT_EQ(Count("rates"), 2 * kLines);
}

TEST_F(LargeDecksTest, AKilledImportLeavesNoDeckAndIsDoneByItsRepeat) {
  constexpr int kLines = 100'000;
  const std::string csv = DeckOf(kLines, 0);
  std::thread import([&] { EXPECT_FALSE(Import("deck", csv).ok()); });
  EXPECT_TRUE(WaitUntil([&] {
    return stack_->database().QueryInt(
               "SELECT COUNT(*) FROM information_schema.processlist "
               "WHERE info LIKE 'INSERT INTO rates %'") > 0;
  })) << "nothing was being written";
  stack_->ledger_process()->Signal(SIGKILL);
  import.join();
  ASSERT_TRUE(stack_->StartLedger().ok());
  EXPECT_EQ(Count("rate_decks"), 0);
  const absl::Status again = Import("deck", csv);
  EXPECT_TRUE(again.ok()) << again;
  EXPECT_EQ(Count("rate_decks"), 1);
  EXPECT_EQ(Count("rates"), kLines) << "nothing of the first one is left";
}

}  // namespace
}  // namespace reserve::e2e
