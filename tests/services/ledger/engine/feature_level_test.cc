// Upgrades: what is written before and after the schema's feature level is raised, when it is, and
// when not (storage/feature_level.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "services/ledger/domain/feature_level.h"
#include "services/ledger/storage/feature_level.h"
#include "services/ledger/storage/migrator.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr int kOld = domain::kFirstFeatureLevel;

class FeatureLevelTest : public testing::Test {
 protected:
  // On a schema that comes from before levels: a new one begins at the newest.
  void SetUp() override {
    ledger_.sql().Execute("UPDATE feature_level SET level = 1, receipts_from = NULL");
  }

  EngineOptions OptionsOf(const std::string& id, int known_level = domain::kNewestFeatureLevel) {
    EngineOptions options = ledger_.Options();
    options.ledger_id = id;
    options.known_feature_level = known_level;
    options.feature_level_holds = absl::ZeroDuration();
    return options;
  }
  std::unique_ptr<Engine> Start(const std::string& id,
                                int known_level = domain::kNewestFeatureLevel) {
    return ledger_.StartEngine(OptionsOf(id, known_level));
  }

  static void Book(Engine& engine, const std::string& usage_id) {
    domain::Usage usage = Call(kUser, usage_id, kDearNumber, 1);
    usage.duration += absl::Microseconds(1);
    const auto reply = Ask<UsageReply>(engine, kAccount, RecordUsage{usage});
    ASSERT_TRUE(reply.ok()) << usage_id << ": " << reply.status();
  }
  absl::Status Finish(bool silent_are_gone = false) {
    return storage::Finish(storage::OptionsFor(ledger_.sql().url()), silent_are_gone,
                           [](const std::string&) {});
  }
  int64_t Level() const { return ledger_.sql().QueryInt("SELECT level FROM feature_level"); }
  // Could a program of that version serve on this schema?
  bool Serves(int version) const {
    return ledger_.sql().QueryInt("SELECT MAX(oldest_code) FROM schema_migrations") <= version;
  }
  // In which forms the usages are chained, in their order.
  std::vector<std::string> Forms() const {
    std::vector<std::string> forms;
    for (const auto& row : ledger_.sql().Query(
             "SELECT COALESCE(chain_form, 'none') FROM entries WHERE kind = 1 ORDER BY seq")) {
      forms.push_back(row[0]);
    }
    return forms;
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
};

TEST_F(FeatureLevelTest, ANewSchemaBeginsAtTheNewestLevel) {
  const Ledger fresh;
  EXPECT_EQ(fresh.sql().QueryInt("SELECT level FROM feature_level"), domain::kNewestFeatureLevel);
}

TEST_F(FeatureLevelTest, ASchemaFromBeforeIsServedAsBeforeUntilTheUpgradeIsFinished) {
  {
    const auto before = Start("before", kOld);
    OpenFunded(*before, kAccount);
    ASSERT_TRUE(
        Ask<UsageReply>(*before, kAccount, RecordUsage{Call(kUser, "old", kDearNumber, 61)}).ok());
  }
  // Back to what came before.
  ledger_.sql().Execute("DELETE FROM schema_migrations WHERE version >= 6");
  ledger_.sql().Execute(
      "ALTER TABLE entries DROP COLUMN duration_micros, DROP COLUMN chain_form, "
      "MODIFY COLUMN destination VARBINARY(16) NULL");
  ledger_.sql().Execute("DROP TABLE number_keys");
  ledger_.sql().Execute("DROP TABLE feature_level");
  ledger_.sql().Execute("DROP TABLE ledgers");

  ASSERT_TRUE(
      storage::Migrate(storage::OptionsFor(ledger_.sql().url()), TestNow(), [](const std::string&) {
      }).ok());
  EXPECT_EQ(Level(), kOld);
  EXPECT_FALSE(Serves(8)) << "a program that knows one card would charge it (0009)";
  const auto engine = Start("new");
  Book(*engine, "before the end");
  EXPECT_THAT(Forms(), ElementsAre("none", "1"));
  EXPECT_EQ(ledger_.Audit().usages, 2);

  ASSERT_TRUE(Finish().ok()) << Finish();
  EXPECT_EQ(Level(), domain::kNewestFeatureLevel);
  EXPECT_TRUE(storage::CheckSchema(*ledger_.Connect()).ok());
  Book(*engine, "after it");
  EXPECT_THAT(Forms(), ElementsAre("none", "1", "2"));
  EXPECT_EQ(ledger_.Audit().usages, 3);
  EXPECT_TRUE(Finish().ok()) << "again";
}

TEST_F(FeatureLevelTest, ALedgerThatHasNotHeardOfItYetGoesOnInTheOldFormAndThatIsValid) {
  const auto quick = Start("quick");
  EngineOptions slow_options = OptionsOf("slow");
  slow_options.feature_level_holds = absl::InfiniteDuration();
  const auto slow = ledger_.StartEngine(slow_options);
  OpenFunded(*quick, kAccount);
  Book(*slow, "a");
  ASSERT_TRUE(Finish().ok());
  Book(*quick, "b");
  Book(*slow, "c");
  Book(*quick, "d");
  EXPECT_THAT(Forms(), ElementsAre("1", "2", "1", "2"));
  EXPECT_EQ(ledger_.Audit().usages, 4);
}

TEST_F(FeatureLevelTest, AProgramOfBeforeMayComeBackUntilTheUpgradeIsFinished) {
  const auto engine = Start("new");
  OpenFunded(*engine, kAccount);
  Book(*engine, "a");
  // What a program of before writes, and leaves out.
  const auto before = Start("before", kOld);
  ASSERT_TRUE(
      Ask<UsageReply>(*before, kAccount, RecordUsage{Call(kUser, "b", kDearNumber, 61)}).ok());
  ledger_.sql().Execute(
      "UPDATE entries SET chain_form = NULL, duration_micros = NULL WHERE usage_id = 'b'");
  // What it reads of a call that lasted a second and a bit: the seconds that were begun.
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT duration_seconds FROM entries WHERE usage_id = 'a'"), 2);
  Book(*engine, "c");
  EXPECT_THAT(Forms(), ElementsAre("1", "none", "1"));
  EXPECT_EQ(ledger_.Audit().usages, 3);
}

TEST_F(FeatureLevelTest, TheLevelIsNotRaisedWhileAnOldLedgerServes) {
  auto old = Start("pod-old", kOld);
  const auto fresh = Start("pod-new");
  const absl::Status refused = Finish();
  EXPECT_EQ(ReasonOf(refused), "LEDGERS_TOO_OLD");
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("pod-old knows level 1, and serves"), Not(HasSubstr("pod-new"))));
  EXPECT_EQ(ReasonOf(Finish(/*silent_are_gone=*/true)), "LEDGERS_TOO_OLD") << "it is not silent";
  EXPECT_EQ(Level(), kOld);
  old.reset();
  EXPECT_TRUE(Finish().ok()) << "it has left";
}

TEST_F(FeatureLevelTest, ALedgerThatFellSilentIsPassedOverOnlyWhereSomebodySaysThatItIsGone) {
  ASSERT_TRUE(storage::RegisterLedger(*ledger_.Connect(), "crashed", kOld).ok());
  ledger_.sql().Execute(
      "UPDATE ledgers SET heartbeat_time = CURRENT_TIMESTAMP(6) - INTERVAL 2 MINUTE");
  const absl::Status refused = Finish();
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("crashed knows level 1, and was last heard"));
  EXPECT_TRUE(Finish(/*silent_are_gone=*/true).ok());
  EXPECT_EQ(Level(), domain::kNewestFeatureLevel);
}

TEST_F(FeatureLevelTest, TheLevelIsNotRaisedWhileALedgerBooksThatDoesNotEvenRegister) {
  const auto engine = Start("new");
  OpenFunded(*engine, kAccount);
  Book(*engine, "a");
  ledger_.sql().Execute(
      "UPDATE entries SET chain_form = NULL, record_time = CURRENT_TIMESTAMP(6) WHERE kind = 1");
  const absl::Status refused = Finish(/*silent_are_gone=*/true);
  EXPECT_EQ(ReasonOf(refused), "LEDGERS_TOO_OLD");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not register booked at"));
  ledger_.sql().Execute(
      "UPDATE entries SET record_time = CURRENT_TIMESTAMP(6) - INTERVAL 2 MINUTE WHERE kind = 1");
  EXPECT_TRUE(Finish().ok());
}

TEST_F(FeatureLevelTest, AnOldLedgerBooksNothingAboveTheLevelThatItKnows) {
  EngineOptions options = OptionsOf("old", kOld);
  options.retry_budget = absl::ZeroDuration();
  const auto old = ledger_.StartEngine(options);
  const auto fresh = Start("new");
  OpenFunded(*old, kAccount);
  // As if it had been taken for gone.
  ledger_.sql().Execute(absl::StrCat("UPDATE feature_level SET level = ", kOld + 1));
  const auto refused =
      Ask<UsageReply>(*old, kAccount, RecordUsage{Call(kUser, "a", kDearNumber, 60)});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable) << refused.status();
  Book(*fresh, "a");
  // Nor does it begin to serve.
  Engine late(OptionsOf("late", kOld));
  EXPECT_EQ(ReasonOf(late.Start()), "SCHEMA_TOO_NEW");
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM ledgers WHERE ledger_id = 'late'"), 0);
}

}  // namespace
}  // namespace reserve::engine
