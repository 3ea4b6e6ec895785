// play: keeps simulated traffic going on a running stack, and tells of all that happens, until
// Ctrl-C. `./run play` starts it beside `./run up`.

#include <atomic>
#include <cstdio>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "absl/flags/flag.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/flags/flags.h"
#include "common/money/money.h"
#include "common/rpc/channel.h"
#include "common/rpc/conversions.h"
#include "common/rpc/rpc_flags.h"
#include "common/rpc/shutdown_signal.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "tests/e2e/play_traffic.h"

ABSL_FLAG(std::string, ledger, "127.0.0.1:50051", "Where the ledger serves.");
ABSL_FLAG(double, steps_per_second, 4, "How much happens.");
ABSL_FLAG(int64_t, steps, 0, "Ends after so many steps; 0: when it is told to (Ctrl-C).");
ABSL_FLAG(uint64_t, seed, 0, "Of what happens; 0: another one each time.");

namespace reserve::play {
namespace {

// Follows the events of all accounts, and counts and tells of those that money is about.
class Events {
 public:
  explicit Events(const std::shared_ptr<grpc::Channel>& ledger)
      : stub_(pb::Events::NewStub(ledger)), thread_([this] { Follow(); }) {}
  ~Events() {
    ended_ = true;
    context_.TryCancel();
    thread_.join();
  }

  std::string Summary() const {
    return absl::StrCat(recharges_.load(), " recharges, ", declines_.load(), " declines, ",
                        reviews_.load(), " charges for a person to look at");
  }

 private:
  void Follow() {
    pb::WatchEventsRequest request;
    for (const pb::EventKind kind :
         {pb::EVENT_KIND_RECHARGE_OPENED, pb::EVENT_KIND_RECHARGE_SUCCEEDED,
          pb::EVENT_KIND_RECHARGE_DECLINED, pb::EVENT_KIND_RECHARGE_FAILED,
          pb::EVENT_KIND_RECHARGE_NEEDS_REVIEW, pb::EVENT_KIND_RECHARGE_PENDING,
          pb::EVENT_KIND_CHARGED_LESS, pb::EVENT_KIND_DISABLED, pb::EVENT_KIND_ENABLED,
          pb::EVENT_KIND_LOW_BALANCE}) {
      request.add_kinds(kind);
    }
    const auto reader = stub_->WatchEvents(&context_, request);
    pb::WatchEventsResponse message;
    while (reader->Read(&message)) {
      for (const pb::Event& event : message.events()) Tell(event);
    }
    const grpc::Status status = reader->Finish();
    if (ended_) return;
    std::cout << "events are no longer followed: " << status.error_message() << std::endl;
  }

  void Tell(const pb::Event& event) {
    if (event.kind() == pb::EVENT_KIND_RECHARGE_SUCCEEDED) ++recharges_;
    if (event.kind() == pb::EVENT_KIND_RECHARGE_DECLINED) ++declines_;
    if (event.kind() == pb::EVENT_KIND_RECHARGE_NEEDS_REVIEW) ++reviews_;
    std::string name = pb::EventKind_Name(event.kind());
    name = absl::AsciiStrToLower(absl::StrReplaceAll(name, {{"EVENT_KIND_", ""}, {"_", " "}}));
    std::ostringstream line;
    line << absl::FormatTime("%H:%M:%S", absl::Now(), absl::UTCTimeZone()) << "    ("
         << event.account_id() << ": " << name;
    const auto balance = reserve::FromProto(event.balance(), "", "balance");
    if (balance.ok()) line << ", balance $" << FormatDecimal(*balance);
    line << ")\n";
    std::cout << line.str() << std::flush;
  }

  std::unique_ptr<pb::Events::Stub> stub_;
  grpc::ClientContext context_;
  std::atomic<bool> ended_ = false;
  std::atomic<int64_t> recharges_ = 0;
  std::atomic<int64_t> declines_ = 0;
  std::atomic<int64_t> reviews_ = 0;
  std::thread thread_;  // last: it uses all of the above
};

absl::Status PlayUntilToldToStop() {
  ShutdownSignal signal;
  const double rate = absl::GetFlag(FLAGS_steps_per_second);
  if (!(rate > 0 && rate <= 1000)) return InvalidField("--steps_per_second", "must be up to 1000");
  const int64_t steps = absl::GetFlag(FLAGS_steps);
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = absl::Uniform<uint64_t>(absl::BitGen());
  RESERVE_ASSIGN_OR_RETURN(const auto channel,
                           MakeChannel(absl::GetFlag(FLAGS_ledger), ChannelOptionsFromFlags()));
  std::cout << "Simulated traffic on the ledger at " << absl::GetFlag(FLAGS_ledger) << ", " << rate
            << " steps a second (seed " << seed
            << "). Nobody is charged by the gateway stub.\nLines in brackets are events that "
               "follow. Ctrl-C stops it."
            << std::endl;
  Traffic traffic(
      channel,
      {.seed = seed, .run = absl::FormatTime("%m%d%H%M%S", absl::Now(), absl::UTCTimeZone())},
      std::cout);
  RESERVE_RETURN_IF_ERROR(traffic.Open());
  Events events(channel);
  absl::Status status;
  for (int64_t step = 0; steps == 0 || step < steps; ++step) {
    if (signal.WaitFor(absl::Seconds(1 / rate))) break;
    status = traffic.Step();
    if (!status.ok()) break;
  }
  std::cout << "Stopping: calls in progress are hung up." << std::endl;
  if (status.ok()) status = traffic.Close();
  const Traffic::Counts& counts = traffic.counts();
  std::cout << "play: " << counts.calls << " calls, " << counts.refused << " refused, "
            << counts.texts << " texts, " << counts.looks << " looks at what was used, "
            << counts.customers << " new customers; " << events.Summary() << std::endl;
  return status;
}

}  // namespace
}  // namespace reserve::play

int main(int argc, char* argv[]) {
  reserve::ParseFlags(argc, argv,
                      "Keeps simulated traffic going on a running stack, until Ctrl-C.");
  const absl::Status status = reserve::play::PlayUntilToldToStop();
  if (status.ok()) return reserve::kExitOk;
  std::fprintf(stderr, "play: %s\n", std::string(status.message()).c_str());
  return reserve::ExitCodeOf(status);
}
