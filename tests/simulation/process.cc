#include "tests/simulation/process.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::simulation {

Process::Process(Scene* scene, std::string name, double fault_rate)
    : scene_(*scene), name_(std::move(name)), fault_rate_(fault_rate) {}

void Process::Start() {
  down_ = false;
  OnStart();
}

bool Process::reachable() const {
  return !down_ && (scene_.now() >= frozen_until_ || frozen_for_ <= kPingTimeout);
}

void Process::Later(absl::Duration delay, Scene::Step step) {
  scene_.After(delay, [this, life = life_, step = std::move(step)] { RunStep(life, step); });
}

void Process::RunStep(int life, const Scene::Step& step) {
  // What comes while the process is down is heard by no one: it can't crash again, nor be
  // started twice.
  if (life != life_ || down_) return;
  if (scene_.now() >= frozen_until_ && scene_.Fails(fault_rate_)) return Crash();
  if (scene_.now() >= frozen_until_ && scene_.Fails(fault_rate_ / 2)) Freeze();
  if (scene_.now() < frozen_until_) {
    scene_.After(frozen_until_ - scene_.now(), [this, life, step] { RunStep(life, step); });
    return;
  }
  if (frozen_for_ > absl::ZeroDuration()) {
    OnThaw(std::exchange(frozen_for_, absl::ZeroDuration()));
  }
  step();
}

void Process::Crash() {
  scene_.Count(Happening::kCrash);
  scene_.Tell([this] { return absl::StrCat(name_, " crashes"); });
  ++life_;
  down_ = true;
  frozen_for_ = absl::ZeroDuration();
  OnCrash();
  scene_.After(scene_.UpTo(absl::Minutes(2)), [this] {
    scene_.Tell([this] { return absl::StrCat(name_, " is started again"); });
    Start();
  });
}

void Process::Freeze() {
  // Mostly past the lease; sometimes past the lifetime of the gateway's keys.
  const bool hours = scene_.Happens(0.15);
  frozen_for_ = scene_.UpTo(hours ? absl::Hours(30) : absl::Minutes(3)) + absl::Microseconds(1);
  frozen_until_ = scene_.now() + frozen_for_;
  scene_.Count(hours ? Happening::kLongFreeze : Happening::kFreeze);
  scene_.Tell(
      [this] { return absl::StrCat(name_, " freezes for ", absl::FormatDuration(frozen_for_)); });
  OnFreeze(frozen_for_);
}

}  // namespace reserve::simulation
