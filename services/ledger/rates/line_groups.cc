#include "services/ledger/rates/line_groups.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reserve::rates {
namespace {

using domain::LineTerms;

constexpr int kKindBits = 50;
constexpr size_t kShownGaps = 5;

const LineTerms& TermsOf(const LineTerms* terms) {
  static const auto* const none = new LineTerms;
  return terms == nullptr ? *none : *terms;
}

// 15 digits are less than 2^50; without a leading zero the number is the prefix. A short code may
// have one.
uint64_t KeyOf(const RateRow& row) {
  uint64_t number = IsShortCodeKind(row.kind) ? 1 : 0;
  for (const char c : row.prefix) number = number * 10 + static_cast<uint64_t>(c - '0');
  return static_cast<uint64_t>(row.kind) << kKindBits | number;
}

std::string PrefixOf(uint64_t key) {
  const std::string digits = absl::StrCat(key & ((uint64_t{1} << kKindBits) - 1));
  return IsShortCodeKind(static_cast<RateKind>(key >> kKindBits)) ? digits.substr(1) : digits;
}

}  // namespace

void LineGroups::Add(const RateRow& row, int64_t line, bool plus) {
  const auto next = static_cast<uint32_t>(carriers_.size());
  const uint32_t carrier =
      row.carrier.empty() ? ~uint32_t{0} : carriers_.try_emplace(row.carrier, next).first->second;
  lines_.push_back(
      {KeyOf(row), carrier, static_cast<uint32_t>(line), plus ? 1u : 0u, row.terms.get()});
}

void LineGroups::Check(absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  std::sort(lines_.begin(), lines_.end(), [](const Line& a, const Line& b) {
    return std::make_tuple(a.key, a.carrier, a.line) < std::make_tuple(b.key, b.carrier, b.line);
  });
  for (size_t begin = 0; begin < lines_.size();) {
    size_t end = begin + 1;
    while (end < lines_.size() && lines_[end].key == lines_[begin].key &&
           lines_[end].carrier == lines_[begin].carrier) {
      ++end;
    }
    if (end - begin > 1 || !TermsOf(lines_[begin].terms).periods.empty()) {
      CheckGroup(absl::MakeConstSpan(lines_).subspan(begin, end - begin), tell);
    }
    begin = end;
  }
}

void LineGroups::CheckGroup(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  std::vector<const LineTerms*> lines;
  for (const Line& line : group) lines.push_back(line.terms);
  bool unique = true;
  together_.Check(lines, [&](const LinesTogether::Problem& problem) {
    const Line& line = group[problem.place];
    if (problem.like.has_value()) {
      unique = false;
      tell(line.line, RepeatOf(line, group[*problem.like]));
    } else {
      tell(line.line, {PrefixOf(line.key), problem.cause, problem.detail});
    }
  });
  if (unique) FindGaps(group);
}

LineGroups::Fault LineGroups::RepeatOf(const Line& line, const Line& first) {
  const LineTerms& terms = TermsOf(line.terms);
  const bool plain = terms.periods.empty() && !terms.first_day.has_value();
  std::string detail = first.line == line.line
                           ? absl::StrCat("itself: ", PrefixOf(line.key), " is named twice")
                           : absl::StrCat("line ", first.line);
  // 872 may be an area code, and +872 a country's.
  if (first.plus != line.plus && PrefixOf(line.key).size() == 3) {
    absl::StrAppend(&detail, ", and one of them is written with a +: does the other one, ",
                    PrefixOf(line.key), ", lack the 1 of North America?");
  }
  return {"",
          plain ? "the same kind, prefix and carrier as "
                : "the same kind, prefix, carrier, first day and times as ",
          std::move(detail)};
}

void LineGroups::FindGaps(Group group) {
  std::vector<std::tuple<absl::CivilDay, absl::CivilDay, uint32_t>> spans;
  for (const Line& line : group) {
    const LineTerms& terms = TermsOf(line.terms);
    spans.emplace_back(terms.first_day.value_or(absl::CivilDay(1, 1, 1)),
                       terms.last_day.value_or(absl::CivilDay(9999, 12, 31)), line.line);
  }
  std::sort(spans.begin(), spans.end());
  absl::CivilDay covered = std::get<1>(spans.front());
  for (const auto& [first, last, line] : spans) {
    if (first > covered + 1) {
      ++gap_count_;
      if (gaps_.size() < kShownGaps) {
        gaps_.push_back({line, PrefixOf(group.front().key), covered + 1, first - 1});
      }
    }
    covered = std::max(covered, last);
  }
}

}  // namespace reserve::rates
