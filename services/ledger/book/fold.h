// The fold of a batch: (what was loaded, commands, now) -> replies and what to write.
//
// Pure: no I/O, no clock, no chance (new keys of numbers come with the image), no threads. The
// policy (domain/policy.h) decides about one account; the fold leads each command to its account,
// its user, its plan and its rate, lets later commands of a batch see what earlier ones did, finds
// repeats, and chains the entries. The simulation runs this very fold against a model of the
// database.
//
//   const Keys keys = KeysOf(commands, context, Duplicates::kOptimistic);
//   Image image = ...;                       // loaded for the keys
//   Folded folded = Fold(context, catalog, commands, &image);
//   if (folded.must_read) ...                // read what was only remembered, and again
//   ...                                      // load those of RefusedUsages() into the image
//   AnswerRepeats(commands, image, &folded);
//   ... write folded.writes, commit, give out folded.replies ...
#ifndef RESERVE_SERVICES_LEDGER_BOOK_FOLD_H_
#define RESERVE_SERVICES_LEDGER_BOOK_FOLD_H_

#include <array>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/ledger/book/catalog.h"
#include "services/ledger/book/command.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/book/write_set.h"
#include "services/ledger/domain/policy.h"

namespace reserve::book {

struct Folded {
  std::vector<absl::StatusOr<Reply>> replies;  // in the order of the commands
  WriteSet writes;
  // Recharges that a worker can take once this is committed.
  std::vector<RechargeKey> due_recharges;
  // Usages that turned out to be booked already.
  int duplicates = 0;
  // Usages that were booked without a price.
  int unrated = 0;
  // Emergency calls that no account was there to book (C10).
  int unbooked_emergencies = 0;
  // Usages of accounts that are closed, or give back what is left (P4).
  int after_closing = 0;
  // Limits on spending that were reached now, by window (L4), and what was refused for a limit, by
  // its kind (L3).
  std::array<int, domain::kSpendWindows> limits_reached = {};
  std::array<int, domain::kLimitKinds> limit_refusals = {};
  // The earliest start of a usage that began later than the timeline is known (K2).
  absl::Time unknown_start = absl::InfiniteFuture();
  // A usage found no rate, or a user no plan, in the catalog: the catalog may be an old one.
  bool missed_rate = false;
  bool missed_plan = false;
  // Accounts with a new user: usage of that user may wait for it, UNRATED.
  std::vector<std::string> with_new_users;
  // A refusal rests on an account that was remembered and not read: nothing of this holds.
  bool must_read = false;
};

// Folds commands in their order. A refusal of one is its reply and concerns no other. `image` was
// loaded for KeysOf(commands); it is as written afterwards, and must outlive the write set.
Folded Fold(const domain::Context& context, const Catalog& catalog,
            absl::Span<const AccountCommand> commands, Image* image);

// Usages that were refused without having been looked up. A refused usage never reaches the
// unique key, but it may be the repeat of one that was booked when nothing stood against it: what
// is stored comes first (U2).
std::vector<OnceKey> RefusedUsages(absl::Span<const AccountCommand> commands, const Folded& folded,
                                   const Image& image);
// Answers those of them that are booked, once they were loaded into the image.
void AnswerRepeats(absl::Span<const AccountCommand> commands, const Image& image, Folded* folded);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_FOLD_H_
