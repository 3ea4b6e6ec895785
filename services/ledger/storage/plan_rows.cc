#include "services/ledger/storage/plan_rows.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/error/error.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using domain::Plan;
using domain::PlanAmount;
using rates::ActivationStage;
using rates::PlanVersion;

constexpr absl::string_view kPlanColumns =
    "number,plan_id,version,from_time,write_time,stage,standard_calls,free_seconds,"
    "allowance_reset,default_reserve_amount_nanos,longest_call_seconds,series,"
    "default_reserve_amounts,monthly_prices,display_name,request_id,digest,reason,actor,reference,"
    "limits";

// "<currency>:<nanos>" each.
std::string StoredAmounts(const std::vector<PlanAmount>& amounts) {
  return absl::StrJoin(amounts, " ", [](std::string* out, const PlanAmount& each) {
    absl::StrAppend(out, each.currency, ":", each.amount);
  });
}

std::vector<PlanAmount> ReadAmounts(absl::string_view stored) {
  std::vector<PlanAmount> amounts;
  for (const absl::string_view each : absl::StrSplit(stored, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(each, ':');
    PlanAmount amount{std::string(parts.first)};
    if (absl::SimpleAtoi(parts.second, &amount.amount)) amounts.push_back(std::move(amount));
  }
  return amounts;
}

// A line each: the currency, a tab, and the limits.
std::string StoredLimits(const Plan& plan) {
  return absl::StrJoin(plan.limits, "\n", [](std::string* out, const domain::PlanLimits& each) {
    absl::StrAppend(out, each.currency, "\t", TextOf(each.limits));
  });
}

std::vector<domain::PlanLimits> ReadLimits(absl::string_view stored) {
  std::vector<domain::PlanLimits> limits;
  for (const absl::string_view line : absl::StrSplit(stored, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, '\t');
    limits.push_back({std::string(parts.first), domain::LimitsFrom(parts.second)});
  }
  return limits;
}

std::string TextOrEmpty(const Row& row, int column) {
  return row.IsNull(column) ? std::string() : row.Text(column);
}

PlanVersion ReadVersion(const Row& row) {
  PlanVersion each;
  Plan& plan = each.plan;
  each.number = row.Int(1);
  plan.plan_id = row.Text(2);
  each.version = row.Int(3);
  each.from = row.IsNull(4) ? absl::InfinitePast() : row.Time(4);
  each.write_time = row.Time(5);
  each.stage = static_cast<ActivationStage>(row.Int(6));
  plan.standard_calls = static_cast<domain::StandardCalls>(row.Int(7));
  plan.free_seconds = row.Int(8);
  plan.allowance_reset = static_cast<domain::AllowanceReset>(row.Int(9));
  plan.default_reserve_amount = row.Int(10);
  plan.longest_call_seconds = row.Int(11);
  plan.series = row.Text(12);
  plan.default_reserve_amounts = ReadAmounts(row.Text(13));
  plan.monthly_prices = ReadAmounts(row.Text(14));
  plan.display_name = row.Text(15);
  each.request_id = TextOrEmpty(row, 16);
  each.digest = row.Text(17);
  each.by = {row.Text(18), row.Text(19), row.Text(20)};
  plan.limits = ReadLimits(TextOrEmpty(row, 21));
  return each;
}

absl::StatusOr<std::vector<PlanVersion>> QueryVersions(Connection& connection,
                                                       absl::string_view rest) {
  std::vector<PlanVersion> versions;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", kPlanColumns, " FROM plan_versions ", rest),
                       [&](const Row& row) { versions.push_back(ReadVersion(row)); }));
  return versions;
}

}  // namespace

absl::StatusOr<std::vector<Plan>> LoadPlans(Connection& connection) {
  std::vector<Plan> plans;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      "SELECT plan_id,standard_calls,free_seconds,bucket_reset,default_reserve_amount_nanos,"
      "longest_call_seconds,series FROM plans",
      [&plans](const Row& row) {
        Plan plan;
        plan.plan_id = row.Text(1);
        plan.standard_calls = static_cast<domain::StandardCalls>(row.Int(2));
        plan.free_seconds = row.Int(3);
        plan.allowance_reset = static_cast<domain::AllowanceReset>(row.Int(4));
        plan.default_reserve_amount = row.Int(5);
        plan.longest_call_seconds = row.Int(6);
        plan.series = row.Text(7);
        plans.push_back(std::move(plan));
      }));
  return plans;
}

absl::StatusOr<rates::PlanBook> LoadPlanBook(Connection& connection) {
  RESERVE_ASSIGN_OR_RETURN(std::vector<Plan> plans, LoadPlans(connection));
  RESERVE_ASSIGN_OR_RETURN(std::vector<PlanVersion> versions,
                           QueryVersions(connection, "ORDER BY number"));
  const size_t stored = versions.size();
  for (Plan& plan : plans) {
    const bool has_first =
        std::any_of(versions.begin(), versions.begin() + static_cast<ptrdiff_t>(stored),
                    [&plan](const PlanVersion& each) {
                      return each.plan.plan_id == plan.plan_id && each.version == 1 &&
                             each.stage == ActivationStage::kCounts;
                    });
    if (!has_first) versions.emplace_back().plan = std::move(plan);
  }
  return rates::PlanBook(std::move(versions));
}

absl::StatusOr<std::optional<PlanVersion>> FindPlanVersion(Connection& connection,
                                                           absl::string_view request_id) {
  RESERVE_ASSIGN_OR_RETURN(
      std::vector<PlanVersion> found,
      QueryVersions(connection, absl::StrCat("WHERE request_id = ", Quoted(request_id))));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

absl::Status AddPlanVersion(Connection& connection, const PlanVersion& version) {
  const Plan& plan = version.plan;
  SqlText sql(absl::StrCat("INSERT INTO plan_versions (", kPlanColumns, ") VALUES "));
  sql.Row()
      .Int(version.number)
      .Text(plan.plan_id)
      .Int(version.version)
      .Time(version.from)
      .Time(version.write_time)
      .Int(static_cast<int64_t>(version.stage))
      .Int(static_cast<int64_t>(plan.standard_calls))
      .Int(plan.free_seconds)
      .Int(static_cast<int64_t>(plan.allowance_reset))
      .Int(plan.default_reserve_amount)
      .Int(plan.longest_call_seconds)
      .Text(plan.series)
      .Text(StoredAmounts(plan.default_reserve_amounts))
      .Text(StoredAmounts(plan.monthly_prices))
      .Text(plan.display_name)
      .TextOrNull(version.request_id)
      .Text(version.digest)
      .Text(version.by.reason)
      .Text(version.by.actor)
      .Text(version.by.reference)
      .Text(StoredLimits(plan))
      .EndRow();
  return connection.Execute(sql.str());
}

absl::StatusOr<ActivationStage> DecidePlanVersion(Connection& connection, int64_t number,
                                                  ActivationStage stage) {
  RESERVE_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("UPDATE plan_versions SET stage = ", static_cast<int>(stage),
                   stage == ActivationStage::kMissed ? ", request_id = NULL" : "",
                   " WHERE number = ", number, " AND stage = 1")));
  ActivationStage decided = stage;
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT stage FROM plan_versions WHERE number = ", number),
      [&](const Row& row) { decided = static_cast<ActivationStage>(row.Int(1)); }));
  return decided;
}

}  // namespace reserve::storage
