// Money of a charge that goes back, as the model reads it: P1 to P3, and what of G12 comes of it.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/services/ledger/domain/model.h"

namespace reserve::domain {
namespace {

Step Refused(const std::string& reason) {
  Step step;
  step.outcome = Outcome::kRefused;
  step.reason = reason;
  return step;
}

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
  return std::any_of(disputes_.begin(), disputes_.end(), [&](const auto& entry) {
    return entry.second.out && !entry.second.forgiven && entry.second.number == number;
  });
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
  if (suspended_by() != before) ++step->events[EventKind::kSuspended];
}

void Model::TakeBackSuspension(const std::string& cause, Step* step) {
  if (suspended_for_.erase(cause) == 0 || suspended()) return;
  ++step->events[EventKind::kSuspensionLifted];
  if (IsLow()) waits_for_the_customer_ = true;
}

void Model::EndSuspension(Step* step) {
  if (!suspended()) return;
  suspended_for_.clear();
  ++step->events[EventKind::kSuspensionLifted];
}

Step Model::LiftSuspension(const std::string& card_id, absl::Time now) {
  Step step;
  const ModelCard* card = Find(card_id);
  if (!card_id.empty() && card == nullptr) return Refused("PAYMENT_METHOD_NOT_FOUND");
  EndSuspension(&step);
  if (card != nullptr && card->state == CardState::kDisputed) {
    const std::string number = card->number;
    for (auto& [id, dispute] : disputes_) {
      if (dispute.out && dispute.number == number) dispute.forgiven = true;
    }
    MoveCards(number);
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
  ++step->events[state == RechargeState::kCanceled ? EventKind::kRefundCanceled
                                                   : EventKind::kRefundFailed];
  if (!row.out) return;
  row.out = false;
  balance_ += row.amount;
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
  if (amount.has_value() && (*amount <= 0 || *amount % 10'000'000 != 0)) {
    return Refused("INVALID_FIELD");
  }
  const ModelRecharge& charge = at(ordinal);
  if (charge.kind == RechargeKind::kRefund || charge.state != RechargeState::kSucceeded) {
    return Refused("NOT_CREDITED");
  }
  const __int128 left = charge.credited - GivenBack(ordinal) - Disputed(ordinal);
  const __int128 asked = amount.has_value() ? __int128{*amount} : left;
  if (left <= 0) return Refused(Disputed(ordinal) > 0 ? "CHARGE_DISPUTED" : "REFUND_TOO_LARGE");
  if (asked > left) return Refused("REFUND_TOO_LARGE");
  if (asked > balance_ && !allow_debt) return Refused("INSUFFICIENT_BALANCE");
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
    SucceedRefund(ordinal, outcome.charge_id, &step);
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
  if (refund.state != RechargeState::kNeedsReview) return Refused("NOT_UNDER_REVIEW");
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
  const bool credited = at(ordinal).state == RechargeState::kSucceeded;
  recharges_.push_back(refund);
  if (failed) {
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
  if (at(ordinal).state == RechargeState::kSucceeded && at(ordinal).charge_id != told.charge_id) {
    return Refused("CHARGE_NOT_FOUND");
  }
  Step step;
  // While the gateway's id of one of ours is not known, its reference says which it is; and only
  // where that says nothing, what a person said.
  int64_t known = 0;
  int64_t said = 0;
  for (int64_t i = static_cast<int64_t>(recharges_.size()); i > 0; --i) {
    if (at(i).of != ordinal || at(i).refund_id != told.refund_id) continue;
    (at(i).hearsay ? said : known) = i;
  }
  const bool named = reference > 0 && at(reference).of == ordinal &&
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
      if (at(ordinal).state != RechargeState::kSucceeded) {
        refund.state = RechargeState::kSucceeded;
        ++step.events[EventKind::kGatewayStateKept];
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
    card.state = disputed ? CardState::kDisputed : CardState::kUsable;
    card.soft_declines = 0;
    card.rests_until = absl::InfinitePast();
  }
}

void Model::SettleDispute(const std::string& dispute_id, Step* step) {
  ModelDispute& dispute = disputes_.at(dispute_id);
  const std::string cause = absl::StrCat("dispute ", dispute_id);
  ++step->events[EventOf(dispute.state)];
  if (IsBank(dispute.state) && !dispute.out) {
    dispute.out = true;
    dispute.number = at(dispute.of).aim.number;
    balance_ -= dispute.amount;
    Suspend(cause, step);
    MoveCards(dispute.number);
    for (size_t i = 0; i < recharges_.size(); ++i) {
      const ModelRecharge& refund = recharges_[i];
      if (refund.of != dispute.of || refund.state != RechargeState::kOpen || refund.handed_out) {
        continue;
      }
      FailRefund(static_cast<int64_t>(i) + 1, RechargeState::kCanceled, step);
    }
  } else if (!IsBank(dispute.state) && dispute.out) {
    dispute.out = false;
    balance_ += dispute.amount;
    TakeBackSuspension(cause, step);
    MoveCards(dispute.number);
  }
}

Step Model::TellDispute(int64_t ordinal, const GatewayDispute& told, absl::Time now) {
  if (at(ordinal).state == RechargeState::kSucceeded && at(ordinal).charge_id != told.charge_id) {
    return Refused("CHARGE_NOT_FOUND");
  }
  Step step;
  const auto known = disputes_.find(told.dispute_id);
  if (known != disputes_.end() && StepsOf(told.state) <= StepsOf(known->second.state)) {
    return Nothing(Outcome::kUnchanged);
  }
  ModelDispute& dispute = disputes_[told.dispute_id];
  dispute.of = ordinal;
  dispute.charge_id = told.charge_id;
  dispute.state = told.state;
  if (!dispute.out) dispute.amount = told.amount;
  if (at(ordinal).state == RechargeState::kSucceeded) {
    SettleDispute(told.dispute_id, &step);
  } else {
    ++step.events[EventKind::kGatewayStateKept];
  }
  return Finish(step, now);
}

Step Model::FinishCredit(int64_t ordinal, Step step, absl::Time now) {
  step = Finish(step, now);
  const std::string charge_id = at(ordinal).charge_id;
  bool kept = false;
  for (size_t i = 0; i < recharges_.size(); ++i) {
    const ModelRecharge& refund = recharges_[i];
    kept = kept || refund.of == ordinal;
    const bool succeeded = refund.state == RechargeState::kSucceeded;
    if (refund.of != ordinal || refund.charge_id != charge_id ||
        (refund.state != RechargeState::kOpen && !succeeded)) {
      continue;
    }
    ++step.events[EventKind::kRefundOpened];
    if (succeeded) ++step.events[EventKind::kRefundSucceeded];
    TakeFor(static_cast<int64_t>(i) + 1, &step);
  }
  for (const auto& [id, dispute] : disputes_) {
    kept = kept || dispute.of == ordinal;
    if (dispute.of == ordinal && dispute.charge_id == charge_id) SettleDispute(id, &step);
  }
  return kept ? Finish(step, now) : step;
}

}  // namespace reserve::domain
