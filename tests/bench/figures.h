// The figures of a run: what is measured, against which floor, and what is aimed at.
//
// A figure is the median of its samples. Not thread-safe.
//
//   Figures figures;
//   figures.Add("batch", 52'000.0);
//   figures.Print(std::cout);
#ifndef RESERVE_TESTS_BENCH_FIGURES_H_
#define RESERVE_TESTS_BENCH_FIGURES_H_

#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace reserve::bench {

enum class Target { kNone, kRatioAtLeast, kRatioAtMost, kValueAtMost };

struct FigureKind {
  std::string name;
  std::string unit;
  std::string what;   // one line for people
  std::string floor;  // the name of another figure; "" for none
  Target target = Target::kNone;
  double bound = 0;
};

// All that `bench` has, in the order in which they are shown.
const std::vector<FigureKind>& FigureKinds();

// "ratio >= 0.80"; "" if nothing is aimed at.
std::string TargetText(const FigureKind& kind);
// A value with three or four digits that mean something.
std::string Short(double value);

class Figures {
 public:
  explicit Figures(std::vector<FigureKind> kinds = FigureKinds()) : kinds_(std::move(kinds)) {}

  // `name` must be that of a kind.
  void Add(const std::string& name, double value);
  // Microseconds of CPU a piece, by process.
  void AddCpu(const std::string& name, const std::vector<std::pair<std::string, double>>& cpu_us);

  bool Has(const std::string& name) const { return samples_.count(name) > 0; }
  // The median of the samples, or 0 if there are none.
  double Value(const std::string& name) const;
  // The ratio to the floor, or 0 if there is no floor.
  double Ratio(const FigureKind& kind) const;
  bool Met(const FigureKind& kind) const;

  void Print(std::ostream& out) const;
  // {"figures":[{"name","value","unit","floor","ratio","target","met"}]}
  absl::Status WriteJson(const std::string& path) const;

 private:
  const std::vector<FigureKind> kinds_;
  std::map<std::string, std::vector<double>> samples_;
  std::map<std::string, std::map<std::string, std::vector<double>>> cpu_us_;
};

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_FIGURES_H_
