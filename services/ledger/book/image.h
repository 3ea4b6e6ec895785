// What was loaded for a batch of commands: the accounts, and what belongs to them. The fold
// (fold.h) moves it forward in place, so that nothing is copied, and the write set refers to it.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_IMAGE_H_
#define RESERVE_SERVICES_LEDGER_BOOK_IMAGE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/transition.h"
#include "services/ledger/domain/unplaced_state.h"
#include "services/ledger/domain/usage_state.h"

namespace reserve::book {

// The key of a user's numbers of a year.
struct KnownNumberKey {
  std::string user_id;
  int32_t year = 0;
  domain::NumberKey key{};
  bool stored = false;  // else it was made for this batch, and is stored with what first needs it
};

// An account, some of its users, and where its balance stood then. It is more than a transaction
// needs once: a lane keeps it from one to the next (engine/account_cache.h).
struct KnownAccount {
  int64_t version = 0;   // of the account but for its balance, and of its users
  int64_t revision = 0;  // of its balance, last seq, head and month
  domain::EntryHash head{};
  int32_t month = 0;       // that entries are being added to (month_span.h)
  int32_t last_month = 0;  // that of the last entry, if it was booked here
  domain::Account account;
  std::vector<domain::User> users;
  std::vector<KnownNumberKey> number_keys;  // some of them
  std::vector<domain::Hold> holds;          // all that live (H1), in no particular order
  size_t place = 0;  // a hint of where the cache keeps it, for the cache alone
};

struct AccountImage {
  // Never null once loaded. Before that null, or what was remembered: it counts if it is of the
  // version that is read, or, unread, if `remembered` is set.
  std::unique_ptr<KnownAccount> known;
  bool remembered = false;  // not read: whoever writes it must check that it is still so
  bool exists = false;
  bool declines_known = false;  // Image::declines has those of its cards
  bool closing_known = false;   // the image has what counts towards its closing (P4)

  // What the fold has changed.
  bool is_new = false;
  bool balance_changed = false;
  bool rest_changed = false;  // of the account's own row
  bool cards_changed = false;
  std::vector<domain::PaymentMethod> removed_cards;
  std::vector<size_t> changed_users;  // places in known->users
  // The same, with the period of the allowance.
  std::vector<std::pair<size_t, int32_t>> changed_allowances;

  bool holds_changed = false;
  bool metered = false;  // what is spent is counted, and has changed (L2)

  // The live hold of that id, or null.
  const domain::Hold* FindHold(absl::string_view hold_id) const;
  // The key, if it is among those that are known.
  KnownNumberKey* FindNumberKey(absl::string_view user_id, int32_t year) const;

  bool users_changed() const { return !changed_users.empty() || !changed_allowances.empty(); }
  domain::Account& account() { return known->account; }
  const domain::Account& account() const { return known->account; }
};

// A hold that does not live as it was loaded, or any that the fold has changed.
struct HoldImage {
  domain::Hold hold;
  bool changed = false;  // by the fold
};

struct RechargeImage {
  domain::Recharge recharge;
  bool changed = false;  // by the fold
};

struct DisputeImage {
  domain::Dispute dispute;
  bool changed = false;  // by the fold
};

struct UnplacedImage {
  domain::UnplacedState state;
  bool applied = false;  // by the fold
};

// What was booked under a caller's request id.
struct RequestRecord {
  std::string account_id;
  std::string request_id;
  std::string digest;   // of its content
  int64_t seq = 0;      // of the entry, or 0
  int32_t month = 0;    // of the entry (month_span.h), or 0
  int64_t ordinal = 0;  // of the recharge or refund, or the number in a card's id, or 0
};

struct RequestImage {
  RequestRecord record;
  std::optional<domain::Entry> entry;  // that it booked
};

// What became of a usage after it was booked.
struct UsageStateImage {
  domain::UsageState state;
  bool changed = false;  // by the fold
};

using domain::DeclinesByCard;

struct Image {
  // One for each of the keys' accounts.
  absl::flat_hash_map<absl::string_view, AccountImage> accounts;
  // Refunds are among them, each with the recharge or payment that it is of; and what was credited
  // as a payment, with that.
  absl::flat_hash_map<RechargeKey, RechargeImage> recharges;
  absl::flat_hash_map<std::pair<std::string, std::string>, DisputeImage> disputes;  // by its id
  // What the gateway told of the keys' charges while no account had them: of each charge the
  // refunds first. Nothing is added to it once it is loaded.
  std::vector<UnplacedImage> unplaced;
  absl::flat_hash_map<OnceKey, RequestImage> requests;
  // The entries that credited recharges and payments, of those that are asked for.
  absl::flat_hash_map<RechargeKey, domain::Entry> credits;
  DeclinesByCard declines;
  // To which numbers earlier attempts of recharges were sent, as far as they are needed: each was
  // declined.
  absl::flat_hash_map<AttemptKey, std::string> earlier_numbers;

  // Holds that ended, of those that commands name, and whatever the fold changes. By (account id,
  // hold id).
  absl::flat_hash_map<std::pair<std::string, std::string>, HoldImage> holds;

  // The entries of usages that are booked. A deque, as they are referred to while more come.
  std::deque<domain::Entry> booked;
  absl::flat_hash_map<OnceKey, const domain::Entry*> usages;
  // Of those of which there is more to say than their entry does. By (account id, usage id).
  absl::flat_hash_map<std::pair<std::string, std::string>, UsageStateImage> usage_states;

  // Usages that are archived (U8), with the entry of each. By (account id, usage id).
  absl::flat_hash_map<std::pair<std::string, std::string>, int64_t> archived;

  // The entry of an archived usage; 0: it is none.
  int64_t ArchivedAs(absl::string_view account_id, absl::string_view usage_id) const;
  // Takes up the entry of a usage that is booked.
  void AddBooked(domain::Entry&& entry) {
    const domain::Entry& kept = booked.emplace_back(std::move(entry));
    usages.insert_or_assign(OnceKey(kept.account_id, UsageIdOf(kept)), &kept);
  }
  // A usage as it stands; `entry` is as `usages` has it.
  domain::UsageState StateOf(const domain::Entry& entry) const;
  // The hold of that id, live or not, or null.
  const domain::Hold* FindHold(absl::string_view account_id, absl::string_view hold_id) const;
};

// Must the open recharge of this account be loaded? Usage leaves one that is in flight, or about
// to be, as it is; one that waits follows every command (G1).
inline bool NeedsOpenRecharge(const AccountNeed& need, const AccountImage& image) {
  return need.may_change && image.exists && image.account().open_ordinal != 0 &&
         (need.more_than_usage || image.account().open_waits);
}

// Must what counts towards the closing of this account be loaded (P4)? Its unrated usages, and of
// its recharges all that domain::ClosingRows is to have. It comes after the other recharges, and
// takes the place of none that is there.
inline bool NeedsClosing(const AccountNeed& need, const AccountImage& image) {
  return need.may_change && need.more_than_usage && image.exists &&
         (need.closes || image.account().state == domain::AccountState::kClosing);
}

// Must all users of this account be loaded whose limits were reached (L4)?
inline bool NeedsRinging(const AccountNeed& need, const AccountImage& image) {
  return need.lifts && image.exists && (image.account().alarm.reached & domain::kUsersBit) != 0;
}

// What else must be loaded once the recharges are: what refunds give back, what recharges were
// credited as, and the disputes of charges that they may change (P3).
struct FurtherNeed {
  std::vector<RechargeKey> recharges;
  std::vector<ChargeNeed> disputes;
};
FurtherNeed NeedsFurther(const Keys& keys, const Image& image);

// The refunds and disputes that the gateway tells of, of whichever charge, and those that it told
// of while no account had the charge: asked once the latter are loaded.
struct ToldNeed {
  std::vector<OnceKey> refunds;
  std::vector<OnceKey> disputes;
};
ToldNeed NeedsTold(const Keys& keys, const Image& image);

// The attempts whose numbers must be loaded, by the recharges that were: of a success that comes so
// late that another attempt was made since (G4).
std::vector<AttemptKey> NeedsEarlierNumbers(const Keys& keys, const Image& image);

// The holds that commands name and that do not live: they may have ended.
std::vector<OnceKey> NeedsEndedHolds(const Keys& keys, const Image& image);
// The usages of holds that ended with nothing reported: where they are booked by now, no late
// report makes the hold live again (H5). Asked once those holds are loaded.
std::vector<OnceKey> UsagesOfEndedHolds(const Image& image);
// Whose allowances the holds of these accounts may move.
std::vector<UserKey> UsersOfHolds(const Keys& keys, const Image& image);

// What must be loaded beside usages that were: their users, and the keys of their numbers, as
// whoever rates one books its number again.
std::vector<UserKey> UsersOfBooked(const Image& image);
std::vector<UserYear> NumberKeysOfBooked(const Keys& keys, const Image& image);

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_IMAGE_H_
