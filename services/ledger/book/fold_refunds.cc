// The fold of money that a card's charge gives back: refunds that staff asks for, and refunds and
// disputes that the gateway tells of.
#include "services/ledger/book/folder.h"

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "services/ledger/book/charges.h"
#include "services/ledger/domain/refusals.h"

namespace reserve::book {
namespace {

using domain::Recharge;
using domain::Transition;

std::string DigestOf(const RefundRecharge& command) {
  const domain::RefundRequest& request = command.request;
  return Sha256HexOfFields({"refund", absl::StrCat(command.ordinal),
                            request.amount.has_value() ? absl::StrCat(*request.amount) : "all",
                            request.by.reason, request.by.actor, request.by.reference,
                            request.allow_debt ? "debt" : ""});
}

}  // namespace

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id, const RefundRecharge& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::RefundRequest& request = command.request;
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::string digest = DigestOf(command);
  if (const auto repeat = AnswerAgain(account_id, request.request_id, digest)) return *repeat;
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* charge, FindRecharge(account_id, command.ordinal));
  if (const int64_t credited_as = charge->recharge.credited_as; credited_as != 0) {
    RESERVE_ASSIGN_OR_RETURN(charge, FindRecharge(account_id, credited_as));
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::RefundRecharge(ContextOf(*image), image->account(), charge->recharge, request));
  const Recharge refund = AsWritten(transition.recharges.front());
  if (command.validate_only) return RechargeReply{refund};
  ApplyWithOpen(*image, std::move(transition));
  NoteRequest(account_id, request.request_id, digest, refund.ordinal);
  return RechargeReply{refund};
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const ReportGatewayRefund& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(Reply reply, ApplyTold(account_id, command));
  ApplyUnplaced(*image, command.told.charge_id);
  return reply;
}

absl::StatusOr<Reply> Folder::Handle(absl::string_view account_id,
                                     const ReportGatewayDispute& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  RESERVE_ASSIGN_OR_RETURN(Reply reply, ApplyTold(account_id, command));
  ApplyUnplaced(*image, command.told.charge_id);
  return reply;
}

void Folder::ApplyUnplaced(AccountImage& image, const std::string& charge_id) {
  const std::string account_id = image.account().account_id;
  const Recharge* credited = CreditedFor(image_, account_id, charge_id);
  if (credited == nullptr) return;
  const int64_t ordinal = credited->ordinal;
  for (UnplacedImage& unplaced : image_.unplaced) {
    const domain::UnplacedState& state = unplaced.state;
    if (unplaced.applied || state.charge_id() != charge_id) continue;
    const absl::StatusOr<Reply> applied =
        state.is_refund()
            ? ApplyTold(account_id,
                        ReportGatewayRefund{ordinal, /*refund_ordinal=*/0, state.currency,
                                            std::get<domain::GatewayRefund>(state.told)})
            : ApplyTold(account_id,
                        ReportGatewayDispute{ordinal, state.currency,
                                             std::get<domain::GatewayDispute>(state.told)});
    if (!applied.ok()) continue;
    unplaced.applied = true;
    image.balance_changed = true;  // so that it is written, whatever it came to
  }
}

absl::StatusOr<Reply> Folder::ApplyTold(absl::string_view account_id,
                                        const ReportGatewayRefund& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::GatewayRefund& told = command.told;
  const Recharge* charge = RowOfCharge(image_, account_id, command.ordinal, told.charge_id);
  if (charge == nullptr) return domain::ChargeNotFound(told.charge_id);
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  if (const Recharge* other =
          RefundOfAnotherCharge(image_, account_id, told.refund_id, told.charge_id)) {
    return domain::RefundIdReused(*other);
  }
  const Recharge* known = domain::FindTold(RefundsOf(image_, account_id, told.charge_id),
                                           told.refund_id, command.refund_ordinal);
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ApplyGatewayRefund(ContextOf(*image), image->account(), *charge, known, told));
  const bool already_applied = transition.unchanged;
  const int64_t charged = charge->ordinal;
  const int64_t ordinal = known != nullptr ? known->ordinal : transition.recharges.front().ordinal;
  ApplyWithOpen(*image, std::move(transition));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* now, FindRecharge(account_id, charged));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* refund, FindRecharge(account_id, ordinal));
  return RechargeReply{refund->recharge, already_applied, /*more_follows=*/false,
                       now->recharge.keeps};
}

absl::StatusOr<Reply> Folder::ApplyTold(absl::string_view account_id,
                                        const ReportGatewayDispute& command) {
  RESERVE_ASSIGN_OR_RETURN(AccountImage * image, FindAccount(account_id));
  const domain::GatewayDispute& told = command.told;
  const Recharge* found = RowOfCharge(image_, account_id, command.ordinal, told.charge_id);
  if (found == nullptr) return domain::ChargeNotFound(told.charge_id);
  RESERVE_RETURN_IF_ERROR(CheckCurrency(image->account(), command.currency, "amount"));
  const std::pair<std::string, std::string> key(account_id, told.dispute_id);
  const auto known = image_.disputes.find(key);
  if (known != image_.disputes.end() && known->second.dispute.charge_id != told.charge_id) {
    return domain::DisputeIdReused(known->second.dispute);
  }
  Recharge charge = *found;
  const auto named = image_.recharges.find(RechargeKey(account_id, command.ordinal));
  if (charge.is_payment() && named != image_.recharges.end()) {
    // Booked as a payment before the recharge was reported, whose card was charged.
    charge.card.fingerprint = named->second.recharge.card.fingerprint;
  }
  RESERVE_ASSIGN_OR_RETURN(
      Transition transition,
      domain::ApplyGatewayDispute(ContextOf(*image), image->account(), charge,
                                  known == image_.disputes.end() ? nullptr : &known->second.dispute,
                                  RefundsOf(image_, account_id, told.charge_id), told));
  ApplyWithOpen(*image, std::move(transition));
  RESERVE_ASSIGN_OR_RETURN(const RechargeImage* now, FindRecharge(account_id, charge.ordinal));
  return DisputeReply{image_.disputes.find(key)->second.dispute, image->account().currency,
                      now->recharge.keeps};
}

}  // namespace reserve::book
