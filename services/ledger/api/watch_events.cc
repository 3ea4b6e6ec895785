#include "services/ledger/api/watch_events.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/engine/event_feed.h"

namespace reserve::api {
namespace {

std::string DigestOfWatch() { return QueryDigest({"WatchEvents"}); }

absl::StatusOr<engine::EventReader::Options> OptionsFrom(const pb::WatchEventsRequest& request) {
  engine::EventReader::Options options;
  if (!request.account_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
    options.account_id = request.account_id();
  }
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::EventKind> kinds,
                           EventKindsFrom(request.kinds()));
  options.kinds.insert(kinds.begin(), kinds.end());
  if (!request.resume_token().empty()) {
    RESERVE_ASSIGN_OR_RETURN(options.resume_from, DecodeResumeToken(request.resume_token()));
  }
  return options;
}

}  // namespace

absl::StatusOr<std::vector<domain::EventKind>> EventKindsFrom(
    const google::protobuf::RepeatedField<int>& messages) {
  std::vector<domain::EventKind> kinds;
  for (int i = 0; i < messages.size(); ++i) {
    const int kind = messages[i];
    if (!pb::EventKind_IsValid(kind) || kind == pb::EVENT_KIND_UNSPECIFIED) {
      return InvalidField(absl::StrCat("kinds[", i, "]"), "is not a kind of event");
    }
    kinds.push_back(static_cast<domain::EventKind>(kind));
  }
  return kinds;
}

std::string EncodeResumeToken(const engine::FeedPosition& position) {
  return EncodePageToken(DigestOfWatch(), engine::ToText(position));
}

absl::StatusOr<engine::FeedPosition> DecodeResumeToken(absl::string_view token) {
  const absl::StatusOr<std::string> text = DecodePageToken(DigestOfWatch(), token);
  std::optional<engine::FeedPosition> position;
  if (text.ok()) position = engine::ParseFeedPosition(*text);
  if (!position.has_value()) return InvalidField("resume_token", "is not a token of this stream");
  return *std::move(position);
}

// One client that watches. The feed gives a page, and no other before Ready.
class EventWatch final : public EventWatches::Reactor, public engine::EventWatcher {
 public:
  EventWatch(OpenStreams<EventWatch>& open, const ApiContext& api,
             grpc::CallbackServerContext* context)
      : open_(open), api_(api), context_(*context), record_(api.metrics, *context, "WatchEvents") {}

  void Begin(absl::StatusOr<engine::EventReader::Options> options) {
    if (!options.ok()) return End(options.status());
    if (!api_.engine.started()) return End(engine::NotServing());
    const absl::Status added = api_.engine.event_feed().Add(this, *std::move(options));
    if (!added.ok()) End(added);
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    end_status_ = status;
    Proceed();
  }

  const grpc::CallbackServerContext& context() const { return context_; }

  void OnPage(engine::EventReader::Page page) override {
    absl::MutexLock lock(&mutex_);
    if (ended_) return;
    sending_.Clear();
    for (const storage::FeedEvent& event : page.events) {
      ToProto(event.event, event.currency, sending_.add_events());
    }
    sending_.set_resume_token(EncodeResumeToken(page.position));
    writing_ = true;
    StartWrite(&sending_);
  }

  void OnFailed(const absl::Status& status) override { End(status); }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok && !ended_) {
        ended_ = true;
        end_status_ = absl::CancelledError("the client is gone");
      }
      Proceed();
      if (ended_) return;
    }
    // Without the lock, which the feed takes under its own.
    api_.engine.event_feed().Ready(this);
  }

  void OnCancel() override { End(absl::CancelledError("the client is gone")); }

  void OnDone() override {
    // After this the feed does not call any more.
    api_.engine.event_feed().Remove(this);
    open_.Remove(this);
    delete this;
  }

 private:
  void Proceed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_ || !ended_) return;
    finished_ = true;
    Finish(record_.End(end_status_));
  }

  OpenStreams<EventWatch>& open_;
  const ApiContext api_;
  const grpc::CallbackServerContext& context_;
  const CallRecord record_;

  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  pb::WatchEventsResponse sending_;
};

EventWatches::Reactor* EventWatches::Start(const ApiContext& api,
                                           grpc::CallbackServerContext* context,
                                           const pb::WatchEventsRequest& request) {
  auto* watch = new EventWatch(open_, api, context);
  const absl::Status refusal = open_.Add(watch);
  if (refusal.ok()) {
    watch->Begin(OptionsFrom(request));
  } else {
    watch->End(refusal);
  }
  return watch;
}

void EventWatches::EndAll() { open_.EndAll(); }

void EventWatches::EndRefused(const Doorkeeper& keeper) {
  static constexpr const MethodAccess& kRow =
      RowOf(access::kAccessTable, "/reserve.ledger.v1.Events/WatchEvents");
  open_.EndRefused(keeper, kRow);
}

}  // namespace reserve::api
