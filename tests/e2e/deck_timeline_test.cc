// Decks with a life (K1, K2), through two real ledgers on a real database.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/money/money.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/failure_scene.h"

namespace reserve::e2e {
namespace {

namespace pb = ::reserve::ledger::v1;
using ::testing::ElementsAre;

constexpr char kDearer[] = "kind,prefix,price\ncall,1,0.50\n";  // the starter deck says 0.18

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

class DeckTimelineTest : public FailureTest {
 protected:
  static pb::Rates::Stub& rates(size_t index = 0) { return stub<pb::Rates::Stub>(index); }

  // A draft; its version.
  static int64_t Import(const std::string& name, const std::string& csv) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
    pb::ImportRateDeckResponse response;
    const auto writer = rates().ImportRateDeck(&context, &response);
    pb::ImportRateDeckRequest message;
    message.mutable_header()->set_name(name);
    for (const pb::RateDeckFindingCode code :
         {pb::RATE_DECK_FINDING_CODE_ROWS_DROPPED, pb::RATE_DECK_FINDING_CODE_PRICES_CHANGED,
          pb::RATE_DECK_FINDING_CODE_CROSSES_CEILING, pb::RATE_DECK_FINDING_CODE_BARE_PREFIX,
          pb::RATE_DECK_FINDING_CODE_MISSES_RECENT}) {
      message.mutable_header()->add_accept(code);
    }
    writer->Write(message);
    message.set_csv_chunk(csv);
    writer->Write(message);
    writer->WritesDone();
    const absl::Status status = FromGrpcStatus(writer->Finish());
    EXPECT_TRUE(status.ok()) << status;
    return response.rate_deck().version();
  }

  static absl::StatusOr<pb::RateDeckActivation> Activate(int64_t version,
                                                         const std::string& request_id,
                                                         const std::string& more = "") {
    return Call(
        rates(), &pb::Rates::Stub::ActivateRateDeck,
        Parse<pb::ActivateRateDeckRequest>(absl::StrCat("deck_version: ", version, " request_id: '",
                                                        request_id, "' reason: 'test' ", more)));
  }

  static pb::RateDeckState StateOf(int64_t version, size_t ledger = 0) {
    pb::GetRateDeckRequest request;
    request.set_deck_version(version);
    const auto deck = Call(rates(ledger), &pb::Rates::Stub::GetRateDeck, request);
    EXPECT_TRUE(deck.ok()) << deck.status();
    return deck.ok() ? deck->state() : pb::RATE_DECK_STATE_UNSPECIFIED;
  }
};

// What was booked where: its start, and what it cost.
struct Booked {
  absl::Time start;
  std::string cost;
};

TEST_F(DeckTimelineTest, K2_AStartIsPricedByTheDeckInForceThenWhicheverLedgerBooksIt) {
  OpenFunded("change");
  const int64_t draft = Import("dearer", kDearer);
  EXPECT_EQ(StateOf(draft), pb::RATE_DECK_STATE_DRAFT);
  std::atomic<bool> stop = false;
  std::atomic<int> answers = 0;
  std::vector<Booked> booked[2];
  const auto book = [&](size_t index) {
    for (int i = 0; !stop; ++i) {
      // Some are told of late, and some begin in a moment.
      const absl::Time start = absl::Now() + absl::Milliseconds(i % 5 * 700 - 2'000);
      pb::RecordUsageRequest request = UsageOf("change", absl::StrCat("c", index, "-", i), 60);
      const int64_t micros = absl::ToUnixMicros(start);
      request.mutable_usage()->mutable_start_time()->set_seconds(micros / 1'000'000);
      request.mutable_usage()->mutable_start_time()->set_nanos(
          static_cast<int32_t>(micros % 1'000'000 * 1'000));
      // Who is told to come again comes again, to the same ledger.
      absl::StatusOr<pb::RecordUsageResponse> answer;
      const bool answered = test_support::WaitUntil([&] {
        answer = Call(ledger(index), &pb::Ledger::Stub::RecordUsage, request);
        return !absl::IsUnavailable(answer.status());
      });
      ASSERT_TRUE(answered && answer.ok()) << answer.status();
      booked[index].push_back({absl::FromUnixMicros(micros), TextOf(answer->cost())});
      ++answers;
    }
  };
  std::thread callers[2] = {std::thread(book, 0), std::thread(book, 1)};
  test_support::WaitUntil([&] { return answers > 40; }, absl::Seconds(5));
  const absl::Time asked = absl::Now();
  const auto activation = Activate(draft, "change");
  const absl::Time answered = absl::Now();
  absl::SleepFor(absl::Seconds(3));
  stop = true;
  for (std::thread& caller : callers) caller.join();
  ASSERT_TRUE(activation.ok()) << activation.status();
  const absl::Time from = TimeOf(activation->effective_time());
  EXPECT_EQ(activation->state(), pb::RATE_DECK_STATE_IN_FORCE);
  EXPECT_GE(from - asked, absl::Seconds(2)) << "all ledgers know by then";
  EXPECT_GE(answered, from) << "the answer comes when it is in force";
  for (const std::vector<Booked>& of_ledger : booked) {
    int64_t before = 0;
    int64_t after = 0;
    for (const Booked& each : of_ledger) {
      EXPECT_EQ(each.cost, each.start < from ? "0.18" : "0.50")
          << absl::FormatDuration(each.start - from) << " from the change";
      ++(each.start < from ? before : after);
    }
    EXPECT_GT(before, 0);
    EXPECT_GT(after, 0);
  }
  ExpectMoneyMatches("change");

  // And back, by one call.
  const auto back = Activate(1, "back");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(StateOf(1), pb::RATE_DECK_STATE_IN_FORCE);
  EXPECT_EQ(StateOf(draft), pb::RATE_DECK_STATE_SUPERSEDED);
  EXPECT_TRUE(test_support::WaitUntil(
      [&] { return StateOf(1, /*ledger=*/1) == pb::RATE_DECK_STATE_IN_FORCE; }));
}

TEST_F(DeckTimelineTest, K1_TheTimelineTellsOfAllActivationsAndWhatIsScheduledIsCalledOff) {
  const int64_t draft = Import("planned", absl::StrCat(kDearer, "call,49,0.60\n"));
  const int64_t at = absl::ToUnixSeconds(absl::Now()) + 3'600;
  const std::string time = absl::StrCat("effective_time { seconds: ", at, " } ");
  const auto tried = Activate(draft, "", time + "validate_only: true");
  ASSERT_TRUE(tried.ok()) << tried.status();
  EXPECT_EQ(StateOf(draft), pb::RATE_DECK_STATE_DRAFT) << "it was only tried";
  const auto planned = Activate(draft, "planned", time + "actor: 'ann' reference: 'ticket 7'");
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->state(), pb::RATE_DECK_STATE_SCHEDULED);
  EXPECT_EQ(StateOf(draft), pb::RATE_DECK_STATE_SCHEDULED);
  const auto again = Activate(draft, "planned", time + "actor: 'ann' reference: 'ticket 7'");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->number(), planned->number());
  EXPECT_EQ(ReasonOf(Activate(1, "planned", time).status()), "REQUEST_ID_REUSED");

  pb::RetireRateDeckRequest retire;
  retire.set_deck_version(draft);
  EXPECT_EQ(ReasonOf(Call(rates(), &pb::Rates::Stub::RetireRateDeck, retire).status()),
            "RATE_DECK_NEEDED");
  ASSERT_TRUE(Activate(1, "called-off", time).ok());
  EXPECT_EQ(StateOf(draft), pb::RATE_DECK_STATE_SUPERSEDED);
  const auto list = Call(rates(), &pb::Rates::Stub::ListRateDeckActivations,
                         Parse<pb::ListRateDeckActivationsRequest>(
                             absl::StrCat("deck_version: ", draft, " currency_code: 'USD'")));
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->activations_size(), 1);
  EXPECT_EQ(list->activations(0).actor(), "ann");
  EXPECT_EQ(list->activations(0).reference(), "ticket 7");
  EXPECT_EQ(list->activations(0).end_time().seconds(), at);
  EXPECT_EQ(list->activations(0).state(), pb::RATE_DECK_STATE_SUPERSEDED);

  // Nothing needs it any more, and retiring it again changes nothing.
  retire.set_request_id("retire");
  retire.set_reason("a typo");
  for (int i = 0; i < 2; ++i) {
    const auto retired = Call(rates(), &pb::Rates::Stub::RetireRateDeck, retire);
    ASSERT_TRUE(retired.ok()) << retired.status();
    EXPECT_EQ(retired->state(), pb::RATE_DECK_STATE_RETIRED);
  }
  EXPECT_EQ(ReasonOf(Activate(draft, "too-late").status()), "RATE_DECK_RETIRED");
  EXPECT_EQ(ReasonOf(Activate(draft, "retire").status()), "REQUEST_ID_REUSED");
  retire.set_reason("another");
  EXPECT_EQ(ReasonOf(Call(rates(), &pb::Rates::Stub::RetireRateDeck, retire).status()),
            "REQUEST_ID_REUSED");
  const auto retired_decks =
      Call(rates(), &pb::Rates::Stub::ListRateDecks,
           Parse<pb::ListRateDecksRequest>("state: RATE_DECK_STATE_RETIRED"));
  ASSERT_TRUE(retired_decks.ok()) << retired_decks.status();
  std::vector<int64_t> versions;
  for (const pb::RateDeck& deck : retired_decks->rate_decks()) versions.push_back(deck.version());
  EXPECT_THAT(versions, ElementsAre(draft));
  const auto lines = Call(rates(), &pb::Rates::Stub::ListRates,
                          Parse<pb::ListRatesRequest>(absl::StrCat("deck_version: ", draft)));
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(lines->rates_size(), 2) << "it stays readable";
}

}  // namespace
}  // namespace reserve::e2e
