// WatchEvents: the events of all accounts, pushed as they happen.
//
// A stream holds one message at a time; the next is read from the database once
// gRPC has taken it, so a client that reads slowly costs no memory. Several streams
// may run at once; thread-safe.
#ifndef RESERVE_SERVICES_LEDGER_API_WATCH_EVENTS_H_
#define RESERVE_SERVICES_LEDGER_API_WATCH_EVENTS_H_

#include <google/protobuf/repeated_field.h>
#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "reserve/ledger/v1/events.grpc.pb.h"
#include "services/ledger/api/call.h"
#include "services/ledger/api/conversions.h"
#include "services/ledger/api/open_streams.h"
#include "services/ledger/engine/event_reader.h"

namespace reserve::api {

class EventWatch;

// The watches that are open.
class EventWatches {
 public:
  using Reactor = grpc::ServerWriteReactor<pb::WatchEventsResponse>;

  Reactor* Start(const ApiContext& api, grpc::CallbackServerContext* context,
                 const pb::WatchEventsRequest& request);

  // Ends open watches with UNAVAILABLE; new ones end at once.
  void EndAll();
  // Ends those whose caller may no longer have them with PERMISSION_DENIED.
  void EndRefused(const Doorkeeper& keeper);

 private:
  OpenStreams<EventWatch> open_;
};

// INVALID_ARGUMENT on "kinds[i]" of what is no kind of event.
absl::StatusOr<std::vector<domain::EventKind>> EventKindsFrom(
    const google::protobuf::RepeatedField<int>& messages);

// A position in the feed as a client keeps it.
std::string EncodeResumeToken(const engine::FeedPosition& position);
// INVALID_ARGUMENT on "resume_token" if it is not ours.
absl::StatusOr<engine::FeedPosition> DecodeResumeToken(absl::string_view token);

}  // namespace reserve::api

#endif  // RESERVE_SERVICES_LEDGER_API_WATCH_EVENTS_H_
