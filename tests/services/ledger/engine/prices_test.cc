// Prices as the trade writes them, from the import to the audit (C11 to C13, U4): what is stored
// with a usage, and that it explains the cost without the deck.
#include <memory>
#include <string>
#include <vector>

#include "common/clock/calendar.h"
#include "common/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/ledger/storage/deck_rows.h"
#include "services/ledger/storage/entry_rows.h"
#include "tests/services/ledger/engine/harness.h"

namespace reserve::engine {
namespace {

constexpr char kPeriodsNumber[] = "391234567890";
constexpr char kIncludedNumber[] = "401234567890";
constexpr char kBlockedNumber[] = "411234567890";

rates::RateRow Line(const std::string& prefix, Nanos price, domain::LineTerms terms) {
  rates::RateRow row;
  row.prefix = prefix;
  row.price = price;
  row.initial_increment_seconds = row.increment_seconds = 1;
  row.terms = std::make_shared<domain::LineTerms>(std::move(terms));
  return row;
}

// A cent a second by day, a tenth of a cent by night; 25 s included; one that is blocked.
std::vector<rates::RateRow> Lines() {
  domain::LineTerms day;
  day.periods = {{0x7F, 480, 1080}};
  domain::LineTerms night;
  night.periods = {{0x7F, 1080, 480}};
  night.standard = true;
  domain::LineTerms included;
  included.included_seconds = 25;
  included.steps = {{85, 1'200'000'000}};
  included.minimum = kNanosPerCent;
  domain::LineTerms blocked;
  blocked.blocked = blocked.unpriced = true;
  rates::RateRow plain;
  plain.prefix = "44";
  plain.price = 60'000'000;
  return {Line("39", 600'000'000, day), Line("39", 60'000'000, night),
          Line("40", 600'000'000, included), Line("41", 0, blocked), plain};
}

class PricesTest : public testing::Test {
 protected:
  PricesTest() {
    OpenFunded(*engine_, kAccount);
    header_.name = "trade";
    header_.currency = "USD";
    header_.effective_time = TestNow() - absl::Hours(24);
    header_.import_time = TestNow();
    header_.time_zone = "Europe/Berlin";
    header_.rules.calendar = domain::CalendarOf(zone_);
    const auto connection = ledger_.Connect();
    const auto imported = ImportInForce(*engine_, *connection, header_, Lines());
    EXPECT_TRUE(imported.ok()) << imported.status();
  }

  // Twenty seconds before the night begins in Berlin, yesterday or today.
  absl::Time BeforeNight() const {
    const absl::CivilDay day(absl::ToCivilSecond(TestNow() - absl::Hours(18), zone_));
    return absl::FromCivil(absl::CivilSecond(absl::CivilHour(day) + 18) - 20, zone_);
  }

  UsageReply Record(const std::string& id, const char* number, int64_t seconds, absl::Time start) {
    domain::Usage call = Call(kUser, id, number, seconds);
    call.start_time = start;
    const auto reply = Ask<UsageReply>(*engine_, kAccount, RecordUsage{call});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.value_or(UsageReply());
  }

  const absl::TimeZone zone_ = *FindTimeZone("Europe/Berlin");
  Ledger ledger_;
  std::unique_ptr<Engine> engine_ = ledger_.StartEngine();
  rates::DeckHeader header_;
};

TEST_F(PricesTest, C12_ACallThatCrossesIntoTheNightIsBookedInPartsAndAudited) {
  const UsageReply reply = Record("crosses", kPeriodsNumber, 60, BeforeNight());
  EXPECT_EQ(reply.cost, 20 * kNanosPerCent) << "the night's seconds are standard, and free";
  const auto connection = ledger_.Connect();
  const auto stored = storage::FindUsages(*connection, {{kAccount, "crosses"}});
  ASSERT_TRUE(stored.ok() && stored->size() == 1);
  const domain::Rating& rating = stored->front().booked->rating;
  EXPECT_EQ(rating.basis, domain::ChargeBasis::kMixed);
  EXPECT_EQ(rating.terms, "part:0/0/600000000/0/20/0 part:1/0/60000000/1/40/40");
  EXPECT_EQ(rating.free_seconds_taken, 40);
  EXPECT_EQ(rating.paid_seconds, 20);
  EXPECT_EQ(rating.billable_seconds, 60);
  ledger_.Audit();
  // A plain call stores nothing of the kind.
  Record("plain", kDearNumber, 60, TestNow());
  EXPECT_EQ(ledger_.sql().QueryInt("SELECT COUNT(*) FROM entries WHERE priced_terms IS NOT NULL"),
            1);
  ledger_.sql().Execute(
      "UPDATE entries SET priced_terms = 'part:0/0/600000000/0/10/0 part:1/0/60000000/1/50/50' "
      "WHERE usage_id = 'crosses'");
  const Findings findings = ledger_.AuditOf(kAccount);
  std::vector<std::string> checks;
  for (const Difference& difference : findings.differences) checks.push_back(difference.check);
  EXPECT_THAT(checks, testing::IsSupersetOf({audit::kCheckRating, audit::kCheckChain}));
}

TEST_F(PricesTest, C11_IncludedSecondsStepsAndMinimumAreStoredAndReadAgain) {
  EXPECT_EQ(Record("within", kIncludedNumber, 25, TestNow()).cost, 0);
  EXPECT_EQ(Record("beyond", kIncludedNumber, 86, TestNow()).cost, 62 * kNanosPerCent);
  // Another ledger reads the same deck.
  engine_.reset();
  engine_ = ledger_.StartEngine();
  EXPECT_EQ(Record("again", kIncludedNumber, 86, TestNow()).cost, 62 * kNanosPerCent);
  ledger_.Audit();
}

TEST_F(PricesTest, C13_WhatWentToABlockedDestinationWaitsForAPrice) {
  const UsageReply reply = Record("blocked", kBlockedNumber, 60, TestNow());
  EXPECT_EQ(reply.status, domain::UsageStatus::kUnrated);
  EXPECT_EQ(reply.unrated_reason, domain::UnratedReason::kDestinationBlocked);
  ledger_.Audit();
}

TEST_F(PricesTest, C11_LinesThatLeaveAGapAreNotImported) {
  std::vector<rates::RateRow> rows = Lines();
  rows.erase(rows.begin());
  const auto connection = ledger_.Connect();
  header_.name = "gap";
  const auto imported = ImportInForce(*engine_, *connection, header_, rows);
  EXPECT_EQ(ReasonOf(imported.status()), "INVALID_RATE_DECK");
  EXPECT_THAT(std::string(imported.status().message()),
              testing::HasSubstr("call 39 has no line for Mon, Tue, Wed, Thu, Fri, Sat, Sun "
                                 "08:00-18:00"));
}

TEST_F(PricesTest, ADeckThatIsReadInAnotherWayIsAnotherDeck) {
  const auto connection = ledger_.Connect();
  EXPECT_TRUE(ImportInForce(*engine_, *connection, header_, Lines())->already_imported);
  header_.rules.rounding = {RoundingMode::kUp, 2};
  EXPECT_FALSE(ImportInForce(*engine_, *connection, header_, Lines())->already_imported);
}

}  // namespace
}  // namespace reserve::engine
