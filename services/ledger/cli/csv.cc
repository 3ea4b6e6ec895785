#include "services/ledger/cli/csv.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "services/ledger/cli/message_text.h"

namespace reserve::cli {
namespace {

constexpr absl::string_view kFormulaStarts("=+-@\t\r\n");

}  // namespace

CsvRow& CsvRow::Add(absl::string_view field) {
  absl::StrAppend(&row_, first_ ? "" : ",", field);
  first_ = false;
  return *this;
}

CsvRow& CsvRow::Text(absl::string_view text) {
  const bool guarded = how_ == CsvText::kGuarded && !text.empty() &&
                       kFormulaStarts.find(text.front()) != absl::string_view::npos;
  std::string field = absl::StrCat(guarded ? "'" : "", text);
  if (field.find_first_of(",\"\r\n\t") != std::string::npos) {
    field = absl::StrCat("\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\"");
  }
  return Add(field);
}

CsvRow& CsvRow::Int(int64_t number) { return Add(absl::StrCat(number)); }

CsvRow& CsvRow::IntIfAny(int64_t number) { return number == 0 ? Add("") : Int(number); }

CsvRow& CsvRow::Money(const google::type::Money& money) { return Add(AmountText(money)); }

CsvRow& CsvRow::Time(bool is_set, const google::protobuf::Timestamp& time) {
  return Add(is_set ? TimeText(time) : "");
}

CsvRow& CsvRow::Seconds(const google::protobuf::Duration& duration) {
  if (duration.nanos() == 0) return Int(duration.seconds());
  std::string decimals = absl::StrFormat("%09d", duration.nanos());
  while (decimals.back() == '0') decimals.pop_back();
  return Add(absl::StrCat(duration.seconds(), ".", decimals));
}

CsvRow& CsvRow::YesNo(bool yes) { return Add(yes ? "yes" : "no"); }

}  // namespace reserve::cli
