#include "services/ledger/storage/usage_count_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Entry;
using domain::EntryKind;
using rates::UsageGroup;

// Rows of one statement; and all that can have one record time, which is a batch of each lane.
constexpr size_t kGroupsAtOnce = 1'000;
constexpr int kMostOfOneTime = 1'000'000;

int64_t NumberOf(absl::CivilDay day) { return (day.year() * 100 + day.month()) * 100 + day.day(); }

absl::CivilDay DayFrom(int64_t number) {
  return absl::CivilDay(number / 10'000, number / 100 % 100, number % 100);
}

// The columns of ListStretch.
Entry ReadEntry(const Row& row) {
  Entry entry;
  entry.record_time = row.Time(1);
  entry.account_id = row.Text(2);
  entry.seq = row.Int(3);
  entry.kind = static_cast<EntryKind>(row.Int(4));
  if (entry.kind == EntryKind::kVoid) {
    entry.voided.usage_id = row.Text(5);
    entry.voided.in_advance = row.Int(6) != 0;
    return entry;
  }
  domain::BookedUsage& booked = entry.booked.emplace();
  booked.rating.deck_version = row.Int(7);
  if (booked.rating.deck_version == 0) return entry;
  domain::Usage& usage = booked.usage;
  usage.usage_id = row.Text(8);
  usage.kind = static_cast<domain::UsageKind>(row.Int(9));
  usage.direction = static_cast<domain::Direction>(row.Int(10));
  usage.destination = row.Text(11);
  usage.carrier = row.Text(12);
  usage.start_time = row.Time(13);
  usage.duration = row.IsNull(15) ? absl::Seconds(row.Int(14)) : absl::Microseconds(row.Int(15));
  usage.segments = static_cast<int32_t>(row.Int(16));
  domain::Rating& rating = booked.rating;
  rating.basis = static_cast<domain::ChargeBasis>(row.Int(17));
  rating.prefix = row.Text(18);
  rating.price = row.Int(19);
  rating.connect_fee = row.Int(20);
  rating.initial_increment_seconds = static_cast<int32_t>(row.Int(21));
  rating.increment_seconds = static_cast<int32_t>(row.Int(22));
  rating.terms = row.Text(23);
  return entry;
}

// Those that say what was used; `last` is the record time of the last of any kind, and how many
// there were.
absl::Status ReadEntries(Connection& connection, absl::Time from, absl::Time to, int limit,
                         std::vector<Entry>* entries, absl::Time* last, int* count) {
  SqlText sql(
      "SELECT record_time,account_id,seq,kind,voided_usage_id,voided_in_advance,deck_version,"
      "usage_id,usage_kind,direction,destination,carrier,start_time,duration_seconds,"
      "duration_micros,segments,basis,prefix,price_nanos,connect_fee_nanos,"
      "initial_increment_seconds,increment_seconds,priced_terms FROM entries "
      "FORCE INDEX (PRIMARY) WHERE record_time >= ");
  sql.Raw(QuotedTime(from)).Raw(" AND record_time < ").Raw(QuotedTime(to));
  sql.Raw(absl::StrCat(" ORDER BY record_time LIMIT ", limit));
  return connection.Query(sql.str(), [&](const Row& row) {
    ++*count;
    if (domain::IsOfUsage(static_cast<EntryKind>(row.Int(4)))) {
      entries->push_back(ReadEntry(row));
      *last = entries->back().record_time;
    } else {
      *last = row.Time(1);
    }
  });
}

absl::Status Add(Connection& connection, absl::Span<const UsageGroup> groups) {
  SqlText sql(
      "INSERT INTO usage_by_prefix (day,deck_version,kind,prefix,carrier,initial_increment_seconds,"
      "increment_seconds,plain,month,usages,billed,seconds,units,list_cost_nanos) VALUES ");
  for (const UsageGroup& group : groups) {
    const int64_t day = NumberOf(group.day);
    sql.Row()
        .Int(day)
        .Int(group.deck_version)
        .Int(static_cast<int64_t>(group.kind))
        .Text(group.prefix)
        .Text(group.carrier)
        .Int(group.initial_increment_seconds)
        .Int(group.increment_seconds)
        .Int(group.plain ? 1 : 0)
        .Int(day / 100)
        .Int(group.usages)
        .Int(group.billed)
        .Int(group.seconds)
        .Int(group.units)
        .Int(group.list_cost)
        .EndRow();
  }
  sql.Raw(
      " ON DUPLICATE KEY UPDATE usages = usage_by_prefix.usages + VALUES(usages), billed = "
      "usage_by_prefix.billed + VALUES(billed), seconds = usage_by_prefix.seconds + "
      "VALUES(seconds), units = usage_by_prefix.units + VALUES(units), list_cost_nanos = "
      "usage_by_prefix.list_cost_nanos + VALUES(list_cost_nanos)");
  return connection.Execute(sql.str());
}

// In a transaction that is open. False if the position is not where it was read.
absl::StatusOr<bool> MoveAndAdd(Connection& connection, const UsageCount& count, absl::Time through,
                                absl::string_view ledger_id, absl::Time now,
                                absl::Span<const UsageGroup> groups) {
  SqlText sql("UPDATE usage_count SET through_time = ");
  sql.Raw(QuotedTime(through)).Raw(", ledger_id = ").Raw(Quoted(ledger_id));
  sql.Raw(", move_time = ").Raw(QuotedTime(now));
  sql.Raw(" WHERE id = 1 AND through_time = ").Raw(QuotedTime(count.through));
  RESERVE_ASSIGN_OR_RETURN(const int64_t moved, connection.Update(sql.str()));
  if (moved == 0) return false;
  for (size_t begin = 0; begin < groups.size(); begin += kGroupsAtOnce) {
    RESERVE_RETURN_IF_ERROR(Add(connection, groups.subspan(begin, kGroupsAtOnce)));
  }
  return true;
}

absl::StatusOr<std::vector<UsageGroup>> ListGroups(Connection& connection, absl::CivilDay first_day,
                                                   const std::vector<int64_t>& deck_versions) {
  std::vector<UsageGroup> groups;
  RESERVE_RETURN_IF_ERROR(InParts<int64_t>(deck_versions, [&](absl::Span<const int64_t> part) {
    return connection.Query(
        absl::StrCat("SELECT day,deck_version,kind,prefix,carrier,initial_increment_seconds,"
                     "increment_seconds,plain,usages,billed,seconds,units,list_cost_nanos "
                     "FROM usage_by_prefix WHERE day >= ",
                     NumberOf(first_day), " AND month >= ", NumberOf(first_day) / 100,
                     " AND deck_version IN (", absl::StrJoin(part, ","), ") ORDER BY day"),
        [&groups](const Row& row) {
          UsageGroup& group = groups.emplace_back();
          group.day = DayFrom(row.Int(1));
          group.deck_version = row.Int(2);
          group.kind = static_cast<rates::RateKind>(row.Int(3));
          group.prefix = row.Text(4);
          group.carrier = row.Text(5);
          group.initial_increment_seconds = static_cast<int32_t>(row.Int(6));
          group.increment_seconds = static_cast<int32_t>(row.Int(7));
          group.plain = row.Int(8) != 0;
          group.usages = row.Int(9);
          group.billed = row.Int(10);
          group.seconds = row.Int(11);
          group.units = row.Int(12);
          group.list_cost = row.Int(13);
        });
  }));
  return groups;
}

}  // namespace

absl::StatusOr<UsageCount> ReadUsageCount(Connection& connection) {
  UsageCount count;
  bool found = false;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT begin_time,through_time,ledger_id,move_time FROM usage_count WHERE id = 1",
      [&](const Row& row) {
        found = true;
        count.begin = row.Time(1);
        count.through = row.Time(2);
        count.ledger_id = row.Text(3);
        count.move_time = row.Time(4);
      }));
  if (!found) return BadRows("usage_count has no row");
  return count;
}

absl::StatusOr<EntryStretch> ListStretch(Connection& connection, absl::Time from, absl::Time to,
                                         int limit) {
  EntryStretch stretch;
  absl::Time last = from;
  int count = 0;
  RESERVE_RETURN_IF_ERROR(
      ReadEntries(connection, from, to, limit, &stretch.entries, &last, &count));
  stretch.through = to;
  if (count < limit) return stretch;
  // Of the last time there may be more.
  if (last == from) {
    stretch.entries.clear();
    stretch.through = from + absl::Microseconds(1);
    RESERVE_RETURN_IF_ERROR(ReadEntries(connection, from, stretch.through, kMostOfOneTime,
                                        &stretch.entries, &last, &count));
    return stretch;
  }
  stretch.through = last;
  while (!stretch.entries.empty() && stretch.entries.back().record_time == last) {
    stretch.entries.pop_back();
  }
  return stretch;
}

absl::StatusOr<bool> AddUsage(Connection& connection, const UsageCount& count, absl::Time through,
                              absl::string_view ledger_id, absl::Time now, absl::CivilDay first_day,
                              const std::vector<UsageGroup>& groups) {
  std::vector<UsageGroup> kept;
  std::copy_if(groups.begin(), groups.end(), std::back_inserter(kept),
               [first_day](const UsageGroup& group) { return group.day >= first_day; });
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  const absl::StatusOr<bool> added = MoveAndAdd(connection, count, through, ledger_id, now, kept);
  if (!added.ok() || !*added) {
    connection.Rollback();
    return added;
  }
  RESERVE_RETURN_IF_ERROR(connection.Commit());
  return true;
}

absl::StatusOr<CountedUsage> ReadCountedUsage(Connection& connection, absl::CivilDay first_day,
                                              const std::vector<int64_t>& deck_versions) {
  CountedUsage counted;
  const auto read = [&]() -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(counted.count, ReadUsageCount(connection));
    RESERVE_ASSIGN_OR_RETURN(counted.groups, ListGroups(connection, first_day, deck_versions));
    return absl::OkStatus();
  };
  // Both as of one moment.
  RESERVE_RETURN_IF_ERROR(
      connection.BeginSnapshot("usage_count, usage_by_prefix", /*account_id=*/""));
  const absl::Status status = read();
  connection.EndSnapshot();
  RESERVE_RETURN_IF_ERROR(status);
  return counted;
}

}  // namespace reserve::storage
