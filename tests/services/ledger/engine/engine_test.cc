#include "services/ledger/engine/engine.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error/error.h"
#include "common/error/retry_after.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/ledger/engine/harness.h"
#include "tests/support/wait_until.h"

namespace reserve::engine {
namespace {

using domain::AccountState;
using domain::Decision;
using test_support::WaitUntil;

std::string ReasonFor(const absl::StatusOr<Reply>& reply) {
  return reply.ok() ? "OK" : ReasonOf(reply.status());
}

RecordUsage Record(const domain::Usage& usage) { return RecordUsage{usage}; }

class EngineTest : public testing::Test {
 protected:
  // Waits until a session of this schema runs a statement with `text`; its id.
  int64_t SessionThatRuns(const std::string& text) {
    int64_t id = 0;
    EXPECT_TRUE(WaitUntil([&] {
      const auto rows = ledger_.sql().Query(absl::StrCat(
          "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> "
          "CONNECTION_ID() AND info LIKE '%",
          text, "%' AND info NOT LIKE '%processlist%'"));
      if (rows.size() != 1) return false;
      id = std::stoll(rows[0][0]);
      return true;
    }));
    return id;
  }

  Ledger ledger_;
};

TEST_F(EngineTest, AnAccountLivesThroughItsDay) {
  const auto engine = ledger_.StartEngine();
  const auto opened = Ask<domain::Account>(*engine, kAccount, OpenWithCard());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->state, AccountState::kPendingFunding);
  EXPECT_EQ(opened->open_ordinal, 1);
  ASSERT_TRUE(Ask<UserReply>(*engine, kAccount, PutUser{kUser, ""}).ok());

  const AuthorizeUsage question{Call(kUser, "", kStandardNumber, 0)};
  auto answer = Ask<AuthorizeReply>(*engine, kAccount, question);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->authorization.decision, Decision::kPendingFunding);

  const auto funded = Ask<RechargeReply>(*engine, kAccount, Succeeded(1, 15 * kNanosPerUnit));
  ASSERT_TRUE(funded.ok()) << funded.status();
  EXPECT_FALSE(funded->already_applied);
  answer = Ask<AuthorizeReply>(*engine, kAccount, question);
  EXPECT_EQ(answer->authorization.decision, Decision::kAllowed);
  EXPECT_EQ(answer->authorization.free_seconds_left, 18'000);
  EXPECT_EQ(answer->price, 10'000'000);

  const auto booked =
      Ask<UsageReply>(*engine, kAccount, Record(Call(kUser, "c1", kDearNumber, 6000)));
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->cost, 6'010'000'000);
  EXPECT_EQ(booked->balance_after, 8'990'000'000);
  // Below the threshold: a recharge is open in the same transaction (G1).
  domain::Account account = ledger_.Account(kAccount);
  EXPECT_EQ(account.open_ordinal, 2);
  EXPECT_EQ(account.balance, 8'990'000'000);
  // As if a worker had been given it (G8).
  ledger_.sql().Execute("UPDATE recharges SET attempt_start = create_time WHERE ordinal = 2");
  const auto busy = Ask<RechargeReply>(*engine, kAccount, RequestRecharge{"top-1", {}, ""});
  EXPECT_EQ(ReasonOf(busy.status()), "RECHARGE_IN_FLIGHT");

  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, Succeeded(2, 15 * kNanosPerUnit)).ok());
  const auto again = Ask<RechargeReply>(*engine, kAccount, Succeeded(2, 15 * kNanosPerUnit));
  EXPECT_TRUE(again->already_applied);
  EXPECT_EQ(ledger_.Account(kAccount).balance, 23'990'000'000);

  const auto blocked = Ask<domain::Account>(*engine, kAccount, BlockAccount{{"fraud"}});
  EXPECT_TRUE(blocked->blocked());
  EXPECT_EQ(Ask<AuthorizeReply>(*engine, kAccount, question)->authorization.decision,
            Decision::kAccountBlocked);
  EXPECT_FALSE(Ask<domain::Account>(*engine, kAccount, UnblockAccount{{"cleared"}})->blocked());
  UpdateBillingSettings settings;
  settings.change.reserve_amount = 20 * kNanosPerUnit;
  EXPECT_EQ(Ask<domain::Account>(*engine, kAccount, settings)->reserve_amount, 20 * kNanosPerUnit);
  const auto card = Ask<PaymentMethodReply>(
      *engine, kAccount, UpdatePaymentMethod{"", "", {{CardToken("tok_2"), "fp_2"}}});
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(card->method.card.token.Reveal(), "tok_2");
  EXPECT_EQ(card->position, 1);
  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, RequestRecharge{"top-2", {}, ""}).ok());
  EXPECT_EQ(ledger_.Audit().entries, 3);
}

TEST_F(EngineTest, AHardDeclineDisablesAndANewCardBringsBack) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ASSERT_NO_FATAL_FAILURE(Spend(*engine, kAccount, 15 * kNanosPerUnit));
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kActive);  // D2
  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, Declined(2, domain::DeclineClass::kHard)).ok());
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kDisabled);  // D1
  ledger_.Audit();
  const auto card = Ask<PaymentMethodReply>(*engine, kAccount,
                                            UpdatePaymentMethod{"", "", {{CardToken("t2"), "f2"}}});
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(ledger_.Account(kAccount).open_ordinal, 3);
  const Nanos amount = 15 * kNanosPerUnit;
  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, Succeeded(3, amount)).ok());
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kActive);
  ledger_.Audit();
}

TEST_F(EngineTest, RefusalsNameWhatIsMissing) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  OpenAccount odd_plan = OpenWithCard();
  odd_plan.plan_id = "none";
  OpenAccount other = OpenWithCard();
  other.digest = "other";
  domain::Usage too_old = Call(kUser, "3", kStandardNumber, 1);
  too_old.start_time -= absl::Hours(24 * 10'000);
  const std::vector<absl::StatusOr<Reply>> replies =
      AskAll(*engine, {{"nobody", Record(Call(kUser, "1", kStandardNumber, 1))},
                       {kAccount, VoidUsage{"2", false, {"x"}}},
                       {kAccount, Record(too_old)},
                       {kAccount, PutUser{"w", "none"}},
                       {"other", odd_plan},
                       {kAccount, other},
                       {kAccount, OpenWithCard()},
                       {kAccount, Succeeded(7, 1)},
                       {kAccount, AdjustBalance{"r", 1, {"x"}, "EUR"}}});
  const char* const expected[] = {"ACCOUNT_NOT_FOUND",
                                  "USAGE_NOT_FOUND",
                                  "USAGE_TOO_OLD",
                                  "PLAN_NOT_FOUND",
                                  "PLAN_NOT_FOUND",
                                  "ACCOUNT_EXISTS",
                                  "OK",
                                  "RECHARGE_NOT_FOUND",
                                  "INVALID_FIELD"};
  for (size_t i = 0; i < replies.size(); ++i) {
    EXPECT_EQ(ReasonFor(replies[i]), expected[i]) << i << replies[i].status();
  }
  EXPECT_EQ(ledger_.Audit().entries, 1);
}

// --- U2 -----------------------------------------------------------------------------

TEST_F(EngineTest, AUsageSentTwiceInABatchIsBookedOnce) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const domain::Usage usage = Call(kUser, "c", kDearNumber, 60);
  const auto replies = AskAll(
      *engine, {{kAccount, Record(usage)}, {kAccount, Record(usage)}, {kAccount, Record(usage)}});
  int duplicates = 0;
  for (const auto& reply : replies) {
    ASSERT_TRUE(reply.ok()) << reply.status();
    const auto& booked = book::As<UsageReply>(*reply);
    EXPECT_EQ(booked.seq, 2);
    EXPECT_EQ(booked.cost, 70'000'000);
    EXPECT_EQ(booked.balance_after, 14'930'000'000);
    duplicates += booked.duplicate ? 1 : 0;
  }
  EXPECT_EQ(duplicates, 2);
  EXPECT_EQ(ledger_.Audit().usages, 1);
}

TEST_F(EngineTest, AUsageSentAgainLaterIsAnsweredWithWhatIsStored) {
  const domain::Usage usage = Call(kUser, "c", kDearNumber, 60);
  absl::StatusOr<UsageReply> first;
  {
    const auto engine = ledger_.StartEngine();
    OpenFunded(*engine, kAccount);
    first = Ask<UsageReply>(*engine, kAccount, Record(usage));
    ASSERT_TRUE(first.ok()) << first.status();
    ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, Record(Call(kUser, "d", kDearNumber, 60))).ok());
  }
  const auto engine = ledger_.StartEngine();  // which remembers nothing
  const auto again = Ask<UsageReply>(*engine, kAccount, Record(usage));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->seq, first->seq);
  EXPECT_EQ(again->cost, first->cost);
  EXPECT_EQ(again->balance_after, first->balance_after);
  EXPECT_EQ(ledger_.Audit().usages, 2);
}

TEST_F(EngineTest, AUsageIdWithOtherContentIsRefusedInABatchAndLater) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const domain::Usage usage = Call(kUser, "c", kDearNumber, 60);
  domain::Usage longer = usage;
  longer.duration += absl::Microseconds(1);
  const auto replies = AskAll(*engine, {{kAccount, Record(usage)}, {kAccount, Record(longer)}});
  EXPECT_TRUE(replies[0].ok());
  EXPECT_EQ(replies[1].status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonFor(replies[1]), "USAGE_ID_REUSED");
  // Every field counts.
  std::vector<domain::Usage> others(6, usage);
  others[0].duration -= absl::Microseconds(1);
  others[1].destination = "442079460001";
  others[2].user_id = kUnlimitedUser;
  others[3].direction = domain::Direction::kInbound;
  others[4].start_time += absl::Microseconds(1);
  others[5] = Sms(kUser, "c", kStandardNumber, 1);
  for (const domain::Usage& other : others) {
    EXPECT_EQ(ReasonOf(Ask<UsageReply>(*engine, kAccount, Record(other)).status()),
              "USAGE_ID_REUSED");
  }
  EXPECT_EQ(ledger_.Audit().usages, 1);
}

TEST_F(EngineTest, AUsageIdIsUniqueAcrossMonths) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  ASSERT_TRUE(Ask<UsageReply>(*engine, kAccount, Record(Call(kUser, "c", kDearNumber, 60))).ok());
  for (const int days : {31, 300, 3000}) {
    domain::Usage usage = Call(kUser, "c", kDearNumber, 60);
    usage.start_time -= absl::Hours(24 * days);
    EXPECT_EQ(ReasonOf(Ask<UsageReply>(*engine, kAccount, Record(usage)).status()),
              "USAGE_ID_REUSED");
  }
  EXPECT_EQ(ledger_.Audit().usages, 1);
}

TEST_F(EngineTest, AnotherAccountMayUseTheSameUsageId) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, "a");
  OpenFunded(*engine, "b");
  for (const char* account : {"a", "b"}) {
    const auto reply = Ask<UsageReply>(*engine, account, Record(Call(kUser, "c", kDearNumber, 60)));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_FALSE(reply->duplicate);
  }
  EXPECT_EQ(ledger_.Audit().usages, 2);
}

TEST_F(EngineTest, ARequestBooksOnceUnderItsId) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const AdjustBalance adjust{"r1", kNanosPerUnit, {"goodwill"}, ""};
  const auto replies = AskAll(*engine, {{kAccount, adjust}, {kAccount, adjust}});
  for (const auto& reply : replies) {
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(book::As<EntryReply>(*reply).entry.seq, 2);
  }
  const auto later = Ask<EntryReply>(*engine, kAccount, adjust);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->entry.seq, 2);
  EXPECT_EQ(later->entry.reason, "goodwill");
  EXPECT_EQ(
      ReasonOf(
          Ask<EntryReply>(*engine, kAccount, AdjustBalance{"r1", 2, {"goodwill"}, ""}).status()),
      "REQUEST_ID_REUSED");
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine, kAccount, RequestRecharge{"r1", {}, ""}).status()),
            "REQUEST_ID_REUSED");
  const auto top_up = Ask<RechargeReply>(*engine, kAccount, RequestRecharge{"r2", {}, ""});
  ASSERT_TRUE(top_up.ok()) << top_up.status();
  const auto same = Ask<RechargeReply>(*engine, kAccount, RequestRecharge{"r2", {}, ""});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_TRUE(same->already_applied);
  EXPECT_EQ(same->recharge.ordinal, top_up->recharge.ordinal);
  ledger_.Audit();
}

// --- Lanes ----------------------------------------------------------------------------

TEST_F(EngineTest, APoisonousCommandDoesNotTakeItsBatchDown) {
  EngineOptions options = ledger_.Options();
  options.lanes = 1;
  const auto engine = ledger_.StartEngine(options);
  OpenFunded(*engine, kAccount);
  OpenFunded(*engine, "other");
  std::vector<Order> orders;
  for (int i = 0; i < 40; ++i) {
    orders.emplace_back(i % 2 == 0 ? kAccount : "other",
                        Record(Call(kUser, absl::StrCat("c", i), kStandardNumber, 60)));
  }
  // No column holds so long a number; the API would never let it through.
  orders[20].second = Record(Call(kUser, "poison", "1" + std::string(70, '2'), 60));
  const auto replies = AskAll(*engine, orders);
  for (size_t i = 0; i < replies.size(); ++i) {
    if (i == 20) {
      EXPECT_EQ(replies[i].status().code(), absl::StatusCode::kInternal) << replies[i].status();
    } else {
      EXPECT_TRUE(replies[i].ok()) << i << replies[i].status();
    }
  }
  EXPECT_EQ(ledger_.Audit().usages, 39);
}

// A lane whose one thread waits for a row lock, so that its queue fills up.
class FullLaneTest : public EngineTest {
 protected:
  void StartAndHold(EngineOptions options) {
    options.lanes = 1;
    engine_ = ledger_.StartEngine(options);
    OpenFunded(*engine_, kAccount);
    holder_ = ledger_.Connect();
    ASSERT_TRUE(holder_->Begin().ok());
    ASSERT_TRUE(holder_->Execute("UPDATE balances SET last_seq = last_seq").ok());
    engine_->Submit(TasksFor({{kAccount, Usage("first")}}, &first_));
    ASSERT_TRUE(WaitUntil([this] { return engine_->stats().queued == 0; }));
  }

  static Command Usage(const std::string& id) {
    return Record(Call(kUser, id, kStandardNumber, 60));
  }

  // Sends `count` usages, of which `taken` fit, and expects that the rest is refused
  // before the lane moves, and that what was taken, and nothing else, is booked then.
  void ExpectTaken(int count, size_t taken) {
    const size_t refused = static_cast<size_t>(count) - taken;
    Refusals others(static_cast<size_t>(count));
    std::vector<Order> orders;
    for (int i = 0; i < count; ++i) orders.emplace_back(kAccount, Usage(absl::StrCat("c", i)));
    EXPECT_TRUE(engine_->CheckRoom(kAccount).ok());
    engine_->Submit(TasksFor(orders, &others));
    EXPECT_EQ(others.arrived(), refused) << "who is refused must not wait";
    EXPECT_EQ(engine_->stats().overloaded, static_cast<int64_t>(refused));
    EXPECT_EQ(engine_->stats().queued, static_cast<int64_t>(taken));
    EXPECT_GE(engine_->stats().queued_bytes, static_cast<int64_t>(taken * sizeof(Task)));
    EXPECT_TRUE(engine_->crowded());
    ExpectOverloaded(engine_->CheckRoom(kAccount));
    ExpectOverloaded(engine_->CheckRoom());
    EXPECT_EQ(engine_->stats().overloaded, static_cast<int64_t>(refused + 2));

    ASSERT_TRUE(holder_->Commit().ok());
    EXPECT_TRUE(first_.Wait()[0].ok());
    const auto replies = others.Wait();
    for (size_t i = 0; i < replies.size(); ++i) {
      if (i < taken) {
        EXPECT_TRUE(replies[i].ok()) << i << ": " << replies[i].status();
      } else {
        ExpectOverloaded(replies[i].status());
      }
    }
    EXPECT_EQ(ledger_.Audit().usages, static_cast<int64_t>(taken + 1));
    EXPECT_EQ(engine_->stats().queued_bytes, 0);
    EXPECT_FALSE(engine_->crowded());
    EXPECT_TRUE(engine_->CheckRoom(kAccount).ok());
  }

  static void ExpectOverloaded(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_EQ(ReasonOf(status), "OVERLOADED") << status;
    const auto wait = RetryAfterOf(status);
    ASSERT_TRUE(wait.has_value()) << status;
    EXPECT_GE(*wait, kShortestRetryAfter);
    EXPECT_LE(*wait, kLongestRetryAfter);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("try again in "));
  }

 private:
  class Refusals : public Replies {
   public:
    using Replies::Replies;
    void Done(uint32_t index, absl::StatusOr<Reply> reply) override {
      Replies::Done(index, std::move(reply));
      ++arrived_;
    }
    size_t arrived() const { return arrived_; }

   private:
    std::atomic<size_t> arrived_ = 0;
  };

  Replies first_{1};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<storage::Connection> holder_;
};

TEST_F(FullLaneTest, ByCountItRefusesAtOnceAndBooksWhatItTook) {
  EngineOptions options = ledger_.Options();
  options.max_queue = 8;
  StartAndHold(options);
  ExpectTaken(12, 8);
}

TEST_F(FullLaneTest, ByBytesItRefusesAtOnceAndBooksWhatItTook) {
  const size_t each = BytesOf(Task{kAccount, Usage("c0"), nullptr, 0});
  EngineOptions options = ledger_.Options();
  options.max_queue_bytes = static_cast<int64_t>(5 * each);
  StartAndHold(options);
  ExpectTaken(12, 5);
}

TEST(BytesOfTest, LongTextsAndTheCallCount) {
  const auto adjust = [](size_t length) {
    return Task{kAccount, AdjustBalance{"r", 1, {std::string(length, 'x')}, "USD"}, nullptr, 0};
  };
  EXPECT_GE(BytesOf(adjust(0)), sizeof(Task));
  EXPECT_GE(BytesOf(adjust(1'000)), BytesOf(adjust(0)) + 1'000);
  Task with_call = adjust(0);
  with_call.call_bytes = 5'000;
  EXPECT_EQ(BytesOf(with_call), BytesOf(adjust(0)) + 5'000);
}

TEST(DrainEstimateTest, TheWaitFollowsTheQueueAndTheRateWithinBounds) {
  DrainEstimate drain;
  for (int i = 0; i < 100; ++i) drain.Note(500, absl::Milliseconds(50));  // 0.1 ms each
  const auto between = [&drain](size_t waiting, absl::Duration busy, absl::Duration least,
                                absl::Duration most) {
    absl::Duration first = drain.RetryAfter(waiting, busy);
    bool spread = false;
    for (int i = 0; i < 100; ++i) {
      const absl::Duration wait = drain.RetryAfter(waiting, busy);
      EXPECT_GE(wait, least);
      EXPECT_LE(wait, most);
      spread = spread || wait != first;
    }
    EXPECT_TRUE(spread) << "all would come back together";
  };
  const absl::Duration idle = -absl::InfiniteDuration();
  between(10'000, idle, absl::Milliseconds(500), absl::Milliseconds(1'500));
  between(1, idle, kShortestRetryAfter, kShortestRetryAfter * 3);
  between(1'000'000, idle, absl::Seconds(1), kLongestRetryAfter);
  // A lane that has stood still for two seconds won't be done in one.
  between(1, absl::Seconds(2), absl::Seconds(1), absl::Seconds(3));
  between(1, absl::InfiniteDuration(), absl::Seconds(1), kLongestRetryAfter);
}

TEST_F(EngineTest, ALaneWhoseSessionIsKilledGoesOnWithAnother) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const auto holder = ledger_.Connect();
  ASSERT_TRUE(holder->Begin().ok());
  ASSERT_TRUE(holder->Execute("UPDATE balances SET last_seq = last_seq").ok());
  Replies replies(1);
  engine->Submit(TasksFor({{kAccount, Record(Call(kUser, "c", kDearNumber, 60))}}, &replies));
  const int64_t session = SessionThatRuns("INTO balances");
  ledger_.sql().Execute(absl::StrCat("KILL ", session));
  ASSERT_TRUE(WaitUntil([&] { return engine->stats().connections_lost == 1; }));
  ASSERT_TRUE(holder->Commit().ok());
  const auto reply = replies.Wait();
  EXPECT_TRUE(reply[0].ok()) << reply[0].status();
  EXPECT_EQ(ledger_.Audit().usages, 1);
}

TEST_F(EngineTest, AKilledStatementIsTriedAgain) {
  const auto engine = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  const auto holder = ledger_.Connect();
  ASSERT_TRUE(holder->Begin().ok());
  ASSERT_TRUE(holder->Execute("UPDATE balances SET last_seq = last_seq").ok());
  Replies replies(1);
  engine->Submit(TasksFor({{kAccount, Record(Call(kUser, "c", kDearNumber, 60))}}, &replies));
  const int64_t session = SessionThatRuns("INTO balances");
  ledger_.sql().Execute(absl::StrCat("KILL QUERY ", session));
  ASSERT_TRUE(WaitUntil([&] { return engine->stats().conflicts >= 1; }));
  ASSERT_TRUE(holder->Commit().ok());
  const auto reply = replies.Wait();
  EXPECT_TRUE(reply[0].ok()) << reply[0].status();
  EXPECT_EQ(ledger_.Audit().usages, 1);
}

TEST_F(EngineTest, WhatIsQueuedAtTheEndIsFinished) {
  std::vector<Order> orders;
  for (int i = 0; i < 300; ++i) {
    orders.emplace_back(kAccount, Record(Call(kUser, absl::StrCat("c", i), kStandardNumber, 60)));
  }
  Replies replies(orders.size());
  {
    const auto engine = ledger_.StartEngine();
    OpenFunded(*engine, kAccount);
    engine->Submit(TasksFor(orders, &replies));
  }
  for (const auto& reply : replies.Wait()) EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ledger_.Audit().usages, 300);
}

TEST_F(EngineTest, WithoutADatabaseItDoesNotStart) {
  EngineOptions options = ledger_.Options();
  options.database.socket = "/nonexistent/socket";
  Engine engine(options);
  EXPECT_EQ(engine.Start().code(), absl::StatusCode::kUnavailable);
}

TEST_F(EngineTest, ADeckIsImportedOnceAndSeenByOtherLedgers) {
  const auto engine = ledger_.StartEngine();
  const auto other = ledger_.StartEngine();
  OpenFunded(*engine, kAccount);
  rates::DeckHeader header;
  header.name = "next";
  header.currency = "USD";
  header.effective_time = TestNow() - absl::Hours(1);
  header.import_time = TestNow();
  header.content_digest = "d";
  const std::vector<rates::RateRow> rows = {
      {rates::RateKind::kCall, "1", "", "", 500'000'000, 0, 60, 60}};
  std::vector<int64_t> versions;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(engine->queries()
                    .Run([&](storage::Connection& connection) -> absl::Status {
                      RESERVE_ASSIGN_OR_RETURN(const Engine::ImportedDeck deck,
                                               ImportInForce(*engine, connection, header, rows));
                      versions.push_back(deck.header.version);
                      EXPECT_EQ(deck.already_imported, i == 1);
                      return absl::OkStatus();
                    })
                    .ok());
  }
  EXPECT_THAT(versions, testing::ElementsAre(2, 2));
  const auto booked =
      Ask<UsageReply>(*engine, kAccount, Record(Call(kUser, "c", kStandardNumber, 60)));
  ASSERT_TRUE(booked.ok()) << booked.status();
  EXPECT_EQ(booked->cost, 500'000'000);
  EXPECT_TRUE(WaitUntil([&] { return other->catalog()->decks->latest_version() == 2; }));
  ledger_.Audit();
}

// --- What time brings -------------------------------------------------------------------

TEST_F(EngineTest, TheDayAfterACapTheRechargeIsOpened) {
  EngineOptions options = ledger_.Options();
  options.settings.currencies["USD"].max_automatic_amount_per_day = 15 * kNanosPerUnit;
  const auto engine = ledger_.StartEngine(options);
  OpenFunded(*engine, kAccount);
  ASSERT_NO_FATAL_FAILURE(Spend(*engine, kAccount, 6 * kNanosPerUnit));
  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, Succeeded(2, 15 * kNanosPerUnit)).ok());
  ASSERT_NO_FATAL_FAILURE(Spend(*engine, kAccount, 24 * kNanosPerUnit));
  domain::Account account = ledger_.Account(kAccount);
  EXPECT_EQ(account.balance, 0);
  EXPECT_EQ(account.open_ordinal, 0);
  EXPECT_EQ(account.state, AccountState::kActive);  // D2: down to the debt limit
  ASSERT_NO_FATAL_FAILURE(Spend(*engine, kAccount, 1'499 * kNanosPerCent));
  account = ledger_.Account(kAccount);
  EXPECT_EQ(account.open_ordinal, 0);
  EXPECT_EQ(account.state, AccountState::kDisabled);
  EXPECT_EQ(account.due.reason, domain::DueReason::kCapWindow);
  ASSERT_NE(account.due.time, absl::InfiniteFuture());
  ledger_.Audit();

  ledger_.clock().Advance(account.due.time - ledger_.clock().Now());
  EXPECT_TRUE(WaitUntil([&] { return ledger_.Account(kAccount).open_ordinal == 3; }));
  ASSERT_TRUE(Ask<RechargeReply>(*engine, kAccount, Succeeded(3, 15 * kNanosPerUnit)).ok());
  EXPECT_EQ(ledger_.Account(kAccount).state, AccountState::kActive);
  ledger_.Audit();
}

TEST_F(EngineTest, TheCustomerHearsOnceThatACardExpires) {
  const auto engine = ledger_.StartEngine();
  OpenAccount open = OpenWithCard();
  open.card.display = domain::CardDisplay{"visa", "4242", 2026, 12};
  ASSERT_TRUE(Ask<domain::Account>(*engine, kAccount, open).ok());
  const auto told = [this] {
    return ledger_.sql().QueryInt(absl::StrCat("SELECT COUNT(*) FROM events WHERE kind = ",
                                               static_cast<int>(domain::EventKind::kCardExpiring)));
  };
  const absl::Time notice = ledger_.Account(kAccount).expiry_notice_time;
  EXPECT_EQ(notice, absl::FromUnixSeconds(1'797'552'000)) << "14 days before December ends";
  EXPECT_EQ(told(), 0);
  ledger_.clock().Advance(notice - ledger_.clock().Now());
  ASSERT_TRUE(WaitUntil([&] { return told() == 1; }));
  EXPECT_EQ(ledger_.Account(kAccount).expiry_notice_time, absl::InfiniteFuture());
  EXPECT_TRUE(ledger_.Account(kAccount).payment_methods.at(0).expiry_told);
  ASSERT_TRUE(Ask<domain::Account>(*engine, kAccount, Reconsider{}).ok());
  EXPECT_EQ(told(), 1);
  ledger_.Audit();
}

// --- A recharge that waits follows the account (G1) ---------------------------------------

class WaitingRechargeTest : public EngineTest {
 protected:
  // A recharge of $15, which waits an hour for its card.
  void SetUp() override {
    engine_ = ledger_.StartEngine();
    OpenFunded(*engine_, kAccount);
    ASSERT_NO_FATAL_FAILURE(Spend(*engine_, kAccount, 6 * kNanosPerUnit));
    const auto declined =
        Ask<RechargeReply>(*engine_, kAccount, Declined(2, domain::DeclineClass::kSoft));
    ASSERT_TRUE(declined.ok()) << declined.status();
    waiting_ = ledger_.Recharge(kAccount, 2);
    ASSERT_TRUE(waiting_.waits());
    ASSERT_EQ(waiting_.due_time, ledger_.clock().Now() + absl::Hours(1));
    ASSERT_EQ(waiting_.amount, 15 * kNanosPerUnit);
    ASSERT_TRUE(ledger_.Account(kAccount).open_waits);
  }

  std::unique_ptr<Engine> engine_;
  domain::Recharge waiting_;
};

TEST_F(WaitingRechargeTest, UsageMakesItAsLargeAsItWouldBeOpenedNow) {
  ASSERT_NO_FATAL_FAILURE(Spend(*engine_, kAccount, 20 * kNanosPerUnit));  // to -$11
  const domain::Recharge grown = ledger_.Recharge(kAccount, 2);
  EXPECT_EQ(grown.amount, 30 * kNanosPerUnit);
  EXPECT_EQ(grown.due_time, waiting_.due_time);
  EXPECT_EQ(grown.attempt, waiting_.attempt);
  EXPECT_GT(grown.lease_epoch, waiting_.lease_epoch);
  // And again from what the lane remembers.
  ASSERT_NO_FATAL_FAILURE(Spend(*engine_, kAccount, 15 * kNanosPerUnit));
  EXPECT_EQ(ledger_.Recharge(kAccount, 2).amount, 45 * kNanosPerUnit);
  ledger_.Audit();
}

TEST_F(WaitingRechargeTest, OneThatUsageDoesNotChangeIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(Spend(*engine_, kAccount, kNanosPerUnit));
  EXPECT_EQ(ledger_.Recharge(kAccount, 2), waiting_);
}

TEST_F(WaitingRechargeTest, WhatIsReportedUnderALeaseOfBeforeItWasCanceledCountsNoMore) {
  UpdateBillingSettings off;
  off.change.automatic_recharge = false;
  ASSERT_TRUE(Ask<domain::Account>(*engine_, kAccount, off).ok());
  const domain::Recharge canceled = ledger_.Recharge(kAccount, 2);
  EXPECT_EQ(canceled.state, domain::RechargeState::kCanceled);
  EXPECT_GT(canceled.lease_epoch, waiting_.lease_epoch);
  EXPECT_EQ(ledger_.Account(kAccount).open_ordinal, 0);
  ReportRecharge late = Declined(2, domain::DeclineClass::kHard, waiting_.lease_epoch);
  late.outcome.attempt = waiting_.attempt;
  EXPECT_EQ(ReasonOf(Ask<RechargeReply>(*engine_, kAccount, late).status()), "LEASE_LOST");
  // But a success is money (G4).
  ASSERT_TRUE(
      Ask<RechargeReply>(*engine_, kAccount, Succeeded(2, 15 * kNanosPerUnit, waiting_.attempt))
          .ok());
  EXPECT_EQ(ledger_.Account(kAccount).balance, 24 * kNanosPerUnit);
  ledger_.Audit();
}

}  // namespace
}  // namespace reserve::engine
