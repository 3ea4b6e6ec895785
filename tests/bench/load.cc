#include "tests/bench/load.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

constexpr std::chrono::seconds kCallDeadline(30);

const char* PathOf(Method method) {
  switch (method) {
    case Method::kRecordUsage:
      return "/reserve.ledger.v1.Ledger/RecordUsage";
    case Method::kBatchRecordUsage:
      return "/reserve.ledger.v1.Ledger/BatchRecordUsage";
    case Method::kAuthorizeUsage:
      return "/reserve.ledger.v1.Ledger/AuthorizeUsage";
    case Method::kCreateHold:
      return "/reserve.ledger.v1.Ledger/CreateHold";
    case Method::kExtendHold:
      return "/reserve.ledger.v1.Ledger/ExtendHold";
    case Method::kReleaseHold:
      return "/reserve.ledger.v1.Ledger/ReleaseHold";
  }
  return "";
}

void NoteError(const std::string& text, Answers* answers) {
  if (answers->first_error.empty()) answers->first_error = text;
}

template <typename Message>
bool Parse(grpc::ByteBuffer* bytes, Message* message, Answers* answers) {
  if (grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(bytes, message).ok()) return true;
  ++answers->failed;
  NoteError("an answer can't be parsed", answers);
  return false;
}

void CountRecord(const pb::RecordUsageResponse& response, Answers* answers) {
  ++(response.duplicate() ? answers->duplicates : answers->booked);
}

void CountBatch(const pb::BatchRecordUsageResponse& response, Answers* answers) {
  for (const pb::RecordUsageResult& result : response.results()) {
    if (result.has_response()) {
      CountRecord(result.response(), answers);
    } else if (result.error().code() == grpc::RESOURCE_EXHAUSTED) {
      ++answers->overloaded;
    } else {
      ++answers->refused;
      NoteError(result.error().ShortDebugString(), answers);
    }
  }
}

void CountAllowed(bool allowed, const google::protobuf::Message& response, Answers* answers) {
  ++(allowed ? answers->allowed : answers->refused);
  if (!allowed) NoteError(response.ShortDebugString(), answers);
}

// What an answer says, by its method.
void CountAnswer(Method method, grpc::ByteBuffer* bytes, Answers* answers) {
  switch (method) {
    case Method::kRecordUsage: {
      pb::RecordUsageResponse response;
      if (Parse(bytes, &response, answers)) CountRecord(response, answers);
      return;
    }
    case Method::kBatchRecordUsage: {
      google::protobuf::Arena arena;
      auto* response = google::protobuf::Arena::CreateMessage<pb::BatchRecordUsageResponse>(&arena);
      if (Parse(bytes, response, answers)) CountBatch(*response, answers);
      return;
    }
    case Method::kAuthorizeUsage: {
      pb::AuthorizeUsageResponse response;
      if (Parse(bytes, &response, answers)) CountAllowed(response.allowed(), response, answers);
      return;
    }
    case Method::kCreateHold: {
      pb::CreateHoldResponse response;
      if (Parse(bytes, &response, answers)) CountAllowed(response.has_hold(), response, answers);
      return;
    }
    case Method::kExtendHold: {
      pb::Hold response;
      if (Parse(bytes, &response, answers)) CountAllowed(!response.final(), response, answers);
      return;
    }
    case Method::kReleaseHold: {
      pb::Hold response;
      if (!Parse(bytes, &response, answers)) return;
      CountAllowed(response.state() == pb::HOLD_STATE_RELEASED, response, answers);
      return;
    }
  }
}

// All calls of one run, on the thread that calls Run.
class Caller {
 public:
  Caller(const CallOptions& options, const std::vector<Request>& requests, Progress& progress)
      : options_(options), requests_(requests), progress_(progress) {
    for (const auto& channel : options.channels) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    }
    calls_.resize(static_cast<size_t>(options.in_flight));
    for (size_t i = 0; i < calls_.size(); ++i) {
      calls_[i].stub = stubs_[i % stubs_.size()].get();
      idle_.push_back(&calls_[i]);
    }
  }

  ~Caller() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void Run() { options_.calls_per_second > 0 ? RunOpen() : RunClosed(); }

  const Answers& answers() const { return answers_; }
  int64_t sent() const { return sent_; }
  std::vector<float>& latencies_us() { return latencies_us_; }

 private:
  struct Call {
    grpc::GenericStub* stub = nullptr;
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer response;
    grpc::Status status;
    size_t at = 0;    // of the request
    size_t step = 0;  // of its chain
    int usages = 0;
    int64_t start_nanos = 0;
  };

  void RunClosed() {
    while (!idle_.empty() && Send(absl::GetCurrentTimeNanos())) {
    }
    void* tag = nullptr;
    bool ok = false;
    while (idle_.size() < calls_.size() && queue_.Next(&tag, &ok)) {
      Take(static_cast<Call*>(tag));
      if (!progress_.stop && !idle_.empty()) Send(absl::GetCurrentTimeNanos());
    }
  }

  void RunOpen() {
    const auto interval = static_cast<int64_t>(1e9 / options_.calls_per_second);
    int64_t due = absl::GetCurrentTimeNanos();
    while (true) {
      bool more = !progress_.stop;
      while (more && !idle_.empty() && due <= absl::GetCurrentTimeNanos()) {
        more = Send(due);
        due += interval;
      }
      if (!more) break;
      const std::chrono::system_clock::time_point until{
          std::chrono::duration_cast<std::chrono::system_clock::duration>(
              std::chrono::nanoseconds(due))};
      TakeUntil(until);
    }
    while (idle_.size() < calls_.size())
      TakeUntil(std::chrono::system_clock::now() + kCallDeadline);
  }

  void TakeUntil(std::chrono::system_clock::time_point until) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) {
      Take(static_cast<Call*>(tag));
    }
  }

  // Sends the next request, that of a new chain; false if there is none.
  bool Send(int64_t start_nanos) {
    if (next_ + options_.then.size() >= requests_.size()) {
      if (options_.repeat) {
        next_ = 0;
      } else {
        progress_.Exhausted();
        return false;
      }
    }
    Call* call = idle_.back();
    idle_.pop_back();
    call->at = next_;
    call->step = 0;
    next_ += 1 + options_.then.size();
    SendStep(call, start_nanos);
    return true;
  }

  // Sends the request of the call's step.
  void SendStep(Call* call, int64_t start_nanos) {
    const Request& request = requests_[call->at + call->step];
    ++sent_;
    call->context.emplace();
    call->context->set_deadline(std::chrono::system_clock::now() + kCallDeadline);
    call->usages = request.usages;
    progress_.offered.fetch_add(request.usages, std::memory_order_relaxed);
    call->start_nanos = start_nanos;
    call->reader = call->stub->PrepareUnaryCall(&*call->context, PathOf(MethodOf(*call)),
                                                request.message, &queue_);
    call->reader->StartCall();
    call->reader->Finish(&call->response, &call->status, call);
  }

  Method MethodOf(const Call& call) const {
    return call.step == 0 ? options_.method : options_.then[call.step - 1];
  }

  void Take(Call* call) {
    const int64_t booked_before = answers_.booked + answers_.duplicates;
    if (call->status.ok()) {
      CountAnswer(MethodOf(*call), &call->response, &answers_);
    } else if (call->status.error_code() == grpc::RESOURCE_EXHAUSTED) {
      answers_.overloaded += call->usages;
    } else {
      ++answers_.failed;
      NoteError(absl::StrCat(call->status.error_code(), ": ", call->status.error_message()),
                &answers_);
    }
    progress_.done.fetch_add(options_.count_booked_only
                                 ? answers_.booked + answers_.duplicates - booked_before
                                 : call->usages,
                             std::memory_order_relaxed);
    if (progress_.in_window) {
      latencies_us_.push_back(static_cast<float>(absl::GetCurrentTimeNanos() - call->start_nanos) /
                              1e3f);
    }
    call->response.Clear();
    if (call->status.ok() && call->step < options_.then.size()) {
      ++call->step;
      SendStep(call, absl::GetCurrentTimeNanos());
    } else {
      idle_.push_back(call);
    }
  }

  const CallOptions& options_;
  const std::vector<Request>& requests_;
  Progress& progress_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  std::deque<Call> calls_;
  std::vector<Call*> idle_;
  size_t next_ = 0;
  int64_t sent_ = 0;
  Answers answers_;
  std::vector<float> latencies_us_;
};

// All streams of one run, on the thread that calls Run.
class Streamer {
 public:
  Streamer(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
           const std::vector<std::vector<Request>>& streams, int64_t unacknowledged,
           Progress& progress)
      : unacknowledged_(unacknowledged), progress_(progress) {
    for (size_t i = 0; i < streams.size(); ++i) {
      Stream& stream = streams_.emplace_back();
      stream.messages = &streams[i];
      stream.stub = std::make_unique<grpc::GenericStub>(channels[i % channels.size()]);
    }
  }

  void Run() {
    for (Stream& stream : streams_) {
      stream.context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
      stream.call = stream.stub->PrepareCall(&stream.context,
                                             "/reserve.ledger.v1.Ledger/StreamUsage", &queue_);
      stream.call->StartCall(&stream.started);
    }
    size_t open = streams_.size();
    void* tag = nullptr;
    bool ok = false;
    while (open > 0 && queue_.Next(&tag, &ok)) {
      const Event* event = static_cast<const Event*>(tag);
      if (On(*event, ok)) --open;
    }
    queue_.Shutdown();
    while (queue_.Next(&tag, &ok)) {
    }
  }

  const Answers& answers() const { return answers_; }

 private:
  enum class What { kStarted, kWritten, kSaidAll, kRead, kFinished };
  struct Stream;
  struct Event {
    Stream* stream;
    What what;
  };
  struct Stream {
    const std::vector<Request>* messages = nullptr;
    std::unique_ptr<grpc::GenericStub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
    grpc::ByteBuffer answer;
    grpc::Status status;
    int64_t sent = 0;
    int64_t acknowledged = 0;
    bool writing = false;
    bool said_all = false;
    Event started{this, What::kStarted};
    Event written{this, What::kWritten};
    Event all_said{this, What::kSaidAll};
    Event read{this, What::kRead};
    Event finished{this, What::kFinished};
  };

  // Handles an event; true if it was the stream's last.
  bool On(const Event& event, bool ok) {
    Stream& stream = *event.stream;
    switch (event.what) {
      case What::kStarted:
        stream.call->Read(&stream.answer, &stream.read);
        WriteMore(stream);
        return false;
      case What::kWritten:
        stream.writing = false;
        if (ok) WriteMore(stream);
        return false;
      case What::kSaidAll:
        return false;
      case What::kRead:
        if (!ok) {
          stream.call->Finish(&stream.status, &stream.finished);
          return false;
        }
        TakeAnswer(stream);
        WriteMore(stream);
        stream.call->Read(&stream.answer, &stream.read);
        return false;
      case What::kFinished:
        if (!stream.status.ok()) {
          ++answers_.failed;
          NoteError(stream.status.error_message(), &answers_);
          progress_.Exhausted();
        }
        return true;
    }
    return true;
  }

  void WriteMore(Stream& stream) {
    if (stream.writing || stream.said_all) return;
    const bool at_end = stream.sent == static_cast<int64_t>(stream.messages->size());
    if (at_end) progress_.Exhausted();
    if (at_end || progress_.stop) {
      stream.said_all = true;
      stream.call->WritesDone(&stream.all_said);
      return;
    }
    if (stream.sent - stream.acknowledged >= unacknowledged_) return;
    stream.writing = true;
    const Request& request = (*stream.messages)[static_cast<size_t>(stream.sent++)];
    stream.call->Write(request.message, &stream.written);
  }

  void TakeAnswer(Stream& stream) {
    pb::StreamUsageResponse answer;
    if (!Parse(&stream.answer, &answer, &answers_)) return;
    const int64_t news = answer.acknowledged_sequence() - stream.acknowledged;
    stream.acknowledged = answer.acknowledged_sequence();
    answers_.refused += answer.refusals_size();
    answers_.booked += news - answer.refusals_size();
    if (answer.refusals_size() > 0) NoteError(answer.refusals(0).ShortDebugString(), &answers_);
    progress_.done.fetch_add(news, std::memory_order_relaxed);
  }

  const int64_t unacknowledged_;
  Progress& progress_;
  grpc::CompletionQueue queue_;
  std::deque<Stream> streams_;
  Answers answers_;
};

}  // namespace

double LoadResult::Percentile(double share) const {
  if (latencies_us.empty()) return 0;
  const auto last = static_cast<double>(latencies_us.size() - 1);
  return static_cast<double>(latencies_us[static_cast<size_t>(share * last)]);
}

LoadResult RunCalls(const CallOptions& options, const std::vector<Request>& requests,
                    const Timing& timing, const CpuMeter& cpu) {
  Progress progress;
  Caller caller(options, requests, progress);
  std::thread thread([&caller] { caller.Run(); });
  LoadResult result;
  result.window = MeasureWindow(timing, cpu, progress);
  thread.join();
  result.latencies_us = std::move(caller.latencies_us());
  std::sort(result.latencies_us.begin(), result.latencies_us.end());
  result.answers = caller.answers();
  result.sent = caller.sent();
  return result;
}

LoadResult RunStreams(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                      const std::vector<std::vector<Request>>& streams, int64_t unacknowledged,
                      const Timing& timing, const CpuMeter& cpu) {
  Progress progress;
  Streamer streamer(channels, streams, unacknowledged, progress);
  std::thread thread([&streamer] { streamer.Run(); });
  LoadResult result;
  result.window = MeasureWindow(timing, cpu, progress);
  thread.join();
  result.answers = streamer.answers();
  return result;
}

}  // namespace reserve::bench
