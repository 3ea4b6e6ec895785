#include "services/ledger/rates/rate_rows.h"

#include <algorithm>
#include <numeric>

#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/line_terms_text.h"

namespace reserve::rates {

void RateRows::AddWithShape(RateKind kind, absl::string_view prefix, absl::string_view carrier,
                            absl::string_view name, uint32_t shape) {
  uint64_t digits = PackDigits(prefix);
  if (CountDigits(digits) != prefix.size()) digits = 0;
  Line line;
  line.digits_high = static_cast<uint32_t>(digits >> 32);
  line.digits_low = static_cast<uint32_t>(digits);
  line.shape = shape;
  line.kind = static_cast<uint32_t>(kind);
  line.name = texts_->Add(name);
  line.carrier = texts_->Add(carrier);
  lines_.push_back(line);
}

uint32_t RateRows::ShapeOf(const RateRow& row) {
  const Shape shape{row.price,
                    row.connect_fee,
                    row.initial_increment_seconds,
                    row.increment_seconds,
                    TermsNumberOf(row.terms),
                    row.country};
  if (const auto known = numbers_.find(shape); known != numbers_.end()) return *known;
  const auto number = static_cast<uint32_t>(shapes_->size());
  shapes_->push_back(shape);
  numbers_.insert(number);
  return number;
}

uint32_t RateRows::TermsNumberOf(const std::shared_ptr<const domain::LineTerms>& terms) {
  if (terms == nullptr) return 0;
  if (const auto known = known_terms_.find(terms.get()); known != known_terms_.end()) {
    return known->second;
  }
  const auto [number, is_new] =
      terms_by_text_.try_emplace(TextOf(*terms), static_cast<uint32_t>(terms_.size()));
  if (is_new) {
    terms_.push_back(terms);
    // Only of one that is kept here: the place of any other may become another's.
    known_terms_[terms.get()] = number->second;
  }
  return number->second;
}

RateRow RateRows::operator[](size_t index) const {
  const Line& line = lines_[index];
  const Shape& shape = (*shapes_)[line.shape];
  RateRow row;
  row.kind = static_cast<RateKind>(line.kind);
  UnpackDigits(line.digits(), &row.prefix);
  row.carrier = std::string(texts_->At(line.carrier));
  row.destination_name = std::string(texts_->At(line.name));
  row.price = shape.price;
  row.connect_fee = shape.connect_fee;
  row.initial_increment_seconds = shape.initial_increment_seconds;
  row.increment_seconds = shape.increment_seconds;
  row.country = shape.country;
  row.terms = terms_[shape.terms];
  return row;
}

int RateRows::Compare(const Line& a, const Line& b) const {
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.digits() != b.digits()) return a.digits() < b.digits() ? -1 : 1;
  return a.carrier == b.carrier ? 0 : texts_->At(a.carrier).compare(texts_->At(b.carrier));
}

bool RateRows::Before(const Line& a, const Line& b) const {
  if (const int order = Compare(a, b); order != 0) return order < 0;
  const auto terms = [this](const Line& line) {
    return terms_[(*shapes_)[line.shape].terms].get();
  };
  return a.shape != b.shape && TermsBefore(terms(a), terms(b));
}

void RateRows::Sort() {
  const auto before = [this](const Line& a, const Line& b) { return Before(a, b); };
  // As they come from the database, and often from a file.
  if (!std::is_sorted(lines_.begin(), lines_.end(), before)) {
    std::sort(lines_.begin(), lines_.end(), before);
  }
}

std::vector<uint32_t> RateRows::OrderByKey() const {
  std::vector<uint32_t> order(lines_.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [this](uint32_t one, uint32_t other) {
    const int compared = Compare(lines_[one], lines_[other]);
    return compared < 0 || (compared == 0 && one < other);
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) {
    std::sort(order.begin(), order.end(), before);
  }
  return order;
}

size_t RateRows::LowerBound(const std::vector<uint32_t>& order, RateKind kind, uint64_t digits,
                            absl::string_view carrier) const {
  const auto found = std::partition_point(order.begin(), order.end(), [&](uint32_t index) {
    const Line& line = lines_[index];
    if (line.kind != static_cast<uint32_t>(kind)) return line.kind < static_cast<uint32_t>(kind);
    if (line.digits() != digits) return line.digits() < digits;
    return texts_->At(line.carrier) < carrier;
  });
  return static_cast<size_t>(found - order.begin());
}

void RateRows::Close() {
  texts_->Close();
  numbers_ = decltype(numbers_)(0, Hash{shapes_.get()}, Same{shapes_.get()});
  known_terms_ = {};
  terms_by_text_ = {};
}

size_t RateRows::memory_bytes() const {
  return lines_.capacity() * sizeof(Line) + texts_->memory_bytes() +
         shapes_->capacity() * sizeof(Shape) + numbers_.capacity() * (sizeof(uint32_t) + 1);
}

bool operator==(const RateRows& a, const RateRows& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == b[i])) return false;
  }
  return true;
}

}  // namespace reserve::rates
