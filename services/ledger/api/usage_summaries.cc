// What usages add up to, of the `Accounts` service.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "services/ledger/api/accounts_service.h"
#include "services/ledger/api/load_account.h"
#include "services/ledger/domain/account_calendar.h"
#include "services/ledger/storage/usage_summary.h"

namespace reserve::api {
namespace {

using storage::Connection;

constexpr int kMostDays = 366;

struct Asked {
  storage::TimeRange range;
  storage::UsageGrouping grouping;
  bool by_day = false;
};

absl::Status TakeGrouping(pb::UsageGrouping grouping, Asked* asked) {
  bool* told_apart = nullptr;
  switch (grouping) {
    case pb::USAGE_GROUPING_DAY:
      told_apart = &asked->by_day;
      break;
    case pb::USAGE_GROUPING_USER:
      told_apart = &asked->grouping.by_user;
      break;
    case pb::USAGE_GROUPING_COUNTRY:
      told_apart = &asked->grouping.by_country;
      break;
    case pb::USAGE_GROUPING_KIND:
      told_apart = &asked->grouping.by_kind;
      break;
    default:
      return InvalidField("group_by", "must be some of UsageGrouping");
  }
  if (*told_apart) return InvalidField("group_by", "must name each grouping once");
  *told_apart = true;
  return absl::OkStatus();
}

absl::StatusOr<Asked> AskedFrom(const pb::SummarizeUsageRequest& request) {
  Asked asked;
  if (!request.has_start_from()) return InvalidField("start_from", "must be set");
  RESERVE_ASSIGN_OR_RETURN(asked.range.begin,
                           reserve::FromProto(request.start_from(), "start_from"));
  if (!request.has_start_before()) return InvalidField("start_before", "must be set");
  RESERVE_ASSIGN_OR_RETURN(asked.range.end,
                           reserve::FromProto(request.start_before(), "start_before"));
  if (asked.range.begin >= asked.range.end) {
    return InvalidField("start_before", "must be later than start_from");
  }
  if (asked.range.end - asked.range.begin > absl::Hours(24 * kMostDays)) {
    return InvalidField("start_before",
                        absl::StrCat("must be ", kMostDays, " days after start_from at the most"));
  }
  for (const int grouping : request.group_by()) {
    RESERVE_RETURN_IF_ERROR(TakeGrouping(static_cast<pb::UsageGrouping>(grouping), &asked));
  }
  return asked;
}

// The days of the account that share time with a range.
std::vector<domain::CalendarWindow> DaysOf(const domain::AccountCalendar& calendar,
                                           const storage::TimeRange& range) {
  std::vector<domain::CalendarWindow> days;
  for (absl::Time begin = range.begin; begin < range.end; begin = days.back().end) {
    days.push_back(domain::WindowAt(calendar, domain::CalendarUnit::kDay, begin));
  }
  return days;
}

std::string DateOf(const domain::CalendarWindow& day) {
  const int date = day.begin_date;
  return absl::StrFormat("%04d-%02d-%02d", date / 10'000, date / 100 % 100, date % 100);
}

void FillSum(const Asked& asked, const storage::UsageSum& sum,
             const std::vector<domain::CalendarWindow>& days, const std::string& currency,
             pb::UsageSummary* message) {
  if (asked.by_day) {
    const domain::CalendarWindow& day = days[sum.range];
    reserve::ToProto(day.begin, message->mutable_day_start());
    message->set_day(DateOf(day));
  }
  message->set_user_id(sum.user_id);
  message->set_country(sum.country);
  if (asked.grouping.by_kind) {
    message->set_kind(sum.kind == domain::UsageKind::kCall ? pb::USAGE_KIND_CALL
                                                           : pb::USAGE_KIND_SMS);
  }
  message->set_usages(sum.usages);
  message->set_unrated_usages(sum.unrated);
  reserve::ToProto(sum.duration, message->mutable_duration());
  reserve::ToProto(absl::Seconds(sum.free_seconds), message->mutable_free_duration());
  reserve::ToProto(absl::Seconds(sum.paid_seconds), message->mutable_paid_duration());
  message->set_segments(sum.segments);
  reserve::ToProto(sum.cost, currency, message->mutable_cost());
}

}  // namespace

grpc::ServerUnaryReactor* AccountsService::SummarizeUsage(grpc::CallbackServerContext* context,
                                                          const pb::SummarizeUsageRequest* request,
                                                          pb::SummarizeUsageResponse* response) {
  return StartQueryIn(
      api_.engine.pages(), api_, context, "SummarizeUsage", request->account_id(),
      [=, this](Connection& connection) -> absl::Status {
        RESERVE_ASSIGN_OR_RETURN(const Asked asked, AskedFrom(*request));
        RESERVE_ASSIGN_OR_RETURN(const domain::Account account,
                                 LoadAccount(connection, request->account_id()));
        std::vector<domain::CalendarWindow> days;
        storage::SummaryScope scope = {{asked.range}, asked.grouping, account.calendar};
        if (asked.by_day) {
          days = DaysOf(account.calendar, asked.range);
          scope.ranges.clear();
          for (const domain::CalendarWindow& day : days) {
            scope.ranges.push_back(
                {std::max(day.begin, asked.range.begin), std::min(day.end, asked.range.end)});
          }
        }
        RESERVE_ASSIGN_OR_RETURN(
            const storage::UsageSummary summary,
            storage::SummarizeUsages(connection, request->account_id(), scope));
        api_.engine.summaries().NoteRead(request->account_id(), summary.entries_read);
        response->Clear();
        response->set_through_seq(summary.through_seq);
        RESERVE_ASSIGN_OR_RETURN(*response->mutable_archived_through(),
                                 ArchivedThrough(connection, request->account_id()));
        for (const storage::UsageSum& sum : summary.sums) {
          FillSum(asked, sum, days, account.currency, response->add_summaries());
        }
        return absl::OkStatus();
      });
}

}  // namespace reserve::api
