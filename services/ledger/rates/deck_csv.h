// Reads a rate deck from a file as people have them, all or nothing.
//
// A text of separated values, its columns named by one of its first lines. What the file is (its
// encoding, line ends, separator, decimal mark, the names of its columns) is found out and told
// again (DeckUnderstood); deck_columns.h has the columns and deck_fields.h the forms of values.
// What could mean two things is refused with its line, and what to do.
//
// A price list of texts may name networks (MCC and MNC) in place of prefixes: a row then holds for
// all numbers of the network's country, and one without a network for the rest of them. Lines of
// words below the last row are left out, and told (DeckUnderstood); among the rows they are faults.
//
// Required are `prefix` and `price` (or `blocked`). A column that is left out, or an empty field,
// takes its default: kind call, no carrier, no name, fee 0, increments 60 and 60, the country of
// the number (C14). A text's price is per segment; it has neither fee nor increments nor times.
//
// Fields are quoted as in RFC 4180. A quoted field may go on over a few lines, if the row is whole
// then; else a quote that is left open spoils its own line only. Spaces around a field are dropped,
// rows without a value are passed over.
//
//   RESERVE_ASSIGN_OR_RETURN(DeckFile file, ReadDeckFile(text, {.currency = "USD"}));
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/money/rounding.h"
#include "common/text/packed_digits.h"
#include "services/ledger/rates/deck_columns.h"
#include "services/ledger/rates/deck_fields.h"
#include "services/ledger/rates/line_groups.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"
#include "services/ledger/rates/text_lines.h"

namespace reserve::rates {

inline constexpr int64_t kMaxDeckRows = 2'000'000;
inline constexpr size_t kMaxDeckLineBytes = 4096;
inline constexpr size_t kMaxDestinationNameBytes = 128;
inline constexpr size_t kMaxPrefixDigits = kMaxPackedDigits;
// So many different faults are reported, each once; further rows with them are counted.
inline constexpr size_t kMaxReportedFaults = 100;

// What the importer says and a file can't.
struct DeckOptions {
  std::string currency = {};                      // of the prices; empty: not compared
  DateOrder date_order = DateOrder::kUnknown;     // of dates that can be read in two ways
  char decimal_mark = 0;                          // '.' or ','; 0: found out
  std::optional<RateKind> kind = {};              // where the file has no such column
  std::vector<std::string> ignored_columns = {};  // names of columns that mean nothing
  // The decimal place to which the deck rounds: fees, minimums and maximums lie on it (C11).
  int32_t decimals = kNanoPlace;
};

// How a file was read.
struct DeckUnderstood {
  struct Column {
    std::string name;     // in the file
    std::string meaning;  // a column of deck_columns.h, or "ignored"
  };
  std::string encoding;      // as TextLines::EncodingName
  std::string line_ends;     // "LF", "CRLF" or "CR"
  std::string separator;     // "comma", "semicolon", "tab" or "bar"
  std::string decimal_mark;  // "point", "comma", "both"; empty: no value had decimals
  std::string date_order;    // as was said: "DMY", "MDY"; empty: each date says it
  int64_t header_line = 0;   // the lines before it were passed over
  std::vector<Column> columns;
  int64_t row_count = 0;  // of the file; one may be several lines of the deck
  // Words that stand above the names of the columns and below the last row, in so many lines, which
  // were left out; and the first of each: "line 512: Prices exclude VAT".
  int64_t footer_count = 0;
  std::vector<std::string> footer;
};

// In words, without the columns: "UTF-8, lines end in LF, values are separated by comma".
std::string Describe(const DeckUnderstood& understood);

struct DeckFile {
  RateRows rows;
  std::vector<RowSource> sources;  // of each row
  DeckUnderstood understood;
  int64_t gap_count = 0;
  std::vector<DatesGap> gaps;  // the first of them
};

// Reads a deck that comes in pieces, of any size and cut anywhere. Memory is
// bounded by the limits above: some 24 bytes a row. One thread at a time.
//
//   DeckCsvParser parser(options);
//   while (stream->Read(&piece)) parser.Feed(piece);
//   StatusOr<DeckFile> file = std::move(parser).Finish();
class DeckCsvParser {
 public:
  explicit DeckCsvParser(DeckOptions options = {}) : options_(std::move(options)) {
    marks_.only = options_.decimal_mark;
  }

  // Takes the next piece. What is wrong with it is told by Finish().
  void Feed(absl::string_view chunk);

  // The rows, in the order of the file. INVALID_ARGUMENT "INVALID_RATE_DECK" if any row is bad: the
  // metadata "bad_row_count" counts them, and "line_<N>" says for each of the first 100 different
  // faults what is wrong with the first line that has it, and which lines have it too; the message
  // shows the first few.
  absl::StatusOr<DeckFile> Finish() &&;

 private:
  struct Problem {
    DeckColumn column;  // kUnknown: of the whole row
    std::string value;  // empty: not shown
    std::string cause;  // the same cause in the same column is the same fault
    std::string detail;
  };
  struct Fault {
    int64_t line = 0;
    std::string text;  // of its first line
    int64_t count = 0;
    std::vector<int64_t> more_lines;  // the next few
  };
  // A line of words that says something else of the prices than their columns.
  struct Doubt {
    int64_t line = 0;
    std::string text;
    std::string cause;
    bool of_currency = false;
  };
  // One column of a header that was tried.
  struct Header {
    char separator = 0;
    std::vector<ColumnName> names;
    size_t known = 0;
  };

  void TakeLine(absl::string_view line);
  bool ReplayOpenQuote();
  void TakeRecord(absl::string_view record);
  bool IsPreamble(const Header& header) const;
  Header TryHeader(absl::string_view record);
  void TakeHeader(absl::string_view record);
  void PlaceColumns(Header header, std::vector<std::string>* problems);
  static void TellCodesFromNames(Header* header);
  void TakeLoneCode();
  bool IsIgnored(size_t index) const;
  void PlaceColumn(size_t index, const ColumnName& name, std::vector<std::string>* problems);
  void TakeRow(absl::string_view record);
  void AddRows(const RateRow& row);
  std::string FirstWords() const;
  void TakeTitle();
  void TakeNote();
  void RefuseNotes();
  bool IsHeaderAgain() const;
  void DoubtLine(bool is_note);
  // Splits into `fields_`; the reason if the quoting is wrong, else empty.
  std::string SplitFields(absl::string_view record, char separator);
  bool Has(DeckColumn column) const { return positions_[static_cast<size_t>(column)] != 0; }
  bool HasMobileCodes() const { return Has(DeckColumn::kMcc) || Has(DeckColumn::kMccMnc); }
  absl::string_view Field(DeckColumn column) const;
  bool IsNote() const;
  bool IsTotal() const;
  std::string CountProblem() const;
  void ReadRow(RateRow* row);
  void ReadKind(RateRow* row);
  void ReadPrefix(RateRow* row);
  void ReadCarrier(RateRow* row);
  // Of a list that names networks and no prefixes.
  std::string MobileCode() const;
  void ReadPrefixesOfNetwork(const RateRow& row);
  void ReadNetworks();
  void ReadNames(RateRow* row);
  void ReadPrices(RateRow* row);
  void ReadNextPrice(RateRow* row);
  void CheckMinimum(const RateRow& row);
  void CheckWords(const RateRow& row);
  void CountAreaCode(absl::string_view calling_code, absl::string_view area);
  // Of the area codes of the file, once it is read.
  void CheckAreaCodes();
  void TellDoubts();
  bool IsDoubtful(DeckColumn column) const { return doubtful_[static_cast<size_t>(column)]; }
  void ReadIncrements(RateRow* row);
  void ReadTerms(RateRow* row);
  void ReadDates(domain::LineTerms* terms);
  void ReadPeriod(domain::LineTerms* terms);
  void ReadCharges(domain::LineTerms* terms);
  // Of a fee, a minimum or a maximum.
  Nanos ReadCharge(DeckColumn column, absl::string_view field);
  bool ReadBlocked(domain::LineTerms* terms);
  void RefuseForText();
  std::shared_ptr<const domain::LineTerms> Intern(domain::LineTerms terms);
  // Adds what is wrong with a column, if anything is.
  void Note(DeckColumn column, absl::string_view value, std::string cause, std::string detail = "");
  std::string Render(const Problem& problem) const;
  void AddBadRow(int64_t line, const std::vector<Problem>& problems);
  void CheckMarks();
  void CheckEncoding();
  absl::Status BadDeck() const;
  DeckUnderstood Understood() const;

  const DeckOptions options_;
  TextLines lines_{kMaxDeckLineBytes};
  std::vector<std::string> open_lines_;  // a quote is open since the first of them
  int64_t record_line_ = 0;
  bool header_seen_ = false;
  bool stopped_ = false;  // nothing more of the file is looked at
  int64_t header_line_ = 0;
  char separator_ = ',';
  char said_separator_ = 0;                          // by a line "sep=;"
  std::array<size_t, kDeckColumns> positions_ = {};  // 1 + the field's index; 0: left out
  std::array<int, kDeckColumns> ranks_ = {};
  std::array<bool, kDeckColumns> doubtful_ = {};  // ColumnName::doubtful
  std::vector<size_t> word_columns_;              // what is in them is not a part of a line
  bool currency_is_said_ = false;                 // by the names of the columns, or in one
  bool preamble_seen_ = false;
  int64_t title_count_ = 0;               // lines of words above the header
  std::vector<std::string> title_texts_;  // the first of them
  std::vector<Doubt> doubts_;
  int64_t area_rows_ = 0;            // with a calling code and an area code
  int64_t area_rows_with_code_ = 0;  // the area code begins with the calling code
  int64_t area_line_ = 0;            // of the first of those
  std::vector<DeckUnderstood::Column> columns_;
  size_t field_count_ = 0;
  std::vector<absl::string_view> fields_;  // of the record and of `unquoted_`
  std::vector<std::string> unquoted_;
  std::vector<std::string> prefixes_;  // of the row at hand
  std::vector<std::string> carriers_;  // of the same, in a list by networks; empty: that of the row
  bool by_network_ = false;            // countries are told by networks, and there are no prefixes
  absl::flat_hash_set<std::string> networks_;  // lines that are there, in such a list
  std::vector<int64_t> notes_;                 // lines of words since the last row
  std::vector<std::string> note_texts_;        // the first of them
  std::vector<Problem> problems_;
  PrefixForm form_;
  DecimalMarks marks_;
  int64_t doubtful_line_ = 0;
  bool kind_is_said_ = false;
  RateRows rows_;  // the good ones, even if all of them are refused
  std::vector<RowSource> sources_;
  int64_t row_count_ = 0;  // good and bad ones, of the deck
  int64_t file_rows_ = 0;
  absl::flat_hash_map<std::string, std::shared_ptr<const domain::LineTerms>> terms_;
  std::vector<Fault> faults_;
  absl::flat_hash_map<std::string, size_t> fault_of_;
  int64_t bad_row_count_ = 0;
};

// Reads a deck that is in memory as a whole; as DeckCsvParser.
absl::StatusOr<DeckFile> ReadDeckFile(absl::string_view csv, DeckOptions options);
// Its rows alone.
absl::StatusOr<std::vector<RateRow>> ParseDeckCsv(absl::string_view csv);

// "call", "call_inbound", "sms", "short_code" or "sms_short_code", as in the column `kind`.
absl::string_view RateKindName(RateKind kind);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_
