// The call history, as data for its template and as lines of CSV. Thread-safe: pure functions of
// what the ledger answered.
#ifndef RESERVE_CONSOLE_VIEWS_HISTORY_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_HISTORY_VIEW_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/money/money.h"
#include "reserve/ledger/v1/accounts.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"
#include "services/console/web/visit.h"

namespace reserve::console {

// Why a usage cost what it cost, in words: free minutes before and after, increments, fee.
std::string ExplainCost(const ledger::v1::UsageRecord& record, const Formatter& format,
                        const Texts& texts);

// What usages come to together.
struct Totals {
  int64_t count = 0;
  absl::Duration talked = absl::ZeroDuration();
  Nanos cost = 0;
  std::string currency = {};
};
void AddPage(const ledger::v1::ListUsageResponse& page, Totals* totals);
// totals: of all that the filters leave; or of those up to `searched_until`, where more was not
// looked through.
void SetTotals(const Totals& totals,
               const std::optional<google::protobuf::Timestamp>& searched_until,
               const Formatter& format, const Texts& texts, Data* data);

// calls, shown (what they come to together): of a page of the list.
void SetCalls(const ledger::v1::ListUsageResponse& page, const Formatter& format,
              const Texts& texts, Data* data);

// What of the filters a sum can go by: each is a group of SummarizeUsage.
struct SumFilter {
  std::string user = {};
  std::string country = {};
  ledger::v1::UsageKind kind = ledger::v1::USAGE_KIND_UNSPECIFIED;
};
SumFilter SumFilterOf(const Fields& asked);
// Adds to the request what must be told apart for these.
void AddGroups(const SumFilter& filter, ledger::v1::SummarizeUsageRequest* request);
// What of the answer the filter leaves.
ledger::v1::SummarizeUsageResponse Filtered(const ledger::v1::SummarizeUsageResponse& sums,
                                            const SumFilter& filter);
// Are there filters that a sum does not go by?
bool HasOtherFilters(const Fields& asked);

// "2025-09", where what was asked for may hold usages that have left the ledger for its archives by
// that month; else empty.
std::string ArchivedIn(const std::string& archived_through,
                       const ledger::v1::ListUsageRequest& request);

// days and countries with their figures, and what all come to.
void SetSums(const ledger::v1::SummarizeUsageResponse& by_day,
             const ledger::v1::SummarizeUsageResponse& by_country, const std::string& currency,
             const Formatter& format, const Texts& texts, Data* data);

// filter, country_choices and the other choices: what was asked for, as it stands in the form of
// filters, with what is wrong with it.
void SetFilters(const Fields& asked, const std::map<std::string, std::string>& errors,
                const Formatter& format, const Texts& texts, Data* data);
// The names of the filters that are typed.
const std::vector<std::string>& TypedFilters();

// The filters in a request. Those that have no sense are put into `errors`, with the key of a text
// that says why not.
void ReadFilters(const Fields& asked, const std::string& currency, absl::TimeZone zone,
                 ledger::v1::ListUsageRequest* request, std::map<std::string, std::string>* errors);

// From when until when sums are made: the days that were asked for, else the month of `now`.
struct Range {
  absl::Time from;
  absl::Time before;
};
Range RangeOf(const Fields& asked, absl::Time now, absl::TimeZone zone);

std::string CsvHead();
// A page of the list, a line each (RFC 4180). Nothing in it is taken for a formula.
std::string CsvLines(const ledger::v1::ListUsageResponse& page, absl::TimeZone zone);

}  // namespace reserve::console

#endif  // RESERVE_CONSOLE_VIEWS_HISTORY_VIEW_H_
