#include "services/ledger/rates/deck_comparison.h"

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "services/ledger/rates/line_charges.h"

namespace reserve::rates {
namespace {

int Sign(Nanos before, Nanos after) { return after > before ? 1 : after < before ? -1 : 0; }

// Nothing if both cost the same.
std::optional<LineChange> ChangeOf(const RateRow& before, const RateRow& after) {
  const int price = Sign(before.price, after.price);
  const int fee = Sign(before.connect_fee, after.connect_fee);
  if (price * fee < 0) return LineChange::kOther;
  if (price + fee > 0) return LineChange::kDearer;
  if (price + fee < 0) return LineChange::kCheaper;
  if (OtherChargesOf(before) != OtherChargesOf(after)) return LineChange::kOther;
  return std::nullopt;
}

// A line, and whether it is a standard rate.
struct Line {
  RateRow row;
  bool standard = false;
};

// The lines of one kind, prefix and carrier after the other.
class Walk {
 public:
  explicit Walk(const DeckSnapshot& deck) : deck_(deck) { Next(); }

  bool done() const { return lines_.empty(); }
  const std::vector<Line>& lines() const { return lines_; }
  auto key() const {
    const RateRow& row = lines_.front().row;
    return std::tie(row.kind, row.prefix, row.carrier);
  }

  void Next() {
    lines_.clear();
    while (at_ < deck_.size()) {
      RateRow row = deck_.RowAt(at_);
      if (!lines_.empty() && std::tie(row.kind, row.prefix, row.carrier) != key()) break;
      lines_.push_back({std::move(row), deck_.IsStandardAt(at_)});
      ++at_;
    }
  }

 private:
  const DeckSnapshot& deck_;
  size_t at_ = 0;
  std::vector<Line> lines_;
};

class Comparer {
 public:
  explicit Comparer(absl::FunctionRef<void(const LineDifference&)> on_difference)
      : on_difference_(on_difference) {}

  DeckComparison Compare(const DeckSnapshot& before, const DeckSnapshot& after) {
    Walk old(before);
    Walk fresh(after);
    while (!old.done() || !fresh.done()) {
      if (fresh.done() || (!old.done() && old.key() < fresh.key())) {
        for (const Line& line : old.lines()) Remove(line);
        old.Next();
      } else if (old.done() || fresh.key() < old.key()) {
        for (const Line& line : fresh.lines()) Add(line);
        fresh.Next();
      } else {
        for (const Line& line : fresh.lines())
          Change(LineInPlaceOf(old.lines(), line.row, &Line::row), line);
        old.Next();
        fresh.Next();
      }
    }
    return counts_;
  }

 private:
  void Remove(const Line& line) {
    ++counts_.removed;
    on_difference_({LineChange::kRemoved, line.row, std::nullopt, line.standard, false});
  }

  void Add(const Line& line) {
    ++counts_.added;
    on_difference_({LineChange::kAdded, std::nullopt, line.row, false, line.standard});
  }

  void Change(const Line& before, const Line& after) {
    const std::optional<LineChange> change = ChangeOf(before.row, after.row);
    const bool crosses = before.standard != after.standard;
    if (crosses) ++(after.standard ? counts_.becomes_standard : counts_.ceases_standard);
    if (!change.has_value()) ++counts_.unchanged;
    if (change == LineChange::kDearer) ++counts_.dearer;
    if (change == LineChange::kCheaper) ++counts_.cheaper;
    if (change == LineChange::kOther) ++counts_.other;
    if (!change.has_value() && !crosses) return;
    on_difference_({change.value_or(LineChange::kOther), before.row, after.row, before.standard,
                    after.standard});
  }

  absl::FunctionRef<void(const LineDifference&)> on_difference_;
  DeckComparison counts_;
};

}  // namespace

DeckComparison CompareDecks(const DeckSnapshot& before, const DeckSnapshot& after,
                            absl::FunctionRef<void(const LineDifference&)> on_difference) {
  return Comparer(on_difference).Compare(before, after);
}

}  // namespace reserve::rates
