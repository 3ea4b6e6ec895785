#include "services/ledger/storage/event_rows.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Event;

// feed_time is not written: it is the column's default, the database's clock.
constexpr absl::string_view kInsertEvents =
    "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
    "recharge_ordinal,amount_nanos,recharge_kind,decline_class,obstacle,payment_method_id,actor,"
    "reference,usage_id,hold_id,caller,limit_kind,limit_level,user_id) VALUES ";
constexpr absl::string_view kSelectEvents =
    "SELECT e.account_id,e.event_seq,e.kind,e.cause,e.event_time,e.state,e.balance_nanos,"
    "e.recharge_ordinal,e.amount_nanos,e.recharge_kind,e.decline_class,e.obstacle,"
    "e.payment_method_id,e.actor,e.reference,e.usage_id,e.hold_id,e.caller,e.limit_kind,"
    "e.limit_level,e.user_id";

Event ReadEvent(const Row& row) {
  Event event;
  event.account_id = row.Text(1);
  event.event_seq = row.Int(2);
  event.kind = static_cast<domain::EventKind>(row.Int(3));
  event.cause = row.Text(4);
  event.time = row.Time(5);
  event.state = static_cast<domain::AccountState>(row.Int(6));
  event.balance = row.Int(7);
  event.recharge_ordinal = row.Int(8);
  event.amount = row.Int(9);
  const int64_t recharge_kind = row.Int(10);
  if (recharge_kind != 0) event.recharge_kind = static_cast<domain::RechargeKind>(recharge_kind);
  event.decline_class = static_cast<domain::DeclineClass>(row.Int(11));
  event.obstacle = static_cast<domain::RefillObstacle>(row.Int(12));
  event.payment_method_id = row.Text(13);
  event.actor = row.Text(14);
  event.reference = row.Text(15);
  event.usage_id = row.Text(16);
  event.hold_id = row.Text(17);
  event.caller = row.Text(18);
  event.limit = static_cast<domain::LimitKind>(row.Int(19));
  event.limit_level = static_cast<domain::LimitLevel>(row.Int(20));
  event.user_id = row.Text(21);
  return event;
}

std::string Literal(absl::Time time) {
  std::string text = "'";
  AppendDateTime6(time, &text);
  text.push_back('\'');
  return text;
}

}  // namespace

absl::Status InsertEvents(Connection& connection, const std::vector<const Event*>& events) {
  if (events.empty()) return absl::OkStatus();
  SqlText sql(kInsertEvents);
  for (const Event* e : events) {
    sql.Row()
        .Text(e->account_id)
        .Int(e->event_seq)
        .Int(static_cast<int64_t>(e->kind))
        .Text(e->cause)
        .Time(e->time)
        .Int(static_cast<int64_t>(e->state))
        .Int(e->balance)
        .Int(e->recharge_ordinal)
        .Int(e->amount)
        .Int(e->recharge_kind.has_value() ? static_cast<int64_t>(*e->recharge_kind) : 0)
        .Int(static_cast<int64_t>(e->decline_class))
        .Int(static_cast<int64_t>(e->obstacle))
        .Text(e->payment_method_id)
        .Text(e->actor)
        .Text(e->reference)
        .Text(e->usage_id)
        .Text(e->hold_id)
        .Text(e->caller)
        .Int(static_cast<int64_t>(e->limit))
        .Int(static_cast<int64_t>(e->limit_level))
        .Text(e->user_id)
        .EndRow();
  }
  return connection.Execute(sql.str());
}

absl::StatusOr<std::vector<Event>> ListEvents(Connection& connection, absl::string_view account_id,
                                              int64_t after, int limit) {
  std::vector<Event> events;
  const std::string sql =
      absl::StrCat(kSelectEvents, " FROM events e WHERE e.account_id = ", Quoted(account_id),
                   " AND e.event_seq > ", after, " ORDER BY e.event_seq LIMIT ", limit);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&events](const Row& row) { events.push_back(ReadEvent(row)); }));
  return events;
}

absl::StatusOr<std::vector<Event>> ListEventsWithin(Connection& connection,
                                                    absl::string_view account_id,
                                                    const EventRange& range,
                                                    const EventFilter& filter, int limit) {
  std::string sql =
      absl::StrCat(kSelectEvents,
                   " FROM events e FORCE INDEX (PRIMARY) WHERE e.account_id = ", Quoted(account_id),
                   " AND e.event_seq >= ", range.first, " AND e.event_seq < ", range.end);
  std::vector<int> kinds;
  for (const domain::EventKind kind : filter.kinds) kinds.push_back(static_cast<int>(kind));
  if (!kinds.empty()) absl::StrAppend(&sql, " AND e.kind IN (", absl::StrJoin(kinds, ","), ")");
  absl::StrAppend(&sql, AndBetween("e.event_time", filter.from, filter.before),
                  " ORDER BY e.event_seq", filter.newest_first ? " DESC" : "", " LIMIT ", limit);
  std::vector<Event> events;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(sql, [&events](const Row& row) { events.push_back(ReadEvent(row)); }));
  return events;
}

absl::StatusOr<absl::Time> DatabaseTime(Connection& connection) {
  absl::Time now = absl::InfinitePast();
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT UTC_TIMESTAMP(6)", [&now](const Row& row) { now = row.Time(1); }));
  return now;
}

absl::StatusOr<std::vector<FeedPlace>> ListFeed(Connection& connection, const FeedPlace& after,
                                                absl::string_view account_id, int limit) {
  // Only columns of the index, so that the rows themselves are not touched. The
  // first condition is the range: neither server makes one of (a, b, c) > (x, y, z).
  const std::string time = Literal(after.feed_time);
  std::string sql = absl::StrCat(
      "SELECT feed_time,account_id,event_seq FROM events FORCE INDEX (by_feed_time) "
      "WHERE feed_time >= ",
      time, " AND (feed_time > ", time, " OR account_id > ", Quoted(after.account_id),
      " OR (account_id = ", Quoted(after.account_id), " AND event_seq > ", after.event_seq, "))");
  if (!account_id.empty()) absl::StrAppend(&sql, " AND account_id = ", Quoted(account_id));
  absl::StrAppend(&sql, " ORDER BY feed_time,account_id,event_seq LIMIT ", limit);
  std::vector<FeedPlace> places;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql, [&places](const Row& row) {
    places.push_back({row.Time(1), row.Text(2), row.Int(3)});
  }));
  return places;
}

absl::StatusOr<std::vector<FeedEvent>> LoadFeedEvents(Connection& connection,
                                                      const std::vector<EventKey>& keys) {
  std::vector<FeedEvent> events;
  if (keys.empty()) return events;
  // Sorted, so that one part is before the next.
  std::vector<EventKey> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  RESERVE_RETURN_IF_ERROR(InParts<EventKey>(sorted, [&](absl::Span<const EventKey> part) {
    SqlText sql(kSelectEvents);
    sql.Raw(
        ",a.currency,e.feed_time FROM events e FORCE INDEX (PRIMARY) "
        "STRAIGHT_JOIN accounts a FORCE INDEX (PRIMARY) ON a.account_id = e.account_id WHERE "
        "(e.account_id,e.event_seq) IN (");
    for (const auto& [account_id, event_seq] : part) {
      sql.Row().Text(account_id).Int(event_seq).EndRow();
    }
    sql.Raw(") ORDER BY e.account_id,e.event_seq");
    return connection.Query(sql.str(), [&events](const Row& row) {
      events.push_back({ReadEvent(row), row.Text(22), row.Time(23)});
    });
  }));
  return events;
}

}  // namespace reserve::storage
