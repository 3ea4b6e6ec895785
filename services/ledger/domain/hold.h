// A hold: money and free seconds that are set aside for a call in progress (H1 to H12).
//
// A call is granted in slices: so many seconds in total, until a time. The hold lives while its
// call may go on, and after that while seconds that the switch has reported wait for their CDR.
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/clock/compact_time.h"
#include "common/money/money.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class HoldState : uint8_t {
  kOpen = 1,       // the call may go on
  kUnsettled = 2,  // ended; what the switch reported waits for its CDR (H12)
  kExpired = 3,    // ended by time, with nothing reported
  kReleased = 4,   // ended by the switch, with nothing reported
  kSettled = 5,    // its usage was booked, voided or corrected
  kEstimated = 6,  // no CDR came: its usage was booked from what was reported
};

// Why no more seconds follow what is granted. The numbers are stored; never reuse one.
enum class FinalReason : uint8_t {
  kNone = 0,  // more may follow
  kInsufficientBalance = 1,
  kLongestCall = 2,
  kAccountBlocked = 3,
  kAccountDisabled = 4,
  kAccountClosing = 5,
  kAccountClosed = 6,
  kHoldEnded = 7,  // it was released or settled
  kUserRemoved = 8,
  kUserBlocked = 9,
  kLimitReached = 10,  // L3
};

struct Hold {
  std::string account_id;
  std::string hold_id;
  std::string usage_id;  // of its call
  std::string user_id;
  std::string destination;
  std::string switch_id;    // who has the call; may be empty
  int64_t incarnation = 0;  // of the switch: its boot number (H8)
  Direction direction = Direction::kOutbound;
  HoldState state = HoldState::kOpen;
  FinalReason final_reason = FinalReason::kNone;
  // Where it is kept while it lives: 1, 2, 3 ... of the account, used again and again.
  int32_t slot = 0;
  // What prices it: a time, and what was in force then when that was decided (H7). First that of
  // CreateHold, then that of the answer.
  CompactTime price_time = absl::InfinitePast();
  std::string plan_id;
  int64_t deck_version = 0;                        // 0: an inbound call that is free
  CompactTime answer_time = absl::InfinitePast();  // InfinitePast: it rings
  absl::Duration slice;
  absl::Duration used;               // that the switch has reported; whole microseconds
  int32_t extension = 0;             // the number of the last one; 0: none
  int32_t free_period = 0;           // that of `free_seconds`
  int64_t granted_seconds = 0;       // in total
  Nanos held = 0;                    // set aside for it, what has accrued included
  Nanos accrued = 0;                 // the cost of what was reported
  int64_t free_seconds = 0;          // set aside of the user's allowance
  int64_t accrued_free_seconds = 0;  // of these, what was reported has used
  // Of an OPEN one, when it ends by itself; of an UNSETTLED one, when its usage is booked from what
  // was reported.
  CompactTime expire_time = absl::InfiniteFuture();
  CompactTime create_time = absl::InfinitePast();
  CompactTime end_time = absl::InfinitePast();  // of one that is not OPEN

  bool open() const { return state == HoldState::kOpen; }
  // Does it still set something aside?
  bool live() const { return open() || state == HoldState::kUnsettled; }
  // Has it ended with nothing reported, so that a late report makes it live again?
  bool may_return() const { return state == HoldState::kExpired || state == HoldState::kReleased; }
  bool answered() const { return answer_time != absl::InfinitePast(); }
  bool final() const { return final_reason != FinalReason::kNone; }
  friend bool operator==(const Hold&, const Hold&) = default;
};

// The usage that its call will be, so far: as long as was reported.
Usage UsageOf(const Hold& hold);

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_HOLD_H_
