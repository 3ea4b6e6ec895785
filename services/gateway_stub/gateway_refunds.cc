// The half of gateway.h that is about money that comes back, and what else banks and people do.
#include <algorithm>
#include <utility>

#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/gateway_stub/errors.h"
#include "services/gateway_stub/gateway.h"
#include "services/gateway_stub/numbered_id.h"

namespace reserve::gateway_stub {

// --- Refunds under a key ------------------------------------------------------------

void Gateway::Refund(const RefundOrder& order, RefundDone done) {
  absl::Duration work_time;
  KnownRefund known = BeginRefund(order, &work_time);
  if (known.has_value()) return done(*std::move(known));
  delays_.RunAfter(work_time, [this, order, done = std::move(done)] { DecideRefund(order, done); });
}

absl::StatusOr<RefundRecord> Gateway::GetRefund(const std::string& idempotency_key) {
  RESERVE_RETURN_IF_ERROR(CheckReachable());
  absl::MutexLock lock(&mutex_);
  const auto found = refund_keys_.find(idempotency_key);
  if (found == refund_keys_.end()) return RefundNotFound("idempotency_key");
  if (found->second.in_work.has_value()) return KeyInUse();
  return AsOf(*refunds_.Durable(found->second.refund_id), options_.clock());
}

Gateway::KnownRefund Gateway::BeginRefund(const RefundOrder& order, absl::Duration* work_time) {
  if (absl::Status reachable = CheckReachable(); !reachable.ok()) return reachable;
  absl::MutexLock lock(&mutex_);
  if (KnownRefund known = StoredRefund(order); known.has_value()) return known;
  const auto charge = RefundableCharge(order);
  if (!charge.ok()) return charge.status();
  const std::string& card_token = (*charge)->order.card_token;
  const RefundBehavior behavior = BehaviorOf(card_token).refund;
  CardHistory& card = cards_[card_token];
  if (card.refunds_failed_before < behavior.failures_before) {
    ++card.refunds_failed_before;
    return CardFails("the gateway failed before it began the refund");
  }
  refund_keys_[order.idempotency_key].in_work = order;
  *work_time = WorkTime(behavior.work_time);
  return std::nullopt;
}

Gateway::KnownRefund Gateway::StoredRefund(const RefundOrder& order) {
  const auto charge = charge_keys_.find(order.idempotency_key);
  if (charge != charge_keys_.end() &&
      (charge->second.in_work || !IsExpired(charges_[charge->second.position].create_time))) {
    return KeyReused();
  }
  const auto found = refund_keys_.find(order.idempotency_key);
  if (found == refund_keys_.end()) return std::nullopt;
  const RefundKey& key = found->second;
  if (key.in_work.has_value()) return *key.in_work == order ? KeyInUse() : KeyReused();
  const RefundRecord& refund = *refunds_.Durable(key.refund_id);
  if (IsExpired(refund.create_time)) return std::nullopt;
  if (refund.order != order) return KeyReused();
  if (refund.reply == Reply::kInternalError) return StoredInternalError();
  return RefundAnswer{.refund = AsOf(refund, options_.clock()), .replayed = true};
}

void Gateway::DecideRefund(const RefundOrder& order, const RefundDone& done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    // Others may have taken the money while this one was in work.
    const auto charge = RefundableCharge(order);
    if (charge.ok()) {
      const RefundBehavior behavior = BehaviorOf((*charge)->order.card_token).refund;
      RefundRecord refund = NewRefund(order, behavior);
      refund.reply = behavior.reply;
      return Keep(refund, [this, behavior, done](absl::StatusOr<RefundAnswer> answer) {
        ReplyToRefund(std::move(answer), behavior, done);
      });
    }
    refused = charge.status();
    const auto key = refund_keys_.find(order.idempotency_key);
    key->second.in_work.reset();
    if (key->second.refund_id.empty()) refund_keys_.erase(key);
  }
  done(std::move(refused));
}

void Gateway::ReplyToRefund(absl::StatusOr<RefundAnswer> answer, const RefundBehavior& behavior,
                            const RefundDone& done) {
  if (!answer.ok()) return done(std::move(answer));
  switch (behavior.reply) {
    case Reply::kLost:
      return done(CardFails("the reply is lost"));
    case Reply::kInternalError:
      return done(StoredInternalError());
    case Reply::kAnswer:
      break;
  }
  delays_.RunAfter(behavior.reply_delay, [answer = *std::move(answer), done] { done(answer); });
}

// --- What banks and people do -------------------------------------------------------

void Gateway::RefundByHand(RefundOrder order, RefundDone done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    absl::StatusOr<const ChargeRecord*> charge = SucceededCharge(order.charge_id);
    if (charge.ok() && order.amount == 0) {
      order.amount = LeftOf(**charge);
      order.currency_code = (*charge)->order.currency_code;
      if (order.amount == 0) charge = RefundTooLarge(0, order.currency_code);
    }
    if (charge.ok()) charge = RefundableCharge(order);
    if (charge.ok()) {
      const RefundBehavior behavior = BehaviorOf((*charge)->order.card_token).refund;
      return Keep(NewRefund(order, behavior), std::move(done));
    }
    refused = charge.status();
  }
  done(std::move(refused));
}

void Gateway::FailRefund(const std::string& refund_id, const std::string& failure_code,
                         RefundDone done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    const RefundRecord* refund = refunds_.Decided(refund_id);
    const absl::Time now = TruncateToMicros(options_.clock());
    if (refund != nullptr && AsOf(*refund, now).state != RefundState::kFailed) {
      RefundRecord failed = *refund;
      failed.state = RefundState::kFailed;
      failed.failure_code = failure_code;
      failed.update_time = now;
      return Keep(failed, std::move(done));
    }
    refused = refund == nullptr ? RefundNotFound("refund_id") : RefundAlreadyFailed();
  }
  done(std::move(refused));
}

void Gateway::OpenDispute(const DisputeOrder& order, DisputeDone done) {
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    const auto charge = SucceededCharge(order.charge_id);
    const std::string currency = charge.ok() ? (*charge)->order.currency_code : "";
    const Nanos most = charge.ok() ? CapturedOf(**charge) : 0;
    const Nanos amount = charge.ok() && order.amount == 0 ? LeftOf(**charge) : order.amount;
    if (!charge.ok()) {
      refused = charge.status();
    } else if (order.amount != 0 && order.currency_code != currency) {
      refused = OtherCurrency(currency);
    } else if (amount == 0 || amount > most) {
      refused = DisputeTooLarge(amount == 0 ? 0 : most, currency);
    } else {
      const absl::Time now = TruncateToMicros(options_.clock());
      return Keep(
          DisputeRecord{.dispute_id = NumberedId("dp", ++last_dispute_),
                        .charge_id = order.charge_id,
                        .amount = amount,
                        .currency_code = currency,
                        .state = order.inquiry ? DisputeState::kInquiry : DisputeState::kOpened,
                        .reason = order.reason,
                        .create_time = now,
                        .update_time = now},
          std::move(done));
    }
  }
  done(std::move(refused));
}

void Gateway::MoveDispute(const std::string& dispute_id, DisputeState state, DisputeDone done) {
  const auto may_move = [](DisputeState from, DisputeState to) {
    if (from == DisputeState::kInquiry) {
      return to == DisputeState::kOpened || to == DisputeState::kWon;
    }
    return from == DisputeState::kOpened && (to == DisputeState::kWon || to == DisputeState::kLost);
  };
  absl::Status refused;
  {
    absl::MutexLock lock(&mutex_);
    const DisputeRecord* dispute = disputes_.Decided(dispute_id);
    if (dispute != nullptr && may_move(dispute->state, state)) {
      DisputeRecord moved = *dispute;
      moved.state = state;
      moved.update_time = TruncateToMicros(options_.clock());
      return Keep(moved, std::move(done));
    }
    refused = dispute == nullptr ? DisputeNotFound() : DisputeNotMovable();
  }
  done(std::move(refused));
}

void Gateway::AuthenticateCard(const std::string& card_token, CardDone done) {
  const CardRecord card{.card_token = card_token,
                        .authenticate_time = TruncateToMicros(options_.clock())};
  journal_->Append(EncodeLine(card),
                   [this, card_token, done = std::move(done)](const absl::Status& status) {
                     if (!status.ok()) return done(DataFile(status.message()));
                     {
                       absl::MutexLock lock(&mutex_);
                       cards_[card_token].authenticated = true;
                     }
                     done(absl::OkStatus());
                   });
}

// --- Of one charge ------------------------------------------------------------------

absl::StatusOr<const ChargeRecord*> Gateway::SucceededCharge(const std::string& charge_id) {
  const auto found = position_of_charge_.find(charge_id);
  if (found == position_of_charge_.end() || found->second >= durable_charges_) {
    return ChargeNotFound("charge_id");
  }
  const ChargeRecord& charge = charges_[found->second];
  if (charge.decline != nullptr || Shown(charge).pending) return ChargeNotSucceeded();
  return &charge;
}

absl::StatusOr<const ChargeRecord*> Gateway::RefundableCharge(const RefundOrder& order) {
  RESERVE_ASSIGN_OR_RETURN(const ChargeRecord* charge, SucceededCharge(order.charge_id));
  const std::string& currency = charge->order.currency_code;
  if (order.currency_code != currency) return OtherCurrency(currency);
  const Nanos left = LeftOf(*charge);
  if (order.amount > left) return RefundTooLarge(left, currency);
  return charge;
}

Nanos Gateway::LeftOf(const ChargeRecord& charge) {
  // Banks may have taken more than there was: what refunds and disputes are of the same money.
  Nanos left = CapturedOf(charge);
  const absl::Time now = options_.clock();
  for (const RefundRecord& refund : refunds_.DecidedOf(charge.charge_id)) {
    if (TakesMoney(AsOf(refund, now))) left = SubtractSaturating(left, refund.order.amount);
  }
  for (const DisputeRecord& dispute : disputes_.DecidedOf(charge.charge_id)) {
    if (TakesMoney(dispute)) left = SubtractSaturating(left, dispute.amount);
  }
  return std::max<Nanos>(left, 0);
}

RefundRecord Gateway::NewRefund(const RefundOrder& order, const RefundBehavior& behavior) {
  const absl::Time now = TruncateToMicros(options_.clock());
  RefundRecord refund = {.refund_id = NumberedId("re", ++last_refund_),
                         .order = order,
                         .failure_code = std::string(behavior.failure_code),
                         .create_time = now,
                         .update_time = now};
  if (!refund.failure_code.empty()) {
    refund.state = RefundState::kFailed;
  } else if (behavior.pending_time > absl::ZeroDuration()) {
    refund.state = RefundState::kPending;
    refund.succeed_time = now + behavior.pending_time;
  }
  refund.fail_time = now + behavior.fails_after;
  return refund;
}

// --- The journal --------------------------------------------------------------------

void Gateway::Keep(const RefundRecord& refund, RefundDone done) {
  refunds_.Decide(refund);
  // Under the lock, so that the lines have the order of the decisions.
  journal_->Append(EncodeLine(refund), [this, refund, done = std::move(done)](absl::Status status) {
    if (!status.ok()) return done(DataFile(status.message()));
    {
      absl::MutexLock lock(&mutex_);
      Show(refund);
    }
    done(RefundAnswer{.refund = AsOf(refund, options_.clock())});
  });
}

void Gateway::Keep(const DisputeRecord& dispute, DisputeDone done) {
  disputes_.Decide(dispute);
  journal_->Append(EncodeLine(dispute),
                   [this, dispute, done = std::move(done)](absl::Status status) {
                     if (!status.ok()) return done(DataFile(status.message()));
                     {
                       absl::MutexLock lock(&mutex_);
                       disputes_.MakeDurable(dispute);
                     }
                     done(dispute);
                   });
}

void Gateway::Show(const RefundRecord& refund) {
  const bool is_first = refunds_.MakeDurable(refund);
  // How an old refund goes on says nothing of its key, which may stand for another one by now.
  if (!is_first || refund.order.idempotency_key.empty()) return;
  refund_keys_[refund.order.idempotency_key] = {.in_work = std::nullopt,
                                                .refund_id = refund.refund_id};
}

absl::Status Gateway::LoadRefund(RefundRecord refund) {
  const auto found = position_of_charge_.find(refund.order.charge_id);
  if (found == position_of_charge_.end()) {
    return absl::InvalidArgumentError("the charge of this refund is not there");
  }
  if (refund.order.amount == 0) {
    refund.order.amount = CapturedOf(charges_[found->second]);
    refund.order.currency_code = charges_[found->second].order.currency_code;
  }
  const RefundRecord* earlier = refunds_.Durable(refund.refund_id);
  if (earlier != nullptr && earlier->order != refund.order) {
    return absl::InvalidArgumentError("another refund of this id was there before");
  }
  last_refund_ = std::max(last_refund_, NumberOf(refund.refund_id));
  refunds_.Decide(refund);
  Show(refund);
  return absl::OkStatus();
}

absl::Status Gateway::LoadDispute(const DisputeRecord& dispute) {
  if (position_of_charge_.count(dispute.charge_id) == 0) {
    return absl::InvalidArgumentError("the charge of this dispute is not there");
  }
  const DisputeRecord* earlier = disputes_.Durable(dispute.dispute_id);
  if (earlier != nullptr && earlier->charge_id != dispute.charge_id) {
    return absl::InvalidArgumentError("another dispute of this id was there before");
  }
  last_dispute_ = std::max(last_dispute_, NumberOf(dispute.dispute_id));
  disputes_.Decide(dispute);
  disputes_.MakeDurable(dispute);
  return absl::OkStatus();
}

}  // namespace reserve::gateway_stub
