// A database that answers, and still can't do its work: its disk is full, a right is missing, a
// setting is in the way. Callers are told to repeat and never refused for good, health and the log
// say why, and all is booked when the bad day is over.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "tests/e2e/stack.h"
#include "tests/support/http_get.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::HttpGet;
using test_support::PrivateDatabaseServer;
using test_support::WaitUntil;
using ::testing::HasSubstr;
using ::testing::Not;

// Few, as MariaDB ends itself ("Out of disk space in rollback") where it has to take back an insert
// of many rows that has used up the last page. That is a crash like any other.
constexpr int kBatch = 20;
constexpr absl::Duration kLongEnough = absl::Seconds(60);

// 1 serving, 2 not serving, -1 no answer.
int Health(Stack& stack) {
  const auto answer = stack.CallRaw("/grpc.health.v1.Health/Check", "");
  return answer.ok() && answer->size() == 2 ? (*answer)[1] : -1;
}

pb::RecordUsageRequest Usage(const std::string& usage_id) {
  // One time for all, as a repeat says the same.
  static const int64_t start = absl::ToUnixSeconds(absl::Now());
  return Parse<pb::RecordUsageRequest>(
      absl::StrCat("account_id: 'a' usage { usage_id: '", usage_id,
                   "' user_id: 'u' start_time { seconds: ", start,
                   " } sms { direction: DIRECTION_INBOUND destination: '+14155550123' "
                   "segments: 1 } }"));
}

// A file system of its own for the database, which can be filled; gone with the object.
class SmallDisk {
 public:
  SmallDisk() {
    folder_ = ::testing::TempDir() + "/small-disk-XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) return;
    mounted_ = mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=160m") == 0;
    if (!mounted_) error_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
    rmdir(folder_.c_str());
  }

  bool mounted() const { return mounted_; }
  const std::string& error() const { return error_; }
  const std::string& folder() const { return folder_; }
  // Fills what is left. The files that are there keep what they have: their holes are filled
  // first, as a server ends that can't write where it has written, which is another failure.
  void Fill() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (!entry.is_regular_file()) continue;
      const int fd = open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
      if (fd < 0) continue;
      if (entry.file_size() > 0) {
        posix_fallocate(fd, 0, static_cast<off_t>(entry.file_size()));
      }
      close(fd);
    }
    std::ofstream filler(Filler(), std::ios::binary);
    const std::string block(4096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void MakeRoom() const { unlink(Filler().c_str()); }

 private:
  std::string Filler() const { return folder_ + "/filler"; }

  std::string folder_;
  std::string error_;
  bool mounted_ = false;
};

// Reads an account again and again, as long as it lives.
class ReadLoop {
 public:
  explicit ReadLoop(Stack& stack)
      : thread_([this, &stack] {
          while (!stop_) {
            const auto read = Call(stack.accounts(), &pb::Accounts::Stub::GetAccount,
                                   Parse<pb::GetAccountRequest>("account_id: 'a'"));
            EXPECT_TRUE(read.ok()) << read.status();
          }
        }) {}
  ~ReadLoop() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class DatabaseBadDaysTest : public ::testing::Test {
 protected:
  void StartOn(PrivateDatabaseServer::Options options) {
    auto server = PrivateDatabaseServer::Create(std::move(options));
    if (absl::IsNotFound(server.status())) GTEST_SKIP() << server.status();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    auto stack =
        Stack::Start({.server = server_.get(), .ledger_flags = {"--lanes=1", "--log_level=info"}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    const auto opened = Call(stack_->accounts(), &pb::Accounts::Stub::OpenAccount,
                             Parse<pb::OpenAccountRequest>("account_id: 'a'"));
    ASSERT_TRUE(opened.ok()) << opened.status();
    const auto put = Call(stack_->accounts(), &pb::Accounts::Stub::PutUser,
                          Parse<pb::PutUserRequest>("account_id: 'a' user_id: 'u'"));
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(Health(*stack_), 1);
  }

  // One more usage: OK, or an error that is fit for callers.
  absl::Status Book(const std::string& usage_id) {
    const absl::Status status =
        Call(stack_->ledger(), &pb::Ledger::Stub::RecordUsage, Usage(usage_id)).status();
    if (!status.ok()) ExpectFitForCallers(status);
    return status;
  }
  static void ExpectFitForCallers(const absl::Status& status) {
    EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
    EXPECT_TRUE(RetryAfterOf(status).has_value()) << status;
    for (const char* secret :
         {"INSERT", "UPDATE", "SELECT", "entries", "usage_ids", "root@", "localhost", "binlog"}) {
      EXPECT_THAT(std::string(status.message()), Not(HasSubstr(secret)));
    }
  }
  // Books a batch of usages; the ids of those that were refused.
  std::set<std::string> BookBatch(int number) {
    pb::BatchRecordUsageRequest request;
    for (int i = 0; i < kBatch; ++i) {
      *request.add_requests() = Usage(absl::StrCat("batch-", number, "-", i));
    }
    const auto reply = Call(stack_->ledger(), &pb::Ledger::Stub::BatchRecordUsage, request);
    std::set<std::string> refused;
    for (int i = 0; i < request.requests_size(); ++i) {
      if (reply.ok() && reply->results(i).has_response()) continue;
      refused.insert(request.requests(i).usage().usage_id());
      if (i == 0 && reply.ok()) ExpectFitForCallers(FromProtoStatus(reply->results(i).error()));
    }
    if (!reply.ok()) ExpectFitForCallers(reply.status());
    return refused;
  }
  std::string Metrics() const { return HttpGet(stack_->metrics_port(), "/metrics"); }
  bool AwaitHealth(int health) {
    return WaitUntil([&] { return Health(*stack_) == health; }, kLongEnough);
  }
  // The log says so within a while.
  void ExpectLogged(const std::string& text) {
    EXPECT_TRUE(stack_->ledger_process()->WaitForOutput(text, absl::Seconds(10)).ok()) << text;
  }

  std::unique_ptr<PrivateDatabaseServer> server_;
  std::unique_ptr<Stack> stack_;
};

TEST_F(DatabaseBadDaysTest, AFullDiskRefusesNothingForGood) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "no tmpfs can be mounted: " << disk.error();
  ASSERT_NO_FATAL_FAILURE(StartOn({.parent_folder = disk.folder()}));
  int batches = 0;
  while (batches < 20) ASSERT_TRUE(BookBatch(batches++).empty());

  disk.Fill();
  std::set<std::string> refused;
  while (refused.empty() && batches < 5000) refused = BookBatch(batches++);
  ASSERT_FALSE(refused.empty()) << "the disk is not full after " << batches << " batches";
  EXPECT_EQ(refused.size(), static_cast<size_t>(kBatch));
  ASSERT_THAT(server_->Log(), HasSubstr("is full")) << stack_->ledger_process()->Stderr();
  EXPECT_TRUE(AwaitHealth(2));
  ExpectLogged("\"class\":\"disk_full\",\"error_number\":1114");
  ExpectLogged("\"not serving\"");
  EXPECT_THAT(Metrics(), HasSubstr("reserve_ledger_database_errors_total{class=\"disk_full\"} "));
  EXPECT_THAT(Metrics(),
              Not(HasSubstr("reserve_ledger_database_errors_total{class=\"disk_full\"} 0\n")));
  EXPECT_THAT(Metrics(), HasSubstr("reserve_ledger_unavailable_commands_total "));
  EXPECT_THAT(Metrics(), Not(HasSubstr("reserve_ledger_unavailable_commands_total 0\n")));
  // As long as it lasts it is told, not hidden.
  EXPECT_FALSE(BookBatch(batches - 1).empty());
  EXPECT_EQ(Health(*stack_), 2);
  // And nobody waits for it anew, though reads work all the while.
  {
    const ReadLoop reads(*stack_);
    EXPECT_FALSE(BookBatch(batches - 1).empty());
    for (int i = 0; i < 3; ++i) {
      const Moment asked = MonotonicNow();
      EXPECT_FALSE(BookBatch(batches - 1).empty());
      EXPECT_LE(MonotonicNow() - asked, absl::Seconds(4));
    }
  }

  disk.MakeRoom();
  ASSERT_TRUE(AwaitHealth(1)) << server_->Log();
  EXPECT_TRUE(WaitUntil([&] { return BookBatch(batches - 1).empty(); }, kLongEnough));
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM entries WHERE kind = 1"),
            kBatch * batches);
  const auto verified = stack_->RunLedger({"verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
}

TEST_F(DatabaseBadDaysTest, AMissingRightIsSeenAndMended) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  const std::string user = "'reserve_poor'@'localhost'";
  stack_->database().Execute(absl::StrCat("CREATE USER ", user, " IDENTIFIED BY 'poor'"));
  const auto grants = stack_->RunLedger({"grants", absl::StrCat("--grantee=", user)});
  std::string withheld;
  for (const absl::string_view grant : absl::StrSplit(grants.output, ";\n", absl::SkipEmpty())) {
    if (absl::StrContains(grant, "account_months")) {
      withheld = std::string(grant);
    } else {
      stack_->database().Execute(grant);
    }
  }
  ASSERT_FALSE(withheld.empty());
  stack_->ledger_process()->Kill();
  auto poor = test_support::Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", absl::StrCat("--listen=", stack_->ledger_address()),
                absl::StrCat("--database=", stack_->database().UrlAs("reserve_poor", "poor"))}});
  ASSERT_TRUE(poor.ok()) << poor.status();
  ASSERT_TRUE((*poor)->WaitForOutput("\"class\":\"rights\"", kLongEnough).ok());
  EXPECT_TRUE(AwaitHealth(2));
  const absl::Status status = Book("usage-1");
  EXPECT_EQ(ReasonOf(status), "NOT_SERVING") << status;
  // It comes, and goes again while the ledger runs.
  stack_->database().Execute(withheld);
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-1").ok(); }, kLongEnough));
  stack_->database().Execute(absl::StrCat("REVOKE INSERT ON account_months FROM ", user));
  EXPECT_TRUE(AwaitHealth(2));
  stack_->database().Execute(withheld);
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-2").ok(); }, kLongEnough));
  (*poor)->Kill();
}

TEST_F(DatabaseBadDaysTest, ABinlogFormatThatRefusesWritesIsSeen) {
  ASSERT_NO_FATAL_FAILURE(
      StartOn({.extra_args = {"--log-bin", "--binlog-format=ROW", "--sync-binlog=1"}}));
  ASSERT_TRUE(Book("usage-1").ok());
  stack_->database().Execute("SET GLOBAL binlog_format = 'STATEMENT'");
  EXPECT_TRUE(AwaitHealth(2));
  ExpectLogged("binlog_format must be ROW or MIXED");
  // Sessions that come now have it, too: what they are refused is not refused for good.
  const std::string kill_all =
      "SELECT id FROM information_schema.processlist WHERE command = 'Sleep'";
  for (const auto& row : stack_->database().Query(kill_all)) {
    (void)stack_->database().TryExecute(absl::StrCat("KILL ", row[0]));
  }
  EXPECT_EQ(Book("usage-2").code(), StatusCode::kUnavailable);
  ExpectLogged("\"error_number\":1665");
  stack_->database().Execute("SET GLOBAL binlog_format = 'ROW'");
  for (const auto& row : stack_->database().Query(kill_all)) {
    (void)stack_->database().TryExecute(absl::StrCat("KILL ", row[0]));
  }
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-2").ok(); }, kLongEnough));
}

TEST_F(DatabaseBadDaysTest, AStepInTheBackgroundThatFailsIsToldByTheRunningLedger) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  stack_->database().Execute("RENAME TABLE rate_decks TO decks_elsewhere");
  ExpectLogged("\"a step in the background failed\",\"step\":\"catalog\",\"times\":");
  EXPECT_TRUE(WaitUntil(
      [&] { return !absl::StrContains(Metrics(), "step_failing_seconds{step=\"catalog\"} 0\n"); },
      kLongEnough));
  stack_->database().Execute("RENAME TABLE decks_elsewhere TO rate_decks");
  EXPECT_TRUE(WaitUntil(
      [&] { return absl::StrContains(Metrics(), "step_failing_seconds{step=\"catalog\"} 0\n"); },
      kLongEnough));
}

TEST_F(DatabaseBadDaysTest, APasswordFileThatIsGoneIsToldToNoCallerAndTheNextPasswordIsTaken) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  stack_->database().Execute("CREATE USER 'reserve_pw'@'localhost' IDENTIFIED BY 'secret'");
  const auto grants = stack_->RunLedger({"grants", "--grantee='reserve_pw'@'localhost'"});
  for (const absl::string_view grant : absl::StrSplit(grants.output, ";\n", absl::SkipEmpty())) {
    stack_->database().Execute(grant);
  }
  stack_->ledger_process()->Kill();
  const std::string file = absl::StrCat(stack_->folder(), "/password");
  std::ofstream(file) << "secret";
  auto ledger = test_support::Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", absl::StrCat("--listen=", stack_->ledger_address()),
                absl::StrCat("--database=", stack_->database().UrlAs("reserve_pw", "")),
                absl::StrCat("--database_password_file=", file)}});
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  ASSERT_TRUE(AwaitHealth(1));
  ASSERT_TRUE(Book("usage-1").ok());
  std::filesystem::remove(file);
  // Every connection is lost, and none can be made.
  for (const auto& row : stack_->database().Query(
           "SELECT id FROM information_schema.processlist WHERE user = 'reserve_pw'")) {
    (void)stack_->database().TryExecute(absl::StrCat("KILL ", row[0]));
  }
  for (const absl::Status& told :
       {Book("usage-2"), Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                              Parse<pb::GetAccountRequest>("account_id: 'a'"))
                             .status()}) {
    ExpectFitForCallers(told);
    EXPECT_EQ(ReasonOf(told), "DATABASE_UNAVAILABLE");
    EXPECT_THAT(std::string(told.message()), Not(HasSubstr("password")));
  }
  EXPECT_TRUE(AwaitHealth(2));
  EXPECT_TRUE((*ledger)->WaitForOutput(file, kLongEnough).ok()) << "the log says which file it is";
  // It comes back with another password, as in a rotation: no restart is needed.
  stack_->database().Execute("ALTER USER 'reserve_pw'@'localhost' IDENTIFIED BY 'rotated'");
  std::ofstream(file) << "rotated";
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-2").ok(); }, kLongEnough));
  (*ledger)->Kill();
}

TEST_F(DatabaseBadDaysTest, DurabilityThatIsTurnedDownWhileItRunsIsSeen) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  stack_->database().Execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2");
  EXPECT_TRUE(AwaitHealth(2));
  ExpectLogged("\"reason\":\"UNSAFE_DATABASE\"");
  EXPECT_TRUE(stack_->ledger_process()->Running());
  // Another reason is told, too.
  server_->Kill();
  ExpectLogged("\"reason\":\"DATABASE_UNAVAILABLE\",\"class\":\"connection\"");
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(AwaitHealth(1)) << "a new server has the setting of its start";
}

TEST_F(DatabaseBadDaysTest, AHangingDatabaseHoldsNobodyForLongAndADrainEnds) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  ASSERT_TRUE(Book("usage-0").ok());
  // Of these one statement may be waited for for long, on a database that works.
  const auto summarize = [&] {
    return Call(stack_->accounts(), &pb::Accounts::Stub::SummarizeUsage,
                Parse<pb::SummarizeUsageRequest>("account_id: 'a' group_by: USAGE_GROUPING_DAY "
                                                 "start_from { seconds: 1700000000 } "
                                                 "start_before { seconds: 1700600000 }"))
        .status();
  };
  ASSERT_TRUE(summarize().ok()) << "over a connection that is kept";
  server_->Freeze();
  // As many readers as writers, and all at once: what waits in a queue is not held for longer.
  constexpr int kCallers = 400;
  std::vector<std::thread> callers;
  absl::Mutex mutex;
  absl::Duration longest;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const Moment asked = MonotonicNow();
      if (i % 2 == 0) {
        EXPECT_FALSE(Book(absl::StrCat("usage-", i + 1)).ok());
      } else if (i % 100 == 1) {
        ExpectFitForCallers(summarize());
      } else {
        const auto read = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                               Parse<pb::GetAccountRequest>("account_id: 'a'"));
        ExpectFitForCallers(read.status());
      }
      absl::MutexLock lock(&mutex);
      longest = std::max(longest, MonotonicNow() - asked);
    });
  }
  for (std::thread& caller : callers) caller.join();
  std::printf("a hanging database held callers for %s\n", absl::FormatDuration(longest).c_str());
  EXPECT_LE(longest, absl::Seconds(8));
  EXPECT_TRUE(AwaitHealth(2));
  // Who comes later is not held for as long again.
  const Moment later = MonotonicNow();
  EXPECT_FALSE(Book("usage-late").ok());
  std::printf("and who came later for %s\n", absl::FormatDuration(MonotonicNow() - later).c_str());
  EXPECT_LE(MonotonicNow() - later, absl::Seconds(3));
  // How it replicates is not known, and nobody is told how it did before.
  EXPECT_TRUE(WaitUntil([&] { return absl::StrContains(Metrics(), "semi_sync_in_force Nan\n"); },
                        kLongEnough));
  ExpectLogged("it is not known how the database replicates");
  // Callers were told; the log has sums, and no line for each.
  ExpectLogged("\"refused_calls\"");
  EXPECT_THAT(stack_->ledger_process()->Stderr(), Not(HasSubstr("call refused")));

  server_->Thaw();
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-late").ok(); }, kLongEnough));
  server_->Freeze();
  const absl::Time asked_to_end = absl::Now();
  stack_->ledger_process()->Signal(SIGTERM);
  EXPECT_EQ(stack_->ledger_process()->Wait(kLongEnough), 0);
  std::printf("the drain beside it took %s\n",
              absl::FormatDuration(absl::Now() - asked_to_end).c_str());
  EXPECT_LE(absl::Now() - asked_to_end, absl::Seconds(20));
  server_->Thaw();
}

TEST_F(DatabaseBadDaysTest, ReadsWaitForABriefOutageAsWritesDo) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  ASSERT_TRUE(Book("usage-1").ok());
  // On a busy machine a server may take long to start: then once more.
  absl::Duration outage = absl::InfiniteDuration();
  for (int tries = 0; tries < 20 && outage > absl::Seconds(3); ++tries) {
    ASSERT_TRUE(AwaitHealth(1));
    const Moment begin = MonotonicNow();
    server_->Kill();
    absl::Status read;
    absl::Status written;
    std::thread reader([&] {
      read = Call(stack_->accounts(), &pb::Accounts::Stub::GetAccount,
                  Parse<pb::GetAccountRequest>("account_id: 'a'"))
                 .status();
    });
    std::thread writer([&] { written = Book(absl::StrCat("usage-2-", tries)); });
    const absl::Status started = server_->Start();
    outage = MonotonicNow() - begin;
    reader.join();
    writer.join();
    ASSERT_TRUE(started.ok()) << started;
    if (outage > absl::Seconds(3)) continue;
    EXPECT_TRUE(read.ok()) << read;
    EXPECT_TRUE(written.ok()) << written;
  }
  EXPECT_LE(outage, absl::Seconds(3)) << "no outage was brief";
}

TEST(RefusedReadsTest, HaveTheirAccountInTheLog) {
  auto stack = Stack::Start({.ledger_flags = {"--log_level=debug"}});
  ASSERT_TRUE(stack.ok()) << stack.status();
  const auto refused = Call((*stack)->accounts(), &pb::Accounts::Stub::GetUsage,
                            Parse<pb::GetUsageRequest>("account_id: 'a' usage_id: 'none'"));
  EXPECT_EQ(refused.status().code(), StatusCode::kNotFound) << refused.status();
  const auto line =
      (*stack)->ledger_process()->WaitForOutput("\"method\":\"GetUsage\"", absl::Seconds(10));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("\"account_id\":\"a\""));
  EXPECT_THAT(*line, HasSubstr("\"caller\":\"ipv4:127.0.0.1:"));
  // What is no id is not written down.
  const auto nonsense = Call((*stack)->accounts(), &pb::Accounts::Stub::GetUser,
                             Parse<pb::GetUserRequest>("account_id: 'no id!' user_id: 'u'"));
  EXPECT_EQ(nonsense.status().code(), StatusCode::kInvalidArgument) << nonsense.status();
  const auto other =
      (*stack)->ledger_process()->WaitForOutput("\"method\":\"GetUser\"", absl::Seconds(10));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(*other, Not(HasSubstr("no id!")));
}

TEST_F(DatabaseBadDaysTest, ARefusedCallsLineHasTheAccountAndTheCaller) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  // An event with the number of the next one: what writes an event can't be done.
  stack_->database().Execute(
      "INSERT INTO events (account_id, event_seq, kind, cause, event_time, state, balance_nanos, "
      "recharge_ordinal) SELECT account_id, MAX(event_seq) + 1, 1, '', NOW(6), 1, 0, 0 FROM events "
      "WHERE account_id = 'a' GROUP BY account_id");
  const auto blocked = Call(stack_->support(), &pb::Support::Stub::BlockAccount,
                            Parse<pb::BlockAccountRequest>("account_id: 'a' reason: 'fraud'"));
  EXPECT_EQ(blocked.status().code(), StatusCode::kUnavailable) << blocked.status();
  EXPECT_EQ(ReasonOf(blocked.status()), "ACCOUNT_INCONSISTENT");
  const auto line = stack_->ledger_process()->WaitForOutput("\"call refused\"", absl::Seconds(10));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("\"account_id\":\"a\""));
  EXPECT_THAT(*line, HasSubstr("\"caller\":\"ipv4:127.0.0.1:"));
}

TEST_F(DatabaseBadDaysTest, AReadOnlyServerIsSeenAndNotRefusedForGood) {
  ASSERT_NO_FATAL_FAILURE(StartOn({}));
  // Root may write to a server that is read only, so the ledger is somebody else.
  stack_->database().Execute("CREATE USER 'reserve_ro'@'localhost' IDENTIFIED BY 'ro'");
  const auto grants = stack_->RunLedger({"grants", "--grantee='reserve_ro'@'localhost'"});
  for (const absl::string_view grant : absl::StrSplit(grants.output, ";\n", absl::SkipEmpty())) {
    stack_->database().Execute(grant);
  }
  stack_->ledger_process()->Kill();
  auto ledger = test_support::Subprocess::Start(
      {.program = "ledger",
       .args = {"serve", absl::StrCat("--listen=", stack_->ledger_address()),
                absl::StrCat("--database=", stack_->database().UrlAs("reserve_ro", "ro"))}});
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_TRUE(AwaitHealth(1));
  stack_->database().Execute("SET GLOBAL read_only = 1");
  EXPECT_TRUE(AwaitHealth(2)) << "also while nobody calls";
  EXPECT_TRUE((*ledger)->WaitForOutput("\"class\":\"read_only\"", kLongEnough).ok());
  EXPECT_EQ(Book("usage-1").code(), StatusCode::kUnavailable);
  stack_->database().Execute("SET GLOBAL read_only = 0");
  EXPECT_TRUE(AwaitHealth(1)) << "also while nobody calls";
  stack_->database().Execute("SET GLOBAL read_only = 1");
  EXPECT_EQ(Book("usage-1").code(), StatusCode::kUnavailable);
  EXPECT_TRUE(AwaitHealth(2));
  stack_->database().Execute("SET GLOBAL read_only = 0");
  EXPECT_TRUE(AwaitHealth(1));
  EXPECT_TRUE(WaitUntil([&] { return Book("usage-1").ok(); }, kLongEnough));
  (*ledger)->Kill();
}

}  // namespace
}  // namespace reserve::e2e
