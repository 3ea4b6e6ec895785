// Usages and entries as they are booked, of the `Accounts` service.
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// The deck's name for the destination: decks never change, so it need not be
// stored with each usage.
void AddDestinationName(const book::Catalog& catalog, const domain::Entry& entry,
                        pb::UsageRecord* record) {
  const domain::Rating& rating = entry.booked->rating;
  const rates::DeckSnapshot* deck = catalog.decks->ByVersion(rating.deck_version);
  if (deck == nullptr) return;
  const domain::Usage& usage = entry.booked->usage;
  const domain::Rate* rate = usage.kind == domain::UsageKind::kCall
                                 ? deck->FindCall(usage.direction, usage.destination)
                                 : deck->FindSms(usage.destination, usage.carrier);
  if (rate == nullptr) return;
  record->mutable_rating()->set_destination_name(rate->destination_name);
  record->mutable_rating()->set_carrier_unknown(!usage.carrier.empty() &&
                                                deck->RowOf(*rate).carrier.empty());
}

// Where usages stand of which there is more to say than their entry does, and the entries that
// rated them later.
struct Standings {
  absl::flat_hash_map<std::string, domain::UsageState> states;  // by usage id
  absl::flat_hash_map<std::string, domain::Entry> ratings;      // by usage id
};

absl::StatusOr<Standings> LoadStandings(Connection& connection,
                                        const std::vector<domain::Entry>& entries) {
  std::vector<book::OnceKey> keys;
  for (const domain::Entry& entry : entries) {
    keys.emplace_back(entry.account_id, domain::UsageIdOf(entry));
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::UsageState> states,
                           storage::LoadUsageStates(connection, keys));
  Standings standings;
  std::vector<int64_t> seqs;
  for (domain::UsageState& state : states) {
    if (state.latest_seq != state.seq) seqs.push_back(state.latest_seq);
    standings.states[state.usage_id] = std::move(state);
  }
  if (seqs.empty()) return standings;
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Entry> later,
                           storage::LoadEntries(connection, entries.front().account_id, seqs));
  for (domain::Entry& entry : later) {
    if (!entry.booked.has_value()) continue;  // a void: the state says it all
    const std::string usage_id = entry.booked->usage.usage_id;
    standings.ratings[usage_id] = std::move(entry);
  }
  return standings;
}

// An estimate whose CDR took its place under the same id.
void AddReplaced(const book::Catalog& catalog, const domain::Entry& entry,
                 const std::string& currency, pb::UsageRecord* record) {
  record->set_status(pb::USAGE_STATUS_VOIDED);
  reserve::ToProto(Nanos{0}, currency, record->mutable_cost());
  record->mutable_voided()->set_corrected_by_usage_id(domain::UsageIdOf(entry));
  AddDestinationName(catalog, entry, record);
}

// The usage of an entry as it stands.
void FillRecord(const book::Catalog& catalog, const domain::Entry& entry,
                const Standings& standings, const std::string& currency, pb::UsageRecord* record) {
  ToProto(entry, currency, record);
  const std::string& usage_id = domain::UsageIdOf(entry);
  const auto rating = standings.ratings.find(usage_id);
  const domain::Entry* later = rating == standings.ratings.end() ? nullptr : &rating->second;
  const auto state = standings.states.find(usage_id);
  if (state != standings.states.end()) {
    if (entry.booked->estimated && state->second.seq != entry.seq) {
      return AddReplaced(catalog, entry, currency, record);
    }
    AddState(state->second, later, currency, record);
  }
  AddDestinationName(catalog, later == nullptr ? entry : *later, record);
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::GetUsage(grpc::CallbackServerContext* context,
                                                    const pb::GetUsageRequest* request,
                                                    pb::UsageRecord* response) {
  return StartQuery(api_, context, "GetUsage", [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->usage_id(), "usage_id"));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const storage::StoredUsages stored,
        storage::FindUsagesAsTheyStand(connection, {{request->account_id(), request->usage_id()}}));
    const std::vector<domain::Entry>& found = stored.entries;
    // One that was voided in advance never was booked.
    if (found.empty() || !found.front().booked.has_value()) {
      return domain::UsageNotFound(request->account_id(), request->usage_id());
    }
    RESERVE_ASSIGN_OR_RETURN(const Standings standings, LoadStandings(connection, found));
    response->Clear();
    FillRecord(*api_.engine.catalog(), found.front(), standings, account.currency, response);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountsService::ListUsage(grpc::CallbackServerContext* context,
                                                     const pb::ListUsageRequest* request,
                                                     pb::ListUsageResponse* response) {
  return StartQuery(api_, context, "ListUsage", [=, this](Connection& connection) -> absl::Status {
    if (!request->user_id().empty()) {
      RESERVE_RETURN_IF_ERROR(CheckId(request->user_id(), "user_id"));
    }
    RESERVE_ASSIGN_OR_RETURN(
        const Page page,
        PageFrom(*request, {"ListUsage", request->account_id(), request->user_id()}));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(storage::kNewest));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Entry> entries,
                             storage::ListUsages(connection, request->account_id(),
                                                 request->user_id(), before, page.limit()));
    RESERVE_ASSIGN_OR_RETURN(const Standings standings, LoadStandings(connection, entries));
    response->Clear();
    const auto catalog = api_.engine.catalog();
    FillPage(
        page, entries, response,
        [&](const domain::Entry& entry) {
          FillRecord(*catalog, entry, standings, account.currency, response->add_usage_records());
        },
        [](const domain::Entry& last) { return absl::StrCat(last.seq); });
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountsService::ListEntries(grpc::CallbackServerContext* context,
                                                       const pb::ListEntriesRequest* request,
                                                       pb::ListEntriesResponse* response) {
  return StartQuery(api_, context, "ListEntries", [=](Connection& connection) -> absl::Status {
    RESERVE_ASSIGN_OR_RETURN(const Page page,
                             PageFrom(*request, {"ListEntries", request->account_id()}));
    RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(storage::kNewest));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::Entry> entries,
        storage::ListEntries(connection, request->account_id(), before, page.limit()));
    response->Clear();
    FillPage(
        page, entries, response,
        [&](const domain::Entry& entry) {
          ToProto(entry, account.currency, response->add_entries());
        },
        [](const domain::Entry& last) { return absl::StrCat(last.seq); });
    return absl::OkStatus();
  });
}

}  // namespace reserve::api
