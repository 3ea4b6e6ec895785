#include "tests/simulation/gateway.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

using worker::GatewayAnswer;

constexpr std::array<absl::string_view, static_cast<size_t>(CardKind::kCount)> kCardNames = {
    "good", "moody", "empty", "expired", "authentication", "unknown", "late", "partial"};

bool IsOf(const std::string& token, CardKind kind) {
  return absl::StartsWith(token, kCardNames[static_cast<size_t>(kind)]);
}

GatewayAnswer NoAnswer(absl::string_view why) {
  return {.kind = GatewayAnswer::Kind::kNoAnswer, .text = std::string(why)};
}

std::string WordsOf(const GatewayAnswer& charge) {
  if (charge.pending) return " is pending";
  if (!charge.succeeded) return absl::StrCat(" is declined: ", charge.text);
  return !charge.captured.has_value()
             ? " succeeds"
             : absl::StrCat(" succeeds, with ", FormatDecimal(*charge.captured));
}

}  // namespace

std::string TokenOf(CardKind kind, int number) {
  return absl::StrCat(kCardNames[static_cast<size_t>(kind)], "-", number);
}

ModelGateway::ModelGateway(Scene* scene)
    : scene_(*scene),
      looked_up_for_ever_(scene->Happens(0.5)),
      given_back_(scene, kKeyLifetime, looked_up_for_ever_) {}

void ModelGateway::set_news(const GivenBack::News& news) {
  news_ = news;
  given_back_.set_news(news);
}

void ModelGateway::GoAway(absl::Duration length) {
  scene_.Count(Happening::kGatewayOutage);
  scene_.Tell(
      [&] { return absl::StrCat("the gateway is away for ", absl::FormatDuration(length)); });
  away_until_ = scene_.now() + length;
}

void ModelGateway::Charge(const std::string& key, const worker::Task& order, Done done) {
  if (Away()) return done({.kind = GatewayAnswer::Kind::kOutage, .text = "away"});
  const auto found = keys_.find(key);
  if (found != keys_.end()) {
    const Stored& stored = found->second;
    if (stored.in_work || stored.answer.pending || scene_.now() - stored.time < kKeyLifetime) {
      if (!(stored.order == order)) return done({.kind = GatewayAnswer::Kind::kKeyReused});
      if (stored.in_work) return done(NoAnswer("the key is in use"));
      scene_.Count(Happening::kChargeReplayed);
      return done(stored.broken ? NoAnswer("internal error") : AnswerOf(stored));
    }
    scene_.Count(Happening::kKeyForgotten);
    scene_.Tell([&] { return absl::StrCat("gateway: key ", key, " was forgotten; a new charge"); });
  }
  if (IsOf(order.card_token.Reveal(), CardKind::kUnknown)) {
    scene_.Count(Happening::kChargeRefused);
    truth_[key].refused = true;
    return done({.kind = GatewayAnswer::Kind::kRefused, .text = "INVALID_FIELD:card_token"});
  }
  if (scene_.Fails(0.01)) {
    scene_.Tell([&] { return absl::StrCat("gateway: charge ", key, " is called invalid"); });
    truth_[key].invalid = true;
    return done({.kind = GatewayAnswer::Kind::kInvalid, .text = "INVALID_FIELD:amount"});
  }
  keys_[key] = Stored{.order = order, .time = scene_.now()};
  truth_[key].in_work = true;
  const absl::Duration work =
      scene_.UpTo(scene_.Fails(0.05) ? absl::Minutes(2) : absl::Milliseconds(300));
  scene_.After(work, [this, key, done = std::move(done)] { Decide(key, done); });
}

GatewayAnswer ModelGateway::NewCharge(const worker::Task& order) {
  GatewayAnswer answer{.kind = GatewayAnswer::Kind::kFound,
                       .charge_id = absl::StrCat("ch_", ++last_charge_),
                       .amount = order.amount,
                       .currency = order.currency,
                       .card_token = order.card_token};
  const std::string& card = order.card_token.Reveal();
  // In the calm they are as good as any, so that all is settled.
  if (IsOf(card, CardKind::kLate)) {
    answer.pending = scene_.Fails(0.8);
    answer.succeeded = !answer.pending;
  } else if (IsOf(card, CardKind::kPartial)) {
    answer.succeeded = true;
    if (scene_.Fails(0.7)) CaptureInPart(order, &answer);
  } else if (IsOf(card, CardKind::kGood) || (IsOf(card, CardKind::kMoody) && scene_.Happens(0.5))) {
    answer.succeeded = true;
  } else {
    Decline(card, &answer);
  }
  return answer;
}

void ModelGateway::Decline(const std::string& card, GatewayAnswer* answer) {
  if (IsOf(card, CardKind::kExpired)) {
    answer->decline_class = worker::DeclineClass::kHard;
    answer->text = "expired_card";
  } else if (IsOf(card, CardKind::kAuthentication)) {
    answer->decline_class = worker::DeclineClass::kAuthenticationRequired;
    answer->text = "authentication_required";
  } else {
    answer->decline_class = worker::DeclineClass::kSoft;
    answer->text = "insufficient_funds";
  }
}

// 12 of 15, or a cent.
void ModelGateway::CaptureInPart(const worker::Task& order, GatewayAnswer* answer) {
  answer->captured = scene_.Happens(0.4) ? kNanosPerCent : order.amount / 5 * 4;
}

void ModelGateway::Decide(const std::string& key, const Done& done) {
  Stored& stored = keys_[key];
  stored.in_work = false;
  stored.time = scene_.now();
  stored.answer = NewCharge(stored.order);
  stored.broken = scene_.Fails(0.04);
  // Rare, as it is looked up again and again for a day; what is pending is looked up for longer.
  stored.sick = stored.broken && !stored.answer.pending && scene_.Happens(0.05);
  if (stored.broken) scene_.Count(Happening::kChargeFailedInside);
  truth_[key].in_work = false;
  const worker::Task& order = stored.order;
  scene_.Tell([&] {
    return absl::StrCat("gateway: charge ", stored.answer.charge_id, " for ", order.account_id, "/",
                        order.ordinal, " attempt ", order.attempt, " of ",
                        order.card_token.Reveal(), WordsOf(stored.answer),
                        stored.broken ? "; then an internal error" : "");
  });
  if (stored.answer.pending) {
    Pend(key);
  } else {
    Conclude(key);
  }
  if (scene_.failed()) return;
  if (stored.broken) return done(NoAnswer("internal error"));
  if (scene_.Fails(0.06)) {
    scene_.Count(Happening::kChargeReplyLost);
    return done({.kind = GatewayAnswer::Kind::kOutage, .text = "the reply is lost"});
  }
  done(AnswerOf(stored));
}

// For seconds, for hours, or for more than a day.
void ModelGateway::Pend(const std::string& key) {
  const worker::Task& order = keys_[key].order;
  scene_.Count(Happening::kChargePending);
  truth_[key].pending = true;
  pending_[order.account_id].insert(order.ordinal);
  const double how = scene_.Uniform();
  absl::Duration length = scene_.UpTo(how < 0.6 ? absl::Minutes(2) : absl::Hours(3));
  if (how > 0.9) {
    scene_.Count(Happening::kPendingForDays);
    length = kKeyLifetime + scene_.UpTo(absl::Hours(12));
  }
  scene_.After(length, [this, key] { EndPending(key); });
}

void ModelGateway::EndPending(const std::string& key) {
  Stored& stored = keys_[key];
  const worker::Task& order = stored.order;
  stored.time = scene_.now();
  stored.answer.pending = false;
  stored.answer.succeeded = scene_.Happens(0.6);
  if (!stored.answer.succeeded) Decline(order.card_token.Reveal(), &stored.answer);
  truth_[key].pending = false;
  std::set<int64_t>& of_account = pending_[order.account_id];
  of_account.erase(order.ordinal);
  if (of_account.empty()) pending_.erase(order.account_id);
  scene_.Count(stored.answer.succeeded ? Happening::kPendingSucceeded
                                       : Happening::kPendingDeclined);
  scene_.Tell([&] {
    return absl::StrCat("gateway: charge ", stored.answer.charge_id, " for ", order.account_id, "/",
                        order.ordinal, " was pending and", WordsOf(stored.answer));
  });
  Conclude(key);
  if (!stored.answer.succeeded || scene_.failed()) return;
  book::ReportRecharge told{.ordinal = order.ordinal, .of_refund = false, .outcome = {}};
  told.outcome.kind = domain::ChargeOutcome::Kind::kSucceeded;
  told.outcome.attempt = order.attempt;
  told.outcome.charge_id = stored.answer.charge_id;
  told.outcome.amount = CapturedOf(stored.answer);
  told.outcome.currency = order.currency;
  news_(order.account_id, told);
}

void ModelGateway::Conclude(const std::string& key) {
  const Stored& stored = keys_[key];
  const worker::Task& order = stored.order;
  truth_[key].decided.push_back(stored.answer);
  if (!stored.answer.succeeded) {
    return scene_.Count(stored.answer.decline_class == worker::DeclineClass::kSoft
                            ? Happening::kDeclinedSoft
                            : Happening::kDeclinedForGood);
  }
  scene_.Count(Happening::kSucceeded);
  if (stored.answer.captured.has_value()) scene_.Count(Happening::kChargedInPart);
  std::vector<GatewayAnswer>& charges = charges_[{order.account_id, order.ordinal}];
  charges.push_back(stored.answer);
  given_back_.Charged(order, stored.answer.charge_id, CapturedOf(stored.answer));
  if (charges.size() > 1) {
    scene_.Fail("a recharge is charged once",
                absl::StrCat("recharge ", order.account_id, "/", order.ordinal, " was charged as ",
                             charges[0].charge_id, " and as ", charges[1].charge_id));
  }
}

GatewayAnswer ModelGateway::AnswerOf(const Stored& stored) const {
  GatewayAnswer answer = stored.answer;
  if (answer.succeeded) answer.states = given_back_.StatesOf(answer.charge_id);
  return answer;
}

void ModelGateway::LookUp(const std::string& key, const Done& done) {
  if (Away()) return done({.kind = GatewayAnswer::Kind::kOutage, .text = "away"});
  const auto found = keys_.find(key);
  if (found == keys_.end()) return done({.kind = GatewayAnswer::Kind::kNotFound});
  const Stored& stored = found->second;
  if (stored.in_work) return done(NoAnswer("the key is in use"));
  if (!looked_up_for_ever_ && !stored.answer.pending &&
      scene_.now() - stored.time >= kKeyLifetime) {
    scene_.Count(Happening::kKeyForgotten);
    return done({.kind = GatewayAnswer::Kind::kNotFound});
  }
  done(stored.sick ? NoAnswer("internal error") : AnswerOf(stored));
}

void ModelGateway::Refund(const std::string& key, const worker::Task& order, const Done& done) {
  if (Away()) return done({.kind = GatewayAnswer::Kind::kOutage, .text = "away"});
  given_back_.Refund(key, order, done);
}

void ModelGateway::LookUpRefund(const std::string& key, const Done& done) {
  if (Away()) return done({.kind = GatewayAnswer::Kind::kOutage, .text = "away"});
  given_back_.LookUp(key, done);
}

std::set<int64_t> ModelGateway::PendingOf(const std::string& account_id) const {
  const auto found = pending_.find(account_id);
  return found == pending_.end() ? std::set<int64_t>() : found->second;
}

const ModelGateway::Truth* ModelGateway::TruthOf(const std::string& key) const {
  const auto found = truth_.find(key);
  return found == truth_.end() ? nullptr : &found->second;
}

}  // namespace reserve::simulation
