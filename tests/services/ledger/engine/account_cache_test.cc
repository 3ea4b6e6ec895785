#include "services/ledger/engine/account_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reserve::engine {
namespace {

std::unique_ptr<KnownAccount> Known(const std::string& account_id, int64_t version) {
  auto known = std::make_unique<KnownAccount>();
  known->version = version;
  known->account.account_id = account_id;
  return known;
}

// The version at which the account was known, and is no more; 0 if it was not.
int64_t TakenVersion(AccountCache& cache, const std::string& account_id) {
  const std::unique_ptr<KnownAccount> known = cache.Take(account_id);
  return known == nullptr ? 0 : known->version;
}

TEST(AccountCacheTest, GivesBackWhatItWasGiven) {
  AccountCache cache(2);
  std::unique_ptr<KnownAccount> put = Known("a", 7);
  put->account.currency = "EUR";
  put->users.push_back({"a", "alice", "unlimited", {{202611, 5}}, absl::UnixEpoch()});
  const KnownAccount as_put = *put;
  cache.Put(std::move(put));
  const std::unique_ptr<KnownAccount> taken = cache.Take("a");
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->version, 7);
  EXPECT_EQ(taken->account, as_put.account);
  EXPECT_EQ(taken->users, as_put.users);
}

TEST(AccountCacheTest, LeavesOutTheDigestOfTheOpening) {
  AccountCache cache(2);
  std::unique_ptr<KnownAccount> put = Known("a", 7);
  put->account.opening_digest = "a digest";
  cache.Put(std::move(put));
  EXPECT_EQ(cache.Take("a")->account.opening_digest, "");
}

TEST(AccountCacheTest, KnowsNothingOfOtherAccounts) {
  AccountCache cache(2);
  cache.Put(Known("a", 7));
  EXPECT_EQ(cache.Take("b"), nullptr);
  EXPECT_EQ(cache.Take(""), nullptr);
}

TEST(AccountCacheTest, WhatWasTakenIsGoneUntilItIsPutBack) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  std::unique_ptr<KnownAccount> taken = cache.Take("a");
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(cache.Take("a"), nullptr);
  taken->version = 2;
  cache.Put(std::move(taken));
  EXPECT_EQ(TakenVersion(cache, "a"), 2);
}

TEST(AccountCacheTest, SeveralAreTakenAsOneByOne) {
  constexpr int kAccounts = 50;  // more than are fetched together
  AccountCache cache(kAccounts);
  std::vector<std::string> ids;
  for (int i = 0; i < kAccounts; ++i) ids.push_back(absl::StrCat("account-", i));
  for (int i = 0; i < kAccounts; i += 2) cache.Put(Known(ids[static_cast<size_t>(i)], i + 1));
  auto taken = cache.TakeAll(std::vector<absl::string_view>(ids.begin(), ids.end()));
  ASSERT_EQ(taken.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    SCOPED_TRACE(ids[i]);
    ASSERT_EQ(taken[i] != nullptr, i % 2 == 0) << "the odd ones are not known";
    EXPECT_EQ(cache.Take(ids[i]), nullptr) << "it is taken out";
    if (taken[i] == nullptr) continue;
    EXPECT_EQ(taken[i]->account.account_id, ids[i]);
    EXPECT_EQ(taken[i]->version, static_cast<int64_t>(i) + 1);
    cache.Put(std::move(taken[i]));
    EXPECT_EQ(TakenVersion(cache, ids[i]), static_cast<int64_t>(i) + 1) << "and can be put back";
  }
  EXPECT_TRUE(cache.TakeAll({}).empty());
}

TEST(AccountCacheTest, TheNewerOfTwoStays) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  cache.Put(Known("a", 2));
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(TakenVersion(cache, "a"), 2);
}

TEST(AccountCacheTest, NeverHoldsMoreThanItsCapacity) {
  AccountCache cache(10);
  for (int i = 0; i < 100; ++i) {
    cache.Put(Known(absl::StrCat("a", i), 1));
    ASSERT_LE(cache.size(), 10u);
  }
  EXPECT_EQ(TakenVersion(cache, "a99"), 1);
  EXPECT_EQ(TakenVersion(cache, "a0"), 0);
}

TEST(AccountCacheTest, KeepsWhatIsUsedOverWhatIsNot) {
  AccountCache cache(10);
  cache.Put(Known("hot", 1));
  for (int i = 0; i < 1000; ++i) {
    std::unique_ptr<KnownAccount> hot = cache.Take("hot");
    ASSERT_NE(hot, nullptr) << i;
    cache.Put(std::move(hot));
    cache.Put(Known(absl::StrCat("cold", i), 1));
  }
}

TEST(AccountCacheTest, WhatIsPutBackAfterItsPlaceWasGivenAwayTakesAnother) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  std::unique_ptr<KnownAccount> a = cache.Take("a");
  for (int i = 0; i < 5; ++i) cache.Put(Known(absl::StrCat("other", i), 1));
  cache.Put(std::move(a));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(TakenVersion(cache, "a"), 1);
  EXPECT_EQ(TakenVersion(cache, "other4"), 1);
}

TEST(AccountCacheTest, KeepsFewUsersOfEachAccountTheLastOnes) {
  AccountCache cache(1);
  std::unique_ptr<KnownAccount> put = Known("a", 1);
  put->users.resize(1000);
  put->users.back().user_id = "last";
  cache.Put(std::move(put));
  const std::unique_ptr<KnownAccount> taken = cache.Take("a");
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->users.size(), AccountCache::kMaxUsers);
  EXPECT_EQ(taken->users.back().user_id, "last");
}

TEST(AccountCacheTest, WithoutRoomItKeepsNothing) {
  AccountCache cache(0);
  cache.Put(Known("a", 1));
  EXPECT_EQ(cache.Take("a"), nullptr);
}

TEST(AccountCacheTest, ClearedItKnowsNothingAndGoesOn) {
  AccountCache cache(2);
  cache.Put(Known("a", 1));
  std::unique_ptr<KnownAccount> out = cache.Take("a");
  cache.Put(Known("c", 1));
  cache.Clear();
  EXPECT_EQ(cache.Take("c"), nullptr);
  cache.Put(std::move(out));
  EXPECT_EQ(TakenVersion(cache, "a"), 1);
}

}  // namespace
}  // namespace reserve::engine
