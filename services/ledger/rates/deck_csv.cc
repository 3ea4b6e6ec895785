#include "services/ledger/rates/deck_csv.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/rates/errors.h"

namespace reserve::rates {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kQuotedBytes = 40;
constexpr size_t kRowsInMessage = 3;
constexpr size_t kMaxCarrierBytes = 32;
constexpr int32_t kDefaultIncrementSeconds = 60;
constexpr int32_t kMaxIncrementSeconds = 3600;

// Reads one character of UTF-8 off the front of `text`: no overlong forms, no
// surrogates, nothing beyond U+10FFFF (RFC 3629).
std::optional<uint32_t> ConsumeUtf8(absl::string_view* text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const uint32_t lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 0 || lead > 0xF4 || text->size() < length) return std::nullopt;
  uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    code = (code << 6) | (byte(i) & 0x3Fu);
  }
  if (length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) return std::nullopt;
  if (length == 4 && (code < 0x10000 || code > 0x10FFFF)) return std::nullopt;
  text->remove_prefix(length);
  return code;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    if (!ConsumeUtf8(&text).has_value()) return false;
  }
  return true;
}

// For messages: these end up in fields that must be UTF-8, whatever the file holds.
std::string Quote(absl::string_view value) {
  const absl::string_view head = value.substr(0, kQuotedBytes);
  return absl::StrCat("\"", IsUtf8(head) ? absl::Utf8SafeCEscape(head) : absl::CEscape(head),
                      head.size() < value.size() ? "..." : "", "\"");
}

bool AllDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// Each Check and Read below returns what is wrong with a value, or nothing.

std::string CheckPrefix(absl::string_view prefix) {
  if (prefix.empty()) return "must not be empty";
  if (!AllDigits(prefix)) return absl::StrCat(Quote(prefix), " must be digits only");
  if (prefix[0] == '0') return absl::StrCat(Quote(prefix), " must not begin with 0");
  if (prefix.size() > kMaxPrefixDigits) {
    return absl::StrCat(Quote(prefix), " is longer than ", kMaxPrefixDigits, " digits");
  }
  return "";
}

// C10.
std::string CheckShortCode(absl::string_view code) {
  if (AllDigits(code) && code.size() >= domain::kMinShortCodeDigits &&
      code.size() <= domain::kMaxShortCodeDigits) {
    return "";
  }
  return absl::StrCat(Quote(code), " must be ", domain::kMinShortCodeDigits, " to ",
                      domain::kMaxShortCodeDigits, " digits");
}

std::string CheckCarrier(RateKind kind, absl::string_view carrier) {
  if (carrier.empty()) return "";
  if (kind == RateKind::kSmsShortCode) {
    return absl::StrCat(Quote(carrier), " must be empty for a short code");
  }
  if (kind != RateKind::kSms) return absl::StrCat(Quote(carrier), " must be empty for a call");
  const bool valid =
      carrier.size() <= kMaxCarrierBytes && std::all_of(carrier.begin(), carrier.end(), [](char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '.' || c == '_' || c == '-';
      });
  if (valid) return "";
  return absl::StrCat(Quote(carrier), " must be 1 to ", kMaxCarrierBytes, " of a-z 0-9 . _ -");
}

std::string CheckName(absl::string_view name) {
  if (name.size() > kMaxDestinationNameBytes) {
    return absl::StrCat(Quote(name), " is longer than ", kMaxDestinationNameBytes, " bytes");
  }
  for (absl::string_view rest = name; !rest.empty();) {
    const std::optional<uint32_t> code = ConsumeUtf8(&rest);
    if (!code.has_value()) return absl::StrCat(Quote(name), " is not UTF-8");
    if (*code < 0x20 || (*code >= 0x7F && *code < 0xA0)) {
      return absl::StrCat(Quote(name), " holds a control character");
    }
  }
  return "";
}

std::string ReadCountry(absl::string_view text, domain::NumberCountry* country) {
  const std::optional<domain::NumberCountry> read = domain::NumberCountryFrom(text);
  if (!read.has_value()) {
    return absl::StrCat(Quote(text), " must be a country of ISO 3166-1, like US, or ",
                        domain::TextOf(domain::NumberCountry::kTollFree), ", ",
                        domain::TextOf(domain::NumberCountry::kSatellite), " or ",
                        domain::TextOf(domain::NumberCountry::kPremiumRate));
  }
  *country = *read;
  return "";
}

std::string ReadPrice(absl::string_view text, Nanos* price) {
  if (text.empty()) return "must not be empty";
  if (text.find_first_not_of("0123456789.-") != absl::string_view::npos) {
    return absl::StrCat(Quote(text), " is not a decimal number");
  }
  const absl::StatusOr<Nanos> amount = ParseDecimal(text);
  if (!amount.ok() && !absl::IsOutOfRange(amount.status())) {
    return std::string(amount.status().message());
  }
  if (amount.ok() ? *amount < 0 : text[0] == '-') {
    return absl::StrCat(Quote(text), " must not be negative");
  }
  if (!amount.ok() || *amount > kMaxDeckPrice) {
    return absl::StrCat(Quote(text), " must be at most ", FormatDecimal(kMaxDeckPrice));
  }
  *price = *amount;
  return "";
}

std::string ReadIncrement(absl::string_view text, int32_t* seconds) {
  int32_t value = 0;
  // Five digits are enough to see that it is too much.
  const bool number = AllDigits(text) && text.size() <= 5;
  for (const char c : number ? text : absl::string_view()) value = value * 10 + (c - '0');
  if (!number || value < 1 || value > kMaxIncrementSeconds) {
    return absl::StrCat(Quote(text), " must be 1 to ", kMaxIncrementSeconds, " seconds");
  }
  *seconds = value;
  return "";
}

}  // namespace

const std::array<absl::string_view, DeckCsvParser::kColumnCount> DeckCsvParser::kColumnNames = {
    "kind",
    "prefix",
    "carrier",
    "destination",
    "price",
    "connect_fee",
    "initial_increment_seconds",
    "increment_seconds",
    "country"};

absl::string_view RateKindName(RateKind kind) {
  switch (kind) {
    case RateKind::kCall:
      return "call";
    case RateKind::kCallInbound:
      return "call_inbound";
    case RateKind::kSms:
      return "sms";
    case RateKind::kShortCode:
      return "short_code";
    case RateKind::kSmsShortCode:
      return "sms_short_code";
  }
  return "unknown";
}

void DeckCsvParser::Feed(absl::string_view chunk) {
  while (!chunk.empty() && !stopped_) {
    const size_t end = chunk.find('\n');
    if (partial_line_.empty() && end != absl::string_view::npos) {
      TakeLine(chunk.substr(0, end));
    } else {
      // A line that is too long is kept so far that it is seen to be, CR or not.
      const size_t room = kMaxDeckLineBytes + 2 - partial_line_.size();
      absl::StrAppend(&partial_line_, chunk.substr(0, std::min(end, room)));
      if (end != absl::string_view::npos) {
        TakeLine(partial_line_);
        partial_line_.clear();
      }
    }
    chunk.remove_prefix(end == absl::string_view::npos ? chunk.size() : end + 1);
  }
}

absl::StatusOr<std::vector<RateRow>> DeckCsvParser::Finish() && {
  if (!partial_line_.empty() && !stopped_) TakeLine(partial_line_);
  if (bad_row_count_ > 0) return BadDeck();
  if (!header_seen_) {
    return InvalidRateDeck(absl::StatusCode::kInvalidArgument, "the file is empty");
  }
  if (row_count_ == 0) {
    return InvalidRateDeck(absl::StatusCode::kInvalidArgument,
                           "the file has no rows after its header");
  }
  return std::move(rows_);
}

void DeckCsvParser::TakeLine(absl::string_view line) {
  ++line_number_;
  if (line_number_ == 1) absl::ConsumePrefix(&line, kByteOrderMark);
  absl::ConsumeSuffix(&line, "\r");
  if (line.empty()) return;
  if (header_seen_) {
    TakeRow(line);
  } else {
    header_seen_ = true;
    TakeHeader(line);
  }
}

void DeckCsvParser::TakeHeader(absl::string_view line) {
  std::vector<std::string> problems;
  if (std::string problem = SplitFields(line); !problem.empty()) {
    problems.push_back(std::move(problem));
    fields_.clear();
  }
  field_count_ = fields_.size();
  for (size_t i = 0; i < fields_.size() && problems.size() < kRowsInMessage; ++i) {
    const auto known = std::find(kColumnNames.begin(), kColumnNames.end(), fields_[i]);
    if (known == kColumnNames.end()) {
      problems.push_back(absl::StrCat("unknown column ", Quote(fields_[i])));
      continue;
    }
    size_t& position = positions_[static_cast<size_t>(known - kColumnNames.begin())];
    if (position != 0) problems.push_back(absl::StrCat("column \"", *known, "\" is there twice"));
    position = i + 1;
  }
  for (const Column required : {kKind, kPrefix, kPrice}) {
    if (problems.empty() && positions_[required] == 0) {
      problems.push_back(absl::StrCat("column \"", kColumnNames[required], "\" is missing"));
    }
  }
  if (problems.empty()) return;
  AddBadRow(absl::StrCat(absl::StrJoin(problems, "; "), " (the columns are ",
                         absl::StrJoin(kColumnNames, ","), ")"));
  stopped_ = true;
}

void DeckCsvParser::TakeRow(absl::string_view line) {
  if (++row_count_ > kMaxDeckRows) {
    AddBadRow(absl::StrCat("there are more than ", kMaxDeckRows, " rows"));
    stopped_ = true;
    return;
  }
  RateRow row;
  std::string problem = SplitFields(line);
  if (problem.empty()) problem = ReadRow(&row);
  if (problem.empty()) {
    const auto [first, is_new] = line_of_row_.try_emplace(KeyOf(row), line_number_);
    if (!is_new)
      problem = absl::StrCat("the same kind, prefix and carrier as line ", first->second);
  }
  if (!problem.empty()) {
    AddBadRow(std::move(problem));
  } else if (bad_row_count_ == 0) {
    rows_.push_back(std::move(row));
  }
}

std::string DeckCsvParser::SplitFields(absl::string_view line) {
  fields_.clear();
  if (line.size() > kMaxDeckLineBytes) {
    return absl::StrCat("the line is longer than ", kMaxDeckLineBytes, " bytes");
  }
  for (size_t pos = 0;; ++pos) {
    std::string& field = fields_.emplace_back();
    if (pos < line.size() && line[pos] == '"') {
      for (++pos;; ++pos) {
        const size_t quote = line.find('"', pos);
        if (quote == absl::string_view::npos) return "a quote is not closed";
        field.append(line.data() + pos, quote - pos);
        pos = quote + 1;
        if (pos == line.size() || line[pos] != '"') break;
        field.push_back('"');
      }
      if (pos < line.size() && line[pos] != ',') return "text follows a closing quote";
    } else {
      const size_t comma = std::min(line.find(',', pos), line.size());
      field.assign(line.data() + pos, comma - pos);
      if (absl::StrContains(field, '"')) return "a quote inside a field that is not quoted";
      pos = comma;
    }
    if (pos == line.size()) return "";
  }
}

absl::string_view DeckCsvParser::Field(Column column) const {
  const size_t position = positions_[column];
  return position == 0 ? absl::string_view() : absl::string_view(fields_[position - 1]);
}

std::string DeckCsvParser::ReadRow(RateRow* row) const {
  if (fields_.size() != field_count_) {
    return absl::StrCat(fields_.size(), " columns where the header has ", field_count_);
  }
  std::vector<std::string> problems;
  ReadKey(row, &problems);
  ReadPrices(row, &problems);
  return absl::StrJoin(problems, "; ");
}

void DeckCsvParser::Note(Column column, absl::string_view problem,
                         std::vector<std::string>* problems) {
  if (!problem.empty()) problems->push_back(absl::StrCat(kColumnNames[column], ": ", problem));
}

void DeckCsvParser::ReadKey(RateRow* row, std::vector<std::string>* problems) const {
  bool known_kind = false;
  for (const RateKind kind : kRateKinds) {
    if (Field(kKind) == RateKindName(kind)) {
      row->kind = kind;
      known_kind = true;
    }
  }
  if (!known_kind) {
    Note(kKind,
         absl::StrCat(Quote(Field(kKind)),
                      " must be call, call_inbound, sms, short_code or sms_short_code"),
         problems);
  }
  const bool short_code = known_kind && IsShortCodeKind(row->kind);
  Note(kPrefix, short_code ? CheckShortCode(Field(kPrefix)) : CheckPrefix(Field(kPrefix)),
       problems);
  if (known_kind) Note(kCarrier, CheckCarrier(row->kind, Field(kCarrier)), problems);
  Note(kDestination, CheckName(Field(kDestination)), problems);
  Note(kCountry, ReadCountry(Field(kCountry), &row->country), problems);
  row->prefix = std::string(Field(kPrefix));
  row->carrier = std::string(Field(kCarrier));
  row->destination_name = std::string(Field(kDestination));
}

void DeckCsvParser::ReadPrices(RateRow* row, std::vector<std::string>* problems) const {
  Note(kPrice, ReadPrice(Field(kPrice), &row->price), problems);
  if (IsTextKind(row->kind)) {
    for (const Column column : {kConnectFee, kInitialIncrement, kIncrement}) {
      // "0.00" is a zero too.
      Nanos value = 0;
      if (!Field(column).empty() && (!ReadPrice(Field(column), &value).empty() || value != 0)) {
        Note(column, absl::StrCat(Quote(Field(column)), " must be empty or 0 for a text"),
             problems);
      }
    }
    row->initial_increment_seconds = 0;
    row->increment_seconds = 0;
    return;
  }
  if (!Field(kConnectFee).empty()) {
    Note(kConnectFee, ReadPrice(Field(kConnectFee), &row->connect_fee), problems);
  }
  row->initial_increment_seconds = kDefaultIncrementSeconds;
  row->increment_seconds = kDefaultIncrementSeconds;
  if (!Field(kInitialIncrement).empty()) {
    Note(kInitialIncrement,
         ReadIncrement(Field(kInitialIncrement), &row->initial_increment_seconds), problems);
  }
  if (!Field(kIncrement).empty()) {
    Note(kIncrement, ReadIncrement(Field(kIncrement), &row->increment_seconds), problems);
  }
}

DeckCsvParser::RowKey DeckCsvParser::KeyOf(const RateRow& row) {
  // 15 digits are less than 2^50; without a leading zero the number is the prefix. A short code may
  // have one.
  uint64_t number = IsShortCodeKind(row.kind) ? 1 : 0;
  for (const char c : row.prefix) number = number * 10 + static_cast<uint64_t>(c - '0');
  const auto kind = static_cast<uint64_t>(row.kind);
  const auto next = static_cast<uint32_t>(carrier_numbers_.size());
  return {kind << 50 | number, carrier_numbers_.try_emplace(row.carrier, next).first->second};
}

void DeckCsvParser::AddBadRow(std::string reason) {
  // All or nothing: from here on the rows are only checked.
  rows_ = {};
  if (++bad_row_count_ <= kMaxReportedBadRows) {
    bad_rows_.emplace_back(line_number_, std::move(reason));
  }
}

absl::Status DeckCsvParser::BadDeck() const {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(bad_rows_.size(), kRowsInMessage); ++i) {
    shown.push_back(absl::StrCat("line ", bad_rows_[i].first, ": ", bad_rows_[i].second));
  }
  const int64_t hidden = bad_row_count_ - static_cast<int64_t>(shown.size());
  if (hidden > 0) shown.push_back(absl::StrCat("and ", hidden, " more"));
  absl::Status status = InvalidRateDeck(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat(bad_row_count_,
                   bad_row_count_ == 1 ? " bad row: " : " bad rows: ", absl::StrJoin(shown, "; ")));
  status = WithMetadata(std::move(status), kBadRowCountKey, absl::StrCat(bad_row_count_));
  for (const auto& [line, reason] : bad_rows_) {
    status = WithMetadata(std::move(status), LineKey(line), reason);
  }
  return status;
}

absl::StatusOr<std::vector<RateRow>> ParseDeckCsv(absl::string_view csv) {
  DeckCsvParser parser;
  parser.Feed(csv);
  return std::move(parser).Finish();
}

}  // namespace reserve::rates
