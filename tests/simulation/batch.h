// One attempt at a batch of commands, upon the model database.
//
// It follows services/ledger/engine/batch.cc: it reads rows, folds the commands
// through the domain's policy, and ends with what to write. Only the decisions are
// the product's; this glue is the simulation's own, kept small, and without what
// is about speed or about SQL.
#ifndef RESERVE_TESTS_SIMULATION_BATCH_H_
#define RESERVE_TESTS_SIMULATION_BATCH_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/ledger/book/command.h"
#include "services/ledger/domain/policy.h"
#include "tests/simulation/database.h"
#include "tests/simulation/scene.h"

namespace reserve::simulation {

// The plan of every user, and what every call costs.
const domain::Plan& ThePlan();
const domain::Rate& TheRate(const domain::Usage& usage);

class Batch {
 public:
  // With `look_up` usage ids are looked up first; else their unique key finds repeats.
  Batch(Scene* scene, const ModelDatabase& database, const domain::Context& context, bool look_up)
      : scene_(*scene), database_(database), context_(context), look_up_(look_up) {}

  // Reads what the command needs, and decides. Read now, written later.
  absl::StatusOr<book::Reply> Do(const std::string& account_id, const book::Command& command);

  bool has_writes() const;
  std::map<std::string, AccountWrite> Writes() const;
  // Recharges that a worker may take as soon as they are committed.
  std::vector<RechargeKey> DueRecharges() const;

 private:
  // An account as the commands so far leave it.
  struct Slot {
    const AccountRows* stored = nullptr;  // null: none; only valid in the step that reads
    AccountWrite write;
    bool exists = false;
    bool changed = false;
  };

  Slot& SlotOf(const std::string& account_id);
  RechargeRow* FindRecharge(Slot& slot, int64_t ordinal);
  const domain::Entry* FindUsage(const Slot& slot, const std::string& usage_id) const;
  // When the card was declined, newest first.
  std::vector<absl::Time> DeclinesOf(const domain::Card& card) const;
  void Apply(domain::Transition transition, Slot* slot);

  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::OpenAccount& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::PutUser& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::RecordUsage& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::AdjustBalance& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::RequestRecharge& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::UpdatePaymentMethod& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::ReportRecharge& command);
  absl::StatusOr<book::Reply> Handle(Slot& slot, const book::DeferRecharge& command);
  // Those that the policy decides upon the account alone.
  absl::StatusOr<book::Reply> HandleSimple(Slot& slot, const book::Command& command);

  Scene& scene_;
  const ModelDatabase& database_;
  const domain::Context context_;
  const bool look_up_;
  std::map<std::string, Slot> slots_;
};

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_BATCH_H_
