// A rate deck in memory, made for finding a rate quickly.
//
// A snapshot never changes, so any number of threads may read it without a lock;
// hold it by shared_ptr for as long as you use what it returned. A lookup
// allocates nothing. prefix_index.h finds the longest prefix.
//
//   RESERVE_ASSIGN_OR_RETURN(auto deck, DeckSnapshot::Create(header, std::move(rows)));
//   std::optional<domain::Rate> rate =
//       deck->FindCall(domain::Direction::kOutbound, "18765551234", start);
//
// A line is kept in 16 bytes: what lines say of prices is a shape that they share, and their names
// are kept once. The index takes 5 to 20 bytes more.
#ifndef RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_
#define RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/domain/usage.h"
#include "services/ledger/rates/prefix_index.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"
#include "services/ledger/rates/text_table.h"

namespace reserve::rates {

class DeckSnapshot {
 public:
  // Rows in any order, which are given back piece by piece. `header.rate_count` is set from the
  // rows. INTERNAL "INVALID_RATE_DECK" if a prefix is not all digits or a row is there twice:
  // rows that CheckLines has passed never are.
  static absl::StatusOr<std::shared_ptr<const DeckSnapshot>> Create(DeckHeader header,
                                                                    RateRows rows);

  DeckSnapshot(const DeckSnapshot&) = delete;
  DeckSnapshot& operator=(const DeckSnapshot&) = delete;

  const DeckHeader& header() const { return header_; }

  // The rate of a call that begins at `start` to (outbound) or on (inbound) a destination
  // (domain/destination.h): the longest prefix wins (C1) that has a line on the day of the start,
  // and of its lines that of the start's period (C11); a short code is found as a whole or not at
  // all (C10). Nothing if nothing matches: then an outbound call has no rate, and an inbound one is
  // free (C7).
  std::optional<domain::Rate> FindCall(domain::Direction direction, absl::string_view digits,
                                       absl::Time start) const {
    if (domain::IsShortCode(digits)) return FindShortCode(RateKind::kShortCode, digits, start);
    const PrefixIndex& index = direction == domain::Direction::kInbound ? inbound_calls_ : calls_;
    const uint32_t found = index.Find(lines_, PackDigits(digits));
    if (found == PrefixIndex::kNone) return std::nullopt;
    if (!lines_[found].has_group()) return RateOf(found, lines_[found].shape(), nullptr, 0);
    return RateOfGroups(index, found, start);
  }

  // The rate of an outbound text (S1). The longest prefix wins, and in it the row
  // of `carrier`, else the prefix's default row (the one without a carrier). A
  // prefix that has neither on that day is passed over for the next shorter one. Nothing if
  // nothing matches.
  std::optional<domain::Rate> FindSms(absl::string_view digits, absl::string_view carrier,
                                      absl::Time start) const;

  // The line of that kind for this short code.
  std::optional<domain::Rate> FindShortCode(RateKind kind, absl::string_view destination,
                                            absl::Time start) const;

  // The rows in the order of kind, prefix and carrier, for lists: 0 to size() - 1.
  size_t size() const { return lines_.size(); }
  // The row of a rate that was found in this deck.
  RateRow RowOf(const domain::Rate& rate) const { return RowAt(rate.row); }
  RateRow RowAt(size_t index) const;
  // Is it a standard rate (C12)?
  bool IsStandardAt(size_t index) const { return lines_[index].standard(); }
  // The index of the first row that is not before this one; size() if none.
  size_t LowerBound(RateKind kind, absl::string_view prefix, absl::string_view carrier) const;

  // About how much memory the snapshot holds.
  size_t memory_bytes() const;

 private:
  friend class SnapshotBuilder;

  static constexpr uint32_t kPlain = UINT32_MAX;

  // What a line says but where and under which name.
  struct Shape {
    Nanos price = 0;
    Nanos connect_fee = 0;
    int32_t initial_increment_seconds = 0;
    int32_t increment_seconds = 0;
    domain::NumberCountry country = domain::NumberCountry::kUnknown;
    bool unpriced = false;
    uint32_t terms = 0;  // in `terms_`
    // Of a line of it that has no others beside it:
    uint32_t alone = kPlain;    // its tariff
    uint32_t seasons = kPlain;  // in `seasons_`, if it has days
  };

  struct Line {
    static constexpr uint32_t kShapeBits = 29;
    static constexpr uint32_t kStandard = 1U << kShapeBits;
    static constexpr uint32_t kBlocked = kStandard << 1;
    static constexpr uint32_t kGroup = kStandard << 2;
    uint64_t digits = 0;  // packed_digits.h
    uint32_t shape_and_flags = 0;
    uint32_t name = 0;  // in `texts_`

    uint32_t shape() const { return shape_and_flags & (kStandard - 1); }
    bool standard() const { return (shape_and_flags & kStandard) != 0; }
    bool blocked() const { return (shape_and_flags & kBlocked) != 0; }
    // It is the first of its prefix and carrier, and there is more to look at than itself.
    bool has_group() const { return (shape_and_flags & kGroup) != 0; }
  };

  // From a day on, the lines of a prefix and carrier that are in force together.
  struct Season {
    int64_t from_day = 0;         // since 1970-01-01 in the deck's zone
    std::vector<uint32_t> lines;  // counted from the first of the group
    uint32_t tariff = kPlain;
  };

  explicit DeckSnapshot(DeckHeader header) : header_(std::move(header)) {}
  // A line as it is found, made in place; `tariff` may be null.
  std::optional<domain::Rate> RateOf(uint32_t line, uint32_t shape, const domain::Tariff* tariff,
                                     uint32_t tariff_line) const;
  // The line of a group at that time. Nothing if none of it is in force then.
  std::optional<domain::Rate> RateInGroup(uint32_t first, absl::Time start) const;
  // The same of it or of the next shorter prefixes.
  std::optional<domain::Rate> RateOfGroups(const PrefixIndex& index, uint32_t first,
                                           absl::Time start) const;
  const std::vector<Season>& SeasonsOfGroup(uint32_t first) const;
  // The line whose prefix is the next shorter one of that of this line.
  uint32_t Shorter(const PrefixIndex& index, uint32_t line) const;
  RateKind KindAt(size_t index) const;
  absl::string_view CarrierAt(size_t index) const;

  DeckHeader header_;
  std::vector<Line> lines_;  // by kind, prefix, carrier and what sets several lines apart
  std::vector<Shape> shapes_;
  std::vector<std::shared_ptr<const domain::LineTerms>> terms_;
  TextTable texts_;
  size_t inbound_begin_ = 0;
  size_t sms_begin_ = 0;
  size_t short_code_begin_ = 0;
  size_t sms_short_code_begin_ = 0;
  std::vector<uint32_t> sms_carriers_;  // of lines_[sms_begin_ + i], in `carriers_`
  TextTable carriers_;
  absl::flat_hash_map<uint32_t, uint32_t> groups_;  // of several lines, by the first: the seasons
  std::vector<std::vector<Season>> seasons_;
  std::vector<std::unique_ptr<domain::Tariff>> tariffs_;
  PrefixIndex calls_;
  PrefixIndex inbound_calls_;
  PrefixIndex sms_;
};

// Decks in memory, of every currency and series. Never changes; With() makes a new
// book that shares the snapshots. Thread-safe.
class DeckBook {
 public:
  DeckBook() = default;
  // Of two snapshots with the same version the later one in `decks` counts.
  explicit DeckBook(std::vector<std::shared_ptr<const DeckSnapshot>> decks);

  // This book and one more deck; a deck of the same version is replaced.
  std::shared_ptr<const DeckBook> With(std::shared_ptr<const DeckSnapshot> deck) const;

  // Null if there is no such deck. Lives as long as this.
  const DeckSnapshot* ByVersion(int64_t version) const;

  // By version.
  const std::vector<std::shared_ptr<const DeckSnapshot>>& decks() const { return decks_; }
  // 0 if there is none.
  int64_t latest_version() const { return decks_.empty() ? 0 : decks_.back()->header().version; }

 private:
  std::vector<std::shared_ptr<const DeckSnapshot>> decks_;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_DECK_SNAPSHOT_H_
