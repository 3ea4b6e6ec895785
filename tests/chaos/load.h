// Callers: switches, SMS senders, billing pages and banks that keep the ledgers busy, and never let
// go of a request before they know how it ended.
//
// Whatever is not an answer is sent again with the same id, to the other ledger, until it is
// booked or refused; all of it is noted in the record. Each caller is a thread with a
// connection to each ledger, through the proxies.
//
//   Load load(stage, record, {.accounts = 200, .seed = 1});
//   RESERVE_RETURN_IF_ERROR(load.OpenAccounts());
//   load.Start();
//   ...
//   load.Stop(absl::Seconds(60));  // returns when nothing is pending, or it was given up
#ifndef RESERVE_TESTS_CHAOS_LOAD_H_
#define RESERVE_TESTS_CHAOS_LOAD_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/chaos/record.h"
#include "tests/chaos/stage.h"
#include "tests/chaos/waits.h"

namespace reserve::chaos {

struct LoadOptions {
  int accounts = 200;
  uint64_t seed = 1;
};

struct LoadCounts {
  std::atomic<int64_t> operations = 0;  // answered, one way or the other
  std::atomic<int64_t> retries = 0;     // requests sent again
  std::atomic<int64_t> failures = 0;    // INTERNAL and UNKNOWN, which nobody should see
  std::atomic<bool> giving_up = false;  // what is pending is not sent again
  Waits waits;                          // of requests about one account
};

class Load {
 public:
  // What is passed in must outlive it.
  Load(Stage& stage, Record& record, const LoadOptions& options)
      : stage_(stage), record_(record), options_(options) {
    if (const test_support::VitessCluster* const vitess = stage.databases().vitess()) {
      counts_.waits.SetShards(vitess->shards());
    }
  }
  ~Load() { Stop(absl::ZeroDuration()); }

  // Accounts with all kinds of cards, each with a metered user "ann" and an unlimited "bob".
  absl::Status OpenAccounts();
  void Start();
  // No new requests; those that are pending are given up after `patience`.
  void Stop(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);
  // When all is settled: waits, for `patience` at most, until the gateway has decided whatever it
  // left open, and tells the ledgers how refunds and disputes stand. False if that was not to be
  // had.
  bool TellOfTheRest(absl::Duration patience);
  // When nobody writes any more: has the history show all entries of each account of which it says
  // something. False if a ledger did not answer.
  bool ReadAll();
  const LoadCounts& counts() const { return counts_; }

 private:
  Stage& stage_;
  Record& record_;
  const LoadOptions options_;
  LoadCounts counts_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> threads_;
  absl::Mutex mutex_;
  size_t at_work_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_LOAD_H_
