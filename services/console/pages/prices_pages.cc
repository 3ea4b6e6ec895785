// Prices: the list, and what a call would cost; of an account, and of nobody's.
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/text/url_text.h"
#include "services/console/pages/site.h"
#include "services/console/views/prices_view.h"
#include "services/console/views/typed_number.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;
using Accounts = pb::Accounts::Stub;
using Rates = pb::Rates::Stub;

constexpr int kRatesAPage = 50;
constexpr int kMostMinutes = 24 * 60;
constexpr int kUsersListed = 200;

// Whose prices: of the plan's list, in the account's currency.
struct Whose {
  std::string currency;
  std::string series;  // empty: the standard one
};

std::string PageAddress(const Visit& visit, const std::string& token) {
  std::string address = absl::StrCat(visit.path, "?page=", UrlText(token));
  for (const char* const name : {"search", "country", "filter", "number", "minutes", "user"}) {
    const std::string value = FieldIn(visit.asked, name);
    if (!value.empty()) absl::StrAppend(&address, "&", name, "=", UrlText(value));
  }
  return address;
}

// What is wrong with the search, beside its field.
void ExplainSearch(const Site& site, const absl::Status& status, Data* data) {
  const std::string field = FieldOf(status);
  if (Site::IsPassing(status)) {
    data->set("message", site.texts().Say("refused_away"));
  } else if (field == "search" || field == "prefix" || field == "number") {
    data->set("search_error", site.Words(status));
  } else if (field == "country") {
    data->set("country_error", site.Words(status));
  } else {
    data->set("message", site.Words(status));
  }
}

void AddRates(const Site& site, const Visit& visit, const Whose& whose, const Formatter& format,
              Data* data) {
  pb::ListRatesRequest request;
  request.set_currency_code(whose.currency);
  request.set_series(whose.series);
  request.set_page_size(kRatesAPage);
  request.set_page_token(FieldIn(visit.asked, "page"));
  ReadSearch(visit.asked, &request);
  const auto rates = site.ledger().Ask(&Rates::ListRates, request);
  if (!rates.ok()) {
    ExplainSearch(site, rates.status(), data);
    SetList(data, "rates", ListOf());
    return;
  }
  // A name of a country may be asked for as well as its code.
  const std::string country = absl::AsciiStrToUpper(FieldIn(visit.asked, "country"));
  SetRates(*rates, country.size() == 2 ? country : "", format, site.texts(), data);
  if (!rates->next_page_token().empty()) {
    data->set("next", PageAddress(visit, rates->next_page_token()));
  }
}

// The call that is asked about; nothing if none is, or it has no sense.
std::optional<pb::Call> CallAskedAbout(const Site& site, const Visit& visit, Data* data) {
  const std::string number = TypedNumber(FieldIn(visit.asked, "number"));
  if (number.empty()) return std::nullopt;
  int minutes = 0;
  if (!absl::SimpleAtoi(FieldIn(visit.asked, "minutes"), &minutes) || minutes < 1 ||
      minutes > kMostMinutes) {
    data->set("minutes_error", site.texts().Say("not_minutes"));
    return std::nullopt;
  }
  pb::Call call;
  call.set_direction(pb::DIRECTION_OUTBOUND);
  call.set_destination(number);
  call.mutable_duration()->set_seconds(static_cast<int64_t>(minutes) * 60);
  return call;
}

Reply ShowList(const Site& site, const Visit& visit) {
  const Formatter format(visit.accept_language, "");
  Data data;
  const Whose whose{site.options().currency, ""};
  SetSearch(visit.asked, format, site.texts(), &data);
  AddRates(site, visit, whose, format, &data);
  if (const auto call = CallAskedAbout(site, visit, &data); call.has_value()) {
    pb::QuoteCallRequest request;
    *request.mutable_call() = *call;
    request.set_currency_code(whose.currency);
    const auto quote = site.ledger().Ask(&Rates::QuoteCall, request);
    if (quote.ok()) {
      SetListQuote(*quote, format, site.texts(), &data);
    } else {
      data.set("number_error", site.Words(quote.status()));
    }
  }
  return site.Page(visit, "prices", "title_prices", format, std::move(data));
}

// The price list by which the plan of the chosen user goes, or that of the account without one.
Whose WhoseOf(const Site& site, const pb::Account& account, const pb::ListUsersResponse& users,
              const std::string& chosen) {
  pb::GetPlanRequest request;
  request.set_plan_id(account.default_plan_id());
  for (const pb::User& user : users.users()) {
    if (user.user_id() == chosen && !user.plan_id().empty()) request.set_plan_id(user.plan_id());
  }
  const auto plan = site.ledger().Ask(&Rates::GetPlan, request);
  return {account.balance().currency_code(), plan.ok() ? plan->series() : std::string()};
}

void AddUsers(const pb::ListUsersResponse& users, const std::string& chosen, Data* data) {
  Data list = ListOf();
  for (const pb::User& user : users.users()) {
    Data one;
    one.set("value", user.user_id());
    one.set("text", user.display_name().empty() ? user.user_id() : user.display_name());
    one.set("chosen", user.user_id() == chosen);
    list.push_back(one);
  }
  SetList(data, "users", list);
}

Reply ShowOfAccount(const Site& site, const Visit& visit) {
  const absl::StatusOr<pb::Account> account = AccountOf(site, visit);
  if (!account.ok()) return site.LedgerRefusal(visit, account.status());
  pb::ListUsersRequest users_request;
  users_request.set_account_id(visit.place("account"));
  users_request.set_page_size(kUsersListed);
  const auto users = site.ledger().Ask(&Accounts::ListUsers, users_request);
  if (!users.ok()) return site.LedgerRefusal(visit, users.status());
  const Formatter format(visit.accept_language, account->time_zone());
  Data data;
  SetSearch(visit.asked, format, site.texts(), &data);
  std::string user = FieldIn(visit.asked, "user");
  if (user.empty() && users->users_size() > 0) user = users->users(0).user_id();
  AddUsers(*users, user, &data);
  AddRates(site, visit, WhoseOf(site, *account, *users, user), format, &data);
  if (const auto call = CallAskedAbout(site, visit, &data); call.has_value()) {
    pb::QuoteUsageRequest request;
    request.set_account_id(visit.place("account"));
    request.set_user_id(user);
    *request.mutable_call() = *call;
    const auto quote = site.ledger().Ask(&Accounts::QuoteUsage, request);
    if (quote.ok()) {
      SetQuote(*quote, format, site.texts(), &data);
      for (const pb::User& one : users->users()) {
        if (one.user_id() == user) SetQuoteFor(one, format, site.texts(), &data);
      }
    } else {
      data.set("number_error", site.Words(quote.status()));
    }
  }
  return site.Page(visit, "prices", "title_prices", format, std::move(data));
}

}  // namespace

std::vector<Route> PricesRoutes(const Site* site) {
  const Door door = site->options().public_prices ? Door::kEverybody : Door::kSupport;
  return {{"GET", "/prices", door, [site](const Visit& visit) { return ShowList(*site, visit); }},
          {"GET", "/a/:account/prices", Door::kAccount,
           [site](const Visit& visit) { return ShowOfAccount(*site, visit); }}};
}

}  // namespace reserve::console
