// What the demo prints: sections, sentences and figures in columns, each figure
// held against what it should be and marked "ok" or "WRONG".
//
// Not thread-safe.
//
//   report.Section("Texts");
//   report.Money("cost of the text", 11'000'000, response.cost());
//   return report.Finish();
#ifndef RESERVE_TESTS_E2E_DEMO_REPORT_H_
#define RESERVE_TESTS_E2E_DEMO_REPORT_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/money/money.h"
#include "google/type/money.pb.h"

namespace reserve::demo {

// "$0.045", "-$12.511": at least two decimals, and as many as are needed.
std::string Dollars(Nanos amount);
// "17,880 s".
std::string Seconds(int64_t seconds);
// The amount in US dollars; any other currency is INVALID_ARGUMENT.
absl::StatusOr<Nanos> NanosOf(const google::type::Money& money);

class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  // Begins a numbered section.
  void Section(absl::string_view title);
  // What happens, as a sentence.
  void Say(absl::string_view sentence);
  // A figure that is shown for people, and a line of a list; neither is checked.
  void Show(absl::string_view label, absl::string_view value);
  void List(absl::string_view line);
  // A line of a list that is checked; `note` follows it and is not.
  void Row(absl::string_view expected, absl::string_view actual, absl::string_view note);

  // A figure that is checked: printed, and marked where it is not the expected one.
  void Money(absl::string_view label, Nanos expected, const google::type::Money& actual);
  void Amount(absl::string_view label, Nanos expected, Nanos actual);
  void Duration(absl::string_view label, int64_t expected_seconds, int64_t actual_seconds);
  void Count(absl::string_view label, int64_t expected, int64_t actual);
  void Text(absl::string_view label, absl::string_view expected, absl::string_view actual);
  // A refusal that must come: its reason, and the field at fault (empty: none).
  void Refusal(absl::string_view label, absl::string_view expected_reason,
               absl::string_view expected_field, const absl::Status& actual);
  // The play can't go on; counts as a failed check.
  void Stop(const absl::Status& status);

  int failed() const { return failed_; }
  // Prints the last line; returns the process's exit status.
  int Finish();

 private:
  // Counts a check; "ok" or "WRONG".
  const char* Mark(bool passed);

  std::ostream& out_;
  int sections_ = 0;
  int checks_ = 0;
  int failed_ = 0;
};

}  // namespace reserve::demo

#endif  // RESERVE_TESTS_E2E_DEMO_REPORT_H_
