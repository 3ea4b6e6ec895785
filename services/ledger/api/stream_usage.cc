#include "services/ledger/api/stream_usage.h"

#include <grpcpp/alarm.h>

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/lane_stream.h"
#include "services/ledger/api/peer_links.h"
#include "services/ledger/api/usage_corrections.h"
#include "services/ledger/api/usage_requests.h"
#include "services/ledger/engine/errors.h"

namespace reserve::api {
namespace {

// Enough to keep every lane's batches full, little enough to bound memory.
constexpr int64_t kWindow = 4096;
// The same while a lane is more than half full: streams can wait before they send,
// which costs less than to be refused and opened again.
constexpr int64_t kCrowdedWindow = 64;

constexpr const MethodAccess& kRow =
    RowOf(access::kAccessTable, "/reserve.ledger.v1.Ledger/StreamUsage");

}  // namespace

class UsageStream final : public LaneStream<pb::StreamUsageRequest, pb::StreamUsageResponse>,
                          public PassSink {
 public:
  UsageStream(OpenStreams<UsageStream>& open, const ApiContext& api,
              grpc::CallbackServerContext* context)
      : LaneStream(api, context, "StreamUsage", "the client is gone"),
        open_(open),
        caller_(CallerOf(*context)) {}

  void Begin() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    uint32_t index = 0;
    {
      absl::MutexLock lock(&mutex_);
      const absl::Status size =
          ok ? Doorkeeper::CheckSize(kRow, request_.ByteSizeLong()) : absl::OkStatus();
      if (!size.ok()) StopReading(size);
      if (ok && !stopped_ && request_.sequence() != last_read_ + 1) {
        StopReading(InvalidField(
            "sequence", absl::StrCat("must be ", last_read_ + 1, ", not ", request_.sequence())));
      }
      if (!ok) StopReading(absl::OkStatus());  // the client has said all
      if (stopped_) {
        reading_ = false;
        return Proceed();
      }
      index = static_cast<uint32_t>(++last_read_);
      decided_.push_back(false);
    }
    // Until `reading_` falls no other thread starts a read into `request_`.
    Submit(index);
    const absl::Duration wait = api_.keeper.Pace(context_);
    absl::MutexLock lock(&mutex_);
    reading_ = false;
    if (wait > absl::ZeroDuration() && !stopped_) Rest(wait);
    ReadMore();
    // The reply may have been faster than this thread.
    Proceed();
  }

  // `index` is the low half of the sequence, which is enough to tell the
  // messages of one window apart.
  void Done(uint32_t index, absl::StatusOr<book::Reply> reply) override {
    NoteReply(index, reply.status());
    Release();
  }

  void Ask(uint32_t index, pb::PassedCommand* command) override {
    absl::MutexLock lock(&mutex_);
    *command->mutable_usage() = passed_.at(index);
  }

  absl::StatusOr<engine::Task> TaskOf(uint32_t index) override {
    pb::RecordUsageRequest request;
    {
      absl::MutexLock lock(&mutex_);
      request.Swap(&passed_.at(index));
    }
    return TaskFrom(index, request);
  }

  void Passed(uint32_t index, pb::PassedResult*) override { Done(index, book::Reply()); }

  void OnDone() override {
    open_.Remove(this);
    {
      absl::MutexLock lock(&mutex_);
      if (rest_ != nullptr) rest_->Cancel();
    }
    Release();
  }

 private:
  bool TakeNews(pb::StreamUsageResponse* sending) override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (watermark_ == acknowledged_) return false;
    sending->Swap(&next_);
    next_.Clear();
    sending->set_acknowledged_sequence(watermark_);
    acknowledged_ = watermark_;
    return true;
  }
  bool AllDecided() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return replied_ == last_read_;
  }

  static bool IsPassing(const absl::Status& status) {
    return status.code() == absl::StatusCode::kUnavailable ||
           status.code() == absl::StatusCode::kResourceExhausted ||
           status.code() == absl::StatusCode::kInternal;
  }

  // Sends the message that was read to its lane.
  void Submit(uint32_t index) {
    AddReferences(1);
    const engine::RangeOwner* const owner = api_.peers.OwnerOf(request_.request().account_id());
    if (owner != nullptr) {
      {
        absl::MutexLock lock(&mutex_);
        passed_[index].Swap(request_.mutable_request());
      }
      return api_.peers.Pass(*owner, {this, {index}, caller_, record_.trace()});
    }
    absl::StatusOr<engine::Task> task = TaskFrom(index, request_.request());
    if (!task.ok()) return Done(index, task.status());
    std::vector<engine::Task> tasks;
    tasks.push_back(*std::move(task));
    api_.engine.Submit(std::move(tasks));
  }

  absl::StatusOr<engine::Task> TaskFrom(uint32_t index, const pb::RecordUsageRequest& request) {
    absl::StatusOr<engine::Task> task =
        ParseRecordOrReplace(api_.engine.options().settings, request);
    if (!task.ok()) return task;
    task->sink = this;
    task->index = index;
    task->caller = caller_;
    return task;
  }

  void NoteReply(uint32_t index, const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    passed_.erase(index);
    const uint32_t offset = index - static_cast<uint32_t>(watermark_) - 1;
    const int64_t sequence = watermark_ + 1 + offset;
    decided_[offset] = true;
    if (!status.ok()) {
      if (IsPassing(status)) {
        // Not refused, only not done: it must not be acknowledged.
        StopReading(status);
        decided_[offset] = false;
      } else {
        pb::StreamUsageRefusal* refusal = next_.add_refusals();
        refusal->set_sequence(sequence);
        *refusal->mutable_error() =
            ToProtoStatus(WithFieldPrefix(NameField(status), "request."), kErrorDomain);
      }
    }
    ++replied_;
    while (!decided_.empty() && decided_.front()) {
      decided_.pop_front();
      ++watermark_;
    }
    ReadMore();
    Proceed();
  }

  // Does not read for so long: the caller comes faster than he may. Held back he waits before he
  // sends, and none of his messages has to be refused.
  void Rest(absl::Duration wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    resting_ = true;
    AddReferences(1);
    // A new one, as the one before may still be leaving its function.
    rest_ = std::make_unique<grpc::Alarm>();
    rest_->Set(DeadlineIn(wait), [this](bool /*in_time*/) {
      {
        absl::MutexLock lock(&mutex_);
        resting_ = false;
        ReadMore();
      }
      Release();
    });
  }

  void ReadMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_ || resting_ || stopped_) return;
    // With nothing undecided it reads in any case: no reply would wake it up.
    const int64_t window = api_.engine.crowded() ? kCrowdedWindow : kWindow;
    if (last_read_ - watermark_ >= window) return;
    reading_ = true;
    StartRead(&request_);
  }

  OpenStreams<UsageStream>& open_;
  const std::string caller_;
  pb::StreamUsageRequest request_;  // of gRPC or of OnReadDone while `reading_`

  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool resting_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<grpc::Alarm> rest_ ABSL_GUARDED_BY(mutex_);
  int64_t last_read_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t replied_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t watermark_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<bool> decided_ ABSL_GUARDED_BY(mutex_);  // of watermark_ + 1 on
  // What is under way at other ledgers, for whoever must do it here after all.
  absl::flat_hash_map<uint32_t, pb::RecordUsageRequest> passed_ ABSL_GUARDED_BY(mutex_);
  pb::StreamUsageResponse next_ ABSL_GUARDED_BY(mutex_);
};

UsageStreams::Reactor* UsageStreams::Start(const ApiContext& api,
                                           grpc::CallbackServerContext* context) {
  auto* stream = new UsageStream(open_, api, context);
  const absl::Status refusal = open_.Add(stream);
  stream->Begin();
  if (!refusal.ok()) stream->End(refusal);
  return stream;
}

void UsageStreams::EndAll() { open_.EndAll(); }

void UsageStreams::EndRefused(const Doorkeeper& keeper) { open_.EndRefused(keeper, kRow); }

}  // namespace reserve::api
