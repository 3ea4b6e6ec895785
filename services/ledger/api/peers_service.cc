#include "services/ledger/api/peers_service.h"

#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/hold_requests.h"
#include "services/ledger/api/lane_stream.h"
#include "services/ledger/api/usage_requests.h"

namespace reserve::api {
namespace {

constexpr const MethodAccess& kPassOnRow =
    RowOf(access::kAccessTable, "/reserve.ledger.v1.Peers/PassOn");

absl::StatusOr<engine::Task> TaskFrom(const engine::Engine& engine,
                                      const pb::PassedCommand& command) {
  const domain::Settings& settings = engine.options().settings;
  switch (command.command_case()) {
    case pb::PassedCommand::kUsage:
      return ParseRecordOrReplace(settings, command.usage());
    case pb::PassedCommand::kCreateHold:
      return ParseCreateHold(settings, command.create_hold(), engine.Now()).task;
    case pb::PassedCommand::kExtendHold:
      return ParseExtendHold(command.extend_hold()).task;
    case pb::PassedCommand::kReleaseHold:
      return ParseReleaseHold(command.release_hold()).task;
    case pb::PassedCommand::COMMAND_NOT_SET:
      break;
  }
  return InvalidField("command", "is none that this ledger knows");
}

void FillResult(const absl::StatusOr<book::Reply>& reply, pb::PassedResult* result) {
  if (!reply.ok()) {
    *result->mutable_error() = ToProtoStatus(reply.status(), kErrorDomain);
  } else if (const auto* held = book::AsIf<book::HoldReply>(*reply)) {
    ToProto(*held, result->mutable_hold());
  } else {
    ToProto(*reply, result->mutable_usage());
  }
}

}  // namespace

// One stream of another ledger's.
class PassedStream final : public LaneStream<pb::PassOnRequest, pb::PassOnResponse>,
                           public engine::ReplySink {
 public:
  PassedStream(OpenStreams<PassedStream>& open, const ApiContext& api,
               grpc::CallbackServerContext* context)
      : LaneStream(api, context, "PassOn", "the other ledger is gone"), open_(open) {}

  void Begin() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      const absl::Status size =
          ok ? Doorkeeper::CheckSize(kPassOnRow, request_.ByteSizeLong()) : absl::OkStatus();
      if (!size.ok()) StopReading(size);
      if (!ok) StopReading(absl::OkStatus());  // the other has said all
      // What was read and is not taken is not answered, and so done by the other.
      if (stopped_) return Proceed();
    }
    Submit();
    absl::MutexLock lock(&mutex_);
    was_read_ = true;
    if (!stopped_) StartRead(&request_);
    Proceed();
  }

  void Done(uint32_t index, absl::StatusOr<book::Reply> reply) override {
    pb::PassedResult result;
    result.set_number(index);
    FillResult(reply, &result);
    {
      absl::MutexLock lock(&mutex_);
      next_.add_results()->Swap(&result);
      ++answered_;
      Proceed();
    }
    Release();
  }

  void OnDone() override {
    open_.Remove(this);
    Release();
  }

 private:
  bool TakeNews(pb::PassOnResponse* sending) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!was_read_ && next_.results_size() == 0) return false;
    sending->Swap(&next_);
    next_.Clear();
    was_read_ = false;
    return true;
  }
  bool AllDecided() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return answered_ == taken_;
  }

  // Sends what was read to its lanes. Of the reading thread.
  void Submit() {
    std::vector<engine::Task> tasks;
    std::vector<std::pair<uint32_t, absl::Status>> bad;
    for (const pb::PassedCall& call : request_.calls()) {
      const Moment deadline = call.has_time_left()
                                  ? MonotonicNow() + reserve::FromProto(call.time_left())
                                  : absl::InfiniteDuration();
      const TraceContext trace = ParseTraceparent(call.traceparent()).value_or(TraceContext());
      for (const pb::PassedCommand& command : call.commands()) {
        const uint32_t index = next_number_++;
        absl::StatusOr<engine::Task> task = TaskFrom(api_.engine, command);
        if (!task.ok()) {
          bad.emplace_back(index, task.status());
          continue;
        }
        task->sink = this;
        task->index = index;
        task->call_bytes = kBatchUsageBytes;
        task->deadline = deadline;
        task->caller = call.caller();
        task->trace = trace;
        tasks.push_back(*std::move(task));
      }
    }
    const auto count = static_cast<int64_t>(tasks.size() + bad.size());
    if (count == 0) return;
    AddReferences(static_cast<int>(count));
    {
      absl::MutexLock lock(&mutex_);
      taken_ += count;
    }
    api_.engine.NoteTakenOver(count);
    if (!tasks.empty()) api_.engine.Submit(std::move(tasks));
    for (auto& [index, status] : bad) Done(index, std::move(status));
  }

  OpenStreams<PassedStream>& open_;
  pb::PassOnRequest request_;  // of gRPC, or of OnReadDone
  uint32_t next_number_ = 0;   // of OnReadDone

  bool was_read_ ABSL_GUARDED_BY(mutex_) = false;  // and that is not said yet
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
  pb::PassOnResponse next_ ABSL_GUARDED_BY(mutex_);
};

grpc::ServerBidiReactor<pb::PassOnRequest, pb::PassOnResponse>* PeersService::PassOn(
    grpc::CallbackServerContext* context) {
  auto* stream = new PassedStream(open_, api_, context);
  const absl::Status refusal = open_.Add(stream);
  stream->Begin();
  if (!refusal.ok()) stream->End(refusal);
  return stream;
}

void PeersService::EndStreams() { open_.EndAll(); }

void PeersService::EndRefusedStreams(const Doorkeeper& keeper) {
  open_.EndRefused(keeper, kPassOnRow);
}

}  // namespace reserve::api
