// Lists of accounts by what a person looks for.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/domain/journal.h"
#include "services/ledger/storage/account_search.h"
#include "tests/services/ledger/storage/migrated_database.h"

namespace reserve::storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AccountSearchTest : public testing::Test {
 protected:
  void Put(const std::string& id, int state, int balance, int set_aside = 0) {
    database_.sql().Execute(absl::StrFormat(
        "INSERT INTO accounts (account_id,currency,state,recharge_threshold_nanos,set_aside,"
        "set_aside_time,create_time) VALUES ('%s','USD',%d,10,%d,NULL,'2026-01-01')",
        id, state, set_aside));
    database_.sql().Execute(absl::StrFormat(
        "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash) "
        "VALUES ('%s',%d,0,1,1,0,'')",
        id, balance));
  }
  void PutCard(const std::string& id, domain::CardState state) {
    database_.sql().Execute(absl::StrFormat(
        "INSERT INTO payment_methods (account_id,payment_method_id,position,state,state_time,"
        "card_token,card_fingerprint,card_network,brand,last_four,expiry_year,expiry_month,given,"
        "soft_declines,declined_ordinal,declined_attempt,"
        "expiry_told) VALUES ('%s','pm-1',1,%d,'2026-01-01','t','f',1,'','',0,0,1,0,0,0,0)",
        id, static_cast<int>(state)));
  }
  // An account's entry, booked some minutes after the beginning; of a usage if there is a number.
  void Book(const std::string& id, int minute, const std::string& number) {
    const bool usage = !number.empty();
    database_.sql().Execute(absl::StrFormat(
        "INSERT INTO entries (record_time,account_id,seq,month,kind,amount_nanos,"
        "balance_after_nanos,entry_hash,destination) VALUES "
        "('2026-10-31 23:58:00' + INTERVAL %d MINUTE,'%s',%d,%d,%d,0,0,'',%s)",
        minute, id, ++seq_, minute < 2 ? 202610 : 202611,
        static_cast<int>(usage ? domain::EntryKind::kUsage : domain::EntryKind::kAdjustment),
        usage ? absl::StrFormat("'%s'", number) : "NULL"));
  }
  // Page after page, of so many accounts and entries, with "/" between them.
  std::string ByNumber(const std::string& number, int limit, int most_entries) {
    std::string ids;
    std::optional<BookingPlace> place = BookingPlace();
    for (int pages = 0; place.has_value() && pages < 100; ++pages) {
      const auto found = SearchByNumber(*connection_, number, *place, limit, most_entries);
      EXPECT_TRUE(found.ok()) << found.status();
      if (!found.ok()) return ids;
      for (const domain::Account& account : found->accounts) ids += account.account_id;
      place = found->looked_to;
      if (place.has_value()) ids += "/";
    }
    return ids;
  }
  std::vector<std::string> Ids(const AccountFilter& filter, const std::string& after = "",
                               int limit = 100) {
    const auto found = SearchAccounts(*connection_, filter, after, limit);
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> ids;
    if (!found.ok()) return ids;
    for (const domain::Account& account : found->accounts) ids.push_back(account.account_id);
    searched_until_ = found->searched_until;
    return ids;
  }

  MigratedDatabase database_;
  std::unique_ptr<Connection> connection_ = database_.Connect();
  std::string searched_until_;
  int seq_ = 0;
};

TEST_F(AccountSearchTest, EachFilterFindsItsAccountsAndSeveralWhatAllApplyTo) {
  Put("a", 2, 10);
  Put("b", 2, 9);
  Put("c", 3, -1);
  Put("d", 2, 50, /*set_aside=*/1);
  PutCard("a", domain::CardState::kUsable);
  PutCard("b", domain::CardState::kFailing);
  PutCard("c", domain::CardState::kRefused);
  PutCard("d", domain::CardState::kRemoved);
  database_.sql().Execute("UPDATE balances SET accrued_nanos = 41 WHERE account_id = 'd'");
  EXPECT_THAT(Ids({}), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(Ids({.state = domain::AccountState::kActive}), ElementsAre("a", "b", "d"));
  EXPECT_THAT(Ids({.low_balance = true}), ElementsAre("b", "c", "d"));
  EXPECT_THAT(Ids({.card_failing = true}), ElementsAre("b", "c"));
  EXPECT_THAT(Ids({.under_review = true}), ElementsAre("d"));
  EXPECT_THAT(Ids({.state = domain::AccountState::kActive, .low_balance = true}),
              ElementsAre("b", "d"));
  EXPECT_THAT(Ids({.low_balance = true}, "b"), ElementsAre("c", "d"));
  EXPECT_THAT(Ids({.low_balance = true}, "", 2), ElementsAre("b", "c"));
  EXPECT_EQ(searched_until_, "") << "a page that is full goes on after its last";
}

TEST_F(AccountSearchTest, AUsagesIdFindsAllThatHaveIt) {
  for (const std::string id : {"a", "b", "c"}) Put(id, 2, 10);
  database_.sql().Execute(
      "INSERT INTO usage_ids (usage_id,account_id,seq,month) VALUES "
      "('call-1','c',1,202611),('call-1','a',1,202611),('call-2','b',1,202611)");
  EXPECT_THAT(Ids({.usage_id = "call-1"}), ElementsAre("a", "c"));
  EXPECT_THAT(Ids({.usage_id = "call-1"}, "a"), ElementsAre("c"));
  EXPECT_THAT(Ids({.usage_id = "call-1"}, "", 1), ElementsAre("a"));
  EXPECT_THAT(Ids({.usage_id = "call-3"}), IsEmpty());
}

TEST_F(AccountSearchTest, ANumberFindsWhoCalledItTheLastOneFirst) {
  for (const std::string id : {"a", "b", "c", "d"}) Put(id, 2, 10);
  const std::string london = "442079460000";
  Book("a", 0, london);
  Book("d", 1, "442079460001");
  Book("b", 2, london);
  Book("c", 2, london);
  Book("c", 2, london);
  Book("d", 2, "");
  Book("a", 3, london);
  EXPECT_EQ(ByNumber(london, 10, 100), "acb");
  EXPECT_EQ(ByNumber("44207946000", 10, 100), "") << "a whole number, not how it begins";
  // However few accounts or entries a page has, none is left out.
  EXPECT_EQ(ByNumber(london, 1, 100), "a/c/b/a");
  EXPECT_EQ(ByNumber(london, 2, 100), "ac/ba");
  EXPECT_EQ(ByNumber(london, 10, 1), "a//c/b//a/");
  EXPECT_EQ(ByNumber(london, 10, 3), "ac/ba/");
}

TEST_F(AccountSearchTest, APageThatFindsLittleStopsAndSaysHowFarItLooked) {
  std::string accounts = "INSERT INTO accounts (account_id,currency,state,create_time) VALUES ";
  std::string balances =
      "INSERT INTO balances (account_id,balance_nanos,last_seq,version,revision,month,head_hash) "
      "VALUES ";
  for (int i = 0; i < kAccountsLookedAt + 10; ++i) {
    absl::StrAppendFormat(&accounts, "%s('%05d','USD',2,'2026-01-01')", i == 0 ? "" : ",", i);
    absl::StrAppendFormat(&balances, "%s('%05d',0,0,1,1,0,'')", i == 0 ? "" : ",", i);
  }
  database_.sql().Execute(accounts);
  database_.sql().Execute(balances);
  Put("99999", 3, 0);
  EXPECT_THAT(Ids({.state = domain::AccountState::kDisabled}), IsEmpty());
  EXPECT_EQ(searched_until_, absl::StrFormat("%05d", kAccountsLookedAt - 1));
  EXPECT_THAT(Ids({.state = domain::AccountState::kDisabled}, searched_until_),
              ElementsAre("99999"));
  EXPECT_EQ(searched_until_, "");
}

}  // namespace
}  // namespace reserve::storage
