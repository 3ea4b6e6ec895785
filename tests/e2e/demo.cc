// The demo: plays the life of three accounts on a running stack, and checks every
// figure. `./run demo` starts the stack for it.

#include <cstdio>
#include <iostream>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/rpc/channel.h"
#include "common/rpc/rpc_flags.h"
#include "tests/e2e/demo_client.h"
#include "tests/e2e/demo_play.h"
#include "tests/e2e/demo_report.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "Where the ledger serves.");
ABSL_FLAG(std::string, gateway, "127.0.0.1:50052", "Where the gateway stub serves.");

namespace reserve::demo {
namespace {

absl::StatusOr<int> Main() {
  const std::string ledger = absl::GetFlag(FLAGS_ledger);
  const std::string gateway = absl::GetFlag(FLAGS_gateway);
  RESERVE_ASSIGN_OR_RETURN(const auto ledger_channel,
                           MakeChannel(ledger, ChannelOptionsFromFlags()));
  RESERVE_ASSIGN_OR_RETURN(const auto gateway_channel,
                           MakeChannel(gateway, ChannelOptionsFromFlags()));
  const std::string run = absl::FormatTime("%Y%m%d-%H%M%E3S", absl::Now(), absl::UTCTimeZone());
  std::cout << "The life of three accounts, on the ledger at " << ledger << " and the gateway at "
            << gateway << ".\nEvery figure is checked against the rules in docs/RULES.md; "
            << "this is run " << run << ".\n";
  Client client(ledger_channel, gateway_channel);
  Report report(std::cout);
  Play play(&client, &report, run);
  play.Run();
  return report.Finish();
}

}  // namespace
}  // namespace reserve::demo

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv, "Shows what the stack does, and checks every figure of it.");
  const absl::StatusOr<int> status = reserve::demo::Main();
  if (status.ok()) return *status;
  std::fprintf(stderr, "demo: %s\n", std::string(status.status().message()).c_str());
  return 2;
}
