// What a batch writes, in the order in which it is written.
//
// The order is a contract between the fold, which makes write sets, and whoever writes them:
// 1. `opened`       new accounts first: if another ledger was faster, nothing else was touched
// 2. `number_keys`  that new entries need: if another ledger was faster, the batch starts over
//    `entries`      with the ids of usages before them, whose unique key finds what is booked
// 3. `recharges`, `receipts`, `disputes`, `applied`, `declines`, `requests`, `users`, `allowances`,
//    `usage_states`, `holds`, `ended_holds`, `payment_methods`, `changed`: all under the accounts'
//    locks
// 4. `balances`     by account id. This locks the accounts that were remembered and not read, in
//                   one order for all ledgers, and checks each: a row is written only over the
//                   revision before it, and new (revision 1) only where there was none
// 5. `months`       now that every account is locked, whether it was read or remembered
// 6. `events`       last: who watches the feed counts on a commit soon after
// All of one account are written in one transaction, or none. Those of several accounts need not
// be: nothing is decided upon two accounts. Rows of a kind are in the order of accounts, but for
// number keys, entries, receipts, declines, requests, months and events, which are in the order of
// what happened.
#ifndef RESERVE_SERVICES_LEDGER_BOOK_WRITE_SET_H_
#define RESERVE_SERVICES_LEDGER_BOOK_WRITE_SET_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "common/money/money.h"
#include "services/ledger/book/image.h"
#include "services/ledger/book/month_span.h"
#include "services/ledger/domain/account.h"
#include "services/ledger/domain/card_limits.h"
#include "services/ledger/domain/dispute.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/receipt.h"
#include "services/ledger/domain/recharge.h"
#include "services/ledger/domain/unplaced_state.h"

namespace reserve::book {

// The part of an account that every usage changes.
struct Balance {
  std::string account_id;
  Nanos balance = 0;
  int64_t last_seq = 0;
  int64_t version = 0;       // of the rest of the account and its users
  int64_t revision = 0;      // of this row
  domain::EntryHash head{};  // the hash of the entry last_seq; zeros if there is none
  int32_t month = 0;         // that entries are being added to (month_span.h); 0 if there is none
  Nanos held = 0;            // by calls in progress (H1)
  Nanos accrued = 0;         // of that, what they have cost so far (H6)
  int64_t holds = 0;         // so many live
  bool metered = false;      // what follows may have changed
  domain::SpendMeters spent = {};  // L2
};

// A card, and its place in the customer's order, from 1; 0 once it is taken away.
struct PaymentMethodRow {
  std::string account_id;
  int32_t position = 0;
  const domain::PaymentMethod* method = nullptr;
};

// What a user has used of the allowance of a period.
struct AllowanceRow {
  const domain::User* user = nullptr;
  domain::Allowance used;
};

// A place of a live hold of an account; null: it is free.
struct HoldRow {
  std::string account_id;
  int32_t slot = 0;
  const domain::Hold* hold = nullptr;
};

// The key of a user's numbers of a year, new.
struct NumberKeyRecord {
  std::string account_id;
  std::string user_id;
  int32_t year = 0;
  domain::NumberKey key{};
};

// Pointers are into the image that it was made from.
struct WriteSet {
  std::vector<const domain::Account*> opened;
  std::vector<NumberKeyRecord> number_keys;
  std::deque<domain::Entry> entries;  // of each account by seq
  std::vector<const domain::Recharge*> recharges;
  std::deque<domain::Receipt> receipts;  // of each account by number
  std::vector<const domain::Dispute*> disputes;
  // What was told while no account had its charge, and counts from now on (P3).
  std::vector<const domain::UnplacedState*> applied;
  std::vector<domain::CardDecline> declines;
  std::vector<RequestRecord> requests;
  std::vector<const domain::User*> users;
  std::vector<AllowanceRow> allowances;
  std::vector<const domain::UsageState*> usage_states;
  std::vector<HoldRow> holds;
  std::vector<const domain::Hold*> ended_holds;  // new, or ended again
  std::vector<PaymentMethodRow> payment_methods;
  std::vector<const domain::Account*> changed;
  std::vector<Balance> balances;
  std::vector<MonthSpan> months;  // of one account in the order of what happened
  std::deque<domain::Event> events;

  // Whatever changes an account changes its balance's revision.
  bool empty() const { return balances.empty(); }
};

}  // namespace reserve::book

#endif  // RESERVE_SERVICES_LEDGER_BOOK_WRITE_SET_H_
