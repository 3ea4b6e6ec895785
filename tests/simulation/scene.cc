#include "tests/simulation/scene.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace reserve::simulation {

namespace {

constexpr auto kHappenings = static_cast<size_t>(Happening::kCount);
constexpr std::array<absl::string_view, kHappenings> kNames = {
    "message lost",
    "message doubled",
    "message late",
    "crash",
    "freeze",
    "freeze for hours",
    "commit failed",
    "commit met a conflict",
    "commit met a duplicate",
    "unknown commit that was made",
    "unknown commit that was not made",
    "unknown commit that was made late",
    "retry budget spent",
    "claim lost to another ledger",
    "lease taken over",
    "report without the lease",
    "report repeated",
    "usage repeated",
    "usage id reused",
    "request repeated",
    "gateway outage",
    "charge replayed",
    "charge made, its reply lost",
    "charge decided, answered with an internal error",
    "charge refused",
    "key forgotten",
    "call timed out",
    "soft decline",
    "decline for good",
    "charge succeeded",
    "recharge needs review",
    "card replaced with an attempt in flight",
    "cap reached",
    "limit of a card's network reached",
    "account disabled",
    "an entry of the old form after one of the new",
    "refund made",
    "refund refused",
    "refund replayed",
    "refund made, its reply lost",
    "refund that failed after it was made",
    "refund made by hand",
    "refund booked back",
    "refund canceled",
    "refund needs review",
    "inquiry of a bank",
    "dispute opened",
    "dispute won",
    "dispute lost",
    "state of the gateway kept until its charge is credited",
    "state of the gateway told again",
    "state of the gateway told by who reports the charge",
    "suspension lifted",
    "dispute of a card lifted",
    "usage booked without a price",
    "usage rated later",
    "usage voided",
    "usage voided before it came",
    "void repeated",
    "voided usage sent again",
    "payment booked",
    "payment reversed",
    "account funded by payments",
    "charge booked as a payment before it was reported",
    "charge reported before it was booked as a payment",
    "dispute of a payment",
    "usage rated again",
    "credit granted",
    "credit ended",
    "account closed",
    "payout owed",
    "written off",
    "money after closing",
    "usage after closing",
    "hold created",
    "hold refused",
    "hold extended",
    "hold expired",
    "hold settled",
    "hold ended with its usage to come",
    "hold made anew",
    "usage booked from what was reported",
    "estimate replaced by its CDR",
    "credit ended but for what a hold needs",
    "allowance of another month drawn on",
    "free seconds held of two months at a time",
    "usage after a change of the calendar",
    "charge pending",
    "pending charge succeeded",
    "pending charge declined",
    "success of a pending charge told by the gateway",
    "charge pending for more than a day",
    "top-up beside a pending charge",
    "charge captured in part",
    "charge by itself after the rest of a card that paid in part",
    "refund that failed at once",
    "usage after a change of the plan",
    "usage by another version of its plan",
};

}  // namespace

absl::string_view NameOf(Happening happening) { return kNames[static_cast<size_t>(happening)]; }

Scene::Scene(uint64_t seed, Sabotage sabotage, bool telling)
    : start_(absl::FromCivil(TurnsAMonth(seed) ? absl::CivilSecond(2026, 11, 30, 23, 50, 0)
                                               : absl::CivilSecond(2026, 11, 10, 9, 0, 0),
                             absl::UTCTimeZone())),
      sabotage_(sabotage),
      telling_(telling),
      random_(seed),
      now_(start_) {}

void Scene::After(absl::Duration delay, Step step) {
  agenda_.push_back({now_ + delay, ++last_order_, std::move(step)});
  std::push_heap(agenda_.begin(), agenda_.end(), Later());
}

bool Scene::RunNext(absl::Time until) {
  if (agenda_.empty() || agenda_.front().time > until) return false;
  std::pop_heap(agenda_.begin(), agenda_.end(), Later());
  const Entry next = std::move(agenda_.back());
  agenda_.pop_back();
  now_ = next.time;
  ++step_;
  next.step();
  return true;
}

// SplitMix64: small, fast, and the same everywhere.
uint64_t Scene::Random() {
  random_ += 0x9E3779B97F4A7C15;
  uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

absl::Duration Scene::UpTo(absl::Duration longest) {
  const auto bound = static_cast<uint64_t>(absl::ToInt64Microseconds(longest)) + 1;
  return absl::Microseconds(static_cast<int64_t>(Random() % bound));
}

void Scene::EndTrouble() {
  troubled_ = false;
  Tell([] { return "the trouble is over: from here on nothing fails"; });
}

absl::Duration Scene::MessageDelay() {
  if (Fails(0.02)) {
    Count(Happening::kMessageLate);
    return UpTo(absl::Hours(1));
  }
  return UpTo(Fails(0.1) ? absl::Seconds(20) : absl::Milliseconds(100));
}

void Scene::Send(Step arrive) {
  if (Fails(0.04)) {
    Count(Happening::kMessageLost);
    Tell([] { return "  (the message is lost)"; });
    return;
  }
  if (Fails(0.03)) {
    Count(Happening::kMessageDoubled);
    Tell([] { return "  (the message will arrive twice)"; });
    After(MessageDelay(), arrive);
  }
  After(MessageDelay(), std::move(arrive));
}

void Scene::AddLine(std::string words) {
  story_.push_back(
      absl::StrFormat("step %5d  %-16s %s", step_, absl::FormatDuration(since_start()), words));
}

void Scene::Fail(absl::string_view check, std::string detail) {
  if (failed()) return;
  Tell([&] { return absl::StrCat("FAILED: ", check, ": ", detail); });
  failure_ = Failure{std::string(check), std::move(detail), step_};
}

}  // namespace reserve::simulation
