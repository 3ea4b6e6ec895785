// The `Accounts` service: thin adapters from messages to commands and queries. A resource has
// a file: accounts, settings and cards are in accounts_service.cc, the others in users.cc,
// limits.cc, top_ups.cc, payments.cc, refunds.cc, history.cc, statements.cc, receipts.cc,
// exports.cc and advice.cc.
//
// Handlers parse, hand over, and return; replies come from the engine's threads.
// Thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_ACCOUNTS_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_ACCOUNTS_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>

#include "common/rpc/doorkeeper.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"

namespace reserve::api {

class AccountsService final : public pb::Accounts::CallbackService {
 public:
  // `keeper`, which may be null, is asked at each message of an export whether the caller may still
  // have it.
  explicit AccountsService(const ApiContext& api, const Doorkeeper* keeper = nullptr)
      : api_(api), keeper_(keeper) {}

  // Ends exports with UNAVAILABLE "DRAINING"; the client goes on elsewhere with its last resume
  // token. Must be called before the server is drained.
  void EndStreams() { draining_ = true; }

  grpc::ServerUnaryReactor* OpenAccount(grpc::CallbackServerContext* context,
                                        const pb::OpenAccountRequest* request,
                                        pb::Account* response) override;
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* context,
                                       const pb::GetAccountRequest* request,
                                       pb::Account* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* context,
                                         const pb::ListAccountsRequest* request,
                                         pb::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateAccount(grpc::CallbackServerContext* context,
                                          const pb::UpdateAccountRequest* request,
                                          pb::Account* response) override;
  grpc::ServerUnaryReactor* UpdateBillingSettings(grpc::CallbackServerContext* context,
                                                  const pb::UpdateBillingSettingsRequest* request,
                                                  pb::BillingSettings* response) override;
  grpc::ServerUnaryReactor* AddPaymentMethod(grpc::CallbackServerContext* context,
                                             const pb::AddPaymentMethodRequest* request,
                                             pb::PaymentMethod* response) override;
  grpc::ServerUnaryReactor* RemovePaymentMethod(grpc::CallbackServerContext* context,
                                                const pb::RemovePaymentMethodRequest* request,
                                                pb::Account* response) override;
  grpc::ServerUnaryReactor* ListPaymentMethods(grpc::CallbackServerContext* context,
                                               const pb::ListPaymentMethodsRequest* request,
                                               pb::ListPaymentMethodsResponse* response) override;
  grpc::ServerUnaryReactor* UpdatePaymentMethod(grpc::CallbackServerContext* context,
                                                const pb::UpdatePaymentMethodRequest* request,
                                                pb::PaymentMethod* response) override;
  grpc::ServerUnaryReactor* GetLimits(grpc::CallbackServerContext* context,
                                      const pb::GetLimitsRequest* request,
                                      pb::AccountLimits* response) override;
  grpc::ServerUnaryReactor* PutUser(grpc::CallbackServerContext* context,
                                    const pb::PutUserRequest* request, pb::User* response) override;
  grpc::ServerUnaryReactor* RemoveUser(grpc::CallbackServerContext* context,
                                       const pb::RemoveUserRequest* request,
                                       pb::User* response) override;
  grpc::ServerUnaryReactor* GetUser(grpc::CallbackServerContext* context,
                                    const pb::GetUserRequest* request, pb::User* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const pb::ListUsersRequest* request,
                                      pb::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* RequestRecharge(grpc::CallbackServerContext* context,
                                            const pb::RequestRechargeRequest* request,
                                            pb::Recharge* response) override;
  grpc::ServerUnaryReactor* GetRecharge(grpc::CallbackServerContext* context,
                                        const pb::GetRechargeRequest* request,
                                        pb::Recharge* response) override;
  grpc::ServerUnaryReactor* ListRecharges(grpc::CallbackServerContext* context,
                                          const pb::ListRechargesRequest* request,
                                          pb::ListRechargesResponse* response) override;
  grpc::ServerUnaryReactor* ListRefunds(grpc::CallbackServerContext* context,
                                        const pb::ListRefundsRequest* request,
                                        pb::ListRefundsResponse* response) override;
  grpc::ServerUnaryReactor* ListDisputes(grpc::CallbackServerContext* context,
                                         const pb::ListDisputesRequest* request,
                                         pb::ListDisputesResponse* response) override;
  grpc::ServerUnaryReactor* ListPayments(grpc::CallbackServerContext* context,
                                         const pb::ListPaymentsRequest* request,
                                         pb::ListPaymentsResponse* response) override;
  grpc::ServerUnaryReactor* GetUsage(grpc::CallbackServerContext* context,
                                     const pb::GetUsageRequest* request,
                                     pb::UsageRecord* response) override;
  grpc::ServerUnaryReactor* ListUsage(grpc::CallbackServerContext* context,
                                      const pb::ListUsageRequest* request,
                                      pb::ListUsageResponse* response) override;
  grpc::ServerUnaryReactor* SummarizeUsage(grpc::CallbackServerContext* context,
                                           const pb::SummarizeUsageRequest* request,
                                           pb::SummarizeUsageResponse* response) override;
  grpc::ServerUnaryReactor* GetEntry(grpc::CallbackServerContext* context,
                                     const pb::GetEntryRequest* request,
                                     pb::Entry* response) override;
  grpc::ServerUnaryReactor* ListEntries(grpc::CallbackServerContext* context,
                                        const pb::ListEntriesRequest* request,
                                        pb::ListEntriesResponse* response) override;
  grpc::ServerUnaryReactor* QuoteUsage(grpc::CallbackServerContext* context,
                                       const pb::QuoteUsageRequest* request,
                                       pb::QuoteUsageResponse* response) override;
  grpc::ServerUnaryReactor* GetBillingAdvice(grpc::CallbackServerContext* context,
                                             const pb::GetBillingAdviceRequest* request,
                                             pb::BillingAdvice* response) override;
  grpc::ServerUnaryReactor* GetReceipt(grpc::CallbackServerContext* context,
                                       const pb::GetReceiptRequest* request,
                                       pb::Receipt* response) override;
  grpc::ServerUnaryReactor* ListReceipts(grpc::CallbackServerContext* context,
                                         const pb::ListReceiptsRequest* request,
                                         pb::ListReceiptsResponse* response) override;
  grpc::ServerWriteReactor<pb::ExportResponse>* Export(grpc::CallbackServerContext* context,
                                                       const pb::ExportRequest* request) override;

 private:
  const ApiContext api_;
  const Doorkeeper* const keeper_;
  std::atomic<bool> draining_ = false;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_ACCOUNTS_SERVICE_H_
