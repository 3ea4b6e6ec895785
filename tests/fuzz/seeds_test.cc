// Each seed of the fuzzers, and what comes of it by cuts and changes, in every build: what a fuzzer
// has found once is a seed from then on.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fuzz/targets.h"

namespace reserve::fuzz {
namespace {

std::vector<std::string> SeedsOf(const std::string& name) {
  const std::filesystem::path folder =
      std::filesystem::path(std::getenv("RESERVE_TEST_SOURCE_DIR")) / "tests/fuzz/seeds" / name;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

// A few bytes are set, doubled or left out.
std::string Changed(std::string bytes, std::mt19937_64& random) {
  const size_t changes = 1 + random() % 4;
  for (size_t i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = random() % bytes.size();
    switch (random() % 3) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.insert(at, bytes.substr(at, 1 + random() % 16));
        break;
      default:
        bytes.erase(at, 1 + random() % 16);
    }
  }
  return bytes;
}

class SeedsTest : public ::testing::TestWithParam<Target> {};

TEST_P(SeedsTest, AreTakenOrRefusedAsIsPromised) {
  const std::vector<std::string> seeds = SeedsOf(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  for (const std::string& seed : seeds) GetParam().run(seed);
  GetParam().run("");
}

TEST_P(SeedsTest, SoIsWhatComesOfThemByCutsAndChanges) {
  constexpr int kChangesOfEach = 200;
  std::mt19937_64 random(7);
  for (const std::string& seed : SeedsOf(GetParam().name)) {
    for (size_t cut = 0; cut < 8; ++cut) GetParam().run(seed.substr(0, seed.size() * cut / 8));
    for (int i = 0; i < kChangesOfEach; ++i) GetParam().run(Changed(seed, random));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, SeedsTest, ::testing::ValuesIn(kTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace reserve::fuzz
