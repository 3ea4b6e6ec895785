// The usages of a year, in the order in which a ledger gets to see them.
//
// Of all accounts one in a hundred is busy and has a tenth of the usages; its history fills a
// page from early on, and goes on growing. One in two hundred is quiet: they share a twentieth
// of the usages until QuietFromNowOn, and get none after that. The rest fall evenly on the others.
//
// Start times move on through the year as usages are made; a share of them is late, and began
// at any time before. Usage ids sort by when they are made. Both can be made random instead,
// which is the worst that callers can do. Not thread-safe.
//
//   GrowthTraffic traffic({.entries = 20'000'000, .accounts = 100'000, ...});
//   const std::vector<Request> requests = traffic.Batches(100'000);
#ifndef RESERVE_TESTS_BENCH_GROWTH_TRAFFIC_H_
#define RESERVE_TESTS_BENCH_GROWTH_TRAFFIC_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/traffic.h"

namespace reserve::bench {

class GrowthTraffic {
 public:
  struct Options {
    int64_t entries = 0;  // that the year has
    int accounts = 0;     // at least 1,000
    absl::Time begin;     // of the year
    absl::Duration span;  // its length
    double late_share = 0;
    bool random_starts = false;
    bool random_ids = false;
  };
  // A usage that was sent: one in each batch is remembered.
  struct Sample {
    std::string account_id;
    std::string usage_id;
  };

  explicit GrowthTraffic(const Options& options);

  // The next `usages` usages, in batches of kBatchUsages.
  std::vector<Request> Batches(int64_t usages);
  // Ends the load on the quiet accounts.
  void QuietFromNowOn() { quiet_share_ = 0; }

  // In the order in which they were made, evenly over all.
  const std::vector<Sample>& samples() const { return samples_; }

  // One account of a kind, each equally often.
  std::string AnyAccount() { return AccountId(Draw(1, options_.accounts)); }
  std::string BusyAccount() { return AccountId(Draw(1, busy_)); }
  std::string QuietAccount() { return AccountId(Draw(busy_ + 1, busy_ + quiet_)); }

 private:
  int Draw(int first, int last);
  // True in so large a share of all calls, 0 to 1.
  bool Chance(double share);
  std::string PickAccount();
  absl::Time PickStart();
  ledger::v1::RecordUsageRequest Next();

  const Options options_;
  const int busy_;
  const int quiet_;
  double quiet_share_;
  Traffic traffic_;
  std::mt19937_64 random_{20'261'124};
  int64_t made_ = 0;
  std::vector<Sample> samples_;
};

inline constexpr int kBatchUsages = 500;

}  // namespace reserve::bench

#endif  // RESERVE_TESTS_BENCH_GROWTH_TRAFFIC_H_
