// Limits against fraud: what `Support` changes, and what `Accounts` shows.
#include "services/ledger/api/limits.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/api/support_service.h"
#include "services/ledger/api/update_mask.h"
#include "services/ledger/book/etag.h"
#include "services/ledger/domain/limit_policy.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/storage/account_rows.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/hold_rows.h"

namespace reserve::api {
namespace {

using domain::LimitKind;
using domain::Limits;

// Before the fields of what an update writes, where a refusal names one.
constexpr char kLimits[] = "limits.";

// An amount, if it is set, in the currency of those before.
absl::StatusOr<std::optional<Nanos>> Amount(bool is_set, const google::type::Money& money,
                                            absl::string_view field, std::string* currency) {
  if (!is_set) return std::nullopt;
  const std::string& code = money.currency_code();
  if (!code.empty() && !currency->empty() && code != *currency) {
    return InvalidField(absl::StrCat(field, ".currency_code"),
                        "must be the same as that of the other amounts");
  }
  if (!code.empty()) *currency = code;
  return OptionalMoney(true, money, "", std::string(field));
}

absl::StatusOr<std::optional<int64_t>> Seconds(const pb::Limits& message) {
  if (!message.has_longest_call()) return std::nullopt;
  RESERVE_ASSIGN_OR_RETURN(const absl::Duration duration,
                           reserve::FromProto(message.longest_call(), "longest_call"));
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (duration != absl::Seconds(seconds)) {
    return InvalidField("longest_call", "must be whole seconds");
  }
  return seconds;
}

std::vector<std::string> SortedCodes(const pb::Countries& countries) {
  std::vector<std::string> codes(countries.codes().begin(), countries.codes().end());
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  return codes;
}

struct KindOfField {
  const char* field;
  LimitKind kind;
};
constexpr KindOfField kFields[] = {
    {"spend_per_hour", LimitKind::kSpendPerHour},
    {"spend_per_day", LimitKind::kSpendPerDay},
    {"spend_per_month", LimitKind::kSpendPerMonth},
    {"price_per_minute", LimitKind::kPricePerMinute},
    {"new_account_price_per_minute", LimitKind::kNewAccountPricePerMinute},
    {"countries", LimitKind::kCountries},
    {"calls", LimitKind::kCalls},
    {"longest_call", LimitKind::kLongestCall},
};

absl::StatusOr<book::Command> ParseUpdate(const pb::UpdateLimitsRequest& request) {
  book::UpdateLimits update;
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.user_id(), "user_id"));
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.request_id(), "request_id"));
  RESERVE_RETURN_IF_ERROR(CheckEtag(request.etag(), "etag"));
  RESERVE_ASSIGN_OR_RETURN(const UpdateMask mask,
                           UpdateMask::From(request.update_mask(), request.limits()));
  for (const KindOfField& each : kFields) {
    if (mask.Writes(each.field)) update.change.set.push_back(each.kind);
  }
  absl::StatusOr<Limits> limits = LimitsFrom(request.limits(), &update.currency);
  if (!limits.ok()) return WithFieldPrefix(limits.status(), kLimits);
  const absl::Status checked = domain::CheckLimits(*limits);
  if (!checked.ok()) return WithFieldPrefix(checked, kLimits);
  update.change.limits = *std::move(limits);
  RESERVE_ASSIGN_OR_RETURN(update.by, ByStaffFrom(request));
  update.user_id = request.user_id();
  update.etag = request.etag();
  update.request_id = request.request_id();
  update.validate_only = request.validate_only();
  return update;
}

void ShownToProto(const domain::ShownLimit& limit, const std::string& currency,
                  pb::LimitInForce* message) {
  message->set_kind(static_cast<pb::LimitKind>(limit.kind));
  message->set_level(static_cast<pb::LimitLevel>(limit.level));
  message->set_of_user(limit.of_user);
  message->set_reached(limit.reached);
  message->set_quiet(limit.quiet);
  if (limit.until != absl::InfiniteFuture()) {
    reserve::ToProto(limit.until, message->mutable_until());
  }
  switch (limit.kind) {
    case LimitKind::kSpendPerHour:
    case LimitKind::kSpendPerDay:
    case LimitKind::kSpendPerMonth:
      reserve::ToProto(limit.used, currency, message->mutable_used());
      [[fallthrough]];
    case LimitKind::kPricePerMinute:
    case LimitKind::kNewAccountPricePerMinute:
      reserve::ToProto(limit.amount, currency, message->mutable_amount());
      break;
    case LimitKind::kCountries:
      for (const std::string& each : limit.countries) {
        message->mutable_countries()->add_codes(each);
      }
      message->mutable_countries();
      break;
    case LimitKind::kCalls:
      message->set_calls(static_cast<int32_t>(limit.number));
      message->set_calls_used(static_cast<int32_t>(limit.calls));
      break;
    case LimitKind::kLongestCall:
      reserve::ToProto(absl::Seconds(limit.number), message->mutable_longest_call());
      break;
    case LimitKind::kNone:
      break;
  }
}

void FillLimits(const book::LimitsReply& reply, pb::AccountLimits* message) {
  const domain::Account& account = reply.account;
  const domain::OwnLimits& own = reply.user.has_value() ? reply.user->limits : account.limits;
  message->Clear();
  message->set_account_id(account.account_id);
  if (reply.user.has_value()) message->set_user_id(reply.user->user_id);
  ToProto(own.get(), account.currency, message->mutable_limits());
  message->set_etag(book::EtagOfLimits(own));
  if (own.change_time() != absl::InfinitePast()) {
    reserve::ToProto(own.change_time(), message->mutable_update_time());
  }
  for (const domain::ShownLimit& each : reply.in_force) {
    ShownToProto(each, account.currency, message->add_in_force());
  }
  if (account.alarm.rings()) reserve::ToProto(account.alarm.time, message->mutable_suspend_time());
}

// What stands in the database now.
absl::StatusOr<book::LimitsReply> LoadLimits(engine::Engine& engine,
                                             storage::Connection& connection,
                                             const pb::GetLimitsRequest& request) {
  RESERVE_RETURN_IF_ERROR(CheckOptionalId(request.user_id(), "user_id"));
  book::LimitsReply reply;
  RESERVE_ASSIGN_OR_RETURN(reply.account, LoadAccount(connection, request.account_id()));
  const absl::Time now = engine.Now();
  RESERVE_ASSIGN_OR_RETURN(const std::vector<domain::Hold> holds,
                           storage::LoadHolds(connection, {request.account_id()}));
  RESERVE_ASSIGN_OR_RETURN(const int level,
                           storage::ReadFeatureLevel(connection, domain::kNewestFeatureLevel));
  RESERVE_ASSIGN_OR_RETURN(auto catalog,
                           engine.CatalogWithPlan(connection, reply.account.default_plan_id));
  domain::Context context{engine.options().settings, now, level};
  context.holds = &holds;
  context.account_plan = catalog->plans->Find(reply.account.default_plan_id, now);
  const domain::Plan* plan = nullptr;
  if (!request.user_id().empty()) {
    RESERVE_ASSIGN_OR_RETURN(
        std::vector<domain::User> users,
        storage::LoadUsers(connection, {{request.account_id(), request.user_id()}}));
    if (users.empty()) return domain::UserNotFound(request.account_id(), request.user_id());
    reply.user = std::move(users.front());
    const std::string& plan_id = reply.user->PlanIdAt(now);
    RESERVE_ASSIGN_OR_RETURN(catalog, engine.CatalogWithPlan(connection, plan_id));
    RESERVE_ASSIGN_OR_RETURN(plan, catalog->FindPlan(plan_id, now));
    context.account_plan = catalog->plans->Find(reply.account.default_plan_id, now);
  }
  const domain::User* user = reply.user.has_value() ? &*reply.user : nullptr;
  reply.in_force = domain::LimitsInForce(context, reply.account, user, plan);
  return reply;
}

}  // namespace

absl::StatusOr<Limits> LimitsFrom(const pb::Limits& message, std::string* currency) {
  Limits limits;
  RESERVE_ASSIGN_OR_RETURN(
      limits.spend[0],
      Amount(message.has_spend_per_hour(), message.spend_per_hour(), "spend_per_hour", currency));
  RESERVE_ASSIGN_OR_RETURN(
      limits.spend[1],
      Amount(message.has_spend_per_day(), message.spend_per_day(), "spend_per_day", currency));
  RESERVE_ASSIGN_OR_RETURN(limits.spend[2],
                           Amount(message.has_spend_per_month(), message.spend_per_month(),
                                  "spend_per_month", currency));
  RESERVE_ASSIGN_OR_RETURN(limits.price_per_minute,
                           Amount(message.has_price_per_minute(), message.price_per_minute(),
                                  "price_per_minute", currency));
  RESERVE_ASSIGN_OR_RETURN(
      limits.new_account_price_per_minute,
      Amount(message.has_new_account_price_per_minute(), message.new_account_price_per_minute(),
             "new_account_price_per_minute", currency));
  if (message.has_countries()) limits.countries = SortedCodes(message.countries());
  if (message.has_calls()) limits.calls = message.calls();
  RESERVE_ASSIGN_OR_RETURN(limits.longest_call_seconds, Seconds(message));
  return limits;
}

absl::StatusOr<std::vector<domain::PlanLimits>> PlanLimitsFrom(
    const google::protobuf::RepeatedPtrField<pb::Limits>& messages) {
  std::vector<domain::PlanLimits> all;
  for (const pb::Limits& message : messages) {
    domain::PlanLimits each;
    absl::StatusOr<Limits> limits = LimitsFrom(message, &each.currency);
    if (!limits.ok()) {
      return WithFieldPrefix(limits.status(), absl::StrCat("limits[", all.size(), "]."));
    }
    each.limits = *std::move(limits);
    all.push_back(std::move(each));
  }
  return all;
}

void ToProto(const Limits& limits, const std::string& currency, pb::Limits* message) {
  const auto set = [&currency](const std::optional<Nanos>& amount, auto mutable_amount) {
    if (amount.has_value()) reserve::ToProto(*amount, currency, mutable_amount());
  };
  set(limits.spend[0], [=] { return message->mutable_spend_per_hour(); });
  set(limits.spend[1], [=] { return message->mutable_spend_per_day(); });
  set(limits.spend[2], [=] { return message->mutable_spend_per_month(); });
  set(limits.price_per_minute, [=] { return message->mutable_price_per_minute(); });
  set(limits.new_account_price_per_minute,
      [=] { return message->mutable_new_account_price_per_minute(); });
  if (limits.countries.has_value()) {
    pb::Countries* countries = message->mutable_countries();
    for (const std::string& each : *limits.countries) countries->add_codes(each);
  }
  if (limits.calls.has_value()) message->set_calls(*limits.calls);
  if (limits.longest_call_seconds.has_value()) {
    reserve::ToProto(absl::Seconds(*limits.longest_call_seconds), message->mutable_longest_call());
  }
}

grpc::ServerUnaryReactor* SupportService::UpdateLimits(grpc::CallbackServerContext* context,
                                                       const pb::UpdateLimitsRequest* request,
                                                       pb::AccountLimits* response) {
  return StartCommand(api_, context, "UpdateLimits",
                      TaskFor(request->account_id(), ParseUpdate(*request)),
                      [response](book::Reply&& reply) {
                        FillLimits(book::As<book::LimitsReply>(reply), response);
                      });
}

grpc::ServerUnaryReactor* AccountsService::GetLimits(grpc::CallbackServerContext* context,
                                                     const pb::GetLimitsRequest* request,
                                                     pb::AccountLimits* response) {
  return StartQuery(api_, context, "GetLimits", request->account_id(),
                    [=, this](storage::Connection& connection) -> absl::Status {
                      RESERVE_ASSIGN_OR_RETURN(const book::LimitsReply reply,
                                               LoadLimits(api_.engine, connection, *request));
                      FillLimits(reply, response);
                      return absl::OkStatus();
                    });
}

}  // namespace reserve::api
