// What the sources may include and say: the architecture, as a check.
//
// The rules look at one file at a time, by its path from the root of the repository, so that a
// sample can be checked as well as the tree. Thread-safe: pure functions.
//
//   for (const std::string& violation : Violations("worker/loop.cc", text)) ...
#ifndef RESERVE_TESTS_ARCHITECTURE_SOURCE_RULES_H_
#define RESERVE_TESTS_ARCHITECTURE_SOURCE_RULES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace reserve::architecture {

// Every rule that the file breaks, each as "path:line: what is wrong". `path` is relative to the
// root of the repository; files that no rule is about have no violations.
std::vector<std::string> Violations(absl::string_view path, absl::string_view text);

// The most lines that a function may have, from its first to its closing brace.
inline constexpr int kMaxFunctionLines = 70;

// Every function that is longer, as "path:line: how long it is". A lambda and a method of a
// class within a function count with the function. The text must be formatted C++ that compiles.
std::vector<std::string> LongFunctions(absl::string_view path, absl::string_view text);

// The text with comments blanked out; strings and line numbers stay.
std::string WithoutComments(absl::string_view text);

}  // namespace reserve::architecture

#endif  // RESERVE_TESTS_ARCHITECTURE_SOURCE_RULES_H_
