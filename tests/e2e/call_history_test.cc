// The history that answers questions, by the real processes: usages by when they began, by every
// filter and in both orders, what they add up to by days of the account's time zone, single entries
// and recharges, and accounts that somebody looks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "common/error/error.h"
#include "common/rpc/conversions.h"
#include "tests/e2e/stack_suite.h"

namespace reserve::e2e {
namespace {

namespace pb = ledger::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Accounts = pb::Accounts::Stub;
using Ledger = pb::Ledger::Stub;
using Recharges = pb::Recharges::Stub;
using Support = pb::Support::Stub;

constexpr char kUs[] = "+12125550100";       // 0.0100 a minute: standard
constexpr char kJamaica[] = "+18765550123";  // 0.1800 a minute: dearer
constexpr char kNowhere[] = "+99999999999";  // in no deck

const auto& RowsOf(const pb::ListRechargesResponse& page) { return page.recharges(); }
const auto& RowsOf(const pb::ListRefundsResponse& page) { return page.refunds(); }
const auto& RowsOf(const pb::ListPaymentsResponse& page) { return page.payments(); }

class CallHistoryTest : public StackTest {
 protected:
  static void SetUpTestSuite() { StartStack({}); }

  static std::string Head(const std::string& id) { return absl::StrCat("account_id: '", id, "' "); }
  static std::string TimeText(const std::string& field, absl::Time time) {
    return absl::StrCat(field, " { seconds: ", absl::ToUnixSeconds(time), " } ");
  }
  static void Open(const std::string& id, const std::string& more = "") {
    Must(&Accounts::OpenAccount, Head(id) + more);
    for (const std::string user : {"ann", "bob"}) {
      Must(&Accounts::PutUser, absl::StrCat(Head(id), "user_id: '", user, "'"));
    }
  }
  static std::string CallText(const std::string& usage_id, const std::string& user,
                              const std::string& destination, absl::Time start,
                              int64_t seconds = 60) {
    return absl::StrCat("usage { usage_id: '", usage_id, "' user_id: '", user, "' ",
                        TimeText("start_time", start),
                        "call { direction: DIRECTION_OUTBOUND destination: '", destination,
                        "' duration { seconds: ", seconds, " } } } ");
  }
  static void Record(const std::string& id, const std::string& usage) {
    Must(&Ledger::RecordUsage, Head(id) + usage);
  }
  // The ids of a list, of all its pages of two.
  static std::vector<std::string> List(const std::string& id, const std::string& filter = "") {
    std::vector<std::string> ids;
    std::string token;
    do {
      const auto page =
          Must(&Accounts::ListUsage,
               absl::StrCat(Head(id), filter, " page_size: 2 page_token: '", token, "'"));
      EXPECT_EQ(page.has_searched_until(), !page.next_page_token().empty());
      for (const pb::UsageRecord& record : page.usage_records()) {
        ids.push_back(record.usage().usage_id());
      }
      token = page.next_page_token();
    } while (!token.empty());
    return ids;
  }
  // "<day> <user> <country> <usages> <seconds> <free seconds> <segments> <cost>" each.
  static std::vector<std::string> Sums(const std::string& id, absl::Time from, absl::Time before,
                                       const std::string& grouping) {
    const auto summary =
        Must(&Accounts::SummarizeUsage, absl::StrCat(Head(id), TimeText("start_from", from),
                                                     TimeText("start_before", before), grouping));
    std::vector<std::string> texts;
    for (const pb::UsageSummary& sum : summary.summaries()) {
      texts.push_back(absl::StrCat(sum.day(), "|", sum.user_id(), "|", sum.country(), "|",
                                   sum.usages(), "|", sum.duration().seconds(), "|",
                                   sum.free_duration().seconds(), "|", sum.segments(), "|",
                                   Text(sum.cost())));
    }
    EXPECT_EQ(summary.through_seq(), Account(id).last_seq());
    return texts;
  }
  // The numbers of a list of events, of all its pages of two.
  static std::vector<int64_t> Events(const std::string& id, const std::string& filter = "") {
    std::vector<int64_t> seqs;
    std::string token;
    do {
      const auto page =
          Must(&pb::Events::Stub::ListEvents,
               absl::StrCat(Head(id), filter, " page_size: 2 page_token: '", token, "'"));
      for (const pb::Event& event : page.events()) seqs.push_back(event.event_seq());
      token = page.next_page_token();
    } while (!token.empty());
    return seqs;
  }
  static std::vector<std::string> ListAccounts(const std::string& filter) {
    std::vector<std::string> ids;
    const pb::ListAccountsResponse found = Must(&Accounts::ListAccounts, filter);
    for (const pb::Account& account : found.accounts()) {
      ids.push_back(account.account_id());
    }
    return ids;
  }
  static void Succeed(const std::string& id, const std::string& charge_id) {
    Must(&Recharges::ReportRecharge,
         absl::StrCat(Head(id), "ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: '",
                      charge_id, "' amount { currency_code: 'USD' units: 15 } }"));
  }
  // A recharge (1), a refund of it (2), a payment by bank (3), one in cash that is taken back (4)
  // and a refund that waits (5): each, and its first receipt, of its own day of January.
  static void MakeMoney(const std::string& id) {
    Open(id, absl::StrCat("card_token: 'tok_visa#", id, "' "));
    Succeed(id, absl::StrCat("ch_", id));
    const std::string refund = Head(id) + "ordinal: 1 reason: 'asked' amount { units: 2 } ";
    const std::string payment =
        Head(id) + "reason: 'paid' amount { currency_code: 'USD' units: 20 } ";
    Must(&Support::RefundRecharge, refund + "request_id: 'r-1'");
    Must(&Recharges::ReportRecharge,
         absl::StrCat(Head(id),
                      "ordinal: 2 attempt: 1 worker_id: 'w' refund_succeeded { refund_id: 're_", id,
                      "' }"));
    Must(&Support::RecordPayment,
         payment + "request_id: 'p-1' means: PAYMENT_MEANS_BANK_TRANSFER reference: 'transfer-7'");
    Must(&Support::RecordPayment, payment + "request_id: 'p-2' means: PAYMENT_MEANS_CASH");
    Must(&Support::ReversePayment, Head(id) + "request_id: 'b' ordinal: 4 reason: 'bounced'");
    Must(&Support::RefundRecharge, refund + "request_id: 'r-2'");
    for (const std::string table : {"recharges", "receipts"}) {
      stack_->database().Execute(
          absl::StrCat("UPDATE ", table, " SET create_time = '2026-01-01' + INTERVAL ordinal DAY ",
                       "WHERE account_id = '", id, "'"));
    }
  }
  // The ordinals of a list, of all its pages of two.
  template <typename Request, typename Response>
  static std::vector<int64_t> Ordinals(grpc::Status (Accounts::*method)(grpc::ClientContext*,
                                                                        const Request&, Response*),
                                       const std::string& id, const std::string& filter) {
    std::vector<int64_t> ordinals;
    std::string token;
    do {
      const Response page =
          Must(method, absl::StrCat(Head(id), filter, " page_size: 2 page_token: '", token, "'"));
      EXPECT_EQ(page.searched_until_ordinal() != 0, !page.next_page_token().empty());
      for (const auto& row : RowsOf(page)) ordinals.push_back(row.ordinal());
      token = page.next_page_token();
    } while (!token.empty());
    return ordinals;
  }
  static std::vector<int64_t> Receipts(const std::string& id, const std::string& filter) {
    std::vector<int64_t> ordinals;
    std::string token;
    do {
      const auto page =
          Must(&Accounts::ListReceipts,
               absl::StrCat(Head(id), filter, " page_size: 2 page_token: '", token, "'"));
      for (const pb::Receipt& receipt : page.receipts()) {
        ordinals.push_back(receipt.recharge_ordinal());
      }
      token = page.next_page_token();
    } while (!token.empty());
    return ordinals;
  }
  static absl::Time Hours(int64_t before_now) {
    return absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now())) - absl::Hours(before_now);
  }
};

TEST_F(CallHistoryTest, UsagesAreListedByWhenTheyBeganAndByEveryFilter) {
  Open("acme");
  Record("acme", CallText("c3", "ann", kUs, Hours(3)));
  Record("acme", CallText("c1", "ann", kJamaica, Hours(9)));  // comes late
  Record("acme", CallText("c2", "bob", kUs, Hours(6), 120));
  Record("acme",
         absl::StrCat("usage { usage_id: 't4' user_id: 'bob' ", TimeText("start_time", Hours(2)),
                      "sms { direction: DIRECTION_INBOUND destination: '+12125550100' "
                      "segments: 2 } }"));
  Record("acme", CallText("c5", "ann", kJamaica, Hours(1), 600));
  EXPECT_THAT(List("acme"), ElementsAre("c5", "t4", "c3", "c2", "c1"));
  EXPECT_THAT(List("acme", "order: USAGE_ORDER_OLDEST_FIRST"),
              ElementsAre("c1", "c2", "c3", "t4", "c5"));
  EXPECT_THAT(List("acme", "user_id: 'ann'"), ElementsAre("c5", "c3", "c1"));
  EXPECT_THAT(List("acme", "kind: USAGE_KIND_SMS"), ElementsAre("t4"));
  EXPECT_THAT(List("acme", "direction: DIRECTION_OUTBOUND order: USAGE_ORDER_OLDEST_FIRST"),
              ElementsAre("c1", "c2", "c3", "c5"));
  EXPECT_THAT(List("acme", "destination: '+12125550100'"), ElementsAre("t4", "c3", "c2"));
  EXPECT_THAT(List("acme", "destination_prefix: '+1876'"), ElementsAre("c5", "c1"));
  EXPECT_THAT(List("acme", "destination_prefix: '187'"), IsEmpty()) << "of short codes";
  EXPECT_THAT(List("acme", "country: 'JM'"), ElementsAre("c5", "c1"));
  EXPECT_THAT(List("acme", "minimum_cost { units: 1 }"), ElementsAre("c5"));
  EXPECT_THAT(List("acme", "minimum_cost { nanos: 180000000 }"), ElementsAre("c5", "c1"));
  EXPECT_THAT(List("acme", TimeText("start_from", Hours(6) + absl::Minutes(1)) +
                               TimeText("start_before", Hours(1) - absl::Minutes(1))),
              ElementsAre("t4", "c3"));
  const absl::Time exact =
      absl::FromUnixSeconds(Must(&Accounts::GetUsage, "account_id: 'acme' usage_id: 'c2'")
                                .usage()
                                .start_time()
                                .seconds());
  EXPECT_THAT(List("acme", TimeText("start_from", exact) + "order: USAGE_ORDER_OLDEST_FIRST"),
              ElementsAre("c2", "c3", "t4", "c5"))
      << "from is included";
  EXPECT_THAT(List("acme", TimeText("start_before", exact)), ElementsAre("c1")) << "before is not";
}

TEST_F(CallHistoryTest, FiltersAndSumsGoByWhatAUsageIsNow) {
  Open("now");
  Record("now", CallText("kept", "ann", kJamaica, Hours(5)));
  Record("now", CallText("voided", "ann", kJamaica, Hours(4)));
  Record("now", CallText("wrong", "bob", kJamaica, Hours(3)));
  Record("now", CallText("nowhere", "bob", kNowhere, Hours(2), 30));
  Must(&Ledger::VoidUsage, Head("now") + "usage_id: 'voided' reason: 'not answered'");
  Must(&Ledger::CorrectUsage, Head("now") + "usage_id: 'wrong' reason: 'wrong CDR' " +
                                  CallText("right", "bob", kJamaica, Hours(3), 120));
  EXPECT_THAT(List("now", "status: USAGE_STATUS_RATED"), ElementsAre("right", "kept"));
  EXPECT_THAT(List("now", "status: USAGE_STATUS_VOIDED"), ElementsAre("wrong", "voided"));
  EXPECT_THAT(List("now", "status: USAGE_STATUS_UNRATED"), ElementsAre("nowhere"));
  EXPECT_THAT(List("now", "minimum_cost { nanos: 100000000 }"), ElementsAre("right", "kept"));
  EXPECT_THAT(List("now", "country: 'JM' status: USAGE_STATUS_VOIDED"),
              ElementsAre("wrong", "voided"));
  EXPECT_THAT(Sums("now", Hours(24), Hours(0), ""), ElementsAre("|||3|210|0|0|0.54"));
  EXPECT_THAT(
      Sums("now", Hours(24), Hours(0),
           "group_by: USAGE_GROUPING_USER group_by: USAGE_GROUPING_COUNTRY"),
      ElementsAre("|ann|JM|1|60|0|0|0.18", "|bob||1|30|0|0|0.00", "|bob|JM|1|120|0|0|0.36"));
  const auto unrated =
      Must(&Accounts::SummarizeUsage,
           Head("now") + TimeText("start_from", Hours(24)) + TimeText("start_before", Hours(0)));
  ASSERT_THAT(unrated.summaries(), SizeIs(1));
  EXPECT_EQ(unrated.summaries(0).unrated_usages(), 1);
  EXPECT_EQ(unrated.summaries(0).paid_duration().seconds(), 180) << "of kept and right";
}

TEST_F(CallHistoryTest, DaysAreThoseOfTheAccountsTimeZone) {
  const absl::TimeZone zone = absl::FixedTimeZone(9 * 3600);
  Open("tokyo", "time_zone: 'Asia/Tokyo'");
  // A minute before and after a midnight of Tokyo.
  const absl::CivilDay today = absl::ToCivilDay(absl::Now(), zone);
  const absl::Time midnight = absl::FromCivil(absl::CivilSecond(today - 1), zone);
  Record("tokyo", CallText("before", "ann", kUs, midnight - absl::Minutes(1)));
  Record("tokyo", CallText("after", "ann", kUs, midnight));
  Record("tokyo", CallText("later", "bob", kUs, midnight + absl::Minutes(1), 61));
  const auto date = [](absl::CivilDay day) {
    return absl::StrFormat("%04d-%02d-%02d", day.year(), day.month(), day.day());
  };
  EXPECT_THAT(Sums("tokyo", midnight - absl::Hours(48), midnight + absl::Hours(24),
                   "group_by: USAGE_GROUPING_DAY"),
              ElementsAre(absl::StrCat(date(today - 2), "|||1|60|60|0|0.00"),
                          absl::StrCat(date(today - 1), "|||2|121|180|0|0.00")));
  EXPECT_THAT(Sums("tokyo", midnight, midnight + absl::Minutes(1), "group_by: USAGE_GROUPING_DAY"),
              ElementsAre(absl::StrCat(date(today - 1), "|||1|60|60|0|0.00")))
      << "a part of a day";
  const auto by_day = Must(&Accounts::SummarizeUsage,
                           Head("tokyo") + TimeText("start_from", midnight) +
                               TimeText("start_before", midnight + absl::Minutes(1)) +
                               "group_by: USAGE_GROUPING_DAY group_by: USAGE_GROUPING_KIND");
  ASSERT_THAT(by_day.summaries(), SizeIs(1));
  EXPECT_EQ(by_day.summaries(0).day_start().seconds(), absl::ToUnixSeconds(midnight));
  EXPECT_EQ(by_day.summaries(0).kind(), pb::USAGE_KIND_CALL);
}

// As many groups as there may be, with the longest ids, fit in an answer; one more is refused by
// name, and not by gRPC.
TEST_F(CallHistoryTest, ASummaryOfTooManyGroupsIsRefusedByName) {
  constexpr int kMostGroups = 20'000;
  constexpr int kAtOnce = 1'000;
  Must(&Accounts::OpenAccount, Head("crowd"));
  const auto record = [](int first, int count) {
    pb::BatchRecordUsageRequest batch;
    for (int i = first; i < first + count; ++i) {
      *batch.add_requests() = Parse<pb::RecordUsageRequest>(absl::StrCat(
          Head("crowd"), "usage { usage_id: 'text-", i, "' user_id: '", absl::StrFormat("%064d", i),
          "' ", TimeText("start_time", Hours(1)),
          "sms { direction: DIRECTION_OUTBOUND destination: '", kUs, "' segments: 1 } }"));
    }
    const auto booked = Call(stack_->ledger(), &Ledger::BatchRecordUsage, batch);
    ASSERT_TRUE(booked.ok()) << booked.status();
  };
  for (int i = 0; i < kMostGroups; i += kAtOnce) record(i, kAtOnce);
  const std::string by_user = absl::StrCat(
      Head("crowd"), TimeText("start_from", Hours(2)), TimeText("start_before", Hours(0)),
      "group_by: [USAGE_GROUPING_DAY, USAGE_GROUPING_USER, USAGE_GROUPING_COUNTRY, "
      "USAGE_GROUPING_KIND]");
  EXPECT_THAT(Must(&Accounts::SummarizeUsage, by_user).summaries(), SizeIs(kMostGroups));
  record(kMostGroups, 1);
  const auto refused = Ask(&Accounts::SummarizeUsage, by_user);
  EXPECT_EQ(ReasonOf(refused.status()), "TOO_MANY_GROUPS") << refused.status();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
}

// --- Events -----------------------------------------------------------------------------

TEST_F(CallHistoryTest, EventsAreListedEitherWayAndByEveryFilter) {
  Open("events");
  Must(&Support::BlockAccount, Head("events") + "reason: 'fraud'");
  Must(&Support::UnblockAccount, Head("events") + "reason: 'no fraud'");
  const std::vector<int64_t> all = Events("events");
  EXPECT_THAT(all, testing::SizeIs(testing::Ge(5)));
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  std::vector<int64_t> newest = Events("events", "order: EVENT_ORDER_NEWEST_FIRST");
  EXPECT_EQ(newest.front(), all.back());
  std::reverse(newest.begin(), newest.end());
  EXPECT_EQ(newest, all);
  const std::string blocks = "kinds: [EVENT_KIND_BLOCKED, EVENT_KIND_UNBLOCKED] order: ";
  const int64_t last = all.back();
  EXPECT_THAT(Events("events", blocks + "EVENT_ORDER_OLDEST_FIRST"), ElementsAre(last - 1, last));
  EXPECT_THAT(Events("events", blocks + "EVENT_ORDER_NEWEST_FIRST"), ElementsAre(last, last - 1));
  stack_->database().Execute(absl::StrCat(
      "UPDATE events SET event_time = '2026-01-01' + INTERVAL event_seq DAY WHERE account_id = "
      "'events'"));
  const absl::Time begin = absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone());
  const std::string second_and_third = TimeText("time_from", begin + absl::Hours(2 * 24)) +
                                       TimeText("time_before", begin + absl::Hours(4 * 24));
  EXPECT_THAT(Events("events", second_and_third), ElementsAre(2, 3));
  EXPECT_THAT(Events("events", second_and_third + "order: EVENT_ORDER_NEWEST_FIRST"),
              ElementsAre(3, 2));
  const auto page = Must(&pb::Events::Stub::ListEvents, Head("events") + "page_size: 1");
  for (const std::string other : {"order: EVENT_ORDER_NEWEST_FIRST", "kinds: EVENT_KIND_USER_PUT",
                                  "time_from { seconds: 1 }"}) {
    const auto refused =
        Ask(&pb::Events::Stub::ListEvents,
            absl::StrCat(Head("events"), other, " page_token: '", page.next_page_token(), "'"));
    EXPECT_EQ(FieldOf(refused.status()), "page_token") << other;
  }
}

TEST_F(CallHistoryTest, APageOfEventsThatFindsLittleStopsAndSaysHowFarItLooked) {
  Open("long");
  const int64_t first = Events("long").back() + 1;
  constexpr int kMore = 5'100;
  std::string rows;
  for (int i = 0; i < kMore; ++i) {
    absl::StrAppend(&rows, i == 0 ? "" : ",", "('long',", first + i, ",20,'','2026-11-01',1,0,0)");
  }
  stack_->database().Execute(
      "INSERT INTO events (account_id,event_seq,kind,cause,event_time,state,balance_nanos,"
      "recharge_ordinal) VALUES " +
      rows);
  const int64_t last = first + kMore - 1;
  stack_->database().Execute(
      absl::StrCat("UPDATE accounts SET last_event_seq = ", last, " WHERE account_id = 'long'"));
  const std::string users = Head("long") + "kinds: EVENT_KIND_USER_PUT order: ";
  const auto page =
      Must(&pb::Events::Stub::ListEvents, users + "EVENT_ORDER_NEWEST_FIRST page_size: 1");
  EXPECT_THAT(page.events(), IsEmpty());
  EXPECT_EQ(page.searched_until_event_seq(), last - 5'000 + 1);
  EXPECT_EQ(Events("long", "kinds: EVENT_KIND_USER_PUT order: EVENT_ORDER_NEWEST_FIRST"),
            (std::vector<int64_t>{first - 1, first - 2}));
  const auto oldest =
      Must(&pb::Events::Stub::ListEvents, users + "EVENT_ORDER_OLDEST_FIRST page_size: 10");
  EXPECT_THAT(oldest.events(), SizeIs(2));
  EXPECT_EQ(oldest.searched_until_event_seq(), 5'000);
  EXPECT_EQ(Must(&pb::Events::Stub::ListEvents,
                 Head("long") + "order: EVENT_ORDER_NEWEST_FIRST page_size: 1")
                .events(0)
                .event_seq(),
            last);
}

TEST_F(CallHistoryTest, ATokenBelongsToItsQuery) {
  Open("token");
  for (int i = 1; i <= 3; ++i) {
    Record("token", CallText(absl::StrCat("c", i), "ann", kUs, Hours(i)));
  }
  const auto first = Must(&Accounts::ListUsage, Head("token") + "user_id: 'ann' page_size: 1");
  ASSERT_THAT(first.usage_records(), SizeIs(1));
  EXPECT_EQ(first.searched_until().seconds(),
            first.usage_records(0).usage().start_time().seconds());
  const std::string token = absl::StrCat("page_token: '", first.next_page_token(), "' ");
  EXPECT_EQ(Must(&Accounts::ListUsage, Head("token") + "user_id: 'ann' page_size: 5 " + token)
                .usage_records_size(),
            2)
      << "the size of a page may change";
  for (const std::string other :
       {"", "user_id: 'bob'", "user_id: 'ann' order: USAGE_ORDER_OLDEST_FIRST",
        "user_id: 'ann' country: 'US'", "user_id: 'ann' minimum_cost { nanos: 1 }"}) {
    const auto refused = Ask(&Accounts::ListUsage, absl::StrCat(Head("token"), other, " ", token));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << other;
    EXPECT_EQ(FieldOf(refused.status()), "page_token") << other;
  }
}

TEST_F(CallHistoryTest, SingleEntriesAndRechargesAreAnsweredAsListsHaveThem) {
  Open("single", "card_token: 'tok_visa#single' ");
  Must(&Recharges::ReportRecharge,
       Head("single") +
           "ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_single' amount { "
           "currency_code: 'USD' units: 15 } }");
  Must(&Support::RecordPayment,
       Head("single") +
           "request_id: 'p' means: PAYMENT_MEANS_BANK_TRANSFER reason: 'paid' amount "
           "{ currency_code: 'USD' units: 20 }");
  Record("single", CallText("c", "ann", kJamaica, Hours(1)));
  const auto statement = Must(&Accounts::ListEntries, Head("single"));
  ASSERT_THAT(statement.entries(), SizeIs(3));
  for (const pb::Entry& entry : statement.entries()) {
    const pb::Entry one =
        Must(&Accounts::GetEntry, absl::StrCat(Head("single"), "seq: ", entry.seq()));
    EXPECT_EQ(one.SerializeAsString(), entry.SerializeAsString());
  }
  const auto recharges = Must(&Accounts::ListRecharges, Head("single")).recharges();
  ASSERT_THAT(recharges, SizeIs(1));
  for (const auto& [filter, found] : std::vector<std::pair<std::string, size_t>>{
           {"state: RECHARGE_STATE_SUCCEEDED", 1},
           {"state: RECHARGE_STATE_OPEN", 0},
           {"kind: RECHARGE_KIND_INITIAL", 1},
           {"kind: RECHARGE_KIND_TOP_UP", 0},
           {"kind: RECHARGE_KIND_INITIAL state: RECHARGE_STATE_SUCCEEDED", 1}}) {
    EXPECT_THAT(Must(&Accounts::ListRecharges, Head("single") + filter).recharges(), SizeIs(found))
        << filter;
  }
  EXPECT_EQ(Must(&Accounts::GetRecharge, Head("single") + "ordinal: 1").SerializeAsString(),
            recharges.Get(0).SerializeAsString());
  EXPECT_EQ(ReasonOf(Ask(&Accounts::GetRecharge, Head("single") + "ordinal: 2").status()),
            "RECHARGE_NOT_FOUND")
      << "that is the payment's";
  EXPECT_EQ(ReasonOf(Ask(&Accounts::GetEntry, Head("single") + "seq: 4").status()),
            "ENTRY_NOT_FOUND");
}

TEST_F(CallHistoryTest, RefundsPaymentsAndReceiptsAreListedEitherWayAndByEveryFilter) {
  MakeMoney("money");
  const std::string second =
      "create_from { seconds: 1767398400 } create_before { seconds: 1767484800 } ";
  for (const auto& [filter, found] : std::vector<std::pair<std::string, std::vector<int64_t>>>{
           {"", {5, 2}},
           {"oldest_first: true", {2, 5}},
           {"state: REFUND_STATE_PENDING", {5}},
           {"state: REFUND_STATE_SUCCEEDED", {2}},
           {"state: REFUND_STATE_FAILED", {}},
           {"recharge_ordinal: 1 oldest_first: true", {2, 5}},
           {"recharge_ordinal: 3", {}},
           {second, {2}}}) {
    EXPECT_EQ(Ordinals(&Accounts::ListRefunds, "money", filter), found) << filter;
  }
  for (const auto& [filter, found] : std::vector<std::pair<std::string, std::vector<int64_t>>>{
           {"", {4, 3}},
           {"oldest_first: true", {3, 4}},
           {"state: PAYMENT_STATE_RECORDED", {3}},
           {"state: PAYMENT_STATE_REVERSED", {4}},
           {"means: PAYMENT_MEANS_CASH", {4}},
           {"reference: 'transfer-7'", {3}},
           {"reference: 'transfer'", {}},
           {second, {}}}) {
    EXPECT_EQ(Ordinals(&Accounts::ListPayments, "money", filter), found) << filter;
  }
  for (const auto& [filter, found] : std::vector<std::pair<std::string, std::vector<int64_t>>>{
           {"", {1}}, {"oldest_first: true", {1}}, {second, {}}}) {
    EXPECT_EQ(Ordinals(&Accounts::ListRecharges, "money", filter), found) << filter;
  }
  // Of receipts the ordinals are told, too.
  for (const auto& [filter, found] : std::vector<std::pair<std::string, std::vector<int64_t>>>{
           {"", {5, 4, 4, 3, 2, 1}},
           {"oldest_first: true", {1, 2, 3, 4, 4, 5}},
           {"kind: ENTRY_KIND_REFUND", {5, 2}},
           {"kind: ENTRY_KIND_REFUND oldest_first: true", {2, 5}},
           {"recharge_ordinal: 4", {4, 4}},
           {second, {2}}}) {
    EXPECT_EQ(Receipts("money", filter), found) << filter;
  }
  const auto of_charge = Must(&Accounts::ListRefunds, "charge_id: 'ch_money'");
  ASSERT_THAT(of_charge.refunds(), SizeIs(2));
  EXPECT_EQ(of_charge.refunds(0).account_id(), "money");
  EXPECT_EQ(of_charge.refunds(0).ordinal(), 2) << "the oldest first";
  const auto page = Must(&Accounts::ListRefunds, Head("money") + "page_size: 1");
  EXPECT_EQ(page.searched_until_ordinal(), 5);
  for (const std::string other : {"oldest_first: true", "state: REFUND_STATE_PENDING"}) {
    const auto refused =
        Ask(&Accounts::ListRefunds,
            absl::StrCat(Head("money"), other, " page_token: '", page.next_page_token(), "'"));
    EXPECT_EQ(FieldOf(refused.status()), "page_token") << other;
  }
}

TEST_F(CallHistoryTest, APageOfMoneyThatFindsLittleStopsAndSaysHowFarItLooked) {
  MakeMoney("far");
  stack_->database().Execute(
      "UPDATE accounts SET last_ordinal = 6000, last_receipt = 6000 WHERE account_id = 'far'");
  const auto refunds = Must(&Accounts::ListRefunds, Head("far"));
  EXPECT_THAT(refunds.refunds(), IsEmpty());
  EXPECT_EQ(refunds.searched_until_ordinal(), 1'001);
  const auto payments = Must(&Accounts::ListPayments, Head("far") + "oldest_first: true");
  EXPECT_THAT(payments.payments(), SizeIs(2));
  EXPECT_EQ(payments.searched_until_ordinal(), 5'000);
  const auto receipts = Must(&Accounts::ListReceipts, Head("far") + "kind: ENTRY_KIND_PAYMENT");
  EXPECT_THAT(receipts.receipts(), IsEmpty());
  EXPECT_EQ(receipts.searched_until_number(), 1'001);
  EXPECT_EQ(Ordinals(&Accounts::ListRefunds, "far", ""), (std::vector<int64_t>{5, 2}));
  EXPECT_EQ(Receipts("far", "kind: ENTRY_KIND_PAYMENT"), (std::vector<int64_t>{4, 3}));
  stack_->database().Execute(
      "UPDATE accounts SET last_ordinal = 5, last_receipt = 6 WHERE account_id = 'far'");
}

TEST_F(CallHistoryTest, RechargesRefundsAndPaymentsHaveTheTimeOfTheirLastChange) {
  Open("times", "card_token: 'tok_visa#times' ");
  const auto recharge = [] {
    return Must(&Accounts::GetRecharge, Head("times") + "ordinal: 1").update_time();
  };
  const auto later = [](const google::protobuf::Timestamp& one,
                        const google::protobuf::Timestamp& other) {
    return std::pair(one.seconds(), one.nanos()) > std::pair(other.seconds(), other.nanos());
  };
  const auto opened = recharge();
  EXPECT_TRUE(Must(&Accounts::GetRecharge, Head("times") + "ordinal: 1").has_update_time());
  Succeed("times", "ch_times");
  const auto credited = recharge();
  EXPECT_TRUE(later(credited, opened));
  const pb::Refund refund =
      Must(&Support::RefundRecharge,
           Head("times") + "request_id: 'r' ordinal: 1 amount { units: 5 } reason: 'asked'");
  EXPECT_TRUE(refund.has_update_time());
  const auto refunded = recharge();
  EXPECT_TRUE(later(refunded, credited)) << "less of it is left";
  EXPECT_EQ(Must(&Accounts::ListRefunds, Head("times")).refunds(0).SerializeAsString(),
            refund.SerializeAsString());
  Record("times", CallText("c", "ann", kJamaica, Hours(1)));
  EXPECT_FALSE(later(recharge(), refunded)) << "usage is no change of it";
  const auto paid = Must(&Support::RecordPayment,
                         Head("times") +
                             "request_id: 'p' means: PAYMENT_MEANS_CASH reason: 'paid' amount { "
                             "currency_code: 'USD' units: 20 }")
                        .payment();
  EXPECT_TRUE(paid.has_update_time());
  const pb::Payment reversed = Must(
      &Support::ReversePayment,
      absl::StrCat(Head("times"), "request_id: 'b' reason: 'bounced' ordinal: ", paid.ordinal()));
  EXPECT_TRUE(later(reversed.update_time(), paid.update_time()));
  ExpectAudited("times");
}

TEST_F(CallHistoryTest, AccountsAreFoundByWhatSomebodyLooksFor) {
  Open("z-funded", "card_token: 'tok_visa#funded' ");
  Must(&Recharges::ReportRecharge,
       Head("z-funded") +
           "ordinal: 1 attempt: 1 worker_id: 'w' succeeded { charge_id: 'ch_z' amount { "
           "currency_code: 'USD' units: 15 } }");
  const auto has = [](const std::string& filter, const std::string& id) {
    const std::vector<std::string> ids = ListAccounts(filter);
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  EXPECT_TRUE(has("state: ACCOUNT_STATE_ACTIVE", "z-funded"));
  EXPECT_FALSE(has("state: ACCOUNT_STATE_PENDING_FUNDING", "z-funded"));
  EXPECT_FALSE(has("low_balance: true", "z-funded"));
  EXPECT_FALSE(has("card_failing: true", "z-funded"));
  Record("z-funded", CallText("c", "ann", kJamaica, Hours(1), 3'600));
  EXPECT_TRUE(has("low_balance: true", "z-funded"));
  EXPECT_TRUE(has("state: ACCOUNT_STATE_ACTIVE low_balance: true", "z-funded"));
  Must(
      &Recharges::ReportRecharge,
      Head("z-funded") +
          "ordinal: 2 attempt: 1 worker_id: 'w' declined { decline_class: DECLINE_CLASS_HARD code: "
          "'stolen_card' }");
  EXPECT_TRUE(has("card_failing: true", "z-funded"));
  EXPECT_FALSE(has("under_review: true", "z-funded"));
  const auto first = Must(&Accounts::ListAccounts, "low_balance: true page_size: 1");
  ASSERT_THAT(first.accounts(), SizeIs(1));
  EXPECT_EQ(first.searched_until_account_id(), first.accounts(0).account_id());
  const auto other =
      Ask(&Accounts::ListAccounts, absl::StrCat("page_token: '", first.next_page_token(), "'"));
  EXPECT_EQ(FieldOf(other.status()), "page_token") << "it is of another query";
}

}  // namespace
}  // namespace reserve::e2e
