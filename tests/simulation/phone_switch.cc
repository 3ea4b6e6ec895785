#include "tests/simulation/phone_switch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

constexpr int64_t kIncarnation = 1;
constexpr absl::Duration kLongestRinging = absl::Minutes(2);
constexpr absl::Duration kShortestInterval = absl::Seconds(10);
// More than slice and grace, so that some holds end while their call goes on.
constexpr absl::Duration kLongestInterval = absl::Seconds(120);

void Ignore(const absl::StatusOr<book::Reply>&) {}

}  // namespace

absl::Duration SettleWithin(uint64_t seed) {
  constexpr absl::Duration kWithin[] = {absl::Minutes(5), absl::Minutes(20), absl::Hours(3),
                                        absl::Hours(24)};
  return kWithin[seed / 16 % std::size(kWithin)];
}

void PhoneSwitch::Place(const std::string& account_id, const domain::Usage& usage) {
  ++calls_;
  const auto call = std::make_shared<Call>();
  call->account_id = account_id;
  call->hold_id = absl::StrCat("hold-of-", usage.usage_id);
  call->usage = usage;
  book::CreateHold create;
  create.request.hold_id = call->hold_id;
  create.request.call = usage;
  create.request.call.duration = absl::ZeroDuration();
  create.request.call.start_time = scene_.now();
  create.request.switch_id = "switch";
  create.request.incarnation = kIncarnation;
  if (scene_.Happens(0.5)) create.request.slice = absl::Seconds(10 + scene_.Below(110));
  ask_(account_id, create, [this, call, create](const absl::StatusOr<book::Reply>& reply) {
    // Afterwards, perhaps when the call is over: the same once more.
    if (scene_.Fails(0.2)) {
      ++calls_;
      scene_.After(scene_.UpTo(absl::Minutes(30)), [this, call, create] {
        ask_(call->account_id, create, Ignore);
        End();
      });
    }
    if (!reply.ok() || !book::As<book::HoldReply>(*reply).hold.has_value()) return End();
    scene_.After(scene_.UpTo(kLongestRinging), [this, call] { Answer(call); });
  });
}

void PhoneSwitch::Answer(const CallPtr& call) {
  if (scene_.Happens(0.2)) {
    // It rings for long, and is kept alive meanwhile.
    book::ExtendHold rings;
    rings.hold_id = call->hold_id;
    rings.extension.number = ++call->extension;
    ask_(call->account_id, rings, Ignore);
  }
  if (scene_.Happens(0.2)) {
    // Nobody does.
    if (scene_.Happens(0.6)) Release(call, absl::ZeroDuration());
    return End();
  }
  call->usage.start_time = scene_.now();
  scene_.Tell([&] { return absl::StrCat("the call of ", call->hold_id, " is answered"); });
  TalkOn(call);
}

void PhoneSwitch::TalkOn(const CallPtr& call) {
  const absl::Duration used = scene_.now() - call->usage.start_time;
  if (scene_.Happens(0.03)) return Die(call);
  if (used >= call->usage.duration) return HangUp(call);
  if (used > absl::ZeroDuration()) Extend(call);
  if (scene_.Happens(0.03)) SendGarbledCdr(call);
  const absl::Duration interval =
      kShortestInterval + scene_.UpTo(kLongestInterval - kShortestInterval);
  scene_.After(std::min(interval, call->usage.duration - used), [this, call] { TalkOn(call); });
}

void PhoneSwitch::Extend(const CallPtr& call) {
  book::ExtendHold extend;
  extend.hold_id = call->hold_id;
  extend.extension.number = ++call->extension;
  extend.extension.used = scene_.now() - call->usage.start_time;
  if (scene_.Happens(0.7)) extend.extension.answer_time = call->usage.start_time;
  ask_(call->account_id, extend, [call](const absl::StatusOr<book::Reply>& reply) {
    if (!reply.ok()) return;
    const auto& hold = book::As<book::HoldReply>(*reply).hold;
    if (!hold.has_value() || !hold->final()) return;
    call->usage.duration = std::min(
        call->usage.duration, std::max(absl::Seconds(hold->granted_seconds), absl::Seconds(1)));
  });
}

void PhoneSwitch::HangUp(const CallPtr& call) {
  call->usage.duration = scene_.now() - call->usage.start_time;
  const double how = scene_.Uniform();
  if (how < 0.5) {
    SendCdr(call);
    return End();
  }
  if (how < 0.85) {
    Release(call, scene_.Happens(0.5) ? call->usage.duration : absl::ZeroDuration());
  }
  SendCdrLater(call, 0.7);
}

void PhoneSwitch::Die(const CallPtr& call) {
  scene_.Tell([&] { return absl::StrCat("the switch dies with ", call->hold_id); });
  call->usage.duration = scene_.now() - call->usage.start_time + scene_.UpTo(absl::Minutes(1));
  if (scene_.Happens(0.4)) {
    ++calls_;
    scene_.After(scene_.UpTo(absl::Minutes(20)), [this, call] {
      Release(call, absl::ZeroDuration(), kIncarnation + 1);
      End();
    });
  }
  SendCdrLater(call, 0.5);
}

void PhoneSwitch::Release(const CallPtr& call, absl::Duration used, int64_t before_incarnation) {
  ask_(call->account_id, book::ReleaseHold{call->hold_id, used, before_incarnation}, Ignore);
}

void PhoneSwitch::SendCdrLater(const CallPtr& call, double probability) {
  if (!scene_.Happens(probability)) return End();
  scene_.After(scene_.UpTo(2 * settle_within_), [this, call] {
    SendCdr(call);
    End();
  });
}

void PhoneSwitch::SendGarbledCdr(const CallPtr& call) {
  const auto last = last_cdrs_.find(call->account_id);
  if (last == last_cdrs_.end()) return;
  book::RecordUsage record{last->second};
  record.usage.duration += absl::Seconds(1);
  record.hold_id = call->hold_id;
  ask_(call->account_id, record, Ignore);
}

void PhoneSwitch::SendCdr(const CallPtr& call) {
  book::RecordUsage record{call->usage};
  if (scene_.Happens(0.7)) record.hold_id = call->hold_id;
  // Of a switch whose CDRs have ids of their own.
  if (!record.hold_id.empty() && scene_.Happens(0.2)) {
    record.usage.usage_id = absl::StrCat("cdr-of-", record.usage.usage_id);
  }
  ask_(call->account_id, record, [this, call, record](const absl::StatusOr<book::Reply>& reply) {
    if (reply.ok()) last_cdrs_[call->account_id] = record.usage;
    if (!scene_.Fails(0.3)) return;
    book::RecordUsage again = record;
    if (scene_.Happens(0.3)) again.usage.duration += absl::Microseconds(1);
    ask_(call->account_id, again, Ignore);
  });
}

}  // namespace reserve::simulation
