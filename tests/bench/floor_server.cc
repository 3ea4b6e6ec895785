// floor_server: what an RPC costs by itself. Serves Ledger.RecordUsage with an answer of
// the usual size and no work behind it, in the shell that the real ledger uses.
//
//   floor_server --listen=127.0.0.1:0 --port_file=/tmp/port
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "common/flags/flags.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/server.h"
#include "common/rpc/shutdown_signal.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:0", "host:port or unix:/path to serve on.");

namespace reserve::bench {
namespace {

namespace pb = ledger::v1;

class EmptyLedger : public pb::Ledger::CallbackService {
 public:
  grpc::ServerUnaryReactor* RecordUsage(grpc::CallbackServerContext* context,
                                        const pb::RecordUsageRequest*,
                                        pb::RecordUsageResponse* response) override {
    response->set_seq(1'000);
    response->mutable_cost()->set_currency_code("USD");
    response->mutable_cost()->set_nanos(50'000'000);
    response->mutable_balance_after()->set_currency_code("USD");
    response->mutable_balance_after()->set_units(999'999);
    response->mutable_balance_after()->set_nanos(950'000'000);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

absl::Status Serve() {
  ShutdownSignal signal;
  EmptyLedger ledger;
  const auto options = ServerOptionsFromFlags(absl::GetFlag(FLAGS_listen));
  if (!options.ok()) return options.status();
  auto server = RpcServer::Start(*options, {{pb::Ledger::service_full_name(), &ledger}});
  if (!server.ok()) return server.status();
  (*server)->SetServing(true);
  signal.Wait();
  (*server)->Drain(absl::Seconds(1));
  return absl::OkStatus();
}

}  // namespace
}  // namespace reserve::bench

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv, "floor_server [flags]\n  Answers RecordUsage with no work.\n");
  const absl::Status status = reserve::bench::Serve();
  if (status.ok()) return 0;
  std::fprintf(stderr, "floor_server: %s\n", status.ToString().c_str());
  return 1;
}
