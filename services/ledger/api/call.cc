#include "services/ledger/api/call.h"

#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/deadline.h"
#include "common/rpc/errors.h"
#include "common/rpc/request_id.h"
#include "common/rpc/status.h"
#include "common/rpc/trace_metadata.h"
#include "common/telemetry/log.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/peer_links.h"

namespace reserve::api {
namespace {

// Who calls: the name in the certificate, or else the address.
std::string ShownCaller(const grpc::CallbackServerContext& context) {
  std::string name = CallerOf(context);
  return name.empty() ? context.peer() : name;
}

// Is each call of the method to be told of?
bool MovesMoneyOrState(absl::string_view method) {
  return access::RowNamed(method).effect == Effect::kChanges;
}

// A line for audits: who called what for which account, and what it came to. Without what is the
// caller's own text, which may hold what no log may.
void TellAudit(const char* method, const std::string& account_id, const std::string& trace_id,
               const grpc::CallbackServerContext& context, const absl::Status& status) {
  Log(Severity::kInfo, "audit",
      {{"method", method},
       {"caller", CallerOf(context)},
       {"peer", context.peer()},
       {"account_id", account_id},
       {"request_id", RequestIdOf(context)},
       {"trace_id", trace_id},
       {"code", absl::StatusCodeToString(status.code())},
       {"reason", status.ok() ? std::string() : ReasonOf(status)}});
}

// Refusals are the callers' business; what is ours is a warning. A line for each
// call that a full queue or an outage refuses would be one more load: they are counted, and
// told of once a second (serve/overload_report.h), and calls that come too often once a minute
// (common/rpc/doorkeeper.h).
Severity SeverityOf(const absl::Status& status) {
  if (engine::IsOverload(status) || engine::IsOutage(status) || IsRateExceeded(status)) {
    return Severity::kDebug;
  }
  switch (status.code()) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return Severity::kError;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
      return Severity::kWarning;
    default:
      return Severity::kDebug;
  }
}

// Answers one call from the reply to one command, and is gone after that.
class UnarySink : public engine::ReplySink {
 public:
  UnarySink(CallRecord record, grpc::ServerUnaryReactor* reactor, FillResponse fill,
            const char* field_prefix, engine::QueryPool* pool = nullptr, ReadMore more = nullptr)
      : record_(std::move(record)),
        reactor_(reactor),
        fill_(std::move(fill)),
        field_prefix_(field_prefix),
        pool_(pool),
        more_(std::move(more)) {}

  void Done(uint32_t, absl::StatusOr<book::Reply> reply) override {
    const absl::Status status = reply.status();
    engine::QueryPool::Work work;
    if (reply.ok()) {
      if (more_ != nullptr) work = more_(*reply);
      fill_(*std::move(reply));
    }
    if (work == nullptr) {
      reactor_->Finish(record_.End(PrefixField(status, field_prefix_)));
    } else {
      // What was done is done, whatever becomes of this.
      pool_->Submit(std::move(work), [reactor = reactor_, record = record_](const absl::Status&) {
        reactor->Finish(record.End(absl::OkStatus()));
      });
    }
    delete this;
  }

 private:
  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  const FillResponse fill_;
  const char* const field_prefix_;
  engine::QueryPool* const pool_;
  const ReadMore more_;
};

// The same of a command that was passed on, or is about to be.
class PassedUnarySink : public PassSink {
 public:
  PassedUnarySink(CallRecord record, grpc::ServerUnaryReactor* reactor, engine::Task task,
                  FillResponse fill, Passable passable, const char* field_prefix)
      : record_(std::move(record)),
        reactor_(reactor),
        task_(std::move(task)),
        fill_(std::move(fill)),
        passable_(std::move(passable)),
        field_prefix_(field_prefix) {
    task_.sink = this;
  }

  CallToPass Call() { return {this, {0}, task_.caller, task_.trace, task_.deadline}; }

  void Ask(uint32_t, ledger::v1::PassedCommand* command) override { passable_.ask(command); }
  absl::StatusOr<engine::Task> TaskOf(uint32_t) override { return std::move(task_); }
  void Passed(uint32_t, ledger::v1::PassedResult* result) override {
    passable_.take(result);
    Finish(absl::OkStatus());
  }
  void Done(uint32_t, absl::StatusOr<book::Reply> reply) override {
    const absl::Status status = reply.status();
    if (reply.ok()) fill_(*std::move(reply));
    Finish(PrefixField(status, field_prefix_));
  }

 private:
  void Finish(const absl::Status& status) {
    reactor_->Finish(record_.End(status));
    delete this;
  }

  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  engine::Task task_;
  const FillResponse fill_;
  const Passable passable_;
  const char* const field_prefix_;
};

// Why a command is not begun; else its call's record, and its task knows who asks.
absl::StatusOr<CallRecord> BeginCommand(const ApiContext& api, grpc::CallbackServerContext* context,
                                        const char* method, AskedTask* asked) {
  absl::StatusOr<engine::Task>& task = asked->task;
  if (task.ok() && api.metrics.draining()) task = CheckTaken(api);
  RESERVE_RETURN_IF_ERROR(task.status());
  RESERVE_RETURN_IF_ERROR(CheckAccountRate(api, *context, method, task->account_id));
  CallRecord record(api.metrics, *context, method);
  record.SetAccount(task->account_id);
  task->caller = CallerOf(*context);
  task->trace = record.trace();
  return record;
}

// Asked of a query while it waits and runs.
engine::QueryPool::Gone NobodyWaits(const grpc::CallbackServerContext* context, Moment deadline) {
  return [context, deadline] {
    if (context->IsCancelled()) return engine::CallerGone();
    if (MonotonicNow() >= deadline) return engine::DeadlinePassed("it was not ended in time");
    return absl::OkStatus();
  };
}

}  // namespace

void SubmitFor(engine::Engine& engine, engine::Task&& task, Moment deadline,
               engine::ReplySink* sink) {
  task.sink = sink;
  task.deadline = deadline;
  task.call_bytes = kUnaryCallBytes;
  std::vector<engine::Task> tasks;
  tasks.push_back(std::move(task));
  engine.Submit(std::move(tasks));
}

CallRecord::CallRecord(RpcMetrics& metrics, grpc::CallbackServerContext& context,
                       const char* method)
    : metrics_(metrics),
      context_(context),
      method_(method),
      start_(MonotonicNow()),
      parent_(TraceOf(context)),
      trace_(metrics.tracer().Begin(parent_)),
      awaited_(metrics.Begin()) {}

void CallRecord::EndSpan(const absl::Status& status, absl::Duration elapsed) const {
  const absl::Time now = absl::Now();
  Span span;
  span.name = std::string(absl::StripPrefix(access::RowNamed(method_).method, "/"));
  span.kind = SpanKind::kServer;
  span.context = trace_;
  span.parent_id = parent_.has_value() ? parent_->span_id : 0;
  span.start = now - elapsed;
  span.end = now;
  span.failed = IsServersFault(status.code());
  const std::string code = absl::StatusCodeToString(status.code());
  span.attributes = {
      {"rpc.system.name", "grpc"}, {"rpc.method", span.name}, {"rpc.response.status_code", code}};
  if (span.failed) span.attributes.emplace_back("error.type", code);
  // A word of ours, never a text.
  if (!status.ok()) span.attributes.emplace_back("reserve.reason", ReasonOf(status));
  metrics_.tracer().End(std::move(span));
}

grpc::Status CallRecord::End(const absl::Status& status) const {
  const absl::Duration elapsed = MonotonicNow() - start_;
  metrics_.Observe(method_, status.code(), elapsed, awaited_);
  if (metrics_.tracer().Keeps(trace_)) EndSpan(status, elapsed);
  if (MovesMoneyOrState(method_))
    TellAudit(method_, account_id_, TraceIdOf(trace_), context_, status);
  if (status.ok()) return grpc::Status::OK;
  if (engine::IsOutage(status)) metrics_.NoteUnavailable();
  const Severity severity = SeverityOf(status);
  if (LogEnabled(severity)) {
    Log(severity, "call refused",
        {{"method", method_},
         {"request_id", RequestIdOf(context_)},
         {"trace_id", TraceIdOf(trace_)},
         {"account_id", account_id_},
         {"caller", ShownCaller(context_)},
         {"code", absl::StatusCodeToString(status.code())},
         {"reason", ReasonOf(status)},
         {"field", FieldOf(status)},
         // What is the caller's business may say what he sent.
         {"error", severity == Severity::kDebug ? "" : status.message()},
         {"elapsed", elapsed}});
  }
  AddRetryPushback(status, context_);
  return ToGrpcStatus(status, kErrorDomain);
}

absl::Status CheckCallerRate(const ApiContext& api, const grpc::CallbackServerContext& context,
                             const char* method, int64_t count) {
  return api.keeper.Admit(access::RowNamed(method).method, context, count);
}

absl::Status CheckAccountRate(const ApiContext& api, const grpc::CallbackServerContext& context,
                              const char* method, const std::string& account_id) {
  if (!api.account_rates.limits() || account_id.empty() || MovesMoneyOrState(method)) {
    return absl::OkStatus();
  }
  const absl::Duration wait = api.account_rates.Take(account_id, 1, MonotonicNow());
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  absl::Status status = AccountRateExceeded(account_id, wait);
  api.keeper.Tell(access::RowNamed(method).method, CallerOf(context), context.peer(), status);
  return status;
}

grpc::ServerUnaryReactor* FinishNow(const ApiContext& api, grpc::CallbackServerContext* context,
                                    const char* method, const absl::Status& status,
                                    const std::string& account_id) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  CallRecord record(api.metrics, *context, method);
  // What is no id is nothing for the log.
  if (CheckId(account_id, "account_id").ok()) record.SetAccount(account_id);
  reactor->Finish(record.End(status));
  return reactor;
}

absl::Status CheckTaken(const ApiContext& api) {
  if (api.metrics.draining()) return engine::Draining("ask another");
  return api.engine.started() ? absl::OkStatus() : engine::NotServing();
}

grpc::ServerUnaryReactor* StartQuery(const ApiContext& api, grpc::CallbackServerContext* context,
                                     const char* method, engine::QueryPool::Work work) {
  return StartQueryIn(api.engine.queries(), api, context, method, std::move(work));
}

grpc::ServerUnaryReactor* StartQuery(const ApiContext& api, grpc::CallbackServerContext* context,
                                     const char* method, const std::string& account_id,
                                     engine::QueryPool::Work work) {
  return StartQueryIn(api.engine.queries(), api, context, method, account_id, std::move(work));
}

grpc::ServerUnaryReactor* StartQueryIn(engine::QueryPool& pool, const ApiContext& api,
                                       grpc::CallbackServerContext* context, const char* method,
                                       engine::QueryPool::Work work) {
  return StartQueryIn(pool, api, context, method, std::string(), std::move(work));
}

grpc::ServerUnaryReactor* StartQueryIn(engine::QueryPool& pool, const ApiContext& api,
                                       grpc::CallbackServerContext* context, const char* method,
                                       const std::string& account_id,
                                       engine::QueryPool::Work work) {
  absl::Status taken = CheckTaken(api);
  // What is no id is nothing for the log, and has no rate.
  const bool has_account = CheckId(account_id, "account_id").ok();
  if (taken.ok() && has_account) taken = CheckAccountRate(api, *context, method, account_id);
  if (!taken.ok()) return FinishNow(api, context, method, taken, account_id);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  CallRecord record(api.metrics, *context, method);
  if (has_account) record.SetAccount(account_id);
  pool.Submit(
      std::move(work),
      [reactor, record](const absl::Status& status) { reactor->Finish(record.End(status)); },
      NobodyWaits(context, DeadlineOf(*context)));
  return reactor;
}

grpc::ServerUnaryReactor* StartCommand(const ApiContext& api, grpc::CallbackServerContext* context,
                                       const char* method, AskedTask asked, FillResponse fill,
                                       const char* field_prefix) {
  return StartCommandThen(api, context, method, std::move(asked), std::move(fill), nullptr,
                          field_prefix);
}

grpc::ServerUnaryReactor* StartCommandThen(const ApiContext& api,
                                           grpc::CallbackServerContext* context, const char* method,
                                           AskedTask asked, FillResponse fill, ReadMore more,
                                           const char* field_prefix) {
  absl::StatusOr<CallRecord> record = BeginCommand(api, context, method, &asked);
  if (!record.ok()) return FinishNow(api, context, method, record.status(), asked.account_id);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  SubmitFor(api.engine, *std::move(asked.task), DeadlineOf(*context),
            new UnarySink(*std::move(record), reactor, std::move(fill), field_prefix,
                          &api.engine.queries(), std::move(more)));
  return reactor;
}

grpc::ServerUnaryReactor* StartPassable(const ApiContext& api, grpc::CallbackServerContext* context,
                                        const char* method, AskedTask asked, FillResponse fill,
                                        Passable passable, const char* field_prefix) {
  const engine::RangeOwner* const owner =
      asked.task.ok() ? api.peers.OwnerOf(asked.account_id) : nullptr;
  if (owner == nullptr) {
    return StartCommand(api, context, method, std::move(asked), std::move(fill), field_prefix);
  }
  absl::StatusOr<CallRecord> record = BeginCommand(api, context, method, &asked);
  if (!record.ok()) return FinishNow(api, context, method, record.status(), asked.account_id);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  asked.task->deadline = DeadlineOf(*context);
  asked.task->call_bytes = kUnaryCallBytes;
  auto* sink = new PassedUnarySink(*std::move(record), reactor, *std::move(asked.task),
                                   std::move(fill), std::move(passable), field_prefix);
  api.peers.Pass(*owner, sink->Call());
  return reactor;
}

grpc::ServerUnaryReactor* StartFoundCommand(const ApiContext& api,
                                            grpc::CallbackServerContext* context,
                                            const char* method, FindTask find, FillResponse fill) {
  const absl::Status taken = CheckTaken(api);
  if (!taken.ok()) return FinishNow(api, context, method, taken);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const CallRecord record(api.metrics, *context, method);
  const auto found = std::make_shared<absl::StatusOr<std::optional<engine::Task>>>();
  const Moment deadline = DeadlineOf(*context);
  api.engine.queries().Submit(
      [found, find = std::move(find)](storage::Connection& connection) {
        *found = find(connection);
        return found->status();
      },
      [&engine = api.engine, context, reactor, record, found, fill,
       deadline](const absl::Status& status) {
        if (!status.ok() || !(*found)->has_value()) {
          reactor->Finish(record.End(status));
          return;
        }
        engine::Task& task = ***found;
        CallRecord known = record;
        known.SetAccount(task.account_id);
        task.caller = CallerOf(*context);
        task.trace = record.trace();
        SubmitFor(engine, std::move(task), deadline, new UnarySink(known, reactor, fill, ""));
      },
      NobodyWaits(context, deadline));
  return reactor;
}

AskedTask TaskFor(const std::string& account_id, absl::StatusOr<book::Command> command) {
  if (absl::Status valid = CheckId(account_id, "account_id"); !valid.ok()) {
    return {account_id, std::move(valid)};
  }
  if (!command.ok()) return {account_id, command.status()};
  return {account_id, engine::Task{account_id, *std::move(command), nullptr, 0}};
}

AskedTask TaskBy(const std::string& actor, const std::string& account_id,
                 absl::StatusOr<book::Command> command) {
  AskedTask asked = TaskFor(account_id, std::move(command));
  if (!asked.task.ok()) return asked;
  if (absl::Status valid = CheckStaffText(actor, "actor"); !valid.ok()) {
    return {account_id, std::move(valid)};
  }
  asked.task->actor = actor;
  return asked;
}

absl::Status Draining() { return engine::Draining("open the stream again elsewhere"); }

absl::Status PrefixField(const absl::Status& status, absl::string_view prefix) {
  if (status.ok() || prefix.empty()) return status;
  const std::string field = FieldOf(status);
  for (const absl::string_view beside : {"account_id", "request_id", "plan_effective_time"}) {
    if (field == beside) return status;
  }
  return WithFieldPrefix(status, prefix);
}

FillResponse FillAccount(const ApiContext& api, ledger::v1::Account* response) {
  return [&api, response](book::Reply&& reply) {
    ToProto(book::As<domain::Account>(reply), api.Now(), response);
  };
}

}  // namespace reserve::api
