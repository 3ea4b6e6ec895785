// Runs after all of database_errors_test, and holds what that has spoiled against the sources:
// whatever SQL stands in storage/ must have been among it, with an error of each class, done and
// not done, and each error with some of it. So a new statement without a place in those tests fails
// here.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/database_faults.h"
#include "tests/services/ledger/engine/product_sql.h"
#include "tests/services/ledger/engine/spoiled.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::engine {
namespace {

// How what only Vitess is asked begins: `./run vitess --kills` spoils that.
constexpr absl::string_view kOfVitess[] = {
    "SHOW VITESS_SHARDS", "SET transaction_mode = ", "DATABASE() AND table_name = "};

bool IsOfVitess(const SourceStatement& statement) {
  return std::any_of(std::begin(kOfVitess), std::end(kOfVitess), [&](absl::string_view beginning) {
    return absl::StartsWith(statement.pieces.front(), beginning);
  });
}

class DatabaseErrorsCoverageTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("RESERVE_TEST_DATABASE") != nullptr) {
      GTEST_SKIP() << "what spoils statements needs a database server of its own";
    }
    const char* const folder = std::getenv("RESERVE_SPOILED_DIR");
    const char* const shards = std::getenv("RESERVE_SPOILED_SHARDS");
    if (folder == nullptr || shards == nullptr) GTEST_SKIP() << "run by ctest, after what spoils";
    for (int i = 0; i < std::atoi(shards); ++i) {
      for (Spoiled& one : ReadSpoiled(absl::StrCat(folder, "/", i))) spoiled_.push_back(one);
    }
  }

  std::vector<Spoiled> spoiled_;
};

TEST_F(DatabaseErrorsCoverageTest, EachStatementOfTheProductWasSpoiledInEachWay) {
  if (kIsSanitized) GTEST_SKIP() << "under a sanitizer one error of each sort is tried";
  const std::vector<SourceStatement> statements = StatementsOfTheProduct();
  EXPECT_GT(statements.size(), 90u) << "the sources are not read as they were";
  for (const SourceStatement& statement : statements) {
    if (IsOfVitess(statement)) continue;
    std::set<int> refused;
    std::set<int> done;
    for (const Spoiled& one : spoiled_) {
      if (!Holds(one.text, statement.pieces)) continue;
      refused.insert(one.refused.begin(), one.refused.end());
      done.insert(one.done.begin(), one.done.end());
    }
    const std::string text =
        absl::StrCat(statement.where, ": ", absl::StrJoin(statement.pieces, " ... "));
    EXPECT_TRUE(refused.count(0) == 1 && done.count(0) == 1) << "never cut off: " << text;
    // A change of a table is tried with one error of each kind (see there).
    if (statement.is_migration || absl::StartsWith(statement.pieces.front(), "ALTER TABLE ")) {
      continue;
    }
    std::vector<std::string> missing;
    for (const int error : OneErrorOfEachClass()) {
      if (refused.count(error) == 0) missing.push_back(absl::StrCat(error, " before it"));
      if (done.count(error) == 0) missing.push_back(absl::StrCat(error, " after it"));
    }
    EXPECT_TRUE(missing.empty()) << text << ": " << absl::StrJoin(missing, ", ");
  }
  std::printf("%zu statements in the sources, %zu shapes spoiled\n", statements.size(),
              spoiled_.size());
}

// (table, column) of all primary keys.
using KeyColumns = std::set<std::pair<std::string, std::string>>;

// The columns of its table's key that an upsert sets, of which Vitess refuses one.
std::vector<std::string> KeyColumnsSet(absl::string_view text, const KeyColumns& keys) {
  std::vector<std::string> found;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, " ON DUPLICATE KEY UPDATE ");
  if (parts.size() != 2 || !absl::ConsumePrefix(&text, "INSERT INTO ")) return found;
  const std::string table(text.substr(0, text.find(' ')));
  for (const absl::string_view set : absl::StrSplit(parts[1], ',')) {
    const std::string column(absl::StripAsciiWhitespace(set.substr(0, set.find('='))));
    if (keys.count({table, column}) > 0) found.push_back(column);
  }
  return found;
}

TEST_F(DatabaseErrorsCoverageTest, EachErrorSpoiledSomeStatementsInEachWay) {
  if (kIsSanitized) GTEST_SKIP() << "under a sanitizer one error of each sort is tried";
  std::map<int, int> refused;
  std::map<int, int> done;
  for (const Spoiled& one : spoiled_) {
    for (const int error : one.refused) ++refused[error];
    for (const int error : one.done) ++done[error];
  }
  for (const int error : AllErrors()) {
    EXPECT_GE(refused[error], 3) << error << " before a statement";
    EXPECT_GE(done[error], 3) << error << " after a statement";
  }
}

TEST_F(DatabaseErrorsCoverageTest, NoUpsertSetsAColumnOfItsKey) {
  const storage::MigratedDatabase database;
  KeyColumns keys;
  ASSERT_TRUE(
      database.Connect()
          ->Query("SELECT table_name,column_name FROM information_schema.key_column_usage "
                  "WHERE constraint_name = 'PRIMARY' AND table_schema = DATABASE()",
                  [&keys](const storage::Row& row) { keys.emplace(row.Text(1), row.Text(2)); })
          .ok());
  ASSERT_EQ(KeyColumnsSet("INSERT INTO ended_holds (account_id,month,hold_id,state) VALUES "
                          "('a',1,'h',2) ON DUPLICATE KEY UPDATE hold_id=VALUES(hold_id),"
                          "state=VALUES(state)",
                          keys),
            std::vector<std::string>({"hold_id"}));
  int upserts = 0;
  for (const Spoiled& one : spoiled_) {
    upserts += absl::StrContains(one.text, " ON DUPLICATE KEY UPDATE ") ? 1 : 0;
    EXPECT_EQ(KeyColumnsSet(one.text, keys), std::vector<std::string>()) << one.text;
  }
  EXPECT_GT(upserts, 10) << "they are not known any more";
}

}  // namespace
}  // namespace reserve::engine
