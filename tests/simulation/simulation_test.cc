// Ledgers, workers, database and gateway under every fault there is, seed by seed.
// RESERVE_SIMULATION_SEED=N simulation_test --gtest_filter='*AskedFor*' runs seed N alone and
// tells its whole story.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/world.h"

namespace reserve::simulation {
namespace {

constexpr uint64_t kSeedsOfAPart = 1250;
// What a sanitizer looks for lies in the code that runs, and two parts run all of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kParts = 2;
#else
constexpr int kParts = 8;
#endif

// One part of the seeds, so that the parts can run side by side (CMakeLists.txt).
class SimulationTest : public testing::TestWithParam<int> {};

TEST_P(SimulationTest, WhateverFailsMoneyAndUsageAreKeptAndAllComesToRest) {
  Happenings seen{};
  int64_t steps = 0;
  for (uint64_t i = 0; i < kSeedsOfAPart; ++i) {
    const uint64_t seed = static_cast<uint64_t>(GetParam()) * kSeedsOfAPart + i + 1;
    const Result result = Simulate(seed);
    ASSERT_FALSE(result.failure.has_value()) << Report(seed);
    steps += result.steps;
    for (size_t h = 0; h < seen.size(); ++h) seen[h] += result.happenings[h];
  }
  // A fault that never strikes shows nothing.
  for (size_t h = 0; h < seen.size(); ++h) {
    EXPECT_GT(seen[h], 0) << "in " << kSeedsOfAPart
                          << " seeds there was never this: " << NameOf(static_cast<Happening>(h));
  }
  RecordProperty("steps", absl::StrCat(steps));
}

INSTANTIATE_TEST_SUITE_P(Part, SimulationTest, testing::Range(0, kParts));

TEST(SimulationSeedTest, ASeedAlwaysTellsTheSameStory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Result once = Simulate(seed, Sabotage::kNone, /*telling=*/true);
    const Result again = Simulate(seed, Sabotage::kNone, /*telling=*/true);
    const Result silent = Simulate(seed);
    ASSERT_EQ(once.story, again.story) << "seed " << seed;
    ASSERT_EQ(once.steps, silent.steps) << "seed " << seed << " is another when it is told";
    ASSERT_EQ(once.happenings, silent.happenings) << "seed " << seed;
  }
}

TEST(SimulationSeedTest, TheSeedThatWasAskedForIsWell) {
  const char* asked = std::getenv("RESERVE_SIMULATION_SEED");
  if (asked == nullptr) GTEST_SKIP() << "RESERVE_SIMULATION_SEED names no seed";
  uint64_t seed = 0;
  ASSERT_TRUE(absl::SimpleAtoi(asked, &seed)) << "RESERVE_SIMULATION_SEED is no number";
  for (const std::string& line : Simulate(seed, Sabotage::kNone, /*telling=*/true).story) {
    std::cout << line << '\n';
  }
  EXPECT_FALSE(Simulate(seed).failure.has_value()) << Report(seed);
}

}  // namespace
}  // namespace reserve::simulation
