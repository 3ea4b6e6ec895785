#include "tests/services/ledger/engine/product_sql.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/support/build_tree.h"

namespace reserve::engine {
namespace {

namespace fs = std::filesystem;

// What is not sent by the ledger, or can't be through the proxy of these tests.
constexpr absl::string_view kLeftOut[] = {
    "SHOW STATUS LIKE 'Ssl_cipher'",   // over TLS only, of which the proxy knows nothing
    "SET SESSION wsrep_sync_wait = ",  // on Galera only, of whose nodes there are none here
    "SELECT, INSERT, UPDATE",          // printed for an administrator, as the next ones
    "SELECT, INSERT",
    "SELECT",
};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> WordsOf(absl::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_') {
      words.back().push_back(c);
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool IsVerb(absl::string_view word) {
  for (const absl::string_view verb : {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER",
                                       "SET", "START", "COMMIT", "ROLLBACK", "SHOW"}) {
    if (word == verb) return true;
  }
  return false;
}

// We write the words of SQL in capitals, and nothing else.
bool IsSql(absl::string_view literal) {
  for (const std::string& word : WordsOf(literal)) {
    if (IsVerb(word)) return true;
    for (const absl::string_view other : {"FROM", "WHERE", "AND", "OR", "VALUES", "ORDER", "LIMIT",
                                          "FORCE", "JOIN", "PARTITION", "FOR", "IN", "KEY"}) {
      if (word == other) return true;
    }
  }
  return false;
}

// The literals of a C++ source that hold SQL, those of one statement together. A statement ends
// with the function, where another begins, and where it is handed to a connection.
std::vector<SourceStatement> StatementsOfSource(const fs::path& path) {
  const std::string source = ReadFile(path);
  std::vector<SourceStatement> statements;
  bool ends = true;
  const auto add = [&](const std::string& literal) {
    if (!IsSql(literal)) return;
    const std::vector<std::string> words = WordsOf(literal);
    if (ends || IsVerb(words.front())) {
      statements.push_back({path.filename().string(), {}, false});
    }
    ends = false;
    statements.back().pieces.push_back(literal);
  };
  std::string literal;
  for (size_t i = 0; i < source.size(); ++i) {
    const absl::string_view rest = absl::string_view(source).substr(i);
    if (absl::StartsWith(rest, "//")) {
      i = source.find('\n', i);
      continue;
    }
    if (source[i] == '\'' && source[i + 1] != '\0') {  // a character
      i += source[i + 1] == '\\' ? 3 : 2;
      continue;
    }
    if (source[i] == '"') {
      for (++i; source[i] != '"'; ++i) {
        if (source[i] == '\\') ++i;
        literal.push_back(source[i]);
      }
      // Literals beside each other are one.
      const size_t next = source.find_first_not_of(" \n", i + 1);
      if (next != std::string::npos && source[next] == '"') {
        i = next - 1;
        continue;
      }
      add(literal);
      literal.clear();
      continue;
    }
    if (absl::StartsWith(rest, "Query(") || absl::StartsWith(rest, "Execute(") ||
        absl::StartsWith(rest, "Update(") || absl::StartsWith(rest, "QueryEntries(") ||
        absl::StartsWith(rest, "QueryRecharges(") || absl::StartsWith(rest, "\n}\n")) {
      ends = true;
    }
  }
  return statements;
}

std::vector<SourceStatement> StatementsOfMigration(const fs::path& path) {
  std::vector<SourceStatement> statements;
  bool ends = true;
  const std::string text = ReadFile(path);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || absl::StartsWith(line, "--")) continue;
    const bool is_last = absl::ConsumeSuffix(&line, ";");
    if (ends) statements.push_back({path.filename().string(), {}, true});
    statements.back().pieces.emplace_back(line);
    ends = is_last;
  }
  return statements;
}

}  // namespace

std::vector<SourceStatement> StatementsOfTheProduct() {
  const fs::path storage = fs::path(test_support::SourceDir()) / "services/ledger/storage";
  std::vector<SourceStatement> all;
  for (const auto& entry : fs::recursive_directory_iterator(storage)) {
    std::vector<SourceStatement> found;
    if (entry.path().extension() == ".cc") found = StatementsOfSource(entry.path());
    if (entry.path().extension() == ".sql") found = StatementsOfMigration(entry.path());
    for (SourceStatement& statement : found) {
      const std::string& first = statement.pieces.front();
      if (std::find(std::begin(kLeftOut), std::end(kLeftOut), first) == std::end(kLeftOut)) {
        all.push_back(std::move(statement));
      }
    }
  }
  return all;
}

bool Holds(absl::string_view text, const std::vector<std::string>& pieces) {
  for (const std::string& piece : pieces) {
    const size_t at = text.find(piece);
    if (at == absl::string_view::npos) return false;
    text.remove_prefix(at + piece.size());
  }
  return true;
}

}  // namespace reserve::engine
