// What every unary handler does around its own work: counting, timing, status
// conversion, and finishing exactly once.
//
// A handler parses, starts a command or a query, and returns the reactor; the
// rest happens on the threads of the engine. No handler blocks.
//
//   grpc::ServerUnaryReactor* AccountsService::GetAccount(...) {
//     return StartQuery(context, "GetAccount", [=](storage::Connection& connection) { ... });
//   }
#ifndef RESERVE_SERVICES_LEDGER_API_CALL_H_
#define RESERVE_SERVICES_LEDGER_API_CALL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/rpc/doorkeeper.h"
#include "common/rpc/rate_limiter.h"
#include "common/telemetry/trace.h"
#include "reserve/ledger/v1/peers.pb.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/rpc_metrics.h"
#include "services/ledger/engine/engine.h"

namespace reserve::api {

// Times one call, counts its status, and logs it if it failed.
class CallRecord {
 public:
  // `method` must outlive the call, like a literal.
  CallRecord(RpcMetrics& metrics, grpc::CallbackServerContext& context, const char* method);

  // Which trace it is of, and its own place there.
  const TraceContext& trace() const { return trace_; }

  // Whose call it is, for the log; before End.
  void SetAccount(const std::string& account_id) { account_id_ = account_id; }

  // The status for the client, after it was counted and logged, with the trailers that belong to
  // it. Once.
  grpc::Status End(const absl::Status& status) const;

 private:
  void EndSpan(const absl::Status& status, absl::Duration elapsed) const;

  RpcMetrics& metrics_;
  grpc::CallbackServerContext& context_;
  const char* method_;
  Moment start_;
  std::optional<TraceContext> parent_;
  TraceContext trace_;
  bool awaited_;  // by a drain
  std::string account_id_;
};

// About how much memory gRPC and the request hold while a unary call waits for its
// command, and the same for one usage of a batch. Measured; see `overload` of bench.
inline constexpr uint32_t kUnaryCallBytes = 9 << 10;
inline constexpr uint32_t kBatchUsageBytes = 512;

class PeerLinks;

// What the services of the ledger share. Must outlive all calls.
struct ApiContext {
  engine::Engine& engine;
  PeerLinks& peers;
  RpcMetrics& metrics;
  Doorkeeper& keeper;
  // How often an account may be called about, by whomever.
  RateLimiter& account_rates;

  // How accounts are shown now.
  Sight Now() const { return {engine.options().settings, engine.Now()}; }
};

// UNAVAILABLE while a drain is under way, and before the engine has started.
absl::Status CheckTaken(const ApiContext& api);

// RESOURCE_EXHAUSTED "CALLER_RATE_EXCEEDED", which was counted and logged, if the caller makes more
// calls than may be. `count` calls, of methods that count them once they have read them; `method`
// must be a literal.
absl::Status CheckCallerRate(const ApiContext& api, const grpc::CallbackServerContext& context,
                             const char* method, int64_t count = 1);
// RESOURCE_EXHAUSTED "ACCOUNT_RATE_EXCEEDED", which was counted and logged, if more comes for the
// account than may. What moves money or state otherwise than as traffic is never refused for it:
// whoever floods an account does not keep support from blocking it.
absl::Status CheckAccountRate(const ApiContext& api, const grpc::CallbackServerContext& context,
                              const char* method, const std::string& account_id);

// Answers a call whose outcome is known already. `account_id`: the one that the request names, for
// the log; whatever it is.
grpc::ServerUnaryReactor* FinishNow(const ApiContext& api, grpc::CallbackServerContext* context,
                                    const char* method, const absl::Status& status,
                                    const std::string& account_id = "");

// Answers a call by work on a thread of the query pool. The work fills the
// response and may run twice.
grpc::ServerUnaryReactor* StartQuery(const ApiContext& api, grpc::CallbackServerContext* context,
                                     const char* method, engine::QueryPool::Work work);
// The same of one account, which the log then names if the call is refused.
grpc::ServerUnaryReactor* StartQuery(const ApiContext& api, grpc::CallbackServerContext* context,
                                     const char* method, const std::string& account_id,
                                     engine::QueryPool::Work work);

// The same in a pool of the engine's, for what is none of the quick reads. The work ends when the
// caller has gone.
grpc::ServerUnaryReactor* StartQueryIn(engine::QueryPool& pool, const ApiContext& api,
                                       grpc::CallbackServerContext* context, const char* method,
                                       engine::QueryPool::Work work);
grpc::ServerUnaryReactor* StartQueryIn(engine::QueryPool& pool, const ApiContext& api,
                                       grpc::CallbackServerContext* context, const char* method,
                                       const std::string& account_id, engine::QueryPool::Work work);

// A command that a request asks for, an error if the request was bad; and the account that it
// names, whatever that is.
struct AskedTask {
  std::string account_id;
  absl::StatusOr<engine::Task> task;
};

// Answers a call by a command. `fill`
// moves the reply into the response; `field_prefix` is put before the field of a
// refusal, except before "account_id".
using FillResponse = std::function<void(book::Reply&&)>;
// Fills what a command on an account answers. The context must outlive the call.
FillResponse FillAccount(const ApiContext& api, ledger::v1::Account* response);
grpc::ServerUnaryReactor* StartCommand(const ApiContext& api, grpc::CallbackServerContext* context,
                                       const char* method, AskedTask asked, FillResponse fill,
                                       const char* field_prefix = "");

// The same of a command that is passed on where another ledger works on its account
// (peer_links.h): one of which a repeat does nothing new.
struct Passable {
  std::function<void(ledger::v1::PassedCommand*)> ask;  // writes the request down
  std::function<void(ledger::v1::PassedResult*)> take;  // fills the response; may take parts away
};
grpc::ServerUnaryReactor* StartPassable(const ApiContext& api, grpc::CallbackServerContext* context,
                                        const char* method, AskedTask asked, FillResponse fill,
                                        Passable passable, const char* field_prefix = "");

// The same, and more is told of what was done: `more` answers what is to be read for that, in the
// query pool, or nothing. Where it can't be read the answer goes without.
using ReadMore = std::function<engine::QueryPool::Work(const book::Reply&)>;
grpc::ServerUnaryReactor* StartCommandThen(const ApiContext& api,
                                           grpc::CallbackServerContext* context, const char* method,
                                           AskedTask asked, FillResponse fill, ReadMore more,
                                           const char* field_prefix = "");

// The same where the command's account must be looked for first: `find`, in the query pool, answers
// the task, or nothing if there is none to do: then it has filled the response. It may run twice.
using FindTask = std::function<absl::StatusOr<std::optional<engine::Task>>(storage::Connection&)>;
grpc::ServerUnaryReactor* StartFoundCommand(const ApiContext& api,
                                            grpc::CallbackServerContext* context,
                                            const char* method, FindTask find, FillResponse fill);

// Submits the one command of a unary call, which `sink` answers: what the two above do with a sink
// of their own. It is not begun after the deadline (common/rpc/deadline.h).
void SubmitFor(engine::Engine& engine, engine::Task&& task, Moment deadline,
               engine::ReplySink* sink);

// A command on an account, once its id is known to be well formed.
AskedTask TaskFor(const std::string& account_id, absl::StatusOr<book::Command> command);
// The same, and who does it, as the request says; may be empty.
AskedTask TaskBy(const std::string& actor, const std::string& account_id,
                 absl::StatusOr<book::Command> command);

// UNAVAILABLE "DRAINING": what a stream is ended with when a drain begins.
absl::Status Draining();

// Puts the prefix of a resource before the field of a refusal, but before those that stand beside
// it: "account_id", "request_id", "plan_effective_time".
absl::Status PrefixField(const absl::Status& status, absl::string_view prefix);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_CALL_H_
