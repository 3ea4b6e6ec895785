#include "tests/chaos/databases.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"

namespace reserve::chaos {
namespace {

using test_support::GaleraCluster;
using test_support::PrivateDatabaseServer;
using test_support::ReplicatedServers;

constexpr std::pair<const char*, Engine> kEngines[] = {{"one", Engine::kOne},
                                                       {"asynchronous", Engine::kAsynchronous},
                                                       {"semi_sync", Engine::kSemiSync},
                                                       {"galera", Engine::kGalera}};

}  // namespace

absl::StatusOr<Engine> ParseEngine(absl::string_view name) {
  for (const auto& [each, engine] : kEngines) {
    if (name == each) return engine;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--engine is one, asynchronous, semi_sync or galera, not \"", name, "\""));
}

absl::StatusOr<std::unique_ptr<Databases>> Databases::Create(Engine engine) {
  std::unique_ptr<Databases> databases(new Databases(engine));
  RESERVE_RETURN_IF_ERROR(databases->SetUp());
  return databases;
}

absl::Status Databases::SetUp() {
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
  }
  return absl::OkStatus();
}

PrivateDatabaseServer& Databases::of_ledger(size_t ledger) {
  if (galera_ == nullptr || ledger == 0) return *main_;
  // Once node 0 is gone ledger 0 has node 1, and the others have node 2.
  return galera_->node(failed_over_ ? 2 : 1);
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
