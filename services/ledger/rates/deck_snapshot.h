// A rate deck in memory, made for finding a rate quickly.
//
// A snapshot never changes, so any number of threads may read it without a lock;
// hold it by shared_ptr for as long as you use what it returned. A lookup
// allocates nothing. A digit trie finds the longest prefix; its empty branches
// hold the row of the nearest shorter prefix, so that a walk never looks back.
//
//   RESERVE_ASSIGN_OR_RETURN(auto deck, DeckSnapshot::Create(header, std::move(rows)));
//   const domain::Rate* rate = deck->FindCall(domain::Direction::kOutbound, "18765551234");
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// A set of prefixes, each with a number. Copyable, immutable once filled.
class PrefixTrie {
 public:
  static constexpr uint32_t kNone = 0x7fffffff;

  // `prefixes` in ascending order, without repeats, digits only, none empty; the
  // number of each is its index. At most 2^31 - 2 of them.
  explicit PrefixTrie(const std::vector<absl::string_view>& prefixes);
  PrefixTrie() : PrefixTrie(std::vector<absl::string_view>()) {}

  // The number of the longest prefix of `digits`, or kNone. Anything but a digit
  // ends the number.
  uint32_t Find(absl::string_view digits) const {
    uint32_t node = 0;
    for (const char c : digits) {
      const auto digit = static_cast<uint32_t>(static_cast<unsigned char>(c)) - '0';
      if (digit > 9) break;
      const uint32_t branch = nodes_[node].branches[digit];
      if ((branch & kLeaf) != 0) return branch & ~kLeaf;
      node = branch;
    }
    return nodes_[node].own;
  }

  size_t memory_bytes() const { return nodes_.capacity() * sizeof(Node); }

 private:
  friend class TrieBuilder;

  static constexpr uint32_t kLeaf = 0x80000000;

  struct Node {
    // By the next digit: the index of a node, or kLeaf + the answer.
    std::array<uint32_t, 10> branches;
    uint32_t own;  // the answer if the number ends here
  };

  std::vector<Node> nodes_;
};

class DeckSnapshot {
 public:
  // Rows in any order. `header.rate_count` is set from the rows. INTERNAL
  // "INVALID_RATE_DECK" if a prefix is not all digits or a row is there twice:
  // rows that ParseDeckCsv returned never are.
  static absl::StatusOr<std::shared_ptr<const DeckSnapshot>> Create(DeckHeader header,
                                                                    std::vector<RateRow> rows);

  const DeckHeader& header() const { return header_; }

  // The rate of a call to (outbound) or on (inbound) a destination (domain/destination.h): the
  // longest prefix wins (C1); a short code is found as a whole or not at all (C10). Null if nothing
  // matches: then an outbound call has no rate, and an inbound one is free (C7). Lives as long as
  // this.
  const domain::Rate* FindCall(domain::Direction direction, absl::string_view digits) const {
    if (domain::IsShortCode(digits)) return FindShortCode(RateKind::kShortCode, digits);
    const bool inbound = direction == domain::Direction::kInbound;
    const uint32_t found = (inbound ? inbound_calls_ : calls_).Find(digits);
    if (found == PrefixTrie::kNone) return nullptr;
    return &rates_[inbound ? inbound_begin_ + found : found];
  }

  // The rate of an outbound text (S1). The longest prefix wins, and in it the row
  // of `carrier`, else the prefix's default row (the one without a carrier). A
  // prefix that has neither is passed over for the next shorter one. Null if
  // nothing matches. Lives as long as this.
  const domain::Rate* FindSms(absl::string_view digits, absl::string_view carrier) const;

  // The line of that kind for this short code. Lives as long as this.
  const domain::Rate* FindShortCode(RateKind kind, absl::string_view destination) const;

  // The rows in the order of kind, prefix and carrier, for lists: 0 to size() - 1.
  size_t size() const { return rates_.size(); }
  // The row of a rate that was found in this deck.
  RateRow RowOf(const domain::Rate& rate) const {
    return RowAt(static_cast<size_t>(&rate - rates_.data()));
  }
  RateRow RowAt(size_t index) const;
  // The index of the first row that is not before this one; size() if none.
  size_t LowerBound(RateKind kind, absl::string_view prefix, absl::string_view carrier) const;

  // About how much memory the snapshot holds.
  size_t memory_bytes() const;

 private:
  // All SMS rows of one prefix, next to each other in `rates_`.
  struct SmsPrefix {
    uint32_t begin;  // in `sms_carriers_`
    uint32_t end;
    uint32_t parent;  // the next shorter prefix that matches whenever this one does
  };

  // `rows` are sorted.
  DeckSnapshot(DeckHeader header, std::vector<RateRow> rows);
  void IndexCalls();
  void IndexSms();
  RateKind KindAt(size_t index) const;
  absl::string_view CarrierAt(size_t index) const;

  DeckHeader header_;
  std::vector<domain::Rate> rates_;  // by kind, prefix and carrier
  size_t inbound_begin_ = 0;
  size_t sms_begin_ = 0;
  size_t short_code_begin_ = 0;
  size_t sms_short_code_begin_ = 0;
  std::vector<std::string> sms_carriers_;  // of rates_[sms_begin_ + i]
  std::vector<SmsPrefix> sms_prefixes_;
  PrefixTrie calls_;
  PrefixTrie inbound_calls_;
  PrefixTrie sms_;
};

// All decks that there are, of every currency. Never changes; With() makes a new
// book that shares the snapshots. Thread-safe.
class DeckBook {
 public:
  DeckBook() = default;
  // Of two snapshots with the same version the later one in `decks` counts.
  explicit DeckBook(std::vector<std::shared_ptr<const DeckSnapshot>> decks);

  // This book and one more deck; a deck of the same version is replaced.
  std::shared_ptr<const DeckBook> With(std::shared_ptr<const DeckSnapshot> deck) const;

  // The deck in force: of the currency's decks with effective_time <= `time` the
  // one with the latest effective_time, of equals the highest version. Null if
  // there is none. Lives as long as this.
  const DeckSnapshot* InForce(absl::string_view currency, absl::Time time) const;

  // Null if there is no such deck. Lives as long as this.
  const DeckSnapshot* ByVersion(int64_t version) const;

  // By currency, effective time and version.
  const std::vector<std::shared_ptr<const DeckSnapshot>>& decks() const { return decks_; }
  // 0 if there is none.
  int64_t latest_version() const {
    return by_version_.empty() ? 0 : by_version_.back()->header().version;
  }

 private:
  std::vector<std::shared_ptr<const DeckSnapshot>> decks_;
  std::vector<const DeckSnapshot*> by_version_;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_
