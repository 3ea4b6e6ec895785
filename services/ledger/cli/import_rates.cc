#include "services/ledger/cli/import_rates.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/starter_deck.h"

namespace reserve::cli {
namespace {

namespace pb = ::reserve::ledger::v1;

constexpr size_t kChunkBytes = 256 << 10;
constexpr absl::Duration kDeadline = absl::Minutes(10);
constexpr absl::Duration kProgressInterval = absl::Seconds(1);
constexpr absl::string_view kStarterEffectiveTime = "2015-01-01T00:00:00Z";
constexpr double kBytesPerMebibyte = 1 << 20;

absl::StatusOr<std::string> ReadDeck(const ImportRatesOptions& options) {
  if (options.starter) return std::string(rates::StarterDeckCsv());
  std::ifstream in(options.file, std::ios::binary);
  std::ostringstream text;
  if (!in || std::filesystem::is_directory(options.file)) {
    return InvalidField("FILE", absl::StrCat("\"", options.file, "\" can't be read"));
  }
  // An empty file is the ledger's to refuse; to a stream it is a failure.
  if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!text || in.bad()) {
    return InvalidField("FILE", absl::StrCat("\"", options.file, "\" can't be read"));
  }
  return std::move(text).str();
}

std::string NameOf(const ImportRatesOptions& options) {
  if (!options.name.empty()) return options.name;
  if (options.starter) return std::string(rates::kStarterDeckName);
  return std::filesystem::path(options.file).stem().string();
}

// "up/2".
absl::Status TakeRounding(absl::string_view text, pb::RateDeckHeader* header) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  int32_t decimals = 0;
  const bool has_place = absl::SimpleAtoi(parts.second, &decimals);
  if (parts.first == "half_up") {
    header->set_rounding(pb::ROUNDING_HALF_UP);
  } else if (parts.first == "up") {
    header->set_rounding(pb::ROUNDING_UP);
  } else if (parts.first == "half_even") {
    header->set_rounding(pb::ROUNDING_HALF_EVEN);
  }
  if (!has_place || header->rounding() == pb::ROUNDING_UNSPECIFIED) {
    return InvalidField("--rounding", "must be half_up, up or half_even, and decimals: up/2");
  }
  header->set_rounding_decimals(decimals);
  return absl::OkStatus();
}

// What the file does not say of how its lines are read.
absl::Status TakeDeckOptions(const ImportRatesOptions& options, pb::RateDeckHeader* header) {
  header->set_time_zone(options.time_zone);
  if (options.periods == "start") {
    header->set_periods_by_start(true);
  } else if (!options.periods.empty() && options.periods != "split") {
    return InvalidField("--periods", "must be start or split");
  }
  for (const std::string& holiday : options.holidays) header->add_holidays(holiday);
  header->set_prices_include_tax(options.prices_include_tax);
  return options.rounding.empty() ? absl::OkStatus() : TakeRounding(options.rounding, header);
}

absl::StatusOr<pb::RateDeckHeader> HeaderFrom(const ImportRatesOptions& options, size_t csv_bytes) {
  pb::RateDeckHeader header;
  header.set_name(NameOf(options));
  header.set_currency_code(options.currency);
  header.set_csv_bytes(static_cast<int64_t>(csv_bytes));
  std::string text = options.effective_time;
  if (text.empty() && options.starter) text = std::string(kStarterEffectiveTime);
  if (!text.empty()) {
    absl::Time time;
    std::string problem;
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &problem) ||
        time == absl::InfiniteFuture() || time == absl::InfinitePast()) {
      return InvalidField("--effective_time", absl::StrCat("\"", text,
                                                           "\" is not a time of RFC 3339, like "
                                                           "2026-01-31T00:00:00Z"));
    }
    ToProto(time, header.mutable_effective_time());
  }
  if (!options.standard_rate_ceiling.empty()) {
    const absl::StatusOr<Nanos> ceiling = ParseDecimal(options.standard_rate_ceiling);
    if (!ceiling.ok()) {
      return InvalidField("--standard_rate_ceiling", ceiling.status().message());
    }
    ToProto(*ceiling, options.currency.empty() ? "USD" : options.currency,
            header.mutable_standard_rate_ceiling());
  }
  RESERVE_RETURN_IF_ERROR(TakeDeckOptions(options, &header));
  return header;
}

// Sends the header and the file. False if the ledger wants no more of it.
bool Send(grpc::ClientWriter<pb::ImportRateDeckRequest>& writer, const pb::RateDeckHeader& header,
          absl::string_view csv, std::ostream& out) {
  pb::ImportRateDeckRequest request;
  *request.mutable_header() = header;
  if (!writer.Write(request)) return false;
  Moment last_progress = MonotonicNow();
  for (size_t sent = 0; sent < csv.size();) {
    request.set_csv_chunk(std::string(csv.substr(sent, kChunkBytes)));
    if (!writer.Write(request)) return false;
    sent = std::min(sent + kChunkBytes, csv.size());
    if (MonotonicNow() - last_progress < kProgressInterval) continue;
    last_progress = MonotonicNow();
    out << absl::StrFormat("import-rates: sent %.1f of %.1f MiB", sent / kBytesPerMebibyte,
                           csv.size() / kBytesPerMebibyte)
        << std::endl;
  }
  return writer.WritesDone();
}

// Shows each bad line that the refusal names, in their order.
void PrintBadLines(const absl::Status& refusal, std::ostream& out) {
  std::map<int64_t, std::string> problems;
  int64_t bad_rows = 0;
  for (const auto& [key, value] : MetadataOf(refusal)) {
    if (const std::optional<int64_t> line = rates::LineOfKey(key)) {
      problems[*line] = value;
    } else if (key == rates::kBadRowCountKey) {
      if (!absl::SimpleAtoi(value, &bad_rows)) bad_rows = 0;
    }
  }
  for (const auto& [line, problem] : problems) out << "line " << line << ": " << problem << "\n";
  const int64_t hidden = bad_rows - static_cast<int64_t>(problems.size());
  if (hidden > 0) out << "and " << hidden << " more bad rows\n";
  out << std::flush;
}

void PrintImported(const pb::ImportRateDeckResponse& response, std::ostream& out) {
  const pb::RateDeck& deck = response.rate_deck();
  const absl::Time effective = absl::FromUnixSeconds(deck.effective_time().seconds()) +
                               absl::Nanoseconds(deck.effective_time().nanos());
  out << "import-rates: \"" << deck.name() << "\" "
      << (response.already_imported() ? "is there already as" : "is now") << " version "
      << deck.version() << ": " << deck.rate_count() << " rates in " << deck.currency_code()
      << ", in force from "
      << absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", effective, absl::UTCTimeZone()) << std::endl;
}

}  // namespace

absl::Status ImportRates(const ImportRatesOptions& options, std::ostream& out) {
  RESERVE_ASSIGN_OR_RETURN(const std::string csv, ReadDeck(options));
  RESERVE_ASSIGN_OR_RETURN(const pb::RateDeckHeader header, HeaderFrom(options, csv.size()));
  RESERVE_ASSIGN_OR_RETURN(const auto channel, MakeChannel(options.ledger, options.channel));
  const auto stub = pb::Rates::NewStub(channel);

  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  pb::ImportRateDeckResponse response;
  const auto writer = stub->ImportRateDeck(&context, &response);
  // Whatever cut the upload short is told by the call's status.
  Send(*writer, header, csv, out);
  const absl::Status status = FromGrpcStatus(writer->Finish());
  if (!status.ok()) {
    PrintBadLines(status, out);
    return status;
  }
  PrintImported(response, out);
  return absl::OkStatus();
}

}  // namespace reserve::cli
