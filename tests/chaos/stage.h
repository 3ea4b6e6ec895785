// The whole of Reserve as real processes, with a proxy on each way between them: a private
// MariaDB (or several, databases.h), two ledgers, the gateway stub with a data file, and two
// workers.
//
// Servers listen on unix sockets, and only the proxies know them: each client keeps one address
// while the server behind it is killed and started. What the processes wrote is kept in the
// stage's folder. One thread starts, kills and freezes; all else is thread-safe.
//
//   auto stage = Stage::Create();
//   Process& ledger = (*stage)->ledger(0);
//   ledger.Kill();
//   absl::Status status = (*stage)->Start(ledger);
#ifndef RESERVE_TESTS_CHAOS_STAGE_H_
#define RESERVE_TESTS_CHAOS_STAGE_H_

#include <grpcpp/grpcpp.h>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/chaos/databases.h"
#include "tests/chaos/proxy.h"
#include "tests/support/currency_settings.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_database.h"

namespace reserve::chaos {

inline constexpr size_t kLedgers = 2;
inline constexpr size_t kWorkers = 2;
// What may be charged by itself an hour, in units of the currency: busy accounts reach it.
inline constexpr int kMostAnHour = 120;

// One program, over all its lives.
struct Process {
  std::string name;
  std::string program;
  std::vector<std::string> args;
  std::string socket;  // where it listens; empty if nowhere
  std::string log_file;
  std::map<std::string, std::string> env = {};
  std::unique_ptr<test_support::Subprocess> life = {};
  std::vector<std::string> own_ends = {};  // how it ended when nobody killed it

  bool Running() const { return life != nullptr && life->Running(); }
  void Signal(int signal) { life->Signal(signal); }
  // SIGKILL, if it still runs; its output goes to the log file.
  void Kill();
};

// Flags after the stage's own, so they win.
struct StageOptions {
  std::vector<std::string> ledger_flags = {};
  test_support::DollarAmounts dollars = {};  // instead of those that are built in
  // Amounts that the ledger is not told of, so that its own default holds.
  std::set<std::string> amounts_left_out = {};
  std::vector<std::string> worker_flags = {};
  // The ledgers share the accounts, and reach each other past the proxies.
  bool share_accounts = false;
  // Added to the environment of one process, by its name: "ledger-0", "worker-1", "gateway".
  std::map<std::string, std::map<std::string, std::string>> env = {};
  Engine engine = Engine::kOne;
  // Of Galera: what each read of a ledger waits for (database_url.h); 0: for nothing.
  int wsrep_sync_wait = 1;
  // Of Vitess: the folder of the cluster.
  std::string vitess = "";
  int shards = 0;  // that ledgers are told of; 0: those it has
  // A folder with programs that are run instead of the built ones of the same names.
  std::string programs = "";
};

class Stage {
 public:
  // Everything runs, and the starter deck is in force.
  static absl::StatusOr<std::unique_ptr<Stage>> Create(StageOptions options);
  static absl::StatusOr<std::unique_ptr<Stage>> Create() { return Create({}); }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();

  Process& ledger(size_t index) { return ledgers_[index]; }
  Process& worker(size_t index) { return workers_[index]; }
  Process& gateway() { return gateway_; }
  // How processes ended that nobody killed: crashes, and what gave up.
  std::vector<std::string> OwnEnds() const;
  Databases& databases() { return *databases_; }
  // The one that faults strike.
  test_support::PrivateDatabaseServer& database_server() { return databases_->main(); }
  // That server is lost, and the ledgers are led to one that has taken over.
  absl::Status FailOver();

  // Starts what does not run, and waits until a server listens.
  absl::Status Start(Process& process);
  // Everything runs.
  absl::Status StartAll();

  // The ways from each ledger to the database, from callers and workers to each ledger, and
  // from the workers to the gateway.
  Proxy& database_proxy(size_t ledger) { return *database_proxies_[ledger]; }
  Proxy& ledger_proxy(size_t ledger) { return *ledger_proxies_[ledger]; }
  Proxy& gateway_proxy() { return *gateway_proxy_; }

  // While this file is there the gateway is out of order.
  std::string outage_file() const { return folder_ + "/outage"; }
  // Past the proxies.
  std::string DirectTarget(const Process& server) const { return "unix:" + server.socket; }
  const test_support::TestDatabase& database() const { return *database_; }
  const std::string& folder() const { return folder_; }
  // Whether the folder outlives the stage, for a person to look.
  void KeepFolder(bool keep = true) { keep_folder_ = keep; }

 private:
  explicit Stage(StageOptions options) : options_(std::move(options)) {}
  absl::Status SetUp();
  absl::Status SetUpProxies();
  void Describe();
  // The one of that name to run.
  std::string Program(const std::string& name) const;
  absl::Status RunToEnd(std::vector<std::string> args);

  const StageOptions options_;
  std::string folder_;
  bool keep_folder_ = false;
  std::unique_ptr<Databases> databases_;
  std::unique_ptr<test_support::TestDatabase> database_;
  std::array<std::unique_ptr<Proxy>, kLedgers> database_proxies_;
  std::array<std::unique_ptr<Proxy>, kLedgers> ledger_proxies_;
  std::unique_ptr<Proxy> gateway_proxy_;
  std::array<Process, kLedgers> ledgers_;
  std::array<Process, kWorkers> workers_;
  Process gateway_;
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_STAGE_H_
