// Archived months (U8): what leaves, what stays, and that all that is left still adds up. The time
// is September 2025 first, then a year later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/archive/archive_check.h"
#include "services/ledger/archive/archiver.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/forget.h"
#include "services/ledger/storage/statements.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/build_tree.h"
#include "tests/support/clock_file.h"
#include "tests/support/subprocess.h"

namespace reserve::engine {
namespace {

namespace fs = std::filesystem;
using archive::ArchiveCheck;
using test_support::Subprocess;

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Nanos kDollar = kNanosPerUnit;
constexpr int32_t kSeptember = 202509;
constexpr int32_t kOctober = 202510;
constexpr absl::Duration kDay = absl::Hours(24);
// From the tests' time back to the 19th of September 2025, 04:05.
constexpr absl::Duration kBack = absl::Hours(24 * 430);
constexpr absl::Duration kLongest = absl::Seconds(60);

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / "reserve-archive-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    ledger_.clock().Advance(-kBack);
    engine_ = ledger_.StartEngine();
  }
  void TearDown() override {
    EXPECT_EQ(ledger_.Audit().difference_count, 0);
    fs::remove_all(folder_);
  }

  absl::Time Now() { return ledger_.clock().Now(); }
  void Pass(absl::Duration time) { ledger_.clock().Advance(time); }

  domain::Usage CallAt(const std::string& id, absl::Time start,
                       const std::string& number = kStandardNumber, int64_t seconds = 60) {
    domain::Usage usage = Call(kUser, id, number, seconds);
    usage.start_time = start;
    return usage;
  }
  UsageReply Book(const std::string& account, const domain::Usage& usage) {
    const auto reply = Ask<UsageReply>(*engine_, account, RecordUsage{usage});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : UsageReply();
  }
  template <typename T>
  T Must(const std::string& account, Command command) {
    absl::StatusOr<T> reply = Ask<T>(*engine_, account, std::move(command));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : T();
  }

  // Two months of an account, whose entries come out of the order of the months: usage of September
  // that is booked, voided and rated in October, money in both, a grant that is drawn on.
  void LiveThroughAutumn(const std::string& account) {
    OpenFunded(*engine_, account);
    lived_.push_back(account);
    const absl::Time september = Now();
    Book(account, CallAt("free", september));
    Must<EntryReply>(account, GrantCredit{{"g", kDollar, Now() + 20 * kDay, {"welcome"}}, ""});
    Book(account, CallAt("drawn", september, kDearNumber, 120));
    Book(account, CallAt("voided-later", september, kDearNumber));
    Book(account, CallAt("voided-now", september, kDearNumber));
    Must<VoidReply>(account, VoidUsage{"voided-now", false, {"wrong"}});
    Must<VoidReply>(account, VoidUsage{"never-came", true, {"wrong"}});
    Book(account, CallAt("unlimited", september));
    Must<EntryReply>(account, AdjustBalance{"gift", 2 * kDollar, {"a gift"}, ""});
    Pass(11 * kDay);  // the 30th: within a day of the month's end
    Book(account, CallAt("at-the-end", Now(), kDearNumber));
    Pass(5 * kDay);  // October
    Book(account, CallAt("october", Now(), kDearNumber));
    Book(account, CallAt("late", september + kDay, kDearNumber));
    Must<VoidReply>(account, VoidUsage{"voided-later", false, {"wrong"}});
    Must<CorrectionReply>(
        account,
        CorrectUsage{
            {"late"}, CallAt("late-2", september + 2 * kDay, kDearNumber, 180), {"wrong CDR"}});
    Must<PaymentReply>(account, Payment("paid", 30 * kDollar));
    Pass(-16 * kDay);
  }
  // From September back into the tests' time.
  void ComeBack() {
    Pass(kBack);
    engine_ = ledger_.StartEngine();
    // Their grants have ended.
    for (const std::string& account : lived_) Must<domain::Account>(account, Reconsider{});
  }

  archive::ArchiveOptions Options(int32_t month, std::vector<std::string>* steps = nullptr) {
    archive::ArchiveOptions options;
    options.database = ledger_.database().options();
    options.month = month;
    options.directory = folder_;
    options.max_usage_age = absl::ZeroDuration();  // 40 days are the least
    options.now = Now();
    if (steps != nullptr) {
      options.progress = [steps](const std::string& step) { steps->push_back(step); };
    }
    return options;
  }
  void Archive(int32_t month) {
    const absl::Status archived = archive::ArchiveMonths(Options(month));
    ASSERT_TRUE(archived.ok()) << archived;
  }
  ArchiveCheck CheckFiles() {
    auto check = archive::CheckArchives(*ledger_.Connect(), folder_, 0, [](const std::string&) {});
    EXPECT_TRUE(check.ok()) << check.status();
    return check.ok() ? *check : ArchiveCheck();
  }
  int64_t CountRows(const std::string& of) {
    return ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM ", of));
  }
  std::string Read(const std::string& name) {
    std::ifstream in(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // So it is under sanitizers; where there is gRPC the program is built before this.
  static bool IsWithoutPrograms() { return test_support::FindProgram("ledger").empty(); }
  void ExpectArchived(const absl::Status& status) {
    EXPECT_EQ(ReasonOf(status), "USAGE_ARCHIVED") << status;
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  }
  // The real command, and the text of a line that it is awaited at; nothing: it ended before.
  std::unique_ptr<Subprocess> StartCommand(int32_t month,
                                           const std::map<std::string, std::string>& env = {}) {
    auto started = Subprocess::Start(
        {.program = "ledger",
         .args = {"archive", absl::StrCat("--database=", ledger_.sql().url()),
                  absl::StrCat("--month=", month / 100, month % 100 < 10 ? "-0" : "-", month % 100),
                  absl::StrCat("--archive_dir=", folder_), "--archive_after=960h"},
         .env = env});
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }

  const storage::SqlThread sql_thread_;
  std::string folder_;
  Ledger ledger_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> lived_;  // through the autumn
};

TEST_F(ArchiveTest, U8_AMonthLeavesAndAllThatIsLeftAddsUp) {
  for (const std::string account : {"a", "b", "c"}) LiveThroughAutumn(account);
  OpenFunded(*engine_, "idle");
  Book("idle", CallAt("only", Now(), kDearNumber));
  ComeBack();
  Book("a", CallAt("new", Now()));
  const Findings before = ledger_.Audit();
  const Nanos balance = ledger_.Account("a").balance;

  Archive(kSeptember);
  EXPECT_EQ(CountRows("entries WHERE month <= 202509"), 0);
  EXPECT_EQ(CountRows("archived_heads"), 4);
  EXPECT_LT(CountRows("kept_entries WHERE account_id = 'a'"), CountRows("usage_ids"));
  const Findings after = ledger_.Audit();
  EXPECT_LT(after.entries, before.entries);
  EXPECT_EQ(after.head, before.head);
  EXPECT_THAT(CheckFiles().differences, IsEmpty());

  Archive(kOctober);
  EXPECT_EQ(CountRows("entries WHERE month <= 202510"), 0);
  EXPECT_EQ(CountRows("kept_entries WHERE kind IN (1,9) AND month <= 202509"), 0);
  EXPECT_EQ(CountRows("usage_states WHERE start_time IS NOT NULL"), 0);
  const ArchiveCheck check = CheckFiles();
  EXPECT_THAT(check.differences, IsEmpty());
  EXPECT_EQ(check.archives, 2);
  EXPECT_EQ(check.accounts, 4);
  EXPECT_EQ(check.numbers, check.readable_numbers);
  EXPECT_GT(check.numbers, 20);
  EXPECT_EQ(ledger_.Account("a").balance, balance);
  // Bookings go on, also of accounts whose last month was archived.
  for (const std::string account : {"a", "idle"}) {
    Book(account, CallAt("after", Now(), kDearNumber));
    Must<VoidReply>(account, VoidUsage{"after", false, {"wrong"}});
  }
}

TEST_F(ArchiveTest, U8_ARepeatIsAnsweredWithoutFiguresAndChangesAreRefused) {
  LiveThroughAutumn("a");
  const domain::Usage call = CallAt("drawn", Now(), kDearNumber, 120);
  const int64_t seq = ledger_.sql().QueryInt("SELECT seq FROM usage_ids WHERE usage_id = 'drawn'");
  ComeBack();
  Archive(kSeptember);
  for (int i = 0; i < 2; ++i) {
    for (const std::string id : {"drawn", "voided-later", "never-came", "late"}) {
      domain::Usage again = call;
      again.usage_id = id;
      const UsageReply reply = Book("a", again);
      EXPECT_TRUE(reply.duplicate && reply.archived) << id;
      EXPECT_EQ(reply.cost, 0);
      EXPECT_EQ(reply.balance_after, 0);
      EXPECT_EQ(reply.seq == seq, id == "drawn");
      ExpectArchived(Ask<VoidReply>(*engine_, "a", VoidUsage{id, true, {"wrong"}}).status());
      ExpectArchived(Ask<UsageReply>(*engine_, "a", RateUnrated{id}).status());
      ExpectArchived(
          Ask<CorrectionReply>(*engine_, "a",
                               CorrectUsage{{id}, CallAt(absl::StrCat("for-", id), Now()), {"x"}})
              .status());
    }
    engine_ = ledger_.StartEngine();
  }
  const auto too_old = Ask<UsageReply>(*engine_, "a", RecordUsage{CallAt("more", call.start_time)});
  EXPECT_EQ(ReasonOf(too_old.status()), "USAGE_TOO_OLD");
}

TEST_F(ArchiveTest, MoneyOfArchivedMonthsIsAsReachableAsEver) {
  LiveThroughAutumn("a");
  const Command gift = AdjustBalance{"gift", 2 * kDollar, {"a gift"}, ""};
  const auto booked = Must<EntryReply>("a", gift);
  ComeBack();
  Archive(kSeptember);
  Archive(kOctober);
  EXPECT_EQ(Must<EntryReply>("a", gift).entry.hash, booked.entry.hash);
  const auto refund = Must<RechargeReply>("a", Refund("back", 1, 5 * kDollar));
  Must<RechargeReply>("a", RefundSucceeded(refund.recharge.ordinal));
  const auto again = Must<PaymentReply>("a", Payment("page", 15 * kDollar, "ch_1"));
  EXPECT_TRUE(again.already_credited);
  Must<RechargeReply>(
      "a",
      Reversal("bounced", Must<PaymentReply>("a", Payment("paid", 30 * kDollar)).credited.ordinal));
  Must<DisputeReply>("a", ToldDispute(1, "dp_1", domain::DisputeState::kOpened, 3 * kDollar));
}

TEST_F(ArchiveTest, AStatementOfTheNextMonthIsWhole) {
  LiveThroughAutumn("a");
  const absl::Time october = absl::FromCivil(absl::CivilMonth(2025, 10), absl::UTCTimeZone());
  const absl::Time november = absl::FromCivil(absl::CivilMonth(2025, 11), absl::UTCTimeZone());
  ComeBack();
  Book("a", CallAt("new", Now()));
  const auto connection = ledger_.Connect();
  const auto statement = [&](absl::Time begin, absl::Time end) {
    const auto booked = storage::FindBooked(*connection, "a", begin, end);
    EXPECT_TRUE(booked.ok() && booked->final);
    const auto sums = storage::SumPeriod(*connection, "a", booked->seqs);
    const auto entries =
        storage::ListEntriesWithin(*connection, "a", booked->seqs, {}, storage::Oldest::kFirst, 99);
    std::string text = absl::StrCat(booked->seqs.first, "-", booked->seqs.end, " ",
                                    sums->opening_balance, " ", sums->closing_balance);
    for (const auto& total : sums->totals) {
      absl::StrAppend(&text, "; ", static_cast<int>(total.kind), " ", total.count, " ",
                      total.credits, " ", total.debits);
    }
    for (const domain::Entry& entry : *entries) {
      absl::StrAppend(&text, ", ", entry.seq, " ", entry.amount, " ",
                      entry.booked.has_value() ? entry.booked->usage.destination : "");
    }
    return text;
  };
  for (const absl::Time begin : {october - absl::Hours(14), october}) {
    const std::string before = statement(begin, november);
    EXPECT_THAT(before, HasSubstr(kDearNumber));
    if (begin != october) Archive(kSeptember);
    EXPECT_EQ(statement(begin, november), before);
  }
}

TEST_F(ArchiveTest, WhatIsOpenKeepsItsMonth) {
  OpenFunded(*engine_, "a");
  Book("a", CallAt("no-price", Now(), "33155501234"));
  ComeBack();
  const absl::Status open = archive::ArchiveMonths(Options(kSeptember));
  EXPECT_EQ(ReasonOf(open), "MONTH_STILL_OPEN");
  EXPECT_THAT(std::string(open.message()), HasSubstr("a/no-price"));
  EXPECT_EQ(CountRows("archives"), 0);
  Must<VoidReply>("a", VoidUsage{"no-price", false, {"it can't be priced"}});
  Archive(kSeptember);
}

TEST_F(ArchiveTest, OnlyWhatIsOldAndInTurnIsArchived) {
  OpenFunded(*engine_, "a");
  ComeBack();
  const auto refused = [&](int32_t month, absl::Duration age) {
    archive::ArchiveOptions options = Options(month);
    options.max_usage_age = age;
    return std::string(ReasonOf(archive::ArchiveMonths(options)));
  };
  EXPECT_EQ(refused(202610, absl::ZeroDuration()), "MONTH_TOO_YOUNG");
  EXPECT_EQ(refused(kSeptember, absl::Hours(24 * 420)), "MONTH_TOO_YOUNG");
  EXPECT_EQ(refused(202508, absl::ZeroDuration()), "MONTH_OUT_OF_TURN");
  EXPECT_EQ(refused(202513, absl::ZeroDuration()), "INVALID_FIELD");
  archive::ArchiveOptions nowhere = Options(kSeptember);
  nowhere.directory = folder_ + "/missing";
  EXPECT_EQ(ReasonOf(archive::ArchiveMonths(nowhere)), "ARCHIVE_FILE");
  EXPECT_EQ(refused(kOctober, absl::ZeroDuration()), "MONTH_OUT_OF_TURN") << "one is begun";
  std::vector<std::string> steps;
  archive::ArchiveOptions dry = Options(kSeptember, &steps);
  dry.dry_run = true;
  EXPECT_TRUE(archive::ArchiveMonths(dry).ok());
  EXPECT_THAT(steps, ElementsAre(HasSubstr("would archive 1 entries")));
  EXPECT_TRUE(fs::is_empty(folder_));
  Archive(kSeptember);
  Archive(kSeptember);
}

TEST_F(ArchiveTest, NothingIsArchivedByAClockThatIsNotTheDatabases) {
  if (IsWithoutPrograms()) GTEST_SKIP() << "built without gRPC, and so without programs";
  OpenFunded(*engine_, "a");
  ComeBack();
  test_support::ClockFile clock(folder_ + "/clock");
  for (const absl::Duration ahead : {400 * kDay, absl::Minutes(2), -400 * kDay}) {
    clock.Set(ahead);
    const auto command = StartCommand(kSeptember, clock.Environment());
    ASSERT_NE(command, nullptr);
    EXPECT_EQ(command->Wait(kLongest), 1) << ahead;
    EXPECT_THAT(command->Stderr(), HasSubstr("the clock of this machine says")) << ahead;
  }
  EXPECT_EQ(CountRows("archives"), 0);
  clock.Set(absl::ZeroDuration());
  const auto command = StartCommand(kSeptember, clock.Environment());
  EXPECT_EQ(command->Wait(kLongest), 0) << command->Stderr();
}

TEST_F(ArchiveTest, TheFileOfAnotherSchemaIsNotWrittenOver) {
  OpenFunded(*engine_, "a");
  ComeBack();
  for (const std::string name : {"reserve-2025-09.entries", "reserve-2025-09.numbers"}) {
    std::ofstream(folder_ + "/" + name) << "all that is left";
    archive::ArchiveOptions dry = Options(kSeptember);
    dry.dry_run = true;
    for (const archive::ArchiveOptions& options : {dry, Options(kSeptember)}) {
      const absl::Status refused = archive::ArchiveMonths(options);
      EXPECT_EQ(ReasonOf(refused), "ARCHIVE_FILE") << refused;
      EXPECT_THAT(std::string(refused.message()), HasSubstr(name));
    }
    EXPECT_EQ(Read(name), "all that is left");
    EXPECT_EQ(CountRows("archives"), 0) << "nothing is sealed";
    fs::remove(folder_ + "/" + name);
  }
  Archive(kSeptember);
}

TEST_F(ArchiveTest, AMonthThatIsSealedTakesNothingMoreFromALedgerThatHasNotHeard) {
  EngineOptions options = ledger_.Options();
  options.settings.max_usage_age = 3660 * kDay;
  options.feature_level_holds = absl::InfiniteDuration();
  OpenFunded(*engine_, "a");
  Book("a", CallAt("in-time", Now(), kDearNumber));
  const absl::Time then = Now();
  ComeBack();
  engine_ = ledger_.StartEngine(options);
  Book("a", CallAt("before-the-seal", then, kDearNumber));
  Archive(kSeptember);
  const auto late = Ask<UsageReply>(*engine_, "a", RecordUsage{CallAt("late", then, kDearNumber)});
  EXPECT_EQ(ReasonOf(late.status()), "USAGE_TOO_OLD") << late.status();
  ExpectArchived(Ask<VoidReply>(*engine_, "a", VoidUsage{"in-time", false, {"wrong"}}).status());
  EXPECT_EQ(CountRows("entries WHERE month <= 202509"), 0);
}

TEST_F(ArchiveTest, KilledAtAnyStepItGoesOnWhereItWas) {
  if (IsWithoutPrograms()) GTEST_SKIP() << "built without gRPC, and so without programs";
  for (const std::string account : {"a", "b"}) LiveThroughAutumn(account);
  ComeBack();
  Book("a", CallAt("new", Now()));
  int kills = 0;
  for (const std::string step : {"sealed", "writing", "wrote", "moving", "moved", "dropping"}) {
    const auto command = StartCommand(kSeptember);
    ASSERT_NE(command, nullptr);
    if (command->WaitForOutput(step, kLongest).ok()) ++kills;
    command->Kill();
    EXPECT_EQ(ledger_.Audit().difference_count, 0) << "killed once it had said: " << step;
    Book("a", CallAt(absl::StrCat("beside-", step), Now(), kDearNumber));
  }
  EXPECT_GE(kills, 3);
  const auto last = StartCommand(kSeptember);
  EXPECT_EQ(last->Wait(kLongest), 0) << last->Stderr();
  EXPECT_EQ(CountRows("archives WHERE stage = 3"), 1);
  EXPECT_EQ(CountRows("entries WHERE month <= 202509"), 0);
  EXPECT_THAT(CheckFiles().differences, IsEmpty());
  for (const auto& file : fs::directory_iterator(folder_)) {
    EXPECT_NE(file.path().extension(), ".begun");
  }
}

TEST_F(ArchiveTest, OfTwoAtOnceOneWorks) {
  for (int i = 0; i < 10; ++i) LiveThroughAutumn(absl::StrCat("account-", i));
  ComeBack();
  absl::Status other;
  std::thread beside([&] {
    const storage::SqlThread sql_thread;
    other = archive::ArchiveMonths(Options(kSeptember));
  });
  const absl::Status one = archive::ArchiveMonths(Options(kSeptember));
  beside.join();
  for (const absl::Status& status : {one, other}) {
    EXPECT_TRUE(status.ok() || ReasonOf(status) == "ARCHIVE_RUNNING") << status;
  }
  EXPECT_TRUE(one.ok() || other.ok());
  EXPECT_EQ(CountRows("archives WHERE stage = 3"), 1);
  EXPECT_THAT(CheckFiles().differences, IsEmpty());
}

TEST_F(ArchiveTest, WhatWasAlteredIsFound) {
  for (const std::string account : {"a", "b"}) LiveThroughAutumn(account);
  ComeBack();
  Archive(kSeptember);
  EXPECT_THAT(CheckFiles().differences, IsEmpty());
  const std::string path = folder_ + "/reserve-2025-09.entries";
  const std::string whole = Read("reserve-2025-09.entries");
  const auto with = [&](const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return CheckFiles().differences;
  };
  std::string dearer = whole;
  const size_t amount = dearer.find("\t-70000000\t");
  ASSERT_NE(amount, std::string::npos);
  dearer[amount + 2] = '8';
  EXPECT_THAT(with(dearer), Contains(HasSubstr("has not the hash of what it says")));
  const size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  EXPECT_THAT(with(whole.substr(0, last_line)), Contains(HasSubstr("recorded are")));
  fs::remove(path);
  EXPECT_THAT(CheckFiles().differences, Contains(HasSubstr("can't be read")));
  EXPECT_THAT(with(whole), IsEmpty());

  ledger_.sql().Execute(
      "UPDATE kept_entries SET amount_nanos = amount_nanos + 1 WHERE "
      "account_id = 'b' AND seq = 1");
  Findings findings = ledger_.AuditOf("b");
  ASSERT_GT(findings.difference_count, 0);
  EXPECT_EQ(findings.differences.front().check, audit::kCheckChain);
  ledger_.sql().Execute(
      "UPDATE kept_entries SET amount_nanos = amount_nanos - 1 WHERE "
      "account_id = 'b' AND seq = 1");
  ledger_.sql().Execute("UPDATE archived_heads SET balance_nanos = 1 WHERE account_id = 'b'");
  EXPECT_GT(ledger_.AuditOf("b").difference_count, 0);
  EXPECT_THAT(CheckFiles().differences, Contains(HasSubstr("not the account's head")));
  ledger_.sql().Execute(
      "UPDATE archived_heads h, kept_entries k SET h.balance_nanos = k.balance_after_nanos - "
      "k.amount_nanos WHERE h.account_id = 'b' AND k.account_id = 'b' AND k.seq = h.seq + 1");
}

TEST_F(ArchiveTest, ForgettingReachesTheFiles) {
  LiveThroughAutumn("a");
  domain::Usage other = CallAt("of-another", Now());
  other.user_id = kUnlimitedUser;
  Book("a", other);
  ComeBack();
  Archive(kSeptember);
  const ArchiveCheck before = CheckFiles();
  EXPECT_EQ(before.numbers, before.readable_numbers);
  for (const std::string name : {"reserve-2025-09.entries", "reserve-2025-09.numbers"}) {
    EXPECT_THAT(Read(name), Not(HasSubstr(kDearNumber))) << name;
  }
  struct stat mode {};
  ASSERT_EQ(stat((folder_ + "/reserve-2025-09.numbers").c_str(), &mode), 0);
  EXPECT_EQ(mode.st_mode & 0777, 0600u);
  ASSERT_TRUE(storage::ForgetUser(*ledger_.Connect(), "a", kUser, {}).ok());
  EXPECT_EQ(CountRows("kept_entries WHERE user_id = 'u' AND LENGTH(destination) BETWEEN 1 AND 20"),
            0);
  EXPECT_EQ(CountRows("entries WHERE LENGTH(destination) BETWEEN 1 AND 20"), 0);
  const ArchiveCheck after = CheckFiles();
  EXPECT_THAT(after.differences, IsEmpty());
  EXPECT_EQ(after.readable_numbers, 1) << "that of the other user";
}

}  // namespace
}  // namespace reserve::engine
