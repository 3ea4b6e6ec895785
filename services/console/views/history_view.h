// The call history, as data for its template and as lines of CSV. Thread-safe: pure functions of
// what the ledger answered.
#ifndef RESERVE_CONSOLE_VIEWS_HISTORY_VIEW_H_
#define RESERVE_CONSOLE_VIEWS_HISTORY_VIEW_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "reserve/ledger/v1/accounts.pb.h"
#include "services/console/views/formatter.h"
#include "services/console/views/page_data.h"
#include "services/console/views/texts.h"
#include "services/console/web/visit.h"

namespace reserve::console {

// Why a usage cost what it cost, in words: free minutes before and after, increments, fee.
std::string ExplainCost(const ledger::v1::UsageRecord& record, const Formatter& format,
                        const Texts& texts);

// calls, shown (what they come to together): of a page of the list.
void SetCalls(const ledger::v1::ListUsageResponse& page, const Formatter& format,
              const Texts& texts, Data* data);

// days and countries with their figures, and what all come to.
void SetSums(const ledger::v1::SummarizeUsageResponse& by_day,
             const ledger::v1::SummarizeUsageResponse& by_country, const std::string& currency,
             const Formatter& format, const Texts& texts, Data* data);

// What was asked for, as it stands in the form of filters.
void SetFilters(const Fields& asked, const Texts& texts, Data* data);

// The filters in a request. Nothing, and the key of a text that says why not, if one has no sense.
bool ReadFilters(const Fields& asked, const std::string& currency, absl::TimeZone zone,
                 ledger::v1::ListUsageRequest* request, std::string* why);

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
