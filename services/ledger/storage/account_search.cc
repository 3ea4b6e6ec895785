#include "services/ledger/storage/account_search.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/domain/payment_method.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

// Ids are of letters, digits and `._:-`.
constexpr absl::string_view kBeyondIds = "~";

std::string Conditions(const AccountFilter& filter) {
  std::string sql;
  if (filter.state.has_value()) {
    absl::StrAppend(&sql, " AND a.state = ", static_cast<int>(*filter.state));
  }
  if (filter.low_balance) {
    absl::StrAppend(&sql, " AND b.balance_nanos - b.accrued_nanos < a.recharge_threshold_nanos");
  }
  if (filter.under_review) absl::StrAppend(&sql, " AND a.set_aside > 0");
  // Counted for each account, so that no server reads the cards of all for it first.
  if (filter.card_failing) {
    absl::StrAppend(&sql,
                    " AND (SELECT COUNT(*) FROM payment_methods p FORCE INDEX (PRIMARY) WHERE "
                    "p.account_id = a.account_id AND p.state IN (",
                    static_cast<int>(domain::CardState::kFailing), ",",
                    static_cast<int>(domain::CardState::kRefused), ")) > 0");
  }
  return sql;
}

// All of them are found: ids are few of one text, and come by their index.
absl::StatusOr<FoundAccounts> SearchByUsage(Connection& connection, absl::string_view usage_id,
                                            absl::string_view after, int limit) {
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id FROM usage_ids FORCE INDEX (PRIMARY) WHERE usage_id = ",
                   Quoted(usage_id), " AND account_id > ", Quoted(after),
                   " ORDER BY account_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  FoundAccounts found;
  RESERVE_ASSIGN_OR_RETURN(found.accounts, LoadAccounts(connection, {ids.begin(), ids.end()}));
  return found;
}

// What of the entries lies before a place: a range of the key, in which the rows of one moment are
// told apart by account.
std::string Before(const BookingPlace& place) {
  const std::string time = QuotedTime(place.record_time);
  return absl::StrCat("record_time <= ", time, " AND (record_time < ", time, " OR account_id < ",
                      Quoted(place.account_id), ")");
}

// The same up to and with the other place.
std::string Between(const BookingPlace& last, const BookingPlace& before) {
  const std::string time = QuotedTime(last.record_time);
  return absl::StrCat(Before(before), " AND record_time >= ", time, " AND (record_time > ", time,
                      " OR account_id >= ", Quoted(last.account_id), ")");
}

// Where the newest `most` entries before a place end; nothing if there are fewer.
absl::StatusOr<std::optional<BookingPlace>> EndOfBookings(Connection& connection,
                                                          const BookingPlace& before, int most) {
  std::optional<BookingPlace> last;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT record_time,account_id FROM entries FORCE INDEX (PRIMARY) WHERE ",
                   Before(before), " ORDER BY record_time DESC,account_id DESC LIMIT 1 OFFSET ",
                   most - 1),
      [&last](const Row& row) {
        last = BookingPlace{row.Time(1), row.Text(2)};
      }));
  return last;
}

}  // namespace

absl::StatusOr<FoundByNumber> SearchByNumber(Connection& connection, absl::string_view destination,
                                             const BookingPlace& before, int limit,
                                             int most_entries) {
  FoundByNumber found;
  RESERVE_ASSIGN_OR_RETURN(found.looked_to, EndOfBookings(connection, before, most_entries));
  const std::string where =
      found.looked_to.has_value() ? Between(*found.looked_to, before) : Before(before);
  std::vector<std::string> ids;  // in that order
  absl::flat_hash_set<std::string> seen;
  BookingPlace last;
  bool full = false;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT record_time,account_id FROM entries FORCE INDEX (PRIMARY) WHERE ", where,
                   " AND kind = ", static_cast<int>(domain::EntryKind::kUsage),
                   " AND destination = ", Quoted(destination),
                   " ORDER BY record_time DESC,account_id DESC"),
      [&](const Row& row) {
        std::string account_id = row.Text(2);
        full = full || (ids.size() == static_cast<size_t>(limit) && !seen.contains(account_id));
        if (full) return;
        last = BookingPlace{row.Time(1), account_id};
        if (seen.insert(account_id).second) ids.push_back(std::move(account_id));
      }));
  if (full) found.looked_to = last;
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Account> accounts,
                           LoadAccounts(connection, {ids.begin(), ids.end()}));
  absl::flat_hash_map<std::string, domain::Account> by_id;
  for (domain::Account& account : accounts) {
    std::string id = account.account_id;
    by_id.emplace(std::move(id), std::move(account));
  }
  for (const std::string& id : ids) {
    if (auto account = by_id.extract(id); !account.empty()) {
      found.accounts.push_back(std::move(account.mapped()));
    }
  }
  return found;
}

absl::StatusOr<FoundAccounts> SearchAccounts(Connection& connection, const AccountFilter& filter,
                                             absl::string_view after, int limit) {
  if (!filter.usage_id.empty()) return SearchByUsage(connection, filter.usage_id, after, limit);
  FoundAccounts found;
  const std::string conditions = Conditions(filter);
  if (conditions.empty()) {
    RESERVE_ASSIGN_OR_RETURN(found.accounts, ListAccounts(connection, after, limit));
    return found;
  }
  std::string last;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id FROM accounts FORCE INDEX (PRIMARY) WHERE account_id > ",
                   Quoted(after), " ORDER BY account_id LIMIT 1 OFFSET ", kAccountsLookedAt - 1),
      [&last](const Row& row) { last = row.Text(1); }));
  std::vector<std::string> ids;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT a.account_id FROM accounts a FORCE INDEX (PRIMARY) STRAIGHT_JOIN "
                   "balances b FORCE INDEX (PRIMARY) ON b.account_id = a.account_id "
                   "WHERE a.account_id > ",
                   Quoted(after), " AND a.account_id <= ", Quoted(last.empty() ? kBeyondIds : last),
                   conditions, " ORDER BY a.account_id LIMIT ", limit),
      [&ids](const Row& row) { ids.push_back(row.Text(1)); }));
  RESERVE_ASSIGN_OR_RETURN(found.accounts, LoadAccounts(connection, {ids.begin(), ids.end()}));
  if (ids.size() < static_cast<size_t>(limit)) found.searched_until = std::move(last);
  return found;
}

}  // namespace reserve::storage
