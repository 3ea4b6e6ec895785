// What it takes to rate one call: find its rate in a deck of 36,205 prefixes, then
// price it. Prints nanoseconds; the target is 100 for both together (DESIGN: rating
// one call).
//
//   rating_bench [voice_rates.csv]
//
// With a deck of the columns destination, prefix, price per minute, connect fee and
// two increments it measures that one (by default the one that may lie beside the
// project), otherwise one of the same size and shape that it makes up.
#include <algorithm>
#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/text/packed_digits.h"
#include "services/ledger/domain/rating.h"
#include "services/ledger/rates/deck_csv.h"
#include "services/ledger/rates/deck_snapshot.h"

namespace reserve::rates {
namespace {

const absl::Time kAnyTime = absl::FromUnixSeconds(1'790'000'000);

constexpr size_t kPrefixes = 36'205;
constexpr size_t kCalls = 1 << 16;  // too many for the branch predictor to learn
constexpr size_t kBatch = 64;
static_assert(kCalls % kBatch == 0);
constexpr int kRounds = 15;

// The deck in our own columns; names, which may hold commas, are left out.
std::string CsvOfFile(std::ifstream& file) {
  std::string csv = "kind,prefix,price,connect_fee,initial_increment_seconds,increment_seconds\n";
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    line.erase(0, line.rfind('"') == std::string::npos ? 0 : line.rfind('"') + 1);
    const std::vector<std::string> fields = absl::StrSplit(line, ',');
    if (fields.size() < 6) continue;
    absl::StrAppend(&csv, "call,", fields[1], ",", fields[2], ",", fields[3], ",");
    absl::StrAppend(&csv, fields[4], ",", fields[5], "\n");
  }
  return csv;
}

// Prefixes of 2 to 10 digits that grow out of one another.
std::string MadeUpCsv() {
  std::mt19937 random(1);
  std::set<std::string> prefixes;
  std::vector<std::string> grown = {"2", "3", "4", "5", "6", "7", "8", "9"};
  while (prefixes.size() < kPrefixes) {
    std::string prefix = grown[random() % grown.size()];
    prefix.push_back(static_cast<char>('0' + random() % 10));
    if (prefix.size() > 10 || !prefixes.insert(prefix).second) continue;
    grown.push_back(prefix);
  }
  std::string csv = "kind,prefix,price,initial_increment_seconds,increment_seconds\n";
  for (const std::string& prefix : prefixes) absl::StrAppend(&csv, "call,", prefix, ",0.01,6,6\n");
  return csv;
}

// What of a call decides its cost: kept small, and made usages of batch by batch, so that it is not
// measured how so many usages come out of memory. A call that is rated was parsed just before.
struct Call {
  std::array<char, kMaxPackedDigits> number;
  uint8_t digits;
  int32_t seconds;
};

std::vector<Call> RandomCalls(const DeckSnapshot& deck) {
  std::mt19937 random(2);
  std::vector<Call> calls(kCalls);
  for (Call& call : calls) {
    std::string number = deck.RowAt(random() % deck.size()).prefix;
    while (number.size() < 12) number.push_back(static_cast<char>('0' + random() % 10));
    std::copy(number.begin(), number.end(), call.number.begin());
    call.digits = static_cast<uint8_t>(number.size());
    call.seconds = static_cast<int32_t>(random() % 3600);
  }
  return calls;
}

struct Result {
  double median_ns;
  double best_ns;
  int64_t checksum;  // so that the work is not optimised away
};

// Runs `one` over all calls, several times.
template <typename One>
Result Measure(const std::vector<Call>& calls, const One& one) {
  std::vector<double> rounds;
  std::array<domain::Usage, kBatch> usages;
  int64_t checksum = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (auto call = calls.begin(); call != calls.end();) {
      for (domain::Usage& usage : usages) {
        usage.destination.assign(call->number.data(), call->digits);
        usage.duration = absl::Seconds(call->seconds);
        ++call;
      }
      for (const domain::Usage& usage : usages) checksum += one(usage);
    }
    const auto taken = std::chrono::steady_clock::now() - begin;
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count();
    rounds.push_back(static_cast<double>(nanoseconds) / static_cast<double>(calls.size()));
  }
  std::sort(rounds.begin(), rounds.end());
  return {rounds[rounds.size() / 2], rounds.front(), checksum};
}

void Print(const char* name, const Result& result) {
  std::printf("%-22s median %6.1f ns  best %6.1f ns  (checksum %" PRId64 ")\n", name,
              result.median_ns, result.best_ns, result.checksum);
}

int Run(const std::string& path) {
  std::ifstream file(path);
  const bool real = file.good();
  auto rows = ParseDeckCsv(real ? CsvOfFile(file) : MadeUpCsv());
  if (!rows.ok()) {
    std::fprintf(stderr, "%s\n", rows.status().ToString().c_str());
    return 1;
  }
  const auto deck = DeckSnapshot::Create(DeckHeader(), *std::move(rows));
  if (!deck.ok()) {
    std::fprintf(stderr, "%s\n", deck.status().ToString().c_str());
    return 1;
  }
  const DeckSnapshot& snapshot = **deck;
  std::printf("deck: %s, %zu prefixes, %zu kB\n", real ? path.c_str() : "made up", snapshot.size(),
              snapshot.memory_bytes() / 1000);

  const std::vector<Call> calls = RandomCalls(snapshot);
  domain::Plan plan;
  plan.plan_id = "per-minute";
  plan.free_seconds = domain::kPerMinuteFreeSeconds;
  const domain::User user;
  Print("find the rate", Measure(calls, [&snapshot](const domain::Usage& call) {
          return snapshot.FindCall(call.direction, call.destination, kAnyTime)->price;
        }));
  const Result rated = Measure(calls, [&](const domain::Usage& call) {
    const std::optional<domain::Rate> rate =
        snapshot.FindCall(call.direction, call.destination, kAnyTime);
    return domain::RateUsage(call, plan, user, /*period=*/0, &*rate)->cost;
  });
  Print("find and rate the call", rated);
  return 0;
}

}  // namespace
}  // namespace reserve::rates

int main(int argc, char** argv) {
  return reserve::rates::Run(argc > 1 ? argv[1] : "../shared/data/voice_rates.csv");
}
