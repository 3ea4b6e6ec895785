// Usages as they are booked, and as they stand, of the `Accounts` service.
#include <memory>
#include <optional>
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
#include "services/ledger/api/usage_filter.h"
#include "services/ledger/api/usage_records.h"
#include "services/ledger/audit/audited_lines.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/errors.h"
#include "services/ledger/storage/usage_history.h"
#include "services/ledger/storage/usage_state_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// The lines by which usages were rated, of decks in memory and of others.
struct Lines {
  std::shared_ptr<const book::Catalog> catalog;
  audit::AuditedLines of_others;

  std::optional<domain::Rate> Find(const domain::Entry& entry) const {
    const int64_t version = entry.booked->rating.deck_version;
    const domain::Usage& usage = entry.booked->usage;
    const rates::DeckSnapshot* deck = catalog->decks->ByVersion(version);
    return deck == nullptr ? of_others.Find(version, usage) : book::FindRateOf(deck, usage);
  }
};

// The deck's name for the destination: decks never change, so it need not be
// stored with each usage.
void AddDestinationName(const Lines& lines, const domain::Entry& entry, pb::Rating* rating) {
  const std::optional<domain::Rate> rate = lines.Find(entry);
  if (!rate.has_value()) return;
  rating->set_destination_name(std::string(rate->destination_name.view()));
  rating->set_carrier_unknown(rate->default_carrier);
}

// Where usages stand of which there is more to say than their entry does, and the entries that
// rated them later.
struct Standings {
  storage::UsageStatesById states;
  absl::flat_hash_map<std::string, domain::Entry> ratings;  // the latest, by usage id
  // Those between the booking and the latest, where they were asked for.
  absl::flat_hash_map<std::string, std::vector<domain::Entry>> earlier;
  // What gave back estimates that a CDR has taken the place of, by usage id.
  absl::flat_hash_map<std::string, domain::Entry> voids;
};

// What a VOIDED usage cost last is in an entry of its own that its state does not name.
bool WasRatedBeforeItsVoid(const domain::UsageState& state) {
  return state.status == domain::UsageStatus::kVoided &&
         (state.rerating != 0 || state.rated_seq != state.seq);
}

// Adds the ratings of usages for which those have to be looked for.
absl::Status FindRatings(Connection& connection, const std::string& account_id,
                         const std::vector<std::string>& usage_ids, Standings* standings) {
  std::vector<const domain::UsageState*> states;
  for (const std::string& id : usage_ids) states.push_back(&standings->states[id]);
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Entry> ratings,
                           storage::LoadRatings(connection, account_id, states));
  for (domain::Entry& entry : ratings) {
    const std::string usage_id = domain::UsageIdOf(entry);
    if (entry.seq < standings->states[usage_id].seq) continue;  // of its estimate (H12)
    const auto [latest, is_first] = standings->ratings.try_emplace(usage_id);
    if (!is_first) standings->earlier[usage_id].push_back(std::move(latest->second));
    latest->second = std::move(entry);
  }
  return absl::OkStatus();
}

// Of usages of one account that have these states, by usage id.
absl::StatusOr<Standings> StandingsOf(Connection& connection, const std::string& account_id,
                                      storage::UsageStatesById states, bool with_earlier) {
  Standings standings;
  std::vector<int64_t> seqs;
  std::vector<std::string> searched;
  for (const auto& [usage_id, state] : states) {
    if (state.latest_seq != state.seq) {
      if (with_earlier || WasRatedBeforeItsVoid(state)) {
        searched.push_back(usage_id);
      } else {
        seqs.push_back(state.latest_seq);
      }
    }
    if (state.estimate_void_seq != 0) seqs.push_back(state.estimate_void_seq);
  }
  standings.states = std::move(states);
  if (!searched.empty()) {
    RESERVE_RETURN_IF_ERROR(FindRatings(connection, account_id, searched, &standings));
  }
  if (seqs.empty()) return standings;
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::Entry> later,
                           storage::LoadEntries(connection, account_id, seqs));
  for (domain::Entry& entry : later) {
    const std::string usage_id = domain::UsageIdOf(entry);
    if (entry.booked.has_value()) {
      standings.ratings[usage_id] = std::move(entry);
    } else if (entry.seq == standings.states[usage_id].estimate_void_seq) {
      standings.voids[usage_id] = std::move(entry);
    }  // else a void of which the state says it all
  }
  return standings;
}

absl::StatusOr<Standings> LoadStandings(Connection& connection,
                                        const std::vector<domain::Entry>& entries,
                                        bool with_earlier) {
  std::vector<book::OnceKey> keys;
  for (const domain::Entry& entry : entries) {
    keys.emplace_back(entry.account_id, domain::UsageIdOf(entry));
  }
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::UsageState> states,
                           storage::LoadUsageStates(connection, keys));
  if (states.empty()) return Standings();
  storage::UsageStatesById by_id;
  storage::AddStates(std::move(states), &by_id);
  return StandingsOf(connection, entries.front().account_id, std::move(by_id), with_earlier);
}

absl::StatusOr<Lines> LoadLines(Connection& connection,
                                std::shared_ptr<const book::Catalog> catalog,
                                std::vector<domain::Entry> entries, const Standings& standings) {
  Lines lines{std::move(catalog), {}};
  if (lines.catalog->left_out.empty()) return lines;
  audit::AuditedLines::Decks decks;
  for (const rates::DeckHeader& header : lines.catalog->left_out) decks[header.version] = header;
  for (const auto& [usage_id, rating] : standings.ratings) entries.push_back(rating);
  for (const auto& [usage_id, earlier] : standings.earlier) {
    entries.insert(entries.end(), earlier.begin(), earlier.end());
  }
  RESERVE_RETURN_IF_ERROR(lines.of_others.ReadFor(connection, decks, entries));
  return lines;
}

// An estimate whose CDR took its place under the same id. `voided` gave it back; null of one that
// was replaced before that was written down.
void AddReplaced(const Lines& lines, const domain::Entry& entry, const domain::Entry* voided,
                 const std::string& currency, pb::UsageRecord* record) {
  if (voided != nullptr) {
    domain::UsageState state = domain::StateOf(entry);
    state.status = domain::UsageStatus::kVoided;
    state.latest_seq = voided->seq;
    state.cost = voided->amount;
    state.free_seconds = voided->voided.free_seconds;
    state.update_time = voided->record_time;
    state.corrected_by = domain::UsageIdOf(entry);
    AddState(state, /*rating=*/nullptr, currency, record);
  } else {
    record->set_status(pb::USAGE_STATUS_VOIDED);
    reserve::ToProto(Nanos{0}, currency, record->mutable_cost());
    record->mutable_voided()->set_corrected_by_usage_id(domain::UsageIdOf(entry));
  }
  AddDestinationName(lines, entry, record->mutable_rating());
}

// The usage of an entry as it stands.
void FillRecord(const Lines& lines, const domain::Entry& entry, const Standings& standings,
                const std::string& currency, pb::UsageRecord* record) {
  ToProto(entry, currency, record);
  const std::string& usage_id = domain::UsageIdOf(entry);
  const auto rating = standings.ratings.find(usage_id);
  const domain::Entry* later = rating == standings.ratings.end() ? nullptr : &rating->second;
  const auto state = standings.states.find(usage_id);
  if (state != standings.states.end()) {
    if (entry.booked->estimated && state->second.seq != entry.seq) {
      const auto voided = standings.voids.find(usage_id);
      return AddReplaced(lines, entry, voided == standings.voids.end() ? nullptr : &voided->second,
                         currency, record);
    }
    AddState(state->second, later, currency, record);
  }
  AddDestinationName(lines, later == nullptr ? entry : *later, record->mutable_rating());
}

// The ratings before the latest, the oldest first: that of the booking, unless it had no price
// then, and those after it.
void AddEarlierRatings(const Lines& lines, const domain::Entry& entry, const Standings& standings,
                       const std::string& currency, pb::UsageRecord* record) {
  const std::string& usage_id = domain::UsageIdOf(entry);
  if (!standings.ratings.contains(usage_id)) return;
  const auto add = [&](const domain::Entry& rating) {
    pb::EarlierRating* added = record->add_earlier_ratings();
    ToProto(rating, currency, added);
    AddDestinationName(lines, rating, added->mutable_rating());
  };
  if (!entry.booked->rating.unrated()) add(entry);
  const auto earlier = standings.earlier.find(usage_id);
  if (earlier == standings.earlier.end()) return;
  for (const domain::Entry& rating : earlier->second) add(rating);
}

}  // namespace

absl::Status AddUsageRecords(Connection& connection, std::shared_ptr<const book::Catalog> catalog,
                             const std::vector<domain::Entry>& entries, const std::string& currency,
                             google::protobuf::RepeatedPtrField<pb::UsageRecord>* records) {
  RESERVE_ASSIGN_OR_RETURN(const Standings standings,
                           LoadStandings(connection, entries, /*with_earlier=*/false));
  RESERVE_ASSIGN_OR_RETURN(const Lines lines,
                           LoadLines(connection, std::move(catalog), entries, standings));
  for (const domain::Entry& entry : entries) {
    FillRecord(lines, entry, standings, currency, records->Add());
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* AccountsService::GetUsage(grpc::CallbackServerContext* context,
                                                    const pb::GetUsageRequest* request,
                                                    pb::UsageRecord* response) {
  return StartQuery(
      api_, context, "GetUsage", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_RETURN_IF_ERROR(CheckId(request->usage_id(), "usage_id"));
        RESERVE_ASSIGN_OR_RETURN(const std::string currency,
                                 LoadCurrency(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(const storage::StoredUsages stored,
                                 storage::FindUsagesAsTheyStand(
                                     connection, {{request->account_id(), request->usage_id()}}));
        if (!stored.archived.empty()) {
          return domain::UsageArchived(request->usage_id(), stored.archived.front().seq);
        }
        const std::vector<domain::Entry>& found = stored.entries;
        // One that was voided in advance never was booked.
        if (found.empty() || !found.front().booked.has_value()) {
          return domain::UsageNotFound(request->account_id(), request->usage_id());
        }
        RESERVE_ASSIGN_OR_RETURN(const Standings standings,
                                 LoadStandings(connection, found, /*with_earlier=*/true));
        RESERVE_ASSIGN_OR_RETURN(const Lines lines,
                                 LoadLines(connection, api_.engine.catalog(), found, standings));
        response->Clear();
        FillRecord(lines, found.front(), standings, currency, response);
        AddEarlierRatings(lines, found.front(), standings, currency, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccountsService::ListUsage(grpc::CallbackServerContext* context,
                                                     const pb::ListUsageRequest* request,
                                                     pb::ListUsageResponse* response) {
  return StartQuery(
      api_, context, "ListUsage", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const storage::UsageFilter filter,
                                 UsageFilterFrom(api_.engine.options().settings, *request));
        RESERVE_ASSIGN_OR_RETURN(const Page page, UsagePageFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::UsagePosition> after,
                                 PositionBefore(page));
        RESERVE_ASSIGN_OR_RETURN(const std::string currency,
                                 LoadCurrency(connection, request->account_id()));
        RESERVE_RETURN_IF_ERROR(OptionalMoney(request->has_minimum_cost(), request->minimum_cost(),
                                              currency, "minimum_cost")
                                    .status());
        RESERVE_ASSIGN_OR_RETURN(storage::UsagePage found,
                                 storage::ListUsagesByStart(connection, request->account_id(),
                                                            filter, after, page.limit()));
        RESERVE_ASSIGN_OR_RETURN(
            const Standings standings,
            StandingsOf(connection, request->account_id(), std::move(found.states),
                        /*with_earlier=*/false));
        RESERVE_ASSIGN_OR_RETURN(const Lines lines, LoadLines(connection, api_.engine.catalog(),
                                                              found.entries, standings));
        response->Clear();
        RESERVE_ASSIGN_OR_RETURN(*response->mutable_archived_through(),
                                 ArchivedThrough(connection, request->account_id()));
        PageFill fill(page);
        for (; fill.rows() < found.entries.size() && !fill.full(); fill.AddNewOf(*response)) {
          FillRecord(lines, found.entries[fill.rows()], standings, currency,
                     response->add_usage_records());
        }
        std::optional<storage::UsagePosition> next = found.searched;
        if (fill.rows() < found.entries.size()) {
          next = storage::PositionOf(found.entries[fill.rows() - 1]);
        }
        if (!next.has_value()) return absl::OkStatus();
        response->set_next_page_token(EncodePageToken(page.query_digest, CursorAfterUsage(*next)));
        reserve::ToProto(next->start, response->mutable_searched_until());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AccountsService::GetEntry(grpc::CallbackServerContext* context,
                                                    const pb::GetEntryRequest* request,
                                                    pb::Entry* response) {
  return StartQuery(
      api_, context, "GetEntry", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        if (request->seq() <= 0) return InvalidField("seq", "must be above zero");
        RESERVE_ASSIGN_OR_RETURN(const std::string currency,
                                 LoadCurrency(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Entry> found,
            storage::LoadEntries(connection, request->account_id(), {request->seq()}));
        if (found.empty()) {
          RESERVE_ASSIGN_OR_RETURN(const std::optional<storage::ArchivedHead> archived,
                                   storage::FindArchivedHead(connection, request->account_id()));
          if (archived.has_value() && request->seq() <= archived->seq) {
            return domain::ArchivedAlready(
                "seq", "the entry is archived: what it was is in the archive of its month");
          }
          return storage::EntryNotFound(request->account_id(), request->seq());
        }
        response->Clear();
        ToProto(found.front(), currency, response);
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
