// The model of a payment gateway, with the stub's semantics: a key is remembered
// for its lifetime, and replays what was decided under it, also an internal error;
// other content under it is refused; after its lifetime it charges anew.
//
// Beside what it tells, it keeps what is true: what every card was really charged.
#ifndef RESERVE_TESTS_SIMULATION_GATEWAY_H_
#define RESERVE_TESTS_SIMULATION_GATEWAY_H_

#include <cstdint>
#include <functional>
#include <map>
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
enum class CardKind { kGood, kMoody, kEmpty, kExpired, kAuthentication, kUnknown, kCount };
// A token of that kind.
std::string TokenOf(CardKind kind, int number);

class ModelGateway {
 public:
  using Done = std::function<void(const worker::GatewayAnswer&)>;
  // All that was ever decided under one key, also after it was forgotten.
  struct Truth {
    std::vector<worker::GatewayAnswer> decided;
    bool in_work = false;
    bool refused = false;
    bool invalid = false;  // a request under it was called so
  };

  explicit ModelGateway(Scene* scene);

  void Charge(const std::string& key, const worker::Task& order, Done done);
  void LookUp(const std::string& key, const Done& done);
  void Refund(const std::string& key, const worker::Task& order, const Done& done);
  void LookUpRefund(const std::string& key, const Done& done);
  void GoAway(absl::Duration length);

  // Null if nothing was ever asked under the key.
  const Truth* TruthOf(const std::string& key) const;
  // (account id, ordinal) -> the charges that succeeded.
  using Charges = std::map<std::pair<std::string, int64_t>, std::vector<worker::GatewayAnswer>>;
  const Charges& charges() const { return charges_; }
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
  // What was decided, and what came back of it since.
  worker::GatewayAnswer AnswerOf(const Stored& stored) const;

  Scene& scene_;
  const bool looked_up_for_ever_;
  absl::Time away_until_ = absl::InfinitePast();
  int last_charge_ = 0;
  std::map<std::string, Stored> keys_;
  std::map<std::string, Truth> truth_;
  Charges charges_;
  GivenBack given_back_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_GATEWAY_H_
