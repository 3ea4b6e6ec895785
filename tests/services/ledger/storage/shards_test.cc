#include "services/ledger/storage/shards.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();

TEST(ShardsTest, ANameIsARangeOfPlaces) {
  struct Row {
    std::string name;
    uint64_t first;
    uint64_t last;
  };
  for (const Row& row :
       {Row{"0", 0, kLast}, Row{"-", 0, kLast}, Row{"-80", 0, 0x7fffffffffffffff},
        Row{"80-", 0x8000000000000000, kLast}, Row{"40-80", 0x4000000000000000, 0x7fffffffffffffff},
        Row{"4a2c-4a2d", 0x4a2c000000000000, 0x4a2cffffffffffff}}) {
    const absl::StatusOr<Shard> shard = ParseShard("reserve", row.name);
    ASSERT_TRUE(shard.ok()) << shard.status();
    EXPECT_EQ(shard->schema, "reserve:" + row.name);
    EXPECT_EQ(shard->first, row.first) << row.name;
    EXPECT_EQ(shard->last, row.last) << row.name;
  }
  EXPECT_FALSE(ParseShard("reserve", "x-80").ok());
}

TEST(ShardsTest, OverlapsWhatItWasSplitFrom) {
  const Shard whole = *ParseShard("reserve", "-80");
  EXPECT_TRUE(whole.Overlaps(*ParseShard("reserve", "40-80")));
  EXPECT_FALSE(whole.Overlaps(*ParseShard("reserve", "80-c0")));
  EXPECT_TRUE(whole.Has(0x7fffffffffffffff));
  EXPECT_FALSE(whole.Has(0x8000000000000000));
}

TEST(ShardsTest, LanesFitWhereEachLiesInOneShard) {
  std::vector<Shard> quarters;
  for (const char* name : {"-40", "40-80", "80-c0", "c0-"}) {
    quarters.push_back(*ParseShard("reserve", name));
  }
  for (const int lanes : {4, 8, 12, 64}) EXPECT_TRUE(LanesFit(quarters, lanes).ok()) << lanes;
  for (const int lanes : {1, 2, 3, 6}) {
    EXPECT_EQ(ErrorClassOf(LanesFit(quarters, lanes)), ErrorClass::kSettings) << lanes;
  }
  for (const int lanes : {1, 3, 5}) EXPECT_TRUE(LanesFit({Shard()}, lanes).ok()) << lanes;
}

TEST(ShardsTest, OneServerIsOne) {
  const MigratedDatabase database;
  const auto connection = database.Connect();
  EXPECT_FALSE(connection->on_vitess());
  const auto shards = ListShards(*connection);
  ASSERT_TRUE(shards.ok()) << shards.status();
  ASSERT_EQ(shards->size(), 1u);
  EXPECT_EQ(shards->front(), Shard());
  // And what is of no account is where all else is.
  EXPECT_EQ(*connection->Aside(), connection.get());
  EXPECT_EQ(*connection->Along(), connection.get());
}

}  // namespace
}  // namespace reserve::storage
