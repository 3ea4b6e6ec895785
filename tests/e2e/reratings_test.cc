// Usages that are rated again, by the real processes: a wrong deck that is made good, an allowance
// that a wrong record ate, what a dry run says, and a ledger that is killed on the way (U6, U7,
// G12).
// RESERVE_TEST_WRONG_DECK_ACCOUNTS=300 plays the wrong deck on so many accounts instead of 5,000.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock/monotonic.h"
#include "common/error/error.h"
#include "common/rpc/status.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::WaitUntil;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Rates = pb::Rates::Stub;
using Recharges = pb::Recharges::Stub;

class ReratingsTest : public StackTest {
 protected:
  static void SetUpTestSuite() { StartStack({}); }

  // The account has $15 and a user "u".
  static void OpenFunded(const std::string& id) {
    Must(&Accounts::OpenAccount,
         absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id, "'"));
    Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: 'u'"));
    Must(&Recharges::ReportRecharge,
         absl::StrCat("account_id: '", id,
                      "' ordinal: 1 attempt: 1 worker_id: 'w' succeeded { "
                      "charge_id: 'ch_",
                      id, "' amount { currency_code: 'USD' units: 15 } }"));
  }
  static std::string RecordText(const std::string& id, const std::string& usage_id,
                                const std::string& destination, int64_t seconds) {
    // The same whenever it is said again.
    static const int64_t start = absl::ToUnixSeconds(absl::Now() - absl::Hours(4));
    return absl::StrCat("account_id: '", id, "' usage { usage_id: '", usage_id,
                        "' user_id: 'u' start_time { seconds: ", start,
                        " } call { direction: DIRECTION_OUTBOUND destination: '", destination,
                        "' duration { seconds: ", seconds, " } } } ");
  }
  static void Record(const std::string& id, const std::string& usage_id,
                     const std::string& destination, int64_t seconds) {
    Must(&Ledger::RecordUsage, RecordText(id, usage_id, destination, seconds));
  }
  // Imports a deck of this row, and of North America, in force from 2020 on; its version.
  static int64_t Import(const std::string& name, const std::string& row) {
    const std::string csv = absl::StrCat(stack_->folder(), "/", name, ".csv");
    std::ofstream(csv) << "kind,prefix,price\ncall,1,0.0100\n" << row << "\n";
    const auto imported = stack_->RunLedger(
        {"import-rates", csv, "--effective_time=2020-01-01T00:00:00Z", "--backdate",
         "--accept=ROWS_DROPPED,PRICES_CHANGED,CROSSES_CEILING,BARE_PREFIX,MISSES_RECENT"});
    EXPECT_EQ(imported.exit_code, 0) << imported.errors;
    return Must(&Rates::ListRateDecks, "page_size: 1").rate_decks(0).version();
  }
  // All that the stream says, and how it ends.
  static absl::StatusOr<std::vector<pb::RerateUsageResponse>> Rerate(const std::string& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kRatedWithin));
    const auto reader =
        stack_->stub<Rates>().RerateUsage(&context, Parse<pb::RerateUsageRequest>(request));
    std::vector<pb::RerateUsageResponse> responses;
    pb::RerateUsageResponse response;
    while (reader->Read(&response)) responses.push_back(response);
    const absl::Status status = FromGrpcStatus(reader->Finish());
    if (!status.ok()) return status;
    return responses;
  }
  // The last message, with the differences of all.
  static pb::RerateUsageResponse MustRerate(const std::string& request) {
    const auto responses = Rerate(request);
    EXPECT_TRUE(responses.ok()) << request << ": " << responses.status();
    pb::RerateUsageResponse last;
    if (!responses.ok() || responses->empty()) return last;
    for (const pb::RerateUsageResponse& each : *responses) {
      last.mutable_differences()->MergeFrom(each.differences());
    }
    *last.mutable_rerating() = responses->back().rerating();
    *last.mutable_consequences() = responses->back().consequences();
    return last;
  }
  static pb::UsageRecord Get(const std::string& id, const std::string& usage_id) {
    return Must(&Accounts::GetUsage,
                absl::StrCat("account_id: '", id, "' usage_id: '", usage_id, "'"));
  }

  static constexpr absl::Duration kRatedWithin = absl::Minutes(5);
  static constexpr char kUs[] = "+12125550100";  // 0.0100 a minute: standard
};

TEST_F(ReratingsTest, U6_CallsOfAWrongDeckAreRatedAgainByTheRightOneOnce) {
  Import("wrong-ghana", "call,233,0.0150");
  OpenFunded("ghana");
  Record("ghana", "c1", "+233205550100", 600);
  Record("ghana", "c2", "+233205550100", 1'200);
  const int64_t right = Import("right-ghana", "call,233,0.2000");
  const std::string request =
      absl::StrCat("account_id: 'ghana' deck_version: ", right, " reason: 'wrong deck' ");

  const auto outlook = MustRerate(request + "validate_only: true");
  ASSERT_THAT(outlook.differences(), SizeIs(2));
  EXPECT_EQ(Text(outlook.differences(1).cost()), "4.00");
  EXPECT_EQ(outlook.differences(1).allowance_taken_before().seconds(), 1'200);
  EXPECT_EQ(Text(outlook.rerating().charged()), "6.00");
  EXPECT_EQ(outlook.consequences().account_count(), 1);
  EXPECT_EQ(outlook.consequences().below_zero_count(), 0);
  EXPECT_EQ(outlook.consequences().recharge_count(), 1);
  EXPECT_EQ(Text(outlook.consequences().recharge_amount()), "15.00");
  EXPECT_EQ(Balance("ghana"), "15.00") << "a dry run does nothing";

  for (int again = 0; again < 2; ++again) {
    const auto done = MustRerate(request + "request_id: 'ghana-1'");
    EXPECT_EQ(done.rerating().state(), pb::RERATING_STATE_DONE);
    EXPECT_EQ(done.rerating().changed_count(), 2);
    EXPECT_EQ(Text(done.rerating().charged()), "6.00");
    EXPECT_EQ(Balance("ghana"), "9.00");
  }
  EXPECT_THAT(Must(&Accounts::ListRecharges, "account_id: 'ghana'").recharges(), SizeIs(1))
      << "nobody's card is charged by it";
  const pb::UsageRecord record = Get("ghana", "c2");
  EXPECT_EQ(Text(record.cost()), "4.00");
  EXPECT_EQ(record.rating().deck_version(), right);
  ASSERT_THAT(record.earlier_ratings(), SizeIs(1));
  EXPECT_EQ(Text(record.earlier_ratings(0).cost()), "0.00");
  EXPECT_EQ(record.earlier_ratings(0).seq(), record.seq());
  EXPECT_LT(record.earlier_ratings(0).rating().deck_version(), right);
  EXPECT_EQ(Must(&Accounts::GetUser, "account_id: 'ghana' user_id: 'u'").allowance_left().seconds(),
            18'000);
  EXPECT_EQ(Must(&Rates::GetRerating, "request_id: 'ghana-1'").request().reason(), "wrong deck");
  EXPECT_GE(Must(&Rates::ListReratings, "").reratings_size(), 1);
  const auto reused =
      Rerate("account_id: 'ghana' own_decks: true reason: 'other' request_id: 'ghana-1'");
  EXPECT_EQ(ReasonOf(reused.status()), "REQUEST_ID_REUSED");
  // One namespace a service: a plan's version has it.
  Must(&Rates::PutPlan,
       "plan_id: 'evening' allow_missing: true request_id: 'put-evening' reason: 'new'");
  const auto of_plan = Rerate(request + "request_id: 'put-evening'");
  EXPECT_EQ(ReasonOf(of_plan.status()), "REQUEST_ID_REUSED");
  ExpectAudited("ghana");
}

TEST_F(ReratingsTest, U4_TheLatestRatingExplainsAUsageAndTheEarlierOnesAreListed) {
  OpenFunded("again");
  const int64_t first = Import("kenya-1", "call,254,0.2000");
  Record("again", "c1", "+254205550100", 600);
  Record("again", "c2", "+254205550100", 60);
  EXPECT_THAT(Get("again", "c1").earlier_ratings(), SizeIs(0));
  const int64_t second = Import("kenya-2", "call,254,0.1000");
  const int64_t third = Import("kenya-3", "call,254,0.3000");
  for (const int64_t deck : {second, third}) {
    MustRerate(absl::StrCat("account_id: 'again' deck_version: ", deck,
                            " reason: 'wrong deck' request_id: 'again-", deck, "'"));
  }
  const auto expect_listed = [&](const pb::UsageRecord& record) {
    EXPECT_EQ(record.rating().deck_version(), third);
    EXPECT_EQ(Text(record.rating().price()), "0.30");
    ASSERT_THAT(record.earlier_ratings(), SizeIs(2));
    const pb::EarlierRating& booked = record.earlier_ratings(0);
    EXPECT_EQ(booked.seq(), record.seq());
    EXPECT_EQ(Text(booked.cost()), "2.00");
    EXPECT_EQ(booked.rating().deck_version(), first);
    EXPECT_EQ(booked.record_time().seconds(), record.record_time().seconds());
    const pb::EarlierRating& between = record.earlier_ratings(1);
    EXPECT_GT(between.seq(), booked.seq());
    EXPECT_LT(between.seq(), record.rating_seq());
    EXPECT_EQ(Text(between.cost()), "1.00");
    EXPECT_EQ(between.rating().deck_version(), second);
    EXPECT_EQ(between.rating().paid_duration().seconds(), 600);
  };
  EXPECT_EQ(Text(Get("again", "c1").cost()), "3.00");
  expect_listed(Get("again", "c1"));
  // So too once it is taken back; the list of all shows the latest rating alone.
  Must(&Ledger::VoidUsage, "account_id: 'again' usage_id: 'c1' reason: 'wrong'");
  EXPECT_EQ(Text(Get("again", "c1").cost()), "0.00");
  expect_listed(Get("again", "c1"));
  const auto all = Must(&Accounts::ListUsage, "account_id: 'again'");
  ASSERT_THAT(all.usage_records(), SizeIs(2));
  for (const pb::UsageRecord& record : all.usage_records()) {
    EXPECT_EQ(record.rating().deck_version(), third) << record.usage().usage_id();
    EXPECT_THAT(record.earlier_ratings(), SizeIs(0));
  }
  ExpectAudited("again");
}

TEST_F(ReratingsTest, U7_AnAllowanceThatAWrongRecordAteIsGivenToTheCallsThatWerePaidForSince) {
  OpenFunded("eaten");
  Record("eaten", "k1", kUs, 18'000);
  Record("eaten", "k2", kUs, 6'000);
  EXPECT_EQ(Balance("eaten"), "14.00");
  const auto voided =
      Must(&Ledger::VoidUsage, "account_id: 'eaten' usage_id: 'k1' reason: 'wrong CDR'");
  EXPECT_EQ(voided.allowance_returned().seconds(), 18'000);
  EXPECT_EQ(voided.paid_since().seconds(), 6'000);
  const auto done = MustRerate(
      "account_id: 'eaten' user_id: 'u' own_decks: true request_id: 'r' reason: 'wrong CDR'");
  EXPECT_EQ(done.rerating().changed_count(), 1);
  EXPECT_EQ(Text(done.rerating().returned()), "1.00");
  EXPECT_EQ(Balance("eaten"), "15.00");
  EXPECT_EQ(Must(&Accounts::GetUser, "account_id: 'eaten' user_id: 'u'").allowance_left().seconds(),
            12'000);
  // The old record again says how it stands, and the statement has each step.
  const auto again = Must(&Ledger::RecordUsage, RecordText("eaten", "k2", kUs, 6'000));
  EXPECT_TRUE(again.duplicate());
  EXPECT_EQ(Text(again.cost()), "0.00");
  EXPECT_THAT(Must(&Accounts::ListEntries, "account_id: 'eaten'").entries(), SizeIs(5));
  ExpectAudited("eaten");
}

TEST_F(ReratingsTest, U7_ACorrectionSaysWhatWasPaidForSince) {
  OpenFunded("corrected");
  Record("corrected", "k1", kUs, 18'000);
  Record("corrected", "k2", kUs, 600);
  const auto corrected =
      Must(&Ledger::CorrectUsage, absl::StrCat("usage_id: 'k1' reason: 'wrong CDR' ",
                                               RecordText("corrected", "k1b", kUs, 306)));
  EXPECT_EQ(corrected.voided().paid_since().seconds(), 600);
  ExpectAudited("corrected");
}

TEST_F(ReratingsTest, U6_ALedgerThatIsKilledOnTheWayGoesOnWhereItWas) {
  Import("cheap-ghana", "call,233,0.0300");
  OpenFunded("killed");
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 1'000; ++i) {
    *batch.add_requests() = Parse<pb::RecordUsageRequest>(
        RecordText("killed", absl::StrCat("c", i), "+233205550100", 60));
  }
  ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch).ok());
  const std::string before = Balance("killed");
  const int64_t deck = Import("dearer-ghana", "call,233,0.3700");
  const std::string request = absl::StrCat("account_id: 'killed' deck_version: ", deck,
                                           " reason: 'wrong deck' request_id: 'killed-1'");
  {
    grpc::ClientContext context;
    const auto reader =
        stack_->stub<Rates>().RerateUsage(&context, Parse<pb::RerateUsageRequest>(request));
    pb::RerateUsageResponse response;
    ASSERT_TRUE(reader->Read(&response));
    stack_->ledger_process()->Kill();
    while (reader->Read(&response)) {
    }
    reader->Finish();
  }
  ASSERT_TRUE(stack_->StartLedger().ok());
  const auto done = MustRerate(request);
  EXPECT_EQ(done.rerating().state(), pb::RERATING_STATE_DONE);
  EXPECT_EQ(done.rerating().usage_count(), 1'000);
  EXPECT_EQ(done.rerating().changed_count(), 1'000);
  EXPECT_NE(Balance("killed"), before);
  ExpectAudited("killed");
}

// As if another ledger had made it: this one has not looked for plans since.
TEST_F(ReratingsTest, APlanThatWasJustMadeIsKnown) {
  OpenFunded("planned");
  stack_->database().Execute(
      "INSERT INTO plans (plan_id,standard_calls,free_seconds,bucket_reset,"
      "default_reserve_amount_nanos) VALUES ('just-made',1,60,1,0)");
  const auto asked = Rerate(
      "account_id: 'planned' plan_id: 'just-made' reason: 'why' request_id: 'planned' "
      "start_time { seconds: 1 }");
  EXPECT_TRUE(asked.ok()) << asked.status();
}

TEST_F(ReratingsTest, U6_OneThatIsUnderWayIsCanceledAndWhatItBookedIsTold) {
  OpenFunded("cancel");
  pb::BatchRecordUsageRequest batch;
  for (int i = 0; i < 1'000; ++i) {
    *batch.add_requests() = Parse<pb::RecordUsageRequest>(
        RecordText("cancel", absl::StrCat("c", i), "+233205550100", 60));
  }
  ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch).ok());
  const int64_t deck = Import("much-dearer-ghana", "call,233,0.3000");
  const std::string request = absl::StrCat("account_id: 'cancel' deck_version: ", deck,
                                           " reason: 'wrong deck' request_id: 'cancel-1'");
  const std::string cancel =
      "request_id: 'cancel-1' reason: 'the wrong deck again' actor: 'ann' reference: 't-1'";
  grpc::ClientContext context;
  const auto reader =
      stack_->stub<Rates>().RerateUsage(&context, Parse<pb::RerateUsageRequest>(request));
  pb::RerateUsageResponse response;
  ASSERT_TRUE(reader->Read(&response));
  const auto canceled = Ask(&Rates::CancelRerating, cancel);
  if (!canceled.ok()) {  // it was quicker
    EXPECT_EQ(ReasonOf(canceled.status()), "RERATING_DONE");
  }
  while (reader->Read(&response)) {
  }
  ASSERT_TRUE(reader->Finish().ok()) << "the stream ends by itself";
  pb::Rerating rerating = Must(&Rates::GetRerating, "request_id: 'cancel-1'");
  if (canceled.ok()) {
    EXPECT_EQ(response.rerating().state(), pb::RERATING_STATE_CANCELED);
    EXPECT_EQ(rerating.state(), pb::RERATING_STATE_CANCELED);
    EXPECT_EQ(rerating.cancel_reason(), "the wrong deck again");
    EXPECT_EQ(rerating.cancel_actor(), "ann");
    EXPECT_EQ(rerating.cancel_reference(), "t-1");
    EXPECT_EQ(Must(&Rates::CancelRerating, cancel).state(), pb::RERATING_STATE_CANCELED);
  }
  // The one after it has its turn, and finds what the first has left.
  const auto next = MustRerate(absl::StrCat("account_id: 'cancel' deck_version: ", deck,
                                            " reason: 'wrong deck' request_id: 'cancel-2'"));
  rerating = Must(&Rates::GetRerating, "request_id: 'cancel-1'");
  EXPECT_EQ(rerating.changed_count() + next.rerating().changed_count(), 1'000);
  EXPECT_EQ(next.rerating().reached_account_id(), "cancel");
  EXPECT_EQ(ReasonOf(Ask(&Rates::CancelRerating, "request_id: 'cancel-2' reason: 'x'").status()),
            "RERATING_DONE");
  ExpectAudited("cancel");
}

TEST_F(ReratingsTest, BadRequestsAreToldByTheirField) {
  OpenFunded("bad");
  const auto refused = [](const std::string& request) {
    const auto responses = Rerate(request);
    return absl::StrCat(FieldOf(responses.status()), " ", ReasonOf(responses.status()));
  };
  const std::string sound = "account_id: 'bad' reason: 'why' request_id: 'bad' ";
  EXPECT_EQ(refused("account_id: 'bad' reason: 'why'"), "request_id INVALID_FIELD");
  EXPECT_EQ(refused("request_id: 'bad' reason: 'why'"), "start_time INVALID_FIELD");
  EXPECT_EQ(refused("account_id: 'bad' request_id: 'bad'"), "reason INVALID_FIELD");
  EXPECT_EQ(refused("user_id: 'u' start_time { seconds: 1 } reason: 'why' request_id: 'bad'"),
            "user_id INVALID_FIELD");
  EXPECT_EQ(refused(sound + "destination_prefix: '+44'"), "destination_prefix INVALID_FIELD");
  EXPECT_EQ(refused(sound + "start_time { seconds: 2 } end_time { seconds: 2 }"),
            "end_time INVALID_FIELD");
  EXPECT_EQ(refused(sound + "deck_version: 9999"), "deck_version RATE_DECK_NOT_FOUND");
  EXPECT_EQ(refused(sound + "deck_version: -1"), "deck_version INVALID_FIELD");
  EXPECT_EQ(refused(sound + "plan_id: 'none'"), "plan_id PLAN_NOT_FOUND");
  EXPECT_EQ(refused(sound + "user_id: 'nobody'"), "user_id USER_NOT_FOUND");
  EXPECT_EQ(refused(sound + "currency_code: 'EUR'"), "account_id INVALID_FIELD");
  EXPECT_EQ(refused("account_id: 'nobody' reason: 'why' request_id: 'bad'"),
            "account_id ACCOUNT_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Ask(&Rates::GetRerating, "request_id: 'bad'").status()), "RERATING_NOT_FOUND");
}

// --- Many customers, whose cards a worker charges ---------------------------------------

class WrongDeckTest : public ReratingsTest {
 protected:
  static constexpr int kCalls = 40;
  static constexpr int kOpenedTogether = 8;

  static void SetUpTestSuite() {
    StartStack(
        {.gateway = true, .workers = 1, .worker_flags = {"--gateway_requests_per_second=0"}});
    const char* asked = std::getenv("RESERVE_TEST_WRONG_DECK_ACCOUNTS");
    ASSERT_TRUE(asked == nullptr || absl::SimpleAtoi(asked, &accounts_)) << asked;
    ASSERT_EQ(accounts_ % kOpenedTogether, 0);
    ASSERT_EQ(accounts_ % 20, 0);
  }

  static std::string IdOf(int account) { return absl::StrCat("customer-", account); }
  // Each with a card, charged for $15, and a user.
  static void OpenAll() {
    std::vector<std::thread> threads;
    for (int first = 0; first < kOpenedTogether; ++first) {
      threads.emplace_back([first] {
        for (int i = first; i < accounts_; i += kOpenedTogether) {
          Must(&Accounts::OpenAccount,
               absl::StrCat("account_id: '", IdOf(i), "' card_token: 'tok_visa#", IdOf(i), "'"));
          Must(&Accounts::PutUser, absl::StrCat("account_id: '", IdOf(i), "' user_id: 'u'"));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (int i = 0; i < accounts_; ++i) {
      ASSERT_TRUE(WaitUntil([&] { return Balance(IdOf(i)) == "15.00"; }, absl::Seconds(60)));
    }
  }
  static void BookAll() {
    for (int i = 0; i < accounts_; i += 20) {
      pb::BatchRecordUsageRequest batch;
      for (int k = 0; k < 20 * kCalls; ++k) {
        *batch.add_requests() = Parse<pb::RecordUsageRequest>(
            RecordText(IdOf(i + k / kCalls), absl::StrCat("c", k % kCalls), "+233205550100", 60));
      }
      ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch).ok());
    }
  }

  static int accounts_;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int WrongDeckTest::accounts_ = 300;  // what a sanitizer looks for does not lie in their number
#else
int WrongDeckTest::accounts_ = 5'000;
#endif

TEST_F(WrongDeckTest, G12_ItIsMadeGoodForAllBesideTheLoadAndChargesNobodysCard) {
  Import("wrong", "call,233,0.0500");
  ASSERT_NO_FATAL_FAILURE(OpenAll());
  ASSERT_NO_FATAL_FAILURE(BookAll());
  EXPECT_EQ(Balance(IdOf(0)), "13.00");
  const int64_t right = Import("right", "call,233,0.5000");
  const std::string request =
      "start_time { seconds: 1 } destination_prefix: '233' reason: 'wrong deck' " +
      absl::StrCat("deck_version: ", right, " ");
  const auto outlook = MustRerate(request + "validate_only: true");
  EXPECT_EQ(outlook.consequences().account_count(), accounts_);
  EXPECT_EQ(outlook.consequences().below_zero_count(), accounts_);
  EXPECT_EQ(outlook.consequences().recharge_count(), accounts_) << "were they to follow";

  // A customer whose calls go on meanwhile.
  Must(&Accounts::OpenAccount, "account_id: 'beside'");
  Must(&Accounts::PutUser, "account_id: 'beside' user_id: 'u'");
  std::atomic<bool> done = false;
  int booked = 0;
  absl::Duration slowest;
  std::thread beside([&] {
    while (!done) {
      const auto begin = MonotonicNow();
      Record("beside", absl::StrCat("c", booked), kUs, 60);
      slowest = std::max(slowest, MonotonicNow() - begin);
      ++booked;
    }
  });
  const auto asked = MonotonicNow();
  const auto rated = MustRerate(request + "request_id: 'right'");
  const double took = absl::ToDoubleSeconds(MonotonicNow() - asked);
  done = true;
  beside.join();
  RecordProperty("rated_a_second", absl::StrCat(rated.rerating().changed_count() / took));
  EXPECT_EQ(rated.rerating().changed_count(), accounts_ * kCalls);
  EXPECT_GT(booked, 10) << "usage waits for its turn, not for the end";
  EXPECT_LT(slowest, absl::Seconds(5));

  for (int i = 0; i < accounts_; ++i) {
    const pb::Account account = Account(IdOf(i));
    EXPECT_EQ(Text(account.balance()), "-5.00") << IdOf(i);
    EXPECT_EQ(account.open_recharge_ordinal(), 0) << IdOf(i);
    EXPECT_THAT(Charges(IdOf(i)), SizeIs(1)) << IdOf(i);
  }
  EXPECT_EQ(stack_->database().QueryInt("SELECT COUNT(*) FROM recharges"), accounts_);
  ExpectAudited(IdOf(0));
  // The customer's next call is what recharges.
  Record(IdOf(7), "next", "+233205550100", 60);
  EXPECT_TRUE(WaitUntil([&] { return Charges(IdOf(7)).size() == 2; }));
  EXPECT_THAT(Charges(IdOf(8)), SizeIs(1));
}

}  // namespace
}  // namespace reserve::e2e
