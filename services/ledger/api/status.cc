// GetStatus: what the ledger knows of itself, without asking anybody.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/flags/version.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/audit_service.h"

namespace reserve::api {
namespace {

void FillLanes(const engine::Engine& engine, pb::LaneStatus* message) {
  const engine::EngineStats& stats = engine.stats();
  message->set_lanes(engine.options().lanes);
  message->set_queued_commands(stats.queued);
  message->set_queued_bytes(stats.queued_bytes);
  message->set_commands(stats.commands);
  message->set_batches(stats.batches);
  message->set_retries(stats.retries);
  message->set_overloaded(stats.overloaded);
  message->set_unavailable(stats.unavailable);
}

void AddPools(engine::Engine& engine, pb::LedgerStatus* status) {
  const std::pair<const char*, engine::QueryPool*> pools[] = {{"queries", &engine.queries()},
                                                              {"pages", &engine.pages()},
                                                              {"bulk", &engine.bulk()},
                                                              {"doors", &engine.doors()}};
  for (const auto& [name, pool] : pools) {
    const engine::QueryPool::Load load = pool->load();
    pb::PoolStatus* message = status->add_pools();
    message->set_pool(name);
    message->set_threads(load.threads);
    message->set_busy(load.busy);
    message->set_waiting(load.waiting);
  }
}

void FillRecharges(engine::Engine& engine, pb::RechargeStatus* message) {
  const engine::EngineStats& stats = engine.stats();
  message->set_waiting(stats.recharges_waiting);
  message->set_in_flight(stats.recharges_in_flight);
  message->set_pending(stats.recharges_pending);
  message->set_in_review(stats.recharges_in_review);
  reserve::ToProto(engine.OldestUnknownOutcome(), message->mutable_oldest_unknown_outcome());
  message->set_leases_held(engine.dispatcher().LeasesHeld());
  message->set_workers(engine.dispatcher().Watchers());
}

void AddDecks(const engine::Engine& engine, pb::LedgerStatus* status) {
  const std::shared_ptr<const book::Catalog> catalog = engine.catalog();
  for (const rates::DeckActivation& activation : catalog->timeline->InForceAt(engine.Now())) {
    pb::DeckInForce* message = status->add_decks();
    message->set_currency(activation.currency);
    message->set_series(activation.series);
    message->set_version(activation.deck_version);
    reserve::ToProto(activation.from, message->mutable_from_time());
    const rates::DeckHeader* header = catalog->FindHeader(activation.deck_version);
    if (header != nullptr) message->set_name(header->name);
  }
}

void AddSteps(const engine::EngineStats& stats, pb::LedgerStatus* status) {
  for (int i = 0; i < engine::kSteps; ++i) {
    const auto step = static_cast<engine::Step>(i);
    const absl::Duration failing = stats.steps.failing(step);
    if (failing <= absl::ZeroDuration()) continue;
    pb::FailingStep* message = status->add_failing_steps();
    message->set_step(std::string(engine::NameOf(step)));
    reserve::ToProto(failing, message->mutable_failing());
  }
}

void AddReplicas(const engine::Engine& engine, pb::LedgerStatus* status) {
  const engine::EngineStats& stats = engine.stats();
  if (stats.database_replicas >= 0) {
    status->mutable_replication()->set_replicas(stats.database_replicas);
    status->mutable_replication()->set_semi_sync_enabled(stats.semi_sync_enabled > 0);
    status->mutable_replication()->set_semi_sync_in_force(stats.semi_sync_in_force > 0);
  }
  for (const storage::ServingLedger& ledger : engine.ledgers()) {
    pb::LedgerReplica* message = status->add_ledgers();
    message->set_ledger_id(ledger.ledger_id);
    message->set_known_feature_level(ledger.known_level);
    reserve::ToProto(ledger.heartbeat_age, message->mutable_heartbeat_age());
  }
}

void FillSharing(engine::Engine& engine, pb::LedgerStatus* status) {
  if (!engine.ranges().takes_part()) return;
  const engine::EngineStats& stats = engine.stats();
  pb::SharingStatus* message = status->mutable_sharing();
  message->set_ledgers(stats.ledgers_sharing);
  message->set_ranges(stats.ranges_owned);
  message->set_passed_on(stats.passed_on);
  message->set_done_in_place(stats.done_in_place);
  message->set_taken_over(stats.taken_over);
}

}  // namespace

grpc::ServerUnaryReactor* AuditService::GetStatus(grpc::CallbackServerContext* context,
                                                  const pb::GetStatusRequest*,
                                                  pb::LedgerStatus* status) {
  engine::Engine& engine = api_.engine;
  status->set_ledger_id(engine.options().ledger_id);
  status->set_version(Version());
  status->set_build(Build());
  reserve::ToProto(api_.metrics.start_time(), status->mutable_start_time());
  status->set_draining(api_.metrics.draining());
  reserve::ToProto(absl::Microseconds(engine.stats().clock_ahead_micros.load()),
                   status->mutable_clock_ahead());
  FillLanes(engine, status->mutable_lanes());
  AddPools(engine, status);
  FillRecharges(engine, status->mutable_recharges());
  status->set_holds_open(engine.stats().holds_open);
  status->set_holds_unsettled(engine.stats().holds_unsettled);
  status->set_unrated_usages(engine.stats().unrated);
  AddDecks(engine, status);
  AddSteps(engine.stats(), status);
  AddReplicas(engine, status);
  FillSharing(engine, status);
  const auto verified = api_.metrics.outcomes().last_verification();
  if (verified.has_value()) {
    pb::Verification* message = status->mutable_last_verification();
    reserve::ToProto(verified->end, message->mutable_end_time());
    message->set_accounts(verified->accounts);
    message->set_differences(verified->differences);
  }
  return FinishNow(api_, context, "GetStatus", absl::OkStatus());
}

}  // namespace reserve::api
