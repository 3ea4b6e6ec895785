// What one command changes of an account: entries (money) and events (everything else).
#ifndef RESERVE_SERVICES_LEDGER_DOMAIN_JOURNAL_H_
#define RESERVE_SERVICES_LEDGER_DOMAIN_JOURNAL_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/usage.h"

namespace reserve::domain {

// The numbers are stored; never reuse one.
enum class EntryKind : uint8_t {
  kUsage = 1,
  kRecharge = 2,
  kAdjustment = 3,
  kRefund = 4,            // money of a charge that is given back (P1)
  kRefundReturned = 5,    // a refund that failed or was canceled
  kDispute = 6,           // money of a charge that the cardholder's bank took (P2)
  kDisputeReturned = 7,   // what it gave back
  kVoid = 8,              // a usage that is taken back (U5)
  kRating = 9,            // a usage that was booked before is rated, or rated again (K3, U6)
  kPayment = 10,          // money that came another way (P5)
  kPaymentReversed = 11,  // the same taken back
  kGrant = 12,            // promotional credit with an end (P6)
  kGrantEnded = 13,       // what was left of it
  kWriteOff = 14,         // of an account that closes: a debt, or less than can be paid (P4)
  kPayout = 15,           // what a person owes its customer
};

// Does it say what was used? Then it counts as usage, whichever way the money goes.
inline bool IsOfUsage(EntryKind kind) {
  return kind == EntryKind::kUsage || kind == EntryKind::kVoid || kind == EntryKind::kRating;
}

// A usage as it was booked, or rated later.
struct BookedUsage {
  Usage usage;
  Rating rating;
  std::string corrects = {};  // the usage whose place it takes (U5)
  // Of kRating: what it cost before, and the free seconds that it had then, which went back first.
  Nanos previous_cost = 0;
  int64_t previous_free_seconds = 0;
  int32_t previous_free_period = 0;
  std::string grant_draws = {};  // of its cost, what credit grants paid (P6)
  bool estimated = false;        // booked from what the switch reported of its call (H12)

  // Did it take the place of its own estimate?
  bool replaces_estimate() const { return corrects == usage.usage_id; }
};

// What a kVoid takes back.
struct VoidedUsage {
  std::string usage_id = {};
  int64_t free_seconds = 0;  // that go back to the user's allowance
  int32_t free_period = 0;   // of this period
  bool in_advance = false;   // it was not booked yet, and never will be
};

// Of entries about credit grants (P6).
struct GrantOfEntry {
  int32_t number = 0;
  absl::Time end = absl::InfinitePast();  // of a kGrant
  std::string returned = {};              // of a kVoid: what went back to grants (credit_grant.h)
};

// The digest of an entry and of all before it.
using EntryHash = std::array<char, 32>;

// What exactly is hashed (book/entry_chain.h). The numbers are stored; never reuse one.
enum class ChainForm : uint8_t { kFixed = 1, kTagged = 2 };

// Random, of one user and year: what a number stands under in the chain.
using NumberKey = std::array<char, 32>;

// One immutable line of an account's ledger.
struct Entry {
  std::string account_id;
  int64_t seq = 0;
  EntryKind kind = EntryKind::kUsage;
  Nanos amount = 0;  // signed: what it adds to the balance
  Nanos balance_after = 0;
  absl::Time record_time = absl::InfinitePast();
  std::optional<BookedUsage> booked;  // of a usage, or a rating
  VoidedUsage voided;                 // of a void
  GrantOfEntry grant;                 // of a grant, its end, or a void
  int64_t recharge_ordinal = 0;  // of a recharge, refund or payment; of a dispute, the charge's
  std::string request_id;        // of an adjustment, refund or payment
  std::string reason;            // of all others, but recharges
  // Whose call made it, by the name in its certificate; empty of what the ledger does by itself,
  // and in plain text. Set by the fold; not in the chain.
  std::string caller;
  // Set by who writes it (book/entry_chain.h).
  ChainForm chain_form = ChainForm::kFixed;
  EntryHash hash{};
};

// The usage that an entry books, rates or takes back; empty for all others.
inline const std::string& UsageIdOf(const Entry& entry) {
  return entry.booked.has_value() ? entry.booked->usage.usage_id : entry.voided.usage_id;
}

// What of its amount is promotional; of a rating after the booking, of the whole cost.
Nanos PromotionalOf(const Entry& entry);

// Does it make the id of its usage taken for ever (U2, U5)? A CDR that takes the place of its
// estimate finds it taken.
inline bool TakesUsageId(const Entry& entry) {
  if (entry.kind == EntryKind::kUsage) return !entry.booked->replaces_estimate();
  return entry.voided.in_advance;
}

// The numbers are stored; never reuse one.
enum class EventKind : uint8_t {
  kAccountOpened = 1,
  kEnabled = 2,
  kDisabled = 3,
  kBlocked = 4,
  kUnblocked = 5,
  kRechargeOpened = 6,
  kRechargeSucceeded = 7,
  kRechargeDeclined = 8,
  kRechargeFailed = 9,
  kRechargeNeedsReview = 10,
  kCardRefused = 11,
  kCardReplaced = 12,
  kCapReached = 13,
  kRechargeLimited = 14,
  kSettingsChanged = 15,
  kUserPut = 16,
  kBalanceAdjusted = 17,
  kLowBalance = 18,
  kCardFailing = 19,
  kCardLimitReached = 20,
  kCardAdded = 21,
  kCardConfirmed = 22,
  kCardRemoved = 23,
  kCardExpiring = 24,
  kRechargeCanceled = 25,
  kRechargePending = 26,
  kChargedLess = 27,
  kReviewResolved = 28,
  kAutomaticRechargeOff = 29,
  kAutomaticRechargeOn = 30,
  kSuspended = 31,
  kSuspensionLifted = 32,
  kBalanceNotice = 33,
  kRefundOpened = 34,
  kRefundSucceeded = 35,
  kRefundFailed = 36,
  kRefundCanceled = 37,
  kRefundNeedsReview = 38,
  kDisputeInquiry = 39,
  kDisputeOpened = 40,
  kDisputeWon = 41,
  kDisputeLost = 42,
  kCardDisputeLifted = 43,
  kGatewayStateKept = 44,
  kUsageUnrated = 45,
  kUsageRated = 46,
  kUsageVoided = 47,
  kPaymentRecorded = 48,
  kPaymentReversed = 49,
  kAccountClosing = 50,
  kPayoutOwed = 51,
  kWrittenOff = 52,
  kAccountClosed = 53,
  kMoneyAfterClosing = 54,
  kCreditGranted = 55,
  kCreditEnded = 56,
  kHoldExpired = 57,
  kHoldUnsettled = 58,
  kUsageEstimated = 59,
  kFundsAvailable = 60,
  kPaidOut = 61,
  kAccountUpdated = 62,
  kCalendarChanged = 70,
  kUserRemoved = 75,
  kUserBlocked = 76,
  kUserUnblocked = 77,
  kLimitReached = 78,
  kLimitsChanged = 79,
  kLimitLifted = 80,
};

// What stands in the way of refilling the reserve by itself (D1, D2). The numbers are stored;
// never reuse one.
enum class RefillObstacle : uint8_t {
  kNone = 0,
  kNoCard = 1,
  kCardFailing = 2,
  kCardRefused = 3,
  kCapReached = 4,
  kSwitchedOff = 5,
  kSuspended = 6,    // money was taken back
  kDispute = 7,      // a dispute is open or lost
  kUnderReview = 8,  // a person, or the gateway, has still to decide upon an earlier recharge
  kBlocked = 9,
  kCardDisputed = 10,
  kTakenBack = 11,     // staff took money back; waits for the customer
  kDeclineLimit = 12,  // its cards were declined as often as we allow in a day
  kCardResting = 13,   // less was captured of it than was asked for
  kLimitReached = 14,  // a limit against fraud was reached, and nobody has looked (L4)
};

// Something that happened to an account, with its cause and time (D4).
struct Event {
  std::string account_id;
  int64_t event_seq = 0;
  EventKind kind = EventKind::kAccountOpened;
  std::string cause;
  absl::Time time = absl::InfinitePast();
  AccountState state = AccountState::kPendingFunding;  // after it
  Nanos balance = 0;                                   // at that moment
  int64_t recharge_ordinal = 0;
  // What follows is for programs, and only there where it says something (D5).
  // Of the recharge or payment, or of the adjustment (signed).
  Nanos amount = 0;
  std::optional<RechargeKind> recharge_kind;         // of the recharge
  DeclineClass decline_class = DeclineClass::kNone;  // of a decline, and what it does to the card
  RefillObstacle obstacle = RefillObstacle::kNone;   // of kLowBalance and kDisabled
  std::string payment_method_id;                     // of a card, or of a recharge's attempt
  std::string caller = {};                           // whose call made it; as of an entry
  std::string actor;                                 // who did it, as the caller says
  std::string reference;                             // the caller's: a ticket, a dispute's id
  std::string usage_id;                              // of a usage
  std::string hold_id;                               // of a hold
  LimitKind limit = LimitKind::kNone;                // of kLimitReached, whose amount is the limit
  LimitLevel limit_level = LimitLevel::kNone;
  std::string user_id = {};  // whose limit it is; empty: the account's
};

}  // namespace reserve::domain

#endif  // RESERVE_SERVICES_LEDGER_DOMAIN_JOURNAL_H_
