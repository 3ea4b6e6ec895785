// The customers, and the services that act for them: calls that are booked, top-ups,
// cards, settings, blocks, corrections, at random moments.
//
// A command is sent again until it is answered, to either ledger, as the services
// are told to do; some are sent again although they were answered.
#ifndef RESERVE_TESTS_SIMULATION_CUSTOMERS_H_
#define RESERVE_TESTS_SIMULATION_CUSTOMERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/book/command.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/phone_switch.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

class Customers {
 public:
  // `seed` says whether some of them leave, have usage rated again, or are given credit, and
  // whether a switch has calls held for: of all chances so, that others stay what they were.
  Customers(Scene* scene, uint64_t seed, std::vector<SimulatedLedger*> ledgers,
            const ModelDatabase* database, ModelGateway* gateway, Checks* checks);

  // Each customer opens an account and does something now and then until `length`
  // has passed.
  void Begin(absl::Duration length);
  // Has each command been answered?
  bool satisfied() const { return unanswered_ == 0 && switch_.idle(); }

 private:
  struct Request {
    std::string account_id;
    book::Command command;
    bool answered = false;
    int sent = 0;
    PhoneSwitch::Heard then;  // once it is answered
  };

  void Ask(const std::string& account_id, book::Command command,
           std::function<void()> then = nullptr);
  void AskAndHear(const std::string& account_id, book::Command command, PhoneSwitch::Heard then);
  void SendOut(const std::shared_ptr<Request>& request);
  void OnReply(const std::shared_ptr<Request>& request, const absl::StatusOr<book::Reply>& reply);
  void DoSomething(const std::string& account_id);
  void TouchCards(const std::string& id);
  void ChangePlans(const std::string& id, absl::Duration length);
  void ChangeCalendar(const std::string& id);
  void ChangeSettings(const std::string& id);
  std::string AnyUsage(const std::string& id);
  domain::Usage AnyCall(const std::string& id);
  void PutUsageRight(const std::string& id);
  void RateWhatWaits(const std::string& id);
  void RateAgain(const std::string& id);
  void GrantCredit(const std::string& id);
  void UseTelephone(const std::string& account_id);
  // Staff gives some of a charge back, or lets automatic recharging go on.
  void AskForRefund(const std::string& account_id);
  void LiftSuspension(const std::string& account_id);
  // What the account may spend a day, from now on (L1).
  // The id of one of the account's users; empty: it has none.
  std::string AnyUser(const std::string& account_id);
  void LimitSpending(const std::string& account_id);
  // Money comes another way: by bank, by a page of the gateway's, or, as staff takes it for such,
  // by a charge of a worker's; and bounces.
  void Pay(const std::string& account_id);
  void ReverseAPayment(const std::string& account_id);
  // Staff closes the account; usage that waits for a price by then is waived.
  void Close(const std::string& account_id);
  // A charge that was made for the account, reported or not; null if there is none.
  const ModelCharge* AnyCharge(const std::string& account_id);
  domain::Card AnyCard();
  domain::GivenCard SomeCard();

  int64_t last_rerating_ = 0;
  int64_t last_grant_ = 0;
  Scene& scene_;
  const uint64_t seed_;
  const std::vector<SimulatedLedger*> ledgers_;
  const ModelDatabase& database_;
  ModelGateway& gateway_;
  Checks& checks_;
  PhoneSwitch switch_;
  int unanswered_ = 0;
  int last_number_ = 0;
  std::map<std::string, std::vector<std::string>> usages_;  // sent, by account
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_CUSTOMERS_H_
