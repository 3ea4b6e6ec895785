// Workers, a gateway and a ledger in one thread, with every fault there is: the
// worker's decisions are real, the others are small models of what the protos
// promise. Whatever happens in whatever order, a card is charged once at most for
// an attempt, and once all is well again the recharge is settled.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/charge_key.h"
#include "worker/decide.h"

namespace reserve::worker {
namespace {

constexpr int kSeeds = 3000;
constexpr int kWorkers = 3;
constexpr int kRecharges = 4;
constexpr absl::Duration kKeyLifetime = absl::Hours(24);
constexpr absl::Duration kLease = absl::Seconds(30);
constexpr absl::Duration kChargeTimeout = absl::Seconds(5);
constexpr Nanos kAmount = 15 * kNanosPerUnit;

// What is to happen, in the order of time, then of scheduling.
class Agenda {
 public:
  absl::Duration now() const { return now_; }
  void After(absl::Duration delay, std::function<void()> event) {
    events_.push({now_ + delay, ++last_, std::move(event)});
  }
  // Runs the next event; false if there is none before `until`.
  bool RunNext(absl::Duration until) {
    if (events_.empty() || events_.top().time > until) return false;
    const Entry next = events_.top();
    events_.pop();
    now_ = next.time;
    next.event();
    return true;
  }

 private:
  struct Entry {
    absl::Duration time;
    int64_t order;
    std::function<void()> event;
    bool operator<(const Entry& other) const {
      return std::tie(time, order) > std::tie(other.time, other.order);
    }
  };
  absl::Duration now_ = absl::ZeroDuration();
  int64_t last_ = 0;
  std::priority_queue<Entry> events_;
};

// Chance, from one seed; `faulty` is turned off when the world gets well.
struct Fate {
  explicit Fate(uint32_t seed) : random(seed) {}
  double Uniform() { return std::uniform_real_distribution<double>(0, 1)(random); }
  bool Happens(double probability) { return Uniform() < probability; }
  bool Fails(double probability) { return faulty && Happens(probability); }
  absl::Duration UpTo(absl::Duration longest) { return longest * Uniform(); }
  std::mt19937 random;
  bool faulty = true;
};

// Remembers each key for its lifetime, then forgets it: a charge under it is made
// anew. Keeps count of what the cards were charged.
class ModelGateway {
 public:
  ModelGateway(Agenda* agenda, Fate* fate) : agenda_(*agenda), fate_(*fate) {}

  GatewayAnswer DoCharge(const std::string& key, const Task& task) {
    if (fate_.Fails(0.1)) return {.kind = GatewayAnswer::Kind::kOutage, .text = "before"};
    if (fate_.Fails(0.1)) return {.kind = GatewayAnswer::Kind::kNoAnswer, .text = "in use"};
    const auto stored = Find(key);
    if (stored != keys_.end()) {
      return stored->second.broken ? GatewayAnswer{.kind = GatewayAnswer::Kind::kNoAnswer}
                                   : stored->second.answer;
    }
    Stored fresh{.time = agenda_.now(),
                 .broken = fate_.Fails(0.03),
                 .answer = {.kind = GatewayAnswer::Kind::kFound,
                            .succeeded = !fate_.Happens(0.3),
                            .charge_id = absl::StrCat("ch_", ++last_charge_),
                            .amount = task.amount,
                            .currency = task.currency,
                            .card_token = task.card_token}};
    if (!fresh.answer.succeeded) fresh.answer.text = "insufficient_funds";
    // A stored internal error may have charged the card, or not.
    if (fresh.broken) fresh.answer.succeeded = fate_.Happens(0.5);
    if (fresh.answer.succeeded) ++charged_[key];
    keys_[key] = fresh;
    return fresh.broken ? GatewayAnswer{.kind = GatewayAnswer::Kind::kNoAnswer} : fresh.answer;
  }

  GatewayAnswer DoLookUp(const std::string& key) {
    if (fate_.Fails(0.1)) return {.kind = GatewayAnswer::Kind::kOutage};
    if (fate_.Fails(0.1)) return {.kind = GatewayAnswer::Kind::kNoAnswer};
    const auto stored = Find(key);
    if (stored == keys_.end()) return {.kind = GatewayAnswer::Kind::kNotFound};
    if (stored->second.broken && !stored->second.answer.succeeded) {
      return {.kind = GatewayAnswer::Kind::kNoAnswer};
    }
    return stored->second.answer;
  }

  // How often the card was charged under each key.
  const std::map<std::string, int>& charged() const { return charged_; }
  bool Broke(const std::string& key) const {
    const auto stored = keys_.find(key);
    return stored != keys_.end() && stored->second.broken;
  }

 private:
  struct Stored {
    absl::Duration time;
    bool broken = false;
    GatewayAnswer answer;
  };

  std::map<std::string, Stored>::iterator Find(const std::string& key) {
    const auto stored = keys_.find(key);
    if (stored != keys_.end() && agenda_.now() - stored->second.time >= kKeyLifetime) {
      keys_.erase(stored);
      return keys_.end();
    }
    return stored;
  }

  Agenda& agenda_;
  Fate& fate_;
  int last_charge_ = 0;
  std::map<std::string, Stored> keys_;
  std::map<std::string, int> charged_;
};

// The recharges and their leases, as recharges.proto promises.
class ModelLedger {
 public:
  enum class State { kOpen, kCredited, kFailed, kNeedsReview };
  struct Recharge {
    int64_t ordinal = 0;
    State state = State::kOpen;
    int32_t attempt = 1;
    std::optional<absl::Duration> attempt_start = {};
    absl::Duration due = {};
    int64_t epoch = 0;
    int worker = 0;
    int credits = 0;
    absl::Duration review_age = {};
  };

  ModelLedger(Agenda* agenda, Fate* fate) : agenda_(*agenda), fate_(*fate) {
    for (int i = 1; i <= kRecharges; ++i) recharges_.push_back({.ordinal = i});
  }

  // Out of reach, for everyone, for longer than keys live if it comes to the worst.
  void GoAway(absl::Duration length) { away_until_ = agenda_.now() + length; }
  bool Away() const { return agenda_.now() < away_until_ || fate_.Fails(0.1); }

  // What is due, with a new lease for `worker`.
  std::vector<std::pair<Task, HandOut>> HandOutDue(int worker) {
    std::vector<std::pair<Task, HandOut>> handed_out;
    for (Recharge& recharge : recharges_) {
      if (recharge.state != State::kOpen || recharge.due > agenda_.now()) continue;
      const bool before = recharge.attempt_start.has_value();
      if (!before) recharge.attempt_start = agenda_.now();
      recharge.due = agenda_.now() + kLease;
      recharge.worker = worker;
      handed_out.push_back({Task{.account_id = "acct",
                                 .ordinal = recharge.ordinal,
                                 .attempt = recharge.attempt,
                                 .amount = kAmount,
                                 .currency = "USD",
                                 .card_token = "pm"},
                            HandOut{.attempt_age = agenda_.now() - *recharge.attempt_start,
                                    .handed_out_before = before,
                                    .lease_epoch = ++recharge.epoch,
                                    .lease_remaining = kLease}});
    }
    return handed_out;
  }

  // True if renewed.
  bool Renew(int64_t ordinal, int64_t epoch) {
    Recharge& recharge = recharges_[ordinal - 1];
    if (recharge.state != State::kOpen || recharge.epoch != epoch) return false;
    recharge.due = agenda_.now() + kLease;
    return true;
  }

  ReportAnswer TakeReport(const Task& task, int64_t epoch, const Outcome& outcome) {
    Recharge& recharge = recharges_[task.ordinal - 1];
    if (outcome.kind == Outcome::Kind::kSucceeded) {
      if (recharge.state == State::kCredited) {
        return outcome.charge_id == charge_ids_[task.ordinal] ? ReportAnswer::kAccepted
                                                              : ReportAnswer::kRefused;
      }
      recharge.state = State::kCredited;
      ++recharge.credits;
      charge_ids_[task.ordinal] = outcome.charge_id;
      return ReportAnswer::kAccepted;
    }
    if (task.attempt < recharge.attempt) return ReportAnswer::kAccepted;
    if (recharge.state != State::kOpen || recharge.epoch != epoch) return ReportAnswer::kLeaseLost;
    if (outcome.kind == Outcome::Kind::kUnresolved) {
      recharge.state = State::kNeedsReview;
      recharge.review_age = agenda_.now() - *recharge.attempt_start;
      return ReportAnswer::kAccepted;
    }
    if (recharge.attempt == 4) {
      recharge.state = State::kFailed;
      return ReportAnswer::kAccepted;
    }
    ++recharge.attempt;
    recharge.attempt_start.reset();
    recharge.due = agenda_.now() + absl::Hours(1);
    return ReportAnswer::kAccepted;
  }

  const std::vector<Recharge>& recharges() const { return recharges_; }
  bool Settled() const {
    return std::all_of(recharges_.begin(), recharges_.end(),
                       [](const Recharge& recharge) { return recharge.state != State::kOpen; });
  }

 private:
  Agenda& agenda_;
  Fate& fate_;
  absl::Duration away_until_;
  std::vector<Recharge> recharges_;
  std::map<int64_t, std::string> charge_ids_;
};

// A worker process: its attempts are gone when it crashes, and answers to calls of
// a life before are heard by no one. Its clock has an origin of its own.
class SimulatedWorker {
 public:
  SimulatedWorker(int number, Agenda* agenda, Fate* fate, ModelGateway* gateway,
                  ModelLedger* ledger)
      : number_(number), agenda_(*agenda), fate_(*fate), gateway_(*gateway), ledger_(*ledger) {}

  void Live() {
    if (fate_.Fails(0.01)) Crash();
    // A process can be stopped for long, and go on as if nothing had happened.
    if (fate_.Fails(0.003)) stopped_until_ = agenda_.now() + fate_.UpTo(absl::Hours(30));
    if (agenda_.now() >= stopped_until_) {
      TakeHandOuts();
      for (auto& [key, held] : held_) Act(key, held);
      std::erase_if(held_, [](const auto& entry) { return entry.second.over; });
    }
    // An idle worker looks less often, for the sake of the test's own speed.
    const absl::Duration pause = held_.empty() ? absl::Minutes(1) : absl::Seconds(3);
    agenda_.After(fate_.UpTo(pause), [this] { Live(); });
  }

  // Has it forgotten a success that was never reported? Only a crash may.
  bool HoldsUnreportedSuccess() const {
    return std::any_of(held_.begin(), held_.end(), [](const auto& entry) {
      const Attempt& attempt = entry.second.attempt;
      return !attempt.done && attempt.outcome.has_value() &&
             attempt.outcome->kind == Outcome::Kind::kSucceeded;
    });
  }

 private:
  struct Held {
    Attempt attempt;
    bool calling = false;
    bool charged = false;
    bool over = false;
  };

  Moment Now() const { return agenda_.now() + absl::Hours(1000 * number_); }

  void Crash() {
    ++life_;
    held_.clear();
    stopped_until_ = agenda_.now() + fate_.UpTo(absl::Minutes(2));
  }

  void TakeHandOuts() {
    if (ledger_.Away()) return;
    for (const auto& [task, handed_out] : ledger_.HandOutDue(number_)) {
      if (fate_.Fails(0.05)) continue;  // lost on its way
      const std::string key = ChargeKey(task.account_id, task.ordinal, task.attempt);
      const auto running = held_.find(key);
      if (running == held_.end()) {
        held_[key] = Held{.attempt = BeginAttempt(task, handed_out, Now())};
      } else {
        OnHandOut(handed_out, Now(), &running->second.attempt);
      }
    }
  }

  void Act(const std::string& key, Held& held) {
    if (RenewalDue(held.attempt, Now())) Renew(&held.attempt);
    if (held.calling) return;
    const Action action = Decide(rules_, held.attempt, Now());
    if (std::holds_alternative<GiveUp>(action)) {
      held.over = true;
      EXPECT_TRUE(!held.charged || held.attempt.done) << "a success was forgotten";
    }
    if (std::holds_alternative<Charge>(action)) CallGateway(key, held, /*charge=*/true);
    if (std::holds_alternative<LookUp>(action)) CallGateway(key, held, /*charge=*/false);
    if (const auto* report = std::get_if<Report>(&action)) SendReport(held, report->outcome);
  }

  void Renew(Attempt* attempt) {
    const int64_t epoch = attempt->lease.epoch;
    if (ledger_.Away()) return OnRenewalFailed(Now(), attempt);
    if (ledger_.Renew(attempt->task.ordinal, epoch)) {
      OnRenewed(epoch, kLease, Now(), attempt);
    } else {
      OnLeaseLost(epoch, attempt);
    }
  }

  // The request may be lost, late, or its reply be lost; late means that the
  // gateway acts on it after the worker has given up waiting.
  void CallGateway(const std::string& key, Held& held, bool charge) {
    held.calling = true;
    const Task task = held.attempt.task;
    const GatewayAnswer lost{.kind = GatewayAnswer::Kind::kNoAnswer, .text = "timeout"};
    if (fate_.Fails(0.1)) return Answer(key, charge, lost, kChargeTimeout);
    if (charge && fate_.Fails(0.1)) {
      agenda_.After(fate_.UpTo(absl::Minutes(5)),
                    [this, key, task] { gateway_.DoCharge(key, task); });
      return Answer(key, charge, lost, kChargeTimeout);
    }
    const GatewayAnswer answer = charge ? gateway_.DoCharge(key, task) : gateway_.DoLookUp(key);
    if (fate_.Fails(0.15)) return Answer(key, charge, lost, kChargeTimeout);
    Answer(key, charge, answer, fate_.UpTo(kChargeTimeout));
  }

  void Answer(const std::string& key, bool charge, const GatewayAnswer& answer,
              absl::Duration delay) {
    agenda_.After(delay, [this, key, charge, answer, life = life_] {
      if (life != life_) return;
      Held& held = held_.at(key);
      held.calling = false;
      held.charged = answer.kind == GatewayAnswer::Kind::kFound && answer.succeeded;
      if (charge) {
        OnChargeAnswer(rules_, answer, Now(), fate_.Uniform(), &held.attempt);
      } else {
        OnLookUpAnswer(rules_, answer, Now(), fate_.Uniform(), &held.attempt);
      }
    });
  }

  void SendReport(Held& held, const Outcome& outcome) {
    ReportAnswer answer = ReportAnswer::kNoAnswer;
    const int64_t epoch = held.attempt.lease.epoch;
    if (!ledger_.Away()) answer = ledger_.TakeReport(held.attempt.task, epoch, outcome);
    if (fate_.Fails(0.1)) answer = ReportAnswer::kNoAnswer;
    OnReportAnswer(rules_, answer, epoch, "refused", Now(), fate_.Uniform(), &held.attempt);
  }

  const int number_;
  Agenda& agenda_;
  Fate& fate_;
  ModelGateway& gateway_;
  ModelLedger& ledger_;
  const Rules rules_{.key_lifetime = kKeyLifetime};
  int life_ = 0;
  absl::Duration stopped_until_;
  std::map<std::string, Held> held_;
};

class World {
 public:
  explicit World(uint32_t seed)
      : fate_(seed), gateway_(&agenda_, &fate_), ledger_(&agenda_, &fate_) {
    for (int i = 0; i < kWorkers; ++i) {
      workers_.push_back(
          std::make_unique<SimulatedWorker>(i, &agenda_, &fate_, &gateway_, &ledger_));
      workers_.back()->Live();
    }
    // Long enough for stopped workers to wake up with keys that are forgotten.
    trouble_ = fate_.Happens(0.9) ? fate_.UpTo(absl::Minutes(20)) : fate_.UpTo(absl::Hours(40));
    if (fate_.Happens(0.2)) {
      agenda_.After(fate_.UpTo(absl::Minutes(1)),
                    [this] { ledger_.GoAway(fate_.UpTo(absl::Hours(40))); });
    }
  }

  void Run() {
    while (agenda_.RunNext(trouble_)) {
    }
    fate_.faulty = false;
    // Broken keys are looked up until they are half forgotten, and stopped
    // processes wake up within 30 hours.
    const absl::Duration end = trouble_ + absl::Hours(120);
    while (!Done() && agenda_.RunNext(end)) {
    }
  }

  void Check() const {
    EXPECT_TRUE(ledger_.Settled()) << "a recharge was never settled";
    for (const auto& [key, times] : gateway_.charged()) {
      EXPECT_LE(times, 1) << key << " was charged more than once";
    }
    for (const ModelLedger::Recharge& recharge : ledger_.recharges()) CheckRecharge(recharge);
  }

 private:
  bool Done() const {
    return ledger_.Settled() && std::none_of(workers_.begin(), workers_.end(), [](const auto& w) {
             return w->HoldsUnreportedSuccess();
           });
  }

  void CheckRecharge(const ModelLedger::Recharge& recharge) const {
    int charged = 0;
    bool broke = false;
    for (int32_t attempt = 1; attempt <= recharge.attempt; ++attempt) {
      const std::string key = ChargeKey("acct", recharge.ordinal, attempt);
      const auto found = gateway_.charged().find(key);
      if (found != gateway_.charged().end()) charged += found->second;
      broke = broke || gateway_.Broke(key);
    }
    EXPECT_LE(charged, 1) << "the recharge was charged more than once";
    switch (recharge.state) {
      case ModelLedger::State::kCredited:
        EXPECT_EQ(charged, 1);
        EXPECT_EQ(recharge.credits, 1);
        break;
      case ModelLedger::State::kFailed:
        EXPECT_EQ(charged, 0) << "charged, but not credited";
        break;
      case ModelLedger::State::kNeedsReview:
        EXPECT_GE(recharge.review_age, kKeyLifetime / 2) << "given to a person too early";
        break;
      case ModelLedger::State::kOpen:
        break;
    }
  }

  Agenda agenda_;
  Fate fate_;
  ModelGateway gateway_;
  ModelLedger ledger_;
  std::vector<std::unique_ptr<SimulatedWorker>> workers_;
  absl::Duration trouble_;
};

TEST(DecideSimulationTest, WhateverFailsACardIsChargedOnceAndTheRechargeIsSettled) {
  for (uint32_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    World world(seed);
    world.Run();
    world.Check();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace reserve::worker
