// Rows of entries, usage ids and request ids: what is only ever added.
//
// Functions that write must run inside a transaction of the caller. A vector may
// be empty; then nothing is sent. At most 1,000 keys a call.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ENTRY_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ENTRY_ROWS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/keys.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// Adds the usage ids of entries that book a usage, or void one in advance, and after them the
// entries.
// ALREADY_EXISTS if a usage id is taken.
absl::Status InsertEntries(Connection& connection, std::vector<const domain::Entry*> entries);

// A usage whose entry left with its month (archive_rows.h).
struct ArchivedUsage {
  std::string account_id;
  std::string usage_id;
  int64_t seq = 0;
};

// The entries that book these usages, or void them in advance, of those that exist; in no
// particular order. What is archived comes as `archived`, if that is not null. INTERNAL if what is
// stored was altered, so that an id leads to another kind of entry.
absl::StatusOr<std::vector<domain::Entry>> FindUsages(
    Connection& connection, const std::vector<book::OnceKey>& keys,
    std::vector<ArchivedUsage>* archived = nullptr);

// The same, with what became of them: of one that was booked from reports and whose CDR took its
// place the entry of that (H12).
struct StoredUsages {
  std::vector<domain::Entry> entries;
  std::vector<domain::UsageState> states;
  std::vector<ArchivedUsage> archived;
};
absl::StatusOr<StoredUsages> FindUsagesAsTheyStand(Connection& connection,
                                                   const std::vector<book::OnceKey>& keys);

// Where the entry of a usage is, by the row that keeps its id unique.
struct UsagePlace {
  std::string usage_id;
  int64_t seq = 0;
  int32_t month = 0;
};
// The places of these usages, of those that exist; all keys must be of one account.
absl::StatusOr<std::vector<UsagePlace>> FindUsagePlaces(Connection& connection,
                                                        const std::vector<book::OnceKey>& keys);

inline constexpr int64_t kNewest = std::numeric_limits<int64_t>::max();

// Entries of an account with seq < `before`, newest first, from the months that can hold
// them (book/month_span.h) and are not archived.
absl::StatusOr<std::vector<domain::Entry>> ListEntries(Connection& connection,
                                                       absl::string_view account_id, int64_t before,
                                                       int limit);
// A stretch of an account's seqs: first <= seq < end.
struct SeqRange {
  int64_t first = 1;
  int64_t end = 1;

  bool empty() const { return first >= end; }
  friend bool operator==(const SeqRange&, const SeqRange&) = default;
};
enum class Oldest { kLast, kFirst };
// Entries of a stretch, of these kinds (empty: of all), in that order. All of the stretch is looked
// at, unless `limit` is reached before.
absl::StatusOr<std::vector<domain::Entry>> ListEntriesWithin(
    Connection& connection, absl::string_view account_id, const SeqRange& seqs,
    const std::vector<domain::EntryKind>& kinds, Oldest oldest, int limit);
// Entries of an account with seq > `after`, oldest first. In all months, whatever is known of
// where they are: so an audit finds what is elsewhere. With an archived month of the account: in
// later months, and those that stay of the archived ones.
absl::StatusOr<std::vector<domain::Entry>> ListEntriesAfter(Connection& connection,
                                                            absl::string_view account_id,
                                                            int64_t after, int limit,
                                                            int32_t archived_month = 0);
// Of the entries of an account that stay of archived months those with after < seq <= last, oldest
// first.
absl::StatusOr<std::vector<KeptEntry>> ListKeptUpTo(Connection& connection,
                                                    absl::string_view account_id, int64_t after,
                                                    int64_t last, int limit);
// Keeps these; and those of an account with a later seq than that of some months: after < month <=
// upto.
absl::Status InsertKept(Connection& connection, const std::vector<KeptEntry>& kept);
absl::Status KeepEntriesAfter(Connection& connection, absl::string_view account_id, int32_t after,
                              int32_t upto, int64_t seq);
// Entries of all accounts of these months, by account and seq: after an entry of one account.
absl::StatusOr<std::vector<domain::Entry>> ListEntriesOfMonths(Connection& connection,
                                                               int32_t after, int32_t upto,
                                                               absl::string_view account_id,
                                                               int64_t after_seq, int limit);

// The hash of an account's entry of that seq; nothing if there is no such entry. In all months, as
// ListEntriesAfter.
absl::StatusOr<std::optional<domain::EntryHash>> FindEntryHash(Connection& connection,
                                                               absl::string_view account_id,
                                                               int64_t seq);

// Those of an account with these seqs, in no particular order. Looks into all of its months.
absl::StatusOr<std::vector<domain::Entry>> LoadEntries(Connection& connection,
                                                       absl::string_view account_id,
                                                       const std::vector<int64_t>& seqs);

// The entries that rated usages of an account after they were booked, up to the last that `states`
// know of: each usage's by seq (U4). Looks through what the account has of the months of the
// usages' starts, from their booking on.
absl::StatusOr<std::vector<domain::Entry>> LoadRatings(
    Connection& connection, absl::string_view account_id,
    absl::Span<const domain::UsageState* const> states);

absl::StatusOr<std::vector<book::RequestRecord>> FindRequests(
    Connection& connection, const std::vector<book::OnceKey>& keys);
absl::Status InsertRequests(Connection& connection,
                            const std::vector<book::RequestRecord>& requests);
// The entry that a request booked; NOT_FOUND if it is not there.
absl::StatusOr<domain::Entry> LoadEntry(Connection& connection, absl::string_view account_id,
                                        int64_t seq, int32_t month);

// The entry that credited a recharge or payment that has succeeded; nothing if there is none.
absl::StatusOr<std::optional<domain::Entry>> FindCredit(Connection& connection,
                                                        const domain::Recharge& credited);

// The entries that `rest` selects of `entries`: from the index to go by on.
absl::StatusOr<std::vector<domain::Entry>> SelectEntriesBy(Connection& connection,
                                                           absl::string_view rest);

// Usages that were booked since a time and had a price of a deck's line then: of the newest `limit`
// ones, of all accounts, without ids. Those whose numbers were erased are left out.
struct PricedUsage {
  domain::Usage usage;
  int64_t deck_version = 0;
  std::string prefix;  // of the line
  absl::Time record_time;
};
absl::StatusOr<std::vector<PricedUsage>> ListPricedUsages(Connection& connection, absl::Time since,
                                                          int limit);

// Standard-rate calls of an account's users on metered plans since a time (A1).
struct StandardUse {
  std::string user_id;
  int64_t billable_seconds = 0;
  Nanos cost = 0;
};
absl::StatusOr<std::vector<StandardUse>> StandardUseSince(Connection& connection,
                                                          absl::string_view account_id,
                                                          absl::Time since);

// How many seconds of the user's calls on the allowance of that period were paid for by ratings
// after `seq`: of each usage by its latest one, without what was voided since, and without the
// usage `but_not` (U7).
absl::StatusOr<int64_t> PaidSecondsSince(Connection& connection, absl::string_view account_id,
                                         absl::string_view user_id, int32_t period, int64_t seq,
                                         absl::string_view but_not = "");

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ENTRY_ROWS_H_
