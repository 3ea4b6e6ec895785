// Who tells the ledgers how refunds and disputes stand at the gateway, as a worker and `worker
// reconcile` do.
//
// While there is trouble what changes is told now and then, once or twice, at once or an hour
// late, and by messages that may be lost: so in any order, and also before the charge itself was
// reported. After the trouble all that there is is told, as is whatever changes from then on, each
// until a ledger has answered.
#ifndef RESERVE_TESTS_SIMULATION_RECONCILER_H_
#define RESERVE_TESTS_SIMULATION_RECONCILER_H_

#include <memory>
#include <string>
#include <vector>

#include "services/ledger/book/command.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

class Reconciler {
 public:
  Reconciler(Scene* scene, std::vector<SimulatedLedger*> ledgers, ModelGateway* gateway);

  // The trouble is over.
  void TellAll();
  // Is all told that was to be told?
  bool satisfied() const { return untold_ == 0; }

 private:
  struct Telling {
    std::string account_id;
    book::Command command;
    bool until_answered = false;
    bool of_page = false;
    bool done = false;
  };

  void OnNews(const std::string& account_id, const book::Command& told);
  void SendOut(const std::shared_ptr<Telling>& telling);
  void OnReply(const std::shared_ptr<Telling>& telling, const absl::Status& status);

  Scene& scene_;
  const std::vector<SimulatedLedger*> ledgers_;
  ModelGateway& gateway_;
  int untold_ = 0;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_RECONCILER_H_
