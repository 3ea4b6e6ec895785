// Usages and entries as they are booked, of the `Accounts` service.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/entry_rows.h"

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
  if (rate != nullptr) record->mutable_rating()->set_destination_name(rate->destination_name);
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
        const std::vector<domain::Entry> found,
        storage::FindUsages(connection, {{request->account_id(), request->usage_id()}}));
    if (found.empty()) return UsageNotFound(request->account_id(), request->usage_id());
    ToProto(found.front(), account.currency, response);
    AddDestinationName(*api_.engine.catalog(), found.front(), response);
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
    response->Clear();
    const auto catalog = api_.engine.catalog();
    FillPage(
        page, entries, response,
        [&](const domain::Entry& entry) {
          pb::UsageRecord* record = response->add_usage_records();
          ToProto(entry, account.currency, record);
          AddDestinationName(*catalog, entry, record);
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
