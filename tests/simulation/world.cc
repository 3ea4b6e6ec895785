#include "tests/simulation/world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/customers.h"
#include "tests/simulation/database.h"
#include "tests/simulation/gateway.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/phone_switch.h"
#include "tests/simulation/reconciler.h"
#include "tests/simulation/worker.h"

namespace reserve::simulation {
namespace {

constexpr size_t kLinesOfAReport = 40;
constexpr absl::Duration kLargestSkew = absl::Hours(1);
// After the trouble: frozen processes go on within 30 hours, keys are forgotten
// after 24, the retries of a declined card take 11, clocks are 2 apart.
constexpr absl::Duration kCalm = absl::Hours(96);

constexpr absl::Duration kNotWaitedFor = absl::Hours(27);

class World {
 public:
  World(uint64_t seed, Sabotage sabotage, bool telling)
      : scene_(seed, sabotage, telling),
        settings_(AnySettings(seed)),
        gateway_(&scene_),
        checks_(&scene_, &gateway_, settings_),
        database_(&scene_, &checks_),
        fault_rate_(0.03 * scene_.Uniform() * scene_.Uniform()),
        ledgers_{{&scene_, 1, fault_rate_, Skew(), &database_, settings_},
                 {&scene_, 2, fault_rate_, Skew(), &database_, settings_}},
        workers_{{&scene_, 1, fault_rate_, Ledgers(), &gateway_, &checks_},
                 {&scene_, 2, fault_rate_, Ledgers(), &gateway_, &checks_}},
        customers_(&scene_, seed, Ledgers(), &database_, &gateway_, &checks_),
        reconciler_(&scene_, Ledgers(), &gateway_) {}

  Result Run() {
    // Mostly short and dense; sometimes long enough for keys to be forgotten.
    const absl::Duration trouble =
        scene_.UpTo(scene_.Happens(0.75) ? absl::Minutes(30) : absl::Hours(40));
    for (SimulatedLedger& ledger : ledgers_) ledger.Start();
    for (SimulatedWorker& worker : workers_) worker.Start();
    customers_.Begin(trouble);
    if (scene_.Happens(0.5)) FinishAnUpgradeWithin(trouble);
    if (scene_.Happens(0.3)) {
      scene_.After(scene_.UpTo(trouble),
                   [this] { gateway_.GoAway(scene_.UpTo(absl::Minutes(8))); });
    }
    RunUntil(scene_.now() + trouble);
    scene_.EndTrouble();
    reconciler_.TellAll();
    const absl::Time end = scene_.now() + kCalm;
    while (!scene_.failed() && !Quiet() && scene_.RunNext(end)) {
    }
    if (!scene_.failed() && !customers_.satisfied()) {
      scene_.Fail("every command is answered in the end", "a customer still waits");
    }
    if (!scene_.failed()) checks_.AtEnd(database_);
    return {scene_.failure(), scene_.step(), scene_.happenings(), scene_.story()};
  }

 private:
  domain::Settings AnySettings(uint64_t seed) {
    domain::Settings settings;
    if (scene_.Happens(0.2)) {
      settings.currencies["USD"].max_automatic_amount_per_hour =
          (35 + scene_.Below(60)) * kNanosPerUnit;
    }
    if (scene_.Happens(0.2)) {
      settings.currencies["USD"].max_automatic_amount_per_day =
          (35 + scene_.Below(60)) * kNanosPerUnit;
    }
    if (scene_.Happens(0.3)) settings.max_declines_per_day = 1 + scene_.Below(5);
    if (scene_.Happens(0.3)) settings.max_cards_given_per_day = 1000;
    if (scene_.Happens(0.3)) settings.card_limits.mastercard_per_24_hours = 2 + scene_.Below(4);
    // Some networks bear hardly any; of the seed, so that all other chances stay what they were.
    if (seed % 16 == 15) settings.card_limits.mastercard_per_24_hours = 1;
    settings.close_grace = absl::Minutes(20) * (seed / 16 % 4);
    if (HoldsCalls(seed)) {
      settings.settle_within = SettleWithin(seed);
      settings.max_holds_per_user = 2 + static_cast<int32_t>(seed / 16 % 3);
    }
    return settings;
  }

  // Ledgers of before may serve until then; these two know both levels.
  void FinishAnUpgradeWithin(absl::Duration length) {
    database_.set_feature_level(domain::kFirstFeatureLevel);
    scene_.After(scene_.UpTo(length), [this] {
      scene_.Tell([] { return "the feature level is raised"; });
      database_.set_feature_level(domain::kNewestFeatureLevel);
    });
  }

  absl::Duration Skew() {
    if (scene_.Happens(0.4)) return absl::ZeroDuration();
    return scene_.UpTo(2 * kLargestSkew) - kLargestSkew;
  }

  std::vector<SimulatedLedger*> Ledgers() { return {&ledgers_[0], &ledgers_[1]}; }

  void RunUntil(absl::Time end) {
    while (!scene_.failed() && scene_.RunNext(end)) {
    }
  }

  // Is there nothing left to be done?
  bool Quiet() {
    if (!customers_.satisfied() || !reconciler_.satisfied()) return false;
    if (!gateway_.over()) return false;
    for (const SimulatedWorker& worker : workers_) {
      if (worker.down() || !worker.idle()) return false;
    }
    for (const auto& [account_id, rows] : database_.accounts()) {
      if (rows.in_doubt || !rows.holds.empty()) return false;
      const domain::Account& a = rows.account;
      // One that waits for a person to find something out is looked at for ever (P4), now and then;
      // one whose last hold has just ended is looked at soon.
      const bool waits = a.due.reason == domain::DueReason::kClosing &&
                         a.due.time > scene_.now() + absl::Hours(2) &&
                         a.closing.grace_until < scene_.now() - absl::Hours(2);
      if (a.due.time != absl::InfiniteFuture() && !waits) return false;
      for (const auto& [ordinal, row] : rows.recharges) {
        const domain::Recharge& recharge = row.recharge;
        if (recharge.state != domain::RechargeState::kOpen) continue;
        // One that its card's network puts off by days is as good as closed.
        if (!recharge.waits() || recharge.due_time < scene_.now() + kNotWaitedFor) return false;
      }
    }
    return true;
  }

  Scene scene_;
  const domain::Settings settings_;
  ModelGateway gateway_;
  Checks checks_;
  ModelDatabase database_;
  const double fault_rate_;
  SimulatedLedger ledgers_[2];
  SimulatedWorker workers_[2];
  Customers customers_;
  Reconciler reconciler_;
};

}  // namespace

Result Simulate(uint64_t seed, Sabotage sabotage, bool telling) {
  return World(seed, sabotage, telling).Run();
}

std::string Report(uint64_t seed, Sabotage sabotage) {
  const Result result = Simulate(seed, sabotage, /*telling=*/true);
  if (!result.failure.has_value()) return absl::StrCat("seed ", seed, " is well");
  const size_t lines = std::min(result.story.size(), kLinesOfAReport);
  return absl::StrCat("seed ", seed, " fails in step ", result.failure->step, ": \"",
                      result.failure->check, "\" does not hold: ", result.failure->detail,
                      "\nWhat happened last:\n  ",
                      absl::StrJoin(result.story.end() - static_cast<std::ptrdiff_t>(lines),
                                    result.story.end(), "\n  "),
                      "\nThe whole story: RESERVE_SIMULATION_SEED=", seed,
                      " build/release/bin/simulation_test --gtest_filter='*AskedFor*'\n");
}

}  // namespace reserve::simulation
