#include "common/rpc/caller.h"

#include <grpc/grpc_security_constants.h>

#include <memory>
#include <vector>

#include "common/access/roles.h"

namespace reserve {

std::string CallerOf(const grpc::AuthContext* auth) {
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return "";
  for (const char* kind : {GRPC_PEER_URI_PROPERTY_NAME, GRPC_PEER_DNS_PROPERTY_NAME}) {
    const std::vector<grpc::string_ref> names = auth->FindPropertyValues(kind);
    if (names.empty()) continue;
    std::string name(names.front().data(), names.front().size());
    return IsCallerName(name) ? name : std::string();
  }
  return "";
}

std::string CallerOf(const grpc::ServerContextBase& context) {
  return CallerOf(context.auth_context().get());
}

}  // namespace reserve
