// A MariaDB server and a replica of it, both private (mariadb_server.h): the replica follows the
// primary over a port on loopback, and has no port itself. Not thread-safe.
//
//   auto servers = ReplicatedServers::Create(ReplicatedServers::Mode::kSemiSync);
//   ASSERT_TRUE(servers.ok()) << servers.status();
//   TestDatabase database((*servers)->primary());
//   (*servers)->replica().Kill();
#ifndef RESERVE_TESTS_SUPPORT_REPLICATED_SERVERS_H_
#define RESERVE_TESTS_SUPPORT_REPLICATED_SERVERS_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/mariadb_server.h"
#include "tests/support/test_database.h"

namespace reserve::test_support {

class ReplicatedServers {
 public:
  enum class Mode {
    kAsynchronous,
    // A commit waits for the replica, at most kSemiSyncTimeoutMillis; then it falls back.
    kSemiSync,
    // A commit waits for the replica however long it takes.
    kSemiSyncForEver,
  };
  static constexpr int kSemiSyncTimeoutMillis = 500;

  // False where the tests run on MySQL, which calls all of this by other names.
  static bool Available();
  // Both run, and the replica follows. Errors as PrivateDatabaseServer::Create.
  static absl::StatusOr<std::unique_ptr<ReplicatedServers>> Create(Mode mode);

  PrivateDatabaseServer& primary() { return *primary_; }
  // Follows the primary again by itself after a Kill and a Start.
  PrivateDatabaseServer& replica() { return *replica_; }

  // The replica has all that the primary has committed. An error after 20 s.
  absl::Status WaitUntilCaughtUp() const;
  // The replica has applied all that it was sent, wherever the primary is. An error after 20 s.
  absl::Status WaitUntilApplied() const;
  // The replica receives nothing more; what the primary commits from here on it does not have.
  absl::Status CutOff() const;
  // The replica follows nobody any more: it can be written to as a primary.
  absl::Status Promote() const;

 private:
  ReplicatedServers() = default;

  std::unique_ptr<PrivateDatabaseServer> primary_;
  std::unique_ptr<PrivateDatabaseServer> replica_;
  // To speak with them.
  std::unique_ptr<TestDatabase> of_primary_;
  std::unique_ptr<TestDatabase> of_replica_;
};

}  // namespace reserve::test_support

#endif  // RESERVE_TESTS_SUPPORT_REPLICATED_SERVERS_H_
