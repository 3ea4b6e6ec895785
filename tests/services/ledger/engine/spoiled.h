// Which statements a test program has spoiled, and how: what shows that none of the product's is
// left out (database_errors_coverage_test.cc). Thread-safe.
#ifndef RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SPOILED_H_
#define RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SPOILED_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/support/sql_proxy.h"

namespace reserve::engine {

// Of one shape: statements that differ in nothing but their values.
struct Spoiled {
  std::string text;       // of one of them, in one line
  std::set<int> refused;  // by these errors, 0 for a cut, before it was done
  std::set<int> done;     // the same, after it was done
};

// The text without what stands in quotes, and without numbers.
std::string ShapeOf(absl::string_view text);

void NoteSpoiled(absl::string_view text, const test_support::SqlProxy::Ruling& ruling);

// One line each; ends the program if that is not possible.
void WriteSpoiled(const std::string& path);
std::vector<Spoiled> ReadSpoiled(const std::string& path);

}  // namespace reserve::engine

#endif  // RESERVE_TESTS_SERVICES_LEDGER_ENGINE_SPOILED_H_
