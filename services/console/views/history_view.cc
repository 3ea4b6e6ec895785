#include "services/console/views/history_view.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "services/console/views/country_name.h"
#include "services/console/views/typed_number.h"

namespace reserve::console {
namespace {

namespace pb = ledger::v1;

constexpr size_t kMostPrefixDigits = 15;

Nanos NanosOf(const google::type::Money& money) {
  const auto amount = FromProto(money, money.currency_code(), "amount");
  return amount.ok() ? *amount : 0;
}

google::type::Money MoneyOf(Nanos amount, const std::string& currency) {
  google::type::Money money;
  ToProto(amount, currency, &money);
  return money;
}

absl::Duration Long(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

// "90", "59.5".
std::string SecondsText(const google::protobuf::Duration& duration) {
  std::string text = absl::StrFormat("%d.%09d", duration.seconds(), duration.nanos());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

bool IsCall(const pb::UsageRecord& record) { return record.usage().has_call(); }

std::string NumberOf(const pb::UsageRecord& record) {
  return IsCall(record) ? record.usage().call().destination() : record.usage().sms().destination();
}

pb::Direction DirectionOf(const pb::UsageRecord& record) {
  return IsCall(record) ? record.usage().call().direction() : record.usage().sms().direction();
}

// "Call to United Kingdom, 1:30"
std::string WhatItWas(const pb::UsageRecord& record, const Formatter& format, const Texts& texts) {
  const bool in = DirectionOf(record) == pb::DIRECTION_INBOUND;
  const std::string where = record.rating().destination_name();
  if (!IsCall(record)) {
    return texts.Say(in ? "text_in" : "text_out",
                     {where, format.Number(record.rating().segments())});
  }
  const std::string clock = Formatter::Clock(record.usage().call().duration());
  if (where.empty()) return texts.Say(in ? "call_in" : "call_out_nowhere", {clock});
  return texts.Say(in ? "call_in" : "call_out", {clock, where});
}

std::string Badge(const pb::UsageRecord& record, const Texts& texts) {
  if (record.status() == pb::USAGE_STATUS_VOIDED) return texts.Say("badge_voided");
  if (record.status() == pb::USAGE_STATUS_UNRATED) return texts.Say("badge_unrated");
  return record.estimated() ? texts.Say("badge_estimated") : "";
}

// Free minutes, where any were there or taken.
std::string FreeMinutes(const pb::Rating& rating, const Texts& texts) {
  const bool any = rating.allowance_before().seconds() > 0;
  if (!any) return "";
  return " " + texts.Say("why_allowance", {Formatter::Clock(rating.allowance_before()),
                                           Formatter::Clock(rating.allowance_after())});
}

std::string Paid(const pb::Rating& rating, const Formatter& format, const Texts& texts) {
  if (rating.has_priced_terms()) {
    std::vector<std::string> parts;
    for (const pb::PricedPart& part : rating.priced_terms().parts()) {
      parts.push_back(texts.Say(
          "why_part", {Formatter::Clock(part.paid_duration()), format.Money(part.price())}));
    }
    return " " + texts.Say("why_parts", {absl::StrJoin(parts, ", ")});
  }
  std::string words =
      " " +
      texts.Say("why_paid", {Formatter::Clock(rating.paid_duration()), format.Money(rating.price()),
                             format.Number(rating.initial_increment().seconds()),
                             format.Number(rating.increment().seconds())});
  if (!IsZero(rating.connect_fee()) && rating.paid_duration().seconds() > 0) {
    absl::StrAppend(&words, " ", texts.Say("why_fee", {format.Money(rating.connect_fee())}));
  }
  return words;
}

Data CallData(const pb::UsageRecord& record, const Formatter& format, const Texts& texts) {
  Data one;
  one.set("when", format.ExactTime(record.usage().start_time()));
  const std::string number = NumberOf(record);
  one.set("number", number.empty() ? texts.Say("number_unknown") : number);
  one.set("anchor", "usage-" + record.usage().usage_id());
  one.set("usage_id", record.usage().usage_id());
  one.set("user", record.usage().user_id());
  one.set("what", WhatItWas(record, format, texts));
  one.set("cost", format.Money(record.cost()));
  one.set("why", ExplainCost(record, format, texts));
  const std::string badge = Badge(record, texts);
  if (!badge.empty()) one.set("badge", badge);
  const bool voided = record.status() == pb::USAGE_STATUS_VOIDED;
  one.set("mark", voided ? "voided" : badge.empty() ? "" : "marked");
  return one;
}

Data GroupData(const pb::UsageSummary& group, const std::string& name, const Formatter& format) {
  Data one;
  one.set("name", name);
  one.set("count", format.Number(group.usages()));
  one.set("cost", format.Money(group.cost()));
  one.set("value", PlainMoney(group.cost()));
  return one;
}

// Count, time and cost, as texts put them in.
std::vector<std::string> FiguresOf(const Totals& totals, const Formatter& format) {
  google::protobuf::Duration talked;
  ToProto(totals.talked, &talked);
  return {format.Number(totals.count), Formatter::Clock(talked),
          format.Money(MoneyOf(totals.cost, totals.currency))};
}

struct Choice {
  const char* value;
  const char* text;
};

void SetChoices(const std::string& name, const std::vector<Choice>& choices,
                const std::string& chosen, const Texts& texts, Data* data) {
  Data list = ListOf();
  for (const Choice& choice : choices) {
    Data one;
    one.set("value", choice.value);
    one.set("text", texts.Say(choice.text));
    one.set("chosen", chosen == choice.value);
    list.push_back(one);
  }
  data->set(name, list);
}

// "2026-11-29", as browsers send a date; the start of that day.
std::optional<absl::Time> DayIn(const Fields& asked, const std::string& name, absl::TimeZone zone) {
  absl::CivilDay day;
  const std::string text = FieldIn(asked, name);
  if (text.empty() || !absl::ParseCivilTime(text, &day) || day.year() < 1970 || day.year() > 9000) {
    return std::nullopt;
  }
  return absl::FromCivil(day, zone);
}

std::optional<absl::Time> DayAfter(const Fields& asked, const std::string& name,
                                   absl::TimeZone zone) {
  absl::CivilDay day;
  if (!DayIn(asked, name, zone).has_value()) return std::nullopt;
  if (!absl::ParseCivilTime(FieldIn(asked, name), &day)) return std::nullopt;
  return absl::FromCivil(day + 1, zone);
}

void ReadChoices(const Fields& asked, pb::ListUsageRequest* request) {
  const std::string kind = FieldIn(asked, "kind");
  if (kind == "call") request->set_kind(pb::USAGE_KIND_CALL);
  if (kind == "sms") request->set_kind(pb::USAGE_KIND_SMS);
  const std::string direction = FieldIn(asked, "direction");
  if (direction == "out") request->set_direction(pb::DIRECTION_OUTBOUND);
  if (direction == "in") request->set_direction(pb::DIRECTION_INBOUND);
  const std::string status = FieldIn(asked, "status");
  if (status == "rated") request->set_status(pb::USAGE_STATUS_RATED);
  if (status == "unrated") request->set_status(pb::USAGE_STATUS_UNRATED);
  if (status == "voided") request->set_status(pb::USAGE_STATUS_VOIDED);
  request->set_order(FieldIn(asked, "order") == "old" ? pb::USAGE_ORDER_OLDEST_FIRST
                                                      : pb::USAGE_ORDER_NEWEST_FIRST);
}

// A cell of CSV. What a spreadsheet would take for a formula begins with an apostrophe; a telephone
// number is none.
std::string Cell(absl::string_view text) {
  const bool number =
      text.size() > 1 && text[0] == '+' && absl::c_all_of(text.substr(1), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c));
      });
  const bool formula = !text.empty() && absl::StrContains("=+-@\t\r", text.substr(0, 1)) && !number;
  return absl::StrCat("\"", formula ? "'" : "", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string StatusWord(pb::UsageStatus status) {
  std::string name = pb::UsageStatus_Name(status);
  return name.substr(std::min(name.size(), sizeof("USAGE_STATUS")));
}

}  // namespace

std::string ExplainCost(const pb::UsageRecord& record, const Formatter& format,
                        const Texts& texts) {
  const pb::Rating& rating = record.rating();
  if (record.status() == pb::USAGE_STATUS_VOIDED) {
    return texts.Say("why_voided", {format.Money(record.voided().returned()),
                                    format.Time(record.voided().void_time())});
  }
  if (record.status() == pb::USAGE_STATUS_UNRATED) {
    return texts.SayName("why_", pb::UnratedReason_Name(record.unrated_reason()));
  }
  std::string words = texts.SayName("basis_", pb::ChargeBasis_Name(rating.basis()));
  switch (rating.basis()) {
    case pb::CHARGE_BASIS_METERED_STANDARD:
    case pb::CHARGE_BASIS_MIXED:
      absl::StrAppend(&words, FreeMinutes(rating, texts));
      if (rating.paid_duration().seconds() > 0) {
        absl::StrAppend(&words, Paid(rating, format, texts));
      }
      break;
    case pb::CHARGE_BASIS_DEARER:
      absl::StrAppend(&words, Paid(rating, format, texts));
      break;
    case pb::CHARGE_BASIS_SMS:
      absl::StrAppend(
          &words, " ",
          texts.Say("why_sms", {format.Number(rating.segments()), format.Money(rating.price())}));
      break;
    default:
      break;
  }
  if (!IsZero(record.promotional_cost())) {
    absl::StrAppend(&words, " ",
                    texts.Say("why_promotional", {format.Money(record.promotional_cost())}));
  }
  return words;
}

void AddPage(const pb::ListUsageResponse& page, Totals* totals) {
  totals->count += page.usage_records_size();
  for (const pb::UsageRecord& record : page.usage_records()) {
    totals->cost = AddSaturating(totals->cost, NanosOf(record.cost()));
    totals->currency = record.cost().currency_code();
    if (IsCall(record)) totals->talked += Long(record.usage().call().duration());
  }
}

void SetTotals(const Totals& totals,
               const std::optional<google::protobuf::Timestamp>& searched_until,
               const Formatter& format, const Texts& texts, Data* data) {
  std::vector<std::string> figures = FiguresOf(totals, format);
  if (searched_until.has_value()) figures.push_back(format.Time(*searched_until));
  data->set("totals", texts.Say(searched_until.has_value() ? "totals_so_far" : "totals", figures));
}

void SetCalls(const pb::ListUsageResponse& page, const Formatter& format, const Texts& texts,
              Data* data) {
  Data calls = ListOf();
  for (const pb::UsageRecord& record : page.usage_records()) {
    calls.push_back(CallData(record, format, texts));
  }
  Totals totals;
  AddPage(page, &totals);
  data->set("shown", texts.Say("shown", FiguresOf(totals, format)));
  SetList(data, "calls", calls);
}

SumFilter SumFilterOf(const Fields& asked) {
  SumFilter filter{FieldIn(asked, "user"), absl::AsciiStrToUpper(FieldIn(asked, "country"))};
  const std::string kind = FieldIn(asked, "kind");
  if (kind == "call") filter.kind = pb::USAGE_KIND_CALL;
  if (kind == "sms") filter.kind = pb::USAGE_KIND_SMS;
  return filter;
}

bool HasOtherFilters(const Fields& asked) {
  for (const char* const name : {"number", "direction", "least", "status"}) {
    if (!FieldIn(asked, name).empty()) return true;
  }
  return false;
}

void AddGroups(const SumFilter& filter, pb::SummarizeUsageRequest* request) {
  const auto add = [request](pb::UsageGrouping grouping) {
    if (!absl::c_linear_search(request->group_by(), grouping)) request->add_group_by(grouping);
  };
  if (!filter.user.empty()) add(pb::USAGE_GROUPING_USER);
  if (!filter.country.empty()) add(pb::USAGE_GROUPING_COUNTRY);
  if (filter.kind != pb::USAGE_KIND_UNSPECIFIED) add(pb::USAGE_GROUPING_KIND);
}

pb::SummarizeUsageResponse Filtered(const pb::SummarizeUsageResponse& sums,
                                    const SumFilter& filter) {
  pb::SummarizeUsageResponse left;
  left.set_archived_through(sums.archived_through());
  for (const pb::UsageSummary& sum : sums.summaries()) {
    if (!filter.user.empty() && sum.user_id() != filter.user) continue;
    if (!filter.country.empty() && sum.country() != filter.country) continue;
    if (filter.kind != pb::USAGE_KIND_UNSPECIFIED && sum.kind() != filter.kind) continue;
    *left.add_summaries() = sum;
  }
  return left;
}

std::string ArchivedIn(const std::string& archived_through, const pb::ListUsageRequest& request) {
  if (archived_through.empty() || !request.has_start_from()) return archived_through;
  const absl::Time from = absl::FromUnixSeconds(request.start_from().seconds());
  const std::string month = absl::FormatTime("%Y-%m", from, absl::UTCTimeZone());
  return month <= archived_through ? archived_through : "";
}

void SetSums(const pb::SummarizeUsageResponse& by_day, const pb::SummarizeUsageResponse& by_country,
             const std::string& currency, const Formatter& format, const Texts& texts, Data* data) {
  Data days = ListOf();
  int64_t count = 0;
  absl::Duration seconds;
  int64_t free_seconds = 0;
  Nanos cost = 0;
  for (const pb::UsageSummary& day : by_day.summaries()) {
    days.push_back(GroupData(day, format.Day(day.day_start()), format));
    count += day.usages();
    seconds += Long(day.duration());
    free_seconds += day.free_duration().seconds();
    cost = AddSaturating(cost, NanosOf(day.cost()));
  }
  std::vector<pb::UsageSummary> sorted(by_country.summaries().begin(),
                                       by_country.summaries().end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return NanosOf(a.cost()) > NanosOf(b.cost());
  });
  Data countries = ListOf();
  for (const pb::UsageSummary& one : sorted) {
    countries.push_back(GroupData(one, CountryName(one.country(), format, texts), format));
  }
  google::protobuf::Duration talked;
  ToProto(seconds, &talked);
  google::protobuf::Duration free;
  free.set_seconds(free_seconds);
  data->set("summed", true);
  data->set("count", format.Number(count));
  data->set("talked", Formatter::Clock(talked));
  data->set("free", Formatter::Clock(free));
  data->set("cost", format.Money(MoneyOf(cost, currency)));
  SetList(data, "days", days);
  SetList(data, "countries", countries);
}

const std::vector<std::string>& TypedFilters() {
  static const auto* const names =
      new std::vector<std::string>{"from", "to", "user", "number", "country", "least"};
  return *names;
}

void SetFilters(const Fields& asked, const std::map<std::string, std::string>& errors,
                const Formatter& format, const Texts& texts, Data* data) {
  Data filter;
  for (const std::string& name : TypedFilters()) {
    filter.set(name, FieldIn(asked, name));
    const auto error = errors.find(name);
    if (error != errors.end()) filter.set(name + "_error", error->second);
  }
  data->set("filter", filter);
  data->set("country_choices", CountryChoices(FieldIn(asked, "country"), format, texts));
  SetChoices("kinds", {{"", "filter_all"}, {"call", "filter_calls"}, {"sms", "filter_texts"}},
             FieldIn(asked, "kind"), texts, data);
  SetChoices("directions", {{"", "filter_all"}, {"out", "filter_out"}, {"in", "filter_in"}},
             FieldIn(asked, "direction"), texts, data);
  SetChoices("statuses",
             {{"", "filter_all"},
              {"rated", "filter_rated"},
              {"unrated", "filter_unrated"},
              {"voided", "filter_voided"}},
             FieldIn(asked, "status"), texts, data);
  SetChoices("orders", {{"", "filter_newest"}, {"old", "filter_oldest"}}, FieldIn(asked, "order"),
             texts, data);
}

void ReadFilters(const Fields& asked, const std::string& currency, absl::TimeZone zone,
                 pb::ListUsageRequest* request, std::map<std::string, std::string>* errors) {
  request->set_user_id(FieldIn(asked, "user"));
  request->set_country(absl::AsciiStrToUpper(FieldIn(asked, "country")));
  ReadChoices(asked, request);
  const std::string number = TypedNumber(FieldIn(asked, "number"));
  // A whole number, or how it begins: what has few digits is no whole one.
  if (!number.empty()) {
    request->set_destination_prefix(number.substr(0, kMostPrefixDigits + 1));
  }
  for (const char* const name : {"from", "to"}) {
    if (!FieldIn(asked, name).empty() && !DayIn(asked, name, zone).has_value()) {
      (*errors)[name] = "not_a_day";
    }
  }
  if (const auto from = DayIn(asked, "from", zone); from.has_value()) {
    ToProto(*from, request->mutable_start_from());
  }
  if (const auto before = DayAfter(asked, "to", zone); before.has_value()) {
    ToProto(*before, request->mutable_start_before());
  }
  const std::string least = FieldIn(asked, "least");
  if (!least.empty() && !ReadMoney(least, currency, request->mutable_minimum_cost())) {
    (*errors)["least"] = "not_money";
  }
}

Range RangeOf(const Fields& asked, absl::Time now, absl::TimeZone zone) {
  const absl::CivilMonth month(absl::ToCivilDay(now, zone));
  std::optional<absl::Time> from = DayIn(asked, "from", zone);
  std::optional<absl::Time> before = DayAfter(asked, "to", zone);
  if (!from.has_value() && before.has_value()) {
    from =
        absl::FromCivil(absl::CivilMonth(absl::ToCivilDay(*before - absl::Seconds(1), zone)), zone);
  }
  if (!from.has_value()) from = absl::FromCivil(month, zone);
  if (!before.has_value()) before = absl::FromCivil(absl::CivilDay(month + 1), zone);
  return {*from, *before};
}

std::string CsvHead() {
  return "usage_id,start_time,user_id,kind,direction,number,seconds,segments,country,destination,"
         "free_seconds,cost,currency,status\r\n";
}

std::string CsvLines(const pb::ListUsageResponse& page, absl::TimeZone zone) {
  std::string lines;
  for (const pb::UsageRecord& record : page.usage_records()) {
    const bool call = IsCall(record);
    const pb::Rating& rating = record.rating();
    const absl::Time start = absl::FromUnixSeconds(record.usage().start_time().seconds()) +
                             absl::Nanoseconds(record.usage().start_time().nanos());
    absl::StrAppend(
        &lines,
        absl::StrJoin(
            {Cell(record.usage().usage_id()),
             Cell(absl::FormatTime(absl::RFC3339_sec, start, zone)), Cell(record.usage().user_id()),
             Cell(call ? "call" : "text"),
             Cell(DirectionOf(record) == pb::DIRECTION_INBOUND ? "in" : "out"),
             Cell(NumberOf(record)),
             Cell(call ? SecondsText(record.usage().call().duration()) : ""),
             Cell(call ? "" : absl::StrCat(rating.segments())), Cell(rating.country()),
             Cell(rating.destination_name()),
             Cell(absl::StrCat(std::max<int64_t>(
                 0, rating.allowance_before().seconds() - rating.allowance_after().seconds()))),
             Cell(PlainMoney(record.cost())), Cell(record.cost().currency_code()),
             Cell(StatusWord(record.status()))},
            ","),
        "\r\n");
  }
  return lines;
}

}  // namespace reserve::console
