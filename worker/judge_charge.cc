#include "worker/judge_charge.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "worker/charge_key.h"

namespace reserve::worker {
namespace {

constexpr int32_t kAttemptsTried = 100;    // far more than retries and new cards make
constexpr int32_t kMostAttempts = 10'000;  // whatever the ledger says

bool IsCreditedFor(const LedgerRecharge& recharge, const GatewayCharge& charge) {
  return recharge.state == LedgerRecharge::State::kSucceeded &&
         recharge.charge_id == charge.charge_id;
}

}  // namespace

int32_t AttemptOf(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge) {
  const std::optional<RechargeName> name = ParseReference(charge.reference);
  if (!name.has_value()) return 0;
  const int32_t known = recharge.has_value() ? std::min(recharge->attempt, kMostAttempts) : 0;
  for (int32_t attempt = 1; attempt <= std::max(known, kAttemptsTried); ++attempt) {
    if (charge.idempotency_key == ChargeKey(name->account_id, name->ordinal, attempt)) {
      return attempt;
    }
  }
  return 0;
}

Step StepFor(Finding finding) {
  switch (finding) {
    case Finding::kInOrder:
    case Finding::kForeign:
      return Step::kNothing;
    case Finding::kUnreported:
      return Step::kCredit;
    case Finding::kOrphan:
    case Finding::kSecondCharge:
      return Step::kRefund;
    default:
      return Step::kPerson;
  }
}

absl::string_view NameOf(Finding finding) {
  switch (finding) {
    case Finding::kInOrder:
      return "IN_ORDER";
    case Finding::kForeign:
      return "FOREIGN";
    case Finding::kReversedPayment:
      return "REVERSED_PAYMENT";
    case Finding::kUnreported:
      return "UNREPORTED";
    case Finding::kOrphan:
      return "ORPHAN";
    case Finding::kSecondCharge:
      return "SECOND_CHARGE";
    case Finding::kStrangeKey:
      return "STRANGE_KEY";
    case Finding::kUnknownAttempt:
      return "UNKNOWN_ATTEMPT";
    case Finding::kAmountDiffers:
      return "AMOUNT_DIFFERS";
    case Finding::kPartlyGone:
      return "PARTLY_GONE";
    case Finding::kCreditedWithoutMoney:
      return "CREDITED_WITHOUT_MONEY";
    case Finding::kOtherChargeMissing:
      return "OTHER_CHARGE_MISSING";
    case Finding::kNoCharge:
      return "NO_CHARGE";
    case Finding::kUnderReview:
      return "UNDER_REVIEW";
    case Finding::kNoRefund:
      return "NO_REFUND";
    case Finding::kRefundDiffers:
      return "REFUND_DIFFERS";
    case Finding::kUntoldRefund:
      return "REFUND";
    case Finding::kUntoldDispute:
      return "DISPUTE";
  }
  return "?";
}

absl::string_view Explain(Finding finding) {
  switch (finding) {
    case Finding::kInOrder:
      return "gateway and ledger agree";
    case Finding::kForeign:
      return "a charge of another system";
    case Finding::kReversedPayment:
      return "the payment that was booked for the charge was reversed, and the charge stands";
    case Finding::kUnreported:
      return "the card was charged and the recharge not credited";
    case Finding::kOrphan:
      return "the card was charged for a recharge that the ledger does not have";
    case Finding::kSecondCharge:
      return "the recharge was credited for another charge";
    case Finding::kStrangeKey:
      return "the reference names a recharge, but the key is none of its attempts";
    case Finding::kUnknownAttempt:
      return "the card was charged for an attempt that the ledger has not come to";
    case Finding::kAmountDiffers:
      return "amount or currency are not those of the recharge";
    case Finding::kPartlyGone:
      return "nothing was credited for the charge, and a part of it was given back or disputed";
    case Finding::kCreditedWithoutMoney:
      return "the recharge was credited for a charge that was declined, given back or disputed";
    case Finding::kOtherChargeMissing:
      return "the recharge was credited for another charge, which the gateway does not have, or "
             "not the money";
    case Finding::kNoCharge:
      return "the recharge was credited for a charge that the gateway does not have";
    case Finding::kUnderReview:
      return "the recharge is under review and no charge of it stands";
    case Finding::kNoRefund:
      return "the ledger has the refund as made, and the gateway does not have it";
    case Finding::kRefundDiffers:
      return "the ledger has the refund with another amount than the gateway";
    case Finding::kUntoldRefund:
      return "money of the charge is given back, and the ledger did not know it, or not as it is";
    case Finding::kUntoldDispute:
      return "the charge is disputed, and the ledger did not know it, or not as it is";
  }
  return "?";
}

bool IsPutRightByAdjusting(Finding finding) {
  switch (finding) {
    case Finding::kAmountDiffers:
    case Finding::kCreditedWithoutMoney:
    case Finding::kOtherChargeMissing:
    case Finding::kNoCharge:
    case Finding::kRefundDiffers:
      return true;
    default:
      return false;
  }
}

std::string AdjustmentReference(Finding finding, absl::string_view id) {
  constexpr size_t kMostBytes = 128;
  // Ids of other systems may hold anything.
  return absl::StrCat(NameOf(finding), " ", absl::CHexEscape(id)).substr(0, kMostBytes);
}

absl::string_view RemedyOf(Finding finding) {
  switch (finding) {
    case Finding::kInOrder:
    case Finding::kForeign:
      return "nothing";
    case Finding::kReversedPayment:
      return "book it anew by Support.RecordPayment with the charge_id, or give it back by "
             "PaymentGateway.Refund";
    case Finding::kUnreported:
      return "book it by Support.RecordPayment with the charge_id";
    case Finding::kOrphan:
    case Finding::kSecondCharge:
      return "give it back by PaymentGateway.Refund";
    case Finding::kStrangeKey:
    case Finding::kUnknownAttempt:
      return "if it is the customer's money book it by Support.RecordPayment with the charge_id, "
             "else give it back by PaymentGateway.Refund";
    case Finding::kAmountDiffers:
      return "where the charge is credited book the difference by Support.AdjustBalance, else book "
             "it by Support.RecordPayment with the charge_id";
    case Finding::kPartlyGone:
      return "book it by Support.RecordPayment with the charge_id: the next run tells the ledger "
             "what is gone; or give the rest back by PaymentGateway.Refund";
    case Finding::kCreditedWithoutMoney:
      return "tell what is gone by Recharges.ReportGatewayRefund or "
             "Recharges.ReportGatewayDispute; take back what was never charged by "
             "Support.AdjustBalance";
    case Finding::kOtherChargeMissing:
      return "if the other charge stands give this one back by PaymentGateway.Refund; else take "
             "that credit back by Support.AdjustBalance, and book this one by "
             "Support.RecordPayment with the charge_id";
    case Finding::kNoCharge:
      return "if this is the right gateway take the credit back by Support.AdjustBalance";
    case Finding::kUnderReview:
      return "once the key of the attempt has ended say so by Support.ResolveReview";
    case Finding::kNoRefund:
      return "if it was not made tell that it failed by Recharges.ReportGatewayRefund, and give it "
             "back anew by Support.RefundRecharge";
    case Finding::kRefundDiffers:
      return "book the difference by Support.AdjustBalance";
    case Finding::kUntoldRefund:
      return "book the charge by Support.RecordPayment with its charge_id where the ledger does "
             "not know it; then tell by Recharges.ReportGatewayRefund";
    case Finding::kUntoldDispute:
      return "book the charge by Support.RecordPayment with its charge_id where the ledger does "
             "not know it; then tell by Recharges.ReportGatewayDispute";
  }
  return "";
}

bool AsksForCredited(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge) {
  return charge.kept() && recharge.has_value() &&
         recharge->state == LedgerRecharge::State::kSucceeded &&
         recharge->charge_id != charge.charge_id;
}

bool IsForLedger(const GatewayState& state, const GatewayCharge& charge,
                 const std::optional<LedgerRecharge>& recharge, int32_t attempt) {
  if (!recharge.has_value()) return false;
  if (IsCreditedFor(*recharge, charge)) return true;
  return attempt != 0 && state.key != OrphanRefundKey(charge.charge_id);
}

Finding JudgeCharge(const GatewayCharge& charge, const std::optional<LedgerRecharge>& recharge,
                    int32_t attempt, const std::optional<GatewayCharge>& credited) {
  const bool credited_for_it = recharge.has_value() && IsCreditedFor(*recharge, charge);
  if (attempt == 0 && !credited_for_it) {
    return recharge.has_value() && charge.kept() ? Finding::kStrangeKey : Finding::kForeign;
  }
  // Money that is gone is none that is missing if the ledger books it with this charge's credit.
  const bool booked = charge.succeeded && charge.gone_is_known && recharge.has_value() &&
                      (credited_for_it || recharge->state != LedgerRecharge::State::kSucceeded);
  const bool missing = !charge.whole() && !booked;
  if (credited_for_it && missing) return Finding::kCreditedWithoutMoney;
  if (!credited_for_it && !charge.kept()) return Finding::kInOrder;
  if (missing) return Finding::kPartlyGone;
  if (charge.amount <= 0) return Finding::kAmountDiffers;
  if (!recharge.has_value()) return Finding::kOrphan;
  // Less than was asked for is credited as it is.
  const bool amount_fits =
      credited_for_it ? charge.amount == recharge->amount : charge.amount <= recharge->amount;
  if (!amount_fits || charge.currency != recharge->currency) return Finding::kAmountDiffers;
  if (credited_for_it) return Finding::kInOrder;
  if (recharge->state == LedgerRecharge::State::kSucceeded) {
    // Given back only while the other charge pays for the credit.
    const bool paid =
        credited.has_value() && credited->whole() && credited->charge_id == recharge->charge_id &&
        credited->amount == recharge->amount && credited->currency == recharge->currency;
    return paid ? Finding::kSecondCharge : Finding::kOtherChargeMissing;
  }
  if (attempt > recharge->attempt) return Finding::kUnknownAttempt;
  return Finding::kUnreported;
}

Finding JudgeRefund(const GatewayState& refund, const std::vector<GatewayState>& states) {
  bool named = false;
  for (const GatewayState& state : states) {
    if (state.kind != GatewayState::Kind::kRefund) continue;
    if (state.id == refund.id) {
      const bool same = state.amount == refund.amount && state.currency == refund.currency;
      return same ? Finding::kInOrder : Finding::kRefundDiffers;
    }
    named = named || state.reference == refund.reference;
  }
  return named ? Finding::kInOrder : Finding::kNoRefund;
}

}  // namespace reserve::worker
