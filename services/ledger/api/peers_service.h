// The `Peers` service: takes what other ledgers pass on, and does it here.
//
// What comes is done whoever works on its account, and never passed on. Thread-safe. EndStreams()
// must be called before the server is drained.
#ifndef RESERVE_SERVICES_LEDGER_API_PEERS_SERVICE_H_
#define RESERVE_SERVICES_LEDGER_API_PEERS_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/peers.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"

namespace reserve::api {

class PassedStream;

class PeersService final : public pb::Peers::CallbackService {
 public:
  explicit PeersService(const ApiContext& api) : api_(api) {}

  // Has open streams answer what they have read, and ends them with UNAVAILABLE.
  void EndStreams();
  // The same for streams whose caller may no longer have them, with PERMISSION_DENIED.
  void EndRefusedStreams(const Doorkeeper& keeper);

  grpc::ServerBidiReactor<pb::PassOnRequest, pb::PassOnResponse>* PassOn(
      grpc::CallbackServerContext* context) override;

 private:
  const ApiContext api_;
  OpenStreams<PassedStream> open_{256};
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_PEERS_SERVICE_H_
