// Ledgers die between a grant and its reply, and two of them share a call: a switch that repeats
// its request is answered with the same hold.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/failure_scene.h"
#include "tests/e2e/telephone_switch.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using Ledger = pb::Ledger::Stub;

class HoldsFailuresTest : public FailureTest {
 protected:
  static void Prepare(const std::string& id) {
    OpenFunded(id);
    Must(&pb::Accounts::Stub::PutUser,
         Parse<pb::PutUserRequest>(absl::StrCat("account_id: '", id, "' user_id: 'u'")));
  }
  static std::shared_ptr<grpc::Channel> Channel(size_t index) {
    return WireTo(stage().DirectTarget(stage().ledger(index)));
  }
  static pb::CreateHoldRequest CreateRequest(const std::string& id) {
    return Parse<pb::CreateHoldRequest>(
        absl::StrCat("account_id: '", id,
                     "' hold_id: 'h' usage_id: 'c' user_id: 'u' call { "
                     "direction: DIRECTION_OUTBOUND destination: '",
                     kDearCall, "' }"));
  }
  static pb::ExtendHoldRequest ExtendRequest(const std::string& id, int number, int used) {
    return Parse<pb::ExtendHoldRequest>(absl::StrCat("account_id: '", id,
                                                     "' hold_id: 'h' extension: ", number,
                                                     " used { seconds: ", used, " }"));
  }
  // The next commit is done, and the ledger dies before it can say so.
  static void DieAfterTheNextCommit() {
    stage().database_proxy(0).Arm(
        {.request = kCommit, .moment = Moment::kReplyLost, .action = KillOf(stage().ledger(0))});
  }
  static void ExpectDied(const absl::Status& status) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    ASSERT_TRUE(stage().database_proxy(0).Disarm(kPatience));
  }
  static pb::Hold Stored(const std::string& id) {
    return Must(&Ledger::GetHold,
                Parse<pb::GetHoldRequest>(absl::StrCat("account_id: '", id, "' hold_id: 'h'")));
  }
  static void Settle(const std::string& id, int seconds, const std::string& balance) {
    auto cdr = UsageOf(id, "c", seconds);
    cdr.set_hold_id("h");
    Must(&Ledger::RecordUsage, cdr);
    EXPECT_EQ(TextOf(Get(id).held()), "0.00");
    ExpectAtRest(id, balance, 1);
  }
};

TEST_F(HoldsFailuresTest, H3_KilledBetweenGrantAndReplyTheRepeatAnswersTheSameHold) {
  Prepare("grant");
  DieAfterTheNextCommit();
  ExpectDied(Call(ledger(), &Ledger::CreateHold, CreateRequest("grant")).status());
  Restart(stage().ledger(0));
  const pb::Hold stored = Stored("grant");
  const auto repeat = Must(&Ledger::CreateHold, CreateRequest("grant"));
  EXPECT_TRUE(repeat.authorization().allowed());
  EXPECT_EQ(repeat.hold().DebugString(), stored.DebugString());
  EXPECT_EQ(TextOf(Get("grant").held()), "0.18") << "set aside once";
  Settle("grant", 60, "14.82");
}

TEST_F(HoldsFailuresTest, H3_KilledBetweenExtensionAndReplyTheRepeatAnswersTheSameHold) {
  Prepare("more");
  Must(&Ledger::CreateHold, CreateRequest("more"));
  DieAfterTheNextCommit();
  ExpectDied(Call(ledger(), &Ledger::ExtendHold, ExtendRequest("more", 1, 50)).status());
  // The other ledger knows, before this one is back.
  const auto by_the_other = Call(ledger(1), &Ledger::ExtendHold, ExtendRequest("more", 1, 50));
  ASSERT_TRUE(by_the_other.ok()) << by_the_other.status();
  EXPECT_EQ(by_the_other->granted().seconds(), 120);
  Restart(stage().ledger(0));
  const auto repeat = Must(&Ledger::ExtendHold, ExtendRequest("more", 1, 50));
  EXPECT_EQ(repeat.DebugString(), by_the_other->DebugString());
  EXPECT_EQ(TextOf(Get("more").held()), "0.36");
  Settle("more", 70, "14.64");
}

TEST_F(HoldsFailuresTest, H3_KilledBeforeTheCommitTheRepeatMakesTheHold) {
  Prepare("nothing");
  stage().database_proxy(0).Arm(
      {.request = kCommit, .moment = Moment::kNotDelivered, .action = KillOf(stage().ledger(0))});
  ExpectDied(Call(ledger(), &Ledger::CreateHold, CreateRequest("nothing")).status());
  Restart(stage().ledger(0));
  EXPECT_EQ(TextOf(Get("nothing").held()), "0.00");
  const auto repeat = Must(&Ledger::CreateHold, CreateRequest("nothing"));
  EXPECT_EQ(repeat.hold().granted().seconds(), 60);
  Settle("nothing", 60, "14.82");
}

TEST_F(HoldsFailuresTest, H5_KilledBetweenBookingAndReplyTheRepeatFindsTheHoldSettled) {
  Prepare("cdr");
  Must(&Ledger::CreateHold, CreateRequest("cdr"));
  auto cdr = UsageOf("cdr", "c", 60);
  cdr.set_hold_id("h");
  DieAfterTheNextCommit();
  ExpectDied(Call(ledger(), &Ledger::RecordUsage, cdr).status());
  Restart(stage().ledger(0));
  EXPECT_EQ(Stored("cdr").state(), pb::HOLD_STATE_SETTLED);
  EXPECT_TRUE(Must(&Ledger::RecordUsage, cdr).duplicate());
  EXPECT_EQ(TextOf(Get("cdr").held()), "0.00");
  ExpectAtRest("cdr", "14.82", 1);
}

TEST_F(HoldsFailuresTest, H3_TwoLedgersExtendOneCallInTurn) {
  Prepare("turn");
  for (const Line line : {Line::kGood, Line::kDoubles, Line::kReorders}) {
    SCOPED_TRACE(static_cast<int>(line));
    const std::string id = absl::StrCat("call-", static_cast<int>(line));
    TelephoneSwitch pbx({Channel(0), Channel(1)}, {.line = line});
    ASSERT_TRUE(pbx.Dial({"turn", "u", kDearCall, id}).ok());
    ASSERT_TRUE(pbx.Answer(id).ok());
    ASSERT_TRUE(pbx.Pass(absl::Minutes(9)).ok());
    EXPECT_EQ(pbx.call(id).hold.granted().seconds(), 600);
    EXPECT_FALSE(pbx.call(id).hold.final());
    EXPECT_EQ(TextOf(Get("turn").held()), "1.80");
    ASSERT_TRUE(pbx.HangUp(id).ok());
    EXPECT_EQ(TextOf(pbx.call(id).booked.cost()), "1.62");
  }
  ExpectAtRest("turn", "10.14", 1);
}

TEST_F(HoldsFailuresTest, ACallGoesOnWhileLedgersDieAndComeBack) {
  Prepare("goes-on");
  TelephoneSwitch pbx({Channel(0), Channel(1)}, {});
  ASSERT_TRUE(pbx.Dial({"goes-on", "u", kDearCall, "call"}).ok());
  ASSERT_TRUE(pbx.Answer("call").ok());
  for (size_t i = 0; i < chaos::kLedgers; ++i) {
    stage().ledger(i).Kill();
    ASSERT_TRUE(pbx.Pass(absl::Minutes(5)).ok()) << "the other one answers";
    Restart(stage().ledger(i));
    ASSERT_TRUE(pbx.Pass(absl::Minutes(5)).ok());
  }
  EXPECT_FALSE(pbx.call("call").cut);
  ASSERT_TRUE(pbx.HangUp("call").ok());
  EXPECT_EQ(TextOf(pbx.call("call").booked.cost()), "3.60");
  ExpectAtRest("goes-on", "11.40", 1);
}

}  // namespace
}  // namespace reserve::e2e
