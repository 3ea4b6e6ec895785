// A telephony switch, which has the calls of some customers held for while they last.
//
// It rings, extends as the call goes on, reports what was used in all, ends the call where nothing
// more is granted, and sends the CDR: at once, or after it has released the hold, or long after, or
// never, as it may also die in the middle of a call and not say a word.
#ifndef RESERVE_TESTS_SIMULATION_PHONE_SWITCH_H_
#define RESERVE_TESTS_SIMULATION_PHONE_SWITCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/ledger/book/command.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

// Are calls held for in the story of this seed? Only then chance is asked about them.
inline bool HoldsCalls(uint64_t seed) { return seed % 4 == 1; }

// After how long a usage is booked from what was reported, in the story of this seed.
absl::Duration SettleWithin(uint64_t seed);

class PhoneSwitch {
 public:
  using Heard = std::function<void(const absl::StatusOr<book::Reply>&)>;
  // Sends a command until it is answered, once for each call of it.
  using Ask =
      std::function<void(const std::string& account_id, book::Command command, Heard heard)>;

  PhoneSwitch(Scene* scene, absl::Duration settle_within, Ask ask)
      : scene_(*scene), settle_within_(settle_within), ask_(std::move(ask)) {}

  // `usage` is what the call will have been, if it gets that far.
  void Place(const std::string& account_id, const domain::Usage& usage);
  // Is every call over, and each CDR sent that is sent at all?
  bool idle() const { return calls_ == 0; }

 private:
  struct Call {
    std::string account_id;
    std::string hold_id;
    domain::Usage usage;  // with the time of the answer, and as long as it may be
    int32_t extension = 0;
  };
  using CallPtr = std::shared_ptr<Call>;

  void Answer(const CallPtr& call);
  void TalkOn(const CallPtr& call);
  void Extend(const CallPtr& call);
  void HangUp(const CallPtr& call);
  void Die(const CallPtr& call);
  void Release(const CallPtr& call, absl::Duration used, int64_t before_incarnation = 0);
  void SendCdr(const CallPtr& call);
  // By a fault of the switch: the CDR of another call, with another content, that names this hold.
  void SendGarbledCdr(const CallPtr& call);
  // The CDR comes late, or never.
  void SendCdrLater(const CallPtr& call, double probability);
  void End() { --calls_; }

  Scene& scene_;
  const absl::Duration settle_within_;
  const Ask ask_;
  int calls_ = 0;
  std::map<std::string, domain::Usage> last_cdrs_;  // that were booked, by account
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_PHONE_SWITCH_H_
