// The calendar of an account, by the real processes: its time zone and its billing day, changed
// while a month runs, and what calls of the months around the change draw on (C8).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;

using Accounts = pb::Accounts::Stub;
using Events = pb::Events::Stub;
using Ledger = pb::Ledger::Stub;
using Support = pb::Support::Stub;

class ChangedCalendarTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    // So that calls of months to come can be told today.
    StartStack({.ledger_flags = {"--max_usage_ahead=2400h"}});
    // 600 s, anew with each billing month.
    stack_->database().Execute("INSERT INTO plans VALUES ('by_day', 1, 600, 3, 0, 0, 'standard')");
  }

  // The date that many days from today.
  static absl::CivilDay In(int days) {
    return absl::ToCivilDay(absl::Now(), absl::UTCTimeZone()) + days;
  }
  static std::string Head(const std::string& id) { return absl::StrCat("account_id: '", id, "' "); }

  // One whose billing month ends in three days.
  static void Open(const std::string& id) {
    Must(&Accounts::OpenAccount,
         absl::StrCat(Head(id), "default_plan_id: 'by_day' billing_day: ", In(3).day()));
    Must(&Accounts::PutUser, Head(id) + "user_id: 'u'");
    Must(&Support::RecordPayment,
         Head(id) +
             "request_id: 'p' means: PAYMENT_MEANS_BANK_TRANSFER reason: 'paid' "
             "amount { currency_code: 'USD' units: 20 }");
  }
  static pb::Account Update(const std::string& id, const std::string& account,
                            const std::string& more = "") {
    return Must(&Accounts::UpdateAccount,
                absl::StrCat(Head(id), "account { ", account, " } ", more));
  }
  // Free seconds that are set aside for a call of 540 s that begins at noon so many days from
  // today: usage of months to come can't be booked yet (K2), and calls in progress draw on the same
  // (H1).
  static int64_t FreeSecondsIn(const std::string& id, int days) {
    const absl::Time start =
        absl::FromCivil(absl::CivilSecond(In(days)) + int64_t{12} * 3600, absl::UTCTimeZone());
    const std::string call =
        absl::StrCat(Head(id), "user_id: 'u' start_time { seconds: ", absl::ToUnixSeconds(start),
                     " } call { direction: DIRECTION_OUTBOUND destination: '+12125550100' } ");
    const int64_t left = Must(&Ledger::AuthorizeUsage, call).allowance_left().seconds();
    Must(&Ledger::CreateHold, absl::StrCat(call, "hold_id: 'in", days, "' usage_id: 'in", days,
                                           "' slice { seconds: 540 }"));
    return left - Must(&Ledger::AuthorizeUsage, call).allowance_left().seconds();
  }
};

TEST_F(ChangedCalendarTest, C8_ANewBillingDayLeavesTheMonthThatRunsItsEndAndTheNextIsLong) {
  Open("day");
  const auto user = Must(&Accounts::GetUser, Head("day") + "user_id: 'u'");
  const absl::Time end = absl::FromCivil(absl::CivilSecond(In(3)), absl::UTCTimeZone());
  EXPECT_EQ(user.allowance_end_time().seconds(), absl::ToUnixSeconds(end));
  const pb::Account changed = Update("day", absl::StrCat("billing_day: ", In(13).day()));
  EXPECT_EQ(changed.billing_day(), In(13).day());
  ASSERT_EQ(changed.calendar_changes_size(), 1);
  EXPECT_EQ(changed.calendar_changes(0).billing_day(), In(13).day());
  EXPECT_EQ(Must(&Accounts::GetUser, Head("day") + "user_id: 'u'").allowance_end_time().seconds(),
            absl::ToUnixSeconds(end))
      << "what runs keeps its end";
  EXPECT_EQ(FreeSecondsIn("day", 2), 540);
  EXPECT_EQ(FreeSecondsIn("day", 4), 540) << "the next month begins where that ends";
  EXPECT_EQ(FreeSecondsIn("day", 20), 60) << "and not on the next new billing day";
  EXPECT_EQ(FreeSecondsIn("day", 36), 0) << "nor where the old one would have ended it";
  EXPECT_EQ(FreeSecondsIn("day", 50), 540);
  EXPECT_EQ(FreeSecondsIn("day", -40), 540) << "a late call finds its own month";
  ExpectAudited("day");
}

TEST_F(ChangedCalendarTest, C8_ANewZoneMovesTheNextEndByHoursAndIsTold) {
  Open("zone");
  const pb::Account changed = Update("zone", "time_zone: 'America/New_York'");
  EXPECT_EQ(changed.time_zone(), "America/New_York");
  const auto events = Must(&Events::ListEvents, Head("zone"));
  int told = 0;
  for (const pb::Event& event : events.events()) {
    if (event.kind() != pb::EVENT_KIND_CALENDAR_CHANGED) continue;
    ++told;
    EXPECT_THAT(event.cause(), ::testing::HasSubstr("America/New_York, and was UTC"));
  }
  EXPECT_EQ(told, 1);
  ExpectAudited("zone");
}

TEST_F(ChangedCalendarTest, C8_AChangeIsMadeOnceByItsRequestIdAndNotOverAnother) {
  Open("once");
  const std::string berlin = "time_zone: 'Europe/Berlin'";
  const pb::Account before = Account("once");
  Update("once", berlin, "request_id: 'move-1'");
  Update("once", "time_zone: 'Asia/Tokyo'");
  EXPECT_EQ(Update("once", berlin, "request_id: 'move-1'").time_zone(), "Asia/Tokyo")
      << "a repeat does nothing";
  const auto reused = Ask(&Accounts::UpdateAccount,
                          Head("once") + "account { time_zone: 'UTC' } request_id: 'move-1'");
  EXPECT_EQ(ReasonOf(reused.status()), "REQUEST_ID_REUSED");
  const auto stale = Ask(&Accounts::UpdateAccount, absl::StrCat(Head("once"), "account { ", berlin,
                                                                " etag: '", before.etag(), "' }"));
  EXPECT_EQ(ReasonOf(stale.status()), "ETAG_MISMATCH");
  EXPECT_EQ(
      Update("once", absl::StrCat(berlin, " etag: '", Account("once").etag(), "'")).time_zone(),
      "Europe/Berlin");
  EXPECT_EQ(Account("once").calendar_changes_size(), 3);
  // Whoever moves all the time is asked to wait.
  Update("once", "billing_day: 31");
  const auto often = Ask(&Accounts::UpdateAccount, Head("once") + "account { billing_day: 30 }");
  EXPECT_EQ(ReasonOf(often.status()), "CALENDAR_CHANGED_TOO_OFTEN");
  ExpectAudited("once");
}

}  // namespace
}  // namespace reserve::e2e
