#include "services/ledger/cli/svg_plot.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "common/text/html.h"

namespace reserve::cli {
namespace {

// In tenths of a pixel.
constexpr int64_t kWidth = 7200;
constexpr int64_t kHeight = 1700;
constexpr int64_t kLeft = 620;
constexpr int64_t kRight = 100;
constexpr int64_t kAbove = 110;
constexpr int64_t kBelow = 220;
constexpr int64_t kInnerWidth = kWidth - kLeft - kRight;
constexpr int64_t kInnerHeight = kHeight - kAbove - kBelow;
constexpr int64_t kThousand = 1000;
// Lines across the plot, beside that of 0.
constexpr int64_t kLines = 2;
// Every so many days one is named.
constexpr size_t kNamedDays = 5;

// "12.3".
std::string Pixels(int64_t tenths) { return absl::StrCat(tenths / 10, ".", tenths % 10); }

// A round number, not below `most`: one digit, and zeros.
int64_t TopFor(int64_t most) {
  for (int64_t power = 1; power <= INT64_MAX / 100; power *= 10) {
    for (const int64_t step : {1, 2, 3, 4, 5, 6, 8}) {
      if (step * power >= most) return step * power;
    }
  }
  return most;
}

}  // namespace

Plot::Plot(std::string title, std::vector<std::string> days, int64_t most, ValueText text)
    : title_(std::move(title)),
      days_(std::move(days)),
      top_(TopFor(std::max<int64_t>(most, 1))),
      text_(std::move(text)) {}

int64_t Plot::HeightOf(int64_t value) const {
  const int64_t shown = std::clamp<int64_t>(value, 0, top_);
  return kAbove + kInnerHeight - static_cast<int64_t>(absl::int128(shown) * kInnerHeight / top_);
}

void Plot::AddBar(size_t day, int64_t value, absl::string_view color, const std::string& what) {
  if (day >= days_.size()) return;
  const auto count = static_cast<int64_t>(days_.size());
  const int64_t begin = kLeft + static_cast<int64_t>(day) * kInnerWidth / count;
  const int64_t width = kInnerWidth / count;
  const int64_t gap = std::min<int64_t>(width / 6, 20);
  const int64_t top = HeightOf(value);
  absl::StrAppend(&shapes_, "<rect x=\"", Pixels(begin + gap), "\" y=\"", Pixels(top),
                  "\" width=\"", Pixels(width - 2 * gap), "\" height=\"",
                  Pixels(kAbove + kInnerHeight - top), "\" fill=\"", color, "\"><title>",
                  EscapeHtml(what), "</title></rect>\n");
}

void Plot::AddSteps(const std::vector<std::pair<int64_t, int64_t>>& points, absl::string_view color,
                    const std::string& name) {
  if (points.empty()) return;
  std::string path;
  for (const auto& [place, value] : points) {
    const int64_t x = kLeft + std::clamp<int64_t>(place, 0, kThousand) * kInnerWidth / kThousand;
    absl::StrAppend(&path, path.empty() ? "M" : "H", Pixels(x), path.empty() ? " " : "V",
                    Pixels(HeightOf(value)));
  }
  absl::StrAppend(&shapes_, "<path d=\"", path, "\" fill=\"none\" stroke=\"", color,
                  "\" stroke-width=\"1.8\"><title>", EscapeHtml(name), "</title></path>\n");
}

void Plot::WriteLines(std::ostream& out) const {
  for (int64_t i = 0; i <= kLines; ++i) {
    const int64_t value = i == kLines ? top_ : top_ / kLines * i;
    const std::string y = Pixels(HeightOf(value));
    out << "<line x1=\"" << Pixels(kLeft) << "\" x2=\"" << Pixels(kLeft + kInnerWidth) << "\" y1=\""
        << y << "\" y2=\"" << y << "\" stroke=\"" << (i == 0 ? "#555" : "#ddd") << "\"/>\n"
        << "<text x=\"" << Pixels(kLeft - 60) << "\" y=\"" << Pixels(HeightOf(value) + 35)
        << "\" text-anchor=\"end\">" << EscapeHtml(text_(value)) << "</text>\n";
  }
}

void Plot::WriteDays(std::ostream& out) const {
  const auto count = static_cast<int64_t>(days_.size());
  for (size_t day = 0; day < days_.size(); ++day) {
    if (day != 0 && (day + 1) % kNamedDays != 0) continue;
    const int64_t middle = kLeft + (2 * static_cast<int64_t>(day) + 1) * kInnerWidth / (2 * count);
    out << "<text x=\"" << Pixels(middle) << "\" y=\"" << Pixels(kHeight - 60)
        << "\" text-anchor=\"middle\">" << EscapeHtml(days_[day]) << "</text>\n";
  }
}

void Plot::WriteTo(std::ostream& out) const {
  out << "<svg viewBox=\"0 0 " << kWidth / 10 << " " << kHeight / 10
      << "\" role=\"img\" aria-label=\"" << EscapeHtml(title_) << "\">\n";
  WriteLines(out);
  WriteDays(out);
  out << shapes_ << "</svg>\n";
}

}  // namespace reserve::cli
