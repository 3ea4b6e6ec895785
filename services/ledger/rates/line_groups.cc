#include "services/ledger/rates/line_groups.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/ledger/rates/line_charges.h"

namespace reserve::rates {
namespace {

using domain::LineTerms;

constexpr size_t kShownGaps = 5;

}  // namespace

void LineGroups::Check(absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  const std::vector<uint32_t> order = rows_.OrderByKey();
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && rows_.SameKey(order[begin], order[end])) ++end;
    if (end - begin > 1 || !TermsOf(rows_.TermsOf(order[begin])).periods.empty()) {
      CheckGroup(absl::MakeConstSpan(order).subspan(begin, end - begin), tell);
    }
    begin = end;
  }
}

std::string LineGroups::PrefixOf(uint32_t row) const {
  std::string prefix;
  UnpackDigits(rows_.DigitsAt(row), &prefix);
  return prefix;
}

void LineGroups::CheckGroup(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell) {
  std::vector<const LineTerms*> lines;
  for (const uint32_t row : group) lines.push_back(rows_.TermsOf(row));
  bool unique = true;
  together_.Check(lines, [&](const LinesTogether::Problem& problem) {
    const uint32_t row = group[problem.place];
    if (problem.like.has_value()) {
      unique = false;
      tell(sources_[row].line, RepeatOf(row, group[*problem.like]));
    } else {
      tell(sources_[row].line, {PrefixOf(row), problem.cause, problem.detail});
    }
  });
  if (unique) FindGaps(group);
}

LineGroups::Fault LineGroups::RepeatOf(uint32_t row, uint32_t first) const {
  const LineTerms& terms = TermsOf(rows_.TermsOf(row));
  const bool plain = terms.periods.empty() && !terms.first_day.has_value();
  const RowSource source = sources_[row];
  const RowSource first_source = sources_[first];
  std::string detail = first_source.line == source.line
                           ? absl::StrCat("itself: ", PrefixOf(row), " is named twice")
                           : absl::StrCat("line ", static_cast<uint32_t>(first_source.line));
  // 872 may be an area code, and +872 a country's.
  if (first_source.plus != source.plus && PrefixOf(row).size() == 3) {
    absl::StrAppend(&detail, ", and one of them is written with a +: does the other one, ",
                    PrefixOf(row), ", lack the 1 of North America?");
  }
  return {"",
          plain ? "the same kind, prefix and carrier as "
                : "the same kind, prefix, carrier, first day and times as ",
          std::move(detail)};
}

void LineGroups::FindGaps(Group group) {
  std::vector<std::tuple<absl::CivilDay, absl::CivilDay, uint32_t>> spans;
  for (const uint32_t row : group) {
    const LineTerms& terms = TermsOf(rows_.TermsOf(row));
    spans.emplace_back(terms.first_day.value_or(absl::CivilDay(1, 1, 1)),
                       terms.last_day.value_or(absl::CivilDay(9999, 12, 31)), sources_[row].line);
  }
  std::sort(spans.begin(), spans.end());
  absl::CivilDay covered = std::get<1>(spans.front());
  for (const auto& [first, last, line] : spans) {
    if (first > covered + 1) {
      ++gap_count_;
      if (gaps_.size() < kShownGaps) {
        gaps_.push_back({line, PrefixOf(group.front()), covered + 1, first - 1});
      }
    }
    covered = std::max(covered, last);
  }
}

}  // namespace reserve::rates
