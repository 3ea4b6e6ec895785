// What is measured at each of a few sizes of the database: a table with a column for each
// size, and the same as figures in JSON. Each figure's floor is the one at the first size,
// and what is aimed at is the ratio of the last to the first. Not thread-safe.
//
//   GrowthReport report({1'000'000, 20'000'000});
//   report.Add("rate", 0, 35'000.0);
//   report.Print(std::cout);
#ifndef RESERVE_TESTS_BENCH_GROWTH_REPORT_H_
#define RESERVE_TESTS_BENCH_GROWTH_REPORT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/figures.h"

namespace reserve::bench {

class GrowthReport {
 public:
  // `marks`: the sizes in entries, ascending.
  explicit GrowthReport(const std::vector<int64_t>& marks);

  // `quantity` must be one of those in growth_report.cc, `mark` an index of `marks`.
  void Add(const std::string& quantity, size_t mark, double value);

  void Print(std::ostream& out) const;
  // As Figures::WriteJson; the names are "rate_at_20M" and the like.
  absl::Status WriteJson(const std::string& path) const { return figures_.WriteJson(path); }

 private:
  static std::vector<FigureKind> Kinds(const std::vector<int64_t>& marks);

  const std::vector<int64_t> marks_;
  const std::vector<FigureKind> kinds_;
  Figures figures_;
};

// "20M", "400k", "1234".
std::string CountText(int64_t count);

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_GROWTH_REPORT_H_
