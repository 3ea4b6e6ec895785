// What has left with its month, by the real processes: what callers are told of it (U8).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "tests/e2e/stack_suite.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Rates = pb::Rates::Stub;
using Support = pb::Support::Stub;

class ArchivedUsageTest : public StackTest {
 protected:
  static void SetUpTestSuite() { StartStack({}); }

  static std::string Usage(const std::string& id, absl::Time start) {
    return absl::StrCat("account_id: 'acme' usage { usage_id: '", id,
                        "' user_id: 'ann' start_time { seconds: ", absl::ToUnixSeconds(start),
                        " } call { direction: DIRECTION_OUTBOUND destination: '+12025550123' "
                        "duration { seconds: 60 } } }");
  }
  template <typename Response>
  static void ExpectArchived(const absl::StatusOr<Response>& response) {
    EXPECT_EQ(ReasonOf(response.status()), "USAGE_ARCHIVED") << response.status();
    EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  }
};

TEST_F(ArchivedUsageTest, U8_CallersAreToldWhatHasLeft) {
  const absl::CivilMonth month =
      absl::ToCivilMonth(absl::Now() - absl::Hours(24 * 80), absl::UTCTimeZone());
  const absl::Time then = absl::FromCivil(absl::CivilSecond(month), absl::UTCTimeZone());
  const std::string name = absl::StrFormat("%04d-%02d", month.year(), month.month());
  Must(&Accounts::OpenAccount, "account_id: 'acme'");
  Must(&Support::RecordPayment,
       "account_id: 'acme' request_id: 'paid' means: PAYMENT_MEANS_BANK_TRANSFER "
       "amount { currency_code: 'USD' units: 20 } reason: 'by bank'");
  Must(&Accounts::PutUser, "account_id: 'acme' user_id: 'ann'");
  const auto booked = Must(&Ledger::RecordUsage, Usage("old", then + absl::Hours(1)));
  Must(&Ledger::RecordUsage, Usage("new", absl::Now() - absl::Hours(1)));

  const std::string folder = absl::StrCat("--archive_dir=", stack_->folder());
  const Stack::Ended archived =
      stack_->RunLedger({"archive", folder, "--month=" + name, "--archive_after=960h"});
  ASSERT_EQ(archived.exit_code, 0) << archived.errors;
  EXPECT_THAT(archived.output, HasSubstr("archived 1 entries"));
  const Stack::Ended checked = stack_->RunLedger({"verify-archive", folder});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_THAT(checked.output,
              AllOf(HasSubstr("1 archives, 1 entries, 1 numbers"), HasSubstr("0 differences")));

  const auto repeat = Must(&Ledger::RecordUsage, Usage("old", then + absl::Hours(1)));
  EXPECT_TRUE(repeat.duplicate() && repeat.archived()) << repeat.DebugString();
  EXPECT_EQ(repeat.seq(), booked.seq());
  EXPECT_FALSE(repeat.has_cost());
  EXPECT_EQ(ReasonOf(Ask(&Ledger::RecordUsage, Usage("more", then + absl::Hours(2))).status()),
            "USAGE_TOO_OLD");
  ExpectArchived(Ask(&Accounts::GetUsage, "account_id: 'acme' usage_id: 'old'"));
  ExpectArchived(Ask(&Ledger::VoidUsage, "account_id: 'acme' usage_id: 'old' reason: 'wrong'"));
  // All was booked today, so that all of it stays whole, and statements with it.
  const std::string since_then =
      absl::StrCat("account_id: 'acme' begin_time { seconds: ", absl::ToUnixSeconds(then), " }");
  EXPECT_THAT(Must(&Accounts::ListEntries, since_then).entries(), SizeIs(3));
  const auto usage = Must(&Accounts::ListUsage, "account_id: 'acme'");
  EXPECT_THAT(usage.usage_records(), SizeIs(1));
  EXPECT_EQ(usage.archived_through(), name);
  const auto summary =
      Must(&Accounts::SummarizeUsage,
           absl::StrCat("account_id: 'acme' start_from { seconds: ", absl::ToUnixSeconds(then),
                        " } start_before { seconds: ", absl::ToUnixSeconds(absl::Now()), " }"));
  EXPECT_EQ(summary.archived_through(), name);
  EXPECT_EQ(Must(&Accounts::ListEntries, "account_id: 'acme'").archived_through(), name);
  ExpectAudited("acme");
  // As if the first had been booked in that month.
  stack_->database().Execute("UPDATE archived_heads SET seq = 1");
  ExpectArchived(Ask(&Accounts::ListEntries, since_then));
  stack_->database().Execute("UPDATE archived_heads SET seq = 0");
}

}  // namespace
}  // namespace reserve::e2e
