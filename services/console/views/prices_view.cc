#include "services/console/views/prices_view.h"

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "services/console/views/account_words.h"
#include "services/console/views/country_name.h"
#include "services/console/views/history_view.h"
#include "services/console/views/typed_number.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

constexpr size_t kMostCodeDigits = 7;

// Increments, fee, steps and hours, as far as they are not plain.
std::string Terms(const pb::Rate& rate, const Formatter& format, const Texts& texts) {
  std::vector<std::string> terms;
  if (rate.blocked()) terms.push_back(texts.Say("rate_blocked"));
  if (rate.initial_increment().seconds() > 0) {
    terms.push_back(texts.Say("rate_increments", {format.Number(rate.initial_increment().seconds()),
                                                  format.Number(rate.increment().seconds())}));
  }
  if (!IsZero(rate.connect_fee())) {
    terms.push_back(texts.Say("why_fee", {format.Money(rate.connect_fee())}));
  }
  if (rate.included_duration().seconds() > 0) {
    terms.push_back(texts.Say("rate_included", {Formatter::Clock(rate.included_duration())}));
  }
  for (const pb::PriceStep& step : rate.steps()) {
    terms.push_back(
        texts.Say("rate_step", {Formatter::Clock(step.start()), format.Money(step.price())}));
  }
  if (rate.has_minimum()) terms.push_back(texts.Say("rate_least", {format.Money(rate.minimum())}));
  if (rate.has_maximum()) terms.push_back(texts.Say("rate_most", {format.Money(rate.maximum())}));
  if (rate.periods_size() > 0) terms.push_back(absl::StrJoin(rate.periods(), ", "));
  return absl::StrJoin(terms, "; ");
}

}  // namespace

void ReadSearch(const Fields& asked, pb::ListRatesRequest* request) {
  const std::string typed = TypedNumber(FieldIn(asked, "search"));
  const absl::string_view digits = absl::StripPrefix(typed, "+");
  const bool numeric = !digits.empty() && absl::c_all_of(digits, [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (numeric && digits.size() <= kMostCodeDigits) {
    request->set_prefix(std::string(digits));
  } else if (numeric) {
    request->set_number(absl::StrCat("+", digits));
  } else {
    request->set_search(typed);
  }
  request->set_country(FieldIn(asked, "country"));
  const std::string filter = FieldIn(asked, "filter");
  if (filter == "standard") request->set_filter(pb::RATE_FILTER_STANDARD);
  if (filter == "dearer") request->set_filter(pb::RATE_FILTER_DEARER);
}

void SetRates(const pb::ListRatesResponse& page, const std::string& country,
              const Formatter& format, const Texts& texts, Data* data) {
  Data list = ListOf();
  bool any_country = false;
  for (const pb::Rate& rate : page.rates()) {
    Data one;
    const std::string& name = rate.destination_name();
    one.set("name", name.empty() ? absl::StrCat("+", rate.prefix()) : name);
    const std::string& of = rate.country().empty() ? country : rate.country();
    one.set("country", of.empty() ? "" : CountryName(of, format, texts));
    any_country = any_country || !of.empty();
    const bool short_code =
        rate.kind() == pb::RATE_KIND_SHORT_CODE || rate.kind() == pb::RATE_KIND_SMS_SHORT_CODE;
    one.set("prefix", absl::StrCat(short_code ? "" : "+", rate.prefix()));
    one.set("kind", texts.SayName("rate_", pb::RateKind_Name(rate.kind())));
    one.set("price", rate.unpriced() ? texts.Say("rate_unpriced") : format.Money(rate.price()));
    one.set("terms", Terms(rate, format, texts));
    one.set("standard", rate.standard_rate());
    list.push_back(one);
  }
  data->set("some_country", any_country);
  SetList(data, "rates", list);
}

void SetSearch(const Fields& asked, const Formatter& format, const Texts& texts, Data* data) {
  for (const char* const name : {"search", "number"}) data->set(name, FieldIn(asked, name));
  for (const std::string name : {"search", "country", "filter", "number", "minutes", "user"}) {
    if (!FieldIn(asked, name).empty()) data->set("kept_" + name, FieldIn(asked, name));
  }
  data->set("country_choices", CountryChoices(FieldIn(asked, "country"), format, texts));
  const std::string minutes = FieldIn(asked, "minutes");
  data->set("minutes", minutes.empty() ? std::string("1") : minutes);
  Data filters = ListOf();
  for (const auto& [value, text] : {std::pair<std::string, std::string>{"", "rates_all"},
                                    {"standard", "rates_standard"},
                                    {"dearer", "rates_dearer"}}) {
    Data one;
    one.set("value", value);
    one.set("text", texts.Say(text));
    one.set("chosen", FieldIn(asked, "filter") == value);
    filters.push_back(one);
  }
  data->set("filters", filters);
}

void SetQuote(const pb::QuoteUsageResponse& quote, const Formatter& format, const Texts& texts,
              Data* data) {
  pb::UsageRecord as_if_booked;
  *as_if_booked.mutable_cost() = quote.cost();
  *as_if_booked.mutable_rating() = quote.rating();
  as_if_booked.set_status(pb::USAGE_STATUS_RATED);
  data->set("quote",
            texts.Say("quote_is", {format.Money(quote.cost()), quote.rating().destination_name()}));
  data->set("quote_why",
            quote.blocked() ? texts.Say("rate_blocked") : ExplainCost(as_if_booked, format, texts));
}

void SetQuoteFor(const pb::User& user, const Formatter& format, const Texts& texts, Data* data) {
  data->set(
      "quote_for",
      texts.Say("quote_for", {user.display_name().empty() ? user.user_id() : user.display_name(),
                              user.plan_id(), MinutesLeft(user, format, texts)}));
}

void SetListQuote(const pb::QuoteCallResponse& quote, const Formatter& format, const Texts& texts,
                  Data* data) {
  data->set("quote",
            texts.Say("quote_is", {format.Money(quote.cost()), quote.rate().destination_name()}));
  data->set("quote_why", quote.blocked()
                             ? texts.Say("rate_blocked")
                             : texts.Say(quote.standard_rate() ? "quote_standard" : "quote_dearer",
                                         {format.Money(quote.rate().price())}));
}

}  // namespace reserve::console
