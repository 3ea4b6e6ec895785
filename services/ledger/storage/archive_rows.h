// Rows of what left the table of entries with its month (docs/decisions/0050-archives.md): the
// archives, where accounts stood after what left, and the entries of archived months that stay.
//
// An archive covers the months up to its own, from the one after the archive before it on. From the
// moment it is SEALED nothing is booked into them, or changed in them; they then count as archived,
// wherever their entries still lie.
#ifndef RESERVE_SERVICES_LEDGER_STORAGE_ARCHIVE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_STORAGE_ARCHIVE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/credit_grant.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/connection.h"

namespace reserve::storage {

// No month is archived before it is over for so long.
inline constexpr absl::Duration kNeverArchivedFor = absl::Hours(24 * 40);

// The numbers are stored; never reuse one.
enum class ArchiveStage {
  kSealed = 1,   // nothing is booked into its months any more
  kWritten = 2,  // its files are complete
  kDropped = 3,  // its entries are gone from the table of entries
};

// A file of an archive.
struct ArchivedFile {
  int64_t lines = 0;  // without its first
  int64_t bytes = 0;
  std::string sha256 = {};  // of all of it, as 64 hexadecimal digits

  friend bool operator==(const ArchivedFile&, const ArchivedFile&) = default;
};

struct Archive {
  int32_t month = 0;  // 202509: its last
  ArchiveStage stage = ArchiveStage::kSealed;
  ArchivedFile entries;
  ArchivedFile numbers;
};

// The last month that is archived, or sealed; 0: none is.
absl::StatusOr<int32_t> ReadArchivedMonth(Connection& connection);
// By month.
absl::StatusOr<std::vector<Archive>> ListArchives(Connection& connection);

// Each notes a step of an archive, and is harmless if that was noted before. What was sealed can be
// opened again while no file of it is written.
absl::Status SealMonth(Connection& connection, int32_t month, absl::Time now);
absl::Status UnsealMonth(Connection& connection, int32_t month);
absl::Status NoteArchiveWritten(Connection& connection, const Archive& archive, absl::Time now);
absl::Status NoteArchiveDropped(Connection& connection, int32_t month, absl::Time now);

// What a user had used of an allowance.
struct ArchivedAllowance {
  std::string user_id;
  domain::Allowance used;
};

// Where an account stood after the last of those entries that archives cover from its first on.
struct ArchivedHead {
  std::string account_id;
  int32_t month = 0;  // the last that it was moved for
  int64_t seq = 0;    // 0: its first entry lies later
  Nanos balance = 0;
  domain::EntryHash hash{};
  // All of these entries were booked before it.
  absl::Time border = absl::InfinitePast();
  std::vector<domain::CreditGrant> grants;  // all that there were, by number
  std::vector<ArchivedAllowance> allowances;
};

// Without its allowances. Nothing: no entry of the account is archived.
absl::StatusOr<std::optional<ArchivedHead>> FindArchivedHead(Connection& connection,
                                                             absl::string_view account_id);
absl::StatusOr<std::vector<ArchivedAllowance>> ListArchivedAllowances(Connection& connection,
                                                                      absl::string_view account_id);

// An entry that stays, with the hash of the one before it.
struct KeptEntry {
  domain::Entry entry;
  domain::EntryHash previous{};
};

// How an account's head moves on.
struct HeadMove {
  int64_t version = 0;      // of the account, as it was read (book::Balance)
  int32_t after_month = 0;  // the archive before
  int64_t after_seq = 0;    // the head before
  ArchivedHead head;
  std::vector<KeptEntry> kept;            // of those between the two heads
  std::vector<int64_t> dropped;           // kept ones up to the head before that nothing needs now
  std::vector<std::string> ended_states;  // usages whose states go
};
// Moves it, and keeps what comes after it of the months up to its own. Inside a transaction of the
// caller: it locks the account. ABORTED if the account has another version by then.
absl::Status MoveHead(Connection& connection, const HeadMove& move);

// The accounts after one that have entries in these months, or kept usages: after < month <= upto.
absl::StatusOr<std::vector<std::string>> AccountsOfMonths(Connection& connection, int32_t after,
                                                          int32_t upto,
                                                          absl::string_view after_account,
                                                          int limit);
// Up to which seq all of an account's entries after `from` lie in months up to `upto` and were
// booked before `border`.
absl::StatusOr<int64_t> FindHeadSeq(Connection& connection, absl::string_view account_id,
                                    int64_t from, int32_t upto, absl::Time border);

// What keeps the months up to one from being archived: a line each, a few of each kind.
absl::StatusOr<std::vector<std::string>> WhatIsOpen(Connection& connection, absl::Time end);

// Entries of these months in the table of entries: after < month <= upto.
absl::StatusOr<int64_t> CountEntriesOfMonths(Connection& connection, int32_t after, int32_t upto);

}  // namespace reserve::storage

#endif  // RESERVE_SERVICES_LEDGER_STORAGE_ARCHIVE_ROWS_H_
