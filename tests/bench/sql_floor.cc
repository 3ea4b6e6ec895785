#include "tests/bench/sql_floor.h"

#include <algorithm>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/utc.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"
#include "tests/bench/traffic.h"

namespace reserve::bench {
namespace {

using storage::Connection;
using storage::Quoted;

// More than any machine of two cores writes; the text of the statements is made for so many.
constexpr int64_t kMostRowsPerSecond = 150'000;
// The entries that every account has before any load (see stage.h).
constexpr int64_t kFirstFreeSeq = 1'000;
// Any month and any hash: as long as real ones.
constexpr int64_t kMonth = 202611;
constexpr char kHash[] = "0123456789abcdef0123456789abcdef";

bool IsNumber(const std::string& type) {
  return type == "tinyint" || type == "smallint" || type == "int" || type == "bigint";
}

}  // namespace

absl::StatusOr<std::vector<SqlFloor::Column>> SqlFloor::ShapeOf(Connection& connection,
                                                                const std::string& table,
                                                                const std::string& condition) {
  const std::map<std::string, Source> sources = {{"record_time", Source::kRecordTime},
                                                 {"account_id", Source::kAccountId},
                                                 {"seq", Source::kSeq},
                                                 {"usage_id", Source::kUsageId}};
  std::vector<Column> all;
  std::vector<bool> numbers;
  std::string names;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT column_name, data_type FROM information_schema.columns "
                                    "WHERE table_schema = DATABASE() AND table_name = ",
                                    Quoted(table), " ORDER BY ordinal_position"),
                       [&](const storage::Row& row) {
                         Column column;
                         column.name = row.Text(1);
                         const auto source = sources.find(column.name);
                         if (source != sources.end()) column.source = source->second;
                         numbers.push_back(IsNumber(row.Text(2)));
                         absl::StrAppend(&names, names.empty() ? "" : ",", column.name);
                         all.push_back(std::move(column));
                       }));
  std::vector<Column> shape;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", names, " FROM ", table, " WHERE ", condition),
                       [&](const storage::Row& row) {
                         shape.clear();
                         for (size_t i = 0; i < all.size(); ++i) {
                           const int at = static_cast<int>(i) + 1;
                           if (row.IsNull(at)) continue;
                           all[i].literal = numbers[i] ? row.Text(at) : Quoted(row.Text(at));
                           shape.push_back(all[i]);
                         }
                       }));
  if (shape.empty()) return absl::NotFoundError(absl::StrCat(table, " has no row to copy"));
  return shape;
}

absl::StatusOr<SqlFloor> SqlFloor::Create(const storage::DatabaseOptions& ledger_schema,
                                          const storage::DatabaseOptions& floor_schema,
                                          const std::string& account_id, int accounts) {
  SqlFloor floor;
  floor.database_ = floor_schema;
  floor.last_seq_.assign(static_cast<size_t>(accounts) + 1, kFirstFreeSeq);
  RESERVE_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                           Connection::Open(ledger_schema));
  const std::string of_account = absl::StrCat("account_id = ", Quoted(account_id));
  RESERVE_ASSIGN_OR_RETURN(
      floor.entry_columns_,
      ShapeOf(*connection, "entries",
              absl::StrCat(of_account, " AND usage_id IS NOT NULL ORDER BY seq DESC LIMIT 1")));
  RESERVE_ASSIGN_OR_RETURN(
      floor.usage_id_columns_,
      ShapeOf(*connection, "usage_ids", absl::StrCat(of_account, " ORDER BY seq DESC LIMIT 1")));
  return floor;
}

absl::Status SqlFloor::Empty() {
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto connection, Connection::Open(database_));
  RESERVE_RETURN_IF_ERROR(connection->Execute("TRUNCATE TABLE usage_ids"));
  return connection->Execute("TRUNCATE TABLE entries");
}

std::string SqlFloor::InsertInto(const std::string& table, const std::vector<Column>& columns) {
  std::string sql = absl::StrCat("INSERT INTO ", table, " (");
  for (const Column& column : columns) {
    absl::StrAppend(&sql, &column == &columns.front() ? "" : ",", column.name);
  }
  return sql + ") VALUES ";
}

void SqlFloor::AppendRow(const std::vector<Column>& columns, const std::string& record_time,
                         const std::string& account_id, int64_t seq, const std::string& usage_id,
                         std::string* sql) {
  sql->append(sql->back() == ')' ? ",(" : "(");
  for (const Column& column : columns) {
    if (&column != &columns.front()) sql->push_back(',');
    switch (column.source) {
      case Source::kCopied:
        sql->append(column.literal);
        break;
      case Source::kRecordTime:
        absl::StrAppend(sql, "'", record_time, "'");
        break;
      case Source::kAccountId:
        absl::StrAppend(sql, "'", account_id, "'");
        break;
      case Source::kSeq:
        absl::StrAppend(sql, seq);
        break;
      case Source::kUsageId:
        absl::StrAppend(sql, "'", usage_id, "'");
        break;
    }
  }
  sql->push_back(')');
}

// One transaction of a thread. As with the ledger's lanes each thread has accounts of its
// own, in order within a statement.
SqlFloor::Transaction SqlFloor::Write(const Options& options, int thread) {
  const auto accounts = static_cast<uint64_t>(last_seq_.size() - 1);
  const auto threads = static_cast<uint64_t>(options.threads);
  std::map<std::string, int64_t> touched;
  const absl::Time now = absl::Now();
  std::string record_time;
  AppendDateTime6(now, &record_time);
  Transaction transaction;
  transaction.usage_ids = InsertInto("usage_ids", usage_id_columns_);
  transaction.entries = InsertInto("entries", entry_columns_);
  for (int i = 0; i < options.batch; ++i) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const uint64_t drawn = random_ % (accounts / threads) * threads;
    const auto number = static_cast<size_t>(1 + drawn + static_cast<uint64_t>(thread));
    const std::string account_id = AccountId(static_cast<int>(number));
    const int64_t seq = ++last_seq_[number];
    const std::string usage_id = UsageIdAt(now, ++ids_, random_);
    AppendRow(usage_id_columns_, record_time, account_id, seq, usage_id, &transaction.usage_ids);
    AppendRow(entry_columns_, record_time, account_id, seq, usage_id, &transaction.entries);
    touched[account_id] = seq;
  }
  if (options.balances) {
    storage::SqlText sql(
        "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,"
        "head_hash) VALUES ");
    for (const auto& [account_id, seq] : touched) {
      sql.Row()
          .Text(account_id)
          .Int(1'000'000'000'000'000 - seq)
          .Int(seq)
          .Int(1)
          .Int(seq)
          .Int(kMonth)
          .Bytes(kHash)
          .EndRow();
    }
    sql.Raw(
        " ON DUPLICATE KEY UPDATE balance_nanos=VALUES(balance_nanos),last_seq=VALUES(last_seq),"
        "version=VALUES(version),revision=VALUES(revision),month=VALUES(month),head_hash=VALUES("
        "head_hash)");
    transaction.balances = sql.str();
  }
  return transaction;
}

void SqlFloor::Work(const std::vector<Transaction>& transactions, const Options& options,
                    Progress& progress, absl::Status* status) const {
  const storage::SqlThread sql_thread;
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(database_);
  *status = connection.status();
  for (const Transaction& transaction : transactions) {
    if (progress.stop || !status->ok()) break;
    *status = (*connection)->Begin();
    if (status->ok()) *status = (*connection)->Execute(transaction.usage_ids);
    if (status->ok()) *status = (*connection)->Execute(transaction.entries);
    if (status->ok() && options.balances) *status = (*connection)->Execute(transaction.balances);
    if (status->ok()) *status = (*connection)->Commit();
    if (status->ok()) progress.done.fetch_add(options.batch, std::memory_order_relaxed);
  }
  if (!progress.stop) progress.Exhausted();
}

absl::StatusOr<WindowResult> SqlFloor::Run(const Options& options, const Timing& timing,
                                           const CpuMeter& cpu) {
  const auto rows = static_cast<int64_t>(static_cast<double>(kMostRowsPerSecond) *
                                         absl::ToDoubleSeconds(timing.ramp + timing.window));
  const int64_t count = rows / options.batch / options.threads + 1;
  std::vector<std::vector<Transaction>> work(static_cast<size_t>(options.threads));
  for (int64_t i = 0; i < count; ++i) {
    for (int thread = 0; thread < options.threads; ++thread) {
      work[static_cast<size_t>(thread)].push_back(Write(options, thread));
    }
  }
  Progress progress;
  std::vector<absl::Status> statuses(work.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < work.size(); ++i) {
    threads.emplace_back(
        [this, &options, &progress, &transactions = work[i], status = &statuses[i]] {
          Work(transactions, options, progress, status);
        });
  }
  const WindowResult result = MeasureWindow(timing, cpu, progress);
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) RESERVE_RETURN_IF_ERROR(status);
  return result;
}

}  // namespace reserve::bench
