// What support may do to an account: each with the fields of its form, and how the ledger is asked,
// on trial first. Thread-safe: a table and pure functions but for the ledger's answers.
#ifndef RESERVE_CONSOLE_PAGES_SUPPORT_ACTIONS_H_
#define RESERVE_CONSOLE_PAGES_SUPPORT_ACTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/console/pages/site.h"
#include "services/console/web/visit.h"

namespace reserve::console {

// A field of an action's form; its label is the text "field_" and its name.
struct ActionField {
  enum class Kind { kText, kDay, kMoment, kChoice, kTick };
  std::string name;
  Kind kind = Kind::kText;
  bool required = true;
  std::vector<std::string> choices =
      {};  // what may be chosen; the words are "choice_" and the value
};

// What an action is asked with.
struct ActionCall {
  const Site& site;
  const Formatter& format;
  const Fields& form;
  std::string account_id;
  std::string currency;
  std::string actor;
  bool only_try;
};

struct Action {
  std::string
      name;  // as in the address; its words are the texts "act_" and "act_help_" and the name
  std::vector<ActionField> fields;
  // In a sentence, what was done or would be. Refusals are the ledger's, and INVALID_ARGUMENT at a
  // field that has no sense.
  absl::StatusOr<std::string> (*run)(const ActionCall& call);
};

// Those of an account.
const std::vector<Action>& AccountActions();
// Those of none: what the gateway told of charges that no account has.
const std::vector<Action>& OtherActions();
// Those of decks, which operations have.
const std::vector<Action>& DeckActions();

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_PAGES_SUPPORT_ACTIONS_H_
