#include "services/gateway_stub/gateway.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/gateway_stub/errors.h"
#include "services/gateway_stub/numbered_id.h"

namespace reserve::gateway_stub {
absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Open(Options options) {
  auto gateway = std::unique_ptr<Gateway>(new Gateway(std::move(options)));
  RESERVE_ASSIGN_OR_RETURN(gateway->journal_, Journal::Open(gateway->options_.data_file,
                                                            [&gateway](absl::string_view line) {
                                                              return gateway->Load(line);
                                                            }));
  return gateway;
}

Gateway::Gateway(Options options) : options_(std::move(options)) {}

Gateway::~Gateway() {
  // Decisions without delay from here on, so that the queue stays empty; then the journal
  // finishes, whose replies are not late any more either.
  delays_.HurryAndWait();
  journal_.reset();
}

void Gateway::Charge(const ChargeOrder& order, ChargeDone done) {
  absl::Duration work_time;
  Known known = BeginCharge(order, BehaviorOf(order.card_token), &work_time);
  if (known.has_value()) return done(*std::move(known));
  delays_.RunAfter(work_time, [this, order, done = std::move(done)]() mutable {
    DecideCharge(order, std::move(done));
  });
}

Gateway::Known Gateway::BeginCharge(const ChargeOrder& order, const CardBehavior& behavior,
                                    absl::Duration* work_time) {
  if (absl::Status reachable = CheckReachable(); !reachable.ok()) return reachable;
  absl::MutexLock lock(&mutex_);
  if (Known known = StoredCharge(order); known.has_value()) return known;
  CardHistory& card = cards_[order.card_token];
  if (card.failed_before < behavior.failures_before) {
    ++card.failed_before;
    if (behavior.invalid_before) return UnsupportedAmount();
    return CardFails("the gateway failed before it began the charge");
  }
  charge_keys_[order.idempotency_key] = {.order = order, .in_work = true};
  *work_time = WorkTime(behavior.work_time);
  return std::nullopt;
}

absl::StatusOr<ChargeRecord> Gateway::GetCharge(const std::string& idempotency_key) {
  RESERVE_RETURN_IF_ERROR(CheckReachable());
  absl::MutexLock lock(&mutex_);
  const auto found = charge_keys_.find(idempotency_key);
  if (found == charge_keys_.end()) return ChargeNotFound("idempotency_key");
  if (found->second.in_work) return KeyInUse();
  return Shown(charges_[found->second.position]);
}

absl::StatusOr<ChargeRecord> Gateway::GetChargeById(const std::string& charge_id) {
  RESERVE_RETURN_IF_ERROR(CheckReachable());
  absl::MutexLock lock(&mutex_);
  const auto found = position_of_charge_.find(charge_id);
  if (found == position_of_charge_.end() || found->second >= durable_charges_) {
    return ChargeNotFound("charge_id");
  }
  return Shown(charges_[found->second]);
}

absl::StatusOr<ChargePage> Gateway::ListCharges(const ListQuery& query, int64_t position,
                                                int64_t page_size) {
  RESERVE_RETURN_IF_ERROR(CheckReachable());
  ChargePage page;
  absl::MutexLock lock(&mutex_);
  for (; position < durable_charges_; ++position) {
    const ChargeRecord& charge = charges_[position];
    if (!query.card_token.empty() && charge.order.card_token != query.card_token) continue;
    if (!absl::StartsWith(charge.order.reference, query.reference_prefix)) continue;
    if (charge.create_time < query.start_time || charge.create_time >= query.end_time) continue;
    ChargeRecord shown = Shown(charge);
    if (shown.update_time < query.updated_since) continue;
    if (static_cast<int64_t>(page.charges.size()) == page_size) {
      page.next_position = position;
      break;
    }
    page.charges.push_back(std::move(shown));
  }
  return page;
}

absl::Status Gateway::CheckReachable() const {
  if (options_.outage_file.empty() || access(options_.outage_file.c_str(), F_OK) != 0) {
    return absl::OkStatus();
  }
  return Outage();
}

absl::Status Gateway::Load(absl::string_view line) {
  RESERVE_ASSIGN_OR_RETURN(auto record, DecodeLine(line));
  absl::MutexLock lock(&mutex_);
  if (auto* refund = std::get_if<RefundRecord>(&record)) return LoadRefund(std::move(*refund));
  if (auto* dispute = std::get_if<DisputeRecord>(&record)) return LoadDispute(*dispute);
  if (const auto* card = std::get_if<CardRecord>(&record)) {
    cards_[card->card_token].authenticated = true;
    return absl::OkStatus();
  }
  ChargeRecord& charge = std::get<ChargeRecord>(record);
  if (position_of_charge_.count(charge.charge_id) > 0) {
    return absl::InvalidArgumentError("a charge of this id was there before");
  }
  // The reply that was lost was lost by an earlier life.
  last_charge_ = std::max(last_charge_, NumberOf(charge.charge_id));
  Remember(std::move(charge));
  durable_charges_ = static_cast<int64_t>(charges_.size());
  charge_keys_[charges_.back().order.idempotency_key].in_work = false;
  return absl::OkStatus();
}

void Gateway::Remember(ChargeRecord charge) {
  const int64_t position = static_cast<int64_t>(charges_.size());
  CardHistory& card = cards_[charge.order.card_token];
  ++(charge.decline == nullptr ? card.succeeded : card.declined);
  position_of_charge_[charge.charge_id] = position;
  charge_keys_[charge.order.idempotency_key] = {
      .order = charge.order, .in_work = true, .position = position};
  charges_.push_back(std::move(charge));
}

ChargeRecord Gateway::Shown(ChargeRecord charge) const {
  const absl::Time now = options_.clock();
  const absl::Duration pending_time = BehaviorOf(charge.order.card_token).pending_time;
  const absl::Time decided = charge.create_time + pending_time;
  // A charge that was decided at once stays so where the clock was set back since.
  charge.pending = pending_time > absl::ZeroDuration() && now < decided;
  charge.update_time = charge.pending ? charge.create_time : decided;
  for (RefundRecord& refund : refunds_.DurableOf(charge.charge_id)) {
    charge.refunds.push_back(AsOf(std::move(refund), now));
    charge.update_time = std::max(charge.update_time, charge.refunds.back().update_time);
  }
  charge.disputes = disputes_.DurableOf(charge.charge_id);
  for (const DisputeRecord& dispute : charge.disputes) {
    charge.update_time = std::max(charge.update_time, dispute.update_time);
  }
  return charge;
}

absl::Duration Gateway::WorkTime(absl::Duration of_the_card) {
  return options_.latency + of_the_card +
         options_.latency_jitter * absl::Uniform<double>(random_, 0, 1);
}

bool Gateway::IsExpired(absl::Time create_time) const {
  return options_.clock() - create_time >= options_.key_lifetime;
}

Gateway::Known Gateway::StoredCharge(const ChargeOrder& order) {
  const auto refund = refund_keys_.find(order.idempotency_key);
  if (refund != refund_keys_.end() &&
      (refund->second.in_work.has_value() ||
       !IsExpired(refunds_.Durable(refund->second.refund_id)->create_time))) {
    return KeyReused();
  }
  const auto found = charge_keys_.find(order.idempotency_key);
  if (found == charge_keys_.end()) return std::nullopt;
  const ChargeKey& key = found->second;
  if (!key.in_work && IsExpired(charges_[key.position].create_time)) return std::nullopt;
  if (key.order != order) return KeyReused();
  if (key.in_work) return KeyInUse();
  const ChargeRecord& charge = charges_[key.position];
  if (charge.reply == Reply::kInternalError) return StoredInternalError();
  return ChargeAnswer{.charge = Shown(charge), .replayed = true};
}

void Gateway::DecideCharge(const ChargeOrder& order, ChargeDone done) {
  const CardBehavior behavior = BehaviorOf(order.card_token);
  absl::MutexLock lock(&mutex_);
  const int64_t position = static_cast<int64_t>(charges_.size());
  Remember({.charge_id = NumberedId("ch", ++last_charge_),
            .order = order,
            .decline = NextDecline(behavior, cards_[order.card_token]),
            .reply = behavior.reply,
            .create_time = TruncateToMicros(options_.clock())});
  // Under the lock, so that the lines have the order of the charges.
  journal_->Append(EncodeLine(charges_[position]),
                   [this, position, done = std::move(done)](absl::Status status) {
                     OnChargeDurable(position, status, done);
                   });
}

void Gateway::OnChargeDurable(int64_t position, const absl::Status& status,
                              const ChargeDone& done) {
  // The outcome of what could not be made durable is unknown until the next start: the key
  // stays in use.
  if (!status.ok()) return done(DataFile(status.message()));
  ChargeAnswer answer;
  {
    absl::MutexLock lock(&mutex_);
    answer.charge = Shown(charges_[position]);
    durable_charges_ = position + 1;
    ChargeKey& key = charge_keys_[answer.charge.order.idempotency_key];
    key.in_work = false;
  }
  switch (answer.charge.reply) {
    case Reply::kLost:
      return done(CardFails("the reply is lost"));
    case Reply::kInternalError:
      return done(StoredInternalError());
    case Reply::kAnswer:
      break;
  }
  const absl::Duration delay = BehaviorOf(answer.charge.order.card_token).reply_delay;
  delays_.RunAfter(delay, [answer = std::move(answer), done] { done(answer); });
}

}  // namespace reserve::gateway_stub
