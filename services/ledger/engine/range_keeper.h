// Which ranges of accounts this ledger works on, and who works on the others.
//
// Ledgers on one database share the accounts, so that what each remembers of its own stays true:
// each has some of the ranges, by rows that it took with a conditional write
// (storage/range_rows.h). One thread says that this ledger lives, sees who else does, and takes or
// gives ranges until all have equal shares (range_shares.h). Whose beat has not gone up for a
// while, by this machine's monotonic clock, is dead, and its ranges are taken. None of this decides
// what is booked: two who both think that they have a range are slow, never wrong.
//
// A ledger without an address takes no part: it has everything to itself as far as it knows, and
// nobody passes anything on to it. Thread-safe.
//
//   RangeKeeper ranges(options, stats);
//   ranges.Start();
//   const RangeOwner* owner = ranges.Elsewhere("acme");   // null: it is done here
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RANGE_KEEPER_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RANGE_KEEPER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/monotonic.h"
#include "services/ledger/book/keyspace.h"
#include "services/ledger/engine/lane.h"
#include "services/ledger/engine/range_shares.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/range_rows.h"

namespace reserve::engine {

// Another ledger that has ranges.
struct RangeOwner {
  std::string ledger_id;
  std::string address;
};

class RangeKeeper {
 public:
  // A ledger whose beat has not been seen to go up for so many intervals is dead.
  static constexpr int kDeadAfterBeats = 6;

  // The options and stats must outlive this.
  RangeKeeper(const EngineOptions& options, EngineStats& stats);
  // Ends without giving anything away: what is left is found dead by the others.
  ~RangeKeeper();

  // Once, after the ledger has registered. Nothing if it takes no part.
  void Start();

  // Who works on the account, if that is another ledger which lives; else null: it is done here.
  // The owner lives as long as this. Quick: no lock.
  const RangeOwner* Elsewhere(absl::string_view account_id) const {
    if (!takes_part_) return nullptr;
    return elsewhere_[book::RangeOf(account_id, kAccountRanges)].load(std::memory_order_acquire);
  }
  bool takes_part() const { return takes_part_; }

  // Gives all ranges to the others, before a drain: what still comes is passed on to them. Waits
  // for that, but not for long. Once.
  void HandOver() ABSL_LOCKS_EXCLUDED(mutex_);

  // As last read: the owner of each range, by number; none while nothing was read.
  struct Placed {
    int number = 0;
    std::string ledger_id;  // empty: nobody's
    std::string address;    // of the ledger, if it lives
  };
  std::vector<Placed> placed() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Seen {
    int64_t beat = 0;
    Moment since;  // when it was first seen at that
  };

  void Run();
  absl::Status Look(storage::Connection& connection);
  absl::Status Leave(storage::Connection& connection);
  // Says that this ledger lives, and reads who has what.
  absl::StatusOr<RangeView> Read(storage::Connection& connection);
  // Those that live, and this one.
  std::vector<std::string> LiveOf(const std::vector<storage::PeerLedger>& peers);
  // From now on what comes goes by this.
  void Publish(const RangeView& view) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same as long as it has that address.
  const RangeOwner* OwnerNamed(const std::string& ledger_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Runs a step on the connection, which is opened if need be, and tells what came of it.
  void Try(absl::Status (RangeKeeper::*step)(storage::Connection&));

  const EngineOptions& options_;
  EngineStats& stats_;
  const bool takes_part_;
  std::array<std::atomic<const RangeOwner*>, kAccountRanges> elsewhere_{};

  // Of the thread only.
  std::unique_ptr<storage::Connection> connection_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, std::string> addresses_;  // of the ledgers that live

  mutable absl::Mutex mutex_;
  Waker waker_{&mutex_};
  Waker left_waker_{&mutex_};  // of HandOver
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;
  bool left_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Placed> placed_ ABSL_GUARDED_BY(mutex_);
  std::deque<RangeOwner> owners_ ABSL_GUARDED_BY(mutex_);  // all there ever were
  std::thread thread_;
};

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RANGE_KEEPER_H_
