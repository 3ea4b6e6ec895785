#include "tests/support/vitess_cluster.h"

#include <signal.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/support/wait_until.h"

namespace reserve::test_support {
namespace {

// Beside the tables, what they held.
constexpr char kKept[] = "kept";

}  // namespace

absl::StatusOr<std::unique_ptr<VitessCluster>> VitessCluster::In(const std::string& folder) {
  int shards = 0;
  while (std::filesystem::exists(absl::StrCat(folder, "/mysqld", shards + 1))) ++shards;
  if (shards == 0) {
    return absl::InvalidArgumentError(absl::StrCat("no cluster of Vitess is in \"", folder,
                                                   "\": ./run vitess --kills=N has one"));
  }
  return std::unique_ptr<VitessCluster>(new VitessCluster(folder, shards));
}

DatabaseAddress VitessCluster::Address(const std::string& schema) const {
  DatabaseAddress address;
  address.user = "reserve";
  address.socket = socket();
  address.schema = schema;
  return address;
}

std::vector<std::string> VitessCluster::Processes() const {
  std::vector<std::string> processes = {"vtgate"};
  for (int i = 0; i <= shards_; ++i) {
    processes.push_back(absl::StrCat("mysqld", i));
    processes.push_back(absl::StrCat("tablet", i));
  }
  return processes;
}

int VitessCluster::PidOf(const std::string& process) const {
  int pid = 0;
  std::ifstream(absl::StrCat(folder_, "/", process, ".pid")) >> pid;
  return pid;
}

void VitessCluster::Signal(const std::string& process, int signal) const {
  const int pid = PidOf(process);
  if (pid > 0) kill(pid, signal);
}

void VitessCluster::Hold(const std::string& process) const {
  std::ofstream(absl::StrCat(folder_, "/hold.", process)) << "\n";
}

void VitessCluster::Release(const std::string& process) const {
  std::filesystem::remove(absl::StrCat(folder_, "/hold.", process));
}

absl::Status VitessCluster::AwaitAll() const {
  for (const std::string& process : Processes()) Release(process);
  const TestDatabase database(Address("catalog"));
  std::string why;
  const auto answers = [&] {
    for (const char* table : {"schema_migrations", "accounts"}) {
      const auto asked = database.TryQuery(absl::StrCat("SELECT COUNT(*) FROM ", table));
      if (!asked.ok()) why = asked.status().ToString();
      if (!asked.ok()) return false;
    }
    return true;
  };
  if (WaitUntil(answers, absl::Minutes(1))) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("the cluster does not come back: ", why));
}

DatabaseAddress VitessCluster::ServerOf(int shard) const {
  DatabaseAddress address;
  address.user = "ops";
  address.password = "opspass";
  address.socket = absl::StrCat(folder_, "/mysqld", shard, "/sock");
  address.schema = "reserve";
  return address;
}

absl::Status VitessCluster::KeepRows() const {
  for (int shard = 0; shard <= shards_; ++shard) {
    const TestDatabase server(ServerOf(shard));
    const auto there = server.TryQuery(absl::StrCat("SHOW DATABASES LIKE '", kKept, "'"));
    if (!there.ok()) return there.status();
    if (!there->empty()) continue;
    const auto tables = server.TryQuery("SHOW TABLES");
    if (!tables.ok()) return tables.status();
    if (auto made = server.TryExecute(absl::StrCat("CREATE DATABASE ", kKept)); !made.ok()) {
      return made;
    }
    for (const TestDatabase::Row& table : *tables) {
      const absl::Status kept = server.TryExecute(
          absl::StrCat("CREATE TABLE ", kKept, ".", table[0], " AS SELECT * FROM ", table[0]));
      if (!kept.ok()) return kept;
    }
  }
  return absl::OkStatus();
}

absl::Status VitessCluster::BringBackRows() const {
  for (int shard = 0; shard <= shards_; ++shard) {
    const TestDatabase server(ServerOf(shard));
    const auto tables = server.TryQuery(absl::StrCat("SHOW TABLES FROM ", kKept));
    if (!tables.ok()) return tables.status();
    for (const TestDatabase::Row& table : *tables) {
      for (const std::string& statement :
           {absl::StrCat("DELETE FROM ", table[0]),
            absl::StrCat("INSERT INTO ", table[0], " SELECT * FROM ", kKept, ".", table[0])}) {
        const absl::Status done = server.TryExecute(statement);
        if (!done.ok()) return done;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace reserve::test_support
