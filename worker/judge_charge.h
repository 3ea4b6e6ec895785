// Gateway and ledger compared, one charge at a time: the pure core of `worker reconcile`.
//
// What it holds to:
//  - A charge is ours if its idempotency key is that of an attempt of the recharge that its
//    reference names, or if the ledger has booked a payment for it. The reference alone proves
//    nothing: other systems number things, too.
//  - Money moves in two cases only, in which no one can be wronged by it: a charge of a recharge
//    that was never credited is credited (the ledger does so once), and a charge that nothing was
//    or will be credited for is given back (the gateway does so once, under OrphanRefundKey).
//  - What of a charge was given back or disputed is the ledger's to book: it is told of all that
//    the gateway has. Once it knows, a credit that has lost its money is in order, and what is left
//    of a charge that was never credited can be credited.
//  - Everything else is shown to a person, and nothing is changed.
//
// No I/O, no clock. Thread-safe: pure functions.
//
//   const Finding finding = JudgeCharge(charge, recharge, AttemptOf(charge, recharge), credited);
//   switch (StepFor(finding)) { ... }
#ifndef RESERVE_WORKER_JUDGE_CHARGE_H_
#define RESERVE_WORKER_JUDGE_CHARGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "common/reference/reference.h"
#include "worker/gateway_state.h"

namespace reserve::worker {

// A charge, as the gateway has it.
struct GatewayCharge {
  std::string charge_id = {};
  std::string idempotency_key = {};
  std::string reference = {};
  Nanos amount = 0;  // charged
  std::string currency = {};
  bool succeeded = false;
  Nanos gone = 0;  // of that: given back, or taken back by the bank
  // Its refunds and disputes, of which that is made, and what failed or came back.
  std::vector<GatewayState> states = {};
  // The ledger knows all of these, as they are.
  bool gone_is_known = false;

  // The card was charged, and some of the money is there; or all of it.
  bool kept() const { return whole() || (succeeded && gone < amount); }
  bool whole() const { return succeeded && gone == 0; }
};

// A recharge, or a payment, as the ledger has it.
struct LedgerRecharge {
  enum class State : uint8_t { kOpen = 1, kSucceeded, kFailed, kNeedsReview };
  State state = State::kOpen;
  Nanos amount = 0;  // credited, of one that succeeded, else asked for
  std::string currency = {};
  int32_t attempt = 1;
  std::string charge_id = {};  // of the charge it was credited for
};

// What a charge's reference names: "brook-cafe/2".
using RechargeName = Reference;

// The attempt whose key the charge has, from 1; 0 if it is none of the recharge that the
// reference names. Attempts are few (retries and new cards), so they are tried one by one: up to
// that of `recharge`, and up to a hundred where the ledger knows less or nothing of it.
int32_t AttemptOf(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge);

enum class Finding : uint8_t {
  kInOrder = 1,
  // Neither the key nor the reference is ours.
  kForeign,
  // For a person: the payment that was booked for the charge was reversed, and the charge stands.
  kReversedPayment,
  // To credit: the card was charged, and the recharge was not credited.
  kUnreported,
  // To give back, unless a payment credits it: the card was charged for a recharge that the ledger
  // does not have.
  kOrphan,
  // The same: the recharge was credited for another charge, which stands.
  kSecondCharge,
  // For a person: the reference names a recharge of the ledger, the key is none of its attempts.
  kStrangeKey,
  // For a person: it was charged for an attempt that the ledger has not come to.
  kUnknownAttempt,
  // For a person: amount or currency are not the recharge's.
  kAmountDiffers,
  // For a person: nothing was or can be credited for it, and a part of it is gone already.
  kPartlyGone,
  // For a person: it was credited, but declined; or given back or disputed, and the ledger does not
  // take that.
  kCreditedWithoutMoney,
  // For a person: the recharge was credited for another charge, and the gateway does not have
  // that one, or not all of the money.
  kOtherChargeMissing,
  // For a person, of a recharge: it was credited for a charge that the gateway does not have.
  kNoCharge,
  // For a person, of a recharge: it is under review, and no charge of it stands.
  kUnderReview,
  // For a person, of a refund that the ledger has as made: the gateway does not have it, or it has
  // it of another amount.
  kNoRefund,
  kRefundDiffers,
  // To report, of a refund or a dispute: the ledger does not know it, or not as it is.
  kUntoldRefund,
  kUntoldDispute,
};

enum class Step : uint8_t { kNothing = 1, kCredit, kRefund, kPerson };

Step StepFor(Finding finding);
// "ORPHAN", and a sentence for the person who reads the report.
absl::string_view NameOf(Finding finding);
absl::string_view Explain(Finding finding);
// What that person does about it where it is left to them, with the methods that do it. OPERATIONS
// has a row of the same of each.
absl::string_view RemedyOf(Finding finding);

// Is it put right by an adjustment of the balance, which changes nothing of what is compared? Then
// the adjustment names it by its `reference`, which is this; `id` is that of the charge, or of the
// refund: "NO_CHARGE ch_77", clipped to what a reference may be.
bool IsPutRightByAdjusting(Finding finding);
std::string AdjustmentReference(Finding finding, absl::string_view id);

// Is the ledger to hear of the refund or dispute of the charge? Of all of a recharge that it has,
// but for what `worker reconcile` gave back of a charge that nothing is credited for.
bool IsForLedger(const GatewayState& state, const GatewayCharge& charge,
                 const std::optional<LedgerRecharge>& recharge, int32_t attempt);

// Does JudgeCharge need to know the charge that the recharge was credited for?
bool AsksForCredited(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge);

// `recharge` is what the reference names, if the ledger has it; `attempt` is AttemptOf; `credited`
// the charge that the recharge was credited for, nothing if the gateway has none of that id.
Finding JudgeCharge(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge,
                    int32_t attempt, const std::optional<GatewayCharge>& credited);

// A refund that the ledger has as made, and what the gateway has of its charge. One that the
// gateway has under our reference, and another id, is in order: the ledger is told so
// (IsForLedger).
Finding JudgeRefund(const GatewayState& refund, const std::vector<GatewayState>& states);

}  // namespace reserve::worker

#endif  // RESERVE_WORKER_JUDGE_CHARGE_H_
