// Advice, of the `Accounts` service.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
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

// Those of the account, by id.
absl::StatusOr<std::map<std::string, domain::User>> UsersById(
    Connection& connection, const std::string& account_id,
    const std::vector<storage::StandardUse>& uses) {
  std::vector<book::UserKey> keys;
  for (const storage::StandardUse& use : uses) keys.emplace_back(account_id, use.user_id);
  RESERVE_ASSIGN_OR_RETURN(std::vector<domain::User> users, storage::LoadUsers(connection, keys));
  std::map<std::string, domain::User> by_id;
  for (domain::User& user : users) by_id[user.user_id] = std::move(user);
  return by_id;
}

void FillAdvice(const storage::StandardUse& use, const domain::PlanSaving& best, int business_days,
                const std::string& currency, pb::PlanAdvice* plan) {
  plan->set_user_id(use.user_id);
  plan->set_plan_id(best.plan->plan_id);
  reserve::ToProto(absl::Seconds(use.billable_seconds), plan->mutable_standard_duration());
  plan->set_business_days(business_days);
  reserve::ToProto(best.saving, currency, plan->mutable_saving());
  reserve::ToProto(best.standard_cost, currency, plan->mutable_standard_cost());
  reserve::ToProto(best.current_monthly_price, currency, plan->mutable_current_monthly_price());
  reserve::ToProto(best.advised_monthly_price, currency, plan->mutable_advised_monthly_price());
}

// Of users who are not on an unlimited plan, and would be better off on one (A1).
absl::Status AdvisePlans(Connection& connection, std::vector<storage::StandardUse> uses,
                         int business_days, const domain::Account& account,
                         const rates::PlanBook& plans, absl::Time now, pb::BillingAdvice* advice) {
  uses.erase(std::remove_if(uses.begin(), uses.end(),
                            [business_days](const storage::StandardUse& use) {
                              return !domain::AdviseUnlimited(use.billable_seconds, business_days);
                            }),
             uses.end());
  const std::vector<const domain::Plan*> offered = OfferedPlans(plans, now);
  RESERVE_ASSIGN_OR_RETURN(const auto users, UsersById(connection, account.account_id, uses));
  for (const storage::StandardUse& use : uses) {
    const auto user = users.find(use.user_id);
    if (user == users.end() || user->second.removed()) continue;
    const domain::Plan* current = plans.Find(user->second.PlanIdAt(now), now);
    if (current == nullptr || current->standard_calls == domain::StandardCalls::kIncluded) continue;
    const std::optional<domain::PlanSaving> best =
        domain::BestUnlimited(*current, offered, account.currency, use.cost);
    if (!best.has_value()) continue;
    FillAdvice(use, *best, business_days, account.currency, advice->add_plan_advice());
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
      api_.engine.pages(), api_, context, "GetBillingAdvice", request->account_id(),
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
