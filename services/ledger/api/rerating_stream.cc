#include "services/ledger/api/rerating_stream.h"

#include <grpcpp/alarm.h>

#include <memory>
#include <optional>
#include <utility>

#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/deadline.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/reratings.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/engine/rerating_preview.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/plan_rows.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::api {
namespace {

constexpr absl::Duration kLookEvery = absl::Milliseconds(250);

// The id may be that of an activation or of a plan's version: one namespace a service.
absl::Status CheckIdIsFree(storage::Connection& connection, const std::string& request_id) {
  RESERVE_ASSIGN_OR_RETURN(const auto activation, storage::FindActivation(connection, request_id));
  RESERVE_ASSIGN_OR_RETURN(const auto plan, storage::FindPlanVersion(connection, request_id));
  if (!activation.has_value() && !plan.has_value()) return absl::OkStatus();
  return domain::RequestIdReused(request_id);
}

}  // namespace

// One stream: reads, writes, waits, one after the other. Finishes once nothing is under way.
class ReratingStream final : public ReratingStreams::Reactor {
 public:
  ReratingStream(OpenStreams<ReratingStream>& open, const ApiContext& api,
                 grpc::CallbackServerContext* context)
      : open_(open), api_(api), context_(*context), record_(api.metrics, *context, "RerateUsage") {}

  void Begin(const pb::RerateUsageRequest& request) {
    if (!api_.engine.started()) return End(engine::NotServing());
    absl::StatusOr<book::ReratingOrder> order = ReratingOrderFrom(request);
    if (!order.ok()) return End(order.status());
    job_.order = *std::move(order);
    job_.order.by.caller = CallerOf(context_);
    dry_run_ = request.validate_only();
    Step();
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (!ended_) {
      ended_ = true;
      end_status_ = status;
    }
    if (busy_ == Busy::kWaiting) alarm_.Cancel();
    Proceed();
  }

  const grpc::CallbackServerContext& context() const { return context_; }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      busy_ = Busy::kNo;
      if (!ok && !ended_) {
        ended_ = true;
        end_status_ = engine::CallerGone();
      }
      if (last_) ended_ = true;
      if (!ended_ && !dry_run_) return Wait();
      Proceed();
      if (ended_) return;
    }
    Step();
  }

  void OnCancel() override { End(engine::CallerGone()); }

  void OnDone() override {
    open_.Remove(this);
    // Whoever finished it may still be about to let go.
    { absl::MutexLock lock(&mutex_); }
    delete this;
  }

 private:
  enum class Busy { kNo, kReading, kWriting, kWaiting };

  // Reads what is to be sent next. Without the lock, as a pool that is full answers at once.
  void Step() {
    {
      absl::MutexLock lock(&mutex_);
      if (ended_) return Proceed();
      busy_ = Busy::kReading;
    }
    engine::QueryPool& pool = dry_run_ ? api_.engine.bulk() : api_.engine.queries();
    pool.Submit(
        [this](storage::Connection& connection) {
          return dry_run_ ? Preview(connection) : Look(connection);
        },
        [this](const absl::Status& status) { Send(status); },
        [this] { return ended() ? engine::CallerGone() : absl::OkStatus(); });
  }

  bool ended() {
    absl::MutexLock lock(&mutex_);
    return ended_;
  }

  // With the plan and the deck that the order names.
  absl::StatusOr<std::shared_ptr<const book::Catalog>> CatalogFor(storage::Connection& connection) {
    const book::ReratingOrder& order = job_.order;
    if (!order.scope.plan_id.empty()) {
      RESERVE_RETURN_IF_ERROR(
          api_.engine.CatalogWithPlan(connection, order.scope.plan_id).status());
    }
    if (dry_run_ && order.deck_version != 0) {
      return api_.engine.CatalogWithDeck(connection, order.deck_version);
    }
    return api_.engine.catalog();
  }

  absl::Status Preview(storage::Connection& connection) {
    const std::string& currency = job_.order.scope.currency;
    if (preview_ == nullptr) {
      RESERVE_ASSIGN_OR_RETURN(const auto catalog, CatalogFor(connection));
      RESERVE_RETURN_IF_ERROR(CompleteOrder(connection, *catalog, &job_.order));
      preview_ =
          std::make_unique<engine::ReratingPreview>(api_.engine.options(), catalog, job_.order);
    }
    const absl::Status next = preview_->Next(connection);
    if (const auto deck = book::DeckToLoad(next)) {
      // Begun anew it finds the deck.
      RESERVE_RETURN_IF_ERROR(api_.engine.CatalogWithDeck(connection, *deck).status());
    }
    RESERVE_RETURN_IF_ERROR(next);
    sending_.Clear();
    for (const book::RerateReply& difference : preview_->differences()) {
      ToProto(difference, currency, sending_.add_differences());
    }
    job_.counts = preview_->counts();
    job_.done = last_ = preview_->ended();
    ToProto(job_, sending_.mutable_rerating());
    if (last_) ToProto(preview_->consequences(), currency, sending_.mutable_consequences());
    return absl::OkStatus();
  }

  // The first time it is stored, or found to be there.
  absl::Status Look(storage::Connection& connection) {
    std::optional<book::ReratingJob> found;
    RESERVE_ASSIGN_OR_RETURN(found, storage::FindRerating(connection, job_.order.request_id));
    if (!found.has_value()) {
      RESERVE_RETURN_IF_ERROR(CheckIdIsFree(connection, job_.order.request_id));
      RESERVE_ASSIGN_OR_RETURN(const auto catalog, CatalogFor(connection));
      RESERVE_RETURN_IF_ERROR(CompleteOrder(connection, *catalog, &job_.order));
      RESERVE_ASSIGN_OR_RETURN(found,
                               storage::AddRerating(connection, job_.order, api_.engine.Now()));
      api_.engine.reratings().Announce();
    }
    if (found->order.digest != job_.order.digest) {
      return domain::RequestIdReused(job_.order.request_id);
    }
    sending_.Clear();
    ToProto(*found, sending_.mutable_rerating());
    last_ = found->done || found->canceled;
    return absl::OkStatus();
  }

  void Send(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    busy_ = Busy::kNo;
    if (!status.ok() && !ended_) {
      ended_ = true;
      end_status_ = status;
    }
    if (ended_) return Proceed();
    busy_ = Busy::kWriting;
    StartWrite(&sending_);
  }

  void Wait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    busy_ = Busy::kWaiting;
    alarm_.Set(DeadlineIn(kLookEvery), [this](bool) {
      {
        absl::MutexLock lock(&mutex_);
        busy_ = Busy::kNo;
      }
      Step();
    });
  }

  void Proceed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!ended_ || busy_ != Busy::kNo || finished_) return;
    finished_ = true;
    Finish(record_.End(end_status_));
  }

  OpenStreams<ReratingStream>& open_;
  const ApiContext api_;
  const grpc::CallbackServerContext& context_;
  const CallRecord record_;
  bool dry_run_ = false;
  // Of whoever reads, one after the other.
  book::ReratingJob job_;
  std::unique_ptr<engine::ReratingPreview> preview_;
  pb::RerateUsageResponse sending_;
  bool last_ = false;  // what is sent is the end

  absl::Mutex mutex_;
  grpc::Alarm alarm_;
  Busy busy_ ABSL_GUARDED_BY(mutex_) = Busy::kNo;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

ReratingStreams::Reactor* ReratingStreams::Start(const ApiContext& api,
                                                 grpc::CallbackServerContext* context,
                                                 const pb::RerateUsageRequest& request) {
  auto* stream = new ReratingStream(open_, api, context);
  const absl::Status refusal = open_.Add(stream);
  if (refusal.ok()) {
    stream->Begin(request);
  } else {
    stream->End(refusal);
  }
  return stream;
}

void ReratingStreams::EndAll() { open_.EndAll(); }

void ReratingStreams::EndRefused(const Doorkeeper& keeper) {
  static constexpr const MethodAccess& kRow =
      RowOf(access::kAccessTable, "/reserve.ledger.v1.Rates/RerateUsage");
  open_.EndRefused(keeper, kRow);
}

}  // namespace reserve::api
