#include "services/gateway_stub/gateway.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/gateway_stub/errors.h"

namespace reserve::gateway_stub {
namespace {

std::string NumberedId(absl::string_view kind, int64_t number) {
  return absl::StrCat(kind, "_", absl::Dec(number, absl::kZeroPad12));
}

// The number of an id that NumberedId made; 0 for any other text.
int64_t NumberOf(absl::string_view id) {
  int64_t number = 0;
  return absl::SimpleAtoi(id.substr(id.rfind('_') + 1), &number) && number > 0 ? number : 0;
}

}  // namespace

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
  *work_time = options_.latency + behavior.work_time +
               options_.latency_jitter * absl::Uniform<double>(random_, 0, 1);
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
    if (static_cast<int64_t>(page.charges.size()) == page_size) {
      page.next_position = position;
      break;
    }
    page.charges.push_back(Shown(charge));
  }
  return page;
}

void Gateway::Refund(const RefundOrder& order, ChargeDone done) {
  Known known = BeginRefund(order, done);
  if (known.has_value()) done(*std::move(known));
}

Gateway::Known Gateway::BeginRefund(const RefundOrder& order, const ChargeDone& done) {
  if (absl::Status reachable = CheckReachable(); !reachable.ok()) return reachable;
  absl::MutexLock lock(&mutex_);
  if (Known known = StoredRefund(order); known.has_value()) return known;
  const absl::StatusOr<int64_t> position = RefundablePosition(order);
  if (!position.ok()) return position.status();
  const RefundRecord refund = {.refund_id = NumberedId("re", ++last_refund_),
                               .order = order,
                               .create_time = TruncateToMicros(options_.clock())};
  refund_keys_[order.idempotency_key] = {
      .order = order, .in_work = true, .position = *position, .create_time = refund.create_time};
  refunds_in_work_[*position] = order.idempotency_key;
  journal_->Append(EncodeLine(refund),
                   [this, refund, position = *position, done](absl::Status status) {
                     OnRefundDurable(refund, position, status, done);
                   });
  return std::nullopt;
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

absl::Status Gateway::LoadRefund(RefundRecord refund) {
  const auto found = position_of_charge_.find(refund.order.charge_id);
  if (found == position_of_charge_.end()) {
    return absl::InvalidArgumentError("the charge of this refund is not there");
  }
  ChargeRecord& charge = charges_[found->second];
  charge.refund_id = refund.refund_id;
  charge.refund_time = refund.create_time;
  last_refund_ = std::max(last_refund_, NumberOf(refund.refund_id));
  refund_keys_[refund.order.idempotency_key] = {.order = refund.order,
                                                .in_work = false,
                                                .position = found->second,
                                                .create_time = refund.create_time};
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
  const absl::Duration pending = BehaviorOf(charge.order.card_token).pending_time;
  charge.pending = charge.decline == nullptr && options_.clock() - charge.create_time < pending;
  return charge;
}

bool Gateway::IsExpired(absl::Time create_time) const {
  return options_.clock() - create_time >= options_.key_lifetime;
}

Gateway::Known Gateway::StoredCharge(const ChargeOrder& order) {
  const auto refund = refund_keys_.find(order.idempotency_key);
  if (refund != refund_keys_.end() && !IsExpired(refund->second.create_time)) return KeyReused();
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

Gateway::Known Gateway::StoredRefund(const RefundOrder& order) {
  const auto charge = charge_keys_.find(order.idempotency_key);
  if (charge != charge_keys_.end() &&
      (charge->second.in_work || !IsExpired(charges_[charge->second.position].create_time))) {
    return KeyReused();
  }
  const auto found = refund_keys_.find(order.idempotency_key);
  if (found == refund_keys_.end()) return std::nullopt;
  const RefundKey& key = found->second;
  if (!key.in_work && IsExpired(key.create_time)) return std::nullopt;
  if (key.order != order) return KeyReused();
  if (key.in_work) return KeyInUse();
  return ChargeAnswer{.charge = charges_[key.position], .replayed = true};
}

absl::StatusOr<int64_t> Gateway::RefundablePosition(const RefundOrder& order) {
  const auto found = position_of_charge_.find(order.charge_id);
  if (found == position_of_charge_.end() || found->second >= durable_charges_) {
    return ChargeNotFound("charge_id");
  }
  const ChargeRecord& charge = charges_[found->second];
  if (Shown(charge).pending) return ChargeNotSucceeded();
  if (charge.decline != nullptr) return ChargeNotSucceeded();
  if (!charge.refund_id.empty()) return AlreadyRefunded();
  if (refunds_in_work_.count(found->second) > 0) return RefundInProgress();
  return found->second;
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

void Gateway::OnRefundDurable(const RefundRecord& refund, int64_t position,
                              const absl::Status& status, const ChargeDone& done) {
  if (!status.ok()) return done(DataFile(status.message()));
  ChargeAnswer answer;
  {
    absl::MutexLock lock(&mutex_);
    charges_[position].refund_id = refund.refund_id;
    charges_[position].refund_time = refund.create_time;
    refund_keys_[refund.order.idempotency_key].in_work = false;
    refunds_in_work_.erase(position);
    answer.charge = charges_[position];
  }
  done(std::move(answer));
}

}  // namespace reserve::gateway_stub
