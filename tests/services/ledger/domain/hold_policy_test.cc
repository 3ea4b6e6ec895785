// Calls in progress: what is set aside for them, what is granted, and how it ends (H1 to H12).
#include "services/ledger/domain/hold_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/services/ledger/domain/books.h"

namespace reserve::domain {
namespace {

Rate RateOf(Nanos price, int32_t initial, int32_t increment, Nanos fee = 0) {
  Rate rate = DearRate();
  rate.price = price;
  rate.initial_increment_seconds = initial;
  rate.increment_seconds = increment;
  rate.connect_fee = fee;
  rate.standard_rate = false;
  return rate;
}

Rate StandardWith(int32_t initial, int32_t increment) {
  Rate rate = StandardRate();
  rate.initial_increment_seconds = initial;
  rate.increment_seconds = increment;
  return rate;
}

class HoldTest : public testing::Test {
 protected:
  HoldTest() { books_.OpenFunded(); }  // $15.00

  Decision Hold(const std::string& hold_id, const Rate& rate, const std::string& user_id = "ann") {
    const absl::StatusOr<Decision> decision = books_.Hold(hold_id, user_id, rate);
    EXPECT_TRUE(decision.ok()) << decision.status();
    return decision.value_or(Decision::kNoRate);
  }
  void Extend(const std::string& hold_id, int32_t number, int64_t used,
              const Rate* rate = nullptr) {
    const absl::Status extended = books_.Extend(hold_id, number, absl::Seconds(used), rate);
    ASSERT_TRUE(extended.ok()) << extended;
  }
  // What "ann" has used of the 300 minutes.
  void LeaveFreeSeconds(int64_t left) {
    Rate rate = StandardWith(1, 1);
    ASSERT_TRUE(books_.Call(rate, 18'000 - left).ok());
  }
  const domain::Hold& hold(const std::string& hold_id) const { return books_.hold(hold_id); }
  Nanos available() const { return books_.account().available(); }
  int64_t FreeHeld() const { return books_.users().at("ann").SecondsHeld(0); }
  int64_t FreeUsed() const { return books_.users().at("ann").SecondsUsed(0); }

  Books books_;
};

TEST_F(HoldTest, H1_CallsThatBeginTogetherShareWhatThereIs) {
  const Rate rate = RateOf(Dollars(5) + Cents(50), 60, 60);
  EXPECT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(Hold("b", rate), Decision::kAllowed);
  EXPECT_EQ(available(), Dollars(4));
  EXPECT_EQ(Hold("c", rate), Decision::kInsufficientBalance);
  EXPECT_EQ(books_.account().balance, Dollars(15)) << "what is set aside is not spent";
  EXPECT_EQ(books_.holds().count("c"), 0u) << "a call that may not begin has no hold";
  EXPECT_EQ(books_.Authorize("ann", OutboundCall(books_.now(), 0), &rate).decision,
            Decision::kInsufficientBalance)
      << "AuthorizeUsage goes by what is available, too";
}

TEST_F(HoldTest, H1_FreeSecondsArePromisedOnce) {
  LeaveFreeSeconds(90);
  const Rate rate = StandardRate();  // 60/60, $0.02 a minute
  EXPECT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(hold("a").free_seconds, 60);
  EXPECT_EQ(hold("a").held, 0);
  EXPECT_EQ(Hold("b", rate), Decision::kAllowed);
  EXPECT_EQ(hold("b").free_seconds, 30);
  EXPECT_EQ(hold("b").held, Cents(1)) << "30 s are paid";
  EXPECT_EQ(FreeHeld(), 90);
}

TEST_F(HoldTest, H1_AFactDrawsOnTheAllowanceAsItStandsAndGrantsAreKept) {
  LeaveFreeSeconds(90);
  ASSERT_EQ(Hold("a", StandardRate()), Decision::kAllowed);
  ASSERT_EQ(Hold("b", StandardRate()), Decision::kAllowed);
  Extend("b", 1, 60);
  ASSERT_TRUE(books_.Settle("b", absl::Seconds(60)).ok());
  EXPECT_EQ(books_.entries().back().booked->rating.free_seconds_taken, 60);
  EXPECT_EQ(books_.entries().back().amount, 0) << "the free seconds were there when it was booked";
  EXPECT_EQ(hold("a").granted_seconds, 60) << "kept, though only 30 s are left of the allowance";
  Extend("a", 1, 30);
  EXPECT_EQ(hold("a").granted_seconds, 120);
  EXPECT_EQ(hold("a").free_seconds, 30);
  EXPECT_EQ(hold("a").held, Cents(3)) << "90 s of 120 s are paid";
}

TEST_F(HoldTest, H1_ADearFactMayTakeMoreThanIsAvailableAndThenNothingPaidIsGranted) {
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Use(Dollars(12)).ok());
  EXPECT_EQ(available(), -Dollars(2));
  EXPECT_EQ(Hold("b", rate), Decision::kInsufficientBalance);
  Extend("a", 1, 30);
  EXPECT_EQ(hold("a").granted_seconds, 60) << "what was granted stays";
  EXPECT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  EXPECT_EQ(Hold("free", StandardRate()), Decision::kAllowed) << "its free seconds are there";
}

TEST_F(HoldTest, H2_AGrantReachesTheEndOfTheIncrementInWhichTheSliceEnds) {
  const Rate rate = RateOf(Cents(60), 90, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(hold("a").granted_seconds, 90);
  EXPECT_EQ(hold("a").held, Cents(90));
  books_.Advance(absl::Seconds(40));
  Extend("a", 1, 40);
  EXPECT_EQ(hold("a").granted_seconds, 150) << "40 s and a slice of 60 s end in the second one";
  EXPECT_EQ(hold("a").held, Dollars(1) + Cents(50));
}

TEST_F(HoldTest, H2_WhereTheFirstIncrementIsTooDearTheCallIsRefusedElseItGetsWhatCanBePaid) {
  ASSERT_TRUE(books_.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books_.AdjustTo(Dollars(4)).ok());
  EXPECT_EQ(Hold("minutes", RateOf(Dollars(5) + Cents(50), 60, 60)),
            Decision::kInsufficientBalance);
  EXPECT_EQ(Hold("seconds", RateOf(Dollars(5) + Cents(50), 1, 1)), Decision::kAllowed);
  EXPECT_EQ(hold("seconds").granted_seconds, 43);
  EXPECT_TRUE(hold("seconds").final());
  EXPECT_EQ(hold("seconds").final_reason, FinalReason::kInsufficientBalance);
  EXPECT_GE(available(), 0);
}

TEST_F(HoldTest, H2_AnIncrementOfAnHourIsGrantedOnceAndStays) {
  const Rate rate = RateOf(Cents(10), 3600, 3600);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(hold("a").granted_seconds, 3600);
  Extend("a", 1, 10);
  EXPECT_EQ(hold("a").granted_seconds, 3600);
  EXPECT_EQ(hold("a").held, Dollars(6));
  EXPECT_EQ(hold("a").accrued, Dollars(6)) << "the first second has cost the hour";
}

TEST_F(HoldTest, H2_AnExtensionEveryTenSecondsGrantsNoMoreThanASliceAhead) {
  const Rate rate = RateOf(Cents(60), 1, 1);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  for (int i = 1; i <= 12; ++i) {
    books_.Advance(absl::Seconds(10));
    Extend("a", i, int64_t{10} * i);
    EXPECT_EQ(hold("a").granted_seconds, 10 * i + 60);
    EXPECT_EQ(hold("a").accrued, Cents(10) * i);
    EXPECT_EQ(hold("a").held, Cents(10) * i + Cents(60));
  }
}

TEST_F(HoldTest, H2_FreeSecondsComeFirstThenPaidOnesWithTheFee) {
  LeaveFreeSeconds(60);
  Rate rate = StandardRate();
  rate.connect_fee = Cents(5);  // which a deck would not call standard; the sum is the same
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(hold("a").held, 0);
  Extend("a", 1, 50);
  EXPECT_EQ(hold("a").granted_seconds, 120);
  EXPECT_EQ(hold("a").held, Cents(7)) << "a minute at $0.02 and the fee";
  EXPECT_EQ(hold("a").accrued, 0);
}

TEST_F(HoldTest, H2_TheLongestCallIsTheLastGrant) {
  Settings settings = WithoutNewAccounts();
  settings.longest_call = absl::Seconds(150);
  Books books(settings);
  books.OpenFunded();
  ASSERT_TRUE(books.Hold("a", "ann", RateOf(Cents(1), 60, 60)).ok());
  ASSERT_TRUE(books.Extend("a", 1, absl::Seconds(70)).ok());
  EXPECT_EQ(books.hold("a").granted_seconds, 120) << "down to the end of an increment";
  EXPECT_EQ(books.hold("a").final_reason, FinalReason::kLongestCall);
}

TEST_F(HoldTest, H2_ACallThatCostsNothingIsHeldForAndNeverShortOfMoney) {
  ASSERT_EQ(Hold("a", StandardRate(), "uma"), Decision::kAllowed);
  EXPECT_EQ(hold("a").held, 0);
  Extend("a", 1, 3600);
  EXPECT_EQ(hold("a").granted_seconds, 3660);
  EXPECT_FALSE(hold("a").final());
}

TEST_F(HoldTest, H3_LostRepeatedAndReorderedExtensionsAreHarmless) {
  const Rate rate = RateOf(Cents(60), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 3, 130);  // the two before were lost
  const domain::Hold after = hold("a");
  EXPECT_EQ(after.used, absl::Seconds(130));
  EXPECT_EQ(after.granted_seconds, 240);
  Extend("a", 3, 130);
  EXPECT_TRUE(books_.last().unchanged) << "a repeat";
  Extend("a", 2, 90);
  EXPECT_TRUE(books_.last().unchanged) << "it comes late";
  EXPECT_EQ(hold("a"), after);
  Extend("a", 4, 100);
  EXPECT_EQ(hold("a").used, absl::Seconds(130)) << "used seconds never fall";
}

TEST_F(HoldTest, H4_AHoldThatIsNotExtendedInTimeIsFreeAgainAndToldOf) {
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  books_.Advance(absl::Seconds(89));
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_TRUE(hold("a").open());
  books_.Advance(absl::Seconds(1));
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_EQ(hold("a").state, HoldState::kExpired);
  EXPECT_EQ(available(), Dollars(15));
  EXPECT_EQ(books_.LastOf(EventKind::kHoldExpired).hold_id, "a");
  EXPECT_EQ(books_.LastOf(EventKind::kHoldExpired).amount, Dollars(5));
}

TEST_F(HoldTest, H4_OnceAnsweredItLivesUntilWhatIsGrantedIsUsedUpAndAGraceLonger) {
  const Rate rate = RateOf(Cents(60), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 10);  // granted 120 s
  EXPECT_EQ(hold("a").expire_time, books_.now() + absl::Seconds(110 + 30));
}

TEST_F(HoldTest, H4_AnExtensionAfterTheEndMakesItAnewUnderItsFirstPrice) {
  const Rate rate = RateOf(Cents(60), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  books_.Advance(absl::Minutes(5));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_EQ(hold("a").state, HoldState::kExpired);
  Extend("a", 1, 30);
  EXPECT_TRUE(hold("a").open());
  EXPECT_EQ(hold("a").granted_seconds, 120);
  EXPECT_EQ(hold("a").held, Dollars(1) + Cents(20));
}

TEST_F(HoldTest, H4_AfterTheEndWithoutMoneyItAnswersFinalAndWhatWasReportedCounts) {
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_TRUE(books_.SwitchAutomatic(false).ok());
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  books_.Advance(absl::Minutes(5));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Use(Dollars(12)).ok());
  Extend("a", 1, 30);
  EXPECT_EQ(hold("a").state, HoldState::kUnsettled);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  EXPECT_EQ(books_.account().accrued, Dollars(5)) << "reported seconds are facts";
}

TEST_F(HoldTest, H5_SettlingBooksWhatHappenedAndFreesTheRestInOneStep) {
  const Rate rate = RateOf(Dollars(3), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 30);
  EXPECT_EQ(books_.account().held, Dollars(6));
  ASSERT_TRUE(books_.Settle("a", absl::Seconds(40)).ok());
  EXPECT_EQ(books_.account().balance, Dollars(12));
  EXPECT_EQ(books_.account().held, 0);
  EXPECT_EQ(hold("a").state, HoldState::kSettled);
  Extend("a", 2, 60);
  EXPECT_TRUE(books_.last().unchanged);
  EXPECT_TRUE(hold("a").final()) << "it says so";
}

TEST_F(HoldTest, H5_ItBooksWhatHappenedAlsoWhereThatIsDearerThanWhatWasHeld) {
  const Rate rate = RateOf(Dollars(3), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Settle("a", absl::Minutes(6)).ok());
  EXPECT_EQ(books_.account().balance, -Dollars(3));
}

TEST_F(HoldTest, H5_AVoidOfTheUsageEndsTheHold) {
  ASSERT_EQ(Hold("a", RateOf(Dollars(3), 60, 60)), Decision::kAllowed);
  ASSERT_TRUE(books_.Void("usage-of-a").ok());
  EXPECT_EQ(hold("a").state, HoldState::kSettled);
  EXPECT_EQ(available(), Dollars(15));
}

TEST_F(HoldTest, H6_ALongCallIsRechargedAsItGoesAndNeverForWhatIsOnlySetAside) {
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_EQ(available(), Dollars(10));
  ASSERT_EQ(Hold("b", rate), Decision::kAllowed);
  EXPECT_EQ(available(), Dollars(5)) << "below the threshold of $10";
  EXPECT_EQ(books_.open(), nullptr) << "but nothing was used";
  ASSERT_TRUE(books_.Release("b").ok());
  Extend("a", 1, 55);
  EXPECT_EQ(books_.open(), nullptr) << "$5 of $15 is not below $10";
  Extend("a", 2, 61);
  ASSERT_NE(books_.open(), nullptr) << "$10 of calls leave $5";
  EXPECT_EQ(books_.open()->amount, Dollars(15));
  EXPECT_EQ(books_.account().balance, Dollars(15)) << "nothing is booked before the CDR";
  EXPECT_EQ(books_.account().state, AccountState::kActive);
}

TEST_F(HoldTest, H6_WhenTheMoneyComesTheSwitchIsToldAndExtensionsGrantAgain) {
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  for (int i = 1; i <= 3; ++i) {
    books_.Advance(absl::Minutes(1));
    Extend("a", i, int64_t{60} * i);
  }
  EXPECT_EQ(hold("a").granted_seconds, 180);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  ASSERT_NE(books_.open(), nullptr);
  ASSERT_TRUE(books_.Charge().ok());
  EXPECT_EQ(books_.LastOf(EventKind::kFundsAvailable).hold_id, "a");
  EXPECT_FALSE(hold("a").final());
  Extend("a", 4, 180);
  EXPECT_EQ(hold("a").granted_seconds, 240);
}

TEST_F(HoldTest, H6_MoneyThatAVoidGivesBackIsToldToTheSwitchToo) {
  ASSERT_TRUE(books_.Use(Dollars(8)).ok());
  const std::string dear = books_.entries().back().booked->usage.usage_id;
  const Rate rate = RateOf(Dollars(5), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 60);
  ASSERT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  ASSERT_TRUE(books_.Void(dear).ok());
  EXPECT_EQ(books_.LastOf(EventKind::kFundsAvailable).hold_id, "a");
  EXPECT_FALSE(hold("a").final());
}

// A call that was told to end for want of money, beside an estimate of $2.00.
TEST_F(HoldTest, H6_ACdrThatIsDearerThanItsEstimateIsNoMoneyThatCame) {
  ASSERT_EQ(Hold("a", RateOf(Dollars(1), 60, 60)), Decision::kAllowed);
  Extend("a", 1, 90);
  ASSERT_TRUE(books_.Release("a").ok());
  books_.Advance(absl::Hours(25));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_EQ(books_.account().balance, Dollars(13));
  ASSERT_EQ(Hold("b", RateOf(Dollars(5), 60, 60)), Decision::kAllowed);
  Extend("b", 1, 50);
  Extend("b", 2, 110);
  ASSERT_EQ(hold("b").final_reason, FinalReason::kInsufficientBalance);
  ASSERT_TRUE(books_.Settle("a", absl::Minutes(3)).ok());
  ASSERT_EQ(available(), Dollars(2)) << "less than before";
  EXPECT_EQ(books_.Count(EventKind::kFundsAvailable), 0);
  EXPECT_EQ(hold("b").final_reason, FinalReason::kInsufficientBalance);
}

TEST_F(HoldTest, H6_OfACorrectionOnlyACheaperOneIsMoneyThatCame) {
  ASSERT_TRUE(books_.Use(Dollars(2)).ok());
  const Usage wrong = books_.entries().back().booked->usage;
  const Rate cent = RateOf(Cents(60), 1, 1);
  ASSERT_EQ(Hold("b", RateOf(Dollars(5), 60, 60)), Decision::kAllowed);
  Extend("b", 1, 50);
  Extend("b", 2, 110);
  ASSERT_EQ(hold("b").final_reason, FinalReason::kInsufficientBalance);
  Usage dearer = wrong;
  dearer.usage_id = "dearer";
  dearer.segments = 4;
  ASSERT_TRUE(books_.Correct(wrong.usage_id, "ann", dearer, &cent).ok());
  ASSERT_EQ(books_.account().balance, Dollars(12) + Cents(60));
  EXPECT_EQ(books_.Count(EventKind::kFundsAvailable), 0);
  Usage cheaper = wrong;
  cheaper.usage_id = "cheaper";
  cheaper.segments = 1;
  ASSERT_TRUE(books_.Correct("dearer", "ann", cheaper, &cent).ok());
  EXPECT_EQ(books_.Count(EventKind::kFundsAvailable), 1);
}

TEST_F(HoldTest, H12_AnAnswerTimeThatCantBeIsLookedAtOnlyWhereItTellsOfTheAnswer) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  const absl::Time never = books_.now() - absl::Hours(24 * 10'000);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  EXPECT_FALSE(books_.Extend("a", {1, absl::Seconds(30), never}).ok());
  EXPECT_TRUE(books_.Extend("a", {1, absl::ZeroDuration(), never}).ok()) << "it rings";
  Extend("a", 2, 30);
  ASSERT_TRUE(books_.Extend("a", {3, absl::Seconds(90), never}).ok());
  EXPECT_EQ(books_.account().accrued, Dollars(2));
  ASSERT_TRUE(books_.Release("a", absl::Seconds(150), nullptr, never).ok());
  EXPECT_EQ(books_.account().accrued, Dollars(3)) << "what was reported is a fact";
  ASSERT_EQ(Hold("b", rate), Decision::kAllowed);
  EXPECT_FALSE(books_.Release("b", absl::Seconds(10), nullptr, never).ok());
  ASSERT_TRUE(books_.Settle("b", absl::Seconds(10)).ok());
  EXPECT_TRUE(books_.Release("b", absl::Seconds(10), nullptr, never).ok()) << "it is settled";
}

TEST_F(HoldTest, H7_AReleaseMaySayWhenTheCallWasAnsweredAsAnExtensionDoes) {
  const Rate first = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", first), Decision::kAllowed);
  books_.Advance(absl::Minutes(10));
  const absl::Time answered = books_.now() - absl::Minutes(9);
  ASSERT_TRUE(books_.Release("a", absl::Seconds(120), nullptr, answered).ok());
  EXPECT_EQ(hold("a").answer_time, answered) << "the release came late: not 120 s ago";
}

TEST_F(HoldTest, H7_TheAnswerPricesTheCallAndNothingAfterItDoes) {
  const Rate first = RateOf(Dollars(1), 60, 60);
  Rate then = RateOf(Dollars(2), 60, 60);
  then.deck_version = 2;
  ASSERT_EQ(Hold("a", first), Decision::kAllowed);
  books_.Advance(absl::Seconds(15));
  Extend("a", 1, 0);  // it rings
  EXPECT_EQ(hold("a").held, Dollars(1));
  books_.Advance(absl::Seconds(10));
  Extend("a", 2, 10, &then);
  EXPECT_EQ(hold("a").deck_version, 2);
  EXPECT_EQ(hold("a").answer_time, books_.now() - absl::Seconds(10));
  EXPECT_EQ(hold("a").held, Dollars(4)) << "two minutes at the price of the answer";
}

TEST_F(HoldTest, H7_ItRingsBeforeTheChangeOfPriceAndIsAnsweredAfterIt) {
  const absl::Time six =
      absl::FromCivil(absl::CivilSecond(2026, 11, 30, 18, 0, 0), absl::UTCTimeZone());
  books_.Advance(six - absl::Seconds(10) - books_.now());  // 17:59:50
  const Rate day = RateOf(Dollars(2), 60, 60);
  Rate evening = RateOf(Cents(50), 60, 60);
  evening.deck_version = 2;
  ASSERT_EQ(Hold("a", day), Decision::kAllowed);
  EXPECT_EQ(hold("a").price_time, six - absl::Seconds(10));
  EXPECT_EQ(hold("a").held, Dollars(2));
  books_.Advance(absl::Seconds(15));  // 18:00:05: it is answered
  books_.Advance(absl::Seconds(50));
  const HoldExtension report{1, absl::Seconds(50), six + absl::Seconds(5)};
  ASSERT_TRUE(books_.Extend("a", report, &evening).ok());
  EXPECT_EQ(hold("a").price_time, six + absl::Seconds(5));
  EXPECT_EQ(hold("a").accrued, Cents(50));
  EXPECT_EQ(hold("a").held, Dollars(1)) << "both minutes by the evening's price";
  books_.Advance(absl::Seconds(60));
  ASSERT_TRUE(books_.Extend("a", 2, absl::Seconds(110), &day).ok());
  EXPECT_EQ(hold("a").held, Dollars(1) + Cents(50)) << "whatever it is by then";
  ASSERT_TRUE(books_.Settle("a", absl::Seconds(115)).ok());
  EXPECT_EQ(books_.entries().back().amount, -Dollars(1)) << "as it is booked";
}

TEST_F(HoldTest, H11_AHoldIsPricedAgainByWhatIsStoredWithItToTheSameSums) {
  LeaveFreeSeconds(90);
  const Rate standard = StandardRate();
  const Rate dear = RateOf(Cents(60), 90, 60, Cents(5));
  ASSERT_EQ(Hold("free", standard), Decision::kAllowed);
  Extend("free", 1, 80);
  ASSERT_EQ(Hold("dear", dear), Decision::kAllowed);
  Extend("dear", 1, 91);
  ASSERT_EQ(Hold("over", dear), Decision::kAllowed);
  ASSERT_TRUE(books_.Release("over", absl::Seconds(10)).ok());
  const Plan plan = PerMinutePlan();
  for (const std::string id : {"free", "dear", "over"}) {
    SCOPED_TRACE(id);
    const Rate& rate = id == "free" ? standard : dear;
    const domain::Hold& stored = hold(id);
    EXPECT_EQ(*PricedAgain(stored, plan, &rate), stored);
    domain::Hold wrong = stored;
    wrong.held += 1;
    EXPECT_NE(*PricedAgain(wrong, plan, &rate), wrong);
    wrong = stored;
    wrong.accrued -= 1;
    EXPECT_NE(*PricedAgain(wrong, plan, &rate), wrong);
    wrong = stored;
    wrong.used += absl::Minutes(10);
    EXPECT_NE(*PricedAgain(wrong, plan, &rate), wrong);
  }
  domain::Hold more = hold("free");
  more.free_seconds += 1;
  EXPECT_NE(*PricedAgain(more, plan, &standard), more) << "a free second more is worth something";
  domain::Hold longer = hold("dear");
  longer.granted_seconds += 60;
  EXPECT_NE(*PricedAgain(longer, plan, &dear), longer);
}

TEST_F(HoldTest, H9_ABlockRefusesExtensionsAndStillCountsWhatIsReported) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Block("fraud").ok());
  Extend("a", 1, 50);
  EXPECT_EQ(hold("a").granted_seconds, 60);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kAccountBlocked);
  EXPECT_EQ(hold("a").accrued, Dollars(1));
  EXPECT_EQ(Hold("b", rate), Decision::kAccountBlocked);
}

TEST_F(HoldTest, H10_AUserAndAnAccountHaveSoManyCallsAtATime) {
  Settings settings = WithoutNewAccounts();
  settings.max_holds_per_user = 2;
  settings.max_holds_per_account = 3;
  Books books(settings);
  books.OpenFunded();
  const Rate rate = RateOf(Cents(1), 60, 60);
  EXPECT_EQ(*books.Hold("a1", "ann", rate), Decision::kAllowed);
  EXPECT_EQ(*books.Hold("a2", "ann", rate), Decision::kAllowed);
  EXPECT_EQ(*books.Hold("a3", "ann", rate), Decision::kTooManyCalls);
  EXPECT_EQ(*books.Hold("m1", "mia", rate), Decision::kAllowed);
  EXPECT_EQ(*books.Hold("u1", "uma", rate), Decision::kTooManyCalls);
  ASSERT_TRUE(books.Release("a1").ok());
  EXPECT_EQ(*books.Hold("u2", "uma", rate), Decision::kAllowed);
}

TEST_F(HoldTest, H12_WhatWasReportedStaysUnsettledUntilItsCdrComes) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 90);
  ASSERT_TRUE(books_.Release("a").ok());
  EXPECT_EQ(hold("a").state, HoldState::kUnsettled);
  EXPECT_EQ(books_.account().held, Dollars(2)) << "of three minutes two were reported";
  EXPECT_EQ(books_.account().accrued, Dollars(2));
  EXPECT_EQ(books_.LastOf(EventKind::kHoldUnsettled).amount, -Dollars(2));
  ASSERT_TRUE(books_.Settle("a", absl::Seconds(130)).ok());
  EXPECT_EQ(books_.account().balance, Dollars(12));
  EXPECT_EQ(books_.account().held, 0);
}

TEST_F(HoldTest, H12_WithoutACdrTheUsageIsBookedFromTheReportsOnceAndEstimated) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 90);
  books_.Advance(absl::Hours(1));  // the switch has died
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_EQ(hold("a").state, HoldState::kUnsettled);
  books_.Advance(absl::Hours(23));
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_EQ(books_.account().balance, Dollars(15));
  books_.Advance(absl::Hours(1));
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_EQ(hold("a").state, HoldState::kEstimated);
  EXPECT_EQ(books_.account().balance, Dollars(13));
  EXPECT_TRUE(books_.entries().back().booked->estimated);
  EXPECT_EQ(books_.entries().back().booked->usage.usage_id, "usage-of-a");
  EXPECT_EQ(books_.entries().back().booked->usage.duration, absl::Seconds(90));
  EXPECT_EQ(books_.LastOf(EventKind::kUsageEstimated).amount, -Dollars(2));
  const size_t entries = books_.entries().size();
  ASSERT_TRUE(books_.EndHolds().ok());
  EXPECT_EQ(books_.entries().size(), entries) << "once";
}

TEST_F(HoldTest, H12_ALateCdrTakesThePlaceOfItsEstimateUnderTheSameId) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 90);
  books_.Advance(absl::Hours(1));
  ASSERT_TRUE(books_.EndHolds().ok());
  books_.Advance(absl::Hours(25));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_EQ(books_.account().balance, Dollars(13));
  ASSERT_TRUE(books_.Settle("a", absl::Minutes(5)).ok());
  EXPECT_EQ(books_.account().balance, Dollars(10));
  EXPECT_EQ(books_.last().entries.size(), 2u) << "a void, and what really happened";
  const UsageState& state = books_.usage_states().at("usage-of-a");
  EXPECT_EQ(state.status, UsageStatus::kRated);
  EXPECT_EQ(state.cost, Dollars(5));
  EXPECT_EQ(state.seq, books_.entries().back().seq);
  EXPECT_FALSE(TakesUsageId(books_.entries().back())) << "it finds it taken";
}

TEST_F(HoldTest, H12_ACdrReplacesAlsoAnEstimateThatWasVoidedAndCountsAsUsageDoes) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 90);
  books_.Advance(absl::Hours(1));
  ASSERT_TRUE(books_.EndHolds().ok());
  books_.Advance(absl::Hours(25));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Void("usage-of-a").ok());
  ASSERT_EQ(books_.account().balance, Dollars(15));
  ASSERT_TRUE(books_.Settle("a", absl::Minutes(6)).ok());
  EXPECT_EQ(books_.account().balance, Dollars(9));
  EXPECT_NE(books_.open(), nullptr) << "G1: it is usage, and the balance is low";
}

TEST_F(HoldTest, H12_AReportThatComesAfterTheReleaseCounts) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Release("a").ok());
  EXPECT_EQ(hold("a").state, HoldState::kReleased);
  Extend("a", 1, 50);
  EXPECT_EQ(hold("a").state, HoldState::kUnsettled);
  EXPECT_TRUE(hold("a").final());
  EXPECT_EQ(books_.account().accrued, Dollars(1));
}

TEST_F(HoldTest, P1_NoRefundTakesWhatIsHeld) {
  ASSERT_EQ(Hold("a", RateOf(Dollars(5), 60, 60)), Decision::kAllowed);
  EXPECT_FALSE(books_.Refund(1, Dollars(11)).ok());
  EXPECT_TRUE(books_.Refund(1, Dollars(10)).ok());
}

TEST_F(HoldTest, P4_AClosingWaitsForCallsInProgressAndExtendsNone) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Close().ok());
  Extend("a", 1, 50);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kAccountClosing);
  EXPECT_EQ(Hold("b", rate), Decision::kAccountClosing);
  books_.Advance(absl::Hours(73));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Reconsider().ok());
  EXPECT_EQ(books_.account().closing.refunds, 0) << "its CDR may still come";
  books_.Advance(absl::Hours(25));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Reconsider().ok());
  EXPECT_EQ(books_.account().closing.refunds, 1);
  EXPECT_EQ(books_.refund().amount, Dollars(14)) << "the minute was booked from the report";
}

TEST_F(HoldTest, P6_AGrantThatEndsUnderARunningCallIsNotLostToIt) {
  ASSERT_TRUE(books_.GrantCredit(Dollars(5), books_.now() + absl::Minutes(2)).ok());
  ASSERT_EQ(Hold("a", RateOf(Dollars(3), 60, 60)), Decision::kAllowed);
  books_.Advance(absl::Minutes(1));
  Extend("a", 1, 60);  // $6 are held
  books_.Advance(absl::Minutes(1));
  ASSERT_TRUE(books_.Reconsider().ok());
  EXPECT_EQ(books_.account().promotional_balance(), Dollars(5)) << "the call needs all of it";
  ASSERT_TRUE(books_.Settle("a", absl::Seconds(60)).ok());
  EXPECT_EQ(books_.entries()[books_.entries().size() - 2].booked->grant_draws, "1:3000000000");
  EXPECT_EQ(books_.account().promotional_balance(), 0) << "the rest ends with the hold";
  EXPECT_EQ(books_.account().balance, Dollars(15));
}

TEST_F(HoldTest, P6_AnEndTakesWhatNoHoldNeedsAndAHoldMadeAfterItNeedsNothingOfIt) {
  ASSERT_TRUE(books_.GrantCredit(Dollars(5), books_.now() + absl::Minutes(2)).ok());
  const Rate rate = RateOf(Dollars(2), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  Extend("a", 1, 0);
  books_.Advance(absl::Minutes(1));
  Extend("a", 2, 0);
  books_.Advance(absl::Minutes(1));
  ASSERT_TRUE(books_.Reconsider().ok());
  EXPECT_EQ(books_.account().promotional_balance(), Dollars(2));
  ASSERT_EQ(Hold("b", rate), Decision::kAllowed);
  EXPECT_EQ(books_.account().promotional_balance(), Dollars(2));
  ASSERT_TRUE(books_.Settle("b", absl::Seconds(60)).ok());
  EXPECT_EQ(books_.entries().back().booked->grant_draws, "") << "it began after the end";
  ASSERT_TRUE(books_.Release("a").ok());
  EXPECT_EQ(books_.account().promotional_balance(), 0);
}

TEST_F(HoldTest, P6_NothingIsPromisedOfAGrantThatHasEndedBookedOrNot) {
  ASSERT_TRUE(books_.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books_.AdjustTo(Dollars(1)).ok());
  ASSERT_TRUE(books_.GrantCredit(Dollars(5), books_.now() + absl::Minutes(2)).ok());
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  books_.Advance(absl::Minutes(2));
  EXPECT_EQ(Hold("b", rate), Decision::kAllowed) << "the dollar that there is besides the grant";
  EXPECT_EQ(available(), 0);
  EXPECT_EQ(books_.account().promotional_balance(), Dollars(1)) << "what the first call needs";
  EXPECT_EQ(Hold("c", rate), Decision::kInsufficientBalance);
}

TEST_F(HoldTest, P6_AnExtensionGetsNothingOfAGrantThatHasEndedBookedOrNot) {
  ASSERT_TRUE(books_.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books_.AdjustTo(Dollars(1)).ok());
  ASSERT_TRUE(books_.GrantCredit(Dollars(5), books_.now() + absl::Minutes(1)).ok());
  ASSERT_EQ(Hold("a", RateOf(Dollars(1), 60, 60)), Decision::kAllowed);
  books_.Advance(absl::Minutes(1));
  Extend("a", 1, 170);
  EXPECT_EQ(hold("a").granted_seconds, 120) << "its dollar of the grant, and that of the customer";
  EXPECT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
}

TEST_F(HoldTest, P4_WhatIsReportedAfterTheFactsIsNone) {
  const Rate rate = RateOf(Dollars(1), 60, 60);
  ASSERT_EQ(Hold("expired", rate), Decision::kAllowed);
  ASSERT_EQ(Hold("released", rate), Decision::kAllowed);
  ASSERT_TRUE(books_.Release("released").ok());
  ASSERT_TRUE(books_.Close().ok());
  books_.Advance(absl::Hours(73));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Reconsider().ok());
  ASSERT_EQ(books_.account().closing.refunds, 1);
  Extend("expired", 1, 50);
  EXPECT_EQ(hold("expired").final_reason, FinalReason::kAccountClosing);
  Extend("released", 1, 50);
  ASSERT_TRUE(books_.Release("expired", absl::Seconds(70)).ok());
  EXPECT_EQ(books_.account().accrued, 0);
  ASSERT_TRUE(books_.GiveBack().ok());
  EXPECT_TRUE(books_.account().closed()) << "it waits for no call any more";
}

TEST_F(HoldTest, H4_OneThatWasReleasedAfterItsTimeIsNotMadeAnew) {
  const Rate rate = RateOf(Cents(60), 60, 60);
  ASSERT_EQ(Hold("a", rate), Decision::kAllowed);
  books_.Advance(absl::Minutes(5));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.Release("a").ok());
  Extend("a", 1, 30);  // sent before the release
  EXPECT_EQ(hold("a").state, HoldState::kUnsettled);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kHoldEnded) << "it says so";
  EXPECT_EQ(books_.account().held, Cents(60));
  ASSERT_TRUE(books_.Release("a").ok());
  EXPECT_TRUE(books_.last().unchanged) << "a repeat";
}

TEST_F(HoldTest, H9_WhileNothingIsGrantedMoneyThatComesTellsNoSwitchToGoOn) {
  ASSERT_TRUE(books_.SwitchAutomatic(false).ok());
  ASSERT_TRUE(books_.AdjustTo(Dollars(1)).ok());
  ASSERT_EQ(Hold("a", RateOf(Dollars(1), 60, 60)), Decision::kAllowed);
  Extend("a", 1, 50);
  ASSERT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  ASSERT_TRUE(books_.Block("fraud").ok());
  ASSERT_TRUE(books_.Adjust(Dollars(20)).ok());
  EXPECT_EQ(books_.Count(EventKind::kFundsAvailable), 0);
  ASSERT_TRUE(books_.Unblock("cleared").ok());
  ASSERT_TRUE(books_.Adjust(Cents(1)).ok());
  EXPECT_EQ(books_.Count(EventKind::kFundsAvailable), 1);
}

TEST_F(HoldTest, G12_ACallThatIsCutShortForWantOfMoneyTakenBackEndsTheWaitToo) {
  ASSERT_TRUE(books_.AdjustDown(Dollars(12)).ok());
  ASSERT_EQ(Hold("a", RateOf(Dollars(5), 1, 1)), Decision::kAllowed);
  EXPECT_EQ(hold("a").final_reason, FinalReason::kInsufficientBalance);
  EXPECT_FALSE(books_.account().taken_back.waits());
  EXPECT_NE(books_.open(), nullptr);
}

TEST_F(HoldTest, G12_ALateExtensionThatIsRefusedForWantOfMoneyTakenBackEndsTheWaitToo) {
  ASSERT_EQ(Hold("a", RateOf(Dollars(5), 60, 60)), Decision::kAllowed);
  books_.Advance(absl::Minutes(5));
  ASSERT_TRUE(books_.EndHolds().ok());
  ASSERT_TRUE(books_.AdjustDown(Dollars(14)).ok());
  ASSERT_TRUE(books_.account().taken_back.waits());
  Extend("a", 1, 30);
  ASSERT_EQ(hold("a").state, HoldState::kUnsettled);
  EXPECT_FALSE(books_.account().taken_back.waits());
}

TEST_F(HoldTest, G12_AHoldThatIsRefusedForWantOfMoneyTakenBackEndsTheWait) {
  ASSERT_TRUE(books_.AdjustDown(Dollars(12)).ok());
  ASSERT_TRUE(books_.account().taken_back.waits());
  EXPECT_EQ(Hold("a", RateOf(Dollars(5), 60, 60)), Decision::kInsufficientBalance);
  EXPECT_FALSE(books_.account().taken_back.waits());
  EXPECT_NE(books_.open(), nullptr);
}

}  // namespace
}  // namespace reserve::domain
