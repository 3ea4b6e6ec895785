// What must hold of refunds and disputes, whatever fails (P1 to P3).
//
// At each write: what of a charge went back is in the balance once, in the charge's row, and as
// its refunds and disputes say. In the end: as the gateway has it, too.
#ifndef RESERVE_TESTS_SIMULATION_GIVEN_BACK_CHECKS_H_
#define RESERVE_TESTS_SIMULATION_GIVEN_BACK_CHECKS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/simulation/database.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

class GivenBackChecks {
 public:
  GivenBackChecks(Scene* scene, const ModelGateway* gateway) : scene_(*scene), gateway_(*gateway) {}

  void BeforeWrite(const AccountRows& rows, const AccountWrite& write);
  // Each entry once, in their order, before the AfterWrite() of its transaction.
  void OnEntry(const domain::Entry& entry);
  // `card_lifted`: the transaction let a number that was disputed be charged again.
  void AfterWrite(const AccountRows& rows, bool card_lifted);
  // An attempt to charge a card is handed out for the first time.
  void OnBegun(const domain::Recharge& recharge);
  void OnRefundSent(const worker::Task& task, const std::string& key);
  void AtEnd(const ModelDatabase& database);

 private:
  // What was seen of an account.
  struct SeenAccount {
    std::map<int64_t, Nanos> refunds;   // booked, by the refund's ordinal
    std::map<int64_t, Nanos> disputes;  // booked, by the charge's ordinal
    std::set<std::string> disputes_met;
    std::map<std::string, std::string> numbers;  // that may not be charged, by dispute
  };

  void CheckRefund(const AccountRows& rows, const domain::Recharge& refund,
                   const SeenAccount& seen);
  void CheckCharge(const AccountRows& rows, const domain::Recharge& charge,
                   const SeenAccount& seen);
  void CheckSuspension(const AccountRows& rows);
  void NoteDisputes(const AccountRows& rows, bool card_lifted, SeenAccount* seen);
  void CheckAtEnd(const AccountRows& rows, const domain::Recharge& recharge,
                  const ModelCharge& charge);
  void CheckClosed(const AccountRows& rows);

  Scene& scene_;
  const ModelGateway& gateway_;
  std::map<std::string, SeenAccount> accounts_;
  std::map<RechargeKey, std::string> keys_sent_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_GIVEN_BACK_CHECKS_H_
