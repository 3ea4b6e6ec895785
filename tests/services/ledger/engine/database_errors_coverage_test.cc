// Runs after all of database_errors_test, and holds what that has spoiled against the sources:
// whatever SQL stands in storage/ must have been among it, with each error, done and not done.
// So a new statement without a place in those tests fails here.

#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/database_faults.h"
#include "tests/services/ledger/engine/product_sql.h"
#include "tests/services/ledger/engine/spoiled.h"

namespace reserve::engine {
namespace {

TEST(DatabaseErrorsCoverageTest, EachStatementOfTheProductWasSpoiledInEachWay) {
  if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
    GTEST_SKIP() << "what spoils statements needs a database server of its own";
  }
  if (kIsSanitized) GTEST_SKIP() << "under a sanitizer one error of each sort is tried";
  const char* const folder = std::getenv("RESERVE_SPOILED_DIR");
  const char* const shards = std::getenv("RESERVE_SPOILED_SHARDS");
  if (folder == nullptr || shards == nullptr) GTEST_SKIP() << "run by ctest, after what spoils";
  std::vector<Spoiled> spoiled;
  for (int i = 0; i < std::atoi(shards); ++i) {
    for (Spoiled& one : ReadSpoiled(absl::StrCat(folder, "/", i))) spoiled.push_back(one);
  }
  const std::vector<SourceStatement> statements = StatementsOfTheProduct();
  EXPECT_GT(statements.size(), 90u) << "the sources are not read as they were";
  for (const SourceStatement& statement : statements) {
    std::set<int> refused;
    std::set<int> done;
    for (const Spoiled& one : spoiled) {
      if (!Holds(one.text, statement.pieces)) continue;
      refused.insert(one.refused.begin(), one.refused.end());
      done.insert(one.done.begin(), one.done.end());
    }
    const std::string text =
        absl::StrCat(statement.where, ": ", absl::StrJoin(statement.pieces, " ... "));
    EXPECT_TRUE(refused.count(0) == 1 && done.count(0) == 1) << "never cut off: " << text;
    // A change of a table is tried with one error of each kind (see there).
    if (statement.is_migration) continue;
    std::vector<std::string> missing;
    for (const int error : AllErrors()) {
      if (refused.count(error) == 0) missing.push_back(absl::StrCat(error, " before it"));
      if (done.count(error) == 0) missing.push_back(absl::StrCat(error, " after it"));
    }
    EXPECT_TRUE(missing.empty()) << text << ": " << absl::StrJoin(missing, ", ");
  }
  std::printf("%zu statements in the sources, %zu shapes spoiled\n", statements.size(),
              spoiled.size());
}

}  // namespace
}  // namespace reserve::engine
