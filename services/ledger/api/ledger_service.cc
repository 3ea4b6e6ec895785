#include "services/ledger/api/ledger_service.h"

#include <atomic>
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
#include "services/ledger/api/usage_corrections.h"

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

// Fields of a refusal are named as the engine's are: without "usage.".
absl::StatusOr<Task> ParseRecord(const domain::Settings& settings,
                                 const pb::RecordUsageRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageFrom(settings, request.usage()));
  RESERVE_RETURN_IF_ERROR(CheckHoldOf(request));
  return Task{request.account_id(),
              book::RecordUsage{std::move(usage), request.only_if_allowed(), request.hold_id()},
              nullptr, 0};
}

// The same of a batch or a stream, where it may take the place of another, or only take that back.
// What is wrong with that is named from "replaces." on.
absl::StatusOr<Task> ParseRecordOrReplace(const domain::Settings& settings,
                                          const pb::RecordUsageRequest& request) {
  if (!request.has_replaces()) return ParseRecord(settings, request);
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(book::Command command, ReplacementFrom(settings, request));
  return Task{request.account_id(), std::move(command), nullptr, 0};
}

// Collects the results of a batch, each in its place, and answers after the last.
class BatchSink : public engine::ReplySink {
 public:
  BatchSink(CallRecord record, grpc::ServerUnaryReactor* reactor, grpc::ByteBuffer* response_bytes,
            int count)
      : record_(record), reactor_(reactor), response_bytes_(response_bytes), waiting_(count) {
    for (int i = 0; i < count; ++i) response_.add_results();
  }

  void Done(uint32_t index, absl::StatusOr<Reply> reply) override {
    // Each index is another message: no two threads fill the same one.
    pb::RecordUsageResult* result = response_.mutable_results(static_cast<int>(index));
    if (!reply.ok()) {
      *result->mutable_error() = ToProtoStatus(NameField(reply.status()), kErrorDomain);
    } else if (const auto* usage = std::get_if<book::UsageReply>(&*reply)) {
      ToProto(*usage, result->mutable_response());
    } else if (const auto* voided = std::get_if<book::VoidReply>(&*reply)) {
      ToProto(*voided, result->mutable_voided());
    } else {
      ToProto(std::get<book::CorrectionReply>(*reply), result->mutable_corrected());
    }
    if (waiting_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const grpc::Slice slice(response_.SerializeAsString());
    *response_bytes_ = grpc::ByteBuffer(&slice, 1);
    reactor_->Finish(record_.End(absl::OkStatus()));
    delete this;
  }

 private:
  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  grpc::ByteBuffer* const response_bytes_;
  pb::BatchRecordUsageResponse response_;
  std::atomic<int> waiting_;
};

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
    ToProto(std::get<book::AuthorizeReply>(reply), response);
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
  if (const absl::Status room = api_.engine.CheckRoom(account_id); !room.ok()) {
    return FinishNow(api_, context, "RecordUsage", room, account_id);
  }
  absl::StatusOr<Task> task = ParseRecord(api_.engine.options().settings, *request);
  if (task.ok() && request->has_replaces()) {
    return FinishNow(api_, context, "RecordUsage", ReplacesElsewhere(), account_id);
  }
  if (!task.ok()) {
    return FinishNow(api_, context, "RecordUsage", NameField(task.status()), account_id);
  }
  return StartCommand(
      api_, context, "RecordUsage", {account_id, std::move(task)},
      [response](Reply&& reply) { ToProto(std::get<book::UsageReply>(reply), response); },
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
  google::protobuf::Arena arena;
  auto* request = google::protobuf::Arena::CreateMessage<pb::BatchRecordUsageRequest>(&arena);
  grpc::ByteBuffer bytes = *request_bytes;  // shares them
  if (!grpc::SerializationTraits<pb::BatchRecordUsageRequest>::Deserialize(&bytes, request).ok()) {
    return refuse(InvalidField("requests", "can't be read: the bytes are no such message"));
  }
  const int count = request->requests_size();
  if (count == 0 || count > kMaxBatch) {
    return refuse(InvalidField("requests",
                               absl::StrCat("must hold 1 to ", kMaxBatch, " usages, not ", count)));
  }
  const absl::Status rate = CheckCallerRate(api_, *context, "BatchRecordUsage", count);
  if (!rate.ok()) return FinishNow(api_, context, "BatchRecordUsage", rate);
  return StartBatch(*context, *request, response_bytes);
}

grpc::ServerUnaryReactor* LedgerService::StartBatch(grpc::CallbackServerContext& context,
                                                    const pb::BatchRecordUsageRequest& request,
                                                    grpc::ByteBuffer* response_bytes) {
  const int count = request.requests_size();
  const Moment deadline = DeadlineOf(context);
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  const CallRecord record(api_.metrics, context, "BatchRecordUsage");
  auto* sink = new BatchSink(record, reactor, response_bytes, count);
  std::vector<Task> tasks;
  tasks.reserve(static_cast<size_t>(count));
  std::vector<std::pair<uint32_t, absl::Status>> bad;
  const std::string caller = CallerOf(context);
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<Task> task =
        ParseRecordOrReplace(api_.engine.options().settings, request.requests(i));
    const auto index = static_cast<uint32_t>(i);
    if (task.ok()) {
      const absl::Status rate =
          CheckAccountRate(api_, context, "BatchRecordUsage", task->account_id);
      if (!rate.ok()) task = rate;
    }
    if (!task.ok()) {
      bad.emplace_back(index, task.status());
      continue;
    }
    task->sink = sink;
    task->index = index;
    task->call_bytes = kBatchUsageBytes;
    task->deadline = deadline;
    task->caller = caller;
    task->trace = record.trace();
    tasks.push_back(*std::move(task));
  }
  // The last reply, whichever it is, ends the sink.
  if (!tasks.empty()) api_.engine.Submit(std::move(tasks));
  for (const auto& [index, status] : bad) sink->Done(index, status);
  return reactor;
}

grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>*
LedgerService::StreamUsage(grpc::CallbackServerContext* context) {
  return streams_.Start(api_, context, &ParseRecordOrReplace);
}

}  // namespace reserve::api
