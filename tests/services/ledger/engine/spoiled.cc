#include "tests/services/ledger/engine/spoiled.h"

#include <cstdlib>
#include <fstream>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

namespace reserve::engine {
namespace {

using test_support::SqlProxy;

struct Record {
  absl::Mutex mutex;
  std::map<std::string, Spoiled> by_shape ABSL_GUARDED_BY(mutex);
};

Record& TheRecord() {
  static auto* const record = new Record;
  return *record;
}

std::set<int> NumbersOf(absl::string_view text) {
  std::set<int> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    int number = 0;
    if (absl::SimpleAtoi(part, &number)) numbers.insert(number);
  }
  return numbers;
}

}  // namespace

std::string ShapeOf(absl::string_view text) {
  std::string shape;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '\'') {
      quoted = !quoted;
    } else if (!quoted && !absl::ascii_isdigit(text[i])) {
      shape.push_back(text[i]);
    }
  }
  return shape;
}

void NoteSpoiled(absl::string_view text, const SqlProxy::Ruling& ruling) {
  Record& record = TheRecord();
  // What a migration changes stands in quotes.
  std::string shape = absl::StartsWith(text, "SET @") ? std::string(text) : ShapeOf(text);
  absl::MutexLock lock(&record.mutex);
  Spoiled& spoiled = record.by_shape[std::move(shape)];
  if (spoiled.text.empty()) {
    spoiled.text = std::string(text);
    for (char& c : spoiled.text) {
      if (c == '\n' || c == '\t') c = ' ';
    }
  }
  const bool before = ruling.fate == SqlProxy::Fate::kRefused ||
                      ruling.fate == SqlProxy::Fate::kRolledBack ||
                      ruling.fate == SqlProxy::Fate::kCut;
  (before ? spoiled.refused : spoiled.done).insert(ruling.error);
}

void WriteSpoiled(const std::string& path) {
  Record& record = TheRecord();
  absl::MutexLock lock(&record.mutex);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  for (const auto& [shape, spoiled] : record.by_shape) {
    out << absl::StrJoin(spoiled.refused, ",") << '\t' << absl::StrJoin(spoiled.done, ",") << '\t'
        << spoiled.text << '\n';
  }
  out.close();
  if (out.good()) return;
  ADD_FAILURE() << path << " can't be written";
  std::abort();
}

std::vector<Spoiled> ReadSpoiled(const std::string& path) {
  std::vector<Spoiled> all;
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path << " can't be read";
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits('\t', 2));
    if (parts.size() == 3) all.push_back({parts[2], NumbersOf(parts[0]), NumbersOf(parts[1])});
  }
  return all;
}

}  // namespace reserve::engine
