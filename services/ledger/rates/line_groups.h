// Checks what the lines of one prefix say together: no two for the same days and times, no time of
// a week without one (C11, "Periods"), and whether there are days between them without any.
//
// One thread at a time. 4 bytes a line while it checks.
//
//   LineGroups groups(rows, sources);
//   groups.Check([](int64_t line, const LineGroups::Fault& fault) { ... });
#ifndef RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_
#define RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "services/ledger/rates/line_check.h"
#include "services/ledger/rates/rate_deck.h"
#include "services/ledger/rates/rate_rows.h"

namespace reserve::rates {

// Where a line of the deck comes from.
struct RowSource {
  uint32_t line : 31;
  uint32_t plus : 1;  // its prefix was written with a `+` or 00
};

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

  // The rows of a file in its order, and where each comes from. Both must outlive this.
  LineGroups(const RateRows& rows, const std::vector<RowSource>& sources)
      : rows_(rows), sources_(sources) {}

  // Tells every fault, each with the line it is on.
  void Check(absl::FunctionRef<void(int64_t, const Fault&)> tell);

  // Of Check(): how many, and the first of them.
  int64_t gap_count() const { return gap_count_; }
  const std::vector<DatesGap>& gaps() const { return gaps_; }

 private:
  // The places in `rows_` of lines of one kind, prefix and carrier, in the order of the file.
  using Group = absl::Span<const uint32_t>;

  void CheckGroup(Group group, absl::FunctionRef<void(int64_t, const Fault&)> tell);
  Fault RepeatOf(uint32_t row, uint32_t first) const;
  void FindGaps(Group group);
  std::string PrefixOf(uint32_t row) const;

  const RateRows& rows_;
  const std::vector<RowSource>& sources_;
  LinesTogether together_;
  int64_t gap_count_ = 0;
  std::vector<DatesGap> gaps_;
};

}  // namespace reserve::rates

#endif  // RESERVE_SERVICES_LEDGER_RATES_LINE_GROUPS_H_
