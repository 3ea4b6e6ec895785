// A second reading of the rules of the reserve, to hold the policy against.
//
// It remembers facts where the policy keeps totals: the caps are counted over the
// successes of the day, the allowance over the calls that drew on it, and all
// arithmetic is in exact fractions of 128 bits. It shares plain values
// (plans, rates, usages) with the domain and no code. Not thread-safe.
//
//   Model model(settings);
//   model.Open("fp_visa", now);
//   Step step = model.Record("ann", usage, &rate, now);
//   // step.outcome and model.balance() must be what the policy says.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_
#define RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/ledger/domain/policy.h"

namespace reserve::domain {

// What a command came to.
enum class Outcome {
  kApplied,
  kUnchanged,  // accepted, and nothing to write
  kRefused,
  kNothing,  // unchanged or refused, the rules leave it open; nothing is written
};

struct Step {
  Outcome outcome = Outcome::kApplied;
  std::string reason;               // of a refusal
  std::map<EventKind, int> events;  // how many of each kind
};

// What a usage should cost.
struct ModelRating {
  bool no_rate = false;
  int64_t free_taken = 0;
  int64_t paid = 0;
  __int128 cost = 0;
};

struct ModelRecharge {
  RechargeKind kind = RechargeKind::kInitial;
  RechargeState state = RechargeState::kOpen;
  __int128 amount = 0;
  std::string fingerprint;
  int attempt = 1;
  bool handed_out = false;        // this attempt
  int soft_declines = 0;          // of the pinned card
  std::optional<absl::Time> due;  // unset: a lease decides
  std::string charge_id;
  int success_day = 0;  // the UTC day on which it succeeded
};

class Model {
 public:
  explicit Model(const Settings& settings) : settings_(settings) {}

  // An empty fingerprint: without a card.
  Step Open(const std::string& fingerprint, absl::Time now);
  Step PutUser(const std::string& user_id, const Plan& plan, absl::Time now);
  Step Record(const std::string& user_id, const Usage& usage, const Rate* rate, absl::Time now);
  Step ChangeSettings(std::optional<Nanos> reserve_amount, std::optional<Nanos> threshold,
                      absl::Time now);
  Step GiveCard(const std::string& fingerprint, absl::Time now);
  Step Adjust(Nanos amount, absl::Time now);
  Step TopUp(std::optional<Nanos> amount, absl::Time now);
  Step Report(int64_t ordinal, const ChargeOutcome& outcome, bool lease_is_current, absl::Time now);
  Step Block(absl::Time now);
  Step Unblock(absl::Time now);
  Step Reconsider(absl::Time now);
  Step Hold(absl::Time now);
  void HandOut();

  // The rules of C2 to C7 and S1 in exact fractions.
  ModelRating RateIt(const std::string& user_id, const Usage& usage, const Rate* rate) const;
  Decision Authorize(const std::string& user_id, const Usage& usage, const Rate* rate) const;
  int64_t FreeLeft(const std::string& user_id, absl::Time start) const;
  // May a call last `seconds` (on the grid of increments) on allowance and balance?
  bool Affords(const std::string& user_id, const Usage& usage, const Rate& rate,
               int64_t seconds) const;

  __int128 balance() const;
  AccountState state() const { return state_; }
  CardState card_state() const { return card_state_; }
  const std::string& fingerprint() const { return fingerprint_; }
  int64_t open_ordinal() const;
  bool blocked() const { return blocked_; }
  // The day on which a recharge is refused for a cap, or 0.
  int refused_day() const { return refused_day_; }
  Nanos reserve_amount() const { return reserve_amount_; }
  Nanos threshold() const { return threshold_; }
  const std::vector<ModelRecharge>& recharges() const { return recharges_; }

 private:
  // A call that drew on the allowance.
  struct Draw {
    int month = 0;
    int64_t seconds = 0;
  };
  struct Person {
    Plan plan;
    std::vector<Draw> draws;
  };

  ModelRecharge& at(int64_t ordinal) { return recharges_[static_cast<size_t>(ordinal - 1)]; }
  void OpenRecharge(RechargeKind kind, __int128 amount, absl::Time now, Step* step);
  bool CapForbids(__int128 amount, int day) const;
  // May a card (of no known network) be tried at that time?
  bool MayBeTried(const std::string& fingerprint, absl::Time time) const;
  // The first time from then on at which it may.
  absl::Time FirstTry(const std::string& fingerprint, absl::Time from) const;
  void MoveToCurrentCard(ModelRecharge* recharge, absl::Time now);
  Step ReportSuccess(ModelRecharge* recharge, const ChargeOutcome& outcome, absl::Time now);
  Step ReportDecline(ModelRecharge* recharge, const ChargeOutcome& outcome, absl::Time now);
  // What every applied command ends with.
  Step Finish(Step step, absl::Time now);

  const Settings settings_;
  __int128 balance_ = 0;
  AccountState state_ = AccountState::kPendingFunding;
  CardState card_state_ = CardState::kNone;
  std::string fingerprint_;
  bool blocked_ = false;
  int refused_day_ = 0;
  std::set<int> told_days_;  // on which a cap was reported
  bool was_low_ = false;     // after the command before
  Nanos reserve_amount_ = 0;
  Nanos threshold_ = 0;
  std::vector<ModelRecharge> recharges_;
  std::map<std::string, Person> people_;
  std::vector<std::pair<std::string, absl::Time>> declines_;  // of fingerprints
};

}  // namespace reserve::domain

#endif  // RESERVE_TESTS_SERVICES_LEDGER_DOMAIN_MODEL_H_
