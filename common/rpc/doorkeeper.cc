#include "common/rpc/doorkeeper.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/status.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// A caller that is refused will often call again and again: a line a minute says so.
constexpr absl::Duration kTellAgain = absl::Minutes(1);
constexpr size_t kMostTold = 1024;

// "package.Service/Method", as people write it.
absl::string_view Shown(absl::string_view method) { return absl::StripPrefix(method, "/"); }

absl::Status CallerUnnamed() {
  return MakeError(absl::StatusCode::kUnauthenticated, "CALLER_UNNAMED", "",
                   "the client's certificate has no URI and no DNS name that names the caller");
}

absl::Status CallerMayNot(absl::string_view method, absl::string_view to_whom,
                          const std::string& caller, const std::optional<Roles>& roles) {
  const std::string has =
      roles.has_value() ? absl::StrCat("has the roles ", NamesOf(*roles)) : "is not known";
  return WithMetadata(
      WithMetadata(
          MakeError(absl::StatusCode::kPermissionDenied, "CALLER_MAY_NOT", "",
                    absl::StrCat(Shown(method), " is for ", to_whom, "; ", caller, " ", has)),
          "method", Shown(method)),
      "caller", caller);
}

}  // namespace

Doorkeeper::Doorkeeper(std::string domain, const RolesFile* roles, prometheus::Registry& registry)
    : domain_(std::move(domain)),
      roles_(roles),
      refused_(prometheus::BuildCounter()
                   .Name("reserve_door_refusals_total")
                   .Help("Calls that were refused for who made them, by method and status code.")
                   .Register(registry)) {}

absl::Status Doorkeeper::Check(const MethodAccess& row,
                               const grpc::ServerContextBase& context) const {
  if (roles_ == nullptr) return absl::OkStatus();
  const std::string caller = CallerOf(context);
  if (caller.empty()) return CallerUnnamed();
  const std::optional<Roles> roles = roles_->Of(caller);
  if (roles.has_value() && roles->Meets(row.roles)) return absl::OkStatus();
  const std::string may = NamesOf(row.roles);
  return WithMetadata(CallerMayNot(row.method, absl::StrCat("the roles ", may), caller, roles),
                      "roles", may);
}

absl::Status Doorkeeper::CheckKnown(absl::string_view method, const std::string& caller) const {
  if (roles_ == nullptr) return absl::OkStatus();
  if (caller.empty()) return CallerUnnamed();
  if (roles_->Of(caller).has_value()) return absl::OkStatus();
  return CallerMayNot(method, "callers that the roles file names", caller, std::nullopt);
}

grpc::Status Doorkeeper::Enter(const MethodAccess& row,
                               const grpc::CallbackServerContext& context) {
  const absl::Status status = Check(row, context);
  if (status.ok()) return grpc::Status::OK;
  Tell(row.method, CallerOf(context), context.peer(), status);
  return ToGrpcStatus(status, domain_);
}

void Doorkeeper::Tell(absl::string_view method, const std::string& caller, const std::string& peer,
                      const absl::Status& refusal) {
  refused_
      .Add({{"method", std::string(Shown(method))},
            {"code", absl::StatusCodeToString(refusal.code())}})
      .Increment();
  if (!WorthALine(absl::StrCat(caller, " ", caller.empty() ? peer : "", " ", method))) return;
  Log(Severity::kWarning, "refused at the door",
      {{"method", Shown(method)},
       {"caller", caller},
       {"peer", peer},
       {"code", absl::StatusCodeToString(refusal.code())},
       {"error", refusal.message()}});
}

bool Doorkeeper::WorthALine(const std::string& what) {
  const Moment now = MonotonicNow();
  absl::MutexLock lock(&mutex_);
  if (told_.size() >= kMostTold) told_.clear();
  const auto [at, first] = told_.try_emplace(what, now);
  if (!first && now - at->second < kTellAgain) return false;
  at->second = now;
  return true;
}

}  // namespace reserve
