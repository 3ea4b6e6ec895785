// A process that crashes, is frozen and comes back, as the scene's chance has it.
//
// Everything a process does is a step put on the agenda by Later(). Before each of
// them the process may crash, which loses its memory and its steps, or freeze (a
// SIGSTOP, a paused machine), after which it goes on where it was, not knowing.
#ifndef RESERVE_TESTS_SIMULATION_PROCESS_H_
#define RESERVE_TESTS_SIMULATION_PROCESS_H_

#include <string>

#include "absl/time/time.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

// How long a peer may stand still until the other end's pings give it up.
inline constexpr absl::Duration kPingTimeout = absl::Seconds(40);

class Process {
 public:
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Start();
  bool down() const { return down_; }
  // Does a message to it arrive, if only after a short freeze? A peer that stands
  // still for longer is given up by the pings of the other end.
  bool reachable() const;
  const std::string& name() const { return name_; }

 protected:
  // `fault_rate` is the chance of a crash before a step; of a freeze it is half.
  Process(Scene* scene, std::string name, double fault_rate);

  // Runs `step` after `delay`, if this life of the process lasts that long.
  void Later(absl::Duration delay, Scene::Step step);
  Scene& scene() { return scene_; }

  virtual void OnStart() = 0;
  // Everything in memory is gone.
  virtual void OnCrash() = 0;
  // It begins to stand still, for that long.
  virtual void OnFreeze(absl::Duration /*length*/) {}
  // It stood still for that long, and is about to go on.
  virtual void OnThaw(absl::Duration /*length*/) {}

 private:
  void RunStep(int life, const Scene::Step& step);
  void Crash();
  void Freeze();

  Scene& scene_;
  const std::string name_;
  const double fault_rate_;
  bool down_ = true;
  int life_ = 0;
  absl::Time frozen_until_ = absl::InfinitePast();
  absl::Duration frozen_for_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_PROCESS_H_
