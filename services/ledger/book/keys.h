// What must be loaded before a batch of commands can be folded (fold.h).
//
//   const std::vector<AccountCommand> commands = ...;
//   const Keys keys = KeysOf(commands, context, Duplicates::kOptimistic);
#ifndef RESERVE_SERVICES_LEDGER_BOOK_KEYS_H_
#define RESERVE_SERVICES_LEDGER_BOOK_KEYS_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/ledger/book/command.h"
#include "services/ledger/domain/transition.h"

namespace reserve::book {

// (account id, user id).
using UserKey = std::pair<absl::string_view, absl::string_view>;
// (account id, usage id or request id).
using OnceKey = std::pair<absl::string_view, absl::string_view>;
// A year of a user, whose numbers stand in the chain under one key.
struct UserYear {
  absl::string_view account_id;
  absl::string_view user_id;
  int32_t year = 0;
};
// (account id, ordinal).
using RechargeKey = std::pair<std::string, int64_t>;
// (account id, ordinal, attempt).
using AttemptKey = std::tuple<std::string, int64_t, int32_t>;
// A charge of the gateway's, of which all that an account knows is needed: what was credited for
// it, and its refunds (G4, P3).
struct ChargeNeed {
  absl::string_view account_id;
  absl::string_view charge_id;
  bool disputes = false;  // also its disputes
  bool entry = false;     // also the entry that credits it
};

// A command and the account that it is for. Both belong to somebody else and must outlive
// whatever is made of them: keys, images and write sets refer to their strings.
struct AccountCommand {
  absl::string_view account_id;
  const Command* command = nullptr;
  // Whose call it is (domain::Entry::caller); empty of the ledger's own.
  absl::string_view caller = {};
  // Who does it, as that caller says, where the command itself does not name anybody
  // (domain::Event::actor); may be empty.
  absl::string_view actor = {};
};

// How usages that are booked already are found: by the unique key when they are inserted again
// (then writing is refused with ALREADY_EXISTS), or by looking them up first.
enum class Duplicates { kOptimistic, kLookUp };

struct AccountNeed {
  absl::string_view account_id;
  bool may_change = false;       // some command may change the account, so it is locked
  bool more_than_usage = false;  // some command neither records a usage nor is about a hold
  bool opens = false;            // some command opens the account
  bool closes = false;           // some command closes the account (P4)
  bool lifts = false;            // some command lifts its limits, and may lift its users' (L4)
  bool declines = false;         // some command may choose a card, by the limits of its number (G9)
};

struct Keys {
  std::vector<AccountNeed> accounts;  // each once
  std::vector<UserKey> users;
  std::vector<UserYear> number_keys;
  bool with_number_keys = false;  // they are needed at this feature level
  // With their entries, what became of them, and their users. With Duplicates::kOptimistic not
  // those that are only recorded.
  std::vector<OnceKey> usages;
  // Holds that commands name: of those that do not live, how they ended.
  std::vector<OnceKey> holds;
  // Requests, with the entry or the recharge that each of them led to.
  std::vector<OnceKey> requests;
  std::vector<RechargeKey> recharges;
  // Attempts of recharges that are reported as successes.
  std::vector<AttemptKey> successes;
  std::vector<ChargeNeed> charges;
  // (account id, the gateway's id): refunds and disputes that it tells of, of whichever charge.
  std::vector<OnceKey> told_refunds;
  std::vector<OnceKey> told_disputes;
  // (account id, reference): payments of that reference.
  std::vector<OnceKey> references;
  // Numbers whose declines are needed besides those of the accounts' cards: what commands give.
  std::vector<absl::string_view> cards;
  absl::Time declines_since;  // older ones count nowhere

  // False if the commands only ask: then no transaction is needed.
  bool may_write = false;
};

Keys KeysOf(absl::Span<const AccountCommand> commands, const domain::Context& context,
            Duplicates duplicates);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_KEYS_H_
