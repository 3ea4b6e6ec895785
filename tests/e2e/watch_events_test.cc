// What a notifier or a switch hears: WatchEvents of the real processes, through kills and drains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/error/error.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "tests/e2e/stack.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using absl::StatusCode;
using test_support::WaitUntil;
using ::testing::IsEmpty;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Support = pb::Support::Stub;
using Ledger = pb::Ledger::Stub;

// A consumer as it should be: keeps the token of what it has dealt with, opens the stream again
// with it whenever it ends, and knows repeats by account and number. Reads on a thread of its own.
class Consumer {
 public:
  explicit Consumer(Stack& stack) : thread_([this, &stack] { Run(stack); }) {}
  ~Consumer() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }

  // The distinct events of an account.
  std::vector<pb::Event> EventsOf(const std::string& account_id) const {
    absl::MutexLock lock(&mutex_);
    std::vector<pb::Event> events;
    const auto found = events_.find(account_id);
    if (found == events_.end()) return events;
    for (const auto& [seq, event] : found->second) events.push_back(event);
    return events;
  }
  std::string token() const {
    absl::MutexLock lock(&mutex_);
    return token_;
  }
  int streams() const {
    absl::MutexLock lock(&mutex_);
    return streams_;
  }
  // What a stream did that it must not.
  std::vector<std::string> faults() const {
    absl::MutexLock lock(&mutex_);
    return faults_;
  }

 private:
  void Run(Stack& stack) {
    // A channel of its own, as a process of its own would have.
    const auto channel = MakeChannel(stack.ledger_address(), ChannelOptions());
    ASSERT_TRUE(channel.ok()) << channel.status();
    const auto stub = pb::Events::NewStub(*channel);
    while (true) {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      pb::WatchEventsRequest request;
      {
        absl::MutexLock lock(&mutex_);
        if (stopping_) return;
        context_ = &context;
        request.set_resume_token(token_);
      }
      const auto reader = stub->WatchEvents(&context, request);
      pb::WatchEventsResponse response;
      std::map<std::string, int64_t> last;
      bool opened = false;
      while (reader->Read(&response)) {
        Take(response, &last, &opened);
      }
      const absl::Status ended = FromGrpcStatus(reader->Finish());
      absl::MutexLock lock(&mutex_);
      context_ = nullptr;
      if (!stopping_ && ended.code() != StatusCode::kUnavailable) {
        faults_.push_back(absl::StrCat("ended with ", ended.ToString()));
      }
    }
  }

  void Take(const pb::WatchEventsResponse& response, std::map<std::string, int64_t>* last,
            bool* opened) {
    absl::MutexLock lock(&mutex_);
    if (!*opened) ++streams_;
    *opened = true;
    for (const pb::Event& event : response.events()) {
      const auto [before, is_first] = last->try_emplace(event.account_id(), event.event_seq());
      if (!is_first && event.event_seq() != before->second + 1) {
        faults_.push_back(
            absl::StrCat(event.account_id(), ": ", event.event_seq(), " after ", before->second));
      }
      before->second = event.event_seq();
      events_[event.account_id()][event.event_seq()] = event;
    }
    if (response.resume_token().empty()) faults_.push_back("a message without a token");
    token_ = response.resume_token();
  }

  mutable absl::Mutex mutex_;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::map<int64_t, pb::Event>> events_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  int streams_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> faults_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class WatchEventsTest : public ::testing::Test {
 protected:
  void Start() {
    auto stack = Stack::Start({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                               .gateway = true,
                               .workers = 1,
                               .worker_flags = {"--backoff_initial=20ms", "--backoff_max=200ms"}});
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
  }

  template <typename Stub, typename Request, typename Response>
  void Must(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
            const std::string& request) {
    const auto response = Call(stack_->stub<Stub>(), method, Parse<Request>(request));
    EXPECT_TRUE(response.ok()) << request << ": " << response.status();
  }
  void OpenFunded(const std::string& id) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id, "'"));
    Await(id, pb::ACCOUNT_STATE_ACTIVE);
  }
  void Await(const std::string& id, pb::AccountState state) {
    absl::StatusOr<pb::Account> response;
    EXPECT_TRUE(WaitUntil([&] {
      response = Call(stack_->accounts(), &Accounts::GetAccount,
                      Parse<pb::GetAccountRequest>(absl::StrCat("account_id: '", id, "'")));
      return response.ok() && response->state() == state;
    })) << response.status();
  }
  void Spend(const std::string& id, const std::string& request_id, int64_t units) {
    const absl::Status spent = SpendOf(stack_->stubs(), id, request_id, units * kNanosPerUnit);
    EXPECT_TRUE(spent.ok()) << spent;
  }
  void GiveCard(const std::string& id, const std::string& token) {
    Must(&Accounts::UpdatePaymentMethod,
         absl::StrCat("account_id: '", id, "' payment_method { card_token: '", token, "' }"));
  }
  // All events that the ledger has of an account.
  std::vector<pb::Event> Stored(const std::string& id) {
    const auto list =
        Call(stack_->events(), &Events::ListEvents,
             Parse<pb::ListEventsRequest>(absl::StrCat("account_id: '", id, "' page_size: 1000")));
    EXPECT_TRUE(list.ok()) << list.status();
    if (!list.ok()) return {};
    return {list->events().begin(), list->events().end()};
  }
  // The consumer gets all that is stored, as it is stored.
  void ExpectAllHeard(const Consumer& consumer, const std::string& id) {
    const std::vector<pb::Event> stored = Stored(id);
    std::vector<pb::Event> heard;
    EXPECT_TRUE(WaitUntil([&] { return (heard = consumer.EventsOf(id)).size() >= stored.size(); }))
        << heard.size() << " of " << stored.size();
    ASSERT_EQ(heard.size(), stored.size());
    for (size_t i = 0; i < stored.size(); ++i) {
      EXPECT_EQ(heard[i].SerializeAsString(), stored[i].SerializeAsString())
          << heard[i].DebugString() << stored[i].DebugString();
    }
  }
  bool Heard(const Consumer& consumer, const std::string& id, pb::EventKind kind) {
    return WaitUntil([&] {
      const std::vector<pb::Event> events = consumer.EventsOf(id);
      return std::any_of(events.begin(), events.end(),
                         [kind](const pb::Event& e) { return e.kind() == kind; });
    });
  }

  std::unique_ptr<Stack> stack_;
};

const pb::Event* Find(const std::vector<pb::Event>& events, pb::EventKind kind) {
  const auto found = std::find_if(events.begin(), events.end(),
                                  [kind](const pb::Event& e) { return e.kind() == kind; });
  return found == events.end() ? nullptr : &*found;
}

TEST_F(WatchEventsTest, TheWholeStoryIsHeardAlsoIfTheLedgerIsKilledInTheMiddle) {
  Start();
  Consumer consumer(*stack_);
  ASSERT_TRUE(WaitUntil([&] { return !consumer.token().empty(); }));
  OpenFunded("acme");
  Spend("acme", "dip", 8);  // 7.00: below the threshold
  ASSERT_TRUE(Heard(consumer, "acme", pb::EVENT_KIND_RECHARGE_SUCCEEDED));

  stack_->ledger_process()->Signal(SIGKILL);
  stack_->ledger_process()->Wait(absl::Seconds(20));
  ASSERT_TRUE(stack_->StartLedger().ok());
  GiveCard("acme", "tok_decline_lost_card#acme");
  Spend("acme", "spend", 22);
  Await("acme", pb::ACCOUNT_STATE_DISABLED);
  ASSERT_TRUE(Heard(consumer, "acme", pb::EVENT_KIND_DISABLED));

  stack_->ledger_process()->Signal(SIGKILL);
  stack_->ledger_process()->Wait(absl::Seconds(20));
  ASSERT_TRUE(stack_->StartLedger().ok());
  GiveCard("acme", "tok_visa#acme-2");
  Await("acme", pb::ACCOUNT_STATE_ACTIVE);
  Must(&Support::BlockAccount, "account_id: 'acme' reason: 'papers'");
  Must(&Support::UnblockAccount, "account_id: 'acme' reason: 'papers came'");
  ASSERT_TRUE(Heard(consumer, "acme", pb::EVENT_KIND_UNBLOCKED));

  ExpectAllHeard(consumer, "acme");
  EXPECT_GE(consumer.streams(), 3);
  EXPECT_THAT(consumer.faults(), IsEmpty());
  const std::vector<pb::Event> events = consumer.EventsOf("acme");
  const pb::Event* failed = Find(events, pb::EVENT_KIND_RECHARGE_FAILED);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->decline_class(), pb::DECLINE_CLASS_HARD);
  EXPECT_EQ(failed->recharge_kind(), pb::RECHARGE_KIND_AUTOMATIC);
  const pb::Event* disabled = Find(events, pb::EVENT_KIND_DISABLED);
  ASSERT_NE(disabled, nullptr);
  EXPECT_EQ(disabled->obstacle(), pb::REFILL_OBSTACLE_CARD_REFUSED);
  const pb::Event* recharged = Find(events, pb::EVENT_KIND_RECHARGE_SUCCEEDED);
  ASSERT_NE(recharged, nullptr);
  EXPECT_EQ(recharged->amount().units(), 15);
  for (const pb::EventKind kind : {pb::EVENT_KIND_CARD_REFUSED, pb::EVENT_KIND_ENABLED,
                                   pb::EVENT_KIND_BLOCKED, pb::EVENT_KIND_UNBLOCKED}) {
    EXPECT_NE(Find(events, kind), nullptr) << pb::EventKind_Name(kind);
  }
}

TEST_F(WatchEventsTest, WhatHappenedWhileNobodyWatchedIsHeardOnResuming) {
  Start();
  std::string token;
  {
    Consumer before(*stack_);
    ASSERT_TRUE(WaitUntil([&] { return !before.token().empty(); }));
    token = before.token();
  }
  OpenFunded("acme");
  OpenFunded("other");
  // As from the command line: one request, one account, the bytes of the first message.
  pb::WatchEventsRequest request;
  request.set_resume_token(token);
  request.set_account_id("acme");
  request.add_kinds(pb::EVENT_KIND_ENABLED);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  const auto reader = stack_->events().WatchEvents(&context, request);
  pb::WatchEventsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  while (response.events_size() == 0) ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.events_size(), 1) << response.DebugString();
  EXPECT_EQ(response.events(0).account_id(), "acme");
  EXPECT_EQ(response.events(0).kind(), pb::EVENT_KIND_ENABLED);
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(FromGrpcStatus(reader->Finish()).code(), StatusCode::kCancelled);
}

TEST_F(WatchEventsTest, ADrainEndsTheStreamWithAReasonToOpenItElsewhere) {
  Start();
  grpc::ClientContext context;
  const auto reader = stack_->events().WatchEvents(&context, pb::WatchEventsRequest());
  pb::WatchEventsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_FALSE(response.resume_token().empty());
  EXPECT_EQ(response.events_size(), 0);
  stack_->ledger_process()->Signal(SIGTERM);
  while (reader->Read(&response)) {
  }
  const absl::Status ended = FromGrpcStatus(reader->Finish());
  EXPECT_EQ(ended.code(), StatusCode::kUnavailable) << ended;
  EXPECT_EQ(ReasonOf(ended), "DRAINING") << ended;
  EXPECT_EQ(stack_->ledger_process()->Wait(absl::Seconds(20)), 0);
}

}  // namespace
}  // namespace reserve::e2e
