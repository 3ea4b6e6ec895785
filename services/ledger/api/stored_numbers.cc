// The numbers that are stored are those on the wire: api/conversions.cc casts one to the other.
//
// Nothing is here for the program. Each function maps the values of a stored enum to those of the
// wire by name, so the compiler misses none, and the assertion after it compares the numbers, over
// all values of the wire, so that none of these is without a stored one either.

#include "reserve/ledger/v1/accounts.pb.h"
#include "reserve/ledger/v1/ledger.pb.h"
#include "reserve/ledger/v1/rates.pb.h"
#include "reserve/ledger/v1/resources.pb.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/closing_policy.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_policy.h"
#include "services/ledger/rates/deck_comparison.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/timeline.h"

namespace reserve::api {
namespace {

namespace pb = ::reserve::ledger::v1;

// Does each number from `first` up to the wire's last mean the same on both sides? 0 is
// UNSPECIFIED. `reserved` is one that the wire keeps free, the first of them if there is a last
// one.
template <typename Stored>
constexpr bool NumbersAgree(int (*wire_number)(Stored), int last, int reserved = 0,
                            int last_reserved = 0, int first = 1) {
  for (int number = first; number <= last; ++number) {
    if (number == reserved || (number > reserved && number <= last_reserved)) continue;
    if (wire_number(static_cast<Stored>(number)) != number) return false;
  }
  return true;
}

constexpr int WireNumber(domain::AccountState value) {
  switch (value) {
    case domain::AccountState::kPendingFunding:
      return pb::ACCOUNT_STATE_PENDING_FUNDING;
    case domain::AccountState::kActive:
      return pb::ACCOUNT_STATE_ACTIVE;
    case domain::AccountState::kDisabled:
      return pb::ACCOUNT_STATE_DISABLED;
    case domain::AccountState::kClosing:
      return pb::ACCOUNT_STATE_CLOSING;
    case domain::AccountState::kClosed:
      return pb::ACCOUNT_STATE_CLOSED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::AccountState>(WireNumber, pb::AccountState_MAX));

constexpr int WireNumber(domain::CardState value) {
  switch (value) {
    case domain::CardState::kNone:
      return pb::CARD_STATE_UNSPECIFIED;
    case domain::CardState::kUsable:
      return pb::CARD_STATE_USABLE;
    case domain::CardState::kFailing:
      return pb::CARD_STATE_FAILING;
    case domain::CardState::kRefused:
      return pb::CARD_STATE_REFUSED;
    case domain::CardState::kDisputed:
      return pb::CARD_STATE_DISPUTED;
    case domain::CardState::kRemoved:
      return pb::CARD_STATE_REMOVED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::CardState>(WireNumber, pb::CardState_MAX));
static_assert(static_cast<int>(domain::CardState::kNone) == 0);

constexpr int WireNumber(domain::CardNetwork value) {
  switch (value) {
    case domain::CardNetwork::kUnknown:
      return pb::CARD_NETWORK_UNSPECIFIED;
    case domain::CardNetwork::kVisa:
      return pb::CARD_NETWORK_VISA;
    case domain::CardNetwork::kMastercard:
      return pb::CARD_NETWORK_MASTERCARD;
    case domain::CardNetwork::kOther:
      return pb::CARD_NETWORK_OTHER;
  }
  return 0;
}
static_assert(NumbersAgree<domain::CardNetwork>(WireNumber, pb::CardNetwork_MAX));
static_assert(static_cast<int>(domain::CardNetwork::kUnknown) == 0);

constexpr int WireNumber(domain::UsageKind value) {
  switch (value) {
    case domain::UsageKind::kCall:
      return pb::USAGE_KIND_CALL;
    case domain::UsageKind::kSms:
      return pb::USAGE_KIND_SMS;
  }
  return 0;
}
static_assert(NumbersAgree<domain::UsageKind>(WireNumber, pb::UsageKind_MAX));

constexpr int WireNumber(domain::Direction value) {
  switch (value) {
    case domain::Direction::kOutbound:
      return pb::DIRECTION_OUTBOUND;
    case domain::Direction::kInbound:
      return pb::DIRECTION_INBOUND;
  }
  return 0;
}
static_assert(NumbersAgree<domain::Direction>(WireNumber, pb::Direction_MAX));

constexpr int WireNumber(domain::ChargeBasis value) {
  switch (value) {
    case domain::ChargeBasis::kZeroDuration:
      return pb::CHARGE_BASIS_ZERO_DURATION;
    case domain::ChargeBasis::kInboundFree:
      return pb::CHARGE_BASIS_INBOUND_FREE;
    case domain::ChargeBasis::kMeteredStandard:
      return pb::CHARGE_BASIS_METERED_STANDARD;
    case domain::ChargeBasis::kUnlimitedStandard:
      return pb::CHARGE_BASIS_UNLIMITED_STANDARD;
    case domain::ChargeBasis::kDearer:
      return pb::CHARGE_BASIS_DEARER;
    case domain::ChargeBasis::kSms:
      return pb::CHARGE_BASIS_SMS;
    case domain::ChargeBasis::kUnrated:
      return pb::CHARGE_BASIS_UNRATED;
    case domain::ChargeBasis::kEmergency:
      return pb::CHARGE_BASIS_EMERGENCY;
    case domain::ChargeBasis::kMixed:
      return pb::CHARGE_BASIS_MIXED;
    case domain::ChargeBasis::kIncludedSeconds:
      return pb::CHARGE_BASIS_INCLUDED_SECONDS;
    case domain::ChargeBasis::kCostsNothing:
      return pb::CHARGE_BASIS_COSTS_NOTHING;
  }
  return 0;
}
static_assert(NumbersAgree<domain::ChargeBasis>(WireNumber, pb::ChargeBasis_MAX, 7));

constexpr int WireNumber(domain::UsageStatus value) {
  switch (value) {
    case domain::UsageStatus::kRated:
      return pb::USAGE_STATUS_RATED;
    case domain::UsageStatus::kUnrated:
      return pb::USAGE_STATUS_UNRATED;
    case domain::UsageStatus::kVoided:
      return pb::USAGE_STATUS_VOIDED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::UsageStatus>(WireNumber, pb::UsageStatus_MAX));

constexpr int WireNumber(domain::UnratedReason value) {
  switch (value) {
    case domain::UnratedReason::kNone:
      return pb::UNRATED_REASON_UNSPECIFIED;
    case domain::UnratedReason::kNoRate:
      return pb::UNRATED_REASON_NO_RATE;
    case domain::UnratedReason::kUserUnknown:
      return pb::UNRATED_REASON_USER_UNKNOWN;
    case domain::UnratedReason::kNoDeck:
      return pb::UNRATED_REASON_NO_DECK;
    case domain::UnratedReason::kDestinationBlocked:
      return pb::UNRATED_REASON_DESTINATION_BLOCKED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::UnratedReason>(WireNumber, pb::UnratedReason_MAX));

constexpr int WireNumber(domain::EntryKind value) {
  switch (value) {
    case domain::EntryKind::kUsage:
      return pb::ENTRY_KIND_USAGE;
    case domain::EntryKind::kRecharge:
      return pb::ENTRY_KIND_RECHARGE;
    case domain::EntryKind::kAdjustment:
      return pb::ENTRY_KIND_ADJUSTMENT;
    case domain::EntryKind::kRefund:
      return pb::ENTRY_KIND_REFUND;
    case domain::EntryKind::kRefundReturned:
      return pb::ENTRY_KIND_REFUND_RETURNED;
    case domain::EntryKind::kDispute:
      return pb::ENTRY_KIND_DISPUTE;
    case domain::EntryKind::kDisputeReturned:
      return pb::ENTRY_KIND_DISPUTE_RETURNED;
    case domain::EntryKind::kVoid:
      return pb::ENTRY_KIND_VOID;
    case domain::EntryKind::kRating:
      return pb::ENTRY_KIND_RATING;
    case domain::EntryKind::kPayment:
      return pb::ENTRY_KIND_PAYMENT;
    case domain::EntryKind::kPaymentReversed:
      return pb::ENTRY_KIND_PAYMENT_REVERSED;
    case domain::EntryKind::kGrant:
      return pb::ENTRY_KIND_CREDIT_GRANT;
    case domain::EntryKind::kGrantEnded:
      return pb::ENTRY_KIND_CREDIT_GRANT_ENDED;
    case domain::EntryKind::kWriteOff:
      return pb::ENTRY_KIND_WRITE_OFF;
    case domain::EntryKind::kPayout:
      return pb::ENTRY_KIND_PAYOUT;
  }
  return 0;
}
static_assert(NumbersAgree<domain::EntryKind>(WireNumber, pb::EntryKind_MAX));

constexpr int WireNumber(domain::RechargeKind value) {
  switch (value) {
    case domain::RechargeKind::kInitial:
      return pb::RECHARGE_KIND_INITIAL;
    case domain::RechargeKind::kAutomatic:
      return pb::RECHARGE_KIND_AUTOMATIC;
    case domain::RechargeKind::kTopUp:
      return pb::RECHARGE_KIND_TOP_UP;
    case domain::RechargeKind::kRefund:
      return pb::RECHARGE_KIND_REFUND;
    case domain::RechargeKind::kPayment:
      return pb::RECHARGE_KIND_PAYMENT;
  }
  return 0;
}
static_assert(NumbersAgree<domain::RechargeKind>(WireNumber, pb::RechargeKind_MAX));

constexpr int WireNumber(domain::PaymentMeans value) {
  switch (value) {
    case domain::PaymentMeans::kNone:
      return pb::PAYMENT_MEANS_UNSPECIFIED;
    case domain::PaymentMeans::kBankTransfer:
      return pb::PAYMENT_MEANS_BANK_TRANSFER;
    case domain::PaymentMeans::kCheque:
      return pb::PAYMENT_MEANS_CHEQUE;
    case domain::PaymentMeans::kCash:
      return pb::PAYMENT_MEANS_CASH;
    case domain::PaymentMeans::kCardElsewhere:
      return pb::PAYMENT_MEANS_CARD_ELSEWHERE;
    case domain::PaymentMeans::kOther:
      return pb::PAYMENT_MEANS_OTHER;
  }
  return 0;
}
static_assert(NumbersAgree<domain::PaymentMeans>(WireNumber, pb::PaymentMeans_MAX));
static_assert(static_cast<int>(domain::PaymentMeans::kNone) == 0);

constexpr int WireNumber(domain::DisputeState value) {
  switch (value) {
    case domain::DisputeState::kInquiry:
      return pb::DISPUTE_STATE_INQUIRY;
    case domain::DisputeState::kOpened:
      return pb::DISPUTE_STATE_OPENED;
    case domain::DisputeState::kWon:
      return pb::DISPUTE_STATE_WON;
    case domain::DisputeState::kLost:
      return pb::DISPUTE_STATE_LOST;
  }
  return 0;
}
static_assert(NumbersAgree<domain::DisputeState>(WireNumber, pb::DisputeState_MAX));

constexpr int WireNumber(domain::RechargeState value) {
  switch (value) {
    case domain::RechargeState::kOpen:
      return pb::RECHARGE_STATE_OPEN;
    case domain::RechargeState::kSucceeded:
      return pb::RECHARGE_STATE_SUCCEEDED;
    case domain::RechargeState::kFailed:
      return pb::RECHARGE_STATE_FAILED;
    case domain::RechargeState::kNeedsReview:
      return pb::RECHARGE_STATE_NEEDS_REVIEW;
    case domain::RechargeState::kCanceled:
      return pb::RECHARGE_STATE_CANCELED;
    case domain::RechargeState::kReversed:
      return pb::RECHARGE_STATE_REVERSED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::RechargeState>(WireNumber, pb::RechargeState_MAX));

constexpr int WireNumber(domain::DeclineClass value) {
  switch (value) {
    case domain::DeclineClass::kNone:
      return pb::DECLINE_CLASS_UNSPECIFIED;
    case domain::DeclineClass::kSoft:
      return pb::DECLINE_CLASS_SOFT;
    case domain::DeclineClass::kHard:
      return pb::DECLINE_CLASS_HARD;
    case domain::DeclineClass::kAuthenticationRequired:
      return pb::DECLINE_CLASS_AUTHENTICATION_REQUIRED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::DeclineClass>(WireNumber, pb::DeclineClass_MAX));
static_assert(static_cast<int>(domain::DeclineClass::kNone) == 0);

struct KindOfEvent {
  domain::EventKind stored;
  pb::EventKind on_the_wire;
};
constexpr KindOfEvent kKindsOfEvents[] = {
    {domain::EventKind::kAccountOpened, pb::EVENT_KIND_ACCOUNT_OPENED},
    {domain::EventKind::kEnabled, pb::EVENT_KIND_ENABLED},
    {domain::EventKind::kDisabled, pb::EVENT_KIND_DISABLED},
    {domain::EventKind::kBlocked, pb::EVENT_KIND_BLOCKED},
    {domain::EventKind::kUnblocked, pb::EVENT_KIND_UNBLOCKED},
    {domain::EventKind::kRechargeOpened, pb::EVENT_KIND_RECHARGE_OPENED},
    {domain::EventKind::kRechargeSucceeded, pb::EVENT_KIND_RECHARGE_SUCCEEDED},
    {domain::EventKind::kRechargeDeclined, pb::EVENT_KIND_RECHARGE_DECLINED},
    {domain::EventKind::kRechargeFailed, pb::EVENT_KIND_RECHARGE_FAILED},
    {domain::EventKind::kRechargeNeedsReview, pb::EVENT_KIND_RECHARGE_NEEDS_REVIEW},
    {domain::EventKind::kCardRefused, pb::EVENT_KIND_CARD_REFUSED},
    {domain::EventKind::kCardReplaced, pb::EVENT_KIND_CARD_REPLACED},
    {domain::EventKind::kCapReached, pb::EVENT_KIND_CAP_REACHED},
    {domain::EventKind::kRechargeLimited, pb::EVENT_KIND_RECHARGE_LIMITED},
    {domain::EventKind::kSettingsChanged, pb::EVENT_KIND_SETTINGS_CHANGED},
    {domain::EventKind::kUserPut, pb::EVENT_KIND_USER_PUT},
    {domain::EventKind::kBalanceAdjusted, pb::EVENT_KIND_BALANCE_ADJUSTED},
    {domain::EventKind::kLowBalance, pb::EVENT_KIND_LOW_BALANCE},
    {domain::EventKind::kCardFailing, pb::EVENT_KIND_CARD_FAILING},
    {domain::EventKind::kCardLimitReached, pb::EVENT_KIND_CARD_LIMIT_REACHED},
    {domain::EventKind::kCardAdded, pb::EVENT_KIND_CARD_ADDED},
    {domain::EventKind::kCardConfirmed, pb::EVENT_KIND_CARD_CONFIRMED},
    {domain::EventKind::kCardRemoved, pb::EVENT_KIND_CARD_REMOVED},
    {domain::EventKind::kCardExpiring, pb::EVENT_KIND_CARD_EXPIRING},
    {domain::EventKind::kRechargeCanceled, pb::EVENT_KIND_RECHARGE_CANCELED},
    {domain::EventKind::kRechargePending, pb::EVENT_KIND_RECHARGE_PENDING},
    {domain::EventKind::kChargedLess, pb::EVENT_KIND_CHARGED_LESS},
    {domain::EventKind::kReviewResolved, pb::EVENT_KIND_REVIEW_RESOLVED},
    {domain::EventKind::kAutomaticRechargeOff, pb::EVENT_KIND_AUTOMATIC_RECHARGE_OFF},
    {domain::EventKind::kAutomaticRechargeOn, pb::EVENT_KIND_AUTOMATIC_RECHARGE_ON},
    {domain::EventKind::kSuspended, pb::EVENT_KIND_SUSPENDED},
    {domain::EventKind::kSuspensionLifted, pb::EVENT_KIND_SUSPENSION_LIFTED},
    {domain::EventKind::kBalanceNotice, pb::EVENT_KIND_BALANCE_NOTICE},
    {domain::EventKind::kRefundOpened, pb::EVENT_KIND_REFUND_OPENED},
    {domain::EventKind::kRefundSucceeded, pb::EVENT_KIND_REFUND_SUCCEEDED},
    {domain::EventKind::kRefundFailed, pb::EVENT_KIND_REFUND_FAILED},
    {domain::EventKind::kRefundCanceled, pb::EVENT_KIND_REFUND_CANCELED},
    {domain::EventKind::kRefundNeedsReview, pb::EVENT_KIND_REFUND_NEEDS_REVIEW},
    {domain::EventKind::kDisputeInquiry, pb::EVENT_KIND_DISPUTE_INQUIRY},
    {domain::EventKind::kDisputeOpened, pb::EVENT_KIND_DISPUTE_OPENED},
    {domain::EventKind::kDisputeWon, pb::EVENT_KIND_DISPUTE_WON},
    {domain::EventKind::kDisputeLost, pb::EVENT_KIND_DISPUTE_LOST},
    {domain::EventKind::kCardDisputeLifted, pb::EVENT_KIND_CARD_DISPUTE_LIFTED},
    {domain::EventKind::kGatewayStateKept, pb::EVENT_KIND_GATEWAY_STATE_KEPT},
    {domain::EventKind::kUsageUnrated, pb::EVENT_KIND_USAGE_UNRATED},
    {domain::EventKind::kUsageRated, pb::EVENT_KIND_USAGE_RATED},
    {domain::EventKind::kUsageVoided, pb::EVENT_KIND_USAGE_VOIDED},
    {domain::EventKind::kPaymentRecorded, pb::EVENT_KIND_PAYMENT_RECORDED},
    {domain::EventKind::kPaymentReversed, pb::EVENT_KIND_PAYMENT_REVERSED},
    {domain::EventKind::kAccountClosing, pb::EVENT_KIND_ACCOUNT_CLOSING},
    {domain::EventKind::kPayoutOwed, pb::EVENT_KIND_PAYOUT_OWED},
    {domain::EventKind::kWrittenOff, pb::EVENT_KIND_WRITTEN_OFF},
    {domain::EventKind::kAccountClosed, pb::EVENT_KIND_ACCOUNT_CLOSED},
    {domain::EventKind::kMoneyAfterClosing, pb::EVENT_KIND_MONEY_AFTER_CLOSING},
    {domain::EventKind::kCreditGranted, pb::EVENT_KIND_CREDIT_GRANTED},
    {domain::EventKind::kCreditEnded, pb::EVENT_KIND_CREDIT_ENDED},
    {domain::EventKind::kHoldExpired, pb::EVENT_KIND_HOLD_EXPIRED},
    {domain::EventKind::kHoldUnsettled, pb::EVENT_KIND_HOLD_UNSETTLED},
    {domain::EventKind::kUsageEstimated, pb::EVENT_KIND_USAGE_ESTIMATED},
    {domain::EventKind::kFundsAvailable, pb::EVENT_KIND_FUNDS_AVAILABLE},
    {domain::EventKind::kPaidOut, pb::EVENT_KIND_PAID_OUT},
    {domain::EventKind::kAccountUpdated, pb::EVENT_KIND_ACCOUNT_UPDATED},
    {domain::EventKind::kCalendarChanged, pb::EVENT_KIND_CALENDAR_CHANGED},
    {domain::EventKind::kUserRemoved, pb::EVENT_KIND_USER_REMOVED},
    {domain::EventKind::kUserBlocked, pb::EVENT_KIND_USER_BLOCKED},
    {domain::EventKind::kUserUnblocked, pb::EVENT_KIND_USER_UNBLOCKED},
    {domain::EventKind::kLimitReached, pb::EVENT_KIND_LIMIT_REACHED},
    {domain::EventKind::kLimitsChanged, pb::EVENT_KIND_LIMITS_CHANGED},
    {domain::EventKind::kLimitLifted, pb::EVENT_KIND_LIMIT_LIFTED},
};
constexpr int WireNumber(domain::EventKind value) {
  for (const KindOfEvent& kind : kKindsOfEvents) {
    if (kind.stored == value) return kind.on_the_wire;
  }
  return 0;
}
static_assert(NumbersAgree<domain::EventKind>(WireNumber, pb::EVENT_KIND_CALENDAR_CHANGED,
                                              /*reserved=*/63, /*last_reserved=*/69));
static_assert(NumbersAgree<domain::EventKind>(WireNumber, pb::EventKind_MAX, /*reserved=*/0,
                                              /*last_reserved=*/0,
                                              /*first=*/pb::EVENT_KIND_USER_REMOVED));

constexpr int WireNumber(domain::StandardCalls value) {
  switch (value) {
    case domain::StandardCalls::kMetered:
      return pb::STANDARD_CALLS_METERED;
    case domain::StandardCalls::kIncluded:
      return pb::STANDARD_CALLS_INCLUDED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::StandardCalls>(WireNumber, pb::StandardCalls_MAX));

constexpr int WireNumber(domain::AllowanceReset value) {
  switch (value) {
    case domain::AllowanceReset::kNever:
      return pb::ALLOWANCE_RESET_NEVER;
    case domain::AllowanceReset::kMonthly:
      return pb::ALLOWANCE_RESET_MONTHLY;
    case domain::AllowanceReset::kBillingDay:
      return pb::ALLOWANCE_RESET_BILLING_DAY;
  }
  return 0;
}
static_assert(NumbersAgree<domain::AllowanceReset>(WireNumber, pb::AllowanceReset_MAX));

constexpr int WireNumber(domain::RefillObstacle value) {
  switch (value) {
    case domain::RefillObstacle::kNone:
      return pb::REFILL_OBSTACLE_UNSPECIFIED;
    case domain::RefillObstacle::kNoCard:
      return pb::REFILL_OBSTACLE_NO_CARD;
    case domain::RefillObstacle::kCardFailing:
      return pb::REFILL_OBSTACLE_CARD_FAILING;
    case domain::RefillObstacle::kCardRefused:
      return pb::REFILL_OBSTACLE_CARD_REFUSED;
    case domain::RefillObstacle::kCapReached:
      return pb::REFILL_OBSTACLE_CAP_REACHED;
    case domain::RefillObstacle::kSwitchedOff:
      return pb::REFILL_OBSTACLE_SWITCHED_OFF;
    case domain::RefillObstacle::kSuspended:
      return pb::REFILL_OBSTACLE_SUSPENDED;
    case domain::RefillObstacle::kDispute:
      return pb::REFILL_OBSTACLE_DISPUTE;
    case domain::RefillObstacle::kUnderReview:
      return pb::REFILL_OBSTACLE_UNDER_REVIEW;
    case domain::RefillObstacle::kBlocked:
      return pb::REFILL_OBSTACLE_BLOCKED;
    case domain::RefillObstacle::kCardDisputed:
      return pb::REFILL_OBSTACLE_CARD_DISPUTED;
    case domain::RefillObstacle::kTakenBack:
      return pb::REFILL_OBSTACLE_TAKEN_BACK;
    case domain::RefillObstacle::kDeclineLimit:
      return pb::REFILL_OBSTACLE_DECLINE_LIMIT;
    case domain::RefillObstacle::kCardResting:
      return pb::REFILL_OBSTACLE_CARD_RESTING;
    case domain::RefillObstacle::kLimitReached:
      return pb::REFILL_OBSTACLE_LIMIT_REACHED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::RefillObstacle>(WireNumber, pb::RefillObstacle_MAX));
static_assert(static_cast<int>(domain::RefillObstacle::kNone) == 0);

constexpr int WireNumber(domain::Decision value) {
  switch (value) {
    case domain::Decision::kAllowed:
      return pb::AUTHORIZATION_DECISION_ALLOWED;
    case domain::Decision::kAccountBlocked:
      return pb::AUTHORIZATION_DECISION_ACCOUNT_BLOCKED;
    case domain::Decision::kPendingFunding:
      return pb::AUTHORIZATION_DECISION_PENDING_FUNDING;
    case domain::Decision::kAccountDisabled:
      return pb::AUTHORIZATION_DECISION_ACCOUNT_DISABLED;
    case domain::Decision::kNoRate:
      return pb::AUTHORIZATION_DECISION_NO_RATE;
    case domain::Decision::kInsufficientBalance:
      return pb::AUTHORIZATION_DECISION_INSUFFICIENT_BALANCE;
    case domain::Decision::kAccountClosing:
      return pb::AUTHORIZATION_DECISION_ACCOUNT_CLOSING;
    case domain::Decision::kAccountClosed:
      return pb::AUTHORIZATION_DECISION_ACCOUNT_CLOSED;
    case domain::Decision::kTooManyCalls:
      return pb::AUTHORIZATION_DECISION_TOO_MANY_CALLS;
    case domain::Decision::kDestinationBlocked:
      return pb::AUTHORIZATION_DECISION_DESTINATION_BLOCKED;
    case domain::Decision::kUserRemoved:
      return pb::AUTHORIZATION_DECISION_USER_REMOVED;
    case domain::Decision::kUserBlocked:
      return pb::AUTHORIZATION_DECISION_USER_BLOCKED;
    case domain::Decision::kLimitReached:
      return pb::AUTHORIZATION_DECISION_LIMIT_REACHED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::Decision>(WireNumber, pb::AuthorizationDecision_MAX));

constexpr int WireNumber(domain::ClosingStep::Kind value) {
  switch (value) {
    case domain::ClosingStep::Kind::kGrace:
      return pb::CLOSING_STEP_KIND_GRACE;
    case domain::ClosingStep::Kind::kAttempt:
      return pb::CLOSING_STEP_KIND_ATTEMPT;
    case domain::ClosingStep::Kind::kReview:
      return pb::CLOSING_STEP_KIND_REVIEW;
    case domain::ClosingStep::Kind::kRefund:
      return pb::CLOSING_STEP_KIND_REFUND;
    case domain::ClosingStep::Kind::kUnratedUsage:
      return pb::CLOSING_STEP_KIND_UNRATED_USAGE;
    case domain::ClosingStep::Kind::kGiveBack:
      return pb::CLOSING_STEP_KIND_GIVE_BACK;
    case domain::ClosingStep::Kind::kOwed:
      return pb::CLOSING_STEP_KIND_OWED;
    case domain::ClosingStep::Kind::kWriteOff:
      return pb::CLOSING_STEP_KIND_WRITE_OFF;
    case domain::ClosingStep::Kind::kCallInProgress:
      return pb::CLOSING_STEP_KIND_CALL_IN_PROGRESS;
  }
  return 0;
}
static_assert(NumbersAgree<domain::ClosingStep::Kind>(WireNumber, pb::ClosingStepKind_MAX));

constexpr int WireNumber(rates::RateKind value) {
  switch (value) {
    case rates::RateKind::kCall:
      return pb::RATE_KIND_CALL;
    case rates::RateKind::kCallInbound:
      return pb::RATE_KIND_CALL_INBOUND;
    case rates::RateKind::kSms:
      return pb::RATE_KIND_SMS;
    case rates::RateKind::kShortCode:
      return pb::RATE_KIND_SHORT_CODE;
    case rates::RateKind::kSmsShortCode:
      return pb::RATE_KIND_SMS_SHORT_CODE;
  }
  return 0;
}
static_assert(NumbersAgree<rates::RateKind>(WireNumber, pb::RateKind_MAX));

constexpr int WireNumber(rates::DeckState value) {
  switch (value) {
    case rates::DeckState::kDraft:
      return pb::RATE_DECK_STATE_DRAFT;
    case rates::DeckState::kScheduled:
      return pb::RATE_DECK_STATE_SCHEDULED;
    case rates::DeckState::kInForce:
      return pb::RATE_DECK_STATE_IN_FORCE;
    case rates::DeckState::kSuperseded:
      return pb::RATE_DECK_STATE_SUPERSEDED;
    case rates::DeckState::kRetired:
      return pb::RATE_DECK_STATE_RETIRED;
  }
  return 0;
}
static_assert(NumbersAgree<rates::DeckState>(WireNumber, pb::RateDeckState_MAX));

constexpr int WireNumber(rates::LineChange value) {
  switch (value) {
    case rates::LineChange::kAdded:
      return pb::RATE_CHANGE_KIND_ADDED;
    case rates::LineChange::kRemoved:
      return pb::RATE_CHANGE_KIND_REMOVED;
    case rates::LineChange::kDearer:
      return pb::RATE_CHANGE_KIND_DEARER;
    case rates::LineChange::kCheaper:
      return pb::RATE_CHANGE_KIND_CHEAPER;
    case rates::LineChange::kOther:
      return pb::RATE_CHANGE_KIND_OTHER;
  }
  return 0;
}
static_assert(NumbersAgree<rates::LineChange>(WireNumber, pb::RateChangeKind_MAX));

constexpr int WireNumber(domain::HoldState value) {
  switch (value) {
    case domain::HoldState::kOpen:
      return pb::HOLD_STATE_OPEN;
    case domain::HoldState::kUnsettled:
      return pb::HOLD_STATE_UNSETTLED;
    case domain::HoldState::kExpired:
      return pb::HOLD_STATE_EXPIRED;
    case domain::HoldState::kReleased:
      return pb::HOLD_STATE_RELEASED;
    case domain::HoldState::kSettled:
      return pb::HOLD_STATE_SETTLED;
    case domain::HoldState::kEstimated:
      return pb::HOLD_STATE_ESTIMATED;
  }
  return 0;
}
static_assert(NumbersAgree<domain::HoldState>(WireNumber, pb::HoldState_MAX));

constexpr int WireNumber(domain::FinalReason value) {
  switch (value) {
    case domain::FinalReason::kNone:
      return pb::FINAL_REASON_UNSPECIFIED;
    case domain::FinalReason::kInsufficientBalance:
      return pb::FINAL_REASON_INSUFFICIENT_BALANCE;
    case domain::FinalReason::kLongestCall:
      return pb::FINAL_REASON_LONGEST_CALL;
    case domain::FinalReason::kAccountBlocked:
      return pb::FINAL_REASON_ACCOUNT_BLOCKED;
    case domain::FinalReason::kAccountDisabled:
      return pb::FINAL_REASON_ACCOUNT_DISABLED;
    case domain::FinalReason::kAccountClosing:
      return pb::FINAL_REASON_ACCOUNT_CLOSING;
    case domain::FinalReason::kAccountClosed:
      return pb::FINAL_REASON_ACCOUNT_CLOSED;
    case domain::FinalReason::kHoldEnded:
      return pb::FINAL_REASON_HOLD_ENDED;
    case domain::FinalReason::kUserRemoved:
      return pb::FINAL_REASON_USER_REMOVED;
    case domain::FinalReason::kUserBlocked:
      return pb::FINAL_REASON_USER_BLOCKED;
    case domain::FinalReason::kLimitReached:
      return pb::FINAL_REASON_LIMIT_REACHED;
  }
  return 0;
}
constexpr int WireNumber(domain::LimitKind value) {
  switch (value) {
    case domain::LimitKind::kNone:
      return pb::LIMIT_KIND_UNSPECIFIED;
    case domain::LimitKind::kSpendPerHour:
      return pb::LIMIT_KIND_SPEND_PER_HOUR;
    case domain::LimitKind::kSpendPerDay:
      return pb::LIMIT_KIND_SPEND_PER_DAY;
    case domain::LimitKind::kSpendPerMonth:
      return pb::LIMIT_KIND_SPEND_PER_MONTH;
    case domain::LimitKind::kPricePerMinute:
      return pb::LIMIT_KIND_PRICE_PER_MINUTE;
    case domain::LimitKind::kNewAccountPricePerMinute:
      return pb::LIMIT_KIND_NEW_ACCOUNT_PRICE_PER_MINUTE;
    case domain::LimitKind::kCountries:
      return pb::LIMIT_KIND_COUNTRIES;
    case domain::LimitKind::kCalls:
      return pb::LIMIT_KIND_CALLS;
    case domain::LimitKind::kLongestCall:
      return pb::LIMIT_KIND_LONGEST_CALL;
  }
  return 0;
}
static_assert(NumbersAgree<domain::LimitKind>(WireNumber, pb::LimitKind_MAX));
static_assert(domain::kLimitKinds == pb::LimitKind_MAX + 1);

constexpr int WireNumber(domain::LimitLevel value) {
  switch (value) {
    case domain::LimitLevel::kNone:
      return pb::LIMIT_LEVEL_UNSPECIFIED;
    case domain::LimitLevel::kOperator:
      return pb::LIMIT_LEVEL_OPERATOR;
    case domain::LimitLevel::kPlan:
      return pb::LIMIT_LEVEL_PLAN;
    case domain::LimitLevel::kAccount:
      return pb::LIMIT_LEVEL_ACCOUNT;
    case domain::LimitLevel::kUser:
      return pb::LIMIT_LEVEL_USER;
  }
  return 0;
}
static_assert(NumbersAgree<domain::LimitLevel>(WireNumber, pb::LimitLevel_MAX));

static_assert(NumbersAgree<domain::FinalReason>(WireNumber, pb::FinalReason_MAX));

}  // namespace
}  // namespace reserve::api
