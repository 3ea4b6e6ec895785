// Which of the ranges of accounts each ledger is to have: equal shares, moved as little as can be.
//
// All ledgers work it out for themselves from what is stored; where two see different things for a
// moment, their conditional writes settle it, and what is unequal then is put right by the next
// look. Pure.
#ifndef RESERVE_SERVICES_LEDGER_ENGINE_RANGE_SHARES_H_
#define RESERVE_SERVICES_LEDGER_ENGINE_RANGE_SHARES_H_

#include <string>
#include <vector>

#include "services/ledger/storage/range_rows.h"

namespace reserve::engine {

// So many ranges there are in a database: more than ledgers, and a multiple of all powers of two
// that lanes and shards may be.
inline constexpr int kAccountRanges = 64;

// Who has which range, and who lives.
struct RangeView {
  std::vector<storage::AccountRange> ranges;
  std::vector<std::string> live;  // ids of ledgers, in order
};

// Ranges that go to a ledger.
struct RangeGift {
  std::string to;
  std::vector<storage::AccountRange> ranges;
};

// What the ledger, which lives, is to take of what nobody has, or nobody who lives: up to its
// share.
std::vector<storage::AccountRange> RangesToTake(const RangeView& view, const std::string& ledger);

// What it has beyond its share, for those that have less than theirs; nothing while there is
// something for them to take. What it keeps is spread evenly over the accounts, as over lanes.
std::vector<RangeGift> RangesToGive(const RangeView& view, const std::string& ledger);

// All that the ledger has, for the others that live, evenly; to nobody (an empty id) if there are
// none.
std::vector<RangeGift> RangesToLeave(const RangeView& view, const std::string& ledger);

}  // namespace reserve::engine

#endif  // RESERVE_SERVICES_LEDGER_ENGINE_RANGE_SHARES_H_
