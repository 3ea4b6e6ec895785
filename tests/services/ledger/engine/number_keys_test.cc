// The keys under which users' numbers stand in the chain (book/entry_chain.h): who makes them, and
// how a person is forgotten while books and chain stay whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Rows = std::vector<std::vector<std::string>>;

constexpr char kAccount[] = "acme";

// What docs/CHAIN.md tells the migrating user to do.
void Forget(const Ledger& ledger, const std::string& user_id) {
  const std::string of_user =
      absl::StrCat(" WHERE account_id = '", kAccount, "' AND user_id = '", user_id, "'");
  for (const std::string& sql :
       {std::string("START TRANSACTION"),
        absl::StrCat("UPDATE balances SET version = version + 1, revision = revision + 1 "
                     "WHERE account_id = '",
                     kAccount, "'"),
        absl::StrCat("UPDATE entries SET destination = SHA2(CONCAT((SELECT number_key FROM "
                     "number_keys",
                     of_user, " AND year = YEAR(start_time)), destination), 256)", of_user,
                     " AND chain_form = 2 AND LENGTH(destination) BETWEEN 1 AND 15"),
        absl::StrCat("DELETE FROM number_keys", of_user), std::string("COMMIT")}) {
    ledger.sql().Execute(sql);
  }
}

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

  Forget(ledger_, kUser);
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
  Forget(ledger_, kUser);
  EXPECT_THAT(Numbers(kUser), IsEmpty());
  ledger_.Audit();
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
