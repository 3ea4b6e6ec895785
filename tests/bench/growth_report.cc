#include "tests/bench/growth_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace reserve::bench {
namespace {

struct Quantity {
  const char* name;
  const char* unit;
  const char* what;
  Target target = Target::kNone;  // of the last size to the first
  double bound = 0;
};

// "after the load": as the pool was left by it. "cold": nothing in the pool, as after a
// restart; then all sizes are read under the same conditions, and what grows is the work.
constexpr Quantity kQuantities[] = {
    {"rate", "usages/s", "BatchRecordUsage of 500, the last usages before this size",
     Target::kRatioAtLeast, 0.80},
    {"rate_in_turns", "usages/s", "the same, and before and after it of a ledger of the first size",
     Target::kRatioAtLeast, 0.80},
    {"cpu_ledger_turns", "us", "CPU of the ledger for each of those"},
    {"cpu_database_turns", "us", "CPU of the database"},
    {"cpu_client_turns", "us", "CPU of this program"},
    {"cpu_ledger", "us", "CPU of the ledger for each usage"},
    {"cpu_database", "us", "CPU of the database for each usage"},
    {"cpu_client", "us", "CPU of this program for each usage; the cores are shared"},
    {"pages_read", "1/1000", "pages read from disk for 1,000 usages"},
    {"pages_written", "1/1000", "pages written for 1,000 usages"},
    {"get_usage_p50", "ms", "GetUsage of any usage, after the load"},
    {"get_usage_p99", "ms", ""},
    {"get_early_usage_p50", "ms", "the same of usages from before the first size"},
    {"get_early_usage_p99", "ms", ""},
    {"get_late_usage_p50", "ms", "the same of usages from the last twentieth"},
    {"get_late_usage_p99", "ms", ""},
    {"get_usage_cold_p50", "ms", "GetUsage of any usage, cold", Target::kRatioAtMost, 1.5},
    {"get_usage_cold_p99", "ms", ""},
    {"history_p50", "ms", "first page of 50 of a busy account, after the load"},
    {"history_p99", "ms", ""},
    {"history_rows", "usages", "on such a page"},
    {"history_any_p50", "ms", "the same of any account: as many as there are, up to 50"},
    {"history_any_p99", "ms", ""},
    {"history_any_rows", "usages", "on such a page"},
    {"history_range_p50", "ms", "first page of 50 of a week of a busy account, warm"},
    {"history_range_p99", "ms", "", Target::kValueAtMost, 5},
    {"history_range_rows", "usages", "on such a page"},
    {"summary_p50", "ms", "SummarizeUsage by day, a month of 100,000 calls of one account"},
    {"summary_p99", "ms", "", Target::kValueAtMost, 50},
    {"history_cold_p50", "ms", "first page of a busy account, cold", Target::kRatioAtMost, 1.5},
    {"history_cold_p99", "ms", ""},
    {"verify_p50", "ms", "VerifyAccount of one without load since the first size, after the load"},
    {"verify_p99", "ms", ""},
    {"verify_rows", "entries", "of such an account"},
    {"verify_any_p50", "ms", "VerifyAccount of any account"},
    {"verify_any_p99", "ms", ""},
    {"verify_any_rows", "entries", "of such an account"},
    {"verify_cold_p50", "ms", "one without load since the first size, cold", Target::kRatioAtMost,
     1.5},
    {"verify_cold_p99", "ms", ""},
    {"database_size", "GB", "files of the ledger's schema, indexes included"},
    {"entries_size", "GB", ""},
    {"usage_ids_size", "GB", ""},
};

std::string FigureName(const std::string& quantity, int64_t mark) {
  return absl::StrCat(quantity, "_at_", CountText(mark));
}

}  // namespace

std::string CountText(int64_t count) {
  if (count > 0 && count % 1'000'000 == 0) return absl::StrCat(count / 1'000'000, "M");
  if (count > 0 && count % 1'000 == 0) return absl::StrCat(count / 1'000, "k");
  return absl::StrCat(count);
}

std::vector<FigureKind> GrowthReport::Kinds(const std::vector<int64_t>& marks) {
  std::vector<FigureKind> kinds;
  for (const Quantity& quantity : kQuantities) {
    for (const int64_t mark : marks) {
      FigureKind kind{FigureName(quantity.name, mark), quantity.unit, quantity.what, ""};
      if (mark != marks.front()) kind.floor = FigureName(quantity.name, marks.front());
      if (mark == marks.back() && mark != marks.front()) {
        kind.target = quantity.target;
        kind.bound = quantity.bound;
      }
      kinds.push_back(std::move(kind));
    }
  }
  return kinds;
}

GrowthReport::GrowthReport(const std::vector<int64_t>& marks)
    : marks_(marks), kinds_(Kinds(marks)), figures_(kinds_) {}

void GrowthReport::Add(const std::string& quantity, size_t mark, double value) {
  figures_.Add(FigureName(quantity, marks_[mark]), value);
}

void GrowthReport::Print(std::ostream& out) const {
  out << absl::StreamFormat("%-20s %-8s", "entries", "unit");
  for (const int64_t mark : marks_) out << absl::StreamFormat(" %8s", CountText(mark));
  out << absl::StreamFormat(" %6s  %-13s %-4s %s\n", "ratio", "target", "met", "what");
  for (size_t first = 0; first < kinds_.size(); first += marks_.size()) {
    if (!figures_.Has(kinds_[first].name)) continue;
    const FigureKind& last = kinds_[first + marks_.size() - 1];
    const Quantity& quantity = kQuantities[first / marks_.size()];
    out << absl::StreamFormat("%-20s %-8s", quantity.name, quantity.unit);
    for (size_t i = 0; i < marks_.size(); ++i) {
      const std::string& name = kinds_[first + i].name;
      out << absl::StreamFormat(" %8s", figures_.Has(name) ? Short(figures_.Value(name)) : "");
    }
    const double ratio = figures_.Ratio(last);
    const bool has_target = last.target != Target::kNone && figures_.Has(last.name);
    out << absl::StreamFormat(" %6s  %-13s %-4s %s\n",
                              ratio > 0 ? absl::StrFormat("%.2f", ratio) : "",
                              has_target ? TargetText(last) : "",
                              !has_target          ? ""
                              : figures_.Met(last) ? "yes"
                                                   : "NO",
                              quantity.what);
  }
}

}  // namespace reserve::bench
