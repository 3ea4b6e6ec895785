#include "tests/support/galera_cluster.h"

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/free_port.h"
#include "tests/support/test_database.h"
#include "tests/support/wait_until.h"

namespace reserve::test_support {
namespace {

namespace fs = std::filesystem;

constexpr char kLibrary[] = "/usr/lib/galera/libgalera_smm.so";

// Called at both ends of a transfer. It hands over the position alone; what was committed since the
// joiner's own comes from the donor's cache, by the library itself.
constexpr char kTransferScript[] = R"(#!/bin/sh
bypass=
while [ $# -gt 0 ]; do
  case $1 in
    --role) role=$2; shift ;;
    --address) address=$2; shift ;;
    --gtid) gtid=$2; shift ;;
    --gtid-domain-id) domain=$2; shift ;;
    --bypass) bypass=1 ;;
  esac
  shift
done
meet=$(dirname "$0")/meet-$(echo "$address" | tr -c '0-9\n' '-')
if [ "$role" = joiner ]; then
  rm -f "$meet"
  echo "ready $address"
  until [ -f "$meet" ]; do sleep 0.05; done
  cat "$meet"
else
  [ -n "$bypass" ] || exit 1
  echo "$gtid ${domain:-0}" > "$meet.new"
  mv "$meet.new" "$meet"
  echo "done $gtid"
fi
)";

}  // namespace

std::string GaleraCluster::WhyNot() {
  const char* const mysqld = std::getenv("RESERVE_TEST_MYSQLD");
  if (mysqld != nullptr && *mysqld != '\0') return "Galera is a matter of MariaDB";
  if (fs::exists(kLibrary)) return "";
  return absl::StrCat("there is no ", kLibrary, " (Debian's package galera-4)");
}

absl::StatusOr<std::unique_ptr<GaleraCluster>> GaleraCluster::Create() {
  if (const std::string why = WhyNot(); !why.empty()) return absl::NotFoundError(why);
  std::unique_ptr<GaleraCluster> cluster(new GaleraCluster());
  const absl::Status set_up = cluster->SetUp();
  if (!set_up.ok()) return set_up;
  return cluster;
}

GaleraCluster::~GaleraCluster() {
  for (auto& node : nodes_) node.reset();
  std::error_code error;
  if (!folder_.empty()) fs::remove_all(folder_, error);
}

std::vector<std::string> GaleraCluster::ArgsOf(size_t index) const {
  const Ports& ports = ports_[index];
  std::string others = "gcomm://";
  if (index > 0) absl::StrAppend(&others, "127.0.0.1:", ports_[0].group);
  std::vector<std::string> args = {
      "--wsrep-on=ON",
      absl::StrCat("--wsrep-provider=", kLibrary),
      absl::StrCat("--wsrep-provider-options=base_port=", ports.group,
                   ";gmcast.listen_addr=tcp://127.0.0.1:", ports.group,
                   ";ist.recv_addr=127.0.0.1:", ports.transfer, ";gcache.size=64M"),
      absl::StrCat("--wsrep-cluster-address=", others),
      absl::StrCat("--wsrep-node-name=node-", index),
      "--wsrep-node-address=127.0.0.1",
      absl::StrCat("--wsrep-sst-receive-address=127.0.0.1:", ports.position),
      "--wsrep-sst-method=position",
      "--wsrep-slave-threads=2",
      "--binlog-format=ROW",
      "--innodb-autoinc-lock-mode=2",
      "--innodb-buffer-pool-size=128M"};
  if (index == 0) args.emplace_back("--wsrep-new-cluster");
  return args;
}

absl::StatusOr<std::unique_ptr<PrivateDatabaseServer>> GaleraCluster::Join(
    size_t index, const std::string& data) const {
  return PrivateDatabaseServer::Create(
      {.extra_args = ArgsOf(index),
       .data_from = data,
       .env = {{"PATH", absl::StrCat(folder_, ":", std::getenv("PATH"))}}});
}

absl::Status GaleraCluster::SetUp() {
  std::string pattern = fs::temp_directory_path() / "reserve-galera-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return absl::InternalError("no temporary folder");
  folder_ = pattern;
  const std::string script = folder_ + "/wsrep_sst_position";
  std::ofstream(script) << kTransferScript;
  std::error_code error;
  fs::permissions(script, fs::perms::owner_all, error);
  for (Ports& ports : ports_) ports = {FreePort(), FreePort(), FreePort()};
  auto first = Join(0, "");
  if (!first.ok()) return first.status();
  nodes_[0] = *std::move(first);
  // It takes connections before it takes statements.
  absl::Status synced = WaitUntilSynced(1);
  if (!synced.ok()) return synced;
  // Something to begin with: a cluster without a position takes no joiner.
  { const TestDatabase first_write(*nodes_[0]); }
  const absl::Status stopped = nodes_[0]->Stop();
  if (!stopped.ok()) return stopped;
  const std::string data = folder_ + "/data";
  fs::copy(nodes_[0]->data_folder(), data, fs::copy_options::recursive, error);
  if (error) return absl::InternalError(absl::StrCat(data, ": ", error.message()));
  fs::remove(data + "/galera.cache", error);
  const absl::Status started = nodes_[0]->Start();
  if (!started.ok()) return started;
  synced = WaitUntilSynced(1);
  if (!synced.ok()) return synced;
  for (size_t i = 1; i < kNodes; ++i) {
    auto node = Join(i, data);
    if (!node.ok()) return node.status();
    nodes_[i] = *std::move(node);
    // One after the other: two that join at a time take longer than both.
    synced = WaitUntilSynced(i + 1);
    if (!synced.ok()) return synced;
  }
  return absl::OkStatus();
}

absl::Status GaleraCluster::WaitUntilSynced(size_t nodes) const {
  const bool synced = WaitUntil(
      [&] {
        for (size_t i = 0; i < nodes; ++i) {
          const TestDatabase node(*nodes_[i], "mysql");
          const auto state = node.TryQuery("SHOW STATUS LIKE 'wsrep_local_state_comment'");
          const auto size = node.TryQuery("SHOW STATUS LIKE 'wsrep_cluster_size'");
          if (!state.ok() || !size.ok() || state->size() != 1 || size->size() != 1) return false;
          if ((*state)[0][1] != "Synced" || (*size)[0][1] != absl::StrCat(nodes)) return false;
        }
        return true;
      },
      absl::Seconds(30));
  if (synced) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("node ", nodes - 1, " does not join:\n", nodes_[nodes - 1]->Log()));
}

}  // namespace reserve::test_support
