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

namespace reserve::chaos {

enum class Engine {
  kOne,
  kAsynchronous,  // a replica that has what it has received
  kSemiSync,      // a commit is answered once the replica has received it
  kGalera,        // three nodes; each ledger writes at another one
};
// "one", "asynchronous", "semi_sync", "galera"; INVALID_ARGUMENT if it is none of these.
absl::StatusOr<Engine> ParseEngine(absl::string_view name);

class Databases {
 public:
  // NOT_FOUND where there is no such engine here, with the reason.
  static absl::StatusOr<std::unique_ptr<Databases>> Create(Engine engine);

  Engine engine() const { return engine_; }
  // The one that faults strike and that is looked at in the end; ledger 0 has it.
  test_support::PrivateDatabaseServer& main() { return *main_; }
  test_support::PrivateDatabaseServer& of_ledger(size_t ledger);

  // A node that was killed does not come back by itself.
  bool MayBeRestarted() const { return engine_ != Engine::kGalera; }
  bool CanFailOver() const { return engine_ != Engine::kOne && !failed_over_; }
  // main() is killed for good, as in the loss of its machine, and another server takes its place.
  absl::Status FailOver();
  // main() runs. Does nothing if it does.
  absl::Status Start() { return main_->Start(); }

 private:
  explicit Databases(Engine engine) : engine_(engine) {}
  absl::Status SetUp();

  const Engine engine_;
  bool failed_over_ = false;
  std::unique_ptr<test_support::PrivateDatabaseServer> one_;
  std::unique_ptr<test_support::ReplicatedServers> replicated_;
  std::unique_ptr<test_support::GaleraCluster> galera_;
  test_support::PrivateDatabaseServer* main_ = nullptr;
};

}  // namespace reserve::chaos

#endif  // RESERVE_TESTS_CHAOS_DATABASES_H_
