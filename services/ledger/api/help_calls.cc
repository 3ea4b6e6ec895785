#include "services/ledger/api/help_calls.h"

#include <utility>

#include "common/rpc/caller.h"
#include "common/rpc/deadline.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/usage_policy.h"

namespace reserve::api {
namespace {

// Answers one call that may be for help: what fails is allowed.
class RescueSink : public engine::ReplySink {
 public:
  RescueSink(CallRecord record, grpc::ServerUnaryReactor* reactor, FillResponse fill,
             std::function<void()> allow)
      : record_(std::move(record)),
        reactor_(reactor),
        fill_(std::move(fill)),
        allow_(std::move(allow)) {}

  void Done(uint32_t, absl::StatusOr<book::Reply> reply) override {
    if (reply.ok()) {
      fill_(*std::move(reply));
    } else {
      allow_();
    }
    reactor_->Finish(record_.End(absl::OkStatus()));
    delete this;
  }

 private:
  const CallRecord record_;
  grpc::ServerUnaryReactor* const reactor_;
  const FillResponse fill_;
  const std::function<void()> allow_;
};

}  // namespace

void AllowHelp(::reserve::ledger::v1::AuthorizeUsageResponse* response) {
  book::AuthorizeReply reply;
  reply.authorization = domain::AllowEmergency();
  ToProto(reply, response);
}

grpc::ServerUnaryReactor* StartForHelp(const ApiContext& api, grpc::CallbackServerContext* context,
                                       const char* method, absl::StatusOr<engine::Task> task,
                                       const domain::Usage& dialled, FillResponse fill,
                                       std::function<void()> allow) {
  // Help is not waited for.
  if (domain::IsEmergencyForAll(api.engine.options().settings, dialled) || !task.ok()) {
    allow();
    return FinishNow(api, context, method, absl::OkStatus());
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const CallRecord record(api.metrics, *context, method);
  task->caller = CallerOf(*context);
  task->trace = record.trace();
  SubmitFor(api.engine, *std::move(task), DeadlineOf(*context),
            new RescueSink(record, reactor, std::move(fill), std::move(allow)));
  return reactor;
}

}  // namespace reserve::api
