#include "services/gateway_stub/audit_line.h"

#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/request_id.h"
#include "common/telemetry/log.h"

namespace reserve::gateway_stub {

void TellAudit(const char* method, const grpc::CallbackServerContext& context,
               const absl::Status& status, const AuditedCharge& charge) {
  Log(Severity::kInfo, "audit",
      {{"method", method},
       {"caller", CallerOf(context)},
       {"peer", context.peer()},
       {"request_id", RequestIdOf(context)},
       {"charge_id", charge.charge_id},
       {"outcome", charge.outcome},
       {"code", absl::StatusCodeToString(status.code())},
       {"reason", status.ok() ? std::string() : ReasonOf(status)}});
}

}  // namespace reserve::gateway_stub
