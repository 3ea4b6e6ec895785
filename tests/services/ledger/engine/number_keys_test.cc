// The keys under which users' numbers stand in the chain (book/entry_chain.h): who makes them, and
// how a person is forgotten while books and chain stay whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/storage/forget.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Rows = std::vector<std::vector<std::string>>;

constexpr char kNowhere[] = "33155501234";  // no deck has it

class NumberKeysTest : public testing::Test {
 protected:
  Rows Keys() const {
    return ledger_.sql().Query("SELECT user_id,year FROM number_keys ORDER BY user_id,year");
  }
  // The numbers that can still be read, of a user.
  Rows Numbers(const std::string& user_id) const {
    return ledger_.sql().Query(absl::StrCat(
        "SELECT destination FROM entries WHERE LENGTH(destination) < 64 AND user_id = '", user_id,
        "' ORDER BY seq"));
  }
  absl::StatusOr<storage::Forgotten> Forget(const std::string& user_id,
                                            const storage::ForgetOptions& options = {}) {
    const auto connection = ledger_.Connect();
    return storage::ForgetUser(*connection, kAccount, user_id, options);
  }
  // "entries.destination" and so on: each column of each table that holds the number.
  std::vector<std::string> PlacesOf(const std::string& number) const {
    std::vector<std::string> places;
    for (const auto& row : ledger_.sql().Query(
             absl::StrCat("SELECT table_name, column_name FROM information_schema.columns WHERE "
                          "table_schema = '",
                          ledger_.sql().schema(),
                          "' AND data_type IN ('varbinary', 'varchar', 'char', 'text', "
                          "'blob', 'mediumblob', 'longblob', 'mediumtext', 'longtext')"))) {
      if (ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM ", row[0], " WHERE LOCATE('",
                                              number, "', ", row[1], ") > 0")) > 0) {
        places.push_back(absl::StrCat(row[0], ".", row[1]));
      }
    }
    return places;
  }
  void Book(Engine& engine, const domain::Usage& usage, bool duplicate = false) {
    const auto reply = Ask<UsageReply>(engine, kAccount, RecordUsage{usage});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->duplicate, duplicate);
  }

  Ledger ledger_;
};

TEST_F(NumberKeysTest, AKeyIsMadeWithTheFirstUsageOfAUserAndYear) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  EXPECT_THAT(Keys(), IsEmpty());
  Book(*engine, Call(kUser, "a", kDearNumber, 60));
  Book(*engine, Sms(kUser, "b", kStandardNumber, 1));
  Book(*engine, Call(kUnlimitedUser, "c", kStandardNumber, 60));
  domain::Usage last_year = Call(kUser, "d", kStandardNumber, 60);
  last_year.start_time -= absl::Hours(24 * 366);
  Book(*engine, last_year);
  EXPECT_THAT(Keys(), SizeIs(3));
  // Another ledger finds them.
  const auto other = ledger_.StartEngine();
  Book(*other, Call(kUser, "e", kDearNumber, 60));
  EXPECT_THAT(Keys(), SizeIs(3));
  EXPECT_EQ(ledger_.Audit().usages, 5);
}

TEST_F(NumberKeysTest, ARefusedUsageMakesNoKey) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  domain::Usage too_old = Call(kUser, "a", kStandardNumber, 60);
  too_old.start_time -= absl::Hours(24 * 10'000);
  EXPECT_FALSE(Ask<UsageReply>(*engine, kAccount, RecordUsage{too_old}).ok());
  EXPECT_THAT(Keys(), IsEmpty());
}

TEST_F(NumberKeysTest, LedgersThatMakeAKeyAtOnceComeToOne) {
  const auto one = ledger_.StartEngine();
  const auto other = ledger_.StartEngine();
  OpenFunded(*one, kAccount);
  constexpr int kUsers = 20;
  for (int user = 0; user < kUsers; ++user) {
    ASSERT_TRUE(
        Ask<UserReply>(*one, kAccount, PutUser{absl::StrCat("u", user), "per_minute"}).ok());
  }
  const auto book_all = [this](Engine& engine, const std::string& name) {
    for (int user = 0; user < kUsers; ++user) {
      Book(engine, Call(absl::StrCat("u", user), absl::StrCat(name, user), kDearNumber, 1));
    }
  };
  std::thread beside([&] { book_all(*other, "other-"); });
  book_all(*one, "one-");
  beside.join();
  EXPECT_THAT(Keys(), SizeIs(kUsers));
  EXPECT_EQ(ledger_.Audit().usages, 2 * kUsers);
}

TEST_F(NumberKeysTest, APersonIsForgottenAndBooksAndChainStayWhole) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const domain::Usage call = Call(kUser, "a", kDearNumber, 60);
  Book(*engine, call);
  Book(*engine, Sms(kUser, "b", kStandardNumber, 1));
  Book(*engine, Call(kUnlimitedUser, "c", kStandardNumber, 60));
  const Findings before = ledger_.Audit();

  storage::ForgetOptions a_look;
  a_look.dry_run = true;
  EXPECT_EQ(Forget(kUser, a_look)->entries, 2);
  EXPECT_THAT(Numbers(kUser), SizeIs(2));
  EXPECT_EQ(Forget(kUser)->entries, 2);
  EXPECT_THAT(Numbers(kUser), IsEmpty());
  EXPECT_THAT(Numbers(kUnlimitedUser), ElementsAre(ElementsAre(kStandardNumber)));
  const Findings after = ledger_.Audit();
  EXPECT_EQ(after.head, before.head);

  // The ledger that knew the key goes on with another, and knows the usage again.
  Book(*engine, call, /*duplicate=*/true);
  Book(*engine, Call(kUser, "d", kDearNumber, 60));
  EXPECT_THAT(Keys(), SizeIs(2));
  EXPECT_THAT(Numbers(kUser), ElementsAre(ElementsAre(kDearNumber)));
  EXPECT_EQ(ledger_.Audit().usages, 4);
  const auto again = Forget(kUser);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->entries, 1);
  EXPECT_EQ(again->keys, 1);
  EXPECT_EQ(Forget(kUser)->entries + Forget(kUser)->keys, 0);
  EXPECT_THAT(Numbers(kUser), IsEmpty());
  ledger_.Audit();
}

TEST_F(NumberKeysTest, NowhereInTheDatabaseIsANumberOfWhoIsForgotten) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  CreateHold create;
  create.request.hold_id = "h";
  create.request.call = Call(kUser, "a", kDearNumber, 0);
  create.request.call.start_time = ledger_.clock().Now();
  create.request.switch_id = "switch";
  create.request.incarnation = 1;
  ASSERT_TRUE(Ask<HoldReply>(*engine, kAccount, create).ok());
  const auto waits = Forget(kUser);
  EXPECT_EQ(ReasonOf(waits.status()), "USER_STILL_CALLS") << waits.status();
  ASSERT_TRUE(
      Ask<UsageReply>(*engine, kAccount, RecordUsage{Call(kUser, "a", kDearNumber, 60), false, "h"})
          .ok());
  ASSERT_THAT(PlacesOf(kDearNumber), testing::Contains("entries.destination"));
  ASSERT_TRUE(Forget(kUser).ok());
  EXPECT_THAT(PlacesOf(kDearNumber), IsEmpty());
  // The switch that sends its messages again is answered as before.
  EXPECT_TRUE(Ask<HoldReply>(*engine, kAccount, create).ok());
  ledger_.Audit();
}

TEST_F(NumberKeysTest, BookingsGoOnWhileAPersonIsForgottenInManyPages) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  for (int i = 0; i < 50; ++i) {
    Book(*engine, Sms(kUser, absl::StrCat("before-", i), kStandardNumber, 1));
  }
  std::atomic<bool> done = false;
  std::thread caller([&] {
    for (int i = 0; !done || i < 10; ++i) {
      Book(*engine, Sms(kUser, absl::StrCat("meanwhile-", i), kStandardNumber, 1));
    }
  });
  storage::ForgetOptions small;
  small.page = 3;
  const auto gone = Forget(kUser, small);
  done = true;
  caller.join();
  ASSERT_TRUE(gone.ok()) << gone.status();
  EXPECT_GE(gone->entries, 50);
  ASSERT_TRUE(Forget(kUser).ok());
  EXPECT_THAT(Numbers(kUser), IsEmpty());
  ledger_.Audit();
}

TEST_F(NumberKeysTest, WhoIsNoUserOrHasAUsageWithoutAPriceIsNotForgotten) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  EXPECT_EQ(ReasonOf(Forget("nobody").status()), "USER_NOT_FOUND");
  Book(*engine, Call(kUser, "a", kNowhere, 60));
  EXPECT_EQ(ReasonOf(Forget(kUser).status()), "USER_STILL_CALLS");
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"a", false, {"wrong"}}).ok());
  EXPECT_TRUE(Forget(kUser).ok());
  EXPECT_THAT(PlacesOf(kNowhere), IsEmpty());
}

TEST_F(NumberKeysTest, WhoWasNeverPutAndWasBookedForAllTheSameIsForgotten) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  Book(*engine, Call("stranger", "a", kDearNumber, 60));  // UNRATED (U1)
  EXPECT_EQ(ReasonOf(Forget("stranger").status()), "USER_STILL_CALLS");
  ASSERT_TRUE(Ask<VoidReply>(*engine, kAccount, VoidUsage{"a", false, {"wrong"}}).ok());
  EXPECT_TRUE(Forget("stranger").ok());
  EXPECT_THAT(PlacesOf(kDearNumber), IsEmpty());
}

TEST_F(NumberKeysTest, ANumberThatLostItsKeyButIsStillThereIsAFinding) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  Book(*engine, Call(kUser, "a", kDearNumber, 60));
  ledger_.sql().Execute("DELETE FROM number_keys");
  const Findings findings = ledger_.AuditOf(kAccount);
  ASSERT_EQ(findings.differences.size(), 1u);
  EXPECT_EQ(findings.differences[0].check, audit::kCheckChain);
  EXPECT_EQ(findings.differences[0].stored, "a number without a key");
}

}  // namespace
}  // namespace reserve::engine
