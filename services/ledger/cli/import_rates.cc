#include "services/ledger/cli/import_rates.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/rpc/conversions.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "reserve/ledger/v1/rates.grpc.pb.h"
#include "services/ledger/cli/message_text.h"
#include "services/ledger/cli/progress_bar.h"
#include "services/ledger/cli/rate_decks.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/starter_deck.h"

namespace reserve::cli {
namespace {

constexpr size_t kChunkBytes = 256 << 10;
constexpr absl::Duration kDeadline = absl::Minutes(10);
constexpr absl::string_view kStarterEffectiveTime = "2015-01-01T00:00:00Z";

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

// How the file is to be read, and what may be strange about it.
absl::Status AddReading(const ImportRatesOptions& options, pb::RateDeckHeader* header) {
  header->set_validate_only(options.dry_run);
  for (const std::string& code : options.accept) {
    pb::RateDeckFindingCode value;
    if (!pb::RateDeckFindingCode_Parse(absl::StrCat("RATE_DECK_FINDING_CODE_", code), &value)) {
      return InvalidField("--accept", absl::StrCat("\"", code, "\" is no code of a finding"));
    }
    header->add_accept(value);
  }
  header->set_date_format(options.date_format);
  header->set_decimal_mark(options.decimal_mark);
  for (const std::string& name : options.ignore_columns) header->add_ignored_columns(name);
  if (options.kind.empty()) return absl::OkStatus();
  for (const rates::RateKind kind : rates::kRateKinds) {
    if (options.kind != rates::RateKindName(kind)) continue;
    header->set_default_kind(static_cast<pb::RateKind>(kind));
    return absl::OkStatus();
  }
  return InvalidField("--kind", absl::StrCat("\"", options.kind, "\" is no kind of rate"));
}

absl::StatusOr<std::optional<absl::Time>> EffectiveTimeOf(const ImportRatesOptions& options) {
  const bool of_starter = options.effective_time.empty() && options.starter;
  return EffectiveTimeFrom(of_starter ? std::string(kStarterEffectiveTime)
                                      : options.effective_time);
}

absl::StatusOr<pb::RateDeckHeader> HeaderFrom(const ImportRatesOptions& options, size_t csv_bytes) {
  pb::RateDeckHeader header;
  header.set_name(NameOf(options));
  header.set_currency_code(options.currency);
  header.set_csv_bytes(static_cast<int64_t>(csv_bytes));
  header.set_series(options.series);
  RESERVE_ASSIGN_OR_RETURN(const std::optional<absl::Time> effective, EffectiveTimeOf(options));
  if (effective.has_value()) ToProto(*effective, header.mutable_effective_time());
  if (!options.standard_rate_ceiling.empty()) {
    const absl::StatusOr<Nanos> ceiling = ParseDecimal(options.standard_rate_ceiling);
    if (!ceiling.ok()) {
      return InvalidField("--standard_rate_ceiling", ceiling.status().message());
    }
    ToProto(*ceiling, options.currency.empty() ? "USD" : options.currency,
            header.mutable_standard_rate_ceiling());
  }
  RESERVE_RETURN_IF_ERROR(TakeDeckOptions(options, &header));
  RESERVE_RETURN_IF_ERROR(AddReading(options, &header));
  return header;
}

// Sends the header and the file. False if the ledger wants no more of it.
bool Send(grpc::ClientWriter<pb::ImportRateDeckRequest>& writer, const pb::RateDeckHeader& header,
          absl::string_view csv, ProgressBar& progress) {
  pb::ImportRateDeckRequest request;
  *request.mutable_header() = header;
  if (!writer.Write(request)) return false;
  for (size_t sent = 0; sent < csv.size();) {
    request.set_csv_chunk(std::string(csv.substr(sent, kChunkBytes)));
    if (!writer.Write(request)) return false;
    sent = std::min(sent + kChunkBytes, csv.size());
    progress.Sent(sent, csv.size());
  }
  return writer.WritesDone();
}

// Shows each fault or finding that the refusal names, in the order of lines.
void PrintRefusal(const absl::Status& refusal, std::ostream& out) {
  std::map<int64_t, std::string> problems;
  std::set<std::string> codes;
  int64_t bad_rows = 0;
  for (const auto& [key, value] : MetadataOf(refusal)) {
    if (const std::optional<int64_t> line = rates::LineOfKey(key)) {
      problems[*line] = value;
    } else if (key == rates::kReadAsKey) {
      out << "import-rates: read as " << value << "\n";
    } else if (key == rates::kBadRowCountKey) {
      if (!absl::SimpleAtoi(value, &bad_rows)) bad_rows = 0;
    } else if (pb::RateDeckFindingCode code;
               pb::RateDeckFindingCode_Parse("RATE_DECK_FINDING_CODE_" + key, &code)) {
      out << key << ": " << value << "\n";
      codes.insert(key);
    }
  }
  for (const auto& [line, problem] : problems) out << "line " << line << ": " << problem << "\n";
  if (bad_rows > 0) {
    out << bad_rows << (bad_rows == 1 ? " bad row" : " bad rows") << "; nothing was imported\n";
  }
  if (!codes.empty()) {
    out << "nothing was imported; if this is right for this file: --accept="
        << absl::StrJoin(codes, ",") << "\n";
  }
  out << std::flush;
}

void PrintReading(const pb::RateFileReading& reading, std::ostream& out) {
  out << "import-rates: " << reading.row_count()
      << (reading.row_count() == 1 ? " row, " : " rows, ") << reading.encoding()
      << ", lines end in " << reading.line_ends() << ", separated by " << reading.separator();
  if (!reading.decimal_mark().empty()) out << ", decimal mark " << reading.decimal_mark();
  if (!reading.date_order().empty()) out << ", dates " << reading.date_order();
  if (reading.header_line() > 1) out << ", columns named in line " << reading.header_line();
  out << "\nimport-rates: columns";
  for (const pb::RateFileReading::Column& column : reading.columns()) {
    if (column.name().empty()) continue;
    out << " " << column.name();
    if (column.name() != column.meaning()) out << "=" << column.meaning();
  }
  if (reading.footer_count() > 0) {
    out << "\nimport-rates: left out " << reading.footer_count()
        << (reading.footer_count() == 1 ? " line" : " lines") << " of words ("
        << absl::StrJoin(reading.footer(), ", ")
        << (reading.footer_count() > reading.footer_size() ? " ..." : "") << ")";
  }
  out << std::endl;
}

std::string CodeOf(const pb::RateDeckFinding& finding) {
  const std::string name = pb::RateDeckFindingCode_Name(finding.code());
  return name.substr(std::min(name.size(), absl::string_view("RATE_DECK_FINDING_CODE_").size()));
}

void PrintFindings(const pb::ImportRateDeckResponse& response, std::ostream& out) {
  for (const pb::RateDeckFinding& finding : response.findings()) {
    out << CodeOf(finding) << (finding.accepted() ? " (accepted): " : ": ") << finding.message()
        << " (" << finding.count() << ")\n";
    for (const std::string& line : finding.lines()) out << "  " << line << "\n";
  }
  out << std::flush;
}

void PrintImported(const pb::ImportRateDeckResponse& response, std::ostream& out) {
  const pb::RateDeck& deck = response.rate_deck();
  std::vector<std::string> open;  // findings
  for (const pb::RateDeckFinding& finding : response.findings()) {
    if (!finding.accepted()) open.push_back(CodeOf(finding));
  }
  const bool dry_run = deck.version() == 0;
  out << "import-rates: \"" << deck.name() << "\" "
      << (response.already_imported() ? "is there already as version "
          : !dry_run                  ? "is now version "
          : open.empty()              ? "would be imported"
                                      : "would be refused")
      << (dry_run ? "" : absl::StrCat(deck.version())) << ": " << deck.rate_count()
      << (deck.rate_count() == 1 ? " rate in " : " rates in ") << deck.currency_code();
  if (deck.series() != "standard") out << ", series " << deck.series();
  out << std::endl;
  if (dry_run && !open.empty()) {
    out << "import-rates: if this is right for this file: --accept=" << absl::StrJoin(open, ",")
        << std::endl;
  }
}

// Is it in force already, or will be, as it is to be?
absl::StatusOr<bool> NothingToActivate(pb::Rates::Stub& stub, const pb::RateDeck& deck,
                                       const std::optional<absl::Time>& effective) {
  if (!effective.has_value()) return deck.state() == pb::RATE_DECK_STATE_IN_FORCE;
  pb::ListRateDeckActivationsRequest request;
  request.set_deck_version(deck.version());
  pb::ListRateDeckActivationsResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  RESERVE_RETURN_IF_ERROR(
      FromGrpcStatus(stub.ListRateDeckActivations(&context, request, &response)));
  for (const pb::RateDeckActivation& each : response.activations()) {
    const bool superseded = each.state() == pb::RATE_DECK_STATE_SUPERSEDED;
    if (!superseded && TimeOf(each.effective_time()) == *effective) return true;
  }
  return false;
}

absl::Status ActivateImported(pb::Rates::Stub& stub, const ImportRatesOptions& options,
                              const pb::RateDeck& deck, std::ostream& out) {
  RESERVE_ASSIGN_OR_RETURN(const std::optional<absl::Time> effective, EffectiveTimeOf(options));
  RESERVE_ASSIGN_OR_RETURN(const bool nothing, NothingToActivate(stub, deck, effective));
  if (nothing) {
    out << "import-rates: " << InForceText(deck) << std::endl;
    return absl::OkStatus();
  }
  pb::ActivateRateDeckRequest request;
  request.set_deck_version(deck.version());
  if (effective.has_value()) ToProto(*effective, request.mutable_effective_time());
  request.set_backdate(options.backdate || options.starter);
  request.set_reason("import-rates");
  const absl::StatusOr<pb::RateDeckActivation> activation = SendActivation(stub, request);
  if (!activation.ok()) {
    out << "import-rates: version " << deck.version()
        << " is stored as a draft and not in force; activate-rates brings it into force"
        << std::endl;
    return activation.status();
  }
  out << "import-rates: " << InForceText(*activation) << std::endl;
  return absl::OkStatus();
}

}  // namespace

std::string ImportRatesHelp() {
  std::string help =
      "import-rates FILE: a text of values separated by commas, semicolons or tabs. One of its "
      "first\n"
      "lines names the columns, in any order and case:\n\n";
  for (const rates::ColumnHelp& column : rates::DeckColumnHelp()) {
    absl::StrAppend(&help,
                    absl::StrFormat("  %-26s %s\n  %-26s   also: %s; example: %s\n", column.name,
                                    column.meaning, "", column.also, column.example));
  }
  absl::StrAppend(&help,
                  "\nOnly prefix and price must be there. For example:\n\n"
                  "  prefix;description;price;increments\n"
                  "  44;United Kingdom;0,0150;60/60\n"
                  "  447,448;United Kingdom mobile;0,0350;1/1\n\n"
                  "Dates like 01/12/2026 need --date_format, amounts like 1,234 --decimal_mark.\n"
                  "--dry_run says how the file is read and what is strange about it.\n");
  return help;
}

absl::Status ImportRates(const ImportRatesOptions& options, std::ostream& out) {
  RESERVE_ASSIGN_OR_RETURN(const std::string csv, ReadDeck(options));
  RESERVE_ASSIGN_OR_RETURN(const pb::RateDeckHeader header, HeaderFrom(options, csv.size()));
  RESERVE_ASSIGN_OR_RETURN(const auto channel, MakeChannel(options.ledger, options.channel));
  const auto stub = pb::Rates::NewStub(channel);

  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kDeadline));
  pb::ImportRateDeckResponse response;
  const auto writer = stub->ImportRateDeck(&context, &response);
  ProgressBar progress("import-rates", options.terminal, out);
  // Whatever cut the upload short is told by the call's status.
  Send(*writer, header, csv, progress);
  progress.Wait(options.dry_run ? "checking" : "checking and storing");
  const absl::Status status = FromGrpcStatus(writer->Finish());
  progress.End();
  if (!status.ok()) {
    PrintRefusal(status, out);
    return status;
  }
  PrintReading(response.reading(), out);
  PrintFindings(response, out);
  PrintImported(response, out);
  if (options.draft || options.dry_run) return absl::OkStatus();
  return ActivateImported(*stub, options, response.rate_deck(), out);
}

}  // namespace reserve::cli
