#include "tests/services/ledger/engine/tried_in_full.h"

#include <algorithm>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/services/ledger/engine/product_sql.h"

namespace reserve::engine {
namespace {

const std::vector<SourceStatement>& Literals() {
  static const auto* const literals = new std::vector<SourceStatement>(StatementsOfTheProduct());
  return *literals;
}

// Where a literal is said: the operation, and the statement's place in it.
struct Saying {
  size_t operation = 0;
  size_t place = 0;
};

struct Asked {
  absl::Mutex mutex;
  std::set<size_t> literals ABSL_GUARDED_BY(mutex);
};

}  // namespace

std::set<size_t> LiteralsOf(absl::string_view text) {
  std::set<size_t> found;
  for (size_t i = 0; i < Literals().size(); ++i) {
    if (Holds(text, Literals()[i].pieces)) found.insert(i);
  }
  return found;
}

std::vector<std::set<size_t>> ShareOut(const std::vector<std::vector<std::string>>& operations) {
  std::map<size_t, std::vector<Saying>> sayings;  // by literal; of each operation its first
  for (size_t i = 0; i < operations.size(); ++i) {
    std::set<size_t> seen;
    for (size_t place = 0; place < operations[i].size(); ++place) {
      for (const size_t literal : LiteralsOf(operations[i][place])) {
        if (seen.insert(literal).second) sayings[literal].push_back({i, place});
      }
    }
  }
  // What few operations say first; each where least is tried so far, so that none takes long.
  std::vector<size_t> literals;
  for (const auto& [literal, of_it] : sayings) literals.push_back(literal);
  std::stable_sort(literals.begin(), literals.end(), [&sayings](size_t a, size_t b) {
    return sayings[a].size() < sayings[b].size();
  });
  std::vector<std::set<size_t>> tried(operations.size());
  for (const size_t literal : literals) {
    const std::vector<Saying>& of_it = sayings[literal];
    const auto is_tried = [&tried](const Saying& s) {
      return tried[s.operation].count(s.place) > 0;
    };
    if (std::any_of(of_it.begin(), of_it.end(), is_tried)) continue;
    const Saying& least =
        *std::min_element(of_it.begin(), of_it.end(), [&tried](const Saying& a, const Saying& b) {
          return tried[a.operation].size() < tried[b.operation].size();
        });
    tried[least.operation].insert(least.place);
  }
  return tried;
}

bool IsNewHere(absl::string_view text) {
  static auto* const asked = new Asked;
  const std::set<size_t> literals = LiteralsOf(text);
  absl::MutexLock lock(&asked->mutex);
  const size_t before = asked->literals.size();
  asked->literals.insert(literals.begin(), literals.end());
  return asked->literals.size() > before;
}

}  // namespace reserve::engine
