#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/deck_snapshot.h"
#include "tests/fuzz/targets.h"

namespace reserve::fuzz {
namespace {

using rates::DeckFile;
using rates::RateRow;

// What the importer says of the file, by the first byte.
rates::DeckOptions OptionsFrom(uint8_t bits) {
  rates::DeckOptions options;
  if ((bits & 1) != 0) options.currency = "USD";
  if ((bits & 2) != 0) options.decimal_mark = (bits & 4) != 0 ? ',' : '.';
  if ((bits & 8) != 0) {
    options.date_order =
        (bits & 16) != 0 ? rates::DateOrder::kDayMonthYear : rates::DateOrder::kMonthDayYear;
  }
  if ((bits & 32) != 0) options.kind = rates::RateKind::kSms;
  if ((bits & 64) != 0) options.decimals = 4;
  return options;
}

absl::StatusOr<DeckFile> ReadInPieces(absl::string_view file, const rates::DeckOptions& options,
                                      size_t piece) {
  rates::DeckCsvParser parser(options);
  for (size_t at = 0; at < file.size(); at += piece) parser.Feed(file.substr(at, piece));
  return std::move(parser).Finish();
}

bool SameRows(const rates::RateRows& one, const rates::RateRows& other) {
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin());
}

void AskForItsNumbers(const rates::DeckSnapshot& deck, const std::vector<RateRow>& rows) {
  const absl::Time start = absl::FromUnixSeconds(1'795'000'000);
  for (const RateRow& row : rows) {
    deck.FindCall(domain::Direction::kOutbound, row.prefix + "5551234", start);
    deck.FindCall(domain::Direction::kInbound, row.prefix, start);
    deck.FindSms(row.prefix + "5551234", row.carrier, start);
  }
}

}  // namespace

void Decks(absl::string_view bytes) {
  if (bytes.size() < 2) return;
  const rates::DeckOptions options = OptionsFrom(static_cast<uint8_t>(bytes[0]));
  const size_t piece = 1 + static_cast<uint8_t>(bytes[1]);
  const absl::string_view text = bytes.substr(2);
  absl::StatusOr<DeckFile> whole = rates::ReadDeckFile(text, options);
  const absl::StatusOr<DeckFile> pieces = ReadInPieces(text, options, piece);
  // What it was read as may say less where nothing after a bad header was looked at.
  Require(whole.status().code() == pieces.status().code() &&
              whole.status().message() == pieces.status().message(),
          absl::StrCat("a file says the same however it is cut: ", whole.status().ToString(),
                       "\nin pieces of ", piece, ": ", pieces.status().ToString()));
  if (!whole.ok()) return RequireReadable(whole.status().message());
  Require(SameRows(whole->rows, pieces->rows), "a file has the same rows however it is cut");
  Require(!whole->rows.empty(), "a deck has rows");
  RequireReadable(rates::Describe(whole->understood));
  std::vector<RateRow> rows;
  for (size_t i = 0; i < std::min<size_t>(whole->rows.size(), 50); ++i) {
    rows.push_back(whole->rows[i]);
  }
  rates::DeckHeader header;
  header.version = 1;
  header.currency = "USD";
  const absl::StatusOr<std::shared_ptr<const rates::DeckSnapshot>> deck =
      rates::DeckSnapshot::Create(header, std::move(whole->rows));
  if (deck.ok()) AskForItsNumbers(**deck, rows);
}

}  // namespace reserve::fuzz
