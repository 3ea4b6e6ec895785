// Calls for help (C10): what may be one is answered whatever happens.
#ifndef RESERVE_SERVICES_LEDGER_API_HELP_CALLS_H_
#define RESERVE_SERVICES_LEDGER_API_HELP_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <functional>

#include "absl/status/statusor.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/engine/task.h"

namespace reserve::api {

// The answer to what is for help.
void AllowHelp(::reserve::ledger::v1::AuthorizeUsageResponse* response);

// Answers a call that asks for leave to dial what may be an emergency number: the database is
// needed only to refuse what is none in the country of the account. `fill` takes the reply of the
// command, `allow` fills the answer where there is none, or none is needed.
grpc::ServerUnaryReactor* StartForHelp(const ApiContext& api, grpc::CallbackServerContext* context,
                                       const char* method, absl::StatusOr<engine::Task> task,
                                       const domain::Usage& dialled, FillResponse fill,
                                       std::function<void()> allow);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_HELP_CALLS_H_
