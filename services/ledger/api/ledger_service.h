// The `Ledger` service: thin adapters from messages to commands and queries.
//
// Handlers parse, hand over, and return; replies come from the engine's threads.
// Thread-safe. EndStreams() must be called before the server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/stream_usage.h"
#include "services/ledger/api/watch_events.h"

namespace reserve::api {

// A batch is taken as bytes, so that one which is refused is not parsed first.
class LedgerService final
    : public pb::Ledger::WithRawCallbackMethod_BatchRecordUsage<pb::Ledger::CallbackService> {
 public:
  explicit LedgerService(const ApiContext& api) : api_(api) {}

  // Lets open streams settle what they have read, and ends them with UNAVAILABLE.
  void EndStreams() {
    streams_.EndAll();
    watches_.EndAll();
  }

  grpc::ServerUnaryReactor* OpenAccount(grpc::CallbackServerContext* context,
                                        const pb::OpenAccountRequest* request,
                                        pb::OpenAccountResponse* response) override;
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* context,
                                       const pb::GetAccountRequest* request,
                                       pb::GetAccountResponse* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* context,
                                         const pb::ListAccountsRequest* request,
                                         pb::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateBillingSettings(
      grpc::CallbackServerContext* context, const pb::UpdateBillingSettingsRequest* request,
      pb::UpdateBillingSettingsResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePaymentMethod(grpc::CallbackServerContext* context,
                                                const pb::UpdatePaymentMethodRequest* request,
                                                pb::UpdatePaymentMethodResponse* response) override;
  grpc::ServerUnaryReactor* PutUser(grpc::CallbackServerContext* context,
                                    const pb::PutUserRequest* request,
                                    pb::PutUserResponse* response) override;
  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context,
                                    const pb::GetUserRequest* request,
                                    pb::GetUserResponse* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const pb::ListUsersRequest* request,
                                      pb::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* AuthorizeUsage(grpc::CallbackServerContext* context,
                                           const pb::AuthorizeUsageRequest* request,
                                           pb::AuthorizeUsageResponse* response) override;
  grpc::ServerUnaryReactor* RecordUsage(grpc::CallbackServerContext* context,
                                        const pb::RecordUsageRequest* request,
                                        pb::RecordUsageResponse* response) override;
  grpc::ServerUnaryReactor* BatchRecordUsage(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request_bytes,
                                             grpc::ByteBuffer* response_bytes) override;
  grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>* StreamUsage(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetUsage(grpc::CallbackServerContext* context,
                                     const pb::GetUsageRequest* request,
                                     pb::GetUsageResponse* response) override;
  grpc::ServerUnaryReactor* ListUsage(grpc::CallbackServerContext* context,
                                      const pb::ListUsageRequest* request,
                                      pb::ListUsageResponse* response) override;
  grpc::ServerUnaryReactor* ListEntries(grpc::CallbackServerContext* context,
                                        const pb::ListEntriesRequest* request,
                                        pb::ListEntriesResponse* response) override;
  grpc::ServerUnaryReactor* AdjustBalance(grpc::CallbackServerContext* context,
                                          const pb::AdjustBalanceRequest* request,
                                          pb::AdjustBalanceResponse* response) override;
  grpc::ServerUnaryReactor* RequestRecharge(grpc::CallbackServerContext* context,
                                            const pb::RequestRechargeRequest* request,
                                            pb::RequestRechargeResponse* response) override;
  grpc::ServerUnaryReactor* ListRecharges(grpc::CallbackServerContext* context,
                                          const pb::ListRechargesRequest* request,
                                          pb::ListRechargesResponse* response) override;
  grpc::ServerUnaryReactor* BlockAccount(grpc::CallbackServerContext* context,
                                         const pb::BlockAccountRequest* request,
                                         pb::BlockAccountResponse* response) override;
  grpc::ServerUnaryReactor* UnblockAccount(grpc::CallbackServerContext* context,
                                           const pb::UnblockAccountRequest* request,
                                           pb::UnblockAccountResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const pb::ListEventsRequest* request,
                                       pb::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* GetBillingAdvice(grpc::CallbackServerContext* context,
                                             const pb::GetBillingAdviceRequest* request,
                                             pb::GetBillingAdviceResponse* response) override;

 private:
  const ApiContext api_;
  UsageStreams streams_;
  EventWatches watches_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_LEDGER_SERVICE_H_
