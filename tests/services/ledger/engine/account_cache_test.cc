#include "services/ledger/engine/account_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace reserve::engine {
namespace {

KnownAccount Known(const std::string& account_id, int64_t version) {
  KnownAccount known;
  known.version = version;
  known.account.account_id = account_id;
  return known;
}

TEST(AccountCacheTest, GivesBackWhatItWasGivenAtThatVersion) {
  AccountCache cache(2);
  KnownAccount put = Known("a", 7);
  put.account.currency = "EUR";
  put.users.push_back({"a", "alice", "unlimited", 5, 202611, absl::UnixEpoch()});
  cache.Put(put);
  KnownAccount taken;
  ASSERT_TRUE(cache.Take("a", 7, &taken));
  EXPECT_EQ(taken.account, put.account);
  EXPECT_EQ(taken.users, put.users);
}

TEST(AccountCacheTest, KnowsNothingOfAnotherVersionNorAfterIt) {
  AccountCache cache(2);
  KnownAccount taken;
  for (const int64_t other : {6, 8}) {
    cache.Put(Known("a", 7));
    EXPECT_FALSE(cache.Take("a", other, &taken)) << other;
    EXPECT_FALSE(cache.Take("a", 7, &taken)) << other;
  }
}

TEST(AccountCacheTest, WhatWasTakenIsGoneUntilItIsPutBack) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  KnownAccount taken;
  ASSERT_TRUE(cache.Take("a", 1, &taken));
  EXPECT_FALSE(cache.Take("a", 1, &taken));
  cache.Put(Known("a", 2));
  EXPECT_TRUE(cache.Take("a", 2, &taken));
}

TEST(AccountCacheTest, TheNewerOfTwoStays) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  cache.Put(Known("a", 2));
  EXPECT_EQ(cache.size(), 1u);
  KnownAccount taken;
  EXPECT_TRUE(cache.Take("a", 2, &taken));
}

TEST(AccountCacheTest, NeverHoldsMoreThanItsCapacity) {
  AccountCache cache(10);
  for (int i = 0; i < 100; ++i) {
    cache.Put(Known(absl::StrCat("a", i), 1));
    ASSERT_LE(cache.size(), 10u);
  }
  KnownAccount taken;
  EXPECT_TRUE(cache.Take("a99", 1, &taken));
  EXPECT_FALSE(cache.Take("a0", 1, &taken));
}

TEST(AccountCacheTest, KeepsWhatIsUsedOverWhatIsNot) {
  AccountCache cache(10);
  KnownAccount taken;
  cache.Put(Known("hot", 1));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(cache.Take("hot", 1, &taken)) << i;
    cache.Put(taken);
    cache.Put(Known(absl::StrCat("cold", i), 1));
  }
}

TEST(AccountCacheTest, GivesBackWhatItWasGivenAtAnyVersionIfAsked) {
  AccountCache cache(2);
  cache.Put(Known("a", 7));
  KnownAccount taken;
  EXPECT_FALSE(cache.TakeAny("b", &taken));
  ASSERT_TRUE(cache.TakeAny("a", &taken));
  EXPECT_EQ(taken.version, 7);
  EXPECT_FALSE(cache.TakeAny("a", &taken));
}

TEST(AccountCacheTest, KeepsFewUsersOfEachAccount) {
  AccountCache cache(1);
  KnownAccount put = Known("a", 1);
  put.users.resize(1000);
  put.users[0].user_id = "first";
  cache.Put(put);
  KnownAccount taken;
  ASSERT_TRUE(cache.Take("a", 1, &taken));
  EXPECT_EQ(taken.users.size(), AccountCache::kMaxUsers);
  EXPECT_EQ(taken.users[0].user_id, "first");
}

TEST(AccountCacheTest, WithoutRoomItKeepsNothing) {
  AccountCache cache(0);
  cache.Put(Known("a", 1));
  KnownAccount taken;
  EXPECT_FALSE(cache.Take("a", 1, &taken));
}

TEST(AccountCacheTest, ClearedItKnowsNothingAndGoesOn) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  cache.Clear();
  KnownAccount taken;
  EXPECT_FALSE(cache.Take("a", 1, &taken));
  cache.Put(Known("b", 1));
  EXPECT_TRUE(cache.Take("b", 1, &taken));
}

}  // namespace
}  // namespace reserve::engine
