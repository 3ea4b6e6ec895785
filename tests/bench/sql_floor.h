// The floor under durable usages a second: the same rows, written by a bare loop of
// multi-row INSERTs through Connector/C++.
//
// The rows have the shape of one that the ledger wrote: the same columns with the same
// values, but for ids, numbers and times. The tables are of the same definition, in a schema
// of their own on the same server. All statements are written out before the clock starts,
// so the floor is what the database and its client take, and nothing else.
//
//   auto floor = SqlFloor::Create(ledger_schema, floor_schema, accounts);
//   floor->Run({.threads = 2, .batch = 512}, timing, cpu);
#ifndef RESERVE_TESTS_BENCH_SQL_FLOOR_H_
#define RESERVE_TESTS_BENCH_SQL_FLOOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "tests/bench/window.h"

namespace reserve::bench {

class SqlFloor {
 public:
  struct Options {
    int threads = 2;
    int batch = 512;
    // Also the upsert of the accounts' balances.
    bool balances = false;
  };

  // Begins anew with no entries: a table that has grown is slower to write.
  absl::Status Empty();

  // Copies the shape of the usage that `account_id` booked last in the ledger's schema.
  static absl::StatusOr<SqlFloor> Create(const storage::DatabaseOptions& ledger_schema,
                                         const storage::DatabaseOptions& floor_schema,
                                         const std::string& account_id, int accounts);

  // Usages per second in the window.
  absl::StatusOr<WindowResult> Run(const Options& options, const Timing& timing,
                                   const CpuMeter& cpu);

 private:
  // Where the text of a column comes from.
  enum class Source { kCopied, kRecordTime, kAccountId, kSeq, kUsageId };
  struct Column {
    std::string name;
    Source source = Source::kCopied;
    std::string literal;
  };
  struct Transaction {
    std::string usage_ids;
    std::string entries;
    std::string balances;
  };

  // The columns of the row that `condition` finds, those that are NULL left out.
  static absl::StatusOr<std::vector<Column>> ShapeOf(storage::Connection& connection,
                                                     const std::string& table,
                                                     const std::string& condition);
  static std::string InsertInto(const std::string& table, const std::vector<Column>& columns);
  static void AppendRow(const std::vector<Column>& columns, const std::string& record_time,
                        const std::string& account_id, int64_t seq, const std::string& usage_id,
                        std::string* sql);
  Transaction Write(const Options& options, int thread);
  void Work(const std::vector<Transaction>& transactions, const Options& options,
            Progress& progress, absl::Status* status) const;

  storage::DatabaseOptions database_;
  std::vector<Column> entry_columns_;
  std::vector<Column> usage_id_columns_;
  std::vector<int64_t> last_seq_;  // by account number
  uint64_t ids_ = 0;
  uint64_t random_ = 88'172'645'463'325'252u;
};

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_SQL_FLOOR_H_
