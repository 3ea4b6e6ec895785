// The cluster that `./run vitess` has started (scripts/vitess), as faults and tests see it: its
// processes are known by the pids in its folder, and each that is killed is started again by its
// keeper. Thread-safe; one program at a time keeps rows and brings them back.
#ifndef RESERVE_TESTS_SUPPORT_VITESS_CLUSTER_H_
#define RESERVE_TESTS_SUPPORT_VITESS_CLUSTER_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/test_database.h"

namespace reserve::test_support {

class VitessCluster {
 public:
  // INVALID_ARGUMENT if no cluster is in this folder.
  static absl::StatusOr<std::unique_ptr<VitessCluster>> In(const std::string& folder);

  int shards() const { return shards_; }
  // vtgate's unix socket, and how it is reached there: in the schema of the tables of no account,
  // and in that of accounts, for the migration.
  std::string socket() const { return folder_ + "/vtgate.sock"; }
  DatabaseAddress Address(const std::string& schema) const;

  // "vtgate", "mysqld0", "tablet0" (of the tables of no account), "mysqld1" ...
  std::vector<std::string> Processes() const;
  void Signal(const std::string& process, int signal) const;
  // It is not started again as long as it is held.
  void Hold(const std::string& process) const;
  void Release(const std::string& process) const;
  // Everything runs, and every shard answers. DEADLINE_EXCEEDED after a minute.
  absl::Status AwaitAll() const;

  // Remembers what all tables hold, unless that was done before, and has them hold it again: each
  // test then has a schema that is as good as new, in a third of a second. UNKNOWN with what a
  // server said.
  absl::Status KeepRows() const;
  absl::Status BringBackRows() const;

 private:
  VitessCluster(std::string folder, int shards) : folder_(std::move(folder)), shards_(shards) {}
  // The server of one shard, past vtgate; 0 is that of the tables of no account.
  DatabaseAddress ServerOf(int shard) const;
  // 0 if it does not run.
  int PidOf(const std::string& process) const;

  const std::string folder_;
  const int shards_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_VITESS_CLUSTER_H_
