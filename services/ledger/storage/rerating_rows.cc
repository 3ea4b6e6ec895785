#include "services/ledger/storage/rerating_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using book::ReratingJob;

constexpr absl::string_view kOrderColumns =
    "number,request_id,digest,account_id,user_id,plan_id,prefix,from_time,to_time,currency,prices,"
    "deck_version,include_unrated,may_recharge,reason,actor,reference,state,at_account,at_seq,"
    "looked_at,changed,without_price,passed_over,failed,charged_nanos,returned_nanos,lease_epoch,"
    "create_time,update_time,cancel_reason,cancel_actor,cancel_reference,caller,cancel_caller";

constexpr int kRunning = 1;
constexpr int kDone = 2;
constexpr int kCanceled = 3;
constexpr int kMaxTries = 10;  // others may take the number that is next

ReratingJob ReadJob(const Row& row) {
  ReratingJob job;
  book::ReratingOrder& order = job.order;
  job.number = row.Int(1);
  order.request_id = row.Text(2);
  order.digest = row.Text(3);
  order.scope.account_id = row.Text(4);
  order.scope.user_id = row.Text(5);
  order.scope.plan_id = row.Text(6);
  order.scope.prefix = row.Text(7);
  if (!row.IsNull(8)) order.scope.from = row.Time(8);
  if (!row.IsNull(9)) order.scope.to = row.Time(9);
  order.scope.currency = row.Text(10);
  order.prices = static_cast<book::PricesBy>(row.Int(11));
  order.deck_version = row.Int(12);
  order.include_unrated = row.Int(13) != 0;
  order.may_recharge = row.Int(14) != 0;
  order.by = {row.Text(15), row.Text(16), row.Text(17), row.Text(34)};
  job.done = row.Int(18) == kDone;
  job.canceled = row.Int(18) == kCanceled;
  job.place = {row.Text(19), row.Int(20)};
  job.counts = {row.Int(21), row.Int(22), row.Int(23), row.Int(24),
                row.Int(25), row.Int(26), row.Int(27)};
  job.lease_epoch = row.Int(28);
  job.create_time = row.Time(29);
  job.update_time = row.Time(30);
  job.canceled_by = {row.Text(31), row.Text(32), row.Text(33), row.Text(35)};
  return job;
}

absl::StatusOr<std::vector<ReratingJob>> QueryJobs(Connection& connection,
                                                   const std::string& which) {
  std::vector<ReratingJob> jobs;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", kOrderColumns, " FROM reratings ", which),
                       [&jobs](const Row& row) { jobs.push_back(ReadJob(row)); }));
  return jobs;
}

absl::Status Insert(Connection& connection, const ReratingJob& job) {
  const book::ReratingOrder& order = job.order;
  SqlText sql(absl::StrCat("INSERT INTO reratings (", kOrderColumns, ",lease_owner) VALUES "));
  sql.Row()
      .Int(job.number)
      .Text(order.request_id)
      .Text(order.digest)
      .Text(order.scope.account_id)
      .Text(order.scope.user_id)
      .Text(order.scope.plan_id)
      .Text(order.scope.prefix)
      .Time(order.scope.from)
      .Time(order.scope.to)
      .Text(order.scope.currency)
      .Int(static_cast<int64_t>(order.prices))
      .Int(order.deck_version)
      .Int(order.include_unrated ? 1 : 0)
      .Int(order.may_recharge ? 1 : 0)
      .Text(order.by.reason)
      .Text(order.by.actor)
      .Text(order.by.reference)
      .Int(kRunning)
      .Text("")
      .Int(0);
  for (int count = 0; count < 8; ++count) sql.Int(0);
  sql.Time(job.create_time).Time(job.update_time);
  for (int text = 0; text < 3; ++text) sql.Text("");
  sql.Text(order.by.caller).Text("").Text("");
  sql.EndRow();
  return connection.Execute(sql.str());
}

// Of one whose state is `before`. How many rows that are: one, or none.
absl::StatusOr<int64_t> Save(Connection& connection, const ReratingJob& job, int before, int after,
                             absl::Time now, absl::Time lease_end) {
  const book::ReratingCounts& counts = job.counts;
  SqlText sql(absl::StrCat(
      "UPDATE reratings SET state = ", after, ", at_account = ", Quoted(job.place.account_id),
      ", at_seq = ", job.place.seq, ", looked_at = ", counts.looked_at,
      ", changed = ", counts.changed, ", without_price = ", counts.without_price,
      ", passed_over = ", counts.passed_over, ", failed = ", counts.failed, ", charged_nanos = ",
      counts.charged, ", returned_nanos = ", counts.returned, ", lease_end = "));
  sql.Time(lease_end);
  sql.Raw(", update_time = ").Raw(QuotedTime(now));
  sql.Raw(absl::StrCat(" WHERE number = ", job.number, " AND state = ", before,
                       " AND lease_epoch = ", job.lease_epoch));
  return connection.Update(sql.str());
}

// An entry of a usage lies in the partition of the month of its start, so only those are read.
void AppendScope(const book::ReratingScope& scope, SqlText* sql) {
  if (scope.from != absl::InfinitePast()) {
    sql->Raw(absl::StrCat(" AND month >= ", MonthOf(scope.from), " AND start_time >= "));
    sql->Raw(QuotedTime(scope.from));
  }
  if (scope.to != absl::InfiniteFuture()) {
    sql->Raw(absl::StrCat(" AND month <= ", MonthOf(scope.to), " AND start_time < "));
    sql->Raw(QuotedTime(scope.to));
  }
  if (!scope.user_id.empty()) sql->Raw(absl::StrCat(" AND user_id = ", Quoted(scope.user_id)));
  if (!scope.plan_id.empty()) sql->Raw(absl::StrCat(" AND plan_id = ", Quoted(scope.plan_id)));
  if (!scope.prefix.empty()) {
    sql->Raw(
        absl::StrCat(" AND LEFT(destination, ", scope.prefix.size(), ") = ", Quoted(scope.prefix)));
  }
}

}  // namespace

absl::StatusOr<ReratingJob> AddRerating(Connection& connection, const book::ReratingOrder& order,
                                        absl::Time now) {
  absl::Status added;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    RESERVE_ASSIGN_OR_RETURN(std::optional<ReratingJob> known,
                             FindRerating(connection, order.request_id));
    if (known.has_value()) return *std::move(known);
    ReratingJob job;
    job.order = order;
    job.create_time = job.update_time = now;
    RESERVE_RETURN_IF_ERROR(connection.Query("SELECT COALESCE(MAX(number), 0) + 1 FROM reratings",
                                             [&job](const Row& row) { job.number = row.Int(1); }));
    added = Insert(connection, job);
    if (added.ok()) return job;
    if (!absl::IsAlreadyExists(added)) break;  // else somebody took the number, or the id
  }
  return added;
}

absl::StatusOr<std::optional<ReratingJob>> FindRerating(Connection& connection,
                                                        absl::string_view request_id) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<ReratingJob> jobs,
      QueryJobs(connection, absl::StrCat("WHERE request_id = ", Quoted(request_id))));
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
}

absl::StatusOr<std::vector<ReratingJob>> ListReratings(Connection& connection, int64_t before,
                                                       int limit) {
  return QueryJobs(connection,
                   absl::StrCat("WHERE number < ", before, " ORDER BY number DESC LIMIT ", limit));
}

absl::StatusOr<bool> IsReratingLeft(Connection& connection) {
  bool is_left = false;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT number FROM reratings WHERE state = ", kRunning, " LIMIT 1"),
      [&is_left](const Row&) { is_left = true; }));
  return is_left;
}

absl::StatusOr<std::optional<ReratingJob>> ClaimRerating(Connection& connection,
                                                         absl::string_view ledger_id,
                                                         absl::Time now, absl::Time lease_end) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<ReratingJob> jobs,
      QueryJobs(connection, absl::StrCat("WHERE state = ", kRunning, " ORDER BY number LIMIT 1")));
  if (jobs.empty()) return std::nullopt;
  ReratingJob job = std::move(jobs.front());
  SqlText sql("UPDATE reratings SET lease_owner = ");
  sql.Raw(Quoted(ledger_id)).Raw(", lease_epoch = lease_epoch + 1, lease_end = ");
  sql.Time(lease_end);
  sql.Raw(absl::StrCat(" WHERE number = ", job.number, " AND state = ", kRunning,
                       " AND lease_epoch = ", job.lease_epoch, " AND (lease_owner = ",
                       Quoted(ledger_id), " OR lease_end IS NULL OR lease_end < "));
  sql.Raw(QuotedTime(now)).Raw(")");
  RESERVE_ASSIGN_OR_RETURN(const int64_t claimed, connection.Update(sql.str()));
  if (claimed == 0) return std::nullopt;
  ++job.lease_epoch;
  return job;
}

absl::StatusOr<std::optional<ReratingJob>> CancelRerating(Connection& connection,
                                                          absl::string_view request_id,
                                                          const domain::ByStaff& by,
                                                          absl::Time now) {
  SqlText sql(absl::StrCat(
      "UPDATE reratings SET state = ", kCanceled, ", cancel_reason = ", Quoted(by.reason),
      ", cancel_actor = ", Quoted(by.actor), ", cancel_caller = ", Quoted(by.caller),
      ", cancel_reference = ", Quoted(by.reference), ", update_time = "));
  sql.Raw(QuotedTime(now));
  sql.Raw(absl::StrCat(" WHERE request_id = ", Quoted(request_id), " AND state = ", kRunning));
  RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
  return FindRerating(connection, request_id);
}

absl::StatusOr<bool> SaveRerating(Connection& connection, const ReratingJob& job, absl::Time now,
                                  absl::Time lease_end) {
  RESERVE_ASSIGN_OR_RETURN(const int64_t saved, Save(connection, job, kRunning,
                                                     job.done ? kDone : kRunning, now, lease_end));
  if (saved != 0) return true;
  // Of one that was canceled meanwhile: what was done of it until then.
  RESERVE_RETURN_IF_ERROR(Save(connection, job, kCanceled, kCanceled, now, lease_end).status());
  return false;
}

absl::StatusOr<std::vector<AccountSpan>> AccountsOfScope(Connection& connection,
                                                         const book::ReratingScope& scope,
                                                         const book::ReratingPlace& place,
                                                         int limit) {
  SqlText sql(
      "SELECT a.account_id,b.last_seq FROM accounts a FORCE INDEX (PRIMARY) STRAIGHT_JOIN balances "
      "b FORCE INDEX (PRIMARY) ON b.account_id = a.account_id WHERE a.account_id >= ");
  sql.Raw(Quoted(place.account_id)).Raw(" AND a.currency = ").Raw(Quoted(scope.currency));
  if (!scope.account_id.empty()) {
    sql.Raw(absl::StrCat(" AND a.account_id = ", Quoted(scope.account_id)));
  }
  sql.Raw(absl::StrCat(" ORDER BY a.account_id LIMIT ", limit));
  std::vector<AccountSpan> spans;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&](const Row& row) {
    AccountSpan span{row.Text(1), row.Int(2), 0};
    if (span.account_id == place.account_id) span.after = place.seq;
    if (span.after < span.last_seq || span.account_id != place.account_id) {
      spans.push_back(std::move(span));
    }
  }));
  return spans;
}

absl::StatusOr<std::vector<UsageOfScope>> UsagesOfScope(Connection& connection,
                                                        const std::vector<AccountSpan>& spans,
                                                        const book::ReratingScope& scope) {
  RESERVE_ASSIGN_OR_RETURN(const int32_t archived, ReadArchivedMonth(connection));
  SqlText sql(
      "SELECT account_id,seq,usage_id FROM entries FORCE INDEX (by_account) WHERE account_id IN ");
  sql.Row();
  for (const AccountSpan& span : spans) sql.Text(span.account_id);
  sql.EndRow();
  // Of several accounts the first may have been gone through in part.
  if (spans.size() == 1) {
    sql.Raw(
        absl::StrCat(" AND seq > ", spans.front().after, " AND seq <= ", spans.front().last_seq));
  }
  sql.Raw(absl::StrCat(" AND kind IN (", static_cast<int>(domain::EntryKind::kUsage), ",",
                       static_cast<int>(domain::EntryKind::kRating), ")"));
  AppendScope(scope, &sql);
  sql.Raw(absl::StrCat(" AND month > ", archived));  // 0: nothing is archived
  sql.Raw(" ORDER BY account_id,seq");
  std::vector<UsageOfScope> usages;
  size_t at = 0;
  RESERVE_RETURN_IF_ERROR(connection.Query(sql.str(), [&](const Row& row) {
    UsageOfScope usage{row.Text(1), row.Int(2), row.Text(3)};
    while (at < spans.size() && spans[at].account_id != usage.account_id) ++at;
    if (at < spans.size() && usage.seq > spans[at].after && usage.seq <= spans[at].last_seq) {
      usages.push_back(std::move(usage));
    }
  }));
  return usages;
}

}  // namespace reserve::storage
