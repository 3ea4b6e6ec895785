#include "services/ledger/rates/deck_snapshot.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/seasons.h"

namespace reserve::rates {
namespace {

absl::Status BadRow(const RateRow& row, absl::string_view why) {
  return InvalidRateDeck(absl::StatusCode::kInternal,
                         absl::StrCat(RateKindName(row.kind), " row of prefix \"", row.prefix,
                                      "\" and carrier \"", row.carrier, "\" ", why));
}

absl::Status CheckSorted(const RateRows& rows) {
  if (rows.size() > PrefixIndex::kMost) {
    return InvalidRateDeck(absl::StatusCode::kInternal, "a deck has too many rows");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (CountDigits(rows.DigitsAt(i)) == 0) return BadRow(rows[i], "has a bad prefix");
    if (i > 0 && !rows.Before(i - 1, i)) return BadRow(rows[i], "is there twice");
  }
  return absl::OkStatus();
}

// Does a line say nothing of prices but a price, a fee and increments? Days, and a block, only say
// whether it is looked at.
bool IsPlain(const domain::LineTerms* terms, const domain::DeckRules& rules) {
  if (!(rules.rounding == Rounding())) return false;
  return terms == nullptr ||
         (terms->steps.empty() && terms->included_seconds == 0 && !terms->minimum.has_value() &&
          !terms->maximum.has_value() && !terms->standard.has_value());
}

}  // namespace

// Fills a snapshot from its rows.
class SnapshotBuilder {
 public:
  SnapshotBuilder(RateRows rows, DeckSnapshot* deck)
      : rows_(std::move(rows)),
        deck_(*deck),
        rules_(std::make_shared<domain::DeckRules>(deck->header_.rules)) {}

  void Fill() {
    deck_.inbound_begin_ = FirstOf(RateKind::kCallInbound);
    deck_.sms_begin_ = FirstOf(RateKind::kSms);
    deck_.short_code_begin_ = FirstOf(RateKind::kShortCode);
    deck_.sms_short_code_begin_ = FirstOf(RateKind::kSmsShortCode);
    AddShapes();
    AddLines();
    MarkBlocked();
    AddGroups();
    // The lines have all that there was to know.
    deck_.texts_ = rows_.TakeTexts();
    rows_ = RateRows();
    const auto digits_at = [this](size_t line) { return deck_.lines_[line].digits; };
    deck_.calls_ = PrefixIndex(digits_at, 0, deck_.inbound_begin_);
    deck_.inbound_calls_ = PrefixIndex(digits_at, deck_.inbound_begin_, deck_.sms_begin_);
    deck_.sms_ = PrefixIndex(digits_at, deck_.sms_begin_, deck_.short_code_begin_);
  }

 private:
  using Season = DeckSnapshot::Season;
  using Line = DeckSnapshot::Line;

  size_t FirstOf(RateKind kind) const {
    size_t begin = 0;
    size_t end = rows_.size();
    while (begin < end) {
      const size_t middle = begin + (end - begin) / 2;
      if (rows_.KindAt(middle) < kind) {
        begin = middle + 1;
      } else {
        end = middle;
      }
    }
    return begin;
  }

  void AddShapes() {
    deck_.terms_.reserve(rows_.terms_count());
    for (uint32_t i = 0; i < rows_.terms_count(); ++i) deck_.terms_.push_back(rows_.TermsAt(i));
    deck_.shapes_.reserve(rows_.shapes().size());
    for (const RateRows::Shape& said : rows_.shapes()) {
      DeckSnapshot::Shape& shape = deck_.shapes_.emplace_back();
      shape.price = said.price;
      shape.connect_fee = said.connect_fee;
      shape.initial_increment_seconds = said.initial_increment_seconds;
      shape.increment_seconds = said.increment_seconds;
      shape.country = said.country;
      shape.terms = said.terms;
      const domain::LineTerms* terms = deck_.terms_[said.terms].get();
      shape.unpriced = terms != nullptr && terms->unpriced;
      const auto number = static_cast<uint32_t>(deck_.shapes_.size() - 1);
      if (!IsPlain(terms, *rules_)) shape.alone = TariffOf({number});
    }
  }

  // As a call.
  bool IsStandard(const DeckSnapshot::Shape& shape) const {
    RateRow row;
    row.price = shape.price;
    row.connect_fee = shape.connect_fee;
    row.terms = deck_.terms_[shape.terms];
    return rates::IsStandard(row, deck_.header_);
  }

  void AddLines() {
    deck_.lines_.reserve(rows_.size());
    deck_.sms_carriers_.reserve(deck_.short_code_begin_ - deck_.sms_begin_);
    std::vector<bool> standard;
    standard.reserve(deck_.shapes_.size());
    for (const DeckSnapshot::Shape& shape : deck_.shapes_) standard.push_back(IsStandard(shape));
    for (size_t i = 0; i < rows_.size(); ++i) {
      Line& line = deck_.lines_.emplace_back();
      line.digits = rows_.DigitsAt(i);
      line.shape_and_flags = rows_.ShapeAt(i);
      line.name = rows_.NameAt(i);
      const RateKind kind = rows_.KindAt(i);
      if (!IsTextKind(kind) && standard[rows_.ShapeAt(i)]) line.shape_and_flags |= Line::kStandard;
      if (kind != RateKind::kSms) continue;
      deck_.sms_carriers_.push_back(deck_.carriers_.Add(rows_.texts().At(rows_.CarrierAt(i))));
    }
  }

  domain::TariffLine TariffLineOf(const DeckSnapshot::Shape& shape) const {
    domain::TariffLine line;
    line.price = shape.price;
    line.standard = IsStandard(shape);
    const domain::LineTerms* terms = deck_.terms_[shape.terms].get();
    if (terms == nullptr) return line;
    line.steps = terms->steps;
    line.periods = terms->periods;
    line.included_seconds = terms->included_seconds;
    line.minimum = terms->minimum;
    line.maximum = terms->maximum;
    line.says_standard = terms->standard.has_value();
    return line;
  }

  // The tariff of lines of these shapes.
  uint32_t TariffOf(const std::vector<uint32_t>& shapes) {
    const auto [number, is_new] =
        tariffs_.try_emplace(shapes, static_cast<uint32_t>(deck_.tariffs_.size()));
    if (!is_new) return number->second;
    auto tariff = std::make_unique<domain::Tariff>();
    tariff->rules = rules_;
    for (const uint32_t shape : shapes) {
      const domain::TariffLine& line =
          tariff->lines.emplace_back(TariffLineOf(deck_.shapes_[shape]));
      for (const domain::DayPeriod& period : line.periods) {
        tariff->names_holidays |= (period.days & domain::kHolidayBit) != 0;
      }
    }
    deck_.tariffs_.push_back(std::move(tariff));
    return number->second;
  }

  // C13: the mark of one line holds for all of its kind and prefix.
  void MarkBlocked() {
    const auto same = [this](size_t one, size_t other) {
      return rows_.KindAt(one) == rows_.KindAt(other) &&
             rows_.DigitsAt(one) == rows_.DigitsAt(other);
    };
    for (size_t i = 0; i < rows_.size(); ++i) {
      const domain::LineTerms* terms = rows_.TermsOf(i);
      if (terms == nullptr || !terms->blocked) continue;
      for (size_t j = i; j < rows_.size() && same(i, j); ++j) {
        deck_.lines_[j].shape_and_flags |= Line::kBlocked;
      }
      for (size_t j = i; j > 0 && same(i, j - 1); --j) {
        deck_.lines_[j - 1].shape_and_flags |= Line::kBlocked;
      }
    }
  }

  void AddGroups() {
    for (size_t begin = 0; begin < rows_.size();) {
      size_t end = begin + 1;
      while (end < rows_.size() && rows_.SameKey(begin, end)) ++end;
      if (end - begin > 1 || IsDated(rows_.TermsOf(begin))) AddGroup(begin, end);
      begin = end;
    }
  }

  static bool IsDated(const domain::LineTerms* terms) {
    return terms != nullptr && (terms->first_day.has_value() || terms->last_day.has_value());
  }

  void AddGroup(size_t begin, size_t end) {
    deck_.lines_[begin].shape_and_flags |= Line::kGroup;
    const uint32_t first = deck_.lines_[begin].shape();
    if (end - begin == 1) {
      if (deck_.shapes_[first].seasons == DeckSnapshot::kPlain) {
        const uint32_t number = AddSeasons({first});
        deck_.shapes_[first].seasons = number;
      }
      return;
    }
    std::vector<uint32_t> shapes;
    for (size_t i = begin; i < end; ++i) shapes.push_back(deck_.lines_[i].shape());
    const auto [number, is_new] = families_.try_emplace(shapes, 0);
    if (is_new) number->second = AddSeasons(shapes);
    deck_.groups_[static_cast<uint32_t>(begin)] = number->second;
  }

  uint32_t AddSeasons(const std::vector<uint32_t>& shapes) {
    deck_.seasons_.push_back(SeasonsOfShapes(shapes));
    return static_cast<uint32_t>(deck_.seasons_.size() - 1);
  }

  std::vector<Season> SeasonsOfShapes(const std::vector<uint32_t>& shapes) {
    std::vector<const domain::LineTerms*> terms;
    for (const uint32_t shape : shapes)
      terms.push_back(deck_.terms_[deck_.shapes_[shape].terms].get());
    std::vector<Season> seasons;
    for (LinesOfSeason& lines : SeasonsOf(terms)) {
      Season& season = seasons.emplace_back();
      season.from_day = lines.from_day;
      season.lines = std::move(lines.lines);
      if (season.lines.size() == 1) {
        season.tariff = deck_.shapes_[shapes[season.lines.front()]].alone;
      } else if (!season.lines.empty()) {
        std::vector<uint32_t> together;
        for (const uint32_t line : season.lines) together.push_back(shapes[line]);
        season.tariff = TariffOf(together);
      }
    }
    return seasons;
  }

  RateRows rows_;
  DeckSnapshot& deck_;
  const std::shared_ptr<const domain::DeckRules> rules_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> tariffs_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> families_;
};

absl::StatusOr<std::shared_ptr<const DeckSnapshot>> DeckSnapshot::Create(DeckHeader header,
                                                                         RateRows rows) {
  rows.Close();
  rows.Sort();
  RESERVE_RETURN_IF_ERROR(CheckSorted(rows));
  header.rate_count = static_cast<int64_t>(rows.size());
  std::shared_ptr<DeckSnapshot> deck(new DeckSnapshot(std::move(header)));
  SnapshotBuilder(std::move(rows), deck.get()).Fill();
  return std::shared_ptr<const DeckSnapshot>(std::move(deck));
}

std::optional<domain::Rate> DeckSnapshot::RateOf(uint32_t line, uint32_t shape_number,
                                                 const domain::Tariff* tariff,
                                                 uint32_t tariff_line) const {
  const Line& at = lines_[line];
  const Shape& shape = shapes_[shape_number];
  std::optional<domain::Rate> found(std::in_place);
  domain::Rate& rate = *found;
  rate.deck_version = header_.version;
  rate.prefix = at.digits;
  rate.destination_name = texts_.CountedAt(at.name);
  rate.price = shape.price;
  rate.connect_fee = shape.connect_fee;
  rate.initial_increment_seconds = shape.initial_increment_seconds;
  rate.increment_seconds = shape.increment_seconds;
  rate.standard_rate = at.standard();
  rate.blocked = at.blocked();
  rate.unpriced = shape.unpriced;
  rate.country = shape.country;
  rate.row = line;
  rate.tariff_line = tariff_line;
  rate.tariff = tariff;
  if (tariff == nullptr && shape.alone != kPlain) rate.tariff = tariffs_[shape.alone].get();
  return found;
}

std::optional<domain::Rate> DeckSnapshot::RateInGroup(uint32_t first, absl::Time start) const {
  if (!lines_[first].has_group()) return RateOf(first, lines_[first].shape(), nullptr, 0);
  const std::vector<Season>& seasons = SeasonsOfGroup(first);
  const int64_t second = domain::SecondOf(start);
  size_t in_force = 0;
  if (seasons.size() > 1) {
    const int64_t day = header_.rules.calendar.At(second).day;
    while (in_force + 1 < seasons.size() && seasons[in_force + 1].from_day <= day) ++in_force;
  }
  const Season& season = seasons[in_force];
  if (season.lines.empty()) {
    if (!lines_[first].blocked()) return std::nullopt;
    // It never falls to a shorter prefix (C13).
    std::optional<domain::Rate> rate = RateOf(first, lines_[first].shape(), nullptr, 0);
    rate->unpriced = true;
    return rate;
  }
  const domain::Tariff* tariff = season.tariff == kPlain ? nullptr : tariffs_[season.tariff].get();
  const size_t chosen =
      tariff == nullptr || season.lines.size() == 1 ? 0 : domain::LineAt(*tariff, second).line;
  const uint32_t line = first + season.lines[chosen];
  return RateOf(line, lines_[line].shape(), tariff, static_cast<uint32_t>(chosen));
}

const std::vector<DeckSnapshot::Season>& DeckSnapshot::SeasonsOfGroup(uint32_t first) const {
  const auto group = groups_.find(first);
  return seasons_[group == groups_.end() ? shapes_[lines_[first].shape()].seasons : group->second];
}

uint32_t DeckSnapshot::Shorter(const PrefixIndex& index, uint32_t line) const {
  const uint64_t digits = lines_[line].digits;
  return index.Find(lines_, FirstDigits(digits, CountDigits(digits) - 1));
}

std::optional<domain::Rate> DeckSnapshot::RateOfGroups(const PrefixIndex& index, uint32_t first,
                                                       absl::Time start) const {
  while (first != PrefixIndex::kNone) {
    if (std::optional<domain::Rate> rate = RateInGroup(first, start); rate.has_value()) return rate;
    first = Shorter(index, first);
  }
  return std::nullopt;
}

std::optional<domain::Rate> DeckSnapshot::FindShortCode(RateKind kind,
                                                        absl::string_view destination,
                                                        absl::Time start) const {
  const absl::string_view digits = domain::DigitsOf(destination);
  const size_t found = LowerBound(kind, digits, "");
  if (found == size() || KindAt(found) != kind || digits.size() > kMaxPackedDigits ||
      lines_[found].digits != PackDigits(digits)) {
    return std::nullopt;
  }
  return RateInGroup(static_cast<uint32_t>(found), start);
}

std::optional<domain::Rate> DeckSnapshot::FindSms(absl::string_view digits,
                                                  absl::string_view carrier,
                                                  absl::Time start) const {
  if (domain::IsShortCode(digits)) return FindShortCode(RateKind::kSmsShortCode, digits, start);
  const uint32_t wanted = carriers_.Find(carrier).value_or(0);
  for (uint32_t found = sms_.Find(lines_, PackDigits(digits)); found != PrefixIndex::kNone;
       found = Shorter(sms_, found)) {
    uint32_t end_of_prefix = found + 1;
    while (end_of_prefix < short_code_begin_ &&
           lines_[end_of_prefix].digits == lines_[found].digits) {
      ++end_of_prefix;
    }
    const auto begin = sms_carriers_.begin() + (found - static_cast<std::ptrdiff_t>(sms_begin_));
    const auto end = begin + (end_of_prefix - found);
    // The carrier's lines, then those of no carrier.
    for (const uint32_t of : {wanted, 0U}) {
      const auto line = std::find(begin, end, of);
      if (line == end) continue;
      std::optional<domain::Rate> rate =
          RateInGroup(found + static_cast<uint32_t>(line - begin), start);
      if (!rate.has_value()) continue;
      rate->default_carrier = of == 0 && !carrier.empty();
      return rate;
    }
    if (lines_[found].blocked()) {
      // It has no line for this carrier, and never falls to a shorter prefix (C13).
      std::optional<domain::Rate> rate = RateOf(found, lines_[found].shape(), nullptr, 0);
      rate->unpriced = true;
      return rate;
    }
  }
  return std::nullopt;
}

RateKind DeckSnapshot::KindAt(size_t index) const {
  if (index < inbound_begin_) return RateKind::kCall;
  if (index < sms_begin_) return RateKind::kCallInbound;
  if (index < short_code_begin_) return RateKind::kSms;
  return index < sms_short_code_begin_ ? RateKind::kShortCode : RateKind::kSmsShortCode;
}

absl::string_view DeckSnapshot::CarrierAt(size_t index) const {
  if (index < sms_begin_ || index >= short_code_begin_) return {};
  return carriers_.At(sms_carriers_[index - sms_begin_]);
}

RateRow DeckSnapshot::RowAt(size_t index) const {
  const Line& line = lines_[index];
  const Shape& shape = shapes_[line.shape()];
  RateRow row;
  row.kind = KindAt(index);
  UnpackDigits(line.digits, &row.prefix);
  row.carrier = std::string(CarrierAt(index));
  row.destination_name = std::string(texts_.At(line.name));
  row.price = shape.price;
  row.connect_fee = shape.connect_fee;
  row.initial_increment_seconds = shape.initial_increment_seconds;
  row.increment_seconds = shape.increment_seconds;
  row.country = shape.country;
  row.terms = terms_[shape.terms];
  return row;
}

size_t DeckSnapshot::LowerBound(RateKind kind, absl::string_view prefix,
                                absl::string_view carrier) const {
  size_t begin = 0;
  size_t end = lines_.size();
  std::string digits;
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    UnpackDigits(lines_[middle].digits, &digits);
    const auto row = std::make_tuple(KindAt(middle), absl::string_view(digits), CarrierAt(middle));
    if (row < std::make_tuple(kind, prefix, carrier)) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

size_t DeckSnapshot::memory_bytes() const {
  size_t bytes = sizeof(*this) + lines_.capacity() * sizeof(Line) +
                 shapes_.capacity() * sizeof(Shape) + texts_.memory_bytes() +
                 carriers_.memory_bytes() + sms_carriers_.capacity() * sizeof(uint32_t) +
                 groups_.capacity() * (2 * sizeof(uint32_t) + 1) + calls_.memory_bytes() +
                 inbound_calls_.memory_bytes() + sms_.memory_bytes();
  for (const std::vector<Season>& seasons : seasons_) {
    for (const Season& season : seasons) {
      bytes += sizeof(Season) + season.lines.capacity() * sizeof(uint32_t);
    }
  }
  for (const std::unique_ptr<domain::Tariff>& tariff : tariffs_) {
    bytes += sizeof(*tariff) + tariff->lines.capacity() * sizeof(domain::TariffLine);
  }
  return bytes;
}

DeckBook::DeckBook(std::vector<std::shared_ptr<const DeckSnapshot>> decks) {
  const auto by_version = [](const auto& a, const auto& b) {
    return a->header().version < b->header().version;
  };
  std::stable_sort(decks.begin(), decks.end(), by_version);
  for (std::shared_ptr<const DeckSnapshot>& deck : decks) {
    if (!decks_.empty() && decks_.back()->header().version == deck->header().version) {
      decks_.pop_back();
    }
    decks_.push_back(std::move(deck));
  }
}

std::shared_ptr<const DeckBook> DeckBook::With(std::shared_ptr<const DeckSnapshot> deck) const {
  std::vector<std::shared_ptr<const DeckSnapshot>> decks = decks_;
  decks.push_back(std::move(deck));
  return std::make_shared<const DeckBook>(std::move(decks));
}

const DeckSnapshot* DeckBook::ByVersion(int64_t version) const {
  const auto found = std::partition_point(
      decks_.begin(), decks_.end(),
      [version](const auto& deck) { return deck->header().version < version; });
  return found != decks_.end() && (*found)->header().version == version ? found->get() : nullptr;
}

}  // namespace reserve::rates
