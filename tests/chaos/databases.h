// The database servers of a stage: one, or several that replicate in one of the usual ways. Each
// ledger has one of them. One thread starts, kills and fails over.
//
//   auto databases = Databases::Create(Engine::kSemiSync);
//   (*databases)->main().Kill();
//   absl::Status status = (*databases)->FailOver();
#ifndef RESERVE_TESTS_CHAOS_DATABASES_H_
#define RESERVE_TESTS_CHAOS_DATABASES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/galera_cluster.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/replicated_servers.h"
#include "tests/support/test_database.h"
#include "tests/support/vitess_cluster.h"

namespace reserve::chaos {

enum class Engine {
  kOne,
  kAsynchronous,  // a replica that has what it has received
  kSemiSync,      // a commit is answered once the replica has received it
  kGalera,        // three nodes; each ledger writes at another one
  kVitess,        // shards, each on a server of its own; each ledger is led to its vtgate
};
// "one", "asynchronous", "semi_sync", "galera", "vitess"; INVALID_ARGUMENT if it is none of these.
absl::StatusOr<Engine> ParseEngine(absl::string_view name);

class Databases {
 public:
  // NOT_FOUND where there is no such engine here, with the reason.
  // `vitess`: the folder of the cluster, where it is that.
  static absl::StatusOr<std::unique_ptr<Databases>> Create(Engine engine,
                                                           const std::string& vitess = "");

  Engine engine() const { return engine_; }
  // Null of other engines; then there is no main().
  const test_support::VitessCluster* vitess() const { return vitess_.get(); }
  // Where the ledger finds it.
  std::string SocketOf(size_t ledger);
  // A schema of its own, empty; of Vitess the one there is.
  std::unique_ptr<test_support::TestDatabase> NewSchema();
  // That schema, as it is to be migrated.
  std::string MigrationUrl(const test_support::TestDatabase& schema) const;
  // The one that faults strike and that is looked at in the end; ledger 0 has it.
  test_support::PrivateDatabaseServer& main() { return *main_; }
  test_support::PrivateDatabaseServer& of_ledger(size_t ledger);

  // A node that was killed does not come back by itself.
  bool MayBeRestarted() const { return engine_ != Engine::kGalera; }
  bool CanFailOver() const {
    return engine_ != Engine::kOne && engine_ != Engine::kVitess && !failed_over_;
  }
  // main() is killed for good, as in the loss of its machine, and another server takes its place.
  absl::Status FailOver();
  // main() runs, or is about to be started by somebody. Does nothing if it does.
  absl::Status Start() { return main_ == nullptr ? absl::OkStatus() : main_->Start(); }

 private:
  explicit Databases(Engine engine) : engine_(engine) {}
  absl::Status SetUp(const std::string& vitess);

  const Engine engine_;
  bool failed_over_ = false;
  std::unique_ptr<test_support::PrivateDatabaseServer> one_;
  std::unique_ptr<test_support::ReplicatedServers> replicated_;
  std::unique_ptr<test_support::GaleraCluster> galera_;
  std::unique_ptr<test_support::VitessCluster> vitess_;
  test_support::PrivateDatabaseServer* main_ = nullptr;
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_DATABASES_H_
