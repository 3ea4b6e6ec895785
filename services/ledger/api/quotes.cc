// What a user would pay, of the `Accounts` service.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/usage_policy.h"
#include "services/ledger/storage/account_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

absl::StatusOr<domain::Usage> UsageToQuote(const pb::QuoteUsageRequest& request,
                                           const domain::Settings& settings, absl::Time now) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.account_id(), "account_id"));
  RESERVE_ASSIGN_OR_RETURN(domain::Usage usage, UsageAskedAbout(settings, request, now));
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(settings, usage.duration));
  return usage;
}

// By what no call in progress holds of the allowance (H1).
absl::StatusOr<domain::Rating> RatingToQuote(const domain::Account& account,
                                             const domain::User& user, const domain::Plan& plan,
                                             const domain::Usage& usage, const domain::Rate* rate) {
  const int32_t period = domain::PeriodOf(plan, usage.start_time, account.calendar);
  domain::User without_held = user;
  without_held.SetSecondsUsed({period, user.SecondsUsed(period) + user.SecondsHeld(period)});
  absl::StatusOr<domain::Rating> rating =
      domain::RateUsage(usage, plan, without_held, period, rate);
  if (rating.ok() || rate != nullptr) return rating;
  return NoRateToQuote(domain::DestinationField(usage), rating.status().message());
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::QuoteUsage(grpc::CallbackServerContext* context,
                                                      const pb::QuoteUsageRequest* request,
                                                      pb::QuoteUsageResponse* response) {
  // The deck of a start of long ago may have to be loaded first.
  engine::QueryPool& pool = request->has_start_time() ? api_.engine.bulk() : api_.engine.queries();
  const auto quote = [=, this](Connection& connection) -> absl::Status {
    const domain::Settings& settings = api_.engine.options().settings;
    RESERVE_ASSIGN_OR_RETURN(const domain::Usage usage,
                             UsageToQuote(*request, settings, api_.engine.Now()));
    RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                             LoadAccount(connection, request->account_id()));
    response->Clear();
    if (domain::IsEmergency(settings, account.country.view(), usage)) {
      ToProto(usage, domain::EmergencyRating(), account.currency, response->mutable_rating());
      reserve::ToProto(0, account.currency, response->mutable_cost());
      return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(
        const std::vector<domain::User> users,
        storage::LoadUsers(connection, {{request->account_id(), request->user_id()}}));
    if (users.empty()) return domain::UserNotFound(request->account_id(), request->user_id());
    const std::string& plan_id = users.front().PlanIdAt(usage.start_time);
    RESERVE_ASSIGN_OR_RETURN(auto catalog, api_.engine.CatalogWithPlan(connection, plan_id));
    RESERVE_ASSIGN_OR_RETURN(const domain::Plan* known,
                             catalog->FindPlan(plan_id, usage.start_time));
    const domain::Plan plan = *known;  // for longer than that catalog
    if (const int64_t version =
            catalog->LeftOutAt(account.currency, plan.series, usage.start_time)) {
      RESERVE_ASSIGN_OR_RETURN(catalog, api_.engine.CatalogWithDeck(connection, version));
    }
    const std::optional<domain::Rate> rate =
        catalog->FindRate(account.currency, plan.series, usage);
    RESERVE_ASSIGN_OR_RETURN(
        const domain::Rating rating,
        RatingToQuote(account, users.front(), plan, usage, rate.has_value() ? &*rate : nullptr));
    ToProto(usage, rating, account.currency, response->mutable_rating());
    reserve::ToProto(rating.cost, account.currency, response->mutable_cost());
    if (rate.has_value()) {
      response->mutable_rating()->set_destination_name(std::string(rate->destination_name.view()));
      response->set_blocked(rate->blocked);
    }
    return absl::OkStatus();
  };
  return StartQueryIn(pool, api_, context, "QuoteUsage", request->account_id(), quote);
}

}  // namespace reserve::api
