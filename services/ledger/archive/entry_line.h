// An entry as a line of an archive's file: fields with tabs between, text with C escapes, in the
// order of ColumnsOfEntries. A telephone number is not in it: of an entry of the tagged form its
// digest is, which is what its hash is made of, of one of the first form nothing.
//
// Thread-safe: pure functions.
#ifndef RESERVE_SERVICES_LEDGER_ARCHIVE_ENTRY_LINE_H_
#define RESERVE_SERVICES_LEDGER_ARCHIVE_ENTRY_LINE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/archive_rows.h"

namespace reserve::archive {

// The names of the fields, with tabs between.
std::string ColumnsOfEntries();
// Without the end of the line. `key` is that of the number's user and year, where the entry needs
// one (book::NeedsNumberKey).
std::string LineOf(const storage::KeptEntry& entry, const domain::NumberKey* key);
// What LineOf writes; nothing of any other text.
std::optional<storage::KeptEntry> EntryFrom(absl::string_view line);

// A telephone number of an entry, sealed under the key of its user and year; plain of an entry of
// the first form, which has none.
struct NumberLine {
  std::string account_id;
  int64_t seq = 0;
  std::string user_id;
  int32_t year = 0;
  std::string sealed;  // empty: it is plain
  std::string plain;
};
std::string ColumnsOfNumbers();
// `entry` must have a number that is not erased.
std::string NumberLineOf(const domain::Entry& entry, const domain::NumberKey* key);
std::optional<NumberLine> NumberFrom(absl::string_view line);
// The number; nothing if the key is not the one it was sealed with.
std::optional<std::string> NumberOf(const NumberLine& line, const domain::NumberKey& key);

}  // namespace reserve::archive

#endif  // RESERVE_SERVICES_LEDGER_ARCHIVE_ENTRY_LINE_H_
