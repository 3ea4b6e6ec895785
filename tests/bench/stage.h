// What a measurement runs on: a private MariaDB with the durability of a real one, or a cluster of
// Vitess, filled with accounts, and real ledgers, a worker and a gateway stub beside it.
//
// The accounts are copies of one that was opened, funded, given a user and used over the
// API, so their books are true and VerifyAccount finds them so. Copied by SQL in bulk, they
// take seconds. Each has a large balance, and a user whose free minutes are used up. By
// Options::by_api all of them are opened over the API: vtgate copies no rows from one shard to
// another. Not thread-safe.
//
//   auto stage = Stage::Create({.accounts = 100'000});
//   auto ledger = (*stage)->StartLedger();
#ifndef RESERVE_TESTS_BENCH_STAGE_H_
#define RESERVE_TESTS_BENCH_STAGE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/storage/connection.h"
#include "services/ledger/storage/database_url.h"
#include "tests/bench/window.h"
#include "tests/support/ledger_stubs.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/subprocess.h"

namespace reserve::bench {

// "dip-0000042": accounts that no load touches, 1 to Options::dip_accounts.
std::string DipAccountId(int number);
inline constexpr char kHistoryAccountId[] = "history";

// A program of ours that listens, and dies with the object.
struct Server {
  std::unique_ptr<test_support::Subprocess> process;
  std::string target;

  // `count` connections to it.
  absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Connect(int count) const;
};

class Stage {
 public:
  struct Options {
    int accounts = 100'000;
    int dip_accounts = 100;
    int history_entries = 100'000;
    std::vector<std::string> ledger_args = {};
    std::vector<std::string> database_args = {};
    // The folder of a cluster of Vitess that runs (scripts/vitess), without any table: it is the
    // database, no server is started, and accounts are opened by_api.
    std::string vitess = {};
    // There are the accounts alone then: no dips, no history, and no schema for floors.
    bool by_api = false;
  };

  static absl::StatusOr<std::unique_ptr<Stage>> Create(const Options& options);

  storage::DatabaseOptions ledger_schema() const { return SchemaOptions("ledger"); }
  storage::DatabaseOptions floor_schema() const { return SchemaOptions("sql_floor"); }
  pid_t database_pid() const;
  // Ends the database in order and starts it again, with nothing in its buffer pool. It has
  // another pid then, and clients another connection.
  absl::Status RestartDatabase();

  // It shares the accounts with those that run already.
  absl::StatusOr<Server> StartLedger();
  // Waits until these ledgers, which are all that run, have equal shares of the accounts.
  absl::Status AwaitShares(const std::vector<const Server*>& ledgers);
  // What a ledger says of how it shares the accounts, and of its batches, in one line.
  static absl::StatusOr<std::string> SharingOf(const Server& ledger);
  absl::StatusOr<Server> StartFloorServer();
  // Until StopWorker recharges are charged.
  absl::Status StartWorker(const Server& ledger);
  void StopWorker();

  // Waits until the ledger has added up the long history for summaries, but for its last entries.
  absl::Status AwaitSums();
  // Usages that the ledger's schema holds.
  absl::StatusOr<int64_t> CountUsages();
  // Holds that wait for their end.
  absl::StatusOr<int64_t> CountHolds();
  // From the first hold of those made since then that ended by time to the last.
  absl::StatusOr<absl::Duration> ExpiryTook(absl::Time since);
  // Opens accounts beyond those that are there, without a history, up to `accounts`.
  absl::Status OpenMoreAccounts(int accounts);

 private:
  explicit Stage(const Options& options) : options_(options) {}

  absl::Status Prepare();
  absl::Status StartDatabase();
  absl::Status Migrate(const std::string& schema);
  absl::Status FillByApi();
  absl::Status FillBySql();
  // The starter deck.
  static absl::Status ImportDeck(const Server& ledger);
  absl::Status MakeTemplate();
  // Fills sql_floor.numbers, which multiplies rows, with 1 to at least `last`.
  absl::Status GrowNumbers(int last);
  // Copies the rows of the template account in `tables` to accounts `prefix` first..last.
  absl::Status CopyAccounts(const std::vector<std::string>& tables, absl::string_view prefix,
                            int first, int last);
  absl::Status FillHistory();
  absl::Status Analyze();
  absl::StatusOr<std::string> ColumnsOf(
      const std::string& table, const std::vector<std::pair<std::string, std::string>>& replaced,
      std::string* values);
  storage::DatabaseOptions SchemaOptions(const std::string& schema) const;
  std::string Url(const std::string& schema) const;
  // On Vitess a ledger connects to the tables of no account (docs/VITESS.md).
  const char* ServedSchema() const { return database_ == nullptr ? "catalog" : "ledger"; }
  std::string VitessSocket() const;
  absl::StatusOr<Server> StartServer(const std::string& program, std::vector<std::string> args,
                                     bool with_database, int listen_port = 0);
  // As one of them sees it.
  static absl::Status CheckShares(const Server& asked, const std::vector<const Server*>& ledgers);

  const Options options_;
  std::string folder_;
  int servers_ = 0;
  int numbers_ = 0;                                                // in sql_floor.numbers
  std::unique_ptr<test_support::PrivateDatabaseServer> database_;  // null on Vitess
  storage::SqlThread sql_thread_;
  std::unique_ptr<storage::Connection> sql_;
  std::vector<std::string> account_tables_;
  Server gateway_;
  std::unique_ptr<test_support::Subprocess> worker_;
};

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_STAGE_H_
