#include "tests/simulation/given_back.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

using domain::DisputeState;
using worker::GatewayAnswer;
using RefundState = domain::GatewayRefund::State;

GatewayAnswer NoAnswer(absl::string_view why) {
  return {.kind = GatewayAnswer::Kind::kNoAnswer, .text = std::string(why)};
}

absl::string_view NameOf(RefundState state) {
  switch (state) {
    case RefundState::kPending:
      return "pending";
    case RefundState::kSucceeded:
      return "made";
    case RefundState::kFailed:
      return "failed";
  }
  return "";
}

absl::string_view NameOf(DisputeState state) {
  switch (state) {
    case DisputeState::kInquiry:
      return "an inquiry";
    case DisputeState::kOpened:
      return "opened";
    case DisputeState::kWon:
      return "won";
    case DisputeState::kLost:
      return "lost";
  }
  return "";
}

void Count(DisputeState state, Scene* scene) {
  switch (state) {
    case DisputeState::kInquiry:
      return scene->Count(Happening::kDisputeInquiry);
    case DisputeState::kOpened:
      return scene->Count(Happening::kDisputeOpened);
    case DisputeState::kWon:
      return scene->Count(Happening::kDisputeWon);
    case DisputeState::kLost:
      return scene->Count(Happening::kDisputeLost);
  }
}

// The numbers of states are those of the wire.
worker::GatewayState StateOf(const ModelCharge& charge, const ModelRefund& refund) {
  worker::GatewayState state;
  state.kind = worker::GatewayState::Kind::kRefund;
  state.id = refund.refund_id;
  if (refund.ordinal != 0) state.reference = absl::StrCat(charge.account_id, "/", refund.ordinal);
  state.state = static_cast<int32_t>(refund.state);
  state.amount = refund.amount;
  state.currency = charge.currency;
  state.text = refund.failure_code;
  return state;
}

worker::GatewayState StateOf(const ModelCharge& charge, const ModelDispute& dispute) {
  worker::GatewayState state;
  state.kind = worker::GatewayState::Kind::kDispute;
  state.id = dispute.dispute_id;
  state.state = static_cast<int32_t>(dispute.state);
  state.amount = dispute.amount;
  state.currency = charge.currency;
  state.text = "fraudulent";
  return state;
}

void Tell(const ModelCharge& charge, const worker::GatewayState& state,
          const GivenBack::News& news) {
  news(charge.account_id, CommandOf(charge.account_id, charge.ordinal, charge.charge_id, state));
}

}  // namespace

book::Command CommandOf(const std::string& account_id, int64_t ordinal,
                        const std::string& charge_id, const worker::GatewayState& told) {
  if (told.kind == worker::GatewayState::Kind::kDispute) {
    book::ReportGatewayDispute command;
    command.ordinal = ordinal;
    command.currency = told.currency;
    command.told = {.charge_id = charge_id,
                    .dispute_id = told.id,
                    .state = static_cast<DisputeState>(told.state),
                    .amount = told.amount,
                    .reason = told.text};
    return command;
  }
  book::ReportGatewayRefund command;
  command.ordinal = ordinal;
  // Of a refund of ours, "account/ordinal".
  if (!absl::SimpleAtoi(
          told.reference.substr(std::min(account_id.size() + 1, told.reference.size())),
          &command.refund_ordinal)) {
    command.refund_ordinal = 0;
  }
  command.currency = told.currency;
  command.told = {.charge_id = charge_id,
                  .refund_id = told.id,
                  .state = static_cast<RefundState>(told.state),
                  .amount = told.amount,
                  .failure_code = told.text};
  return command;
}

Nanos ModelCharge::given_back() const {
  Nanos sum = 0;
  for (const ModelRefund& refund : refunds) sum += refund.failed() ? 0 : refund.amount;
  return sum;
}

Nanos ModelCharge::taken_back() const {
  Nanos sum = 0;
  for (const ModelDispute& dispute : disputes) sum += dispute.taken() ? dispute.amount : 0;
  return sum;
}

// At once, so that the charge may not be credited yet; or a while later.
absl::Duration GivenBack::Soon() {
  const double how = scene_.Uniform();
  if (how < 0.4) return scene_.UpTo(absl::Seconds(1));
  return scene_.UpTo(how < 0.9 ? absl::Minutes(10) : absl::Hours(40));
}

void GivenBack::Later(std::function<void()> change) {
  ++to_come_;
  scene_.After(Soon(), [this, change = std::move(change)] {
    --to_come_;
    change();
  });
}

void GivenBack::Charged(const worker::Task& order, const std::string& charge_id, Nanos captured) {
  charges_[charge_id] = {.account_id = order.account_id,
                         .ordinal = order.ordinal,
                         .charge_id = charge_id,
                         .amount = captured,
                         .currency = order.currency,
                         .refunds = {},
                         .disputes = {}};
  MayComeBack(charge_id);
}

std::string GivenBack::ChargeOnPage(const std::string& account_id, Nanos amount) {
  const std::string charge_id = absl::StrCat("pg_", ++last_number_);
  charges_[charge_id] = {.account_id = account_id,
                         .ordinal = 0,
                         .charge_id = charge_id,
                         .amount = amount,
                         .currency = "USD",
                         .refunds = {},
                         .disputes = {}};
  MayComeBack(charge_id);
  return charge_id;
}

void GivenBack::MayComeBack(const std::string& charge_id) {
  if (scene_.Fails(0.1)) Later([this, charge_id] { RefundByHand(charge_id); });
  if (scene_.Fails(0.2)) Later([this, charge_id] { Dispute(charge_id); });
}

// --- Refunds ------------------------------------------------------------------------

void GivenBack::Refund(const std::string& key, const worker::Task& order, const Done& done) {
  const auto found = keys_.find(key);
  if (found != keys_.end()) {
    const Stored& stored = found->second;
    if (stored.in_work || scene_.now() - stored.time < key_lifetime_) {
      if (!(stored.order == order)) return done({.kind = GatewayAnswer::Kind::kKeyReused});
      if (stored.in_work) return done(NoAnswer("the key is in use"));
      scene_.Count(Happening::kRefundReplayed);
      return done(stored.broken ? NoAnswer("internal error") : AnswerOf(stored));
    }
    scene_.Tell([&] { return absl::StrCat("gateway: key ", key, " was forgotten; a new refund"); });
  }
  if (scene_.Fails(0.01)) {
    return done({.kind = GatewayAnswer::Kind::kInvalid, .text = "INVALID_FIELD:amount"});
  }
  keys_[key] = Stored{.order = order, .time = scene_.now()};
  const absl::Duration work =
      scene_.UpTo(scene_.Fails(0.05) ? absl::Minutes(2) : absl::Milliseconds(300));
  scene_.After(work, [this, key, done] { Decide(key, done); });
}

void GivenBack::Decide(const std::string& key, const Done& done) {
  Stored& stored = keys_[key];
  const worker::Task& order = stored.order;
  const auto charge = charges_.find(order.refunded_charge_id);
  if (charge == charges_.end() || order.amount > charge->second.left()) {
    scene_.Count(Happening::kRefundRefused);
    scene_.Tell([&] {
      return absl::StrCat("gateway: refund ", order.account_id, "/", order.ordinal, " of ",
                          order.refunded_charge_id, " is refused");
    });
    keys_.erase(key);
    return done({.kind = GatewayAnswer::Kind::kRefused, .text = "REFUND_TOO_LARGE"});
  }
  stored.in_work = false;
  stored.time = scene_.now();
  stored.broken = scene_.Fails(0.04);
  stored.place = charge->second.refunds.size();
  MakeRefund(&charge->second, order.ordinal, order.amount);
  if (scene_.failed()) return;  // it was not made, and there is nothing to tell
  if (stored.broken) return done(NoAnswer("internal error"));
  if (scene_.Fails(0.08)) {
    scene_.Count(Happening::kRefundReplyLost);
    return done({.kind = GatewayAnswer::Kind::kOutage, .text = "the reply is lost"});
  }
  done(AnswerOf(stored));
}

void GivenBack::LookUp(const std::string& key, const Done& done) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return done({.kind = GatewayAnswer::Kind::kNotFound});
  const bool old = scene_.now() - found->second.time >= key_lifetime_;
  if (!found->second.in_work && old && !looked_up_for_ever_) {
    return done({.kind = GatewayAnswer::Kind::kNotFound});
  }
  done(found->second.in_work ? NoAnswer("the key is in use") : AnswerOf(found->second));
}

GatewayAnswer GivenBack::AnswerOf(const Stored& stored) const {
  const ModelRefund& refund = charges_.at(stored.order.refunded_charge_id).refunds[stored.place];
  return {.kind = GatewayAnswer::Kind::kFound,
          .succeeded = refund.state == RefundState::kSucceeded,
          .pending = refund.state == RefundState::kPending,
          .charge_id = stored.order.refunded_charge_id,
          .refund_id = refund.refund_id,
          .amount = refund.amount,
          .currency = stored.order.currency,
          .text = refund.failure_code};
}

void GivenBack::MakeRefund(ModelCharge* charge, int64_t ordinal, Nanos amount) {
  const auto made_before = [ordinal](const ModelRefund& refund) {
    return ordinal != 0 && refund.ordinal == ordinal;
  };
  if (std::any_of(charge->refunds.begin(), charge->refunds.end(), made_before)) {
    return scene_.Fail("a refund is made once", absl::StrCat("refund ", charge->account_id, "/",
                                                             ordinal, " of ", charge->charge_id));
  }
  ModelRefund& refund = charge->refunds.emplace_back();
  refund.refund_id = absl::StrCat("re_", ++last_number_);
  refund.ordinal = ordinal;
  refund.amount = amount;
  const double how = scene_.Uniform();
  if (how < 0.25) refund.state = RefundState::kPending;
  if (how > 0.85) refund.state = RefundState::kFailed;
  if (refund.failed()) refund.failure_code = "card_closed";
  scene_.Count(ordinal == 0 ? Happening::kRefundByHand : Happening::kRefundMade);
  scene_.Tell([&] {
    return absl::StrCat("gateway: ", ordinal == 0 ? "by hand, " : "", "refund ", refund.refund_id,
                        " of ", FormatDecimal(amount), " of charge ", charge->charge_id, " is ",
                        NameOf(refund.state));
  });
  Tell(*charge, StateOf(*charge, refund), news_);
  if (refund.failed()) return scene_.Count(Happening::kRefundFailedAtOnce);
  const size_t place = charge->refunds.size() - 1;
  const bool pending = refund.state == RefundState::kPending;
  const bool fails = scene_.Happens(pending ? 0.4 : 0.2);
  if (!pending && !fails) return;
  if (!pending) scene_.Count(Happening::kRefundFailedLater);
  Later([this, charge_id = charge->charge_id, place, fails] {
    MoveRefund(charge_id, place, fails ? RefundState::kFailed : RefundState::kSucceeded);
  });
}

void GivenBack::MoveRefund(const std::string& charge_id, size_t place, RefundState state) {
  ModelCharge& charge = charges_.at(charge_id);
  ModelRefund& refund = charge.refunds[place];
  refund.state = state;
  if (refund.failed()) refund.failure_code = "card_closed";
  scene_.Tell([&] {
    return absl::StrCat("gateway: refund ", refund.refund_id, " of charge ", charge_id, " is ",
                        NameOf(state));
  });
  Tell(charge, StateOf(charge, refund), news_);
}

void GivenBack::RefundByHand(const std::string& charge_id) {
  ModelCharge& charge = charges_.at(charge_id);
  if (charge.left() <= 0) return;
  const bool whole = scene_.Happens(0.5);
  const Nanos part = std::min(charge.left(), (1 + scene_.Below(15)) * kNanosPerUnit);
  MakeRefund(&charge, /*ordinal=*/0, whole ? charge.left() : part);
}

// --- Disputes -----------------------------------------------------------------------

void GivenBack::Dispute(const std::string& charge_id) {
  ModelCharge& charge = charges_.at(charge_id);
  const size_t place = charge.disputes.size();
  ModelDispute& dispute = charge.disputes.emplace_back();
  dispute.dispute_id = absl::StrCat("dp_", ++last_number_);
  // Of the whole charge, whatever was given back of it; or of a part.
  dispute.amount = scene_.Happens(0.7) ? charge.amount : charge.amount / 2;
  MoveDispute(charge_id, place,
              scene_.Happens(0.4) ? DisputeState::kInquiry : DisputeState::kOpened);
}

void GivenBack::MoveDispute(const std::string& charge_id, size_t place, DisputeState state) {
  ModelCharge& charge = charges_.at(charge_id);
  ModelDispute& dispute = charge.disputes[place];
  dispute.state = state;
  Count(state, &scene_);
  scene_.Tell([&] {
    return absl::StrCat("gateway: dispute ", dispute.dispute_id, " of ",
                        FormatDecimal(dispute.amount), " of charge ", charge_id, " is ",
                        NameOf(state));
  });
  Tell(charge, StateOf(charge, dispute), news_);
  GoOn(charge_id, place);
}

// What becomes of a dispute, if anything does.
void GivenBack::GoOn(const std::string& charge_id, size_t place) {
  const DisputeState state = charges_.at(charge_id).disputes[place].state;
  if (state == DisputeState::kWon || state == DisputeState::kLost) return;
  const double how = scene_.Uniform();
  DisputeState next = DisputeState::kWon;
  if (state == DisputeState::kInquiry && how < 0.6) {
    next = DisputeState::kOpened;
    // The bank takes less than it asked about, now and then.
    ModelDispute& dispute = charges_.at(charge_id).disputes[place];
    if (scene_.Happens(0.2)) dispute.amount /= 2;
  } else if (state == DisputeState::kOpened && how < 0.4) {
    next = DisputeState::kLost;
  } else if (how > 0.8) {
    return;
  }
  Later([this, charge_id, place, next] { MoveDispute(charge_id, place, next); });
}

// --- News ---------------------------------------------------------------------------

std::vector<worker::GatewayState> GivenBack::StatesOf(const std::string& charge_id) const {
  std::vector<worker::GatewayState> states;
  const ModelCharge& charge = charges_.at(charge_id);
  for (const ModelRefund& refund : charge.refunds) states.push_back(StateOf(charge, refund));
  for (const ModelDispute& dispute : charge.disputes) states.push_back(StateOf(charge, dispute));
  return states;
}

void GivenBack::TellAll(const News& news) const {
  for (const auto& [charge_id, charge] : charges_) {
    for (const worker::GatewayState& state : StatesOf(charge_id)) Tell(charge, state, news);
  }
}

}  // namespace reserve::simulation
