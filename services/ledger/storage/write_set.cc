#include "services/ledger/storage/write_set.h"

#include <utility>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/card_decline_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::storage {

absl::StatusOr<Written> Write(Connection& connection, book::WriteSet&& writes) {
  Written written;
  if (writes.empty()) return written;
  std::vector<const domain::Entry*> entries;
  entries.reserve(writes.entries.size());
  for (const domain::Entry& entry : writes.entries) entries.push_back(&entry);
  RESERVE_RETURN_IF_ERROR(InsertAccounts(connection, writes.opened));
  RESERVE_RETURN_IF_ERROR(InsertEntries(connection, std::move(entries)));
  RESERVE_RETURN_IF_ERROR(WriteRecharges(connection, writes.recharges));
  RESERVE_RETURN_IF_ERROR(InsertCardDeclines(connection, writes.declines));
  RESERVE_RETURN_IF_ERROR(InsertRequests(connection, writes.requests));
  RESERVE_RETURN_IF_ERROR(WriteUsers(connection, writes.users));
  RESERVE_RETURN_IF_ERROR(WriteAccounts(connection, writes.changed));
  RESERVE_RETURN_IF_ERROR(WriteBalances(connection, writes.balances));
  RESERVE_RETURN_IF_ERROR(WriteMonths(connection, std::move(writes.months)));
  if (writes.events.empty()) return written;
  written.events = std::chrono::steady_clock::now();
  RESERVE_RETURN_IF_ERROR(InsertEvents(connection, writes.events));
  return written;
}

}  // namespace reserve::storage
