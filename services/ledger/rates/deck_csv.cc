#include "services/ledger/rates/deck_csv.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "common/money/rounding.h"
#include "common/text/utf8.h"
#include "services/ledger/domain/carrier.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/rates/country_names.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/file_words.h"
#include "services/ledger/rates/line_charges.h"
#include "services/ledger/rates/mobile_country.h"

namespace reserve::rates {
namespace {

constexpr size_t kQuotedBytes = 40;
constexpr size_t kFaultsInMessage = 3;
constexpr size_t kMoreLines = 4;
constexpr int32_t kDefaultIncrementSeconds = 60;
constexpr int64_t kPreambleLines = 30;
constexpr size_t kMaxOpenLines = 8;
constexpr int kLastRank = 1000;
constexpr size_t kShownNotes = 3;
constexpr size_t kMobileCodeDigits = 3;
constexpr absl::string_view kSeparators = ",;\t|";

// For messages: these end up in fields that must be UTF-8, whatever the file holds.
std::string Quote(absl::string_view value) {
  const absl::string_view head = value.substr(0, kQuotedBytes);
  return absl::StrCat("\"", IsUtf8(head) ? absl::Utf8SafeCEscape(head) : absl::CEscape(head),
                      head.size() < value.size() ? "..." : "", "\"");
}

bool OnlyDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// "all", "*": the row is of the country's networks that have no row of their own.
bool IsAllNetworks(absl::string_view network) {
  const std::string lower = absl::AsciiStrToLower(network);
  for (const absl::string_view word :
       {"*", "-", "all", "any", "default", "other", "others", "n/a", "all networks",
        "all operators", "other networks", "other operators", "all other networks"}) {
    if (lower == word) return true;
  }
  return false;
}

// The reason why it is no network's code, like 234-15 or 23415; empty if it is one.
std::string CheckNetwork(absl::string_view text) {
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  if (!OnlyDigits(digits) || digits.size() > kMobileCodeDigits + 3) {
    return "must be the digits of a network, like 15 or 410";
  }
  // ITU-T E.212: North America's networks have three digits.
  const std::string code = digits.substr(0, kMobileCodeDigits);
  const bool three = code == "302" || (code >= "310" && code <= "316");
  if (digits.size() >= kMobileCodeDigits + (three ? 3 : 2)) return "";
  return absl::StrCat("has ", digits.size() == kMobileCodeDigits + 1 ? "one digit" : "two digits",
                      " where a network of ", code, " has ", three ? "three" : "two or three",
                      ": a spreadsheet drops leading zeros; format the column as text, and export "
                      "again");
}

// Of a prefix that is blocked: nothing, or words like "n/a".
bool IsNoPrice(absl::string_view price) {
  return std::none_of(price.begin(), price.end(), absl::ascii_isdigit) &&
         !absl::EqualsIgnoreCase(price, "free") && SpreadsheetDamage(price).empty();
}

bool IsShortCode(absl::string_view code) {
  return OnlyDigits(code) && code.size() >= domain::kMinShortCodeDigits &&
         code.size() <= domain::kMaxShortCodeDigits;
}

std::string CheckName(absl::string_view name) {
  if (name.size() > kMaxDestinationNameBytes) {
    return absl::StrCat("is longer than ", kMaxDestinationNameBytes, " bytes");
  }
  for (absl::string_view rest = name; !rest.empty();) {
    const std::optional<uint32_t> code = ConsumeUtf8(&rest);
    if (!code.has_value()) return "is neither UTF-8 nor Windows-1252";
    if (*code < 0x20 || (*code >= 0x7F && *code < 0xA0)) return "holds a control character";
  }
  return "";
}

std::optional<RateKind> KindFrom(absl::string_view text) {
  std::string lower = absl::AsciiStrToLower(text);
  std::replace(lower.begin(), lower.end(), ' ', '_');
  std::replace(lower.begin(), lower.end(), '-', '_');
  for (const RateKind kind : kRateKinds) {
    if (lower == RateKindName(kind)) return kind;
  }
  if (lower == "calls" || lower == "voice" || lower == "outbound_call") return RateKind::kCall;
  if (lower == "inbound_call") return RateKind::kCallInbound;
  if (lower == "text" || lower == "texts") return RateKind::kSms;
  return std::nullopt;
}

absl::string_view SeparatorName(char separator) {
  switch (separator) {
    case ';':
      return "semicolon";
    case '\t':
      return "tab";
    case '|':
      return "bar";
    default:
      return "comma";
  }
}

size_t QuotesIn(absl::string_view text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '"'));
}

std::string KnownColumns() {
  std::vector<absl::string_view> names;
  for (const ColumnHelp& help : DeckColumnHelp()) names.push_back(help.name);
  return absl::StrJoin(names, ",");
}

}  // namespace

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

// --- Lines and records ------------------------------------------------------

void DeckCsvParser::Feed(absl::string_view chunk) {
  if (stopped_) return;
  lines_.Feed(chunk, [this](absl::string_view line) { TakeLine(line); });
}

absl::StatusOr<DeckFile> DeckCsvParser::Finish() && {
  if (!stopped_) lines_.Finish([this](absl::string_view line) { TakeLine(line); });
  while (ReplayOpenQuote()) {
  }
  if (!lines_.not_text().empty()) {
    return InvalidRateDeck(absl::StatusCode::kInvalidArgument,
                           absl::StrCat("the file is ", lines_.not_text(),
                                        " and no text: save it as CSV (UTF-8) first"));
  }
  CheckEncoding();
  CheckMarks();
  CheckAreaCodes();
  TellDoubts();
  LineGroups groups(rows_, sources_);
  groups.Check([this](int64_t line, const LineGroups::Fault& fault) {
    AddBadRow(line, {{DeckColumn::kUnknown, fault.prefix, fault.cause, fault.detail}});
  });
  if (bad_row_count_ > 0) return BadDeck();
  if (!header_seen_) {
    return InvalidRateDeck(absl::StatusCode::kInvalidArgument,
                           preamble_seen_ ? "no line of the file names the columns: add one like "
                                            "prefix,destination,price"
                                          : "the file is empty");
  }
  if (row_count_ == 0) {
    return InvalidRateDeck(absl::StatusCode::kInvalidArgument,
                           "the file has no rows after its header");
  }
  DeckFile file;
  file.understood = Understood();
  file.gap_count = groups.gap_count();
  file.gaps = groups.gaps();
  file.rows = std::move(rows_);
  file.rows.Close();
  file.sources = std::move(sources_);
  return file;
}

void DeckCsvParser::TakeLine(absl::string_view line) {
  if (stopped_) return;
  const bool odd = absl::StrContains(line, '"') && QuotesIn(line) % 2 == 1;
  if (open_lines_.empty()) {
    record_line_ = lines_.line_number();
    if (!odd || line.size() > kMaxDeckLineBytes) return TakeRecord(line);
    open_lines_.emplace_back(line);
    return;
  }
  open_lines_.emplace_back(line);
  if (odd) {
    const std::string record = absl::StrJoin(open_lines_, " ");
    const char separator = header_seen_ ? separator_ : TryHeader(record).separator;
    // Only if the row is whole now.
    const bool whole =
        SplitFields(record, separator).empty() && (!header_seen_ || fields_.size() == field_count_);
    if (whole) {
      open_lines_.clear();
      return TakeRecord(record);
    }
  }
  if (open_lines_.size() >= kMaxOpenLines) ReplayOpenQuote();
}

// The first line is bad alone; the others are taken for themselves. False if there is none.
bool DeckCsvParser::ReplayOpenQuote() {
  if (open_lines_.empty()) return false;
  const std::vector<std::string> lines = std::exchange(open_lines_, {});
  TakeRecord(lines.front());
  for (size_t i = 1; i < lines.size(); ++i) {
    ++record_line_;
    const bool odd = QuotesIn(lines[i]) % 2 == 1;
    if (open_lines_.empty() && !odd) {
      if (!stopped_) TakeRecord(lines[i]);
      continue;
    }
    if (open_lines_.empty()) {
      // It may be closed by a line that is still to come.
      open_lines_.assign(lines.begin() + static_cast<std::ptrdiff_t>(i), lines.end());
      break;
    }
  }
  return true;
}

void DeckCsvParser::TakeRecord(absl::string_view record) {
  if (record.empty() || stopped_) return;
  if (header_seen_) {
    TakeRow(record);
  } else {
    TakeHeader(record);
  }
}

std::string DeckCsvParser::SplitFields(absl::string_view record, char separator) {
  fields_.clear();
  unquoted_.clear();
  if (record.size() > kMaxDeckLineBytes) {
    return absl::StrCat("the line is longer than ", kMaxDeckLineBytes, " bytes");
  }
  // They are pointed to, and must not move.
  unquoted_.reserve(QuotesIn(record));
  for (size_t pos = 0;; ++pos) {
    // Some write "a", "b".
    size_t open = std::min(record.find_first_not_of(' ', pos), record.size());
    // ="0044" is how a spreadsheet is told that a value is a text.
    if (record.substr(open, 2) == "=\"") ++open;
    if (open < record.size() && record[open] == '"') {
      const size_t begin = open + 1;
      size_t end = record.find('"', begin);
      bool doubled = false;
      while (end != absl::string_view::npos && record.substr(end, 2) == "\"\"") {
        doubled = true;
        end = record.find('"', end + 2);
      }
      if (end == absl::string_view::npos) return "a quote is not closed";
      fields_.push_back(record.substr(begin, end - begin));
      if (doubled) {
        std::string& text = unquoted_.emplace_back(fields_.back());
        for (size_t at = 0; (at = text.find("\"\"", at)) != std::string::npos; ++at) {
          text.erase(at, 1);
        }
        fields_.back() = text;
      }
      pos = std::min(record.find_first_not_of(' ', end + 1), record.size());
      if (pos < record.size() && record[pos] != separator) return "text follows a closing quote";
    } else {
      const size_t end = std::min(record.find(separator, pos), record.size());
      fields_.push_back(record.substr(pos, end - pos));
      if (absl::StrContains(fields_.back(), '"'))
        return "a quote inside a field that is not quoted";
      pos = end;
    }
    fields_.back() = CleanField(fields_.back());
    if (pos == record.size()) return "";
  }
}

// --- The header -------------------------------------------------------------

DeckCsvParser::Header DeckCsvParser::TryHeader(absl::string_view record) {
  Header best;
  best.separator = said_separator_ != 0 ? said_separator_ : ',';
  for (const char separator : kSeparators) {
    if (said_separator_ != 0 && separator != said_separator_) continue;
    if (!SplitFields(record, separator).empty()) continue;
    Header header;
    header.separator = separator;
    for (const absl::string_view field : fields_) {
      header.names.push_back(ReadColumnName(field));
      if (header.names.back().column != DeckColumn::kUnknown) ++header.known;
    }
    if (header.known > best.known || best.names.empty() ||
        (header.known == best.known && header.names.size() > best.names.size())) {
      best = std::move(header);
    }
  }
  return best;
}

// A line before the header: a title or a date, with at most two values.
bool DeckCsvParser::IsPreamble(const Header& header) const {
  if (record_line_ > kPreambleLines) return false;
  const auto has = [&header](DeckColumn column) {
    return std::any_of(header.names.begin(), header.names.end(),
                       [column](const ColumnName& name) { return name.column == column; });
  };
  if (has(DeckColumn::kPrefix) || has(DeckColumn::kPrice)) return false;
  const auto is_value = [](absl::string_view field) { return !field.empty(); };
  const auto values = std::count_if(fields_.begin(), fields_.end(), is_value);
  if (values > 2 || header.known >= 2) return false;
  // "Customer:,12345" is a value with its name.
  const auto first = std::find_if(fields_.begin(), fields_.end(), is_value);
  const bool is_named = first != fields_.end() && absl::EndsWith(*first, ":");
  return is_named || std::none_of(fields_.begin(), fields_.end(), [](absl::string_view field) {
           return !field.empty() && OnlyDigits(field);
         });
}

void DeckCsvParser::TakeHeader(absl::string_view record) {
  if (record.size() == 5 && absl::StartsWithIgnoreCase(record, "sep=") &&
      absl::StrContains(kSeparators, record[4])) {
    said_separator_ = record[4];
    return;
  }
  const Header header = TryHeader(record);
  separator_ = header.separator;
  std::vector<std::string> problems;
  if (std::string problem = SplitFields(record, separator_); !problem.empty()) {
    problems.push_back(std::move(problem));
    fields_.clear();
  } else if (IsPreamble(header)) {
    preamble_seen_ = true;
    TakeTitle();
    return;
  }
  header_seen_ = true;
  header_line_ = record_line_;
  field_count_ = fields_.size();
  const bool are_values = std::any_of(fields_.begin(), fields_.end(), [](absl::string_view field) {
    return !field.empty() && field.find_first_not_of("0123456789.,+") == absl::string_view::npos;
  });
  if (problems.empty() && are_values && header.known < 2) {
    problems.push_back(
        "the line holds values, and none before it names the columns: add one like "
        "prefix,destination,price");
  }
  if (problems.empty()) PlaceColumns(header, &problems);
  if (problems.empty()) return;
  AddBadRow(record_line_, {{DeckColumn::kUnknown, "", absl::StrJoin(problems, "; "), ""}});
  stopped_ = true;
}

void DeckCsvParser::PlaceColumns(Header header, std::vector<std::string>* problems) {
  TellCodesFromNames(&header);
  std::vector<std::string> unknown;
  for (size_t i = 0; i < fields_.size(); ++i) {
    columns_.push_back({std::string(fields_[i]), ""});
    const bool is_unknown =
        header.names[i].column == DeckColumn::kUnknown && !fields_[i].empty() && !IsIgnored(i);
    if (is_unknown && !header.names[i].problem.empty()) {
      problems->push_back(absl::StrCat("column ", Quote(fields_[i]), " ", header.names[i].problem));
    } else if (is_unknown) {
      unknown.push_back(Quote(fields_[i]));
    } else if (problems->size() < kFaultsInMessage) {
      PlaceColumn(i, header.names[i], problems);
    }
  }
  if (!unknown.empty()) {
    const bool many = unknown.size() > 1;
    problems->push_back(absl::StrCat("unknown column", many ? "s " : " ",
                                     absl::StrJoin(unknown, ", "),
                                     many ? ": name each like one of the program's, or say that it "
                                          : ": name it like one of the program's, or say that it ",
                                     "is to be ignored (the columns are ", KnownColumns(), ")"));
  }
  if (!problems->empty()) return;
  TakeLoneCode();
  for (size_t i = 0; i < columns_.size(); ++i) {
    const bool words =
        columns_[i].meaning == "destination" || (columns_[i].meaning == "ignored" && !IsIgnored(i));
    if (words) word_columns_.push_back(i);
  }
  currency_is_said_ = currency_is_said_ || Has(DeckColumn::kCurrency);
  by_network_ = HasMobileCodes() && !Has(DeckColumn::kPrefix) && !Has(DeckColumn::kNpa) &&
                !Has(DeckColumn::kAreaCode);
  const bool prefix = by_network_ || Has(DeckColumn::kPrefix) || Has(DeckColumn::kNpa) ||
                      (Has(DeckColumn::kCallingCode) && Has(DeckColumn::kAreaCode));
  if (!prefix || !Has(DeckColumn::kPrice)) {
    problems->push_back(absl::StrCat("column \"", prefix ? "price" : "prefix",
                                     "\" is missing (the columns are ", KnownColumns(), ")"));
  }
  // Nothing but a text has a price by network.
  kind_is_said_ = by_network_ || Has(DeckColumn::kKind) || options_.kind.has_value();
  const bool texts = std::any_of(header.names.begin(), header.names.end(),
                                 [](const ColumnName& name) { return name.text_price; }) ||
                     Has(DeckColumn::kCarrier) || Has(DeckColumn::kMnc) || HasMobileCodes();
  if (problems->empty() && texts && !kind_is_said_) {
    problems->push_back(
        "the file looks like prices of texts and has no column \"kind\": add one, or say the kind "
        "(sms) with the import");
  }
}

// Beside a column of codes (`iso`) one named `country` has names, of what people call there.
void DeckCsvParser::TellCodesFromNames(Header* header) {
  const bool has_codes = std::any_of(
      header->names.begin(), header->names.end(),
      [](const ColumnName& name) { return name.column == DeckColumn::kCountry && name.rank > 0; });
  if (!has_codes) return;
  for (ColumnName& name : header->names) {
    if (name.column != DeckColumn::kCountry || name.rank > 0) continue;
    name.column = DeckColumn::kDestination;
    name.rank = kLastRank;
  }
}

// A lone code of an area, or of a country, is the prefix; so is the number of an old price list.
void DeckCsvParser::TakeLoneCode() {
  for (const DeckColumn column : {DeckColumn::kAreaCode, DeckColumn::kCallingCode}) {
    // Beside networks it only says again which country they are of.
    if (column == DeckColumn::kCallingCode && HasMobileCodes()) continue;
    const bool alone = !Has(DeckColumn::kPrefix) && !Has(DeckColumn::kNpa) && Has(column) &&
                       Has(DeckColumn::kAreaCode) != Has(DeckColumn::kCallingCode);
    if (!alone) continue;
    size_t& position = positions_[static_cast<size_t>(column)];
    columns_[position - 1].meaning = "prefix";
    positions_[static_cast<size_t>(DeckColumn::kPrefix)] = std::exchange(position, 0);
  }
}

bool DeckCsvParser::IsIgnored(size_t index) const {
  const absl::string_view text = fields_[index];
  return std::any_of(
      options_.ignored_columns.begin(), options_.ignored_columns.end(),
      [text](const std::string& each) { return absl::EqualsIgnoreCase(CleanField(each), text); });
}

void DeckCsvParser::PlaceColumn(size_t index, const ColumnName& name,
                                std::vector<std::string>* problems) {
  const absl::string_view text = fields_[index];
  // A column without a name is the empty one that a spreadsheet adds; its rows are looked at.
  if (text.empty()) return;
  if (IsIgnored(index) || name.column == DeckColumn::kIgnored) {
    columns_[index].meaning = "ignored";
    return;
  }
  if (name.hundredths) {
    problems->push_back(absl::StrCat("column ", Quote(text),
                                     " is not in whole units of the currency: write prices "
                                     "like 0.015, not 1.5 cents, and rename it"));
    return;
  }
  if (!name.currency.empty() && !options_.currency.empty() &&
      !MeansCurrency(name.currency, options_.currency).value_or(false)) {
    problems->push_back(absl::StrCat("column ", Quote(text), " is not in ", options_.currency,
                                     ", the currency of the deck"));
    return;
  }
  const auto column = static_cast<size_t>(name.column);
  if (positions_[column] != 0) {
    const bool ranked = name.rank != ranks_[column];
    if (!ranked) {
      problems->push_back(absl::StrCat("column \"", NameOf(name.column), "\" is there twice"));
      return;
    }
    if (name.rank > ranks_[column]) {
      columns_[index].meaning = "ignored";
      return;
    }
    columns_[positions_[column] - 1].meaning = "ignored";
  }
  positions_[column] = index + 1;
  ranks_[column] = name.rank;
  doubtful_[column] = name.doubtful;
  currency_is_said_ = currency_is_said_ || !name.currency.empty();
  columns_[index].meaning = std::string(NameOf(name.column));
}

// --- Rows -------------------------------------------------------------------

absl::string_view DeckCsvParser::Field(DeckColumn column) const {
  const size_t position = positions_[static_cast<size_t>(column)];
  return position == 0 ? absl::string_view() : fields_[position - 1];
}

// What the line at hand begins with; empty: it is of empty fields.
std::string DeckCsvParser::FirstWords() const {
  const auto text = std::find_if(fields_.begin(), fields_.end(),
                                 [](absl::string_view field) { return !field.empty(); });
  if (text == fields_.end()) return "";
  // "Effective:" says nothing without what comes after it.
  const auto next = text + 1;
  const bool named = absl::EndsWith(*text, ":") && next != fields_.end() && !next->empty();
  return absl::StrCat("line ", record_line_, ": ",
                      Quote(named ? absl::StrCat(*text, " ", *next) : std::string(*text)));
}

void DeckCsvParser::TakeTitle() {
  std::string text = FirstWords();
  if (text.empty()) return;
  DoubtLine(/*is_note=*/false);
  ++title_count_;
  if (title_texts_.size() < kShownNotes) title_texts_.push_back(std::move(text));
}

// Words below the rows are left out if no row comes after them.
void DeckCsvParser::TakeNote() {
  notes_.push_back(record_line_);
  DoubtLine(/*is_note=*/true);
  if (note_texts_.size() < kShownNotes) note_texts_.push_back(FirstWords());
}

// A title or a note may say that the prices are not what they are taken for.
void DeckCsvParser::DoubtLine(bool is_note) {
  if (doubts_.size() >= kMaxReportedFaults) return;
  std::string text;
  for (const absl::string_view field : fields_) {
    if (!field.empty()) absl::StrAppend(&text, text.empty() ? "" : " ", field);
  }
  TitleDoubt doubt = DoubtOfTitle(text, options_.currency, is_note);
  if (doubt.cause.empty()) return;
  doubts_.push_back({record_line_, std::move(text), std::move(doubt.cause), doubt.of_currency});
}

void DeckCsvParser::TellDoubts() {
  for (const Doubt& doubt : doubts_) {
    if (stopped_ || (doubt.of_currency && currency_is_said_)) continue;
    AddBadRow(doubt.line, {{DeckColumn::kUnknown, doubt.text, doubt.cause, ""}});
  }
}

// Files that were put together from several have their header several times.
bool DeckCsvParser::IsHeaderAgain() const {
  if (fields_.size() != columns_.size()) return false;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i] != columns_[i].name) return false;
  }
  return true;
}

void DeckCsvParser::RefuseNotes() {
  for (const int64_t line : std::exchange(notes_, {})) {
    ++file_rows_;
    ++row_count_;
    AddBadRow(line, {{DeckColumn::kUnknown, "",
                      "the row has neither a prefix nor a price, and rows come after it: if it is "
                      "a title or a note, remove it",
                      ""}});
  }
  note_texts_.clear();
}

void DeckCsvParser::TakeRow(absl::string_view record) {
  problems_.clear();
  prefixes_.clear();
  carriers_.clear();
  form_ = {};
  RateRow row;
  if (std::string problem = SplitFields(record, separator_); !problem.empty()) {
    Note(DeckColumn::kUnknown, "", std::move(problem));
  } else {
    const bool empty = std::all_of(fields_.begin(), fields_.end(),
                                   [](absl::string_view field) { return field.empty(); });
    if (empty || IsHeaderAgain()) return;
    if (IsNote() && static_cast<int64_t>(notes_.size()) < kMaxDeckRows) return TakeNote();
    ReadRow(&row);
  }
  RefuseNotes();
  ++file_rows_;
  row_count_ += std::max<int64_t>(1, static_cast<int64_t>(prefixes_.size()));
  if (row_count_ > kMaxDeckRows) {
    AddBadRow(record_line_, {{DeckColumn::kUnknown, "",
                              absl::StrCat("there are more than ", kMaxDeckRows, " rows"), ""}});
    stopped_ = true;
  } else if (!problems_.empty()) {
    AddBadRow(record_line_, problems_);
  } else {
    AddRows(row);
  }
}

void DeckCsvParser::AddRows(const RateRow& row) {
  const uint32_t shape = rows_.ShapeOf(row);
  if (carriers_.empty()) carriers_.push_back(row.carrier);
  for (const std::string& carrier : carriers_) {
    // Several networks of one carrier are one line, if they cost the same.
    if (by_network_ &&
        !networks_.insert(absl::StrCat(prefixes_.front(), " ", carrier, " ", shape)).second) {
      continue;
    }
    for (const std::string& prefix : prefixes_) {
      rows_.AddWithShape(row.kind, prefix, carrier, row.destination_name, shape);
      sources_.push_back({static_cast<uint32_t>(record_line_), form_.plus ? 1u : 0u});
    }
  }
}

// A row of words: a heading between the rows, or what stands below them. With commas in it it may
// have any number of fields.
bool DeckCsvParser::IsNote() const {
  if (fields_.size() != field_count_) {
    return std::all_of(fields_.begin(), fields_.end(), [](absl::string_view field) {
      return field.empty() || std::any_of(field.begin(), field.end(), absl::ascii_isalpha);
    });
  }
  for (const DeckColumn column : {DeckColumn::kPrefix, DeckColumn::kNpa, DeckColumn::kAreaCode,
                                  DeckColumn::kCallingCode, DeckColumn::kMcc, DeckColumn::kMnc,
                                  DeckColumn::kMccMnc, DeckColumn::kPrice, DeckColumn::kBlocked}) {
    const absl::string_view field = Field(column);
    // Words may stand anywhere, but for those that say something of a line.
    const bool words = column != DeckColumn::kBlocked && !IsBlockedWord(field) &&
                       std::none_of(field.begin(), field.end(), absl::ascii_isdigit);
    if (!field.empty() && !words) return false;
  }
  return true;
}

// A sum has a value where the price stands, and no prefix.
bool DeckCsvParser::IsTotal() const {
  const absl::string_view prefix = Field(DeckColumn::kPrefix);
  if (Field(DeckColumn::kPrice).empty() ||
      std::any_of(prefix.begin(), prefix.end(), absl::ascii_isdigit)) {
    return false;
  }
  return std::any_of(fields_.begin(), fields_.end(), [](absl::string_view field) {
    const std::string lower = absl::AsciiStrToLower(field.substr(0, kQuotedBytes));
    return absl::StartsWith(lower, "total") || absl::StartsWith(lower, "grand total") ||
           absl::StartsWith(lower, "subtotal") || lower == "sum" || lower == "average";
  });
}

std::string DeckCsvParser::CountProblem() const {
  if (fields_.size() == field_count_) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name.empty() && !fields_[i].empty()) {
        return "a value stands in a column that has no name";
      }
    }
    return "";
  }
  const bool empty_rest =
      fields_.size() > field_count_ &&
      std::all_of(fields_.begin() + static_cast<std::ptrdiff_t>(field_count_), fields_.end(),
                  [](absl::string_view field) { return field.empty(); });
  if (empty_rest) return "";
  std::string problem =
      absl::StrCat(fields_.size(), " columns where the header has ", field_count_);
  if (separator_ == ',' && fields_.size() > field_count_) {
    absl::StrAppend(
        &problem, " (a value with a comma in it, like 0,015, needs quotes, or another separator)");
  }
  return problem;
}

void DeckCsvParser::ReadRow(RateRow* row) {
  if (std::string problem = CountProblem(); !problem.empty()) {
    Note(DeckColumn::kUnknown, "", std::move(problem));
    return;
  }
  if (IsTotal()) {
    Note(DeckColumn::kUnknown, "", "the row is a total, and no line of a price list: remove it");
    return;
  }
  ReadKind(row);
  ReadPrefix(row);
  ReadCarrier(row);
  ReadNames(row);
  ReadTerms(row);
  ReadPrices(row);
  ReadIncrements(row);
  if (Has(DeckColumn::kNextPrice)) ReadNextPrice(row);
  if (IsTextKind(row->kind)) RefuseForText();
  CheckMinimum(*row);
  CheckWords(*row);
  const bool doubtful = marks_.doubtful_points + marks_.doubtful_commas > 0;
  if (doubtful && doubtful_line_ == 0) doubtful_line_ = record_line_;
}

void DeckCsvParser::Note(DeckColumn column, absl::string_view value, std::string cause,
                         std::string detail) {
  if (cause.empty()) return;
  problems_.push_back({column, std::string(value), std::move(cause), std::move(detail)});
}

void DeckCsvParser::ReadKind(RateRow* row) {
  row->kind = options_.kind.value_or(by_network_ ? RateKind::kSms : RateKind::kCall);
  const absl::string_view field = Field(DeckColumn::kKind);
  if (!Has(DeckColumn::kKind)) return;
  const std::optional<RateKind> kind = KindFrom(field);
  if (kind.has_value()) {
    row->kind = *kind;
  } else {
    // "Type" is also what people call the column of fixed and mobile lines.
    const size_t position = positions_[static_cast<size_t>(DeckColumn::kKind)];
    const bool own_name = absl::EqualsIgnoreCase(columns_[position - 1].name, "kind");
    Note(DeckColumn::kKind, field.empty() ? "\"\"" : field,
         absl::StrCat("must be call, call_inbound, sms, short_code or sms_short_code",
                      own_name ? ""
                               : "; if the column says something else, it is to be ignored by its "
                                 "name"));
  }
}

void DeckCsvParser::ReadPrefix(RateRow* row) {
  if (by_network_) return ReadPrefixesOfNetwork(*row);
  if (IsShortCodeKind(row->kind)) {
    const absl::string_view code = Field(DeckColumn::kPrefix);
    if (IsShortCode(code)) {
      prefixes_.emplace_back(code);
      return;
    }
    std::string damage = SpreadsheetDamage(code);
    Note(DeckColumn::kPrefix, code.empty() ? "\"\"" : code,
         !damage.empty() ? damage
                         : absl::StrCat("must be ", domain::kMinShortCodeDigits, " to ",
                                        domain::kMaxShortCodeDigits, " digits"));
    return;
  }
  if (Has(DeckColumn::kNpa)) {
    const absl::string_view npa = Field(DeckColumn::kNpa);
    Note(DeckColumn::kNpa, npa, ReadNpa(npa, &prefixes_));
    return;
  }
  const absl::string_view calling_code = Field(DeckColumn::kCallingCode);
  if (Has(DeckColumn::kAreaCode) && Has(DeckColumn::kCallingCode) && !Has(DeckColumn::kPrefix)) {
    const absl::string_view area = Field(DeckColumn::kAreaCode);
    CountAreaCode(calling_code, area);
    Note(DeckColumn::kAreaCode, area, ReadAreaCodes(calling_code, area, &prefixes_));
    return;
  }
  const absl::string_view field = Field(DeckColumn::kPrefix);
  Note(DeckColumn::kPrefix, field, ReadPrefixes(field, &prefixes_, &form_));
  // The prefix is whole: a country's code beside it says the same again, or something is wrong.
  if (calling_code.empty() || !OnlyDigits(calling_code)) return;
  for (const std::string& prefix : prefixes_) {
    if (absl::StartsWith(prefix, calling_code)) continue;
    Note(DeckColumn::kPrefix, prefix,
         "does not begin with the country code of its row: if it is to follow it, name the column "
         "area_code");
    return;
  }
}

void DeckCsvParser::CountAreaCode(absl::string_view calling_code, absl::string_view area) {
  absl::ConsumePrefix(&calling_code, "+");
  absl::ConsumePrefix(&calling_code, "00");
  if (calling_code.empty() || area.empty()) return;
  ++area_rows_;
  if (!absl::StartsWith(area, calling_code)) return;
  if (area_rows_with_code_++ == 0) area_line_ = record_line_;
}

// 44 beside 4420: a prefix of 444420 would price nothing.
void DeckCsvParser::CheckAreaCodes() {
  if (area_rows_ == 0 || area_rows_with_code_ != area_rows_) return;
  AddBadRow(area_line_, {{DeckColumn::kAreaCode, "",
                          "each area code of the file begins with the calling code of its row: if "
                          "they are whole prefixes, name the column prefix; if they are not, put "
                          "both codes into one column prefix",
                          ""}});
}

std::string DeckCsvParser::MobileCode() const {
  if (Has(DeckColumn::kMcc)) return std::string(Field(DeckColumn::kMcc));
  return std::string(Field(DeckColumn::kMccMnc).substr(0, kMobileCodeDigits));
}

// All prefixes of the country that the row, or else its network, says.
void DeckCsvParser::ReadPrefixesOfNetwork(const RateRow& row) {
  if (row.kind != RateKind::kSms) {
    Note(DeckColumn::kKind, RateKindName(row.kind), "must be sms where a list has no prefixes");
    return;
  }
  const std::string code = MobileCode();
  const std::vector<domain::NumberCountry> of_code = CountriesOfMobileCode(code);
  domain::NumberCountry country = domain::NumberCountry::kUnknown;
  const absl::string_view said = Field(DeckColumn::kCountry);
  if (!said.empty()) {
    ReadCountry(said, &country);  // what is wrong with it is told with the names
  } else if (const auto named = CountryInName(Field(DeckColumn::kDestination))) {
    country = *named;
  }
  const DeckColumn column = Has(DeckColumn::kMcc) ? DeckColumn::kMcc : DeckColumn::kMccMnc;
  const bool is_known = country != domain::NumberCountry::kUnknown;
  if (is_known && !of_code.empty() &&
      std::find(of_code.begin(), of_code.end(), country) == of_code.end()) {
    Note(column, code,
         absl::StrCat("is a mobile country code of ", NameOf(of_code.front()),
                      ", and the row says ", NameOf(country)));
    return;
  }
  if (!is_known && !of_code.empty()) country = of_code.front();
  prefixes_ = domain::PrefixesOf(country);
  const absl::string_view calling_code = Field(DeckColumn::kCallingCode);
  if (prefixes_.empty()) {
    Note(column, code.empty() ? "\"\"" : code,
         is_known ? absl::StrCat(NameOf(country), " has no numbers of its own: add a column prefix")
                  : "is no mobile country code in use: name the country, or add a column prefix");
  } else if (OnlyDigits(calling_code) && !absl::StartsWith(prefixes_.front(), calling_code)) {
    Note(DeckColumn::kCallingCode, calling_code,
         absl::StrCat("is not the calling code of ", NameOf(country)));
  }
  ReadNetworks();
}

// The carriers of the row: by its networks, which everybody writes alike; by name where it has
// none.
void DeckCsvParser::ReadNetworks() {
  const DeckColumn column = Has(DeckColumn::kMnc) ? DeckColumn::kMnc : DeckColumn::kMccMnc;
  const absl::string_view field = Field(column);
  const std::string code = column == DeckColumn::kMnc ? absl::StrCat(MobileCode(), "-") : "";
  for (const absl::string_view each : absl::StrSplit(field, absl::ByAnyChar(",;/| "))) {
    if (each.empty() || IsAllNetworks(field) || IsAllNetworks(each)) continue;
    if (code.empty() && OnlyDigits(each) && each.size() == kMobileCodeDigits) continue;
    std::string problem = CheckNetwork(absl::StrCat(code, each));
    if (!problem.empty()) {
      Note(column, each, std::move(problem));
      return;
    }
    carriers_.push_back(*domain::CarrierFrom(absl::StrCat(code, each)));
  }
  const absl::string_view name = Field(DeckColumn::kCarrier);
  if (!carriers_.empty() || name.empty() || IsAllNetworks(name)) return;
  if (const auto carrier = domain::CarrierFrom(name)) {
    carriers_.push_back(*carrier);
  } else {
    Note(DeckColumn::kCarrier, name,
         absl::StrCat("must be a name of up to ", domain::kMaxCarrierBytes,
                      " letters and digits where the row has no network"));
  }
}

void DeckCsvParser::ReadCarrier(RateRow* row) {
  if (by_network_) return;
  std::string text(Field(DeckColumn::kCarrier));
  DeckColumn column = DeckColumn::kCarrier;
  if (text.empty() && !Field(DeckColumn::kMccMnc).empty()) {
    column = DeckColumn::kMccMnc;
    text = std::string(Field(column));
  }
  const absl::string_view mnc = Field(DeckColumn::kMnc);
  if (text.empty() && !mnc.empty()) {
    column = DeckColumn::kMnc;
    text = absl::StrCat(Field(DeckColumn::kMcc), "-", mnc);
    if (mnc.size() < 2 && OnlyDigits(mnc)) {
      Note(column, mnc,
           "has one digit where a network has two or three: a spreadsheet drops leading zeros; "
           "format the column as text, and export again");
      return;
    }
  }
  if (text.empty()) return;
  if (row->kind == RateKind::kSmsShortCode) {
    Note(column, text, "must be empty for a short code");
  } else if (row->kind != RateKind::kSms) {
    Note(column, text, "must be empty for a call");
  } else if (const std::optional<std::string> carrier = domain::CarrierFrom(text)) {
    row->carrier = *carrier;
  } else {
    std::string damage = SpreadsheetDamage(text);
    Note(column, text,
         damage.empty() ? absl::StrCat("must be a name of up to ", domain::kMaxCarrierBytes,
                                       " letters and digits, or MCC and MNC like 310-410")
                        : damage);
  }
}

void DeckCsvParser::ReadNames(RateRow* row) {
  absl::string_view name = Field(DeckColumn::kDestination);
  const absl::string_view country = Field(DeckColumn::kCountry);
  if (!country.empty()) {
    std::string problem = ReadCountry(country, &row->country);
    // Many call the column of destinations so: "Albania - Tirana".
    const bool is_destination = !problem.empty() && !Has(DeckColumn::kDestination) &&
                                ranks_[static_cast<size_t>(DeckColumn::kCountry)] == 0 &&
                                CountryInName(country).has_value();
    if (is_destination) {
      name = country;
    } else {
      Note(DeckColumn::kCountry, country, std::move(problem));
    }
    // "United Kingdom" is a name for people, too.
    if (name.empty() && CountryOfName(country).has_value() && country.size() > 3) name = country;
  }
  // Of networks the operator is a name for people.
  const absl::string_view network = by_network_ ? Field(DeckColumn::kCarrier) : "";
  const std::string whole = absl::StrCat(name, name.empty() || network.empty() ? "" : " ", network);
  Note(DeckColumn::kDestination, whole, CheckName(whole));
  row->destination_name = whole;
  const absl::string_view currency = Field(DeckColumn::kCurrency);
  if (!currency.empty() && !options_.currency.empty() &&
      !MeansCurrency(currency, options_.currency).value_or(false)) {
    Note(DeckColumn::kCurrency, currency,
         absl::StrCat("is not ", options_.currency, ", the currency of the deck"));
  }
}

void DeckCsvParser::ReadPrices(RateRow* row) {
  const bool blocked = row->terms != nullptr && row->terms->blocked;
  const absl::string_view price = Field(DeckColumn::kPrice);
  // A prefix that is blocked may be without a price.
  if (!(blocked && IsNoPrice(price))) {
    Note(DeckColumn::kPrice, price, ReadAmount(price, options_.currency, &marks_, &row->price));
  }
  const absl::string_view fee = Field(DeckColumn::kConnectFee);
  if (!fee.empty()) row->connect_fee = ReadCharge(DeckColumn::kConnectFee, fee);
}

// Of the seconds after the initial increment: a step (C11).
void DeckCsvParser::ReadNextPrice(RateRow* row) {
  const absl::string_view field = Field(DeckColumn::kNextPrice);
  if (field.empty() || IsTextKind(row->kind)) return;
  Nanos next = 0;
  std::string problem = ReadAmount(field, options_.currency, &marks_, &next);
  if (problem.empty() && !Field(DeckColumn::kSteps).empty()) {
    problem = "must be empty where the line has steps";
  }
  const bool read = problem.empty();
  Note(DeckColumn::kNextPrice, field, std::move(problem));
  if (!read || next == row->price) return;
  domain::LineTerms terms = row->terms == nullptr ? domain::LineTerms() : *row->terms;
  terms.steps.push_back({row->initial_increment_seconds, next});
  row->terms = Intern(std::move(terms));
}

// A "minimum" of 30 is one of seconds, where a minute costs cents.
void DeckCsvParser::CheckMinimum(const RateRow& row) {
  constexpr Nanos kDoubtfulMinutes = 10;
  const absl::string_view field = Field(DeckColumn::kMinimum);
  if (!IsDoubtful(DeckColumn::kMinimum) || field.empty() || !OnlyDigits(field)) return;
  const Nanos minimum = TermsOf(row).minimum.value_or(0);
  if (minimum == 0 || row.price == 0 || minimum / row.price < kDoubtfulMinutes) return;
  Note(DeckColumn::kMinimum, field,
       "can be money or seconds: write it like 1.00 if a call costs at least that, and name the "
       "column initial_increment_seconds if it is one of seconds");
}

// A word that says what is to become of the line, where nobody reads it.
void DeckCsvParser::CheckWords(const RateRow& row) {
  constexpr size_t kLongestWord = 13;
  for (const size_t index : word_columns_) {
    const absl::string_view field = fields_[index];
    if (field.size() < 4 || field.size() > kLongestWord) continue;
    const bool ended = IsEndedWord(field);
    if (!ended && !IsBlockedWord(field)) continue;
    if (!ended && TermsOf(row).blocked) continue;  // nobody is left in doubt
    Note(DeckColumn::kUnknown, field,
         absl::StrCat("stands in column ", Quote(columns_[index].name), ": ",
                      ended ? "remove the row if it is to end"
                            : "name the column blocked if the prefix must not be called",
                      ", or name the column among those that are to be ignored"));
  }
}

Nanos DeckCsvParser::ReadCharge(DeckColumn column, absl::string_view field) {
  Nanos amount = 0;
  Note(column, field, ReadAmount(field, options_.currency, &marks_, &amount));
  if (amount % UnitOfPlace(options_.decimals) != 0) {
    Note(column, field,
         absl::StrCat("has more than ", options_.decimals, " decimals, to which the deck rounds"));
  }
  return amount;
}

void DeckCsvParser::ReadIncrements(RateRow* row) {
  if (IsTextKind(row->kind)) {
    row->initial_increment_seconds = 0;
    row->increment_seconds = 0;
    return;
  }
  row->initial_increment_seconds = kDefaultIncrementSeconds;
  row->increment_seconds = kDefaultIncrementSeconds;
  const absl::string_view both = Field(DeckColumn::kIncrements);
  const absl::string_view initial = Field(DeckColumn::kInitialIncrement);
  const absl::string_view further = Field(DeckColumn::kIncrement);
  if (IsDoubtful(DeckColumn::kIncrements) && OnlyDigits(both) && !both.empty()) {
    Note(DeckColumn::kIncrements, both,
         "can be seconds or decimals: write first and further seconds, like 60/6");
  } else if (!both.empty()) {
    Note(DeckColumn::kIncrements, both,
         rates::ReadIncrements(both, &row->initial_increment_seconds, &row->increment_seconds));
  }
  for (const DeckColumn column : {DeckColumn::kInitialIncrement, DeckColumn::kIncrement}) {
    const absl::string_view field = Field(column);
    if (field.empty()) continue;
    // "60/6" in one of the two is both, if the other says nothing else.
    const absl::string_view other = column == DeckColumn::kInitialIncrement ? further : initial;
    if (IsIncrementPair(field) && (other.empty() || other == field)) {
      Note(column, field,
           rates::ReadIncrements(field, &row->initial_increment_seconds, &row->increment_seconds));
      return;
    }
    Note(column, field,
         ReadIncrement(field, column == DeckColumn::kInitialIncrement
                                  ? &row->initial_increment_seconds
                                  : &row->increment_seconds));
  }
}

// --- What a line says beyond its price --------------------------------------

void DeckCsvParser::ReadTerms(RateRow* row) {
  domain::LineTerms terms;
  ReadDates(&terms);
  ReadPeriod(&terms);
  ReadCharges(&terms);
  terms.blocked = ReadBlocked(&terms);
  if (terms == domain::LineTerms()) return;
  row->terms = Intern(std::move(terms));
}

void DeckCsvParser::ReadDates(domain::LineTerms* terms) {
  for (const DeckColumn column : {DeckColumn::kFirstDay, DeckColumn::kLastDay}) {
    const absl::string_view field = Field(column);
    // The export of a database has words for what is not there.
    if (field.empty() || absl::EqualsIgnoreCase(field, "null") || field == "\\N") continue;
    absl::CivilDay day;
    // Some files end a day with its last second.
    const bool is_end = column == DeckColumn::kLastDay;
    std::string problem =
        ReadDate(is_end ? WithoutLastSecond(field) : field, options_.date_order, &day);
    const bool read = problem.empty();
    Note(column, field, std::move(problem));
    if (read) (column == DeckColumn::kFirstDay ? terms->first_day : terms->last_day) = day;
  }
  if (terms->first_day.has_value() && terms->last_day.has_value() &&
      *terms->last_day < *terms->first_day) {
    Note(DeckColumn::kLastDay, Field(DeckColumn::kLastDay), "is before the first day of its line");
  }
}

void DeckCsvParser::ReadPeriod(domain::LineTerms* terms) {
  const absl::string_view days = Field(DeckColumn::kDays);
  const absl::string_view from = Field(DeckColumn::kFrom);
  const absl::string_view to = Field(DeckColumn::kTo);
  if (days.empty() && from.empty() && to.empty()) return;
  constexpr uint8_t kEveryDay = 0x7F;
  domain::DayPeriod period{kEveryDay, 0, 24 * 60};
  if (!days.empty()) Note(DeckColumn::kDays, days, ReadDays(days, &period.days));
  if (from.empty() != to.empty()) {
    Note(from.empty() ? DeckColumn::kFrom : DeckColumn::kTo, "",
         "must be there where the other end of the time is");
  } else if (!from.empty()) {
    Note(DeckColumn::kFrom, from, ReadTimeOfDay(from, &period.from_minute));
    Note(DeckColumn::kTo, to, ReadTimeOfDay(to, &period.to_minute));
    if (period.from_minute == 24 * 60) period.from_minute = 0;
    if (period.to_minute == 0) period.to_minute = 24 * 60;
  }
  terms->periods.push_back(period);
}

void DeckCsvParser::ReadCharges(domain::LineTerms* terms) {
  if (const absl::string_view steps = Field(DeckColumn::kSteps); !steps.empty()) {
    Note(DeckColumn::kSteps, steps, ReadSteps(steps, options_.currency, &marks_, &terms->steps));
  }
  if (const absl::string_view field = Field(DeckColumn::kIncludedSeconds); !field.empty()) {
    Note(DeckColumn::kIncludedSeconds, field, ReadIncludedSeconds(field, &terms->included_seconds));
  }
  for (const DeckColumn column : {DeckColumn::kMinimum, DeckColumn::kMaximum}) {
    const absl::string_view field = Field(column);
    if (field.empty()) continue;
    (column == DeckColumn::kMinimum ? terms->minimum : terms->maximum) = ReadCharge(column, field);
  }
  if (terms->minimum.has_value() && terms->maximum.has_value() &&
      *terms->maximum < *terms->minimum) {
    Note(DeckColumn::kMaximum, Field(DeckColumn::kMaximum), "is less than the minimum");
  }
  if (const absl::string_view field = Field(DeckColumn::kStandard); !field.empty()) {
    bool standard = false;
    Note(DeckColumn::kStandard, field, ReadYesNo(field, &standard));
    terms->standard = standard;
  }
}

bool DeckCsvParser::ReadBlocked(domain::LineTerms* terms) {
  const absl::string_view field = Field(DeckColumn::kBlocked);
  const absl::string_view price = Field(DeckColumn::kPrice);
  bool blocked = false;
  if (!field.empty()) {
    std::string problem = rates::ReadBlocked(field, &blocked);
    bool yes = false;
    // A status of 1 is active to some, and blocked to nobody who says no more.
    if (IsDoubtful(DeckColumn::kBlocked) && ReadYesNo(field, &yes).empty()) {
      problem =
          "can be active or blocked: write one of these words, or name the column blocked, with "
          "yes or no";
    } else if (IsEndedWord(field)) {
      problem =
          "says that the line ends: remove the row, or write blocked if the prefix must not be "
          "called";
    }
    Note(DeckColumn::kBlocked, field, std::move(problem));
  }
  blocked = blocked || IsBlockedWord(price);
  terms->unpriced = blocked && IsNoPrice(price);
  return blocked;
}

void DeckCsvParser::RefuseForText() {
  for (const DeckColumn column :
       {DeckColumn::kConnectFee, DeckColumn::kInitialIncrement, DeckColumn::kIncrement,
        DeckColumn::kNextPrice, DeckColumn::kIncrements, DeckColumn::kSteps,
        DeckColumn::kIncludedSeconds, DeckColumn::kMinimum, DeckColumn::kMaximum, DeckColumn::kDays,
        DeckColumn::kFrom, DeckColumn::kTo}) {
    // "0.00" is a zero too.
    const absl::string_view field = Field(column);
    if (field.find_first_not_of("0.,/") != absl::string_view::npos) {
      Note(column, field, "must be empty or 0 for a text");
    }
  }
}

std::shared_ptr<const domain::LineTerms> DeckCsvParser::Intern(domain::LineTerms terms) {
  std::string key;
  for (const domain::PriceStep& step : terms.steps) {
    absl::StrAppend(&key, step.from_second, ":", step.price, ",");
  }
  absl::StrAppend(&key, "|", terms.included_seconds, "|", terms.minimum.value_or(-1), "|",
                  terms.maximum.value_or(-1), "|", terms.standard.has_value(),
                  terms.standard.value_or(false), terms.blocked, terms.unpriced, "|");
  for (const auto& day : {terms.first_day, terms.last_day}) {
    if (day.has_value()) absl::StrAppend(&key, *day - absl::CivilDay());
    key.push_back('|');
  }
  for (const domain::DayPeriod& period : terms.periods) {
    absl::StrAppend(&key, period.days, " ", period.from_minute, " ", period.to_minute, ",");
  }
  std::shared_ptr<const domain::LineTerms>& known = terms_[key];
  if (known == nullptr) known = std::make_shared<const domain::LineTerms>(std::move(terms));
  return known;
}

// --- Faults -----------------------------------------------------------------

std::string DeckCsvParser::Render(const Problem& problem) const {
  std::string text;
  if (problem.column != DeckColumn::kUnknown) {
    const absl::string_view name = NameOf(problem.column);
    const size_t position = positions_[static_cast<size_t>(problem.column)];
    const absl::string_view in_file = position == 0 ? name : columns_[position - 1].name;
    absl::StrAppend(&text, name);
    if (!absl::EqualsIgnoreCase(name, in_file)) absl::StrAppend(&text, " (", Quote(in_file), ")");
    absl::StrAppend(&text, ": ");
  }
  if (problem.value == "\"\"") {
    absl::StrAppend(&text, "\"\" ");
  } else if (!problem.value.empty()) {
    absl::StrAppend(&text, Quote(problem.value), " ");
  }
  absl::StrAppend(&text, problem.cause, problem.detail);
  return text;
}

void DeckCsvParser::AddBadRow(int64_t line, const std::vector<Problem>& problems) {
  ++bad_row_count_;
  for (const Problem& problem : problems) {
    const std::string key = absl::StrCat(static_cast<size_t>(problem.column), " ", problem.cause);
    const auto known = fault_of_.find(key);
    if (known == fault_of_.end()) {
      if (faults_.size() >= kMaxReportedFaults) continue;
      fault_of_.emplace(key, faults_.size());
      faults_.push_back({line, Render(problem), 1, {}});
      continue;
    }
    Fault& fault = faults_[known->second];
    ++fault.count;
    if (fault.more_lines.size() < kMoreLines) fault.more_lines.push_back(line);
  }
}

void DeckCsvParser::CheckEncoding() {
  const int64_t utf8 = lines_.first_utf8_line();
  const int64_t windows = lines_.first_windows_line();
  if (utf8 == 0 || windows == 0 || stopped_) return;
  AddBadRow(windows,
            {{DeckColumn::kUnknown, "",
              "the line is in Windows-1252 and others are in UTF-8: save the whole file as "
              "UTF-8",
              absl::StrCat(" (line ", utf8, " is)")}});
}

void DeckCsvParser::CheckMarks() {
  const bool points = marks_.doubtful_points > 0 && marks_.comma;
  const bool commas = marks_.doubtful_commas > 0 && (marks_.point || !marks_.comma);
  if (!points && !commas) return;
  const absl::string_view example = points ? "1.234" : "1,234";
  AddBadRow(
      doubtful_line_,
      {{DeckColumn::kUnknown, "",
        absl::StrCat("an amount like ", example,
                     " can be 1234 or one and a fraction: write its decimals with the mark of "
                     "the others, or say which it is with decimal_mark"),
        absl::StrCat(" (amounts like it: ",
                     points ? marks_.doubtful_points : marks_.doubtful_commas, ")")}});
}

absl::Status DeckCsvParser::BadDeck() const {
  std::vector<Fault> faults = faults_;
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.line < b.line; });
  std::vector<std::pair<int64_t, std::string>> texts;  // of one line all together
  for (const Fault& fault : faults) {
    std::string text = fault.text;
    if (fault.count > 1) {
      const int64_t rest = fault.count - 1 - static_cast<int64_t>(fault.more_lines.size());
      absl::StrAppend(&text, " (also in line", fault.count > 2 ? "s " : " ",
                      absl::StrJoin(fault.more_lines, ", "),
                      rest > 0 ? absl::StrCat(" and ", rest, " more") : "", ")");
    }
    if (!texts.empty() && texts.back().first == fault.line) {
      absl::StrAppend(&texts.back().second, "; ", text);
    } else {
      texts.emplace_back(fault.line, std::move(text));
    }
  }
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(texts.size(), kFaultsInMessage); ++i) {
    shown.push_back(absl::StrCat("line ", texts[i].first, ": ", texts[i].second));
  }
  if (texts.size() > shown.size()) {
    shown.push_back(absl::StrCat("and ", texts.size() - shown.size(), " more faults"));
  }
  absl::Status status = InvalidRateDeck(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat(bad_row_count_,
                   bad_row_count_ == 1 ? " bad row: " : " bad rows: ", absl::StrJoin(shown, "; ")));
  status = WithMetadata(std::move(status), kBadRowCountKey, absl::StrCat(bad_row_count_));
  status = WithMetadata(std::move(status), kReadAsKey, Describe(Understood()));
  for (const auto& [line, text] : texts) {
    status = WithMetadata(std::move(status), LineKey(line), text);
  }
  return status;
}

DeckUnderstood DeckCsvParser::Understood() const {
  DeckUnderstood understood;
  understood.encoding = lines_.EncodingName();
  understood.line_ends = std::string(lines_.LineEndName());
  understood.separator = std::string(SeparatorName(separator_));
  const bool points = marks_.point || marks_.doubtful_points > 0 || marks_.only == '.';
  const bool commas = marks_.comma || marks_.doubtful_commas > 0 || marks_.only == ',';
  understood.decimal_mark = points && commas ? "both" : points ? "point" : commas ? "comma" : "";
  understood.date_order = options_.date_order == DateOrder::kDayMonthYear   ? "DMY"
                          : options_.date_order == DateOrder::kMonthDayYear ? "MDY"
                                                                            : "";
  understood.header_line = header_line_;
  understood.columns = columns_;
  understood.row_count = file_rows_;
  understood.footer_count = title_count_ + static_cast<int64_t>(notes_.size());
  understood.footer = title_texts_;
  understood.footer.insert(understood.footer.end(), note_texts_.begin(), note_texts_.end());
  return understood;
}

std::string Describe(const DeckUnderstood& understood) {
  std::string text = absl::StrCat(understood.encoding, ", lines end in ", understood.line_ends,
                                  ", values are separated by ", understood.separator);
  if (!understood.decimal_mark.empty()) {
    absl::StrAppend(&text, ", decimal mark ", understood.decimal_mark);
  }
  if (!understood.date_order.empty()) absl::StrAppend(&text, ", dates ", understood.date_order);
  if (understood.header_line > 1) {
    absl::StrAppend(&text, ", columns named in line ", understood.header_line);
  }
  return text;
}

absl::StatusOr<DeckFile> ReadDeckFile(absl::string_view csv, DeckOptions options) {
  DeckCsvParser parser(std::move(options));
  parser.Feed(csv);
  return std::move(parser).Finish();
}

absl::StatusOr<std::vector<RateRow>> ParseDeckCsv(absl::string_view csv) {
  RESERVE_ASSIGN_OR_RETURN(DeckFile file, ReadDeckFile(csv, {}));
  return std::vector<RateRow>(file.rows.begin(), file.rows.end());
}

}  // namespace reserve::rates
