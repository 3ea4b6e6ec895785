#include "services/ledger/api/peer_links.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "common/telemetry/log.h"
#include "reserve/ledger/v1/peers.grpc.pb.h"

namespace reserve::api {

// One command that waits for its result; no sink once it has it.
struct WaitingCommand {
  PassSink* sink;
  uint32_t index;
};

namespace {

namespace pb = ledger::v1;

// An owner that says nothing for so long, while something waits for it, is worked around ...
constexpr absl::Duration kSilence = absl::Milliseconds(500);
// ... and not asked again for so long.
constexpr absl::Duration kRest = absl::Seconds(1);
constexpr absl::Duration kTellEvery = absl::Minutes(1);
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
// What an owner has not begun by then it drops: so a ledger that was frozen does not wake up and do
// what was done long ago elsewhere.
constexpr absl::Duration kLongestWait = absl::Seconds(5);
// More than this is done here: the owner does not keep up.
constexpr size_t kMostWaiting = 16'384;
// One message has no more, but for a call that is larger by itself.
constexpr size_t kMessageBytes = 256 << 10;

// Has them done by this ledger. `asked`: the owner may do them, too, or have done them.
void DoHere(engine::Engine& engine, const std::vector<WaitingCommand>& commands, bool asked) {
  std::vector<engine::Task> tasks;
  tasks.reserve(commands.size());
  std::vector<std::pair<WaitingCommand, absl::Status>> bad;
  for (const WaitingCommand& command : commands) {
    absl::StatusOr<engine::Task> task = command.sink->TaskOf(command.index);
    if (!task.ok()) {
      bad.emplace_back(command, task.status());
      continue;
    }
    task->maybe_done = asked;
    tasks.push_back(*std::move(task));
  }
  engine.NoteDoneInPlace(static_cast<int64_t>(tasks.size()));
  if (!tasks.empty()) engine.Submit(std::move(tasks));
  for (auto& [command, status] : bad) command.sink->Done(command.index, std::move(status));
}

// What the owner can't do, this ledger may: it is draining, its database does not answer it, or it
// had not begun in time.
bool IsToBeDoneHere(const pb::PassedResult& result) {
  if (!result.has_error()) return false;
  const auto code = static_cast<absl::StatusCode>(result.error().code());
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded;
}

pb::PassedCall MessageOf(const CallToPass& call) {
  pb::PassedCall message;
  message.set_caller(call.caller);
  if (call.trace.valid() && call.trace.sampled) {
    message.set_traceparent(FormatTraceparent(call.trace));
  }
  const absl::Duration left = std::min(call.deadline - MonotonicNow(), kLongestWait);
  reserve::ToProto(std::max(left, absl::ZeroDuration()), message.mutable_time_left());
  message.mutable_commands()->Reserve(static_cast<int>(call.indices.size()));
  for (const uint32_t index : call.indices) call.sink->Ask(index, message.add_commands());
  return message;
}

}  // namespace

// One stream to an owner. It keeps itself alive until gRPC is done with it.
class PeerStream final : public grpc::ClientBidiReactor<pb::PassOnRequest, pb::PassOnResponse>,
                         public std::enable_shared_from_this<PeerStream> {
 public:
  PeerStream(engine::Engine& engine, PeerLink& link) : engine_(engine), link_(link) {}

  void Begin(pb::Peers::Stub& stub) {
    self_ = shared_from_this();
    stub.async()->PassOn(&context_, this);
    AddHold();  // for what is written from other threads
    StartRead(&response_);
    StartCall();
  }

  // False if it takes no more: nothing was done.
  bool Take(const CallToPass& call) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends it if the owner is silent while something waits; asks it to say something before that.
  void Look() ABSL_LOCKS_EXCLUDED(mutex_);
  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (ok) WriteNext();
  }
  void OnDone(const grpc::Status& status) override;

 private:
  struct Answer {
    WaitingCommand command;
    pb::PassedResult* result;
  };
  // Those that wait for these results, which then wait no more.
  std::vector<Answer> TakeAnswered() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Engine& engine_;
  PeerLink& link_;
  grpc::ClientContext context_;
  std::shared_ptr<PeerStream> self_;
  pb::PassOnResponse response_;  // of gRPC, or of OnReadDone

  absl::Mutex mutex_;
  std::deque<pb::PassOnRequest> outbox_ ABSL_GUARDED_BY(mutex_);
  size_t last_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of the outbox's last message
  pb::PassOnRequest sending_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<WaitingCommand> waiting_ ABSL_GUARDED_BY(mutex_);  // from number `first_` on
  uint32_t first_ ABSL_GUARDED_BY(mutex_) = 0;
  Moment heard_ ABSL_GUARDED_BY(mutex_) = MonotonicNow();  // or since when anything waits
};

// The way to one owner: a stream, if one is open.
class PeerLink {
 public:
  // No more is passed on when it goes.
  PeerLink(engine::Engine& engine, const engine::RangeOwner& owner, const ChannelOptions& options)
      : engine_(engine), owner_(owner) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = MakeChannel(owner.address, options);
    if (channel.ok()) {
      stub_ = pb::Peers::NewStub(*std::move(channel));
    } else {
      Log(Severity::kError, "a ledger can't be reached by its address",
          {{"ledger", owner.ledger_id}, {"error", channel.status().message()}});
    }
  }
  ~PeerLink() {
    if (const std::shared_ptr<PeerStream> open = stream(); open != nullptr) open->Cancel();
    absl::MutexLock lock(&mutex_);
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stream_ == nullptr; };
    mutex_.Await(absl::Condition(&ended));
  }

  // The stream, which is opened if need be; null while the owner is not asked.
  std::shared_ptr<PeerStream> Open() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (stream_ == nullptr && stub_ != nullptr && MonotonicNow() >= rest_until_) {
      stream_ = std::make_shared<PeerStream>(engine_, *this);
      stream_->Begin(*stub_);
    }
    return stream_;
  }
  std::shared_ptr<PeerStream> stream() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return stream_;
  }
  // By the stream, as the last that it does. It goes before the link can: with its context it holds
  // the link's channel, whose last holder must not be a thread of gRPC (it would wait for itself).
  void Ended(std::shared_ptr<PeerStream> stream, const grpc::Status& status, size_t unanswered)
      ABSL_LOCKS_EXCLUDED(mutex_) {
    const Moment now = MonotonicNow();
    absl::MutexLock lock(&mutex_);
    // It may go on for long, as where the other does not let this one in.
    if (now >= next_told_ || status.error_code() != told_) {
      Log(Severity::kWarning, "a ledger that commands are passed on to is not asked for a moment",
          {{"ledger", owner_.ledger_id},
           {"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(status.error_code()))},
           {"unanswered", static_cast<int64_t>(unanswered)}});
      next_told_ = now + kTellEvery;
      told_ = status.error_code();
    }
    rest_until_ = now + kRest;
    stream_ = nullptr;
    stream = nullptr;
  }

 private:
  engine::Engine& engine_;
  const engine::RangeOwner& owner_;
  std::unique_ptr<pb::Peers::Stub> stub_;
  absl::Mutex mutex_;
  std::shared_ptr<PeerStream> stream_ ABSL_GUARDED_BY(mutex_);
  Moment rest_until_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  Moment next_told_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  grpc::StatusCode told_ ABSL_GUARDED_BY(mutex_) = grpc::StatusCode::OK;
};

bool PeerStream::Take(const CallToPass& call) {
  pb::PassedCall message = MessageOf(call);
  const size_t bytes = message.ByteSizeLong();
  absl::MutexLock lock(&mutex_);
  if (ended_ || waiting_.size() >= kMostWaiting) return false;
  if (waiting_.empty()) heard_ = MonotonicNow();
  for (const uint32_t index : call.indices) waiting_.push_back({call.sink, index});
  if (outbox_.empty() || last_bytes_ + bytes > kMessageBytes) {
    outbox_.emplace_back();
    last_bytes_ = 0;
  }
  outbox_.back().add_calls()->Swap(&message);
  last_bytes_ += bytes;
  WriteNext();
  return true;
}

void PeerStream::WriteNext() {
  if (writing_ || ended_ || outbox_.empty()) return;
  sending_ = std::move(outbox_.front());
  outbox_.pop_front();
  writing_ = true;
  StartWrite(&sending_);
}

void PeerStream::Look() {
  bool silent = false;
  {
    absl::MutexLock lock(&mutex_);
    if (ended_ || waiting_.empty()) return;
    silent = MonotonicNow() - heard_ > kSilence;
    if (!silent && !writing_) {
      if (outbox_.empty()) outbox_.emplace_back();
      WriteNext();
    }
  }
  if (silent) Cancel();
}

std::vector<PeerStream::Answer> PeerStream::TakeAnswered() {
  std::vector<Answer> answered;
  answered.reserve(static_cast<size_t>(response_.results_size()));
  for (pb::PassedResult& result : *response_.mutable_results()) {
    const uint32_t place = result.number() - first_;
    if (place >= waiting_.size() || waiting_[place].sink == nullptr) continue;
    answered.push_back({waiting_[place], &result});
    waiting_[place].sink = nullptr;
  }
  while (!waiting_.empty() && waiting_.front().sink == nullptr) {
    waiting_.pop_front();
    ++first_;
  }
  return answered;
}

void PeerStream::OnReadDone(bool ok) {
  std::vector<Answer> answered;
  {
    absl::MutexLock lock(&mutex_);
    heard_ = MonotonicNow();
    if (ok) {
      answered = TakeAnswered();
    } else {
      ended_ = true;
    }
  }
  if (!ok) return RemoveHold();
  // Those that the owner did come first. They are counted before anybody hears of them.
  const auto not_done =
      std::stable_partition(answered.begin(), answered.end(),
                            [](const Answer& answer) { return !IsToBeDoneHere(*answer.result); });
  engine_.NotePassedOn(not_done - answered.begin());
  std::vector<WaitingCommand> left;
  for (auto answer = not_done; answer != answered.end(); ++answer) left.push_back(answer->command);
  answered.erase(not_done, answered.end());
  for (const Answer& answer : answered) {
    if (answer.result->has_error()) {
      answer.command.sink->Done(answer.command.index, FromProtoStatus(answer.result->error()));
    } else {
      answer.command.sink->Passed(answer.command.index, answer.result);
    }
  }
  if (!left.empty()) DoHere(engine_, left, /*asked=*/true);
  StartRead(&response_);
}

void PeerStream::OnDone(const grpc::Status& status) {
  std::vector<WaitingCommand> left;
  {
    absl::MutexLock lock(&mutex_);
    for (const WaitingCommand& command : waiting_) {
      if (command.sink != nullptr) left.push_back(command);
    }
    waiting_.clear();
  }
  if (!left.empty()) DoHere(engine_, left, /*asked=*/true);
  link_.Ended(std::move(self_), status, left.size());
}

PeerLinks::PeerLinks(engine::Engine& engine, ChannelOptions options)
    : engine_(engine), options_(std::move(options)) {
  if (engine_.ranges().takes_part()) watcher_ = std::thread([this] { Watch(); });
}

PeerLinks::~PeerLinks() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (watcher_.joinable()) watcher_.join();
  absl::MutexLock lock(&mutex_);
  links_.clear();
}

PeerLink& PeerLinks::LinkTo(const engine::RangeOwner& owner) {
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<PeerLink>& link = links_[&owner];
  if (link == nullptr) link = std::make_unique<PeerLink>(engine_, owner, options_);
  return *link;
}

void PeerLinks::Pass(const engine::RangeOwner& owner, CallToPass call) {
  const std::shared_ptr<PeerStream> stream = LinkTo(owner).Open();
  if (stream != nullptr && stream->Take(call)) return;
  std::vector<WaitingCommand> commands;
  commands.reserve(call.indices.size());
  for (const uint32_t index : call.indices) commands.push_back({call.sink, index});
  DoHere(engine_, commands, /*asked=*/false);
}

void PeerLinks::Watch() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    for (auto& [owner, link] : links_) {
      const std::shared_ptr<PeerStream> stream = link->stream();
      if (stream != nullptr) stream->Look();
    }
    waker_.Await(kLookEvery);
  }
}

}  // namespace reserve::api
