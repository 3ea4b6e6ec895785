// The rows of a deck in little memory: 20 bytes each, as what they say of prices, their names and
// their carriers are kept once. A deck of 2,000,000 rows has 40 MB, where as many RateRows would
// have 300 and their names.
//
// Movable; one thread at a time while it changes. A row comes out by value.
//
//   RateRows rows;
//   rows.Add(row);
//   for (const RateRow& each : rows) ...
#ifndef RESERVE_SERVICES_LEDGER_RATES_RATE_ROWS_H_
#define RESERVE_SERVICES_LEDGER_RATES_RATE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/line_terms.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/text_table.h"

namespace reserve::rates {

class RateRows {
 public:
  // What a row says but where and under which name: rows that say the same share it.
  struct Shape {
    Nanos price = 0;
    Nanos connect_fee = 0;
    int32_t initial_increment_seconds = 0;
    int32_t increment_seconds = 0;
    uint32_t terms = 0;  // of TermsAt(); 0: none
    domain::NumberCountry country = domain::NumberCountry::kUnknown;

    template <typename H>
    friend H AbslHashValue(H hash, const Shape& s) {
      return H::combine(std::move(hash), s.price, s.connect_fee, s.initial_increment_seconds,
                        s.increment_seconds, s.terms, s.country);
    }
    friend bool operator==(const Shape&, const Shape&) = default;
  };

  RateRows() = default;
  RateRows(const std::vector<RateRow>& rows) {  // NOLINT(google-explicit-constructor)
    Reserve(rows.size());
    for (const RateRow& row : rows) Add(row);
  }
  RateRows(std::initializer_list<RateRow> rows) {
    for (const RateRow& row : rows) Add(row);
  }
  RateRows(RateRows&&) = default;
  RateRows& operator=(RateRows&&) = default;

  void Reserve(size_t rows) { lines_.reserve(rows); }
  // A prefix that is none (1 to 15 digits) is kept as the empty one.
  void Add(const RateRow& row) {
    AddWithShape(row.kind, row.prefix, row.carrier, row.destination_name, ShapeOf(row));
  }
  // The same of a row whose shape is there already.
  void AddWithShape(RateKind kind, absl::string_view prefix, absl::string_view carrier,
                    absl::string_view name, uint32_t shape);
  // The number of the row's shape among all; of the row its prices are looked at.
  uint32_t ShapeOf(const RateRow& row);

  size_t size() const { return lines_.size(); }
  bool empty() const { return lines_.empty(); }
  RateRow operator[](size_t index) const;
  RateRow at(size_t index) const { return (*this)[index]; }

  // Parts of a row, without the rest of it.
  RateKind KindAt(size_t index) const { return static_cast<RateKind>(lines_[index].kind); }
  uint64_t DigitsAt(size_t index) const { return lines_[index].digits(); }  // packed_digits.h
  uint32_t ShapeAt(size_t index) const { return lines_[index].shape; }
  // In texts(); equal texts have equal places.
  uint32_t NameAt(size_t index) const { return lines_[index].name; }
  uint32_t CarrierAt(size_t index) const { return lines_[index].carrier; }
  const TextTable& texts() const { return *texts_; }
  const std::vector<Shape>& shapes() const { return *shapes_; }
  // The texts, which the rows then have no more.
  TextTable TakeTexts() { return std::move(*texts_); }
  size_t terms_count() const { return terms_.size(); }
  const std::shared_ptr<const domain::LineTerms>& TermsAt(uint32_t terms) const {
    return terms_[terms];
  }
  const domain::LineTerms* TermsOf(size_t index) const {
    return terms_[shapes()[ShapeAt(index)].terms].get();
  }

  // Have both rows the same kind, prefix and carrier?
  bool SameKey(size_t one, size_t other) const {
    const Line& a = lines_[one];
    const Line& b = lines_[other];
    return a.kind == b.kind && a.digits() == b.digits() && a.carrier == b.carrier;
  }
  // By kind, prefix, carrier, and what else lines of those say (TermsBefore).
  bool Before(size_t one, size_t other) const { return Before(lines_[one], lines_[other]); }
  // Brings the rows into that order.
  void Sort();
  // The rows by kind, prefix and carrier, of equal ones as they stand.
  std::vector<uint32_t> OrderByKey() const;
  // The first place in that order of a row that is not before this key.
  size_t LowerBound(const std::vector<uint32_t>& order, RateKind kind, uint64_t digits,
                    absl::string_view carrier) const;

  // Gives back what Add() needs, which is not to be called any more.
  void Close();
  size_t memory_bytes() const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = RateRow;
    using difference_type = std::ptrdiff_t;
    using pointer = const RateRow*;
    using reference = RateRow;

    Iterator(const RateRows* rows, size_t index) : rows_(rows), index_(index) {}
    RateRow operator*() const { return (*rows_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) { return {rows_, index_++}; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const RateRows* rows_;
    size_t index_;
  };
  using value_type = RateRow;
  using const_iterator = Iterator;
  using iterator = Iterator;
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

  friend bool operator==(const RateRows& a, const RateRows& b);

 private:
  struct Line {
    uint32_t digits_high;
    uint32_t digits_low;
    uint32_t shape : 29;
    uint32_t kind : 3;
    uint32_t name;
    uint32_t carrier;

    uint64_t digits() const { return uint64_t{digits_high} << 32 | digits_low; }
  };

  struct Hash {
    using is_transparent = void;
    const std::vector<Shape>* shapes;
    size_t operator()(uint32_t number) const { return absl::HashOf((*shapes)[number]); }
    size_t operator()(const Shape& shape) const { return absl::HashOf(shape); }
  };
  struct Same {
    using is_transparent = void;
    const std::vector<Shape>* shapes;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Shape& b) const { return (*shapes)[a] == b; }
    bool operator()(const Shape& a, uint32_t b) const { return a == (*shapes)[b]; }
  };

  // Negative, 0 or positive, by kind, prefix and carrier.
  int Compare(const Line& a, const Line& b) const;
  bool Before(const Line& a, const Line& b) const;
  uint32_t TermsNumberOf(const std::shared_ptr<const domain::LineTerms>& terms);

  std::vector<Line> lines_;
  std::unique_ptr<TextTable> texts_ = std::make_unique<TextTable>();
  std::unique_ptr<std::vector<Shape>> shapes_ = std::make_unique<std::vector<Shape>>();
  absl::flat_hash_set<uint32_t, Hash, Same> numbers_{0, Hash{shapes_.get()}, Same{shapes_.get()}};
  std::vector<std::shared_ptr<const domain::LineTerms>> terms_ = {nullptr};
  absl::flat_hash_map<const domain::LineTerms*, uint32_t> known_terms_;  // in `terms_`
  absl::flat_hash_map<std::string, uint32_t> terms_by_text_;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_RATE_ROWS_H_
