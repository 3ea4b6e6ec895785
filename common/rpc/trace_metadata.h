// The trace that a call belongs to, in its metadata: W3C's `traceparent`. Nothing else that a
// caller sends along (`tracestate`, `baggage`) goes any further.
//
// Thread-safe: pure functions.
//
//   const TraceContext span = tracer.Begin(TraceOf(*context));
//   SetTrace(span, &client_context);
#ifndef RESERVE_COMMON_RPC_TRACE_METADATA_H_
#define RESERVE_COMMON_RPC_TRACE_METADATA_H_

#include <grpcpp/grpcpp.h>

#include <optional>

#include "common/telemetry/trace.h"

namespace reserve {

// The metadata key that carries it.
inline constexpr char kTraceparentKey[] = "traceparent";

// The caller's; nothing without one that has sense, or with several.
std::optional<TraceContext> TraceOf(const grpc::ServerContextBase& context);

// Passes it on with a call; nothing happens where it is no trace.
void SetTrace(const TraceContext& trace, grpc::ClientContext* context);

}  // namespace reserve

#endif  // RESERVE_COMMON_RPC_TRACE_METADATA_H_
