#include "services/ledger/cli/rate_decks.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/digest/random_key.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "services/ledger/cli/json_text.h"
#include "services/ledger/cli/message_text.h"

namespace reserve::cli {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(2);
constexpr int kMaxTries = 5;
constexpr int kShownLines = 5;
constexpr int kJsonLines = 1000;
constexpr absl::Duration kPauseBetweenTries = absl::Seconds(1);

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
}

std::string TextOf(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", TimeOf(time), absl::UTCTimeZone());
}

// "in force", "superseded".
std::string TextOf(pb::RateDeckState state) {
  const std::string name = pb::RateDeckState_Name(state);
  std::string text = absl::AsciiStrToLower(
      name.substr(std::min(name.size(), absl::string_view("RATE_DECK_STATE_").size())));
  for (char& c : text) {
    if (c == '_') c = ' ';
  }
  return text;
}

std::string InForceText(pb::RateDeckState state, const google::protobuf::Timestamp& from) {
  switch (state) {
    case pb::RATE_DECK_STATE_IN_FORCE:
      return absl::StrCat("in force from ", TextOf(from));
    case pb::RATE_DECK_STATE_SCHEDULED:
      return absl::StrCat("scheduled to be in force from ", TextOf(from));
    case pb::RATE_DECK_STATE_SUPERSEDED:
      return absl::StrCat("in force from ", TextOf(from), ", until another took its place");
    default:
      return TextOf(state);
  }
}

std::string RandomId() {
  const Key256 random = RandomKey();
  return absl::BytesToHexString(absl::string_view(random.data(), 16));
}

absl::StatusOr<pb::ListRateDeckActivationsResponse> ActivationsOf(pb::Rates::Stub& stub,
                                                                  int64_t deck_version) {
  pb::ListRateDeckActivationsResponse all;
  pb::ListRateDeckActivationsRequest request;
  request.set_deck_version(deck_version);
  do {
    pb::ListRateDeckActivationsResponse response;
    grpc::ClientContext context;
    SetDeadline(&context);
    RESERVE_RETURN_IF_ERROR(
        FromGrpcStatus(stub.ListRateDeckActivations(&context, request, &response)));
    all.mutable_activations()->MergeFrom(response.activations());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

void PrintActivations(const pb::ListRateDeckActivationsResponse& activations, std::ostream& out) {
  for (const pb::RateDeckActivation& each : activations.activations()) {
    out << "  from " << TextOf(each.effective_time());
    if (each.has_end_time()) out << " until " << TextOf(each.end_time());
    out << ": " << TextOf(each.state()) << (each.backdated() ? ", backdated" : "") << " ("
        << each.reason() << (each.actor().empty() ? "" : ", ") << each.actor() << ")\n";
  }
}

std::string AmountOf(const google::type::Money& money) {
  const absl::StatusOr<Nanos> amount = FromProto(money, money.currency_code(), "");
  return amount.ok() ? FormatDecimal(*amount) : "?";
}

void PrintChange(const pb::RateChange& change, std::ostream& out) {
  const pb::Rate& line = change.has_after() ? change.after() : change.before();
  out << "  " << line.prefix() << (line.carrier().empty() ? "" : " ") << line.carrier()
      << (line.destination_name().empty() ? "" : " ") << line.destination_name() << ": ";
  if (change.has_before()) out << AmountOf(change.before().price());
  if (change.has_before() && change.has_after()) out << " -> ";
  if (change.has_after()) out << AmountOf(change.after().price());
  if (change.crosses_ceiling()) {
    out << (change.after().standard_rate() ? ", becomes a standard rate"
                                           : ", is no standard rate any more");
  }
  out << "\n";
}

absl::StatusOr<pb::CompareRateDecksResponse> Compare(pb::Rates::Stub& stub,
                                                     const pb::CompareRateDecksRequest& request) {
  pb::CompareRateDecksResponse response;
  grpc::ClientContext context;
  SetDeadline(&context);
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub.CompareRateDecks(&context, request, &response)));
  return response;
}

// The first lines of a sort.
absl::Status PrintSome(pb::Rates::Stub& stub, pb::CompareRateDecksRequest request, int64_t count,
                       absl::string_view what, std::ostream& out) {
  out << count << " " << what << "\n";
  if (count == 0) return absl::OkStatus();
  request.set_page_size(kShownLines);
  RESERVE_ASSIGN_OR_RETURN(const pb::CompareRateDecksResponse page, Compare(stub, request));
  for (const pb::RateChange& change : page.changes()) PrintChange(change, out);
  if (!page.next_page_token().empty()) out << "  ...\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status CompareRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                          int64_t base_version, bool json, std::ostream& out) {
  const auto stub = pb::Rates::NewStub(channel);
  pb::CompareRateDecksRequest request;
  request.set_deck_version(deck_version);
  request.set_base_deck_version(base_version);
  // For JSON the first page of the changes as well; `next_page_token` says that there are more.
  request.set_page_size(json ? kJsonLines : 1);
  RESERVE_ASSIGN_OR_RETURN(const pb::CompareRateDecksResponse all, Compare(*stub, request));
  if (json) {
    out << JsonOf(all) << std::endl;
    return absl::OkStatus();
  }
  request.set_page_size(1);
  request.set_base_deck_version(all.base_deck_version());
  out << "compare-rates: version " << deck_version << " with version " << all.base_deck_version()
      << ": " << all.unchanged_count() << " lines cost the same\n";
  const auto print = [&](pb::RateChangeKind kind, int64_t count, absl::string_view what) {
    pb::CompareRateDecksRequest of_kind = request;
    of_kind.set_kind(kind);
    return PrintSome(*stub, of_kind, count, what, out);
  };
  RESERVE_RETURN_IF_ERROR(print(pb::RATE_CHANGE_KIND_ADDED, all.added_count(), "added"));
  RESERVE_RETURN_IF_ERROR(print(pb::RATE_CHANGE_KIND_REMOVED, all.removed_count(), "removed"));
  RESERVE_RETURN_IF_ERROR(print(pb::RATE_CHANGE_KIND_DEARER, all.dearer_count(), "dearer"));
  RESERVE_RETURN_IF_ERROR(print(pb::RATE_CHANGE_KIND_CHEAPER, all.cheaper_count(), "cheaper"));
  RESERVE_RETURN_IF_ERROR(
      print(pb::RATE_CHANGE_KIND_OTHER, all.other_count(), "changed otherwise"));
  request.set_only_crossing(true);
  RESERVE_RETURN_IF_ERROR(PrintSome(*stub, request,
                                    all.becomes_standard_count() + all.ceases_standard_count(),
                                    "cross the standard-rate ceiling", out));
  const pb::RecentUsageCost& usage = all.recent_usage();
  out << "recent usage (" << usage.usage_count() << " from " << usage.first_day() << " to "
      << usage.last_day() << ", at list prices): " << AmountOf(usage.cost_before()) << " -> "
      << (usage.about_count() > 0 ? "about " : "") << AmountOf(usage.cost());
  if (usage.about_count() > 0) {
    out << " (exact but for " << usage.about_count() << " whose increments or steps change)";
  }
  if (usage.without_price_count() > 0) {
    out << "; " << usage.without_price_count() << " would have no price";
  }
  out << std::endl;
  return absl::OkStatus();
}

std::string InForceText(const pb::RateDeck& deck) {
  return InForceText(deck.state(), deck.effective_time());
}

std::string InForceText(const pb::RateDeckActivation& activation) {
  return InForceText(activation.state(), activation.effective_time());
}

absl::StatusOr<std::optional<absl::Time>> EffectiveTimeFrom(const std::string& text) {
  if (text.empty()) return std::nullopt;
  absl::Time time;
  std::string problem;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &problem) ||
      time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
    return InvalidField(
        "--effective_time",
        absl::StrCat("\"", text, "\" is not a time of RFC 3339, like 2026-01-31T00:00:00Z"));
  }
  return time;
}

absl::StatusOr<pb::RateDeckActivation> SendActivation(pb::Rates::Stub& stub,
                                                      pb::ActivateRateDeckRequest request) {
  request.set_request_id(RandomId());
  absl::Status sent;
  for (int tries = 0; tries < kMaxTries; ++tries) {
    if (tries > 0) absl::SleepFor(kPauseBetweenTries);
    pb::RateDeckActivation activation;
    grpc::ClientContext context;
    SetDeadline(&context);
    sent = FromGrpcStatus(stub.ActivateRateDeck(&context, request, &activation));
    if (sent.ok()) return activation;
    if (!absl::IsUnavailable(sent)) break;
  }
  return sent;
}

absl::Status ListRateDecks(const std::shared_ptr<grpc::Channel>& channel, bool json,
                           std::ostream& out) {
  const auto stub = pb::Rates::NewStub(channel);
  pb::ListRateDecksRequest request;
  std::vector<std::string> as_json;
  do {
    pb::ListRateDecksResponse response;
    grpc::ClientContext context;
    SetDeadline(&context);
    RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub->ListRateDecks(&context, request, &response)));
    for (const pb::RateDeck& deck : response.rate_decks()) {
      RESERVE_ASSIGN_OR_RETURN(const pb::ListRateDeckActivationsResponse activations,
                               ActivationsOf(*stub, deck.version()));
      if (json) {
        as_json.push_back(absl::StrCat("{\"rateDeck\":", JsonOf(deck),
                                       ",\"timeline\":", JsonOf(activations), "}"));
        continue;
      }
      out << deck.version() << " \"" << deck.name() << "\" " << deck.currency_code() << " "
          << deck.series() << ", " << deck.rate_count()
          << (deck.rate_count() == 1 ? " rate: " : " rates: ") << TextOf(deck.state()) << "\n";
      PrintActivations(activations, out);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (json) out << "{\"rateDecks\":[" << absl::StrJoin(as_json, ",") << "]}\n";
  out << std::flush;
  return absl::OkStatus();
}

absl::Status ActivateRates(const std::shared_ptr<grpc::Channel>& channel,
                           const ActivateRatesOptions& options, std::ostream& out) {
  const auto stub = pb::Rates::NewStub(channel);
  pb::ActivateRateDeckRequest request;
  request.set_deck_version(options.deck_version);
  RESERVE_ASSIGN_OR_RETURN(const std::optional<absl::Time> effective,
                           EffectiveTimeFrom(options.effective_time));
  if (effective.has_value()) ToProto(*effective, request.mutable_effective_time());
  request.set_backdate(options.backdate);
  request.set_validate_only(options.dry_run);
  request.set_reason(options.reason.empty() ? "activate-rates" : options.reason);
  RESERVE_ASSIGN_OR_RETURN(const pb::RateDeckActivation activation, SendActivation(*stub, request));
  out << "activate-rates: version " << activation.deck_version() << " ("
      << activation.currency_code() << " " << activation.series() << ") "
      << (options.dry_run ? "would be " : "is ") << InForceText(activation) << std::endl;
  return absl::OkStatus();
}

absl::Status RetireRates(const std::shared_ptr<grpc::Channel>& channel, int64_t deck_version,
                         bool dry_run, std::ostream& out) {
  const auto stub = pb::Rates::NewStub(channel);
  pb::RetireRateDeckRequest request;
  request.set_deck_version(deck_version);
  request.set_reason("retire-rates");
  request.set_validate_only(dry_run);
  pb::RateDeck deck;
  grpc::ClientContext context;
  SetDeadline(&context);
  RESERVE_RETURN_IF_ERROR(FromGrpcStatus(stub->RetireRateDeck(&context, request, &deck)));
  out << "retire-rates: version " << deck.version() << " \"" << deck.name() << "\" "
      << (dry_run ? "can be retired" : "is retired") << std::endl;
  return absl::OkStatus();
}

}  // namespace reserve::cli
