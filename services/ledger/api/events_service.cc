#include "services/ledger/api/events_service.h"

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
        RESERVE_ASSIGN_OR_RETURN(const Page page,
                                 PageFrom(*request, {"ListEvents", request->account_id()}));
        RESERVE_ASSIGN_OR_RETURN(const int64_t after, page.Number(0));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Event> events,
            storage::ListEvents(connection, request->account_id(), after, page.limit()));
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
