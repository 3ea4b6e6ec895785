// The `StreamUsage` call: an endless flow of usages with a durable watermark.
//
// At most kWindow messages of a stream are undecided at a time, and fewer while
// the lanes are crowded: beyond that the stream is not read, so that flow control
// pushes back on the client; nor is it while the caller comes faster than he may. Many streams may
// run at once, up to a bound; thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_STREAM_USAGE_H_
#define RESERVE_SERVICES_LEDGER_API_STREAM_USAGE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>

#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"

namespace reserve::api {

class UsageStream;

// The streams that are open.
class UsageStreams {
 public:
  using Reactor = grpc::ServerBidiReactor<pb::StreamUsageRequest, pb::StreamUsageResponse>;

  Reactor* Start(const ApiContext& api, grpc::CallbackServerContext* context);

  // No more reading: what was read is decided and acknowledged, and then each
  // stream ends with UNAVAILABLE. New streams end at once.
  void EndAll();
  // The same for those whose caller may no longer have them, with PERMISSION_DENIED.
  void EndRefused(const Doorkeeper& keeper);

 private:
  // So many may be open at a time.
  OpenStreams<UsageStream> open_{1024};
};

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_STREAM_USAGE_H_
