#include "services/ledger/engine/range_keeper.h"

#include <algorithm>
#include <utility>

#include "common/error/error.h"

namespace reserve::engine {
namespace {

// A database that does not answer keeps no drain from going on.
constexpr absl::Duration kHandOverTakes = absl::Seconds(2);
// How often it looks whether it has given all away.
constexpr int kLooksToLeave = 3;

}  // namespace

RangeKeeper::RangeKeeper(const EngineOptions& options, EngineStats& stats)
    : options_(options), stats_(stats), takes_part_(!options.peer_address.empty()) {}

RangeKeeper::~RangeKeeper() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    waker_.Wake();
  }
  if (thread_.joinable()) thread_.join();
}

void RangeKeeper::Start() {
  if (takes_part_) thread_ = std::thread([this] { Run(); });
}

void RangeKeeper::HandOver() {
  if (!thread_.joinable()) return;
  const Moment end = MonotonicNow() + kHandOverTakes;
  absl::MutexLock lock(&mutex_);
  leaving_ = true;
  waker_.Wake();
  for (Moment now = MonotonicNow(); !left_ && now < end; now = MonotonicNow()) {
    left_waker_.Await(end - now);
  }
}

std::vector<RangeKeeper::Placed> RangeKeeper::placed() const {
  absl::MutexLock lock(&mutex_);
  return placed_;
}

void RangeKeeper::Run() {
  const storage::SqlThread sql_thread;
  while (true) {
    bool leaving = false;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) break;
      leaving = leaving_;
    }
    Try(leaving ? &RangeKeeper::Leave : &RangeKeeper::Look);
    absl::MutexLock lock(&mutex_);
    if (leaving) {
      left_ = true;
      left_waker_.Wake();
      break;
    }
    if (!stopping_ && !leaving_) waker_.Await(options_.range_interval);
  }
  connection_.reset();
}

void RangeKeeper::Try(absl::Status (RangeKeeper::*step)(storage::Connection&)) {
  absl::Status done = storage::EnsureOpen(options_.database, &connection_);
  if (done.ok()) done = (this->*step)(*connection_);
  stats_.steps.Note(Step::kRanges, done);
}

absl::Status RangeKeeper::Look(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(RangeView view, Read(connection));
  if (view.ranges.size() < static_cast<size_t>(kAccountRanges)) {
    RESERVE_RETURN_IF_ERROR(storage::MakeRanges(connection, kAccountRanges));
    RESERVE_ASSIGN_OR_RETURN(view.ranges, storage::ReadRanges(connection));
  }
  const std::vector<storage::AccountRange> taken = RangesToTake(view, options_.ledger_id);
  const std::vector<RangeGift> gifts = RangesToGive(view, options_.ledger_id);
  RESERVE_RETURN_IF_ERROR(storage::MoveRanges(connection, taken, options_.ledger_id));
  for (const RangeGift& gift : gifts) {
    RESERVE_RETURN_IF_ERROR(storage::MoveRanges(connection, gift.ranges, gift.to));
  }
  if (!taken.empty() || !gifts.empty()) {
    RESERVE_ASSIGN_OR_RETURN(view.ranges, storage::ReadRanges(connection));
  }
  Publish(view);
  return absl::OkStatus();
}

absl::Status RangeKeeper::Leave(storage::Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(RangeView view, Read(connection));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::PeerLedger> peers,
                           storage::ReadPeers(connection));
  // First it takes no part any more: nobody who sees what it has given away gives it some back.
  for (const storage::PeerLedger& peer : peers) {
    if (peer.ledger_id != options_.ledger_id) continue;
    RESERVE_RETURN_IF_ERROR(storage::ForgetPeer(connection, peer));
  }
  // Who looked before that may still give or take some meanwhile.
  std::vector<RangeGift> gifts = RangesToLeave(view, options_.ledger_id);
  for (int look = 0; look < kLooksToLeave && !gifts.empty(); ++look) {
    for (const RangeGift& gift : gifts) {
      RESERVE_RETURN_IF_ERROR(storage::MoveRanges(connection, gift.ranges, gift.to));
    }
    RESERVE_ASSIGN_OR_RETURN(view.ranges, storage::ReadRanges(connection));
    gifts = RangesToLeave(view, options_.ledger_id);
  }
  Publish(view);
  return absl::OkStatus();
}

absl::StatusOr<RangeView> RangeKeeper::Read(storage::Connection& connection) {
  RESERVE_RETURN_IF_ERROR(storage::BeatPeer(connection, options_.ledger_id, options_.peer_address));
  RangeView view;
  // The ranges first: who has given its own away by then is not among the ledgers any more.
  RESERVE_ASSIGN_OR_RETURN(view.ranges, storage::ReadRanges(connection));
  RESERVE_ASSIGN_OR_RETURN(const std::vector<storage::PeerLedger> peers,
                           storage::ReadPeers(connection));
  view.live = LiveOf(peers);
  for (const storage::PeerLedger& peer : peers) {
    if (!std::binary_search(view.live.begin(), view.live.end(), peer.ledger_id)) {
      RESERVE_RETURN_IF_ERROR(storage::ForgetPeer(connection, peer));
    }
  }
  return view;
}

std::vector<std::string> RangeKeeper::LiveOf(const std::vector<storage::PeerLedger>& peers) {
  const Moment now = MonotonicNow();
  std::map<std::string, Seen> seen;
  std::vector<std::string> live = {options_.ledger_id};
  addresses_.clear();
  for (const storage::PeerLedger& peer : peers) {
    if (peer.ledger_id == options_.ledger_id) continue;
    const auto before = seen_.find(peer.ledger_id);
    const bool same = before != seen_.end() && before->second.beat == peer.beat;
    const Seen latest = same ? before->second : Seen{peer.beat, now};
    seen[peer.ledger_id] = latest;
    // Who had this ledger's address before it has gone.
    if (peer.address == options_.peer_address) continue;
    if (now - latest.since > kDeadAfterBeats * options_.range_interval) continue;
    live.push_back(peer.ledger_id);
    addresses_[peer.ledger_id] = peer.address;
  }
  seen_ = std::move(seen);
  std::sort(live.begin(), live.end());
  return live;
}

const RangeOwner* RangeKeeper::OwnerNamed(const std::string& ledger_id) {
  const auto address = addresses_.find(ledger_id);
  if (address == addresses_.end()) return nullptr;
  for (const RangeOwner& owner : owners_) {
    if (owner.ledger_id == ledger_id && owner.address == address->second) return &owner;
  }
  return &owners_.emplace_back(RangeOwner{ledger_id, address->second});
}

void RangeKeeper::Publish(const RangeView& view) {
  int64_t owned = 0;
  std::vector<Placed> placed;
  absl::MutexLock lock(&mutex_);
  for (const storage::AccountRange& range : view.ranges) {
    if (range.number < 0 || range.number >= kAccountRanges) continue;
    owned += range.owner == options_.ledger_id ? 1 : 0;
    const RangeOwner* const owner = OwnerNamed(range.owner);
    elsewhere_[static_cast<size_t>(range.number)].store(owner, std::memory_order_release);
    const std::string own_address =
        range.owner == options_.ledger_id ? options_.peer_address : std::string();
    placed.push_back({range.number, range.owner, owner == nullptr ? own_address : owner->address});
  }
  placed_ = std::move(placed);
  stats_.ranges_owned = owned;
  stats_.ledgers_sharing = static_cast<int64_t>(view.live.size());
}

}  // namespace reserve::engine
