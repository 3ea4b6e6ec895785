#include "tests/bench/sql_floor.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
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
constexpr int64_t kMostCallsPerSecond = 40'000;
constexpr int kStepsOfACall = 3;
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
                                                                const std::string& condition,
                                                                bool sparse) {
  // The times of a hold are near that of its writing.
  static const auto* const kSources =
      new std::map<std::string, Source>{{"record_time", Source::kRecordTime},
                                        {"account_id", Source::kAccountId},
                                        {"seq", Source::kSeq},
                                        {"usage_id", Source::kUsageId},
                                        {"hold_id", Source::kHoldId},
                                        {"price_time", Source::kRecordTime},
                                        {"answer_time", Source::kRecordTime},
                                        {"expire_time", Source::kRecordTime},
                                        {"create_time", Source::kRecordTime},
                                        {"end_time", Source::kRecordTime}};
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
                           if (row.IsNull(at) && sparse) continue;
                           all[i].literal = row.IsNull(at) ? "NULL"
                                            : numbers[i]   ? row.Text(at)
                                                           : Quoted(row.Text(at));
                           const auto source = kSources->find(all[i].name);
                           const bool is_set = !row.IsNull(at) && !row.Text(at).empty();
                           if (is_set && source != kSources->end()) all[i].source = source->second;
                           shape.push_back(all[i]);
                         }
                       }));
  if (shape.empty()) return absl::NotFoundError(absl::StrCat(table, " has no row to copy"));
  return shape;
}

absl::Status SqlFloor::CopyHolds(Connection& connection, const CallExamples& examples) {
  const auto of = [](const std::string& account_id) {
    return absl::StrCat("account_id = ", Quoted(account_id));
  };
  RESERVE_ASSIGN_OR_RETURN(created_columns_,
                           ShapeOf(connection, "holds", of(examples.created), /*sparse=*/false));
  RESERVE_ASSIGN_OR_RETURN(extended_columns_,
                           ShapeOf(connection, "holds", of(examples.extended), /*sparse=*/false));
  RESERVE_ASSIGN_OR_RETURN(free_columns_,
                           ShapeOf(connection, "holds", of(examples.settled), /*sparse=*/false));
  RESERVE_ASSIGN_OR_RETURN(ended_hold_columns_, ShapeOf(connection, "ended_holds",
                                                        of(examples.settled), /*sparse=*/false));
  return absl::OkStatus();
}

absl::StatusOr<SqlFloor> SqlFloor::Create(const storage::DatabaseOptions& ledger_schema,
                                          const storage::DatabaseOptions& floor_schema,
                                          const std::string& account_id,
                                          const CallExamples& examples, int accounts) {
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
  RESERVE_RETURN_IF_ERROR(floor.CopyHolds(*connection, examples));
  return floor;
}

absl::Status SqlFloor::Empty() {
  const storage::SqlThread sql_thread;
  RESERVE_ASSIGN_OR_RETURN(const auto connection, Connection::Open(database_));
  for (const char* table : {"usage_ids", "entries", "holds", "ended_holds"}) {
    RESERVE_RETURN_IF_ERROR(connection->Execute(absl::StrCat("TRUNCATE TABLE ", table)));
  }
  return absl::OkStatus();
}

std::string SqlFloor::InsertInto(const std::string& table, const std::vector<Column>& columns) {
  std::string sql = absl::StrCat("INSERT INTO ", table, " (");
  for (const Column& column : columns) {
    absl::StrAppend(&sql, &column == &columns.front() ? "" : ",", column.name);
  }
  return sql + ") VALUES ";
}

void SqlFloor::AppendRow(const std::vector<Column>& columns, const std::string& record_time,
                         const Piece& piece, std::string* sql) {
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
        absl::StrAppend(sql, "'", piece.account_id, "'");
        break;
      case Source::kSeq:
        absl::StrAppend(sql, piece.seq);
        break;
      case Source::kUsageId:
        absl::StrAppend(sql, "'", piece.usage_id, "'");
        break;
      case Source::kHoldId:
        absl::StrAppend(sql, "'", piece.hold_id, "'");
        break;
    }
  }
  sql->push_back(')');
}

std::string SqlFloor::Inserted(const std::string& table, const std::vector<Column>& columns,
                               const std::string& record_time, const std::vector<Piece>& pieces) {
  std::string sql = InsertInto(table, columns);
  for (const Piece& piece : pieces) AppendRow(columns, record_time, piece, &sql);
  return sql;
}

std::string SqlFloor::Upserted(const std::string& table, const std::vector<Column>& columns,
                               const std::string& record_time, const std::vector<Piece>& pieces) {
  std::string sql = Inserted(table, columns, record_time, pieces);
  absl::StrAppend(&sql, " ON DUPLICATE KEY UPDATE ");
  for (const Column& column : columns) {
    absl::StrAppend(&sql, &column == &columns.front() ? "" : ",", column.name, "=VALUES(",
                    column.name, ")");
  }
  return sql;
}

std::string SqlFloor::Balances(const std::vector<Piece>& pieces) {
  std::map<std::string, int64_t> touched;
  for (const Piece& piece : pieces) touched[piece.account_id] = piece.seq;
  storage::SqlText sql(
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,"
      "head_hash,held_nanos,accrued_nanos,holds) VALUES ");
  for (const auto& [account_id, seq] : touched) {
    sql.Row()
        .Text(account_id)
        .Int(1'000'000'000'000'000 - seq)
        .Int(seq)
        .Int(1)
        .Int(seq)
        .Int(kMonth)
        .Bytes(kHash)
        .Int(0)
        .Int(0)
        .Int(0)
        .EndRow();
  }
  sql.Raw(
      " ON DUPLICATE KEY UPDATE balance_nanos=VALUES(balance_nanos),last_seq=VALUES(last_seq),"
      "version=VALUES(version),revision=VALUES(revision),month=VALUES(month),head_hash=VALUES("
      "head_hash),held_nanos=VALUES(held_nanos),accrued_nanos=VALUES(accrued_nanos),"
      "holds=VALUES(holds)");
  return sql.str();
}

// As with the ledger's lanes each thread has accounts of its own.
std::vector<SqlFloor::Piece> SqlFloor::Draw(const Options& options, int thread, absl::Time now) {
  const auto accounts = static_cast<uint64_t>(last_seq_.size() - 1);
  const auto threads = static_cast<uint64_t>(options.threads);
  std::vector<Piece> pieces;
  std::set<size_t> drawn;
  while (pieces.size() < static_cast<size_t>(options.batch)) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    const uint64_t place = random_ % (accounts / threads) * threads;
    const auto number = static_cast<size_t>(1 + place + static_cast<uint64_t>(thread));
    if (!drawn.insert(number).second && options.rows == Rows::kCall) continue;
    Piece piece;
    piece.account_id = AccountId(static_cast<int>(number));
    piece.seq = ++last_seq_[number];
    piece.usage_id = UsageIdAt(now, ++ids_, random_);
    if (options.rows == Rows::kCall) piece.hold_id = UsageIdAt(now, ids_, random_ >> 7);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

void SqlFloor::Write(const Options& options, int thread, std::vector<Transaction>* transactions) {
  const absl::Time now = absl::Now();
  std::string record_time;
  AppendDateTime6(now, &record_time);
  std::vector<Piece> pieces = Draw(options, thread, now);
  Transaction booking = {Inserted("usage_ids", usage_id_columns_, record_time, pieces),
                         Inserted("entries", entry_columns_, record_time, pieces)};
  if (options.rows == Rows::kCall) {
    const auto by_account = [](const Piece& a, const Piece& b) {
      return a.account_id < b.account_id;
    };
    std::sort(pieces.begin(), pieces.end(), by_account);
    for (const auto* columns : {&created_columns_, &extended_columns_}) {
      transactions->push_back({Upserted("holds", *columns, record_time, pieces), Balances(pieces)});
      // Each writes other numbers.
      for (Piece& piece : pieces) ++piece.seq;
    }
    booking.push_back(Upserted("holds", free_columns_, record_time, pieces));
    booking.push_back(Inserted("ended_holds", ended_hold_columns_, record_time, pieces));
  }
  if (options.rows != Rows::kUsage) booking.push_back(Balances(pieces));
  transactions->push_back(std::move(booking));
}

void SqlFloor::Work(const std::vector<Transaction>& transactions, int batch, Progress& progress,
                    absl::Status* status) const {
  const storage::SqlThread sql_thread;
  absl::StatusOr<std::unique_ptr<Connection>> connection = Connection::Open(database_);
  *status = connection.status();
  for (const Transaction& transaction : transactions) {
    if (progress.stop || !status->ok()) break;
    *status = (*connection)->Begin();
    for (const std::string& statement : transaction) {
      if (status->ok()) *status = (*connection)->Execute(statement);
    }
    if (status->ok()) *status = (*connection)->Commit();
    if (status->ok()) progress.done.fetch_add(batch, std::memory_order_relaxed);
  }
  if (!progress.stop) progress.Exhausted();
}

absl::StatusOr<WindowResult> SqlFloor::Run(const Options& options, const Timing& timing,
                                           const CpuMeter& cpu) {
  const int64_t most = options.rows == Rows::kCall ? kMostCallsPerSecond : kMostRowsPerSecond;
  const auto rows = static_cast<int64_t>(static_cast<double>(most) *
                                         absl::ToDoubleSeconds(timing.ramp + timing.window));
  const int64_t count = rows / options.batch / options.threads + 1;
  std::vector<std::vector<Transaction>> work(static_cast<size_t>(options.threads));
  for (int64_t i = 0; i < count; ++i) {
    for (int thread = 0; thread < options.threads; ++thread) {
      Write(options, thread, &work[static_cast<size_t>(thread)]);
    }
  }
  Progress progress;
  std::vector<absl::Status> statuses(work.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < work.size(); ++i) {
    threads.emplace_back(
        [this, &options, &progress, &transactions = work[i], status = &statuses[i]] {
          Work(transactions, options.batch, progress, status);
        });
  }
  WindowResult result = MeasureWindow(timing, cpu, progress);
  for (std::thread& thread : threads) thread.join();
  const int steps = options.rows == Rows::kCall ? kStepsOfACall : 1;
  result.per_second /= steps;
  for (auto& [process, us] : result.cpu_us) us *= steps;
  for (const absl::Status& status : statuses) RESERVE_RETURN_IF_ERROR(status);
  return result;
}

}  // namespace reserve::bench
