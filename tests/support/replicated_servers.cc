#include "tests/support/replicated_servers.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/free_port.h"
#include "tests/support/wait_until.h"

namespace reserve::test_support {

namespace {
constexpr int kForEverMillis = 1'000'000'000;
}  // namespace

bool ReplicatedServers::Available() {
  const char* const mysqld = std::getenv("RESERVE_TEST_MYSQLD");
  return mysqld == nullptr || *mysqld == '\0';
}

absl::StatusOr<std::unique_ptr<ReplicatedServers>> ReplicatedServers::Create(Mode mode) {
  const int port = FreePort();
  std::vector<std::string> of_primary = {
      "--server-id=1",         "--log-bin=binlog",         "--sync-binlog=1",
      "--skip-networking=OFF", "--bind-address=127.0.0.1", absl::StrCat("--port=", port)};
  std::vector<std::string> of_replica = {"--server-id=2", "--log-bin=binlog", "--sync-binlog=1",
                                         "--log-slave-updates=ON"};
  if (mode != Mode::kAsynchronous) {
    const int timeout = mode == Mode::kSemiSync ? kSemiSyncTimeoutMillis : kForEverMillis;
    of_primary.push_back("--rpl-semi-sync-master-enabled=ON");
    of_primary.push_back("--rpl-semi-sync-master-wait-point=AFTER_SYNC");
    of_primary.push_back(absl::StrCat("--rpl-semi-sync-master-timeout=", timeout));
    of_replica.push_back("--rpl-semi-sync-slave-enabled=ON");
  }
  std::unique_ptr<ReplicatedServers> servers(new ReplicatedServers());
  auto primary = PrivateDatabaseServer::Create({.extra_args = std::move(of_primary)});
  if (!primary.ok()) return primary.status();
  servers->primary_ = *std::move(primary);
  auto replica = PrivateDatabaseServer::Create({.extra_args = std::move(of_replica)});
  if (!replica.ok()) return replica.status();
  servers->replica_ = *std::move(replica);
  // What is committed before there is a replica must not wait for it.
  const TestDatabase settings(*servers->primary_, "mysql");
  const auto wait_for = [&](int millis) {
    return settings.TryExecute(absl::StrCat("SET GLOBAL rpl_semi_sync_master_timeout = ", millis));
  };
  if (mode == Mode::kSemiSyncForEver) {
    const absl::Status at_once = wait_for(1);
    if (!at_once.ok()) return at_once;
  }
  servers->of_primary_ = std::make_unique<TestDatabase>(*servers->primary_);
  servers->of_replica_ = std::make_unique<TestDatabase>(*servers->replica_);
  servers->of_primary_->Execute("CREATE USER 'repl'@'127.0.0.1' IDENTIFIED BY 'repl'");
  servers->of_primary_->Execute("GRANT REPLICATION SLAVE ON *.* TO 'repl'@'127.0.0.1'");
  // What the replica has of its own must not keep it from taking the primary's.
  servers->of_replica_->Execute("RESET MASTER");
  servers->of_replica_->Execute(
      absl::StrCat("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ", port,
                   ", MASTER_USER = 'repl', MASTER_PASSWORD = 'repl', MASTER_CONNECT_RETRY = 1, ",
                   "MASTER_USE_GTID = slave_pos"));
  servers->of_replica_->Execute("START SLAVE");
  const absl::Status caught_up = servers->WaitUntilCaughtUp();
  if (!caught_up.ok()) return caught_up;
  if (mode == Mode::kSemiSyncForEver) {
    const absl::Status for_ever = wait_for(kForEverMillis);
    if (!for_ever.ok()) return for_ever;
    const bool in_force = WaitUntil([&settings] {
      const auto status = settings.TryQuery("SHOW STATUS LIKE 'Rpl_semi_sync_master_status'");
      return status.ok() && status->size() == 1 && (*status)[0][1] == "ON";
    });
    if (!in_force) return absl::DeadlineExceededError("semi-sync does not come into force");
  }
  return servers;
}

absl::Status ReplicatedServers::WaitUntilCaughtUp() const {
  const std::string written = of_primary_->QueryText("SELECT @@GLOBAL.gtid_binlog_pos");
  // At it or past it: the ledger's housekeeping may write more meanwhile.
  const bool reached = WaitUntil([&] {
    return of_replica_->QueryInt(absl::StrCat("SELECT MASTER_GTID_WAIT('", written, "', 1)")) == 0;
  });
  if (reached) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the replica is at \"", of_replica_->QueryText("SELECT @@GLOBAL.gtid_slave_pos"),
                   "\", the primary was at \"", written, "\"\n", replica_->Log()));
}

absl::Status ReplicatedServers::WaitUntilApplied() const {
  // All that was received is applied once the SQL thread waits for more.
  const bool applied = WaitUntil([this] {
    return of_replica_->QueryInt(
               "SELECT COUNT(*) FROM information_schema.processlist WHERE command = 'Slave_SQL' "
               "AND state LIKE 'Slave has read all relay log%'") == 1;
  });
  if (applied) return absl::OkStatus();
  return absl::DeadlineExceededError("the replica does not apply what it was sent");
}

absl::Status ReplicatedServers::CutOff() const {
  return of_replica_->TryExecute("STOP SLAVE IO_THREAD");
}

absl::Status ReplicatedServers::Promote() const { return of_replica_->TryExecute("STOP SLAVE"); }

}  // namespace reserve::test_support
