// Three nodes of a Galera cluster on loopback, each a private MariaDB (mariadb_server.h): any of
// them takes writes. A node that is killed stays away; the other two go on, as they are most.
//
// Debian's package galera-4 has the library. State transfers need programs that would come with a
// server of the system, so all nodes begin with the same data, and take from each other only what
// came after it. Not thread-safe.
//
//   if (const std::string why = GaleraCluster::WhyNot(); !why.empty()) GTEST_SKIP() << why;
//   auto cluster = GaleraCluster::Create();
//   TestDatabase database((*cluster)->node(0));
#ifndef RESERVE_TESTS_SUPPORT_GALERA_CLUSTER_H_
#define RESERVE_TESTS_SUPPORT_GALERA_CLUSTER_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/mariadb_server.h"

namespace reserve::test_support {

class GaleraCluster {
 public:
  static constexpr size_t kNodes = 3;

  // Why there can be none here; empty if there can.
  static std::string WhyNot();
  // All nodes are synced. Errors as PrivateDatabaseServer::Create.
  static absl::StatusOr<std::unique_ptr<GaleraCluster>> Create();
  ~GaleraCluster();

  PrivateDatabaseServer& node(size_t index) { return *nodes_[index]; }

 private:
  GaleraCluster() = default;
  absl::Status SetUp();
  absl::StatusOr<std::unique_ptr<PrivateDatabaseServer>> Join(size_t index,
                                                              const std::string& data) const;
  std::vector<std::string> ArgsOf(size_t index) const;
  absl::Status WaitUntilSynced(size_t nodes) const;

  // Each of a node's own.
  struct Ports {
    int group = 0;
    int transfer = 0;
    int position = 0;
  };
  std::string folder_;  // of the script, and of what the nodes begin with
  std::array<Ports, kNodes> ports_ = {};
  std::array<std::unique_ptr<PrivateDatabaseServer>, kNodes> nodes_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_GALERA_CLUSTER_H_
