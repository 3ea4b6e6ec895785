// The line for audits that each call leaves which charges, gives back, or acts at the dashboard, as
// the ledger's do: who called what, and what it came to; never what a caller wrote. Thread-safe.
//
//   TellAudit("Charge", *context, answer.status(), {charge_id, "declined"});
#ifndef RESERVE_GATEWAY_STUB_AUDIT_LINE_H_
#define RESERVE_GATEWAY_STUB_AUDIT_LINE_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"

namespace reserve::gateway_stub {

// Of which charge, by the stub's own id, and what became of it; empty where there is none.
struct AuditedCharge {
  std::string charge_id = {};
  std::string outcome = {};
};

void TellAudit(const char* method, const grpc::CallbackServerContext& context,
               const absl::Status& status, const AuditedCharge& charge = {});

}  // namespace reserve::gateway_stub

#endif  // RESERVE_GATEWAY_STUB_AUDIT_LINE_H_
