#include "tests/history/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reserve::history {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kAccount[] = "acme";

// Claims about usages of an account; each costs 1.
Claim Booked(const std::string& id, int64_t seq) {
  return {.what = What::kDone,
          .account = kAccount,
          .kind = "usage",
          .id = id,
          .seq = seq,
          .amount = -1,
          .balance = -seq,
          .fresh = true};
}
Claim Repeated(const std::string& id, int64_t seq) {
  Claim claim = Booked(id, seq);
  claim.fresh = false;
  claim.amount.reset();
  return claim;
}
// By a stream, which does not say where.
Claim Acknowledged(const std::string& id) {
  return {.what = What::kDone, .account = kAccount, .kind = "usage", .id = id};
}
Claim Unknown(const std::string& id) {
  return {.what = What::kUnknown, .account = kAccount, .kind = "usage", .id = id};
}
Claim Refused(const std::string& id) {
  return {.what = What::kRefused, .account = kAccount, .kind = "usage", .id = id};
}
Claim Head(int64_t seq, int64_t balance) {
  return {.what = What::kHead, .account = kAccount, .seq = seq, .balance = balance};
}
Claim Head(int64_t seq) { return Head(seq, -seq); }
Claim Entry(const std::string& id, int64_t seq) {
  return {.what = What::kEntry,
          .account = kAccount,
          .kind = "usage",
          .id = id,
          .seq = seq,
          .amount = -1,
          .balance = -seq};
}
Claim Found(const std::string& id, int64_t seq) {
  return {.what = What::kFound, .account = kAccount, .kind = "usage", .id = id, .seq = seq};
}
Claim Missing(const std::string& id) {
  return {.what = What::kMissing, .account = kAccount, .kind = "usage", .id = id};
}
Claim StartedAt(Claim claim, int64_t micros) {
  claim.start_micros = micros;
  return claim;
}

// A history by what is answered, in any order.
class History {
 public:
  // A call between two times.
  History& Call(int64_t asked, int64_t answered, std::vector<Claim> claims,
                const std::string& method = "Call") {
    calls_.push_back({.number = static_cast<int64_t>(calls_.size()) + 1,
                      .who = 1,
                      .method = method,
                      .asked = asked,
                      .answered = answered,
                      .status = "OK",
                      .claims = std::move(claims)});
    return *this;
  }

  std::vector<Rule> Rules() const {
    std::vector<Rule> rules;
    for (const Finding& finding : Check(calls_).findings) rules.push_back(finding.rule);
    return rules;
  }
  std::string FirstFinding() const {
    const Report report = Check(calls_);
    return report.findings.empty() ? "" : report.findings.front().text;
  }
  Report report() const { return Check(calls_); }

 private:
  std::vector<history::Call> calls_;
};

TEST(HistoryCheckerTest, NothingContradictsNothing) {
  EXPECT_THAT(History().Rules(), IsEmpty());
  EXPECT_THAT(History().Call(1, 2, {}).Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, BookingsAndReadsOneAfterTheOtherAreFine) {
  History history;
  history.Call(1, 2, {Head(0)})
      .Call(3, 4, {Missing("a")})
      .Call(5, 6, {Booked("a", 1)})
      .Call(7, 8, {Found("a", 1), Head(1)})
      .Call(9, 10, {Booked("b", 2), Booked("c", 3)})
      .Call(11, 12, {Repeated("a", 1)})
      .Call(13, 14, {Entry("c", 3), Entry("b", 2), Entry("a", 1)}, "ListEntries");
  EXPECT_THAT(history.Rules(), IsEmpty());
  const Report report = history.report();
  EXPECT_EQ(report.calls, 7);
  EXPECT_EQ(report.accounts, 1);
  EXPECT_EQ(report.entries, 3);
  EXPECT_EQ(report.asked, 3);
  EXPECT_EQ(report.reads, 7);
}

TEST(HistoryCheckerTest, OfTwoThatAreAskedAtATimeEitherMayBeFirst) {
  EXPECT_THAT(History().Call(1, 10, {Booked("a", 2)}).Call(2, 9, {Booked("b", 1)}).Rules(),
              IsEmpty());
  EXPECT_THAT(History().Call(1, 10, {Booked("a", 1)}).Call(2, 9, {Booked("b", 2)}).Rules(),
              IsEmpty());
  // A read beside a booking shows it or not.
  EXPECT_THAT(History().Call(1, 10, {Booked("a", 1)}).Call(2, 9, {Head(0)}).Rules(), IsEmpty());
  EXPECT_THAT(History().Call(1, 10, {Booked("a", 1)}).Call(2, 9, {Head(1)}).Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, WhatWasAnsweredBeforeAnotherWasAskedHasTheSmallerSeq) {
  History history;
  history.Call(1, 2, {Booked("a", 2)}).Call(3, 4, {Booked("b", 1)});
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kTurned));
  EXPECT_THAT(
      history.FirstFinding(),
      AllOf(HasSubstr("TURNED acme: call 1 (Call of caller 1 at ledger 0, asked 0.000000 s"),
            HasSubstr("books usage a as entry 2; call 2"),
            HasSubstr("books usage b as entry 1, and was asked only after that answer")));
}

TEST(HistoryCheckerTest, AnOrderThatIsTurnedIsSeenOverManyBookingsInBetween) {
  History history;
  history.Call(1, 2, {Booked("a", 9)}).Call(3, 1'000, {Booked("z", 1)});
  for (int64_t seq = 2; seq < 9; ++seq) {
    history.Call(0, 2'000, {Booked(absl::StrCat("b", seq), seq)});
  }
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kTurned));
}

TEST(HistoryCheckerTest, WhatAStreamAcknowledgedHasThePlaceThatAListShows) {
  History history;
  history.Call(1, 2, {Acknowledged("a")})
      .Call(3, 4, {Booked("b", 1)})
      .Call(5, 6, {Entry("a", 2), Entry("b", 1)}, "ListEntries");
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kTurned));
}

TEST(HistoryCheckerTest, AReadShowsWhatWasAcknowledgedBeforeItBegan) {
  History history;
  history.Call(1, 2, {Booked("a", 1)}).Call(3, 4, {Head(0)});
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kStale));
  EXPECT_THAT(history.FirstFinding(),
              AllOf(HasSubstr("call 1 "), HasSubstr("books usage a as entry 1; call 2 "),
                    HasSubstr("shows entry 0 as the last one")));
  EXPECT_THAT(History().Call(1, 2, {Booked("a", 1)}).Call(3, 4, {Missing("a")}).Rules(),
              ElementsAre(Rule::kStale));
  // By its seq, as CheckHead asks.
  EXPECT_THAT(History()
                  .Call(1, 2, {Booked("a", 1)})
                  .Call(3, 4, {{.what = What::kMissing, .account = kAccount, .seq = 1}})
                  .Rules(),
              ElementsAre(Rule::kStale));
}

TEST(HistoryCheckerTest, AReadShowsNothingThatWasAskedAfterIt) {
  EXPECT_THAT(History().Call(1, 2, {Head(1)}).Call(3, 4, {Booked("a", 1)}).Rules(),
              ElementsAre(Rule::kEarly));
  EXPECT_THAT(History().Call(1, 2, {Found("a", 1)}).Call(3, 4, {Booked("a", 1)}).Rules(),
              ElementsAre(Rule::kEarly));
}

TEST(HistoryCheckerTest, NoReadGoesBackBehindAnEarlierOne) {
  EXPECT_THAT(History().Call(1, 2, {Head(7)}).Call(3, 4, {Head(6)}).Rules(),
              ElementsAre(Rule::kBack));
  // One entry may be seen before the last one is.
  EXPECT_THAT(History()
                  .Call(0, 9, {Unknown("a")})
                  .Call(1, 2, {Entry("a", 7)})
                  .Call(3, 4, {Head(6)})
                  .Rules(),
              ElementsAre(Rule::kBack));
  EXPECT_THAT(History().Call(1, 4, {Head(7)}).Call(3, 6, {Head(6)}).Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, AListOfUsagesShowsEachOfItsRangeThatWasAcknowledged) {
  const Claim from_50 = {.what = What::kListed, .account = kAccount, .start_micros = 50};
  const auto history = [&](std::vector<Claim> listed, int64_t asked) {
    listed.push_back(from_50);
    return History()
        .Call(1, 2, {StartedAt(Booked("old", 1), 50)})
        .Call(3, 4, {StartedAt(Booked("a", 2), 60), StartedAt(Booked("b", 3), 70)})
        .Call(asked, 9, std::move(listed), "ListUsage");
  };
  EXPECT_THAT(history({Found("b", 3), Found("a", 2)}, 5).Rules(), IsEmpty());
  EXPECT_THAT(history({Found("b", 3)}, 5).Rules(), ElementsAre(Rule::kStale));
  EXPECT_THAT(history({Found("b", 3)}, 5).FirstFinding(), HasSubstr("does not list it"));
  // Asked before it was acknowledged it may have missed it.
  EXPECT_THAT(history({Found("b", 3)}, 4).Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, ABalanceIsTheSumOfTheEntriesUpToThere) {
  History history;
  history.Call(1, 2, {Booked("a", 1)}).Call(3, 4, {Booked("b", 2)});
  EXPECT_THAT(History(history).Call(5, 6, {Head(2, -2)}).Rules(), IsEmpty());
  EXPECT_THAT(History(history).Call(5, 6, {Head(2, -1)}).Rules(), ElementsAre(Rule::kTwoEntries));
  // Of an entry that was answered to nobody.
  Claim third = Entry("c", 3);
  third.balance = -4;
  EXPECT_THAT(History(history).Call(0, 6, {third, Unknown("c")}).Rules(),
              ElementsAre(Rule::kBalance));
  Claim first = Booked("a", 1);
  first.balance = 5;
  EXPECT_THAT(History().Call(1, 2, {first}).Rules(), ElementsAre(Rule::kBalance));
}

TEST(HistoryCheckerTest, AnEntryIsTheSameToWhoeverIsToldOfIt) {
  History history;
  history.Call(1, 2, {Booked("a", 1)}).Call(1, 2, {Booked("b", 1)});
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kTwoEntries));
  EXPECT_THAT(history.FirstFinding(),
              HasSubstr("the name of entry 1 is usage a by call 1 (Call of caller 1 at ledger 0, "
                        "asked 0.000000 s, answered 0.000000 s), and usage b by call 2"));
  Claim one = Head(1);
  one.hash = "0a";
  Claim other = Head(1);
  other.hash = "0b";
  EXPECT_THAT(History().Call(1, 2, {one}).Call(3, 4, {other}).Rules(),
              ElementsAre(Rule::kTwoEntries));
  EXPECT_THAT(
      History().Call(1, 2, {{.what = What::kChanged, .account = kAccount, .seq = 1}}).Rules(),
      ElementsAre(Rule::kTwoEntries));
}

TEST(HistoryCheckerTest, ARepeatIsToldTheFirstAnswer) {
  History history;
  history.Call(1, 2, {Booked("a", 1)});
  EXPECT_THAT(History(history).Call(3, 4, {Repeated("a", 1)}).Rules(), IsEmpty());
  EXPECT_THAT(History(history).Call(3, 4, {Repeated("a", 2)}).Rules(), ElementsAre(Rule::kDoubled));
  Claim later = Repeated("a", 1);
  later.balance = -5;
  EXPECT_THAT(History(history).Call(3, 4, {later}).Rules(), ElementsAre(Rule::kTwoEntries));
}

TEST(HistoryCheckerTest, OnlyOneCallBooksIt) {
  EXPECT_THAT(History().Call(1, 9, {Booked("a", 1)}).Call(2, 8, {Booked("a", 1)}).Rules(),
              ElementsAre(Rule::kBothFirst));
  // Told of it before it was booked.
  EXPECT_THAT(History().Call(1, 2, {Repeated("a", 1)}).Call(3, 4, {Booked("a", 1)}).Rules(),
              ElementsAre(Rule::kBothFirst));
}

TEST(HistoryCheckerTest, AnUnknownOutcomeIsBookedLaterOrNeverButOnce) {
  History history;
  history.Call(1, 2, {Unknown("a")});
  EXPECT_THAT(history.Rules(), IsEmpty());
  EXPECT_THAT(History(history).Call(3, 4, {Head(0)}).Rules(), IsEmpty());
  // After others that were asked later.
  EXPECT_THAT(History(history)
                  .Call(3, 4, {Booked("b", 1)})
                  .Call(5, 6, {Entry("a", 2), Entry("b", 1)}, "ListEntries")
                  .Rules(),
              IsEmpty());
  EXPECT_THAT(History(history).Call(5, 6, {Entry("a", 2), Entry("a", 1)}, "ListEntries").Rules(),
              ElementsAre(Rule::kDoubled));
  // A repeat finds it, and it was asked before what was booked in between.
  EXPECT_THAT(History(history).Call(3, 4, {Booked("b", 2)}).Call(5, 6, {Repeated("a", 1)}).Rules(),
              IsEmpty());
  // Not before it was asked.
  EXPECT_THAT(History()
                  .Call(1, 2, {Head(1)})
                  .Call(3, 4, {Unknown("a")})
                  .Call(5, 6, {Entry("a", 1)})
                  .Rules(),
              ElementsAre(Rule::kEarly));
}

TEST(HistoryCheckerTest, WhatWasAcknowledgedIsThere) {
  History history;
  history.Call(1, 2, {Acknowledged("a")}).Call(1, 2, {Booked("b", 1)});
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kLost));
  EXPECT_THAT(History(history).Call(3, 4, {Head(2)}).Rules(), IsEmpty());  // not all is known
  EXPECT_THAT(History(history).Call(3, 4, {Entry("a", 2), Entry("b", 1)}, "ListEntries").Rules(),
              IsEmpty());
}

TEST(HistoryCheckerTest, WhatIsBookedSomebodyHasAskedForAndWasNotRefused) {
  History history;
  history.Call(3, 4, {Entry("a", 1)}, "ListEntries");
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kNobody));
  EXPECT_THAT(History(history).Call(1, 2, {Refused("a")}).Rules(), ElementsAre(Rule::kRefused));
  EXPECT_THAT(History(history).Call(1, 2, {Refused("a")}).Call(1, 2, {Unknown("a")}).Rules(),
              IsEmpty());
  // Recharges and the like come by themselves.
  Claim recharge = Entry("7", 1);
  recharge.kind = "recharge";
  EXPECT_THAT(History().Call(3, 4, {recharge}, "ListEntries").Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, AHeldUsageMayBeEstimatedAndThenReplacedByItsCdr) {
  History history;
  history.Call(3, 4, {Entry("a", 3), Entry("b", 2), Entry("a", 1)}, "ListEntries")
      .Call(0, 1, {Unknown("b")});
  EXPECT_THAT(history.Rules(), ElementsAre(Rule::kDoubled, Rule::kNobody));
  history.Call(1, 2, {{.what = What::kHeld, .account = kAccount, .kind = "usage", .id = "a"}});
  EXPECT_THAT(history.Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, AListLeavesNoEntryOut) {
  EXPECT_THAT(History()
                  .Call(0, 9, {Unknown("a"), Unknown("c")})
                  .Call(3, 4, {Entry("c", 3), Entry("a", 1)}, "ListEntries")
                  .Rules(),
              ElementsAre(Rule::kGap));
  EXPECT_THAT(
      History().Call(3, 4, {{.what = What::kListEnd, .account = kAccount, .seq = 2}}).Rules(),
      ElementsAre(Rule::kGap));
}

TEST(HistoryCheckerTest, AccountsAreJudgedApart) {
  Claim other = Head(0);
  other.account = "other";
  EXPECT_THAT(History().Call(1, 2, {Booked("a", 1)}).Call(3, 4, {other}).Rules(), IsEmpty());
}

TEST(HistoryCheckerTest, OfManyFindingsOfOneRuleAFewAreTold) {
  History history;
  for (int64_t i = 0; i < 10; ++i) history.Call(2 * i, 2 * i + 1, {Head(10 - i)});
  const Report report = history.report();
  ASSERT_EQ(report.findings.size(), static_cast<size_t>(kMostOfARule) + 1);
  EXPECT_THAT(report.findings.back().text, HasSubstr("and more of these"));
}

TEST(HistoryCheckerTest, AHundredThousandCallsOfOneAccountAreJudgedInOnePass) {
  History history;
  for (int64_t seq = 1; seq <= 100'000; ++seq) {
    history.Call(10 * seq, 10 * seq + 15, {StartedAt(Booked(absl::StrCat("u", seq), seq), seq)});
    if (seq % 10 == 0) {
      history.Call(10 * seq + 15, 10 * seq + 16,
                   {Head(seq), {.what = What::kListed, .account = kAccount, .start_micros = seq}});
    }
  }
  EXPECT_THAT(history.Rules(), IsEmpty());
}

// A booking or read at its place, as the test knows it: twice the seq, plus one of a read.
struct Placed {
  int64_t place;
  int64_t asked;
  int64_t answered;
};

// Is there a time for each, between asking and answer, that grows with the places? By looking for
// one: each as early as those before it allow.
bool HasOrder(std::vector<Placed> all) {
  std::sort(all.begin(), all.end(),
            [](const Placed& a, const Placed& b) { return a.place < b.place; });
  int64_t before = 0;  // the latest time of smaller places
  int64_t latest = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i > 0 && all[i].place != all[i - 1].place) before = latest;
    const int64_t time = std::max(before, all[i].asked);
    if (time > all[i].answered) return false;
    latest = std::max(latest, time);
  }
  return true;
}

TEST(HistoryCheckerTest, OfRandomHistoriesThoseAreFineThatHaveAnOrder) {
  std::mt19937_64 random(20);
  const auto below = [&random](int64_t bound) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(bound));
  };
  int fine = 0;
  constexpr int kHistories = 20'000;
  for (int i = 0; i < kHistories; ++i) {
    History history;
    std::vector<Placed> placed;
    const int64_t bookings = 1 + below(4);
    for (int64_t seq = 1; seq <= bookings; ++seq) {
      const int64_t asked = 4 * seq + below(9);
      const int64_t answered = asked + below(9);
      history.Call(asked, answered, {Booked(absl::StrCat("u", seq), seq)});
      placed.push_back({2 * seq, asked, answered});
    }
    for (int64_t reads = below(4); reads > 0; --reads) {
      const int64_t seq = below(bookings + 1);
      const int64_t asked = 4 * seq + below(9);
      const int64_t answered = asked + below(9);
      history.Call(asked, answered, {Head(seq)});
      placed.push_back({2 * seq + 1, asked, answered});
    }
    const bool has_order = HasOrder(placed);
    fine += has_order ? 1 : 0;
    EXPECT_EQ(history.Rules().empty(), has_order) << "history " << i;
  }
  // There are enough of both.
  EXPECT_GT(fine, kHistories / 10);
  EXPECT_LT(fine, kHistories * 9 / 10);
}

}  // namespace
}  // namespace reserve::history
