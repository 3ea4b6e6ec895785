// The `Audit` service: recomputes accounts from what is stored.
//
// The ledger is verified page by page: a job on the query pool, then a message,
// then the next job, so that a verification that takes hours never holds a thread
// while its client reads. Thread-safe. EndStreams() must be called before the
// server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_AUDIT_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_AUDIT_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>

#include "common/rpc/doorkeeper.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"

namespace reserve::api {

class AuditService final : public pb::Audit::CallbackService {
 public:
  // `keeper`, which may be null, is asked at each page whether the caller may still verify.
  explicit AuditService(const ApiContext& api, const Doorkeeper* keeper = nullptr)
      : api_(api), keeper_(keeper) {}

  // Ends open verifications with UNAVAILABLE "DRAINING", each after the account
  // that it is at; the client goes on elsewhere with its last resume token.
  void EndStreams() { draining_ = true; }

  grpc::ServerUnaryReactor* VerifyAccount(grpc::CallbackServerContext* context,
                                          const pb::VerifyAccountRequest* request,
                                          pb::VerifyAccountResponse* response) override;
  grpc::ServerWriteReactor<pb::VerifyLedgerResponse>* VerifyLedger(
      grpc::CallbackServerContext* context, const pb::VerifyLedgerRequest* request) override;
  grpc::ServerUnaryReactor* CheckHead(grpc::CallbackServerContext* context,
                                      const pb::CheckHeadRequest* request,
                                      pb::CheckHeadResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const pb::GetStatusRequest* request,
                                      pb::LedgerStatus* status) override;

 private:
  const ApiContext api_;
  const Doorkeeper* const keeper_;
  std::atomic<bool> draining_ = false;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_AUDIT_SERVICE_H_
