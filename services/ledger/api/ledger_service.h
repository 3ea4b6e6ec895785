// The `Ledger` service, usage: thin adapters from messages to commands.
//
// Handlers parse, hand over, and return; replies come from the engine's threads.
// Thread-safe. EndStreams() must be called before the server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/stream_usage.h"

namespace reserve::api {

// A batch, and what it lies in.
struct BatchRequest {
  std::unique_ptr<google::protobuf::Arena> arena;
  pb::BatchRecordUsageRequest* message = nullptr;
};

// A batch is taken as bytes, so that one which is refused is not parsed first.
class LedgerService final
    : public pb::Ledger::WithRawCallbackMethod_BatchRecordUsage<pb::Ledger::CallbackService> {
 public:
  explicit LedgerService(const ApiContext& api) : api_(api) {}

  // Lets open streams acknowledge what they have read, and ends them with UNAVAILABLE.
  void EndStreams() { streams_.EndAll(); }
  // The same for streams whose caller may no longer have them, with PERMISSION_DENIED.
  void EndRefusedStreams(const Doorkeeper& keeper) { streams_.EndRefused(keeper); }

  grpc::ServerUnaryReactor* AuthorizeUsage(grpc::CallbackServerContext* context,
                                           const pb::AuthorizeUsageRequest* request,
                                           pb::AuthorizeUsageResponse* response) override;
  grpc::ServerUnaryReactor* RecordUsage(grpc::CallbackServerContext* context,
                                        const pb::RecordUsageRequest* request,
                                        pb::RecordUsageResponse* response) override;
  grpc::ServerUnaryReactor* VoidUsage(grpc::CallbackServerContext* context,
                                      const pb::VoidUsageRequest* request,
                                      pb::VoidUsageResponse* response) override;
  grpc::ServerUnaryReactor* CorrectUsage(grpc::CallbackServerContext* context,
                                         const pb::CorrectUsageRequest* request,
                                         pb::CorrectUsageResponse* response) override;
  grpc::ServerUnaryReactor* BatchRecordUsage(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request_bytes,
                                             grpc::ByteBuffer* response_bytes) override;
  grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>* StreamUsage(
      grpc::CallbackServerContext* context) override;

  grpc::ServerUnaryReactor* CreateHold(grpc::CallbackServerContext* context,
                                       const pb::CreateHoldRequest* request,
                                       pb::CreateHoldResponse* response) override;
  grpc::ServerUnaryReactor* ExtendHold(grpc::CallbackServerContext* context,
                                       const pb::ExtendHoldRequest* request,
                                       pb::Hold* response) override;
  grpc::ServerUnaryReactor* ReleaseHold(grpc::CallbackServerContext* context,
                                        const pb::ReleaseHoldRequest* request,
                                        pb::Hold* response) override;
  grpc::ServerUnaryReactor* ReleaseSwitchHolds(grpc::CallbackServerContext* context,
                                               const pb::ReleaseSwitchHoldsRequest* request,
                                               pb::ReleaseSwitchHoldsResponse* response) override;
  grpc::ServerUnaryReactor* GetHold(grpc::CallbackServerContext* context,
                                    const pb::GetHoldRequest* request, pb::Hold* response) override;
  grpc::ServerUnaryReactor* ListHolds(grpc::CallbackServerContext* context,
                                      const pb::ListHoldsRequest* request,
                                      pb::ListHoldsResponse* response) override;
  grpc::ServerUnaryReactor* GetAccountRanges(grpc::CallbackServerContext* context,
                                             const pb::GetAccountRangesRequest* request,
                                             pb::AccountRanges* response) override;
  grpc::ServerUnaryReactor* CountSmsSegments(grpc::CallbackServerContext* context,
                                             const pb::CountSmsSegmentsRequest* request,
                                             pb::CountSmsSegmentsResponse* response) override;

 private:
  // A batch that was read and may come.
  grpc::ServerUnaryReactor* StartBatch(grpc::CallbackServerContext& context, BatchRequest request,
                                       grpc::ByteBuffer* response_bytes);

  const ApiContext api_;
  UsageStreams streams_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_
