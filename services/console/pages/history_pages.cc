// The call history: pages of it, and all of it as CSV.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/rpc/conversions.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/views/billing_view.h"
#include "services/console/views/history_view.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;

constexpr int kCallsAPage = 50;
constexpr int kCallsAPiece = 1000;
constexpr absl::Duration kLongestSum = absl::Hours(24 * 366);
// What is added up here of a list.
constexpr int kMostPieces = 5;
constexpr absl::Duration kAddingUp = absl::Seconds(1);

// The address of this page with other values of some fields; those that are empty are left out.
std::string AddressWith(const Visit& visit, const std::string& page, const Fields& other) {
  Fields fields = visit.asked;
  for (const auto& [name, value] : other) fields[name] = value;
  fields.erase("done");
  std::string address = AccountPath(visit.place("account"), page);
  char mark = '?';
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    absl::StrAppend(&address, std::string(1, mark), UrlText(name), "=", UrlText(value));
    mark = '&';
  }
  return address;
}

pb::SummarizeUsageRequest SumOf(const Visit& visit, const Range& range, pb::UsageGrouping by) {
  pb::SummarizeUsageRequest request;
  request.set_account_id(visit.place("account"));
  ToProto(range.from, request.mutable_start_from());
  ToProto(range.before, request.mutable_start_before());
  request.add_group_by(by);
  AddGroups(SumFilterOf(visit.asked), &request);
  return request;
}

// The sums of the range, where it is one of which sums are made, of what the filters leave as far
// as sums go by them. They stand beside the list: where they take long the list comes without.
void AddSums(const Site& site, const Visit& visit, const pb::Account& account,
             const Formatter& format, Data* data) {
  const Range range = RangeOf(visit.asked, absl::Now(), format.time_zone());
  if (range.before <= range.from || range.before - range.from > kLongestSum) {
    data->set("sum_refused", site.texts().Say("sum_too_long"));
    return;
  }
  auto by_country = site.ledger().AskBeside(&Accounts::SummarizeUsage,
                                            SumOf(visit, range, pb::USAGE_GROUPING_COUNTRY),
                                            LedgerClient::kShortDeadline);
  const auto by_day =
      site.ledger().Ask(&Accounts::SummarizeUsage, SumOf(visit, range, pb::USAGE_GROUPING_DAY),
                        LedgerClient::kShortDeadline);
  const auto countries = by_country.get();
  if (!by_day.ok() || !countries.ok()) {
    const absl::Status& why = by_day.ok() ? countries.status() : by_day.status();
    data->set("sum_refused",
              Site::IsPassing(why) ? site.texts().Say("sum_not_read") : site.Words(why));
    return;
  }
  google::protobuf::Timestamp from;
  google::protobuf::Timestamp last;
  ToProto(range.from, &from);
  ToProto(range.before - absl::Seconds(1), &last);
  const SumFilter filter = SumFilterOf(visit.asked);
  const bool all =
      filter.user.empty() && filter.country.empty() && filter.kind == pb::USAGE_KIND_UNSPECIFIED;
  data->set("range", site.texts().Say(all ? "range" : "range_filtered",
                                      {format.Day(from), format.Day(last)}));
  if (HasOtherFilters(visit.asked)) data->set("sum_note", site.texts().Say("sum_note"));
  SetSums(Filtered(*by_day, filter), Filtered(*countries, filter),
          account.balance().currency_code(), format, site.texts(), data);
}

// What the filters leave on all pages, where the sums above don't go by them: the calls themselves
// are added up, as far as a few large pages of the ledger's go.
void AddTotals(const Site& site, pb::ListUsageRequest request, const std::string& currency,
               const Formatter& format, Data* data) {
  request.set_page_size(kCallsAPiece);
  request.clear_page_token();
  Totals totals{.currency = currency};
  const Moment enough = MonotonicNow() + kAddingUp;
  for (int piece = 1;; ++piece) {
    const auto page =
        site.ledger().Ask(&Accounts::ListUsage, request, LedgerClient::kShortDeadline);
    if (!page.ok()) return;
    AddPage(*page, &totals);
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) {
      SetTotals(totals, std::nullopt, format, site.texts(), data);
      return;
    }
    if (piece == kMostPieces || MonotonicNow() > enough) {
      SetTotals(totals, page->searched_until(), format, site.texts(), data);
      return;
    }
  }
}

// The page with what is wrong with its filters.
Reply ShowMistakes(const Site& site, const Visit& visit, const Formatter& format,
                   const Tried& tried) {
  Data data;
  SetFilters(visit.asked, tried.errors, format, site.texts(), &data);
  data.set("message", tried.message);
  data.set("csv", AddressWith(visit, "calls.csv", {{"page", ""}}));
  return site.Page(visit, "calls", "title_calls", format, std::move(data), 400);
}

// The filters in a request; false, and what is wrong, if they have no sense.
bool TakeFilters(const Site& site, const Visit& visit, const pb::Account& account,
                 const Formatter& format, pb::ListUsageRequest* request, Tried* tried) {
  ReadFilters(visit.asked, account.balance().currency_code(), format.time_zone(), request,
              &tried->errors);
  for (auto& [name, why] : tried->errors) why = site.texts().Say(why);
  if (!tried->errors.empty()) tried->message = site.texts().Say("look_below");
  return tried->errors.empty();
}

// What the ledger refused, beside the filter that it is about.
void ExplainFilters(const Site& site, const absl::Status& status, Tried* tried) {
  site.Explain(status, {"country", "user_id", "destination_prefix", "minimum_cost"}, tried);
  for (const auto& [field, filter] : {std::pair<const char*, const char*>{"user_id", "user"},
                                      {"destination_prefix", "number"},
                                      {"minimum_cost", "least"}}) {
    auto error = tried->errors.extract(field);
    if (error.empty()) continue;
    error.key() = filter;
    tried->errors.insert(std::move(error));
  }
}

Reply ShowCalls(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  const Formatter format(visit.accept_language, account->time_zone());
  pb::ListUsageRequest request;
  request.set_account_id(visit.place("account"));
  request.set_page_size(kCallsAPage);
  const std::string token = FieldIn(visit.asked, "page");
  request.set_page_token(token);
  Tried tried;
  if (!TakeFilters(site, visit, *account, format, &request, &tried)) {
    return ShowMistakes(site, visit, format, tried);
  }
  auto list = site.ledger().AskBeside(&Accounts::ListUsage, request);
  Data data;
  SetFilters(visit.asked, {}, format, site.texts(), &data);
  data.set("csv", AddressWith(visit, "calls.csv", {{"page", ""}}));
  if (token.empty()) AddSums(site, visit, *account, format, &data);
  const auto page = list.get();
  if (!page.ok()) {
    if (Site::IsPassing(page.status())) return site.LedgerRefusal(visit, page.status());
    ExplainFilters(site, page.status(), &tried);
    return ShowMistakes(site, visit, format, tried);
  }
  SetCalls(*page, format, site.texts(), &data);
  if (token.empty() && HasOtherFilters(visit.asked)) {
    AddTotals(site, request, account->balance().currency_code(), format, &data);
  }
  if (const std::string month = ArchivedIn(page->archived_through(), request); !month.empty()) {
    data.set("archived", site.texts().Say("archived", {month}));
  }
  if (!page->next_page_token().empty()) {
    data.set("next", AddressWith(visit, "calls", {{"page", page->next_page_token()}}));
    if (page->usage_records_size() < kCallsAPage) {
      data.set("searched",
               site.texts().Say("searched_until", {format.Time(page->searched_until())}));
    }
  }
  return site.Page(visit, "calls", "title_calls", format, std::move(data));
}

// All that the filters leave, a piece at a time, so that its length costs no memory.
Reply SendCsv(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  const Formatter format(visit.accept_language, account->time_zone());
  auto request = std::make_shared<pb::ListUsageRequest>();
  request->set_account_id(visit.place("account"));
  request->set_page_size(kCallsAPiece);
  Tried tried;
  if (!TakeFilters(site, visit, *account, format, request.get(), &tried)) {
    return ShowMistakes(site, visit, format, tried);
  }
  // The first piece is asked for before anything is promised.
  auto page = std::make_shared<absl::StatusOr<pb::ListUsageResponse>>(
      site.ledger().Ask(&Accounts::ListUsage, *request));
  if (!page->ok()) return site.LedgerRefusal(visit, page->status());
  Reply reply{.content_type = "text/csv; charset=utf-8"};
  reply.headers.emplace_back("Content-Disposition", "attachment; filename=\"calls.csv\"");
  reply.next_piece = [&site, request, page, head = true, done = false,
                      zone = format.time_zone()]() mutable -> std::optional<std::string> {
    if (std::exchange(head, false)) return CsvHead();
    if (done) return std::nullopt;
    if (!page->ok()) return std::nullopt;
    std::string lines = CsvLines(**page, zone);
    const std::string archived = ArchivedIn((*page)->archived_through(), *request);
    request->set_page_token((*page)->next_page_token());
    done = request->page_token().empty();
    if (!done) *page = site.ledger().Ask(&Accounts::ListUsage, *request);
    if (done && !archived.empty()) {
      absl::StrAppend(&lines, "\"", site.texts().Say("archived", {archived}), "\"\r\n");
    }
    if (!page->ok()) {
      // A file that ends too early must not look whole.
      absl::StrAppend(&lines, "\"", site.texts().Say("csv_broken"), "\"\r\n");
      done = true;
    }
    return lines;
  };
  return reply;
}

}  // namespace

std::vector<Route> HistoryRoutes(const Site* site) {
  return {{"GET", "/a/:account/calls", Door::kAccount,
           [site](const Visit& visit) { return ShowCalls(*site, visit); }},
          {"GET", "/a/:account/calls.csv", Door::kAccount,
           [site](const Visit& visit) { return SendCsv(*site, visit); }, true}};
}

}  // namespace reserve::console
