// A history as text: a line of JSON for each call.
//
//   {"call":7,"who":2,"ledger":0,"method":"RecordUsage","asked":81,"answered":93,"status":"OK",
//    "claims":[{"what":"done","account":"a","kind":"usage","id":"u-1","seq":3,"fresh":true}]}
//
// What is not told of a claim is left out.
#ifndef RESERVE_TESTS_HISTORY_HISTORY_LINES_H_
#define RESERVE_TESTS_HISTORY_HISTORY_LINES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/history/history.h"

namespace reserve::history {

// "done", "head" ...
const char* NameOf(What what);

// Without a line end.
std::string ToLine(const Call& call);
// INVALID_ARGUMENT with what is wrong.
absl::StatusOr<Call> ParseLine(absl::string_view line);

// All calls of a file; a last line that was not written to its end is passed over. NOT_FOUND if
// there is no such file, INVALID_ARGUMENT with the number of the line that is none.
absl::StatusOr<std::vector<Call>> ReadHistory(const std::string& path);

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_HISTORY_LINES_H_
