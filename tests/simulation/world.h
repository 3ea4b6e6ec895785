// Two ledgers, two workers, a database, a gateway and a few customers in one
// thread, for as long as one seed says; first with every fault there is, then with
// none, until all is at rest.
//
//   const Result result = Simulate(/*seed=*/7, Sabotage::kNone);
//   if (result.failure.has_value()) std::cerr << Report(7, Sabotage::kNone);
#ifndef RESERVE_TESTS_SIMULATION_WORLD_H_
#define RESERVE_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/scene.h"

namespace reserve::simulation {

struct Result {
  std::optional<Failure> failure;
  int64_t steps = 0;
  Happenings happenings{};
  std::vector<std::string> story;  // what happened in each step, if it was asked for
};

// The same seed gives the same result. Thread-safe: nothing is shared.
Result Simulate(uint64_t seed, Sabotage sabotage = Sabotage::kNone, bool telling = false);

// What a person needs to know about a seed that failed: the seed, the step, what
// happened last, and how to see it again.
std::string Report(uint64_t seed, Sabotage sabotage = Sabotage::kNone);

}  // namespace reserve::simulation

#endif  // RESERVE_TESTS_SIMULATION_WORLD_H_
