#include "services/ledger/rates/deck_snapshot.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/errors.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/line_terms_text.h"
#include "services/ledger/rates/seasons.h"

namespace reserve::rates {
namespace {

auto OrderOf(const RateRow& row) { return std::tie(row.kind, row.prefix, row.carrier); }

bool IsPrefix(absl::string_view prefix) {
  return !prefix.empty() && prefix.size() <= kMaxPrefixDigits &&
         std::all_of(prefix.begin(), prefix.end(), absl::ascii_isdigit);
}

absl::Status BadRow(const RateRow& row, absl::string_view why) {
  return InvalidRateDeck(absl::StatusCode::kInternal,
                         absl::StrCat(RateKindName(row.kind), " row of prefix \"", row.prefix,
                                      "\" and carrier \"", row.carrier, "\" ", why));
}

absl::Status CheckSorted(const std::vector<RateRow>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!IsPrefix(rows[i].prefix)) return BadRow(rows[i], "has a bad prefix");
    if (i > 0 && !LineBefore(rows[i - 1], rows[i])) return BadRow(rows[i], "is there twice");
  }
  return absl::OkStatus();
}

// Digits in four bits each from the top, their number in the lowest four: in this form they sort as
// texts do.
uint64_t Packed(absl::string_view digits) {
  uint64_t packed = digits.size();
  for (size_t i = 0; i < digits.size(); ++i) {
    packed |= static_cast<uint64_t>(digits[i] - '0') << (60 - 4 * i);
  }
  return packed;
}

void Unpack(uint64_t packed, std::string* digits) {
  char text[kMaxPrefixDigits];
  const size_t length = packed & 15;
  for (size_t i = 0; i < length; ++i) {
    text[i] = static_cast<char>('0' + (packed >> (60 - 4 * i) & 15));
  }
  digits->assign(text, length);
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

// Fills the trie from the root down. It recurses once a digit.
class TrieBuilder {
 public:
  TrieBuilder(const std::vector<absl::string_view>& prefixes, const std::vector<uint32_t>& numbers,
              std::vector<PrefixTrie::Node>* nodes)
      : prefixes_(prefixes), numbers_(numbers), nodes_(*nodes) {}

  // Adds the node of prefixes [begin, end), which share their first `depth` digits;
  // `inherited` is the answer of the shorter prefixes. Returns the node's index.
  uint32_t Add(uint32_t begin, uint32_t end, size_t depth, uint32_t inherited) {
    const auto index = static_cast<uint32_t>(nodes_.size());
    nodes_.emplace_back();
    const bool ends_here = begin < end && prefixes_[begin].size() == depth;
    const uint32_t own = ends_here ? NumberOf(begin++) : inherited;
    nodes_[index].own = own;
    for (uint32_t digit = 0; digit < 10; ++digit) {
      const uint32_t first = begin;
      while (begin < end && prefixes_[begin][depth] == static_cast<char>('0' + digit)) ++begin;
      uint32_t branch = PrefixTrie::kLeaf | own;
      if (begin - first == 1 && prefixes_[first].size() == depth + 1) {
        branch = PrefixTrie::kLeaf | NumberOf(first);
      } else if (begin != first) {
        branch = Add(first, begin, depth + 1, own);
      }
      nodes_[index].branches[digit] = branch;
    }
    return index;
  }

 private:
  uint32_t NumberOf(uint32_t index) const { return numbers_.empty() ? index : numbers_[index]; }

  const std::vector<absl::string_view>& prefixes_;
  const std::vector<uint32_t>& numbers_;
  std::vector<PrefixTrie::Node>& nodes_;
};

PrefixTrie::PrefixTrie(const std::vector<absl::string_view>& prefixes,
                       const std::vector<uint32_t>& numbers) {
  TrieBuilder(prefixes, numbers, &nodes_).Add(0, static_cast<uint32_t>(prefixes.size()), 0, kNone);
  nodes_.shrink_to_fit();
}

// Fills a snapshot from its rows.
class SnapshotBuilder {
 public:
  SnapshotBuilder(const std::vector<RateRow>& rows, DeckSnapshot* deck)
      : rows_(rows),
        deck_(*deck),
        rules_(std::make_shared<domain::DeckRules>(deck->header_.rules)) {}

  void Fill() {
    deck_.names_.assign(2, '\0');
    deck_.inbound_begin_ = FirstOf(RateKind::kCallInbound);
    deck_.sms_begin_ = FirstOf(RateKind::kSms);
    deck_.short_code_begin_ = FirstOf(RateKind::kShortCode);
    deck_.sms_short_code_begin_ = FirstOf(RateKind::kSmsShortCode);
    deck_.lines_.reserve(rows_.size());
    deck_.sms_carriers_.reserve(deck_.short_code_begin_ - deck_.sms_begin_);
    deck_.carriers_.emplace_back();
    deck_.carrier_numbers_[""] = 0;
    for (const RateRow& row : rows_) AddLine(row);
    MarkBlocked();
    deck_.calls_ = TrieOf(0, deck_.inbound_begin_);
    deck_.inbound_calls_ = TrieOf(deck_.inbound_begin_, deck_.sms_begin_);
    IndexSms();
    AddGroups();
    deck_.names_.shrink_to_fit();
    deck_.shapes_.shrink_to_fit();
  }

 private:
  using ShapeKey =
      std::tuple<Nanos, Nanos, int32_t, int32_t, domain::NumberCountry, bool, std::string>;
  using Season = DeckSnapshot::Season;

  size_t FirstOf(RateKind kind) const {
    return static_cast<size_t>(
        std::partition_point(rows_.begin(), rows_.end(),
                             [kind](const RateRow& row) { return row.kind < kind; }) -
        rows_.begin());
  }

  void AddLine(const RateRow& row) {
    DeckSnapshot::Line& line = deck_.lines_.emplace_back();
    line.digits = Packed(row.prefix);
    line.shape_and_flags = ShapeOf(row);
    line.name = NameOf(row.destination_name);
    if (row.kind != RateKind::kSms) return;
    const auto [number, is_new] = deck_.carrier_numbers_.try_emplace(
        row.carrier, static_cast<uint32_t>(deck_.carriers_.size()));
    if (is_new) deck_.carriers_.push_back(row.carrier);
    deck_.sms_carriers_.push_back(number->second);
  }

  uint32_t NameOf(const std::string& name) {
    if (name.empty()) return 0;
    const auto [place, is_new] =
        name_places_.try_emplace(name, static_cast<uint32_t>(deck_.names_.size()));
    if (is_new) {
      const size_t length = std::min<size_t>(name.size(), UINT16_MAX);
      deck_.names_.push_back(static_cast<char>(length & 255));
      deck_.names_.push_back(static_cast<char>(length >> 8));
      deck_.names_.append(name, 0, length);
    }
    return place->second;
  }

  // What the terms of a line say, as a text; worked out once for terms that are shared.
  const std::string& TermsText(const RateRow& row) {
    static const auto* nothing = new std::string;
    if (row.terms == nullptr) return *nothing;
    std::string& text = terms_texts_[row.terms.get()];
    if (text.empty()) text = absl::StrCat("terms ", TextOf(*row.terms));
    return text;
  }

  uint32_t ShapeOf(const RateRow& row) {
    const bool is_text = IsTextKind(row.kind);
    const auto [number, is_new] =
        shapes_.try_emplace(ShapeKey(row.price, row.connect_fee, row.initial_increment_seconds,
                                     row.increment_seconds, row.country, is_text, TermsText(row)),
                            static_cast<uint32_t>(deck_.shapes_.size()));
    if (!is_new) return number->second;
    DeckSnapshot::Shape& shape = deck_.shapes_.emplace_back();
    shape.price = row.price;
    shape.connect_fee = row.connect_fee;
    shape.initial_increment_seconds = row.initial_increment_seconds;
    shape.increment_seconds = row.increment_seconds;
    shape.country = row.country;
    shape.is_text = is_text;
    shape.standard = !is_text && IsStandard(row, deck_.header_);
    shape.unpriced = row.terms != nullptr && row.terms->unpriced;
    shape.terms = row.terms;
    if (!IsPlain(row.terms.get(), *rules_)) shape.alone = TariffOf({number->second});
    return number->second;
  }

  domain::TariffLine TariffLineOf(const DeckSnapshot::Shape& shape) const {
    domain::TariffLine line;
    line.price = shape.price;
    line.standard = shape.standard;
    if (shape.terms == nullptr) return line;
    line.steps = shape.terms->steps;
    line.periods = shape.terms->periods;
    line.included_seconds = shape.terms->included_seconds;
    line.minimum = shape.terms->minimum;
    line.maximum = shape.terms->maximum;
    line.says_standard = shape.terms->standard.has_value();
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
    constexpr uint32_t kBlocked = 1U << DeckSnapshot::Line::kShapeBits;
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].terms == nullptr || !rows_[i].terms->blocked) continue;
      const auto same = [&](size_t other) {
        return rows_[other].kind == rows_[i].kind && rows_[other].prefix == rows_[i].prefix;
      };
      for (size_t j = i; j < rows_.size() && same(j); ++j) {
        deck_.lines_[j].shape_and_flags |= kBlocked;
      }
      for (size_t j = i; j > 0 && same(j - 1); --j) {
        deck_.lines_[j - 1].shape_and_flags |= kBlocked;
      }
    }
  }

  // Of the first line of each prefix.
  PrefixTrie TrieOf(size_t begin, size_t end) const {
    std::vector<absl::string_view> prefixes;
    std::vector<uint32_t> numbers;
    prefixes.reserve(end - begin);
    numbers.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) {
      if (!prefixes.empty() && prefixes.back() == rows_[i].prefix) continue;
      prefixes.push_back(rows_[i].prefix);
      numbers.push_back(static_cast<uint32_t>(i));
    }
    return PrefixTrie(prefixes, numbers);
  }

  void IndexSms() {
    std::vector<absl::string_view> prefixes;
    for (uint32_t i = 0; i < deck_.sms_carriers_.size(); ++i) {
      const std::string& prefix = rows_[deck_.sms_begin_ + i].prefix;
      if (prefixes.empty() || prefixes.back() != prefix) {
        prefixes.push_back(prefix);
        deck_.sms_prefixes_.push_back({i, i, PrefixTrie::kNone});
      }
      deck_.sms_prefixes_.back().end = i + 1;
    }
    deck_.sms_prefixes_.shrink_to_fit();
    deck_.sms_ = PrefixTrie(prefixes);
    for (size_t i = 0; i < prefixes.size(); ++i) {
      deck_.sms_prefixes_[i].parent = deck_.sms_.Find(Shorter(prefixes[i]));
    }
  }

  static absl::string_view Shorter(absl::string_view prefix) {
    return prefix.substr(0, prefix.size() - 1);
  }

  void AddGroups() {
    for (size_t begin = 0; begin < rows_.size();) {
      size_t end = begin + 1;
      while (end < rows_.size() && OrderOf(rows_[end]) == OrderOf(rows_[begin])) ++end;
      if (end - begin > 1 || IsDated(rows_[begin])) AddGroup(begin, end);
      begin = end;
    }
  }

  static bool IsDated(const RateRow& row) {
    return row.terms != nullptr &&
           (row.terms->first_day.has_value() || row.terms->last_day.has_value());
  }

  void AddGroup(size_t begin, size_t end) {
    deck_.lines_[begin].shape_and_flags |= 1U << 31;
    std::vector<uint32_t> shapes;
    for (size_t i = begin; i < end; ++i) shapes.push_back(deck_.lines_[i].shape());
    const auto [number, is_new] =
        families_.try_emplace(shapes, static_cast<uint32_t>(deck_.seasons_.size()));
    if (is_new) deck_.seasons_.push_back(SeasonsOfShapes(shapes));
    DeckSnapshot::Group& group = deck_.groups_[static_cast<uint32_t>(begin)];
    group.seasons = number->second;
    const absl::string_view shorter = Shorter(rows_[begin].prefix);
    if (rows_[begin].kind == RateKind::kCall) group.parent = deck_.calls_.Find(shorter);
    if (rows_[begin].kind == RateKind::kCallInbound) {
      group.parent = deck_.inbound_calls_.Find(shorter);
    }
  }

  std::vector<Season> SeasonsOfShapes(const std::vector<uint32_t>& shapes) {
    std::vector<const domain::LineTerms*> terms;
    for (const uint32_t shape : shapes) terms.push_back(deck_.shapes_[shape].terms.get());
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

  const std::vector<RateRow>& rows_;
  DeckSnapshot& deck_;
  const std::shared_ptr<const domain::DeckRules> rules_;
  absl::flat_hash_map<std::string, uint32_t> name_places_;
  absl::flat_hash_map<const domain::LineTerms*, std::string> terms_texts_;
  absl::flat_hash_map<ShapeKey, uint32_t> shapes_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> tariffs_;
  absl::flat_hash_map<std::vector<uint32_t>, uint32_t> families_;
};

absl::StatusOr<std::shared_ptr<const DeckSnapshot>> DeckSnapshot::Create(
    DeckHeader header, std::vector<RateRow> rows) {
  std::sort(rows.begin(), rows.end(), LineBefore);
  RESERVE_RETURN_IF_ERROR(CheckSorted(rows));
  header.rate_count = static_cast<int64_t>(rows.size());
  std::shared_ptr<DeckSnapshot> deck(new DeckSnapshot(std::move(header)));
  SnapshotBuilder(rows, deck.get()).Fill();
  return std::shared_ptr<const DeckSnapshot>(std::move(deck));
}

domain::Rate DeckSnapshot::RateOf(uint32_t line, uint32_t shape_number,
                                  const domain::Tariff* tariff, uint32_t tariff_line) const {
  const Line& at = lines_[line];
  const Shape& shape = shapes_[shape_number];
  domain::Rate rate;
  rate.deck_version = header_.version;
  Unpack(at.digits, &rate.prefix);
  rate.destination_name = NameAt(at.name);
  rate.price = shape.price;
  rate.connect_fee = shape.connect_fee;
  rate.initial_increment_seconds = shape.initial_increment_seconds;
  rate.increment_seconds = shape.increment_seconds;
  rate.standard_rate = shape.standard;
  rate.blocked = at.blocked();
  rate.unpriced = shape.unpriced;
  rate.country = shape.country;
  rate.row = line;
  rate.tariff_line = tariff_line;
  rate.tariff = tariff;
  if (tariff == nullptr && shape.alone != kPlain) rate.tariff = tariffs_[shape.alone].get();
  return rate;
}

std::optional<domain::Rate> DeckSnapshot::RateInGroup(uint32_t first, absl::Time start) const {
  if (!lines_[first].has_group()) return RateOf(first, lines_[first].shape(), nullptr, 0);
  const std::vector<Season>& seasons = seasons_[groups_.find(first)->second.seasons];
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
    domain::Rate rate = RateOf(first, lines_[first].shape(), nullptr, 0);
    rate.unpriced = true;
    return rate;
  }
  const domain::Tariff* tariff = season.tariff == kPlain ? nullptr : tariffs_[season.tariff].get();
  const size_t chosen =
      tariff == nullptr || season.lines.size() == 1 ? 0 : domain::LineAt(*tariff, second).line;
  const uint32_t line = first + season.lines[chosen];
  return RateOf(line, lines_[line].shape(), tariff, static_cast<uint32_t>(chosen));
}

std::optional<domain::Rate> DeckSnapshot::RateOfGroups(uint32_t first, absl::Time start) const {
  while (first != PrefixTrie::kNone) {
    if (std::optional<domain::Rate> rate = RateInGroup(first, start); rate.has_value()) return rate;
    first = groups_.find(first)->second.parent;
  }
  return std::nullopt;
}

std::optional<domain::Rate> DeckSnapshot::FindShortCode(RateKind kind,
                                                        absl::string_view destination,
                                                        absl::Time start) const {
  const absl::string_view digits = domain::DigitsOf(destination);
  const size_t found = LowerBound(kind, digits, "");
  if (found == size() || KindAt(found) != kind || digits.size() > kMaxPrefixDigits ||
      lines_[found].digits != Packed(digits)) {
    return std::nullopt;
  }
  return RateInGroup(static_cast<uint32_t>(found), start);
}

std::optional<domain::Rate> DeckSnapshot::FindSms(absl::string_view digits,
                                                  absl::string_view carrier,
                                                  absl::Time start) const {
  if (domain::IsShortCode(digits)) return FindShortCode(RateKind::kSmsShortCode, digits, start);
  const auto known = carrier_numbers_.find(carrier);
  const uint32_t wanted = known == carrier_numbers_.end() ? 0 : known->second;
  for (uint32_t found = sms_.Find(digits); found != PrefixTrie::kNone;
       found = sms_prefixes_[found].parent) {
    const SmsPrefix& prefix = sms_prefixes_[found];
    // The carrier's lines, then those of no carrier.
    for (const uint32_t of : {wanted, 0U}) {
      const auto begin = sms_carriers_.begin() + prefix.begin;
      const auto end = sms_carriers_.begin() + prefix.end;
      const auto line = std::find(begin, end, of);
      if (line == end) continue;
      const auto first =
          static_cast<uint32_t>(sms_begin_) + static_cast<uint32_t>(line - sms_carriers_.begin());
      std::optional<domain::Rate> rate = RateInGroup(first, start);
      if (!rate.has_value()) continue;
      rate->default_carrier = of == 0 && !carrier.empty();
      return rate;
    }
    if (lines_[sms_begin_ + prefix.begin].blocked()) {
      // It has no line for this carrier, and never falls to a shorter prefix (C13).
      const auto first = static_cast<uint32_t>(sms_begin_ + prefix.begin);
      domain::Rate rate = RateOf(first, lines_[first].shape(), nullptr, 0);
      rate.unpriced = true;
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
  return carriers_[sms_carriers_[index - sms_begin_]];
}

absl::string_view DeckSnapshot::NameAt(uint32_t name) const {
  const auto* length = reinterpret_cast<const unsigned char*>(names_.data()) + name;
  return {names_.data() + name + 2, length[0] + size_t{length[1]} * 256};
}

RateRow DeckSnapshot::RowAt(size_t index) const {
  const Line& line = lines_[index];
  const Shape& shape = shapes_[line.shape()];
  RateRow row;
  row.kind = KindAt(index);
  Unpack(line.digits, &row.prefix);
  row.carrier = std::string(CarrierAt(index));
  row.destination_name = std::string(NameAt(line.name));
  row.price = shape.price;
  row.connect_fee = shape.connect_fee;
  row.initial_increment_seconds = shape.initial_increment_seconds;
  row.increment_seconds = shape.increment_seconds;
  row.country = shape.country;
  row.terms = shape.terms;
  return row;
}

size_t DeckSnapshot::LowerBound(RateKind kind, absl::string_view prefix,
                                absl::string_view carrier) const {
  size_t begin = 0;
  size_t end = lines_.size();
  std::string digits;
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    Unpack(lines_[middle].digits, &digits);
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
                 shapes_.capacity() * sizeof(Shape) + names_.capacity() +
                 sms_carriers_.capacity() * sizeof(uint32_t) +
                 sms_prefixes_.capacity() * sizeof(SmsPrefix) +
                 groups_.capacity() * (sizeof(uint32_t) + sizeof(Group) + 1) +
                 calls_.memory_bytes() + inbound_calls_.memory_bytes() + sms_.memory_bytes();
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
