// Lines of an archive's files, as they come back from wherever they were kept.
#include <optional>
#include <string>

#include "services/ledger/archive/entry_line.h"
#include "services/ledger/domain/journal.h"
#include "tests/fuzz/targets.h"

namespace reserve::fuzz {

void ArchiveLines(absl::string_view bytes) {
  if (const std::optional<storage::KeptEntry> kept = archive::EntryFrom(bytes); kept.has_value()) {
    const std::string line = archive::LineOf(*kept, nullptr);
    const std::optional<storage::KeptEntry> again = archive::EntryFrom(line);
    Require(again.has_value() && archive::LineOf(*again, nullptr) == line,
            "an entry that was read is written as it is read");
    Require(line.find('\n') == std::string::npos, "an entry is one line");
  }
  if (const std::optional<archive::NumberLine> line = archive::NumberFrom(bytes);
      line.has_value() && !line->sealed.empty()) {
    Require(!archive::NumberOf(*line, domain::NumberKey{}).has_value(),
            "a number is opened by its own key alone");
  }
}

}  // namespace reserve::fuzz
