// Plots for a page that stands alone, as inline SVG: bars by day, and lines that go down and up in
// steps. All figures are whole numbers, and so are the places on the page, in tenths of a pixel.
//
//   Plot plot("Spend by day", days, most, [](int64_t value) { return FormatDecimal(value); });
//   plot.AddBar(3, spend, "#2b6cb0");
//   plot.WriteTo(out);
#ifndef RESERVE_SERVICES_LEDGER_CLI_SVG_PLOT_H_
#define RESERVE_SERVICES_LEDGER_CLI_SVG_PLOT_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::cli {

class Plot {
 public:
  using ValueText = std::function<std::string(int64_t value)>;

  // `days`: what each is called, in order; `most`: the largest value to come; `text`: what a value
  // is called beside its line, as it is (it is escaped here).
  Plot(std::string title, std::vector<std::string> days, int64_t most, ValueText text);

  // A bar on a day, from 0. Values below 0 are drawn as 0. `what` is shown when it is pointed at.
  void AddBar(size_t day, int64_t value, absl::string_view color, const std::string& what);

  // A line that keeps each value until the next: (place, value), the places in thousandths of the
  // whole width, growing.
  void AddSteps(const std::vector<std::pair<int64_t, int64_t>>& points, absl::string_view color,
                const std::string& name);

  void WriteTo(std::ostream& out) const;

 private:
  void WriteLines(std::ostream& out) const;
  void WriteDays(std::ostream& out) const;
  // Tenths of a pixel from the top.
  int64_t HeightOf(int64_t value) const;

  const std::string title_;
  const std::vector<std::string> days_;
  const int64_t top_;
  const ValueText text_;
  std::string shapes_;
};

}  // namespace reserve::cli

#endif  // RESERVE_SERVICES_LEDGER_CLI_SVG_PLOT_H_
