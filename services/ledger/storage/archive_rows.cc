#include "services/ledger/storage/archive_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/domain/hold.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/domain/usage_state.h"
#include "services/ledger/storage/database_error.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/rerating_rows.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::CreditGrant;

// So many of a kind are named by what keeps a month open.
constexpr int kNamed = 5;
// Rows of one statement.
constexpr size_t kRowsAtOnce = 500;

// "after < month <= upto" of the table of entries.
std::string OfMonths(int32_t after, int32_t upto) {
  return absl::StrCat(" AND month > ", after, " AND month <= ", upto);
}

// "number:seq:left:end" each, with spaces between.
std::string TextOfGrants(const std::vector<CreditGrant>& grants) {
  return absl::StrJoin(grants, " ", [](std::string* out, const CreditGrant& grant) {
    absl::StrAppend(out, grant.number, ":", grant.seq, ":", grant.remaining, ":",
                    absl::ToUnixMicros(grant.end));
  });
}

std::vector<CreditGrant> GrantsFrom(const std::string& text) {
  std::vector<CreditGrant> grants;
  for (const absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::vector<absl::string_view> fields = absl::StrSplit(part, ':');
    CreditGrant grant;
    int64_t end = 0;
    // What was altered is no grant: the audit then misses it.
    if (fields.size() != 4 || !absl::SimpleAtoi(fields[0], &grant.number) ||
        !absl::SimpleAtoi(fields[1], &grant.seq) ||
        !absl::SimpleAtoi(fields[2], &grant.remaining) || !absl::SimpleAtoi(fields[3], &end)) {
      continue;
    }
    grant.end = absl::FromUnixMicros(end);
    grants.push_back(grant);
  }
  return grants;
}

// What was read of it must still be so: a person may have been forgotten since.
absl::Status LockAccount(Connection& connection, const std::string& account, int64_t version) {
  RESERVE_ASSIGN_OR_RETURN(
      const int64_t locked,
      connection.Update(absl::StrCat(
          "UPDATE balances SET version = version + 1, revision = revision + 1 WHERE account_id = ",
          account, " AND version = ", version)));
  return locked == 1 ? absl::OkStatus() : BalanceMoved("the account changed while it was read");
}

absl::Status WriteHeadAllowances(Connection& connection, const ArchivedHead& head) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(absl::StrCat(
      "DELETE FROM archived_allowances WHERE account_id = ", Quoted(head.account_id))));
  return InParts<ArchivedAllowance>(
      head.allowances,
      [&](absl::Span<const ArchivedAllowance> part) {
        SqlText sql(
            "INSERT INTO archived_allowances (account_id,user_id,period,seconds_used) VALUES ");
        for (const ArchivedAllowance& each : part) {
          sql.Row()
              .Text(head.account_id)
              .Text(each.user_id)
              .Int(each.used.period)
              .Int(each.used.seconds_used)
              .EndRow();
        }
        return connection.Execute(sql.str());
      },
      kRowsAtOnce);
}

absl::Status WriteHead(Connection& connection, const ArchivedHead& head) {
  SqlText sql(
      "INSERT INTO archived_heads (account_id,month,seq,balance_nanos,entry_hash,border_time,"
      "grants) VALUES ");
  sql.Row()
      .Text(head.account_id)
      .Int(head.month)
      .Int(head.seq)
      .Int(head.balance)
      .Bytes({head.hash.data(), head.hash.size()})
      .Time(head.border)
      .Text(TextOfGrants(head.grants))
      .EndRow();
  sql.Raw(
      " ON DUPLICATE KEY UPDATE month=VALUES(month),seq=VALUES(seq),"
      "balance_nanos=VALUES(balance_nanos),entry_hash=VALUES(entry_hash),"
      "border_time=VALUES(border_time),grants=VALUES(grants)");
  return connection.Execute(sql.str());
}

// What stays from now on, in the place of what stayed before.
absl::Status WriteKept(Connection& connection, const HeadMove& move, const std::string& account) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("DELETE FROM kept_entries WHERE account_id = ", account, " AND seq > ",
                   move.after_seq, " AND seq <= ", move.head.seq)));
  RESERVE_RETURN_IF_ERROR(InParts<int64_t>(move.dropped, [&](absl::Span<const int64_t> part) {
    return connection.Execute(absl::StrCat("DELETE FROM kept_entries WHERE account_id = ", account,
                                           " AND seq IN (", absl::StrJoin(part, ","), ")"));
  }));
  RESERVE_RETURN_IF_ERROR(InParts<KeptEntry>(
      move.kept,
      [&](absl::Span<const KeptEntry> part) {
        return InsertKept(connection, {part.begin(), part.end()});
      },
      kRowsAtOnce));
  return KeepEntriesAfter(connection, move.head.account_id, move.after_month, move.head.month,
                          move.head.seq);
}

// Adds a line of the accounts and ids that a query finds, if it finds any.
absl::Status AddOpen(Connection& connection, absl::string_view what, const std::string& sql,
                     std::vector<std::string>* lines) {
  std::vector<std::string> found;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(sql, " LIMIT ", kNamed + 1),
      [&found](const Row& row) { found.push_back(absl::StrCat(row.Text(1), "/", row.Text(2))); }));
  if (found.empty()) return absl::OkStatus();
  const bool more = found.size() > kNamed;
  if (more) found.resize(kNamed);
  lines->push_back(absl::StrCat(what, ": ", absl::StrJoin(found, ", "), more ? " and more" : ""));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int32_t> ReadArchivedMonth(Connection& connection) {
  int32_t month = 0;
  RESERVE_RETURN_IF_ERROR(
      connection.Query("SELECT COALESCE(MAX(month),0) FROM archives",
                       [&month](const Row& row) { month = static_cast<int32_t>(row.Int(1)); }));
  return month;
}

absl::StatusOr<std::vector<Archive>> ListArchives(Connection& connection) {
  std::vector<Archive> archives;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT month,stage,entries,entries_bytes,entries_sha256,numbers,numbers_bytes,"
      "numbers_sha256 FROM archives ORDER BY month",
      [&archives](const Row& row) {
        archives.push_back({static_cast<int32_t>(row.Int(1)),
                            static_cast<ArchiveStage>(row.Int(2)),
                            {row.Int(3), row.Int(4), row.Text(5)},
                            {row.Int(6), row.Int(7), row.Text(8)}});
      }));
  return archives;
}

absl::Status SealMonth(Connection& connection, int32_t month, absl::Time now) {
  SqlText sql("INSERT INTO archives (month,stage,seal_time) VALUES ");
  sql.Row().Int(month).Int(static_cast<int64_t>(ArchiveStage::kSealed)).Time(now).EndRow();
  sql.Raw(" ON DUPLICATE KEY UPDATE seal_time=archives.seal_time");
  return connection.Execute(sql.str());
}

absl::Status UnsealMonth(Connection& connection, int32_t month) {
  return connection.Execute(absl::StrCat("DELETE FROM archives WHERE month = ", month,
                                         " AND stage = ", static_cast<int>(ArchiveStage::kSealed)));
}

absl::Status NoteArchiveWritten(Connection& connection, const Archive& archive, absl::Time now) {
  return connection.Execute(absl::StrCat(
      "UPDATE archives SET stage = ", static_cast<int>(ArchiveStage::kWritten),
      ", write_time = ", QuotedTime(now), ", entries = ", archive.entries.lines,
      ", entries_bytes = ", archive.entries.bytes,
      ", entries_sha256 = ", Quoted(archive.entries.sha256), ", numbers = ", archive.numbers.lines,
      ", numbers_bytes = ", archive.numbers.bytes,
      ", numbers_sha256 = ", Quoted(archive.numbers.sha256), " WHERE month = ", archive.month,
      " AND stage = ", static_cast<int>(ArchiveStage::kSealed)));
}

absl::Status NoteArchiveDropped(Connection& connection, int32_t month, absl::Time now) {
  return connection.Execute(
      absl::StrCat("UPDATE archives SET stage = ", static_cast<int>(ArchiveStage::kDropped),
                   ", drop_time = ", QuotedTime(now), " WHERE month = ", month,
                   " AND stage = ", static_cast<int>(ArchiveStage::kWritten)));
}

absl::StatusOr<std::optional<ArchivedHead>> FindArchivedHead(Connection& connection,
                                                             absl::string_view account_id) {
  std::optional<ArchivedHead> found;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT month,seq,balance_nanos,entry_hash,border_time,grants FROM "
                   "archived_heads WHERE account_id = ",
                   Quoted(account_id)),
      [&](const Row& row) {
        ArchivedHead& head = found.emplace();
        head.account_id = std::string(account_id);
        head.month = static_cast<int32_t>(row.Int(1));
        head.seq = row.Int(2);
        head.balance = row.Int(3);
        row.Bytes(4, absl::MakeSpan(head.hash));
        head.border = row.Time(5);
        head.grants = GrantsFrom(row.Text(6));
      }));
  return found;
}

absl::StatusOr<std::vector<ArchivedAllowance>> ListArchivedAllowances(
    Connection& connection, absl::string_view account_id) {
  std::vector<ArchivedAllowance> allowances;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT user_id,period,seconds_used FROM archived_allowances "
                   "WHERE account_id = ",
                   Quoted(account_id)),
      [&allowances](const Row& row) {
        allowances.push_back({row.Text(1), {static_cast<int32_t>(row.Int(2)), row.Int(3)}});
      }));
  return allowances;
}

absl::Status MoveHead(Connection& connection, const HeadMove& move) {
  const std::string account = Quoted(move.head.account_id);
  RESERVE_RETURN_IF_ERROR(LockAccount(connection, account, move.version));
  RESERVE_RETURN_IF_ERROR(WriteKept(connection, move, account));
  RESERVE_RETURN_IF_ERROR(
      InParts<std::string>(move.ended_states, [&](absl::Span<const std::string> part) {
        SqlText sql(absl::StrCat("DELETE FROM usage_states WHERE account_id = ", account,
                                 " AND usage_id IN "));
        sql.Row();
        for (const std::string& usage_id : part) sql.Text(usage_id);
        return connection.Execute(sql.EndRow().str());
      }));
  RESERVE_RETURN_IF_ERROR(
      connection.Execute(absl::StrCat("DELETE FROM account_months WHERE account_id = ", account,
                                      " AND month <= ", move.head.month)));
  RESERVE_RETURN_IF_ERROR(WriteHeadAllowances(connection, move.head));
  return WriteHead(connection, move.head);
}

absl::StatusOr<std::vector<std::string>> AccountsOfMonths(Connection& connection, int32_t after,
                                                          int32_t upto,
                                                          absl::string_view after_account,
                                                          int limit) {
  std::vector<std::string> accounts;
  const auto add = [&accounts](const Row& row) { accounts.push_back(row.Text(1)); };
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT DISTINCT account_id FROM entries FORCE INDEX (by_account) WHERE "
                   "account_id > ",
                   Quoted(after_account), OfMonths(after, upto), " ORDER BY account_id LIMIT ",
                   limit),
      add));
  const size_t of_entries = accounts.size();
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat(
          "SELECT DISTINCT account_id FROM kept_entries WHERE account_id > ", Quoted(after_account),
          " AND kind IN (", static_cast<int>(domain::EntryKind::kUsage), ",",
          static_cast<int>(domain::EntryKind::kRating), ") ORDER BY account_id LIMIT ", limit),
      add));
  std::inplace_merge(accounts.begin(), accounts.begin() + static_cast<ptrdiff_t>(of_entries),
                     accounts.end());
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  if (accounts.size() > static_cast<size_t>(limit)) accounts.resize(static_cast<size_t>(limit));
  return accounts;
}

absl::StatusOr<int64_t> FindHeadSeq(Connection& connection, absl::string_view account_id,
                                    int64_t from, int32_t upto, absl::Time border) {
  constexpr absl::string_view kTables[] = {"entries FORCE INDEX (by_account)", "kept_entries"};
  int64_t last = from;
  const std::string account = Quoted(account_id);
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT last_seq FROM balances WHERE account_id = ", account),
                       [&last](const Row& row) { last = row.Int(1); }));
  const auto stop_before = [&last](const Row& row) { last = std::min(last, row.Int(1) - 1); };
  for (const absl::string_view table : kTables) {
    RESERVE_RETURN_IF_ERROR(connection.Query(
        absl::StrCat("SELECT seq FROM ", table, " WHERE account_id = ", account, " AND seq > ",
                     from, " AND (month > ", upto, " OR record_time >= ", QuotedTime(border),
                     ") ORDER BY seq LIMIT 1"),
        stop_before));
  }
  return last;
}

absl::StatusOr<std::vector<std::string>> WhatIsOpen(Connection& connection, absl::Time end) {
  std::vector<std::string> lines;
  const std::string before = QuotedTime(end);
  RESERVE_RETURN_IF_ERROR(AddOpen(
      connection, "usages without a price (rate or void them)",
      absl::StrCat("SELECT account_id,usage_id FROM usage_states FORCE INDEX (by_status) WHERE "
                   "status = ",
                   static_cast<int>(domain::UsageStatus::kUnrated), " AND start_time < ", before),
      &lines));
  RESERVE_RETURN_IF_ERROR(AddOpen(
      connection, "calls in progress, or without their record",
      absl::StrCat("SELECT account_id,hold_id FROM holds WHERE state IN (",
                   static_cast<int>(domain::HoldState::kOpen), ",",
                   static_cast<int>(domain::HoldState::kUnsettled), ") AND create_time < ", before),
      &lines));
  RESERVE_ASSIGN_OR_RETURN(const bool rerating, IsReratingLeft(connection));
  if (rerating) lines.emplace_back("a rerating that is under way");
  return lines;
}

absl::StatusOr<int64_t> CountEntriesOfMonths(Connection& connection, int32_t after, int32_t upto) {
  int64_t count = 0;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT COUNT(*) FROM entries FORCE INDEX (by_account) WHERE 1 = 1",
                   OfMonths(after, upto)),
      [&count](const Row& row) { count = row.Int(1); }));
  return count;
}

}  // namespace reserve::storage
