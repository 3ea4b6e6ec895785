#include "services/ledger/api/events_service.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/storage/event_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;
using storage::EventFilter;

absl::StatusOr<EventFilter> EventFilterFrom(const pb::ListEventsRequest& request) {
  EventFilter filter;
  RESERVE_ASSIGN_OR_RETURN(filter.kinds, EventKindsFrom(request.kinds()));
  if (request.has_time_from()) {
    RESERVE_ASSIGN_OR_RETURN(filter.from, reserve::FromProto(request.time_from(), "time_from"));
  }
  if (request.has_time_before()) {
    RESERVE_ASSIGN_OR_RETURN(filter.before,
                             reserve::FromProto(request.time_before(), "time_before"));
  }
  if (filter.from >= filter.before) {
    return InvalidField("time_before", "must be later than time_from");
  }
  if (!pb::EventOrder_IsValid(request.order())) {
    return InvalidField("order", "must be one of EventOrder");
  }
  filter.newest_first = request.order() == pb::EVENT_ORDER_NEWEST_FIRST;
  return filter;
}

absl::StatusOr<Page> EventPageFrom(const pb::ListEventsRequest& request,
                                   const EventFilter& filter) {
  // As it was before there were filters, where there are none.
  const std::string filters =
      filter.filters() ? absl::StrCat(absl::StrJoin(request.kinds(), ","), " ",
                                      absl::FormatTime(filter.from, absl::UTCTimeZone()), " ",
                                      absl::FormatTime(filter.before, absl::UTCTimeZone()))
                       : "";
  if (filters.empty() && !filter.newest_first) {
    return PageFrom(request, {"ListEvents", request.account_id()});
  }
  return PageFrom(request, {"ListEvents", request.account_id(), filters,
                            filter.newest_first ? "newest" : "oldest"});
}

}  // namespace

grpc::ServerUnaryReactor* EventsService::ListEvents(grpc::CallbackServerContext* context,
                                                    const pb::ListEventsRequest* request,
                                                    pb::ListEventsResponse* response) {
  return StartQuery(
      api_, context, "ListEvents", request->account_id(),
      [=](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const EventFilter filter, EventFilterFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(const Page page, EventPageFrom(*request, filter));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        RESERVE_ASSIGN_OR_RETURN(
            const Stretch stretch,
            StretchOf(page, filter.newest_first, filter.filters(), account.last_event_seq));
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<domain::Event> events,
            storage::ListEventsWithin(connection, request->account_id(),
                                      {stretch.first, stretch.end}, filter, page.limit()));
        response->Clear();
        PageFill fill(page);
        for (; fill.rows() < events.size() && !fill.full(); fill.AddNewOf(*response)) {
          ToProto(events[fill.rows()], account.currency, response->add_events());
        }
        const int64_t searched = fill.rows() < events.size() ? events[fill.rows() - 1].event_seq
                                                             : stretch.searched_until;
        if (searched == 0) return absl::OkStatus();
        response->set_next_page_token(EncodePageToken(page.query_digest, absl::StrCat(searched)));
        response->set_searched_until_event_seq(searched);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<pb::WatchEventsResponse>* EventsService::WatchEvents(
    grpc::CallbackServerContext* context, const pb::WatchEventsRequest* request) {
  return watches_.Start(api_, context, *request);
}

}  // namespace reserve::api
