// Rows of CSV (RFC 4180) that a spreadsheet can be given.
//
// A spreadsheet takes text that begins with = + - @ a tab or a line's end for a formula, and may do
// what that says: such text gets an apostrophe in front, telephone numbers with their + as well,
// which else become numbers without it. Amounts and counts are written as numbers and stay numbers,
// also below zero. Not thread-safe.
//
//   CsvRow(CsvText::kGuarded).Text(user_id).Money(cost).WriteTo(std::cout);
#ifndef RESERVE_SERVICES_LEDGER_CLI_CSV_H_
#define RESERVE_SERVICES_LEDGER_CLI_CSV_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "reserve/ledger/v1/resources.pb.h"

namespace reserve::cli {

enum class CsvText {
  kGuarded,  // for spreadsheets
  kRaw,      // as it is, for programs
};

class CsvRow {
 public:
  explicit CsvRow(CsvText how) : how_(how) {}

  CsvRow& Text(absl::string_view text);
  CsvRow& Int(int64_t number);
  // Empty instead of 0.
  CsvRow& IntIfAny(int64_t number);
  // Plain decimals without the currency; "0.00" where it is not set.
  CsvRow& Money(const google::type::Money& money);
  // UTC, to the microsecond; empty where it is not set.
  CsvRow& Time(bool is_set, const google::protobuf::Timestamp& time);
  // In seconds, with decimals where they are needed.
  CsvRow& Seconds(const google::protobuf::Duration& duration);
  CsvRow& YesNo(bool yes);

  // With the end of the line.
  void WriteTo(std::ostream& out) const { out << row_ << "\n"; }

 private:
  CsvRow& Add(absl::string_view field);

  const CsvText how_;
  std::string row_;
  bool first_ = true;
};

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_CSV_H_
