// The `Rates` service: decks in, prices out.
//
// Lists and quotes are answered from the decks in memory; an import collects the
// file and hands it to a thread of the query pool, all or nothing. Thread-safe; must
// outlive the server.
//
//   RatesService rates(api);
//   RpcServer::Start(options, {{pb::Rates::service_full_name(), &rates}});
#ifndef RESERVE_SERVICES_LEDGER_API_RATES_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_RATES_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <atomic>

#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"
#include "services/ledger/api/rerating_stream.h"

namespace reserve::api {

class ImportReactor;

class RatesService final : public pb::Rates::CallbackService {
 public:
  // `keeper`, which may be null, is asked at each piece of a deck whether the caller may still
  // import.
  explicit RatesService(const ApiContext& api, const Doorkeeper* keeper = nullptr)
      : api_(api), keeper_(keeper) {}

  // Ends what is streamed with UNAVAILABLE; what goes on in the background does so elsewhere.
  void EndStreams();
  // Ends what is streamed to, or by, callers that may no longer, with PERMISSION_DENIED.
  void EndRefusedStreams(const Doorkeeper& keeper);

  grpc::ServerReadReactor<pb::ImportRateDeckRequest>* ImportRateDeck(
      grpc::CallbackServerContext* context, pb::ImportRateDeckResponse* response) override;
  grpc::ServerUnaryReactor* ActivateRateDeck(grpc::CallbackServerContext* context,
                                             const pb::ActivateRateDeckRequest* request,
                                             pb::RateDeckActivation* response) override;
  grpc::ServerUnaryReactor* RetireRateDeck(grpc::CallbackServerContext* context,
                                           const pb::RetireRateDeckRequest* request,
                                           pb::RateDeck* response) override;
  grpc::ServerUnaryReactor* CompareRateDecks(grpc::CallbackServerContext* context,
                                             const pb::CompareRateDecksRequest* request,
                                             pb::CompareRateDecksResponse* response) override;
  grpc::ServerUnaryReactor* GetRateDeck(grpc::CallbackServerContext* context,
                                        const pb::GetRateDeckRequest* request,
                                        pb::RateDeck* response) override;
  grpc::ServerUnaryReactor* ListRateDeckActivations(
      grpc::CallbackServerContext* context, const pb::ListRateDeckActivationsRequest* request,
      pb::ListRateDeckActivationsResponse* response) override;
  grpc::ServerUnaryReactor* ListRateDecks(grpc::CallbackServerContext* context,
                                          const pb::ListRateDecksRequest* request,
                                          pb::ListRateDecksResponse* response) override;
  grpc::ServerUnaryReactor* ListRates(grpc::CallbackServerContext* context,
                                      const pb::ListRatesRequest* request,
                                      pb::ListRatesResponse* response) override;
  grpc::ServerUnaryReactor* QuoteCall(grpc::CallbackServerContext* context,
                                      const pb::QuoteCallRequest* request,
                                      pb::QuoteCallResponse* response) override;
  grpc::ServerUnaryReactor* ListUnratedUsage(grpc::CallbackServerContext* context,
                                             const pb::ListUnratedUsageRequest* request,
                                             pb::ListUnratedUsageResponse* response) override;
  ReratingStreams::Reactor* RerateUsage(grpc::CallbackServerContext* context,
                                        const pb::RerateUsageRequest* request) override {
    return reratings_.Start(api_, context, *request);
  }
  grpc::ServerUnaryReactor* GetRerating(grpc::CallbackServerContext* context,
                                        const pb::GetReratingRequest* request,
                                        pb::Rerating* response) override;
  grpc::ServerUnaryReactor* CancelRerating(grpc::CallbackServerContext* context,
                                           const pb::CancelReratingRequest* request,
                                           pb::Rerating* response) override;
  grpc::ServerUnaryReactor* ListReratings(grpc::CallbackServerContext* context,
                                          const pb::ListReratingsRequest* request,
                                          pb::ListReratingsResponse* response) override;
  // Plans (plans.cc).
  grpc::ServerUnaryReactor* PutPlan(grpc::CallbackServerContext* context,
                                    const pb::PutPlanRequest* request, pb::Plan* response) override;
  grpc::ServerUnaryReactor* RetirePlan(grpc::CallbackServerContext* context,
                                       const pb::RetirePlanRequest* request,
                                       pb::Plan* response) override;
  grpc::ServerUnaryReactor* GetPlan(grpc::CallbackServerContext* context,
                                    const pb::GetPlanRequest* request, pb::Plan* response) override;
  grpc::ServerUnaryReactor* ListPlans(grpc::CallbackServerContext* context,
                                      const pb::ListPlansRequest* request,
                                      pb::ListPlansResponse* response) override;
  grpc::ServerUnaryReactor* ListPlanVersions(grpc::CallbackServerContext* context,
                                             const pb::ListPlanVersionsRequest* request,
                                             pb::ListPlanVersionsResponse* response) override;
  grpc::ServerUnaryReactor* QuoteSms(grpc::CallbackServerContext* context,
                                     const pb::QuoteSmsRequest* request,
                                     pb::QuoteSmsResponse* response) override;

 private:
  const ApiContext api_;
  const Doorkeeper* const keeper_;
  ReratingStreams reratings_;
  OpenStreams<ImportReactor> uploads_;
  // Imports under way: each may hold a whole file in memory.
  std::atomic<int> imports_ = 0;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RATES_SERVICE_H_
