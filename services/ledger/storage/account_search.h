// Accounts that a person looks for: in a state, low, with a failing card, under review; those that
// have a usage of some id; and those that called some number.
//
// But for the ids no index serves them, as each of these columns is written when an account turns
// from one to another, or with each usage, and an index would cost every such write: a page looks
// at a bounded number of accounts, or of entries.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_SEARCH_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_SEARCH_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Accounts that one page looks at, at the most.
inline constexpr int kAccountsLookedAt = 5'000;

// Which accounts; all by default.
struct AccountFilter {
  std::optional<domain::AccountState> state = std::nullopt;
  bool low_balance = false;   // the running balance is below the recharge threshold
  bool card_failing = false;  // a card is FAILING or REFUSED
  bool under_review = false;  // a recharge is set aside
  std::string usage_id = {};  // a usage of that id is booked; by the index, and alone

  friend bool operator==(const AccountFilter&, const AccountFilter&) = default;
};

struct FoundAccounts {
  std::vector<domain::Account> accounts;
  // The id of the last that was looked at, with fewer than were asked for; empty if all were.
  std::string searched_until;
};

// Those after that id, by id, the first `limit` to which all of the filter applies.
absl::StatusOr<FoundAccounts> SearchAccounts(Connection& connection, const AccountFilter& filter,
                                             absl::string_view after, int limit);

// Entries that one page of a search by number looks at, at the most.
inline constexpr int kEntriesLookedAt = 50'000;

// A place in the order of bookings, which is that of time and, of a moment, of accounts; by default
// behind all.
struct BookingPlace {
  absl::Time record_time = absl::FromUnixSeconds(253'402'214'400);  // the last day of year 9999
  std::string account_id = {};

  friend bool operator==(const BookingPlace&, const BookingPlace&) = default;
};

struct FoundByNumber {
  std::vector<domain::Account> accounts;  // each once, by its newest booking there
  // Where the search goes on; nothing if it came to the end.
  std::optional<BookingPlace> looked_to;
};

// Of the bookings before that place the newest ones, `most_entries` of whatever kind: up to `limit`
// accounts whose usages among them went to the destination, as that is kept (destination.h).
absl::StatusOr<FoundByNumber> SearchByNumber(Connection& connection, absl::string_view destination,
                                             const BookingPlace& before, int limit,
                                             int most_entries = kEntriesLookedAt);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ACCOUNT_SEARCH_H_
