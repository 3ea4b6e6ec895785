#include "worker/judge_charge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/build_tree.h"
#include "worker/charge_key.h"

namespace reserve::worker {

void PrintTo(Finding finding, std::ostream* out) { *out << std::string(NameOf(finding)); }

namespace {

using State = LedgerRecharge::State;

constexpr Nanos kAmount = 15 * kNanosPerUnit;

GatewayCharge Charged(int32_t attempt = 1, const std::string& charge_id = "ch_1") {
  return {.charge_id = charge_id,
          .idempotency_key = ChargeKey("acme", 3, attempt),
          .reference = "acme/3",
          .amount = kAmount,
          .currency = "USD",
          .succeeded = true};
}
GatewayCharge Declined() {
  GatewayCharge charge = Charged();
  charge.succeeded = false;
  return charge;
}
GatewayCharge GivenBack() {
  GatewayCharge charge = Charged();
  charge.gone = charge.amount;
  return charge;
}
GatewayCharge PartlyGivenBack() {
  GatewayCharge charge = Charged();
  charge.gone = kNanosPerCent;
  return charge;
}
// The ledger knows what is gone.
GatewayCharge Known(GatewayCharge charge) {
  charge.gone_is_known = true;
  return charge;
}
GatewayCharge OfAnotherAmount() {
  GatewayCharge charge = Charged();
  charge.amount += kNanosPerCent;  // less is a capture in part
  return charge;
}
GatewayCharge OfAnotherCurrency() {
  GatewayCharge charge = Charged();
  charge.currency = "EUR";
  return charge;
}
GatewayCharge UnderAnotherKey() {
  GatewayCharge charge = Charged();
  charge.idempotency_key = "order-3";
  return charge;
}
GatewayCharge DeclinedUnderAnotherKey() {
  GatewayCharge charge = UnderAnotherKey();
  charge.succeeded = false;
  return charge;
}

LedgerRecharge Recharge(State state, int32_t attempt = 1, const std::string& charge_id = "") {
  return {.state = state,
          .amount = kAmount,
          .currency = "USD",
          .attempt = attempt,
          .charge_id = charge_id};
}
const LedgerRecharge kCreditedForIt = Recharge(State::kSucceeded, 1, "ch_1");
const LedgerRecharge kCreditedForAnother = Recharge(State::kSucceeded, 2, "ch_2");

struct Case {
  std::string name;
  GatewayCharge charge;
  std::optional<LedgerRecharge> recharge;
  std::optional<GatewayCharge> credited = {};
  Finding finding;
  Step step;
};

void ExpectEachIsJudgedSo(absl::Span<const Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Finding finding =
        JudgeCharge(c.charge, c.recharge, AttemptOf(c.charge, c.recharge), c.credited);
    EXPECT_EQ(finding, c.finding);
    EXPECT_EQ(StepFor(finding), c.step);
    EXPECT_EQ(AsksForCredited(c.charge, c.recharge),
              c.charge.kept() && c.recharge.has_value() && c.recharge->charge_id == "ch_2");
  }
}

TEST(JudgeChargeTest, WhatIsInOrderOrCanOnlyBeMeantSoHasItsStep) {
  const Case cases[] = {
      {"credited for it", Charged(), kCreditedForIt, {}, Finding::kInOrder, Step::kNothing},
      {"declined, open", Declined(), Recharge(State::kOpen), {}, Finding::kInOrder, Step::kNothing},
      {"declined, none", Declined(), {}, {}, Finding::kInOrder, Step::kNothing},
      {"given back, failed",
       GivenBack(),
       Recharge(State::kFailed),
       {},
       Finding::kInOrder,
       Step::kNothing},
      {"given back orphan", GivenBack(), {}, {}, Finding::kInOrder, Step::kNothing},
      {"given back, another stands", GivenBack(), kCreditedForAnother, Charged(2, "ch_2"),
       Finding::kInOrder, Step::kNothing},

      {"open", Charged(), Recharge(State::kOpen), {}, Finding::kUnreported, Step::kCredit},
      {"open at a later attempt",
       Charged(1),
       Recharge(State::kOpen, 3),
       {},
       Finding::kUnreported,
       Step::kCredit},
      {"under review",
       Charged(),
       Recharge(State::kNeedsReview),
       {},
       Finding::kUnreported,
       Step::kCredit},
      {"failed", Charged(), Recharge(State::kFailed, 4), {}, Finding::kUnreported, Step::kCredit},

      {"no recharge", Charged(), {}, {}, Finding::kOrphan, Step::kRefund},
      {"no recharge, attempt 100", Charged(100), {}, {}, Finding::kOrphan, Step::kRefund},
      {"second charge", Charged(), kCreditedForAnother, Charged(2, "ch_2"), Finding::kSecondCharge,
       Step::kRefund},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, WhatIsForeignOrForAPersonIsLeftAlone) {
  const Case cases[] = {
      {"other system", UnderAnotherKey(), {}, {}, Finding::kForeign, Step::kNothing},
      {"other system's decline",
       DeclinedUnderAnotherKey(),
       Recharge(State::kOpen),
       {},
       Finding::kForeign,
       Step::kNothing},
      {"no recharge, attempt 101", Charged(101), {}, {}, Finding::kForeign, Step::kNothing},
      {"strange key",
       UnderAnotherKey(),
       Recharge(State::kOpen),
       {},
       Finding::kStrangeKey,
       Step::kPerson},
      {"strange key, but credited by hand",
       UnderAnotherKey(),
       kCreditedForIt,
       {},
       Finding::kInOrder,
       Step::kNothing},
      {"attempt to come",
       Charged(2),
       Recharge(State::kOpen, 1),
       {},
       Finding::kUnknownAttempt,
       Step::kPerson},
      {"other amount, open",
       OfAnotherAmount(),
       Recharge(State::kOpen),
       {},
       Finding::kAmountDiffers,
       Step::kPerson},
      {"other amount, credited",
       OfAnotherAmount(),
       kCreditedForIt,
       {},
       Finding::kAmountDiffers,
       Step::kPerson},
      {"other currency",
       OfAnotherCurrency(),
       Recharge(State::kFailed),
       {},
       Finding::kAmountDiffers,
       Step::kPerson},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, ACreditWithoutItsMoneyIsForAPerson) {
  GatewayCharge other_given_back = Charged(2, "ch_2");
  other_given_back.gone = kAmount;
  GatewayCharge other_partly_given_back = Charged(2, "ch_2");
  other_partly_given_back.gone = kNanosPerCent;
  GatewayCharge other_of_another_amount = Charged(2, "ch_2");
  other_of_another_amount.amount = 1;
  const Case cases[] = {
      {"credited, declined",
       Declined(),
       kCreditedForIt,
       {},
       Finding::kCreditedWithoutMoney,
       Step::kPerson},
      {"credited, given back",
       GivenBack(),
       kCreditedForIt,
       {},
       Finding::kCreditedWithoutMoney,
       Step::kPerson},
      {"credited, partly given back",
       PartlyGivenBack(),
       kCreditedForIt,
       {},
       Finding::kCreditedWithoutMoney,
       Step::kPerson},
      {"the other charge is missing",
       Charged(),
       kCreditedForAnother,
       {},
       Finding::kOtherChargeMissing,
       Step::kPerson},
      {"the other charge was given back", Charged(), kCreditedForAnother, other_given_back,
       Finding::kOtherChargeMissing, Step::kPerson},
      {"the other charge was partly given back", Charged(), kCreditedForAnother,
       other_partly_given_back, Finding::kOtherChargeMissing, Step::kPerson},
      {"the other charge is of another amount", Charged(), kCreditedForAnother,
       other_of_another_amount, Finding::kOtherChargeMissing, Step::kPerson},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, AChargeOfWhichAPartIsGoneIsNeitherCreditedNorGivenBack) {
  const Case cases[] = {
      {"orphan", PartlyGivenBack(), {}, {}, Finding::kPartlyGone, Step::kPerson},
      {"open", PartlyGivenBack(), Recharge(State::kOpen), {}, Finding::kPartlyGone, Step::kPerson},
      {"second charge", PartlyGivenBack(), kCreditedForAnother, Charged(2, "ch_2"),
       Finding::kPartlyGone, Step::kPerson},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, WhatTheLedgerKnowsToBeGoneIsMissingNoMore) {
  const Case cases[] = {
      {"credited, given back",
       Known(GivenBack()),
       kCreditedForIt,
       {},
       Finding::kInOrder,
       Step::kNothing},
      {"credited, partly given back",
       Known(PartlyGivenBack()),
       kCreditedForIt,
       {},
       Finding::kInOrder,
       Step::kNothing},
      {"open, partly given back",
       Known(PartlyGivenBack()),
       Recharge(State::kOpen),
       {},
       Finding::kUnreported,
       Step::kCredit},
      {"under review, partly given back",
       Known(PartlyGivenBack()),
       Recharge(State::kNeedsReview),
       {},
       Finding::kUnreported,
       Step::kCredit},
      {"open, given back as a whole",
       Known(GivenBack()),
       Recharge(State::kOpen),
       {},
       Finding::kInOrder,
       Step::kNothing},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, WhatTheLedgerKnowsRemediesNoOtherDifference) {
  GatewayCharge of_another_amount = Known(PartlyGivenBack());
  of_another_amount.amount += kNanosPerCent;
  const Case cases[] = {
      {"credited, declined",
       Known(Declined()),
       kCreditedForIt,
       {},
       Finding::kCreditedWithoutMoney,
       Step::kPerson},
      {"other amount, credited",
       of_another_amount,
       kCreditedForIt,
       {},
       Finding::kAmountDiffers,
       Step::kPerson},
      {"orphan", Known(PartlyGivenBack()), {}, {}, Finding::kPartlyGone, Step::kPerson},
      {"second charge", Known(PartlyGivenBack()), kCreditedForAnother, Charged(2, "ch_2"),
       Finding::kPartlyGone, Step::kPerson},
  };
  ExpectEachIsJudgedSo(cases);
}

TEST(JudgeChargeTest, TheLedgerHearsOfWhatIsOfItsOwnRecharges) {
  const GatewayState by_hand{.id = "re_1"};
  const GatewayState by_reconcile{.id = "re_2", .key = OrphanRefundKey("ch_1")};
  EXPECT_TRUE(IsForLedger(by_hand, Charged(), kCreditedForIt, 1));
  EXPECT_TRUE(IsForLedger(by_hand, Charged(), Recharge(State::kOpen), 1));
  EXPECT_TRUE(IsForLedger(by_hand, Charged(), kCreditedForAnother, 1));
  // Credited by hand for a charge under another key.
  EXPECT_TRUE(IsForLedger(by_hand, UnderAnotherKey(), kCreditedForIt, 0));
  EXPECT_FALSE(IsForLedger(by_hand, UnderAnotherKey(), Recharge(State::kOpen), 0));
  EXPECT_FALSE(IsForLedger(by_hand, Charged(), {}, 1));
  // Nothing was credited for what was given back as nothing was credited for it.
  EXPECT_FALSE(IsForLedger(by_reconcile, Charged(), kCreditedForAnother, 1));
  EXPECT_TRUE(IsForLedger(by_reconcile, Charged(), kCreditedForIt, 1));
}

TEST(JudgeChargeTest, AnOrphanWhoseAmountCanNotBeReadIsForAPerson) {
  GatewayCharge charge = Charged();
  charge.amount = 0;
  EXPECT_EQ(JudgeCharge(charge, {}, 1, {}), Finding::kAmountDiffers);
}

TEST(JudgeChargeTest, AReferenceIsReadOnlyAsItIsWritten) {
  EXPECT_EQ(ParseReference("acme/3"), (RechargeName{"acme", 3}));
  EXPECT_EQ(ParseReference("a.b_c:d-9/9223372036854775807"),
            (RechargeName{"a.b_c:d-9", INT64_MAX}));
  EXPECT_EQ(ParseReference(absl::StrCat(std::string(64, 'a'), "/1")),
            (RechargeName{std::string(64, 'a'), 1}));
  const std::vector<std::string> others = {"",
                                           "acme",
                                           "/3",
                                           "acme/",
                                           "acme/0",
                                           "acme/-1",
                                           "acme/03",
                                           "acme/+3",
                                           "acme/ 3",
                                           "acme/3 ",
                                           "acme/3/1",
                                           "ac me/3",
                                           "acme/9223372036854775808",
                                           absl::StrCat(std::string(65, 'a'), "/1")};
  for (const std::string& other : others) EXPECT_EQ(ParseReference(other), std::nullopt) << other;
}

TEST(JudgeChargeTest, AnAttemptIsKnownByItsKey) {
  EXPECT_EQ(AttemptOf(Charged(7), Recharge(State::kOpen, 2)), 7);
  EXPECT_EQ(AttemptOf(Charged(150), Recharge(State::kOpen, 200)), 150);
  EXPECT_EQ(AttemptOf(Charged(150), std::nullopt), 0);
  GatewayCharge of_another_account = Charged();
  of_another_account.reference = "acm/3";
  EXPECT_EQ(AttemptOf(of_another_account, Recharge(State::kOpen)), 0);
}

TEST(JudgeChargeTest, ARefundIsLookedForByItsIdAndThenByItsReference) {
  const GatewayState made = {
      .id = "re_1", .reference = "acme/4", .state = 2, .amount = kAmount, .currency = "USD"};
  const auto with = [&made](auto change) {
    GatewayState state = made;
    change(&state);
    return state;
  };
  const GatewayState other = with([](GatewayState* s) { s->id = "re_2", s->reference = "acme/5"; });
  EXPECT_EQ(JudgeRefund(made, {other, made}), Finding::kInOrder);
  EXPECT_EQ(JudgeRefund(made, {with([](GatewayState* s) { s->amount -= 1; })}),
            Finding::kRefundDiffers);
  EXPECT_EQ(JudgeRefund(made, {with([](GatewayState* s) { s->currency = "EUR"; })}),
            Finding::kRefundDiffers);
  EXPECT_EQ(JudgeRefund(made, {other, with([](GatewayState* s) { s->id = "re_3"; })}),
            Finding::kInOrder)
      << "the ledger is told that id";
  EXPECT_EQ(JudgeRefund(made, {}), Finding::kNoRefund);
  EXPECT_EQ(JudgeRefund(made, {other}), Finding::kNoRefund);
  EXPECT_EQ(
      JudgeRefund(made, {with([](GatewayState* s) { s->kind = GatewayState::Kind::kDispute; })}),
      Finding::kNoRefund);
  for (const Finding finding : {Finding::kNoRefund, Finding::kRefundDiffers}) {
    EXPECT_EQ(StepFor(finding), Step::kPerson);
  }
}

TEST(JudgeChargeTest, TheKeyUnderWhichAnOrphanIsGivenBackIsFixedForEver) {
  // printf 'refund:ch_1' | sha256sum | cut -c1-48
  EXPECT_EQ(OrphanRefundKey("ch_1"), "rfd-d70cf20770b95dfb93999f9432dcf034356bc84ba6e35447");
  EXPECT_NE(OrphanRefundKey("ch_1"), OrphanRefundKey("ch_2"));
}

TEST(JudgeChargeTest, WhatAnAdjustmentPutsRightIsKnownByItsReference) {
  for (int number = 1; number <= static_cast<int>(Finding::kUntoldDispute); ++number) {
    const auto finding = static_cast<Finding>(number);
    EXPECT_EQ(IsPutRightByAdjusting(finding),
              absl::StrContains(RemedyOf(finding), "Support.AdjustBalance"))
        << NameOf(finding);
  }
  EXPECT_EQ(AdjustmentReference(Finding::kNoCharge, "ch_77"), "NO_CHARGE ch_77");
  EXPECT_EQ(AdjustmentReference(Finding::kNoCharge, "ch\n77"), "NO_CHARGE ch\\n77");
  EXPECT_EQ(AdjustmentReference(Finding::kNoCharge, std::string(128, 'x')),
            "NO_CHARGE " + std::string(118, 'x'));
}

// The row of a table that begins with this name.
std::string RowOf(absl::string_view table, absl::string_view name) {
  for (const absl::string_view line : absl::StrSplit(table, '\n')) {
    if (absl::StartsWith(line, absl::StrCat("| ", name, ":")) ||
        absl::StartsWith(line, absl::StrCat("| ", name, " "))) {
      return std::string(line);
    }
  }
  return "";
}

TEST(JudgeChargeTest, WhatAPersonDoesAboutEachFindingIsInThePageForOperators) {
  std::ifstream file(absl::StrCat(test_support::SourceDir(), "/docs/OPERATIONS.md"));
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_FALSE(page.empty());
  for (int number = 1; number <= static_cast<int>(Finding::kUntoldDispute); ++number) {
    const auto finding = static_cast<Finding>(number);
    SCOPED_TRACE(NameOf(finding));
    const std::string row = RowOf(page, NameOf(finding));
    EXPECT_FALSE(row.empty());
    EXPECT_FALSE(Explain(finding).empty());
    ASSERT_FALSE(RemedyOf(finding).empty());
    int methods = 0;
    for (const absl::string_view word :
         absl::StrSplit(RemedyOf(finding), absl::ByAnyChar(" ,;:"))) {
      if (!absl::StrContains(word, '.')) continue;
      ++methods;
      EXPECT_THAT(row, testing::HasSubstr(std::string(word)));
    }
    EXPECT_EQ(methods == 0, StepFor(finding) == Step::kNothing) << "a person does it by a command";
  }
}

}  // namespace
}  // namespace reserve::worker
