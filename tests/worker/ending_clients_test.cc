// What a client's calls use is gone before the client is. gRPC ends a process whose last channel is
// let go of by one of gRPC's own threads: it waits for itself, and goes on in what is gone.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/rpc/channel.h"
#include "tests/worker/fake_ledger.h"
#include "tests/worker/gateway_server.h"
#include "worker/gateway_client.h"
#include "worker/ledger_client.h"

namespace reserve::worker {
namespace {

// Held by a call, it takes its time to go.
std::shared_ptr<void> SlowToGo(std::atomic<bool>* gone) {
  return {gone, [](std::atomic<bool>* to_set) {
            absl::SleepFor(absl::Milliseconds(200));
            *to_set = true;
          }};
}

TEST(EndingClientsTest, WhatACallToTheGatewayUsesIsGoneBeforeItsClient) {
  GatewayServer server((std::string()));
  auto client =
      std::make_unique<GatewayClient>(*MakeChannel(server.target(), {}), absl::Seconds(20));
  std::atomic<bool> gone = false;
  absl::Notification answered;
  client->LookUp({.account_id = "acme", .ordinal = 1, .attempt = 1}, TraceContext(),
                 [&answered, used = SlowToGo(&gone)](const GatewayAnswer&) { answered.Notify(); });
  answered.WaitForNotification();
  client.reset();
  EXPECT_TRUE(gone) << "the client went, and its call still held what it uses";
}

TEST(EndingClientsTest, WhatAStreamOfTheLedgerUsesIsGoneBeforeItsClient) {
  FakeLedger ledger;
  auto client = std::make_unique<LedgerClient>(*MakeChannel(ledger.target(), {}), "worker-1", 1);
  std::atomic<bool> gone = false;
  absl::Notification open;
  absl::Notification ended;
  client->Watch(
      {.on_open = [&open] { open.Notify(); },
       .on_hand_out = [](const auto&) {},
       .on_end = [&ended, used = SlowToGo(&gone)](const absl::Status&) { ended.Notify(); }});
  open.WaitForNotification();
  client->StopWatching();
  ended.WaitForNotification();
  client.reset();
  EXPECT_TRUE(gone) << "the client went, and its stream still held what it uses";
}

}  // namespace
}  // namespace reserve::worker
