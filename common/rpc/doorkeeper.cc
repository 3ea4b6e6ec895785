#include "common/rpc/doorkeeper.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/errors.h"
#include "common/rpc/status.h"
#include "common/telemetry/log.h"

namespace reserve {
namespace {

// A caller that is refused will often call again and again: a line a minute says so.
constexpr absl::Duration kTellAgain = absl::Minutes(1);
constexpr size_t kMostTold = 1024;

// "package.Service/Method", as people write it.
absl::string_view Shown(absl::string_view method) { return absl::StripPrefix(method, "/"); }

// What a caller is, as the refusal says it.
std::string WhatItIs(const std::optional<Roles>& roles) {
  return roles.has_value() ? absl::StrCat("has the roles ", NamesOf(*roles)) : "is not known";
}

// The machine of a peer, without the port, as each connection has one of its own.
absl::string_view MachineOf(absl::string_view peer) {
  const bool has_port = absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:");
  return has_port ? peer.substr(0, peer.rfind(':')) : peer;
}

// By whose rate a call goes: the caller's, or in plain text the machine's that it comes from.
std::string RateKeyOf(const grpc::ServerContextBase& context) {
  std::string caller = CallerOf(context);
  return caller.empty() ? std::string(MachineOf(context.peer())) : caller;
}

}  // namespace

Doorkeeper::Doorkeeper(std::string domain, const RolesFile* roles, prometheus::Registry& registry,
                       double caller_rate)
    : domain_(std::move(domain)),
      roles_(roles),
      refused_(prometheus::BuildCounter()
                   .Name("reserve_door_refusals_total")
                   .Help("Calls that were refused for who made them, how large they were or how "
                         "often they came, by method and status code.")
                   .Register(registry)),
      durations_(registry),
      callers_(caller_rate) {}

absl::Status Doorkeeper::Check(const MethodAccess& row,
                               const grpc::ServerContextBase& context) const {
  if (roles_ == nullptr) return absl::OkStatus();
  const std::string caller = CallerOf(context);
  if (caller.empty()) return CallerUnnamed();
  const std::optional<Roles> roles = roles_->Of(caller);
  if (roles.has_value() && roles->Meets(row.roles)) return absl::OkStatus();
  const std::string may = NamesOf(row.roles);
  return WithMetadata(
      CallerMayNot(Shown(row.method), absl::StrCat("the roles ", may), caller, WhatItIs(roles)),
      "roles", may);
}

absl::Status Doorkeeper::CheckKnown(absl::string_view method, const std::string& caller) const {
  if (roles_ == nullptr) return absl::OkStatus();
  if (caller.empty()) return CallerUnnamed();
  if (roles_->Of(caller).has_value()) return absl::OkStatus();
  return CallerMayNot(Shown(method), "callers that the roles file names", caller,
                      WhatItIs(std::nullopt));
}

absl::Status Doorkeeper::CheckSize(const MethodAccess& row, size_t bytes) {
  return bytes > row.most_bytes ? RequestTooLarge(bytes, row.most_bytes) : absl::OkStatus();
}

absl::Status Doorkeeper::TakeTurns(const grpc::ServerContextBase& context, int64_t count) {
  if (!callers_.limits()) return absl::OkStatus();
  const std::string key = RateKeyOf(context);
  const absl::Duration wait = callers_.Take(key, count, MonotonicNow());
  return wait > absl::ZeroDuration() ? CallerRateExceeded(key, wait) : absl::OkStatus();
}

absl::Status Doorkeeper::Admit(absl::string_view method, const grpc::ServerContextBase& context,
                               int64_t count) {
  absl::Status status = TakeTurns(context, count);
  if (!status.ok()) Tell(method, CallerOf(context), context.peer(), status);
  return status;
}

absl::Duration Doorkeeper::Pace(const grpc::ServerContextBase& context) {
  if (!callers_.limits()) return absl::ZeroDuration();
  return callers_.Owe(RateKeyOf(context), 1, MonotonicNow());
}

absl::Status Doorkeeper::CheckAll(const MethodAccess& row,
                                  const grpc::CallbackServerContext& context, size_t bytes) {
  RESERVE_RETURN_IF_ERROR(Check(row, context));
  RESERVE_RETURN_IF_ERROR(CheckSize(row, bytes));
  return row.counted == Counted::kAtTheDoor ? TakeTurns(context, 1) : absl::OkStatus();
}

grpc::Status Doorkeeper::Enter(const MethodAccess& row, grpc::CallbackServerContext& context,
                               size_t bytes) {
  const absl::Status status = CheckAll(row, context, bytes);
  if (status.ok()) return grpc::Status::OK;
  Tell(row.method, CallerOf(context), context.peer(), status);
  durations_.Observe(row.method, status.code(), absl::ZeroDuration());
  AddRetryPushback(status, context);
  return ToGrpcStatus(status, domain_);
}

void Doorkeeper::Tell(absl::string_view method, const std::string& caller, const std::string& peer,
                      const absl::Status& refusal) {
  refused_
      .Add({{"method", std::string(Shown(method))},
            {"code", absl::StatusCodeToString(refusal.code())}})
      .Increment();
  if (!WorthALine(absl::StrCat(caller, " ", caller.empty() ? MachineOf(peer) : "", " ", method)))
    return;
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
