#include "services/ledger/storage/hold_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Hold;
using domain::HoldState;

// Of both tables, after the account and the place or the month.
constexpr absl::string_view kHoldColumns[] = {
    "hold_id",         "usage_id",     "user_id",
    "direction",       "destination",  "switch_id",
    "incarnation",     "state",        "price_time",
    "plan_id",         "deck_version", "answer_time",
    "slice_seconds",   "extension",    "used_micros",
    "granted_seconds", "final_reason", "held_nanos",
    "accrued_nanos",   "free_seconds", "accrued_free_seconds",
    "free_period",     "expire_time",  "create_time",
    "end_time",
};

std::string Columns() {
  std::string names;
  for (const absl::string_view column : kHoldColumns) absl::StrAppend(&names, ",", column);
  return names;
}

absl::Time TimeOr(const Row& row, int column, absl::Time missing) {
  return row.IsNull(column) ? missing : row.Time(column);
}

// Of a SELECT of account_id, the slot (or 0), and the columns.
Hold ReadHold(const Row& row) {
  Hold h;
  h.account_id = row.Text(1);
  h.slot = static_cast<int32_t>(row.Int(2));
  h.hold_id = row.Text(3);
  h.usage_id = row.Text(4);
  h.user_id = row.Text(5);
  h.direction = static_cast<domain::Direction>(row.Int(6));
  h.destination = row.Text(7);
  h.switch_id = row.Text(8);
  h.incarnation = row.Int(9);
  h.state = static_cast<HoldState>(row.Int(10));
  h.price_time = TimeOr(row, 11, absl::InfinitePast());
  h.plan_id = row.Text(12);
  h.deck_version = row.Int(13);
  h.answer_time = TimeOr(row, 14, absl::InfinitePast());
  h.slice = absl::Seconds(row.Int(15));
  h.extension = static_cast<int32_t>(row.Int(16));
  h.used = absl::Microseconds(row.Int(17));
  h.granted_seconds = row.Int(18);
  h.final_reason = static_cast<domain::FinalReason>(row.Int(19));
  h.held = row.Int(20);
  h.accrued = row.Int(21);
  h.free_seconds = row.Int(22);
  h.accrued_free_seconds = row.Int(23);
  h.free_period = static_cast<int32_t>(row.Int(24));
  h.expire_time = TimeOr(row, 25, absl::InfiniteFuture());
  h.create_time = TimeOr(row, 26, absl::InfinitePast());
  h.end_time = TimeOr(row, 27, absl::InfinitePast());
  return h;
}

void AppendHold(const Hold& h, int64_t state, SqlText* sql) {
  sql->Text(h.hold_id)
      .Text(h.usage_id)
      .Text(h.user_id)
      .Int(static_cast<int64_t>(h.direction))
      .Text(h.destination)
      .Text(h.switch_id)
      .Int(h.incarnation)
      .Int(state)
      .Time(h.price_time)
      .Text(h.plan_id)
      .Int(h.deck_version)
      .Time(h.answer_time)
      .Int(absl::ToInt64Seconds(h.slice))
      .Int(h.extension)
      .Int(absl::ToInt64Microseconds(h.used))
      .Int(h.granted_seconds)
      .Int(static_cast<int64_t>(h.final_reason))
      .Int(h.held)
      .Int(h.accrued)
      .Int(h.free_seconds)
      .Int(h.accrued_free_seconds)
      .Int(h.free_period)
      .Time(h.expire_time)
      .Time(h.create_time)
      .Time(h.end_time);
}

// All of the columns but `key`, which may be none.
std::string OnDuplicate(absl::string_view key) {
  std::string update = " ON DUPLICATE KEY UPDATE ";
  absl::string_view comma;
  for (const absl::string_view column : kHoldColumns) {
    if (column == key) continue;
    absl::StrAppend(&update, comma, column, "=VALUES(", column, ")");
    comma = ",";
  }
  return update;
}

const std::string& SelectLive() {
  static const auto* select =
      new std::string(absl::StrCat("SELECT account_id,slot", Columns(), " FROM holds "));
  return *select;
}

// The same, for the sweeps.
const std::string& SelectToSweep() {
  static const auto* select =
      new std::string(absl::StrCat(kSelectOfLiving, "account_id,slot", Columns(), " FROM holds "));
  return *select;
}

absl::StatusOr<std::vector<Hold>> QueryHolds(Connection& connection, const std::string& sql) {
  std::vector<Hold> holds;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&holds](const Row& row) { holds.push_back(ReadHold(row)); }));
  return holds;
}

// "account_id >= 'x' AND (account_id > 'x' OR slot > n)": the first condition is the range.
std::string After(const HoldPlace& place) {
  const std::string account_id = Quoted(place.first);
  return absl::StrCat("account_id >= ", account_id, " AND (account_id > ", account_id,
                      " OR slot > ", place.second, ")");
}

// The same of those that wait for their time. The server knows that the key of the row follows that
// in the index.
std::string After(const DuePlace& place) {
  if (place == DuePlace()) return "";
  const std::string time = QuotedTime(place.expire_time);
  const std::string account_id = Quoted(place.hold.first);
  return absl::StrCat(" AND expire_time >= ", time, " AND (expire_time > ", time,
                      " OR account_id > ", account_id, " OR (account_id = ", account_id,
                      " AND slot > ", place.hold.second, "))");
}

std::string IsSo(std::optional<HoldState> state) {
  return state.has_value() ? absl::StrCat("state = ", static_cast<int>(*state)) : "state IN (1,2)";
}

// The last of so many rows after that place; nothing if there are fewer.
absl::StatusOr<std::optional<HoldPlace>> LastOf(Connection& connection, const HoldPlace& after,
                                                int rows) {
  std::optional<HoldPlace> last;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT account_id,slot FROM holds FORCE INDEX (PRIMARY) WHERE ", After(after),
                   " ORDER BY account_id,slot LIMIT 1 OFFSET ", rows - 1),
      [&last](const Row& row) { last.emplace(row.Text(1), row.Int(2)); }));
  return last;
}

// The statements say "state IN (1,2)" of holds that are live, and 1 and 2 of these states.
static_assert(static_cast<int>(HoldState::kOpen) == 1 &&
              static_cast<int>(HoldState::kUnsettled) == 2);

}  // namespace

absl::StatusOr<std::vector<Hold>> LoadHolds(Connection& connection,
                                            const std::vector<absl::string_view>& account_ids) {
  std::vector<Hold> holds;
  RESERVE_RETURN_IF_ERROR(
      InParts<absl::string_view>(account_ids, [&](absl::Span<const absl::string_view> part) {
        SqlText sql(absl::StrCat(SelectLive(), "FORCE INDEX (PRIMARY) WHERE state IN (1,2) ",
                                 "AND account_id IN "));
        sql.Row();
        for (const absl::string_view account_id : part) sql.Text(account_id);
        sql.EndRow();
        return connection.Query(sql.str(),
                                [&holds](const Row& row) { holds.push_back(ReadHold(row)); });
      }));
  return holds;
}

absl::StatusOr<std::vector<Hold>> LoadEndedHolds(Connection& connection,
                                                 const std::vector<book::OnceKey>& keys) {
  std::vector<Hold> holds;
  RESERVE_RETURN_IF_ERROR(InParts<book::OnceKey>(keys, [&](absl::Span<const book::OnceKey> part) {
    SqlText sql(absl::StrCat("SELECT account_id,0", Columns(),
                             " FROM ended_holds FORCE INDEX (PRIMARY) "
                             "WHERE (account_id,hold_id) IN ("));
    for (const book::OnceKey& key : part) sql.Row().Text(key.first).Text(key.second).EndRow();
    sql.Raw(")");
    return connection.Query(sql.str(),
                            [&holds](const Row& row) { holds.push_back(ReadHold(row)); });
  }));
  return holds;
}

absl::Status WriteHolds(Connection& connection, const std::vector<book::HoldRow>& rows) {
  if (rows.empty()) return absl::OkStatus();
  static const Hold kNothing;
  SqlText sql(absl::StrCat("INSERT INTO holds (account_id,slot", Columns(), ") VALUES "));
  for (const book::HoldRow& row : rows) {
    const Hold& hold = row.hold == nullptr ? kNothing : *row.hold;
    sql.Row().Text(row.account_id).Int(row.slot);
    AppendHold(hold, row.hold == nullptr ? 0 : static_cast<int64_t>(hold.state), &sql);
    sql.EndRow();
  }
  static const auto* update = new std::string(OnDuplicate(/*key=*/""));
  sql.Raw(*update);
  return connection.Execute(sql.str());
}

absl::Status WriteEndedHolds(Connection& connection, const std::vector<const Hold*>& holds) {
  if (holds.empty()) return absl::OkStatus();
  SqlText sql(absl::StrCat("INSERT INTO ended_holds (account_id,month", Columns(), ") VALUES "));
  for (const Hold* hold : holds) {
    sql.Row().Text(hold->account_id).Int(MonthOf(hold->create_time, absl::UTCTimeZone()));
    AppendHold(*hold, static_cast<int64_t>(hold->state), &sql);
    sql.EndRow();
  }
  static const auto* update = new std::string(OnDuplicate(/*key=*/"hold_id"));
  sql.Raw(*update);
  return connection.Execute(sql.str());
}

DuePlace PlaceOf(const Hold& hold) { return {hold.expire_time, {hold.account_id, hold.slot}}; }

absl::StatusOr<std::vector<Hold>> DueHolds(Connection& connection, HoldState state, absl::Time now,
                                           const DuePlace& after, int limit) {
  return QueryHolds(
      connection,
      absl::StrCat(SelectToSweep(), "FORCE INDEX (by_expire_time) WHERE expire_time <= ",
                   QuotedTime(now), After(after), " AND state = ", static_cast<int>(state),
                   " ORDER BY expire_time,account_id,slot LIMIT ", limit));
}

absl::StatusOr<std::vector<Hold>> HoldsDueAfter(Connection& connection, absl::Time latest,
                                                const DuePlace& after, int limit) {
  return QueryHolds(
      connection, absl::StrCat(SelectToSweep(), "FORCE INDEX (by_expire_time) WHERE expire_time > ",
                               QuotedTime(latest), After(after),
                               " ORDER BY expire_time,account_id,slot LIMIT ", limit));
}

absl::StatusOr<std::vector<Hold>> ListHolds(Connection& connection, absl::string_view account_id,
                                            int64_t after, std::optional<HoldState> state,
                                            int limit) {
  return QueryHolds(connection,
                    absl::StrCat(SelectLive(), "FORCE INDEX (PRIMARY) WHERE account_id = ",
                                 Quoted(account_id), " AND slot > ", after, " AND ", IsSo(state),
                                 " ORDER BY account_id,slot LIMIT ", limit));
}

absl::StatusOr<HoldPage> ListAllHolds(Connection& connection, const HoldPlace& after,
                                      std::optional<HoldState> state, int limit, int most_rows) {
  HoldPage page;
  RESERVE_ASSIGN_OR_RETURN(page.looked_to, LastOf(connection, after, most_rows));
  std::string sql = absl::StrCat(SelectLive(), "FORCE INDEX (PRIMARY) WHERE ", After(after),
                                 " AND ", IsSo(state));
  if (page.looked_to.has_value()) {
    const std::string account_id = Quoted(page.looked_to->first);
    absl::StrAppend(&sql, " AND account_id <= ", account_id, " AND (account_id < ", account_id,
                    " OR slot <= ", page.looked_to->second, ")");
  }
  absl::StrAppend(&sql, " ORDER BY account_id,slot LIMIT ", limit);
  RESERVE_ASSIGN_OR_RETURN(page.holds, QueryHolds(connection, sql));
  return page;
}

absl::StatusOr<std::vector<Hold>> ListHoldsOfSwitch(Connection& connection,
                                                    absl::string_view switch_id,
                                                    int64_t before_incarnation,
                                                    const HoldPlace& after, int limit) {
  return QueryHolds(connection,
                    absl::StrCat(SelectLive(), "FORCE INDEX (PRIMARY) WHERE ", After(after),
                                 " AND state = ", static_cast<int>(HoldState::kOpen),
                                 " AND switch_id = ", Quoted(switch_id), " AND incarnation < ",
                                 before_incarnation, " ORDER BY account_id,slot LIMIT ", limit));
}

absl::StatusOr<HoldCounts> CountHolds(Connection& connection) {
  HoldCounts counts;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      // Whatever lives has a time; of places that are free there may be many.
      absl::StrCat(kSelectOfLiving,
                   "COUNT(CASE WHEN state = 1 THEN 1 END),COUNT(CASE WHEN state = 2 THEN 1 END) "
                   "FROM holds FORCE INDEX (by_expire_time) WHERE expire_time > '1000-01-01'"),
      [&counts](const Row& row) {
        counts.open = row.Int(1);
        counts.unsettled = row.Int(2);
      }));
  return counts;
}

}  // namespace reserve::storage
