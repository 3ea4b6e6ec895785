// Simulated traffic that goes on until it is told to stop, for looking at a stack that lives: small
// firms with names, whose people call (by holds, as a switch does it), text, and look at their
// calls; money that runs low and is recharged; now and then a customer whose card is declined, or
// whose charge a person must look at.
//
// Each step is one thing that somebody does. What came of it is written, a line each. Of one
// thread.
//
//   Traffic traffic(channel, {.seed = 7}, std::cout);
//   RETURN_IF_ERROR(traffic.Open());
//   while (!signal.WaitFor(pause)) RETURN_IF_ERROR(traffic.Step());
//   traffic.Close();
#ifndef RESERVE_TESTS_E2E_PLAY_TRAFFIC_H_
#define RESERVE_TESTS_E2E_PLAY_TRAFFIC_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "reserve/ledger/v1/accounts.grpc.pb.h"
#include "reserve/ledger/v1/ledger.grpc.pb.h"
#include "tests/e2e/telephone_switch.h"

namespace reserve::play {

namespace pb = ::reserve::ledger::v1;

class Traffic {
 public:
  struct Options {
    uint64_t seed = 1;
    // Put behind the ids of usages, holds and new customers, so that each run has its own.
    std::string run = "run";
  };
  struct Counts {
    int64_t calls = 0;
    int64_t refused = 0;  // calls that could not begin
    int64_t texts = 0;
    int64_t looks = 0;
    int64_t customers = 0;
  };

  Traffic(const std::shared_ptr<grpc::Channel>& ledger, const Options& options, std::ostream& out);

  // Opens the firms that are not there yet, with their people.
  absl::Status Open();
  // One thing happens. The error of a call that should have worked; refusals are part of the play.
  absl::Status Step();
  // Ends the calls that are in progress.
  absl::Status Close();

  const Counts& counts() const { return counts_; }

 private:
  absl::Status OpenFirm(const std::string& id, const std::string& name, const std::string& card);
  absl::Status Dial();
  // Calls go on, and those that have lasted long enough end.
  absl::Status GoOn();
  absl::Status HangUp(const std::string& call_id);
  absl::Status Text();
  absl::Status Spend();
  absl::Status Look();
  absl::Status NewCustomer();

  uint64_t Below(uint64_t bound);
  void Say(absl::string_view who, absl::string_view what);

  const Options options_;
  std::ostream& out_;
  std::mt19937_64 random_;
  std::unique_ptr<pb::Accounts::Stub> accounts_;
  std::unique_ptr<pb::Ledger::Stub> ledger_;
  e2e::TelephoneSwitch switch_;
  std::map<std::string, absl::Duration> in_progress_;  // how long each call is to last
  int64_t ids_ = 0;
  Counts counts_;
};

}  // namespace reserve::play

#endif  // RESERVE_TESTS_E2E_PLAY_TRAFFIC_H_
