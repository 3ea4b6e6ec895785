#include "services/ledger/storage/deck_rows.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/rates/line_terms_text.h"
#include "services/ledger/storage/database_error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using rates::DeckHeader;
using rates::RateRow;
using rates::RateRows;

constexpr absl::string_view kHeaderColumns =
    "version,name,currency,effective_time,standard_rate_ceiling_nanos,rate_count,import_time,"
    "content_digest,time_zone,clock_changes,holidays,periods_by_start,rounding,rounding_decimals,"
    "prices_include_tax,standard_by_price_alone,series";
// Of a row of `rates` from before there were shapes (`shape` 0) the prices are its own.
constexpr absl::string_view kRateColumns =
    "kind,prefix,carrier,line,destination_name,shape,price_nanos,connect_fee_nanos,"
    "initial_increment_seconds,increment_seconds,country";
constexpr absl::string_view kShapeColumns =
    "price_nanos,connect_fee_nanos,initial_increment_seconds,increment_seconds,country,terms";
// A statement stays far below max_allowed_packet (16 MB, 1 MB on old servers).
constexpr size_t kMaxStatementBytes = size_t{256} * 1024;
// One of rows of a deck, of which there may be millions, keeps the server busy for a few
// milliseconds.
constexpr size_t kMaxRatesBytes = size_t{64} * 1024;
constexpr size_t kRowsPerPage = 20'000;

// Reads the shapes of a deck, or those that `which` says, a condition of SQL: a page of them, each
// with its number. `last` is the last number that was read, 0 before the first page; false: there
// are no more.
absl::StatusOr<bool> ReadShapes(Connection& connection, int64_t version, absl::string_view which,
                                int64_t* last,
                                absl::FunctionRef<void(int64_t number, const RateRow&)> take) {
  int64_t bad = 0;
  size_t found = 0;
  std::shared_ptr<const domain::LineTerms> terms;
  std::string terms_text;  // as which they are stored: shapes that follow each other may share them
  RESERVE_RETURN_IF_ERROR(connection.Query(
      absl::StrCat("SELECT shape,", kShapeColumns, " FROM rate_shapes WHERE deck_version = ",
                   version, which, " AND shape > ", *last, " ORDER BY shape LIMIT ", kRowsPerPage),
      [&](const Row& row) {
        ++found;
        *last = row.Int(1);
        RateRow rate;
        rate.price = row.Int(2);
        rate.connect_fee = row.Int(3);
        rate.initial_increment_seconds = static_cast<int32_t>(row.Int(4));
        rate.increment_seconds = static_cast<int32_t>(row.Int(5));
        rate.country =
            domain::NumberCountryFrom(row.Text(6)).value_or(domain::NumberCountry::kUnknown);
        if (std::string text = row.Text(7); !text.empty()) {
          if (text != terms_text) {
            std::optional<domain::LineTerms> read = rates::LineTermsFrom(text);
            if (!read.has_value()) bad = *last;
            terms =
                std::make_shared<domain::LineTerms>(std::move(read).value_or(domain::LineTerms()));
            terms_text = std::move(text);
          }
          rate.terms = terms;
        }
        take(*last, rate);
      }));
  if (bad != 0) {
    return BadRows(absl::StrCat("shape ", bad, " of rate deck ", version, " can't be read"));
  }
  return found == kRowsPerPage;
}

// The prices of a row of `rates` from before there were shapes.
RateRow OwnPrices(const Row& row) {
  RateRow rate;
  rate.price = row.Int(7);
  rate.connect_fee = row.Int(8);
  rate.initial_increment_seconds = static_cast<int32_t>(row.Int(9));
  rate.increment_seconds = static_cast<int32_t>(row.Int(10));
  rate.country = domain::NumberCountryFrom(row.Text(11)).value_or(domain::NumberCountry::kUnknown);
  return rate;
}

// By its number, what a row has of it.
using StoredShapes = absl::flat_hash_map<int64_t, RateRow>;

// Nothing if it names a shape that is not there.
std::optional<RateRow> ReadRate(const Row& row, const StoredShapes& shapes) {
  RateRow rate;
  if (const int64_t number = row.Int(6); number != 0) {
    const auto shape = shapes.find(number);
    if (shape == shapes.end()) return std::nullopt;
    rate = shape->second;
  } else {
    rate = OwnPrices(row);
  }
  rate.kind = static_cast<rates::RateKind>(row.Int(1));
  rate.prefix = row.Text(2);
  rate.carrier = row.Text(3);
  rate.destination_name = row.Text(5);
  return rate;
}

// The rows of a deck of that kind with one of these prefixes, as a condition of SQL.
std::string WhichRows(int64_t version, rates::RateKind kind,
                      absl::Span<const std::string> prefixes) {
  SqlText sql(absl::StrCat("deck_version = ", version, " AND kind = ", static_cast<int>(kind),
                           " AND prefix IN "));
  sql.Row();
  for (const std::string& prefix : prefixes) sql.Text(prefix);
  sql.EndRow();
  return sql.str();
}

// Each row names its shape by the number of that in `rows`, from 1 on.
absl::Status InsertRates(Connection& connection, int64_t version, const RateRows& rows,
                         absl::FunctionRef<void()> rest) {
  size_t next = 0;
  int64_t line = 0;
  std::string prefix;
  while (next < rows.size()) {
    SqlText sql(
        "INSERT INTO rates (deck_version,kind,prefix,carrier,line,destination_name,shape) VALUES ");
    for (; next < rows.size() && sql.size() < kMaxRatesBytes; ++next) {
      line = next > 0 && rows.SameKey(next - 1, next) ? line + 1 : 0;
      UnpackDigits(rows.DigitsAt(next), &prefix);
      sql.Row()
          .Int(version)
          .Int(static_cast<int64_t>(rows.KindAt(next)))
          .Text(prefix)
          .Text(rows.texts().At(rows.CarrierAt(next)))
          .Int(line)
          .Text(rows.texts().At(rows.NameAt(next)))
          .Int(int64_t{rows.ShapeAt(next)} + 1)
          .EndRow();
    }
    RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
    if (next < rows.size()) rest();
  }
  return absl::OkStatus();
}

absl::Status InsertShapes(Connection& connection, int64_t version, const RateRows& rows) {
  const std::string start =
      absl::StrCat("INSERT INTO rate_shapes (deck_version,shape,", kShapeColumns, ") VALUES ");
  const std::vector<RateRows::Shape>& shapes = rows.shapes();
  size_t next = 0;
  while (next < shapes.size()) {
    SqlText sql(start);
    for (; next < shapes.size() && sql.size() < kMaxStatementBytes; ++next) {
      const RateRows::Shape& shape = shapes[next];
      const domain::LineTerms* terms = rows.TermsAt(shape.terms).get();
      sql.Row()
          .Int(version)
          .Int(static_cast<int64_t>(next) + 1)
          .Int(shape.price)
          .Int(shape.connect_fee)
          .Int(shape.initial_increment_seconds)
          .Int(shape.increment_seconds)
          .Text(domain::TextOf(shape.country))
          .Text(terms == nullptr ? "" : rates::TextOf(*terms))
          .EndRow();
    }
    RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
  }
  return absl::OkStatus();
}

absl::Status InsertAll(Connection& connection, const DeckHeader& header, const RateRows& rows,
                       absl::FunctionRef<void()> rest) {
  SqlText sql(absl::StrCat("INSERT INTO rate_decks (", kHeaderColumns, ") VALUES "));
  sql.Row()
      .Int(header.version)
      .Text(header.name)
      .Text(header.currency)
      .Time(header.effective_time)
      .Int(header.standard_rate_ceiling)
      .Int(static_cast<int64_t>(rows.size()))
      .Time(header.import_time)
      .Text(header.content_digest)
      .Text(header.time_zone)
      .Text(rates::ChangesText(header.rules.calendar))
      .Text(rates::HolidaysText(header.rules.calendar))
      .Int(header.rules.periods_by_start)
      .Int(static_cast<int64_t>(header.rules.rounding.mode))
      .Int(header.rules.rounding.place)
      .Int(header.prices_include_tax)
      .Int(header.standard_by_price_alone)
      .Text(header.series)
      .EndRow();
  RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
  RESERVE_RETURN_IF_ERROR(InsertRates(connection, header.version, rows, rest));
  return InsertShapes(connection, header.version, rows);
}

}  // namespace

absl::StatusOr<std::vector<DeckHeader>> LoadDeckHeaders(Connection& connection) {
  std::vector<DeckHeader> headers;
  int64_t bad = 0;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", kHeaderColumns, " FROM rate_decks ORDER BY version"),
                       [&](const Row& row) {
                         DeckHeader header;
                         header.version = row.Int(1);
                         header.name = row.Text(2);
                         header.currency = row.Text(3);
                         header.effective_time = row.Time(4);
                         header.standard_rate_ceiling = row.Int(5);
                         header.rate_count = row.Int(6);
                         header.import_time = row.Time(7);
                         header.content_digest = row.Text(8);
                         header.time_zone = row.Text(9);
                         const auto calendar = rates::CalendarFrom(row.Text(10), row.Text(11));
                         if (!calendar.has_value()) bad = header.version;
                         header.rules.calendar = calendar.value_or(domain::DeckCalendar());
                         header.rules.periods_by_start = row.Int(12) != 0;
                         header.rules.rounding = {static_cast<RoundingMode>(row.Int(13)),
                                                  static_cast<int32_t>(row.Int(14))};
                         header.prices_include_tax = row.Int(15) != 0;
                         header.standard_by_price_alone = row.Int(16) != 0;
                         header.series = row.Text(17);
                         headers.push_back(std::move(header));
                       }));
  if (bad != 0) return BadRows(absl::StrCat("the calendar of rate deck ", bad, " can't be read"));
  return headers;
}

absl::StatusOr<RateRows> LoadDeckRows(Connection& connection, int64_t version,
                                      absl::FunctionRef<absl::Status()> go_on) {
  RateRows rows;
  std::vector<uint32_t> shapes = {0};  // in `rows`, by the numbers from 1 on that they have stored
  bool complete = true;
  int64_t last = 0;
  for (bool more = true; more;) {
    RESERVE_RETURN_IF_ERROR(go_on());
    RESERVE_ASSIGN_OR_RETURN(
        more,
        ReadShapes(connection, version, "", &last, [&](int64_t number, const RateRow& prices) {
          complete = complete && number == static_cast<int64_t>(shapes.size());
          shapes.push_back(rows.ShapeOf(prices));
        }));
  }
  for (const rates::RateKind kind : rates::kRateKinds) {
    std::string prefix;
    std::string carrier;
    int64_t line = -1;
    size_t found = kRowsPerPage;
    while (found == kRowsPerPage) {
      RESERVE_RETURN_IF_ERROR(go_on());
      found = 0;
      // The client library keeps the whole answer of a statement in memory, so a large deck is read
      // in pages. Each begins in the primary key where the one before it ended.
      RESERVE_RETURN_IF_ERROR(connection.Query(
          absl::StrCat("SELECT ", kRateColumns, " FROM rates WHERE deck_version = ", version,
                       " AND kind = ", static_cast<int>(kind), " AND (prefix > ", Quoted(prefix),
                       " OR (prefix = ", Quoted(prefix), " AND (carrier > ", Quoted(carrier),
                       " OR (carrier = ", Quoted(carrier), " AND line > ", line,
                       ")))) ORDER BY prefix, carrier, line LIMIT ", kRowsPerPage),
          [&](const Row& row) {
            ++found;
            prefix = row.Text(2);
            carrier = row.Text(3);
            line = row.Int(4);
            const int64_t number = row.Int(6);
            if (number < 0 || number >= static_cast<int64_t>(shapes.size())) {
              complete = false;
              return;
            }
            const uint32_t shape =
                number == 0 ? rows.ShapeOf(OwnPrices(row)) : shapes[static_cast<size_t>(number)];
            rows.AddWithShape(kind, prefix, carrier, row.Text(5), shape);
          }));
    }
  }
  if (!complete) {
    return BadRows(absl::StrCat("rate deck ", version, " has a line whose prices are missing"));
  }
  return rows;
}

absl::StatusOr<std::vector<RateRow>> FindDeckRows(Connection& connection, int64_t version,
                                                  rates::RateKind kind,
                                                  const std::vector<std::string>& prefixes) {
  std::vector<RateRow> rows;
  bool complete = true;
  RESERVE_RETURN_IF_ERROR(InParts<std::string>(prefixes, [&](absl::Span<const std::string> part) {
    const std::string which = WhichRows(version, kind, part);
    StoredShapes shapes;
    int64_t last = 0;
    for (bool more = true; more;) {
      RESERVE_ASSIGN_OR_RETURN(
          more,
          ReadShapes(
              connection, version,
              absl::StrCat(" AND shape IN (SELECT shape FROM rates FORCE INDEX (PRIMARY) WHERE ",
                           which, ")"),
              &last, [&](int64_t number, const RateRow& prices) { shapes[number] = prices; }));
    }
    return connection.Query(
        absl::StrCat("SELECT ", kRateColumns, " FROM rates FORCE INDEX (PRIMARY) WHERE ", which,
                     " ORDER BY prefix, carrier, line"),
        [&](const Row& row) {
          std::optional<RateRow> rate = ReadRate(row, shapes);
          complete = complete && rate.has_value();
          if (rate.has_value()) rows.push_back(*std::move(rate));
        });
  }));
  if (!complete) {
    return BadRows(absl::StrCat("rate deck ", version, " has a line whose prices are missing"));
  }
  return rows;
}

absl::Status InsertDeck(Connection& connection, const DeckHeader& header, const RateRows& rows,
                        absl::FunctionRef<void()> rest) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  const absl::Status written = InsertAll(connection, header, rows, rest);
  if (!written.ok()) {
    connection.Rollback();
    return written;
  }
  return connection.Commit();
}

}  // namespace reserve::storage
