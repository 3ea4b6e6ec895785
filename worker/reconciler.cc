#include "worker/reconciler.h"

#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "worker/charge_key.h"
#include "worker/errors.h"
#include "worker/gateway_messages.h"
#include "worker/gone_money.h"
#include "worker/ledger_client.h"

namespace reserve::worker {
namespace {

namespace gw = ::reserve::gateway::v1;
namespace pb = ::reserve::ledger::v1;

constexpr int kChargePage = 500;
constexpr int kAccountPage = 500;
constexpr int kRechargePage = 20;
constexpr int kStatePage = 100;
constexpr int kEventPage = 1000;
// A recharge is judged again if the ledger credited it for another charge meanwhile.
constexpr int kRounds = 3;
// Charges of other systems may be many; the first are shown.
constexpr int64_t kForeignShown = 10;

bool MayHelpToRepeat(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded ||
         code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kAborted;
}

// An amount that can't be read is none of ours: it is taken for 0, which differs from any.
GatewayCharge FromProto(const gw::Charge& charge) {
  const google::type::Money& charged =
      charge.has_captured_amount() ? charge.captured_amount() : charge.amount();
  return {.charge_id = charge.charge_id(),
          .idempotency_key = charge.idempotency_key(),
          .reference = charge.reference(),
          .amount = reserve::FromProto(charged, "", "charge.amount").value_or(0),
          .currency = charged.currency_code(),
          .succeeded = charge.state() == gw::CHARGE_STATE_SUCCEEDED,
          .gone = GoneMoney(charge),
          .states = StatesOf(charge)};
}

LedgerRecharge::State FromProto(pb::RechargeState state) {
  switch (state) {
    case pb::RECHARGE_STATE_SUCCEEDED:
      return LedgerRecharge::State::kSucceeded;
    case pb::RECHARGE_STATE_CANCELED:
    case pb::RECHARGE_STATE_FAILED:
      return LedgerRecharge::State::kFailed;
    case pb::RECHARGE_STATE_NEEDS_REVIEW:
      return LedgerRecharge::State::kNeedsReview;
    default:
      return LedgerRecharge::State::kOpen;
  }
}

absl::StatusOr<LedgerRecharge> FromProto(const pb::Recharge& recharge) {
  // What was credited, once it was: a charge may have captured less than was asked for.
  const google::type::Money& credited =
      recharge.has_credited_amount() ? recharge.credited_amount() : recharge.amount();
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount, reserve::FromProto(credited, "", "recharge.amount"));
  return LedgerRecharge{.state = FromProto(recharge.state()),
                        .amount = amount,
                        .currency = recharge.amount().currency_code(),
                        .attempt = recharge.attempt(),
                        .charge_id = recharge.charge_id()};
}

// As the ledger has it.
absl::StatusOr<GatewayState> StateOf(const pb::Refund& refund) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount,
                           reserve::FromProto(refund.amount(), "", "refund.amount"));
  return GatewayState{.id = refund.refund_id(),
                      .reference = FormatReference(refund.account_id(), refund.ordinal()),
                      .state = refund.state(),
                      .amount = amount,
                      .currency = refund.amount().currency_code()};
}

absl::StatusOr<LedgerRecharge> FromProto(const pb::Payment& payment) {
  RESERVE_ASSIGN_OR_RETURN(const Nanos amount,
                           reserve::FromProto(payment.amount(), "", "payment.amount"));
  return LedgerRecharge{.state = LedgerRecharge::State::kSucceeded,
                        .amount = amount,
                        .currency = payment.amount().currency_code(),
                        .charge_id = payment.charge_id()};
}

// Does the ledger, which has the refund so, know as much as the gateway says? It may know more, as
// the gateway was asked before.
bool Covers(pb::RefundState stored, int32_t told) {
  if (stored == told) return true;
  return told == pb::REFUND_STATE_PENDING &&
         (stored == pb::REFUND_STATE_SUCCEEDED || stored == pb::REFUND_STATE_FAILED);
}

bool Covers(pb::DisputeState stored, int32_t told) {
  if (stored == told) return true;
  const bool may_go_on = told == pb::DISPUTE_STATE_INQUIRY || told == pb::DISPUTE_STATE_OPENED;
  return may_go_on && stored > told;
}

template <typename State>
bool Knows(const std::map<std::string, State>& known, const GatewayState& state) {
  const auto found = known.find(state.id);
  return found != known.end() && Covers(found->second, state.state);
}

std::string ReferenceOf(const RechargeName& name) {
  return FormatReference(name.account_id, name.ordinal);
}

// "ch_77 USD 15.00"
std::string ChargeText(const GatewayCharge& charge) {
  return absl::StrCat(charge.charge_id, " ", FormatMoney(charge.currency, charge.amount));
}

}  // namespace

Reconciler::Reconciler(ReconcileOptions options, const std::shared_ptr<grpc::Channel>& ledger,
                       const std::shared_ptr<grpc::Channel>& gateway, std::ostream* out)
    : options_(std::move(options)),
      accounts_(pb::Accounts::NewStub(ledger)),
      recharges_(pb::Recharges::NewStub(ledger)),
      events_(pb::Events::NewStub(ledger)),
      gateway_(gw::PaymentGateway::NewStub(gateway)),
      out_(*out),
      gateway_limit_(options_.gateway_requests_per_second),
      last_progress_(MonotonicNow()) {}

absl::StatusOr<ReconcileCounts> Reconciler::Run() {
  out_ << "reconcile: from " << FormatRfc3339(options_.from) << " to " << FormatRfc3339(options_.to)
       << (options_.dry_run ? ", a dry run" : "") << std::endl;
  absl::Status status = GoThroughCharges();
  if (status.ok()) status = GoThroughLedger();
  out_ << (status.ok() ? "reconcile: " : "reconcile, as far as it came: ") << counts_.charges
       << " charges, " << counts_.foreign << " of them of other systems; " << counts_.accounts
       << " accounts, " << counts_.recharges << " credited recharges, " << counts_.refunds
       << " refunds; " << counts_.credited
       << (options_.dry_run ? " to be credited, " : " credited, ") << counts_.refunded
       << (options_.dry_run ? " to be given back, " : " given back, ") << counts_.reported
       << (options_.dry_run ? " to be reported, " : " reported, ") << counts_.for_person
       << " for a person" << std::endl;
  if (!status.ok()) return status;
  return counts_;
}

// --- Both sides ---------------------------------------------------------------------

absl::Status Reconciler::GoThroughCharges() {
  gw::ListChargesRequest request;
  reserve::ToProto(options_.from, request.mutable_start_time());
  reserve::ToProto(options_.to, request.mutable_end_time());
  const OnCharge reconcile = [this](const gw::Charge& charge) {
    ++counts_.charges;
    ShowProgress();
    return Reconcile(FromProto(charge));
  };
  RESERVE_RETURN_IF_ERROR(ListCharges(std::move(request), reconcile));
  // Money comes back, and is disputed, months after.
  gw::ListChargesRequest changed;
  reserve::ToProto(options_.from, changed.mutable_end_time());
  reserve::ToProto(options_.from, changed.mutable_updated_since());
  return ListCharges(std::move(changed), [&](const gw::Charge& charge) {
    reconciled_.insert(charge.charge_id());
    return reconcile(charge);
  });
}

absl::Status Reconciler::GoThroughLedger() {
  pb::ListAccountsRequest request;
  request.set_page_size(kAccountPage);
  do {
    pb::ListAccountsResponse page;
    RESERVE_RETURN_IF_ERROR(Call(*accounts_, &pb::Accounts::Stub::ListAccounts, request, &page));
    for (const pb::Account& account : page.accounts()) {
      ++counts_.accounts;
      ShowProgress();
      RESERVE_RETURN_IF_ERROR(GoThroughRecharges(account.account_id()));
      RESERVE_RETURN_IF_ERROR(GoThroughRefunds(account.account_id()));
      RESERVE_RETURN_IF_ERROR(GoThroughPayments(account.account_id()));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Reconciler::GoThroughRecharges(const std::string& account_id) {
  pb::ListRechargesRequest request;
  request.set_account_id(account_id);
  request.set_page_size(kRechargePage);
  do {
    pb::ListRechargesResponse page;
    RESERVE_RETURN_IF_ERROR(Call(*accounts_, &pb::Accounts::Stub::ListRecharges, request, &page));
    for (const pb::Recharge& message : page.recharges()) {
      RESERVE_ASSIGN_OR_RETURN(const LedgerRecharge recharge, FromProto(message));
      const RechargeName name{account_id, message.ordinal()};
      if (recharge.state == LedgerRecharge::State::kNeedsReview) {
        RESERVE_RETURN_IF_ERROR(CheckUnderReview(name));
      }
      if (!message.has_end_time()) continue;
      RESERVE_ASSIGN_OR_RETURN(const absl::Time closed,
                               reserve::FromProto(message.end_time(), "end_time"));
      // One is open at a time, so those before it were closed earlier, but for a success that
      // came late; such a one is found by its charge.
      if (closed < options_.from) return absl::OkStatus();
      if (closed >= options_.to || recharge.state != LedgerRecharge::State::kSucceeded) continue;
      ++counts_.recharges;
      RESERVE_RETURN_IF_ERROR(CheckCredited(name, recharge));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Reconciler::GoThroughRefunds(const std::string& account_id) {
  return ListRefunds(account_id, [this](const pb::Refund& refund) -> absl::Status {
    if (refund.state() != pb::REFUND_STATE_SUCCEEDED || !refund.has_end_time()) {
      return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(const absl::Time made,
                             reserve::FromProto(refund.end_time(), "end_time"));
    if (made < options_.from || made >= options_.to) return absl::OkStatus();
    ++counts_.refunds;
    return CheckMade(refund);
  });
}

absl::Status Reconciler::GoThroughPayments(const std::string& account_id) {
  pb::ListPaymentsRequest request;
  request.set_account_id(account_id);
  request.set_page_size(kRechargePage);
  do {
    pb::ListPaymentsResponse page;
    const absl::Status status = Call(*accounts_, &pb::Accounts::Stub::ListPayments, request, &page);
    // A ledger of before payments has none.
    if (absl::IsUnimplemented(status)) return absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Payment& payment : page.payments()) {
      RESERVE_ASSIGN_OR_RETURN(const absl::Time booked,
                               reserve::FromProto(payment.create_time(), "create_time"));
      if (booked < options_.from) return absl::OkStatus();
      if (booked >= options_.to || payment.charge_id().empty() ||
          payment.state() != pb::PAYMENT_STATE_RECORDED) {
        continue;
      }
      RESERVE_RETURN_IF_ERROR(CheckPayment(payment));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status Reconciler::CheckCredited(const RechargeName& name, const LedgerRecharge& recharge) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<gw::Charge> found, FindCharge(name, recharge));
  if (!found.has_value()) {
    return LeaveUnlessAdjusted(Finding::kNoCharge, ReferenceOf(name), recharge.charge_id,
                               recharge.charge_id);
  }
  return ReconcileOnce(*found);
}

absl::Status Reconciler::CheckMade(const pb::Refund& refund) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<gw::Charge> charge,
                           FindChargeById(refund.charge_id()));
  std::vector<GatewayState> states;
  if (charge.has_value()) {
    RESERVE_RETURN_IF_ERROR(ReconcileOnce(*charge));
    states = StatesOf(*charge);
  }
  RESERVE_ASSIGN_OR_RETURN(const GatewayState made, StateOf(refund));
  const Finding finding = JudgeRefund(made, states);
  if (finding == Finding::kInOrder) return absl::OkStatus();
  return LeaveUnlessAdjusted(
      finding, FormatReference(refund.account_id(), refund.recharge_ordinal()), refund.refund_id(),
      absl::StrCat(refund.charge_id(), "  ", absl::CHexEscape(TextOf(made))));
}

absl::Status Reconciler::CheckPayment(const pb::Payment& payment) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<gw::Charge> charge,
                           FindChargeById(payment.charge_id()));
  if (!charge.has_value()) {
    return LeaveUnlessAdjusted(Finding::kNoCharge,
                               FormatReference(payment.account_id(), payment.ordinal()),
                               payment.charge_id(), payment.charge_id());
  }
  const GatewayCharge found = FromProto(*charge);
  // One of a worker's may have been reconciled as its recharge, which says nothing of the payment.
  const bool met_as_payment =
      met_as_payments_.count(found.charge_id) > 0 ||
      (WasReconciled(*charge) && !ParseReference(found.reference).has_value());
  return met_as_payment ? absl::OkStatus() : ReconcilePayment(found, payment);
}

absl::Status Reconciler::CheckUnderReview(const RechargeName& name) {
  bool stands = false;
  RESERVE_RETURN_IF_ERROR(ListChargesOf(name, [&](const gw::Charge& charge) {
    const GatewayCharge found = FromProto(charge);
    if (!found.kept()) return absl::OkStatus();
    stands = true;
    return ReconcileOnce(charge);
  }));
  if (!stands) LeaveToPerson(Finding::kUnderReview, ReferenceOf(name), "");
  return absl::OkStatus();
}

// --- One charge ---------------------------------------------------------------------

absl::Status Reconciler::Reconcile(GatewayCharge charge) {
  // What no attempt of a worker made may have been booked as a payment.
  if (charge.succeeded && AttemptOf(charge, std::nullopt) == 0) {
    RESERVE_ASSIGN_OR_RETURN(const std::optional<pb::Payment> payment,
                             FindPayment(charge.charge_id));
    if (payment.has_value()) return ReconcilePayment(std::move(charge), *payment);
  }
  return ReconcileRecharge(std::move(charge));
}

absl::Status Reconciler::ReconcilePayment(GatewayCharge charge, const pb::Payment& payment) {
  const RechargeName name{payment.account_id(), payment.ordinal()};
  charge.reference = ReferenceOf(name);
  if (payment.state() != pb::PAYMENT_STATE_RECORDED) {
    if (charge.kept()) {
      LeaveToPerson(Finding::kReversedPayment, charge.reference, ChargeText(charge));
    }
    return absl::OkStatus();
  }
  RESERVE_ASSIGN_OR_RETURN(const LedgerRecharge booked, FromProto(payment));
  RESERVE_ASSIGN_OR_RETURN(const std::optional<Untold> untold,
                           TellOfStates(name, booked, /*attempt=*/0, &charge));
  const Finding finding = JudgeCharge(charge, booked, /*attempt=*/0, std::nullopt);
  const bool for_person = StepFor(finding) == Step::kPerson;
  if (for_person || untold.has_value()) {
    return LeaveUnlessAdjusted(for_person ? finding : untold->finding, charge.reference,
                               charge.charge_id, ChargeText(charge),
                               untold.has_value() ? untold->why : "");
  }
  return absl::OkStatus();
}

absl::Status Reconciler::ReconcileRecharge(GatewayCharge charge) {
  const std::optional<RechargeName> name = ParseReference(charge.reference);
  std::optional<Untold> untold;
  for (int round = 0; round < kRounds; ++round) {
    std::optional<LedgerRecharge> recharge;
    if (name.has_value()) {
      RESERVE_ASSIGN_OR_RETURN(recharge, FindRecharge(*name));
    }
    std::optional<GatewayCharge> credited;
    if (AsksForCredited(charge, recharge)) {
      RESERVE_ASSIGN_OR_RETURN(const std::optional<gw::Charge> found, FindCharge(*name, *recharge));
      if (found.has_value()) credited = FromProto(*found);
    }
    const int32_t attempt = AttemptOf(charge, recharge);
    if (round == 0 && recharge.has_value()) {
      RESERVE_ASSIGN_OR_RETURN(untold, TellOfStates(*name, *recharge, attempt, &charge));
    }
    const Finding finding = JudgeCharge(charge, recharge, attempt, credited);
    if (finding == Finding::kForeign && ++counts_.foreign <= kForeignShown) {
      Print("LEFT", finding, charge.reference, ChargeText(charge));
    }
    const Step step = StepFor(finding);
    // Support may have booked it by hand, as its recharge was lost: then it is not to be given
    // back.
    if (step == Step::kRefund || step == Step::kPerson) {
      RESERVE_ASSIGN_OR_RETURN(const std::optional<pb::Payment> payment,
                               FindPayment(charge.charge_id));
      if (payment.has_value() && payment->state() == pb::PAYMENT_STATE_RECORDED &&
          !(recharge.has_value() && recharge->charge_id == charge.charge_id)) {
        met_as_payments_.insert(charge.charge_id);
        return ReconcilePayment(std::move(charge), *payment);
      }
    }
    if (untold.has_value()) {
      RESERVE_RETURN_IF_ERROR(LeaveUnlessAdjusted(step == Step::kPerson ? finding : untold->finding,
                                                  charge.reference, charge.charge_id,
                                                  ChargeText(charge), untold->why));
    } else if (step == Step::kPerson) {
      RESERVE_RETURN_IF_ERROR(
          LeaveUnlessAdjusted(finding, charge.reference, charge.charge_id, ChargeText(charge)));
    }
    untold.reset();
    switch (step) {
      case Step::kNothing:
      case Step::kPerson:
        return absl::OkStatus();
      case Step::kRefund:
        return Refund(charge, finding);
      case Step::kCredit:
        break;
    }
    bool again = false;
    RESERVE_RETURN_IF_ERROR(Credit(charge, *name, attempt, &again));
    if (!again) return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat("recharge ", charge.reference, " changes all the time; run again"));
}

absl::Status Reconciler::ReconcileOnce(const gw::Charge& charge) {
  if (WasReconciled(charge)) return absl::OkStatus();
  reconciled_.insert(charge.charge_id());
  return Reconcile(FromProto(charge));
}

absl::StatusOr<std::optional<Reconciler::Untold>> Reconciler::TellOfStates(
    const RechargeName& name, const LedgerRecharge& recharge, int32_t attempt,
    GatewayCharge* charge) {
  std::optional<KnownStates> known;
  std::optional<Untold> untold;
  charge->gone_is_known = true;
  for (const GatewayState& state : charge->states) {
    if (!IsForLedger(state, *charge, recharge, attempt)) continue;
    if (!known.has_value()) {
      RESERVE_ASSIGN_OR_RETURN(known, FindStates(name.account_id));
    }
    const bool refund = state.kind == GatewayState::Kind::kRefund;
    if (refund ? Knows(known->refunds, state) : Knows(known->disputes, state)) continue;
    const Finding finding = refund ? Finding::kUntoldRefund : Finding::kUntoldDispute;
    const std::string text = absl::CHexEscape(TextOf(state));
    const absl::Status status = options_.dry_run ? absl::OkStatus() : TellOf(state, *charge);
    if (IsRefusal(status) || absl::IsUnimplemented(status)) {
      charge->gone_is_known = false;
      if (!untold.has_value()) untold = Untold{.finding = finding};
      absl::StrAppend(&untold->why, untold->why.empty() ? "" : "; ", "the ledger does not take ",
                      text, ": ", status.message());
      continue;
    }
    RESERVE_RETURN_IF_ERROR(status);
    ++counts_.reported;
    Print(options_.dry_run ? "TO REPORT" : "REPORTED", finding, charge->reference,
          absl::StrCat(ChargeText(*charge), "  ", text));
  }
  return untold;
}

absl::Status Reconciler::TellOf(const GatewayState& state, const GatewayCharge& charge) {
  if (state.kind == GatewayState::Kind::kRefund) {
    pb::Refund stored;
    RESERVE_RETURN_IF_ERROR(Call(*recharges_, &pb::Recharges::Stub::ReportGatewayRefund,
                                 RefundReport(charge.charge_id, charge.reference, state), &stored));
    return Covers(stored.state(), state.state)
               ? absl::OkStatus()
               : StateNotTaken(pb::RefundState_Name(stored.state()));
  }
  pb::Dispute stored;
  RESERVE_RETURN_IF_ERROR(Call(*recharges_, &pb::Recharges::Stub::ReportGatewayDispute,
                               DisputeReport(charge.charge_id, charge.reference, state), &stored));
  return Covers(stored.state(), state.state) ? absl::OkStatus()
                                             : StateNotTaken(pb::DisputeState_Name(stored.state()));
}

absl::Status Reconciler::Credit(const GatewayCharge& charge, const RechargeName& name,
                                int32_t attempt, bool* again) {
  constexpr Finding kFinding = Finding::kUnreported;
  if (!options_.dry_run) {
    pb::ReportRechargeRequest request;
    request.set_account_id(name.account_id);
    request.set_ordinal(name.ordinal);
    request.set_attempt(attempt);
    request.set_worker_id(options_.worker_id);
    request.mutable_succeeded()->set_charge_id(charge.charge_id);
    reserve::ToProto(charge.amount, charge.currency, request.mutable_succeeded()->mutable_amount());
    pb::ReportRechargeResponse response;
    const absl::Status status =
        Call(*recharges_, &pb::Recharges::Stub::ReportRecharge, request, &response);
    if (IsAlreadyCredited(status)) {
      *again = true;
      return absl::OkStatus();
    }
    if (status.code() == absl::StatusCode::kInvalidArgument) {
      LeaveToPerson(kFinding, charge.reference, ChargeText(charge), status.message());
      return absl::OkStatus();
    }
    RESERVE_RETURN_IF_ERROR(status);
  }
  ++counts_.credited;
  Print(options_.dry_run ? "TO CREDIT" : "CREDITED", kFinding, charge.reference,
        ChargeText(charge));
  return absl::OkStatus();
}

absl::Status Reconciler::Refund(const GatewayCharge& charge, Finding finding) {
  if (counts_.refunded >= options_.max_refunds) {
    LeaveToPerson(finding, charge.reference, ChargeText(charge),
                  "not given back: --max_refunds is reached");
    return absl::OkStatus();
  }
  if (!options_.dry_run) {
    // All of it is part of what the key stands for, so it must not differ from run to run.
    gw::RefundRequest request;
    request.set_idempotency_key(OrphanRefundKey(charge.charge_id));
    request.set_charge_id(charge.charge_id);
    reserve::ToProto(charge.amount, charge.currency, request.mutable_amount());
    request.set_reference(charge.reference);
    request.set_reason("no recharge was credited for this charge");
    gw::RefundResponse response;
    const absl::Status status =
        Call(*gateway_, &gw::PaymentGateway::Stub::Refund, request, &response);
    // Somebody else has given it back since it was listed, or a bank has taken it.
    if (IsRefundTooLarge(status)) {
      LeaveToPerson(finding, charge.reference, ChargeText(charge),
                    "not given back: the gateway says that less is left of it");
      return absl::OkStatus();
    }
    RESERVE_RETURN_IF_ERROR(status);
    if (response.refund().refund_id().empty()) {
      return absl::InternalError(
          absl::StrCat("the gateway says nothing of a refund of charge ", charge.charge_id));
    }
    if (response.refund().state() == gw::REFUND_STATE_FAILED) {
      LeaveToPerson(finding, charge.reference, ChargeText(charge),
                    absl::StrCat("not given back: the refund failed with ",
                                 absl::CHexEscape(response.refund().failure_code())));
      return absl::OkStatus();
    }
  }
  ++counts_.refunded;
  Print(options_.dry_run ? "TO GIVE BACK" : "GIVEN BACK", finding, charge.reference,
        ChargeText(charge));
  return absl::OkStatus();
}

// --- Looking up ---------------------------------------------------------------------

absl::StatusOr<Reconciler::KnownStates> Reconciler::FindStates(const std::string& account_id) {
  KnownStates known;
  RESERVE_RETURN_IF_ERROR(ListRefunds(account_id, [&known](const pb::Refund& refund) {
    known.refunds[refund.refund_id()] = refund.state();
    return absl::OkStatus();
  }));
  pb::ListDisputesRequest disputes;
  disputes.set_account_id(account_id);
  disputes.set_page_size(kStatePage);
  do {
    pb::ListDisputesResponse page;
    const absl::Status status =
        Call(*accounts_, &pb::Accounts::Stub::ListDisputes, disputes, &page);
    // A ledger of before disputes knows none.
    if (absl::IsUnimplemented(status)) return known;
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Dispute& dispute : page.disputes()) {
      known.disputes[dispute.dispute_id()] = dispute.state();
    }
    disputes.set_page_token(page.next_page_token());
  } while (!disputes.page_token().empty());
  return known;
}

absl::Status Reconciler::ListRefunds(const std::string& account_id, const OnRefund& on_refund) {
  pb::ListRefundsRequest request;
  request.set_account_id(account_id);
  request.set_page_size(kStatePage);
  do {
    pb::ListRefundsResponse page;
    const absl::Status status = Call(*accounts_, &pb::Accounts::Stub::ListRefunds, request, &page);
    // A ledger of before refunds has none.
    if (absl::IsUnimplemented(status)) return absl::OkStatus();
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Refund& refund : page.refunds()) RESERVE_RETURN_IF_ERROR(on_refund(refund));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<LedgerRecharge>> Reconciler::FindRecharge(const RechargeName& name) {
  pb::ListRechargesRequest request;
  request.set_account_id(name.account_id);
  request.set_page_size(kRechargePage);
  do {
    pb::ListRechargesResponse page;
    const absl::Status status =
        Call(*accounts_, &pb::Accounts::Stub::ListRecharges, request, &page);
    if (status.code() == absl::StatusCode::kNotFound) return std::nullopt;
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Recharge& recharge : page.recharges()) {  // newest first
      if (recharge.ordinal() == name.ordinal) return FromProto(recharge);
      if (recharge.ordinal() < name.ordinal) return std::nullopt;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return std::nullopt;
}

absl::StatusOr<std::optional<pb::Payment>> Reconciler::FindPayment(const std::string& charge_id) {
  std::optional<pb::Payment> found;
  pb::ListPaymentsRequest request;
  request.set_charge_id(charge_id);
  request.set_page_size(kRechargePage);
  do {
    pb::ListPaymentsResponse page;
    const absl::Status status = Call(*accounts_, &pb::Accounts::Stub::ListPayments, request, &page);
    if (absl::IsUnimplemented(status)) return found;
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Payment& payment : page.payments()) {
      if (!found.has_value() || payment.state() == pb::PAYMENT_STATE_RECORDED) found = payment;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return found;
}

absl::StatusOr<std::optional<gw::Charge>> Reconciler::FindCharge(const RechargeName& name,
                                                                 const LedgerRecharge& recharge) {
  // Nearly always the one under the key of the last attempt.
  gw::GetChargeRequest request;
  request.set_idempotency_key(ChargeKey(name.account_id, name.ordinal, recharge.attempt));
  gw::Charge last;
  const absl::Status status = Call(*gateway_, &gw::PaymentGateway::Stub::GetCharge, request, &last);
  if (status.ok() && last.charge_id() == recharge.charge_id) return last;
  if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
  std::optional<gw::Charge> found;
  RESERVE_RETURN_IF_ERROR(ListChargesOf(name, [&](const gw::Charge& charge) {
    if (charge.charge_id() == recharge.charge_id) found = charge;
    return absl::OkStatus();
  }));
  return found;
}

absl::Status Reconciler::ListChargesOf(const RechargeName& name, const OnCharge& on_charge) {
  const std::string reference = ReferenceOf(name);
  gw::ListChargesRequest request;
  request.set_reference_prefix(reference);
  return ListCharges(std::move(request), [&](const gw::Charge& charge) {
    // "acme/30" begins with "acme/3".
    return charge.reference() == reference ? on_charge(charge) : absl::OkStatus();
  });
}

absl::StatusOr<std::optional<gw::Charge>> Reconciler::FindChargeById(const std::string& charge_id) {
  gw::GetChargeRequest request;
  request.set_charge_id(charge_id);
  gw::Charge charge;
  const absl::Status status =
      Call(*gateway_, &gw::PaymentGateway::Stub::GetCharge, request, &charge);
  if (status.code() == absl::StatusCode::kNotFound) return std::nullopt;
  RESERVE_RETURN_IF_ERROR(status);
  return charge;
}

absl::Status Reconciler::ListCharges(gw::ListChargesRequest request, const OnCharge& on_charge) {
  request.set_page_size(kChargePage);
  do {
    gw::ListChargesResponse page;
    RESERVE_RETURN_IF_ERROR(
        Call(*gateway_, &gw::PaymentGateway::Stub::ListCharges, request, &page));
    for (const gw::Charge& charge : page.charges()) RESERVE_RETURN_IF_ERROR(on_charge(charge));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

bool Reconciler::WasReconciled(const gw::Charge& charge) const {
  if (reconciled_.count(charge.charge_id()) > 0) return true;
  const auto time = reserve::FromProto(charge.create_time(), "create_time");
  return time.ok() && *time >= options_.from && *time < options_.to;
}

template <typename Stub, typename Request, typename Response>
absl::Status Reconciler::Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, Response* response) {
  for (int tries = 1;; ++tries) {
    absl::Duration turn = absl::ZeroDuration();
    if constexpr (std::is_same_v<Stub, gw::PaymentGateway::Stub>) {
      const Moment now = MonotonicNow();
      turn = gateway_limit_.Take(now) - now;
    }
    if (options_.wait(turn)) {
      return absl::CancelledError("asked to stop; run again for the rest");
    }
    grpc::ClientContext context;
    context.set_deadline(DeadlineIn(options_.call_timeout));
    const absl::Status status = FromGrpcStatus((stub.*method)(&context, request, response));
    if (status.ok() || !MayHelpToRepeat(status.code()) || tries >= options_.max_tries) {
      return status;
    }
    out_ << "going on after: " << status << std::endl;
    if (options_.wait(options_.pause)) {
      return absl::CancelledError("asked to stop; run again for the rest");
    }
  }
}

// --- The report ---------------------------------------------------------------------

void Reconciler::Print(absl::string_view what, Finding finding, absl::string_view reference,
                       absl::string_view charge, absl::string_view more) {
  // References of other systems may hold anything.
  out_ << what << "  " << NameOf(finding) << "  recharge " << absl::CHexEscape(reference);
  if (!charge.empty()) out_ << "  charge " << absl::CHexEscape(charge);
  out_ << "\n    " << Explain(finding);
  if (!more.empty()) out_ << "; " << more;
  out_ << std::endl;
}

void Reconciler::LeaveToPerson(Finding finding, absl::string_view reference,
                               absl::string_view charge, absl::string_view more) {
  ++counts_.for_person;
  Print("FOR A PERSON", finding, reference, charge, more);
  out_ << "    to do: " << RemedyOf(finding) << std::endl;
}

absl::Status Reconciler::LeaveUnlessAdjusted(Finding finding, const std::string& reference,
                                             const std::string& id, absl::string_view charge,
                                             absl::string_view more) {
  const std::optional<Reference> name = ParseReference(reference);
  if (!IsPutRightByAdjusting(finding) || !name.has_value()) {
    LeaveToPerson(finding, reference, charge, more);
    return absl::OkStatus();
  }
  const std::string own_reference = AdjustmentReference(finding, id);
  RESERVE_ASSIGN_OR_RETURN(const bool adjusted, IsAdjusted(name->account_id, own_reference));
  if (adjusted) {
    Print("ADJUSTED", finding, reference, charge, "a person has adjusted the balance for it");
    return absl::OkStatus();
  }
  LeaveToPerson(finding, reference, charge, more);
  out_ << "    to put it right by Support.AdjustBalance give that the reference \"" << own_reference
       << "\"" << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<bool> Reconciler::IsAdjusted(const std::string& account_id,
                                            absl::string_view reference) {
  pb::ListEventsRequest request;
  request.set_account_id(account_id);
  request.set_page_size(kEventPage);
  do {
    pb::ListEventsResponse page;
    const absl::Status status = Call(*events_, &pb::Events::Stub::ListEvents, request, &page);
    // A ledger of before does not let workers ask; and where it has no such account, nobody has
    // adjusted its balance.
    if (absl::IsUnimplemented(status) || absl::IsPermissionDenied(status) ||
        absl::IsNotFound(status)) {
      return false;
    }
    RESERVE_RETURN_IF_ERROR(status);
    for (const pb::Event& event : page.events()) {
      if (event.kind() == pb::EVENT_KIND_BALANCE_ADJUSTED && event.reference() == reference) {
        return true;
      }
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return false;
}

void Reconciler::ShowProgress() {
  if (MonotonicNow() - last_progress_ < options_.progress_interval) return;
  last_progress_ = MonotonicNow();
  out_ << "so far: " << counts_.charges << " charges, " << counts_.accounts << " accounts"
       << std::endl;
}

}  // namespace reserve::worker
