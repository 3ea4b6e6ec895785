#include "services/ledger/api/rates_service.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "common/clock/calendar.h"
#include "common/clock/utc.h"
#include "common/digest/sha256.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "common/text/utf8.h"
#include "services/ledger/access/access_table.h"
#include "services/ledger/api/deck_import.h"
#include "services/ledger/api/errors.h"
#include "services/ledger/api/page_token.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/emergency.h"
#include "services/ledger/domain/refusals.h"
#include "services/ledger/domain/usage_policy.h"
#include "services/ledger/engine/errors.h"
#include "services/ledger/rates/country_names.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/storage/deck_rows.h"

namespace reserve::api {
namespace {

using rates::DeckHeader;
using rates::DeckSnapshot;
using rates::RateKind;
using rates::RateRow;

constexpr size_t kMaxChunkBytes = 1 << 20;
constexpr size_t kMaxDeckBytes = 64 << 20;
constexpr int kMaxImportsAtOnce = 4;
constexpr int kMaxHolidays = 1000;
constexpr absl::Duration kImportRetryAfter = absl::Seconds(1);
// gRPC drops a call whose trailers are over 8 KiB. The message travels twice, plain
// and in the details, and the details in base64.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxBadRowBytes = 3072;
constexpr size_t kMapEntryBytes = 8;
constexpr size_t kMaxSearchBytes = 64;
constexpr size_t kMaxRowsLookedAt = 20'000;

// --- Import -----------------------------------------------------------------

absl::StatusOr<std::string> SeriesFrom(const std::string& series, absl::string_view field) {
  if (series.empty()) return std::string(domain::kStandardSeries);
  RESERVE_RETURN_IF_ERROR(CheckId(series, field));
  return series;
}

// The zone, its clock as it is known now, holidays and rounding (C11).
absl::Status TakeDeckRules(const pb::RateDeckHeader& message, DeckHeader* header) {
  if (!message.time_zone().empty()) header->time_zone = message.time_zone();
  const std::optional<absl::TimeZone> zone = FindTimeZone(header->time_zone);
  if (!zone.has_value()) {
    return InvalidField("header.time_zone", "must be the IANA name of a time zone");
  }
  header->rules.calendar = domain::CalendarOf(*zone);
  std::vector<absl::CivilDay>& holidays = header->rules.calendar.holidays;
  if (message.holidays_size() > kMaxHolidays) {
    return InvalidField("header.holidays", absl::StrCat("must be at most ", kMaxHolidays));
  }
  for (const std::string& text : message.holidays()) {
    if (!absl::ParseCivilTime(text, &holidays.emplace_back())) {
      return InvalidField("header.holidays", "must be dates like 2026-12-25");
    }
  }
  std::sort(holidays.begin(), holidays.end());
  holidays.erase(std::unique(holidays.begin(), holidays.end()), holidays.end());
  header->rules.periods_by_start = message.periods_by_start();
  header->prices_include_tax = message.prices_include_tax();
  RESERVE_ASSIGN_OR_RETURN(
      header->rules.rounding,
      RoundingFrom(message.rounding(), message.rounding_decimals(), "header.rounding"));
  return absl::OkStatus();
}

absl::StatusOr<DeckHeader> HeaderFrom(const pb::RateDeckHeader& message,
                                      const domain::Settings& settings) {
  DeckHeader header;
  RESERVE_RETURN_IF_ERROR(CheckId(message.name(), "header.name"));
  header.name = message.name();
  RESERVE_ASSIGN_OR_RETURN(header.currency,
                           CurrencyFrom(message.currency_code(), "header.currency_code"));
  RESERVE_ASSIGN_OR_RETURN(header.series, SeriesFrom(message.series(), "header.series"));
  if (message.has_effective_time()) {
    RESERVE_ASSIGN_OR_RETURN(header.effective_time,
                             reserve::FromProto(message.effective_time(), "header.effective_time"));
  }
  if (message.has_standard_rate_ceiling()) {
    RESERVE_ASSIGN_OR_RETURN(header.standard_rate_ceiling,
                             reserve::FromProto(message.standard_rate_ceiling(), header.currency,
                                                "header.standard_rate_ceiling"));
    if (header.standard_rate_ceiling < 0) {
      return InvalidField("header.standard_rate_ceiling", "must not be negative");
    }
  } else {
    const domain::CurrencySettings* known = domain::FindCurrency(settings, header.currency);
    if (known == nullptr) {
      return InvalidField(
          "header.standard_rate_ceiling",
          absl::StrCat("must be set, as there are no settings for ", header.currency));
    }
    header.standard_rate_ceiling = known->standard_rate_ceiling;
  }
  RESERVE_RETURN_IF_ERROR(TakeDeckRules(message, &header));
  const int64_t bytes = message.csv_bytes();
  if (bytes < 0 || bytes > static_cast<int64_t>(kMaxDeckBytes)) {
    return InvalidField("header.csv_bytes", absl::StrCat("must be 0 to ", kMaxDeckBytes));
  }
  return header;
}

// As many of the first bad rows as travel in the trailers of a call; what counts
// them stays.
absl::Status TrimBadRows(const absl::Status& status) {
  if (status.ok()) return status;
  std::vector<std::pair<std::string, std::string>> facts = MetadataOf(status);
  std::sort(facts.begin(), facts.end(), [](const auto& a, const auto& b) {
    return std::make_pair(rates::LineOfKey(a.first), a.first) <
           std::make_pair(rates::LineOfKey(b.first), b.first);
  });
  absl::Status trimmed = MakeError(status.code(), ReasonOf(status), FieldOf(status),
                                   CutUtf8(status.message(), kMaxMessageBytes));
  size_t bytes = 0;
  for (const auto& [key, value] : facts) {
    bytes += key.size() + value.size() + kMapEntryBytes;
    if (bytes > kMaxBadRowBytes) break;
    trimmed = WithMetadata(std::move(trimmed), key, value);
  }
  return trimmed;
}

}  // namespace

// Collects one file and imports it. Finishes once: from a reaction if the upload is
// bad, from End() while it lasts, else from the thread of the pool that ran the import.
class ImportReactor final : public grpc::ServerReadReactor<pb::ImportRateDeckRequest> {
 public:
  ImportReactor(const ApiContext& api, const Doorkeeper* keeper,
                grpc::CallbackServerContext* context, pb::ImportRateDeckResponse* response,
                OpenStreams<ImportReactor>& open, std::atomic<int>& imports)
      : api_(api),
        keeper_(keeper),
        context_(context),
        response_(response),
        open_(open),
        imports_(imports),
        record_(api.metrics, *context, "ImportRateDeck") {
    const bool too_many = imports_.fetch_add(1) >= kMaxImportsAtOnce;
    const absl::Status refusal = open_.Add(this);
    if (!refusal.ok()) {
      End(refusal);
    } else if (too_many) {
      End(engine::Overloaded("imports", kImportRetryAfter));
    } else {
      ReadNext();
    }
  }

  // Ends an upload. What has come as a whole is imported all the same.
  void End(const absl::Status& status) {
    if (Leave(Stage::kReceiving, Stage::kEnded)) Close(status);
  }
  const grpc::CallbackServerContext& context() const { return *context_; }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (Leave(Stage::kReceiving, Stage::kImporting)) StartImport();
      return;
    }
    static constexpr const MethodAccess& kRow =
        RowOf(access::kAccessTable, "/reserve.ledger.v1.Rates/ImportRateDeck");
    absl::Status status = keeper_ == nullptr ? absl::OkStatus() : keeper_->Check(kRow, *context_);
    if (status.ok()) status = Doorkeeper::CheckSize(kRow, request_.ByteSizeLong());
    if (status.ok()) status = TakeMessage();
    if (!status.ok()) return End(status);
    ReadNext();
  }

  // A cancelled upload looks to OnReadDone like a complete one.
  void OnCancel() override { cancelled_ = true; }

  void OnDone() override {
    open_.Remove(this);
    delete this;
  }

 private:
  enum class Stage { kReceiving, kImporting, kEnded };

  // From the one to the other, unless somebody else has left it before.
  bool Leave(Stage from, Stage to) {
    absl::MutexLock lock(&mutex_);
    if (stage_ != from) return false;
    stage_ = to;
    return true;
  }

  void ReadNext() {
    absl::MutexLock lock(&mutex_);
    if (stage_ == Stage::kReceiving) StartRead(&request_);
  }

  absl::Status TakeMessage() {
    switch (request_.part_case()) {
      case pb::ImportRateDeckRequest::kHeader: {
        if (header_.has_value()) return InvalidField("header", "must be sent once");
        RESERVE_ASSIGN_OR_RETURN(header_,
                                 HeaderFrom(request_.header(), api_.engine.options().settings));
        RESERVE_ASSIGN_OR_RETURN(options_, DeckOptionsFrom(request_.header(), *header_));
        RESERVE_RETURN_IF_ERROR(CheckAccepted(request_.header()));
        asked_ = request_.header();
        announced_bytes_ = request_.header().csv_bytes();
        return absl::OkStatus();
      }
      case pb::ImportRateDeckRequest::kCsvChunk:
        return TakeChunk(std::move(*request_.mutable_csv_chunk()));
      default:
        return InvalidField(header_.has_value() ? "csv_chunk" : "header", "must be set");
    }
  }

  absl::Status TakeChunk(std::string chunk) {
    if (!header_.has_value()) return InvalidField("header", "must be the first message");
    if (chunk.size() > kMaxChunkBytes) {
      return InvalidField("csv_chunk", absl::StrCat("must be at most ", kMaxChunkBytes, " bytes"));
    }
    if (csv_bytes_ + chunk.size() > kMaxDeckBytes) {
      return InvalidField(
          "csv_chunk", absl::StrCat("makes the file larger than ", kMaxDeckBytes, " bytes in all"));
    }
    csv_bytes_ += chunk.size();
    // Small ones together: each by itself would cost more than it holds.
    if (!csv_.empty() && csv_.back().size() + chunk.size() <= kMaxChunkBytes) {
      csv_.back() += chunk;
    } else {
      csv_.push_back(std::move(chunk));
    }
    return absl::OkStatus();
  }

  void StartImport() {
    if (!header_.has_value()) return Close(InvalidField("header", "must be the first message"));
    if (announced_bytes_ != 0 && csv_bytes_ != static_cast<size_t>(announced_bytes_)) {
      return Close(InvalidField(
          "header.csv_bytes",
          absl::StrCat("says ", announced_bytes_, " bytes, but ", csv_bytes_, " came")));
    }
    api_.engine.bulk().Submit(
        [this](storage::Connection& connection) { return Import(connection); },
        [this](const absl::Status& status) { Close(TrimBadRows(status)); },
        [this] {
          return cancelled_ || context_->IsCancelled() ? engine::CallerGone() : absl::OkStatus();
        });
  }

  // Reads the file, which is not kept: each piece of it is given back once it is read.
  absl::Status ReadFile() {
    rates::DeckCsvParser parser(options_);
    Sha256Stream digest;
    for (; !csv_.empty(); csv_.pop_front()) {
      digest.Add(csv_.front());
      parser.Feed(csv_.front());
    }
    RESERVE_ASSIGN_OR_RETURN(file_, std::move(parser).Finish());
    // Of the file and of what else says how it is read.
    const std::string options = DigestedOptions(options_);
    header_->content_digest = std::move(digest).Hex();
    if (options.empty()) return absl::OkStatus();
    header_->content_digest = Sha256Hex(absl::StrCat(header_->content_digest, options));
    return absl::OkStatus();
  }

  // Safe to run twice: what was read is kept until it is stored.
  absl::Status Import(storage::Connection& connection) {
    response_->Clear();
    if (!file_.has_value()) RESERVE_RETURN_IF_ERROR(ReadFile());
    rates::DeckFile& file = *file_;
    ToProto(file.understood, response_->mutable_reading());
    DeckHeader header = *header_;
    header.import_time = TruncateToMicros(api_.engine.Now());
    header.rate_count = static_cast<int64_t>(file.rows.size());
    if (!asked_.has_effective_time()) header.effective_time = header.import_time;
    RESERVE_ASSIGN_OR_RETURN(const std::optional<DeckHeader> known,
                             api_.engine.FindImported(connection, header));
    if (known.has_value()) {
      Tell(*known);
      response_->set_already_imported(true);
      return absl::OkStatus();
    }
    // What is done next brings the rows into another order.
    if (!findings_.has_value()) {
      RESERVE_ASSIGN_OR_RETURN(findings_, FindFindings(api_.engine, connection, file, header));
      std::vector<rates::RowSource>().swap(file.sources);
    }
    ToProto(*findings_, asked_, response_);
    if (asked_.validate_only()) {
      RESERVE_RETURN_IF_ERROR(rates::CheckLines(header, &file.rows));
      Tell(header);
      return absl::OkStatus();
    }
    RESERVE_RETURN_IF_ERROR(RefuseFindings(*findings_, asked_));
    // By now a cancellation that ended the upload has been heard of.
    if (cancelled_ || context_->IsCancelled()) return engine::CallerGone();
    RESERVE_ASSIGN_OR_RETURN(
        const engine::Engine::ImportedDeck imported,
        api_.engine.ImportDeck(connection, std::move(header), std::move(file.rows)));
    Tell(imported.header);
    response_->set_already_imported(imported.already_imported);
    return absl::OkStatus();
  }

  void Tell(const DeckHeader& header) {
    ToProto(header, *api_.engine.catalog()->timeline, api_.engine.Now(),
            response_->mutable_rate_deck());
  }

  // Once. Who hears of the end may begin the next import at once, so its place is free before.
  void Close(const absl::Status& status) {
    imports_.fetch_sub(1);
    Finish(record_.End(status));
  }

  const ApiContext api_;
  const Doorkeeper* const keeper_;
  grpc::CallbackServerContext* const context_;
  pb::ImportRateDeckResponse* const response_;
  OpenStreams<ImportReactor>& open_;
  std::atomic<int>& imports_;
  const CallRecord record_;
  absl::Mutex mutex_;
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kReceiving;
  std::atomic<bool> cancelled_ = false;
  pb::ImportRateDeckRequest request_;
  pb::RateDeckHeader asked_;
  std::optional<DeckHeader> header_;
  rates::DeckOptions options_;
  int64_t announced_bytes_ = 0;  // 0: not announced
  size_t csv_bytes_ = 0;
  std::deque<std::string> csv_;  // as it came, until it is read
  std::optional<rates::DeckFile> file_;
  std::optional<std::vector<rates::Finding>> findings_;
};

namespace {

// --- Lists ------------------------------------------------------------------

// Where a list of rates goes on. A deck never changes, so an index stays right; the
// version keeps a list of "the deck in force" on the deck it began with.
struct RateCursor {
  int64_t version = 0;
  size_t index = 0;
};

absl::StatusOr<RateCursor> CursorFrom(const Page& page, int64_t version) {
  if (page.cursor.empty()) return RateCursor{version, 0};
  const std::vector<std::string> parts = absl::StrSplit(page.cursor, ':');
  RateCursor cursor;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &cursor.version) ||
      !absl::SimpleAtoi(parts[1], &cursor.index)) {
    return BadPageToken();
  }
  return cursor;
}

// The deck of that version, or for version 0 the one that is in force.
absl::StatusOr<const DeckSnapshot*> FindDeck(const book::Catalog& catalog,
                                             const pb::ListRatesRequest& request, int64_t version,
                                             absl::Time now) {
  if (version < 0) return InvalidField("deck_version", "must not be negative");
  RESERVE_ASSIGN_OR_RETURN(const std::string currency,
                           CurrencyFrom(request.currency_code(), "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(const std::string series, SeriesFrom(request.series(), "series"));
  absl::Time time = now;
  if (request.has_time()) {
    RESERVE_ASSIGN_OR_RETURN(time, reserve::FromProto(request.time(), "time"));
  }
  const DeckSnapshot* deck =
      version == 0 ? catalog.InForce(currency, series, time) : catalog.decks->ByVersion(version);
  if (deck != nullptr) return deck;
  return engine::RateDeckNotFound(version);
}

// Rows from `begin` to `end` of a snapshot.
struct RowRange {
  size_t begin;
  size_t end;
};

// The rows of a kind whose prefix starts with these digits.
RowRange RowsUnder(const DeckSnapshot& deck, RateKind kind, const std::string& prefix) {
  // ':' follows '9', so this is after every prefix that goes on with a digit.
  return {deck.LowerBound(kind, prefix, ""), deck.LowerBound(kind, prefix + ":", "")};
}

// The rows that would price a number: those of its longest prefix, and while that has lines of
// carriers only, of the next shorter one. In the order of the deck.
std::vector<RowRange> RowsForNumber(const DeckSnapshot& deck, RateKind kind,
                                    const std::string& destination) {
  std::vector<RowRange> ranges;
  const bool short_code = domain::IsShortCode(destination);
  if (short_code != rates::IsShortCodeKind(kind)) return ranges;
  const std::string digits(domain::DigitsOf(destination));
  for (size_t size = std::min(digits.size(), rates::kMaxPrefixDigits); size > 0; --size) {
    const std::string prefix = digits.substr(0, size);
    // A digit and more would follow the prefix: '/' is before '0'.
    const RowRange range{deck.LowerBound(kind, prefix, ""),
                         deck.LowerBound(kind, prefix + "/", "")};
    if (range.begin < range.end) {
      ranges.insert(ranges.begin(), range);
      if (deck.RowAt(range.begin).carrier.empty()) break;
    }
    if (short_code) break;
  }
  return ranges;
}

// What a list asks for.
struct RatesQuery {
  std::optional<domain::NumberCountry> country;
  pb::RateFilter filter = pb::RATE_FILTER_UNSPECIFIED;
  std::string search;       // in lower case
  std::string destination;  // as kept; empty: any
};

absl::StatusOr<RatesQuery> RatesQueryFrom(const domain::Settings& settings,
                                          const pb::ListRatesRequest& request) {
  if (request.kind() != pb::RATE_KIND_UNSPECIFIED && !pb::RateKind_IsValid(request.kind())) {
    return InvalidField("kind", "must be a kind of rate");
  }
  const std::string& prefix = request.prefix();
  const bool digits =
      std::all_of(prefix.begin(), prefix.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || prefix.size() > rates::kMaxPrefixDigits) {
    return InvalidField("prefix",
                        absl::StrCat("must be up to ", rates::kMaxPrefixDigits, " digits"));
  }
  RatesQuery query;
  if (!request.country().empty()) {
    query.country = domain::NumberCountryFrom(absl::AsciiStrToUpper(request.country()));
    if (!query.country.has_value()) query.country = rates::CountryOfName(request.country());
    if (!query.country.has_value()) {
      return InvalidField("country", "must be a country's code of ISO 3166-1 or its name");
    }
  }
  if (!pb::RateFilter_IsValid(request.filter())) return InvalidField("filter", "must be a filter");
  query.filter = request.filter();
  if (request.search().size() > kMaxSearchBytes) {
    return InvalidField("search", absl::StrCat("must be up to ", kMaxSearchBytes, " bytes"));
  }
  query.search = absl::AsciiStrToLower(request.search());
  if (!request.number().empty()) {
    const std::optional<std::string> destination =
        domain::DestinationFrom(settings, request.number());
    if (!destination.has_value()) {
      return InvalidField("number", "must be E.164, like +14155550123, or a short code");
    }
    query.destination = *destination;
  }
  return query;
}

bool Matches(const RatesQuery& query, const RateRow& row, bool standard) {
  if (query.country.has_value()) {
    const bool said = row.country != domain::NumberCountry::kUnknown;
    const domain::NumberCountry country = said ? row.country
                                          : rates::IsShortCodeKind(row.kind)
                                              ? domain::NumberCountry::kUnknown
                                              : domain::CountryOfNumber(row.prefix);
    if (country != *query.country) return false;
  }
  if (query.filter != pb::RATE_FILTER_UNSPECIFIED) {
    if (rates::IsTextKind(row.kind)) return false;
    if (standard != (query.filter == pb::RATE_FILTER_STANDARD)) return false;
  }
  return query.search.empty() ||
         absl::StrContains(absl::AsciiStrToLower(row.destination_name), query.search);
}

std::vector<RowRange> RangesOf(const DeckSnapshot& deck, const pb::ListRatesRequest& request,
                               const RatesQuery& query) {
  std::vector<RowRange> ranges;
  for (const RateKind kind : rates::kRateKinds) {
    const bool wanted = request.kind() == pb::RATE_KIND_UNSPECIFIED ||
                        static_cast<int>(request.kind()) == static_cast<int>(kind);
    if (!wanted) continue;
    if (query.destination.empty()) {
      ranges.push_back(RowsUnder(deck, kind, request.prefix()));
      continue;
    }
    for (const RowRange& range : RowsForNumber(deck, kind, query.destination)) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

absl::StatusOr<Page> PageOf(const pb::ListRatesRequest& request) {
  return PageFrom(request, {"ListRates", absl::StrCat(request.deck_version()),
                            absl::StrCat(static_cast<int>(request.kind())), request.prefix(),
                            request.currency_code(), request.time().SerializeAsString(),
                            request.country(), absl::StrCat(static_cast<int>(request.filter())),
                            request.search(), request.number(), request.series()});
}

absl::Status FillRates(const book::Catalog& catalog, const domain::Settings& settings,
                       absl::Time now, const pb::ListRatesRequest& request,
                       pb::ListRatesResponse* response) {
  RESERVE_ASSIGN_OR_RETURN(const RatesQuery query, RatesQueryFrom(settings, request));
  RESERVE_ASSIGN_OR_RETURN(const Page page, PageOf(request));
  RESERVE_ASSIGN_OR_RETURN(const RateCursor cursor, CursorFrom(page, request.deck_version()));
  RESERVE_ASSIGN_OR_RETURN(const DeckSnapshot* deck,
                           FindDeck(catalog, request, cursor.version, now));
  const DeckHeader& header = deck->header();
  response->set_deck_version(header.version);
  // Of a large deck little may match: a page looks at so many rows, and may be short.
  size_t looked_at = 0;
  PageFill fill(page);
  for (const RowRange& range : RangesOf(*deck, request, query)) {
    for (size_t i = std::max(range.begin, cursor.index); i < range.end; ++i) {
      if (fill.full() || ++looked_at > kMaxRowsLookedAt) {
        response->set_next_page_token(
            EncodePageToken(page.query_digest, absl::StrCat(header.version, ":", i)));
        return absl::OkStatus();
      }
      const RateRow row = deck->RowAt(i);
      const bool standard = deck->IsStandardAt(i);
      if (!Matches(query, row, standard)) continue;
      pb::Rate* rate = response->add_rates();
      ToProto(row, header.currency, rate);
      rate->set_standard_rate(standard);
      fill.AddNewOf(*response);
    }
  }
  return absl::OkStatus();
}

// --- Quotes -----------------------------------------------------------------

// What a quote is asked for: the usage, and the deck in force at its start.
struct Quote {
  domain::Usage usage;
  std::string currency;
  const DeckSnapshot* deck = nullptr;  // null if none is in force
};

template <typename Request>
absl::Status FillQuote(const book::Catalog& catalog, const Request& request, absl::Time now,
                       Quote* quote) {
  quote->usage.start_time = now;
  if (request.has_start_time()) {
    RESERVE_ASSIGN_OR_RETURN(quote->usage.start_time,
                             reserve::FromProto(request.start_time(), "start_time"));
  }
  RESERVE_ASSIGN_OR_RETURN(quote->currency, CurrencyFrom(request.currency_code(), "currency_code"));
  RESERVE_ASSIGN_OR_RETURN(const std::string series, SeriesFrom(request.series(), "series"));
  quote->deck = catalog.InForce(quote->currency, series, quote->usage.start_time);
  return absl::OkStatus();
}

absl::Status NoRate(const Quote& quote, absl::string_view field) {
  const std::string message =
      quote.deck == nullptr
          ? absl::StrCat("no ", quote.currency, " rate deck is in force at the start")
          : absl::StrCat("the rate deck in force at the start has no price for ",
                         domain::DialledForm(quote.usage.destination));
  return NoRateToQuote(field, message);
}

absl::Status FillCallQuote(const book::Catalog& catalog, const domain::Settings& settings,
                           absl::Time now, const pb::QuoteCallRequest& request,
                           pb::QuoteCallResponse* response) {
  Quote quote;
  RESERVE_RETURN_IF_ERROR(CallFrom(settings, request.call(), &quote.usage));
  RESERVE_RETURN_IF_ERROR(domain::CheckDuration(settings, quote.usage.duration));
  RESERVE_RETURN_IF_ERROR(FillQuote(catalog, request, now, &quote));
  const domain::Usage& usage = quote.usage;
  if (domain::IsEmergencyForAll(settings, usage)) {
    reserve::ToProto(0, quote.currency, response->mutable_cost());
    return absl::OkStatus();
  }
  const std::optional<domain::Rate> rate = book::FindRateOf(quote.deck, usage);
  const bool inbound = usage.direction == domain::Direction::kInbound;
  if (!rate.has_value()) {
    if (!inbound) return NoRate(quote, "call.destination");
    reserve::ToProto(0, quote.currency, response->mutable_cost());
    return absl::OkStatus();
  }
  // Of a plan without any free seconds.
  RESERVE_ASSIGN_OR_RETURN(
      const domain::Rating rating,
      domain::RateUsage(usage, domain::Plan(), domain::User(), /*period=*/0, &*rate));
  ToProto(quote.deck->RowOf(*rate), quote.currency, response->mutable_rate());
  response->mutable_rate()->set_standard_rate(rate->standard_rate);
  response->set_deck_version(rate->deck_version);
  response->set_standard_rate(rate->standard_rate);
  response->set_blocked(rate->blocked);
  reserve::ToProto(absl::Seconds(rating.billable_seconds), response->mutable_billable_duration());
  reserve::ToProto(rating.cost, quote.currency, response->mutable_cost());
  if (const auto terms = domain::PricedTermsFrom(rating.terms); terms && !rating.terms.empty()) {
    ToProto(*terms, rating.connect_fee, quote.currency, response->mutable_priced_terms());
  }
  return absl::OkStatus();
}

absl::Status FillSmsQuote(const book::Catalog& catalog, const domain::Settings& settings,
                          absl::Time now, const pb::QuoteSmsRequest& request,
                          pb::QuoteSmsResponse* response) {
  Quote quote;
  RESERVE_RETURN_IF_ERROR(SmsFrom(settings, request.sms(), &quote.usage));
  RESERVE_RETURN_IF_ERROR(FillQuote(catalog, request, now, &quote));
  const domain::Usage& usage = quote.usage;
  response->set_segments(usage.segments);
  if (usage.direction == domain::Direction::kInbound) {
    reserve::ToProto(0, quote.currency, response->mutable_cost());
    return absl::OkStatus();
  }
  const std::optional<domain::Rate> rate = book::FindRateOf(quote.deck, usage);
  if (!rate.has_value()) return NoRate(quote, "sms.destination");
  if (rate->unpriced) return domain::DestinationBlocked("sms.destination", usage.destination);
  RESERVE_ASSIGN_OR_RETURN(const Nanos cost, domain::CostOfText(*rate, usage.segments));
  ToProto(quote.deck->RowOf(*rate), quote.currency, response->mutable_rate());
  response->set_carrier_unknown(rate->default_carrier);
  response->set_deck_version(rate->deck_version);
  reserve::ToProto(cost, quote.currency, response->mutable_cost());
  return absl::OkStatus();
}

}  // namespace

void RatesService::EndStreams() {
  reratings_.EndAll();
  uploads_.EndAll();
}

void RatesService::EndRefusedStreams(const Doorkeeper& keeper) {
  static constexpr const MethodAccess& kRow =
      RowOf(access::kAccessTable, "/reserve.ledger.v1.Rates/ImportRateDeck");
  reratings_.EndRefused(keeper);
  uploads_.EndRefused(keeper, kRow);
}

grpc::ServerReadReactor<pb::ImportRateDeckRequest>* RatesService::ImportRateDeck(
    grpc::CallbackServerContext* context, pb::ImportRateDeckResponse* response) {
  return new ImportReactor(api_, keeper_, context, response, uploads_, imports_);
}

namespace {

// Answers a call from the decks: at once, or where the deck that it needs is left out, when that is
// loaded. `needs` answers the version of that deck, 0 for none.
grpc::ServerUnaryReactor* AnswerFromDecks(const ApiContext& api,
                                          grpc::CallbackServerContext* context, const char* method,
                                          const std::function<int64_t(const book::Catalog&)>& needs,
                                          std::function<absl::Status(const book::Catalog&)> fill) {
  const auto catalog = api.engine.catalog();
  const int64_t version = needs(*catalog);
  if (version == 0) return FinishNow(api, context, method, fill(*catalog));
  return StartQueryIn(api.engine.bulk(), api, context, method,
                      [&engine = api.engine, version,
                       fill = std::move(fill)](storage::Connection& connection) -> absl::Status {
                        RESERVE_ASSIGN_OR_RETURN(const auto with_deck,
                                                 engine.CatalogWithDeck(connection, version));
                        return fill(*with_deck);
                      });
}

// The deck in force at a time that a request gives, else now, if it is left out. A request that
// makes no sense is refused without any.
int64_t LeftOutAt(const book::Catalog& catalog, const std::string& currency_code,
                  const std::string& series_name, const google::protobuf::Timestamp* time,
                  absl::Time now) {
  absl::StatusOr<absl::Time> at = now;
  if (time != nullptr) at = reserve::FromProto(*time, "time");
  const auto currency = CurrencyFrom(currency_code, "currency_code");
  const auto series = SeriesFrom(series_name, "series");
  if (!at.ok() || !currency.ok() || !series.ok()) return 0;
  return catalog.LeftOutAt(*currency, *series, *at);
}

// That of a quote.
template <typename Request>
int64_t LeftOutOfQuote(const book::Catalog& catalog, const Request& request, absl::Time now) {
  return LeftOutAt(catalog, request.currency_code(), request.series(),
                   request.has_start_time() ? &request.start_time() : nullptr, now);
}

// That of a list; of its later pages the one that it began with.
int64_t LeftOutOfList(const book::Catalog& catalog, const pb::ListRatesRequest& request,
                      absl::Time now) {
  const absl::StatusOr<Page> page = PageOf(request);
  if (!page.ok()) return 0;
  const absl::StatusOr<RateCursor> cursor = CursorFrom(*page, request.deck_version());
  if (!cursor.ok()) return 0;
  if (cursor->version == 0) {
    return LeftOutAt(catalog, request.currency_code(), request.series(),
                     request.has_time() ? &request.time() : nullptr, now);
  }
  const bool is_known = catalog.FindHeader(cursor->version) != nullptr;
  return is_known && catalog.decks->ByVersion(cursor->version) == nullptr ? cursor->version : 0;
}

}  // namespace

grpc::ServerUnaryReactor* RatesService::ListRates(grpc::CallbackServerContext* context,
                                                  const pb::ListRatesRequest* request,
                                                  pb::ListRatesResponse* response) {
  const absl::Time now = api_.engine.Now();
  return AnswerFromDecks(
      api_, context, "ListRates",
      [&](const book::Catalog& catalog) { return LeftOutOfList(catalog, *request, now); },
      [=, this](const book::Catalog& catalog) {
        response->Clear();
        return FillRates(catalog, api_.engine.options().settings, now, *request, response);
      });
}

grpc::ServerUnaryReactor* RatesService::QuoteCall(grpc::CallbackServerContext* context,
                                                  const pb::QuoteCallRequest* request,
                                                  pb::QuoteCallResponse* response) {
  const absl::Time now = api_.engine.Now();
  return AnswerFromDecks(
      api_, context, "QuoteCall",
      [&](const book::Catalog& catalog) { return LeftOutOfQuote(catalog, *request, now); },
      [=, this](const book::Catalog& catalog) {
        response->Clear();
        return FillCallQuote(catalog, api_.engine.options().settings, now, *request, response);
      });
}

grpc::ServerUnaryReactor* RatesService::QuoteSms(grpc::CallbackServerContext* context,
                                                 const pb::QuoteSmsRequest* request,
                                                 pb::QuoteSmsResponse* response) {
  const absl::Time now = api_.engine.Now();
  return AnswerFromDecks(
      api_, context, "QuoteSms",
      [&](const book::Catalog& catalog) { return LeftOutOfQuote(catalog, *request, now); },
      [=, this](const book::Catalog& catalog) {
        response->Clear();
        return FillSmsQuote(catalog, api_.engine.options().settings, now, *request, response);
      });
}

}  // namespace reserve::api
