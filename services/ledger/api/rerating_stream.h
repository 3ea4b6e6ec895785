// The RerateUsage stream: a dry run, or how a rerating goes on.
//
// A dry run reads a page at a time in the bulk pool, and the next one once the client has taken the
// one before. A rerating is stored, worked on by the engine, and looked at now and then. No thread
// waits for a client. Thread-safe; must outlive the server.
#ifndef RESERVE_SERVICES_LEDGER_API_RERATING_STREAM_H_
#define RESERVE_SERVICES_LEDGER_API_RERATING_STREAM_H_

#include <grpcpp/grpcpp.h>

#include "reserve/ledger/v1/rates.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"

namespace reserve::api {

class ReratingStream;

// The streams that are open.
class ReratingStreams {
 public:
  using Reactor = grpc::ServerWriteReactor<pb::RerateUsageResponse>;

  Reactor* Start(const ApiContext& api, grpc::CallbackServerContext* context,
                 const pb::RerateUsageRequest& request);

  // Ends open streams with UNAVAILABLE; new ones end at once.
  void EndAll();
  // Ends those whose caller may no longer have them with PERMISSION_DENIED.
  void EndRefused(const Doorkeeper& keeper);

 private:
  OpenStreams<ReratingStream> open_;
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_RERATING_STREAM_H_
