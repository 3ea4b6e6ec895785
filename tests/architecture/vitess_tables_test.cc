// Where each table is on Vitess (services/ledger/storage/vitess): what a migration makes is in one
// of the two keyspaces, and is found from the other.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/build_tree.h"

namespace reserve::architecture {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using Json = nlohmann::json;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

fs::path Storage() { return fs::path(test_support::SourceDir()) / "services/ledger/storage"; }

Json Place(const std::string& file) { return Json::parse(ReadFile(Storage() / "vitess" / file)); }

std::set<std::string> TablesOf(const Json& vschema) {
  std::set<std::string> tables;
  for (const auto& [name, table] : vschema.at("tables").items()) tables.insert(name);
  return tables;
}

// Each table that is made, and whether its primary key has the account. (The migrator itself makes
// two.)
std::map<std::string, bool> MadeTables() {
  std::map<std::string, bool> made = {{"schema_migrations", false}, {"schema_lock", false}};
  const std::regex create(R"(CREATE TABLE IF NOT EXISTS (\w+) \(([^;]*?)\n\))");
  const std::regex key(R"(PRIMARY KEY \(([^)]*)\))");
  for (const fs::directory_entry& entry : fs::directory_iterator(Storage() / "migrations")) {
    const std::string sql = ReadFile(entry.path());
    size_t times = 0;
    for (std::sregex_iterator it(sql.begin(), sql.end(), create), end; it != end; ++it, ++times) {
      const std::string columns = (*it)[2];
      std::smatch primary;
      EXPECT_TRUE(std::regex_search(columns, primary, key)) << (*it)[1];
      made[(*it)[1]] = absl::StrContains(primary[1].str(), "account_id");
    }
    size_t all = 0;
    for (size_t at = 0; (at = sql.find("CREATE TABLE", at)) != std::string::npos; ++at) ++all;
    EXPECT_EQ(times, all) << entry.path() << ": a table that is not seen here";
  }
  return made;
}

TEST(VitessTablesTest, EachTableIsInTheKeyspaceOfItsKey) {
  const Json reserve = Place("vschema_reserve.json");
  const Json catalog = Place("vschema_catalog.json");
  EXPECT_TRUE(reserve.at("sharded"));
  EXPECT_FALSE(catalog.at("sharded"));
  std::set<std::string> of_accounts;
  std::set<std::string> others;
  for (const auto& [name, has_account] : MadeTables())
    (has_account ? of_accounts : others).insert(name);
  EXPECT_EQ(TablesOf(reserve), of_accounts) << "vschema_reserve.json";
  EXPECT_EQ(TablesOf(catalog), others) << "vschema_catalog.json";
}

TEST(VitessTablesTest, AccountTablesGoByTheHashThatLanesGoBy) {
  const Json reserve = Place("vschema_reserve.json");
  EXPECT_EQ(reserve.at("vindexes"), Json::parse(R"({"place": {"type": "xxhash"}})"));
  for (const auto& [name, table] : reserve.at("tables").items()) {
    EXPECT_EQ(table,
              Json::parse(R"({"column_vindexes": [{"column": "account_id", "name": "place"}]})"))
        << name;
  }
}

TEST(VitessTablesTest, EachTableIsFoundFromAnySchema) {
  std::map<std::string, std::string> expected;
  const auto add = [&expected](const std::string& file, const std::string& here,
                               const std::string& there) {
    for (const std::string& table : TablesOf(Place(file))) {
      const std::string target = absl::StrCat(here, ".", table);
      expected[table] = target;
      expected[absl::StrCat(there, ".", table)] = target;
    }
  };
  add("vschema_reserve.json", "reserve", "catalog");
  add("vschema_catalog.json", "catalog", "reserve");
  std::map<std::string, std::string> rules;
  const Json file = Place("routing_rules.json");
  for (const Json& rule : file.at("rules")) {
    ASSERT_EQ(rule.at("to_tables").size(), 1u) << rule;
    rules[rule.at("from_table")] = rule.at("to_tables").front();
  }
  EXPECT_EQ(rules, expected);
}

}  // namespace
}  // namespace reserve::architecture
