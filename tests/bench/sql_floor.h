// The floor under durable usages a second: the same rows, written by a bare loop of
// multi-row INSERTs through Connector/C++.
//
// The rows have the shape of one that the ledger wrote: the same columns with the same
// values, but for ids, numbers and times. The tables are of the same definition, in a schema
// of their own on the same server. All statements are written out before the clock starts,
// so the floor is what the database and its client take, and nothing else.
//
// A call with a hold is three of them: the place of its hold is taken, written again, and free; its
// balance is written each time; and its usage and how the hold ended are new. A transaction writes
// one of these steps of many calls.
//
//   auto floor = SqlFloor::Create(ledger_schema, floor_schema, account_id, examples, accounts);
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

// Accounts that have one hold each, as it was last written at a step of a call.
struct CallExamples {
  std::string created;
  std::string extended;
  std::string settled;
};

class SqlFloor {
 public:
  enum class Rows {
    kUsage,            // its id and its entry
    kUsageAndBalance,  // also the upsert of the accounts' balances
    kCall,             // all of a call with a hold
  };
  struct Options {
    int threads = 2;
    int batch = 512;
    Rows rows = Rows::kUsage;
  };

  // Begins anew with no entries: a table that has grown is slower to write.
  absl::Status Empty();

  // Copies the shape of the usage that `account_id` booked last in the ledger's schema, and of the
  // examples' holds.
  static absl::StatusOr<SqlFloor> Create(const storage::DatabaseOptions& ledger_schema,
                                         const storage::DatabaseOptions& floor_schema,
                                         const std::string& account_id,
                                         const CallExamples& examples, int accounts);

  // Usages or calls per second in the window.
  absl::StatusOr<WindowResult> Run(const Options& options, const Timing& timing,
                                   const CpuMeter& cpu);

 private:
  // Where the text of a column comes from.
  enum class Source { kCopied, kRecordTime, kAccountId, kSeq, kUsageId, kHoldId };
  struct Column {
    std::string name;
    Source source = Source::kCopied;
    std::string literal;
  };
  // The statements of one.
  using Transaction = std::vector<std::string>;
  // One usage or call of a transaction.
  struct Piece {
    std::string account_id;
    int64_t seq = 0;
    std::string usage_id;
    std::string hold_id;
  };

  // The columns of the row that `condition` finds, those that are NULL left out if `sparse`.
  static absl::StatusOr<std::vector<Column>> ShapeOf(storage::Connection& connection,
                                                     const std::string& table,
                                                     const std::string& condition,
                                                     bool sparse = true);
  static std::string InsertInto(const std::string& table, const std::vector<Column>& columns);
  static void AppendRow(const std::vector<Column>& columns, const std::string& record_time,
                        const Piece& piece, std::string* sql);
  // INSERT of a row for each piece.
  static std::string Inserted(const std::string& table, const std::vector<Column>& columns,
                              const std::string& record_time, const std::vector<Piece>& pieces);
  // The same over the rows that are there.
  static std::string Upserted(const std::string& table, const std::vector<Column>& columns,
                              const std::string& record_time, const std::vector<Piece>& pieces);
  static std::string Balances(const std::vector<Piece>& pieces);
  absl::Status CopyHolds(storage::Connection& connection, const CallExamples& examples);
  // Draws accounts, each with the seq that it has then; of calls each account once.
  std::vector<Piece> Draw(const Options& options, int thread, absl::Time now);
  // What becomes of a batch: one transaction, or one for each step.
  void Write(const Options& options, int thread, std::vector<Transaction>* transactions);
  // Counts the steps of usages or calls.
  void Work(const std::vector<Transaction>& transactions, int batch, Progress& progress,
            absl::Status* status) const;

  storage::DatabaseOptions database_;
  std::vector<Column> entry_columns_;
  std::vector<Column> usage_id_columns_;
  std::vector<Column> created_columns_;   // of holds
  std::vector<Column> extended_columns_;  // the same
  std::vector<Column> free_columns_;      // the same
  std::vector<Column> ended_hold_columns_;
  std::vector<int64_t> last_seq_;  // by account number
  uint64_t ids_ = 0;
  uint64_t random_ = 88'172'645'463'325'252u;
};

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_SQL_FLOOR_H_
