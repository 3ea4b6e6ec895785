// Money of a charge that goes back, as the model reads it: P1 to P3, and what of G12 comes of it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/services/ledger/domain/model.h"

namespace reserve::domain {
namespace {

Step Nothing(Outcome outcome) {
  Step step;
  step.outcome = outcome;
  return step;
}

std::string NameOf(int64_t refund) { return absl::StrCat("refund ", refund); }

bool IsBank(DisputeState state) {
  return state == DisputeState::kOpened || state == DisputeState::kLost;
}

// How far a dispute has come; its two ends are as far as each other.
int StepsOf(DisputeState state) {
  switch (state) {
    case DisputeState::kInquiry:
      return 1;
    case DisputeState::kOpened:
      return 2;
    default:
      return 3;
  }
}

EventKind EventOf(DisputeState state) {
  switch (state) {
    case DisputeState::kInquiry:
      return EventKind::kDisputeInquiry;
    case DisputeState::kOpened:
      return EventKind::kDisputeOpened;
    case DisputeState::kWon:
      return EventKind::kDisputeWon;
    default:
      return EventKind::kDisputeLost;
  }
}

}  // namespace

// --- Sums over what there is -------------------------------------------------------

__int128 Model::GivenBack(int64_t ordinal) const {
  __int128 sum = 0;
  for (const ModelRecharge& refund : recharges_) {
    if (refund.of == ordinal && refund.out) sum += refund.amount;
  }
  return sum;
}

__int128 Model::Disputed(int64_t ordinal) const {
  __int128 sum = 0;
  for (const auto& [id, dispute] : disputes_) {
    if (dispute.of == ordinal && dispute.out) sum += dispute.amount;
  }
  return sum;
}

bool Model::NumberDisputed(const std::string& number) const {
  return std::any_of(disputes_.begin(), disputes_.end(),
                     [&](const auto& entry) { return Covers(entry.second, number); });
}

SuspensionReason Model::suspended_by() const {
  if (suspended_for_.empty()) return SuspensionReason::kNone;
  // "dispute" comes before "refund".
  return suspended_for_.begin()->rfind("dispute", 0) == 0 ? SuspensionReason::kDispute
                                                          : SuspensionReason::kMoneyTakenBack;
}

// --- G12 ---------------------------------------------------------------------------

void Model::Suspend(const std::string& cause, Step* step) {
  const SuspensionReason before = suspended_by();
  suspended_for_.insert(cause);
  suspended_after_ = static_cast<int64_t>(recharges_.size());
  if (suspended_by() != before) ++step->events[EventKind::kSuspended];
}

void Model::TakeBackSuspension(const std::string& cause, Step* step) {
  if (suspended_for_.erase(cause) == 0 || suspended()) return;
  suspended_after_ = 0;
  ++step->events[EventKind::kSuspensionLifted];
  if (IsLow()) waits_for_the_customer_ = true;
}

void Model::EndSuspension(Step* step) {
  if (!suspended()) return;
  suspended_for_.clear();
  suspended_after_ = 0;
  ++step->events[EventKind::kSuspensionLifted];
}

Step Model::LiftSuspension(const std::string& card_id, const std::string& dispute_id,
                           absl::Time now, absl::Duration quiet) {
  Step step;
  const ModelCard* card = Find(card_id);
  if (!card_id.empty() && card == nullptr) return Step::Refused("PAYMENT_METHOD_NOT_FOUND");
  std::string number;
  if (card != nullptr && card->state == CardState::kDisputed) number = card->number;
  if (!dispute_id.empty()) {
    const auto found = disputes_.find(dispute_id);
    const bool keeps = found != disputes_.end() && Covers(found->second, found->second.number);
    if (!keeps || found->second.number.empty()) return Step::Refused("DISPUTE_NOT_FOUND");
    number = found->second.number;
  }
  if (LiftAlarm(quiet, now)) ++step.events[EventKind::kLimitLifted];
  EndSuspension(&step);
  if (!number.empty()) {
    for (auto& [id, dispute] : disputes_) {
      if (!Covers(dispute, number)) continue;
      dispute.forgiven = true;
      MoveCardsOf(dispute);
    }
    ++step.events[EventKind::kCardDisputeLifted];
  }
  if (step.events.empty()) return Nothing(Outcome::kUnchanged);
  return Finish(step, now);
}

// --- P1 ----------------------------------------------------------------------------

void Model::TakeFor(int64_t refund, Step* step) {
  at(refund).out = true;
  balance_ -= at(refund).amount;
  if (IsLow()) Suspend(NameOf(refund), step);
}

void Model::FailRefund(int64_t refund, RechargeState state, Step* step) {
  ModelRecharge& row = at(refund);
  row.state = state;
  row.leased = false;
  row.pending.reset();
  if (state == RechargeState::kFailed && state_ == AccountState::kClosing) {
    refunds_failed_closing_.insert(refund);
  }
  ++step->events[state == RechargeState::kCanceled ? EventKind::kRefundCanceled
                                                   : EventKind::kRefundFailed];
  if (!row.out) return;
  row.out = false;
  TakeIn(row.amount);
  TakeBackSuspension(NameOf(refund), step);
}

void Model::Learn(const std::string& refund_id, ModelRecharge* refund) {
  refund->refund_id = refund_id;
  refund->hearsay = false;
}

Step Model::LearnOnly(const std::string& refund_id, ModelRecharge* refund, absl::Time now) {
  if (!refund->hearsay) return Nothing(Outcome::kUnchanged);
  Learn(refund_id, refund);
  return Finish({}, now);
}

void Model::SucceedRefund(int64_t refund, const std::string& refund_id, Step* step) {
  ModelRecharge& row = at(refund);
  row.state = RechargeState::kSucceeded;
  row.leased = false;
  row.pending.reset();
  if (!refund_id.empty()) Learn(refund_id, &row);
  ++step->events[EventKind::kRefundSucceeded];
  if (!row.out) TakeFor(refund, step);
}

Step Model::Refund(int64_t ordinal, std::optional<Nanos> amount, bool allow_debt, absl::Time now) {
  if (giving_back_) return *NotWhileClosing();
  if (amount.has_value() && (*amount <= 0 || *amount % 10'000'000 != 0)) {
    return Step::Refused("INVALID_FIELD");
  }
  if (at(ordinal).credited_as != 0) ordinal = at(ordinal).credited_as;
  const ModelRecharge& charge = at(ordinal);
  if (!HoldsCredit(ordinal)) return Step::Refused("NOT_CREDITED");
  if (charge.charge_id.empty()) return Step::Refused("NO_CHARGE");
  const __int128 left = charge.credited - GivenBack(ordinal) - Disputed(ordinal);
  const __int128 asked = amount.has_value() ? __int128{*amount} : left;
  if (left <= 0)
    return Step::Refused(Disputed(ordinal) > 0 ? "CHARGE_DISPUTED" : "REFUND_TOO_LARGE");
  if (asked > left) return Step::Refused("REFUND_TOO_LARGE");
  const __int128 own = std::min(balance_ - promotional(), balance_ - Held());
  if (asked > own && !allow_debt) return Step::Refused("INSUFFICIENT_BALANCE");
  Step step;
  ModelRecharge refund;
  refund.kind = RechargeKind::kRefund;
  refund.of = ordinal;
  refund.amount = asked;
  refund.charge_id = charge.charge_id;
  refund.due = now;
  recharges_.push_back(refund);
  ++step.events[EventKind::kRefundOpened];
  TakeFor(static_cast<int64_t>(recharges_.size()), &step);
  return Finish(step, now);
}

void Model::HandOutRefund(int64_t ordinal) {
  at(ordinal).handed_out = true;
  at(ordinal).leased = true;
  at(ordinal).due.reset();
}

Step Model::ReportRefund(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current,
                         absl::Time now) {
  Step step;
  ModelRecharge& refund = at(ordinal);
  // A failure of what the gateway has an id for is its last word.
  const bool over = refund.state == RechargeState::kSucceeded ||
                    (refund.state == RechargeState::kFailed && !refund.refund_id.empty());
  if (outcome.kind == ChargeOutcome::Kind::kSucceeded) {
    if (over) return LearnOnly(outcome.charge_id, &refund, now);
    if (!refund.out && !HoldsCredit(refund.of)) {
      KeepRefund(ordinal, outcome.charge_id, &step);
    } else {
      SucceedRefund(ordinal, outcome.charge_id, &step);
    }
    return Finish(step, now);
  }
  const bool pends = outcome.kind == ChargeOutcome::Kind::kPending;
  const bool told_before = pends && refund.pending.has_value() && !refund.leased;
  if (refund.state != RechargeState::kOpen || !lease_is_current || told_before) {
    return Nothing(Outcome::kNothing);
  }
  refund.leased = false;
  if (outcome.kind == ChargeOutcome::Kind::kDeclined) {
    if (!outcome.charge_id.empty()) Learn(outcome.charge_id, &refund);
    FailRefund(ordinal, RechargeState::kFailed, &step);
  } else if (pends) {
    Learn(outcome.charge_id, &refund);
    refund.due = now + settings_.pending_lookup_interval;
    if (!refund.pending.has_value()) refund.pending = now;
  } else {
    refund.state = RechargeState::kNeedsReview;
    refund.due.reset();
    ++step.events[EventKind::kRefundNeedsReview];
  }
  return Finish(step, now);
}

Step Model::ResolveRefund(int64_t ordinal, const std::optional<std::string>& refund_id,
                          absl::Time now) {
  ModelRecharge& refund = at(ordinal);
  const bool found = refund_id.has_value();
  if (refund.state == (found ? RechargeState::kSucceeded : RechargeState::kFailed)) {
    return Nothing(Outcome::kUnchanged);
  }
  if (refund.state != RechargeState::kNeedsReview) return Step::Refused("NOT_UNDER_REVIEW");
  Step step;
  ++step.events[EventKind::kReviewResolved];
  if (found) {
    const bool told_before = refund.refund_id == *refund_id;
    SucceedRefund(ordinal, *refund_id, &step);
    refund.hearsay = !told_before;
  } else {
    refund.refund_id.clear();
    FailRefund(ordinal, RechargeState::kFailed, &step);
  }
  return Finish(step, now);
}

// --- P3 ----------------------------------------------------------------------------

void Model::TakeUpRefund(int64_t ordinal, const GatewayRefund& told, Step* step) {
  ModelRecharge refund;
  refund.kind = RechargeKind::kRefund;
  refund.of = ordinal;
  refund.amount = told.amount;
  refund.charge_id = told.charge_id;
  refund.refund_id = told.refund_id;
  refund.handed_out = true;  // no worker is to send it
  const bool failed = told.state == GatewayRefund::State::kFailed;
  const bool succeeded = told.state == GatewayRefund::State::kSucceeded;
  if (failed) refund.state = RechargeState::kFailed;
  if (succeeded) refund.state = RechargeState::kSucceeded;
  const bool credited = HoldsCredit(ordinal);
  recharges_.push_back(refund);
  if (failed) {
    if (state_ == AccountState::kClosing) {
      refunds_failed_closing_.insert(static_cast<int64_t>(recharges_.size()));
    }
    ++step->events[EventKind::kRefundFailed];
  } else if (!credited) {
    ++step->events[EventKind::kGatewayStateKept];
  } else {
    ++step->events[EventKind::kRefundOpened];
    if (succeeded) ++step->events[EventKind::kRefundSucceeded];
    TakeFor(static_cast<int64_t>(recharges_.size()), step);
  }
}

Step Model::TellRefund(int64_t ordinal, const GatewayRefund& told, int64_t reference,
                       absl::Time now) {
  ordinal = RowFor(ordinal, told.charge_id);
  if (ordinal == 0) return Step::Refused("CHARGE_NOT_FOUND");
  Step step;
  // While the gateway's id of one of ours is not known, its reference says which it is; and only
  // where that says nothing, what a person said.
  int64_t known = 0;
  int64_t said = 0;
  for (int64_t i = static_cast<int64_t>(recharges_.size()); i > 0; --i) {
    const ModelRecharge& refund = at(i);
    const bool of_it = refund.of != 0 && refund.charge_id == told.charge_id;
    if (!of_it || refund.refund_id != told.refund_id) continue;
    (refund.hearsay ? said : known) = i;
  }
  const bool named = reference > 0 && at(reference).charge_id == told.charge_id &&
                     (at(reference).refund_id.empty() || at(reference).hearsay);
  if (known == 0) known = named ? reference : said;
  if (known == 0) {
    TakeUpRefund(ordinal, told, &step);
    return Finish(step, now);
  }
  ModelRecharge& refund = at(known);
  const bool failed = refund.state == RechargeState::kFailed;
  switch (told.state) {
    case GatewayRefund::State::kPending:
      return LearnOnly(told.refund_id, &refund, now);
    case GatewayRefund::State::kFailed:
      if (refund.state == RechargeState::kCanceled || (failed && !refund.refund_id.empty())) {
        return Nothing(Outcome::kUnchanged);
      }
      Learn(told.refund_id, &refund);
      if (failed) break;  // booked back already; now it is known to be over
      FailRefund(known, RechargeState::kFailed, &step);
      break;
    case GatewayRefund::State::kSucceeded:
      if (refund.state == RechargeState::kSucceeded || (failed && !refund.refund_id.empty())) {
        return LearnOnly(told.refund_id, &refund, now);
      }
      if (!refund.out && !HoldsCredit(ordinal)) {
        KeepRefund(known, told.refund_id, &step);
      } else {
        SucceedRefund(known, told.refund_id, &step);
      }
      break;
  }
  return Finish(step, now);
}

// What its disputes say of a number.
void Model::MoveCards(const std::string& number) {
  const bool disputed = NumberDisputed(number);
  for (ModelCard& card : cards_) {
    if (card.number != number || disputed == (card.state == CardState::kDisputed)) continue;
    // What rests because it paid in part goes on resting.
    if (card.state == CardState::kFailing || card.state == CardState::kRefused) {
      card.rests_until = absl::InfinitePast();
    }
    card.state = disputed ? CardState::kDisputed : CardState::kUsable;
    card.soft_declines = 0;
  }
}

void Model::MoveCardsOf(const ModelDispute& dispute) {
  MoveCards(dispute.number);
  for (const std::string& number : dispute.by_token) MoveCards(number);
}

void Model::BookDisputeState(const std::string& dispute_id, const std::string& number,
                             __int128 told, Step* step) {
  ModelDispute& dispute = disputes_.at(dispute_id);
  const std::string cause = absl::StrCat("dispute ", dispute_id);
  ++step->events[EventOf(dispute.state)];
  if (IsBank(dispute.state) && !dispute.out) {
    dispute.out = true;
    at(dispute.of).aim.number = dispute.number = number;
    balance_ -= dispute.amount;
    Suspend(cause, step);
    MoveCards(dispute.number);
    RememberToken(at(dispute.of).aim.token, number);
    for (size_t i = 0; i < recharges_.size(); ++i) {
      const ModelRecharge& refund = recharges_[i];
      if (refund.of == 0 || refund.charge_id != dispute.charge_id ||
          refund.state != RechargeState::kOpen || refund.handed_out) {
        continue;
      }
      FailRefund(static_cast<int64_t>(i) + 1, RechargeState::kCanceled, step);
    }
  } else if (!IsBank(dispute.state) && dispute.out) {
    const __int128 back = std::min(told, dispute.amount);
    // What does not come back stays out, but for no number any more.
    dispute.out = back < dispute.amount;
    dispute.forgiven = true;
    if (dispute.out) dispute.amount -= back;
    at(dispute.of).aim.number = number;
    TakeIn(back);
    TakeBackSuspension(cause, step);
    MoveCardsOf(dispute);
  }
}

Step Model::TellDispute(int64_t ordinal, const GatewayDispute& told, absl::Time now) {
  // Of a payment the number is known by the recharge that the gateway names, if it names one.
  const std::string number = at(ordinal).aim.number;
  ordinal = RowFor(ordinal, told.charge_id);
  if (ordinal == 0) return Step::Refused("CHARGE_NOT_FOUND");
  Step step;
  const auto known = disputes_.find(told.dispute_id);
  if (known != disputes_.end() && StepsOf(told.state) <= StepsOf(known->second.state)) {
    return Nothing(Outcome::kUnchanged);
  }
  ModelDispute& dispute = disputes_[told.dispute_id];
  if (dispute.of == 0) dispute.of = ordinal;
  dispute.charge_id = told.charge_id;
  dispute.state = told.state;
  if (!dispute.out) dispute.amount = told.amount;
  if (HoldsCredit(ordinal)) {
    BookDisputeState(told.dispute_id,
                     at(ordinal).kind == RechargeKind::kPayment ? number : at(ordinal).aim.number,
                     told.amount, &step);
  } else {
    if (at(ordinal).kind == RechargeKind::kPayment) at(ordinal).aim.number = number;
    ++step.events[EventKind::kGatewayStateKept];
  }
  return Finish(step, now);
}

Step Model::FinishCredit(int64_t ordinal, Step step, absl::Time now) {
  step = Finish(step, now);
  if (!HoldsCredit(ordinal)) return step;
  const std::string charge_id = at(ordinal).charge_id;
  bool kept = false;
  for (size_t i = 0; i < recharges_.size(); ++i) {
    ModelRecharge& refund = recharges_[i];
    const bool of_it = refund.of != 0 && !charge_id.empty() && refund.charge_id == charge_id;
    kept = kept || of_it || refund.of == ordinal;
    const bool succeeded = refund.state == RechargeState::kSucceeded;
    if (!of_it || (refund.state != RechargeState::kOpen && !succeeded)) continue;
    refund.of = ordinal;
    ++step.events[EventKind::kRefundOpened];
    if (succeeded) ++step.events[EventKind::kRefundSucceeded];
    TakeFor(static_cast<int64_t>(i) + 1, &step);
  }
  for (auto& [id, dispute] : disputes_) {
    const bool of_it = dispute.charge_id == charge_id;
    kept = kept || of_it || dispute.of == ordinal;
    if (!of_it) continue;
    dispute.of = ordinal;
    BookDisputeState(id, at(ordinal).aim.number, dispute.amount, &step);
  }
  return kept ? Finish(step, now) : step;
}

// --- P5, G4 ------------------------------------------------------------------------

bool Model::HoldsCredit(int64_t ordinal) const {
  const ModelRecharge& row = at(ordinal);
  return row.of == 0 && row.state == RechargeState::kSucceeded && row.credited_as == 0;
}

int64_t Model::CreditedFor(const std::string& charge_id) const {
  if (charge_id.empty()) return 0;
  for (int64_t ordinal = 1; ordinal <= static_cast<int64_t>(recharges_.size()); ++ordinal) {
    if (HoldsCredit(ordinal) && at(ordinal).charge_id == charge_id) return ordinal;
  }
  return 0;
}

int64_t Model::RowFor(int64_t ordinal, const std::string& charge_id) const {
  if (const int64_t credited = CreditedFor(charge_id); credited != 0) return credited;
  if (at(ordinal).credited_as != 0) ordinal = at(ordinal).credited_as;
  const ModelRecharge& row = at(ordinal);
  const bool its_own = row.kind == RechargeKind::kPayment || row.state == RechargeState::kSucceeded;
  return its_own && row.charge_id != charge_id ? 0 : ordinal;
}

void Model::KeepRefund(int64_t refund, const std::string& refund_id, Step* step) {
  at(refund).state = RechargeState::kSucceeded;
  Learn(refund_id, &at(refund));
  ++step->events[EventKind::kGatewayStateKept];
}

void Model::Fund(Step* step) {
  const bool paid = std::any_of(recharges_.begin(), recharges_.end(), [](const ModelRecharge& row) {
    return row.kind == RechargeKind::kPayment && row.state == RechargeState::kSucceeded;
  });
  if (state_ != AccountState::kPendingFunding || !paid ||
      balance_ - promotional() < reserve_amount_) {
    return;
  }
  state_ = AccountState::kActive;
  if (!IsLow()) {
    taken_back_ = 0;
    waits_for_the_customer_ = false;
  }
  ++step->events[EventKind::kEnabled];
}

Step Model::Pay(Nanos amount, const std::string& charge_id, absl::Time now) {
  if (amount <= 0 || (!charge_id.empty() && amount % 10'000'000 != 0)) {
    return Step::Refused("INVALID_FIELD");
  }
  if (CreditedFor(charge_id) != 0) return Nothing(Outcome::kUnchanged);
  Step step;
  ModelRecharge payment;
  payment.kind = RechargeKind::kPayment;
  payment.state = RechargeState::kSucceeded;
  payment.amount = amount;
  payment.credited = amount;
  payment.charge_id = charge_id;
  recharges_.push_back(payment);
  TakeIn(amount);
  EndTheWait();
  ++step.events[EventKind::kPaymentRecorded];
  return FinishCredit(static_cast<int64_t>(recharges_.size()), step, now);
}

Step Model::Reverse(int64_t ordinal, absl::Time now) {
  if (at(ordinal).state == RechargeState::kReversed) return Step::Refused("ALREADY_REVERSED");
  if (GivenBack(ordinal) != 0 || Disputed(ordinal) != 0) return Step::Refused("PAYMENT_GIVEN_BACK");
  Step step;
  at(ordinal).state = RechargeState::kReversed;
  balance_ -= at(ordinal).credited;
  ++step.events[EventKind::kPaymentReversed];
  if (IsLow()) Suspend(absl::StrCat("payment ", ordinal), &step);
  return Finish(step, now);
}

}  // namespace reserve::domain
