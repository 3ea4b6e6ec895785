// What the calls of a history say of one account: of its entries, and of what was asked for.
#ifndef RESERVE_TESTS_HISTORY_BOOKS_H_
#define RESERVE_TESTS_HISTORY_BOOKS_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/history/history.h"

namespace reserve::history {

inline constexpr int64_t kBegin = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// Something that was told, and the first call that was told it.
template <typename T>
struct Said {
  std::optional<T> value = {};
  const Call* by = nullptr;
};

// One entry, as far as it is known.
struct EntryFacts {
  Said<std::pair<std::string, std::string>> name;  // kind and id
  Said<int64_t> amount;
  Said<int64_t> balance;
  Said<std::string> hash;
};

// One thing that is to be booked once: by kind and id.
struct Asked {
  int64_t first_asked = kNever;  // by a call that may have booked it
  const Call* asker = nullptr;
  int64_t first_answered = kNever;  // that it is booked
  const Call* answerer = nullptr;
  const Call* fresh = nullptr;                          // told that this call has booked it
  Said<int64_t> seq;                                    // by an answer
  std::vector<std::pair<int64_t, const Call*>> listed;  // where lists show it, each place once
  const Call* refused = nullptr;
  bool held = false;  // the ledger may book it by itself, and its CDR in its place
  std::optional<int64_t> start_micros;

  // 0 if it is not known, or not alone.
  int64_t Place() const {
    if (seq.value.has_value()) return *seq.value;
    return listed.size() == 1 ? listed.front().first : 0;
  }
};

// A read: by which call, and what it says of the order.
struct Read {
  const Call* call;
  const Claim* claim;
};

struct Books {
  std::map<int64_t, EntryFacts> entries;
  std::map<std::pair<std::string, std::string>, Asked> asked;
  std::vector<Read> reads;
};

}  // namespace reserve::history

#endif  // RESERVE_TESTS_HISTORY_BOOKS_H_
