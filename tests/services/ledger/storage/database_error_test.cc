#include "services/ledger/storage/database_error.h"

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reserve::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Expected {
  ErrorClass error_class;
  std::vector<int> numbers;
};

const std::vector<Expected>& AllExpected() {
  static const auto* const all = new std::vector<Expected>{
      {ErrorClass::kConflict,
       {1213, 1205, 1020, 1180, 1412, 1637, 3101, 8002, 8022, 8028, 9007, 1317, 1969, 3024}},
      {ErrorClass::kDuplicate, {1062}},
      {ErrorClass::kConnection,
       {2002, 2003, 2005, 2006, 2013, 2026, 2027, 1047, 1053, 1158, 1927, 3032, 3100, 4031}},
      {ErrorClass::kReadOnly, {1290, 1836}},
      {ErrorClass::kDiskFull, {1114, 1021, 1030, 1026, 3167}},
      {ErrorClass::kResources, {1040, 1203, 1226, 1041, 1135}},
      {ErrorClass::kRights, {kNoPassword, 1044, 1045, 1142, 1143, 1227}},
      {ErrorClass::kSchema, {1049, 1146, 1054, 1136, 1364}},
      {ErrorClass::kSettings, {1665, 1792, 1153, 2020, 1193}},
      {ErrorClass::kShard, {}},  // by texts alone
      {ErrorClass::kContent, {1406, 1264, 1366, 1048}},
      // A bug of ours, Vitess's word for "not now", and what nobody has heard of.
      {ErrorClass::kOther, {1064, 1105, 1999, 3000, 99999}},
  };
  return *all;
}

// As Vitess 24 was heard to say them.
TEST(DatabaseErrorTest, VitessTellsByTextsWhichShardIsAway) {
  struct Row {
    int number;
    const char* text;
    ErrorClass error_class;
  };
  for (const Row& row : {
           Row{1105, "target: reserve.80-.primary: no healthy tablet available for 'keyspace'",
               ErrorClass::kShard},
           Row{1105, "target: reserve.80-.primary: vttablet: rpc error: code = Unavailable desc",
               ErrorClass::kShard},
           Row{1105, "target: reserve.-80.primary: primary is not serving, there may be a reparent",
               ErrorClass::kShard},
           Row{1105, "vttablet: rpc error: code = Code(17) desc = operation not allowed",
               ErrorClass::kShard},
           Row{2013, "target: reserve.80-.primary: vttablet: Lost connection", ErrorClass::kShard},
           Row{3168, "target: reserve.80-.primary: connection refused", ErrorClass::kShard},
           Row{1203, "target: reserve.80-.primary: transaction pool exceeded", ErrorClass::kShard},
           Row{1114, "target: reserve.80-.primary: The table is full", ErrorClass::kShard},
           Row{2013, "Lost connection to server during query", ErrorClass::kConnection},
           Row{1213, "target: reserve.80-.primary: Deadlock found", ErrorClass::kConflict},
           Row{1062, "target: reserve.80-.primary: Duplicate entry", ErrorClass::kDuplicate},
           Row{1317, "target: reserve.80-.primary: query was killed", ErrorClass::kConflict},
           // A transaction of ours over two shards is no conflict: it would come again for ever.
           Row{1317, "multi-db transaction attempted: [target:{keyspace:...", ErrorClass::kOther},
           Row{1105, "something else", ErrorClass::kOther},
       }) {
    EXPECT_EQ(ClassOfError(row.number, row.text), row.error_class) << row.number << row.text;
  }
  EXPECT_EQ(CodeOf(ErrorClass::kShard), absl::StatusCode::kUnavailable);
}

TEST(DatabaseErrorTest, EachNumberHasItsClassAndWhatIsNotKnownIsOther) {
  std::set<ErrorClass> seen;
  for (const Expected& expected : AllExpected()) {
    seen.insert(expected.error_class);
    for (const int number : expected.numbers) {
      EXPECT_EQ(ClassOfError(number), expected.error_class) << number;
    }
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kErrorClasses));
}

TEST(DatabaseErrorTest, OnlyContentIsRefusedForGood) {
  for (const Expected& expected : AllExpected()) {
    const absl::Status told = ForCaller(DatabaseError(expected.error_class, "INSERT INTO entries"));
    SCOPED_TRACE(NameOf(expected.error_class));
    EXPECT_THAT(std::string(told.message()), Not(HasSubstr("INSERT")));
    if (expected.error_class == ErrorClass::kContent) {
      EXPECT_EQ(told.code(), absl::StatusCode::kInternal);
      EXPECT_FALSE(RetryAfterOf(told).has_value());
      continue;
    }
    EXPECT_EQ(told.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ReasonOf(told), "DATABASE_UNAVAILABLE");
    EXPECT_EQ(RetryAfterOf(told), kRepeatAfter);
  }
}

TEST(DatabaseErrorTest, RefusalsOfTheRulesAreLeftAsTheyAre) {
  EXPECT_TRUE(ForCaller(absl::OkStatus()).ok());
  const absl::Status refusal =
      MakeError(absl::StatusCode::kNotFound, "ACCOUNT_NOT_FOUND", "account_id", "no such account");
  EXPECT_EQ(ForCaller(refusal), refusal);
}

TEST(DatabaseErrorTest, EveryUnavailableSaysWhenToComeAgain) {
  const absl::Status ours =
      MakeError(absl::StatusCode::kUnavailable, "OURS", "", "not at the moment");
  EXPECT_EQ(ReasonOf(ForCaller(ours)), "OURS");
  EXPECT_EQ(RetryAfterOf(ForCaller(ours)), kRepeatAfter);
  const absl::Status patient = WithRetryAfter(ours, absl::Seconds(7));
  EXPECT_EQ(ForCaller(patient), patient);
  // Of what has no reason nobody knows what its text names.
  const absl::Status bare = ForCaller(absl::UnavailableError("can't read /run/secrets/db"));
  EXPECT_EQ(ReasonOf(bare), "DATABASE_UNAVAILABLE");
  EXPECT_EQ(RetryAfterOf(bare), kRepeatAfter);
  EXPECT_THAT(std::string(bare.message()), Not(HasSubstr("secrets")));
}

TEST(DatabaseErrorTest, ATallyCountsEachAndShowsOrdinaryConflictsToNobody) {
  ErrorTally tally;
  tally.Note(1114, ErrorClass::kDiskFull, "first");
  tally.Note(1114, ErrorClass::kDiskFull, "second");
  tally.Note(1213, ErrorClass::kConflict, "deadlock");
  EXPECT_EQ(tally.count(ErrorClass::kDiskFull), 2);
  EXPECT_EQ(tally.count(ErrorClass::kConflict), 1);
  const std::vector<ErrorTally::Line> lines = tally.Take();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].error_number, 1114);
  EXPECT_EQ(lines[0].count, 2);
  EXPECT_EQ(lines[0].text, "second");
  EXPECT_TRUE(tally.Take().empty());
  EXPECT_EQ(tally.count(ErrorClass::kDiskFull), 2);
}

}  // namespace
}  // namespace reserve::storage
