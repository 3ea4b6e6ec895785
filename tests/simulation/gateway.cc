#include "tests/simulation/gateway.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

using worker::GatewayAnswer;

constexpr std::array<absl::string_view, static_cast<size_t>(CardKind::kCount)> kCardNames = {
    "good", "moody", "empty", "expired", "authentication", "unknown"};

bool IsOf(const std::string& token, CardKind kind) {
  return absl::StartsWith(token, kCardNames[static_cast<size_t>(kind)]);
}

GatewayAnswer NoAnswer(absl::string_view why) {
  return {.kind = GatewayAnswer::Kind::kNoAnswer, .text = std::string(why)};
}

}  // namespace

std::string TokenOf(CardKind kind, int number) {
  return absl::StrCat(kCardNames[static_cast<size_t>(kind)], "-", number);
}

ModelGateway::ModelGateway(Scene* scene)
    : scene_(*scene),
      looked_up_for_ever_(scene->Happens(0.5)),
      given_back_(scene, kKeyLifetime, looked_up_for_ever_) {}

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
    if (stored.in_work || scene_.now() - stored.time < kKeyLifetime) {
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
  if (IsOf(card, CardKind::kGood) || (IsOf(card, CardKind::kMoody) && scene_.Happens(0.5))) {
    answer.succeeded = true;
    return answer;
  }
  if (IsOf(card, CardKind::kMoody) || IsOf(card, CardKind::kEmpty)) {
    answer.decline_class = worker::DeclineClass::kSoft;
    answer.text = "insufficient_funds";
  } else if (IsOf(card, CardKind::kExpired)) {
    answer.decline_class = worker::DeclineClass::kHard;
    answer.text = "expired_card";
  } else {
    answer.decline_class = worker::DeclineClass::kAuthenticationRequired;
    answer.text = "authentication_required";
  }
  return answer;
}

void ModelGateway::Decide(const std::string& key, const Done& done) {
  Stored& stored = keys_[key];
  stored.in_work = false;
  stored.time = scene_.now();
  stored.answer = NewCharge(stored.order);
  stored.broken = scene_.Fails(0.04);
  // Rare, as it is looked up again and again for a day.
  stored.sick = stored.broken && scene_.Happens(0.05);
  if (stored.broken) scene_.Count(Happening::kChargeFailedInside);
  Truth& truth = truth_[key];
  truth.in_work = false;
  truth.decided.push_back(stored.answer);
  const worker::Task& order = stored.order;
  scene_.Tell([&] {
    return absl::StrCat(
        "gateway: charge ", stored.answer.charge_id, " for ", order.account_id, "/", order.ordinal,
        " attempt ", order.attempt, " of ", order.card_token.Reveal(),
        stored.answer.succeeded ? " succeeds" : " is declined: ", stored.answer.text,
        stored.broken ? "; then an internal error" : "");
  });
  if (stored.answer.succeeded) {
    scene_.Count(Happening::kSucceeded);
    std::vector<GatewayAnswer>& charges = charges_[{order.account_id, order.ordinal}];
    charges.push_back(stored.answer);
    given_back_.Charged(order, stored.answer.charge_id);
    if (charges.size() > 1) {
      return scene_.Fail(
          "a recharge is charged once",
          absl::StrCat("recharge ", order.account_id, "/", order.ordinal, " was charged as ",
                       charges[0].charge_id, " and as ", charges[1].charge_id));
    }
  } else {
    scene_.Count(stored.answer.decline_class == worker::DeclineClass::kSoft
                     ? Happening::kDeclinedSoft
                     : Happening::kDeclinedForGood);
  }
  if (stored.broken) return done(NoAnswer("internal error"));
  if (scene_.Fails(0.06)) {
    scene_.Count(Happening::kChargeReplyLost);
    return done({.kind = GatewayAnswer::Kind::kOutage, .text = "the reply is lost"});
  }
  done(AnswerOf(stored));
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
  if (!looked_up_for_ever_ && scene_.now() - stored.time >= kKeyLifetime) {
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

const ModelGateway::Truth* ModelGateway::TruthOf(const std::string& key) const {
  const auto found = truth_.find(key);
  return found == truth_.end() ? nullptr : &found->second;
}

}  // namespace reserve::simulation
