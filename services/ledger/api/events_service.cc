#include "services/ledger/api/events_service.h"

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/event_rows.h"

namespace reserve::api {

using storage::Connection;

grpc::ServerUnaryReactor* EventsService::ListEvents(grpc::CallbackServerContext* context,
                                                    const pb::ListEventsRequest* request,
                                                    pb::ListEventsResponse* response) {
  return StartQuery(
      api_, context, "ListEvents", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        const bool newest = request->newest_first();
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {newest ? "ListEvents newest" : "ListEvents",
                                                     request->account_id()}));
        RESERVE_ASSIGN_OR_RETURN(const int64_t from,
                                 page.Number(newest ? std::numeric_limits<int64_t>::max() : 0));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Event> events,
            newest
                ? storage::ListLatestEvents(connection, request->account_id(), from, page.limit())
                : storage::ListEvents(connection, request->account_id(), from, page.limit()));
        response->Clear();
        FillPage(
            page, events, response,
            [&](const domain::Event& event) {
              ToProto(event, account.currency, response->add_events());
            },
            [](const domain::Event& last) { return absl::StrCat(last.event_seq); });
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<pb::WatchEventsResponse>* EventsService::WatchEvents(
    grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) {
  return watches_.Start(api_, context, *request);
}

}  // namespace reserve::api
