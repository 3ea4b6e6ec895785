// A worker process: the product's decisions (worker/decide.h), and a loop that does
// what they say by messages.
//
// It follows worker/recharge_loop.cc. Each call ends with an answer or a time-out,
// and whatever comes later is heard by no one; a request may arrive long after the
// worker has stopped waiting for it. Its monotonic clock has an origin of its own.
#ifndef RESERVE_TESTS_SIMULATION_WORKER_H_
#define RESERVE_TESTS_SIMULATION_WORKER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/process.h"
#include "worker/decide.h"

namespace reserve::simulation {

class SimulatedWorker : public Process {
 public:
  SimulatedWorker(Scene* scene, int number, double fault_rate,
                  std::vector<SimulatedLedger*> ledgers, ModelGateway* gateway, Checks* checks);

  bool idle() const { return works_.empty(); }

 private:
  struct Work {
    worker::Attempt attempt;
    bool calling = false;
    bool renewing = false;
    int64_t call = 0;  // the number of the call that is waited for
    int64_t renewal = 0;
    absl::Time wake = absl::InfiniteFuture();  // when the loop will look at it
  };

  void OnStart() override;
  void OnCrash() override;
  void OnThaw(absl::Duration length) override;

  worker::Moment Now() { return scene().now() - origin_; }
  SimulatedLedger* AnyLedger();

  void OpenStream();
  void OnStreamEnd(int64_t stream);
  void TakeHandOut(int64_t stream, const worker::Task& task, const worker::HandOut& handed_out);
  std::string KeyOf(const worker::Task& task, int64_t epoch);

  // Looks at one attempt, and does what is to be done.
  void Act(const std::string& key);
  void ActAfter(const std::string& key, worker::Moment moment);
  void StartRenewal(const std::string& key, Work* work);
  void OnRenewal(const std::string& key, int64_t epoch, worker::Moment requested,
                 const absl::StatusOr<absl::Duration>& remaining);
  // Sends the charge or the refund, or looks it up.
  void StartGatewayCall(const std::string& key, Work* work, bool send);
  void AskGateway(const std::string& key, const worker::Task& task, bool send,
                  const ModelGateway::Done& done);
  void OnGateway(const std::string& key, bool send, const worker::GatewayAnswer& answer);
  // Does what a sabotage asks for; true if that was another attempt.
  bool Spoil(const std::string& key, const worker::GatewayAnswer& answer);
  void StartTell(const std::string& key, Work* work, const worker::GatewayState& state);
  void OnTold(const std::string& key, const absl::Status& status);
  void StartReport(const std::string& key, Work* work, const worker::Outcome& outcome);
  void OnReport(const std::string& key, int64_t epoch, const absl::Status& status);
  // The work whose call of that number is waited for; null if none.
  Work* Waiting(const std::string& key, int64_t call);

  const std::vector<SimulatedLedger*> ledgers_;
  ModelGateway& gateway_;
  Checks& checks_;
  const absl::Time origin_;
  int64_t last_number_ = 0;  // of streams and calls, over all lives
  int64_t stream_ = 0;
  SimulatedLedger* watched_ = nullptr;
  std::map<std::string, Work> works_;  // by the attempt's key
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_WORKER_H_
