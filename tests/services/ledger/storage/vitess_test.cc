// What a ledger relies on at Vitess, asked of a cluster: `./run vitess --storage` has one. Skipped
// without.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/book/keyspace.h"
#include "services/ledger/storage/database_error.h"
#include "services/ledger/storage/server_check.h"
#include "services/ledger/storage/shards.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

constexpr int kAccounts = 64;

std::string Id(int number) { return absl::StrCat("account-", number); }

class VitessTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("RESERVE_TEST_VITESS_CLUSTER") == nullptr) {
      GTEST_SKIP() << "there is no cluster: ./run vitess --storage has one";
    }
    database_ = std::make_unique<MigratedDatabase>();
    // As a ledger connects, whose transactions are of one shard.
    connection_ = MustConnect(database_->options());
    ASSERT_TRUE(connection_->on_vitess());
    const auto shards = ListShards(*connection_);
    ASSERT_TRUE(shards.ok()) << shards.status();
    shards_ = *shards;
  }

  absl::Status AddUser(const std::string& account_id) {
    return connection_->Execute(
        absl::StrCat("INSERT INTO users (account_id,user_id,plan_id,create_time) VALUES ('",
                     account_id, "','u','per_minute','2026-11-23')"));
  }
  size_t ShardOf(const std::string& account_id) const {
    const uint64_t place = book::KeyspaceIdOf(account_id);
    size_t shard = 0;
    while (shard < shards_.size() && !shards_[shard].Has(place)) ++shard;
    return shard;
  }
  // Of all accounts the first that is, or is not, of the first one's shard.
  std::string AnAccount(bool of_the_same) const {
    int number = 1;
    while (number < kAccounts && (ShardOf(Id(number)) == ShardOf(Id(0))) != of_the_same) ++number;
    return Id(number);
  }
  static int64_t Users(Connection& connection) {
    int64_t users = -1;
    const absl::Status asked = connection.Query("SELECT COUNT(*) FROM users",
                                                [&users](const Row& row) { users = row.Int(1); });
    EXPECT_TRUE(asked.ok()) << asked;
    return users;
  }

  std::unique_ptr<MigratedDatabase> database_;
  std::unique_ptr<Connection> connection_;
  std::vector<Shard> shards_;
};

TEST_F(VitessTest, AnAccountLiesOnTheShardOfItsRange) {
  std::vector<int64_t> expected(shards_.size());
  for (int i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(AddUser(Id(i)).ok());
    ++expected.at(ShardOf(Id(i)));
  }
  std::vector<int64_t> found;
  for (const Shard& shard : shards_) {
    const auto there = connection_->OpenAt(shard.schema);
    ASSERT_TRUE(there.ok()) << there.status();
    found.push_back(Users(**there));
  }
  EXPECT_EQ(found, expected);
  EXPECT_THAT(found, testing::Each(testing::Gt(0)));
}

TEST_F(VitessTest, ATransactionOfTwoShardsIsRefusedAndLeavesNothing) {
  if (shards_.size() == 1) GTEST_SKIP() << "the cluster has one shard";
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(AddUser(Id(0)).ok());
  const absl::Status refused = AddUser(AnAccount(/*of_the_same=*/false));
  EXPECT_EQ(ErrorClassOf(refused), ErrorClass::kOther) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("multi-db transaction"));
  connection_->Rollback();
  EXPECT_EQ(Users(*database_->Connect()), 0);
}

TEST_F(VitessTest, ATransactionOfTwoAccountsOfAShardIsNot) {
  ASSERT_TRUE(connection_->Begin().ok());
  ASSERT_TRUE(AddUser(Id(0)).ok());
  EXPECT_TRUE(AddUser(AnAccount(/*of_the_same=*/true)).ok());
  EXPECT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(Users(*database_->Connect()), 2);
}

TEST_F(VitessTest, LanesThatLieOnTwoShardsAreRefused) {
  EXPECT_TRUE(CheckLanes(*connection_, static_cast<int>(shards_.size())).ok());
  EXPECT_TRUE(CheckLanes(*connection_, 64).ok());
  const absl::Status odd = CheckLanes(*connection_, 1);
  const bool one_shard = shards_.size() == 1;
  EXPECT_EQ(odd.ok(), one_shard) << odd;
  EXPECT_EQ(ErrorClassOf(odd) == ErrorClass::kSettings, !one_shard) << odd;
}

TEST_F(VitessTest, EachServersSettingsAreLookedAt) {
  const auto servers = ListServers(*connection_);
  ASSERT_TRUE(servers.ok()) << servers.status();
  EXPECT_EQ(servers->size(), shards_.size() + 1) << "that of the tables of no account, too";
  EXPECT_TRUE(CheckDurability(*connection_).ok()) << CheckDurability(*connection_);
  EXPECT_TRUE(CheckBinlogFormat(*connection_).ok());
  EXPECT_TRUE(TryToGrow(*connection_).ok()) << TryToGrow(*connection_);
}

TEST_F(VitessTest, WhatIsWrittenAlongIsThereOnceTheTransactionIsAndGoneWithIt) {
  const auto count = [this] {
    int64_t found = -1;
    const auto aside = database_->Connect();
    const absl::Status asked = aside->Query("SELECT COUNT(*) FROM unplaced_states WHERE slot > 0",
                                            [&found](const Row& row) { found = row.Int(1); });
    EXPECT_TRUE(asked.ok()) << asked;
    return found;
  };
  const auto write = [this](int slot) {
    ASSERT_TRUE(connection_->Begin().ok());
    ASSERT_TRUE(AddUser(Id(slot)).ok());
    const auto along = connection_->Along();
    ASSERT_TRUE(along.ok()) << along.status();
    const absl::Status written = (*along)->Execute(absl::StrCat(
        "INSERT INTO unplaced_states (slot,charge_id,kind,told_id,state,amount_nanos,currency,"
        "reason,standing,create_time,update_time) VALUES (",
        slot, ",'ch',1,'re',2,1,'USD','',1,'2026-11-22','2026-11-22')"));
    ASSERT_TRUE(written.ok()) << written;
  };
  write(1);
  EXPECT_EQ(count(), 0);
  connection_->Rollback();
  EXPECT_EQ(count(), 0);
  write(2);
  ASSERT_TRUE(connection_->Commit().ok());
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace reserve::storage
