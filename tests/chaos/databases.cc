#include "tests/chaos/databases.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::chaos {
namespace {

using test_support::GaleraCluster;
using test_support::PrivateDatabaseServer;
using test_support::ReplicatedServers;
using test_support::VitessCluster;

constexpr std::pair<const char*, Engine> kEngines[] = {{"one", Engine::kOne},
                                                       {"asynchronous", Engine::kAsynchronous},
                                                       {"semi_sync", Engine::kSemiSync},
                                                       {"galera", Engine::kGalera},
                                                       {"vitess", Engine::kVitess}};

}  // namespace

absl::StatusOr<Engine> ParseEngine(absl::string_view name) {
  for (const auto& [each, engine] : kEngines) {
    if (name == each) return engine;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--engine is one, asynchronous, semi_sync, galera or vitess, not \"", name, "\""));
}

absl::StatusOr<std::unique_ptr<Databases>> Databases::Create(Engine engine,
                                                             const std::string& vitess) {
  std::unique_ptr<Databases> databases(new Databases(engine));
  RESERVE_RETURN_IF_ERROR(databases->SetUp(vitess));
  return databases;
}

absl::Status Databases::SetUp(const std::string& vitess) {
  switch (engine_) {
    case Engine::kOne: {
      RESERVE_ASSIGN_OR_RETURN(
          one_, PrivateDatabaseServer::Create({.extra_args = {"--innodb-buffer-pool-size=256M"}}));
      main_ = one_.get();
      return absl::OkStatus();
    }
    case Engine::kAsynchronous:
    case Engine::kSemiSync: {
      if (!ReplicatedServers::Available()) {
        return absl::NotFoundError("only MariaDB is set up as a replica here");
      }
      RESERVE_ASSIGN_OR_RETURN(
          replicated_, ReplicatedServers::Create(engine_ == Engine::kSemiSync
                                                     ? ReplicatedServers::Mode::kSemiSyncForEver
                                                     : ReplicatedServers::Mode::kAsynchronous));
      main_ = &replicated_->primary();
      return absl::OkStatus();
    }
    case Engine::kGalera: {
      RESERVE_ASSIGN_OR_RETURN(galera_, GaleraCluster::Create());
      main_ = &galera_->node(0);
      return absl::OkStatus();
    }
    case Engine::kVitess: {
      RESERVE_ASSIGN_OR_RETURN(vitess_, VitessCluster::In(vitess));
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

PrivateDatabaseServer& Databases::of_ledger(size_t ledger) {
  if (galera_ == nullptr || ledger == 0) return *main_;
  // Once node 0 is gone ledger 0 has node 1, and the others have node 2.
  return galera_->node(failed_over_ ? 2 : 1);
}

std::string Databases::SocketOf(size_t ledger) {
  return vitess_ != nullptr ? vitess_->socket() : of_ledger(ledger).socket_path();
}

std::unique_ptr<test_support::TestDatabase> Databases::NewSchema() {
  return vitess_ != nullptr
             ? std::make_unique<test_support::TestDatabase>(vitess_->Address("catalog"))
             : std::make_unique<test_support::TestDatabase>(*main_);
}

std::string Databases::MigrationUrl(const test_support::TestDatabase& schema) const {
  return vitess_ != nullptr ? vitess_->Address("reserve").ToUrl() : schema.url();
}

absl::Status Databases::FailOver() {
  main_->Kill();
  failed_over_ = true;
  if (galera_ != nullptr) {
    main_ = &galera_->node(1);
    return absl::OkStatus();
  }
  RESERVE_RETURN_IF_ERROR(replicated_->WaitUntilApplied());
  RESERVE_RETURN_IF_ERROR(replicated_->Promote());
  main_ = &replicated_->replica();
  return absl::OkStatus();
}

}  // namespace reserve::chaos
