// The files that are built into the binary: templates, texts, style sheet, scripts. By their paths
// below services/console: "templates/billing.mustache"; Debian's Chart.js is "static/chart.js".
// Thread-safe: the content is there as long as the process.
//
//   const std::optional<absl::string_view> style = embedded::Find("static/console.css");
#ifndef RESERVE_CONSOLE_EMBEDDED_EMBEDDED_H_
#define RESERVE_CONSOLE_EMBEDDED_EMBEDDED_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::console::embedded {

struct File {
  absl::string_view name;
  absl::string_view content;
};

// All of them; what CMake has generated.
const std::vector<File>& Files();

inline std::optional<absl::string_view> Find(absl::string_view name) {
  for (const File& file : Files()) {
    if (file.name == name) return file.content;
  }
  return std::nullopt;
}

}  // namespace reserve::console::embedded

#endif  // RESERVE_CONSOLE_EMBEDDED_EMBEDDED_H_
