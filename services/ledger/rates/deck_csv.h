// Reads a rate deck from CSV, all or nothing.
//
// The first line names the columns, in any order, out of
//
//   kind,prefix,carrier,destination,price,connect_fee,initial_increment_seconds,increment_seconds,
//   country
//
// `kind` (call, call_inbound, sms, short_code or sms_short_code), `prefix` and `price` are
// required; a column that is left out, or an empty field, takes its default: no carrier, no name,
// fee 0, increments 60 and 60, the country of the number (C14: else ISO 3166-1 alpha-2, TOLL_FREE,
// SATELLITE or PREMIUM_RATE). A text's price is per segment; it has neither fee nor
// increments (empty or 0). Only a text (sms) may name a carrier. The prefix of the kinds of short
// codes is the whole code, 3 to 8 digits.
//
// Fields are quoted as in RFC 4180, but never span lines: no field may hold a line
// break, so a quote left open spoils its own line only. Lines end in LF or CRLF; a
// UTF-8 byte order mark and empty lines are ignored. Spaces belong to their field.
//
//   RESERVE_ASSIGN_OR_RETURN(std::vector<RateRow> rows, ParseDeckCsv(text));
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

inline constexpr int64_t kMaxDeckRows = 2'000'000;
inline constexpr size_t kMaxDeckLineBytes = 4096;
inline constexpr size_t kMaxDestinationNameBytes = 128;
inline constexpr size_t kMaxPrefixDigits = 15;
// Per minute or segment, and of a connect fee: dearer is taken for a mistake.
inline constexpr Nanos kMaxDeckPrice = 1000 * kNanosPerUnit;
// So many bad rows are reported each with its reason; the rest are counted.
inline constexpr int64_t kMaxReportedBadRows = 100;

// Reads a deck that comes in pieces, of any size and cut anywhere. Memory is
// bounded by the limits above. One thread at a time.
//
//   DeckCsvParser parser;
//   while (stream->Read(&piece)) parser.Feed(piece);
//   StatusOr<std::vector<RateRow>> rows = std::move(parser).Finish();
class DeckCsvParser {
 public:
  // Takes the next piece. What is wrong with it is told by Finish().
  void Feed(absl::string_view chunk);

  // The rows, in the order of the file. INVALID_ARGUMENT "INVALID_RATE_DECK" if
  // any row is bad: the metadata "bad_row_count" counts them, "line_<N>" says for
  // each of the first 100 what is wrong with line N, and the message shows the
  // first few.
  absl::StatusOr<std::vector<RateRow>> Finish() &&;

 private:
  enum Column : size_t {
    kKind,
    kPrefix,
    kCarrier,
    kDestination,
    kPrice,
    kConnectFee,
    kInitialIncrement,
    kIncrement,
    kCountry,
    kColumnCount
  };
  static const std::array<absl::string_view, kColumnCount> kColumnNames;

  // What makes a row unique: kind and prefix in one number, and the carrier's number.
  using RowKey = std::pair<uint64_t, uint32_t>;

  void TakeLine(absl::string_view line);
  void TakeHeader(absl::string_view line);
  void TakeRow(absl::string_view line);
  // Splits into `fields_`; the reason if the quoting is wrong, else empty.
  std::string SplitFields(absl::string_view line);
  absl::string_view Field(Column column) const;
  std::string ReadRow(RateRow* row) const;
  // Adds what is wrong with a column, if anything is.
  static void Note(Column column, absl::string_view problem, std::vector<std::string>* problems);
  void ReadKey(RateRow* row, std::vector<std::string>* problems) const;
  void ReadPrices(RateRow* row, std::vector<std::string>* problems) const;
  RowKey KeyOf(const RateRow& row);
  void AddBadRow(std::string reason);
  absl::Status BadDeck() const;

  std::string partial_line_;  // without its end; at most one byte over the limit
  int64_t line_number_ = 0;
  bool header_seen_ = false;
  bool stopped_ = false;                             // nothing more of the file is looked at
  std::array<size_t, kColumnCount> positions_ = {};  // 1 + the field's index; 0: left out
  size_t field_count_ = 0;
  std::vector<std::string> fields_;
  std::vector<RateRow> rows_;
  int64_t row_count_ = 0;  // good and bad ones
  absl::flat_hash_map<std::string, uint32_t> carrier_numbers_;
  absl::flat_hash_map<RowKey, int64_t> line_of_row_;
  std::vector<std::pair<int64_t, std::string>> bad_rows_;  // line, reason
  int64_t bad_row_count_ = 0;
};

// Reads a deck that is in memory as a whole; as DeckCsvParser.
absl::StatusOr<std::vector<RateRow>> ParseDeckCsv(absl::string_view csv);

// "call", "call_inbound", "sms", "short_code" or "sms_short_code", as in the column `kind`.
absl::string_view RateKindName(RateKind kind);

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_CSV_H_
