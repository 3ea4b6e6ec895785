#include "services/ledger/domain/payment_policy.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/consequences.h"
#include "services/ledger/domain/draft.h"
#include "services/ledger/domain/recharge_steps.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/suspension.h"

namespace reserve::domain {
namespace {

absl::Status CheckPayment(const Context& context, const Account& account,
                          const PaymentRequest& request) {
  if (request.amount <= 0) return InvalidField("amount", "must be above zero");
  if (!request.charge_id.empty()) {
    RESERVE_RETURN_IF_ERROR(CheckChargeable("amount", account.currency, request.amount));
  }
  if (request.received_time > context.now + kMostReceivedAhead) {
    return InvalidField("received_time", "must be at most a day from now");
  }
  return absl::OkStatus();
}

Recharge& AddPayment(const PaymentRequest& request, Draft* draft) {
  Account& a = draft->account();
  Recharge payment;
  payment.account_id = a.account_id;
  payment.ordinal = ++a.last_ordinal;
  payment.kind = RechargeKind::kPayment;
  payment.state = RechargeState::kSucceeded;
  payment.currency = a.currency;
  payment.amount = request.amount;
  payment.credited = request.amount;
  payment.due_time = absl::InfiniteFuture();
  payment.charge_id = request.charge_id;
  payment.request_id = request.request_id;
  payment.means = request.means;
  payment.reference = request.by.reference;
  payment.received_time = request.received_time;
  payment.create_time = draft->context().now;
  payment.end_time = draft->context().now;
  ++a.payments;
  draft->EndWait();  // the customer has acted
  return draft->transition().recharges.emplace_back(std::move(payment));
}

Entry& Book(EntryKind kind, Nanos balance, const Recharge& payment, const std::string& request_id,
            const ByStaff& by, Draft* draft) {
  Entry& entry = draft->AddEntry(
      kind, kind == EntryKind::kPayment ? payment.credited : -payment.credited, balance);
  entry.recharge_ordinal = payment.ordinal;
  entry.request_id = request_id;
  entry.reason = by.reason;
  return entry;
}

}  // namespace

absl::StatusOr<Transition> RecordPayment(const Context& context, const Account& account,
                                         const Recharge* credited, const PaymentRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckPayment(context, account, request));
  if (credited != nullptr) return Unchanged(account);
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Add(account.balance, request.amount));
  Draft draft(context, account);
  const Recharge payment = AddPayment(request, &draft);
  Book(EntryKind::kPayment, balance, payment, request.request_id, request.by, &draft);
  Tell(request.by,
       draft.AddEvent(EventKind::kPaymentRecorded,
                      absl::StrCat(FormatMoney(account.currency, request.amount), " by ",
                                   TextOf(request.means), ": ", request.by.reason),
                      payment));
  return Concluded(std::move(draft));
}

absl::StatusOr<Transition> ReversePayment(const Context& context, const Account& account,
                                          const Recharge& payment, const std::string& request_id,
                                          const ByStaff& by) {
  if (payment.state == RechargeState::kReversed) return AlreadyReversed(payment);
  if (payment.refunded != 0 || payment.disputed != 0) return PaymentGivenBack(payment);
  RESERVE_ASSIGN_OR_RETURN(const Nanos balance, Subtract(account.balance, payment.credited));
  Draft draft(context, account);
  Recharge& reversed = draft.Change(payment);
  reversed.state = RechargeState::kReversed;
  reversed.end_time = context.now;
  --draft.account().payments;
  Book(EntryKind::kPaymentReversed, balance, payment, request_id, by, &draft);
  Tell(by, draft.AddEvent(EventKind::kPaymentReversed, by.reason, payment));
  if (IsLow(draft.account())) {
    draft.Change(payment).suspension_number =
        Suspend(SuspensionReason::kMoneyTakenBack, by, &draft);
  }
  return Concluded(std::move(draft));
}

absl::string_view TextOf(PaymentMeans means) {
  switch (means) {
    case PaymentMeans::kNone:
      return "no means";
    case PaymentMeans::kBankTransfer:
      return "bank transfer";
    case PaymentMeans::kCheque:
      return "cheque";
    case PaymentMeans::kCash:
      return "cash";
    case PaymentMeans::kCardElsewhere:
      return "a card elsewhere";
    case PaymentMeans::kOther:
      return "other means";
  }
  return "";
}

}  // namespace reserve::domain
