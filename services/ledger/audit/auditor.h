// The auditor: recomputes an account from what is stored and says what differs.
//
// It only reads, inside one consistent snapshot, so it can run beside the lanes:
// an account is seen as of one moment. Entries, recharges, events and users are
// read in pages; what is kept grows with the users and the successful recharges
// of the account, not with its history of usage. An account is checked against
// the same functions of the domain that booked it.
//
// Thread-safe: pure functions of what is stored.
//
//   Findings findings;
//   RETURN_IF_ERROR(VerifyAccount(connection, "acme", &findings));
//   for (const Difference& d : findings.differences) ...
#ifndef RESERVE_SERVICES_LEDGER_AUDIT_AUDITOR_H_
#define RESERVE_SERVICES_LEDGER_AUDIT_AUDITOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/connection.h"

namespace reserve::audit {

// Names of the checks; operators and dashboards know them, so they never change.
// The balance of the account is the sum of its entries' amounts.
inline constexpr char kCheckBalance[] = "BALANCE";
// Each balance after an entry is the one before it plus the amount.
inline constexpr char kCheckBalanceChain[] = "BALANCE_CHAIN";
// Entries are numbered 1, 2, 3 without a gap or a number used twice.
inline constexpr char kCheckSeqGap[] = "SEQ_GAP";
// The account knows the number of its last entry.
inline constexpr char kCheckLastSeq[] = "LAST_SEQ";
// Rating a usage again from what is stored with it gives the same figures (U4), and its country is
// that of its line, else of its number (C14).
inline constexpr char kCheckRating[] = "RATING";
// The usage's id leads to its entry, so that it can't be booked again (U2).
inline constexpr char kCheckUsageId[] = "USAGE_ID";
// The request's id leads to its adjustment, so that it can't be booked again.
inline constexpr char kCheckRequestId[] = "REQUEST_ID";
// Free seconds before each usage, and those used by each user, follow from the
// usages before (C3).
inline constexpr char kCheckAllowance[] = "ALLOWANCE";
// What became of a usage after it was booked, void or rating, is said by its row as by the entries
// (U1, U5).
inline constexpr char kCheckUsageState[] = "USAGE_STATE";
// Each recharge that succeeded, and each payment, has exactly one entry of its amount, and each
// charge of the gateway is credited once (G4, P5).
inline constexpr char kCheckRechargeEntry[] = "RECHARGE_ENTRY";
// The account counts its payments (P5).
inline constexpr char kCheckPayments[] = "PAYMENTS";
// What of a charge was given back or disputed, in its row, its refunds and disputes, the entries,
// and what suspends the account (P1, P2).
inline constexpr char kCheckGivenBack[] = "GIVEN_BACK";
// What is left of each credit grant is said by the account as by the entries: none was drawn on for
// more than it had, and each ended once (P6).
inline constexpr char kCheckGrants[] = "GRANTS";
// What each live hold holds, in money and free seconds, and what it has cost so far, is what its
// own terms come to; the account and its allowances say the same as its live holds (H1, H11).
inline constexpr char kCheckHolds[] = "HOLDS";
// What is owed and was written off is said by the account as by its entries, and one that is closed
// has nothing left, and no recharge open (P4).
inline constexpr char kCheckClosing[] = "CLOSING";
// At most one recharge is open, it is the account's, and ordinals have no gap (G3).
inline constexpr char kCheckOpenRecharge[] = "OPEN_RECHARGE";
// Events are numbered 1, 2, 3 without a gap.
inline constexpr char kCheckEventGap[] = "EVENT_GAP";
// The account knows the number of its last event.
inline constexpr char kCheckLastEvent[] = "LAST_EVENT";
// The state is the one after the last event (D4), and fits the balance (D1, G4).
inline constexpr char kCheckState[] = "STATE";
// Recharges and rate decks are in the currency of the account.
inline constexpr char kCheckCurrency[] = "CURRENCY";

// Each entry's hash is that of itself and of those before it, and the account's
// that of the last (entry_chain.h).
inline constexpr char kCheckChain[] = "CHAIN";
// The account knows which months its entries are in, and between which seqs, so that no page of
// its history leaves one out.
inline constexpr char kCheckMonths[] = "MONTHS";

// Receipts are numbered 1, 2, 3 without a gap, in the order of their entries, which they repeat;
// each entry of money that came or went back has one, from the first on and since all ledgers write
// them, and the account knows the last (domain/receipt.h).
inline constexpr char kCheckReceipts[] = "RECEIPTS";
// What was added up for summaries, by day, user, country and kind, is what the entries up to the
// one that it knows of come to.
inline constexpr char kCheckSummaries[] = "SUMMARIES";

// Which limits on spending were reached and not lifted is said by the account and its users as by
// the events, and no more is spent of one than was ever booked (L2, L4).
inline constexpr char kCheckLimits[] = "LIMITS";

// A figure that does not add up.
struct Difference {
  std::string account_id;
  std::string check;    // one of the names above
  std::string subject;  // an entry's seq, a recharge's ordinal, a user's id, or empty
  std::string stored;
  std::string computed;
};

// What was checked, and what was found. Adds up over several accounts.
struct Findings {
  // Differences beyond these are counted only.
  static constexpr size_t kMaxDifferences = 100;

  int64_t accounts = 0;
  int64_t entries = 0;
  int64_t usages = 0;
  int64_t recharges = 0;
  int64_t users = 0;
  int64_t events = 0;
  int64_t difference_count = 0;
  domain::EntryHash head{};  // by its own record, of the account checked last
  std::vector<Difference> differences;

  void Add(Difference difference);
};

// Checks one account and adds to `findings`. NOT_FOUND "ACCOUNT_NOT_FOUND" on
// field "account_id"; a difference is no error. Uses a transaction of its own on
// the connection, which must have none open. After an error `findings` may hold a
// part of the account.
absl::Status VerifyAccount(storage::Connection& connection, absl::string_view account_id,
                           Findings* findings);

// The same, and fills in how the account's head moves on to the entry `move->head.seq`, which
// months up to `move->head.month` are archived for: how it stands there, which entries stay, and
// which states of usages are over (storage/archive_rows.h).
absl::Status VerifyForHead(storage::Connection& connection, storage::HeadMove* move,
                           Findings* findings);

}  // namespace reserve::audit

#endif  // RESERVE_SERVICES_LEDGER_AUDIT_AUDITOR_H_
