#include "services/ledger/cli/export_rates.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr absl::Duration kDeadline = absl::Minutes(2);
constexpr int kPageSize = 1000;
constexpr absl::string_view kColumns =
    "kind,prefix,carrier,destination,price,connect_fee,initial_increment_seconds,"
    "increment_seconds,country,effective_date,end_date,blocked,days,from,to,steps,"
    "included_seconds,minimum,maximum,standard\n";

std::string Field(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

Nanos AmountOf(const google::type::Money& money) {
  return money.units() * kNanosPerUnit + money.nanos();
}

std::string SecondsOf(const google::protobuf::Duration& duration) {
  return absl::StrCat(duration.seconds());
}

// What the price alone would say (C12).
bool StandardByPrice(const pb::Rate& rate, const pb::RateDeck& deck) {
  Nanos dearest = AmountOf(rate.price());
  for (const pb::PriceStep& step : rate.steps())
    dearest = std::max(dearest, AmountOf(step.price()));
  return dearest <= AmountOf(deck.standard_rate_ceiling()) && AmountOf(rate.connect_fee()) == 0 &&
         !rate.has_minimum();
}

// A row of the line in one of its periods; empty: it has none.
std::string RowOf(const pb::Rate& rate, const pb::RateDeck& deck, absl::string_view period) {
  const auto kind = static_cast<rates::RateKind>(rate.kind());
  const bool is_text = rates::IsTextKind(kind);
  // "1-5 19:00-07:00".
  const std::pair<absl::string_view, absl::string_view> days_and_times =
      absl::StrSplit(period, absl::MaxSplits(' ', 1));
  const std::pair<absl::string_view, absl::string_view> times =
      absl::StrSplit(days_and_times.second, absl::MaxSplits('-', 1));
  std::vector<std::string> steps;
  for (const pb::PriceStep& step : rate.steps()) {
    steps.push_back(
        absl::StrCat(step.start().seconds(), ":", FormatDecimal(AmountOf(step.price()))));
  }
  const bool says_standard = !is_text && rate.standard_rate() != StandardByPrice(rate, deck);
  const std::vector<std::string> fields = {
      std::string(rates::RateKindName(kind)),
      rate.prefix(),
      Field(rate.carrier()),
      Field(rate.destination_name()),
      rate.unpriced() ? "blocked" : FormatDecimal(AmountOf(rate.price())),
      is_text ? "" : FormatDecimal(AmountOf(rate.connect_fee())),
      is_text ? "" : SecondsOf(rate.initial_increment()),
      is_text ? "" : SecondsOf(rate.increment()),
      rate.country(),
      rate.first_day(),
      rate.last_day(),
      rate.blocked() ? "yes" : "",
      Field(days_and_times.first),
      std::string(times.first),
      std::string(times.second),
      absl::StrJoin(steps, ";"),
      rate.included_duration().seconds() > 0 ? SecondsOf(rate.included_duration()) : "",
      rate.has_minimum() ? FormatDecimal(AmountOf(rate.minimum())) : "",
      rate.has_maximum() ? FormatDecimal(AmountOf(rate.maximum())) : "",
      says_standard ? (rate.standard_rate() ? "yes" : "no") : ""};
  return absl::StrCat(absl::StrJoin(fields, ","), "\n");
}

// "--name=trade --currency=EUR ...".
std::string FlagsOf(const pb::RateDeck& deck) {
  std::string flags = absl::StrCat(
      "--name=", deck.name(), " --currency=", deck.currency_code(), " --series=", deck.series(),
      " --standard_rate_ceiling=", FormatDecimal(AmountOf(deck.standard_rate_ceiling())),
      " --time_zone=", deck.time_zone());
  if (deck.periods_by_start()) absl::StrAppend(&flags, " --periods=start");
  if (deck.holidays_size() > 0) {
    absl::StrAppend(&flags, " --holidays=", absl::StrJoin(deck.holidays(), ","));
  }
  if (deck.rounding() != pb::ROUNDING_UNSPECIFIED) {
    const absl::string_view how = deck.rounding() == pb::ROUNDING_UP          ? "up"
                                  : deck.rounding() == pb::ROUNDING_HALF_EVEN ? "half_even"
                                                                              : "half_up";
    absl::StrAppend(&flags, " --rounding=", how, "/", deck.rounding_decimals());
  }
  if (deck.prices_include_tax()) absl::StrAppend(&flags, " --prices_include_tax");
  return flags;
}

}  // namespace

absl::Status ExportRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                         std::ostream& out, std::ostream& notes) {
  const auto stub = pb::Rates::NewStub(channel);
  pb::GetRateDeckRequest get;
  get.set_deck_version(deck_version);
  pb::RateDeck deck;
  grpc::ClientContext get_context;
  get_context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub->GetRateDeck(&get_context, get, &deck)));
  out << kColumns;
  pb::ListRatesRequest request;
  request.set_deck_version(deck_version);
  request.set_page_size(kPageSize);
  do {
    pb::ListRatesResponse response;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
    RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub->ListRates(&context, request, &response)));
    for (const pb::Rate& rate : response.rates()) {
      if (rate.periods().empty()) out << RowOf(rate, deck, "");
      for (const std::string& period : rate.periods()) out << RowOf(rate, deck, period);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  out << std::flush;
  if (!out) return absl::UnknownError("the file can't be written");
  notes << "export-rates: the same deck: import-rates FILE " << FlagsOf(deck) << std::endl;
  return absl::OkStatus();
}

}  // namespace reserve::cli
