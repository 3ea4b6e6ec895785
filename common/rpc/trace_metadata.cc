#include "common/rpc/trace_metadata.h"

#include <iterator>

namespace reserve {

std::optional<TraceContext> TraceOf(const grpc::ServerContextBase& context) {
  const auto [first, last] = context.client_metadata().equal_range(kTraceparentKey);
  if (first == last || std::next(first) != last) return std::nullopt;
  return ParseTraceparent({first->second.data(), first->second.size()});
}

void SetTrace(const TraceContext& trace, grpc::ClientContext* context) {
  if (trace.valid()) context->AddMetadata(kTraceparentKey, FormatTraceparent(trace));
}

}  // namespace reserve
