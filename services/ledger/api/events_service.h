// The `Events` service: what happened to accounts. Thread-safe. EndStreams() must be called
// before the server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_EVENTS_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_EVENTS_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/events.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/watch_events.h"

namespace reserve::api {

class EventsService final : public pb::Events::CallbackService {
 public:
  explicit EventsService(const ApiContext& api) : api_(api) {}

  // Ends open watches with UNAVAILABLE; new ones end at once.
  void EndStreams() { watches_.EndAll(); }
  // Ends watches whose caller may no longer have them with PERMISSION_DENIED.
  void EndRefusedStreams(const Doorkeeper& keeper) { watches_.EndRefused(keeper); }

  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const pb::ListEventsRequest* request,
                                       pb::ListEventsResponse* response) override;
  grpc::ServerWriteReactor<pb::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) override;

 private:
  const ApiContext api_;
  EventWatches watches_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_EVENTS_SERVICE_H_
