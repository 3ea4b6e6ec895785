#include "services/ledger/cli/status.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/health_check.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/audit.grpc.pb.h"
#include "services/ledger/cli/errors.h"
#include "services/ledger/cli/json_text.h"
#include "services/ledger/cli/message_text.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kStatusTimeout = absl::Seconds(10);

// "3h5m", "1.2s": to two figures, as more are in nobody's way.
std::string Short(absl::Duration duration) {
  if (absl::AbsDuration(duration) >= absl::Minutes(1)) {
    return absl::FormatDuration(absl::Trunc(duration, absl::Seconds(1)));
  }
  if (absl::AbsDuration(duration) >= absl::Seconds(1)) {
    return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(100)));
  }
  return absl::FormatDuration(absl::Trunc(duration, absl::Microseconds(100)));
}

std::string Short(const google::protobuf::Duration& duration) {
  return Short(reserve::FromProto(duration));
}

void Line(absl::string_view subject, absl::string_view text, std::ostream& out) {
  out << absl::StrFormat("%-11s %s\n", subject, text);
}

void ShowLanes(const pb::LedgerStatus& status, std::ostream& out) {
  const pb::LaneStatus& lanes = status.lanes();
  Line("lanes",
       absl::StrCat(lanes.lanes(), " lanes, ", lanes.queued_commands(), " commands waiting (",
                    lanes.queued_bytes(), " bytes); since the start ", lanes.commands(),
                    " commands in ", lanes.batches(), " transactions, ", lanes.retries(),
                    " tried again, ", lanes.overloaded(), " refused as full, ", lanes.unavailable(),
                    " told UNAVAILABLE"),
       out);
  std::vector<std::string> pools;
  for (const pb::PoolStatus& pool : status.pools()) {
    pools.push_back(absl::StrCat(pool.pool(), " ", pool.busy(), " of ", pool.threads(),
                                 " at work, ", pool.waiting(), " waiting"));
  }
  Line("pools", absl::StrJoin(pools, "; "), out);
}

void ShowMoney(const pb::LedgerStatus& status, std::ostream& out) {
  const pb::RechargeStatus& recharges = status.recharges();
  const absl::Duration oldest = reserve::FromProto(recharges.oldest_unknown_outcome());
  Line("recharges",
       absl::StrCat(recharges.waiting(), " waiting, ", recharges.in_flight(), " in flight, ",
                    recharges.pending(), " pending at the gateway; oldest unknown outcome ",
                    oldest > absl::ZeroDuration() ? Short(oldest) : "none", "; ",
                    recharges.workers(), " workers here with ", recharges.leases_held(), " leases"),
       out);
  Line("reviews",
       absl::StrCat(recharges.in_review(), " wait for a person",
                    recharges.in_review() > 0 ? " (Support.ListReviews)" : ""),
       out);
  Line("calls",
       absl::StrCat(status.holds_open(), " in progress, ", status.holds_unsettled(),
                    " whose CDR is to come; ", status.unrated_usages(),
                    " usages wait for a price or a user"),
       out);
}

void ShowDecks(const pb::LedgerStatus& status, std::ostream& out) {
  if (status.decks().empty()) Line("decks", "none in force", out);
  for (const pb::DeckInForce& deck : status.decks()) {
    Line("decks",
         absl::StrCat(deck.currency(), " ", deck.series(), ": version ", deck.version(), " \"",
                      deck.name(), "\", in force from ", TimeText(deck.from_time())),
         out);
  }
}

void ShowLag(const pb::LedgerStatus& status, std::ostream& out) {
  std::vector<std::string> failing;
  for (const pb::FailingStep& step : status.failing_steps()) {
    failing.push_back(absl::StrCat(step.step(), " for ", Short(step.failing())));
  }
  Line("lag",
       absl::StrCat("clock ", Short(status.clock_ahead()),
                    " ahead of the database's; failing in "
                    "the background: ",
                    failing.empty() ? "nothing" : absl::StrJoin(failing, ", ")),
       out);
  const pb::DatabaseReplication& database = status.replication();
  Line("database",
       !status.has_replication() ? std::string("not known: it can't be asked")
                                 : absl::StrCat(database.replicas(), " replicas, semi-sync ",
                                                database.semi_sync_in_force()  ? "in force"
                                                : database.semi_sync_enabled() ? "FALLEN BACK"
                                                                               : "off"),
       out);
  for (const pb::LedgerReplica& ledger : status.ledgers()) {
    Line("replicas",
         absl::StrCat(ledger.ledger_id(), ledger.ledger_id() == status.ledger_id() ? " (this)" : "",
                      ", feature level ", ledger.known_feature_level(), ", heard of ",
                      Short(ledger.heartbeat_age()), " ago"),
         out);
  }
}

void ShowSharing(const pb::LedgerStatus& status, std::ostream& out) {
  if (!status.has_sharing()) return;
  const pb::SharingStatus& sharing = status.sharing();
  Line("sharing",
       absl::StrCat(sharing.ranges(), " ranges of accounts, among ", sharing.ledgers(),
                    " ledgers; since the start ", sharing.passed_on(), " commands passed on, ",
                    sharing.taken_over(), " taken over, ", sharing.done_in_place(),
                    " done in the place of a ledger that did not answer"),
       out);
}

void ShowTable(const pb::LedgerStatus& status, absl::string_view health, std::ostream& out) {
  Line("ledger",
       absl::StrCat(status.ledger_id(), ", version ", status.version(), " (build ", status.build(),
                    "), up ", Short(absl::Now() - TimeOf(status.start_time()))),
       out);
  Line("health", absl::StrCat(health, status.draining() ? ", draining" : ""), out);
  ShowLanes(status, out);
  ShowMoney(status, out);
  ShowDecks(status, out);
  ShowLag(status, out);
  ShowSharing(status, out);
  const pb::Verification& verified = status.last_verification();
  Line("verified",
       !status.has_last_verification()
           ? std::string("not by this ledger since it was started")
           : absl::StrCat(TimeText(verified.end_time()), ": ", verified.accounts(), " accounts, ",
                          verified.differences(), " differences"),
       out);
}

}  // namespace

absl::Status ShowStatus(const std::shared_ptr<grpc::Channel>& channel, bool json,
                        std::ostream& out) {
  RESERVE_ASSIGN_OR_RETURN(const bool serving, IsServing(channel, "", kStatusTimeout));
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kStatusTimeout));
  pb::LedgerStatus status;
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(
      pb::Audit::NewStub(channel)->GetStatus(&context, pb::GetStatusRequest(), &status)));
  if (json) {
    out << "{\"serving\":" << (serving ? "true" : "false") << ",\"status\":" << JsonOf(status)
        << "}" << std::endl;
  } else {
    ShowTable(status, serving ? "SERVING" : "NOT SERVING: its log says why", out);
    out << std::flush;
  }
  return serving ? absl::OkStatus() : CheckFailed("the ledger is not serving");
}

}  // namespace reserve::cli
