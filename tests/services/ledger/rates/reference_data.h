// The reference files that may lie beside the project, for tests only.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_RATES_REFERENCE_DATA_H_
#define RESERVE_TESTS_SERVICES_LEDGER_RATES_REFERENCE_DATA_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace reserve::rates {

// One line, by the names of the columns.
using ReferenceRow = std::map<std::string, std::string>;

inline std::string ReferencePath(absl::string_view file) {
  const char* source = std::getenv("RESERVE_TEST_SOURCE_DIR");
  return absl::StrCat(source == nullptr ? "." : source, "/../shared/data/", file);
}

inline bool HasReferenceData() { return std::filesystem::exists(ReferencePath("calls.csv")); }

// Fields of one CSV line of a well-formed file.
inline std::vector<std::string> ReferenceFields(absl::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back().push_back(c);
    }
  }
  return fields;
}

inline std::vector<ReferenceRow> ReadReference(absl::string_view file) {
  std::ifstream in(ReferencePath(file));
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = ReferenceFields(line);
  std::vector<ReferenceRow> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> fields = ReferenceFields(line);
    ReferenceRow& row = rows.emplace_back();
    for (size_t i = 0; i < names.size() && i < fields.size(); ++i) row[names[i]] = fields[i];
  }
  return rows;
}

// The reference deck in the columns of our own.
inline std::string ReferenceDeckCsv() {
  std::string csv =
      "kind,destination,prefix,price,connect_fee,initial_increment_seconds,increment_seconds\n";
  for (ReferenceRow& row : ReadReference("voice_rates.csv")) {
    absl::StrAppend(&csv, "call,\"", row["destination"], "\",", row["prefix"], ",");
    absl::StrAppend(&csv, row["price_per_minute_usd"], ",", row["connect_fee_usd"], ",");
    absl::StrAppend(&csv, row["initial_increment_s"], ",", row["subsequent_increment_s"], "\n");
  }
  return csv;
}

}  // namespace reserve::rates

#endif  // RESERVE_TESTS_SERVICES_LEDGER_RATES_REFERENCE_DATA_H_
