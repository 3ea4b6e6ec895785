// Decks come into force, and go (K1, K2): by one ledger, for all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "services/ledger/engine/deck_activation.h"
#include "services/ledger/storage/activation_rows.h"
#include "services/ledger/storage/deck_rows.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using rates::ActivationStage;
using rates::DeckActivation;
using test_support::WaitUntil;

constexpr Nanos kOldCost = 7 * kNanosPerCent;   // of a minute to kDearNumber, by the harness' deck
constexpr Nanos kNewCost = 50 * kNanosPerCent;  // by the other one

class DeckTimelineTest : public testing::Test {
 protected:
  // Two ledgers that read the timeline only when somebody needs it.
  DeckTimelineTest() {
    EngineOptions options = ledger_.Options();
    options.house_interval = absl::Hours(1);
    one_ = ledger_.StartEngine(options);
    other_ = ledger_.StartEngine(options);
    OpenFunded(*one_, kAccount);
  }

  ~DeckTimelineTest() override { ledger_.Audit(); }

  absl::Time Now() { return ledger_.clock().Now(); }
  TestClock& clock() { return ledger_.clock(); }

  // A deck by which calls to kDearNumber cost kNewCost; its version.
  int64_t ImportDraft(const std::string& series = "standard", Nanos price = kNewCost) {
    rates::DeckHeader header;
    header.name = absl::StrCat("deck-", ++decks_);
    header.currency = "USD";
    header.series = series;
    header.effective_time = header.import_time = Now();
    const auto connection = ledger_.Connect();
    const auto imported = one_->ImportDeck(
        *connection, header, {{rates::RateKind::kCall, "44", "", "Britain", price, 0, 60, 60}});
    EXPECT_TRUE(imported.ok()) << imported.status();
    return imported.ok() ? imported->header.version : 0;
  }

  ActivationOrder OrderFor(int64_t version, std::optional<absl::Time> from = std::nullopt,
                           bool backdate = false) {
    ActivationOrder order;
    order.deck_version = version;
    order.from = from;
    order.backdate = backdate;
    order.request_id = absl::StrCat("activation-", ++activations_);
    order.digest = "digest";
    return order;
  }

  absl::StatusOr<DeckActivation> Activate(const ActivationOrder& order) {
    const auto connection = ledger_.Connect();
    return one_->ActivateDeck(*connection, order);
  }

  absl::Status Retire(int64_t version, const RetirementOrder& order = {}) {
    const auto connection = ledger_.Connect();
    return one_->RetireDeck(*connection, version, order);
  }

  // What a minute that began then costs, booked there.
  static absl::StatusOr<UsageReply> Record(Engine& engine, const std::string& usage_id,
                                           absl::Time start, const char* user = kUser) {
    domain::Usage call = Call(user, usage_id, kDearNumber, 60);
    call.start_time = start;
    return Ask<UsageReply>(engine, kAccount, RecordUsage{call});
  }

  Nanos Cost(Engine& engine, absl::Time start, const char* user = kUser) {
    const auto booked = Record(engine, absl::StrCat("usage-", ++usages_), start, user);
    EXPECT_TRUE(booked.ok()) << booked.status();
    return booked.ok() ? booked->cost : -1;
  }

  const storage::SqlThread sql_thread_;
  Ledger ledger_;
  std::unique_ptr<Engine> one_;
  std::unique_ptr<Engine> other_;
  int decks_ = 0;
  int activations_ = 0;
  int usages_ = 0;
};

TEST_F(DeckTimelineTest, K1_ADraftPricesNothingUntilItIsActivated) {
  const int64_t draft = ImportDraft();
  EXPECT_EQ(Cost(*one_, Now()), kOldCost);
  EXPECT_EQ(one_->catalog()->decks->ByVersion(draft), nullptr) << "it takes no memory";
  const auto activation = Activate(OrderFor(draft));
  ASSERT_TRUE(activation.ok()) << activation.status();
  EXPECT_EQ(activation->from, Now() + rates::kActivationMargin);
  EXPECT_FALSE(activation->backdated);
  clock().Advance(absl::Seconds(3));
  EXPECT_EQ(Cost(*one_, Now()), kNewCost);
}

TEST_F(DeckTimelineTest, K2_AUsageIsPricedByTheDeckInForceAtItsStartWhicheverLedgerBooksIt) {
  // The other ledger has read the timeline, and knows nothing of what comes now.
  EXPECT_EQ(Cost(*other_, Now()), kOldCost);
  const auto activation = Activate(OrderFor(ImportDraft()));
  ASSERT_TRUE(activation.ok()) << activation.status();
  const absl::Time from = activation->from;
  const std::vector<absl::Time> starts = {from - absl::Seconds(1), from - absl::Microseconds(1),
                                          from, from + absl::Microseconds(1),
                                          from + absl::Seconds(1)};
  for (int second = 0; second < 5; ++second) {
    for (const absl::Time start : starts) {
      for (Engine* engine : {one_.get(), other_.get()}) {
        const auto booked = Record(*engine, absl::StrCat("at-", ++usages_), start);
        if (start > Now() + rates::kTimelineHolds) {
          EXPECT_EQ(ReasonOf(booked.status()), "RATE_TIMELINE_NOT_READ") << booked.status();
          EXPECT_TRUE(RetryAfterOf(booked.status()).has_value());
          continue;
        }
        ASSERT_TRUE(booked.ok()) << booked.status();
        EXPECT_EQ(booked->cost, start < from ? kOldCost : kNewCost)
            << "second " << second << ", " << start - from << " from the change";
      }
    }
    clock().Advance(absl::Seconds(1));
  }
}

TEST_F(DeckTimelineTest, K2_ALedgerThatHasNotReadForTooLongReadsBeforeItPrices) {
  EXPECT_EQ(Cost(*other_, Now()), kOldCost);
  const auto activation =
      Activate(OrderFor(ImportDraft(), Now() - absl::Hours(1), /*backdate=*/true));
  ASSERT_TRUE(activation.ok()) << activation.status();
  EXPECT_EQ(Cost(*one_, Now()), kNewCost) << "it knows what it has done itself";
  const Moment begin = MonotonicNow();
  EXPECT_TRUE(WaitUntil([&] { return Cost(*other_, Now()) == kNewCost; }));
  EXPECT_LT(MonotonicNow() - begin, absl::Seconds(5));
}

TEST_F(DeckTimelineTest, K2_WhileTheTimelineCantBeReadOnlyWhatNeedsAPriceWaits) {
  ledger_.sql().Execute("RENAME TABLE rate_activations TO activations_elsewhere");
  absl::StatusOr<UsageReply> priced;
  EXPECT_TRUE(WaitUntil([&] {
    priced = Record(*other_, absl::StrCat("usage-", ++usages_), Now());
    return !priced.ok();
  }));
  EXPECT_EQ(ReasonOf(priced.status()), "RATE_TIMELINE_NOT_READ") << priced.status();
  const std::string waits = absl::StrCat("usage-", usages_);
  EXPECT_TRUE(Ask<UserReply>(*other_, kAccount, PutUser{"w", ""}).ok());
  ledger_.sql().Execute("RENAME TABLE activations_elsewhere TO rate_activations");
  EXPECT_TRUE(WaitUntil([&] { return Record(*other_, waits, Now()).ok(); }));
}

TEST_F(DeckTimelineTest, K2_ANearerTimeNeedsBackdateAndLeavesWhatIsBookedAsItIs) {
  const int64_t draft = ImportDraft();
  for (const absl::Duration ahead :
       {absl::Seconds(3) - absl::Microseconds(1), absl::ZeroDuration(), -absl::Hours(48)}) {
    const absl::Status refused = Activate(OrderFor(draft, Now() + ahead)).status();
    EXPECT_EQ(ReasonOf(refused), "BACKDATE_NEEDED") << refused;
    EXPECT_EQ(FieldOf(refused), "backdate");
  }
  const auto booked = Record(*one_, "before", Now());
  ASSERT_TRUE(booked.ok()) << booked.status();
  const auto activation = Activate(OrderFor(draft, Now() - absl::Hours(48), /*backdate=*/true));
  ASSERT_TRUE(activation.ok()) << activation.status();
  EXPECT_TRUE(activation->backdated);
  EXPECT_EQ(Cost(*one_, Now() - absl::Hours(1)), kNewCost);
  EXPECT_EQ(Cost(*one_, Now() - absl::Hours(49)), kOldCost);
  const auto repeat = Record(*one_, "before", Now());
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->duplicate);
  EXPECT_EQ(repeat->cost, kOldCost);
}

TEST_F(DeckTimelineTest, K1_GoingBackIsOneCall) {
  const int64_t draft = ImportDraft();
  ASSERT_TRUE(Activate(OrderFor(draft)).ok());
  clock().Advance(absl::Seconds(10));
  EXPECT_EQ(Cost(*other_, Now()), kNewCost);
  const absl::Time between = Now();
  ASSERT_TRUE(Activate(OrderFor(1)).ok());
  clock().Advance(absl::Seconds(10));
  EXPECT_EQ(Cost(*other_, Now()), kOldCost);
  EXPECT_EQ(Cost(*other_, between), kNewCost) << "that start is still of the other deck";
}

TEST_F(DeckTimelineTest, ARequestIsDoneOnceAndItsIdIsForNothingElse) {
  const int64_t draft = ImportDraft();
  ActivationOrder order = OrderFor(draft);
  const auto first = Activate(order);
  ASSERT_TRUE(first.ok()) << first.status();
  clock().Advance(absl::Seconds(1));
  const auto again = Activate(order);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *first);
  order.digest = "another request";
  EXPECT_EQ(ReasonOf(Activate(order).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(Activate(OrderFor(99)).status()), "RATE_DECK_NOT_FOUND");
}

// The ledger that was asked ended between the writing and the deciding.
TEST_F(DeckTimelineTest, K2_WhatWasLeftPreparedIsGoneOnWithOrMissesItsTime) {
  DeckActivation left;
  left.deck_version = ImportDraft();
  left.currency = "USD";
  left.series = "standard";
  left.from = Now() + rates::kActivationMargin;
  left.write_time = Now();
  left.stage = ActivationStage::kPrepared;
  left.request_id = "left";
  left.digest = "digest";
  const auto connection = ledger_.Connect();
  left.number = 2;
  ASSERT_TRUE(storage::AddActivation(*connection, left).ok());
  ActivationOrder order = OrderFor(left.deck_version);
  order.request_id = "left";
  const auto gone_on = Activate(order);
  ASSERT_TRUE(gone_on.ok()) << gone_on.status();
  EXPECT_EQ(gone_on->from, left.from);
  EXPECT_EQ(gone_on->stage, ActivationStage::kCounts);

  left.deck_version = 1;
  left.number = 3;
  left.request_id = "left again";
  left.from = Now() + rates::kActivationMargin + absl::Seconds(10);
  ASSERT_TRUE(storage::AddActivation(*connection, left).ok());
  clock().Advance(absl::Seconds(20));
  const auto undecided = Record(*other_, "undecided", Now());
  EXPECT_EQ(ReasonOf(undecided.status()), "RATE_TIMELINE_NOT_READ") << undecided.status();
  const auto keeper = ledger_.StartEngine();  // with a housekeeping
  absl::StatusOr<UsageReply> booked;
  EXPECT_TRUE(WaitUntil([&] { return (booked = Record(*keeper, "undecided", Now())).ok(); }));
  EXPECT_EQ(booked->cost, kNewCost) << "the other one never came into force";
  EXPECT_FALSE(storage::FindActivation(*connection, "left again")->has_value())
      << "the same request can be tried again";
}

TEST_F(DeckTimelineTest, K2_WhatIsCommittedTooLateNeverCounts) {
  const int64_t draft = ImportDraft();
  const auto connection = ledger_.Connect();
  // Each look at the clock is so much later than the one before.
  absl::Duration pause = absl::Milliseconds(1'100);
  const CatalogKeeper::DatabaseClock slow = [&](storage::Connection&) {
    clock().Advance(pause);
    return Now();
  };
  const absl::Status refused = engine::Activate(*connection, slow, OrderFor(draft)).status();
  EXPECT_EQ(ReasonOf(refused), "ACTIVATION_TOO_SLOW") << refused;
  EXPECT_TRUE(absl::IsUnavailable(refused));
  pause = absl::Milliseconds(900);
  const auto in_time = engine::Activate(*connection, slow, OrderFor(draft));
  ASSERT_TRUE(in_time.ok()) << in_time.status();
  const auto stored = storage::LoadActivations(*connection);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->size(), 5u);
  EXPECT_EQ(stored->back(), *in_time);
  const rates::Timeline timeline(*stored);
  EXPECT_EQ(timeline.activations().size(), 2u);
  EXPECT_EQ(timeline.VersionAt("USD", "standard", in_time->from), draft);
  EXPECT_EQ(timeline.VersionAt("USD", "standard", in_time->from - absl::Microseconds(1)), 1);
}

TEST_F(DeckTimelineTest, K3_AnUnratedUsageIsRatedWhenTheTimelinePricesItsStart) {
  const auto keeper = ledger_.StartEngine();  // with a housekeeping
  domain::Usage call = Call(kUser, "elsewhere", "99955501234", 60);
  const auto unrated = Ask<UsageReply>(*keeper, kAccount, RecordUsage{call});
  ASSERT_TRUE(unrated.ok()) << unrated.status();
  EXPECT_EQ(unrated->status, domain::UsageStatus::kUnrated);
  rates::DeckHeader header;
  header.name = "more";
  header.currency = "USD";
  header.effective_time = header.import_time = Now();
  const auto connection = ledger_.Connect();
  const auto imported = keeper->ImportDeck(
      *connection, header, {{rates::RateKind::kCall, "999", "", "", kNewCost, 0, 60, 60}});
  ASSERT_TRUE(imported.ok()) << imported.status();
  ASSERT_TRUE(keeper
                  ->ActivateDeck(*connection, OrderFor(imported->header.version,
                                                       Now() - absl::Hours(1), /*backdate=*/true))
                  .ok());
  EXPECT_TRUE(WaitUntil([&] {
    return Ask<UsageReply>(*keeper, kAccount, RecordUsage{call})->status ==
           domain::UsageStatus::kRated;
  }));
}

TEST_F(DeckTimelineTest, K1_APlanIsPricedByTheDecksOfItsSeries) {
  ledger_.sql().Execute(
      "INSERT INTO plans (plan_id,standard_calls,free_seconds,bucket_reset,"
      "default_reserve_amount_nanos,series) VALUES ('resold', 1, 0, 1, 0, 'reseller')");
  ASSERT_TRUE(Ask<UserReply>(*one_, kAccount, PutUser{"r", "resold"}).ok());
  const auto without = Record(*one_, "without", Now(), "r");
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->unrated_reason, domain::UnratedReason::kNoDeck);
  ASSERT_TRUE(Activate(OrderFor(ImportDraft("reseller"), Now() - absl::Hours(1), true)).ok());
  EXPECT_EQ(Cost(*one_, Now(), "r"), kNewCost);
  EXPECT_EQ(Cost(*one_, Now()), kOldCost) << "a plan of the standard series";
  OpenAccount open = OpenWithCard();
  open.plan_id = "resold";
  open.currency = "USD";
  EXPECT_TRUE(Ask<domain::Account>(*one_, "reseller", open).ok());
}

// --- Retiring -------------------------------------------------------------------------

TEST_F(DeckTimelineTest, K1_ADeckIsRetiredOnceNoStartCanNeedIt) {
  EngineOptions options = ledger_.Options();
  options.settings.max_usage_age = absl::Hours(24);
  one_ = ledger_.StartEngine(options);
  const int64_t second = ImportDraft();
  EXPECT_EQ(ReasonOf(Retire(1)), "RATE_DECK_NEEDED") << "it is in force";
  ASSERT_TRUE(Activate(OrderFor(second, Now() + absl::Hours(1))).ok());
  EXPECT_EQ(ReasonOf(Retire(second)), "RATE_DECK_NEEDED") << "it will be";
  clock().Advance(absl::Hours(2));
  EXPECT_EQ(ReasonOf(Retire(1)), "RATE_DECK_NEEDED") << "a usage of before may come late";
  clock().Advance(absl::Hours(24 * 60));
  EXPECT_TRUE(Retire(1).ok());
  EXPECT_TRUE(Retire(1).ok()) << "a repeat";
  EXPECT_EQ(ReasonOf(Retire(99)), "RATE_DECK_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Activate(OrderFor(1)).status()), "RATE_DECK_RETIRED");
  EXPECT_EQ(one_->catalog()->decks->ByVersion(1), nullptr) << "it leaves the memory";
  ASSERT_NE(one_->catalog()->FindHeader(1), nullptr);
  EXPECT_EQ(one_->catalog()->timeline->RetireTimeOf(1), Now());
  const auto connection = ledger_.Connect();
  EXPECT_EQ(storage::LoadDeckRows(*connection, 1)->size(), 6u) << "and stays readable";
}

TEST_F(DeckTimelineTest, ARetirementIsDoneOnceAndItsIdIsForNothingElse) {
  const int64_t draft = ImportDraft();
  const int64_t other = ImportDraft();
  const RetirementOrder order = {"retire", "that draft", {"a typo", "jo", "T-7"}};
  ASSERT_TRUE(Retire(draft, order).ok());
  const auto retired = one_->catalog()->timeline->RetireTimeOf(draft);
  ASSERT_TRUE(retired.has_value());
  clock().Advance(absl::Hours(1));
  EXPECT_TRUE(Retire(draft, order).ok()) << "a repeat";
  EXPECT_EQ(ledger_.sql().QueryText("SELECT GROUP_CONCAT(CONCAT(deck_version, reason, actor, "
                                    "reference)) FROM rate_activations WHERE stage = 4"),
            absl::StrCat(draft, "a typojoT-7"));
  EXPECT_EQ(ReasonOf(Retire(other, {"retire", "the other draft"})), "REQUEST_ID_REUSED");
  ActivationOrder activation = OrderFor(other);
  ASSERT_TRUE(Activate(activation).ok());
  EXPECT_EQ(ReasonOf(Retire(draft, {activation.request_id, "that draft"})), "REQUEST_ID_REUSED");
  activation.request_id = "retire";
  EXPECT_EQ(ReasonOf(Activate(activation).status()), "REQUEST_ID_REUSED");
  EXPECT_TRUE(Retire(draft, {"again", "that draft"}).ok()) << "it stays retired";
  EXPECT_EQ(one_->catalog()->timeline->RetireTimeOf(draft), retired);
}

TEST_F(DeckTimelineTest, K1_ARetiredDeckImportedAgainIsAnother) {
  const int64_t draft = ImportDraft();
  ASSERT_TRUE(Retire(draft).ok()) << "a draft is needed by nobody";
  --decks_;
  const int64_t again = ImportDraft();
  EXPECT_NE(again, draft);
  --decks_;
  EXPECT_EQ(ImportDraft(), again);
}

}  // namespace
}  // namespace reserve::engine
