// Checks what the lines of one prefix say together: no two for the same days and times, no time of
// a week without one (C11, "Periods"), and whether there are days between them without any.
//
// One thread at a time. 24 bytes a line.
//
//   LineGroups groups;
//   groups.Add(row, line_number, /*plus=*/false);
//   groups.Check([](int64_t line, const LineGroups::Fault& fault) { ... });
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/rate_deck.h"

namespace reserve::rates {

// Days without a line, between lines of the same prefix.
struct DatesGap {
  int64_t line = 0;  // that ends the gap
  std::string prefix;
  absl::CivilDay first;
  absl::CivilDay last;
};

class LineGroups {
 public:
  struct Fault {
    std::string prefix;  // empty: the cause says all
    std::string cause;
    std::string detail;  // of this one only
  };

  // `row.terms` must outlive this. `plus`: the prefix was written with a `+` or 00.
  void Add(const RateRow& row, int64_t line, bool plus);

  // Tells every fault, each with the line it is on.
  void Check(absl::FunctionRef<void(int64_t, const Fault&)> tell);

  // Of Check(): how many, and the first of them.
  int64_t gap_count() const { return gap_count_; }
  const std::vector<DatesGap>& gaps() const { return gaps_; }

 private:
  // What all lines of one group have: kind and prefix in one number, and the carrier's number.
  struct Line {
    uint64_t key;
    uint32_t carrier;
    uint32_t line : 31;
    uint32_t plus : 1;
    const domain::LineTerms* terms;  // null: none
  };
  using Group = absl::Span<const Line>;

  void CheckGroup(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell);
  static Fault RepeatOf(const Line& line, const Line& first);
  void FindGaps(Group group);

  std::vector<Line> lines_;
  absl::flat_hash_map<std::string, uint32_t> carriers_;
  LinesTogether together_;
  int64_t gap_count_ = 0;
  std::vector<DatesGap> gaps_;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_
