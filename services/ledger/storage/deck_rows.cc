#include "services/ledger/storage/deck_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/error/error.h"
#include "services/ledger/storage/parts.h"
#include "services/ledger/storage/sql_text.h"

namespace reserve::storage {
namespace {

using rates::DeckHeader;
using rates::RateRow;

constexpr absl::string_view kHeaderColumns =
    "version,name,currency,effective_time,standard_rate_ceiling_nanos,rate_count,import_time,"
    "content_digest";
constexpr absl::string_view kRateColumns =
    "kind,prefix,carrier,destination_name,price_nanos,connect_fee_nanos,"
    "initial_increment_seconds,increment_seconds,country";
// A statement stays far below max_allowed_packet (16 MB, 1 MB on old servers).
constexpr size_t kMaxStatementBytes = size_t{256} * 1024;
constexpr size_t kRowsPerPage = 20'000;

RateRow ReadRate(const Row& row) {
  RateRow rate;
  rate.kind = static_cast<rates::RateKind>(row.Int(1));
  rate.prefix = row.Text(2);
  rate.carrier = row.Text(3);
  rate.destination_name = row.Text(4);
  rate.price = row.Int(5);
  rate.connect_fee = row.Int(6);
  rate.initial_increment_seconds = static_cast<int32_t>(row.Int(7));
  rate.increment_seconds = static_cast<int32_t>(row.Int(8));
  rate.country = domain::NumberCountryFrom(row.Text(9)).value_or(domain::NumberCountry::kUnknown);
  return rate;
}

absl::Status InsertRates(Connection& connection, int64_t version,
                         const std::vector<RateRow>& rows) {
  const std::string start =
      absl::StrCat("INSERT INTO rates (deck_version,", kRateColumns, ") VALUES ");
  size_t next = 0;
  while (next < rows.size()) {
    SqlText sql(start);
    for (; next < rows.size() && sql.size() < kMaxStatementBytes; ++next) {
      const RateRow& row = rows[next];
      sql.Row()
          .Int(version)
          .Int(static_cast<int64_t>(row.kind))
          .Text(row.prefix)
          .Text(row.carrier)
          .Text(row.destination_name)
          .Int(row.price)
          .Int(row.connect_fee)
          .Int(row.initial_increment_seconds)
          .Int(row.increment_seconds)
          .Text(domain::TextOf(row.country))
          .EndRow();
    }
    RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
  }
  return absl::OkStatus();
}

absl::Status InsertAll(Connection& connection, const DeckHeader& header,
                       const std::vector<RateRow>& rows) {
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
      .EndRow();
  RESERVE_RETURN_IF_ERROR(connection.Execute(sql.str()));
  return InsertRates(connection, header.version, rows);
}

}  // namespace

absl::StatusOr<std::vector<DeckHeader>> LoadDeckHeaders(Connection& connection) {
  std::vector<DeckHeader> headers;
  RESERVE_RETURN_IF_ERROR(
      connection.Query(absl::StrCat("SELECT ", kHeaderColumns, " FROM rate_decks ORDER BY version"),
                       [&headers](const Row& row) {
                         DeckHeader header;
                         header.version = row.Int(1);
                         header.name = row.Text(2);
                         header.currency = row.Text(3);
                         header.effective_time = row.Time(4);
                         header.standard_rate_ceiling = row.Int(5);
                         header.rate_count = row.Int(6);
                         header.import_time = row.Time(7);
                         header.content_digest = row.Text(8);
                         headers.push_back(std::move(header));
                       }));
  return headers;
}

absl::StatusOr<std::vector<RateRow>> LoadDeckRows(Connection& connection, int64_t version,
                                                  absl::FunctionRef<absl::Status()> go_on) {
  std::vector<RateRow> rows;
  for (const rates::RateKind kind : rates::kRateKinds) {
    std::string prefix;
    std::string carrier;
    size_t found = kRowsPerPage;
    while (found == kRowsPerPage) {
      RESERVE_RETURN_IF_ERROR(go_on());
      const size_t before = rows.size();
      // The client library keeps the whole answer of a statement in memory, so a large deck is read
      // in pages. Each begins in the primary key where the one before it ended.
      RESERVE_RETURN_IF_ERROR(connection.Query(
          absl::StrCat("SELECT ", kRateColumns, " FROM rates WHERE deck_version = ", version,
                       " AND kind = ", static_cast<int>(kind), " AND (prefix > ", Quoted(prefix),
                       " OR (prefix = ", Quoted(prefix), " AND carrier > ", Quoted(carrier),
                       ")) ORDER BY prefix, carrier LIMIT ", kRowsPerPage),
          [&rows](const Row& row) { rows.push_back(ReadRate(row)); }));
      found = rows.size() - before;
      if (found == 0) break;
      prefix = rows.back().prefix;
      carrier = rows.back().carrier;
    }
  }
  return rows;
}

absl::StatusOr<std::vector<RateRow>> FindDeckRows(Connection& connection, int64_t version,
                                                  rates::RateKind kind,
                                                  const std::vector<std::string>& prefixes) {
  std::vector<RateRow> rows;
  RESERVE_RETURN_IF_ERROR(InParts<std::string>(prefixes, [&](absl::Span<const std::string> part) {
    SqlText sql(absl::StrCat("SELECT ", kRateColumns,
                             " FROM rates FORCE INDEX (PRIMARY) WHERE deck_version = ", version,
                             " AND kind = ", static_cast<int>(kind), " AND prefix IN "));
    sql.Row();
    for (const std::string& prefix : part) sql.Text(prefix);
    sql.EndRow();
    return connection.Query(sql.str(), [&rows](const Row& row) { rows.push_back(ReadRate(row)); });
  }));
  return rows;
}

absl::Status InsertDeck(Connection& connection, const DeckHeader& header,
                        const std::vector<RateRow>& rows) {
  RESERVE_RETURN_IF_ERROR(connection.Begin());
  const absl::Status written = InsertAll(connection, header, rows);
  if (!written.ok()) {
    connection.Rollback();
    return written;
  }
  return connection.Commit();
}

}  // namespace reserve::storage
