// What must hold of calls in progress, whatever fails (H1 to H12).
//
// At each write: what an account holds is what its live holds say, in slots of their own; nobody
// is granted what is not there; what was reported only grows, and what has ended for good stays so.
// In the end: nothing is held any more, and what was reported is booked.
#ifndef RESERVE_TESTS_SIMULATION_HOLD_CHECKS_H_
#define RESERVE_TESTS_SIMULATION_HOLD_CHECKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "services/ledger/book/command.h"
#include "tests/simulation/database.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

class HoldChecks {
 public:
  explicit HoldChecks(Scene* scene) : scene_(*scene) {}

  void BeforeWrite(const AccountRows& rows, const AccountWrite& write);
  // `taken`: the usages that are booked or voided.
  void AfterWrite(const AccountRows& rows, const std::function<bool(const std::string&)>& taken);
  // An entry that books a usage from what was reported, before the AfterWrite() of its transaction.
  void OnEstimate(const domain::Entry& entry);
  // A switch got a reply that ends the command.
  void OnReply(const AccountRows& rows, const book::Command& command, const book::Reply& reply);
  // A CDR is booked, now or before.
  void OnCdr(const AccountRows& rows, const book::RecordUsage& command);
  void AtEnd(const AccountRows& rows, const std::function<bool(const std::string&)>& taken);

 private:
  // What was seen of a hold.
  struct SeenHold {
    std::string usage_id;
    absl::Time create_time;
    domain::HoldState state = domain::HoldState::kOpen;
    int32_t extension = 0;
    absl::Duration used;
    int64_t granted_seconds = 0;
    std::string settled_by;  // the usage whose CDR named it and was booked; empty: none yet
  };
  using SeenHolds = std::map<std::string, SeenHold>;  // by id

  void CheckSlots(const AccountRows& rows, const AccountWrite& write);
  void CheckGranted(const AccountRows& rows, const AccountWrite& write);
  void CheckGrantedSeconds(const AccountRows& rows, const AccountWrite& write);
  void CheckSums(const AccountRows& rows);
  void CheckHold(const domain::Hold& hold);
  void Note(const domain::Hold& hold, SeenHolds* holds);

  Scene& scene_;
  std::map<std::string, SeenHolds> accounts_;
  std::set<std::string> expired_;  // in the last write: they may have been made anew in it
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_HOLD_CHECKS_H_
