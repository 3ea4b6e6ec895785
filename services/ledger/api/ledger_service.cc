#include "services/ledger/api/ledger_service.h"

#include <atomic>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/help_calls.h"
#include "services/ledger/api/peer_links.h"
#include "services/ledger/api/usage_corrections.h"
#include "services/ledger/api/usage_requests.h"

namespace reserve::api {
namespace {

using book::Reply;
using engine::Task;

constexpr int kMaxBatch = 1000;

absl::StatusOr<book::Command> ParseAuthorize(const domain::Settings& settings,
                                             const pb::AuthorizeUsageRequest& request,
                                             absl::Time now) {
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageAskedAbout(settings, request, now));
  return book::AuthorizeUsage{std::move(usage)};
}

// What is to begin, of a request that can't be read: where to, whatever else is wrong with it.
domain::Usage DialledIn(const domain::Settings& settings,
                        const pb::AuthorizeUsageRequest& request) {
  domain::Usage usage;
  if (request.has_call()) CallFrom(settings, request.call(), &usage).IgnoreError();
  if (request.has_sms()) SmsFrom(settings, request.sms(), &usage).IgnoreError();
  return usage;
}

// Collects the results of a batch, each in its place, and answers after the last.
class BatchSink : public PassSink {
 public:
  // What the request lies in lives as long as this.
  BatchSink(const ApiContext& api, grpc::CallbackServerContext& context, BatchRequest request,
            grpc::ByteBuffer* response_bytes)
      : api_(api),
        record_(api.metrics, context, "BatchRecordUsage"),
        reactor_(context.DefaultReactor()),
        request_(std::move(request)),
        response_bytes_(response_bytes),
        caller_(CallerOf(context)),
        deadline_(DeadlineOf(context)),
        waiting_(request_.message->requests_size()) {
    for (int i = 0; i < request_.message->requests_size(); ++i) response_.add_results();
  }

  grpc::ServerUnaryReactor* reactor() const { return reactor_; }
  CallToPass Call() { return {this, /*indices=*/{}, caller_, record_.trace(), deadline_}; }
  // Nothing of it is asked for any more.
  void ForgetRequest() { request_ = {}; }

  void Ask(uint32_t index, pb::PassedCommand* command) override {
    *command->mutable_usage() = request_.message->requests(static_cast<int>(index));
  }

  absl::StatusOr<Task> TaskOf(uint32_t index) override {
    absl::StatusOr<Task> task = ParseRecordOrReplace(
        api_.engine.options().settings, request_.message->requests(static_cast<int>(index)));
    if (!task.ok()) return task;
    task->sink = this;
    task->index = index;
    task->call_bytes = kBatchUsageBytes;
    task->deadline = deadline_;
    task->caller = caller_;
    task->trace = record_.trace();
    return task;
  }

  void Done(uint32_t index, absl::StatusOr<Reply> reply) override {
    pb::RecordUsageResult* result = ResultOf(index);
    if (reply.ok()) {
      ToProto(*reply, result);
    } else {
      *result->mutable_error() = ToProtoStatus(NameField(reply.status()), kErrorDomain);
    }
    EndOne();
  }

  void Passed(uint32_t index, pb::PassedResult* passed) override {
    ResultOf(index)->Swap(passed->mutable_usage());
    EndOne();
  }

 private:
  // Each index is another message: no two threads fill the same one.
  pb::RecordUsageResult* ResultOf(uint32_t index) {
    return response_.mutable_results(static_cast<int>(index));
  }

  void EndOne() {
    if (waiting_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const grpc::Slice slice(response_.SerializeAsString());
    *response_bytes_ = grpc::ByteBuffer(&slice, 1);
    reactor_->Finish(record_.End(absl::OkStatus()));
    delete this;
  }

  const ApiContext& api_;
  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  BatchRequest request_;
  grpc::ByteBuffer* const response_bytes_;
  const std::string caller_;
  const Moment deadline_;
  pb::BatchRecordUsageResponse response_;
  std::atomic<int> waiting_;
};

// The commands of a call for other ledgers' accounts, by whose they are.
using PassedByOwner = std::vector<std::pair<const engine::RangeOwner*, CallToPass>>;

CallToPass& CallTo(const engine::RangeOwner* owner, BatchSink& sink, PassedByOwner* calls) {
  for (auto& [known, call] : *calls) {
    if (known == owner) return call;
  }
  return calls->emplace_back(owner, sink.Call()).second;
}

}  // namespace

grpc::ServerUnaryReactor* LedgerService::AuthorizeUsage(grpc::CallbackServerContext* context,
                                                        const pb::AuthorizeUsageRequest* request,
                                                        pb::AuthorizeUsageResponse* response) {
  const domain::Settings& settings = api_.engine.options().settings;
  AskedTask asked =
      TaskFor(request->account_id(), ParseAuthorize(settings, *request, api_.engine.Now()));
  absl::StatusOr<Task>& task = asked.task;
  domain::Usage unread;
  if (!task.ok()) unread = DialledIn(settings, *request);
  const domain::Usage& dialled =
      task.ok() ? std::get<book::AuthorizeUsage>(task->command).usage : unread;
  const auto fill = [response](Reply&& reply) {
    ToProto(book::As<book::AuthorizeReply>(reply), response);
  };
  if (domain::MayBeEmergency(settings, dialled)) {
    return StartForHelp(api_, context, "AuthorizeUsage", std::move(task), domain::Usage(dialled),
                        fill, [response] { AllowHelp(response); });
  }
  if (const absl::Status rate = CheckCallerRate(api_, *context, "AuthorizeUsage"); !rate.ok()) {
    return FinishNow(api_, context, "AuthorizeUsage", rate, request->account_id());
  }
  return StartCommand(api_, context, "AuthorizeUsage", std::move(asked), fill);
}

grpc::ServerUnaryReactor* LedgerService::RecordUsage(grpc::CallbackServerContext* context,
                                                     const pb::RecordUsageRequest* request,
                                                     pb::RecordUsageResponse* response) {
  const std::string& account_id = request->account_id();
  if (api_.peers.OwnerOf(account_id) == nullptr) {
    const absl::Status room = api_.engine.CheckRoom(account_id);
    if (!room.ok()) return FinishNow(api_, context, "RecordUsage", room, account_id);
  }
  absl::StatusOr<Task> task = ParseRecord(api_.engine.options().settings, *request);
  if (task.ok() && request->has_replaces()) {
    return FinishNow(api_, context, "RecordUsage", ReplacesElsewhere(), account_id);
  }
  if (!task.ok()) {
    return FinishNow(api_, context, "RecordUsage", NameField(task.status()), account_id);
  }
  return StartPassable(
      api_, context, "RecordUsage", {account_id, std::move(task)},
      [response](Reply&& reply) { ToProto(book::As<book::UsageReply>(reply), response); },
      {[request](pb::PassedCommand* command) { *command->mutable_usage() = *request; },
       [response](pb::PassedResult* result) {
         response->Swap(result->mutable_usage()->mutable_response());
       }},
      "usage.");
}

grpc::ServerUnaryReactor* LedgerService::BatchRecordUsage(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request_bytes,
                                                          grpc::ByteBuffer* response_bytes) {
  if (const absl::Status room = api_.engine.CheckRoom(); !room.ok()) {
    return FinishNow(api_, context, "BatchRecordUsage", room);
  }
  if (api_.metrics.draining()) {
    return FinishNow(api_, context, "BatchRecordUsage", CheckTaken(api_));
  }
  // What holds no usages that could be counted counts as one.
  const auto refuse = [&](const absl::Status& status) {
    const absl::Status rate = CheckCallerRate(api_, *context, "BatchRecordUsage");
    return FinishNow(api_, context, "BatchRecordUsage", rate.ok() ? status : rate);
  };
  BatchRequest request{std::make_unique<google::protobuf::Arena>()};
  request.message =
      google::protobuf::Arena::CreateMessage<pb::BatchRecordUsageRequest>(request.arena.get());
  grpc::ByteBuffer bytes = *request_bytes;  // shares them
  if (!grpc::SerializationTraits<pb::BatchRecordUsageRequest>::Deserialize(&bytes, request.message)
           .ok()) {
    return refuse(InvalidField("requests", "can't be read: the bytes are no such message"));
  }
  const int count = request.message->requests_size();
  if (count == 0 || count > kMaxBatch) {
    return refuse(InvalidField("requests",
                               absl::StrCat("must hold 1 to ", kMaxBatch, " usages, not ", count)));
  }
  const absl::Status rate = CheckCallerRate(api_, *context, "BatchRecordUsage", count);
  if (!rate.ok()) return FinishNow(api_, context, "BatchRecordUsage", rate);
  return StartBatch(*context, std::move(request), response_bytes);
}

grpc::ServerUnaryReactor* LedgerService::StartBatch(grpc::CallbackServerContext& context,
                                                    BatchRequest request,
                                                    grpc::ByteBuffer* response_bytes) {
  const pb::BatchRecordUsageRequest& message = *request.message;
  const int count = message.requests_size();
  auto* sink = new BatchSink(api_, context, std::move(request), response_bytes);
  grpc::ServerUnaryReactor* reactor = sink->reactor();
  std::vector<Task> tasks;
  tasks.reserve(static_cast<size_t>(count));
  PassedByOwner passed;
  std::vector<std::pair<uint32_t, absl::Status>> bad;
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<uint32_t>(i);
    const std::string& account_id = message.requests(i).account_id();
    const engine::RangeOwner* const owner = api_.peers.OwnerOf(account_id);
    absl::Status refused;
    if (owner == nullptr) {
      absl::StatusOr<Task> task = sink->TaskOf(index);
      refused = task.status();
      if (task.ok()) tasks.push_back(*std::move(task));
    } else {
      refused = CheckId(account_id, "account_id");
    }
    if (refused.ok()) {
      refused = CheckAccountRate(api_, context, "BatchRecordUsage", account_id);
      if (!refused.ok() && owner == nullptr) tasks.pop_back();
    }
    if (!refused.ok()) {
      bad.emplace_back(index, std::move(refused));
    } else if (owner != nullptr) {
      CallTo(owner, *sink, &passed).indices.push_back(index);
    }
  }
  if (passed.empty()) sink->ForgetRequest();
  // The last reply, whichever it is, ends the sink.
  for (auto& [owner, call] : passed) api_.peers.Pass(*owner, std::move(call));
  if (!tasks.empty()) api_.engine.Submit(std::move(tasks));
  for (const auto& [index, status] : bad) sink->Done(index, status);
  return reactor;
}

grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>*
LedgerService::StreamUsage(grpc::CallbackServerContext* context) {
  return streams_.Start(api_, context);
}

}  // namespace reserve::api
