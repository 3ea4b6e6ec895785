// outage: what callers see while one shard of Vitess is away: those of its accounts, and those of
// the others. `./run vitess --outage` runs it.
#include <signal.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "services/ledger/book/keyspace.h"
#include "tests/chaos/stage.h"
#include "tests/support/wait_until.h"

ABSL_FLAG(std::string, vitess, "", "The cluster's folder.");
ABSL_FLAG(std::string, process, "mysqld", "What of the last shard is away: mysqld or tablet.");
ABSL_FLAG(absl::Duration, away, absl::Seconds(15), "For how long.");

namespace reserve::chaos {
namespace {

namespace pb = ledger::v1;

constexpr int kAccounts = 8;  // of each half
constexpr char kDearDestination[] = "+8816234567";
constexpr absl::Duration kPatience = absl::Seconds(60);

// What callers of one half saw. Thread-safe.
class Seen {
 public:
  void Note(const absl::Status& status, absl::Duration took) {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    if (!status.ok()) ++errors_;
    if (!status.ok()) error_ = status.ToString();
    longest_ = std::max(longest_, took);
  }
  // And begins anew.
  std::string Tell() {
    absl::MutexLock lock(&mutex_);
    std::string text =
        absl::StrCat(calls_, " calls, ", errors_, " errors, the longest ",
                     absl::FormatDuration(absl::Trunc(longest_, absl::Milliseconds(1))),
                     error_.empty() ? "" : ", the last: ", error_);
    calls_ = errors_ = 0;
    longest_ = absl::ZeroDuration();
    error_.clear();
    return text;
  }
  int64_t errors() const {
    absl::MutexLock lock(&mutex_);
    return errors_;
  }

 private:
  mutable absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t errors_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration longest_ ABSL_GUARDED_BY(mutex_);
  std::string error_ ABSL_GUARDED_BY(mutex_);
};

void Say(const std::string& text) {
  std::printf("outage: %s\n", text.c_str());
  std::fflush(stdout);
}

class Outage {
 public:
  explicit Outage(Stage& stage)
      : stage_(stage),
        channel_(*MakeChannel(stage.DirectTarget(stage.ledger(0)), ChannelOptions())),
        accounts_stub_(channel_),
        ledger_stub_(channel_) {}

  // Accounts in the first shard and in the last one.
  absl::Status Open() {
    for (int i = 0; accounts_[0].size() < kAccounts || accounts_[1].size() < kAccounts; ++i) {
      const std::string id = absl::StrCat("outage-", i);
      const size_t shards = static_cast<size_t>(stage_.databases().vitess()->shards());
      const size_t shard = book::RangeOf(id, shards);
      if (shard != 0 && shard != shards - 1) continue;
      std::vector<std::string>& half = accounts_[shard == 0 ? 0 : 1];
      if (half.size() >= kAccounts) continue;
      pb::OpenAccountRequest open;
      open.set_account_id(id);
      open.set_card_token(absl::StrCat("tok_visa#", id));
      RESERVE_RETURN_IF_ERROR(Call(accounts_stub_, &pb::Accounts::Stub::OpenAccount, open));
      pb::PutUserRequest put;
      put.set_account_id(id);
      put.set_user_id("ann");
      RESERVE_RETURN_IF_ERROR(Call(accounts_stub_, &pb::Accounts::Stub::PutUser, put));
      half.push_back(id);
    }
    for (const auto& half : accounts_) {
      for (const std::string& id : half) {
        if (!AwaitBalance(id, 15)) return absl::InternalError(id + " is not funded");
      }
    }
    return absl::OkStatus();
  }

  bool AwaitBalance(const std::string& account_id, int64_t least) {
    return test_support::WaitUntil(
        [&] {
          pb::GetAccountRequest get;
          get.set_account_id(account_id);
          pb::Account account;
          return Call(accounts_stub_, &pb::Accounts::Stub::GetAccount, get, &account).ok() &&
                 account.balance().units() >= least;
        },
        absl::Seconds(20));
  }

  // Usage of both halves, one call after the other in each, until Stop.
  void Start() {
    for (size_t half = 0; half < 2; ++half) {
      threads_.emplace_back([this, half] {
        for (int i = 0; !stopping_; ++i) {
          const std::string& id = accounts_[half][static_cast<size_t>(i) % kAccounts];
          const absl::Time begin = absl::Now();
          const absl::Status status =
              i % 2 == 0 ? Record(id, absl::StrCat("u-", half, "-", i), 0) : Authorize(id);
          seen_[half].Note(status, absl::Now() - begin);
          absl::SleepFor(absl::Milliseconds(2));
        }
      });
    }
    threads_.emplace_back([this] { Watch(); });
  }
  void Stop() {
    stopping_ = true;
    {
      absl::MutexLock lock(&mutex_);
      if (watch_ != nullptr) watch_->TryCancel();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  // A dear call, that of a number for the first one of the account's.
  absl::Status Record(const std::string& account_id, const std::string& usage_id, int dear) {
    pb::RecordUsageRequest request;
    request.set_account_id(account_id);
    pb::Usage& usage = *request.mutable_usage();
    usage.set_usage_id(usage_id);
    usage.set_user_id("ann");
    reserve::ToProto(absl::Now() - absl::Seconds(3), usage.mutable_start_time());
    usage.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
    usage.mutable_call()->set_destination(dear != 0 ? kDearDestination : "+12125550123");
    usage.mutable_call()->mutable_duration()->set_seconds(dear != 0 ? 60 : 1);
    return Call(ledger_stub_, &pb::Ledger::Stub::RecordUsage, request);
  }
  absl::Status Authorize(const std::string& account_id) {
    pb::AuthorizeUsageRequest request;
    request.set_account_id(account_id);
    request.set_user_id("ann");
    request.mutable_call()->set_direction(pb::DIRECTION_OUTBOUND);
    request.mutable_call()->set_destination("+12125550123");
    return Call(ledger_stub_, &pb::Ledger::Stub::AuthorizeUsage, request);
  }

  // Has the watcher heard that the account was recharged after its opening?
  bool HeardOf(const std::string& account_id) {
    return test_support::WaitUntil(
        [&] {
          absl::MutexLock lock(&mutex_);
          return recharged_.count(account_id) > 0;
        },
        absl::Seconds(10));
  }
  int watch_ends() const { return watch_ends_; }
  const std::string& account(size_t half) const { return accounts_[half].front(); }
  Seen& seen(size_t half) { return seen_[half]; }

 private:
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    return FromGrpcStatus((stub.*method)(&context, request, response));
  }
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request) {
    Response response;
    return Call(stub, method, request, &response);
  }

  void Watch() {
    pb::Events::Stub stub(channel_);
    pb::WatchEventsRequest request;
    while (!stopping_) {
      grpc::ClientContext context;
      {
        absl::MutexLock lock(&mutex_);
        watch_ = &context;
      }
      const auto reader = stub.WatchEvents(&context, request);
      pb::WatchEventsResponse response;
      while (reader->Read(&response)) {
        request.set_resume_token(response.resume_token());
        absl::MutexLock lock(&mutex_);
        for (const pb::Event& event : response.events()) {
          if (event.kind() == pb::EVENT_KIND_RECHARGE_SUCCEEDED) {
            recharged_.insert(event.account_id());
          }
        }
      }
      reader->Finish();
      absl::MutexLock lock(&mutex_);
      watch_ = nullptr;
      if (!stopping_) ++watch_ends_;
    }
  }

  Stage& stage_;
  const std::shared_ptr<grpc::Channel> channel_;
  pb::Accounts::Stub accounts_stub_;
  pb::Ledger::Stub ledger_stub_;
  std::array<std::vector<std::string>, 2> accounts_;
  std::array<Seen, 2> seen_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> watch_ends_ = 0;
  std::vector<std::thread> threads_;
  absl::Mutex mutex_;
  grpc::ClientContext* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::set<std::string> recharged_ ABSL_GUARDED_BY(mutex_);
};

// True if it is as it should be.
bool Expect(bool is_so, const std::string& what) {
  Say(absl::StrCat(is_so ? "ok: " : "WRONG: ", what));
  return is_so;
}

bool WhileAway(Stage& stage, Outage& outage) {
  bool good = true;
  const absl::Time until = absl::Now() + absl::GetFlag(FLAGS_away);
  const absl::Status booked = outage.Record(outage.account(0), "dear", 1);
  good &= Expect(booked.ok(), absl::StrCat("a dear call of another shard: ", booked.ToString()));
  good &= Expect(outage.AwaitBalance(outage.account(0), 16), "its account is recharged");
  good &= Expect(outage.HeardOf(outage.account(0)), "and who watches events hears of it");
  stage.ledger(1).Kill();
  const absl::Status started = stage.Start(stage.ledger(1));
  good &= Expect(started.ok(), absl::StrCat("a ledger starts: ", started.ToString()));
  absl::SleepFor(until - absl::Now());
  const bool no_error = outage.seen(0).errors() == 0;
  const bool some_errors = outage.seen(1).errors() > 0;
  good &= Expect(no_error, "callers of the other shard: " + outage.seen(0).Tell());
  good &= Expect(some_errors, "callers of the one away: " + outage.seen(1).Tell());
  good &= Expect(outage.watch_ends() == 0, "the watch of events did not end");
  return good;
}

absl::StatusOr<bool> Run() {
  RESERVE_ASSIGN_OR_RETURN(
      const auto stage,
      Stage::Create({.engine = Engine::kVitess, .vitess = absl::GetFlag(FLAGS_vitess)}));
  const test_support::VitessCluster& vitess = *stage->databases().vitess();
  const std::string process = absl::StrCat(absl::GetFlag(FLAGS_process), vitess.shards());
  Outage outage(*stage);
  RESERVE_RETURN_IF_ERROR(outage.Open());
  outage.Start();
  absl::SleepFor(absl::Seconds(3));
  Say("before, one half: " + outage.seen(0).Tell());
  Say("before, the other: " + outage.seen(1).Tell());
  vitess.Hold(process);
  vitess.Signal(process, SIGKILL);
  Say(process + " is killed");
  bool good = WhileAway(*stage, outage);
  vitess.Release(process);
  const absl::Time back = absl::Now();
  good &= Expect(test_support::WaitUntil([&] { return outage.Authorize(outage.account(1)).ok(); },
                                         kPatience) &&
                     outage.Record(outage.account(1), "dear", 1).ok(),
                 "the shard is served again");
  Say(absl::StrCat(absl::FormatDuration(absl::Trunc(absl::Now() - back, absl::Milliseconds(100))),
                   " after it was started"));
  good &= Expect(outage.AwaitBalance(outage.account(1), 16), "its accounts are recharged");
  good &= Expect(outage.HeardOf(outage.account(1)), "and who watches events hears of it");
  outage.Stop();
  return good;
}

}  // namespace
}  // namespace reserve::chaos

// 0 if all is as it should be, 1 if not, 2 if that could not be found out.
int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv, "Takes a shard of Vitess away, and says what callers see.");
  const absl::StatusOr<bool> good = reserve::chaos::Run();
  if (!good.ok()) {
    std::printf("outage: could not go on: %s\n", good.status().ToString().c_str());
    return 2;
  }
  return *good ? 0 : 1;
}
