// One simulated world's time, chance and story, all from one seed.
//
// Whatever happens is a step: a function that was put on the agenda for a moment,
// and is run when that moment has come. Steps run one after another in one thread
// and never wait, so a seed always gives the same story. Between any two steps
// anything else may happen: that is what the delays are for.
//
//   Scene scene(/*seed=*/7, Sabotage::kNone, /*telling=*/false);
//   scene.After(absl::Seconds(1), [&] { ... });
//   while (!scene.failed() && scene.RunNext(end)) {}
#ifndef RESERVE_TESTS_SIMULATION_SCENE_H_
#define RESERVE_TESTS_SIMULATION_SCENE_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace reserve::simulation {

// A mistake that the simulation makes on purpose, in its own glue, to show that
// its checks can fail. What each does is said where it is asked for.
enum class Sabotage {
  kNone,
  kCreditWithoutLooking,         // a success is credited whatever was credited before
  kUnknownCommitTakenAsDone,     // a commit that got no answer is taken to have been made
  kUnknownCommitTakenAsRefused,  // ... to have failed, and the callers are told so
  kWriteWithoutLock,             // what others wrote since it was read is overwritten
  kRequestsNotRemembered,        // request ids are not stored with what they asked for
  kHandOutWithoutCommit,         // a claim is handed out though its commit failed
  kNoPolling,                    // what is due is only ever announced
  kNoHousekeeping,               // nobody looks at accounts whose time has come
  kReportWithoutLease,           // the ledger takes any report for one with the lease
  kKeyFromLease,                 // the idempotency key has the lease's epoch in it
  kNextAttemptAfterTimeout,      // a charge without an answer is followed by the next attempt's
  kDeclinedAfterTimeout,         // a charge without an answer is reported as declined
  kKeysRememberedForEver,        // the worker counts on keys of charges that are long forgotten
  kRefundKeysRememberedForEver,  // ... of refunds
  kDeclinesNotCounted,           // what a card was declined before is not known to the ledgers
  kRefundKeyFromLease,           // the key of a refund has the lease's epoch in it
  kRefundSentAsCharge,           // a refund without an answer is sent as a charge
  kRefundNotLocked,          // refunds are overwritten whatever was claimed since they were read
  kKeptNotLoaded,            // what the gateway told before a credit is not loaded with it
  kToldRefundNotKnown,       // a refund that the gateway tells of is taken for a new one
  kToldDisputeNotKnown,      // ... a dispute
  kSuspensionForgotten,      // that automatic recharging is suspended is not stored
  kDisputedNumberForgotten,  // the numbers that are disputed are not stored
  kUsageStatesNotLoaded,     // what became of a usage is not loaded with it
  kNothingToldInTheEnd,      // what the gateway has is not told again after the trouble
  kChargesNotLookedUp,       // what was credited for a charge before is not loaded
  kReversalNotNoted,         // that a payment was reversed is not stored in its row
  kHoldsNotLoaded,           // live holds are not loaded with their account
  kEndedHoldsNotLoaded,      // how a hold ended is not loaded
  kHoldSlotsNotFreed,        // the place of a hold that ended stays taken
  kHeldSecondsNotStored,     // free seconds that are held are not stored with the allowance
  kEstimateStandsForEver,    // a usage whose estimate was replaced is loaded as that estimate
  kCalendarForgotten,        // the changes of an account's calendar are not loaded with it
  kPendingTakenAsDeclined,   // a charge that the gateway calls pending is reported as declined
  kPendingGivenToAPerson,    // ... as one of which nobody can say how it ended
  kPendingNotTold,           // workers are not told that a charge has been called pending
  kCapturedNotRead,          // what was captured of a charge is taken to be what was asked for
  kRestForgotten,            // until when a card is not to be charged by itself is not stored
  kFailedRefundForgotten,    // a refund that failed is loaded as the one that was made before
};

// What the faults bring about. Counted, so that a test can say that all of it was
// there.
enum class Happening {
  kMessageLost,
  kMessageDoubled,
  kMessageLate,
  kCrash,
  kFreeze,
  kLongFreeze,
  kCommitFailed,
  kCommitConflict,
  kCommitDuplicate,
  kUnknownCommitMade,
  kUnknownCommitNotMade,
  kUnknownCommitLate,
  kRetryBudgetSpent,
  kClaimLost,
  kLeaseTaken,
  kReportWithoutLease,
  kReportRepeated,
  kUsageRepeated,
  kUsageIdReused,
  kRequestRepeated,
  kGatewayOutage,
  kChargeReplayed,
  kChargeReplyLost,
  kChargeFailedInside,
  kChargeRefused,
  kKeyForgotten,
  kCallTimedOut,
  kDeclinedSoft,
  kDeclinedForGood,
  kSucceeded,
  kNeedsReview,
  kCardReplacedInFlight,
  kCapReached,
  kCardLimitReached,
  kDisabled,
  kOldFormAfterNew,
  kRefundMade,
  kRefundRefused,
  kRefundReplayed,
  kRefundReplyLost,
  kRefundFailedLater,
  kRefundByHand,
  kRefundBookedBack,
  kRefundCanceled,
  kRefundNeedsReview,
  kDisputeInquiry,
  kDisputeOpened,
  kDisputeWon,
  kDisputeLost,
  kGatewayStateKept,
  kGatewayStateRepeated,
  kToldBeforeSuccess,
  kSuspensionLifted,
  kLimitReached,
  kLimitLifted,
  kCardDisputeLifted,
  kUsageUnrated,
  kUsageRated,
  kUsageVoided,
  kVoidedInAdvance,
  kVoidRepeated,
  kVoidedUsageSentAgain,
  kPaid,
  kPaymentReversed,
  kFundedByPayment,
  kPaidBeforeReported,
  kReportedBeforePaid,
  kDisputeOfPayment,
  kUsageRatedAgain,
  kCreditGranted,
  kCreditEnded,
  kAccountClosed,
  kPayoutOwed,
  kWrittenOff,
  kMoneyAfterClosing,
  kUsageAfterClosing,
  kHoldCreated,
  kHoldRefused,
  kHoldExtended,
  kHoldExpired,
  kHoldSettled,
  kHoldUnsettled,
  kHoldMadeAnew,
  kUsageEstimated,
  kEstimateReplaced,
  kGrantEndedInPart,
  kNextMonthsAllowance,
  kHeldOverTheMonthsTurn,
  kCalendarChanged,
  kChargePending,
  kPendingSucceeded,
  kPendingDeclined,
  kPendingToldByNews,
  kPendingForDays,
  kTopUpBesidePending,
  kChargedInPart,
  kChargedAfterRest,
  kRefundFailedAtOnce,
  kOnAnotherPlan,
  kOnALaterVersion,
  kCount,
};
absl::string_view NameOf(Happening happening);

using Happenings = std::array<int64_t, static_cast<size_t>(Happening::kCount)>;

// The first thing that was not as it must be.
struct Failure {
  std::string check;  // which rule, the same words for every seed
  std::string detail;
  int64_t step = 0;
};

// Does this seed have cards that pay later, or less than they are asked for?
inline bool HasSlowCards(uint64_t seed) { return seed % 3 == 1; }

// Does the story of this seed begin minutes before a month ends, with allowances by the month?
inline bool TurnsAMonth(uint64_t seed) { return seed % 8 == 2 || seed % 8 == 5; }

// Are users put on other plans, of which one has another version meanwhile?
inline bool ChangesPlans(uint64_t seed) { return seed % 16 == 6; }
// Of the plan kVersionedPlan: calls at the standard rate are metered before, and included from then
// on.
inline constexpr char kVersionedPlan[] = "versioned";
inline absl::Time LaterVersionFrom() {
  return absl::FromCivil(absl::CivilSecond(2026, 11, 10, 11, 0, 0), absl::UTCTimeZone());
}

class Scene {
 public:
  using Step = std::function<void()>;

  // With `telling` every step's words are kept; it changes nothing else.
  Scene(uint64_t seed, Sabotage sabotage, bool telling);

  // --- Time
  absl::Time now() const { return now_; }
  absl::Duration since_start() const { return now_ - start_; }
  int64_t step() const { return step_; }
  void After(absl::Duration delay, Step step);
  // Runs the next step; false if there is none before `until`.
  bool RunNext(absl::Time until);

  // --- Chance
  uint64_t Random();
  int Below(int bound) { return static_cast<int>(Random() % static_cast<uint64_t>(bound)); }
  double Uniform() { return static_cast<double>(Random() >> 11) * 0x1.0p-53; }
  bool Happens(double probability) { return Uniform() < probability; }
  // Does a fault strike? Never once the trouble is over.
  bool Fails(double probability) { return troubled_ && Happens(probability); }
  absl::Duration UpTo(absl::Duration longest);  // whole microseconds
  bool troubled() const { return troubled_; }
  void EndTrouble();
  bool sabotaged(Sabotage sabotage) const { return sabotage_ == sabotage; }

  // Sends a message: it arrives once as a rule, after a moment. It may be lost,
  // arrive twice, or up to an hour late.
  void Send(Step arrive);

  // --- Story
  // `words` makes the line; it is only asked if somebody listens.
  template <typename Words>
  void Tell(const Words& words) {
    if (telling_) AddLine(words());
  }
  void Count(Happening happening) { ++happenings_[static_cast<size_t>(happening)]; }
  const Happenings& happenings() const { return happenings_; }
  const std::vector<std::string>& story() const { return story_; }
  // The first failure counts: nothing that follows it can be trusted.
  void Fail(absl::string_view check, std::string detail);
  bool failed() const { return failure_.has_value(); }
  const std::optional<Failure>& failure() const { return failure_; }

 private:
  struct Entry {
    absl::Time time;
    int64_t order;
    Step step;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };

  void AddLine(std::string words);
  absl::Duration MessageDelay();

  const absl::Time start_;
  const Sabotage sabotage_;
  const bool telling_;
  uint64_t random_;
  bool troubled_ = true;
  absl::Time now_;
  int64_t step_ = 0;
  int64_t last_order_ = 0;
  std::vector<Entry> agenda_;  // a heap, the next step first
  Happenings happenings_{};
  std::vector<std::string> story_;
  std::optional<Failure> failure_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_SCENE_H_
