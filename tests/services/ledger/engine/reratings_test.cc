// Reratings by engines on a real database (U6, U7): once, whoever works on them and whoever dies,
// in their order, and as the dry run said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/ledger/engine/rerating_preview.h"
#include "services/ledger/storage/entry_rows.h"
#include "services/ledger/storage/rerating_rows.h"
#include "services/ledger/storage/usage_state_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using book::PricesBy;
using book::ReratingJob;
using book::ReratingOrder;
using test_support::WaitUntil;
using ::testing::ElementsAre;

class ReratingsTest : public testing::Test {
 protected:
  // A deck, of version 2 the first, where Britain costs so much, and is not in force for ten years.
  void ImportDeck(Engine& engine, Nanos britain) { ImportDeckOf(engine, "44", britain); }
  void ImportDeckOf(Engine& engine, const std::string& prefix, Nanos price) {
    rates::DeckHeader header;
    header.name = absl::StrCat(prefix, "-", price);
    header.currency = "USD";
    header.effective_time = ledger_.clock().Now() + absl::Hours(24 * 3650);
    header.import_time = ledger_.clock().Now();
    header.content_digest = header.name;
    rates::RateRow row;
    row.prefix = prefix;
    row.price = price;
    ASSERT_TRUE(engine.queries()
                    .Run([&](storage::Connection& connection) {
                      return ImportInForce(engine, connection, header, {row}).status();
                    })
                    .ok());
  }
  static ReratingOrder OrderOf(const std::string& request_id, int64_t deck_version = 2) {
    ReratingOrder order;
    order.request_id = request_id;
    order.digest = request_id;
    order.scope.currency = "USD";
    order.scope.from = TestNow() - absl::Hours(24);
    order.prices = PricesBy::kDeck;
    order.deck_version = deck_version;
    order.by = {"wrong deck"};
    return order;
  }
  ReratingJob Add(const ReratingOrder& order) {
    const auto job = storage::AddRerating(*connection_, order, ledger_.clock().Now());
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *job : ReratingJob();
  }
  ReratingJob Get(const std::string& request_id) {
    const auto job = storage::FindRerating(*connection_, request_id);
    EXPECT_TRUE(job.ok() && job->has_value());
    return job.ok() && job->has_value() ? **job : ReratingJob();
  }
  ReratingJob Await(const std::string& request_id) {
    EXPECT_TRUE(WaitUntil([&] { return Get(request_id).done; })) << request_id;
    return Get(request_id);
  }
  // Accounts "a0" ... with `calls` calls to Britain of a minute each, at $0.07.
  void OpenWithCalls(Engine& engine, int accounts, int calls) {
    for (int a = 0; a < accounts; ++a) {
      const std::string account = absl::StrCat("a", a);
      OpenFunded(engine, account);
      std::vector<Order> orders;
      for (int c = 0; c < calls; ++c) {
        orders.emplace_back(account,
                            RecordUsage{Call(kUser, absl::StrCat("c", c), kDearNumber, 60)});
      }
      for (const auto& reply : AskAll(engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
    }
  }
  // Rates the usages of an account again by that deck.
  void RerateBy(Engine& engine, const std::string& account, int64_t deck_version) {
    const std::string request_id = absl::StrCat(account, "-by-", deck_version);
    ReratingOrder order = OrderOf(request_id, deck_version);
    order.scope.account_id = account;
    Add(order);
    engine.reratings().Announce();
    Await(request_id);
  }
  Nanos BalanceOf(const std::string& account) { return ledger_.Account(account).balance; }

  struct Outlook {
    std::vector<RerateReply> differences;
    book::ReratingCounts counts;
    ReratingConsequences consequences;
  };
  Outlook Preview(Engine& engine, const ReratingOrder& order) {
    ReratingPreview preview(engine.options(), engine.catalog(), order);
    Outlook outlook;
    while (!preview.ended()) {
      const absl::Status status = preview.Next(*connection_);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
      for (const RerateReply& each : preview.differences()) outlook.differences.push_back(each);
    }
    outlook.counts = preview.counts();
    outlook.consequences = preview.consequences();
    return outlook;
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
  const std::unique_ptr<storage::Connection> connection_ = ledger_.Connect();
};

TEST_F(ReratingsTest, U6_OneThatIsCanceledOnTheWayKeepsWhatItHasBookedAndTheNextGoesOn) {
  EngineOptions options = ledger_.Options();
  options.house_interval = absl::Hours(1);  // it begins nothing by itself
  const auto engine = ledger_.StartEngine(options);
  OpenWithCalls(*engine, 2, 30);
  ImportDeck(*engine, 3 * kNanosPerCent);
  Add(OrderOf("canceled"));
  // Another ledger has a page of it in hand: the first account's.
  const absl::Time now = ledger_.clock().Now();
  auto claimed = storage::ClaimRerating(*connection_, "other", now, now + absl::Seconds(30));
  ASSERT_TRUE(claimed.ok() && claimed->has_value());
  ReratingJob job = **claimed;
  const auto canceled =
      storage::CancelRerating(*connection_, "canceled", {"the wrong one", "ann", "t-1", "c"}, now);
  ASSERT_TRUE(canceled.ok() && canceled->has_value());
  EXPECT_TRUE((*canceled)->canceled);
  EXPECT_FALSE((*canceled)->done);
  EXPECT_EQ((*canceled)->canceled_by.actor, "ann");
  EXPECT_EQ((*canceled)->canceled_by.caller, "c");
  job.counts.looked_at = job.counts.changed = 30;
  job.place = {"a0", 31};
  job.done = true;  // were it the last page
  EXPECT_FALSE(*storage::SaveRerating(*connection_, job, now, now + absl::Seconds(30)))
      << "nothing more is begun of it";
  EXPECT_EQ(Get("canceled").counts.changed, 30) << "what was booked is told";
  EXPECT_EQ(Get("canceled").place.account_id, "a0");
  EXPECT_FALSE(Get("canceled").done);
  EXPECT_TRUE(Get("canceled").canceled);
  // A repeat changes nothing, and the next one has its turn.
  EXPECT_EQ((*storage::CancelRerating(*connection_, "canceled", {"again", "bob", ""}, now))
                ->canceled_by.actor,
            "ann");
  EXPECT_FALSE(*storage::IsReratingLeft(*connection_));
  Add(OrderOf("next"));
  engine->reratings().Announce();
  EXPECT_EQ(Await("next").counts.changed, 60);
  EXPECT_FALSE(Get("canceled").done) << "and it stays as it is";
  // One that is done stays done.
  EXPECT_TRUE((*storage::CancelRerating(*connection_, "next", {"late"}, now))->done);
  EXPECT_FALSE((*storage::CancelRerating(*connection_, "none", {"late"}, now)).has_value());
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(ReratingsTest, U6_ALedgerThatWorksOnOneStopsAfterItsPageOnceItIsCanceled) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 8, 300);  // five pages
  ImportDeck(*engine, 3 * kNanosPerCent);
  Add(OrderOf("stop"));
  engine->reratings().Announce();
  ASSERT_TRUE(WaitUntil([&] { return Get("stop").counts.looked_at > 0 || Get("stop").done; }));
  const auto stopped =
      storage::CancelRerating(*connection_, "stop", {"enough"}, ledger_.clock().Now());
  ASSERT_TRUE(stopped.ok());
  Add(OrderOf("next"));
  engine->reratings().Announce();
  const ReratingJob next = Await("next");
  EXPECT_EQ(next.counts.looked_at, 2'400);
  const ReratingJob stop = Get("stop");
  EXPECT_EQ(stop.counts.changed + next.counts.changed, 2'400)
      << "each usage was changed by one of them, and is counted there";
  EXPECT_NE(stop.done, stop.canceled) << "unless it was quicker";
}

TEST_F(ReratingsTest, U6_OnlyTheMonthsOfTheScopeAreReadAndNoUsageOfThemIsMissed) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "a0");
  std::vector<Order> orders;
  const absl::Time months[] = {TestNow() - absl::Hours(24 * 62), TestNow() - absl::Hours(24 * 31),
                               TestNow() - absl::Hours(1)};
  for (int i = 0; i < 3; ++i) {
    domain::Usage usage = Call(kUser, absl::StrCat("c", i), kDearNumber, 60);
    usage.start_time = months[i];
    orders.emplace_back("a0", RecordUsage{usage});
  }
  for (const auto& reply : AskAll(*engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  ImportDeck(*engine, 3 * kNanosPerCent);
  const auto looked_at = [&](absl::Time from, absl::Time to) {
    ReratingOrder order = OrderOf("r");
    order.scope.from = from;
    order.scope.to = to;
    return Preview(*engine, order).counts.looked_at;
  };
  EXPECT_EQ(looked_at(months[1], months[2]), 1);
  EXPECT_EQ(looked_at(months[0], months[2]), 2);
  EXPECT_EQ(looked_at(months[0], months[2] + absl::Seconds(1)), 3);
  EXPECT_EQ(looked_at(absl::InfinitePast(), months[1]), 1);
  EXPECT_EQ(looked_at(months[1] + absl::Seconds(1), absl::InfiniteFuture()), 1);
}

TEST_F(ReratingsTest, U6_AWrongDeckIsMadeGoodOverAllAccountsAsTheDryRunSaid) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 3, 40);
  ImportDeck(*engine, 3 * kNanosPerCent);
  const Outlook outlook = Preview(*engine, OrderOf("all"));
  EXPECT_EQ(outlook.counts.looked_at, 120);
  EXPECT_EQ(outlook.differences.size(), 120u);
  EXPECT_EQ(BalanceOf("a0"), 15 * kNanosPerUnit - 40 * (7 * kNanosPerCent)) << "nothing was done";

  Add(OrderOf("all"));
  engine->reratings().Announce();
  const ReratingJob done = Await("all");
  EXPECT_EQ(done.counts.changed, 120);
  EXPECT_EQ(done.counts.returned, outlook.counts.returned);
  EXPECT_EQ(done.counts.returned, 120 * (4 * kNanosPerCent));
  EXPECT_EQ(BalanceOf("a0"), 15 * kNanosPerUnit - 40 * (3 * kNanosPerCent));
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
  // Once it is done nothing more would come of it.
  EXPECT_TRUE(Preview(*engine, OrderOf("all")).differences.empty());
}

TEST_F(ReratingsTest, U6_TwoLedgersDoAReratingOnceAndInTheOrderInWhichTheyWereAskedFor) {
  const auto one = ledger_.StartEngine();
  OpenWithCalls(*one, 4, 300);
  ImportDeck(*one, 3 * kNanosPerCent);
  ImportDeck(*one, 5 * kNanosPerCent);
  const auto two = ledger_.StartEngine();
  Add(OrderOf("first", 2));
  Add(OrderOf("second", 3));
  EXPECT_EQ(Add(OrderOf("first", 2)).number, 1) << "it is there";
  EXPECT_EQ(Await("second").counts.changed, 1'200);
  EXPECT_EQ(Get("first").counts.changed, 1'200);
  EXPECT_EQ(Get("second").counts.charged, 1'200 * (2 * kNanosPerCent));
  EXPECT_EQ(ledger_.Audit().entries, 4 * (1 + 300 * 3));
}

TEST_F(ReratingsTest, U6_AnotherLedgerGoesOnWhereOneEndedAndNothingIsDoneTwice) {
  {
    const auto engine = ledger_.StartEngine();
    OpenWithCalls(*engine, 2, 900);
    ImportDeck(*engine, 3 * kNanosPerCent);
    Add(OrderOf("all"));
    engine->reratings().Announce();
    EXPECT_TRUE(WaitUntil([&] { return Get("all").counts.looked_at > 0; }));
  }
  // As one would find it that was killed in the middle of a page: behind what was done.
  ledger_.sql().Execute(
      "UPDATE reratings SET state = 1, at_account = '', at_seq = 0, looked_at = 0, changed = 0, "
      "returned_nanos = 0, lease_owner = 'killed', lease_end = '2026-01-01'");
  const auto next = ledger_.StartEngine();
  const ReratingJob done = Await("all");
  EXPECT_EQ(done.counts.changed, 1'800);
  EXPECT_EQ(done.counts.returned, 1'800 * (4 * kNanosPerCent));
  EXPECT_EQ(ledger_.Audit().entries, 2 * (1 + 900 * 2));
}

TEST_F(ReratingsTest, U6_ALedgerThatWasFrozenWithAPageInHandDoesNothingWithItLater) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 1, 1);
  ImportDeck(*engine, 3 * kNanosPerCent);
  ReratingJob job;
  job.number = 1;
  job.order = OrderOf("late");
  RerateUsage command = book::CommandFor(job, "c0", 0);
  command.not_after = ledger_.clock().Now() - absl::Seconds(1);
  EXPECT_TRUE(absl::IsUnavailable(Ask<RerateReply>(*engine, "a0", command).status()));
  EXPECT_EQ(BalanceOf("a0"), 15 * kNanosPerUnit - 7 * kNanosPerCent);
}

TEST_F(ReratingsTest, U6_TheScopeIsKept) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 2, 2);
  domain::Usage early = Call(kUser, "early", kDearNumber, 60);
  early.start_time -= absl::Hours(48);
  ASSERT_TRUE(Ask<UsageReply>(*engine, "a0", RecordUsage{early}).ok());
  ASSERT_TRUE(Ask<UsageReply>(*engine, "a0",
                              RecordUsage{Call(kUnlimitedUser, "unlimited", kDearNumber, 60)})
                  .ok());
  ASSERT_TRUE(
      Ask<UsageReply>(*engine, "a0", RecordUsage{Call(kUser, "us", kStandardNumber, 60)}).ok());
  ImportDeck(*engine, 3 * kNanosPerCent);
  const auto looked_at = [&](auto set) {
    ReratingOrder order = OrderOf("x");
    set(&order.scope);
    return Preview(*engine, order).counts.looked_at;
  };
  EXPECT_EQ(looked_at([](book::ReratingScope*) {}), 6);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->account_id = "a1"; }), 2);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->currency = "EUR"; }), 0);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->from -= absl::Hours(48); }), 7);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->to = TestNow() - absl::Hours(1); }), 0);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->prefix = "4420"; }), 5);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) { s->plan_id = "unlimited"; }), 1);
  EXPECT_EQ(looked_at([](book::ReratingScope* s) {
              s->account_id = "a0";
              s->user_id = kUnlimitedUser;
            }),
            1);
}

TEST_F(ReratingsTest, U7_AReplayGivesBackWhatAWrongRecordTookInTheOrderOfFirstRating) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "acme");
  const auto record = [&](const std::string& id, int64_t seconds) {
    ASSERT_TRUE(
        Ask<UsageReply>(*engine, "acme", RecordUsage{Call(kUser, id, kStandardNumber, seconds)})
            .ok());
  };
  record("wrong", 18'000);
  record("a", 6'000);
  record("b", 6'000);
  record("c", 12'000);
  const auto voided = Ask<VoidReply>(*engine, "acme", VoidUsage{"wrong", false, {"wrong"}});
  ASSERT_TRUE(voided.ok());
  const auto paid = storage::PaidSecondsSince(*connection_, "acme", kUser, voided->free_period,
                                              voided->usage_seq);
  ASSERT_TRUE(paid.ok()) << paid.status();
  EXPECT_EQ(*paid, 24'000);
  ReratingOrder order = OrderOf("replay");
  order.scope.account_id = "acme";
  order.scope.user_id = kUser;
  order.prices = PricesBy::kOwnDeck;
  order.deck_version = 0;
  const Outlook outlook = Preview(*engine, order);
  EXPECT_EQ(outlook.differences.size(), 3u);
  Add(order);
  engine->reratings().Announce();
  const ReratingJob done = Await("replay");
  EXPECT_EQ(done.counts.changed, 3);
  EXPECT_EQ(done.counts.passed_over, 1) << "the voided one";
  EXPECT_EQ(done.counts.returned, outlook.counts.returned);
  // 18,000 of 24,000 s are free: 6,000 s at $0.01 a minute are paid.
  EXPECT_EQ(BalanceOf("acme"), 15 * kNanosPerUnit - kNanosPerUnit);
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(ReratingsTest, U4_EachRatingOfAUsageIsFoundInItsOrder) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 1, 2);
  domain::Usage late = Call(kUser, "late", kDearNumber, 60);
  late.start_time -= absl::Hours(24 * 40);
  ASSERT_TRUE(Ask<UsageReply>(*engine, "a0", RecordUsage{late}).ok());
  ImportDeck(*engine, 30 * kNanosPerCent);
  ImportDeck(*engine, 50 * kNanosPerCent);
  RerateBy(*engine, "a0", 2);
  RerateBy(*engine, "a0", 3);
  ASSERT_TRUE(Ask<VoidReply>(*engine, "a0", VoidUsage{"c0", false, {"wrong"}}).ok());
  const auto states = storage::LoadUsageStates(*connection_, {{"a0", "c0"}, {"a0", "c1"}});
  ASSERT_TRUE(states.ok() && states->size() == 2) << states.status();
  const auto ratings = storage::LoadRatings(*connection_, "a0", {&(*states)[0], &(*states)[1]});
  ASSERT_TRUE(ratings.ok()) << ratings.status();
  ASSERT_EQ(ratings->size(), 4u) << "and none of the call of another month";
  std::map<std::string, std::vector<std::pair<int64_t, Nanos>>> by_usage;
  for (const domain::Entry& entry : *ratings) {
    by_usage[domain::UsageIdOf(entry)].emplace_back(entry.booked->rating.deck_version,
                                                    entry.booked->rating.cost);
  }
  for (const std::string id : {"c0", "c1"}) {
    EXPECT_THAT(by_usage[id], ElementsAre(std::pair(int64_t{2}, 30 * kNanosPerCent),
                                          std::pair(int64_t{3}, 50 * kNanosPerCent)))
        << id;
  }
}

TEST_F(ReratingsTest, U7_WhatWasPaidForSinceGoesByTheLatestRatingOfEachUsage) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "acme");
  const auto record = [&](const std::string& id, const std::string& to, int64_t seconds) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, "acme", RecordUsage{Call(kUser, id, to, seconds)}).ok());
  };
  record("before", kDearNumber, 300);
  record("wrong", kStandardNumber, 18'000);
  record("us", kStandardNumber, 6'000);
  record("britain", kDearNumber, 600);
  record("voided", kStandardNumber, 60);
  ASSERT_TRUE(Ask<VoidReply>(*engine, "acme", VoidUsage{"voided", false, {"twice"}}).ok());
  const auto paid = [&](const VoidReply& voided) {
    const auto seconds =
        storage::PaidSecondsSince(*connection_, "acme", voided.user_id, voided.free_period,
                                  voided.usage_seq, voided.corrected_by);
    EXPECT_TRUE(seconds.ok()) << seconds.status();
    return seconds.value_or(-1);
  };
  const auto corrected = Ask<CorrectionReply>(
      *engine, "acme",
      CorrectUsage{{"wrong"}, Call(kUser, "wrong-b", kStandardNumber, 20'400), {"wrong CDR"}});
  ASSERT_TRUE(corrected.ok()) << corrected.status();
  EXPECT_EQ(corrected->voided->corrected_by, "wrong-b");
  EXPECT_EQ(paid(*corrected->voided), 6'000) << "without its own 2,400, and what was voided";
  const auto again = Ask<VoidReply>(*engine, "acme", VoidUsage{"wrong", false, {"again"}});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->already_voided);
  EXPECT_EQ(paid(*again), 6'000) << "the same when it is asked for again";
  // Now the United States are dear, and Britain is standard.
  ImportDeckOf(*engine, "1", 50 * kNanosPerCent);
  ImportDeck(*engine, kNanosPerCent);
  RerateBy(*engine, "acme", 2);
  EXPECT_EQ(paid(*corrected->voided), 0) << "a dear call never was the allowance's";
  ASSERT_TRUE(Ask<VoidReply>(*engine, "acme", VoidUsage{"wrong-b", false, {"wrong"}}).ok());
  record("fills it", kStandardNumber, 18'000);
  RerateBy(*engine, "acme", 3);
  EXPECT_EQ(paid(*corrected->voided), 900) << "what is paid for by a rating since, whenever booked";
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(ReratingsTest, U7_WhatWasPaidForSinceIsSummedHoweverMuchItIs) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "acme");
  ASSERT_TRUE(
      Ask<UsageReply>(*engine, "acme", RecordUsage{Call(kUser, "wrong", kStandardNumber, 18'000)})
          .ok());
  constexpr int kPart = 2'020;  // more than fit are refused as OVERLOADED
  for (int part = 0; part < 5; ++part) {
    std::vector<Order> orders;
    for (int i = 0; i < kPart; ++i) {
      orders.emplace_back(
          "acme", RecordUsage{Call(kUser, absl::StrCat(part, "-", i), kStandardNumber, 60)});
    }
    for (const auto& reply : AskAll(*engine, orders)) ASSERT_TRUE(reply.ok()) << reply.status();
  }
  const auto voided = Ask<VoidReply>(*engine, "acme", VoidUsage{"wrong", false, {"wrong"}});
  ASSERT_TRUE(voided.ok());
  EXPECT_EQ(*storage::PaidSecondsSince(*connection_, "acme", kUser, voided->free_period,
                                       voided->usage_seq),
            5 * kPart * 60);
}

TEST_F(ReratingsTest, K3_WhatIsUnratedIsRatedByANamedDeckOnceThoughItsNewEntryIsMetToo) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "acme");
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(Ask<UsageReply>(*engine, "acme",
                                RecordUsage{Call(kUser, absl::StrCat("u", i), "33155501234", 60)})
                    .ok());
  }
  rates::DeckHeader header;
  header.name = "france";
  header.currency = "USD";
  header.effective_time = ledger_.clock().Now() + absl::Hours(1);
  header.import_time = ledger_.clock().Now();
  header.content_digest = "france";
  rates::RateRow row;
  row.prefix = "33";
  row.price = kNanosPerCent * 5;
  ASSERT_TRUE(engine->queries()
                  .Run([&](storage::Connection& connection) {
                    return ImportInForce(*engine, connection, header, {row}).status();
                  })
                  .ok());
  ReratingOrder order = OrderOf("france");
  order.include_unrated = true;
  EXPECT_EQ(Preview(*engine, order).counts.charged, 600 * (5 * kNanosPerCent));
  Add(order);
  engine->reratings().Announce();
  const ReratingJob done = Await("france");
  EXPECT_EQ(done.counts.looked_at, 600);
  EXPECT_EQ(done.counts.changed, 600);
  EXPECT_EQ(done.counts.charged, 600 * (5 * kNanosPerCent));
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(ReratingsTest, G12_ADearerDeckOverManyAccountsChargesNobodyByItself) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 5, 40);
  ImportDeck(*engine, 50 * kNanosPerCent);
  const Outlook outlook = Preview(*engine, OrderOf("dear"));
  EXPECT_EQ(outlook.consequences.accounts, 5);
  EXPECT_EQ(outlook.consequences.below_zero, 5);  // 15 - 40 * 0.50
  EXPECT_EQ(outlook.consequences.recharges, 5);
  EXPECT_EQ(outlook.consequences.recharged, 5 * (15 * kNanosPerUnit));
  Add(OrderOf("dear"));
  engine->reratings().Announce();
  Await("dear");
  for (int i = 0; i < 5; ++i) {
    const domain::Account account = ledger_.Account(absl::StrCat("a", i));
    EXPECT_EQ(account.balance, -5 * kNanosPerUnit);
    EXPECT_EQ(account.open_ordinal, 0);
    EXPECT_EQ(account.state, domain::AccountState::kActive);
  }
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

TEST_F(ReratingsTest, U6_WhereTheCommandSaysSoADearerDeckOpensRecharges) {
  const auto engine = ledger_.StartEngine();
  OpenWithCalls(*engine, 1, 40);
  ImportDeck(*engine, 20 * kNanosPerCent);
  ReratingOrder order = OrderOf("dear");
  order.may_recharge = true;
  Add(order);
  engine->reratings().Announce();
  Await("dear");
  EXPECT_EQ(ledger_.Account("a0").open_ordinal, 2);
  EXPECT_EQ(ledger_.Audit().difference_count, 0);
}

}  // namespace
}  // namespace reserve::engine
