#include "tests/bench/figures.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace reserve::bench {
namespace {

double Median(std::vector<double> samples) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  const size_t middle = samples.size() / 2;
  if (samples.size() % 2 == 1) return samples[middle];
  return (samples[middle - 1] + samples[middle]) / 2;
}

}  // namespace

namespace {

// The throughput and latency of calls.
std::vector<FigureKind> KindsOfCalls() {
  return {
      // The floor of a usage is all the rows that one writes: its id, its entry and
      // its account's balance. The first line is a part of it, for comparison.
      {"sql_rows", "usages/s", "bare INSERTs of usage_ids and entries alone", ""},
      {"sql_rows_and_balances", "usages/s", "floor: the same and the balances", "sql_rows"},
      {"rpc_empty", "calls/s", "floor: empty unary call, 256 in flight", ""},
      {"unary_floor", "usages/s", "floor: 1/(1/rpc_empty + 1/sql_rows_and_balances)", ""},
      {"batch", "usages/s", "BatchRecordUsage of 500", "sql_rows_and_balances",
       Target::kRatioAtLeast, 0.85},
      {"unary_256", "usages/s", "RecordUsage, 256 in flight", "unary_floor", Target::kRatioAtLeast,
       0.80},
      // The same of a call with a hold, of all rows that its three requests write.
      {"sql_rows_of_a_call", "calls/s", "floor: bare statements of all rows of a call with a hold",
       ""},
      {"call_floor", "calls/s", "floor: 1/(3/rpc_empty + 1/sql_rows_of_a_call)", ""},
      {"call_with_hold_256", "calls/s", "CreateHold, ExtendHold, RecordUsage; 256 in flight",
       "call_floor", Target::kRatioAtLeast, 0.65},
      {"holds_256", "calls/s", "CreateHold, 256 in flight", "rpc_empty"},
      {"stream", "usages/s", "StreamUsage", "sql_rows_and_balances", Target::kRatioAtLeast, 0.75},
      {"hot_account", "usages/s", "batches on one account", "batch", Target::kRatioAtLeast, 0.80},
      {"skewed_accounts", "usages/s", "batches, 1 % of accounts have half", "batch"},
      {"duplicates", "usages/s", "batches that were booked before", "batch"},
      {"cold_accounts", "usages/s", "batches, each account for the first time", "batch"},
      {"two_ledgers", "usages/s", "batches to two ledgers, same accounts", "batch",
       Target::kRatioAtLeast, 0.90},
      {"four_ledgers", "usages/s", "batches to four ledgers, same accounts", "batch"},
      {"authorize_256", "calls/s", "AuthorizeUsage, 256 in flight", "rpc_empty",
       Target::kRatioAtLeast, 0.70},
      {"unary_1", "usages/s", "RecordUsage, 1 in flight", ""},
      {"unary_1_p50", "ms", "", ""},
      {"unary_1_p99", "ms", "", ""},
      {"unary_1_p99.9", "ms", "", ""},
      {"unary_64", "usages/s", "RecordUsage, 64 in flight", ""},
      {"unary_64_p50", "ms", "", ""},
      {"unary_64_p99", "ms", "", ""},
      {"unary_64_p99.9", "ms", "", ""},
      {"unary_256_p50", "ms", "", ""},
      {"unary_256_p99", "ms", "", ""},
      {"unary_256_p99.9", "ms", "", ""},
      {"half_rate", "usages/s", "RecordUsage at half of unary_256, open loop", ""},
      {"half_rate_p50", "ms", "", ""},
      {"half_rate_p99", "ms", "", ""},
      {"half_rate_p99.9", "ms", "", ""},
      {"holds_256_p50", "ms", "", ""},
      {"holds_256_p99", "ms", "", ""},
      {"call_with_hold_256_p50", "ms", "of each of the three", ""},
      {"call_with_hold_256_p99", "ms", "", ""},
      {"hold_half_rate", "calls/s", "whole calls at half of call_with_hold_256, open loop", ""},
      {"hold_half_rate_p50", "ms", "of each of the three", ""},
      {"hold_half_rate_p99", "ms", "", ""},
      {"authorize_256_p50", "ms", "", ""},
      {"authorize_256_p99", "ms", "", ""},
  };
}

// Limits on what is spent an hour, a day and a month (L2), of none and of some accounts.
std::vector<FigureKind> KindsOfLimits() {
  return {
      {"without_limits", "usages/s", "batches on 2,000 accounts while nobody has a limit", ""},
      {"beside_limits", "usages/s", "the same once others have some", "without_limits",
       Target::kRatioAtLeast, 0.95},
      {"limits_of_accounts", "usages/s", "the same on accounts that have them", "without_limits"},
      {"limits_of_users", "usages/s", "the same where their users have some, too",
       "without_limits"},
  };
}

// What happens under overload, over a history, and to memory.
std::vector<FigureKind> KindsOfTheRest() {
  return {
      // What is offered beyond the peak is refused at once; the client, which makes
      // the offers, runs on the same cores, and comes back without heeding the wait.
      {"overload_batch_peak", "usages/s", "BatchRecordUsage of 500, closed loop", ""},
      {"overload_batch", "usages/s", "booked while 10 x that is offered in batches",
       "overload_batch_peak", Target::kRatioAtLeast, 0.90},
      {"overload_batch_offered", "usages/s", "open loop", "overload_batch_peak"},
      {"overload_batch_refused", "%", "of all that was offered", ""},
      {"overload_unary_peak", "usages/s", "RecordUsage, 256 in flight", ""},
      {"overload_unary", "usages/s", "booked with 2,560 in flight", "overload_unary_peak",
       Target::kRatioAtLeast, 0.90},
      {"overload_unary_refused", "%", "of all that was offered", ""},
      {"overload_flood", "usages/s", "booked with 5,120 in flight on 10 connections",
       "overload_unary_peak"},
      {"overload_flood_offered", "usages/s", "all that the client can send", "overload_unary_peak"},
      {"overload_flood_refused", "%", "of all that was offered", ""},
      {"overload_memory_before", "MB", "RSS of the ledger after the peaks", ""},
      {"overload_memory_growth", "MB", "the most above that while overloaded", "",
       Target::kValueAtMost, 64},
      {"overload_memory_after", "MB", "RSS of the ledger at peak once more", ""},
      {"history_page_p50", "ms", "ListUsage, 50 of 100,000 entries", ""},
      {"history_page_p99", "ms", "", ""},
      {"history_range_p50", "ms", "ListUsage, the first 50 of a day's 4,320, warm", ""},
      {"history_range_p99", "ms", "", "", Target::kValueAtMost, 5},
      {"history_summary_first", "ms", "the first of them, of what is in no sum yet", ""},
      {"history_summary_p50", "ms", "SummarizeUsage by day, a month of 100,000 calls", ""},
      {"history_summary_p99", "ms", "", "", Target::kValueAtMost, 50},
      {"console_first_page_p50", "ms", "the console's calls, first page, with a month's sums", ""},
      {"console_first_page_p99", "ms", "", "", Target::kValueAtMost, 200},
      {"console_next_page_p50", "ms", "each next page of 50, through 20,000 calls", ""},
      {"console_next_page_p99", "ms", "", "", Target::kValueAtMost, 200},
      {"console_memory_before", "MB", "RSS of the console before these pages", ""},
      {"console_memory_after", "MB", "and after them", ""},
      {"rerated", "usages/s", "RerateUsage, 40 calls an account", "batch"},
      {"rerating_previewed", "usages/s", "the same, a dry run", ""},
      {"rerated_beside_load", "usages/s", "the same beside the steady load of the next", "rerated"},
      {"rerating_before", "usages/s", "RecordUsage at half rate, before they are rated again", ""},
      {"rerating_beside", "usages/s", "the same while they are", "rerating_before"},
      {"rerating_before_p99", "ms", "", ""},
      {"rerating_beside_p99", "ms", "", "rerating_before_p99"},
      // A switch dies with all its calls, beside a steady load at half of unary_256.
      {"orphans_created", "holds/s", "CreateHold until all are made", ""},
      {"memory_100k_holds", "MB", "growth of the ledger's RSS by 100,000 open holds", ""},
      {"orphans_expire", "s", "from the first of them that ends by time to the last", ""},
      {"orphans_ended", "holds/s", "", ""},
      {"orphans_before", "usages/s", "RecordUsage at half rate, before they end", ""},
      {"orphans_beside", "usages/s", "the same while they end", "orphans_before",
       Target::kRatioAtLeast, 0.90},
      {"orphans_before_p99", "ms", "", ""},
      {"orphans_beside_p99", "ms", "", "orphans_before_p99"},
      {"dip_to_credit_p50", "ms", "a usage dips; the recharge is credited", ""},
      {"dip_to_credit_p99", "ms", "", "", Target::kValueAtMost, 20},
      {"import_seconds", "s", "ImportRateDeck of 2,000,000 lines beside as many in force", ""},
      {"import_memory", "MB", "the most RSS of the ledger meanwhile", "", Target::kValueAtMost,
       512},
      {"import_before_p99", "ms", "RecordUsage at 1,000/s, open loop, before it", ""},
      {"import_beside_p99", "ms", "the same meanwhile", "import_before_p99", Target::kRatioAtMost,
       2},
      {"import_250k_seconds", "s", "the same of 250,000 lines over as many, and into force", "",
       Target::kValueAtMost, 10},
      {"rating", "ns", "find the rate and price a call", "", Target::kValueAtMost, 100},
      {"memory_1m_accounts", "MB", "RSS of the ledger after use of 1,000,000 accounts", "",
       Target::kValueAtMost, 150},
  };
}

}  // namespace

const std::vector<FigureKind>& FigureKinds() {
  static const auto* const kKinds = [] {
    auto* kinds = new std::vector<FigureKind>(KindsOfCalls());
    for (FigureKind& kind : KindsOfLimits()) kinds->push_back(std::move(kind));
    for (FigureKind& kind : KindsOfTheRest()) kinds->push_back(std::move(kind));
    return kinds;
  }();
  return *kKinds;
}

std::string TargetText(const FigureKind& kind) {
  switch (kind.target) {
    case Target::kNone:
      return "";
    case Target::kRatioAtLeast:
      return absl::StrFormat("ratio >= %.2f", kind.bound);
    case Target::kRatioAtMost:
      return absl::StrFormat("ratio <= %.2f", kind.bound);
    case Target::kValueAtMost:
      return absl::StrFormat("<= %g %s", kind.bound, kind.unit);
  }
  return "";
}

std::string Short(double value) {
  return std::abs(value) >= 100 ? absl::StrFormat("%.0f", value) : absl::StrFormat("%.2f", value);
}

void Figures::Add(const std::string& name, double value) { samples_[name].push_back(value); }

void Figures::AddCpu(const std::string& name,
                     const std::vector<std::pair<std::string, double>>& cpu_us) {
  for (const auto& [process, us] : cpu_us) cpu_us_[name][process].push_back(us);
}

double Figures::Value(const std::string& name) const {
  const auto found = samples_.find(name);
  return found == samples_.end() ? 0 : Median(found->second);
}

double Figures::Ratio(const FigureKind& kind) const {
  const double floor = Value(kind.floor);
  return floor > 0 ? Value(kind.name) / floor : 0;
}

bool Figures::Met(const FigureKind& kind) const {
  switch (kind.target) {
    case Target::kNone:
      return true;
    case Target::kRatioAtLeast:
      return Ratio(kind) >= kind.bound;
    case Target::kRatioAtMost:
      return Ratio(kind) > 0 && Ratio(kind) <= kind.bound;
    case Target::kValueAtMost:
      return Value(kind.name) <= kind.bound;
  }
  return false;
}

void Figures::Print(std::ostream& out) const {
  out << absl::StreamFormat("%-22s %10s %-9s %-22s %6s  %-13s %-4s %s\n", "figure", "value", "unit",
                            "floor", "ratio", "target", "met", "what");
  for (const FigureKind& kind : kinds_) {
    if (samples_.count(kind.name) == 0) continue;
    const bool has_floor = Value(kind.floor) > 0;
    const bool has_target = kind.target != Target::kNone;
    out << absl::StreamFormat("%-22s %10s %-9s %-22s %6s  %-13s %-4s %s\n", kind.name,
                              Short(Value(kind.name)), kind.unit, has_floor ? kind.floor : "",
                              has_floor ? absl::StrFormat("%.2f", Ratio(kind)) : "",
                              TargetText(kind),
                              !has_target ? ""
                              : Met(kind) ? "yes"
                                          : "NO",
                              kind.what);
  }
  out << "\nCPU, microseconds each (all processes share this machine's cores)\n";
  for (const FigureKind& kind : kinds_) {
    const auto found = cpu_us_.find(kind.name);
    if (found == cpu_us_.end()) continue;
    out << absl::StreamFormat("%-22s", kind.name);
    for (const auto& [process, samples] : found->second) {
      out << absl::StreamFormat("  %s %.1f", process, Median(samples));
    }
    out << "\n";
  }
}

absl::Status Figures::WriteJson(const std::string& path) const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FigureKind& kind : kinds_) {
    if (samples_.count(kind.name) == 0) continue;
    nlohmann::ordered_json figure;
    figure["name"] = kind.name;
    figure["value"] = Value(kind.name);
    figure["unit"] = kind.unit;
    const double floor = Value(kind.floor);
    if (floor > 0) {
      figure["floor"] = floor;
      figure["ratio"] = Ratio(kind);
    } else {
      figure["floor"] = nullptr;
      figure["ratio"] = nullptr;
    }
    const bool has_target = kind.target != Target::kNone;
    figure["target"] = has_target ? nlohmann::ordered_json(TargetText(kind)) : nullptr;
    figure["met"] = has_target ? nlohmann::ordered_json(Met(kind)) : nullptr;
    figure["samples"] = samples_.at(kind.name);
    const auto cpu = cpu_us_.find(kind.name);
    if (cpu != cpu_us_.end()) {
      for (const auto& [process, samples] : cpu->second) {
        figure["cpu_us"][process] = Median(samples);
      }
    }
    list.push_back(std::move(figure));
  }
  std::ofstream file(path);
  file << nlohmann::ordered_json{{"figures", list}}.dump(2) << "\n";
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("can't write ", path));
  return absl::OkStatus();
}

}  // namespace reserve::bench
