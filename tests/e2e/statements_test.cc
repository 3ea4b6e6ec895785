// Statements, receipts and exports, by the real processes: what a customer is shown of a month, as
// RPCs say it, as a page in a browser and as a file for a spreadsheet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/clock/calendar.h"
#include "tests/e2e/stack_suite.h"
#include "tests/support/build_tree.h"
#include "tests/support/test_authority.h"
#include "tests/support/wait_until.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using test_support::ContentOf;
using test_support::FindProgram;
using test_support::Subprocess;
using test_support::WaitUntil;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Support = pb::Support::Stub;

constexpr char kNewYork[] = "America/New_York";
// What a person might write, and neither a browser nor a spreadsheet may do.
constexpr char kScript[] = "<script>document.title=1</script>";
constexpr char kFormula[] = "=HYPERLINK(1)";

class StatementsTest : public StackTest {
 protected:
  static void SetUpTestSuite() {
    StartStack({.ledger_flags = {"--poll_interval=50ms", "--lease_duration=2s"},
                .gateway = true,
                .workers = 1,
                .worker_flags = {"--charge_timeout=300ms"}});
  }

  static void OpenFunded(const std::string& id) {
    Must(&Accounts::OpenAccount, absl::StrCat("account_id: '", id, "' card_token: 'tok_visa#", id,
                                              "' time_zone: '", kNewYork, "'"));
    EXPECT_TRUE(WaitUntil([&] { return Balance(id) == "15.00"; })) << Balance(id);
    Must(&Accounts::UpdatePaymentMethod,
         absl::StrCat("account_id: '", id, "' payment_method { payment_method_id: 'card-1' brand: ",
                      "'<i>Visa' last_four: '4242' }"));
    for (const std::string user : {"ann", "bob"}) {
      Must(&Accounts::PutUser, absl::StrCat("account_id: '", id, "' user_id: '", user, "'"));
    }
  }
  static void CallOut(const std::string& id, const std::string& user, const std::string& number,
                      int seconds) {
    static int calls = 0;
    Must(&Ledger::RecordUsage,
         absl::StrCat("account_id: '", id, "' usage { usage_id: 'call-", ++calls, "' user_id: '",
                      user, "' start_time { seconds: ", absl::ToUnixSeconds(absl::Now()) - 3600,
                      " } call { direction: DIRECTION_OUTBOUND destination: '", number,
                      "' duration { seconds: ", seconds, " } } }"));
  }
  // So many texts to ann, which cost nothing.
  static void RecordTexts(const std::string& id, const std::string& name, int count,
                          absl::Time start) {
    for (int begin = 0; begin < count; begin += 400) {
      pb::BatchRecordUsageRequest batch;
      for (int i = begin; i < std::min(count, begin + 400); ++i) {
        *batch.add_requests() = Parse<pb::RecordUsageRequest>(absl::StrCat(
            "account_id: '", id, "' usage { usage_id: '", name, "-", i,
            "' user_id: 'ann' start_time { seconds: ", absl::ToUnixSeconds(start),
            " } sms { direction: DIRECTION_INBOUND destination: '+12025550123' segments: 1 } }"));
      }
      ASSERT_TRUE(Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch).ok());
    }
  }
  static void Adjust(const std::string& id, int units, const std::string& reason) {
    static int adjustments = 0;
    Must(&Support::AdjustBalance,
         absl::StrCat("account_id: '", id, "' request_id: 'adjust-", ++adjustments,
                      "' amount { currency_code: 'USD' units: ", units, " } reason: '", reason,
                      "'"));
  }
  static void TopUp(const std::string& id, int units) {
    const pb::Recharge asked =
        Must(&Accounts::RequestRecharge,
             absl::StrCat("account_id: '", id, "' request_id: 'top-up-", units,
                          "' amount { currency_code: 'USD' units: ", units, " }"));
    EXPECT_TRUE(WaitUntil([&] {
      const auto list = Must(&Accounts::ListRecharges, absl::StrCat("account_id: '", id, "'"));
      return list.recharges(0).ordinal() == asked.ordinal() &&
             list.recharges(0).state() == pb::RECHARGE_STATE_SUCCEEDED;
    }));
  }
  static int64_t LastSeq(const std::string& id) { return Account(id).last_seq(); }

  // Lives through a month, and moves the times at which it was booked into March 2026; then one
  // entry more, of today. The last seq of March.
  static int64_t LiveThroughMarch(const std::string& id) {
    OpenFunded(id);
    for (int i = 0; i < 12; ++i) {
      CallOut(id, "ann", "+12025550123", 300 + 97 * (i % 5));
      if (i % 2 == 0) CallOut(id, "bob", "+12025550188", 1200);
      if (i % 3 == 0) CallOut(id, "ann", "+18765550123", 420);
      if (i == 4) TopUp(id, 20);
      if (i == 7) Adjust(id, 2, kFormula);
      if (i == 9) Adjust(id, 1, kScript);
    }
    Must(&Support::RefundRecharge,
         absl::StrCat("account_id: '", id,
                      "' request_id: 'refund' ordinal: 1 amount { units: 6 "
                      "} reason: 'asked'"));
    const int64_t last = LastSeq(id);
    // From March 1st, 00:30 in New York, to the 31st.
    stack_->database().Execute(
        absl::StrCat("UPDATE entries SET record_time = TIMESTAMP '2026-03-01 05:30:00' + INTERVAL "
                     "(seq - 1) * ",
                     int64_t{30} * 24 * 60 / last, " MINUTE WHERE account_id = '", id, "'"));
    Adjust(id, 1, "of today");
    return last;
  }

  static pb::ListEntriesResponse Statement(const std::string& id, const std::string& month) {
    return Must(&Accounts::ListEntries,
                absl::StrCat("account_id: '", id, "' month: '", month, "' page_size: 1000"));
  }
  // All pages of a query, and how many of them said what the period comes to.
  static std::vector<int64_t> SeqsOf(const std::string& query, int* periods) {
    std::vector<int64_t> seqs;
    std::string token;
    do {
      const auto page =
          Must(&Accounts::ListEntries, absl::StrCat(query, " page_token: '", token, "'"));
      for (const pb::Entry& entry : page.entries()) seqs.push_back(entry.seq());
      *periods += page.has_period() ? 1 : 0;
      token = page.next_page_token();
    } while (!token.empty());
    return seqs;
  }

  // One stream, at most so many messages of it.
  static std::vector<pb::ExportResponse> Exported(const pb::ExportRequest& request, size_t most) {
    grpc::ClientContext context;
    std::vector<pb::ExportResponse> messages;
    const auto reader = stack_->accounts().Export(&context, request);
    pb::ExportResponse message;
    while (messages.size() < most && reader->Read(&message)) messages.push_back(message);
    if (messages.size() == most) context.TryCancel();
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok() || messages.size() == most) << status.error_message();
    return messages;
  }

  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
    return lines;
  }
};

TEST_F(StatementsTest, AMonthHasItsBalancesAndTotalsAndMonthsMeet) {
  const int64_t last = LiveThroughMarch("march");
  const pb::StatementPeriod march = Statement("march", "2026-03").period();
  EXPECT_EQ(march.begin_time().seconds(), 1772341200) << "midnight in New York, winter";
  EXPECT_EQ(march.end_time().seconds(), 1775016000) << "midnight in New York, summer";
  EXPECT_EQ(march.first_seq(), 1);
  EXPECT_EQ(march.last_seq(), last);
  EXPECT_TRUE(march.final());
  EXPECT_EQ(Text(march.opening_balance()), "0.00");
  std::vector<pb::EntryKind> kinds;
  int64_t count = 0;
  for (const pb::EntryTotal& total : march.totals()) {
    kinds.push_back(total.kind());
    count += total.count();
  }
  EXPECT_THAT(kinds, ElementsAre(pb::ENTRY_KIND_USAGE, pb::ENTRY_KIND_RECHARGE,
                                 pb::ENTRY_KIND_ADJUSTMENT, pb::ENTRY_KIND_REFUND));
  EXPECT_EQ(count, last);
  EXPECT_EQ(Text(march.totals(1).credits()), "35.00");
  EXPECT_EQ(Text(march.totals(3).debits()), "-6.00");
  EXPECT_EQ(Text(march.credits()), "38.00");
  EXPECT_EQ(Text(march.usage()), Text(march.totals(0).debits()));
  const auto april = Statement("march", "2026-04");
  EXPECT_THAT(april.entries(), IsEmpty());
  EXPECT_TRUE(april.period().final());
  EXPECT_EQ(april.period().first_seq(), 0);
  EXPECT_EQ(Text(april.period().opening_balance()), Text(march.closing_balance()));
  EXPECT_EQ(Text(april.period().closing_balance()), Text(march.closing_balance()));
  EXPECT_THAT(Statement("march", "2026-02").entries(), IsEmpty());
  const auto later =
      Must(&Accounts::ListEntries, "account_id: 'march' begin_time { seconds: 1775016000 }");
  EXPECT_EQ(later.period().first_seq(), last + 1);
  EXPECT_FALSE(later.period().final());
  EXPECT_EQ(Text(later.period().closing_balance()), Balance("march"));
  EXPECT_EQ(Statement("march", "2026-03").period().SerializeAsString(), march.SerializeAsString());
  // What ran keeps its ends, wherever the account is by now.
  Must(&Accounts::UpdateAccount,
       "account_id: 'march' account { time_zone: 'Asia/Tokyo' billing_day: 15 }");
  EXPECT_EQ(Statement("march", "2026-03").period().SerializeAsString(), march.SerializeAsString());
}

TEST_F(StatementsTest, PagesOfAPeriodHaveEachEntryOnceEitherWay) {
  const int64_t last = LiveThroughMarch("pages");
  std::vector<int64_t> all;
  for (int64_t seq = 1; seq <= last; ++seq) all.push_back(seq);
  int periods = 0;
  const std::string query = "account_id: 'pages' month: '2026-03' page_size: 7 ";
  EXPECT_EQ(SeqsOf(query + "oldest_first: true", &periods), all);
  std::reverse(all.begin(), all.end());
  EXPECT_EQ(SeqsOf(query, &periods), all);
  EXPECT_EQ(periods, 2) << "each on its first page alone";
  const std::string money = "kinds: ENTRY_KIND_RECHARGE kinds: ENTRY_KIND_REFUND page_size: 1";
  EXPECT_THAT(SeqsOf("account_id: 'pages' oldest_first: true " + money, &periods),
              ElementsAre(1, testing::Gt(2), last));
  EXPECT_EQ(periods, 2) << "without a period there is none";
  // A page's token is of its query.
  const auto page = Must(&Accounts::ListEntries, query);
  for (const std::string other :
       {"account_id: 'pages' month: '2026-04'",
        "account_id: 'pages' month: '2026-03' oldest_first: "
        "true",
        "account_id: 'pages' month: '2026-03' kinds: ENTRY_KIND_USAGE", "account_id: 'pages'"}) {
    const auto refused = Ask(&Accounts::ListEntries,
                             absl::StrCat(other, " page_token: '", page.next_page_token(), "'"));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << other;
  }
}

TEST_F(StatementsTest, ReceiptsOfWhatTheWorkerChargedAndGaveBack) {
  OpenFunded("receipts");
  TopUp("receipts", 20);
  Must(&Support::RefundRecharge,
       "account_id: 'receipts' request_id: 'r' ordinal: 2 amount { units: 5 } reason: 'asked'");
  const auto list = Must(&Accounts::ListReceipts, "account_id: 'receipts' page_size: 2");
  ASSERT_EQ(list.receipts_size(), 2);
  EXPECT_EQ(list.receipts(0).number(), 3);
  EXPECT_EQ(list.receipts(0).kind(), pb::ENTRY_KIND_REFUND);
  EXPECT_EQ(Text(list.receipts(0).amount()), "-5.00");
  EXPECT_EQ(list.receipts(0).refunded_ordinal(), 2);
  EXPECT_EQ(list.receipts(0).card_last_four(), "4242");
  const pb::Receipt& top_up = list.receipts(1);
  EXPECT_EQ(top_up.number(), 2);
  EXPECT_EQ(Text(top_up.amount()), "20.00");
  EXPECT_EQ(Text(top_up.requested_amount()), "20.00");
  EXPECT_EQ(top_up.recharge_kind(), pb::RECHARGE_KIND_TOP_UP);
  EXPECT_EQ(top_up.card_brand(), "<i>Visa");
  EXPECT_THAT(top_up.charge_id(), Not(IsEmpty()));
  EXPECT_EQ(list.receipts(0).charge_id(), top_up.charge_id());
  const auto rest = Must(&Accounts::ListReceipts,
                         absl::StrCat("account_id: 'receipts' page_size: 2 page_token: '",
                                      list.next_page_token(), "'"));
  ASSERT_EQ(rest.receipts_size(), 1);
  EXPECT_EQ(rest.receipts(0).recharge_kind(), pb::RECHARGE_KIND_INITIAL);
  EXPECT_THAT(rest.next_page_token(), IsEmpty());
  const auto one = Must(&Accounts::GetReceipt, "account_id: 'receipts' number: 2");
  EXPECT_EQ(one.SerializeAsString(), top_up.SerializeAsString());
  // It stays as it is, whatever becomes of the card.
  Must(&Accounts::RemovePaymentMethod, "account_id: 'receipts' payment_method_id: 'card-1'");
  EXPECT_EQ(Must(&Accounts::GetReceipt, "account_id: 'receipts' number: 2").SerializeAsString(),
            top_up.SerializeAsString());
  ExpectAudited("receipts");
}

TEST_F(StatementsTest, AnExportGoesOnWhereItBrokeWithoutAGapOrADouble) {
  OpenFunded("many");
  constexpr int kTexts = 1200;
  RecordTexts("many", "text", kTexts, absl::Now() - absl::Minutes(1));
  for (const pb::ExportKind kind : {pb::EXPORT_KIND_USAGE, pb::EXPORT_KIND_ENTRIES}) {
    pb::ExportRequest request;
    request.set_account_id("many");
    request.set_kind(kind);
    std::vector<int64_t> seqs;
    bool done = false;
    int streams = 0;
    while (!done && ++streams < 20) {
      // Each stream breaks after its first message.
      const std::vector<pb::ExportResponse> messages = Exported(request, 1);
      ASSERT_THAT(messages, SizeIs(1));
      for (const auto& each : messages[0].usage_records()) seqs.push_back(each.seq());
      for (const auto& each : messages[0].entries()) seqs.push_back(each.seq());
      request.set_resume_token(messages[0].resume_token());
      done = messages[0].done();
    }
    EXPECT_GE(streams, 3);
    EXPECT_TRUE(std::is_sorted(seqs.begin(), seqs.end()));
    EXPECT_EQ(std::set<int64_t>(seqs.begin(), seqs.end()).size(), seqs.size());
    EXPECT_THAT(seqs, SizeIs(kind == pb::EXPORT_KIND_USAGE ? kTexts : LastSeq("many")));
  }
}

TEST_F(StatementsTest, ExportsOfAllAccountsAreSafeForSpreadsheets) {
  OpenFunded("sheet-1");
  OpenFunded("sheet-2");
  CallOut("sheet-1", "ann", "+442079460000", 60);
  Adjust("sheet-2", -3, kFormula);
  Adjust("sheet-2", 1, "said, \"fine\"");
  const Stack::Ended entries = stack_->RunLedger({"export", "entries"});
  ASSERT_EQ(entries.exit_code, 0) << entries.errors;
  EXPECT_THAT(entries.output, StartsWith("account_id,seq,record_time,kind,amount,"));
  EXPECT_THAT(entries.output, HasSubstr(",-3.00,USD,")) << "a number stays a number";
  EXPECT_THAT(entries.output, HasSubstr(absl::StrCat(",'", kFormula, ",")));
  EXPECT_THAT(entries.output, HasSubstr(",\"said, \"\"fine\"\"\","));
  EXPECT_THAT(entries.output, AllOf(HasSubstr("\nsheet-1,1,"), HasSubstr("\nsheet-2,1,")));
  EXPECT_THAT(entries.errors, HasSubstr(" rows"));
  const Stack::Ended usage = stack_->RunLedger({"export", "usage", "--account=sheet-1"});
  EXPECT_THAT(usage.output, HasSubstr(",'+442079460000,"));
  EXPECT_THAT(Lines(usage.output), SizeIs(2));
  const Stack::Ended raw = stack_->RunLedger({"export", "usage", "--account=sheet-1", "--raw"});
  EXPECT_THAT(raw.output, HasSubstr(",+442079460000,"));
  const Stack::Ended recharges = stack_->RunLedger({"export", "recharges", "--account=sheet-1"});
  EXPECT_THAT(recharges.output, HasSubstr("\nsheet-1,1,initial,succeeded,"));
  EXPECT_EQ(stack_->RunLedger({"export"}).exit_code, 2);
  EXPECT_EQ(stack_->RunLedger({"export", "everything"}).exit_code, 2);
  const Stack::Ended nobody = stack_->RunLedger({"export", "usage", "--account=nobody"});
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_THAT(nobody.errors, HasSubstr("nobody"));
}

TEST_F(StatementsTest, TheReportAsCsvHasALineForEachEntry) {
  const int64_t last = LiveThroughMarch("lines");
  const Stack::Ended report =
      stack_->RunLedger({"report", "--account=lines", "--month=2026-03", "--format=csv"});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  const std::vector<std::string> lines = Lines(report.output);
  ASSERT_THAT(lines, SizeIs(last + 1));
  EXPECT_THAT(lines[1], StartsWith("1,2026-03-01T05:30:00.000000Z,recharge,"));
  EXPECT_THAT(report.output, AllOf(HasSubstr(",'+12025550123,"), HasSubstr(",'=HYPERLINK")));
  EXPECT_THAT(report.output, Not(HasSubstr("of today")));
  EXPECT_EQ(stack_->RunLedger({"report", "--account=lines"}).exit_code, 2);
  EXPECT_EQ(
      stack_->RunLedger({"report", "--account=lines", "--month=2026-03", "--format=pdf"}).exit_code,
      2);
  EXPECT_EQ(stack_->RunLedger({"report", "--account=lines", "--month=march"}).exit_code, 2);
}

TEST_F(StatementsTest, TheReportAsCsvIsRawForWhoeverAsksForIt) {
  OpenFunded("raw");
  CallOut("raw", "ann", "+442079460000", 60);
  Adjust("raw", -2, kFormula);
  const std::string month = absl::FormatTime("%Y-%m", absl::Now(), *FindTimeZone(kNewYork));
  const std::vector<std::string> command = {"report", "--account=raw", "--month=" + month,
                                            "--format=csv"};
  const std::string guarded = stack_->RunLedger(command).output;
  EXPECT_THAT(guarded, AllOf(HasSubstr(",'+442079460000,"), HasSubstr(",'=HYPERLINK(1),-2.00,")));
  std::vector<std::string> with_raw = command;
  with_raw.push_back("--raw");
  const std::string raw = stack_->RunLedger(with_raw).output;
  EXPECT_THAT(raw, AllOf(HasSubstr(",+442079460000,"), HasSubstr(",=HYPERLINK(1),-2.00,")));
  EXPECT_EQ(Lines(raw).size(), Lines(guarded).size());
}

// What is unusual reads well, too.
TEST_F(StatementsTest, TheReportOfAnEmptyMonthSaysSo) {
  OpenFunded("idle");
  const Stack::Ended report = stack_->RunLedger({"report", "--account=idle", "--month=2026-02"});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  EXPECT_THAT(report.output,
              AllOf(HasSubstr("Nothing was spent."), HasSubstr("None."),
                    HasSubstr("No calls or texts."), HasSubstr("No call drew on free minutes.")));
  EXPECT_THAT(report.output, AllOf(Not(HasSubstr("<svg")), Not(HasSubstr("0.000000001")),
                                   Not(HasSubstr("<th>Date"))));
}

TEST_F(StatementsTest, TheReportNamesPeopleAndTellsOfADebt) {
  const std::string long_name(120, 'W');
  OpenFunded("owes");
  Must(&Accounts::UpdateAccount,
       absl::StrCat("account_id: 'owes' account { display_name: '", long_name, "' }"));
  Must(&Accounts::PutUser,
       "account_id: 'owes' user_id: 'ann' user { display_name: 'Ann <b>Brook' }");
  CallOut("owes", "ann", "+18765550123", 600);
  CallOut("owes", "bob", "+12025550188", 60);
  Adjust("owes", -40, "a cheque that bounced");
  Must(&Accounts::RemoveUser, "account_id: 'owes' user_id: 'ann'");
  const std::string month = absl::FormatTime("%Y-%m", absl::Now(), *FindTimeZone(kNewYork));
  const Stack::Ended report = stack_->RunLedger({"report", "--account=owes", "--month=" + month});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  EXPECT_THAT(report.output, HasSubstr(absl::StrCat("<b>", long_name, " (owes)</b>")));
  EXPECT_THAT(report.output,
              AllOf(HasSubstr("Ann &lt;b&gt;Brook (ann)"), Not(HasSubstr("<b>Brook"))));
  EXPECT_THAT(report.output, HasSubstr(">bob<"));
  EXPECT_THAT(report.output, HasSubstr("account owed 26.80."));
}

TEST_F(StatementsTest, TheReportOfAMonthIsTheSameWhenACallOfItIsTakenBackLater) {
  LiveThroughMarch("same");
  const std::vector<std::string> command = {"report", "--account=same", "--month=2026-03"};
  const std::string before = stack_->RunLedger(command).output;
  ASSERT_THAT(before, HasSubstr("id=\"minutes\""));
  const pb::ListEntriesResponse march = Statement("same", "2026-03");
  std::string usage_id;
  for (const pb::Entry& entry : march.entries()) {
    if (entry.kind() == pb::ENTRY_KIND_USAGE) usage_id = entry.usage_id();
  }
  Must(&Ledger::VoidUsage,
       absl::StrCat("account_id: 'same' usage_id: '", usage_id, "' reason: 'a wrong record'"));
  EXPECT_EQ(stack_->RunLedger(command).output, before);
}

// A record may come long after its call, and lists of usages go by when calls began: the statement
// goes by booking, and has each call that is in it, wherever the list has it.
TEST_F(StatementsTest, TheReportHasEachUsageOfItsMonthHoweverLongAgoItBegan) {
  Must(&Accounts::OpenAccount,
       absl::StrCat("account_id: 'late' time_zone: '", kNewYork, "' display_name: 'Late'"));
  for (const std::string user : {"ann", "bob"}) {
    Must(&Accounts::PutUser, absl::StrCat("account_id: 'late' user_id: '", user, "'"));
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  const absl::CivilMonth month = absl::CivilMonth(absl::ToCivilSecond(absl::Now(), utc)) - 2;
  const auto day = [&](const absl::CivilMonth& of, int number) {
    return absl::FromCivil(absl::CivilDay(of) + number, utc);
  };
  // More than a page of the list before the one that began first.
  constexpr int kBefore = 100;
  constexpr int kWithin = 950;
  RecordTexts("late", "before", kBefore, day(month - 1, 10));
  RecordTexts("late", "within", kWithin, day(month, 10));
  Must(&Ledger::RecordUsage,
       absl::StrCat("account_id: 'late' usage { usage_id: 'late' user_id: 'bob' start_time { "
                    "seconds: ",
                    absl::ToUnixSeconds(day(month - 2, 14)),
                    " } call { direction: DIRECTION_OUTBOUND destination: '+12025550188' duration "
                    "{ seconds: 60 } } }"));
  stack_->database().Execute(absl::StrCat("UPDATE entries SET record_time = IF(seq <= ", kBefore,
                                          ",'",
                                          absl::FormatTime("%Y-%m-%d", day(month - 1, 20), utc),
                                          "','", absl::FormatTime("%Y-%m-%d", day(month, 20), utc),
                                          "') + INTERVAL seq SECOND WHERE account_id = 'late'"));
  const Stack::Ended report = stack_->RunLedger(
      {"report", "--account=late", "--month=" + absl::FormatCivilTime(month), "--format=csv"});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  const std::vector<std::string> lines = Lines(report.output);
  ASSERT_THAT(lines, SizeIs(1 + kWithin + 1));
  EXPECT_THAT(lines[1], HasSubstr(",within-0,ann,"));
  EXPECT_THAT(lines.back(), HasSubstr(",late,bob,'+12025550188,60,"));
  const Stack::Ended before = stack_->RunLedger(
      {"report", "--account=late", "--month=" + absl::FormatCivilTime(month - 1), "--format=csv"});
  EXPECT_THAT(Lines(before.output), SizeIs(1 + kBefore));
  EXPECT_THAT(before.output, AllOf(HasSubstr(",before-99,ann,"), Not(HasSubstr("bob"))));
}

// What a browser makes of a page, and how it looks; empty where it did not end.
struct Seen {
  std::string dom;
  std::string picture;  // PNG
};
Seen LookAt(const std::string& browser, const std::string& folder, const std::string& page) {
  Seen seen;
  const std::string picture = absl::StrCat(folder, "/statement.png");
  std::filesystem::remove(picture);
  const std::vector<std::string> always = {
      "--headless",        "--no-sandbox",           "--disable-gpu",
      "--hide-scrollbars", "--window-size=860,2100", "--user-data-dir=" + folder + "/browser"};
  for (const std::string& what : {std::string("--dump-dom"), "--screenshot=" + picture}) {
    std::vector<std::string> args = always;
    args.push_back(what);
    args.push_back("file://" + page);
    auto process = Subprocess::Start({.program = browser, .args = args});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return seen;
    EXPECT_EQ((*process)->Wait(absl::Seconds(120)), 0) << (*process)->Stderr();
    if (what == "--dump-dom") seen.dom = (*process)->Stdout();
  }
  seen.picture = ContentOf(picture);
  return seen;
}

TEST_F(StatementsTest, TheReportIsAPageThatABrowserDraws) {
  LiveThroughMarch("drawn");
  const Stack::Ended report = stack_->RunLedger({"report", "--account=drawn", "--month=2026-03"});
  ASSERT_EQ(report.exit_code, 0) << report.errors;
  EXPECT_THAT(report.output, AllOf(StartsWith("<!DOCTYPE html>"), Not(HasSubstr("<script")),
                                   Not(HasSubstr("<i>Visa")), HasSubstr("&lt;i&gt;Visa ")));
  const std::string folder = absl::StrCat(test_support::BuildDir(), "/statement");
  std::filesystem::create_directories(folder);
  const std::string page = absl::StrCat(folder, "/statement.html");
  std::ofstream(page) << report.output;
  const std::string browser = FindProgram("chromium");
  if (browser.empty()) GTEST_SKIP() << "no chromium here: ./run setup installs it";
  const Seen seen = LookAt(browser, folder, page);
  EXPECT_THAT(seen.dom, HasSubstr("<title>Statement of drawn, 2026-03</title>"))
      << "what people wrote must not run";
  EXPECT_THAT(seen.dom, HasSubstr("&lt;script&gt;document.title=1&lt;/script&gt;"));
  EXPECT_THAT(seen.dom,
              AllOf(HasSubstr("<figure id=\"spend\">"), HasSubstr("<figure id=\"minutes\">"),
                    HasSubstr("<figure id=\"recharges\">")));
  // The plots have their bars and lines, each of which the browser has read as such.
  EXPECT_GE(std::vector<std::string>(absl::StrSplit(seen.dom, "<rect ")).size(), 8U);
  EXPECT_THAT(std::vector<std::string>(absl::StrSplit(seen.dom, "<path ")), SizeIs(3));
  ASSERT_GE(seen.picture.size(), 30'000U) << "an empty page is smaller";
  EXPECT_EQ(seen.picture.substr(1, 3), "PNG");
}

}  // namespace
}  // namespace reserve::e2e
