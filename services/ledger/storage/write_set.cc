#include "services/ledger/storage/write_set.h"

#include <deque>
#include <utility>
#include <vector>

#include "common/error/error.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/card_decline_rows.h"
#include "services/ledger/storage/dispute_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/event_rows.h"
#include "services/ledger/storage/hold_rows.h"
#include "services/ledger/storage/month_rows.h"
#include "services/ledger/storage/number_key_rows.h"
#include "services/ledger/storage/payment_method_rows.h"
#include "services/ledger/storage/receipt_rows.h"
#include "services/ledger/storage/recharge_rows.h"
#include "services/ledger/storage/unplaced_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::storage {
namespace {

template <typename T>
std::vector<const T*> PointersTo(const std::deque<T>& rows) {
  std::vector<const T*> pointers;
  pointers.reserve(rows.size());
  for (const T& row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace

absl::StatusOr<Written> Write(Connection& connection, book::WriteSet&& writes) {
  Written written;
  if (writes.empty()) return written;
  RESERVE_RETURN_IF_ERROR(InsertAccounts(connection, writes.opened));
  RESERVE_RETURN_IF_ERROR(InsertNumberKeys(connection, writes.number_keys));
  RESERVE_RETURN_IF_ERROR(InsertEntries(connection, PointersTo(writes.entries)));
  RESERVE_RETURN_IF_ERROR(WriteRecharges(connection, writes.recharges));
  RESERVE_RETURN_IF_ERROR(InsertReceipts(connection, writes.receipts));
  RESERVE_RETURN_IF_ERROR(WriteDisputes(connection, writes.disputes));
  RESERVE_RETURN_IF_ERROR(WriteApplied(connection, writes.applied));
  RESERVE_RETURN_IF_ERROR(InsertCardDeclines(connection, writes.declines));
  RESERVE_RETURN_IF_ERROR(InsertRequests(connection, writes.requests));
  RESERVE_RETURN_IF_ERROR(WriteUsers(connection, writes.users));
  RESERVE_RETURN_IF_ERROR(WriteAllowances(connection, writes.allowances));
  RESERVE_RETURN_IF_ERROR(WriteUsageStates(connection, writes.usage_states));
  RESERVE_RETURN_IF_ERROR(WriteHolds(connection, writes.holds));
  RESERVE_RETURN_IF_ERROR(WriteEndedHolds(connection, writes.ended_holds));
  RESERVE_RETURN_IF_ERROR(WritePaymentMethods(connection, writes.payment_methods));
  RESERVE_RETURN_IF_ERROR(WriteAccounts(connection, writes.changed));
  RESERVE_RETURN_IF_ERROR(WriteBalances(connection, writes.balances));
  RESERVE_RETURN_IF_ERROR(WriteMonths(connection, std::move(writes.months)));
  if (writes.events.empty()) return written;
  written.events = MonotonicNow();
  RESERVE_RETURN_IF_ERROR(InsertEvents(connection, PointersTo(writes.events)));
  return written;
}

}  // namespace reserve::storage
