#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "common/telemetry/log.h"

namespace reserve {
namespace {

void Forward(gpr_log_func_args* args) {
  // What is an error to gRPC (a refused connection, for one) is for us to judge by the call.
  const Severity severity =
      args->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kWarning : Severity::kDebug;
  Log(severity, "grpc", {{"text", args->message}, {"file", args->file}, {"line", args->line}});
}

}  // namespace

void RouteGrpcLog() { gpr_set_log_function(Forward); }

}  // namespace reserve
