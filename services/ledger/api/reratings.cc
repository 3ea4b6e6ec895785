#include "services/ledger/api/reratings.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock/utc.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/caller.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/archive_rows.h"
#include "services/ledger/storage/rerating_rows.h"

namespace reserve::api {
namespace {

using book::PricesBy;
using book::ReratingOrder;
using book::ReratingScope;

absl::Status ReadTimes(const pb::RerateUsageRequest& request, ReratingScope* scope) {
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(scope->from, reserve::FromProto(request.start_time(), "start_time"));
  }
  if (request.has_end_time()) {
    RESERVE_ASSIGN_OR_RETURN(scope->to, reserve::FromProto(request.end_time(), "end_time"));
  }
  if (scope->to <= scope->from) return InvalidField("end_time", "must be after start_time");
  return absl::OkStatus();
}

absl::StatusOr<ReratingScope> ScopeFrom(const pb::RerateUsageRequest& request) {
  ReratingScope scope;
  if (request.account_id().empty() && !request.has_start_time()) {
    return InvalidField("start_time", "must be set where there is no account_id");
  }
  if (!request.account_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  }
  if (!request.user_id().empty()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.user_id(), "user_id"));
    if (request.account_id().empty()) {
      return InvalidField("user_id", "must be that of an account_id");
    }
  }
  if (!request.plan_id().empty()) RESERVE_RETURN_IF_ERROR(CheckId(request.plan_id(), "plan_id"));
  const std::string& prefix = request.destination_prefix();
  const bool digits =
      std::all_of(prefix.begin(), prefix.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || prefix.size() > rates::kMaxPrefixDigits) {
    return InvalidField("destination_prefix",
                        absl::StrCat("must be up to ", rates::kMaxPrefixDigits, " digits"));
  }
  scope.account_id = request.account_id();
  scope.user_id = request.user_id();
  scope.plan_id = request.plan_id();
  scope.prefix = prefix;
  RESERVE_RETURN_IF_ERROR(ReadTimes(request, &scope));
  if (!request.currency_code().empty()) {
    RESERVE_ASSIGN_OR_RETURN(scope.currency,
                             CurrencyFrom(request.currency_code(), "currency_code"));
  }
  return scope;
}

// Of all that decides what is done; not of the currency, which may be filled in.
std::string DigestOf(const pb::RerateUsageRequest& request) {
  const auto text = [](const google::protobuf::Timestamp& time) {
    return absl::StrCat(time.seconds(), ".", time.nanos());
  };
  return Sha256HexOfFields(
      {"rerate", request.account_id(), request.user_id(), request.plan_id(),
       request.destination_prefix(), request.has_start_time() ? text(request.start_time()) : "",
       request.has_end_time() ? text(request.end_time()) : "", request.currency_code(),
       absl::StrCat(request.prices_case(), " ", request.deck_version(), " ",
                    request.own_decks() ? 1 : 0),
       absl::StrCat(request.include_unrated() ? 1 : 0, request.may_recharge() ? 1 : 0),
       request.reason(), request.actor(), request.reference()});
}

// The currency is what all that name one say.
absl::Status Agree(const std::string& currency, absl::string_view field, std::string* agreed) {
  if (agreed->empty()) *agreed = currency;
  if (*agreed == currency) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("is of ", currency, ", not ", *agreed));
}

}  // namespace

absl::StatusOr<ReratingOrder> ReratingOrderFrom(const pb::RerateUsageRequest& request) {
  ReratingOrder order;
  if (!request.validate_only()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  }
  order.request_id = request.request_id();
  RESERVE_ASSIGN_OR_RETURN(order.scope, ScopeFrom(request));
  switch (request.prices_case()) {
    case pb::RerateUsageRequest::kDeckVersion:
      if (request.deck_version() <= 0) {
        return InvalidField("deck_version", "must be that of a deck");
      }
      order.prices = PricesBy::kDeck;
      order.deck_version = request.deck_version();
      break;
    case pb::RerateUsageRequest::kOwnDecks:
      order.prices = request.own_decks() ? PricesBy::kOwnDeck : PricesBy::kTimeline;
      break;
    default:
      break;
  }
  order.include_unrated = request.include_unrated();
  order.may_recharge = request.may_recharge();
  RESERVE_ASSIGN_OR_RETURN(order.by, ByStaffFrom(request));
  order.digest = DigestOf(request);
  return order;
}

absl::Status CompleteOrder(storage::Connection& connection, const book::Catalog& catalog,
                           ReratingOrder* order) {
  ReratingScope& scope = order->scope;
  if (scope.from != absl::InfinitePast()) {
    RESERVE_ASSIGN_OR_RETURN(const int32_t archived, storage::ReadArchivedMonth(connection));
    if (MonthOf(scope.from) <= archived) {
      return domain::ArchivedAlready("start_time", "usages of then are archived");
    }
  }
  if (!scope.account_id.empty()) {
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, scope.account_id));
    RESERVE_RETURN_IF_ERROR(Agree(account.currency, "account_id", &scope.currency));
    if (!scope.user_id.empty()) {
      RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::User> users,
                               storage::LoadUsers(connection, {{scope.account_id, scope.user_id}}));
      if (users.empty()) return domain::UserNotFound(scope.account_id, scope.user_id);
    }
  }
  if (!scope.plan_id.empty())
    RESERVE_RETURN_IF_ERROR(catalog.FindPlan(scope.plan_id, absl::InfiniteFuture()).status());
  if (order->prices == PricesBy::kDeck) {
    const rates::DeckHeader* deck = catalog.FindHeader(order->deck_version);
    if (deck == nullptr) return engine::RateDeckNotFound(order->deck_version);
    RESERVE_RETURN_IF_ERROR(Agree(deck->currency, "deck_version", &scope.currency));
  }
  if (scope.currency.empty()) {
    RESERVE_ASSIGN_OR_RETURN(scope.currency, CurrencyFrom("", "currency_code"));
  }
  return absl::OkStatus();
}

void ToProto(const book::ReratingJob& job, pb::Rerating* message) {
  const ReratingOrder& order = job.order;
  const ReratingScope& scope = order.scope;
  message->set_request_id(order.request_id);
  message->set_state(job.done       ? pb::RERATING_STATE_DONE
                     : job.canceled ? pb::RERATING_STATE_CANCELED
                                    : pb::RERATING_STATE_RUNNING);
  message->set_reached_account_id(job.place.account_id);
  message->set_cancel_reason(job.canceled_by.reason);
  message->set_cancel_actor(job.canceled_by.actor);
  message->set_cancel_caller(job.canceled_by.caller);
  message->set_caller(order.by.caller);
  message->set_cancel_reference(job.canceled_by.reference);
  pb::RerateUsageRequest* request = message->mutable_request();
  request->set_request_id(order.request_id);
  request->set_account_id(scope.account_id);
  request->set_user_id(scope.user_id);
  request->set_plan_id(scope.plan_id);
  request->set_destination_prefix(scope.prefix);
  if (scope.from != absl::InfinitePast()) {
    reserve::ToProto(scope.from, request->mutable_start_time());
  }
  if (scope.to != absl::InfiniteFuture()) reserve::ToProto(scope.to, request->mutable_end_time());
  request->set_currency_code(scope.currency);
  if (order.prices == PricesBy::kDeck) request->set_deck_version(order.deck_version);
  if (order.prices == PricesBy::kOwnDeck) request->set_own_decks(true);
  request->set_include_unrated(order.include_unrated);
  request->set_may_recharge(order.may_recharge);
  request->set_reason(order.by.reason);
  request->set_actor(order.by.actor);
  request->set_reference(order.by.reference);
  const book::ReratingCounts& counts = job.counts;
  message->set_usage_count(counts.looked_at);
  message->set_changed_count(counts.changed);
  message->set_without_price_count(counts.without_price);
  message->set_passed_over_count(counts.passed_over);
  message->set_failed_count(counts.failed);
  reserve::ToProto(counts.charged, scope.currency, message->mutable_charged());
  reserve::ToProto(counts.returned, scope.currency, message->mutable_returned());
  if (job.create_time == absl::InfinitePast()) return;  // of a dry run
  reserve::ToProto(job.create_time, message->mutable_create_time());
  reserve::ToProto(job.update_time, message->mutable_update_time());
}

void ToProto(const book::RerateReply& reply, const std::string& currency,
             pb::ReratedUsage* message) {
  message->set_account_id(reply.account_id);
  ToProto(reply.usage, message->mutable_usage());
  reserve::ToProto(reply.cost_before, currency, message->mutable_cost_before());
  reserve::ToProto(reply.cost, currency, message->mutable_cost());
  reserve::ToProto(absl::Seconds(reply.free_seconds_before),
                   message->mutable_allowance_taken_before());
  reserve::ToProto(absl::Seconds(reply.free_seconds), message->mutable_allowance_taken());
  message->set_deck_version_before(reply.deck_version_before);
  message->set_deck_version(reply.deck_version);
  message->set_unrated(reply.was_unrated);
}

void ToProto(const engine::ReratingConsequences& consequences, const std::string& currency,
             pb::ReratingConsequences* message) {
  message->set_account_count(consequences.accounts);
  message->set_below_zero_count(consequences.below_zero);
  message->set_recharge_count(consequences.recharges);
  reserve::ToProto(consequences.recharged, currency, message->mutable_recharge_amount());
}

grpc::ServerUnaryReactor* RatesService::GetRerating(grpc::CallbackServerContext* context,
                                                    const pb::GetReratingRequest* request,
                                                    pb::Rerating* response) {
  return StartQuery(
      api_, context, "GetRerating", [=](storage::Connection& connection) -> absl::Status {
        RESERVE_RETURN_IF_ERROR(CheckId(request->request_id(), "request_id"));
        RESERVE_ASSIGN_OR_RETURN(const std::optional<book::ReratingJob> job,
                                 storage::FindRerating(connection, request->request_id()));
        if (!job.has_value()) return ReratingNotFound(request->request_id());
        response->Clear();
        ToProto(*job, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* RatesService::CancelRerating(grpc::CallbackServerContext* context,
                                                       const pb::CancelReratingRequest* request,
                                                       pb::Rerating* response) {
  return StartQuery(
      api_, context, "CancelRerating", [=, this](storage::Connection& connection) -> absl::Status {
        RESERVE_RETURN_IF_ERROR(CheckId(request->request_id(), "request_id"));
        RESERVE_ASSIGN_OR_RETURN(domain::ByStaff by, ByStaffFrom(*request));
        by.caller = CallerOf(*context);
        RESERVE_ASSIGN_OR_RETURN(
            const std::optional<book::ReratingJob> job,
            storage::CancelRerating(connection, request->request_id(), by, api_.engine.Now()));
        if (!job.has_value()) return ReratingNotFound(request->request_id());
        if (job->done) return ReratingDone(request->request_id());
        response->Clear();
        ToProto(*job, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* RatesService::ListReratings(grpc::CallbackServerContext* context,
                                                      const pb::ListReratingsRequest* request,
                                                      pb::ListReratingsResponse* response) {
  return StartQuery(
      api_, context, "ListReratings", [=](storage::Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Page page, PageFrom(*request, {"ListReratings"}));
        RESERVE_ASSIGN_OR_RETURN(const int64_t before, page.Number(storage::kNewestRerating));
        RESERVE_ASSIGN_OR_RETURN(const std::vector<book::ReratingJob> jobs,
                                 storage::ListReratings(connection, before, page.limit()));
        response->Clear();
        FillPage(
            page, jobs, response,
            [&](const book::ReratingJob& job) { ToProto(job, response->add_reratings()); },
            [](const book::ReratingJob& last) { return absl::StrCat(last.number); });
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
