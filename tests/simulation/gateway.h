// The model of a payment gateway, with the stub's semantics: a key is remembered
// for its lifetime, and replays what was decided under it, also an internal error;
// other content under it is refused; after its lifetime it charges anew.
//
// Some cards pay later: their charge is pending, for seconds or for more than a day, and then
// succeeds or is declined. A look-up says so as long as it is asked, and news tell of a success.
// Others pay less than they are asked for, a cent perhaps.
//
// Beside what it tells, it keeps what is true: what every card was really charged.
#ifndef RESERVE_TESTS_SIMULATION_GATEWAY_H_
#define RESERVE_TESTS_SIMULATION_GATEWAY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/money/money.h"
#include "tests/simulation/given_back.h"
#include "tests/simulation/scene.h"
#include "worker/decide.h"

namespace reserve::simulation {

inline constexpr absl::Duration kKeyLifetime = absl::Hours(24);

// What kinds of cards there are; a token begins with the name.
enum class CardKind {
  kGood,
  kMoody,
  kEmpty,
  kExpired,
  kAuthentication,
  kUnknown,
  kLate,     // its charges are pending first
  kPartial,  // captured in part
  kCount
};
inline constexpr int kUsualCards = static_cast<int>(CardKind::kLate);
// What the card really paid, of a success.
inline Nanos CapturedOf(const worker::GatewayAnswer& charge) {
  return charge.captured.value_or(charge.amount);
}
// A token of that kind.
std::string TokenOf(CardKind kind, int number);

class ModelGateway {
 public:
  using Done = std::function<void(const worker::GatewayAnswer&)>;
  // All that was ever decided under one key, also after it was forgotten.
  struct Truth {
    std::vector<worker::GatewayAnswer> decided;
    bool in_work = false;
    bool pending = false;
    bool refused = false;
    bool invalid = false;  // a request under it was called so
  };

  explicit ModelGateway(Scene* scene);

  void Charge(const std::string& key, const worker::Task& order, Done done);
  void LookUp(const std::string& key, const Done& done);
  void Refund(const std::string& key, const worker::Task& order, const Done& done);
  void LookUpRefund(const std::string& key, const Done& done);
  void GoAway(absl::Duration length);
  // How a pending charge, a refund or a dispute stands, whenever that changes.
  void set_news(const GivenBack::News& news);

  // Null if nothing was ever asked under the key.
  const Truth* TruthOf(const std::string& key) const;
  // (account id, ordinal) -> the charges that succeeded.
  using Charges = std::map<std::pair<std::string, int64_t>, std::vector<worker::GatewayAnswer>>;
  const Charges& charges() const { return charges_; }
  // The ordinals of the account's recharges whose charge is pending.
  std::set<int64_t> PendingOf(const std::string& account_id) const;
  // Is nothing to come that was begun?
  bool over() const { return pending_.empty() && given_back_.over(); }
  const GivenBack& given_back() const { return given_back_; }
  GivenBack& given_back() { return given_back_; }

 private:
  struct Stored {
    worker::Task order;
    bool in_work = true;
    bool broken = false;  // a charge is answered with an internal error
    bool sick = false;    // a look-up is, too
    absl::Time time = {};
    worker::GatewayAnswer answer = {};
  };

  bool Away() const { return scene_.now() < away_until_; }
  void Decide(const std::string& key, const Done& done);
  worker::GatewayAnswer NewCharge(const worker::Task& order);
  void Decline(const std::string& card, worker::GatewayAnswer* answer);
  void CaptureInPart(const worker::Task& order, worker::GatewayAnswer* answer);
  // What was decided is what happens: now, or once it is pending no more.
  void Pend(const std::string& key);
  void EndPending(const std::string& key);
  void Conclude(const std::string& key);
  // What was decided, and what came back of it since.
  worker::GatewayAnswer AnswerOf(const Stored& stored) const;

  Scene& scene_;
  const bool looked_up_for_ever_;
  absl::Time away_until_ = absl::InfinitePast();
  int last_charge_ = 0;
  std::map<std::string, Stored> keys_;
  std::map<std::string, Truth> truth_;
  Charges charges_;
  std::map<std::string, std::set<int64_t>> pending_;  // by account
  GivenBack given_back_;
  GivenBack::News news_ = [](const std::string&, const book::Command&) {};
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_GATEWAY_H_
