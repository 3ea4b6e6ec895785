// Plans and their versions (K4), of the `Rates` service.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/await_time.h"
#include "services/ledger/api/limits.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/api/rates_service.h"
#include "services/ledger/api/retirement.h"
#include "services/ledger/api/update_mask.h"
#include "services/ledger/book/errors.h"
#include "services/ledger/engine/plan_versions.h"

namespace reserve::api {
namespace {

using domain::Plan;
using rates::PlanBook;
using rates::PlanVersion;
using storage::Connection;

// Before the fields of what an update writes, where a refusal names one.
constexpr char kPlan[] = "plan.";

// --- From messages.

// Of all that decides what is done: the message has no maps, so that its bytes are always the same.
std::string DigestOf(const pb::PutPlanRequest& request) {
  pb::PutPlanRequest content = request;
  content.clear_request_id();
  content.clear_validate_only();
  return Sha256HexOfFields({"put plan", content.SerializeAsString()});
}

absl::StatusOr<int64_t> WholeSeconds(const google::protobuf::Duration& message,
                                     absl::string_view field) {
  RESERVE_ASSIGN_OR_RETURN(const absl::Duration duration, reserve::FromProto(message, field));
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (duration == absl::Seconds(seconds)) return seconds;
  return InvalidField(field, "must be whole seconds");
}

absl::StatusOr<std::vector<domain::PlanAmount>> AmountsFrom(
    const google::protobuf::RepeatedPtrField<google::type::Money>& messages,
    absl::string_view field) {
  std::vector<domain::PlanAmount> amounts;
  for (const google::type::Money& message : messages) {
    const std::string place = absl::StrCat(field, "[", amounts.size(), "]");
    if (message.currency_code().empty()) {
      return InvalidField(absl::StrCat(place, ".currency_code"), "must be set");
    }
    RESERVE_ASSIGN_OR_RETURN(
        const std::string currency,
        CurrencyFrom(message.currency_code(), absl::StrCat(place, ".currency_code")));
    RESERVE_ASSIGN_OR_RETURN(const Nanos amount, reserve::FromProto(message, currency, place));
    amounts.push_back({currency, amount});
  }
  return amounts;
}

absl::StatusOr<domain::StandardCalls> StandardCallsFrom(pb::StandardCalls message) {
  switch (message) {
    case pb::STANDARD_CALLS_METERED:
      return domain::StandardCalls::kMetered;
    case pb::STANDARD_CALLS_INCLUDED:
      return domain::StandardCalls::kIncluded;
    default:
      return InvalidField("standard_calls", "must be METERED or INCLUDED");
  }
}

absl::StatusOr<domain::AllowanceReset> AllowanceResetFrom(pb::AllowanceReset message) {
  switch (message) {
    case pb::ALLOWANCE_RESET_NEVER:
      return domain::AllowanceReset::kNever;
    case pb::ALLOWANCE_RESET_MONTHLY:
      return domain::AllowanceReset::kMonthly;
    case pb::ALLOWANCE_RESET_BILLING_DAY:
      return domain::AllowanceReset::kBillingDay;
    default:
      return InvalidField("allowance_reset", "must be NEVER, MONTHLY or BILLING_DAY");
  }
}

// What the request writes, over what was before. Fields are named within the plan.
absl::StatusOr<Plan> TermsFrom(const pb::Plan& message, const UpdateMask& mask, Plan plan) {
  if (mask.Writes("display_name")) {
    RESERVE_RETURN_IF_ERROR(CheckStaffText(message.display_name(), "display_name"));
    plan.display_name = message.display_name();
  }
  if (mask.Writes("standard_calls")) {
    RESERVE_ASSIGN_OR_RETURN(plan.standard_calls, StandardCallsFrom(message.standard_calls()));
  }
  if (mask.Writes("allowance")) {
    RESERVE_ASSIGN_OR_RETURN(plan.free_seconds, WholeSeconds(message.allowance(), "allowance"));
  }
  if (mask.Writes("allowance_reset")) {
    RESERVE_ASSIGN_OR_RETURN(plan.allowance_reset, AllowanceResetFrom(message.allowance_reset()));
  }
  if (mask.Writes("series")) {
    RESERVE_RETURN_IF_ERROR(CheckId(message.series(), "series"));
    plan.series = message.series();
  }
  if (mask.Writes("longest_call")) {
    RESERVE_ASSIGN_OR_RETURN(plan.longest_call_seconds,
                             WholeSeconds(message.longest_call(), "longest_call"));
  }
  if (mask.Writes("default_reserve_amounts")) {
    plan.default_reserve_amount = 0;
    RESERVE_ASSIGN_OR_RETURN(
        plan.default_reserve_amounts,
        AmountsFrom(message.default_reserve_amounts(), "default_reserve_amounts"));
  }
  if (mask.Writes("limits")) {
    RESERVE_ASSIGN_OR_RETURN(plan.limits, PlanLimitsFrom(message.limits()));
  }
  if (mask.Writes("monthly_prices")) {
    RESERVE_ASSIGN_OR_RETURN(plan.monthly_prices,
                             AmountsFrom(message.monthly_prices(), "monthly_prices"));
  }
  return plan;
}

// The terms as they are to be, checked.
absl::StatusOr<Plan> ChangedTerms(const pb::PutPlanRequest& request, const UpdateMask& mask,
                                  const domain::Settings& settings, const Plan& before) {
  absl::StatusOr<Plan> plan = TermsFrom(request.plan(), mask, before);
  if (!plan.ok()) return WithFieldPrefix(plan.status(), kPlan);
  const absl::Status checked = domain::CheckPlan(settings, *plan);
  if (!checked.ok()) return WithFieldPrefix(checked, kPlan);
  return plan;
}

absl::StatusOr<engine::PlanOrder> OrderFrom(const pb::PutPlanRequest& request,
                                            const domain::Settings& settings) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.plan_id(), "plan_id"));
  RESERVE_RETURN_IF_ERROR(CheckSameId(request.plan().plan_id(), request.plan_id(), "plan.plan_id"));
  RESERVE_RETURN_IF_ERROR(CheckEtag(request.plan().etag(), "plan.etag"));
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask,
                           UpdateMask::From(request.update_mask(), request.plan()));
  Plan blank;
  blank.plan_id = request.plan_id();
  absl::StatusOr<Plan> readable = TermsFrom(request.plan(), mask, std::move(blank));
  if (!readable.ok()) return WithFieldPrefix(readable.status(), kPlan);
  engine::PlanOrder order;
  order.plan_id = request.plan_id();
  order.allow_missing = request.allow_missing();
  if (request.has_effective_time()) {
    RESERVE_ASSIGN_OR_RETURN(order.from,
                             reserve::FromProto(request.effective_time(), "effective_time"));
  }
  if (!request.validate_only()) {
    RESERVE_RETURN_IF_ERROR(CheckId(request.request_id(), "request_id"));
  }
  RESERVE_ASSIGN_OR_RETURN(order.by, ByStaffFrom(request));
  order.etag = request.plan().etag();
  order.request_id = request.request_id();
  order.digest = DigestOf(request);
  order.change = [&request, mask, &settings](const Plan& before) {
    return ChangedTerms(request, mask, settings, before);
  };
  return order;
}

// --- To messages.

void FillAmounts(const std::vector<domain::PlanAmount>& amounts,
                 google::protobuf::RepeatedPtrField<google::type::Money>* messages) {
  for (const domain::PlanAmount& each : amounts) {
    reserve::ToProto(each.amount, each.currency, messages->Add());
  }
}

void FillPlan(const PlanVersion& version, const PlanBook& plans, pb::Plan* message) {
  const Plan& plan = version.plan;
  message->set_plan_id(plan.plan_id);
  message->set_version(version.version);
  message->set_display_name(plan.display_name);
  message->set_standard_calls(static_cast<pb::StandardCalls>(plan.standard_calls));
  reserve::ToProto(absl::Seconds(plan.free_seconds), message->mutable_allowance());
  message->set_allowance_reset(static_cast<pb::AllowanceReset>(plan.allowance_reset));
  message->set_series(plan.series);
  reserve::ToProto(absl::Seconds(plan.longest_call_seconds), message->mutable_longest_call());
  FillAmounts(plan.default_reserve_amounts, message->mutable_default_reserve_amounts());
  FillAmounts(plan.monthly_prices, message->mutable_monthly_prices());
  for (const domain::PlanLimits& each : plan.limits) {
    api::ToProto(each.limits, each.currency, message->add_limits());
  }
  if (version.from != absl::InfinitePast()) {
    reserve::ToProto(version.from, message->mutable_effective_time());
  }
  if (const absl::Time end = plans.EndOf(version); end != absl::InfiniteFuture()) {
    reserve::ToProto(end, message->mutable_end_time());
  }
  if (const auto retired = plans.RetireTimeOf(plan.plan_id); retired.has_value()) {
    reserve::ToProto(*retired, message->mutable_retire_time());
  }
  if (version.write_time != absl::InfinitePast()) {
    reserve::ToProto(version.write_time, message->mutable_create_time());
  }
  message->set_etag(engine::EtagOf(plans, plan.plan_id));
}

// The plan as it is at `time`.
absl::Status FillPlan(const PlanBook& plans, const std::string& plan_id, absl::Time time,
                      pb::Plan* response) {
  const PlanVersion* version = plans.FindVersion(plan_id, time);
  if (version == nullptr) return book::PlanNotFound(plan_id);
  FillPlan(*version, plans, response);
  return absl::OkStatus();
}

absl::Status FillPlans(const PlanBook& plans, absl::Time now, const pb::ListPlansRequest& request,
                       pb::ListPlansResponse* response) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.series(), "series"));
  RESERVE_ASSIGN_OR_RETURN(
      const Page page,
      PageFrom(request, {"ListPlans", request.series(), request.show_retired() ? "retired" : ""}));
  std::vector<const PlanVersion*> found;
  for (const std::string& plan_id : plans.PlanIds()) {
    if (plan_id <= page.cursor) continue;
    if (!request.show_retired() && plans.IsRetired(plan_id)) continue;
    const PlanVersion* version = plans.FindVersion(plan_id, now);
    if (!request.series().empty() && version->plan.series != request.series()) continue;
    found.push_back(version);
  }
  FillPage(
      page, found, response,
      [&](const PlanVersion* version) { FillPlan(*version, plans, response->add_plans()); },
      [](const PlanVersion* last) { return last->plan.plan_id; });
  return absl::OkStatus();
}

absl::Status FillVersions(const PlanBook& plans, const pb::ListPlanVersionsRequest& request,
                          pb::ListPlanVersionsResponse* response) {
  RESERVE_RETURN_IF_ERROR(CheckId(request.plan_id(), "plan_id"));
  RESERVE_ASSIGN_OR_RETURN(const Page page,
                           PageFrom(request, {"ListPlanVersions", request.plan_id()}));
  std::vector<const PlanVersion*> all = plans.VersionsOf(request.plan_id());
  if (all.empty()) return book::PlanNotFound(request.plan_id());
  std::reverse(all.begin(), all.end());
  // One that was written since the page before does not move what it shows.
  RESERVE_ASSIGN_OR_RETURN(const int64_t after, page.Number(0));
  if (!page.cursor.empty()) {
    const auto last = std::find_if(all.begin(), all.end(), [after](const PlanVersion* each) {
      return each->version == after;
    });
    if (last == all.end()) return InvalidField("page_token", "must be one that this list gave");
    all.erase(all.begin(), last + 1);
  }
  FillPage(
      page, all, response,
      [&](const PlanVersion* version) { FillPlan(*version, plans, response->add_plans()); },
      [](const PlanVersion* last) { return absl::StrCat(last->version); });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* RatesService::PutPlan(grpc::CallbackServerContext* context,
                                                const pb::PutPlanRequest* request,
                                                pb::Plan* response) {
  const auto put = [=, this](Connection& connection) -> absl::Status {
    engine::Engine& engine = api_.engine;
    RESERVE_ASSIGN_OR_RETURN(const engine::PlanOrder order,
                             OrderFrom(*request, engine.options().settings));
    response->Clear();
    if (request->validate_only()) {
      RESERVE_ASSIGN_OR_RETURN(
          const PlanVersion planned,
          engine::PlanVersionFor(connection, engine.options().database_clock, order));
      FillPlan(planned, *engine.catalog()->plans, response);
      return absl::OkStatus();
    }
    RESERVE_ASSIGN_OR_RETURN(const PlanVersion version, engine.PutPlan(connection, order));
    if (!order.from.has_value()) {
      RESERVE_RETURN_IF_ERROR(AwaitTime(engine, connection, version.from));
    }
    FillPlan(version, *engine.catalog()->plans, response);
    return absl::OkStatus();
  };
  return StartQueryIn(api_.engine.bulk(), api_, context, "PutPlan", put);
}

grpc::ServerUnaryReactor* RatesService::RetirePlan(grpc::CallbackServerContext* context,
                                                   const pb::RetirePlanRequest* request,
                                                   pb::Plan* response) {
  const auto retire = [=, this](Connection& connection) -> absl::Status {
    engine::Engine& engine = api_.engine;
    RESERVE_RETURN_IF_ERROR(CheckId(request->plan_id(), "plan_id"));
    RESERVE_RETURN_IF_ERROR(CheckEtag(request->etag(), "etag"));
    RESERVE_ASSIGN_OR_RETURN(
        const engine::RetirementOrder order,
        RetirementFrom(*request, absl::StrCat("retire plan ", request->plan_id())));
    RESERVE_RETURN_IF_ERROR(
        engine.RetirePlan(connection, request->plan_id(), request->etag(), order));
    response->Clear();
    return FillPlan(*engine.catalog()->plans, request->plan_id(), engine.Now(), response);
  };
  return StartQueryIn(api_.engine.bulk(), api_, context, "RetirePlan", retire);
}

grpc::ServerUnaryReactor* RatesService::GetPlan(grpc::CallbackServerContext* context,
                                                const pb::GetPlanRequest* request,
                                                pb::Plan* response) {
  const auto get = [=, this](Connection& connection) -> absl::Status {
    engine::Engine& engine = api_.engine;
    RESERVE_RETURN_IF_ERROR(CheckId(request->plan_id(), "plan_id"));
    absl::Time time = engine.Now();
    if (request->has_time()) {
      RESERVE_ASSIGN_OR_RETURN(time, reserve::FromProto(request->time(), "time"));
    }
    RESERVE_ASSIGN_OR_RETURN(const auto catalog,
                             engine.CatalogWithPlan(connection, request->plan_id()));
    response->Clear();
    return FillPlan(*catalog->plans, request->plan_id(), time, response);
  };
  return StartQuery(api_, context, "GetPlan", get);
}

grpc::ServerUnaryReactor* RatesService::ListPlans(grpc::CallbackServerContext* context,
                                                  const pb::ListPlansRequest* request,
                                                  pb::ListPlansResponse* response) {
  const std::shared_ptr<const book::Catalog> catalog = api_.engine.catalog();
  return FinishNow(api_, context, "ListPlans",
                   FillPlans(*catalog->plans, api_.engine.Now(), *request, response));
}

grpc::ServerUnaryReactor* RatesService::ListPlanVersions(grpc::CallbackServerContext* context,
                                                         const pb::ListPlanVersionsRequest* request,
                                                         pb::ListPlanVersionsResponse* response) {
  const auto list = [=, this](Connection& connection) -> absl::Status {
    RESERVE_RETURN_IF_ERROR(CheckId(request->plan_id(), "plan_id"));
    RESERVE_ASSIGN_OR_RETURN(const auto catalog,
                             api_.engine.CatalogWithPlan(connection, request->plan_id()));
    response->Clear();
    return FillVersions(*catalog->plans, *request, response);
  };
  return StartQuery(api_, context, "ListPlanVersions", list);
}

}  // namespace reserve::api
