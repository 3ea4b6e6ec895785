// Advice, of the `Accounts` service.
#include <optional>
#include <string>
#include <vector>

#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/domain/advice.h"
#include "services/ledger/rates/plan_book.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/recharge_rows.h"

namespace reserve::api {
namespace {

using storage::Connection;

// Plans that somebody can be put on now, by id.
std::vector<const domain::Plan*> OfferedPlans(const rates::PlanBook& plans, absl::Time now) {
  std::vector<const domain::Plan*> offered;
  for (const std::string& plan_id : plans.PlanIds()) {
    if (!plans.IsRetired(plan_id)) offered.push_back(plans.Find(plan_id, now));
  }
  return offered;
}

// Of users who are not on an unlimited plan, and would be better off on one (A1).
absl::Status AdvisePlans(Connection& connection, const std::vector<storage::StandardUse>& uses,
                         int business_days, const domain::Account& account,
                         const rates::PlanBook& plans, absl::Time now, pb::BillingAdvice* advice) {
  const std::vector<const domain::Plan*> offered = OfferedPlans(plans, now);
  for (const storage::StandardUse& use : uses) {
    if (!domain::AdviseUnlimited(use.billable_seconds, business_days)) continue;
    RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::User> users,
                             storage::LoadUsers(connection, {{account.account_id, use.user_id}}));
    if (users.empty() || users.front().removed()) continue;
    const domain::Plan* current = plans.Find(users.front().PlanIdAt(now), now);
    if (current == nullptr || current->standard_calls == domain::StandardCalls::kIncluded) continue;
    const std::optional<domain::PlanSaving> best =
        domain::BestUnlimited(*current, offered, account.currency, use.cost);
    if (!best.has_value()) continue;
    pb::PlanAdvice* plan = advice->add_plan_advice();
    plan->set_user_id(use.user_id);
    plan->set_plan_id(best->plan->plan_id);
    reserve::ToProto(absl::Seconds(use.billable_seconds), plan->mutable_standard_duration());
    plan->set_business_days(business_days);
    const std::string& currency = account.currency;
    reserve::ToProto(best->saving, currency, plan->mutable_saving());
    reserve::ToProto(best->standard_cost, currency, plan->mutable_standard_cost());
    reserve::ToProto(best->current_monthly_price, currency, plan->mutable_current_monthly_price());
    reserve::ToProto(best->advised_monthly_price, currency, plan->mutable_advised_monthly_price());
  }
  return absl::OkStatus();
}

void AdviseReserve(const domain::CurrencySettings& settings, const domain::Account& account,
                   int64_t recharges, pb::BillingAdvice* advice) {
  const std::optional<Nanos> advised =
      domain::AdviseReserveAmount(settings, account.reserve_amount, recharges);
  if (!advised.has_value()) return;
  pb::ReserveAdvice* reserve = advice->mutable_reserve_advice();
  reserve->set_recharges(static_cast<int32_t>(recharges));
  reserve::ToProto(account.reserve_amount, account.currency,
                   reserve->mutable_current_reserve_amount());
  reserve::ToProto(*advised, account.currency, reserve->mutable_advised_reserve_amount());
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::GetBillingAdvice(
    grpc::CallbackServerContext* context, const pb::GetBillingAdviceRequest* request,
    pb::BillingAdvice* response) {
  return StartQueryIn(
      api_.engine.bulk(), api_, context, "GetBillingAdvice", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        const absl::Time now = api_.engine.Now();
        const absl::Time since = now - domain::kAdviceWindow;
        RESERVE_ASSIGN_OR_RETURN(
            const std::vector<storage::StandardUse> uses,
            storage::StandardUseSince(connection, request->account_id(), since));
        RESERVE_ASSIGN_OR_RETURN(
            const int64_t recharges,
            storage::CountAutomaticSince(connection, request->account_id(), since));
        response->Clear();
        const auto catalog = api_.engine.catalog();
        RESERVE_RETURN_IF_ERROR(AdvisePlans(
            connection, uses, domain::BusinessDays(since, now, account.calendar.latest().time_zone),
            account, *catalog->plans, now, response));
        AdviseReserve(domain::CurrencyOf(api_.engine.options().settings, account), account,
                      recharges, response);
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
