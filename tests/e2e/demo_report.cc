#include "tests/e2e/demo_report.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"

namespace reserve::demo {
namespace {

// Of a label and its figure together, with dots between them.
constexpr size_t kFigureWidth = 66;
constexpr size_t kLeastDots = 3;

std::string Dotted(absl::string_view label, absl::string_view value) {
  const size_t taken = label.size() + value.size() + 2;
  const size_t dots = std::max(kFigureWidth - std::min(kFigureWidth, taken), kLeastDots);
  return absl::StrCat(label, " ", std::string(dots, '.'), " ", value);
}

std::string RefusalText(absl::string_view reason, absl::string_view field) {
  return field.empty() ? std::string(reason) : absl::StrCat(reason, " (", field, ")");
}

}  // namespace

std::string Dollars(Nanos amount) {
  const std::string text = FormatDecimal(amount);
  return amount < 0 ? absl::StrCat("-$", text.substr(1)) : absl::StrCat("$", text);
}

std::string Seconds(int64_t seconds) {
  std::string digits = absl::StrCat(seconds);
  for (int at = static_cast<int>(digits.size()) - 3; at > (seconds < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits + " s";
}

absl::StatusOr<Nanos> NanosOf(const google::type::Money& money) {
  // The account fixes the currency, but every answer must name it.
  if (money.currency_code().empty()) return InvalidField("currency_code", "is not set");
  return FromProto(money, "USD", "money");
}

void Report::Section(absl::string_view title) {
  out_ << "\n" << ++sections_ << ". " << title << "\n";
}

void Report::Say(absl::string_view sentence) { out_ << "\n  " << sentence << "\n"; }

const char* Report::Mark(bool passed) {
  ++checks_;
  if (!passed) ++failed_;
  return passed ? "ok   " : "WRONG";
}

void Report::Show(absl::string_view label, absl::string_view value) {
  out_ << "         " << Dotted(label, value) << "\n";
}

void Report::List(absl::string_view line) { out_ << "         " << line << "\n"; }

void Report::Text(absl::string_view label, absl::string_view expected, absl::string_view actual) {
  const bool passed = actual == expected;
  out_ << "  " << Mark(passed) << "  " << Dotted(label, actual);
  if (!passed) out_ << "  expected " << expected;
  out_ << std::endl;
}

void Report::Row(absl::string_view expected, absl::string_view actual, absl::string_view note) {
  const bool passed = actual == expected;
  out_ << "  " << Mark(passed) << "  " << actual << note << "\n";
  if (!passed) out_ << "         expected " << expected << std::endl;
}

void Report::Money(absl::string_view label, Nanos expected, const google::type::Money& actual) {
  const absl::StatusOr<Nanos> amount = NanosOf(actual);
  Text(label, Dollars(expected),
       amount.ok() ? Dollars(*amount) : std::string(amount.status().message()));
}

void Report::Amount(absl::string_view label, Nanos expected, Nanos actual) {
  Text(label, Dollars(expected), Dollars(actual));
}

void Report::Duration(absl::string_view label, int64_t expected_seconds, int64_t actual_seconds) {
  Text(label, Seconds(expected_seconds), Seconds(actual_seconds));
}

void Report::Count(absl::string_view label, int64_t expected, int64_t actual) {
  Text(label, absl::StrCat(expected), absl::StrCat(actual));
}

void Report::Refusal(absl::string_view label, absl::string_view expected_reason,
                     absl::string_view expected_field, const absl::Status& actual) {
  Text(label, RefusalText(expected_reason, expected_field),
       actual.ok() ? "not refused" : RefusalText(ReasonOf(actual), FieldOf(actual)));
}

void Report::Stop(const absl::Status& status) {
  Mark(false);
  out_ << "\n  STOPPED: " << status.ToString() << "\n";
}

int Report::Finish() {
  if (failed_ == 0) {
    out_ << "\ndemo: " << checks_ << " checks passed" << std::endl;
    return 0;
  }
  out_ << "\ndemo: " << failed_ << " of " << checks_ << " checks failed" << std::endl;
  return 1;
}

}  // namespace reserve::demo
