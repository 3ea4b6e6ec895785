#include "services/ledger/rates/findings.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/money/money.h"
#include "services/ledger/domain/country.h"
#include "services/ledger/domain/destination.h"
#include "services/ledger/rates/calling_code.h"
#include "services/ledger/rates/country_names.h"
#include "services/ledger/rates/line_charges.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/number_lengths.h"

namespace reserve::rates {
namespace {

constexpr size_t kShownLines = 5;
constexpr int64_t kTenth = 10;
constexpr int64_t kMuchDearer = 3;

// One finding while it is counted.
struct Tally {
  int64_t count = 0;
  std::vector<std::string> lines;

  // `line` makes the text, which is asked for of the first few.
  template <typename Line>
  void Add(const Line& line) {
    ++count;
    if (lines.size() < kShownLines) lines.push_back(line());
  }
};

std::string Label(const RateRow& row) {
  return absl::StrCat(RateKindName(row.kind), " ", row.prefix, row.carrier.empty() ? "" : " ",
                      row.carrier, row.destination_name.empty() ? "" : " ", row.destination_name);
}

std::string LineOf(const DeckFile& file, size_t index) {
  return absl::StrCat("line ", file.sources[index].line, ": ", Label(file.rows[index]));
}

bool IsMuch(Nanos before, Nanos after) {
  const auto [less, more] = std::minmax(before, after);
  return less != more && more / kMuchDearer >= less;
}

auto KeyOf(const RateRow& row) { return std::tie(row.kind, row.prefix, row.carrier); }

class Reader {
 public:
  Reader(const DeckFile& file, const DeckHeader& header, const Circumstances& circumstances)
      : file_(file), header_(header), circumstances_(circumstances) {}

  std::vector<Finding> Read() {
    if (circumstances_.row_in_force) {
      Compare();
    } else if (circumstances_.other_currencies) {
      Tell(FindingCode::kFirstOfCurrency, {static_cast<int64_t>(file_.rows.size()), {}},
           absl::StrCat("it would be the first deck in ", header_.currency,
                        ", and there are decks in other currencies: is that the currency?"));
    }
    ReadPrefixes();
    ReadLengths();
    ReadNames();
    ReadGaps();
    ReadUsages();
    std::sort(findings_.begin(), findings_.end(),
              [](const Finding& a, const Finding& b) { return a.code < b.code; });
    return std::move(findings_);
  }

 private:
  void Tell(FindingCode code, Tally tally, std::string message) {
    findings_.push_back({code, tally.count, std::move(message), std::move(tally.lines)});
  }

  // The places of the rows in the order of kind, prefix and carrier.
  const std::vector<uint32_t>& Order() {
    if (order_.empty()) order_ = file_.rows.OrderByKey();
    return order_;
  }

  // Walks through both decks in the order of kind, prefix and carrier.
  void Compare() {
    const std::vector<uint32_t>& order = Order();
    size_t at = 0;
    size_t index = 0;
    std::vector<RateRow> old;  // the lines of one kind, prefix and carrier
    RateRow next;
    bool more = circumstances_.row_in_force(index++, &next);
    while (more) {
      old.clear();
      do {
        old.push_back(std::move(next));
        next = {};
        more = circumstances_.row_in_force(index++, &next);
      } while (more && KeyOf(next) == KeyOf(old.front()));
      ++old_count_;
      bool found = false;
      for (; at < order.size(); ++at) {
        const RateRow row = file_.rows[order[at]];
        if (KeyOf(row) > KeyOf(old.front())) break;
        if (KeyOf(row) < KeyOf(old.front())) continue;
        found = true;
        CompareLine(LineInPlaceOf(old, row), row, order[at]);
      }
      if (!found) dropped_.Add([&] { return Label(old.front()); });
    }
    TellComparison();
  }

  void CompareLine(const RateRow& old, const RateRow& row, uint32_t index) {
    const auto change = [&] {
      std::string text = absl::StrCat(LineOf(file_, index), ": ", FormatDecimal(old.price), " -> ",
                                      FormatDecimal(row.price));
      if (row.connect_fee != old.connect_fee) {
        absl::StrAppend(&text, ", fee ", FormatDecimal(old.connect_fee), " -> ",
                        FormatDecimal(row.connect_fee));
      }
      return text;
    };
    if (row.price != old.price || row.connect_fee != old.connect_fee ||
        OtherChargesOf(row) != OtherChargesOf(old)) {
      changed_.Add(change);
      if (IsMuch(old.price, row.price) || IsMuch(old.connect_fee, row.connect_fee)) {
        much_.Add(change);
      }
    }
    if (IsStandard(old, circumstances_.header_in_force) != IsStandard(row, header_)) {
      crosses_.Add(change);
    }
  }

  void TellComparison() {
    if (dropped_.count * kTenth > old_count_) {
      const int64_t count = dropped_.count;
      Tell(FindingCode::kRowsDropped, std::move(dropped_),
           absl::StrCat(count, " of the ", old_count_,
                        " lines of the deck in force are not in this one: is it the whole price "
                        "list?"));
    }
    if (much_.count > 0) {
      const int64_t changed = changed_.count;
      Tell(FindingCode::kPricesChanged, {changed, std::move(much_.lines)},
           absl::StrCat(changed, " of ", old_count_, " lines change their prices, ", much_.count,
                        " of them to three times or more, or to a third or less"));
    } else if (changed_.count * kTenth > old_count_) {
      const int64_t count = changed_.count;
      Tell(FindingCode::kPricesChanged, std::move(changed_),
           absl::StrCat(count, " of ", old_count_, " lines change their prices or terms"));
    }
    if (crosses_.count > 0) {
      Tell(FindingCode::kCrossesCeiling, std::move(crosses_),
           "lines become standard rates, which take free minutes, or cease to be");
    }
  }

  void ReadPrefixes() {
    Tally bare;
    const bool some_with_plus =
        std::any_of(file_.sources.begin(), file_.sources.end(),
                    [](const RowSource& source) { return source.plus != 0; });
    // Countries of which prefixes of another length are written without a `+`, too.
    absl::flat_hash_set<std::string> plain;
    std::string prefix;
    for (size_t i = 0; some_with_plus && i < file_.rows.size(); ++i) {
      UnpackDigits(file_.rows.DigitsAt(i), &prefix);
      if (file_.sources[i].plus == 0 && prefix.size() != 3) plain.emplace(CallingCodeOf(prefix));
    }
    for (size_t i = 0; i < file_.rows.size(); ++i) {
      if (IsShortCodeKind(file_.rows.KindAt(i))) continue;
      UnpackDigits(file_.rows.DigitsAt(i), &prefix);
      // The file tells them apart: 872 may be an area code, and +872 a country's.
      const bool doubtful = some_with_plus && file_.sources[i].plus == 0 && prefix.size() == 3 &&
                            IsAreaCode(prefix) && !plain.contains(CallingCodeOf(prefix));
      if (doubtful || CoversOthers(i, prefix)) bare.Add([&] { return LineOf(file_, i); });
    }
    if (bare.count == 0) return;
    Tell(FindingCode::kBarePrefix, std::move(bare),
         "a prefix is shorter than what it is meant for: 1, 7 and parts of a country's code are of "
         "many countries, and three digits beside others with a + may lack the 1 of North America");
  }

  // A part of a country's code; a bare 1 or 7 that prices other countries, as they have no lines of
  // their own.
  bool CoversOthers(size_t index, const std::string& prefix) {
    const domain::LineTerms* terms = file_.rows.TermsOf(index);
    if (terms != nullptr && terms->blocked) return false;
    const RateKind kind = file_.rows.KindAt(index);
    const size_t code_digits = CallingCodeOf(absl::StrCat(prefix, "00")).size();
    if (prefix.size() < code_digits) return CoversCodes(kind, prefix);
    if (prefix != "1" && prefix != "7") return false;
    // Lines that go deeper are for part of a country, but whoever has them has thought of it.
    absl::flat_hash_set<std::string> others;
    const size_t digits = prefix == "7" ? 2 : 4;
    ForEachPrefix(kind, [&](absl::string_view other) {
      if (other.size() >= digits) others.emplace(other.substr(0, digits));
    });
    // Kazakhstan has 76 as well, of which it uses nothing.
    if (prefix == "7") return !others.contains("77");
    for (int code = 200; code < 1000; ++code) {
      const std::string area = absl::StrCat("1", code);
      const std::string country = domain::TextOf(domain::CountryOfNumber(area));
      const bool foreign = country.size() == 2 && country != "US" && country != "CA";
      if (foreign && !others.contains(area)) return true;
    }
    return false;
  }

  // 2 and 35 begin the codes of many countries, and are none.
  bool CoversCodes(RateKind kind, const std::string& prefix) {
    absl::flat_hash_set<std::string> codes;
    ForEachPrefix(kind, [&](absl::string_view other) {
      const absl::string_view code = CallingCodeOf(other);
      const bool whole = CallingCodeOf(absl::StrCat(other, "00")).size() == code.size();
      if (whole) codes.emplace(code);
    });
    for (int number = 200; number < 1000; ++number) {
      const std::string digits = absl::StrCat(number);
      const bool in_use = domain::CountryOfNumber(digits) != domain::NumberCountry::kUnknown;
      if (absl::StartsWith(digits, prefix) && in_use && !codes.contains(CallingCodeOf(digits))) {
        return true;
      }
    }
    return false;
  }

  void ForEachPrefix(RateKind kind, absl::FunctionRef<void(absl::string_view)> take) const {
    std::string prefix;
    for (size_t i = 0; i < file_.rows.size(); ++i) {
      if (file_.rows.KindAt(i) != kind) continue;
      UnpackDigits(file_.rows.DigitsAt(i), &prefix);
      take(prefix);
    }
  }

  static bool IsAreaCode(absl::string_view digits) {
    return digits[0] >= '2' &&
           domain::CountryOfNumber(absl::StrCat("1", digits)) != domain::NumberCountry::kUnknown;
  }

  void ReadLengths() {
    Tally longer;
    std::string prefix;
    for (size_t i = 0; i < file_.rows.size(); ++i) {
      if (IsShortCodeKind(file_.rows.KindAt(i))) continue;
      UnpackDigits(file_.rows.DigitsAt(i), &prefix);
      const absl::string_view code = CallingCodeOf(prefix);
      const size_t most = MostNationalDigits(code);
      if (most > 0 && prefix.size() > code.size() + most)
        longer.Add([&] { return LineOf(file_, i); });
    }
    if (longer.count == 0) return;
    Tell(FindingCode::kPrefixTooLong, std::move(longer),
         "a prefix is longer than any number of its country: has it digits too many, or are they "
         "two?");
  }

  void ReadNames() {
    Tally wrong;
    int64_t lost_one = 0;
    absl::flat_hash_map<uint32_t, std::optional<domain::NumberCountry>> countries;  // by name
    std::string prefix;
    for (size_t i = 0; i < file_.rows.size(); ++i) {
      if (IsShortCodeKind(file_.rows.KindAt(i))) continue;
      const domain::NumberCountry said = file_.rows.shapes()[file_.rows.ShapeAt(i)].country;
      const uint32_t name = file_.rows.NameAt(i);
      std::optional<domain::NumberCountry> named;
      if (name != 0) {
        const auto [known, is_new] = countries.try_emplace(name);
        if (is_new) known->second = CountryInName(file_.rows.texts().At(name));
        named = known->second;
      }
      if (!named.has_value() && said == domain::NumberCountry::kUnknown) continue;
      UnpackDigits(file_.rows.DigitsAt(i), &prefix);
      if (named.has_value() && !NameFitsPrefix(*named, prefix)) {
        if (NameFitsPrefix(*named, absl::StrCat("1", prefix))) ++lost_one;
      } else if (CodeFitsPrefix(said, prefix)) {
        continue;
      }
      wrong.Add([&] { return LineOf(file_, i); });
    }
    if (wrong.count == 0) return;
    const bool most = lost_one * 2 > wrong.count;
    Tell(FindingCode::kNameNotInPrefix, std::move(wrong),
         absl::StrCat("a name or a country says another country than its prefix",
                      most ? ": is the leading 1 of North America missing?" : ""));
  }

  // Of the country that the file has in a column of its own. Territories have codes of their own.
  static bool CodeFitsPrefix(domain::NumberCountry said, absl::string_view prefix) {
    if (NameFitsPrefix(said, prefix)) return true;
    const std::string of_prefix = domain::TextOf(domain::CountryOfNumber(prefix));
    constexpr absl::string_view kOfTheUnitedStates = " AS GU MP PR VI ";
    return domain::TextOf(said) == "US" && of_prefix.size() == 2 &&
           absl::StrContains(kOfTheUnitedStates, absl::StrCat(" ", of_prefix, " "));
  }

  void ReadGaps() {
    if (file_.gap_count == 0) return;
    Tally gaps{file_.gap_count, {}};
    for (const DatesGap& gap : file_.gaps) {
      gaps.lines.push_back(absl::StrCat("line ", gap.line, ": ", gap.prefix, " from ",
                                        absl::FormatCivilTime(gap.first), " to ",
                                        absl::FormatCivilTime(gap.last)));
    }
    Tell(FindingCode::kDatesGap, std::move(gaps),
         "a prefix has lines before and after some days, and none on them");
  }

  // Adds usages that no line of the deck prices, by kind and the first digits of their numbers: a
  // number is a person's, and stays out of it.
  void AddWithoutPrice(const std::vector<Destination>& usages, Tally* tally) {
    constexpr size_t kShownDigits = 6;
    Tally& without = *tally;
    absl::flat_hash_set<std::string> shown;
    for (const Destination& usage : usages) {
      if (HasPrice(usage)) continue;
      if (!usage.counted_by.empty() && missed_.contains({IsText(usage), usage.counted_by}))
        continue;
      const bool short_code = domain::IsShortCode(usage.number);
      const std::string label = absl::StrCat(
          usage.kind == domain::UsageKind::kCall ? "calls to " : "texts to ", short_code ? "" : "+",
          domain::DigitsOf(usage.number).substr(0, short_code ? 8 : kShownDigits),
          short_code ? "" : "...");
      if (shown.insert(label).second) {
        without.Add([&] { return label; });
      } else {
        ++without.count;
      }
    }
  }

  static bool IsText(const Destination& usage) { return usage.kind == domain::UsageKind::kSms; }

  // Adds what was added up of prefixes of which the deck prices no number at all. Of those of which
  // it prices some, the newest usages tell.
  void AddMissedGroups(Tally* tally) {
    std::map<std::tuple<RateKind, std::string, std::string>, int64_t> usages;
    for (const UsageGroup& group : circumstances_.groups) {
      if (group.kind == RateKind::kCallInbound) continue;
      usages[{group.kind, group.prefix, group.carrier}] += group.usages;
      recent_count_ += group.usages;
    }
    for (const auto& [key, count] : usages) {
      const auto& [kind, prefix, carrier] = key;
      if (count <= 0 || HasPriceOfAny(kind, prefix, carrier)) continue;
      missed_.insert({IsTextKind(kind), prefix});
      tally->Add([&, &kind = kind, &prefix = prefix, &carrier = carrier, count = count] {
        return absl::StrCat(count, IsTextKind(kind) ? " texts to " : " calls to ",
                            IsShortCodeKind(kind) ? "" : "+", prefix, carrier.empty() ? "" : " by ",
                            carrier);
      });
      tally->count += count - 1;
    }
  }

  // Has the deck a line for any number of this prefix?
  bool HasPriceOfAny(RateKind kind, const std::string& prefix, const std::string& carrier) {
    const uint64_t digits = PackDigits(prefix);
    const auto has = [&](uint64_t of) {
      return HasLineOf(kind, of, "") || (!carrier.empty() && HasLineOf(kind, of, carrier));
    };
    if (IsShortCodeKind(kind)) return has(digits);
    for (size_t count = CountDigits(digits); count > 0; --count) {
      if (has(FirstDigits(digits, count))) return true;
    }
    if (prefix.size() >= kMaxPackedDigits) return false;
    const uint64_t longer = PackDigits(absl::StrCat(prefix, "0"));
    const size_t place = file_.rows.LowerBound(Order(), kind, longer, "");
    if (place >= Order().size() || file_.rows.KindAt(Order()[place]) != kind) return false;
    std::string next;
    UnpackDigits(file_.rows.DigitsAt(Order()[place]), &next);
    return absl::StartsWith(next, prefix);
  }

  bool HasLineOf(RateKind kind, uint64_t digits, absl::string_view carrier) {
    const size_t place = file_.rows.LowerBound(Order(), kind, digits, carrier);
    if (place >= Order().size()) return false;
    const uint32_t row = Order()[place];
    return file_.rows.KindAt(row) == kind && file_.rows.DigitsAt(row) == digits &&
           file_.rows[row].carrier == carrier;
  }

  bool HasPrice(const Destination& usage) {
    const bool call = usage.kind == domain::UsageKind::kCall;
    const uint64_t digits = PackDigits(domain::DigitsOf(usage.number));
    if (domain::IsShortCode(usage.number)) {
      return HasLine(call ? RateKind::kShortCode : RateKind::kSmsShortCode, digits);
    }
    for (size_t count = CountDigits(digits); count > 0; --count) {
      if (HasLine(call ? RateKind::kCall : RateKind::kSms, FirstDigits(digits, count))) return true;
    }
    return false;
  }

  bool HasLine(RateKind kind, uint64_t digits) {
    const size_t place = file_.rows.LowerBound(Order(), kind, digits, "");
    return place < Order().size() && file_.rows.KindAt(Order()[place]) == kind &&
           file_.rows.DigitsAt(Order()[place]) == digits;
  }

  void ReadUsages() {
    Tally missed;
    AddMissedGroups(&missed);
    AddWithoutPrice(circumstances_.recent, &missed);
    for (const Destination& usage : circumstances_.recent) {
      if (usage.counted_by.empty()) ++recent_count_;
    }
    if (missed.count > 0) {
      const int64_t count = missed.count;
      Tell(FindingCode::kMissesRecent, std::move(missed),
           absl::StrCat("usage of the last days had a price and would have none: ", count, " of ",
                        recent_count_, " from ", absl::FormatCivilTime(circumstances_.first_day),
                        " to ", absl::FormatCivilTime(circumstances_.last_day)));
    }
    Tally left;
    AddWithoutPrice(circumstances_.unrated, &left);
    if (left.count > 0) {
      Tell(FindingCode::kLeavesUnrated, std::move(left),
           "usage that waits for a price would still have none");
    }
  }

  const DeckFile& file_;
  const DeckHeader& header_;
  const Circumstances& circumstances_;
  std::vector<Finding> findings_;
  int64_t old_count_ = 0;
  Tally dropped_;
  Tally changed_;
  Tally much_;
  Tally crosses_;
  int64_t recent_count_ = 0;
  std::set<std::pair<bool, std::string>>
      missed_;                   // groups of which nothing has a price: text, prefix
  std::vector<uint32_t> order_;  // of Order(), once somebody asks
};

}  // namespace

absl::string_view NameOf(FindingCode code) {
  switch (code) {
    case FindingCode::kRowsDropped:
      return "ROWS_DROPPED";
    case FindingCode::kPricesChanged:
      return "PRICES_CHANGED";
    case FindingCode::kCrossesCeiling:
      return "CROSSES_CEILING";
    case FindingCode::kBarePrefix:
      return "BARE_PREFIX";
    case FindingCode::kNameNotInPrefix:
      return "NAME_NOT_IN_PREFIX";
    case FindingCode::kMissesRecent:
      return "MISSES_RECENT";
    case FindingCode::kLeavesUnrated:
      return "LEAVES_UNRATED";
    case FindingCode::kDatesGap:
      return "DATES_GAP";
    case FindingCode::kFirstOfCurrency:
      return "FIRST_OF_CURRENCY";
    case FindingCode::kPrefixTooLong:
      return "PREFIX_TOO_LONG";
  }
  return "";
}

std::vector<Finding> FindFindings(const DeckFile& file, const DeckHeader& header,
                                  const Circumstances& circumstances) {
  return Reader(file, header, circumstances).Read();
}

}  // namespace reserve::rates
