// A ledger process upon the model database: one lane, a dispatcher, a housekeeper.
//
// What it decides and writes is the product's own fold (services/ledger/book). Around it, it
// follows the protocol of services/ledger/engine (lane.cc, recharge_dispatcher.cc): read, decide,
// commit, answer are steps of their own; a conflict runs the batch again; a commit without an
// answer runs it again with the keys looked up; a claim is a conditional update, and handed out
// only once its commit is known. It leaves out what concerns speed: several lanes, remembered
// accounts, and how much room each worker has.
//
// Its clock is wrong by as much as it was made with.
#ifndef RESERVE_TESTS_SIMULATION_LEDGER_H_
#define RESERVE_TESTS_SIMULATION_LEDGER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/book/command.h"
#include "services/ledger/book/fold.h"
#include "tests/simulation/database.h"
#include "tests/simulation/process.h"
#include "worker/decide.h"

namespace reserve::simulation {

// What a user's allowance has.
constexpr int64_t kFreeSeconds = int64_t{20} * 60;

// A worker's stream of hand-outs.
struct Watcher {
  std::function<void(const worker::Task&, const worker::HandOut&)> on_hand_out;
  std::function<void()> on_end;
};

class SimulatedLedger : public Process {
 public:
  using Done = std::function<void(const absl::StatusOr<book::Reply>&)>;
  using Renewed = std::function<void(const absl::StatusOr<absl::Duration>&)>;

  SimulatedLedger(Scene* scene, int number, double fault_rate, absl::Duration skew,
                  ModelDatabase* database, const domain::Settings& settings);

  // Messages arrive. `done` is told once, or never if the process crashes first.
  void Submit(const std::string& account_id, const book::Command& command, Done done);
  void Renew(const RechargeKey& key, const std::string& owner, int64_t epoch, Renewed done);

  // A stream is opened, under an id of its own; false if nobody is there.
  bool Watch(const std::string& worker_id, int64_t stream, Watcher watcher);
  void StopWatching(const std::string& worker_id, int64_t stream);

 private:
  struct Waiting {
    std::string account_id;
    book::Command command;
    Done done;
  };
  // Commands that are tried together until they are done.
  struct Round {
    std::vector<Waiting> tasks;
    bool look_up = false;
    absl::Time give_up;
  };
  // One try of a round: what was loaded, and what the fold came to.
  struct Attempt {
    std::vector<book::AccountCommand> commands;
    std::deque<book::Command> altered;  // by a sabotage
    book::Image image;
    RechargeVersions versions;
    book::Folded folded;
  };
  struct Stream {
    int64_t id = 0;
    Watcher watcher;
  };
  struct Claim {
    domain::Recharge recharge;
    std::string worker_id;
    bool before = false;
  };

  void OnStart() override;
  void OnCrash() override;
  void OnFreeze(absl::Duration length) override;

  absl::Time Clock() { return scene().now() + skew_; }
  void EndStreams();

  // The lane.
  void TakeQueued();
  void Try(const std::shared_ptr<Round>& round);
  // As it was when it was read last: not long ago.
  int FeatureLevel();
  // What the sabotages change in what the fold is given.
  void Spoil(Attempt* attempt);
  void SpoilTold(const book::AccountCommand& command, book::Image* image);
  void CountLoaded(const Attempt& attempt);
  void CountReplies(const book::Folded& folded);
  void CountTold(const Attempt& attempt);
  Transaction WritesOf(const Round& round, const Attempt& attempt);
  static void NoteWhatTakesBack(const Round& round, const Attempt& attempt, Transaction* writes);
  void Commit(const std::shared_ptr<Round>& round, const std::shared_ptr<Attempt>& attempt);
  void Retry(const std::shared_ptr<Round>& round);
  void Finish(const std::shared_ptr<Round>& round,
              const std::vector<absl::StatusOr<book::Reply>>& replies);
  void Fail(const std::shared_ptr<Round>& round, const absl::Status& status);

  // The dispatcher and the housekeeper.
  void Announce(const std::vector<RechargeKey>& keys);
  void Poll();
  void WakeForNextPoll();
  absl::Duration UntilSomethingIsDue();
  void LookAfterAccounts();
  void Dispatch(const std::vector<RechargeKey>& announced, bool poll);
  void CommitClaims(std::vector<Claim> claims, absl::Time now);
  void Deliver(const std::vector<Claim>& claims, absl::Time now);

  const absl::Duration skew_;
  ModelDatabase& database_;
  const domain::Settings& settings_;
  std::deque<Waiting> queue_;
  bool busy_ = false;
  int feature_level_ = 0;
  absl::Time feature_level_read_ = absl::InfinitePast();
  std::map<std::string, Stream> streams_;  // by worker
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_LEDGER_H_
